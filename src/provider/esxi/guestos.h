/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What VMware calls a guest's operating system, as Proxmox VE calls it, and which virtual hardware
 * it has drivers for. */
#ifndef VF_PROVIDER_ESXI_GUESTOS_H
#define VF_PROVIDER_ESXI_GUESTOS_H

#include <stdint.h>
#include "plan/vm.h"

struct vf_guest_os {
    const char *ostype; /* of qm.conf(5) */
    enum vf_guest_age age;
};

/* ID is guestOS of a VMX file or guestId of the API ("debian10-64", "windows9Server64Guest");
 * DETAILS what VMware Tools reported ("... distroName='Ubuntu' distroVersion='12.04' ..."). Both
 * may be NULL. HARDWARE is the version of VMware's virtual hardware, 0: not known; it tells how old
 * may be what neither of them does. */
struct vf_guest_os vf_guest_os(const char *id, const char *details, uint64_t hardware);

#endif
