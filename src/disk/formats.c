/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The headers of image files, as far as they name other files or say how long a file must be.
 * qcow2: QEMU docs/interop/qcow2.txt. vmdk: VMware's "Virtual Disk Format 5.0" and QEMU
 * block/vmdk.c, whose reading of a descriptor is repeated here line by line. vdi, vpc: QEMU
 * block/vdi.c and block/vpc.c. */
#include "config.h"
#include "disk/image.h"
#include "base/fdio.h"
#include "base/str.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { MAX_NAME = 1023, MAX_DESCRIPTOR = (1 << 20) - 1, SECTOR = 512 };

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

static uint32_t le32(const unsigned char *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return le32toh(v);
}

static uint64_t le64(const unsigned char *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return le64toh(v);
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

/* One line of a descriptor: an extent, or nothing to us. */
static int vmdk_line(const char *line, const char *path, struct vf_image_head *out,
                     struct vf_error **err)
{
    char access[11], type[11], name[512];
    int64_t sectors = 0, offset = 0;
    int n = sscanf(line, "%10s %" SCNd64 " %10s \"%511[^\n\r\"]\" %" SCNd64, access, &sectors, type,
                   name, &offset);
    if (n < 1 ||
        (!vf_streq(access, "RW") && !vf_streq(access, "RDONLY") && !vf_streq(access, "NOACCESS")))
        return 0;
    bool flat = n >= 4 && (vf_streq(type, "FLAT") || vf_streq(type, "VMFS"));
    bool sparse = n >= 4 && vf_streq(type, "SPARSE");
    if ((!flat && !sparse) || !vf_streq(access, "RW") || sectors <= 0 || offset < 0 ||
        sectors > INT64_MAX / SECTOR / 2 || offset > INT64_MAX / SECTOR / 2)
        return vf_fail(err, VF_E_UNSUPPORTED,
                       "%s has a part that vmferry cannot read (%s %s): only FLAT, VMFS and SPARSE "
                       "parts are",
                       path, access, n >= 3 ? type : "?");
    struct vf_image_link l = {.name = vf_strdup(name),
                              .format = vf_strdup(flat ? "raw" : "vmdk"),
                              .least = flat ? (uint64_t)(sectors + offset) * SECTOR : 0,
                              .part = true};
    add_link(out, &l);
    return 0;
}

static int vmdk_descriptor(int fd, uint64_t at, bool extents, const char *path,
                           struct vf_image_head *out, struct vf_error **err)
{
    vf_autofree char *text = vf_xcalloc(1, MAX_DESCRIPTOR + 1);
    if (read_at(fd, text, MAX_DESCRIPTOR, at, path, err) < 0)
        return -1;
    if (strstr(text, "parentFileNameHint"))
        return vf_fail(err, VF_E_UNSUPPORTED,
                       "%s holds only what was written since a snapshot: remove the snapshots "
                       "(consolidate the disk) first",
                       path);
    for (const char *line = text; extents && line && *line;) {
        if (vmdk_line(line, path, out, err) < 0)
            return -1;
        line = strchr(line, '\n');
        line = line ? line + 1 : NULL;
    }
    return 0;
}

static int vmdk_head(int fd, uint64_t size, const char *path, struct vf_image_head *out,
                     struct vf_error **err)
{
    unsigned char h[SECTOR];
    if (read_at(fd, h, sizeof h, 0, path, err) < 0)
        return -1;
    if (!memcmp(h, "# Disk DescriptorFile", 21))
        return vmdk_descriptor(fd, 0, true, path, out, err);
    if (memcmp(h, "KDMV", 4) != 0)
        return not_this(path, "vmdk", err);
    uint64_t grain = le64(h + 20), at = le64(h + 28);
    if (grain && grain < 65536)
        out->unit = (uint32_t)(grain * SECTOR);
    if (at > size / SECTOR)
        return vf_fail(err, VF_E_CORRUPT, "%s: its descriptor is cut off", path);
    /* QEMU looks for a parent behind the header, wherever that says the descriptor is; and takes a
     * file without a capacity for a descriptor of others */
    if (vmdk_descriptor(fd, SECTOR, false, path, out, err) < 0)
        return -1;
    return at ? vmdk_descriptor(fd, at * SECTOR, !le64(h + 12), path, out, err) : 0;
}

/* ---- vdi, vpc, vhdx ---- */

/* QEMU reads what a cut off file lacks as zeroes. */
static int vdi_head(int fd, uint64_t size, const char *path, struct vf_image_head *out,
                    struct vf_error **err)
{
    unsigned char h[SECTOR];
    if (read_at(fd, h, sizeof h, 0, path, err) < 0)
        return -1;
    if (le32(h + 0x40) != 0xbeda107f)
        return not_this(path, "vdi", err);
    out->unit = le32(h + 0x178);
    out->least = le32(h + 0x158) + (uint64_t)out->unit * le32(h + 0x184);
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
    {"qcow2", true, true, qcow2_head}, {"vmdk", false, true, vmdk_head},
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
