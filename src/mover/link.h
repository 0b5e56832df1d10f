/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A link: frames over a pair of descriptors. One thread receives; any thread may send. */
#ifndef VF_MOVER_LINK_H
#define VF_MOVER_LINK_H

#include <stdatomic.h>
#include "base/cancel.h"
#include "base/turns.h"
#include "mover/limit.h"
#include "mover/wire.h"

struct vf_link {
    int in, out; /* may be the same descriptor; owned */
    struct vf_wire wire;
    struct vf_turns sending;
    atomic_bool broken;  /* a frame was sent in part: nothing may follow */
    atomic_bool greeted; /* HELLO was sent: nothing may come before it */
    _Atomic int64_t sent_ms, heard_ms;
    struct vf_limit *limit;     /* borrowed; NULL: none */
    struct vf_squeeze *squeeze; /* owned by whoever made it; NULL: none */
    bool takes_zstd;            /* the other side does */
};

/* Takes the descriptors over and makes them non-blocking. */
void vf_link_init(struct vf_link *l, int in, int out);
void vf_link_free(struct vf_link *l);

/* Sends a frame made of two parts (BODY may be NULL), whole or not at all. NET when the peer is
 * gone or takes nothing for VF_T_PEER_SILENCE; CANCELLED when CANCEL (may be NULL) fires. */
int vf_link_send(struct vf_link *l, uint8_t type, uint8_t flags, uint32_t id, const void *head,
                 size_t head_len, const void *body, size_t body_len, struct vf_cancel *cancel,
                 struct vf_error **err);
/* A frame of fields; B (may be NULL: no payload) is cleared. */
int vf_link_send_fields(struct vf_link *l, uint8_t type, uint8_t flags, uint32_t id,
                        struct vf_buf *b, struct vf_error **err);
/* PING, when nothing was sent for VF_T_PING and nobody is sending; never waits, and never comes
 * before HELLO, which another thread may be about to send. */
void vf_link_ping(struct vf_link *l);

/* The next frame: 1; 0 when none came within TIMEOUT_MS (-1: no limit but the peer's silence); -1
 * at the end of the stream (NET), after VF_T_PEER_SILENCE without a byte (NET) or when garbled.
 * PINGs are not shown. */
int vf_link_recv(struct vf_link *l, struct vf_frame *out, int timeout_ms, struct vf_cancel *cancel,
                 struct vf_error **err);

/* Reads what is there and never waits: 1 a frame, 0 none now, -1 as above. */
int vf_link_poll(struct vf_link *l, struct vf_frame *out, struct vf_error **err);

/* The fields that open a conversation, and the check of the other side's. */
void vf_hello_fields(struct vf_buf *b, const char *role, const char *job, uint64_t epoch);
/* Whether a HELLO has FEATURE among its words. */
bool vf_hello_has(const struct vf_frame *f, const char *feature);
int vf_hello_check(const struct vf_frame *f, struct vf_error **err);
/* Boot, mount namespace and user: equal on two movers when one can open what the other sees. Caller
 * frees. */
char *vf_host_identity(void);

#endif
