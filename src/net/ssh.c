/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The front: addresses in order, the transport for each, and what both transports share. */
#include "config.h"
#include "net/ssh.h"
#include "base/fdio.h"
#include "base/clock.h"
#include "base/i18n.h"
#include "base/log.h"
#include "base/str.h"
#include "net/ssh_master.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/socket.h>

/* a refused session is asked for again, and a login at a host that hangs up at once, so often and
 * after so many milliseconds */
enum { REFUSALS = 20, REFUSED_MS = 100, DROPS = 20, DROPPED_MS = 250, MAX_CONNECTIONS = 8 };

/* Why only the OpenSSH program will do, or NULL. */
static const char *needs_openssh(const struct vf_ssh *s, const struct vf_ssh_conf *conf)
{
    const struct vf_ssh_target *t = s->target;
    if (s->jump)
        return "the way is through a jump host";
    if (t->proxy)
        return "ssh_config has a ProxyCommand or ProxyJump";
    if (*t->certificates)
        return "there is a certificate";
    if (t->pkcs11)
        return "ssh_config has a PKCS11Provider";
    if (conf->key && *t->keys) {
        struct vf_ssh_key key;
        bool other = vf_ssh_key_read(t->keys[0], &key) == 0 && *key.type &&
                     !vf_ssh_key_for_libssh2(key.type);
        vf_ssh_key_clear(&key);
        if (other)
            return "libssh2 cannot use a key of this type";
    }
    return NULL;
}

/* A host with more logins under way than its MaxStartups hangs up on some of them. */
static int open_patiently(struct vf_ssh *s, const char **why, struct vf_error **err)
{
    for (int i = 0;; i++) {
        vf_autoerror struct vf_error *e = NULL;
        s->dropped = false;
        int rc = s->ops->open(s, s->login, why, &e);
        if (rc >= 0)
            return rc;
        if (!s->dropped || i == DROPS || vf_cancel_sleep(s->cancel, DROPPED_MS, NULL) < 0) {
            vf_fail_with(err, VF_STEAL(e));
            return s->dropped
                       ? vf_fail_prefix(err, _("the host hangs up before the login (too many "
                                               "at a time? see MaxStartups in its sshd_config)"))
                       : -1;
        }
        vf_debug("ssh", "%s: %s; trying again", s->label, vf_error_text(e));
    }
}

static int open_with(struct vf_ssh *s, const struct vf_ssh_conf *conf, struct vf_error **err)
{
    vf_ssh_login_free(s->login);
    s->login = vf_ssh_login_new(s->target->who, conf, s->asker, s->cancel);
    s->login->once = s->once;
    const char *why = needs_openssh(s, conf);
    s->forced = conf->transport == VF_SSH_LIBSSH2 || conf->transport == VF_SSH_OPENSSH;
    if (conf->transport == VF_SSH_LIBSSH2 && (s->jump || s->target->proxy))
        return vf_fail(
            err, VF_E_USAGE, _("transport = \"libssh2\" cannot go through %s: use \"auto\""),
            s->jump ? _("a jump host") : _("the ProxyCommand or ProxyJump of ssh_config"));
    if (s->once && !why && !s->target->no_program)
        why = "data will be moved over it";
    bool openssh = conf->transport == VF_SSH_OPENSSH || (conf->transport != VF_SSH_LIBSSH2 && why);
    s->ops = openssh ? &vf_ssh_openssh : &vf_ssh_libssh2;
    int rc = open_patiently(s, &why, err);
    if (rc == 1) {
        vf_info("ssh", "%s: %s, so the ssh program is used", s->label, why);
        s->ops = &vf_ssh_openssh;
        rc = open_patiently(s, &why, err);
    }
    return rc;
}

static const struct {
    const char *says, *advice;
} sudo_cures[] = {
    {" tty", N_("take requiretty off for this user (Defaults:%s !requiretty in sudoers)")},
    {"not found", N_("install sudo there for %s, or log in as root")},
    {"", N_("allow it with a NOPASSWD rule for %s in sudoers, or log in as root")},
};

int vf_ssh_fail_old(const struct vf_error *why, struct vf_error **err)
{
    return vf_fail(err, VF_E_UNSUPPORTED,
                   _("%s; the host offers only old algorithms, which are no longer safe; to allow "
                     "them for this host alone set %s in its ssh section of vmferry.conf"),
                   vf_error_text(why), VF_SSH_LEGACY);
}

int vf_ssh_fail_no_session(const struct vf_ssh *s, struct vf_error **err)
{
    return vf_fail(err, VF_E_PERMISSION,
                   _("the host lets %s in but run nothing (see MaxSessions in its sshd_config)"),
                   s->target->user);
}

/* `sudo -n` must work before anything else is tried with it. */
static int try_sudo(struct vf_ssh *s, struct vf_error **err)
{
    struct vf_ssh_result r = {0};
    if (!s->sudo)
        return 0;
    int rc = vf_ssh_exec(s, "true", NULL, 0, &r, err);
    if (rc == 0 && r.status != 0) {
        vf_autostrv char **lines = vf_strv_split(vf_buf_str(&r.err), "\r\n");
        vf_autofree char *why =
            vf_escape(*lines ? lines[vf_strv_len(lines) - 1] : _("no reason given"));
        size_t i = 0;
        while (!strstr(why, sudo_cures[i].says))
            i++;
        const char *user = s->target->user, *advice = _(sudo_cures[i].advice);
        const char *name = strstr(advice, "%s");
        rc = vf_fail(err, VF_E_PERMISSION,
                     _("%s: 'sudo -n' does not let %s run commands as root (%s): %.*s%s%s"),
                     s->label, user, why, (int)(name - advice), advice, user, name + 2);
    }
    vf_ssh_result_free(&r);
    return rc;
}

/* The agent's keys and those of ~/.ssh are tries, too, of which a host may have counted enough
 * before the password's turn comes. */
static void only_configured_keys(struct vf_ssh_target *t, const struct vf_ssh_conf *conf)
{
    if (conf->key)
        return;
    vf_strv_free(t->keys);
    vf_strv_free(t->certificates);
    t->keys = vf_strv_new();
    t->certificates = vf_strv_new();
    free(VF_STEAL(t->agent));
    t->pkcs11 = false;
}

static int open_address(struct vf_ssh *s, const char *address, const struct vf_ssh_conf *conf,
                        struct vf_error **err)
{
    vf_ssh_target_free(s->target);
    free(s->host_key);
    s->host_key = NULL;
    s->target = vf_ssh_target_new(address, conf, s->cancel, err);
    if (!s->target)
        return -1;
    if (s->once)
        only_configured_keys(s->target, conf);
    if (open_with(s, conf, err) < 0)
        return -1;
    if (s->once)
        s->once->good = true;
    /* root needs no sudo, and a Proxmox host has none */
    s->sudo = conf->sudo == 1 && !vf_streq(s->target->user, "root");
    return try_sudo(s, err);
}

/* Takes S. */
static struct vf_ssh *open_any(struct vf_ssh *taken, char *const *addresses,
                               const struct vf_ssh_conf *conf, struct vf_error **err)
{
    vf_auto(vf_ssh_free) struct vf_ssh *s = taken;
    const char *label = s->label;
    vf_autobuf struct vf_buf tried = {0};
    if (conf->jump && !vf_streq(conf->jump, "none") &&
        !(s->jump = vf_ssh_jump_open(conf, s->asker, s->cancel, err))) {
        vf_fail_prefix(err, _("ssh to %s"), label);
        return NULL;
    }
    for (char *const *a = addresses; a && *a; a++) {
        vf_autoerror struct vf_error *e = NULL;
        if (open_address(s, *a, conf, &e) == 0) {
            vf_info("ssh", "%s: logged in at %s port %u by %s%s%s", label, *a,
                    (unsigned)s->target->port, s->ops->name, s->jump ? " through " : "",
                    s->jump ? s->jump->label : "");
            return VF_STEAL(s);
        }
        if (s->conn)
            s->ops->close(s);
        bool spent = s->once && s->once->sent;
        if (vf_error_code(e) == VF_E_NET && spent) /* who tries again would send it again */
            vf_fail(err, VF_E_AUTH,
                    _("the login broke after the password was sent, which is not tried again: %s"),
                    vf_error_text(e));
        if (vf_error_code(e) != VF_E_NET || spent) {
            vf_fail_with(err, VF_STEAL(e));
            vf_fail_prefix(err, _("ssh to %s (%s)"), label, *a);
            return NULL;
        }
        vf_debug("ssh", "%s at %s: %s", label, *a, vf_error_text(e));
        vf_buf_printf(&tried, "%s%s port %u: %s", tried.len ? "; " : "", *a,
                      s->target ? (unsigned)s->target->port : 0, vf_error_text(e));
    }
    const char *why = tried.len ? vf_buf_str(&tried) : _("no address is known");
    if (s->jump)
        vf_fail(err, VF_E_NET, _("%s cannot be reached by ssh through %s: %s"), label,
                s->jump->label, why);
    else
        vf_fail(err, VF_E_NET, _("%s cannot be reached by ssh: %s"), label, why);
    return NULL;
}

static struct vf_ssh *new_ssh(const char *label, const struct vf_asker *asker,
                              struct vf_cancel *cancel)
{
    struct vf_ssh *s = vf_xcalloc(1, sizeof *s);
    *s = (struct vf_ssh){.label = vf_strdup(label), .asker = asker, .cancel = cancel};
    return s;
}

struct vf_ssh *vf_ssh_open(const char *label, char *const *addresses,
                           const struct vf_ssh_conf *conf, const struct vf_asker *asker,
                           struct vf_cancel *cancel, struct vf_error **err)
{
    return open_any(new_ssh(label, asker, cancel), addresses, conf, err);
}

struct vf_ssh *vf_ssh_open_once(const char *label, char *const *addresses,
                                const struct vf_ssh_conf *conf, const struct vf_secret *password,
                                const struct vf_asker *asker, struct vf_cancel *cancel,
                                struct vf_error **err)
{
    struct vf_ssh *s = new_ssh(label, asker, cancel);
    s->once = vf_xcalloc(1, sizeof *s->once);
    s->once->password = password ? vf_secret_copy(password) : NULL;
    return open_any(s, addresses, conf, err);
}

struct vf_cancel *vf_ssh_set_cancel(struct vf_ssh *s, struct vf_cancel *cancel)
{
    struct vf_cancel *before = s->cancel;
    for (; s; s = s->more)
        s->cancel = cancel;
    return before;
}

static void free_once(struct vf_ssh_once *o)
{
    if (o)
        vf_secret_free(o->password);
    free(o);
}

void vf_ssh_free(struct vf_ssh *s)
{
    if (!s)
        return;
    vf_ssh_free(s->more);
    if (s->conn)
        s->ops->close(s);
    if (!s->borrows) {
        vf_ssh_free(s->jump); /* after what goes through it */
        vf_ssh_target_free(s->target);
        vf_ssh_login_free(s->login);
        free_once(s->once);
    }
    free(s->label);
    free(s->host_key);
    free(s);
}

const char *vf_ssh_label(const struct vf_ssh *s)
{
    return s->label;
}

const char *vf_ssh_address(const struct vf_ssh *s)
{
    return s->target->address;
}

uint16_t vf_ssh_port(const struct vf_ssh *s)
{
    return s->target->port;
}

const char *vf_ssh_user(const struct vf_ssh *s)
{
    return s->target->user;
}

const char *vf_ssh_host_key(const struct vf_ssh *s)
{
    return s->host_key;
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static int start_once(struct vf_ssh *s, const char *command, struct vf_ssh_child *out,
                      struct vf_error **err)
{
    *out = (struct vf_ssh_child){.in = -1, .out = -1, .err = -1};
    s->running++;
    int rc = vf_cancel_check(s->cancel, err) < 0 ? -1 : s->ops->start(s, command, out, err);
    if (out->priv)
        out->priv->ssh = s;
    else
        s->running--;
    if (rc < 0 && out->priv)
        vf_ssh_finish(out, 0, NULL);
    return rc;
}

/* CONFLICT: this connection takes no more at a time, which is learned. */
static int start_here(struct vf_ssh *s, const char *command, struct vf_ssh_child *out,
                      struct vf_error **err)
{
    if (s->limit && s->running >= s->limit)
        return vf_fail(err, VF_E_CONFLICT, _("%s: %u commands run in this connection"), s->label,
                       s->running);
    for (int i = 0;; i++) {
        vf_autoerror struct vf_error *why = NULL;
        if (start_once(s, command, out, &why) == 0)
            return 0;
        /* the host counts a session until it has buried it, a moment after we saw it end */
        if (vf_error_code(why) == VF_E_CONFLICT && i < REFUSALS &&
            vf_cancel_sleep(s->cancel, REFUSED_MS, NULL) == 0)
            continue;
        if (vf_error_code(why) == VF_E_CONFLICT && !s->running) {
            vf_ssh_fail_no_session(s, err);
            return vf_fail_prefix(err, "%s", s->label);
        }
        if (vf_error_code(why) == VF_E_CONFLICT)
            s->limit = s->running;
        return vf_fail_with(err, VF_STEAL(why));
    }
}

/* Another connection like S, with what its login was answered. */
static struct vf_ssh *another(struct vf_ssh *s, struct vf_error **err)
{
    vf_auto(vf_ssh_free) struct vf_ssh *c = vf_xcalloc(1, sizeof *c);
    *c = (struct vf_ssh){.ops = s->ops,
                         .jump = s->jump,
                         .label = vf_strdup(s->label),
                         .host_key = vf_strdup(s->host_key),
                         .target = s->target,
                         .sudo = s->sudo,
                         .forced = true,
                         .asker = s->asker,
                         .cancel = s->cancel,
                         .login = s->login,
                         .once = s->once,
                         .limit = s->limit,
                         .borrows = true};
    vf_info("ssh", "%s: only %u commands at a time in a connection, so another one is made",
            s->label, s->limit);
    vf_ssh_login_rewind(c->login, true);
    const char *why = NULL;
    if (open_patiently(c, &why, err) == 0)
        return VF_STEAL(c);
    vf_fail_prefix(err,
                   _("%s: another connection, for more than %u commands at a time (see MaxSessions "
                     "in its sshd_config, or log in with a key)"),
                   s->label, s->limit);
    return NULL;
}

char *vf_ssh_as_root(const struct vf_ssh *s, const char *command)
{
    vf_autofree char *quoted = s->sudo ? vf_shell_quote(command) : NULL;
    return quoted ? vf_asprintf("sudo -n -- sh -c %s", quoted) : vf_strdup(command);
}

int vf_ssh_start(struct vf_ssh *s, const char *command, struct vf_ssh_child *out,
                 struct vf_error **err)
{
    vf_autofree char *whole = vf_ssh_as_root(s, command);
    struct vf_ssh *c = s, *before = NULL;
    for (int n = 1;; n++) {
        vf_autoerror struct vf_error *why = NULL;
        if (start_here(c, whole, out, &why) == 0)
            return 0;
        if (before && !c->running && vf_error_code(why) == VF_E_NET) {
            before->more = VF_STEAL(c->more); /* it was cut while nothing ran in it */
            vf_ssh_free(c);
            c = before;
        } else if (vf_error_code(why) != VF_E_CONFLICT) {
            return vf_fail_with(err, VF_STEAL(why));
        }
        if (n == MAX_CONNECTIONS)
            return vf_fail_with(err, VF_STEAL(why));
        if (!c->more && !(c->more = another(c, err)))
            return -1;
        before = c;
        c = c->more;
    }
}

int vf_ssh_finish(struct vf_ssh_child *c, int timeout_ms, struct vf_error **err)
{
    close_fd(&c->in);
    close_fd(&c->out);
    close_fd(&c->err);
    struct vf_ssh_child_priv *priv = VF_STEAL(c->priv);
    if (!priv)
        return vf_fail(err, VF_E_INTERNAL, _("the command was finished before"));
    if (priv->ssh)
        priv->ssh->running--;
    return priv->ops->finish(priv, timeout_ms, err);
}

static void feed(int *fd, const char **input, size_t *left)
{
    ssize_t n = send(*fd, *input, *left, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n > 0) {
        *input += n;
        *left -= (size_t)n;
    }
    /* a command that does not read its input is not an error of ours */
    if (!*left || (n < 0 && errno != EAGAIN && errno != EINTR))
        close_fd(fd);
}

static void collect(int *fd, struct vf_buf *b)
{
    char *room = vf_buf_room(b, 65536);
    ssize_t n = recv(*fd, room, 65536, MSG_DONTWAIT);
    if (n > 0)
        b->len += (size_t)n;
    else if (n == 0 || (errno != EAGAIN && errno != EINTR))
        close_fd(fd);
}

static int exchange(struct vf_ssh *s, struct vf_ssh_child *c, const char *input, size_t left,
                    struct vf_ssh_result *out, struct vf_error **err)
{
    if (!left)
        close_fd(&c->in);
    while (c->out >= 0 || c->err >= 0) {
        struct pollfd fds[3] = {{.fd = c->in, .events = POLLOUT},
                                {.fd = c->out, .events = POLLIN},
                                {.fd = c->err, .events = POLLIN}};
        int ready = vf_cancel_poll(s->cancel, fds, 3, vf_clock_limit(VF_T_COMMAND), err);
        if (ready < 0)
            return -1;
        if (ready == 0) {
            vf_autofree char *span = vf_format_duration(vf_clock_limit(VF_T_COMMAND) / 1000.0);
            return vf_fail(err, VF_E_NET,
                           _("%s: a command has said nothing for %s and does not end (a disk there "
                             "that does not answer?)"),
                           s->label, span);
        }
        if (fds[0].revents)
            feed(&c->in, &input, &left);
        if (fds[1].revents)
            collect(&c->out, &out->out);
        if (fds[2].revents)
            collect(&c->err, &out->err);
        if (out->out.len > VF_SSH_MAX_OUTPUT || out->err.len > VF_SSH_MAX_OUTPUT)
            return vf_fail(err, VF_E_CORRUPT, _("%s: the command printed more than %d MiB"),
                           s->label, VF_SSH_MAX_OUTPUT >> 20);
    }
    return 0;
}

int vf_ssh_exec(struct vf_ssh *s, const char *command, const void *input, size_t input_len,
                struct vf_ssh_result *out, struct vf_error **err)
{
    *out = (struct vf_ssh_result){.status = -1};
    struct vf_ssh_child c;
    if (vf_ssh_start(s, command, &c, err) < 0)
        return -1;
    if (exchange(s, &c, input, input ? input_len : 0, out, err) < 0) {
        vf_ssh_finish(&c, 0, NULL);
        vf_ssh_result_free(out);
        return -1;
    }
    /* both streams have ended; a command may have closed them and go on */
    out->status = vf_ssh_finish(&c, -1, err);
    if (out->status < 0)
        vf_ssh_result_free(out);
    return out->status < 0 ? -1 : 0;
}

void vf_ssh_result_free(struct vf_ssh_result *r)
{
    vf_buf_free(&r->out);
    vf_buf_free(&r->err);
}
