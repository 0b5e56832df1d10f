/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which way disk data takes: the kinds of routes, best first, and what they share. */
#include "config.h"
#include "xfer/route.h"
#include "base/log.h"
#include "base/str.h"

#include <string.h>

enum { MOST_NEAR = 4, WINDOW_US = 8000, ECHO_MS = 5000 };

static const struct vf_route_kind kinds[] = {
    {"local", vf_route_is_local, vf_route_open_local},
    {"direct", NULL, vf_route_open_direct},
    {"reverse", NULL, vf_route_open_reverse},
    {"relay", NULL, vf_route_open_relay},
};

/* ---- what the kinds share ---- */

unsigned vf_route_cores(const struct vf_route *r)
{
    return r->source->cores < r->target->cores ? r->source->cores : r->target->cores;
}

/* A stream takes a core at each end for its ciphers; reading, hashing and writing need the rest.
 * Two are faster than one also where there are just two cores. Where the way is long, ssh lets no
 * more than its window of 2 MiB be under way, half of it in practice: it takes a stream for each 8
 * ms there and back to come to a Gbit/s. */
unsigned vf_route_streams_for(unsigned cores, uint64_t round_trip_us)
{
    uint64_t far = 1 + round_trip_us / WINDOW_US;
    unsigned near = cores / 2 < 2 ? 2 : cores / 2 < MOST_NEAR ? cores / 2 : MOST_NEAR;
    if (cores < 2)
        near = 1;
    return far <= near ? near : far < VF_ROUTE_STREAMS ? (unsigned)far : VF_ROUTE_STREAMS;
}

/* Microseconds over the first stream and back, the best of five; 0 when that cannot be told. */
static uint64_t round_trip(struct vf_route *r)
{
    uint64_t best = UINT64_MAX;
    for (int i = 0; i < 5; i++) {
        vf_auto(vf_message_free) struct vf_message *m = NULL;
        vf_autoerror struct vf_error *e = NULL;
        if (vf_session_call(r->source->session, VF_F_ECHO, r->stream, NULL, VF_F_OK, ECHO_MS, NULL,
                            &m, &e) < 0) {
            vf_info("route", "the round trip is not known: %s", vf_error_text(e));
            return 0;
        }
        uint64_t took = vf_field_num(&m->frame, VF_TAG_USEC, 0);
        best = took < best ? took : best;
    }
    return best;
}

static unsigned choose_streams(struct vf_route *r, unsigned cores)
{
    uint64_t us = round_trip(r);
    unsigned n = vf_route_streams_for(cores, us);
    vf_info("route", "%s -> %s: %u connections (%u cores, %.1f ms there and back)", r->source_label,
            r->target_label, n, cores, (double)us / 1000);
    return n;
}

int vf_route_open_streams(struct vf_route *r, unsigned wanted, unsigned cores, vf_route_dial *dial,
                          const void *how, struct vf_error **err)
{
    unsigned n = wanted < VF_ROUTE_STREAMS ? wanted : VF_ROUTE_STREAMS;
    r->stream = vf_session_new_ids(VF_ROUTE_STREAMS);
    for (r->n_streams = 0; r->n_streams < n || !r->n_streams;) {
        vf_autoerror struct vf_error *e = NULL;
        if (dial(r, r->stream + r->n_streams, how, &e) == 0) {
            if (++r->n_streams == 1 && !wanted)
                n = choose_streams(r, cores);
            continue;
        }
        if (!r->n_streams || vf_error_code(e) == VF_E_CANCELLED || vf_error_code(e) == VF_E_TRUST) {
            vf_fail_with(err, VF_STEAL(e));
            return -1;
        }
        vf_warn("route", "%s -> %s: only %u of %u connections: %s", r->source_label,
                r->target_label, r->n_streams, n, vf_error_text(e));
        break;
    }
    return 0;
}

int vf_route_await(struct vf_route *r, uint32_t id, struct vf_cancel *cancel, struct vf_error **err)
{
    return vf_session_call(r->source->session, VF_F_AWAIT, id, NULL, VF_F_OK, VF_ROUTE_CONNECT_MS,
                           cancel, NULL, err);
}

void vf_route_leave_key(struct vf_route *r)
{
    free(r->key_user);
    r->key_user = NULL;
}

void vf_route_close_kind(struct vf_route *r)
{
    vf_relays_free(r);
    vf_autoerror struct vf_error *e = NULL;
    if (r->key_user && vf_key_remove(r->key_host, r->key_user, &e) < 0)
        vf_warn("route", "%s; \"vmferry cleanup\" removes it", vf_error_text(e));
    free(r->key_user);
    r->key_user = NULL;
}

/* ---- choosing ---- */

/* A host that shows another key than the one the operator has verified is never passed over for
 * another route: either somebody stands between the hosts or their addresses are not what they are
 * taken for, and both are for a person to look at. */
static bool is_final(const struct vf_error *e)
{
    return vf_error_code(e) == VF_E_TRUST || vf_error_code(e) == VF_E_CANCELLED;
}

static int open_named(struct vf_route *r, const struct vf_route_opts *o, struct vf_error **err)
{
    for (size_t i = 0; i < VF_COUNT(kinds); i++)
        if (vf_streq(kinds[i].name, o->route))
            return kinds[i].open(r, o, err);
    return vf_fail(err, VF_E_USAGE, "there is no route \"%s\"", o->route);
}

static int open_best(struct vf_route *r, const struct vf_route_opts *o, struct vf_error **err)
{
    vf_autobuf struct vf_buf why = {0};
    enum vf_error_code code = VF_E_NET;
    for (size_t i = 0; i < VF_COUNT(kinds); i++) {
        if (kinds[i].fits && !kinds[i].fits(r))
            continue;
        vf_autoerror struct vf_error *e = NULL;
        if (kinds[i].open(r, o, &e) == 0) {
            r->why = why.len ? vf_buf_take(&why) : NULL;
            return 0;
        }
        vf_route_close_kind(r);
        if (is_final(e) || vf_cancel_check(o->cancel, err) < 0)
            return vf_fail_with(err, VF_STEAL(e));
        vf_info("route", "%s: %s", kinds[i].name, vf_error_text(e));
        /* what is more than "unreachable" is the better cause */
        if (code == VF_E_NET)
            code = vf_error_code(e);
        vf_buf_printf(&why, "%s%s", why.len ? "; " : "", vf_error_text(e));
    }
    return vf_fail(err, code, "%s", vf_buf_str(&why));
}

struct vf_route *vf_route_open(struct vf_mover_host *source, struct vf_mover_host *target,
                               const struct vf_route_opts *opts, struct vf_error **err)
{
    struct vf_route *r = vf_xcalloc(1, sizeof *r);
    r->source = source;
    r->target = target;
    r->source_label = vf_strdup(opts->source_label ? opts->source_label : source->label);
    r->target_label = vf_strdup(opts->target_label ? opts->target_label : target->label);
    bool named = opts->route && !vf_streq(opts->route, "auto");
    if ((named ? open_named(r, opts, err) : open_best(r, opts, err)) < 0) {
        vf_fail_prefix(err, "opening the route for the disks");
        vf_route_free(r);
        return NULL;
    }
    return r;
}

int vf_route_set_rate(struct vf_route *r, uint64_t rate, struct vf_error **err)
{
    vf_autobuf struct vf_buf b = {0};
    vf_field_u64(&b, VF_TAG_RATE, rate);
    return vf_session_send(r->source->session, VF_F_RATE, 0, &b, err);
}

const char *vf_route_text(const struct vf_route *r)
{
    return r->text;
}

const char *vf_route_why(const struct vf_route *r)
{
    return r->why;
}

const char *vf_route_suspect(const struct vf_route *r)
{
    return r->suspect;
}

void vf_route_free(struct vf_route *r)
{
    if (!r)
        return;
    vf_route_close_kind(r);
    free(r->source_label);
    free(r->target_label);
    free(r->text);
    free(r->why);
    free(r->suspect);
    free(r);
}
