/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Headers are read and believed by us first (disk/formats.c): an image that names any file is
 * refused. What QEMU opens is told in its "json:" form, by which nothing is guessed. */
#include "config.h"
#include "fetch/image.h"
#include "base/clock.h"
#include "base/fdio.h"
#include "base/str.h"
#include "disk/image.h"

#include <endian.h>
#include <errno.h>
#include <jansson.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

enum {
    SECTOR = 512,
    SOME = 64 << 10, /* read of a header, and of a descriptor ... */
    MOST = 1 << 20,  /* ... as much as QEMU looks at, when that is not its end */
    MAX_PARTS = 4096,
    FIRST_MS = 3 * 1000, /* most checks are over by then */
};

/* A part, as the server shows it. */
struct vf_fetch_slice {
    struct vf_parts *parts;
    uint64_t start, length;
    char name[32];
};

static int read_slice(void *opaque, void *buf, size_t n, uint64_t offset, struct vf_error **err)
{
    const struct vf_fetch_slice *s = opaque;
    return vf_parts_read(s->parts, buf, n, s->start + offset, err);
}

/* ---- headers ---- */

/* What is at AT of the part, up to its first NUL or as far as QEMU looks, into FD. */
static int copy_text(struct vf_fetch_slice *s, int fd, uint64_t at, struct vf_error **err)
{
    vf_autofree char *buf = vf_xmalloc(MOST);
    for (size_t n = SOME; at < s->length; n = MOST) {
        size_t now = s->length - at < n ? (size_t)(s->length - at) : n;
        if (read_slice(s, buf, now, at, err) < 0)
            return -1;
        if (vf_pwrite_full(fd, buf, now, at) < 0)
            return vf_fail_errno(err, errno, "a copy of the header");
        size_t head = at ? 0 : SECTOR; /* QEMU looks for text behind that, too */
        if (n == MOST || now < n || memchr(buf + head, 0, now - head))
            return 0;
    }
    return 0;
}

/* A file of the part's size, that has its header and descriptor and else nothing. */
static int copy_head(struct vf_fetch_slice *s, uint64_t *sectors, struct vf_error **err)
{
    vf_autofd int fd = memfd_create("vmferry-header", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, (off_t)s->length) < 0)
        return vf_fail_errno(err, errno, "memfd_create");
    unsigned char h[SECTOR] = {0};
    uint64_t at, capacity;
    if (copy_text(s, fd, 0, err) < 0)
        return -1;
    if (vf_pread_full(fd, h, sizeof h, 0) < 0)
        return vf_fail_errno(err, errno, "a copy of the header");
    memcpy(&capacity, h + 12, sizeof capacity);
    memcpy(&at, h + 28, sizeof at);
    at = le64toh(at);
    *sectors = le64toh(capacity);
    if (at && at <= s->length / SECTOR && copy_text(s, fd, at * SECTOR, err) < 0)
        return -1;
    return VF_STEAL_FD(fd);
}

static int check_head(struct vf_fetch_slice *s, const char *format, const char *name,
                      uint64_t *sectors, struct vf_error **err)
{
    vf_autofd int fd = copy_head(s, sectors, err);
    if (fd < 0)
        return -1;
    unsigned char magic[4] = {0};
    if (vf_pread_full(fd, magic, sizeof magic, 0) < 4 || memcmp(magic, "KDMV", 4) != 0)
        return vf_fail(err, VF_E_CORRUPT, "%s is no sparse VMDK: its first bytes are not KDMV",
                       name);
    struct vf_image_head head = {0};
    int r = vf_image_format(format)->head(fd, s->length, name, &head, err);
    if (r == 0 && (head.n_links || !*sectors))
        r = vf_fail(err, VF_E_UNSUPPORTED,
                    "%s names other files as its parts: that is not followed", name);
    vf_image_head_clear(&head);
    return r;
}

static int check_heads(const struct vf_recipe *r, struct vf_fetch_image *i, uint64_t *sectors,
                       struct vf_error **err)
{
    uint64_t sum = 0;
    for (size_t k = 0; k < i->n; k++) {
        if (check_head(&i->slices[k], r->image, r->name, &sectors[k], err) < 0)
            return -1;
        if (sectors[k] > INT64_MAX / SECTOR || (sum += sectors[k] * SECTOR) > INT64_MAX)
            return vf_fail(err, VF_E_CORRUPT, "%s: its header tells a size that cannot be",
                           r->name);
    }
    if (sum != r->size)
        return vf_fail(err, VF_E_CORRUPT,
                       "%s: the disk in it has %llu bytes, not the %llu that its VM says", r->name,
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
static int write_descriptor(struct vf_fetch_image *i, const uint64_t *sectors, const char *path,
                            struct vf_error **err)
{
    vf_autobuf struct vf_buf b = {0};
    vf_buf_puts(&b, "# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=ffffffff\n"
                    "createType=\"twoGbMaxExtentSparse\"\n\n# Extent description\n");
    for (size_t k = 0; k < i->n; k++)
        vf_buf_printf(&b, "RW %llu SPARSE \"part%zu\"\n", (unsigned long long)sectors[k], k);
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
            json_array_append_new(extents, part_node(&r->parts[k], socket, i->slices[k].name));
        json_object_set_new(o, "extents", extents);
    } else {
        json_object_set_new(o, "file", part_node(&r->parts[0], socket, i->slices[0].name));
    }
    vf_autofree char *text = json_dumps(o, JSON_COMPACT);
    json_decref(o);
    if (!text)
        abort(); /* the recipe was JSON */
    return vf_asprintf("json:%s", text);
}

/* ---- opening ---- */

static void make_slices(const struct vf_recipe *r, struct vf_parts *parts, struct vf_fetch_image *i)
{
    i->n = r->n_parts;
    i->slices = vf_xcalloc(i->n, sizeof *i->slices);
    i->exports = vf_xcalloc(i->n, sizeof *i->exports);
    for (size_t k = 0; k < i->n; k++) {
        struct vf_fetch_slice *s = &i->slices[k];
        *s = (struct vf_fetch_slice){
            .parts = parts, .start = vf_parts_start(parts, k), .length = r->parts[k].length};
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
    vf_autofree uint64_t *sectors = vf_xcalloc(i->n, sizeof *sectors);
    if (check_heads(r, i, sectors, err) < 0)
        return -1;
    if (r->parts[0].datastore && !(i->server = vf_nbd_server_new(socket, i->exports, i->n, err)))
        return -1;
    if (i->n > 1 && write_descriptor(i, sectors, descriptor, err) < 0)
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
