/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "disk/disk.h"
#include "base/str.h"

#include <string.h>
#include <sys/stat.h>

static const struct vf_disk_kind *kinds[VF_DISK_KINDS];

void vf_disk_add_kind(const struct vf_disk_kind *kind)
{
    size_t i = 0;
    while (i < VF_DISK_KINDS && kinds[i])
        i++;
    if (i == VF_DISK_KINDS)
        abort(); /* our mistake */
    kinds[i] = kind;
}

/* What was allocated has a name of its own; only devices are known by links. */
static bool leads_elsewhere(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0 && S_ISLNK(st.st_mode) && stat(path, &st) == 0 &&
           S_ISREG(st.st_mode);
}

struct vf_disk *vf_disk_open(const struct vf_disk_spec *spec, struct vf_error **err)
{
    for (size_t i = 0; i < VF_DISK_KINDS && kinds[i]; i++)
        if (spec->path && vf_streq(kinds[i]->format, spec->format))
            return kinds[i]->open(spec, err);
    if (!spec->path || spec->path[0] != '/') {
        vf_fail(err, VF_E_USAGE, "%s is not an absolute path", spec->path ? spec->path : "nothing");
        return NULL;
    }
    if (spec->write && leads_elsewhere(spec->path)) {
        vf_fail(err, VF_E_CONFLICT,
                "%s is a link to another file, not one that was made for this copy: nothing is "
                "written to it",
                spec->path);
        return NULL;
    }
    bool raw = vf_streq(spec->format, "raw");
    if (spec->live && (!raw || spec->write)) {
        vf_fail(err, VF_E_UNSUPPORTED,
                "%s: of a running VM only raw disks can be read, its tables are never up to date",
                spec->path);
        return NULL;
    }
    return raw ? vf_disk_open_file(spec, err) : vf_disk_open_nbd(spec, err);
}

int vf_disk_close(struct vf_disk *d, struct vf_error **err)
{
    vf_autofree char *name = VF_STEAL(d->name);
    int r = d->ops->close(d, err);
    free(d->identity);
    if (r < 0)
        vf_fail_prefix(err, "closing %s", name);
    free(d);
    return r;
}

void vf_disk_free(struct vf_disk *d)
{
    if (d)
        vf_disk_close(d, NULL);
}

static int in_range(const struct vf_disk *d, uint64_t n, uint64_t offset, struct vf_error **err)
{
    if (offset <= d->size && n <= d->size - offset)
        return 0;
    return vf_fail(err, VF_E_INTERNAL, "%s: %llu bytes at %llu are beyond its end (%llu)", d->name,
                   (unsigned long long)n, (unsigned long long)offset, (unsigned long long)d->size);
}

static int named(const struct vf_disk *d, int result, const char *doing, uint64_t offset,
                 struct vf_error **err)
{
    if (result < 0)
        vf_fail_prefix(err, "%s %s at %llu", doing, d->name, (unsigned long long)offset);
    return result;
}

int vf_disk_read(struct vf_disk *d, void *buf, size_t n, uint64_t offset, struct vf_error **err)
{
    if (in_range(d, n, offset, err) < 0)
        return -1;
    return named(d, d->ops->read(d, buf, n, offset, err), "reading", offset, err);
}

int vf_disk_write(struct vf_disk *d, const void *buf, size_t n, uint64_t offset,
                  struct vf_error **err)
{
    if (in_range(d, n, offset, err) < 0)
        return -1;
    if (!d->writable)
        return vf_fail(err, VF_E_INTERNAL, "%s is open for reading only", d->name);
    return named(d, d->ops->write(d, buf, n, offset, err), "writing", offset, err);
}

int vf_disk_zero(struct vf_disk *d, uint64_t n, uint64_t offset, struct vf_error **err)
{
    if (in_range(d, n, offset, err) < 0)
        return -1;
    if (!d->writable)
        return vf_fail(err, VF_E_INTERNAL, "%s is open for reading only", d->name);
    return named(d, n ? d->ops->zero(d, n, offset, err) : 0, "zeroing", offset, err);
}

int vf_disk_flush(struct vf_disk *d, struct vf_error **err)
{
    int r = d->ops->flush(d, err);
    return r < 0 ? vf_fail_prefix(err, "flushing %s", d->name) : 0;
}

int vf_disk_extent(struct vf_disk *d, uint64_t offset, struct vf_extent *out, struct vf_error **err)
{
    if (in_range(d, 1, offset, err) < 0)
        return -1;
    if (named(d, d->ops->extent(d, offset, out, err), "asking for extents of", offset, err) < 0)
        return -1;
    if (out->end <= offset)
        return vf_fail(err, VF_E_INTERNAL, "%s: an empty extent at %llu", d->name,
                       (unsigned long long)offset);
    if (out->end > d->size)
        out->end = d->size;
    return 0;
}

int vf_disk_read_back(struct vf_disk *d, void *buf, size_t n, uint64_t offset,
                      struct vf_error **err)
{
    if (in_range(d, n, offset, err) < 0)
        return -1;
    return named(d, d->ops->read_back(d, buf, n, offset, err), "reading back", offset, err);
}

void vf_disk_interrupt(struct vf_disk *d, bool on)
{
    if (d->ops->interrupt)
        d->ops->interrupt(d, on);
}

int vf_disk_make_zero(struct vf_disk *d, uint64_t n, uint64_t offset, struct vf_error **err)
{
    uint64_t end = offset + n;
    while (offset < end) {
        struct vf_extent e;
        if (vf_disk_extent(d, offset, &e, err) < 0)
            return -1;
        uint64_t stop = e.end < end ? e.end : end;
        if (!e.zero && vf_disk_zero(d, stop - offset, offset, err) < 0)
            return -1;
        offset = stop;
    }
    return 0;
}

void *vf_disk_buffer(void)
{
    void *p = NULL;
    if (posix_memalign(&p, VF_DISK_ALIGN, VF_DISK_CHUNK) != 0)
        abort();
    return p;
}

bool vf_all_zero(const void *p, size_t n)
{
    const unsigned char *c = p;
    size_t head = n < 16 ? n : 16;
    for (size_t i = 0; i < head; i++)
        if (c[i])
            return false;
    /* the first 16 bytes are zero: the rest is when it equals itself, 16 bytes earlier */
    return n <= 16 || memcmp(c, c + 16, n - 16) == 0;
}
