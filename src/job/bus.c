/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "job/bus.h"
#include "base/i18n.h"
#include "base/str.h"

#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>

struct vf_bus {
    pthread_mutex_t lock, one_ask;
    char **lines;
    size_t n;
    int wake, answered;
    const struct vf_ask *open; /* the question that waits, or NULL */
    int64_t number;
    struct vf_answer answer;
    bool have_answer;
};

static void ring(int fd)
{
    uint64_t one = 1;
    if (write(fd, &one, sizeof one) < 0)
        abort();
}

static void hush(int fd)
{
    uint64_t n;
    if (read(fd, &n, sizeof n) < 0) {
        /* EAGAIN: it was quiet already */
    }
}

struct vf_bus *vf_bus_new(void)
{
    struct vf_bus *b = vf_xcalloc(1, sizeof *b);
    pthread_mutex_init(&b->lock, NULL);
    pthread_mutex_init(&b->one_ask, NULL);
    b->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    b->answered = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (b->wake < 0 || b->answered < 0)
        abort();
    return b;
}

void vf_bus_free(struct vf_bus *b)
{
    if (!b)
        return;
    for (size_t i = 0; i < b->n; i++)
        free(b->lines[i]);
    free(b->lines);
    vf_answer_clear(&b->answer);
    close(b->wake);
    close(b->answered);
    pthread_mutex_destroy(&b->lock);
    pthread_mutex_destroy(&b->one_ask);
    free(b);
}

/* Returns the line's number. */
static size_t say(struct vf_bus *b, char *line)
{
    pthread_mutex_lock(&b->lock);
    size_t i = b->n;
    *(char **)vf_grow(&b->lines, &b->n, sizeof *b->lines) = line;
    pthread_mutex_unlock(&b->lock);
    ring(b->wake);
    return i;
}

void vf_bus_say(struct vf_bus *b, char *line)
{
    say(b, line);
}

char *vf_bus_line(struct vf_bus *b, size_t i)
{
    pthread_mutex_lock(&b->lock);
    char *s = i < b->n ? vf_strdup(b->lines[i]) : NULL;
    pthread_mutex_unlock(&b->lock);
    return s;
}

int vf_bus_fd(const struct vf_bus *b)
{
    return b->wake;
}

void vf_bus_woken(struct vf_bus *b)
{
    hush(b->wake);
}

static json_t *ask_event(const struct vf_ask *q, int64_t number)
{
    static const char *const kinds[] = {"choice", "text", "secret"};
    vf_autofree char *title = vf_escape(q->title);
    json_t *e = vf_event_new("ask");
    json_object_set_new(e, "ask", json_integer(number));
    json_object_set_new(e, "id", json_string(q->id));
    json_object_set_new(e, "kind", json_string(kinds[q->kind]));
    json_object_set_new(e, "title", json_string(title));
    if (q->detail)
        json_object_set_new(e, "detail", json_string(q->detail));
    if (q->safe)
        json_object_set_new(e, "safe", json_string(q->safe));
    if (q->once)
        json_object_set_new(e, "once", json_true());
    if (q->waits)
        json_object_set_new(e, "waits", json_true());
    json_t *choices = json_array();
    for (size_t i = 0; i < q->n_choices; i++)
        json_array_append_new(choices, json_pack("{s:s, s:s}", "key", q->choices[i].key, "label",
                                                 q->choices[i].label));
    json_object_set_new(e, "choices", choices);
    return e;
}

static json_t *answered_event(int64_t number, const struct vf_answer *a)
{
    json_t *e = vf_event_new("answered");
    json_object_set_new(e, "ask", json_integer(number));
    if (a->text)
        json_object_set_new(e, "answer", json_string(a->text));
    return e;
}

enum { SETTLED_MS = 5000 };

/* Until somebody answers (1), Q has settled itself (0), or cancelled (-1). */
static int await_answer(struct vf_bus *b, const struct vf_ask *q, struct vf_cancel *cancel,
                        struct vf_error **err)
{
    struct pollfd p = {.fd = b->answered, .events = POLLIN};
    for (;;) {
        int r = vf_cancel_poll(cancel, &p, 1, q->settled ? SETTLED_MS : -1, err);
        if (r != 0 || q->settled(q->opaque))
            return r;
    }
}

static int bus_ask(void *opaque, const struct vf_ask *q, struct vf_cancel *cancel,
                   struct vf_answer *out, struct vf_error **err)
{
    struct vf_bus *b = opaque;
    *out = (struct vf_answer){0};
    pthread_mutex_lock(&b->one_ask);
    hush(b->answered);
    pthread_mutex_lock(&b->lock);
    b->open = q;
    b->have_answer = false;
    int64_t number = ++b->number;
    pthread_mutex_unlock(&b->lock);
    size_t asked = say(b, vf_event_line(ask_event(q, number)));
    int r = await_answer(b, q, cancel, err);
    pthread_mutex_lock(&b->lock);
    b->open = NULL;
    struct vf_answer a = b->answer;
    b->answer = (struct vf_answer){0};
    /* who comes now must not be asked what is settled */
    free(b->lines[asked]);
    b->lines[asked] = vf_strdup("");
    pthread_mutex_unlock(&b->lock);
    vf_bus_say(b, vf_event_line(answered_event(number, &a)));
    pthread_mutex_unlock(&b->one_ask);
    if (r > 0 && !a.text && !a.secret)
        r = vf_fail(err, q->kind == VF_ASK_SECRET ? VF_E_AUTH : VF_E_CANCELLED,
                    _("nobody answered: %s"), q->title);
    if (r < 0) {
        vf_answer_clear(&a);
        return -1;
    }
    *out = a;
    return 0;
}

struct vf_asker vf_bus_asker(struct vf_bus *b)
{
    return (struct vf_asker){.ask = bus_ask, .opaque = b};
}

static bool fits(const struct vf_ask *q, const char *text, const struct vf_secret *secret)
{
    if (!text && !secret)
        return true;
    if (q->kind == VF_ASK_SECRET)
        return secret != NULL;
    if (q->kind == VF_ASK_TEXT)
        return text != NULL;
    for (size_t i = 0; i < q->n_choices; i++)
        if (vf_streq(q->choices[i].key, text))
            return true;
    return false;
}

bool vf_bus_answer(struct vf_bus *b, int64_t number, const char *text, struct vf_secret *secret)
{
    pthread_mutex_lock(&b->lock);
    bool taken = b->open && b->number == number && !b->have_answer && fits(b->open, text, secret);
    if (taken) {
        b->answer = (struct vf_answer){.text = vf_strdup(text), .secret = VF_STEAL(secret)};
        b->have_answer = true;
        ring(b->answered); /* in here: later it might end the next question, without an answer */
    }
    pthread_mutex_unlock(&b->lock);
    vf_secret_free(secret);
    return taken;
}
