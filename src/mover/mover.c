/* SPDX-License-Identifier: GPL-3.0-or-later */
/* vmferry-mover: the helper that runs on the hosts that hold the disks. See vmferry-mover(8). */
#include "config.h"
#include "mover/owner.h"

int main(int argc, char **argv)
{
    return vf_mover_main(argc, argv, &(struct vf_mover_program){.name = "vmferry-mover"});
}
