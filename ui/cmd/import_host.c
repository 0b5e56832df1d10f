/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "ui/cmd/import_host.h"
#include "ui/cmd/carry.h"
#include "ui/say.h"
#include "conf/added.h"
#include "base/i18n.h"
#include "base/str.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

/* "10.0.0.5", "esx1:8443", "[fd00::5]:443" or a URL as what vmferry.conf says. */
static char *url_of(const char *host)
{
    if (strstr(host, "://"))
        return vf_strdup(host);
    const char *colon = strchr(host, ':');
    bool v6 = colon && strchr(colon + 1, ':') && host[0] != '[';
    return vf_asprintf(v6 ? "https://[%s]" : "https://%s", host);
}

/* The host of URL as the name of a cluster. */
static char *name_of(const char *url)
{
    const char *host = strstr(url, "://") ? strstr(url, "://") + 3 : url;
    bool v6 = *host == '[';
    host += v6;
    char *name = vf_strndup(host, strcspn(host, v6 ? "]" : ":/"));
    for (char *p = name; *p; p++)
        *p = *p == ':' ? '.' : *p;
    return name;
}

/* A configuration of that one cluster alone. */
static struct vf_conf *alone(const struct vf_cluster_conf *c, struct vf_error **err)
{
    vf_autofree char *text = vf_conf_text_with(NULL, c, "import", err);
    return text ? vf_conf_parse(text, strlen(text), "import", err) : NULL;
}

struct vf_survey_answer *vf_import_look(const struct vf_conf *conf,
                                        const struct vf_survey_question *q,
                                        struct vf_tty_cache *cache, struct vf_error **err)
{
    struct vf_asker asker = vf_tty_cache_asker(cache);
    vf_auto(vf_survey_free) struct vf_survey *s = vf_survey_new(conf, &asker);
    vf_survey_ask(s, q);
    for (;;) {
        struct pollfd fd = {.fd = vf_survey_fd(s), .events = POLLIN};
        if (poll(&fd, 1, -1) < 0 && errno != EINTR) {
            vf_fail_errno(err, errno, "poll");
            return NULL;
        }
        struct vf_survey_answer *a = vf_survey_next(s);
        if (a)
            return a;
    }
}

/* Logs in, once; *FINGERPRINT, and C: what a person agreed to. */
static int log_in(struct vf_conf *conf, struct vf_tty_cache *cache, struct vf_cluster_conf *c,
                  char **fingerprint, struct vf_error **err)
{
    struct vf_survey_question q = {
        .kind = VF_SURVEY_LOGIN, .cluster = conf->clusters[0].name, .conf = conf};
    vf_auto(vf_survey_answer_free) struct vf_survey_answer *a =
        vf_import_look(conf, &q, cache, err);
    if (!a)
        return -1;
    *fingerprint = vf_strdup(a->login.fingerprint);
    c->old_tls = a->login.old_tls;
    c->ssh.legacy = a->login.ssh_legacy ? 1 : -1;
    return a->error ? vf_fail_with(err, VF_STEAL(a->error)) : 0;
}

static void print_block(const struct vf_conf *conf, const struct vf_cluster_conf *c)
{
    vf_autofree char *block = vf_conf_cluster_text(c);
    vf_say(stderr,
           _("vmferry: %s knows no %s, and there is no terminal to compare its certificate on.\n"
             "Add it to the list \"clusters\" there, with the SHA-256 fingerprint of its "
             "certificate\n(fingerprint = \"...\"; see vmferry.conf(5)):\n  %s\n"),
           conf->path, c->name, block);
}

static int keep(struct vf_conf **conf, struct vf_cluster_conf *c, struct vf_error **err)
{
    vf_autofree char *path = vf_strdup((*conf)->path);
    if (vf_conf_save_cluster(path, c, NULL, err) < 0)
        return -1;
    struct vf_conf *again = vf_conf_load(path, err);
    if (!again)
        return -1;
    vf_conf_free(*conf);
    *conf = again;
    vf_say(stdout, _("%s is in %s now.\n"), c->name, path);
    return 0;
}

enum vf_exit vf_import_meet(struct vf_conf **conf, const char *host, const char *user, bool yes,
                            struct vf_tty_cache *cache, char **name)
{
    vf_autoerror struct vf_error *err = NULL;
    vf_autofree char *url = url_of(host), *called = name_of(url), *fingerprint = NULL;
    vf_autofree char *who = vf_strdup(user);
    char *urls[] = {url, NULL};
    struct vf_cluster_conf c = {.name = called,
                                .type = (char *)"esxi",
                                .urls = urls,
                                .user = who,
                                .ssh = {.legacy = -1},
                                .verify = true};
    vf_auto(vf_conf_free) struct vf_conf *candidate = alone(&c, &err);
    if (!candidate)
        return vf_carry_failed(err, NULL);
    c.user = candidate->clusters[0].user;
    if (!vf_tty_there()) {
        print_block(*conf, &c);
        return VF_EXIT_USAGE;
    }
    if (log_in(candidate, cache, &c, &fingerprint, &err) < 0)
        return vf_carry_failed(err, NULL);
    char *fingerprints[] = {fingerprint, NULL};
    c.fingerprints = fingerprint ? fingerprints : NULL;
    vf_autofree char *question =
        vf_asprintf(_("Logged in. Add %s to %s (without the password)? The import needs it there."),
                    called, (*conf)->path);
    if (!yes && !vf_tty_confirm(question)) {
        vf_say(stderr, _("vmferry: nothing was changed, and nothing imported\n"));
        return VF_EXIT_FAILED;
    }
    if (keep(conf, &c, &err) < 0)
        return vf_carry_failed(err, NULL);
    vf_tty_cache_rewind(cache);
    *name = VF_STEAL(called);
    return VF_EXIT_DONE;
}
