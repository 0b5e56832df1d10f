/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Streams between the owners of two hosts: accepted from `join` (or from a mover of the same host),
 * or dialled. Each has a thread that receives. */
#include "config.h"
#include "mover/owner.h"
#include "mover/squeeze.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

enum {
    HELLO_MS = 20 * 1000,
    LOGIN_MS = 60 * 1000, /* in a relay the other side's login may come after ours */
    PIPE_BYTES = 1 << 20,
    HANDED = 5, /* a letter and, where the program chose it, the ID of the stream */
    DROPS = 20,
    DROPPED_MS = 250,
};

static const char role[] = "mover"; /* of both sides: who dials says nothing about who sends */

static int socket_address(const char *path, struct sockaddr_un *out, struct vf_error **err)
{
    *out = (struct sockaddr_un){.sun_family = AF_UNIX};
    size_t n = strlen(path);
    if (n >= sizeof out->sun_path)
        return vf_fail(err, VF_E_INTERNAL, "the socket path %s is too long", path);
    memcpy(out->sun_path, path, n + 1);
    return 0;
}

int vf_stream_listen(struct owner *o, struct vf_error **err)
{
    vf_autofree char *path = vf_asprintf("%s/sock", o->dir);
    struct sockaddr_un a;
    if (socket_address(path, &a, err) < 0)
        return -1;
    unlink(path);
    o->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (o->listener < 0 || bind(o->listener, (struct sockaddr *)&a, sizeof a) < 0 ||
        listen(o->listener, 16) < 0)
        return vf_fail_errno(err, errno, "listening on %s", path);
    return 0;
}

int vf_hand_over(const char *socket_path, enum vf_errand what, int in, int out, uint32_t id,
                 struct vf_error **err)
{
    struct sockaddr_un a;
    if (socket_address(socket_path, &a, err) < 0)
        return -1;
    vf_autofd int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (s < 0 || connect(s, (struct sockaddr *)&a, sizeof a) < 0)
        return vf_fail_errno(err, errno, "no mover listens at %s", socket_path);
    char said[HANDED] = {(char)what};
    vf_put_u32(said + 1, id);
    struct iovec v = {said, id ? HANDED : 1};
    union {
        char buf[CMSG_SPACE(2 * sizeof(int))];
        struct cmsghdr align;
    } c = {0};
    struct msghdr m = {
        .msg_iov = &v, .msg_iovlen = 1, .msg_control = c.buf, .msg_controllen = sizeof c.buf};
    struct cmsghdr *h = CMSG_FIRSTHDR(&m);
    h->cmsg_level = SOL_SOCKET;
    h->cmsg_type = SCM_RIGHTS;
    h->cmsg_len = CMSG_LEN(2 * sizeof(int));
    memcpy(CMSG_DATA(h), (int[2]){in, out}, 2 * sizeof(int));
    if (sendmsg(s, &m, MSG_NOSIGNAL) != (ssize_t)v.iov_len)
        return vf_fail_errno(err, errno, "handing the stream over at %s", socket_path);
    return VF_STEAL_FD(s);
}

/* The two descriptors a peer of our own user has sent, what for, and the ID it gave; false: none.
 */
static bool take_descriptors(int s, enum vf_errand *what, int fds[2], uint32_t *id)
{
    struct ucred who;
    socklen_t n = sizeof who;
    if (getsockopt(s, SOL_SOCKET, SO_PEERCRED, &who, &n) < 0 ||
        (who.uid != geteuid() && who.uid != 0))
        return false;
    /* the sender has written before it waits; a peer that does not is not ours */
    struct timeval limit = {.tv_sec = 5};
    setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    char said[HANDED];
    struct iovec v = {said, sizeof said};
    union {
        char buf[CMSG_SPACE(2 * sizeof(int))];
        struct cmsghdr align;
    } c = {0};
    struct msghdr m = {
        .msg_iov = &v, .msg_iovlen = 1, .msg_control = c.buf, .msg_controllen = sizeof c.buf};
    ssize_t len = recvmsg(s, &m, MSG_CMSG_CLOEXEC);
    if (len != 1 && len != HANDED)
        return false;
    *id = len == HANDED ? vf_get_u32(said + 1) : 0;
    struct cmsghdr *h = CMSG_FIRSTHDR(&m);
    if (!h || h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
        return false;
    size_t got = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    int all[2] = {-1, -1};
    memcpy(all, CMSG_DATA(h), (got < 2 ? got : 2) * sizeof(int));
    *what = (enum vf_errand)said[0];
    if (got == 2 && !(m.msg_flags & MSG_CTRUNC)) {
        fds[0] = all[0];
        fds[1] = all[1];
        return true;
    }
    for (int i = 0; i < 2; i++)
        if (all[i] >= 0)
            close(all[i]);
    return false;
}

/* The stream's descriptors are closed by putting /dev/null in their place: other threads may be
 * about to use the numbers. */
static void hang_up(struct stream *s)
{
    s->link.broken = true;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null >= 0) {
        dup3(null, s->link.in, O_CLOEXEC);
        if (s->link.out != s->link.in)
            dup3(null, s->link.out, O_CLOEXEC);
        close(null);
    }
    if (s->notify >= 0)
        close(s->notify);
    s->notify = -1;
}

/* Which stream it is, the dialling side says; in a relay both were told by the program. */
static int agree_on_id(struct stream *s, const struct vf_frame *f, struct vf_error **err)
{
    uint64_t theirs = vf_field_num(f, VF_TAG_STREAM, 0), ours = s->id;
    if (!ours && theirs && theirs <= UINT32_MAX)
        s->id = (uint32_t)theirs;
    else if (!ours || (theirs && theirs != ours))
        return vf_fail(err, VF_E_CONFLICT, "the other mover means stream %llu, this one %llu",
                       (unsigned long long)theirs, (unsigned long long)ours);
    return 0;
}

static int receive_hello(struct stream *s, int timeout_ms, struct vf_error **err)
{
    struct vf_frame f;
    int r = vf_link_recv(&s->link, &f, timeout_ms, NULL, err);
    if (r == 0)
        return vf_fail(err, VF_E_NET, "the other mover does not greet");
    if (r < 0 || vf_hello_check(&f, err) < 0)
        return -1;
    s->link.takes_zstd = vf_hello_has(&f, "zstd");
    vf_autofree char *theirs = vf_field_text(&f, VF_TAG_ROLE);
    vf_autofree char *job = vf_field_text(&f, VF_TAG_JOB);
    if (!vf_streq(theirs, role) || !vf_streq(job, s->owner->job))
        return vf_fail(err, VF_E_CONFLICT, "the other mover belongs to another job or role");
    return agree_on_id(s, &f, err);
}

static int send_hello(struct stream *s, struct vf_error **err)
{
    vf_autobuf struct vf_buf b = {0};
    vf_hello_fields(&b, role, s->owner->job, s->owner->epoch);
    if (s->id)
        vf_field_u64(&b, VF_TAG_STREAM, s->id);
    return vf_link_send_fields(&s->link, VF_F_HELLO, 0, 0, &b, err);
}

/* The side that is joined greets first, which tells one that dials that the login is over. */
static int greet_joined(struct stream *s, struct vf_error **err)
{
    if (send_hello(s, err) < 0 || receive_hello(s, LOGIN_MS, err) < 0)
        return -1;
    s->ready = true;
    vf_owner_wake(s->owner); /* the program may wait for it */
    return 0;
}

static void *stream_main(void *arg)
{
    struct stream *s = arg;
    struct vf_error *e = NULL;
    struct vf_frame f;
    int r = s->ready ? 0 : greet_joined(s, &e);
    while (r >= 0) {
        r = vf_link_recv(&s->link, &f, vf_clock_limit(VF_T_PING), NULL, &e);
        if (r == 1 && !vf_echo_frame(s->owner, &s->link, &f))
            /* nobody waiting for it is normal: the rest of a copy that has failed */
            vf_owner_frame(s->owner, &s->link, &f);
    }
    s->why = e;
    s->link.broken = true;
    s->ended = true;
    vf_owner_wake(s->owner);
    vf_owner_link_ended(s->owner, &s->link, e);
    hang_up(s);
    vf_wire_free(&s->link.wire); /* only this thread uses it */
    return NULL;
}

static struct stream *new_stream(struct owner *o, int in, int out)
{
    struct stream *s = vf_xcalloc(1, sizeof *s);
    s->owner = o;
    s->notify = -1;
    s->ssh.pid = -1;
    vf_link_init(&s->link, in, out);
    s->link.limit = &o->limit;
    s->link.squeeze = vf_squeeze_new();
    /* where they are pipes: room for a chunk, so that we read on while ssh enciphers */
    fcntl(in, F_SETPIPE_SZ, PIPE_BYTES);
    fcntl(out, F_SETPIPE_SZ, PIPE_BYTES);
    return s;
}

static void run(struct stream *s)
{
    s->next = s->owner->streams;
    s->owner->streams = s;
    if (pthread_create(&s->thread, NULL, stream_main, s) != 0)
        abort(); /* like memory: nothing to be done */
    pthread_detach(s->thread);
}

void vf_stream_accept(struct owner *o)
{
    int s = accept4(o->listener, NULL, NULL, SOCK_CLOEXEC);
    if (s < 0)
        return;
    int fds[2];
    uint32_t id;
    enum vf_errand what;
    if (!take_descriptors(s, &what, fds, &id)) {
        close(s);
        return;
    }
    if (what == VF_ERRAND_CONTROL) {
        vf_control_call(o, fds[0], fds[1], s);
        return;
    }
    struct stream *st = new_stream(o, fds[0], fds[1]);
    st->id = id;
    st->notify = s;
    run(st);
}

/* A mover of this host: one end of a socket pair goes through its socket. */
static struct stream *dial_local(struct owner *o, const char *path, struct vf_error **err)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
        vf_fail_errno(err, errno, "socketpair");
        return NULL;
    }
    int notify = vf_hand_over(path, VF_ERRAND_STREAM, pair[1], pair[1], 0, err);
    close(pair[1]);
    if (notify < 0) {
        close(pair[0]);
        return NULL;
    }
    struct stream *s = new_stream(o, pair[0], pair[0]);
    s->notify = notify;
    return s;
}

static struct stream *dial_ssh(struct owner *o, const struct vf_frame *f, int *key,
                               struct vf_error **err)
{
    struct vf_proc p;
    if (vf_dial_ssh(o, f, &p, key, err) < 0)
        return NULL;
    struct stream *s = new_stream(o, p.out, p.in);
    s->ssh = p;
    s->ssh.in = s->ssh.out = -1;
    return s;
}

static void drop(struct stream *s)
{
    if (s->ssh.pid > 0)
        vf_proc_end(&s->ssh);
    if (s->notify >= 0)
        close(s->notify);
    vf_squeeze_free(s->link.squeeze);
    vf_link_free(&s->link);
    free(s);
}

/* The login went well, and what answers is not the key's command. */
static void not_ours(const struct stream *s, struct vf_error **err)
{
    const char *text = s->link.wire.said;
    vf_autofree char *said = vf_escape_n(text, strcspn(text, "\r\n"));
    if (s->link.wire.noise > VF_WIRE_NOISE)
        vf_fail(err, VF_E_UNSUPPORTED,
                "the login shell there prints more than %d bytes before any command (%.60s...)",
                VF_WIRE_NOISE, said);
    else
        vf_fail(err, VF_E_UNSUPPORTED,
                "another program answers there than the one-job key asks for (it says: %s): sshd "
                "there forces a command on this login (ForceCommand)",
                said);
}

/* 0, -1, or 1 when the host hung up before the login. */
static int connect_once(struct owner *o, const struct vf_frame *f, const char *path, int *key,
                        struct vf_error **err)
{
    struct stream *s = path ? dial_local(o, path, err) : dial_ssh(o, f, key, err);
    if (!s)
        return -1;
    s->id = f->id;
    vf_autoerror struct vf_error *e = NULL;
    int r = -1;
    /* a failing ssh ends its output; what it says on stderr tells more than that */
    if (send_hello(s, &e) < 0 || receive_hello(s, HELLO_MS, &e) < 0) {
        if (s->ssh.pid > 0 && s->link.wire.noise && !s->link.wire.greeted)
            not_ours(s, err);
        else if (s->ssh.pid > 0)
            r = vf_dial_failed(&s->ssh, err);
        vf_fail_with(err, VF_STEAL(e));
        drop(s);
        return r;
    }
    s->ready = true;
    run(s);
    return 0;
}

int vf_stream_connect(struct owner *o, const struct vf_frame *f, struct vf_error **err)
{
    vf_autofree char *path = vf_field_text(f, VF_TAG_PATH);
    if (!f->id || vf_stream_find(o, f->id))
        return vf_fail(err, VF_E_INTERNAL, "stream %u exists", f->id);
    vf_autofd int key = -1; /* needed while ssh logs in */
    for (int i = 0;; i++) {
        vf_autoerror struct vf_error *e = NULL;
        int r = connect_once(o, f, path, &key, &e);
        /* a host with more logins under way than its MaxStartups hangs up on some of them */
        if (r == 1 && i < DROPS && vf_cancel_sleep(NULL, DROPPED_MS, NULL) == 0)
            continue;
        return r == 0 ? 0 : vf_fail_with(err, VF_STEAL(e));
    }
}

struct stream *vf_stream_find(struct owner *o, uint32_t id)
{
    struct stream *s = o->streams;
    while (s && (!s->ready || s->id != id))
        s = s->next;
    return s;
}

int vf_stream_came(struct owner *o, uint32_t id, struct vf_error **err)
{
    for (struct stream *s = o->streams; s; s = s->next) {
        if (s->id != id)
            continue;
        if (s->ended)
            return vf_fail(err, vf_error_code(s->why), "the stream has ended: %s",
                           vf_error_text(s->why));
        return s->ready;
    }
    return 0;
}

void vf_streams_end(struct owner *o)
{
    for (struct stream *s = o->streams; s; s = s->next)
        if (s->ssh.pid > 0)
            kill(s->ssh.pid, SIGTERM);
    for (struct stream *s = o->streams; s; s = s->next)
        if (s->ssh.pid > 0)
            vf_proc_end(&s->ssh);
}
