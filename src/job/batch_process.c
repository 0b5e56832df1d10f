/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The process of a batch, `vmferry __batch DIR`: begins the jobs that wait, as many at a time as
 * there may be. It keeps nothing that is not on disk: a batch whose process died is taken up by the
 * next one, and a job whose batch has died runs on. */
#include "config.h"
#include "job/batch_priv.h"
#include "job/client.h"
#include "job/detach.h"
#include "job/journal.h"
#include "job/resume.h"
#include "job/state.h"
#include "base/i18n.h"
#include "base/log.h"
#include "base/str.h"

#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LOOK_MS = 200 };

struct batch {
    const char *id, *dir;
    unsigned parallel;
    bool stop_on_failure;
    struct vf_batch_entry *v;
    bool *again;   /* of each: it was interrupted and is to go on */
    bool *refused; /* of each: its process did not start */
    size_t n;
};

int vf_batch_spawn(const char *id, struct vf_error **err)
{
    vf_autofree char *dir = vf_batch_dir(id);
    const char *const argv[] = {"/proc/self/exe", "__batch", dir, NULL};
    return vf_detach_start(argv, err) < 0 ? vf_fail_prefix(err, _("starting the batch's process"))
                                          : 0;
}

/* Interrupted, and not on its way back. */
static bool can_go_on(const struct vf_batch_entry *e)
{
    if (e->state != VF_BATCH_ENDED || e->code != VF_EXIT_INTERRUPTED)
        return false;
    vf_autofree char *dir = vf_job_dir(e->job);
    vf_auto(vf_journal_free) struct vf_journal *j = vf_journal_open(dir, true, NULL);
    enum vf_way way = j ? vf_journal_way(j) : VF_WAY_NONE;
    return way == VF_WAY_BOTH || way == VF_WAY_ON;
}

/* A process that does not start must not be waited for; the job says why it ended. One that
 * somebody has begun by hand says so itself. */
static void note_refusal(const struct vf_batch_entry *e, const struct vf_error *why)
{
    vf_autofree char *dir = vf_job_dir(e->job);
    vf_autofd int lock = vf_job_lock(dir, NULL);
    vf_auto(vf_journal_free) struct vf_journal *j =
        lock >= 0 ? vf_journal_open(dir, false, NULL) : NULL;
    if (!j || vf_journal_last(j, "start"))
        return;
    json_t *start = vf_event_new("start"), *end = vf_event_new("end");
    json_object_set_new(start, "mode", json_string("run"));
    json_object_set_new(end, "exit", json_integer(VF_EXIT_FAILED));
    json_object_set_new(end, "error", vf_event_error(why));
    if (vf_journal_write(j, start, NULL, NULL) < 0 || vf_journal_write(j, end, NULL, NULL) < 0)
        vf_warn("batch", "%s: its journal cannot be written", e->job);
}

static void cancel(const struct vf_batch_entry *e)
{
    vf_autoerror struct vf_error *why = NULL;
    vf_auto(vf_client_free) struct vf_client *c = vf_client_open(e->job, &why);
    if ((!c || vf_client_cancel(c, false, &why) < 0) && vf_error_code(why) != VF_E_NOTFOUND)
        vf_warn("batch", "%s: %s", e->job, vf_error_text(why));
}

static void begin(struct batch *b, size_t i)
{
    vf_autoerror struct vf_error *why = NULL;
    struct vf_batch_entry *e = &b->v[i];
    bool again = b->again[i];
    b->again[i] = false;
    vf_info("batch", "%s %s (%s)", again ? "going on with" : "beginning", e->job, e->vm);
    if (vf_job_spawn(e->job, VF_JOB_RUN, &why) == 0) {
        e->state = VF_BATCH_RUNS;
        if (vf_batch_is_stopped(b->id)) /* who stopped it in between has not seen this one run */
            cancel(e);
        return;
    }
    vf_batch_look(e); /* somebody else may have begun it by hand */
    if (e->state == VF_BATCH_RUNS)
        return;
    b->refused[i] = true;
    vf_warn("batch", "%s: %s", e->job, vf_error_text(why));
    if (!again)
        note_refusal(e, why);
    vf_batch_look(e);
}

/* Did one end that keeps the others from beginning? */
static bool hinders(const struct batch *b, const struct vf_batch_entry *e)
{
    return b->stop_on_failure && e->state == VF_BATCH_ENDED && e->code != VF_EXIT_DONE;
}

static size_t look_at_running(struct batch *b)
{
    size_t runs = 0;
    for (size_t i = 0; i < b->n; i++) {
        struct vf_batch_entry *e = &b->v[i];
        if (e->state != VF_BATCH_RUNS)
            continue;
        vf_batch_look(e);
        runs += e->state == VF_BATCH_RUNS;
        if (e->state != VF_BATCH_RUNS)
            vf_info("batch", "%s (%s) ended with %d", e->job, e->vm, (int)e->code);
        if (hinders(b, e) && vf_batch_stop(b->id, NULL) < 0)
            vf_warn("batch", "%s: cannot be stopped", b->id);
    }
    return runs;
}

/* The next that is to be begun or to go on; B->n: none. */
static size_t next_waiting(struct batch *b)
{
    for (size_t i = 0; i < b->n; i++) {
        struct vf_batch_entry *e = &b->v[i];
        if (b->refused[i] || (e->state != VF_BATCH_WAITS && !b->again[i]))
            continue;
        vf_batch_look(e); /* by hand it may have been begun, or gone on */
        if (e->state == VF_BATCH_WAITS || (b->again[i] && can_go_on(e)))
            return i;
        b->again[i] = false;
    }
    return b->n;
}

/* Returns when all that was to be begun has ended, or on SIGNALS: the jobs run on. */
static int carry_out(struct batch *b, const sigset_t *signals)
{
    const struct timespec pause = {.tv_nsec = LOOK_MS * 1000000L};
    for (;;) {
        size_t runs = look_at_running(b), i;
        while (runs < b->parallel && !vf_batch_is_stopped(b->id) && (i = next_waiting(b)) < b->n) {
            const struct vf_batch_entry *e = &b->v[i];
            begin(b, i);
            runs += e->state == VF_BATCH_RUNS;
            if ((e->state == VF_BATCH_WAITS || hinders(b, e)) && b->stop_on_failure &&
                vf_batch_stop(b->id, NULL) < 0)
                vf_warn("batch", "%s: cannot be stopped", b->id);
        }
        if (!runs)
            return VF_EXIT_DONE;
        if (sigtimedwait(signals, NULL, &pause) > 0)
            return VF_EXIT_INTERRUPTED;
    }
}

static int run(struct batch *b, const json_t *batch)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGHUP, SIG_IGN); /* it has no terminal to lose */
    b->parallel = (unsigned)vf_json_int(batch, "parallel");
    b->stop_on_failure = vf_json_true(batch, "stop-on-failure");
    vf_batch_entries(batch, &b->v, &b->n);
    b->again = vf_xcalloc(b->n, sizeof *b->again);
    b->refused = vf_xcalloc(b->n, sizeof *b->refused);
    for (size_t i = 0; i < b->n; i++)
        b->again[i] = can_go_on(&b->v[i]);
    int code = carry_out(b, &signals);
    vf_batch_entries_free(b->v, b->n);
    free(b->again);
    free(b->refused);
    return code;
}

int vf_batch_process(const char *dir)
{
    int ready;
    int parent = vf_detach(&ready);
    if (parent >= 0)
        return parent;
    vf_autoerror struct vf_error *err = NULL;
    vf_autofd int lock = vf_job_lock(dir, &err);
    vf_autojson json_t *batch = lock >= 0 ? vf_batch_load(dir, &err) : NULL;
    bool begun = batch && vf_detach_stdio(dir, &err) == 0;
    vf_detach_ready(ready, err);
    const char *slash = strrchr(dir, '/');
    struct batch b = {.id = slash ? slash + 1 : dir, .dir = dir};
    return begun ? run(&b, batch) : VF_EXIT_FAILED;
}
