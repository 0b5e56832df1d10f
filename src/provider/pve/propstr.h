/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Property strings, the comma-separated values of Proxmox's configuration files
 * ("local:1/a.raw,ssd=1", "virtio=02:…,bridge=vmbr0"). Format: qm.conf(5); PVE::JSONSchema's
 * parse_property_string. */
#ifndef VF_PROVIDER_PVE_PROPSTR_H
#define VF_PROVIDER_PVE_PROPSTR_H

#include "base/error.h"
#include "plan/vm.h"

/* Reads S into OUT (replaced), order kept; the part without '=' gets the key DEFAULT_KEY (NULL:
 * there may be none). CORRUPT for an empty value, a key given twice, a second part without '=',
 * control characters. */
int vf_propstr_parse(const char *s, const char *default_key, struct vf_opts *out,
                     struct vf_error **err);

/* The text of O; the value of DEFAULT_KEY (may be NULL) comes without its key. Caller frees. */
char *vf_propstr_print(const struct vf_opts *o, const char *default_key);

/* Whether two values mean the same: 1, on, yes and true do. NULL equals only NULL. */
bool vf_propval_same(const char *a, const char *b);
/* The boolean that VALUE is; NULL and all else are false. */
bool vf_propval_true(const char *value);

#endif
