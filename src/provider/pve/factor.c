/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The second factor of a login. Since 7.1 the first answer's ticket is a challenge,
 * "PVE:!tfa!JSON:…", to be sent back with "totp:CODE" or "recovery:CODE" as the password; up to 7.0
 * the whole login is sent again with the code in "otp". */
#include "config.h"
#include "provider/pve/client.h"
#include "base/log.h"
#include "base/str.h"

#include <ctype.h>
#include <string.h>

static const char CHALLENGE[] = "PVE:!tfa!";

struct factor {
    const char *challenge;  /* NULL: the old way */
    bool totp, yubico, key; /* key: a security key (WebAuthn, U2F), of no use without a browser */
    bool recovery;
    size_t left; /* recovery codes; 0: not told */
};

static int hex(char c)
{
    return isdigit((unsigned char)c) ? c - '0' : tolower((unsigned char)c) - 'a' + 10;
}

/* The JSON inside a challenge, in which only what would disturb is percent-encoded. */
static json_t *read_challenge(const char *ticket)
{
    const char *p = ticket + strlen(CHALLENGE), *end = p + strcspn(p, ":");
    vf_autobuf struct vf_buf b = {0};
    for (; p < end; p++) {
        bool coded = *p == '%' && isxdigit((unsigned char)p[1]) && isxdigit((unsigned char)p[2]);
        char c = coded ? (char)(hex(p[1]) << 4 | hex(p[2])) : *p;
        vf_buf_add(&b, &c, 1);
        p += coded ? 2 : 0;
    }
    return json_loadb(vf_buf_str(&b), b.len, 0, NULL);
}

static bool given(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    return v && !json_is_null(v) && !json_is_false(v);
}

static void find_factors(const json_t *first, struct factor *f)
{
    const char *ticket = vf_json_text(first, "ticket");
    *f = (struct factor){0};
    if (!vf_starts(ticket, CHALLENGE)) {
        f->key = given(first, "U2FChallenge");
        f->totp = !f->key;
        return;
    }
    f->challenge = ticket;
    vf_autojson json_t *o = read_challenge(ticket);
    const json_t *codes = json_object_get(o, "recovery");
    f->totp = given(o, "totp");
    f->yubico = given(o, "yubico");
    f->key = given(o, "webauthn") || given(o, "u2f");
    /* the numbers of those that are left */
    f->left = json_array_size(codes);
    f->recovery = given(o, "recovery") && (!json_is_array(codes) || f->left) &&
                  !vf_streq(json_string_value(codes), "unavailable");
}

static int no_way(struct vf_pve_client *c, const struct factor *f, struct vf_error **err)
{
    vf_autofree char *advice = vf_pve_token_advice(c->user);
    return vf_fail(err, VF_E_UNSUPPORTED,
                   f->key
                       ? "cluster %s: the second factor of %s is a security key (WebAuthn, U2F), "
                         "which works in a browser only; %s"
                       : "cluster %s: %s has no second factor left that vmferry could give; %s",
                   c->conf->name, c->user, advice);
}

/* WHY is what was wrong with the last code; NULL: nothing. */
static struct vf_secret *ask_code(struct vf_pve_client *c, const struct factor *f,
                                  const struct vf_error *why, struct vf_error **err)
{
    vf_autofree char *id = vf_asprintf("code:%s:%s", c->conf->name, c->user);
    vf_autobuf struct vf_buf b = {0};
    const char *what[] = {f->totp ? "the code of the authenticator app" : NULL,
                          f->yubico ? "a one-time password of the YubiKey" : NULL,
                          f->recovery ? "a recovery code" : NULL};
    for (size_t i = 0; i < VF_COUNT(what); i++)
        if (what[i])
            vf_buf_printf(&b, "%s%s", b.len ? " or " : "", what[i]);
    if (f->recovery && f->left)
        vf_buf_printf(&b, " (%zu left)", f->left);
    vf_autofree char *title = vf_asprintf("Second factor of %s at cluster %s, %s:", c->user,
                                          c->conf->name, vf_buf_str(&b));
    struct vf_ask q = {.id = id,
                       .kind = VF_ASK_SECRET,
                       .title = title,
                       .detail = why ? vf_error_text(why) : NULL,
                       .once = true,
                       .waits = c->again};
    struct vf_answer a = {0};
    vf_autoerror struct vf_error *none = NULL;
    if (!c->asker || c->asker->ask(c->asker->opaque, &q, c->cancel, &a, &none) < 0) {
        vf_autofree char *advice = vf_pve_token_advice(c->user);
        if (none && none->code == VF_E_CANCELLED)
            vf_fail_with(err, VF_STEAL(none));
        else
            vf_fail(err, VF_E_AUTH,
                    "cluster %s: the login as %s wants a second factor, for which nobody can be "
                    "asked; for what runs unattended, %s",
                    c->conf->name, c->user, advice);
        return NULL;
    }
    struct vf_secret *s = VF_STEAL(a.secret);
    vf_answer_clear(&a);
    if (!s)
        vf_fail(err, VF_E_AUTH, "cluster %s: no second factor was given for %s", c->conf->name,
                c->user);
    return s;
}

/* What CODE is, by its form: 6 to 8 digits, 44 letters, or groups with dashes. */
static const char *kind_of(const struct factor *f, const char *code)
{
    size_t n = strlen(code);
    if (f->totp && n >= 6 && n <= 8 && strspn(code, "0123456789") == n)
        return "totp";
    if (f->yubico && n == 44 && !strchr(code, '-'))
        return "yubico";
    return f->recovery ? "recovery" : f->totp ? "totp" : "yubico";
}

static json_t *answer(struct vf_pve_client *c, const struct vf_secret *password,
                      const struct factor *f, const char *kind, const struct vf_secret *code,
                      struct vf_error **err)
{
    if (!f->challenge)
        return vf_pve_post_ticket(c, password, "otp", vf_secret_text(code), err);
    vf_autofree char *text = vf_asprintf("%s:%s", kind, vf_secret_text(code));
    vf_auto(vf_secret_free) struct vf_secret *response = vf_secret_new(text, strlen(text));
    vf_wipe(text, strlen(text));
    return vf_pve_post_ticket(c, response, "tfa-challenge", f->challenge, err);
}

/* Another process of ours that must log in need not ask for another code: it can have our ticket.
 */
static void pass_on(struct vf_pve_client *c, const json_t *data)
{
    const char *ticket = vf_json_text(data, "ticket");
    if (!ticket || !c->asker || !c->asker->remember)
        return;
    vf_autofree char *id = vf_asprintf("code:%s:%s", c->conf->name, c->user);
    vf_auto(vf_secret_free) struct vf_secret *s = vf_secret_new(ticket, strlen(ticket));
    c->asker->remember(c->asker->opaque, id, s);
}

json_t *vf_pve_second_factor(struct vf_pve_client *c, const struct vf_secret *password,
                             const json_t *first, struct vf_error **err)
{
    struct factor f;
    find_factors(first, &f);
    if (!f.totp && !f.yubico && !f.recovery) {
        no_way(c, &f, err);
        return NULL;
    }
    vf_autoerror struct vf_error *why = NULL;
    for (int tries = 1;;) {
        vf_auto(vf_secret_free) struct vf_secret *code = ask_code(c, &f, why, err);
        if (!code)
            return NULL;
        vf_error_free(VF_STEAL(why));
        /* a ticket that pass_on() kept is as good as a password and all factors */
        bool ticket = vf_starts(vf_secret_text(code), "PVE:");
        const char *kind = kind_of(&f, vf_secret_text(code));
        json_t *data = ticket ? vf_pve_post_ticket(c, code, NULL, NULL, &why)
                              : answer(c, password, &f, kind, code, &why);
        if (data) {
            if (!ticket && !strcmp(kind, "recovery") && f.left)
                vf_info("pve", "%s: a recovery code of %s is used up, %zu are left", c->conf->name,
                        c->user, f.left - 1);
            pass_on(c, data);
            return data;
        }
        if (vf_error_code(why) != VF_E_AUTH || (!ticket && tries++ == vf_pve_tries(c))) {
            vf_fail_with(err, VF_STEAL(why));
            return NULL;
        }
        if (ticket)
            vf_error_free(VF_STEAL(why)); /* too old; nobody has typed anything wrong */
    }
}
