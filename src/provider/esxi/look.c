/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading: hosts, VMs, one VM as it is described by its VMX file and by what is true of it now. */
#include "config.h"
#include "provider/esxi/describe.h"
#include "provider/esxi/esxi.h"
#include "base/i18n.h"
#include "base/log.h"
#include "base/str.h"

#include <string.h>
#include <strings.h>

enum { MAX_VMX = 1 << 20, MOST_ADDRESSES = 16 };

/* ---- lists ---- */

int vf_esxi_list(struct vf_esxi *e, struct vf_error **err)
{
    struct vf_esxi_row *rows = NULL;
    size_t n = 0;
    if (e->way->ops->vms(e->way, &rows, &n, err) < 0)
        return -1;
    vf_esxi_rows_free(e->rows, e->n_rows);
    e->rows = rows;
    e->n_rows = n;
    return 0;
}

const struct vf_esxi_row *vf_esxi_row(struct vf_esxi *e, unsigned id, bool may_be_old,
                                      struct vf_error **err)
{
    for (bool listed = !may_be_old || !e->rows;; listed = true) {
        if (listed && vf_esxi_list(e, err) < 0)
            return NULL;
        for (size_t i = 0; i < e->n_rows; i++)
            if (e->rows[i].id == id)
                return &e->rows[i];
        if (listed)
            break;
    }
    vf_fail(err, VF_E_NOTFOUND, "%s has no VM %u", e->base.conf->name, id);
    return NULL;
}

/* What is dialled, for want of a better name. */
static char *host_of(const struct vf_cluster_conf *c)
{
    return c->urls && c->urls[0] ? vf_url_host(c->urls[0]) : vf_strdup(c->name);
}

/* The host itself when nothing is said of which. */
static char *node_of(const struct vf_esxi *e, const struct vf_esxi_row *row)
{
    return row->node ? vf_strdup(row->node) : host_of(e->base.conf);
}

static void add_node(const struct vf_esxi *e, const char *name, struct vf_node **out, size_t *n)
{
    for (size_t i = 0; i < *n; i++)
        if (vf_streq((*out)[i].name, name))
            return;
    struct vf_node *node = vf_grow(out, n, sizeof **out);
    node->name = vf_strdup(name);
    node->address = e->way->ops->is_vcenter(e->way) ? NULL : host_of(e->base.conf);
    node->online = true;
}

int vf_esxi_nodes(struct vf_provider *p, struct vf_node **out, size_t *n, struct vf_error **err)
{
    struct vf_esxi *e = vf_esxi_of(p);
    *out = NULL;
    *n = 0;
    if (!e->rows && vf_esxi_list(e, err) < 0)
        return -1;
    for (size_t i = 0; i < e->n_rows; i++) {
        vf_autofree char *name = node_of(e, &e->rows[i]);
        add_node(e, name, out, n);
    }
    vf_autofree char *host = host_of(p->conf);
    if (!*n)
        add_node(e, host, out, n);
    return 0;
}

static void take_name(struct vf_vm *vm, const char *called)
{
    vm->unnamed = !called || !*called;
    /* of one whose file the host cannot read it knows only the path of that */
    const char *base = called && vf_starts(called, "/vmfs/") ? strrchr(called, '/') + 1 : called;
    vf_autofree char *name = vf_esxi_name(base);
    vf_str_set(&vm->name, name);
    vf_str_set(&vm->called, vm->unnamed || vf_streq(name, called) ? NULL : called);
}

int vf_esxi_vms(struct vf_provider *p, struct vf_vm ***out, size_t *n, struct vf_error **err)
{
    struct vf_esxi *e = vf_esxi_of(p);
    *out = NULL;
    *n = 0;
    if (vf_esxi_list(e, err) < 0)
        return -1;
    for (size_t i = 0; i < e->n_rows; i++) {
        const struct vf_esxi_row *row = &e->rows[i];
        struct vf_vm *vm = *(struct vf_vm **)vf_grow(out, n, sizeof **out) = vf_vm_new();
        vm->id = row->id;
        take_name(vm, row->name);
        vm->node = node_of(e, row);
        vm->state = row->state;
        vm->template_ = row->template_;
        vm->memory = row->memory;
        vm->system = vf_strdup(row->guest);
    }
    return 0;
}

/* ---- one VM ---- */

static struct vf_vm *read_vmx(struct vf_esxi *e, const struct vf_esxi_row *row,
                              struct vf_error **err)
{
    struct vf_esxi_file f = {row->dc, row->datastore, row->vmx};
    size_t len = 0;
    vf_autofree char *text = vf_esxi_text(e, &f, MAX_VMX, &len, err);
    vf_autofree char *name = vf_asprintf("[%s] %s", row->datastore, row->vmx);
    vf_auto(vf_vmx_free) struct vf_vmx *x = text ? vf_vmx_parse(text, len, name, err) : NULL;
    return x ? vf_esxi_describe(x, NULL) : NULL;
}

static const struct vf_esxi_portgroup *group_of(const struct vf_esxi_portgroup *v, size_t n,
                                                const struct vf_nic *nic)
{
    for (size_t i = 0; i < n; i++)
        if (v[i].key ? vf_streq(v[i].key, nic->bridge) : vf_streq(v[i].name, nic->bridge))
            return &v[i];
    return NULL;
}

static bool is_told(const struct vf_vm *vm, const char *what)
{
    for (size_t i = 0; i < vm->n_left_out; i++)
        if (vf_streq(vm->left_out[i].what, what))
            return true;
    return false;
}

/* Names of port groups of distributed switches, and VLAN tags, are not in a VMX file. */
static void tag_cards(struct vf_esxi *e, struct vf_vm *vm)
{
    vf_autoerror struct vf_error *why = NULL;
    struct vf_esxi_portgroup *v = NULL;
    size_t n = 0;
    if (vm->n_nics && e->way->ops->portgroups(e->way, vm->node, &v, &n, &why) < 0)
        vf_info("esxi", "%s: port groups: %s", e->base.conf->name, vf_error_text(why));
    for (size_t i = 0; i < vm->n_nics; i++) {
        struct vf_nic *nic = &vm->nics[i];
        const struct vf_esxi_portgroup *g = group_of(v, n, nic);
        int vlan = g ? g->vlan : -1;
        if (g && g->key)
            vf_str_set(&nic->bridge, g->name);
        if (vlan >= 0 && vlan < VF_ALL_VLANS) {
            nic->tag = (unsigned)vlan;
            continue;
        }
        vf_autofree char *what = vf_asprintf("net%u", nic->index);
        vf_autofree char *group = vf_escape(nic->bridge ? nic->bridge : "?");
        if (is_told(vm, what)) /* it is no port group */
            continue;
        if (vlan == VF_ALL_VLANS)
            vf_esxi_leave_out(
                vm, false, what,
                "port group %s brings it all VLANs: a bridge that is VLAN-aware does the "
                "same, without a tag",
                group)
                ->there = true;
        else if (!g && nic->bridge && vf_starts(nic->bridge, "dvportgroup-"))
            vf_esxi_leave_out(
                vm, false, what,
                "its network is port group %s of a distributed switch, whose name and VLAN "
                "only vCenter knows: choose the bridge by this key, and set the tag when it "
                "needs one",
                group)
                ->there = true;
        else
            vf_esxi_leave_out(
                vm, false, what,
                "the VLAN of port group %s is not known: set the tag when it needs one", group)
                ->there = true;
    }
    vf_esxi_portgroups_free(v, n);
}

/* What is true of it now. */
static int add_now(struct vf_esxi *e, struct vf_vm *vm, struct vf_error **err)
{
    struct vf_esxi_now now = {0};
    if (e->way->ops->now(e->way, vm->id, &now, err) < 0) {
        vf_esxi_now_clear(&now);
        return -1;
    }
    if (vm->state != VF_VM_SUSPENDED || now.state == VF_VM_RUNNING)
        vm->state = now.state;
    vm->onboot = now.onboot;
    vm->snapshots = now.snapshots;
    vm->digest = VF_STEAL(now.digest);
    if (now.annotation)
        vf_str_set(&vm->description, now.annotation);
    if (now.question) {
        vf_autofree char *text = vf_escape(now.question);
        vf_esxi_leave_out(
            vm, true, vm->name,
            "it waits for the answer to a question, and does nothing else until it has one: "
            "answer it in the host's web page (\"%s\")",
            text);
    }
    vf_esxi_now_clear(&now);
    return 0;
}

static struct vf_vm *describe_row(struct vf_esxi *e, const struct vf_esxi_row *row,
                                  struct vf_error **err)
{
    vf_autofree char *shown = vf_escape(row->name ? row->name : "?");
    if (row->template_) {
        vf_fail(
            err, VF_E_UNSUPPORTED,
            "%s is a template: make a VM of it first (Deploy VM from This Template, or Convert to "
            "Virtual Machine), and move that",
            shown);
        return NULL;
    }
    if (!row->vmx || !row->datastore) {
        vf_fail(err, VF_E_UNSUPPORTED,
                "%s: the host itself cannot read the VM's settings (its VMX file): see to its "
                "datastore, or take the VM out of the host's inventory and register it anew",
                shown);
        return NULL;
    }
    vf_auto(vf_vm_free) struct vf_vm *vm = read_vmx(e, row, err);
    if (!vm) {
        vf_fail_prefix(err, "%s", shown);
        return NULL;
    }
    vm->id = row->id;
    vm->node = node_of(e, row);
    if (row->name && *row->name)
        take_name(vm, row->name);
    vm->system = vm->system ? vm->system : vf_strdup(row->guest);
    tag_cards(e, vm);
    if (add_now(e, vm, err) < 0 || vf_esxi_resolve(e, row, vm, err) < 0)
        return NULL;
    return VF_STEAL(vm);
}

struct vf_vm *vf_esxi_describe_vm(struct vf_provider *p, unsigned id, struct vf_error **err)
{
    const struct vf_esxi_row *row = vf_esxi_row(vf_esxi_of(p), id, false, err);
    return row ? describe_row(vf_esxi_of(p), row, err) : NULL;
}

int vf_esxi_outline(struct vf_provider *p, const struct vf_vm *listed, struct vf_outline *out,
                    struct vf_error **err)
{
    vf_autoerror struct vf_error *why = NULL;
    const struct vf_esxi_row *row = vf_esxi_row(vf_esxi_of(p), listed->id, true, err);
    *out = (struct vf_outline){0};
    if (!row)
        return -1;
    out->vm = describe_row(vf_esxi_of(p), row, &why);
    if (!out->vm && vf_error_code(why) != VF_E_UNSUPPORTED)
        return vf_fail_with(err, VF_STEAL(why));
    out->why = out->vm ? NULL : vf_strdup(vf_error_text(why));
    for (size_t i = 0; out->vm && i < out->vm->n_left_out; i++)
        out->passthrough = out->passthrough || vf_starts(out->vm->left_out[i].what, "pciPassthru");
    out->snapshots = out->vm && out->vm->snapshots;
    out->description = out->vm ? vf_strdup(out->vm->description) : NULL;
    return 0;
}

/* ---- what is true of it now ---- */

char *vf_esxi_notes(struct vf_provider *p, unsigned id, char **digest, struct vf_error **err)
{
    struct vf_esxi_way *w = vf_esxi_of(p)->way;
    struct vf_esxi_now now = {0};
    char *text = NULL;
    if (w->ops->now(w, id, &now, err) == 0)
        text = now.annotation ? VF_STEAL(now.annotation) : vf_strdup("");
    if (text && digest)
        *digest = VF_STEAL(now.digest);
    vf_esxi_now_clear(&now);
    return text;
}

int vf_esxi_state(struct vf_provider *p, const char *node, unsigned id, enum vf_vm_state *out,
                  struct vf_error **err)
{
    struct vf_esxi_way *w = vf_esxi_of(p)->way;
    struct vf_esxi_now now = {0};
    int r = w->ops->now(w, id, &now, err);
    *out = now.state;
    vf_esxi_now_clear(&now);
    return r;
}

/* Those that are good on one link or inside the guest say nothing elsewhere. */
static bool is_local(const char *address)
{
    static const char *const begins[] = {"169.254.", "127.", "fe80:", "::1"};
    for (size_t i = 0; i < VF_COUNT(begins); i++)
        if (!strncasecmp(address, begins[i], strlen(begins[i])))
            return true;
    return false;
}

int vf_esxi_addresses(struct vf_provider *p, const struct vf_vm *vm, char ***out,
                      struct vf_error **err)
{
    struct vf_esxi_way *w = vf_esxi_of(p)->way;
    struct vf_esxi_now now = {0};
    int r = w->ops->now(w, vm->id, &now, err);
    if (r == 0 && !now.tools)
        r = vf_fail(err, VF_E_UNSUPPORTED,
                    "VMware Tools do not run in %s: nobody tells its addresses", vm->name);
    *out = r == 0 ? vf_strv_new() : NULL;
    for (size_t i = 0; r == 0 && now.addresses && now.addresses[i]; i++)
        if (!is_local(now.addresses[i]) && vf_strv_len(*out) < MOST_ADDRESSES)
            vf_strv_add(out, now.addresses[i]);
    vf_esxi_now_clear(&now);
    return r;
}

int vf_esxi_agent(struct vf_provider *p, const char *node, unsigned id)
{
    struct vf_esxi_way *w = vf_esxi_of(p)->way;
    struct vf_esxi_now now = {0};
    int r = w->ops->now(w, id, &now, NULL) < 0 ? -1 : now.tools;
    vf_esxi_now_clear(&now);
    return r;
}
