/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The receiving side of a migration between clusters: the call that opens the tunnel, and what is
 * asked for through it. The real one is a websocket to a worker; here the source's cluster speaks
 * to the target's control socket. A worker whose client vanishes leaves everything behind. */
#include "config.h"
#include <string.h>
#include "tests/lab/migrate.h"

struct tunnel {
    char *ticket;
    struct lab_vm *vm;
    const struct lab_user *user;
    char **volumes;
    enum { TUNNEL_OPEN, TUNNEL_QUIT, TUNNEL_LOST } state;
};

static struct tunnel **tunnels;
static size_t n_tunnels;

/* Can the user of T do PRIV ("/path:Privilege")? */
static bool may(struct lab *lab, const struct tunnel *t, const char *priv)
{
    struct lab_call c = {.lab = lab, .user = t->user};
    return lab_may(&c, priv);
}

static int run_tunnel(struct lab_task *task, struct vf_error **err)
{
    struct tunnel *t = NULL;
    for (size_t i = 0; i < n_tunnels; i++)
        if (tunnels[i]->vm == task->vm)
            t = tunnels[i];
    lab_task_log(task, "mtunnel started");
    while (t && t->state == TUNNEL_OPEN)
        pthread_cond_wait(&task->lab->changed, &task->lab->lock);
    if (t && t->state == TUNNEL_LOST)
        return vf_fail(err, VF_E_INTERNAL, "mtunnel exited unexpectedly");
    lab_task_log(task, "mtunnel exited");
    return 0;
}

static bool check_targets(struct lab_call *c)
{
    const char *s = lab_param(c, "storages"), *b = lab_param(c, "bridges");
    vf_autostrv char **storages = vf_strv_split(s ? s : "", ", "),
                     **bridges = vf_strv_split(b ? b : "", ", ");
    for (size_t i = 0; storages[i]; i++) {
        struct lab_storage *x = lab_storage_find(c->lab, storages[i]);
        vf_autofree char *priv = vf_asprintf("/storage/%s:Datastore.AllocateSpace", storages[i]);
        if (!x)
            lab_die(c, 500, "storage '%s' does not exist", storages[i]);
        else if (!lab_may(c, priv))
            lab_die(c, 403, "Permission check failed (/storage/%s, Datastore.AllocateSpace)",
                    storages[i]);
        else if (!strstr(x->content, "images"))
            lab_die(c, 500, "storage '%s' does not support vm images", storages[i]);
    }
    for (size_t i = 0; bridges[i]; i++) {
        bool there = false;
        size_t k;
        json_t *e;
        json_array_foreach (c->node->bridges, k, e)
            there |= vf_streq(json_string_value(e), bridges[i]);
        if (!there)
            lab_die(c, 500, "bridge '%s' does not exist", bridges[i]);
    }
    return !c->status;
}

json_t *lab_post_mtunnel(struct lab_call *c)
{
    int id = lab_int(lab_param(c, "vmid"));
    struct lab_vm *vm = lab_vm_find(c->lab, id);
    if (c->lab->version < 7003)
        return lab_die(c, 501, "Method 'POST %s' not implemented", c->path ? c->path : "mtunnel");
    if (!lab_may(c, "/:Sys.Incoming"))
        return lab_die(c, 403, "Permission check failed (/, Sys.Incoming)");
    if (c->node != c->here)
        return lab_bad_param(c, "node", "node needs to be 'localhost' or local hostname '%s'",
                             c->here->name);
    if (!check_targets(c))
        return NULL;
    if (vm)
        return lab_bad_param(c, "vmid",
                             "unable to create empty VM config - VM %d already exists on node '%s'",
                             id, vm->node->name);
    struct tunnel *t = vf_xcalloc(1, sizeof *t);
    *(struct tunnel **)vf_grow(&tunnels, &n_tunnels, sizeof *tunnels) = t;
    t->vm = vm = lab_vm_add(c->lab, c->node, id, false);
    t->user = c->user;
    t->ticket = vf_random_hex(16);
    t->volumes = vf_strv_new();
    vm->created = vf_clock_ms();
    lab_vm_set(vm, "lock", "create");
    lab_autojson json_t *upid =
        lab_task_start(c, c->node, vm, "qmtunnel", lab_param(c, "vmid"), NULL, run_tunnel);
    /* the lab's own: where the tunnel's other end is */
    return json_pack("{s:O, s:s, s:s}", "upid", upid, "ticket", t->ticket, "socket", c->lab->cdir);
}

/* ------------------------------------------------------------------ commands */

/* {storage, format, size} -> {volid, host} */
static json_t *do_disk(struct tunnel *t, json_t *args, struct vf_error **err)
{
    struct lab_node *node = t->vm->node;
    struct lab_storage *s =
        lab_storage_find(node->lab, json_string_value(json_object_get(args, "storage")));
    const char *format = json_string_value(json_object_get(args, "format"));
    uint64_t size = (uint64_t)json_integer_value(json_object_get(args, "size"));
    if (!s) {
        vf_fail(err, VF_E_NOTFOUND, "storage does not exist");
        return NULL;
    }
    vf_autofree char *name = lab_volume_next(node, s, t->vm->vmid, format);
    if (lab_volume_create(node, s, t->vm->vmid, name, format, size, err))
        return NULL;
    vf_autofree char *volid = vf_asprintf("%s:%d/%s", s->name, t->vm->vmid, name);
    vf_autofree char *host = lab_volume_host_path(node, volid);
    vf_strv_add(&t->volumes, volid);
    return json_pack("{s:s, s:s}", "volid", volid, "host", host);
}

/* The whole configuration, adapted by the source; written as an update of the API would be. */
static json_t *do_config(struct tunnel *t, json_t *args, struct vf_error **err)
{
    static const char *const root_only[] = {"args", "hookscript"};
    static const char *const privileges[] = {"Disk",    "CPU",    "Memory",
                                             "Network", "HWType", "Options"};
    struct lab *lab = t->vm->node->lab;
    for (size_t i = 0; i < VF_COUNT(root_only); i++)
        if (json_object_get(args, root_only[i])) {
            vf_fail(err, VF_E_PERMISSION, "only root can set '%s' config", root_only[i]);
            return NULL;
        }
    if (json_object_get(args, "startup") && !may(lab, t, "/:Sys.Modify")) {
        vf_fail(err, VF_E_PERMISSION, "Permission check failed (/, Sys.Modify)");
        return NULL;
    }
    for (size_t i = 0; i < VF_COUNT(privileges); i++) {
        vf_autofree char *priv = vf_asprintf("/vms/%d:VM.Config.%s", t->vm->vmid, privileges[i]);
        if (!may(lab, t, priv)) {
            vf_fail(err, VF_E_PERMISSION, "Permission check failed (/vms/%d, VM.Config.%s)",
                    t->vm->vmid, privileges[i]);
            return NULL;
        }
    }
    json_object_clear(t->vm->conf);
    json_object_update(t->vm->conf, args);
    lab_vm_set(t->vm, "lock", "migrate");
    return json_null();
}

static json_t *do_start(struct tunnel *t, json_t *args, struct vf_error **err)
{
    t->vm->incoming = true; /* its QEMU waits for memory; here it is started when that is over */
    return json_null();
}

static json_t *do_resume(struct tunnel *t, json_t *args, struct vf_error **err)
{
    t->vm->incoming = false;
    return lab_qemu_start(t->vm, NULL, err) ? NULL : json_null();
}

static json_t *do_stop(struct tunnel *t, json_t *args, struct vf_error **err)
{
    t->vm->incoming = false;
    return json_null();
}

static json_t *do_unlock(struct tunnel *t, json_t *args, struct vf_error **err)
{
    lab_vm_set(t->vm, "lock", NULL);
    return json_null();
}

static json_t *do_quit(struct tunnel *t, json_t *args, struct vf_error **err)
{
    if (json_is_true(json_object_get(args, "cleanup"))) {
        for (size_t i = 0; t->volumes[i]; i++)
            lab_volume_delete(t->vm->node, t->volumes[i], NULL);
        t->vm->gone = true;
    }
    t->state = TUNNEL_QUIT;
    return json_null();
}

static json_t *do_lose(struct tunnel *t, json_t *args, struct vf_error **err)
{
    t->state = TUNNEL_LOST;
    return json_null();
}

static const struct {
    const char *verb;
    json_t *(*run)(struct tunnel *t, json_t *args, struct vf_error **err);
} verbs[] = {
    {"disk", do_disk}, {"config", do_config}, {"start", do_start}, {"resume", do_resume},
    {"stop", do_stop}, {"unlock", do_unlock}, {"quit", do_quit},   {"lose", do_lose},
};

int lab_tunnel_command(struct lab *lab, char *const *args, struct vf_buf *out)
{
    struct tunnel *t = NULL;
    for (size_t i = 0; i < n_tunnels; i++)
        if (vf_streq(tunnels[i]->ticket, args[0]))
            t = tunnels[i];
    if (!t || t->state != TUNNEL_OPEN || vf_strv_len(args) != 3) {
        vf_buf_puts(out, "no such tunnel");
        return 1;
    }
    vf_autoerror struct vf_error *err = NULL;
    lab_autojson json_t *with = json_loads(args[2], 0, NULL), *r = NULL;
    for (size_t i = 0; i < VF_COUNT(verbs); i++)
        if (vf_streq(verbs[i].verb, args[1]))
            r = verbs[i].run(t, with, &err);
    pthread_cond_broadcast(&lab->changed);
    if (!r) {
        vf_buf_printf(out, "failed to handle '%s' command - %s", args[1], vf_error_text(err));
        return 1;
    }
    vf_autofree char *text = json_dumps(r, JSON_COMPACT | JSON_ENCODE_ANY);
    vf_buf_puts(out, text);
    return 0;
}
