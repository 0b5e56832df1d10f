/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Disks in datastores: which files one is made of, and hashes of what is in it. */
#include "config.h"
#include "provider/esxi/esxi.h"
#include "disk/vmdk.h"
#include "base/buf.h"
#include "base/log.h"
#include "base/str.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum {
    MAX_CHAIN = 256, /* of snapshots; VMware allows 32 */
    READ_UNIT = 1 << 20,
    SETTLE_MS = 1100, /* more than stamps are apart */
    SETTLE_TRIES = 2,
};

static const char volumes[] = "/vmfs/volumes/";

/* ---- names ---- */

/* The folder PATH is in, with its slash; "" at the top. Caller frees. */
static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return vf_strndup(path, slash ? (size_t)(slash - path) + 1 : 0);
}

/* A file as a VMX file or a descriptor in FOLDER of DATASTORE names it, in VMware's notation. */
static char *full_name(struct vf_esxi *e, const char *dc, const char *datastore, const char *folder,
                       const char *file, struct vf_error **err)
{
    if (*file == '[')
        return vf_strdup(file);
    if (*file != '/')
        return vf_asprintf("[%s] %s%s", datastore, folder, file);
    const char *volume = vf_starts(file, volumes) ? file + strlen(volumes) : NULL;
    size_t n = volume ? strcspn(volume, "/") : 0;
    if (!n || !volume[n] || !volume[n + 1]) {
        vf_autofree char *shown = vf_escape(file);
        vf_fail(err, VF_E_UNSUPPORTED, "%s is no file in a datastore", shown);
        return NULL;
    }
    vf_autofree char *id = vf_strndup(volume, n);
    vf_autofree char *name =
        e->way->ops->datastore ? e->way->ops->datastore(e->way, dc, id, err) : vf_strdup(id);
    return name ? vf_asprintf("[%s] %s", name, volume + n + 1) : NULL;
}

static int parse_name(const char *volume, const char *dc, struct vf_esxi_file *f, char **copy,
                      struct vf_error **err)
{
    if (vf_esxi_file_parse(volume, dc, f, copy) == 0)
        return 0;
    vf_autofree char *shown = vf_escape(volume);
    return vf_fail(err, VF_E_UNSUPPORTED, "%s is no file in a datastore", shown);
}

/* ---- descriptors ---- */

/* The beginning of a disk's file: all of a descriptor. */
struct head {
    char *data;
    size_t len;
    uint64_t size; /* of the file */
};

static int read_head(struct vf_esxi *e, const struct vf_esxi_file *f, struct head *out,
                     struct vf_error **err)
{
    vf_autofree char *state = NULL;
    *out = (struct head){0};
    if (vf_esxi_stat(e, f, &out->size, &state, err) < 0)
        return -1;
    if (out->size < VF_VMDK_TEXT) {
        out->data = vf_esxi_text(e, f, VF_VMDK_TEXT, &out->len, err);
        if (!out->data || out->len == out->size)
            return out->data ? 0 : -1;
        vf_autofree char *shown = vf_escape(f->path); /* half a descriptor is a smaller disk */
        return vf_fail(err, VF_E_CORRUPT,
                       "[%s] %s has %" PRIu64 " bytes, and the host sends %zu of it", f->datastore,
                       shown, out->size, out->len);
    }
    out->len = VF_VMDK_HEAD;
    out->data = vf_xcalloc(1, out->len + 1);
    return vf_esxi_head(e, f, out->data, out->len, err);
}

/* The file whose changes a snapshot's descriptor describes; NULL: it is no snapshot's. Caller
 * frees. */
static char *parent_hint(const struct head *h)
{
    static const char key[] = "parentFileNameHint";
    for (const char *s = h->data; s && *s; s = strchr(s, '\n')) {
        s += strspn(s, "\r\n \t");
        if (strncasecmp(s, key, strlen(key)) != 0)
            continue;
        const char *v = s + strlen(key);
        v += strspn(v, " \t=\"");
        size_t n = strcspn(v, "\"\r\n");
        return n ? vf_strndup(v, n) : NULL;
    }
    return NULL;
}

/* The descriptor of VOLUME. Behind snapshots that are to be removed it is the one they rest on:
 * *VOLUME is set to that. A chain that leaves the VM's own folder is a linked clone's, whose base
 * is another VM's disk and does not take the changes in. */
static int read_base(struct vf_esxi *e, const char *dc, unsigned snapshots, char **volume,
                     struct head *out, struct vf_error **err)
{
    for (int depth = 0; depth < MAX_CHAIN; depth++) {
        struct vf_esxi_file f;
        vf_autofree char *copy = NULL;
        if (parse_name(*volume, dc, &f, &copy, err) < 0)
            return -1;
        if (read_head(e, &f, out, err) < 0)
            return -1;
        vf_autofree char *hint = snapshots ? parent_hint(out) : NULL;
        if (!hint)
            return 0;
        free(VF_STEAL(out->data));
        vf_autofree char *folder = folder_of(f.path);
        vf_autofree char *parent = full_name(e, dc, f.datastore, folder, hint, err);
        vf_autofree char *here = vf_asprintf("[%s] %s", f.datastore, folder);
        if (!parent)
            return -1;
        if (!vf_starts(parent, here) || strchr(parent + strlen(here), '/')) {
            vf_autofree char *shown = vf_escape(parent);
            return vf_fail(err, VF_E_UNSUPPORTED,
                           "it is a linked clone: it rests on the disk of another VM (%s); make a "
                           "full clone of it first",
                           shown);
        }
        vf_str_set(volume, parent);
    }
    return vf_fail(err, VF_E_UNSUPPORTED, "%s: its chain of snapshots has no end", *volume);
}

/* ---- recipes ---- */

/* What the descriptor says of the file of extent I: how much it needs of it. */
static uint64_t needed(const struct vf_vmdk *d, size_t i)
{
    uint64_t end = 0;
    for (size_t k = 0; k < d->n_extents; k++) {
        const struct vf_vmdk_extent *x = &d->extents[k];
        if (x->kind == VF_VMDK_FLAT && vf_streq(x->file, d->extents[i].file) &&
            x->offset + x->length > end)
            end = x->offset + x->length;
    }
    return end;
}

/* True sizes of the files that D's extents are in; caller frees. The host opens none that a running
 * VM (IN_USE) has open: then the descriptor is believed until that has shut down. */
static uint64_t *extent_sizes(struct vf_esxi *e, const struct vf_vmdk *d,
                              const struct vf_esxi_file *f, bool in_use, struct vf_error **err)
{
    uint64_t *sizes = vf_xcalloc(d->n_extents ? d->n_extents : 1, sizeof *sizes);
    vf_autofree char *last = NULL;
    for (size_t i = 0; i < d->n_extents; i++) {
        vf_autoerror struct vf_error *why = NULL;
        vf_autofree char *path = vf_vmdk_beside(f->path, &d->extents[i], &why);
        vf_autofree char *state = NULL;
        struct vf_esxi_file x = {f->dc, f->datastore, path};
        if (path && vf_streq(path, last)) {
            sizes[i] = sizes[i - 1];
            continue;
        }
        if (!why && path)
            vf_esxi_stat(e, &x, &sizes[i], &state, &why);
        vf_str_set(&last, path);
        if (in_use && vf_error_code(why) == VF_E_CONFLICT && d->extents[i].kind == VF_VMDK_FLAT) {
            vf_error_free(VF_STEAL(why));
            sizes[i] = needed(d, i);
        }
        if (!why)
            continue;
        free(sizes);
        if (vf_error_code(why) == VF_E_NOTFOUND) {
            vf_autofree char *shown = vf_escape(path);
            vf_fail(err, VF_E_NOTFOUND, "its file %s is missing in datastore %s", shown,
                    f->datastore);
        } else {
            vf_fail_with(err, VF_STEAL(why));
        }
        return NULL;
    }
    return sizes;
}

/* *CID (may be NULL; caller frees): as in struct vf_vmdk. */
static struct vf_recipe *make_recipe(struct vf_esxi *e, const char *dc, const char *volume,
                                     const struct head *h, bool in_use, char **warning, char **cid,
                                     struct vf_error **err)
{
    struct vf_esxi_file f;
    vf_autofree char *copy = NULL;
    if (parse_name(volume, dc, &f, &copy, err) < 0)
        return NULL;
    vf_auto(vf_vmdk_free) struct vf_vmdk *d = vf_vmdk_parse(h->data, h->len, f.path, err);
    vf_autofree uint64_t *sizes = d ? extent_sizes(e, d, &f, in_use, err) : NULL;
    if (!sizes)
        return NULL;
    if (cid)
        *cid = vf_strdup(d->cid);
    struct vf_vmdk_place at = {f.dc, f.datastore, f.path, h->size};
    return vf_vmdk_recipe(d, &at, sizes, warning, err);
}

/* DC is not in the name of a volume: that of the VM which has it. */
static struct vf_recipe *recipe_and_cid(struct vf_esxi *e, const char *dc, unsigned snapshots,
                                        bool in_use, char **volume, char **warning, char **cid,
                                        struct vf_error **err)
{
    struct head h = {0};
    struct vf_recipe *r = read_base(e, dc, snapshots, volume, &h, err) == 0
                              ? make_recipe(e, dc, *volume, &h, in_use, warning, cid, err)
                              : NULL;
    free(h.data);
    return r;
}

static struct vf_recipe *recipe_of(struct vf_esxi *e, const char *dc, unsigned snapshots,
                                   bool in_use, char **volume, char **warning,
                                   struct vf_error **err)
{
    return recipe_and_cid(e, dc, snapshots, in_use, volume, warning, NULL, err);
}

/* ---- disks of a VM ---- */

/* What is wrong with a disk is said of the VM; what is wrong with the connection ends it. */
static bool is_the_disks(const struct vf_error *why)
{
    static const enum vf_error_code codes[] = {VF_E_NOTFOUND, VF_E_UNSUPPORTED, VF_E_CORRUPT,
                                               VF_E_PERMISSION, VF_E_CONFLICT};
    for (size_t i = 0; i < VF_COUNT(codes); i++)
        if (vf_error_code(why) == codes[i])
            return true;
    return false;
}

/* 1: D is known now; 0: refused, and said so. */
static int resolve_one(struct vf_esxi *e, const struct vf_esxi_row *row, struct vf_vm *vm,
                       struct vf_disk *d, struct vf_error **err)
{
    vf_autoerror struct vf_error *why = NULL;
    bool in_use = vm->state != VF_VM_STOPPED;
    vf_autofree char *folder = folder_of(row->vmx), *warning = NULL;
    vf_autofree char *volume = full_name(e, row->dc, row->datastore, folder, d->volume, &why);
    vf_auto(vf_recipe_free) struct vf_recipe *r =
        volume ? recipe_of(e, row->dc, vm->snapshots, in_use, &volume, &warning, &why) : NULL;
    if (!r && !is_the_disks(why))
        return vf_fail_with(err, VF_STEAL(why));
    if (!r) {
        bool busy = in_use && vf_error_code(why) == VF_E_CONFLICT;
        vf_autofree char *text =
            vf_asprintf("%s%s", vf_error_text(why),
                        busy ? "; shut the VM down: such a disk is looked at only then" : "");
        vf_vm_leave_out(vm, volume ? volume : d->volume, text)->stop = true;
        return 0;
    }
    if (warning)
        vf_vm_leave_out(vm, volume, warning)->there = true;
    vf_str_set(&d->volume, volume);
    vf_autofree char *datastore = vf_strndup(volume + 1, strcspn(volume + 1, "]"));
    vf_str_set(&d->storage, datastore);
    d->size = r->size;
    return 1;
}

int vf_esxi_resolve(struct vf_esxi *e, const struct vf_esxi_row *row, struct vf_vm *vm,
                    struct vf_error **err)
{
    for (size_t i = 0; i < vm->n_disks;) {
        int r = resolve_one(e, row, vm, &vm->disks[i], err);
        if (r < 0)
            return -1;
        if (r)
            i++;
        else
            vf_vm_remove_disk(vm, i);
    }
    return 0;
}

/* ---- volumes ---- */

/* The datacenter that VOLUME is in, *OUT borrowed, NULL: not told. Two may have datastores of one
 * name, and files of one name in them; but a host (NODE) is in one of them. */
static int find_dc(struct vf_esxi *e, const char *node, const char *volume, const char **out,
                   struct vf_error **err)
{
    struct vf_esxi_file f;
    vf_autofree char *copy = NULL;
    const struct vf_esxi_row *here = NULL;
    *out = NULL;
    if (parse_name(volume, NULL, &f, &copy, err) < 0 || (!e->rows && vf_esxi_list(e, err) < 0))
        return -1;
    for (size_t i = 0; node && i < e->n_rows; i++)
        if (vf_streq(e->rows[i].node, node)) {
            *out = e->rows[i].dc;
            return 0;
        }
    for (size_t i = 0; i < e->n_rows; i++) {
        const struct vf_esxi_row *r = &e->rows[i];
        *out = *out ? *out : r->dc;
        if (!vf_streq(r->datastore, f.datastore))
            continue;
        if (here && !vf_streq(r->dc, here->dc))
            return vf_fail(err, VF_E_CONFLICT,
                           "%s: two datacenters have a datastore %s, and nothing tells in which of "
                           "them it is: does host %s still have VMs?",
                           volume, f.datastore, node ? node : "?");
        here = r;
    }
    if (here)
        *out = here->dc;
    return 0;
}

/* When the files of R were written, in seconds as a rule, and CID (NULL: none) behind it; *OUT
 * NULL: one of them does not say. *RACY is set when that was just now. */
static int stamp_once(struct vf_esxi *e, const struct vf_recipe *r, const char *cid, char **out,
                      bool *racy, struct vf_error **err)
{
    vf_autobuf struct vf_buf b = {0};
    *out = NULL;
    for (size_t i = 0; i < r->n_parts; i++) {
        const struct vf_recipe_part *x = &r->parts[i];
        struct vf_esxi_file f = {x->dc, x->datastore, x->path};
        vf_autofree char *state = NULL;
        uint64_t size;
        vf_autoerror struct vf_error *why = NULL;
        if (!f.path)
            continue;
        if (vf_esxi_stat(e, &f, &size, &state, &why) < 0 &&
            (vf_error_is_transient(why) || vf_error_code(why) == VF_E_CANCELLED))
            return vf_fail_with(err, VF_STEAL(why)); /* it may say so in a moment */
        if (!state)
            return 0;
        size_t n = strlen(state) - (vf_ends(state, VF_ESXI_RACY) ? strlen(VF_ESXI_RACY) : 0);
        *racy = *racy || state[n];
        vf_buf_printf(&b, "%s%.*s", b.len ? " " : "", (int)n, state);
    }
    if (cid)
        vf_buf_printf(&b, " CID %s", cid);
    *out = vf_buf_take(&b);
    return 0;
}

/* A stamp that every write from now on changes: one of this very second would not, so that it is
 * waited for the next. Of a file that is being written to it is one that equals no other. */
static int stamp_of(struct vf_esxi *e, const struct vf_recipe *r, const char *cid, char **out,
                    struct vf_error **err)
{
    vf_autofree char *before = NULL;
    for (int i = 0;; i++) {
        bool racy = false;
        if (stamp_once(e, r, cid, out, &racy, err) < 0)
            return -1;
        if (!*out || !racy || vf_streq(*out, before))
            return 0;
        free(before);
        before = VF_STEAL(*out);
        if (i == SETTLE_TRIES)
            break;
        if (vf_cancel_sleep(e->cancel, SETTLE_MS, err) < 0)
            return -1;
    }
    *out = vf_asprintf("%s%s", before, VF_ESXI_RACY);
    return 0;
}

int vf_esxi_volume(struct vf_provider *p, const char *node, const char *volume,
                   struct vf_volume *out, struct vf_error **err)
{
    struct vf_esxi *e = vf_esxi_of(p);
    vf_autofree char *name = vf_strdup(volume), *warning = NULL, *cid = NULL;
    const char *dc;
    vf_auto(vf_recipe_free) struct vf_recipe *r =
        find_dc(e, node, volume, &dc, err) == 0
            ? recipe_and_cid(e, dc, 0, false, &name, &warning, &cid, err)
            : NULL;
    *out = (struct vf_volume){0};
    char *stamp;
    if (!r || stamp_of(e, r, cid, &stamp, err) < 0)
        return -1;
    if (warning) /* of a VM that ran when it was planned it could not be known */
        vf_warn("esxi", "%s: %s", volume, warning);
    *out = (struct vf_volume){
        .path = vf_recipe_text(r), .format = vf_strdup("recipe"), .size = r->size, .stamp = stamp};
    return 0;
}

/* ---- hashes ---- */

/* The part of R that holds N bytes at *OFFSET, which becomes the offset in its file; NULL: several
 * do, or it is an image that has to be unpacked. */
static const struct vf_recipe_part *part_of(const struct vf_recipe *r, uint64_t n, uint64_t *offset)
{
    for (size_t i = 0; !r->image && i < r->n_parts; i++) {
        const struct vf_recipe_part *x = &r->parts[i];
        if (*offset < x->length) {
            *offset += x->offset;
            return n <= x->offset + x->length - *offset ? x : NULL;
        }
        *offset -= x->length;
    }
    return NULL;
}

/* Of bytes that are read a second time. */
static char *hash_here(struct vf_esxi *e, const struct vf_esxi_file *f, uint64_t n, uint64_t offset,
                       struct vf_error **err)
{
    vf_autofree unsigned char *buf = vf_xmalloc(READ_UNIT);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    bool good = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1;
    int r = 0;
    while (good && r == 0 && n) {
        size_t now = n < READ_UNIT ? (size_t)n : READ_UNIT;
        if (f->path)
            r = e->way->ops->read(e->way, f, buf, now, offset, err);
        else
            memset(buf, 0, now);
        good = r == 0 && EVP_DigestUpdate(ctx, buf, now) == 1;
        n -= now;
        offset += now;
    }
    good = good && EVP_DigestFinal_ex(ctx, sum, &len) == 1;
    EVP_MD_CTX_free(ctx);
    if (!good) {
        vf_fail(err, VF_E_INTERNAL, "SHA-256 cannot be computed"); /* unless there is a cause */
        return NULL;
    }
    char *hex = vf_xcalloc(1, 2 * (size_t)len + 1);
    for (unsigned i = 0; i < len; i++)
        snprintf(hex + 2 * (size_t)i, 3, "%02x", sum[i]);
    return hex;
}

/* By a host that has the means: NULL without *err when none can be asked. */
static char *hash_there(struct vf_esxi *e, const struct vf_esxi_file *f, uint64_t n,
                        uint64_t offset, struct vf_error **err)
{
    struct vf_esxi_way *ways[] = {e->way, NULL};
    for (size_t i = 0; i < VF_COUNT(ways); i++) {
        vf_autoerror struct vf_error *why = NULL;
        struct vf_esxi_way *w = i ? vf_esxi_other(e, false, &why) : ways[0];
        char *hex = w ? w->ops->sha256(w, f, n, offset, &why) : NULL;
        if (hex)
            return hex;
        if (w && vf_error_code(why) != VF_E_UNSUPPORTED) {
            vf_fail_with(err, VF_STEAL(why));
            return NULL;
        }
    }
    return NULL;
}

static void forget_hashed(struct vf_esxi *e)
{
    vf_recipe_free(e->hashed);
    e->hashed = NULL;
    vf_str_set(&e->hashed_volume, NULL);
}

/* Of VOLUME, which is hashed piece by piece while its VM is down: looking at each of its files for
 * each piece would take as long as hashing them. Borrowed. */
static const struct vf_recipe *hashed_recipe(struct vf_esxi *e, const char *node,
                                             const char *volume, struct vf_error **err)
{
    if (e->hashed && vf_streq(e->hashed_volume, volume))
        return e->hashed;
    vf_autofree char *name = vf_strdup(volume), *warning = NULL;
    const char *dc;
    forget_hashed(e);
    e->hashed = find_dc(e, node, volume, &dc, err) == 0
                    ? recipe_of(e, dc, 0, false, &name, &warning, err)
                    : NULL;
    vf_str_set(&e->hashed_volume, e->hashed ? volume : NULL);
    return e->hashed;
}

char *vf_esxi_hash(struct vf_provider *p, const char *node, const char *volume, uint64_t n,
                   uint64_t offset, bool *by_host, struct vf_error **err)
{
    struct vf_esxi *e = vf_esxi_of(p);
    const struct vf_recipe *r = hashed_recipe(e, node, volume, err);
    if (!r)
        return NULL;
    const struct vf_recipe_part *x = part_of(r, n, &offset);
    if (!x) {
        vf_fail(err, VF_E_UNSUPPORTED,
                "%s: %" PRIu64 " bytes are not in one piece of one file of the host", volume, n);
        return NULL;
    }
    struct vf_esxi_file f = {x->dc, x->datastore, x->path};
    vf_autoerror struct vf_error *why = NULL;
    char *hex = f.path ? hash_there(e, &f, n, offset, &why) : NULL;
    *by_host = hex != NULL;
    if (why) { /* the disk may be another by now */
        forget_hashed(e);
        vf_fail_with(err, VF_STEAL(why));
        return NULL;
    }
    return hex ? hex : hash_here(e, &f, n, offset, err);
}

/* ---- hashes beside other work ---- */

struct esxi_summer {
    struct vf_summer base;
    struct vf_esxi_way *way; /* a twin */
    struct vf_recipe *recipe;
};

static char *summer_sum(struct vf_summer *s, uint64_t n, uint64_t offset, struct vf_cancel *cancel,
                        struct vf_error **err)
{
    struct esxi_summer *x = (struct esxi_summer *)(void *)s;
    const struct vf_recipe_part *part = &x->recipe->parts[0];
    struct vf_esxi_file f = {part->dc, part->datastore, part->path};
    x->way->ops->set_cancel(x->way, cancel);
    return x->way->ops->sha256(x->way, &f, n, part->offset + offset, err);
}

static void summer_free(struct vf_summer *s)
{
    struct esxi_summer *x = (struct esxi_summer *)(void *)s;
    vf_esxi_way_free(x->way);
    vf_recipe_free(x->recipe);
    free(x);
}

/* A twin of the first way by which the host hashes something of F; NULL: of none. */
static struct vf_esxi_way *hashing_twin(struct vf_esxi *e, const struct vf_esxi_file *f)
{
    for (int other = 0; other < 2; other++) {
        vf_autoerror struct vf_error *why = NULL;
        struct vf_esxi_way *w = other ? vf_esxi_other(e, false, &why) : e->way;
        vf_autofree char *hex = w && w->ops->twin ? w->ops->sha256(w, f, 512, 0, &why) : NULL;
        struct vf_esxi_way *twin = hex ? w->ops->twin(w, &why) : NULL;
        if (twin)
            return twin;
    }
    return NULL;
}

struct vf_summer *vf_esxi_summer(struct vf_provider *p, const char *node, const char *volume)
{
    struct vf_esxi *e = vf_esxi_of(p);
    vf_autoerror struct vf_error *why = NULL;
    vf_autofree char *name = vf_strdup(volume), *warning = NULL;
    const char *dc;
    vf_auto(vf_recipe_free) struct vf_recipe *r =
        find_dc(e, node, volume, &dc, &why) == 0 ? recipe_of(e, dc, 0, false, &name, &warning, &why)
                                                 : NULL;
    if (!r || r->image || r->n_parts != 1 || !r->parts[0].path)
        return NULL;
    struct vf_esxi_file f = {r->parts[0].dc, r->parts[0].datastore, r->parts[0].path};
    struct vf_esxi_way *way = hashing_twin(e, &f);
    if (!way)
        return NULL;
    struct esxi_summer *s = vf_xcalloc(1, sizeof *s);
    *s = (struct esxi_summer){{summer_sum, summer_free}, way, VF_STEAL(r)};
    return &s->base;
}
