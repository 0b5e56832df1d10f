/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SOAP 1.1 as vSphere speaks it: a call as an envelope, an answer or a fault out of one. No
 * network, no session. */
#ifndef VF_PROVIDER_ESXI_SOAP_H
#define VF_PROVIDER_ESXI_SOAP_H

#include "provider/xml.h"

/* A reference to an object of the server: "VirtualMachine", "vm-12". */
struct vf_moref {
    char *type, *id;
};
void vf_moref_clear(struct vf_moref *r);
/* What N refers to by its content and attribute; false: nothing. */
bool vf_moref_read(const xmlNode *n, struct vf_moref *out);
/* <NAME type="TYPE">ID</NAME> */
void vf_moref_add(struct vf_buf *b, const char *name, const struct vf_moref *r);

/* The envelope around a call of METHOD of THIS; ARGS is XML. OUT is cleared first. */
void vf_soap_call(struct vf_buf *out, const struct vf_moref *self, const char *method,
                  const char *args);

struct vf_soap {
    xmlDoc *doc;
    const xmlNode *result; /* the first <returnval>; NULL: there is none */
    char *fault;           /* type of a fault ("InvalidLogin", "" when it has none); NULL: none */
    char *text;            /* what it says, never NULL then; from the server: escape */
    char *privilege;       /* that a NoPermission misses; NULL: not told */
};
/* CORRUPT when it is no SOAP answer. OUT is to be cleared in either case. */
int vf_soap_read(const char *data, size_t len, struct vf_soap *out, struct vf_error **err);
void vf_soap_clear(struct vf_soap *s);
#define vf_autosoap __attribute__((cleanup(vf_soap_clear)))

/* A fault as an error. PRIVILEGE may be NULL. Returns -1. */
int vf_soap_fail(const char *fault, const char *text, const char *privilege, struct vf_error **err);
/* The LocalizedMethodFault at N (of a task, of a property), as fault and text; caller frees both.
 */
void vf_soap_fault_at(const xmlNode *n, char **fault, char **text);

/* The value of property NAME in PROPS, an ObjectContent; borrowed. NULL: not set, or not to be
 * seen.
 */
const xmlNode *vf_api_value(const xmlNode *props, const char *name);
char *vf_api_text(const xmlNode *props, const char *name); /* its text; caller frees */

#endif
