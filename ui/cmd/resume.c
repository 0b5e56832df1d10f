/* SPDX-License-Identifier: GPL-3.0-or-later */
/* vmferry resume: a job that was cut off goes on, here or (--at) from another machine. */
#include "config.h"
#include "ui/cmd/cmd.h"
#include "ui/cmd/several.h"
#include "ui/plain.h"
#include "ui/say.h"
#include "ui/unfinished.h"
#include "job/batch.h"
#include "job/elsewhere.h"
#include "job/job.h"
#include "job/resume.h"
#include "job/state.h"
#include "base/clock.h"
#include "base/i18n.h"
#include "base/log.h"
#include "base/str.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const char usage[] =
    N_("usage: vmferry resume [OPTION]... [JOB|BATCH]\n"
       "\n"
       "Goes on with a job that was cut off, from where it stopped (an ID or its\n"
       "beginning; without it the only unfinished one). Says first where the VM runs,\n"
       "how far the job is and what changed since, and asks. Of a batch all interrupted\n"
       "jobs go on, then those begin that have not.\n"
       "\n"
       "      --at CLUSTER        a job that another machine began: found by the record\n"
       "                          that it keeps at its target's CLUSTER, and taken\n"
       "                          over when nobody works on it any more; JOB may be\n"
       "                          the VM's name, too\n"
       "      --undo              with --at: undo it instead of going on\n"
       "      --forget            with --at: only remove the record, of a job that is\n"
       "                          over\n"
       "  -c, --config FILE       with --at: instead of ~/.config/vmferry/vmferry.conf\n"
       "  -n, --check, --dry-run  only say that; change nothing\n"
       "      --yes               do not ask whether to go on (a source that was started\n"
       "                          again is still not shut down without an answer)\n"
       "      --progress FORM     plain (default), json (events, one a line), or none\n"
       "      --debug             say what looking at the clusters does, on standard\n"
       "                          error\n"
       "  -h, --help              this text\n");

struct options {
    const char *at, *config;
    bool check, yes, debug, help, undo, forget;
    enum vf_progress_form progress;
};

enum { O_YES = 256, O_PROGRESS, O_DEBUG, O_AT, O_UNDO, O_FORGET };

static const struct option long_options[] = {
    {"at", required_argument, NULL, O_AT},
    {"check", no_argument, NULL, 'n'},
    {"config", required_argument, NULL, 'c'},
    {"dry-run", no_argument, NULL, 'n'},
    {"help", no_argument, NULL, 'h'},
    {"yes", no_argument, NULL, O_YES},
    {"debug", no_argument, NULL, O_DEBUG},
    {"progress", required_argument, NULL, O_PROGRESS},
    {"undo", no_argument, NULL, O_UNDO},
    {"forget", no_argument, NULL, O_FORGET},
    {0},
};

static int take(struct options *o, int c)
{
    int form;
    switch (c) {
    case 'n':
        o->check = true;
        return 0;
    case 'h':
        o->help = true;
        return 0;
    case O_YES:
        o->yes = true;
        return 0;
    case O_AT:
        o->at = optarg;
        return 0;
    case 'c':
        o->config = optarg;
        return 0;
    case O_FORGET:
        o->forget = true;
        return 0;
    case O_UNDO:
        o->undo = true;
        return 0;
    case O_DEBUG:
        o->debug = true;
        return 0;
    case O_PROGRESS:
        form = vf_progress_form(optarg);
        o->progress = (enum vf_progress_form)form;
        return form < 0 ? -1 : 0;
    default:
        return -1; /* getopt has said what it does not know */
    }
}

static void show_change(const struct vf_finding *f)
{
    static const char *const labels[] = {N_("info  "), N_("warning  "), N_("STOP  ")};
    vf_autofree char *subject = vf_escape(f->subject), *text = vf_escape(f->text),
                     *cure = f->cure ? vf_escape(f->cure) : NULL;
    vf_say(stdout, "  %s%s: %s%s%s\n", _(labels[f->severity]), subject, text, cure ? "; " : "",
           cure ? cure : "");
}

static void show(const char *id, const struct vf_standing *s)
{
    vf_autofree char *service = vf_escape(s->service);
    vf_say(stdout, "%s\n", service);
    vf_say(stdout, _("  job     %s\n"), id);
    if (s->disks && s->touched)
        vf_say(stdout, _("  done    %s; %zu of %zu disks copied\n"),
               s->last ? _(s->last) : _("nothing yet"), s->copied, s->disks);
    else
        vf_say(stdout, _("  done    %s\n"), s->last ? _(s->last) : _("nothing yet"));
    if (s->kept)
        vf_say(stdout, _("  kept    %s\n"), s->kept);
    for (int severity = VF_INFO; severity <= VF_STOP; severity++)
        for (size_t i = 0; i < s->changes.n; i++)
            if ((int)s->changes.v[i].severity == severity)
                show_change(&s->changes.v[i]);
    fflush(stdout);
}

/* The standing as an event: type "standing". */
static void say_event(const char *id, const struct vf_standing *s)
{
    static const char *const ways[] = {"none", "both", "on", "back"};
    json_t *e = vf_event_new("standing"), *changes = json_array();
    json_object_set_new(e, "job", json_string(id));
    json_object_set_new(e, "way", json_string(ways[s->way]));
    json_object_set_new(e, "service", json_string(s->service));
    if (s->unseen)
        json_object_set_new(e, "unseen", json_string(s->unseen));
    json_object_set_new(e, "disks", json_integer((json_int_t)s->disks));
    json_object_set_new(e, "copied", json_integer((json_int_t)s->copied));
    if (s->kept)
        json_object_set_new(e, "kept", json_string(s->kept));
    json_object_set_new(e, "stop", json_boolean(vf_findings_stop(&s->changes)));
    for (size_t i = 0; i < s->changes.n; i++) {
        const struct vf_finding *f = &s->changes.v[i];
        json_array_append_new(changes, json_pack("{s:s, s:s, s:s, s:s?}", "severity",
                                                 vf_severity_name(f->severity), "subject",
                                                 f->subject, "text", f->text, "cure", f->cure));
    }
    json_object_set_new(e, "findings", changes);
    vf_autofree char *line = vf_event_line(e);
    fputs(line, stdout);
    fflush(stdout);
}

/* Why there is nothing to go on with, as an exit code; -1: there is. */
static int no_way(const char *id, const struct vf_standing *s, bool undo)
{
    if (s->taken) {
        vf_say(stderr, "vmferry: %s\n", s->taken);
        return VF_EXIT_STOPPED;
    }
    if (s->way == VF_WAY_NONE) {
        vf_say(stderr,
               s->done ? _("vmferry: job %s is done: there is nothing to go on with\n")
                       : _("vmferry: job %s was undone, or never began: start the move again\n"),
               id);
        return s->done ? VF_EXIT_DONE : VF_EXIT_FAILED;
    }
    if (undo && s->way == VF_WAY_ON) {
        vf_say(
            stderr,
            _("vmferry: the target may have run, so that undoing would lose what it wrote: take "
              "the "
              "job over (without --undo); vmferry rollback then says what a return to the source "
              "loses\n"));
        return VF_EXIT_STOPPED;
    }
    if (undo)
        return -1;
    if (s->way == VF_WAY_BACK && s->done) {
        vf_say(stderr, _("vmferry: the rehearsal is done; vmferry rollback %s removes it\n"), id);
        return VF_EXIT_DONE;
    }
    if (s->way == VF_WAY_BACK) {
        vf_say(stderr,
               _("vmferry: this job is being undone, which can only be finished: vmferry rollback "
                 "%s\n"),
               id);
        return VF_EXIT_INTERRUPTED;
    }
    if (s->unseen) {
        vf_autofree char *why = vf_escape(s->unseen);
        vf_say(stderr,
               _("vmferry: %s\nNothing was changed; resume when source and target answer.\n"), why);
        return VF_EXIT_INTERRUPTED;
    }
    if (vf_findings_stop(&s->changes)) {
        vf_say(stderr, _("vmferry: it cannot go on as things are; nothing was changed\n"));
        return VF_EXIT_STOPPED;
    }
    return -1;
}

static void show_elsewhere(FILE *out, const struct vf_elsewhere_job *j)
{
    const struct vf_mirror_says *h = j->holder;
    vf_autofree char *who = vf_holder_text(h);
    vf_say(out, _("%s  %s: %s -> %s, record on %s\n  %s %s\n"), j->id, j->vm, j->source, j->target,
           j->host, h->word == VF_MIRROR_OTHER ? _("held by") : _("last held by"), who);
}

/* A job to go on with: one of this machine, or (FROM) number I of those elsewhere. */
struct job {
    const char *id;
    struct vf_elsewhere *from;
    size_t i;
};

static void show_holder(const struct job *j)
{
    size_t n;
    const struct vf_elsewhere_job *v = &vf_elsewhere_jobs(j->from, &n)[j->i];
    vf_autofree char *who = vf_holder_text(v->holder);
    vf_say(stdout, _("  record  on %s; %s %s\n"), v->host,
           v->holder->word == VF_MIRROR_OTHER ? _("held by") : _("last held by"), who);
    fflush(stdout);
}

static int look(const struct job *j, struct vf_tty_cache *cache, struct vf_standing *s,
                struct vf_error **err)
{
    struct vf_asker asker = vf_tty_cache_asker(cache);
    return j->from ? vf_elsewhere_look(j->from, j->i, s, err) : vf_job_look(j->id, &asker, s, err);
}

static int failed(const struct vf_error *e)
{
    vf_plain_error(e);
    return vf_error_code(e) == VF_E_CONFLICT ? VF_EXIT_STOPPED
           : vf_error_code(e) == VF_E_USAGE  ? VF_EXIT_USAGE
                                             : VF_EXIT_FAILED;
}

static int go_on(const struct job *j, const struct options *o, struct vf_tty_cache *cache)
{
    const char *id = j->id;
    vf_autoerror struct vf_error *err = NULL;
    struct vf_standing s;
    if (look(j, cache, &s, &err) < 0)
        return failed(err);
    if (o->progress == VF_PROGRESS_JSON)
        say_event(id, &s);
    else
        show(id, &s);
    if (j->from && o->progress != VF_PROGRESS_JSON)
        show_holder(j);
    bool back = o->undo || (j->from && s.way == VF_WAY_BACK);
    int code = no_way(id, &s, back);
    vf_standing_clear(&s);
    if (code >= 0)
        return code;
    if (j->from && vf_elsewhere_may_take(j->from, j->i, &err) < 0)
        return failed(err);
    if (o->check) {
        if (o->progress != VF_PROGRESS_JSON)
            puts(back ? _("It can be undone. Nothing was changed.")
                      : _("It can go on. Nothing was changed."));
        return VF_EXIT_DONE;
    }
    if (!o->yes && !vf_tty_there()) {
        vf_say(stderr, _("vmferry: there is no terminal to ask on: give --yes\n"));
        return VF_EXIT_USAGE;
    }
    if (!o->yes && !vf_tty_confirm(back      ? _("Take it over and undo it?")
                                   : j->from ? _("Take it over and go on?")
                                             : _("Go on?"))) {
        vf_say(stderr, _("Nothing was changed.\n"));
        return VF_EXIT_INTERRUPTED;
    }
    if (j->from && vf_elsewhere_take(j->from, j->i, &err) < 0)
        return failed(err);
    sigset_t before;
    vf_plain_hold(&before);
    if (vf_job_spawn(id, back ? VF_JOB_ROLLBACK : VF_JOB_RUN, &err) < 0) {
        vf_plain_error(err);
        code = VF_EXIT_FAILED;
    } else {
        code = vf_plain_follow(id, o->progress, cache, NULL);
    }
    vf_plain_heed(&before);
    return code;
}

/* A process works on it still: nothing is to be taken up. */
static int join(const char *id, pid_t pid, int64_t since, const struct options *o,
                struct vf_tty_cache *cache)
{
    vf_autofree char *stamp = vf_clock_stamp(since);
    vf_say(stderr, _("Job %s is being worked on already (process %d, since %s).\n"), id, (int)pid,
           stamp);
    return o->check ? VF_EXIT_DONE : vf_plain_follow(id, o->progress, cache, NULL);
}

/* ------------------------------------------------------------------ of another machine */

/* The one that REF names: an ID, its beginning, a VM; NULL: the only one. -1, said, when it is none
 * or several. */
static int choose(struct vf_elsewhere *e, const char *ref)
{
    size_t n, hits = 0;
    const struct vf_elsewhere_job *v = vf_elsewhere_jobs(e, &n);
    int hit = -1;
    for (size_t i = 0; i < n; i++)
        if (!ref || vf_starts(v[i].id, ref) || vf_streq(v[i].vm, ref)) {
            hit = (int)i;
            hits++;
        }
    if (hits == 1)
        return hit;
    if (!n)
        vf_say(stderr, _("vmferry: no unfinished job has a record there\n"));
    else
        vf_say(stderr, hits ? _("vmferry: several jobs have records there; give one of them:\n")
                            : _("vmferry: none of the jobs there is that:\n"));
    for (size_t i = 0; i < n; i++)
        show_elsewhere(stderr, &v[i]);
    vf_autoerror struct vf_error *err = NULL;
    vf_autostrv char **others = vf_elsewhere_unrecorded(e, &err);
    for (char **s = others; s && *s; s++)
        vf_say(stderr, "vmferry: %s\n", *s);
    return -1;
}

static int forget(const struct job *j, const struct options *o)
{
    vf_autoerror struct vf_error *err = NULL;
    size_t n;
    show_elsewhere(stdout, &vf_elsewhere_jobs(j->from, &n)[j->i]);
    fflush(stdout);
    if (!o->yes && !vf_tty_there()) {
        vf_say(stderr, _("vmferry: there is no terminal to ask on: give --yes\n"));
        return VF_EXIT_USAGE;
    }
    if (!o->yes && !vf_tty_confirm(_("Remove this record? If the job is not over, only a machine "
                                     "that has it can go on with it then."))) {
        vf_say(stderr, _("Nothing was changed.\n"));
        return VF_EXIT_FAILED;
    }
    if (vf_elsewhere_forget(j->from, j->i, &err) < 0)
        return failed(err);
    puts(_("Removed."));
    return VF_EXIT_DONE;
}

static int resume_at(const struct options *o, const char *ref, struct vf_tty_cache *cache)
{
    vf_autoerror struct vf_error *err = NULL;
    struct vf_asker asker = vf_tty_cache_asker(cache);
    vf_auto(vf_conf_free) struct vf_conf *conf = vf_conf_load(o->config, &err);
    vf_auto(vf_elsewhere_free) struct vf_elsewhere *e =
        conf ? vf_elsewhere_open(conf, o->at, &asker, NULL, &err) : NULL;
    if (!e)
        return failed(err);
    for (char *const *u = vf_elsewhere_unreachable(e); *u; u++)
        vf_say(stderr, _("vmferry: not looked at: %s\n"), *u);
    int i = choose(e, ref);
    if (i < 0)
        return VF_EXIT_USAGE;
    size_t n;
    const struct vf_elsewhere_job *j = &vf_elsewhere_jobs(e, &n)[i];
    struct job job = {.id = j->id, .from = e, .i = (size_t)i};
    if (o->forget)
        return forget(&job, o);
    return go_on(&job, o, cache);
}

/* ------------------------------------------------------------------ of several VMs */

/* Shows each that was interrupted; those that something keeps from going on say so again
 * themselves. -1: one cannot be read. */
static int show_interrupted(const struct vf_batch_entry *v, size_t n, const struct options *o,
                            struct vf_tty_cache *cache)
{
    struct vf_asker asker = vf_tty_cache_asker(cache);
    for (size_t i = 0; i < n; i++) {
        vf_autoerror struct vf_error *err = NULL;
        struct vf_standing s;
        if (v[i].state != VF_BATCH_ENDED || v[i].code != VF_EXIT_INTERRUPTED || v[i].taken)
            continue;
        vf_tty_cache_rewind(cache);
        if (vf_job_look(v[i].job, &asker, &s, &err) < 0) {
            vf_plain_error(err);
            return -1;
        }
        if (o->progress == VF_PROGRESS_JSON)
            say_event(v[i].job, &s);
        else
            show(v[i].job, &s);
        vf_standing_clear(&s);
    }
    return 0;
}

/* What is left of a batch that no process works on: shown, and asked about. -1: it goes on. */
static int agree(const char *id, const struct vf_batch_entry *v, size_t n, const struct options *o,
                 struct vf_tty_cache *cache)
{
    size_t interrupted, waiting;
    vf_batch_left(v, n, &interrupted, &waiting);
    if (!interrupted && !waiting) {
        vf_say(stderr, _("vmferry: of batch %s nothing is left to be done\n"), id);
        return VF_EXIT_DONE;
    }
    if (show_interrupted(v, n, o, cache) < 0)
        return VF_EXIT_FAILED;
    if (o->progress != VF_PROGRESS_JSON)
        vf_say(stdout, _("Batch %s: %zu jobs go on, %zu VMs have not begun.\n"), id, interrupted,
               waiting);
    if (o->check)
        return VF_EXIT_DONE;
    if (!o->yes && !vf_tty_there()) {
        vf_say(stderr, _("vmferry: there is no terminal to ask on: give --yes\n"));
        return VF_EXIT_USAGE;
    }
    if (!o->yes && !vf_tty_confirm(_("Go on?"))) {
        vf_say(stderr, _("Nothing was changed.\n"));
        return VF_EXIT_INTERRUPTED;
    }
    return -1;
}

/* AGAIN: it has no process. */
static int follow_batch(const char *id, bool again, const struct options *o,
                        struct vf_tty_cache *cache)
{
    vf_autoerror struct vf_error *err = NULL;
    int code = VF_EXIT_FAILED;
    bool stopped = false;
    sigset_t before;
    vf_plain_hold(&before);
    if (again && (vf_batch_unstop(id, &err) < 0 || vf_batch_spawn(id, &err) < 0))
        vf_plain_error(err);
    else if (vf_plain_follow_batch(id, o->progress, cache, false, &stopped) == 0)
        code = (int)vf_several_outcome(id, stopped, o->progress);
    vf_plain_heed(&before);
    return code;
}

static int resume_batch(const char *id, const struct options *o, struct vf_tty_cache *cache)
{
    vf_autoerror struct vf_error *err = NULL;
    struct vf_batch_entry *v;
    size_t n;
    bool runs;
    if (vf_batch_read(id, &v, &n, &runs, &err) < 0) {
        vf_plain_error(err);
        return VF_EXIT_FAILED;
    }
    if (runs)
        vf_say(stderr, _("Batch %s is being worked on already.\n"), id);
    int code = !runs ? agree(id, v, n, o, cache) : o->check ? VF_EXIT_DONE : -1;
    vf_batch_entries_free(v, n);
    return code >= 0 ? code : follow_batch(id, !runs, o, cache);
}

int vf_cmd_resume(int argc, char **argv)
{
    struct options o = {0};
    optind = 1;
    argv[0] = (char *)"vmferry resume"; /* for getopt's messages */
    for (int c; (c = getopt_long(argc, argv, "nhc:", long_options, NULL)) != -1;)
        if (take(&o, c) < 0) {
            fputs(_("See vmferry resume --help.\n"), stderr);
            return VF_EXIT_USAGE;
        }
    if (o.help || argc - optind > 1 || (!o.at && (o.config || o.undo || o.forget))) {
        fputs(_(usage), o.help ? stdout : stderr);
        return o.help ? VF_EXIT_DONE : VF_EXIT_USAGE;
    }
    vf_log_stderr(o.debug);
    int code = VF_EXIT_USAGE;
    vf_autoerror struct vf_error *err = NULL;
    vf_auto(vf_tty_cache_free) struct vf_tty_cache *cache = vf_tty_cache_new();
    if (o.at)
        return resume_at(&o, argc > optind ? argv[optind] : NULL, cache);
    const char *ref = argc > optind ? argv[optind] : NULL;
    vf_autofree char *id = ref ? vf_batch_resolve(ref, &err) : vf_only_unfinished(&code);
    if (!id && ref && !err)
        id = vf_job_resolve(ref, &err);
    if (err)
        vf_plain_error(err);
    if (!id)
        return code;
    if (vf_starts(id, "batch-"))
        return resume_batch(id, &o, cache);
    struct job job = {.id = id};
    vf_autofree char *dir = vf_job_dir(id);
    pid_t pid;
    int64_t since;
    return vf_job_is_locked(dir, &pid, &since) ? join(id, pid, since, &o, cache)
                                               : go_on(&job, &o, cache);
}
