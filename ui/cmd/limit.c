/* SPDX-License-Identifier: GPL-3.0-or-later */
/* vmferry limit, pause, continue: how fast a running job may copy, and whether at all. */
#include "config.h"
#include "ui/cmd/cmd.h"
#include "ui/plain.h"
#include "ui/say.h"
#include "job/batch.h"
#include "job/client.h"
#include "job/job.h"
#include "job/state.h"
#include "base/i18n.h"
#include "base/str.h"

#include <stdio.h>

enum { ANSWER_MS = 10 * 1000 };

static const char usage[] =
    N_("usage: vmferry limit [JOB|BATCH] MBPS|none\n\n"
       "Changes how fast a running job copies: at most MBPS Mbit/s, or as fast as it\n"
       "goes. The job keeps it when it is interrupted and goes on later. Of a batch it\n"
       "is for all its jobs together, also those that have not begun. JOB and BATCH are\n"
       "an ID or its beginning, and may be left out when only one of them runs.\n");

/* What a command is about. */
struct subject {
    char *job, *batch; /* one of both */
};

static void subject_clear(struct subject *s)
{
    free(s->job);
    free(s->batch);
}

#define autosubject __attribute__((cleanup(subject_clear)))

static bool runs(const char *job)
{
    vf_autofree char *dir = vf_job_dir(job);
    return vf_job_is_locked(dir, NULL, NULL);
}

/* The one job that runs, or the one batch of all that do. */
static int only_running(struct subject *out, struct vf_error **err)
{
    vf_autostrv char **ids = vf_job_ids(), **running = vf_strv_new();
    for (size_t i = 0; ids[i]; i++)
        if (runs(ids[i]))
            vf_strv_add(&running, ids[i]);
    if (!running[0])
        return vf_fail(err, VF_E_NOTFOUND, _("no job runs"));
    vf_autofree char *batch = running[1] ? vf_batch_of(running[0]) : NULL;
    for (size_t i = 1; running[i]; i++) {
        vf_autofree char *other = vf_batch_of(running[i]);
        if (!vf_streq(batch, other))
            return vf_fail(err, VF_E_CONFLICT,
                           _("several jobs run; name one (vmferry jobs lists them)"));
    }
    if (batch)
        out->batch = VF_STEAL(batch);
    else
        out->job = vf_strdup(running[0]);
    return 0;
}

/* What REF names; NULL: what runs. */
static int find(const char *ref, struct subject *out, struct vf_error **err)
{
    if (!ref)
        return only_running(out, err);
    vf_autoerror struct vf_error *why = NULL;
    out->batch = vf_batch_resolve(ref, &why);
    if (!out->batch && !why)
        out->job = vf_job_resolve(ref, &why);
    return why ? vf_fail_with(err, VF_STEAL(why)) : 0;
}

/* The socket of job ID, which has to run. */
static struct vf_client *reach(const char *id, struct vf_error **err)
{
    if (runs(id))
        return vf_client_open(id, err);
    vf_fail(err, VF_E_NOTFOUND, _("job %s does not run"), id);
    return NULL;
}

/* What is to become of a job: its rate, or its pause. */
struct change {
    int (*apply)(const struct change *c, const char *job, struct vf_error **err);
    uint64_t rate;
    bool pause;
};

/* Jobs of a batch. */
struct found {
    size_t running, waiting;
};

static int none_runs(const char *batch, struct vf_error **err)
{
    return vf_fail(err, VF_E_NOTFOUND, _("no job of %s runs"), batch);
}

/* All that run of BATCH; one that cannot be reached does not keep the others from
 * it. One that ends meanwhile needs nothing any more. */
static int change_batch(const char *batch, const struct change *c, struct found *found,
                        struct vf_error **err)
{
    struct vf_batch_entry *v;
    size_t n;
    bool begins;
    int r = 0;
    *found = (struct found){0};
    if (vf_batch_read(batch, &v, &n, &begins, err) < 0)
        return -1;
    for (size_t i = 0; i < n; i++) {
        vf_autoerror struct vf_error *why = NULL;
        found->waiting += v[i].state == VF_BATCH_WAITS;
        if (v[i].state != VF_BATCH_RUNS)
            continue;
        found->running++;
        if (c->apply(c, v[i].job, &why) < 0 && runs(v[i].job) && r == 0) {
            vf_fail_with(err, VF_STEAL(why));
            r = vf_fail_prefix(err, "%s", v[i].vm);
        }
    }
    vf_batch_entries_free(v, n);
    return r;
}

static int apply_rate(const struct change *c, const char *id, struct vf_error **err)
{
    vf_auto(vf_client_free) struct vf_client *client = reach(id, err);
    if (!client || vf_client_rate(client, c->rate, ANSWER_MS, err) < 0)
        return -1;
    vf_autofree char *text = vf_plain_limit(c->rate);
    vf_say(stdout, "%s: %s\n", id, text);
    return 0;
}

static int set_rate(const struct subject *s, uint64_t rate, struct vf_error **err)
{
    struct change c = {.apply = apply_rate, .rate = rate};
    if (s->job)
        return apply_rate(&c, s->job, err);
    struct found found;
    /* first for those that begin from now on, so that none is missed */
    if (vf_batch_set_limit(s->batch, rate, &c.rate, err) < 0 ||
        change_batch(s->batch, &c, &found, err) < 0)
        return -1;
    if (found.running)
        return 0;
    if (!found.waiting)
        return none_runs(s->batch, err);
    vf_autofree char *text = vf_plain_limit(rate);
    vf_say(stdout, "%s: %s\n", s->batch, text);
    return 0;
}

int vf_cmd_limit(int argc, char **argv)
{
    bool help = argc > 1 && (vf_streq(argv[1], "--help") || vf_streq(argv[1], "-h"));
    if (argc < 2 || argc > 3 || help) {
        fputs(_(usage), help ? stdout : stderr);
        return help ? VF_EXIT_DONE : VF_EXIT_USAGE;
    }
    const char *text = argv[argc - 1];
    uint64_t mbps = 0;
    if (!vf_streq(text, "none") && vf_parse_u64(text, 1, VF_MAX_MBPS, &mbps) < 0) {
        vf_say(stderr, _("vmferry: limit wants a number from 1 to %d (Mbit/s) or none, not '%s'\n"),
               VF_MAX_MBPS, text);
        return VF_EXIT_USAGE;
    }
    vf_autoerror struct vf_error *err = NULL;
    autosubject struct subject s = {0};
    bool found = find(argc == 3 ? argv[1] : NULL, &s, &err) == 0;
    if (found && set_rate(&s, mbps * VF_MBPS, &err) == 0)
        return VF_EXIT_DONE;
    vf_plain_error(err);
    return found ? VF_EXIT_FAILED : VF_EXIT_USAGE;
}

static const char pause_usage[] =
    N_("usage: vmferry pause [JOB|BATCH]\n"
       "       vmferry continue [JOB|BATCH]\n\n"
       "Copies nothing more until it is continued, and shuts no VM down; all else stays\n"
       "as it is, also a VM that is shut down already. A job that is interrupted and\n"
       "goes on later copies again. Of a batch all jobs that run. JOB and BATCH are an\n"
       "ID or its beginning, and may be left out when only one of them runs.\n");

static int apply_pause(const struct change *c, const char *id, struct vf_error **err)
{
    vf_auto(vf_client_free) struct vf_client *client = reach(id, err);
    if (!client || vf_client_pause(client, c->pause, ANSWER_MS, err) < 0)
        return -1;
    vf_say(stdout,
           c->pause ? _("%s: paused; go on with vmferry continue\n") : _("%s: copies again\n"), id);
    return 0;
}

static int apply_to(const struct subject *s, const struct change *c, struct vf_error **err)
{
    struct found found;
    if (s->job)
        return c->apply(c, s->job, err);
    if (change_batch(s->batch, c, &found, err) < 0)
        return -1;
    return found.running ? 0 : none_runs(s->batch, err);
}

static int pause_command(int argc, char **argv, bool pause)
{
    bool help = argc > 1 && (vf_streq(argv[1], "--help") || vf_streq(argv[1], "-h"));
    if (argc > 2 || help) {
        fputs(_(pause_usage), help ? stdout : stderr);
        return help ? VF_EXIT_DONE : VF_EXIT_USAGE;
    }
    vf_autoerror struct vf_error *err = NULL;
    autosubject struct subject s = {0};
    const struct change c = {.apply = apply_pause, .pause = pause};
    bool found = find(argc == 2 ? argv[1] : NULL, &s, &err) == 0;
    if (found && apply_to(&s, &c, &err) == 0)
        return VF_EXIT_DONE;
    vf_plain_error(err);
    return found ? VF_EXIT_FAILED : VF_EXIT_USAGE;
}

int vf_cmd_pause(int argc, char **argv)
{
    return pause_command(argc, argv, true);
}

int vf_cmd_continue(int argc, char **argv)
{
    return pause_command(argc, argv, false);
}
