/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Checks every call against Proxmox's own parameter lists (PVE::JSONSchema's rules and texts): that
 * of the version served decides, what the others would have said goes to the request log. */
#include "config.h"
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <regex.h>
#include <stdio.h>
#include <string.h>
#include "tests/lab/lab.h"

#define UNKNOWN                                                                                    \
    "property is not defined in schema and the schema does not allow additional properties"

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

/* What METHOD (an entry of a schema) says of PARAMS: name -> complaint, or NULL. */
static json_t *complaints(json_t *method, json_t *given)
{
    json_t *params = json_object_get(method, "params"), *out = json_object(), *p, *v;
    const char *name;
    json_object_foreach (given, name, v) {
        p = find_param(params, name);
        const char *type = json_string_value(json_object_get(p, "type"));
        vf_autofree char *bad = NULL;
        if (!p)
            bad = vf_strdup(UNKNOWN);
        else if (json_is_string(v))
            bad = check_value(p, json_string_value(v), false);
        else if (!vf_streq(type, "array"))
            bad = vf_asprintf("type check ('%s') failed - got ARRAY", type ? type : "string");
        if (bad)
            json_object_set_new(out, name, json_string(bad));
    }
    json_object_foreach (params, name, p)
        if (!json_is_true(json_object_get(p, "optional")) && !json_object_get(given, name) &&
            !strstr(name, "[n]"))
            json_object_set_new(out, name,
                                json_string("property is missing and it is not optional"));
    if (json_object_size(out))
        return out;
    json_decref(out);
    return NULL;
}

/* Adds "WHERE" and the complaints to *TEXT. */
static void add_text(char **text, const char *where, json_t *errors)
{
    vf_autobuf struct vf_buf b = {0};
    const char *name;
    json_t *v;
    vf_buf_printf(&b, "%s%s%s", *text ? *text : "", *text ? "; " : "", where);
    size_t start = b.len;
    json_object_foreach (errors, name, v)
        vf_buf_printf(&b, "%s%s: %s", b.len > start ? "; " : "", name, json_string_value(v));
    free(*text);
    *text = vf_buf_take(&b);
}

static void check_elsewhere(struct lab_call *c, const char *route, bool accepted)
{
    for (size_t i = 0; i < LAB_VERSIONS; i++) {
        json_t *method = json_object_get(c->lab->schemas[i], route);
        lab_autojson json_t *errors = method ? complaints(method, c->params) : NULL;
        vf_autofree char *where = vf_asprintf("%s: ", lab_versions[i].name);
        if (lab_versions[i].number != c->lab->version && (errors || !method))
            add_text(&c->elsewhere, method ? where : lab_versions[i].name, errors);
        /* the list compiled in and the one in the file must say the same */
        if (lab_versions[i].number == c->lab->version && accepted != !errors)
            add_text(&c->violation, "schema-table.h is out of date: ", errors);
    }
}

/* Whether any version's list has the call. */
static bool known(struct lab *lab, const char *route)
{
    for (size_t i = 0; i < LAB_VERSIONS; i++)
        if (json_object_get(lab->schemas[i], route))
            return true;
    return false;
}

bool lab_schema_lacks(struct lab *lab, const char *route)
{
    return known(lab, route) && !json_object_get(lab->schema, route);
}

int lab_schema_check(struct lab_call *c, const char *route)
{
    json_t *method = json_object_get(c->lab->schema, route);
    if (!method)
        return 0;
    c->errors = complaints(method, c->params);
    if (c->errors)
        add_text(&c->violation, "", c->errors);
    if (known(c->lab, route))
        check_elsewhere(c, route, !c->errors);
    if (!c->errors)
        return 0;
    lab_die(c, 400, "Parameter verification failed.");
    return -1;
}
