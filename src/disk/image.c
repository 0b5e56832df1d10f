/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From an image to all files it consists of. Where they may be: beside the file that names them, or
 * with the images of another VM of the same storage (IMAGES/VMID/, what Proxmox's linked clones
 * need). Anything else (/etc/shadow, json:, nbd:) a header can name just as well, and it would be
 * copied to where somebody else can read it. */
#include "config.h"
#include "disk/image.h"
#include "base/clock.h"
#include "base/str.h"
#include "disk/disk.h"
#include "disk/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

enum {
    MAX_FILES = 256,
    FIRST_MS = 3 * 1000, /* most checks are over by then; the others go on while it is read */
};

struct vf_image_check {
    struct vf_tool tool;
    char *path;
    const char *format;
};

/* What is being looked at: PATH as QEMU will call it. */
struct visit {
    const char *path, *format;
    uint64_t least;
    const char *by; /* the file that names it, NULL: it is the image */
    bool part;      /* of BY, checked with that */
};

static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? vf_strndup(path, slash == path ? 1 : (size_t)(slash - path)) : vf_strdup(".");
}

/* As QEMU does: what has no slash in front is beside the file that names it. */
static char *resolve(const char *by, const char *name)
{
    if (*name == '/')
        return vf_strdup(name);
    vf_autofree char *folder = folder_of(by);
    return vf_asprintf("%s/%s", folder, name);
}

static bool has_protocol(const char *name)
{
    return name[strcspn(name, ":/")] == ':';
}

/* The directory that holds PATH, without links. A block device is where its name is: /dev/VG/LV is
 * a link to /dev/dm-N. Caller frees; NULL with errno. */
static char *real_folder(const char *path)
{
    struct stat st;
    bool block = stat(path, &st) == 0 && S_ISBLK(st.st_mode);
    vf_autofree char *whole = block ? vf_strdup(path) : realpath(path, NULL);
    vf_autofree char *folder = whole ? folder_of(whole) : NULL;
    return folder ? realpath(folder, NULL) : NULL;
}

static bool may_name(const char *folder, const char *other)
{
    if (!strcmp(folder, other))
        return true;
    vf_autofree char *above = folder_of(folder), *other_above = folder_of(other);
    const char *vmid = strrchr(other, '/') + 1;
    return !strcmp(above, other_above) && vf_ends(above, "/images") && *vmid &&
           !vmid[strspn(vmid, "0123456789")];
}

static int check_place(const char *by, const char *name, const char *path, struct vf_error **err)
{
    vf_autofree char *shown = vf_escape(name);
    if (has_protocol(name))
        return vf_fail(err, VF_E_UNSUPPORTED,
                       "%s rests on %s, which is not a file: only files are followed; make one "
                       "image of it (qemu-img convert) or name the file (qemu-img rebase -u)",
                       by, shown);
    vf_autofree char *here = real_folder(by), *there = real_folder(path);
    if (!there)
        return vf_fail(err, errno == EACCES ? VF_E_PERMISSION : VF_E_NOTFOUND,
                       "%s rests on %s, which cannot be read (%s): put that file back", by, shown,
                       strerror(errno));
    if (!here || !may_name(here, there))
        return vf_fail(err, VF_E_UNSUPPORTED,
                       "%s rests on %s, outside of its storage's images: that is not followed; "
                       "put the file beside it (qemu-img rebase -u), or make one image of both "
                       "(qemu-img convert)",
                       by, shown);
    return 0;
}

int vf_image_begin_check(struct vf_image *i, const char *path, const char *name, const char *format,
                         struct vf_error **err)
{
    vf_autofree struct vf_image_check *c = vf_xcalloc(1, sizeof *c);
    const char *argv[] = {"qemu-img", "check", "-q", "-f", format, path, NULL};
    if (vf_tool_start(&c->tool, argv, err) < 0)
        return vf_fail_prefix(err, "%s needs qemu-img (package qemu-utils)", name);
    c->path = vf_strdup(name);
    c->format = vf_image_format(format)->name;
    *(struct vf_image_check **)vf_grow(&i->checks, &i->n_checks, sizeof *i->checks) = VF_STEAL(c);
    return 0;
}

/* QEMU reads what a cut off file lacks as zeroes, and so would we. */
static int check_whole(const struct visit *v, const struct vf_image_format *f, uint64_t size,
                       uint64_t least, struct vf_image *out, struct vf_error **err)
{
    if (size < least)
        return vf_fail(err, VF_E_CORRUPT, "%s is cut off: it has %llu bytes and needs %llu",
                       v->path, (unsigned long long)size, (unsigned long long)least);
    if (!f || !f->checked || v->part)
        return 0;
    return vf_image_begin_check(out, v->path, v->path, f->name, err);
}

static int judge(struct vf_image_check *c, int status, struct vf_error **err)
{
    enum { ONLY_LEAKS = 3 };
    vf_autofree char *said = vf_tool_said(&c->tool);
    if (status == 0 || status == ONLY_LEAKS)
        return 0;
    if (vf_said_locked(said))
        return vf_fail(err, VF_E_CONFLICT, "%s is in use by another process", c->path);
    return vf_fail(err, VF_E_CORRUPT,
                   "%s is damaged: see qemu-img check -f %s; nothing is copied from it (%s)",
                   c->path, c->format, said ? said : "it says no more");
}

static void drop_last(struct vf_image *i)
{
    struct vf_image_check *c = i->checks[--i->n_checks];
    if (c->tool.proc.pid > 0)
        vf_tool_stop(&c->tool, 0, NULL);
    free(c->path);
    free(c);
}

int vf_image_wait(struct vf_image *i, int timeout_ms, struct vf_cancel *cancel,
                  struct vf_error **err)
{
    int64_t end = vf_clock_ms() + timeout_ms;
    while (i->n_checks) {
        struct vf_image_check *c = i->checks[i->n_checks - 1];
        int status;
        if (!vf_tool_ended(&c->tool, &status)) {
            if (timeout_ms >= 0 && vf_clock_ms() > end)
                return 1;
            if (vf_cancel_sleep(cancel, 3, err) < 0)
                return -1;
            continue;
        }
        int r = judge(c, status, err);
        drop_last(i);
        if (r < 0)
            return -1;
    }
    return 0;
}

static int add_file(const struct visit *v, struct vf_image *out, uint64_t *size,
                    struct vf_error **err)
{
    struct stat st;
    int fd = open(v->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return vf_fail_errno(err, errno, "opening %s", v->path);
    *(int *)vf_grow(&out->fds, &out->n_fds, sizeof *out->fds) = fd;
    if (fstat(fd, &st) < 0)
        return vf_fail_errno(err, errno, "%s", v->path);
    if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
        return vf_fail(err, VF_E_UNSUPPORTED, "%s is neither a file nor a block device", v->path);
    off_t end = lseek(fd, 0, SEEK_END);
    if (end < 0)
        return vf_fail_errno(err, errno, "asking for the size of %s", v->path);
    *size = (uint64_t)end;
    return 0;
}

/* Recursion ends: a file that names itself, or too many, is noticed by their number. */
static int visit(const struct visit *v, struct vf_image *out, struct vf_error **err)
{
    const struct vf_image_format *f = vf_image_format(v->format);
    uint64_t size = 0;
    if (out->n_fds == MAX_FILES)
        return vf_fail(err, VF_E_UNSUPPORTED, "%s consists of more than %d files, or of itself",
                       v->path, MAX_FILES);
    if (!f && !vf_streq(v->format, "raw")) {
        vf_autofree char *shown = vf_escape(v->format);
        return vf_fail(err, VF_E_UNSUPPORTED, "%s: vmferry does not read the format %s", v->path,
                       shown);
    }
    if (add_file(v, out, &size, err) < 0 ||
        vf_qemu_lock(out->fds[out->n_fds - 1], false, v->path, err) < 0)
        return -1;
    struct vf_image_head h = {0};
    int r = f ? f->head(out->fds[out->n_fds - 1], size, v->path, &h, err) : 0;
    if (!v->by)
        out->unit = h.unit;
    for (size_t i = 0; r == 0 && i < h.n_links; i++) {
        const struct vf_image_link *l = &h.links[i];
        vf_autofree char *path = resolve(v->path, l->name);
        struct visit next = {
            .path = path, .format = l->format, .least = l->least, .by = v->path, .part = l->part};
        r = check_place(v->path, l->name, path, err);
        if (r == 0 && !l->format)
            r = vf_fail(err, VF_E_UNSUPPORTED,
                        "%s does not say which format %s has, and a guest could make raw look like "
                        "any: name it with qemu-img rebase -u -F FORMAT -b %s %s",
                        v->path, path, l->name, v->path);
        if (r == 0)
            r = visit(&next, out, err);
    }
    if (r == 0)
        r = check_whole(v, f, size, h.least > v->least ? h.least : v->least, out, err);
    vf_image_head_clear(&h);
    return r;
}

int vf_image_open(const char *path, const char *format, struct vf_cancel *cancel,
                  struct vf_image *out, struct vf_error **err)
{
    struct visit v = {.path = path, .format = format};
    *out = (struct vf_image){0};
    if (visit(&v, out, err) == 0 && vf_image_wait(out, FIRST_MS, cancel, err) >= 0)
        return 0;
    vf_image_close(out);
    return -1;
}

int vf_image_check_target(const char *path, const char *format, struct vf_image *out,
                          struct vf_error **err)
{
    const struct vf_image_format *f = vf_image_format(format);
    struct visit v = {.path = path, .format = format};
    struct vf_image_head h = {0};
    uint64_t size = 0;
    *out = (struct vf_image){0};
    if (!f || !f->written)
        return vf_fail(err, VF_E_UNSUPPORTED, "%s: vmferry does not write the format %s", path,
                       format);
    int r = add_file(&v, out, &size, err);
    if (r == 0)
        r = f->head(out->fds[0], size, path, &h, err);
    if (r == 0 && h.n_links)
        r = vf_fail(err, VF_E_CONFLICT,
                    "%s rests on another image: it is not one that was made for this copy", path);
    vf_image_close(out);
    out->unit = h.unit;
    vf_image_head_clear(&h);
    return r;
}

void vf_image_close(struct vf_image *i)
{
    while (i->n_checks)
        drop_last(i);
    free(i->checks);
    for (size_t k = 0; k < i->n_fds; k++)
        close(i->fds[k]);
    free(i->fds);
    *i = (struct vf_image){0};
}
