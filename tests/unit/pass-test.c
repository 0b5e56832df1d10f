/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A pass whose disk fails while its stream breaks: the disk's is the cause that is told. */
#include "config.h"
#include "base/str.h"
#include "mover/pass.h"
#include "mover/squeeze.h"
#include "tests/unit/tap.h"

#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

/* A disk that cannot be flushed; by the time it says so the stream is broken. */
struct odd {
    struct vf_disk disk;
    struct vf_link *link;
};

static int odd_write(struct vf_disk *d, const void *buf, size_t n, uint64_t offset,
                     struct vf_error **err)
{
    return 0;
}

static int odd_flush(struct vf_disk *d, struct vf_error **err)
{
    ((struct odd *)d)->link->broken = true;
    return vf_fail(err, VF_E_IO, "the platter is scratched");
}

static const struct vf_disk_ops odd_ops = {.name = "odd", .write = odd_write, .flush = odd_flush};

/* Hands P a frame of fields. */
static void feed(struct vf_pass *p, struct vf_link *link, uint8_t type, struct vf_buf *b)
{
    struct vf_frame f = {.type = type, .id = p->id, .payload = b->data, .len = b->len};
    p->ops->frame(p, link, &f);
    vf_buf_clear(b);
}

static void test_cause(void)
{
    int pair[2], wake = eventfd(0, EFD_CLOEXEC);
    if (wake < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        abort();
    struct vf_link link;
    vf_link_init(&link, pair[0], pair[0]);
    struct odd odd = {.disk = {.ops = &odd_ops,
                               .name = (char *)"odd",
                               .size = 1000,
                               .unit = 512,
                               .at_once = 1,
                               .writable = true},
                      .link = &link};
    struct vf_target_opts o = {.id = 7, .disk = &odd.disk, .size = 1000, .wake_fd = wake};
    struct vf_pass *p = vf_target_start(&o);
    vf_autobuf struct vf_buf b = {0};
    vf_field_u64(&b, VF_TAG_SIZE, 1000);
    feed(p, &link, VF_F_BEGIN, &b);
    static const char chunk[1000] = "chunk";
    char head[VF_WIRE_PARTS_HEAD];
    struct vf_hash h = vf_hash_chunk(chunk, sizeof chunk);
    vf_buf_add(&b, head, vf_data_head(head, 0, h.b, NULL));
    vf_buf_add(&b, chunk, sizeof chunk);
    feed(p, &link, VF_F_DATA, &b);
    vf_field_add(&b, VF_TAG_HASH, h.b, sizeof h.b);
    feed(p, &link, VF_F_END, &b);
    struct pollfd w = {.fd = wake, .events = POLLIN};
    ok(poll(&w, 1, 30000) == 1 && p->finished, "the copy ends");
    ok(vf_error_code(p->error) == VF_E_IO, "because the disk has failed (%s)",
       vf_error_text(p->error));
    ok(!p->echo, "which is no echo of what the other side knows");
    p->ops->free(p);
    vf_link_free(&link);
    close(pair[1]);
    close(wake);
}

int main(void)
{
    test_cause();
    return done_testing();
}
