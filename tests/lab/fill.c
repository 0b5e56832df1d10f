/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Content of demo disks: a boot sector, runs of data with holes between them, always the same for
 * the same seed. qcow2 images made with preallocated metadata are written in place: their tables
 * say where each cluster lies in the file (QEMU docs/interop/qcow2.txt), which is far quicker than
 * a conversion. */
#include "config.h"
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include "tests/lab/lab.h"

#define MIB       (1 << 20)
#define OFFSET_OF 0x00fffffffffffe00ULL /* host offset in an L1 or L2 entry */

struct image {
    int fd;
    bool qcow2;
    unsigned cluster_bits;
    uint64_t *l1;
    uint32_t l1_size;
};

static int open_qcow2(struct image *im, struct vf_error **err)
{
    unsigned char h[72];
    uint32_t be32;
    uint64_t l1_offset;
    if (vf_pread_full(im->fd, h, sizeof h, 0) != sizeof h || memcmp(h, "QFI\xfb", 4))
        return vf_fail(err, VF_E_CORRUPT, "not a qcow2 image");
    memcpy(&be32, h + 20, 4);
    im->cluster_bits = be32toh(be32);
    memcpy(&be32, h + 36, 4);
    im->l1_size = be32toh(be32);
    memcpy(&l1_offset, h + 40, 8);
    im->l1 = vf_xcalloc(im->l1_size, 8);
    if (vf_pread_full(im->fd, im->l1, im->l1_size * 8UL, be64toh(l1_offset)) != im->l1_size * 8L)
        return vf_fail(err, VF_E_CORRUPT, "the qcow2 image has no L1 table");
    return 0;
}

static int write_at(struct image *im, const unsigned char *data, size_t n, uint64_t offset,
                    struct vf_error **err)
{
    while (n) {
        uint64_t at = offset, step = n;
        if (im->qcow2) {
            uint64_t cluster = 1ULL << im->cluster_bits, entry;
            uint64_t index = offset >> im->cluster_bits, per_l2 = cluster / 8;
            uint64_t l2 = be64toh(im->l1[index / per_l2]) & OFFSET_OF;
            if (vf_pread_full(im->fd, &entry, 8, l2 + index % per_l2 * 8) != 8 || !l2 ||
                !(be64toh(entry) & OFFSET_OF))
                return vf_fail(err, VF_E_CORRUPT, "a cluster of the qcow2 image is not allocated");
            uint64_t in = offset & (cluster - 1);
            at = (be64toh(entry) & OFFSET_OF) + in;
            step = cluster - in < n ? cluster - in : n;
        }
        if (vf_pwrite_full(im->fd, data, step, at))
            return vf_fail_errno(err, errno, "cannot write a disk's content");
        data += step;
        offset += step;
        n -= step;
    }
    return 0;
}

static uint64_t next_random(uint64_t *s)
{
    *s ^= *s << 13;
    *s ^= *s >> 7;
    *s ^= *s << 17;
    return *s;
}

/* Two of three runs do not compress, the third looks like text. */
static void make_run(unsigned char *out, uint64_t seed, uint64_t number)
{
    uint64_t s = seed * 0x9e3779b97f4a7c15ULL + number + 1;
    for (int i = 0; i < 4; i++)
        next_random(&s);
    for (size_t i = 0; i < MIB; i += 8) {
        uint64_t r = next_random(&s);
        if (number % 3 == 2)
            r = 0x6161616161616161ULL + (r & 0x0f0f0f0f0f0f0f0fULL);
        memcpy(out + i, &r, 8);
    }
}

int lab_image_fill(const char *path, const char *format, uint64_t size, uint64_t data,
                   uint64_t seed, bool ignore_button, struct vf_error **err)
{
    struct image im = {.fd = open(path, O_RDWR | O_CLOEXEC), .qcow2 = vf_streq(format, "qcow2")};
    vf_autofree unsigned char *run = vf_xmalloc(MIB);
    unsigned char boot[512];
    int r = im.fd < 0 ? vf_fail_errno(err, errno, "cannot open %s", path) : 0;
    if (!r && im.qcow2)
        r = open_qcow2(&im, err);
    uint64_t runs = data / MIB, stride = runs ? size / runs / MIB * MIB : 0;
    for (uint64_t i = 0; !r && i < runs; i++) {
        make_run(run, seed, i);
        r = write_at(&im, run, MIB, i * stride, err);
    }
    if (!r && !runs && data) { /* at the end, where a copy that rounds down misses it */
        make_run(run, seed, 0);
        r = write_at(&im, run, data, size - data, err);
    }
    lab_guest_sector(boot, ignore_button);
    if (!r)
        r = write_at(&im, boot, sizeof boot, 0, err);
    free(im.l1);
    if (im.fd >= 0)
        close(im.fd);
    return r ? vf_fail_prefix(err, "%s", path) : 0;
}
