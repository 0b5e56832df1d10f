/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "base/str.h"
#include "disk/recipe.h"
#include "fetch/fetch.h"
#include "fetch/image.h"

static struct vf_fetch_pool *pool;

struct fetched {
    struct vf_disk disk;
    struct vf_recipe *recipe;
    struct vf_parts *parts;
    struct vf_fetch_image image; /* .n 0: the parts are the disk */
};

static struct fetched *self(struct vf_disk *d)
{
    return (struct fetched *)d;
}

void vf_fetch_use(struct vf_fetch_pool *p)
{
    pool = p;
}

/* QEMU and NBD say only that something failed; the server knows what. */
static int told(struct fetched *f, int result, struct vf_error **own, struct vf_error **err)
{
    struct vf_error *why =
        result < 0 && f->image.server ? vf_nbd_server_error(f->image.server) : NULL;
    if (why) {
        vf_error_free(VF_STEAL(*own));
        vf_nbd_server_forget(f->image.server);
        return vf_fail_with(err, why);
    }
    if (result < 0)
        vf_fail_with(err, VF_STEAL(*own));
    return result;
}

static int fetched_read(struct vf_disk *d, void *buf, size_t n, uint64_t offset,
                        struct vf_error **err)
{
    struct fetched *f = self(d);
    if (!f->image.n)
        return vf_parts_read(f->parts, buf, n, offset, err);
    struct vf_error *e = NULL;
    return told(f, vf_fetch_image_read(&f->image, buf, n, offset, &e), &e, err);
}

static int fetched_extent(struct vf_disk *d, uint64_t offset, struct vf_extent *out,
                          struct vf_error **err)
{
    struct fetched *f = self(d);
    if (!f->image.n) {
        out->zero = vf_parts_zero(f->parts, offset, &out->end);
        return 0;
    }
    struct vf_error *e = NULL;
    return told(f, vf_fetch_image_extent(&f->image, offset, out, &e), &e, err);
}

static int only_read(struct vf_disk *d, struct vf_error **err)
{
    return vf_fail(err, VF_E_INTERNAL, "%s is only read", d->name);
}

static int fetched_write(struct vf_disk *d, const void *buf, size_t n, uint64_t offset,
                         struct vf_error **err)
{
    return only_read(d, err);
}

static int fetched_zero(struct vf_disk *d, uint64_t n, uint64_t offset, struct vf_error **err)
{
    return only_read(d, err);
}

static void fetched_interrupt(struct vf_disk *d, bool on)
{
    struct fetched *f = self(d);
    vf_parts_interrupt(f->parts, on);
    if (!on && f->image.server)
        vf_nbd_server_forget(f->image.server);
}

static int fetched_close(struct vf_disk *d, struct vf_error **err)
{
    struct fetched *f = self(d);
    if (f->parts)
        vf_parts_interrupt(f->parts, true);
    int r = vf_fetch_image_close(&f->image, err);
    vf_parts_close(f->parts);
    vf_recipe_free(f->recipe);
    return r;
}

static const struct vf_disk_ops fetched_ops = {
    .name = "recipe",
    .read = fetched_read,
    .write = fetched_write,
    .zero = fetched_zero,
    .flush = only_read,
    .extent = fetched_extent,
    .read_back = fetched_read,
    .interrupt = fetched_interrupt,
    .close = fetched_close,
};

static int open_parts(struct fetched *f, const struct vf_disk_spec *spec, struct vf_error **err)
{
    struct vf_error *e = NULL;
    f->parts = vf_parts_open(f->recipe, pool, spec->cancel, err);
    if (!f->parts)
        return -1;
    f->disk.size = f->recipe->size;
    f->disk.identity = vf_parts_identity(f->parts);
    if (f->recipe->image &&
        told(f, vf_fetch_image_open(f->recipe, f->parts, spec, &f->image, &e), &e, err) < 0)
        return -1;
    vf_parts_opened(f->parts);
    return 0;
}

static struct vf_disk *open_recipe(const struct vf_disk_spec *spec, struct vf_error **err)
{
    struct vf_recipe *recipe = vf_recipe_parse(spec->path, err);
    if (!recipe)
        return NULL;
    struct fetched *f = vf_xcalloc(1, sizeof *f);
    f->disk = (struct vf_disk){
        .ops = &fetched_ops, .name = vf_escape(recipe->name), .unit = VF_DISK_ALIGN};
    f->recipe = recipe;
    if (spec->write || spec->live)
        vf_fail(err, VF_E_UNSUPPORTED, "%s can only be read while its VM is shut down",
                f->disk.name);
    else if (open_parts(f, spec, err) == 0)
        return &f->disk;
    vf_disk_close(&f->disk, NULL);
    return NULL;
}

const struct vf_disk_kind vf_fetch_kind = {"recipe", open_recipe};
