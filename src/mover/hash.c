/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "mover/hash.h"
#include "mover/xxh.h"
#include "base/str.h"

#include <pthread.h>
#include <string.h>
/* the inside of a state: what a later process goes on from */
#define XXH_STATIC_LINKING_ONLY
#include <xxhash.h>

struct vf_hasher {
    XXH3_state_t *state;
};

static struct vf_hash zero_chunk;
static pthread_once_t zero_once = PTHREAD_ONCE_INIT;

struct vf_hash vf_hash_chunk(const void *data, size_t n)
{
    struct vf_xxh128 x = vf_xxh128(data, n);
    XXH128_canonical_t c;
    XXH128_canonicalFromHash(&c, (XXH128_hash_t){.low64 = x.low, .high64 = x.high});
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
    if (!h->state)
        abort();
    memset(h->state, 0, sizeof *h->state); /* it is saved with parts that were never used */
    if (XXH3_128bits_reset(h->state) == XXH_ERROR)
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

/* What a state says of what it was fed, without what every fresh one has: its secret, found by a
 * pointer that means nothing elsewhere. */
struct saved {
    uint64_t version; /* of the hash */
    uint64_t size;    /* of the library's own structure */
    XXH64_hash_t acc[8];
    unsigned char buffer[XXH3_INTERNALBUFFER_SIZE];
    uint64_t buffered, stripes, total;
    struct vf_hash sum; /* of all before it */
};

static struct vf_hash sum_of(const struct saved *s)
{
    return vf_hash_chunk(s, offsetof(struct saved, sum));
}

void vf_hasher_save(const struct vf_hasher *h, unsigned char out[VF_HASHER_STATE])
{
    _Static_assert(sizeof(struct saved) <= VF_HASHER_STATE, "a saved state has room");
    const XXH3_state_t *x = h->state;
    struct saved s = {.version = XXH_versionNumber(),
                      .size = sizeof *x,
                      .buffered = x->bufferedSize,
                      .stripes = x->nbStripesSoFar,
                      .total = x->totalLen};
    memcpy(s.acc, x->acc, sizeof s.acc);
    memcpy(s.buffer, x->buffer, sizeof s.buffer);
    s.sum = sum_of(&s);
    memset(out, 0, VF_HASHER_STATE);
    memcpy(out, &s, sizeof s);
}

struct vf_hasher *vf_hasher_restore(const void *data, size_t n, uint64_t chunks)
{
    struct saved s;
    if (n != VF_HASHER_STATE)
        return NULL;
    memcpy(&s, data, sizeof s);
    struct vf_hash sum = sum_of(&s);
    struct vf_hasher *h = vf_hasher_new();
    XXH3_state_t *x = h->state;
    /* the header that was compiled in knows the structure of its own version only */
    if (s.version != XXH_versionNumber() || s.version != XXH_VERSION_NUMBER ||
        s.size != sizeof *x || !vf_hash_equal(&sum, &s.sum) || s.total != chunks * VF_HASH_LEN ||
        s.buffered > sizeof s.buffer || s.stripes > x->nbStripesPerBlock) {
        vf_hasher_free(h);
        return NULL;
    }
    memcpy(x->acc, s.acc, sizeof s.acc);
    memcpy(x->buffer, s.buffer, sizeof s.buffer);
    x->bufferedSize = (XXH32_hash_t)s.buffered;
    x->nbStripesSoFar = (size_t)s.stripes;
    x->totalLen = s.total;
    return h;
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
