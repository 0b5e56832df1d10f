/* SPDX-License-Identifier: GPL-3.0-or-later */
/* API tokens made and removed by calls: /access/users/{userid}/token/{tokenid}. */
#include "config.h"
#include <string.h>
#include "tests/lab/lab.h"

/* Tokens live as long as the process: calls may still point at one that was removed. */
static struct lab_user *find(const struct lab *lab, const char *user, const char *token)
{
    for (size_t i = 0; i < lab->n_made; i++)
        if (lab->made[i]->secret && vf_streq(lab->made[i]->name, user) &&
            vf_streq(lab->made[i]->token, token))
            return lab->made[i];
    return NULL;
}

const struct lab_user *lab_token_find(const struct lab *lab, const char *user, const char *token)
{
    for (size_t i = 0; i < lab->n_users; i++)
        if (lab->users[i].token && vf_streq(lab->users[i].name, user) &&
            vf_streq(lab->users[i].token, token))
            return &lab->users[i];
    return find(lab, user, token);
}

static const struct lab_user *the_user(struct lab_call *c)
{
    const char *name = lab_param(c, "userid");
    for (size_t i = 0; i < c->lab->n_users; i++)
        if (!c->lab->users[i].token && vf_streq(c->lab->users[i].name, name))
            return &c->lab->users[i];
    lab_die(c, 500, "no such user ('%s')", name);
    return NULL;
}

/* The user by ticket, or who may modify users: a token of the user's is not the user. */
static bool may(struct lab_call *c)
{
    if ((!c->user->token && vf_streq(c->user->name, lab_param(c, "userid"))) ||
        lab_may(c, "/access/groups:User.Modify"))
        return true;
    lab_die(c, 403, "Permission check failed");
    return false;
}

static json_t *info(const struct lab_user *t)
{
    return json_pack("{s:i, s:I}", "privsep", (int)t->privsep, "expire", (json_int_t)t->expire);
}

static json_t *post_token(struct lab_call *c)
{
    const struct lab_user *u = may(c) ? the_user(c) : NULL;
    const char *name = lab_param(c, "tokenid"), *expire = lab_param(c, "expire");
    if (!u)
        return NULL;
    if (lab_token_find(c->lab, u->name, name))
        return lab_bad_param(c, "tokenid", "Token already exists.");
    vf_autofree char *h = vf_random_hex(16), *full = vf_asprintf("%s!%s", u->name, name);
    struct lab_user *t = vf_xcalloc(1, sizeof *t);
    *t = *u;
    t->token = vf_strdup(name);
    t->privsep = lab_flag(c, "privsep", true);
    t->expire = expire ? atoll(expire) : 0;
    t->secret = vf_asprintf("%.8s-%.4s-%.4s-%.4s-%.12s", h, h + 8, h + 12, h + 16, h + 20);
    *(struct lab_user **)vf_grow(&c->lab->made, &c->lab->n_made, sizeof *c->lab->made) = t;
    return json_pack("{s:s, s:s, s:o}", "full-tokenid", full, "value", t->secret, "info", info(t));
}

static json_t *delete_token(struct lab_call *c)
{
    const char *user = lab_param(c, "userid"), *name = lab_param(c, "tokenid");
    if (!may(c))
        return NULL;
    struct lab_user *t = find(c->lab, user, name);
    if (!t)
        return lab_die(c, 500, "no such token '%s' for user '%s'", name, user);
    free(VF_STEAL(t->secret));
    return NULL;
}

json_t *lab_tokens(const struct lab *lab, const char *user)
{
    json_t *out = json_array();
    for (size_t i = 0; i < lab->n_made; i++) {
        const struct lab_user *t = lab->made[i];
        if (!t->secret || (user && !vf_streq(t->name, user)))
            continue;
        json_t *j = info(t);
        json_object_set_new(j, "tokenid", json_string(t->token));
        json_array_append_new(out, j);
    }
    return out;
}

static json_t *get_tokens(struct lab_call *c)
{
    return may(c) && the_user(c) ? lab_tokens(c->lab, lab_param(c, "userid")) : NULL;
}

const struct lab_route lab_routes_tokens[] = {
    {"GET", "/access/users/{userid}/token", get_tokens, NULL},
    {"POST", "/access/users/{userid}/token/{tokenid}", post_token, NULL},
    {"DELETE", "/access/users/{userid}/token/{tokenid}", delete_token, NULL},
    {NULL, NULL, NULL, NULL},
};
