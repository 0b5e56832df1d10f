/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The hosts themselves: their port groups and their SSH service. */
#include "config.h"
#include "provider/esxi/api.h"
#include "provider/esxi/api_read.h"
#include "base/str.h"

#include <string.h>

/* ------------------------------------------------------------------ finding one */

struct search {
    const char *node;
    struct vf_moref found, last;
    size_t hosts;
};

static void see_host(void *opaque, const struct vf_moref *object, const xmlNode *props)
{
    struct search *s = opaque;
    if (!object) {
        vf_moref_clear(&s->found);
        vf_moref_clear(&s->last);
        s->hosts = 0;
        return;
    }
    vf_autofree char *name = vf_api_text(props, "name");
    vf_moref_clear(&s->last);
    s->last = (struct vf_moref){vf_strdup(object->type), vf_strdup(object->id)};
    s->hosts++;
    if (!s->found.id && vf_streq(name, s->node))
        s->found = (struct vf_moref){vf_strdup(object->type), vf_strdup(object->id)};
}

int vf_api_host(struct vf_esxi_api *a, const char *node, struct vf_moref *out,
                struct vf_error **err)
{
    static const char *const paths[] = {"name", NULL};
    static const struct vf_api_wanted wanted = {"HostSystem", paths};
    struct search s = {.node = node};
    int r = vf_api_inventory(a, &wanted, 1, see_host, &s, err);
    *out = (struct vf_moref){0};
    if (r == 0 && (s.found.id || s.hosts == 1)) {
        struct vf_moref *which = s.found.id ? &s.found : &s.last;
        *out = *which;
        *which = (struct vf_moref){0};
    } else if (r == 0) {
        vf_autofree char *name = vf_escape(node ? node : "");
        r = vf_fail(err, VF_E_NOTFOUND, "%s: there is no host %s", a->way.conf->name, name);
    }
    vf_moref_clear(&s.found);
    vf_moref_clear(&s.last);
    return r;
}

/* ------------------------------------------------------------------ port groups */

struct portgroups {
    struct vf_esxi_portgroup *v;
    size_t n;
    const xmlNode *of_host; /* references to the networks of the host that is asked about */
};

static void add(struct portgroups *p, char *name, char *key, int vlan)
{
    if (name)
        *(struct vf_esxi_portgroup *)vf_grow(&p->v, &p->n, sizeof *p->v) =
            (struct vf_esxi_portgroup){name, key, vlan};
    else
        free(key);
}

/* 0 to 4095; -1: not told. */
static int vlan_of(const xmlNode *n, const char *path)
{
    vf_autofree char *text = vf_xml_text_at(n, path);
    uint64_t vlan = 0;
    return text && vf_parse_u64(text, 0, VF_ALL_VLANS, &vlan) == 0 ? (int)vlan : -1;
}

static void add_standard(struct portgroups *p, const xmlNode *list)
{
    for (const xmlNode *g = vf_xml_child(list, NULL); g; g = vf_xml_next(g, NULL))
        add(p, vf_xml_text_at(g, "spec/name"), NULL, vlan_of(g, "spec/vlanId"));
}

static bool is_of_host(const struct portgroups *p, const char *id)
{
    for (const xmlNode *n = vf_xml_child(p->of_host, NULL); n; n = vf_xml_next(n, NULL)) {
        vf_autofree char *is = vf_xml_text(n);
        if (vf_streq(is, id))
            return true;
    }
    return false;
}

static void see_distributed(void *opaque, const struct vf_moref *object, const xmlNode *props)
{
    struct portgroups *p = opaque;
    if (!object || !is_of_host(p, object->id))
        return;
    const xmlNode *vlan = vf_xml_at(vf_api_value(props, "config"), "defaultPortConfig/vlan");
    bool plain = vf_xml_is_a(vlan, "VmwareDistributedVirtualSwitchVlanIdSpec");
    char *key = vf_xml_text_at(vf_api_value(props, "config"), "key");
    key = key ? key : vf_strdup(object->id);
    for (size_t i = 0; i < p->n; i++)
        if (vf_streq(p->v[i].key, key)) { /* seen before the session was made anew */
            free(key);
            return;
        }
    add(p, vf_api_decode_name(vf_api_text(props, "name")), key,
        plain ? vlan_of(vlan, "vlanId") : -1);
}

int vf_api_portgroups(struct vf_esxi_way *w, const char *node, struct vf_esxi_portgroup **out,
                      size_t *n, struct vf_error **err)
{
    static const char *const paths[] = {"config.network.portgroup", "network", NULL};
    static const char *const distributed[] = {"name", "config", NULL};
    static const struct vf_api_wanted wanted = {"DistributedVirtualPortgroup", distributed};
    struct vf_esxi_api *a = vf_api_of(w);
    struct vf_moref host;
    *out = NULL;
    *n = 0;
    if (vf_api_host(a, node, &host, err) < 0)
        return -1;
    vf_autosoap struct vf_soap answer = {0};
    const xmlNode *props = NULL;
    struct portgroups p = {0};
    int r = vf_api_properties(a, &host, paths, &answer, &props, err);
    if (r == 0) {
        add_standard(&p, vf_api_value(props, "config.network.portgroup"));
        p.of_host = vf_api_value(props, "network");
        if (a->session->vcenter)
            r = vf_api_inventory(a, &wanted, 1, see_distributed, &p, err);
    }
    vf_moref_clear(&host);
    if (r < 0) {
        vf_esxi_portgroups_free(p.v, p.n);
        return -1;
    }
    *out = p.v;
    *n = p.n;
    return 0;
}

/* ------------------------------------------------------------------ the SSH service */

static const char ssh_service[] = "TSM-SSH";

/* HostServiceSystem of the host; OUT is to be cleared. */
static int services(struct vf_esxi_api *a, const char *node, struct vf_moref *out,
                    struct vf_error **err)
{
    static const char *const paths[] = {"configManager.serviceSystem", NULL};
    struct vf_moref host;
    *out = (struct vf_moref){0};
    if (vf_api_host(a, node, &host, err) < 0)
        return -1;
    vf_autosoap struct vf_soap answer = {0};
    const xmlNode *props = NULL;
    int r = vf_api_properties(a, &host, paths, &answer, &props, err);
    vf_moref_clear(&host);
    if (r == 0 && !vf_moref_read(vf_api_value(props, "configManager.serviceSystem"), out))
        r = vf_fail(err, VF_E_UNSUPPORTED, "%s: the host does not show its services",
                    a->way.conf->name);
    return r;
}

static int runs(struct vf_esxi_api *a, const struct vf_moref *system, struct vf_error **err)
{
    static const char *const paths[] = {"serviceInfo.service", NULL};
    vf_autosoap struct vf_soap answer = {0};
    const xmlNode *props = NULL;
    if (vf_api_properties(a, system, paths, &answer, &props, err) < 0)
        return -1;
    const xmlNode *list = vf_api_value(props, "serviceInfo.service");
    for (const xmlNode *s = vf_xml_child(list, NULL); s; s = vf_xml_next(s, NULL)) {
        vf_autofree char *key = vf_xml_text_at(s, "key");
        vf_autofree char *running = vf_xml_text_at(s, "running");
        if (vf_streq(key, ssh_service))
            return vf_streq(running, "true");
    }
    return vf_fail(err, VF_E_UNSUPPORTED, "%s: the host has no SSH service", a->way.conf->name);
}

int vf_esxi_api_ssh_runs(struct vf_esxi_way *api, const char *node, struct vf_error **err)
{
    struct vf_esxi_api *a = vf_api_of(api);
    struct vf_moref system;
    if (services(a, node, &system, err) < 0)
        return -1;
    int r = runs(a, &system, err);
    vf_moref_clear(&system);
    return r;
}

int vf_esxi_api_set_ssh(struct vf_esxi_way *api, const char *node, bool on, struct vf_error **err)
{
    struct vf_esxi_api *a = vf_api_of(api);
    struct vf_moref system;
    if (services(a, node, &system, err) < 0)
        return -1;
    int r = runs(a, &system, err);
    if (r >= 0 && (r == 1) != on) {
        vf_autosoap struct vf_soap answer = {0};
        vf_autobuf struct vf_buf args = {0};
        vf_xml_add(&args, "id", ssh_service);
        r = vf_api_change(a, &system, on ? "StartService" : "StopService", vf_buf_str(&args),
                          &answer, err);
    }
    vf_moref_clear(&system);
    return r < 0 ? -1 : 0;
}
