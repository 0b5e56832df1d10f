/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a copy knows of its route, and what the kinds of routes share. */
#ifndef VF_XFER_ROUTE_H
#define VF_XFER_ROUTE_H

#include "xfer/host.h"

struct vf_relay;

struct vf_route {
    struct vf_mover_host *source, *target; /* borrowed */
    char *source_label, *target_label;
    char *text, *why, *suspect;
    uint32_t stream; /* the first; the others follow */
    unsigned n_streams;
    struct vf_mover_host *key_host; /* borrowed; where the one-job key is installed */
    char *key_user;                 /* whose authorized_keys holds it; NULL: none is installed */
    struct vf_relay *relays;        /* one a stream; NULL: none */
};

/* Opens the stream ID; HOW is what the kind passed on. */
typedef int vf_route_dial(struct vf_route *r, uint32_t id, const void *how, struct vf_error **err);

/* A kind of route. FITS (NULL: always) is asked before it is tried without being named. OPEN leaves
 * what it has begun to vf_route_close_kind(). */
struct vf_route_kind {
    const char *name;
    bool (*fits)(const struct vf_route *r);
    int (*open)(struct vf_route *r, const struct vf_route_opts *o, struct vf_error **err);
};

bool vf_route_is_local(const struct vf_route *r);
int vf_route_open_local(struct vf_route *r, const struct vf_route_opts *o, struct vf_error **err);
int vf_route_open_direct(struct vf_route *r, const struct vf_route_opts *o, struct vf_error **err);
int vf_route_open_reverse(struct vf_route *r, const struct vf_route_opts *o, struct vf_error **err);
int vf_route_open_relay(struct vf_route *r, const struct vf_route_opts *o, struct vf_error **err);

enum { VF_ROUTE_CONNECT_MS = 45 * 1000 };

/* How many streams bring something, where CORES cores are at each place that enciphers and the way
 * there and back takes so long. */
unsigned vf_route_streams_for(unsigned cores, uint64_t round_trip_us);
/* Opens WANTED streams (0: as above, by the way that the first one takes), each by DIAL; when some
 * can be had, they have to do. */
int vf_route_open_streams(struct vf_route *r, unsigned wanted, unsigned cores, vf_route_dial *dial,
                          const void *how, struct vf_error **err);
/* Cores of the smaller end. */
unsigned vf_route_cores(const struct vf_route *r);
/* Waits until the source's owner has stream ID, which others opened. */
int vf_route_await(struct vf_route *r, uint32_t id, struct vf_cancel *cancel,
                   struct vf_error **err);
/* Takes back what a kind of route has begun. */
void vf_route_close_kind(struct vf_route *r);
/* The one-job key is another's now, and stays. */
void vf_route_leave_key(struct vf_route *r);

/* route_relay.c: ends the relays of R. */
void vf_relays_free(struct vf_route *r);

#endif
