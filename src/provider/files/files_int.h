/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a provider of the platform "files" has found. */
#ifndef VF_PROVIDER_FILES_FILES_INT_H
#define VF_PROVIDER_FILES_FILES_INT_H

#include <stdbool.h>
#include "provider/files/files.h"
#include "provider/provider.h"

struct entry {
    const struct vf_package *package;
    char *path;
    struct vf_vm *vm;     /* as it describes itself; NULL: WHY */
    struct vf_error *why; /* it cannot be read */
};

/* Where VMs are, or may be, that are not among the entries. */
struct passed {
    char *path, *why;
};

struct files {
    struct vf_provider base;
    struct vf_cancel *cancel;
    char *node; /* this machine */
    struct vf_package **packages;
    size_t n_packages;
    struct entry *entries; /* VM ID is the IDth */
    size_t n_entries;
    struct passed *passed;
    size_t n_passed;
    unsigned looked; /* directories that were looked into */
    bool gave_up;    /* others were not */
};

/* Fills the packages, entries and what was passed over with the VMs of PATH. NOTFOUND: it has none;
 * of one alone that cannot be read the reason. */
int vf_files_look(struct files *f, const char *path, struct vf_error **err);

#endif
