/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "provider/esxi/soap.h"
#include "base/str.h"

#include <string.h>

void vf_moref_clear(struct vf_moref *r)
{
    free(r->type);
    free(r->id);
    *r = (struct vf_moref){0};
}

bool vf_moref_read(const xmlNode *n, struct vf_moref *out)
{
    *out = (struct vf_moref){vf_xml_plain_attr(n, "type"), vf_xml_text(n)};
    if (out->type && out->id)
        return true;
    vf_moref_clear(out);
    return false;
}

void vf_moref_add(struct vf_buf *b, const char *name, const struct vf_moref *r)
{
    vf_buf_printf(b, "<%s type=\"%s\">", name, r->type);
    vf_xml_add_text(b, r->id);
    vf_buf_printf(b, "</%s>", name);
}

void vf_soap_call(struct vf_buf *out, const struct vf_moref *self, const char *method,
                  const char *args)
{
    vf_buf_clear(out);
    vf_buf_puts(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                     "<soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\""
                     " xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\""
                     " xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><soapenv:Body>");
    vf_buf_printf(out, "<%s xmlns=\"urn:vim25\">", method);
    vf_moref_add(out, "_this", self);
    vf_buf_puts(out, args);
    vf_buf_printf(out, "</%s></soapenv:Body></soapenv:Envelope>", method);
}

void vf_soap_clear(struct vf_soap *s)
{
    xmlFreeDoc(s->doc);
    free(s->fault);
    free(s->text);
    free(s->privilege);
    *s = (struct vf_soap){0};
}

/* The type of a fault's element: xsi:type, else "InvalidLoginFault" without its end. */
static char *fault_type(const xmlNode *n)
{
    if (!n)
        return NULL;
    vf_autofree char *type = vf_xml_attr(n, "type");
    const char *colon = type ? strrchr(type, ':') : NULL;
    if (type)
        return vf_strdup(colon ? colon + 1 : type);
    char *name = vf_strdup((const char *)n->name);
    if (vf_ends(name, "Fault"))
        name[strlen(name) - strlen("Fault")] = '\0';
    return name;
}

/* Of free ESXi, also where the type of the fault is lost on the way. */
static char *with_licence(char *fault, const char *text)
{
    if (!strcasestr(text, "prohibits execution"))
        return fault;
    free(fault);
    return vf_strdup("RestrictedVersion");
}

static void read_fault(const xmlNode *n, struct vf_soap *out)
{
    const xmlNode *detail = vf_xml_child(vf_xml_child(n, "detail"), NULL);
    out->fault = fault_type(detail);
    if (!out->fault)
        out->fault = vf_strdup("");
    out->text = vf_xml_text_at(n, "faultstring");
    if (!out->text)
        out->text = vf_xml_text_at(detail, "localizedMessage");
    if (!out->text)
        out->text = vf_strdup("no reason is told");
    out->fault = with_licence(out->fault, out->text);
    out->privilege = vf_xml_text_at(detail, "privilegeId");
}

int vf_soap_read(const char *data, size_t len, struct vf_soap *out, struct vf_error **err)
{
    *out = (struct vf_soap){.doc = vf_xml_parse(data, len, "the answer", err)};
    if (!out->doc)
        return -1;
    const xmlNode *root = xmlDocGetRootElement(out->doc);
    const xmlNode *body =
        !strcmp((const char *)root->name, "Envelope") ? vf_xml_child(root, "Body") : NULL;
    const xmlNode *response = vf_xml_child(body, NULL);
    if (!response)
        return vf_fail(err, VF_E_CORRUPT, "the answer is not SOAP");
    if (!strcmp((const char *)response->name, "Fault"))
        read_fault(response, out);
    else
        out->result = vf_xml_child(response, "returnval");
    return 0;
}

void vf_soap_fault_at(const xmlNode *n, char **fault, char **text)
{
    *fault = fault_type(vf_xml_child(n, "fault"));
    if (!*fault)
        *fault = vf_strdup("");
    *text = vf_xml_text_at(n, "localizedMessage");
    if (!*text)
        *text = vf_strdup(**fault ? *fault : "no reason is told");
    *fault = with_licence(*fault, *text);
}

/* Names of faults: vSphere Web Services API Reference. */
static const struct {
    const char *fault;
    enum vf_error_code code;
    const char *meaning; /* NULL: what the server says */
} faults[] = {
    {"InvalidLogin", VF_E_AUTH,
     "the user name or the password is wrong, or the account is locked (for 15 minutes, by five "
     "failures): it was tried once; look it up before you try again"},
    {"PasswordExpired", VF_E_AUTH, "the password has expired: change it in the host's own client"},
    {"NotAuthenticated", VF_E_AUTH, "the session has ended"},
    {"RestrictedVersion", VF_E_UNSUPPORTED,
     "the host's licence (that of free ESXi) does not let the API change anything"},
    {"RestrictedByAdministrator", VF_E_PERMISSION, NULL},
    {"NotSupported", VF_E_UNSUPPORTED, NULL},
    {"NotImplemented", VF_E_UNSUPPORTED, NULL},
    {"MethodNotFound", VF_E_UNSUPPORTED, NULL},
    {"MethodDisabled", VF_E_UNSUPPORTED, NULL},
    {"InvalidRequest", VF_E_UNSUPPORTED, NULL},
    {"InvalidProperty", VF_E_UNSUPPORTED, NULL},
    {"InvalidType", VF_E_UNSUPPORTED, NULL},
    {"ManagedObjectNotFound", VF_E_NOTFOUND, NULL},
    {"NotFound", VF_E_NOTFOUND, NULL},
    {"FileNotFound", VF_E_NOTFOUND, NULL},
    {"InvalidName", VF_E_USAGE, NULL},
    {"InvalidArgument", VF_E_USAGE, NULL},
    {"NoDiskSpace", VF_E_NOSPACE, NULL},
    {"InsufficientResourcesFault", VF_E_NOSPACE, NULL},
    {"HostCommunication", VF_E_NET, NULL},
    {"HostNotConnected", VF_E_NET, NULL},
    {"HostNotReachable", VF_E_NET, NULL},
    {"HostConnectFault", VF_E_NET, NULL},
    {"ToolsUnavailable", VF_E_CONFLICT, "VMware Tools do not run in the VM"},
    {"QuestionPending", VF_E_CONFLICT,
     "the VM waits for an answer: give it in the host's own client"},
    {"TaskInProgress", VF_E_CONFLICT, "another task runs on it"},
};

int vf_soap_fail(const char *fault, const char *text, const char *privilege, struct vf_error **err)
{
    vf_autofree char *said = vf_escape_n(text, strnlen(text, 400));
    vf_autofree char *type = vf_escape_n(fault, strnlen(fault, 80));
    if (!strcmp(fault, "NoPermission")) {
        vf_autofree char *right = privilege ? vf_escape(privilege) : NULL;
        return vf_fail(err, VF_E_PERMISSION, "the login has not got the privilege %s: %s",
                       right ? right : "for this", said);
    }
    for (size_t i = 0; i < VF_COUNT(faults); i++) {
        if (strcmp(faults[i].fault, fault) != 0)
            continue;
        if (faults[i].meaning)
            return vf_fail(err, faults[i].code, "%s (%s)", faults[i].meaning, said);
        return vf_fail(err, faults[i].code, "%s (%s)", said, type);
    }
    return vf_fail(err, VF_E_CONFLICT, "%s%s%s%s", said, *type ? " (" : "", type, *type ? ")" : "");
}

const xmlNode *vf_api_value(const xmlNode *props, const char *name)
{
    for (const xmlNode *p = vf_xml_child(props, "propSet"); p; p = vf_xml_next(p, "propSet")) {
        vf_autofree char *is = vf_xml_text_at(p, "name");
        if (vf_streq(is, name))
            return vf_xml_child(p, "val");
    }
    return NULL;
}

char *vf_api_text(const xmlNode *props, const char *name)
{
    return vf_xml_text(vf_api_value(props, name));
}
