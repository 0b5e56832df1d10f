/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Checks every call against Proxmox's own parameter lists (PVE::JSONSchema's rules and texts), read
 * from $VMFERRY_API_DATA/pve-8.4.5.json; without it against names and types of the calls the lab
 * answers, compiled in (schema-table.h). */
#include "config.h"
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <regex.h>
#include <stdio.h>
#include <string.h>
#include "tests/lab/lab.h"
#include "tests/lab/schema-table.h"

#define UNKNOWN                                                                                    \
    "property is not defined in schema and the schema does not allow additional properties"

/* "name:type name:type?" -> {"name": {"type": …}}; ? marks what may be left out. */
static json_t *compiled_params(const char *text)
{
    static const struct {
        char c;
        const char *type;
    } types[] = {{'s', "string"}, {'i', "integer"}, {'b', "boolean"}, {'n', "number"}};
    json_t *out = json_object();
    vf_autostrv char **words = vf_strv_split(text, " ");
    for (size_t i = 0; words[i]; i++) {
        char *colon = strchr(words[i], ':');
        *colon++ = 0;
        json_t *p = json_object();
        for (size_t t = 0; t < VF_COUNT(types); t++)
            if (types[t].c == colon[0])
                json_object_set_new(p, "type", json_string(types[t].type));
        if (colon[1] == '?')
            json_object_set_new(p, "optional", json_true());
        json_object_set_new(out, words[i], p);
    }
    return out;
}

void lab_schema_load(struct lab *lab)
{
    const char *dir = getenv("VMFERRY_API_DATA");
    if (dir && *dir) {
        vf_autofree char *path = vf_asprintf("%s/pve-8.4.5.json", dir);
        json_error_t e;
        lab_autojson json_t *root = json_load_file(path, 0, &e);
        json_t *methods = json_object_get(root, "methods");
        if (json_is_object(methods)) {
            lab->schema = json_incref(methods);
            return;
        }
        fprintf(stderr, "vmferry-lab: %s: %s; using the compiled-in list\n", path, e.text);
    }
    lab->compiled_schema = true;
    lab->schema = json_object();
    for (size_t i = 0; i < VF_COUNT(lab_schema_table); i++)
        json_object_set_new(
            lab->schema, lab_schema_table[i].route,
            json_pack("{s:o}", "params", compiled_params(lab_schema_table[i].params)));
}

/* "scsi12" -> schema entry "scsi[n]". */
static json_t *find_param(json_t *params, const char *name)
{
    json_t *p = json_object_get(params, name);
    size_t n = strlen(name), k = n;
    while (k && isdigit((unsigned char)name[k - 1]))
        k--;
    if (p || k == n || !k)
        return p;
    vf_autofree char *indexed = vf_asprintf("%.*s[n]", (int)k, name);
    return json_object_get(params, indexed);
}

/* A Perl pattern as a POSIX one; anchored at both ends as PVE does. */
static int match_pattern(const char *perl, const char *value)
{
    vf_autobuf struct vf_buf b = {0};
    vf_buf_puts(&b, "^(");
    for (const char *p = perl; *p;) {
        if (vf_starts(p, "(?^:") || vf_starts(p, "(?^i:")) {
            vf_buf_puts(&b, "(");
            p = strchr(p, ':') + 1;
        } else if (vf_starts(p, "(?:")) {
            vf_buf_puts(&b, "(");
            p += 3;
        } else if (p[0] == '\\' && p[1] == 'd') {
            vf_buf_puts(&b, "[0-9]");
            p += 2;
        } else if (p[0] == '[') {
            return -1; /* brackets with escapes inside differ; left to the lists of names and types
                        */
        } else {
            vf_buf_add(&b, p++, 1);
        }
    }
    vf_buf_puts(&b, ")$");
    regex_t re;
    if (regcomp(&re, vf_buf_str(&b), REG_EXTENDED | REG_NOSUB))
        return -1;
    int r = regexec(&re, value, 0, NULL, 0);
    regfree(&re);
    return r == 0;
}

static bool is_integer(const char *s)
{
    if (*s == '-' || *s == '+')
        s++;
    return *s && s[strspn(s, "0123456789")] == 0;
}

static bool is_dns_name(const char *s)
{
    /* labels of letters, digits and inner dashes */
    for (size_t label = 0;; s++) {
        if (*s == '.' || !*s) {
            if (!label || s[-1] == '-')
                return false;
            if (!*s)
                return true;
            label = 0;
        } else if (isalnum((unsigned char)*s) || (*s == '-' && label)) {
            label++;
        } else {
            return false;
        }
    }
}

static char *check_value(json_t *p, const char *v, bool lists);

static char *check_format(json_t *format, const char *v)
{
    const char *name = json_string_value(format);
    if (vf_streq(name, "dns-name") && !is_dns_name(v))
        return vf_strdup("invalid format - value does not look like a valid DNS name\n");
    if (vf_streq(name, "pve-vmid") && (!is_integer(v) || atoll(v) < 100))
        return vf_strdup("invalid format - value does not look like a valid VM ID\n");
    if (vf_streq(name, "mac-addr")) {
        unsigned m[6];
        char end;
        if (sscanf(v, "%2x:%2x:%2x:%2x:%2x:%2x%c", m, m + 1, m + 2, m + 3, m + 4, m + 5, &end) != 6)
            return vf_strdup("value does not look like a valid unicast MAC address");
    }
    return NULL;
}

/* A property string: "virtio=AA:…,bridge=vmbr0". Keys named by an empty entry are aliases (a NIC's
 * model, `volume` for `file`) and only their presence is checked. */
static char *check_props(json_t *format, const char *v)
{
    vf_autostrv char **parts = vf_strv_split(v, ",");
    vf_autobuf struct vf_buf b = {0};
    for (size_t i = 0; parts[i]; i++) {
        char *eq = strchr(parts[i], '=');
        if (!eq)
            continue; /* the value of the default key */
        *eq = 0;
        json_t *p = json_object_get(format, parts[i]);
        vf_autofree char *bad = !p                    ? vf_strdup(UNKNOWN)
                                : json_object_size(p) ? check_value(p, eq + 1, true)
                                                      : NULL;
        if (bad)
            vf_buf_printf(&b, "%s.%s: %s%s", b.len ? "" : "invalid format - format error\n",
                          parts[i], bad, vf_ends(bad, "\n") ? "" : "\n");
    }
    return b.len ? vf_buf_take(&b) : NULL;
}

static char *check_number(json_t *p, double x)
{
    json_t *min = json_object_get(p, "minimum"), *max = json_object_get(p, "maximum");
    if (json_is_number(min) && x < json_number_value(min))
        return vf_asprintf("value must have a minimum value of %g", json_number_value(min));
    if (json_is_number(max) && x > json_number_value(max))
        return vf_asprintf("value must have a maximum value of %g", json_number_value(max));
    return NULL;
}

static bool in_property_boolean(const char *v)
{
    static const char *const words[] = {"0", "1", "on", "off", "yes", "no", "true", "false"};
    for (size_t i = 0; i < VF_COUNT(words); i++)
        if (!strcasecmp(v, words[i]))
            return true;
    return false;
}

/* Whether V suits the schema P; the complaint, or NULL. INSIDE a property string booleans are
 * freer. */
static char *check_value(json_t *p, const char *v, bool inside)
{
    const char *type = json_string_value(json_object_get(p, "type"));
    json_t *format = json_object_get(p, "format"), *values = json_object_get(p, "enum");
    const char *pattern = json_string_value(json_object_get(p, "pattern"));
    char *end;
    if (vf_streq(type, "boolean"))
        return vf_streq(v, "0") || vf_streq(v, "1") || (inside && in_property_boolean(v))
                   ? NULL
                   : vf_asprintf("type check ('boolean') failed - got '%s'", v);
    if (vf_streq(type, "integer") && !is_integer(v))
        return vf_asprintf("type check ('integer') failed - got '%s'", v);
    if (vf_streq(type, "number") && (strtod(v, &end), end == v || *end))
        return vf_asprintf("type check ('number') failed - got '%s'", v);
    if (vf_streq(type, "integer") || vf_streq(type, "number"))
        return check_number(p, strtod(v, NULL));
    if (json_is_array(values)) {
        vf_autobuf struct vf_buf all = {0};
        size_t i;
        json_t *e;
        json_array_foreach (values, i, e) {
            if (vf_streq(json_string_value(e), v))
                return NULL;
            vf_buf_printf(&all, "%s%s", i ? ", " : "", json_string_value(e));
        }
        return vf_asprintf("value '%s' does not have a value in the enumeration '%s'", v,
                           vf_buf_str(&all));
    }
    json_int_t longest = json_integer_value(json_object_get(p, "maxLength"));
    if (longest && strlen(v) > (size_t)longest)
        return vf_asprintf("value may only be %lld characters long", (long long)longest);
    if (pattern && match_pattern(pattern, v) == 0)
        return vf_strdup("value does not match the regex pattern");
    if (json_is_object(format))
        return check_props(format, v);
    return json_is_string(format) ? check_format(format, v) : NULL;
}

static void complain(struct lab_call *c, const char *name, const char *text)
{
    if (!c->errors)
        c->errors = json_object();
    json_object_set_new(c->errors, name, json_string(text));
    char *more = vf_asprintf("%s%s%s: %s", c->violation ? c->violation : "",
                             c->violation ? "; " : "", name, text);
    free(c->violation);
    c->violation = more;
}

int lab_schema_check(struct lab_call *c, const char *route)
{
    json_t *method = json_object_get(c->lab->schema, route);
    json_t *params = json_object_get(method, "params"), *p, *v;
    const char *name;
    if (!method)
        return 0;
    json_object_foreach (c->params, name, v) {
        p = find_param(params, name);
        if (!p) {
            complain(c, name, UNKNOWN);
        } else if (!json_is_string(v)) {
            const char *type = json_string_value(json_object_get(p, "type"));
            if (vf_streq(type, "array"))
                continue;
            vf_autofree char *text =
                vf_asprintf("type check ('%s') failed - got ARRAY", type ? type : "string");
            complain(c, name, text);
        } else {
            vf_autofree char *bad = check_value(p, json_string_value(v), false);
            if (bad)
                complain(c, name, bad);
        }
    }
    json_object_foreach (params, name, p)
        if (!json_is_true(json_object_get(p, "optional")) && !json_object_get(c->params, name) &&
            !strstr(name, "[n]"))
            complain(c, name, "property is missing and it is not optional");
    if (!c->errors)
        return 0;
    lab_die(c, 400, "Parameter verification failed.");
    return -1;
}
