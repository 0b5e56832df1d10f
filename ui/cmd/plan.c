/* SPDX-License-Identifier: GPL-3.0-or-later */
/* vmferry run PLAN, vmferry check PLAN or --all: plans that were made before. */
#include "config.h"
#include "ui/cmd/carry.h"
#include "ui/cmd/check_all.h"
#include "ui/cmd/cmd.h"
#include "ui/cmd/several.h"
#include "ui/say.h"
#include "base/i18n.h"
#include "base/log.h"
#include "base/str.h"

#include <getopt.h>
#include <stdio.h>

static const char run_usage[] =
    N_("usage: vmferry run [OPTION]... PLAN\n"
       "\n"
       "Carries out a plan that move --save-plan has written (vmferry-plan(5)), with\n"
       "the same checks, questions and exit codes as move. The source must be as\n"
       "planned. Of a plan for several VMs those that were moved already are left out.\n"
       "\n"
       "  -c, --config FILE    configuration instead of ~/.config/vmferry/vmferry.conf\n"
       "  -n, --dry-run        say what would be done or stop it; change nothing\n"
       "      --yes            do not ask before it begins (never forces a stop, never\n"
       "                       accepts an unknown host key)\n"
       "      --fix WHAT       as for move, beside those of the plan\n"
       "      --parallel-guests N\n"
       "                       of several VMs move N at a time (default 1)\n"
       "      --stop-on-failure\n"
       "                       of several VMs begin no other when one is not moved\n"
       "      --progress FORM  plain (default), json (events, one a line), or none (only\n"
       "                       the closing report)\n"
       "      --forecast       measure for some seconds how long it would take\n"
       "      --debug          say what planning does, on standard error\n"
       "  -h, --help           this text\n");

static const char check_usage[] =
    N_("usage: vmferry check [OPTION]... PLAN\n"
       "       vmferry check --all [OPTION]... SOURCE TARGET [NODE STORAGE]\n"
       "\n"
       "Checks whether a plan could be carried out now, or with --all which VMs of\n"
       "cluster SOURCE could be moved (to the node with the most free memory, unless\n"
       "NODE and STORAGE are given). Changes nothing. Exit status 0, or 3 when\n"
       "something stops it.\n"
       "\n"
       "  -c, --config FILE    configuration instead of ~/.config/vmferry/vmferry.conf\n"
       "      --all            every VM, one line each\n"
       "      --speed MBPS, --bwlimit MBPS\n"
       "                       with --all: Mbit/s to expect, to say how long it takes\n"
       "      --bridge FROM=TO with --all: as for move\n"
       "      --fix WHAT       as for move, beside those of the plan\n"
       "      --no-verify-ssl  with --all: do not check the API's certificates\n"
       "      --progress FORM  of a plan: plain (default), or json (one event)\n"
       "      --forecast       measure for some seconds how long it takes\n"
       "      --debug          say what planning does, on standard error\n"
       "  -h, --help           this text\n");

static enum vf_exit one_plan(const struct vf_conf *conf, const struct vf_carry *o,
                             struct vf_plan *plan)
{
    vf_auto(vf_tty_cache_free) struct vf_tty_cache *cache = vf_tty_cache_new();
    vf_autoerror struct vf_error *err = NULL;
    struct vf_asker asker = vf_tty_cache_asker(cache);
    struct vf_prepared p;
    vf_autofree char *vm = vf_asprintf("%u", plan->vm_id);
    const char *name = plan->vm_name ? plan->vm_name : vm;
    plan->fixes |= o->fixes;
    if (vf_prepare_plan_looking(conf, plan, vf_carry_looks(o), &asker, NULL, &p, &err) < 0)
        return vf_carry_failed(err, name);
    unsigned agreed = vf_carry_offer(o, &p);
    if (agreed) {
        plan->fixes |= agreed;
        vf_prepared_free(&p);
        vf_tty_cache_rewind(cache);
        if (vf_prepare_plan_looking(conf, plan, vf_carry_looks(o), &asker, NULL, &p, &err) < 0)
            return vf_carry_failed(err, name);
    }
    enum vf_exit code = vf_carry_out(conf, o, &p, name, cache, NULL, NULL);
    vf_prepared_free(&p);
    return code;
}

struct nth {
    const struct vf_conf *conf;
    struct vf_plan *const *plans;
    unsigned fixes;
    bool look;
};

static int prepare_nth(void *opaque, size_t i, const struct vf_asker *asker,
                       struct vf_prepared *out, struct vf_error **err)
{
    const struct nth *n = opaque;
    n->plans[i]->fixes |= n->fixes;
    return vf_prepare_plan_looking(n->conf, n->plans[i], n->look, asker, NULL, out, err);
}

static enum vf_exit several_plans(const struct vf_conf *conf, const struct vf_carry *o,
                                  struct vf_plan *const *plans, size_t n)
{
    struct nth each = {.conf = conf, .plans = plans, .fixes = o->fixes, .look = vf_carry_looks(o)};
    vf_autostrv char **names = vf_strv_new();
    for (size_t i = 0; i < n; i++)
        if (plans[i]->vm_name)
            vf_strv_add(&names, plans[i]->vm_name);
        else
            vf_strv_addf(&names, "%u", plans[i]->vm_id);
    return vf_several(conf, o, (const char *const *)names, n, prepare_nth, &each);
}

static enum vf_exit plan_file(const struct vf_carry *o, const char *path)
{
    vf_autoerror struct vf_error *err = NULL;
    vf_auto(vf_conf_free) struct vf_conf *conf = vf_conf_load(o->config, &err);
    struct vf_plan **plans;
    size_t n;
    if (!conf || vf_plans_load(path, &plans, &n, &err) < 0) {
        vf_plain_error(err);
        return VF_EXIT_USAGE;
    }
    enum vf_exit code = n == 1 ? one_plan(conf, o, plans[0]) : several_plans(conf, o, plans, n);
    vf_plans_free(plans, n);
    return code;
}

int vf_cmd_run(int argc, char **argv)
{
    static const struct option options[] = {VF_CARRY_OPTIONS, VF_SEVERAL_OPTIONS, {0}};
    struct vf_carry o = {0};
    optind = 1;
    argv[0] = (char *)"vmferry run"; /* for getopt's messages */
    for (int c; (c = getopt_long(argc, argv, VF_CARRY_LETTERS, options, NULL)) != -1;)
        if (vf_carry_option(&o, c, optarg) <= 0) {
            fputs(_("See vmferry run --help.\n"), stderr);
            return VF_EXIT_USAGE;
        }
    if (o.help) {
        fputs(_(run_usage), stdout);
        return VF_EXIT_DONE;
    }
    if (argc - optind != 1) {
        vf_say(stderr, _("vmferry: run wants one PLAN; see vmferry run --help\n"));
        return VF_EXIT_USAGE;
    }
    vf_log_stderr(o.debug);
    return plan_file(&o, argv[optind]);
}

enum { O_ALL = 256, O_SPEED, O_BRIDGE, O_NO_VERIFY };

struct check {
    struct vf_carry carry;
    struct vf_move move;
    uint64_t speed; /* bytes per second, 0: not known */
    bool all;
};

static int take(struct check *k, int c)
{
    int r = vf_carry_option(&k->carry, c, optarg);
    uint64_t n;
    if (r)
        return r < 0 ? -1 : 0;
    switch (c) {
    case O_ALL:
        k->all = true;
        return 0;
    case O_NO_VERIFY:
        k->move.verify_tls = false;
        return 0;
    case O_SPEED:
        if (vf_parse_u64(optarg, 1, 1000000, &n) < 0) {
            vf_say(stderr, _("vmferry: --speed wants Mbit/s from 1 to 1000000, not '%s'\n"),
                   optarg);
            return -1;
        }
        k->speed = n * 1000000 / 8;
        return 0;
    case O_BRIDGE:
        if (k->move.n_bridges < VF_COUNT(k->move.bridges)) {
            k->move.bridges[k->move.n_bridges++] = optarg;
            return 0;
        }
        vf_say(stderr, _("vmferry: more than %zu times --bridge\n"), VF_COUNT(k->move.bridges));
        return -1;
    default:
        return -1; /* getopt has said what it does not know */
    }
}

static int check_cluster(struct check *k, char **argv, int n)
{
    if (n != 2 && n != 4) {
        vf_say(stderr,
               _("vmferry: check --all wants SOURCE TARGET [NODE STORAGE]; see vmferry check "
                 "--help\n"));
        return VF_EXIT_USAGE;
    }
    k->move.source = argv[0];
    k->move.target = argv[1];
    k->move.node = n == 4 ? argv[2] : NULL;
    k->move.storage = n == 4 ? argv[3] : NULL;
    k->move.fixes = k->carry.fixes;
    return vf_check_all(&k->carry, &k->move, k->speed);
}

int vf_cmd_check(int argc, char **argv)
{
    static const struct option options[] = {VF_CARRY_OPTIONS,
                                            {"all", no_argument, NULL, O_ALL},
                                            {"speed", required_argument, NULL, O_SPEED},
                                            {"bwlimit", required_argument, NULL, O_SPEED},
                                            {"bridge", required_argument, NULL, O_BRIDGE},
                                            {"no-verify-ssl", no_argument, NULL, O_NO_VERIFY},
                                            {0}};
    struct check k = {.carry = {.only_check = true}, .move = {.verify_tls = true}};
    optind = 1;
    argv[0] = (char *)"vmferry check";
    for (int c; (c = getopt_long(argc, argv, VF_CARRY_LETTERS, options, NULL)) != -1;)
        if (take(&k, c) < 0) {
            fputs(_("See vmferry check --help.\n"), stderr);
            return VF_EXIT_USAGE;
        }
    if (k.carry.help) {
        fputs(_(check_usage), stdout);
        return VF_EXIT_DONE;
    }
    vf_log_stderr(k.carry.debug);
    if (k.all)
        return check_cluster(&k, argv + optind, argc - optind);
    if (argc - optind != 1) {
        vf_say(stderr, _("vmferry: check wants one PLAN, or --all; see vmferry check --help\n"));
        return VF_EXIT_USAGE;
    }
    return plan_file(&k.carry, argv[optind]);
}
