/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Running programs inside a node. A fork joins the node's namespaces, its child (now in the PID
 * namespace too) becomes the program, and the fork stays to hand on the exit status. */
#include "config.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include "tests/lab/lab.h"

int lab_enter(pid_t init)
{
    int fd = (int)syscall(SYS_pidfd_open, init, 0);
    if (fd < 0)
        return -1;
    int r = setns(fd, CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWNS);
    close(fd);
    return r;
}

static int wait_status(pid_t pid)
{
    int status;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return 127;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* In the fork: joins NODE, starts ARGV with OUT as its output, reports its pid to PID_FD, waits. */
static void keeper_main(const struct lab_node *node, const char *const argv[], int out, int pid_fd)
{
    sigset_t none;
    /* this fork stays as long as the program: it must not hold the pipe whose end another thread
     * waits for, nor a client's connection */
    lab_close_all(out, pid_fd);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (node->lab->namespaces && lab_enter(node->init))
        _exit(126);
    pid_t pid = fork();
    if (!pid) {
        int null = open("/dev/null", O_RDWR);
        if (null < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0 || setsid() < 0)
            _exit(126);
        signal(SIGPIPE, SIG_DFL);
        execvp(argv[0], (char *const *)argv);
        dprintf(2, "cannot run %s: %s\n", argv[0], strerror(errno));
        _exit(127);
    }
    if (pid < 0 || (pid_fd >= 0 && write(pid_fd, &pid, sizeof pid) != sizeof pid))
        _exit(126);
    /* Only the program holds the pipes now, so that their end is its end. */
    close(out);
    if (pid_fd >= 0)
        close(pid_fd);
    prctl(PR_SET_NAME, "vmferry-lab-run");
    _exit(wait_status(pid));
}

int lab_node_run(struct lab_node *node, const char *const argv[], struct vf_buf *out,
                 struct vf_error **err)
{
    int pipes[2];
    if (pipe2(pipes, O_CLOEXEC))
        return vf_fail_errno(err, errno, "cannot make a pipe");
    pid_t pid = fork();
    if (!pid)
        keeper_main(node, argv, pipes[1], -1);
    close(pipes[1]);
    vf_autofd int in = pipes[0];
    if (pid < 0)
        return vf_fail_errno(err, errno, "cannot start %s on node %s", argv[0], node->name);
    char text[4096];
    ssize_t n;
    while ((n = read(in, text, sizeof text)) > 0 || (n < 0 && errno == EINTR))
        if (n > 0 && out)
            vf_buf_add(out, text, n);
    return wait_status(pid);
}

int lab_node_spawn(struct lab_node *node, const char *const argv[], const char *outfile,
                   pid_t *keeper, pid_t *pid, struct vf_error **err)
{
    int pipes[2];
    vf_autofd int out = open(outfile, O_CREAT | O_TRUNC | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
    if (out < 0)
        return vf_fail_errno(err, errno, "cannot write %s", outfile);
    if (pipe2(pipes, O_CLOEXEC))
        return vf_fail_errno(err, errno, "cannot make a pipe");
    *keeper = fork();
    if (!*keeper)
        keeper_main(node, argv, out, pipes[1]);
    close(pipes[1]);
    ssize_t n = *keeper < 0 ? -1 : vf_read_full(pipes[0], pid, sizeof *pid);
    close(pipes[0]);
    if (*keeper < 0)
        return vf_fail_errno(err, errno, "cannot start %s on node %s", argv[0], node->name);
    if (n != sizeof *pid) {
        wait_status(*keeper);
        return vf_fail(err, VF_E_INTERNAL, "cannot enter node %s", node->name);
    }
    return 0;
}
