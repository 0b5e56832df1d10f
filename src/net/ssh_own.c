/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A command over a connection of its own by the OpenSSH program, beside the one that is open: for
 * data, of which libssh2 moves a quarter, and for several processors' worth of ciphers. It logs in
 * with keys only, since nobody is asked twice, and accepts the host key that was verified. */
#include "config.h"
#include "base/ciphers.h"
#include "base/fdio.h"
#include "base/i18n.h"
#include "base/proc.h"
#include "base/str.h"
#include "net/ssh_master.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

enum { GREETING_MS = 45 * 1000, SAID_MS = 2000 };

static const char alias[] = "vmferry-host";

struct own_child {
    struct vf_ssh_child_priv base;
    struct vf_proc proc;
    int known; /* memory file with the host key */
};

static int known_hosts(const struct vf_ssh *s, struct vf_error **err)
{
    vf_autofree char *line = vf_asprintf("%s %s\n", alias, s->host_key);
    vf_autofd int fd = memfd_create("vmferry-known", MFD_CLOEXEC);
    if (fd < 0 || fchmod(fd, 0600) < 0 || vf_write_full(fd, line, strlen(line)) < 0)
        return vf_fail_errno(err, errno, _("the file of known hosts"));
    return VF_STEAL_FD(fd);
}

static char **arguments(const struct vf_ssh *s, int known, const char *command, const char *ciphers)
{
    const struct vf_ssh_target *t = s->target;
    static const char *const fixed[] = {
        "-oSessionType=default", "-oStdinNull=no",
        "-oBatchMode=yes",       "-oStrictHostKeyChecking=yes",
        "-oControlMaster=no",    "-oControlPath=none",
        "-oCompression=no",      "-oLogLevel=ERROR",
    };
    char **v = vf_strv_new();
    vf_strv_add(&v, "ssh");
    if (t->config) {
        vf_strv_add(&v, "-F");
        vf_strv_add(&v, t->config);
    }
    vf_ssh_add_always(&v);
    for (size_t i = 0; i < VF_COUNT(fixed); i++)
        vf_strv_add(&v, fixed[i]);
    vf_strv_addf(&v, "-oUserKnownHostsFile=/proc/%d/fd/%d", (int)getpid(), known);
    vf_strv_addf(&v, "-oHostKeyAlias=%s", alias);
    vf_autofree char *type = vf_strndup(s->host_key, strcspn(s->host_key, " "));
    vf_strv_addf(&v, "-oHostKeyAlgorithms=^%s", vf_ssh_key_algorithms(t, type));
    vf_ssh_add_legacy(&v, t);
    vf_strv_addf(&v, "-oPort=%u", (unsigned)t->port);
    vf_strv_addf(&v, "-oUser=%s", t->user);
    ciphers = vf_ciphers(ciphers);
    if (ciphers)
        vf_strv_addf(&v, "-oCiphers=%s", ciphers);
    if (s->jump) {
        vf_autofree char *proxy = vf_ssh_jump_proxy(s->jump);
        vf_strv_addf(&v, "-oProxyCommand=%s", proxy);
        vf_strv_add(&v, "-oProxyUseFdpass=no");
    }
    if (t->only_keys) {
        for (char **k = t->keys; *k; k++) {
            vf_strv_add(&v, "-i");
            vf_strv_add(&v, *k);
        }
        vf_strv_add(&v, "-oIdentitiesOnly=yes");
    }
    vf_strv_add(&v, "--");
    vf_strv_add(&v, t->address);
    vf_strv_add(&v, command);
    return v;
}

static const struct {
    const char *says;
    enum vf_error_code code;
} meanings[] = {
    {"Host key verification failed", VF_E_TRUST},
    {"no matching host key type", VF_E_TRUST},
    {"Permission denied", VF_E_AUTH},
    {"Too many authentication failures", VF_E_AUTH},
    {"no matching ", VF_E_UNSUPPORTED},
};

/* It has ended without a word on its output. */
static int failed(int fd, struct vf_error **err)
{
    vf_autobuf struct vf_buf said = {0};
    struct pollfd w = {.fd = fd, .events = POLLIN};
    ssize_t n = 1;
    while (n > 0 && said.len < 64 * 1024 && vf_cancel_poll(NULL, &w, 1, SAID_MS, NULL) > 0)
        if ((n = read(fd, vf_buf_room(&said, 1024), 1024)) > 0)
            said.len += (size_t)n;
    vf_autostrv char **lines = vf_strv_split(vf_buf_str(&said), "\r\n");
    size_t count = vf_strv_len(lines);
    vf_autofree char *last = vf_escape(count ? lines[count - 1] : _("no word from ssh"));
    for (size_t i = 0; i < VF_COUNT(meanings); i++)
        if (strstr(vf_buf_str(&said), meanings[i].says))
            return vf_fail(err, meanings[i].code, _("another connection by ssh: %s"), last);
    return vf_fail(err, VF_E_NET, _("another connection by ssh: %s"), last);
}

static int finish(struct vf_ssh_child_priv *priv, int timeout_ms, struct vf_error **err)
{
    struct own_child *c = (struct own_child *)priv;
    vf_auto(vf_cancel_free) struct vf_cancel *late = vf_cancel_new(NULL);
    vf_autofd int pidfd = (int)syscall(SYS_pidfd_open, c->proc.pid, 0);
    struct pollfd w = {.fd = pidfd, .events = POLLIN};
    if (pidfd < 0 || vf_cancel_poll(NULL, &w, 1, timeout_ms, NULL) <= 0)
        vf_cancel_fire(late, "the command did not end in time");
    int status = vf_proc_wait(&c->proc, late, err);
    close(c->known);
    free(c);
    return status;
}

static const struct vf_ssh_ops own = {.name = "openssh", .finish = finish};

int vf_ssh_start_own(struct vf_ssh *s, const char *command, const char *ciphers,
                     struct vf_ssh_child *out, struct vf_error **err)
{
    *out = (struct vf_ssh_child){.in = -1, .out = -1, .err = -1};
    /* to try in vain would count as an attack there, and do so again with every connection */
    if (s->login &&
        (s->login->n_answered || s->login->configured_used || (s->once && s->once->sent)))
        return vf_fail(err, VF_E_AUTH, _("logging in takes more than keys"));
    vf_autofd int known = known_hosts(s, err);
    if (known < 0)
        return -1;
    vf_autofree char *whole = vf_ssh_as_root(s, command);
    vf_autostrv char **argv = arguments(s, known, whole, ciphers);
    struct vf_proc p;
    /* in a session of its own: without a terminal it can ask nobody */
    if (vf_proc_start((const char *const *)argv,
                      VF_PROC_STDIN | VF_PROC_STDOUT | VF_PROC_STDERR | VF_PROC_SETSID, -1, &p,
                      err) < 0)
        return -1;
    struct own_child *c = vf_xcalloc(1, sizeof *c);
    *c = (struct own_child){.base.ops = &own, .proc = p, .known = VF_STEAL_FD(known)};
    c->proc.in = c->proc.out = c->proc.err = -1;
    *out = (struct vf_ssh_child){.in = p.in, .out = p.out, .err = p.err, .priv = &c->base};
    return 0;
}

int vf_ssh_own_greeted(const struct vf_ssh_child *c, struct vf_cancel *cancel,
                       struct vf_error **err)
{
    struct pollfd w = {.fd = c->out, .events = POLLIN};
    int n = vf_cancel_poll(cancel, &w, 1, GREETING_MS, err);
    if (n == 0)
        return vf_fail(err, VF_E_NET, _("another connection by ssh: no answer within %d s"),
                       GREETING_MS / 1000);
    if (n > 0 && !(w.revents & POLLIN))
        return failed(c->err, err);
    return n < 0 ? -1 : 0;
}
