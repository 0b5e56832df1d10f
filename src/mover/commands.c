/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the program asks of an owner, a row of a table each. */
#include "config.h"
#include "mover/owner.h"
#include "mover/squeeze.h"
#include "base/str.h"

static void reply_error(struct owner *o, uint32_t id, const struct vf_error *e, uint8_t flags)
{
    vf_autobuf struct vf_buf b = {0};
    vf_field_error(&b, e);
    vf_owner_reply(o, VF_F_ERROR, flags, id, &b);
}

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
    bool found = vf_passes_find(o, id) != NULL;
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
    if (!write && !spec.live && !disk->identity) {
        d->path = vf_strdup(path);
        d->format = vf_strdup(format);
    }
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

void vf_open_disk_free(struct open_disk *d)
{
    free(d->path);
    free(d->format);
    free(d);
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
    vf_autobuf struct vf_buf b = {0};
    if (d->path) { /* what was written to meanwhile is not what was read */
        vf_autofree char *identity = vf_image_identity(d->path, d->format);
        vf_field_str(&b, VF_TAG_IDENTITY, identity);
    }
    int r = vf_disk_close(d->disk, err);
    vf_open_disk_free(d);
    if (r == 0)
        vf_owner_reply(o, VF_F_OK, 0, f->id, &b);
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
void vf_answer_awaited(struct owner *o)
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

void vf_answer_echo(struct owner *o)
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
    vf_answer_awaited(o);
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
    vf_passes_add(o, vf_target_start(&t));
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
    vf_passes_add(o, vf_source_start(&so));
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
        vf_passes_tell(o, r->pass);
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
    struct running *r = vf_passes_find(o, f->id);
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

void vf_command_run(struct owner *o, const struct vf_frame *f)
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
