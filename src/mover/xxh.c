/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "mover/xxh.h"

#include <xxhash.h>

struct vf_xxh128 vf_xxh128(const void *data, size_t n)
{
#ifdef VF_XXH_AVX2
    if (__builtin_cpu_supports("avx2"))
        return vf_xxh128_avx2(data, n);
#endif
    XXH128_hash_t h = XXH3_128bits(data, n);
    return (struct vf_xxh128){h.low64, h.high64};
}

uint64_t vf_xxh64(const void *data, size_t n)
{
#ifdef VF_XXH_AVX2
    if (__builtin_cpu_supports("avx2"))
        return vf_xxh64_avx2(data, n);
#endif
    return XXH3_64bits(data, n);
}
