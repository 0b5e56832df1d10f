/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "ui/run/overview.h"
#include "ui/cmd/outcome.h"
#include "ui/list.h"
#include "ui/run/run_priv.h"
#include "ui/say.h"
#include "job/batch.h"
#include "job/state.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/fdio.h"
#include "base/i18n.h"
#include "base/str.h"

#include <string.h>

enum {
    MARGIN = 1,
    READ_MS = 1000,
    BAR = 10,
    NARROW_BAR = 5,
    NARROW = 80,
    MAX_REPORT = 4 * 1024 * 1024,
    FIRST_ROW = 4
};

struct member {
    char *job, *vm;
    enum vf_batch_state state;
    enum vf_exit code;
    bool test;       /* a rehearsal */
    bool taken;      /* by another machine */
    struct run *run; /* NULL: not reached */
    char *down;      /* how long the VM was down; NULL: not read yet */
};

struct vf_overview {
    char *id;
    struct vf_tty_cache *cache;
    struct member *members;
    size_t n;
    bool runs;    /* the process that begins them */
    bool over;    /* all have ended, which was said */
    int64_t read; /* ms */
    struct run *opened;
    struct vf_question question; /* ours: whether to begin no more */
    struct vf_reader reader;     /* of HELP */
    char *help;
    bool helping, left;
    struct vf_list list;
};

/* ---- how they stand ---- */

/* Somebody has to be there for what it asks; whoever opens one that has ended sees its end. */
static void reach(struct vf_overview *o, struct member *m)
{
    if (m->run)
        return;
    m->run = vf_run_new(m->job, o->cache, NULL); /* else it is tried again in a second */
    if (m->run)
        m->run->member = true;
}

static void update(struct vf_overview *o, struct member *m, const struct vf_batch_entry *e)
{
    bool again = e->state == VF_BATCH_RUNS && m->run && m->run->watch.end;
    if (again && m->state != VF_BATCH_RUNS) { /* another process has taken it up */
        if (o->opened == m->run)
            return; /* who reads how it ended is left to it; then it is looked at again */
        vf_run_free(VF_STEAL(m->run));
    }
    if (m->state != e->state)
        vf_str_set(&m->down, NULL);
    m->state = e->state;
    m->code = e->code;
    m->test = e->test;
    m->taken = e->taken;
    if (m->state == VF_BATCH_RUNS)
        reach(o, m);
}

static int read_batch(struct vf_overview *o, struct vf_error **err)
{
    struct vf_batch_entry *v;
    size_t n;
    if (vf_batch_read(o->id, &v, &n, &o->runs, err) < 0)
        return -1;
    while (o->n < n) {
        struct member *m = vf_grow(&o->members, &o->n, sizeof *m);
        *m = (struct member){.job = vf_strdup(v[o->n - 1].job), .vm = vf_escape(v[o->n - 1].vm)};
    }
    for (size_t i = 0; i < n; i++)
        update(o, &o->members[i], &v[i]);
    vf_batch_entries_free(v, n);
    o->read = vf_clock_ms();
    return 0;
}

struct vf_overview *vf_overview_new(const char *id, struct vf_tty_cache *cache,
                                    struct vf_error **err)
{
    struct vf_overview *o = vf_xcalloc(1, sizeof *o);
    o->id = vf_strdup(id);
    o->cache = cache;
    if (read_batch(o, err) == 0)
        return o;
    vf_overview_free(o);
    return NULL;
}

void vf_overview_free(struct vf_overview *o)
{
    if (!o)
        return;
    for (size_t i = 0; i < o->n; i++) {
        vf_run_free(o->members[i].run);
        free(o->members[i].job);
        free(o->members[i].vm);
        free(o->members[i].down);
    }
    free(o->members);
    vf_question_close(&o->question);
    vf_list_free(&o->list);
    free(o->help);
    free(o->id);
    free(o);
}

static bool has_ended(const struct member *m)
{
    return m->state == VF_BATCH_ENDED || m->state == VF_BATCH_SKIPPED;
}

static bool is_done(const struct member *m)
{
    return m->state == VF_BATCH_ENDED && m->code == VF_EXIT_DONE;
}

/* A rehearsal moves nothing. */
static size_t count_moved(const struct vf_overview *o)
{
    size_t n = 0;
    for (size_t i = 0; i < o->n; i++)
        n += is_done(&o->members[i]) && !o->members[i].test;
    return n;
}

static bool all_done(const struct vf_overview *o)
{
    for (size_t i = 0; i < o->n; i++)
        if (!is_done(&o->members[i]))
            return false;
    return true;
}

static bool is_over(const struct vf_overview *o)
{
    for (size_t i = 0; i < o->n; i++)
        if (!has_ended(&o->members[i]))
            return false;
    return true;
}

bool vf_overview_take(struct vf_overview *o)
{
    int64_t now = vf_clock_ms();
    bool ring = false;
    if (now - o->read >= READ_MS)
        read_batch(o, NULL); /* what cannot be read now may be in a second */
    for (size_t i = 0; i < o->n; i++) {
        struct run *r = o->members[i].run;
        if (!r)
            continue;
        vf_run_take(r);
        vf_watch_tick(&r->watch, now);
        ring = ring || r->ring;
        r->ring = false;
    }
    if (is_over(o) != o->over) {
        o->over = !o->over;
        ring = true;
    }
    return ring;
}

size_t vf_overview_poll(const struct vf_overview *o, struct pollfd *p, size_t max)
{
    size_t n = 0;
    for (size_t i = 0; i < o->n && n < max; i++) {
        const struct run *r = o->members[i].run;
        if (r && !r->watch.end)
            p[n++] = (struct pollfd){.fd = vf_client_fd(r->client), .events = POLLIN};
    }
    return n;
}

/* ---- keys ---- */

static void do_open(struct vf_overview *o)
{
    const struct vf_list_row *row = vf_list_row(&o->list);
    struct member *m = row && row->tag < o->n ? &o->members[row->tag] : NULL;
    if (!m || m->state == VF_BATCH_WAITS || m->state == VF_BATCH_SKIPPED)
        return;
    reach(o, m);
    o->opened = m->run;
}

static const struct member *first_that_asks(const struct vf_overview *o)
{
    for (size_t i = 0; i < o->n; i++) {
        const struct run *r = o->members[i].run;
        if (r && r != o->opened && r->watch.ask)
            return &o->members[i];
    }
    return NULL;
}

static void do_answer(struct vf_overview *o)
{
    const struct member *m = first_that_asks(o);
    if (!m)
        return;
    o->opened = m->run;
    if (o->opened->front != FRONT_QUESTION)
        vf_run_act(o->opened, 'a');
}

static void do_leave(struct vf_overview *o)
{
    o->left = true;
}

static void do_stop(struct vf_overview *o)
{
    vf_autojson json_t *ask =
        json_pack("{s:s, s:s, s:s, s:s, s:[{s:s, s:s}, {s:s, s:s}, {s:s, s:s}]}", "kind", "choice",
                  "title", _("Stop these moves?"), "detail",
                  _("One that runs can be stopped alone: open it with Enter, and press c there."),
                  "safe", "go", "choices", "key", "go", "label", _("Let them go on"), "key",
                  "no-more", "label", _("Begin no other; those that run go on"), "key", "leave",
                  "label", _("Let them go on, and close this screen"));
    if (o->over)
        o->left = true;
    else
        vf_question_open(&o->question, ask);
}

static void do_help(struct vf_overview *o);

static bool asks(const struct vf_overview *o)
{
    return first_that_asks(o) != NULL;
}

static bool goes_on(const struct vf_overview *o)
{
    return !o->over;
}

static bool always(const struct vf_overview *o)
{
    return true;
}

static const struct binding {
    int key, twin;
    const char *name, *label, *help;
    bool (*when)(const struct vf_overview *o);
    void (*run)(struct vf_overview *o);
} bindings[] = {
    {'a', VF_KEY_NONE, "a", N_("answer"), N_("The question of the first job that has one."), asks,
     do_answer},
    {VF_KEY_ENTER, VF_KEY_NONE, N_("Enter"), N_("open"),
     N_("The job's own screen, with its keys; Esc comes back."), always, do_open},
    {'d', VF_KEY_SUSPEND, "d", N_("leave them running"),
     N_("Close this screen; all goes on. Come back with vmferry attach."), goes_on, do_leave},
    {'c', VF_KEY_INTERRUPT, "c", N_("stop"), N_("Ask whether no other is to begin."), goes_on,
     do_stop},
    {'q', VF_KEY_F1 + 9, "q", N_("quit"), N_("Leave; while jobs run, it asks first."), always,
     do_stop},
    {'?', VF_KEY_F1, "?", N_("help"), N_("This page."), always, do_help},
};

static void do_help(struct vf_overview *o)
{
    vf_autobuf struct vf_buf b = {0};
    for (size_t i = 0; i < VF_COUNT(bindings); i++)
        vf_run_add_help(&b, bindings[i].name, _("Enter"), bindings[i].help);
    vf_buf_puts(&b, _("\nArrows and Page Up/Down move, / filters; ^L draws the screen anew.\n"
                      "Losing the terminal, or this program, ends none of the jobs.\n"));
    free(o->help);
    o->help = vf_buf_take(&b);
    o->reader = (struct vf_reader){.title = _("Keys"), .text = o->help};
    o->helping = true;
}

static void question_key(struct vf_overview *o, int key)
{
    struct vf_answer a = {0};
    enum vf_question_end end = vf_question_key(&o->question, key, &a);
    if (end == VF_QUESTION_ANSWERED && vf_streq(a.text, "no-more"))
        vf_batch_stop(o->id, NULL); /* what does not begin any more shows so */
    o->left = end == VF_QUESTION_ANSWERED && vf_streq(a.text, "leave");
    vf_answer_clear(&a);
    if (end != VF_QUESTION_WAITS)
        vf_question_close(&o->question);
}

static void opened_key(struct vf_overview *o, int key)
{
    struct run *r = o->opened;
    vf_run_key(r, key);
    o->left = r->left;
    if (r->back || r->over)
        o->opened = NULL;
    r->back = r->over = false;
}

bool vf_overview_key(struct vf_overview *o, int key)
{
    if (key == VF_KEY_RESIZE || key == VF_KEY_REDRAW)
        return false;
    if (o->opened) {
        opened_key(o, key);
        return o->left;
    }
    if (o->question.ask) {
        question_key(o, key);
        return o->left;
    }
    if (o->helping) {
        if (!vf_reader_key(&o->reader, key))
            o->helping = false;
        return false;
    }
    if (vf_list_key(&o->list, key))
        return false;
    for (size_t i = 0; i < VF_COUNT(bindings); i++)
        if ((bindings[i].key == key || bindings[i].twin == key) && bindings[i].when(o)) {
            bindings[i].run(o);
            break;
        }
    return o->left;
}

struct run *vf_overview_opened(struct vf_overview *o)
{
    return o->opened;
}

/* ---- drawing ---- */

/* Borrowed. */
static const char *state_text(const struct member *m)
{
    const struct vf_watch *w = m->run ? &m->run->watch : NULL;
    const struct vf_watch_step *s = w ? vf_watch_current(w) : NULL;
    if (m->state == VF_BATCH_WAITS)
        return _("waits for its turn");
    if (m->state == VF_BATCH_SKIPPED)
        return _("not begun");
    if (is_done(m) && m->test)
        return _("tested");
    if (m->state == VF_BATCH_ENDED && m->taken)
        return _("taken over");
    if (m->state == VF_BATCH_ENDED)
        return vf_outcome_word(m->code);
    if (w && w->ask)
        return _("! ASKS");
    if (w && w->paused)
        return _("paused");
    if (w && vf_watch_stalled(w, vf_clock_ms()))
        return _("stalled");
    return s && s->title ? s->title : _("Starting");
}

static char *bar_text(const struct vf_watch_copy *all, int width, bool ascii)
{
    vf_autobuf struct vf_buf b = {0};
    double part = all->total ? (double)all->done / (double)all->total : 0;
    int n = (int)(part * width + 0.5);
    if (n == width && part < 1)
        n--; /* full is only what is full */
    for (int i = 0; i < width; i++)
        vf_buf_puts(&b, i < n ? (ascii ? "#" : "█") : (ascii ? "." : "░"));
    vf_buf_printf(&b, " %3d %%", (int)(part * 100));
    return vf_buf_take(&b);
}

/* Data goes, or is to go. */
static bool moves(const struct member *m)
{
    const struct vf_watch *w = m->run ? &m->run->watch : NULL;
    return m->state == VF_BATCH_RUNS && w && w->all.total && w->copying && !w->paused &&
           !vf_watch_stalled(w, vf_clock_ms());
}

/* "down 12 s", or "" where it was not, or nobody knows. */
static char *downtime(const struct member *m)
{
    vf_autofree char *dir = vf_job_dir(m->job);
    vf_autofree char *path = vf_asprintf("%s/report.json", dir);
    size_t n = 0;
    vf_autofree char *text = vf_read_file(path, MAX_REPORT, &n, NULL);
    vf_autojson json_t *report = text ? vf_event_parse(text, n) : NULL;
    if (!json_object_get(report, "downtime"))
        return vf_strdup("");
    vf_autofree char *down = vf_format_duration(vf_json_num(report, "downtime"));
    return vf_asprintf(_("down %s"), down);
}

static char *time_text(struct member *m)
{
    if (m->state == VF_BATCH_ENDED) {
        if (!m->down)
            m->down = downtime(m);
        return vf_strdup(m->down);
    }
    if (!moves(m) || m->run->watch.all.left <= 0)
        return NULL;
    vf_autofree char *left = vf_format_duration((double)m->run->watch.all.left);
    return vf_asprintf(_("%s left"), left);
}

/* COLS: where there are few, the rate is left out. */
static void fill_list(struct vf_overview *o, int cols, bool ascii)
{
    struct vf_list *l = &o->list;
    bool narrow = cols < NARROW;
    vf_list_clear(l);
    const char *const heads[] = {_("VM"), _("state"), _("copied"), _("time"), _("rate")};
    for (size_t i = 0; i < VF_COUNT(heads) - narrow; i++)
        l->heads[i] = heads[i];
    for (size_t i = 0; i < o->n; i++) {
        struct member *m = &o->members[i];
        const struct vf_watch *w = m->run ? &m->run->watch : NULL;
        struct vf_list_row *row = vf_list_add(l, i);
        row->cells[0] = vf_strdup(m->vm);
        row->cells[1] = vf_strdup(state_text(m));
        if (w && w->all.total && m->state == VF_BATCH_RUNS)
            row->cells[2] = bar_text(&w->all, narrow ? NARROW_BAR : BAR, ascii);
        row->cells[3] = time_text(m);
        if (moves(m) && !narrow)
            row->cells[4] = vf_format_mbit(w->all.rate);
    }
}

static void draw_head(const struct vf_overview *o, struct vf_canvas *c)
{
    size_t running = 0, waiting = 0;
    for (size_t i = 0; i < o->n; i++) {
        running += o->members[i].state == VF_BATCH_RUNS;
        waiting += o->members[i].state == VF_BATCH_WAITS;
    }
    vf_autofree char *title = vf_asprintf(_("vmferry  %zu VMs"), o->n);
    vf_canvas_blank(c, 0, 0, c->cols, VF_LOOK_TITLE);
    int n = vf_canvas_put(c, 0, MARGIN, c->cols - 2 * MARGIN, VF_LOOK_TITLE, title);
    if (vf_text_columns(o->id) + n + 4 < c->cols)
        vf_canvas_put_right(c, 0, c->cols - MARGIN, VF_LOOK_TITLE, o->id);
    vf_autofree char *notice = vf_overview_notice(o);
    if (o->over)
        vf_canvas_print(c, 2, MARGIN, c->cols - 2 * MARGIN,
                        all_done(o) ? VF_LOOK_GOOD : VF_LOOK_BAD, _("%zu of %zu VMs are moved"),
                        count_moved(o), o->n);
    else if (notice)
        vf_canvas_put(c, 2, MARGIN, c->cols - 2 * MARGIN, VF_LOOK_WARN, notice);
    else
        vf_canvas_print(c, 2, MARGIN, c->cols - 2 * MARGIN, VF_LOOK_STRONG,
                        o->runs || !waiting ? _("%zu of %zu moved, %zu running, %zu waiting")
                                            : _("%zu of %zu moved, %zu running; %zu not to begin"),
                        count_moved(o), o->n, running, waiting);
}

void vf_overview_show(struct vf_overview *o, struct vf_canvas *c)
{
    struct vf_help_key keys[VF_COUNT(bindings) + 1];
    size_t n = 0;
    if (vf_run_too_small(c))
        return;
    fill_list(o, c->cols, c->ascii);
    draw_head(o, c);
    vf_list_draw(&o->list, c, FIRST_ROW, c->rows - 1 - FIRST_ROW);
    if (o->helping) {
        vf_reader_draw(&o->reader, c);
        keys[n++] = (struct vf_help_key){VF_KEY_ESC, _("Esc"), _("back")};
    }
    const struct vf_dialog *d = vf_question_dialog(&o->question);
    if (d)
        vf_dialog_draw(d, c);
    for (size_t i = 0; i < VF_COUNT(bindings) && !o->helping; i++)
        if (bindings[i].when(o))
            keys[n++] =
                (struct vf_help_key){bindings[i].key, _(bindings[i].name), _(bindings[i].label)};
    vf_help_draw(c, keys, n);
    if (d)
        vf_help_text(c, vf_question_help(&o->question));
}

char *vf_overview_notice(const struct vf_overview *o)
{
    const struct member *m = first_that_asks(o);
    return m ? vf_asprintf(_("%s asks: %s"), m->vm, vf_json_str(m->run->watch.ask, "title")) : NULL;
}

char *vf_overview_title(const struct vf_overview *o)
{
    const struct member *m = first_that_asks(o);
    if (m)
        return vf_asprintf(_("%s: waits for an answer - vmferry"), m->vm);
    return vf_asprintf(_("%zu of %zu moved - vmferry"), count_moved(o), o->n);
}

/* ---- afterwards ---- */

int vf_overview_farewell(const struct vf_overview *o)
{
    int worst = VF_EXIT_DONE;
    struct vf_outcome *v = vf_xcalloc(o->n + 1, sizeof *v);
    for (size_t i = 0; i < o->n; i++) {
        const struct member *m = &o->members[i];
        int code = m->state == VF_BATCH_ENDED     ? (int)m->code
                   : m->state == VF_BATCH_SKIPPED ? -1
                                                  : VF_EXIT_INTERRUPTED;
        v[i] = (struct vf_outcome){
            .vm = m->vm, .job = m->job, .code = code, .test = m->test, .taken = m->taken};
        worst = code > worst ? code : worst;
    }
    if (o->over) {
        vf_autofree char *table = vf_outcome_table(v, o->n);
        vf_say(stdout, "%s", table);
    } else {
        vf_say(stderr, _("The moves go on. Come back with: vmferry attach %s\n"), o->id);
    }
    free(v);
    return worst;
}
