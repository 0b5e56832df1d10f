/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Copies to another host whose movers or streams are cut: they go on where they were, and what
 * arrives is what the source has. */
#include "config.h"
#include "tests/unit/resume-fixture.h"

#include <dirent.h>

static void kill_streams(struct rig *r)
{
    signal_logins((const char *const[]){r->job, " join "}, SIGKILL);
}

static const struct kind kinds[] = {
    {"the far mover is killed", kill_target, true, false, false, FEW_KILLS},
    {"the streams are killed", kill_streams, true, false, false, KILLS},
};

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

int main(void)
{
    return main_far("resume-streams", kinds, VF_COUNT(kinds), test_slow_end);
}
