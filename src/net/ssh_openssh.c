/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The OpenSSH transport: first an ssh that only fetches the host key, then, when we have verified
 * it, a master that logs in and carries every child. */
#include "config.h"
#include "net/ssh_master.h"
#include "base/ciphers.h"
#include "base/fdio.h"
#include "base/i18n.h"
#include "base/log.h"
#include "base/str.h"
#include "net/trust.h"

#include <string.h>

enum {
    LOOK_EVERY = 30, /* ms between two looks for the control socket */
    MAX_KNOWN = 64 * 1024,
};

struct connection {
    struct vf_ssh_keeper keeper;
    struct vf_ssh_askpass *askpass;
    char **argv, *control;
};

void vf_ssh_add_always(char ***v)
{
    static const char *const always[] = {
        "-T",
        /* words newer than some of the programs we meet */
        "-oIgnoreUnknown=KnownHostsCommand,ForkAfterAuthentication,SessionType,StdinNull,"
        "RequiredRSASize",
        "-oKnownHostsCommand=none",
        "-oForkAfterAuthentication=no",
        "-oGlobalKnownHostsFile=/dev/null",
        "-oCheckHostIP=no",
        "-oUpdateHostKeys=no",
        "-oVerifyHostKeyDNS=no",
        "-oNoHostAuthenticationForLocalhost=no",
        "-oClearAllForwardings=yes",
        "-oForwardAgent=no",
        "-oForwardX11=no",
        "-oPermitLocalCommand=no",
        "-oRemoteCommand=none",
        "-oRequestTTY=no",
        "-oTunnel=no",
        "-oConnectTimeout=10",
        "-oConnectionAttempts=1",
        "-oServerAliveInterval=15",
        "-oServerAliveCountMax=4",
    };
    for (size_t i = 0; i < VF_COUNT(always); i++)
        vf_strv_add(v, always[i]);
}

/* What is said first holds, so METHODS (may be NULL) come before all. */
static char **arguments(struct vf_ssh *ssh, struct vf_ssh_askpass *a, const char *const *methods)
{
    const struct vf_ssh_target *t = ssh->target;
    static const char *const fixed[] = {
        "-oHashKnownHosts=no", "-oVisualHostKey=no",  "-oLogLevel=INFO",
        "-oBatchMode=no",      "-oControlPersist=no", "-oNumberOfPasswordPrompts=4",
    };
    char **v = vf_strv_new();
    vf_strv_add(&v, "env");
    vf_strv_add(&v, "-u");
    vf_strv_add(&v, "SSH_ASKPASS_PROMPT");
    vf_strv_addf(&v, "SSH_ASKPASS=%s/askpass", a->dir);
    vf_strv_add(&v, "SSH_ASKPASS_REQUIRE=force");
    if (!getenv("DISPLAY"))
        vf_strv_add(&v, "DISPLAY=none"); /* what made ssh ask a program before 8.4 */
    vf_strv_add(&v, "ssh");
    if (t->config) {
        vf_strv_add(&v, "-F");
        vf_strv_add(&v, t->config);
    }
    for (; methods && *methods; methods++)
        vf_strv_add(&v, *methods);
    vf_ssh_add_always(&v);
    for (size_t i = 0; i < VF_COUNT(fixed); i++)
        vf_strv_add(&v, fixed[i]);
    vf_ssh_add_legacy(&v, t);
    vf_strv_addf(&v, "-oUserKnownHostsFile=%s/known", a->dir);
    vf_strv_addf(&v, "-oHostKeyAlias=%s", a->alias);
    vf_strv_addf(&v, "-oPort=%u", (unsigned)t->port);
    vf_strv_addf(&v, "-oUser=%s", t->user);
    if (ssh->jump) {
        vf_autofree char *proxy = vf_ssh_jump_proxy(ssh->jump);
        vf_strv_addf(&v, "-oProxyCommand=%s", proxy); /* said first, it outdoes a ProxyJump */
        vf_strv_add(&v, "-oProxyUseFdpass=no");
    }
    if (t->only_keys) {
        for (char **k = t->keys; *k; k++) {
            vf_strv_add(&v, "-i");
            vf_strv_add(&v, *k);
        }
        vf_strv_add(&v, "-oIdentitiesOnly=yes");
    }
    return v;
}

/* Words for what ssh no longer offers by itself; host keys are prefer()'s. */
void vf_ssh_add_legacy(char ***v, const struct vf_ssh_target *t)
{
    static const char *const old[] = {
        "-oKexAlgorithms=+diffie-hellman-group14-sha1,diffie-hellman-group-exchange-sha1,"
        "diffie-hellman-group1-sha1",
        "-oPubkeyAcceptedKeyTypes=+ssh-rsa",
        "-oCiphers=+aes128-cbc,aes256-cbc,3des-cbc",
        "-oRequiredRSASize=1024",
    };
    for (size_t i = 0; t->legacy && i < VF_COUNT(old); i++)
        vf_strv_add(v, old[i]);
}

const char *vf_ssh_key_algorithms(const struct vf_ssh_target *t, const char *type)
{
    if (!vf_streq(type, "ssh-rsa"))
        return type;
    return t->legacy ? "rsa-sha2-512,rsa-sha2-256,ssh-rsa" : "rsa-sha2-512,rsa-sha2-256";
}

static void prefer(char ***v, const struct vf_ssh_target *t, char *const *types)
{
    if (!types || !*types) {
        if (t->legacy)
            vf_strv_add(v, "-oHostKeyAlgorithms=+ssh-rsa");
        return;
    }
    vf_autobuf struct vf_buf b = {0};
    for (char *const *k = types; *k; k++) {
        /* a certificate type in known_hosts is none of a plain key */
        vf_buf_printf(&b, "%s%s", b.len ? "," : "^", vf_ssh_key_algorithms(t, *k));
    }
    vf_strv_addf(v, "-oHostKeyAlgorithms=%s", vf_buf_str(&b));
}

static void finish_argv(char ***v, const struct vf_ssh_target *t, const char *command)
{
    vf_strv_add(v, "--");
    vf_strv_add(v, t->address);
    if (command)
        vf_strv_add(v, command);
}

/* Who may be waited for; what LOGS_IN may need the agent, too. */
static const char *who_waits(const struct vf_ssh *ssh, bool logs_in)
{
    if (ssh->target->proxy && logs_in && ssh->target->agent)
        return _("neither from the ProxyCommand or ProxyJump of ssh_config nor from the ssh agent");
    if (ssh->target->proxy)
        return _("the ProxyCommand or ProxyJump of ssh_config does not answer");
    if (logs_in && ssh->target->agent)
        return _("neither from the host nor from the ssh agent");
    return _("the host does not answer");
}

/* Serves questions until ssh ends (1), CONTROL answers (0), or the login is over (-1). */
static int attend(struct vf_ssh *ssh, struct vf_ssh_keeper *k, struct vf_ssh_askpass *a,
                  const char *control, struct vf_error **err)
{
    const int silence = vf_clock_limit(VF_T_LOGIN);
    int64_t end = vf_clock_ms() + silence;
    for (;;) {
        struct pollfd fds[2] = {{.fd = k->ended, .events = POLLIN},
                                {.fd = a->questions, .events = POLLIN}};
        int n = vf_cancel_poll(ssh->cancel, fds, 2, control ? LOOK_EVERY : 1000, err);
        if (n < 0)
            return -1;
        if (fds[1].revents) {
            int served = vf_ssh_askpass_serve(a, err);
            if (served < 0)
                return -1;
            if (served)
                end = vf_clock_ms() + silence;
        }
        if (fds[0].revents)
            return 1;
        if (control && access(control, F_OK) == 0) {
            vf_autofd int fd = vf_ssh_mux_connect(control, ssh->cancel, err);
            return fd < 0 ? -1 : 0;
        }
        if (vf_clock_ms() > end)
            return vf_fail(err, VF_E_NET,
                           _("nothing happened for %d s, %s: see whether `ssh %s` gets further"),
                           silence / 1000, who_waits(ssh, control != NULL), ssh->target->address);
    }
}

static bool valid_algorithms(char **types)
{
    for (; *types; types++)
        if ((*types)[strcspn(*types, ", \t\"'=\n")])
            return false;
    return true;
}

static int fail(struct vf_ssh *ssh, struct vf_ssh_keeper *k, struct vf_ssh_askpass *a,
                struct vf_error **err)
{
    /* behind a proxy the same words are said of what the proxy could not do */
    ssh->dropped = !ssh->jump && !ssh->target->proxy && vf_ssh_keeper_dropped(k);
    vf_autoerror struct vf_error *e = NULL;
    vf_ssh_keeper_fail(k, a->alias, ssh->target->host, &e);
    if (vf_error_code(e) == VF_E_UNSUPPORTED && !ssh->target->legacy)
        return vf_ssh_fail_old(e, err);
    return vf_fail_with(err, VF_STEAL(e));
}

/* The key the host shows, as "TYPE BASE64". ssh writes it to an empty known_hosts of ours and then
 * cannot log in: no secret leaves before the key is verified. */
static char *fetch_key(struct vf_ssh *ssh, struct vf_ssh_askpass *a, struct vf_error **err)
{
    vf_autostrv char **known = vf_trust_types(ssh->target->known_files, ssh->target->known_name);
    static const char *const no_login[] = {"-oPreferredAuthentications=none",
                                           "-oPubkeyAuthentication=no", NULL};
    vf_autostrv char **v = arguments(ssh, a, no_login);
    prefer(&v, ssh->target, valid_algorithms(known) ? known : NULL);
    vf_strv_add(&v, "-oStrictHostKeyChecking=accept-new");
    vf_strv_add(&v, "-oControlMaster=no");
    vf_strv_add(&v, "-oControlPath=none");
    finish_argv(&v, ssh->target, "true");
    struct vf_ssh_keeper k;
    if (vf_ssh_keeper_begin(&k, (const char *const *)v, ssh->cancel, err) < 0)
        return NULL;
    char *key = NULL;
    int rc = attend(ssh, &k, a, NULL, err);
    if (rc == 1) {
        vf_autofree char *path = vf_asprintf("%s/known", a->dir);
        vf_autofree char *text = vf_read_file(path, MAX_KNOWN, NULL, NULL);
        vf_autostrv char **f = vf_strv_split(text ? text : "", " \n");
        if (vf_strv_len(f) >= 3 && vf_streq(f[0], a->alias))
            key = vf_asprintf("%s %s", f[1], f[2]);
        else
            fail(ssh, &k, a, err);
    }
    vf_ssh_keeper_end(&k);
    return key;
}

static int verify(struct vf_ssh *ssh, const char *key, struct vf_error **err)
{
    const char *b64 = strchr(key, ' ') + 1;
    size_t len = 0;
    vf_autofree unsigned char *blob = vf_base64_decode(b64, strlen(b64), &len);
    if (!blob)
        return vf_fail(err, VF_E_TRUST, _("the host key of %s is malformed"), ssh->label);
    return vf_trust_decide(ssh->label, ssh->target->known_files, ssh->target->known_name, blob, len,
                           ssh->asker, ssh->cancel, err);
}

static int write_known(struct vf_ssh *ssh, struct vf_ssh_askpass *a, struct vf_error **err)
{
    vf_autofree char *path = vf_asprintf("%s/known", a->dir);
    vf_autofree char *line = vf_asprintf("%s %s\n", a->alias, ssh->host_key);
    return vf_replace_file(path, line, strlen(line), 0600, err);
}

static int log_in(struct vf_ssh *ssh, struct connection *c, struct vf_error **err)
{
    c->control = vf_asprintf("%s/ctl", c->askpass->dir);
    const char *const once[] = {
        "-oNumberOfPasswordPrompts=1",
        "-oPreferredAuthentications=publickey,keyboard-interactive,password",
        *ssh->target->keys ? NULL : "-oPubkeyAuthentication=no", NULL};
    c->argv = arguments(ssh, c->askpass, ssh->once ? once : NULL);
    /* data is moved over it; an old host's are added to ssh's own */
    const struct vf_ssh_target *t = ssh->target;
    const char *ciphers = ssh->once && t->usual_ciphers && !t->legacy ? vf_ciphers(NULL) : NULL;
    if (ciphers)
        vf_strv_addf(&c->argv, "-oCiphers=%s", ciphers);
    vf_autofree char *type = vf_strndup(ssh->host_key, strcspn(ssh->host_key, " "));
    prefer(&c->argv, ssh->target, (char *[]){type, NULL});
    vf_strv_add(&c->argv, "-oStrictHostKeyChecking=yes");
    vf_strv_add(&c->argv, "-oControlMaster=yes");
    vf_strv_addf(&c->argv, "-oControlPath=%s", c->control);
    vf_strv_add(&c->argv, "-N");
    finish_argv(&c->argv, ssh->target, NULL);
    vf_ssh_askpass_rewind(c->askpass);
    vf_ssh_login_rewind(c->askpass->login, c->askpass->login->again);
    if (vf_ssh_keeper_begin(&c->keeper, (const char *const *)c->argv, ssh->cancel, err) < 0)
        return -1;
    int rc = attend(ssh, &c->keeper, c->askpass, c->control, err);
    return rc == 1 ? fail(ssh, &c->keeper, c->askpass, err) : rc;
}

static void free_connection(struct connection *c)
{
    vf_ssh_keeper_end(&c->keeper);
    vf_ssh_askpass_free(c->askpass);
    vf_strv_free(c->argv);
    free(c->control);
    free(c);
}

static int open_connection(struct vf_ssh *ssh, struct vf_ssh_login *login, const char **why,
                           struct vf_error **err)
{
    struct connection *c = vf_xcalloc(1, sizeof *c);
    c->askpass = vf_ssh_askpass_new(ssh->target, login, err);
    int rc = c->askpass ? 0 : -1;
    if (rc == 0 && !ssh->host_key) {
        vf_autofree char *key = fetch_key(ssh, c->askpass, err);
        rc = key ? verify(ssh, key, err) : -1;
        if (rc == 0)
            ssh->host_key = VF_STEAL(key);
    }
    if (rc == 0)
        rc = write_known(ssh, c->askpass, err);
    if (rc == 0)
        rc = log_in(ssh, c, err);
    if (rc < 0) {
        free_connection(c);
        return -1;
    }
    c->askpass->login = NULL;
    ssh->conn = c;
    return 0;
}

static void close_connection(struct vf_ssh *ssh)
{
    free_connection(ssh->conn);
    ssh->conn = NULL;
}

const char *vf_ssh_openssh_control(const struct vf_ssh *s)
{
    const struct connection *c = s->conn;
    return c->control;
}

static int start(struct vf_ssh *ssh, const char *command, struct vf_ssh_child *out,
                 struct vf_error **err)
{
    struct connection *c = ssh->conn;
    return vf_ssh_mux_start(c->control, ssh->label, command, ssh->cancel, out, err);
}

const struct vf_ssh_ops vf_ssh_openssh = {
    .name = "openssh",
    .open = open_connection,
    .close = close_connection,
    .start = start,
    .finish = vf_ssh_mux_finish,
};
