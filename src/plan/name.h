/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names of VMs with a suffix that says what is being done to them. */
#ifndef VF_PLAN_NAME_H
#define VF_PLAN_NAME_H

#define VF_CREATING "--CREATING"
#define VF_CLONING  "--CLONING"
#define VF_MIGRATED "--MIGRATED"
#define VF_RETURNED "--RETURNED"
#define VF_TEST     "--TEST"

/* NAME with SUFFIX, cut before it where it would be longer than a DNS name may be (63 characters
 * behind the last dot, 253 in all). Caller frees. */
char *vf_name_with(const char *name, const char *suffix);

#endif
