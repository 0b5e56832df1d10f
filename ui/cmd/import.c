/* SPDX-License-Identifier: GPL-3.0-or-later */
/* vmferry import HOST VM... and vmferry import PATH [VM...] */
#include "config.h"
#include "ui/cmd/cmd.h"
#include "ui/cmd/import_host.h"
#include "ui/cmd/moving.h"
#include "ui/say.h"
#include "base/i18n.h"
#include "base/log.h"
#include "base/str.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    N_("usage: vmferry import [OPTION]... HOST VM... --to CLUSTER --node NODE\n"
       "                      --storage STORAGE\n"
       "       vmferry import [OPTION]... PATH [VM...] --to CLUSTER --node NODE\n"
       "                      --storage STORAGE\n"
       "\n"
       "Takes VMs over to STORAGE on NODE of the Proxmox VE cluster CLUSTER: from HOST,\n"
       "an ESXi host or a vCenter, or from PATH, VMs that were exported to files: a\n"
       ".vmx, .ovf or .ova file, or a directory with any of them (all of its VMs, when\n"
       "none is named). VMs are names or the numbers they are listed with. The source\n"
       "stays, shut down. A HOST that is not in vmferry.conf is added once you compared\n"
       "its certificate.\n"
       "\n"
       "      --to CLUSTER     where to, as vmferry.conf calls it\n"
       "      --node NODE      its node\n"
       "      --storage STORAGE\n"
       "                       the storage for its disks\n"
       "      --user USER      who logs in at a HOST that is new (default root; a\n"
       "                       vCenter's: administrator@vsphere.local)\n"
       "      --profile WHAT   virtual hardware: modern, old or windows (default: by\n"
       "                       the guest's system)\n"
       "      --driver-disk    windows: with a small virtio disk, so that it installs\n"
       "                       the driver\n"
       "      --console WHAT   old, once it runs: ask (default), connect its cards,\n"
       "                       reboot (connect and reboot), or leave them disconnected\n"
       "      --remove-snapshots\n"
       "                       remove the VM's snapshots at HOST; cannot be undone\n"
       "      --bridge NET=BRIDGE\n"
       "                       cards of network NET (a port group) are put on BRIDGE;\n"
       "                       may be given again, * is every other network\n"
       "      --vlan NET=TAG   and get this VLAN tag (0: none)\n"
       "      --mac WHAT       keep (default), new, or an address\n"
       "      --format FORMAT  raw, qcow2 or vmdk (default: the storage's)\n"
       "      --vmid ID        VMID at the target (default: the next free one)\n"
       "      --rehearse       a test: NAME--TEST with its cards disconnected; the\n"
       "                       source is left alone, vmferry rollback removes it\n"
       "      --start          start it at the target, too, when it was stopped at the\n"
       "                       source; exported files always count as stopped\n"
       "      --skip-start     do not start the VM at the target\n"
       "      --wait-before-stop\n"
       "                       ask before the VM is shut down (also with --yes)\n"
       "      --wait-before-start\n"
       "                       ask before it is started at the target\n"
       "  -n, --dry-run        say what would be done or stop it; change nothing\n"
       "      --save-plan FILE write the plan, of several VMs one, to FILE and stop\n"
       "      --yes            do not ask before it begins (never forces a stop, never\n"
       "                       accepts an unknown certificate)\n"
       "      --bwlimit MBPS   copy with at most MBPS Mbit/s, all VMs together\n"
       "      --parallel-guests N\n"
       "                       of several VMs take N at a time (default 1)\n"
       "  -c, --config FILE    configuration instead of ~/.config/vmferry/vmferry.conf\n"
       "  -h, --help           this text\n"
       "\n"
       "Of vmferry move also:\n"
       "  --fix, --compress, --streams, --ssh-ciphers, --verify, --skip-disks,\n"
       "  --ignore-exists, --stop-timeout, --service-test, --ports, --address,\n"
       "  --stop-on-failure, --no-verify-ssl, --progress, --forecast, --debug,\n"
       "  --version\n");

enum { O_TO = VF_O_OWN, O_NODE, O_STORAGE, O_USER };

static const struct option long_options[] = {
    VF_CARRY_OPTIONS,
    VF_SEVERAL_OPTIONS,
    VF_MOVING_OPTIONS,
    {"start", no_argument, NULL, VF_O_START},
    {"profile", required_argument, NULL, VF_O_PROFILE},
    {"console", required_argument, NULL, VF_O_CONSOLE},
    {"driver-disk", no_argument, NULL, VF_O_DRIVER_DISK},
    {"remove-snapshots", no_argument, NULL, VF_O_REMOVE_SNAPSHOTS},
    {"to", required_argument, NULL, O_TO},
    {"node", required_argument, NULL, O_NODE},
    {"storage", required_argument, NULL, O_STORAGE},
    {"user", required_argument, NULL, O_USER},
    {0},
};

struct import {
    struct vf_moving moving;
    const char *user;
    struct vf_conf *conf;
    struct vf_tty_cache *cache;
    char *source; /* cluster or absolute path */
    char **vms;   /* names or numbers */
};

static int take(struct import *i, int c)
{
    struct vf_move *m = &i->moving.move;
    const struct {
        int option;
        const char **where;
    } words[] = {
        {O_TO, &m->target}, {O_NODE, &m->node}, {O_STORAGE, &m->storage}, {O_USER, &i->user}};
    for (size_t k = 0; k < VF_COUNT(words); k++)
        if (words[k].option == c) {
            *words[k].where = optarg;
            return 0;
        }
    return vf_moving_option(&i->moving, c);
}

/* What is missing on the command line; NULL: nothing. */
static const char *missing(const struct import *i, int words)
{
    const struct vf_move *m = &i->moving.move;
    return words < 1     ? "HOST or PATH"
           : !m->target  ? "--to"
           : !m->node    ? "--node"
           : !m->storage ? "--storage"
                         : NULL;
}

static bool looks_like_path(const char *s)
{
    return strchr(s, '/') || vf_ends(s, ".vmx") || vf_ends(s, ".ovf") || vf_ends(s, ".ova") ||
           access(s, F_OK) == 0;
}

/* The cluster that WORD is, made known when it is a host nobody has told of. */
static enum vf_exit find_source(struct import *i, const char *word)
{
    for (size_t k = 0; k < i->conf->n_clusters; k++) {
        const struct vf_cluster_conf *c = &i->conf->clusters[k];
        if (!vf_streq(c->name, word))
            continue;
        if (vf_streq(c->type, "pve")) {
            vf_say(stderr,
                   _("vmferry: %s is a Proxmox VE cluster: from there VMs are moved; see "
                     "vmferry move --help\n"),
                   word);
            return VF_EXIT_USAGE;
        }
        i->source = vf_strdup(word);
        return VF_EXIT_DONE;
    }
    if (!looks_like_path(word) || strstr(word, "://"))
        return vf_import_meet(&i->conf, word, i->user, i->moving.carry.yes, i->cache, &i->source);
    i->source = realpath(word, NULL);
    if (i->source)
        return VF_EXIT_DONE;
    bool path = strchr(word, '/');
    vf_say(stderr,
           path
               ? _("vmferry: %s cannot be read (%s); nothing was changed. Give the path of a .vmx, "
                   ".ovf or .ova file, or of a directory with some\n")
               : _("vmferry: there is no %s in this directory (%s), and vmferry.conf has no such "
                   "host; nothing was changed\n"),
           word, strerror(errno));
    return VF_EXIT_USAGE;
}

/* All that are in the files at the source, by name where that tells them apart. */
static int all_vms(struct import *i, struct vf_error **err)
{
    struct vf_survey_question q = {.kind = VF_SURVEY_VMS, .cluster = i->source};
    vf_auto(vf_survey_answer_free) struct vf_survey_answer *a =
        vf_import_look(i->conf, &q, i->cache, err);
    if (!a || a->error)
        return a ? vf_fail_with(err, VF_STEAL(a->error)) : -1;
    for (size_t k = 0; k < a->n_vms; k++) {
        unsigned same = 0;
        for (size_t j = 0; j < a->n_vms; j++)
            same += vf_streq(a->vms[j]->name, a->vms[k]->name);
        if (same == 1)
            vf_strv_add(&i->vms, a->vms[k]->name);
        else
            vf_strv_addf(&i->vms, "%u", a->vms[k]->id);
    }
    return 0;
}

static enum vf_exit import(struct import *i, char **words, int n)
{
    vf_autoerror struct vf_error *err = NULL;
    i->conf = vf_conf_load(i->moving.carry.config, &err);
    if (!i->conf)
        return vf_carry_failed(err, NULL);
    if (*i->moving.move.target == '/' || !vf_conf_cluster(i->conf, i->moving.move.target, &err)) {
        vf_fail(&err, VF_E_USAGE, "--to wants a cluster, not a path");
        return vf_carry_failed(err, NULL);
    }
    enum vf_exit code = find_source(i, words[0]);
    if (code != VF_EXIT_DONE)
        return code;
    for (int k = 1; k < n; k++)
        vf_strv_add(&i->vms, words[k]);
    if (n == 1 && *i->source != '/') {
        vf_say(
            stderr,
            _("vmferry: which VMs of %1$s? import wants their names; vmferry check --all %1$s %2$s "
              "lists them\n"),
            i->source, i->moving.move.target);
        return VF_EXIT_USAGE;
    }
    if (n == 1 && all_vms(i, &err) < 0)
        return vf_carry_failed(err, i->source);
    i->moving.move.source = i->source;
    return vf_moving_carry_out(i->conf, &i->moving, i->vms, vf_strv_len(i->vms), i->cache);
}

int vf_cmd_import(int argc, char **argv)
{
    struct import i = {.moving = {.move = {.verify_tls = true}}};
    optind = 1;
    argv[0] = (char *)"vmferry import"; /* for getopt's messages */
    for (int c; (c = getopt_long(argc, argv, VF_CARRY_LETTERS, long_options, NULL)) != -1;)
        if (take(&i, c) < 0) {
            fputs(_("See vmferry import --help.\n"), stderr);
            return VF_EXIT_USAGE;
        }
    if (i.moving.carry.help) {
        fputs(_(usage), stdout);
        return VF_EXIT_DONE;
    }
    if (i.moving.version) {
        puts("vmferry " PACKAGE_VERSION);
        return VF_EXIT_DONE;
    }
    const char *lacking = missing(&i, argc - optind);
    if (lacking) {
        vf_say(stderr, _("vmferry: import wants %s; see vmferry import --help\n"), lacking);
        return VF_EXIT_USAGE;
    }
    const struct vf_move *m = &i.moving.move;
    if (m->start_stopped && (m->skip_start || m->skip_disks)) {
        vf_say(stderr, _("vmferry: --start does not go with %s\n"),
               m->skip_start ? "--skip-start" : "--skip-disks");
        return VF_EXIT_USAGE;
    }
    vf_log_stderr(i.moving.carry.debug);
    i.cache = vf_tty_cache_new();
    i.vms = vf_strv_new();
    enum vf_exit code = import(&i, argv + optind, argc - optind);
    vf_strv_free(i.vms);
    vf_tty_cache_free(i.cache);
    vf_conf_free(i.conf);
    free(i.source);
    return (int)code;
}
