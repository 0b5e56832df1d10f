/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Users, tickets, tokens. A ticket is "PVE:USER:HEXTIME::BASE64", signed with a key of
 * the cluster's; it lives two hours and can be traded for a new one in place of a password. */
#include "config.h"
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>
#include <stdio.h>
#include "tests/lab/lab.h"

#define TICKET_LIFE 7200

static char *sign(const struct lab *lab, const char *text)
{
    unsigned char md[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    char out[64];
    HMAC(EVP_sha256(), lab->key, sizeof lab->key, (const unsigned char *)text, strlen(text), md,
         &n);
    EVP_EncodeBlock((unsigned char *)out, md, 32);
    return vf_strdup(out);
}

static bool same(const char *a, const char *b)
{
    return strlen(a) == strlen(b) && !CRYPTO_memcmp(a, b, strlen(a));
}

static char *make_ticket(const struct lab *lab, const char *user, int64_t when)
{
    vf_autofree char *body = vf_asprintf("PVE:%s:%08llX", user, (unsigned long long)when);
    vf_autofree char *sig = sign(lab, body);
    return vf_asprintf("%s::%s", body, sig);
}

char *lab_sign_ticket(const struct lab *lab, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vf_autofree char *text = vf_vasprintf(fmt, ap);
    va_end(ap);
    return make_ticket(lab, text, vf_clock_unix());
}

/* The time of TICKET, whose text comes in *TEXT; 0 when it is not good (any more). */
static int64_t open_ticket(const struct lab *lab, const char *ticket, char **text)
{
    unsigned long long when;
    const char *time = vf_starts(ticket, "PVE:") ? strchr(ticket + 4, ':') : NULL;
    *text = NULL;
    if (!time || sscanf(time, ":%llX::", &when) != 1)
        return 0;
    *text = vf_strndup(ticket + 4, (size_t)(time - ticket - 4));
    vf_autofree char *good = make_ticket(lab, *text, (int64_t)when);
    int64_t age = vf_clock_unix() - (int64_t)when;
    return same(good, ticket) && age <= TICKET_LIFE && age >= -300 ? (int64_t)when : 0;
}

bool lab_ticket_good(const struct lab *lab, const char *ticket, const char *kind)
{
    vf_autofree char *text = NULL;
    return open_ticket(lab, ticket, &text) && vf_starts(text, kind);
}

static char *make_csrf(const struct lab *lab, const char *user, int64_t when)
{
    vf_autofree char *body = vf_asprintf("%08llX:%s", (unsigned long long)when, user);
    vf_autofree char *sig = sign(lab, body);
    return vf_asprintf("%08llX:%s", (unsigned long long)when, sig);
}

/* The user of a valid ticket; NULL. */
static const struct lab_user *check_ticket(const struct lab *lab, const char *ticket)
{
    vf_autofree char *user = NULL;
    if (!open_ticket(lab, ticket, &user))
        return NULL;
    for (size_t i = 0; i < lab->n_users; i++)
        if (!lab->users[i].token && vf_streq(lab->users[i].name, user))
            return &lab->users[i];
    return NULL;
}

static bool check_csrf(const struct lab *lab, const char *user, const char *csrf)
{
    unsigned long long when;
    if (!csrf || sscanf(csrf, "%llX:", &when) != 1)
        return false;
    vf_autofree char *good = make_csrf(lab, user, when);
    return same(good, csrf) && vf_clock_unix() - (int64_t)when <= TICKET_LIFE;
}

static int refuse(struct lab_call *c, const char *why)
{
    lab_die(c, 401, "%s", why);
    c->bare_401 = c->delay = true;
    return -1;
}

static int check_token(struct lab_call *c, const char *text)
{
    const char *eq = strchr(text, '='), *bang = strchr(text, '!');
    if (!eq || !bang || bang > eq)
        return refuse(c, "no such token");
    vf_autofree char *user = vf_strndup(text, (size_t)(bang - text));
    vf_autofree char *token = vf_strndup(bang + 1, (size_t)(eq - bang - 1));
    const struct lab_user *u = lab_token_find(c->lab, user, token);
    if (!u)
        return refuse(c, "no such token");
    if (u->expire && u->expire < vf_clock_unix())
        return refuse(c, "token expired");
    if (!same(u->secret, eq + 1))
        return refuse(c, "invalid token value!");
    c->user = u;
    return 0;
}

int lab_authenticate(struct lab_call *c, const char *authorization, const char *cookie,
                     const char *csrf)
{
    if (authorization && vf_starts(authorization, "PVEAPIToken=")) {
        const char *text = authorization + strlen("PVEAPIToken=");
        vf_autofree char *decoded = lab_url_decode(text, strlen(text), false);
        return check_token(c, decoded);
    }
    const char *p = cookie ? strstr(cookie, "PVEAuthCookie=") : NULL;
    if (!p)
        return refuse(c, "No ticket");
    p += strlen("PVEAuthCookie=");
    vf_autofree char *ticket = lab_url_decode(p, strcspn(p, ";"), false);
    c->user = check_ticket(c->lab, ticket);
    if (!c->user)
        return refuse(c, "permission denied - invalid PVE ticket");
    c->by_ticket = true;
    if (!vf_streq(c->method, "GET") && !check_csrf(c->lab, c->user->name, csrf)) {
        c->user = NULL;
        return refuse(c, "Permission denied - invalid csrf token");
    }
    return 0;
}

bool lab_is_root(const struct lab_call *c)
{
    return c->by_ticket && vf_streq(c->user->name, "root@pam");
}

json_t *lab_login(struct lab_call *c)
{
    const char *name = lab_param(c, "username"), *password = lab_param(c, "password");
    const char *realm = lab_param(c, "realm");
    vf_autofree char *full = name && !strchr(name, '@') && realm ? vf_asprintf("%s@%s", name, realm)
                                                                 : vf_strdup(name ? name : "");
    const struct lab_user *u = NULL;
    for (size_t i = 0; i < c->lab->n_users; i++)
        if (!c->lab->users[i].token && vf_streq(c->lab->users[i].name, full))
            u = &c->lab->users[i];
    bool renewed = u && password && check_ticket(c->lab, password) == u;
    bool good =
        renewed || (lab_param(c, "tfa-challenge") ? lab_tfa_answer(c, u, password)
                                                  : u && password && same(u->secret, password));
    if (!good) {
        c->delay = true;
        return lab_die(c, 401, "authentication failure");
    }
    json_t *wanted = renewed || lab_param(c, "tfa-challenge") ? NULL : lab_tfa_challenge(c, u);
    if (wanted || c->status)
        return wanted;
    int64_t now = vf_clock_unix();
    vf_autofree char *ticket = make_ticket(c->lab, u->name, now),
                     *csrf = make_csrf(c->lab, u->name, now);
    return json_pack("{s:s, s:s, s:s, s:{s:o}}", "username", u->name, "ticket", ticket,
                     "CSRFPreventionToken", csrf, "cap", "vms", lab_privs(c->lab, u, "/vms"));
}
