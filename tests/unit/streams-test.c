/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How many streams a route opens, and how it knows how long the way is. */
#include "config.h"
#include <dirent.h>
#include "tests/unit/copy-fixture.h"

static void test_number(void)
{
    static const struct {
        unsigned cores, ms, want;
    } cases[] = {
        {1, 0, 1}, {2, 0, 2},  {4, 1, 2},  {6, 0, 3},  {64, 0, 4},    {1, 7, 1},
        {1, 8, 2}, {2, 20, 3}, {2, 50, 7}, {2, 56, 8}, {64, 5000, 8}, {64, 20, 4},
    };
    for (size_t i = 0; i < VF_COUNT(cases); i++) {
        unsigned n = vf_route_streams_for(cases[i].cores, cases[i].ms * 1000);
        ok(n == cases[i].want, "%u cores, %u ms there and back: %u streams", cases[i].cores,
           cases[i].ms, n);
    }
}

/* Over STREAM and back, in microseconds; 0: there was no answer. */
static uint64_t echo(struct pair *p, uint32_t stream)
{
    vf_auto(vf_message_free) struct vf_message *m = NULL;
    vf_autoerror struct vf_error *e = NULL;
    if (vf_session_call(p->source->session, VF_F_ECHO, stream, NULL, VF_F_OK, 30000, NULL, &m, &e) <
        0) {
        show(e);
        return 0;
    }
    return vf_field_num(&m->frame, VF_TAG_USEC, 0);
}

/* A stop takes hold of each thread when it is next looked at: waits for all of them. */
static bool stop(pid_t pid)
{
    vf_autofree char *tasks = vf_asprintf("/proc/%d/task", (int)pid);
    kill(pid, SIGSTOP);
    for (int tries = 0; tries < 1000; tries++, usleep(10 * 1000)) {
        DIR *list = opendir(tasks);
        if (!list)
            return false;
        bool all = true;
        for (struct dirent *d; (d = readdir(list));) {
            if (d->d_name[0] == '.')
                continue;
            vf_autofree char *path = vf_asprintf("%s/%s/stat", tasks, d->d_name);
            FILE *file = fopen(path, "re");
            char state = 0;
            if (file) {
                all = fscanf(file, "%*d (%*[^)]) %c", &state) == 1 && state == 'T' && all;
                fclose(file);
            }
        }
        closedir(list);
        if (all)
            return true;
    }
    return false;
}

struct pause {
    pid_t pid;
    useconds_t us;
};

static void *go_on(void *arg)
{
    const struct pause *p = arg;
    usleep(p->us);
    kill(p->pid, SIGCONT);
    return NULL;
}

/* How long an echo takes that is asked for while the other mover stands still for MS. */
static uint64_t slow_echo(struct pair *p, unsigned ms)
{
    struct pause pause = {p->target->proc.pid, ms * 1000};
    pthread_t thread;
    ok(stop(pause.pid), "the other mover is stopped");
    ok(pthread_create(&thread, NULL, go_on, &pause) == 0, "for %u ms", ms);
    uint64_t took = echo(p, p->route->stream);
    pthread_join(thread, NULL);
    return took;
}

static void test_echo(void)
{
    struct pair p;
    if (!ok(open_pair(&p), "two movers"))
        return;
    ok(p.route->n_streams == 1, "one stream is enough on one host");
    ok(echo(&p, p.route->stream) > 0, "there and back");
    ok(echo(&p, p.route->stream + 1) == 0, "not where there is no stream");
    uint64_t took = 0;
    /* on a busy machine the question may come when it goes on already */
    for (unsigned ms = 300; took < 100000 && ms < 20000; ms *= 3)
        took = slow_echo(&p, ms);
    ok(took >= 100000, "which shows: %llu us", (unsigned long long)took);
    ok(echo(&p, p.route->stream) > 0, "and again");
    close_pair(&p);
}

int main(void)
{
    if (begin_copies("streams") != 0)
        return 99;
    test_number();
    test_echo();
    return end_copies();
}
