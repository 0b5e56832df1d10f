/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From an address to a target: ssh_config, as `ssh -G` resolves it, under vmferry.conf. */
#include "config.h"
#include "net/ssh_int.h"
#include "base/i18n.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/str.h"
#include "net/trust.h"

#include <ctype.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

static const char *home(void)
{
    const char *h = getenv("HOME");
    if (h && *h)
        return h;
    struct passwd *pw = getpwuid(getuid());
    return pw ? pw->pw_dir : "/";
}

static const char *local_user(void)
{
    struct passwd *pw = getpwuid(getuid());
    return pw ? pw->pw_name : "root";
}

char *vf_ssh_expand(const char *path, const struct vf_ssh_target *t)
{
    vf_autobuf struct vf_buf b = {0};
    if (path[0] == '~' && (path[1] == '/' || !path[1])) {
        vf_buf_puts(&b, home());
        path++;
    }
    for (; *path; path++) {
        if (*path != '%') {
            vf_buf_add(&b, path, 1);
            continue;
        }
        switch (*++path) {
        case '%':
            vf_buf_puts(&b, "%");
            break;
        case 'd':
            vf_buf_puts(&b, home());
            break;
        case 'h':
            vf_buf_puts(&b, t->host);
            break;
        case 'n':
            vf_buf_puts(&b, t->address);
            break;
        case 'r':
            vf_buf_puts(&b, t->user);
            break;
        case 'u':
            vf_buf_puts(&b, local_user());
            break;
        case 'i':
            vf_buf_printf(&b, "%u", (unsigned)getuid());
            break;
        case 'p':
            vf_buf_printf(&b, "%u", (unsigned)t->port);
            break;
        default:
            return NULL;
        }
    }
    return vf_buf_take(&b);
}

/* The lines of `ssh -G` in one pass; what depends on others is expanded afterwards. */
struct answers {
    struct vf_ssh_target *t;
    char *alias, *agent;
    char **keys, **certificates, **known;
};

typedef void answer_fn(struct answers *a, const char *value);

static void on_hostname(struct answers *a, const char *v)
{
    vf_str_set(&a->t->host, v);
}

static void on_port(struct answers *a, const char *v)
{
    uint64_t port;
    if (vf_parse_u64(v, 1, 65535, &port) == 0)
        a->t->port = (uint16_t)port;
}

static void on_user(struct answers *a, const char *v)
{
    vf_str_set(&a->t->user, v);
}

static void on_identityfile(struct answers *a, const char *v)
{
    if (!vf_streq(v, "none"))
        vf_strv_add(&a->keys, v);
}

static void on_certificatefile(struct answers *a, const char *v)
{
    if (!vf_streq(v, "none"))
        vf_strv_add(&a->certificates, v);
}

static void on_identityagent(struct answers *a, const char *v)
{
    vf_str_set(&a->agent, v);
}

static void on_identitiesonly(struct answers *a, const char *v)
{
    a->t->only_keys = vf_streq(v, "yes");
}

static void on_hostkeyalias(struct answers *a, const char *v)
{
    if (!vf_streq(v, "none"))
        vf_str_set(&a->alias, v);
}

static void on_known_hosts(struct answers *a, const char *v)
{
    vf_autostrv char **files = vf_strv_split(v, " ");
    for (char **f = files; *f; f++)
        if (!vf_streq(*f, "none"))
            vf_strv_add(&a->known, *f);
}

static void on_proxy(struct answers *a, const char *v)
{
    a->t->proxy = a->t->proxy || !vf_streq(v, "none");
}

static void on_pkcs11(struct answers *a, const char *v)
{
    a->t->pkcs11 = !vf_streq(v, "none");
}

/* What ssh has by itself begins with ChaCha20 in all its versions, and has none of the old. */
static void on_ciphers(struct answers *a, const char *v)
{
    a->t->usual_ciphers = vf_starts(v, "chacha20-poly1305@openssh.com,aes128-") &&
                          strstr(v, "aes256-ctr") && strstr(v, "aes256-gcm") && !strstr(v, "cbc");
}

static const struct {
    const char *keyword;
    answer_fn *take;
} keywords[] = {
    {"hostname", on_hostname},
    {"port", on_port},
    {"user", on_user},
    {"identityfile", on_identityfile},
    {"certificatefile", on_certificatefile},
    {"identityagent", on_identityagent},
    {"identitiesonly", on_identitiesonly},
    {"hostkeyalias", on_hostkeyalias},
    {"userknownhostsfile", on_known_hosts},
    {"globalknownhostsfile", on_known_hosts},
    {"proxycommand", on_proxy},
    {"proxyjump", on_proxy},
    {"pkcs11provider", on_pkcs11},
    {"ciphers", on_ciphers},
};

static void read_answers(char *text, struct answers *a)
{
    /* user files come before the global ones, whatever the order of the lines */
    for (int pass = 0; pass < 2; pass++) {
        vf_autofree char *copy = vf_strdup(text);
        for (char *rest = copy, *line; (line = strsep(&rest, "\n"));) {
            char *value = strchr(line, ' ');
            if (!value)
                continue;
            *value++ = 0;
            if (vf_streq(line, "globalknownhostsfile") != (pass == 1))
                continue;
            for (size_t i = 0; i < VF_COUNT(keywords); i++)
                if (vf_streq(line, keywords[i].keyword))
                    keywords[i].take(a, value);
        }
    }
}

/* ssh_config has no way to tell "User" from its default, the local name; ours is root. So ssh is
 * given a configuration that includes the usual ones and says root behind them. */
static char *wrapped_config(const struct vf_ssh_conf *conf)
{
    if (vf_streq(conf->config, "none"))
        return vf_strdup("Match all\nUser root\n");
    if (!conf->config)
        return vf_strdup(
            "Include ~/.ssh/config\nMatch all\nInclude /etc/ssh/ssh_config\nMatch all\n"
            "User root\n");
    vf_autofree char *whole = realpath(conf->config, NULL);
    return vf_asprintf("Include \"%s\"\nMatch all\nUser root\n", whole ? whole : conf->config);
}

static int ask_ssh(const struct vf_ssh_conf *conf, struct answers *a, struct vf_cancel *cancel,
                   struct vf_error **err)
{
    vf_autofree char *config = wrapped_config(conf);
    vf_autofree char *port = vf_asprintf("-oPort=%u", (unsigned)conf->port);
    vf_autofree char *user = vf_asprintf("-oUser=%s", conf->user ? conf->user : "");
    const char *argv[12] = {"ssh", "-G", "-F", "/dev/stdin"};
    size_t n = 4;
    if (conf->port)
        argv[n++] = port;
    if (conf->user)
        argv[n++] = user;
    argv[n++] = "--";
    argv[n++] = a->t->address;
    struct vf_proc_result r;
    vf_autoerror struct vf_error *failed = NULL;
    if (vf_proc_run_for(argv, config, strlen(config), 1 << 20, vf_clock_limit(VF_T_RESOLVE), cancel,
                        &r, &failed) < 0) {
        vf_proc_result_free(&r);
        if (vf_error_code(failed) == VF_E_NET)
            return vf_fail(err, VF_E_NET,
                           _("ssh does not get ready with its configuration (%s): a program in it "
                             "(Match exec) or a name server does not answer; try `ssh -G %s`"),
                           vf_error_text(failed), a->t->address);
        if (vf_error_code(failed) != VF_E_NOTFOUND)
            return vf_fail_with(err, VF_STEAL(failed));
        vf_debug("ssh", "there is no ssh program here, ssh_config is not read");
        a->t->no_program = true;
        return 0;
    }
    int rc = 0;
    if (r.status == 0) {
        vf_autofree char *text = vf_buf_take(&r.out);
        read_answers(text, a);
    } else {
        vf_autofree char *why = vf_buf_take(&r.err);
        why[strcspn(why, "\r\n")] = 0;
        vf_autofree char *shown = vf_escape(why);
        rc = vf_fail(err, VF_E_USAGE, _("ssh cannot read its configuration for %s: %s"),
                     a->t->address, shown);
    }
    vf_proc_result_free(&r);
    return rc;
}

static void add_expanded(char ***to, char *const *from, const struct vf_ssh_target *t)
{
    for (; from && *from; from++) {
        vf_autofree char *path = vf_ssh_expand(*from, t);
        if (path && !vf_strv_has(*to, path))
            vf_strv_add(to, path);
    }
}

static bool key_exists(const char *path)
{
    vf_autofree char *pub = vf_asprintf("%s.pub", path);
    return access(path, R_OK) == 0 || access(pub, R_OK) == 0;
}

static int choose_keys(struct vf_ssh_target *t, const struct vf_ssh_conf *conf, struct answers *a,
                       struct vf_error **err)
{
    if (conf->key) {
        vf_autofree char *path = vf_ssh_expand(conf->key, t);
        if (!path || !key_exists(path))
            return vf_fail(err, VF_E_USAGE,
                           _("the ssh key %s cannot be read: correct key in vmferry.conf"),
                           conf->key);
        vf_strv_add(&t->keys, path);
        t->only_keys = true;
    } else {
        vf_autostrv char **all = vf_strv_new();
        add_expanded(&all, a->keys, t);
        for (char **k = all; *k; k++)
            if (key_exists(*k))
                vf_strv_add(&t->keys, *k);
    }
    vf_autostrv char **certificates = vf_strv_new();
    if (!conf->key)
        add_expanded(&certificates, a->certificates, t);
    for (char **k = t->keys; *k; k++)
        vf_strv_addf(&certificates, "%s-cert.pub", *k);
    for (char **c = certificates; *c; c++)
        if (access(*c, R_OK) == 0)
            vf_strv_add(&t->certificates, *c);
    return 0;
}

static void choose_agent(struct vf_ssh_target *t, const char *configured)
{
    const char *usual = getenv("SSH_AUTH_SOCK");
    if (vf_streq(configured, "none"))
        return;
    if (!configured || vf_streq(configured, "SSH_AUTH_SOCK"))
        t->agent = usual && *usual ? vf_strdup(usual) : NULL;
    else if (configured[0] == '$') {
        const char *value = getenv(configured + 1);
        t->agent = value && *value ? vf_strdup(value) : NULL;
    } else
        t->agent = vf_ssh_expand(configured, t);
}

static bool sane_address(const char *s)
{
    if (!*s || *s == '-' || strlen(s) > 255)
        return false;
    for (; *s; s++)
        if (isspace((unsigned char)*s) || !isprint((unsigned char)*s) ||
            strchr(",'\"`$\\;&<>|(){}/#*?!@", *s))
            return false;
    return true;
}

static int complete(struct vf_ssh_target *t, const struct vf_ssh_conf *conf, struct answers *a,
                    struct vf_error **err)
{
    if (conf->user)
        vf_str_set(&t->user, conf->user);
    if (conf->port)
        t->port = conf->port;
    if (!sane_address(t->host))
        return vf_fail(err, VF_E_USAGE, _("ssh_config makes a strange host name of %s"),
                       t->address);
    if (conf->known_hosts)
        vf_strv_add(&t->known_files, conf->known_hosts);
    else
        add_expanded(&t->known_files, a->known, t);
    if (conf->known_hosts) {
        vf_autofree char *file = vf_ssh_expand(conf->known_hosts, t);
        if (file)
            vf_str_set(&t->known_files[0], file);
    } else if (!*t->known_files)
        vf_strv_addf(&t->known_files, "%s/.ssh/known_hosts", home());
    t->known_name = a->alias && sane_address(a->alias) ? vf_trust_name(a->alias, 22)
                                                       : vf_trust_name(t->host, t->port);
    t->who = vf_asprintf("%s@%s", t->user, t->known_name);
    t->config = vf_streq(conf->config, "none") ? vf_strdup("/dev/null") : vf_strdup(conf->config);
    choose_agent(t, a->agent);
    return choose_keys(t, conf, a, err);
}

struct vf_ssh_target *vf_ssh_target_new(const char *address, const struct vf_ssh_conf *conf,
                                        struct vf_cancel *cancel, struct vf_error **err)
{
    if (!sane_address(address)) {
        vf_autofree char *shown = vf_escape(address);
        vf_fail(err, VF_E_USAGE, _("'%s' is not a host name or address"), shown);
        return NULL;
    }
    vf_auto(vf_ssh_target_free) struct vf_ssh_target *t = vf_xcalloc(1, sizeof *t);
    t->address = vf_strdup(address);
    t->host = vf_strdup(address);
    t->user = vf_strdup("root");
    t->port = 22;
    t->legacy = conf->legacy == 1;
    t->keys = vf_strv_new();
    t->certificates = vf_strv_new();
    t->known_files = vf_strv_new();
    struct answers a = {
        .t = t, .keys = vf_strv_new(), .certificates = vf_strv_new(), .known = vf_strv_new()};
    bool good = ask_ssh(conf, &a, cancel, err) == 0 && complete(t, conf, &a, err) == 0;
    free(a.alias);
    free(a.agent);
    vf_strv_free(a.keys);
    vf_strv_free(a.certificates);
    vf_strv_free(a.known);
    return good ? VF_STEAL(t) : NULL;
}

void vf_ssh_target_free(struct vf_ssh_target *t)
{
    if (!t)
        return;
    free(t->address);
    free(t->host);
    free(t->user);
    free(t->known_name);
    free(t->who);
    free(t->agent);
    free(t->config);
    vf_strv_free(t->keys);
    vf_strv_free(t->certificates);
    vf_strv_free(t->known_files);
    free(t);
}
