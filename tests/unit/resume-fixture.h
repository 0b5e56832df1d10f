/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What tests of copies that are cut share: a job around a copy whose movers, streams and sessions
 * are killed. VMFERRY_TEST_SEED repeats a run. */
#ifndef VF_TESTS_RESUME_FIXTURE_H
#define VF_TESTS_RESUME_FIXTURE_H

#include "tests/unit/copy-fixture.h"
#include "tests/unit/node.h"
#include "xfer/carrier.h"
#include "xfer/mark.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { KILLS = 2, FEW_KILLS = 1 };
#else
enum { KILLS = 20, FEW_KILLS = 2 };
#endif

/* Time-outs are so much shorter here: a peer is dead after 6 s, a commit is due after 200 ms. */
#define HASTE "10"

static uint64_t seed;

static inline uint64_t chance(uint64_t below)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed % below;
}

/* Data everywhere: what is sent can be counted. */
static inline char *make_dense(const char *name, uint64_t size)
{
    char *path = path_of(name);
    vf_autofd int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    vf_autofree char *buf = vf_xmalloc(MIB);
    for (uint64_t at = 0; fd >= 0 && at < size; at += MIB) {
        uint64_t n = size - at < MIB ? size - at : MIB;
        for (size_t i = 0; i < MIB; i += 8)
            vf_put_u64(buf + i, chance(UINT64_MAX) | 1);
        vf_pwrite_full(fd, buf, n, at);
    }
    return path;
}

/* ---- a job around a copy ---- */

struct rig {
    char *job;
    bool remote; /* the target is the other host */
    struct vf_carrier *carrier;
    struct vf_cancel *cancel;
    uint64_t epoch;
    pthread_mutex_t lock;
    char *dirs[2];   /* under the lock: of the movers */
    unsigned routes; /* opened; under the lock */
    atomic_uint lost, back, full, restored;
    struct vf_progress progress;
    _Atomic uint64_t rate;
    char *mark;
    /* when the last resumed attempt began */
    uint64_t sent_then, mark_then;
    void (*before_retry)(struct rig *r);
    const char *touched; /* for it */
    /* the copy */
    struct vf_copy *copy;
    struct vf_copy_result result;
    struct vf_error *e;
    int status;
    pthread_t thread;
    atomic_bool ended;
};

static inline int rig_dial(void *opaque, bool target, struct vf_ssh **out, struct vf_error **err)
{
    struct rig *r = opaque;
    *out = NULL;
    return target && r->remote && !(*out = node_login(err)) ? -1 : 0;
}

static inline int rig_epoch(void *opaque, uint64_t *out, struct vf_error **err)
{
    struct rig *r = opaque;
    *out = ++r->epoch;
    return 0;
}

static const char *far_route = "direct"; /* of copies to another host */

static inline struct vf_route *rig_route(void *opaque, struct vf_mover_host *source,
                                         struct vf_mover_host *target, struct vf_error **err)
{
    struct rig *r = opaque;
    char *addresses[] = {(char *)"127.0.0.1", NULL};
    struct vf_route_opts o = {.source_label = "a1", .target_label = "b2", .cancel = r->cancel};
    if (r->remote) {
        o.target.addresses = addresses;
        o.target.port = node.port;
        o.target.user = node.user;
        o.target.host_key = vf_ssh_host_key(vf_carrier_ssh(r->carrier, true));
        o.route = far_route;
    }
    struct vf_route *route = vf_route_open(source, target, &o, err);
    pthread_mutex_lock(&r->lock);
    vf_str_set(&r->dirs[0], source->dir);
    vf_str_set(&r->dirs[1], target->dir);
    r->routes += route != NULL;
    pthread_mutex_unlock(&r->lock);
    return route;
}

static inline uint64_t marked(const struct rig *r)
{
    struct vf_copy_mark m = {0};
    uint64_t done = vf_copy_mark_load(r->mark, &m) ? m.done : 0;
    vf_copy_mark_clear(&m);
    return done;
}

static inline int rig_ready(void *opaque, struct vf_error **err)
{
    struct rig *r = opaque;
    if (r->before_retry)
        r->before_retry(r);
    r->sent_then = r->progress.sent;
    r->mark_then = marked(r);
    r->restored++;
    return 0;
}

static inline void rig_lost(void *opaque, const struct vf_error *why, int ms)
{
    struct rig *r = opaque;
    r->lost++;
}

static inline void rig_full(void *opaque, const struct vf_error *why, int ms)
{
    struct rig *r = opaque;
    r->full++;
}

static inline void rig_back(void *opaque)
{
    struct rig *r = opaque;
    r->back++;
}

static const struct vf_carrier_ops rig_ops = {
    .dial = rig_dial,
    .epoch = rig_epoch,
    .route = rig_route,
    .ready = rig_ready,
    .lost = rig_lost,
    .full = rig_full,
    .back = rig_back,
};

static inline bool rig_open(struct rig *r, bool remote)
{
    static int n;
    *r = (struct rig){.remote = remote, .lock = PTHREAD_MUTEX_INITIALIZER};
    r->job = vf_asprintf("resume-%d-%d", (int)getpid(), n++);
    r->mark = vf_asprintf("%s/%s.mark", dir, r->job);
    r->cancel = vf_cancel_new(NULL);
    struct vf_carrier_opts o = {.job = r->job, .mover = mover, .cancel = r->cancel};
    r->carrier = vf_carrier_new(&o, &rig_ops, r);
    vf_autoerror struct vf_error *e = NULL;
    bool good = vf_carrier_open(r->carrier, &e) == 0;
    show(e);
    return good;
}

static inline void rig_close(struct rig *r)
{
    vf_copy_free(r->copy);
    vf_copy_result_free(&r->result);
    vf_error_free(r->e);
    vf_carrier_free(r->carrier);
    vf_copy_forget(r->mark);
    vf_cancel_free(r->cancel);
    free(r->job);
    free(r->mark);
    free(r->dirs[0]);
    free(r->dirs[1]);
}

static inline void *rig_main(void *arg)
{
    struct rig *r = arg;
    r->status = vf_carrier_copy(r->carrier, r->copy, &r->progress, r->cancel, &r->result, &r->e);
    r->ended = true;
    return NULL;
}

static inline struct vf_copy_opts options(struct rig *r, const char *from, const char *to,
                                          uint64_t rate)
{
    r->rate = rate;
    return (struct vf_copy_opts){.source = {from, "raw", 0},
                                 .target = {to, "raw", 0},
                                 .rate_now = &r->rate,
                                 .compress = OFF,
                                 .verify = true,
                                 .target_fresh = true,
                                 .cancel = r->cancel,
                                 .job = r->job,
                                 .mark = r->mark};
}

static inline bool rig_start(struct rig *r, const struct vf_copy_opts *o)
{
    vf_copy_free(r->copy);
    r->copy = vf_copy_new(o, &r->progress);
    r->ended = false;
    return pthread_create(&r->thread, NULL, rig_main, r) == 0;
}

/* Waits until DONE bytes are at the target, and at least one mark was made; false: it ended. */
static inline bool rig_wait(struct rig *r, uint64_t done)
{
    int64_t end = vf_clock_ms() + 60000;
    while (!r->ended && vf_clock_ms() < end && (r->progress.done < done || !marked(r)))
        usleep(2000);
    return !r->ended;
}

static inline bool rig_end(struct rig *r)
{
    pthread_join(r->thread, NULL);
    show(r->e);
    return r->status == 0;
}

/* ---- kills ---- */

static inline void kill_owner(struct rig *r, bool target, int signal)
{
    pthread_mutex_lock(&r->lock);
    vf_autofree char *path = vf_asprintf("%s/lock", r->dirs[target]);
    pthread_mutex_unlock(&r->lock);
    vf_autofree char *text = vf_read_file(path, 4096, NULL, NULL);
    long pid = text ? strtol(text, NULL, 10) : 0;
    if (pid > 1)
        kill((pid_t)pid, signal);
}

static inline void kill_source(struct rig *r)
{
    kill_owner(r, false, SIGKILL);
}

static inline void kill_target(struct rig *r)
{
    kill_owner(r, true, SIGKILL);
}

struct kind {
    const char *what;
    void (*kill)(struct rig *r);
    bool remote;
    bool stays; /* the pass is not touched */
    bool apart; /* the source goes on for a moment when nobody looks */
    int kills;
};

static inline void test_kills(const struct kind *k)
{
    const uint64_t size = 64 * MIB + 512 * 3;
    int64_t began = vf_clock_ms();
    struct rig r;
    if (!ok(rig_open(&r, k->remote), "%s: movers", k->what)) {
        rig_close(&r);
        return;
    }
    vf_autofree char *from = make_dense("src.raw", size), *to = make_target("dst.raw", "raw", size);
    struct vf_copy_opts o = options(&r, from, to, (k->stays ? 1 : 16) * MIB);
    bool good = rig_start(&r, &o) && rig_wait(&r, MIB);
    /* on a busy machine, too, it must not end before all kills are done */
    atomic_store(&r.rate, k->stays ? MIB / 4 : 4 * MIB);
    int kills = 0;
    /* a slow machine need not be killed that often */
    for (; good && kills < k->kills && !r.ended && (kills < 3 || vf_clock_ms() < began + 60000);
         kills++) {
        unsigned before = r.restored;
        usleep((useconds_t)chance(150000));
        k->kill(&r);
        int64_t end = vf_clock_ms() + 60000;
        while (!r.ended && vf_clock_ms() < end && r.restored == before)
            usleep(2000);
        /* now and then something has to get through, or it is an outage and given up */
        uint64_t sent = r.progress.sent;
        while (kills % 4 == 3 && !r.ended && vf_clock_ms() < end && r.progress.sent == sent)
            usleep(2000);
    }
    atomic_store(&r.rate, 0);
    good = rig_end(&r);
    printf("# %lld ms, %d kills, %llu sent of %llu, last at mark %llu after %llu sent, lost %u "
           "back %u\n",
           (long long)(vf_clock_ms() - began), kills, (unsigned long long)r.result.sent,
           (unsigned long long)size, (unsigned long long)r.mark_then,
           (unsigned long long)r.sent_then, r.lost, r.back);
    ok(good && kills >= (k->kills < 3 ? k->kills : 3), "%s %d times", k->what, kills);
    ok(good && identical(from, "raw", to, "raw"), "%s: the copy is identical", k->what);
    if (k->stays)
        ok(r.result.sent == size, "%s: nothing was sent twice", k->what);
    else if (k->apart)
        ok(r.mark_then && r.result.sent >= size && r.result.sent < 2 * size - r.mark_then,
           "%s: it was not begun anew", k->what);
    else
        ok(r.mark_then && r.result.sent == r.sent_then + size - r.mark_then,
           "%s: what was committed is not sent again", k->what);
    ok(r.result.committed == size && r.result.verified == size, "%s: all is accounted for",
       k->what);
    ok(r.lost && r.lost == r.back, "%s: it is said, each time", k->what);
    rig_close(&r);
    unlink(from);
    unlink(to);
}

/* The first thing of a program NAME; what begin_copies() says. */
static inline int begin_cuts(const char *name)
{
    setenv("VMFERRY_TEST_HASTE", HASTE, 1);
    const char *given = getenv("VMFERRY_TEST_SEED");
    seed = given ? strtoull(given, NULL, 10) : (uint64_t)vf_clock_ns();
    printf("# VMFERRY_TEST_SEED=%llu\n", (unsigned long long)seed);
    seed |= 1;
    return begin_copies(name);
}

/* The program NAME of N kinds over a real sshd, and what comes AFTER them (NULL: nothing). */
static inline int main_far(const char *name, const struct kind *kinds, size_t n,
                           void (*after)(void))
{
    if (begin_cuts(name) != 0)
        return 99;
    bool tools = have_qemu_img();
    if (!tools) {
        skip("copies that are cut", "no qemu-img");
    } else if (!node_start("VMFERRY_TEST_HASTE=" HASTE)) {
        skip("copies to another host", "no sshd or no mount namespaces here");
    } else {
        for (size_t i = 0; i < n; i++)
            test_kills(&kinds[i]);
        if (after)
            after();
    }
    if (tools)
        node_stop();
    return end_copies();
}

#endif
