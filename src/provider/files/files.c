/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of the platform "files". What is there is read when it is opened; disks are looked at
 * whenever a VM is described. */
#include "config.h"
#include "provider/files/files.h"
#include "provider/absent.h"
#include "disk/recipe.h"
#include "base/buf.h"
#include "base/i18n.h"
#include "base/log.h"
#include "base/str.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    MOST_PACKAGES = 1000,
    MOST_DEEP = 2,       /* directories whose VMs are listed, the one that was given among them */
    MOST_LEVELS = 32,    /* farther down it is only looked whether there are any; */
    MOST_LOOKED = 10000, /* in so many directories, all together */
    MOST_NAMED = 5,
    MOST_DESCRIPTORS = 100
};

struct entry {
    const struct vf_package *package;
    char *path;
    struct vf_vm *vm;     /* as it describes itself; NULL: WHY */
    struct vf_error *why; /* it cannot be read */
};

/* Where VMs are, or may be, that are not among the entries. */
struct passed {
    char *path, *why;
};

struct files {
    struct vf_provider base;
    struct vf_cancel *cancel;
    char *node; /* this machine */
    struct vf_package **packages;
    size_t n_packages;
    struct entry *entries; /* VM ID is the IDth */
    size_t n_entries;
    struct passed *passed;
    size_t n_passed;
    unsigned looked; /* directories that were looked into */
    bool gave_up;    /* others were not */
};

static struct files *files_of(struct vf_provider *p)
{
    return (struct files *)(void *)p;
}

/* ---- what is there ---- */

static void pass_over(struct files *f, const char *path, const char *why)
{
    struct passed *x = vf_grow(&f->passed, &f->n_passed, sizeof *f->passed);
    *x = (struct passed){vf_escape(path), vf_strdup(why)};
}

/* One entry per VM; one that cannot be read is an entry too, with the reason. */
static void add_package(struct files *f, const char *path, struct vf_package *p,
                        struct vf_error **why)
{
    struct vf_vm **vms = NULL;
    size_t n = 0;
    if (p)
        *(struct vf_package **)vf_grow(&f->packages, &f->n_packages, sizeof *f->packages) = p;
    if (!p || vf_package_vms(p, &vms, &n, why) < 0) {
        struct entry *e = vf_grow(&f->entries, &f->n_entries, sizeof *f->entries);
        e->path = vf_strdup(path);
        e->why = VF_STEAL(*why);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        struct entry *e = vf_grow(&f->entries, &f->n_entries, sizeof *f->entries);
        e->path = vf_strdup(path);
        e->package = p;
        e->vm = vms[i];
        e->vm->id = (unsigned)f->n_entries;
        e->vm->node = vf_strdup(f->node);
    }
    free(vms);
}

/* An archive of several exports has as many descriptors. */
static void add_packages(struct files *f, const char *path)
{
    size_t n = 1;
    for (size_t i = 0; i < n && i < MOST_DESCRIPTORS; i++) {
        vf_autoerror struct vf_error *why = NULL;
        add_package(f, path, vf_package_open(path, i, &n, &why), &why);
    }
    if (n > MOST_DESCRIPTORS)
        pass_over(f, path,
                  N_("it has more than 100 .ovf files in it, and VMs of the others are not listed: "
                     "unpack it (tar -xf), and import the directory"));
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int scan(struct files *f, const char *dir, int deep, char ***out, struct vf_error **err);

/* DIR, on level DEEP. What keeps it from being read matters where its VMs would be listed. */
static void scan_below(struct files *f, const char *dir, int deep, char ***out)
{
    vf_autoerror struct vf_error *why = NULL;
    if (deep > MOST_LEVELS || f->looked >= MOST_LOOKED) {
        if (!f->gave_up)
            pass_over(f, dir,
                      N_("it was not looked whether there are VMs in it and in others, for there "
                         "are too many directories: import those with VMs by their own paths"));
        f->gave_up = true;
    } else if (scan(f, dir, deep, out, &why) < 0 && deep <= MOST_DEEP) {
        pass_over(f, dir,
                  N_("this directory cannot be read, and VMs in it are not listed: let this "
                     "user read it, if there are any"));
    }
}

/* PATH is a package of DIR, on level DEEP. Where it is not listed, that is TOLD once for DIR. */
static void add_path(struct files *f, const char *dir, int deep, const char *path, char ***out,
                     bool *told)
{
    const char *why = deep > MOST_DEEP ? N_("VMs in it are not listed, for it is more than one "
                                            "level down: import it by its own path")
                      : vf_strv_len(*out) == MOST_PACKAGES
                          ? N_("only the first 1000 VMs are listed: import directories below it "
                               "one by one")
                          : NULL;
    if (!why)
        vf_strv_add(out, path);
    else if (!*told)
        pass_over(f, dir, why);
    *told = *told || why;
}

/* Paths of all packages in DIR and its directories. Links to directories are not followed; where
 * it is too DEEP, only that there are any is told. */
static int scan(struct files *f, const char *dir, int deep, char ***out, struct vf_error **err)
{
    bool told = false;
    DIR *d = opendir(dir);
    if (!d)
        return vf_fail_errno(err, errno, "reading the directory %s", dir);
    f->looked++;
    for (struct dirent *e; (e = readdir(d));) {
        struct stat st;
        vf_autofree char *path =
            vf_asprintf("%s%s%s", dir, vf_ends(dir, "/") ? "" : "/", e->d_name);
        if (e->d_name[0] == '.' || vf_streq(e->d_name, "lost+found") || lstat(path, &st) < 0)
            continue;
        if (S_ISDIR(st.st_mode))
            scan_below(f, path, deep + 1, out);
        else if (vf_is_package(path))
            add_path(f, dir, deep, path, out, &told);
    }
    closedir(d);
    return 0;
}

static int look(struct files *f, const char *path, struct vf_error **err)
{
    struct stat st;
    vf_autofree char *shown = vf_escape(path);
    vf_autostrv char **paths = vf_strv_new();
    if (stat(path, &st) < 0)
        return vf_fail(err, errno == ENOENT ? VF_E_NOTFOUND : VF_E_PERMISSION, "%s: %s", shown,
                       strerror(errno));
    if (S_ISDIR(st.st_mode)) {
        if (scan(f, path, 1, &paths, err) < 0)
            return -1;
    } else if (vf_is_package(path)) {
        vf_strv_add(&paths, path);
    } else {
        return vf_fail(err, VF_E_UNSUPPORTED,
                       "%s is neither a .vmx, .ovf or .ova file nor a directory with any of them",
                       shown);
    }
    size_t n = vf_strv_len(paths);
    if (n)
        qsort(paths, n, sizeof *paths, by_name);
    for (size_t i = 0; i < n; i++)
        add_packages(f, paths[i]);
    if (!f->n_entries && f->n_passed)
        return vf_fail(err, VF_E_NOTFOUND, "%s: %s", f->passed[0].path, f->passed[0].why);
    if (!f->n_entries)
        return vf_fail(err, VF_E_NOTFOUND, "%s holds no exported VM: no .vmx, .ovf or .ova file",
                       shown);
    /* of one alone the reason is the answer */
    if (f->n_entries == 1 && f->entries[0].why)
        return vf_fail_with(err, VF_STEAL(f->entries[0].why));
    return 0;
}

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
    if (look(f, conf->urls[0], err) == 0)
        return &f->base;
    free_files(&f->base);
    return NULL;
}
