/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "mover/known.h"
#include "mover/parts.h"
#include "base/str.h"

struct vf_known *vf_known_new(bool sums)
{
    struct vf_known *k = vf_xcalloc(1, sizeof *k);
    k->sums = sums ? vf_xcalloc(VF_KNOWN_MAX, sizeof *k->sums) : NULL;
    return k;
}

void vf_known_free(struct vf_known *k)
{
    if (k)
        free(k->sums);
    free(k);
}

static struct vf_known_run *at(const struct vf_known *k, size_t i)
{
    return (struct vf_known_run *)&k->runs[(k->head + i) % VF_KNOWN_MAX];
}

bool vf_known_full(const struct vf_known *k)
{
    return k->n == VF_KNOWN_MAX;
}

/* Whole chunks, or the last one when that is short: a hash is that of one length only. */
static bool fits(const struct vf_known_run *run, uint64_t size)
{
    uint64_t left = size - run->offset;
    if (run->len % VF_DISK_CHUNK == 0)
        return run->len && run->len <= left;
    return run->len == left && left < VF_DISK_CHUNK;
}

bool vf_known_add(struct vf_known *k, const struct vf_known_run *run, const unsigned char *sums,
                  uint64_t size)
{
    if (vf_known_full(k) || run->offset != k->end || run->offset >= size || !fits(run, size))
        return false;
    struct vf_known_run *slot = at(k, k->n++);
    *slot = *run;
    if (k->sums && sums)
        memcpy(k->sums[slot - k->runs], sums, vf_parts_of((size_t)run->len) * VF_WIRE_SUM);
    k->end += run->len;
    return true;
}

/* The run that holds OFFSET, or NULL. */
static const struct vf_known_run *find(const struct vf_known *k, uint64_t offset)
{
    size_t low = 0, high = k->n;
    while (low < high) { /* the first run that ends behind OFFSET */
        size_t middle = (low + high) / 2;
        if (at(k, middle)->offset + at(k, middle)->len <= offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low == k->n || at(k, low)->offset > offset ? NULL : at(k, low);
}

const unsigned char *vf_known_sums(const struct vf_known *k, uint64_t offset)
{
    const struct vf_known_run *run = find(k, offset);
    return k->sums && run && run->len <= VF_DISK_CHUNK ? k->sums[run - k->runs] : NULL;
}

bool vf_known_find(const struct vf_known *k, uint64_t offset, uint64_t max,
                   struct vf_known_run *out)
{
    const struct vf_known_run *run = find(k, offset);
    if (!run)
        return false;
    *out = *run;
    out->len -= offset - out->offset;
    out->offset = offset;
    if (out->len > max)
        out->len = max;
    return true;
}

void vf_known_forget(struct vf_known *k, uint64_t offset)
{
    while (k->n && at(k, 0)->offset + at(k, 0)->len <= offset) {
        k->head = (k->head + 1) % VF_KNOWN_MAX;
        k->n--;
    }
}
