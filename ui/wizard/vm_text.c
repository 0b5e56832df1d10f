/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A VM in words: its flags in a list, and all that is known of it. */
#include "config.h"
#include "ui/wizard/parts.h"
#include "base/buf.h"
#include "base/i18n.h"
#include "base/str.h"

#include <string.h>

uint64_t vf_vm_disks(const struct vf_vm *v)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < v->n_disks; i++)
        sum += v->disks[i].size;
    return sum;
}

static bool is_refused(const struct seen_vm *v)
{
    for (size_t i = 0; v->seen.vm && i < v->seen.vm->n_left_out; i++)
        if (v->seen.vm->left_out[i].stop)
            return true;
    return false;
}

char *vf_vm_flags(const struct seen_vm *v)
{
    const struct {
        bool on;
        const char *word;
    } flags[] = {
        {v->vm->container, _("container")},  {v->vm->template_, _("template")},
        {v->seen.job != NULL, _("moving")},  {v->vm->lock != NULL, _("locked")},
        {v->vm->ha != NULL, _("HA")},        {v->seen.snapshots, _("snapshots")},
        {v->seen.passthrough, _("devices")}, {is_refused(v), _("STOP")},
    };
    vf_autobuf struct vf_buf b = {0};
    for (size_t i = 0; i < VF_COUNT(flags); i++)
        if (flags[i].on)
            vf_buf_printf(&b, "%s%s", b.len ? " " : "", flags[i].word);
    return b.len ? vf_buf_take(&b) : NULL;
}

/* A line of LABEL and text, which comes from elsewhere. */
static void add(struct vf_buf *b, const char *label, const char *fmt, ...) VF_PRINTF(3, 4);
static void add(struct vf_buf *b, const char *label, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vf_autofree char *text = vf_vasprintf(fmt, ap);
    va_end(ap);
    vf_autofree char *safe = vf_escape(text);
    int pad = 12 - vf_text_columns(label);
    vf_buf_printf(b, "%s%*s%s\n", label, pad > 2 ? pad : 2, "", safe);
}

static void add_disks(struct vf_buf *b, const struct vf_vm *v)
{
    for (size_t i = 0; i < v->n_disks; i++) {
        const struct vf_disk *d = &v->disks[i];
        vf_autofree char *size = vf_format_bytes(d->size);
        add(b, i ? "" : _("disks"), "%s  %s  %s", d->slot, size, d->volume ? d->volume : "");
    }
    for (size_t i = 0; i < v->n_cdroms; i++)
        add(b, i ? "" : _("CD-ROMs"), "%s  %s", v->cdroms[i].slot,
            v->cdroms[i].cloudinit ? _("cloud-init")
            : v->cdroms[i].media   ? v->cdroms[i].media
                                   : _("empty"));
}

static void add_nics(struct vf_buf *b, const struct vf_vm *v)
{
    for (size_t i = 0; i < v->n_nics; i++) {
        const struct vf_nic *n = &v->nics[i];
        vf_autofree char *tag = n->tag ? vf_asprintf(_("  VLAN tag %u"), n->tag) : vf_strdup("");
        add(b, i ? "" : _("network"), "net%u  %s  %s%s  %s%s", n->index,
            n->bridge ? n->bridge : _("no bridge"), n->model ? n->model : "", tag,
            n->mac ? n->mac : "", n->link_down ? _("  disconnected") : "");
    }
}

static void add_configured(struct vf_buf *b, const struct vf_vm *v)
{
    add(b, _("processors"), "%u", (v->sockets ? v->sockets : 1) * (v->cores ? v->cores : 1));
    add_disks(b, v);
    add_nics(b, v);
    if (v->onboot)
        add(b, _("at boot"), "%s", _("is started with its node"));
    for (size_t i = 0; i < v->opts.n; i++)
        add(b, i ? "" : _("options"), "%s: %s", v->opts.v[i].key, v->opts.v[i].value);
    for (size_t i = 0; i < v->n_left_out; i++) {
        const struct vf_left_out *l = &v->left_out[i];
        add(b,
            l->stop    ? _("STOP")
            : l->there ? _("note")
                       : _("stays here"),
            "%s: %s", l->what, _(l->why));
    }
}

const char *vf_vm_system(const struct seen_vm *v)
{
    return v->seen.vm && v->seen.vm->system ? v->seen.vm->system : v->vm->system;
}

/* Where it is and what it is called there. */
static void add_place(struct vf_buf *b, const struct seen_vm *v, bool imports)
{
    const char *system = vf_vm_system(v), *node = v->vm->node ? v->vm->node : "";
    const char *called = v->vm->called ? v->vm->called : v->vm->name;
    add(b, _("name"), "%s", called ? called : "");
    if (!imports)
        add(b, _("VMID"), "%u", v->vm->id);
    if (!imports || *node)
        add(b, imports ? _("host") : _("node"), "%s%s", node, v->offline ? _(" (offline)") : "");
    if (system)
        add(b, _("system"), "%s", system);
}

char *vf_vm_text(const struct seen_vm *v, bool imports)
{
    const struct vf_vm *vm = v->vm;
    vf_autobuf struct vf_buf b = {0};
    vf_autofree char *memory = vf_format_bytes(vm->memory), *flags = vf_vm_flags(v);
    add_place(&b, v, imports);
    const char *cure = vm->state == VF_VM_UNKNOWN ? NULL : vf_vm_state_cure(vm->state);
    add(&b, _("state"), cure ? "%s: %s" : "%s", _(vf_vm_state_name(vm->state)), cure);
    add(&b, _("memory"), "%s", memory);
    if (vm->tags)
        add(&b, _("tags"), "%s", vm->tags);
    if (flags)
        add(&b, _("flags"), "%s", flags);
    if (vm->ha)
        add(&b, _("HA"), "%s", vm->ha);
    if (vm->lock)
        add(&b, _("lock"), "%s", vm->lock);
    if (v->seen.job)
        add(&b, _("job"), v->seen.ours ? _("%s, of this machine") : _("%s, of another machine"),
            v->seen.job);
    if (v->seen.why)
        add(&b, _("STOP"), "%s", v->seen.why);
    if (v->seen.vm)
        add_configured(&b, v->seen.vm);
    else if (!v->seen.why)
        vf_buf_puts(&b, v->known || v->offline || vm->container
                            ? _("\nWhat is configured of it cannot be asked.\n")
                            : _("\nWhat is configured of it has not come in yet.\n"));
    return vf_buf_take(&b);
}
