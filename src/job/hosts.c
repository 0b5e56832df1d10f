/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which hosts hold the disks, how they are reached, and the movers on them. */
#include "config.h"
#include "job/job_text.h"
#include "job/vouch.h"
#include "base/clock.h"
#include "base/i18n.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/str.h"

#include <stdio.h>
#include <string.h>

static const struct vf_cluster_conf *cluster(const struct vf_job *job, bool target,
                                             struct vf_error **err)
{
    return vf_conf_cluster(job->conf, target ? job->plan->target : job->plan->source, err);
}

/* What the cluster itself says NODE's address is; NULL: nothing. Caller frees. */
static char *cluster_address(struct vf_provider *p, const char *node)
{
    struct vf_node *nodes = NULL;
    size_t n = 0;
    char *address = NULL;
    if (p->ops->nodes(p, &nodes, &n, NULL) == 0)
        for (size_t i = 0; i < n; i++)
            if (vf_streq(nodes[i].name, node))
                address = vf_strdup(nodes[i].address);
    vf_nodes_free(nodes, n);
    return address;
}

char *vf_job_data_address(struct vf_job *job, const char *node, struct vf_error **err)
{
    const struct vf_cluster_conf *c = cluster(job, true, err);
    if (!c)
        return NULL;
    const struct vf_node_conf *nc = vf_conf_node(c, node);
    if (nc && (nc->data_address || nc->address))
        return vf_strdup(nc->data_address ? nc->data_address : nc->address);
    char *known = cluster_address(job->target_pve, node);
    return known ? known : vf_strdup(node);
}

static void add_once(char ***v, const char *s)
{
    if (s && *s && !vf_strv_has(*v, s))
        vf_strv_add(v, s);
}

/* "[USER@]HOST[:PORT]" of the host that answers the API; NULL when it is one of ADDRESSES. */
static char *api_jump(const struct vf_cluster_conf *c, char *const *addresses)
{
    vf_autofree char *host = c->urls && c->urls[0] ? vf_url_host(c->urls[0]) : NULL;
    if (!host || !*host || vf_strv_has(addresses, host))
        return NULL;
    vf_autofree char *port = c->ssh.port ? vf_asprintf(":%u", (unsigned)c->ssh.port) : NULL;
    return vf_asprintf("%s%s[%s]%s", c->ssh.user ? c->ssh.user : "", c->ssh.user ? "@" : "", host,
                       port ? port : "");
}

void vf_host_way_clear(struct vf_host_way *w)
{
    free(w->label);
    vf_strv_free(w->addresses);
    vf_ssh_conf_free(&w->ssh);
    free(w->jump);
    *w = (struct vf_host_way){0};
}

int vf_job_host_way(struct vf_job *job, bool target, const char *node, const char *storage,
                    struct vf_host_way *out, struct vf_error **err)
{
    const struct vf_cluster_conf *c = cluster(job, target, err);
    if (!c)
        return -1;
    const struct vf_storage_conf *sc = storage ? vf_conf_storage(c, storage, node) : NULL;
    const struct vf_node_conf *nc = vf_conf_node(c, node);
    bool other = sc && sc->address;
    *out = (struct vf_host_way){.addresses = vf_strv_new()};
    vf_ssh_conf_init(&out->ssh);
    out->label = vf_strdup(other ? sc->address : node);
    if (other) {
        vf_ssh_conf_inherit(&out->ssh, &sc->ssh);
        add_once(&out->addresses, sc->address);
    } else {
        vf_autofree char *known = cluster_address(target ? job->target_pve : job->source_pve, node);
        if (nc) {
            vf_ssh_conf_inherit(&out->ssh, &nc->ssh);
            add_once(&out->addresses, nc->address);
        }
        add_once(&out->addresses, node);
        add_once(&out->addresses, known);
    }
    vf_ssh_conf_inherit(&out->ssh, &c->ssh);
    if (!other && !out->ssh.jump)
        out->jump = api_jump(c, out->addresses);
    return 0;
}

struct vf_ssh *vf_host_dial(struct vf_host_way *w, const struct vf_asker *asker,
                            struct vf_cancel *cancel, struct vf_error **err)
{
    vf_autoerror struct vf_error *why = NULL, *then = NULL;
    struct vf_ssh *s = vf_ssh_open(w->label, w->addresses, &w->ssh, asker, cancel, &why);
    if (s || !w->jump || !vf_error_is_transient(why)) {
        if (!s)
            vf_fail_with(err, VF_STEAL(why));
        return s;
    }
    /* the API answers, so its host is reachable: perhaps it reaches the node */
    vf_info("ssh", "%s; trying through %s", vf_error_text(why), w->jump);
    w->ssh.jump = w->jump;
    s = vf_ssh_open(w->label, w->addresses, &w->ssh, asker, cancel, &then);
    w->ssh.jump = NULL;
    if (!s)
        vf_fail(err, vf_error_code(then), _("%s; and through the host of the API: %s"),
                vf_error_text(why), vf_error_text(then));
    return s;
}

struct vf_ssh *vf_job_ssh_asking(struct vf_job *job, bool target, const char *node,
                                 const char *storage, const struct vf_asker *asker,
                                 struct vf_error **err)
{
    struct vf_host_way w;
    if (vf_job_host_way(job, target, node, storage, &w, err) < 0)
        return NULL;
    struct vf_ssh *s = vf_host_dial(&w, asker, job->cancel, err);
    vf_host_way_clear(&w);
    return s;
}

struct vf_ssh *vf_job_ssh(struct vf_job *job, bool target, const char *node, const char *storage,
                          struct vf_error **err)
{
    const struct vf_asker *asker = vf_vouch(job, target, node);
    vf_autoerror struct vf_error *why = NULL;
    struct vf_ssh *s = vf_job_ssh_asking(job, target, node, storage, asker, &why);
    if (!s && job->vouchers[target].retry)
        s = vf_job_ssh_asking(job, target, node, storage, &job->asker, err);
    else if (!s)
        vf_fail_with(err, VF_STEAL(why));
    return s;
}

char *vf_job_volume_path(struct vf_job *job, bool target, const char *node, const char *volume,
                         struct vf_volume *info, struct vf_error **err)
{
    struct vf_provider *p = target ? job->target_pve : job->source_pve;
    const struct vf_cluster_conf *c = cluster(job, target, err);
    if (!c || p->ops->volume(p, node, volume, info, err) < 0)
        return NULL;
    const char *colon = strchr(volume, ':');
    /* of a linked clone, TEMPLATE/BASE/VMID/NAME, its own part */
    const char *base = colon ? strstr(colon, "/base-") : NULL;
    const char *own = base ? strchr(base + 1, '/') : NULL;
    vf_autofree char *storage =
        vf_strndup(volume, colon ? (size_t)(colon - volume) : strlen(volume));
    const struct vf_storage_conf *sc = vf_conf_storage(c, storage, node);
    if (sc && sc->path && colon)
        return vf_asprintf("%s/images/%s", sc->path, own ? own + 1 : colon + 1);
    if (!info->path) {
        vf_fail(err, VF_E_UNSUPPORTED, _("%s: storage %s gives no path to read"), volume, storage);
        return NULL;
    }
    return vf_strdup(info->path);
}

/* All disks of a VM are read through one host: its node, or the one configured for their storage.
 */
static int one_host(struct vf_job *job, const struct vf_cluster_conf *c, bool target,
                    struct vf_error **err)
{
    const char *node = target ? job->plan->target_node : job->source->node;
    const char *first = NULL;
    for (size_t i = 0; i < job->plan->n_disks; i++) {
        const struct vf_plan_disk *d = &job->plan->disks[i];
        const struct vf_disk *s = vf_vm_disk(job->source, d->slot);
        const char *storage = target ? d->storage : s ? s->storage : "";
        const struct vf_storage_conf *sc = vf_conf_storage(c, storage, node);
        const char *address = sc && sc->address ? sc->address : "";
        if (first && !vf_streq(first, address))
            return vf_fail(
                err, VF_E_UNSUPPORTED,
                _("the disks of %s are on storages with different ssh hosts; configure one host "
                  "that reaches them all"),
                job->source->name);
        first = address;
    }
    return 0;
}

/* ---- what the carrier asks for ---- */

static const char *node_of(const struct vf_job *job, bool target)
{
    return target ? job->plan->target_node : job->source->node;
}

/* That of the first disk: one_host() has seen that one host has them all. */
const char *vf_job_host_storage(const struct vf_job *job, bool target)
{
    const struct vf_plan_disk *d = &job->plan->disks[0];
    const struct vf_disk *s = vf_vm_disk(job->source, d->slot);
    return target ? d->storage : s ? s->storage : NULL;
}

static int dial_host(struct vf_job *job, bool target, struct vf_ssh **out, struct vf_error **err)
{
    *out = vf_job_ssh(job, target, node_of(job, target), vf_job_host_storage(job, target), err);
    return *out ? 0 : -1;
}

/* The addresses at which the other cluster's host may find this one. What is known of the node is
 * none of another host's that its storage is read through. */
char **vf_job_peer_addresses(struct vf_job *job, bool target, struct vf_ssh *ssh)
{
    const struct vf_cluster_conf *c = cluster(job, target, NULL);
    const char *node = node_of(job, target), *storage = vf_job_host_storage(job, target);
    const struct vf_storage_conf *sc = storage ? vf_conf_storage(c, storage, node) : NULL;
    const struct vf_node_conf *nc = vf_conf_node(c, node);
    bool other = sc && sc->address;
    vf_autofree char *known =
        other ? NULL : cluster_address(target ? job->target_pve : job->source_pve, node);
    char **addresses = vf_strv_new();
    add_once(&addresses, nc && !other ? nc->data_address : NULL);
    add_once(&addresses, vf_ssh_address(ssh));
    add_once(&addresses, known);
    return addresses;
}

static struct vf_route_end route_end(struct vf_ssh *ssh, char *const *addresses)
{
    if (!ssh)
        return (struct vf_route_end){0};
    return (struct vf_route_end){
        .addresses = addresses,
        .port = vf_ssh_port(ssh),
        .user = vf_ssh_user(ssh),
        .host_key = vf_ssh_host_key(ssh),
    };
}

/* Every start of this job's movers outranks the ones before it. */
static int next_epoch(struct vf_job *job, uint64_t *out, struct vf_error **err)
{
    if (vf_job_intend(job, "hosts", NULL, err) < 0)
        return -1;
    *out = vf_journal_find(job->journal, "hosts")->begun;
    return 0;
}

static struct vf_route *open_route(struct vf_job *job, struct vf_mover_host *source,
                                   struct vf_mover_host *target, struct vf_error **err)
{
    struct vf_ssh *from = vf_carrier_ssh(job->carrier, false),
                  *to = vf_carrier_ssh(job->carrier, true);
    /* what is fetched comes from this machine */
    vf_autostrv char **from_at = from ? vf_job_peer_addresses(job, false, from) : vf_strv_new();
    vf_autostrv char **to_at = vf_job_peer_addresses(job, true, to);
    struct vf_route_opts o = {
        .source = route_end(from, from_at),
        .target = route_end(to, to_at),
        .source_label = from ? vf_ssh_label(from) : _("this machine"),
        .target_label = vf_ssh_label(to),
        .streams = job->plan->streams,
        .cancel = job->cancel,
        .ciphers = job->plan->ciphers,
        .route = vf_route_words[job->plan->route],
    };
    return vf_route_open(source, target, &o, err);
}

static void say_route(struct vf_job *job, const struct vf_route *route)
{
    if (vf_route_suspect(route))
        vf_job_note(job, "warn", "%s", vf_route_suspect(route));
    vf_autofree char *way = vf_route_shown(vf_route_text(route));
    if (vf_route_why(route))
        vf_job_note(job, "info", _("%s; disk data goes %s"), vf_route_why(route), way);
    else
        vf_job_note(job, "info", _("disk data goes %s"), way);
}

static int on_dial(void *opaque, bool target, struct vf_ssh **out, struct vf_error **err)
{
    struct vf_job *job = opaque;
    pthread_mutex_lock(&job->hands);
    int r = dial_host(job, target, out, err);
    pthread_mutex_unlock(&job->hands);
    return r;
}

static int on_epoch(void *opaque, uint64_t *out, struct vf_error **err)
{
    struct vf_job *job = opaque;
    pthread_mutex_lock(&job->hands);
    int r = next_epoch(job, out, err);
    pthread_mutex_unlock(&job->hands);
    return r;
}

static struct vf_route *on_route(void *opaque, struct vf_mover_host *source,
                                 struct vf_mover_host *target, struct vf_error **err)
{
    struct vf_job *job = opaque;
    pthread_mutex_lock(&job->hands);
    struct vf_route *route = open_route(job, source, target, err);
    pthread_mutex_unlock(&job->hands);
    if (route)
        say_route(job, route);
    return route;
}

static int on_ready(void *opaque, struct vf_error **err)
{
    struct vf_job *job = opaque;
    pthread_mutex_lock(&job->hands);
    int r = job->live ? 0 : vf_job_source_down(job, err);
    pthread_mutex_unlock(&job->hands);
    return r;
}

static void on_lost(void *opaque, const struct vf_error *why, int ms)
{
    struct vf_job *job = opaque;
    vf_autofree char *span = vf_format_duration(ms / 1000.0);
    atomic_fetch_add(&job->retries, 1);
    vf_job_note(job, "warn", _("connection lost: %s; trying again for up to %s"),
                vf_error_text(why), span);
}

/* The storage of the disks at the target, when it is one. */
static const char *one_storage(const struct vf_job *job)
{
    const struct vf_plan *p = job->plan;
    for (size_t i = 1; i < p->n_disks; i++)
        if (!vf_streq(p->disks[i].storage, p->disks[0].storage))
            return NULL;
    return p->disks[0].storage;
}

static void on_full(void *opaque, const struct vf_error *why, int ms)
{
    struct vf_job *job = opaque;
    const char *storage = one_storage(job);
    vf_autofree char *span = vf_format_duration(ms / 1000.0);
    if (storage)
        vf_job_note(job, "warn",
                    _("storage %s of %s is full: make room; the copy goes on by itself (for up to "
                      "%s it waits): %s"),
                    storage, job->plan->target_node, span, vf_error_text(why));
    else
        vf_job_note(job, "warn",
                    _("a storage of %s is full: make room; the copy goes on by itself (for up to "
                      "%s it waits): %s"),
                    job->plan->target_node, span, vf_error_text(why));
}

static void on_back(void *opaque)
{
    vf_job_note(opaque, "info", _("the connection is back; the copy goes on"));
}

/* The password is what this process was told, or NULL where the configuration has it. */
static int on_fetch(void *opaque, struct vf_fetch_login *out, struct vf_error **err)
{
    struct vf_job *job = opaque;
    struct vf_provider *p = job->source_pve;
    struct vf_login l = {0};
    if (!p->ops->login)
        return 0;
    pthread_mutex_lock(&job->hands);
    p->ops->login(p, &l);
    *out = (struct vf_fetch_login){.conf = vf_strdup(job->conf->path),
                                   .cluster = vf_strdup(job->plan->source),
                                   .verify_tls = job->plan->verify_tls,
                                   .way = vf_strdup(l.way),
                                   .user = vf_strdup(l.user),
                                   .password = l.password ? vf_secret_copy(l.password) : NULL};
    for (size_t i = 0; l.certs && l.certs[i]; i++) {
        out->certs = out->certs ? out->certs : vf_strv_new();
        vf_strv_add(&out->certs, l.certs[i]);
    }
    pthread_mutex_unlock(&job->hands);
    return 0;
}

static void on_note(void *opaque, const char *text)
{
    vf_job_note(opaque, "info", "%s", text);
}

static const struct vf_carrier_ops carrier_ops = {
    .dial = on_dial,
    .epoch = on_epoch,
    .route = on_route,
    .ready = on_ready,
    .lost = on_lost,
    .full = on_full,
    .back = on_back,
    .fetch = on_fetch,
    .note = on_note,
};

int vf_job_hosts_open(struct vf_job *job, struct vf_error **err)
{
    const struct vf_cluster_conf *sc = cluster(job, false, err),
                                 *tc = sc ? cluster(job, true, err) : NULL;
    bool fetches = vf_job_fetches(job);
    if (!tc || (!fetches && one_host(job, sc, false, err) < 0) || one_host(job, tc, true, err) < 0)
        return -1;
    vf_autofree char *mover = vf_proc_companion("vmferry-mover", PKGLIBEXECDIR "/vmferry-mover");
    vf_autofree char *fetch = vf_proc_companion("vmferry-fetch", PKGLIBEXECDIR "/vmferry-fetch");
    struct vf_carrier_opts o = {
        .job = job->id, .mover = mover, .fetch = fetches ? fetch : NULL, .cancel = job->cancel};
    job->carrier = vf_carrier_new(&o, &carrier_ops, job);
    return vf_carrier_open(job->carrier, err);
}

void vf_job_hosts_close(struct vf_job *job)
{
    vf_carrier_free(VF_STEAL(job->carrier));
}
