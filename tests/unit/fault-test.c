/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Copies that go wrong: streams that are damaged, disks that fail, targets that change or are full.
 * What fails must be said, with the side, the disk and the place; what can be mended must be. */
#include "config.h"
#include "tests/unit/copy-fixture.h"
#include "tests/unit/proxy.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { ALWAYS = 1 << 20 };

/* ---- streams ---- */

static const struct damage {
    const char *what;
    struct harm harm;
    bool verify;
    enum vf_error_code code; /* VF_OK: mended */
    unsigned streams;
    unsigned compress;
    bool delta;
} damages[] = {
    {"a flipped bit", {HARM_FLIP, VF_F_DATA, 0, 2, 1}, true, VF_OK, 1, OFF, false},
    {"a flipped bit, not verified", {HARM_FLIP, VF_F_DATA, 0, 2, 1}, false, VF_OK, 1, OFF, false},
    {"a flipped bit, compressed", {HARM_FLIP, VF_F_DATA, 0, 2, 1}, true, VF_OK, 1, 1, false},
    {"a line that flips", {HARM_FLIP, VF_F_DATA, 0, 2, ALWAYS}, true, VF_E_CORRUPT, 1, OFF, false},
    {"a line that flips, not verified",
     {HARM_FLIP, VF_F_DATA, 0, 2, ALWAYS},
     false,
     VF_E_CORRUPT,
     1,
     OFF,
     false},
    {"a line that flips, compressed",
     {HARM_FLIP, VF_F_DATA, 0, 2, ALWAYS},
     true,
     VF_E_CORRUPT,
     1,
     1,
     false},
    {"a garbled header", {HARM_GARBLE, VF_F_DATA, 0, 2, 1}, true, VF_E_CORRUPT, 1, OFF, false},
    {"a missing chunk", {HARM_DROP, VF_F_DATA, 0, 2, 1}, true, VF_E_CORRUPT, 1, OFF, false},
    {"a damaged run of zeroes", {HARM_FLIP, VF_F_ZERO, 0, 0, 1}, true, VF_E_CORRUPT, 1, OFF, false},
    {"a missing run of zeroes", {HARM_DROP, VF_F_ZERO, 0, 0, 1}, true, VF_E_CORRUPT, 1, OFF, false},
    {"another hash at the end", {HARM_FLIP, VF_F_END, 0, 0, 1}, true, VF_E_CORRUPT, 1, OFF, false},
    {"another hash in the answer",
     {HARM_FLIP, VF_F_DONE, 1, 0, 1},
     true,
     VF_E_CORRUPT,
     1,
     OFF,
     false},
    {"a stream cut within a chunk", {HARM_CUT, VF_F_DATA, 0, 3, 1}, true, VF_E_NET, 1, OFF, false},
    {"a stream that ends between chunks",
     {HARM_END, VF_F_DATA, 0, 3, 1},
     true,
     VF_E_NET,
     1,
     OFF,
     false},
    {"a stream without its end", {HARM_END, VF_F_END, 0, 0, 1}, true, VF_E_NET, 1, OFF, false},
    {"a stream without its answer", {HARM_END, VF_F_DONE, 1, 0, 1}, true, VF_E_NET, 1, OFF, false},
    {"a few bytes at a time", {HARM_DRIBBLE, VF_F_DATA, 0, 0, ALWAYS}, true, VF_OK, 1, OFF, false},
    {"a target that is too new",
     {HARM_NEWER, VF_F_HELLO, 1, 0, 1},
     true,
     VF_E_UNSUPPORTED,
     1,
     OFF,
     false},
    {"a target that is too old",
     {HARM_OLDER, VF_F_HELLO, 1, 0, 1},
     true,
     VF_E_UNSUPPORTED,
     1,
     OFF,
     false},
    {"three streams, one flips", {HARM_FLIP, VF_F_DATA, 0, 4, 1}, true, VF_OK, 3, OFF, false},
    {"three streams, one ends", {HARM_END, VF_F_DATA, 0, 4, 1}, true, VF_E_NET, 3, OFF, false},
    {"a chunk that comes twice",
     {HARM_TWICE, VF_F_DATA, 0, 4, 1},
     true,
     VF_E_CORRUPT,
     3,
     OFF,
     false},
    {"a delta, a damaged hash", {HARM_HASH, VF_F_HASHES, 1, 0, 1}, true, VF_OK, 1, OFF, true},
    {"a delta, a damaged sum", {HARM_FLIP, VF_F_HASHES, 1, 0, 1}, true, VF_OK, 1, OFF, true},
    {"a delta, a damaged part", {HARM_FLIP, VF_F_PARTS, 0, 1, 1}, true, VF_OK, 1, OFF, true},
    {"a delta, a damaged part, not verified",
     {HARM_FLIP, VF_F_PARTS, 0, 1, 1},
     false,
     VF_OK,
     1,
     OFF,
     true},
    {"a delta, a damaged part, compressed",
     {HARM_FLIP, VF_F_PARTS, 0, 1, 1},
     true,
     VF_OK,
     1,
     1,
     true},
    {"a delta, a damaged hash of a whole",
     {HARM_HASH, VF_F_PARTS, 0, 1, 1},
     true,
     VF_OK,
     1,
     OFF,
     true},
    {"a delta, parts that are missing",
     {HARM_DROP, VF_F_PARTS, 0, 1, 1},
     true,
     VF_E_CORRUPT,
     1,
     OFF,
     true},
    {"a delta, a damaged answer",
     {HARM_FLIP, VF_F_SAME, 0, 0, 1},
     true,
     VF_E_CORRUPT,
     1,
     OFF,
     true},
    {"a delta, a missing answer",
     {HARM_DROP, VF_F_SAME, 0, 0, 1},
     true,
     VF_E_CORRUPT,
     1,
     OFF,
     true},
};

/* A few parts of every third chunk, and the end. */
static void change(const char *path, uint64_t size)
{
    vf_autofd int fd = open(path, O_RDWR);
    vf_autofree char *word = vf_xmalloc(3 * VF_WIRE_PART);
    memset(word, 'w', 3 * VF_WIRE_PART);
    for (uint64_t at = 12345; at < size; at += 3 * MIB)
        vf_pwrite_full(fd, word, 3 * VF_WIRE_PART, at);
    vf_pwrite_full(fd, "new", 3, size - 3);
}

static void test_damage(const struct damage *d)
{
    static int n;
    struct proxy x = {.harm = d->harm};
    vf_autofree char *job = vf_asprintf("harm-%d-%d", (int)getpid(), n++);
    struct vf_mover_opts o = {.job = job, .epoch = 1, .mover = mover};
    struct pair p = {.source = vf_mover_host_open(NULL, &o, NULL),
                     .target = vf_mover_host_open(NULL, &o, NULL)};
    if (!ok(p.source && p.target && proxy_start(&x, p.target->dir), "a proxy"))
        return;
    struct vf_route_opts ro = {.source_label = "a1", .target_label = "b2", .streams = d->streams};
    vf_autoerror struct vf_error *e = NULL;
    p.route = vf_route_open(p.source, p.target, &ro, &e);
    vf_autofree char *from = (d->compress == OFF ? make_pattern : make_text)("harm.raw", 16 * MIB);
    vf_autofree char *to = make_target("harm-dst.raw", "raw", 16 * MIB);
    struct vf_copy_opts co = {.source = {from, "raw", 0},
                              .target = {to, "raw", 0},
                              .verify = d->verify,
                              .compress = d->compress,
                              .target_fresh = true};
    struct vf_copy_result r = {0};
    int status = p.route ? vf_copy_disk(p.route, &co, NULL, &r, &e) : -1;
    if (d->delta && status == 0) {
        vf_copy_result_free(&r);
        co.delta = true;
        change(from, 16 * MIB);
        status = vf_copy_disk(p.route, &co, NULL, &r, &e);
    }
    show(e);
    ok(x.done > 0, "%s: it was done", d->what);
    if (d->code == VF_OK)
        ok(status == 0 && identical(from, "raw", to, "raw"), "%s: the copy is identical", d->what);
    else
        ok(status < 0 && vf_error_code(e) == d->code, "%s: %s", d->what,
           vf_error_code_name(d->code));
    if (d->code == VF_OK && (d->harm.type == VF_F_DATA || d->harm.type == VF_F_PARTS) &&
        (d->harm.kind == HARM_FLIP || d->harm.kind == HARM_HASH))
        ok(r.sent + r.zero + r.same > r.size, "%s: the chunk was sent again", d->what);
    vf_copy_result_free(&r);
    close_pair(&p);
    proxy_stop(&x);
    unlink(from);
    unlink(to);
}

/* ---- a target that is not what it was, a source that changes ---- */

static int cut_off(const char *path)
{
    return truncate(path, 0);
}

/* Another file of the same size: what is written goes on into the one that has no name any more. */
static int replace(const char *path)
{
    vf_autofree char *other = vf_asprintf("%s.other", path);
    vf_autofd int fd = open(other, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    return fd < 0 || ftruncate(fd, 64 * MIB) < 0 ? -1 : rename(other, path);
}

static const struct loss {
    const char *what, *format;
    int (*harm)(const char *path);
    enum vf_error_code code;
    const char *words, *other; /* what is said, or may be said when it is just being read back */
} losses[] = {
    {"a target that is removed", "raw", unlink, VF_E_CONFLICT, "no longer there", NULL},
    {"a target that is replaced", "raw", replace, VF_E_CONFLICT, "another file in its place", NULL},
    {"a target that is cut off", "raw", cut_off, VF_E_CORRUPT, "cut it off", "become shorter"},
    {"a qcow2 target that is removed", "qcow2", unlink, VF_E_CONFLICT, "no longer there", NULL},
};

/* All that is written to it is read back as it was. */
static void test_loss(const struct loss *x)
{
    struct pair p;
    if (!ok(open_pair(&p), "%s: two movers", x->what))
        return;
    vf_autofree char *from = make_text("loss.raw", 64 * MIB);
    vf_autofree char *to = make_target("loss-dst", x->format, 64 * MIB);
    struct later l = {.p = &p};
    l.o = (struct vf_copy_opts){.source = {from, "raw", 0},
                                .target = {to, x->format, 0},
                                .rate = 2 * MIB,
                                .compress = OFF,
                                .verify = true,
                                .target_fresh = true};
    bool begun = start_later(&l);
    /* what was not compared yet would be noticed in any case */
    for (int i = 0; begun && !l.ended && !l.progress.committed && i < 3000; i++)
        usleep(10000);
    ok(begun && x->harm(to) == 0, "%s meanwhile", x->what);
    vf_route_set_rate(p.route, 0, NULL);
    pthread_join(l.thread, NULL);
    show(l.e);
    const char *text = vf_error_text(l.e);
    ok(l.status < 0 && vf_error_code(l.e) == x->code &&
           (strstr(text, x->words) || (x->other && strstr(text, x->other))) && strstr(text, to),
       "%s is no copy", x->what);
    finish_slow(&l);
    close_pair(&p);
    unlink(from);
    unlink(to);
}

static void test_link(void)
{
    struct pair p;
    if (!ok(open_pair(&p), "two movers"))
        return;
    vf_autofree char *from = make_text("link.raw", 2 * MIB);
    vf_autofree char *other = make_text("other.raw", 2 * MIB), *to = path_of("link-dst");
    ok(symlink(other, to) == 0, "a link in place of the target");
    struct vf_copy_opts o = {.verify = true};
    struct vf_copy_result r;
    vf_autoerror struct vf_error *e = NULL;
    ok(copy(&p, from, "raw", to, "raw", &o, &r, &e) < 0 && vf_error_code(e) == VF_E_CONFLICT &&
           strstr(vf_error_text(e), "is a link to another file"),
       "is not followed");
    show(e);
    close_pair(&p);
    unlink(from);
    unlink(other);
    unlink(to);
}

/* ---- disks that fail ---- */

/* A test in a process of its own, for what cannot be taken back: its lines are notes here, its
 * status 0 (good), 77 (cannot be done here) or else bad. */
static void apart(int (*run_it)(const void *arg), const void *arg, const char *what)
{
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        int status = run_it(arg);
        fflush(stdout);
        _exit(status);
    }
    int raw = 0;
    waitpid(pid, &raw, 0);
    if (WIFEXITED(raw) && WEXITSTATUS(raw) == 77)
        skip(what, "not possible here");
    else
        ok(WIFEXITED(raw) && WEXITSTATUS(raw) == 0, "%s", what);
}

struct failing {
    const char *what;
    bool target;
    const char *format; /* of the target */
    int calls[2];       /* system calls that fail ... */
    uint32_t from;      /* ... at this offset and beyond (0: everywhere) */
    int error;          /* 0: they do nothing, and say so */
    enum vf_error_code code;
    const char *words;
};

static const struct failing failing[] = {
    {"a source that cannot be read",
     false,
     "raw",
     {SYS_pread64, SYS_pread64},
     5 * MIB,
     EIO,
     VF_E_IO,
     "at 5242880"},
    {"a target that cannot be written",
     true,
     "raw",
     {SYS_pwrite64, SYS_pwrite64},
     5 * MIB,
     EIO,
     VF_E_IO,
     "at 5242880"},
    {"a target that cannot be read back",
     true,
     "raw",
     {SYS_pread64, SYS_pread64},
     5 * MIB,
     EIO,
     VF_E_IO,
     "reading back"},
    {"a target that cannot be flushed",
     true,
     "raw",
     {SYS_fdatasync, SYS_fdatasync},
     0,
     EIO,
     VF_E_IO,
     "flushing"},
    {"a target that takes no more bytes",
     true,
     "raw",
     {SYS_pwrite64, SYS_pwrite64},
     5 * MIB,
     0,
     VF_E_NOSPACE,
     "at 5242880"},
    {"a qcow2 target that cannot be written",
     true,
     "qcow2",
     {SYS_pwrite64, SYS_pwritev},
     5 * MIB,
     EIO,
     VF_E_IO,
     "writing"},
    {"a qcow2 target that cannot be flushed",
     true,
     "qcow2",
     {SYS_fdatasync, SYS_fsync},
     0,
     EIO,
     VF_E_IO,
     "Input/output error"},
};

/* From now on, for this process and what it starts. */
static bool fail_calls(const struct failing *f)
{
    const uint32_t result = SECCOMP_RET_ERRNO | (uint32_t)f->error;
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)f->calls[0], 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)f->calls[1], 0, 3),
        /* the fourth argument, its lower half: the offset; flushes have none */
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, f->from ? offsetof(struct seccomp_data, args[3])
                                                   : offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, f->from, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, result),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = VF_COUNT(code), .filter = code};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0;
}

static int run_failing(const void *arg)
{
    const struct failing *f = arg;
    vf_autofree char *from = make_pattern("io.raw", 16 * MIB);
    vf_autofree char *to = make_target("io-dst", f->format, 16 * MIB);
    vf_autofree char *job = vf_asprintf("io-%d", (int)getpid()), *mark = path_of("io.mark");
    struct vf_mover_opts o = {.job = job, .epoch = 1, .mover = mover};
    /* the healthy side first */
    struct vf_mover_host *good = vf_mover_host_open(NULL, &o, NULL);
    if (!fail_calls(f))
        return 77;
    struct vf_mover_host *bad = vf_mover_host_open(NULL, &o, NULL);
    struct pair p = {.source = f->target ? good : bad, .target = f->target ? bad : good};
    struct vf_route_opts ro = {.source_label = "a1", .target_label = "b2"};
    vf_autoerror struct vf_error *e = NULL;
    p.route = good && bad ? vf_route_open(p.source, p.target, &ro, &e) : NULL;
    struct vf_copy_opts co = {.source = {from, "raw", 0},
                              .target = {to, f->format, 0},
                              .verify = true,
                              .target_fresh = true,
                              .job = job,
                              .mark = mark};
    struct vf_copy_result r;
    int status = p.route ? vf_copy_disk(p.route, &co, NULL, &r, &e) : -1;
    show(e);
    /* a later copy must not begin behind what never reached the disk */
    bool early = f->target && !f->from && access(mark, F_OK) == 0;
    if (early)
        printf("# there is a mark\n");
    vf_copy_forget(mark);
    const char *side = f->target ? "target (b2): " : "source (a1): ";
    bool said = e && vf_error_code(e) == f->code && vf_starts(vf_error_text(e), side) &&
                strstr(vf_error_text(e), f->words) &&
                strstr(vf_error_text(e), f->target ? to : from);
    close_pair(&p);
    unlink(from);
    unlink(to);
    return status < 0 && said && !early ? 0 : 1;
}

/* A source that begins to fail behind qemu-nbd, as other formats are read: compressed, and damaged
 * where only reading shows it. */
static void test_failing_server(void)
{
    const uint64_t size = 8 * MIB;
    vf_autofree char *raw = make_text("far.raw", size), *from = path_of("far.qcow2");
    vf_autofree char *to = make_target("far-dst.raw", "raw", size);
    vf_autofree char *junk = vf_xmalloc(128 * 1024);
    const char *convert[] = {"qemu-img", "convert", "-c", "-f", "raw",
                             "-O",       "qcow2",   raw,  from, NULL};
    struct pair p;
    struct stat st;
    if (ok(run(convert) == 0 && stat(from, &st) == 0 && open_pair(&p), "a compressed image")) {
        memset(junk, 0xff, 128 * 1024);
        vf_autofd int fd = open(from, O_RDWR | O_CLOEXEC);
        ok(vf_pwrite_full(fd, junk, 128 * 1024, (uint64_t)st.st_size / 4 * 3) == 0,
           "damaged at three quarters");
        struct vf_copy_opts o = {.source = {from, "qcow2", 0},
                                 .target = {to, "raw", 0},
                                 .verify = true,
                                 .target_fresh = true};
        struct vf_copy_result r;
        struct vf_progress progress = {0};
        vf_autoerror struct vf_error *e = NULL;
        ok(vf_copy_disk(p.route, &o, &progress, &r, &e) < 0 && vf_error_code(e) == VF_E_IO &&
               progress.total == size,
           "what cannot be read is IO");
        show(e);
        ok(e && vf_starts(vf_error_text(e), "source (a1): reading ") &&
               strstr(vf_error_text(e), "far.qcow2 at "),
           "with side, disk and place");
        close_pair(&p);
    }
    unlink(from);
    unlink(raw);
    unlink(to);
}

/* ---- disks that somebody else writes to ---- */

/* Whoever makes a CALL waits until MEDDLE was done: what is changed is changed at that very moment,
 * however fast or slow anything is. */
struct meddling {
    const char *what;
    int call;
    bool target; /* its mover's calls; else the source's */
    unsigned after, times;
    void (*meddle)(int fd, unsigned n); /* with the disk, for the Nth time */
    enum vf_error_code code;            /* VF_OK: mended */
    const char *words;
    uint64_t again; /* bytes that are sent a second time */
    /* for the thread */
    int listener, fd;
    pthread_t thread;
};

enum { MEDDLED = 8 * MIB, HOLE = 4 * MIB }; /* size of the disks; of the hole at the end of one */

static void alter_data(int fd, unsigned n)
{
    vf_pwrite_full(fd, "altered", 7, 7);
}

static void alter_hole(int fd, unsigned n)
{
    vf_pwrite_full(fd, "altered", 7, MEDDLED - HOLE + 7);
}

static void change_source(int fd, unsigned n)
{
    usleep(20000); /* the clock of file systems is a coarse one */
    vf_pwrite_full(fd, n & 1 ? "CHANGED" : "changed", 7, 99);
}

static const struct meddling meddlings[] = {
    {"data that reads back as something else twice", SYS_fdatasync, true, 0, ALWAYS, alter_data,
     VF_E_CORRUPT, "reads back differently", 0, -1, -1, 0},
    {"a hole that reads back as something else twice", SYS_fdatasync, true, 0, ALWAYS, alter_hole,
     VF_E_CORRUPT, "read back as something else", 0, -1, -1, 0},
    {"a target that is changed once", SYS_fdatasync, true, 0, 1, alter_data, VF_OK, NULL, MIB, -1,
     -1, 0},
    {"a source that changes where it was read", SYS_pread64, false, 4, 1, change_source, VF_OK,
     NULL, 0, -1, -1, 0},
    {"a source that does not cease to change", SYS_pread64, false, 0, ALWAYS, change_source,
     VF_E_CONFLICT, "changes while it is read", 0, -1, -1, 0},
};

static void *meddle_main(void *arg)
{
    const struct meddling *m = arg;
    struct seccomp_notif call = {0};
    for (unsigned n = 0; ioctl(m->listener, SECCOMP_IOCTL_NOTIF_RECV, &call) == 0; n++) {
        if (n >= m->after && n < m->after + m->times)
            m->meddle(m->fd, n);
        struct seccomp_notif_resp go_on = {.id = call.id,
                                           .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};
        ioctl(m->listener, SECCOMP_IOCTL_NOTIF_SEND, &go_on); /* who is gone needs no answer */
        memset(&call, 0, sizeof call);
    }
    return NULL;
}

/* From now on, for this thread and what it starts. */
static bool begin_meddling(struct meddling *m, const char *disk)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)m->call, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = VF_COUNT(code), .filter = code};
    m->fd = open(disk, O_RDWR | O_CLOEXEC);
    if (m->fd < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return false;
    m->listener = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                               SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
    return m->listener >= 0;
}

static int run_meddling(const void *arg)
{
    struct meddling m = *(const struct meddling *)arg;
    vf_autofree char *from = make_text("meddled.raw", MEDDLED);
    vf_autofree char *to = make_target("meddled-dst.raw", "raw", MEDDLED);
    vf_autofree char *job = vf_asprintf("meddle-%d", (int)getpid());
    struct vf_mover_opts o = {.job = job, .epoch = 1, .mover = mover};
    if (m.meddle == alter_hole &&
        (truncate(from, MEDDLED - HOLE) < 0 || truncate(from, MEDDLED) < 0))
        return 2;
    /* the side that is left alone first */
    struct vf_mover_host *alone = vf_mover_host_open(NULL, &o, NULL);
    if (!begin_meddling(&m, m.target ? to : from))
        return 77;
    if (pthread_create(&m.thread, NULL, meddle_main, &m) != 0)
        return 2;
    struct vf_mover_host *other = vf_mover_host_open(NULL, &o, NULL);
    struct pair p = {.source = m.target ? alone : other, .target = m.target ? other : alone};
    struct vf_route_opts ro = {.source_label = "a1", .target_label = "b2"};
    vf_autoerror struct vf_error *e = NULL;
    p.route = alone && other ? vf_route_open(p.source, p.target, &ro, &e) : NULL;
    struct vf_copy_opts co = {.source = {from, "raw", 0},
                              .target = {to, "raw", 0},
                              .compress = OFF,
                              .verify = true,
                              .target_fresh = true};
    struct vf_copy_result r = {0};
    int status = p.route ? vf_copy_disk(p.route, &co, NULL, &r, &e) : -1;
    show(e);
    bool good = m.code == VF_OK
                    ? status == 0 && identical(from, "raw", to, "raw") &&
                          (!m.again || r.sent == r.size + m.again)
                    : status < 0 && vf_error_code(e) == m.code && strstr(vf_error_text(e), m.words);
    printf("# %llu bytes sent\n", (unsigned long long)r.sent);
    vf_copy_result_free(&r);
    close_pair(&p);
    unlink(from);
    unlink(to);
    return good ? 0 : 1;
}

/* ---- a full target ---- */

/* On a small file system of its own; once there is room, the same movers go on. */
static int run_full(const void *arg)
{
    const char *format = arg;
    vf_autofree char *mnt = path_of("mnt");
    if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("none", mnt, "tmpfs", 0, "size=8m") < 0)
        return 77;
    struct pair p;
    if (!open_pair(&p))
        return 2;
    vf_autofree char *from = make_pattern("full.raw", 32 * MIB);
    vf_autofree char *to = make_target("mnt/full-dst", format, 32 * MIB);
    struct vf_copy_opts o = {.source = {from, "raw", 0},
                             .target = {to, format, 0},
                             .verify = true,
                             .target_fresh = true};
    struct vf_copy_result r;
    vf_autoerror struct vf_error *e = NULL, *f = NULL;
    int status = vf_copy_disk(p.route, &o, NULL, &r, &e);
    show(e);
    bool good = status < 0 && vf_error_code(e) == VF_E_NOSPACE &&
                vf_starts(vf_error_text(e), "target (b2)") && strstr(vf_error_text(e), to);
    o.target_fresh = false;
    if (mount("none", mnt, "tmpfs", MS_REMOUNT, "size=64m") < 0 ||
        vf_copy_disk(p.route, &o, NULL, &r, &f) < 0 || !identical(from, "raw", to, format))
        good = false;
    else
        vf_copy_result_free(&r);
    show(f);
    close_pair(&p);
    unlink(from);
    umount(mnt);
    return good ? 0 : 1;
}

int main(void)
{
    if (begin_copies("fault") != 0)
        return 99;
    if (!have_qemu_img()) {
        skip("copies that go wrong", "no qemu-img");
        return end_copies();
    }
    for (size_t i = 0; i < VF_COUNT(failing); i++)
        apart(run_failing, &failing[i], failing[i].what);
    for (size_t i = 0; i < VF_COUNT(meddlings); i++)
        apart(run_meddling, &meddlings[i], meddlings[i].what);
    vf_autofree char *mnt = path_of("mnt");
    ok(mkdir(mnt, 0700) == 0, "a place to mount");
    apart(run_full, "raw", "a full target is NOSPACE, and goes on with room (raw)");
    apart(run_full, "qcow2", "a full target is NOSPACE, and goes on with room (qcow2)");
    rmdir(mnt);
    /* these have threads in this process: after those that fork */
    for (size_t i = 0; i < VF_COUNT(damages); i++)
        test_damage(&damages[i]);
    for (size_t i = 0; i < VF_COUNT(losses); i++)
        test_loss(&losses[i]);
    test_link();
    test_failing_server();
    return end_copies();
}
