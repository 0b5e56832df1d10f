/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "ui/plain_priv.h"
#include "ui/progress_text.h"
#include "ui/say.h"
#include "ui/unfinished.h"
#include "job/client.h"
#include "job/job_text.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/i18n.h"
#include "base/str.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>

enum { LINE_EVERY_MS = 3000, END_WAIT_MS = 5000 };

int vf_progress_form(const char *word)
{
    static const char *const forms[] = {"plain", "json", "none"};
    for (size_t i = 0; i < VF_COUNT(forms); i++)
        if (vf_streq(word, forms[i]))
            return (int)i;
    vf_say(stderr, _("vmferry: %s cannot be '%s'\n"), "--progress", word);
    return -1;
}

void vf_plain_error(const struct vf_error *e)
{
    vf_autofree char *text = vf_escape(vf_error_text(e));
    fflush(stdout);
    vf_say(stderr, "vmferry: %s\n", text);
}

/* A line with how long the job has been followed before it: "[0:00:12] Copy the disks". */
static void line(const struct vf_follow *f, const char *before, const char *text)
{
    long s = (long)((vf_clock_ms() - f->begun) / 1000);
    vf_autofree char *safe = vf_escape(text);
    vf_autofree char *vm = f->vm ? vf_escape(f->vm) : NULL;
    vf_say(stdout, "[%ld:%02ld:%02ld] %s%s%s%s\n", s / 3600, s / 60 % 60, s % 60, vm ? vm : "",
           vm ? ": " : "", before, safe);
}

static void on_phase(struct vf_follow *f, const json_t *e)
{
    const char *state = vf_json_str(e, "state"), *title = vf_json_str(e, "title");
    if (vf_streq(state, "done"))
        return; /* the next step's line says so */
    line(f, vf_streq(state, "failed") ? _("FAILED: ") : "", title ? title : "?");
}

static void on_job(struct vf_follow *f, const json_t *e)
{
    vf_autofree char *text = vf_asprintf(_("Job %s"), vf_json_str(e, "job"));
    line(f, "", text);
}

/* With --progress=none only warnings, on standard error. */
static void on_note(struct vf_follow *f, const json_t *e)
{
    bool warn = vf_streq(vf_json_str(e, "level"), "warn");
    if (f->form == VF_PROGRESS_PLAIN) {
        line(f, warn ? _("warning: ") : "", vf_json_str(e, "text"));
    } else if (warn && f->form == VF_PROGRESS_NONE) {
        vf_autofree char *text = vf_escape(vf_json_str(e, "text")),
                         *vm = vf_asprintf(f->vm ? "%s: " : "%s", f->vm ? f->vm : ""),
                         *whose = vf_escape(vm);
        vf_say(stderr, _("warning: %s%s\n"), whose, text);
    }
}

/* Every few seconds where the copying is. What is over sooner has no such line. */
static void on_progress(struct vf_follow *f, const json_t *e)
{
    int64_t now = vf_clock_ms();
    if (!f->said)
        f->said = now;
    if (now - f->said < LINE_EVERY_MS)
        return;
    f->said = now;
    vf_autofree char *text = vf_progress_text(e);
    line(f, "", text);
}

char *vf_plain_limit(uint64_t rate)
{
    vf_autofree char *text = rate ? vf_format_rate(rate) : NULL;
    return text ? vf_asprintf(_("at most %s"), text) : vf_strdup(_("no limit"));
}

/* Somebody changed the limit; who was refused is told by the command. */
static void on_rate(struct vf_follow *f, const json_t *e)
{
    if (json_object_get(e, "error"))
        return;
    vf_autofree char *limit = vf_json_true(e, "paused")
                                  ? vf_strdup(_("paused (go on with: vmferry continue)"))
                                  : vf_plain_limit((uint64_t)vf_json_int(e, "rate"));
    vf_autofree char *text = vf_asprintf(_("Copying: %s"), limit);
    line(f, "", text);
}

/* A question that may wait is not answered with "wait": who is at a terminal leaves it open and
 * goes, who is not goes on watching. */
static void left_open(struct vf_follow *f)
{
    vf_say(stderr, _("The job waits. Come back with: vmferry attach %s\n"), f->id);
    f->left = vf_tty_there();
    if (f->left)
        f->exit = VF_EXIT_INTERRUPTED;
}

/* Does event E end the open question? */
static bool settles(const struct vf_follow *f, const json_t *e)
{
    const char *type = vf_json_str(e, "type");
    return vf_streq(type, "end") ||
           (vf_streq(type, "answered") && vf_json_int(e, "ask") == f->asking);
}

/* Does what has come on the job's line or as a signal end the open question? */
static bool is_settled(void *opaque)
{
    struct vf_follow *f = opaque;
    vf_autoerror struct vf_error *gone = NULL;
    json_t *e;
    while ((e = vf_client_next(f->client, &gone))) {
        f->settled = f->settled || settles(f, e);
        if (vf_streq(vf_json_str(e, "type"), "progress")) /* old news by then */
            json_decref(e);
        else
            json_array_append_new(f->held, e);
    }
    struct pollfd p = {.fd = f->signals, .events = POLLIN};
    return f->settled || gone || poll(&p, 1, 0) > 0;
}

/* Was question NUMBER answered before it is put here? Or ^C pressed, which is heard first? */
static bool is_over(struct vf_follow *f, int64_t number)
{
    f->asking = number;
    f->settled = false;
    for (size_t i = 0; i < json_array_size(f->held); i++)
        f->settled = f->settled || settles(f, json_array_get(f->held, i));
    return is_settled(f);
}

static void on_ask(struct vf_follow *f, const json_t *e)
{
    struct vf_ask_choice choices[16];
    struct vf_ask q;
    vf_event_ask(e, &q, choices, VF_COUNT(choices));
    vf_autofree char *title = f->vm && !(q.title && strstr(q.title, f->vm))
                                  ? vf_asprintf("%s: %s", f->vm, q.title ? q.title : "?")
                                  : vf_strdup(q.title);
    q.title = title;
    struct vf_answer a = {0};
    struct vf_tty_other other = {
        .fds = {f->signals, vf_client_fd(f->client)}, .settled = is_settled, .opaque = f};
    if (is_over(f, vf_json_int(e, "ask")))
        return;
    fflush(stdout);
    vf_tty_cache_turn(f->cache, f->id);
    if (vf_tty_cache_ask(f->cache, &q, NULL, &other, &a) == VF_TTY_LEFT) {
        if (f->settled)
            vf_say(stderr, _("\nNo answer is needed any more.\n"));
        return; /* no answer of ours: the job waits for one, from here or another terminal */
    }
    if (q.waits && !a.secret && vf_streq(a.text, q.safe)) {
        left_open(f);
        vf_answer_clear(&a);
        return;
    }
    vf_autoerror struct vf_error *err = NULL;
    if (vf_client_answer(f->client, vf_json_int(e, "ask"), a.text, a.secret, &err) < 0)
        vf_plain_error(err);
    vf_answer_clear(&a);
}

static void on_end(struct vf_follow *f, const json_t *e)
{
    const json_t *report = json_object_get(e, "report"), *error = json_object_get(e, "error");
    f->exit = (int)vf_json_int(e, "exit");
    f->ended = true;
    if (report && f->form != VF_PROGRESS_JSON) {
        vf_autofree char *text = vf_report_text(report);
        vf_say(stdout, "%s", text);
    }
    fflush(stdout);
    if (error && f->form != VF_PROGRESS_JSON) {
        vf_autofree char *text = vf_failure_text(e);
        vf_say(stderr, "%s", text);
    }
}

static const struct {
    const char *type;
    void (*on)(struct vf_follow *f, const json_t *e);
    bool quiet; /* also with --progress=none and json */
} handlers[] = {
    {"job", on_job, false},           {"phase", on_phase, false}, {"note", on_note, true},
    {"progress", on_progress, false}, {"ask", on_ask, true},      {"end", on_end, true},
    {"rate", on_rate, false},
};

static void handle(struct vf_follow *f, json_t *e)
{
    const char *type = vf_json_str(e, "type");
    if (f->form == VF_PROGRESS_JSON) {
        json_object_set_new(e, "job", json_string(f->id)); /* whose line it is */
        char *line = json_dumps(e, JSON_COMPACT | JSON_REAL_PRECISION(12));
        printf("%s\n", line ? line : "{}");
        free(line);
    }
    for (size_t i = 0; i < VF_COUNT(handlers); i++)
        if (vf_streq(type, handlers[i].type) && (handlers[i].quiet || f->form == VF_PROGRESS_PLAIN))
            handlers[i].on(f, e);
    fflush(stdout);
}

int vf_follow_open(struct vf_follow *f, struct vf_error **err)
{
    f->exit = -1;
    f->held = json_array();
    f->client = vf_client_open(f->id, err);
    return f->client ? 0 : -1;
}

void vf_follow_close(struct vf_follow *f)
{
    vf_client_free(f->client);
    json_decref(f->held);
    f->client = NULL;
    f->held = NULL;
}

int vf_follow_take(struct vf_follow *f, struct vf_error **err)
{
    while (f->exit < 0) {
        vf_autoerror struct vf_error *why = NULL;
        vf_autojson json_t *e = json_incref(json_array_get(f->held, 0));
        if (e)
            json_array_remove(f->held, 0);
        else
            e = vf_client_next(f->client, &why);
        if (why)
            return vf_fail_with(err, VF_STEAL(why));
        if (!e)
            return 0;
        handle(f, e);
    }
    return 1;
}

void vf_follow_lost(struct vf_follow *f, const struct vf_error *why)
{
    vf_plain_error(why);
    vf_say_ways(f->id);
    f->exit = VF_EXIT_INTERRUPTED;
}

void vf_follow_wait_end(struct vf_follow *f)
{
    if (f->ended)
        vf_client_wait_end(f->client, END_WAIT_MS);
}

int vf_follow_signal(int signals)
{
    struct signalfd_siginfo si;
    return read(signals, &si, sizeof si) == sizeof si ? (int)si.ssi_signo : 0;
}

static void fill(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGHUP);
}

void vf_plain_hold(sigset_t *before)
{
    sigset_t set;
    fill(&set);
    pthread_sigmask(SIG_BLOCK, &set, before);
}

void vf_plain_heed(const sigset_t *before)
{
    pthread_sigmask(SIG_SETMASK, before, NULL);
}

int vf_follow_signals(sigset_t *before)
{
    sigset_t set;
    fill(&set);
    vf_plain_hold(before);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int on_signal(struct vf_follow *f)
{
    int number = vf_follow_signal(f->signals);
    if (!number)
        return 0;
    if (++f->interrupts > 1 || number == SIGHUP) {
        vf_say(stderr, _("The job goes on. Come back with: vmferry attach %s\n"), f->id);
        return -1;
    }
    vf_say(stderr, _("Stopping; what a move did is put back (again: leave the job running) ...\n"));
    /* one that has ended in this instant has said so: that is read next */
    vf_autoerror struct vf_error *err = NULL;
    if (vf_client_cancel(f->client, false, &err) < 0 && vf_error_code(err) != VF_E_NOTFOUND)
        vf_plain_error(err);
    return 0;
}

static int loop(struct vf_follow *f, struct vf_error **err)
{
    int r;
    while ((r = vf_follow_take(f, err)) == 0) {
        struct pollfd p[2] = {{.fd = vf_client_fd(f->client), .events = POLLIN},
                              {.fd = f->signals, .events = POLLIN}};
        if (vf_cancel_poll(NULL, p, 2, -1, err) < 0)
            return -1;
        if (p[1].revents && on_signal(f) < 0)
            f->exit = VF_EXIT_INTERRUPTED;
    }
    return r < 0 ? -1 : 0;
}

int vf_plain_follow(const char *id, enum vf_progress_form form, struct vf_tty_cache *cache,
                    bool *stopped)
{
    vf_autoerror struct vf_error *err = NULL;
    struct vf_follow f = {.id = id, .form = form, .cache = cache, .begun = vf_clock_ms()};
    sigset_t before;
    vf_autofd int signals = vf_follow_signals(&before);
    f.signals = signals;
    vf_tty_cache_rewind(cache);
    if (vf_follow_open(&f, &err) < 0) {
        vf_plain_error(err);
        f.exit = VF_EXIT_FAILED;
    } else if (loop(&f, &err) < 0) {
        vf_follow_lost(&f, err);
    } else {
        vf_follow_wait_end(&f);
    }
    vf_plain_heed(&before);
    vf_follow_close(&f);
    if (stopped)
        *stopped = f.interrupts > 0;
    return f.exit;
}

static void say_secret(void *opaque, const char *whose, const char *said)
{
    vf_autofree char *text = vf_secret_waits_text(whose, said);
    vf_say(stderr, "vmferry: %s\n", text);
}

void vf_say_secrets(void)
{
    vf_secret_tell(say_secret, NULL);
}
