/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The way "ssh" into an ESXi host: its own commands, over one login. */
#ifndef VF_PROVIDER_ESXI_WAY_SSH_H
#define VF_PROVIDER_ESXI_WAY_SSH_H

#include <pthread.h>
#include "base/buf.h"
#include "net/ssh.h"
#include "provider/esxi/way.h"

/* One login, which all twins of a way run their commands in. */
struct vf_esxi_login {
    pthread_mutex_t lock; /* held while a command is started or buried, not while it runs */
    unsigned refs;        /* under lock */
    struct vf_ssh *ssh;
    struct vf_cancel *alive;    /* ends the connection; no other token may, they come and go */
    struct vf_secret *password; /* NULL: a key does */
    char *user, *version, *node;
    unsigned running;         /* commands; under lock */
    struct vf_error *refused; /* it was let in no more: nothing is tried again; under lock */
    bool sha256, md5;         /* which sums the host can make */
    bool vmkfstools;
};

struct vf_esxi_stream;

struct vf_esxi_ssh {
    struct vf_esxi_way way; /* first */
    struct vf_esxi_login *login;
    struct vf_cancel *cancel; /* borrowed; NULL: none */
    int silence_ms;           /* how long a command may say nothing; 0: the usual */
    /* of way_ssh_read.c; a twin has its own */
    struct vf_esxi_stream *stream; /* a dd that runs on; NULL: none */
    uint64_t until;                /* how far the next one may run */
};

struct vf_esxi_said {
    int status;
    struct vf_buf out, err;
};

/* The parts of what follows, for a command that outlives the call: it is started, … */
int vf_esxi_ssh_begin(struct vf_esxi_ssh *s, const char *command, struct vf_ssh_child *c,
                      struct vf_error **err);
/* … listened to until it has ended, or with ON until N bytes are in BUF, *GOT counts them … */
int vf_esxi_ssh_hear(struct vf_esxi_ssh *s, struct vf_ssh_child *c, bool on, char *buf, size_t n,
                     size_t *got, struct vf_esxi_said *out, struct vf_error **err);
/* … and gone: its exit status, or -1 (ERR may be NULL). ENDED: it is about to tell that. */
int vf_esxi_ssh_bury(struct vf_esxi_ssh *s, struct vf_ssh_child *c, bool ended,
                     struct vf_error **err);

/* Runs COMMAND by the host's shell. The first N bytes of its output go to BUF (NULL: to OUT->out),
 * more than N are CORRUPT. 0 whatever its status; *GOT (may be NULL): bytes of output. */
int vf_esxi_ssh_run(struct vf_esxi_ssh *s, const char *command, void *buf, size_t n, size_t *got,
                    struct vf_esxi_said *out, struct vf_error **err);
void vf_esxi_said_free(struct vf_esxi_said *said);
/* What a command said on stderr, as an error about WHAT. Returns -1. */
int vf_esxi_ssh_fail(const struct vf_esxi_said *said, const char *what, struct vf_error **err);

enum { VF_ESXI_MAX_TEXT = 8 << 20 }; /* of what a command prints */

/* way_ssh_vm.c */
int vf_esxi_ssh_vms(struct vf_esxi_way *w, struct vf_esxi_row **out, size_t *n,
                    struct vf_error **err);
int vf_esxi_ssh_now(struct vf_esxi_way *w, unsigned id, struct vf_esxi_now *out,
                    struct vf_error **err);
int vf_esxi_ssh_portgroups(struct vf_esxi_way *w, const char *node, struct vf_esxi_portgroup **out,
                           size_t *n, struct vf_error **err);
int vf_esxi_ssh_power(struct vf_esxi_way *w, unsigned id, enum vf_esxi_power what, unsigned timeout,
                      struct vf_error **err);
int vf_esxi_ssh_set_onboot(struct vf_esxi_way *w, unsigned id, bool onboot, struct vf_error **err);
int vf_esxi_ssh_drop_snapshots(struct vf_esxi_way *w, unsigned id, struct vf_error **err);

/* way_ssh_file.c */
/* Shell that prints N bytes at OFFSET of the quoted file PATH: dd by MiB, and by what divides both
 * at the ends. Caller frees. */
char *vf_esxi_dd(const char *path, uint64_t n, uint64_t offset);
char *vf_esxi_ssh_text(struct vf_esxi_way *w, const struct vf_esxi_file *f, size_t most,
                       size_t *len, struct vf_error **err);
int vf_esxi_ssh_stat(struct vf_esxi_way *w, const struct vf_esxi_file *f, uint64_t *size,
                     char **state, struct vf_error **err);
char *vf_esxi_ssh_sha256(struct vf_esxi_way *w, const struct vf_esxi_file *f, uint64_t n,
                         uint64_t offset, struct vf_error **err);
int vf_esxi_ssh_holes(struct vf_esxi_way *w, const struct vf_esxi_file *f, uint64_t size,
                      struct vf_recipe_hole **out, size_t *n, struct vf_error **err);

/* way_ssh_read.c */
int vf_esxi_ssh_read(struct vf_esxi_way *w, const struct vf_esxi_file *f, void *buf, size_t n,
                     uint64_t offset, struct vf_error **err);
void vf_esxi_ssh_read_on(struct vf_esxi_way *w, uint64_t end);

#endif
