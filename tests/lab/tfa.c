/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Realms, second factors, the login page. TOTP is RFC 6238 (SHA-1, 6 digits, 30 s), a code is good
 * once; recovery codes are used up. */
#include "config.h"
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>
#include "tests/lab/lab.h"

#define STEP 30

static const unsigned char totp_key[20] = "vmferry-lab-totp-key";

static struct factor {
    const char *user;
    bool totp, key;
    const char *codes[4]; /* recovery codes; "" when used up */
    int64_t last;         /* the step of the last good TOTP code */
} factors[] = {
    {"totp@pve",
     true,
     false,
     {"1111-2222-3333-4444", "aaaa-bbbb-cccc-dddd", "0f0f-1e1e-2d2d-3c3c"},
     0},
    {"webauthn@pve", false, true, {NULL}, 0},
};

static struct factor *factor_of(const char *user)
{
    for (size_t i = 0; i < VF_COUNT(factors); i++)
        if (vf_streq(factors[i].user, user))
            return &factors[i];
    return NULL;
}

static unsigned totp(int64_t step)
{
    unsigned char message[8], md[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    for (int i = 7; i >= 0; i--, step >>= 8)
        message[i] = (unsigned char)step;
    HMAC(EVP_sha1(), totp_key, sizeof totp_key, message, sizeof message, md, &n);
    const unsigned char *p = md + (md[19] & 15);
    return (((unsigned)p[0] & 0x7f) << 24 | (unsigned)p[1] << 16 | (unsigned)p[2] << 8 | p[3]) %
           1000000;
}

/* A code that is good now and was not used yet; NULL when one must wait. */
char *lab_totp(const char *user)
{
    const struct factor *f = factor_of(user);
    int64_t now = vf_clock_unix() / STEP;
    if (!f || !f->totp || f->last > now)
        return NULL;
    return vf_asprintf("%06u", totp(f->last >= now - 1 ? f->last + 1 : now));
}

static bool check_totp(struct factor *f, const char *code)
{
    int64_t now = vf_clock_unix() / STEP;
    for (int64_t s = now - 1; s <= now + 1; s++) {
        char want[8];
        snprintf(want, sizeof want, "%06u", totp(s));
        if (!f->totp || s <= f->last || strcmp(want, code))
            continue;
        f->last = s;
        return true;
    }
    return false;
}

static bool check_recovery(struct factor *f, const char *code)
{
    for (size_t i = 0; *code && i < VF_COUNT(f->codes) && f->codes[i]; i++)
        if (vf_streq(f->codes[i], code)) {
            f->codes[i] = "";
            return true;
        }
    return false;
}

static json_t *half(const char *user, const char *ticket)
{
    return json_pack("{s:s, s:s, s:s, s:i}", "username", user, "ticket", ticket,
                     "CSRFPreventionToken", "00000000:half", "NeedTFA", 1);
}

/* The challenge as JSON in which ':' is escaped, as in Proxmox's tickets. */
static char *challenge_text(const struct factor *f)
{
    vf_autobuf struct vf_buf b = {0};
    lab_autojson json_t *codes = json_array(), *o = json_object();
    for (int i = 0; i < (int)VF_COUNT(f->codes) && f->codes[i]; i++)
        if (*f->codes[i])
            json_array_append_new(codes, json_integer(i));
    json_object_set_new(o, "totp", json_boolean(f->totp));
    json_object_set(o, "recovery", f->codes[0] ? codes : json_null());
    json_object_set_new(o, "webauthn", f->key ? json_pack("{s:s}", "challenge", "x") : json_null());
    vf_autofree char *text = json_dumps(o, JSON_COMPACT);
    for (const char *p = text; *p; p++) {
        vf_buf_add(&b, p, *p != ':');
        vf_buf_puts(&b, *p == ':' ? "%3A" : "");
    }
    return vf_buf_take(&b);
}

static json_t *refuse(struct lab_call *c)
{
    c->delay = true;
    return lab_die(c, 401, "authentication failure");
}

json_t *lab_tfa_challenge(struct lab_call *c, const struct lab_user *u)
{
    struct factor *f = factor_of(u->name);
    const char *otp = lab_param(c, "otp");
    if (!f)
        return NULL;
    if (c->lab->version < 8000 && !lab_flag(c, "new-format", false)) {
        /* up to 7.0 there are neither recovery codes nor WebAuthn, and since then they are not for
         * who does not know of them */
        if (c->lab->version >= 7000 || f->key)
            return refuse(c);
        vf_autofree char *ticket = lab_sign_ticket(c->lab, "tfa!%s", u->name);
        return !otp ? half(u->name, ticket) : check_totp(f, otp) ? NULL : refuse(c);
    }
    if (otp)
        return vf_starts(otp, "totp:") && check_totp(f, otp + 5) ? NULL : refuse(c);
    vf_autofree char *text = challenge_text(f);
    vf_autofree char *ticket = lab_sign_ticket(c->lab, "!tfa!%s", text);
    return half(u->name, ticket);
}

bool lab_tfa_answer(struct lab_call *c, const struct lab_user *u, const char *response)
{
    struct factor *f = u ? factor_of(u->name) : NULL;
    if (!f || !response || !lab_ticket_good(c->lab, lab_param(c, "tfa-challenge"), "!tfa!"))
        return false;
    return (vf_starts(response, "totp:") && check_totp(f, response + 5)) ||
           (vf_starts(response, "recovery:") && check_recovery(f, response + 9));
}

json_t *lab_domains(struct lab_call *c)
{
    (void)c;
    return json_pack("[{s:s, s:s, s:s}, {s:s, s:s, s:s, s:i}, {s:s, s:s, s:s}, {s:s, s:s}]",
                     "realm", "corp", "type", "ldap", "comment", "Staff", "realm", "pam", "type",
                     "pam", "comment", "Linux PAM standard authentication", "default", 1, "realm",
                     "pve", "type", "pve", "comment", "Proxmox VE authentication server", "realm",
                     "sso", "type", "openid");
}

char *lab_login_page(const struct lab *lab)
{
    return vf_asprintf("<!DOCTYPE html>\n<html><head><title>%s - Proxmox Virtual "
                       "Environment</title>\n<script type=\"text/javascript\" "
                       "src=\"/pve2/js/pvemanagerlib.js?ver=%u.%u.1\"></script>\n"
                       "</head><body></body></html>\n",
                       lab->nodes[0].name, lab->version / 1000, lab->version % 1000);
}
