/* SPDX-License-Identifier: GPL-3.0-or-later */
/* vmferry run PLAN, vmferry check PLAN: plans that were made before. */
#include "config.h"
#include "ui/cmd/carry.h"
#include "ui/cmd/cmd.h"
#include "ui/say.h"
#include "base/i18n.h"
#include "base/log.h"
#include "base/str.h"

#include <getopt.h>
#include <stdio.h>

static const char run_usage[] =
    N_("usage: vmferry run [OPTION]... PLAN\n"
       "\n"
       "Carries out a plan that move --save-plan has written (vmferry-plan(5)), with the\n"
       "same checks, questions and exit codes as move. The source must be as planned.\n"
       "\n"
       "  -c, --config FILE    configuration instead of ~/.config/vmferry/vmferry.conf\n"
       "  -n, --dry-run        say what would be done or stop it; change nothing\n"
       "      --yes            do not ask before it begins (never forces a stop, never\n"
       "                       accepts an unknown host key)\n"
       "      --progress FORM  plain (default), json (events, one a line), or none (only\n"
       "                       the closing report)\n"
       "      --debug          say what planning does, on standard error\n"
       "  -h, --help           this text\n");

static const char check_usage[] =
    N_("usage: vmferry check [OPTION]... PLAN\n"
       "\n"
       "Checks whether a plan could be carried out now; changes nothing. Exit status 0,\n"
       "or 3 when something stops it.\n"
       "\n"
       "  -c, --config FILE    configuration instead of ~/.config/vmferry/vmferry.conf\n"
       "      --progress FORM  plain (default), or json (one event)\n"
       "      --debug          say what planning does, on standard error\n"
       "  -h, --help           this text\n");

static enum vf_exit plan_file(const struct vf_carry *o, const char *path)
{
    vf_autoerror struct vf_error *err = NULL;
    vf_auto(vf_conf_free) struct vf_conf *conf = vf_conf_load(o->config, &err);
    vf_auto(vf_plan_free) struct vf_plan *plan = conf ? vf_plan_load(path, &err) : NULL;
    if (!plan) {
        vf_plain_error(err);
        return VF_EXIT_USAGE;
    }
    vf_auto(vf_tty_cache_free) struct vf_tty_cache *cache = vf_tty_cache_new();
    struct vf_asker asker = vf_tty_cache_asker(cache);
    struct vf_prepared p;
    vf_autofree char *vm = vf_asprintf("%u", plan->vm_id);
    const char *name = plan->vm_name ? plan->vm_name : vm;
    if (vf_prepare_plan(conf, plan, &asker, NULL, &p, &err) < 0)
        return vf_carry_failed(err, name);
    enum vf_exit code = vf_carry_out(conf, o, &p, name, cache, NULL);
    vf_prepared_free(&p);
    return code;
}

/* Options and the one argument of both commands. */
static int command(int argc, char **argv, struct vf_carry *o, const char *usage)
{
    static const struct option options[] = {VF_CARRY_OPTIONS, {0}};
    optind = 1;
    for (int c; (c = getopt_long(argc, argv, VF_CARRY_LETTERS, options, NULL)) != -1;)
        if (vf_carry_option(o, c, optarg) <= 0) {
            vf_say(stderr, _("See %s --help.\n"), argv[0]);
            return VF_EXIT_USAGE;
        }
    if (o->help) {
        fputs(usage, stdout);
        return VF_EXIT_DONE;
    }
    if (argc - optind != 1) {
        vf_say(stderr, _("%s wants one PLAN; see %s --help\n"), argv[0], argv[0]);
        return VF_EXIT_USAGE;
    }
    vf_log_stderr(o->debug);
    return plan_file(o, argv[optind]);
}

int vf_cmd_run(int argc, char **argv)
{
    struct vf_carry o = {0};
    argv[0] = (char *)"vmferry run"; /* for getopt's messages */
    return command(argc, argv, &o, _(run_usage));
}

int vf_cmd_check(int argc, char **argv)
{
    struct vf_carry o = {.only_check = true};
    argv[0] = (char *)"vmferry check";
    return command(argc, argv, &o, _(check_usage));
}
