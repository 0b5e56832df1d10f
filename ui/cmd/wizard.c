/* SPDX-License-Identifier: GPL-3.0-or-later */
/* vmferry without a command: the wizard. */
#include "config.h"
#include "ui/cmd/cmd.h"
#include "ui/plain.h"
#include "ui/wizard/loop.h"
#include "ui/wizard/plain.h"
#include "job/job.h"
#include "base/i18n.h"
#include "base/str.h"

#include <getopt.h>
#include <stdio.h>

int vf_cmd_wizard(int argc, char **argv)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'}, {"ascii", no_argument, NULL, 'a'},
        {"color", required_argument, NULL, 'C'},  {"plain", no_argument, NULL, 'p'},
        {"mouse", no_argument, NULL, 'm'},        {0}};
    struct vf_screen_opts opts = {0};
    const char *config = NULL;
    bool plain = false;
    int c;
    while ((c = getopt_long(argc, argv, "c:", options, NULL)) != -1) {
        if (c == 'c')
            config = optarg;
        else if (c == 'a')
            opts.ascii = true;
        else if (c == 'p')
            plain = true;
        else if (c == 'm')
            opts.mouse = true;
        else if (c == 'C' && vf_streq(optarg, "never"))
            opts.plain = true;
        else if (c != 'C' || !vf_streq(optarg, "auto")) {
            fputs(_("See vmferry --help.\n"), stderr);
            return VF_EXIT_USAGE;
        }
    }
    if (optind < argc) {
        fprintf(stderr, _("vmferry: a command comes first, its options behind: vmferry %s ...\n"),
                argv[optind]);
        return VF_EXIT_USAGE;
    }
    vf_autoerror struct vf_error *err = NULL;
    vf_auto(vf_desk_free) struct vf_desk *desk = vf_desk_new(config, &err);
    int code = !desk ? -1 : plain ? vf_wizard_plain(desk) : vf_wizard_run(desk, &opts, &err);
    if (code >= 0)
        return code;
    vf_plain_error(err);
    return VF_EXIT_USAGE;
}
