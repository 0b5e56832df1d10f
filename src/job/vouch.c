/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Trust that one host of a cluster gives for the others: a node whose key is known says which keys
 * its cluster has for the other nodes, and who signs the API's certificates. A person decides. */
#include "config.h"
#include "job/vouch.h"
#include "base/fdio.h"
#include "base/i18n.h"
#include "base/str.h"
#include "net/trust.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MAX_ASKED = 3 };

/* What COMMAND prints over SSH; NULL: nothing. Caller frees. */
static char *output_of(struct vf_ssh *ssh, const char *command)
{
    struct vf_ssh_result r = {0};
    char *out = NULL;
    if (vf_ssh_exec(ssh, command, NULL, 0, &r, NULL) == 0 && r.out.len)
        out = vf_strdup(vf_buf_str(&r.out));
    vf_ssh_result_free(&r);
    return out;
}

/* ------------------------------------------------------------------ host keys */

/* Keys for NAME in the known_hosts TEXT, "TYPE BASE64 FINGERPRINT", added to KEYS. */
static void add_keys(char ***keys, const char *text, const char *name)
{
    vf_autofd int fd = memfd_create("known_hosts", MFD_CLOEXEC);
    if (fd < 0 || !name || vf_write_full(fd, text, strlen(text)) < 0)
        return;
    vf_autofree char *path = vf_asprintf("/proc/self/fd/%d", fd);
    char *files[] = {path, NULL};
    vf_autostrv char **found = vf_trust_keys(files, name);
    for (size_t i = 0; found[i]; i++)
        if (!vf_strv_has(*keys, found[i]))
            vf_strv_add(keys, found[i]);
}

/* The keys that the cluster has for the voucher's node, asked at another node that is trusted
 * already; *FROM: which. Empty: nobody says. */
static char **cluster_keys(struct vf_voucher *v, char **from)
{
    struct vf_provider *p = v->target ? v->job->target_pve : v->job->source_pve;
    const struct vf_cluster_conf *c = vf_conf_cluster(
        v->job->conf, v->target ? v->job->plan->target : v->job->plan->source, NULL);
    const struct vf_node_conf *nc = c ? vf_conf_node(c, v->node) : NULL;
    char **keys = vf_strv_new();
    struct vf_node *nodes = NULL;
    size_t n = 0, asked = 0;
    p->ops->nodes(p, &nodes, &n, NULL);
    vf_autofree char *q = vf_shell_quote(v->node);
    vf_autofree char *command = vf_asprintf("cat /etc/pve/nodes/%s/ssh_known_hosts "
                                            "/etc/pve/priv/known_hosts /etc/ssh/ssh_known_hosts "
                                            "2>/dev/null",
                                            q);
    for (size_t i = 0; i < n && !*keys && asked < MAX_ASKED; i++) {
        if (vf_streq(nodes[i].name, v->node) || !nodes[i].online)
            continue;
        asked++;
        /* without anybody to ask: only a known key is good enough */
        vf_auto(vf_ssh_free) struct vf_ssh *ssh =
            vf_job_ssh_asking(v->job, v->target, nodes[i].name, NULL, NULL, NULL);
        vf_autofree char *text = ssh ? output_of(ssh, command) : NULL;
        if (!text)
            continue;
        add_keys(&keys, text, v->node);
        add_keys(&keys, text, nc ? nc->address : NULL);
        for (size_t k = 0; k < n; k++)
            if (vf_streq(nodes[k].name, v->node))
                add_keys(&keys, text, nodes[k].address);
        vf_str_set(from, nodes[i].name);
    }
    vf_nodes_free(nodes, n);
    return keys;
}

static int ask_real(struct vf_voucher *v, const struct vf_ask *q, const char *title,
                    const char *detail, struct vf_cancel *cancel, struct vf_answer *out,
                    struct vf_error **err)
{
    struct vf_ask again = *q;
    again.title = title;
    again.detail = detail;
    return v->job->asker.ask(v->job->asker.opaque, &again, cancel, out, err);
}

/* The host shows one type of key, the cluster has another (often only RSA): that one is written
 * down and the host has to show it. */
static int offer_other(struct vf_voucher *v, const struct vf_ask *q, char *const *key,
                       const char *from, struct vf_cancel *cancel, struct vf_answer *out,
                       struct vf_error **err)
{
    const struct vf_ask_key *shown = q->key;
    vf_autofree char *title = vf_asprintf(
        _("The host key of %s is not known yet. Trust the one its cluster has?"), v->node);
    vf_autofree char *detail = vf_asprintf(
        _("%s, whose key is known, says that the cluster has for %s a key of type %s with the "
          "fingerprint\n%s\nYes writes that key to %s, and %s has to show it."),
        from, v->node, key[0], key[2], shown->file, v->node);
    if (ask_real(v, q, title, detail, cancel, out, err) < 0)
        return -1;
    if (!vf_streq(out->text, "yes"))
        return 0;
    vf_str_set(&out->text, "no"); /* to the key that is shown now */
    v->retry = true;
    return vf_trust_append(shown->file, shown->name, key[0], key[1], err);
}

static int voucher_ask(void *opaque, const struct vf_ask *q, struct vf_cancel *cancel,
                       struct vf_answer *out, struct vf_error **err)
{
    struct vf_voucher *v = opaque;
    const struct vf_ask_key *shown = q->key;
    vf_autofree char *from = NULL;
    vf_autostrv char **keys = NULL;
    /* a jump host on the way is asked about under its own name */
    if (shown && vf_streq(shown->label, v->node) && shown->file)
        keys = cluster_keys(v, &from);
    vf_autostrv char **other = NULL;
    for (size_t i = 0; keys && keys[i]; i++) {
        vf_autostrv char **key = vf_strv_split(keys[i], " ");
        if (vf_streq(key[2], shown->fingerprint)) {
            vf_autofree char *detail = vf_asprintf(
                _("%s\n%s, whose key is known, says that the cluster has this very key for %s."),
                q->detail, from, v->node);
            return ask_real(v, q, q->title, detail, cancel, out, err);
        }
        if (vf_streq(key[0], shown->type))
            return vf_fail(err, VF_E_TRUST,
                           _("%s shows the host key %s, but its cluster has %s for it (says %s): "
                             "somebody may be listening in; if the node was installed anew, run "
                             "`pvecm updatecerts` on it first"),
                           v->node, shown->fingerprint, key[2], from);
        if (!other)
            other = VF_STEAL(key);
    }
    return other ? offer_other(v, q, other, from, cancel, out, err)
                 : v->job->asker.ask(v->job->asker.opaque, q, cancel, out, err);
}

const struct vf_asker *vf_vouch(struct vf_job *job, bool target, const char *node)
{
    struct vf_voucher *v = &job->vouchers[target];
    v->asker = (struct vf_asker){.ask = voucher_ask, .opaque = v};
    v->job = job;
    v->target = target;
    v->retry = false;
    vf_str_set(&v->node, node);
    return &v->asker;
}

/* ------------------------------------------------------------------ the API's certificate */

/* The cluster's CA as its API host has it, when that host is known; NULL: it is not. */
static char *read_ca(const struct vf_cluster_conf *c, struct vf_cancel *cancel, char **from)
{
    vf_autofree char *host = c->urls && c->urls[0] ? vf_url_host(c->urls[0]) : NULL;
    if (!host || !*host)
        return NULL;
    struct vf_ssh_conf conf;
    vf_ssh_conf_init(&conf);
    *from = vf_strdup(host);
    for (size_t i = 0; i < c->n_nodes; i++)
        if (vf_streq(c->nodes[i].address, host)) {
            vf_ssh_conf_inherit(&conf, &c->nodes[i].ssh);
            vf_str_set(from, c->nodes[i].name);
        }
    vf_ssh_conf_inherit(&conf, &c->ssh);
    char *addresses[] = {host, NULL};
    vf_auto(vf_ssh_free) struct vf_ssh *ssh =
        vf_ssh_open(*from, addresses, &conf, NULL, cancel, NULL);
    vf_ssh_conf_free(&conf);
    vf_autofree char *pem = ssh ? output_of(ssh, "cat /etc/pve/pve-root-ca.pem") : NULL;
    return pem && strstr(pem, "-----BEGIN CERTIFICATE-----") ? VF_STEAL(pem) : NULL;
}

/* The file with the CA, once a person agreed; NULL: no. */
static char *offer_ca(const struct vf_cluster_conf *c, const struct vf_asker *asker,
                      struct vf_cancel *cancel)
{
    static const struct vf_ask_choice choices[] = {{"yes", N_("Yes")}, {"no", N_("No")}};
    vf_autofree char *from = NULL, *pem = read_ca(c, cancel, &from);
    if (!pem || !asker)
        return NULL;
    vf_autofree char *path = vf_conf_ca_path(c->name);
    vf_autofree char *id = vf_asprintf("cluster-ca:%s", c->name);
    vf_autofree char *title =
        vf_asprintf(_("The API's certificate of %s is not known. Trust the cluster's own "
                      "authority?"),
                    c->name);
    vf_autofree char *detail =
        vf_asprintf(_("Its certificate was read over ssh from %s, whose host key is known.\n"
                      "Yes writes it to %s and logs in only if it signed what the API shows."),
                    from, path);
    struct vf_ask q = {.id = id,
                       .kind = VF_ASK_CHOICE,
                       .title = title,
                       .detail = detail,
                       .choices = choices,
                       .n_choices = VF_COUNT(choices),
                       .safe = "no"};
    struct vf_answer a = {0};
    bool yes = asker->ask(asker->opaque, &q, cancel, &a, NULL) == 0 && vf_streq(a.text, "yes");
    vf_answer_clear(&a);
    if (!yes)
        return NULL;
    vf_autofree char *dir = vf_strndup(path, (size_t)(strrchr(path, '/') - path));
    return vf_mkdirs(dir, 0700, NULL) == 0 &&
                   vf_replace_file(path, pem, strlen(pem), 0644, NULL) == 0
               ? VF_STEAL(path)
               : NULL;
}

struct vf_provider *vf_open_vouched(struct vf_cluster_conf *c, bool verify_tls,
                                    const struct vf_asker *asker, struct vf_cancel *cancel,
                                    char **ca, struct vf_error **err)
{
    vf_autoerror struct vf_error *why = NULL;
    struct vf_provider *p = vf_provider_open(c, verify_tls, asker, cancel, &why);
    *ca = NULL;
    if (!p && vf_error_code(why) == VF_E_TRUST && !c->fingerprints && !c->ca_file)
        *ca = offer_ca(c, asker, cancel);
    if (p || !*ca) {
        if (!p)
            vf_fail_with(err, VF_STEAL(why));
        return p;
    }
    c->ca_file = *ca;
    p = vf_provider_open(c, verify_tls, asker, cancel, err);
    if (!p)
        unlink(*ca); /* it vouched for nothing */
    return p;
}
