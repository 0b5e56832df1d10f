/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "conf/added.h"
#include "conf/cfg.h"
#include "conf/proxmoverc.h"
#include "base/fdio.h"
#include "base/str.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_CONF = 1024 * 1024 };

/* ------------------------------------------------------------------ as text */

static void add_setting(struct vf_buf *b, const char *key, const char *value)
{
    if (!value)
        return;
    vf_buf_printf(b, "    %s = ", key);
    vf_cfg_quote(b, value);
    vf_buf_puts(b, ";\n");
}

static void add_list(struct vf_buf *b, const char *key, char *const *values)
{
    if (!vf_strv_len(values))
        return;
    vf_buf_printf(b, "    %s = (", key);
    for (size_t i = 0; values[i]; i++) {
        vf_buf_puts(b, i ? ", " : "");
        vf_cfg_quote(b, values[i]);
    }
    vf_buf_puts(b, ");\n");
}

char *vf_conf_cluster_text(const struct vf_cluster_conf *c)
{
    vf_autobuf struct vf_buf b = {0};
    vf_buf_puts(&b, "{\n");
    add_setting(&b, "name", c->name);
    add_setting(&b, "type", c->type);
    add_list(&b, "url", c->urls);
    add_setting(&b, "user", c->user);
    add_setting(&b, "token", c->token);
    add_setting(&b, "secret-file", c->secret_file);
    add_setting(&b, "secret-command", c->secret_command);
    add_list(&b, "fingerprint", c->fingerprints);
    add_setting(&b, "ca-file", c->ca_file);
    add_setting(&b, "way", c->way);
    if (c->old_tls)
        vf_buf_puts(&b, "    old-tls = true;\n");
    if (c->ssh.legacy == 1)
        vf_buf_puts(&b, "    ssh = { legacy = true; };\n");
    vf_buf_puts(&b, "  }");
    return vf_buf_take(&b);
}

/* ------------------------------------------------------------------ into a text */

/* Behind what P begins with, when that is a comment or a string in quotes; else P. */
static const char *skip(const char *p)
{
    if (*p == '#' || (p[0] == '/' && p[1] == '/'))
        return p + strcspn(p, "\n");
    if (p[0] == '/' && p[1] == '*') {
        const char *end = strstr(p + 2, "*/");
        return end ? end + 2 : p + strlen(p);
    }
    if (*p != '"')
        return p;
    for (p++; *p && *p != '"'; p++)
        p += p[0] == '\\' && p[1];
    return p + (*p == '"');
}

/* Is P, in no group, where the setting "clusters" begins? */
static bool is_clusters(const char *text, const char *p)
{
    static const char key[] = "clusters";
    const char *end = p + sizeof key - 1;
    return !strncmp(p, key, sizeof key - 1) && !isalnum((unsigned char)*end) &&
           !strchr("-_*", *end) &&
           (p == text || !(isalnum((unsigned char)p[-1]) || strchr("-_*", p[-1])));
}

/* The bracket that ends the list "clusters", or NULL; *COMMA: something stands before it that a
 * comma has to follow. */
static const char *list_end(const char *text, bool *comma)
{
    int depth = 0;
    bool inside = false;
    char last = 0;
    for (const char *p = text, *next; *p; p = next) {
        next = skip(p);
        if (next != p) {
            last = *p == '"' ? '"' : last;
            continue;
        }
        next = p + 1;
        if (isspace((unsigned char)*p))
            continue;
        if (!depth && is_clusters(text, p))
            inside = true;
        if (strchr(")]}", *p) && --depth == 0 && inside) {
            *comma = last != ',' && last != '(';
            return *p == ')' ? p : NULL;
        }
        depth += strchr("([{", *p) != NULL;
        last = *p;
    }
    return NULL;
}

/* Does nothing stand in TEXT but comments? */
static bool says_nothing(const char *text)
{
    for (const char *p = text; *p;) {
        const char *next = skip(p);
        if (next == p && !isspace((unsigned char)*p))
            return false;
        next += next == p;
        p = next;
    }
    return true;
}

char *vf_conf_text_with(const char *text, const struct vf_cluster_conf *c, const char *path,
                        struct vf_error **err)
{
    vf_autofree char *group = vf_conf_cluster_text(c), *out = NULL;
    bool comma;
    const char *end = text ? list_end(text, &comma) : NULL;
    if (text && vf_is_proxmoverc(text)) {
        vf_fail(err, VF_E_USAGE,
                "%s is proxmove's configuration, to which nothing is added: vmferry config import "
                "makes one of ours of it",
                path);
        return NULL;
    }
    if (!text || says_nothing(text))
        out = vf_asprintf("%sclusters = (\n  %s\n);\n", text ? text : "", group);
    else if (end)
        out =
            vf_asprintf("%.*s%s\n  %s\n%s", (int)(end - text), text, comma ? "," : "", group, end);
    /* what is written has to be read, with this cluster as the last */
    vf_auto(vf_conf_free) struct vf_conf *conf =
        out ? vf_conf_parse(out, strlen(out), path, err) : NULL;
    if (conf && vf_streq(conf->clusters[conf->n_clusters - 1].name, c->name))
        return VF_STEAL(out);
    vf_fail(err, VF_E_USAGE,
            "%s has no list \"clusters\" that could be added to; see vmferry.conf(5)", path);
    return NULL;
}

char *vf_conf_file_text(const char *path, struct vf_error **err)
{
    if (access(path, F_OK) < 0 && errno == ENOENT)
        return NULL;
    return vf_read_file(path, MAX_CONF, NULL, err);
}

/* ------------------------------------------------------------------ into a file */

/* NAME in PATH's folder; caller frees. */
static char *beside(const char *path, const char *name)
{
    const char *slash = strrchr(path, '/');
    return slash ? vf_asprintf("%.*s/%s", (int)(slash - path), path, name) : vf_strdup(name);
}

static int save_secret(const char *path, struct vf_cluster_conf *c, const struct vf_secret *secret,
                       struct vf_error **err)
{
    vf_autofree char *name =
        c->token ? vf_asprintf("%s.token", c->name) : vf_proxmoverc_secret_name(c->name);
    vf_autofree char *file = beside(path, name);
    if (access(file, F_OK) == 0)
        return vf_fail(err, VF_E_CONFLICT,
                       "%s is there already and is not replaced: remove it, or give the cluster "
                       "another name",
                       file);
    if (vf_replace_file(file, vf_secret_text(secret), vf_secret_len(secret), 0600, err) < 0)
        return -1;
    vf_str_set(&c->secret_file, name); /* relative: the folder may be moved as a whole */
    return 0;
}

int vf_conf_save_cluster(const char *path, struct vf_cluster_conf *c,
                         const struct vf_secret *secret, struct vf_error **err)
{
    vf_autoerror struct vf_error *why = NULL;
    vf_autofree char *dir = beside(path, ".");
    vf_autofree char *old = vf_conf_file_text(path, &why);
    if (why)
        return vf_fail_with(err, VF_STEAL(why));
    if (vf_mkdirs(dir, 0700, err) < 0 || (secret && save_secret(path, c, secret, err) < 0))
        return -1;
    vf_autofree char *text = vf_conf_text_with(old, c, path, err);
    vf_autofree char *real = realpath(path, NULL); /* a link stays one */
    struct stat st;
    mode_t mode = stat(path, &st) == 0 ? st.st_mode & 0777 : 0600;
    if (text && vf_replace_file(real ? real : path, text, strlen(text), mode, err) == 0)
        return 0;
    if (secret) {
        vf_autofree char *file = beside(path, c->secret_file);
        unlink(file);
        vf_str_set(&c->secret_file, NULL);
    }
    return -1;
}
