/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "job/survey_priv.h"
#include "job/vouch.h"
#include "base/log.h"
#include "base/queue.h"
#include "base/str.h"
#include "base/thread.h"

#include <pthread.h>
#include <stdlib.h>

/* A cluster that was looked at: the login is kept. The provider borrows CONF: it never moves. */
struct door {
    struct vf_cluster_conf conf; /* shallow */
    char *ca, **fingerprints;
    struct vf_provider *provider;
};

struct vf_survey {
    const struct vf_conf *conf;
    struct vf_asker asker;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct vf_survey_job *waiting; /* the newest that nobody has begun */
    struct vf_cancel *running;     /* of what is being looked up */
    bool ending;
    unsigned numbers;
    struct vf_queue *answers;
    struct door **doors; /* the thread's own */
    size_t n_doors;
};

/* ---- questions ---- */

static void free_job(struct vf_survey_job *q)
{
    if (!q)
        return;
    free(q->cluster);
    free(q->node);
    free(q->job);
    vf_plan_free(q->plan);
    vf_vms_free(q->vms, q->n_vms);
    vf_strv_free(q->texts);
    vf_cancel_free(q->cancel);
    free(q);
}

static const char *keep(struct vf_survey_job *q, const char *text)
{
    if (!text)
        return NULL;
    vf_strv_add(&q->texts, text);
    return q->texts[vf_strv_len(q->texts) - 1];
}

/* Of VMS (all that a list has of them) what it takes to look at them. */
static void keep_vms(struct vf_survey_job *q, struct vf_vm *const *vms, size_t n)
{
    for (size_t i = 0; i < n; i++)
        *(struct vf_vm **)vf_grow(&q->vms, &q->n_vms, sizeof *vms) = vf_vm_copy(vms[i]);
}

static void keep_move(struct vf_survey_job *q, const struct vf_move *m)
{
    const char **texts[] = {&q->move.source, &q->move.target, &q->move.node,  &q->move.storage,
                            &q->move.vm,     &q->move.mac,    &q->move.format};
    q->move = *m;
    for (size_t i = 0; i < VF_COUNT(texts); i++)
        *texts[i] = keep(q, *texts[i]);
    for (size_t i = 0; i < m->n_bridges; i++)
        q->move.bridges[i] = keep(q, m->bridges[i]);
}

/* Under the lock. */
static void drop_all(struct vf_survey *s)
{
    free_job(VF_STEAL(s->waiting));
    if (s->running)
        vf_cancel_fire(s->running, "something else is looked at");
}

unsigned vf_survey_ask(struct vf_survey *s, const struct vf_survey_question *q)
{
    struct vf_survey_job *new = vf_xcalloc(1, sizeof *new);
    new->kind = q->kind;
    new->cluster = vf_strdup(q->cluster);
    new->node = vf_strdup(q->node);
    new->texts = vf_strv_new();
    new->cancel = vf_cancel_new(NULL);
    new->job = vf_strdup(q->job);
    new->measure = q->measure;
    new->plan = q->plan ? vf_plan_copy(q->plan) : NULL;
    keep_vms(new, q->vms, q->n_vms);
    if (q->move)
        keep_move(new, q->move);
    pthread_mutex_lock(&s->lock);
    new->conf = q->conf ? q->conf : s->conf;
    unsigned number = new->number = ++s->numbers;
    drop_all(s);
    s->waiting = new;
    pthread_cond_signal(&s->changed);
    pthread_mutex_unlock(&s->lock);
    return number;
}

void vf_survey_use(struct vf_survey *s, const struct vf_conf *conf)
{
    pthread_mutex_lock(&s->lock);
    s->conf = conf;
    pthread_mutex_unlock(&s->lock);
}

void vf_survey_cancel(struct vf_survey *s)
{
    pthread_mutex_lock(&s->lock);
    drop_all(s);
    pthread_mutex_unlock(&s->lock);
}

/* ---- looking ---- */

static void close_door(struct door *d)
{
    vf_provider_free(d->provider);
    free(d->ca);
    vf_strv_free(d->fingerprints);
    free(d);
}

static struct vf_provider *open_door(struct vf_survey *s, const struct vf_survey_job *q,
                                     const char *cluster, struct vf_seen_login *login,
                                     struct vf_error **err)
{
    for (size_t i = 0; i < s->n_doors; i++)
        if (vf_streq(s->doors[i]->conf.name, cluster)) {
            s->doors[i]->provider->ops->set_cancel(s->doors[i]->provider, q->cancel);
            return s->doors[i]->provider;
        }
    const struct vf_cluster_conf *c = vf_conf_cluster(q->conf, cluster, err);
    if (!c)
        return NULL;
    struct door *d = vf_xcalloc(1, sizeof *d);
    d->conf = *c;
    if (q->kind == VF_SURVEY_LOGIN)
        d->provider = vf_survey_greet(&d->conf, &s->asker, q->cancel, &d->fingerprints, login, err);
    else
        d->provider = vf_open_vouched(&d->conf, true, &s->asker, q->cancel, &d->ca, err);
    if (!d->provider) {
        close_door(d);
        return NULL;
    }
    *(struct door **)vf_grow(&s->doors, &s->n_doors, sizeof d) = d;
    return d->provider;
}

/* A login that failed is not kept: the next look begins with a new one. */
static void close_doors(struct vf_survey *s)
{
    for (size_t i = 0; i < s->n_doors; i++)
        close_door(s->doors[i]);
    s->n_doors = 0;
}

/* A login is tried anew even when there is one: it is another form that was filled in. */
static void forget_door(struct vf_survey *s, const char *cluster)
{
    for (size_t i = 0; i < s->n_doors; i++)
        if (vf_streq(s->doors[i]->conf.name, cluster)) {
            close_door(s->doors[i]);
            s->doors[i] = s->doors[--s->n_doors];
            return;
        }
}

/* What of it fails is not known, which is no error. */
static int measure(struct vf_survey *s, const struct vf_survey_job *q, struct vf_prepared *p,
                   struct vf_error **err)
{
    vf_autoerror struct vf_error *why = NULL, *slow = NULL;
    if (vf_check_hosts(q->conf, p, &s->asker, q->cancel, &why) < 0)
        vf_info("survey", "hosts: %s", vf_error_text(why));
    if (vf_forecast(q->conf, p, &s->asker, q->cancel, &slow) < 0)
        vf_info("survey", "forecast: %s", vf_error_text(slow));
    return vf_cancel_check(q->cancel, err);
}

/* What else of the target could be chosen: where that cannot be seen, the checks say so. */
static int look_plan(struct vf_survey *s, const struct vf_survey_job *q, struct vf_survey_answer *a,
                     struct vf_error **err)
{
    int r = q->plan ? vf_prepare_plan(q->conf, q->plan, &s->asker, q->cancel, &a->prepared, err)
                    : vf_prepare(q->conf, &q->move, &s->asker, q->cancel, &a->prepared, err);
    if (r < 0 || (q->measure && a->prepared.plan && measure(s, q, &a->prepared, err) < 0))
        return -1;
    vf_autoerror struct vf_error *why = NULL;
    struct vf_provider *p =
        open_door(s, q, q->plan ? q->plan->target : q->move.target, &a->login, &why);
    if (!p || vf_survey_places(p, q->plan ? q->plan->target_node : q->move.node, a, &why) < 0)
        vf_info("survey", "places of the target: %s", vf_error_text(why));
    return 0;
}

static int look(struct vf_survey *s, const struct vf_survey_job *q, struct vf_survey_answer *a,
                struct vf_error **err)
{
    if (q->kind == VF_SURVEY_STANDING)
        return vf_job_look(q->job, &s->asker, &a->standing, err);
    if (q->kind == VF_SURVEY_LOGIN)
        forget_door(s, q->cluster);
    bool plan = q->kind == VF_SURVEY_PLAN;
    struct vf_provider *p = plan ? NULL : open_door(s, q, q->cluster, &a->login, err);
    int r = plan                            ? look_plan(s, q, a, err)
            : !p                            ? -1
            : q->kind == VF_SURVEY_OUTLINES ? vf_survey_outlines(p, q, s->answers, err)
            : vf_survey_looks[q->kind]      ? vf_survey_looks[q->kind](p, q, a, err)
                                            : 0;
    for (size_t i = 0; i < s->n_doors; i++)
        s->doors[i]->provider->ops->set_cancel(s->doors[i]->provider, NULL);
    return r;
}

static struct vf_survey_job *next_question(struct vf_survey *s)
{
    pthread_mutex_lock(&s->lock);
    while (!s->waiting && !s->ending)
        pthread_cond_wait(&s->changed, &s->lock);
    struct vf_survey_job *q = s->ending ? NULL : VF_STEAL(s->waiting);
    s->running = q ? q->cancel : NULL;
    pthread_mutex_unlock(&s->lock);
    return q;
}

static void *survey_main(void *arg)
{
    struct vf_survey *s = arg;
    struct vf_survey_job *q;
    while ((q = next_question(s))) {
        struct vf_survey_answer *a = vf_xcalloc(1, sizeof *a);
        a->number = q->number;
        a->kind = q->kind;
        /* what was only cancelled is still logged in */
        if (look(s, q, a, &a->error) < 0 && vf_error_code(a->error) != VF_E_CANCELLED)
            close_doors(s);
        vf_queue_push(s->answers, a);
        pthread_mutex_lock(&s->lock);
        s->running = NULL;
        pthread_mutex_unlock(&s->lock);
        free_job(q);
    }
    close_doors(s);
    return NULL;
}

/* ---- answers ---- */

void vf_seen_vm_clear(struct vf_seen_vm *v)
{
    vf_vm_free(v->vm);
    free(v->why);
    free(v->job);
    *v = (struct vf_seen_vm){0};
}

void vf_survey_answer_free(struct vf_survey_answer *a)
{
    if (!a)
        return;
    vf_error_free(a->error);
    vf_vms_free(a->vms, a->n_vms);
    for (size_t i = 0; i < a->n_nodes; i++)
        free(a->nodes[i].name);
    for (size_t i = 0; i < a->n_storages; i++) {
        free(a->storages[i].name);
        free(a->storages[i].type);
        vf_strv_free(a->storages[i].formats);
    }
    vf_seen_vm_clear(&a->outline);
    free(a->login.user);
    free(a->login.fingerprint);
    free(a->login.way);
    free(a->way);
    vf_standing_clear(&a->standing);
    free(a->nodes);
    free(a->storages);
    vf_strv_free(a->bridges);
    vf_prepared_free(&a->prepared);
    free(a);
}

static void free_answer(void *a)
{
    vf_survey_answer_free(a);
}

int vf_survey_fd(const struct vf_survey *s)
{
    return vf_queue_fd(s->answers);
}

struct vf_survey_answer *vf_survey_next(struct vf_survey *s)
{
    return vf_queue_pop(s->answers);
}

/* ---- beginning and end ---- */

struct vf_survey *vf_survey_new(const struct vf_conf *conf, const struct vf_asker *asker)
{
    struct vf_survey *s = vf_xcalloc(1, sizeof *s);
    s->conf = conf;
    s->asker = *asker;
    s->answers = vf_queue_new();
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->changed, NULL);
    if (vf_thread_start(&s->thread, survey_main, s) != 0)
        abort(); /* like memory: nothing to be done */
    return s;
}

void vf_survey_free(struct vf_survey *s)
{
    if (!s)
        return;
    pthread_mutex_lock(&s->lock);
    s->ending = true;
    drop_all(s);
    pthread_cond_signal(&s->changed);
    pthread_mutex_unlock(&s->lock);
    pthread_join(s->thread, NULL);
    vf_queue_free(s->answers, free_answer);
    free(s->doors);
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->changed);
    free(s);
}
