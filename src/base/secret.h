/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A password, token or key: wiped when freed, never printed. It has no other type in vmferry, so
 * that a secret that reaches a log must have been passed there by vf_secret_text(), which is easy
 * to find. */
#ifndef VF_BASE_SECRET_H
#define VF_BASE_SECRET_H

#include <stddef.h>
#include "base/cancel.h"
#include "base/error.h"

struct vf_secret;

/* Copies N bytes of DATA; the caller wipes its own copy with vf_wipe(). */
struct vf_secret *vf_secret_new(const char *data, size_t n);
struct vf_secret *vf_secret_copy(const struct vf_secret *s);
void vf_secret_free(struct vf_secret *s);
VF_DEFINE_CLEANUP(struct vf_secret *, vf_secret_free)

/* The bytes, NUL-terminated, borrowed. */
const char *vf_secret_text(const struct vf_secret *s);
size_t vf_secret_len(const struct vf_secret *s);

/* First line of PATH; refused (PERMISSION) when group or others can read it or it is neither ours
 * nor root's, and (USAGE) when the line is empty. */
struct vf_secret *vf_secret_from_file(const char *path, struct vf_error **err);
/* The same of LEN bytes of DATA; NULL: that line is empty. */
struct vf_secret *vf_secret_first_line(const char *data, size_t len);

/* First line of what COMMAND prints (run by /bin/sh -c, as configured by the operator; it has our
 * terminal, if there is one). WHOSE says on screen what it is the secret of: "alpha", "root@a1".
 * It may wait for a person (a token to be touched): after a few seconds vf_secret_tell()'s function
 * is told, after VF_T_SECRET it is ended, as it is when CANCEL fires, with what it has started. */
struct vf_secret *vf_secret_from_command(const char *command, const char *whose,
                                         struct vf_cancel *cancel, struct vf_error **err);
/* From now on TELL (any thread; NULL: only the log is told) is told when such a command takes long;
 * SAID: ": " and its last complaint, escaped, or nothing. */
void vf_secret_tell(void (*tell)(void *opaque, const char *whose, const char *said), void *opaque);

/* Overwrites memory so that the compiler cannot leave it out. */
void vf_wipe(void *p, size_t n);

/* From now on this process and its children leave no core file behind: it would hold secrets. */
void vf_secrets_no_core(void);

#endif
