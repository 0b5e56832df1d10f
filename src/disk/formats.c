/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The headers of image files, as far as they name other files or say how long a file must be.
 * qcow2: QEMU docs/interop/qcow2.txt. vdi, vpc: QEMU block/vdi.c and block/vpc.c. */
#include "config.h"
#include "disk/image.h"
#include "disk/vmdk.h"
#include "disk/le.h"
#include "base/fdio.h"
#include "base/str.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { MAX_NAME = 1023, SECTOR = 512 };

static uint32_t be32(const unsigned char *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return be32toh(v);
}

static uint64_t be64(const unsigned char *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return be64toh(v);
}

static int not_this(const char *path, const char *format, struct vf_error **err)
{
    return vf_fail(err, VF_E_UNSUPPORTED, "%s is not a %s image", path, format);
}

/* N bytes at OFFSET; those behind the end are zero. */
static int read_at(int fd, void *buf, size_t n, uint64_t offset, const char *path,
                   struct vf_error **err)
{
    memset(buf, 0, n);
    return vf_pread_full(fd, buf, n, offset) < 0
               ? vf_fail_errno(err, errno, "reading the header of %s", path)
               : 0;
}

static void add_link(struct vf_image_head *h, const struct vf_image_link *l)
{
    *(struct vf_image_link *)vf_grow(&h->links, &h->n_links, sizeof *h->links) = *l;
}

void vf_image_head_clear(struct vf_image_head *h)
{
    for (size_t i = 0; i < h->n_links; i++) {
        free(h->links[i].name);
        free(h->links[i].format);
    }
    free(h->links);
    *h = (struct vf_image_head){0};
}

/* ---- qcow2 ---- */

/* The format of the backing file, from the header extensions; NULL: not named. */
static int backing_format(int fd, uint64_t at, uint64_t end, const char *path, char **out,
                          struct vf_error **err)
{
    enum { BACKING_FORMAT = 0xE2792ACA, MAX_FORMAT = 15 };
    unsigned char ext[8];
    char text[MAX_FORMAT + 1];
    while (at + sizeof ext <= end) {
        if (read_at(fd, ext, sizeof ext, at, path, err) < 0)
            return -1;
        uint32_t type = be32(ext), len = be32(ext + 4);
        at += sizeof ext;
        if (!type)
            return 0;
        if (type == (uint32_t)BACKING_FORMAT && len <= MAX_FORMAT) {
            if (read_at(fd, text, sizeof text, at, path, err) < 0)
                return -1;
            *out = vf_strndup(text, len);
            return 0;
        }
        at += ((uint64_t)len + 7) / 8 * 8;
    }
    return 0;
}

static int qcow2_head(int fd, uint64_t size, const char *path, struct vf_image_head *out,
                      struct vf_error **err)
{
    enum { V2_LENGTH = 72, CORRUPT = 2, DATA_FILE = 4 };
    unsigned char h[104];
    if (read_at(fd, h, sizeof h, 0, path, err) < 0)
        return -1;
    uint32_t version = be32(h + 4), name_len = be32(h + 16), bits = be32(h + 20);
    if (memcmp(h, "QFI\xfb", 4) != 0 || version < 2 || version > 3 || bits < 9 || bits > 21)
        return not_this(path, "qcow2", err);
    uint64_t features = version > 2 ? be64(h + 72) : 0, name_at = be64(h + 8);
    out->unit = 1U << bits;
    if (features & CORRUPT)
        return vf_fail(err, VF_E_CORRUPT,
                       "%s is marked as corrupt: repair it (qemu-img check -r all) first", path);
    if (be32(h + 32)) /* its method; what is copied is what a guest sees, which takes the key */
        return vf_fail(
            err, VF_E_UNSUPPORTED,
            "%s is encrypted, and its key is not known here: make an image of it that is "
            "not (qemu-img convert), or encrypt inside the VM",
            path);
    if (features & DATA_FILE)
        return vf_fail(err, VF_E_UNSUPPORTED,
                       "%s keeps its data in another file: make one image of it (qemu-img convert)",
                       path);
    if (!name_at || !name_len)
        return 0;
    if (name_len > MAX_NAME || name_at > size || name_len > size - name_at)
        return vf_fail(err, VF_E_CORRUPT, "%s: the name of its backing file is cut off", path);
    char name[MAX_NAME + 1];
    vf_autofree char *format = NULL;
    uint64_t from = version > 2 ? be32(h + 100) : V2_LENGTH;
    if (read_at(fd, name, name_len, name_at, path, err) < 0 ||
        backing_format(fd, from, name_at, path, &format, err) < 0)
        return -1;
    struct vf_image_link l = {.name = vf_strndup(name, name_len), .format = VF_STEAL(format)};
    add_link(out, &l);
    return 0;
}

/* ---- vmdk ---- */

struct vmdk_fd {
    int fd;
    const char *path;
};

static int read_vmdk(void *opaque, void *buf, size_t n, uint64_t offset, struct vf_error **err)
{
    const struct vmdk_fd *f = opaque;
    return read_at(f->fd, buf, n, offset, f->path, err);
}

/* Which files, as QEMU finds them: vmdk.c says where it is read otherwise. */
static int vmdk_head(int fd, uint64_t size, const char *path, struct vf_image_head *out,
                     struct vf_error **err)
{
    size_t n = size < VF_VMDK_TEXT ? (size_t)size : VF_VMDK_TEXT;
    vf_autofree char *data = vf_xcalloc(1, VF_VMDK_TEXT);
    if (read_at(fd, data, n, 0, path, err) < 0)
        return -1;
    vf_auto(vf_vmdk_free) struct vf_vmdk *d = vf_vmdk_parse(data, n, path, err);
    if (!d)
        return -1;
    out->unit = (uint32_t)d->grain;
    if (d->whole) {
        struct vmdk_fd f = {fd, path};
        struct vf_vmdk_file file = {path, size, read_vmdk, &f};
        struct vf_vmdk_reach used;
        if (vf_vmdk_reach(&file, &used, err) < 0)
            return -1;
        out->least = used.end;
    }
    for (size_t i = 0; i < d->n_extents; i++) {
        const struct vf_vmdk_extent *x = &d->extents[i];
        if (d->whole)
            continue;
        if (!x->file)
            return vf_fail(
                err, VF_E_UNSUPPORTED,
                "%s has a part that vmferry cannot read (ZERO), and QEMU would leave out", path);
        bool flat = x->kind == VF_VMDK_FLAT;
        struct vf_image_link l = {.name = vf_strdup(x->file),
                                  .format = vf_strdup(flat ? "raw" : "vmdk"),
                                  .least = flat ? x->offset + x->length : 0,
                                  .part = true};
        add_link(out, &l);
    }
    return 0;
}

/* ---- vdi, vpc, vhdx ---- */

/* QEMU reads what a cut off file lacks as zeroes. */
static int vdi_head(int fd, uint64_t size, const char *path, struct vf_image_head *out,
                    struct vf_error **err)
{
    unsigned char h[SECTOR];
    if (read_at(fd, h, sizeof h, 0, path, err) < 0)
        return -1;
    if (vf_le32(h + 0x40) != 0xbeda107f)
        return not_this(path, "vdi", err);
    out->unit = vf_le32(h + 0x178);
    out->least = vf_le32(h + 0x158) + (uint64_t)out->unit * vf_le32(h + 0x184);
    return 0;
}

/* QEMU takes a differencing disk for a whole one. */
static int vpc_head(int fd, uint64_t size, const char *path, struct vf_image_head *out,
                    struct vf_error **err)
{
    enum { DIFFERENCING = 4 };
    unsigned char h[SECTOR];
    if (read_at(fd, h, sizeof h, 0, path, err) < 0)
        return -1;
    if (memcmp(h, "conectix", 8) != 0 && size >= SECTOR &&
        read_at(fd, h, sizeof h, size - SECTOR, path, err) < 0)
        return -1;
    if (memcmp(h, "conectix", 8) != 0)
        return not_this(path, "vpc", err);
    if (be32(h + 60) == DIFFERENCING)
        return vf_fail(err, VF_E_UNSUPPORTED,
                       "%s holds only differences from another disk: merge it into that one first",
                       path);
    return 0;
}

/* QEMU refuses differencing disks, and a log that was not played back. */
static int vhdx_head(int fd, uint64_t size, const char *path, struct vf_image_head *out,
                     struct vf_error **err)
{
    char h[8];
    if (read_at(fd, h, sizeof h, 0, path, err) < 0)
        return -1;
    return memcmp(h, "vhdxfile", 8) ? not_this(path, "vhdx", err) : 0;
}

static const struct vf_image_format formats[] = {
    {"qcow2", true, true, qcow2_head}, {"vmdk", true, true, vmdk_head},
    {"vhdx", false, true, vhdx_head},  {"vdi", false, true, vdi_head},
    {"vpc", false, false, vpc_head},
};

const struct vf_image_format *vf_image_format(const char *name)
{
    for (size_t i = 0; i < VF_COUNT(formats); i++)
        if (vf_streq(formats[i].name, name))
            return &formats[i];
    return NULL;
}
