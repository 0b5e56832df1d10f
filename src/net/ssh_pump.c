/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The pump: the one thread that uses a libssh2 session after the login. Each child is a channel
 * whose ends are socket pairs; requests come in over a queue. */
#include "config.h"
#include "net/ssh_session.h"
#include "base/i18n.h"
#include "base/log.h"
#include "base/str.h"
#include "base/thread.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

enum {
    WINDOW = 512 * 1024, /* what a host may send ahead of its reader */
    PACKET = 32 * 1024,
    ROOM = 128 * 1024,       /* of each buffer between channel and descriptor */
    MAX_QUEUED = 256 * 1024, /* bytes for the socket before channels stop writing */
};

enum state { OPENING, STARTING, RUNNING, ENDED, LEAVING, GONE };

/* One child. Shared by its owner and the pump; the last one frees it. */
struct vf_ssh_chan {
    struct vf_ssh_child_priv base;
    struct vf_ssh_session *s;
    struct vf_ssh_chan *next;
    char *command, *label;
    struct vf_cancel *cancel;
    atomic_int refs;
    atomic_bool hangup;
    int started, done; /* eventfds */
    atomic_bool is_done;
    int status; /* valid once is_done, as is error */
    struct vf_error *error;

    /* the pump's own */
    enum state state;
    LIBSSH2_CHANNEL *channel;
    int fd[3]; /* our ends of its stdin, stdout, stderr */
    struct vf_buf buf[3];
    bool eof_sent, told_started, told_done;
};

static char wake_up; /* an address to push when only a flag has changed */

static void unref(struct vf_ssh_chan *c)
{
    if (atomic_fetch_sub(&c->refs, 1) != 1)
        return;
    for (int i = 0; i < 3; i++) {
        if (c->fd[i] >= 0)
            close(c->fd[i]);
        vf_buf_free(&c->buf[i]);
    }
    close(c->started);
    close(c->done);
    vf_error_free(c->error);
    free(c->command);
    free(c->label);
    free(c);
}

static void signal_fd(int fd)
{
    uint64_t one = 1;
    if (write(fd, &one, sizeof one) < 0)
        abort();
}

static void tell_started(struct vf_ssh_chan *c)
{
    if (!c->told_started)
        signal_fd(c->started);
    c->told_started = true;
}

/* STATUS or, with it -1, the error: what the owner will see. Only the first counts. */
static void tell_done(struct vf_ssh_chan *c, int status, const struct vf_error *e)
{
    if (c->told_done)
        return;
    c->status = status;
    c->error = e ? vf_error_copy(e) : NULL;
    c->told_done = true;
    atomic_store(&c->is_done, true);
    signal_fd(c->done);
    tell_started(c);
}

static void shut(struct vf_ssh_chan *c, int i)
{
    if (c->fd[i] >= 0)
        close(c->fd[i]);
    c->fd[i] = -1;
    vf_buf_clear(&c->buf[i]);
}

static void refuse(struct vf_ssh_chan *c, enum vf_error_code code, const char *text)
{
    vf_autoerror struct vf_error *e = NULL;
    vf_fail(&e, code, "%s: %s", c->label, text);
    tell_done(c, -1, e);
    c->state = LEAVING;
}

static void do_open(struct vf_ssh_session *s, struct vf_ssh_chan *c)
{
    if (s->opening && s->opening != c)
        return; /* the library opens one at a time */
    s->opening = c;
    c->channel = libssh2_channel_open_ex(s->session, "session", 7, WINDOW, PACKET, NULL, 0);
    if (!c->channel && libssh2_session_last_errno(s->session) == LIBSSH2_ERROR_EAGAIN)
        return;
    s->opening = NULL;
    if (c->channel) {
        c->state = STARTING;
    } else if (s->drain) {
        /* perhaps MaxSessions: give ours up and try again */
        LIBSSH2_CHANNEL *drain = VF_STEAL(s->drain);
        while (libssh2_channel_free(drain) == LIBSSH2_ERROR_EAGAIN && !s->link.eof)
            if (vf_ssh_link_wait(&s->link, VF_T_CONNECT, s->stop, NULL) < 0)
                break;
    } else {
        refuse(c, VF_E_CONFLICT,
               _("the host refuses another session in this connection (see MaxSessions in its "
                 "sshd_config)"));
    }
}

static void do_start(struct vf_ssh_session *s, struct vf_ssh_chan *c)
{
    int rc = libssh2_channel_process_startup(c->channel, "exec", 4, c->command,
                                             (unsigned)strlen(c->command));
    if (rc == LIBSSH2_ERROR_EAGAIN)
        return;
    if (rc < 0) {
        refuse(c, VF_E_PERMISSION, _("the host refuses to run commands"));
        return;
    }
    c->state = RUNNING;
    tell_started(c);
}

static void feed_channel(struct vf_ssh_session *s, struct vf_ssh_chan *c)
{
    struct vf_buf *b = &c->buf[0];
    if (c->fd[0] >= 0 && b->len < ROOM) {
        ssize_t n = recv(c->fd[0], vf_buf_room(b, ROOM - b->len), ROOM - b->len, MSG_DONTWAIT);
        if (n > 0)
            b->len += (size_t)n;
        else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
            close(c->fd[0]);
            c->fd[0] = -1;
        }
    }
    while (b->len && s->link.out.len < MAX_QUEUED) {
        ssize_t n = libssh2_channel_write_ex(c->channel, 0, b->data, b->len);
        if (n <= 0) {
            if (n < 0 && n != LIBSSH2_ERROR_EAGAIN)
                shut(c, 0); /* the channel takes no more; what broke shows elsewhere */
            break;
        }
        vf_buf_consume(b, (size_t)n);
    }
    if (c->fd[0] < 0 && !b->len && !c->eof_sent)
        c->eof_sent = libssh2_channel_send_eof(c->channel) != LIBSSH2_ERROR_EAGAIN;
}

static void flush(struct vf_ssh_chan *c, int i)
{
    struct vf_buf *b = &c->buf[i];
    while (b->len && c->fd[i] >= 0) {
        ssize_t n = send(c->fd[i], b->data, b->len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n > 0)
            vf_buf_consume(b, (size_t)n);
        else if (n < 0 && errno == EINTR)
            continue;
        else if (n < 0 && errno == EAGAIN)
            return;
        else
            shut(c, i); /* nobody reads: what comes is dropped, so that the command can end */
    }
    if (c->fd[i] < 0)
        vf_buf_clear(b);
}

/* Both streams share one window, and reading either opens it: so neither is read while the other is
 * stuck, or the library would queue the stuck one without bound. */
static void drain_channel(struct vf_ssh_chan *c)
{
    for (bool more = true; more;) {
        more = false;
        flush(c, 1);
        flush(c, 2);
        for (int i = 1; i < 3; i++) {
            if (c->buf[1].len >= ROOM || c->buf[2].len >= ROOM)
                return;
            char *room = vf_buf_room(&c->buf[i], PACKET);
            ssize_t n = libssh2_channel_read_ex(c->channel, i - 1, room, PACKET);
            if (n > 0) {
                c->buf[i].len += (size_t)n;
                more = true;
            }
        }
    }
    if (libssh2_channel_eof(c->channel) != 1)
        return;
    for (int i = 1; i < 3; i++)
        if (!c->buf[i].len)
            shut(c, i);
}

static int signal_number(const char *name)
{
    static const struct {
        const char *name;
        int number;
    } signals[] = {
        {"ABRT", SIGABRT}, {"ALRM", SIGALRM}, {"FPE", SIGFPE},   {"HUP", SIGHUP},
        {"ILL", SIGILL},   {"INT", SIGINT},   {"KILL", SIGKILL}, {"PIPE", SIGPIPE},
        {"QUIT", SIGQUIT}, {"SEGV", SIGSEGV}, {"TERM", SIGTERM}, {"USR1", SIGUSR1},
        {"USR2", SIGUSR2}, {"BUS", SIGBUS},   {"TRAP", SIGTRAP}, {"XCPU", SIGXCPU},
        {"SYS", SIGSYS},
    };
    for (size_t i = 0; i < VF_COUNT(signals); i++)
        if (vf_streq(signals[i].name, name))
            return signals[i].number;
    return 0;
}

static void conclude(struct vf_ssh_session *s, struct vf_ssh_chan *c)
{
    char *name = NULL;
    size_t len = 0;
    libssh2_channel_get_exit_signal(c->channel, &name, &len, NULL, NULL, NULL, NULL);
    int status = libssh2_channel_get_exit_status(c->channel);
    if (name) {
        status = 128 + signal_number(name);
        libssh2_free(s->session, name);
    } else if (s->link.statuses) {
        s->link.statuses--;
    } else {
        vf_autoerror struct vf_error *e = NULL;
        vf_fail(&e, VF_E_NET,
                _("%s: the host closed the channel without the command's exit status"), c->label);
        tell_done(c, -1, e);
        return;
    }
    tell_done(c, status, NULL);
}

static void do_run(struct vf_ssh_session *s, struct vf_ssh_chan *c)
{
    if (c->state == RUNNING)
        feed_channel(s, c);
    drain_channel(c);
    if (c->state == RUNNING && libssh2_channel_eof(c->channel) == 1 &&
        libssh2_channel_wait_closed(c->channel) == 0) {
        conclude(s, c);
        shut(c, 0);
        c->state = ENDED;
    }
    if (c->state == ENDED && c->fd[1] < 0 && c->fd[2] < 0)
        c->state = LEAVING;
}

/* After a hang-up the host closes its side when the command ends, which may be late. */
static void do_leave(struct vf_ssh_session *s, struct vf_ssh_chan *c)
{
    for (int i = 0; i < 3; i++)
        shut(c, i);
    if (s->opening == c)
        return; /* the library is in the middle of it */
    if (c->channel && libssh2_channel_free(c->channel) == LIBSSH2_ERROR_EAGAIN)
        return;
    c->channel = NULL;
    c->state = GONE;
}

static void hang_up(struct vf_ssh_session *s, struct vf_ssh_chan *c)
{
    refuse(c, VF_E_CANCELLED, _("hung up"));
}

static void step(struct vf_ssh_session *s, struct vf_ssh_chan *c)
{
    static void (*const steps[])(struct vf_ssh_session *, struct vf_ssh_chan *) = {
        [OPENING] = do_open, [STARTING] = do_start, [RUNNING] = do_run,
        [ENDED] = do_run,    [LEAVING] = do_leave,
    };
    if (atomic_load(&c->hangup) && c->state < LEAVING && s->opening != c)
        hang_up(s, c);
    for (enum state before = GONE; c->state != before && c->state != GONE;) {
        before = c->state;
        steps[before](s, c);
    }
}

static int take_requests(struct vf_ssh_session *s)
{
    int n = 0;
    for (void *item; (item = vf_queue_pop(s->requests)); n++) {
        if (item == &wake_up)
            continue;
        struct vf_ssh_chan *c = item;
        c->next = s->chans;
        s->chans = c;
    }
    return n;
}

static void step_all(struct vf_ssh_session *s)
{
    for (struct vf_ssh_chan **p = &s->chans; *p;) {
        struct vf_ssh_chan *c = *p;
        step(s, c);
        if (c->state == GONE) {
            *p = c->next;
            unref(c);
        } else {
            p = &c->next;
        }
    }
}

/* Reads whatever came for the session as a whole: keepalives and rekeying must be answered even
 * when no child runs or all are stuck, and the library only looks while a channel is read. */
static int read_session(struct vf_ssh_session *s, struct vf_error **err)
{
    if (s->drain) {
        char none[1];
        ssize_t n = libssh2_channel_read_ex(s->drain, 0, none, sizeof none);
        if (n < 0 && n != LIBSSH2_ERROR_EAGAIN)
            return vf_ssh_session_fail(s, (int)n, _("the connection broke"), err);
    }
    if (s->link.error || (s->link.eof && s->link.in_at == s->link.in_end))
        return vf_ssh_session_fail(s, 0, _("the connection broke"), err);
    if (vf_clock_ms() - s->link.last_rx > VF_T_PEER_SILENCE)
        return vf_fail(err, VF_E_NET, _("the connection broke: no sign of life for %d s"),
                       VF_T_PEER_SILENCE / 1000);
    return 0;
}

static int keep_alive(struct vf_ssh_session *s, struct vf_error **err)
{
    int next = VF_SSH_KEEPALIVE;
    int rc = libssh2_keepalive_send(s->session, &next);
    if (rc < 0 && rc != LIBSSH2_ERROR_EAGAIN)
        return vf_ssh_session_fail(s, rc, _("the connection broke"), err);
    return next < 1 ? 1 : next;
}

static int wait_for_something(struct vf_ssh_session *s, int seconds, struct vf_error **err)
{
    nfds_t n = 0, used = 2;
    for (struct vf_ssh_chan *c = s->chans; c; c = c->next)
        n++;
    vf_autofree struct pollfd *fds = vf_xcalloc(2 + 3 * n, sizeof *fds);
    fds[0] = (struct pollfd){.fd = s->link.fd, .events = vf_ssh_link_events(&s->link)};
    if (!fds[0].events)
        fds[0].fd = -1;
    fds[1] = (struct pollfd){.fd = vf_queue_fd(s->requests), .events = POLLIN};
    for (struct vf_ssh_chan *c = s->chans; c; c = c->next) {
        if (c->state != RUNNING && c->state != ENDED)
            continue;
        if (c->fd[0] >= 0 && c->buf[0].len < ROOM)
            fds[used++] = (struct pollfd){.fd = c->fd[0], .events = POLLIN};
        for (int i = 1; i < 3; i++)
            if (c->fd[i] >= 0 && c->buf[i].len)
                fds[used++] = (struct pollfd){.fd = c->fd[i], .events = POLLOUT};
    }
    return vf_cancel_poll(s->stop, fds, used, seconds * 1000, err) < 0 ? -1 : 0;
}

/* Whoever reads takes in the messages of all: what came for a channel that had its turn before must
 * not wait for the next byte from the host. */
static int turn(struct vf_ssh_session *s, struct vf_error **err)
{
    uint64_t before;
    do {
        take_requests(s);
        vf_ssh_link_move(&s->link);
        before = s->link.taken;
        step_all(s);
        if (read_session(s, err) < 0)
            return -1;
    } while (s->link.taken != before);
    return 0;
}

static void *pump(void *opaque)
{
    struct vf_ssh_session *s = opaque;
    vf_autoerror struct vf_error *e = NULL;
    for (;;) {
        int next = turn(s, &e) < 0 ? -1 : keep_alive(s, &e);
        if (next < 0)
            break;
        vf_ssh_link_send(&s->link); /* receiving now would be too late for this turn */
        if (wait_for_something(s, next, &e) < 0)
            break;
    }
    vf_fail_prefix(&e, "%s", s->ssh->label);
    pthread_mutex_lock(&s->lock);
    s->broken = vf_error_copy(e);
    pthread_mutex_unlock(&s->lock);
    take_requests(s);
    while (s->chans) {
        struct vf_ssh_chan *c = s->chans;
        s->chans = c->next;
        tell_done(c, -1, e);
        for (int i = 0; i < 3; i++)
            shut(c, i);
        unref(c);
    }
    return NULL;
}

int vf_ssh_pump_begin(struct vf_ssh_session *s, struct vf_error **err)
{
    for (;;) {
        s->drain = libssh2_channel_open_ex(s->session, "session", 7, WINDOW, PACKET, NULL, 0);
        if (s->drain || libssh2_session_last_errno(s->session) != LIBSSH2_ERROR_EAGAIN)
            break;
        if (vf_ssh_link_wait(&s->link, VF_T_API_STALL, s->ssh->cancel, err) < 0)
            return vf_fail_prefix(err, _("opening a session"));
    }
    int why = s->drain ? 0 : libssh2_session_last_errno(s->session);
    if (why == LIBSSH2_ERROR_CHANNEL_FAILURE)
        return vf_ssh_fail_no_session(s->ssh, err);
    if (why)
        return vf_ssh_session_fail(s, why, "opening a session", err);
    libssh2_keepalive_config(s->session, 1, VF_SSH_KEEPALIVE);
    int rc = vf_thread_start(&s->thread, pump, s);
    if (rc != 0)
        return vf_fail_errno(err, rc, "starting a thread");
    s->running = true;
    return 0;
}

void vf_ssh_pump_end(struct vf_ssh_session *s)
{
    if (!s->running)
        return;
    vf_cancel_fire(s->stop, "the ssh connection was closed");
    pthread_join(s->thread, NULL);
    s->running = false;
}

static int make_pairs(struct vf_ssh_chan *c, struct vf_ssh_child *out, struct vf_error **err)
{
    int *ours[3] = {&out->in, &out->out, &out->err};
    for (int i = 0; i < 3; i++) {
        int pair[2];
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
            return vf_fail_errno(err, errno, "socketpair");
        *ours[i] = pair[0];
        c->fd[i] = pair[1];
        /* one direction each: the other one would keep an end of file from showing */
        shutdown(pair[0], i ? SHUT_WR : SHUT_RD);
    }
    return 0;
}

int vf_ssh_pump_start(struct vf_ssh *ssh, const char *command, struct vf_ssh_child *out,
                      struct vf_error **err)
{
    struct vf_ssh_session *s = ssh->conn;
    struct vf_ssh_chan *c = vf_xcalloc(1, sizeof *c);
    *c = (struct vf_ssh_chan){.base.ops = &vf_ssh_libssh2,
                              .s = s,
                              .command = vf_strdup(command),
                              .label = vf_strdup(ssh->label),
                              .cancel = ssh->cancel,
                              .refs = 1,
                              .fd = {-1, -1, -1}};
    c->started = eventfd(0, EFD_CLOEXEC);
    c->done = eventfd(0, EFD_CLOEXEC);
    if (c->started < 0 || c->done < 0)
        abort();
    out->priv = &c->base;
    if (make_pairs(c, out, err) < 0)
        return -1;
    pthread_mutex_lock(&s->lock);
    if (s->broken)
        vf_fail_with(err, vf_error_copy(s->broken));
    else {
        atomic_fetch_add(&c->refs, 1);
        vf_queue_push(s->requests, c);
    }
    bool broken = s->broken != NULL;
    pthread_mutex_unlock(&s->lock);
    if (broken)
        return -1;
    struct pollfd p = {.fd = c->started, .events = POLLIN};
    int n = vf_cancel_poll(ssh->cancel, &p, 1, VF_T_PEER_SILENCE, err);
    if (n < 0)
        return -1;
    if (n == 0)
        return vf_fail(err, VF_E_NET, _("%s: the command did not start within %d s"), ssh->label,
                       VF_T_PEER_SILENCE / 1000);
    if (atomic_load(&c->is_done) && c->error)
        return vf_fail_with(err, vf_error_copy(c->error));
    return 0;
}

int vf_ssh_pump_finish(struct vf_ssh_child_priv *priv, int timeout_ms, struct vf_error **err)
{
    struct vf_ssh_chan *c = (struct vf_ssh_chan *)priv;
    struct pollfd p = {.fd = c->done, .events = POLLIN};
    int n = vf_cancel_poll(c->cancel, &p, 1, timeout_ms, err);
    int rc = -1;
    bool done = n > 0 && atomic_load(&c->is_done);
    if (done && c->error)
        vf_fail_with(err, vf_error_copy(c->error));
    else if (done)
        rc = c->status;
    else if (n == 0)
        vf_fail(err, VF_E_NET, _("%s: the command did not end within %.1f s"), c->label,
                timeout_ms / 1000.0);
    if (n <= 0) {
        /* the session is there as long as the pump has not said that it is over */
        atomic_store(&c->hangup, true);
        if (!atomic_load(&c->is_done))
            vf_queue_push(c->s->requests, &wake_up);
    }
    unref(c);
    return rc;
}
