/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "mover/owner.h"
#include "mover/squeeze.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { TICK_MS = 125, PROGRESS_MS = 250 };

/* ---- replies ---- */

/* That the session has broken shows when it is read. */
void vf_owner_reply(struct owner *o, uint8_t type, uint8_t flags, uint32_t id, struct vf_buf *b)
{
    if (o->control && !o->control->link.broken &&
        vf_link_send_fields(&o->control->link, type, flags, id, b, NULL) < 0)
        o->control->link.broken = true;
}

static void reply_error(struct owner *o, uint32_t id, const struct vf_error *e, uint8_t flags)
{
    vf_autobuf struct vf_buf b = {0};
    vf_field_error(&b, e);
    vf_owner_reply(o, VF_F_ERROR, flags, id, &b);
}

static void add_counters(struct vf_buf *b, struct vf_pass *p)
{
    struct vf_counters *c = &p->counters;
    vf_field_u64(b, VF_TAG_STAGE, (uint64_t)c->stage);
    vf_field_u64(b, VF_TAG_DONE, c->done);
    vf_field_u64(b, VF_TAG_READ, c->read);
    vf_field_u64(b, VF_TAG_SENT, c->sent);
    vf_field_u64(b, VF_TAG_ZEROES, c->zero);
    vf_field_u64(b, VF_TAG_SAME, c->same);
    vf_field_u64(b, VF_TAG_COMMITTED, c->committed);
    vf_field_u64(b, VF_TAG_VERIFIED, c->verified);
    vf_field_u64(b, VF_TAG_WIRE, c->wire);
}

/* Where a later pass may start. */
static void add_mark(struct vf_buf *b, struct vf_pass *p)
{
    pthread_mutex_lock(&p->lock);
    if (p->mark.done) {
        vf_field_u64(b, VF_TAG_RESUME, p->mark.done);
        vf_field_add(b, VF_TAG_STATE, p->mark.state, sizeof p->mark.state);
    }
    pthread_mutex_unlock(&p->lock);
}

void vf_owner_wake(struct owner *o)
{
    uint64_t one = 1;
    if (write(o->wake_fd, &one, sizeof one) < 0)
        abort(); /* an eventfd takes 8 bytes */
}

/* ---- passes ---- */

/* Under the lock. */
static struct running *find_pass(struct owner *o, uint32_t id)
{
    struct running *r = o->passes;
    while (r && r->pass->id != id)
        r = r->next;
    return r;
}

bool vf_owner_frame(struct owner *o, struct vf_link *link, const struct vf_frame *f)
{
    pthread_mutex_lock(&o->lock);
    struct running *r = find_pass(o, f->id);
    if (r)
        r->busy++;
    pthread_mutex_unlock(&o->lock);
    if (!r)
        return false;
    r->pass->ops->frame(r->pass, link, f);
    pthread_mutex_lock(&o->lock);
    r->busy--;
    pthread_cond_broadcast(&o->idle);
    pthread_mutex_unlock(&o->lock);
    return true;
}

void vf_owner_link_ended(struct owner *o, struct vf_link *link, const struct vf_error *why)
{
    pthread_mutex_lock(&o->lock);
    for (struct running *r = o->passes; r; r = r->next)
        if (vf_pass_uses(r->pass, link))
            /* an end has its reason on the other side; what is garbled has not */
            vf_pass_abort(r->pass, vf_error_copy(why), vf_error_code(why) == VF_E_NET);
    pthread_mutex_unlock(&o->lock);
}

/* Under the lock, and P started under it: the answer to its first frame must find it in the list.
 */
static void add_pass(struct owner *o, struct vf_pass *p)
{
    struct running *r = vf_xcalloc(1, sizeof *r);
    r->pass = p;
    r->next = o->passes;
    o->passes = r;
}

/* Takes a finished pass out of the list once no stream is inside it. */
static struct running *take_finished(struct owner *o)
{
    pthread_mutex_lock(&o->lock);
    struct running **p = &o->passes;
    while (*p && !(*p)->pass->finished)
        p = &(*p)->next;
    struct running *r = *p;
    while (r && r->busy)
        pthread_cond_wait(&o->idle, &o->lock);
    if (r) {
        /* the list may have changed while we waited, but only this thread changes it */
        *p = r->next;
    }
    pthread_mutex_unlock(&o->lock);
    return r;
}

/* Tells the other side of a pass that failed here. */
static void tell_peer(struct owner *o, struct vf_pass *p)
{
    struct vf_link *link = NULL;
    for (size_t i = 0; i < p->n_links && !link; i++)
        link = p->links[i]->broken ? NULL : p->links[i];
    if (!link || p->echo)
        return;
    vf_autobuf struct vf_buf b = {0};
    vf_field_error(&b, p->error);
    /* the stream's own thread notices when it is gone */
    vf_link_send_fields(link, VF_F_ERROR, 0, p->id, &b, NULL);
}

static void reap_passes(struct owner *o)
{
    struct running *r;
    while ((r = take_finished(o))) {
        struct vf_pass *p = r->pass;
        vf_autobuf struct vf_buf b = {0};
        if (p->error) {
            tell_peer(o, p);
            vf_field_error(&b, p->error);
            add_mark(&b, p);
        } else {
            vf_field_add(&b, VF_TAG_HASH, p->hash.b, VF_HASH_LEN);
            vf_field_str(&b, VF_TAG_HOW, p->how);
        }
        add_counters(&b, p);
        vf_outcome_add(o, p->id, p->error ? VF_F_ERROR : VF_F_COPIED, p->echo ? VF_FF_ECHO : 0, &b);
        p->ops->free(p);
        free(r);
    }
}

static void send_progress(struct owner *o, struct vf_pass *p)
{
    vf_autobuf struct vf_buf b = {0};
    add_counters(&b, p);
    add_mark(&b, p);
    vf_owner_reply(o, VF_F_PROGRESS, 0, p->id, &b);
}

static void report_progress(struct owner *o)
{
    int64_t now = vf_clock_ms();
    for (struct running *r = o->passes; r; r = r->next) { /* only this thread changes the list */
        if (now - r->reported_ms < PROGRESS_MS)
            continue;
        r->reported_ms = now;
        send_progress(o, r->pass);
    }
}

/* ---- commands of the program ---- */

static struct open_disk *find_disk(struct owner *o, uint32_t id, struct vf_error **err)
{
    for (struct open_disk *d = o->disks; d; d = d->next)
        if (d->id == id)
            return d;
    vf_fail(err, VF_E_INTERNAL, "disk %u is not open", id);
    return NULL;
}

static bool in_use(struct owner *o, uint32_t id)
{
    pthread_mutex_lock(&o->lock);
    bool found = find_pass(o, id) != NULL;
    pthread_mutex_unlock(&o->lock);
    return found;
}

static int on_open(struct owner *o, const struct vf_frame *f, struct vf_error **err)
{
    vf_autofree char *path = vf_field_text(f, VF_TAG_PATH);
    vf_autofree char *format = vf_field_text(f, VF_TAG_FORMAT);
    bool write = vf_field_num(f, VF_TAG_WRITE, 0);
    if (!path || !format || find_disk(o, f->id, NULL))
        return vf_fail(err, VF_E_INTERNAL, "OPEN without path or format, or twice");
    if (write && !vf_field_num(f, VF_TAG_OURS, 0))
        return vf_fail(err, VF_E_CONFLICT,
                       "%s was not allocated by this job, so nothing is written to it", path);
    /* an older owner of a source has no program any more, but the disk's locks */
    if (vf_fence_older(o, err) < 0)
        return -1;
    struct vf_disk_spec spec = {.path = path,
                                .format = format,
                                .write = write,
                                .live = vf_field_num(f, VF_TAG_LIVE, 0),
                                .dir = o->dir};
    struct vf_disk *disk = vf_disk_open(&spec, err);
    if (!disk)
        return -1;
    struct open_disk *d = vf_xcalloc(1, sizeof *d);
    *d = (struct open_disk){.next = o->disks, .id = f->id, .disk = disk};
    o->disks = d;
    vf_autobuf struct vf_buf b = {0};
    vf_field_u64(&b, VF_TAG_SIZE, disk->size);
    vf_field_u64(&b, VF_TAG_UNIT, disk->unit);
    vf_field_u64(&b, VF_TAG_MEDIA, disk->media);
    /* what a VM writes to is never as it was */
    vf_autofree char *identity = spec.live        ? vf_strdup("")
                                 : disk->identity ? vf_strdup(disk->identity)
                                                  : vf_image_identity(path, format);
    vf_field_str(&b, VF_TAG_IDENTITY, identity);
    vf_field_str(&b, VF_TAG_TEXT, disk->name);
    vf_owner_reply(o, VF_F_OPENED, 0, f->id, &b);
    return 0;
}

static int on_close(struct owner *o, const struct vf_frame *f, struct vf_error **err)
{
    if (!find_disk(o, f->id, err))
        return -1;
    if (in_use(o, f->id))
        return vf_fail(err, VF_E_INTERNAL, "disk %u is being copied", f->id);
    struct open_disk **p = &o->disks;
    while ((*p)->id != f->id)
        p = &(*p)->next;
    struct open_disk *d = *p;
    *p = d->next;
    vf_outcome_forget(o, f->id);
    int r = vf_disk_close(d->disk, err);
    free(d);
    if (r == 0)
        vf_owner_reply(o, VF_F_OK, 0, f->id, NULL);
    return r;
}

static int on_connect(struct owner *o, const struct vf_frame *f, struct vf_error **err)
{
    if (vf_stream_connect(o, f, err) < 0)
        return -1;
    vf_owner_reply(o, VF_F_OK, 0, f->id, NULL);
    return 0;
}

/* Answers for the awaited streams that have come, or have ended before they could be used. */
static void answer_awaited(struct owner *o)
{
    for (size_t i = 0; i < VF_COUNT(o->awaited); i++) {
        uint32_t id = o->awaited[i];
        vf_autoerror struct vf_error *e = NULL;
        int came = id ? vf_stream_came(o, id, &e) : 0;
        if (!came)
            continue;
        o->awaited[i] = 0;
        if (came > 0)
            vf_owner_reply(o, VF_F_OK, 0, id, NULL);
        else
            reply_error(o, id, e, 0);
    }
}

static int on_echo(struct owner *o, const struct vf_frame *f, struct vf_error **err)
{
    return vf_echo_ask(o, f->id, err);
}

static void answer_echo(struct owner *o)
{
    uint32_t id;
    uint64_t took_us;
    if (!vf_echo_came(o, &id, &took_us))
        return;
    vf_autobuf struct vf_buf b = {0};
    vf_field_u64(&b, VF_TAG_USEC, took_us);
    vf_owner_reply(o, VF_F_OK, 0, id, &b);
}

static int on_await(struct owner *o, const struct vf_frame *f, struct vf_error **err)
{
    size_t i = 0;
    while (i < VF_COUNT(o->awaited) && o->awaited[i] && o->awaited[i] != f->id)
        i++;
    if (i == VF_COUNT(o->awaited))
        return vf_fail(err, VF_E_INTERNAL, "too many streams are waited for");
    o->awaited[i] = f->id;
    answer_awaited(o);
    return 0;
}

/* Where a pass over a disk of SIZE bytes starts. */
static int find_start(const struct vf_frame *f, uint64_t size, uint64_t *from,
                      struct vf_hasher **hasher, struct vf_error **err)
{
    const char *state = NULL;
    size_t n = 0;
    *from = vf_field_num(f, VF_TAG_RESUME, 0);
    *hasher = NULL;
    if (!*from)
        return 0;
    vf_field_find(f, VF_TAG_STATE, &state, &n);
    if (*from % VF_DISK_CHUNK == 0 && *from <= size)
        *hasher = vf_hasher_restore(state, n, *from / VF_DISK_CHUNK);
    return *hasher ? 0
                   : vf_fail(err, VF_E_CONFLICT,
                             "what is known of an earlier copy is of no use to this mover");
}

static int on_receive(struct owner *o, const struct vf_frame *f, struct vf_error **err)
{
    struct open_disk *d = find_disk(o, f->id, err);
    uint64_t size = vf_field_num(f, VF_TAG_SIZE, 0);
    if (!d)
        return -1;
    if (in_use(o, f->id) || !d->disk->writable || !size)
        return vf_fail(err, VF_E_INTERNAL, "disk %u cannot receive now", f->id);
    if (size > d->disk->size)
        return vf_fail(err, VF_E_NOSPACE, "%s has %llu bytes, the source's disk has %llu",
                       d->disk->name, (unsigned long long)d->disk->size, (unsigned long long)size);
    uint64_t from;
    struct vf_hasher *hasher;
    if (find_start(f, size, &from, &hasher, err) < 0)
        return -1;
    struct vf_target_opts t = {
        .id = f->id,
        .disk = d->disk,
        .size = size,
        .verify = vf_field_num(f, VF_TAG_VERIFY, 1),
        .fresh = vf_field_num(f, VF_TAG_FRESH, 0),
        .delta = vf_field_num(f, VF_TAG_DELTA, 0),
        .wake_fd = o->wake_fd,
        .from = from,
        .hasher = hasher,
    };
    vf_outcome_forget(o, f->id);
    pthread_mutex_lock(&o->lock);
    add_pass(o, vf_target_start(&t));
    pthread_mutex_unlock(&o->lock);
    vf_owner_reply(o, VF_F_OK, 0, f->id, NULL);
    return 0;
}

/* The streams that carry a disk: as many as STREAMS says, numbered from STREAM on. */
static int find_streams(struct owner *o, const struct vf_frame *f, struct vf_link **links,
                        size_t *n, struct vf_error **err)
{
    uint64_t first = vf_field_num(f, VF_TAG_STREAM, 0), count = vf_field_num(f, VF_TAG_STREAMS, 1);
    if (!count || count > VF_PASS_STREAMS)
        return vf_fail(err, VF_E_INTERNAL, "SEND over %llu streams", (unsigned long long)count);
    for (*n = 0; *n < count; ++*n) {
        struct stream *s = vf_stream_find(o, (uint32_t)(first + *n));
        if (!s)
            return vf_fail(err, VF_E_INTERNAL, "there is no stream %llu",
                           (unsigned long long)(first + *n));
        if (s->ended)
            return vf_fail(err, vf_error_code(s->why), "the connection to the other mover: %s",
                           vf_error_text(s->why));
        links[*n] = &s->link;
    }
    return 0;
}

static int on_send(struct owner *o, const struct vf_frame *f, struct vf_error **err)
{
    struct open_disk *d = find_disk(o, f->id, err);
    struct vf_link *links[VF_PASS_STREAMS];
    size_t n = 0;
    if (!d || find_streams(o, f, links, &n, err) < 0)
        return -1;
    if (in_use(o, f->id))
        return vf_fail(err, VF_E_INTERNAL, "disk %u cannot be sent now", f->id);
    if (vf_field_num(f, VF_TAG_SIZE, 0) != d->disk->size)
        return vf_fail(err, VF_E_CONFLICT, "%s has changed its size to %llu bytes", d->disk->name,
                       (unsigned long long)d->disk->size);
    uint64_t from;
    struct vf_hasher *hasher;
    if (find_start(f, d->disk->size, &from, &hasher, err) < 0)
        return -1;
    vf_outcome_forget(o, f->id);
    vf_limit_set(&o->limit, vf_field_num(f, VF_TAG_RATE, o->limit.rate));
    struct vf_source_opts so = {
        .id = f->id,
        .disk = d->disk,
        .links = links,
        .n_links = n,
        .compress = (unsigned)vf_field_num(f, VF_TAG_COMPRESS, VF_COMPRESS_AUTO),
        .delta = vf_field_num(f, VF_TAG_DELTA, 0),
        .wake_fd = o->wake_fd,
        .from = from,
        .hasher = hasher,
    };
    pthread_mutex_lock(&o->lock);
    add_pass(o, vf_source_start(&so));
    pthread_mutex_unlock(&o->lock);
    for (struct stream *s = o->streams; s; s = s->next)
        if (s->ended) /* meanwhile */
            vf_owner_link_ended(o, &s->link, s->why);
    vf_owner_reply(o, VF_F_OK, 0, f->id, NULL);
    return 0;
}

static int on_watch(struct owner *o, const struct vf_frame *f, struct vf_error **err)
{
    for (struct running *r = o->passes; r; r = r->next) { /* only this thread changes the list */
        if (r->pass->id != f->id)
            continue;
        send_progress(o, r->pass);
        return 0;
    }
    return vf_outcome_repeat(o, f->id)
               ? 0
               : vf_fail(err, VF_E_NOTFOUND, "disk %u is not being copied", f->id);
}

/* Not answered: it comes in the middle of a copy. */
static int on_rate(struct owner *o, const struct vf_frame *f, struct vf_error **err)
{
    vf_limit_set(&o->limit, vf_field_num(f, VF_TAG_RATE, 0));
    return 0;
}

static int on_cancel(struct owner *o, const struct vf_frame *f, struct vf_error **err)
{
    pthread_mutex_lock(&o->lock);
    struct running *r = find_pass(o, f->id);
    if (r) {
        struct vf_error *e = NULL;
        vf_fail(&e, VF_E_CANCELLED, "the copy was cancelled");
        vf_pass_abort(r->pass, e, true);
    }
    pthread_mutex_unlock(&o->lock);
    return 0; /* the pass answers with its ERROR; when it has ended it has answered already */
}

static int on_key_file(struct owner *o, const struct vf_frame *f, struct vf_error **err)
{
    vf_autofree char *path = vf_field_text(f, VF_TAG_PATH);
    vf_autofree char *mark = vf_field_text(f, VF_TAG_TEXT);
    if (!path || !mark)
        return vf_fail(err, VF_E_INTERNAL, "KEY_FILE without path or mark");
    vf_str_set(&o->key_file, path);
    vf_str_set(&o->key_mark, mark);
    vf_owner_reply(o, VF_F_OK, 0, f->id, NULL);
    return 0;
}

static int on_source(struct owner *o, const struct vf_frame *f, struct vf_error **err)
{
    if (!o->source)
        return vf_fail(err, VF_E_UNSUPPORTED, "this mover logs in nowhere: it takes no SOURCE");
    if (o->source(f, err) < 0)
        return -1;
    vf_owner_reply(o, VF_F_OK, 0, f->id, NULL);
    return 0;
}

static int on_bye(struct owner *o, const struct vf_frame *f, struct vf_error **err)
{
    o->ending = true;
    return 0;
}

static int on_hello(struct owner *o, const struct vf_frame *f, struct vf_error **err)
{
    vf_autofree char *job = vf_field_text(f, VF_TAG_JOB);
    if (vf_hello_check(f, err) < 0)
        return -1;
    if (!vf_streq(job, o->job))
        return vf_fail(err, VF_E_CONFLICT, "this mover belongs to job %s", o->job);
    o->greeted = true;
    return 0;
}

static const struct {
    uint8_t type;
    int (*run)(struct owner *o, const struct vf_frame *f, struct vf_error **err);
} commands[] = {
    {VF_F_HELLO, on_hello},     {VF_F_OPEN, on_open},       {VF_F_CLOSE, on_close},
    {VF_F_CONNECT, on_connect}, {VF_F_RECEIVE, on_receive}, {VF_F_SEND, on_send},
    {VF_F_CANCEL, on_cancel},   {VF_F_BYE, on_bye},         {VF_F_KEY_FILE, on_key_file},
    {VF_F_RATE, on_rate},       {VF_F_AWAIT, on_await},     {VF_F_WATCH, on_watch},
    {VF_F_ECHO, on_echo},       {VF_F_SOURCE, on_source},
};

static void on_command(struct owner *o, const struct vf_frame *f)
{
    vf_autoerror struct vf_error *e = NULL;
    if (!o->greeted && f->type != VF_F_HELLO) {
        vf_fail(&e, VF_E_CONFLICT, "%s before HELLO was accepted", vf_frame_name(f->type));
        reply_error(o, f->id, e, 0);
        return;
    }
    for (size_t i = 0; i < VF_COUNT(commands); i++) {
        if (commands[i].type != f->type)
            continue;
        if (commands[i].run(o, f, &e) < 0)
            reply_error(o, f->id, e, 0);
        return;
    }
    vf_fail(&e, VF_E_UNSUPPORTED, "this mover does not know %s (type %u)", vf_frame_name(f->type),
            f->type);
    reply_error(o, f->id, e, 0);
}

/* ---- the loop ---- */

/* -1: the program has gone, and there is nothing to stay for. */
static int read_commands(struct owner *o, struct vf_error **err)
{
    vf_autoerror struct vf_error *e = NULL;
    struct vf_frame f;
    int r = 0;
    while (o->control && !o->ending && (r = vf_link_poll(&o->control->link, &f, &e)) == 1)
        on_command(o, &f);
    if (r == 0 && o->control && o->control->link.broken)
        r = vf_fail(&e, VF_E_NET, "it takes no answers");
    if (r < 0 && !vf_control_lost(o, e))
        return vf_fail_with(err, VF_STEAL(e));
    if (vf_control_given_up(o))
        return vf_fail(err, VF_E_NET, "the program has not come back");
    return 0;
}

static void drain(int fd)
{
    uint64_t n;
    while (read(fd, &n, sizeof n) > 0)
        ;
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
        if (vf_cancel_poll(NULL, fds, VF_COUNT(fds), o->passes ? TICK_MS : vf_clock_limit(1000),
                           err) < 0)
            return -1;
        if (fds[4].revents)
            return vf_fail(err, VF_E_CANCELLED, "told to end by a signal");
        if (fds[1].revents)
            vf_stream_accept(o);
        if (fds[3].revents)
            drain(o->wake_fd);
        answer_awaited(o);
        vf_control_hear(o);
        answer_echo(o);
        reap_passes(o);
        report_progress(o);
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

/* The passes are ended and waited for, so that the disks can be closed in order. */
static void end_passes(struct owner *o)
{
    pthread_mutex_lock(&o->lock);
    for (struct running *r = o->passes; r; r = r->next) {
        struct vf_error *e = NULL;
        vf_fail(&e, VF_E_CANCELLED, "the program has gone");
        vf_pass_abort(r->pass, e, false);
    }
    pthread_mutex_unlock(&o->lock);
    int64_t end = vf_clock_ms() + VF_T_CONNECT;
    while (o->passes && vf_clock_ms() < end) {
        struct pollfd p = {.fd = o->wake_fd, .events = POLLIN};
        vf_cancel_poll(NULL, &p, 1, TICK_MS, NULL);
        drain(o->wake_fd);
        struct running *r = take_finished(o);
        if (r) {
            tell_peer(o, r->pass);
            r->pass->ops->free(r->pass);
            free(r);
        }
    }
}

/* The order matters: copies, then their disks (and qemu-nbd), then the streams. The threads of
 * streams end with the process. */
static void end_all(struct owner *o)
{
    vf_autoerror struct vf_error *e = NULL;
    if (o->key_file && vf_keyfile_remove(o->key_file, o->key_mark, &e) < 0)
        vf_warn("mover", "the one-job key is left: %s", vf_error_text(e));
    end_passes(o);
    while (!o->passes && o->disks) {
        struct open_disk *d = o->disks;
        o->disks = d->next;
        vf_disk_free(d->disk);
        free(d);
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
