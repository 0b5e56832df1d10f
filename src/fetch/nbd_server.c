/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "fetch/nbd_server.h"
#include "base/cancel.h"
#include "base/fdio.h"
#include "base/log.h"
#include "base/str.h"
#include "base/thread.h"

#include <endian.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

/* The protocol's numbers. */
#define NBD_MAGIC       0x4e42444d41474943ULL /* "NBDMAGIC" */
#define OPTS_MAGIC      0x49484156454F5054ULL /* "IHAVEOPT" */
#define OPT_REPLY_MAGIC 0x3e889045565a9ULL
#define REQUEST_MAGIC   0x25609513U
#define REPLY_MAGIC     0x67446698U

enum { FIXED_NEWSTYLE = 1, NO_ZEROES = 2 };
enum { OPT_EXPORT_NAME = 1, OPT_ABORT = 2, OPT_INFO = 6, OPT_GO = 7 };
enum { REP_ACK = 1, REP_INFO = 3 };
#define REP_ERR_UNSUP   0x80000001U
#define REP_ERR_INVALID 0x80000003U
#define REP_ERR_UNKNOWN 0x80000006U
enum { INFO_EXPORT = 0, INFO_BLOCK_SIZE = 3 };
enum { FLAG_HAS_FLAGS = 1, FLAG_READ_ONLY = 2, FLAG_CAN_MULTI_CONN = 256 };
enum { CMD_READ = 0, CMD_WRITE = 1, CMD_DISC = 2 };
enum { NBD_EPERM = 1, NBD_EIO = 5, NBD_EINVAL = 22 };

enum { MAX_OPTION = 4096 + 64, MAX_OPTIONS = 64, MAX_READ = 32 << 20 };

/* Two programs of QEMU's look at an image, and connect once for each of its files. */
enum { PROGRAMS = 2, MORE_CONNECTIONS = 4, AGAIN_MS = 20 };

struct peer {
    int in, out;
    const struct vf_nbd_export *exports, *chosen;
    size_t n_exports;
    void (*failed)(void *opaque, struct vf_error *e);
    void *opaque;
};

static void put16(unsigned char *p, uint16_t v)
{
    v = htobe16(v);
    memcpy(p, &v, sizeof v);
}

static void put32(unsigned char *p, uint32_t v)
{
    v = htobe32(v);
    memcpy(p, &v, sizeof v);
}

static void put64(unsigned char *p, uint64_t v)
{
    v = htobe64(v);
    memcpy(p, &v, sizeof v);
}

static uint16_t get16(const unsigned char *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t get32(const unsigned char *p)
{
    return (uint32_t)get16(p) << 16 | get16(p + 2);
}

static uint64_t get64(const unsigned char *p)
{
    return (uint64_t)get32(p) << 32 | get32(p + 4);
}

/* 1; 0 at the end of the connection, before the first byte. */
static int get(struct peer *c, void *buf, size_t n, struct vf_error **err)
{
    ssize_t r = vf_read_full(c->in, buf, n);
    if (r < 0)
        return vf_fail_errno(err, errno, "reading from an NBD client");
    if (r == 0 && n)
        return 0;
    return (size_t)r == n ? 1 : vf_fail(err, VF_E_NET, "an NBD client hung up in the middle");
}

static int need(struct peer *c, void *buf, size_t n, struct vf_error **err)
{
    int r = n ? get(c, buf, n, err) : 1;
    return r ? r : vf_fail(err, VF_E_NET, "an NBD client hung up");
}

static int put(struct peer *c, const void *buf, size_t n, struct vf_error **err)
{
    return vf_write_full(c->out, buf, n) < 0 ? vf_fail_errno(err, errno, "writing to an NBD client")
                                             : 0;
}

/* ---- haggling ---- */

static int reply(struct peer *c, uint32_t option, uint32_t type, const void *data, size_t n,
                 struct vf_error **err)
{
    unsigned char b[20 + 32];
    put64(b, OPT_REPLY_MAGIC);
    put32(b + 8, option);
    put32(b + 12, type);
    put32(b + 16, (uint32_t)n);
    if (n)
        memcpy(b + 20, data, n);
    return put(c, b, 20 + n, err);
}

static const struct vf_nbd_export *find_export(const struct peer *c, const unsigned char *name,
                                               size_t n)
{
    for (size_t i = 0; i < c->n_exports; i++)
        if (strlen(c->exports[i].name) == n && memcmp(c->exports[i].name, name, n) == 0)
            return &c->exports[i];
    return NULL;
}

static uint16_t flags(void)
{
    return FLAG_HAS_FLAGS | FLAG_READ_ONLY | FLAG_CAN_MULTI_CONN;
}

/* INFO and GO: name length, name, number of requests, requests (2 each). */
static int on_info(struct peer *c, uint32_t option, const unsigned char *data, size_t n,
                   struct vf_error **err)
{
    size_t name = n >= 6 ? get32(data) : SIZE_MAX;
    if (n < 6 || name > n - 6 || n - 6 - name != 2 * (size_t)get16(data + 4 + name))
        return reply(c, option, REP_ERR_INVALID, NULL, 0, err);
    const struct vf_nbd_export *x = find_export(c, data + 4, name);
    if (!x)
        return reply(c, option, REP_ERR_UNKNOWN, NULL, 0, err);
    unsigned char info[14], blocks[14];
    put16(info, INFO_EXPORT);
    put64(info + 2, x->size);
    put16(info + 10, flags());
    put16(blocks, INFO_BLOCK_SIZE);
    put32(blocks + 2, 1);
    put32(blocks + 6, 4096);
    put32(blocks + 10, MAX_READ);
    if (reply(c, option, REP_INFO, info, 12, err) < 0 ||
        reply(c, option, REP_INFO, blocks, 14, err) < 0 ||
        reply(c, option, REP_ACK, NULL, 0, err) < 0)
        return -1;
    if (option == OPT_GO)
        c->chosen = x;
    return 0;
}

static int on_export_name(struct peer *c, const unsigned char *data, size_t n, bool no_zeroes,
                          struct vf_error **err)
{
    unsigned char b[10 + 124] = {0};
    const struct vf_nbd_export *x = find_export(c, data, n);
    if (!x) /* it has no answer for that */
        return vf_fail(err, VF_E_NOTFOUND, "an NBD client asks for what is not there");
    put64(b, x->size);
    put16(b + 8, flags());
    c->chosen = x;
    return put(c, b, no_zeroes ? 10 : sizeof b, err);
}

/* One option; 1 when there is to be no other. */
static int on_option(struct peer *c, bool no_zeroes, struct vf_error **err)
{
    unsigned char head[16], data[MAX_OPTION];
    if (need(c, head, sizeof head, err) < 0)
        return -1;
    uint32_t option = get32(head + 8), n = get32(head + 12);
    if (get64(head) != OPTS_MAGIC || n > sizeof data)
        return vf_fail(err, VF_E_CORRUPT, "an NBD client sends no option of ours");
    if (need(c, data, n, err) < 0)
        return -1;
    int r = 0;
    if (option == OPT_EXPORT_NAME)
        r = on_export_name(c, data, n, no_zeroes, err);
    else if (option == OPT_INFO || option == OPT_GO)
        r = on_info(c, option, data, n, err);
    else if (option == OPT_ABORT && reply(c, option, REP_ACK, NULL, 0, err) == 0)
        r = 1;
    else if (option == OPT_ABORT)
        r = -1;
    else
        r = reply(c, option, REP_ERR_UNSUP, NULL, 0, err);
    return r ? r : c->chosen != NULL;
}

static int haggle(struct peer *c, struct vf_error **err)
{
    unsigned char b[18], answer[4];
    put64(b, NBD_MAGIC);
    put64(b + 8, OPTS_MAGIC);
    put16(b + 16, FIXED_NEWSTYLE | NO_ZEROES);
    if (put(c, b, sizeof b, err) < 0 || need(c, answer, sizeof answer, err) < 0)
        return -1;
    uint32_t theirs = get32(answer);
    if (!(theirs & FIXED_NEWSTYLE) || (theirs & ~(uint32_t)(FIXED_NEWSTYLE | NO_ZEROES)))
        return vf_fail(err, VF_E_UNSUPPORTED, "an NBD client is too old or too new");
    for (int i = 0; i < MAX_OPTIONS; i++) {
        int r = on_option(c, (theirs & NO_ZEROES) != 0, err);
        if (r)
            return r < 0 ? -1 : 0;
    }
    return vf_fail(err, VF_E_CORRUPT, "an NBD client does not come to an end");
}

/* ---- reading ---- */

struct request {
    uint16_t type;
    uint64_t cookie, offset;
    uint32_t n;
};

static int answer(struct peer *c, const struct request *q, uint32_t error, struct vf_error **err)
{
    unsigned char b[16];
    put32(b, REPLY_MAGIC);
    put32(b + 4, error);
    put64(b + 8, q->cookie);
    return put(c, b, sizeof b, err);
}

static int on_read(struct peer *c, const struct request *q, struct vf_error **err)
{
    const struct vf_nbd_export *x = c->chosen;
    if (!q->n || q->n > MAX_READ || q->offset > x->size || q->n > x->size - q->offset)
        return answer(c, q, NBD_EINVAL, err);
    vf_autofree void *buf = vf_xmalloc(q->n);
    struct vf_error *e = NULL;
    if (x->read(x->opaque, buf, q->n, q->offset, &e) < 0) {
        c->failed(c->opaque, e);
        return answer(c, q, NBD_EIO, err);
    }
    return answer(c, q, 0, err) < 0 ? -1 : put(c, buf, q->n, err);
}

/* What a write brings along is read and thrown away. */
static int refuse_write(struct peer *c, const struct request *q, struct vf_error **err)
{
    char buf[4096];
    if (q->n > MAX_READ)
        return vf_fail(err, VF_E_CORRUPT, "an NBD client sends more than anybody would");
    for (size_t left = q->n; left;) {
        size_t now = left < sizeof buf ? left : sizeof buf;
        if (need(c, buf, now, err) < 0)
            return -1;
        left -= now;
    }
    return answer(c, q, NBD_EPERM, err);
}

/* 1 when the client goes. */
static int on_request(struct peer *c, struct vf_error **err)
{
    unsigned char b[28];
    int r = get(c, b, sizeof b, err);
    if (r <= 0)
        return r < 0 ? -1 : 1;
    struct request q = {
        .type = get16(b + 6), .cookie = get64(b + 8), .offset = get64(b + 16), .n = get32(b + 24)};
    if (get32(b) != REQUEST_MAGIC)
        return vf_fail(err, VF_E_CORRUPT, "an NBD client sends no request");
    if (q.type == CMD_DISC)
        return 1;
    if (q.type == CMD_READ)
        return on_read(c, &q, err);
    return q.type == CMD_WRITE ? refuse_write(c, &q, err) : answer(c, &q, NBD_EINVAL, err);
}

int vf_nbd_serve(int in, int out, const struct vf_nbd_export *exports, size_t n,
                 void (*failed)(void *opaque, struct vf_error *e), void *opaque,
                 struct vf_error **err)
{
    struct peer c = {.in = in,
                     .out = out,
                     .exports = exports,
                     .n_exports = n,
                     .failed = failed,
                     .opaque = opaque};
    int r = haggle(&c, err);
    while (r == 0 && c.chosen)
        r = on_request(&c, err);
    return r < 0 ? -1 : 0;
}

/* ---- connections ---- */

struct connection {
    struct vf_nbd_server *server;
    pthread_t thread;
    int fd; /* -1: the slot is free */
    bool ended;
};

struct vf_nbd_server {
    char *path;
    int listener;
    struct vf_cancel *stop; /* fired at the end */
    pthread_t thread;
    const struct vf_nbd_export *exports;
    size_t n_exports;
    pthread_mutex_t lock; /* of what follows */
    struct connection *connections;
    size_t n_connections;
    struct vf_error *error;
};

static void note_failed(void *opaque, struct vf_error *e)
{
    struct vf_nbd_server *s = opaque;
    vf_info("fetch", "%s", vf_error_text(e));
    pthread_mutex_lock(&s->lock);
    vf_fail_with(&s->error, e);
    pthread_mutex_unlock(&s->lock);
}

static void *connection_main(void *arg)
{
    struct connection *c = arg;
    struct vf_nbd_server *s = c->server;
    vf_autoerror struct vf_error *e = NULL;
    if (vf_nbd_serve(c->fd, c->fd, s->exports, s->n_exports, note_failed, s, &e) < 0)
        vf_info("fetch", "%s", vf_error_text(e));
    shutdown(c->fd, SHUT_RDWR);
    pthread_mutex_lock(&s->lock);
    c->ended = true;
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

static void end_connection(struct connection *c)
{
    pthread_join(c->thread, NULL);
    close(c->fd);
    *c = (struct connection){.fd = -1};
}

/* By the thread that accepts. */
static void add_connection(struct vf_nbd_server *s, int fd)
{
    for (size_t i = 0; i < s->n_connections; i++) {
        struct connection *c = &s->connections[i];
        pthread_mutex_lock(&s->lock);
        bool ended = c->ended;
        pthread_mutex_unlock(&s->lock);
        if (c->fd >= 0 && ended)
            end_connection(c);
        if (c->fd >= 0)
            continue;
        *c = (struct connection){.server = s, .fd = fd};
        if (vf_thread_start(&c->thread, connection_main, c) != 0)
            abort(); /* like memory: nothing to be done */
        return;
    }
    close(fd);
}

/* Who has connected waits for an answer without end, so whatever keeps accept() from taking him
 * (above all too many open files) is waited for, too. */
static void *server_main(void *arg)
{
    struct vf_nbd_server *s = arg;
    struct pollfd p = {.fd = s->listener, .events = POLLIN};
    while (vf_cancel_poll(s->stop, &p, 1, -1, NULL) >= 0) {
        int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0)
            add_connection(s, fd);
        else if (vf_cancel_sleep(s->stop, AGAIN_MS, NULL) < 0)
            break;
    }
    return NULL;
}

struct vf_nbd_server *vf_nbd_server_new(const char *path, const struct vf_nbd_export *exports,
                                        size_t n, struct vf_error **err)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof at.sun_path) {
        vf_fail(err, VF_E_INTERNAL, "%s is too long for a socket", path);
        return NULL;
    }
    memcpy(at.sun_path, path, strlen(path) + 1);
    vf_autofd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) < 0 || chmod(path, 0600) < 0 ||
        listen(fd, 8) < 0) {
        vf_fail_errno(err, errno, "%s", path);
        return NULL;
    }
    struct vf_nbd_server *s = vf_xcalloc(1, sizeof *s);
    s->path = vf_strdup(path);
    s->listener = VF_STEAL_FD(fd);
    s->stop = vf_cancel_new(NULL);
    s->exports = exports;
    s->n_exports = n;
    pthread_mutex_init(&s->lock, NULL);
    s->n_connections = PROGRAMS * n + MORE_CONNECTIONS;
    s->connections = vf_xcalloc(s->n_connections, sizeof *s->connections);
    for (size_t i = 0; i < s->n_connections; i++)
        s->connections[i].fd = -1;
    if (vf_thread_start(&s->thread, server_main, s) != 0)
        abort(); /* like memory: nothing to be done */
    return s;
}

struct vf_error *vf_nbd_server_error(struct vf_nbd_server *s)
{
    pthread_mutex_lock(&s->lock);
    struct vf_error *e = vf_error_copy(s->error);
    pthread_mutex_unlock(&s->lock);
    return e;
}

void vf_nbd_server_forget(struct vf_nbd_server *s)
{
    pthread_mutex_lock(&s->lock);
    vf_error_free(VF_STEAL(s->error));
    pthread_mutex_unlock(&s->lock);
}

void vf_nbd_server_free(struct vf_nbd_server *s)
{
    if (!s)
        return;
    vf_cancel_fire(s->stop, "nothing is served any more");
    pthread_join(s->thread, NULL);
    for (size_t i = 0; i < s->n_connections; i++) {
        struct connection *c = &s->connections[i];
        if (c->fd < 0)
            continue;
        shutdown(c->fd, SHUT_RDWR);
        end_connection(c);
    }
    close(s->listener);
    vf_cancel_free(s->stop);
    unlink(s->path);
    free(s->path);
    free(s->connections);
    vf_error_free(s->error);
    pthread_mutex_destroy(&s->lock);
    free(s);
}
