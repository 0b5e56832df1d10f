/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "job/detach.h"
#include "job/job.h"
#include "base/fdio.h"
#include "base/i18n.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

int vf_detach_start(const char *const argv[], struct vf_error **err)
{
    struct vf_proc_result r = {0};
    if (vf_proc_run(argv, NULL, 0, 65536, NULL, &r, err) < 0)
        return -1;
    int status = r.status;
    vf_autofree char *text = vf_escape(vf_buf_str(&r.err));
    vf_proc_result_free(&r);
    return status == 0 ? 0 : vf_fail(err, VF_E_INTERNAL, _("it did not start: %s"), text);
}

/* ^C is for all of a terminal's processes, and the detached one is none of them any more: it is
 * told. Before it is ready that ends it, and afterwards it stops what it does. False: no ^C before
 * it says something. */
static bool pass_on_stop(int report, pid_t child)
{
    sigset_t stops;
    sigemptyset(&stops);
    sigaddset(&stops, SIGINT);
    sigaddset(&stops, SIGTERM);
    vf_autofd int signals = signalfd(-1, &stops, SFD_CLOEXEC);
    struct pollfd p[] = {{.fd = report, .events = POLLIN}, {.fd = signals, .events = POLLIN}};
    while (poll(p, 2, -1) < 0 && errno == EINTR)
        ;
    bool stop = !p[0].revents && p[1].revents;
    if (stop)
        kill(child, SIGTERM);
    return stop;
}

/* The parent of the detached process: ends when that one is ready, or tells why it is not. */
static int wait_ready(int report, pid_t child)
{
    char text[4096];
    bool stopped = pass_on_stop(report, child);
    ssize_t n = vf_read_full(report, text, sizeof text);
    if (n == 1 && text[0] == '+')
        return 0;
    if (n <= 0 && stopped)
        n = snprintf(text, sizeof text, "%s", _("it was told to stop"));
    if (n > 0 && vf_write_full(2, text, (size_t)n) < 0)
        return VF_EXIT_PERSON;
    return VF_EXIT_FAILED;
}

int vf_detach(int *ready)
{
    int pipes[2];
    sigset_t all, before;
    if (pipe2(pipes, O_CLOEXEC) < 0)
        return VF_EXIT_FAILED;
    /* once there is another process, who stays behind has to tell how that began */
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    pid_t pid = fork();
    if (pid < 0)
        return VF_EXIT_FAILED;
    if (pid > 0) {
        close(pipes[1]);
        return wait_ready(pipes[0], pid);
    }
    setsid();
    sigprocmask(SIG_SETMASK, &before, NULL);
    close(pipes[0]);
    *ready = pipes[1];
    return -1;
}

int vf_detach_stdio(const char *dir, struct vf_error **err)
{
    vf_autofree char *path = vf_asprintf("%s/log", dir);
    vf_autofd int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    vf_autofd int log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (null < 0 || log < 0)
        return vf_fail_errno(err, errno, "%s", path);
    if (dup2(null, 0) < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0)
        return vf_fail_errno(err, errno, "dup2");
    return vf_log_open(path, err);
}

void vf_detach_ready(int ready, const struct vf_error *why)
{
    const char *word = why ? vf_error_text(why) : "+";
    if (vf_write_full(ready, word, strlen(word)) < 0)
        vf_warn("job", "nobody waits for this process to be ready");
    close(ready);
}
