/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Running scripts on a host. All that the login shell there (sh, csh, fish, a restricted one) gets
 * to read is "sh -s"; script and arguments follow on stdin. What comes back begins with a word that
 * nobody else knows, so that the noise of a login shell is told from the answer, and the answer of
 * a forced command from ours. */
#include "config.h"
#include "xfer/host.h"
#include "base/clock.h"
#include "base/proc.h"
#include "base/str.h"
#include "mover/wire.h"

#include <string.h>

enum { MAX_OUTPUT = 64 << 10, MAX_SHOWN = 300 };

/* How scripts say what kind of failure theirs is. */
static const struct {
    int status;
    enum vf_error_code code;
} kinds[] = {
    {VF_SHELL_PERMISSION, VF_E_PERMISSION},
    {VF_SHELL_UNSUPPORTED, VF_E_UNSUPPORTED},
    {VF_SHELL_NOSPACE, VF_E_NOSPACE},
};

static size_t without_newlines(const struct vf_buf *b)
{
    size_t n = b->len;
    while (n && strchr("\r\n", b->data[n - 1]))
        n--;
    return n;
}

char *vf_shell_said(const struct vf_buf *b)
{
    size_t n = without_newlines(b);
    size_t from = n > MAX_SHOWN ? n - MAX_SHOWN : 0;
    return n ? vf_escape_n(b->data + from, n - from) : vf_strdup("no message");
}

static char *result(int status, struct vf_buf *out, const struct vf_buf *err_out,
                    struct vf_error **err)
{
    if (status == 0) {
        out->len = without_newlines(out);
        return vf_buf_take(out);
    }
    vf_autofree char *said = vf_shell_said(err_out);
    for (size_t i = 0; i < VF_COUNT(kinds); i++)
        if (kinds[i].status == status) {
            vf_fail(err, kinds[i].code, "%s", said);
            return NULL;
        }
    vf_fail(err, VF_E_INTERNAL, "a command failed with status %d: %s", status, said);
    return NULL;
}

static char *local_shell(const char *script, char *const *args, struct vf_cancel *cancel,
                         struct vf_error **err)
{
    vf_autostrv char **argv = vf_strv_new();
    vf_strv_add(&argv, "sh");
    vf_strv_add(&argv, "-s");
    vf_strv_add(&argv, "--");
    for (; args && *args; args++)
        vf_strv_add(&argv, *args);
    struct vf_proc_result r = {0};
    char *text = NULL;
    if (vf_proc_run_for((const char *const *)argv, script, strlen(script), MAX_OUTPUT,
                        vf_clock_limit(VF_T_COMMAND), cancel, &r, err) == 0)
        text = result(r.status, &r.out, &r.err, err);
    vf_proc_result_free(&r);
    return text;
}

/* Takes what was printed before MARK off OUT. */
static int skip_noise(struct vf_ssh *ssh, const char *mark, struct vf_ssh_result *r,
                      struct vf_error **err)
{
    struct vf_buf *out = &r->out;
    char *ours = out->len ? memmem(out->data, out->len, mark, strlen(mark)) : NULL;
    size_t noise = ours ? (size_t)(ours - out->data) : out->len;
    if (!ours) {
        vf_autofree char *said = vf_shell_said(without_newlines(&r->err) ? &r->err : out);
        return vf_fail(err, VF_E_UNSUPPORTED,
                       "what is asked for does not run there (it answers: %s): its sshd forces a "
                       "command on this login (ForceCommand in sshd_config, or command= at the "
                       "key), or the login shell of %s runs no commands",
                       said, vf_ssh_user(ssh));
    }
    if (noise > VF_WIRE_NOISE)
        return vf_fail(
            err, VF_E_UNSUPPORTED,
            "the login shell of %s prints %zu bytes before any command, more than the "
            "%d that can be skipped: let its start-up files (.bashrc and the like) print "
            "nothing where nobody sits at a terminal",
            vf_ssh_user(ssh), noise, VF_WIRE_NOISE);
    vf_buf_consume(out, noise + strlen(mark));
    return 0;
}

char *vf_host_shell(struct vf_ssh *ssh, const char *script, char *const *args,
                    struct vf_cancel *cancel, struct vf_error **err)
{
    if (!ssh)
        return local_shell(script, args, cancel, err);
    vf_autofree char *hex = vf_random_hex(8);
    vf_autofree char *mark = vf_asprintf("vmferry-%s\n", hex);
    vf_autobuf struct vf_buf input = {0};
    vf_buf_printf(&input, "echo vmferry-%s\nset --", hex);
    for (; args && *args; args++) {
        vf_autofree char *quoted = vf_shell_quote(*args);
        vf_buf_printf(&input, " %s", quoted);
    }
    vf_buf_printf(&input, "\n%s", script);
    struct vf_ssh_result r = {0};
    char *text = NULL;
    struct vf_cancel *own = cancel ? vf_ssh_set_cancel(ssh, cancel) : NULL;
    if (vf_ssh_exec(ssh, "sh -s", input.data, input.len, &r, err) == 0) {
        if (skip_noise(ssh, mark, &r, err) == 0)
            text = result(r.status, &r.out, &r.err, err);
        vf_ssh_result_free(&r);
    }
    if (cancel)
        vf_ssh_set_cancel(ssh, own);
    return text;
}
