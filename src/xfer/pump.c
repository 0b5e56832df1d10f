/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "xfer/pump.h"
#include "base/fdio.h"
#include "base/log.h"
#include "base/str.h"
#include "base/thread.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>

enum { ROOM = 1 << 20, SAID_MAX = 2048, LAST_MS = 2000, LAST_BYTES = 16 << 20 };

/* One direction. */
struct flow {
    int *from, *to;
    char *buf;
    size_t at, end; /* what is in BUF and not yet passed on */
};

struct vf_pump {
    struct vf_pump_side sides[2];
    char *labels[2];
    struct flow flows[2]; /* I: from side I to the other */
    struct vf_buf said[2];
    pthread_t thread;
    struct vf_cancel *stop;
    pthread_mutex_t lock;
    struct vf_cancel *watcher; /* borrowed; under the lock, like WHY */
    char *why;
};

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* Reads what is there; false at the end. */
static bool take(struct flow *f)
{
    if (f->at == f->end)
        f->at = f->end = 0;
    ssize_t n = read(*f->from, f->buf + f->end, ROOM - f->end);
    if (n > 0)
        f->end += (size_t)n;
    return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static bool give(struct flow *f)
{
    ssize_t n = write(*f->to, f->buf + f->at, f->end - f->at);
    if (n > 0)
        f->at += (size_t)n;
    return n >= 0 || errno == EAGAIN || errno == EINTR;
}

static void hear(struct vf_pump *p, int side)
{
    char text[1024];
    ssize_t n = read(p->sides[side].err, text, sizeof text);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        close_fd(&p->sides[side].err);
        return;
    }
    struct vf_buf *said = &p->said[side];
    vf_buf_add(said, text, (size_t)n);
    if (said->len > SAID_MAX)
        vf_buf_consume(said, said->len - SAID_MAX);
    vf_autofree char *safe = vf_escape_n(text, (size_t)n);
    vf_debug("route", "%s: %s", p->labels[side], safe);
}

static struct pollfd wish(int fd, bool wanted, short events)
{
    return (struct pollfd){.fd = wanted ? fd : -1, .events = events};
}

/* Pumps until a side ends; which. -1: it was stopped. */
static int pump(struct vf_pump *p)
{
    struct flow *f = p->flows;
    for (;;) {
        struct pollfd w[6];
        for (int i = 0; i < 2; i++) {
            w[i] = wish(*f[i].from, f[i].end < ROOM || f[i].at == f[i].end, POLLIN);
            w[2 + i] = wish(*f[i].to, f[i].at < f[i].end, POLLOUT);
            w[4 + i] = wish(p->sides[i].err, true, POLLIN);
        }
        if (vf_cancel_poll(p->stop, w, VF_COUNT(w), -1, NULL) < 0)
            return -1;
        for (int i = 0; i < 2; i++) {
            if (w[4 + i].revents)
                hear(p, i);
            if (w[2 + i].revents && !give(&f[i]))
                return 1 - i;
            if (w[i].revents && !take(&f[i]))
                return i;
        }
    }
}

/* What the side that has ended sent before: the reason may be in it. That nothing can be written to
 * it any more shows before all of that was read. It may have closed only its input: then what it
 * goes on to say is not listened to for ever. */
static void pass_rest(struct vf_pump *p, struct flow *f)
{
    bool more = true;
    for (size_t rest = LAST_BYTES; (more && rest) || f->at < f->end;) {
        struct pollfd w[2] = {
            wish(*f->from, more && rest && (f->end < ROOM || f->at == f->end), POLLIN),
            wish(*f->to, f->at < f->end, POLLOUT),
        };
        if (vf_cancel_poll(p->stop, w, VF_COUNT(w), LAST_MS, NULL) <= 0)
            return;
        size_t at = f->at;
        if (w[1].revents && !give(f))
            return;
        rest -= f->at - at < rest ? f->at - at : rest;
        if (w[0].revents)
            more = take(f);
    }
}

/* Its last words: to the other side, and what it says of itself. */
static void settle(struct vf_pump *p, int side)
{
    pass_rest(p, &p->flows[side]);
    struct pollfd w = {.fd = p->sides[side].err, .events = POLLIN};
    while (w.fd >= 0 && vf_cancel_poll(p->stop, &w, 1, LAST_MS, NULL) > 0) {
        hear(p, side);
        w.fd = p->sides[side].err;
    }
}

static char *last_words(struct vf_pump *p, int side)
{
    vf_autostrv char **lines = vf_strv_split(vf_buf_str(&p->said[side]), "\r\n");
    size_t n = vf_strv_len(lines);
    vf_autofree char *safe = n ? vf_escape(lines[n - 1]) : NULL;
    return vf_asprintf("the connection to %s has ended%s%s%s", p->labels[side],
                       safe ? ", saying \"" : "", safe ? safe : "", safe ? "\"" : "");
}

static void *pump_main(void *arg)
{
    struct vf_pump *p = arg;
    int side = pump(p);
    if (side >= 0)
        settle(p, side);
    for (int i = 0; i < 2; i++) {
        close_fd(&p->sides[i].in);
        close_fd(&p->sides[i].out);
    }
    pthread_mutex_lock(&p->lock);
    p->why = side < 0 ? vf_strdup("it was closed") : last_words(p, side);
    if (side >= 0)
        vf_info("route", "%s", p->why);
    if (p->watcher)
        vf_cancel_fire(p->watcher, p->why);
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

struct vf_pump *vf_pump_new(const struct vf_pump_side sides[2])
{
    struct vf_pump *p = vf_xcalloc(1, sizeof *p);
    for (int i = 0; i < 2; i++) {
        p->sides[i] = sides[i];
        p->labels[i] = vf_strdup(sides[i].label);
        int fds[] = {sides[i].in, sides[i].out, sides[i].err};
        for (size_t k = 0; k < VF_COUNT(fds); k++) {
            vf_set_nonblock(fds[k], true);
            (void)fcntl(fds[k], F_SETPIPE_SZ, ROOM); /* what is no pipe stays as it is */
        }
    }
    for (int i = 0; i < 2; i++)
        p->flows[i] = (struct flow){
            .from = &p->sides[i].out, .to = &p->sides[1 - i].in, .buf = vf_xmalloc(ROOM)};
    p->stop = vf_cancel_new(NULL);
    pthread_mutex_init(&p->lock, NULL);
    if (vf_thread_start(&p->thread, pump_main, p) != 0)
        abort(); /* like memory: nothing to be done */
    return p;
}

void vf_pump_watch(struct vf_pump *p, struct vf_cancel *c)
{
    pthread_mutex_lock(&p->lock);
    p->watcher = c;
    if (c && p->why)
        vf_cancel_fire(c, p->why);
    pthread_mutex_unlock(&p->lock);
}

bool vf_pump_ended(struct vf_pump *p, char **why)
{
    pthread_mutex_lock(&p->lock);
    *why = vf_strdup(p->why);
    pthread_mutex_unlock(&p->lock);
    return *why != NULL;
}

void vf_pump_free(struct vf_pump *p)
{
    if (!p)
        return;
    vf_cancel_fire(p->stop, "the route is closed");
    pthread_join(p->thread, NULL);
    for (int i = 0; i < 2; i++) {
        close_fd(&p->sides[i].err);
        free(p->labels[i]);
        free(p->flows[i].buf);
        vf_buf_free(&p->said[i]);
    }
    vf_cancel_free(p->stop);
    pthread_mutex_destroy(&p->lock);
    free(p->why);
    free(p);
}
