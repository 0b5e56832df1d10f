/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The owner's session with the program. It may end while copies run on between the hosts: a laptop
 * sleeps, its network goes. The owner then stays for a while, and a new session is brought to it by
 * `vmferry-mover attach`. */
#include "config.h"
#include "mover/owner.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"

#include <fcntl.h>
#include <unistd.h>

enum { HELLO_MS = 30 * 1000 };

struct control *vf_control_new(int in, int out, int notify)
{
    struct control *c = vf_xcalloc(1, sizeof *c);
    vf_link_init(&c->link, in, out);
    c->notify = notify;
    c->began_ms = vf_clock_ms();
    return c;
}

/* Nothing else may get the numbers of stdin, stdout and stderr. */
static void let_go(int *fd)
{
    int null = *fd <= STDERR_FILENO ? open("/dev/null", O_RDWR | O_CLOEXEC) : -1;
    if (null < 0)
        return;
    dup2(null, *fd);
    close(null);
    *fd = -1;
}

void vf_control_free(struct control *c)
{
    if (!c)
        return;
    let_go(&c->link.in);
    let_go(&c->link.out);
    vf_link_free(&c->link);
    if (c->notify >= 0)
        close(c->notify);
    free(c);
}

void vf_control_greet(struct owner *o)
{
    vf_autobuf struct vf_buf b = {0};
    vf_hello_fields(&b, "owner", o->job, o->epoch);
    vf_field_str(&b, VF_TAG_DIR, o->dir);
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    vf_field_u64(&b, VF_TAG_CORES, cores > 0 ? (uint64_t)cores : 1);
    vf_owner_reply(o, VF_F_HELLO, 0, 0, &b);
}

void vf_control_call(struct owner *o, int in, int out, int notify)
{
    vf_control_free(o->caller); /* who calls last is the one that lives */
    o->caller = vf_control_new(in, out, notify);
}

static int check_caller(struct owner *o, const struct vf_frame *f, struct vf_error **err)
{
    if (vf_hello_check(f, err) < 0)
        return -1;
    vf_autofree char *role = vf_field_text(f, VF_TAG_ROLE);
    vf_autofree char *job = vf_field_text(f, VF_TAG_JOB);
    if (!vf_streq(role, "program") || !vf_streq(job, o->job))
        return vf_fail(err, VF_E_CONFLICT, "this mover belongs to job %s", o->job);
    if (vf_field_num(f, VF_TAG_EPOCH, 0) < o->epoch)
        return vf_fail(err, VF_E_CONFLICT, "this mover belongs to a later start of the job");
    return 0;
}

void vf_control_hear(struct owner *o)
{
    struct control *c = o->caller;
    struct vf_frame f;
    vf_autoerror struct vf_error *e = NULL;
    if (!c)
        return;
    int r = vf_link_poll(&c->link, &f, &e);
    if (r == 0 && vf_clock_ms() - c->began_ms < HELLO_MS)
        return;
    o->caller = NULL;
    if (r == 1 && check_caller(o, &f, &e) == 0) {
        vf_control_free(o->control);
        o->control = c;
        o->greeted = true;
        vf_control_greet(o);
        return;
    }
    if (r == 1) {
        vf_autobuf struct vf_buf b = {0};
        vf_field_error(&b, e);
        vf_link_send_fields(&c->link, VF_F_ERROR, 0, 0, &b, NULL); /* or it sees the end */
    }
    vf_control_free(c);
}

bool vf_control_lost(struct owner *o, const struct vf_error *why)
{
    vf_control_free(o->control);
    o->control = NULL;
    o->away_ms = vf_clock_ms();
    /* the outcome of a copy counts as much as one that runs: the program has not seen it */
    bool stays = o->passes || o->outcomes;
    if (stays) {
        vf_warn("mover", "the program is away: %s", vf_error_text(why));
        /* sshd tells the end of a session only once stderr has ended, too: who slept and wakes up
         * sees it at once, not when nothing was heard for a minute more */
        int said = STDERR_FILENO;
        let_go(&said);
    }
    return stays;
}

/* A target that was told to receive, by a program that never came to tell the source, waits for a
 * BEGIN that nobody sends. Only the main thread changes the list. */
static bool copies(const struct owner *o)
{
    const struct running *r = o->passes;
    while (r && !r->pass->n_links)
        r = r->next;
    return r != NULL;
}

bool vf_control_given_up(struct owner *o)
{
    int64_t now = vf_clock_ms();
    if (copies(o))
        o->away_ms = now;
    return !o->control && now - o->away_ms > vf_clock_limit(VF_T_RECONNECT);
}

/* ---- outcomes ---- */

static struct outcome **find_outcome(struct owner *o, uint32_t id)
{
    struct outcome **p = &o->outcomes;
    while (*p && (*p)->id != id)
        p = &(*p)->next;
    return p;
}

static void send_outcome(struct owner *o, const struct outcome *x)
{
    vf_autobuf struct vf_buf b = {0};
    vf_buf_add(&b, x->fields.data, x->fields.len);
    vf_owner_reply(o, x->type, x->flags, x->id, &b);
}

void vf_outcome_add(struct owner *o, uint32_t id, uint8_t type, uint8_t flags,
                    struct vf_buf *fields)
{
    struct outcome *x = vf_xcalloc(1, sizeof *x);
    *x = (struct outcome){.id = id, .type = type, .flags = flags, .fields = *fields};
    *fields = (struct vf_buf){0};
    vf_outcome_forget(o, id);
    x->next = o->outcomes;
    o->outcomes = x;
    send_outcome(o, x);
}

void vf_outcome_forget(struct owner *o, uint32_t id)
{
    struct outcome **p = find_outcome(o, id), *x = *p;
    if (!x)
        return;
    *p = x->next;
    vf_buf_free(&x->fields);
    free(x);
}

bool vf_outcome_repeat(struct owner *o, uint32_t id)
{
    const struct outcome *x = *find_outcome(o, id);
    if (x)
        send_outcome(o, x);
    return x != NULL;
}

/* ---- notes ---- */

void vf_notes_add(struct owner *o, const char *text)
{
    pthread_mutex_lock(&o->lock);
    if (!o->notes)
        o->notes = vf_strv_new();
    vf_strv_add(&o->notes, text);
    pthread_mutex_unlock(&o->lock);
    vf_owner_wake(o);
}

void vf_notes_send(struct owner *o)
{
    if (!o->control || !o->greeted)
        return;
    pthread_mutex_lock(&o->lock);
    vf_autostrv char **notes = VF_STEAL(o->notes);
    pthread_mutex_unlock(&o->lock);
    for (size_t i = 0; notes && notes[i]; i++) {
        vf_autobuf struct vf_buf b = {0};
        vf_field_str(&b, VF_TAG_TEXT, notes[i]);
        vf_owner_reply(o, VF_F_NOTE, 0, 0, &b);
    }
}
