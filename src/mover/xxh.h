/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XXH3 of what is in memory, by the widest instructions that this processor has: the library's own
 * are those that every processor has. The results are the same. */
#ifndef VF_MOVER_XXH_H
#define VF_MOVER_XXH_H

#include <stddef.h>
#include <stdint.h>

struct vf_xxh128 {
    uint64_t low, high;
};

struct vf_xxh128 vf_xxh128(const void *data, size_t n);
uint64_t vf_xxh64(const void *data, size_t n);

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define VF_XXH_AVX2
#endif

/* xxh_avx2.c, where VF_XXH_AVX2 is defined: only for processors that have them. */
struct vf_xxh128 vf_xxh128_avx2(const void *data, size_t n);
uint64_t vf_xxh64_avx2(const void *data, size_t n);

#endif
