/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From what an operator asks for to a plan. */
#include "config.h"
#include "job/prepare_priv.h"
#include "job/vouch.h"
#include "base/i18n.h"
#include "base/str.h"
#include "plan/profile.h"

#include <string.h>

/* "web, mail", the first of many; caller frees. */
static char *names_of(struct vf_vm *const *vms, size_t n)
{
    enum { MOST = 5 };
    vf_autostrv char **names = vf_strv_new();
    for (size_t i = 0; i < n && i < MOST; i++)
        vf_strv_add(&names, vms[i]->called ? vms[i]->called : vms[i]->name);
    vf_autofree char *list = vf_strv_join(names, ", ");
    return vf_asprintf("%s%s", list, n > MOST ? ", ..." : "");
}

/* By VMID, else by name, which must be unique. 0: *ERR says why. */
static unsigned find_vm(struct vf_provider *p, const char *cluster, const char *ref,
                        struct vf_error **err)
{
    struct vf_vm **vms = NULL;
    size_t n = 0;
    uint64_t id = 0;
    unsigned found = 0, count = 0;
    if (p->ops->vms(p, &vms, &n, err) < 0)
        return 0;
    bool number = vf_parse_u64(ref, 1, VF_LAST_VMID, &id) == 0;
    for (size_t i = 0; i < n; i++) {
        if (number ? vms[i]->id != id
                   : !vf_streq(vms[i]->name, ref) && !vf_streq(vms[i]->called, ref))
            continue;
        found = vms[i]->id;
        count++;
    }
    if (count > 1)
        vf_fail(err, VF_E_CONFLICT,
                p->ops->only_source
                    ? _("%s has %u VMs named %s: give the number it is listed with (see vmferry "
                        "check --all)")
                    : _("%s has %u VMs named %s: give the VMID"),
                cluster, count, ref);
    else if (!count && number)
        found =
            (unsigned)id; /* describing it says why it cannot be moved, or that it is not there */
    else if (!count && !n && p->ops->only_source)
        vf_fail(err, VF_E_NOTFOUND, _("%s shows no VMs to this login"), cluster);
    else if (!count && p->ops->only_source && !p->ops->login) { /* files: no rights to be lacking */
        vf_autofree char *there = names_of(vms, n);
        vf_fail(err, VF_E_NOTFOUND, _("there is no VM %s in %s, but %s"), ref, cluster, there);
    } else if (!count && !n)
        vf_fail(err, VF_E_NOTFOUND,
                _("%s shows no VMs at all to this login: it probably lacks VM.Audit (a token with "
                  "privilege separation has no rights of its own)"),
                cluster);
    else if (!count) {
        vf_autofree char *hint = vf_begun_hint(ref, vms, n);
        vf_fail(err, VF_E_NOTFOUND, _("%s has no VM %s that this login may see%s%s"), cluster, ref,
                hint ? "; " : "", hint ? hint : "");
    }
    vf_vms_free(vms, n);
    return count > 1 ? 0 : found;
}

/* The source's format where the target storage takes it, else that storage's default, which is also
 * for what is FOREIGN: of another hypervisor. What the firmware remembers: a TPM's is raw before
 * Proxmox VE 9.1; an EFI disk that its storage has rounded up has its right size only as raw, where
 * QEMU is told it. */
static const char *target_format(const struct vf_storage *s, const struct vf_disk *d, bool foreign,
                                 const char *wanted)
{
    bool rounded = vf_starts(d->slot, "efidisk") && d->size % (UINT64_C(1) << 20) == 0;
    if (vf_starts(d->slot, "tpmstate") || rounded)
        return "raw";
    if (wanted)
        return wanted;
    if (foreign || vf_streq(d->format, "vmdk")) /* that is chosen, or of no use to anybody here */
        return s && s->formats && s->formats[0] ? s->formats[0] : "raw";
    if (s && !vf_strv_has(s->formats, d->format) && s->formats && s->formats[0])
        return s->formats[0];
    return d->format;
}

static void plan_disks(const struct vf_move *m, const struct vf_vm *s, const struct vf_storage *st,
                       struct vf_plan *p)
{
    for (size_t i = 0; i < s->n_disks; i++) {
        struct vf_plan_disk *d = vf_plan_add_disk(p);
        d->slot = vf_strdup(s->disks[i].slot);
        d->volume = vf_strdup(s->disks[i].volume);
        d->size = s->disks[i].size;
        d->storage = vf_strdup(m->storage);
        d->format = vf_strdup(target_format(st, &s->disks[i], s->guest, m->format));
    }
}

static int plan_nics(const struct vf_move *m, const char *mac_prefix, struct vf_prepared *out,
                     struct vf_error **err)
{
    const struct vf_vm *s = out->source;
    for (size_t i = 0; i < s->n_nics; i++) {
        struct vf_plan_nic *n = vf_plan_add_nic(out->plan);
        n->index = s->nics[i].index;
        n->bridge = vf_strdup(s->nics[i].bridge);
        n->mac_mode = VF_MAC_KEEP;
    }
    if (m->profile || s->guest)
        vf_plan_set_profile(out->plan, s, m->profile ? m->profile : vf_profile_for(s->guest));
    for (size_t i = 0; i < m->n_bridges; i++) {
        int changed = vf_plan_remap_bridge(out->plan, s, m->bridges[i], err);
        if (changed < 0)
            return -1;
        if (!changed && !vf_starts(m->bridges[i], "*"))
            vf_finding_add(&out->findings, VF_WARN, m->bridges[i], NULL,
                           _("%s has no network card on that bridge"), s->name);
    }
    bool used[VF_COUNT(m->vlans)];
    if (vf_plan_remap_vlans(out->plan, s, m->vlans, m->n_vlans, used, err) < 0)
        return -1;
    for (size_t i = 0; i < m->n_vlans; i++)
        if (!used[i] && !vf_starts(m->vlans[i], "*"))
            vf_finding_add(&out->findings, VF_WARN, m->vlans[i], NULL,
                           _("%s has no network card on that bridge"), s->name);
    vf_findings_name(&out->findings, 0, "bridge");
    if (m->mac && vf_plan_remap_mac(out->plan, m->mac, err) < 0)
        return -1;
    /* an exported VM may have cards without an address: there is nothing to keep */
    for (size_t i = 0; i < s->n_nics; i++)
        if (!s->nics[i].mac && out->plan->nics[i].mac_mode == VF_MAC_KEEP)
            out->plan->nics[i].mac_mode = VF_MAC_NEW;
    return vf_plan_choose_macs(out->plan, mac_prefix, err);
}

static uint64_t bytes_to_copy(const struct vf_vm *s)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < s->n_disks; i++)
        bytes += s->disks[i].used && s->disks[i].used < s->disks[i].size ? s->disks[i].used
                                                                         : s->disks[i].size;
    return bytes;
}

/* Another hypervisor has no processor types of Proxmox VE's. That of its own form for new VMs,
 * where the node has it; the API's default lacks what newer systems do not start without. */
static char *choose_cpu(struct vf_provider *dst, const char *node)
{
    static const char level[] = "x86-64-v2-AES", *const flags[] = {"aes", "sse4_2"};
    struct vf_abilities can = {0};
    if (dst->ops->abilities(dst, node, &can, NULL) < 0)
        return NULL;
    bool good = can.cpus && vf_strv_has(can.cpus, level);
    for (size_t i = 0; i < VF_COUNT(flags) && can.cpu_flags; i++)
        good = good && vf_strv_has(can.cpu_flags, flags[i]);
    vf_abilities_clear(&can);
    return vf_strdup(good ? level : "host");
}

int vf_make_plan(const struct vf_move *m, struct vf_provider *dst, struct vf_prepared *out,
                 struct vf_error **err)
{
    const struct vf_vm *s = out->source;
    struct vf_plan *p = out->plan = vf_plan_new();
    p->source = vf_strdup(m->source);
    p->target = vf_strdup(m->target);
    p->vm_id = s->id;
    p->vm_name = vf_strdup(s->name);
    p->target_node = vf_strdup(m->node);
    p->target_id = m->target_id;
    p->copy_disks = !m->skip_disks;
    p->precopy = !m->no_precopy;
    p->start = !m->skip_start && !m->skip_disks;
    p->start_stopped = m->start_stopped && p->start;
    p->driver_disk = m->driver_disk && (m->profile || s->guest);
    p->remove_snapshots = m->remove_snapshots;
    p->console = m->console;
    p->rate = m->rate;
    p->method = m->method;
    p->ciphers = vf_strdup(m->ciphers);
    p->verify = m->verify;
    p->compress = m->compress;
    p->streams = m->streams;
    p->route = m->route;
    p->verify_tls = m->verify_tls;
    p->ignore_exists = m->ignore_exists;
    p->fixes = m->fixes;
    p->rehearse = m->rehearse;
    p->service_ports = vf_strdup(m->service_ports);
    p->service_addresses = vf_strdup(m->service_addresses);
    p->wait_before_stop = m->wait_before_stop;
    p->wait_before_start = m->wait_before_start;
    if (m->shutdown_timeout)
        p->shutdown_timeout = m->shutdown_timeout;
    struct vf_storage *storages = NULL;
    size_t n = 0;
    const struct vf_storage *st = NULL;
    /* a node or storage that does not exist is preflight's to say */
    if (dst->ops->storages(dst, m->node, &storages, &n, NULL) == 0)
        for (size_t i = 0; i < n; i++)
            if (vf_streq(storages[i].name, m->storage))
                st = &storages[i];
    plan_disks(m, s, st, p);
    vf_storages_free(storages, n);
    if (s->guest)
        p->cpu = choose_cpu(dst, m->node);
    out->bytes = bytes_to_copy(s);
    vf_autofree char *prefix = dst->ops->mac_prefix(dst);
    return plan_nics(m, prefix, out, err);
}

/* The VM cannot be looked at: is it because this login may not? */
static bool unseen(struct vf_provider *src, uint64_t id, const char *ref,
                   const struct vf_error *why, struct vf_prepared *out)
{
    if (!id) /* by name it could be any */
        vf_parse_u64(ref, 1, VF_LAST_VMID, &id);
    if (vf_error_code(why) == VF_E_PERMISSION || vf_error_code(why) == VF_E_NOTFOUND)
        vf_rights_unseen(src, (unsigned)id, &out->findings, NULL);
    return vf_findings_stop(&out->findings);
}

void vf_ends_close(struct vf_ends *e)
{
    vf_provider_free(e->dst);
    vf_provider_free(e->src);
    free(e->source_ca);
    free(e->target_ca);
}

int vf_ends_open(const struct vf_conf *conf, const char *source, const char *target,
                 bool verify_tls, const struct vf_asker *asker, struct vf_cancel *cancel,
                 struct vf_ends *e, struct vf_error **err)
{
    const struct vf_cluster_conf *sc = vf_conf_cluster(conf, source, err);
    const struct vf_cluster_conf *dc = sc ? vf_conf_cluster(conf, target, err) : NULL;
    if (!dc)
        return -1;
    e->s = *sc;
    e->d = *dc;
    e->src = vf_open_vouched(&e->s, verify_tls, asker, cancel, &e->source_ca, err);
    e->dst = e->src ? vf_open_vouched(&e->d, verify_tls, asker, cancel, &e->target_ca, err) : NULL;
    if (e->dst && e->dst->ops->only_source)
        return vf_fail(err, VF_E_USAGE, _("%s is no Proxmox VE cluster: VMs are not moved to it"),
                       target);
    return e->dst ? 0 : -1;
}

/* Does WHY say by itself which VM it is about? */
static bool names(const struct vf_error *why, const char *ref)
{
    return vf_starts(vf_error_text(why), ref);
}

/* A template, a container, a VM that is locked: nothing to be planned, for a reason that stops. */
static bool refused(struct vf_ends *e, unsigned id, const char *ref, const struct vf_error *why,
                    struct vf_prepared *out)
{
    if (!id || (vf_error_code(why) != VF_E_UNSUPPORTED && vf_error_code(why) != VF_E_CONFLICT))
        return false;
    size_t from = out->findings.n;
    vf_finding_add(&out->findings, VF_STOP, names(why, ref) ? e->s.name : ref, NULL, "%s",
                   vf_error_text(why));
    vf_findings_name(&out->findings, from, "movable");
    return true;
}

/* Fills OUT->source with VM ID of REF; WHY says why ID is 0 (taken). 0 also when a finding says why
 * there is nothing to be seen. */
static int look_at(struct vf_ends *e, unsigned id, const char *ref, struct vf_error *why,
                   struct vf_prepared *out, struct vf_error **err)
{
    out->lacks = e->src->ops->lacks ? e->src->ops->lacks(e->src) : 0;
    out->way = e->src->ops->way ? e->src->ops->way(e->src) : NULL;
    if (id)
        out->source = vf_describe_whole(e->src, id, &why);
    if (out->source)
        return 0;
    if (unseen(e->src, id, ref, why, out) || refused(e, id, ref, why, out)) {
        vf_error_free(why);
        return 0;
    }
    bool told = !id || names(why, ref);
    vf_fail_with(err, why);
    return told ? -1 : vf_fail_prefix(err, "%s", ref);
}

int vf_prepare(const struct vf_conf *conf, const struct vf_move *m, const struct vf_asker *asker,
               struct vf_cancel *cancel, struct vf_prepared *out, struct vf_error **err)
{
    *out = (struct vf_prepared){.forecast_seconds = -1, .forecast_down_seconds = -1};
    VF_AUTOENDS struct vf_ends e = {0};
    if (vf_ends_open(conf, m->source, m->target, m->verify_tls, asker, cancel, &e, err) < 0)
        return -1;
    struct vf_error *why = NULL;
    unsigned id = find_vm(e.src, m->source, m->vm, &why);
    if (look_at(&e, id, m->vm, why, out, err) < 0)
        return -1;
    if (!out->source)
        return 0;
    if (vf_make_plan(m, e.dst, out, err) < 0 ||
        vf_preflight(conf, out->plan, out->source, e.src, e.dst, NULL, &out->findings, err) < 0 ||
        (m->look_at_hosts && vf_look_at_hosts(conf, out, e.src, e.dst, cancel, err) < 0)) {
        vf_prepared_free(out);
        return -1;
    }
    return 0;
}

/* What is no longer as planned stops the move, like any other check that says no. */
static int still_planned(const struct vf_plan *plan, struct vf_prepared *out, struct vf_error **err)
{
    vf_autoerror struct vf_error *why = NULL;
    vf_auto(vf_vm_free) struct vf_vm *vm = vf_plan_apply(plan, out->source, NULL, &why);
    if (vm)
        return 1;
    if (vf_error_code(why) != VF_E_CONFLICT)
        return vf_fail_with(err, VF_STEAL(why));
    vf_finding_add(&out->findings, VF_STOP, out->source->name, NULL, "%s", vf_error_text(why));
    vf_findings_name(&out->findings, out->findings.n - 1, "planned");
    return 0;
}

int vf_prepare_plan(const struct vf_conf *conf, const struct vf_plan *plan,
                    const struct vf_asker *asker, struct vf_cancel *cancel, struct vf_prepared *out,
                    struct vf_error **err)
{
    return vf_prepare_plan_looking(conf, plan, false, asker, cancel, out, err);
}

int vf_prepare_plan_looking(const struct vf_conf *conf, const struct vf_plan *plan,
                            bool look_at_hosts, const struct vf_asker *asker,
                            struct vf_cancel *cancel, struct vf_prepared *out,
                            struct vf_error **err)
{
    *out = (struct vf_prepared){.forecast_seconds = -1, .forecast_down_seconds = -1};
    VF_AUTOENDS struct vf_ends e = {0};
    if (vf_ends_open(conf, plan->source, plan->target, plan->verify_tls, asker, cancel, &e, err) <
        0)
        return -1;
    vf_autofree char *ref = vf_asprintf("%u", plan->vm_id);
    if (look_at(&e, plan->vm_id, ref, NULL, out, err) < 0)
        return -1;
    int r = out->source ? still_planned(plan, out, err) : 0;
    if (r == 0)
        return 0;
    out->plan = vf_plan_copy(plan);
    if (!out->plan->vm_name)
        out->plan->vm_name = vf_strdup(out->source->name);
    out->bytes = bytes_to_copy(out->source);
    vf_autofree char *prefix = e.dst->ops->mac_prefix(e.dst);
    if (r < 0 || vf_plan_choose_macs(out->plan, prefix, err) < 0 ||
        vf_preflight(conf, out->plan, out->source, e.src, e.dst, NULL, &out->findings, err) < 0 ||
        (look_at_hosts && vf_look_at_hosts(conf, out, e.src, e.dst, cancel, err) < 0)) {
        vf_prepared_free(out);
        return -1;
    }
    return 0;
}

bool vf_keeps_name(const struct vf_prepared *p)
{
    return p->lacks & VF_LACKS_RENAME;
}

void vf_prepared_free(struct vf_prepared *p)
{
    vf_plan_free(p->plan);
    vf_vm_free(p->source);
    free(p->way);
    vf_findings_free(&p->findings);
    *p = (struct vf_prepared){.forecast_seconds = -1, .forecast_down_seconds = -1};
}
