/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The OpenSSH transport's own: one `ssh -M` a connection, its questions, its control socket. */
#ifndef VF_NET_SSH_MASTER_H
#define VF_NET_SSH_MASTER_H

#include "base/tmpdir.h"
#include <pthread.h>
#include "net/ssh_int.h"

/* A directory of our own, 0700: control socket, the verified host key, the askpass script. */
struct vf_ssh_askpass {
    struct vf_tmpdir tmp;
    const char *dir; /* its path */
    int questions;   /* the fifo askpass writes to */
    int answer;      /* the fifo of the last answer, open until it was read */
    struct vf_buf in;
    char *alias; /* HostKeyAlias of the target: tells its prompts from those of a jump host */
    struct vf_ssh_login *login;
    const struct vf_ssh_target *target;
    int asked;
};

struct vf_ssh_askpass *vf_ssh_askpass_new(const struct vf_ssh_target *t, struct vf_ssh_login *login,
                                          struct vf_error **err);
/* Removes the directory and what is in it. */
void vf_ssh_askpass_free(struct vf_ssh_askpass *a);
/* Another ssh starts: what the one before it has still asked is nobody's question now. */
void vf_ssh_askpass_rewind(struct vf_ssh_askpass *a);
/* Answers what has been asked; 1: a question was answered, 0: none, -1: the login is over. */
int vf_ssh_askpass_serve(struct vf_ssh_askpass *a, struct vf_error **err);

/* ssh_mux.c: the protocol of the control socket (PROTOCOL.mux). */
/* Connected and greeted, or -1. */
int vf_ssh_mux_connect(const char *path, struct vf_cancel *cancel, struct vf_error **err);
int vf_ssh_mux_start(const char *path, const char *label, const char *command,
                     struct vf_cancel *cancel, struct vf_ssh_child *out, struct vf_error **err);
/* Connections to the unix socket LISTEN (to be made) lead to HOST:PORT from now on. */
int vf_ssh_mux_forward(const char *path, const char *listen, const char *host, uint16_t port,
                       struct vf_cancel *cancel, struct vf_error **err);
int vf_ssh_mux_finish(struct vf_ssh_child_priv *c, int timeout_ms, struct vf_error **err);

/* Adds options for old hosts where T says it is one. */
void vf_ssh_add_legacy(char ***v, const struct vf_ssh_target *t);
/* What every ssh of ours is told, whatever ssh_config says: no forwarding, no terminal, no other
 * source of host keys than the one it is given, and when a connection counts as lost. */
void vf_ssh_add_always(char ***v);
/* The algorithms that host keys of known_hosts' TYPE sign with; borrowed from TYPE or static. */
const char *vf_ssh_key_algorithms(const struct vf_ssh_target *t, const char *type);

/* The control socket of an open connection of this transport; borrowed. */
const char *vf_ssh_openssh_control(const struct vf_ssh *s);

/* "[user@]host[:port]", the host in brackets or not when it is an IPv6 address. */
struct vf_ssh_jump {
    char *user, *host; /* user: NULL when not said */
    uint16_t port;     /* 0: not said */
};
int vf_ssh_jump_parse(const char *text, struct vf_ssh_jump *out, struct vf_error **err);
void vf_ssh_jump_clear(struct vf_ssh_jump *j);
/* Logged in at CONF's jump host with CONF's key, known_hosts and ssh_config, or NULL. */
struct vf_ssh *vf_ssh_jump_open(const struct vf_ssh_conf *conf, const struct vf_asker *asker,
                                struct vf_cancel *cancel, struct vf_error **err);
/* The ProxyCommand that leads through JUMP; caller frees. */
char *vf_ssh_jump_proxy(const struct vf_ssh *jump);

/* One running ssh and the thread that keeps it: PR_SET_PDEATHSIG looks at the thread, and the one
 * that opens a connection may end long before it. */
struct vf_ssh_keeper {
    const char *const *argv;
    pthread_t thread;
    struct vf_cancel *stop;
    int ended; /* eventfd */
    pthread_mutex_t lock;
    struct vf_buf said;      /* the end of its stderr, under lock */
    struct vf_error *failed; /* it did not even start; under lock */
};

int vf_ssh_keeper_begin(struct vf_ssh_keeper *k, const char *const *argv, struct vf_cancel *cancel,
                        struct vf_error **err);
void vf_ssh_keeper_end(struct vf_ssh_keeper *k);
/* Did the host hang up before it said who it is? */
bool vf_ssh_keeper_dropped(struct vf_ssh_keeper *k);
/* What ssh's last words mean, as an error. Returns -1. */
int vf_ssh_keeper_fail(struct vf_ssh_keeper *k, const char *alias, const char *host,
                       struct vf_error **err);

#endif
