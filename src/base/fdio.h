/* SPDX-License-Identifier: GPL-3.0-or-later */
/* File descriptors and files: whole reads, whole writes, files replaced as a whole. */
#ifndef VF_BASE_FDIO_H
#define VF_BASE_FDIO_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/buf.h"
#include "base/error.h"

/* Until N bytes or end of file; the bytes read, or -1 with errno. EINTR is retried. */
ssize_t vf_read_full(int fd, void *buf, size_t n);
ssize_t vf_pread_full(int fd, void *buf, size_t n, uint64_t offset);
/* All N bytes: 0, or -1 with errno (a short write to a full disk is ENOSPC by its next try). */
int vf_write_full(int fd, const void *buf, size_t n);
int vf_pwrite_full(int fd, const void *buf, size_t n, uint64_t offset);

int vf_set_nonblock(int fd, bool on);

/* A file of at most MAX bytes (CORRUPT beyond), NUL-terminated; caller frees. LEN may be NULL. */
char *vf_read_file(const char *path, size_t max, size_t *len, struct vf_error **err);
/* The same from an open descriptor, for a file that was checked with fstat() first; NAME is for
 * messages. */
char *vf_read_fd(int fd, const char *name, size_t max, size_t *len, struct vf_error **err);

/* Replaces PATH by DATA: temporary file beside it with MODE, fsync, rename, fsync of the directory.
 */
int vf_replace_file(const char *path, const void *data, size_t n, mode_t mode,
                    struct vf_error **err);

/* mkdir -p; new directories get MODE, and are on disk on return. */
int vf_mkdirs(const char *path, mode_t mode, struct vf_error **err);

#endif
