/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where a disk hangs: "scsi0" is number 0 of the bus scsi. Buses, their sizes and what each has of
 * its own are those of qm.conf(5). */
#ifndef VF_PLAN_SLOT_H
#define VF_PLAN_SLOT_H

#include <stdbool.h>

/* NULL when SLOT is one that a disk may be put at, else what it must be: "must be …". */
const char *vf_slot_check(const char *slot);
/* Has a disk at SLOT the option KEY ("ssd")? True for what is no matter of the bus. Also false for
 * the cache and the like of an EFI disk and a TPM, which are on no bus. */
bool vf_slot_takes(const char *slot, const char *key);
/* "scsi", or "" for what is on no bus ("efidisk0"). */
const char *vf_slot_bus(const char *slot);

#endif
