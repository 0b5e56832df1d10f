/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The wire: whatever arrives, in whatever pieces, is frames or is refused, and the pieces make no
 * difference. The first byte says how long the pieces are. */
#include "config.h"
#include "mover/wire.h"
#include "base/str.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

struct outcome {
    size_t frames, bytes;
    uint64_t sum;
    bool refused;
};

static void look_inside(const struct vf_frame *f, struct outcome *o)
{
    if (f->len > VF_WIRE_MAX || (f->type == VF_F_DATA && f->len < VF_WIRE_DATA_HEAD))
        abort();
    for (size_t i = 0; i < f->len; i++)
        o->sum = o->sum * 31 + (unsigned char)f->payload[i];
    o->sum += vf_field_num(f, VF_TAG_SIZE, 7) + f->type + f->flags + f->id;
    for (int tag = 0; tag <= VF_TAG_VERIFIED + 1; tag++) {
        vf_autofree char *text = vf_field_text(f, tag);
        if (text)
            o->sum += strlen(text);
    }
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
