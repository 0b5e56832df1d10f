/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The way "api": what stands in the table, and twins. */
#include "config.h"
#include "provider/esxi/api.h"
#include "base/clock.h"
#include "base/str.h"

#include <string.h>

enum {
    REUSE_MS = 30 * 1000, /* the hosts keep idle connections for minutes */
};

/* ------------------------------------------------------------------ small answers */

static const char *version(struct vf_esxi_way *w)
{
    return vf_api_of(w)->session->full_name;
}

static bool is_vcenter(const struct vf_esxi_way *w)
{
    return ((const struct vf_esxi_api *)(const void *)w)->session->vcenter;
}

static unsigned lacks(struct vf_esxi_way *w)
{
    return atomic_load(&vf_api_of(w)->session->lacks);
}

static char *sha256(struct vf_esxi_way *w, const struct vf_esxi_file *f, uint64_t n,
                    uint64_t offset, struct vf_error **err)
{
    vf_fail(err, VF_E_UNSUPPORTED, "%s: the vSphere API has no call that hashes a file",
            w->conf->name);
    return NULL;
}

static void set_cancel(struct vf_esxi_way *w, struct vf_cancel *cancel)
{
    struct vf_esxi_api *a = vf_api_of(w);
    a->cancel = cancel;
    vf_http_set_cancel(a->http, cancel);
    if (a->via)
        vf_via_set_cancel(a->via, cancel);
}

/* ------------------------------------------------------------------ begin and end */

static void free_session(struct vf_esxi_session *s)
{
    vf_moref_clear(&s->root);
    vf_moref_clear(&s->properties);
    vf_moref_clear(&s->sessions);
    vf_moref_clear(&s->views);
    for (size_t i = 0; i < s->n_vms; i++)
        free(s->vms[i].moref);
    free(s->vms);
    free(s->base);
    free(s->user);
    free(s->full_name);
    vf_secret_free(s->password);
    vf_secret_free(s->cookie);
    vf_error_free(s->dead);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

static void free_api(struct vf_esxi_way *w)
{
    struct vf_esxi_api *a = vf_api_of(w);
    struct vf_esxi_session *s = a->session;
    pthread_mutex_lock(&s->lock);
    bool last = --s->twins == 0;
    pthread_mutex_unlock(&s->lock);
    if (last)
        vf_api_logout(a);
    if (last)
        free_session(s);
    vf_http_free(a->http);
    vf_via_free(a->via);
    free(a->fault);
    free(a);
}

static struct vf_esxi_way *twin(struct vf_esxi_way *w, struct vf_error **err);

static const struct vf_esxi_way_ops ops = {
    .name = "api",
    .version = version,
    .is_vcenter = is_vcenter,
    .vms = vf_api_vms,
    .now = vf_api_now,
    .portgroups = vf_api_portgroups,
    .datastore = vf_api_datastore,
    .text = vf_api_file_text,
    .stat = vf_api_file_stat,
    .read = vf_api_file_read,
    .sha256 = sha256,
    .lacks = lacks,
    .power = vf_api_power,
    .annotate = vf_api_annotate,
    .rename = vf_api_rename,
    .set_onboot = vf_api_set_onboot,
    .drop_snapshots = vf_api_drop_snapshots,
    .twin = twin,
    .set_cancel = set_cancel,
    .free = free_api,
};

/* A handle of SESSION, which counts it. */
static struct vf_esxi_api *handle(struct vf_esxi_session *session,
                                  const struct vf_cluster_conf *conf, bool verify_tls,
                                  const struct vf_asker *asker, struct vf_cancel *cancel,
                                  struct vf_error **err)
{
    struct vf_http_conf http = {
        .ca_file = conf->ca_file,
        .fingerprints = conf->fingerprints,
        .insecure = !verify_tls || !conf->verify,
        .old_tls = conf->old_tls,
        .tell_sha1 = true,
        .reuse_ms = REUSE_MS,
        .trust_hint = "compare it with what the host's own console shows (F2, View Support "
                      "Information), and if it is the same, configure it as fingerprint",
    };
    struct vf_http *h = vf_http_new(&http, cancel, err);
    if (!h) {
        vf_fail_prefix(err, "%s", conf->name);
        return NULL;
    }
    struct vf_esxi_api *a = vf_xcalloc(1, sizeof *a);
    a->way = (struct vf_esxi_way){&ops, conf};
    a->http = h;
    a->verify_tls = verify_tls;
    a->asker = asker;
    a->cancel = cancel;
    a->session = session;
    if (conf->via)
        a->via = vf_via_new(conf->via, &conf->ssh, asker, cancel);
    pthread_mutex_lock(&session->lock);
    session->twins++;
    pthread_mutex_unlock(&session->lock);
    return a;
}

static struct vf_esxi_way *twin(struct vf_esxi_way *w, struct vf_error **err)
{
    struct vf_esxi_api *a = vf_api_of(w);
    struct vf_esxi_api *b = handle(a->session, w->conf, a->verify_tls, a->asker, a->cancel, err);
    return b ? &b->way : NULL;
}

static bool is_loopback(const char *host)
{
    return vf_starts(host, "127.") || vf_starts(host, "localhost") || vf_starts(host, "[::1]");
}

static int check_conf(const struct vf_cluster_conf *conf, const char *user,
                      const struct vf_secret *password, struct vf_error **err)
{
    if (!vf_strv_len(conf->urls))
        return vf_fail(err, VF_E_USAGE, "%s has no url", conf->name);
    for (char *const *u = conf->urls; *u; u++)
        if (!vf_starts(*u, "https://") && !(vf_starts(*u, "http://") && is_loopback(*u + 7)))
            return vf_fail(err, VF_E_USAGE, "%s: the url %s must begin with https://", conf->name,
                           *u);
    if (!password || !vf_secret_len(password))
        return vf_fail(err, VF_E_AUTH, "%s: the vSphere API wants a password", conf->name);
    return user && *user ? 0 : vf_fail(err, VF_E_USAGE, "%s has no user", conf->name);
}

struct vf_esxi_way *vf_esxi_api_open(const struct vf_cluster_conf *conf, bool verify_tls,
                                     const char *user, const struct vf_secret *password,
                                     const struct vf_asker *asker, struct vf_cancel *cancel,
                                     bool *told, struct vf_error **err)
{
    if (told)
        *told = false;
    if (check_conf(conf, user, password, err) < 0)
        return NULL;
    struct vf_esxi_session *s = vf_xcalloc(1, sizeof *s);
    pthread_mutex_init(&s->lock, NULL);
    s->user = vf_strdup(user);
    s->password = vf_secret_copy(password);
    struct vf_esxi_api *a = handle(s, conf, verify_tls, asker, cancel, err);
    if (!a) {
        free_session(s);
        return NULL;
    }
    int r = vf_api_login(a, err);
    if (told)
        *told = a->told;
    if (r < 0) {
        free_api(&a->way);
        return NULL;
    }
    return &a->way;
}
