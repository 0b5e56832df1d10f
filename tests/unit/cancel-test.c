/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cancel, queue: with threads, so that ThreadSanitizer has something to look at */
#include "config.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "base/queue.h"
#include "base/str.h"
#include "tests/unit/tap.h"

#include <pthread.h>
#include <unistd.h>

static void test_tree(void)
{
    vf_auto(vf_cancel_free) struct vf_cancel *parent = vf_cancel_new(NULL);
    vf_auto(vf_cancel_free) struct vf_cancel *child = vf_cancel_new(parent);
    vf_auto(vf_cancel_free) struct vf_cancel *grandchild = vf_cancel_new(child);
    vf_autoerror struct vf_error *e = NULL, *e2 = NULL, *e3 = NULL;
    ok(!vf_cancel_fired(NULL) && vf_cancel_check(NULL, &e) == 0, "no token never fires");
    ok(!vf_cancel_fired(child) && vf_cancel_check(child, &e) == 0 && !e, "not fired");
    vf_cancel_fire(child, "first");
    vf_cancel_fire(child, "second");
    ok(vf_cancel_fired(child) && vf_cancel_fired(grandchild) && !vf_cancel_fired(parent),
       "children fire, parents do not");
    ok(vf_cancel_check(grandchild, &e) < 0 && vf_error_code(e) == VF_E_CANCELLED, "check");
    is_str(vf_error_text(e), "first", "the first cause");
    vf_cancel_fire(parent, "third");
    ok(vf_cancel_check(child, &e2) < 0, "child still fired");
    is_str(vf_error_text(e2), "first", "its own first cause");
    vf_auto(vf_cancel_free) struct vf_cancel *late = vf_cancel_new(parent);
    ok(vf_cancel_check(late, &e3) < 0, "born fired");
    is_str(vf_error_text(e3), "third", "with the parent's cause");
    struct pollfd p = {.fd = vf_cancel_fd(late), .events = POLLIN};
    ok(poll(&p, 1, 0) == 1, "its descriptor is readable");
    vf_cancel_free(NULL);
}

static void test_poll(void)
{
    int p[2];
    if (!ok(pipe(p) == 0, "pipe"))
        return;
    vf_auto(vf_cancel_free) struct vf_cancel *c = vf_cancel_new(NULL);
    vf_autoerror struct vf_error *e = NULL;
    struct pollfd fds[20];
    for (size_t i = 0; i < VF_COUNT(fds); i++)
        fds[i] = (struct pollfd){.fd = -1};
    fds[19] = (struct pollfd){.fd = p[0], .events = POLLIN};
    ok(vf_cancel_poll(c, fds, 20, 0, &e) == 0, "nothing ready");
    ok(vf_cancel_sleep(c, 1, &e) == 0 && vf_cancel_sleep(NULL, 1, &e) == 0, "sleeps end");
    ok(write(p[1], "x", 1) == 1 && vf_cancel_poll(c, fds, 20, -1, &e) == 1 &&
           (fds[19].revents & POLLIN),
       "the last of many is ready");
    ok(vf_cancel_poll(NULL, fds + 19, 1, -1, &e) == 1, "without a token");
    vf_cancel_fire(c, "enough");
    ok(vf_cancel_poll(c, fds, 20, -1, &e) == -1 && vf_error_code(e) == VF_E_CANCELLED,
       "fired beats ready");
    close(p[0]);
    close(p[1]);
}

static void *wait_for_ever(void *arg)
{
    struct vf_error *e = NULL;
    if (vf_cancel_sleep(arg, -1, &e) == 0)
        return NULL;
    return e;
}

static void test_threads(void)
{
    enum { THREADS = 4 };
    vf_auto(vf_cancel_free) struct vf_cancel *c = vf_cancel_new(NULL);
    struct vf_cancel *children[THREADS];
    pthread_t t[THREADS];
    int started = 0;
    for (int i = 0; i < THREADS; i++) {
        children[i] = vf_cancel_new(c);
        started += pthread_create(&t[i], NULL, wait_for_ever, children[i]) == 0;
    }
    ok(started == THREADS, "threads wait");
    vf_cancel_fire(c, "all of you");
    int told = 0;
    for (int i = 0; i < started; i++) {
        void *r = NULL;
        pthread_join(t[i], &r);
        vf_autoerror struct vf_error *e = r;
        told += e && vf_streq(vf_error_text(e), "all of you");
    }
    ok(told == THREADS, "all wake up and know why");
    for (int i = 0; i < THREADS; i++)
        vf_cancel_free(children[i]);
}

enum { ITEMS = 2000, PRODUCERS = 3 };

struct producer {
    struct vf_queue *q;
    int number;
};

static void *produce(void *arg)
{
    struct producer *p = arg;
    for (int i = 0; i < ITEMS; i++) {
        int *item = vf_xmalloc(sizeof *item);
        *item = p->number * ITEMS + i;
        vf_queue_push(p->q, item);
    }
    return NULL;
}

static void test_queue(void)
{
    struct vf_queue *q = vf_queue_new();
    struct pollfd fd = {.fd = vf_queue_fd(q), .events = POLLIN};
    ok(vf_queue_pop(q) == NULL && poll(&fd, 1, 0) == 0, "an empty queue is not readable");
    pthread_t t[PRODUCERS];
    struct producer p[PRODUCERS];
    for (int i = 0; i < PRODUCERS; i++) {
        p[i] = (struct producer){q, i};
        if (pthread_create(&t[i], NULL, produce, &p[i]))
            produce(&p[i]);
    }
    int last[PRODUCERS] = {-1, -1, -1}, got = 0, disorder = 0;
    while (got < ITEMS * PRODUCERS && vf_cancel_poll(NULL, &fd, 1, 60000, NULL) == 1)
        for (int *item; (item = vf_queue_pop(q)); got++) {
            disorder += *item % ITEMS != last[*item / ITEMS] + 1;
            last[*item / ITEMS] = *item % ITEMS;
            free(item);
        }
    for (int i = 0; i < PRODUCERS; i++)
        pthread_join(t[i], NULL);
    ok(got == ITEMS * PRODUCERS, "all items came");
    ok(disorder == 0, "each producer's in order");
    ok(poll(&fd, 1, 0) == 0, "empty again, not readable");
    vf_queue_push(q, vf_strdup("left over"));
    ok(poll(&fd, 1, 0) == 1, "readable");
    vf_queue_free(q, free);
    vf_queue_free(NULL, NULL);
}

int main(void)
{
    test_tree();
    test_poll();
    test_threads();
    test_queue();
    return done_testing();
}
