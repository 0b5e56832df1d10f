/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Headers are read and believed by us first (disk/formats.c): an image that names any file is
 * refused. What QEMU opens is told in its "json:" form, by which nothing is guessed. */
#include "config.h"
#include "fetch/image.h"
#include "base/str.h"
#include "disk/image.h"
#include "disk/vmdk.h"

#include <endian.h>
#include <jansson.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum {
    SECTOR = 512,
    FRONT = 21 * SECTOR, /* header and descriptor, as QEMU reads them */
    MAX_PARTS = 129,     /* a process of QEMU's for each */
    FIRST_MS = 3 * 1000, /* most checks are over by then */
};

/* A sparse file: what there is of it in the row of parts, and of the disk. */
struct vf_fetch_slice {
    struct vf_parts *parts;
    const struct vf_recipe_part *part;
    uint64_t start, length;
    struct vf_disk *disk; /* as QEMU shows it ... */
    uint64_t at;          /* ... which is there in the whole */
    unsigned char *front; /* what QEMU is shown in the place of its first bytes; NULL: those */
    char name[32];
};

static int read_slice(void *opaque, void *buf, size_t n, uint64_t offset, struct vf_error **err)
{
    const struct vf_fetch_slice *s = opaque;
    if (vf_parts_read(s->parts, buf, n, s->start + offset, err) < 0)
        return -1;
    if (s->front && offset < FRONT)
        memcpy(buf, s->front + offset, n < FRONT - offset ? n : FRONT - (size_t)offset);
    return 0;
}

/* ---- headers ---- */

static const char misplaced[] =
    "%s: a part has its tables where nobody expects them: make one file of the disk first "
    "(vmware-vdiskmanager -r, or qemu-img convert)";

/* One of several files has no descriptor, without which QEMU opens none: it is shown one, where the
 * redundant grain directory is (which is then said not to be there). Offsets in the header are
 * those of VMware's SparseExtentHeader. */
static int make_front(struct vf_fetch_slice *s, const char *head, uint64_t size, const char *name,
                      struct vf_error **err)
{
    enum { FLAGS = 8, DESCRIPTOR = 28, DESCRIPTOR_SIZE = 36, REDUNDANT = 48, DIRECTORY = 56 };
    uint64_t directory, one = htole64(1), room = htole64(FRONT / SECTOR - 1), none = 0;
    memcpy(&directory, head + DIRECTORY, sizeof directory);
    if (s->length < FRONT || le64toh(directory) < FRONT / SECTOR)
        return vf_fail(err, VF_E_UNSUPPORTED, misplaced, name);
    s->front = vf_xcalloc(1, FRONT);
    memcpy(s->front, head, SECTOR);
    s->front[FLAGS] &= (unsigned char)~2U;
    memcpy(s->front + DESCRIPTOR, &one, sizeof one);
    memcpy(s->front + DESCRIPTOR_SIZE, &room, sizeof room);
    memcpy(s->front + REDUNDANT, &none, sizeof none);
    snprintf((char *)s->front + SECTOR, FRONT - SECTOR,
             "# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=ffffffff\n"
             "createType=\"monolithicSparse\"\nRW %llu SPARSE \"part\"\n",
             (unsigned long long)(size / SECTOR));
    return 0;
}

/* A sparse file that is all there is of its disk, or a part of one: what QEMU makes of it is read
 * before it sees it. Is all of it there, and nothing where QEMU is shown something else? */
static int check_reach(struct vf_fetch_slice *s, bool several, const char *name,
                       struct vf_error **err)
{
    struct vf_vmdk_file file = {name, s->length, read_slice, s};
    struct vf_vmdk_reach used;
    if (vf_vmdk_reach(&file, &used, err) < 0)
        return -1;
    if (used.end > s->length)
        return vf_fail(err, VF_E_CORRUPT,
                       "%s is cut off: a sparse file of it has %llu bytes and needs %llu", name,
                       (unsigned long long)s->length, (unsigned long long)used.end);
    if (several && used.begin < FRONT)
        return vf_fail(err, VF_E_UNSUPPORTED, misplaced, name);
    return 0;
}

static int check_head(struct vf_fetch_slice *s, bool several, const char *name, uint64_t *size,
                      struct vf_error **err)
{
    size_t n = s->length < VF_VMDK_HEAD ? (size_t)s->length : VF_VMDK_HEAD;
    vf_autofree char *head = vf_xmalloc(VF_VMDK_HEAD);
    if (read_slice(s, head, n, 0, err) < 0)
        return -1;
    vf_auto(vf_vmdk_free) struct vf_vmdk *d = vf_vmdk_parse(head, n, name, err);
    if (!d)
        return -1;
    if (!d->whole)
        return vf_fail(
            err, VF_E_UNSUPPORTED,
            "%s is no sparse VMDK by itself: it names other files, which are not followed", name);
    *size = d->size;
    return check_reach(s, several, name, err) < 0 ? -1
           : several                              ? make_front(s, head, d->size, name, err)
                                                  : 0;
}

/* Of several parts the first is the descriptor, which nobody is shown. */
static int check_parts(const struct vf_recipe *r, struct vf_error **err)
{
    bool good = vf_streq(r->image, "vmdk") && r->n_parts;
    for (size_t k = 0; good && k < r->n_parts; k++)
        good = r->parts[k].path && !r->parts[k].datastore == !r->parts[0].datastore;
    if (!good)
        return vf_fail(err, VF_E_UNSUPPORTED, "%s is no image that vmferry-fetch reads", r->name);
    if (r->n_parts > MAX_PARTS)
        return vf_fail(err, VF_E_UNSUPPORTED,
                       "%s has %zu parts: make one file of them first (vmware-vdiskmanager -r, or "
                       "qemu-img convert)",
                       r->name, r->n_parts - 1);
    return 0;
}

/* The descriptor of several; *D NULL: there is none, for there is one file. */
static int read_descriptor(const struct vf_recipe *r, struct vf_parts *parts, size_t n,
                           struct vf_vmdk **d, struct vf_error **err)
{
    const struct vf_recipe_part *p = &r->parts[0];
    *d = NULL;
    if (r->n_parts == 1)
        return 0;
    size_t len = p->length < VF_VMDK_TEXT ? (size_t)p->length : VF_VMDK_TEXT;
    vf_autofree char *text = vf_xmalloc(len);
    if (vf_parts_read(parts, text, len, 0, err) < 0 ||
        !(*d = vf_vmdk_parse(text, len, r->name, err)))
        return -1;
    return (*d)->n_extents == n
               ? 0
               : vf_fail(err, VF_E_CORRUPT, "%s: its descriptor names %zu parts, not %zu", r->name,
                         (*d)->n_extents, n);
}

/* Each of several is as long as the descriptor says: else all behind it would be elsewhere. */
static int check_heads(const struct vf_recipe *r, struct vf_parts *parts, struct vf_fetch_image *i,
                       struct vf_error **err)
{
    uint64_t sum = 0, size = 0;
    vf_auto(vf_vmdk_free) struct vf_vmdk *d = NULL;
    if (read_descriptor(r, parts, i->n, &d, err) < 0)
        return -1;
    for (size_t k = 0; k < i->n; k++) {
        if (check_head(&i->slices[k], r->n_parts > 1, r->name, &size, err) < 0)
            return -1;
        if (d && d->extents[k].length != size)
            return vf_fail(
                err, VF_E_CORRUPT, "%s: part %zu has %llu bytes, and the descriptor says %llu",
                r->name, k + 1, (unsigned long long)size, (unsigned long long)d->extents[k].length);
        i->slices[k].at = sum;
        if ((sum += size) > INT64_MAX)
            return vf_fail(err, VF_E_CORRUPT, "%s: its header tells a size that cannot be",
                           r->name);
    }
    if (sum != r->size)
        return vf_fail(err, VF_E_CORRUPT,
                       "%s: the disk in it has %llu bytes, not the %llu that are expected", r->name,
                       (unsigned long long)sum, (unsigned long long)r->size);
    return 0;
}

/* ---- opening ---- */

static void make_slices(const struct vf_recipe *r, struct vf_parts *parts, struct vf_fetch_image *i)
{
    size_t first = r->n_parts > 1;
    i->n = r->n_parts - first;
    i->slices = vf_xcalloc(i->n, sizeof *i->slices);
    i->exports = vf_xcalloc(i->n, sizeof *i->exports);
    for (size_t k = 0; k < i->n; k++) {
        struct vf_fetch_slice *s = &i->slices[k];
        s->parts = parts;
        s->part = &r->parts[first + k];
        s->start = vf_parts_start(parts, first + k);
        s->length = s->part->length;
        snprintf(s->name, sizeof s->name, "part%zu", k);
        i->exports[k] = (struct vf_nbd_export){
            .name = s->name, .size = s->length, .read = read_slice, .opaque = s};
    }
}

/* What QEMU is told: the file itself, or (SOCKET) our server. */
static char *json_name(const struct vf_recipe *r, const struct vf_fetch_slice *s,
                       const char *socket)
{
    const struct vf_recipe_part *p = s->part;
    json_t *o =
        socket
            ? json_pack("{s:s, s:{s:s, s:{s:s, s:s}, s:s}}", "driver", r->image, "file", "driver",
                        "nbd", "server", "type", "unix", "path", socket, "export", s->name)
            : json_pack("{s:s, s:{s:s, s:I, s:I, s:{s:s, s:s}}}", "driver", r->image, "file",
                        "driver", "raw", "offset", (json_int_t)p->offset, "size",
                        (json_int_t)p->length, "file", "driver", "file", "filename", p->path);
    vf_autofree char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;
    json_decref(o);
    if (!text)
        abort(); /* the recipe was JSON */
    return vf_asprintf("json:%s", text);
}

static int open_slice(const struct vf_recipe *r, struct vf_fetch_slice *s, const char *socket,
                      const struct vf_disk_spec *spec, struct vf_error **err)
{
    struct vf_image image = {0};
    vf_autofree char *name = json_name(r, s, socket);
    struct vf_disk_spec inner = {
        .path = name, .format = r->image, .dir = spec->dir, .cancel = spec->cancel};
    if (vf_image_begin_check(&image, name, r->name, r->image, err) < 0 ||
        vf_image_wait(&image, FIRST_MS, spec->cancel, err) < 0) {
        vf_image_close(&image);
        return -1;
    }
    s->disk = vf_disk_open_checked(&inner, r->name, &image, err);
    return s->disk ? 0 : -1;
}

int vf_fetch_image_open(const struct vf_recipe *r, struct vf_parts *parts,
                        const struct vf_disk_spec *spec, struct vf_fetch_image *i,
                        struct vf_error **err)
{
    static atomic_uint counter;
    vf_autofree char *path =
        vf_asprintf("%s/fetch-%u.sock", spec->dir, atomic_fetch_add(&counter, 1));
    if (check_parts(r, err) < 0)
        return -1;
    make_slices(r, parts, i);
    if (check_heads(r, parts, i, err) < 0)
        return -1;
    const char *socket = r->parts[0].datastore || i->slices[0].front ? path : NULL;
    if (socket && !(i->server = vf_nbd_server_new(socket, i->exports, i->n, err)))
        return -1;
    uint64_t end = r->size;
    for (size_t k = i->n; k-- > 0; end = i->slices[k].at) {
        struct vf_fetch_slice *s = &i->slices[k];
        if (open_slice(r, s, socket, spec, err) < 0)
            return -1;
        if (s->disk->size != end - s->at)
            return vf_fail(err, VF_E_CORRUPT,
                           "%s: QEMU finds %llu bytes in it, its header tells %llu", r->name,
                           (unsigned long long)s->disk->size, (unsigned long long)(end - s->at));
    }
    return 0;
}

/* ---- reading ---- */

static struct vf_fetch_slice *slice_at(const struct vf_fetch_image *i, uint64_t offset)
{
    size_t k = i->n - 1;
    while (i->slices[k].at > offset)
        k--;
    return &i->slices[k];
}

int vf_fetch_image_read(struct vf_fetch_image *i, void *buf, size_t n, uint64_t offset,
                        struct vf_error **err)
{
    for (char *to = buf; n;) {
        struct vf_fetch_slice *s = slice_at(i, offset);
        uint64_t left = s->at + s->disk->size - offset;
        size_t now = n < left ? n : (size_t)left;
        if (vf_disk_read(s->disk, to, now, offset - s->at, err) < 0)
            return -1;
        to += now;
        offset += now;
        n -= now;
    }
    return 0;
}

int vf_fetch_image_extent(struct vf_fetch_image *i, uint64_t offset, struct vf_extent *out,
                          struct vf_error **err)
{
    struct vf_fetch_slice *s = slice_at(i, offset);
    if (vf_disk_extent(s->disk, offset - s->at, out, err) < 0)
        return -1;
    out->end += s->at;
    return 0;
}

int vf_fetch_image_close(struct vf_fetch_image *i, struct vf_error **err)
{
    int r = 0;
    for (size_t k = 0; k < i->n; k++)
        if (i->slices[k].disk && vf_disk_close(i->slices[k].disk, err) < 0)
            r = -1;
    vf_nbd_server_free(i->server);
    for (size_t k = 0; k < i->n; k++)
        free(i->slices[k].front);
    free(i->exports);
    free(i->slices);
    *i = (struct vf_fetch_image){0};
    return r;
}
