/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "ui/wizard/loop.h"
#include "ui/cmd/cmd.h"
#include "ui/plain.h"
#include "ui/question.h"
#include "ui/run/run.h"
#include "job/bus.h"
#include "job/job_text.h"
#include "base/i18n.h"
#include "base/str.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct wizard_loop {
    struct vf_desk *desk; /* borrowed */
    struct vf_screen *screen;
    struct vf_wizard *wizard;
    struct vf_survey *survey;
    struct vf_bus *bus; /* what logins ask */
    size_t heard;       /* lines of it */
    struct vf_asker bus_asker;
    struct vf_tty_cache *cache; /* the desk's */
    struct vf_question question;
    bool lost;
};

/* ---- what logins ask, on the survey's thread ---- */

static int ask(void *opaque, const struct vf_ask *q, struct vf_cancel *cancel,
               struct vf_answer *out, struct vf_error **err)
{
    struct wizard_loop *l = opaque;
    if (vf_tty_cache_get(l->cache, q->id, q->kind, out))
        return 0;
    if (l->bus_asker.ask(l->bus_asker.opaque, q, cancel, out, err) < 0)
        return -1;
    if (q->kind == VF_ASK_SECRET && !q->once)
        vf_tty_cache_put(l->cache, q->id, out->secret);
    return 0;
}

static void remember(void *opaque, const char *id, const struct vf_secret *answer)
{
    struct wizard_loop *l = opaque;
    vf_tty_cache_put(l->cache, id, answer);
}

static void forget(void *opaque, const char *id)
{
    struct wizard_loop *l = opaque;
    vf_tty_cache_forget(l->cache, id);
}

/* A command that prints a secret takes long. */
static void tell(void *opaque, const char *whose, const char *said)
{
    struct wizard_loop *l = opaque;
    vf_autofree char *text = vf_secret_waits_text(whose, said);
    json_t *e = vf_event_new("note");
    json_object_set_new(e, "text", json_string(text));
    vf_bus_say(l->bus, vf_event_line(e));
}

/* ---- what comes in ---- */

static void take_questions(struct wizard_loop *l)
{
    vf_bus_woken(l->bus);
    for (;;) {
        vf_autofree char *line = vf_bus_line(l->bus, l->heard);
        if (!line)
            return;
        l->heard++;
        vf_autojson json_t *e = vf_event_parse(line, strlen(line));
        const char *type = e ? vf_json_str(e, "type") : NULL;
        if (vf_streq(type, "ask")) {
            vf_question_open(&l->question, e);
            vf_screen_bell(l->screen);
        } else if (vf_streq(type, "answered")) {
            vf_question_close(&l->question);
        } else if (vf_streq(type, "note")) {
            vf_wizard_told(l->wizard, vf_json_str(e, "text"));
        }
    }
}

static void take_answers(struct wizard_loop *l)
{
    struct vf_survey_answer *a;
    while ((a = vf_survey_next(l->survey)))
        vf_wizard_take(l->wizard, a);
}

/* Esc at a question of a login: nobody answers, and the look ends with that. */
static void question_key(struct wizard_loop *l, int key)
{
    struct vf_answer a = {0};
    enum vf_question_end end = vf_question_key(&l->question, key, &a);
    if (end == VF_QUESTION_WAITS)
        return;
    vf_bus_answer(l->bus, vf_json_int(l->question.ask, "ask"), a.text, VF_STEAL(a.secret));
    vf_answer_clear(&a);
    vf_question_close(&l->question);
}

static enum vf_wizard_end take_keys(struct wizard_loop *l, bool *redraw)
{
    int key;
    while ((key = vf_screen_key(l->screen)) != VF_KEY_NONE) {
        *redraw = *redraw || key == VF_KEY_REDRAW;
        if (l->question.ask) {
            question_key(l, key);
            continue;
        }
        bool waited = vf_wizard_waits(l->wizard);
        enum vf_wizard_end end = vf_wizard_key(l->wizard, key);
        if (waited && !vf_wizard_waits(l->wizard))
            vf_survey_cancel(l->survey);
        if (end != VF_WIZARD_GOES_ON)
            return end;
    }
    return VF_WIZARD_GOES_ON;
}

static void look_up(struct wizard_loop *l)
{
    struct vf_survey_question q;
    if (!vf_wizard_wants(l->wizard, &q))
        return;
    vf_tty_cache_rewind(l->cache); /* a new login may use what was answered to another */
    vf_wizard_asked(l->wizard, vf_survey_ask(l->survey, &q));
}

static void draw(struct wizard_loop *l, bool whole)
{
    vf_auto(vf_canvas_free) struct vf_canvas *c = vf_screen_canvas(l->screen);
    bool room = vf_wizard_draw(l->wizard, c);
    const struct vf_dialog *d = vf_question_dialog(&l->question);
    if (d && room) {
        vf_dialog_draw(d, c);
        vf_wizard_draw_keys(c, vf_question_help(&l->question));
    }
    vf_screen_title(l->screen, d ? _("waits for an answer - vmferry") : "vmferry");
    vf_screen_show(l->screen, c, whole);
}

static enum vf_wizard_end loop(struct wizard_loop *l)
{
    enum vf_wizard_end end = VF_WIZARD_GOES_ON;
    bool whole = false;
    while (end == VF_WIZARD_GOES_ON && !l->lost) {
        look_up(l);
        draw(l, whole);
        whole = false;
        struct pollfd p[] = {{.fd = STDIN_FILENO, .events = POLLIN},
                             {.fd = vf_screen_signals(l->screen), .events = POLLIN},
                             {.fd = vf_survey_fd(l->survey), .events = POLLIN},
                             {.fd = vf_bus_fd(l->bus), .events = POLLIN}};
        if (vf_cancel_poll(NULL, p, VF_COUNT(p), -1, NULL) < 0)
            break;
        if (p[1].revents && !vf_screen_hear(l->screen))
            l->lost = true;
        if (p[0].revents & (POLLHUP | POLLERR))
            l->lost = true;
        if (p[2].revents)
            take_answers(l);
        if (p[3].revents)
            take_questions(l);
        if (!l->lost)
            end = take_keys(l, &whole);
    }
    return end;
}

/* ---- before and after ---- */

static int demo(void)
{
    char *argv[] = {(char *)"demo", NULL};
    return vf_cmd_demo(1, argv);
}

/* What the wizard ended with is begun, and looked at. */
static int follow(struct wizard_loop *l, enum vf_wizard_end end, const struct vf_screen_opts *opts)
{
    vf_autoerror struct vf_error *err = NULL;
    bool batch;
    sigset_t before;
    vf_tty_cache_rewind(l->cache);
    vf_plain_hold(&before); /* between two screens the terminal takes ^C for a signal */
    vf_autofree char *id = vf_desk_begin(l->desk, l->wizard, end, &batch, &err);
    int code = !id     ? -1
               : batch ? vf_run_batch(id, opts, l->cache, &err)
                       : vf_run_follow(id, opts, l->cache, &err);
    vf_plain_heed(&before);
    if (code >= 0)
        return code;
    vf_plain_error(err);
    return VF_EXIT_FAILED;
}

int vf_wizard_run(struct vf_desk *desk, const struct vf_screen_opts *opts, struct vf_error **err)
{
    struct wizard_loop l = {.desk = desk, .cache = vf_desk_cache(desk)};
    l.screen = vf_screen_open(opts, err);
    if (!l.screen)
        return -1;
    l.bus = vf_bus_new();
    l.bus_asker = vf_bus_asker(l.bus);
    struct vf_asker asker = {.ask = ask, .opaque = &l, .remember = remember, .forget = forget};
    l.survey = vf_survey_new(vf_desk_conf(desk), &asker);
    struct vf_wizard_hands hands = vf_desk_hands(desk, l.survey);
    l.wizard = vf_wizard_new(vf_desk_conf(desk), &hands);
    vf_desk_add_jobs(l.wizard);
    vf_secret_tell(tell, &l);
    enum vf_wizard_end end = loop(&l);
    vf_survey_free(l.survey);
    vf_screen_close(l.screen);
    vf_say_secrets();
    int code = end == VF_WIZARD_DEMO                               ? demo()
               : end == VF_WIZARD_GOES_ON || end == VF_WIZARD_QUIT ? VF_EXIT_DONE
                                                                   : follow(&l, end, opts);
    vf_wizard_free(l.wizard);
    vf_question_close(&l.question);
    vf_bus_free(l.bus);
    return code;
}
