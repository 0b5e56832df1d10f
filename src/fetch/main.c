/* SPDX-License-Identifier: GPL-3.0-or-later */
/* vmferry-fetch: the mover for disks that are read over the network or from parts of files, on the
 * machine where vmferry runs. See vmferry-mover(8). */
#include "config.h"
#include "base/i18n.h"
#include "base/secret.h"
#include "fetch/fetch.h"
#include "mover/owner.h"

#include <locale.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    /* what it says in passing is shown beside the job's own words; numbers stay as they are */
    setlocale(LC_CTYPE, "");
    setlocale(LC_MESSAGES, "");
    const char *texts = getenv("VMFERRY_LOCALEDIR"); /* of a tree that is not installed */
    bindtextdomain(PACKAGE, texts ? texts : LOCALEDIR);
    textdomain(PACKAGE);
    vf_secrets_no_core();
    vf_disk_add_kind(&vf_fetch_kind);
    vf_fetch_begin(vf_owner_note);
    int status = vf_mover_main(
        argc, argv, &(struct vf_mover_program){.name = "vmferry-fetch", .source = vf_fetch_source});
    vf_fetch_end();
    return status;
}
