/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pveum as root of a node runs it, as far as rights go. */
#include "config.h"
#include <string.h>
#include "tests/lab/lab.h"

struct options {
    const char *privs, *users, *tokens, *roles, *propagate, *append, *privsep;
};

static int read_options(char *const *args, size_t n, struct options *o, struct vf_buf *out)
{
    const struct {
        const char *name, **value;
    } table[] = {
        {"privs", &o->privs}, {"users", &o->users},         {"tokens", &o->tokens},
        {"roles", &o->roles}, {"propagate", &o->propagate}, {"append", &o->append},
        {"role", &o->roles},  {"user", &o->users},          {"privsep", &o->privsep},
    };
    for (size_t i = 0; i < n; i += 2) {
        const char *name = args[i] + strspn(args[i], "-");
        size_t k = 0;
        while (k < VF_COUNT(table) && strcmp(table[k].name, name))
            k++;
        if (name == args[i] || k == VF_COUNT(table) || i + 1 == n) {
            vf_buf_printf(out, "Unknown option: %s\n400 unable to parse option\n", name);
            return -1;
        }
        *table[k].value = args[i + 1];
    }
    return 0;
}

static int set_role(struct lab *lab, const char *verb, const char *name, const struct options *o,
                    struct vf_buf *out)
{
    bool there = json_object_get(lab->roles, name) != NULL, add = vf_streq(verb, "add");
    if (there == add) {
        vf_buf_printf(out,
                      add ? "create role failed: role '%s' already exists\n"
                          : "role '%s' does not exist\n",
                      name);
        return 255;
    }
    if (lab_role_set(lab, name, o->privs ? o->privs : "", lab_int(o->append) != 0) == 0)
        return 0;
    vf_buf_puts(out, "400 Parameter verification failed.\nprivs: invalid format - invalid "
                     "privilege\n");
    return 255;
}

static bool is_known(const struct lab *lab, const char *who)
{
    for (size_t i = 0; i < lab->n_users; i++) {
        const struct lab_user *u = &lab->users[i];
        vf_autofree char *id =
            u->token ? vf_asprintf("%s!%s", u->name, u->token) : vf_strdup(u->name);
        if (vf_streq(id, who))
            return true;
    }
    return false;
}

static int set_acl(struct lab *lab, const char *verb, const char *path, const struct options *o,
                   struct vf_buf *out)
{
    vf_autofree char *list =
        vf_asprintf("%s,%s", o->users ? o->users : "", o->tokens ? o->tokens : "");
    vf_autostrv char **who = vf_strv_split(list, ",; ");
    vf_autostrv char **roles = vf_strv_split(o->roles ? o->roles : "", ",; ");
    bool propagate = !o->propagate || lab_int(o->propagate);
    if (!who[0] || !roles[0]) {
        vf_buf_puts(out, "400 Parameter verification failed.\n");
        return 255;
    }
    for (size_t i = 0; who[i]; i++) {
        if (!is_known(lab, who[i])) {
            vf_buf_printf(out, "%s '%s' does not exist\n", strchr(who[i], '!') ? "token" : "user",
                          who[i]);
            return 255;
        }
        for (size_t k = 0; roles[k]; k++)
            if (lab_acl_set(lab, path, who[i], roles[k], propagate, vf_streq(verb, "delete"))) {
                vf_buf_printf(out, "role '%s' does not exist\n", roles[k]);
                return 255;
            }
    }
    return 0;
}

static int set_token(struct lab *lab, const char *user, const char *name, const struct options *o,
                     struct vf_buf *out)
{
    for (size_t i = 0; i < lab->n_users; i++) {
        struct lab_user *u = &lab->users[i];
        if (!vf_streq(u->name, user) || !vf_streq(u->token, name))
            continue;
        if (o->privsep)
            u->privsep = lab_int(o->privsep) != 0;
        return 0;
    }
    vf_buf_printf(out, "no such token '%s' for user '%s'\n", name, user);
    return 255;
}

/* Not pveum's: what a role has, for tests that take something away. */
static int show_role(struct lab *lab, const char *name, struct vf_buf *out)
{
    size_t i;
    json_t *p;
    json_array_foreach (json_object_get(lab->roles, name), i, p)
        vf_buf_printf(out, "%s%s", i ? " " : "", json_string_value(p));
    vf_buf_puts(out, "\n");
    return 0;
}

int lab_pveum(struct lab *lab, char *const *args, size_t n, struct vf_buf *out)
{
    struct options o = {0};
    const char *noun = n > 2 ? args[0] : "", *verb = n > 2 ? args[1] : "";
    size_t fixed = vf_streq(noun, "user") ? 5 : 3;
    if (n < fixed || read_options(args + fixed, n - fixed, &o, out))
        return 255;
    if (vf_streq(noun, "role") && (vf_streq(verb, "add") || vf_streq(verb, "modify")))
        return set_role(lab, verb, args[2], &o, out);
    if (vf_streq(noun, "role") && vf_streq(verb, "show"))
        return show_role(lab, args[2], out);
    if (vf_streq(noun, "acl") && (vf_streq(verb, "modify") || vf_streq(verb, "delete")))
        return set_acl(lab, verb, args[2], &o, out);
    if (vf_streq(noun, "user") && vf_streq(verb, "token") && vf_streq(args[2], "modify"))
        return set_token(lab, args[3], args[4], &o, out);
    vf_buf_printf(out, "ERROR: unknown command 'pveum %s %s'\n", noun, verb);
    return 255;
}
