/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "base/error.h"
#include "base/str.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *const code_names[] = {
    [VF_OK] = "OK",
    [VF_E_AUTH] = "AUTH",
    [VF_E_TRUST] = "TRUST",
    [VF_E_NET] = "NET",
    [VF_E_NOSPACE] = "NOSPACE",
    [VF_E_PERMISSION] = "PERMISSION",
    [VF_E_NOTFOUND] = "NOTFOUND",
    [VF_E_CONFLICT] = "CONFLICT",
    [VF_E_UNSUPPORTED] = "UNSUPPORTED",
    [VF_E_CORRUPT] = "CORRUPT",
    [VF_E_IO] = "IO",
    [VF_E_CANCELLED] = "CANCELLED",
    [VF_E_USAGE] = "USAGE",
    [VF_E_INTERNAL] = "INTERNAL",
};

static const struct {
    int errnum;
    enum vf_error_code code;
} errno_codes[] = {
    {ENOSPC, VF_E_NOSPACE},         {EDQUOT, VF_E_NOSPACE},      {EFBIG, VF_E_NOSPACE},
    {EACCES, VF_E_PERMISSION},      {EPERM, VF_E_PERMISSION},    {EROFS, VF_E_PERMISSION},
    {ENOENT, VF_E_NOTFOUND},        {ENODEV, VF_E_NOTFOUND},     {EEXIST, VF_E_CONFLICT},
    {EBUSY, VF_E_CONFLICT},         {ECONNREFUSED, VF_E_NET},    {ECONNRESET, VF_E_NET},
    {ECONNABORTED, VF_E_NET},       {EHOSTUNREACH, VF_E_NET},    {ENETUNREACH, VF_E_NET},
    {ETIMEDOUT, VF_E_NET},          {EPIPE, VF_E_NET},           {ENOTCONN, VF_E_NET},
    {ENETDOWN, VF_E_NET},           {EHOSTDOWN, VF_E_NET},       {ENETRESET, VF_E_NET},
    {EOPNOTSUPP, VF_E_UNSUPPORTED}, {ECANCELED, VF_E_CANCELLED}, {EIO, VF_E_IO},
};

static int set_error(struct vf_error **err, enum vf_error_code code, char *text)
{
    if (!err || *err) {
        free(text);
        return -1;
    }
    *err = vf_xmalloc(sizeof **err);
    (*err)->code = code;
    (*err)->text = text;
    return -1;
}

int vf_fail(struct vf_error **err, enum vf_error_code code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *text = vf_vasprintf(fmt, ap);
    va_end(ap);
    return set_error(err, code, text);
}

int vf_fail_errno(struct vf_error **err, int errnum, const char *fmt, ...)
{
    enum vf_error_code code = VF_E_INTERNAL;
    for (size_t i = 0; i < VF_COUNT(errno_codes); i++)
        if (errno_codes[i].errnum == errnum)
            code = errno_codes[i].code;
    va_list ap;
    va_start(ap, fmt);
    vf_autofree char *what = vf_vasprintf(fmt, ap);
    va_end(ap);
    char why[256];
    return set_error(err, code, vf_asprintf("%s: %s", what, strerror_r(errnum, why, sizeof why)));
}

int vf_fail_prefix(struct vf_error **err, const char *fmt, ...)
{
    if (!err || !*err)
        return -1;
    va_list ap;
    va_start(ap, fmt);
    vf_autofree char *prefix = vf_vasprintf(fmt, ap);
    va_end(ap);
    char *text = vf_asprintf("%s: %s", prefix, (*err)->text);
    free((*err)->text);
    (*err)->text = text;
    return -1;
}

int vf_fail_with(struct vf_error **err, struct vf_error *from)
{
    if (err && !*err)
        *err = from;
    else
        vf_error_free(from);
    return -1;
}

const char *vf_error_text(const struct vf_error *e)
{
    return e ? e->text : "unknown error";
}

enum vf_error_code vf_error_code(const struct vf_error *e)
{
    return e ? e->code : VF_E_INTERNAL;
}

const char *vf_error_code_name(enum vf_error_code code)
{
    return (size_t)code < VF_COUNT(code_names) ? code_names[code] : "INTERNAL";
}

enum vf_error_code vf_error_code_from_name(const char *name)
{
    for (size_t i = 0; i < VF_COUNT(code_names); i++)
        if (name && !strcmp(name, code_names[i]))
            return (enum vf_error_code)i;
    return VF_E_INTERNAL;
}

bool vf_error_is_transient(const struct vf_error *e)
{
    return e && e->code == VF_E_NET;
}

struct vf_error *vf_error_copy(const struct vf_error *e)
{
    if (!e)
        return NULL;
    struct vf_error *c = vf_xmalloc(sizeof *c);
    c->code = e->code;
    c->text = vf_strdup(e->text);
    return c;
}

void vf_error_free(struct vf_error *e)
{
    if (!e)
        return;
    free(e->text);
    free(e);
}
