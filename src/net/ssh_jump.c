/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The jump host of vmferry.conf: a connection of its own, whose host key and login are treated like
 * any other's. The target's ssh reaches through its master: ssh's own ProxyJump would see neither
 * our key and known_hosts nor our questions. */
#include "config.h"
#include "net/ssh_master.h"
#include "base/i18n.h"
#include "base/str.h"

#include <stdio.h>
#include <string.h>

int vf_ssh_jump_parse(const char *text, struct vf_ssh_jump *out, struct vf_error **err)
{
    *out = (struct vf_ssh_jump){0};
    const char *at = strrchr(text, '@'), *host = at ? at + 1 : text, *end = host + strlen(host);
    const char *colon = strchr(host, ':'), *port = NULL;
    if (*host == '[' && (end = strchr(host, ']'))) {
        host++;
        port = end[1] == ':' ? end + 2 : end[1] ? "" : NULL;
    } else if (colon && !strchr(colon + 1, ':')) { /* two: an IPv6 address without brackets */
        end = colon;
        port = colon + 1;
    }
    uint64_t number = 0;
    if (!end || end == host || at == text || *text == '-' ||
        (port && vf_parse_u64(port, 1, 65535, &number) < 0)) {
        vf_autofree char *shown = vf_escape(text);
        return vf_fail(
            err, VF_E_USAGE,
            _("jump = \"%s\" is not [USER@]HOST[:PORT] (one host; for a chain of several "
              "use ProxyJump in ssh_config)"),
            shown);
    }
    out->user = at ? vf_strndup(text, (size_t)(at - text)) : NULL;
    out->host = vf_strndup(host, (size_t)(end - host));
    out->port = (uint16_t)number;
    return 0;
}

void vf_ssh_jump_clear(struct vf_ssh_jump *j)
{
    free(j->user);
    free(j->host);
    *j = (struct vf_ssh_jump){0};
}

struct vf_ssh *vf_ssh_jump_open(const struct vf_ssh_conf *conf, const struct vf_asker *asker,
                                struct vf_cancel *cancel, struct vf_error **err)
{
    struct vf_ssh_jump j;
    if (vf_ssh_jump_parse(conf->jump, &j, err) < 0)
        return NULL;
    /* borrowed; the target's password is not shown to another host */
    struct vf_ssh_conf c = {.user = j.user,
                            .port = j.port,
                            .key = conf->key,
                            .known_hosts = conf->known_hosts,
                            .config = conf->config,
                            .sudo = 0,
                            .transport = VF_SSH_OPENSSH};
    vf_autofree char *label = vf_asprintf(_("the jump host %s"), j.host);
    struct vf_ssh *s = vf_ssh_open(label, (char *[]){j.host, NULL}, &c, asker, cancel, err);
    vf_ssh_jump_clear(&j);
    return s;
}

char *vf_ssh_jump_proxy(const struct vf_ssh *jump)
{
    /* without the master it must fail: nobody has verified what another way leads to */
    return vf_asprintf("ssh -F none -oBatchMode=yes -oControlMaster=no -oControlPath=%s "
                       "-oProxyCommand=false -W '[%%h]:%%p' jump",
                       vf_ssh_openssh_control(jump));
}
