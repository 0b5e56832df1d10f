/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Data by dd. To start a command takes the host, and the connection, as long as to send some MiB,
 * so the dd of one read runs on for those that are said to follow it; what it has sent meanwhile
 * waits in the channel, whose window is what holds it up. */
#include "config.h"
#include "provider/esxi/way_ssh.h"
#include "base/str.h"

#include <inttypes.h>

struct vf_esxi_stream {
    struct vf_ssh_child child;
    struct vf_cancel *cancel; /* its own: that of the read that began it is gone before it */
    char *datastore, *path;
    uint64_t at, end; /* in the file */
    struct vf_esxi_said said;
};

static struct vf_esxi_ssh *ssh_way(struct vf_esxi_way *w)
{
    return (struct vf_esxi_ssh *)w;
}

static void free_stream(struct vf_esxi_stream *st)
{
    vf_cancel_free(st->cancel);
    vf_esxi_said_free(&st->said);
    free(st->datastore);
    free(st->path);
    free(st);
}

void vf_esxi_ssh_read_on(struct vf_esxi_way *w, uint64_t end)
{
    struct vf_esxi_ssh *s = ssh_way(w);
    s->until = end;
    if (end || !s->stream)
        return;
    struct vf_esxi_stream *st = VF_STEAL(s->stream);
    vf_esxi_ssh_bury(s, &st->child, false, NULL);
    free_stream(st);
}

/* A dd from OFFSET to END; the read that begins it gets N of that. */
static int begin(struct vf_esxi_ssh *s, const struct vf_esxi_file *f, size_t n, uint64_t offset,
                 uint64_t end, struct vf_error **err)
{
    struct vf_esxi_stream *st = vf_xcalloc(1, sizeof *st);
    struct vf_cancel *reader = s->cancel;
    *st = (struct vf_esxi_stream){
        .cancel = vf_cancel_new(reader),
        .datastore = vf_strdup(f->datastore),
        .path = vf_strdup(f->path),
        .at = offset,
        .end = end,
        .said = {.status = -1},
    };
    vf_autofree char *path = vf_asprintf("/vmfs/volumes/%s/%s", f->datastore, f->path);
    vf_autofree char *quoted = vf_shell_quote(path);
    vf_autofree char *command = vf_esxi_dd(quoted, end - offset, offset);
    s->cancel = st->cancel;
    int rc = vf_esxi_ssh_begin(s, command, &st->child, err);
    s->cancel = reader;
    if (rc < 0) {
        free_stream(st);
        return -1;
    }
    if (end - offset > n)
        vf_cancel_detach(st->cancel);
    s->stream = st;
    return 0;
}

static bool goes_on(const struct vf_esxi_stream *st, const struct vf_esxi_file *f, size_t n,
                    uint64_t offset)
{
    return st && st->at == offset && n <= st->end - offset && vf_streq(st->path, f->path) &&
           vf_streq(st->datastore, f->datastore);
}

/* It has sent GOT of the N bytes at OFFSET that it had to, and has ended. */
static int ended(struct vf_esxi_ssh *s, const char *name, size_t got, size_t n, uint64_t offset,
                 struct vf_error **err)
{
    struct vf_esxi_stream *st = VF_STEAL(s->stream);
    int rc = st->said.status = vf_esxi_ssh_bury(s, &st->child, true, err);
    if (rc < 0)
        vf_fail_prefix(err, "%s", name);
    else if (rc)
        rc = vf_esxi_ssh_fail(&st->said, name, err);
    else if (got != n)
        rc = vf_fail(err, VF_E_CORRUPT,
                     "%s has only %zu of the %zu bytes at %" PRIu64 " that it must have", name, got,
                     n, offset);
    free_stream(st);
    return rc;
}

int vf_esxi_ssh_read(struct vf_esxi_way *w, const struct vf_esxi_file *f, void *buf, size_t n,
                     uint64_t offset, struct vf_error **err)
{
    struct vf_esxi_ssh *s = ssh_way(w);
    vf_autofree char *name = vf_asprintf("[%s] %s", f->datastore, f->path);
    uint64_t end = s->until > offset + n ? s->until : offset + n;
    size_t got = 0;
    s->until = 0;
    if (!n)
        return 0;
    if (!goes_on(s->stream, f, n, offset)) {
        vf_esxi_ssh_read_on(w, 0);
        if (begin(s, f, n, offset, end, err) < 0)
            return vf_fail_prefix(err, "%s", name);
    }
    struct vf_esxi_stream *st = s->stream;
    bool last = offset + n == st->end;
    if (vf_esxi_ssh_hear(s, &st->child, !last, buf, n, &got, &st->said, err) < 0) {
        vf_esxi_ssh_read_on(w, 0);
        return vf_fail_prefix(err, "%s", name);
    }
    st->at += got;
    return !last && got == n ? 0 : ended(s, name, got, n, offset, err);
}
