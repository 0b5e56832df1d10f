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
#include <signal.h>
#include <string.h>
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

/* The parent of the detached process: ends when that one is ready, or tells why it is not. */
static int wait_ready(int report)
{
    char text[4096];
    ssize_t n = vf_read_full(report, text, sizeof text);
    if (n == 1 && text[0] == '+')
        return 0;
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
    /* ^C is for all of a terminal's processes: once there is another one, whoever stays behind has
     * to tell how that began */
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    pid_t pid = fork();
    if (pid < 0)
        return VF_EXIT_FAILED;
    if (pid > 0) {
        close(pipes[1]);
        return wait_ready(pipes[0]);
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
