/* SPDX-License-Identifier: GPL-3.0-or-later */
/* OVF descriptors: DMTF DSP0243, with the words of VMware's (vmw:) and VirtualBox's (vbox:). A VM
 * of one is told in the words of a VMX file, so that it becomes a VM in one place only
 * (esxi/describe.h). */
#ifndef VF_PROVIDER_FILES_OVF_H
#define VF_PROVIDER_FILES_OVF_H

#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

struct vf_ovf_file {
    char *id, *href;
    char *compression; /* "gzip"; NULL: none */
    uint64_t size;     /* bytes; 0: not said */
    bool chunked;      /* in several files, HREF.000000000 and so on */
};

struct vf_ovf_disk {
    char *id;
    char *file;        /* id of the file; NULL: an empty disk */
    char *parent;      /* rests on that disk; NULL: on none */
    char *format;      /* URI; NULL: not said */
    uint64_t capacity; /* bytes the guest sees, in whole UNITs */
    uint64_t unit;
};

struct vf_ovf_vm {
    char *id;
    char *vmx;    /* as a VMX file; a disk's fileName is that of its file, "#ID" of an empty one */
    char *system; /* the guest's, for people; NULL: not told */
};

struct vf_ovf {
    struct vf_ovf_file *files;
    size_t n_files;
    struct vf_ovf_disk *disks;
    size_t n_disks;
    struct vf_ovf_vm *vms;
    size_t n_vms;
};

/* Reads LEN bytes; NAME is for messages. CORRUPT: no OVF, or no VM in it. */
struct vf_ovf *vf_ovf_parse(const char *text, size_t len, const char *name, struct vf_error **err);
void vf_ovf_free(struct vf_ovf *o);
VF_DEFINE_CLEANUP(struct vf_ovf *, vf_ovf_free)

const struct vf_ovf_file *vf_ovf_file_of(const struct vf_ovf *o, const char *id);
const struct vf_ovf_disk *vf_ovf_disk_of(const struct vf_ovf *o, const char *id);

/* "byte * 2^30", "GigaBytes", NULL … as bytes; 0: nothing that is known. */
uint64_t vf_ovf_units(const char *units);

#endif
