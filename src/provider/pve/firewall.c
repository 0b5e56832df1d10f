/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The firewall of a VM, and what its rules name of the cluster's. */
#include "config.h"
#include "plan/firewall.h"
#include "provider/pve/pve.h"
#include "base/log.h"
#include "base/str.h"

#include <string.h>

enum { MAX_FIELDS = 16 };

/* The lists of a firewall: where they are, and what of their entries can be set, as in the
 * parameter lists of 6.4 to 9. "digest", "pos", "ipversion" and "errors" are Proxmox's own. */
struct list {
    const char *path, *fields[MAX_FIELDS];
};

static const struct list options = {"options",
                                    {"enable", "dhcp", "ipfilter", "log_level_in", "log_level_out",
                                     "macfilter", "ndp", "policy_in", "policy_out", "radv"}},
                         aliases = {"aliases", {"name", "cidr", "comment"}},
                         ipsets = {"ipset", {"name", "comment"}},
                         members = {NULL, {"cidr", "nomatch", "comment"}},
                         rules = {"rules",
                                  {"type", "action", "enable", "macro", "iface", "source", "dest",
                                   "proto", "sport", "dport", "icmp-type", "log", "comment"}};

static char *firewall_path(const char *node, unsigned id, const char *list, const char *set)
{
    vf_autofree char *name = set ? vf_url_encode(set) : NULL;
    return name ? vf_pve_path(node, "/qemu/%u/firewall/ipset/%s", id, name)
                : vf_pve_path(node, "/qemu/%u/firewall/%s", id, list);
}

static void read_row(const struct list *list, const json_t *entry, struct vf_opts *row)
{
    for (size_t i = 0; i < MAX_FIELDS && list->fields[i]; i++) {
        const char *field = list->fields[i];
        vf_autofree char *text = vf_json_as_text(json_object_get(entry, field));
        bool no = !strcmp(field, "nomatch") && vf_streq(text, "0");
        if (text && *text && !no)
            vf_opts_set(row, field, text);
        else if (list == &rules && !strcmp(field, "enable"))
            vf_opts_set(row, field, "0"); /* what is not switched on is off */
    }
}

/* A later version may have more; better told than lost. */
static void note_unknown(const struct list *list, const json_t *entry, char ***unknown)
{
    static const char *const proxmoxs[] = {"digest", "pos", "ipversion", "errors"};
    const char *name;
    json_t *value;
    json_object_foreach ((json_t *)entry, name, value) {
        bool known = false;
        for (size_t i = 0; i < VF_COUNT(proxmoxs); i++)
            known |= !strcmp(name, proxmoxs[i]);
        for (size_t i = 0; i < MAX_FIELDS && list->fields[i]; i++)
            known |= !strcmp(name, list->fields[i]);
        vf_autofree char *text =
            vf_asprintf("%s %s", list->path ? list->path : "IP set member", name);
        if (!known && !vf_strv_has(*unknown, text))
            vf_strv_add(unknown, text);
    }
}

static int read_list(struct vf_pve_client *c, const char *path, const struct list *list,
                     const char *set, struct vf_rows *out, char ***unknown, struct vf_error **err)
{
    vf_autojson json_t *all = vf_pve_list(c, path, err);
    if (!all)
        return -1;
    size_t i;
    json_t *e;
    json_array_foreach (all, i, e) {
        struct vf_opts *row = vf_rows_add(out);
        if (set)
            vf_opts_set(row, "ipset", set);
        read_row(list, e, row);
        if (unknown)
            note_unknown(list, e, unknown);
    }
    return 0;
}

static int read_all(struct vf_pve_client *c, const char *node, unsigned id, struct vf_firewall *f,
                    struct vf_error **err)
{
    const struct {
        const struct list *list;
        struct vf_rows *rows;
    } lists[] = {{&aliases, &f->aliases}, {&ipsets, &f->ipsets}, {&rules, &f->rules}};
    vf_autofree char *path = firewall_path(node, id, options.path, NULL);
    vf_autojson json_t *o = vf_pve_object(c, path, err);
    if (!o)
        return -1;
    f->unknown = vf_strv_new();
    read_row(&options, o, &f->options);
    note_unknown(&options, o, &f->unknown);
    for (size_t i = 0; i < VF_COUNT(lists); i++) {
        vf_autofree char *where = firewall_path(node, id, lists[i].list->path, NULL);
        if (read_list(c, where, lists[i].list, NULL, lists[i].rows, &f->unknown, err) < 0)
            return -1;
    }
    for (size_t i = 0; i < f->ipsets.n; i++) {
        const char *name = vf_opts_get(&f->ipsets.v[i], "name");
        vf_autofree char *where = name ? firewall_path(node, id, NULL, name) : NULL;
        if (where && read_list(c, where, &members, name, &f->members, &f->unknown, err) < 0)
            return -1;
    }
    return 0;
}

struct vf_firewall *vf_pve_firewall(struct vf_provider *p, const char *node, unsigned id,
                                    struct vf_error **err)
{
    vf_auto(vf_firewall_free) struct vf_firewall *f = vf_firewall_new();
    if (read_all(vf_pve_of(p), node, id, f, err) < 0) {
        vf_fail_prefix(err, "firewall of VM %u", id);
        return NULL;
    }
    return VF_STEAL(f);
}

static int send_row(struct vf_pve_client *c, const char *method, const char *path,
                    const struct list *list, const struct vf_opts *row, struct vf_error **err)
{
    vf_autoform struct vf_form form = {0};
    for (size_t i = 0; i < MAX_FIELDS && list->fields[i]; i++) {
        const char *value = vf_opts_get(row, list->fields[i]);
        if (value)
            vf_form_add(&form, list->fields[i], value);
    }
    if (vf_pve_do(c, method, path, &form, 0, err) == 0)
        return 0;
    vf_autofree char *text = vf_row_text(row), *shown = vf_escape(text);
    return vf_fail_prefix(err, "%s", shown);
}

/* Rows that are not there yet, the last one first: Proxmox puts each before those that are there,
 * whatever position is asked for. */
static int add_missing(struct vf_pve_client *c, const char *path, const struct list *list,
                       const char *key, const char *set, const struct vf_rows *want,
                       const struct vf_rows *got, struct vf_error **err)
{
    for (size_t i = want->n; i-- > 0;) {
        const char *name = vf_opts_get(&want->v[i], key);
        bool there = false;
        if (set && !vf_streq(vf_opts_get(&want->v[i], "ipset"), set))
            continue;
        for (size_t k = 0; k < got->n; k++)
            there |= vf_streq(vf_opts_get(&got->v[k], key), name) &&
                     (!set || vf_streq(vf_opts_get(&got->v[k], "ipset"), set));
        if (!there && send_row(c, "POST", path, list, &want->v[i], err) < 0)
            return -1;
    }
    return 0;
}

/* What was cut off while it was written has the end of the list: the beginning is added. */
static int add_rules(struct vf_pve_client *c, const char *path, const struct vf_rows *want,
                     const struct vf_rows *got, struct vf_error **err)
{
    size_t missing = want->n >= got->n ? want->n - got->n : 0;
    for (size_t i = 0; i < got->n; i++) {
        vf_autofree char *have = vf_row_text(&got->v[i]);
        vf_autofree char *wanted =
            missing + i < want->n ? vf_row_text(&want->v[missing + i]) : NULL;
        if (!vf_streq(have, wanted)) {
            vf_autofree char *shown = vf_escape(have);
            return vf_fail(err, VF_E_CONFLICT, "there is a rule that this job did not make: %s",
                           shown);
        }
    }
    for (size_t i = missing; i-- > 0;)
        if (send_row(c, "POST", path, &rules, &want->v[i], err) < 0)
            return -1;
    return 0;
}

static int write_all(struct vf_pve_client *c, const char *node, unsigned id,
                     const struct vf_firewall *want, const struct vf_firewall *got,
                     struct vf_error **err)
{
    vf_autofree char *alias_path = firewall_path(node, id, aliases.path, NULL);
    vf_autofree char *set_path = firewall_path(node, id, ipsets.path, NULL);
    vf_autofree char *rule_path = firewall_path(node, id, rules.path, NULL);
    vf_autofree char *option_path = firewall_path(node, id, options.path, NULL);
    if (add_missing(c, alias_path, &aliases, "name", NULL, &want->aliases, &got->aliases, err) <
            0 ||
        add_missing(c, set_path, &ipsets, "name", NULL, &want->ipsets, &got->ipsets, err) < 0)
        return -1;
    for (size_t i = 0; i < want->ipsets.n; i++) {
        const char *name = vf_opts_get(&want->ipsets.v[i], "name");
        vf_autofree char *path = firewall_path(node, id, NULL, name);
        if (add_missing(c, path, &members, "cidr", name, &want->members, &got->members, err) < 0)
            return -1;
    }
    if (add_rules(c, rule_path, &want->rules, &got->rules, err) < 0)
        return -1;
    /* the switch comes last, when there is something behind it */
    return want->options.n ? send_row(c, "PUT", option_path, &options, &want->options, err) : 0;
}

int vf_pve_set_firewall(struct vf_provider *p, const char *node, unsigned id,
                        const struct vf_firewall *f, struct vf_error **err)
{
    vf_auto(vf_firewall_free) struct vf_firewall *got = vf_pve_firewall(p, node, id, err);
    if (!got)
        return -1;
    if (write_all(vf_pve_of(p), node, id, f, got, err) < 0)
        return vf_fail_prefix(err, "cannot set the firewall of VM %u", id);
    return 0;
}

/* ------------------------------------------------------------------ the cluster's */

static char *shared_alias(struct vf_pve_client *c, const char *name, struct vf_error **err)
{
    struct vf_rows rows = {0};
    char *text = NULL;
    if (read_list(c, "/cluster/firewall/aliases", &aliases, NULL, &rows, NULL, err) == 0) {
        for (size_t i = 0; !text && i < rows.n; i++) {
            const char *have = vf_opts_get(&rows.v[i], "name");
            if (have && !strcasecmp(have, name))
                text = vf_strdup(vf_opts_get(&rows.v[i], "cidr"));
        }
        if (!text)
            vf_fail(err, VF_E_NOTFOUND, "there is no alias %s", name);
    }
    vf_rows_free(&rows);
    return text;
}

char *vf_pve_firewall_shared(struct vf_provider *p, const char *ref, struct vf_error **err)
{
    struct vf_pve_client *c = vf_pve_of(p);
    if (vf_streq(ref, "switch")) {
        vf_autojson json_t *o = vf_pve_object(c, "/cluster/firewall/options", err);
        return o ? vf_strdup(vf_json_bool(o, "enable") ? "on" : "off") : NULL;
    }
    if (vf_starts(ref, "alias/"))
        return shared_alias(c, ref + strlen("alias/"), err);
    bool group = vf_starts(ref, "group/");
    vf_autofree char *name = vf_url_encode(strchr(ref, '/') + 1);
    vf_autofree char *path =
        vf_asprintf("/cluster/firewall/%s/%s", group ? "groups" : "ipset", name);
    struct vf_rows rows = {0};
    int r = read_list(c, path, group ? &rules : &members, NULL, &rows, NULL, err);
    char *text = r == 0 ? vf_rows_text(&rows, group) : NULL;
    vf_rows_free(&rows);
    return text;
}
