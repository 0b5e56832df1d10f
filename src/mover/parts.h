/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The parts of a chunk, 4 KiB each (the disk's last one may be short): of a chunk that differs only
 * the parts that differ are sent. Their sums, the first bytes of XXH3-64, only find them: whether
 * the chunk is right is seen from its own hash afterwards. */
#ifndef VF_MOVER_PARTS_H
#define VF_MOVER_PARTS_H

#include "mover/wire.h"

/* How many parts a chunk of N bytes has. */
static inline size_t vf_parts_of(size_t n)
{
    return (n + VF_WIRE_PART - 1) / VF_WIRE_PART;
}

/* VF_WIRE_SUM bytes for each part of the N bytes at CHUNK. */
void vf_parts_sums(const void *chunk, size_t n, unsigned char *sums);
/* Those of N zero bytes. */
void vf_parts_zero_sums(size_t n, unsigned char *sums);
/* Marks in MAP (VF_WIRE_MAP bytes) the parts that have other sums; SUMS NULL: that are not zero.
 * Returns their bytes. */
size_t vf_parts_differing(const void *chunk, size_t n, const unsigned char *sums,
                          unsigned char *map);
/* The bytes of the parts in MAP; 0 when there are none, or parts that N bytes do not have. */
size_t vf_parts_bytes(size_t n, const unsigned char *map);
/* The next run of neighbouring parts in MAP behind [*AT, *END), both 0 at first; false: no more. */
bool vf_parts_next(size_t n, const unsigned char *map, size_t *at, size_t *end);
/* Moves the parts in MAP to the front of CHUNK; back to where they belong, with anything between
 * them; and from PARTS to where they belong, with the rest of CHUNK as it is. */
void vf_parts_gather(void *chunk, size_t n, const unsigned char *map);
void vf_parts_place(void *chunk, size_t n, const unsigned char *map);
void vf_parts_spread(void *chunk, size_t n, const unsigned char *map, const void *parts);

#endif
