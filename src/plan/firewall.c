/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "plan/firewall.h"
#include "base/buf.h"
#include "base/str.h"

#include <ctype.h>
#include <string.h>

struct vf_firewall *vf_firewall_new(void)
{
    return vf_xcalloc(1, sizeof(struct vf_firewall));
}

struct vf_opts *vf_rows_add(struct vf_rows *rows)
{
    return vf_grow(&rows->v, &rows->n, sizeof *rows->v);
}

void vf_rows_free(struct vf_rows *rows)
{
    for (size_t i = 0; i < rows->n; i++)
        vf_opts_free(&rows->v[i]);
    free(rows->v);
    *rows = (struct vf_rows){0};
}

static void copy_rows(struct vf_rows *dst, const struct vf_rows *src)
{
    for (size_t i = 0; i < src->n; i++)
        vf_opts_copy(vf_rows_add(dst), &src->v[i]);
}

struct vf_firewall *vf_firewall_copy(const struct vf_firewall *f)
{
    if (!f)
        return NULL;
    struct vf_firewall *c = vf_firewall_new();
    vf_opts_copy(&c->options, &f->options);
    copy_rows(&c->aliases, &f->aliases);
    copy_rows(&c->ipsets, &f->ipsets);
    copy_rows(&c->members, &f->members);
    copy_rows(&c->rules, &f->rules);
    for (size_t i = 0; f->unknown && f->unknown[i]; i++)
        vf_strv_add(&c->unknown, f->unknown[i]);
    return c;
}

void vf_firewall_free(struct vf_firewall *f)
{
    if (!f)
        return;
    vf_opts_free(&f->options);
    vf_rows_free(&f->aliases);
    vf_rows_free(&f->ipsets);
    vf_rows_free(&f->members);
    vf_rows_free(&f->rules);
    vf_strv_free(f->unknown);
    free(f);
}

/* 10.0.0.1/32 and 10.0.0.1 are one address; versions differ in which they show. */
static size_t value_length(const char *key, const char *value)
{
    size_t n = strlen(value);
    if (strcmp(key, "cidr") != 0)
        return n;
    return vf_ends(value, "/128") ? n - 4 : vf_ends(value, "/32") ? n - 3 : n;
}

char *vf_row_text(const struct vf_opts *row)
{
    vf_autobuf struct vf_buf b = {0};
    for (size_t i = 0; i < row->n; i++) {
        const char *key = row->v[i].key, *value = row->v[i].value;
        bool plain = !strcmp(key, "type") || !strcmp(key, "action") || !strcmp(key, "name");
        vf_buf_printf(&b, "%s%s%s%.*s", b.len ? " " : "", plain ? "" : key, plain ? "" : "=",
                      (int)value_length(key, value), value);
    }
    return vf_buf_take(&b);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static char **row_texts(const struct vf_rows *rows, bool order)
{
    char **v = vf_strv_new();
    for (size_t i = 0; i < rows->n; i++) {
        vf_autofree char *text = vf_row_text(&rows->v[i]);
        vf_strv_add(&v, text);
    }
    if (!order)
        qsort(v, rows->n, sizeof *v, by_text);
    return v;
}

char *vf_rows_text(const struct vf_rows *rows, bool order)
{
    vf_autostrv char **v = row_texts(rows, order);
    return vf_strv_join(v, "\n");
}

bool vf_firewall_empty(const struct vf_firewall *f)
{
    return !f || !(f->options.n || f->aliases.n || f->ipsets.n || f->rules.n);
}

bool vf_firewall_enabled(const struct vf_firewall *f)
{
    return f && vf_streq(vf_opts_get(&f->options, "enable"), "1");
}

/* Names of aliases are the same in any case. */
static bool own(const struct vf_rows *rows, const char *name)
{
    for (size_t i = 0; i < rows->n; i++) {
        const char *have = vf_opts_get(&rows->v[i], "name");
        if (have && !strcasecmp(have, name))
            return true;
    }
    return false;
}

static bool is_name(const char *s)
{
    static const char word[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    return isalpha((unsigned char)*s) && strspn(s, word) == strlen(s);
}

/* The cluster's object that an address of a rule or a member means, as "ipset/x"; NULL: none. */
static char *address_ref(const struct vf_firewall *f, const char *value)
{
    bool set = value && *value == '+';
    const char *name = set ? value + 1 : value;
    if (!value || vf_starts(name, "guest/") || vf_starts(name, "sdn/"))
        return NULL;
    bool cluster = vf_starts(name, "dc/");
    if (cluster)
        name += strlen("dc/");
    if (!is_name(name) || (!cluster && own(set ? &f->ipsets : &f->aliases, name)))
        return NULL;
    char *ref = vf_asprintf("%s/%s", set ? "ipset" : "alias", name);
    for (char *p = ref; !set && *p; p++)
        *p = (char)tolower((unsigned char)*p);
    return ref;
}

static const char *const ref_keys[] = {"source", "dest", "cidr"};

/* Does ROW name REF? With FOUND: what it names is added there instead. */
static bool row_refs(const struct vf_firewall *f, const struct vf_opts *row, const char *ref,
                     char ***found)
{
    bool hit = false;
    for (size_t i = 0; i <= VF_COUNT(ref_keys); i++) {
        vf_autofree char *has = NULL;
        if (i < VF_COUNT(ref_keys))
            has = address_ref(f, vf_opts_get(row, ref_keys[i]));
        else if (vf_streq(vf_opts_get(row, "type"), "group"))
            has = vf_asprintf("group/%s", vf_opts_get(row, "action"));
        hit |= has && vf_streq(has, ref);
        if (has && found && !vf_strv_has(*found, has))
            vf_strv_add(found, has);
    }
    return hit;
}

char **vf_firewall_refs(const struct vf_firewall *f)
{
    char **refs = vf_strv_new();
    for (size_t i = 0; f && i < f->members.n; i++)
        row_refs(f, &f->members.v[i], NULL, &refs);
    for (size_t i = 0; f && i < f->rules.n; i++)
        row_refs(f, &f->rules.v[i], NULL, &refs);
    return refs;
}

static void collect(struct vf_firewall *f, struct vf_rows *rows, const char *ref, bool only_active,
                    bool remove, char ***out)
{
    struct vf_rows kept = {0};
    for (size_t i = 0; i < rows->n; i++) {
        struct vf_opts *row = &rows->v[i];
        bool rule = rows == &f->rules;
        bool active =
            vf_firewall_enabled(f) && (!rule || vf_streq(vf_opts_get(row, "enable"), "1"));
        bool hit = row_refs(f, row, ref, NULL);
        if (hit && (active || !only_active)) {
            vf_autofree char *text = vf_row_text(row);
            if (rule)
                vf_strv_addf(out, "rule %zu (%s)", i, text);
            else
                vf_strv_addf(out, "member %s of IP set %s", vf_opts_get(row, "cidr"),
                             vf_opts_get(row, "ipset"));
        }
        if (!remove)
            continue;
        if (hit)
            vf_opts_free(row);
        else
            *vf_rows_add(&kept) = *row;
    }
    if (!remove)
        return;
    free(rows->v);
    *rows = kept;
}

char **vf_firewall_uses(struct vf_firewall *f, const char *ref, bool only_active, bool remove)
{
    char **out = vf_strv_new();
    collect(f, &f->members, ref, only_active, remove, &out);
    collect(f, &f->rules, ref, only_active, remove, &out);
    return out;
}

static char *diff_rows(const char *what, const struct vf_rows *want, const struct vf_rows *got,
                       bool order)
{
    vf_autostrv char **w = row_texts(want, order), **g = row_texts(got, order);
    for (size_t i = 0; i < want->n || i < got->n; i++) {
        const char *a = i < want->n ? w[i] : "missing", *b = i < got->n ? g[i] : "missing";
        if (strcmp(a, b) != 0)
            return vf_asprintf("%s %zu is \"%s\", at the source \"%s\"", what, i, b, a);
    }
    return NULL;
}

char *vf_firewall_diff(const struct vf_firewall *want, const struct vf_firewall *got)
{
    char *diff = NULL;
    struct vf_rows w = {(struct vf_opts *)&want->options, 1},
                   g = {(struct vf_opts *)&got->options, 1};
    const struct {
        const char *what;
        const struct vf_rows *want, *got;
        bool order;
    } parts[] = {
        {"alias", &want->aliases, &got->aliases, false},
        {"IP set", &want->ipsets, &got->ipsets, false},
        {"IP set member", &want->members, &got->members, false},
        {"rule", &want->rules, &got->rules, true},
        {"options", &w, &g, true},
    };
    for (size_t i = 0; !diff && i < VF_COUNT(parts); i++)
        diff = diff_rows(parts[i].what, parts[i].want, parts[i].got, parts[i].order);
    return diff;
}
