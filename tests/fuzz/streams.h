/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What fuzz targets of a pass share: streams whose other ends nobody speaks at, frames handed to
 * the pass as they come, and its end. */
#ifndef VF_TESTS_FUZZ_STREAMS_H
#define VF_TESTS_FUZZ_STREAMS_H

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include "mover/pass.h"
#include "mover/squeeze.h"

enum { STREAMS = 3, PATIENCE_MS = 4, HANGS_MS = 60 * 1000 };

struct streams {
    struct vf_link links[STREAMS];
    int far[STREAMS];
};

static inline void open_streams(struct streams *s)
{
    for (int i = 0; i < STREAMS; i++) {
        int pair[2];
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
            abort();
        vf_link_init(&s->links[i], pair[0], pair[0]);
        s->links[i].squeeze = vf_squeeze_new();
        s->far[i] = pair[1];
    }
}

static inline void close_streams(struct streams *s)
{
    for (int i = 0; i < STREAMS; i++) {
        vf_squeeze_free(s->links[i].squeeze);
        vf_link_free(&s->links[i]);
        close(s->far[i]);
    }
}

/* What the pass sends is thrown away, so that it never waits for room. */
static inline void drain(struct streams *s)
{
    char buf[65536];
    for (int i = 0; i < STREAMS; i++)
        while (recv(s->far[i], buf, sizeof buf, MSG_DONTWAIT) > 0)
            ;
}

/* Whether P has ended within MS. */
static inline bool ends_within(struct vf_pass *p, struct streams *s, int wake, int ms)
{
    struct pollfd fds[STREAMS + 1] = {{.fd = wake, .events = POLLIN}};
    for (int i = 0; i < STREAMS; i++)
        fds[i + 1] = (struct pollfd){.fd = s->far[i], .events = POLLIN};
    while (!p->finished && poll(fds, STREAMS + 1, ms) > 0)
        drain(s);
    return p->finished;
}

/* Until P has sent something over stream I. */
static inline void wait_said(struct vf_pass *p, struct streams *s, unsigned i)
{
    struct pollfd in = {.fd = s->far[i], .events = POLLIN};
    while (!vf_pass_failed(p) && poll(&in, 1, 1) == 0)
        ;
}

/* Hands over all frames, over the stream their ids say; true when there was one of type LAST. After
 * the first one of type ASKS (0: none) P is let have its say; before DONE, which is only believed
 * behind the end, it gets a moment. */
static inline bool feed(struct vf_pass *p, struct streams *s, int wake, const uint8_t *data,
                        size_t size, uint8_t last, uint8_t asks)
{
    struct vf_wire w;
    struct vf_frame f;
    bool seen = false;
    int r = 0;
    vf_wire_init(&w);
    w.greeted = true;
    while (size && r >= 0) {
        size_t room;
        char *to = vf_wire_room(&w, &room);
        size_t n = size < room ? size : room;
        memcpy(to, data, n);
        vf_wire_added(&w, n);
        data += n;
        size -= n;
        while ((r = vf_wire_next(&w, &f, NULL)) == 1) {
            if (last == VF_F_DONE && f.type == last)
                ends_within(p, s, wake, PATIENCE_MS);
            p->ops->frame(p, &s->links[f.id % STREAMS], &f);
            if (asks && f.type == asks) {
                wait_said(p, s, f.id % STREAMS);
                asks = 0;
            }
            seen = seen || f.type == last;
            drain(s);
        }
    }
    vf_wire_free(&w);
    return seen;
}

/* Waits for the end, a moment at most where none was said (ENDED); then P is told to end. */
static inline void finish(struct vf_pass *p, struct streams *s, int wake, bool ended)
{
    if (!ended || !ends_within(p, s, wake, PATIENCE_MS)) {
        struct vf_error *e = NULL;
        vf_fail(&e, VF_E_CANCELLED, "enough");
        vf_pass_abort(p, e, true);
    }
    /* nobody waits for this long but when something is wrong */
    if (!ends_within(p, s, wake, HANGS_MS))
        abort();
}

#endif
