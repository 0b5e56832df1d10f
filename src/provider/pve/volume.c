/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Volumes: made at an exact size, looked at, attached with all options, freed only when nobody has
 * them. */
#include "config.h"
#include "provider/pve/propstr.h"
#include "provider/pve/pve.h"
#include "provider/pve/vmconfig.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"

#include <string.h>

int vf_pve_volume(struct vf_provider *p, const char *node, const char *volume,
                  struct vf_volume *out, struct vf_error **err)
{
    vf_autovolid struct vf_volid v = {0};
    vf_autofree char *shown = vf_escape(volume);
    if (vf_volid_parse(volume, &v, err) < 0)
        return -1;
    vf_autofree char *path = vf_pve_storage_path(node, v.storage, "content", volume);
    vf_autojson json_t *o = vf_pve_object(vf_pve_of(p), path, err);
    if (!o)
        return vf_fail_prefix(err, "volume %s", shown);
    const char *format = vf_json_text(o, "format");
    uint64_t size = vf_json_u64(o, "size");
    if (format && json_is_integer(json_object_get(o, "size")) && !size)
        return vf_fail(
            err, VF_E_UNSUPPORTED,
            "volume %s is empty (0 bytes): there is nothing to copy; detach it from the VM", shown);
    if (!format || !size)
        return vf_fail(err, VF_E_UNSUPPORTED,
                       "volume %s: its storage does not tell its size and format", shown);
    *out = (struct vf_volume){.path = vf_strdup(vf_json_text(o, "path")),
                              .format = vf_strdup(format),
                              .size = size,
                              .used = vf_json_u64(o, "used")};
    return 0;
}

const struct vf_storage_type *vf_pve_storage_type(struct vf_pve_client *c, const char *node,
                                                  const char *storage, struct vf_error **err)
{
    vf_autofree char *path = vf_pve_storage_path(node, storage, "status", NULL);
    vf_autojson json_t *o = vf_pve_object(c, path, err);
    if (!o) {
        vf_fail_prefix(err, "storage %s on %s", storage, node);
        return NULL;
    }
    const char *type = vf_json_text(o, "type"), *content = vf_json_text(o, "content");
    vf_autostrv char **holds = vf_strv_split(content, ",");
    const struct vf_storage_type *t = vf_storage_type(type);
    vf_autofree char *shown = vf_escape(type ? type : "?");
    if (!t)
        vf_fail(err, VF_E_UNSUPPORTED, "storage %s is of type %s, which vmferry does not know",
                storage, shown);
    else if (!vf_strv_has(holds, "images"))
        vf_fail(err, VF_E_UNSUPPORTED,
                "storage %s takes no VM disks (content \"images\" is not enabled)", storage);
    else
        return t;
    return NULL;
}

static const struct vf_storage_type *check_format(struct vf_pve_client *c, const char *node,
                                                  const char *storage, const char *format,
                                                  struct vf_error **err)
{
    const struct vf_storage_type *t = vf_pve_storage_type(c, node, storage, err);
    for (size_t i = 0; t && t->formats[i]; i++)
        if (vf_streq(t->formats[i], format))
            return t;
    if (t)
        vf_fail(err, VF_E_UNSUPPORTED, "storage %s (type %s) takes no disks of format %s", storage,
                t->type, format);
    return NULL;
}

/* FILE of VM ID on STORAGE; caller frees. */
static char *volume_id(const struct vf_storage_type *t, const char *storage, unsigned id,
                       const char *file)
{
    return t->files ? vf_asprintf("%s:%u/%s", storage, id, file)
                    : vf_asprintf("%s:%s", storage, file);
}

char *vf_pve_volume_name(struct vf_provider *p, const char *node, const char *storage, unsigned id,
                         unsigned number, const char *format, struct vf_error **err)
{
    const struct vf_storage_type *t = check_format(vf_pve_of(p), node, storage, format, err);
    if (!t)
        return NULL;
    vf_autofree char *file = vf_volume_filename(t, id, number, format);
    return volume_id(t, storage, id, file);
}

/* Block storages round up to their extents: at most this. */
static const uint64_t max_rounding = UINT64_C(1) << 30;

static int check_made(struct vf_provider *p, const struct vf_storage_type *t, const char *node,
                      const char *volume, const char *format, uint64_t size, struct vf_error **err)
{
    struct vf_volume v = {0};
    if (vf_pve_volume(p, node, volume, &v, err) < 0)
        return -1;
    bool good = vf_streq(v.format, format) &&
                (v.size == size || (!t->exact && v.size > size && v.size - size < max_rounding));
    vf_autofree char *shown = vf_escape(volume), *got = vf_escape(v.format);
    if (!good)
        vf_fail(err, VF_E_CORRUPT,
                "volume %s was asked for with %llu bytes as %s, but it has %llu bytes as %s", shown,
                (unsigned long long)size, format, (unsigned long long)v.size, got);
    vf_volume_clear(&v);
    return good ? 0 : -1;
}

/* What a storage tells of a volume that is being made. */
struct making {
    bool there;
    uint64_t size, used;
};

/* By the list: of a volume that has no size yet nothing else is told. */
static int look(struct vf_pve_client *c, const char *node, const char *storage, unsigned id,
                const char *volume, struct making *out, struct vf_error **err)
{
    vf_autofree char *content = vf_pve_storage_path(node, storage, "content", NULL);
    vf_autofree char *path = vf_asprintf("%s?content=images&vmid=%u", content, id);
    vf_autojson json_t *list = vf_pve_list(c, path, err);
    *out = (struct making){0};
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *e = json_array_get(list, i);
        if (vf_streq(vf_json_text(e, "volid"), volume))
            *out = (struct making){true, vf_json_u64(e, "size"), vf_json_u64(e, "used")};
    }
    return list ? 0 : -1;
}

/* qemu-img writes the size of a qcow2 last; a raw file that is filled (the storage's preallocation)
 * has it from the beginning, and is made when it is full. IS has not changed for a while. */
static bool is_made(const struct making *is, const struct vf_storage_type *t, const char *format,
                    uint64_t size)
{
    enum { SPARSE = 1 << 20 };
    bool filled = is->used >= SPARSE && t->files && vf_streq(format, "raw");
    return is->there && is->size >= size && (!filled || is->used >= is->size);
}

/* The request to make VOLUME, whose name was free, got no answer, because of WHY: pveproxy gives up
 * after 30 s, but the node goes on. It is never asked for twice. */
static int await_made(struct vf_pve_client *c, const struct vf_storage_type *t, const char *node,
                      const char *storage, unsigned id, const char *volume, const char *format,
                      uint64_t size, const struct vf_error *why, struct vf_error **err)
{
    struct making was = {0}, is;
    int64_t changed = vf_clock_ms(), heard = changed;
    vf_info("pve", "%s: %s is waited for: %s", c->conf->name, volume, vf_error_text(why));
    for (;;) {
        vf_autoerror struct vf_error *e = NULL;
        int r = look(c, node, storage, id, volume, &is, &e);
        int64_t now = vf_clock_ms();
        if (r < 0 && (!vf_error_is_transient(e) || now - heard > c->outage_ms))
            return vf_fail_with(err, VF_STEAL(e));
        bool same = is.there == was.there && is.size == was.size && is.used == was.used;
        if (r < 0 || !same)
            changed = now;
        if (r == 0) {
            heard = now;
            was = is;
        }
        if (r == 0 && same && now - changed >= c->settled_ms && is_made(&is, t, format, size))
            return 0;
        if (now - changed > (was.there ? c->task_ms : c->storage_ms))
            return vf_fail(err, VF_E_NET,
                           was.there ? "%s (%s is there, but does not get ready)"
                                     : "%s (%s did not appear since)",
                           vf_error_text(why), volume);
        if (vf_cancel_sleep(c->cancel, (int)c->settled_ms / 3 + 1, err) < 0)
            return -1;
    }
}

int vf_pve_allocate(struct vf_provider *p, const char *node, const char *storage, unsigned id,
                    unsigned number, const char *format, uint64_t size, char **out,
                    struct vf_error **err)
{
    struct vf_pve_client *c = vf_pve_of(p);
    *out = NULL;
    const struct vf_storage_type *t = check_format(c, node, storage, format, err);
    if (!t)
        return -1;
    uint64_t kib = size / 1024 + (size % 1024 != 0);
    vf_autofree char *file = vf_volume_filename(t, id, number, format);
    vf_autofree char *path = vf_pve_storage_path(node, storage, "content", NULL);
    vf_autoform struct vf_form form = {0};
    vf_form_addf(&form, "vmid", "%u", id);
    vf_form_add(&form, "filename", file);
    vf_form_addf(&form, "size", "%llu", (unsigned long long)kib); /* a bare number is KiB */
    vf_form_add(&form, "format", format);
    vf_autoerror struct vf_error *why = NULL, *late = NULL;
    vf_autojson json_t *volume = vf_pve_call(c, "POST", path, &form, &why);
    if (volume && !json_is_string(volume))
        return vf_fail(err, VF_E_UNSUPPORTED, "storage %s did not name the volume it made",
                       storage);
    *out = volume ? vf_strdup(json_string_value(volume)) : volume_id(t, storage, id, file);
    bool doubt = !volume && c->sent && vf_error_is_transient(why);
    if (!volume &&
        (!doubt || await_made(c, t, node, storage, id, *out, format, kib * 1024, why, &late) < 0)) {
        free(VF_STEAL(*out));
        vf_fail_with(err, doubt ? VF_STEAL(late) : VF_STEAL(why));
        return vf_fail_prefix(err, "cannot make volume %s on storage %s", file, storage);
    }
    if (check_made(p, t, node, *out, format, kib * 1024, err) == 0)
        return 0;
    free(VF_STEAL(*out));
    return -1;
}

/* Whether a value of CONFIG names VOLUME; the key in *KEY. */
static bool is_used(const json_t *config, const char *volume, const char **key)
{
    json_t *value;
    size_t n = strlen(volume);
    json_object_foreach ((json_t *)config, *key, value) {
        const char *text = json_string_value(value);
        for (const char *hit = text ? strstr(text, volume) : NULL; hit;
             hit = strstr(hit + 1, volume))
            if ((hit == text || hit[-1] == ',' || hit[-1] == '=') && (!hit[n] || hit[n] == ','))
                return true;
    }
    return false;
}

/* Proxmox deletes an image whether a configuration names it or not, so we look. */
static int check_unused(struct vf_pve_client *c, const char *volume, unsigned owner,
                        struct vf_error **err)
{
    vf_autoerror struct vf_error *why = NULL;
    vf_autojson json_t *entry = vf_pve_find(c, owner, &why);
    if (!entry)
        return vf_error_code(why) == VF_E_NOTFOUND ? 0 : vf_fail_with(err, VF_STEAL(why));
    vf_autofree char *path = vf_pve_path(vf_json_text(entry, "node"), "/qemu/%u/config", owner);
    vf_autojson json_t *config = vf_pve_object(c, path, &why);
    if (!config)
        return vf_error_code(why) == VF_E_NOTFOUND ? 0 : vf_fail_with(err, VF_STEAL(why));
    const char *key = NULL;
    if (!is_used(config, volume, &key))
        return 0;
    vf_autofree char *shown = vf_escape(volume);
    return vf_fail(err, VF_E_CONFLICT, "volume %s is %s of VM %u: it is not deleted", shown, key,
                   owner);
}

/* Deleting a volume by itself takes Datastore.Allocate, the right to do so with anybody's volume.
 * As a detached disk of the VM that it belongs to it goes with the rights over that VM. */
static int delete_as_unused(struct vf_pve_client *c, unsigned owner, const char *volume,
                            struct vf_error **err)
{
    vf_autojson json_t *entry = vf_pve_find(c, owner, err);
    if (!entry)
        return -1;
    vf_autofree char *path = vf_pve_path(vf_json_text(entry, "node"), "/qemu/%u/config", owner);
    vf_autojson json_t *config = vf_pve_object(c, path, err);
    if (!config)
        return -1;
    vf_autofree char *key = NULL;
    for (unsigned i = 0; !key || json_object_get(config, key); i++) {
        free(key);
        key = vf_asprintf("unused%u", i);
    }
    vf_autoform struct vf_form take = {0}, drop = {0};
    vf_form_add(&take, key, volume);
    if (vf_json_text(config, "digest"))
        vf_form_add(&take, "digest", vf_json_text(config, "digest"));
    vf_form_add(&drop, "delete", key);
    return vf_pve_do(c, "PUT", path, &take, 0, err) < 0 ||
                   vf_pve_do(c, "PUT", path, &drop, 0, err) < 0
               ? -1
               : 0;
}

int vf_pve_free_volume(struct vf_provider *p, const char *node, const char *volume,
                       struct vf_error **err)
{
    struct vf_pve_client *c = vf_pve_of(p);
    vf_autovolid struct vf_volid v = {0};
    vf_autofree char *shown = vf_escape(volume);
    if (vf_volid_parse(volume, &v, err) < 0)
        return -1;
    if (!v.owner)
        return vf_fail(err, VF_E_UNSUPPORTED,
                       "volume %s does not say whose it is: it is not deleted", shown);
    if (check_unused(c, volume, v.owner, err) < 0)
        return -1;
    vf_autofree char *path = vf_pve_storage_path(node, v.storage, "content", volume);
    vf_autoerror struct vf_error *why = NULL;
    if (vf_pve_do(c, "DELETE", path, NULL, 0, &why) == 0 ||
        (vf_error_code(why) == VF_E_PERMISSION && delete_as_unused(c, v.owner, volume, NULL) == 0))
        return 0;
    vf_fail_with(err, VF_STEAL(why));
    return vf_fail_prefix(err, "cannot delete volume %s", shown);
}

/* ------------------------------------------------------------------ attaching */

/* Whether what reads back is what was set; order and size are Proxmox's. */
static int compare_drive(const struct vf_disk *d, const char *got, struct vf_error **err)
{
    struct vf_opts o = {0};
    if (vf_propstr_parse(got ? got : "", "file", &o, err) < 0)
        return vf_fail_prefix(err, "%s", d->slot);
    int r = 0;
    if (!vf_streq(vf_opts_get(&o, "file"), d->volume))
        r = vf_fail(err, VF_E_CONFLICT, "%s does not hold %s although it was attached there",
                    d->slot, d->volume);
    for (size_t i = 0; r == 0 && i < d->opts.n; i++) {
        const struct vf_opt *want = &d->opts.v[i];
        if (!vf_propval_same(want->value, vf_opts_get(&o, want->key)))
            r = vf_fail(err, VF_E_UNSUPPORTED, "%s was attached, but without its option %s=%s",
                        d->slot, want->key, want->value);
    }
    vf_opts_free(&o);
    return r;
}

static json_t *read_config(struct vf_pve_client *c, const char *node, unsigned id,
                           struct vf_error **err)
{
    vf_autofree char *path = vf_pve_path(node, "/qemu/%u/config", id);
    return vf_pve_object(c, path, err);
}

/* The slot is free, or holds this very volume (a repeated step). */
static int check_slot(const json_t *config, const struct vf_disk *d, struct vf_error **err)
{
    const char *held = vf_json_text(config, d->slot);
    size_t n = strlen(d->volume);
    if (!held || (!strncmp(held, d->volume, n) && (held[n] == ',' || !held[n])))
        return 0;
    vf_autofree char *shown = vf_escape(held);
    return vf_fail(err, VF_E_CONFLICT, "%s is taken by %s", d->slot, shown);
}

static int attach(struct vf_pve_client *c, const char *node, unsigned id, const struct vf_disk *d,
                  struct vf_error **err)
{
    vf_autovolid struct vf_volid v = {0};
    if (vf_volid_parse(d->volume, &v, err) < 0)
        return -1;
    /* Proxmox would attach any VM's volume, and delete it with this one */
    if (v.owner && v.owner != id)
        return vf_fail(err, VF_E_CONFLICT, "%s belongs to VM %u", d->volume, v.owner);
    vf_autojson json_t *before = read_config(c, node, id, err);
    if (!before || check_slot(before, d, err) < 0)
        return -1;
    vf_autofree char *value = vf_pve_disk_value(d),
                     *path = vf_pve_path(node, "/qemu/%u/config", id);
    vf_autoform struct vf_form form = {0};
    vf_form_add(&form, d->slot, value);
    if (vf_json_text(before, "digest"))
        vf_form_add(&form, "digest", vf_json_text(before, "digest"));
    if (vf_pve_do(c, "PUT", path, &form, 0, err) < 0)
        return -1;
    vf_autojson json_t *after = read_config(c, node, id, err);
    return after ? compare_drive(d, vf_json_text(after, d->slot), err) : -1;
}

int vf_pve_attach(struct vf_provider *p, const char *node, unsigned id, const struct vf_disk *disk,
                  struct vf_error **err)
{
    if (attach(vf_pve_of(p), node, id, disk, err) == 0)
        return 0;
    return vf_fail_prefix(err, "cannot attach %s to VM %u at %s", disk->volume, id, disk->slot);
}
