/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Copies to another host whose movers or streams are cut: they go on where they were, and what
 * arrives is what the source has. */
#include "config.h"
#include "tests/unit/resume-fixture.h"

static void kill_streams(struct rig *r)
{
    signal_logins((const char *const[]){r->job, " join "}, SIGKILL);
}

static const struct kind kinds[] = {
    {"the far mover is killed", kill_target, true, false, false, FEW_KILLS},
    {"the streams are killed", kill_streams, true, false, false, (KILLS + 1) / 2},
};

int main(void)
{
    return main_far("resume-streams", kinds, VF_COUNT(kinds), NULL);
}
