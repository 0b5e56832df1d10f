/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "mover/link.h"
#include "base/clock.h"
#include "base/fdio.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>

enum { END_MS = 2000 };

/* A pipe holds 64 KiB, a chunk is 1 MiB: with more room there are fewer changes from process to
 * process on the way. What is no pipe, or may not be larger, stays as it is. */
static void widen(int fd)
{
    (void)fcntl(fd, F_SETPIPE_SZ, VF_WIRE_CHUNK);
}

void vf_link_init(struct vf_link *l, int in, int out)
{
    *l = (struct vf_link){.in = in, .out = out};
    vf_wire_init(&l->wire);
    vf_turns_init(&l->sending);
    vf_set_nonblock(in, true);
    vf_set_nonblock(out, true);
    widen(in);
    widen(out);
    l->sent_ms = l->heard_ms = vf_clock_ms();
}

void vf_link_free(struct vf_link *l)
{
    vf_wire_free(&l->wire);
    vf_turns_clear(&l->sending);
    if (l->in >= 0)
        close(l->in);
    if (l->out >= 0 && l->out != l->in)
        close(l->out);
    l->in = l->out = -1;
}

/* Waits until OUT takes bytes again. A frame that was BEGUN is ended even when CANCEL fires, if
 * that is soon done: the link is of use only to whole frames. */
static int wait_writable(struct vf_link *l, bool begun, struct vf_cancel *cancel,
                         struct vf_error **err)
{
    struct pollfd p = {.fd = l->out, .events = POLLOUT};
    int silence = vf_clock_limit(VF_T_PEER_SILENCE), end = vf_clock_limit(END_MS);
    int r = vf_cancel_poll(begun ? NULL : cancel, &p, 1, begun ? end : silence, err);
    if (r == 0 && begun)
        r = vf_cancel_poll(cancel, &p, 1, silence - end, err);
    if (r == 0)
        return vf_fail(err, VF_E_NET, "the other end has taken no data for %d seconds",
                       vf_clock_limit(VF_T_PEER_SILENCE) / 1000);
    return r < 0 ? -1 : 0;
}

/* As many of the bytes in V as the limit allows now. */
static ssize_t write_some(struct vf_link *l, const struct iovec *v, size_t n)
{
    struct iovec now[3];
    for (int i = 0; i < 3; i++) {
        now[i] = v[i];
        if (now[i].iov_len > n)
            now[i].iov_len = n;
        n -= now[i].iov_len;
    }
    return writev(l->out, now, 3);
}

static void advance(struct iovec *v, size_t done)
{
    for (int i = 0; i < 3; i++) {
        size_t now = v[i].iov_len < done ? v[i].iov_len : done;
        if (!now) /* there may be nothing at all in this part */
            continue;
        v[i].iov_base = (char *)v[i].iov_base + now;
        v[i].iov_len -= now;
        done -= now;
    }
}

static int send_all(struct vf_link *l, struct iovec *v, size_t left, struct vf_cancel *cancel,
                    struct vf_error **err)
{
    size_t total = left, allowed = 0;
    while (left) {
        if (!allowed)
            allowed = l->limit ? vf_limit_take(l->limit, left, cancel) : left;
        ssize_t n = write_some(l, v, allowed);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno != EAGAIN) {
            l->broken = true;
            return vf_fail_errno(err, errno, "sending to the other end");
        }
        if (n > 0) {
            advance(v, (size_t)n);
            left -= (size_t)n;
            allowed -= (size_t)n;
            l->sent_ms = vf_clock_ms();
            continue;
        }
        if (wait_writable(l, left < total, cancel, err) < 0) {
            if (left < total)
                l->broken = true;
            return -1;
        }
    }
    return 0;
}

int vf_link_send(struct vf_link *l, uint8_t type, uint8_t flags, uint32_t id, const void *head,
                 size_t head_len, const void *body, size_t body_len, struct vf_cancel *cancel,
                 struct vf_error **err)
{
    if (head_len + body_len > VF_WIRE_MAX)
        return vf_fail(err, VF_E_INTERNAL, "a frame of %zu bytes", head_len + body_len);
    char header[VF_WIRE_HEADER];
    vf_wire_header(header, type, flags, id, head_len + body_len);
    struct iovec v[3] = {
        {header, sizeof header}, {(void *)head, head_len}, {(void *)body, body_len}};
    vf_turns_take(&l->sending);
    int r = l->broken ? vf_fail(err, VF_E_NET, "the connection is broken")
                      : send_all(l, v, sizeof header + head_len + body_len, cancel, err);
    if (r == 0 && type == VF_F_HELLO)
        l->greeted = true;
    vf_turns_end(&l->sending);
    return r;
}

int vf_link_send_fields(struct vf_link *l, uint8_t type, uint8_t flags, uint32_t id,
                        struct vf_buf *b, struct vf_error **err)
{
    int r =
        vf_link_send(l, type, flags, id, b ? b->data : NULL, b ? b->len : 0, NULL, 0, NULL, err);
    if (b)
        vf_buf_clear(b);
    return r;
}

void vf_link_ping(struct vf_link *l)
{
    if (l->broken || !l->greeted || vf_clock_ms() - l->sent_ms < vf_clock_limit(VF_T_PING))
        return;
    if (!vf_turns_try(&l->sending))
        return; /* somebody is sending, which says the same */
    char header[VF_WIRE_HEADER];
    vf_wire_header(header, VF_F_PING, 0, 0, 0);
    /* less than PIPE_BUF: all or nothing on a pipe; a socket that takes half of it is as good as
     * full */
    ssize_t n = write(l->out, header, sizeof header);
    if (n > 0 && n < (ssize_t)sizeof header)
        l->broken = true;
    if (n > 0)
        l->sent_ms = vf_clock_ms();
    vf_turns_end(&l->sending);
}

/* 1: bytes came; 0: none now; -1: the end or an error. */
static int fill(struct vf_link *l, struct vf_error **err)
{
    size_t room;
    char *p = vf_wire_room(&l->wire, &room);
    ssize_t n;
    do
        n = read(l->in, p, room);
    while (n < 0 && errno == EINTR);
    if (n < 0 && errno == EAGAIN)
        return 0;
    if (n < 0)
        return vf_fail_errno(err, errno, "receiving from the other end");
    if (n == 0) {
        if (l->wire.noise && !l->wire.greeted) {
            vf_autofree char *text = vf_escape(l->wire.said);
            return vf_fail(err, VF_E_NET, "the other end has closed the connection, saying: %s",
                           text);
        }
        return vf_fail(err, VF_E_NET, "the other end has closed the connection");
    }
    vf_wire_added(&l->wire, (size_t)n);
    l->heard_ms = vf_clock_ms();
    return 1;
}

/* The next frame that is not PING in what has come. */
static int parsed(struct vf_link *l, struct vf_frame *out, struct vf_error **err)
{
    int r;
    do
        r = vf_wire_next(&l->wire, out, err);
    while (r == 1 && out->type == VF_F_PING);
    return r;
}

int vf_link_poll(struct vf_link *l, struct vf_frame *out, struct vf_error **err)
{
    for (;;) {
        int r = parsed(l, out, err);
        if (r)
            return r;
        r = fill(l, err);
        if (r < 0)
            return -1;
        if (r == 0 && vf_clock_ms() - l->heard_ms > vf_clock_limit(VF_T_PEER_SILENCE))
            return vf_fail(err, VF_E_NET, "nothing was heard from the other end for %d seconds",
                           vf_clock_limit(VF_T_PEER_SILENCE) / 1000);
        if (r == 0)
            return 0;
    }
}

int vf_link_recv(struct vf_link *l, struct vf_frame *out, int timeout_ms, struct vf_cancel *cancel,
                 struct vf_error **err)
{
    int ping = vf_clock_limit(VF_T_PING);
    int64_t end = vf_clock_ms() + timeout_ms;
    for (;;) {
        int r = vf_link_poll(l, out, err);
        if (r)
            return r;
        int64_t left = timeout_ms < 0 ? ping : end - vf_clock_ms();
        if (left <= 0)
            return 0;
        struct pollfd p = {.fd = l->in, .events = POLLIN};
        if (vf_cancel_poll(cancel, &p, 1, left < ping ? (int)left : ping, err) < 0)
            return -1;
    }
}

char *vf_host_identity(void)
{
    vf_autofree char *boot = vf_read_file("/proc/sys/kernel/random/boot_id", 4096, NULL, NULL);
    struct stat ns;
    if (!boot || stat("/proc/self/ns/mnt", &ns) < 0)
        return vf_random_hex(16); /* unlike any other */
    boot[strcspn(boot, "\n")] = 0;
    return vf_asprintf("%s:%llu:%u", boot, (unsigned long long)ns.st_ino, (unsigned)geteuid());
}

void vf_hello_fields(struct vf_buf *b, const char *role, const char *job, uint64_t epoch)
{
    vf_autofree char *host = vf_host_identity();
    vf_field_u64(b, VF_TAG_VERSION, VF_WIRE_VERSION);
    vf_field_u64(b, VF_TAG_READER, VF_WIRE_READER);
    vf_field_str(b, VF_TAG_FEATURES, "verify zero resend delta streams zstd");
    vf_field_str(b, VF_TAG_ROLE, role);
    vf_field_str(b, VF_TAG_JOB, job);
    vf_field_u64(b, VF_TAG_EPOCH, epoch);
    vf_field_str(b, VF_TAG_HOST, host);
}

bool vf_hello_has(const struct vf_frame *f, const char *feature)
{
    vf_autofree char *words = vf_field_text(f, VF_TAG_FEATURES);
    char *rest = NULL;
    for (char *w = words ? strtok_r(words, " ", &rest) : NULL; w; w = strtok_r(NULL, " ", &rest))
        if (vf_streq(w, feature))
            return true;
    return false;
}

int vf_hello_check(const struct vf_frame *f, struct vf_error **err)
{
    uint64_t version = vf_field_num(f, VF_TAG_VERSION, 0);
    uint64_t reader = vf_field_num(f, VF_TAG_READER, UINT64_MAX);
    if (f->type != VF_F_HELLO)
        return vf_fail(err, VF_E_CORRUPT, "%s came instead of HELLO", vf_frame_name(f->type));
    if (reader > VF_WIRE_VERSION || version < VF_WIRE_READER)
        return vf_fail(
            err, VF_E_UNSUPPORTED,
            "the other end speaks version %llu of the mover protocol, which is too %s for "
            "our version %d: both have to come from the same vmferry",
            (unsigned long long)version, version > VF_WIRE_VERSION ? "new" : "old",
            VF_WIRE_VERSION);
    return 0;
}
