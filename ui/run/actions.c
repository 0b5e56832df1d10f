/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the keys of a job's screen do, and the questions they put. */
#include "config.h"
#include "ui/plain.h"
#include "ui/run/run_priv.h"
#include "job/resume.h"
#include "job/state.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/fdio.h"
#include "base/i18n.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { LOG_BYTES = 128 * 1024, END_WAIT_MS = 5000, BOTTOM = 1 << 20 };

static void show_text(struct run *r, enum run_front front, const char *title, char *text)
{
    int top = r->front == front ? r->reader.top : 0;
    free(r->text);
    r->text = text;
    r->reader = (struct vf_reader){.title = title, .text = text, .top = top};
    r->front = front;
}

/* ---- pages of text ---- */

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

static void do_messages(struct run *r)
{
    show_text(r, FRONT_MESSAGES, _("Messages"), messages_text(&r->watch));
    r->reader.top = BOTTOM; /* the last ones */
}

/* The last LOG_BYTES of PATH, from the beginning of a line; caller frees. */
static char *tail(const char *path)
{
    vf_autofd int fd = open(path, O_RDONLY | O_CLOEXEC);
    off_t end = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
    off_t from = end > LOG_BYTES ? end - LOG_BYTES : 0;
    if (end < 0 || lseek(fd, from, SEEK_SET) < 0)
        return vf_asprintf("%s: %s\n", path, strerror(errno));
    vf_autofree char *text = vf_xcalloc(1, LOG_BYTES + 1);
    ssize_t n = vf_read_full(fd, text, LOG_BYTES);
    if (n < 0)
        return vf_asprintf("%s: %s\n", path, strerror(errno));
    text[n] = 0;
    const char *line = from ? strchr(text, '\n') : NULL;
    return vf_strdup(line ? line + 1 : text);
}

void vf_run_read_log(struct run *r)
{
    vf_autofree char *dir = vf_job_dir(r->id);
    vf_autofree char *path = vf_asprintf("%s/log", dir);
    bool bottom = r->front != FRONT_LOG || r->reader.at_end;
    show_text(r, FRONT_LOG, _("Log"), tail(path));
    if (bottom)
        r->reader.top = BOTTOM;
    r->log_read = vf_clock_ms();
}

void vf_run_show_result(struct run *r)
{
    if (r->watch.end)
        show_text(r, FRONT_RESULT, _("Result"), vf_result_text(r->watch.end, &r->watch));
}

static void do_details(struct run *r)
{
    r->details = !r->details;
}

/* ---- questions of ours ---- */

struct choice {
    const char *key, *label;
};

/* The first of the choices is the safe one. */
static void put_choices(struct run *r, const char *id, const char *title, const char *detail,
                        const struct choice *v, size_t n)
{
    vf_autojson json_t *ask = json_pack("{s:s, s:s, s:s, s:s}", "id", id, "kind", "choice", "title",
                                        title, "safe", v[0].key);
    json_t *choices = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(choices,
                              json_pack("{s:s, s:s}", "key", v[i].key, "label", _(v[i].label)));
    json_object_set_new(ask, "choices", choices);
    if (detail)
        json_object_set_new(ask, "detail", json_string(detail));
    vf_question_open(&r->question, ask);
    r->front = FRONT_QUESTION;
}

static void do_stop(struct run *r)
{
    static const struct choice choices[] = {
        {"go", N_("Let it go on")},
        {"keep", N_("Stop, and keep what was done: vmferry resume goes on later")},
        {"stop", N_("Stop, and put everything back as it was")},
        {"leave", N_("Let it go on, and close this screen")},
    };
    if (!r->watch.end)
        put_choices(r, "own:stop", _("Stop this job?"), NULL, choices, VF_COUNT(choices));
    else if (r->member)
        r->back = true;
    else
        r->over = true;
}

static void on_stop(struct run *r, const char *answer)
{
    if (vf_streq(answer, "leave"))
        r->left = true;
    else if (!vf_streq(answer, "go")) /* a job that is gone shows as its end */
        vf_client_cancel(r->client, vf_streq(answer, "keep"), NULL);
}

static void put_rate(struct run *r, const char *wrong)
{
    vf_autofree char *now = vf_plain_limit(r->watch.limit);
    vf_autofree char *detail = vf_asprintf(
        _("%sA number from 1 to %d, or none for as fast as it goes. Now: %s. The job keeps it."),
        wrong, VF_MAX_MBPS, now);
    vf_autojson json_t *ask =
        json_pack("{s:s, s:s, s:s, s:s, s:[]}", "id", "own:rate", "kind", "text", "title",
                  _("Copy with at most how many Mbit/s?"), "detail", detail, "choices");
    vf_question_open(&r->question, ask);
    r->front = FRONT_QUESTION;
}

static void do_rate(struct run *r)
{
    put_rate(r, "");
}

static void on_rate(struct run *r, const char *answer)
{
    uint64_t mbps = 0;
    bool none = vf_streq(answer, "none");
    if (!*answer)
        return;
    if (!none && vf_parse_u64(answer, 1, VF_MAX_MBPS, &mbps) < 0) {
        vf_autofree char *wrong = vf_asprintf(_("\"%s\" is none. "), answer);
        put_rate(r, wrong);
        return;
    }
    vf_client_rate(r->client, mbps * VF_MBPS, 0, NULL);
}

static void do_pause(struct run *r)
{
    vf_client_pause(r->client, !r->watch.paused, 0, NULL);
}

/* Since the screen has shown how it ended, another machine may have gone on with it. */
static int still_ours(const struct run *r, struct vf_error **err)
{
    vf_autofree char *dir = vf_job_dir(r->id);
    vf_auto(vf_journal_free) struct vf_journal *j = vf_journal_open(dir, true, err);
    const char *taken = j ? vf_journal_taken_over(j) : NULL;
    if (taken)
        return vf_fail(err, VF_E_CONFLICT, "%s", taken);
    return j ? 0 : -1;
}

/* Another process takes the job up, and is watched. */
static void restart(struct run *r, enum vf_job_mode mode)
{
    vf_autoerror struct vf_error *err = NULL;
    vf_client_wait_end(r->client, END_WAIT_MS);
    bool begun = still_ours(r, &err) == 0 && vf_job_spawn(r->id, mode, &err) == 0;
    struct vf_client *client = begun ? vf_client_open(r->id, &err) : NULL;
    if (!client) {
        vf_autofree char *why = vf_escape(vf_error_text(err));
        show_text(r, FRONT_HELP, _("It was not begun"), vf_asprintf("%s\n", why));
        return;
    }
    vf_client_free(r->client);
    r->client = client;
    vf_watch_free(&r->watch);
    vf_watch_init(&r->watch);
    vf_tty_cache_rewind(r->cache);
    r->asked = r->heard = 0;
    r->front = FRONT_NONE;
}

static void do_resume(struct run *r)
{
    static const struct choice choices[] = {{"no", N_("Not now")}, {"yes", N_("Go on")}};
    put_choices(r, "own:resume", _("Go on with this move?"),
                vf_json_str(json_object_get(r->watch.end, "report"), "service"), choices,
                VF_COUNT(choices));
}

static void on_resume(struct run *r, const char *answer)
{
    if (vf_streq(answer, "yes"))
        restart(r, VF_JOB_RUN);
    else
        vf_run_show_result(r);
}

static void do_roll_back(struct run *r)
{
    static const struct choice choices[] = {
        {"no", N_("Not now")},
        {"yes", N_("Put the source back, remove what was made at the target")},
    };
    put_choices(r, "own:rollback", _("Put everything back as it was?"),
                vf_json_str(json_object_get(r->watch.end, "report"), "service"), choices,
                VF_COUNT(choices));
}

static void on_roll_back(struct run *r, const char *answer)
{
    if (vf_streq(answer, "yes"))
        restart(r, VF_JOB_ROLLBACK);
    else
        vf_run_show_result(r);
}

void vf_run_answered(struct run *r, const struct vf_answer *a)
{
    static const struct {
        const char *id;
        void (*on)(struct run *r, const char *answer);
    } ours[] = {
        {"own:stop", on_stop},
        {"own:rate", on_rate},
        {"own:resume", on_resume},
        {"own:rollback", on_roll_back},
    };
    vf_autofree char *id = vf_strdup(vf_json_str(r->question.ask, "id"));
    vf_question_close(&r->question);
    r->front = FRONT_NONE;
    for (size_t i = 0; i < VF_COUNT(ours); i++)
        if (vf_streq(id, ours[i].id))
            ours[i].on(r, a->text);
}

/* ---- the table ---- */

static void do_answer(struct run *r)
{
    if (!r->watch.ask)
        return;
    r->front = FRONT_QUESTION;
    vf_question_open(&r->question, r->watch.ask);
}

static void do_detach(struct run *r)
{
    r->left = true;
}

static void do_back(struct run *r)
{
    r->back = true;
}

static void do_help(struct run *r);

static bool always(const struct run *r)
{
    return true;
}

static bool runs(const struct run *r)
{
    return !r->watch.end;
}

static bool over(const struct run *r)
{
    return !runs(r);
}

static bool copies(const struct run *r)
{
    return runs(r) && !r->watch.paused;
}

static bool paused(const struct run *r)
{
    return runs(r) && r->watch.paused;
}

static bool asked(const struct run *r)
{
    return r->watch.ask != NULL;
}

static bool ended(const struct run *r)
{
    return r->watch.end && r->front != FRONT_RESULT;
}

static bool can_resume(const struct run *r)
{
    return vf_result_can_resume(r->watch.end);
}

static bool can_go_back(const struct run *r)
{
    return vf_result_can_go_back(r->watch.end);
}

static bool is_member(const struct run *r)
{
    return r->member && r->front == FRONT_NONE;
}

/* In the order of their use: where there is no room for all, the last ones are not in the last row,
 * but for help. */
static const struct binding {
    int key, twin; /* TWIN: another key for the same; VF_KEY_NONE: none */
    const char *name, *label, *help;
    bool (*when)(const struct run *r);
    void (*run)(struct run *r);
} bindings[] = {
    {'a', VF_KEY_NONE, "a", N_("answer"), N_("The question that waits, when it was put aside."),
     asked, do_answer},
    {'r', VF_KEY_NONE, "r", N_("resume"), N_("Go on with the job from where it stopped."),
     can_resume, do_resume},
    {'b', VF_KEY_NONE, "b", N_("roll back"), N_("Put everything back as it was."), can_go_back,
     do_roll_back},
    {VF_KEY_ESC, VF_KEY_NONE, N_("Esc"), N_("list"), N_("Back to the list of all jobs."), is_member,
     do_back},
    {'d', VF_KEY_SUSPEND, "d", N_("leave it running"),
     N_("Close this screen; the job goes on. Come back with vmferry attach."), runs, do_detach},
    {'c', VF_KEY_INTERRUPT, "c", N_("stop"),
     N_("Ask whether the job is to stop: to go on later, or to put everything back."), runs,
     do_stop},
    {'p', VF_KEY_NONE, "p", N_("pause"), N_("Copy nothing more until p is pressed again."), copies,
     do_pause},
    {'p', VF_KEY_NONE, "p", N_("continue"), N_("Copy again."), paused, do_pause},
    {'r', VF_KEY_NONE, "r", N_("rate"), N_("How fast it may copy."), runs, do_rate},
    {'s', VF_KEY_NONE, "s", N_("result"), N_("How it ended."), ended, vf_run_show_result},
    {'q', VF_KEY_F1 + 9, "q", N_("quit"), N_("Leave."), over, do_stop},
    {'l', VF_KEY_F1 + 2, "l", N_("log"), N_("The end of the job's log file."), always,
     vf_run_read_log},
    {'m', VF_KEY_F1 + 3, "m", N_("messages"), N_("All messages so far."), always, do_messages},
    {'i', VF_KEY_NONE, "i", N_("details"), N_("A second line for each disk, or not."), runs,
     do_details},
    {'q', VF_KEY_F1 + 9, "q", N_("quit"), N_("Leave; while the job runs, it asks first."), runs,
     do_stop},
    {'?', VF_KEY_F1, "?", N_("help"), N_("This page."), always, do_help},
};

static void do_help(struct run *r)
{
    vf_autobuf struct vf_buf b = {0};
    for (size_t i = 0; i < VF_COUNT(bindings); i++)
        if (bindings[i].when(r))
            vf_run_add_help(&b, bindings[i].name, _("Esc"), bindings[i].help);
    vf_buf_puts(&b, _("\nArrows and Page Up/Down scroll; Esc goes back; ^L draws the screen anew.\n"
                      "Losing the terminal, or this program, does not end the job.\n"));
    show_text(r, FRONT_HELP, _("Keys"), vf_buf_take(&b));
}

size_t vf_run_keys(const struct run *r, struct vf_help_key *keys, size_t max)
{
    size_t n = 0;
    for (size_t i = 0; i < VF_COUNT(bindings) && n < max; i++)
        if (bindings[i].when(r))
            keys[n++] =
                (struct vf_help_key){bindings[i].key, _(bindings[i].name), _(bindings[i].label)};
    return n;
}

void vf_run_act(struct run *r, int key)
{
    for (size_t i = 0; i < VF_COUNT(bindings); i++)
        if ((bindings[i].key == key || bindings[i].twin == key) && bindings[i].when(r)) {
            r->front = FRONT_NONE;
            bindings[i].run(r);
            return;
        }
}
