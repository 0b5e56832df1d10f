/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Headers are read and believed by us first (disk/formats.c): an image that names any file is
 * refused. What QEMU opens is told in its "json:" form, by which nothing is guessed. */
#include "config.h"
#include "fetch/image.h"
#include "base/clock.h"
#include "base/fdio.h"
#include "base/str.h"
#include "disk/image.h"
#include "disk/vmdk.h"

#include <jansson.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum {
    SECTOR = 512,
    MAX_PARTS = 4096,
    FIRST_MS = 3 * 1000, /* most checks are over by then */
};

/* A part, as the server shows it. */
struct vf_fetch_slice {
    struct vf_parts *parts;
    const struct vf_recipe_part *part;
    uint64_t start, length;
    char name[32];
};

static int read_slice(void *opaque, void *buf, size_t n, uint64_t offset, struct vf_error **err)
{
    const struct vf_fetch_slice *s = opaque;
    return vf_parts_read(s->parts, buf, n, s->start + offset, err);
}

/* ---- headers ---- */

/* A sparse file that is all there is of its disk, or a part of one: what QEMU makes of it is read
 * before it sees it. */
static int check_head(struct vf_fetch_slice *s, const char *name, uint64_t *size,
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
    return 0;
}

static int check_heads(const struct vf_recipe *r, struct vf_fetch_image *i, uint64_t *sizes,
                       struct vf_error **err)
{
    uint64_t sum = 0;
    for (size_t k = 0; k < i->n; k++) {
        if (check_head(&i->slices[k], r->name, &sizes[k], err) < 0)
            return -1;
        if ((sum += sizes[k]) > INT64_MAX)
            return vf_fail(err, VF_E_CORRUPT, "%s: its header tells a size that cannot be",
                           r->name);
    }
    if (sum != r->size)
        return vf_fail(err, VF_E_CORRUPT,
                       "%s: the disk in it has %llu bytes, not the %llu that are expected", r->name,
                       (unsigned long long)sum, (unsigned long long)r->size);
    return 0;
}

/* ---- what QEMU is told ---- */

static json_t *file_node(const char *path)
{
    return json_pack("{s:s, s:s}", "driver", "file", "filename", path);
}

static json_t *part_node(const struct vf_recipe_part *p, const char *socket,
                         const char *export_name)
{
    if (p->datastore)
        return json_pack("{s:s, s:{s:s, s:s}, s:s}", "driver", "nbd", "server", "type", "unix",
                         "path", socket, "export", export_name);
    return json_pack("{s:s, s:I, s:I, s:o}", "driver", "raw", "offset", (json_int_t)p->offset,
                     "size", (json_int_t)p->length, "file", file_node(p->path));
}

/* Several sparse files are told by a descriptor of ours, whose names QEMU is told other nodes for.
 */
static int write_descriptor(struct vf_fetch_image *i, const uint64_t *sizes, const char *path,
                            struct vf_error **err)
{
    vf_autobuf struct vf_buf b = {0};
    vf_buf_puts(&b, "# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=ffffffff\n"
                    "createType=\"twoGbMaxExtentSparse\"\n\n# Extent description\n");
    for (size_t k = 0; k < i->n; k++)
        vf_buf_printf(&b, "RW %llu SPARSE \"part%zu\"\n", (unsigned long long)(sizes[k] / SECTOR),
                      k);
    vf_buf_puts(&b, "\n# The Disk Data Base\n#DDB\n\nddb.adapterType = \"lsilogic\"\n");
    i->descriptor = vf_strdup(path);
    return vf_replace_file(path, b.data, b.len, 0600, err);
}

static char *json_name(const struct vf_recipe *r, struct vf_fetch_image *i, const char *socket)
{
    json_t *o = json_pack("{s:s}", "driver", r->image);
    if (i->descriptor) {
        json_object_set_new(o, "file", file_node(i->descriptor));
        json_t *extents = json_array();
        for (size_t k = 0; k < i->n; k++)
            json_array_append_new(extents, part_node(i->slices[k].part, socket, i->slices[k].name));
        json_object_set_new(o, "extents", extents);
    } else {
        json_object_set_new(o, "file", part_node(i->slices[0].part, socket, i->slices[0].name));
    }
    vf_autofree char *text = json_dumps(o, JSON_COMPACT);
    json_decref(o);
    if (!text)
        abort(); /* the recipe was JSON */
    return vf_asprintf("json:%s", text);
}

/* ---- opening ---- */

/* Of several parts the first is the descriptor, which QEMU is not shown: it gets one of ours. */
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

static int check_parts(const struct vf_recipe *r, struct vf_error **err)
{
    bool good = vf_streq(r->image, "vmdk") && r->n_parts && r->n_parts <= MAX_PARTS;
    for (size_t k = 0; good && k < r->n_parts; k++)
        good = r->parts[k].path && !r->parts[k].datastore == !r->parts[0].datastore;
    return good
               ? 0
               : vf_fail(err, VF_E_UNSUPPORTED, "%s is no image that vmferry-fetch reads", r->name);
}

int vf_fetch_image_open(const struct vf_recipe *r, struct vf_parts *parts,
                        const struct vf_disk_spec *spec, struct vf_fetch_image *i,
                        struct vf_error **err)
{
    static atomic_uint counter;
    unsigned number = atomic_fetch_add(&counter, 1);
    vf_autofree char *socket = vf_asprintf("%s/fetch-%u.sock", spec->dir, number);
    vf_autofree char *descriptor = vf_asprintf("%s/fetch-%u.vmdk", spec->dir, number);
    struct vf_image image = {0};
    if (check_parts(r, err) < 0)
        return -1;
    make_slices(r, parts, i);
    vf_autofree uint64_t *sizes = vf_xcalloc(i->n, sizeof *sizes);
    if (check_heads(r, i, sizes, err) < 0)
        return -1;
    if (r->parts[0].datastore && !(i->server = vf_nbd_server_new(socket, i->exports, i->n, err)))
        return -1;
    if (r->n_parts > 1 && write_descriptor(i, sizes, descriptor, err) < 0)
        return -1;
    vf_autofree char *name = json_name(r, i, socket);
    struct vf_disk_spec inner = {
        .path = name, .format = r->image, .dir = spec->dir, .cancel = spec->cancel};
    if (vf_image_begin_check(&image, name, r->name, r->image, err) < 0 ||
        vf_image_wait(&image, FIRST_MS, spec->cancel, err) < 0) {
        vf_image_close(&image);
        return -1;
    }
    i->disk = vf_disk_open_checked(&inner, r->name, &image, err);
    return i->disk ? 0 : -1;
}

int vf_fetch_image_close(struct vf_fetch_image *i, struct vf_error **err)
{
    int r = i->disk ? vf_disk_close(VF_STEAL(i->disk), err) : 0;
    vf_nbd_server_free(i->server);
    if (i->descriptor)
        unlink(i->descriptor); /* goes with its directory otherwise */
    free(i->descriptor);
    free(i->exports);
    free(i->slices);
    *i = (struct vf_fetch_image){0};
    return r;
}
