/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Logging in: an API token in a header, or a ticket got for a password and renewed in time. Secrets
 * are in request bodies and headers only, which net/http neither logs nor keeps. */
#include "config.h"
#include "provider/pve/client.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"

#include <string.h>

/* A secret as "PREFIX" + text in one string that vf_pve_headers_free() wipes. */
static void add_secret(char ***v, const char *prefix, const struct vf_secret *s)
{
    vf_autofree char *line = vf_asprintf("%s%s", prefix, vf_secret_text(s));
    vf_strv_add(v, line);
    vf_wipe(line, strlen(line));
}

char **vf_pve_headers(const struct vf_pve_client *c, bool write)
{
    char **v = vf_strv_new();
    if (c->conf->token && c->secret) {
        vf_autofree char *prefix = vf_asprintf("Authorization: PVEAPIToken=%s=", c->conf->token);
        add_secret(&v, prefix, c->secret);
    } else if (c->ticket) {
        add_secret(&v, "Cookie: PVEAuthCookie=", c->ticket);
        if (write && c->csrf)
            add_secret(&v, "CSRFPreventionToken: ", c->csrf);
    }
    return v;
}

void vf_pve_headers_free(char **v)
{
    for (size_t i = 0; v && v[i]; i++)
        vf_wipe(v[i], strlen(v[i]));
    vf_strv_free(v);
}

static struct vf_secret *ask_secret(struct vf_pve_client *c, struct vf_error **err)
{
    const struct vf_cluster_conf *conf = c->conf;
    const char *who = conf->token ? conf->token : conf->user;
    vf_autofree char *id =
        vf_asprintf("%s:%s:%s", conf->token ? "token" : "password", conf->name, who);
    vf_autofree char *title =
        conf->token ? vf_asprintf("Secret of API token %s at cluster %s:", who, conf->name)
                    : vf_asprintf("Password of %s at cluster %s:", who, conf->name);
    struct vf_ask q = {.id = id, .kind = VF_ASK_SECRET, .title = title};
    struct vf_answer answer = {0};
    if (!c->asker) {
        vf_fail(err, VF_E_AUTH,
                "cluster %s: no password is configured for %s and nobody can be asked: set "
                "secret_file or secret_command",
                conf->name, who);
        return NULL;
    }
    if (c->asker->ask(c->asker->opaque, &q, c->cancel, &answer, err) < 0) {
        vf_fail_prefix(err, "cluster %s: no password for %s", conf->name, who);
        return NULL;
    }
    struct vf_secret *s = VF_STEAL(answer.secret);
    vf_answer_clear(&answer);
    if (!s)
        vf_fail(err, VF_E_AUTH, "cluster %s: no password was given for %s", conf->name, who);
    return s;
}

int vf_pve_get_secret(struct vf_pve_client *c, struct vf_error **err)
{
    const struct vf_cluster_conf *conf = c->conf;
    if (conf->secret_file)
        c->secret = vf_secret_from_file(conf->secret_file, err);
    else if (conf->secret_command)
        c->secret = vf_secret_from_command(conf->secret_command, err);
    else
        c->secret = ask_secret(c, err);
    if (!c->secret)
        return vf_fail_prefix(err, "cluster %s", conf->name);
    /* it goes into a header line */
    if (conf->token && strpbrk(vf_secret_text(c->secret), "\r\n"))
        return vf_fail(err, VF_E_AUTH, "cluster %s: the token secret has more than one line",
                       conf->name);
    return 0;
}

/* A ticket goes into a cookie: visible characters without the separators of headers. */
static bool is_header_word(const char *s)
{
    for (; s && *s; s++)
        if (*s <= ' ' || *s >= 127 || *s == ';' || *s == ',')
            return false;
    return s != NULL;
}

static int take_ticket(struct vf_pve_client *c, const json_t *data, struct vf_error **err)
{
    const char *ticket = vf_json_text(data, "ticket"),
               *csrf = vf_json_text(data, "CSRFPreventionToken");
    if (vf_json_bool(data, "NeedTFA"))
        return vf_fail(
            err, VF_E_UNSUPPORTED,
            "cluster %s: %s logs in with a second factor, which vmferry cannot give: use an "
            "API token",
            c->conf->name, c->conf->user);
    if (!is_header_word(ticket) || !is_header_word(csrf))
        return vf_fail(err, VF_E_UNSUPPORTED,
                       "cluster %s: the login was answered without a ticket: is this Proxmox VE?",
                       c->conf->name);
    vf_secret_free(c->ticket);
    vf_secret_free(c->csrf);
    c->ticket = vf_secret_new(ticket, strlen(ticket));
    c->csrf = vf_secret_new(csrf, strlen(csrf));
    c->ticket_ms = vf_clock_ms();
    return 0;
}

/* The data of an answer; the strings inside may be tickets, so they are not logged anywhere. */
static int get_ticket(struct vf_pve_client *c, const struct vf_secret *password,
                      struct vf_error **err)
{
    vf_autoform struct vf_form form = {0};
    /* room for all of it, so that growing leaves no copies behind */
    vf_buf_room(&form.buf, 3 * (strlen(c->conf->user) + vf_secret_len(password)) + 64);
    vf_form_add(&form, "username", c->conf->user);
    vf_form_add(&form, "password", vf_secret_text(password));
    struct vf_http_answer a = {0};
    int r = vf_pve_request(c, "POST", "/access/ticket", &form, NULL, &a, err);
    if (r == 0 && a.status != 200) {
        vf_autofree char *text = vf_pve_error_text(&a);
        r = vf_fail(err, vf_pve_error_code(a.status, text), "cluster %s: login as %s failed: %s",
                    c->conf->name, c->conf->user, text);
    } else if (r == 0) {
        vf_autojson json_t *body = json_loadb(vf_buf_str(&a.body), a.body.len, 0, NULL);
        r = take_ticket(c, json_object_get(body, "data"), err);
    }
    vf_http_answer_clear(&a);
    return r;
}

int vf_pve_login(struct vf_pve_client *c, struct vf_error **err)
{
    return c->conf->token ? 0 : get_ticket(c, c->secret, err);
}

int vf_pve_renew(struct vf_pve_client *c, struct vf_error **err)
{
    if (c->conf->token || (c->ticket && vf_clock_ms() - c->ticket_ms < c->renew_ms))
        return 0;
    if (c->ticket) {
        vf_autoerror struct vf_error *why = NULL;
        vf_auto(vf_secret_free) struct vf_secret *old = vf_secret_copy(c->ticket);
        if (get_ticket(c, old, &why) == 0)
            return 0;
        if (vf_error_code(why) != VF_E_AUTH)
            return vf_fail_with(err, VF_STEAL(why));
        vf_info("pve", "%s: the ticket is not renewed (%s), logging in again", c->conf->name,
                vf_error_text(why));
    }
    return vf_pve_login(c, err);
}
