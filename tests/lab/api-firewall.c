/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Firewalls: of a VM, read and written; of the cluster, read. Kept as JSON in lab->extra. What is
 * added comes before what is there, whatever position is asked for, as PVE::API2::Firewall does. */
#include "config.h"
#include <ctype.h>
#include <string.h>
#include "tests/lab/lab.h"

#define VM "/nodes/{node}/qemu/{vmid}"

static json_t *child(json_t *of, const char *key, bool list)
{
    json_t *have = json_object_get(of, key);
    if (!have) {
        have = list ? json_array() : json_object();
        json_object_set_new(of, key, have);
    }
    return have;
}

/* The firewall of the call's VM, or without one the cluster's. */
static json_t *firewall(struct lab_call *c)
{
    if (!lab_param(c, "vmid"))
        return child(c->lab->extra, "firewall", false);
    struct lab_vm *vm = lab_the_vm(c);
    return vm ? child(lab_extra_vm(c->lab, vm->vmid), "firewall", false) : NULL;
}

/* A list as it is answered: each entry with the digest of all. */
static json_t *with_digest(json_t *list, bool positions)
{
    vf_autofree char *digest = lab_digest(list);
    json_t *out = json_array(), *e;
    size_t i;
    json_array_foreach (list, i, e) {
        json_t *copy = json_copy(e);
        json_object_del(copy, "members");
        json_object_set_new(copy, "digest", json_string(digest));
        if (positions)
            json_object_set_new(copy, "pos", json_integer((json_int_t)i));
        json_array_append_new(out, copy);
    }
    return out;
}

static json_t *find(json_t *list, const char *key, const char *value)
{
    size_t i;
    json_t *e;
    json_array_foreach (list, i, e) {
        const char *have = json_string_value(json_object_get(e, key));
        if (have && value && !strcasecmp(have, value))
            return e;
    }
    return NULL;
}

/* The parameters named in FIELDS as an entry; numbers where Proxmox has them. */
static json_t *entry(struct lab_call *c, const char *const fields[])
{
    json_t *e = json_object();
    for (size_t i = 0; fields[i]; i++) {
        const char *v = lab_param(c, fields[i]);
        bool number = vf_streq(fields[i], "enable") || vf_streq(fields[i], "nomatch");
        if (v && *v)
            json_object_set_new(e, fields[i], number ? json_integer(lab_int(v)) : json_string(v));
    }
    return e;
}

static int check_digest(struct lab_call *c, json_t *list)
{
    const char *given = lab_param(c, "digest");
    vf_autofree char *have = lab_digest(list);
    if (!given || !strcmp(given, have))
        return 0;
    lab_die(c, 500, "detected modified configuration - file changed by other user? Try again.");
    return -1;
}

/* ------------------------------------------------------------------ options */

static json_t *get_options(struct lab_call *c)
{
    json_t *fw = firewall(c);
    if (!fw)
        return NULL;
    json_t *out = json_copy(child(fw, "options", false));
    vf_autofree char *digest = lab_digest(out);
    json_object_set_new(out, "digest", json_string(digest));
    return out;
}

static json_t *put_options(struct lab_call *c)
{
    static const char *const fields[] = {"dhcp",          "enable",    "ipfilter", "log_level_in",
                                         "log_level_out", "macfilter", "ndp",      "policy_in",
                                         "policy_out",    "radv"};
    json_t *fw = firewall(c), *options = fw ? child(fw, "options", false) : NULL;
    if (!fw || check_digest(c, options))
        return NULL;
    for (size_t i = 0; i < VF_COUNT(fields); i++) {
        const char *v = lab_param(c, fields[i]);
        if (v)
            json_object_set_new(options, fields[i],
                                isdigit((unsigned char)*v) ? json_integer(lab_int(v))
                                                           : json_string(v));
    }
    const char *gone = lab_param(c, "delete");
    vf_autostrv char **keys = vf_strv_split(gone ? gone : "", ",; ");
    for (size_t i = 0; keys[i]; i++)
        json_object_del(options, keys[i]);
    return NULL;
}

/* ------------------------------------------------------------------ aliases, IP sets */

/* Proxmox writes them in the order of their names. */
static void add_sorted(json_t *list, json_t *e)
{
    size_t i = 0;
    while (i < json_array_size(list) &&
           strcmp(json_string_value(json_object_get(json_array_get(list, i), "name")),
                  json_string_value(json_object_get(e, "name"))) < 0)
        i++;
    json_array_insert_new(list, i, e);
}

static json_t *get_aliases(struct lab_call *c)
{
    json_t *fw = firewall(c);
    return fw ? with_digest(child(fw, "aliases", true), false) : NULL;
}

static json_t *post_alias(struct lab_call *c)
{
    static const char *const fields[] = {"name", "cidr", "comment", NULL};
    json_t *fw = firewall(c), *list = fw ? child(fw, "aliases", true) : NULL;
    if (!fw)
        return NULL;
    if (find(list, "name", lab_param(c, "name")))
        return lab_bad_param(c, "name", "alias '%s' already exists", lab_param(c, "name"));
    add_sorted(list, entry(c, fields));
    return NULL;
}

static json_t *get_ipsets(struct lab_call *c)
{
    json_t *fw = firewall(c);
    return fw ? with_digest(child(fw, "ipset", true), false) : NULL;
}

static json_t *post_ipset(struct lab_call *c)
{
    static const char *const fields[] = {"name", "comment", NULL};
    json_t *fw = firewall(c), *list = fw ? child(fw, "ipset", true) : NULL;
    if (!fw)
        return NULL;
    if (find(list, "name", lab_param(c, "name")))
        return lab_bad_param(c, "name", "IPSet '%s' already exists", lab_param(c, "name"));
    add_sorted(list, entry(c, fields));
    return NULL;
}

static json_t *the_members(struct lab_call *c)
{
    json_t *fw = firewall(c);
    json_t *set = fw ? find(child(fw, "ipset", true), "name", lab_param(c, "name")) : NULL;
    if (fw && !set)
        lab_die(c, 500, "no such IPSet '%s'", lab_param(c, "name"));
    return set ? child(set, "members", true) : NULL;
}

static json_t *get_members(struct lab_call *c)
{
    json_t *members = the_members(c);
    return members ? with_digest(members, false) : NULL;
}

/* ------------------------------------------------------------------ rules */

/* Is there what an address of a rule or a member names? */
static bool known(struct lab_call *c, const char *value, char **complaint)
{
    json_t *cluster = child(c->lab->extra, "firewall", false), *own = firewall(c);
    bool set = *value == '+';
    const char *name = value + set, *list = set ? "ipset" : "aliases";
    bool dc = vf_starts(name, "dc/"), guest = vf_starts(name, "guest/");
    name += dc ? 3 : guest ? 6 : 0;
    if (!isalpha((unsigned char)*name) || strchr(name, ':') || strchr(name, '.'))
        return true;
    if ((!dc && find(json_object_get(own, list), "name", name)) ||
        (!guest && find(json_object_get(cluster, list), "name", name)))
        return true;
    *complaint = vf_asprintf("no such %s '%s'", set ? "ipset" : "alias", value + set);
    return false;
}

static json_t *post_member(struct lab_call *c)
{
    static const char *const fields[] = {"cidr", "nomatch", "comment", NULL};
    json_t *members = the_members(c);
    vf_autofree char *complaint = NULL;
    if (!members)
        return NULL;
    if (find(members, "cidr", lab_param(c, "cidr")))
        return lab_bad_param(c, "cidr", "address '%s' already exists", lab_param(c, "cidr"));
    if (!known(c, lab_param(c, "cidr"), &complaint))
        return lab_die(c, 500, "%s", complaint);
    json_t *e = entry(c, fields);
    if (!json_integer_value(json_object_get(e, "nomatch")))
        json_object_del(e, "nomatch");
    json_array_insert_new(members, 0, e);
    return NULL;
}

static json_t *get_rules(struct lab_call *c)
{
    json_t *fw = firewall(c);
    return fw ? with_digest(child(fw, "rules", true), true) : NULL;
}

static int check_rule(struct lab_call *c)
{
    static const char *const ports[] = {"dport", "sport"}, *const ends[] = {"source", "dest"};
    static const char *const actions[] = {"ACCEPT", "DROP", "REJECT"};
    bool good = vf_streq(lab_param(c, "type"), "group"); /* any group: it may be made later */
    for (size_t i = 0; i < VF_COUNT(actions); i++)
        good |= vf_streq(lab_param(c, "action"), actions[i]);
    if (!good)
        return lab_bad_param(c, "action", "unknown action '%s'", lab_param(c, "action")), -1;
    for (size_t i = 0; i < VF_COUNT(ports); i++) {
        const char *proto = lab_param(c, "proto");
        if (lab_param(c, ports[i]) && !proto)
            return lab_bad_param(c, "proto", "missing property - '%s' requires this property",
                                 ports[i]),
                   -1;
        const char *end = lab_param(c, ends[i]);
        vf_autofree char *complaint = NULL;
        if (end && !known(c, end, &complaint))
            return lab_bad_param(c, ends[i], "%s", complaint), -1;
    }
    const char *iface = lab_param(c, "iface");
    if (iface && !vf_starts(iface, "net"))
        return lab_bad_param(c, "iface", "value does not match the regex pattern 'net\\d+'"), -1;
    return 0;
}

static json_t *post_rule(struct lab_call *c)
{
    static const char *const fields[] = {"type",   "action",    "enable",  "macro", "iface",
                                         "source", "dest",      "proto",   "sport", "dport",
                                         "log",    "icmp-type", "comment", NULL};
    json_t *fw = firewall(c), *rules = fw ? child(fw, "rules", true) : NULL;
    if (!fw || check_digest(c, rules) || check_rule(c))
        return NULL;
    json_t *e = entry(c, fields);
    if (!json_object_get(e, "enable"))
        json_object_set_new(e, "enable", json_integer(0));
    json_array_insert_new(rules, 0, e);
    return NULL;
}

static json_t *delete_rule(struct lab_call *c)
{
    json_t *fw = firewall(c), *rules = fw ? child(fw, "rules", true) : NULL;
    size_t pos = (size_t)lab_int(lab_param(c, "pos"));
    if (!fw || check_digest(c, rules))
        return NULL;
    if (pos >= json_array_size(rules))
        return lab_die(c, 500, "no rule at position %zu", pos);
    json_array_remove(rules, pos);
    return NULL;
}

/* ------------------------------------------------------------------ the cluster's groups */

static json_t *get_groups(struct lab_call *c)
{
    json_t *groups = child(firewall(c), "groups", false), *out = json_array(), *v;
    const char *name;
    vf_autofree char *digest = lab_digest(groups);
    json_object_foreach (groups, name, v)
        json_array_append_new(out, json_pack("{s:s, s:s}", "group", name, "digest", digest));
    return out;
}

static json_t *get_group(struct lab_call *c)
{
    json_t *rules = json_object_get(child(firewall(c), "groups", false), lab_param(c, "group"));
    return rules ? with_digest(rules, true)
                 : lab_die(c, 500, "no such security group '%s'", lab_param(c, "group"));
}

/* The parameter lists lack the rules of a VM; they are those of a group's, with node and VM for the
 * group. */
void lab_firewall_schema(json_t *schema)
{
    json_t *group = json_object_get(schema, "POST /cluster/firewall/groups/{group}");
    json_t *params = json_copy(json_object_get(group, "params"));
    json_t *other =
        json_object_get(json_object_get(schema, "GET " VM "/firewall/options"), "params");
    if (params && other && !json_object_get(schema, "POST " VM "/firewall/rules")) {
        json_object_del(params, "group");
        json_object_update(params, other);
        json_object_set_new(schema, "POST " VM "/firewall/rules",
                            json_pack("{s:O}", "params", params));
    }
    json_decref(params);
}

#define READ  "/vms/{vmid}:VM.Audit"
#define WRITE "/vms/{vmid}:VM.Config.Network"
const struct lab_route lab_routes_firewall[] = {
    {"GET", VM "/firewall/options", get_options, READ},
    {"PUT", VM "/firewall/options", put_options, WRITE},
    {"GET", VM "/firewall/aliases", get_aliases, READ},
    {"POST", VM "/firewall/aliases", post_alias, WRITE},
    {"GET", VM "/firewall/ipset", get_ipsets, READ},
    {"POST", VM "/firewall/ipset", post_ipset, WRITE},
    {"GET", VM "/firewall/ipset/{name}", get_members, READ},
    {"POST", VM "/firewall/ipset/{name}", post_member, WRITE},
    {"GET", VM "/firewall/rules", get_rules, READ},
    {"POST", VM "/firewall/rules", post_rule, WRITE},
    {"DELETE", VM "/firewall/rules/{pos}", delete_rule, WRITE},
    {"GET", "/cluster/firewall/options", get_options, "/:Sys.Audit"},
    {"GET", "/cluster/firewall/aliases", get_aliases, "/:Sys.Audit"},
    {"GET", "/cluster/firewall/ipset", get_ipsets, "/:Sys.Audit"},
    {"GET", "/cluster/firewall/ipset/{name}", get_members, "/:Sys.Audit"},
    {"GET", "/cluster/firewall/groups", get_groups, NULL},
    {"GET", "/cluster/firewall/groups/{group}", get_group, "/:Sys.Audit"},
    {NULL, NULL, NULL, NULL},
};
