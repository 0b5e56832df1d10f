/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Migration between clusters: what its two sides share. */
#ifndef VF_LAB_MIGRATE_H
#define VF_LAB_MIGRATE_H

#include "tests/lab/lab.h"

struct lab_endpoint {
    char *host, *fingerprint, *token; /* "PVEAPIToken=user@realm!name=SECRET" */
    int port;
};

/* remote.c */
/* "data" of the answer; NULL with *err: the status line. */
json_t *lab_remote_call(const struct lab_endpoint *e, const char *method, const char *path,
                        const char *form, struct vf_error **err);
/* A command through the tunnel TICKET of the cluster in CDIR. Takes ARGS. */
int lab_tunnel_call(const char *cdir, const char *ticket, const char *verb, json_t *args,
                    json_t **out, struct vf_error **err);

/* tunnel.c: `vmferry-lab ctl tunnel TICKET VERB JSON`, as the source's worker speaks. */
int lab_tunnel_command(struct lab *lab, char *const *args, struct vf_buf *out);
json_t *lab_post_mtunnel(struct lab_call *c);

#endif
