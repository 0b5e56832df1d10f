/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What move and import have in common: the options that say how VMs are moved, and moving them. */
#ifndef VF_UI_CMD_MOVING_H
#define VF_UI_CMD_MOVING_H

#include <getopt.h>
#include "ui/cmd/carry.h"

struct vf_moving {
    struct vf_move move;
    struct vf_carry carry;
    bool version;
};

enum {
    VF_O_METHOD = 256,
    VF_O_SKIP_START,
    VF_O_SKIP_DISKS,
    VF_O_NO_PRECOPY,
    VF_O_BWLIMIT,
    VF_O_COMPRESS,
    VF_O_STREAMS,
    VF_O_ROUTE,
    VF_O_VERIFY,
    VF_O_BRIDGE,
    VF_O_VLAN,
    VF_O_MAC,
    VF_O_FORMAT,
    VF_O_VMID,
    VF_O_IGNORE_EXISTS,
    VF_O_TIMEOUT,
    VF_O_REHEARSE,
    VF_O_SERVICE,
    VF_O_PORTS,
    VF_O_ADDRESS,
    VF_O_WAIT_STOP,
    VF_O_WAIT_START,
    VF_O_NO_VERIFY,
    VF_O_SAVE,
    VF_O_CIPHERS,
    VF_O_PROFILE,
    VF_O_CONSOLE,
    VF_O_DRIVER_DISK,
    VF_O_START,
    VF_O_REMOVE_SNAPSHOTS,
    VF_O_VERSION,
    VF_O_OWN, /* from here on each command's own */
};

/* Those that both have; each may list more of the above. */
#define VF_MOVING_OPTIONS                                                                          \
    {"skip-start", no_argument, NULL, VF_O_SKIP_START},                                            \
        {"skip-disks", no_argument, NULL, VF_O_SKIP_DISKS},                                        \
        {"bwlimit", required_argument, NULL, VF_O_BWLIMIT},                                        \
        {"compress", required_argument, NULL, VF_O_COMPRESS},                                      \
        {"streams", required_argument, NULL, VF_O_STREAMS},                                        \
        {"verify", required_argument, NULL, VF_O_VERIFY},                                          \
        {"bridge", required_argument, NULL, VF_O_BRIDGE},                                          \
        {"vlan", required_argument, NULL, VF_O_VLAN}, {"mac", required_argument, NULL, VF_O_MAC},  \
        {"format", required_argument, NULL, VF_O_FORMAT},                                          \
        {"vmid", required_argument, NULL, VF_O_VMID},                                              \
        {"ignore-exists", no_argument, NULL, VF_O_IGNORE_EXISTS},                                  \
        {"stop-timeout", required_argument, NULL, VF_O_TIMEOUT},                                   \
        {"rehearse", no_argument, NULL, VF_O_REHEARSE},                                            \
        {"service-test", no_argument, NULL, VF_O_SERVICE},                                         \
        {"ports", required_argument, NULL, VF_O_PORTS},                                            \
        {"address", required_argument, NULL, VF_O_ADDRESS},                                        \
        {"wait-before-stop", no_argument, NULL, VF_O_WAIT_STOP},                                   \
        {"wait-before-start", no_argument, NULL, VF_O_WAIT_START},                                 \
        {"no-verify-ssl", no_argument, NULL, VF_O_NO_VERIFY},                                      \
        {"ssh-ciphers", required_argument, NULL, VF_O_CIPHERS},                                    \
        {"save-plan", required_argument, NULL, VF_O_SAVE},                                         \
    {                                                                                              \
        "version", no_argument, NULL, VF_O_VERSION                                                 \
    }

/* Takes the option C of getopt (also the common ones of carry.h); -1: it is none, or its argument
 * is wrong, which was said. */
int vf_moving_option(struct vf_moving *o, int c);

/* Moves the N VMs (names or VMIDs) as O says, whose source, target, node and storage are filled in.
 * CACHE has what was asked before; NULL: nothing. */
enum vf_exit vf_moving_carry_out(const struct vf_conf *conf, const struct vf_moving *o,
                                 char *const *vms, size_t n, struct vf_tty_cache *cache);

#endif
