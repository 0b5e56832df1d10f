/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "disk/tool.h"
#include "base/clock.h"
#include "base/fdio.h"
#include "base/str.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

static int held = -1;

void vf_tools_hold(int fd)
{
    held = fd;
}

/* Under the lock: what there is now; false at the end. */
static bool take_words(struct vf_tool *t)
{
    char part[VF_TOOL_SAID];
    ssize_t n;
    while ((n = read(t->proc.err, part, sizeof part)) > 0) {
        size_t add = (size_t)n, keep = sizeof t->said - add;
        if (t->n_said > keep) {
            memmove(t->said, t->said + (t->n_said - keep), keep);
            t->n_said = keep;
        }
        memcpy(t->said + t->n_said, part, add);
        t->n_said += add;
    }
    return n < 0 && (errno == EAGAIN || errno == EINTR);
}

static bool drop(int fd)
{
    char part[4096];
    ssize_t n;
    while ((n = read(fd, part, sizeof part)) > 0)
        ;
    return n < 0 && (errno == EAGAIN || errno == EINTR);
}

static void *reader_main(void *arg)
{
    struct vf_tool *t = arg;
    struct pollfd p[] = {{.fd = t->proc.err, .events = POLLIN},
                         {.fd = t->proc.out, .events = POLLIN}};
    while ((p[0].fd >= 0 || p[1].fd >= 0) && vf_cancel_poll(NULL, p, 2, -1, NULL) >= 0) {
        if (p[1].revents && !drop(p[1].fd))
            p[1].fd = -1;
        if (!p[0].revents)
            continue;
        pthread_mutex_lock(&t->lock);
        if (!take_words(t))
            p[0].fd = -1;
        pthread_mutex_unlock(&t->lock);
    }
    return NULL;
}

int vf_tool_start(struct vf_tool *t, const char *const argv[], struct vf_error **err)
{
    *t = (struct vf_tool){.proc = {.pid = -1}};
    if (vf_proc_start(argv, VF_PROC_STDOUT | VF_PROC_STDERR | VF_PROC_DIE, held, &t->proc, err) < 0)
        return -1;
    vf_set_nonblock(t->proc.out, true);
    vf_set_nonblock(t->proc.err, true);
    pthread_mutex_init(&t->lock, NULL);
    if (pthread_create(&t->reader, NULL, reader_main, t) != 0)
        abort(); /* like memory: nothing to be done */
    return 0;
}

static void finish(struct vf_tool *t)
{
    pthread_join(t->reader, NULL); /* both pipes have ended with the process */
    pthread_mutex_destroy(&t->lock);
    close(t->proc.out);
    close(t->proc.err);
    t->proc.pid = -1;
}

bool vf_tool_ended(struct vf_tool *t, int *status)
{
    int raw = 0;
    pid_t r = waitpid(t->proc.pid, &raw, WNOHANG);
    if (r == 0 || (r < 0 && errno == EINTR))
        return false;
    *status = r < 0 ? 255 : WIFEXITED(raw) ? WEXITSTATUS(raw) : 128 + WTERMSIG(raw);
    finish(t);
    return true;
}

char *vf_tool_said(struct vf_tool *t)
{
    char text[VF_TOOL_SAID];
    bool runs = t->proc.pid > 0;
    if (runs) { /* what it said before its answer is in the pipe, if not here */
        pthread_mutex_lock(&t->lock);
        take_words(t);
    }
    size_t n = t->n_said;
    memcpy(text, t->said, n);
    if (runs)
        pthread_mutex_unlock(&t->lock);
    bool cut = n == sizeof text;
    while (n && text[n - 1] == '\n')
        n--;
    char *from = cut ? memchr(text, '\n', n) : NULL;
    from = from ? from + 1 : text;
    n -= (size_t)(from - text);
    for (size_t i = 0; i < n; i++)
        if (from[i] == '\n')
            from[i] = ' ';
    return n ? vf_escape_n(from, n) : NULL;
}

bool vf_said_locked(const char *said)
{
    return said && strstr(said, "Failed to get") && strstr(said, "lock");
}

int vf_tool_stop(struct vf_tool *t, int timeout_ms, struct vf_error **err)
{
    int status = 0;
    int64_t end = vf_clock_ms() + timeout_ms;
    kill(t->proc.pid, SIGTERM);
    while (!vf_tool_ended(t, &status)) {
        if (vf_clock_ms() > end)
            kill(t->proc.pid, SIGKILL);
        if (vf_cancel_sleep(NULL, 2, err) < 0)
            return -1;
    }
    return status;
}
