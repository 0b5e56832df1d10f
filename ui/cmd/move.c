/* SPDX-License-Identifier: GPL-3.0-or-later */
/* vmferry move SRC DST NODE STORAGE VM... */
#include "config.h"
#include "ui/cmd/cmd.h"
#include "ui/plain.h"
#include "ui/plan_text.h"
#include "ui/say.h"
#include "base/i18n.h"
#include "base/log.h"
#include "base/str.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char usage[] =
    N_("usage: vmferry move [OPTION]... SOURCE TARGET NODE STORAGE VM...\n"
       "\n"
       "Moves VMs (names or VMIDs) from cluster SOURCE to STORAGE on NODE of cluster\n"
       "TARGET, both named in vmferry.conf. A running VM is shut down while its disks\n"
       "are copied.\n"
       "\n"
       "  -c, --config FILE    configuration instead of ~/.config/vmferry/vmferry.conf\n"
       "  -n, --dry-run        say what would be done or stop it; change nothing\n"
       "      --yes            do not ask before it begins (never forces a stop, never\n"
       "                       accepts an unknown host key)\n"
       "      --method HOW     copy (default): vmferry copies and compares the disks;\n"
       "                       remote-migrate: Proxmox's own migration, live, its disks\n"
       "                       not compared\n"
       "      --skip-start     do not start the VM at the target\n"
       "      --skip-disks     create the VM without its disks; implies --skip-start\n"
       "      --bwlimit MBPS   copy with at most MBPS Mbit/s\n"
       "      --compress WHAT  auto (default: where it pays), off, or 1 to 6\n"
       "      --streams N      connections between the hosts, 1 to 8 (default: as the\n"
       "                       hosts bear)\n"
       "      --route WAY      auto (default: the first that works), direct, reverse\n"
       "                       (the target's host fetches), relay (through this\n"
       "                       machine), or local (both are one host)\n"
       "      --verify WHAT    full (default): read back and compare, or none\n"
       "      --bridge FROM=TO cards of bridge FROM are put on TO; may be given again,\n"
       "                       * is every other bridge\n"
       "      --mac WHAT       keep (default), new, or an address\n"
       "      --format FORMAT  raw or qcow2 (default: as at the source)\n"
       "      --vmid ID        VMID at the target (default: the next free one)\n"
       "      --ignore-exists  go on although the target has a VM of this name, or\n"
       "                       is the same cluster\n"
       "      --stop-timeout S seconds given to a graceful shutdown (default 180)\n"
       "      --no-verify-ssl  do not check the API's certificates\n"
       "      --progress FORM  plain (default), json (events, one a line), or none (only\n"
       "                       the closing report)\n"
       "      --debug          say what planning does, on standard error\n"
       "  -h, --help           this text\n");

struct options {
    struct vf_move move;
    const char *config;
    bool dry_run, yes, debug, help;
    enum vf_progress_form progress;
};

enum {
    O_YES = 256,
    O_METHOD,
    O_SKIP_START,
    O_SKIP_DISKS,
    O_BWLIMIT,
    O_COMPRESS,
    O_STREAMS,
    O_ROUTE,
    O_VERIFY,
    O_BRIDGE,
    O_MAC,
    O_FORMAT,
    O_VMID,
    O_IGNORE_EXISTS,
    O_TIMEOUT,
    O_NO_VERIFY,
    O_PROGRESS,
    O_DEBUG
};

static const struct option long_options[] = {
    {"config", required_argument, NULL, 'c'},
    {"dry-run", no_argument, NULL, 'n'},
    {"help", no_argument, NULL, 'h'},
    {"yes", no_argument, NULL, O_YES},
    {"method", required_argument, NULL, O_METHOD},
    {"skip-start", no_argument, NULL, O_SKIP_START},
    {"skip-disks", no_argument, NULL, O_SKIP_DISKS},
    {"bwlimit", required_argument, NULL, O_BWLIMIT},
    {"compress", required_argument, NULL, O_COMPRESS},
    {"streams", required_argument, NULL, O_STREAMS},
    {"route", required_argument, NULL, O_ROUTE},
    {"verify", required_argument, NULL, O_VERIFY},
    {"bridge", required_argument, NULL, O_BRIDGE},
    {"mac", required_argument, NULL, O_MAC},
    {"format", required_argument, NULL, O_FORMAT},
    {"vmid", required_argument, NULL, O_VMID},
    {"ignore-exists", no_argument, NULL, O_IGNORE_EXISTS},
    {"stop-timeout", required_argument, NULL, O_TIMEOUT},
    {"no-verify-ssl", no_argument, NULL, O_NO_VERIFY},
    {"progress", required_argument, NULL, O_PROGRESS},
    {"debug", no_argument, NULL, O_DEBUG},
    {0},
};

static int number(const char *name, const char *text, uint64_t min, uint64_t max, uint64_t *out)
{
    if (vf_parse_u64(text, min, max, out) == 0)
        return 0;
    vf_say(stderr, _("vmferry: %s wants a number from %" PRIu64 " to %" PRIu64 ", not '%s'\n"),
           name, min, max, text);
    return -1;
}

static int word(const char *name, const char *text, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!strcmp(text, words[i]))
            return (int)i;
    vf_say(stderr, _("vmferry: %s cannot be '%s'\n"), name, text);
    return -1;
}

static int take(struct options *o, int c)
{
    static const char *const forms[] = {"plain", "json", "none"}, *const formats[] = {"raw",
                                                                                      "qcow2"};
    static const char *const methods[] = {"copy", "remote-migrate"};
    struct vf_move *m = &o->move;
    uint64_t n = 0;
    int i;
    switch (c) {
    case 'c':
        o->config = optarg;
        return 0;
    case 'n':
        o->dry_run = true;
        return 0;
    case 'h':
        o->help = true;
        return 0;
    case O_YES:
        o->yes = true;
        return 0;
    case O_SKIP_START:
        m->skip_start = true;
        return 0;
    case O_SKIP_DISKS:
        m->skip_disks = true;
        return 0;
    case O_IGNORE_EXISTS:
        m->ignore_exists = true;
        return 0;
    case O_NO_VERIFY:
        m->verify_tls = false;
        return 0;
    case O_DEBUG:
        o->debug = true;
        return 0;
    case O_MAC:
        m->mac = optarg;
        return 0;
    case O_BRIDGE:
        if (m->n_bridges == VF_COUNT(m->bridges)) {
            vf_say(stderr, _("vmferry: more than %zu times --bridge\n"), VF_COUNT(m->bridges));
            return -1;
        }
        m->bridges[m->n_bridges++] = optarg;
        return 0;
    case O_BWLIMIT:
        if (number("--bwlimit", optarg, 1, VF_MAX_MBPS, &n) < 0)
            return -1;
        m->rate = n * VF_MBPS;
        return 0;
    case O_STREAMS:
        if (number("--streams", optarg, 1, VF_MAX_STREAMS, &n) < 0)
            return -1;
        m->streams = (unsigned)n;
        return 0;
    case O_COMPRESS:
        i = word("--compress", optarg, vf_compress_words, VF_COMPRESS_WORDS);
        m->compress = (unsigned)i;
        return i < 0 ? -1 : 0;
    case O_ROUTE:
        i = word("--route", optarg, vf_route_words, VF_ROUTE_WORDS);
        m->route = (unsigned)i;
        return i < 0 ? -1 : 0;
    case O_VERIFY:
        i = word("--verify", optarg, vf_verify_words, VF_VERIFY_NONE + 1);
        m->verify = (enum vf_verify)i;
        return i < 0 ? -1 : 0;
    case O_VMID:
        if (number("--vmid", optarg, 100, 999999999, &n) < 0)
            return -1;
        m->target_id = (unsigned)n;
        return 0;
    case O_TIMEOUT:
        if (number("--stop-timeout", optarg, 1, 86400, &n) < 0)
            return -1;
        m->shutdown_timeout = (unsigned)n;
        return 0;
    case O_METHOD:
        i = word("--method", optarg, methods, VF_COUNT(methods));
        m->method = (enum vf_method)i;
        return i < 0 ? -1 : 0;
    case O_FORMAT:
        i = word("--format", optarg, formats, VF_COUNT(formats));
        m->format = i < 0 ? NULL : formats[i];
        return i < 0 ? -1 : 0;
    case O_PROGRESS:
        i = word("--progress", optarg, forms, VF_COUNT(forms));
        o->progress = (enum vf_progress_form)i;
        return i < 0 ? -1 : 0;
    default:
        return -1; /* getopt has said what it does not know */
    }
}

static enum vf_exit exit_for(const struct vf_error *e)
{
    return vf_error_code(e) == VF_E_USAGE ? VF_EXIT_USAGE : VF_EXIT_FAILED;
}

static enum vf_exit failed(const struct vf_error *e, const char *vm)
{
    vf_plain_error(e);
    if (vm && vf_error_code(e) != VF_E_USAGE)
        vf_say(stderr, _("%s: nothing was changed, neither at the source nor at the target\n"), vm);
    return exit_for(e);
}

/* The plan is shown where somebody reads along, agrees to it, or must know why it stops. */
static void show_plan(const struct options *o, const struct vf_prepared *p, bool stop)
{
    if (o->progress == VF_PROGRESS_JSON) {
        vf_autofree char *line = vf_event_line(vf_plan_event(p));
        fputs(line, stdout);
    } else if (o->progress == VF_PROGRESS_PLAIN || o->dry_run || stop || !o->yes) {
        vf_autofree char *text = vf_plan_summary(p);
        vf_say(stdout, "%s", text);
    }
    fflush(stdout);
}

/* A VM's plan is shown, agreed to, made a job and followed. */
static enum vf_exit move_one(const struct vf_conf *conf, const struct options *o, const char *vm,
                             struct vf_tty_cache *cache)
{
    struct vf_move m = o->move;
    m.vm = vm;
    struct vf_asker asker = vf_tty_cache_asker(cache);
    vf_autoerror struct vf_error *err = NULL;
    struct vf_prepared p;
    vf_tty_cache_rewind(cache);
    if (vf_prepare(conf, &m, &asker, NULL, &p, &err) < 0)
        return failed(err, vm);
    bool stop = vf_findings_stop(&p.findings);
    show_plan(o, &p, stop);
    enum vf_exit code = VF_EXIT_DONE;
    vf_autofree char *question = vf_asprintf(_("Begin to move %s?"), p.plan ? p.plan->vm_name : vm);
    vf_autofree char *id = NULL;
    if (stop) {
        vf_say(stderr, _("%s: cannot be moved as things are; nothing was changed\n"), vm);
        code = VF_EXIT_STOPPED;
    } else if (o->dry_run) {
        if (o->progress != VF_PROGRESS_JSON)
            puts(_("Dry run: nothing was changed."));
    } else if (!o->yes && !vf_tty_there()) {
        vf_say(stderr, _("vmferry: there is no terminal to ask on: give --yes\n"));
        code = VF_EXIT_USAGE;
    } else if (!o->yes && !vf_tty_confirm(question)) {
        vf_say(stderr, _("%s: not moved, nothing was changed\n"), vm);
        code = VF_EXIT_FAILED;
    } else if (!(id = vf_job_create(p.plan, conf->path, &err)) ||
               vf_job_spawn(id, VF_JOB_RUN, &err) < 0) {
        code = failed(err, vm);
    } else {
        code = (enum vf_exit)vf_plain_follow(id, o->progress, cache);
    }
    vf_prepared_free(&p);
    return code;
}

int vf_cmd_move(int argc, char **argv)
{
    struct options o = {.move = {.verify_tls = true}};
    optind = 1;
    argv[0] = (char *)"vmferry move"; /* for getopt's messages */
    for (int c; (c = getopt_long(argc, argv, "c:nh", long_options, NULL)) != -1;)
        if (take(&o, c) < 0) {
            fputs(_("See vmferry move --help.\n"), stderr);
            return VF_EXIT_USAGE;
        }
    if (o.help) {
        fputs(_(usage), stdout);
        return VF_EXIT_DONE;
    }
    if (argc - optind < 5) {
        vf_say(stderr, _("vmferry: move wants SOURCE TARGET NODE STORAGE VM...; see vmferry move "
                         "--help\n"));
        return VF_EXIT_USAGE;
    }
    o.move.source = argv[optind];
    o.move.target = argv[optind + 1];
    o.move.node = argv[optind + 2];
    o.move.storage = argv[optind + 3];
    vf_log_stderr(o.debug);
    vf_autoerror struct vf_error *err = NULL;
    vf_auto(vf_conf_free) struct vf_conf *conf = vf_conf_load(o.config, &err);
    if (!conf)
        return failed(err, NULL);
    vf_auto(vf_tty_cache_free) struct vf_tty_cache *cache = vf_tty_cache_new();
    int worst = VF_EXIT_DONE;
    for (int i = optind + 4; i < argc; i++) {
        int code = (int)move_one(conf, &o, argv[i], cache);
        worst = code > worst ? code : worst;
        if (code == VF_EXIT_INTERRUPTED)
            break; /* ^C means all of them */
    }
    return worst;
}
