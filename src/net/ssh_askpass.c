/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ssh asks through a program, which is a script in our private directory that passes the prompt on
 * by one fifo and gets the answer by another; a secret is never in argv, environment or a file. */
#include "config.h"
#include "net/ssh_master.h"
#include "base/fdio.h"
#include "base/i18n.h"
#include "base/log.h"
#include "base/str.h"
#include "base/tmpdir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

enum { MAX_QUESTIONS = 30, MAX_PATH = 70 /* a socket's path has 108 bytes, and ssh adds 17 */ };

static const char script[] =
    "#!/bin/sh\n"
    "d=${0%/*}\n"
    "a=$d/a.$$\n"
    "mkfifo -m 600 \"$a\" || exit 1\n"
    "printf '%s\\037%s\\037%s\\036' \"$$\" \"$SSH_ASKPASS_PROMPT\" \"$1\" >\"$d/q\"\n"
    "IFS= read -r line <\"$a\"\n"
    "rm -f \"$a\"\n"
    "case $line in\n"
    "y*) printf '%s\\n' \"${line#y}\" ;;\n"
    "*) exit 1 ;;\n"
    "esac\n";

static bool fit(const char *dir)
{
    struct statvfs v;
    if (!dir || dir[0] != '/' || strlen(dir) > MAX_PATH || strpbrk(dir, " \t\n\"'%$\\") ||
        access(dir, W_OK | X_OK) < 0 || statvfs(dir, &v) < 0)
        return false;
    return !(v.f_flag & ST_NOEXEC);
}

static int make_dir(struct vf_tmpdir *out, struct vf_error **err)
{
    const char *places[] = {getenv("XDG_RUNTIME_DIR"), "/tmp", "/var/tmp"};
    for (size_t i = 0; i < VF_COUNT(places); i++) {
        if (!fit(places[i]))
            continue;
        if (vf_tmpdir_make(places[i], "vmferry-", out) == 0)
            return 0;
        vf_tmpdir_remove(out);
    }
    return vf_fail(
        err, VF_E_PERMISSION,
        _("no directory for ssh's control socket: XDG_RUNTIME_DIR, /tmp and /var/tmp are "
          "not writable or do not allow programs"));
}

struct vf_ssh_askpass *vf_ssh_askpass_new(const struct vf_ssh_target *t, struct vf_ssh_login *login,
                                          struct vf_error **err)
{
    struct vf_tmpdir tmp;
    if (make_dir(&tmp, err) < 0)
        return NULL;
    const char *dir = tmp.path;
    struct vf_ssh_askpass *a = vf_xcalloc(1, sizeof *a);
    vf_autofree char *hex = vf_random_hex(8);
    *a = (struct vf_ssh_askpass){.dir = tmp.path,
                                 .tmp = tmp,
                                 .questions = -1,
                                 .answer = -1,
                                 .alias = vf_asprintf("vmferry-%s", hex),
                                 .login = login,
                                 .target = t};
    vf_autofree char *program = vf_asprintf("%s/askpass", dir);
    vf_autofree char *fifo = vf_asprintf("%s/q", dir);
    vf_autofd int fd = open(program, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
    if (fd < 0 || vf_write_full(fd, script, sizeof script - 1) < 0 || mkfifo(fifo, 0600) < 0 ||
        (a->questions = open(fifo, O_RDWR | O_NONBLOCK | O_CLOEXEC)) < 0) {
        vf_fail_errno(err, errno, "%s", dir);
        vf_ssh_askpass_free(a);
        return NULL;
    }
    return a;
}

void vf_ssh_askpass_free(struct vf_ssh_askpass *a)
{
    if (!a)
        return;
    if (a->questions >= 0)
        close(a->questions);
    if (a->answer >= 0)
        close(a->answer);
    vf_tmpdir_remove(&a->tmp);
    free(a->alias);
    vf_buf_free(&a->in);
    free(a);
}

void vf_ssh_askpass_rewind(struct vf_ssh_askpass *a)
{
    vf_buf_clear(&a->in);
}

/* "'X'" behind START in PROMPT, or up to a blank; NULL when there is none. */
static char *quoted_after(const char *prompt, const char *start)
{
    const char *p = strstr(prompt, start);
    if (!p)
        return NULL;
    p += strlen(start);
    return vf_strndup(p, strcspn(p, "' "));
}

static int jump_host_key(struct vf_ssh_askpass *a, const char *prompt, struct vf_secret **out,
                         struct vf_error **err)
{
    vf_autofree char *host = quoted_after(prompt, "authenticity of host '");
    vf_autofree char *shown = vf_escape(host ? host : _("the jump host"));
    vf_autofree char *id = vf_asprintf("host-key:%s", shown);
    vf_autofree char *title =
        vf_asprintf(_("The host key of %s, on the way to %s, is not known yet. Trust it?"), shown,
                    a->target->known_name);
    vf_autofree char *detail = vf_escape(prompt);
    const struct vf_asker *asker = a->login->again ? NULL : a->login->asker;
    int yes = vf_ssh_login_confirm(asker, a->login->cancel, id, title, detail, NULL, err);
    if (yes < 0)
        return -1;
    if (!yes)
        return vf_fail(err, VF_E_TRUST,
                       _("the host key of the jump host %s is not known and was not accepted"),
                       shown);
    *out = vf_secret_new("yes", 3);
    return 0;
}

static bool is_about(const char *prompt, const char *fmt_user, const char *host,
                     bool in_parentheses)
{
    vf_autofree char *start = vf_asprintf(in_parentheses ? "(%s@%s) " : "%s@%s's ", fmt_user, host);
    return vf_starts(prompt, start);
}

/* A prompt that is not the target's: a jump host's password or another token. */
static int ask_other(struct vf_ssh_askpass *a, const char *prompt, struct vf_secret **out,
                     struct vf_error **err)
{
    const char *end = strstr(prompt, "'s password");
    vf_autofree char *who = end ? vf_strndup(prompt, (size_t)(end - prompt)) : NULL;
    vf_autofree char *shown_who = vf_escape(who ? who : a->target->who);
    vf_autofree char *title = vf_escape(prompt);
    vf_autofree char *id = vf_asprintf("%s:%s", who ? "ssh-password" : "ssh-prompt", shown_who);
    struct vf_ask q = {.id = id, .kind = VF_ASK_SECRET, .title = title};
    return vf_ssh_login_ask(a->login, &q, false, out, err);
}

/* 0 with *out; 1: refuse, ssh goes on with the next key; -1: the login is over. */
static int decide(struct vf_ssh_askpass *a, const char *prompt, struct vf_secret **out,
                  struct vf_error **err)
{
    const char *user = a->target->user;
    if (is_about(prompt, user, a->alias, false))
        return vf_ssh_login_password(a->login, out, err);
    if (is_about(prompt, user, a->alias, true))
        return vf_ssh_login_prompt(a->login, NULL, strchr(prompt, ')') + 2, false, out, err);
    if ((*out = vf_ssh_login_recall(a->login, prompt)))
        return 0;
    int rc;
    if (strstr(prompt, "(yes/no")) {
        rc = jump_host_key(a, prompt, out, err);
    } else if (vf_starts(prompt, "Enter passphrase for ")) {
        vf_autofree char *file = quoted_after(prompt, "key '");
        vf_autoerror struct vf_error *e = NULL;
        rc = vf_ssh_login_passphrase(a->login, file ? file : "?", out, &e);
        if (rc < 0 && vf_error_code(e) == VF_E_CANCELLED)
            return vf_fail_with(err, VF_STEAL(e));
        if (rc < 0)
            return 1;
    } else {
        rc = ask_other(a, prompt, out, err);
    }
    if (rc == 0)
        vf_ssh_login_remember(a->login, prompt, *out);
    return rc;
}

static void give(struct vf_ssh_askpass *a, const char *pid, const struct vf_secret *secret)
{
    vf_autofree char *path = vf_asprintf("%s/a.%s", a->dir, pid);
    if (a->answer >= 0)
        close(a->answer);
    /* for reading too: opening does not wait, and what is written stays until it is read */
    a->answer = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (a->answer < 0)
        return; /* the asker has gone */
    vf_autobuf struct vf_buf b = {0};
    vf_buf_puts(&b, secret ? "y" : "n");
    if (secret)
        vf_buf_puts(&b, vf_secret_text(secret));
    vf_buf_puts(&b, "\n");
    if (vf_write_full(a->answer, b.data, b.len) < 0)
        vf_warn("ssh", "answering ssh: %s", strerror(errno));
    vf_wipe(b.data, b.cap);
}

static bool is_number(const char *s)
{
    return *s && strspn(s, "0123456789") == strlen(s);
}

static int serve_one(struct vf_ssh_askpass *a, char *question, struct vf_error **err)
{
    char *rest = question, *pid = strsep(&rest, "\037"), *hint = strsep(&rest, "\037");
    if (!rest || !is_number(pid))
        return 0;
    if (vf_streq(hint, "none")) {
        vf_autofree char *shown = vf_escape(rest);
        vf_info("ssh", "%s", shown); /* "touch your key": nothing to answer */
        return 1;
    }
    if (++a->asked > MAX_QUESTIONS)
        return vf_fail(err, VF_E_AUTH, _("ssh asked more than %d questions"), MAX_QUESTIONS);
    vf_auto(vf_secret_free) struct vf_secret *secret = NULL;
    int rc = decide(a, rest, &secret, err);
    if (rc < 0)
        return -1;
    give(a, pid, rc == 0 ? secret : NULL);
    return 1;
}

int vf_ssh_askpass_serve(struct vf_ssh_askpass *a, struct vf_error **err)
{
    char *room = vf_buf_room(&a->in, 8192);
    ssize_t n = read(a->questions, room, 8192);
    if (n > 0)
        a->in.len += (size_t)n;
    int served = 0;
    for (char *end; a->in.len && (end = memchr(a->in.data, '\036', a->in.len));) {
        vf_autofree char *question = vf_strndup(a->in.data, (size_t)(end - a->in.data));
        vf_buf_consume(&a->in, (size_t)(end - a->in.data) + 1);
        int rc = serve_one(a, question, err);
        if (rc < 0)
            return -1;
        served |= rc;
    }
    if (a->in.len > 65536)
        vf_buf_clear(&a->in);
    return served;
}
