/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One host's mover dials the other host's sshd with a one-job key: the source's the target
 * (direct), or the target's the source (reverse). */
#include "config.h"
#include "xfer/route.h"
#include "base/log.h"
#include "base/secret.h"
#include "base/str.h"

/* Who dials whom. */
struct way {
    const struct vf_route_opts *o;
    struct vf_mover_host *from, *to;
    const char *from_label, *to_label;
    const struct vf_route_end *end; /* of TO */
    const struct vf_secret *key;
    const char *address; /* this one of END's */
};

static int dial(struct vf_route *r, uint32_t id, const void *how, struct vf_error **err)
{
    const struct way *w = how;
    struct vf_buf b = {0};
    vf_buf_room(&b, 4096); /* the key must not be left behind by growing */
    vf_field_str(&b, VF_TAG_ADDRESS, w->address);
    vf_field_u64(&b, VF_TAG_PORT, w->end->port ? w->end->port : 22);
    vf_field_str(&b, VF_TAG_USER, w->end->user);
    vf_field_str(&b, VF_TAG_HOST_KEY, w->end->host_key);
    if (w->o->ciphers)
        vf_field_str(&b, VF_TAG_CIPHERS, w->o->ciphers);
    vf_field_add(&b, VF_TAG_KEY, vf_secret_text(w->key), vf_secret_len(w->key));
    int result = vf_session_call(w->from->session, VF_F_CONNECT, id, &b, VF_F_OK,
                                 VF_ROUTE_CONNECT_MS, w->o->cancel, NULL, err);
    vf_wipe(b.data, b.cap);
    vf_buf_free(&b);
    if (result == 0 && w->from != r->source)
        result = vf_route_await(r, id, w->o->cancel, err);
    return result;
}

/* An address that shows another host key may be no address of that host at all (a data address
 * that has changed hands, the same private network at two places). Nothing was sent there, and
 * another address where the right key is shown is proof enough, so that it may be used; but it is
 * told. Without such a proof nobody goes on. */
static int try_addresses(struct vf_route *r, struct way *w, struct vf_error **err)
{
    vf_autobuf struct vf_buf tried = {0}, suspect = {0};
    enum vf_error_code code = VF_E_NET;
    for (char *const *a = w->end->addresses; *a; a++) {
        vf_autoerror struct vf_error *e = NULL;
        w->address = *a;
        if (vf_route_open_streams(r, w->o->streams, vf_route_cores(r), dial, w, &e) == 0) {
            r->suspect = suspect.len ? vf_buf_take(&suspect) : NULL;
            return 0;
        }
        vf_info("route", "%s -> %s: %s", w->from_label, *a, vf_error_text(e));
        if (vf_cancel_check(w->o->cancel, err) < 0)
            return -1;
        if (vf_error_code(e) == VF_E_TRUST)
            vf_buf_printf(&suspect,
                          "%s%s meets another host key at %s port %u than that of %s, and does not "
                          "use that address",
                          suspect.len ? "; " : "", w->from_label, *a,
                          w->end->port ? (unsigned)w->end->port : 22, w->to_label);
        /* what is more than "unreachable" is the better cause */
        if (code == VF_E_NET || vf_error_code(e) == VF_E_TRUST)
            code = vf_error_code(e);
        vf_buf_printf(&tried, "%s%s: %s", tried.len ? "; " : "", *a, vf_error_text(e));
    }
    if (code == VF_E_AUTH && w->to->lets_in)
        vf_buf_printf(&tried, "; sshd there is told who may log in: %s", w->to->lets_in);
    return vf_fail(err, code, "%s cannot reach %s by ssh (%s)%s", w->from_label, w->to_label,
                   vf_buf_str(&tried),
                   code == VF_E_TRUST
                       ? ": find out which host that is; nothing was sent to it, and no "
                         "other route is taken unless one is asked for"
                       : "");
}

static int open_way(struct vf_route *r, struct way *w, struct vf_error **err)
{
    const struct vf_route_end *end = w->end;
    if (!end->addresses || !end->addresses[0] || !end->user || !end->host_key)
        return vf_fail(err, VF_E_USAGE, "there is no address to reach %s by", w->to_label);
    vf_auto(vf_secret_free) struct vf_secret *key = NULL;
    vf_autofree char *public_half = NULL;
    if (vf_key_new(&key, &public_half, err) < 0)
        return -1;
    r->key_host = w->to;
    r->key_user = vf_strdup(end->user); /* removed from now on, whatever happens */
    const char *peer = w->from->ssh ? vf_ssh_address(w->from->ssh) : NULL;
    if (vf_key_install(w->to, end->user, peer, public_half, err) < 0)
        return -1;
    w->key = key;
    return try_addresses(r, w, err);
}

int vf_route_open_direct(struct vf_route *r, const struct vf_route_opts *o, struct vf_error **err)
{
    struct way w = {.o = o,
                    .from = r->source,
                    .to = r->target,
                    .from_label = r->source_label,
                    .to_label = r->target_label,
                    .end = &o->target};
    if (open_way(r, &w, err) < 0)
        return -1;
    r->text = vf_asprintf("%s -> %s direct", r->source_label, r->target_label);
    return 0;
}

int vf_route_open_reverse(struct vf_route *r, const struct vf_route_opts *o, struct vf_error **err)
{
    struct way w = {.o = o,
                    .from = r->target,
                    .to = r->source,
                    .from_label = r->target_label,
                    .to_label = r->source_label,
                    .end = &o->source};
    if (open_way(r, &w, err) < 0)
        return -1;
    r->text =
        vf_asprintf("%s -> %s fetched by %s", r->source_label, r->target_label, r->target_label);
    return 0;
}
