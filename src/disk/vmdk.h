/* SPDX-License-Identifier: GPL-3.0-or-later */
/* VMware's virtual disks: the descriptor, a text that names the files which hold the data, and the
 * header of a sparse one, which has a descriptor inside. VMware's "Virtual Disk Format 5.0", QEMU
 * block/vmdk.c. */
#ifndef VF_DISK_VMDK_H
#define VF_DISK_VMDK_H

#include "disk/recipe.h"

enum {
    VF_VMDK_HEAD = 128 << 10, /* bytes from the beginning that tell all about a sparse disk */
    VF_VMDK_TEXT = 1 << 20,   /* a descriptor that is a file by itself is smaller */
};

enum vf_vmdk_kind { VF_VMDK_FLAT, VF_VMDK_SPARSE, VF_VMDK_ZERO };

/* A run of the disk. */
struct vf_vmdk_extent {
    enum vf_vmdk_kind kind;
    uint64_t length; /* bytes of the disk */
    uint64_t offset; /* FLAT: where they begin in FILE */
    char *file; /* as the descriptor calls it, to be believed after vf_vmdk_beside(); NULL: ZERO,
                   or the file itself (WHOLE) */
};

struct vf_vmdk {
    char *type;     /* createType: "vmfs", "monolithicSparse" …; NULL: not said */
    char *adapter;  /* "lsilogic", "ide" …; NULL: not said */
    char *cid;      /* which content it has: another when the disk is first written to after it was
                       opened ("Virtual Disk Format 5.0", CID); NULL: not said */
    uint64_t size;  /* bytes the guest sees */
    uint64_t grain; /* bytes; 0: not sparse, or each of its files says its own */
    bool whole;     /* one sparse file with the descriptor inside */
    struct vf_vmdk_extent *extents;
    size_t n_extents;
};

/* Reads the first LEN bytes of a file: all of a descriptor (less than VF_VMDK_TEXT), or what there
 * is of the VF_VMDK_HEAD of a sparse disk. NAME is for messages. UNSUPPORTED with what to do: a
 * snapshot's, a raw device mapping, on vSAN, a physical device, encrypted, or no such disk at all;
 * CORRUPT: damaged. */
struct vf_vmdk *vf_vmdk_parse(const void *data, size_t len, const char *name,
                              struct vf_error **err);
void vf_vmdk_free(struct vf_vmdk *d);
VF_DEFINE_CLEANUP(struct vf_vmdk *, vf_vmdk_free)

/* A file, or what stands for one: SIZE bytes. */
struct vf_vmdk_file {
    const char *name; /* for messages */
    uint64_t size;
    int (*read)(void *opaque, void *buf, size_t n, uint64_t offset, struct vf_error **err);
    void *opaque;
};
/* Behind its header and descriptor, bytes that a sparse disk uses of its file. */
struct vf_vmdk_reach {
    uint64_t begin, end;
};
/* Reads all its tables: OUT's end is behind FILE's size when that was cut off, in which case QEMU
 * reads zeroes for what is missing. CORRUPT: header or footer make no sense. */
int vf_vmdk_reach(const struct vf_vmdk_file *file, struct vf_vmdk_reach *out,
                  struct vf_error **err);

/* The file that X is in, when the descriptor is PATH: beside that or deeper. UNSUPPORTED for a name
 * that leads elsewhere. Caller frees; NULL without *err: X has none of its own. */
char *vf_vmdk_beside(const char *path, const struct vf_vmdk_extent *x, struct vf_error **err);

/* Where a descriptor (or a sparse disk) is: in a datastore, or (DATASTORE NULL) on this machine. */
struct vf_vmdk_place {
    const char *dc, *datastore, *path;
    uint64_t size; /* bytes of that file */
};

/* How D is put together. SIZES has the true size of each extent's file (of those without one
 * anything). CORRUPT when one is too short for what the descriptor says; *WARNING (caller frees;
 * NULL: none) when one has more, which stays behind. A disk of several sparse files is an image
 * whose first part is the descriptor, the others are the files in its order. */
struct vf_recipe *vf_vmdk_recipe(const struct vf_vmdk *d, const struct vf_vmdk_place *at,
                                 const uint64_t *sizes, char **warning, struct vf_error **err);

#endif
