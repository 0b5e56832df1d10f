/* SPDX-License-Identifier: GPL-3.0-or-later */
/* vmferry jobs, attach: what there is, come back to it. */
#include "config.h"
#include "ui/cmd/cmd.h"
#include "ui/cmd/several.h"
#include "ui/plain.h"
#include "ui/run/run.h"
#include "ui/say.h"
#include "ui/unfinished.h"
#include "job/back.h"
#include "job/batch.h"
#include "job/client.h"
#include "job/job.h"
#include "job/job_text.h"
#include "job/stage.h"
#include "job/state.h"
#include "base/i18n.h"
#include "base/str.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

static bool wants_help(int argc, char **argv)
{
    return argc > 1 && (vf_streq(argv[1], "--help") || vf_streq(argv[1], "-h"));
}

/* REPORT of job ID in DIR, with what has become of it since. */
static void say_report(const char *id, const char *dir, const json_t *report)
{
    vf_auto(vf_journal_free) struct vf_journal *j = vf_journal_open(dir, true, NULL);
    enum vf_back back = j ? vf_journal_back(j) : VF_BACK_RETURN;
    bool stands = back == VF_BACK_RETURN || back == VF_BACK_UNDO;
    const json_t *end = stands ? NULL : vf_journal_last(j, "end");
    vf_autofree char *text = stands ? vf_report_text(report)
                                    : vf_report_undone_text(report, json_object_get(end, "report"));
    vf_say(stdout, "%s", text);
    if (back == VF_BACK_AGREED) /* cut off: what finishes it */
        vf_say_job(stdout, id);
}

/* The report of a job that is over; of another one how it stands. */
static int show_report(const char *ref)
{
    vf_autoerror struct vf_error *err = NULL;
    vf_autofree char *id = vf_job_resolve(ref, &err);
    if (!id) {
        vf_plain_error(err);
        return VF_EXIT_USAGE;
    }
    vf_autofree char *dir = vf_job_dir(id);
    vf_autofree char *path = vf_asprintf("%s/report.json", dir);
    vf_autojson json_t *report = json_load_file(path, 0, NULL);
    bool runs = vf_job_is_locked(dir, NULL, NULL);
    if (runs || !report) {
        vf_say_job(stdout, id);
        vf_say(stdout,
               runs ? _("It has no report yet. Follow it: vmferry attach %s\n")
                    : _("Its process ended before it could write a report; its log: "
                        "%s/log\n"),
               runs ? id : dir);
        return VF_EXIT_DONE;
    }
    say_report(id, dir, report);
    if (json_object_get(report, "error")) {
        vf_autojson json_t *end =
            json_pack("{s:O, s:O, s:O}", "exit", json_object_get(report, "exit"), "report", report,
                      "error", json_object_get(report, "error"));
        vf_autofree char *failed = end ? vf_failure_text(end) : vf_strdup("");
        vf_say(stdout, "%s", failed);
    }
    return VF_EXIT_DONE;
}

int vf_cmd_jobs(int argc, char **argv)
{
    if (argc > 2 || wants_help(argc, argv)) {
        fputs(_("usage: vmferry jobs [JOB]\n"
                "\n"
                "Lists this user's jobs, oldest first, each with how it ended and, where it is\n"
                "unfinished, what can be done about it; then the batches, which are several jobs\n"
                "that were begun together. With JOB (an ID or its beginning) its report, as text\n"
                "for a ticket; report.json beside it has the same.\n"),
              wants_help(argc, argv) ? stdout : stderr);
        return wants_help(argc, argv) ? VF_EXIT_DONE : VF_EXIT_USAGE;
    }
    if (argc > 1)
        return show_report(argv[1]);
    vf_stage_tidy();
    vf_autostrv char **ids = vf_job_ids(), **batches = vf_batch_ids();
    if (!ids[0])
        puts(_("There are no jobs."));
    for (size_t i = 0; ids[i]; i++)
        vf_say_job(stdout, ids[i]);
    for (size_t i = 0; batches[i]; i++)
        vf_say_batch(stdout, batches[i]);
    return VF_EXIT_DONE;
}

/* The job that argv[1] names (or the newest), or NULL with *CODE. Caller frees. */
static char *job_argument(int argc, char **argv, const char *usage, int *code)
{
    bool help = wants_help(argc, argv);
    if (argc > 2 || help) {
        fputs(usage, help ? stdout : stderr);
        *code = help ? VF_EXIT_DONE : VF_EXIT_USAGE;
        return NULL;
    }
    vf_autoerror struct vf_error *err = NULL;
    char *id = vf_job_resolve(argc > 1 ? argv[1] : NULL, &err);
    if (!id) {
        vf_plain_error(err);
        *code = VF_EXIT_USAGE;
    }
    return id;
}

/* The batch that REF names; NULL: the one of the newest job, while it goes on. NULL also when there
 * is none, or (then *ERR) it is not clear which. Caller frees. */
static char *batch_argument(const char *ref, struct vf_error **err)
{
    if (ref)
        return vf_batch_resolve(ref, err);
    vf_autofree char *job = vf_job_resolve(NULL, NULL), *batch = job ? vf_batch_of(job) : NULL;
    vf_autofree char *dir = batch ? vf_batch_dir(batch) : NULL;
    return dir && vf_job_is_locked(dir, NULL, NULL) ? VF_STEAL(batch) : NULL;
}

/* Where there is a screen to be had, on it; else as lines. */
static int attach(const char *id, bool plain, const struct vf_screen_opts *opts)
{
    vf_autoerror struct vf_error *err = NULL;
    vf_auto(vf_tty_cache_free) struct vf_tty_cache *cache = vf_tty_cache_new();
    int code = plain ? -1 : vf_run_follow(id, opts, cache, &err);
    if (code >= 0)
        return code;
    if (err && vf_error_code(err) != VF_E_UNSUPPORTED) {
        vf_plain_error(err);
        return VF_EXIT_FAILED;
    }
    return vf_plain_follow(id, VF_PROGRESS_PLAIN, cache, NULL);
}

/* The jobs of a batch, likewise. */
static int attach_batch(const char *id, bool plain, const struct vf_screen_opts *opts)
{
    vf_autoerror struct vf_error *err = NULL;
    vf_auto(vf_tty_cache_free) struct vf_tty_cache *cache = vf_tty_cache_new();
    bool stopped = false;
    int code = plain ? -1 : vf_run_batch(id, opts, cache, &err);
    if (code >= 0)
        return code;
    if (err && vf_error_code(err) != VF_E_UNSUPPORTED) {
        vf_plain_error(err);
        return VF_EXIT_FAILED;
    }
    if (vf_plain_follow_batch(id, VF_PROGRESS_PLAIN, cache, false, &stopped) < 0)
        return VF_EXIT_FAILED;
    return (int)vf_several_outcome(id, stopped, VF_PROGRESS_PLAIN);
}

int vf_cmd_attach(int argc, char **argv)
{
    static const char usage[] = N_(
        "usage: vmferry attach [OPTION]... [JOB|BATCH]\n\nFollows a running job, or all of a "
        "batch (default: the newest; an ID or its\nbeginning), and answers its questions, on the "
        "whole screen where the terminal\ncan.\n\n"
        "      --plain          lines instead of a screen\n"
        "      --ascii          only ASCII characters\n"
        "      --color=WHEN     auto or never\n"
        "      --mouse          clicks choose, the wheel scrolls\n"
        "  -h, --help           this text\n");
    static const struct option options[] = {
        {"plain", no_argument, NULL, 'p'},       {"ascii", no_argument, NULL, 'a'},
        {"color", required_argument, NULL, 'c'}, {"mouse", no_argument, NULL, 'm'},
        {"help", no_argument, NULL, 'h'},        {0}};
    struct vf_screen_opts opts = {0};
    bool plain = false;
    int c, code;
    while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        bool never = c == 'c' && vf_streq(optarg, "never");
        if (c == 'p')
            plain = true;
        else if (c == 'a')
            opts.ascii = true;
        else if (c == 'm')
            opts.mouse = true;
        else if (never)
            opts.plain = true;
        else if (c != 'c' || !vf_streq(optarg, "auto")) {
            fputs(_(usage), c == 'h' ? stdout : stderr);
            return c == 'h' ? VF_EXIT_DONE : VF_EXIT_USAGE;
        }
    }
    argv[optind - 1] = argv[0];
    vf_autoerror struct vf_error *err = NULL;
    vf_autofree char *batch = batch_argument(argv[optind], &err);
    if (err) {
        vf_plain_error(err);
        return VF_EXIT_USAGE;
    }
    if (batch && argc - optind <= 1)
        return attach_batch(batch, plain, &opts);
    vf_autofree char *id = job_argument(argc - optind + 1, argv + optind - 1, _(usage), &code);
    return id ? attach(id, plain, &opts) : code;
}
