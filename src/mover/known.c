/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "mover/known.h"

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

bool vf_known_add(struct vf_known *k, const struct vf_known_run *run, uint64_t size)
{
    if (vf_known_full(k) || run->offset != k->end || run->offset >= size || !fits(run, size))
        return false;
    *at(k, k->n++) = *run;
    k->end += run->len;
    return true;
}

bool vf_known_find(const struct vf_known *k, uint64_t offset, uint64_t max,
                   struct vf_known_run *out)
{
    size_t low = 0, high = k->n;
    while (low < high) { /* the first run that ends behind OFFSET */
        size_t middle = (low + high) / 2;
        if (at(k, middle)->offset + at(k, middle)->len <= offset)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == k->n || at(k, low)->offset > offset)
        return false;
    *out = *at(k, low);
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
