/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The platform "files": exported VMs on this machine, as a .vmx, an .ovf, an .ova, or a directory
 * with any of them. They are read where they are; nothing is unpacked, nothing is changed. */
#ifndef VF_PROVIDER_FILES_FILES_H
#define VF_PROVIDER_FILES_FILES_H

#include "provider/provider.h"
#include "provider/files/manifest.h"
#include "provider/files/ovf.h"
#include "provider/files/tar.h"

/* CONF's only URL is the path. */
struct vf_provider *vf_files_open(const struct vf_cluster_conf *conf, bool verify_tls,
                                  const struct vf_asker *asker, struct vf_cancel *cancel,
                                  struct vf_error **err);

/* ---- inside ---- */

/* One .vmx, .ovf or .ova. */
struct vf_package {
    char *path;
    char *dir;        /* what its files are in: PATH's directory, or (an OVA) PATH itself, or (one
                       * with several descriptors) the directory in there */
    char *descriptor; /* name of its .vmx or .ovf in there */
    char *text;       /* of that, LEN bytes */
    size_t len;
    struct vf_tar_member *members; /* of an OVA; NULL: it is none */
    size_t n_members;
    struct vf_ovf *ovf; /* NULL: a VMX file */
    char *manifest;     /* name of its .mf; NULL: none */
    struct vf_manifest sums;
    bool certified; /* it has a .cert beside it */
};

/* Where the bytes of a file of a package are. */
struct vf_place {
    char *path;
    uint64_t offset, size; /* in PATH */
    uint64_t used;         /* bytes allocated */
    char *state;           /* changes with it */
};
void vf_place_clear(struct vf_place *p);

/* package.c: reads what is at PATH, a file. An archive has *N descriptors (every other file: one),
 * of which that number WHICH, from 0, is read. Caller frees. */
struct vf_package *vf_package_open(const char *path, size_t which, size_t *n,
                                   struct vf_error **err);
void vf_package_free(struct vf_package *p);
VF_DEFINE_CLEANUP(struct vf_package *, vf_package_free)
/* Is PATH named like one? */
bool vf_is_package(const char *path);
/* Finds the file NAME of P. NOTFOUND; UNSUPPORTED for one that is elsewhere. */
int vf_package_find(const struct vf_package *p, const char *name, struct vf_place *out,
                    struct vf_error **err);
/* Are A and B, as an OVF (which may encode names) and a manifest have them, names of one file? */
bool vf_package_same(const struct vf_package *p, const char *a, const char *b);
/* Its VMs, one for each entry of its OVF; caller frees them and the array. Disks are named, not
 * looked at. */
int vf_package_vms(const struct vf_package *p, struct vf_vm ***out, size_t *n,
                   struct vf_error **err);

/* sample.c: as in provider.h. */
double vf_files_try_read(struct vf_provider *p, const char *path, struct vf_error **err);

/* package_disks.c: the recipe of VOLUME, a disk of P. *WARNING as of vf_vmdk_recipe(); *USED (may
 * be NULL): bytes allocated. */
struct vf_recipe *vf_package_recipe(const struct vf_package *p, const char *volume, char **warning,
                                    uint64_t *used, struct vf_error **err);
/* Names of the files that VOLUME is in, with what changes when they do ("NAME SIZE TIME"); caller
 * frees. */
char **vf_package_files(const struct vf_package *p, const char *volume, struct vf_error **err);

#endif
