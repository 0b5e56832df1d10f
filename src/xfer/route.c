/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "xfer/route.h"
#include "base/log.h"
#include "base/secret.h"
#include "base/str.h"

#include <stdatomic.h>
#include <string.h>

enum { CONNECT_MS = 45 * 1000, MOST_STREAMS = 4 };

static atomic_uint next_stream = 1;

/* A stream takes a core at each end for its ciphers; reading, hashing and writing need the rest.
 * Two are faster than one also where there are just two cores. */
static unsigned streams_for(const struct vf_route *r, unsigned wanted, bool local)
{
    unsigned cores = r->source->cores < r->target->cores ? r->source->cores : r->target->cores;
    unsigned n = cores / 2 < 2 ? 2 : cores / 2 < MOST_STREAMS ? cores / 2 : MOST_STREAMS;
    if (local || cores < 2)
        n = 1;
    if (wanted)
        n = wanted;
    return n < VF_ROUTE_STREAMS ? n : VF_ROUTE_STREAMS;
}

/* Opens the streams, each by DIAL; when some can be had, they have to do. */
static int open_streams(struct vf_route *r, unsigned n,
                        int (*dial)(struct vf_route *r, uint32_t stream, const void *how,
                                    struct vf_error **err),
                        const void *how, struct vf_error **err)
{
    r->stream = atomic_fetch_add(&next_stream, n);
    for (r->n_streams = 0; r->n_streams < n; r->n_streams++) {
        vf_autoerror struct vf_error *e = NULL;
        if (dial(r, r->stream + r->n_streams, how, &e) == 0)
            continue;
        if (!r->n_streams || vf_error_code(e) == VF_E_CANCELLED) {
            vf_fail_with(err, VF_STEAL(e));
            return -1;
        }
        vf_warn("route", "%s -> %s: only %u of %u connections: %s", r->source_label,
                r->target_label, r->n_streams, n, vf_error_text(e));
        break;
    }
    return 0;
}

static int dial_local(struct vf_route *r, uint32_t stream, const void *how, struct vf_error **err)
{
    const struct vf_route_opts *o = how;
    vf_autobuf struct vf_buf b = {0};
    vf_autofree char *path = vf_asprintf("%s/sock", r->target->dir);
    vf_field_str(&b, VF_TAG_PATH, path);
    return vf_session_call(r->source->session, VF_F_CONNECT, stream, &b, VF_F_OK, CONNECT_MS,
                           o->cancel, NULL, err);
}

static int open_local(struct vf_route *r, const struct vf_route_opts *o, struct vf_error **err)
{
    if (open_streams(r, streams_for(r, o->streams, true), dial_local, o, err) < 0)
        return vf_fail_prefix(err, "%s", r->source_label);
    r->text = vf_asprintf("%s -> %s local", r->source_label, r->target_label);
    return 0;
}

struct ssh_dial {
    const struct vf_route_opts *o;
    const char *address;
    const struct vf_secret *key;
};

static int dial_ssh(struct vf_route *r, uint32_t stream, const void *how, struct vf_error **err)
{
    const struct ssh_dial *d = how;
    const struct vf_route_opts *o = d->o;
    struct vf_buf b = {0};
    vf_buf_room(&b, 4096); /* the key must not be left behind by growing */
    vf_field_str(&b, VF_TAG_ADDRESS, d->address);
    vf_field_u64(&b, VF_TAG_PORT, o->port ? o->port : 22);
    vf_field_str(&b, VF_TAG_USER, o->user);
    vf_field_str(&b, VF_TAG_HOST_KEY, o->host_key);
    vf_field_add(&b, VF_TAG_KEY, vf_secret_text(d->key), vf_secret_len(d->key));
    int result = vf_session_call(r->source->session, VF_F_CONNECT, stream, &b, VF_F_OK, CONNECT_MS,
                                 o->cancel, NULL, err);
    vf_wipe(b.data, b.cap);
    vf_buf_free(&b);
    return result;
}

static int open_direct(struct vf_route *r, const struct vf_route_opts *o, struct vf_error **err)
{
    if (!o->addresses || !o->addresses[0] || !o->user || !o->host_key)
        return vf_fail(err, VF_E_USAGE, "there is no address to reach %s by", r->target_label);
    vf_auto(vf_secret_free) struct vf_secret *key = NULL;
    vf_autofree char *public_half = NULL;
    if (vf_key_new(&key, &public_half, err) < 0)
        return -1;
    r->key_user = vf_strdup(o->user); /* removed from now on, whatever happens */
    const char *peer = r->source->ssh ? vf_ssh_address(r->source->ssh) : NULL;
    if (vf_key_install(r->target, o->user, peer, public_half, err) < 0)
        return -1;
    vf_autobuf struct vf_buf tried = {0};
    enum vf_error_code code = VF_E_NET;
    for (char *const *a = o->addresses; *a; a++) {
        vf_autoerror struct vf_error *e = NULL;
        struct ssh_dial how = {o, *a, key};
        if (open_streams(r, streams_for(r, o->streams, false), dial_ssh, &how, &e) == 0) {
            r->text = vf_asprintf("%s -> %s direct", r->source_label, r->target_label);
            return 0;
        }
        vf_info("route", "%s -> %s: %s", r->source_label, *a, vf_error_text(e));
        if (vf_cancel_check(o->cancel, err) < 0)
            return -1;
        /* what is more than "unreachable" is the better cause */
        if (code == VF_E_NET)
            code = vf_error_code(e);
        vf_buf_printf(&tried, "%s%s: %s", tried.len ? "; " : "", *a, vf_error_text(e));
    }
    if (code == VF_E_AUTH && r->target->lets_in)
        vf_buf_printf(&tried, "; sshd there is told who may log in: %s", r->target->lets_in);
    return vf_fail(err, code, "%s cannot reach %s by ssh (%s)", r->source_label, r->target_label,
                   vf_buf_str(&tried));
}

struct vf_route *vf_route_open(struct vf_mover_host *source, struct vf_mover_host *target,
                               const struct vf_route_opts *opts, struct vf_error **err)
{
    struct vf_route *r = vf_xcalloc(1, sizeof *r);
    r->source = source;
    r->target = target;
    r->source_label = vf_strdup(opts->source_label ? opts->source_label : source->label);
    r->target_label = vf_strdup(opts->target_label ? opts->target_label : target->label);
    bool same = vf_streq(source->identity, target->identity);
    if ((same ? open_local(r, opts, err) : open_direct(r, opts, err)) < 0) {
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

void vf_route_free(struct vf_route *r)
{
    if (!r)
        return;
    vf_autoerror struct vf_error *e = NULL;
    if (r->key_user && vf_key_remove(r->target, r->key_user, &e) < 0)
        vf_warn("route", "%s; \"vmferry cleanup\" removes it", vf_error_text(e));
    free(r->source_label);
    free(r->target_label);
    free(r->text);
    free(r->key_user);
    free(r);
}
