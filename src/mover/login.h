/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How vmferry-fetch logs in where it reads disks from: what the program tells it in one frame
 * (SOURCE) over a pipe on this machine. It is never sent to another host. */
#ifndef VF_MOVER_LOGIN_H
#define VF_MOVER_LOGIN_H

#include "base/secret.h"
#include "mover/wire.h"

struct vf_fetch_login {
    char *conf;      /* path of the configuration that knows CLUSTER */
    char *cluster;   /* NULL: nothing is logged in to, the disks are files of this machine */
    bool verify_tls; /* as on the command line */
    char *way;       /* "api", "ssh"; NULL: the faster of those that answer */
    char *user;      /* NULL: as configured */
    char **certs;    /* SHA-256 of certificates that a person has agreed to, beside those of the
                        configuration; NULL: none */
    struct vf_secret *password; /* as it was typed; NULL: as configured, or not needed */
};

void vf_fetch_login_clear(struct vf_fetch_login *l);
/* The fields of SOURCE; B is to be wiped (vf_wipe) once it was sent. */
void vf_fetch_login_fields(struct vf_buf *b, const struct vf_fetch_login *l);
/* Reads them into *OUT, to be cleared; what held the password in F is wiped. */
int vf_fetch_login_read(const struct vf_frame *f, struct vf_fetch_login *out,
                        struct vf_error **err);

#endif
