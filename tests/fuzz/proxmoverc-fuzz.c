/* SPDX-License-Identifier: GPL-3.0-or-later */
/* proxmove's configuration: what is read becomes a vmferry.conf that is read too, or is refused
 * with one sentence; no password is in either. */
#include "config.h"
#include "conf/conf.h"
#include "conf/proxmoverc.h"
#include "base/str.h"
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vf_autofree char *text = vf_memdup_str(data, size);
    vf_autoerror struct vf_error *err = NULL, *why = NULL;
    vf_auto(vf_proxmoverc_free) struct vf_proxmoverc *p =
        vf_proxmoverc_read(text, size, "f.ini", true, &err);
    if (!p != !!err)
        abort();
    if (!p)
        return 0;
    vf_auto(vf_conf_free) struct vf_conf *c =
        vf_conf_parse(p->text, strlen(p->text), "f.conf", &why);
    if (!c || c->n_clusters != p->n_clusters || p->n_logins > p->n_clusters) {
        fprintf(stderr, "%s\n%s\n%s", text, p->text, why ? vf_error_text(why) : "");
        abort();
    }
    for (size_t i = 0; i < p->n_logins; i++) {
        const char *secret = vf_secret_text(p->logins[i].password);
        const char *there = strstr(text, secret);
        /* what is there a second time is not the password only */
        if (strlen(secret) > 20 && there && !strstr(there + 1, secret) && strstr(p->text, secret))
            abort();
    }
    return 0;
}
