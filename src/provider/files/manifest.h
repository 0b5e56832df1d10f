/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The checksums that come with an exported VM: lines of "SHA256(NAME)= HEX" (DSP0243 6.4). */
#ifndef VF_PROVIDER_FILES_MANIFEST_H
#define VF_PROVIDER_FILES_MANIFEST_H

#include <stddef.h>
#include <stdint.h>
#include "base/cancel.h"

struct vf_manifest_entry {
    char *name;
    const char *algorithm; /* as OpenSSL calls it: "SHA1", "SHA256", "SHA512" */
    char *hex;             /* lower case */
};

struct vf_manifest {
    struct vf_manifest_entry *v;
    size_t n;
};

/* CORRUPT when a line is none; NAME is for messages. */
int vf_manifest_parse(const char *text, const char *name, struct vf_manifest *out,
                      struct vf_error **err);
const struct vf_manifest_entry *vf_manifest_find(const struct vf_manifest *m, const char *name);
void vf_manifest_clear(struct vf_manifest *m);

/* Bytes that were read, of how many. */
typedef void vf_sum_progress(void *opaque, uint64_t done);

/* The sum of N bytes at OFFSET of PATH as lower-case hex; caller frees. PROGRESS may be NULL. */
char *vf_file_sum(const char *algorithm, const char *path, uint64_t offset, uint64_t n,
                  struct vf_cancel *cancel, vf_sum_progress *progress, void *opaque,
                  struct vf_error **err);

/* SHA-256 of N bytes of memory as lower-case hex; caller frees. */
char *vf_text_sum(const void *data, size_t n);

#endif
