/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "job/sampler.h"
#include "job/server.h"
#include "base/clock.h"
#include "base/fdio.h"
#include "base/i18n.h"
#include "base/log.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

enum { BACKLOG = 64, MAX_COMMAND = 64 * 1024, SAMPLE_MS = 250, LINGER_MS = 3000 };

struct client {
    int fd;
    size_t next; /* first line of the bus it has not got */
    struct vf_buf in, out;
    bool deaf; /* takes no more; what it had asked for before is still to be read */
};

struct vf_server {
    struct vf_job *job;
    int fd;
    char *path;
    struct client *clients;
    size_t n;
    bool full; /* no descriptor is left for another one: who comes waits */
    struct vf_sampler *sampler;
    bool visited; /* somebody came at least once */
};

/* A socket's path has 108 bytes: DIR goes in by descriptor, however long it is. */
static int address(const char *dir, int *dir_fd, struct sockaddr_un *a, struct vf_error **err)
{
    *dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (*dir_fd < 0)
        return vf_fail_errno(err, errno, "%s", dir);
    *a = (struct sockaddr_un){.sun_family = AF_UNIX};
    snprintf(a->sun_path, sizeof a->sun_path, "/proc/self/fd/%d/ctl", *dir_fd);
    return 0;
}

struct vf_server *vf_server_new(struct vf_job *job, struct vf_error **err)
{
    vf_autofd int dir = -1, fd = -1;
    struct sockaddr_un a;
    vf_autofree char *path = vf_asprintf("%s/ctl", job->dir);
    if (address(job->dir, &dir, &a, err) < 0)
        return NULL;
    unlink(path); /* of a process that died; the job's lock says that it did */
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) < 0 || chmod(path, 0600) < 0 ||
        listen(fd, BACKLOG) < 0) {
        vf_fail_errno(err, errno, "%s", path);
        return NULL;
    }
    struct vf_server *s = vf_xcalloc(1, sizeof *s);
    s->job = job;
    s->sampler = vf_sampler_new(job);
    s->fd = VF_STEAL_FD(fd);
    s->path = VF_STEAL(path);
    return s;
}

int vf_server_connect(const char *dir, struct vf_error **err)
{
    vf_autofd int dir_fd = -1, fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct sockaddr_un a;
    if (fd < 0)
        return vf_fail_errno(err, errno, "socket");
    if (address(dir, &dir_fd, &a, err) < 0)
        return -1;
    if (connect(fd, (struct sockaddr *)&a, sizeof a) < 0)
        return errno == ENOENT || errno == ECONNREFUSED
                   ? vf_fail(err, VF_E_NOTFOUND, _("the job's process is not running"))
               : errno == EAGAIN /* so many wait for it */
                   ? vf_fail(err, VF_E_NET, _("the job's process does not answer"))
                   : vf_fail_errno(err, errno, "%s/ctl", dir);
    return VF_STEAL_FD(fd);
}

static void drop(struct vf_server *s, size_t i)
{
    struct client *c = &s->clients[i];
    close(c->fd);
    if (c->in.data)
        vf_wipe(c->in.data, c->in.cap);
    vf_buf_free(&c->in);
    vf_buf_free(&c->out);
    *c = s->clients[--s->n];
    s->full = false;
}

static void admit(struct vf_server *s)
{
    vf_autofd int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    struct ucred who;
    socklen_t n = sizeof who;
    s->full = fd < 0 && errno != EAGAIN && errno != EINTR && errno != ECONNABORTED;
    if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n) < 0 ||
        (who.uid != geteuid() && who.uid != 0))
        return;
    *(struct client *)vf_grow(&s->clients, &s->n, sizeof *s->clients) =
        (struct client){.fd = VF_STEAL_FD(fd)};
    s->visited = true;
}

static void on_cancel(struct vf_server *s, const json_t *o)
{
    if (vf_json_true(o, "keep"))
        vf_job_leave(s->job, _("stopped by the operator, to go on later"));
    else
        vf_job_stop(s->job, _("cancelled by the operator"));
}

static void on_answer(struct vf_server *s, const json_t *o)
{
    const char *secret = vf_json_str(o, "secret");
    vf_bus_answer(s->job->bus, vf_json_int(o, "ask"), vf_json_str(o, "text"),
                  secret ? vf_secret_new(secret, strlen(secret)) : NULL);
}

/* WHY NULL: whoever asked is told already. */
static void refuse(struct vf_server *s, const char *request, const struct vf_error *why)
{
    if (!why)
        return;
    json_t *e = vf_event_new("rate");
    json_object_set_new(e, "error", vf_event_error(why));
    if (request)
        json_object_set_new(e, "request", json_string(request));
    vf_bus_say(s->job->bus, vf_event_line(e));
}

static void on_rate(struct vf_server *s, const json_t *o)
{
    const json_t *rate = json_object_get(o, "rate");
    const char *request = vf_json_str(o, "request");
    vf_autoerror struct vf_error *why = NULL;
    if (!json_is_integer(rate) || json_integer_value(rate) < 0 ||
        json_integer_value(rate) == INT64_MAX)
        vf_fail(&why, VF_E_USAGE, _("a rate is a number of bytes per second"));
    else
        vf_job_set_rate(s->job, (uint64_t)json_integer_value(rate), request, &why);
    refuse(s, request, why);
}

static void on_pause(struct vf_server *s, const json_t *o)
{
    const char *request = vf_json_str(o, "request");
    vf_autoerror struct vf_error *why = NULL;
    vf_job_pause(s->job, vf_json_true(o, "pause"), request, &why);
    refuse(s, request, why);
}

static void obey(struct vf_server *s, const char *line, size_t n)
{
    static const struct {
        const char *type;
        void (*run)(struct vf_server *s, const json_t *o);
    } commands[] = {
        {"answer", on_answer}, {"cancel", on_cancel}, {"rate", on_rate}, {"pause", on_pause}};
    vf_autojson json_t *o = vf_event_parse(line, n);
    for (size_t i = 0; i < VF_COUNT(commands); i++)
        if (vf_streq(vf_json_str(o, "type"), commands[i].type))
            commands[i].run(s, o);
}

/* False when the client is gone. */
static bool hear(struct vf_server *s, struct client *c)
{
    char *room = vf_buf_room(&c->in, 4096);
    ssize_t n = read(c->fd, room, 4096);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        return false;
    c->in.len += n > 0 ? (size_t)n : 0;
    for (char *nl; c->in.len && (nl = memchr(c->in.data, '\n', c->in.len));) {
        size_t len = (size_t)(nl - c->in.data);
        obey(s, c->in.data, len);
        vf_wipe(c->in.data, len); /* it may have been a password */
        vf_buf_consume(&c->in, len + 1);
    }
    return c->in.len < MAX_COMMAND;
}

static void tell(struct vf_server *s, struct client *c)
{
    for (char *line; !c->deaf && c->out.len < 65536 && (line = vf_bus_line(s->job->bus, c->next));
         c->next++) {
        vf_buf_puts(&c->out, line);
        free(line);
    }
}

/* Who does not listen is not dropped here: it may have said "cancel" and gone, and hear() has not
 * read that yet. */
static void flush(struct client *c)
{
    if (!c->out.len)
        return;
    ssize_t n = send(c->fd, c->out.data, c->out.len, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        c->deaf = true;
        vf_buf_free(&c->out);
    } else if (n > 0) {
        vf_buf_consume(&c->out, (size_t)n);
    }
}

/* Progress goes only to those who have read everything else: it is never queued. */
static void tell_progress(struct vf_server *s, int64_t now)
{
    json_t *e = vf_sampler_take(s->sampler, now);
    vf_autofree char *line = e ? vf_event_line(e) : NULL;
    for (size_t i = 0; line && i < s->n; i++)
        if (!s->clients[i].out.len && !s->clients[i].deaf)
            vf_buf_puts(&s->clients[i].out, line);
}

static bool all_told(struct vf_server *s)
{
    for (size_t i = 0; i < s->n; i++) {
        tell(s, &s->clients[i]);
        if (s->clients[i].out.len)
            return false;
    }
    return true;
}

static void take_signal(struct vf_server *s, int signals)
{
    struct signalfd_siginfo si;
    if (read(signals, &si, sizeof si) != sizeof si)
        return;
    vf_autofree char *why = vf_asprintf(_("ended by signal %u"), si.ssi_signo);
    vf_job_stop(s->job, why);
}

void vf_server_run(struct vf_server *s, int signals, const atomic_bool *over)
{
    int64_t sampled = 0, linger = 0;
    for (;;) {
        if (atomic_load(over)) {
            int64_t now = vf_clock_ms();
            linger = linger ? linger : now + LINGER_MS;
            if ((s->visited && all_told(s)) || now > linger)
                break;
        }
        vf_autofree struct pollfd *p = vf_xcalloc(3 + s->n, sizeof *p);
        p[0] = (struct pollfd){.fd = s->full ? -1 : s->fd, .events = POLLIN};
        p[1] = (struct pollfd){.fd = vf_bus_fd(s->job->bus), .events = POLLIN};
        p[2] = (struct pollfd){.fd = signals, .events = POLLIN};
        for (size_t i = 0; i < s->n; i++) {
            tell(s, &s->clients[i]);
            p[3 + i] = (struct pollfd){.fd = s->clients[i].fd,
                                       .events = POLLIN | (s->clients[i].out.len ? POLLOUT : 0)};
        }
        size_t n = s->n;
        if (poll(p, 3 + n, SAMPLE_MS) < 0 && errno != EINTR)
            break;
        if (p[1].revents)
            vf_bus_woken(s->job->bus);
        if (p[2].revents)
            take_signal(s, signals);
        for (size_t i = n; i-- > 0;)
            if ((p[3 + i].revents & (POLLIN | POLLHUP | POLLERR)) && !hear(s, &s->clients[i]))
                drop(s, i);
            else
                flush(&s->clients[i]);
        if (p[0].revents)
            admit(s);
        if (vf_clock_ms() - sampled >= SAMPLE_MS) {
            sampled = vf_clock_ms();
            tell_progress(s, sampled);
            s->full = false;
        }
    }
}

void vf_server_close(struct vf_server *s)
{
    unlink(s->path);
    close(s->fd);
    s->fd = -1;
}

void vf_server_free(struct vf_server *s)
{
    if (!s)
        return;
    while (s->n)
        drop(s, 0);
    if (s->fd >= 0)
        vf_server_close(s);
    free(s->clients);
    free(s->path);
    vf_sampler_free(s->sampler);
    free(s);
}
