/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "provider/files/tar.h"
#include "base/fdio.h"
#include "base/str.h"

#include <errno.h>
#include <string.h>

enum { BLOCK = 512, MOST_MEMBERS = 4096, MAX_LONG = 64 << 10 };

/* Fields of a header block: where, and how long. */
enum {
    NAME = 0,
    NAME_LEN = 100,
    SIZE = 124,
    SIZE_LEN = 12,
    SUM = 148,
    SUM_LEN = 8,
    TYPE = 156,
    MAGIC = 257,
    PREFIX = 345,
    PREFIX_LEN = 155,
};

struct reader {
    int fd;
    uint64_t size, at;
    const char *path;
    char *name;      /* of the next member, by a record before it; NULL: in its header */
    uint64_t length; /* likewise its size */
    bool has_length;
};

void vf_tar_free(struct vf_tar_member *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(v[i].name);
    free(v);
}

static int damaged(const struct reader *r, const char *why, struct vf_error **err)
{
    return vf_fail(err, VF_E_CORRUPT, "%s is damaged (%s at byte %llu): copy it again", r->path,
                   why, (unsigned long long)r->at);
}

/* The first header H is none. */
static int no_archive(const struct reader *r, const unsigned char *h, struct vf_error **err)
{
    if (h[0] == 0x1f && h[1] == 0x8b)
        return vf_fail(err, VF_E_UNSUPPORTED,
                       "%s is compressed (gzip): unpack it (gunzip), and import what comes out",
                       r->path);
    return vf_fail(err, VF_E_CORRUPT,
                   "%s is no OVA (a tar archive), or its beginning is damaged: copy or export it "
                   "again",
                   r->path);
}

/* It may have become shorter since its size was asked for. */
static int read_here(const struct reader *r, void *buf, size_t n, struct vf_error **err)
{
    ssize_t got = vf_pread_full(r->fd, buf, n, r->at);
    if (got < 0)
        return vf_fail_errno(err, errno, "reading %s", r->path);
    return (size_t)got == n ? 0 : damaged(r, "it is cut off", err);
}

/* Octal digits, or base 256 where the first bit is set; -1: neither. */
static int number(const unsigned char *p, size_t n, uint64_t *out)
{
    *out = 0;
    if (*p & 0x80) {
        for (size_t i = 0; i < n; i++) {
            if (*out >> 54)
                return -1;
            *out = *out << 8 | (i ? p[i] : p[i] & 0x7f);
        }
        return 0;
    }
    size_t i = 0;
    while (i < n && p[i] == ' ')
        i++;
    size_t first = i;
    for (; i < n && p[i] >= '0' && p[i] <= '7'; i++)
        *out = *out << 3 | (uint64_t)(p[i] - '0');
    for (size_t k = i; k < n; k++)
        if (p[k] && p[k] != ' ')
            return -1;
    return i > first ? 0 : -1;
}

static bool sum_is_right(const unsigned char *h)
{
    uint64_t said, sum = 0;
    for (size_t i = 0; i < BLOCK; i++)
        sum += i >= SUM && i < SUM + SUM_LEN ? ' ' : h[i];
    return number(h + SUM, SUM_LEN, &said) == 0 && said == sum;
}

/* What pax says of the next member: records of "LENGTH KEY=VALUE\n". */
static int read_pax(struct reader *r, const char *text, size_t n, struct vf_error **err)
{
    while (n) {
        size_t digits = strspn(text, "0123456789");
        vf_autofree char *length = vf_strndup(text, digits);
        uint64_t len;
        if (vf_parse_u64(length, digits + 3, n, &len) < 0 || text[digits] != ' ' ||
            text[len - 1] != '\n')
            return damaged(r, "a pax record", err);
        vf_autofree char *record = vf_strndup(text + digits + 1, (size_t)len - digits - 2);
        if (vf_starts(record, "path="))
            vf_str_set(&r->name, record + strlen("path="));
        if (vf_starts(record, "size=")) {
            if (vf_parse_u64(record + strlen("size="), 0, INT64_MAX, &r->length) < 0)
                return damaged(r, "a pax record", err);
            r->has_length = true;
        }
        if (vf_starts(record, "GNU.sparse."))
            return vf_fail(err, VF_E_UNSUPPORTED,
                           "%s has sparse members: unpack it (tar -xf), and import the .ovf",
                           r->path);
        text += len;
        n -= (size_t)len;
    }
    return 0;
}

/* A record about the next member, of LEN bytes behind the header. */
static int read_record(struct reader *r, char type, uint64_t len, struct vf_error **err)
{
    if (len > MAX_LONG)
        return damaged(r, "a name without end", err);
    vf_autofree char *text = vf_xcalloc(1, (size_t)len + 1);
    if (read_here(r, text, (size_t)len, err) < 0)
        return -1;
    if (type == 'L')
        vf_str_set(&r->name, text);
    return type == 'x' ? read_pax(r, text, (size_t)len, err) : 0;
}

static char *header_name(const unsigned char *h)
{
    vf_autofree char *name = vf_strndup((const char *)h + NAME, NAME_LEN);
    vf_autofree char *prefix = vf_strndup((const char *)h + PREFIX, PREFIX_LEN);
    /* GNU's own format has other things there */
    bool ustar = !memcmp(h + MAGIC, "ustar\0", 6) && *prefix;
    return ustar ? vf_asprintf("%s/%s", prefix, name) : VF_STEAL(name);
}

static int add_member(struct reader *r, const unsigned char *h, uint64_t len,
                      struct vf_tar_member **out, size_t *n, struct vf_error **err)
{
    if (*n == MOST_MEMBERS)
        return vf_fail(err, VF_E_UNSUPPORTED, "%s has more than %d files", r->path, MOST_MEMBERS);
    vf_autofree char *name = r->name ? VF_STEAL(r->name) : header_name(h);
    struct vf_tar_member *m = vf_grow(out, n, sizeof **out);
    m->name = vf_strdup(vf_starts(name, "./") ? name + 2 : name);
    m->offset = r->at;
    m->size = len;
    return 0;
}

/* 0: another may follow, 1: that was the end. */
static int next_member(struct reader *r, struct vf_tar_member **out, size_t *n,
                       struct vf_error **err)
{
    unsigned char h[BLOCK];
    uint64_t len;
    if (r->size - r->at < BLOCK)
        return r->at == r->size && *n ? 1 : damaged(r, "it is cut off", err);
    if (read_here(r, h, BLOCK, err) < 0)
        return -1;
    if (!h[0]) {
        static const unsigned char zeroes[BLOCK];
        return memcmp(h, zeroes, BLOCK) ? damaged(r, "no header", err) : 1;
    }
    if (!sum_is_right(h) || number(h + SIZE, SIZE_LEN, &len) < 0)
        return !r->at ? no_archive(r, h, err) : damaged(r, "no header", err);
    char type = (char)h[TYPE];
    bool record = type == 'x' || type == 'g' || type == 'L' || type == 'K';
    bool plain = type == '0' || type == '\0' || type == '7';
    if (type == 'S')
        return vf_fail(err, VF_E_UNSUPPORTED,
                       "%s has sparse members: unpack it (tar -xf), and import the .ovf", r->path);
    if (!record && r->has_length)
        len = r->length;
    r->at += BLOCK;
    if (len > r->size - r->at)
        return damaged(r, "it is cut off", err);
    if (record && read_record(r, type, len, err) < 0)
        return -1;
    if (plain && add_member(r, h, len, out, n, err) < 0)
        return -1;
    if (!record) {
        r->has_length = false;
        free(r->name);
        r->name = NULL;
    }
    uint64_t padded = (len + BLOCK - 1) / BLOCK * BLOCK;
    r->at = padded > r->size - r->at ? r->size : r->at + padded;
    return 0;
}

int vf_tar_list(int fd, uint64_t size, const char *path, struct vf_tar_member **out, size_t *n,
                struct vf_error **err)
{
    struct reader r = {.fd = fd, .size = size, .path = path};
    int more = 0;
    *out = NULL;
    *n = 0;
    while (more == 0)
        more = next_member(&r, out, n, err);
    free(r.name);
    if (more > 0 && *n)
        return 0;
    if (more > 0)
        vf_fail(err, VF_E_CORRUPT, "%s has no files in it", path);
    vf_tar_free(*out, *n);
    *out = NULL;
    *n = 0;
    return -1;
}
