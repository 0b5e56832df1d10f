/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "base/i18n.h"
#include "base/secret.h"
#include "base/str.h"
#include "job/batch.h"
#include "job/job.h"
#include "ui/cmd/cmd.h"
#include "ui/plain.h"
#include "ui/unfinished.h"

#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* `__job MODE DIR`: the process a job runs in; vmferry starts it itself. */
static int cmd_job(int argc, char **argv)
{
    int mode = argc == 3 ? vf_job_mode(argv[1]) : -1;
    return mode < 0 ? VF_EXIT_USAGE : (int)vf_job_process(argv[2], (enum vf_job_mode)mode);
}

/* `__batch DIR`: the process that begins the jobs of a batch. */
static int cmd_batch(int argc, char **argv)
{
    return argc == 2 ? vf_batch_process(argv[1]) : VF_EXIT_USAGE;
}

static const struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary; /* NULL: not listed */
} commands[] = {
    {"move", vf_cmd_move, N_("move VMs from one cluster to another")},
    {"import", vf_cmd_import, N_("take VMs over from ESXi, vCenter or exported files")},
    {"run", vf_cmd_run, N_("carry out a plan that was saved")},
    {"check", vf_cmd_check, N_("say whether a plan, or every VM, could be moved")},
    {"jobs", vf_cmd_jobs, N_("list what was and is being done")},
    {"attach", vf_cmd_attach, N_("follow a running job")},
    {"resume", vf_cmd_resume, N_("go on with an interrupted job")},
    {"limit", vf_cmd_limit, N_("change how fast a running job copies")},
    {"pause", vf_cmd_pause, N_("stop a running job's copying for a while")},
    {"continue", vf_cmd_continue, N_("let a paused job copy again")},
    {"rollback", vf_cmd_rollback, N_("undo a job, or return to its source")},
    {"config", vf_cmd_config, N_("take over the configuration of proxmove")},
    {"cleanup", vf_cmd_cleanup, N_("remove what lost jobs have left on the hosts")},
    {"demo", vf_cmd_demo, N_("two small clusters on this machine, a move and an import")},
    {"__job", cmd_job, NULL},
    {"__batch", cmd_batch, NULL},
};

static void print_usage(FILE *out)
{
    fputs(_("usage: vmferry [-c FILE] [--plain] [--ascii] [--color=WHEN] [--mouse]\n"
            "       vmferry COMMAND [OPTION]...\n"
            "       vmferry --version\n\n"
            "Moves virtual machines between Proxmox VE clusters, and imports them from\n"
            "VMware: step by step on a terminal, or by command.\n\n"),
          out);
    for (size_t i = 0; i < VF_COUNT(commands); i++)
        if (commands[i].summary)
            fprintf(out, "  %-10s %s\n", commands[i].name, _(commands[i].summary));
    fputs(_("\nvmferry COMMAND --help tells about one; vmferry(1) about all.\n"), out);
}

int main(int argc, char **argv)
{
    setlocale(LC_ALL, "");
    const char *texts = getenv("VMFERRY_LOCALEDIR"); /* of a tree that is not installed */
    bindtextdomain(PACKAGE, texts ? texts : LOCALEDIR);
    textdomain(PACKAGE);
    signal(SIGPIPE, SIG_IGN);
    vf_secrets_no_core();
    vf_say_secrets();
    const char *name = argc > 1 ? argv[1] : NULL;
    if (vf_streq(name, "--version")) {
        puts("vmferry " PACKAGE_VERSION);
        return VF_EXIT_DONE;
    }
    if (vf_streq(name, "--help") || vf_streq(name, "-h")) {
        print_usage(stdout);
        return VF_EXIT_DONE;
    }
    for (size_t i = 0; name && i < VF_COUNT(commands); i++)
        if (vf_streq(name, commands[i].name))
            return commands[i].run(argc - 1, argv + 1);
    bool plain = false;
    for (int i = 1; name && name[0] == '-' && i < argc; i++)
        plain = plain || vf_streq(argv[i], "--plain");
    if (plain || (isatty(0) && isatty(1) && (!name || name[0] == '-')))
        return vf_cmd_wizard(argc, argv);
    if (name && name[0] == '-') {
        fputs(_("vmferry: without a command it needs a terminal, or --plain; see vmferry --help\n"),
              stderr);
    } else if (name) {
        fprintf(stderr, _("vmferry: there is no command '%s'; see vmferry --help\n"), name);
    } else {
        print_usage(stderr);
        vf_remind_unfinished();
    }
    return VF_EXIT_USAGE;
}
