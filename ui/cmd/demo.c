/* SPDX-License-Identifier: GPL-3.0-or-later */
/* vmferry demo: two small clusters and an ESXi host on this machine, a real move between the
 * clusters and an import from the host. */
#include "config.h"
#include "ui/cmd/cmd.h"
#include "ui/plain.h"
#include "base/i18n.h"
#include "base/proc.h"
#include "base/str.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int lab(const char *verb, const char *dir, struct vf_error **err)
{
    vf_autofree char *program = vf_proc_companion("vmferry-lab", "vmferry-lab");
    /* a vmferry that was built without Go has no ESXi host: then there is none */
    const char *argv[] = {program, verb, "--dir", dir, vf_streq(verb, "up") ? "--esxi" : NULL,
                          NULL};
    struct vf_proc p;
    if (vf_proc_start(argv, 0, -1, &p, err) < 0)
        return -1;
    int status = vf_proc_wait(&p, NULL, err);
    if (status > 0)
        vf_fail(err, VF_E_INTERNAL, _("vmferry-lab %s ended with status %d"), verb, status);
    return status == 0 ? 0 : -1;
}

/* The old one of the ESXi host's VMs, if there is that host. */
static int import(const char *dir, char *conf)
{
    vf_autofree char *host = vf_asprintf("%s/esx1/fingerprint", dir);
    if (access(host, F_OK) < 0)
        return VF_EXIT_DONE;
    putchar('\n');
    fflush(stdout);
    char *argv[] = {"import",           "-c",    conf,   "--yes",     "--bridge",
                    "VM Network=vmbr0", "--to",  "beta", "--node",    "b1",
                    "--storage",        "local", "esx1", "old-lenny", NULL};
    return vf_cmd_import(VF_COUNT(argv) - 1, argv);
}

int vf_cmd_demo(int argc, char **argv)
{
    bool unattended = argc == 2 && vf_streq(argv[1], "--unattended");
    if (argc > 1 && !unattended) {
        bool help = vf_streq(argv[1], "--help") || vf_streq(argv[1], "-h");
        fputs(_("usage: vmferry demo [--unattended]\n\n"
                "Starts two small Proxmox clusters, alpha and beta, and an ESXi host, esx1, on\n"
                "this machine, moves the VM web1 from alpha to beta, imports old-lenny from esx1,\n"
                "and stops them again. Nothing is asked.\n"),
              help ? stdout : stderr);
        return help ? VF_EXIT_DONE : VF_EXIT_USAGE;
    }
    char dir[] = "/tmp/vmferry-demo-XXXXXX";
    vf_autoerror struct vf_error *err = NULL;
    if (!mkdtemp(dir)) {
        vf_fail_errno(&err, errno, "%s", dir);
        vf_plain_error(err);
        return VF_EXIT_FAILED;
    }
    vf_autofree char *conf = vf_asprintf("%s/vmferry.conf", dir),
                     *state = vf_asprintf("%s/state", dir);
    /* ^C belongs to the move, which puts things back; the clusters are stopped in every case */
    signal(SIGINT, SIG_IGN);
    setenv("XDG_STATE_HOME", state, 1);
    int code = VF_EXIT_FAILED;
    if (lab("up", dir, &err) == 0) {
        char *move[] = {"move", "-c", conf, "--yes", "alpha", "beta", "b1", "local", "web1", NULL};
        code = vf_cmd_move(VF_COUNT(move) - 1, move);
        if (code == VF_EXIT_DONE)
            code = import(dir, conf);
    }
    if (err)
        vf_plain_error(err);
    vf_autoerror struct vf_error *down = NULL;
    if (lab("down", dir, &down) < 0) {
        vf_plain_error(down);
        code = code ? code : VF_EXIT_FAILED;
    } else {
        puts(_("The demo clusters, and with them the log, are removed."));
    }
    return code;
}
