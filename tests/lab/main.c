/* SPDX-License-Identifier: GPL-3.0-or-later */
/* vmferry-lab: two small Proxmox VE clusters on loopback addresses, for demonstrations and tests.
 */
#include "config.h"
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "tests/lab/lab.h"

static const char help[] =
    "usage: vmferry-lab up --dir DIR [--api-version VERSION] [--auth-delay MS]\n"
    "           [--profile demo|captures|many] [--no-namespaces] [--esxi]\n"
    "       vmferry-lab esxi --dir DIR [--name NAME] [--profile full|demo] [--vcenter]\n"
    "           [--api-version 5.5.0|6.5.0|7.0.3|8.0.2] [--old-tls] [--ssh-off] [--ssh-old]\n"
    "       vmferry-lab down --dir DIR [--keep]\n"
    "       vmferry-lab ctl --dir DIR CLUSTER COMMAND…\n"
    "\n"
    "up     starts the clusters alpha and beta, each with two nodes, and returns when\n"
    "       they are ready. VERSION of the API: 6.4, 7.4, 8.4 or 9.2, or one each:\n"
    "       alpha=6.4,beta=9.2. DIR then holds vmferry.conf to reach them with, keys,\n"
    "       secrets and logs. With --esxi there is an ESXi host esx1 with two VMs, too,\n"
    "       where vmferry was built with Go.\n"
    "esxi   starts an ESXi host, or a vCenter, with VMs of every kind, in a new lab or in\n"
    "       one that runs, and adds it to its vmferry.conf. Its SSH is as a host has it;\n"
    "       --ssh-off: until the API switches it on, --ssh-old: with old algorithms only.\n"
    "down   ends them and removes DIR (not with --keep).\n"
    "ctl    looks into a cluster, or makes it fail: faults in a queue (a call that\n"
    "       fails, is cut off or slow, a task that fails or hangs), a node offline,\n"
    "       its sshd stopped, no quorum, no space. CLUSTER may be an ESXi host. Without a\n"
    "       COMMAND it lists them, and `fault` alone lists the faults.\n";

/* Absolute, without symbolic links, also when it does not exist yet. Caller frees. */
static char *absolute(const char *dir, bool make, struct vf_error **err)
{
    char resolved[PATH_MAX];
    if (make && vf_mkdirs(dir, 0755, err))
        return NULL;
    if (!realpath(dir, resolved)) {
        vf_fail_errno(err, errno, "%s", dir);
        return NULL;
    }
    return vf_strdup(resolved);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"dir", required_argument, NULL, 'd'},
        {"auth-delay", required_argument, NULL, 'a'},
        {"api-version", required_argument, NULL, 'v'},
        {"profile", required_argument, NULL, 'p'},
        {"keep", no_argument, NULL, 'k'},
        {"esxi", no_argument, NULL, 'E'},
        {"name", required_argument, NULL, 'n'},
        {"vcenter", no_argument, NULL, 'C'},
        {"old-tls", no_argument, NULL, 'T'},
        {"ssh-old", no_argument, NULL, 'O'},
        {"ssh-off", no_argument, NULL, 'F'},
        {"no-namespaces", no_argument, NULL, 'N'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},
        {NULL, 0, NULL, 0},
    };
    struct lab_options o = {.auth_delay = 3000};
    vf_autoerror struct vf_error *err = NULL;
    uint64_t ms;
    int opt;
    while ((opt = getopt_long(argc, argv, "+", options, NULL)) != -1 ||
           (optind == 1 && argc > 1 && argv[1][0] != '-')) {
        if (opt == -1) { /* the command comes first, options behind it */
            optind++;
            continue;
        }
        switch (opt) {
        case 'd':
            o.dir = optarg;
            break;
        case 'p':
            o.profile = optarg;
            break;
        case 'v':
            o.versions = optarg;
            break;
        case 'n':
            o.name = optarg;
            break;
        case 'E':
            o.esxi = true;
            break;
        case 'C':
            o.vcenter = true;
            break;
        case 'T':
            o.old_tls = true;
            break;
        case 'O':
            o.ssh_old = true;
            break;
        case 'F':
            o.ssh_off = true;
            break;
        case 'N':
            o.no_namespaces = true;
            break;
        case 'k':
            o.keep = true;
            break;
        case 'a':
            if (vf_parse_u64(optarg, 0, 60000, &ms)) {
                fprintf(stderr, "vmferry-lab: --auth-delay wants milliseconds\n");
                return 2;
            }
            o.auth_delay = (int)ms;
            break;
        case 'h':
            fputs(help, stdout);
            return 0;
        case 'V':
            puts("vmferry-lab " PACKAGE_VERSION);
            return 0;
        default:
            fputs(help, stderr);
            return 2;
        }
    }
    const char *command = argc > 1 ? argv[1] : "";
    if (!o.dir) {
        fputs(help, stderr);
        return 2;
    }
    vf_autofree char *dir =
        absolute(o.dir, vf_streq(command, "up") || vf_streq(command, "esxi"), &err);
    int r = -1;
    o.dir = dir;
    if (!dir) {
        /* said below */
    } else if (vf_streq(command, "up")) {
        o.profile = o.profile ? o.profile : "demo";
        r = lab_up(&o, &err);
    } else if (vf_streq(command, "esxi")) {
        r = lab_esxi(&o, &err);
    } else if (vf_streq(command, "down")) {
        r = lab_down(dir, o.keep, &err);
    } else if (vf_streq(command, "ctl") && argc - optind >= 1) {
        return lab_ctl_client(dir, argv[optind], argv + optind + 1);
    } else {
        fputs(help, stderr);
        return 2;
    }
    if (r)
        fprintf(stderr, "vmferry-lab: %s\n", vf_error_text(err));
    return r ? 1 : 0;
}
