/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Clusters, nodes and storages as they are configured, and exported VMs as clusters of their own.
 */
#include "config.h"
#include "conf/conf_int.h"
#include "base/str.h"

#include <pthread.h>
#include <string.h>

void vf_ssh_conf_init(struct vf_ssh_conf *c)
{
    *c = (struct vf_ssh_conf){.sudo = -1, .transport = -1, .legacy = -1};
}

void vf_ssh_conf_free(struct vf_ssh_conf *c)
{
    free(c->user);
    free(c->key);
    free(c->known_hosts);
    free(c->config);
    free(c->password_file);
    free(c->password_command);
    free(c->jump);
    vf_ssh_conf_init(c);
}

void vf_ssh_conf_inherit(struct vf_ssh_conf *dst, const struct vf_ssh_conf *base)
{
    char **to[] = {&dst->user, &dst->key, &dst->known_hosts, &dst->config, &dst->jump};
    char *const from[] = {base->user, base->key, base->known_hosts, base->config, base->jump};
    for (size_t i = 0; i < VF_COUNT(to); i++)
        if (!*to[i])
            *to[i] = vf_strdup(from[i]);
    /* one source of a password replaces the other */
    if (!dst->password_file && !dst->password_command) {
        dst->password_file = vf_strdup(base->password_file);
        dst->password_command = vf_strdup(base->password_command);
    }
    if (!dst->port)
        dst->port = base->port;
    if (dst->sudo < 0)
        dst->sudo = base->sudo;
    if (dst->legacy < 0)
        dst->legacy = base->legacy;
    if (dst->transport < 0)
        dst->transport = base->transport;
}

void vf_cluster_conf_init(struct vf_cluster_conf *c)
{
    c->verify = true;
    vf_ssh_conf_init(&c->ssh);
}

static void free_cluster(struct vf_cluster_conf *c)
{
    for (size_t i = 0; i < c->n_nodes; i++) {
        free(c->nodes[i].name);
        free(c->nodes[i].address);
        free(c->nodes[i].data_address);
        vf_ssh_conf_free(&c->nodes[i].ssh);
    }
    for (size_t i = 0; i < c->n_storages; i++) {
        free(c->storages[i].name);
        free(c->storages[i].node);
        free(c->storages[i].address);
        free(c->storages[i].path);
        vf_ssh_conf_free(&c->storages[i].ssh);
    }
    free(c->nodes);
    free(c->storages);
    free(c->name);
    free(c->type);
    vf_strv_free(c->urls);
    free(c->user);
    free(c->token);
    free(c->secret_file);
    free(c->secret_command);
    vf_secret_free(c->secret);
    vf_strv_free(c->fingerprints);
    free(c->way);
    free(c->via);
    free(c->ca_file);
    vf_ssh_conf_free(&c->ssh);
}

void vf_conf_free(struct vf_conf *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->n_clusters; i++)
        free_cluster(&c->clusters[i]);
    free(c->clusters);
    free(c->path);
    free(c);
}

struct vf_conf *vf_conf_parse(const char *text, size_t len, const char *path, struct vf_error **err)
{
    vf_auto(vf_conf_free) struct vf_conf *c = vf_xcalloc(1, sizeof *c);
    c->path = vf_strdup(path);
    const char *slash = strrchr(path, '/');
    vf_autofree char *dir =
        slash ? vf_strndup(path, slash == path ? 1 : (size_t)(slash - path)) : vf_strdup(".");
    /* a job may run in another directory than the command that started it */
    vf_autofree char *full = *dir == '/' ? vf_strdup(dir) : realpath(dir, NULL);
    if (vf_cfg_read(text, len, path, full ? full : dir, &vf_conf_table, c, err) < 0)
        return NULL;
    return VF_STEAL(c);
}

/* A cluster that is a path. */
struct implied {
    struct vf_cluster_conf cluster;
    struct implied *next;
};

/* The one for PATH, made when it is asked for first. They belong to the process: as many as paths
 * were named to it, and whoever borrowed one may keep it. */
static const struct vf_cluster_conf *implied_cluster(const char *path, struct vf_error **err)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static struct implied *all;
    const char *why = vf_cfg_check_line(path);
    if (why) {
        vf_autofree char *shown = vf_escape(path);
        vf_fail(err, VF_E_USAGE, "the path of an exported VM %s: %s", why, shown);
        return NULL;
    }
    pthread_mutex_lock(&lock);
    struct implied *i = all;
    while (i && !vf_streq(i->cluster.name, path))
        i = i->next;
    if (!i) {
        i = vf_xcalloc(1, sizeof *i);
        vf_cluster_conf_init(&i->cluster);
        i->cluster.name = vf_strdup(path);
        i->cluster.type = vf_strdup("files");
        i->cluster.urls = vf_strv_new();
        vf_strv_add(&i->cluster.urls, path);
        i->next = all;
        all = i;
    }
    pthread_mutex_unlock(&lock);
    return &i->cluster;
}

const struct vf_cluster_conf *vf_conf_cluster(const struct vf_conf *c, const char *name,
                                              struct vf_error **err)
{
    if (name && *name == '/')
        return implied_cluster(name, err);
    vf_autobuf struct vf_buf known = {0};
    for (size_t i = 0; i < c->n_clusters; i++) {
        if (vf_streq(c->clusters[i].name, name))
            return &c->clusters[i];
        vf_buf_printf(&known, "%s%s", i ? ", " : "", c->clusters[i].name);
    }
    vf_autofree char *shown = vf_escape(name);
    vf_fail(err, VF_E_USAGE, "%s knows no cluster \"%s\" (it knows: %s)", c->path, shown,
            vf_buf_str(&known));
    return NULL;
}

const struct vf_node_conf *vf_conf_node(const struct vf_cluster_conf *c, const char *node)
{
    for (size_t i = 0; i < c->n_nodes; i++)
        if (vf_streq(c->nodes[i].name, node))
            return &c->nodes[i];
    return NULL;
}

const struct vf_storage_conf *vf_conf_storage(const struct vf_cluster_conf *c, const char *storage,
                                              const char *node)
{
    const struct vf_storage_conf *everywhere = NULL;
    for (size_t i = 0; i < c->n_storages; i++) {
        const struct vf_storage_conf *s = &c->storages[i];
        if (!vf_streq(s->name, storage))
            continue;
        if (s->node && vf_streq(s->node, node))
            return s;
        if (!s->node)
            everywhere = s;
    }
    return everywhere;
}

char *vf_url_host(const char *url)
{
    const char *h = strstr(url, "://");
    h = h ? h + 3 : url;
    if (*h == '[')
        return vf_strndup(h + 1, strcspn(h + 1, "]"));
    return vf_strndup(h, strcspn(h, ":/"));
}
