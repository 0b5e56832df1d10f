/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which TCP ports of a VM are tried before and after a move, and at which addresses, as texts of a
 * plan. */
#ifndef VF_PLAN_SERVICE_H
#define VF_PLAN_SERVICE_H

#include <stddef.h>
#include <stdint.h>

/* For vf_plan's service_ports: those that services usually have. */
#define VF_COMMON_PORTS "common"

/* NULL when VALUE is a list of ports ("22,443") or VF_COMMON_PORTS, else what it must be. */
const char *vf_ports_check(const char *value);
/* The ports of a good VALUE; an array of *N, caller frees. */
uint16_t *vf_ports_parse(const char *value, size_t *n);
/* The same for a list of numeric addresses ("10.0.0.5,fd00::5"). */
const char *vf_addresses_check(const char *value);

#endif
