/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One job on a screen: what it says, its questions, keys, drawing. */
#include "config.h"
#include "ui/run/run_priv.h"
#include "base/clock.h"
#include "base/i18n.h"
#include "base/str.h"

#include <string.h>

enum { LOG_MS = 1000, MAX_KEYS = 20 };

struct run *vf_run_new(const char *id, struct vf_tty_cache *cache, struct vf_error **err)
{
    struct vf_client *client = vf_client_open(id, err);
    if (!client)
        return NULL;
    struct run *r = vf_xcalloc(1, sizeof *r);
    r->id = vf_strdup(id);
    r->client = client;
    r->cache = cache;
    vf_watch_init(&r->watch);
    return r;
}

void vf_run_free(struct run *r)
{
    if (!r)
        return;
    vf_client_free(r->client);
    vf_watch_free(&r->watch);
    vf_question_close(&r->question);
    free(r->text);
    free(r->id);
    free(r);
}

/* ---- what the job says ---- */

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

/* One that a person is answering for us: a key that is meant for it must not answer the job. */
static bool own_is_open(const struct run *r)
{
    return r->question.ask && !vf_json_int(r->question.ask, "ask");
}

/* Behind a question of ours it waits until that is closed. */
static void take_ask(struct run *r)
{
    int64_t number = vf_json_int(r->watch.ask, "ask");
    r->ring = r->ring || r->heard != number;
    r->heard = number;
    if (own_is_open(r))
        return;
    r->front = FRONT_QUESTION;
    r->asked = number;
    vf_question_open(&r->question, r->watch.ask);
}

static void take_end(struct run *r)
{
    vf_question_close(&r->question); /* also ours whether to stop */
    vf_run_show_result(r);
    r->ring = true;
}

void vf_run_take(struct run *r)
{
    vf_autoerror struct vf_error *gone = NULL;
    json_t *e;
    if (r->watch.end)
        return;
    while (!r->watch.end && (e = vf_client_next(r->client, &gone))) {
        vf_watch_event(&r->watch, e, vf_clock_ms());
        json_decref(e);
    }
    if (gone) {
        vf_autojson json_t *end = vf_result_lost(r->id, gone);
        vf_watch_event(&r->watch, end, vf_clock_ms());
    }
    if (r->watch.ask && vf_json_int(r->watch.ask, "ask") != r->asked && !answer_from_cache(r))
        take_ask(r);
    if (vf_json_int(r->question.ask, "ask") && !r->watch.ask) { /* answered from elsewhere */
        vf_question_close(&r->question);
        r->front = FRONT_NONE;
    }
    if (r->watch.end)
        take_end(r);
}

/* ---- keys ---- */

static bool reading(const struct run *r)
{
    return r->front != FRONT_NONE && r->front != FRONT_QUESTION;
}

static void answer_job(struct run *r, const struct vf_answer *a)
{
    int64_t number = vf_json_int(r->question.ask, "ask");
    bool later = vf_json_true(r->question.ask, "waits") && !a->secret &&
                 vf_streq(a->text, vf_json_str(r->question.ask, "safe"));
    if (!later) /* else it stays open, put aside */
        vf_client_answer(r->client, number, a->text, a->secret, NULL);
    vf_question_close(&r->question);
    r->front = FRONT_NONE;
}

static void question_key(struct run *r, int key)
{
    struct vf_answer a = {0};
    enum vf_question_end end = vf_question_key(&r->question, key, &a);
    bool ours = !vf_json_int(r->question.ask, "ask");
    if (end == VF_QUESTION_ANSWERED && ours)
        vf_run_answered(r, &a);
    else if (end == VF_QUESTION_ANSWERED)
        answer_job(r, &a);
    vf_answer_clear(&a);
    if (end != VF_QUESTION_LATER)
        return;
    vf_question_close(&r->question);
    r->front = FRONT_NONE; /* the job's own question waits on */
    if (r->watch.end)
        vf_run_show_result(r);
}

void vf_run_key(struct run *r, int key)
{
    if (key == VF_KEY_RESIZE || key == VF_KEY_REDRAW)
        return; /* drawn anew in any case */
    if (key == VF_KEY_SUSPEND && !r->watch.end) {
        r->left = true;
        return;
    }
    if (r->front == FRONT_QUESTION) {
        question_key(r, key == VF_KEY_INTERRUPT ? VF_KEY_ESC : key);
        return;
    }
    if (reading(r) && vf_reader_key(&r->reader, key))
        return;
    if (reading(r) && (key == VF_KEY_ESC || key == VF_KEY_ENTER)) {
        r->front = FRONT_NONE;
        return;
    }
    vf_run_act(r, key);
}

/* ---- drawing ---- */

void vf_run_show(struct run *r, struct vf_canvas *c, const char *notice)
{
    static const struct vf_help_key scroll = {VF_KEY_NONE, N_("Up/Down"), N_("scroll")},
                                    back = {VF_KEY_ESC, N_("Esc"), N_("back")};
    struct vf_help_key keys[MAX_KEYS];
    size_t n = 0;
    int64_t now = vf_clock_ms();
    if (r->front == FRONT_LOG && now - r->log_read >= LOG_MS)
        vf_run_read_log(r);
    if (reading(r)) {
        keys[n++] = (struct vf_help_key){back.key, _(back.name), _(back.label)};
    }
    if (!reading(r) || r->front == FRONT_RESULT)
        n += vf_run_keys(r, keys + n, MAX_KEYS - n - 1);
    if (reading(r)) { /* behind what can be done now */
        size_t at = 1;
        for (size_t i = 0; i < n; i++)
            at = keys[i].key == 'q' ? i + 1 : at;
        memmove(keys + at + 1, keys + at, (n - at) * sizeof *keys);
        keys[at] = (struct vf_help_key){scroll.key, _(scroll.name), _(scroll.label)};
        n++;
    }
    struct vf_run_view v = {.watch = &r->watch,
                            .dialog = vf_question_dialog(&r->question),
                            .reader = reading(r) ? &r->reader : NULL,
                            .help =
                                r->front == FRONT_QUESTION ? vf_question_help(&r->question) : NULL,
                            .keys = keys,
                            .n_keys = n,
                            .notice = notice,
                            .details = r->details,
                            .now = now,
                            .unix_now = vf_clock_unix()};
    vf_run_draw(&v, c);
}

char *vf_run_title(const struct run *r)
{
    const struct vf_watch *w = &r->watch;
    const char *vm = w->vm ? w->vm : "?";
    if (w->end)
        return vf_asprintf(vf_json_int(w->end, "exit") == 0 ? _("%s: done - vmferry")
                                                            : _("%s: FAILED - vmferry"),
                           vm);
    if (w->ask)
        return vf_asprintf(_("%s: waits for an answer - vmferry"), vm);
    if (w->copying && w->all.total)
        return vf_asprintf(w->paused ? _("%s: %d %%, paused - vmferry") : _("%s: %d %% - vmferry"),
                           vm, (int)(w->all.done * 100 / w->all.total));
    return vf_asprintf("%s - vmferry", vm);
}
