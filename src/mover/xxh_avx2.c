/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The library's header, compiled once more for processors with AVX2: a third of the time. In a file
 * of its own, because all of it may use those instructions: nothing here is called on a processor
 * that has not been asked for them, and so the asking is elsewhere. */
#include "config.h"
#include "mover/xxh.h"

#ifdef VF_XXH_AVX2

#pragma GCC target("avx2")
#define XXH_INLINE_ALL
#include <xxhash.h>

struct vf_xxh128 vf_xxh128_avx2(const void *data, size_t n)
{
    XXH128_hash_t h = XXH3_128bits(data, n);
    return (struct vf_xxh128){h.low64, h.high64};
}

uint64_t vf_xxh64_avx2(const void *data, size_t n)
{
    return XXH3_64bits(data, n);
}

#endif
