/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of the platform "files". What is there is read when it is opened; disks are looked at
 * whenever a VM is described. */
#include "config.h"
#include "provider/files/files.h"
#include "provider/files/files_int.h"
#include "provider/absent.h"
#include "disk/recipe.h"
#include "base/buf.h"
#include "base/i18n.h"
#include "base/log.h"
#include "base/str.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

enum { MOST_NAMED = 5 };

static struct files *files_of(struct vf_provider *p)
{
    return (struct files *)(void *)p;
}

/* ---- what is there ---- */

static const struct entry *entry_of(struct vf_provider *p, unsigned id, struct vf_error **err)
{
    struct files *f = files_of(p);
    if (id && id <= f->n_entries)
        return &f->entries[id - 1];
    vf_fail(err, VF_E_NOTFOUND, "%s has no VM %u", p->conf->name, id);
    return NULL;
}

static int nodes(struct vf_provider *p, struct vf_node **out, size_t *n, struct vf_error **err)
{
    *out = NULL;
    *n = 0;
    struct vf_node *node = vf_grow(out, n, sizeof **out);
    node->name = vf_strdup(files_of(p)->node);
    node->online = true;
    return 0;
}

static const char *base_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static int vms(struct vf_provider *p, struct vf_vm ***out, size_t *n, struct vf_error **err)
{
    struct files *f = files_of(p);
    *out = NULL;
    *n = 0;
    for (size_t i = 0; i < f->n_entries; i++) {
        const struct entry *e = &f->entries[i];
        struct vf_vm *vm = *(struct vf_vm **)vf_grow(out, n, sizeof **out) = vf_vm_new();
        vm->id = (unsigned)(i + 1);
        vm->name = vf_strdup(e->vm ? e->vm->name : base_of(e->path));
        vm->called = vf_strdup(e->vm ? e->vm->called : NULL);
        vm->unnamed = e->vm && e->vm->unnamed;
        vm->node = vf_strdup(f->node);
        vm->state = e->vm ? e->vm->state : VF_VM_STOPPED;
        vm->memory = e->vm ? e->vm->memory : 0;
        vm->system = vf_strdup(e->vm ? e->vm->system : NULL);
    }
    return 0;
}

/* ---- one VM ---- */

/* What is found out about disk I: 0 when it is refused, which is said of the VM. */
static int look_at_disk(const struct vf_package *p, struct vf_vm *vm, size_t i)
{
    struct vf_disk *d = &vm->disks[i];
    vf_autoerror struct vf_error *why = NULL;
    vf_autofree char *warning = NULL;
    vf_auto(vf_recipe_free) struct vf_recipe *r =
        vf_package_recipe(p, d->volume, &warning, &d->used, &why);
    if (!r) {
        vf_vm_leave_out(vm, base_of(d->volume), vf_error_text(why))->stop = true;
        return 0;
    }
    if (warning)
        vf_vm_leave_out(vm, base_of(d->volume), warning)->there = true;
    d->size = r->size;
    vf_str_set(&d->storage, p->dir);
    return 1;
}

/* Of the settings and of all that tells whether a disk's files are still the same. */
static char *digest_of(const struct vf_package *p, const struct vf_vm *vm)
{
    vf_autobuf struct vf_buf b = {0};
    vf_buf_add(&b, p->text, p->len);
    for (size_t i = 0; i < vm->n_disks; i++) {
        vf_autostrv char **files = vf_package_files(p, vm->disks[i].volume, NULL);
        for (size_t k = 0; files && files[k]; k++)
            vf_buf_printf(&b, "\n%s", files[k]);
    }
    return vf_text_sum(b.data, b.len);
}

static bool is_summed(const struct vf_package *p, const char *name)
{
    for (size_t i = 0; i < p->sums.n; i++)
        if (vf_package_same(p, p->sums.v[i].name, name))
            return true;
    return false;
}

/* Up to MOST_NAMED files of which the same is to be told; the rest are counted. */
struct told {
    const struct vf_package *package;
    struct vf_vm *vm;
    const char *why;
    size_t n;
};

static void tell_of(struct told *t, const char *name)
{
    vf_autofree char *shown = vf_escape(name);
    if (t->n++ < MOST_NAMED)
        vf_vm_leave_out(t->vm, shown, t->why)->there = true;
}

static void tell_rest(const struct told *t)
{
    if (t->n <= MOST_NAMED)
        return;
    vf_autofree char *text = vf_asprintf("of %zu more files: %s", t->n - MOST_NAMED, t->why);
    vf_vm_leave_out(t->vm, t->package->manifest, text)->there = true;
}

/* A manifest vouches for what it names, and for nothing else. */
static void compare_manifest(const struct vf_package *p, struct vf_vm *vm)
{
    struct told gone = {p, vm,
                        N_("the manifest has a checksum of it, but it is not there: was all that "
                           "was exported copied?"),
                        0},
                bare = {p, vm,
                        N_("the manifest has no checksum of it: nothing tells whether it is as it "
                           "was exported"),
                        0};
    for (size_t i = 0; i < p->sums.n; i++) {
        struct vf_place at = {0};
        vf_autoerror struct vf_error *why = NULL;
        if (vf_package_find(p, p->sums.v[i].name, &at, &why) < 0)
            tell_of(&gone, p->sums.v[i].name);
        vf_place_clear(&at);
    }
    if (!is_summed(p, p->descriptor))
        tell_of(&bare, p->descriptor);
    for (size_t i = 0; i < p->ovf->n_files; i++)
        if (p->ovf->files[i].href && !p->ovf->files[i].chunked &&
            !is_summed(p, p->ovf->files[i].href))
            tell_of(&bare, p->ovf->files[i].href);
    tell_rest(&gone);
    tell_rest(&bare);
}

static void add_words(const struct vf_package *p, struct vf_vm *vm)
{
    if (p->ovf && p->manifest)
        compare_manifest(p, vm);
    if (p->ovf && !p->manifest)
        vf_vm_leave_out(vm, base_of(p->path),
                        N_("it has no checksums (no .mf file): nothing tells whether its files are "
                           "as they were exported"))
            ->there = true;
    if (p->certified) {
        struct vf_left_out *l =
            vf_vm_leave_out(vm, base_of(p->path), N_("its signature (.cert) is not checked"));
        l->minor = l->there = true;
    }
}

/* Whoever wants all VMs of a directory has to know which are none of them. */
static void tell_passed(const struct files *f, struct vf_vm *vm)
{
    for (size_t i = 0; i < f->n_passed && i < MOST_NAMED; i++)
        vf_vm_leave_out(vm, f->passed[i].path, f->passed[i].why)->there = true;
    if (f->n_passed <= MOST_NAMED)
        return;
    vf_autofree char *text =
        vf_asprintf("VMs in %zu more directories are not listed either", f->n_passed - MOST_NAMED);
    vf_vm_leave_out(vm, f->base.conf->urls[0], text)->there = true;
}

static struct vf_vm *describe(struct vf_provider *p, unsigned id, struct vf_error **err)
{
    const struct entry *e = entry_of(p, id, err);
    if (!e)
        return NULL;
    if (!e->vm) {
        vf_fail(err, VF_E_UNSUPPORTED, "%s", vf_error_text(e->why));
        return NULL;
    }
    struct vf_vm *vm = vf_vm_copy(e->vm);
    for (size_t i = 0; i < vm->n_disks;)
        if (look_at_disk(e->package, vm, i))
            i++;
        else
            vf_vm_remove_disk(vm, i);
    vm->digest = digest_of(e->package, vm);
    add_words(e->package, vm);
    tell_passed(files_of(p), vm);
    return vm;
}

static char *notes(struct vf_provider *p, unsigned id, char **digest, struct vf_error **err)
{
    const struct entry *e = entry_of(p, id, err);
    const char *text = e && e->vm ? e->vm->description : NULL;
    return e ? vf_strdup(text ? text : "") : NULL;
}

/* ---- disks ---- */

/* The package whose disk VOLUME is. */
static const struct vf_package *owner_of(struct files *f, const char *volume, struct vf_error **err)
{
    for (size_t i = 0; i < f->n_entries; i++)
        for (size_t k = 0; f->entries[i].vm && k < f->entries[i].vm->n_disks; k++)
            if (vf_streq(f->entries[i].vm->disks[k].volume, volume))
                return f->entries[i].package;
    vf_autofree char *shown = vf_escape(volume);
    vf_fail(err, VF_E_NOTFOUND, "%s is no disk of a VM in %s", shown, f->base.conf->name);
    return NULL;
}

static struct vf_recipe *recipe_of(struct vf_provider *p, const char *volume, uint64_t *used,
                                   struct vf_error **err)
{
    const struct vf_package *owner = owner_of(files_of(p), volume, err);
    vf_autofree char *warning = NULL;
    return owner ? vf_package_recipe(owner, volume, &warning, used, err) : NULL;
}

/* What changes when a file of VOLUME does; NULL: one of them is gone. */
static char *stamp_of(struct vf_provider *p, const char *volume)
{
    const struct vf_package *owner = owner_of(files_of(p), volume, NULL);
    vf_autostrv char **files = owner ? vf_package_files(owner, volume, NULL) : NULL;
    vf_autobuf struct vf_buf b = {0};
    for (size_t i = 0; files && files[i]; i++)
        vf_buf_printf(&b, "%s%s", i ? " " : "", files[i]);
    return files ? vf_buf_take(&b) : NULL;
}

static int volume_of(struct vf_provider *p, const char *node, const char *volume,
                     struct vf_volume *out, struct vf_error **err)
{
    uint64_t used = 0;
    vf_auto(vf_recipe_free) struct vf_recipe *r = recipe_of(p, volume, &used, err);
    *out = (struct vf_volume){0};
    if (!r)
        return -1;
    *out = (struct vf_volume){
        .path = vf_recipe_text(r), .format = vf_strdup("recipe"), .size = r->size, .used = used};
    out->stamp = stamp_of(p, volume);
    return 0;
}

/* We are the host: what is read is what is there. */
static char *hash(struct vf_provider *p, const char *node, const char *volume, uint64_t n,
                  uint64_t offset, bool *by_host, struct vf_error **err)
{
    vf_auto(vf_recipe_free) struct vf_recipe *r = recipe_of(p, volume, NULL, err);
    *by_host = true;
    if (r && r->image)
        vf_fail(err, VF_E_UNSUPPORTED,
                "%s is a sparse image, which nothing but the copy itself has unpacked", r->name);
    for (size_t i = 0; r && !r->image && i < r->n_parts; i++) {
        const struct vf_recipe_part *x = &r->parts[i];
        if (offset >= x->length) {
            offset -= x->length;
            continue;
        }
        if (!x->path || n > x->length - offset)
            break;
        return vf_file_sum("SHA256", x->path, x->offset + offset, n, files_of(p)->cancel, NULL,
                           NULL, err);
    }
    if (r && !r->image)
        vf_fail(err, VF_E_UNSUPPORTED, "%s: %" PRIu64 " bytes are not in one piece of one file",
                r->name, n);
    return NULL;
}

/* ---- checksums ---- */

struct vouching {
    void (*progress)(void *opaque, uint64_t done, uint64_t total);
    void *opaque;
    uint64_t before, total;
};

static void on_progress(void *opaque, uint64_t done)
{
    struct vouching *v = opaque;
    if (v->progress)
        v->progress(v->opaque, v->before + done, v->total);
}

static int vouch_for(struct files *f, const struct vf_package *p, const struct vf_manifest_entry *e,
                     struct vouching *v, struct vf_error **err)
{
    struct vf_place at = {0};
    vf_autofree char *shown = vf_escape(e->name);
    if (vf_package_find(p, e->name, &at, err) < 0)
        return -1;
    vf_autofree char *sum =
        vf_file_sum(e->algorithm, at.path, at.offset, at.size, f->cancel, on_progress, v, err);
    v->before += at.size;
    vf_place_clear(&at);
    if (!sum)
        return -1;
    if (vf_streq(sum, e->hex))
        return 0;
    return vf_fail(
        err, VF_E_CORRUPT,
        "%s in %s is not as it was exported: its %s sum is not that of %s; copy the file "
        "again, or export the VM again",
        shown, p->dir, e->algorithm, p->manifest);
}

static bool is_of(const struct vf_vm *vm, const struct vf_package *p,
                  const struct vf_manifest_entry *e)
{
    size_t dir = strlen(p->dir) + 1;
    bool is = vf_package_same(p, e->name, p->descriptor);
    for (size_t i = 0; i < vm->n_disks && !is; i++)
        is = strlen(vm->disks[i].volume) > dir &&
             vf_package_same(p, e->name, vm->disks[i].volume + dir);
    return is;
}

static int vouch(struct vf_provider *p, unsigned id,
                 void (*progress)(void *opaque, uint64_t done, uint64_t total), void *opaque,
                 unsigned *files, struct vf_error **err)
{
    const struct entry *e = entry_of(p, id, err);
    struct vouching v = {.progress = progress, .opaque = opaque};
    *files = 0;
    if (!e)
        return -1;
    const struct vf_package *package = e->package;
    for (size_t i = 0; package && i < package->sums.n; i++) {
        struct vf_place at = {0};
        if (is_of(e->vm, package, &package->sums.v[i]) &&
            vf_package_find(package, package->sums.v[i].name, &at, NULL) == 0)
            v.total += at.size;
        vf_place_clear(&at);
    }
    for (size_t i = 0; package && i < package->sums.n; i++)
        if (is_of(e->vm, package, &package->sums.v[i])) {
            if (vouch_for(files_of(p), package, &package->sums.v[i], &v, err) < 0)
                return -1;
            ++*files;
        }
    return 0;
}

/* ---- the table ---- */

static void set_cancel(struct vf_provider *p, struct vf_cancel *cancel)
{
    files_of(p)->cancel = cancel;
}

static void free_files(struct vf_provider *p)
{
    struct files *f = files_of(p);
    for (size_t i = 0; i < f->n_entries; i++) {
        free(f->entries[i].path);
        vf_vm_free(f->entries[i].vm);
        vf_error_free(f->entries[i].why);
    }
    for (size_t i = 0; i < f->n_packages; i++)
        vf_package_free(f->packages[i]);
    for (size_t i = 0; i < f->n_passed; i++) {
        free(f->passed[i].path);
        free(f->passed[i].why);
    }
    free(f->passed);
    free(f->entries);
    free(f->packages);
    free(f->node);
    free(f);
}

static const struct vf_provider_ops ops = {
    VF_ABSENT_LOOKS,
    VF_ABSENT_TARGET,
    .outline = vf_absent_outline,
    .lacks = vf_absent_lacks,
    .state = vf_absent_state,
    .addresses = vf_absent_addresses,
    .agent = vf_absent_agent,
    .describe_as = vf_absent_describe_as,
    .rename = vf_absent_rename,
    .set_onboot = vf_absent_set_onboot,
    .power = vf_absent_power,
    .set_guard = vf_absent_set_guard,
    .type = "files",
    .disks = VF_DISKS_FETCHED,
    .only_source = true,
    .nodes = nodes,
    .vms = vms,
    .describe = describe,
    .notes = notes,
    .volume = volume_of,
    .hash = hash,
    .try_read = vf_files_try_read,
    .vouch = vouch,
    .set_cancel = set_cancel,
    .free = free_files,
};

struct vf_provider *vf_files_open(const struct vf_cluster_conf *conf, bool verify_tls,
                                  const struct vf_asker *asker, struct vf_cancel *cancel,
                                  struct vf_error **err)
{
    struct files *f = vf_xcalloc(1, sizeof *f);
    char host[256] = "localhost";
    f->base = (struct vf_provider){.ops = &ops, .conf = conf};
    f->cancel = cancel;
    if (gethostname(host, sizeof host - 1) == 0)
        host[strcspn(host, ".")] = 0;
    f->node = vf_strdup(*host ? host : "localhost");
    if (vf_files_look(f, conf->urls[0], err) == 0)
        return &f->base;
    free_files(&f->base);
    return NULL;
}
