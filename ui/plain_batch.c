/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Several jobs of a batch followed at once, as lines with the VM's name before them. */
#include "config.h"
#include "ui/plain_priv.h"
#include "ui/say.h"
#include "job/batch.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "base/i18n.h"
#include "base/str.h"

#include <stdio.h>
#include <unistd.h>

enum { LOOK_MS = 250 };

struct many {
    const char *id;
    struct vf_follow common;
    struct vf_batch_entry *entries; /* as they were first read: what names them */
    struct vf_follow *v;            /* of each */
    bool *old;                      /* of each: over before we came */
    bool *over;                     /* of each: shown to its end */
    size_t n;
    int64_t looked; /* ms */
    bool runs;      /* the batch's process is there */
    size_t waiting; /* not begun, and still to be */
    int interrupts;
    bool go; /* left running */
};

static bool is_open(const struct many *m, size_t i)
{
    return m->v[i].client && !m->over[i];
}

static void open_one(struct many *m, size_t i)
{
    vf_autoerror struct vf_error *err = NULL;
    m->v[i] = m->common;
    m->v[i].id = m->entries[i].job;
    m->v[i].vm = m->entries[i].vm;
    if (vf_follow_open(&m->v[i], &err) == 0)
        return;
    vf_plain_error(err);
    vf_follow_close(&m->v[i]);
    m->over[i] = true;
}

/* Which have begun since? FIRST: what is over by now is old news, unless ALL is to be shown. */
static int look(struct many *m, bool first, bool all, struct vf_error **err)
{
    struct vf_batch_entry *now;
    size_t n;
    if (vf_batch_read(m->id, &now, &n, &m->runs, err) < 0)
        return -1;
    m->looked = vf_clock_ms();
    m->waiting = 0;
    for (size_t i = 0; i < n && i < m->n; i++) {
        bool begun = now[i].state == VF_BATCH_RUNS || now[i].state == VF_BATCH_ENDED;
        m->waiting += now[i].state == VF_BATCH_WAITS;
        if (first)
            m->old[i] = !all && now[i].state == VF_BATCH_ENDED;
        if (now[i].state == VF_BATCH_RUNS)
            m->old[i] = false; /* it goes on */
        if (begun && !m->old[i] && !m->v[i].client && !m->over[i])
            open_one(m, i);
    }
    vf_batch_entries_free(now, n);
    return 0;
}

/* What has come of all that run. */
static void take(struct many *m)
{
    for (size_t i = 0; i < m->n; i++) {
        vf_autoerror struct vf_error *why = NULL;
        if (!is_open(m, i))
            continue;
        int r = vf_follow_take(&m->v[i], &why);
        if (r < 0)
            vf_follow_lost(&m->v[i], why);
        else if (r == 0)
            continue;
        vf_follow_wait_end(&m->v[i]);
        m->over[i] = true;
        m->looked = 0; /* another one may begin */
    }
}

static size_t count_open(const struct many *m)
{
    size_t n = 0;
    for (size_t i = 0; i < m->n; i++)
        n += is_open(m, i);
    return n;
}

static size_t count_left(const struct many *m)
{
    size_t n = 0;
    for (size_t i = 0; i < m->n; i++)
        n += m->over[i] && m->v[i].left;
    return n;
}

static void say_goes_on(const struct many *m)
{
    vf_say(stderr,
           _("The moves go on, and those that wait will begin. Come back with: vmferry "
             "attach %s\n"),
           m->id);
}

static void on_signal(struct many *m)
{
    int number = vf_follow_signal(m->common.signals);
    vf_autoerror struct vf_error *err = NULL;
    if (!number)
        return;
    m->go = number == SIGHUP || ++m->interrupts > 1;
    if (m->go && !vf_batch_is_stopped(m->id)) {
        say_goes_on(m);
    } else if (m->go) {
        vf_say(stderr, _("What runs is left to itself. Come back with: vmferry attach %s\n"),
               m->id);
    } else {
        vf_say(stderr, _("Stopping all of them; what a move did is put back (again: leave them to "
                         "themselves) ...\n"));
        if (vf_batch_cancel(m->id, &err) < 0)
            vf_plain_error(err);
    }
}

/* Until something comes, or it is time to look for jobs that have begun. */
static int await(struct many *m, struct vf_error **err)
{
    struct pollfd *p = vf_xcalloc(m->n + 1, sizeof *p);
    nfds_t n = 0;
    p[n++] = (struct pollfd){.fd = m->common.signals, .events = POLLIN};
    for (size_t i = 0; i < m->n; i++)
        if (is_open(m, i))
            p[n++] = (struct pollfd){.fd = vf_client_fd(m->v[i].client), .events = POLLIN};
    int64_t left = m->looked + LOOK_MS - vf_clock_ms();
    int r = vf_cancel_poll(NULL, p, n, left > 0 ? (int)left : 0, err);
    bool signalled = r > 0 && p[0].revents;
    free(p);
    if (signalled)
        on_signal(m);
    return r < 0 ? -1 : 0;
}

static int loop(struct many *m, bool all, struct vf_error **err)
{
    if (look(m, true, all, err) < 0)
        return -1;
    for (;;) {
        take(m);
        if (vf_clock_ms() - m->looked >= LOOK_MS && look(m, false, all, err) < 0)
            return -1;
        size_t open = count_open(m);
        if (!open && m->runs && count_left(m)) { /* the next begin when somebody has answered */
            say_goes_on(m);
            return 0;
        }
        if (!open && !m->runs) {
            if (m->waiting)
                vf_say(stderr, _("Nobody begins those that wait. Go on with: vmferry resume %s\n"),
                       m->id);
            return 0;
        }
        if (await(m, err) < 0)
            return -1;
        if (m->go)
            return 0;
    }
}

int vf_plain_follow_batch(const char *id, enum vf_progress_form form, struct vf_tty_cache *cache,
                          bool all, bool *stopped)
{
    vf_autoerror struct vf_error *err = NULL;
    struct many m = {.id = id,
                     .common = {.form = form, .cache = cache, .begun = vf_clock_ms(), .exit = -1}};
    if (vf_batch_read(id, &m.entries, &m.n, &m.runs, &err) < 0) {
        vf_plain_error(err);
        return -1;
    }
    m.v = vf_xcalloc(m.n, sizeof *m.v);
    m.over = vf_xcalloc(m.n, sizeof *m.over);
    m.old = vf_xcalloc(m.n, sizeof *m.old);
    sigset_t before;
    vf_autofd int signals = vf_follow_signals(&before);
    m.common.signals = signals;
    vf_tty_cache_rewind(cache);
    int r = loop(&m, all, &err);
    if (r < 0)
        vf_plain_error(err);
    vf_plain_heed(&before);
    for (size_t i = 0; i < m.n; i++)
        if (m.v[i].client)
            vf_follow_close(&m.v[i]);
    free(m.v);
    free(m.over);
    free(m.old);
    vf_batch_entries_free(m.entries, m.n);
    if (stopped)
        *stopped = m.interrupts > 0;
    return r;
}
