/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The first visit at a cluster: nobody has configured yet which certificate it has. */
#include "config.h"
#include "job/survey_priv.h"
#include "job/vouch.h"
#include "base/i18n.h"
#include "base/str.h"
#include "net/http.h"
#include "net/ssh.h"

#include <string.h>

/* In two lines: in one it is wider than any dialog. */
static char *in_two_lines(const char *fingerprint)
{
    size_t half = strlen(fingerprint) / 2 + 1;
    return vf_asprintf("  %.*s\n  %s", (int)half, fingerprint, fingerprint + half);
}

static bool is_vmware(const struct vf_cluster_conf *c)
{
    return vf_streq(c->type, "esxi");
}

/* A yes or no about host HOST of C; 0 on yes, else WHY_NOT (with HOST) as a TRUST error. */
static int ask(const struct vf_cluster_conf *c, const char *about, const char *title,
               const char *detail, const char *yes_label, const char *why_not,
               const struct vf_asker *asker, struct vf_cancel *cancel, struct vf_error **err)
{
    const struct vf_ask_choice choices[] = {{"yes", yes_label}, {"no", N_("No")}};
    vf_autofree char *host = vf_url_host(c->urls[0]);
    vf_autofree char *id = vf_asprintf("%s:%s", about, host);
    struct vf_ask q = {.id = id,
                       .kind = VF_ASK_CHOICE,
                       .title = title,
                       .detail = detail,
                       .choices = choices,
                       .n_choices = VF_COUNT(choices),
                       .safe = "no"};
    struct vf_answer a = {0};
    int r = asker->ask(asker->opaque, &q, cancel, &a, err);
    bool yes = r == 0 && vf_streq(a.text, "yes");
    vf_answer_clear(&a);
    return r < 0 || yes ? r : vf_fail(err, VF_E_TRUST, "%s", why_not);
}

/* A person compares the certificate that H was shown; 0 on yes. */
static int ask_certificate(const struct vf_cluster_conf *c, const struct vf_http *h,
                           const struct vf_asker *asker, struct vf_cancel *cancel,
                           struct vf_error **err)
{
    vf_autofree char *sha256 = vf_http_shown(h), *sha1 = vf_http_shown_sha1(h);
    vf_autofree char *host = vf_url_host(c->urls[0]), *lines = in_two_lines(sha256);
    vf_autofree char *title = vf_asprintf(_("Is this the certificate of %s?"), host);
    vf_autofree char *detail =
        is_vmware(c)
            ? vf_asprintf(_("No authority that this machine trusts has signed it. Its SHA-256 "
                            "fingerprint is\n%s\nand its SHA-1 fingerprint\n  %s\n"
                            "Compare one of them with what the host's console shows (F2, View "
                            "Support Information), or with `openssl x509 -in "
                            "/etc/vmware/ssl/rui.crt -noout -fingerprint -sha256` there."),
                          lines, sha1 ? sha1 : "?")
            : vf_asprintf(
                  _("No authority that this machine trusts has signed it. Its SHA-256 fingerprint "
                    "is\n%s\nCompare it with what `pvenode cert info` says on the node, or its web "
                    "page at Node, System, Certificates (pve-ssl.pem, or pveproxy-ssl.pem)."),
                  lines);
    vf_autofree char *why_not =
        vf_asprintf(_("the certificate of %s was not trusted, and nothing was sent to it: somebody "
                      "else may be answering there"),
                    host);
    return ask(c, "certificate", title, detail, N_("Yes, it is the same"), why_not, asker, cancel,
               err);
}

/* An old host: 0 when a person allows what it speaks. */
static int ask_old(const struct vf_cluster_conf *c, const char *what, const struct vf_asker *asker,
                   struct vf_cancel *cancel, struct vf_error **err)
{
    vf_autofree char *host = vf_url_host(c->urls[0]);
    vf_autofree char *title = vf_asprintf(_("Talk to %s by its old %s?"), host, what);
    vf_autofree char *detail = vf_asprintf(
        _("%s speaks only versions of %s that are no longer safe: somebody on the way may read or "
          "change what is sent, passwords too. Where that network is yours, they will do; they are "
          "allowed for this host alone."),
        host, what);
    vf_autofree char *why_not =
        vf_asprintf(_("%s speaks only %s that is no longer safe, which was not allowed; nothing "
                      "was sent to it"),
                    host, what);
    return ask(c, "old", title, detail, N_("Yes, for this host"), why_not, asker, cancel, err);
}

/* Its first page, which everybody may read: 0 when it answers with a certificate that is trusted.
 * 1: it wants to be asked again, with what a person has allowed. */
static int knock_once(struct vf_cluster_conf *c, const struct vf_asker *asker,
                      struct vf_cancel *cancel, char ***fingerprints, struct vf_error **err)
{
    struct vf_http_conf conf = {
        .ca_file = c->ca_file, .fingerprints = c->fingerprints, .old_tls = c->old_tls};
    vf_auto(vf_http_free) struct vf_http *h = vf_http_new(&conf, cancel, err);
    if (!h)
        return -1;
    vf_autofree char *url = vf_asprintf("%s/", c->urls[0]);
    struct vf_http_request req = {.method = "GET", .url = url, .tries = 1};
    struct vf_http_answer a = {0};
    vf_autoerror struct vf_error *why = NULL;
    int r = vf_http_do(h, &req, &a, &why);
    vf_http_answer_clear(&a);
    vf_autofree char *shown = vf_http_shown(h);
    if (r == 0 || vf_error_code(why) == VF_E_USAGE) /* a page that leads elsewhere is a page */
        return 0;
    if (asker && is_vmware(c) && vf_http_wants_old_tls(h)) {
        if (ask_old(c, "TLS", asker, cancel, err) < 0)
            return -1;
        c->old_tls = true;
        return 1;
    }
    if (vf_error_code(why) != VF_E_TRUST || !shown || c->fingerprints || !asker)
        return vf_fail_with(err, VF_STEAL(why));
    if (ask_certificate(c, h, asker, cancel, err) < 0)
        return -1;
    *fingerprints = vf_strv_new();
    vf_strv_add(fingerprints, shown);
    c->fingerprints = *fingerprints;
    /* the certificate comes before what is wrong with an old host's TLS */
    return is_vmware(c);
}

static int knock(struct vf_cluster_conf *c, const struct vf_asker *asker, struct vf_cancel *cancel,
                 char ***fingerprints, struct vf_error **err)
{
    int r = 1;
    for (int times = 0; r == 1 && times < 3; times++) /* once for each that may be allowed */
        r = knock_once(c, asker, cancel, fingerprints, err);
    return r;
}

/* An ESXi host may have SSH alone: whether anything answers there at all, the login shows. */
static bool may_be_silent(const struct vf_cluster_conf *c, const struct vf_error *why)
{
    return is_vmware(c) && !c->way && vf_error_code(why) == VF_E_NET;
}

/* Logs in; an SSH that speaks old algorithms alone may be allowed to. */
static struct vf_provider *log_in(struct vf_cluster_conf *c, const struct vf_asker *asker,
                                  struct vf_cancel *cancel, struct vf_error **err)
{
    vf_autoerror struct vf_error *why = NULL;
    struct vf_provider *p = vf_provider_open(c, true, asker, cancel, &why);
    bool old = why && is_vmware(c) && asker && strstr(vf_error_text(why), VF_SSH_LEGACY);
    if (p)
        return p;
    if (!old || ask_old(c, "SSH", asker, cancel, err) < 0) {
        if (!old)
            vf_fail_with(err, VF_STEAL(why));
        return NULL;
    }
    c->ssh.legacy = 1;
    return vf_provider_open(c, true, asker, cancel, err);
}

struct vf_provider *vf_survey_greet(struct vf_cluster_conf *c, const struct vf_asker *asker,
                                    struct vf_cancel *cancel, char ***fingerprints,
                                    struct vf_seen_login *login, struct vf_error **err)
{
    vf_autoerror struct vf_error *why = NULL;
    bool api = !is_vmware(c) || !vf_streq(c->way, "ssh");
    int knocked = api ? knock(c, asker, cancel, fingerprints, &why) : 0;
    /* also of a login that fails: it was compared, and need not be again */
    login->fingerprint = *fingerprints ? vf_strdup((*fingerprints)[0]) : NULL;
    if (knocked < 0 && !may_be_silent(c, why)) {
        login->address = true;
        vf_fail_with(err, VF_STEAL(why));
        return NULL;
    }
    struct vf_provider *p = log_in(c, asker, cancel, err);
    login->old_tls = c->old_tls;
    login->ssh_legacy = c->ssh.legacy == 1;
    if (!p)
        return NULL;
    login->user = vf_strdup(p->ops->password_user(p));
    login->way = p->ops->way ? p->ops->way(p) : NULL;
    return p;
}
