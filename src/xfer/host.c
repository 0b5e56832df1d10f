/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bringing vmferry-mover to a host and starting its owner. */
#include "config.h"
#include "xfer/host.h"
#include "mover/login.h"
#include "base/clock.h"
#include "base/fdio.h"
#include "base/log.h"
#include "base/str.h"

#include <errno.h>
#include <openssl/evp.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>

enum { MAX_HELPER = 64 << 20, ROOM_KIB = 64, HELLO_MS = 30 * 1000, END_MS = 15 * 1000 };

/* ---- deploying ---- */

/* The job's ID becomes part of file names and of a line in authorized_keys. */
bool vf_job_name_ok(const char *job)
{
    static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
    size_t n = job ? strlen(job) : 0;
    return n && n <= 40 && strspn(job, good) == n && job[0] != '.' && job[0] != '-';
}

static int check_job(const char *job, struct vf_error **err)
{
    if (!vf_job_name_ok(job))
        return vf_fail(err, VF_E_USAGE, "\"%s\" cannot be a job ID", job ? job : "");
    return 0;
}

uint64_t vf_helper_room(const char *path)
{
    struct stat st;
    return (stat(path, &st) == 0 ? (uint64_t)st.st_size >> 10 : 0) + ROOM_KIB;
}

static int make_dir(struct vf_mover_host *h, const char *helper, uint64_t epoch,
                    struct vf_error **err)
{
    struct stat st;
    if (h->ssh && stat(helper, &st) < 0)
        return vf_fail_errno(err, errno, "%s", helper);
    vf_autofree char *random = vf_random_hex(4);
    vf_autostrv char **args = vf_strv_new();
    vf_strv_addf(&args, "vmferry-%s-%llu-%s", h->job, (unsigned long long)epoch, random);
    vf_strv_addf(&args, "%lld", (long long)(h->ssh ? vf_helper_room(helper) : ROOM_KIB));
    vf_autofree char *said = vf_host_shell(h->ssh, vf_script_prepare, args, h->cancel, err);
    if (!said) {
        /* it may have been made all the same, and the answer not understood */
        char *what[] = {args[0], (char *)"remove", NULL};
        vf_autofree char *gone = vf_host_shell(h->ssh, vf_script_dirs, what, NULL, NULL);
        return vf_fail_prefix(err, "making a directory for the helper");
    }
    char *space = strchr(said, ' ');
    /* it must be ours: it is removed as a whole later */
    if (!space || space[1] != '/' || !vf_ends(space, args[0]) || strchr(space, '\n'))
        return vf_fail(err, VF_E_UNSUPPORTED, "the shell there does not answer as expected");
    *space = 0;
    h->dir = vf_strdup(space + 1);
    struct utsname u;
    if (uname(&u) == 0 && !vf_streq(u.machine, said)) {
        vf_autofree char *safe = vf_escape(said);
        return vf_fail(err, VF_E_UNSUPPORTED, "this vmferry-mover is for %s, the host is %s",
                       u.machine, safe);
    }
    return 0;
}

static char *sha256(const void *data, size_t n)
{
    unsigned char md[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    if (EVP_Digest(data, n, md, &len, EVP_sha256(), NULL) != 1)
        abort();
    vf_autobuf struct vf_buf b = {0};
    for (unsigned i = 0; i < len; i++)
        vf_buf_printf(&b, "%02x", md[i]);
    return vf_buf_take(&b);
}

static int upload(struct vf_mover_host *h, const char *local, struct vf_error **err)
{
    size_t n;
    vf_autofree char *helper = vf_read_file(local, MAX_HELPER, &n, err);
    if (!helper)
        return vf_fail_prefix(err, "reading the helper program");
    vf_str_set(&h->mover, NULL);
    h->mover = vf_asprintf("%s/vmferry-mover", h->dir);
    vf_autofree char *quoted = vf_shell_quote(h->mover);
    vf_autofree char *command = vf_asprintf(
        "sh -c 'umask 077; cat >\"$0\" && chmod 700 \"$0\" && sha256sum <\"$0\"' %s", quoted);
    struct vf_ssh_result r = {0};
    if (vf_ssh_exec(h->ssh, command, helper, n, &r, err) < 0)
        return -1;
    vf_autofree char *want = sha256(helper, n);
    int status = r.status;
    /* a login shell may have said something before */
    bool whole = status == 0 && strstr(vf_buf_str(&r.out), want);
    vf_autofree char *said = vf_shell_said(&r.err);
    vf_ssh_result_free(&r);
    if (status)
        return vf_fail(err, strstr(said, "No space") ? VF_E_NOSPACE : VF_E_IO,
                       "copying the helper to %s: %s", h->dir, said);
    if (!whole)
        return vf_fail(err, VF_E_CORRUPT, "the helper did not arrive whole in %s", h->dir);
    return 0;
}

/* Runs ARGV there with a control session on its stdin and stdout. */
static int begin_session(struct vf_mover_host *h, const char *const argv[], struct vf_proc *proc,
                         struct vf_error **err)
{
    if (!h->ssh) {
        if (vf_proc_start(argv, VF_PROC_STDIN | VF_PROC_STDOUT | VF_PROC_STDERR | VF_PROC_SETSID,
                          -1, proc, err) < 0)
            return -1;
        h->session = vf_session_new(h->label, proc->in, proc->out, proc->err);
        proc->in = proc->out = proc->err = -1; /* the session's now */
        return 0;
    }
    /* by sh, because a restricted login shell starts nothing that is named by its path */
    vf_autobuf struct vf_buf command = {0};
    vf_buf_puts(&command, "sh -c 'exec \"$0\" \"$@\"'");
    for (size_t i = 0; argv[i]; i++) {
        vf_autofree char *quoted = vf_shell_quote(argv[i]);
        vf_buf_printf(&command, " %s", quoted);
    }
    if (vf_ssh_start(h->ssh, vf_buf_str(&command), &h->child, err) < 0)
        return -1;
    h->session = vf_session_new(h->label, h->child.in, h->child.out, h->child.err);
    h->child.in = h->child.out = h->child.err = -1;
    return 0;
}

/* The secrets that were typed: to a program on this machine, over a pipe, and nowhere else. */
static int send_login(struct vf_mover_host *h, const struct vf_fetch_login *l,
                      struct vf_error **err)
{
    if (!l || !l->cluster)
        return 0;
    if (h->ssh)
        return vf_fail(err, VF_E_INTERNAL, "secrets are not sent to %s", h->label);
    vf_autobuf struct vf_buf b = {0};
    vf_fetch_login_fields(&b, l);
    char *data = b.data;
    size_t cap = b.cap;
    int r = vf_session_call(h->session, VF_F_SOURCE, vf_session_new_id(), &b, VF_F_OK, HELLO_MS,
                            h->cancel, NULL, err);
    vf_wipe(data, cap); /* cleared, but not freed */
    return r;
}

static int start_owner(struct vf_mover_host *h, uint64_t epoch, struct vf_error **err)
{
    vf_autofree char *number = vf_asprintf("%llu", (unsigned long long)epoch);
    const char *argv[] = {h->mover, "serve", "--job", h->job, "--epoch",
                          number,   "--dir", h->dir,  NULL};
    return begin_session(h, argv, &h->proc, err);
}

static int greet(struct vf_mover_host *h, uint64_t epoch, struct vf_error **err)
{
    vf_autobuf struct vf_buf b = {0};
    vf_hello_fields(&b, "program", h->job, epoch);
    vf_auto(vf_message_free) struct vf_message *m = NULL;
    if (vf_session_call(h->session, VF_F_HELLO, 0, &b, VF_F_HELLO, HELLO_MS, h->cancel, &m, err) <
            0 ||
        vf_hello_check(&m->frame, err) < 0)
        return -1;
    free(h->identity);
    h->identity = vf_field_text(&m->frame, VF_TAG_HOST);
    h->cores = (unsigned)vf_field_num(&m->frame, VF_TAG_CORES, 1);
    if (!h->identity)
        return vf_fail(err, VF_E_CORRUPT, "the mover does not say where it is");
    vf_session_on_note(h->session, h->note, h->opaque);
    return 0;
}

struct vf_mover_host *vf_mover_host_open(struct vf_ssh *ssh, const struct vf_mover_opts *opts,
                                         struct vf_error **err)
{
    const char *local = opts->mover ? opts->mover : PKGLIBEXECDIR "/vmferry-mover";
    if (check_job(opts->job, err) < 0)
        return NULL;
    if (ssh && opts->login) {
        vf_fail(err, VF_E_INTERNAL, "a login is not for another host");
        return NULL;
    }
    struct vf_mover_host *h = vf_xcalloc(1, sizeof *h);
    h->ssh = ssh;
    h->cancel = opts->cancel;
    h->note = opts->note;
    h->opaque = opts->opaque;
    h->label = vf_strdup(ssh ? vf_ssh_label(ssh) : "this machine");
    h->job = vf_strdup(opts->job);
    h->mover = vf_strdup(local);
    h->proc = (struct vf_proc){.pid = -1, .in = -1, .out = -1, .err = -1};
    h->bringer = h->proc;
    h->child = (struct vf_ssh_child){.in = -1, .out = -1, .err = -1};
    if (make_dir(h, local, opts->epoch, err) < 0 || (ssh && upload(h, local, err) < 0) ||
        start_owner(h, opts->epoch, err) < 0 || greet(h, opts->epoch, err) < 0 ||
        send_login(h, opts->login, err) < 0) {
        vf_fail_prefix(err, "%s", h->label);
        vf_mover_host_free(h);
        return NULL;
    }
    return h;
}

/* What brought the last session: it has ended with that. */
static void end_bringer(struct vf_mover_host *h)
{
    if (h->bringer.pid > 0)
        vf_proc_end(&h->bringer);
    h->bringer.pid = -1;
}

int vf_mover_host_attach(struct vf_mover_host *h, struct vf_ssh *ssh, uint64_t epoch,
                         struct vf_error **err)
{
    vf_session_free(VF_STEAL(h->session));
    if (h->child.priv)
        vf_ssh_finish(&h->child, 0, NULL); /* its connection is lost */
    h->child = (struct vf_ssh_child){.in = -1, .out = -1, .err = -1};
    end_bringer(h);
    h->ssh = ssh;
    char *args[] = {h->dir, NULL};
    vf_autofree char *said = vf_host_shell(ssh, vf_script_lives, args, h->cancel, err);
    if (!said)
        return vf_fail_prefix(err, "%s", h->label);
    if (!vf_streq(said, "lives"))
        return 0;
    const char *argv[] = {h->mover, "attach", h->dir, NULL};
    if (begin_session(h, argv, &h->bringer, err) < 0 || greet(h, epoch, err) < 0)
        return vf_fail_prefix(err, "%s", h->label);
    return 1;
}

/* Waits for the end of an owner that was told BYE. */
static void end_local(struct vf_mover_host *h)
{
    end_bringer(h);
    if (h->proc.pid <= 0)
        return;
    vf_auto(vf_cancel_free) struct vf_cancel *limit = vf_cancel_new(NULL);
    vf_autoerror struct vf_error *e = NULL;
    int64_t end = vf_clock_ms() + END_MS;
    while (kill(h->proc.pid, 0) == 0 && vf_clock_ms() < end) {
        siginfo_t info = {0};
        if (waitid(P_PID, (id_t)h->proc.pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
            info.si_pid == h->proc.pid)
            break;
        usleep(2000);
    }
    if (vf_clock_ms() >= end)
        vf_cancel_fire(limit, "the mover does not end");
    int status = vf_proc_wait(&h->proc, limit, &e);
    if (status)
        vf_warn("mover", "%s: the mover ended with status %d%s%s", h->label, status, e ? ": " : "",
                e ? e->text : "");
}

static void end_remote(struct vf_mover_host *h)
{
    vf_autoerror struct vf_error *e = NULL;
    int status = h->child.priv ? vf_ssh_finish(&h->child, END_MS, &e) : 0;
    if (status)
        vf_warn("mover", "%s: the mover ended with status %d%s%s", h->label, status, e ? ": " : "",
                e ? e->text : "");
}

/* The owner removes its directory itself; this is for one that could not, or does not know that it
 * is to end: its session was lost. */
static void remove_dir(struct vf_mover_host *h)
{
    if (!h->dir)
        return;
    vf_autoerror struct vf_error *e = NULL;
    char *args[] = {strrchr(h->dir, '/') + 1, (char *)"remove", NULL};
    vf_autofree char *said = vf_host_shell(h->ssh, vf_script_dirs, args, NULL, &e);
    if (!said)
        vf_warn("mover", "%s: %s is left: %s", h->label, h->dir, vf_error_text(e));
}

void vf_mover_host_free(struct vf_mover_host *h)
{
    if (!h)
        return;
    vf_session_free(h->session);
    if (h->ssh)
        end_remote(h);
    else
        end_local(h);
    remove_dir(h);
    free(h->label);
    free(h->job);
    free(h->dir);
    free(h->mover);
    free(h->identity);
    free(h->lets_in);
    free(h);
}

/* ---- what a lost job left ---- */

static int count_lines(const char *s)
{
    int n = *s ? 1 : 0;
    for (; *s; s++)
        n += *s == '\n';
    return n;
}

int vf_mover_cleanup(struct vf_ssh *ssh, const char *job, bool list_only, struct vf_error **err)
{
    if (check_job(job, err) < 0)
        return -1;
    const char *how = list_only ? "list" : "remove";
    vf_autofree char *mark = vf_key_mark(job);
    vf_autofree char *prefix = vf_asprintf("vmferry-%s-", job);
    char *keys[] = {(char *)(ssh ? vf_ssh_user(ssh) : ""), mark, (char *)how, NULL};
    char *dirs[] = {prefix, (char *)how, NULL};
    vf_autofree char *found_keys = vf_host_shell(ssh, vf_script_key_remove, keys, NULL, err);
    if (!found_keys)
        return vf_fail_prefix(err, "looking for one-job keys");
    vf_autofree char *found_dirs = vf_host_shell(ssh, vf_script_dirs, dirs, NULL, err);
    if (!found_dirs)
        return vf_fail_prefix(err, "looking for directories of the helper");
    return count_lines(found_keys) + count_lines(found_dirs);
}
