/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "mover/owner.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* That the session has broken shows when it is read, by its end or its silence: who takes nothing
 * any more may have said BYE, which is still on its way. */
void vf_owner_reply(struct owner *o, uint8_t type, uint8_t flags, uint32_t id, struct vf_buf *b)
{
    if (o->control && !o->control->link.broken &&
        vf_link_send_fields(&o->control->link, type, flags, id, b, NULL) < 0)
        o->control->link.broken = true;
}

void vf_owner_wake(struct owner *o)
{
    uint64_t one = 1;
    if (write(o->wake_fd, &one, sizeof one) < 0)
        abort(); /* an eventfd takes 8 bytes */
}

void vf_owner_woken(struct owner *o)
{
    uint64_t n;
    while (read(o->wake_fd, &n, sizeof n) > 0)
        ;
}

/* -1: the program has gone, and there is nothing to stay for. */
static int read_commands(struct owner *o, struct vf_error **err)
{
    vf_autoerror struct vf_error *e = NULL;
    struct vf_frame f;
    int r = 0;
    while (o->control && !o->ending && (r = vf_link_poll(&o->control->link, &f, &e)) == 1)
        vf_command_run(o, &f);
    if (r < 0 && !vf_control_lost(o, e))
        return vf_fail_with(err, VF_STEAL(e));
    if (vf_control_given_up(o))
        return vf_fail(err, VF_E_NET, "the program has not come back");
    return 0;
}

/* Whoever ends us (cleanup, a newer start of the job, a node that shuts down) asks for what BYE
 * asks for: above all that the one-job key is taken back. */
static int await_term(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    pthread_sigmask(SIG_BLOCK, &set, NULL); /* before there are threads, which inherit it */
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int loop(struct owner *o, struct vf_error **err)
{
    while (!o->ending) {
        struct pollfd fds[] = {{.fd = o->control ? o->control->link.in : -1, .events = POLLIN},
                               {.fd = o->listener, .events = POLLIN},
                               {.fd = o->caller ? o->caller->link.in : -1, .events = POLLIN},
                               {.fd = o->wake_fd, .events = POLLIN},
                               {.fd = o->term_fd, .events = POLLIN}};
        if (vf_cancel_poll(NULL, fds, VF_COUNT(fds), o->passes ? VF_TICK_MS : vf_clock_limit(1000),
                           err) < 0)
            return -1;
        if (fds[4].revents)
            return vf_fail(err, VF_E_CANCELLED, "told to end by a signal");
        if (fds[1].revents)
            vf_stream_accept(o);
        if (fds[3].revents)
            vf_owner_woken(o);
        vf_answer_awaited(o);
        vf_control_hear(o);
        vf_answer_echo(o);
        vf_passes_reap(o);
        vf_passes_report(o);
        vf_notes_send(o);
        if (read_commands(o, err) < 0)
            return -1;
        if (o->control)
            vf_link_ping(&o->control->link);
        for (struct stream *s = o->streams; s; s = s->next)
            if (!s->ended)
                vf_link_ping(&s->link);
    }
    return 0;
}

/* The order matters: copies, then their disks (and qemu-nbd), then the streams. The threads of
 * streams end with the process. */
static void end_all(struct owner *o)
{
    vf_autoerror struct vf_error *e = NULL;
    if (o->key_file && vf_keyfile_remove(o->key_file, o->key_mark, &e) < 0)
        vf_warn("mover", "the one-job key is left: %s", vf_error_text(e));
    vf_passes_end(o);
    while (!o->passes && o->disks) {
        struct open_disk *d = o->disks;
        o->disks = d->next;
        vf_disk_free(d->disk);
        vf_open_disk_free(d);
    }
    vf_streams_end(o);
    vf_fence_remove_dir(o->dir);
}

static struct owner the_owner; /* lives as long as the process: threads of streams use it */

void vf_owner_note(const char *text)
{
    vf_notes_add(&the_owner, text);
}

int vf_serve(const struct vf_serve_opts *opts, struct vf_error **err)
{
    struct owner *o = &the_owner;
    o->job = opts->job;
    o->dir = opts->dir;
    o->epoch = opts->epoch;
    o->source = opts->source;
    o->listener = o->lock_fd = -1;
    vf_limit_init(&o->limit);
    pthread_mutex_init(&o->lock, NULL);
    pthread_cond_init(&o->idle, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, SIG_IGN); /* of a login that ends: we may have to outlive it */
    o->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    o->term_fd = await_term();
    if (o->wake_fd < 0 || o->term_fd < 0)
        return vf_fail_errno(err, errno, "eventfd, signalfd");
    if (vf_fence_lock(o, err) < 0 || vf_stream_listen(o, err) < 0)
        return -1;
    o->control = vf_control_new(0, 1, -1);
    vf_control_greet(o);
    vf_autoerror struct vf_error *e = NULL;
    int r = loop(o, &e);
    if (r < 0)
        vf_warn("mover", "ending: %s", vf_error_text(e));
    end_all(o);
    return vf_fail_with(r < 0 ? err : NULL, VF_STEAL(e)), r;
}
