/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "ui/run/run.h"
#include "ui/plain.h"
#include "ui/question.h"
#include "ui/run/draw.h"
#include "ui/say.h"
#include "job/client.h"
#include "job/job_text.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/i18n.h"
#include "base/str.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { REDRAW_MS = 250, TICK_MS = 1000, END_WAIT_MS = 5000 };

/* What is in front of the screen. */
enum front { FRONT_NONE, FRONT_QUESTION, FRONT_MESSAGES, FRONT_RESULT, FRONT_HELP };

struct run {
    const char *id;
    struct vf_client *client;
    struct vf_screen *screen;
    struct vf_tty_cache *cache;
    struct vf_watch watch;
    enum front front;
    struct vf_question question; /* the job's, or ours whether to stop */
    int64_t asked;               /* number of the job's that was in front */
    struct vf_reader reader;
    char *text; /* the reader's */
    bool left, over;
    int64_t drawn; /* ms */
};

/* ---- what keys do ---- */

static void show_text(struct run *r, enum front front, const char *title, char *text)
{
    free(r->text);
    r->text = text;
    r->reader = (struct vf_reader){.title = title, .text = text};
    r->front = front;
}

static char *messages_text(const struct vf_watch *w)
{
    vf_autobuf struct vf_buf b = {0};
    for (size_t i = 0; i < w->n_notes; i++)
        vf_buf_printf(&b, "[%s] %s%s\n", w->notes[i].time, w->notes[i].warn ? _("warning: ") : "",
                      w->notes[i].text);
    if (!b.len)
        vf_buf_puts(&b, _("None so far.\n"));
    return vf_buf_take(&b);
}

/* The closing report, or what failed and why; caller frees. */
static char *result_text(const json_t *end)
{
    const json_t *report = json_object_get(end, "report");
    vf_autofree char *done = report ? vf_report_text(report) : vf_strdup("");
    vf_autofree char *failed = json_object_get(end, "error") ? vf_failure_text(end) : vf_strdup("");
    return vf_asprintf("%s%s", done, failed);
}

static void do_detach(struct run *r)
{
    r->left = true;
}

/* Our own question has no number. */
static void do_stop(struct run *r)
{
    if (r->watch.end) {
        r->over = true;
        return;
    }
    vf_autojson json_t *ask = json_pack(
        "{s:s, s:s, s:s, s:[{s:s, s:s}, {s:s, s:s}, {s:s, s:s}]}", "kind", "choice", "title",
        _("Stop this job?"), "safe", "go", "choices", "key", "go", "label", _("Let it go on"),
        "key", "stop", "label", _("Stop, and put everything back as it was"), "key", "leave",
        "label", _("Let it go on, and close this screen"));
    vf_question_open(&r->question, ask);
    r->front = FRONT_QUESTION;
}

static void do_messages(struct run *r)
{
    show_text(r, FRONT_MESSAGES, _("Messages"), messages_text(&r->watch));
    r->reader.top = 1 << 20; /* the last ones */
}

static void do_result(struct run *r)
{
    if (r->watch.end)
        show_text(r, FRONT_RESULT, _("Result"), result_text(r->watch.end));
}

/* Known already: given without asking. */
static bool answer_from_cache(struct run *r)
{
    const char *id = vf_json_str(r->watch.ask, "id");
    bool secret = vf_streq(vf_json_str(r->watch.ask, "kind"), "secret");
    struct vf_answer a = {0};
    bool have = id && vf_tty_cache_get(r->cache, id, secret ? VF_ASK_SECRET : VF_ASK_TEXT, &a);
    if (have) {
        r->asked = vf_json_int(r->watch.ask, "ask");
        vf_client_answer(r->client, r->asked, a.text, a.secret, NULL);
    }
    vf_answer_clear(&a);
    return have;
}

static void take_ask(struct run *r)
{
    r->front = FRONT_QUESTION;
    r->asked = vf_json_int(r->watch.ask, "ask");
    vf_question_open(&r->question, r->watch.ask);
}

static void do_answer(struct run *r)
{
    if (r->watch.ask)
        take_ask(r);
}

static void do_help(struct run *r);

/* When a key is of use. */
enum when { ALWAYS, RUNNING, ENDED, ASKED };

static const struct binding {
    int key, twin; /* TWIN: another key for the same; VF_KEY_NONE: none */
    const char *name, *label, *help;
    enum when when;
    void (*run)(struct run *r);
} bindings[] = {
    {'a', VF_KEY_NONE, "a", N_("answer"), N_("The question that waits, when it was put aside."),
     ASKED, do_answer},
    {'d', VF_KEY_SUSPEND, "d", N_("leave it running"),
     N_("Close this screen; the job goes on. Come back with vmferry attach."), RUNNING, do_detach},
    {'c', VF_KEY_INTERRUPT, "c", N_("stop"),
     N_("Ask whether the job is to stop and put everything back."), RUNNING, do_stop},
    {'l', VF_KEY_F1 + 2, "l", N_("messages"), N_("All messages so far."), ALWAYS, do_messages},
    {'r', VF_KEY_NONE, "r", N_("result"), N_("The closing report, once the job has ended."), ENDED,
     do_result},
    {'?', VF_KEY_F1, "?", N_("help"), N_("This page."), ALWAYS, do_help},
    {'q', VF_KEY_F1 + 9, "q", N_("quit"), N_("Leave; while the job runs, it asks first."), ALWAYS,
     do_stop},
};

static bool useful(const struct run *r, enum when when)
{
    return when == ALWAYS || (when == ENDED && r->watch.end) ||
           (when == RUNNING && !r->watch.end) || (when == ASKED && r->watch.ask);
}

static void do_help(struct run *r)
{
    vf_autobuf struct vf_buf b = {0};
    for (size_t i = 0; i < VF_COUNT(bindings); i++)
        vf_buf_printf(&b, "  %s   %s\n", bindings[i].name, _(bindings[i].help));
    vf_buf_puts(&b, _("\nArrows and Page Up/Down scroll; Esc goes back; ^L draws the screen anew.\n"
                      "Losing the terminal, or this program, does not end the job.\n"));
    show_text(r, FRONT_HELP, _("Keys"), vf_buf_take(&b));
}

/* ---- questions ---- */

static void answered(struct run *r, const struct vf_answer *a)
{
    int64_t number = vf_json_int(r->question.ask, "ask");
    bool later = vf_json_true(r->question.ask, "waits") &&
                 vf_streq(a->text, vf_json_str(r->question.ask, "safe"));
    if (later)
        return; /* it stays open, put aside */
    if (number)
        vf_client_answer(r->client, number, a->text, a->secret, NULL);
    else if (vf_streq(a->text, "leave"))
        r->left = true;
    else if (vf_streq(a->text, "stop"))
        vf_client_cancel(r->client, false, NULL); /* a job that is gone shows as its end */
}

static void question_key(struct run *r, int key)
{
    struct vf_answer a = {0};
    enum vf_question_end end = vf_question_key(&r->question, key, &a);
    if (end == VF_QUESTION_ANSWERED)
        answered(r, &a);
    vf_answer_clear(&a);
    if (end == VF_QUESTION_WAITS)
        return;
    vf_question_close(&r->question);
    r->front = FRONT_NONE; /* the job's own question waits on */
}

/* ---- keys ---- */

static bool reading(const struct run *r)
{
    return r->front == FRONT_MESSAGES || r->front == FRONT_RESULT || r->front == FRONT_HELP;
}

static void on_key(struct run *r, int key)
{
    if (key == VF_KEY_RESIZE || key == VF_KEY_REDRAW)
        return; /* drawn anew in any case */
    if (r->front == FRONT_QUESTION) {
        question_key(r, key);
        return;
    }
    if (reading(r) && vf_reader_key(&r->reader, key))
        return;
    if (reading(r) && (key == VF_KEY_ESC || key == VF_KEY_ENTER)) {
        r->front = FRONT_NONE;
        return;
    }
    for (size_t i = 0; i < VF_COUNT(bindings); i++)
        if ((bindings[i].key == key || bindings[i].twin == key) && useful(r, bindings[i].when)) {
            r->front = FRONT_NONE;
            bindings[i].run(r);
            return;
        }
}

/* ---- drawing ---- */

/* The keys that are of use now. */
static char *help_line(const struct run *r)
{
    vf_autobuf struct vf_buf b = {0};
    if (r->front == FRONT_QUESTION)
        return vf_strdup(vf_question_help(&r->question));
    if (reading(r))
        return vf_strdup(r->watch.end ? _("Up/Down scroll  Esc back  q quit")
                                      : _("Up/Down scroll  Esc back"));
    for (size_t i = 0; i < VF_COUNT(bindings); i++)
        if (useful(r, bindings[i].when))
            vf_buf_printf(&b, "%s %s  ", bindings[i].name, _(bindings[i].label));
    return vf_buf_take(&b);
}

static void draw(struct run *r, bool whole)
{
    vf_autofree char *help = help_line(r);
    vf_auto(vf_canvas_free) struct vf_canvas *c = vf_screen_canvas(r->screen);
    struct vf_run_view v = {.watch = &r->watch,
                            .dialog = vf_question_dialog(&r->question),
                            .reader = reading(r) ? &r->reader : NULL,
                            .help = help,
                            .now = vf_clock_ms(),
                            .unix_now = vf_clock_unix()};
    vf_run_draw(&v, c);
    vf_screen_show(r->screen, c, whole);
    r->drawn = vf_clock_ms();
}

/* ---- the loop ---- */

/* Takes in what the job has said; -1 when it is gone. */
static int take_events(struct run *r, struct vf_error **err)
{
    vf_autoerror struct vf_error *why = NULL;
    json_t *e;
    while ((e = vf_client_next(r->client, &why))) {
        vf_watch_event(&r->watch, e, vf_clock_ms());
        json_decref(e);
        if (r->watch.end)
            break;
    }
    if (why)
        return vf_fail_with(err, VF_STEAL(why));
    if (r->watch.ask && vf_json_int(r->watch.ask, "ask") != r->asked && !answer_from_cache(r)) {
        take_ask(r);
        vf_screen_bell(r->screen);
    }
    if (vf_json_int(r->question.ask, "ask") && !r->watch.ask) { /* answered from elsewhere */
        vf_question_close(&r->question);
        r->front = FRONT_NONE;
    }
    if (r->watch.end && r->front != FRONT_RESULT) {
        vf_question_close(&r->question); /* also ours whether to stop */
        do_result(r);
        vf_screen_bell(r->screen);
    }
    return 0;
}

static int loop(struct run *r, struct vf_error **err)
{
    while (!r->left && !r->over) {
        if (!r->watch.end && take_events(r, err) < 0)
            return -1;
        vf_watch_tick(&r->watch, vf_clock_ms());
        draw(r, false);
        struct pollfd p[] = {{.fd = STDIN_FILENO, .events = POLLIN},
                             {.fd = vf_screen_signals(r->screen), .events = POLLIN},
                             {.fd = r->watch.end ? -1 : vf_client_fd(r->client), .events = POLLIN}};
        if (vf_cancel_poll(NULL, p, VF_COUNT(p), TICK_MS, err) < 0)
            return -1;
        /* told to go, or the terminal is lost: the job stays */
        if (p[1].revents && !vf_screen_hear(r->screen))
            r->left = true;
        if (p[0].revents & (POLLHUP | POLLERR))
            r->left = true;
        bool typed = false;
        for (int key; !r->left && (key = vf_screen_key(r->screen)) != VF_KEY_NONE; typed = true) {
            on_key(r, key);
            if (key == VF_KEY_REDRAW)
                draw(r, true);
        }
        /* progress comes four times a second: that is drawn, and no more */
        int64_t rest = REDRAW_MS - (vf_clock_ms() - r->drawn);
        if (!typed && !p[1].revents && rest > 0)
            vf_cancel_poll(NULL, p, 2, (int)rest, NULL);
    }
    return 0;
}

static void farewell(struct run *r)
{
    if (r->watch.end) {
        vf_autofree char *text = result_text(r->watch.end);
        vf_say(stdout, "%s", text);
        vf_client_wait_end(r->client, END_WAIT_MS);
    } else {
        vf_say(stderr, _("The job goes on. Come back with: vmferry attach %s\n"), r->id);
    }
}

int vf_run_follow(const char *id, const struct vf_screen_opts *opts, struct vf_tty_cache *cache,
                  struct vf_error **err)
{
    struct run r = {.id = id, .cache = cache};
    vf_auto(vf_client_free) struct vf_client *client = vf_client_open(id, err);
    if (!client)
        return -1;
    r.screen = vf_screen_open(opts, err);
    if (!r.screen)
        return -1;
    r.client = client;
    vf_watch_init(&r.watch);
    vf_autoerror struct vf_error *why = NULL;
    int code = loop(&r, &why);
    vf_screen_close(r.screen);
    if (code < 0) {
        vf_plain_error(why);
        vf_say(stderr, _("Go on: vmferry resume %s; or undo what it did: vmferry rollback %s\n"),
               id, id);
    } else {
        farewell(&r);
    }
    code = code < 0 || !r.watch.end ? VF_EXIT_INTERRUPTED : (int)vf_json_int(r.watch.end, "exit");
    vf_watch_free(&r.watch);
    vf_question_close(&r.question);
    free(r.text);
    return code;
}
