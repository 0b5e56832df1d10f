/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "base/buf.h"
#include "base/str.h"

#include <string.h>

char *vf_buf_room(struct vf_buf *b, size_t n)
{
    if (b->cap - b->len < n + 1) {
        size_t cap = b->cap ? b->cap : 64;
        while (cap - b->len < n + 1)
            cap *= 2;
        b->data = vf_xrealloc(b->data, cap);
        b->cap = cap;
    }
    return b->data + b->len;
}

void vf_buf_add(struct vf_buf *b, const void *data, size_t n)
{
    char *p = vf_buf_room(b, n);
    if (n)
        memcpy(p, data, n);
    b->len += n;
    b->data[b->len] = 0;
}

void vf_buf_puts(struct vf_buf *b, const char *s)
{
    vf_buf_add(b, s, strlen(s));
}

void vf_buf_printf(struct vf_buf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vf_autofree char *s = vf_vasprintf(fmt, ap);
    va_end(ap);
    vf_buf_puts(b, s);
}

void vf_buf_consume(struct vf_buf *b, size_t n)
{
    if (!n)
        return;
    memmove(b->data, b->data + n, b->len - n);
    b->len -= n;
    b->data[b->len] = 0;
}

const char *vf_buf_str(const struct vf_buf *b)
{
    if (!b->data)
        return "";
    b->data[b->len] = 0;
    return b->data;
}

char *vf_buf_take(struct vf_buf *b)
{
    vf_buf_add(b, "", 0);
    char *s = b->data;
    *b = (struct vf_buf){0};
    return s;
}

void vf_buf_clear(struct vf_buf *b)
{
    b->len = 0;
    if (b->data)
        b->data[0] = 0;
}

void vf_buf_free(struct vf_buf *b)
{
    free(b->data);
    *b = (struct vf_buf){0};
}
