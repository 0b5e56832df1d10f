/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "provider/esxi/api_read.h"
#include "base/log.h"
#include "base/str.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

enum { MAX_DEEP = 64 /* snapshots on top of each other: vSphere allows 32 */ };

/* ------------------------------------------------------------------ lists of VMs */

void vf_api_listing_clear(struct vf_api_listing *l)
{
    vf_esxi_rows_free(l->rows, l->n_rows);
    for (size_t i = 0; i < l->n_places; i++) {
        free(l->places[i].id);
        free(l->places[i].name);
        free(l->places[i].parent);
    }
    free(l->places);
    for (size_t i = 0; i < l->n_spots; i++) {
        free(l->spots[i].moref);
        free(l->spots[i].parent);
        free(l->spots[i].host);
    }
    free(l->spots);
    *l = (struct vf_api_listing){0};
}

char *vf_api_decode_name(char *name)
{
    static const char *const codes[] = {"%25%", "%2f/", "%2F/", "%5c\\", "%5C\\"};
    char *to = name;
    for (const char *p = name; p && *p; to++) {
        size_t i = 0;
        while (i < VF_COUNT(codes) && strncmp(p, codes[i], 3) != 0)
            i++;
        *to = i < VF_COUNT(codes) ? codes[i][3] : *p;
        p += i < VF_COUNT(codes) ? 3 : 1;
    }
    if (to)
        *to = '\0';
    return name;
}

/* 123 of "vm-123", 12 of "12"; 0: there is none. */
static unsigned number_of(const char *moref)
{
    size_t n = strlen(moref);
    while (n && isdigit((unsigned char)moref[n - 1]))
        n--;
    uint64_t id = 0;
    return vf_parse_u64(moref + n, 1, UINT32_MAX, &id) < 0 ? 0 : (unsigned)id;
}

/* The value of option KEY in a list of them (config.extraConfig); caller frees. */
static char *option(const xmlNode *list, const char *key)
{
    for (const xmlNode *o = vf_xml_child(list, NULL); o; o = vf_xml_next(o, NULL)) {
        vf_autofree char *is = vf_xml_text_at(o, "key");
        if (is && !strcasecmp(is, key))
            return vf_xml_text_at(o, "value");
    }
    return NULL;
}

static enum vf_vm_state read_state(const xmlNode *props)
{
    vf_autofree char *power = vf_api_text(props, "runtime.powerState");
    return vf_streq(power, "poweredOn")    ? VF_VM_RUNNING
           : vf_streq(power, "poweredOff") ? VF_VM_STOPPED
           : vf_streq(power, "suspended")  ? VF_VM_SUSPENDED
                                           : VF_VM_UNKNOWN;
}

/* Where its VMX file is, unless the host has lost sight of it. */
static void read_vmx(const xmlNode *props, struct vf_esxi_row *r)
{
    vf_autofree char *link = vf_api_text(props, "runtime.connectionState");
    vf_autofree char *path = vf_api_text(props, "config.files.vmPathName");
    vf_autofree char *copy = NULL;
    struct vf_esxi_file f;
    if ((link && strcmp(link, "connected")) || !path ||
        vf_esxi_file_parse(path, NULL, &f, &copy) < 0)
        return;
    r->datastore = vf_strdup(f.datastore);
    r->vmx = vf_strdup(f.path);
}

static void see_vm(struct vf_api_listing *l, const struct vf_moref *object, const xmlNode *props)
{
    const xmlNode *extra = vf_api_value(props, "config.extraConfig");
    vf_autofree char *agent = option(extra, "HDCS.agent");
    unsigned id = number_of(object->id);
    if (!id) {
        vf_autofree char *shown = vf_escape(object->id);
        vf_info("esxi", "a VM that the server calls %s is left out", shown);
    }
    if (!id || (agent && !strcasecmp(agent, "true"))) /* vSphere's own (vCLS) */
        return;
    *(struct vf_api_spot *)vf_grow(&l->spots, &l->n_spots, sizeof *l->spots) = (struct vf_api_spot){
        vf_strdup(object->id), vf_api_text(props, "parent"), vf_api_text(props, "runtime.host")};
    struct vf_esxi_row *r = vf_grow(&l->rows, &l->n_rows, sizeof *l->rows);
    r->id = id;
    r->name = vf_api_decode_name(vf_api_text(props, "name"));
    if (!r->name)
        r->name = vf_strdup(object->id);
    r->state = read_state(props);
    read_vmx(props, r);
    vf_autofree char *template_ = vf_api_text(props, "config.template");
    vf_autofree char *memory = vf_api_text(props, "config.hardware.memoryMB");
    uint64_t mib = 0;
    if (memory && vf_parse_u64(memory, 0, UINT32_MAX, &mib) == 0)
        r->memory = mib << 20;
    r->template_ = vf_streq(template_, "true");
    r->guest = vf_api_text(props, "config.guestId");
    r->guest_details = option(extra, "guestOS.detailed.data");
    if (!r->guest_details)
        r->guest_details = option(extra, "guestInfo.detailed.data");
    r->annotation = vf_xml_content(vf_api_value(props, "config.annotation"));
}

void vf_api_listing_see(void *opaque, const struct vf_moref *object, const xmlNode *props)
{
    struct vf_api_listing *l = opaque;
    if (!object) {
        vf_api_listing_clear(l);
        return;
    }
    if (vf_streq(object->type, "VirtualMachine")) {
        see_vm(l, object, props);
        return;
    }
    struct vf_api_place *p = vf_grow(&l->places, &l->n_places, sizeof *p);
    *p = (struct vf_api_place){vf_strdup(object->id), vf_api_text(props, "name"),
                               vf_api_text(props, "parent"), vf_streq(object->type, "Datacenter")};
}

static const struct vf_api_place *place(const struct vf_api_listing *l, const char *id)
{
    for (size_t i = 0; id && i < l->n_places; i++)
        if (vf_streq(l->places[i].id, id))
            return &l->places[i];
    return NULL;
}

/* The path of the datacenter that is around ID: "Folder/DC"; NULL: none is seen. */
static char *datacenter(const struct vf_api_listing *l, const char *id)
{
    const struct vf_api_place *p = place(l, id);
    size_t left = l->n_places; /* a ring would have no end */
    for (; p && !p->datacenter && left; left--)
        p = place(l, p->parent);
    if (!p || !p->datacenter || !p->name)
        return NULL;
    char *path = vf_strdup(p->name);
    for (p = place(l, p->parent); p && p->name && left; p = place(l, p->parent), left--) {
        char *longer = vf_asprintf("%s/%s", p->name, path);
        free(path);
        path = longer;
    }
    return path;
}

void vf_api_listing_place(struct vf_api_listing *l)
{
    for (size_t i = 0; i < l->n_rows; i++) {
        const struct vf_api_place *host = place(l, l->spots[i].host);
        l->rows[i].node = host ? vf_api_decode_name(vf_strdup(host->name)) : NULL;
        l->rows[i].dc = datacenter(l, l->spots[i].parent);
        if (!l->rows[i].dc) /* in a vApp, or its folder is not to be seen */
            l->rows[i].dc = datacenter(l, l->spots[i].host);
    }
}

/* ------------------------------------------------------------------ one VM */

/* All in a tree of VirtualMachineSnapshotTree, of which LIST ("rootSnapshotList") are the heads. */
static unsigned count_snapshots(const xmlNode *n, const char *list, unsigned deep)
{
    unsigned sum = 0;
    if (deep < MAX_DEEP)
        for (const xmlNode *s = vf_xml_child(n, list); s; s = vf_xml_next(s, list))
            sum += 1 + count_snapshots(s, "childSnapshotList", deep + 1);
    return sum;
}

static void add_address(struct vf_esxi_now *out, char *address)
{
    if (address && !vf_strv_has(out->addresses, address))
        vf_strv_add(&out->addresses, address);
    free(address);
}

static void read_addresses(const xmlNode *props, struct vf_esxi_now *out)
{
    out->addresses = vf_strv_new();
    add_address(out, vf_api_text(props, "guest.ipAddress"));
    const xmlNode *cards = vf_api_value(props, "guest.net");
    for (const xmlNode *c = vf_xml_child(cards, NULL); c; c = vf_xml_next(c, NULL))
        for (const xmlNode *i = vf_xml_child(c, "ipAddress"); i; i = vf_xml_next(i, "ipAddress"))
            add_address(out, vf_xml_text(i));
}

void vf_api_read_now(const xmlNode *props, struct vf_esxi_now *out)
{
    vf_autofree char *tools = vf_api_text(props, "guest.toolsRunningStatus");
    out->state = read_state(props);
    out->question = vf_xml_text_at(vf_api_value(props, "runtime.question"), "text");
    out->snapshots = count_snapshots(vf_api_value(props, "snapshot"), "rootSnapshotList", 0);
    out->tools =
        vf_streq(tools, "guestToolsRunning") || vf_streq(tools, "guestToolsExecutingScripts");
    out->annotation = vf_xml_content(vf_api_value(props, "config.annotation"));
    out->digest = vf_api_text(props, "config.changeVersion");
    read_addresses(props, out);
}

/* The entry of VM; NULL: it has none. */
const xmlNode *vf_api_autostart(const xmlNode *host_props, const char *vm)
{
    const xmlNode *all = vf_api_value(host_props, "config.autoStart");
    for (const xmlNode *p = vf_xml_child(all, "powerInfo"); p; p = vf_xml_next(p, "powerInfo")) {
        vf_autofree char *key = vf_xml_text_at(p, "key");
        if (vf_streq(key, vm))
            return p;
    }
    return NULL;
}

bool vf_api_is_started(const xmlNode *entry)
{
    vf_autofree char *action = vf_xml_text_at(entry, "startAction");
    return action && !strcasecmp(action, "powerOn");
}

bool vf_api_autostarts(const xmlNode *host_props, const char *vm)
{
    vf_autofree char *enabled =
        vf_xml_text_at(vf_api_value(host_props, "config.autoStart"), "defaults/enabled");
    return vf_streq(enabled, "true") && vf_api_is_started(vf_api_autostart(host_props, vm));
}
