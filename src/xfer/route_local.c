/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Both movers are on one host: a socket pair between them. */
#include "config.h"
#include "xfer/route.h"
#include "base/str.h"

bool vf_route_is_local(const struct vf_route *r)
{
    return vf_streq(r->source->identity, r->target->identity);
}

static int dial(struct vf_route *r, uint32_t id, const void *how, struct vf_error **err)
{
    const struct vf_route_opts *o = how;
    vf_autobuf struct vf_buf b = {0};
    vf_autofree char *path = vf_asprintf("%s/sock", r->target->dir);
    vf_field_str(&b, VF_TAG_PATH, path);
    return vf_session_call(r->source->session, VF_F_CONNECT, id, &b, VF_F_OK, VF_ROUTE_CONNECT_MS,
                           o->cancel, NULL, err);
}

int vf_route_open_local(struct vf_route *r, const struct vf_route_opts *o, struct vf_error **err)
{
    if (!vf_route_is_local(r))
        return vf_fail(err, VF_E_UNSUPPORTED,
                       "%s and %s are two hosts, so that data cannot go locally", r->source_label,
                       r->target_label);
    /* nothing is enciphered, so one is enough */
    if (vf_route_open_streams(r, o->streams, 1, dial, o, err) < 0)
        return vf_fail_prefix(err, "%s", r->source_label);
    r->text = vf_asprintf("%s -> %s local", r->source_label, r->target_label);
    return 0;
}
