/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "provider/xml.h"
#include "base/str.h"

#include <limits.h>
#include <pthread.h>
#include <string.h>
#include <libxml/parser.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;

xmlDoc *vf_xml_parse(const char *data, size_t len, const char *what, struct vf_error **err)
{
    pthread_once(&once, xmlInitParser);
    vf_auto(vf_xml_doc_free) xmlDoc *doc = NULL;
    if (len && len < INT_MAX)
        doc = xmlReadMemory(data, (int)len, NULL, NULL,
                            XML_PARSE_NONET | XML_PARSE_NOCDATA | XML_PARSE_NOERROR |
                                XML_PARSE_NOWARNING | XML_PARSE_COMPACT);
    if (!doc || !xmlDocGetRootElement(doc)) {
        vf_fail(err, VF_E_CORRUPT, "%s is not XML", what);
        return NULL;
    }
    if (doc->intSubset || doc->extSubset) {
        vf_fail(err, VF_E_CORRUPT, "%s declares a document type, which is not read", what);
        return NULL;
    }
    return VF_STEAL(doc);
}

static const xmlNode *first_of(const xmlNode *n, const char *name)
{
    while (n && (n->type != XML_ELEMENT_NODE || (name && strcmp((const char *)n->name, name))))
        n = n->next;
    return n;
}

const xmlNode *vf_xml_child(const xmlNode *n, const char *name)
{
    return n && n->type == XML_ELEMENT_NODE ? first_of(n->children, name) : NULL;
}

const xmlNode *vf_xml_next(const xmlNode *n, const char *name)
{
    return first_of(n->next, name);
}

const xmlNode *vf_xml_at(const xmlNode *n, const char *path)
{
    vf_autostrv char **names = vf_strv_split(path, "/");
    for (char **p = names; *p && n; p++)
        n = vf_xml_child(n, *p);
    return n;
}

char *vf_xml_content(const xmlNode *n)
{
    xmlChar *all = n ? xmlNodeGetContent((xmlNode *)n) : NULL;
    char *out = all && *all ? vf_strdup((const char *)all) : NULL;
    xmlFree(all);
    return out;
}

char *vf_xml_text(const xmlNode *n)
{
    static const char blank[] = " \t\r\n";
    vf_autofree char *all = vf_xml_content(n);
    const char *text = all ? all + strspn(all, blank) : "";
    size_t len = strlen(text);
    while (len && strchr(blank, text[len - 1]))
        len--;
    return len ? vf_strndup(text, len) : NULL;
}

char *vf_xml_text_at(const xmlNode *n, const char *path)
{
    return vf_xml_text(vf_xml_at(n, path));
}

char *vf_xml_attr(const xmlNode *n, const char *name)
{
    for (const xmlAttr *a = n ? n->properties : NULL; a; a = a->next)
        if (!strcmp((const char *)a->name, name)) {
            xmlChar *value = xmlNodeGetContent((xmlNode *)(void *)a);
            char *out = vf_strdup((const char *)value);
            xmlFree(value);
            return out;
        }
    return NULL;
}

char *vf_xml_plain_attr(const xmlNode *n, const char *name)
{
    xmlChar *value = n ? xmlGetNoNsProp((xmlNode *)(uintptr_t)n, (const xmlChar *)name) : NULL;
    char *out = value ? vf_strdup((const char *)value) : NULL;
    xmlFree(value);
    return out;
}

bool vf_xml_is_a(const xmlNode *n, const char *type)
{
    static const char xsi[] = "http://www.w3.org/2001/XMLSchema-instance";
    xmlChar *is =
        n ? xmlGetNsProp((xmlNode *)(uintptr_t)n, (const xmlChar *)"type", (const xmlChar *)xsi)
          : NULL;
    const char *colon = is ? strrchr((const char *)is, ':') : NULL;
    bool same = is && vf_streq(colon ? colon + 1 : (const char *)is, type);
    xmlFree(is);
    return same;
}

void vf_xml_add_text(struct vf_buf *b, const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if (*p == '<')
            vf_buf_puts(b, "&lt;");
        else if (*p == '>')
            vf_buf_puts(b, "&gt;");
        else if (*p == '&')
            vf_buf_puts(b, "&amp;");
        else if (*p == '\r')
            vf_buf_puts(b, "&#13;");
        else if (*p < ' ' && *p != '\n' && *p != '\t')
            vf_buf_puts(b, "?");
        else
            vf_buf_add(b, p, 1);
    }
}

void vf_xml_add(struct vf_buf *b, const char *name, const char *value)
{
    vf_buf_printf(b, "<%s>", name);
    vf_xml_add_text(b, value);
    vf_buf_printf(b, "</%s>", name);
}
