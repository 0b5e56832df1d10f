/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which settings of a VM which versions of Proxmox VE know. Taken from the parameter lists of 6.4,
 * 7.4, 8.4 and 9.2: FIRST is the oldest of these that has a setting, LAST the newest, since when
 * between them it came or went is not known. What is not here all of them have. */
#include "config.h"
#include "provider/pve/propstr.h"
#include "provider/pve/versions.h"
#include "base/str.h"

#include <ctype.h>
#include <limits.h>
#include <string.h>

#define DRIVES "ide sata scsi virtio"

static const struct rule {
    const char *keys;  /* without their numbers, separated by spaces */
    const char *sub;   /* a part of a property string; NULL: the whole setting */
    const char *value; /* only this one; NULL: any */
    unsigned first, last;
    const char *instead; /* the nearest value that older versions know */
    const char *refuse;  /* why a VM cannot do without it */
} rules[] = {
    {"affinity", NULL, NULL, 7004, UINT_MAX, NULL, NULL},
    {"agent", "freeze-fs", NULL, 9002, UINT_MAX, NULL, NULL},
    {"agent", "freeze-fs-on-backup", NULL, 7004, UINT_MAX, NULL, NULL},
    {"agent", "guest-fsfreeze", NULL, 9002, UINT_MAX, NULL, NULL},
    {"allow-ksm", NULL, NULL, 9002, UINT_MAX, NULL, NULL},
    {"amd-sev", NULL, NULL, 8004, UINT_MAX, NULL, NULL},
    {"ciupgrade", NULL, NULL, 8004, UINT_MAX, NULL, NULL},
    {"cpuunits", NULL, "1", 7004, UINT_MAX, "2", NULL},
    {"efidisk", "efitype", "4m", 7004, UINT_MAX, NULL,
     "its firmware does not fit the state that this EFI disk (4m) holds"},
    {"efidisk", "efitype", NULL, 7004, UINT_MAX, NULL, NULL},
    {"efidisk", "ms-cert", NULL, 9002, UINT_MAX, NULL, NULL},
    {"efidisk", "pre-enrolled-keys", NULL, 7004, UINT_MAX, NULL, NULL},
    {"hostpci", "mapping", NULL, 8004, UINT_MAX, NULL, NULL},
    {"intel-tdx", NULL, NULL, 9002, UINT_MAX, NULL, NULL},
    {"machine", "aw-bits", NULL, 9002, UINT_MAX, NULL, NULL},
    {"machine", "enable-s3", NULL, 8004, UINT_MAX, NULL, NULL},
    {"machine", "enable-s4", NULL, 8004, UINT_MAX, NULL, NULL},
    {"machine", "viommu", NULL, 8004, UINT_MAX, NULL, NULL},
    {"net", "model", "e1000e", 7004, UINT_MAX, "e1000", NULL},
    {"ostype", NULL, "win11", 7004, UINT_MAX, "win10", NULL},
    {DRIVES, "aio", "io_uring", 7004, UINT_MAX, NULL, NULL},
    {DRIVES, "cyls", NULL, 0, 8004, NULL, NULL},
    {DRIVES, "heads", NULL, 0, 8004, NULL, NULL},
    {"scsi", "product", NULL, 8004, UINT_MAX, NULL, NULL},
    {"scsi virtio", "ro", NULL, 7004, UINT_MAX, NULL, NULL},
    {DRIVES, "secs", NULL, 0, 8004, NULL, NULL},
    {DRIVES, "trans", NULL, 0, 8004, NULL, NULL},
    {"scsi", "vendor", NULL, 8004, UINT_MAX, NULL, NULL},
    {"tpmstate", NULL, NULL, 7004, UINT_MAX, NULL,
     "it has no TPM, and a guest that keeps its keys there does not start without"},
    {"usb", "mapping", NULL, 8004, UINT_MAX, NULL, NULL},
    {"vga", "clipboard", NULL, 8004, UINT_MAX, NULL, NULL},
    {"vga", "type", "virtio-gl", 7004, UINT_MAX, "virtio", NULL},
    {"virtiofs", NULL, NULL, 8004, UINT_MAX, NULL, NULL},
};

/* Whether "scsi3" is one of "ide sata scsi virtio". */
static bool is_one_of(const char *keys, const char *key)
{
    size_t n = strlen(key);
    while (n && isdigit((unsigned char)key[n - 1]))
        n--;
    for (const char *p = keys; *p; p += strcspn(p, " "), p += *p == ' ')
        if (strcspn(p, " ") == n && !strncmp(p, key, n))
            return true;
    return false;
}

static const struct rule *find_rule(unsigned version, const char *key, const char *sub,
                                    const char *value)
{
    for (size_t i = 0; i < VF_COUNT(rules); i++)
        if ((version < rules[i].first || version > rules[i].last) &&
            is_one_of(rules[i].keys, key) && vf_streq(rules[i].sub, sub) &&
            (!rules[i].value || vf_streq(rules[i].value, value)))
            return &rules[i];
    return NULL;
}

bool vf_pve_knows(unsigned version, const char *key, const char *sub, const char *value)
{
    return !find_rule(version, key, sub, value);
}

/* Says what becomes of KEY (or its part SUB) with VALUE; -1 for what cannot be left out. */
static int tell(const struct rule *r, unsigned version, const char *key, const char *value,
                struct vf_vm *vm, struct vf_error **err)
{
    vf_autofree char *shown = vf_escape(value);
    vf_autofree char *what = r->sub   ? vf_asprintf("%s: %s=%s", key, r->sub, shown)
                             : *shown ? vf_asprintf("%s: %s", key, shown)
                                      : vf_strdup(key);
    if (r->refuse)
        return vf_fail(
            err, VF_E_UNSUPPORTED,
            "%s: the target's Proxmox VE %u.%u does not know it: %s; choose a newer target", what,
            version / 1000, version % 1000, r->refuse);
    vf_autofree char *why = vf_asprintf(
        "the target's Proxmox VE %u.%u does not know it%s%s", version / 1000, version % 1000,
        r->instead ? "; it becomes " : "", r->instead ? r->instead : "");
    vf_vm_leave_out(vm, what, why);
    return 0;
}

/* The parts of one property string. */
static int fit_parts(unsigned version, const char *key, struct vf_opts *o, struct vf_vm *vm,
                     struct vf_error **err)
{
    for (size_t i = 0; i < o->n;) {
        const struct vf_opt *opt = &o->v[i];
        const struct rule *r = find_rule(version, key, opt->key, opt->value);
        if (r && tell(r, version, key, opt->value, vm, err) < 0)
            return -1;
        if (r && !r->instead) {
            vf_autofree char *gone = vf_strdup(opt->key);
            vf_opts_remove(o, gone);
            continue;
        }
        if (r)
            vf_str_set(&o->v[i].value, r->instead);
        i++;
    }
    return 0;
}

/* A property string among the options. Only those with a rule are taken apart. */
static int fit_option(unsigned version, struct vf_opt *opt, struct vf_vm *vm, struct vf_error **err)
{
    static const struct {
        const char *key, *bare; /* what its part without a name is */
        bool needed;            /* nothing without it */
    } defaults[] = {{"agent", "enabled", false},
                    {"hostpci", "host", true},
                    {"machine", "type", false},
                    {"usb", "host", true},
                    {"vga", "type", false}};
    for (size_t i = 0; i < VF_COUNT(defaults); i++) {
        if (!is_one_of(defaults[i].key, opt->key))
            continue;
        struct vf_opts o = {0};
        size_t told = vm->n_left_out;
        int r = vf_propstr_parse(opt->value, defaults[i].bare, &o, err);
        if (r == 0)
            r = fit_parts(version, opt->key, &o, vm, err);
        if (r == 0 && vm->n_left_out > told) {
            free(opt->value);
            opt->value = defaults[i].needed && !vf_opts_get(&o, defaults[i].bare)
                             ? vf_strdup("")
                             : vf_propstr_print(&o, defaults[i].bare);
        }
        vf_opts_free(&o);
        return r < 0 ? vf_fail_prefix(err, "%s", opt->key) : 0;
    }
    return 0;
}

static int fit_options(unsigned version, struct vf_vm *vm, struct vf_error **err)
{
    for (size_t i = 0; i < vm->opts.n;) {
        struct vf_opt *opt = &vm->opts.v[i];
        const struct rule *r = find_rule(version, opt->key, NULL, opt->value);
        if (r && tell(r, version, opt->key, opt->value, vm, err) < 0)
            return -1;
        if (r && r->instead)
            vf_str_set(&opt->value, r->instead);
        if (!r && fit_option(version, opt, vm, err) < 0)
            return -1;
        if ((r && !r->instead) || !*opt->value) { /* nothing left of it */
            vf_autofree char *gone = vf_strdup(opt->key);
            vf_opts_remove(&vm->opts, gone);
        } else {
            i++;
        }
    }
    return 0;
}

/* What Proxmox VE makes itself holds nothing yet: where a version does not know it, the VM does
 * without. Of the layout of its firmware's memory nobody needs to know. */
static void fit_fresh(unsigned version, struct vf_vm *vm)
{
    for (size_t i = 0; i < vm->n_disks;) {
        struct vf_disk *d = &vm->disks[i];
        struct vf_opts kept = {0};
        bool gone = d->fresh && !vf_pve_knows(version, d->slot, NULL, NULL);
        vf_autofree char *keys = vf_asprintf("%s: pre-enrolled-keys", d->slot);
        vf_autofree char *tpm =
            vf_asprintf("the target's Proxmox VE %u.%u has no TPM: what needs one "
                        "in the guest does not work",
                        version / 1000, version % 1000);
        vf_autofree char *boot =
            vf_asprintf("the target's Proxmox VE %u.%u has no Secure Boot: the "
                        "VM starts without",
                        version / 1000, version % 1000);
        for (size_t k = 0; d->fresh && k < d->opts.n; k++) {
            const struct vf_opt *o = &d->opts.v[k];
            if (vf_pve_knows(version, d->slot, o->key, o->value))
                vf_opts_set(&kept, o->key, o->value);
            else if (vf_streq(o->key, "pre-enrolled-keys"))
                vf_vm_leave_out(vm, keys, boot);
        }
        if (d->fresh)
            vf_opts_copy(&d->opts, &kept);
        vf_opts_free(&kept);
        if (gone) {
            vf_vm_leave_out(vm, d->slot, tpm);
            vf_vm_remove_disk(vm, i);
        } else {
            i++;
        }
    }
}

int vf_pve_fit_version(unsigned version, struct vf_vm *vm, struct vf_error **err)
{
    if (!version) /* it did not say: as if it were the newest */
        return 0;
    fit_fresh(version, vm);
    if (fit_options(version, vm, err) < 0)
        return -1;
    for (size_t i = 0; i < vm->n_disks; i++) {
        struct vf_disk *d = &vm->disks[i];
        const struct rule *r = find_rule(version, d->slot, NULL, NULL);
        if ((r && tell(r, version, d->slot, d->volume ? d->volume : "", vm, err) < 0) ||
            fit_parts(version, d->slot, &d->opts, vm, err) < 0)
            return -1;
    }
    for (size_t i = 0; i < vm->n_nics; i++) {
        struct vf_nic *n = &vm->nics[i];
        vf_autofree char *key = vf_asprintf("net%u", n->index);
        const struct rule *r = find_rule(version, key, "model", n->model);
        if (r && tell(r, version, key, n->model, vm, err) < 0)
            return -1;
        if (r)
            vf_str_set(&n->model, r->instead);
        if (fit_parts(version, key, &n->opts, vm, err) < 0)
            return -1;
    }
    return 0;
}
