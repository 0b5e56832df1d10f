/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The wire: whatever arrives, in whatever pieces, is frames or is refused, and the pieces make no
 * difference. The first byte says how long the pieces are. */
#include "config.h"
#include "mover/known.h"
#include "mover/parts.h"
#include "mover/wire.h"
#include "base/str.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

struct outcome {
    size_t frames, bytes;
    uint64_t sum;
    bool refused;
};

/* What is not fields. Runs are added to a window like that of a delta's source. */
static void look_at_runs(const struct vf_frame *f, struct outcome *o)
{
    if (f->type == VF_F_DATA || f->type == VF_F_PARTS) {
        struct vf_data d = vf_data_of(f);
        if (d.len + (d.map ? VF_WIRE_PARTS_HEAD : VF_WIRE_DATA_HEAD) != f->len)
            abort();
        o->sum += d.offset + d.hash[VF_WIRE_HASH - 1];
        if (d.map && vf_parts_bytes(VF_WIRE_CHUNK, d.map) > VF_WIRE_CHUNK)
            abort();
    }
    struct vf_run r;
    size_t at = 0;
    struct vf_known *k = vf_known_new(true);
    const uint64_t size = (uint64_t)1 << 40;
    while (f->type == VF_F_HASHES && vf_hashes_next(f, &at, &r)) {
        struct vf_known_run run = {.offset = r.offset, .len = r.len};
        memcpy(run.hash.b, r.hash, sizeof run.hash.b);
        if (!vf_known_add(k, &run, r.sums, size))
            continue;
        if (k->end > size || !vf_known_find(k, r.offset, r.len, &run) || run.len != r.len)
            abort();
        const unsigned char *sums = vf_known_sums(k, r.offset);
        if (!sums != (r.len > VF_WIRE_CHUNK))
            abort();
        o->sum += run.len + (sums ? sums[(r.len - 1) / VF_WIRE_PART * VF_WIRE_SUM] : 0);
    }
    if (k->n)
        vf_known_forget(k, k->end);
    if (k->n)
        abort();
    vf_known_free(k);
}

static void look_inside(const struct vf_frame *f, struct outcome *o)
{
    if (f->len > VF_WIRE_MAX || (f->type == VF_F_DATA && f->len < VF_WIRE_DATA_HEAD))
        abort();
    for (size_t i = 0; i < f->len; i++)
        o->sum = o->sum * 31 + (unsigned char)f->payload[i];
    o->sum += vf_field_num(f, VF_TAG_SIZE, 7) + f->type + f->flags + f->id;
    for (int tag = 0; tag <= VF_TAG_WIRE + 1; tag++) {
        vf_autofree char *text = vf_field_text(f, tag);
        if (text)
            o->sum += strlen(text);
    }
    look_at_runs(f, o);
    vf_autoerror struct vf_error *e = NULL;
    if (vf_frame_error(f, "b2", &e) != -1 || !e)
        abort();
    o->frames++;
    o->bytes += f->len;
}

static struct outcome parse(const uint8_t *data, size_t size, size_t piece)
{
    struct outcome o = {0};
    struct vf_wire w;
    struct vf_frame f;
    vf_autoerror struct vf_error *e = NULL;
    vf_wire_init(&w);
    while (size && !o.refused) {
        size_t room, n = size < piece ? size : piece;
        char *p = vf_wire_room(&w, &room);
        if (!room)
            abort();
        n = n < room ? n : room;
        memcpy(p, data, n);
        vf_wire_added(&w, n);
        data += n;
        size -= n;
        int r;
        while ((r = vf_wire_next(&w, &f, &e)) == 1)
            look_inside(&f, &o);
        o.refused = r < 0;
        if (o.refused != (e != NULL))
            abort();
    }
    vf_wire_free(&w);
    return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size)
        return 0;
    struct outcome a = parse(data + 1, size - 1, (size_t)data[0] + 1);
    struct outcome b = parse(data + 1, size - 1, size);
    if (a.frames != b.frames || a.bytes != b.bytes || a.sum != b.sum || a.refused != b.refused)
        abort();
    return 0;
}
