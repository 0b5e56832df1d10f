/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "ui/cmd/moving.h"
#include "ui/cmd/several.h"
#include "ui/say.h"
#include "base/ciphers.h"
#include "base/i18n.h"
#include "base/str.h"
#include "plan/service.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static int number(const char *name, const char *text, uint64_t min, uint64_t max, uint64_t *out)
{
    if (vf_parse_u64(text, min, max, out) == 0)
        return 0;
    vf_say(stderr, _("vmferry: %s wants a number from %" PRIu64 " to %" PRIu64 ", not '%s'\n"),
           name, min, max, text);
    return -1;
}

/* Options that are given or not; false: C is none of them. */
static bool take_switch(struct vf_moving *o, int c)
{
    struct vf_move *m = &o->move;
    const struct {
        int option;
        bool *where, value;
    } switches[] = {
        {VF_O_SKIP_START, &m->skip_start, true},
        {VF_O_START, &m->start_stopped, true},
        {VF_O_SKIP_DISKS, &m->skip_disks, true},
        {VF_O_NO_PRECOPY, &m->no_precopy, true},
        {VF_O_IGNORE_EXISTS, &m->ignore_exists, true},
        {VF_O_WAIT_STOP, &m->wait_before_stop, true},
        {VF_O_REHEARSE, &m->rehearse, true},
        {VF_O_WAIT_START, &m->wait_before_start, true},
        {VF_O_NO_VERIFY, &m->verify_tls, false},
        {VF_O_VERSION, &o->version, true},
        {VF_O_DRIVER_DISK, &m->driver_disk, true},
        {VF_O_REMOVE_SNAPSHOTS, &m->remove_snapshots, true},
    };
    for (size_t i = 0; i < VF_COUNT(switches); i++)
        if (switches[i].option == c) {
            *switches[i].where = switches[i].value;
            return true;
        }
    return false;
}

/* Options that are a number; 1: C is one of them and was taken, 0: it is none, -1: not that number.
 */
static int take_number(struct vf_move *m, int c)
{
    const struct {
        int option;
        const char *name;
        uint64_t min, max;
        unsigned *where;
    } numbers[] = {
        {VF_O_STREAMS, "--streams", 1, VF_MAX_STREAMS, &m->streams},
        {VF_O_VMID, "--vmid", VF_FIRST_VMID, VF_LAST_VMID, &m->target_id},
        {VF_O_TIMEOUT, "--stop-timeout", 1, 86400, &m->shutdown_timeout},
    };
    for (size_t i = 0; i < VF_COUNT(numbers); i++)
        if (numbers[i].option == c) {
            uint64_t n;
            if (number(numbers[i].name, optarg, numbers[i].min, numbers[i].max, &n) < 0)
                return -1;
            *numbers[i].where = (unsigned)n;
            return 1;
        }
    return 0;
}

/* The same for options that are a text. */
static int take_text(struct vf_moving *o, int c)
{
    struct vf_move *m = &o->move;
    const struct {
        int option;
        const char *name, **where;
        const char *(*check)(const char *text);
    } texts[] = {
        {VF_O_CIPHERS, "--ssh-ciphers", &m->ciphers, vf_ciphers_check},
        {VF_O_PORTS, "--ports", &m->service_ports, vf_ports_check},
        {VF_O_ADDRESS, "--address", &m->service_addresses, vf_addresses_check},
        {VF_O_MAC, "--mac", &m->mac, NULL},
        {VF_O_SAVE, "--save-plan", &o->carry.save, NULL},
    };
    for (size_t i = 0; i < VF_COUNT(texts); i++)
        if (texts[i].option == c) {
            if (texts[i].check && texts[i].check(optarg)) {
                vf_say(stderr, _("vmferry: %s cannot be '%s'\n"), texts[i].name, optarg);
                return -1;
            }
            *texts[i].where = optarg;
            return 1;
        }
    return 0;
}

static int add_rule(const char *name, const char **rules, size_t *n, size_t most)
{
    if (*n == most) {
        vf_say(stderr, _("vmferry: more than %zu times %s\n"), most, name);
        return -1;
    }
    rules[(*n)++] = optarg;
    return 0;
}

int vf_moving_option(struct vf_moving *o, int c)
{
    static const char *const formats[] = {"raw", "qcow2", "vmdk"};
    static const char *const profiles[] = {"modern", "old", "windows"};
    static const char *const methods[] = {"copy", "remote-migrate"};
    struct vf_move *m = &o->move;
    uint64_t n = 0;
    int i = vf_carry_option(&o->carry, c, optarg);
    if (i)
        return i < 0 ? -1 : 0;
    if (take_switch(o, c))
        return 0;
    i = take_number(m, c);
    i = i ? i : take_text(o, c);
    if (i < 0)
        return -1;
    if ((c == VF_O_SERVICE || c == VF_O_ADDRESS) && !m->service_ports)
        m->service_ports = VF_COMMON_PORTS;
    if (i)
        return 0;
    switch (c) {
    case VF_O_SERVICE:
        return 0;
    case VF_O_BRIDGE:
        return add_rule("--bridge", m->bridges, &m->n_bridges, VF_COUNT(m->bridges));
    case VF_O_VLAN:
        return add_rule("--vlan", m->vlans, &m->n_vlans, VF_COUNT(m->vlans));
    case VF_O_PROFILE:
        i = vf_carry_word("--profile", optarg, profiles, VF_COUNT(profiles));
        m->profile = i < 0 ? VF_PROFILE_NONE : (enum vf_profile)(i + VF_PROFILE_MODERN);
        return i < 0 ? -1 : 0;
    case VF_O_CONSOLE:
        i = vf_carry_word("--console", optarg, vf_console_words, VF_CONSOLE_LEAVE + 1);
        m->console = i < 0 ? VF_CONSOLE_ASK : (enum vf_console)i;
        return i < 0 ? -1 : 0;
    case VF_O_BWLIMIT:
        if (number("--bwlimit", optarg, 1, VF_MAX_MBPS, &n) < 0)
            return -1;
        m->rate = n * VF_MBPS;
        return 0;
    case VF_O_COMPRESS:
        i = vf_carry_word("--compress", optarg, vf_compress_words, VF_COMPRESS_WORDS);
        m->compress = (unsigned)i;
        return i < 0 ? -1 : 0;
    case VF_O_ROUTE:
        i = vf_carry_word("--route", optarg, vf_route_words, VF_ROUTE_WORDS);
        m->route = (unsigned)i;
        return i < 0 ? -1 : 0;
    case VF_O_VERIFY:
        i = vf_carry_word("--verify", optarg, vf_verify_words, VF_VERIFY_NONE + 1);
        m->verify = (enum vf_verify)i;
        return i < 0 ? -1 : 0;
    case VF_O_METHOD:
        i = vf_carry_word("--method", optarg, methods, VF_COUNT(methods));
        m->method = (enum vf_method)i;
        return i < 0 ? -1 : 0;
    case VF_O_FORMAT:
        i = vf_carry_word("--format", optarg, formats, VF_COUNT(formats));
        m->format = i < 0 ? NULL : formats[i];
        return i < 0 ? -1 : 0;
    default:
        return -1; /* getopt has said what it does not know */
    }
}

static enum vf_exit move_one(const struct vf_conf *conf, const struct vf_moving *o, const char *vm,
                             struct vf_tty_cache *cache)
{
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
static enum vf_exit move_several(const struct vf_conf *conf, const struct vf_moving *o,
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

enum vf_exit vf_moving_carry_out(const struct vf_conf *conf, const struct vf_moving *o,
                                 char *const *vms, size_t n, struct vf_tty_cache *cache)
{
    vf_auto(vf_tty_cache_free) struct vf_tty_cache *own = cache ? NULL : vf_tty_cache_new();
    return n == 1 ? move_one(conf, o, vms[0], cache ? cache : own) : move_several(conf, o, vms, n);
}
