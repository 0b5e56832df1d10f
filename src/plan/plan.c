/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "plan/plan.h"
#include "base/str.h"
#include "plan/mac.h"

#include <string.h>

struct vf_plan *vf_plan_new(void)
{
    struct vf_plan *p = vf_xcalloc(1, sizeof *p);
    p->copy_disks = true;
    p->precopy = true;
    p->start = true;
    p->verify = VF_VERIFY_FULL;
    p->shutdown_timeout = 180;
    p->verify_tls = true;
    return p;
}

struct vf_plan *vf_plan_copy(const struct vf_plan *p)
{
    struct vf_plan *c = vf_xmalloc(sizeof *c);
    *c = *p;
    c->source = vf_strdup(p->source);
    c->target = vf_strdup(p->target);
    c->vm_name = vf_strdup(p->vm_name);
    c->target_node = vf_strdup(p->target_node);
    c->target_name = vf_strdup(p->target_name);
    c->cpu = vf_strdup(p->cpu);
    c->ciphers = vf_strdup(p->ciphers);
    c->service_ports = vf_strdup(p->service_ports);
    c->service_addresses = vf_strdup(p->service_addresses);
    c->disks = NULL;
    c->nics = NULL;
    c->n_disks = c->n_nics = 0;
    for (size_t i = 0; i < p->n_disks; i++) {
        const struct vf_plan_disk *s = &p->disks[i];
        struct vf_plan_disk *d = vf_plan_add_disk(c);
        *d = *s;
        d->slot = vf_strdup(s->slot);
        d->volume = vf_strdup(s->volume);
        d->storage = vf_strdup(s->storage);
        d->format = vf_strdup(s->format);
        d->target_slot = vf_strdup(s->target_slot);
        d->cache = vf_strdup(s->cache);
    }
    for (size_t i = 0; i < p->n_nics; i++) {
        const struct vf_plan_nic *s = &p->nics[i];
        struct vf_plan_nic *n = vf_plan_add_nic(c);
        *n = *s;
        n->bridge = vf_strdup(s->bridge);
        n->mac = vf_strdup(s->mac);
        n->model = vf_strdup(s->model);
    }
    return c;
}

void vf_plan_free(struct vf_plan *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->n_disks; i++) {
        free(p->disks[i].slot);
        free(p->disks[i].volume);
        free(p->disks[i].storage);
        free(p->disks[i].format);
        free(p->disks[i].target_slot);
        free(p->disks[i].cache);
    }
    for (size_t i = 0; i < p->n_nics; i++) {
        free(p->nics[i].bridge);
        free(p->nics[i].mac);
        free(p->nics[i].model);
    }
    free(p->disks);
    free(p->nics);
    free(p->source);
    free(p->target);
    free(p->vm_name);
    free(p->target_node);
    free(p->target_name);
    free(p->cpu);
    free(p->ciphers);
    free(p->service_ports);
    free(p->service_addresses);
    free(p);
}

const char *const vf_fix_words[] = {"suspend-ha",      "suspend-replication", "eject-iso",
                                    "lift-protection", "switch-ssh-on",       NULL};
_Static_assert(VF_COUNT(vf_fix_words) == VF_FIXES + 1, "a word for each");

bool vf_plan_fixes(const struct vf_plan *p, enum vf_fix fix)
{
    return p->fixes & VF_FIX_BIT(fix);
}

struct vf_plan_disk *vf_plan_add_disk(struct vf_plan *p)
{
    struct vf_plan_disk *d = vf_grow(&p->disks, &p->n_disks, sizeof *p->disks);
    d->discard = d->ssd = d->iothread = -1;
    return d;
}

struct vf_plan_nic *vf_plan_add_nic(struct vf_plan *p)
{
    struct vf_plan_nic *n = vf_grow(&p->nics, &p->n_nics, sizeof *p->nics);
    vf_plan_reset_nic(n);
    return n;
}

void vf_plan_reset_nic(struct vf_plan_nic *n)
{
    vf_str_set(&n->bridge, NULL);
    vf_str_set(&n->mac, NULL);
    vf_str_set(&n->model, NULL);
    n->mac_mode = VF_MAC_KEEP;
    n->tag = VF_VLAN_KEEP;
    n->disconnected = -1;
}

const char *vf_plan_slot(const struct vf_plan_disk *d)
{
    return d->target_slot ? d->target_slot : d->slot;
}

static const struct vf_nic *source_nic(const struct vf_vm *vm, unsigned index)
{
    for (size_t i = 0; i < vm->n_nics; i++)
        if (vm->nics[i].index == index)
            return &vm->nics[i];
    return NULL;
}

/* Splits "FROM=TO" at the last "=": port groups of other hypervisors are called what people like.
 * NULL: it is none. Caller frees. */
static char *split_rule(const char *rule, const char **to)
{
    const char *eq = strrchr(rule, '=');
    *to = eq ? eq + 1 : NULL;
    return eq && eq != rule && **to ? vf_strndup(rule, (size_t)(eq - rule)) : NULL;
}

int vf_plan_remap_bridge(struct vf_plan *p, const struct vf_vm *source, const char *rule,
                         struct vf_error **err)
{
    static const char word[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    const char *to;
    vf_autofree char *from = split_rule(rule, &to);
    if (!from || *to == '-' || strspn(to, word) != strlen(to)) {
        vf_autofree char *shown = vf_escape(rule);
        return vf_fail(err, VF_E_USAGE,
                       "\"%s\" is not FROM=TO with two bridges, such as vmbr0=vmbr7, or *=TO",
                       shown);
    }
    bool all = vf_streq(from, "*");
    int changed = 0;
    for (size_t i = 0; i < p->n_nics; i++) {
        struct vf_plan_nic *n = &p->nics[i];
        const struct vf_nic *s = source_nic(source, n->index);
        if (!s || !s->bridge)
            continue;
        /* "*" is for what no other rule named, in whatever order the rules come */
        if (all ? !n->bridge || vf_streq(n->bridge, s->bridge) : vf_streq(s->bridge, from)) {
            vf_str_set(&n->bridge, to);
            changed++;
        }
    }
    return changed;
}

/* Which kind of FROM names card S, the more exactly the higher; 0: none does. */
static unsigned vlan_rank(const char *from, const struct vf_nic *s)
{
    const char *bridge = s->bridge ? s->bridge : "";
    vf_autofree char *any = vf_asprintf("*.%u", s->tag);
    vf_autofree char *one = vf_asprintf("%s.%u", bridge, s->tag);
    const char *const kinds[] = {"*", bridge, any, one};
    for (size_t i = VF_COUNT(kinds); i > 0; i--)
        if (vf_streq(from, kinds[i - 1]))
            return (unsigned)i;
    return 0;
}

int vf_plan_remap_vlans(struct vf_plan *p, const struct vf_vm *source, const char *const *rules,
                        size_t n, bool *used, struct vf_error **err)
{
    vf_autofree unsigned *best = vf_xcalloc(p->n_nics + 1, sizeof *best);
    for (size_t r = 0; r < n; r++) {
        const char *to;
        uint64_t tag;
        vf_autofree char *from = split_rule(rules[r], &to);
        if (!from || vf_parse_u64(to, 0, VF_LAST_VLAN, &tag) < 0) {
            vf_autofree char *shown = vf_escape(rules[r]);
            return vf_fail(
                err, VF_E_USAGE,
                "\"%s\" is not FROM=TAG with a bridge of the source and a VLAN tag from 1 to "
                "4094 (0: none), such as vmbr0=12, *=12, or vmbr0.5=12 for cards with tag 5",
                shown);
        }
        used[r] = false;
        for (size_t i = 0; i < p->n_nics; i++) {
            const struct vf_nic *s = source_nic(source, p->nics[i].index);
            unsigned rank = s ? vlan_rank(from, s) : 0;
            used[r] = used[r] || rank;
            if (rank && rank >= best[i]) {
                p->nics[i].tag = (unsigned)tag;
                best[i] = rank;
            }
        }
    }
    return 0;
}

int vf_plan_remap_mac(struct vf_plan *p, const char *rule, struct vf_error **err)
{
    enum vf_mac_mode mode;
    vf_autofree char *mac = NULL;
    if (vf_mac_rule(rule, &mode, &mac, err) < 0)
        return -1;
    if (mode == VF_MAC_GIVEN && p->n_nics != 1)
        return vf_fail(err, VF_E_USAGE,
                       "one MAC address was given, but %s has %zu network interfaces",
                       p->vm_name ? p->vm_name : "the VM", p->n_nics);
    for (size_t i = 0; i < p->n_nics; i++) {
        p->nics[i].mac_mode = mode;
        vf_str_set(&p->nics[i].mac, mac);
    }
    return 0;
}

int vf_plan_choose_macs(struct vf_plan *p, const char *mac_prefix, struct vf_error **err)
{
    for (size_t i = 0; i < p->n_nics; i++) {
        struct vf_plan_nic *n = &p->nics[i];
        if (n->mac_mode != VF_MAC_NEW)
            continue;
        char *mac = vf_mac_random(mac_prefix, err);
        if (!mac)
            return -1;
        free(n->mac);
        n->mac = mac;
        n->mac_mode = VF_MAC_GIVEN;
    }
    return 0;
}
