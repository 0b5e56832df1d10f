/* SPDX-License-Identifier: GPL-3.0-or-later */
/* vmferry move SRC DST NODE STORAGE VM... */
#include "config.h"
#include "ui/cmd/cmd.h"
#include "ui/cmd/moving.h"
#include "ui/say.h"
#include "base/i18n.h"
#include "base/log.h"

#include <getopt.h>
#include <stdio.h>

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
       "      --vlan FROM=TAG  cards of bridge FROM get VLAN tag TAG (0: none); *.OLD is\n"
       "                       those with tag OLD; may be given again, too\n"
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

static const struct option long_options[] = {
    VF_CARRY_OPTIONS,
    VF_SEVERAL_OPTIONS,
    VF_MOVING_OPTIONS,
    {"method", required_argument, NULL, VF_O_METHOD},
    {"no-precopy", no_argument, NULL, VF_O_NO_PRECOPY},
    {"route", required_argument, NULL, VF_O_ROUTE},
    {0},
};

int vf_cmd_move(int argc, char **argv)
{
    struct vf_moving o = {.move = {.verify_tls = true}};
    optind = 1;
    argv[0] = (char *)"vmferry move"; /* for getopt's messages */
    for (int c; (c = getopt_long(argc, argv, VF_CARRY_LETTERS, long_options, NULL)) != -1;)
        if (vf_moving_option(&o, c) < 0) {
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
    return vf_moving_carry_out(conf, &o, argv + optind + 4, n, NULL);
}
