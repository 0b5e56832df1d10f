/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names of volumes ("local:101/vm-101-disk-0.raw", "tank:vm-101-disk-0") and of storage types. */
#ifndef VF_PROVIDER_PVE_VOLID_H
#define VF_PROVIDER_PVE_VOLID_H

#include <stdbool.h>
#include "base/error.h"

struct vf_volid {
    char *storage;  /* caller frees with vf_volid_clear() */
    unsigned owner; /* VM that Proxmox takes it to belong to; 0: the name does not say */
    bool linked;    /* rests on a template's disk */
    bool cloudinit; /* a cloud-init drive */
};

/* -1 with CORRUPT when TEXT is no volume of a storage. */
int vf_volid_parse(const char *text, struct vf_volid *out, struct vf_error **err);
void vf_volid_clear(struct vf_volid *v);
#define vf_autovolid __attribute__((cleanup(vf_volid_clear)))

/* What a storage of TYPE holds; NULL when the type is not known. */
struct vf_storage_type {
    const char *type;
    bool files;             /* disks are files "ID/vm-ID-disk-N.FORMAT" */
    bool exact;             /* volumes are exactly as large as asked, rounded to 1 KiB */
    const char *formats[4]; /* disk formats, NULL-terminated, default first */
};
const struct vf_storage_type *vf_storage_type(const char *type);

/* "vm-101-disk-0.raw" or "vm-101-disk-0"; caller frees. */
char *vf_volume_filename(const struct vf_storage_type *t, unsigned id, unsigned number,
                         const char *format);

#endif
