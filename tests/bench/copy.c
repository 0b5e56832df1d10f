/* SPDX-License-Identifier: GPL-3.0-or-later */
/* copy DIR MOVER ADDRESS PORT no|verify[,delta|,cut|,resume] SOURCE TARGET [SOURCE TARGET]...: the
 * product's own engine without a job: movers here and behind the sshd at ADDRESS, a direct route,
 * raw disks one after the other. DIR holds key, known_hosts and host.pub. Prints the seconds for
 * login, movers and route, and those for the copies. ",cut" ends each copy when 80 % are committed
 * and leaves its mark, with which ",resume" goes on. */
#include "config.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "xfer/copy.h"

#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int no_questions(void *opaque, const struct vf_ask *q, struct vf_cancel *cancel,
                        struct vf_answer *out, struct vf_error **err)
{
    return vf_fail(err, VF_E_TRUST, "asked %s", q->id);
}

static const struct vf_asker asker = {.ask = no_questions};

static struct vf_ssh *login(const char *dir, char *address, uint16_t port, const char *user,
                            struct vf_error **err)
{
    vf_autofree char *key = vf_asprintf("%s/key", dir), *known = vf_asprintf("%s/known_hosts", dir);
    struct vf_ssh_conf c = {.user = (char *)user,
                            .port = port,
                            .key = key,
                            .known_hosts = known,
                            .config = (char *)"none",
                            .transport = VF_SSH_AUTO};
    char *addresses[] = {address, NULL};
    return vf_ssh_open("b2", addresses, &c, &asker, NULL, err);
}

static const char job[] = "bench"; /* of the mark, too */

struct cut {
    struct vf_progress progress;
    struct vf_cancel *cancel;
    atomic_bool over;
};

static void *cut_main(void *arg)
{
    struct cut *c = arg;
    while (!c->over && (!c->progress.total || c->progress.done < c->progress.total / 5 * 4))
        usleep(1000);
    vf_cancel_fire(c->cancel, "cut");
    return NULL;
}

/* Ends the copy on the way; that it was ended is success. */
static int copy_cut(struct vf_route *route, struct vf_copy_opts *o, struct vf_error **err)
{
    struct cut c = {.cancel = vf_cancel_new(NULL)};
    pthread_t thread;
    if (pthread_create(&thread, NULL, cut_main, &c) != 0)
        abort();
    o->cancel = c.cancel;
    struct vf_copy_result r;
    vf_autoerror struct vf_error *e = NULL;
    int result = vf_copy_disk(route, o, &c.progress, &r, &e);
    c.over = true;
    pthread_join(thread, NULL);
    vf_cancel_free(c.cancel);
    if (result == 0) {
        vf_copy_result_free(&r);
        return vf_fail(err, VF_E_INTERNAL, "the copy was over before it was cut");
    }
    return vf_error_code(e) == VF_E_CANCELLED ? 0 : vf_fail_with(err, VF_STEAL(e));
}

static int copy_one(struct vf_route *route, const char *from, const char *to, const char *how,
                    struct vf_error **err)
{
    struct stat st;
    if (stat(from, &st) < 0)
        return vf_fail(err, VF_E_NOTFOUND, "no %s", from);
    if (truncate(to, st.st_size) < 0)
        return vf_fail(err, VF_E_NOTFOUND, "no %s", to);
    bool there = vf_ends(how, ",delta") || vf_ends(how, ",resume");
    vf_autofree char *mark = vf_asprintf("%s.mark", to);
    struct vf_copy_opts o = {.source = {from, "raw", (uint64_t)st.st_size},
                             .target = {to, "raw", (uint64_t)st.st_size},
                             .verify = vf_starts(how, "verify"),
                             .delta = there,
                             .target_fresh = !there,
                             .job = job,
                             .mark = mark};
    if (vf_ends(how, ",cut"))
        return copy_cut(route, &o, err);
    struct vf_copy_result r;
    if (vf_copy_disk(route, &o, NULL, &r, err) < 0)
        return -1;
    vf_copy_result_free(&r);
    return 0;
}

static int copy_all(char *dir, char *mover, char *address, uint16_t port, const char *how,
                    char **paths, struct vf_error **err)
{
    struct passwd *pw = getpwuid(getuid());
    vf_autofree char *user = vf_strdup(pw ? pw->pw_name : "root");
    struct vf_mover_opts o = {.job = job, .epoch = (uint64_t)vf_clock_ms(), .mover = mover};
    int64_t began = vf_clock_ns();
    vf_auto(vf_ssh_free) struct vf_ssh *ssh = login(dir, address, port, user, err);
    vf_auto(vf_mover_host_free) struct vf_mover_host *a =
        ssh ? vf_mover_host_open(NULL, &o, err) : NULL;
    vf_auto(vf_mover_host_free) struct vf_mover_host *b =
        a ? vf_mover_host_open(ssh, &o, err) : NULL;
    if (!b)
        return -1;
    char *addresses[] = {address, NULL};
    struct vf_route_opts ro = {.target = {addresses, port, user, vf_ssh_host_key(ssh)},
                               .source_label = "a1",
                               .target_label = "b2"};
    vf_auto(vf_route_free) struct vf_route *route = vf_route_open(a, b, &ro, err);
    if (!route)
        return -1;
    int64_t ready = vf_clock_ns();
    for (; paths[0] && paths[1]; paths += 2)
        if (copy_one(route, paths[0], paths[1], how, err) < 0)
            return -1;
    int64_t ended = vf_clock_ns();
    printf("%.3f %.3f\n", (double)(ready - began) / 1e9, (double)(ended - ready) / 1e9);
    return 0;
}

int main(int argc, char **argv)
{
    uint64_t port;
    signal(SIGPIPE, SIG_IGN);
    if (argc < 8 || vf_parse_u64(argv[4], 1, 65535, &port) < 0)
        return 2;
    if (getenv("VMFERRY_BENCH_DEBUG"))
        vf_log_stderr(true);
    vf_autoerror struct vf_error *e = NULL;
    if (copy_all(argv[1], argv[2], argv[3], (uint16_t)port, argv[5], argv + 6, &e) == 0)
        return 0;
    fprintf(stderr, "copy: %s\n", vf_error_text(e));
    return 1;
}
