/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Owners that are told to end by a signal: by a newer start of their job, wherever their directory
 * is, or by a person. They take back what would let somebody in. */
#include "config.h"
#include "tests/unit/copy-fixture.h"
#include "xfer/copy_int.h"

#include <poll.h>
#include <sys/file.h>
#include <sys/wait.h>

/* Waits until process PID, a child of ours, has ended; it is reaped later. */
static bool ends(pid_t pid)
{
    int64_t end = vf_clock_ms() + 30000;
    siginfo_t info = {0};
    while (vf_clock_ms() < end) {
        if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT | WNOHANG) == 0 && info.si_pid == pid)
            return true;
        usleep(10000);
    }
    return false;
}

static void test_signal(int sig, const char *name)
{
    struct vf_mover_host *h = open_host(1);
    if (!ok(h != NULL, "an owner"))
        return;
    static const char other[] = "ssh-ed25519 AAAA operator\n",
                      ours[] = "restrict ssh-ed25519 BBBB vmferry-job-x\n";
    vf_autofree char *keys = path_of("authorized_keys2");
    vf_autofree char *both = vf_asprintf("%s%s", other, ours);
    vf_autofree char *owner_dir = vf_strdup(h->dir);
    vf_autobuf struct vf_buf b = {0};
    vf_autoerror struct vf_error *e = NULL;
    if (vf_replace_file(keys, both, strlen(both), 0600, &e) < 0)
        abort();
    vf_field_str(&b, VF_TAG_PATH, keys);
    vf_field_str(&b, VF_TAG_TEXT, "vmferry-job-x");
    ok(vf_session_call(h->session, VF_F_KEY_FILE, 1, &b, VF_F_OK, 30000, NULL, NULL, &e) == 0,
       "it is told of the one-job key");
    show(e);
    kill(h->proc.pid, sig);
    ok(ends(h->proc.pid), "%s ends it", name);
    vf_autofree char *left = vf_read_file(keys, 4096, NULL, NULL);
    is_str(left, other, "its key is gone, others are not");
    ok(access(owner_dir, F_OK) < 0, "so is its directory");
    vf_mover_host_free(h);
    unlink(keys);
}

/* What a second session with owner H, as vmferry-mover attach brings it, hears on its HELLO: OK
 * when it is taken, and then it is left in *OUT. */
static enum vf_error_code calls(const struct vf_mover_host *h, const char *role, const char *job,
                                uint64_t epoch, struct vf_session **out)
{
    const char *argv[] = {mover, "attach", h->dir, NULL};
    struct vf_proc p;
    vf_autoerror struct vf_error *e = NULL;
    if (vf_proc_start(argv, VF_PROC_STDIN | VF_PROC_STDOUT | VF_PROC_STDERR | VF_PROC_DIE, -1, &p,
                      &e) < 0)
        return VF_E_INTERNAL;
    struct vf_session *s =
        vf_session_new("caller", VF_STEAL_FD(p.in), VF_STEAL_FD(p.out), VF_STEAL_FD(p.err));
    vf_autobuf struct vf_buf b = {0};
    vf_hello_fields(&b, role, job, epoch);
    int r = vf_session_call(s, VF_F_HELLO, 0, &b, VF_F_HELLO, 30000, NULL, NULL, &e);
    show(e);
    if (r == 0) {
        *out = s;
        waitid(P_PID, (id_t)p.pid, &(siginfo_t){0}, WEXITED | WNOHANG);
        return VF_OK;
    }
    vf_session_free(s);
    vf_proc_end(&p);
    return vf_error_code(e);
}

/* An owner listens to its own job, and to no start of it that came before its own: that one was
 * believed dead, and another does its work. */
static void test_callers(void)
{
    struct vf_mover_host *h = open_host(5);
    struct vf_session *s = NULL;
    if (!ok(h != NULL, "an owner of epoch 5"))
        return;
    ok(calls(h, "program", h->job, 4, &s) == VF_E_CONFLICT, "who calls with epoch 4 is refused");
    ok(calls(h, "program", "another", 5, &s) == VF_E_CONFLICT, "so is another job");
    ok(calls(h, "owner", h->job, 5, &s) == VF_E_CONFLICT, "and who is no program");
    vf_autobuf struct vf_buf b = {0};
    vf_autoerror struct vf_error *e = NULL;
    ok(vf_session_call(h->session, VF_F_WATCH, 9, &b, VF_F_OK, 30000, NULL, NULL, &e) < 0 &&
           vf_error_code(e) == VF_E_NOTFOUND,
       "it still listens to the one that it had");
    ok(calls(h, "program", h->job, 5, &s) == VF_OK, "its own program may call again");
    vf_session_free(s);
    vf_mover_host_free(h);
}

/* An owner of EPOCH in the directory WHERE, with nobody who talks to it. */
static bool start_owner(const char *job, const char *epoch, const char *where, struct vf_proc *p)
{
    const char *argv[] = {mover, "serve", "--job", job, "--epoch", epoch, "--dir", where, NULL};
    vf_autofree char *sock = vf_asprintf("%s/sock", where);
    if (mkdir(where, 0700) < 0 ||
        vf_proc_start(argv, VF_PROC_STDIN | VF_PROC_STDOUT | VF_PROC_STDERR | VF_PROC_DIE, -1, p,
                      NULL) < 0)
        return false;
    for (int i = 0; i < 3000 && access(sock, F_OK) < 0; i++)
        usleep(10000);
    return access(sock, F_OK) == 0;
}

/* The older start of the job found no room in /run, say. One that outranks us is left alone. */
static void test_elsewhere(void)
{
    vf_autofree char *job = vf_asprintf("elsewhere-%d", (int)getpid());
    struct {
        const char *base, *epoch;
        bool ends;
        char *dir;
        struct vf_proc p;
    } v[] = {{"/var/tmp", "1", true, NULL, {0}},
             {"/tmp", "1", true, NULL, {0}},
             {"/tmp", "1", false, NULL, {0}},
             {"/tmp", "3", false, NULL, {0}}};
    for (size_t i = 0; i < VF_COUNT(v); i++) {
        /* what another job's name only begins with is none of ours */
        bool other = !v[i].ends && vf_streq(v[i].epoch, "1");
        v[i].dir = vf_asprintf("%s/vmferry-%s%s-%s-%08zx", v[i].base, job, other ? "-other" : "",
                               v[i].epoch, i);
        ok(start_owner(job, v[i].epoch, v[i].dir, &v[i].p), "an owner in %s", v[i].dir);
    }
    struct vf_mover_opts o = {.job = job, .epoch = 2, .mover = mover};
    vf_autoerror struct vf_error *e = NULL;
    struct vf_mover_host *h = vf_mover_host_open(NULL, &o, &e);
    vf_autofree char *to = path_of("elsewhere.raw");
    vf_autofd int fd = open(to, O_RDWR | O_CREAT, 0600);
    vf_autobuf struct vf_buf b = {0};
    vf_field_str(&b, VF_TAG_PATH, to);
    vf_field_str(&b, VF_TAG_FORMAT, "raw");
    vf_field_u64(&b, VF_TAG_WRITE, 1);
    vf_field_u64(&b, VF_TAG_OURS, 1);
    ok(h && fd >= 0 && ftruncate(fd, MIB) == 0 &&
           vf_session_call(h->session, VF_F_OPEN, 1, &b, VF_F_OPENED, 30000, NULL, NULL, &e) == 0,
       "a newer one opens the volume");
    show(e);
    for (size_t i = 0; i < VF_COUNT(v); i++) {
        siginfo_t info = {0};
        /* it has let go of its lock, and may need a moment more */
        bool dead =
            v[i].ends ? ends(v[i].p.pid)
                      : waitid(P_PID, (id_t)v[i].p.pid, &info, WEXITED | WNOWAIT | WNOHANG) == 0 &&
                            info.si_pid == v[i].p.pid;
        ok(dead == v[i].ends, "the one in %s %s", v[i].dir,
           v[i].ends ? "is dead by then" : "lives");
        ok((access(v[i].dir, F_OK) < 0) == v[i].ends, "its directory is %s",
           v[i].ends ? "gone" : "there");
        kill(v[i].p.pid, SIGTERM);
        vf_proc_wait(&v[i].p, NULL, NULL);
        rmdir(v[i].dir);
        free(v[i].dir);
    }
    vf_mover_host_free(h);
    unlink(to);
}

/* A directory that another host shares, whose owner there has the number that somebody else has
 * here: its lock is waited for, and nobody is ended. */
static void test_stranger(void)
{
    vf_autofree char *job = vf_asprintf("stranger-%d", (int)getpid());
    vf_autofree char *where = vf_asprintf("/tmp/vmferry-%s-1-00000000", job);
    vf_autofree char *lock = vf_asprintf("%s/lock", where);
    vf_autofree char *from = make_pattern("stranger.raw", MIB);
    const char *argv[] = {"sleep", "1000", NULL};
    struct vf_proc stranger;
    struct vf_mover_opts o = {.job = job, .epoch = 2, .mover = mover};
    vf_autoerror struct vf_error *e = NULL;
    struct vf_mover_host *h = vf_mover_host_open(NULL, &o, &e);
    if (!ok(h && vf_proc_start(argv, VF_PROC_DIE, -1, &stranger, &e) == 0, "an owner, a stranger"))
        return;
    vf_autofree char *text = vf_asprintf("%d 1\n", (int)stranger.pid);
    int fd = mkdir(where, 0700) == 0 ? open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
    ok(fd >= 0 && vf_write_full(fd, text, strlen(text)) == 0 && flock(fd, LOCK_EX) == 0,
       "a lock with the stranger's number");
    pid_t holder = fork();
    if (holder == 0) {
        usleep(300 * 1000); /* the lock is looked at long before, or was given back: as good */
        _exit(0);
    }
    close(fd);
    vf_autobuf struct vf_buf b = {0};
    vf_field_str(&b, VF_TAG_PATH, from);
    vf_field_str(&b, VF_TAG_FORMAT, "raw");
    ok(vf_session_call(h->session, VF_F_OPEN, 1, &b, VF_F_OPENED, 30000, NULL, NULL, &e) == 0,
       "a disk is opened once nobody holds it");
    show(e);
    siginfo_t info = {0};
    ok(waitid(P_PID, (id_t)stranger.pid, &info, WEXITED | WNOWAIT | WNOHANG) == 0 &&
           info.si_pid == 0,
       "the stranger lives");
    waitpid(holder, NULL, 0);
    vf_proc_end(&stranger);
    vf_mover_host_free(h);
    unlink(from);
}

/* Sends a frame of B and waits for one of type WANT. */
static bool asks(struct vf_link *l, uint8_t type, uint32_t id, struct vf_buf *b, uint8_t want)
{
    struct vf_frame f = {0};
    vf_autoerror struct vf_error *e = NULL;
    bool good = vf_link_send_fields(l, type, 0, id, b, &e) == 0;
    while (good && f.type != want && f.type != VF_F_ERROR)
        good = vf_link_recv(l, &f, 30000, NULL, &e) == 1;
    show(e);
    return good && f.type == want;
}

static void add_qcow2(struct vf_buf *b, const char *path)
{
    vf_field_str(b, VF_TAG_PATH, path);
    vf_field_str(b, VF_TAG_FORMAT, "qcow2");
    vf_field_u64(b, VF_TAG_WRITE, 1);
    vf_field_u64(b, VF_TAG_OURS, 1);
}

/* A qemu-nbd that outlives its owner for a while: the volume is opened once it has ended, too. */
static void test_dying_server(void)
{
    vf_autofree char *job = vf_asprintf("dying-%d", (int)getpid());
    vf_autofree char *where = vf_asprintf("/tmp/vmferry-%s-1-00000000", job);
    vf_autofree char *bin = path_of("bin"), *program = path_of("bin/qemu-nbd");
    vf_autofree char *number = path_of("number"),
                     *to = make_target("dying.qcow2", "qcow2", 4 * MIB);
    vf_autofree char *path = vf_strdup(getenv("PATH")), *before = vf_asprintf("%s:%s", bin, path);
    /* it is killed with the owner, what it has started is not */
    vf_autofree char *script =
        vf_asprintf("#!/bin/sh\nPATH='%s'\nqemu-nbd \"$@\" &\necho $! >'%s'\nwait\n", path, number);
    struct vf_proc p;
    struct vf_link l;
    vf_autobuf struct vf_buf b = {0};
    vf_autoerror struct vf_error *e = NULL;
    if (mkdir(bin, 0700) < 0 || vf_replace_file(program, script, strlen(script), 0700, NULL) < 0)
        abort();
    setenv("PATH", before, 1);
    bool good = ok(start_owner(job, "1", where, &p), "an owner in %s", where);
    setenv("PATH", path, 1);
    if (!good)
        return;
    vf_link_init(&l, VF_STEAL_FD(p.out), VF_STEAL_FD(p.in));
    vf_hello_fields(&b, "program", job, 1);
    good = asks(&l, VF_F_HELLO, 0, &b, VF_F_HELLO);
    add_qcow2(&b, to);
    ok(good && asks(&l, VF_F_OPEN, 1, &b, VF_F_OPENED), "which writes a qcow2");
    kill(p.pid, SIGKILL);
    vf_proc_wait(&p, NULL, NULL);
    vf_link_free(&l);
    vf_autofree char *text = vf_read_file(number, 64, NULL, NULL);
    pid_t server = text ? (pid_t)strtol(text, NULL, 10) : 0;
    ok(server > 1 && kill(server, 0) == 0, "it is killed, its qemu-nbd lives");
    struct vf_mover_opts o = {.job = job, .epoch = 2, .mover = mover};
    struct vf_mover_host *h = vf_mover_host_open(NULL, &o, &e);
    pid_t killer = fork();
    if (killer == 0) {
        usleep(300 * 1000); /* who does not wait for it has long been refused */
        _exit(kill(server, SIGKILL) < 0);
    }
    add_qcow2(&b, to);
    ok(h && vf_session_call(h->session, VF_F_OPEN, 1, &b, VF_F_OPENED, 30000, NULL, NULL, &e) == 0,
       "a newer owner opens it once that has ended");
    show(e);
    waitpid(killer, NULL, 0);
    vf_mover_host_free(h);
    unlink(to);
    unlink(number);
    unlink(program);
    rmdir(bin);
}

/* A source whose disk is not as large as the target was told sends nothing. */
static void test_size(void)
{
    struct pair p;
    vf_autofree char *from = make_pattern("size.raw", 4 * MIB);
    uint32_t id = vf_session_new_id();
    vf_autobuf struct vf_buf b = {0};
    vf_autoerror struct vf_error *e = NULL, *f = NULL;
    if (!ok(open_pair(&p), "two movers"))
        return;
    vf_field_str(&b, VF_TAG_PATH, from);
    vf_field_str(&b, VF_TAG_FORMAT, "raw");
    ok(vf_session_call(p.source->session, VF_F_OPEN, id, &b, VF_F_OPENED, 30000, NULL, NULL, &e) ==
           0,
       "a disk of 4 MiB");
    show(e);
    vf_field_u64(&b, VF_TAG_STREAM, p.route->stream);
    vf_field_u64(&b, VF_TAG_SIZE, 8 * MIB);
    ok(vf_session_call(p.source->session, VF_F_SEND, id, &b, VF_F_OK, 30000, NULL, NULL, &f) < 0 &&
           vf_error_code(f) == VF_E_CONFLICT && strstr(vf_error_text(f), "changed its size"),
       "is not sent as one of 8 MiB");
    show(f);
    close_pair(&p);
    unlink(from);
}

/* The same of what must be refused with CODE. */
static bool refuses(struct vf_link *l, uint8_t type, uint32_t id, struct vf_buf *b,
                    enum vf_error_code code)
{
    struct vf_frame f = {0};
    vf_autoerror struct vf_error *e = NULL, *said = NULL;
    bool good = vf_link_send_fields(l, type, 0, id, b, &e) == 0;
    do
        good = good && vf_link_recv(l, &f, 30000, NULL, &e) == 1;
    while (good && (f.type == VF_F_PROGRESS || f.type == VF_F_NOTE));
    show(e);
    if (good && f.type == VF_F_ERROR)
        vf_frame_error(&f, "owner", &said);
    show(said);
    return good && f.type == VF_F_ERROR && vf_error_code(said) == code;
}

static void add_disk(struct vf_buf *b, const char *path, bool write)
{
    vf_field_str(b, VF_TAG_PATH, path);
    vf_field_str(b, VF_TAG_FORMAT, "raw");
    vf_field_u64(b, VF_TAG_WRITE, write);
    vf_field_u64(b, VF_TAG_OURS, write);
}

/* What an owner does not do, whoever asks for it. */
static void test_refuses(void)
{
    vf_autofree char *job = vf_asprintf("refuses-%d", (int)getpid());
    vf_autofree char *where = vf_asprintf("/tmp/vmferry-%s-1-00000000", job);
    vf_autofree char *to = make_target("refuses.raw", "raw", 4 * MIB);
    vf_autofree char *from = make_target("refuses-src.raw", "raw", 4 * MIB);
    char state[64] = "what is no state of a hash";
    struct vf_proc p;
    struct vf_link l;
    vf_autobuf struct vf_buf b = {0};
    if (!ok(start_owner(job, "1", where, &p), "an owner in %s", where))
        return;
    vf_link_init(&l, VF_STEAL_FD(p.out), VF_STEAL_FD(p.in));
    struct vf_frame greeting = {0};
    ok(vf_link_recv(&l, &greeting, 30000, NULL, NULL) == 1 && greeting.type == VF_F_HELLO,
       "it greets");
    vf_hello_fields(&b, "program", "another", 1);
    ok(refuses(&l, VF_F_HELLO, 0, &b, VF_E_CONFLICT), "another job's HELLO");
    add_disk(&b, to, true);
    ok(refuses(&l, VF_F_OPEN, 1, &b, VF_E_CONFLICT), "then nothing is opened");
    vf_hello_fields(&b, "program", job, 1);
    ok(vf_link_send_fields(&l, VF_F_HELLO, 0, 0, &b, NULL) == 0, "its own job's");
    add_disk(&b, to, true);
    ok(asks(&l, VF_F_OPEN, 1, &b, VF_F_OPENED), "a target");
    add_disk(&b, from, false);
    ok(asks(&l, VF_F_OPEN, 2, &b, VF_F_OPENED), "a source");
    vf_field_u64(&b, VF_TAG_SIZE, 4 * MIB);
    ok(refuses(&l, VF_F_RECEIVE, 2, &b, VF_E_INTERNAL), "nothing is received into a source");
    vf_field_u64(&b, VF_TAG_SIZE, 4 * MIB);
    vf_field_u64(&b, VF_TAG_RESUME, 8 * MIB);
    vf_field_add(&b, VF_TAG_STATE, state, sizeof state);
    ok(refuses(&l, VF_F_RECEIVE, 1, &b, VF_E_CONFLICT), "no start behind the disk's end");
    vf_field_u64(&b, VF_TAG_SIZE, 4 * MIB);
    vf_field_u64(&b, VF_TAG_RESUME, MIB);
    vf_field_add(&b, VF_TAG_STATE, state, sizeof state);
    ok(refuses(&l, VF_F_RECEIVE, 1, &b, VF_E_CONFLICT), "nor from a state that is none");
    vf_field_u64(&b, VF_TAG_SIZE, 4 * MIB);
    ok(asks(&l, VF_F_RECEIVE, 1, &b, VF_F_OK), "it waits for a source");
    vf_field_u64(&b, VF_TAG_SIZE, 4 * MIB);
    ok(refuses(&l, VF_F_RECEIVE, 1, &b, VF_E_INTERNAL), "two copies onto one disk");
    ok(refuses(&l, VF_F_CLOSE, 1, &b, VF_E_INTERNAL), "a disk is not closed under its copy");
    vf_link_send_fields(&l, VF_F_BYE, 0, 0, &b, NULL);
    vf_link_free(&l);
    vf_proc_end(&p);
    unlink(to);
    unlink(from);
}

/* All that FD still says, within 30 s. */
static bool comes_to_an_end(int fd)
{
    int64_t end = vf_clock_ms() + 30000;
    char text[4096];
    ssize_t n = 1;
    while (n > 0 && vf_clock_ms() < end) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        n = poll(&p, 1, 1000) > 0 ? read(fd, text, sizeof text) : 1;
    }
    return n == 0;
}

/* An owner of JOB in WHERE that has opened TO, and waits for what is to be written there. */
static bool waiting_owner(const char *job, const char *where, const char *to, struct vf_proc *p,
                          struct vf_link *l)
{
    vf_autobuf struct vf_buf b = {0};
    if (!start_owner(job, "1", where, p))
        return false;
    vf_link_init(l, VF_STEAL_FD(p->out), VF_STEAL_FD(p->in));
    vf_hello_fields(&b, "program", job, 1);
    bool good = asks(l, VF_F_HELLO, 0, &b, VF_F_HELLO);
    add_disk(&b, to, true);
    good = good && asks(l, VF_F_OPEN, 1, &b, VF_F_OPENED);
    vf_field_u64(&b, VF_TAG_SIZE, 4 * MIB);
    return good && asks(l, VF_F_RECEIVE, 1, &b, VF_F_OK);
}

/* The program is away while an owner copies. The owner lets go of all that the session had: sshd
 * tells the program's machine of the session's end only once stderr has ended, too, and one that
 * has slept would not know for a minute. */
static void test_away(void)
{
    vf_autofree char *job = vf_asprintf("away-%d", (int)getpid());
    vf_autofree char *where = vf_asprintf("/tmp/vmferry-%s-1-00000000", job);
    vf_autofree char *to = make_target("away.raw", "raw", 4 * MIB);
    struct vf_proc p;
    struct vf_link l;
    if (!ok(waiting_owner(job, where, to, &p, &l), "an owner in %s waits for a source", where))
        return;
    vf_link_free(&l); /* and with it the session, without a BYE */
    ok(comes_to_an_end(p.err), "the program is gone: the owner's stderr ends");
    siginfo_t info = {0};
    ok(waitid(P_PID, (id_t)p.pid, &info, WEXITED | WNOWAIT | WNOHANG) == 0 && info.si_pid == 0,
       "and it lives, for who comes back");
    vf_proc_end(&p);
    unlink(to);
}

/* The program takes nothing any more before its BYE has come. */
static void test_late_bye(void)
{
    vf_autofree char *job = vf_asprintf("bye-%d", (int)getpid());
    vf_autofree char *where = vf_asprintf("/tmp/vmferry-%s-1-00000000", job);
    vf_autofree char *to = make_target("bye.raw", "raw", 4 * MIB);
    struct vf_proc p;
    struct vf_link l;
    vf_autobuf struct vf_buf b = {0};
    if (!ok(waiting_owner(job, where, to, &p, &l), "an owner in %s waits for a source", where))
        return;
    close(VF_STEAL_FD(l.in));
    usleep(600 * 1000); /* it has told more, in vain */
    ok(vf_link_send_fields(&l, VF_F_BYE, 0, 0, &b, NULL) == 0 && ends(p.pid),
       "BYE ends it, although it could say nothing meanwhile");
    vf_link_free(&l);
    vf_proc_end(&p);
    unlink(to);
}

/* COPIED, with HASH of 16 bytes. */
static struct vf_message *copied(const char *hash)
{
    vf_autobuf struct vf_buf b = {0};
    vf_field_add(&b, VF_TAG_HASH, hash, 16);
    vf_field_str(&b, VF_TAG_HOW, "media");
    struct vf_message *m = vf_xcalloc(1, sizeof *m + b.len);
    memcpy(m->payload, b.data, b.len);
    m->frame = (struct vf_frame){.type = VF_F_COPIED, .payload = m->payload, .len = b.len};
    return m;
}

/* A copy of 100 bytes whose movers say this. */
static enum vf_error_code judged(bool verify, uint64_t committed, uint64_t verified,
                                 const char *hash)
{
    struct vf_progress p = {.committed = committed, .verified = verified};
    struct vf_copy c = {.o = {.verify = verify}, .progress = &p};
    struct vf_copy_result r;
    vf_autoerror struct vf_error *e = NULL;
    c.source = (struct side){.label = "a1", .size = 100, .done = copied("0123456789abcdef")};
    c.target = (struct side){.label = "b1", .size = 100, .done = copied(hash)};
    int good = vf_copy_judge(&c, &r, &e);
    vf_copy_result_free(&r);
    vf_message_free(c.source.done);
    vf_message_free(c.target.done);
    return good == 0 ? VF_OK : vf_error_code(e);
}

static void test_confirmed(void)
{
    static const char same[] = "0123456789abcdef", other[] = "0123456789abcdeF";
    ok(judged(true, 100, 100, same) == VF_OK, "a copy that is whole");
    ok(judged(true, 99, 100, same) == VF_E_CORRUPT, "not all of it is committed");
    ok(judged(false, 99, 0, same) == VF_E_CORRUPT, "the same where nothing is read back");
    ok(judged(true, 100, 99, same) == VF_E_CORRUPT, "not all of it was read back");
    ok(judged(false, 100, 0, same) == VF_OK, "which counts only where it is wanted");
    ok(judged(true, 100, 100, other) == VF_E_CORRUPT, "both ends have another hash");
}

int main(void)
{
    if (begin_copies("owner-end") != 0)
        return 99;
    test_signal(SIGTERM, "TERM");
    test_signal(SIGINT, "INT");
    test_elsewhere();
    test_stranger();
    if (have_qemu_img())
        test_dying_server();
    else
        skip("a qemu-nbd that outlives its owner", "no qemu-img here");
    test_callers();
    test_size();
    test_refuses();
    test_away();
    test_late_bye();
    test_confirmed();
    return end_copies();
}
