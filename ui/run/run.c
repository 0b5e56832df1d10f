/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The loop of running jobs on the screen: one, or several with a list of them. */
#include "config.h"
#include "ui/run/run.h"
#include "ui/plain.h"
#include "ui/run/run_priv.h"
#include "ui/run/overview.h"
#include "ui/say.h"
#include "base/clock.h"
#include "base/i18n.h"
#include "base/str.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { REDRAW_MS = 250, TICK_MS = 1000, END_WAIT_MS = 5000 };

/* What is on the terminal: a job, or several with a list of them. */
struct desk {
    struct vf_screen *screen;
    struct run *run;              /* the one; NULL: OVERVIEW */
    struct vf_overview *overview; /* of several; NULL: RUN */
    bool left;                    /* the screen is to be closed */
    int64_t drawn;                /* ms */
};

static struct run *front_run(struct desk *d)
{
    return d->overview ? vf_overview_opened(d->overview) : d->run;
}

static void draw(struct desk *d, bool whole)
{
    vf_auto(vf_canvas_free) struct vf_canvas *c = vf_screen_canvas(d->screen);
    struct run *r = front_run(d);
    vf_autofree char *notice = d->overview ? vf_overview_notice(d->overview) : NULL;
    vf_autofree char *title = r ? vf_run_title(r) : vf_overview_title(d->overview);
    if (r)
        vf_run_show(r, c, notice);
    else
        vf_overview_show(d->overview, c);
    vf_screen_title(d->screen, title);
    vf_screen_show(d->screen, c, whole);
    d->drawn = vf_clock_ms();
}

/* Takes in what all jobs have said. */
static void take(struct desk *d)
{
    bool ring = false;
    if (d->overview)
        ring = vf_overview_take(d->overview);
    if (d->run) {
        vf_run_take(d->run);
        vf_watch_tick(&d->run->watch, vf_clock_ms());
        ring = d->run->ring;
        d->run->ring = false;
    }
    if (ring)
        vf_screen_bell(d->screen);
}

static void on_key(struct desk *d, int key)
{
    if (d->overview) {
        d->left = vf_overview_key(d->overview, key);
        return;
    }
    vf_run_key(d->run, key);
    d->left = d->run->left || d->run->over;
}

/* Room for what is polled: the terminal, its signals, every job. */
static size_t fill(struct desk *d, struct pollfd *p, size_t max)
{
    p[0] = (struct pollfd){.fd = STDIN_FILENO, .events = POLLIN};
    p[1] = (struct pollfd){.fd = vf_screen_signals(d->screen), .events = POLLIN};
    if (d->overview)
        return 2 + vf_overview_poll(d->overview, p + 2, max - 2);
    p[2] = (struct pollfd){.fd = d->run->watch.end ? -1 : vf_client_fd(d->run->client),
                           .events = POLLIN};
    return 3;
}

static int loop(struct desk *d, struct vf_error **err)
{
    struct pollfd p[2 + VF_OVERVIEW_MOST];
    while (!d->left) {
        take(d);
        draw(d, false);
        size_t n = fill(d, p, VF_COUNT(p));
        if (vf_cancel_poll(NULL, p, n, TICK_MS, err) < 0)
            return -1;
        /* told to go, or the terminal is lost: the jobs stay */
        if ((p[1].revents && !vf_screen_hear(d->screen)) || (p[0].revents & (POLLHUP | POLLERR)))
            break;
        bool typed = false;
        for (int key; !d->left && (key = vf_screen_key(d->screen)) != VF_KEY_NONE; typed = true) {
            on_key(d, key);
            if (key == VF_KEY_REDRAW)
                draw(d, true);
        }
        /* progress comes four times a second: that is drawn, and no more */
        int64_t rest = REDRAW_MS - (vf_clock_ms() - d->drawn);
        if (!typed && !p[1].revents && rest > 0)
            vf_cancel_poll(NULL, p, 2, (int)rest, NULL);
    }
    return 0;
}

/* ---- before and after ---- */

static int farewell(struct run *r)
{
    if (!r->watch.end) {
        vf_say(stderr, _("The job goes on. Come back with: vmferry attach %s\n"), r->id);
        return VF_EXIT_INTERRUPTED;
    }
    vf_autofree char *text = vf_result_report(r->watch.end);
    vf_say(stdout, "%s", text);
    vf_client_wait_end(r->client, END_WAIT_MS);
    return (int)vf_json_int(r->watch.end, "exit");
}

/* What is on D until that is over or left; -1 with *ERR: there is no screen. */
static int sit(struct desk *d, const struct vf_screen_opts *opts, struct vf_error **err)
{
    vf_autoerror struct vf_error *why = NULL;
    d->screen = vf_screen_open(opts, err);
    if (!d->screen)
        return -1;
    if (loop(d, &why) < 0)
        d->left = true;
    vf_screen_close(d->screen);
    if (why)
        vf_plain_error(why);
    return 0;
}

int vf_run_follow(const char *id, const struct vf_screen_opts *opts, struct vf_tty_cache *cache,
                  struct vf_error **err)
{
    struct desk d = {.run = vf_run_new(id, cache, err)};
    int code = d.run && sit(&d, opts, err) == 0 ? farewell(d.run) : -1;
    vf_run_free(d.run);
    return code;
}

int vf_run_batch(const char *id, const struct vf_screen_opts *opts, struct vf_tty_cache *cache,
                 struct vf_error **err)
{
    struct desk d = {.overview = vf_overview_new(id, cache, err)};
    int code = d.overview && sit(&d, opts, err) == 0 ? vf_overview_farewell(d.overview) : -1;
    vf_overview_free(d.overview);
    return code;
}
