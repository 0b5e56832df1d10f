/* SPDX-License-Identifier: GPL-3.0-or-later */
/* qm remote-migrate through the API. The work is done by a task on the source's node, which talks
 * to the target node's API; we start it, read its log, and look at both VMs when it has ended. */
#include "config.h"
#include "provider/pve/pve.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"

#include <stdio.h>
#include <string.h>

enum { POLL_MS = 1000, LINES = 500, STOP_MS = 60 * 1000, DEFAULT_PORT = 443 };

void vf_endpoint_clear(struct vf_endpoint *e)
{
    free(e->host);
    free(e->fingerprint);
    free(e->token);
    vf_secret_free(e->secret);
    *e = (struct vf_endpoint){0};
}

void vf_glimpse_clear(struct vf_glimpse *g)
{
    free(g->lock);
    free(g->description);
    *g = (struct vf_glimpse){0};
}

/* ------------------------------------------------------------------ starting */

/* The port of an URL as configured; Proxmox's own is 8006, but a URL says what it says. */
static unsigned url_port(const char *url)
{
    const char *h = strstr(url, "://");
    h = h ? h + 3 : url;
    h += *h == '[' ? strcspn(h, "]") : strcspn(h, ":/");
    h += *h == ']';
    uint64_t port = 0;
    vf_autofree char *digits = *h == ':' ? vf_strndup(h + 1, strspn(h + 1, "0123456789")) : NULL;
    return digits && vf_parse_u64(digits, 1, 65535, &port) == 0 ? (unsigned)port : DEFAULT_PORT;
}

static char *node_fingerprint(struct vf_pve_client *c, const char *node, struct vf_error **err)
{
    vf_autojson json_t *nodes = vf_pve_list(c, "/nodes", err);
    size_t i;
    json_t *e;
    unsigned char bytes[32];
    json_array_foreach (nodes, i, e)
        if (vf_streq(vf_json_text(e, "node"), node) && vf_json_text(e, "ssl_fingerprint") &&
            vf_fingerprint_parse(vf_json_text(e, "ssl_fingerprint"), bytes) == 0)
            return vf_fingerprint_format(bytes);
    if (nodes)
        vf_fail(err, VF_E_UNSUPPORTED,
                "cluster %s does not tell the fingerprint of node %s's certificate", c->conf->name,
                node);
    return NULL;
}

static int endpoint(struct vf_provider *p, const char *node, struct vf_endpoint *out,
                    struct vf_error **err)
{
    struct vf_pve_client *c = vf_pve_of(p);
    const char *id = c->conf->token ? c->conf->token : c->spare_id;
    if (!id)
        return vf_fail(err, VF_E_UNSUPPORTED,
                       "the source's node logs in at %s with an API token, and none could be made "
                       "for %s: make one (Datacenter > Permissions > API Tokens) and configure it "
                       "as token",
                       c->conf->name, c->user);
    out->fingerprint = node_fingerprint(c, node, err);
    if (!out->fingerprint)
        return -1;
    out->port = url_port(c->conf->urls[c->url]);
    out->token = vf_strdup(id);
    out->secret = vf_secret_copy(c->conf->token ? c->secret : c->spare);
    return 0;
}

/* "from=to" once for each FROM. */
static void add_pair(struct vf_buf *b, char ***seen, const char *from, const char *to)
{
    if (!from || !to || vf_strv_has(*seen, from))
        return;
    vf_strv_add(seen, from);
    vf_buf_printf(b, "%s%s:%s", b->len ? "," : "", from, to);
}

static void add_maps(struct vf_form *form, const struct vf_plan *plan, const struct vf_vm *vm)
{
    vf_autobuf struct vf_buf storages = {0}, bridges = {0};
    vf_autostrv char **from = vf_strv_new(), **over = vf_strv_new();
    for (size_t i = 0; i < plan->n_disks; i++) {
        const struct vf_disk *d = vf_vm_disk(vm, plan->disks[i].slot);
        add_pair(&storages, &from, d ? d->storage : NULL, plan->disks[i].storage);
    }
    for (size_t i = 0; i < plan->n_nics; i++)
        for (size_t k = 0; k < vm->n_nics; k++)
            if (vm->nics[k].index == plan->nics[i].index)
                add_pair(&bridges, &over, vm->nics[k].bridge,
                         plan->nics[i].bridge ? plan->nics[i].bridge : vm->nics[k].bridge);
    vf_form_add(form, "target-storage", vf_buf_str(&storages));
    vf_form_add(form, "target-bridge", bridges.len ? vf_buf_str(&bridges) : "1");
}

static void add_endpoint(struct vf_form *form, const struct vf_endpoint *to)
{
    vf_autobuf struct vf_buf b = {0};
    /* room for all of it, so that growing leaves no copies of the secret behind */
    vf_buf_room(&b, strlen(to->host) + strlen(to->token) + vf_secret_len(to->secret) + 256);
    vf_buf_printf(&b, "apitoken=PVEAPIToken=%s=%s,host=%s,port=%u", to->token,
                  vf_secret_text(to->secret), to->host, to->port);
    if (to->fingerprint)
        vf_buf_printf(&b, ",fingerprint=%s", to->fingerprint);
    vf_buf_room(&form->buf, 3 * b.len + 1024);
    vf_form_add(form, "target-endpoint", vf_buf_str(&b));
    vf_wipe(b.data, b.cap);
}

static char *start(struct vf_provider *p, const struct vf_plan *plan, const struct vf_vm *vm,
                   unsigned target_id, const struct vf_endpoint *to, struct vf_error **err)
{
    vf_autoform struct vf_form form = {0};
    add_endpoint(&form, to);
    vf_form_addf(&form, "target-vmid", "%u", target_id);
    add_maps(&form, plan, vm);
    vf_form_add(&form, "online", vm->state == VF_VM_STOPPED ? "0" : "1");
    vf_form_add(&form, "delete", "0");
    if (plan->rate)
        vf_form_addf(&form, "bwlimit", "%llu",
                     (unsigned long long)(plan->rate < 1024 ? 1 : plan->rate / 1024));
    vf_autofree char *path = vf_pve_path(vm->node, "/qemu/%u/remote_migrate", vm->id);
    vf_autojson json_t *data = vf_pve_call(vf_pve_of(p), "POST", path, &form, err);
    const char *upid = json_string_value(data);
    if (data && !vf_starts(upid, "UPID:"))
        vf_fail(err, VF_E_UNSUPPORTED, "cluster %s: the migration was answered without a task",
                p->conf->name);
    return data && vf_starts(upid, "UPID:") ? vf_strdup(upid) : NULL;
}

/* UPID:NODE:PID:PSTART:STARTTIME:TYPE:ID:USER: with the times as hexadecimal numbers */
static int64_t began(const char *task)
{
    vf_autostrv char **v = vf_strv_split(task, ":");
    return vf_strv_len(v) > 4 ? (int64_t)strtoll(v[4], NULL, 16) : 0;
}

static char *find(struct vf_provider *p, const char *node, unsigned id, const char *type,
                  struct vf_error **err)
{
    struct vf_pve_client *c = vf_pve_of(p);
    vf_autofree char *path =
        vf_pve_path(node, "/tasks?vmid=%u&typefilter=%s&source=all&limit=50", id, type);
    vf_autojson json_t *list = vf_pve_list(c, path, err);
    vf_autofree char *name = vf_asprintf("%u", id);
    json_t *e, *newest = NULL;
    size_t i;
    /* the running ones may come last */
    json_array_foreach (list, i, e)
        if (vf_json_text(e, "upid") && vf_streq(vf_json_text(e, "type"), type) &&
            vf_streq(vf_json_text(e, "id"), name) &&
            (!newest || vf_json_u64(e, "starttime") > vf_json_u64(newest, "starttime")))
            newest = e;
    return newest ? vf_strdup(vf_json_text(newest, "upid")) : NULL;
}

/* ------------------------------------------------------------------ watching */

/* Hands on what the log has beyond line *FROM. */
static int read_log(struct vf_pve_client *c, const char *upid, size_t *from,
                    const struct vf_native_watch *w, struct vf_error **err)
{
    for (;;) {
        vf_autofree char *what = vf_asprintf("log?start=%zu&limit=%d", *from, LINES);
        vf_autofree char *path = vf_pve_task_path(upid, what);
        vf_autojson json_t *lines = vf_pve_list(c, path, err);
        if (!lines)
            return -1;
        size_t i;
        json_t *e;
        json_array_foreach (lines, i, e) {
            const char *t = vf_json_text(e, "t");
            /* an empty log is told as one line that says so */
            if (t && !(vf_streq(t, "no content") && !*from)) {
                w->line(w->opaque, t);
                (*from)++;
            }
        }
        if (json_array_size(lines) < LINES)
            return 0;
    }
}

static int watch(struct vf_provider *p, const char *upid, const struct vf_native_watch *w,
                 struct vf_error **err)
{
    struct vf_pve_client *c = vf_pve_of(p);
    vf_autofree char *path = vf_pve_task_path(upid, "status");
    int64_t heard = vf_clock_ms();
    size_t from = 0;
    for (;;) {
        vf_autoerror struct vf_error *why = NULL;
        /* the state before the log: then an ended task's log is read to its end */
        vf_autojson json_t *status = vf_pve_object(c, path, &why);
        if (status && read_log(c, upid, &from, w, &why) == 0) {
            heard = vf_clock_ms();
            if (vf_streq(vf_json_text(status, "status"), "stopped"))
                return vf_pve_judge_task(c, upid, status, err);
        } else if (!vf_error_is_transient(why) || vf_clock_ms() - heard > c->outage_ms) {
            vf_fail_with(err, VF_STEAL(why));
            return vf_fail_prefix(err, "watching the migration");
        }
        if (vf_cancel_sleep(c->cancel, POLL_MS, err) < 0)
            return -1;
    }
}

static int stop(struct vf_provider *p, const char *upid, struct vf_error **err)
{
    struct vf_pve_client *c = vf_pve_of(p);
    vf_autofree char *path = vf_pve_task_path(upid, "status"), *task = vf_pve_task_path(upid, NULL);
    bool told = false;
    for (int64_t end = vf_clock_ms() + STOP_MS;;) {
        vf_autojson json_t *status = vf_pve_object(c, path, err);
        if (!status)
            return -1;
        if (vf_streq(vf_json_text(status, "status"), "stopped"))
            return 0;
        if (!told && vf_pve_do(c, "DELETE", task, NULL, 0, err) < 0)
            return vf_fail_prefix(err, "stopping the migration");
        told = true;
        if (vf_clock_ms() > end)
            return vf_fail(err, VF_E_CONFLICT,
                           "the migration was told to stop and still runs: see its task in the "
                           "GUI of %s, then try again",
                           c->conf->name);
        if (vf_cancel_sleep(c->cancel, POLL_MS / 4, err) < 0)
            return -1;
    }
}

/* ------------------------------------------------------------------ what is there */

static int glimpse(struct vf_provider *p, const char *node, unsigned id, struct vf_glimpse *out,
                   struct vf_error **err)
{
    struct vf_pve_client *c = vf_pve_of(p);
    *out = (struct vf_glimpse){0};
    vf_autofree char *list_path = vf_pve_path(node, "/qemu"),
                     *path = vf_pve_path(node, "/qemu/%u/config?current=1", id);
    /* the list says for sure that it is not there; each version words the other's error anew */
    vf_autojson json_t *list = vf_pve_list(c, list_path, err);
    if (!list)
        return -1;
    size_t i;
    json_t *e;
    json_array_foreach (list, i, e)
        out->there |= vf_json_u64(e, "vmid") == id;
    if (!out->there)
        return 0;
    vf_autojson json_t *config = vf_pve_object(c, path, err);
    if (!config || vf_pve_state(p, node, id, &out->state, err) < 0)
        return -1;
    out->lock = vf_strdup(vf_json_text(config, "lock"));
    out->description = vf_strdup(vf_json_text(config, "description"));
    const char *key;
    json_t *value;
    out->empty = true;
    json_object_foreach (config, key, value)
        out->empty &= !strcmp(key, "lock") || !strcmp(key, "digest");
    return 0;
}

static int unlock(struct vf_provider *p, const char *node, unsigned id, struct vf_error **err)
{
    struct vf_pve_client *c = vf_pve_of(p);
    if (!vf_pve_is_root(c))
        return vf_fail(err, VF_E_PERMISSION,
                       "only root@pam, logged in with its password, may take a lock off");
    vf_autoform struct vf_form form = {0};
    vf_form_add(&form, "delete", "lock");
    vf_form_add(&form, "skiplock", "1");
    vf_autofree char *path = vf_pve_path(node, "/qemu/%u/config", id);
    return vf_pve_do(c, "PUT", path, &form, 0, err);
}

static int volumes(struct vf_provider *p, const char *node, char *const *storages, unsigned id,
                   char ***out, struct vf_error **err)
{
    *out = vf_strv_new();
    for (size_t s = 0; storages[s]; s++) {
        vf_autofree char *what = vf_asprintf("content?content=images&vmid=%u", id);
        vf_autofree char *path = vf_pve_storage_path(node, storages[s], what, NULL);
        vf_autojson json_t *list = vf_pve_list(vf_pve_of(p), path, err);
        size_t i;
        json_t *e;
        if (!list) {
            vf_strv_free(VF_STEAL(*out));
            return -1;
        }
        json_array_foreach (list, i, e)
            if (vf_json_u64(e, "vmid") == id && vf_json_text(e, "volid"))
                vf_strv_add(out, vf_json_text(e, "volid"));
    }
    return 0;
}

const struct vf_native_ops vf_pve_native = {
    .refusals = vf_pve_native_refusals,
    .rights = vf_pve_native_rights,
    .endpoint = endpoint,
    .start = start,
    .find = find,
    .began = began,
    .watch = watch,
    .stop = stop,
    .glimpse = glimpse,
    .unlock = unlock,
    .volumes = volumes,
};
