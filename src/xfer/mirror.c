/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "xfer/mirror.h"
#include "xfer/host.h"
#include "base/clock.h"
#include "base/str.h"

#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void vf_mirror_says_clear(struct vf_mirror_says *s)
{
    free(s->dir);
    free(s->who);
    *s = (struct vf_mirror_says){0};
}

/* "HUNDREDTHS held|free SINCE PID WHO" */
static int read_other(char *const *w, struct vf_mirror_says *out)
{
    uint64_t age, since, pid;
    if (vf_strv_len((char **)w) < 5 || vf_parse_u64(w[0], 0, INT64_MAX, &age) < 0 ||
        vf_parse_u64(w[2], 0, INT32_MAX, &since) < 0 || vf_parse_u64(w[3], 0, INT32_MAX, &pid) < 0)
        return -1;
    out->silent = (double)age / 100;
    out->let_go = vf_streq(w[1], "free");
    out->since = (int64_t)since;
    out->pid = (unsigned)pid;
    out->who = vf_escape(w[4]);
    return 0;
}

/* "ours SIZE STAMPED DIR", "other …", "left …", "none" */
static int read_says(const char *text, struct vf_mirror_says *out, struct vf_error **err)
{
    vf_autostrv char **w = vf_strv_split(text, " ");
    size_t n = vf_strv_len(w);
    *out = (struct vf_mirror_says){.word = VF_MIRROR_NONE};
    if (n == 1 && vf_streq(w[0], "none"))
        return 0;
    if (n == 4 && vf_streq(w[0], "ours") && vf_parse_u64(w[1], 0, INT64_MAX, &out->size) == 0) {
        out->word = VF_MIRROR_OURS;
        out->stamped = vf_streq(w[2], "1");
        out->dir = vf_strdup(w[3]);
        return 0;
    }
    bool lives = n && vf_streq(w[0], "other"), left = n && vf_streq(w[0], "left");
    out->word = lives ? VF_MIRROR_OTHER : VF_MIRROR_LEFT;
    if ((lives || left) && read_other(w + 1, out) == 0)
        return 0;
    vf_autofree char *safe = vf_escape(text);
    return vf_fail(err, VF_E_CORRUPT, "the record of the job there is not understood: %.200s",
                   safe);
}

static int say(struct vf_ssh *ssh, const char *script, char *const *args, struct vf_cancel *cancel,
               struct vf_mirror_says *out, struct vf_error **err)
{
    *out = (struct vf_mirror_says){.word = VF_MIRROR_NONE};
    vf_autofree char *text = vf_host_shell(ssh, script, args, cancel, err);
    return text ? read_says(text, out, err) : -1;
}

/* A name that is one word wherever it is read. */
static char *plain_word(const char *s)
{
    char *word = vf_strdup(s && *s ? s : "?");
    for (char *c = word; *c; c++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-", *c))
            *c = '_';
    return word;
}

static char *this_login(void)
{
    char host[256] = "";
    if (gethostname(host, sizeof host - 1) < 0)
        *host = 0;
    char number[32];
    snprintf(number, sizeof number, "uid%u", (unsigned)geteuid());
    const struct passwd *pw = getpwuid(geteuid());
    vf_autofree char *user = plain_word(pw ? pw->pw_name : number), *at = plain_word(host);
    return vf_asprintf("%s@%s", user, at);
}

int vf_mirror_take(struct vf_ssh *ssh, const struct vf_mirror_claim *claim,
                   struct vf_cancel *cancel, struct vf_mirror_says *out, struct vf_error **err)
{
    vf_autostrv char **args = vf_strv_new();
    vf_autofree char *who = this_login();
    vf_strv_add(&args, claim->job);
    vf_strv_add(&args, claim->token);
    vf_strv_addf(&args, "%d", claim->limit_ms / 10);
    vf_strv_add(&args, claim->any ? "any" : claim->make ? "make" : "mine");
    vf_strv_addf(&args, "%lld", (long long)vf_clock_unix());
    vf_strv_addf(&args, "%d", (int)getpid());
    vf_strv_add(&args, who);
    return say(ssh, vf_script_mirror_take, args, cancel, out, err);
}

int vf_mirror_put(struct vf_ssh *ssh, const char *job, const char *token, uint64_t offset,
                  const char *data, struct vf_cancel *cancel, struct vf_mirror_says *out,
                  struct vf_error **err)
{
    vf_autofree char *at = vf_asprintf("%llu", (unsigned long long)offset);
    char *args[] = {(char *)job, (char *)token, at, (char *)(data ? data : ""), NULL};
    return say(ssh, vf_script_mirror_put, args, cancel, out, err);
}

int vf_mirror_plan(struct vf_ssh *ssh, const char *job, const char *token, const char *text,
                   struct vf_cancel *cancel, struct vf_mirror_says *out, struct vf_error **err)
{
    char *args[] = {(char *)job, (char *)token, (char *)text, NULL};
    return say(ssh, vf_script_mirror_plan, args, cancel, out, err);
}

int vf_mirror_release(struct vf_ssh *ssh, const char *job, const char *token,
                      struct vf_cancel *cancel, struct vf_error **err)
{
    char *args[] = {(char *)job, (char *)token, NULL};
    struct vf_mirror_says says;
    int r = say(ssh, vf_script_mirror_release, args, cancel, &says, err);
    vf_mirror_says_clear(&says);
    return r;
}

int vf_mirror_drop(struct vf_ssh *ssh, const char *job, const char *token, struct vf_cancel *cancel,
                   struct vf_error **err)
{
    char *args[] = {(char *)job, (char *)(token ? token : "-"), NULL};
    struct vf_mirror_says says;
    int r = say(ssh, vf_script_mirror_drop, args, cancel, &says, err);
    if (r == 0 && says.word != VF_MIRROR_NONE) {
        r = vf_fail(err, VF_E_CONFLICT, "%s works on that job", says.who);
    }
    vf_mirror_says_clear(&says);
    return r;
}

/* ---- those on a host ---- */

/* "DIR other|left …" */
static bool read_mirror(const char *line, struct vf_mirror *m)
{
    const char *space = strchr(line, ' ');
    if (line[0] != '/' || !space)
        return false;
    *m = (struct vf_mirror){.dir = vf_strndup(line, (size_t)(space - line))};
    m->job = vf_strdup(strrchr(m->dir, '/') + 1);
    if (vf_job_name_ok(m->job) && read_says(space + 1, &m->holder, NULL) == 0)
        return true;
    free(m->job);
    free(m->dir);
    vf_mirror_says_clear(&m->holder);
    return false;
}

int vf_mirror_list(struct vf_ssh *ssh, struct vf_mirror **out, size_t *n, struct vf_error **err)
{
    *out = NULL;
    *n = 0;
    vf_autofree char *text = vf_host_shell(ssh, vf_script_mirror_list, NULL, NULL, err);
    if (!text)
        return vf_fail_prefix(err, "looking for records of jobs");
    vf_autostrv char **lines = vf_strv_split(text, "\n");
    bool ours = false; /* the last directory was one */
    for (char **l = lines; *l; l++) {
        struct vf_mirror m;
        if (**l == '{' && ours) {
            vf_str_set(&(*out)[*n - 1].line, *l);
        } else if ((ours = read_mirror(*l, &m))) {
            *(struct vf_mirror *)vf_grow(out, n, sizeof m) = m;
        }
    }
    return 0;
}

void vf_mirrors_free(struct vf_mirror *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(v[i].job);
        free(v[i].dir);
        free(v[i].line);
        vf_mirror_says_clear(&v[i].holder);
    }
    free(v);
}

char *vf_mirror_read(struct vf_ssh *ssh, const char *dir, const char *name, size_t *n,
                     struct vf_error **err)
{
    vf_autofree char *hex = vf_random_hex(8);
    vf_autofree char *path = vf_asprintf("%s/%s", dir, name), *quoted = vf_shell_quote(path);
    vf_autofree char *mark = vf_asprintf("vmferry-%s\n", hex);
    vf_autofree char *command =
        vf_asprintf("sh -c 'echo vmferry-%s; exec cat \"$0\"' %s", hex, quoted);
    struct vf_ssh_result r = {0};
    if (vf_ssh_exec(ssh, command, NULL, 0, &r, err) < 0)
        return NULL;
    /* a login shell may have said something before */
    char *at = r.out.len ? memmem(r.out.data, r.out.len, mark, strlen(mark)) : NULL;
    char *text = NULL;
    if (r.status || !at) {
        vf_autofree char *said = vf_shell_said(&r.err);
        vf_fail(err, VF_E_IO, "%s: %s", path, said);
    } else {
        at += strlen(mark);
        *n = (size_t)(r.out.data + r.out.len - at);
        text = vf_strndup(at, *n);
    }
    vf_ssh_result_free(&r);
    return text;
}
