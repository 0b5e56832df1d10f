/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What can be asked of a running cluster over its control socket, and qm and pvesm of its nodes. */
#include "config.h"
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>
#include "tests/lab/migrate.h"

struct request {
    struct lab *lab;
    char *const *args; /* behind the command's name */
    size_t n;
    struct vf_buf *out;
};

static int usage(struct request *r, const char *text)
{
    vf_buf_printf(r->out, "usage: %s\n", text);
    return 2;
}

static json_t *dump_vm(const struct lab_vm *vm)
{
    json_t *volumes = json_object(), *v;
    const char *key;
    json_object_foreach (vm->conf, key, v) {
        lab_autojson json_t *props = lab_props_parse(json_string_value(v), "file");
        const char *file = json_string_value(json_object_get(props, "file"));
        json_t *info = NULL;
        if ((lab_is_disk_key(key) || vf_starts(key, "unused")) && file && strchr(file, ':') &&
            !lab_volume_info(vm->node, file, &info)) {
            json_object_del(info, "used");
            vf_autofree char *host = lab_volume_host_path(vm->node, file);
            json_object_set_new(info, "host", json_string(host));
            json_object_set_new(volumes, key, info);
        }
    }
    return json_pack("{s:s, s:s, s:b, s:O, s:O, s:s?, s:o}", "type", vm->lxc ? "lxc" : "qemu",
                     "node", vm->node->name, "running", (int)vm->running, "config", vm->conf,
                     "pending", vm->pending, "pool", vm->pool, "volumes", volumes);
}

static int cmd_dump(struct request *r)
{
    struct lab *lab = r->lab;
    lab_autojson json_t *out = json_object();
    json_t *vms = json_object(), *content = json_object(), *keys = json_object();
    for (size_t i = 0; i < lab->n_vms; i++)
        if (!lab->vms[i]->gone) {
            vf_autofree char *id = vf_asprintf("%d", lab->vms[i]->vmid);
            json_object_set_new(vms, id, dump_vm(lab->vms[i]));
        }
    for (size_t n = 0; n < lab->n_nodes; n++) {
        for (size_t s = 0; s < lab->n_storages; s++) {
            json_t *list = lab_volume_list(&lab->nodes[n], &lab->storages[s], 0, NULL), *v;
            vf_autofree char *where =
                vf_asprintf("%s/%s", lab->nodes[n].name, lab->storages[s].name);
            json_t *ids = json_object();
            size_t i;
            json_array_foreach (list, i, v)
                json_object_set(ids, json_string_value(json_object_get(v, "volid")),
                                json_object_get(v, "size"));
            json_decref(list);
            json_object_set_new(content, where, ids);
        }
        static const char *const files[] = {"authorized_keys", "authorized_keys2"};
        for (size_t f = 0; f < VF_COUNT(files); f++) {
            vf_autofree char *path = vf_asprintf("%s/root/.ssh/%s", lab->nodes[n].dir, files[f]);
            vf_autofree char *name = vf_asprintf("%s/%s", lab->nodes[n].name, files[f]);
            vf_autofree char *text = f ? vf_read_file(path, 1 << 20, NULL, NULL) : NULL;
            if (text)
                json_object_set_new(keys, name, json_string(text));
        }
    }
    vf_autofree char *shared = vf_asprintf("%s/pve/priv/authorized_keys", lab->cdir);
    vf_autofree char *text = vf_read_file(shared, 1 << 20, NULL, NULL);
    json_object_set_new(keys, "cluster", json_string(text ? text : ""));
    json_object_set_new(out, "cluster", json_string(lab->name));
    json_object_set_new(out, "vms", vms);
    json_object_set_new(out, "content", content);
    json_object_set(out, "pools", lab->pools);
    json_object_set(out, "ha", lab->ha);
    json_object_set_new(out, "extra", lab_extra_dump(lab->extra));
    json_object_set_new(out, "authorized_keys", keys);
    json_object_set_new(out, "tokens", lab_tokens(lab, NULL));
    vf_autofree char *dump = json_dumps(out, JSON_INDENT(1) | JSON_SORT_KEYS);
    vf_buf_printf(r->out, "%s\n", dump);
    return 0;
}

static int cmd_requests(struct request *r)
{
    vf_autofree char *path = vf_asprintf("%s/requests.jsonl", r->lab->cdir);
    vf_autofree char *text = vf_read_file(path, 200 << 20, NULL, NULL);
    vf_buf_puts(r->out, text ? text : "");
    return 0;
}

static int cmd_set_space(struct request *r)
{
    struct lab_storage *s = r->n == 2 ? lab_storage_find(r->lab, r->args[0]) : NULL;
    uint64_t bytes;
    if (!s)
        return usage(r, "set-space STORAGE BYTES|real");
    if (vf_streq(r->args[1], "real"))
        s->forced_avail = -1;
    else if (vf_parse_u64(r->args[1], 0, INT64_MAX, &bytes))
        return usage(r, "set-space STORAGE BYTES|real");
    else
        s->forced_avail = (int64_t)bytes;
    return 0;
}

/* api NODE on|off: what listens on port 8006 there */
static int cmd_api(struct request *r)
{
    for (size_t i = 0; r->n == 2 && i < r->lab->n_nodes; i++)
        if (vf_streq(r->lab->nodes[i].name, r->args[0])) {
            __atomic_store_n(&r->lab->nodes[i].api_off, vf_streq(r->args[1], "off"),
                             __ATOMIC_RELAXED);
            return 0;
        }
    return usage(r, "api NODE on|off");
}

/* a code that USER's authenticator app would show */
static int cmd_totp(struct request *r)
{
    vf_autofree char *code = r->n == 1 ? lab_totp(r->args[0]) : NULL;
    vf_buf_printf(r->out, "%s\n", code ? code : "none that was not used yet: wait");
    return code ? 0 : 1;
}

static int cmd_kill_task(struct request *r)
{
    int n = 0;
    for (size_t i = 0; r->n == 1 && i < r->lab->n_tasks; i++)
        if (!r->lab->tasks[i]->end && vf_streq(r->lab->tasks[i]->type, r->args[0])) {
            r->lab->tasks[i]->signal = 9;
            n++;
        }
    pthread_cond_broadcast(&r->lab->changed);
    return n ? 0 : usage(r, "kill-task TYPE (and one of it must run)");
}

static int cmd_tunnel(struct request *r)
{
    return r->n == 3 ? lab_tunnel_command(r->lab, r->args, r->out)
                     : usage(r, "tunnel TICKET VERB JSON");
}

/* token-secret USER TOKEN: to look for where it must not be */
static int cmd_token_secret(struct request *r)
{
    const struct lab_user *t = r->n == 2 ? lab_token_find(r->lab, r->args[0], r->args[1]) : NULL;
    if (!t)
        return usage(r, "token-secret USER TOKEN");
    vf_buf_printf(r->out, "%s\n", t->secret);
    return 0;
}

/* extra PATH JSON|-: PATH is keys of lab->extra, as vms.100.firewall */
/* A task of root's that does nothing until `fault go`, for who looks at what runs. */
static int run_nothing(struct lab_task *t, struct vf_error **err)
{
    t->hangs = true;
    while (t->hangs && !t->signal)
        pthread_cond_wait(&t->lab->changed, &t->lab->lock);
    return 0;
}

static int cmd_task(struct request *r)
{
    static const struct lab_user root = {.name = "root@pam"};
    struct lab_vm *vm = r->n == 2 ? lab_vm_find(r->lab, lab_int(r->args[1])) : NULL;
    if (!vm)
        return usage(r, "task TYPE VMID");
    struct lab_call c = {.lab = r->lab, .node = vm->node, .user = &root};
    json_decref(lab_task_start(&c, vm->node, vm, r->args[0], r->args[1], NULL, run_nothing));
    return 0;
}

static int cmd_extra(struct request *r)
{
    if (r->n != 2)
        return usage(r, "extra KEY.KEY… JSON|-");
    vf_autostrv char **keys = vf_strv_split(r->args[0], ".");
    json_t *at = r->lab->extra, *value = NULL;
    if (strcmp(r->args[1], "-") && !(value = json_loads(r->args[1], JSON_DECODE_ANY, NULL)))
        return usage(r, "extra KEY.KEY… JSON|-");
    for (size_t i = 0; keys[i] && keys[i + 1]; i++) {
        if (!json_object_get(at, keys[i]))
            json_object_set_new(at, keys[i], json_object());
        at = json_object_get(at, keys[i]);
    }
    const char *last = keys[vf_strv_len(keys) - 1];
    if (value)
        json_object_set_new(at, last, value);
    else
        json_object_del(at, last);
    return 0;
}

/* firewall VMID: as the file of a VM, to compare */
static int cmd_firewall(struct request *r)
{
    if (r->n != 1)
        return usage(r, "firewall VMID");
    json_t *vm = lab_extra_vm(r->lab, lab_int(r->args[0]));
    lab_autojson json_t *fw = lab_extra_dump(json_object_get(vm, "firewall"));
    vf_autofree char *text = json_dumps(fw, JSON_INDENT(1) | JSON_SORT_KEYS);
    vf_buf_printf(r->out, "%s\n", text ? text : "");
    return 0;
}

/* ha SID STATE|- [GROUP]: under high availability, or no longer */
static int cmd_ha(struct request *r)
{
    if (r->n < 2 || r->n > 3)
        return usage(r, "ha SID STATE|- [GROUP]");
    if (vf_streq(r->args[1], "-")) {
        json_object_del(r->lab->ha, r->args[0]);
        json_object_del(r->lab->ha_crm, r->args[0]);
        return 0;
    }
    json_t *j = json_pack("{s:s, s:s, s:s}", "sid", r->args[0], "type", "vm", "state", r->args[1]);
    if (r->n == 3)
        json_object_set_new(j, "group", json_string(r->args[2]));
    json_object_set_new(r->lab->ha, r->args[0], j);
    json_object_set_new(r->lab->ha_crm, r->args[0], json_pack("{s:s}", "state", r->args[1]));
    return 0;
}

/* without USER[!TOKEN] PRIVILEGE|-: an administrator lacks it from now on */
static int cmd_without(struct request *r)
{
    for (size_t i = 0; r->n == 2 && i < r->lab->n_users; i++) {
        struct lab_user *u = &r->lab->users[i];
        vf_autofree char *name =
            vf_asprintf("%s%s%s", u->name, u->token ? "!" : "", u->token ? u->token : "");
        if (strcmp(name, r->args[0]) != 0)
            continue;
        vf_str_set(&u->without, vf_streq(r->args[1], "-") ? NULL : r->args[1]);
        return 0;
    }
    return usage(r, "without USER[!TOKEN] PRIVILEGE|-");
}

static struct lab_vm *vm_arg(struct request *r, size_t i)
{
    struct lab_vm *vm = r->n > i ? lab_vm_find(r->lab, lab_int(r->args[i])) : NULL;
    if (!vm)
        vf_buf_printf(r->out, "Configuration file 'nodes/%s/qemu-server/%s.conf' does not exist\n",
                      r->n ? r->args[0] : "?", r->n > i ? r->args[i] : "?");
    return vm;
}

/* set-pool VMID POOL|-: a member of */
static int cmd_set_pool(struct request *r)
{
    struct lab_vm *vm = vm_arg(r, 0);
    if (!vm || r->n != 2)
        return usage(r, "set-pool VMID POOL|-");
    vf_str_set(&vm->pool, vf_streq(r->args[1], "-") ? NULL : r->args[1]);
    return 0;
}

/* set-storage STORAGE KEY VALUE: what its configuration says; the images stay where they are */
static int cmd_set_storage(struct request *r)
{
    struct lab_storage *s = r->n == 3 ? lab_storage_find(r->lab, r->args[0]) : NULL;
    if (!s)
        return usage(r, "set-storage STORAGE KEY VALUE|-");
    json_t *conf = json_object_get(r->lab->storage_conf, s->name);
    if (!conf)
        json_object_set_new(r->lab->storage_conf, s->name, conf = json_object());
    if (vf_streq(r->args[2], "-"))
        json_object_del(conf, r->args[1]);
    else
        json_object_set_new(conf, r->args[1], json_string(r->args[2]));
    return 0;
}

static int cmd_fault(struct request *r)
{
    return lab_fault_command(r->lab, r->args, r->out);
}

static int cmd_guest(struct request *r)
{
    return lab_guest_command(r->lab, r->args, r->out);
}

static int cmd_sshd(struct request *r)
{
    return lab_state_sshd(r->lab, r->args, r->out);
}

static int cmd_offline(struct request *r)
{
    return lab_state_offline(r->lab, r->args, r->out);
}

static int cmd_online(struct request *r)
{
    return lab_state_online(r->lab, r->args, r->out);
}

static int cmd_reboot(struct request *r)
{
    return lab_state_reboot(r->lab, r->args, r->out);
}

static int cmd_quorum(struct request *r)
{
    return lab_state_quorum(r->lab, r->args, r->out);
}

static int cmd_expire(struct request *r)
{
    return RAND_bytes(r->lab->key, sizeof r->lab->key) == 1 ? 0 : 1;
}

/* set-config VMID KEY VALUE|-: a change by somebody else, past all checks */
static int cmd_set_config(struct request *r)
{
    struct lab_vm *vm = vm_arg(r, 0);
    if (!vm || r->n != 3)
        return usage(r, "set-config VMID KEY VALUE|-");
    lab_vm_set(vm, r->args[1], vf_streq(r->args[2], "-") ? NULL : r->args[2]);
    return 0;
}

/* set-pending VMID KEY VALUE|-: a change that waits for the next start */
static int cmd_set_pending(struct request *r)
{
    struct lab_vm *vm = vm_arg(r, 0);
    if (!vm || r->n != 3)
        return usage(r, "set-pending VMID KEY VALUE|-");
    json_object_set_new(vm->pending, r->args[1],
                        vf_streq(r->args[2], "-") ? json_null() : json_string(r->args[2]));
    return 0;
}

static int cmd_snapshot(struct request *r)
{
    struct lab_vm *vm = vm_arg(r, 0);
    if (!vm || r->n != 2)
        return usage(r, "snapshot VMID NAME");
    lab_vm_snapshot(vm, r->args[1]);
    return 0;
}

/* qm NODE status|config|list|set|start|unlock|suspend|resume … */
static int cmd_qm(struct request *r)
{
    const char *verb = r->n > 1 ? r->args[1] : "";
    if (vf_streq(verb, "list")) {
        vf_buf_printf(r->out, "%10s %-20s %-10s %10s\n", "VMID", "NAME", "STATUS", "MEM(MB)");
        for (size_t i = 0; i < r->lab->n_vms; i++) {
            const struct lab_vm *vm = r->lab->vms[i];
            if (!vm->gone && !vm->lxc && vf_streq(vm->node->name, r->args[0]))
                vf_buf_printf(r->out, "%10d %-20s %-10s %10lld\n", vm->vmid, lab_vm_get(vm, "name"),
                              vm->running ? "running" : "stopped",
                              (long long)lab_vm_num(vm, "memory", 512));
        }
        return 0;
    }
    struct lab_vm *vm = vm_arg(r, 2);
    if (!vm)
        return 2;
    if (vf_streq(verb, "status")) {
        vf_buf_printf(r->out, "status: %s\n", vm->running ? "running" : "stopped");
    } else if (vf_streq(verb, "config")) {
        const char *key;
        json_t *v;
        json_object_foreach (vm->conf, key, v) {
            vf_autofree char *shown = vf_streq(key, "description")
                                          ? vf_url_encode(json_string_value(v))
                                          : vf_strdup(json_string_value(v));
            vf_buf_printf(r->out, "%s: %s\n", key, shown);
        }
    } else if (vf_streq(verb, "suspend") || vf_streq(verb, "resume")) {
        vf_autoerror struct vf_error *err = NULL;
        lab_autojson json_t *done = lab_qmp(vm, vf_streq(verb, "resume") ? "cont" : "stop", &err);
        if (!done) {
            vf_buf_printf(r->out, "%s\n", vf_error_text(err));
            return 255;
        }
    } else if (vf_streq(verb, "start") || vf_streq(verb, "stop")) {
        vf_autoerror struct vf_error *err = NULL;
        if (lab_power_vm(vm, vf_streq(verb, "start"), &err)) {
            vf_buf_printf(r->out, "%s\n", vf_error_text(err));
            return 255;
        }
    } else if (vf_streq(verb, "unlock")) {
        lab_vm_set(vm, "lock", NULL);
    } else if (vf_streq(verb, "set") && r->n == 5 && vf_streq(r->args[3], "--revert")) {
        json_object_del(vm->pending, r->args[4]);
    } else if (vf_streq(verb, "set") && r->n == 5 && vf_streq(r->args[3], "--memory")) {
        if (vm->running)
            json_object_set_new(vm->pending, "memory", json_string(r->args[4]));
        else
            lab_vm_set(vm, "memory", r->args[4]);
    } else if (vf_streq(verb, "set") && r->n == 5 &&
               (vf_streq(r->args[3], "--lock") || vf_streq(r->args[3], "-lock"))) {
        lab_vm_set(vm, "lock", r->args[4]);
    } else {
        vf_buf_printf(r->out, "ERROR: unknown command 'qm %s'\n", verb);
        return 255;
    }
    return 0;
}

static int cmd_pvesm(struct request *r)
{
    const char *verb = r->n > 1 ? r->args[1] : "";
    struct lab_node *node = NULL;
    for (size_t i = 0; r->n && i < r->lab->n_nodes; i++)
        if (vf_streq(r->lab->nodes[i].name, r->args[0]))
            node = &r->lab->nodes[i];
    if (node && vf_streq(verb, "path") && r->n == 3) {
        vf_autofree char *path = lab_volume_path(node, r->args[2], NULL);
        if (!path) {
            vf_buf_printf(r->out, "unable to parse volume ID '%s'\n", r->args[2]);
            return 255;
        }
        vf_buf_printf(r->out, "%s\n", path);
        return 0;
    }
    if (node && vf_streq(verb, "status")) {
        vf_buf_printf(r->out, "%-12s %6s %10s %15s %15s %15s %7s\n", "Name", "Type", "Status",
                      "Total", "Used", "Available", "%");
        for (size_t i = 0; i < r->lab->n_storages; i++) {
            uint64_t total, used, avail;
            lab_storage_space(node, &r->lab->storages[i], &total, &used, &avail);
            vf_buf_printf(
                r->out, "%-12s %6s %10s %15llu %15llu %15llu %6.2f%%\n", r->lab->storages[i].name,
                "dir", "active", (unsigned long long)total / 1024, (unsigned long long)used / 1024,
                (unsigned long long)avail / 1024, total ? 100.0 * (double)used / (double)total : 0);
        }
        return 0;
    }
    vf_buf_printf(r->out, "ERROR: unknown command 'pvesm %s'\n", verb);
    return 255;
}

/* pveum … or, as a node calls it, pveum NODE … */
static int cmd_pveum(struct request *r)
{
    for (size_t i = 0; r->n && i < r->lab->n_nodes; i++)
        if (vf_streq(r->lab->nodes[i].name, r->args[0]))
            return lab_pveum(r->lab, r->args + 1, r->n - 1, r->out);
    return lab_pveum(r->lab, r->args, r->n, r->out);
}

static const struct {
    const char *name, *help;
    int (*run)(struct request *r);
} commands[] = {
    {"dump", "the whole state as JSON, to compare", cmd_dump},
    {"requests", "API calls so far, one JSON object a line", cmd_requests},
    {"set-space", "STORAGE BYTES|real: what is free there", cmd_set_space},
    {"set-pool", "VMID POOL|-: makes a VM a member", cmd_set_pool},
    {"set-storage", "STORAGE KEY VALUE|-: what its configuration says", cmd_set_storage},
    {"fault", "…: something goes wrong at the next call or task of a kind; alone it explains",
     cmd_fault},
    {"kill-task", "TYPE: running tasks of that type die without cleaning up", cmd_kill_task},
    {"tunnel", "TICKET VERB JSON: what the other cluster of a migration says", cmd_tunnel},
    {"expire-tickets", "all tickets become invalid", cmd_expire},
    {"guest",
     "MAC ADDRESS PORT…|-: an agent, and ports that answer while the VM with that card runs",
     cmd_guest},
    {"sshd", "NODE stop|start: who is logged in stays", cmd_sshd},
    {"offline", "NODE: its API and sshd are gone", cmd_offline},
    {"online", "NODE: they are back", cmd_online},
    {"reboot", "NODE: its power is cut and comes back; what starts at boot is started", cmd_reboot},
    {"quorum", "lost|back: without it nothing below /etc/pve changes", cmd_quorum},
    {"api", "NODE on|off: off, its API resets every connection", cmd_api},
    {"totp", "USER: a code for the second factor, good once", cmd_totp},
    {"token-secret", "USER TOKEN: its secret", cmd_token_secret},
    {"set-config", "VMID KEY VALUE|-: changed behind everybody's back", cmd_set_config},
    {"set-pending", "VMID KEY VALUE|-: waits for the VM's next start", cmd_set_pending},
    {"snapshot", "VMID NAME", cmd_snapshot},
    {"qm", "NODE list|status|config|set|start|stop|unlock|suspend|resume …: as on a node", cmd_qm},
    {"pveum", "role|acl|user token …: as root on a node", cmd_pveum},
    {"task", "TYPE VMID: runs until `fault go`", cmd_task},
    {"extra", "KEY.KEY… JSON|-: firewalls, backup and replication jobs … (see dump)", cmd_extra},
    {"firewall", "VMID: its firewall as JSON", cmd_firewall},
    {"ha", "SID STATE|- [GROUP]: under high availability", cmd_ha},
    {"without", "USER[!TOKEN] PRIVILEGE|-: lacks it", cmd_without},
    {"pvesm", "NODE path|status …: as on a node", cmd_pvesm},
};

int lab_command(struct lab *lab, char *const *args, struct vf_buf *out)
{
    struct request r = {.lab = lab, .args = args + 1, .n = vf_strv_len(args), .out = out};
    if (r.n) {
        r.n--;
        for (size_t i = 0; i < VF_COUNT(commands); i++)
            if (vf_streq(commands[i].name, args[0]))
                return commands[i].run(&r);
    }
    vf_buf_puts(out, "commands:\n  node NODE exec COMMAND…: runs a command in a node\n");
    for (size_t i = 0; i < VF_COUNT(commands); i++)
        vf_buf_printf(out, "  %s %s\n", commands[i].name, commands[i].help);
    return 2;
}
