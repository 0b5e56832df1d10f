/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "ui/plan_text.h"
#include "plan/name.h"
#include "base/buf.h"
#include "base/i18n.h"
#include "base/str.h"
#include "plan/firewall.h"

#include <string.h>

static void add_switch(struct vf_buf *b, const char *name, int value)
{
    if (value >= 0)
        vf_buf_printf(b, value ? _(", %s on") : _(", %s off"), name);
}

/* Only what differs: otherwise it keeps its name and gets the next free number. */
static void add_identity(struct vf_buf *b, const struct vf_plan *plan)
{
    if (plan->target_name && !vf_streq(plan->target_name, plan->vm_name))
        vf_buf_printf(b, _("  name  %s\n"), plan->target_name);
    if (plan->target_id)
        vf_buf_printf(b, _("  VMID  %u\n"), plan->target_id);
}

static void add_disks(struct vf_buf *b, const struct vf_prepared *p)
{
    for (size_t i = 0; i < p->plan->n_disks; i++) {
        const struct vf_plan_disk *d = &p->plan->disks[i];
        const struct vf_disk *s = vf_vm_disk(p->source, d->slot);
        vf_autofree char *size = vf_format_bytes(d->size);
        vf_autofree char *used = s->used ? vf_format_bytes(s->used) : NULL; /* 0: not known */
        const char *slot = vf_plan_slot(d);
        vf_autofree char *from = vf_escape(s->storage ? s->storage : d->volume);
        if (used)
            vf_buf_printf(b, _("  disk  %-9s %s, %s used, %s (%s) -> %s (%s)"), d->slot, size, used,
                          from, s->format, d->storage, d->format);
        else
            vf_buf_printf(b, _("  disk  %-9s %s, %s (%s) -> %s (%s)"), d->slot, size, from,
                          s->format, d->storage, d->format);
        if (!vf_streq(slot, d->slot))
            vf_buf_printf(b, _(", becomes %s"), slot);
        add_switch(b, "discard", d->discard);
        add_switch(b, "ssd", d->ssd);
        add_switch(b, "iothread", d->iothread);
        if (d->cache)
            vf_buf_printf(b, ", cache %s", d->cache);
        vf_buf_puts(b, "\n");
    }
}

static void add_nics(struct vf_buf *b, const struct vf_prepared *p)
{
    static const char *const macs[] = {N_("MAC kept"), N_("new MAC"), N_("MAC")};
    for (size_t i = 0; i < p->plan->n_nics; i++) {
        const struct vf_plan_nic *n = &p->plan->nics[i];
        const struct vf_nic *s = &p->source->nics[i];
        vf_autofree char *bridge = vf_escape(s->bridge ? s->bridge : "-");
        vf_buf_printf(b, _("  net%-3u %s %s, %s -> %s"), n->index, s->model, s->mac ? s->mac : "-",
                      bridge, n->bridge ? n->bridge : "-");
        unsigned tag = n->tag == VF_VLAN_KEEP ? s->tag : n->tag;
        if (n->model && !vf_streq(n->model, s->model))
            vf_buf_printf(b, _(", becomes %s"), n->model);
        if (tag)
            vf_buf_printf(b, _(", VLAN tag %u"), tag);
        else if (s->tag)
            vf_buf_puts(b, _(", no VLAN tag"));
        if (n->disconnected >= 0 ? n->disconnected : s->link_down)
            vf_buf_puts(b, _(", disconnected"));
        vf_buf_printf(b, ", %s%s%s\n", _(macs[n->mac_mode]), n->mac ? " " : "",
                      n->mac ? n->mac : "");
    }
}

char *vf_way_shown(const char *way, bool why)
{
    const char *rest = way ? strstr(way, ": ") : NULL;
    vf_autofree char *by = way ? vf_strndup(way, rest ? (size_t)(rest - way) : strlen(way)) : NULL;
    vf_autofree char *text =
        rest && why ? vf_asprintf("%s: %s", _(by), _(rest + 2)) : vf_strdup(by ? _(by) : NULL);
    return text ? vf_escape(text) : NULL;
}

/* What a VM from another hypervisor becomes, and which way its data goes. */
static void add_import(struct vf_buf *b, const struct vf_prepared *p)
{
    static const char *const kinds[] = {
        [VF_PROFILE_MODERN] = N_("modern: VirtIO disks and cards"),
        [VF_PROFILE_OLD] = N_("old: i440fx, IDE disks, e1000 cards"),
        [VF_PROFILE_WINDOWS] =
            N_("windows: SATA disks and e1000 cards until it has VirtIO drivers"),
    };
    if (!p->plan->profile)
        return;
    vf_autofree char *system = p->source->system ? vf_escape(p->source->system) : NULL;
    vf_buf_printf(b, _("  kind  %s%s%s\n"), _(kinds[p->plan->profile]), system ? "; " : "",
                  system ? system : "");
    vf_auto(vf_vm_free) struct vf_vm *vm = vf_plan_apply(p->plan, p->source, NULL, NULL);
    for (size_t i = 0; vm && i < vm->n_disks; i++) {
        const struct vf_disk *d = &vm->disks[i];
        vf_autofree char *size = vf_format_bytes(d->size);
        if (d->fresh)
            vf_buf_printf(b, _("  disk  %-9s %s, empty, made by Proxmox VE -> %s\n"), d->slot, size,
                          d->storage);
    }
    if (p->plan->remove_snapshots)
        vf_buf_puts(b, _("  prep  the source's snapshots are removed before its disks are read\n"));
    vf_autofree char *way = vf_way_shown(p->way, false);
    if (p->plan->copy_disks)
        vf_buf_printf(b,
                      _("  data  is read by this machine%s%s, and sent on to %s: fastest there\n"),
                      way ? ", " : "", way ? way : "", p->plan->target_node);
}

static void add_around(struct vf_buf *b, const struct vf_vm *s)
{
    const struct vf_firewall *f = s->firewall;
    if (!vf_firewall_empty(f))
        vf_buf_printf(b, _("  firewall %s; rules: %zu, IP sets: %zu, aliases: %zu\n"),
                      vf_firewall_enabled(f) ? _("on") : _("off"), f->rules.n, f->ipsets.n,
                      f->aliases.n);
    if (s->pool) {
        vf_autofree char *pool = vf_escape(s->pool);
        vf_buf_printf(b, _("  pool  %s\n"), pool);
    }
}

static void add_finding(struct vf_buf *b, const struct vf_finding *f)
{
    static const char *const words[] = {N_("note"), N_("warning"), N_("STOP")};
    vf_autofree char *subject = vf_escape(f->subject), *text = vf_escape(f->text);
    vf_buf_printf(b, "  %s: %s: %s\n", _(words[f->severity]), subject, text);
    if (f->cure)
        vf_buf_printf(b, "    %s\n", f->cure);
    if (vf_streq(f->fix, VF_FIX_SNAPSHOTS))
        vf_buf_puts(b, _("    --remove-snapshots does it; they cannot be put back\n"));
    else if (vf_streq(f->fix, vf_fix_words[VF_FIX_SWITCH_SSH_ON]))
        vf_buf_printf(b, _("    --fix=%s does it for the import, and puts it back at its end\n"),
                      f->fix);
    else if (f->fix)
        vf_buf_printf(b,
                      _("    --fix=%s does it for the move, and puts it back when it is undone\n"),
                      f->fix);
}

/* The worst last: on a terminal that is what stays in sight. */
static void add_findings(struct vf_buf *b, const struct vf_findings *f)
{
    for (int severity = VF_INFO; severity <= VF_STOP; severity++)
        for (size_t i = 0; i < f->n; i++)
            if ((int)f->v[i].severity == severity)
                add_finding(b, &f->v[i]);
}

/* So that an operator can choose: what this way does, and what ours would. */
static void add_migration(struct vf_buf *b, const struct vf_prepared *p)
{
    bool live = p->source->state != VF_VM_STOPPED;
    vf_autofree char *bytes = vf_format_bytes(p->bytes);
    vf_buf_printf(b,
                  _("  how   Proxmox's own migration (remote-migrate): %s, about %s, over TLS "
                    "from node to node (the target's API port)\n"),
                  live ? _("live, disks and memory") : _("its disks, it stays stopped"), bytes);
    vf_buf_puts(b, _("        its disks are NOT compared, an interrupted one begins anew, and the "
                     "source keeps a lock that only root takes off; Proxmox calls it "
                     "experimental\n"));
    vf_buf_puts(b, live ? _("        --method=copy shuts the VM down instead, and compares every "
                            "disk; over ssh\n")
                        : _("        --method=copy compares every disk; over ssh\n"));
    vf_autofree char *migrated = vf_name_with(p->plan->vm_name, VF_MIGRATED);
    vf_buf_printf(
        b,
        live ? _("  then  it runs at the target; the source is stopped and renamed to %s\n")
             : _("  then  it stays stopped; the source is renamed to %s\n"),
        migrated);
}

static void add_waits(struct vf_buf *b, const struct vf_prepared *p)
{
    const struct vf_plan *plan = p->plan;
    bool ran = p->source->state != VF_VM_STOPPED, starts = vf_plan_starts(plan, ran);
    if (plan->rehearse)
        return;
    if (ran && plan->service_ports)
        vf_buf_printf(b, _("  test  TCP ports %s %s, before and after, from this machine\n"),
                      plan->service_ports,
                      plan->service_addresses ? plan->service_addresses
                                              : _("of the addresses its agent tells"));
    if (ran && plan->wait_before_stop)
        vf_buf_puts(b, plan->method == VF_METHOD_COPY
                           ? _("  wait  you are asked before it is shut down\n")
                           : _("  wait  you are asked before it is migrated\n"));
    if (plan->wait_before_start && starts)
        vf_buf_puts(b, _("  wait  you are asked before it is started at the target\n"));
    if (plan->profile == VF_PROFILE_OLD && plan->console == VF_CONSOLE_ASK && starts)
        vf_buf_puts(b, _("  wait  you are asked whether its console is fine before its cards are "
                         "connected\n"));
}

/* Only one that was asked for: which it will be otherwise, trying it shows. */
static void add_route(struct vf_buf *b, const struct vf_prepared *p)
{
    static const char *const ways[VF_ROUTE_WORDS] = {NULL, N_("local"), N_("direct"),
                                                     N_("fetched by the target's host"),
                                                     N_("via this machine")};
    if (ways[p->plan->route])
        vf_buf_printf(b, _("  route %s -> %s %s\n"), p->source->node, p->plan->target_node,
                      _(ways[p->plan->route]));
}

/* Which of the disks are copied while the VM runs, or which are not; NULL: none. Caller frees. */
static char *slots(const struct vf_prepared *p, bool live, uint64_t *bytes)
{
    vf_autostrv char **names = vf_strv_new();
    *bytes = 0;
    for (size_t i = 0; i < p->plan->n_disks; i++) {
        const struct vf_plan_disk *d = &p->plan->disks[i];
        if (vf_plan_precopies(p->plan, p->source, i) != live)
            continue;
        const struct vf_disk *s = vf_vm_disk(p->source, d->slot);
        vf_strv_add(&names, d->slot);
        *bytes += s->used && s->used < d->size ? s->used : d->size;
    }
    return names[0] ? vf_strv_join(names, ", ") : NULL;
}

/* What the length of the outage depends on. */
static void add_outage(struct vf_buf *b, const struct vf_prepared *p)
{
    uint64_t live = 0, down = 0;
    vf_autofree char *before = slots(p, true, &live), *after = slots(p, false, &down);
    vf_autofree char *read = vf_format_bytes(live), *copied = vf_format_bytes(down);
    if (p->source->state != VF_VM_RUNNING || (!before && !after) || p->plan->rehearse)
        return;
    if (before)
        vf_buf_printf(b, _("        while it runs: %s\n"), before);
    vf_buf_puts(b, _("  down  from the shutdown until"));
    if (before)
        vf_buf_printf(b,
                      _(" about %s (%s) are read once more at both ends, and what differs is sent"),
                      read, before);
    if (before && after)
        vf_buf_puts(b, _(", and"));
    if (after)
        vf_buf_printf(b, _(" about %s (%s) are copied"), copied, after);
    vf_buf_puts(b, "\n");
}

static void add_forecast(struct vf_buf *b, const struct vf_prepared *p)
{
    vf_autofree char *all = vf_prepared_forecast(p, false), *down = vf_prepared_forecast(p, true);
    if (all && p->forecast_down_seconds > 0)
        vf_buf_printf(b, _("  time  %s, of which it is down for %s\n"), all, down);
    else if (all)
        vf_buf_printf(b, _("  time  %s\n"), all);
    if (all && p->forecast_lacks)
        vf_buf_printf(b, "        %s\n", _(p->forecast_lacks));
}

static const char *what_happens(const struct vf_prepared *p)
{
    bool full = p->plan->verify == VF_VERIFY_FULL;
    if (p->plan->rehearse)
        return p->plan->start && p->plan->copy_disks
                   ? _("it is started at the target, off the network")
                   : _("it is not started at the target");
    if (p->source->state == VF_VM_STOPPED)
        return vf_plan_starts(p->plan, false)
                   ? full ? _("it is stopped, copied, verified and started at the target")
                          : _("it is stopped, copied, NOT verified, and started at the target")
                   : _("it is stopped and stays so");
    if (p->plan->start)
        return full ? _("it is shut down, copied, verified and started at the target")
                    : _("it is shut down, copied, NOT verified, and started at the target");
    return _("it is SHUT DOWN and not started at the target");
}

char *vf_plan_summary(const struct vf_prepared *p)
{
    vf_autobuf struct vf_buf b = {0};
    const struct vf_plan *plan = p->plan;
    if (!plan) {
        add_findings(&b, &p->findings);
        return vf_buf_take(&b);
    }
    vf_autofree char *bytes = vf_format_bytes(p->bytes);
    if (p->source->guest)
        vf_buf_printf(&b, _("Import %s (%s) from %s to %s/%s\n"), plan->vm_name,
                      _(vf_vm_state_name(p->source->state)), plan->source, plan->target,
                      plan->target_node);
    else
        vf_buf_printf(&b, _("Move %s (VMID %u, %s) from %s/%s to %s/%s\n"), plan->vm_name,
                      plan->vm_id, _(vf_vm_state_name(p->source->state)), plan->source,
                      p->source->node, plan->target, plan->target_node);
    if (plan->rehearse) {
        vf_autofree char *test = vf_plan_target_name(plan, p->source);
        vf_buf_printf(&b, _("  test  it is called %s there; its network cards are disconnected\n"),
                      test);
    } else
        add_identity(&b, plan);
    add_disks(&b, p);
    add_nics(&b, p);
    if (plan->method == VF_METHOD_REMOTE_MIGRATE) {
        add_migration(&b, p);
        add_waits(&b, p);
        add_findings(&b, &p->findings);
        return vf_buf_take(&b);
    }
    add_import(&b, p);
    if (plan->cpu)
        vf_buf_printf(&b, _("  cpu   %s\n"), plan->cpu);
    add_around(&b, p->source);
    if (plan->copy_disks) {
        vf_buf_printf(&b,
                      plan->verify == VF_VERIFY_FULL
                          ? _("  copy  about %s; every disk is read back and compared\n")
                          : _("  copy  about %s; what arrives is NOT read back and compared\n"),
                      bytes);
        add_outage(&b, p);
    } else
        vf_buf_puts(&b, _("  copy  nothing (--skip-disks): the target VM gets no disks\n"));
    if (plan->copy_disks)
        add_route(&b, p);
    add_forecast(&b, p);
    add_waits(&b, p);
    vf_autofree char *migrated = vf_name_with(plan->vm_name, VF_MIGRATED);
    if (plan->rehearse)
        vf_buf_printf(&b, _("  then  %s; the source is left alone\n"), what_happens(p));
    else if (*plan->source == '/')
        vf_buf_printf(&b, _("  then  %s; the exported files stay as they are\n"), what_happens(p));
    else if (vf_keeps_name(p))
        vf_buf_printf(&b, _("  then  %s; the source keeps its name\n"), what_happens(p));
    else
        vf_buf_printf(&b, _("  then  %s; the source is renamed to %s\n"), what_happens(p),
                      migrated);
    add_findings(&b, &p->findings);
    return vf_buf_take(&b);
}

json_t *vf_plan_event(const struct vf_prepared *p)
{
    const struct vf_plan *plan = p->plan;
    json_t *e = vf_event_new("plan"), *findings = json_array();
    if (plan) {
        json_object_set_new(e, "vm", json_string(plan->vm_name));
        json_object_set_new(e, "vmid", json_integer(plan->vm_id));
        json_object_set_new(e, "source", json_string(plan->source));
        json_object_set_new(e, "target", json_string(plan->target));
        json_object_set_new(e, "target_node", json_string(plan->target_node));
        json_object_set_new(
            e, "method",
            json_string(plan->method == VF_METHOD_REMOTE_MIGRATE ? "remote-migrate" : "copy"));
    }
    json_t *live = json_array();
    for (size_t i = 0; plan && i < plan->n_disks; i++)
        if (vf_plan_precopies(plan, p->source, i))
            json_array_append_new(live, json_string(plan->disks[i].slot));
    json_object_set_new(e, "precopy", live);
    json_object_set_new(e, "bytes", json_integer((json_int_t)p->bytes));
    if (p->forecast_seconds >= 0)
        json_object_set_new(e, "forecast_seconds", json_real(p->forecast_seconds));
    if (p->forecast_down_seconds >= 0)
        json_object_set_new(e, "forecast_downtime", json_real(p->forecast_down_seconds));
    if (p->forecast_lacks)
        json_object_set_new(e, "forecast_lacks", json_string(p->forecast_lacks));
    json_object_set_new(e, "stop", json_boolean(vf_findings_stop(&p->findings)));
    for (size_t i = 0; i < p->findings.n; i++) {
        const struct vf_finding *f = &p->findings.v[i];
        vf_autofree char *subject = vf_escape(f->subject), *text = vf_escape(f->text),
                         *cure = f->cure ? vf_escape(f->cure) : NULL;
        json_array_append_new(findings,
                              json_pack("{s:s, s:s, s:s, s:s?, s:s?, s:s?}", "severity",
                                        vf_severity_name(f->severity), "subject", subject, "text",
                                        text, "cure", cure, "check", f->check, "fix", f->fix));
    }
    json_object_set_new(e, "findings", findings);
    return e;
}
