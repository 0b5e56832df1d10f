/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Between ovf.c and ovf_vm.c. */
#ifndef VF_PROVIDER_FILES_OVF_INT_H
#define VF_PROVIDER_FILES_OVF_INT_H

#include <libxml/parser.h>
#include <libxml/tree.h>
#include "provider/files/ovf.h"
#include "base/buf.h"
#include "base/str.h"

/* Is N an element of that local name? */
bool vf_ovf_is(const xmlNode *n, const char *local);
xmlNode *vf_ovf_child(const xmlNode *n, const char *local); /* NULL, also of NULL: none */
/* Callers free; NULL: not there. vf_ovf_child_text(): nor empty, without blanks around it. */
char *vf_ovf_text(const xmlNode *n);
char *vf_ovf_child_text(const xmlNode *n, const char *local);
char *vf_ovf_attribute(const xmlNode *n, const char *local);
uint64_t vf_ovf_number(const char *text); /* 0: none, also of NULL */

/* Reads one VirtualSystem into OUT. */
int vf_ovf_read_vm(const struct vf_ovf *o, const xmlNode *system, const char *configuration,
                   const char *name, struct vf_ovf_vm *out, struct vf_error **err);

#endif
