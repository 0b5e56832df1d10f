/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "conf/cfg.h"
#include "base/str.h"

#include <inttypes.h>
#include <libconfig.h>
#include <string.h>

/* libconfig counts lines and names in int and recurses when it frees: more is not a configuration.
 */
enum { MAX_TEXT = 4 * 1024 * 1024 };

struct reader {
    const char *file, *dir;
    struct vf_error **err;
};

static int read_group(struct reader *r, config_setting_t *s, const struct vf_cfg_table *t,
                      void *item);

VF_PRINTF(3, 4)
static int bad(struct reader *r, const config_setting_t *s, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vf_autofree char *raw = vf_vasprintf(fmt, ap);
    va_end(ap);
    vf_autofree char *text = vf_escape(raw);
    return vf_fail(r->err, VF_E_USAGE, "%s:%u: %s", r->file, config_setting_source_line(s), text);
}

static const char *label(const config_setting_t *s)
{
    const char *name = config_setting_name(s);
    return name ? name : "an entry";
}

static char *known_words(const char *const *words)
{
    vf_autobuf struct vf_buf b = {0};
    for (size_t i = 0; words[i]; i++)
        vf_buf_printf(&b, "%s\"%s\"", i ? ", " : "", words[i]);
    return vf_buf_take(&b);
}

static int word_index(const char *const *words, const char *value)
{
    for (int i = 0; words && words[i]; i++)
        if (!strcmp(words[i], value))
            return i;
    return -1;
}

static int check_string(struct reader *r, config_setting_t *s, const struct vf_cfg_key *k,
                        const char *name, const char **out)
{
    const char *v = config_setting_get_string(s);
    if (!v)
        return bad(r, s, "%s must be a text in quotes", name);
    if (k->words && k->type != VF_CFG_PATH && word_index(k->words, v) < 0) {
        vf_autofree char *known = known_words(k->words);
        return bad(r, s, "%s is \"%s\", but must be one of %s", name, v, known);
    }
    const char *why = !*v ? "must not be empty" : k->check ? k->check(v) : NULL;
    if (why)
        return bad(r, s, "%s is \"%s\", but %s", name, v, why);
    *out = v;
    return 0;
}

static int read_strings(struct reader *r, config_setting_t *s, const struct vf_cfg_key *k,
                        char ***out)
{
    const char *v;
    if (config_setting_type(s) == CONFIG_TYPE_STRING) {
        if (check_string(r, s, k, k->key, &v) < 0)
            return -1;
        *out = vf_strv_new();
        vf_strv_add(out, v);
        return 0;
    }
    if (!config_setting_is_array(s) && !config_setting_is_list(s))
        return bad(r, s, "%s must be a text in quotes or a list of them: [ \"…\", \"…\" ]", k->key);
    if (config_setting_length(s) == 0)
        return bad(r, s, "%s must not be empty", k->key);
    *out = vf_strv_new();
    for (int i = 0; i < config_setting_length(s); i++) {
        if (check_string(r, config_setting_get_elem(s, (unsigned)i), k, k->key, &v) < 0)
            return -1;
        vf_strv_add(out, v);
    }
    return 0;
}

static int read_set(struct reader *r, config_setting_t *s, const struct vf_cfg_key *k,
                    unsigned *out)
{
    const char *v;
    bool list = config_setting_is_array(s) || config_setting_is_list(s);
    if (!list && config_setting_type(s) != CONFIG_TYPE_STRING)
        return bad(r, s, "%s must be a list of texts in quotes: [ \"…\", \"…\" ]", k->key);
    *out = 0;
    for (int i = 0; i < (list ? config_setting_length(s) : 1); i++) {
        config_setting_t *e = list ? config_setting_get_elem(s, (unsigned)i) : s;
        if (check_string(r, e, k, k->key, &v) < 0)
            return -1;
        *out |= 1U << word_index(k->words, v);
    }
    return 0;
}

static int read_uint(struct reader *r, config_setting_t *s, const struct vf_cfg_key *k, void *field)
{
    int type = config_setting_type(s);
    if (type != CONFIG_TYPE_INT && type != CONFIG_TYPE_INT64)
        return bad(r, s, "%s must be a whole number", k->key);
    long long v = config_setting_get_int64(s);
    if (v < 0 || (uint64_t)v < k->min || (uint64_t)v > k->max)
        return bad(r, s, "%s is %lld, but must be from %" PRIu64 " to %" PRIu64 "%s%s", k->key, v,
                   k->min, k->max, k->hint ? ": " : "", k->hint ? k->hint : "");
    if (k->width == sizeof(uint16_t))
        *(uint16_t *)field = (uint16_t)v;
    else if (k->width == sizeof(unsigned))
        *(unsigned *)field = (unsigned)v;
    else
        *(uint64_t *)field = (uint64_t)v;
    return 0;
}

static int read_list(struct reader *r, config_setting_t *s, const struct vf_cfg_key *k, char *item)
{
    if (!config_setting_is_list(s))
        return bad(r, s, "%s must be a list of groups: ( { … }, { … } )", k->key);
    if ((uint64_t)config_setting_length(s) < k->min)
        return bad(r, s, "%s must have at least %" PRIu64 " entry", k->key, k->min);
    size_t *n = (size_t *)(void *)(item + k->count);
    for (int i = 0; i < config_setting_length(s); i++) {
        void *entry = vf_grow(item + k->offset, n, k->table->size);
        if (k->table->init)
            k->table->init(entry, item);
        if (read_group(r, config_setting_get_elem(s, (unsigned)i), k->table, entry) < 0)
            return -1;
    }
    return 0;
}

static int read_key(struct reader *r, config_setting_t *s, const struct vf_cfg_key *k, char *item)
{
    void *field = item + k->offset;
    const char *v;
    switch (k->type) {
    case VF_CFG_STR:
        if (check_string(r, s, k, k->key, &v) < 0)
            return -1;
        vf_str_set(field, v);
        return 0;
    case VF_CFG_PATH:
        if (check_string(r, s, k, k->key, &v) < 0)
            return -1;
        free(*(char **)field);
        *(char **)field = word_index(k->words, v) >= 0 ? vf_strdup(v) : vf_cfg_path(v, r->dir);
        return 0;
    case VF_CFG_STRV:
        return read_strings(r, s, k, field);
    case VF_CFG_UINT:
        return read_uint(r, s, k, field);
    case VF_CFG_BOOL:
    case VF_CFG_TRI:
        if (config_setting_type(s) != CONFIG_TYPE_BOOL)
            return bad(r, s, "%s must be true or false", k->key);
        if (k->type == VF_CFG_BOOL)
            *(bool *)field = config_setting_get_bool(s) != 0;
        else
            *(int *)field = config_setting_get_bool(s) != 0;
        return 0;
    case VF_CFG_WORD:
        if (check_string(r, s, k, k->key, &v) < 0)
            return -1;
        *(int *)field = word_index(k->words, v);
        return 0;
    case VF_CFG_SET:
        return read_set(r, s, k, field);
    case VF_CFG_GROUP:
        return read_group(r, s, k->table, field);
    case VF_CFG_LIST:
        return read_list(r, s, k, item);
    }
    return vf_fail(r->err, VF_E_INTERNAL, "%s: no such type in the table", k->key);
}

static const struct vf_cfg_key *find_key(const struct vf_cfg_table *t, const char *name)
{
    for (size_t i = 0; name && i < t->n_keys; i++)
        if (!strcmp(t->keys[i].key, name))
            return &t->keys[i];
    return NULL;
}

static int unknown_key(struct reader *r, config_setting_t *s, const struct vf_cfg_table *t)
{
    vf_autobuf struct vf_buf known = {0};
    for (size_t i = 0; i < t->n_keys; i++)
        vf_buf_printf(&known, "%s%s", i ? ", " : "", t->keys[i].key);
    return bad(r, s, "%s has no key \"%s\" (it has: %s)", t->what, label(s), vf_buf_str(&known));
}

/* Rows first, in the table's order, so that a format number at its top is judged before anything
 * that a later format may have brought. */
static int read_group(struct reader *r, config_setting_t *s, const struct vf_cfg_table *t,
                      void *item)
{
    if (!config_setting_is_group(s))
        return bad(r, s, "%s must be a group: { key = value; … }", label(s));
    for (size_t i = 0; i < t->n_keys; i++) {
        const struct vf_cfg_key *k = &t->keys[i];
        config_setting_t *member = config_setting_get_member(s, k->key);
        if (member && read_key(r, member, k, item) < 0)
            return -1;
    }
    for (int i = 0; i < config_setting_length(s); i++) {
        config_setting_t *member = config_setting_get_elem(s, (unsigned)i);
        if (!find_key(t, config_setting_name(member)))
            return unknown_key(r, member, t);
    }
    /* last, since a missing key is often a mistyped one */
    for (size_t i = 0; i < t->n_keys; i++)
        if (t->keys[i].required && !config_setting_get_member(s, t->keys[i].key))
            return bad(r, s, "%s needs the key \"%s\"", t->what, t->keys[i].key);
    struct vf_error *why = NULL;
    if (t->finish && t->finish(item, &why) < 0) {
        bad(r, s, "%s", vf_error_text(why));
        vf_error_free(why);
        return -1;
    }
    return 0;
}

/* libconfig would open whatever file an @include line names. */
static unsigned include_line(const char *text)
{
    unsigned line = 1;
    for (const char *p = text; *p; line++) {
        p += strspn(p, " \t\r");
        if (vf_starts(p, "@include"))
            return line;
        p += strcspn(p, "\n");
        p += *p == '\n';
    }
    return 0;
}

int vf_cfg_read(const char *text, size_t len, const char *file, const char *dir,
                const struct vf_cfg_table *table, void *item, struct vf_error **err)
{
    if (strlen(text) != len || len > MAX_TEXT)
        return vf_fail(err, VF_E_USAGE, "%s is not a text file", file);
    unsigned line = include_line(text);
    if (line)
        return vf_fail(err, VF_E_USAGE, "%s:%u: @include is not allowed here", file, line);
    struct reader r = {.file = file, .dir = dir, .err = err};
    config_t cfg;
    config_init(&cfg);
    int result;
    if (config_read_string(&cfg, text) == CONFIG_TRUE)
        result = read_group(&r, config_root_setting(&cfg), table, item);
    else
        result = vf_fail(err, VF_E_USAGE, "%s:%d: %s", file, config_error_line(&cfg),
                         config_error_text(&cfg));
    config_destroy(&cfg);
    return result;
}

char *vf_cfg_path(const char *path, const char *dir)
{
    const char *home = getenv("HOME");
    if (!strcmp(path, "~") || vf_starts(path, "~/"))
        return vf_asprintf("%s%s", home && *home ? home : "/", path + 1);
    if (*path == '/')
        return vf_strdup(path);
    return vf_asprintf("%s/%s", dir, path);
}

void vf_cfg_quote(struct vf_buf *b, const char *s)
{
    vf_buf_puts(b, "\"");
    while (*s) {
        /* vf_escape's \xNN, \n and \t are libconfig's too; quotes and backslashes are ours to add
         */
        size_t n = strcspn(s, "\"\\");
        vf_autofree char *plain = vf_escape_n(s, n);
        vf_buf_puts(b, plain);
        s += n;
        if (*s)
            vf_buf_printf(b, "\\%c", *s++);
    }
    vf_buf_puts(b, "\"");
}

const char *vf_cfg_check_line(const char *value)
{
    for (const unsigned char *p = (const unsigned char *)value; *p; p++)
        if (*p < 0x20 || *p == 0x7f)
            return "must be one line of plain text";
    return NULL;
}

const char *vf_cfg_check_name(const char *value)
{
    if (*value == '-')
        return "must not begin with \"-\"";
    if (strchr(value, ' '))
        return "must not contain blanks";
    return vf_cfg_check_line(value);
}
