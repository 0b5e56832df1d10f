/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A batch begins its jobs, as many at a time as there may be, whatever becomes of one or of itself.
 * The jobs are this program: VM "NAME-N" waits until the file NAME is there and ends with N (9:
 * without an end). Of "hand-N" the process does not start, for one that somebody has begun by hand
 * works on it, which ends with N just then. */
#include "config.h"
#include "job/batch_priv.h"
#include "job/detach.h"
#include "job/journal.h"
#include "job/stage.h"
#include "job/state.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "base/fdio.h"
#include "base/proc.h"
#include "base/str.h"
#include "tests/unit/tap.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATIENCE_MS = 60000 };

static char *file(const char *name)
{
    vf_autofree char *root = vf_state_root();
    return vf_asprintf("%s/%s", root, name);
}

/* ---- the job ---- */

static json_t *start_event(const char *mode)
{
    json_t *e = vf_event_new("start");
    json_object_set_new(e, "mode", json_string(mode));
    return e;
}

static int job_process(const char *dir)
{
    vf_auto(vf_journal_free) struct vf_journal *j = vf_journal_open(dir, true, NULL);
    const char *vm = j ? vf_json_str(json_array_get(vf_journal_events(j), 1), "vm") : "?";
    vf_autofree char *name = vf_strndup(vm, strcspn(vm, "-")), *go = file(name);
    int code = vm[strlen(vm) - 1] - '0';
    if (!strcmp(name, "refuses")) {
        fputs("no\n", stderr);
        return VF_EXIT_FAILED;
    }
    if (!strcmp(name, "hand")) {
        vf_auto(vf_journal_free) struct vf_journal *by_hand = vf_journal_open(dir, false, NULL);
        json_t *end = vf_event_new("end");
        json_object_set_new(end, "exit", json_integer(code));
        vf_journal_write(by_hand, start_event("run"), NULL, NULL);
        vf_journal_write(by_hand, end, NULL, NULL);
        fputs("this job is running already\n", stderr);
        return VF_EXIT_FAILED;
    }
    int ready, parent = vf_detach(&ready);
    if (parent >= 0)
        return parent;
    vf_autoerror struct vf_error *err = NULL;
    vf_autofd int lock = vf_job_lock(dir, &err);
    vf_auto(vf_journal_free) struct vf_journal *mine =
        lock >= 0 ? vf_journal_open(dir, false, &err) : NULL;
    if (mine)
        vf_detach_stdio(dir, &err);
    bool again = mine && json_array_size(vf_journal_events(mine)) > 2;
    if (mine && !err)
        vf_journal_write(mine, start_event("run"), NULL, &err);
    vf_detach_ready(ready, err);
    while (!err && access(go, F_OK) < 0)
        vf_cancel_sleep(NULL, 20, NULL);
    if (err || (code == 9 && !again))
        return 1;
    json_t *end = vf_event_new("end");
    json_object_set_new(end, "exit", json_integer(code == 9 ? VF_EXIT_DONE : code));
    return vf_journal_write(mine, end, NULL, NULL);
}

/* ---- the test ---- */

static char *make(const char *names, unsigned parallel, bool stop_on_failure)
{
    vf_autostrv char **v = vf_strv_split(names, " ");
    size_t n = vf_strv_len(v);
    struct vf_plan **plans = vf_xcalloc(n, sizeof *plans);
    for (size_t i = 0; i < n; i++) {
        plans[i] = vf_plan_new();
        plans[i]->source = vf_strdup("alpha");
        plans[i]->target = vf_strdup("beta");
        plans[i]->target_node = vf_strdup("b1");
        plans[i]->vm_id = (unsigned)(100 + i);
        plans[i]->vm_name = vf_strdup(v[i]);
    }
    vf_autoerror struct vf_error *err = NULL;
    char *id = vf_batch_create(plans, n, parallel, stop_on_failure, "/dev/null", &err);
    ok(id != NULL, "a batch of %s (%s)", names, err ? err->text : "no error");
    vf_plans_free(plans, n);
    return id;
}

static void spawn(const char *id)
{
    vf_autoerror struct vf_error *err = NULL;
    int r = vf_batch_spawn(id, &err);
    ok(r == 0, "its process starts (%s)", err ? err->text : "no error");
}

static void go(const char *name)
{
    vf_autofree char *path = file(name);
    if (vf_replace_file(path, "", 0, 0600, NULL) < 0)
        abort();
}

/* "WR0S": waits, runs, ended with 0, skipped; then "." while the batch's process is there. */
static char *standing(const char *id)
{
    struct vf_batch_entry *v;
    size_t n;
    bool runs;
    if (vf_batch_read(id, &v, &n, &runs, NULL) < 0)
        return vf_strdup("unreadable");
    vf_autobuf struct vf_buf b = {0};
    for (size_t i = 0; i < n; i++)
        vf_buf_printf(&b, "%c",
                      v[i].state == VF_BATCH_ENDED ? '0' + (char)v[i].code : "WR S"[v[i].state]);
    vf_batch_entries_free(v, n);
    vf_buf_puts(&b, runs ? "." : "");
    return vf_buf_take(&b);
}

static void becomes(const char *id, const char *want, const char *what)
{
    int64_t end = vf_clock_ms() + PATIENCE_MS;
    vf_autofree char *got = standing(id);
    while (strcmp(got, want) && vf_clock_ms() < end) {
        vf_cancel_sleep(NULL, 20, NULL);
        free(got);
        got = standing(id);
    }
    is_str(got, want, what);
}

static void test_order(void)
{
    vf_autofree char *id = make("a-0 b-1 c-0", 1, false);
    becomes(id, "WWW", "all wait, and nobody begins them");
    spawn(id);
    becomes(id, "RWW.", "the first runs, the others wait");
    go("a");
    becomes(id, "0RW.", "then the second");
    go("b");
    becomes(id, "01R.", "which fails, and the third runs all the same");
    go("c");
    becomes(id, "010", "till all have ended");
    vf_autoerror struct vf_error *err = NULL;
    vf_autofree char *found = vf_batch_resolve(id + 6, &err), *by_job = NULL;
    is_str(found, id, "it is found without the word batch");
    struct vf_batch_entry *v;
    size_t n;
    bool runs;
    if (vf_batch_read(id, &v, &n, &runs, NULL) == 0) {
        by_job = vf_batch_of(v[1].job);
        is_str(v[1].vm, "b-1", "an entry knows its VM");
        vf_batch_entries_free(v, n);
    }
    is_str(by_job, id, "and a job its batch");
    vf_autofree char *none = vf_batch_resolve("1999", &err);
    ok(!none && !err, "what names no batch is no mistake");
    none = vf_batch_resolve("batch-1999", &err);
    ok(!none && vf_error_code(err) == VF_E_NOTFOUND, "unless it was called one");
}

static void test_parallel(void)
{
    vf_autofree char *id = make("d-0 e-0 f-0 g-0", 2, false);
    spawn(id);
    becomes(id, "RRWW.", "two run at a time");
    go("e");
    becomes(id, "R0RW.", "the next begins when one has ended");
    go("d");
    go("f");
    go("g");
    becomes(id, "0000", "till all have ended");
}

static void test_stop(void)
{
    vf_autofree char *id = make("h-1 i-0", 1, true);
    spawn(id);
    go("h");
    becomes(id, "1S", "one that fails keeps the next from beginning when that is asked for");
    ok(vf_batch_unstop(id, NULL) == 0, "that can be taken back");
    becomes(id, "1W", "then it waits");
    go("i");
    spawn(id);
    becomes(id, "10", "and begins");

    vf_autofree char *other = make("j-0 k-0 l-0", 1, false);
    spawn(other);
    becomes(other, "RWW.", "one runs");
    ok(vf_batch_stop(other, NULL) == 0, "no more of it");
    becomes(other, "RSS.", "those that wait are left out");
    go("j");
    becomes(other, "0SS", "the one that runs comes to its end");
}

static pid_t process_of(const char *id)
{
    vf_autofree char *dir = vf_batch_dir(id);
    pid_t pid = 0;
    vf_job_is_locked(dir, &pid, NULL);
    return pid;
}

/* The batch's process is gone, and so may be a job's. */
static void test_cut(void)
{
    vf_autofree char *id = make("m-9 n-0 o-0", 2, false);
    spawn(id);
    becomes(id, "RRW.", "two run");
    pid_t pid = process_of(id);
    ok(pid > 1 && kill(pid, SIGKILL) == 0, "the batch's process dies");
    becomes(id, "RRW", "the jobs do not");
    go("m");
    becomes(id, "4RW", "one is cut off, too");
    spawn(id);
    becomes(id, "0RR.", "what was cut off goes on, what waits begins, what runs is left alone");
    go("n");
    go("o");
    becomes(id, "000", "to the end");
}

static void test_refused(void)
{
    vf_autofree char *id = make("refuses-0 p-0", 1, false);
    go("p");
    spawn(id);
    becomes(id, "10", "one whose process does not start has failed, and the next begins");
    vf_autofree char *dir = vf_batch_dir(id), *path = vf_asprintf("%s/batch.json", dir);
    vf_autoerror struct vf_error *err = NULL;
    static const char newer[] = "{\"format\":9,\"minimum-reader\":9,\"jobs\":[]}";
    if (vf_replace_file(path, newer, strlen(newer), 0600, NULL) < 0)
        abort();
    struct vf_batch_entry *v;
    size_t n;
    bool runs;
    ok(vf_batch_read(id, &v, &n, &runs, &err) < 0 && vf_error_code(err) == VF_E_UNSUPPORTED,
       "a batch of a newer vmferry is not guessed at");
    vf_autoerror struct vf_error *why = NULL;
    struct vf_plan plan = {.vm_name = (char *)"x"}, *one = &plan;
    ok(!vf_batch_create(&one, 1, 1, false, "/nonexistent", &why),
       "without a job there is no batch");
}

static void test_by_hand(void)
{
    vf_autofree char *id = make("hand-0 by-0 hand-1 bye-0", 1, true);
    go("by");
    spawn(id);
    becomes(id, "001S", "how one ended that was begun by hand in that instant is not written over");
}

static void note(const char *job, json_t *event)
{
    vf_autofree char *dir = vf_job_dir(job);
    vf_auto(vf_journal_free) struct vf_journal *j = vf_journal_open(dir, false, NULL);
    ok(j && vf_journal_write(j, event, NULL, NULL) == 0, "its journal says more");
}

static json_t *step_event(const char *key, const char *state)
{
    json_t *e = vf_event_new("step");
    json_object_set_new(e, "key", json_string(key));
    json_object_set_new(e, "state", json_string(state));
    return e;
}

static json_t *end_event(int code)
{
    json_t *e = vf_event_new("end");
    json_object_set_new(e, "exit", json_integer(code));
    return e;
}

/* A VM that was moved and returned to its source later is not moved. */
static void test_return(void)
{
    vf_autofree char *id = make("q-0", 1, false);
    struct vf_batch_entry *v;
    size_t n;
    bool runs;
    go("q");
    spawn(id);
    becomes(id, "0", "it is moved");
    if (vf_batch_read(id, &v, &n, &runs, NULL) < 0)
        abort();
    note(v[0].job, start_event("return"));
    note(v[0].job, end_event(VF_EXIT_FAILED));
    becomes(id, "0", "a return that was refused leaves it so");
    note(v[0].job, start_event("return"));
    note(v[0].job, step_event("return", "intent"));
    becomes(id, "4", "one that was cut off does not");
    note(v[0].job, start_event("return"));
    note(v[0].job, step_event("return", "undone"));
    note(v[0].job, end_event(VF_EXIT_FAILED));
    becomes(id, "0", "given up, the target serves on");
    note(v[0].job, start_event("return-remove"));
    note(v[0].job, step_event("return", "intent"));
    note(v[0].job, step_event("return", "done"));
    note(v[0].job, end_event(VF_EXIT_DONE));
    becomes(id, "1", "of one that was returned nobody says that it is moved");
    vf_batch_entries_free(v, n);
}

/* Of a job that was taken over from another machine the batch stayed there. */
static void test_foreign(void)
{
    struct vf_plan *plan = vf_plan_new();
    plan->source = vf_strdup("alpha");
    plan->target = vf_strdup("beta");
    plan->target_node = vf_strdup("b1");
    plan->vm_id = 100;
    plan->vm_name = vf_strdup("web1");
    vf_autofree char *job = vf_job_create_in(plan, "/dev/null", "batch-of-another", NULL);
    vf_autofree char *batch = job ? vf_batch_of(job) : NULL;
    ok(job && !batch, "a batch of another machine is none here");
    vf_plan_free(plan);
}

/* Another machine goes on with it: how it ended is not known here, and it does not wait to be
 * resumed. */
static void test_taken(void)
{
    vf_autofree char *id = make("r-9 s-0", 2, false);
    struct vf_batch_entry *v;
    size_t n, interrupted, waiting;
    bool runs;
    go("r");
    go("s");
    spawn(id);
    becomes(id, "40", "one is cut off, one is moved");
    if (vf_batch_read(id, &v, &n, &runs, NULL) < 0)
        abort();
    vf_batch_left(v, n, &interrupted, &waiting);
    ok(interrupted == 1 && !v[0].taken, "the first is left to be resumed");
    json_t *e = vf_event_new("taken-over");
    json_object_set_new(e, "text", json_string("another machine has it"));
    note(v[0].job, e);
    vf_batch_look(&v[0]);
    vf_batch_left(v, n, &interrupted, &waiting);
    ok(v[0].taken && interrupted == 0 && waiting == 0,
       "taken over, nothing is left to be done here");
    spawn(id);
    becomes(id, "40", "and going on with the batch does not touch it");
    note(v[0].job, vf_event_new("mirror"));
    vf_batch_look(&v[0]);
    ok(!v[0].taken, "unless it is taken back");
    vf_batch_entries_free(v, n);
}

/* For jobs that begin later. */
static void test_limit(void)
{
    vf_autofree char *id = make("t-0", 3, false);
    uint64_t each = 7;
    vf_batch_limit(id, &each);
    ok(each == 7, "a batch to which no limit was given has none");
    ok(vf_batch_set_limit(id, 3000, &each, NULL) == 0 && each == 1000, "each gets its part");
    each = 0;
    vf_batch_limit(id, &each);
    ok(each == 1000, "which is kept");
    ok(vf_batch_set_limit(id, 0, &each, NULL) == 0 && each == 0, "none at all");
    each = 5;
    vf_batch_limit(id, &each);
    ok(each == 0, "is kept, too");
    vf_batch_limit(NULL, &each);
    ok(vf_batch_set_limit("batch-none", 1, &each, NULL) < 0, "of no batch there is no limit");
}

/* ---- dying while it is made ---- */

static int renames_left = -1; /* then this process dies; < 0: it does not */

/* In place of libc's: each file and folder gets its name by this. */
int rename(const char *from, const char *to)
{
    if (renames_left == 0)
        kill(getpid(), SIGKILL);
    int r = renameat(AT_FDCWD, from, AT_FDCWD, to);
    if (renames_left > 0 && --renames_left == 0 && strstr(from, "/.batch-"))
        kill(getpid(), SIGKILL); /* right behind those that show something, too */
    return r;
}

/* Is what is to be found nothing, or all of the batch of three? */
static bool whole(const char *root)
{
    vf_stage_tidy();
    vf_autostrv char **jobs = vf_job_ids(), **batches = vf_batch_ids();
    size_t n = vf_strv_len(jobs);
    if (!batches[0])
        return n == 0;
    vf_autofree char *stands = standing(batches[0]);
    return n == 3 && !strcmp(stands, "WWW") && !batches[1];
}

/* Stages whose makers are gone are swept when they are old. */
static bool swept(const char *root)
{
    const char *const age[] = {"find", root,          "-mindepth", "2",     "-maxdepth",
                               "2",    "-name",       ".*",        "-exec", "touch",
                               "-d",   "2 hours ago", "{}",        "+",     NULL};
    const char *const look[] = {"find", root, "-mindepth", "2", "-name", ".*", NULL};
    struct vf_proc_result r = {0};
    bool good = vf_proc_run(age, NULL, 0, 4096, NULL, &r, NULL) == 0 && r.status == 0;
    vf_proc_result_free(&r);
    vf_stage_tidy();
    r = (struct vf_proc_result){0};
    good = good && vf_proc_run(look, NULL, 0, 4096, NULL, &r, NULL) == 0 && !r.out.len;
    vf_proc_result_free(&r);
    return good;
}

static void test_dying(const char *top)
{
    bool died = true, all = true, none_left = true;
    int points = 0;
    for (int i = 0; died && i < 50; i++) {
        vf_autofree char *root = vf_asprintf("%s/dying-%d", top, i),
                         *state = vf_asprintf("%s/vmferry", root);
        setenv("XDG_STATE_HOME", root, 1);
        pid_t pid = fork();
        if (pid == 0) {
            struct vf_plan plan = {.vm_name = (char *)"x",
                                   .source = (char *)"a",
                                   .target = (char *)"b",
                                   .target_node = (char *)"b1"};
            struct vf_plan *three[] = {&plan, &plan, &plan};
            renames_left = i;
            char *id = vf_batch_create(three, 3, 1, false, "/dev/null", NULL);
            _exit(id ? 0 : 1);
        }
        int status = 0;
        if (waitpid(pid, &status, 0) < 0)
            abort();
        died = WIFSIGNALED(status);
        points += died;
        if (!died)
            ok(WEXITSTATUS(status) == 0, "undisturbed it is made");
        if (!whole(state)) {
            printf("# "
                   "dying at name %d leaves a part"
                   "\n",
                   i);
            all = false;
        }
        if (!swept(state)) {
            printf("# "
                   "what dying at name %d leaves is not swept"
                   "\n",
                   i);
            none_left = false;
        }
    }
    ok(points > 6, "who makes a batch dies at each name it gives (%d)", points);
    ok(all, "then all of it is there, or nothing");
    ok(none_left, "and what was not finished is swept one day");
    setenv("XDG_STATE_HOME", top, 1);
}

int main(int argc, char **argv)
{
    if (argc == 4 && !strcmp(argv[1], "__job"))
        return job_process(argv[3]);
    if (argc == 3 && !strcmp(argv[1], "__batch"))
        return vf_batch_process(argv[2]);
    char dir[] = "/tmp/vmferry-batch-test-XXXXXX";
    if (!mkdtemp(dir) || setenv("XDG_STATE_HOME", dir, 1) < 0)
        return 99;
    test_order();
    test_parallel();
    test_stop();
    test_cut();
    test_refused();
    test_by_hand();
    test_return();
    test_foreign();
    test_taken();
    test_limit();
    test_dying(dir);
    const char *const rm[] = {"rm", "-rf", dir, NULL};
    struct vf_proc_result r = {0};
    ok(vf_proc_run(rm, NULL, 0, 4096, NULL, &r, NULL) == 0 && r.status == 0, "nothing is left");
    vf_proc_result_free(&r);
    return done_testing();
}
