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

static void add_token(char ***v, const char *id, const struct vf_secret *s)
{
    vf_autofree char *prefix = vf_asprintf("Authorization: PVEAPIToken=%s=", id);
    add_secret(v, prefix, s);
}

const char *vf_pve_who(const struct vf_pve_client *c)
{
    return c->conf->token ? c->conf->token : c->user;
}

bool vf_pve_is_root(const struct vf_pve_client *c)
{
    return !c->conf->token && !c->on_spare && vf_streq(c->user, "root@pam");
}

char **vf_pve_headers(const struct vf_pve_client *c, bool write)
{
    char **v = vf_strv_new();
    if (c->on_spare && c->spare) {
        add_token(&v, c->spare_id, c->spare);
    } else if (c->conf->token && c->secret) {
        add_token(&v, c->conf->token, c->secret);
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

/* WHY is what was wrong with the last one; NULL: nothing. */
static struct vf_secret *ask_secret(struct vf_pve_client *c, const struct vf_error *why,
                                    struct vf_error **err)
{
    const struct vf_cluster_conf *conf = c->conf;
    const char *who = vf_pve_who(c);
    vf_autofree char *id =
        vf_asprintf("%s:%s:%s", conf->token ? "token" : "password", conf->name, who);
    vf_autofree char *title =
        conf->token ? vf_asprintf("Secret of API token %s at cluster %s:", who, conf->name)
                    : vf_asprintf("Password of %s at cluster %s:", who, conf->name);
    struct vf_ask q = {.id = id,
                       .kind = VF_ASK_SECRET,
                       .title = title,
                       .detail = why ? vf_error_text(why) : NULL,
                       .waits = c->again};
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

static int get_secret(struct vf_pve_client *c, const struct vf_error *why, struct vf_error **err)
{
    const struct vf_cluster_conf *conf = c->conf;
    vf_secret_free(VF_STEAL(c->secret));
    c->typed = !conf->secret && !conf->secret_file && !conf->secret_command;
    if (conf->secret)
        c->secret = vf_secret_copy(conf->secret);
    else if (conf->secret_file)
        c->secret = vf_secret_from_file(conf->secret_file, err);
    else if (conf->secret_command)
        c->secret = vf_secret_from_command(conf->secret_command, conf->name, c->cancel, err);
    else
        c->secret = ask_secret(c, why, err);
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
        return vf_fail(err, VF_E_AUTH, "cluster %s: the login as %s wants a second factor",
                       c->conf->name, c->user);
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

json_t *vf_pve_post_ticket(struct vf_pve_client *c, const struct vf_secret *password,
                           const char *key, const char *value, struct vf_error **err)
{
    vf_autoform struct vf_form form = {0};
    /* room for all of it, so that growing leaves no copies behind */
    vf_buf_room(&form.buf,
                3 * (strlen(c->user) + vf_secret_len(password) + (value ? strlen(value) : 0)) +
                    128);
    vf_form_add(&form, "username", c->user);
    vf_form_add(&form, "password", vf_secret_text(password));
    if (key)
        vf_form_add(&form, key, value);
    /* only 7.x has to be told that we know its present way with second factors; others refuse the
     * word (6.4), or know it already */
    if (c->version > VF_PVE_VERSION(7, 0) && c->version < VF_PVE_VERSION(8, 0))
        vf_form_add(&form, "new-format", "1");
    struct vf_http_answer a = {0};
    json_t *data = NULL;
    int r = vf_pve_request(c, "POST", "/access/ticket", &form, NULL, &a, err);
    if (r == 0 && a.status != 200) {
        vf_autofree char *text = vf_pve_error_text(&a);
        vf_fail(err, vf_pve_error_code(a.status, text), "cluster %s: login as %s failed: %s",
                c->conf->name, c->user, text);
    } else if (r == 0) {
        /* the strings inside may be tickets, so they are not logged anywhere */
        vf_autojson json_t *body = json_loadb(vf_buf_str(&a.body), a.body.len, 0, NULL);
        json_t *inside = json_object_get(body, "data");
        data = inside ? json_incref(inside) : json_null();
    }
    vf_http_answer_clear(&a);
    return data;
}

static int get_ticket(struct vf_pve_client *c, const struct vf_secret *password, bool person,
                      struct vf_error **err)
{
    vf_autojson json_t *data = vf_pve_post_ticket(c, password, NULL, NULL, err);
    if (!data)
        return -1;
    if (person && (c->second_factor = vf_json_bool(data, "NeedTFA"))) {
        json_t *whole = vf_pve_second_factor(c, password, data, err);
        json_decref(data);
        data = whole;
        if (!data)
            return -1;
    }
    return take_ticket(c, data, err);
}

/* A refused login, with what the realm has to do with it. Proxmox words all refusals alike. */
static int refused(struct vf_pve_client *c, struct vf_error *why, struct vf_error **err)
{
    vf_autoerror struct vf_error *realm = NULL;
    enum vf_error_code code = vf_error_code(why);
    if (vf_pve_check_realm(c, &realm) < 0 &&
        (realm->code == VF_E_USAGE || realm->code == VF_E_UNSUPPORTED)) {
        vf_error_free(why);
        return vf_fail_with(err, VF_STEAL(realm));
    }
    vf_autofree char *text = vf_strdup(vf_error_text(why));
    vf_error_free(why);
    return vf_fail(err, code,
                   "%s (Proxmox says the same of a wrong password and of a user who is not there, "
                   "disabled, expired or locked)",
                   text);
}

static int log_in(struct vf_pve_client *c, struct vf_error **err)
{
    if (!c->user && vf_pve_choose_user(c, err) < 0)
        return -1;
    bool may_ask = !c->conf->secret && !c->conf->secret_file && !c->conf->secret_command;
    if (may_ask && !c->secret && vf_pve_check_realm(c, err) < 0)
        return -1;
    vf_autoerror struct vf_error *why = NULL;
    for (int tries = 1;; tries++) {
        if (!c->secret && get_secret(c, why, err) < 0)
            return -1;
        vf_error_free(VF_STEAL(why));
        if (get_ticket(c, c->secret, true, &why) == 0)
            return 0;
        /* whoever gave up on the second factor has given the right password */
        if (vf_error_code(why) != VF_E_AUTH || c->second_factor)
            return vf_fail_with(err, VF_STEAL(why));
        if (!c->typed || tries == vf_pve_tries(c))
            return refused(c, VF_STEAL(why), err);
        vf_secret_free(VF_STEAL(c->secret));
    }
}

int vf_pve_login(struct vf_pve_client *c, struct vf_error **err)
{
    return c->conf->token ? c->secret ? 0 : get_secret(c, NULL, err) : log_in(c, err);
}

int vf_pve_login_again(struct vf_pve_client *c, struct vf_error **err)
{
    vf_autoerror struct vf_error *why = NULL;
    c->again = true;
    if (c->on_spare) {
        vf_info("pve", "%s: the API token %s is refused, logging in again", c->conf->name,
                c->spare_id);
        c->on_spare = false;
        vf_secret_free(VF_STEAL(c->spare));
    }
    if (!c->spare)
        return vf_pve_login(c, err);
    if (!c->second_factor && get_ticket(c, c->secret, false, &why) == 0)
        return 0;
    if (why && vf_error_code(why) != VF_E_AUTH)
        return vf_fail_with(err, VF_STEAL(why));
    vf_info("pve", "%s: no ticket can be had without a person, going on with the API token %s",
            c->conf->name, c->spare_id);
    c->on_spare = true;
    return 0;
}

int vf_pve_renew(struct vf_pve_client *c, struct vf_error **err)
{
    if (c->conf->token || c->on_spare || (c->ticket && vf_clock_ms() - c->ticket_ms < c->renew_ms))
        return 0;
    if (!c->ticket)
        return vf_pve_login(c, err);
    vf_autoerror struct vf_error *why = NULL;
    vf_auto(vf_secret_free) struct vf_secret *old = vf_secret_copy(c->ticket);
    if (get_ticket(c, old, false, &why) == 0)
        return 0;
    if (vf_error_code(why) != VF_E_AUTH)
        return vf_fail_with(err, VF_STEAL(why));
    vf_info("pve", "%s: the ticket is not renewed (%s), logging in again", c->conf->name,
            vf_error_text(why));
    return vf_pve_login_again(c, err);
}
