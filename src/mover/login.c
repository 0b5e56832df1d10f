/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "mover/login.h"
#include "base/str.h"

#include <string.h>

void vf_fetch_login_clear(struct vf_fetch_login *l)
{
    free(l->conf);
    free(l->cluster);
    free(l->way);
    free(l->user);
    vf_strv_free(l->certs);
    vf_secret_free(l->password);
    *l = (struct vf_fetch_login){0};
}

void vf_fetch_login_fields(struct vf_buf *b, const struct vf_fetch_login *l)
{
    /* room for all of it at once: what grows leaves copies behind */
    size_t certs = 0;
    for (size_t i = 0; l->certs && l->certs[i]; i++)
        certs += strlen(l->certs[i]) + 1;
    size_t secret = l->password ? vf_secret_len(l->password) : 0;
    vf_buf_room(b, 4096 + 2 * strlen(l->conf ? l->conf : "") + certs + secret);
    vf_field_str(b, VF_TAG_PATH, l->conf);
    vf_field_str(b, VF_TAG_CLUSTER, l->cluster);
    vf_field_u64(b, VF_TAG_VERIFY, l->verify_tls);
    vf_field_str(b, VF_TAG_WAY, l->way);
    vf_field_str(b, VF_TAG_USER, l->user);
    if (certs) {
        vf_autobuf struct vf_buf list = {0};
        for (size_t i = 0; l->certs[i]; i++)
            vf_buf_printf(&list, "%s%s", i ? " " : "", l->certs[i]);
        vf_field_str(b, VF_TAG_CERTS, vf_buf_str(&list));
    }
    if (l->password)
        vf_field_add(b, VF_TAG_PASSWORD, vf_secret_text(l->password), secret);
}

int vf_fetch_login_read(const struct vf_frame *f, struct vf_fetch_login *out, struct vf_error **err)
{
    const char *secret;
    size_t n;
    *out = (struct vf_fetch_login){
        .conf = vf_field_text(f, VF_TAG_PATH),
        .cluster = vf_field_text(f, VF_TAG_CLUSTER),
        .verify_tls = vf_field_num(f, VF_TAG_VERIFY, 1),
        .way = vf_field_text(f, VF_TAG_WAY),
        .user = vf_field_text(f, VF_TAG_USER),
    };
    vf_autofree char *certs = vf_field_text(f, VF_TAG_CERTS);
    out->certs = certs ? vf_strv_split(certs, " ") : NULL;
    if (vf_field_find(f, VF_TAG_PASSWORD, &secret, &n)) {
        out->password = vf_secret_new(secret, n);
        vf_wipe((char *)secret, n); /* in the parser's buffer */
    }
    if (out->cluster)
        return 0;
    vf_fetch_login_clear(out);
    return vf_fail(err, VF_E_INTERNAL, "SOURCE without a cluster");
}
