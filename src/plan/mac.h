/* SPDX-License-Identifier: GPL-3.0-or-later */
/* MAC addresses as Proxmox writes them: upper case, colons. */
#ifndef VF_PLAN_MAC_H
#define VF_PLAN_MAC_H

#include "base/error.h"
#include "plan/plan.h"

/* "keep", "new" or an address in any case: MODE, and with VF_MAC_GIVEN *MAC in Proxmox's form
 * (caller frees). VF_E_USAGE for anything else, also for a multicast address. */
int vf_mac_rule(const char *rule, enum vf_mac_mode *mode, char **mac, struct vf_error **err);

/* A random unicast address that begins with PREFIX ("BC:24:11", one to five octets, as in a
 * cluster's mac_prefix; NULL: locally administered, 02:…). Caller frees; NULL with VF_E_USAGE for a
 * bad prefix. */
char *vf_mac_random(const char *prefix, struct vf_error **err);

#endif
