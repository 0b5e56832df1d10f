/* SPDX-License-Identifier: GPL-3.0-or-later */
/* vmferry.conf (libconfig): the clusters an operator knows. Secrets are sources (a file, a command,
 * a question), never values; but for those of a proxmoverc, which has them inside. See
 * data/vmferry.conf.5. */
#ifndef VF_CONF_CONF_H
#define VF_CONF_CONF_H

#include <stdbool.h>
#include <stdint.h>
#include "base/error.h"
#include "base/secret.h"

enum vf_ssh_transport { VF_SSH_AUTO, VF_SSH_LIBSSH2, VF_SSH_OPENSSH };

/* How to log in over SSH: at a cluster, and what differs for one node or storage. A field that is
 * not set (NULL, 0, -1) is taken from the cluster, then from ~/.ssh/config, then from the default.
 */
struct vf_ssh_conf {
    char *user;          /* default root */
    uint16_t port;       /* 0: not set; default 22 */
    char *key;           /* private key file */
    char *known_hosts;   /* file; default ~/.ssh/known_hosts */
    char *config;        /* ssh_config file; "none": none; default ~/.ssh/config */
    char *password_file; /* 0600 */
    char *password_command;
    char *jump;    /* [user@]host[:port] to go through; "none": straight, always */
    int sudo;      /* 1: run as root through sudo -n; -1: not set */
    int transport; /* enum vf_ssh_transport, -1: not set */
    int legacy;    /* 1: also the key types and algorithms of old hosts; -1: not set */
};

struct vf_node_conf {
    char *name;
    char *address;      /* what the operator's machine dials; NULL: name, cluster's address … */
    char *data_address; /* what the peer cluster's nodes dial */
    struct vf_ssh_conf ssh;
};

struct vf_storage_conf {
    char *name;
    char *node;    /* NULL: on all nodes */
    char *address; /* host that holds the files, when it is not the node */
    char *path;    /* directory that holds images/ there */
    struct vf_ssh_conf ssh;
};

struct vf_cluster_conf {
    char *name;
    char *type;  /* "pve", "esxi" (a host or a vCenter), "files" (see vf_conf_cluster()) */
    char **urls; /* https://HOST:8006, tried in order; of an ESXi host https://HOST[:PORT], also
                    where only SSH answers there */
    char *user;  /* user@realm; without realm, or NULL: what is missing is asked. ESXi: never
                    NULL */
    char *token; /* user@realm!name; NULL: log in with a password */
    char *secret_file; /* password or token secret, 0600; else secret_command; else asked */
    char *secret_command;
    struct vf_secret *secret; /* read already, from a proxmoverc; NULL otherwise */
    char **fingerprints; /* SHA-256 of the certificates, "AA:BB:…", any of them; NULL: CA check */
    char *ca_file;
    bool verify;  /* false only with --no-verify-ssl or verify = false */
    char *way;    /* into an ESXi host: "api", "ssh"; NULL: what answers */
    bool old_tls; /* versions and ciphers of TLS that are no longer safe, for old hosts */
    char *via;    /* [user@]host[:port]: API and SSH go through this host; NULL: straight */
    struct vf_ssh_conf ssh;
    struct vf_node_conf *nodes;
    size_t n_nodes;
    struct vf_storage_conf *storages;
    size_t n_storages;
};

struct vf_conf {
    char *path; /* where it was read from */
    struct vf_cluster_conf *clusters;
    size_t n_clusters;
};

/* Reads PATH, or with NULL the first of $XDG_CONFIG_HOME/vmferry/vmferry.conf,
 * /etc/vmferry/vmferry.conf. Unknown keys and wrong types are VF_E_USAGE with file and line. A
 * proxmoverc (known by its content) is taken as what it would be imported as. */
struct vf_conf *vf_conf_load(const char *path, struct vf_error **err);
/* Where the configuration is written to: the first of the files that vf_conf_load() looks for.
 * Caller frees. */
char *vf_conf_own_path(void);
/* Where the authority of CLUSTER is kept once a person trusted it: what vf_conf_load() puts in for
 * ca_file where neither that nor a fingerprint is configured. Caller frees. */
char *vf_conf_ca_path(const char *cluster);
/* The same from TEXT (LEN bytes); PATH names it in messages, its folder is what relative paths are
 * relative to. */
struct vf_conf *vf_conf_parse(const char *text, size_t len, const char *path,
                              struct vf_error **err);
void vf_conf_free(struct vf_conf *c);
VF_DEFINE_CLEANUP(struct vf_conf *, vf_conf_free)

/* Borrowed; NULL with VF_E_USAGE naming the known ones. A NAME that is an absolute path is a
 * cluster of type "files" without being configured: exported VMs on this machine, its only URL that
 * path. It stays until the process ends; threads may ask at once. */
const struct vf_cluster_conf *vf_conf_cluster(const struct vf_conf *c, const char *name,
                                              struct vf_error **err);
/* Borrowed or NULL. */
const struct vf_node_conf *vf_conf_node(const struct vf_cluster_conf *c, const char *node);
const struct vf_storage_conf *vf_conf_storage(const struct vf_cluster_conf *c, const char *storage,
                                              const char *node);
/* DST's unset fields are taken from BASE (deep copies). */
void vf_ssh_conf_inherit(struct vf_ssh_conf *dst, const struct vf_ssh_conf *base);
void vf_ssh_conf_init(struct vf_ssh_conf *c); /* all fields "not set" */
void vf_ssh_conf_free(struct vf_ssh_conf *c);

/* HOST of https://HOST[:PORT]/..., brackets of IPv6 taken off; caller frees. */
char *vf_url_host(const char *url);

#endif
