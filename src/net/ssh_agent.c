/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The agent protocol (draft-miller-ssh-agent), spoken here because libssh2 waits for an agent
 * without end: one that is dead, or asks its owner to confirm, must not hold up a cancel. */
#include "config.h"
#include "net/ssh_session.h"
#include "base/fdio.h"
#include "base/i18n.h"
#include "base/str.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

enum {
    REQUEST_IDENTITIES = 11,
    IDENTITIES_ANSWER = 12,
    SIGN_REQUEST = 13,
    SIGN_RESPONSE = 14,
    MAX_MESSAGE = 256 * 1024,
    MAX_KEYS = 256,
};

struct identity {
    unsigned char *blob;
    size_t len;
};

struct vf_ssh_agent {
    int fd;
    char *path;
    int limit; /* ms for the next answer */
    struct vf_cancel *cancel;
    struct identity *keys;
    size_t n;
};

static void put_u32(struct vf_buf *b, size_t v)
{
    unsigned char x[4] = {(unsigned char)(v >> 24), (unsigned char)(v >> 16),
                          (unsigned char)(v >> 8), (unsigned char)v};
    vf_buf_add(b, x, 4);
}

static void put_string(struct vf_buf *b, const void *s, size_t n)
{
    put_u32(b, n);
    vf_buf_add(b, s, n);
}

static bool get_u32(struct vf_buf *b, uint32_t *v)
{
    if (b->len < 4)
        return false;
    const unsigned char *p = (const unsigned char *)b->data;
    *v = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
    vf_buf_consume(b, 4);
    return true;
}

static bool get_string(struct vf_buf *b, struct vf_buf *out)
{
    uint32_t n;
    if (!get_u32(b, &n) || n > b->len)
        return false;
    vf_buf_clear(out);
    vf_buf_add(out, b->data, n);
    vf_buf_consume(b, n);
    return true;
}

static int transfer(struct vf_ssh_agent *a, bool out, char *p, size_t n, struct vf_error **err)
{
    while (n) {
        ssize_t r = out ? send(a->fd, p, n, MSG_NOSIGNAL) : recv(a->fd, p, n, 0);
        if (r > 0) {
            p += r;
            n -= (size_t)r;
        } else if (r == 0) {
            return vf_fail(err, VF_E_AUTH, _("the ssh agent closed the connection"));
        } else if (errno == EAGAIN) {
            struct pollfd w = {.fd = a->fd, .events = out ? POLLOUT : POLLIN};
            int ready = vf_cancel_poll(a->cancel, &w, 1, a->limit, err);
            if (ready < 0)
                return -1;
            if (!ready)
                return vf_fail(err, VF_E_NET,
                               _("the ssh agent at %s did not answer within %d s: see whether "
                                 "`ssh-add -l` does, start it anew, or do without it (env -u "
                                 "SSH_AUTH_SOCK, or IdentityAgent none in ssh_config)"),
                               a->path, a->limit / 1000);
        } else if (errno != EINTR) {
            vf_fail_errno(err, errno, _("the ssh agent"));
            return -1;
        }
    }
    return 0;
}

static int call(struct vf_ssh_agent *a, const struct vf_buf *request, int want,
                struct vf_buf *answer, struct vf_error **err)
{
    vf_autobuf struct vf_buf message = {0};
    put_string(&message, request->data, request->len);
    unsigned char head[4];
    if (transfer(a, true, message.data, message.len, err) < 0 ||
        transfer(a, false, (char *)head, 4, err) < 0)
        return -1;
    size_t n = (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
    if (n < 1 || n > MAX_MESSAGE)
        return vf_fail(err, VF_E_AUTH, _("the ssh agent sent %zu bytes"), n);
    vf_buf_clear(answer);
    if (transfer(a, false, vf_buf_room(answer, n), n, err) < 0)
        return -1;
    answer->len = n;
    if ((unsigned char)answer->data[0] != want)
        return vf_fail(err, VF_E_AUTH, _("the ssh agent refused"));
    vf_buf_consume(answer, 1);
    return 0;
}

static int list(struct vf_ssh_agent *a, struct vf_error **err)
{
    vf_autobuf struct vf_buf request = {0}, answer = {0}, blob = {0}, comment = {0};
    vf_buf_add(&request, (char[]){REQUEST_IDENTITIES}, 1);
    uint32_t n;
    a->limit = vf_clock_limit(VF_T_CONNECT);
    if (call(a, &request, IDENTITIES_ANSWER, &answer, err) < 0)
        return -1;
    if (!get_u32(&answer, &n) || n > MAX_KEYS)
        return vf_fail(err, VF_E_AUTH, _("the ssh agent's list of keys is malformed"));
    while (n--) {
        if (!get_string(&answer, &blob) || !get_string(&answer, &comment))
            return vf_fail(err, VF_E_AUTH, _("the ssh agent's list of keys is malformed"));
        struct identity *id = vf_grow(&a->keys, &a->n, sizeof *id);
        id->len = blob.len;
        id->blob = (unsigned char *)vf_buf_take(&blob);
    }
    return 0;
}

struct vf_ssh_agent *vf_ssh_agent_open(const char *path, struct vf_cancel *cancel,
                                       struct vf_error **err)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof sa.sun_path) {
        vf_fail(err, VF_E_USAGE, _("the path of the ssh agent's socket is too long: %s"), path);
        return NULL;
    }
    memcpy(sa.sun_path, path, strlen(path) + 1);
    vf_auto(vf_ssh_agent_free) struct vf_ssh_agent *a = vf_xcalloc(1, sizeof *a);
    a->cancel = cancel;
    a->path = vf_strdup(path);
    /* not blocking from the beginning: one that does not take calls lets callers wait */
    a->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (a->fd < 0 || connect(a->fd, (struct sockaddr *)&sa, sizeof sa) < 0) {
        vf_fail_errno(err, errno, _("the ssh agent at %s"), path);
        return NULL;
    }
    return list(a, err) < 0 ? NULL : VF_STEAL(a);
}

void vf_ssh_agent_free(struct vf_ssh_agent *a)
{
    if (!a)
        return;
    for (size_t i = 0; i < a->n; i++)
        free(a->keys[i].blob);
    free(a->keys);
    free(a->path);
    if (a->fd >= 0)
        close(a->fd);
    free(a);
}

size_t vf_ssh_agent_count(const struct vf_ssh_agent *a)
{
    return a->n;
}

const unsigned char *vf_ssh_agent_blob(const struct vf_ssh_agent *a, size_t i, size_t *len)
{
    *len = a->keys[i].len;
    return a->keys[i].blob;
}

int vf_ssh_agent_sign(struct vf_ssh_agent *a, size_t i, const void *data, size_t n,
                      unsigned char **sig, size_t *sig_len, struct vf_error **err)
{
    vf_autobuf struct vf_buf request = {0}, answer = {0}, whole = {0}, algorithm = {0}, raw = {0};
    vf_buf_add(&request, (char[]){SIGN_REQUEST}, 1);
    put_string(&request, a->keys[i].blob, a->keys[i].len);
    put_string(&request, data, n);
    put_u32(&request, 0);
    a->limit = vf_clock_limit(VF_T_LOGIN);
    if (call(a, &request, SIGN_RESPONSE, &answer, err) < 0)
        return -1;
    if (!get_string(&answer, &whole) || !get_string(&whole, &algorithm) ||
        !get_string(&whole, &raw))
        return vf_fail(err, VF_E_AUTH, _("the ssh agent's signature is malformed"));
    *sig_len = raw.len;
    *sig = (unsigned char *)vf_buf_take(&raw);
    return 0;
}
