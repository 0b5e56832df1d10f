/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Errors: a function that can fail takes `struct vf_error **err` last and returns -1 or NULL. The
 * code says what a person can do about it; the text is one sentence, prefixed on its way up. */
#ifndef VF_BASE_ERROR_H
#define VF_BASE_ERROR_H

#include <stdbool.h>
#include <stdarg.h>
#include "base/cleanup.h"

enum vf_error_code {
    VF_OK = 0,
    VF_E_AUTH,        /* log in again, other password, other key */
    VF_E_TRUST,       /* a fingerprint or host key is not the expected one */
    VF_E_NET,         /* unreachable, cut, timed out: trying again may help */
    VF_E_NOSPACE,     /* make room */
    VF_E_PERMISSION,  /* ask for rights */
    VF_E_NOTFOUND,    /* there is no such VM, node, file */
    VF_E_CONFLICT,    /* somebody or something else holds or is it */
    VF_E_UNSUPPORTED, /* cannot be done with this version, format, option */
    VF_E_CORRUPT,     /* data is not what it must be */
    VF_E_IO,          /* a disk or its storage fails: look at it there */
    VF_E_CANCELLED,   /* a person or a signal ended it */
    VF_E_USAGE,       /* command line or configuration */
    VF_E_INTERNAL,    /* our mistake, or the system's */
};

struct vf_error {
    enum vf_error_code code;
    char *text; /* one sentence without newline or full stop, never NULL */
};

/* Sets *err (when err is not NULL) unless it holds an error already: the first cause is kept.
 * Returns -1, so that `return vf_fail(err, …)` reads well. */
int vf_fail(struct vf_error **err, enum vf_error_code code, const char *fmt, ...) VF_PRINTF(3, 4);

/* The same from errno: code chosen from the number (ENOSPC -> NOSPACE …), ": strerror" appended. */
int vf_fail_errno(struct vf_error **err, int errnum, const char *fmt, ...) VF_PRINTF(3, 4);

/* Puts "PREFIX: " before the text of *err, if there is one. Returns -1. */
int vf_fail_prefix(struct vf_error **err, const char *fmt, ...) VF_PRINTF(2, 3);

/* Moves FROM into *err (or frees it when err is NULL or holds one). Returns -1. */
int vf_fail_with(struct vf_error **err, struct vf_error *from);

/* Text and code that may be asked of NULL ("unknown error", VF_E_INTERNAL). */
const char *vf_error_text(const struct vf_error *e);
enum vf_error_code vf_error_code(const struct vf_error *e);

/* "AUTH", "NET" … as written to journals; and back (VF_E_INTERNAL when unknown). */
const char *vf_error_code_name(enum vf_error_code code);
enum vf_error_code vf_error_code_from_name(const char *name);

/* The only place that decides whether the same call may be tried again. */
bool vf_error_is_transient(const struct vf_error *e);

struct vf_error *vf_error_copy(const struct vf_error *e);
void vf_error_free(struct vf_error *e);
VF_DEFINE_CLEANUP(struct vf_error *, vf_error_free)
#define vf_autoerror vf_auto(vf_error_free)

#endif
