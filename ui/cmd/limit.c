/* SPDX-License-Identifier: GPL-3.0-or-later */
/* vmferry limit, pause, continue: how fast a running job may copy, and whether at all. */
#include "config.h"
#include "ui/cmd/cmd.h"
#include "ui/plain.h"
#include "ui/say.h"
#include "job/client.h"
#include "job/job.h"
#include "job/state.h"
#include "base/i18n.h"
#include "base/str.h"

#include <stdio.h>

enum { ANSWER_MS = 10 * 1000 };

static const char usage[] =
    N_("usage: vmferry limit [JOB] MBPS|none\n\n"
       "Changes how fast a running job copies: at most MBPS Mbit/s, or as fast as it\n"
       "goes. The job keeps it when it is interrupted and goes on later. JOB is an ID or\n"
       "its beginning, and may be left out when only one job runs.\n");

/* The one job that runs, or NULL with *err; caller frees. */
static char *only_running(struct vf_error **err)
{
    vf_autostrv char **ids = vf_job_ids();
    char *found = NULL;
    for (size_t i = 0; ids[i]; i++) {
        vf_autofree char *dir = vf_job_dir(ids[i]);
        if (!vf_job_is_locked(dir, NULL, NULL))
            continue;
        if (found) {
            free(found);
            vf_fail(err, VF_E_CONFLICT, _("several jobs run; name one (vmferry jobs lists them)"));
            return NULL;
        }
        found = vf_strdup(ids[i]);
    }
    if (!found)
        vf_fail(err, VF_E_NOTFOUND, _("no job runs"));
    return found;
}

/* The socket of job ID, which has to run. */
static struct vf_client *reach(const char *id, struct vf_error **err)
{
    vf_autofree char *dir = vf_job_dir(id);
    if (vf_job_is_locked(dir, NULL, NULL))
        return vf_client_open(id, err);
    vf_fail(err, VF_E_NOTFOUND, _("job %s does not run"), id);
    return NULL;
}

static int set_rate(const char *id, uint64_t rate, struct vf_error **err)
{
    vf_auto(vf_client_free) struct vf_client *c = reach(id, err);
    if (!c || vf_client_rate(c, rate, ANSWER_MS, err) < 0)
        return -1;
    vf_autofree char *text = vf_plain_limit(rate);
    vf_say(stdout, "%s: %s\n", id, text);
    return 0;
}

int vf_cmd_limit(int argc, char **argv)
{
    bool help = argc > 1 && (vf_streq(argv[1], "--help") || vf_streq(argv[1], "-h"));
    if (argc < 2 || argc > 3 || help) {
        fputs(_(usage), help ? stdout : stderr);
        return help ? VF_EXIT_DONE : VF_EXIT_USAGE;
    }
    const char *text = argv[argc - 1];
    uint64_t mbps = 0;
    if (!vf_streq(text, "none") && vf_parse_u64(text, 1, VF_MAX_MBPS, &mbps) < 0) {
        vf_say(stderr, _("vmferry: limit wants a number from 1 to %d (Mbit/s) or none, not '%s'\n"),
               VF_MAX_MBPS, text);
        return VF_EXIT_USAGE;
    }
    vf_autoerror struct vf_error *err = NULL;
    vf_autofree char *id = argc == 3 ? vf_job_resolve(argv[1], &err) : only_running(&err);
    if (!id || set_rate(id, mbps * VF_MBPS, &err) < 0) {
        vf_plain_error(err);
        return id ? VF_EXIT_FAILED : VF_EXIT_USAGE;
    }
    return VF_EXIT_DONE;
}

static const char pause_usage[] =
    N_("usage: vmferry pause [JOB]\n"
       "       vmferry continue [JOB]\n\n"
       "Copies nothing more until it is continued; all else stays as it is, also a VM that\n"
       "is shut down. A job that is interrupted and goes on later copies again. JOB is an\n"
       "ID or its beginning, and may be left out when only one job runs.\n");

static int set_pause(const char *id, bool pause, struct vf_error **err)
{
    vf_auto(vf_client_free) struct vf_client *c = reach(id, err);
    if (!c || vf_client_pause(c, pause, ANSWER_MS, err) < 0)
        return -1;
    vf_say(stdout, pause ? _("%s: paused; go on with vmferry continue\n") : _("%s: copies again\n"),
           id);
    return 0;
}

static int pause_command(int argc, char **argv, bool pause)
{
    bool help = argc > 1 && (vf_streq(argv[1], "--help") || vf_streq(argv[1], "-h"));
    if (argc > 2 || help) {
        fputs(_(pause_usage), help ? stdout : stderr);
        return help ? VF_EXIT_DONE : VF_EXIT_USAGE;
    }
    vf_autoerror struct vf_error *err = NULL;
    vf_autofree char *id = argc == 2 ? vf_job_resolve(argv[1], &err) : only_running(&err);
    if (id && set_pause(id, pause, &err) == 0)
        return VF_EXIT_DONE;
    vf_plain_error(err);
    return id ? VF_EXIT_FAILED : VF_EXIT_USAGE;
}

int vf_cmd_pause(int argc, char **argv)
{
    return pause_command(argc, argv, true);
}

int vf_cmd_continue(int argc, char **argv)
{
    return pause_command(argc, argv, false);
}
