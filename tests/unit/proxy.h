/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Stands between two movers and does harm to the frames of their streams. */
#ifndef VF_TESTS_PROXY_H
#define VF_TESTS_PROXY_H

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "base/fdio.h"
#include "base/str.h"
#include "mover/wire.h"

enum harm_kind {
    HARM_FLIP,    /* a bit of the last byte of the payload */
    HARM_GARBLE,  /* a bit of the header */
    HARM_HASH,    /* a bit of the first hash in HASHES; of the chunk's in DATA and PARTS */
    HARM_DROP,    /* the frame is left out */
    HARM_TWICE,   /* it comes again */
    HARM_CUT,     /* the stream ends in its middle */
    HARM_END,     /* the stream ends before it */
    HARM_DRIBBLE, /* arrives a few bytes at a time */
    HARM_NEWER,   /* HELLO: from a version that is too new */
    HARM_OLDER,   /* HELLO: from one that is too old */
};

struct harm {
    enum harm_kind kind;
    uint8_t type; /* of the frames that are harmed */
    bool back;    /* those from the target to the source */
    int after;    /* so many of them are spared */
    int times;    /* so many are harmed */
};

struct proxy {
    struct harm harm;
    atomic_int seen, done, running;
    int listener;
    char *real;
    pthread_t thread;
};

struct proxy_stream {
    struct proxy *x;
    int from, to;
    bool back;
};

static inline bool proxy_send(int fd, const char *p, size_t n, bool dribble)
{
    for (size_t piece = 1; n; piece = piece % 997 + 7) {
        size_t now = dribble && piece < n ? piece : n;
        if (vf_write_full(fd, p, now) < 0)
            return false;
        p += now;
        n -= now;
    }
    return true;
}

/* Version and reader are the first fields of HELLO. */
static inline void proxy_version(char *payload, uint64_t version)
{
    enum { FIELD = 6 };
    vf_put_u64(payload + FIELD, version);
    vf_put_u64(payload + FIELD + 8 + FIELD, version);
}

/* One frame of N bytes with its header; false ends the stream. */
static inline bool proxy_frame(struct proxy_stream *s, char *p, size_t n)
{
    struct proxy *x = s->x;
    const struct harm *h = &x->harm;
    bool hit = s->back == h->back && (uint8_t)p[4] == h->type;
    int i = hit ? atomic_fetch_add(&x->seen, 1) : 0;
    if (!hit || i < h->after || i >= h->after + h->times)
        return proxy_send(s->to, p, n, false);
    x->done++;
    switch (h->kind) {
    case HARM_FLIP:
        p[n - 1] ^= 1;
        break;
    case HARM_HASH:
        p[VF_WIRE_HEADER + 16] ^= 1;
        break;
    case HARM_GARBLE:
        p[0] ^= 1;
        break;
    case HARM_NEWER:
    case HARM_OLDER:
        proxy_version(p + VF_WIRE_HEADER, h->kind == HARM_NEWER ? 99 : 0);
        break;
    case HARM_DROP:
        return true;
    case HARM_TWICE:
        if (!proxy_send(s->to, p, n, false))
            return false;
        break;
    case HARM_CUT:
        proxy_send(s->to, p, n / 2, false);
        return false;
    case HARM_END:
        return false;
    case HARM_DRIBBLE:
        return proxy_send(s->to, p, n, true);
    }
    return proxy_send(s->to, p, n, false);
}

static inline void *proxy_pump(void *arg)
{
    struct proxy_stream *s = arg;
    vf_autofree char *buf = vf_xmalloc(VF_WIRE_HEADER + VF_WIRE_MAX);
    for (;;) {
        if (vf_read_full(s->from, buf, VF_WIRE_HEADER) != VF_WIRE_HEADER)
            break;
        size_t n = vf_get_u32(buf + 12);
        if (n > VF_WIRE_MAX || vf_read_full(s->from, buf + VF_WIRE_HEADER, n) != (ssize_t)n ||
            !proxy_frame(s, buf, VF_WIRE_HEADER + n))
            break;
    }
    /* both ways; the descriptors stay until the process ends, as the other thread may use them */
    shutdown(s->from, SHUT_RDWR);
    shutdown(s->to, SHUT_RDWR);
    s->x->running--;
    free(s);
    return NULL;
}

static inline void proxy_run(struct proxy *x, int from, int to, bool back)
{
    struct proxy_stream *s = vf_xmalloc(sizeof *s);
    *s = (struct proxy_stream){x, from, to, back};
    pthread_t t;
    vf_set_nonblock(from, false);
    x->running++;
    if (pthread_create(&t, NULL, proxy_pump, s) != 0)
        abort();
    pthread_detach(t);
}

/* Takes the descriptors of a stream and gives the owner the far end of another pair. */
static inline bool proxy_take(struct proxy *x)
{
    int s = accept(x->listener, NULL, NULL);
    union {
        char buf[CMSG_SPACE(2 * sizeof(int))];
        struct cmsghdr align;
    } c = {0};
    char byte;
    struct iovec v = {&byte, 1};
    struct msghdr m = {
        .msg_iov = &v, .msg_iovlen = 1, .msg_control = c.buf, .msg_controllen = sizeof c.buf};
    if (s < 0 || recvmsg(s, &m, 0) != 1 || !CMSG_FIRSTHDR(&m))
        return false;
    int got[2], pair[2];
    memcpy(got, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof got);
    close(got[1]);
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
        return false;
    int to = socket(AF_UNIX, SOCK_STREAM, 0);
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    memcpy(a.sun_path, x->real, strlen(x->real) + 1);
    memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)), (int[2]){pair[1], pair[1]}, sizeof got);
    if (connect(to, (struct sockaddr *)&a, sizeof a) < 0 || sendmsg(to, &m, 0) != 1)
        return false;
    close(pair[1]);
    proxy_run(x, got[0], pair[0], false);
    proxy_run(x, pair[0], got[0], true);
    /* S and TO stay open until the process ends: they only tell the end */
    return true;
}

static inline void *proxy_main(void *arg)
{
    while (proxy_take(arg))
        ;
    return NULL;
}

/* In front of the owner in OWNER_DIR, for the streams that come from now on. */
static inline bool proxy_start(struct proxy *x, const char *owner_dir)
{
    vf_autofree char *sock = vf_asprintf("%s/sock", owner_dir);
    x->real = vf_asprintf("%s/sock.real", owner_dir);
    x->listener = socket(AF_UNIX, SOCK_STREAM, 0);
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    memcpy(a.sun_path, sock, strlen(sock) + 1);
    return rename(sock, x->real) == 0 && bind(x->listener, (struct sockaddr *)&a, sizeof a) == 0 &&
           listen(x->listener, 8) == 0 && pthread_create(&x->thread, NULL, proxy_main, x) == 0;
}

/* Once the movers have gone. */
static inline void proxy_stop(struct proxy *x)
{
    shutdown(x->listener, SHUT_RDWR); /* ends accept() */
    pthread_join(x->thread, NULL);
    close(x->listener);
    while (x->running)
        usleep(1000);
    free(x->real);
}

#endif
