/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "net/ssh_int.h"
#include "base/str.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

static int dial_one(const struct addrinfo *ai, struct vf_cancel *cancel, struct vf_error **err)
{
    vf_autofd int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return vf_fail_errno(err, errno, "socket");
    if (connect(fd, ai->ai_addr, ai->ai_addrlen) < 0) {
        int e = errno;
        if (e == EINPROGRESS) {
            struct pollfd p = {.fd = fd, .events = POLLOUT};
            int n = vf_cancel_poll(cancel, &p, 1, VF_T_CONNECT, err);
            if (n < 0)
                return -1;
            if (n == 0)
                return vf_fail(err, VF_E_NET, "no answer within %d s", VF_T_CONNECT / 1000);
            socklen_t len = sizeof e;
            if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &len) < 0)
                e = errno;
        }
        if (e) {
            char why[128];
            return vf_fail(err, VF_E_NET, "%s", strerror_r(e, why, sizeof why));
        }
    }
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return VF_STEAL_FD(fd);
}

int vf_ssh_dial(const char *host, uint16_t port, struct vf_cancel *cancel, struct vf_error **err)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *all = NULL;
    vf_autofree char *service = vf_asprintf("%u", (unsigned)port);
    int rc = getaddrinfo(host, service, &hints, &all);
    if (rc != 0)
        return vf_fail(err, VF_E_NET, "the name is not known: %s", gai_strerror(rc));
    vf_autoerror struct vf_error *first = NULL;
    int fd = -1;
    for (struct addrinfo *ai = all; ai && fd < 0; ai = ai->ai_next) {
        vf_autoerror struct vf_error *e = NULL;
        fd = dial_one(ai, cancel, &e);
        if (e && vf_error_code(e) == VF_E_CANCELLED) {
            vf_error_free(first);
            first = VF_STEAL(e);
            break;
        }
        if (e)
            vf_fail_with(&first, VF_STEAL(e));
    }
    freeaddrinfo(all);
    return fd >= 0 ? fd : vf_fail_with(err, VF_STEAL(first));
}
