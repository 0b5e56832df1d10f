/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What may stand in vmferry.conf: keys with their types and limits, as tables, and what goes with
 * what. */
#include "config.h"
#include "conf/conf_int.h"
#include "base/str.h"

#include <ctype.h>
#include <string.h>

static const char WORD_CHARS[] =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

static bool is_word(const char *s, size_t n)
{
    return n > 0 && s[0] != '-' && strspn(s, WORD_CHARS) >= n;
}

static const char *check_word(const char *v)
{
    return is_word(v, strlen(v)) ? NULL : "must consist of letters, digits, \".\", \"_\" and \"-\"";
}

/* USER@REALM with the N characters of S; a user's name may hold an @ itself. */
static bool is_userid(const char *s, size_t n)
{
    size_t at = n;
    while (at > 0 && s[at - 1] != '@')
        at--;
    if (at < 2 || !is_word(s + at, n - at))
        return false;
    for (size_t i = 0; i + 1 < at; i++)
        if (isspace((unsigned char)s[i]) || iscntrl((unsigned char)s[i]) || strchr(":/!", s[i]))
            return false;
    return true;
}

static const char *check_user(const char *v)
{
    vf_autofree char *somewhere = strchr(v, '@') ? vf_strdup(v) : vf_asprintf("%s@pam", v);
    return is_userid(somewhere, strlen(somewhere))
               ? NULL
               : "must be USER@REALM, such as \"root@pam\", or USER (the realm is asked)";
}

static const char *check_token(const char *v)
{
    const char *bang = strchr(v, '!');
    if (bang && is_userid(v, (size_t)(bang - v)) && is_word(bang + 1, strlen(bang + 1)))
        return NULL;
    return "must be USER@REALM!NAME, such as \"root@pam!vmferry\" (the token's secret belongs in "
           "secret-file)";
}

static const char *check_url(const char *v)
{
    static const char why[] = "must be https://HOST:PORT, such as \"https://10.0.0.1:8006\"";
    if (!vf_starts(v, "https://"))
        return why;
    const char *host = v + 8, *end;
    if (*host == '[') {
        size_t n = strspn(host + 1, "0123456789abcdefABCDEF:.");
        end = host + 1 + n;
        if (!n || *end++ != ']')
            return why;
    } else {
        size_t n = strspn(host, WORD_CHARS);
        end = host + n;
        if (!is_word(host, n))
            return why;
    }
    if (*end == ':') {
        size_t n = strspn(end + 1, "0123456789");
        vf_autofree char *digits = vf_strndup(end + 1, n);
        uint64_t port;
        if (vf_parse_u64(digits, 1, 65535, &port) < 0)
            return why;
        end += 1 + n;
    }
    return !*end || !strcmp(end, "/") ? NULL : why;
}

static const char *check_fingerprint(const char *v)
{
    size_t i = 0;
    for (; i < 32 * 3 - 1; i++)
        if (i % 3 == 2 ? v[i] != ':' : !isxdigit((unsigned char)v[i]))
            break;
    if (i == 32 * 3 - 1 && !v[i])
        return NULL;
    if (i == 20 * 3 - 1 && !v[i])
        return "must be the SHA-256 fingerprint, not the SHA-1 one, which proves nothing any more: "
               "openssl s_client -connect HOST:443 </dev/null | openssl x509 -noout -fingerprint "
               "-sha256";
    return "must be the certificate's SHA-256 fingerprint: 32 pairs of hexadecimal digits with "
           "\":\" between them, as Proxmox shows it at Node, System, Certificates";
}

static const char *const types[] = {"pve", "esxi", NULL};
static const char *const ways[] = {"api", "ssh", NULL};
static const char *const transports[] = {"auto", "libssh2", "openssh", NULL};
static const char *const none[] = {"none", NULL};

static int finish_ssh(void *item, struct vf_error **err)
{
    struct vf_ssh_conf *c = item;
    if (c->password_file && c->password_command)
        return vf_fail(err, VF_E_USAGE, "password-file and password-command exclude each other");
    return 0;
}

#define AT(type, member) .offset = offsetof(struct type, member)

static const struct vf_cfg_key ssh_keys[] = {
    {"user", VF_CFG_STR, AT(vf_ssh_conf, user), .check = vf_cfg_check_name},
    {"port", VF_CFG_UINT, AT(vf_ssh_conf, port), .width = sizeof(uint16_t), .min = 1, .max = 65535},
    {"key", VF_CFG_PATH, AT(vf_ssh_conf, key), .check = vf_cfg_check_line},
    {"known-hosts", VF_CFG_PATH, AT(vf_ssh_conf, known_hosts), .check = vf_cfg_check_line},
    {"config", VF_CFG_PATH, AT(vf_ssh_conf, config), .check = vf_cfg_check_line, .words = none},
    {"password-file", VF_CFG_PATH, AT(vf_ssh_conf, password_file), .check = vf_cfg_check_line},
    {"password-command", VF_CFG_STR, AT(vf_ssh_conf, password_command)},
    {"jump", VF_CFG_STR, AT(vf_ssh_conf, jump), .check = vf_cfg_check_name},
    {"sudo", VF_CFG_TRI, AT(vf_ssh_conf, sudo)},
    {"legacy", VF_CFG_TRI, AT(vf_ssh_conf, legacy)},
    {"transport", VF_CFG_WORD, AT(vf_ssh_conf, transport), .words = transports},
};
static const struct vf_cfg_table ssh_table = {
    .what = "ssh", .keys = ssh_keys, .n_keys = VF_COUNT(ssh_keys), .finish = finish_ssh};

static void init_node(void *item, const void *owner)
{
    struct vf_node_conf *n = item;
    vf_ssh_conf_init(&n->ssh);
}

static const struct vf_cfg_key node_keys[] = {
    {"name", VF_CFG_STR, .required = true, AT(vf_node_conf, name), .check = check_word},
    {"address", VF_CFG_STR, AT(vf_node_conf, address), .check = vf_cfg_check_name},
    {"data-address", VF_CFG_STR, AT(vf_node_conf, data_address), .check = vf_cfg_check_name},
    {"ssh", VF_CFG_GROUP, AT(vf_node_conf, ssh), .table = &ssh_table},
};
static const struct vf_cfg_table node_table = {.what = "a node",
                                               .keys = node_keys,
                                               .n_keys = VF_COUNT(node_keys),
                                               .size = sizeof(struct vf_node_conf),
                                               .init = init_node};

static void init_storage(void *item, const void *owner)
{
    struct vf_storage_conf *s = item;
    vf_ssh_conf_init(&s->ssh);
}

/* The directory is on another host: neither "~" nor this file's folder means anything there. */
static const char *check_remote_path(const char *v)
{
    return *v == '/' ? vf_cfg_check_line(v) : "must be an absolute path on the host that holds it";
}

static const struct vf_cfg_key storage_keys[] = {
    {"name", VF_CFG_STR, .required = true, AT(vf_storage_conf, name), .check = check_word},
    {"node", VF_CFG_STR, AT(vf_storage_conf, node), .check = check_word},
    {"address", VF_CFG_STR, AT(vf_storage_conf, address), .check = vf_cfg_check_name},
    {"path", VF_CFG_STR, AT(vf_storage_conf, path), .check = check_remote_path},
    {"ssh", VF_CFG_GROUP, AT(vf_storage_conf, ssh), .table = &ssh_table},
};
static const struct vf_cfg_table storage_table = {.what = "a storage",
                                                  .keys = storage_keys,
                                                  .n_keys = VF_COUNT(storage_keys),
                                                  .size = sizeof(struct vf_storage_conf),
                                                  .init = init_storage};

static void init_cluster(void *item, const void *owner)
{
    vf_cluster_conf_init(item);
}

/* https://HOST:PORT, without the slash some people copy along. VMware's port is that of https. */
static void complete_url(char **url, bool vmware)
{
    size_t n = strlen(*url);
    if ((*url)[n - 1] == '/')
        (*url)[--n] = 0;
    if (vmware)
        return;
    size_t digits = 0;
    while (isdigit((unsigned char)(*url)[n - 1 - digits]))
        digits++;
    if ((*url)[n - 1 - digits] == ':' && digits)
        return;
    char *full = vf_asprintf("%s:8006", *url);
    free(*url);
    *url = full;
}

/* A key that means nothing at a cluster of C's type, and why; NULL: there is none. */
static const char *misplaced(const struct vf_cluster_conf *c, bool vmware, const char **why)
{
    static const char only_esxi[] = "is for type = \"esxi\" only";
    const struct {
        const char *key;
        bool named, vmware;
        const char *why;
    } keys[] = {
        {"way", c->way, false, only_esxi},
        {"old-tls", c->old_tls, false, only_esxi},
        {"token", c->token, true, "is Proxmox VE's: VMware's logins are a user with a password"},
        {"storages", c->n_storages, true,
         "is for Proxmox VE's: disks in datastores are read through the host"},
        {"sudo", c->ssh.sudo == 1, true, "cannot be: an ESXi host has no sudo"},
    };
    for (size_t i = 0; i < VF_COUNT(keys); i++)
        if (keys[i].named && keys[i].vmware == vmware) {
            *why = keys[i].why;
            return keys[i].key;
        }
    return NULL;
}

static int finish_type(struct vf_cluster_conf *c, struct vf_error **err)
{
    bool vmware = vf_streq(c->type, "esxi");
    const char *why, *key = misplaced(c, vmware, &why);
    if (key)
        return vf_fail(err, VF_E_USAGE, "the cluster \"%s\": %s %s", c->name, key, why);
    if (vmware && !c->user)
        c->user = vf_strdup("root");
    if (vmware && !c->urls) {
        c->urls = vf_strv_new();
        vf_strv_addf(&c->urls, "https://%s", c->name);
    }
    if (!c->urls)
        return vf_fail(err, VF_E_USAGE, "a cluster needs the key \"url\"");
    for (size_t i = 0; c->urls[i]; i++)
        complete_url(&c->urls[i], vmware);
    return 0;
}

static int finish_cluster(void *item, struct vf_error **err)
{
    struct vf_cluster_conf *c = item;
    if (finish_type(c, err) < 0)
        return -1;
    if (c->user && c->token)
        return vf_fail(err, VF_E_USAGE,
                       "the cluster \"%s\" has a user and a token: give a user (who logs in with a "
                       "password) or a token",
                       c->name);
    if (!c->user && !c->token && (c->secret_file || c->secret_command))
        return vf_fail(err, VF_E_USAGE,
                       "the cluster \"%s\" has a secret, but neither a user nor a token", c->name);
    if (c->secret_file && c->secret_command)
        return vf_fail(err, VF_E_USAGE, "secret-file and secret-command exclude each other");
    for (size_t i = 0; i < c->n_nodes; i++)
        for (size_t j = 0; j < i; j++)
            if (vf_streq(c->nodes[i].name, c->nodes[j].name))
                return vf_fail(err, VF_E_USAGE, "the node \"%s\" is there twice", c->nodes[i].name);
    for (size_t i = 0; i < c->n_storages; i++)
        for (size_t j = 0; j < i; j++)
            if (vf_streq(c->storages[i].name, c->storages[j].name) &&
                vf_streq(c->storages[i].node, c->storages[j].node))
                return vf_fail(err, VF_E_USAGE, "the storage \"%s\" is there twice",
                               c->storages[i].name);
    for (char **f = c->fingerprints; f && *f; f++)
        for (char *p = *f; *p; p++)
            *p = (char)toupper((unsigned char)*p);
    if (!c->ssh.jump)
        c->ssh.jump = vf_strdup(c->via);
    return 0;
}

static const struct vf_cfg_key cluster_keys[] = {
    {"name", VF_CFG_STR, .required = true, AT(vf_cluster_conf, name), .check = check_word},
    {"type", VF_CFG_STR, .required = true, AT(vf_cluster_conf, type), .words = types},
    {"url", VF_CFG_STRV, AT(vf_cluster_conf, urls), .check = check_url},
    {"user", VF_CFG_STR, AT(vf_cluster_conf, user), .check = check_user},
    {"token", VF_CFG_STR, AT(vf_cluster_conf, token), .check = check_token},
    {"secret-file", VF_CFG_PATH, AT(vf_cluster_conf, secret_file), .check = vf_cfg_check_line},
    {"secret-command", VF_CFG_STR, AT(vf_cluster_conf, secret_command)},
    {"fingerprint", VF_CFG_STRV, AT(vf_cluster_conf, fingerprints), .check = check_fingerprint},
    {"ca-file", VF_CFG_PATH, AT(vf_cluster_conf, ca_file), .check = vf_cfg_check_line},
    {"verify", VF_CFG_BOOL, AT(vf_cluster_conf, verify)},
    {"way", VF_CFG_STR, AT(vf_cluster_conf, way), .words = ways},
    {"old-tls", VF_CFG_BOOL, AT(vf_cluster_conf, old_tls)},
    {"via", VF_CFG_STR, AT(vf_cluster_conf, via), .check = vf_cfg_check_name},
    {"ssh", VF_CFG_GROUP, AT(vf_cluster_conf, ssh), .table = &ssh_table},
    {"nodes", VF_CFG_LIST, AT(vf_cluster_conf, nodes), .table = &node_table,
     .count = offsetof(struct vf_cluster_conf, n_nodes)},
    {"storages", VF_CFG_LIST, AT(vf_cluster_conf, storages), .table = &storage_table,
     .count = offsetof(struct vf_cluster_conf, n_storages)},
};
static const struct vf_cfg_table cluster_table = {.what = "a cluster",
                                                  .keys = cluster_keys,
                                                  .n_keys = VF_COUNT(cluster_keys),
                                                  .size = sizeof(struct vf_cluster_conf),
                                                  .init = init_cluster,
                                                  .finish = finish_cluster};

static int finish_conf(void *item, struct vf_error **err)
{
    struct vf_conf *c = item;
    for (size_t i = 0; i < c->n_clusters; i++)
        for (size_t j = 0; j < i; j++)
            if (vf_streq(c->clusters[i].name, c->clusters[j].name))
                return vf_fail(err, VF_E_USAGE, "the cluster \"%s\" is there twice",
                               c->clusters[i].name);
    return 0;
}

static const struct vf_cfg_key conf_keys[] = {
    {"clusters", VF_CFG_LIST, .required = true, AT(vf_conf, clusters), .table = &cluster_table,
     .min = 1, .count = offsetof(struct vf_conf, n_clusters)},
};
const struct vf_cfg_table vf_conf_table = {.what = "vmferry.conf",
                                           .keys = conf_keys,
                                           .n_keys = VF_COUNT(conf_keys),
                                           .finish = finish_conf};
