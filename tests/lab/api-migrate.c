/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Migration of a VM to another cluster, source side: POST …/remote_migrate and its worker, with the
 * words of the real one's log. Disks are real and copied for real; the memory is not: the source's
 * QEMU ends and the target's starts anew at the hand-over. Faults: `fault task|hang qmigrate/PHASE`
 * (config, mirror, memory, finish). */
#include "config.h"
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "base/proc.h"
#include "tests/lab/http.h"
#include "tests/lab/migrate.h"

enum { TICK_US = 100 * 1000 };

struct migration {
    struct lab_task *task;
    struct lab_vm *vm;
    struct lab_endpoint to;
    json_t *storages, *bridges; /* maps, NULL key "": default */
    int target_id;
    bool online;
    uint64_t rate; /* bytes per second, 0: none */
    char *node;    /* of the target */
    char *cdir, *ticket;
    json_t *disks; /* key -> {volid, host, from, format, size} of the target's volume */
    int phase;
};

/* A line as the worker itself logs it. */
VF_PRINTF(2, 3) static void say(struct migration *m, const char *fmt, ...)
{
    char stamp[32];
    time_t now = (time_t)vf_clock_unix();
    struct tm tm;
    va_list ap;
    va_start(ap, fmt);
    vf_autofree char *text = vf_vasprintf(fmt, ap);
    va_end(ap);
    strftime(stamp, sizeof stamp, "%Y-%m-%d %H:%M:%S", gmtime_r(&now, &tm));
    lab_task_log(m->task, "%s %s", stamp, text);
}

/* Lets others in for a moment; -1 when the task was told to end. */
static int pause_a_bit(struct migration *m, struct vf_error **err)
{
    pthread_mutex_unlock(&m->task->lab->lock);
    usleep(TICK_US);
    pthread_mutex_lock(&m->task->lab->lock);
    return m->task->signal ? vf_fail(err, VF_E_CANCELLED, "interrupted by signal") : 0;
}

static int fault_at(struct migration *m, const char *phase, struct vf_error **err)
{
    vf_autofree char *name = vf_asprintf("qmigrate/%s", phase);
    if (lab_fault_task(m->task, name, err))
        return -1;
    return m->task->signal ? vf_fail(err, VF_E_CANCELLED, "interrupted by signal") : 0;
}

static int tell(struct migration *m, const char *verb, json_t *args, json_t **out,
                struct vf_error **err)
{
    return lab_tunnel_call(m->cdir, m->ticket, verb, args, out, err);
}

static const char *map(json_t *m, const char *from)
{
    const char *to = json_string_value(json_object_get(m, from));
    const char *other = json_string_value(json_object_get(m, ""));
    return to ? to : other && strcmp(other, "1") ? other : from;
}

/* ------------------------------------------------------------------ phases */

static char *mapped_values(struct migration *m, bool bridges)
{
    vf_autostrv char **v = vf_strv_new();
    const char *key;
    json_t *value;
    json_object_foreach (m->vm->conf, key, value) {
        const char *text = json_string_value(value);
        lab_autojson json_t *p = lab_props_parse(text, "file");
        const char *from = json_string_value(json_object_get(p, bridges ? "bridge" : "file"));
        bool wanted = bridges ? vf_starts(key, "net") : lab_is_disk_key(key);
        const char *colon = from ? strchr(from, ':') : NULL;
        if (!wanted || !from || (!bridges && !colon))
            continue;
        vf_autofree char *name = bridges ? vf_strdup(from) : vf_strndup(from, colon - from);
        const char *to = map(bridges ? m->bridges : m->storages, name);
        if (!vf_strv_has(v, to))
            vf_strv_add(&v, to);
    }
    return vf_strv_join(v, ",");
}

static int prepare(struct migration *m, struct vf_error **err)
{
    vf_autofree char *storages = mapped_values(m, false), *bridges = mapped_values(m, true);
    vf_autofree char *path = vf_asprintf("/nodes/localhost/qemu/%d/mtunnel", m->target_id);
    vf_autofree char *form = vf_asprintf("storages=%s&bridges=%s", storages, bridges);
    lab_autojson json_t *r = lab_remote_call(&m->to, "POST", path, form, err);
    if (!r)
        return -1;
    m->ticket = vf_strdup(json_string_value(json_object_get(r, "ticket")));
    m->cdir = vf_strdup(json_string_value(json_object_get(r, "socket")));
    say(m, "local WS tunnel version: 2");
    say(m, "remote WS tunnel version: 2");
    say(m, "minimum required WS tunnel version: 2");
    lab_task_log(m->task, "websocket tunnel started");
    return 0;
}

/* The disks; what cannot be migrated is refused here, with the lock already set. */
static int scan(struct migration *m, struct vf_error **err)
{
    const char *key;
    json_t *value;
    bool bad = false;
    m->disks = json_object();
    json_object_foreach (m->vm->conf, key, value) {
        lab_autojson json_t *p = lab_props_parse(json_string_value(value), "file"), *info = NULL;
        const char *file = json_string_value(json_object_get(p, "file"));
        if ((!lab_is_disk_key(key) && !vf_starts(key, "unused")) || !file || !strcmp(file, "none"))
            continue;
        if (vf_streq(json_string_value(json_object_get(p, "media")), "cdrom")) {
            say(m, "can't migrate local disk '%s': local cdrom image", file);
            bad = true;
        } else if (lab_volume_info(m->vm->node, file, &info)) {
            say(m, "can't migrate local disk '%s': volume does not exist", file);
            bad = true;
        } else {
            say(m, "found local disk '%s' (attached)", file);
            vf_autofree char *host = lab_volume_host_path(m->vm->node, file);
            json_object_set_new(info, "from", json_string(host));
            json_object_set_new(info, "source", json_string(file));
            json_object_set(m->disks, key, info);
        }
    }
    return bad ? vf_fail(err, VF_E_CONFLICT,
                         "Problem found while scanning volumes - can't migrate "
                         "VM - check log")
               : 0;
}

static int allocate(struct migration *m, struct vf_error **err)
{
    const char *key;
    json_t *d;
    json_object_foreach (m->disks, key, d) {
        const char *source = json_string_value(json_object_get(d, "source"));
        vf_autofree char *storage = vf_strndup(source, strcspn(source, ":"));
        const char *to = map(m->storages, storage);
        lab_autojson json_t *made = NULL;
        if (m->online)
            say(m, "Allocating volume for drive '%s' on remote storage '%s'..", key, to);
        if (tell(m, "disk",
                 json_pack("{s:s, s:O, s:O}", "storage", to, "format", json_object_get(d, "format"),
                           "size", json_object_get(d, "size")),
                 &made, err))
            return -1;
        json_object_update(d, made);
        say(m, "volume '%s' is '%s' on the target", source,
            json_string_value(json_object_get(d, "volid")));
    }
    return 0;
}

/* The images as they are, holes and all; the lock is let go meanwhile. */
static int copy_disks(struct migration *m, struct vf_error **err)
{
    const char *key;
    json_t *d;
    json_object_foreach (m->disks, key, d) {
        const char *format = json_string_value(json_object_get(d, "format"));
        const char *argv[] = {"qemu-img",
                              "convert",
                              "-n",
                              "-f",
                              format,
                              "-O",
                              format,
                              json_string_value(json_object_get(d, "from")),
                              json_string_value(json_object_get(d, "host")),
                              NULL};
        struct vf_proc_result r = {0};
        pthread_mutex_unlock(&m->task->lab->lock);
        int ran = vf_proc_run(argv, NULL, 0, 65536, NULL, &r, err);
        pthread_mutex_lock(&m->task->lab->lock);
        if (ran == 0 && r.status)
            ran = vf_fail(err, VF_E_INTERNAL, "%s: copy failed: %s", key, vf_buf_str(&r.err));
        vf_proc_result_free(&r);
        if (ran)
            return -1;
    }
    return 0;
}

static int send_config(struct migration *m, struct vf_error **err)
{
    lab_autojson json_t *conf = json_copy(m->vm->conf);
    static const char *const not_sent[] = {"lock", "digest"};
    const char *key;
    json_t *value;
    for (size_t i = 0; i < VF_COUNT(not_sent); i++)
        json_object_del(conf, not_sent[i]);
    json_object_foreach (m->vm->conf, key, value) {
        const char *text = json_string_value(value);
        json_t *d = json_object_get(m->disks, key);
        lab_autojson json_t *p = lab_props_parse(text, d ? "file" : "model");
        const char *bridge = json_string_value(json_object_get(p, "bridge"));
        const char *rest = d ? strchr(text, ',') : NULL;
        if (d) {
            vf_autofree char *v = vf_asprintf(
                "%s%s", json_string_value(json_object_get(d, "volid")), rest ? rest : "");
            json_object_set_new(conf, key, json_string(v));
        } else if (vf_starts(key, "net") && bridge) {
            const char *at = strstr(text, "bridge="), *to = map(m->bridges, bridge);
            vf_autofree char *v = vf_asprintf("%.*sbridge=%s%s", (int)(at - text), text, to,
                                              at + strlen("bridge=") + strlen(bridge));
            say(m, "mapped: %s from %s to %s", key, bridge, to);
            json_object_set_new(conf, key, json_string(v));
        }
    }
    return fault_at(m, "config", err) || tell(m, "config", VF_STEAL(conf), NULL, err) ? -1 : 0;
}

/* A mirror job as QEMU tells of it: as fast as the limit allows. */
static int mirror(struct migration *m, const char *key, uint64_t total, struct vf_error **err)
{
    say(m, "%s: start migration to nbd:unix:/run/qemu-server/%d_nbd.migrate:exportname=drive-%s",
        key, m->vm->vmid, key);
    lab_task_log(m->task, "drive mirror is starting for drive-%s", key);
    uint64_t done = 0;
    double all = (double)total / (1 << 20);
    for (int tick = 0; done < total; tick++) {
        if (tick % 10 == 0)
            lab_task_log(m->task, "drive-%s: transferred %.1f MiB of %.1f MiB (%.2f%%) in %ds", key,
                         (double)done / (1 << 20), all, 100.0 * (double)done / (double)total,
                         tick / 10);
        if (done && fault_at(m, "mirror", err))
            return -1;
        if (pause_a_bit(m, err))
            return -1;
        done += m->rate ? m->rate / 10 : total;
    }
    lab_task_log(m->task, "drive-%s: transferred %.1f MiB of %.1f MiB (100.00%%) in 1s, ready", key,
                 all, all);
    lab_task_log(m->task, "all 'mirror' jobs are ready");
    return 0;
}

static int run_live(struct migration *m, struct vf_error **err)
{
    const char *key;
    json_t *d;
    if (tell(m, "start", NULL, NULL, err))
        return -1;
    say(m, "starting storage migration");
    json_object_foreach (m->disks, key, d)
        if (mirror(m, key, (uint64_t)json_integer_value(json_object_get(d, "size")), err))
            return -1;
    if (fault_at(m, "mirror", err))
        return -1;
    say(m, "switching mirror jobs to actively synced mode");
    say(m, "starting online/live migration on unix:/run/qemu-server/%d.migrate", m->vm->vmid);
    say(m, "set migration capabilities");
    say(m, "migration active, transferred 9.5 MiB of 16.0 MiB VM-state, 9.5 MiB/s");
    if (fault_at(m, "memory", err) || pause_a_bit(m, err))
        return -1;
    int64_t began = vf_clock_ms();
    json_t *quit = lab_qmp(m->vm, "quit", NULL);
    json_decref(quit);
    if (!lab_qemu_wait_stopped(m->vm, LAB_PATIENCE))
        return vf_fail(err, VF_E_INTERNAL, "VM still running");
    if (copy_disks(m, err) || tell(m, "resume", NULL, NULL, err))
        return -1;
    int64_t down = vf_clock_ms() - began;
    say(m, "average migration speed: 16.0 MiB/s - downtime %lld ms", (long long)down);
    say(m, "migration completed, transferred 15.9 MiB VM-state");
    say(m, "migration status: completed");
    return 0;
}

static int phases(struct migration *m, struct vf_error **err)
{
    if (prepare(m, err))
        return -1;
    m->phase = 1;
    say(m, "starting migration of VM %d to node '%s' (%s)", m->vm->vmid, m->node, m->to.host);
    lab_vm_set(m->vm, "lock", "migrate");
    if (scan(m, err))
        return -1;
    if (!m->online)
        say(m, "copying local disk images");
    if (allocate(m, err) || (!m->online && (fault_at(m, "mirror", err) || copy_disks(m, err))) ||
        send_config(m, err))
        return -1;
    m->phase = 2;
    return m->online ? run_live(m, err) : 0;
}

static void clean_up(struct migration *m, const struct vf_error *why)
{
    say(m, "ERROR: %s", vf_error_text(why));
    if (m->phase)
        say(m, "aborting phase %d - cleanup resources", m->phase);
    lab_vm_set(m->vm, "lock", NULL);
    if (m->ticket)
        tell(m, "quit", json_pack("{s:b}", "cleanup", 1), NULL, NULL);
}

static void free_migration(struct migration *m)
{
    free(m->to.host);
    free(m->to.fingerprint);
    free(m->to.token);
    free(m->node);
    free(m->cdir);
    free(m->ticket);
    json_decref(m->storages);
    json_decref(m->bridges);
    json_decref(m->disks);
    free(m);
}

static int run_migrate(struct lab_task *t, struct vf_error **err)
{
    struct migration *m = t->data;
    vf_autoerror struct vf_error *why = NULL;
    int64_t began = vf_clock_ms();
    m->task = t;
    m->vm = t->vm;
    int r = phases(m, &why);
    if (r && t->signal == 9) {
        /* killed: nobody cleans up, and the tunnel's other end is lost */
        if (m->ticket)
            tell(m, "lose", NULL, NULL, NULL);
        vf_fail(err, VF_E_INTERNAL, "unexpected status");
    } else if (r) {
        clean_up(m, why);
        say(m, "ERROR: migration aborted (duration 00:00:%02d): %s",
            (int)((vf_clock_ms() - began) / 1000), vf_error_text(why));
        vf_fail(err, VF_E_INTERNAL, "migration aborted");
    } else {
        vf_autoerror struct vf_error *late = NULL;
        bool problems = fault_at(m, "finish", &late) != 0;
        if (problems)
            say(m, "ERROR: %s", vf_error_text(late));
        tell(m, "unlock", NULL, NULL, NULL);
        tell(m, "quit", NULL, NULL, NULL);
        say(m, "migration finished %s", problems ? "with problems" : "successfully");
        if (problems)
            vf_fail(err, VF_E_INTERNAL, "migration problems");
    }
    free_migration(m);
    return *err ? -1 : 0;
}

/* ------------------------------------------------------------------ calls */

/* "a:b,c:d", "b" or "1" */
static json_t *parse_map(const char *text)
{
    json_t *out = json_object();
    vf_autostrv char **parts = vf_strv_split(text ? text : "", ", ");
    for (size_t i = 0; parts[i]; i++) {
        char *colon = strchr(parts[i], ':');
        if (colon)
            *colon = 0;
        json_object_set_new(out, colon ? parts[i] : "", json_string(colon ? colon + 1 : parts[i]));
    }
    return out;
}

static int connect_target(struct lab_call *c, struct migration *m)
{
    vf_autoerror struct vf_error *err = NULL;
    lab_autojson json_t *p = lab_props_parse(lab_param(c, "target-endpoint"), "apitoken");
    const char *port = json_string_value(json_object_get(p, "port"));
    m->to = (struct lab_endpoint){
        .host = vf_strdup(json_string_value(json_object_get(p, "host"))),
        .fingerprint = vf_strdup(json_string_value(json_object_get(p, "fingerprint"))),
        .token = vf_strdup(json_string_value(json_object_get(p, "apitoken"))),
        .port = port ? lab_int(port) : LAB_API_PORT};
    if (!m->to.host || !m->to.token) {
        lab_bad_param(c, "target-endpoint",
                      "invalid format - missing key in comma-separated list "
                      "property");
        return -1;
    }
    lab_autojson json_t *status = lab_remote_call(&m->to, "GET", "/cluster/status", "", &err);
    size_t i;
    json_t *e;
    json_array_foreach (status, i, e)
        if (vf_streq(json_string_value(json_object_get(e, "type")), "node") &&
            json_integer_value(json_object_get(e, "local")))
            m->node = vf_strdup(json_string_value(json_object_get(e, "name")));
    if (m->node)
        return 0;
    lab_die(c, 500, "%s", err ? vf_error_text(err) : "couldn't determine endpoint's node name");
    return -1;
}

static json_t *post_remote_migrate(struct lab_call *c)
{
    struct lab_vm *vm = lab_vm_find(c->lab, lab_int(lab_param(c, "vmid")));
    const char *limit = lab_param(c, "bwlimit"), *id = lab_param(c, "target-vmid");
    if (c->lab->version < 7003)
        return lab_die(c, 501, "Method 'POST remote_migrate' not implemented");
    if (!vm || vm->node != c->node)
        return lab_die(c, 500, "Configuration file 'nodes/%s/qemu-server/%s.conf' does not exist",
                       c->node->name, lab_param(c, "vmid"));
    vf_autofree char *sid = vf_asprintf("vm:%d", vm->vmid);
    if (lab_vm_get(vm, "lock"))
        return lab_die(c, 500, "VM is locked (%s)", lab_vm_get(vm, "lock"));
    const char *ha = json_string_value(json_object_get(json_object_get(c->lab->ha, sid), "state"));
    if (ha && strcmp(ha, "ignored")) /* that one Proxmox does not count as managed */
        return lab_bad_param(c, "vmid", "cannot remote-migrate VM that is configured for HA");
    struct migration *m = vf_xcalloc(1, sizeof *m);
    m->online = vm->running;
    m->target_id = id ? lab_int(id) : vm->vmid;
    m->rate = limit ? (uint64_t)lab_int(limit) << 10 : 0;
    m->storages = parse_map(lab_param(c, "target-storage"));
    m->bridges = parse_map(lab_param(c, "target-bridge"));
    if (connect_target(c, m) == 0) {
        if (vm->running && !lab_flag(c, "online", false))
            lab_die(c, 500, "can't migrate running VM without --online");
        else if (vf_streq(json_string_value(json_object_get(m->storages, "")), "1"))
            lab_die(c, 500, "remote migration requires explicit storage mapping!");
    }
    if (!c->status)
        return lab_task_start_with(c, c->node, vm, "qmigrate", lab_param(c, "vmid"), m,
                                   run_migrate);
    free_migration(m);
    return NULL;
}

#define VM "/nodes/{node}/qemu/{vmid}"
const struct lab_route lab_routes_migrate[] = {
    {"POST", VM "/remote_migrate", post_remote_migrate, "/vms/{vmid}:VM.Migrate"},
    {"POST", VM "/mtunnel", lab_post_mtunnel, "/vms/{vmid}:VM.Allocate"},
    {NULL, NULL, NULL, NULL},
};
