/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A disk is one end of a copy. It says what it can do, never what it is: the engine asks for
 * extents, zeroes and read-backs and does not know about formats. A disk may be used by several
 * threads at once when one only writes and the others only flush, read and read back. */
#ifndef VF_DISK_DISK_H
#define VF_DISK_DISK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/cancel.h"
#include "base/error.h"

/* A run of bytes of one kind. ZERO: it reads back as zeroes and need not be read. */
struct vf_extent {
    uint64_t end; /* offset behind its last byte */
    bool zero;
};

struct vf_disk;

struct vf_disk_ops {
    const char *name; /* "file", "nbd", "memory" */
    int (*read)(struct vf_disk *d, void *buf, size_t n, uint64_t offset, struct vf_error **err);
    int (*write)(struct vf_disk *d, const void *buf, size_t n, uint64_t offset,
                 struct vf_error **err);
    /* The range reads back as zeroes afterwards; deallocated where that is possible. */
    int (*zero)(struct vf_disk *d, uint64_t n, uint64_t offset, struct vf_error **err);
    int (*flush)(struct vf_disk *d, struct vf_error **err);
    /* The extent that holds OFFSET (< size), as far as one question tells. */
    int (*extent)(struct vf_disk *d, uint64_t offset, struct vf_extent *out, struct vf_error **err);
    /* Reads what was flushed, from the medium where the disk can (->media says so afterwards). */
    int (*read_back)(struct vf_disk *d, void *buf, size_t n, uint64_t offset,
                     struct vf_error **err);
    /* ON: ends what reads and waits, CANCELLED, and everything read from now on. NULL: reading
     * never waits for long. */
    void (*interrupt)(struct vf_disk *d, bool on);
    /* Releases everything but D itself. */
    int (*close)(struct vf_disk *d, struct vf_error **err);
};

/* Embedded first in each kind's own struct. Fields are set when it is opened, then only read. */
struct vf_disk {
    const struct vf_disk_ops *ops;
    char *name;     /* path, for messages */
    uint64_t size;  /* bytes */
    char *identity; /* equal: it has not changed; "": nobody can tell; NULL: see vf_image_identity()
                     */
    uint32_t unit;  /* allocation unit, bytes: smaller runs of zeroes are not worth skipping */
    unsigned at_once; /* reads of it that gain from being under way at once; 0, 1: they would only
                         wait for each other */
    bool writable;
    bool zero_when_fresh; /* never written, it reads back as zeroes */
    bool media;           /* read_back() passes the page cache */
};

struct vf_disk_spec {
    const char *path, *format; /* "raw" or one of image.h; never guessed */
    bool write;                /* else only read */
    bool
        live; /* read while a VM writes to it: not locked, and what is read is believed by nobody */
    const char *dir; /* private directory (0700) for a socket; not needed for "raw" */
    struct vf_cancel *cancel;
};

enum { VF_DISK_CHUNK = 1 << 20, VF_DISK_ALIGN = 4096 };

/* Opens a disk image or block device and takes QEMU's own image locks, on all files it consists of:
 * a reader shares with readers, a writer with nobody. CONFLICT "is in use" when a VM or another
 * copy holds it, CORRUPT when it is damaged, UNSUPPORTED when it names files that are not believed.
 * Must be called by a thread that outlives the disk (a child process of it may die with that
 * thread). */
struct vf_disk *vf_disk_open(const struct vf_disk_spec *spec, struct vf_error **err);
/* SIZE bytes of memory, zeroed; for tests. */
struct vf_disk *vf_disk_new_memory(uint64_t size);

/* Closes and frees D in every case; -1 when what was written may not have arrived. */
int vf_disk_close(struct vf_disk *d, struct vf_error **err);
void vf_disk_free(struct vf_disk *d);
VF_DEFINE_CLEANUP(struct vf_disk *, vf_disk_free)

/* The operations, with the range checked. Errors name the disk. Buffers are aligned to
 * VF_DISK_ALIGN and have room for a multiple of it. */
int vf_disk_read(struct vf_disk *d, void *buf, size_t n, uint64_t offset, struct vf_error **err);
int vf_disk_write(struct vf_disk *d, const void *buf, size_t n, uint64_t offset,
                  struct vf_error **err);
int vf_disk_zero(struct vf_disk *d, uint64_t n, uint64_t offset, struct vf_error **err);
int vf_disk_flush(struct vf_disk *d, struct vf_error **err);
int vf_disk_extent(struct vf_disk *d, uint64_t offset, struct vf_extent *out,
                   struct vf_error **err);
int vf_disk_read_back(struct vf_disk *d, void *buf, size_t n, uint64_t offset,
                      struct vf_error **err);

/* For who wants to end a pass over D; the next one begins with OFF. From any thread. */
void vf_disk_interrupt(struct vf_disk *d, bool on);

/* Makes the range zero, touching only what does not say that it is zero already. */
int vf_disk_make_zero(struct vf_disk *d, uint64_t n, uint64_t offset, struct vf_error **err);

/* A chunk's buffer: VF_DISK_CHUNK bytes, aligned; free() it. */
void *vf_disk_buffer(void);
bool vf_all_zero(const void *p, size_t n);

/* A kind of disk that a program brings along; what its paths mean is its own matter. */
struct vf_disk_kind {
    const char *format;
    struct vf_disk *(*open)(const struct vf_disk_spec *spec, struct vf_error **err);
};
enum { VF_DISK_KINDS = 4 };
/* Before there are threads. KIND is borrowed for good. */
void vf_disk_add_kind(const struct vf_disk_kind *kind);

/* The kinds. */
struct vf_disk *vf_disk_open_file(const struct vf_disk_spec *spec, struct vf_error **err);
struct vf_disk *vf_disk_open_nbd(const struct vf_disk_spec *spec, struct vf_error **err);
struct vf_image; /* image.h */
/* For reading, an image whose headers the caller has looked at: SPEC->path is what QEMU calls it
 * ("json:..."), NAME what messages do. IMAGE, its locks and checks, is taken over in any case. */
struct vf_disk *vf_disk_open_checked(const struct vf_disk_spec *spec, const char *name,
                                     struct vf_image *image, struct vf_error **err);

/* PATH for reading past the page cache, or -1 when that is not to be had there. */
int vf_disk_open_direct(const char *path);

/* QEMU's image locks on an open file: OFD locks on single bytes, one per permission used and one
 * per permission not shared (QEMU block/file-posix.c). Held until FD's file description is closed.
 */
int vf_qemu_lock(int fd, bool write, const char *path, struct vf_error **err);

/* That a file that is written is still the one that its path leads to, and was not cut off: what is
 * written to one that somebody removed, replaced or truncated would be compared and found right,
 * and be lost all the same. */
struct vf_kept {
    char *path;     /* NULL: nothing is held, as of block devices */
    int fd;         /* keeps its inode from being used again */
    uint64_t least; /* bytes that it must have */
};
/* Looks at the regular file at PATH and holds it. */
void vf_kept_hold(struct vf_kept *k, const char *path, uint64_t least);
/* 0, also when nothing is held; CONFLICT when it is another file, or gone; CORRUPT when it is
 * shorter than it must be or, GROWS, than it was. */
int vf_kept_check(struct vf_kept *k, bool grows, struct vf_error **err);
void vf_kept_clear(struct vf_kept *k);

#endif
