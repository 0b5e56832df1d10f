/* SPDX-License-Identifier: GPL-3.0-or-later */
/* proc: what children get, what comes back, and how they end */
#include "config.h"
#include "base/fdio.h"
#include "base/proc.h"
#include "base/str.h"
#include "tests/unit/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define SH(script) ((const char *[]){"/bin/sh", "-c", (script), NULL})

/* Runs SCRIPT, its stdout in the result. */
static int run(const char *script, const char *input, struct vf_proc_result *r)
{
    return vf_proc_run(SH(script), input, input ? strlen(input) : 0, 1 << 20, NULL, r, NULL);
}

static void test_run(void)
{
    struct vf_proc_result r;
    ok(run("cat; echo oops >&2; exit 7", "hello", &r) == 0 && r.status == 7, "status");
    is_str(vf_buf_str(&r.out), "hello", "stdin goes to stdout");
    is_str(vf_buf_str(&r.err), "oops\n", "stderr apart");
    vf_proc_result_free(&r);
    ok(run("kill -9 $$", NULL, &r) == 0 && r.status == 128 + 9, "killed by a signal");
    vf_proc_result_free(&r);
    ok(run("cat", NULL, &r) == 0 && r.out.len == 0, "no input is an empty stdin");
    vf_proc_result_free(&r);

    /* more than any pipe holds, both ways at once */
    size_t n = 3 << 20;
    vf_autofree char *big = vf_xmalloc(n + 1);
    memset(big, 'x', n);
    big[n] = 0;
    ok(vf_proc_run(SH("cat"), big, n, n, NULL, &r, NULL) == 0 && r.out.len == n &&
           !memcmp(r.out.data, big, n),
       "much in, much out");
    vf_proc_result_free(&r);
    ok(vf_proc_run(SH("exec <&-; exit 3"), big, n, n, NULL, &r, NULL) == 0 && r.status == 3,
       "a child that does not read its input");
    vf_proc_result_free(&r);
    vf_autofree char *file = vf_strdup("/tmp/vmferry-proc-test.XXXXXX");
    vf_autofd int fd = mkstemp(file);
    vf_autofree char *late = vf_asprintf("exec >&- 2>&-; sleep 0.1; cat >%s", file);
    ok(vf_proc_run(SH(late), big, n, n, NULL, &r, NULL) == 0 && lseek(fd, 0, SEEK_END) == (off_t)n,
       "a child that closes its outputs still gets all of its input");
    vf_proc_result_free(&r);
    unlink(file);

    vf_autoerror struct vf_error *e = NULL;
    ok(vf_proc_run(SH("cat /dev/zero"), NULL, 0, 100000, NULL, &r, &e) < 0 &&
           vf_error_code(e) == VF_E_CORRUPT,
       "too much output is an error");
    vf_proc_result_free(&r);
}

static void test_exec_failure(void)
{
    struct vf_proc_result r;
    vf_autoerror struct vf_error *e = NULL, *e2 = NULL;
    const char *missing[] = {"vmferry-no-such-program", NULL}, *dir[] = {"/tmp", NULL};
    ok(vf_proc_run(missing, NULL, 0, 100, NULL, &r, &e) < 0, "a program that is not there");
    ok(vf_error_code(e) == VF_E_NOTFOUND && strstr(vf_error_text(e), missing[0]), "is named: %s",
       vf_error_text(e));
    ok(vf_proc_run(dir, NULL, 0, 100, NULL, &r, &e2) < 0 && vf_error_code(e2) == VF_E_PERMISSION,
       "a folder is no program");
    ok(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD, "no zombies");
}

static void test_descriptors(void)
{
    int leak[2], keep;
    if (!ok(pipe(leak) == 0, "pipe"))
        return;
    keep = fcntl(leak[0], F_DUPFD, 50); /* neither has close-on-exec */
    struct vf_proc_result r;
    ok(run("ls /proc/self/fd | sort -n | tr '\\n' ' '", NULL, &r) == 0, "ls");
    /* ls has the folder itself open, too */
    is_str(vf_buf_str(&r.out), "0 1 2 3 ", "only stdio is open in the child");
    vf_proc_result_free(&r);

    /* below and above the descriptors that are made meanwhile */
    const int kept[] = {leak[0], keep};
    for (size_t i = 0; i < VF_COUNT(kept); i++) {
        struct vf_proc p;
        char text[8] = "";
        vf_autofree char *script =
            vf_asprintf("head -c 7 /proc/self/fd/%d; ls /proc/self/fd | wc -l", kept[i]);
        char count[8] = "";
        ok(write(leak[1], "through", 7) == 7 &&
               vf_proc_start(SH(script), VF_PROC_STDOUT, kept[i], &p, NULL) == 0 &&
               vf_read_full(p.out, text, 7) == 7 && vf_read_full(p.out, count, 7) >= 0 &&
               vf_proc_wait(&p, NULL, NULL) == 0 && !strcmp(text, "through") &&
               !strncmp(count, "5\n", 2),
           "descriptor %d was kept, and no other", kept[i]);
    }
    close(keep);
    close(leak[0]);
    close(leak[1]);
}

static int count_fds(void)
{
    int n = 0;
    for (int fd = 0; fd < 1024; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

/* In a process of its own: this one's stdio is the test's. */
static void test_closed_stdio(void)
{
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        close(0);
        close(1);
        close(2);
        struct vf_proc_result r;
        int bad = run("cat; echo err >&2", "in", &r) < 0 || r.status != 0 ||
                  strcmp(vf_buf_str(&r.out), "in") || strcmp(vf_buf_str(&r.err), "err\n");
        vf_proc_result_free(&r);
        _exit(bad);
    }
    int raw = -1;
    ok(pid > 0 && waitpid(pid, &raw, 0) == pid && raw == 0, "with 0, 1 and 2 closed");
}

static void test_signals(void)
{
    /* what this process ignores and blocks is not the child's business */
    sigset_t usr1, before;
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &usr1, &before);
    signal(SIGUSR1, SIG_IGN);
    struct vf_proc_result r;
    ok(run("kill -USR1 $$; sleep 5", NULL, &r) == 0 && r.status == 128 + SIGUSR1,
       "default signals");
    vf_proc_result_free(&r);
    signal(SIGUSR1, SIG_DFL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);

    struct vf_proc p;
    ok(vf_proc_start(SH("echo $$; read x"), VF_PROC_SETSID | VF_PROC_STDIN | VF_PROC_STDOUT, -1, &p,
                     NULL) == 0 &&
           getsid(p.pid) == p.pid,
       "a session of its own");
    vf_proc_wait(&p, NULL, NULL);
}

static struct vf_cancel *token;

static void *fire(void *line_from)
{
    char c;
    int fd = *(int *)line_from;
    while (read(fd, &c, 1) == 1 && c != '\n')
        ;
    vf_cancel_fire(token, "stopped by the test");
    return NULL;
}

/* Cancels SCRIPT once it has written a line; -1 and the cause are what must come back. */
static bool cancelled(const char *script, bool *gone)
{
    token = vf_cancel_new(NULL);
    struct vf_proc p;
    vf_autoerror struct vf_error *e = NULL;
    pthread_t t;
    if (vf_proc_start(SH(script), VF_PROC_STDOUT, -1, &p, NULL) < 0)
        return false;
    int out = VF_STEAL_FD(p.out);
    bool good = pthread_create(&t, NULL, fire, &out) == 0;
    good = vf_proc_wait(&p, token, &e) == -1 && good && vf_error_code(e) == VF_E_CANCELLED &&
           vf_streq(vf_error_text(e), "stopped by the test");
    *gone = kill(p.pid, 0) < 0 && errno == ESRCH;
    pthread_join(t, NULL);
    close(out);
    vf_cancel_free(token);
    return good;
}

static void test_cancel(void)
{
    bool gone = false;
    ok(cancelled("echo; exec sleep 100", &gone) && gone, "TERM ends a child, and it is reaped");
    ok(cancelled("trap '' TERM; echo; while :; do sleep 0.1; done", &gone) && gone,
       "KILL ends one that does not listen");

    vf_auto(vf_cancel_free) struct vf_cancel *c = vf_cancel_new(NULL);
    vf_cancel_fire(c, "before it began");
    vf_autoerror struct vf_error *e = NULL;
    struct vf_proc_result r;
    ok(vf_proc_run(SH("sleep 100"), NULL, 0, 100, c, &r, &e) < 0 &&
           vf_error_code(e) == VF_E_CANCELLED,
       "vf_proc_run is cancelled");
    vf_proc_result_free(&r);
    vf_auto(vf_cancel_free) struct vf_cancel *quiet = vf_cancel_new(NULL);
    struct vf_proc p;
    if (vf_proc_start(SH("kill -STOP $$"), 0, -1, &p, NULL) == 0)
        vf_proc_end(&p);
    ok(kill(p.pid, 0) < 0 && errno == ESRCH, "one that is stopped is ended all the same");
    ok(vf_proc_start(SH("exit 5"), 0, -1, &p, NULL) == 0 && vf_proc_wait(&p, quiet, NULL) == 5,
       "a token that does not fire");
}

static void *start_and_end(void *arg)
{
    if (vf_proc_start(SH("echo; exec sleep 100"), VF_PROC_DIE | VF_PROC_STDOUT, -1, arg, NULL) < 0)
        return arg;
    char c;
    return read(((struct vf_proc *)arg)->out, &c, 1) == 1 ? NULL : arg;
}

static void test_die(void)
{
    struct vf_proc p = {.pid = -1};
    pthread_t t;
    void *failed = &p;
    if (pthread_create(&t, NULL, start_and_end, &p) == 0)
        pthread_join(t, &failed);
    ok(!failed, "started in a thread that ends");
    ok(!failed && vf_proc_wait(&p, NULL, NULL) == 128 + SIGKILL, "killed with its thread");
}

/* A process that is stopped hears no TERM. */
static void test_end(void)
{
    struct vf_proc p;
    siginfo_t info = {0};
    ok(vf_proc_start(SH("kill -STOP $$"), 0, -1, &p, NULL) == 0 &&
           waitid(P_PID, (id_t)p.pid, &info, WSTOPPED | WNOWAIT) == 0,
       "a child that is stopped");
    vf_proc_end(&p);
    ok(kill(p.pid, 0) < 0 && errno == ESRCH, "ends all the same");
}

int main(void)
{
    int before = count_fds();
    test_run();
    test_exec_failure();
    test_descriptors();
    test_closed_stdio();
    test_signals();
    test_cancel();
    test_die();
    test_end();
    ok(count_fds() == before, "no descriptors are left open here");
    return done_testing();
}
