/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A target's side of a copy: whatever frames come, over up to three streams (the id says which), it
 * stays within its disk, ends when it is told to, and says "done" only of what the hash is true of.
 * The first byte says how the copy was asked for. The disk has three chunks and a short one. */
#include "config.h"
#include "mover/pass.h"
#include "mover/squeeze.h"
#include "base/str.h"
#include "tests/fuzz/fuzz.h"

#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { STREAMS = 3, SIZE = 3 * VF_DISK_CHUNK + 4096, TAIL = 8192, PATIENCE_MS = 3 };
enum { VERIFY = 1, FRESH = 2, DELTA = 4, LONGER = 8 };

struct streams {
    struct vf_link links[STREAMS];
    int far[STREAMS];
};

static void open_streams(struct streams *s)
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

static void close_streams(struct streams *s)
{
    for (int i = 0; i < STREAMS; i++) {
        vf_squeeze_free(s->links[i].squeeze);
        vf_link_free(&s->links[i]);
        close(s->far[i]);
    }
}

/* What comes back is thrown away, so that nobody waits for room. */
static void drain(struct streams *s)
{
    char buf[4096];
    for (int i = 0; i < STREAMS; i++)
        while (recv(s->far[i], buf, sizeof buf, MSG_DONTWAIT) > 0)
            ;
}

/* A delta's source answers what it was told. */
static void wait_told(struct vf_pass *p, int fd)
{
    struct pollfd in = {.fd = fd, .events = POLLIN};
    while (!vf_pass_failed(p) && poll(&in, 1, 1) == 0)
        ;
}

/* Hands over all frames; true when there was an END. */
static bool feed(struct vf_pass *p, struct streams *s, bool delta, const uint8_t *data, size_t size)
{
    struct vf_wire w;
    struct vf_frame f;
    bool end = false;
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
            p->ops->frame(p, &s->links[f.id % STREAMS], &f);
            if (delta && f.type == VF_F_BEGIN) {
                wait_told(p, s->far[f.id % STREAMS]);
                delta = false;
            }
            end = end || f.type == VF_F_END;
            drain(s);
        }
    }
    vf_wire_free(&w);
    return end;
}

static void finish(struct vf_pass *p, int wake, bool end)
{
    struct pollfd fd = {.fd = wake, .events = POLLIN};
    if (!end || poll(&fd, 1, PATIENCE_MS) == 0) {
        struct vf_error *e = NULL;
        vf_fail(&e, VF_E_CANCELLED, "enough");
        vf_pass_abort(p, e, true);
    }
    /* nobody waits for this long but when something is wrong */
    if (poll(&fd, 1, 60 * 1000) != 1 || !p->finished)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size)
        return 0;
    uint8_t how = data[0];
    struct streams s;
    open_streams(&s);
    vf_auto(vf_disk_free) struct vf_disk *d =
        vf_disk_new_memory(SIZE + (how & LONGER ? (uint64_t)TAIL : 0));
    vf_autofd int wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct vf_target_opts o = {.id = 1,
                               .disk = d,
                               .size = SIZE,
                               .verify = how & VERIFY,
                               .fresh = how & FRESH,
                               .delta = how & DELTA,
                               .wake_fd = wake};
    struct vf_pass *p = vf_target_start(&o);
    finish(p, wake, feed(p, &s, how & DELTA, data + 1, size - 1));
    if (!p->error && !(how & LONGER)) {
        struct vf_hash is;
        if (vf_hash_disk(d, &is, NULL) < 0 || memcmp(&is, &p->hash, sizeof is) != 0)
            abort();
    }
    p->ops->free(p);
    close_streams(&s);
    return 0;
}
