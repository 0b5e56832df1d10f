/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "base/proc.h"
#include "base/clock.h"
#include "base/fdio.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

extern char **environ;

/* close_range(2), Linux 5.9; older kernels walk the table. */
static void close_from(int first, int last)
{
    if (first > last)
        return;
    if (syscall(SYS_close_range, (unsigned)first, (unsigned)last, 0) == 0)
        return;
    long max = sysconf(_SC_OPEN_MAX);
    for (int fd = first; fd <= last && fd < (max > 0 ? max : 1024); fd++)
        close(fd);
}

/* In the child: only async-signal-safe calls. */
_Noreturn static void become(const char *const argv[], unsigned flags, const int ends[3],
                             int keep_fd, int report, pid_t parent)
{
    sigset_t none;
    sigemptyset(&none);
    for (int s = 1; s < NSIG; s++)
        signal(s, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (flags & VF_PROC_SETSID)
        setsid();
    if (flags & VF_PROC_DIE) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        /* the signal is sent at the parent's end, which may have been before the call */
        if (getppid() != parent)
            _exit(126);
    }
    int null = open("/dev/null", O_RDWR);
    bool good = null >= 0 && dup2(ends[0] >= 0 ? ends[0] : null, 0) == 0;
    for (int i = 1; i < 3 && good; i++)
        good = ends[i] < 0 || dup2(ends[i], i) == i;
    if (good) {
        if (keep_fd > 2)
            fcntl(keep_fd, F_SETFD, 0);
        /* all but stdio, the kept descriptor and the report pipe, which closes on exec */
        int a = keep_fd > 2 && keep_fd < report ? keep_fd : report;
        int b = keep_fd > report ? keep_fd : report;
        close_from(3, a - 1);
        close_from(a + 1, b - 1);
        close_from(b + 1, 0x7fffffff);
        execvp(argv[0], (char *const *)argv);
    }
    int e = errno;
    if (write(report, &e, sizeof e) < 0)
        _exit(126);
    _exit(127);
}

/* A pipe that is clear of 0, 1 and 2, which the child fills: they may be closed in this process. */
static int high_pipe(int p[2])
{
    int raw[2];
    if (pipe2(raw, O_CLOEXEC) < 0)
        return -1;
    for (int i = 0; i < 2; i++) {
        p[i] = raw[i] > 2 ? raw[i] : fcntl(raw[i], F_DUPFD_CLOEXEC, 3);
        int e = errno;
        if (p[i] != raw[i])
            close(raw[i]);
        errno = e;
    }
    return p[0] < 0 || p[1] < 0 ? -1 : 0;
}

static void close_pair(int p[2])
{
    for (int i = 0; i < 2; i++)
        if (p[i] >= 0)
            close(p[i]);
}

int vf_proc_start(const char *const argv[], unsigned flags, int keep_fd, struct vf_proc *out,
                  struct vf_error **err)
{
    int pipes[3][2] = {{-1, -1}, {-1, -1}, {-1, -1}}, report[2] = {-1, -1};
    *out = (struct vf_proc){.pid = -1, .in = -1, .out = -1, .err = -1};
    bool good = high_pipe(report) == 0;
    pid_t self = getpid();
    for (int i = 0; i < 3 && good; i++)
        if (flags & (unsigned)(VF_PROC_STDIN << i))
            good = high_pipe(pipes[i]) == 0;
    /* a handler of ours must not run in the child before it has put defaults back */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t pid = good ? fork() : -1;
    if (pid == 0)
        become(argv, flags, (int[3]){pipes[0][0], pipes[1][1], pipes[2][1]}, keep_fd, report[1],
               self);
    int forked = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (pid < 0) {
        for (int i = 0; i < 3; i++)
            close_pair(pipes[i]);
        close_pair(report);
        return vf_fail_errno(err, forked, "starting %s", argv[0]);
    }
    close(report[1]);
    int ours[3] = {pipes[0][1], pipes[1][0], pipes[2][0]};
    int theirs[3] = {pipes[0][0], pipes[1][1], pipes[2][1]};
    for (int i = 0; i < 3; i++)
        if (theirs[i] >= 0)
            close(theirs[i]);
    int e = 0;
    ssize_t n = vf_read_full(report[0], &e, sizeof e);
    close(report[0]);
    *out = (struct vf_proc){.pid = pid, .in = ours[0], .out = ours[1], .err = ours[2]};
    if (n == sizeof e) {
        vf_proc_wait(out, NULL, NULL);
        return vf_fail_errno(err, e, "starting %s", argv[0]);
    }
    return 0;
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static int exit_status(int raw)
{
    return WIFEXITED(raw) ? WEXITSTATUS(raw) : 128 + WTERMSIG(raw);
}

int vf_proc_wait(struct vf_proc *p, struct vf_cancel *cancel, struct vf_error **err)
{
    close_fd(&p->in);
    close_fd(&p->out);
    close_fd(&p->err);
    int raw = 0;
    if (!cancel) {
        while (waitpid(p->pid, &raw, 0) < 0)
            if (errno != EINTR)
                return vf_fail_errno(err, errno, "waitpid");
        return exit_status(raw);
    }
    int64_t killed = 0;
    int pause = 1;
    for (;;) {
        pid_t r = waitpid(p->pid, &raw, WNOHANG);
        if (r < 0 && errno != EINTR)
            return vf_fail_errno(err, errno, "waitpid");
        if (r == p->pid)
            return killed ? vf_cancel_check(cancel, err) : exit_status(raw);
        if (killed) {
            if (vf_clock_ms() - killed > 2000)
                kill(p->pid, SIGKILL);
            usleep(10000);
        } else if (vf_cancel_sleep(cancel, pause, NULL) < 0) {
            kill(p->pid, SIGTERM);
            killed = vf_clock_ms();
        }
        if (pause < 50)
            pause *= 2;
    }
}

void vf_proc_end(struct vf_proc *p)
{
    vf_auto(vf_cancel_free) struct vf_cancel *now = vf_cancel_new(NULL);
    vf_cancel_fire(now, "it is not needed any more");
    vf_proc_wait(p, now, NULL);
}

/* Reads what is there into B; false at the end of the stream. */
static bool drain(int fd, struct vf_buf *b)
{
    char *room = vf_buf_room(b, 65536);
    ssize_t n = read(fd, room, 65536);
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return true;
    if (n <= 0)
        return false;
    b->len += (size_t)n;
    return true;
}

/* write(2) that answers EPIPE whatever this process does about SIGPIPE. */
static ssize_t write_pipe(int fd, const void *data, size_t n)
{
    sigset_t pipe_only, before, pending;
    sigemptyset(&pipe_only);
    sigaddset(&pipe_only, SIGPIPE);
    sigpending(&pending);
    pthread_sigmask(SIG_BLOCK, &pipe_only, &before);
    ssize_t w = write(fd, data, n);
    int e = errno;
    if (w < 0 && e == EPIPE && !sigismember(&pending, SIGPIPE))
        sigtimedwait(&pipe_only, NULL, &(struct timespec){0});
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = e;
    return w;
}

static int pump(struct vf_proc *p, const char *input, size_t left, size_t max, int silence_ms,
                struct vf_cancel *cancel, struct vf_proc_result *out, struct vf_error **err)
{
    if (p->in >= 0)
        vf_set_nonblock(p->in, true);
    /* a child may close its outputs and go on reading */
    while (p->in >= 0 || p->out >= 0 || p->err >= 0) {
        struct pollfd fds[3] = {{.fd = p->in, .events = POLLOUT},
                                {.fd = p->out, .events = POLLIN},
                                {.fd = p->err, .events = POLLIN}};
        int moved = vf_cancel_poll(cancel, fds, 3, silence_ms, err);
        if (moved < 0)
            return -1;
        if (!moved)
            return vf_fail(err, VF_E_NET, "no sign of life within %d s", silence_ms / 1000);
        if (fds[0].revents) {
            ssize_t n = write_pipe(p->in, input, left);
            if (n > 0) {
                input += n;
                left -= (size_t)n;
            }
            if (!left || (n < 0 && errno != EINTR && errno != EAGAIN))
                close_fd(&p->in);
        }
        if (fds[1].revents && !drain(p->out, &out->out))
            close_fd(&p->out);
        if (fds[2].revents && !drain(p->err, &out->err))
            close_fd(&p->err);
        if (out->out.len > max || out->err.len > max)
            return vf_fail(err, VF_E_CORRUPT, "more than %zu bytes of output", max);
    }
    return 0;
}

int vf_proc_run(const char *const argv[], const void *input, size_t input_len, size_t max,
                struct vf_cancel *cancel, struct vf_proc_result *out, struct vf_error **err)
{
    return vf_proc_run_for(argv, input, input_len, max, -1, cancel, out, err);
}

int vf_proc_run_for(const char *const argv[], const void *input, size_t input_len, size_t max,
                    int silence_ms, struct vf_cancel *cancel, struct vf_proc_result *out,
                    struct vf_error **err)
{
    struct vf_proc p;
    *out = (struct vf_proc_result){.status = -1};
    unsigned flags = VF_PROC_STDOUT | VF_PROC_STDERR | (input_len ? VF_PROC_STDIN : 0);
    bool may_hang = silence_ms >= 0; /* then what it has started ends with it */
    if (vf_proc_start(argv, flags | (may_hang ? VF_PROC_SETSID : 0), -1, &p, err) < 0)
        return -1;
    vf_autoerror struct vf_error *failed = NULL;
    if (pump(&p, input, input_len, max, silence_ms, cancel, out, &failed) < 0) {
        kill(may_hang ? -p.pid : p.pid, SIGKILL);
        vf_proc_wait(&p, NULL, NULL);
        vf_fail_with(err, VF_STEAL(failed));
        return vf_fail_prefix(err, "%s", argv[0]);
    }
    out->status = vf_proc_wait(&p, cancel, err);
    return out->status < 0 ? -1 : 0;
}

void vf_proc_result_free(struct vf_proc_result *r)
{
    vf_buf_free(&r->out);
    vf_buf_free(&r->err);
}

char *vf_proc_companion(const char *name, const char *installed)
{
    char self[4096];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    static const char *const places[] = {"", "/../libexec/" PACKAGE};
    for (size_t i = 0; n > 0 && i < VF_COUNT(places); i++) {
        self[n] = 0;
        vf_autofree char *path =
            vf_asprintf("%.*s%s/%s", (int)(strrchr(self, '/') - self), self, places[i], name);
        if (access(path, R_OK) == 0)
            return VF_STEAL(path);
    }
    return vf_strdup(installed);
}
