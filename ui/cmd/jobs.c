/* SPDX-License-Identifier: GPL-3.0-or-later */
/* vmferry jobs, attach: what there is, come back to it. */
#include "config.h"
#include "ui/cmd/cmd.h"
#include "ui/plain.h"
#include "ui/run/run.h"
#include "ui/unfinished.h"
#include "job/client.h"
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
                "ended\nand, where it is unfinished, what can be done about it.\n"),
              wants_help(argc, argv) ? stdout : stderr);
        return wants_help(argc, argv) ? VF_EXIT_DONE : VF_EXIT_USAGE;
    }
    vf_autostrv char **ids = vf_job_ids();
    if (!ids[0])
        puts(_("There are no jobs."));
    for (size_t i = 0; ids[i]; i++)
        vf_say_job(stdout, ids[i]);
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

int vf_cmd_attach(int argc, char **argv)
{
    static const char usage[] =
        N_("usage: vmferry attach [OPTION]... [JOB]\n\nFollows a running job (default: the newest; "
           "an ID or its beginning) and\nanswers its questions, on the whole screen where the "
           "terminal can.\n\n"
           "      --plain          lines instead of a screen\n"
           "      --ascii          only ASCII characters\n"
           "      --color=WHEN     auto or never\n"
           "  -h, --help\n");
    static const struct option options[] = {{"plain", no_argument, NULL, 'p'},
                                            {"ascii", no_argument, NULL, 'a'},
                                            {"color", required_argument, NULL, 'c'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    struct vf_screen_opts opts = {0};
    bool plain = false;
    int c, code;
    while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        bool never = c == 'c' && vf_streq(optarg, "never");
        if (c == 'p')
            plain = true;
        else if (c == 'a')
            opts.ascii = true;
        else if (never)
            opts.plain = true;
        else if (c != 'c' || !vf_streq(optarg, "auto")) {
            fputs(_(usage), c == 'h' ? stdout : stderr);
            return c == 'h' ? VF_EXIT_DONE : VF_EXIT_USAGE;
        }
    }
    argv[optind - 1] = argv[0];
    vf_autofree char *id = job_argument(argc - optind + 1, argv + optind - 1, _(usage), &code);
    return id ? attach(id, plain, &opts) : code;
}
