/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "xfer/session.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>

enum { SAID_MAX = 2048 };

struct vf_session {
    struct vf_link link;
    int err;
    char *label;
    pthread_t thread;
    struct vf_cancel *stop;
    struct vf_queue *messages;
    pthread_mutex_t lock;
    struct vf_error *why; /* it has ended */
    struct vf_buf said;
};

void vf_message_free(struct vf_message *m)
{
    free(m);
}

static void push(struct vf_session *s, const struct vf_frame *f)
{
    struct vf_message *m = vf_xmalloc(sizeof *m + f->len + 1);
    m->frame = *f;
    m->frame.payload = m->payload;
    if (f->len)
        memcpy(m->payload, f->payload, f->len);
    vf_queue_push(s->messages, m);
}

/* What the mover says on stderr goes to the log and is kept for error texts. */
static void read_stderr(struct vf_session *s)
{
    char text[1024];
    ssize_t n = read(s->err, text, sizeof text - 1);
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (n <= 0) {
        close(s->err);
        s->err = -1;
        return;
    }
    pthread_mutex_lock(&s->lock);
    vf_buf_add(&s->said, text, (size_t)n);
    if (s->said.len > SAID_MAX)
        vf_buf_consume(&s->said, s->said.len - SAID_MAX);
    pthread_mutex_unlock(&s->lock);
    while (n && text[n - 1] == '\n')
        n--;
    vf_autofree char *safe = vf_escape_n(text, (size_t)n);
    vf_debug("mover", "%s: %s", s->label, safe);
}

static void *session_main(void *arg)
{
    struct vf_session *s = arg;
    struct vf_error *e = NULL;
    struct vf_frame f;
    for (;;) {
        int r;
        while ((r = vf_link_poll(&s->link, &f, &e)) == 1)
            push(s, &f);
        struct pollfd p[2] = {{.fd = s->link.in, .events = POLLIN},
                              {.fd = s->err, .events = POLLIN}};
        /* after the end, stderr may still hold the reason */
        if (r < 0)
            p[0].fd = -1;
        int n = vf_cancel_poll(s->stop, p, 2, r < 0 ? 300 : vf_clock_limit(VF_T_PING) / 2,
                               r < 0 ? NULL : &e);
        if (p[1].revents && n > 0)
            read_stderr(s);
        if (n < 0 || (r < 0 && (n == 0 || s->err < 0)))
            break;
        vf_link_ping(&s->link);
    }
    s->link.broken = true;
    pthread_mutex_lock(&s->lock);
    s->why = e;
    pthread_mutex_unlock(&s->lock);
    push(s, &(struct vf_frame){.type = 0}); /* the end, for whoever waits */
    return NULL;
}

struct vf_session *vf_session_new(const char *label, int in, int out, int err)
{
    struct vf_session *s = vf_xcalloc(1, sizeof *s);
    vf_link_init(&s->link, out, in);
    s->err = err;
    s->label = vf_strdup(label);
    s->stop = vf_cancel_new(NULL);
    s->messages = vf_queue_new();
    pthread_mutex_init(&s->lock, NULL);
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (pthread_create(&s->thread, NULL, session_main, s) != 0)
        abort(); /* like memory: nothing to be done */
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return s;
}

void vf_session_free(struct vf_session *s)
{
    if (!s)
        return;
    vf_session_send(s, VF_F_BYE, 0, NULL, NULL); /* gone already: as good */
    vf_cancel_fire(s->stop, "the session is closed");
    pthread_join(s->thread, NULL);
    vf_link_free(&s->link);
    if (s->err >= 0)
        close(s->err);
    vf_queue_free(s->messages, free);
    vf_cancel_free(s->stop);
    vf_error_free(s->why);
    vf_buf_free(&s->said);
    pthread_mutex_destroy(&s->lock);
    free(s->label);
    free(s);
}

int vf_session_send(struct vf_session *s, uint8_t type, uint32_t id, struct vf_buf *b,
                    struct vf_error **err)
{
    return vf_link_send_fields(&s->link, type, 0, id, b, err);
}

int vf_session_fd(const struct vf_session *s)
{
    return vf_queue_fd(s->messages);
}

static int ended(struct vf_session *s, struct vf_error **err)
{
    pthread_mutex_lock(&s->lock);
    vf_fail_with(err, vf_error_copy(s->why));
    pthread_mutex_unlock(&s->lock);
    vf_autofree char *said = vf_session_said(s);
    if (said[0])
        vf_fail_prefix(err, "the mover has gone, saying \"%s\"", said);
    else
        vf_fail_prefix(err, "the mover has gone");
    return -1;
}

int vf_session_next(struct vf_session *s, struct vf_message **out, struct vf_error **err)
{
    struct vf_message *m = vf_queue_pop(s->messages);
    *out = NULL;
    if (!m)
        return 0;
    if (m->frame.type == 0) {
        vf_queue_push(s->messages, m); /* for the next one who asks */
        return ended(s, err);
    }
    *out = m;
    return 1;
}

int vf_session_wait(struct vf_session *s, int timeout_ms, struct vf_cancel *cancel,
                    struct vf_message **out, struct vf_error **err)
{
    struct pollfd p = {.fd = vf_session_fd(s), .events = POLLIN};
    int r = vf_session_next(s, out, err);
    if (r)
        return r;
    r = vf_cancel_poll(cancel, &p, 1, timeout_ms, err);
    return r <= 0 ? r : vf_session_next(s, out, err);
}

int vf_session_call(struct vf_session *s, uint8_t type, uint32_t id, struct vf_buf *b, uint8_t want,
                    int timeout_ms, struct vf_cancel *cancel, struct vf_message **out,
                    struct vf_error **err)
{
    if (out)
        *out = NULL;
    vf_autoerror struct vf_error *e = NULL;
    if (vf_session_send(s, type, id, b, &e) < 0) {
        /* the end of the session says more than a failed send */
        vf_auto(vf_message_free) struct vf_message *m = NULL;
        while (vf_session_wait(s, 1000, cancel, &m, err) == 1)
            vf_message_free(VF_STEAL(m));
        vf_fail_with(err, VF_STEAL(e));
        return -1;
    }
    int64_t end = vf_clock_ms() + timeout_ms;
    for (;;) {
        int64_t left = end - vf_clock_ms();
        vf_auto(vf_message_free) struct vf_message *m = NULL;
        int r = left > 0 ? vf_session_wait(s, (int)left, cancel, &m, err) : 0;
        if (r < 0)
            return -1;
        if (r == 0)
            return vf_fail(err, VF_E_NET, "the mover does not answer %s", vf_frame_name(type));
        if (m->frame.id != id)
            continue;
        if (m->frame.type == VF_F_ERROR)
            return vf_frame_error(&m->frame, NULL, err);
        if (m->frame.type != want)
            continue;
        if (out)
            *out = VF_STEAL(m);
        return 0;
    }
}

char *vf_session_said(struct vf_session *s)
{
    pthread_mutex_lock(&s->lock);
    size_t n = s->said.len, from;
    while (n && s->said.data[n - 1] == '\n')
        n--;
    for (from = n; from && s->said.data[from - 1] != '\n'; from--)
        ;
    char *text = n ? vf_escape_n(s->said.data + from, n - from) : vf_strdup("");
    pthread_mutex_unlock(&s->lock);
    return text;
}
