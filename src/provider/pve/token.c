/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A token of the user's own for the length of a job: a ticket that was lost can be had again with
 * the password only, and where there is a second factor not without a person. */
#include "config.h"
#include "provider/pve/pve.h"
#include "base/str.h"

#include <string.h>

static char *token_path(const char *user, const char *name)
{
    vf_autofree char *u = vf_url_encode(user), *n = vf_url_encode(name);
    return vf_asprintf("/access/users/%s/token/%s", u, n);
}

const char *vf_pve_password_user(struct vf_provider *p)
{
    return vf_pve_of(p)->user;
}

/* It goes into a header line. */
static bool good_value(const char *s)
{
    for (const char *p = s; p && *p; p++)
        if (*p <= ' ' || *p >= 127)
            return false;
    return s && *s;
}

int vf_pve_make_token(struct vf_provider *p, const char *name, const char *comment, int64_t expire,
                      struct vf_error **err)
{
    struct vf_pve_client *c = vf_pve_of(p);
    vf_autoform struct vf_form form = {0};
    vf_form_add(&form, "privsep", "0");
    vf_form_addf(&form, "expire", "%lld", (long long)expire);
    vf_form_add(&form, "comment", comment);
    vf_autofree char *path = token_path(c->user, name);
    vf_autojson json_t *data = vf_pve_call(c, "POST", path, &form, err);
    const char *value = vf_json_text(data, "value");
    if (data && !good_value(value))
        vf_fail(err, VF_E_UNSUPPORTED, "cluster %s: the new token has no secret", c->conf->name);
    if (!good_value(value))
        return vf_fail_prefix(err, "cannot make the API token %s!%s", c->user, name);
    free(c->spare_id);
    vf_secret_free(c->spare);
    c->spare_id = vf_asprintf("%s!%s", c->user, name);
    c->spare = vf_secret_new(value, strlen(value));
    return 0;
}

int vf_pve_remove_token(struct vf_provider *p, const char *user, const char *name,
                        struct vf_error **err)
{
    struct vf_pve_client *c = vf_pve_of(p);
    vf_autofree char *path = token_path(user, name);
    vf_autofree char *id = vf_asprintf("%s!%s", user, name);
    vf_autoerror struct vf_error *why = NULL;
    bool own = vf_streq(id, c->spare_id);
    const struct vf_asker *asker = c->asker;
    if (own) /* for the removal of what is in use, and may be gone, nobody is asked to log in */
        c->asker = NULL;
    int r = vf_pve_do(c, "DELETE", path, NULL, 0, &why);
    c->asker = asker;
    if (r == 0 || vf_error_code(why) == VF_E_NOTFOUND) {
        if (own)
            vf_secret_free(VF_STEAL(c->spare));
        return 0;
    }
    vf_fail_with(err, VF_STEAL(why));
    return vf_fail_prefix(err, "cannot remove the API token %s!%s", user, name);
}

char **vf_pve_own_tokens(struct vf_provider *p, const char *prefix, struct vf_error **err)
{
    struct vf_pve_client *c = vf_pve_of(p);
    if (!c->user)
        return vf_strv_new();
    vf_autofree char *u = vf_url_encode(c->user);
    vf_autofree char *path = vf_asprintf("/access/users/%s/token", u);
    vf_autojson json_t *list = vf_pve_call(c, "GET", path, NULL, err);
    if (!list) {
        vf_fail_prefix(err, "cannot list the API tokens of %s", c->user);
        return NULL;
    }
    char **names = vf_strv_new();
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = vf_json_text(json_array_get(list, i), "tokenid");
        if (name && vf_starts(name, prefix))
            vf_strv_add(&names, name);
    }
    return names;
}
