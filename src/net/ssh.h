/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SSH to one host: two transports (libssh2, the OpenSSH program) behind one table. Where the host
 * allows fewer commands at a time in a connection than are wanted (MaxSessions), more connections
 * are made, without asking anybody again. A connection may be used by one thread at a time; the
 * descriptors of a child may be used by any. */
#ifndef VF_NET_SSH_H
#define VF_NET_SSH_H

#include <sys/types.h>
#include "base/ask.h"
#include "base/buf.h"
#include "conf/conf.h"

struct vf_ssh;

/* What an UNSUPPORTED error names when a host's algorithms are old: the setting that allows them.
 */
#define VF_SSH_LEGACY "legacy = true"

/* Logs in at the first of ADDRESSES (NULL-terminated) that answers; CONF is complete (inherited).
 * LABEL is the host's name on screen ("a1"). Asks ASKER: "host-key:HOST" (unknown key: choices
 * yes/no, safe no; a CHANGED key is never asked about: VF_E_TRUST), "ssh-password:USER@HOST",
 * "ssh-passphrase:FILE", "ssh-prompt:USER@HOST"; HOST is the name in known_hosts: the host's name
 * or address after ssh_config, lower case, "[HOST]:PORT" unless the port is 22, or a HostKeyAlias.
 * AUTH, TRUST, NET say what failed. Everything is borrowed for the call only, but ASKER and CANCEL,
 * which must outlive the connection. With CONF's jump, that host is logged in to first (its
 * questions name it) and the addresses are dialled from there, by the OpenSSH program. Without an
 * asker every question is answered "no". SIGPIPE must be ignored or blocked by who writes to a
 * child. */
struct vf_ssh *vf_ssh_open(const char *label, char *const *addresses,
                           const struct vf_ssh_conf *conf, const struct vf_asker *asker,
                           struct vf_cancel *cancel, struct vf_error **err);
/* The same at a host that locks accounts: PASSWORD (NULL: keys alone) is sent once and never again,
 * whatever methods, addresses and transports there are, unless it was accepted; of keys only CONF's
 * is tried. Data is moved over it: the OpenSSH program is taken where there is one. */
struct vf_ssh *vf_ssh_open_once(const char *label, char *const *addresses,
                                const struct vf_ssh_conf *conf, const struct vf_secret *password,
                                const struct vf_asker *asker, struct vf_cancel *cancel,
                                struct vf_error **err);
/* From now on CANCEL ends what waits for S; what it was opened with still ends the connection.
 * Returns what did before. */
struct vf_cancel *vf_ssh_set_cancel(struct vf_ssh *s, struct vf_cancel *cancel);
void vf_ssh_free(struct vf_ssh *s);
VF_DEFINE_CLEANUP(struct vf_ssh *, vf_ssh_free)

const char *vf_ssh_label(const struct vf_ssh *s);
const char *vf_ssh_address(const struct vf_ssh *s); /* the address that answered */
uint16_t vf_ssh_port(const struct vf_ssh *s);
const char *vf_ssh_user(const struct vf_ssh *s);
/* The verified host key as "TYPE BASE64" (what stands behind the name in known_hosts). */
const char *vf_ssh_host_key(const struct vf_ssh *s);

struct vf_ssh_result {
    int status; /* exit status; 128 + signal; 255 never means "ssh failed" (that is an error) */
    struct vf_buf out, err;
};

/* Runs COMMAND by the remote shell, with INPUT (may be NULL) on its stdin; with conf.sudo through
 * `sudo -n`. 0 whatever its status; -1 with *err when it could not be run, the connection broke or
 * it was silent for VF_T_COMMAND.
 */
int vf_ssh_exec(struct vf_ssh *s, const char *command, const void *input, size_t input_len,
                struct vf_ssh_result *out, struct vf_error **err);
void vf_ssh_result_free(struct vf_ssh_result *r);

/* A long-running COMMAND whose stdin, stdout, stderr are plain descriptors here (pipes or sockets),
 * usable with poll; end of file on IN/OUT means what it says. */
struct vf_ssh_child {
    int in, out, err;
    struct vf_ssh_child_priv *priv;
};

int vf_ssh_start(struct vf_ssh *s, const char *command, struct vf_ssh_child *out,
                 struct vf_error **err);
/* The same over another connection to that host by the OpenSSH program with CIPHERS (as
 * vf_ciphers() takes them), for data that would be slow over this one; returns before it has logged
 * in. S (its jump host) must outlive the child. */
int vf_ssh_start_own(struct vf_ssh *s, const char *command, const char *ciphers,
                     struct vf_ssh_child *out, struct vf_error **err);
/* Waits until such a child has said something on its stdout. Nobody is asked: AUTH when logging in
 * takes more than keys; TRUST when another host key is shown than the one that was verified. */
int vf_ssh_own_greeted(const struct vf_ssh_child *c, struct vf_cancel *cancel,
                       struct vf_error **err);
/* Closes what is open, waits at most TIMEOUT_MS for the end, then hangs up. Exit status as above,
 * -1 with *err when the connection broke or time was up. The child is gone in every case. */
int vf_ssh_finish(struct vf_ssh_child *c, int timeout_ms, struct vf_error **err);

#endif
