/* SPDX-License-Identifier: GPL-3.0-or-later */
/* vmferry resume: a job that was cut off goes on. */
#include "config.h"
#include "ui/cmd/cmd.h"
#include "ui/plain.h"
#include "ui/say.h"
#include "ui/unfinished.h"
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
    N_("usage: vmferry resume [OPTION]... [JOB]\n"
       "\n"
       "Goes on with a job that was cut off, from where its journal ends (an ID or its\n"
       "beginning; without it the only unfinished one). Says first where the VM runs,\n"
       "how far the job is and what changed since, and asks.\n"
       "\n"
       "  -n, --check, --dry-run  only say that; change nothing\n"
       "      --yes               do not ask whether to go on (a source that was started\n"
       "                          again is still not shut down without an answer)\n"
       "      --progress FORM     plain (default), json (events, one a line), or none\n"
       "      --debug             say what looking at the clusters does, on standard error\n"
       "  -h, --help              this text\n");

struct options {
    bool check, yes, debug, help;
    enum vf_progress_form progress;
};

enum { O_YES = 256, O_PROGRESS, O_DEBUG };

static const struct option long_options[] = {
    {"check", no_argument, NULL, 'n'},
    {"dry-run", no_argument, NULL, 'n'},
    {"help", no_argument, NULL, 'h'},
    {"yes", no_argument, NULL, O_YES},
    {"debug", no_argument, NULL, O_DEBUG},
    {"progress", required_argument, NULL, O_PROGRESS},
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

/* The only unfinished job, or NULL with *CODE. Caller frees. */
static char *only_one(int *code)
{
    vf_autostrv char **ids = vf_unfinished_jobs();
    size_t n = vf_strv_len(ids);
    if (n == 1)
        return vf_strdup(ids[0]);
    *code = VF_EXIT_USAGE;
    if (!n) {
        vf_say(stderr, _("vmferry: there is no unfinished job; vmferry jobs lists all\n"));
        return NULL;
    }
    vf_say(stderr, _("vmferry: several jobs are unfinished; give one of them:\n"));
    for (size_t i = 0; i < n; i++)
        vf_say_job(stderr, ids[i]);
    return NULL;
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
static int no_way(const char *id, const struct vf_standing *s)
{
    if (s->way == VF_WAY_NONE) {
        vf_say(stderr,
               s->done ? _("vmferry: job %s is done: there is nothing to go on with\n")
                       : _("vmferry: job %s was undone, or never began: start the move again\n"),
               id);
        return s->done ? VF_EXIT_DONE : VF_EXIT_FAILED;
    }
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
        vf_say(stderr, _("vmferry: %s\nNothing was changed; resume when both clusters answer.\n"),
               why);
        return VF_EXIT_INTERRUPTED;
    }
    if (vf_findings_stop(&s->changes)) {
        vf_say(stderr, _("vmferry: it cannot go on as things are; nothing was changed\n"));
        return VF_EXIT_STOPPED;
    }
    return -1;
}

static int go_on(const char *id, const struct options *o, struct vf_tty_cache *cache)
{
    struct vf_asker asker = vf_tty_cache_asker(cache);
    vf_autoerror struct vf_error *err = NULL;
    struct vf_standing s;
    if (vf_job_look(id, &asker, &s, &err) < 0) {
        vf_plain_error(err);
        return VF_EXIT_FAILED;
    }
    if (o->progress == VF_PROGRESS_JSON)
        say_event(id, &s);
    else
        show(id, &s);
    int code = no_way(id, &s);
    vf_standing_clear(&s);
    if (code >= 0)
        return code;
    if (o->check) {
        if (o->progress != VF_PROGRESS_JSON)
            puts(_("It can go on. Nothing was changed."));
        return VF_EXIT_DONE;
    }
    if (!o->yes && !vf_tty_there()) {
        vf_say(stderr, _("vmferry: there is no terminal to ask on: give --yes\n"));
        return VF_EXIT_USAGE;
    }
    if (!o->yes && !vf_tty_confirm(_("Go on?"))) {
        vf_say(stderr, _("Nothing was changed.\n"));
        return VF_EXIT_INTERRUPTED;
    }
    if (vf_job_spawn(id, VF_JOB_RUN, &err) < 0) {
        vf_plain_error(err);
        return VF_EXIT_FAILED;
    }
    return vf_plain_follow(id, o->progress, cache, NULL);
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

int vf_cmd_resume(int argc, char **argv)
{
    struct options o = {0};
    optind = 1;
    argv[0] = (char *)"vmferry resume"; /* for getopt's messages */
    for (int c; (c = getopt_long(argc, argv, "nh", long_options, NULL)) != -1;)
        if (take(&o, c) < 0) {
            fputs(_("See vmferry resume --help.\n"), stderr);
            return VF_EXIT_USAGE;
        }
    if (o.help || argc - optind > 1) {
        fputs(_(usage), o.help ? stdout : stderr);
        return o.help ? VF_EXIT_DONE : VF_EXIT_USAGE;
    }
    vf_log_stderr(o.debug);
    int code = VF_EXIT_USAGE;
    vf_autoerror struct vf_error *err = NULL;
    vf_autofree char *id = argc > optind ? vf_job_resolve(argv[optind], &err) : only_one(&code);
    if (err)
        vf_plain_error(err);
    if (!id)
        return code;
    vf_auto(vf_tty_cache_free) struct vf_tty_cache *cache = vf_tty_cache_new();
    vf_autofree char *dir = vf_job_dir(id);
    pid_t pid;
    int64_t since;
    return vf_job_is_locked(dir, &pid, &since) ? join(id, pid, since, &o, cache)
                                               : go_on(id, &o, cache);
}
