/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sections [pve:CLUSTER] with api, [storage:CLUSTER:NAME] or [storage:CLUSTER:NAME@NODE] with ssh,
 * path and temp. Lines may be indented; comments begin with ';' or '#'. */
#include "config.h"
#include "conf/proxmoverc.h"
#include "base/buf.h"
#include "base/str.h"
#include "conf/cfg.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

struct value {
    char *text;
    unsigned line;
};

enum { API, SSH, PATH, TEMP, N_KEYS };
static const char *const key_names[] = {"api", "ssh", "path", "temp"};

struct section {
    char *cluster, *storage, *node; /* a storage's; NULL: a cluster, on all nodes */
    unsigned line;
    struct value v[N_KEYS];
};

struct ini {
    const char *file;
    struct section *v;
    size_t n;
};

/* user@host:port, or https://user:password@host:port without its beginning. */
struct place {
    char *user, *host;
    uint64_t port; /* 0: not named */
};

static void free_place(struct place *p)
{
    free(p->user);
    free(p->host);
}

static void free_ini(struct ini *ini)
{
    for (size_t i = 0; i < ini->n; i++) {
        struct section *s = &ini->v[i];
        free(s->cluster);
        free(s->storage);
        free(s->node);
        for (size_t k = 0; k < N_KEYS; k++) {
            if (s->v[k].text)
                vf_wipe(s->v[k].text, strlen(s->v[k].text));
            free(s->v[k].text);
        }
    }
    free(ini->v);
}

VF_PRINTF(4, 5)
static int bad(struct vf_error **err, const struct ini *ini, unsigned line, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vf_autofree char *text = vf_vasprintf(fmt, ap);
    va_end(ap);
    vf_autofree char *shown = vf_escape(text);
    return vf_fail(err, VF_E_USAGE, "%s:%u: %s", ini->file, line, shown);
}

static bool is_word(const char *s)
{
    return s && *s && *s != '-' &&
           strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
               strlen(s);
}

/* ------------------------------------------------------------------ reading */

static struct section *find(const struct ini *ini, const char *cluster, const char *storage,
                            const char *node)
{
    for (size_t i = 0; i < ini->n; i++)
        if (vf_streq(ini->v[i].cluster, cluster) && vf_streq(ini->v[i].storage, storage) &&
            vf_streq(ini->v[i].node, node))
            return &ini->v[i];
    return NULL;
}

static int add_section(struct ini *ini, char *line, unsigned number, struct vf_error **err)
{
    char *end = strchr(line, ']'), *rest = end ? end + 1 + strspn(end + 1, " \t") : NULL;
    if (!end || (*rest && *rest != ';' && *rest != '#'))
        return bad(err, ini, number, "a section must be [pve:CLUSTER] or [storage:CLUSTER:NAME]");
    *end = 0;
    struct section s = {.line = number};
    vf_autofree char *name = NULL, *cluster = NULL, *node = NULL;
    if (vf_starts(line + 1, "pve:")) {
        cluster = vf_strdup(line + 1 + 4);
    } else if (vf_starts(line + 1, "storage:")) {
        const char *p = line + 1 + 8, *colon = strchr(p, ':');
        const char *at = colon ? strchr(colon, '@') : NULL;
        cluster = vf_strndup(p, colon ? (size_t)(colon - p) : strlen(p));
        name = !colon ? vf_strdup("")
               : at   ? vf_strndup(colon + 1, (size_t)(at - colon - 1))
                      : vf_strdup(colon + 1);
        node = at ? vf_strdup(at + 1) : NULL;
    } else {
        return bad(err, ini, number,
                   "there is no section [%s] (there are [pve:CLUSTER] and [storage:CLUSTER:NAME])",
                   line + 1);
    }
    if (!is_word(cluster) || (name && !is_word(name) && strcmp(name, "*")) ||
        (node && !is_word(node)))
        return bad(err, ini, number,
                   "names in [%s] must consist of letters, digits, \".\", \"_\" and \"-\"",
                   line + 1);
    if (find(ini, cluster, name, node))
        return bad(err, ini, number, "[%s] is there twice", line + 1);
    s.cluster = VF_STEAL(cluster);
    s.storage = VF_STEAL(name);
    s.node = VF_STEAL(node);
    *(struct section *)vf_grow(&ini->v, &ini->n, sizeof *ini->v) = s;
    return 0;
}

static int add_key(struct ini *ini, char *line, unsigned number, struct vf_error **err)
{
    struct section *s = ini->n ? &ini->v[ini->n - 1] : NULL;
    size_t n = strcspn(line, "=:");
    const char *value = line[n] ? line + n + 1 + strspn(line + n + 1, " \t") : NULL;
    while (n && isspace((unsigned char)line[n - 1]))
        n--;
    if (!s || !value || !n)
        return bad(err, ini, number, s ? "this is no KEY = VALUE" : "this is in no section");
    line[n] = 0;
    for (int k = s->storage ? SSH : API; k <= (s->storage ? TEMP : API); k++) {
        if (strcasecmp(line, key_names[k]) != 0)
            continue;
        if (s->v[k].text)
            return bad(err, ini, number, "%s is there twice", key_names[k]);
        if (!*value)
            return bad(err, ini, number, "%s must not be empty", key_names[k]);
        s->v[k] = (struct value){vf_strdup(value), number};
        return 0;
    }
    return bad(err, ini, number, "this section has no key \"%s\" (it has: %s)", line,
               s->storage ? "ssh, path, temp" : "api");
}

static int read_lines(struct ini *ini, char *text, struct vf_error **err)
{
    unsigned number = 1;
    for (char *p = text, *next; p; p = next, number++) {
        next = strchr(p, '\n');
        if (next)
            *next++ = 0;
        p += strspn(p, " \t\r");
        size_t n = strlen(p);
        while (n && isspace((unsigned char)p[n - 1]))
            p[--n] = 0;
        if (!n || *p == ';' || *p == '#')
            continue;
        if ((*p == '[' ? add_section(ini, p, number, err) : add_key(ini, p, number, err)) < 0)
            return -1;
    }
    for (size_t i = 0; i < ini->n; i++) {
        const struct section *s = &ini->v[i];
        for (int k = s->storage ? SSH : API; k <= (s->storage ? TEMP : API); k++)
            if (!s->v[k].text)
                return bad(err, ini, s->line, "the section needs the key \"%s\"", key_names[k]);
        if (s->storage && !find(ini, s->cluster, NULL, NULL))
            return bad(err, ini, s->line, "there is no section [pve:%s]", s->cluster);
    }
    return 0;
}

/* ------------------------------------------------------------------ what it becomes */

static int read_place(const char *text, struct place *p)
{
    const char *at = strrchr(text, '@'), *host = at ? at + 1 : text;
    const char *end = *host == '[' ? strchr(host, ']') : NULL,
               *colon = strchr(end ? end : host, ':');
    p->user = at ? vf_strndup(text, (size_t)(at - text)) : NULL;
    p->host = end     ? vf_strndup(host + 1, (size_t)(end - host - 1))
              : colon ? vf_strndup(host, (size_t)(colon - host))
                      : vf_strdup(host);
    return (p->user && !*p->user) || !*p->host || *text == '-' ||
                   (colon && vf_parse_u64(colon + 1, 1, 65535, &p->port) < 0) ||
                   vf_cfg_check_name(p->host) || (p->user && vf_cfg_check_name(p->user))
               ? -1
               : 0;
}

static void put(struct vf_buf *b, const char *indent, const char *key, const char *value)
{
    if (!value)
        return;
    vf_buf_printf(b, "%s%s = ", indent, key);
    vf_cfg_quote(b, value);
    vf_buf_puts(b, ";");
}

static void put_ssh(struct vf_buf *b, const struct place *p)
{
    if (!p->user && !p->port)
        return;
    vf_buf_puts(b, " ssh: {");
    put(b, " ", "user", p->user);
    if (p->port)
        vf_buf_printf(b, " port = %u;", (unsigned)p->port);
    vf_buf_puts(b, " };");
}

/* What is being written. */
struct maker {
    const struct ini *ini;
    struct vf_proxmoverc *out;
    bool secret_files;
    struct vf_buf text, nodes, storages, ssh; /* the last three of one cluster */
    char **seen;                              /* its nodes */
};

static void note(struct maker *m, unsigned line, const char *text)
{
    vf_strv_addf(&m->out->notes, "%s:%u: %s", m->ini->file, line, text);
}

static void put_node(struct maker *m, const struct section *s, const struct place *p)
{
    if (vf_strv_has(m->seen, s->node))
        return;
    vf_strv_add(&m->seen, s->node);
    vf_buf_puts(&m->nodes, m->nodes.len ? ",\n      {" : "      {");
    put(&m->nodes, " ", "name", s->node);
    put(&m->nodes, " ", "address", p->host);
    put_ssh(&m->nodes, p);
    vf_buf_puts(&m->nodes, " }");
}

/* Where the storage's files are: the node's own address, or a host of its own. */
static int put_storage(struct maker *m, const struct section *s, struct vf_error **err)
{
    static const char tells[] = "path is not needed: Proxmox VE tells where its volumes are";
    __attribute__((cleanup(free_place))) struct place p = {0};
    const char *path = s->v[PATH].text;
    if (read_place(s->v[SSH].text, &p) < 0)
        return bad(err, m->ini, s->v[SSH].line, "ssh must be USER@HOST or USER@HOST:PORT");
    if ((*path != '/' && !vf_starts(path, "zfs:")) || vf_cfg_check_line(path))
        return bad(err, m->ini, s->v[PATH].line,
                   "path must be absolute, or zfs:POOL/DATASET, without control characters");
    if (*s->v[TEMP].text != '/')
        return bad(err, m->ini, s->v[TEMP].line, "temp must be an absolute path");
    note(m, s->v[TEMP].line, "temp is not needed: disks are written to where they are to be");
    if (!strcmp(s->storage, "*")) {
        if (!m->ssh.len)
            put_ssh(&m->ssh, &p);
        note(m, s->v[SSH].line,
             "of a storage for all names only user and port are taken, for all nodes");
    } else if (s->node) {
        put_node(m, s, &p);
        note(m, s->v[PATH].line, tells);
    } else if (*path == '/' && vf_ends(path, "/images") && path[strlen("/images")]) {
        vf_autofree char *dir = vf_strndup(path, strlen(path) - strlen("/images"));
        vf_buf_puts(&m->storages, m->storages.len ? ",\n      {" : "      {");
        put(&m->storages, " ", "name", s->storage);
        put(&m->storages, " ", "address", p.host);
        put(&m->storages, " ", "path", dir);
        put_ssh(&m->storages, &p);
        vf_buf_puts(&m->storages, " }");
    } else {
        note(m, s->v[SSH].line,
             "ssh is left out: its disks are read and written on the nodes instead");
        note(m, s->v[PATH].line,
             *path == '/' ? "path has no counterpart, as it does not end in /images" : tells);
    }
    return 0;
}

static bool is_host(const char *s)
{
    return is_word(s) || (strchr(s, ':') && strspn(s, "0123456789abcdefABCDEF:.") == strlen(s));
}

static bool is_user(const char *s)
{
    const char *realm = strrchr(s, '@');
    for (const char *p = s; *p; p++)
        if (isspace((unsigned char)*p) || iscntrl((unsigned char)*p) || strchr("/!", *p))
            return false;
    return realm && realm > s && is_word(realm + 1);
}

/* https://USER@REALM:PASSWORD@HOST:PORT; the password may hold an @, as may the user's name. */
static int put_login(struct maker *m, const struct section *s, struct vf_error **err)
{
    __attribute__((cleanup(free_place))) struct place p = {0};
    const char *api = s->v[API].text, *rest = api + strlen("https://");
    const char *at = vf_starts(api, "https://") ? strrchr(rest, '@') : NULL;
    const char *colon = at ? memchr(rest, ':', (size_t)(at - rest)) : NULL;
    vf_autofree char *user =
        vf_strndup(at ? rest : "", at ? (size_t)((colon ? colon : at) - rest) : 0);
    vf_autofree char *host = vf_strndup(at ? at + 1 : "", at ? strcspn(at + 1, "/") : 0);
    if (read_place(host, &p) < 0 || !is_host(p.host) || !is_user(user))
        return bad(err, m->ini, s->v[API].line,
                   "api must be https://USER@REALM:PASSWORD@HOST:PORT");
    vf_autofree char *url = vf_asprintf(strchr(p.host, ':') ? "https://[%s]:%u" : "https://%s:%u",
                                        p.host, p.port ? (unsigned)p.port : 8006);
    put(&m->text, "    ", "url", url);
    put(&m->text, " ", "user", user);
    if (!p.port)
        note(m, s->v[API].line, "api names no port: 8006 is taken");
    if (!colon || colon + 1 == at)
        return 0;
    struct vf_proxmoverc_login *l =
        vf_grow(&m->out->logins, &m->out->n_logins, sizeof *m->out->logins);
    l->cluster = vf_strdup(s->cluster);
    l->password = vf_secret_new(colon + 1, (size_t)(at - colon - 1));
    vf_autofree char *name = vf_proxmoverc_secret_name(s->cluster);
    put(&m->text, "\n    ", "secret-file", m->secret_files ? name : NULL);
    return 0;
}

static void put_list(struct maker *m, const char *key, const struct vf_buf *entries)
{
    if (entries->len)
        vf_buf_printf(&m->text, "\n    %s = (\n%s );", key, entries->data);
}

static int put_cluster(struct maker *m, const struct section *s, struct vf_error **err)
{
    m->nodes.len = m->storages.len = m->ssh.len = 0;
    vf_strv_free(m->seen);
    m->seen = vf_strv_new();
    vf_buf_puts(&m->text, m->out->n_clusters++ ? ",\n  {" : "  {");
    put(&m->text, " ", "name", s->cluster);
    vf_buf_puts(&m->text, " type = \"pve\";\n");
    if (put_login(m, s, err) < 0)
        return -1;
    for (size_t i = 0; i < m->ini->n; i++)
        if (m->ini->v[i].storage && vf_streq(m->ini->v[i].cluster, s->cluster) &&
            put_storage(m, &m->ini->v[i], err) < 0)
            return -1;
    if (m->ssh.len)
        vf_buf_printf(&m->text, "\n   %s", vf_buf_str(&m->ssh));
    put_list(m, "nodes", &m->nodes);
    put_list(m, "storages", &m->storages);
    vf_buf_puts(&m->text, " }");
    return 0;
}

static int make(struct maker *m, struct vf_error **err)
{
    vf_buf_puts(&m->text,
                "# made of a configuration of proxmove; see vmferry.conf(5)\nclusters = (\n");
    for (size_t i = 0; i < m->ini->n; i++)
        if (!m->ini->v[i].storage && put_cluster(m, &m->ini->v[i], err) < 0)
            return -1;
    if (!m->out->n_clusters)
        return vf_fail(err, VF_E_USAGE, "%s has no section [pve:CLUSTER]", m->ini->file);
    vf_buf_puts(&m->text, "\n);\n");
    m->out->text = vf_buf_take(&m->text);
    return 0;
}

struct vf_proxmoverc *vf_proxmoverc_read(const char *text, size_t len, const char *file,
                                         bool secret_files, struct vf_error **err)
{
    __attribute__((cleanup(free_ini))) struct ini ini = {.file = file};
    vf_auto(vf_proxmoverc_free) struct vf_proxmoverc *p = vf_xcalloc(1, sizeof *p);
    p->notes = vf_strv_new();
    if (strlen(text) != len) {
        vf_fail(err, VF_E_USAGE, "%s is not a text file", file);
        return NULL;
    }
    char *copy = vf_strdup(text);
    struct maker m = {.ini = &ini, .out = p, .secret_files = secret_files};
    int r = read_lines(&ini, copy, err);
    if (r == 0)
        r = make(&m, err);
    vf_wipe(copy, len);
    free(copy);
    vf_buf_free(&m.text);
    vf_buf_free(&m.nodes);
    vf_buf_free(&m.storages);
    vf_buf_free(&m.ssh);
    vf_strv_free(m.seen);
    return r < 0 ? NULL : VF_STEAL(p);
}

bool vf_is_proxmoverc(const char *text)
{
    for (const char *p = text; *p; p++) {
        p += strspn(p, " \t\r\n");
        if (*p != ';' && *p != '#')
            return *p == '[';
        p += strcspn(p, "\n");
        if (!*p)
            break;
    }
    return false;
}

char *vf_proxmoverc_secret_name(const char *cluster)
{
    return vf_asprintf("%s.password", cluster);
}

void vf_proxmoverc_free(struct vf_proxmoverc *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->n_logins; i++) {
        free(p->logins[i].cluster);
        vf_secret_free(p->logins[i].password);
    }
    free(p->logins);
    vf_strv_free(p->notes);
    free(p->text);
    free(p);
}
