/* SPDX-License-Identifier: GPL-3.0-or-later */
/* meter FILE COMMAND...: runs COMMAND and ends what it leaves behind; writes the CPU seconds of all
 * of them to FILE. Everything that loses its parent becomes our child, so nothing is missed: not
 * the sessions of an sshd, nor a master connection in the background. */
#include "config.h"
#include "base/clock.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATIENCE_MS = 3000 };

/* To every child we have now. */
static void send_all(int sig)
{
    FILE *f = fopen("/proc/thread-self/children", "re");
    int pid;
    while (f && fscanf(f, "%d", &pid) == 1)
        kill(pid, sig);
    if (f)
        fclose(f);
}

static void end_the_rest(void)
{
    int64_t began = vf_clock_ms();
    int sig = SIGTERM;
    for (;;) {
        send_all(sig);
        pid_t pid;
        while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
            ;
        if (pid < 0 && errno == ECHILD)
            return;
        if (vf_clock_ms() - began > PATIENCE_MS)
            sig = SIGKILL;
        usleep(10000);
    }
}

static int write_cpu(const char *path)
{
    struct rusage r;
    getrusage(RUSAGE_CHILDREN, &r);
    double s = (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) +
               (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
    FILE *f = fopen(path, "we");
    if (!f)
        return -1;
    fprintf(f, "%.3f\n", s);
    return fclose(f);
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    pid_t pid = fork();
    if (pid == 0) {
        execvp(argv[2], argv + 2);
        _exit(127);
    }
    int raw = 0;
    if (pid < 0 || waitpid(pid, &raw, 0) < 0)
        return 1;
    end_the_rest();
    if (write_cpu(argv[1]) != 0) {
        fprintf(stderr, "meter: %s: %s\n", argv[1], strerror(errno));
        return 1;
    }
    return WIFEXITED(raw) ? WEXITSTATUS(raw) : 128 + WTERMSIG(raw);
}
