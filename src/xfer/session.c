/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "xfer/session.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "base/thread.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>

enum { SAID_MAX = 2048, GONE_MS = 1000 };

static atomic_uint next_id = 1;

/* What came for one id and was not read yet. */
struct inbox {
    struct inbox *next;
    uint32_t id;
    struct vf_message *first;
    int fd; /* eventfd: set while there is a message, and for good once the session has ended */
};

struct vf_session {
    struct vf_link link;
    int err;
    char *label;
    pthread_t thread;
    struct vf_cancel *stop;
    pthread_mutex_t lock; /* of what follows */
    struct inbox *inboxes;
    bool ended;
    struct vf_error *why;
    struct vf_buf said;
    void (*note)(void *opaque, const char *text);
    void *opaque;
};

void vf_message_free(struct vf_message *m)
{
    free(m);
}

uint32_t vf_session_new_ids(unsigned n)
{
    return atomic_fetch_add(&next_id, n);
}

uint32_t vf_session_new_id(void)
{
    return vf_session_new_ids(1);
}

/* ---- inboxes: all under the lock ---- */

static struct inbox *find_inbox(struct vf_session *s, uint32_t id)
{
    struct inbox *b = s->inboxes;
    while (b && b->id != id)
        b = b->next;
    return b;
}

static void set_readable(struct inbox *b)
{
    uint64_t one = 1;
    if (write(b->fd, &one, sizeof one) < 0)
        abort(); /* its count is never high */
}

static void set_empty(struct inbox *b)
{
    uint64_t n;
    if (read(b->fd, &n, sizeof n) < 0)
        abort(); /* it was set */
}

static struct inbox *add_inbox(struct vf_session *s, uint32_t id)
{
    struct inbox *b = vf_xcalloc(1, sizeof *b);
    *b = (struct inbox){.next = s->inboxes, .id = id, .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    if (b->fd < 0)
        abort(); /* like memory: nothing to be done */
    if (s->ended)
        set_readable(b);
    s->inboxes = b;
    return b;
}

static void drop_inbox(struct vf_session *s, uint32_t id)
{
    struct inbox **p = &s->inboxes;
    while (*p && (*p)->id != id)
        p = &(*p)->next;
    struct inbox *b = *p;
    if (!b)
        return;
    *p = b->next;
    for (struct vf_message *m; (m = b->first);) {
        b->first = m->next;
        vf_message_free(m);
    }
    close(b->fd);
    free(b);
}

/* Whoever reads slowly needs only the newest PROGRESS: the counters go on counting. */
static void put_message(struct inbox *b, struct vf_message *m)
{
    struct vf_message **p = &b->first;
    if (!b->first)
        set_readable(b);
    while (*p) {
        struct vf_message *old = *p;
        if (m->frame.type == VF_F_PROGRESS && old->frame.type == VF_F_PROGRESS) {
            *p = old->next;
            vf_message_free(old);
        } else {
            p = &old->next;
        }
    }
    *p = m;
}

static struct vf_message *take_message(struct vf_session *s, struct inbox *b)
{
    struct vf_message *m = b->first;
    if (m) {
        b->first = m->next;
        if (!b->first && !s->ended)
            set_empty(b);
    }
    return m;
}

/* ---- the thread that receives ---- */

static void tell_note(struct vf_session *s, const struct vf_frame *f)
{
    vf_autofree char *text = vf_field_text(f, VF_TAG_TEXT);
    pthread_mutex_lock(&s->lock);
    void (*fn)(void *, const char *) = s->note;
    void *opaque = s->opaque;
    pthread_mutex_unlock(&s->lock);
    if (!text)
        return;
    vf_autofree char *safe = vf_escape(text);
    vf_info("mover", "%s: %s", s->label, safe);
    if (fn)
        fn(opaque, safe);
}

static void deliver(struct vf_session *s, const struct vf_frame *f)
{
    pthread_mutex_lock(&s->lock);
    struct inbox *b = find_inbox(s, f->id);
    if (b) {
        struct vf_message *m = vf_xmalloc(sizeof *m + f->len + 1);
        m->next = NULL;
        m->frame = *f;
        m->frame.payload = m->payload;
        if (f->len)
            memcpy(m->payload, f->payload, f->len);
        put_message(b, m);
    }
    pthread_mutex_unlock(&s->lock);
}

static void end(struct vf_session *s, struct vf_error *why)
{
    pthread_mutex_lock(&s->lock);
    s->why = why;
    s->ended = true;
    for (struct inbox *b = s->inboxes; b; b = b->next)
        set_readable(b);
    pthread_mutex_unlock(&s->lock);
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
            f.type == VF_F_NOTE ? tell_note(s, &f) : deliver(s, &f);
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
    end(s, e);
    return NULL;
}

struct vf_session *vf_session_new(const char *label, int in, int out, int err)
{
    struct vf_session *s = vf_xcalloc(1, sizeof *s);
    vf_link_init(&s->link, out, in);
    s->err = err;
    s->label = vf_strdup(label);
    s->stop = vf_cancel_new(NULL);
    pthread_mutex_init(&s->lock, NULL);
    add_inbox(s, 0); /* its HELLO comes unasked */
    if (vf_thread_start(&s->thread, session_main, s) != 0)
        abort(); /* like memory: nothing to be done */
    return s;
}

void vf_session_on_note(struct vf_session *s, void (*fn)(void *opaque, const char *text),
                        void *opaque)
{
    pthread_mutex_lock(&s->lock);
    s->note = fn;
    s->opaque = opaque;
    pthread_mutex_unlock(&s->lock);
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
    while (s->inboxes)
        drop_inbox(s, s->inboxes->id);
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

void vf_session_open(struct vf_session *s, uint32_t id)
{
    pthread_mutex_lock(&s->lock);
    add_inbox(s, id);
    pthread_mutex_unlock(&s->lock);
}

void vf_session_close(struct vf_session *s, uint32_t id)
{
    pthread_mutex_lock(&s->lock);
    drop_inbox(s, id);
    pthread_mutex_unlock(&s->lock);
}

int vf_session_fd(struct vf_session *s, uint32_t id)
{
    pthread_mutex_lock(&s->lock);
    int fd = find_inbox(s, id)->fd;
    pthread_mutex_unlock(&s->lock);
    return fd;
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

int vf_session_next(struct vf_session *s, uint32_t id, struct vf_message **out,
                    struct vf_error **err)
{
    pthread_mutex_lock(&s->lock);
    *out = take_message(s, find_inbox(s, id));
    bool over = !*out && s->ended;
    pthread_mutex_unlock(&s->lock);
    if (over)
        return ended(s, err);
    return *out ? 1 : 0;
}

int vf_session_wait(struct vf_session *s, uint32_t id, int timeout_ms, struct vf_cancel *cancel,
                    struct vf_message **out, struct vf_error **err)
{
    struct pollfd p = {.fd = vf_session_fd(s, id), .events = POLLIN};
    int r = vf_session_next(s, id, out, err);
    if (r)
        return r;
    r = vf_cancel_poll(cancel, &p, 1, timeout_ms, err);
    return r <= 0 ? r : vf_session_next(s, id, out, err);
}

static int call(struct vf_session *s, uint8_t type, uint32_t id, struct vf_buf *b, uint8_t want,
                int timeout_ms, struct vf_cancel *cancel, struct vf_message **out,
                struct vf_error **err)
{
    vf_autoerror struct vf_error *e = NULL;
    /* what a mover says that takes nothing any more, or the end of the session, says more than a
     * failed send */
    bool sent = vf_session_send(s, type, id, b, &e) == 0;
    int64_t until = vf_clock_ms() + (sent ? timeout_ms : GONE_MS);
    for (;;) {
        int64_t left = until - vf_clock_ms();
        vf_auto(vf_message_free) struct vf_message *m = NULL;
        int r = left > 0 ? vf_session_wait(s, id, (int)left, cancel, &m, err) : 0;
        if (r < 0)
            return -1;
        if (r == 0 && !sent)
            return vf_fail_with(err, VF_STEAL(e));
        if (r == 0)
            return vf_fail(err, VF_E_NET, "the mover does not answer %s", vf_frame_name(type));
        if (m->frame.type == VF_F_ERROR)
            return vf_frame_error(&m->frame, NULL, err);
        /* HELLO is no answer, but what its version is; nothing else was asked for */
        if (m->frame.type != want || (!sent && want != VF_F_HELLO))
            continue;
        if (out)
            *out = VF_STEAL(m);
        return 0;
    }
}

int vf_session_call(struct vf_session *s, uint8_t type, uint32_t id, struct vf_buf *b, uint8_t want,
                    int timeout_ms, struct vf_cancel *cancel, struct vf_message **out,
                    struct vf_error **err)
{
    if (out)
        *out = NULL;
    pthread_mutex_lock(&s->lock);
    bool for_now = !find_inbox(s, id);
    if (for_now)
        add_inbox(s, id);
    pthread_mutex_unlock(&s->lock);
    int r = call(s, type, id, b, want, timeout_ms, cancel, out, err);
    if (for_now)
        vf_session_close(s, id);
    return r;
}

bool vf_session_ended(struct vf_session *s)
{
    pthread_mutex_lock(&s->lock);
    bool over = s->ended;
    pthread_mutex_unlock(&s->lock);
    return over;
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
