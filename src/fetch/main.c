/* SPDX-License-Identifier: GPL-3.0-or-later */
/* vmferry-fetch: the mover for disks that are read over the network or from parts of files, on the
 * machine where vmferry runs. See vmferry-mover(8). */
#include "config.h"
#include "base/secret.h"
#include "fetch/fetch.h"
#include "mover/owner.h"

int main(int argc, char **argv)
{
    vf_secrets_no_core();
    vf_disk_add_kind(&vf_fetch_kind);
    vf_fetch_begin(vf_owner_note);
    int status = vf_mover_main(
        argc, argv, &(struct vf_mover_program){.name = "vmferry-fetch", .source = vf_fetch_source});
    vf_fetch_end();
    return status;
}
