/* SPDX-License-Identifier: GPL-3.0-or-later */
/* VMX files: the settings of a VMware VM as lines of key = "value". There is no specification; how
 * VMware's programs read them is described in virt-v2v's input/parse_domain_from_vmx.ml. */
#ifndef VF_PROVIDER_ESXI_VMX_H
#define VF_PROVIDER_ESXI_VMX_H

#include <stdint.h>
#include "base/error.h"

struct vf_vmx;

/* Reads LEN bytes of TEXT; NAME is for messages. Keys are the same in any case; of several the last
 * counts; |22 and the like are characters; values become UTF-8. CORRUPT when it is no such file.
 */
struct vf_vmx *vf_vmx_parse(const char *text, size_t len, const char *name, struct vf_error **err);
void vf_vmx_free(struct vf_vmx *x);
VF_DEFINE_CLEANUP(struct vf_vmx *, vf_vmx_free)

/* The value of a key that is made like printf's; NULL: not there, or of something that is not
 * present ("scsi0:1.present" is FALSE). */
const char *vf_vmx_get(const struct vf_vmx *x, const char *fmt, ...) VF_PRINTF(2, 3);
/* Its truth; FALLBACK when it is not there or neither true nor false. */
bool vf_vmx_true(const struct vf_vmx *x, bool fallback, const char *fmt, ...) VF_PRINTF(3, 4);
/* Its number within 0..MAX; FALLBACK when it is not there or none. */
uint64_t vf_vmx_number(const struct vf_vmx *x, uint64_t max, uint64_t fallback, const char *fmt,
                       ...) VF_PRINTF(4, 5);

/* S in UTF-8: what is not is taken for windows-1252; caller frees. */
char *vf_vmx_utf8(const char *s);

#endif
