/* SPDX-License-Identifier: GPL-3.0-or-later */
/* vmferry move SRC DST NODE STORAGE VM... */
#include "config.h"
#include "ui/cmd/cmd.h"
#include "ui/cmd/several.h"
#include "ui/say.h"
#include "base/ciphers.h"
#include "base/i18n.h"
#include "base/log.h"
#include "base/str.h"
#include "plan/service.h"

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
       "      --save-plan FILE write the plan, of several VMs one, to FILE and stop: to\n"
       "                       be edited, and carried out with vmferry run\n"
       "      --yes            do not ask before it begins (never forces a stop, never\n"
       "                       accepts an unknown host key)\n"
       "      --method HOW     copy (default): vmferry copies and compares the disks;\n"
       "                       remote-migrate: Proxmox's own migration, live, its disks\n"
       "                       not compared\n"
       "      --skip-start     do not start the VM at the target\n"
       "      --skip-disks     create the VM without its disks; implies --skip-start\n"
       "      --no-precopy     copy nothing before the VM is shut down (raw disks are\n"
       "                       copied while it runs, then again what has changed)\n"
       "      --bwlimit MBPS   copy with at most MBPS Mbit/s, all VMs together\n"
       "      --compress WHAT  auto (default: where it pays), off, or 1 to 6\n"
       "      --streams N      connections between the hosts, 1 to 8 (default: as the\n"
       "                       hosts bear)\n"
       "      --route WAY      auto (default: the first that works), direct, reverse\n"
       "                       (the target's host fetches), relay (through this\n"
       "                       machine), or local (both are one host)\n"
       "      --ssh-ciphers LIST\n"
       "                       of the connections between the hosts (default: the\n"
       "                       fastest); - as ssh has them\n"
       "      --verify WHAT    full (default): read back and compare, or none\n"
       "      --bridge FROM=TO cards of bridge FROM are put on TO; may be given again,\n"
       "                       * is every other bridge\n"
       "      --mac WHAT       keep (default), new, or an address\n"
       "      --format FORMAT  raw, qcow2 or vmdk (default: as at the source)\n"
       "      --vmid ID        VMID at the target (default: the next free one)\n"
       "      --ignore-exists  go on although the target has a VM of this name, or\n"
       "                       is the same cluster\n"
       "      --fix WHAT       change this at the source for the length of the move, and\n"
       "                       put it back when it is undone: suspend-ha,\n"
       "                       suspend-replication, eject-iso, lift-protection,\n"
       "                       switch-ssh-on; may be given again\n"
       "      --stop-timeout S seconds given to a graceful shutdown (default 180)\n"
       "      --rehearse       a test: NAME--TEST with its cards disconnected; the\n"
       "                       source is left alone, vmferry rollback removes it\n"
       "      --service-test   try which TCP ports of the VM answer this machine,\n"
       "                       and after the start whether they do again\n"
       "      --ports LIST     these (22,443); else the ones that services usually have\n"
       "      --address LIST   at these IP addresses; else those the guest's agent tells\n"
       "      --wait-before-stop\n"
       "                       do all that can be done while it runs, then ask before\n"
       "                       it is shut down (also with --yes)\n"
       "      --wait-before-start\n"
       "                       ask before it is started at the target\n"
       "      --parallel-guests N\n"
       "                       of several VMs move N at a time (default 1)\n"
       "      --stop-on-failure\n"
       "                       of several VMs begin no other when one is not moved\n"
       "      --no-verify-ssl  do not check the API's certificates\n"
       "      --progress FORM  plain (default), json (events, one a line), or none (only\n"
       "                       the closing report)\n"
       "      --forecast       measure for some seconds at both hosts how long it would\n"
       "                       take, and how long the VM would be down\n"
       "      --debug          say what planning does, on standard error\n"
       "      --version        say which vmferry this is\n"
       "  -h, --help           this text\n");

struct options {
    struct vf_move move;
    struct vf_carry carry;
    bool version;
};

enum {
    O_METHOD = 256,
    O_SKIP_START,
    O_SKIP_DISKS,
    O_NO_PRECOPY,
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
    O_REHEARSE,
    O_SERVICE,
    O_PORTS,
    O_ADDRESS,
    O_WAIT_STOP,
    O_WAIT_START,
    O_NO_VERIFY,
    O_SAVE,
    O_CIPHERS,
    O_VERSION
};

static const struct option long_options[] = {
    VF_CARRY_OPTIONS,
    VF_SEVERAL_OPTIONS,
    {"method", required_argument, NULL, O_METHOD},
    {"skip-start", no_argument, NULL, O_SKIP_START},
    {"skip-disks", no_argument, NULL, O_SKIP_DISKS},
    {"no-precopy", no_argument, NULL, O_NO_PRECOPY},
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
    {"rehearse", no_argument, NULL, O_REHEARSE},
    {"service-test", no_argument, NULL, O_SERVICE},
    {"ports", required_argument, NULL, O_PORTS},
    {"address", required_argument, NULL, O_ADDRESS},
    {"wait-before-stop", no_argument, NULL, O_WAIT_STOP},
    {"wait-before-start", no_argument, NULL, O_WAIT_START},
    {"no-verify-ssl", no_argument, NULL, O_NO_VERIFY},
    {"ssh-ciphers", required_argument, NULL, O_CIPHERS},
    {"save-plan", required_argument, NULL, O_SAVE},
    {"version", no_argument, NULL, O_VERSION},
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

/* Options that are given or not; false: C is none of them. */
static bool take_switch(struct options *o, int c)
{
    struct vf_move *m = &o->move;
    const struct {
        int option;
        bool *where, value;
    } switches[] = {
        {O_SKIP_START, &m->skip_start, true},        {O_SKIP_DISKS, &m->skip_disks, true},
        {O_NO_PRECOPY, &m->no_precopy, true},        {O_IGNORE_EXISTS, &m->ignore_exists, true},
        {O_WAIT_STOP, &m->wait_before_stop, true},   {O_REHEARSE, &m->rehearse, true},
        {O_WAIT_START, &m->wait_before_start, true}, {O_NO_VERIFY, &m->verify_tls, false},
    };
    for (size_t i = 0; i < VF_COUNT(switches); i++)
        if (switches[i].option == c) {
            *switches[i].where = switches[i].value;
            return true;
        }
    return false;
}

static int good(const char *name, const char *text, const char *(*check)(const char *text))
{
    if (!check(text))
        return 0;
    vf_say(stderr, _("vmferry: %s cannot be '%s'\n"), name, text);
    return -1;
}

static int take(struct options *o, int c)
{
    static const char *const formats[] = {"raw", "qcow2", "vmdk"};
    static const char *const methods[] = {"copy", "remote-migrate"};
    struct vf_move *m = &o->move;
    uint64_t n = 0;
    int i = vf_carry_option(&o->carry, c, optarg);
    if (i)
        return i < 0 ? -1 : 0;
    if (take_switch(o, c))
        return 0;
    switch (c) {
    case O_CIPHERS:
        m->ciphers = optarg;
        return good("--ssh-ciphers", optarg, vf_ciphers_check);
    case O_SERVICE:
        m->service_ports = m->service_ports ? m->service_ports : VF_COMMON_PORTS;
        return 0;
    case O_PORTS:
        m->service_ports = optarg;
        return good("--ports", optarg, vf_ports_check);
    case O_ADDRESS:
        m->service_addresses = optarg;
        m->service_ports = m->service_ports ? m->service_ports : VF_COMMON_PORTS;
        return good("--address", optarg, vf_addresses_check);
    case O_VERSION:
        o->version = true;
        return 0;
    case O_SAVE:
        o->carry.save = optarg;
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
        i = vf_carry_word("--compress", optarg, vf_compress_words, VF_COMPRESS_WORDS);
        m->compress = (unsigned)i;
        return i < 0 ? -1 : 0;
    case O_ROUTE:
        i = vf_carry_word("--route", optarg, vf_route_words, VF_ROUTE_WORDS);
        m->route = (unsigned)i;
        return i < 0 ? -1 : 0;
    case O_VERIFY:
        i = vf_carry_word("--verify", optarg, vf_verify_words, VF_VERIFY_NONE + 1);
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
        i = vf_carry_word("--method", optarg, methods, VF_COUNT(methods));
        m->method = (enum vf_method)i;
        return i < 0 ? -1 : 0;
    case O_FORMAT:
        i = vf_carry_word("--format", optarg, formats, VF_COUNT(formats));
        m->format = i < 0 ? NULL : formats[i];
        return i < 0 ? -1 : 0;
    default:
        return -1; /* getopt has said what it does not know */
    }
}

static enum vf_exit move_one(const struct vf_conf *conf, const struct options *o, const char *vm)
{
    vf_auto(vf_tty_cache_free) struct vf_tty_cache *cache = vf_tty_cache_new();
    struct vf_move m = o->move;
    m.vm = vm;
    struct vf_asker asker = vf_tty_cache_asker(cache);
    vf_autoerror struct vf_error *err = NULL;
    struct vf_prepared p;
    m.fixes = o->carry.fixes;
    m.look_at_hosts = vf_carry_looks(&o->carry);
    if (vf_prepare(conf, &m, &asker, NULL, &p, &err) < 0)
        return vf_carry_failed(err, vm);
    unsigned agreed = vf_carry_offer(&o->carry, &p);
    if (agreed) {
        m.fixes |= agreed;
        vf_prepared_free(&p);
        vf_tty_cache_rewind(cache);
        if (vf_prepare(conf, &m, &asker, NULL, &p, &err) < 0)
            return vf_carry_failed(err, vm);
    }
    enum vf_exit code = vf_carry_out(conf, &o->carry, &p, vm, cache, NULL, NULL);
    vf_prepared_free(&p);
    return code;
}

struct nth {
    const struct vf_conf *conf;
    struct vf_move move;
    char *const *vms;
};

static int prepare_nth(void *opaque, size_t i, const struct vf_asker *asker,
                       struct vf_prepared *out, struct vf_error **err)
{
    struct nth *n = opaque;
    n->move.vm = n->vms[i];
    return vf_prepare(n->conf, &n->move, asker, NULL, out, err);
}

/* The limit is for all that copy at the same time. */
static enum vf_exit move_several(const struct vf_conf *conf, const struct options *o,
                                 char *const *vms, size_t n)
{
    struct nth each = {.conf = conf, .move = o->move, .vms = vms};
    each.move.fixes = o->carry.fixes;
    each.move.look_at_hosts = vf_carry_looks(&o->carry);
    size_t at_once = o->carry.parallel < n ? o->carry.parallel : n;
    if (at_once > 1)
        each.move.rate /= at_once;
    return vf_several(conf, &o->carry, (const char *const *)vms, n, prepare_nth, &each);
}

int vf_cmd_move(int argc, char **argv)
{
    struct options o = {.move = {.verify_tls = true}};
    optind = 1;
    argv[0] = (char *)"vmferry move"; /* for getopt's messages */
    for (int c; (c = getopt_long(argc, argv, VF_CARRY_LETTERS, long_options, NULL)) != -1;)
        if (take(&o, c) < 0) {
            fputs(_("See vmferry move --help.\n"), stderr);
            return VF_EXIT_USAGE;
        }
    if (o.carry.help) {
        fputs(_(usage), stdout);
        return VF_EXIT_DONE;
    }
    if (o.version) {
        puts("vmferry " PACKAGE_VERSION);
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
    vf_log_stderr(o.carry.debug);
    vf_autoerror struct vf_error *err = NULL;
    vf_auto(vf_conf_free) struct vf_conf *conf = vf_conf_load(o.carry.config, &err);
    if (!conf)
        return vf_carry_failed(err, NULL);
    size_t n = (size_t)(argc - optind - 4);
    return n == 1 ? move_one(conf, &o, argv[optind + 4])
                  : move_several(conf, &o, argv + optind + 4, n);
}
