/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Proxmox mixes types: memory is a string, cores a number, and it differs between versions. */
#include "config.h"
#include "provider/pve/client.h"
#include "base/str.h"

const char *vf_json_text(const json_t *obj, const char *key)
{
    return json_string_value(json_object_get(obj, key));
}

char *vf_json_as_text(const json_t *value)
{
    if (json_is_string(value))
        return vf_strdup(json_string_value(value));
    if (json_is_integer(value))
        return vf_asprintf("%" JSON_INTEGER_FORMAT, json_integer_value(value));
    if (json_is_real(value))
        return vf_asprintf("%.12g", json_real_value(value));
    if (json_is_boolean(value))
        return vf_strdup(json_is_true(value) ? "1" : "0");
    return NULL;
}

uint64_t vf_json_u64(const json_t *obj, const char *key)
{
    const json_t *v = json_object_get(obj, key);
    uint64_t n = 0;
    if (json_is_integer(v))
        return json_integer_value(v) > 0 ? (uint64_t)json_integer_value(v) : 0;
    if (json_is_real(v)) /* sizes that Perl has divided once */
        return json_real_value(v) >= 1 && json_real_value(v) < 1.8e19 ? (uint64_t)json_real_value(v)
                                                                      : 0;
    if (json_is_true(v))
        return 1;
    if (!json_is_string(v) || vf_parse_u64(json_string_value(v), 0, UINT64_MAX, &n) < 0)
        return 0;
    return n;
}

bool vf_json_bool(const json_t *obj, const char *key)
{
    return vf_json_u64(obj, key) != 0;
}
