/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An exported VM: which files belong to it, and what it says of itself. */
#include "config.h"
#include "provider/files/files.h"
#include "provider/esxi/describe.h"
#include "disk/vmdk.h"
#include "base/buf.h"
#include "base/fdio.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_TEXT = 4 << 20 };

void vf_place_clear(struct vf_place *p)
{
    free(p->path);
    free(p->state);
    *p = (struct vf_place){0};
}

static bool has_ending(const char *path, const char *ending)
{
    size_t n = strlen(path), k = strlen(ending);
    return n > k && !strcasecmp(path + n - k, ending);
}

bool vf_is_package(const char *path)
{
    return has_ending(path, ".vmx") || has_ending(path, ".ovf") || has_ending(path, ".ova");
}

static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return vf_strndup(path, !slash ? 0 : slash == path ? 1 : (size_t)(slash - path));
}

static const char *base_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

void vf_package_free(struct vf_package *p)
{
    if (!p)
        return;
    free(p->path);
    free(p->dir);
    free(p->descriptor);
    free(p->text);
    vf_tar_free(p->members, p->n_members);
    vf_ovf_free(p->ovf);
    free(p->manifest);
    vf_manifest_clear(&p->sums);
    free(p);
}

/* ---- files ---- */

static int open_file(const char *path, struct stat *st, struct vf_error **err)
{
    vf_autofree char *shown = vf_escape(path);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return vf_fail_errno(err, errno, "opening %s", shown);
    if (fstat(fd, st) == 0 && S_ISREG(st->st_mode))
        return fd;
    close(fd);
    return vf_fail(err, VF_E_UNSUPPORTED, "%s is not a file", shown);
}

/* A link out of the directory would take along what was never exported. */
static int check_inside(const struct vf_package *p, const char *path, struct vf_error **err)
{
    vf_autofree char *dir = realpath(p->dir, NULL), *real = dir ? realpath(path, NULL) : NULL;
    int why = errno;
    vf_autofree char *shown = vf_escape(path);
    if (!real)
        return vf_fail(err, why == EACCES ? VF_E_PERMISSION : VF_E_NOTFOUND,
                       "its file %s cannot be read (%s): put it there", shown, strerror(why));
    size_t n = strlen(dir);
    if (!strncmp(real, dir, n) && (real[n] == '/' || dir[n - 1] == '/'))
        return 0;
    return vf_fail(err, VF_E_UNSUPPORTED,
                   "its file %s is a link to elsewhere, which is not followed: put the file itself "
                   "there",
                   shown);
}

static int find_file(const struct vf_package *p, const char *name, struct vf_place *out,
                     struct vf_error **err)
{
    struct stat st;
    vf_autofree char *path = vf_asprintf("%s/%s", vf_streq(p->dir, "/") ? "" : p->dir, name);
    if (check_inside(p, path, err) < 0)
        return -1;
    vf_autofd int fd = open_file(path, &st, err);
    if (fd < 0)
        return -1;
    uint64_t used = (uint64_t)st.st_blocks * 512, size = (uint64_t)st.st_size;
    out->path = VF_STEAL(path);
    out->size = size;
    out->used = used < size ? used : size;
    out->state = vf_asprintf("%s %llu %lld.%09ld", name, (unsigned long long)size,
                             (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
    return 0;
}

static int find_member(const struct vf_package *p, const char *name, struct vf_place *out,
                       struct vf_error **err)
{
    struct stat st = {0};
    for (size_t i = 0; i < p->n_members; i++) {
        const struct vf_tar_member *m = &p->members[i];
        if (!vf_streq(m->name, name))
            continue;
        if (stat(p->path, &st) < 0)
            return vf_fail_errno(err, errno, "%s", p->path);
        out->path = vf_strdup(p->path);
        out->offset = m->offset;
        out->size = out->used = m->size;
        out->state = vf_asprintf("%s %llu %lld.%09ld", name, (unsigned long long)m->size,
                                 (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
        return 0;
    }
    vf_autofree char *shown = vf_escape(name);
    return vf_fail(err, VF_E_NOTFOUND, "%s has no file %s in it: export the VM again", p->path,
                   shown);
}

/* NAME with %20 and the like replaced, as some write names in an OVF; caller frees. */
static char *decoded(const char *name)
{
    vf_autobuf struct vf_buf b = {0};
    for (const char *p = name; *p; p++) {
        char hex[3] = {p[0] == '%' ? p[1] : 0, p[0] == '%' && p[1] ? p[2] : 0, 0}, *end;
        unsigned long c = strtoul(hex, &end, 16);
        if (strlen(hex) == 2 && !*end && c) {
            vf_buf_add(&b, &(char){(char)c}, 1);
            p += 2;
        } else {
            vf_buf_add(&b, p, 1);
        }
    }
    return vf_buf_take(&b);
}

int vf_package_find(const struct vf_package *p, const char *name, struct vf_place *out,
                    struct vf_error **err)
{
    vf_autofree char *other = decoded(name), *beside = NULL;
    for (int i = 0; i < 2; i++) {
        vf_autoerror struct vf_error *why = NULL;
        struct vf_vmdk_extent x = {.file = i ? other : (char *)name};
        *out = (struct vf_place){0};
        free(beside);
        beside = vf_vmdk_beside(p->descriptor, &x, &why);
        if (beside &&
            (p->members ? find_member(p, x.file, out, &why) : find_file(p, x.file, out, &why)) == 0)
            return 0;
        if (vf_error_code(why) != VF_E_NOTFOUND || i || vf_streq(name, other))
            return vf_fail_with(err, VF_STEAL(why));
    }
    return -1;
}

bool vf_package_same(const struct vf_package *p, const char *a, const char *b)
{
    struct vf_place x = {0}, y = {0};
    bool same = vf_streq(a, b);
    if (!same && vf_package_find(p, a, &x, NULL) == 0 && vf_package_find(p, b, &y, NULL) == 0)
        same = vf_streq(x.path, y.path) && x.offset == y.offset;
    vf_place_clear(&x);
    vf_place_clear(&y);
    return same;
}

/* ---- what it says of itself ---- */

/* The whole of a small file of the package, LEN bytes with a NUL behind; caller frees. */
static char *read_place(const struct vf_place *at, size_t *len, struct vf_error **err)
{
    vf_autofree char *shown = vf_escape(at->path);
    if (at->size > MAX_TEXT) {
        vf_fail(err, VF_E_CORRUPT, "%s is too long for a description of a VM", shown);
        return NULL;
    }
    vf_autofd int fd = open(at->path, O_RDONLY | O_CLOEXEC);
    vf_autofree char *text = vf_xcalloc(1, (size_t)at->size + 1);
    if (fd < 0 || vf_pread_full(fd, text, (size_t)at->size, at->offset) < (ssize_t)at->size) {
        vf_fail_errno(err, errno, "reading %s", shown);
        return NULL;
    }
    *len = (size_t)at->size;
    return VF_STEAL(text);
}

static char *read_member(const struct vf_package *p, const char *name, size_t *len,
                         struct vf_error **err)
{
    struct vf_place at = {0};
    char *text = vf_package_find(p, name, &at, err) == 0 ? read_place(&at, len, err) : NULL;
    vf_place_clear(&at);
    return text;
}

/* Names are told from the descriptor on: in an archive of a whole directory it is in that. What is
 * not in there is not its own: it might have the same name. They are looked up only, nothing is
 * unpacked; so ".." and the like lead nowhere. */
static void from_descriptor(struct vf_package *p, const char *descriptor, bool only)
{
    const char *base = base_of(descriptor);
    size_t n = (size_t)(base - descriptor), kept = 0;
    vf_autofree char *folder = vf_strndup(descriptor, n);
    p->descriptor = vf_strdup(base);
    p->dir = only || n < 2 ? vf_strdup(p->path)
                           : vf_asprintf("%s/%.*s", p->path, (int)n - 1, descriptor);
    for (size_t i = 0; i < p->n_members; i++) {
        struct vf_tar_member *m = &p->members[i];
        if (!vf_starts(m->name, folder)) {
            free(m->name);
            continue;
        }
        vf_autofree char *name = vf_strdup(m->name + n);
        vf_str_set(&m->name, name);
        p->members[kept++] = *m;
    }
    p->n_members = kept;
}

static int open_archive(struct vf_package *p, size_t which, size_t *count, struct vf_error **err)
{
    struct stat st;
    vf_autofd int fd = open_file(p->path, &st, err);
    if (fd < 0 ||
        vf_tar_list(fd, (uint64_t)st.st_size, p->path, &p->members, &p->n_members, err) < 0)
        return -1;
    vf_autofree char *name = NULL;
    *count = 0;
    for (size_t i = 0; i < p->n_members; i++)
        if (has_ending(p->members[i].name, ".ovf") && (*count)++ == which)
            name = vf_strdup(p->members[i].name);
    if (!name)
        return vf_fail(err, VF_E_CORRUPT, "%s has no .ovf in it", p->path);
    from_descriptor(p, name, *count == 1);
    return 0;
}

/* A file named as the descriptor, with ENDING. NULL: it is not there. Caller frees. */
static char *companion(const struct vf_package *p, const char *ending)
{
    struct vf_place at = {0};
    vf_autofree char *name =
        vf_asprintf("%.*s%s", (int)(strlen(p->descriptor) - 4), p->descriptor, ending);
    int r = vf_package_find(p, name, &at, NULL);
    vf_place_clear(&at);
    return r == 0 ? VF_STEAL(name) : NULL;
}

static int read_sums(struct vf_package *p, struct vf_error **err)
{
    vf_autofree char *certificate = companion(p, ".cert");
    p->certified = certificate != NULL;
    p->manifest = companion(p, ".mf");
    size_t len;
    vf_autofree char *text = p->manifest ? read_member(p, p->manifest, &len, err) : NULL;
    if (!p->manifest)
        return 0;
    vf_autofree char *name = vf_asprintf("%s/%s", p->dir, p->manifest);
    return text ? vf_manifest_parse(text, name, &p->sums, err) : -1;
}

/* The descriptor's own sum is looked at always: it is small. */
static int check_descriptor(const struct vf_package *p, struct vf_error **err)
{
    const struct vf_manifest_entry *e = vf_manifest_find(&p->sums, p->descriptor);
    struct vf_place at = {0};
    if (!e)
        return 0;
    int r = vf_package_find(p, p->descriptor, &at, err);
    vf_autofree char *sum =
        r == 0 ? vf_file_sum(e->algorithm, at.path, at.offset, at.size, NULL, NULL, NULL, err)
               : NULL;
    vf_place_clear(&at);
    if (!sum)
        return -1;
    if (vf_streq(sum, e->hex))
        return 0;
    return vf_fail(err, VF_E_CORRUPT,
                   "%s/%s is not as it was exported: its %s sum is not that of %s; copy it again, "
                   "or remove %s when it was changed on purpose",
                   p->dir, p->descriptor, e->algorithm, p->manifest, p->manifest);
}

struct vf_package *vf_package_open(const char *path, size_t which, size_t *n, struct vf_error **err)
{
    vf_auto(vf_package_free) struct vf_package *p = vf_xcalloc(1, sizeof *p);
    bool archive = has_ending(path, ".ova");
    p->path = vf_strdup(path);
    *n = 1;
    if (!archive) {
        p->dir = folder_of(path);
        p->descriptor = vf_strdup(base_of(path));
    } else if (open_archive(p, which, n, err) < 0) {
        return NULL;
    }
    p->text = read_member(p, p->descriptor, &p->len, err);
    if (!p->text)
        return NULL;
    if (has_ending(p->descriptor, ".vmx"))
        return VF_STEAL(p);
    if (read_sums(p, err) < 0 || check_descriptor(p, err) < 0)
        return NULL;
    vf_autofree char *name =
        archive ? vf_asprintf("%s (%s)", path, p->descriptor) : vf_strdup(path);
    p->ovf = vf_ovf_parse(p->text, p->len, name, err);
    return p->ovf ? VF_STEAL(p) : NULL;
}

/* ---- VMs ---- */

static struct vf_vm *vm_of(const struct vf_package *p, const char *vmx, size_t len,
                           const char *system, struct vf_error **err)
{
    vf_auto(vf_vmx_free) struct vf_vmx *x = vf_vmx_parse(vmx, len, p->path, err);
    struct vf_vm *vm = x ? vf_esxi_describe(x, p->dir) : NULL;
    if (vm && system)
        vf_str_set(&vm->system, system);
    return vm;
}

int vf_package_vms(const struct vf_package *p, struct vf_vm ***out, size_t *n,
                   struct vf_error **err)
{
    size_t count = p->ovf ? p->ovf->n_vms : 1;
    *out = NULL;
    *n = 0;
    for (size_t i = 0; i < count; i++) {
        const struct vf_ovf_vm *o = p->ovf ? &p->ovf->vms[i] : NULL;
        struct vf_vm *vm = o ? vm_of(p, o->vmx, strlen(o->vmx), o->system, err)
                             : vm_of(p, p->text, p->len, NULL, err);
        if (!vm) {
            vf_vms_free(*out, *n);
            return -1;
        }
        if (vm->state != VF_VM_SUSPENDED)
            vm->state = VF_VM_STOPPED;
        *(struct vf_vm **)vf_grow(out, n, sizeof **out) = vm;
    }
    return 0;
}
