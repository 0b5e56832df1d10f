/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "provider/pve/volid.h"
#include "base/str.h"

#include <stdio.h>
#include <string.h>

int vf_volid_parse(const char *text, struct vf_volid *out, struct vf_error **err)
{
    *out = (struct vf_volid){0};
    const char *colon = strchr(text, ':');
    vf_autofree char *shown = vf_escape(text);
    if (*text == '/' || !colon || colon == text || !colon[1])
        return vf_fail(err, VF_E_CORRUPT, "\"%s\" is not a volume of a storage", shown);
    out->storage = vf_strndup(text, (size_t)(colon - text));
    /* a linked clone is named after its template's disk and its own: base-100-disk-0/vm-101-disk-0
     */
    vf_autostrv char **parts = vf_strv_split(colon + 1, "/");
    size_t n = vf_strv_len(parts);
    for (size_t i = 0; i + 1 < n; i++)
        if (vf_starts(parts[i], "base-"))
            out->linked = true;
    const char *name = n ? parts[n - 1] : "";
    if (sscanf(name, "vm-%9u-", &out->owner) != 1 && sscanf(name, "base-%9u-", &out->owner) != 1)
        out->owner = 0;
    const char *rest = strchr(name, '-');
    rest = rest ? strchr(rest + 1, '-') : NULL;
    out->cloudinit = (out->owner && rest && vf_starts(rest, "-cloudinit")) ||
                     !strcmp(colon + 1, "cloudinit"); /* not made yet: a pending one */
    return 0;
}

void vf_volid_clear(struct vf_volid *v)
{
    free(v->storage);
    *v = (struct vf_volid){0};
}

/* From the plugins of pve-storage. */
static const struct vf_storage_type types[] = {
    {"dir", true, true, {"raw", "qcow2", "vmdk"}},
    {"nfs", true, true, {"raw", "qcow2", "vmdk"}},
    {"cifs", true, true, {"raw", "qcow2", "vmdk"}},
    {"glusterfs", true, true, {"raw", "qcow2", "vmdk"}},
    {"btrfs", true, true, {"raw"}},
    {"lvm", false, false, {"raw"}},
    {"lvmthin", false, false, {"raw"}},
    {"zfspool", false, false, {"raw"}},
    {"zfs", false, false, {"raw"}},
    {"rbd", false, false, {"raw"}},
};

const struct vf_storage_type *vf_storage_type(const char *type)
{
    for (size_t i = 0; i < VF_COUNT(types); i++)
        if (vf_streq(types[i].type, type))
            return &types[i];
    return NULL;
}

char *vf_volume_filename(const struct vf_storage_type *t, unsigned id, unsigned number,
                         const char *format)
{
    return t->files ? vf_asprintf("vm-%u-disk-%u.%s", id, number, format)
                    : vf_asprintf("vm-%u-disk-%u", id, number);
}
