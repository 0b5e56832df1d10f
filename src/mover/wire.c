/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "mover/wire.h"
#include "mover/parts.h"
#include "base/str.h"

#include <string.h>

/* Not text, not UTF-8: no shell says this. */
static const char magic[4] = {'\xf5', 'V', 'F', '\xf6'};

enum { FIELD_HEADER = 6 };

static const char *const names[VF_F_TYPES] = {
    [VF_F_HELLO] = "HELLO",       [VF_F_PING] = "PING",           [VF_F_ERROR] = "ERROR",
    [VF_F_BYE] = "BYE",           [VF_F_OPEN] = "OPEN",           [VF_F_OPENED] = "OPENED",
    [VF_F_CLOSE] = "CLOSE",       [VF_F_CONNECT] = "CONNECT",     [VF_F_RECEIVE] = "RECEIVE",
    [VF_F_SEND] = "SEND",         [VF_F_CANCEL] = "CANCEL",       [VF_F_OK] = "OK",
    [VF_F_PROGRESS] = "PROGRESS", [VF_F_COPIED] = "COPIED",       [VF_F_BEGIN] = "BEGIN",
    [VF_F_DATA] = "DATA",         [VF_F_ZERO] = "ZERO",           [VF_F_END] = "END",
    [VF_F_RESEND] = "RESEND",     [VF_F_COMMITTED] = "COMMITTED", [VF_F_DONE] = "DONE",
    [VF_F_KEY_FILE] = "KEY_FILE", [VF_F_HASHES] = "HASHES",       [VF_F_SAME] = "SAME",
    [VF_F_RATE] = "RATE",         [VF_F_AWAIT] = "AWAIT",         [VF_F_WATCH] = "WATCH",
    [VF_F_PARTS] = "PARTS",       [VF_F_ECHO] = "ECHO",           [VF_F_SOURCE] = "SOURCE",
    [VF_F_NOTE] = "NOTE",
};

const char *vf_frame_name(uint8_t type)
{
    return type < VF_F_TYPES && names[type] ? names[type] : "unknown";
}

void vf_put_u32(char *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (char)(v >> (8 * i));
}

void vf_put_u64(char *p, uint64_t v)
{
    for (int i = 0; i < 8; i++)
        p[i] = (char)(v >> (8 * i));
}

uint32_t vf_get_u32(const char *p)
{
    uint32_t v = 0;
    for (int i = 3; i >= 0; i--)
        v = v << 8 | (unsigned char)p[i];
    return v;
}

uint64_t vf_get_u64(const char *p)
{
    return (uint64_t)vf_get_u32(p + 4) << 32 | vf_get_u32(p);
}

void vf_wire_init(struct vf_wire *w)
{
    /* twice the longest frame, so that the rest of one is seldom moved */
    *w = (struct vf_wire){.cap = 2 * (VF_WIRE_HEADER + VF_WIRE_MAX)};
    w->buf = vf_xmalloc(w->cap);
}

void vf_wire_free(struct vf_wire *w)
{
    free(w->buf);
    *w = (struct vf_wire){0};
}

char *vf_wire_room(struct vf_wire *w, size_t *n)
{
    if (w->start == w->end) {
        w->start = w->end = 0;
    } else if (w->cap - w->start < VF_WIRE_HEADER + VF_WIRE_MAX + 1) {
        memmove(w->buf, w->buf + w->start, w->end - w->start);
        w->end -= w->start;
        w->start = 0;
    }
    *n = w->cap - w->end;
    return w->buf + w->end;
}

void vf_wire_added(struct vf_wire *w, size_t n)
{
    w->end += n;
}

static void drop_noise(struct vf_wire *w, size_t n)
{
    for (size_t i = 0; i < n && w->noise + i < sizeof w->said - 1; i++)
        w->said[w->noise + i] = w->buf[w->start + i];
    w->noise += n;
    w->start += n;
}

/* Drops what a login shell said before HELLO. 1 when the magic stands at the start. */
static int skip_noise(struct vf_wire *w, struct vf_error **err)
{
    while (w->end - w->start >= sizeof magic) {
        if (memcmp(w->buf + w->start, magic, sizeof magic) == 0)
            return 1;
        const char *from = w->buf + w->start + 1;
        const char *next = memchr(from, magic[0], (size_t)(w->buf + w->end - from));
        drop_noise(w, next ? (size_t)(next - (w->buf + w->start)) : w->end - w->start);
        if (w->noise > VF_WIRE_NOISE) {
            vf_autofree char *text = vf_escape(w->said);
            return vf_fail(err, VF_E_UNSUPPORTED, "the other end is no vmferry-mover; it says: %s",
                           text);
        }
    }
    return 0;
}

/* What a run of LEN bytes takes in HASHES. */
static size_t run_bytes(uint64_t len)
{
    return VF_WIRE_RUN + (len <= VF_WIRE_CHUNK ? vf_parts_of((size_t)len) * VF_WIRE_SUM : 0);
}

static bool holds_runs(const struct vf_frame *f)
{
    size_t at = VF_WIRE_HASHES_HEAD;
    while (f->len > at && f->len - at >= VF_WIRE_RUN)
        at += run_bytes(vf_get_u64(f->payload + at));
    return f->len == at && at > VF_WIRE_HASHES_HEAD;
}

int vf_wire_next(struct vf_wire *w, struct vf_frame *out, struct vf_error **err)
{
    if (!w->greeted) {
        int r = skip_noise(w, err);
        if (r <= 0)
            return r;
    }
    if (w->end - w->start < VF_WIRE_HEADER)
        return 0;
    const char *p = w->buf + w->start;
    if (memcmp(p, magic, sizeof magic) != 0)
        return vf_fail(err, VF_E_CORRUPT, "the stream between the movers is garbled");
    size_t len = vf_get_u32(p + 12);
    if (len > VF_WIRE_MAX)
        return vf_fail(err, VF_E_CORRUPT, "a frame of %zu bytes is longer than any", len);
    /* ERROR: who does not want this caller says why */
    if (!w->greeted && (uint8_t)p[4] != VF_F_HELLO && (uint8_t)p[4] != VF_F_ERROR)
        return vf_fail(err, VF_E_CORRUPT, "the first frame is %s, not HELLO",
                       vf_frame_name((uint8_t)p[4]));
    if (w->end - w->start < VF_WIRE_HEADER + len)
        return 0;
    *out = (struct vf_frame){
        .type = (uint8_t)p[4],
        .flags = (uint8_t)p[5],
        .id = vf_get_u32(p + 8),
        .payload = p + VF_WIRE_HEADER,
        .len = len,
    };
    if ((out->type == VF_F_DATA && len < VF_WIRE_DATA_HEAD) ||
        (out->type == VF_F_PARTS && len < VF_WIRE_PARTS_HEAD))
        return vf_fail(err, VF_E_CORRUPT, "a %s frame of %zu bytes is too short",
                       vf_frame_name(out->type), len);
    if (out->type == VF_F_HASHES && !holds_runs(out))
        return vf_fail(err, VF_E_CORRUPT, "a HASHES frame of %zu bytes does not hold runs", len);
    w->greeted = true;
    w->start += VF_WIRE_HEADER + len;
    return 1;
}

void vf_wire_header(char out[VF_WIRE_HEADER], uint8_t type, uint8_t flags, uint32_t id, size_t len)
{
    memcpy(out, magic, sizeof magic);
    out[4] = (char)type;
    out[5] = (char)flags;
    out[6] = out[7] = 0;
    vf_put_u32(out + 8, id);
    vf_put_u32(out + 12, (uint32_t)len);
}

struct vf_data vf_data_of(const struct vf_frame *f)
{
    const unsigned char *p = (const unsigned char *)f->payload;
    bool parts = f->type == VF_F_PARTS;
    size_t head = parts ? VF_WIRE_PARTS_HEAD : VF_WIRE_DATA_HEAD;
    return (struct vf_data){
        .offset = vf_get_u64(f->payload),
        .hash = p + 8,
        .map = parts ? p + VF_WIRE_DATA_HEAD : NULL,
        .chunk = f->payload + head,
        .len = f->len - head,
    };
}

size_t vf_data_head(char out[VF_WIRE_PARTS_HEAD], uint64_t offset, const unsigned char *hash,
                    const unsigned char *map)
{
    vf_put_u64(out, offset);
    memcpy(out + 8, hash, VF_WIRE_HASH);
    if (!map)
        return VF_WIRE_DATA_HEAD;
    memcpy(out + VF_WIRE_DATA_HEAD, map, VF_WIRE_MAP);
    return VF_WIRE_PARTS_HEAD;
}

bool vf_hashes_next(const struct vf_frame *f, size_t *at, struct vf_run *run)
{
    uint64_t from = *at ? run->offset + run->len : vf_get_u64(f->payload);
    size_t pos = *at ? *at : VF_WIRE_HASHES_HEAD;
    if (pos >= f->len)
        return false;
    uint64_t len = vf_get_u64(f->payload + pos);
    const unsigned char *hash = (const unsigned char *)f->payload + pos + 8;
    *run = (struct vf_run){.offset = from,
                           .len = len,
                           .hash = hash,
                           .sums = len <= VF_WIRE_CHUNK ? hash + VF_WIRE_HASH : NULL};
    *at = pos + run_bytes(len);
    return true;
}

static void add_u64(struct vf_buf *b, uint64_t v)
{
    char bytes[8];
    vf_put_u64(bytes, v);
    vf_buf_add(b, bytes, sizeof bytes);
}

void vf_hashes_begin(struct vf_buf *b, uint64_t offset)
{
    add_u64(b, offset);
}

void vf_hashes_add(struct vf_buf *b, uint64_t len, const unsigned char *hash,
                   const unsigned char *sums)
{
    add_u64(b, len);
    vf_buf_add(b, hash, VF_WIRE_HASH);
    vf_buf_add(b, sums, run_bytes(len) - VF_WIRE_RUN);
}

void vf_field_add(struct vf_buf *b, enum vf_tag tag, const void *data, size_t n)
{
    char head[FIELD_HEADER] = {(char)tag, (char)(tag >> 8)};
    vf_put_u32(head + 2, (uint32_t)n);
    vf_buf_add(b, head, sizeof head);
    vf_buf_add(b, data, n);
}

void vf_field_str(struct vf_buf *b, enum vf_tag tag, const char *s)
{
    if (s)
        vf_field_add(b, tag, s, strlen(s));
}

void vf_field_u64(struct vf_buf *b, enum vf_tag tag, uint64_t v)
{
    char bytes[8];
    vf_put_u64(bytes, v);
    vf_field_add(b, tag, bytes, sizeof bytes);
}

bool vf_field_find(const struct vf_frame *f, enum vf_tag tag, const char **data, size_t *n)
{
    const char *p = f->payload;
    size_t left = f->len;
    while (left >= FIELD_HEADER) {
        unsigned t = (unsigned char)p[0] | (unsigned)(unsigned char)p[1] << 8;
        size_t len = vf_get_u32(p + 2);
        if (len > left - FIELD_HEADER)
            return false;
        if (t == tag) {
            *data = p + FIELD_HEADER;
            *n = len;
            return true;
        }
        p += FIELD_HEADER + len;
        left -= FIELD_HEADER + len;
    }
    return false;
}

bool vf_field_get_u64(const struct vf_frame *f, enum vf_tag tag, uint64_t *v)
{
    const char *p;
    size_t n;
    if (!vf_field_find(f, tag, &p, &n) || n != 8)
        return false;
    *v = vf_get_u64(p);
    return true;
}

uint64_t vf_field_num(const struct vf_frame *f, enum vf_tag tag, uint64_t otherwise)
{
    uint64_t v;
    return vf_field_get_u64(f, tag, &v) ? v : otherwise;
}

char *vf_field_text(const struct vf_frame *f, enum vf_tag tag)
{
    const char *p;
    size_t n;
    if (!vf_field_find(f, tag, &p, &n) || memchr(p, 0, n))
        return NULL;
    return vf_strndup(p, n);
}

void vf_field_error(struct vf_buf *b, const struct vf_error *e)
{
    vf_field_str(b, VF_TAG_CODE, vf_error_code_name(vf_error_code(e)));
    vf_autofree char *text = vf_strndup(vf_error_text(e), VF_WIRE_NOISE);
    vf_field_str(b, VF_TAG_TEXT, text);
}

int vf_frame_error(const struct vf_frame *f, const char *who, struct vf_error **err)
{
    vf_autofree char *code = vf_field_text(f, VF_TAG_CODE);
    vf_autofree char *text = vf_field_text(f, VF_TAG_TEXT);
    if (text && strlen(text) > VF_WIRE_NOISE)
        text[VF_WIRE_NOISE] = 0; /* no more than we would send */
    vf_autofree char *safe = vf_escape(text ? text : "an error without words");
    enum vf_error_code c = code ? vf_error_code_from_name(code) : VF_E_INTERNAL;
    return vf_fail(err, c == VF_OK ? VF_E_INTERNAL : c, "%s%s%s", who ? who : "", who ? ": " : "",
                   safe);
}
