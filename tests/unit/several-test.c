/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Several copies over one pair of movers at the same time, and the sessions that make it possible.
 */
#include "config.h"
#include "tests/unit/copy-fixture.h"

#include <poll.h>

/* ---- sessions ---- */

/* What a mover says, for a session to read. */
struct mouth {
    struct vf_link link;
    struct vf_session *session;
};

static bool open_mouth(struct mouth *m)
{
    int to[2], from[2], err[2];
    if (pipe(to) < 0 || pipe(from) < 0 || pipe(err) < 0)
        return false;
    close(err[1]);
    vf_link_init(&m->link, to[0], from[1]);
    m->session = vf_session_new("m1", to[1], from[0], err[0]);
    return true;
}

static void say(struct mouth *m, uint8_t type, uint32_t id, uint64_t done)
{
    vf_autobuf struct vf_buf b = {0};
    vf_field_u64(&b, VF_TAG_DONE, done);
    ok(vf_link_send_fields(&m->link, type, 0, id, &b, NULL) == 0, "%s of %u is said",
       vf_frame_name(type), id);
}

/* The next frame of ID is TYPE with DONE. */
static void heard(struct mouth *m, uint32_t id, uint8_t type, uint64_t done)
{
    vf_auto(vf_message_free) struct vf_message *got = NULL;
    vf_autoerror struct vf_error *e = NULL;
    ok(vf_session_wait(m->session, id, 30000, NULL, &got, &e) == 1 && got->frame.type == type &&
           got->frame.id == id && vf_field_num(&got->frame, VF_TAG_DONE, 0) == done,
       "%s of %u with %llu is heard", vf_frame_name(type), id, (unsigned long long)done);
    show(e);
}

static bool readable(struct mouth *m, uint32_t id)
{
    struct pollfd p = {.fd = vf_session_fd(m->session, id), .events = POLLIN};
    return poll(&p, 1, 0) == 1;
}

static void ended(struct mouth *m, uint32_t id)
{
    struct vf_message *none = NULL;
    vf_autoerror struct vf_error *e = NULL;
    ok(vf_session_wait(m->session, id, 30000, NULL, &none, &e) < 0 &&
           vf_error_code(e) == VF_E_NET && readable(m, id),
       "%u hears the end", id);
    show(e);
}

static void test_delivery(void)
{
    struct mouth m;
    if (!ok(open_mouth(&m), "a session"))
        return;
    say(&m, VF_F_HELLO, 0, 1);
    vf_session_open(m.session, 5);
    vf_session_open(m.session, 6);
    say(&m, VF_F_PROGRESS, 5, 10);
    say(&m, VF_F_OK, 5, 11);
    say(&m, VF_F_OK, 7, 12);
    say(&m, VF_F_PROGRESS, 5, 13);
    say(&m, VF_F_COPIED, 5, 14);
    say(&m, VF_F_OK, 6, 15);
    heard(&m, 6, VF_F_OK, 15); /* so all has come */
    ok(!readable(&m, 6), "there is nothing else of 6");
    heard(&m, 5, VF_F_OK, 11);
    heard(&m, 5, VF_F_PROGRESS, 13);
    ok(readable(&m, 5), "there is more of 5");
    heard(&m, 5, VF_F_COPIED, 14);
    ok(!readable(&m, 5), "and now no more");
    heard(&m, 0, VF_F_HELLO, 1);
    say(&m, VF_F_OK, 5, 16);
    say(&m, VF_F_OK, 6, 17);
    heard(&m, 6, VF_F_OK, 17);
    vf_session_close(m.session, 5);
    vf_session_open(m.session, 5);
    ok(!readable(&m, 5), "what was not read before it was closed is gone");
    say(&m, VF_F_OK, 5, 18);
    vf_link_free(&m.link);
    ended(&m, 6);
    ended(&m, 6);
    heard(&m, 5, VF_F_OK, 18);
    ended(&m, 5);
    vf_session_open(m.session, 8);
    ended(&m, 8);
    vf_session_free(m.session);
    uint32_t first = vf_session_new_ids(3), next = vf_session_new_id();
    ok(first && next >= first + 3, "ids are given once");
}

/* ---- copies ---- */

enum { CANCELLED = 2, CUT = 3, MOST = 4 };

/* No two disks have the same size or content. */
static uint64_t size_of(size_t i)
{
    return i == CUT ? 96 * MIB : (16 + i) * MIB; /* the last: far more than is read ahead */
}

static void make_disk(size_t i, char **from, char **to)
{
    vf_autofree char *name = vf_asprintf("disk%zu.raw", i), *copied = vf_asprintf("copy%zu.raw", i);
    *from = i == CUT ? make_text(name, size_of(i)) : make_pattern(name, size_of(i));
    *to = make_target(copied, "raw", size_of(i));
    vf_autofd int fd = open(*from, O_RDWR);
    ok(vf_pwrite_full(fd, name, strlen(name), i * MIB + 77) == 0, "a disk %s", name);
}

static void check_copy(const struct later *l, size_t i, const char *from, const char *to)
{
    const struct vf_copy_result *r = &l->r;
    if (i == CANCELLED)
        ok(l->status < 0 && vf_error_code(l->e) == VF_E_CANCELLED, "disk %zu: cancelled", i);
    else if (i == CUT)
        ok(l->status < 0 && strstr(vf_error_text(l->e), from), "disk %zu: its own error", i);
    else
        ok(l->status == 0 && identical(from, "raw", to, "raw") && r->size == size_of(i) &&
               r->verified == r->size && r->sent + r->zero == r->size &&
               l->progress.done == r->size,
           "disk %zu: identical, with its own counters", i);
}

/* What becomes of one does not touch the others: of four disks one is cancelled, and the source of
 * one is cut short. */
static void test_copies(size_t n)
{
    struct pair p;
    if (!ok(open_pair(&p), "two movers for %zu disks", n))
        return;
    vf_auto(vf_cancel_free) struct vf_cancel *c = vf_cancel_new(NULL);
    struct later l[MOST];
    char *from[MOST], *to[MOST];
    for (size_t i = 0; i < n; i++)
        make_disk(i, &from[i], &to[i]);
    for (size_t i = 0; i < n; i++)
        ok(start_slow(&l[i], &p, from[i], to[i], i == CANCELLED ? c : NULL), "disk %zu flows", i);
    size_t over = 0;
    for (size_t i = 0; i < n; i++)
        over += l[i].ended;
    ok(over == 0, "all of them at the same time");
    if (n > CUT) {
        ok(truncate(from[CUT], MIB) == 0, "a source is cut short");
        vf_cancel_fire(c, "interrupted by a test");
    }
    ok(vf_route_set_rate(p.route, 0, NULL) == 0, "no limit any more");
    for (size_t i = 0; i < n; i++) {
        pthread_join(l[i].thread, NULL);
        show(l[i].e);
        check_copy(&l[i], i, from[i], to[i]);
        finish_slow(&l[i]);
        unlink(from[i]);
        unlink(to[i]);
        free(from[i]);
        free(to[i]);
    }
    close_pair(&p);
}

/* The limit is one for all disks, and they get equal parts of it. */
static void test_share(void)
{
    enum { RATE = 8 * MIB, DISK = 40 * MIB, WINDOW = 12 * MIB };
    struct pair p;
    streams_wanted = 2;
    bool good = open_pair(&p);
    streams_wanted = 0;
    if (!ok(good, "two movers, 2 streams"))
        return;
    _Atomic uint64_t rate = RATE;
    struct later l[2];
    char *from[2], *to[2];
    for (size_t i = 0; i < 2; i++) {
        vf_autofree char *name = vf_asprintf("share%zu.raw", i);
        vf_autofree char *copied = vf_asprintf("share-copy%zu.raw", i);
        from[i] = make_text(name, DISK);
        to[i] = make_target(copied, "raw", DISK);
    }
    int64_t began = vf_clock_ms();
    for (size_t i = 0; i < 2; i++) {
        l[i] = (struct later){.p = &p};
        l[i].o = (struct vf_copy_opts){.source = {from[i], "raw", 0},
                                       .target = {to[i], "raw", 0},
                                       .rate_now = &rate,
                                       .compress = OFF,
                                       .verify = true,
                                       .target_fresh = true};
        ok(start_later(&l[i]), "disk %zu flows", i);
    }
    uint64_t before[2] = {l[0].progress.sent, l[1].progress.sent}, got[2] = {0};
    while (got[0] + got[1] < WINDOW && !l[0].ended && !l[1].ended) {
        usleep(10000);
        for (size_t i = 0; i < 2; i++)
            got[i] = l[i].progress.sent - before[i];
    }
    /* from the very beginning: what is told late was sent the earlier */
    uint64_t all = l[0].progress.sent + l[1].progress.sent;
    double seconds = (double)(vf_clock_ms() - began) / 1000;
    ok((double)all <= RATE * (seconds + 0.1) * 1.1, "%llu KiB in %.1f s: not above the limit",
       (unsigned long long)all / 1024, seconds);
    ok(got[0] >= WINDOW / 4 && got[1] >= WINDOW / 4, "each has its part");
    rate = 0;
    for (size_t i = 0; i < 2; i++) {
        pthread_join(l[i].thread, NULL);
        show(l[i].e);
        ok(l[i].status == 0 && identical(from[i], "raw", to[i], "raw"),
           "without a limit disk %zu comes to its end", i);
        finish_slow(&l[i]);
        unlink(from[i]);
        unlink(to[i]);
        free(from[i]);
        free(to[i]);
    }
    close_pair(&p);
}

int main(void)
{
    if (begin_copies("several") != 0)
        return 99;
    test_delivery();
    if (!have_qemu_img()) {
        skip("copies", "no qemu-img");
        return end_copies();
    }
    test_copies(2);
    test_copies(MOST);
    test_share();
    return end_copies();
}
