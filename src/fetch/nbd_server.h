/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A small NBD server on a private socket, through which QEMU's programs read what is not a file
 * here: an image in a datastore. Read-only; of the protocol what they need (fixed newstyle,
 * NBD_OPT_GO, NBD_OPT_INFO, NBD_OPT_EXPORT_NAME, simple replies); see
 * https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md */
#ifndef VF_FETCH_NBD_SERVER_H
#define VF_FETCH_NBD_SERVER_H

#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

/* What is served under NAME. Read by several threads at once. */
struct vf_nbd_export {
    const char *name;
    uint64_t size;
    int (*read)(void *opaque, void *buf, size_t n, uint64_t offset, struct vf_error **err);
    void *opaque;
};

struct vf_nbd_server;

/* Listens at PATH, which must not exist and lie in a private directory. EXPORTS are borrowed. */
struct vf_nbd_server *vf_nbd_server_new(const char *path, const struct vf_nbd_export *exports,
                                        size_t n, struct vf_error **err);
/* Ends all connections and removes the socket. What reads must have been interrupted. */
void vf_nbd_server_free(struct vf_nbd_server *s);
VF_DEFINE_CLEANUP(struct vf_nbd_server *, vf_nbd_server_free)
/* Why a read failed, the first that did; NULL: none has. Caller frees. NBD itself can only say that
 * it failed. */
struct vf_error *vf_nbd_server_error(struct vf_nbd_server *s);
/* Forgets it. */
void vf_nbd_server_forget(struct vf_nbd_server *s);

/* One connection, to its end: IN and OUT stay open. For tests. */
int vf_nbd_serve(int in, int out, const struct vf_nbd_export *exports, size_t n,
                 void (*failed)(void *opaque, struct vf_error *e), void *opaque,
                 struct vf_error **err);

#endif
