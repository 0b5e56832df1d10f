/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A way to hosts and ports behind a jump host, as unix sockets: for what is not SSH itself. The
 * connection is the OpenSSH program's; when it has ended it is made again. */
#ifndef VF_NET_VIA_H
#define VF_NET_VIA_H

#include "net/ssh.h"

struct vf_via;

/* Dials nothing yet. HOP is "[USER@]HOST[:PORT]"; key, known_hosts and ssh_config are CONF's
 * (borrowed, as are ASKER and CANCEL). */
struct vf_via *vf_via_new(const char *hop, const struct vf_ssh_conf *conf,
                          const struct vf_asker *asker, struct vf_cancel *cancel);
void vf_via_free(struct vf_via *v);
VF_DEFINE_CLEANUP(struct vf_via *, vf_via_free)
/* From now on CANCEL ends what waits; the connection is made again when the old one fires. */
void vf_via_set_cancel(struct vf_via *v, struct vf_cancel *cancel);

/* The path of a unix socket that leads to HOST:PORT, seen from the jump host, which is logged in to
 * (and its key verified) if need be. Borrowed until the next call. */
const char *vf_via_socket(struct vf_via *v, const char *host, uint16_t port, struct vf_error **err);
/* The same for the host and port (default 443) of URL. */
const char *vf_via_socket_of_url(struct vf_via *v, const char *url, struct vf_error **err);
/* Is there a connection now? */
bool vf_via_alive(const struct vf_via *v);

#endif
