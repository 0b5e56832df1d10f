/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "net/via.h"
#include "base/log.h"
#include "base/str.h"
#include "net/ssh_master.h"

#include <string.h>

struct vf_via {
    struct vf_ssh_conf conf; /* borrowed fields, but jump */
    const struct vf_asker *asker;
    struct vf_cancel *cancel;
    struct vf_ssh *ssh; /* NULL: not dialled */
    struct forward {
        char *host, *path;
        uint16_t port;
    } * forwards; /* of this connection */
    size_t n;
};

struct vf_via *vf_via_new(const char *hop, const struct vf_ssh_conf *conf,
                          const struct vf_asker *asker, struct vf_cancel *cancel)
{
    struct vf_via *v = vf_xcalloc(1, sizeof *v);
    v->conf = *conf;
    v->conf.jump = vf_strdup(hop);
    v->asker = asker;
    v->cancel = cancel;
    return v;
}

static void hang_up(struct vf_via *v)
{
    vf_ssh_free(VF_STEAL(v->ssh));
    for (size_t i = 0; i < v->n; i++) {
        free(v->forwards[i].host);
        free(v->forwards[i].path);
    }
    free(VF_STEAL(v->forwards));
    v->n = 0;
}

void vf_via_free(struct vf_via *v)
{
    if (!v)
        return;
    hang_up(v);
    free(v->conf.jump);
    free(v);
}

void vf_via_set_cancel(struct vf_via *v, struct vf_cancel *cancel)
{
    hang_up(v);
    v->cancel = cancel;
}

bool vf_via_alive(const struct vf_via *v)
{
    vf_autofd int fd =
        v->ssh ? vf_ssh_mux_connect(vf_ssh_openssh_control(v->ssh), v->cancel, NULL) : -1;
    return fd >= 0;
}

static int dial(struct vf_via *v, struct vf_error **err)
{
    if (vf_via_alive(v))
        return 0;
    if (v->ssh)
        vf_info("ssh", "%s: the connection has ended, it is made again", vf_ssh_label(v->ssh));
    hang_up(v);
    v->ssh = vf_ssh_jump_open(&v->conf, v->asker, v->cancel, err);
    return v->ssh ? 0 : -1;
}

const char *vf_via_socket(struct vf_via *v, const char *host, uint16_t port, struct vf_error **err)
{
    if (dial(v, err) < 0)
        return NULL;
    for (size_t i = 0; i < v->n; i++)
        if (vf_streq(v->forwards[i].host, host) && v->forwards[i].port == port)
            return v->forwards[i].path;
    const char *control = vf_ssh_openssh_control(v->ssh);
    /* beside the control socket: in a directory that only we can enter */
    vf_autofree char *path = vf_asprintf("%s.%zu", control, v->n);
    if (vf_ssh_mux_forward(control, path, host, port, v->cancel, err) < 0) {
        vf_fail_prefix(err, "%s", vf_ssh_label(v->ssh));
        return NULL;
    }
    struct forward *f = vf_grow(&v->forwards, &v->n, sizeof *v->forwards);
    *f = (struct forward){.host = vf_strdup(host), .path = VF_STEAL(path), .port = port};
    return f->path;
}

const char *vf_via_socket_of_url(struct vf_via *v, const char *url, struct vf_error **err)
{
    const char *host = strstr(url, "://") + 3, *end = host + strcspn(host, ":/");
    if (*host == '[') {
        host++;
        end = host + strcspn(host, "]");
    }
    vf_autofree char *name = vf_strndup(host, (size_t)(end - host));
    const char *colon = end[strcspn(end, ":/")] == ':' ? strchr(end, ':') : NULL;
    uint64_t port = 443;
    vf_autofree char *digits = colon ? vf_strndup(colon + 1, strcspn(colon + 1, "/")) : NULL;
    if (digits && vf_parse_u64(digits, 1, 65535, &port) < 0)
        port = 443;
    return vf_via_socket(v, name, (uint16_t)port, err);
}
