/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Copies that are cut: whatever ends in the middle, they go on where they were, and what arrives is
 * what the source has. VMFERRY_TEST_SEED repeats a run. */
#include "config.h"
#include "tests/unit/copy-fixture.h"
#include "tests/unit/node.h"
#include "mover/hash.h"
#include "xfer/carrier.h"
#include "xfer/mark.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { KILLS = 2 };
#else
enum { KILLS = 20 };
#endif

/* Time-outs are so much shorter here: a peer is dead after 3 s, a commit is due after 100 ms. */
#define HASTE "20"

static uint64_t seed;

static uint64_t chance(uint64_t below)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed % below;
}

/* Data everywhere: what is sent can be counted. */
static char *make_dense(const char *name, uint64_t size)
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

/* ---- a hash that is gone on with ---- */

static void test_hasher(void)
{
    static const uint64_t lengths[] = {0, 1, 3, 15, 16, 17, 64, 100, 1000, 70000};
    bool good = true;
    for (size_t i = 0; i < VF_COUNT(lengths); i++) {
        struct vf_hasher *whole = vf_hasher_new(), *half = vf_hasher_new();
        struct vf_hash h;
        for (uint64_t k = 0; k < 2 * lengths[i] + 5; k++) {
            memset(&h, 0, sizeof h);
            memcpy(h.b, &k, sizeof k);
            vf_hasher_add(whole, &h);
            if (k < lengths[i])
                vf_hasher_add(half, &h);
        }
        unsigned char state[VF_HASHER_STATE];
        vf_hasher_save(half, state);
        struct vf_hasher *rest = vf_hasher_restore(state, sizeof state, lengths[i]);
        for (uint64_t k = lengths[i]; rest && k < 2 * lengths[i] + 5; k++) {
            memset(&h, 0, sizeof h);
            memcpy(h.b, &k, sizeof k);
            vf_hasher_add(rest, &h);
        }
        struct vf_hash a = vf_hasher_end(whole),
                       b = rest ? vf_hasher_end(rest) : (struct vf_hash){0};
        good = good && vf_hash_equal(&a, &b) &&
               !vf_hasher_restore(state, sizeof state, lengths[i] + 1) &&
               !vf_hasher_restore(state, sizeof state - 1, lengths[i]);
        for (int bad = 0; bad < 200; bad++) {
            unsigned char damaged[VF_HASHER_STATE];
            memcpy(damaged, state, sizeof state);
            damaged[chance(376)] ^= (unsigned char)(1 << chance(8));
            good = good && !vf_hasher_restore(damaged, sizeof damaged, lengths[i]);
        }
        vf_hasher_free(whole);
        vf_hasher_free(half);
        vf_hasher_free(rest);
    }
    ok(good, "a saved state goes on to the same hash, and a damaged one not at all");
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

static int rig_dial(void *opaque, bool target, struct vf_ssh **out, struct vf_error **err)
{
    struct rig *r = opaque;
    *out = NULL;
    return target && r->remote && !(*out = node_login(err)) ? -1 : 0;
}

static int rig_epoch(void *opaque, uint64_t *out, struct vf_error **err)
{
    struct rig *r = opaque;
    *out = ++r->epoch;
    return 0;
}

static const char *far_route = "direct";

static struct vf_route *rig_route(void *opaque, struct vf_mover_host *source,
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

static uint64_t marked(const struct rig *r)
{
    struct vf_copy_mark m = {0};
    uint64_t done = vf_copy_mark_load(r->mark, &m) ? m.done : 0;
    vf_copy_mark_clear(&m);
    return done;
}

static int rig_ready(void *opaque, struct vf_error **err)
{
    struct rig *r = opaque;
    if (r->before_retry)
        r->before_retry(r);
    r->sent_then = r->progress.sent;
    r->mark_then = marked(r);
    r->restored++;
    return 0;
}

static void rig_lost(void *opaque, const struct vf_error *why, int ms)
{
    struct rig *r = opaque;
    r->lost++;
}

static void rig_full(void *opaque, const struct vf_error *why, int ms)
{
    struct rig *r = opaque;
    r->full++;
}

static void rig_back(void *opaque)
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

static bool rig_open(struct rig *r, bool remote)
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

static void rig_close(struct rig *r)
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

static void *rig_main(void *arg)
{
    struct rig *r = arg;
    r->status = vf_carrier_copy(r->carrier, r->copy, &r->progress, r->cancel, &r->result, &r->e);
    r->ended = true;
    return NULL;
}

static struct vf_copy_opts options(struct rig *r, const char *from, const char *to, uint64_t rate)
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

static bool rig_start(struct rig *r, const struct vf_copy_opts *o)
{
    vf_copy_free(r->copy);
    r->copy = vf_copy_new(o, &r->progress);
    r->ended = false;
    return pthread_create(&r->thread, NULL, rig_main, r) == 0;
}

/* Waits until DONE bytes are at the target, and at least one mark was made; false: it ended. */
static bool rig_wait(struct rig *r, uint64_t done)
{
    int64_t end = vf_clock_ms() + 60000;
    while (!r->ended && vf_clock_ms() < end && (r->progress.done < done || !marked(r)))
        usleep(2000);
    return !r->ended;
}

static bool rig_end(struct rig *r)
{
    pthread_join(r->thread, NULL);
    show(r->e);
    return r->status == 0;
}

/* ---- kills ---- */

static void kill_owner(struct rig *r, bool target, int signal)
{
    pthread_mutex_lock(&r->lock);
    vf_autofree char *path = vf_asprintf("%s/lock", r->dirs[target]);
    pthread_mutex_unlock(&r->lock);
    vf_autofree char *text = vf_read_file(path, 4096, NULL, NULL);
    long pid = text ? strtol(text, NULL, 10) : 0;
    if (pid > 1)
        kill((pid_t)pid, signal);
}

static void kill_source(struct rig *r)
{
    kill_owner(r, false, SIGKILL);
}

static void kill_target(struct rig *r)
{
    kill_owner(r, true, SIGKILL);
}

static void kill_streams(struct rig *r)
{
    signal_logins((const char *const[]){r->job, " join "}, SIGKILL);
}

static void kill_session(struct rig *r)
{
    signal_logins((const char *const[]){r->job, " serve "}, SIGKILL);
    signal_logins((const char *const[]){r->job, " attach "}, SIGKILL);
}

static void kill_all_logins(struct rig *r)
{
    signal_logins((const char *const[]){r->job, ""}, SIGKILL);
}

static const struct kind {
    const char *what;
    void (*kill)(struct rig *r);
    bool remote;
    bool stays; /* the pass is not touched */
    bool apart; /* the source goes on for a moment when nobody looks */
    int kills;
} kinds[] = {
    {"the source's mover is killed", kill_source, false, false, false, KILLS},
    {"the target's mover is killed", kill_target, false, false, false, KILLS},
    {"the far mover is killed", kill_target, true, false, false, 2},
    {"the streams are killed", kill_streams, true, false, false, (KILLS + 1) / 2},
    {"the session is killed", kill_session, true, true, false, KILLS},
    {"all connections are killed", kill_all_logins, true, false, true, 2},
};

static unsigned routes_of(struct rig *r)
{
    pthread_mutex_lock(&r->lock);
    unsigned n = r->routes;
    pthread_mutex_unlock(&r->lock);
    return n;
}

static void test_kills(const struct kind *k)
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
    int kills = 0;
    for (; good && kills < k->kills && !r.ended; kills++) {
        unsigned before = r.restored;
        usleep((useconds_t)chance(150000));
        k->kill(&r);
        int64_t end = vf_clock_ms() + 60000;
        while (!r.ended && vf_clock_ms() < end && r.restored == before)
            usleep(2000);
    }
    atomic_store(&r.rate, 0);
    good = rig_end(&r);
    printf("# %lld ms, %d kills, %llu sent of %llu, last at mark %llu after %llu sent, lost %u "
           "back %u\n",
           (long long)(vf_clock_ms() - began), kills, (unsigned long long)r.result.sent,
           (unsigned long long)size, (unsigned long long)r.mark_then,
           (unsigned long long)r.sent_then, r.lost, r.back);
    ok(good && kills == k->kills, "%s %d times", k->what, k->kills);
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

/* ---- a storage that takes long ---- */

/* qemu-nbd of the rig's target: its process. */
static pid_t server_of(struct rig *r)
{
    pid_t found = 0;
    pthread_mutex_lock(&r->lock);
    vf_autofree char *socket = vf_asprintf("%s/nbd", r->dirs[1]);
    pthread_mutex_unlock(&r->lock);
    DIR *d = opendir("/proc");
    for (struct dirent *e; d && !found && (e = readdir(d));) {
        pid_t pid = (pid_t)strtol(e->d_name, NULL, 10);
        vf_autofree char *line = pid > 0 ? of_process(pid, "cmdline") : vf_strdup("");
        if (vf_starts(line, "qemu-nbd") && strstr(line, socket))
            found = pid;
    }
    if (d)
        closedir(d);
    return found;
}

/* The streams break while the target's storage stands still, longer than anybody waits for a pass
 * to end: its image is locked until then. */
static void test_slow_end(void)
{
    const uint64_t size = 32 * MIB;
    struct rig r;
    if (!ok(rig_open(&r, true), "movers")) {
        rig_close(&r);
        return;
    }
    vf_autofree char *from = make_dense("src.raw", size);
    vf_autofree char *to = make_target("dst.qcow2", "qcow2", size);
    struct vf_copy_opts o = options(&r, from, to, 8 * MIB);
    o.target.format = "qcow2";
    bool good = rig_start(&r, &o) && rig_wait(&r, MIB);
    pid_t server = server_of(&r);
    ok(good && server > 1 && kill(server, SIGSTOP) == 0, "the target's storage stands still");
    int64_t end = vf_clock_ms() + 60000;
    uint64_t sent = r.progress.sent; /* what comes from now on cannot be written */
    while (!r.ended && r.progress.sent < sent + 2 * MIB && vf_clock_ms() < end)
        usleep(2000);
    kill_streams(&r);
    while (!r.ended && r.restored < 2 && vf_clock_ms() < end)
        usleep(2000);
    if (server > 1)
        kill(server, SIGCONT);
    atomic_store(&r.rate, 0);
    ok(rig_end(&r) && identical(from, "raw", to, "qcow2"),
       "a broken copy is waited for until its storage lets go");
    rig_close(&r);
    unlink(from);
    unlink(to);
}

/* ---- a connection that is shared ---- */

/* Without a program ssh here, the streams of a relay share the connection of the session, which is
 * lost with them; the route is closed later. What is used too late, sanitizers see. */
static void test_shared(void)
{
    const uint64_t size = 16 * MIB;
    vf_autofree char *bin = path_of("bin"), *sh = path_of("bin/sh");
    vf_autofree char *path = vf_strdup(getenv("PATH"));
    struct rig r;
    bool good = mkdir(bin, 0700) == 0 && symlink("/bin/sh", sh) == 0;
    far_route = "relay";
    setenv("PATH", bin, 1);
    good = rig_open(&r, true) && good;
    setenv("PATH", path, 1);
    vf_autofree char *from = make_dense("src.raw", size), *to = make_target("dst.raw", "raw", size);
    struct vf_copy_opts o = options(&r, from, to, 4 * MIB);
    if (good && rig_start(&r, &o)) {
        rig_wait(&r, MIB);
        kill_session(&r);
        int64_t end = vf_clock_ms() + 60000;
        while (!r.ended && routes_of(&r) < 2 && vf_clock_ms() < end)
            usleep(2000);
        atomic_store(&r.rate, 0);
        good = rig_end(&r) && routes_of(&r) == 2;
    }
    ok(good && identical(from, "raw", to, "raw"), "a relay whose connection was lost is made anew");
    rig_close(&r);
    far_route = "direct";
    unlink(sh);
    rmdir(bin);
    unlink(from);
    unlink(to);
}

/* ---- changes between two attempts ---- */

/* An hour of somebody's work, in one byte of every 16 MiB, all before the mark. */
static void change_source(struct rig *r)
{
    if (!r->touched)
        return;
    vf_autofd int fd = open(r->touched, O_WRONLY);
    for (uint64_t at = 0; at < r->progress.done; at += 16 * MIB)
        vf_pwrite_full(fd, "changed", 7, at);
    r->touched = NULL;
}

static void test_changed(void)
{
    const uint64_t size = 64 * MIB;
    struct rig r;
    if (!ok(rig_open(&r, false), "movers")) {
        rig_close(&r);
        return;
    }
    vf_autofree char *from = make_dense("src.raw", size), *to = make_target("dst.raw", "raw", size);
    r.before_retry = change_source;
    r.touched = from;
    struct vf_copy_opts o = options(&r, from, to, 40 * MIB);
    ok(rig_start(&r, &o) && rig_wait(&r, size / 2), "a copy half done");
    kill_target(&r);
    ok(rig_end(&r) && identical(from, "raw", to, "raw"),
       "a source that changed is copied as it is");
    ok(!r.touched && r.result.same > size / 4 && r.result.sent < 2 * size - size / 4,
       "by what differs");
    rig_close(&r);
    unlink(from);
    unlink(to);
}

/* A comparison of both disks is gone on with, too. */
static void test_cut_delta(void)
{
    const uint64_t size = 32 * MIB;
    struct rig r;
    if (!ok(rig_open(&r, false), "movers")) {
        rig_close(&r);
        return;
    }
    vf_autofree char *from = make_dense("src.raw", size), *to = make_target("dst.raw", "raw", size);
    struct vf_copy_opts o = options(&r, from, to, 16 * MIB);
    o.target_fresh = false;
    o.delta = true;
    ok(rig_start(&r, &o) && rig_wait(&r, size / 2), "a delta half done");
    kill_target(&r);
    ok(rig_end(&r) && identical(from, "raw", to, "raw"), "goes on");
    ok(r.mark_then && r.result.sent == r.sent_then + size - r.mark_then, "where it was");
    rig_close(&r);
    unlink(from);
    unlink(to);
}

/* ---- marks ---- */

/* The process ends in the middle and leaves its mark. */
static bool leave_half(struct rig *r, const char *from, const char *to, uint64_t size)
{
    struct vf_copy_opts o = options(r, from, to, 8 * MIB);
    bool good = rig_start(r, &o) && rig_wait(r, size / 2);
    vf_cancel_fire(r->cancel, "the test is over");
    pthread_join(r->thread, NULL);
    good = good && vf_error_code(r->e) == VF_E_CANCELLED && marked(r) > 0;
    vf_error_free(VF_STEAL(r->e));
    vf_cancel_free(r->cancel);
    r->cancel = vf_cancel_new(NULL);
    return good;
}

static void edit_state(struct vf_copy_mark *m)
{
    m->state.data[100] ^= 1;
}

static void edit_offset(struct vf_copy_mark *m)
{
    m->done += MIB;
}

static void edit_far(struct vf_copy_mark *m)
{
    m->done = m->source_size + MIB;
}

static void edit_job(struct vf_copy_mark *m)
{
    vf_str_set(&m->job, "another");
}

static void edit_identity(struct vf_copy_mark *m)
{
    m->source_identity[0] ^= 1;
}

static void edit_volume(struct vf_copy_mark *m)
{
    vf_str_set(&m->target_volume, "1:2");
}

static void edit_verify(struct vf_copy_mark *m)
{
    m->verify = !m->verify;
}

static void edit_no_identity(struct vf_copy_mark *m)
{
    vf_str_set(&m->source_identity, "");
}

static const struct {
    const char *what;
    void (*edit)(struct vf_copy_mark *m);
    const char *head; /* instead of the first line */
    bool used;
} marks[] = {
    {"as it was left", NULL, NULL, true},
    {"a damaged state", edit_state, NULL, false},
    {"an offset that is not the state's", edit_offset, NULL, false},
    {"an offset behind the end", edit_far, NULL, false},
    {"another job", edit_job, NULL, false},
    {"a source that has changed", edit_identity, NULL, false},
    {"a source that nobody can tell", edit_no_identity, NULL, false},
    {"another volume", edit_volume, NULL, false},
    {"not verified", edit_verify, NULL, false},
    {"of a later version", NULL, "vmferry-copy-mark 9 9\n", false},
};

static void put_head(const char *path, const char *head)
{
    vf_autofree char *text = vf_read_file(path, 1 << 20, NULL, NULL);
    vf_autofree char *edited = vf_asprintf("%s%s", head, strchr(text, '\n') + 1);
    vf_replace_file(path, edited, strlen(edited), 0600, NULL);
}

/* The state of things when the first process ended. */
struct half {
    struct rig rig;
    const char *from, *to, *kept; /* what TO held */
    uint64_t size;
    char *mark;
};

/* A later process that finds mark number I. */
static void test_mark(struct half *h, size_t i)
{
    struct rig *r = &h->rig;
    const char *what = marks[i].what;
    struct vf_copy_mark m = {0};
    /* into the same file: it is the same volume */
    vf_autofree char *in = vf_asprintf("if=%s", h->kept), *out = vf_asprintf("of=%s", h->to);
    run((const char *const[]){"dd", "status=none", "conv=notrunc", "bs=1M", in, out, NULL});
    vf_replace_file(r->mark, h->mark, strlen(h->mark), 0600, NULL);
    bool loaded = vf_copy_mark_load(r->mark, &m);
    uint64_t done = m.done;
    if (marks[i].edit) {
        marks[i].edit(&m);
        vf_copy_mark_save(r->mark, &m, NULL);
    } else if (marks[i].head) {
        put_head(r->mark, marks[i].head);
    }
    vf_copy_mark_clear(&m);
    struct vf_copy_opts o = options(r, h->from, h->to, 0);
    o.target_fresh = false; /* as a job that has begun it before */
    o.delta = true;
    vf_copy_result_free(&r->result);
    ok(loaded && rig_start(r, &o) && rig_end(r) && identical(h->from, "raw", h->to, "raw"),
       "%s: the copy is identical", what);
    printf("# mark %llu, same %llu, sent %llu\n", (unsigned long long)done,
           (unsigned long long)r->result.same, (unsigned long long)r->result.sent);
    if (marks[i].used)
        ok(!r->result.same && r->result.sent == h->size - done, "%s: goes on there", what);
    else
        ok(r->result.same >= done && r->result.sent + r->result.same == h->size,
           "%s: both disks are compared", what);
}

static void test_marks(void)
{
    struct half h = {.size = 16 * MIB};
    vf_autofree char *from = make_dense("src.raw", h.size);
    vf_autofree char *to = make_target("dst.raw", "raw", h.size), *kept = path_of("half.raw");
    h.from = from;
    h.to = to;
    h.kept = kept;
    if (ok(rig_open(&h.rig, false) && leave_half(&h.rig, from, to, h.size),
           "a process ends and leaves a mark") &&
        ok(run((const char *const[]){"cp", to, kept, NULL}) == 0 &&
               (h.mark = vf_read_file(h.rig.mark, 1 << 20, NULL, NULL)),
           "which is kept"))
        for (size_t i = 0; i < VF_COUNT(marks); i++)
            test_mark(&h, i);
    rig_close(&h.rig);
    free(h.mark);
    unlink(from);
    unlink(to);
    unlink(kept);
}

/* ---- a full target ---- */

/* Somebody makes room once the copy waits for it. */
static void make_room(struct rig *r)
{
    vf_autofree char *mnt = path_of("mnt");
    if (r->full)
        mount("none", mnt, "tmpfs", MS_REMOUNT, "size=64m");
}

static int run_full(const char *format)
{
    const uint64_t size = 32 * MIB;
    vf_autofree char *mnt = path_of("mnt");
    if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("none", mnt, "tmpfs", 0, "size=12m") < 0)
        return 77;
    struct rig r;
    bool good = rig_open(&r, false);
    vf_autofree char *from = make_dense("full.raw", size);
    vf_autofree char *to = make_target("mnt/full-dst", format, size);
    r.before_retry = make_room;
    struct vf_copy_opts o = options(&r, from, to, 16 * MIB);
    o.target.format = format;
    good = good && rig_start(&r, &o) && rig_end(&r);
    printf("# waited %u times, mark %llu, sent %llu\n", r.full, (unsigned long long)r.mark_then,
           (unsigned long long)r.result.sent);
    good = good && r.full == 1 && !r.lost && r.mark_then &&
           r.result.sent == r.sent_then + size - r.mark_then && identical(from, "raw", to, format);
    rig_close(&r);
    unlink(from);
    umount(mnt);
    return good ? 0 : 1;
}

/* In a process of its own: its mounts go with it. */
static void test_full(const char *format)
{
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        int status = run_full(format);
        fflush(stdout);
        _exit(status);
    }
    int raw = 0;
    waitpid(pid, &raw, 0);
    if (WIFEXITED(raw) && WEXITSTATUS(raw) == 77)
        skip("a full target", "no mount namespaces here");
    else
        ok(WIFEXITED(raw) && WEXITSTATUS(raw) == 0,
           "a full target (%s): once there is room, it goes on where it was", format);
}

/* ---- out of sight ---- */

/* The connection stands still for longer than a peer may be silent: the movers copy on. */
static void test_asleep(void)
{
    const uint64_t size = 64 * MIB;
    struct rig r;
    if (!ok(rig_open(&r, true), "movers")) {
        rig_close(&r);
        return;
    }
    vf_autofree char *from = make_dense("src.raw", size), *to = make_target("dst.raw", "raw", size);
    struct vf_copy_opts o = options(&r, from, to, 8 * MIB);
    ok(rig_start(&r, &o) && rig_wait(&r, MIB), "a copy has begun");
    unsigned routes = routes_of(&r);
    ok(signal_logins((const char *const[]){r.job, " serve "}, SIGSTOP) > 0, "the session stops");
    int64_t end = vf_clock_ms() + 60000;
    while (!r.ended && !r.back && vf_clock_ms() < end)
        usleep(10000);
    ok(r.back == 1 && !r.ended, "a new one is made");
    signal_logins((const char *const[]){r.job, " serve "}, SIGKILL);
    ok(rig_end(&r) && identical(from, "raw", to, "raw"), "the copy is identical");
    ok(r.result.sent == size && routes_of(&r) == routes, "and was never interrupted");
    rig_close(&r);
    unlink(from);
    unlink(to);
}

/* ---- left alone ---- */

/* H has a disk open and was told to receive it; nobody sends. */
static bool told_to_receive(struct vf_mover_host *h, const char *path)
{
    vf_autobuf struct vf_buf b = {0};
    vf_autoerror struct vf_error *e = NULL;
    uint32_t id = vf_session_new_id();
    vf_field_str(&b, VF_TAG_PATH, path);
    vf_field_str(&b, VF_TAG_FORMAT, "raw");
    vf_field_u64(&b, VF_TAG_WRITE, 1);
    vf_field_u64(&b, VF_TAG_OURS, 1);
    int r = vf_session_call(h->session, VF_F_OPEN, id, &b, VF_F_OPENED, 60000, NULL, NULL, &e);
    vf_field_u64(&b, VF_TAG_SIZE, MIB);
    if (r == 0)
        r = vf_session_call(h->session, VF_F_RECEIVE, id, &b, VF_F_OK, 60000, NULL, NULL, &e);
    show(e);
    return r == 0;
}

/* A program that is killed while its movers copy, and others were just going to. Their time-outs
 * are shorter still: they wait 9 s for it to come back. */
static int run_killed(const char *from, const char *to, const char *idle, int tell)
{
    struct pair p, q;
    struct later l;
    setenv("VMFERRY_TEST_HASTE", "100", 1);
    if (!open_pair(&q) || !told_to_receive(q.target, idle) || !open_pair(&p) ||
        !start_slow(&l, &p, from, to, NULL) ||
        dprintf(tell, "%s\n%s\n%s\n", p.source->dir, p.target->dir, q.target->dir) < 0)
        return 1;
    return 0;
}

static bool is_there(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0;
}

static void test_left_alone(void)
{
    const uint64_t size = 6 * MIB;
    vf_autofree char *from = make_dense("src.raw", size), *to = make_target("dst.raw", "raw", size);
    vf_autofree char *idle = make_target("idle.raw", "raw", MIB);
    int tell[2];
    if (!ok(pipe(tell) == 0, "a pipe"))
        return;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0)
        _exit(run_killed(from, to, idle, tell[1]));
    close(tell[1]);
    char text[1024] = "", *rest = NULL;
    ssize_t n = vf_read_full(tell[0], text, sizeof text - 1);
    close(tell[0]);
    int raw = 0;
    waitpid(pid, &raw, 0);
    const char *source = strtok_r(text, "\n", &rest), *target = strtok_r(NULL, "\n", &rest);
    const char *waiting = strtok_r(NULL, "\n", &rest);
    ok(n > 0 && waiting && WIFEXITED(raw) && WEXITSTATUS(raw) == 0 && is_there(source) &&
           is_there(target),
       "a program dies, its movers do not");
    int64_t end = vf_clock_ms() + 60000;
    bool whole = false;
    while (target && vf_clock_ms() < end && is_there(target) &&
           !(whole = run((const char *const[]){"cmp", "-s", from, to, NULL}) == 0))
        usleep(100000);
    ok(whole, "they copy to the end");
    while (target && vf_clock_ms() < end && (is_there(source) || is_there(target)))
        usleep(100000);
    ok(target && !is_there(source) && !is_there(target),
       "and leave when nobody comes back for them");
    while (waiting && vf_clock_ms() < end && is_there(waiting))
        usleep(100000);
    ok(waiting && !is_there(waiting), "so does one that nobody has begun to send to");
    unlink(idle);
    unlink(from);
    unlink(to);
}

/* ---- a long wait before ---- */

/* Connections that broke while nothing was copied, for longer than an outage may last: 4.5 s here.
 */
static int run_late(void)
{
    setenv("VMFERRY_TEST_HASTE", "200", 1);
    const uint64_t size = 4 * MIB;
    struct rig r;
    bool good = rig_open(&r, false);
    vf_autofree char *from = make_dense("late.raw", size);
    vf_autofree char *to = make_target("late-dst.raw", "raw", size);
    struct vf_copy_opts o = options(&r, from, to, 0);
    if (good)
        kill_source(&r);
    int64_t end = vf_clock_awake_ms() + vf_clock_limit(VF_T_RECONNECT) + 500;
    while (vf_clock_awake_ms() < end)
        usleep(50000);
    good = good && rig_start(&r, &o) && rig_end(&r) && r.lost && identical(from, "raw", to, "raw");
    rig_close(&r);
    unlink(from);
    unlink(to);
    return good ? 0 : 1;
}

static pid_t start_late(void)
{
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        int status = run_late();
        fflush(stdout);
        _exit(status);
    }
    return pid;
}

static void test_late(pid_t pid)
{
    int raw = 0;
    ok(waitpid(pid, &raw, 0) == pid && WIFEXITED(raw) && WEXITSTATUS(raw) == 0,
       "what broke long before a copy began is made again");
}

int main(void)
{
    setenv("VMFERRY_TEST_HASTE", HASTE, 1);
    const char *given = getenv("VMFERRY_TEST_SEED");
    seed = given ? strtoull(given, NULL, 10) : (uint64_t)vf_clock_ns();
    printf("# VMFERRY_TEST_SEED=%llu\n", (unsigned long long)seed);
    seed |= 1;
    if (begin_copies("resume") != 0)
        return 99;
    test_hasher();
    if (!have_qemu_img()) {
        skip("copies that are cut", "no qemu-img");
        return end_copies();
    }
    vf_autofree char *mnt = path_of("mnt");
    mkdir(mnt, 0700);
    test_full("raw");
    test_full("qcow2");
    rmdir(mnt);
    pid_t late = start_late();
    test_left_alone();
    test_late(late);
    bool far = node_start("SetEnv VMFERRY_TEST_HASTE=" HASTE "\n");
    if (!far)
        skip("copies to another host", "no sshd or no mount namespaces here");
    for (size_t i = 0; i < VF_COUNT(kinds); i++)
        if ((far || !kinds[i].remote))
            test_kills(&kinds[i]);
    test_changed();
    test_cut_delta();
    test_marks();
    if (far)
        test_slow_end();
    if (far)
        test_shared();
    if (far)
        test_asleep();
    node_stop();
    return end_copies();
}
