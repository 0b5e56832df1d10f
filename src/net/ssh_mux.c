/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A child through an ssh master's control socket (PROTOCOL.mux of OpenSSH, version 4): the master
 * takes our descriptors and tells the exit status, so that no second ssh stands between and a
 * status of 255 is a status. */
#include "config.h"
#include "net/ssh_master.h"
#include "base/fdio.h"
#include "base/i18n.h"
#include "base/str.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

enum {
    MUX_MSG_HELLO = 0x00000001,
    MUX_C_NEW_SESSION = 0x10000002,
    MUX_C_OPEN_FWD = 0x10000006,
    MUX_S_OK = 0x80000001,
    MUX_S_PERMISSION_DENIED = 0x80000002,
    MUX_S_FAILURE = 0x80000003,
    MUX_S_EXIT_MESSAGE = 0x80000004,
    MUX_S_SESSION_OPENED = 0x80000006,
    MUX_VERSION = 4,
    MAX_MESSAGE = 256 * 1024,
    REQUEST = 1,
};

struct mux_child {
    struct vf_ssh_child_priv base;
    int control;
    char *label;
    struct vf_cancel *cancel;
};

static void put_u32(struct vf_buf *b, uint32_t v)
{
    unsigned char x[4] = {(unsigned char)(v >> 24), (unsigned char)(v >> 16),
                          (unsigned char)(v >> 8), (unsigned char)v};
    vf_buf_add(b, x, 4);
}

static void put_string(struct vf_buf *b, const char *s)
{
    put_u32(b, (uint32_t)strlen(s));
    vf_buf_puts(b, s);
}

static uint32_t get_u32(struct vf_buf *b)
{
    if (b->len < 4) {
        vf_buf_clear(b);
        return 0;
    }
    const unsigned char *p = (const unsigned char *)b->data;
    uint32_t v = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
    vf_buf_consume(b, 4);
    return v;
}

/* N bytes within the time left until END; 0, 1 at the end of the stream, -1 with *err. */
static int receive(int fd, char *p, size_t n, int64_t end, struct vf_cancel *cancel,
                   struct vf_error **err)
{
    while (n) {
        ssize_t r = recv(fd, p, n, MSG_DONTWAIT);
        if (r > 0) {
            p += r;
            n -= (size_t)r;
            continue;
        }
        if (r == 0 || errno == ECONNRESET)
            return 1;
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN)
            return vf_fail_errno(err, errno, _("ssh's control socket"));
        int64_t left = end < 0 ? -1 : end - vf_clock_ms();
        struct pollfd w = {.fd = fd, .events = POLLIN};
        int ready = vf_cancel_poll(cancel, &w, 1, end < 0 ? -1 : left > 0 ? (int)left : 0, err);
        if (ready < 0)
            return -1;
        if (ready == 0)
            return vf_fail(err, VF_E_NET, _("time is up"));
    }
    return 0;
}

static int receive_message(int fd, struct vf_buf *b, int64_t end, struct vf_cancel *cancel,
                           struct vf_error **err)
{
    vf_buf_clear(b);
    int rc = receive(fd, vf_buf_room(b, 4), 4, end, cancel, err);
    if (rc)
        return rc;
    b->len = 4;
    uint32_t n = get_u32(b);
    if (n > MAX_MESSAGE)
        return vf_fail(err, VF_E_INTERNAL, _("ssh's control socket sent %u bytes"), (unsigned)n);
    rc = receive(fd, vf_buf_room(b, n), n, end, cancel, err);
    b->len = rc ? 0 : n;
    return rc;
}

static int send_message(int fd, const struct vf_buf *body, struct vf_error **err)
{
    vf_autobuf struct vf_buf b = {0};
    put_u32(&b, (uint32_t)body->len);
    vf_buf_add(&b, body->data, body->len);
    for (size_t at = 0; at < b.len;) {
        ssize_t n = send(fd, b.data + at, b.len - at, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return vf_fail(err, VF_E_NET, _("ssh ended"));
        at += (size_t)n;
    }
    return 0;
}

static int send_fd(int control, int fd, struct vf_error **err)
{
    char byte = 0;
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(int))];
    } u = {0};
    struct iovec iov = {.iov_base = &byte, .iov_len = 1};
    struct msghdr m = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = u.room, .msg_controllen = sizeof u.room};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &fd, sizeof fd);
    ssize_t n;
    while ((n = sendmsg(control, &m, MSG_NOSIGNAL)) < 0 && errno == EINTR)
        ;
    return n == 1 ? 0 : vf_fail(err, VF_E_NET, _("ssh ended"));
}

int vf_ssh_mux_connect(const char *path, struct vf_cancel *cancel, struct vf_error **err)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof sa.sun_path)
        return vf_fail(err, VF_E_INTERNAL, _("the path %s is too long for a socket"), path);
    memcpy(sa.sun_path, path, strlen(path) + 1);
    vf_autofd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return vf_fail_errno(err, errno, "socket");
    if (connect(fd, (struct sockaddr *)&sa, sizeof sa) < 0)
        return vf_fail(err, VF_E_NET, _("ssh ended"));
    vf_autobuf struct vf_buf hello = {0}, answer = {0};
    put_u32(&hello, MUX_MSG_HELLO);
    put_u32(&hello, MUX_VERSION);
    if (send_message(fd, &hello, err) < 0)
        return -1;
    int rc = receive_message(fd, &answer, vf_clock_ms() + VF_T_CONNECT, cancel, err);
    if (rc < 0)
        return -1;
    if (rc > 0)
        return vf_fail(err, VF_E_NET, _("ssh ended"));
    uint32_t type = get_u32(&answer), version = get_u32(&answer);
    if (type != MUX_MSG_HELLO || version != MUX_VERSION)
        return vf_fail(err, VF_E_UNSUPPORTED,
                       _("this ssh speaks version %u of the control protocol, vmferry speaks %d"),
                       (unsigned)version, MUX_VERSION);
    return VF_STEAL_FD(fd);
}

static int request(int control, const char *command, const int fds[3], struct vf_error **err)
{
    vf_autobuf struct vf_buf b = {0};
    put_u32(&b, MUX_C_NEW_SESSION);
    put_u32(&b, REQUEST);
    put_string(&b, "");      /* reserved */
    put_u32(&b, 0);          /* terminal */
    put_u32(&b, 0);          /* X11 */
    put_u32(&b, 0);          /* agent */
    put_u32(&b, 0);          /* subsystem */
    put_u32(&b, UINT32_MAX); /* escape character: none */
    put_string(&b, "");      /* terminal type */
    put_string(&b, command);
    if (send_message(control, &b, err) < 0)
        return -1;
    for (int i = 0; i < 3; i++)
        if (send_fd(control, fds[i], err) < 0)
            return -1;
    return 0;
}

static int opened(int control, struct vf_cancel *cancel, struct vf_error **err)
{
    vf_autobuf struct vf_buf b = {0};
    int rc = receive_message(control, &b, vf_clock_ms() + VF_T_PEER_SILENCE, cancel, err);
    if (rc < 0)
        return -1;
    uint32_t type = rc ? 0 : get_u32(&b);
    if (type == MUX_S_SESSION_OPENED)
        return 0;
    if (type == MUX_S_FAILURE || type == MUX_S_PERMISSION_DENIED) {
        get_u32(&b);
        uint32_t n = get_u32(&b);
        vf_autofree char *why = vf_escape_n(b.data ? b.data : "", n < b.len ? n : b.len);
        return vf_fail(
            err, VF_E_CONFLICT,
            _("the host refuses another session in this connection (%s; see MaxSessions in its "
              "sshd_config)"),
            why);
    }
    return vf_fail(err, VF_E_NET, _("the connection broke"));
}

int vf_ssh_mux_forward(const char *path, const char *listen, const char *host, uint16_t port,
                       struct vf_cancel *cancel, struct vf_error **err)
{
    enum { LOCAL = 1 };
    vf_autofd int control = vf_ssh_mux_connect(path, cancel, err);
    if (control < 0)
        return -1;
    vf_autobuf struct vf_buf b = {0};
    put_u32(&b, MUX_C_OPEN_FWD);
    put_u32(&b, REQUEST);
    put_u32(&b, LOCAL);
    put_string(&b, listen);
    put_u32(&b, (uint32_t)-2); /* the listening end is a path */
    put_string(&b, host);
    put_u32(&b, port);
    if (send_message(control, &b, err) < 0)
        return -1;
    int rc = receive_message(control, &b, vf_clock_ms() + VF_T_CONNECT, cancel, err);
    if (rc < 0)
        return -1;
    if (!rc && get_u32(&b) == MUX_S_OK)
        return 0;
    return vf_fail(err, rc ? VF_E_NET : VF_E_CONFLICT,
                   rc ? _("ssh ended") : _("ssh forwards nothing"));
}

/* ssh does not pass on that a signal ended a command; a shell around it does, as 128 + number. */
static char *with_signals(const char *command)
{
    vf_autofree char *quoted = vf_shell_quote(command);
    return vf_asprintf("sh -c 'sh -c \"$0\"; exit $?' %s", quoted);
}

int vf_ssh_mux_start(const char *path, const char *label, const char *command,
                     struct vf_cancel *cancel, struct vf_ssh_child *out, struct vf_error **err)
{
    struct mux_child *c = vf_xcalloc(1, sizeof *c);
    *c = (struct mux_child){
        .base.ops = &vf_ssh_openssh, .control = -1, .label = vf_strdup(label), .cancel = cancel};
    out->priv = &c->base;
    int *ours[3] = {&out->in, &out->out, &out->err}, theirs[3] = {-1, -1, -1};
    int rc = 0;
    for (int i = 0; i < 3 && rc == 0; i++) {
        int pair[2];
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
            rc = vf_fail_errno(err, errno, "socketpair");
            break;
        }
        *ours[i] = pair[0];
        theirs[i] = pair[1];
        shutdown(pair[0], i ? SHUT_WR : SHUT_RD);
    }
    vf_autofree char *wrapped = with_signals(command);
    if (rc == 0) {
        c->control = vf_ssh_mux_connect(path, cancel, err);
        rc = c->control < 0 ? -1 : request(c->control, wrapped, theirs, err);
    }
    for (int i = 0; i < 3; i++)
        if (theirs[i] >= 0)
            close(theirs[i]);
    if (rc == 0)
        rc = opened(c->control, cancel, err);
    return rc < 0 ? vf_fail_prefix(err, "%s", label) : 0;
}

int vf_ssh_mux_finish(struct vf_ssh_child_priv *priv, int timeout_ms, struct vf_error **err)
{
    struct mux_child *c = (struct mux_child *)priv;
    vf_autobuf struct vf_buf b = {0};
    vf_autoerror struct vf_error *e = NULL;
    int64_t end = timeout_ms < 0 ? -1 : vf_clock_ms() + timeout_ms;
    int status = -1;
    for (int rc = c->control < 0; status < 0;) {
        rc = rc ? rc : receive_message(c->control, &b, end, c->cancel, &e);
        if (rc < 0 && vf_error_code(e) == VF_E_NET)
            vf_fail(err, VF_E_NET, _("%s: the command did not end within %.1f s"), c->label,
                    timeout_ms / 1000.0);
        else if (rc < 0)
            vf_fail_with(err, VF_STEAL(e));
        else if (rc > 0)
            vf_fail(err, VF_E_NET,
                    _("%s: the connection broke before the command's exit status came"), c->label);
        if (rc)
            break;
        if (get_u32(&b) == MUX_S_EXIT_MESSAGE) {
            get_u32(&b);
            status = (int)(get_u32(&b) & 0xff);
        }
    }
    /* closing the control connection hangs up what still runs */
    if (c->control >= 0)
        close(c->control);
    free(c->label);
    free(c);
    return status;
}
