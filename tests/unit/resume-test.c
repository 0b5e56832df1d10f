/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Copies on one machine that are cut: whatever ends in the middle, they go on where they were, and
 * what arrives is what the source has. */
#include "config.h"
#include "tests/unit/resume-fixture.h"
#include "mover/hash.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>

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
    struct vf_copy_opts o = options(&r, from, to, 16 * MIB);
    ok(rig_start(&r, &o) && rig_wait(&r, size / 2), "a copy half done");
    kill_target(&r);
    atomic_store(&r.rate, 0);
    ok(rig_end(&r) && identical(from, "raw", to, "raw"),
       "a source that changed is copied as it is");
    printf("# same %llu, sent %llu, mark %llu after %llu sent\n", (unsigned long long)r.result.same,
           (unsigned long long)r.result.sent, (unsigned long long)r.mark_then,
           (unsigned long long)r.sent_then);
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
    struct vf_copy_opts o = options(&r, from, to, 8 * MIB);
    o.target_fresh = false;
    o.delta = true;
    ok(rig_start(&r, &o) && rig_wait(&r, size / 2), "a delta half done");
    kill_target(&r);
    atomic_store(&r.rate, 0);
    ok(rig_end(&r) && identical(from, "raw", to, "raw"), "goes on");
    printf("# same %llu, sent %llu, mark %llu after %llu sent\n", (unsigned long long)r.result.same,
           (unsigned long long)r.result.sent, (unsigned long long)r.mark_then,
           (unsigned long long)r.sent_then);
    /* what was written behind the mark is there, and the same */
    ok(r.mark_then && r.result.sent + r.result.same == r.sent_then + size - r.mark_then,
       "where it was");
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
        ok(!r->result.same && r->result.sent == h->size - done && !r->result.again,
           "%s: goes on there", what);
    else
        ok(r->result.same >= done && r->result.sent + r->result.same == h->size &&
               (!marks[i].edit || r->result.again > 0),
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

/* Where it is an outage's length that is waited for: so many times as short, at which a peer is
 * still given more than a second. What waits does so beside the other tests. */
#define MORE_HASTE "50"

/* A program that is killed while its movers copy, and others were just going to: they wait 18 s for
 * it to come back. */
static int run_killed(const char *from, const char *to, const char *idle, int tell)
{
    struct pair p, q;
    struct later l;
    setenv("VMFERRY_TEST_HASTE", MORE_HASTE, 1);
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

static struct {
    char text[1024]; /* the directories' names */
    const char *source, *target, *waiting;
    char *from, *to, *idle;
} alone;

static void begin_left_alone(void)
{
    const uint64_t size = 6 * MIB;
    int tell[2];
    char *rest = NULL;
    alone.from = make_dense("alone.raw", size);
    alone.to = make_target("alone-dst.raw", "raw", size);
    alone.idle = make_target("idle.raw", "raw", MIB);
    if (!ok(pipe(tell) == 0, "a pipe"))
        return;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0)
        _exit(run_killed(alone.from, alone.to, alone.idle, tell[1]));
    close(tell[1]);
    ssize_t n = vf_read_full(tell[0], alone.text, sizeof alone.text - 1);
    close(tell[0]);
    int raw = 0;
    waitpid(pid, &raw, 0);
    alone.source = strtok_r(alone.text, "\n", &rest);
    alone.target = strtok_r(NULL, "\n", &rest);
    alone.waiting = strtok_r(NULL, "\n", &rest);
    ok(n > 0 && alone.waiting && WIFEXITED(raw) && WEXITSTATUS(raw) == 0 &&
           is_there(alone.source) && is_there(alone.target),
       "a program dies, its movers do not");
}

static void end_left_alone(void)
{
    int64_t end = vf_clock_ms() + 120000;
    bool whole = false;
    while (alone.waiting && vf_clock_ms() < end &&
           !(whole = run((const char *const[]){"cmp", "-s", alone.from, alone.to, NULL}) == 0) &&
           is_there(alone.target))
        usleep(100000);
    ok(whole, "they copy to the end");
    while (alone.waiting && vf_clock_ms() < end &&
           (is_there(alone.source) || is_there(alone.target)))
        usleep(100000);
    ok(alone.waiting && !is_there(alone.source) && !is_there(alone.target),
       "and leave when nobody comes back for them");
    while (alone.waiting && vf_clock_ms() < end && is_there(alone.waiting))
        usleep(100000);
    ok(alone.waiting && !is_there(alone.waiting), "so does one that nobody has begun to send to");
    char *files[] = {alone.from, alone.to, alone.idle};
    for (size_t i = 0; i < VF_COUNT(files); i++) {
        unlink(files[i]);
        free(files[i]);
    }
}

/* ---- a long wait before ---- */

/* Connections that broke while nothing was copied, for longer than an outage may last: 18 s here.
 */
static int run_late(void)
{
    setenv("VMFERRY_TEST_HASTE", MORE_HASTE, 1);
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

static const struct kind kinds[] = {
    {"the source's mover is killed", kill_source, false, false, false, KILLS},
    {"the target's mover is killed", kill_target, false, false, false, KILLS},
};

int main(void)
{
    if (begin_cuts("resume") != 0)
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
    begin_left_alone();
    for (size_t i = 0; i < VF_COUNT(kinds); i++)
        test_kills(&kinds[i]);
    test_changed();
    test_cut_delta();
    test_marks();
    end_left_alone();
    test_late(late);
    return end_copies();
}
