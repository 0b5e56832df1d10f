/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XML from elsewhere, by libxml2: nothing is fetched, no entity is put in, and a document that
 * declares any is refused. Names are looked at without their namespace. */
#ifndef VF_PROVIDER_XML_H
#define VF_PROVIDER_XML_H

#include <libxml/tree.h>
#include "base/buf.h"
#include "base/error.h"

#include <stdbool.h>

static inline void vf_xml_doc_free(xmlDoc *d)
{
    xmlFreeDoc(d);
}
VF_DEFINE_CLEANUP(xmlDoc *, vf_xml_doc_free)

/* NULL with CORRUPT: not XML, with a DTD, nested too deep. WHAT names it in the error. Caller frees
 * with xmlFreeDoc(). */
xmlDoc *vf_xml_parse(const char *data, size_t len, const char *what, struct vf_error **err);

/* The first element below N (may be NULL) named NAME (NULL: any); its next sibling of that name.
 * Borrowed, NULL: none. */
const xmlNode *vf_xml_child(const xmlNode *n, const char *name);
const xmlNode *vf_xml_next(const xmlNode *n, const char *name);
/* Along "runtime/powerState". */
const xmlNode *vf_xml_at(const xmlNode *n, const char *path);
/* The text in N without blanks around it; NULL: N is NULL or has none. Caller frees. */
char *vf_xml_text(const xmlNode *n);
char *vf_xml_content(const xmlNode *n); /* with its blanks */
char *vf_xml_text_at(const xmlNode *n, const char *path);
/* An attribute, whatever its namespace; NULL: not there. Caller frees. */
char *vf_xml_attr(const xmlNode *n, const char *name);
/* The same of no namespace: <val xsi:type="ManagedObjectReference" type="HostSystem"> has two. */
char *vf_xml_plain_attr(const xmlNode *n, const char *name);
/* Is attribute xsi:type TYPE, whatever its prefix? */
bool vf_xml_is_a(const xmlNode *n, const char *type);

/* TEXT as character data; what XML 1.0 cannot hold becomes '?'. */
void vf_xml_add_text(struct vf_buf *b, const char *text);
/* <NAME>VALUE</NAME> */
void vf_xml_add(struct vf_buf *b, const char *name, const char *value);

#endif
