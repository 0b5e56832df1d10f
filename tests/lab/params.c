/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Parameters of a call: query, form and JSON, with Proxmox's peculiarities. */
#include "config.h"
#include <ctype.h>
#include <string.h>
#include "tests/lab/lab.h"

static int hex(char c)
{
    return isdigit((unsigned char)c)    ? c - '0'
           : isxdigit((unsigned char)c) ? tolower((unsigned char)c) - 'a' + 10
                                        : -1;
}

char *lab_url_decode(const char *s, size_t n, bool plus)
{
    char *out = vf_xmalloc(n + 1), *p = out;
    for (size_t i = 0; i < n; i++) {
        if (s[i] == '%' && i + 2 < n + 0 && hex(s[i + 1]) >= 0 && hex(s[i + 2]) >= 0) {
            *p++ = (char)(hex(s[i + 1]) * 16 + hex(s[i + 2]));
            i += 2;
        } else {
            *p++ = plus && s[i] == '+' ? ' ' : s[i];
        }
    }
    *p = 0;
    return out;
}

/* A repeated key becomes an array, which then fails its type check. */
static void add(json_t *params, const char *key, const char *value)
{
    json_t *text = json_string(value);
    if (!text)
        text = json_string("?");
    json_t *have = json_object_get(params, key);
    if (json_is_array(have)) {
        json_array_append_new(have, text);
    } else if (have) {
        json_object_set_new(params, key, json_pack("[O, o]", have, text));
    } else {
        json_object_set_new(params, key, text);
    }
}

/* `;` separates like `&`; a second raw `=` cuts the value off there. */
void lab_params_form(json_t *params, const char *text, size_t len)
{
    for (const char *p = text, *end = text + len; p < end;) {
        const char *q = p;
        while (q < end && *q != '&' && *q != ';')
            q++;
        const char *eq = memchr(p, '=', q - p);
        const char *vend = q;
        if (eq && memchr(eq + 1, '=', q - eq - 1))
            vend = memchr(eq + 1, '=', q - eq - 1);
        vf_autofree char *key = lab_url_decode(p, (eq ? eq : q) - p, true);
        vf_autofree char *value = eq ? lab_url_decode(eq + 1, vend - eq - 1, true) : vf_strdup("");
        if (*key)
            add(params, key, value);
        p = q + 1;
    }
}

int lab_params_json(struct lab_call *c, const char *text, size_t len)
{
    json_error_t e;
    lab_autojson json_t *root = json_loadb(text, len, 0, &e);
    if (!json_is_object(root)) {
        lab_die(c, 400, "data was not a valid JSON object: %s", root ? "not an object" : e.text);
        return -1;
    }
    const char *key;
    json_t *v;
    json_object_foreach (root, key, v) {
        if (json_object_get(c->params, key))
            continue; /* the query's wins */
        if (json_is_boolean(v)) {
            json_object_set_new(c->params, key, json_string(json_is_true(v) ? "1" : "0"));
        } else if (json_is_number(v)) {
            vf_autofree char *n = json_dumps(v, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
            json_object_set_new(c->params, key, json_string(n));
        } else if (json_is_null(v)) {
            continue;
        } else {
            json_object_set(c->params, key, v);
        }
    }
    return 0;
}

const char *lab_param(const struct lab_call *c, const char *name)
{
    return json_string_value(json_object_get(c->params, name));
}

bool lab_flag(const struct lab_call *c, const char *name, bool dflt)
{
    const char *v = lab_param(c, name);
    return v ? vf_streq(v, "1") : dflt;
}
