/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "plan/vm.h"
#include "base/i18n.h"
#include "base/str.h"
#include "plan/firewall.h"

#include <string.h>

static struct vf_opt *find(const struct vf_opts *o, const char *key)
{
    for (size_t i = 0; i < o->n; i++)
        if (!strcmp(o->v[i].key, key))
            return &o->v[i];
    return NULL;
}

const char *const vf_nic_models[] = {
    "e1000",  "e1000-82540em", "e1000-82544gc", "e1000-82545em", "e1000e",
    "i82551", "i82557b",       "i82559er",      "ne2k_isa",      "ne2k_pci",
    "pcnet",  "rtl8139",       "virtio",        "vmxnet3",       NULL,
};

const char *vf_opts_get(const struct vf_opts *o, const char *key)
{
    struct vf_opt *opt = find(o, key);
    return opt ? opt->value : NULL;
}

void vf_opts_set(struct vf_opts *o, const char *key, const char *value)
{
    struct vf_opt *opt = find(o, key);
    if (!opt) {
        opt = vf_grow(&o->v, &o->n, sizeof *o->v);
        opt->key = vf_strdup(key);
    }
    vf_str_set(&opt->value, value);
}

static void free_opt(struct vf_opt *opt)
{
    free(opt->key);
    free(opt->value);
}

void vf_opts_remove(struct vf_opts *o, const char *key)
{
    struct vf_opts kept = {0};
    for (size_t i = 0; i < o->n; i++) {
        if (strcmp(o->v[i].key, key))
            *(struct vf_opt *)vf_grow(&kept.v, &kept.n, sizeof *kept.v) = o->v[i];
        else
            free_opt(&o->v[i]);
    }
    free(o->v);
    *o = kept;
}

void vf_opts_copy(struct vf_opts *dst, const struct vf_opts *src)
{
    struct vf_opts c = {0};
    for (size_t i = 0; i < src->n; i++)
        vf_opts_set(&c, src->v[i].key, src->v[i].value);
    vf_opts_free(dst);
    *dst = c;
}

void vf_opts_free(struct vf_opts *o)
{
    for (size_t i = 0; i < o->n; i++)
        free_opt(&o->v[i]);
    free(o->v);
    *o = (struct vf_opts){0};
}

const char *vf_vm_state_name(enum vf_vm_state s)
{
    static const char *const names[] = {N_("unknown"), N_("stopped"), N_("running"), N_("paused"),
                                        N_("suspended")};
    return (size_t)s < VF_COUNT(names) ? names[s] : names[0];
}

const char *vf_vm_state_cure(enum vf_vm_state s)
{
    return s == VF_VM_RUNNING || s == VF_VM_STOPPED ? NULL
           : s == VF_VM_SUSPENDED ? _("resume it where it is, and shut it down there")
                                  : _("resume it, or stop it");
}

struct vf_vm *vf_vm_new(void)
{
    return vf_xcalloc(1, sizeof(struct vf_vm));
}

struct vf_disk *vf_vm_add_disk(struct vf_vm *vm)
{
    return vf_grow(&vm->disks, &vm->n_disks, sizeof *vm->disks);
}

struct vf_nic *vf_vm_add_nic(struct vf_vm *vm)
{
    return vf_grow(&vm->nics, &vm->n_nics, sizeof *vm->nics);
}

struct vf_cdrom *vf_vm_add_cdrom(struct vf_vm *vm)
{
    return vf_grow(&vm->cdroms, &vm->n_cdroms, sizeof *vm->cdroms);
}

struct vf_left_out *vf_vm_leave_out(struct vf_vm *vm, const char *what, const char *why)
{
    struct vf_left_out *l = vf_grow(&vm->left_out, &vm->n_left_out, sizeof *vm->left_out);
    l->what = vf_strdup(what);
    l->why = vf_strdup(why);
    return l;
}

static void free_disk(struct vf_disk *d)
{
    free(d->slot);
    free(d->storage);
    free(d->volume);
    free(d->format);
    free(d->path);
    vf_opts_free(&d->opts);
}

void vf_vm_remove_disk(struct vf_vm *vm, size_t i)
{
    free_disk(&vm->disks[i]);
    vm->n_disks--;
    memmove(&vm->disks[i], &vm->disks[i + 1], (vm->n_disks - i) * sizeof *vm->disks);
}

const struct vf_disk *vf_vm_disk(const struct vf_vm *vm, const char *slot)
{
    for (size_t i = 0; i < vm->n_disks; i++)
        if (vf_streq(vm->disks[i].slot, slot))
            return &vm->disks[i];
    return NULL;
}

static char **copy_strv(char *const *v)
{
    if (!v)
        return NULL;
    char **c = vf_strv_new();
    for (; *v; v++)
        vf_strv_add(&c, *v);
    return c;
}

static void copy_lists(struct vf_vm *c, const struct vf_vm *vm)
{
    for (size_t i = 0; i < vm->n_disks; i++) {
        const struct vf_disk *s = &vm->disks[i];
        struct vf_disk *d = vf_vm_add_disk(c);
        *d = (struct vf_disk){vf_strdup(s->slot),
                              vf_strdup(s->storage),
                              vf_strdup(s->volume),
                              vf_strdup(s->format),
                              vf_strdup(s->path),
                              s->size,
                              s->used,
                              {0},
                              s->fresh,
                              s->linked};
        vf_opts_copy(&d->opts, &s->opts);
    }
    for (size_t i = 0; i < vm->n_nics; i++) {
        const struct vf_nic *s = &vm->nics[i];
        struct vf_nic *d = vf_vm_add_nic(c);
        *d = (struct vf_nic){s->index,
                             vf_strdup(s->model),
                             vf_strdup(s->mac),
                             vf_strdup(s->bridge),
                             s->tag,
                             s->link_down,
                             {0}};
        vf_opts_copy(&d->opts, &s->opts);
    }
    for (size_t i = 0; i < vm->n_cdroms; i++)
        *vf_vm_add_cdrom(c) =
            (struct vf_cdrom){vf_strdup(vm->cdroms[i].slot), vf_strdup(vm->cdroms[i].media),
                              vm->cdroms[i].cloudinit, vf_strdup(vm->cdroms[i].storage)};
    for (size_t i = 0; i < vm->n_left_out; i++) {
        const struct vf_left_out *s = &vm->left_out[i];
        struct vf_left_out *d = vf_vm_leave_out(c, s->what, s->why);
        d->minor = s->minor;
        d->stop = s->stop;
        d->there = s->there;
    }
}

struct vf_vm *vf_vm_copy(const struct vf_vm *vm)
{
    struct vf_vm *c = vf_vm_new();
    *c = (struct vf_vm){
        .id = vm->id,
        .name = vf_strdup(vm->name),
        .node = vf_strdup(vm->node),
        .state = vm->state,
        .unnamed = vm->unnamed,
        .called = vf_strdup(vm->called),
        .snapshots = vm->snapshots,
        .template_ = vm->template_,
        .container = vm->container,
        .onboot = vm->onboot,
        .lock = vf_strdup(vm->lock),
        .digest = vf_strdup(vm->digest),
        .description = vf_strdup(vm->description),
        .tags = vf_strdup(vm->tags),
        .uuid = vf_strdup(vm->uuid),
        .memory = vm->memory,
        .sockets = vm->sockets,
        .cores = vm->cores,
        .boot = copy_strv(vm->boot),
        .pool = vf_strdup(vm->pool),
        .ha = vf_strdup(vm->ha),
        .firewall = vf_firewall_copy(vm->firewall),
        .guest = vm->guest,
        .secure_boot = vm->secure_boot,
        .tpm = vm->tpm,
        .system = vf_strdup(vm->system),
    };
    vf_opts_copy(&c->opts, &vm->opts);
    copy_lists(c, vm);
    return c;
}

void vf_vm_free(struct vf_vm *vm)
{
    if (!vm)
        return;
    for (size_t i = 0; i < vm->n_disks; i++)
        free_disk(&vm->disks[i]);
    for (size_t i = 0; i < vm->n_nics; i++) {
        struct vf_nic *n = &vm->nics[i];
        free(n->model);
        free(n->mac);
        free(n->bridge);
        vf_opts_free(&n->opts);
    }
    for (size_t i = 0; i < vm->n_cdroms; i++) {
        free(vm->cdroms[i].slot);
        free(vm->cdroms[i].media);
        free(vm->cdroms[i].storage);
    }
    for (size_t i = 0; i < vm->n_left_out; i++) {
        free(vm->left_out[i].what);
        free(vm->left_out[i].why);
    }
    free(vm->disks);
    free(vm->nics);
    free(vm->cdroms);
    free(vm->left_out);
    vf_opts_free(&vm->opts);
    vf_strv_free(vm->boot);
    free(vm->name);
    free(vm->node);
    free(vm->called);
    free(vm->lock);
    free(vm->digest);
    free(vm->description);
    free(vm->tags);
    free(vm->uuid);
    free(vm->pool);
    free(vm->ha);
    free(vm->system);
    vf_firewall_free(vm->firewall);
    free(vm);
}
