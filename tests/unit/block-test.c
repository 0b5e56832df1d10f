/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Block devices: loop devices, also with blocks of 4096 bytes, where this machine lets us have
 * them.
 */
#include "config.h"
#include "disk/disk.h"
#include "tests/unit/copy-fixture.h"

/* A loop device over FILE with blocks of SECTOR bytes; caller frees, NULL: not to be had. */
static char *attach(const char *file, const char *sector)
{
    const char *argv[] = {"losetup", "-f", "--show", "-b", sector, file, NULL};
    struct vf_proc_result r = {0};
    char *device = NULL;
    if (vf_proc_run(argv, NULL, 0, 4096, NULL, &r, NULL) == 0 && r.status == 0)
        device = vf_strndup(vf_buf_str(&r.out), strcspn(vf_buf_str(&r.out), "\n"));
    vf_proc_result_free(&r);
    return device;
}

static void detach(const char *device)
{
    run((const char *const[]){"losetup", "-d", device, NULL});
}

/* A file full of something. */
static char *make_junk(const char *name, uint64_t size)
{
    char *path = path_of(name);
    vf_autofd int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    vf_autofree char *junk = vf_xmalloc(MIB);
    memset(junk, 0x5a, MIB);
    for (uint64_t at = 0; at < size; at += MIB)
        vf_pwrite_full(fd, junk, MIB, at);
    fsync(fd);
    return path;
}

static void test_device(const char *device, const char *file, const char *sector)
{
    const uint64_t size = 32 * MIB;
    vf_autofree unsigned char *buf = vf_disk_buffer(), *back = vf_disk_buffer();
    vf_autoerror struct vf_error *e = NULL;
    struct vf_disk_spec s = {.path = device, .format = "raw", .write = true};
    struct vf_disk *d = vf_disk_open(&s, &e);
    show(e);
    if (!ok(d && d->size == size, "blocks of %s: a device opens with its size", sector))
        return;
    struct vf_extent x;
    ok(!d->zero_when_fresh && vf_disk_extent(d, 0, &x, NULL) == 0 && !x.zero && x.end == size,
       "nothing is said about what is in it");
    for (size_t i = 0; i < MIB; i++)
        buf[i] = (unsigned char)(i % 249 + 1);
    ok(vf_disk_write(d, buf, MIB, 3 * MIB + 512, NULL) == 0 && vf_disk_flush(d, NULL) == 0,
       "it is written, not at its blocks");
    ok(vf_disk_read_back(d, back, MIB, 3 * MIB + 512, NULL) == 0 && !memcmp(buf, back, MIB),
       "and read back (%s)", d->media ? "media" : "through cache");
    uint64_t before = allocated(file);
    ok(vf_disk_zero(d, 8 * MIB, 16 * MIB, NULL) == 0 && vf_disk_flush(d, NULL) == 0 &&
           vf_disk_read_back(d, back, MIB, 17 * MIB, NULL) == 0 && vf_all_zero(back, MIB),
       "it is made zero");
    ok(allocated(file) + 7 * MIB < before, "which gives the room back");
    uint64_t thin = allocated(file);
    ok(vf_disk_zero(d, 2 * MIB, 18 * MIB + 512, NULL) == 0 && vf_disk_flush(d, NULL) == 0 &&
           allocated(file) <= thin,
       "zeroes between blocks, over zeroes, take none");
    ok(vf_disk_zero(d, 1024, 3 * MIB + 512 + 1536, NULL) == 0 && vf_disk_flush(d, NULL) == 0 &&
           vf_disk_read_back(d, back, MIB, 3 * MIB + 512, NULL) == 0 && !memcmp(back, buf, 1536) &&
           vf_all_zero(back + 1536, 1024) && !memcmp(back + 2560, buf + 2560, MIB - 2560),
       "zeroes between blocks, over data, are written there only");
    vf_autoerror struct vf_error *busy = NULL;
    ok(!vf_disk_open(&s, &busy) && vf_error_code(busy) == VF_E_CONFLICT, "no second writer");
    show(busy);
    ok(vf_disk_close(d, NULL) == 0, "it closes");
}

/* What is mounted, or a part of something, holds its device as this does. */
static void test_busy(const char *device)
{
    vf_autoerror struct vf_error *e = NULL;
    vf_autofd int fd = open(device, O_RDONLY | O_EXCL);
    struct vf_disk_spec s = {.path = device, .format = "raw", .write = true};
    ok(fd >= 0 && !vf_disk_open(&s, &e) && vf_error_code(e) == VF_E_CONFLICT,
       "a device that is mounted is not written to");
    show(e);
}

/* A device is never taken for empty. */
static void test_copy(struct pair *p, const char *device)
{
    vf_autofree char *from = make_pattern("src.raw", 32 * MIB);
    struct vf_copy_opts o = {.verify = true, .target_fresh = true};
    struct vf_copy_result r = {0};
    vf_autoerror struct vf_error *e = NULL;
    ok(copy(p, from, "raw", device, "raw", &o, &r, &e) == 0, "a copy to a device full of junk");
    show(e);
    ok(identical(from, "raw", device, "raw"), "is identical");
    vf_copy_result_free(&r);
    vf_autofree char *to = make_target("dst.qcow2", "qcow2", 32 * MIB);
    ok(copy(p, device, "raw", to, "qcow2", &o, &r, &e) == 0 && identical(from, "raw", to, "qcow2"),
       "and so is one from it");
    show(e);
    vf_copy_result_free(&r);
    unlink(to);
    unlink(from);
}

int main(void)
{
    static const char *const sectors[] = {"512", "4096"};
    int r = begin_copies("block");
    struct pair p;
    if (r)
        return r;
    for (size_t i = 0; i < VF_COUNT(sectors); i++) {
        vf_autofree char *file = make_junk("backing", 32 * MIB), *device = attach(file, sectors[i]);
        if (!device) {
            skip("a block device", "losetup is not possible here");
        } else {
            test_device(device, file, sectors[i]);
            test_busy(device);
            if (have_qemu_img() && ok(open_pair(&p), "two movers")) {
                test_copy(&p, device);
                close_pair(&p);
            }
            detach(device);
        }
        unlink(file);
    }
    return end_copies();
}
