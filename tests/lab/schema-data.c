/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The parameter lists: of all versions from schema-table.h, of the one served the full one of
 * $VMFERRY_API_DATA where that is set. Either is "METHOD /path" -> {"params": {name: …}}. */
#include "config.h"
#include <stdio.h>
#include <string.h>
#include "tests/lab/lab.h"
#include "tests/lab/schema-table.h"

static json_t *find_props(const char *name, size_t n, unsigned bit);

/* One word's constraints, as in schema-table.h. */
static void add_limits(json_t *p, const char *s, unsigned bit)
{
    static const char *const numbers[] = {">minimum", "<maximum", "#maxLength"};
    while (*s) {
        size_t n = strcspn(s + 1, "><#/{=~") + 1;
        for (size_t i = 0; i < VF_COUNT(numbers); i++)
            if (numbers[i][0] == *s)
                json_object_set_new(p, numbers[i] + 1, json_integer(strtoll(s + 1, NULL, 10)));
        if (*s == '/')
            json_object_set_new(p, "format", json_stringn(s + 1, n - 1));
        if (*s == '{')
            json_object_set_new(p, "format", find_props(s + 1, n - 2, bit));
        if (*s == '~') {
            json_object_set_new(p, "pattern", json_string(s + 1));
            return;
        }
        if (*s == '=') {
            json_t *values = json_array();
            vf_autostrv char **list = vf_strv_split(s + 1, "|");
            for (size_t i = 0; list[i]; i++)
                json_array_append_new(values, json_string(list[i]));
            json_object_set_new(p, "enum", values);
            return;
        }
        s += n;
    }
}

static void add_word(json_t *out, const char *word, unsigned bit)
{
    static const struct {
        char c;
        const char *type;
    } types[] = {
        {'s', "string"}, {'i', "integer"}, {'b', "boolean"}, {'n', "number"}, {'a', "array"}};
    const char *colon = strchr(word, ':'), *s = colon + 2;
    json_t *p = json_object();
    for (size_t t = 0; t < VF_COUNT(types); t++)
        if (types[t].c == colon[1])
            json_object_set_new(p, "type", json_string(types[t].type));
    if (*s == '?') {
        json_object_set_new(p, "optional", json_true());
        s++;
    }
    unsigned mask = ~0U;
    if (*s == '@') {
        mask = (unsigned)strtoul((char[]){s[1], 0}, NULL, 16);
        s += 2;
    }
    add_limits(p, s, bit);
    if (mask & bit)
        json_object_setn_new(out, word, (size_t)(colon - word), p);
    else
        json_decref(p);
}

static void add_params(json_t *out, const char *text, unsigned bit)
{
    vf_autostrv char **words = vf_strv_split(text, " ");
    for (size_t i = 0; words[i]; i++) {
        if (words[i][0] == '+') {
            lab_autojson json_t *more = find_props(words[i] + 1, strlen(words[i] + 1), bit);
            json_object_update(out, more);
        } else {
            add_word(out, words[i], bit);
        }
    }
}

static json_t *find_props(const char *name, size_t n, unsigned bit)
{
    json_t *out = json_object();
    for (size_t i = 0; i < VF_COUNT(lab_schema_table); i++)
        if (!strncmp(lab_schema_table[i].route, name, n) && !lab_schema_table[i].route[n])
            add_params(out, lab_schema_table[i].params, bit);
    return out;
}

static json_t *compiled(unsigned bit)
{
    json_t *out = json_object();
    for (size_t i = 0; i < VF_COUNT(lab_schema_table); i++) {
        if (!(lab_schema_table[i].mask & bit) || !strchr(lab_schema_table[i].route, ' '))
            continue;
        json_t *params = json_object();
        add_params(params, lab_schema_table[i].params, bit);
        json_object_set_new(out, lab_schema_table[i].route, json_pack("{s:o}", "params", params));
    }
    return out;
}

static json_t *from_file(const char *dir, const char *release)
{
    vf_autofree char *path = vf_asprintf("%s/pve-%s.json", dir, release);
    json_error_t e;
    lab_autojson json_t *root = json_load_file(path, 0, &e);
    json_t *methods = json_object_get(root, "methods");
    if (json_is_object(methods))
        return json_incref(methods);
    fprintf(stderr, "vmferry-lab: %s: %s; using the compiled-in list\n", path, e.text);
    return NULL;
}

void lab_schema_load(struct lab *lab)
{
    const char *dir = getenv("VMFERRY_API_DATA");
    for (size_t i = 0; i < LAB_VERSIONS; i++) {
        lab->schemas[i] = compiled(1U << i);
        if (lab_versions[i].number != lab->version)
            continue;
        lab->schema = dir && *dir ? from_file(dir, lab_versions[i].list) : NULL;
        if (!lab->schema)
            lab->schema = json_incref(lab->schemas[i]);
    }
}
