/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Nothing is uploaded: hosts since 8.0 run what is installed alone. The shell is busybox's ash: no
 * bash, tr, split or df. */
#include "config.h"
#include "provider/esxi/way_ssh.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#define LOCKS                                                                                      \
    "; be sure of the password before the next try, because an ESXi host locks an account for 15 " \
    "minutes after five failures"

static struct vf_esxi_ssh *ssh_way(struct vf_esxi_way *w)
{
    return (struct vf_esxi_ssh *)w;
}

void vf_esxi_said_free(struct vf_esxi_said *said)
{
    vf_buf_free(&said->out);
    vf_buf_free(&said->err);
}

static void drop_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* Reads what is there: straight to BUF while there is room, else to B. */
static void take(int *fd, char *buf, size_t room, size_t *got, struct vf_buf *b)
{
    char extra[64];
    bool straight = buf && *got < room;
    char *to = straight ? buf + *got : buf ? extra : vf_buf_room(b, 65536);
    size_t n = straight ? room - *got : buf ? sizeof extra : 65536;
    ssize_t r = recv(*fd, to, n, MSG_DONTWAIT);
    if (r > 0) {
        *got += (size_t)r;
        b->len += buf ? 0 : (size_t)r;
    } else if (r == 0 || (errno != EAGAIN && errno != EINTR)) {
        drop_fd(fd);
    }
}

/* A datastore that is gone lets dd wait for ever, in a connection that lives: of data a minute
 * without a byte is too long, of other commands what takes the host long to tell. */
int vf_esxi_ssh_hear(struct vf_esxi_ssh *s, struct vf_ssh_child *c, bool on, char *buf, size_t n,
                     size_t *got, struct vf_esxi_said *out, struct vf_error **err)
{
    const int usual = vf_clock_limit(buf ? VF_T_PEER_SILENCE : VF_T_COMMAND);
    const int most = s->silence_ms ? s->silence_ms : usual;
    size_t complaints = 0;
    while (c->out >= 0 ? !on || *got < n : c->err >= 0) {
        struct pollfd fds[2] = {{.fd = c->out, .events = POLLIN}, {.fd = c->err, .events = POLLIN}};
        int ready = vf_cancel_poll(s->cancel, fds, 2, most, err);
        if (ready < 0)
            return -1;
        if (!ready)
            return vf_fail(err, VF_E_NET,
                           "%s: a command there says nothing for %d s: look whether the host and "
                           "its datastores are well",
                           s->way.conf->name, most / 1000);
        if (fds[0].revents)
            take(&c->out, buf, n, got, &out->out);
        if (fds[1].revents)
            take(&c->err, NULL, 0, &complaints, &out->err);
        if (*got > n || complaints > VF_ESXI_MAX_TEXT)
            return vf_fail(err, VF_E_CORRUPT,
                           "%s prints more than the %zu bytes that were asked for",
                           s->way.conf->name, n);
    }
    return 0;
}

static struct vf_ssh *dial(struct vf_esxi_ssh *s, const struct vf_asker *asker,
                           struct vf_error **err);

/* In a connection that broke and is made anew with what was accepted before, unless commands of
 * twins still hang in it; refused once, never again. */
static int begin(struct vf_esxi_ssh *s, const char *command, struct vf_ssh_child *c,
                 struct vf_error **err)
{
    struct vf_esxi_login *l = s->login;
    vf_autoerror struct vf_error *e = NULL;
    if (l->refused)
        return vf_fail_with(err, vf_error_copy(l->refused));
    vf_ssh_set_cancel(l->ssh, s->cancel);
    if (vf_ssh_start(l->ssh, command, c, &e) == 0)
        return 0;
    vf_ssh_set_cancel(l->ssh, NULL);
    if (vf_error_code(e) != VF_E_NET || l->running)
        return vf_fail_with(err, VF_STEAL(e));
    vf_info("esxi", "%s: %s; logging in again", vf_ssh_label(l->ssh), vf_error_text(e));
    struct vf_ssh *fresh = dial(s, NULL, err);
    if (!fresh)
        return -1;
    vf_ssh_free(l->ssh);
    l->ssh = fresh;
    vf_ssh_set_cancel(l->ssh, s->cancel);
    int rc = vf_ssh_start(l->ssh, command, c, err);
    if (rc < 0)
        vf_ssh_set_cancel(l->ssh, NULL);
    return rc;
}

int vf_esxi_ssh_begin(struct vf_esxi_ssh *s, const char *command, struct vf_ssh_child *c,
                      struct vf_error **err)
{
    struct vf_esxi_login *l = s->login;
    pthread_mutex_lock(&l->lock);
    int rc = begin(s, command, c, err);
    l->running += rc == 0;
    pthread_mutex_unlock(&l->lock);
    if (rc == 0)
        drop_fd(&c->in);
    return rc;
}

int vf_esxi_ssh_bury(struct vf_esxi_ssh *s, struct vf_ssh_child *c, bool ended,
                     struct vf_error **err)
{
    struct vf_esxi_login *l = s->login;
    pthread_mutex_lock(&l->lock);
    int status = vf_ssh_finish(c, ended ? VF_T_PEER_SILENCE : 0, err);
    vf_ssh_set_cancel(l->ssh, NULL);
    l->running--;
    pthread_mutex_unlock(&l->lock);
    return status;
}

int vf_esxi_ssh_run(struct vf_esxi_ssh *s, const char *command, void *buf, size_t n, size_t *got,
                    struct vf_esxi_said *out, struct vf_error **err)
{
    struct vf_ssh_child c;
    size_t count = 0;
    *out = (struct vf_esxi_said){.status = -1};
    if (vf_esxi_ssh_begin(s, command, &c, err) < 0)
        return -1;
    int rc = vf_esxi_ssh_hear(s, &c, false, buf, n, &count, out, err);
    int status = vf_esxi_ssh_bury(s, &c, rc == 0, rc < 0 ? NULL : err);
    if (got)
        *got = count;
    if (rc == 0 && status >= 0) {
        out->status = status;
        return 0;
    }
    vf_esxi_said_free(out);
    *out = (struct vf_esxi_said){.status = -1};
    return -1;
}

static const struct {
    const char *says;
    enum vf_error_code code;
    const char *means;
} complaints[] = {
    {"No such file or directory", VF_E_NOTFOUND, "is not there"},
    {"resource busy", VF_E_CONFLICT, "is in use: shut the VM down first"},
    {"not found", VF_E_UNSUPPORTED, "cannot be read with the host's own commands"},
    {"Permission denied", VF_E_PERMISSION, "may not be read by this user"},
    {"Operation not permitted", VF_E_PERMISSION, "may not be read by this user"},
    {"", VF_E_IO, "cannot be read"},
};

int vf_esxi_ssh_fail(const struct vf_esxi_said *said, const char *what, struct vf_error **err)
{
    const char *text = vf_buf_str(&said->err);
    size_t i = 0;
    while (!strstr(text, complaints[i].says))
        i++;
    /* the line that says it, not what dd counts */
    const char *at = strstr(text, *complaints[i].says ? complaints[i].says : ": ");
    at = at ? at : text;
    while (at > text && at[-1] != '\n')
        at--;
    vf_autofree char *line = vf_escape_n(at, strcspn(at, "\n"));
    vf_autofree char *shown = vf_escape(what);
    return vf_fail(err, complaints[i].code, "%s %s (%s%sexit status %d)", shown,
                   complaints[i].means, line, *line ? ", " : "", said->status);
}

/* ---- logging in ---- */

/* What the host is and has, looked at once. */
static int look(struct vf_esxi_ssh *s, struct vf_error **err)
{
    static const char script[] = "for t in vim-cmd dd stat sha256sum md5sum vmkfstools; do\n"
                                 "    if command -v $t >/dev/null 2>&1; then echo \"has $t\"; fi\n"
                                 "done\n"
                                 "echo \"node $(hostname 2>/dev/null)\"\n"
                                 "echo \"version $(vmware -v 2>/dev/null)\"\n";
    struct vf_esxi_login *l = s->login;
    struct vf_esxi_said said;
    if (vf_esxi_ssh_run(s, script, NULL, VF_ESXI_MAX_TEXT, NULL, &said, err) < 0)
        return -1;
    vf_autostrv char **lines = vf_strv_split(vf_buf_str(&said.out), "\r\n");
    vf_esxi_said_free(&said);
    l->sha256 = vf_strv_has(lines, "has sha256sum");
    l->md5 = vf_strv_has(lines, "has md5sum");
    l->vmkfstools = vf_strv_has(lines, "has vmkfstools");
    for (char **k = lines; *k; k++) {
        if (vf_starts(*k, "version ") && (*k)[8])
            l->version = vf_escape(*k + 8);
        else if (vf_starts(*k, "node ") && (*k)[5])
            l->node = vf_escape_n(*k + 5, strcspn(*k + 5, "."));
    }
    if (!l->node)
        l->node = vf_strdup(vf_ssh_address(l->ssh));
    static const char *const needed[] = {"vim-cmd", "dd", "stat"};
    for (size_t i = 0; i < VF_COUNT(needed); i++) {
        vf_autofree char *word = vf_asprintf("has %s", needed[i]);
        if (!vf_strv_has(lines, word))
            return vf_fail(err, VF_E_UNSUPPORTED,
                           "%s has no %s for this user: is it an ESXi host, and the user allowed "
                           "its shell?",
                           vf_ssh_label(l->ssh), needed[i]);
    }
    return 0;
}

static char **addresses(const struct vf_cluster_conf *conf)
{
    char **v = vf_strv_new();
    for (size_t i = 0; i < conf->n_nodes; i++)
        if (conf->nodes[i].address)
            vf_strv_add(&v, conf->nodes[i].address);
    for (char **u = conf->urls; !*v && u && *u; u++) {
        vf_autofree char *host = vf_url_host(*u);
        vf_strv_add(&v, host);
    }
    return v;
}

static void free_login(struct vf_esxi_login *l)
{
    vf_ssh_free(l->ssh);
    vf_cancel_free(l->alive);
    pthread_mutex_destroy(&l->lock);
    vf_secret_free(l->password);
    vf_error_free(l->refused);
    free(l->user);
    free(l->version);
    free(l->node);
    free(l);
}

static void ssh_free(struct vf_esxi_way *w)
{
    struct vf_esxi_login *l = ssh_way(w)->login;
    vf_esxi_ssh_read_on(w, 0);
    pthread_mutex_lock(&l->lock);
    bool last = --l->refs == 0;
    pthread_mutex_unlock(&l->lock);
    if (last)
        free_login(l);
    free(w);
}

/* The same login: its commands run side by side in one connection. */
static struct vf_esxi_way *ssh_twin(struct vf_esxi_way *w, struct vf_error **err)
{
    struct vf_esxi_ssh *s = ssh_way(w), *t = vf_xcalloc(1, sizeof *t);
    *t = *s;
    t->stream = NULL;
    t->until = 0;
    pthread_mutex_lock(&s->login->lock);
    s->login->refs++;
    pthread_mutex_unlock(&s->login->lock);
    return &t->way;
}

static void ssh_set_cancel(struct vf_esxi_way *w, struct vf_cancel *cancel)
{
    ssh_way(w)->cancel = cancel;
}

static const char *ssh_version(struct vf_esxi_way *w)
{
    return ssh_way(w)->login->version;
}

static bool ssh_is_vcenter(const struct vf_esxi_way *w)
{
    return false;
}

static unsigned ssh_lacks(struct vf_esxi_way *w)
{
    return VF_ESXI_NO_ANNOTATE | VF_ESXI_NO_RENAME;
}

static int no_annotate(struct vf_esxi_way *w, unsigned id, const char *text, const char *digest,
                       struct vf_error **err)
{
    return vf_fail(err, VF_E_UNSUPPORTED,
                   "the notes of a VM cannot be changed over ssh on an ESXi host");
}

static int no_rename(struct vf_esxi_way *w, unsigned id, const char *name, struct vf_error **err)
{
    return vf_fail(err, VF_E_UNSUPPORTED, "a VM cannot be renamed over ssh on an ESXi host");
}

static const struct vf_esxi_way_ops ops = {
    .name = "ssh",
    .version = ssh_version,
    .is_vcenter = ssh_is_vcenter,
    .vms = vf_esxi_ssh_vms,
    .now = vf_esxi_ssh_now,
    .portgroups = vf_esxi_ssh_portgroups,
    .text = vf_esxi_ssh_text,
    .stat = vf_esxi_ssh_stat,
    .read = vf_esxi_ssh_read,
    .read_on = vf_esxi_ssh_read_on,
    .sha256 = vf_esxi_ssh_sha256,
    .holes = vf_esxi_ssh_holes,
    .lacks = ssh_lacks,
    .power = vf_esxi_ssh_power,
    .annotate = no_annotate,
    .rename = no_rename,
    .set_onboot = vf_esxi_ssh_set_onboot,
    .drop_snapshots = vf_esxi_ssh_drop_snapshots,
    .twin = ssh_twin,
    .set_cancel = ssh_set_cancel,
    .free = ssh_free,
};

static struct vf_ssh *dial(struct vf_esxi_ssh *s, const struct vf_asker *asker,
                           struct vf_error **err)
{
    struct vf_esxi_login *l = s->login;
    vf_autostrv char **at = addresses(s->way.conf);
    struct vf_ssh_conf conf = s->way.conf->ssh; /* borrowed */
    conf.user = l->user;
    vf_autoerror struct vf_error *e = NULL;
    vf_auto(vf_cancel_free) struct vf_cancel *alive = vf_cancel_new(s->cancel);
    struct vf_ssh *ssh =
        vf_ssh_open_once(s->way.conf->name, at, &conf, l->password, asker, alive, &e);
    vf_cancel_detach(alive);
    if (ssh && vf_cancel_check(s->cancel, err) < 0) {
        vf_ssh_free(ssh);
        return NULL;
    }
    if (ssh) {
        struct vf_cancel *before = l->alive;
        l->alive = alive;
        alive = before; /* freed here: nothing runs in the connection before any more */
        return ssh;
    }
    if (vf_error_code(e) == VF_E_AUTH)
        vf_fail(&l->refused, VF_E_AUTH, l->password ? "%s" LOCKS : "%s", vf_error_text(e));
    vf_fail_with(err, l->refused ? vf_error_copy(l->refused) : VF_STEAL(e));
    return NULL;
}

struct vf_esxi_way *vf_esxi_ssh_open(const struct vf_cluster_conf *conf, const char *user,
                                     const struct vf_secret *password, const struct vf_asker *asker,
                                     struct vf_cancel *cancel, struct vf_error **err)
{
    struct vf_esxi_ssh *s = vf_xcalloc(1, sizeof *s);
    *s = (struct vf_esxi_ssh){
        .way = {.ops = &ops, .conf = conf},
        .login = vf_xcalloc(1, sizeof *s->login),
        .cancel = cancel,
    };
    s->login->refs = 1;
    s->login->user = vf_strdup(user);
    s->login->password = password ? vf_secret_copy(password) : NULL;
    pthread_mutex_init(&s->login->lock, NULL);
    if ((s->login->ssh = dial(s, asker, err)) && look(s, err) == 0) {
        vf_info("esxi", "%s: %s by ssh", conf->name,
                s->login->version ? s->login->version : "a host that does not tell its version");
        return &s->way;
    }
    ssh_free(&s->way);
    return NULL;
}
