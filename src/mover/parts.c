/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "mover/parts.h"
#include "mover/xxh.h"
#include "disk/disk.h"

#include <string.h>
#include <xxhash.h>

static size_t length(size_t n, size_t part)
{
    size_t left = n - part * VF_WIRE_PART;
    return left < VF_WIRE_PART ? left : VF_WIRE_PART;
}

static bool marked(const unsigned char *map, size_t part)
{
    return map[part / 8] >> (part % 8) & 1;
}

static void sum(const void *part, size_t n, unsigned char *out)
{
    XXH64_canonical_t c;
    XXH64_canonicalFromHash(&c, vf_xxh64(part, n));
    memcpy(out, c.digest, VF_WIRE_SUM);
}

void vf_parts_sums(const void *chunk, size_t n, unsigned char *sums)
{
    for (size_t i = 0; i < vf_parts_of(n); i++)
        sum((const char *)chunk + i * VF_WIRE_PART, length(n, i), sums + i * VF_WIRE_SUM);
}

void vf_parts_zero_sums(size_t n, unsigned char *sums)
{
    static const char zeroes[VF_WIRE_PART];
    for (size_t i = 0; i < vf_parts_of(n); i++)
        sum(zeroes, length(n, i), sums + i * VF_WIRE_SUM);
}

static bool differs(const char *part, size_t n, const unsigned char *theirs)
{
    unsigned char ours[VF_WIRE_SUM];
    if (!theirs)
        return !vf_all_zero(part, n);
    sum(part, n, ours);
    return memcmp(ours, theirs, sizeof ours) != 0;
}

size_t vf_parts_differing(const void *chunk, size_t n, const unsigned char *sums,
                          unsigned char *map)
{
    size_t bytes = 0;
    memset(map, 0, VF_WIRE_MAP);
    for (size_t i = 0; i < vf_parts_of(n); i++) {
        const char *part = (const char *)chunk + i * VF_WIRE_PART;
        if (!differs(part, length(n, i), sums ? sums + i * VF_WIRE_SUM : NULL))
            continue;
        map[i / 8] |= (unsigned char)(1 << (i % 8));
        bytes += length(n, i);
    }
    return bytes;
}

size_t vf_parts_bytes(size_t n, const unsigned char *map)
{
    size_t bytes = 0;
    for (size_t i = 0; i < VF_WIRE_PARTS; i++) {
        if (!marked(map, i))
            continue;
        if (i >= vf_parts_of(n))
            return 0;
        bytes += length(n, i);
    }
    return bytes;
}

bool vf_parts_next(size_t n, const unsigned char *map, size_t *at, size_t *end)
{
    size_t i = vf_parts_of(*end), last = vf_parts_of(n);
    while (i < last && !marked(map, i))
        i++;
    if (i == last)
        return false;
    *at = *end = i * VF_WIRE_PART;
    for (; i < last && marked(map, i); i++)
        *end += length(n, i);
    return true;
}

void vf_parts_gather(void *chunk, size_t n, const unsigned char *map)
{
    char *to = chunk;
    for (size_t at = 0, end = 0; vf_parts_next(n, map, &at, &end); to += end - at)
        memmove(to, (char *)chunk + at, end - at);
}

void vf_parts_place(void *chunk, size_t n, const unsigned char *map)
{
    size_t from = vf_parts_bytes(n, map);
    for (size_t i = vf_parts_of(n); i-- > 0;) { /* from the end: none is in the way of another */
        if (!marked(map, i))
            continue;
        from -= length(n, i);
        memmove((char *)chunk + i * VF_WIRE_PART, (char *)chunk + from, length(n, i));
    }
}

void vf_parts_spread(void *chunk, size_t n, const unsigned char *map, const void *parts)
{
    const char *from = parts;
    for (size_t at = 0, end = 0; vf_parts_next(n, map, &at, &end); from += end - at)
        memcpy((char *)chunk + at, from, end - at);
}
