/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The hash of a disk: XXH3-128 over the XXH3-128 of its 1 MiB chunks in order. It guards against
 * accidents (one in 2^128), not against a hostile host. */
#ifndef VF_MOVER_HASH_H
#define VF_MOVER_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "base/cleanup.h"
#include "base/error.h"
#include "disk/disk.h"

enum { VF_HASH_LEN = 16 };

struct vf_hash {
    unsigned char b[VF_HASH_LEN];
};

static inline bool vf_hash_equal(const struct vf_hash *a, const struct vf_hash *b)
{
    return memcmp(a->b, b->b, sizeof a->b) == 0;
}

struct vf_hasher; /* folds chunk hashes */

struct vf_hash vf_hash_chunk(const void *data, size_t n);
/* Of N zero bytes, N <= VF_DISK_CHUNK; whole chunks are kept ready. */
struct vf_hash vf_hash_zeroes(size_t n);

struct vf_hasher *vf_hasher_new(void);
void vf_hasher_free(struct vf_hasher *h);
VF_DEFINE_CLEANUP(struct vf_hasher *, vf_hasher_free)
void vf_hasher_add(struct vf_hasher *h, const struct vf_hash *chunk);
/* The same chunk N times. */
void vf_hasher_add_times(struct vf_hasher *h, const struct vf_hash *chunk, uint64_t n);
/* The chunks of N zero bytes that start at a chunk's start. */
void vf_hasher_add_zeroes(struct vf_hasher *h, uint64_t n);
struct vf_hash vf_hasher_end(const struct vf_hasher *h);

/* What H has folded so far, to go on with it later or elsewhere: VF_HASHER_STATE bytes, of use only
 * to the same version of the hash and, like everything in memory, the same kind of machine. */
enum { VF_HASHER_STATE = 384 };
void vf_hasher_save(const struct vf_hasher *h, unsigned char out[VF_HASHER_STATE]);
/* A hasher that goes on from there; NULL when the N bytes of DATA are not what was saved by this
 * version after exactly CHUNKS chunks. */
struct vf_hasher *vf_hasher_restore(const void *data, size_t n, uint64_t chunks);

/* 32 lower-case digits; caller frees. */
char *vf_hash_hex(const struct vf_hash *h);

/* SHA-256 of LENGTH bytes at OFFSET, past the cache where that is possible: 64 lower-case digits;
 * caller frees. USAGE: the disk ends before. */
char *vf_hash_piece(struct vf_disk *d, uint64_t offset, uint64_t length, struct vf_error **err);

/* Hash of a whole disk, through the cache. */
int vf_hash_disk(struct vf_disk *d, struct vf_hash *out, struct vf_error **err);

#endif
