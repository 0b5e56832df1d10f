/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "mover/hash.h"
#include "base/str.h"

#include <pthread.h>
#include <string.h>
#include <xxhash.h>

struct vf_hasher {
    XXH3_state_t *state;
};

static struct vf_hash zero_chunk;
static pthread_once_t zero_once = PTHREAD_ONCE_INIT;

struct vf_hash vf_hash_chunk(const void *data, size_t n)
{
    XXH128_canonical_t c;
    XXH128_canonicalFromHash(&c, XXH3_128bits(data, n));
    struct vf_hash h;
    memcpy(h.b, c.digest, sizeof h.b);
    return h;
}

static struct vf_hash hash_zeroes(size_t n)
{
    vf_autofree void *zeroes = vf_xcalloc(1, n ? n : 1);
    return vf_hash_chunk(zeroes, n);
}

static void make_zero_chunk(void)
{
    zero_chunk = hash_zeroes(VF_DISK_CHUNK);
}

struct vf_hash vf_hash_zeroes(size_t n)
{
    pthread_once(&zero_once, make_zero_chunk);
    return n == VF_DISK_CHUNK ? zero_chunk : hash_zeroes(n);
}

struct vf_hasher *vf_hasher_new(void)
{
    struct vf_hasher *h = vf_xcalloc(1, sizeof *h);
    h->state = XXH3_createState();
    if (!h->state || XXH3_128bits_reset(h->state) == XXH_ERROR)
        abort();
    return h;
}

void vf_hasher_free(struct vf_hasher *h)
{
    if (!h)
        return;
    XXH3_freeState(h->state);
    free(h);
}

void vf_hasher_add(struct vf_hasher *h, const struct vf_hash *chunk)
{
    if (XXH3_128bits_update(h->state, chunk->b, sizeof chunk->b) == XXH_ERROR)
        abort();
}

void vf_hasher_add_times(struct vf_hasher *h, const struct vf_hash *chunk, uint64_t n)
{
    /* many at once: a disk of 64 TiB has 2^26 */
    struct vf_hash many[256];
    size_t room = n < VF_COUNT(many) ? (size_t)n : VF_COUNT(many);
    for (size_t i = 0; i < room; i++)
        many[i] = *chunk;
    while (n) {
        size_t now = n < room ? (size_t)n : room;
        if (XXH3_128bits_update(h->state, many, now * sizeof many[0]) == XXH_ERROR)
            abort();
        n -= now;
    }
}

void vf_hasher_add_zeroes(struct vf_hasher *h, uint64_t n)
{
    struct vf_hash zeroes = vf_hash_zeroes(VF_DISK_CHUNK);
    vf_hasher_add_times(h, &zeroes, n / VF_DISK_CHUNK);
    if (n % VF_DISK_CHUNK) {
        zeroes = vf_hash_zeroes((size_t)(n % VF_DISK_CHUNK));
        vf_hasher_add(h, &zeroes);
    }
}

struct vf_hash vf_hasher_end(const struct vf_hasher *h)
{
    XXH128_canonical_t c;
    XXH128_canonicalFromHash(&c, XXH3_128bits_digest(h->state));
    struct vf_hash out;
    memcpy(out.b, c.digest, sizeof out.b);
    return out;
}

char *vf_hash_hex(const struct vf_hash *h)
{
    static const char digits[] = "0123456789abcdef";
    char *s = vf_xmalloc(2 * VF_HASH_LEN + 1);
    for (size_t i = 0; i < VF_HASH_LEN; i++) {
        s[2 * i] = digits[h->b[i] >> 4];
        s[2 * i + 1] = digits[h->b[i] & 15];
    }
    s[2 * VF_HASH_LEN] = 0;
    return s;
}

int vf_hash_disk(struct vf_disk *d, struct vf_hash *out, struct vf_error **err)
{
    vf_auto(vf_hasher_free) struct vf_hasher *h = vf_hasher_new();
    vf_autofree void *buf = vf_disk_buffer();
    struct vf_extent e = {0};
    for (uint64_t at = 0; at < d->size;) {
        size_t n = d->size - at < VF_DISK_CHUNK ? (size_t)(d->size - at) : VF_DISK_CHUNK;
        if (at >= e.end && vf_disk_extent(d, at, &e, err) < 0)
            return -1;
        struct vf_hash c;
        if (e.zero && e.end >= at + n) {
            c = vf_hash_zeroes(n);
        } else if (vf_disk_read(d, buf, n, at, err) < 0) {
            return -1;
        } else {
            c = vf_hash_chunk(buf, n);
        }
        vf_hasher_add(h, &c);
        at += n;
    }
    *out = vf_hasher_end(h);
    return 0;
}
