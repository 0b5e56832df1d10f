/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "net/ssh_int.h"
#include "base/i18n.h"
#include "base/str.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

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
                return vf_fail(err, VF_E_NET, _("no answer within %d s"), VF_T_CONNECT / 1000);
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

/* A name that is looked up by a thread of its own: a resolver knows no cancelling. Who comes last
 * frees it. */
struct lookup {
    char *host, *service;
    int told; /* eventfd: it has ended */
    pthread_mutex_t lock;
    bool left; /* by the one or the other; under lock */
    int rc;
    struct addrinfo *all;
};

static void leave_lookup(struct lookup *l)
{
    pthread_mutex_lock(&l->lock);
    bool last = l->left;
    l->left = true;
    pthread_mutex_unlock(&l->lock);
    if (!last)
        return;
    if (l->all)
        freeaddrinfo(l->all);
    pthread_mutex_destroy(&l->lock);
    close(l->told);
    free(l->host);
    free(l->service);
    free(l);
}

static void *look_up(void *arg)
{
    struct lookup *l = arg;
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    l->rc = getaddrinfo(l->host, l->service, &hints, &l->all);
    (void)!write(l->told, &(uint64_t){1}, sizeof(uint64_t));
    leave_lookup(l);
    return NULL;
}

/* Left to the caller in every case where it is not NULL. */
static struct lookup *begin_lookup(const char *host, uint16_t port, struct vf_error **err)
{
    struct lookup *l = vf_xcalloc(1, sizeof *l);
    *l = (struct lookup){.host = vf_strdup(host),
                         .service = vf_asprintf("%u", (unsigned)port),
                         .told = eventfd(0, EFD_CLOEXEC)};
    pthread_mutex_init(&l->lock, NULL);
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    pthread_t thread;
    int e = l->told < 0 ? errno : pthread_create(&thread, NULL, look_up, l);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (e == 0) {
        pthread_detach(thread);
        return l;
    }
    vf_fail_errno(err, e, _("looking %s up"), host);
    l->left = true;
    leave_lookup(l);
    return NULL;
}

/* 0 with the addresses in L, which hold until it is left. */
static int await_lookup(struct lookup *l, struct vf_cancel *cancel, struct vf_error **err)
{
    struct pollfd p = {.fd = l->told, .events = POLLIN};
    int n = vf_cancel_poll(cancel, &p, 1, vf_clock_limit(VF_T_RESOLVE), err);
    if (n < 0)
        return -1;
    if (n == 0)
        return vf_fail(err, VF_E_NET,
                       _("no name server told within %d s where it is: see /etc/resolv.conf, or "
                         "configure its address"),
                       vf_clock_limit(VF_T_RESOLVE) / 1000);
    return l->rc ? vf_fail(err, VF_E_NET, _("the name is not known: %s"), gai_strerror(l->rc)) : 0;
}

int vf_ssh_dial(const char *host, uint16_t port, struct vf_cancel *cancel, struct vf_error **err)
{
    struct lookup *l = begin_lookup(host, port, err);
    if (!l)
        return -1;
    vf_autoerror struct vf_error *first = NULL;
    int fd = -1, known = await_lookup(l, cancel, &first);
    for (struct addrinfo *ai = known == 0 ? l->all : NULL; ai && fd < 0; ai = ai->ai_next) {
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
    leave_lookup(l);
    return fd >= 0 ? fd : vf_fail_with(err, VF_STEAL(first));
}
