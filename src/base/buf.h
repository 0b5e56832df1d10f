/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A growing run of bytes, always NUL-terminated behind its end. */
#ifndef VF_BASE_BUF_H
#define VF_BASE_BUF_H

#include <stddef.h>
#include "base/cleanup.h"

struct vf_buf {
    char *data; /* NULL while empty and never written */
    size_t len, cap;
};

void vf_buf_add(struct vf_buf *b, const void *data, size_t n);
void vf_buf_puts(struct vf_buf *b, const char *s);
void vf_buf_printf(struct vf_buf *b, const char *fmt, ...) VF_PRINTF(2, 3);
/* Room for N more bytes; write there, then count them with b->len += n. */
char *vf_buf_room(struct vf_buf *b, size_t n);
/* Drops the first N bytes. */
void vf_buf_consume(struct vf_buf *b, size_t n);
/* The text, never NULL; borrowed. */
const char *vf_buf_str(const struct vf_buf *b);
/* Takes the text out (caller frees, never NULL); the buffer is left empty. */
char *vf_buf_take(struct vf_buf *b);
void vf_buf_clear(struct vf_buf *b);
void vf_buf_free(struct vf_buf *b);

#define vf_autobuf __attribute__((cleanup(vf_buf_free)))

#endif
