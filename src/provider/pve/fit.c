/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What of a VM the target's login or version cannot set: taken out of it, by a table of rules. */
#include "config.h"
#include "provider/pve/propstr.h"
#include "provider/pve/pve.h"
#include "provider/pve/versions.h"
#include "base/i18n.h"
#include "base/str.h"

#include <ctype.h>
#include <string.h>

struct fit {
    struct vf_provider *p;
    struct vf_pve_client *c; /* P's */
    const char *node;
    bool root; /* root@pam with a password; to Proxmox a token of root@pam is nobody special */
};

enum verdict { KEEP, LEAVE, DROP };

static int verdict(enum verdict v, char **why, const char *text)
{
    vf_str_set(why, text);
    return (int)v;
}

static bool has_entry(const json_t *list, const char *key, const char *value)
{
    size_t i;
    json_t *e;
    json_array_foreach (list, i, e)
        if (vf_streq(vf_json_text(e, key), value))
            return true;
    return false;
}

/* Whether this login has PRIVILEGE on PATH: 1, 0, -1 with *err. */
static int may(const struct fit *f, const char *path, const char *privilege, struct vf_error **err)
{
    return f->root ? 1 : vf_pve_may(f->p, path, privilege, err);
}

/* Not said means the newest. */
static bool before(const struct fit *f, unsigned major, unsigned minor)
{
    return f->c->version && f->c->version < VF_PVE_VERSION(major, minor);
}

static int root_only(const struct fit *f, const char *value, char **why, struct vf_error **err)
{
    return f->root ? KEEP
                   : verdict(LEAVE, why,
                             N_("only root@pam with a password, not a token, may set it: set it "
                                "with qm on the target node"));
}

static int vmgenid(const struct fit *f, const char *value, char **why, struct vf_error **err)
{
    return f->root ? KEEP
                   : verdict(DROP, why,
                             N_("the target makes a new one, as after any copy: only root@pam with "
                                "a password may set it"));
}

static int startup(const struct fit *f, const char *value, char **why, struct vf_error **err)
{
    int r = may(f, "/", "Sys.Modify", err);
    return r < 0 ? -1
           : r   ? KEEP
                 : verdict(LEAVE, why,
                           N_("start order and delays need Sys.Modify on / at the target: set them "
                                "there"));
}

/* Since 8.4 others than root@pam may. */
static int rng(const struct fit *f, const char *value, char **why, struct vf_error **err)
{
    return before(f, 8, 4) ? root_only(f, value, why, err) : KEEP;
}

/* 1 when the target node has VOLUME of content "snippets". */
static int has_snippet(const struct fit *f, const char *volume, struct vf_error **err)
{
    vf_autovolid struct vf_volid v = {0};
    if (vf_volid_parse(volume, &v, NULL) < 0)
        return 0;
    vf_autofree char *content = vf_pve_storage_path(f->node, v.storage, "content", NULL);
    vf_autofree char *path = vf_asprintf("%s?content=snippets", content);
    vf_autoerror struct vf_error *why = NULL;
    vf_autojson json_t *list = vf_pve_list(f->c, path, &why);
    /* a storage that is not there is an internal error to Proxmox */
    if (!list && (vf_error_is_transient(why) || vf_error_code(why) == VF_E_AUTH ||
                  vf_error_code(why) == VF_E_CANCELLED))
        return vf_fail_with(err, VF_STEAL(why));
    return list && has_entry(list, "volid", volume);
}

static int no_snippet(const char *volume, char **why)
{
    vf_autofree char *shown = vf_escape(volume);
    *why = vf_asprintf("the target node has no snippet %s: copy it there, then set it", shown);
    return LEAVE;
}

static int hookscript(const struct fit *f, const char *value, char **why, struct vf_error **err)
{
    int there = has_snippet(f, value, err);
    if (there <= 0)
        return there < 0 ? -1 : no_snippet(value, why);
    return root_only(f, value, why, err);
}

static int cicustom(const struct fit *f, const char *value, char **why, struct vf_error **err)
{
    struct vf_opts files = {0};
    int r = KEEP;
    if (vf_propstr_parse(value, NULL, &files, NULL) < 0)
        r = verdict(LEAVE, why, N_("it cannot be understood"));
    for (size_t i = 0; r == KEEP && i < files.n; i++) {
        int there = has_snippet(f, files.v[i].value, err);
        if (there <= 0)
            r = there < 0 ? -1 : no_snippet(files.v[i].value, why);
    }
    vf_opts_free(&files);
    return r;
}

/* Devices by name: the target's cluster must have a mapping of that name for this login. */
static int mapped(const struct fit *f, const char *kind, const char *name, char **why,
                  struct vf_error **err)
{
    vf_autofree char *list_path = vf_asprintf("/cluster/mapping/%s", kind);
    vf_autofree char *path = vf_asprintf("/mapping/%s/%s", kind, name), *shown = vf_escape(name);
    vf_autojson json_t *list = NULL;
    if (vf_pve_optional_list(f->c, list_path, &list, err) < 0)
        return -1;
    int r = has_entry(list, "id", name) ? may(f, path, "Mapping.Use", err) : 0;
    if (r == 0)
        *why = vf_asprintf("the target has no resource mapping %s (%s) that this login may use: "
                           "make one there, then add it",
                           shown, kind);
    return r < 0 ? -1 : r ? KEEP : LEAVE;
}

static int mapped_device(const struct fit *f, const char *value, const char *kind,
                         const char *default_key, const char *key, char **why,
                         struct vf_error **err)
{
    struct vf_opts o = {0};
    int r = KEEP;
    if (vf_propstr_parse(value, default_key, &o, NULL) < 0)
        r = verdict(LEAVE, why, N_("it cannot be understood"));
    else if (vf_opts_get(&o, key))
        r = mapped(f, kind, vf_opts_get(&o, key), why, err);
    vf_opts_free(&o);
    return r;
}

static int usb(const struct fit *f, const char *value, char **why, struct vf_error **err)
{
    return mapped_device(f, value, "usb", "host", "mapping", why, err);
}

static int hostpci(const struct fit *f, const char *value, char **why, struct vf_error **err)
{
    return mapped_device(f, value, "pci", "host", "mapping", why, err);
}

static int virtiofs(const struct fit *f, const char *value, char **why, struct vf_error **err)
{
    return mapped_device(f, value, "dir", "dirid", "dirid", why, err);
}

/* From qemu-server's checks of who may set what, 6.4 to 9. */
static const struct rule {
    const char *key; /* "usb" with NUMBERED is usb0, usb1 … */
    bool numbered;
    /* A verdict on VALUE, with *WHY (caller frees) for all but KEEP; -1 with *err. */
    int (*judge)(const struct fit *f, const char *value, char **why, struct vf_error **err);
} rules[] = {
    {"affinity", false, root_only},
    {"amd-sev", false, root_only},
    {"arch", false, root_only},
    {"args", false, root_only},
    {"cicustom", false, cicustom},
    {"hookscript", false, hookscript},
    {"hostpci", true, hostpci},
    {"hugepages", false, root_only},
    {"intel-tdx", false, root_only},
    {"ivshmem", false, root_only},
    {"keephugepages", false, root_only},
    {"rng", true, rng},
    {"spice_enhancements", false, root_only},
    {"startup", false, startup},
    {"usb", true, usb},
    {"virtiofs", true, virtiofs},
    {"vmgenid", false, vmgenid},
};

static const struct rule *find_rule(const char *key)
{
    for (size_t i = 0; i < VF_COUNT(rules); i++) {
        size_t n = strlen(rules[i].key);
        if (!strncmp(key, rules[i].key, n) &&
            (rules[i].numbered ? isdigit((unsigned char)key[n]) : !key[n]))
            return &rules[i];
    }
    return NULL;
}

bool vf_pve_only_root_sets(const char *key)
{
    const struct rule *r = find_rule(key);
    return r && (r->judge == root_only || r->judge == hookscript);
}

/* Takes the options out that have a verdict; *KEPT are the others. */
static int fit_opts(const struct fit *f, struct vf_vm *vm, struct vf_opts *kept,
                    struct vf_error **err)
{
    for (size_t i = 0; i < vm->opts.n; i++) {
        const struct vf_opt *o = &vm->opts.v[i];
        const struct rule *rule = find_rule(o->key);
        vf_autofree char *why = NULL;
        int v = rule ? rule->judge(f, o->value, &why, err) : KEEP;
        if (v < 0)
            return vf_fail_prefix(err, "whether %s can be set at the target", o->key);
        if (v == KEEP) {
            vf_opts_set(kept, o->key, o->value);
            continue;
        }
        vf_autofree char *shown = vf_escape(o->value), *what = vf_asprintf("%s: %s", o->key, shown);
        vf_vm_leave_out(vm, what, why)->minor = v == DROP;
    }
    return 0;
}

static void fit_disk(const struct fit *f, struct vf_vm *vm, const struct vf_disk *d)
{
    if (!vf_starts(d->slot, "tpmstate") || vf_streq(d->format, "raw") || !before(f, 9, 1))
        return;
    vf_vm_leave_out(
        vm, d->slot,
        N_("before Proxmox VE 9.1 the state of a TPM must be raw: change the plan's format"))
        ->stop = true;
}

int vf_pve_fit(struct vf_provider *p, struct vf_vm *vm, struct vf_error **err)
{
    struct vf_pve_client *c = vf_pve_of(p);
    struct fit f = {.p = p, .c = c, .node = vm->node, .root = vf_pve_is_root(c)};
    struct vf_opts kept = {0};
    int r = vf_pve_fit_version(c->version, vm, err);
    if (r == 0)
        r = fit_opts(&f, vm, &kept, err);
    if (r == 0) {
        vf_opts_free(&vm->opts);
        vm->opts = kept;
        kept = (struct vf_opts){0};
    }
    vf_opts_free(&kept);
    for (size_t i = 0; r == 0 && i < vm->n_disks; i++)
        fit_disk(&f, vm, &vm->disks[i]);
    return r;
}
