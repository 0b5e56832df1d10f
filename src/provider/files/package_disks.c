/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The disks of an exported VM: which parts of which files they are. */
#include "config.h"
#include "provider/files/files.h"
#include "provider/esxi/vmx.h"
#include "disk/vmdk.h"
#include "base/fdio.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

/* What VOLUME is called within the package; borrowed. A VMX file may say where it was on the host
 * it comes from: then it is looked for beside it. */
static const char *name_in(const struct vf_package *p, const char *volume)
{
    size_t n = strlen(p->dir);
    const char *slash = strrchr(volume, '/');
    const char *name = vf_starts(volume, p->dir) && volume[n] == '/' ? volume + n + 1
                       : slash                                       ? slash + 1
                                                                     : volume;
    /* "D:\\VMs\\web.vmdk" of a host with Windows */
    const char *last = p->ovf ? NULL : strrchr(name, '\\');
    return last ? last + 1 : name;
}

static const struct vf_ovf_file *told_of(const struct vf_package *p, const char *name)
{
    for (size_t i = 0; p->ovf && i < p->ovf->n_files; i++)
        if (vf_streq(p->ovf->files[i].href, name))
            return &p->ovf->files[i];
    return NULL;
}

/* What the OVF says of the file beside its name. */
static int check_told(const struct vf_package *p, const char *name, const struct vf_place *at,
                      struct vf_error **err)
{
    const struct vf_ovf_file *f = told_of(p, name);
    vf_autofree char *shown = vf_escape(name);
    if (f && f->size && at->path && f->size != at->size)
        return vf_fail(err, VF_E_CORRUPT,
                       "%s has %" PRIu64 " bytes, and %s says %" PRIu64 ": copy it again", shown,
                       at->size, p->descriptor, f->size);
    return 0;
}

/* Files that have to be made whole first. Before they are looked for: those in pieces are not there
 * under their name. */
static int check_whole(const struct vf_package *p, const char *name, struct vf_error **err)
{
    const struct vf_ovf_file *f = told_of(p, name);
    vf_autofree char *quoted = vf_shell_quote(name), *shown = vf_escape(quoted);
    if (f && f->chunked)
        return vf_fail(err, VF_E_UNSUPPORTED,
                       "%s is in pieces: put them together (cat %s.0* >%s), take chunkSize out of "
                       "%s, and import again",
                       name, shown, shown, p->descriptor);
    if (f && f->compression)
        return vf_fail(err, VF_E_UNSUPPORTED,
                       "%s is compressed (%s): unpack it (gunzip <%s >%s.unpacked), put it in its "
                       "place, take compression out of %s, and import again",
                       name, f->compression, shown, shown, p->descriptor);
    return 0;
}

/* Is the disk as large as the OVF says, which may have rounded it up to whole units? NULL: it is,
 * or there is nobody to say. */
static char *other_size(const struct vf_package *p, const char *name, uint64_t size)
{
    const struct vf_ovf_file *f = told_of(p, name);
    for (size_t i = 0; f && f->id && i < p->ovf->n_disks; i++) {
        const struct vf_ovf_disk *d = &p->ovf->disks[i];
        if (!vf_streq(d->file, f->id) || size == d->capacity ||
            (size < d->capacity && d->capacity - size < d->unit))
            continue;
        vf_autofree char *has = vf_format_bytes(size), *told = vf_format_bytes(d->capacity);
        vf_autofree char *shown = vf_escape(name);
        return vf_asprintf("%s is a disk of %s (%" PRIu64 " bytes), and %s says %s (%" PRIu64
                           "): it is copied as it is; look whether that is the right file",
                           shown, has, size, p->descriptor, told, d->capacity);
    }
    return NULL;
}

/* ---- descriptors ---- */

static struct vf_vmdk *read_vmdk(const char *name, const struct vf_place *at, struct vf_error **err)
{
    size_t len = at->size < VF_VMDK_TEXT ? (size_t)at->size : VF_VMDK_HEAD;
    vf_autofree unsigned char *data = vf_xcalloc(1, len + 1);
    vf_autofd int fd = open(at->path, O_RDONLY | O_CLOEXEC);
    vf_autofree char *shown = vf_escape(name);
    if (fd < 0 || vf_pread_full(fd, data, len, at->offset) < (ssize_t)len) {
        vf_fail_errno(err, errno, "reading %s", at->path);
        return NULL;
    }
    if (len > 2 && data[0] == 0x1f && data[1] == 0x8b) {
        vf_fail(err, VF_E_UNSUPPORTED,
                "%s is compressed (gzip): unpack it (gunzip), and import again", shown);
        return NULL;
    }
    vf_autoerror struct vf_error *why = NULL;
    struct vf_vmdk *d = vf_vmdk_parse(data, len, name, &why);
    for (size_t i = 0; d && i < d->n_extents; i++) {
        vf_autofree char *file = d->extents[i].file ? vf_vmx_utf8(d->extents[i].file) : NULL;
        vf_str_set(&d->extents[i].file, file);
    }
    if (!d && strstr(vf_error_text(why), "is not a vmdk image"))
        vf_fail(err, VF_E_UNSUPPORTED,
                "%s is not a vmdk image: make one of it (qemu-img convert -O vmdk -o "
                "subformat=streamOptimized) under that name",
                shown);
    else if (!d)
        vf_fail_with(err, VF_STEAL(why));
    return d;
}

/* Places of D's extents; those without a file are empty. */
static int find_extents(const struct vf_package *p, const char *name, const struct vf_vmdk *d,
                        struct vf_place *places, struct vf_error **err)
{
    for (size_t i = 0; i < d->n_extents; i++) {
        vf_autoerror struct vf_error *why = NULL;
        vf_autofree char *file = vf_vmdk_beside(name, &d->extents[i], &why);
        if (why)
            return vf_fail_with(err, VF_STEAL(why));
        if (file && vf_package_find(p, file, &places[i], err) < 0)
            return -1;
    }
    return 0;
}

static uint64_t *sizes_of(const struct vf_place *places, size_t n)
{
    uint64_t *sizes = vf_xcalloc(n, sizeof *sizes);
    for (size_t i = 0; i < n; i++)
        sizes[i] = places[i].size;
    return sizes;
}

/* The parts of R are in the archive, not beside it. */
static void move_into(struct vf_recipe *r, const struct vf_place *own, const struct vf_vmdk *d,
                      const struct vf_place *places)
{
    size_t first = r->image ? 1 : 0;
    for (size_t i = 0; i < r->n_parts; i++) {
        struct vf_recipe_part *part = &r->parts[i];
        const struct vf_place *at = i < first ? own : &places[i - first];
        if (!part->path || (i >= first && i - first >= d->n_extents))
            continue;
        vf_str_set(&part->path, at->path);
        part->offset += at->offset;
    }
}

static struct vf_recipe *make_recipe(const struct vf_package *p, const char *name,
                                     const char *volume, const struct vf_place *own, char **warning,
                                     uint64_t *used, struct vf_error **err)
{
    vf_auto(vf_vmdk_free) struct vf_vmdk *d = read_vmdk(name, own, err);
    if (!d)
        return NULL;
    struct vf_place *places = vf_xcalloc(d->n_extents, sizeof *places);
    struct vf_recipe *r = NULL;
    if (find_extents(p, name, d, places, err) == 0) {
        struct vf_vmdk_place at = {.path = p->members ? name : own->path, .size = own->size};
        vf_autofree uint64_t *sizes = sizes_of(places, d->n_extents);
        r = vf_vmdk_recipe(d, &at, sizes, warning, err);
    }
    if (r && p->members)
        move_into(r, own, d, places);
    if (r)
        vf_str_set(&r->name, volume);
    if (r && !*warning)
        *warning = other_size(p, name, r->size);
    *used = d->whole ? own->used : 0;
    for (size_t i = 0; i < d->n_extents; i++) {
        *used += places[i].used;
        vf_place_clear(&places[i]);
    }
    free(places);
    return r;
}

/* A disk that has no file: it is all zeroes. */
static struct vf_recipe *empty_recipe(const struct vf_package *p, const char *id,
                                      const char *volume, struct vf_error **err)
{
    const struct vf_ovf_disk *d = p->ovf ? vf_ovf_disk_of(p->ovf, id) : NULL;
    if (!d) {
        vf_fail(err, VF_E_NOTFOUND, "%s has no such disk any more", p->path);
        return NULL;
    }
    struct vf_recipe *r = vf_xcalloc(1, sizeof *r);
    r->name = vf_strdup(volume);
    r->size = d->capacity;
    vf_recipe_add(r)->length = d->capacity;
    return r;
}

struct vf_recipe *vf_package_recipe(const struct vf_package *p, const char *volume, char **warning,
                                    uint64_t *used, struct vf_error **err)
{
    const char *name = name_in(p, volume);
    struct vf_place own = {0};
    struct vf_recipe *r = NULL;
    uint64_t bytes = 0;
    *warning = NULL;
    if (*name == '#')
        r = empty_recipe(p, name + 1, volume, err);
    else if (check_whole(p, name, err) == 0 && vf_package_find(p, name, &own, err) == 0 &&
             check_told(p, name, &own, err) == 0)
        r = make_recipe(p, name, volume, &own, warning, &bytes, err);
    vf_place_clear(&own);
    if (used)
        *used = bytes;
    return r;
}

char **vf_package_files(const struct vf_package *p, const char *volume, struct vf_error **err)
{
    vf_autostrv char **out = vf_strv_new();
    const char *name = name_in(p, volume);
    struct vf_place at = {0};
    if (*name == '#')
        return VF_STEAL(out);
    if (vf_package_find(p, name, &at, err) < 0)
        return NULL;
    vf_strv_add(&out, at.state);
    vf_auto(vf_vmdk_free) struct vf_vmdk *d = read_vmdk(name, &at, err);
    vf_place_clear(&at);
    for (size_t i = 0; d && i < d->n_extents; i++) {
        vf_autofree char *file = vf_vmdk_beside(name, &d->extents[i], err);
        if (file && vf_package_find(p, file, &at, err) < 0)
            return NULL;
        if (file)
            vf_strv_add(&out, at.state);
        vf_place_clear(&at);
    }
    return d ? VF_STEAL(out) : NULL;
}
