/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "net/ssh_session.h"
#include "base/i18n.h"
#include "base/str.h"

#include <errno.h>
#include <malloc.h>
#include <string.h>
#include <sys/socket.h>

static struct vf_ssh_link *link_of(void **abstract)
{
    return &((struct vf_ssh_session *)*abstract)->link;
}

static ssize_t take(libssh2_socket_t fd, void *buffer, size_t n, int flags, void **abstract)
{
    struct vf_ssh_link *l = link_of(abstract);
    if (l->cut)
        return 0;
    size_t have = l->in_end - l->in_at;
    if (!have)
        return l->eof ? 0 : -EAGAIN;
    if (n > have)
        n = have;
    memcpy(buffer, l->in + l->in_at, n);
    l->in_at += n;
    l->taken += n;
    if (l->in_at == l->in_end)
        l->in_at = l->in_end = 0;
    return (ssize_t)n;
}

void vf_ssh_link_send(struct vf_ssh_link *l)
{
    while (l->out.len && !l->error) {
        ssize_t n = send(l->fd, l->out.data, l->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n >= 0)
            vf_buf_consume(&l->out, (size_t)n);
        else if (errno == EAGAIN)
            return;
        else if (errno != EINTR)
            l->error = errno;
    }
}

static ssize_t give(libssh2_socket_t fd, const void *buffer, size_t n, int flags, void **abstract)
{
    struct vf_ssh_link *l = link_of(abstract);
    if (l->cut || l->error)
        return -(l->error ? l->error : ECONNABORTED);
    vf_buf_add(&l->out, buffer, n);
    vf_ssh_link_send(l);
    return (ssize_t)n;
}

static void receive_some(struct vf_ssh_link *l)
{
    while (!l->eof && l->in_end < VF_LINK_ROOM) {
        ssize_t n = recv(l->fd, l->in + l->in_end, VF_LINK_ROOM - l->in_end, MSG_DONTWAIT);
        if (n > 0) {
            l->in_end += (size_t)n;
            l->last_rx = vf_clock_ms();
        } else if (n == 0) {
            l->eof = true;
        } else if (errno == EAGAIN) {
            return;
        } else if (errno != EINTR) {
            l->error = errno;
            l->eof = true;
        }
    }
    if (!l->eof)
        l->last_rx = vf_clock_ms(); /* no room: the silence is ours */
}

/* libssh2 does not tell "no exit status came" from 0. Every message passes through its free
 * function once it is done with it: SSH_MSG_CHANNEL_REQUEST (98), channel, "exit-status" (RFC
 * 4254, 6.10). */
static void *allocate(size_t n, void **abstract)
{
    return malloc(n);
}

static void *reallocate(void *p, size_t n, void **abstract)
{
    return realloc(p, n);
}

static void release(void *p, void **abstract)
{
    static const char name[] = "\0\0\0\013exit-status";
    if (p && malloc_usable_size(p) >= 25 && *(unsigned char *)p == 98 &&
        memcmp((char *)p + 5, name, sizeof name - 1) == 0)
        link_of(abstract)->statuses++;
    free(p);
}

LIBSSH2_SESSION *vf_ssh_link_session_new(struct vf_ssh_session *s)
{
    LIBSSH2_SESSION *session = libssh2_session_init_ex(allocate, release, reallocate, s);
    if (!session)
        abort();
    return session;
}

/* The library's interface takes function pointers as void *. */
static void set_callback(LIBSSH2_SESSION *session, int which, void (*fn)(void))
{
    void *p;
    memcpy(&p, &fn, sizeof p);
    libssh2_session_callback_set(session, which, p);
}

void vf_ssh_link_attach(struct vf_ssh_link *l, int fd, LIBSSH2_SESSION *session)
{
    l->fd = fd;
    l->in = vf_xmalloc(VF_LINK_ROOM);
    l->last_rx = vf_clock_ms();
    set_callback(session, LIBSSH2_CALLBACK_RECV, (void (*)(void))take);
    set_callback(session, LIBSSH2_CALLBACK_SEND, (void (*)(void))give);
}

void vf_ssh_link_clear(struct vf_ssh_link *l)
{
    if (l->fd >= 0)
        close(l->fd);
    l->fd = -1;
    free(l->in);
    l->in = NULL;
    vf_buf_free(&l->out);
}

void vf_ssh_link_move(struct vf_ssh_link *l)
{
    vf_ssh_link_send(l);
    receive_some(l);
}

short vf_ssh_link_events(const struct vf_ssh_link *l)
{
    return (short)((!l->eof && l->in_end < VF_LINK_ROOM ? POLLIN : 0) |
                   (l->out.len && !l->error ? POLLOUT : 0));
}

int vf_ssh_link_wait(struct vf_ssh_link *l, int ms, struct vf_cancel *cancel, struct vf_error **err)
{
    size_t before = l->in_end - l->in_at;
    vf_ssh_link_move(l);
    if (l->eof || l->in_end - l->in_at > before)
        return vf_cancel_check(cancel, err);
    struct pollfd p = {.fd = l->fd, .events = vf_ssh_link_events(l)};
    int n = vf_cancel_poll(cancel, &p, 1, ms, err);
    if (n < 0)
        return -1;
    if (n == 0)
        return vf_fail(err, VF_E_NET, _("no answer within %d s"), ms / 1000);
    vf_ssh_link_move(l);
    return 0;
}

int vf_ssh_session_fail(struct vf_ssh_session *s, int rc, const char *what, struct vf_error **err)
{
    if (s->failed)
        return vf_fail_with(err, VF_STEAL(s->failed));
    if (err && *err)
        return vf_fail_prefix(err, "%s", what);
    if (s->link.error)
        return vf_fail(err, VF_E_NET, "%s: %s", what, strerror(s->link.error));
    if (s->link.eof)
        return vf_fail(err, VF_E_NET, _("%s: the host closed the connection"), what);
    char *text = NULL;
    libssh2_session_last_error(s->session, &text, NULL, 0);
    vf_autofree char *shown = vf_escape(text && *text ? text : _("unknown error"));
    return vf_fail(err, VF_E_NET, _("%s: %s (libssh2 error %d)"), what, shown, rc);
}
