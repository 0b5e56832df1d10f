/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Guests that have the MAC addresses or the UUID of another: one configuration after the other is
 * read, because Proxmox has no list of them. */
#include "config.h"
#include "provider/pve/pve.h"
#include "provider/pve/propstr.h"
#include "base/log.h"
#include "base/str.h"

#include <string.h>
#include <strings.h>

enum { MAX_LOOKED_AT = 2000 };

/* Of one that was made a moment ago the list has no name yet. */
static const char *name_of(const json_t *guest, const json_t *config)
{
    const char *name = vf_json_text(guest, "name");
    name = name ? name : vf_json_text(config, "name");
    return name ? name : vf_json_text(config, "hostname"); /* a container's */
}

/* CARD: the other's NIC, NULL where it is about the UUID. */
static void add(struct vf_twins *t, const json_t *guest, const json_t *config,
                const struct vf_nic *nic, const struct vf_opts *card)
{
    const char *name = name_of(guest, config);
    const char *tag = card ? vf_opts_get(card, "tag") : NULL;
    struct vf_twin *x = vf_grow(&t->v, &t->n, sizeof *t->v);
    uint64_t vlan = 0;
    if (tag)
        vf_parse_u64(tag, 0, VF_LAST_VLAN, &vlan);
    *x = (struct vf_twin){.id = (unsigned)vf_json_u64(guest, "vmid"),
                          .name = vf_strdup(name ? name : "?"),
                          .nic = nic ? (int)nic->index : -1,
                          .disconnected = card && vf_propval_true(vf_opts_get(card, "link_down")),
                          .bridge = vf_strdup(card ? vf_opts_get(card, "bridge") : NULL),
                          .tag = (unsigned)vlan};
}

/* "virtio=MAC,bridge=…" of a VM, "name=eth0,hwaddr=MAC,…" of a container. */
static void compare_nic(struct vf_twins *t, const struct vf_vm *vm, const json_t *guest,
                        const json_t *config, const char *value)
{
    struct vf_opts o = {0};
    if (vf_propstr_parse(value, "model", &o, NULL) == 0)
        for (size_t i = 0; i < vm->n_nics; i++)
            for (size_t k = 0; vm->nics[i].mac && k < o.n; k++)
                if (!strcasecmp(o.v[k].value, vm->nics[i].mac))
                    add(t, guest, config, &vm->nics[i], &o);
    vf_opts_free(&o);
}

static void compare(struct vf_twins *t, const struct vf_vm *vm, const json_t *guest,
                    const json_t *config)
{
    const char *key, *smbios = vf_json_text(config, "smbios1");
    json_t *value;
    json_object_foreach ((json_t *)config, key, value)
        if (vf_starts(key, "net") && key[3] >= '0' && key[3] <= '9' && json_is_string(value))
            compare_nic(t, vm, guest, config, json_string_value(value));
    struct vf_opts o = {0};
    if (vm->uuid && smbios && vf_propstr_parse(smbios, NULL, &o, NULL) == 0 &&
        vf_opts_get(&o, "uuid") && !strcasecmp(vf_opts_get(&o, "uuid"), vm->uuid))
        add(t, guest, config, NULL, NULL);
    vf_opts_free(&o);
}

/* What the list says is up to 10 s old, and "unknown" of a guest that is younger, or whose node
 * does not report: the guest itself is asked. What is still not known counts as running. */
static int look_at_state(struct vf_pve_client *c, const char *path, const json_t *guest,
                         struct vf_twin *x, struct vf_error **err)
{
    const char *status = vf_json_text(guest, "status");
    vf_autoerror struct vf_error *why = NULL;
    bool listed = vf_streq(status, "running") || vf_streq(status, "stopped");
    vf_autojson json_t *now = listed ? NULL : vf_pve_object(c, path, &why);
    if (vf_error_code(why) == VF_E_CANCELLED)
        return vf_fail_with(err, VF_STEAL(why));
    status = now ? vf_json_text(now, "status") : status;
    x->running = !vf_streq(status, "stopped");
    x->unknown = x->running && !vf_streq(status, "running");
    return 0;
}

int vf_pve_twins(struct vf_provider *p, const struct vf_vm *vm, unsigned but, struct vf_twins *out,
                 struct vf_error **err)
{
    struct vf_pve_client *c = vf_pve_of(p);
    *out = (struct vf_twins){0};
    vf_autojson json_t *list = vf_pve_list(c, "/cluster/resources?type=vm", err);
    if (!list)
        return -1;
    size_t i;
    json_t *e;
    json_array_foreach (list, i, e) {
        const char *node = vf_json_text(e, "node"), *type = vf_json_text(e, "type");
        unsigned id = (unsigned)vf_json_u64(e, "vmid");
        if (!node || !type || id == but || vf_json_bool(e, "template"))
            continue;
        vf_autoerror struct vf_error *why = NULL;
        const char *kind = vf_streq(type, "lxc") ? "lxc" : "qemu";
        vf_autofree char *path = vf_pve_path(node, "/%s/%u/config", kind, id),
                         *state = vf_pve_path(node, "/%s/%u/status/current", kind, id);
        vf_autojson json_t *config =
            out->looked_at < MAX_LOOKED_AT ? vf_pve_object(c, path, &why) : NULL;
        if (vf_error_code(why) == VF_E_CANCELLED)
            return vf_fail_with(err, VF_STEAL(why));
        size_t before = out->n;
        if (config)
            compare(out, vm, e, config);
        for (size_t k = before; k < out->n; k++)
            if (look_at_state(c, state, e, &out->v[k], err) < 0)
                return -1;
        if (why)
            vf_info("pve", "guest %u is not compared: %s", id, vf_error_text(why));
        config ? out->looked_at++ : out->unseen++;
    }
    return 0;
}
