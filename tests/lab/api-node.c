/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Calls below /nodes that are about the node itself, and its tasks; /access. */
#include "config.h"
#include <string.h>
#include "tests/lab/lab.h"

static json_t *get_nodes(struct lab_call *c)
{
    json_t *out = json_array();
    for (size_t i = 0; i < c->lab->n_nodes; i++) {
        json_t *j = lab_node_status(&c->lab->nodes[i]);
        json_object_set_new(j, "ssl_fingerprint", json_string(c->lab->nodes[i].fingerprint));
        json_array_append_new(out, j);
    }
    return out;
}

/* What `ctl extra nodes.NODE.WHAT` says, or TEXT; borrowed. */
static const char *node_extra(const struct lab_node *n, const char *what, const char *text)
{
    const json_t *of = json_object_get(json_object_get(n->lab->extra, "nodes"), n->name);
    const char *said = json_string_value(json_object_get(of, what));
    return said ? said : text;
}

static json_t *get_status(struct lab_call *c)
{
    uint64_t total, used, avail;
    lab_storage_space(c->node, &c->lab->storages[0], &total, &used, &avail);
    const struct lab_version *v = lab_version(c->lab);
    vf_autofree char *manager = vf_asprintf("pve-manager/%s/%s", v->release, v->repoid);
    json_t *j =
        json_pack("{s:[s,s,s], s:s, s:{s:i,s:i,s:i}, s:{s:I,s:I,s:I,s:I}, s:i, s:i, s:i, "
                  "s:{s:I,s:I,s:I}, s:{s:i}, s:I}",
                  "loadavg", "0.10", "0.10", "0.10", "pveversion", manager, "swap", "used", 0,
                  "total", 0, "free", 0, "rootfs", "total", (json_int_t)total, "used",
                  (json_int_t)used, "avail", (json_int_t)avail, "free", (json_int_t)(total - used),
                  "idle", 0, "wait", 0, "cpu", 0, "memory", "used", (json_int_t)11024621568,
                  "total", (json_int_t)25276510208, "free", (json_int_t)10642903040, "ksm",
                  "shared", 0, "uptime", (json_int_t)((vf_clock_ms() - c->lab->booted) / 1000));
    if (!json_object_get(c->lab->extra, "nodes")) /* as it was recorded */
        return j;
    json_object_set_new(
        j, "cpuinfo",
        json_pack("{s:s, s:s, s:i, s:i, s:i, s:s, s:s}", "model",
                  node_extra(c->node, "cpu", "Intel(R) Xeon(R) Gold 6130 CPU @ 2.10GHz"), "flags",
                  node_extra(c->node, "flags",
                             "fpu cx16 lahf_lm popcnt pni sse4_1 sse4_2 ssse3 aes avx avx2 bmi1 "
                             "bmi2 f16c fma abm movbe xsave"),
                  "cpus", 8, "cores", 4, "sockets", 1, "mhz", "2100.000", "hvm", "1"));
    return j;
}

static json_t *bridge_json(const char *name, bool first, const char *addr)
{
    json_t *j =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:[s], s:i, s:i, s:i, s:s, s:s}", "iface", name,
                  "type", "bridge", "bridge_stp", "off", "bridge_fd", "0", "bridge_ports",
                  first ? "eth0" : "", "families", "inet", "active", 1, "autostart", 1, "priority",
                  first ? 4 : 5, "method", first ? "static" : "manual", "method6", "manual");
    if (first) {
        vf_autofree char *cidr = vf_asprintf("%s/24", addr);
        json_object_set_new(j, "address", json_string(addr));
        json_object_set_new(j, "cidr", json_string(cidr));
        json_object_set_new(j, "netmask", json_string("24"));
        json_object_set_new(j, "gateway", json_string("127.0.0.1"));
    }
    return j;
}

static json_t *get_network(struct lab_call *c)
{
    const char *type = lab_param(c, "type");
    json_t *out = json_array(), *b;
    size_t i;
    bool bridges = !type || strstr(type, "bridge");
    bool vnets =
        c->lab->version >= 8000 && (vf_streq(type, "any_bridge") || vf_streq(type, "include_sdn"));
    json_array_foreach (c->node->bridges, i, b) {
        const char *name = json_string_value(b);
        if (!lab_is_vnet(name)) {
            if (bridges && lab_may_bridge(c, name, "SDN.Audit|SDN.Use")) {
                json_t *j = bridge_json(name, !i, c->node->addr);
                json_object_update(j, lab_extra_bridge(c->lab, name));
                json_array_append_new(out, j);
            }
        } else if (vnets && !json_object_get(lab_extra_bridge(c->lab, name), "absent") &&
                   lab_may_at(c, "SDN.Audit|SDN.Use", "/sdn/zones/lab/%s", name)) {
            json_array_append_new(
                out, json_pack("{s:s, s:s, s:i}", "iface", name, "type", "vnet", "active", 1));
        }
    }
    if (!type || vf_streq(type, "eth"))
        json_array_append_new(out, json_pack("{s:s, s:s, s:i, s:i, s:s, s:s, s:[s], s:i}", "iface",
                                             "eth0", "type", "eth", "active", 1, "exists", 1,
                                             "method", "manual", "method6", "manual", "families",
                                             "inet", "priority", 3));
    return out;
}

static json_t *get_machines(struct lab_call *c)
{
    static const char *const versions[] = {"7.2", "7.1", "7.0", "6.2", "6.1", "6.0",
                                           "5.2", "5.1", "5.0", "4.2", "4.1", "4.0.1",
                                           "4.0", "3.1", "3.0", "2.9"};
    static const char *const types[][2] = {{"q35", "pc-q35"}, {"i440fx", "pc-i440fx"}};
    json_t *out = json_array();
    for (size_t t = 0; t < VF_COUNT(types); t++)
        for (size_t i = 0; i < VF_COUNT(versions); i++) {
            vf_autofree char *id = vf_asprintf("%s-%s", types[t][1], versions[i]);
            json_t *j =
                json_pack("{s:s, s:s, s:s}", "id", id, "type", types[t][0], "version", versions[i]);
            json_array_append_new(out, j);
        }
    json_array_append_new(out, json_pack("{s:s, s:s, s:s, s:s}", "id", "pc-q35-4.1+pve2", "type",
                                         "q35", "version", "4.1+pve2", "changes",
                                         "Increases the number of SCSI drives supported."));
    return out;
}

static json_t *get_cpus(struct lab_call *c)
{
    static const char *const models[][2] = {{"host", "default"},
                                            {"max", "default"},
                                            {"kvm64", "default"},
                                            {"qemu64", "default"},
                                            {"x86-64-v2", "default"},
                                            {"x86-64-v2-AES", "default"},
                                            {"x86-64-v3", "default"},
                                            {"x86-64-v4", "default"},
                                            {"Skylake-Server", "GenuineIntel"},
                                            {"Cascadelake-Server-v2", "GenuineIntel"},
                                            {"core2duo", "GenuineIntel"},
                                            {"EPYC", "AuthenticAMD"},
                                            {"EPYC-Rome", "AuthenticAMD"}};
    json_t *out = json_array();
    for (size_t i = 0; i < VF_COUNT(models); i++)
        json_array_append_new(out, json_pack("{s:s, s:s, s:i}", "name", models[i][0], "vendor",
                                             models[i][1], "custom", 0));
    return out;
}

static json_t *get_tasks(struct lab_call *c)
{
    const char *vmid = lab_param(c, "vmid"), *limit = lab_param(c, "limit");
    bool active = vf_streq(lab_param(c, "source"), "active");
    const char *type = lab_param(c, "typefilter");
    size_t max = limit ? (size_t)atoll(limit) : 50;
    json_t *out = json_array();
    int total = 0;
    for (size_t i = c->lab->n_tasks; i-- > 0;) {
        const struct lab_task *t = c->lab->tasks[i];
        if (t->node != c->node || (vmid && !vf_streq(vmid, t->id)) || (active && t->end) ||
            (type && !vf_streq(type, t->type)))
            continue;
        total++;
        if (json_array_size(out) < max)
            json_array_append_new(out, lab_task_status(t, true));
    }
    c->extra = json_pack("{s:i}", "total", total);
    return out;
}

static struct lab_task *the_task(struct lab_call *c)
{
    const char *upid = lab_param(c, "upid");
    struct lab_task *t = lab_task_find(c->lab, upid);
    if (!t)
        lab_die(c, vf_starts(upid, "UPID:") ? 500 : 400,
                vf_starts(upid, "UPID:") ? "no such task" : "unable to parse worker upid '%s'",
                upid);
    return t;
}

static json_t *get_task_status(struct lab_call *c)
{
    struct lab_task *t = the_task(c);
    return t ? lab_task_status(t, false) : NULL;
}

static json_t *get_task_log(struct lab_call *c)
{
    struct lab_task *t = the_task(c);
    const char *start = lab_param(c, "start"), *limit = lab_param(c, "limit");
    if (!t)
        return NULL;
    size_t from = start ? (size_t)atoll(start) : 0, n = vf_strv_len(t->log);
    size_t max = limit ? (size_t)atoll(limit) : 50;
    json_t *out = json_array();
    for (size_t i = from; i < n && i - from < max; i++)
        json_array_append_new(out, json_pack("{s:i, s:s}", "n", (int)i + 1, "t", t->log[i]));
    if (!n)
        json_array_append_new(out, json_pack("{s:i, s:s}", "n", 1, "t", "no content"));
    c->extra = json_pack("{s:i}", "total", (int)(n ? n : 1));
    return out;
}

static json_t *stop_task(struct lab_call *c)
{
    struct lab_task *t = the_task(c);
    if (t && !t->end)
        t->signal = 15;
    pthread_cond_broadcast(&c->lab->changed);
    return NULL;
}

static json_t *get_users(struct lab_call *c)
{
    json_t *out = json_array();
    bool all = lab_may_at(c, "User.Modify|Sys.Audit", "/access/groups");
    for (size_t i = 0; i < c->lab->n_users; i++)
        if (!c->lab->users[i].token && (all || vf_streq(c->lab->users[i].name, c->user->name)))
            json_array_append_new(
                out, json_pack("{s:s, s:i, s:i, s:s}", "userid", c->lab->users[i].name, "enable", 1,
                               "expire", 0, "realm-type", strchr(c->lab->users[i].name, '@') + 1));
    return out;
}

const struct lab_route lab_routes_access[] = {
    {"POST", "/access/ticket", lab_login, NULL},
    {"GET", "/access/domains", lab_domains, NULL},
    {"GET", "/access/permissions", lab_permissions, NULL},
    {"GET", "/access/users", get_users, NULL},
    {"GET", "/access/roles", lab_roles, NULL},
    {NULL, NULL, NULL, NULL},
};

const struct lab_route lab_routes_node[] = {
    {"GET", "/nodes", get_nodes, NULL},
    {"GET", "/nodes/{node}/status", get_status, "/nodes/{node}:Sys.Audit"},
    {"GET", "/nodes/{node}/network", get_network, NULL},
    {"GET", "/nodes/{node}/capabilities/qemu/machines", get_machines, NULL},
    {"GET", "/nodes/{node}/capabilities/qemu/cpu", get_cpus, NULL},
    {"GET", "/nodes/{node}/tasks", get_tasks, NULL},
    {"DELETE", "/nodes/{node}/tasks/{upid}", stop_task, NULL},
    {"GET", "/nodes/{node}/tasks/{upid}/status", get_task_status, NULL},
    {"GET", "/nodes/{node}/tasks/{upid}/log", get_task_log, NULL},
    {NULL, NULL, NULL, NULL},
};
