/* SPDX-License-Identifier: GPL-3.0-or-later */
/* vmferry without a command: the wizard. */
#include "config.h"
#include "ui/cmd/cmd.h"
#include "ui/plain.h"
#include "ui/wizard/loop.h"
#include "job/job.h"
#include "base/i18n.h"
#include "base/str.h"

#include <getopt.h>
#include <stdio.h>

int vf_cmd_wizard(int argc, char **argv)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"ascii", no_argument, NULL, 'a'},
                                            {"color", required_argument, NULL, 'C'},
                                            {0}};
    struct vf_screen_opts opts = {0};
    const char *config = NULL;
    int c;
    while ((c = getopt_long(argc, argv, "c:", options, NULL)) != -1) {
        if (c == 'c')
            config = optarg;
        else if (c == 'a')
            opts.ascii = true;
        else if (c == 'C' && vf_streq(optarg, "never"))
            opts.plain = true;
        else if (c != 'C' || !vf_streq(optarg, "auto")) {
            fputs(_("See vmferry --help.\n"), stderr);
            return VF_EXIT_USAGE;
        }
    }
    vf_autoerror struct vf_error *err = NULL;
    vf_auto(vf_desk_free) struct vf_desk *desk = vf_desk_new(config, &err);
    int code = desk ? vf_wizard_run(desk, &opts, &err) : -1;
    if (code >= 0)
        return code;
    vf_plain_error(err);
    return VF_EXIT_USAGE;
}
