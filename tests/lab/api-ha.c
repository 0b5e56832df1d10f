/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Calls below /cluster/ha, and the manager behind them: what it is asked for it does a while later,
 * and a VM that shall run is started again whoever stopped it. */
#include "config.h"
#include <string.h>
#include "tests/lab/http.h"
#include "tests/lab/lab.h"

enum { CYCLE_MS = 200, NOTICE_MS = 600, PATIENCE_MS = 3000 };

/* What lab->ha_crm has of a service: the state the manager acts on, and since when it is another
 * one that is asked for. */
static void follow(struct lab *lab, const char *sid, const char *asked)
{
    int64_t now = vf_clock_ms();
    json_t *have = json_object_get(lab->ha_crm, sid);
    const char *acts = json_string_value(json_object_get(have, "state"));
    bool watched = asked && strcmp(asked, "ignored") != 0;
    if (watched ? vf_streq(acts, asked) : !have) {
        json_object_del(have, "since");
        return;
    }
    if (!have) {
        have = json_object();
        json_object_set_new(lab->ha_crm, sid, have);
    }
    json_t *since = json_object_get(have, "since");
    if (!since) {
        json_object_set_new(have, "since", json_integer(now));
    } else if (now - json_integer_value(since) >= NOTICE_MS) {
        if (watched)
            json_object_set_new(have, "state", json_string(asked));
        else
            json_object_del(lab->ha_crm, sid);
        json_object_del(have, "since");
    }
}

/* One turn for a service: keeps it running, or stops it, by force where it takes too long. */
static void act(struct lab *lab, const char *sid, json_t *have)
{
    struct lab_vm *vm = vf_starts(sid, "vm:") ? lab_vm_find(lab, lab_int(sid + 3)) : NULL;
    const char *state = json_string_value(json_object_get(have, "state"));
    vf_autoerror struct vf_error *ignored = NULL;
    if (!vm || !state || vm->starting)
        return;
    if (vf_streq(state, "started") && !vm->running) {
        lab_boot_vm(vm, &ignored);
    } else if (!vf_streq(state, "started") && vm->running) {
        int64_t asked = json_integer_value(json_object_get(have, "asked"));
        if (!asked)
            json_object_set_new(have, "asked", json_integer(vf_clock_ms()));
        bool force = asked && vf_clock_ms() - asked > PATIENCE_MS;
        if (!asked || force)
            json_decref(lab_qmp(vm, force ? "quit" : "system_powerdown", NULL));
    } else {
        json_object_del(have, "asked");
    }
}

static void *manager(void *arg)
{
    struct lab *lab = arg;
    for (;;) {
        usleep(CYCLE_MS * 1000);
        pthread_mutex_lock(&lab->lock);
        lab_autojson json_t *all = json_copy(lab->ha);
        json_object_update_missing(all, lab->ha_crm); /* and what is no longer asked for */
        const char *sid;
        json_t *v;
        json_object_foreach (all, sid, v)
            follow(lab, sid,
                   json_string_value(json_object_get(json_object_get(lab->ha, sid), "state")));
        lab_autojson json_t *crm = json_copy(lab->ha_crm);
        json_object_foreach (crm, sid, v)
            act(lab, sid, v);
        pthread_mutex_unlock(&lab->lock);
    }
    return NULL;
}

int lab_ha_run(struct lab *lab)
{
    return lab_thread(manager, lab);
}

static int nothing(struct lab_task *t, struct vf_error **err)
{
    return 0;
}

json_t *lab_ha_power(struct lab_call *c, struct lab_vm *vm, bool start)
{
    vf_autofree char *sid = vf_asprintf("vm:%d", vm->vmid);
    json_t *ha = json_object_get(c->lab->ha, sid);
    if (!ha || vf_streq(json_string_value(json_object_get(ha, "state")), "ignored"))
        return NULL;
    json_object_set_new(ha, "state", json_string(start ? "started" : "stopped"));
    return lab_task_start(c, c->node, vm, start ? "hastart" : "hastop", lab_param(c, "vmid"), NULL,
                          nothing);
}

static json_t *get_status(struct lab_call *c)
{
    json_t *out = json_pack("[{s:s, s:s, s:s, s:s, s:i}]", "id", "quorum", "type", "quorum", "node",
                            c->here->name, "status", "OK", "quorate", 1);
    const char *sid;
    json_t *v;
    json_object_foreach (c->lab->ha, sid, v) {
        struct lab_vm *vm = lab_vm_find(c->lab, lab_int(sid + 3));
        vf_autofree char *id = vf_asprintf("service:%s", sid);
        const char *acts =
            json_string_value(json_object_get(json_object_get(c->lab->ha_crm, sid), "state"));
        json_t *asked = json_object_get(v, "state");
        json_t *j =
            json_pack("{s:s, s:s, s:s, s:s, s:O, s:O}", "id", id, "type", "service", "sid", sid,
                      "node", vm ? vm->node->name : "---", "request_state", asked, "state", asked);
        if (acts)
            json_object_set_new(j, "crm_state", json_string(acts));
        json_array_append_new(out, j);
    }
    return out;
}

/* HA groups became rules in 9. */
static json_t *get_rules(struct lab_call *c)
{
    if (c->lab->version < 9000)
        return lab_die(c, 501, "Method 'GET /cluster/ha/rules' not implemented");
    return lab_extra_list(c->lab, "ha-rules");
}

static json_t *get_ha(struct lab_call *c)
{
    json_t *out = json_array(), *v;
    const char *sid;
    json_object_foreach (c->lab->ha, sid, v)
        json_array_append(out, v);
    return out;
}

/* "100" and "vm:100" are the same service. */
static char *sid_of(struct lab_call *c)
{
    const char *sid = lab_param(c, "sid");
    return strchr(sid, ':') ? vf_strdup(sid) : vf_asprintf("vm:%s", sid);
}

static json_t *one_ha(struct lab_call *c)
{
    vf_autofree char *sid = sid_of(c);
    json_t *ha = json_object_get(c->lab->ha, sid);
    if (!ha)
        return lab_die(c, 500, "no such resource '%s'", sid);
    return ha;
}

static json_t *get_ha_sid(struct lab_call *c)
{
    return json_incref(one_ha(c));
}

static json_t *post_ha(struct lab_call *c)
{
    vf_autofree char *sid = sid_of(c);
    const char *state = lab_param(c, "state"), *comment = lab_param(c, "comment");
    const char *group = lab_param(c, "group");
    if (json_object_get(c->lab->ha, sid))
        return lab_die(c, 500, "resource ID '%s' already defined", sid);
    json_t *j =
        json_pack("{s:s, s:s, s:s, s:s}", "sid", sid, "type", "vm", "state",
                  state ? state : "started", "digest", "0000000000000000000000000000000000000000");
    if (comment)
        json_object_set_new(j, "comment", json_string(comment));
    if (group)
        json_object_set_new(j, "group", json_string(group));
    json_object_set_new(c->lab->ha, sid, j);
    return NULL;
}

static json_t *put_ha(struct lab_call *c)
{
    json_t *ha = one_ha(c);
    if (ha && lab_param(c, "state"))
        json_object_set_new(ha, "state", json_string(lab_param(c, "state")));
    return NULL;
}

static json_t *delete_ha(struct lab_call *c)
{
    vf_autofree char *sid = sid_of(c);
    if (one_ha(c))
        json_object_del(c->lab->ha, sid);
    return NULL;
}

const struct lab_route lab_routes_ha[] = {
    {"GET", "/cluster/ha/resources", get_ha, "/:Sys.Audit"},
    {"POST", "/cluster/ha/resources", post_ha, "/:Sys.Console"},
    {"GET", "/cluster/ha/resources/{sid}", get_ha_sid, "/:Sys.Audit"},
    {"PUT", "/cluster/ha/resources/{sid}", put_ha, "/:Sys.Console"},
    {"DELETE", "/cluster/ha/resources/{sid}", delete_ha, "/:Sys.Console"},
    {"GET", "/cluster/ha/status/current", get_status, "/:Sys.Audit"},
    {"GET", "/cluster/ha/rules", get_rules, "/:Sys.Audit"},
    {NULL, NULL, NULL, NULL},
};
