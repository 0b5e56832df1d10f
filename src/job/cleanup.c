/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "job/cleanup.h"
#include "job/place.h"
#include "base/i18n.h"
#include "base/str.h"
#include "job/state.h"
#include "plan/name.h"
#include "xfer/mirror.h"

#include <string.h>
#include <unistd.h>

static const char token_prefix[] = "vmferry-";

struct vf_cleaner {
    const struct vf_conf *conf;
    const struct vf_asker *asker;
    struct vf_cancel *cancel;
    struct vf_place **places;
    size_t n_places;
    char **unreachable;
    struct vf_leftover *left;
    size_t n_left;
};

/* ---- reaching ---- */

static void open_place(struct vf_cleaner *c, const struct vf_cluster_conf *conf)
{
    vf_autoerror struct vf_error *why = NULL;
    struct vf_place *p = vf_place_open(c->conf, conf, c->asker, c->cancel, &why);
    if (p)
        *(struct vf_place **)vf_grow(&c->places, &c->n_places, sizeof *c->places) = p;
    else
        vf_strv_addf(&c->unreachable, "%s: %s", conf->name, vf_error_text(why));
}

struct vf_cleaner *vf_cleaner_open(const struct vf_conf *conf, char *const *clusters,
                                   const struct vf_asker *asker, struct vf_cancel *cancel,
                                   struct vf_error **err)
{
    for (char *const *name = clusters; name && *name; name++)
        if (!vf_conf_cluster(conf, *name, err))
            return NULL;
    struct vf_cleaner *c = vf_xcalloc(1, sizeof *c);
    *c = (struct vf_cleaner){
        .conf = conf, .asker = asker, .cancel = cancel, .unreachable = vf_strv_new()};
    for (size_t i = 0; i < conf->n_clusters; i++)
        /* on an ESXi host jobs put nothing, and nobody is asked for its password in vain */
        if (vf_streq(conf->clusters[i].type, "pve") &&
            (!clusters || !*clusters || vf_strv_has(clusters, conf->clusters[i].name)))
            open_place(c, &conf->clusters[i]);
    for (size_t i = 0; i < c->n_places; i++)
        vf_place_reach(c->places[i], &c->unreachable);
    return c;
}

char *const *vf_cleaner_unreachable(const struct vf_cleaner *c)
{
    return c->unreachable;
}

static void forget_left(struct vf_cleaner *c)
{
    for (size_t i = 0; i < c->n_left; i++) {
        free(c->left[i].cluster);
        free(c->left[i].host);
        free(c->left[i].job);
        free(c->left[i].what);
    }
    free(c->left);
    c->left = NULL;
    c->n_left = 0;
}

void vf_cleaner_free(struct vf_cleaner *c)
{
    if (!c)
        return;
    forget_left(c);
    for (size_t i = 0; i < c->n_places; i++)
        vf_place_free(c->places[i]);
    free(c->places);
    vf_strv_free(c->unreachable);
    free(c);
}

/* ---- looking ---- */

/* *MIGRATES: by the platform's own means, which may go on without the job. */
static enum vf_fate fate_of(const char *job, bool *migrates)
{
    vf_autofree char *dir = vf_job_dir(job);
    *migrates = false;
    if (access(dir, F_OK) < 0)
        return VF_FATE_UNKNOWN;
    if (vf_job_is_locked(dir, NULL, NULL))
        return VF_FATE_RUNNING;
    vf_auto(vf_journal_free) struct vf_journal *j = vf_journal_open(dir, true, NULL);
    if (!j)
        return VF_FATE_UNFINISHED;
    const struct vf_record *m = vf_journal_find(j, "migrate");
    *migrates = m && m->state == VF_REC_INTENT;
    const json_t *end = vf_journal_last(j, "end");
    return end && vf_json_int(end, "exit") != VF_EXIT_INTERRUPTED ? VF_FATE_OVER
                                                                  : VF_FATE_UNFINISHED;
}

static struct vf_leftover *add(struct vf_cleaner *c, enum vf_left_kind kind, const char *cluster,
                               const char *host, const char *job, const char *what)
{
    struct vf_leftover *l = vf_grow(&c->left, &c->n_left, sizeof *l);
    *l = (struct vf_leftover){.kind = kind,
                              .cluster = vf_strdup(cluster),
                              .host = host ? vf_strdup(host) : NULL,
                              .job = vf_strdup(job),
                              .what = vf_strdup(what)};
    return l;
}

static int look_for_records(struct vf_cleaner *c, const struct vf_place *p,
                            const struct vf_place_host *h, struct vf_error **err)
{
    struct vf_mirror *v = NULL;
    size_t n = 0;
    if (vf_mirror_list(h->ssh, &v, &n, err) < 0)
        return vf_fail_prefix(err, "%s", h->name);
    for (size_t i = 0; i < n; i++)
        add(c, VF_LEFT_RECORD, p->conf.name, h->name, v[i].job, v[i].dir)->held =
            v[i].holder.word == VF_MIRROR_OTHER;
    vf_mirrors_free(v, n);
    return 0;
}

static int look_at_host(struct vf_cleaner *c, const struct vf_place *p,
                        const struct vf_place_host *h, struct vf_error **err)
{
    struct vf_trace *v = NULL;
    size_t n = 0;
    if (vf_mover_traces(h->ssh, &v, &n, err) < 0)
        return vf_fail_prefix(err, "%s", h->name);
    for (size_t i = 0; i < n; i++)
        add(c, v[i].is_key ? VF_LEFT_KEY : VF_LEFT_HELPER, p->conf.name, h->name, v[i].job,
            v[i].path)
            ->pid = v[i].pid;
    vf_traces_free(v, n);
    return look_for_records(c, p, h, err);
}

static int look_for_tokens(struct vf_cleaner *c, const struct vf_place *p, struct vf_error **err)
{
    struct vf_provider *pve = p->job->source_pve;
    const char *user = pve->ops->password_user ? pve->ops->password_user(pve) : NULL;
    if (!user)
        return 0; /* a token sees no tokens, and makes none */
    vf_autostrv char **names = pve->ops->own_tokens(pve, token_prefix, err);
    if (!names)
        return -1;
    for (char **name = names; *name; name++) {
        vf_autofree char *what = vf_asprintf("%s!%s", user, *name);
        add(c, VF_LEFT_TOKEN, p->conf.name, NULL, *name + strlen(token_prefix), what);
    }
    return 0;
}

static int look_for_tests(struct vf_cleaner *c, const struct vf_place *p, struct vf_error **err)
{
    struct vf_provider *pve = p->job->source_pve;
    struct vf_vm **vms = NULL;
    size_t n = 0;
    if (pve->ops->vms(pve, &vms, &n, err) < 0)
        return -1;
    for (size_t i = 0; i < n; i++) {
        if (!vms[i]->name || !vf_ends(vms[i]->name, VF_TEST) || vms[i]->container)
            continue;
        /* one that is gone by now, or that this login may not read, is nobody's here */
        vf_autofree char *notes = pve->ops->notes(pve, vms[i]->id, NULL, NULL);
        vf_autofree char *job = notes ? vf_marker_find(notes) : NULL;
        vf_autofree char *what = vf_asprintf("%u (%s)", vms[i]->id, vms[i]->name);
        if (job)
            add(c, VF_LEFT_VM, p->conf.name, vms[i]->node, job, what);
    }
    vf_vms_free(vms, n);
    return 0;
}

static bool has_living_helper(const struct vf_cleaner *c, const char *job)
{
    for (size_t i = 0; i < c->n_left; i++)
        if (c->left[i].pid && vf_streq(c->left[i].job, job))
            return true;
    return false;
}

static bool is_held(const struct vf_cleaner *c, const char *job)
{
    for (size_t i = 0; i < c->n_left; i++)
        if (c->left[i].held && vf_streq(c->left[i].job, job))
            return true;
    return false;
}

static void judge(struct vf_cleaner *c, struct vf_leftover *l)
{
    bool migrates;
    l->fate = fate_of(l->job, &migrates);
    if (l->fate == VF_FATE_RUNNING)
        l->kept = _("the job runs");
    else if (l->kind == VF_LEFT_RECORD && l->fate == VF_FATE_UNFINISHED)
        l->kept = _("with it the job can go on from another machine");
    else if (l->fate == VF_FATE_UNKNOWN && is_held(c, l->job))
        l->kept = _("another machine works on the job");
    else if (l->kind == VF_LEFT_RECORD && l->fate == VF_FATE_UNKNOWN)
        l->kept = _("the job can go on with it: see vmferry resume --at, also for --forget");
    else if (l->kind == VF_LEFT_VM && l->fate == VF_FATE_UNKNOWN)
        l->kept =
            _("a test VM; its job is not known here, so remove it by hand if nobody needs it");
    else if (l->kind == VF_LEFT_VM)
        l->kept = _("a test VM; vmferry rollback of its job removes it");
    else if (l->fate == VF_FATE_UNKNOWN && has_living_helper(c, l->job))
        l->kept = _("its helper runs, perhaps for a job on another machine");
    else if (l->fate == VF_FATE_UNKNOWN && l->kind == VF_LEFT_TOKEN)
        l->kept = _("the job is not known here and may run on another machine");
    else if (l->kind == VF_LEFT_TOKEN && migrates)
        l->kept = _("Proxmox's migration may still be running with it");
}

int vf_cleaner_look(struct vf_cleaner *c, const struct vf_leftover **out, size_t *n,
                    struct vf_error **err)
{
    forget_left(c);
    for (size_t i = 0; i < c->n_places; i++) {
        const struct vf_place *p = c->places[i];
        for (size_t k = 0; k < p->n_hosts; k++)
            if (look_at_host(c, p, &p->hosts[k], err) < 0)
                return -1;
        if (look_for_tokens(c, p, err) < 0 || look_for_tests(c, p, err) < 0)
            return -1;
    }
    for (size_t i = 0; i < c->n_left; i++)
        judge(c, &c->left[i]);
    *out = c->left;
    *n = c->n_left;
    return 0;
}

/* ---- removing ---- */

static int remove_token(const struct vf_place *p, const struct vf_leftover *l,
                        struct vf_error **err)
{
    struct vf_provider *pve = p->job->source_pve;
    vf_autofree char *user = vf_strndup(l->what, strcspn(l->what, "!"));
    return pve->ops->remove_token(pve, user, l->what + strlen(user) + 1, err);
}

static int remove_one(struct vf_cleaner *c, const struct vf_leftover *l, struct vf_error **err)
{
    for (size_t i = 0; i < c->n_places; i++) {
        const struct vf_place *p = c->places[i];
        if (!vf_streq(p->conf.name, l->cluster))
            continue;
        if (l->kind == VF_LEFT_TOKEN)
            return remove_token(p, l, err);
        for (size_t k = 0; k < p->n_hosts; k++)
            if (vf_streq(p->hosts[k].name, l->host) && l->kind == VF_LEFT_RECORD)
                return vf_mirror_drop(p->hosts[k].ssh, l->job, NULL, NULL, err);
            else if (vf_streq(p->hosts[k].name, l->host))
                return vf_mover_cleanup(p->hosts[k].ssh, l->job, false, err) < 0
                           ? vf_fail_prefix(err, "%s", l->host)
                           : 0;
    }
    return 0;
}

int vf_cleaner_remove(struct vf_cleaner *c, struct vf_error **err)
{
    int failed = 0;
    for (size_t i = 0; i < c->n_left; i++) {
        const struct vf_leftover *l = &c->left[i];
        if (l->kept)
            continue;
        /* held while its things go, so that nobody goes on with the job just now */
        vf_autofree char *dir = vf_job_dir(l->job);
        vf_autoerror struct vf_error *why = NULL;
        vf_autofd int lock = l->fate == VF_FATE_UNKNOWN ? -1 : vf_job_lock(dir, &why);
        if ((l->fate != VF_FATE_UNKNOWN && lock < 0) || remove_one(c, l, &why) < 0) {
            vf_fail_with(err, VF_STEAL(why));
            failed = -1;
        }
    }
    return failed;
}
