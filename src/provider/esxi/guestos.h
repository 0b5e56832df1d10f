/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What VMware calls a guest's operating system, as Proxmox VE calls it, and which virtual hardware
 * it has drivers for. */
#ifndef VF_PROVIDER_ESXI_GUESTOS_H
#define VF_PROVIDER_ESXI_GUESTOS_H

enum vf_guest_age {
    VF_GUEST_MODERN,  /* virtio out of the box */
    VF_GUEST_OLD,     /* IDE and e1000: its kernel or its initramfs may know no virtio */
    VF_GUEST_UNSURE,  /* from the time in between: a person knows */
    VF_GUEST_WINDOWS, /* virtio once its drivers are installed */
};

struct vf_guest_os {
    const char *ostype; /* of qm.conf(5) */
    enum vf_guest_age age;
};

/* ID is guestOS of a VMX file or guestId of the API ("debian10-64", "windows9Server64Guest");
 * DETAILS what VMware Tools reported ("... distroName='Ubuntu' distroVersion='12.04' ..."). Both
 * may be NULL. */
struct vf_guest_os vf_guest_os(const char *id, const char *details);

#endif
