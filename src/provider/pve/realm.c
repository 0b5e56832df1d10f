/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who logs in: a user's name and the realm that knows it. Proxmox tells its realms to everybody. */
#include "config.h"
#include "provider/pve/client.h"
#include "base/str.h"

#include <ctype.h>
#include <string.h>

enum { MAX_REALMS = 16 }; /* as many as a question can have choices */

char *vf_pve_token_advice(const char *user)
{
    return vf_asprintf(
        "use an API token instead: `pveum user token add '%s' vmferry --privsep 0` on "
        "a node makes one and prints its secret; configure token = \"%s!vmferry\" and "
        "the secret's file as secret-file",
        user, user);
}

/* The array of realms in *OUT, or NULL where the server does not tell. */
static int get_realms(struct vf_pve_client *c, json_t **out, struct vf_error **err)
{
    struct vf_http_answer a = {0};
    *out = NULL;
    int r = vf_pve_request(c, "GET", "/access/domains", NULL, NULL, &a, err);
    if (r == 0 && a.status == 200) {
        vf_autojson json_t *body = json_loadb(vf_buf_str(&a.body), a.body.len, 0, NULL);
        json_t *data = json_object_get(body, "data");
        if (json_is_array(data) && json_array_size(data))
            *out = json_incref(data);
    }
    vf_http_answer_clear(&a);
    return r;
}

static bool good_name(const char *s)
{
    for (const char *p = s; p && *p; p++)
        if (isspace((unsigned char)*p) || iscntrl((unsigned char)*p) || strchr(":/!'\"", *p))
            return false;
    return s && *s;
}

/* "pam (Linux PAM standard authentication)" */
static char *label_of(const json_t *realm)
{
    const char *comment = vf_json_text(realm, "comment");
    vf_autofree char *name = vf_escape(vf_json_text(realm, "realm"));
    vf_autofree char *more = vf_escape(comment ? comment : "");
    return *more ? vf_asprintf("%s (%s)", name, more) : VF_STEAL(name);
}

static char *list_of(const json_t *realms)
{
    vf_autobuf struct vf_buf b = {0};
    size_t i;
    json_t *r;
    json_array_foreach (realms, i, r) {
        vf_autofree char *label = good_name(vf_json_text(r, "realm")) ? label_of(r) : NULL;
        vf_buf_printf(&b, "%s%s", label && b.len ? ", " : "", label ? label : "");
    }
    return vf_buf_take(&b);
}

/* The default one first. */
static size_t choices_of(const json_t *realms, struct vf_ask_choice *out, char **labels)
{
    size_t n = 0, i;
    json_t *r;
    for (int dflt = 1; dflt >= 0; dflt--)
        json_array_foreach (realms, i, r) {
            if (n == MAX_REALMS || !good_name(vf_json_text(r, "realm")) ||
                vf_json_bool(r, "default") != dflt)
                continue;
            labels[n] = label_of(r);
            out[n] = (struct vf_ask_choice){vf_json_text(r, "realm"), labels[n]};
            n++;
        }
    return n;
}

/* The realm a person chooses for NAME; NULL with *err. */
static char *ask_realm(struct vf_pve_client *c, const char *name, const json_t *realms,
                       struct vf_error **err)
{
    struct vf_ask_choice choices[MAX_REALMS];
    char *labels[MAX_REALMS] = {0};
    vf_autofree char *id = vf_asprintf("realm:%s:%s", c->conf->name, name);
    vf_autofree char *title =
        vf_asprintf("Realm of the user %s at cluster %s:", name, c->conf->name);
    struct vf_ask q = {.id = id, .kind = VF_ASK_CHOICE, .title = title, .choices = choices};
    q.n_choices = choices_of(realms, choices, labels);
    struct vf_answer a = {0};
    vf_autoerror struct vf_error *why = NULL;
    char *realm = NULL;
    if (c->asker && q.n_choices && c->asker->ask(c->asker->opaque, &q, c->cancel, &a, &why) == 0)
        realm = VF_STEAL(a.text);
    vf_answer_clear(&a);
    vf_autofree char *known = list_of(realms);
    if (!realm && vf_error_code(why) == VF_E_CANCELLED)
        vf_fail_with(err, VF_STEAL(why));
    else if (!realm)
        vf_fail(
            err, VF_E_USAGE,
            "cluster %s: the user must be given with its realm: configure user = \"%s@REALM\"%s%s",
            c->conf->name, name, *known ? " with one of its realms: " : ", such as root@pam",
            known);
    for (size_t i = 0; i < q.n_choices; i++)
        free(labels[i]);
    return realm;
}

static char *ask_user(struct vf_pve_client *c, struct vf_error **err)
{
    vf_autofree char *id = vf_asprintf("user:%s", c->conf->name);
    vf_autofree char *title =
        vf_asprintf("User name at cluster %s (such as root@pam):", c->conf->name);
    struct vf_ask q = {.id = id, .kind = VF_ASK_TEXT, .title = title};
    struct vf_answer a = {0};
    vf_autoerror struct vf_error *why = NULL;
    if (!c->asker || c->asker->ask(c->asker->opaque, &q, c->cancel, &a, &why) < 0) {
        if (vf_error_code(why) == VF_E_CANCELLED)
            vf_fail_with(err, VF_STEAL(why));
        vf_fail(err, VF_E_USAGE,
                "cluster %s: neither a user nor a token is configured, and nobody can be asked",
                c->conf->name);
        return NULL;
    }
    char *name = VF_STEAL(a.text);
    vf_answer_clear(&a);
    if (good_name(name))
        return name;
    free(name);
    vf_fail(err, VF_E_USAGE, "cluster %s: that is not the name of a user", c->conf->name);
    return NULL;
}

int vf_pve_choose_user(struct vf_pve_client *c, struct vf_error **err)
{
    vf_autofree char *name = c->conf->user ? vf_strdup(c->conf->user) : ask_user(c, err);
    if (!name)
        return -1;
    if (strchr(name, '@')) {
        c->user = VF_STEAL(name);
        return 0;
    }
    vf_autojson json_t *realms = NULL;
    if (get_realms(c, &realms, err) < 0)
        return -1;
    vf_autofree char *realm = ask_realm(c, name, realms, err);
    c->user = realm ? vf_asprintf("%s@%s", name, realm) : NULL;
    return realm ? 0 : -1;
}

int vf_pve_check_realm(struct vf_pve_client *c, struct vf_error **err)
{
    const char *realm = strrchr(c->user, '@') + 1;
    vf_autojson json_t *realms = NULL;
    if (get_realms(c, &realms, err) < 0)
        return -1;
    size_t i;
    json_t *r, *mine = NULL;
    json_array_foreach (realms, i, r)
        if (vf_streq(vf_json_text(r, "realm"), realm))
            mine = r;
    vf_autofree char *user = vf_escape(c->user), *known = list_of(realms);
    vf_autofree char *advice = vf_pve_token_advice(user);
    if (realms && !mine)
        return vf_fail(err, VF_E_USAGE, "cluster %s: %s: there is no such realm; there are: %s",
                       c->conf->name, user, known);
    if (vf_streq(vf_json_text(mine, "type"), "openid"))
        return vf_fail(err, VF_E_UNSUPPORTED,
                       "cluster %s: %s logs in by OpenID Connect, for which it takes a browser; %s",
                       c->conf->name, user, advice);
    return 0;
}
