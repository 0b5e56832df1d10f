/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "ui/run/draw.h"
#include "ui/say.h"
#include "base/clock.h"
#include "base/i18n.h"
#include "base/str.h"

#include <string.h>

enum {
    MARGIN = 1,
    NAME_COLS = 8, /* at least */
    BAR_MIN = 10,
    BAR_MAX = 30,
    MIN_NOTES = 3,
};

static char *clock_text(int64_t seconds)
{
    if (seconds < 0)
        seconds = 0;
    return vf_asprintf("%lld:%02d:%02d", (long long)seconds / 3600, (int)(seconds / 60 % 60),
                       (int)(seconds % 60));
}

/* ---- parts, from top to bottom; each returns the row behind it ---- */

static int draw_title(const struct vf_run_view *v, struct vf_canvas *c)
{
    const struct vf_watch *w = v->watch;
    vf_autofree char *from =
        vf_asprintf("vmferry  %s: %s", w->vm ? w->vm : "?", w->source ? w->source : "?");
    vf_autofree char *to = vf_asprintf(" -> %s", w->target ? w->target : "?");
    vf_canvas_blank(c, 0, 0, c->cols, VF_LOOK_TITLE);
    int n = vf_canvas_put_way(c, 0, MARGIN, c->cols - 2 * MARGIN, VF_LOOK_TITLE, from, to);
    if (w->job && vf_text_columns(w->job) + n + 4 < c->cols)
        vf_canvas_put_right(c, 0, c->cols - MARGIN, VF_LOOK_TITLE, w->job);
    return 2;
}

/* "elapsed 0:01:35"; NULL: it is over, or has not begun. Caller frees. */
static char *elapsed_text(const struct vf_run_view *v)
{
    const struct vf_watch *w = v->watch;
    vf_autofree char *time = clock_text(v->unix_now - w->began);
    return w->began && !w->end ? vf_asprintf(_("elapsed %s"), time) : NULL;
}

/* For how long the VM is down; NULL: it is not, or it is over. Caller frees. */
static char *down_text(const struct vf_run_view *v)
{
    const struct vf_watch *w = v->watch;
    vf_autofree char *time = clock_text(v->unix_now - w->down_since);
    return w->down_since && !w->end ? vf_asprintf(_("VM down for %s"), time) : NULL;
}

/* What goes on now, and for how long; how the job ended. */
static int draw_state(const struct vf_run_view *v, struct vf_canvas *c, int row)
{
    const struct vf_watch *w = v->watch;
    const struct vf_watch_step *s = vf_watch_current(w);
    const char *title = s && s->title ? s->title : _("Starting");
    int end = c->cols - MARGIN;
    vf_autofree char *since = down_text(v);
    int need = vf_text_columns(title) + 2 + (since ? vf_text_columns(since) + 2 : 0);
    vf_autofree char *clock = elapsed_text(v);
    /* in a narrow row what goes on, and for how long the VM is down, are more */
    if (clock && (!since || need + vf_text_columns(clock) <= end - MARGIN))
        end = vf_canvas_put_right(c, row, end, VF_LOOK_TEXT, clock) - 2;
    if (since)
        end = vf_canvas_put_right(c, row, end, VF_LOOK_WARN, since) - 2;
    if (w->end) {
        bool good = vf_json_int(w->end, "exit") == 0;
        vf_canvas_put(c, row, MARGIN, end - MARGIN, good ? VF_LOOK_GOOD : VF_LOOK_BAD,
                      good ? _("Done") : _("The job has ended without success"));
    } else if (w->ask) {
        vf_canvas_put(c, row, MARGIN, end - MARGIN, VF_LOOK_WARN, _("Waiting for an answer"));
    } else if (w->paused) {
        vf_canvas_print(c, row, MARGIN, end - MARGIN, VF_LOOK_WARN, _("PAUSED: %s"), title);
    } else {
        vf_canvas_put(c, row, MARGIN, end - MARGIN, VF_LOOK_STRONG, title);
    }
    return row + 2;
}

static double part_of(const struct vf_watch_copy *d)
{
    return d->total ? (double)d->done / (double)d->total : 0;
}

/* What is done with a disk now, for people. */
static const char *stage_text(const struct vf_watch_copy *d)
{
    static const struct {
        const char *stage, *text;
    } stages[] = {{"prepare", N_("preparing")},
                  {"copy", N_("copying")},
                  {"flush", N_("flushing")},
                  {"verify", N_("reading back")},
                  {"finish", N_("finishing")}};
    for (size_t i = 0; d->stage && i < VF_COUNT(stages); i++)
        if (vf_streq(d->stage, stages[i].stage))
            return _(stages[i].text);
    return d->over && d->total && d->done >= d->total ? _("copied") : NULL;
}

/* "3 min 20 s left"; NULL: nobody knows. Caller frees. */
static char *left_text(const struct vf_watch_copy *d)
{
    vf_autofree char *left = d->left > 0 ? vf_format_duration((double)d->left) : NULL;
    return left ? vf_asprintf(_("about %s left"), left) : NULL;
}

/* Columns for the names of disks: the longest is "tpmstate0". */
static int name_cols(const struct vf_watch *w)
{
    int most = NAME_COLS;
    for (size_t i = 0; i < w->n_disks; i++)
        if (vf_text_columns(w->disks[i].name) + 1 > most)
            most = vf_text_columns(w->disks[i].name) + 1;
    return most;
}

/* What there is room for of the N TEXTS (freed; NULL: none), from the first on, two blanks between
 * them, in the columns from COL to END. */
static void put_parts(struct vf_canvas *c, int row, int col, int end, char **texts, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int width = texts[i] ? vf_text_columns(texts[i]) : 0;
        if (width && col + width <= end)
            col += vf_canvas_put(c, row, col, end - col, VF_LOOK_FAINT, texts[i]) + 2;
        free(texts[i]);
    }
}

/* "LABEL 1.2 GiB" of AMOUNT (freed); NULL when there is none. Caller frees. */
static char *labelled(const char *label, char *amount)
{
    vf_autofree char *text = amount;
    return text ? vf_asprintf("%s %s", label, text) : NULL;
}

static char *bytes_text(const char *label, uint64_t n)
{
    return labelled(label, n ? vf_format_bytes(n) : NULL);
}

static char *rate_text(const char *label, uint64_t n)
{
    return labelled(label, n ? vf_format_rate(n) : NULL);
}

/* NAMES: columns for its name. RATE: also how fast it goes. */
static void draw_copy(const struct vf_watch_copy *d, const char *name, int names, bool rate,
                      struct vf_canvas *c, int row)
{
    int col = MARGIN, end = c->cols - MARGIN;
    const char *stage = stage_text(d);
    vf_autofree char *done = vf_format_bytes(d->done), *total = vf_format_bytes(d->total);
    vf_autofree char *size = vf_asprintf(_("%s of %s"), done, total);
    vf_canvas_put(c, row, col, names - 1, VF_LOOK_STRONG, name);
    col += names;
    int bar = (c->cols - names) / 3 - 4;
    bar = bar < BAR_MIN ? BAR_MIN : bar > BAR_MAX ? BAR_MAX : bar;
    vf_canvas_bar(c, row, col, bar, part_of(d));
    col += bar + 1;
    vf_canvas_print(c, row, col, end - col, VF_LOOK_TEXT, "%3d %%", (int)(part_of(d) * 100));
    col += 7;
    col += vf_canvas_put(c, row, col, end - col, VF_LOOK_TEXT, size) + 2;
    char *parts[] = {stage ? vf_strdup(stage) : NULL,
                     !rate || d->over || !d->rate ? NULL : vf_format_rate(d->rate)};
    put_parts(c, row, col, end, parts, VF_COUNT(parts));
}

/* The second line of a disk. */
static void draw_detail(const struct vf_watch_copy *d, int names, struct vf_canvas *c, int row)
{
    char *parts[] = {bytes_text(_("zeroes skipped"), d->zero),
                     bytes_text(_("there already"), d->same), d->over ? NULL : left_text(d),
                     rate_text(_("average"), d->average), bytes_text(_("on the network"), d->wire)};
    put_parts(c, row, MARGIN + names, c->cols - MARGIN, parts, VF_COUNT(parts));
}

static int draw_rates(const struct vf_run_view *v, struct vf_canvas *c, int row)
{
    const struct vf_watch *w = v->watch;
    int end = c->cols - MARGIN, stalled = vf_watch_stalled(w, v->now);
    vf_autofree char *now = vf_format_rate(w->all.rate);
    vf_autofree char *average = vf_format_rate(w->all.average);
    int col = MARGIN + name_cols(w);
    if (w->paused || stalled) {
        if (w->paused)
            vf_canvas_put(c, row, col, end - col, VF_LOOK_WARN, _("paused; p goes on"));
        else
            vf_canvas_print(c, row, col, end - col, VF_LOOK_WARN,
                            _("stalled: nothing has moved for %d s"), stalled);
        return row + 1;
    }
    col += vf_canvas_put(c, row, col, end - col, VF_LOOK_TEXT, now) + 2;
    vf_autofree char *left = left_text(&w->all);
    if (left) {
        int at = end - vf_text_columns(left);
        if (at > col)
            vf_canvas_put_right(c, row, end, VF_LOOK_STRONG, left);
        end = at - 2;
    }
    vf_autofree char *text = vf_asprintf(_("average %s"), average);
    if (col + vf_text_columns(text) <= end)
        vf_canvas_put(c, row, col, end - col, VF_LOOK_FAINT, text);
    return row + 1;
}

/* What else there is to say of all disks. */
static int draw_sums(const struct vf_run_view *v, struct vf_canvas *c, int row)
{
    const struct vf_watch *w = v->watch;
    char *parts[] = {
        rate_text(_("at most"), w->limit), /* first: why it is not faster */
        bytes_text(_("zeroes skipped"), w->all.zero),
        w->retries ? vf_asprintf(ngettext("%d retry", "%d retries", (unsigned long)w->retries),
                                 (int)w->retries)
                   : NULL,
        bytes_text(_("on the network"), w->all.wire)};
    bool any = false;
    for (size_t i = 0; i < VF_COUNT(parts); i++)
        any = any || parts[i];
    put_parts(c, row, MARGIN + name_cols(w), c->cols - MARGIN, parts, VF_COUNT(parts));
    return any ? row + 1 : row;
}

static int draw_graph(const struct vf_run_view *v, struct vf_canvas *c, int row)
{
    const struct vf_watch *w = v->watch;
    int col = MARGIN + name_cols(w), width = c->cols - MARGIN - col;
    uint64_t max = 0;
    for (size_t i = 0; i < w->n_rates; i++)
        max = w->rates[i] > max ? w->rates[i] : max;
    if (w->n_rates > 1 && max)
        vf_canvas_graph(c, row, col, width, w->rates, w->n_rates, max);
    return row + 1; /* it comes soon: nothing is to jump then */
}

/* The first of N disks that are shown where there is room for ROOM: what is being copied is seen.
 */
static size_t first_disk(const struct vf_watch *w, size_t room)
{
    size_t active = 0;
    while (active < w->n_disks && w->disks[active].over)
        active++;
    if (w->n_disks <= room)
        return 0;
    return active < w->n_disks - room ? active : w->n_disks - room;
}

static int draw_disks(const struct vf_run_view *v, struct vf_canvas *c, int row, int bottom)
{
    const struct vf_watch *w = v->watch;
    int rows = bottom - row - 5 - MIN_NOTES; /* all, rates, graph, sums, blank, messages */
    size_t lines = v->details ? 2 : 1, room = rows > 0 ? (size_t)rows / lines : 0;
    room = room ? room : 1;
    size_t from = first_disk(w, room);
    int names = name_cols(w);
    for (size_t i = from; i < w->n_disks && i < from + room; i++, row += (int)lines) {
        draw_copy(&w->disks[i], w->disks[i].name, names, true, c, row);
        if (v->details)
            draw_detail(&w->disks[i], names, c, row + 1);
    }
    if (w->n_disks > 1)
        draw_copy(&w->all, _("all"), names, false, c, row++);
    if (w->n_disks && !w->end) {
        row = draw_rates(v, c, row);
        row = draw_graph(v, c, row);
        row = draw_sums(v, c, row);
    }
    return w->n_disks ? row + 1 : row;
}

static void draw_step(const struct vf_watch_step *s, int64_t unix_now, struct vf_canvas *c, int row)
{
    bool done = vf_streq(s->state, "done"), failed = vf_streq(s->state, "failed");
    double seconds = done || failed                    ? s->seconds
                     : s->began && unix_now > s->began ? (double)(unix_now - s->began)
                                                       : 0;
    vf_autofree char *time = vf_format_duration(seconds);
    const char *word = done ? _("done") : failed ? _("FAILED") : _("now");
    vf_autofree char *text = vf_asprintf("%s  %s", time, word);
    enum vf_look look = done ? VF_LOOK_GOOD : failed ? VF_LOOK_BAD : VF_LOOK_STRONG;
    int end = vf_canvas_put_right(c, row, c->cols - MARGIN, look, text);
    vf_canvas_put(c, row, MARGIN, end - 2 - MARGIN, VF_LOOK_TEXT, s->title ? s->title : s->name);
}

static int draw_steps(const struct vf_run_view *v, struct vf_canvas *c, int row, int rows)
{
    const struct vf_watch *w = v->watch;
    size_t from = w->n_steps > (size_t)rows ? w->n_steps - (size_t)rows : 0;
    for (size_t i = from; i < w->n_steps; i++)
        draw_step(&w->steps[i], v->unix_now, c, row++);
    return row + 1;
}

/* From ROW on, before BOTTOM; returns the row behind it. */
static int draw_note(const struct vf_watch_note *n, struct vf_canvas *c, int row, int bottom)
{
    int col = MARGIN + vf_canvas_put(c, row, MARGIN, c->cols, VF_LOOK_FAINT, n->time) + 2, at = col;
    if (n->warn)
        at += vf_canvas_put(c, row, col, c->cols - col, VF_LOOK_WARN, _("warning: "));
    size_t fit = vf_text_fit(n->text, c->cols - MARGIN - at);
    while (row + 1 < bottom && n->text[fit] && fit && n->text[fit] != ' ')
        fit--;
    if (row + 1 == bottom || !fit || !n->text[fit]) {
        vf_canvas_put(c, row, at, c->cols - MARGIN - at, VF_LOOK_TEXT, n->text);
        return row + 1;
    }
    vf_autofree char *first = vf_strndup(n->text, fit);
    vf_canvas_put(c, row, at, c->cols - MARGIN - at, VF_LOOK_TEXT, first);
    return vf_text_put(c, row + 1, bottom, col, VF_LOOK_TEXT, n->text + fit + 1);
}

/* The last ones, a row each; the very last one goes on in the rows that are left. */
static void draw_notes(const struct vf_run_view *v, struct vf_canvas *c, int row, int bottom)
{
    const struct vf_watch *w = v->watch;
    size_t rows = bottom > row ? (size_t)(bottom - row) : 0;
    for (size_t i = w->n_notes > rows ? w->n_notes - rows : 0; i < w->n_notes; i++)
        row = draw_note(&w->notes[i], c, row, i + 1 < w->n_notes ? row + 1 : bottom);
}

void vf_run_add_help(struct vf_buf *b, const char *name, const char *widest, const char *help)
{
    int short_of = vf_text_columns(widest) - vf_text_columns(_(name));
    vf_buf_printf(b, "  %s%*s  %s\n", _(name), short_of > 0 ? short_of : 0, "", _(help));
}

bool vf_run_too_small(struct vf_canvas *c)
{
    if (c->rows >= VF_RUN_MIN_ROWS && c->cols >= VF_RUN_MIN_COLS)
        return false;
    vf_autofree char *text = vf_asprintf(_("need %dx%d, have %dx%d"), VF_RUN_MIN_COLS,
                                         VF_RUN_MIN_ROWS, c->cols, c->rows);
    int row = vf_text_put(c, 0, c->rows, 0, VF_LOOK_STRONG, text);
    vf_text_put(c, row, c->rows, 0, VF_LOOK_TEXT, _("The job goes on."));
    return true;
}

void vf_run_draw(const struct vf_run_view *v, struct vf_canvas *c)
{
    if (vf_run_too_small(c))
        return;
    int bottom = c->rows - 1, row = draw_title(v, c);
    vf_canvas_put(c, 1, MARGIN, c->cols - 2 * MARGIN, VF_LOOK_WARN, v->notice);
    row = draw_state(v, c, row);
    row = draw_disks(v, c, row, bottom);
    int rows = (bottom - row - 1 - MIN_NOTES);
    if (rows > (bottom - row) * 2 / 3)
        rows = (bottom - row) * 2 / 3;
    if (rows > 0)
        row = draw_steps(v, c, row, rows);
    draw_notes(v, c, row, bottom);
    if (v->reader)
        vf_reader_draw(v->reader, c);
    if (v->reader && v->notice)
        vf_canvas_put(c, 0, MARGIN, c->cols - 2 * MARGIN, VF_LOOK_TITLE, v->notice);
    if (v->dialog)
        vf_dialog_draw(v->dialog, c);
    if (v->help)
        vf_help_text(c, v->help);
    else
        vf_help_draw(c, v->keys, v->n_keys);
}
