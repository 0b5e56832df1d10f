/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the parts of the SSH client share: the target of one address, the login's questions, the ops
 * table of the two transports. Nothing outside src/net includes this. */
#ifndef VF_NET_SSH_INT_H
#define VF_NET_SSH_INT_H

#include <stdint.h>
#include "base/clock.h"
#include "net/ssh.h"

enum {
    VF_SSH_MAX_OUTPUT = 16 << 20, /* of one vf_ssh_exec() and stream */
    VF_SSH_TYPED_PASSWORDS = 3,   /* how often a person may try */
    VF_SSH_KEEPALIVE = 15,        /* seconds */
};

/* ssh.c: WHY, which old algorithms were the reason of, with what to do about them; and that the
 * user of S is let in and may run nothing. Both return -1. */
int vf_ssh_fail_old(const struct vf_error *why, struct vf_error **err);
int vf_ssh_fail_no_session(const struct vf_ssh *s, struct vf_error **err);

/* One address, after ssh_config and vmferry.conf have had their say. */
struct vf_ssh_target {
    char *address; /* as the caller gave it */
    char *host;    /* what is dialled */
    uint16_t port;
    char *user;
    char *known_name; /* name in known_hosts: HOST, [HOST]:PORT or a HostKeyAlias */
    char *who;        /* USER@KNOWN_NAME: names the login in asks */
    char *agent;      /* agent socket; NULL: none */
    char *config;     /* ssh_config file for ssh -F; NULL: ssh's own choice */
    char **keys;      /* private key files that exist */
    char **certificates;
    char **known_files; /* the first is the one that gets new keys */
    bool only_keys;     /* of the agent's keys only those in KEYS */
    bool proxy;         /* ProxyCommand or ProxyJump */
    bool pkcs11;
    bool usual_ciphers; /* ssh_config has nothing to say on them */
    bool legacy;        /* old key types and algorithms, too */
    bool no_program;    /* there is no ssh on this machine */
};

/* Asks `ssh -G` about ADDRESS (without the program: defaults) and lets CONF win. */
struct vf_ssh_target *vf_ssh_target_new(const char *address, const struct vf_ssh_conf *conf,
                                        struct vf_cancel *cancel, struct vf_error **err);
void vf_ssh_target_free(struct vf_ssh_target *t);
VF_DEFINE_CLEANUP(struct vf_ssh_target *, vf_ssh_target_free)
/* "~/x", "%d/x", "%h" … as ssh_config means them; NULL for a token nobody here knows. */
char *vf_ssh_expand(const char *path, const struct vf_ssh_target *t);

/* A private key file, as far as it can be read without its passphrase. */
struct vf_ssh_key {
    char *type;          /* "ssh-ed25519"; "" when the format hides it */
    unsigned char *blob; /* public key; NULL when the format hides it */
    size_t blob_len;
    bool has_private, encrypted;
};

/* 0, or -1 when neither PATH nor PATH.pub can be read as a key. */
int vf_ssh_key_read(const char *path, struct vf_ssh_key *out);
void vf_ssh_key_clear(struct vf_ssh_key *k);
/* Whether libssh2 can log in with a key of this TYPE: 1.10 signs RSA only with SHA-1, which sshd
 * has refused since 8.8, and knows neither certificates nor security keys. */
bool vf_ssh_key_for_libssh2(const char *type);
/* The first string of a public key blob; caller frees; NULL when malformed. */
char *vf_ssh_blob_type(const unsigned char *blob, size_t len);
unsigned char *vf_base64_decode(const char *text, size_t n, size_t *len);
char *vf_base64_encode(const unsigned char *data, size_t n);

/* A password that may be tried once. */
struct vf_ssh_once {
    struct vf_secret *password; /* NULL: none */
    bool sent, good;            /* good: it was accepted, so that it may be sent again */
};

/* The secrets of one login and how often they were tried. What was answered is kept for as long as
 * the connection lives: it may have to be made once more. */
struct vf_ssh_login {
    char *who; /* USER@HOST */
    char *password_file, *password_command;
    const struct vf_asker *asker;
    struct vf_cancel *cancel;
    bool again; /* nobody is asked: what was answered before has to do */
    bool configured_used;
    int typed, prompts;
    struct vf_ssh_once *once; /* borrowed; NULL: persons are asked, more than once */
    struct vf_ssh_answered {
        char *question;
        struct vf_secret *secret;
        bool used; /* since the last rewind */
    } * answered;
    size_t n_answered;
};

struct vf_ssh_login *vf_ssh_login_new(const char *who, const struct vf_ssh_conf *conf,
                                      const struct vf_asker *asker, struct vf_cancel *cancel);
void vf_ssh_login_free(struct vf_ssh_login *l);
/* The same answers are about to be needed once more; AGAIN: and no others are to be had. */
void vf_ssh_login_rewind(struct vf_ssh_login *l, bool again);
/* What QUESTION was answered with, once after each rewind; NULL: nothing. Caller frees. */
struct vf_secret *vf_ssh_login_recall(struct vf_ssh_login *l, const char *question);
void vf_ssh_login_remember(struct vf_ssh_login *l, const char *question,
                           const struct vf_secret *secret);
/* Asks Q. Its title is the question to recall an answer by if KEEP. */
int vf_ssh_login_ask(struct vf_ssh_login *l, const struct vf_ask *q, bool keep,
                     struct vf_secret **out, struct vf_error **err);
/* The next password worth trying: the configured one once, then at most VF_SSH_TYPED_PASSWORDS
 * typed ones. 0 with *out (owned by the caller), -1 with *err when there is none. */
int vf_ssh_login_password(struct vf_ssh_login *l, struct vf_secret **out, struct vf_error **err);
/* The answer to one prompt of keyboard-interactive: a password when it asks for one, else asked. */
int vf_ssh_login_prompt(struct vf_ssh_login *l, const char *instruction, const char *prompt,
                        bool echo, struct vf_secret **out, struct vf_error **err);
/* The passphrase of key FILE, always asked. */
int vf_ssh_login_passphrase(struct vf_ssh_login *l, const char *file, struct vf_secret **out,
                            struct vf_error **err);
/* A yes/no question whose safe answer is no: 1, 0, or -1 with *err. */
int vf_ssh_login_confirm(const struct vf_asker *asker, struct vf_cancel *cancel, const char *id,
                         const char *title, const char *detail, const struct vf_ask_key *key,
                         struct vf_error **err);

/* TCP to HOST:PORT within VF_T_CONNECT per address; non-blocking descriptor or -1 (NET). */
int vf_ssh_dial(const char *host, uint16_t port, struct vf_cancel *cancel, struct vf_error **err);

struct vf_ssh_ops {
    const char *name;
    /* Connects, verifies the host key, logs in. 0, -1 with *err, or 1 when only the OpenSSH program
     * can do it (*why says what for). */
    int (*open)(struct vf_ssh *s, struct vf_ssh_login *login, const char **why,
                struct vf_error **err);
    void (*close)(struct vf_ssh *s);
    int (*start)(struct vf_ssh *s, const char *command, struct vf_ssh_child *out,
                 struct vf_error **err);
    /* As vf_ssh_finish(), with the child's descriptors closed already. */
    int (*finish)(struct vf_ssh_child_priv *c, int timeout_ms, struct vf_error **err);
};

extern const struct vf_ssh_ops vf_ssh_libssh2, vf_ssh_openssh;

struct vf_ssh {
    const struct vf_ssh_ops *ops;
    void *conn;          /* the transport's own */
    struct vf_ssh *jump; /* by way of this one (OpenSSH only); NULL: directly */
    char *label, *host_key;
    struct vf_ssh_target *target;
    bool sudo, forced; /* forced: the configuration names the transport */
    const struct vf_asker *asker;
    struct vf_cancel *cancel;
    struct vf_ssh_login *login;
    struct vf_ssh_once *once; /* NULL: passwords are asked for */
    unsigned running;         /* children */
    unsigned limit;           /* so many at a time are allowed in this connection; 0: not known */
    struct vf_ssh *more; /* another connection to the same host, for what this one does not allow */
    bool borrows;        /* target, jump, login and once are those of the first */
    bool dropped;        /* the host hung up before it said who it is */
};

/* COMMAND, through sudo where S has it; caller frees. */
char *vf_ssh_as_root(const struct vf_ssh *s, const char *command);

/* The common head of what the transports put behind a child. */
struct vf_ssh_child_priv {
    const struct vf_ssh_ops *ops;
    struct vf_ssh *ssh; /* that it runs in; NULL: a connection of its own */
};

#endif
