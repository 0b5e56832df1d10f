/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The VMs of a host or of a whole vCenter, with the datacenter that each is in. */
#include "config.h"
#include "provider/esxi/api.h"
#include "base/log.h"
#include "base/str.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* A folder, datacenter, host or what holds hosts. */
struct place {
    char *id, *name, *parent;
    bool datacenter;
};

/* What the server calls a VM, and where that hangs in the tree. */
struct spot {
    char *moref, *parent, *host;
};

struct listing {
    struct place *places;
    size_t n_places;
    struct vf_esxi_row *rows;
    size_t n_rows;
    struct spot *spots; /* of each row */
    size_t n_spots;
};

static void clear(struct listing *l)
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
    *l = (struct listing){0};
}

/* The inventory has %, / and \ in names percent-encoded (ManagedEntity.name). */
static char *decode_name(char *name)
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

static void read_state(const xmlNode *props, struct vf_esxi_row *r)
{
    vf_autofree char *power = vf_api_text(props, "runtime.powerState");
    r->suspended = vf_streq(power, "suspended");
    r->state = vf_streq(power, "poweredOn")                    ? VF_VM_RUNNING
               : vf_streq(power, "poweredOff") || r->suspended ? VF_VM_STOPPED
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

static void see_vm(struct listing *l, const struct vf_moref *object, const xmlNode *props)
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
    *(struct spot *)vf_grow(&l->spots, &l->n_spots, sizeof *l->spots) = (struct spot){
        vf_strdup(object->id), vf_api_text(props, "parent"), vf_api_text(props, "runtime.host")};
    struct vf_esxi_row *r = vf_grow(&l->rows, &l->n_rows, sizeof *l->rows);
    r->id = id;
    r->name = decode_name(vf_api_text(props, "name"));
    if (!r->name)
        r->name = vf_strdup(object->id);
    read_state(props, r);
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

static void see(void *opaque, const struct vf_moref *object, const xmlNode *props)
{
    struct listing *l = opaque;
    if (!object) {
        clear(l);
        return;
    }
    if (vf_streq(object->type, "VirtualMachine")) {
        see_vm(l, object, props);
        return;
    }
    struct place *p = vf_grow(&l->places, &l->n_places, sizeof *p);
    *p = (struct place){vf_strdup(object->id), vf_api_text(props, "name"),
                        vf_api_text(props, "parent"), vf_streq(object->type, "Datacenter")};
}

static const struct place *place(const struct listing *l, const char *id)
{
    for (size_t i = 0; id && i < l->n_places; i++)
        if (vf_streq(l->places[i].id, id))
            return &l->places[i];
    return NULL;
}

/* The path of the datacenter that is around ID: "Folder/DC"; NULL: none is seen. */
static char *datacenter(const struct listing *l, const char *id)
{
    const struct place *p = place(l, id);
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

/* Says where each VM is, and keeps what the server calls it. */
static void finish(struct listing *l, struct vf_esxi_session *s)
{
    struct vf_esxi_ref *refs = l->n_rows ? vf_xcalloc(l->n_rows, sizeof *refs) : NULL;
    for (size_t i = 0; i < l->n_rows; i++) {
        const struct place *host = place(l, l->spots[i].host);
        l->rows[i].node = host ? decode_name(vf_strdup(host->name)) : NULL;
        l->rows[i].dc = datacenter(l, l->spots[i].parent);
        if (!l->rows[i].dc) /* in a vApp, or its folder is not to be seen */
            l->rows[i].dc = datacenter(l, l->spots[i].host);
        refs[i] = (struct vf_esxi_ref){l->rows[i].id, vf_strdup(l->spots[i].moref)};
    }
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < s->n_vms; i++)
        free(s->vms[i].moref);
    free(s->vms);
    s->vms = refs;
    s->n_vms = l->n_rows;
    pthread_mutex_unlock(&s->lock);
}

int vf_api_vms(struct vf_esxi_way *w, struct vf_esxi_row **out, size_t *n, struct vf_error **err)
{
    static const char *const name[] = {"name", "parent", NULL};
    static const char *const vm[] = {"name",
                                     "parent",
                                     "runtime.powerState",
                                     "runtime.connectionState",
                                     "runtime.host",
                                     "config.files.vmPathName",
                                     "config.template",
                                     "config.guestId",
                                     "config.annotation",
                                     "config.hardware.memoryMB",
                                     "config.extraConfig",
                                     NULL};
    static const struct vf_api_wanted wanted[] = {{"Folder", name},
                                                  {"Datacenter", name},
                                                  {"ComputeResource", name},
                                                  {"HostSystem", name},
                                                  {"VirtualMachine", vm}};
    struct vf_esxi_api *a = vf_api_of(w);
    struct listing l = {0};
    *out = NULL;
    *n = 0;
    int r = vf_api_inventory(a, wanted, VF_COUNT(wanted), see, &l, err);
    if (r == 0) {
        finish(&l, a->session);
        *n = l.n_rows;
        *out = VF_STEAL(l.rows);
        l.n_rows = 0;
    }
    clear(&l);
    return r;
}

/* Of the last listing. */
static bool known(struct vf_esxi_session *s, unsigned id, struct vf_moref *out)
{
    pthread_mutex_lock(&s->lock);
    const char *moref = NULL;
    for (size_t i = 0; i < s->n_vms && !moref; i++)
        if (s->vms[i].id == id)
            moref = s->vms[i].moref;
    if (moref)
        *out = (struct vf_moref){vf_strdup("VirtualMachine"), vf_strdup(moref)};
    pthread_mutex_unlock(&s->lock);
    return moref != NULL;
}

int vf_api_vm(struct vf_esxi_api *a, unsigned id, struct vf_moref *out, struct vf_error **err)
{
    *out = (struct vf_moref){0};
    if (known(a->session, id, out))
        return 0;
    struct vf_esxi_row *rows = NULL;
    size_t n = 0;
    if (vf_api_vms(&a->way, &rows, &n, err) < 0)
        return -1;
    vf_esxi_rows_free(rows, n);
    if (known(a->session, id, out))
        return 0;
    return vf_fail(err, VF_E_NOTFOUND, "%s: there is no VM %u", a->way.conf->name, id);
}
