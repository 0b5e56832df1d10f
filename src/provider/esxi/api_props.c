/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Properties of objects by the property collector (vSphere Web Services API Reference,
 * PropertyCollector.RetrievePropertiesEx), lists page by page. */
#include "config.h"
#include "provider/esxi/api.h"
#include "base/str.h"

#include <string.h>

enum { PAGE = 100 /* objects an answer */ };

/* Of a session that has ended the collector may answer without a fault, each property missing by
 * one. */
static bool is_forgotten(const xmlNode *result)
{
    for (const xmlNode *o = vf_xml_child(result, "objects"); o; o = vf_xml_next(o, "objects"))
        for (const xmlNode *m = vf_xml_child(o, "missingSet"); m; m = vf_xml_next(m, "missingSet"))
            if (vf_xml_is_a(vf_xml_at(m, "fault/fault"), "NotAuthenticated"))
                return true;
    return false;
}

/* As vf_api_call() of the collector, that kind of refusal included. 1: logged in anew meanwhile. */
static int collect(struct vf_esxi_api *a, const char *method, const char *args, struct vf_soap *out,
                   struct vf_error **err)
{
    unsigned before, after;
    vf_secret_free(vf_api_cookie(a, &before));
    if (vf_api_call(a, &a->session->properties, method, args, true, out, err) < 0)
        return -1;
    vf_secret_free(vf_api_cookie(a, &after));
    if (!is_forgotten(out->result))
        return after != before;
    vf_soap_clear(out);
    return vf_api_renew(a, after, err) < 0 ? -1 : 1;
}

static void add_wanted(struct vf_buf *b, const struct vf_api_wanted *wanted)
{
    vf_buf_puts(b, "<propSet>");
    vf_xml_add(b, "type", wanted->type);
    for (const char *const *p = wanted->paths; *p; p++)
        vf_xml_add(b, "pathSet", *p);
    vf_buf_puts(b, "</propSet>");
}

static void see_page(const xmlNode *page, vf_api_see_fn *see, void *opaque)
{
    for (const xmlNode *o = vf_xml_child(page, "objects"); o; o = vf_xml_next(o, "objects")) {
        struct vf_moref ref;
        if (vf_moref_read(vf_xml_child(o, "obj"), &ref))
            see(opaque, &ref, o);
        vf_moref_clear(&ref);
    }
}

/* A view of all objects of the types; it dies with the session. */
static int make_view(struct vf_esxi_api *a, const struct vf_api_wanted *wanted, size_t n,
                     struct vf_moref *view, struct vf_error **err)
{
    vf_autobuf struct vf_buf args = {0};
    vf_moref_add(&args, "container", &a->session->root);
    for (size_t i = 0; i < n; i++)
        vf_xml_add(&args, "type", wanted[i].type);
    vf_xml_add(&args, "recursive", "true");
    vf_autosoap struct vf_soap answer = {0};
    if (vf_api_call(a, &a->session->views, "CreateContainerView", vf_buf_str(&args), true, &answer,
                    err) < 0)
        return -1;
    if (!vf_moref_read(answer.result, view))
        return vf_fail(err, VF_E_CORRUPT, "%s: the host made no view of its inventory",
                       a->way.conf->name);
    return 0;
}

static int read_pages(struct vf_esxi_api *a, const struct vf_moref *view,
                      const struct vf_api_wanted *wanted, size_t n, vf_api_see_fn *see,
                      void *opaque, struct vf_error **err)
{
    vf_autobuf struct vf_buf args = {0};
    vf_buf_puts(&args, "<specSet>");
    for (size_t i = 0; i < n; i++)
        add_wanted(&args, &wanted[i]);
    vf_buf_puts(&args, "<objectSet>");
    vf_moref_add(&args, "obj", view);
    vf_buf_printf(&args,
                  "<skip>true</skip><selectSet xsi:type=\"TraversalSpec\"><name>view</name>"
                  "<type>ContainerView</type><path>view</path><skip>false</skip></selectSet>"
                  "</objectSet></specSet><options><maxObjects>%d</maxObjects></options>",
                  PAGE);
    const char *method = "RetrievePropertiesEx";
    for (;;) {
        vf_autosoap struct vf_soap answer = {0};
        int r = collect(a, method, vf_buf_str(&args), &answer, err);
        if (r != 0)
            return r;
        see_page(answer.result, see, opaque);
        vf_autofree char *token = vf_xml_text_at(answer.result, "token");
        if (!token)
            return 0;
        method = "ContinueRetrievePropertiesEx";
        vf_buf_clear(&args);
        vf_xml_add(&args, "token", token);
    }
}

int vf_api_inventory(struct vf_esxi_api *a, const struct vf_api_wanted *wanted, size_t n,
                     vf_api_see_fn *see, void *opaque, struct vf_error **err)
{
    for (int again = 0;; again++) {
        struct vf_moref view = {0};
        if (make_view(a, wanted, n, &view, err) < 0)
            return -1;
        unsigned before, after;
        vf_autoerror struct vf_error *why = NULL;
        vf_secret_free(vf_api_cookie(a, &before));
        int r = read_pages(a, &view, wanted, n, see, opaque, &why);
        vf_secret_free(vf_api_cookie(a, &after));
        vf_autosoap struct vf_soap answer = {0};
        if (r == 0)
            vf_api_call(a, &view, "DestroyView", "", true, &answer, NULL);
        vf_moref_clear(&view);
        if (r == 0)
            return 0;
        /* views and pages are gone with the session they were made in: from the start, once */
        if (after == before || again) {
            vf_fail_with(err, VF_STEAL(why));
            return vf_fail(err, VF_E_AUTH, "%s: the session does not last", a->way.conf->name);
        }
        see(opaque, NULL, NULL);
    }
}

int vf_api_properties(struct vf_esxi_api *a, const struct vf_moref *object,
                      const char *const *paths, struct vf_soap *out, const xmlNode **props,
                      struct vf_error **err)
{
    vf_autobuf struct vf_buf args = {0};
    vf_buf_puts(&args, "<specSet>");
    add_wanted(&args, &(struct vf_api_wanted){object->type, paths});
    vf_buf_puts(&args, "<objectSet>");
    vf_moref_add(&args, "obj", object);
    vf_buf_puts(&args, "<skip>false</skip></objectSet></specSet><options/>");
    *out = (struct vf_soap){0};
    for (int again = 0;; again++) {
        int r = collect(a, "RetrievePropertiesEx", vf_buf_str(&args), out, err);
        if (r < 0)
            return -1;
        *props = vf_xml_child(out->result, "objects");
        if (*props)
            return 0;
        vf_soap_clear(out);
        if (!r || again)
            return vf_fail(err, VF_E_NOTFOUND, "%s: the host shows nothing of %s %s",
                           a->way.conf->name, object->type, object->id);
    }
}
