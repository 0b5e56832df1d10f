/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How much there must be of a sparse VMDK. Where one is cut off QEMU reads zeroes, and its check
 * finds only grains that begin behind the end. Layout: VMware's "Virtual Disk Format 5.0", Hosted
 * Sparse Extents. */
#include "config.h"
#include "disk/vmdk.h"
#include "disk/le.h"
#include "base/str.h"

#include <inttypes.h>
#include <string.h>

enum {
    SECTOR = 512,
    FLAGS = 8, /* where fields of the header are */
    CAPACITY = 12,
    GRAIN = 20,
    PER_TABLE = 44,
    DIRECTORY = 56,
    MARKER = 12, /* in front of a compressed grain: LBA, bytes of data */
    WINDOW = 256 << 10,
    MOST_ENTRIES = 2 << 20, /* 64 TiB */
    FOOTER = 2 * SECTOR,    /* before the end: a header that knows where the directory is */
};
#define AT_END     UINT64_MAX
#define COMPRESSED (1U << 16)
#define ZEROED     (1U << 2) /* entry 1 stands for zeroes */

struct sparse {
    const struct vf_vmdk_file *file;
    uint64_t capacity, grain; /* sectors */
    uint32_t flags, per_table;
    uint64_t tables, directory; /* how many; sector */
    unsigned char *window;      /* what was read last */
    uint64_t from, to;
    uint64_t last; /* byte at which the last grain begins, compressed */
    struct vf_vmdk_reach *out;
};

static int damaged(const struct sparse *s, const char *why, struct vf_error **err)
{
    vf_autofree char *shown = vf_escape(s->file->name);
    return vf_fail(err, VF_E_CORRUPT, "%s is damaged: %s", shown, why);
}

static void reach(struct sparse *s, uint64_t begin, uint64_t end)
{
    if (end > s->out->end)
        s->out->end = end;
    if (begin < s->out->begin)
        s->out->begin = begin;
}

/* N bytes at OFFSET, borrowed until the next; *P NULL: they are not all there. */
static int look(struct sparse *s, uint64_t offset, size_t n, const unsigned char **p,
                struct vf_error **err)
{
    uint64_t size = s->file->size;
    *p = NULL;
    if (offset > size || n > size - offset)
        return 0;
    if (offset < s->from || offset + n > s->to) {
        size_t want = size - offset < WINDOW ? (size_t)(size - offset) : WINDOW;
        s->from = s->to = 0;
        if (s->file->read(s->file->opaque, s->window, want, offset, err) < 0)
            return -1;
        s->from = offset;
        s->to = offset + want;
    }
    *p = s->window + (offset - s->from);
    return 0;
}

/* The table of grains at SECTOR, for those of the disk from FIRST on. */
static int walk_table(struct sparse *s, uint64_t sector, uint64_t first, struct vf_error **err)
{
    const size_t n = (size_t)s->per_table * 4;
    const unsigned char *p;
    reach(s, sector * SECTOR, sector * SECTOR + n);
    if (look(s, sector * SECTOR, n, &p, err) < 0)
        return -1;
    for (uint32_t i = 0; p && i < s->per_table; i++) {
        uint64_t at = vf_le32(p + 4 * (size_t)i), disk = (first + i) * s->grain;
        if (!at || (at == 1 && s->flags & ZEROED) || disk >= s->capacity)
            continue;
        uint64_t left = s->capacity - disk, length = left < s->grain ? left : s->grain;
        at *= SECTOR;
        reach(s, at, at + (s->flags & COMPRESSED ? MARKER : length * SECTOR));
        if (at > s->last)
            s->last = at;
    }
    return 0;
}

static int walk(struct sparse *s, struct vf_error **err)
{
    reach(s, s->directory * SECTOR,
          (s->directory + (s->tables * 4 + SECTOR - 1) / SECTOR) * SECTOR);
    vf_autofree unsigned char *directory = vf_xmalloc(WINDOW);
    for (uint64_t done = 0; done < s->tables;) {
        uint64_t some = s->tables - done < WINDOW / 4 ? s->tables - done : WINDOW / 4;
        const unsigned char *p;
        if (look(s, s->directory * SECTOR + done * 4, (size_t)some * 4, &p, err) < 0)
            return -1;
        if (!p)
            return 0; /* the end tells */
        memcpy(directory, p, (size_t)some * 4);
        for (uint64_t i = 0; i < some; i++) {
            uint32_t at = vf_le32(directory + 4 * i);
            if (at && walk_table(s, at, (done + i) * s->per_table, err) < 0)
                return -1;
        }
        done += some;
    }
    return 0;
}

/* The header, or the one at the end that it points to. */
static int read_header(struct sparse *s, struct vf_error **err)
{
    const unsigned char *h;
    if (look(s, 0, SECTOR, &h, err) < 0)
        return -1;
    if (!h || memcmp(h, "KDMV", 4))
        return damaged(s, "its header is cut off", err);
    if (vf_le64(h + DIRECTORY) == AT_END) {
        if (s->file->size < FOOTER + SECTOR)
            return damaged(s, "its end is cut off", err);
        if (look(s, s->file->size - FOOTER, SECTOR, &h, err) < 0)
            return -1;
        if (!h || memcmp(h, "KDMV", 4) || vf_le64(h + DIRECTORY) == AT_END)
            return damaged(s, "its end is cut off", err);
    }
    s->flags = vf_le32(h + FLAGS);
    s->capacity = vf_le64(h + CAPACITY);
    s->grain = vf_le64(h + GRAIN);
    s->per_table = vf_le32(h + PER_TABLE);
    s->directory = vf_le64(h + DIRECTORY);
    if (!s->grain || s->grain > 65536 || !s->per_table || s->per_table > 512 ||
        s->capacity > INT64_MAX / SECTOR || s->directory > INT64_MAX / SECTOR / 2)
        return damaged(s, "its header tells what cannot be", err);
    uint64_t covered = s->grain * s->per_table;
    s->tables = (s->capacity + covered - 1) / covered;
    return s->tables > MOST_ENTRIES ? damaged(s, "its length cannot be", err) : 0;
}

int vf_vmdk_reach(const struct vf_vmdk_file *file, struct vf_vmdk_reach *out, struct vf_error **err)
{
    vf_autofree unsigned char *window = vf_xmalloc(WINDOW);
    struct sparse s = {.file = file, .window = window, .out = out};
    const unsigned char *p;
    *out = (struct vf_vmdk_reach){.begin = UINT64_MAX};
    if (read_header(&s, err) < 0 || walk(&s, err) < 0)
        return -1;
    if (!(s.flags & COMPRESSED) || !s.last)
        return 0;
    if (look(&s, s.last, MARKER, &p, err) < 0)
        return -1;
    if (p)
        reach(&s, s.last, s.last + MARKER + vf_le32(p + 8));
    return 0;
}
