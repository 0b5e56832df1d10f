/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "job/client.h"
#include "job/journal.h"
#include "job/server.h"
#include "job/state.h"
#include "base/clock.h"
#include "base/fdio.h"
#include "base/i18n.h"
#include "base/str.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

enum {
    MAX_LINE = 4 * 1024 * 1024,
    OPEN_MS = 5000, /* for what a process does between its lock and its socket, or the reverse */
    OPEN_STEP_MS = 20,
    ANSWER_MS = 10 * 1000,
};

struct vf_client {
    int fd; /* -1: the journal is read */
    struct vf_buf in;
    struct vf_journal *journal;
    size_t next;
    char *dir;
    bool ended; /* the "end" event was there */
};

/* The socket of the job's process; -1 and NOTFOUND when there is none, which a job that is held
 * gets, or has just had; NET: it does not answer. */
static int reach(const char *dir, struct vf_error **err)
{
    for (int64_t end = vf_clock_ms() + OPEN_MS;;) {
        vf_autoerror struct vf_error *why = NULL;
        int fd = vf_server_connect(dir, &why);
        bool again = vf_error_code(why) == VF_E_NOTFOUND || vf_error_code(why) == VF_E_NET;
        if (fd >= 0 || !again || vf_clock_ms() >= end || !vf_job_is_locked(dir, NULL, NULL))
            return fd >= 0 ? fd : vf_fail_with(err, VF_STEAL(why));
        if (vf_cancel_sleep(NULL, OPEN_STEP_MS, err) < 0)
            return -1;
    }
}

struct vf_client *vf_client_open(const char *id, struct vf_error **err)
{
    vf_autofree char *dir = vf_job_dir(id);
    vf_autoerror struct vf_error *why = NULL;
    struct vf_client *c = vf_xcalloc(1, sizeof *c);
    c->fd = reach(dir, &why);
    c->dir = VF_STEAL(dir);
    if (c->fd >= 0)
        return c;
    if (vf_error_code(why) == VF_E_NOTFOUND) {
        c->journal = vf_journal_open(c->dir, true, err);
        if (c->journal)
            return c;
    } else {
        vf_fail_with(err, VF_STEAL(why));
    }
    vf_client_free(c);
    return NULL;
}

void vf_client_free(struct vf_client *c)
{
    if (!c)
        return;
    if (c->fd >= 0)
        close(c->fd);
    vf_buf_free(&c->in);
    vf_journal_free(c->journal);
    free(c->dir);
    free(c);
}

int vf_client_fd(const struct vf_client *c)
{
    return c->fd;
}

/* How the process ended that has hung up: it waits for nobody, so who did not read all that while
 * has not heard it. NULL: it was cut off. */
static json_t *end_written(const struct vf_client *c)
{
    vf_auto(vf_journal_free) struct vf_journal *j = vf_journal_open(c->dir, true, NULL);
    const json_t *events = j ? vf_journal_events(j) : NULL;
    for (size_t i = json_array_size(events); i-- > 0;) {
        json_t *e = json_array_get(events, i);
        const char *type = vf_json_str(e, "type");
        if (vf_streq(type, "end"))
            return json_incref(e);
        if (vf_streq(type, "start"))
            return NULL;
    }
    return NULL;
}

/* After all that it has said. */
static json_t *hung_up(struct vf_client *c, struct vf_error **err)
{
    json_t *e = c->ended ? NULL : end_written(c);
    c->ended = c->ended || e;
    if (!e)
        vf_fail(err, VF_E_NET, _("the job's process is gone"));
    return e;
}

static json_t *from_journal(struct vf_client *c, struct vf_error **err)
{
    const json_t *events = vf_journal_events(c->journal);
    size_t n = json_array_size(events);
    while (c->next < n) {
        json_t *e = json_array_get(events, c->next++);
        bool end = vf_streq(vf_json_str(e, "type"), "end");
        for (size_t i = c->next; end && i < n; i++) /* of an earlier process */
            end = !vf_streq(vf_json_str(json_array_get(events, i), "type"), "start");
        if (end || !vf_streq(vf_json_str(e, "type"), "end"))
            return json_incref(e);
    }
    vf_fail(err, VF_E_NET, _("the job's process ended before its work was done"));
    return NULL;
}

json_t *vf_client_next(struct vf_client *c, struct vf_error **err)
{
    if (c->journal)
        return from_journal(c, err);
    for (;;) {
        char *nl = c->in.len ? memchr(c->in.data, '\n', c->in.len) : NULL;
        if (nl) {
            size_t n = (size_t)(nl - c->in.data);
            json_t *e = vf_event_parse(c->in.data, n);
            vf_buf_consume(&c->in, n + 1);
            c->ended = c->ended || vf_streq(vf_json_str(e, "type"), "end");
            if (e)
                return e;
            continue;
        }
        if (c->in.len > MAX_LINE) {
            vf_fail(err, VF_E_CORRUPT, _("the job's process sends no lines"));
            return NULL;
        }
        char *room = vf_buf_room(&c->in, 65536);
        ssize_t n = read(c->fd, room, 65536);
        if (n > 0) {
            c->in.len += (size_t)n;
        } else if (n < 0 && errno == EINTR) {
            continue;
        } else {
            return n == 0 || errno != EAGAIN ? hung_up(c, err) : NULL;
        }
    }
}

void vf_client_wait_end(struct vf_client *c, int timeout_ms)
{
    int64_t end = vf_clock_ms() + timeout_ms;
    while (c->fd >= 0) {
        vf_autoerror struct vf_error *gone = NULL;
        vf_autojson json_t *e = vf_client_next(c, &gone);
        int64_t left = end - vf_clock_ms();
        if (gone || left <= 0)
            return;
        struct pollfd p = {.fd = c->fd, .events = POLLIN};
        if (!e && vf_cancel_poll(NULL, &p, 1, (int)left, NULL) < 0)
            return;
    }
}

static int send_line(struct vf_client *c, json_t *o, struct vf_error **err)
{
    if (c->fd < 0) {
        json_decref(o);
        return vf_fail(err, VF_E_NOTFOUND, _("the job's process is not running"));
    }
    char *line = vf_event_line(o);
    size_t n = strlen(line), put = 0;
    int r = 0;
    while (r == 0 && put < n) {
        ssize_t w = send(c->fd, line + put, n - put, MSG_NOSIGNAL);
        struct pollfd p = {.fd = c->fd, .events = POLLOUT};
        if (w > 0)
            put += (size_t)w;
        else if (errno == EPIPE || errno == ECONNRESET)
            r = vf_fail(err, VF_E_NOTFOUND, _("the job's process is gone"));
        else if (errno != EAGAIN && errno != EINTR)
            r = vf_fail_errno(err, errno, "%s", _("talking to the job's process"));
        else if ((r = vf_cancel_poll(NULL, &p, 1, ANSWER_MS, err)) == 0)
            r = vf_fail(err, VF_E_NET, _("the job's process does not answer"));
        else
            r = r < 0 ? -1 : 0;
    }
    vf_wipe(line, n);
    free(line);
    return r;
}

int vf_client_answer(struct vf_client *c, int64_t ask, const char *text,
                     const struct vf_secret *secret, struct vf_error **err)
{
    json_t *o = json_pack("{s:s, s:I}", "type", "answer", "ask", (json_int_t)ask);
    if (text)
        json_object_set_new(o, "text", json_string(text));
    if (secret)
        json_object_set_new(o, "secret", json_string(vf_secret_text(secret)));
    return send_line(c, o, err);
}

int vf_client_cancel(struct vf_client *c, bool keep, struct vf_error **err)
{
    return send_line(c, json_pack("{s:s, s:b}", "type", "cancel", "keep", keep), err);
}

/* Is E the answer to REQUEST? */
static bool answers(const json_t *e, const char *request)
{
    return vf_streq(vf_json_str(e, "type"), "rate") && vf_streq(vf_json_str(e, "request"), request);
}

/* Sends O (taken) and waits for its "rate" event. */
static int ask_rate(struct vf_client *c, json_t *o, int timeout_ms, struct vf_error **err)
{
    vf_autofree char *request = vf_asprintf("%d-%lld", (int)getpid(), (long long)vf_clock_ms());
    json_object_set_new(o, "request", json_string(request));
    if (send_line(c, o, err) < 0)
        return -1;
    if (!timeout_ms)
        return 0;
    int64_t end = vf_clock_ms() + timeout_ms, left = timeout_ms;
    for (; left > 0; left = end - vf_clock_ms()) {
        vf_autoerror struct vf_error *gone = NULL;
        vf_autojson json_t *e = vf_client_next(c, &gone);
        const json_t *refused = json_object_get(e, "error");
        if (answers(e, request) && refused) {
            vf_fail_with(err, vf_event_to_error(refused));
            return -1;
        }
        if (answers(e, request))
            return 0;
        if (gone) {
            vf_fail_with(err, VF_STEAL(gone));
            return -1;
        }
        struct pollfd p = {.fd = c->fd, .events = POLLIN};
        if (!e && vf_cancel_poll(NULL, &p, 1, (int)left, err) < 0)
            return -1;
    }
    return vf_fail(err, VF_E_NET, _("the job's process does not answer"));
}

int vf_client_rate(struct vf_client *c, uint64_t rate, int timeout_ms, struct vf_error **err)
{
    return ask_rate(c, json_pack("{s:s, s:I}", "type", "rate", "rate", (json_int_t)rate),
                    timeout_ms, err);
}

int vf_client_pause(struct vf_client *c, bool pause, int timeout_ms, struct vf_error **err)
{
    return ask_rate(c, json_pack("{s:s, s:b}", "type", "pause", "pause", pause), timeout_ms, err);
}
