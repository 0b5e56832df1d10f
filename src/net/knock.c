/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "net/knock.h"
#include "base/clock.h"
#include "base/fdio.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

enum { AT_ONCE = 64 };

static socklen_t socket_address(const struct vf_knock *k, struct sockaddr_storage *out)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)out;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)out;
    *out = (struct sockaddr_storage){0};
    if (inet_pton(AF_INET, k->address, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(k->port);
        return sizeof *v4;
    }
    if (inet_pton(AF_INET6, k->address, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(k->port);
        return sizeof *v6;
    }
    return 0;
}

/* A socket that is being connected, -1: it answered already, or never will. */
static int begin(struct vf_knock *k)
{
    struct sockaddr_storage a;
    socklen_t len = socket_address(k, &a);
    if (!len)
        return -1;
    int fd = socket(a.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    int r = connect(fd, (const struct sockaddr *)&a, len);
    if (r < 0 && errno == EINPROGRESS)
        return fd;
    k->answers = r == 0;
    close(fd);
    return -1;
}

static void end(struct vf_knock *k, int fd)
{
    int why = 0;
    socklen_t len = sizeof why;
    k->answers = getsockopt(fd, SOL_SOCKET, SO_ERROR, &why, &len) == 0 && why == 0;
    close(fd);
}

static int knock_some(struct vf_knock *v, size_t n, int timeout_ms, struct vf_cancel *cancel,
                      struct vf_error **err)
{
    struct pollfd p[AT_ONCE];
    size_t open = 0;
    int r = 0;
    const int64_t over = vf_clock_ms() + timeout_ms;
    for (size_t i = 0; i < n; i++) {
        p[i] = (struct pollfd){.fd = v[i].answers ? -1 : begin(&v[i]), .events = POLLOUT};
        open += p[i].fd >= 0;
    }
    for (int64_t now; open && r >= 0 && (now = vf_clock_ms()) < over;) {
        r = vf_cancel_poll(cancel, p, n, (int)(over - now), err);
        for (size_t i = 0; r > 0 && i < n; i++)
            if (p[i].fd >= 0 && p[i].revents) {
                end(&v[i], p[i].fd);
                p[i].fd = -1;
                open--;
            }
    }
    for (size_t i = 0; i < n; i++)
        if (p[i].fd >= 0)
            close(p[i].fd);
    return r < 0 ? -1 : 0;
}

int vf_knock(struct vf_knock *v, size_t n, int timeout_ms, struct vf_cancel *cancel,
             struct vf_error **err)
{
    for (size_t i = 0; i < n; i += AT_ONCE)
        if (knock_some(v + i, n - i < AT_ONCE ? n - i : AT_ONCE, timeout_ms, cancel, err) < 0)
            return -1;
    return 0;
}
