/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every format but raw: a qemu-nbd of our own on a private socket, and libnbd. A source's files are
 * found, checked and locked before (image.h); what is written is locked by qemu-nbd. Several
 * connections, because a synchronous call of libnbd holds its handle: one writes while another
 * flushes, and some more read back at once. All reach the same block graph inside qemu-nbd.
 */
#include "config.h"
#include "disk/disk.h"
#include "base/clock.h"
#include "base/str.h"
#include "disk/image.h"
#include "disk/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <libnbd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>

enum {
    START_MS = 20 * 1000,
    MAX_EXTENTS = 4096,
    READERS = 4,     /* reads back that are under way at once */
    CLUSTER = 65536, /* qcow2's default; a wrong guess costs a little space, nothing else */
};

/* What one question for block status or one run of zeroes may span: 32 bits. */
#define MAX_SPAN ((uint64_t)0xfff00000)
#define MIN_SPAN ((uint64_t)16 << 20)

struct nbd {
    struct vf_disk disk;
    struct vf_tool server;
    struct vf_image image; /* its files; when only reading */
    bool checked;          /* by the caller */
    struct vf_kept kept;   /* when it is written */
    char *socket;
    struct nbd_handle *io, *commit; /* the same one when only reading */
    struct reader {
        struct nbd_handle *handle;
        bool taken;
    } readers[READERS]; /* when written to */
    pthread_mutex_t readers_lock;
    pthread_cond_t reader_free;
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

/* libnbd's errno tells what, qemu-nbd's last words often why. */
static int nbd_failed(struct nbd *b, struct vf_error **err, const char *what)
{
    int e = nbd_get_errno();
    const char *text = nbd_get_error();
    vf_autofree char *said = vf_tool_said(&b->server);
    if (e == ENOSPC || e == EIO || e == EPERM)
        vf_fail_errno(err, e, "%s", what);
    else
        vf_fail(err, VF_E_INTERNAL, "%s: %s", what, text ? text : "NBD failed");
    return said ? vf_fail_prefix(err, "qemu-nbd says \"%s\"", said) : -1;
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
    return r < 0 ? nbd_failed(b, err, "read through qemu-nbd") : 0;
}

static int disk_read(struct vf_disk *d, void *buf, size_t n, uint64_t offset, struct vf_error **err)
{
    return do_read(self(d), self(d)->io, buf, n, offset, err);
}

/* Waits for one that is free: no longer than the others read. */
static struct reader *take_reader(struct nbd *b)
{
    struct reader *r = NULL;
    pthread_mutex_lock(&b->readers_lock);
    for (;;) {
        for (size_t i = 0; i < READERS && !r; i++)
            r = b->readers[i].taken ? NULL : &b->readers[i];
        if (r)
            break;
        pthread_cond_wait(&b->reader_free, &b->readers_lock);
    }
    r->taken = true;
    pthread_mutex_unlock(&b->readers_lock);
    return r;
}

static void give_reader(struct nbd *b, struct reader *r)
{
    pthread_mutex_lock(&b->readers_lock);
    r->taken = false;
    pthread_cond_signal(&b->reader_free);
    pthread_mutex_unlock(&b->readers_lock);
}

static int disk_read_back(struct vf_disk *d, void *buf, size_t n, uint64_t offset,
                          struct vf_error **err)
{
    struct nbd *b = self(d);
    if (!d->writable)
        return do_read(b, b->io, buf, n, offset, err);
    struct reader *r = take_reader(b);
    int result = do_read(b, r->handle, buf, n, offset, err);
    give_reader(b, r);
    return result;
}

static int disk_write(struct vf_disk *d, const void *buf, size_t n, uint64_t offset,
                      struct vf_error **err)
{
    return nbd_pwrite(self(d)->io, buf, n, offset, 0) < 0
               ? nbd_failed(self(d), err, "write through qemu-nbd")
               : 0;
}

static int disk_zero(struct vf_disk *d, uint64_t n, uint64_t offset, struct vf_error **err)
{
    struct nbd *b = self(d);
    while (n) {
        uint64_t now = n < MAX_SPAN ? n : MAX_SPAN;
        if (nbd_zero(b->io, now, offset, 0) < 0)
            return nbd_failed(b, err, "zeroes through qemu-nbd");
        offset += now;
        n -= now;
    }
    return 0;
}

static int disk_flush(struct vf_disk *d, struct vf_error **err)
{
    struct nbd *b = self(d);
    if (nbd_flush(b->commit, 0) < 0)
        return nbd_failed(b, err, "flush through qemu-nbd");
    return vf_kept_check(&b->kept, true, err);
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
        return nbd_failed(b, err, "block status through qemu-nbd");
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
    /* nobody comes to the end of an image that is not known to be whole */
    if (r == 0 && out->end >= d->size)
        r = vf_image_wait(&self(d)->image, -1, NULL, err);
    pthread_mutex_unlock(&self(d)->extents_lock);
    return r;
}

static int stop_server(struct nbd *b, struct vf_error **err)
{
    if (b->server.proc.pid <= 0)
        return 0;
    /* it may have much to write, but not for ever */
    int status = vf_tool_stop(&b->server, START_MS, err);
    if (status < 0)
        return vf_fail_prefix(err, "waiting for qemu-nbd");
    vf_autofree char *why = vf_tool_said(&b->server);
    return status ? vf_fail(err, VF_E_INTERNAL, "qemu-nbd ended badly (%s)",
                            why ? why : "it said nothing")
                  : 0;
}

static int disk_close(struct vf_disk *d, struct vf_error **err)
{
    struct nbd *b = self(d);
    for (size_t i = 0; i < READERS; i++) {
        if (!b->readers[i].handle)
            continue;
        nbd_shutdown(b->readers[i].handle, 0);
        nbd_close(b->readers[i].handle);
    }
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
    vf_image_close(&b->image);
    vf_kept_clear(&b->kept);
    pthread_mutex_destroy(&b->extents_lock);
    pthread_mutex_destroy(&b->readers_lock);
    pthread_cond_destroy(&b->reader_free);
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
    vf_strv_addf(&argv, "--shared=%d", 2 + READERS);
    vf_strv_add(&argv, spec->write ? "--discard=unmap" : "--read-only");
    vf_strv_add(&argv, "--");
    vf_strv_add(&argv, spec->path);
    if (vf_tool_start(&b->server, (const char *const *)argv, err) < 0)
        return vf_fail_prefix(err, "%s needs qemu-nbd (package qemu-utils)", b->disk.name);
    return 0;
}

/* The server has ended before it listened. */
static int server_failed(struct nbd *b, const struct vf_disk_spec *spec, struct vf_error **err)
{
    vf_autofree char *why = vf_tool_said(&b->server);
    if (vf_said_locked(why))
        return vf_fail(err, VF_E_CONFLICT,
                       "%s is in use by another process (a running VM, a backup or another copy)",
                       b->disk.name);
    return vf_fail(err, VF_E_UNSUPPORTED, "%s cannot be opened as %s: %s", b->disk.name,
                   spec->format, why ? why : "qemu-nbd said nothing");
}

static int connect_handle(struct nbd *b, struct nbd_handle **out, struct vf_error **err)
{
    struct nbd_handle *h = nbd_create();
    if (!h || nbd_add_meta_context(h, LIBNBD_CONTEXT_BASE_ALLOCATION) < 0 ||
        nbd_connect_unix(h, b->socket) < 0) {
        nbd_failed(b, err, "connecting to qemu-nbd");
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
        int status;
        if (vf_tool_ended(&b->server, &status))
            return server_failed(b, spec, err);
        if (access(b->socket, F_OK) == 0 && connect_handle(b, &b->io, NULL) == 0)
            return 0;
        if (vf_clock_ms() > end)
            return vf_fail(err, VF_E_INTERNAL, "qemu-nbd does not answer for %s", b->disk.name);
        if (vf_cancel_sleep(spec->cancel, 3, err) < 0)
            return -1;
    }
}

static int connect_all(struct nbd *b, const struct vf_disk_spec *spec, struct vf_error **err)
{
    int r = b->checked    ? 0
            : spec->write ? vf_image_check_target(spec->path, spec->format, &b->image, err)
                          : vf_image_open(spec->path, spec->format, spec->cancel, &b->image, err);
    if (r < 0)
        return -1;
    if (b->image.unit)
        b->disk.unit = b->image.unit;
    if (start_server(b, spec, err) < 0 || wait_for_server(b, spec, err) < 0)
        return -1;
    b->commit = b->io;
    if (spec->write) {
        vf_kept_hold(&b->kept, spec->path, 0);
        b->commit = NULL;
        if (connect_handle(b, &b->commit, err) < 0)
            return -1;
        for (size_t i = 0; i < READERS; i++)
            if (connect_handle(b, &b->readers[i].handle, err) < 0)
                return -1;
    }
    int64_t size = nbd_get_size(b->io);
    if (size < 0)
        return nbd_failed(b, err, "asking qemu-nbd for the size");
    if (nbd_can_meta_context(b->io, LIBNBD_CONTEXT_BASE_ALLOCATION) != 1)
        return vf_fail(err, VF_E_UNSUPPORTED, "this qemu-nbd does not tell extents (%s)",
                       b->disk.name);
    b->disk.size = (uint64_t)size;
    b->read_flags = nbd_can_df(b->io) == 1 ? LIBNBD_CMD_FLAG_DF : 0;
    return 0;
}

/* NAME: what messages call it; NULL: its path, which is a file's. */
static struct vf_disk *open_image(const struct vf_disk_spec *spec, const char *name,
                                  struct vf_image *image, struct vf_error **err)
{
    static atomic_uint counter;
    struct nbd *b = vf_xcalloc(1, sizeof *b);
    b->disk = (struct vf_disk){
        .ops = &nbd_ops,
        .name = vf_strdup(name ? name : spec->path),
        .unit = CLUSTER,
        .at_once = spec->write ? READERS : 1,
        .writable = spec->write,
        .zero_when_fresh = true,
        .media = !name && takes_direct(spec->path),
    };
    if (image) {
        b->checked = true;
        b->image = *image;
        *image = (struct vf_image){0};
    }
    b->server.proc.pid = b->kept.fd = -1;
    b->span = MIN_SPAN;
    pthread_mutex_init(&b->extents_lock, NULL);
    pthread_mutex_init(&b->readers_lock, NULL);
    pthread_cond_init(&b->reader_free, NULL);
    b->socket =
        vf_asprintf("%s/nbd-%d-%u.sock", spec->dir, (int)getpid(), atomic_fetch_add(&counter, 1));
    if (connect_all(b, spec, err) < 0) {
        vf_disk_close(&b->disk, NULL);
        return NULL;
    }
    return &b->disk;
}

struct vf_disk *vf_disk_open_nbd(const struct vf_disk_spec *spec, struct vf_error **err)
{
    struct stat st;
    if (stat(spec->path, &st) < 0) {
        vf_fail_errno(err, errno, "opening %s", spec->path);
        return NULL;
    }
    return open_image(spec, NULL, NULL, err);
}

struct vf_disk *vf_disk_open_checked(const struct vf_disk_spec *spec, const char *name,
                                     struct vf_image *image, struct vf_error **err)
{
    return open_image(spec, name, image, err);
}
