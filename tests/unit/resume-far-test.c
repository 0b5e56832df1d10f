/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Copies to another host whose session is cut: the movers go on, and what arrives is what the
 * source has. */
#include "config.h"
#include "tests/unit/resume-fixture.h"

static void kill_session(struct rig *r)
{
    signal_logins((const char *const[]){r->job, " serve "}, SIGKILL);
    signal_logins((const char *const[]){r->job, " attach "}, SIGKILL);
}

static void kill_all_logins(struct rig *r)
{
    signal_logins((const char *const[]){r->job, ""}, SIGKILL);
}

/* Sends SIGNAL to all that stands between the movers: the other host's sshd and its logins. */
static void signal_link(int signal)
{
    DIR *d = opendir("/proc");
    for (struct dirent *e; d && (e = readdir(d));) {
        pid_t pid = (pid_t)strtol(e->d_name, NULL, 10), up = pid;
        vf_autofree char *comm = pid > 1 ? of_process(pid, "comm") : vf_strdup("");
        while (vf_starts(comm, "sshd") && up > 1 && up != node.sshd.pid)
            up = parent_of(up);
        if (up > 1 && up == node.sshd.pid)
            kill(pid, signal);
    }
    if (d)
        closedir(d);
}

/* The link is down, two times as long as a peer may be silent: nothing is refused or closed, it
 * only does not arrive; then it goes on where it was, with what nobody waits for any more. */
static void cut_link(struct rig *r)
{
    signal_link(SIGSTOP);
    usleep((useconds_t)vf_clock_limit(VF_T_PEER_SILENCE) * 2000);
    signal_link(SIGCONT);
}

static const struct kind kinds[] = {
    {"the session is killed", kill_session, true, true, false, KILLS},
    {"all connections are killed", kill_all_logins, true, false, true, FEW_KILLS},
    {"the link is cut", cut_link, true, false, true, 1},
};

static unsigned routes_of(struct rig *r)
{
    pthread_mutex_lock(&r->lock);
    unsigned n = r->routes;
    pthread_mutex_unlock(&r->lock);
    return n;
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
    struct vf_copy_opts o = options(&r, from, to, MIB);
    ok(rig_start(&r, &o) && rig_wait(&r, MIB), "a copy has begun");
    unsigned routes = routes_of(&r);
    ok(signal_logins((const char *const[]){r.job, " serve "}, SIGSTOP) > 0, "the session stops");
    int64_t end = vf_clock_ms() + 60000;
    while (!r.ended && !r.back && vf_clock_ms() < end)
        usleep(10000);
    ok(r.back == 1 && !r.ended, "a new one is made");
    signal_logins((const char *const[]){r.job, " serve "}, SIGKILL);
    atomic_store(&r.rate, 0);
    ok(rig_end(&r) && identical(from, "raw", to, "raw"), "the copy is identical");
    ok(r.result.sent == size && routes_of(&r) == routes, "and was never interrupted");
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

static void test_sessions(void)
{
    test_shared();
    test_asleep();
}

int main(void)
{
    return main_far("resume-far", kinds, VF_COUNT(kinds), test_sessions);
}
