/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "net/ssh_master.h"
#include "base/fdio.h"
#include "base/i18n.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/str.h"
#include "base/thread.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { MAX_SAID = 16 * 1024, POLL_MS = 200 };

static void hear(struct vf_ssh_keeper *k, int *fd)
{
    char data[4096];
    ssize_t n = read(*fd, data, sizeof data);
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (n <= 0) {
        close(*fd);
        *fd = -1;
        return;
    }
    vf_autofree char *shown = vf_escape_n(data, (size_t)n);
    vf_debug("ssh", "%s", shown);
    pthread_mutex_lock(&k->lock);
    vf_buf_add(&k->said, data, (size_t)n);
    if (k->said.len > MAX_SAID)
        vf_buf_consume(&k->said, k->said.len - MAX_SAID);
    pthread_mutex_unlock(&k->lock);
}

static bool has_ended(pid_t pid)
{
    siginfo_t si = {0};
    return waitid(P_PID, (id_t)pid, &si, WEXITED | WNOHANG | WNOWAIT) < 0 || si.si_pid == pid;
}

static void watch(struct vf_ssh_keeper *k, struct vf_proc *p)
{
    /* a ProxyCommand may hold stderr open behind its ssh: the process itself is what counts */
    vf_autofd int pidfd = (int)syscall(SYS_pidfd_open, p->pid, 0);
    for (;;) {
        struct pollfd fds[2] = {{.fd = p->err, .events = POLLIN}, {.fd = pidfd, .events = POLLIN}};
        if (vf_cancel_poll(k->stop, fds, 2, pidfd < 0 ? POLL_MS : -1, NULL) < 0)
            break;
        if (fds[0].revents)
            hear(k, &p->err);
        else if (has_ended(p->pid))
            break;
    }
    /* its last words are in the pipe already */
    while (p->err >= 0 && poll(&(struct pollfd){.fd = p->err, .events = POLLIN}, 1, 0) > 0)
        hear(k, &p->err);
    /* its session holds the ssh of a jump host and askpass too, which may wait for an answer */
    if (vf_cancel_fired(k->stop))
        kill(-p->pid, SIGTERM);
    vf_proc_wait(p, k->stop, NULL);
}

static void *keep(void *opaque)
{
    struct vf_ssh_keeper *k = opaque;
    struct vf_proc p;
    if (vf_proc_start(k->argv, VF_PROC_STDOUT | VF_PROC_STDERR | VF_PROC_SETSID | VF_PROC_DIE, -1,
                      &p, &k->failed) == 0)
        watch(k, &p);
    uint64_t one = 1;
    if (write(k->ended, &one, sizeof one) < 0)
        abort();
    return NULL;
}

int vf_ssh_keeper_begin(struct vf_ssh_keeper *k, const char *const *argv, struct vf_cancel *cancel,
                        struct vf_error **err)
{
    *k = (struct vf_ssh_keeper){.argv = argv, .stop = vf_cancel_new(cancel)};
    pthread_mutex_init(&k->lock, NULL);
    k->ended = eventfd(0, EFD_CLOEXEC);
    if (k->ended < 0)
        abort();
    int rc = vf_thread_start(&k->thread, keep, k);
    if (rc == 0)
        return 0;
    vf_cancel_free(k->stop);
    close(k->ended);
    pthread_mutex_destroy(&k->lock);
    *k = (struct vf_ssh_keeper){0};
    return vf_fail_errno(err, rc, "starting a thread");
}

void vf_ssh_keeper_end(struct vf_ssh_keeper *k)
{
    if (!k->stop)
        return;
    vf_cancel_fire(k->stop, "the ssh connection was closed");
    pthread_join(k->thread, NULL);
    vf_cancel_free(k->stop);
    close(k->ended);
    vf_buf_free(&k->said);
    vf_error_free(k->failed);
    pthread_mutex_destroy(&k->lock);
    *k = (struct vf_ssh_keeper){0};
}

static const struct {
    const char *text;
    enum vf_error_code code;
    const char *advice;
} meanings[] = {
    {"HOST IDENTIFICATION HAS CHANGED", VF_E_TRUST, N_("the host key of a jump host has changed")},
    {"Host key verification failed", VF_E_TRUST, NULL},
    {"host key is known", VF_E_TRUST, NULL},
    {"Stdio forwarding request failed", VF_E_NET,
     N_("the jump host does not connect there (nothing answers, or its sshd forbids forwarding)")},
    {"Permission denied", VF_E_AUTH, NULL},
    {"Too many authentication failures", VF_E_AUTH, NULL},
    {"no matching ", VF_E_UNSUPPORTED, NULL},
    {"Invalid key length", VF_E_UNSUPPORTED, NULL},
    {"Bad configuration option", VF_E_USAGE, NULL},
    {"Bad owner or permissions", VF_E_USAGE, NULL},
};

static char *replace(const char *text, const char *what, const char *by)
{
    vf_autobuf struct vf_buf b = {0};
    for (const char *hit; (hit = strstr(text, what)); text = hit + strlen(what)) {
        vf_buf_add(&b, text, (size_t)(hit - text));
        vf_buf_puts(&b, by);
    }
    vf_buf_puts(&b, text);
    return vf_buf_take(&b);
}

bool vf_ssh_keeper_dropped(struct vf_ssh_keeper *k)
{
    pthread_mutex_lock(&k->lock);
    bool dropped = strstr(vf_buf_str(&k->said), "kex_exchange_identification: ");
    pthread_mutex_unlock(&k->lock);
    return dropped;
}

int vf_ssh_keeper_fail(struct vf_ssh_keeper *k, const char *alias, const char *host,
                       struct vf_error **err)
{
    pthread_mutex_lock(&k->lock);
    struct vf_error *failed = k->failed ? vf_error_copy(k->failed) : NULL;
    vf_autofree char *said = replace(vf_buf_str(&k->said), alias, host);
    pthread_mutex_unlock(&k->lock);
    if (failed)
        return vf_fail_with(err, failed);
    enum vf_error_code code = VF_E_NET;
    const char *advice = NULL;
    for (size_t i = 0; i < VF_COUNT(meanings) && code == VF_E_NET; i++)
        if (strstr(said, meanings[i].text)) {
            code = meanings[i].code;
            advice = meanings[i].advice ? _(meanings[i].advice) : NULL;
        }
    vf_autostrv char **lines = vf_strv_split(said, "\r\n");
    size_t n = vf_strv_len(lines);
    /* behind a proxy ssh ends with these, which say nothing; the proxy has said why before */
    while (n > 1 && (vf_starts(lines[n - 1], "Connection closed by UNKNOWN") ||
                     vf_starts(lines[n - 1], "kex_exchange_identification: ")))
        n--;
    vf_autofree char *last = vf_escape(n ? lines[n - 1] : _("no word from ssh"));
    return vf_fail(err, code, "%s%s%s", advice ? advice : "", advice ? ": " : "", last);
}
