/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "provider/pve/propstr.h"
#include "base/buf.h"
#include "base/str.h"

#include <string.h>
#include <strings.h>

static int add_part(const char *part, size_t n, const char *default_key, struct vf_opts *out,
                    struct vf_error **err)
{
    const char *eq = memchr(part, '=', n);
    vf_autofree char *shown = vf_escape_n(part, n);
    vf_autofree char *key = eq ? vf_strndup(part, (size_t)(eq - part)) : vf_strdup(default_key);
    vf_autofree char *value =
        eq ? vf_strndup(eq + 1, n - (size_t)(eq + 1 - part)) : vf_strndup(part, n);
    if (!key)
        return vf_fail(err, VF_E_CORRUPT, "\"%s\" has no name", shown);
    if (!*key || !*value)
        return vf_fail(err, VF_E_CORRUPT, "\"%s\" lacks its name or its value", shown);
    for (const char *p = part; p < part + n; p++)
        if ((unsigned char)*p < ' ' || *p == 127)
            return vf_fail(err, VF_E_CORRUPT, "\"%s\" holds control characters", shown);
    if (vf_opts_get(out, key))
        return vf_fail(err, VF_E_CORRUPT, "\"%s\" is there twice", shown);
    vf_opts_set(out, key, value);
    return 0;
}

int vf_propstr_parse(const char *s, const char *default_key, struct vf_opts *out,
                     struct vf_error **err)
{
    vf_opts_free(out);
    while (*s) {
        size_t n = strcspn(s, ",");
        if (n && add_part(s, n, default_key, out, err) < 0) {
            vf_opts_free(out);
            return -1;
        }
        s += n;
        s += *s == ',';
    }
    return 0;
}

char *vf_propstr_print(const struct vf_opts *o, const char *default_key)
{
    vf_autobuf struct vf_buf b = {0};
    for (size_t i = 0; i < o->n; i++) {
        const struct vf_opt *opt = &o->v[i];
        bool bare = vf_streq(opt->key, default_key) && !strchr(opt->value, '=');
        vf_buf_printf(&b, "%s%s%s%s", i ? "," : "", bare ? "" : opt->key, bare ? "" : "=",
                      opt->value);
    }
    return vf_buf_take(&b);
}

/* 1, 0, or -1 for what is no boolean (PVE::JSONSchema's parse_boolean). */
static int as_boolean(const char *s)
{
    static const struct {
        const char *word;
        int value;
    } words[] = {{"1", 1}, {"on", 1},  {"yes", 1}, {"true", 1},
                 {"0", 0}, {"off", 0}, {"no", 0},  {"false", 0}};
    for (size_t i = 0; s && i < VF_COUNT(words); i++)
        if (!strcasecmp(s, words[i].word))
            return words[i].value;
    return -1;
}

bool vf_propval_true(const char *value)
{
    return as_boolean(value) == 1;
}

bool vf_propval_same(const char *a, const char *b)
{
    int x = as_boolean(a);
    return vf_streq(a, b) || (x >= 0 && x == as_boolean(b));
}
