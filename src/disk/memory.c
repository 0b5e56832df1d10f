/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A disk in memory, for tests: it knows which of its pages were never written. */
#include "config.h"
#include "disk/disk.h"
#include "base/str.h"

#include <pthread.h>
#include <string.h>

struct memory {
    struct vf_disk disk;
    char *bytes;
    bool *written; /* one per page */
    pthread_mutex_t lock;
};

static struct memory *self(struct vf_disk *d)
{
    return (struct memory *)d;
}

static int memory_read(struct vf_disk *d, void *buf, size_t n, uint64_t offset,
                       struct vf_error **err)
{
    pthread_mutex_lock(&self(d)->lock);
    memcpy(buf, self(d)->bytes + offset, n);
    pthread_mutex_unlock(&self(d)->lock);
    return 0;
}

static int memory_write(struct vf_disk *d, const void *buf, size_t n, uint64_t offset,
                        struct vf_error **err)
{
    pthread_mutex_lock(&self(d)->lock);
    memcpy(self(d)->bytes + offset, buf, n);
    for (uint64_t p = offset / VF_DISK_ALIGN; n && p <= (offset + n - 1) / VF_DISK_ALIGN; p++)
        self(d)->written[p] = true;
    pthread_mutex_unlock(&self(d)->lock);
    return 0;
}

static int memory_zero(struct vf_disk *d, uint64_t n, uint64_t offset, struct vf_error **err)
{
    pthread_mutex_lock(&self(d)->lock);
    memset(self(d)->bytes + offset, 0, n);
    pthread_mutex_unlock(&self(d)->lock);
    return 0;
}

static int memory_flush(struct vf_disk *d, struct vf_error **err)
{
    return 0;
}

static int memory_extent(struct vf_disk *d, uint64_t offset, struct vf_extent *out,
                         struct vf_error **err)
{
    uint64_t page = offset / VF_DISK_ALIGN;
    pthread_mutex_lock(&self(d)->lock);
    out->zero = !self(d)->written[page];
    do
        page++;
    while (page * VF_DISK_ALIGN < d->size && self(d)->written[page] == !out->zero);
    pthread_mutex_unlock(&self(d)->lock);
    out->end = page * VF_DISK_ALIGN;
    return 0;
}

static int memory_close(struct vf_disk *d, struct vf_error **err)
{
    free(self(d)->bytes);
    free(self(d)->written);
    pthread_mutex_destroy(&self(d)->lock);
    return 0;
}

static const struct vf_disk_ops memory_ops = {
    .name = "memory",
    .read = memory_read,
    .write = memory_write,
    .zero = memory_zero,
    .flush = memory_flush,
    .extent = memory_extent,
    .read_back = memory_read,
    .close = memory_close,
};

struct vf_disk *vf_disk_new_memory(uint64_t size)
{
    struct memory *m = vf_xcalloc(1, sizeof *m);
    m->disk = (struct vf_disk){
        .ops = &memory_ops,
        .name = vf_strdup("memory"),
        .size = size,
        .unit = VF_DISK_ALIGN,
        .at_once = 4,
        .writable = true,
        .zero_when_fresh = true,
    };
    pthread_mutex_init(&m->lock, NULL);
    m->bytes = vf_xcalloc(1, size ? size : 1);
    m->written = vf_xcalloc(size / VF_DISK_ALIGN + 1, sizeof *m->written);
    return &m->disk;
}
