/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every format but raw: a qemu-nbd of our own on a private socket, which also takes the image's
 * locks, and libnbd. Two connections, because a synchronous call of libnbd holds its handle: one
 * writes while the other flushes and reads back. Both reach the same block graph inside qemu-nbd.
 */
#include "config.h"
#include "disk/disk.h"
#include "base/clock.h"
#include "base/fdio.h"
#include "base/proc.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <libnbd.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum {
    START_MS = 20 * 1000,
    MAX_EXTENTS = 4096,
    CLUSTER = 65536, /* qcow2's default; a wrong guess costs a little space, nothing else */
};

/* What one question for block status or one run of zeroes may span: 32 bits. */
#define MAX_SPAN ((uint64_t)0xfff00000)
#define MIN_SPAN ((uint64_t)16 << 20)

struct nbd {
    struct vf_disk disk;
    struct vf_proc server;
    char *socket;
    struct nbd_handle *io, *commit; /* the same one when only reading */
    uint32_t read_flags;
    /* the last block status answer; writer and committer both ask */
    pthread_mutex_t extents_lock;
    struct vf_extent extents[MAX_EXTENTS];
    size_t n_extents;
    uint64_t from;
    uint64_t span; /* of the next question: as far as the answers are of use */
};

static struct nbd *self(struct vf_disk *d)
{
    return (struct nbd *)d;
}

static int nbd_failed(struct vf_error **err, const char *what)
{
    int e = nbd_get_errno();
    const char *text = nbd_get_error();
    if (e == ENOSPC || e == EIO || e == EPERM)
        return vf_fail_errno(err, e, "%s", what);
    return vf_fail(err, VF_E_INTERNAL, "%s: %s", what, text ? text : "NBD failed");
}

/* libnbd puts the bytes where they belong; it only wants to tell somebody. */
static int on_chunk(void *opaque, const void *part, size_t n, uint64_t offset, unsigned status,
                    int *error)
{
    return 0;
}

static int do_read(struct nbd *b, struct nbd_handle *h, void *buf, size_t n, uint64_t offset,
                   struct vf_error **err)
{
    /* asked for a plain read, qemu-nbd answers in parts, and hangs up when it cannot read one */
    nbd_chunk_callback cb = {.callback = on_chunk};
    int r = nbd_pread_structured(h, buf, n, offset, cb, b->read_flags);
    return r < 0 ? nbd_failed(err, "read through qemu-nbd") : 0;
}

static int disk_read(struct vf_disk *d, void *buf, size_t n, uint64_t offset, struct vf_error **err)
{
    return do_read(self(d), self(d)->io, buf, n, offset, err);
}

static int disk_read_back(struct vf_disk *d, void *buf, size_t n, uint64_t offset,
                          struct vf_error **err)
{
    return do_read(self(d), self(d)->commit, buf, n, offset, err);
}

static int disk_write(struct vf_disk *d, const void *buf, size_t n, uint64_t offset,
                      struct vf_error **err)
{
    return nbd_pwrite(self(d)->io, buf, n, offset, 0) < 0
               ? nbd_failed(err, "write through qemu-nbd")
               : 0;
}

static int disk_zero(struct vf_disk *d, uint64_t n, uint64_t offset, struct vf_error **err)
{
    struct nbd *b = self(d);
    while (n) {
        uint64_t now = n < MAX_SPAN ? n : MAX_SPAN;
        if (nbd_zero(b->io, now, offset, 0) < 0)
            return nbd_failed(err, "zeroes through qemu-nbd");
        offset += now;
        n -= now;
    }
    return 0;
}

static int disk_flush(struct vf_disk *d, struct vf_error **err)
{
    return nbd_flush(self(d)->commit, 0) < 0 ? nbd_failed(err, "flush through qemu-nbd") : 0;
}

/* libnbd's callback: pairs of length and flags (bit 0 hole, bit 1 reads as zero). */
static int on_extents(void *opaque, const char *context, uint64_t offset, uint32_t *entries,
                      size_t n, int *error)
{
    struct nbd *b = opaque;
    if (strcmp(context, LIBNBD_CONTEXT_BASE_ALLOCATION) != 0)
        return 0;
    for (size_t i = 0; i + 1 < n && b->n_extents < MAX_EXTENTS; i += 2) {
        offset += entries[i];
        b->extents[b->n_extents++] =
            (struct vf_extent){.end = offset, .zero = (entries[i + 1] & LIBNBD_STATE_ZERO) != 0};
    }
    return 0;
}

static int ask_extents(struct nbd *b, struct nbd_handle *h, uint64_t offset, struct vf_error **err)
{
    uint64_t n = b->disk.size - offset < b->span ? b->disk.size - offset : b->span;
    b->n_extents = 0;
    b->from = offset;
    nbd_extent_callback cb = {.callback = on_extents, .user_data = b};
    if (nbd_block_status(h, n, offset, cb, 0) < 0)
        return nbd_failed(err, "block status through qemu-nbd");
    if (!b->n_extents)
        b->extents[b->n_extents++] = (struct vf_extent){.end = offset + n};
    /* a target's answers are used once: a long one about small pieces is for nothing */
    size_t many = b->disk.writable ? 8 : MAX_EXTENTS / 2;
    if (b->n_extents > many && b->span > MIN_SPAN)
        b->span /= 2;
    else if (b->n_extents == 1)
        b->span = b->span * 2 < MAX_SPAN ? b->span * 2 : MAX_SPAN;
    return 0;
}

static int extent_locked(struct vf_disk *d, uint64_t offset, struct vf_extent *out,
                         struct vf_error **err)
{
    struct nbd *b = self(d);
    /* a target's extents change as it is written: only a reader may keep the answer */
    bool known = !d->writable && b->n_extents && offset >= b->from &&
                 offset < b->extents[b->n_extents - 1].end;
    if (!known && ask_extents(b, b->commit, offset, err) < 0)
        return -1;
    size_t i = 0;
    while (i + 1 < b->n_extents && b->extents[i].end <= offset)
        i++;
    *out = b->extents[i];
    for (; i + 1 < b->n_extents && b->extents[i + 1].zero == out->zero; i++)
        out->end = b->extents[i + 1].end;
    return 0;
}

static int disk_extent(struct vf_disk *d, uint64_t offset, struct vf_extent *out,
                       struct vf_error **err)
{
    pthread_mutex_lock(&self(d)->extents_lock);
    int r = extent_locked(d, offset, out, err);
    pthread_mutex_unlock(&self(d)->extents_lock);
    return r;
}

/* What qemu-nbd has said on stderr, one line; caller frees. */
static char *said(struct nbd *b)
{
    char text[2048];
    vf_set_nonblock(b->server.err, true);
    ssize_t n = read(b->server.err, text, sizeof text - 1);
    if (n <= 0)
        return vf_strdup("no message");
    while (n && text[n - 1] == '\n')
        n--;
    return vf_escape_n(text, (size_t)n);
}

static int stop_server(struct nbd *b, struct vf_error **err)
{
    if (b->server.pid <= 0)
        return 0;
    kill(b->server.pid, SIGTERM);
    /* it may have much to write, but not for ever */
    int64_t end = vf_clock_ms() + START_MS;
    int raw = 0;
    pid_t r;
    while ((r = waitpid(b->server.pid, &raw, WNOHANG)) == 0) {
        if (vf_clock_ms() > end)
            kill(b->server.pid, SIGKILL);
        usleep(2000);
    }
    vf_autofree char *why = said(b);
    close(b->server.err);
    b->server.pid = -1;
    if (r < 0)
        return vf_fail_errno(err, errno, "waiting for qemu-nbd");
    if (!WIFEXITED(raw) || WEXITSTATUS(raw) != 0)
        return vf_fail(err, VF_E_INTERNAL, "qemu-nbd ended badly (%s)", why);
    return 0;
}

static int disk_close(struct vf_disk *d, struct vf_error **err)
{
    struct nbd *b = self(d);
    if (b->commit && b->commit != b->io) {
        nbd_shutdown(b->commit, 0);
        nbd_close(b->commit);
    }
    if (b->io) {
        nbd_shutdown(b->io, 0);
        nbd_close(b->io);
    }
    int r = stop_server(b, err);
    unlink(b->socket); /* often gone already */
    free(b->socket);
    pthread_mutex_destroy(&b->extents_lock);
    return r;
}

static const struct vf_disk_ops nbd_ops = {
    .name = "nbd",
    .read = disk_read,
    .write = disk_write,
    .zero = disk_zero,
    .flush = disk_flush,
    .extent = disk_extent,
    .read_back = disk_read_back,
    .close = disk_close,
};

/* Whether qemu-nbd can pass the page cache for this file. */
static bool takes_direct(const char *path)
{
    vf_autofd int fd = vf_disk_open_direct(path);
    return fd >= 0;
}

static int start_server(struct nbd *b, const struct vf_disk_spec *spec, struct vf_error **err)
{
    vf_autostrv char **argv = vf_strv_new();
    vf_strv_add(&argv, "qemu-nbd");
    vf_strv_addf(&argv, "--socket=%s", b->socket);
    vf_strv_addf(&argv, "--format=%s", spec->format);
    vf_strv_addf(&argv, "--cache=%s", b->disk.media ? "none" : "writeback");
    vf_strv_add(&argv, "--persistent");
    vf_strv_add(&argv, "--shared=2");
    vf_strv_add(&argv, spec->write ? "--discard=unmap" : "--read-only");
    vf_strv_add(&argv, "--");
    vf_strv_add(&argv, spec->path);
    unsigned flags = VF_PROC_STDERR | VF_PROC_DIE;
    if (vf_proc_start((const char *const *)argv, flags, -1, &b->server, err) < 0)
        return vf_fail_prefix(err, "%s needs qemu-nbd (package qemu-utils)", spec->path);
    return 0;
}

/* The server has ended before it listened. */
static int server_failed(struct nbd *b, const struct vf_disk_spec *spec, struct vf_error **err)
{
    vf_autofree char *why = said(b);
    close(b->server.err);
    b->server.pid = -1;
    if (strstr(why, "Failed to get") && strstr(why, "lock"))
        return vf_fail(err, VF_E_CONFLICT,
                       "%s is in use by another process (a running VM, a backup or another copy)",
                       spec->path);
    return vf_fail(err, VF_E_UNSUPPORTED, "%s cannot be opened as %s: %s", spec->path, spec->format,
                   why);
}

static int connect_handle(struct nbd_handle **out, const char *socket, struct vf_error **err)
{
    struct nbd_handle *h = nbd_create();
    if (!h || nbd_add_meta_context(h, LIBNBD_CONTEXT_BASE_ALLOCATION) < 0 ||
        nbd_connect_unix(h, socket) < 0) {
        nbd_failed(err, "connecting to qemu-nbd");
        if (h)
            nbd_close(h);
        return -1;
    }
    *out = h;
    return 0;
}

static int wait_for_server(struct nbd *b, const struct vf_disk_spec *spec, struct vf_error **err)
{
    int64_t end = vf_clock_ms() + START_MS;
    for (;;) {
        int raw = 0;
        if (waitpid(b->server.pid, &raw, WNOHANG) == b->server.pid)
            return server_failed(b, spec, err);
        if (access(b->socket, F_OK) == 0 && connect_handle(&b->io, b->socket, NULL) == 0)
            return 0;
        if (vf_clock_ms() > end)
            return vf_fail(err, VF_E_INTERNAL, "qemu-nbd does not answer for %s", spec->path);
        if (vf_cancel_sleep(spec->cancel, 3, err) < 0)
            return -1;
    }
}

static int connect_all(struct nbd *b, const struct vf_disk_spec *spec, struct vf_error **err)
{
    if (start_server(b, spec, err) < 0 || wait_for_server(b, spec, err) < 0)
        return -1;
    b->commit = b->io;
    if (spec->write) {
        b->commit = NULL;
        if (connect_handle(&b->commit, b->socket, err) < 0)
            return -1;
    }
    int64_t size = nbd_get_size(b->io);
    if (size < 0)
        return nbd_failed(err, "asking qemu-nbd for the size");
    if (nbd_can_meta_context(b->io, LIBNBD_CONTEXT_BASE_ALLOCATION) != 1)
        return vf_fail(err, VF_E_UNSUPPORTED, "this qemu-nbd does not tell extents (%s)",
                       spec->path);
    b->disk.size = (uint64_t)size;
    b->read_flags = nbd_can_df(b->io) == 1 ? LIBNBD_CMD_FLAG_DF : 0;
    return 0;
}

struct vf_disk *vf_disk_open_nbd(const struct vf_disk_spec *spec, struct vf_error **err)
{
    static atomic_uint counter;
    struct stat st;
    if (stat(spec->path, &st) < 0) {
        vf_fail_errno(err, errno, "opening %s", spec->path);
        return NULL;
    }
    struct nbd *b = vf_xcalloc(1, sizeof *b);
    b->disk = (struct vf_disk){
        .ops = &nbd_ops,
        .name = vf_strdup(spec->path),
        .unit = CLUSTER,
        .writable = spec->write,
        .zero_when_fresh = true,
        .media = takes_direct(spec->path),
    };
    b->server.pid = -1;
    b->span = MIN_SPAN;
    pthread_mutex_init(&b->extents_lock, NULL);
    b->socket =
        vf_asprintf("%s/nbd-%d-%u.sock", spec->dir, (int)getpid(), atomic_fetch_add(&counter, 1));
    if (connect_all(b, spec, err) < 0) {
        vf_disk_close(&b->disk, NULL);
        return NULL;
    }
    return &b->disk;
}
