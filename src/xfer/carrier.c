/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "xfer/carrier.h"
#include "xfer/route.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"

#include <pthread.h>

enum {
    WAIT_MS = 200,
    MAX_TRIES = 200, /* without a byte more at the target than ever before: it will not work */
    MAX_DEAF = 2,    /* times that an owner lives but does not answer */
};

struct end {
    struct vf_ssh *ssh; /* NULL: not connected, or this machine */
    struct vf_mover_host *mover;
    unsigned deaf;
};

struct vf_carrier {
    char *job, *mover, *fetch;
    struct vf_cancel *cancel;
    const struct vf_carrier_ops *ops;
    void *opaque;
    struct end ends[2]; /* source, target */
    struct vf_route *route;
    struct vf_ssh **past; /* lost connections, which a relay's streams may have shared */
    size_t n_past;
    uint64_t epoch;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* under the lock */
    unsigned users;      /* copies that run */
    unsigned generation; /* of what is open */
    bool up;             /* as far as anybody knows */
    bool restoring;      /* by one thread, which alone uses the ends then */
    struct vf_error *given_up;
    int64_t worked_ms; /* awake */
    unsigned tries;    /* since more than ever was done */
    bool said_lost, quiet;
};

/* One copy's view of how it goes. */
struct ride {
    struct vf_carrier *c;
    const struct vf_progress *progress;
    struct vf_cancel *cancel;
    unsigned generation;
    uint64_t moved, best; /* bytes: all that was done; the furthest that it came */
    int64_t full_ms;      /* since the storage has been full; 0: it is not */
    int delay;
};

/* ---- opening and closing ---- */

struct vf_carrier *vf_carrier_new(const struct vf_carrier_opts *opts,
                                  const struct vf_carrier_ops *ops, void *opaque)
{
    struct vf_carrier *c = vf_xcalloc(1, sizeof *c);
    c->job = vf_strdup(opts->job);
    c->mover = opts->mover ? vf_strdup(opts->mover) : NULL;
    c->fetch = vf_strdup(opts->fetch);
    c->cancel = opts->cancel;
    c->ops = ops;
    c->opaque = opaque;
    pthread_mutex_init(&c->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&c->changed, &attr);
    pthread_condattr_destroy(&attr);
    return c;
}

static void close_route(struct vf_carrier *c)
{
    vf_route_free(VF_STEAL(c->route));
    while (c->n_past)
        vf_ssh_free(c->past[--c->n_past]);
    free(VF_STEAL(c->past));
}

static void close_movers(struct vf_carrier *c)
{
    close_route(c);
    for (int i = 0; i < 2; i++) {
        vf_mover_host_free(VF_STEAL(c->ends[i].mover));
        c->ends[i].deaf = 0;
    }
}

static void close_all(struct vf_carrier *c)
{
    close_movers(c);
    for (int i = 0; i < 2; i++)
        vf_ssh_free(VF_STEAL(c->ends[i].ssh));
}

void vf_carrier_free(struct vf_carrier *c)
{
    if (!c)
        return;
    close_all(c);
    pthread_mutex_destroy(&c->lock);
    pthread_cond_destroy(&c->changed);
    vf_error_free(c->given_up);
    free(c->job);
    free(c->mover);
    free(c->fetch);
    free(c);
}

void vf_carrier_leave(struct vf_carrier *c)
{
    if (c && c->route)
        vf_route_leave_key(c->route);
}

static int open_route(struct vf_carrier *c, struct vf_error **err)
{
    c->route = c->ops->route(c->opaque, c->ends[0].mover, c->ends[1].mover, err);
    return c->route ? 0 : -1;
}

/* The source's disks are fetched: the program that does it is here. */
static struct vf_mover_host *open_fetch(struct vf_carrier *c, struct vf_error **err)
{
    struct vf_fetch_login login = {0};
    struct vf_mover_opts o = {.job = c->job,
                              .epoch = c->epoch,
                              .mover = c->fetch,
                              .cancel = c->cancel,
                              .login = &login,
                              .note = c->ops->note,
                              .opaque = c->opaque};
    struct vf_mover_host *h =
        c->ops->fetch(c->opaque, &login, err) < 0 ? NULL : vf_mover_host_open(NULL, &o, err);
    vf_fetch_login_clear(&login);
    return h;
}

/* *OUT NULL: this machine. */
static int dial(struct vf_carrier *c, int i, struct vf_ssh **out, struct vf_error **err)
{
    *out = NULL;
    return c->fetch && i == 0 ? 0 : c->ops->dial(c->opaque, i, out, err);
}

/* New movers at both ends: they belong together, and outrank what is left of earlier ones. */
static int open_movers(struct vf_carrier *c, struct vf_error **err)
{
    if (c->ops->epoch(c->opaque, &c->epoch, err) < 0)
        return -1;
    struct vf_mover_opts o = {
        .job = c->job, .epoch = c->epoch, .mover = c->mover, .cancel = c->cancel};
    for (int i = 0; i < 2; i++) {
        bool fetches = c->fetch && i == 0;
        c->ends[i].mover =
            fetches ? open_fetch(c, err) : vf_mover_host_open(c->ends[i].ssh, &o, err);
        if (!c->ends[i].mover)
            return -1; /* the error names the host */
    }
    return open_route(c, err);
}

static int open_all(struct vf_carrier *c, struct vf_error **err)
{
    for (int i = 0; i < 2; i++)
        if (!c->ends[i].ssh && dial(c, i, &c->ends[i].ssh, err) < 0)
            return -1;
    return open_movers(c, err);
}

int vf_carrier_open(struct vf_carrier *c, struct vf_error **err)
{
    if (open_all(c, err) < 0) {
        close_all(c);
        return -1;
    }
    pthread_mutex_lock(&c->lock);
    c->up = true;
    c->worked_ms = vf_clock_awake_ms();
    pthread_mutex_unlock(&c->lock);
    return 0;
}

struct vf_ssh *vf_carrier_ssh(const struct vf_carrier *c, bool target)
{
    return c->ends[target].ssh;
}

const char *vf_carrier_mover(const struct vf_carrier *c)
{
    return c->ends[1].mover->mover;
}

unsigned vf_carrier_cores(const struct vf_carrier *c)
{
    const struct vf_mover_host *s = c->ends[0].mover, *t = c->ends[1].mover;
    return s->cores < t->cores ? s->cores : t->cores;
}

struct vf_route *vf_carrier_route(const struct vf_carrier *c)
{
    return c->route;
}

/* ---- making a connection again ---- */

static bool is_lost(const struct end *e)
{
    return !e->mover->session || vf_session_ended(e->mover->session);
}

/* A new session with the owner that was there: 1; 0 when there must be new ones. */
static int find_again(struct vf_carrier *c, int i, struct vf_error **err)
{
    struct end *e = &c->ends[i];
    struct vf_ssh *ssh;
    if (dial(c, i, &ssh, err) < 0)
        return -1;
    vf_autoerror struct vf_error *why = NULL;
    int r = vf_mover_host_attach(e->mover, ssh, c->epoch, &why);
    if (e->ssh) /* not before the route, whose children count on it */
        *(struct vf_ssh **)vf_grow(&c->past, &c->n_past, sizeof *c->past) = e->ssh;
    e->ssh = ssh;
    if (r < 0 && ++e->deaf < MAX_DEAF)
        return vf_fail_with(err, VF_STEAL(why));
    if (r < 0)
        vf_info("carrier", "%s; starting anew there", vf_error_text(why));
    if (r == 1)
        e->deaf = 0;
    return r == 1;
}

static int reconnect(struct vf_carrier *c, struct vf_error **err)
{
    bool missing = !c->ends[0].mover || !c->ends[1].mover, were_lost = false;
    for (int i = 0; i < 2; i++) {
        if (!c->ends[i].mover || !is_lost(&c->ends[i]))
            continue;
        were_lost = true;
        int r = find_again(c, i, err);
        if (r < 0)
            return -1;
        missing = missing || r == 0;
    }
    if (missing) {
        /* whoever is still there is told to end, by connections that work */
        close_movers(c);
        return open_all(c, err) < 0 ? (close_all(c), -1) : 0;
    }
    /* movers that were only out of sight still have their route, or say that it broke */
    if (were_lost && c->route)
        return 0;
    close_route(c);
    return open_route(c, err);
}

static void say_lost(struct vf_carrier *c, const struct vf_error *why)
{
    if (!c->said_lost)
        c->ops->lost(c->opaque, why, vf_clock_limit(VF_T_RECONNECT));
    c->said_lost = true;
}

static int64_t time_left(const struct vf_carrier *c)
{
    return c->worked_ms + vf_clock_limit(VF_T_RECONNECT) - vf_clock_awake_ms();
}

static int give_up(const struct vf_error *why, struct vf_error **err)
{
    vf_autofree char *span = vf_format_duration(vf_clock_limit(VF_T_RECONNECT) / 1000.0);
    return vf_fail(err, vf_error_code(why), "given up after %s: %s", span, vf_error_text(why));
}

static int pause_before(int *delay, struct vf_cancel *cancel, struct vf_error **err)
{
    if (vf_cancel_sleep(cancel, *delay, err) < 0)
        return -1;
    int most = vf_clock_limit(VF_T_RETRY_MOST);
    *delay = 2 * *delay < most ? 2 * *delay : most;
    return 0;
}

/* By the one thread that restores. */
static int bring_back(struct vf_carrier *c, const struct vf_error *lost, struct vf_cancel *cancel,
                      struct vf_error **err)
{
    vf_autoerror struct vf_error *why = vf_error_copy(lost);
    int delay = vf_clock_limit(VF_T_RETRY);
    if (!c->quiet)
        say_lost(c, why);
    for (;;) {
        if (time_left(c) <= 0 || c->tries++ > MAX_TRIES)
            return give_up(why, err);
        if (pause_before(&delay, cancel, err) < 0)
            return -1;
        vf_error_free(VF_STEAL(why));
        if (reconnect(c, &why) == 0 && c->ops->ready(c->opaque, &why) == 0)
            break;
        vf_info("carrier", "%s", vf_error_text(why));
        if (!vf_error_is_transient(why))
            return vf_fail_with(err, VF_STEAL(why));
        say_lost(c, why);
    }
    if (c->said_lost)
        c->ops->back(c->opaque);
    c->said_lost = false;
    c->quiet = true; /* until something has worked: it is the same outage */
    return 0;
}

/* ---- copies ---- */

/* Under the lock; false when CANCEL has fired. */
static bool wait_changed(struct vf_carrier *c, struct vf_cancel *cancel)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += WAIT_MS * 1000000L;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_cond_timedwait(&c->changed, &c->lock, &until);
    return !vf_cancel_fired(cancel);
}

/* Waits until it is up, and holds it. */
static int take(struct ride *r, struct vf_error **err)
{
    struct vf_carrier *c = r->c;
    bool good = true;
    pthread_mutex_lock(&c->lock);
    while (good && !c->up && !c->given_up)
        good = wait_changed(c, r->cancel);
    struct vf_error *why = vf_error_copy(c->given_up);
    if (good && !why) {
        c->users++;
        r->generation = c->generation;
    }
    pthread_mutex_unlock(&c->lock);
    if (why)
        return vf_fail_with(err, why);
    return good ? 0 : vf_cancel_check(r->cancel, err);
}

static void give(struct ride *r, bool broken)
{
    struct vf_carrier *c = r->c;
    const struct vf_progress *p = r->progress;
    uint64_t moved = p->sent + p->zero + p->same + p->committed, done = p->done;
    pthread_mutex_lock(&c->lock);
    c->users--;
    if (broken && c->generation == r->generation)
        c->up = false;
    if (moved != r->moved) {
        c->worked_ms = vf_clock_awake_ms();
        c->quiet = false;
    }
    if (done > r->best) {
        c->tries = 0;
        r->full_ms = 0;
        r->best = done;
    }
    r->moved = moved;
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->lock);
}

/* After WHY, sees to it that it is up again, or waits for the thread that does. */
static int restore(struct ride *r, const struct vf_error *why, struct vf_error **err)
{
    struct vf_carrier *c = r->c;
    pthread_mutex_lock(&c->lock);
    /* the others notice for themselves, and let go */
    bool good = true, mine = false;
    while (good && c->generation == r->generation && !c->given_up &&
           !(mine = !c->restoring && !c->users))
        good = wait_changed(c, r->cancel);
    mine = mine && good && c->generation == r->generation && !c->given_up;
    if (mine)
        c->restoring = true;
    pthread_mutex_unlock(&c->lock);
    if (!mine)
        return good ? 0 : vf_cancel_check(r->cancel, err);
    vf_autoerror struct vf_error *e = NULL;
    int result = bring_back(c, why, r->cancel, &e);
    pthread_mutex_lock(&c->lock);
    c->restoring = false;
    if (result == 0) {
        c->generation++;
        c->up = true;
    } else if (!vf_cancel_fired(r->cancel)) {
        c->given_up = vf_error_copy(e);
    }
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->lock);
    return result < 0 ? vf_fail_with(err, VF_STEAL(e)) : 0;
}

/* There is no room at the target; that may change. */
static int wait_for_room(struct ride *r, const struct vf_error *why, struct vf_error **err)
{
    struct vf_carrier *c = r->c;
    int64_t now = vf_clock_awake_ms();
    int limit = vf_clock_limit(VF_T_RECONNECT);
    if (!r->full_ms) {
        r->full_ms = now;
        r->delay = vf_clock_limit(VF_T_RETRY);
        c->ops->full(c->opaque, why, limit);
    }
    if (now - r->full_ms > limit)
        return give_up(why, err);
    if (pause_before(&r->delay, r->cancel, err) < 0)
        return -1;
    vf_autoerror struct vf_error *e = NULL;
    if (c->ops->ready(c->opaque, &e) < 0 && !vf_error_is_transient(e))
        return vf_fail_with(err, VF_STEAL(e));
    return 0;
}

/* Between copies nobody looks, and an operator's word may be waited for for hours: an outage does
 * not last since then. */
static void begin(struct vf_carrier *c)
{
    pthread_mutex_lock(&c->lock);
    if (c->up)
        c->worked_ms = vf_clock_awake_ms();
    pthread_mutex_unlock(&c->lock);
}

int vf_carrier_copy(struct vf_carrier *c, struct vf_copy *copy, const struct vf_progress *progress,
                    struct vf_cancel *cancel, struct vf_copy_result *out, struct vf_error **err)
{
    struct ride r = {.c = c, .progress = progress, .cancel = cancel};
    begin(c);
    for (;;) {
        vf_autoerror struct vf_error *e = NULL;
        if (take(&r, err) < 0)
            return -1;
        int result = vf_copy_run(copy, c->route, out, &e);
        bool broken = result < 0 && vf_error_is_transient(e);
        give(&r, broken);
        if (result == 0)
            return 0;
        if (broken)
            result = restore(&r, e, err);
        else if (vf_copy_is_full(copy))
            result = wait_for_room(&r, e, err);
        else
            return vf_fail_with(err, VF_STEAL(e));
        if (result < 0)
            return -1;
    }
}
