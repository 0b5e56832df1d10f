/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Compression of one stream (zstd, a frame for each chunk), where it pays: see choice.h. */
#ifndef VF_MOVER_SQUEEZE_H
#define VF_MOVER_SQUEEZE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A level of zstd, or: */
enum { VF_COMPRESS_AUTO = 0, VF_COMPRESS_MAX = 6, VF_COMPRESS_OFF = 7 };

struct vf_squeeze;

struct vf_squeeze *vf_squeeze_new(void);
void vf_squeeze_free(struct vf_squeeze *q);

/* Sending: between begin and end nobody else uses Q. BEGIN returns the length of what is to be sent
 * instead of the N bytes at BUF, with *OUT there (Q's own); 0: send them as they are. END says how
 * many bytes went over the link, 0 when that failed. */
size_t vf_squeeze_begin(struct vf_squeeze *q, unsigned compress, const void *buf, size_t n,
                        const void **out);
void vf_squeeze_end(struct vf_squeeze *q, size_t wire);

/* Receiving, one thread: fills the N bytes at BUF, all of them; false: that is not what it holds.
 */
bool vf_squeeze_unpack(struct vf_squeeze *q, const void *packed, size_t len, void *buf, size_t n);

#endif
