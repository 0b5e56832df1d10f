/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Raw images and block devices. Writes go through the page cache; read-backs use a second
 * descriptor with O_DIRECT, so that they come from where the flush has put the bytes. */
#include "config.h"
#include "disk/disk.h"
#include "base/fdio.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

enum { AT_ONCE = 8 }; /* more are of no use to any storage we know of */

struct file {
    struct vf_disk disk;
    int fd;
    int direct; /* O_DIRECT, for read-backs; -1: the file system has none */
    bool block, live;
    struct vf_kept kept; /* when it is written */
};

static struct file *self(struct vf_disk *d)
{
    return (struct file *)d;
}

static int read_cached(struct file *f, void *buf, size_t n, uint64_t offset, struct vf_error **err)
{
    ssize_t r = vf_pread_full(f->fd, buf, n, offset);
    if (r < 0)
        return vf_fail_errno(err, errno, "%zu bytes", n);
    if ((size_t)r < n)
        return vf_fail(err, VF_E_CORRUPT, "it has become shorter");
    return 0;
}

/* OFFSET and BUF aligned; BUF has room for N rounded up. */
static int read_aligned(struct file *f, char *buf, size_t n, uint64_t offset, struct vf_error **err)
{
    size_t whole = (n + VF_DISK_ALIGN - 1) / VF_DISK_ALIGN * VF_DISK_ALIGN;
    for (size_t got = 0; got < n;) {
        ssize_t r = pread(f->direct, buf + got, whole - got, (off_t)(offset + got));
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            return vf_fail_errno(err, errno, "%zu bytes, past the cache", n);
        got += (size_t)r;
        if (got < n && (r == 0 || got % VF_DISK_ALIGN))
            return vf_fail(err, VF_E_CORRUPT, "it has become shorter");
    }
    return 0;
}

static int read_direct(struct file *f, void *buf, size_t n, uint64_t offset, struct vf_error **err)
{
    size_t before = offset % VF_DISK_ALIGN;
    if (!before)
        return read_aligned(f, buf, n, offset, err);
    char *wide = NULL;
    if (posix_memalign((void **)&wide, VF_DISK_ALIGN, n + 2 * (size_t)VF_DISK_ALIGN) != 0)
        abort();
    int r = read_aligned(f, wide, before + n, offset - before, err);
    if (r == 0)
        memcpy(buf, wide + before, n);
    free(wide);
    return r;
}

/* Clean pages are dropped: what there is without O_DIRECT, and for file systems that quietly read
 * through the cache all the same. */
static void drop_pages(struct file *f, size_t n, uint64_t offset)
{
    posix_fadvise(f->fd, (off_t)offset, (off_t)n, POSIX_FADV_DONTNEED);
}

static int file_read(struct vf_disk *d, void *buf, size_t n, uint64_t offset, struct vf_error **err)
{
    struct file *f = self(d);
    if (!f->live)
        return read_cached(f, buf, n, offset, err);
    /* A page that is read while QEMU writes there with O_DIRECT can stay in the cache as it was
     * before, and be found by the pass after the shutdown. So a live disk leaves no pages behind.
     */
    int r =
        f->direct < 0 ? read_cached(f, buf, n, offset, err) : read_direct(f, buf, n, offset, err);
    drop_pages(f, n, offset);
    return r;
}

static int file_read_back(struct vf_disk *d, void *buf, size_t n, uint64_t offset,
                          struct vf_error **err)
{
    struct file *f = self(d);
    drop_pages(f, n, offset); /* clean ones, after a flush */
    return f->direct < 0 ? read_cached(f, buf, n, offset, err)
                         : read_direct(f, buf, n, offset, err);
}

/* A write beyond the new end of a file that somebody cut off would give it its size back. */
static int has_its_size(struct file *f, struct vf_error **err)
{
    off_t end = f->block ? (off_t)f->disk.size : lseek(f->fd, 0, SEEK_END);
    if (end < 0)
        return vf_fail_errno(err, errno, "asking for its size");
    if ((uint64_t)end < f->disk.size)
        return vf_fail(err, VF_E_CORRUPT,
                       "somebody has cut it off while it was written: it has %llu bytes, not %llu",
                       (unsigned long long)end, (unsigned long long)f->disk.size);
    return 0;
}

static int file_write(struct vf_disk *d, const void *buf, size_t n, uint64_t offset,
                      struct vf_error **err)
{
    struct file *f = self(d);
    if (has_its_size(f, err) < 0)
        return -1;
    return vf_pwrite_full(f->fd, buf, n, offset) < 0 ? vf_fail_errno(err, errno, "%zu bytes", n)
                                                     : 0;
}

/* By hand, but nothing where there are zeroes already: on a thin volume they take no room, and stay
 * so. */
static int write_zeroes(struct file *f, uint64_t n, uint64_t offset, struct vf_error **err)
{
    vf_autofree void *zeroes = vf_disk_buffer(), *there = vf_disk_buffer();
    memset(zeroes, 0, VF_DISK_CHUNK);
    while (n) {
        size_t now = n < VF_DISK_CHUNK ? n : VF_DISK_CHUNK;
        if (read_cached(f, there, now, offset, err) < 0)
            return -1;
        if (!vf_all_zero(there, now) && vf_pwrite_full(f->fd, zeroes, now, offset) < 0)
            return vf_fail_errno(err, errno, "%zu zeroes", now);
        offset += now;
        n -= now;
    }
    return 0;
}

/* Of a block device the kernel takes a hole only where the device promises that it reads back as
 * zeroes. A discard promises nothing and is never used. */
static int file_zero(struct vf_disk *d, uint64_t n, uint64_t offset, struct vf_error **err)
{
    struct file *f = self(d);
    if (fallocate(f->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)n) == 0)
        return 0;
    /* not there, or not at this alignment */
    if (errno != EOPNOTSUPP && errno != ENOSYS && errno != EINVAL && errno != ENODEV &&
        errno != EREMOTEIO)
        return vf_fail_errno(err, errno, "%llu zeroes", (unsigned long long)n);
    return write_zeroes(f, n, offset, err);
}

static int file_flush(struct vf_disk *d, struct vf_error **err)
{
    struct file *f = self(d);
    if (fdatasync(f->fd) < 0)
        return vf_fail_errno(err, errno, "fdatasync");
    return vf_kept_check(&f->kept, false, err);
}

/* Behind the end of a file that was cut off, SEEK_DATA finds a hole like any other. */
static int still_whole(struct file *f, struct vf_error **err)
{
    struct stat st;
    if (fstat(f->fd, &st) < 0)
        return vf_fail_errno(err, errno, "fstat");
    if ((uint64_t)st.st_size < f->disk.size)
        return vf_fail(err, VF_E_CORRUPT, "it has become shorter");
    return 0;
}

static int file_extent(struct vf_disk *d, uint64_t offset, struct vf_extent *out,
                       struct vf_error **err)
{
    struct file *f = self(d);
    *out = (struct vf_extent){.end = d->size};
    if (f->block)
        return 0;
    off_t data = lseek(f->fd, (off_t)offset, SEEK_DATA);
    if (data < 0 && errno == ENXIO) { /* a hole up to the end */
        out->zero = true;
        return still_whole(f, err);
    }
    if (data < 0 && (errno == EINVAL || errno == EOPNOTSUPP))
        return 0;
    if (data < 0)
        return vf_fail_errno(err, errno, "SEEK_DATA");
    if ((uint64_t)data > offset) {
        *out = (struct vf_extent){.end = (uint64_t)data, .zero = true};
        return 0;
    }
    off_t hole = lseek(f->fd, (off_t)offset, SEEK_HOLE);
    if (hole < 0)
        return vf_fail_errno(err, errno, "SEEK_HOLE");
    out->end = (uint64_t)hole;
    return 0;
}

static int file_close(struct vf_disk *d, struct vf_error **err)
{
    struct file *f = self(d);
    if (f->direct >= 0)
        close(f->direct);
    vf_kept_clear(&f->kept);
    return close(f->fd) < 0 ? vf_fail_errno(err, errno, "close") : 0;
}

static const struct vf_disk_ops file_ops = {
    .name = "file",
    .read = file_read,
    .write = file_write,
    .zero = file_zero,
    .flush = file_flush,
    .extent = file_extent,
    .read_back = file_read_back,
    .close = file_close,
};

/* Size and kind; only regular files and block devices are disks. */
static int measure(struct file *f, const char *path, struct vf_error **err)
{
    struct stat st;
    if (fstat(f->fd, &st) < 0)
        return vf_fail_errno(err, errno, "%s", path);
    f->disk.unit = VF_DISK_ALIGN;
    f->disk.at_once = AT_ONCE;
    if (S_ISREG(st.st_mode)) {
        f->disk.size = (uint64_t)st.st_size;
        f->disk.zero_when_fresh = true;
        return 0;
    }
    if (!S_ISBLK(st.st_mode))
        return vf_fail(err, VF_E_UNSUPPORTED, "%s is neither a file nor a block device", path);
    f->block = true;
    if (ioctl(f->fd, BLKGETSIZE64, &f->disk.size) < 0)
        return vf_fail_errno(err, errno, "asking for the size of %s", path);
    return 0;
}

/* Most versions of ZFS accept O_DIRECT and read from their own cache all the same. */
static bool on_zfs(int fd)
{
    enum { ZFS_MAGIC = 0x2fc12fc1, ZVOL_MAJOR = 230 };
    struct statfs fs;
    struct stat st;
    return fstatfs(fd, &fs) < 0 || fs.f_type == ZFS_MAGIC || fstat(fd, &st) < 0 ||
           (S_ISBLK(st.st_mode) && major(st.st_rdev) == ZVOL_MAJOR);
}

/* O_DIRECT may be accepted when opening and refused when reading: tried once. */
int vf_disk_open_direct(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
    if (fd < 0)
        return -1;
    vf_autofree void *buf = vf_disk_buffer();
    if (!on_zfs(fd) && pread(fd, buf, VF_DISK_ALIGN, 0) > 0)
        return fd;
    close(fd);
    return -1;
}

/* A block device that is mounted, or part of another, is not written to: O_EXCL, which has a
 * meaning without O_CREAT only there. */
static int open_file(const struct vf_disk_spec *spec, struct vf_error **err)
{
    struct stat st;
    int flags = (spec->write ? O_RDWR : O_RDONLY) | O_CLOEXEC;
    if (spec->write && stat(spec->path, &st) == 0 && S_ISBLK(st.st_mode))
        flags |= O_EXCL;
    int fd = open(spec->path, flags);
    if (fd < 0 && errno == EBUSY)
        return vf_fail(
            err, VF_E_CONFLICT,
            "%s is in use: it is mounted, part of another device, or written by another copy",
            spec->path);
    return fd < 0 ? vf_fail_errno(err, errno, "opening %s", spec->path) : fd;
}

struct vf_disk *vf_disk_open_file(const struct vf_disk_spec *spec, struct vf_error **err)
{
    vf_autofree struct file *f = vf_xcalloc(1, sizeof *f);
    f->direct = f->kept.fd = -1;
    f->fd = open_file(spec, err);
    if (f->fd < 0)
        return NULL;
    /* a lock on a live disk would keep its VM from opening it anew, and it could not be had anyway
     */
    if (measure(f, spec->path, err) < 0 ||
        (!spec->live && vf_qemu_lock(f->fd, spec->write, spec->path, err) < 0)) {
        close(f->fd);
        return NULL;
    }
    posix_fadvise(f->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    f->disk.ops = &file_ops;
    f->disk.name = vf_strdup(spec->path);
    f->disk.writable = spec->write;
    f->live = spec->live;
    f->direct = vf_disk_open_direct(spec->path);
    f->disk.media = f->direct >= 0;
    if (spec->write)
        vf_kept_hold(&f->kept, spec->path, f->disk.size);
    struct file *done = VF_STEAL(f);
    return &done->disk;
}
