/* SPDX-License-Identifier: GPL-3.0-or-later */
/* vmferry cleanup: what lost jobs have left on the hosts. */
#include "config.h"
#include "ui/cmd/cmd.h"
#include "ui/plain.h"
#include "ui/say.h"
#include "ui/tty.h"
#include "base/i18n.h"
#include "base/str.h"
#include "job/cleanup.h"
#include "job/job.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const char usage[] =
    N_("usage: vmferry cleanup [OPTION]... [CLUSTER...]\n"
       "\n"
       "Looks on all nodes of the clusters (default: of all in vmferry.conf) for what\n"
       "jobs have left there: keys that were good for one job, helpers, API tokens, and\n"
       "the records with which jobs go on from another machine.\n"
       "What belongs to a job that does not run is removed.\n"
       "\n"
       "  -l, --list           only list it\n"
       "      --yes            do not ask before it is removed\n"
       "  -c, --config FILE    configuration instead of ~/.config/vmferry/vmferry.conf\n"
       "  -h, --help           this text\n");

struct options {
    const char *config;
    bool list, yes, help;
};

enum { O_YES = 256 };

static const struct option long_options[] = {
    {"config", required_argument, NULL, 'c'},
    {"list", no_argument, NULL, 'l'},
    {"help", no_argument, NULL, 'h'},
    {"yes", no_argument, NULL, O_YES},
    {0},
};

static int take(struct options *o, int c)
{
    switch (c) {
    case 'c':
        o->config = optarg;
        return 0;
    case 'l':
        o->list = true;
        return 0;
    case 'h':
        o->help = true;
        return 0;
    case O_YES:
        o->yes = true;
        return 0;
    default:
        return -1; /* getopt has said what it does not know */
    }
}

/* How long ago job ID ("20261121-074812-3fa9c2") was begun, as text; caller frees. */
static char *age_of(const char *id)
{
    struct tm tm = {0};
    const char *end = strptime(id, "%Y%m%d-%H%M%S", &tm);
    if (!end || *end != '-')
        return vf_strdup(_("age unknown"));
    double s = difftime(time(NULL), timegm(&tm));
    if (s < 0)
        s = 0;
    if (s < 3600)
        return vf_asprintf(_("%d min old"), (int)(s / 60));
    return s < 2 * 86400 ? vf_asprintf(_("%d h old"), (int)(s / 3600))
                         : vf_asprintf(_("%d days old"), (int)(s / 86400));
}

static void show(const struct vf_leftover *l)
{
    static const char *const kinds[] = {N_("key"), N_("helper"), N_("API token"), N_("record"),
                                        N_("VM")};
    static const char *const fates[] = {N_("not known here"), N_("running"), N_("not finished"),
                                        N_("over")};
    vf_autofree char *age = age_of(l->job), *job = vf_escape(l->job), *what = vf_escape(l->what);
    vf_autofree char *pid = l->pid ? vf_asprintf(_(", runs as process %u"), l->pid) : vf_strdup("");
    vf_say(stdout, _("%s%s%s: %s %s%s\n  of job %s, %s, %s%s%s\n"), l->cluster, l->host ? " " : "",
           l->host ? l->host : "", _(kinds[l->kind]), what, pid, job, age, _(fates[l->fate]),
           l->kept ? _("; kept: ") : "", l->kept ? l->kept : "");
}

/* What is there now: shown when SHOW; how many of it are to be removed, or -1. */
static int look(struct vf_cleaner *c, bool shown, size_t *kept, struct vf_error **err)
{
    const struct vf_leftover *v;
    size_t n, remove = 0;
    if (vf_cleaner_look(c, &v, &n, err) < 0)
        return -1;
    for (size_t i = 0; i < n; i++) {
        remove += !v[i].kept;
        if (shown)
            show(&v[i]);
    }
    *kept = n - remove;
    return (int)remove;
}

static enum vf_exit failed(const struct vf_error *e)
{
    vf_plain_error(e);
    return vf_error_code(e) == VF_E_USAGE ? VF_EXIT_USAGE : VF_EXIT_FAILED;
}

static enum vf_exit remove_all(struct vf_cleaner *c, struct vf_error **err)
{
    size_t kept = 0;
    if (vf_cleaner_remove(c, err) < 0)
        return failed(*err);
    int left = look(c, false, &kept, err);
    if (left < 0)
        return failed(*err);
    if (left) {
        vf_say(stderr, _("vmferry: %d of these are still there; see vmferry cleanup --list\n"),
               left);
        return VF_EXIT_FAILED;
    }
    if (kept)
        vf_say(stdout, _("Removed. Only what is kept (%zu) is there now.\n"), kept);
    else
        vf_say(stdout, _("Removed. Nothing is left now.\n"));
    return VF_EXIT_DONE;
}

static enum vf_exit clean(struct vf_cleaner *c, const struct options *o)
{
    vf_autoerror struct vf_error *err = NULL;
    size_t kept = 0;
    int n = look(c, true, &kept, &err);
    if (n < 0)
        return failed(err);
    if (!n && !kept)
        vf_say(stdout, _("Nothing was left by jobs.\n"));
    else if (!n)
        vf_say(stdout, _("There is nothing to remove.\n"));
    if (!n || o->list)
        return VF_EXIT_DONE;
    if (!o->yes && !vf_tty_there()) {
        vf_say(stderr, _("vmferry: there is no terminal to ask on: give --yes or --list\n"));
        return VF_EXIT_USAGE;
    }
    if (!o->yes && !vf_tty_confirm(_("Remove what is not kept?"))) {
        vf_say(stderr, _("vmferry: nothing was removed\n"));
        return VF_EXIT_FAILED;
    }
    return remove_all(c, &err);
}

int vf_cmd_cleanup(int argc, char **argv)
{
    struct options o = {0};
    optind = 1;
    argv[0] = (char *)"vmferry cleanup"; /* for getopt's messages */
    for (int c; (c = getopt_long(argc, argv, "c:lh", long_options, NULL)) != -1;)
        if (take(&o, c) < 0) {
            fputs(_("See vmferry cleanup --help.\n"), stderr);
            return VF_EXIT_USAGE;
        }
    if (o.help) {
        fputs(_(usage), stdout);
        return VF_EXIT_DONE;
    }
    vf_autoerror struct vf_error *err = NULL;
    vf_auto(vf_conf_free) struct vf_conf *conf = vf_conf_load(o.config, &err);
    if (!conf)
        return failed(err);
    vf_auto(vf_tty_cache_free) struct vf_tty_cache *cache = vf_tty_cache_new();
    struct vf_asker asker = vf_tty_cache_asker(cache);
    vf_auto(vf_cleaner_free) struct vf_cleaner *c =
        vf_cleaner_open(conf, argv + optind, &asker, NULL, &err);
    if (!c)
        return failed(err);
    enum vf_exit code = clean(c, &o);
    char *const *unreachable = vf_cleaner_unreachable(c);
    for (char *const *u = unreachable; *u; u++)
        vf_say(stderr, _("vmferry: not looked at: %s\n"), *u);
    return *unreachable && code == VF_EXIT_DONE ? VF_EXIT_FAILED : code;
}
