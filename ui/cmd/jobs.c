/* SPDX-License-Identifier: GPL-3.0-or-later */
/* vmferry jobs, attach, rollback: what there is, come back to it, undo it. */
#include "config.h"
#include "ui/cmd/cmd.h"
#include "ui/cmd/several.h"
#include "ui/plain.h"
#include "ui/run/run.h"
#include "ui/say.h"
#include "ui/unfinished.h"
#include "job/batch.h"
#include "job/client.h"
#include "job/job.h"
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

int vf_cmd_jobs(int argc, char **argv)
{
    if (argc > 1) {
        fputs(_("usage: vmferry jobs\n\nLists this user's jobs, oldest first, each with how it "
                "ended\nand, where it is unfinished, what can be done about it; then the\nbatches, "
                "which are several jobs that were begun together.\n"),
              wants_help(argc, argv) ? stdout : stderr);
        return wants_help(argc, argv) ? VF_EXIT_DONE : VF_EXIT_USAGE;
    }
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
        "whole screen where the terminal can.\n\n"
        "      --plain          lines instead of a screen\n"
        "      --ascii          only ASCII characters\n"
        "      --color=WHEN     auto or never\n"
        "      --mouse          clicks choose, the wheel scrolls\n"
        "  -h, --help\n");
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

static int rollback_one(const char *id, struct vf_tty_cache *cache)
{
    vf_autoerror struct vf_error *err = NULL;
    if (vf_job_spawn(id, VF_JOB_ROLLBACK, &err) < 0) {
        vf_plain_error(err);
        return VF_EXIT_FAILED;
    }
    return vf_plain_follow(id, VF_PROGRESS_PLAIN, cache, NULL);
}

/* Of those that neither run nor are over, one after the other; the highest exit code. */
static int rollback_batch(const char *batch)
{
    vf_autoerror struct vf_error *err = NULL;
    vf_auto(vf_tty_cache_free) struct vf_tty_cache *cache = vf_tty_cache_new();
    struct vf_batch_entry *v;
    size_t n, undone = 0;
    bool runs;
    if (vf_batch_stop(batch, &err) < 0 || vf_batch_read(batch, &v, &n, &runs, &err) < 0) {
        vf_plain_error(err);
        return VF_EXIT_FAILED;
    }
    int worst = VF_EXIT_DONE;
    for (size_t i = 0; i < n; i++) {
        if (v[i].state == VF_BATCH_RUNS)
            vf_say(stderr, _("%s: runs, and is left alone: vmferry attach %s\n"), v[i].vm,
                   v[i].job);
        if (v[i].state != VF_BATCH_ENDED || v[i].code != VF_EXIT_INTERRUPTED)
            continue;
        vf_say(stdout, _("%s: undoing job %s\n"), v[i].vm, v[i].job);
        int code = rollback_one(v[i].job, cache);
        worst = code > worst ? code : worst;
        undone++;
    }
    vf_batch_entries_free(v, n);
    if (!undone)
        vf_say(stdout, _("There is nothing to undo in batch %s; what waits will not begin.\n"),
               batch);
    return worst;
}

int vf_cmd_rollback(int argc, char **argv)
{
    int code;
    vf_autoerror struct vf_error *none = NULL;
    vf_autofree char *batch = argc == 2 ? vf_batch_resolve(argv[1], &none) : NULL;
    if (none) {
        vf_plain_error(none);
        return VF_EXIT_USAGE;
    }
    if (batch)
        return rollback_batch(batch);
    vf_autofree char *id = job_argument(
        argc, argv,
        _("usage: vmferry rollback [JOB|BATCH]\n\n"
          "Undoes what an interrupted or failed job did (default: the newest; an ID or its\n"
          "beginning): the source is put back as it was, and what the job made at the\ntarget is "
          "removed. Refused once the target VM has run. Of a batch all\ninterrupted jobs are "
          "undone, and those that wait do not begin.\n"),
        &code);
    if (!id)
        return code;
    vf_auto(vf_tty_cache_free) struct vf_tty_cache *cache = vf_tty_cache_new();
    return rollback_one(id, cache);
}
