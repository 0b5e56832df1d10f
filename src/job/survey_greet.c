/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The first visit at a cluster: nobody has configured yet which certificate it has. */
#include "config.h"
#include "job/survey_priv.h"
#include "job/vouch.h"
#include "base/i18n.h"
#include "base/str.h"
#include "net/http.h"

#include <string.h>

/* In two lines: in one it is wider than any dialog. */
static char *in_two_lines(const char *fingerprint)
{
    size_t half = strlen(fingerprint) / 2 + 1;
    return vf_asprintf("  %.*s\n  %s", (int)half, fingerprint, fingerprint + half);
}

/* A person compares FINGERPRINT; 0 on yes. */
static int ask(const struct vf_cluster_conf *c, const char *fingerprint,
               const struct vf_asker *asker, struct vf_cancel *cancel, struct vf_error **err)
{
    static const struct vf_ask_choice choices[] = {{"yes", N_("Yes, it is the same")},
                                                   {"no", N_("No")}};
    vf_autofree char *host = vf_url_host(c->urls[0]), *lines = in_two_lines(fingerprint);
    vf_autofree char *id = vf_asprintf("certificate:%s", host);
    vf_autofree char *title = vf_asprintf(_("Is this the certificate of %s?"), host);
    vf_autofree char *detail = vf_asprintf(
        _("No authority that this machine trusts has signed it. Its SHA-256 fingerprint is\n%s\n"
          "Compare it with what `pvenode cert info` says on the node, or its web page at "
          "Node, System, Certificates (pve-ssl.pem, or pveproxy-ssl.pem)."),
        lines);
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
    if (r < 0 || yes)
        return r;
    return vf_fail(err, VF_E_TRUST,
                   _("the certificate of %s was not trusted, and nothing was sent to it: somebody "
                     "else may be answering there"),
                   host);
}

/* Its login page, which everybody may read: does it answer, and with a certificate that is trusted?
 * What a person trusts is in *FINGERPRINTS. */
static int knock(struct vf_cluster_conf *c, const struct vf_asker *asker, struct vf_cancel *cancel,
                 char ***fingerprints, struct vf_error **err)
{
    struct vf_http_conf conf = {.ca_file = c->ca_file, .fingerprints = c->fingerprints};
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
    if (vf_error_code(why) != VF_E_TRUST || !shown || c->fingerprints || !asker)
        return vf_fail_with(err, VF_STEAL(why));
    if (ask(c, shown, asker, cancel, err) < 0)
        return -1;
    *fingerprints = vf_strv_new();
    vf_strv_add(fingerprints, shown);
    c->fingerprints = *fingerprints;
    return 0;
}

struct vf_provider *vf_survey_greet(struct vf_cluster_conf *c, const struct vf_asker *asker,
                                    struct vf_cancel *cancel, char ***fingerprints,
                                    struct vf_seen_login *login, struct vf_error **err)
{
    if (knock(c, asker, cancel, fingerprints, err) < 0) {
        login->address = true;
        return NULL;
    }
    /* also of a login that fails: it was compared, and need not be again */
    login->fingerprint = *fingerprints ? vf_strdup((*fingerprints)[0]) : NULL;
    struct vf_provider *p = vf_provider_open(c, true, asker, cancel, err);
    if (p)
        login->user = vf_strdup(p->ops->password_user(p));
    return p;
}
