/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "provider/pve/client.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"

#include <stdio.h>
#include <string.h>

/* tickets live two hours; renewed at half of that */
enum { RENEW_MS = 60 * 60 * 1000 };

void vf_form_add(struct vf_form *f, const char *key, const char *value)
{
    vf_autofree char *safe = vf_url_encode(value);
    vf_buf_puts(&f->buf, f->buf.len ? "&" : "");
    vf_buf_puts(&f->buf, key);
    vf_buf_puts(&f->buf, "=");
    vf_buf_puts(&f->buf, safe);
    vf_wipe(safe, strlen(safe)); /* it may be a password */
}

void vf_form_addf(struct vf_form *f, const char *key, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vf_autofree char *value = vf_vasprintf(fmt, ap);
    va_end(ap);
    vf_form_add(f, key, value);
}

void vf_form_free(struct vf_form *f)
{
    if (f->buf.data)
        vf_wipe(f->buf.data, f->buf.cap);
    vf_buf_free(&f->buf);
}

/* ------------------------------------------------------------------ requests */

/* A request that may go to another URL, or a second time: it reads, or it logs in. */
static bool is_harmless(const char *method, const char *path)
{
    return !strcmp(method, "GET") || !strcmp(path, "/access/ticket");
}

static int request_at(struct vf_pve_client *c, size_t url, const char *method, const char *path,
                      const struct vf_form *form, char *const *headers, struct vf_http_answer *out,
                      struct vf_error **err)
{
    const char *base = c->conf->urls[url];
    size_t n = strlen(base);
    while (n && base[n - 1] == '/')
        n--;
    /* "/" is the page that a browser would get */
    vf_autofree char *whole =
        vf_asprintf("%.*s%s%s", (int)n, base, strcmp(path, "/") ? "/api2/json" : "", path);
    struct vf_http_request req = {.method = method, .url = whole, .headers = headers};
    if (form) {
        req.body = vf_buf_str(&form->buf);
        req.body_len = form->buf.len;
    }
    /* with several URLs the next one is a better second try */
    req.tries = vf_strv_len(c->conf->urls) > 1 ? 1 : c->tries;
    if (!c->via)
        return vf_http_do(c->http, &req, out, err);
    for (int again = 0;; again++) {
        vf_autoerror struct vf_error *why = NULL;
        req.unix_socket = vf_via_socket_of_url(c->via, base, &why);
        if (req.unix_socket && vf_http_do(c->http, &req, out, &why) == 0)
            return 0;
        /* the way there broke under the request: it is made anew, once */
        bool harmed = req.unix_socket && out->sent && !is_harmless(method, path);
        if (again || harmed || !req.unix_socket || vf_via_alive(c->via)) {
            bool doubt = req.unix_socket && !out->sent && vf_error_is_transient(why);
            vf_fail_with(err, VF_STEAL(why));
            return vf_fail_prefix(err, "through the jump host %s%s", c->conf->via,
                                  doubt ? " (does it reach this address?)" : "");
        }
        vf_http_answer_clear(out);
    }
}

/* Every node of a cluster serves the whole API, and a ticket is good at all of them: a request that
 * surely was not carried out (reading; logging in; never sent) goes on to the next URL. */
int vf_pve_request(struct vf_pve_client *c, const char *method, const char *path,
                   const struct vf_form *form, char *const *headers, struct vf_http_answer *out,
                   struct vf_error **err)
{
    size_t n = vf_strv_len(c->conf->urls);
    bool harmless = is_harmless(method, path);
    vf_autobuf struct vf_buf reasons = {0};
    enum vf_error_code code = VF_OK;
    for (size_t i = 0; i < n; i++) {
        vf_autoerror struct vf_error *why = NULL;
        size_t url = (c->url + i) % n;
        if (request_at(c, url, method, path, form, headers, out, &why) == 0) {
            c->url = url;
            c->sent = true;
            return 0;
        }
        c->sent = out->sent;
        vf_buf_printf(&reasons, "%s%s", i ? "; " : "", vf_error_text(why));
        /* a certificate that is not trusted outweighs a node that is down */
        if (code != VF_E_TRUST)
            code = vf_error_code(why);
        bool next = vf_error_code(why) == VF_E_TRUST ||
                    (vf_error_is_transient(why) && (harmless || !out->sent));
        if (c->via && !vf_via_alive(c->via))
            next = false; /* there is no way to any of them */
        if (!next || i + 1 == n)
            break;
        vf_info("pve", "%s: trying the next URL: %s", c->conf->name, vf_error_text(why));
        vf_http_answer_clear(out);
    }
    return vf_fail(err, code, "cluster %s: %s", c->conf->name, vf_buf_str(&reasons));
}

static json_t *read_answer(struct vf_pve_client *c, const struct vf_http_answer *a,
                           struct vf_error **err)
{
    if (a->status != 200) {
        vf_autofree char *text = vf_pve_error_text(a);
        vf_fail(err, vf_pve_error_code(a->status, text), "cluster %s: %s%s", c->conf->name, text,
                vf_pve_error_cure(a->status, text));
        return NULL;
    }
    json_t *body = json_loadb(vf_buf_str(&a->body), a->body.len, 0, NULL);
    if (!json_is_object(body)) {
        json_decref(body);
        vf_fail(err, VF_E_UNSUPPORTED,
                "cluster %s: %s does not answer like the Proxmox VE API: check the URL",
                c->conf->name, c->conf->urls[c->url]);
        return NULL;
    }
    return body;
}

static int send_once(struct vf_pve_client *c, const char *method, const char *path,
                     const struct vf_form *form, struct vf_http_answer *out, struct vf_error **err)
{
    char **headers = vf_pve_headers(c, strcmp(method, "GET") != 0);
    int r = vf_pve_request(c, method, path, form, headers, out, err);
    vf_pve_headers_free(headers);
    return r;
}

json_t *vf_pve_call_all(struct vf_pve_client *c, const char *method, const char *path,
                        const struct vf_form *form, struct vf_error **err)
{
    struct vf_http_answer a = {0};
    json_t *body = NULL;
    int r = c->guard && strcmp(method, "GET") ? c->guard(c->guard_opaque, err) : 0;
    if (r == 0)
        r = vf_pve_renew(c, err);
    if (r == 0)
        r = send_once(c, method, path, form, &a, err);
    if (r == 0 && a.status == 401 && !c->conf->token && !(c->on_spare && !c->spare)) {
        /* refused before anything was done (ticket lost its key, clock jumped): log in anew, once
         */
        vf_http_answer_clear(&a);
        r = vf_pve_login_again(c, err);
        if (r == 0)
            r = send_once(c, method, path, form, &a, err);
    }
    if (r == 0)
        body = read_answer(c, &a, err);
    vf_http_answer_clear(&a);
    return body;
}

json_t *vf_pve_call(struct vf_pve_client *c, const char *method, const char *path,
                    const struct vf_form *form, struct vf_error **err)
{
    vf_autojson json_t *body = vf_pve_call_all(c, method, path, form, err);
    if (!body)
        return NULL;
    json_t *data = json_object_get(body, "data");
    return data ? json_incref(data) : json_null();
}

static json_t *call_typed(struct vf_pve_client *c, const char *path, json_type type,
                          struct vf_error **err)
{
    vf_autojson json_t *data = vf_pve_call(c, "GET", path, NULL, err);
    if (!data)
        return NULL;
    if (json_typeof(data) != type) {
        vf_fail(err, VF_E_UNSUPPORTED, "cluster %s: %s is answered in a form that is not known",
                c->conf->name, path);
        return NULL;
    }
    return VF_STEAL(data);
}

json_t *vf_pve_list(struct vf_pve_client *c, const char *path, struct vf_error **err)
{
    return call_typed(c, path, JSON_ARRAY, err);
}

json_t *vf_pve_object(struct vf_pve_client *c, const char *path, struct vf_error **err)
{
    return call_typed(c, path, JSON_OBJECT, err);
}

int vf_pve_optional_list(struct vf_pve_client *c, const char *path, json_t **out,
                         struct vf_error **err)
{
    vf_autoerror struct vf_error *why = NULL;
    *out = vf_pve_list(c, path, &why);
    enum vf_error_code code = vf_error_code(why);
    if (*out || code == VF_E_PERMISSION || code == VF_E_UNSUPPORTED || code == VF_E_NOTFOUND)
        return 0;
    return vf_fail_with(err, VF_STEAL(why));
}

/* ------------------------------------------------------------------ opening */

static bool is_loopback(const char *host)
{
    return vf_starts(host, "127.") || vf_starts(host, "localhost") || vf_starts(host, "[::1]");
}

static int check_conf(const struct vf_cluster_conf *conf, struct vf_error **err)
{
    if (!vf_strv_len(conf->urls))
        return vf_fail(err, VF_E_USAGE, "cluster %s has no url", conf->name);
    for (char *const *u = conf->urls; *u; u++)
        if (!vf_starts(*u, "https://") && !(vf_starts(*u, "http://") && is_loopback(*u + 7)))
            return vf_fail(err, VF_E_USAGE, "cluster %s: the url %s must begin with https://",
                           conf->name, *u);
    if (conf->token) {
        const char *at = strchr(conf->token, '@');
        if (!at || !strchr(at, '!') || conf->token[strcspn(conf->token, "= \r\n")])
            return vf_fail(err, VF_E_USAGE,
                           "cluster %s: the token must be given as USER@REALM!NAME", conf->name);
    }
    return 0;
}

/* "8.4.1", "9.0.0~11": the first two numbers; 0 when there are none. */
static unsigned parse_version(const char *v)
{
    unsigned major = 0, minor = 0;
    return v && sscanf(v, "%3u.%3u", &major, &minor) >= 1 ? VF_PVE_VERSION(major, minor) : 0;
}

/* Which Proxmox VE this is, before anybody has logged in: its login page says so. A page that says
 * nothing is no mistake. */
static int look_at_version(struct vf_pve_client *c, struct vf_error **err)
{
    static const char mark[] = "pvemanagerlib.js?ver=";
    struct vf_http_answer a = {0};
    vf_autoerror struct vf_error *why = NULL;
    int r = vf_pve_request(c, "GET", "/", NULL, NULL, &a, &why);
    const char *v = r == 0 ? strstr(vf_buf_str(&a.body), mark) : NULL;
    if (v)
        c->version = parse_version(v + strlen(mark));
    vf_http_answer_clear(&a);
    return r < 0 && vf_error_code(why) != VF_E_USAGE ? vf_fail_with(err, VF_STEAL(why)) : 0;
}

/* Who comes after us may be told what a person has said who logs in. */
static void remember_user(struct vf_pve_client *c)
{
    const char *said = c->conf->user, *realm = c->user ? strrchr(c->user, '@') : NULL;
    if (!realm || (said && strchr(said, '@')) || !c->asker || !c->asker->remember)
        return;
    vf_autofree char *id = said ? vf_asprintf("realm:%s:%s", c->conf->name, said)
                                : vf_asprintf("user:%s", c->conf->name);
    const char *text = said ? realm + 1 : c->user;
    vf_auto(vf_secret_free) struct vf_secret *s = vf_secret_new(text, strlen(text));
    c->asker->remember(c->asker->opaque, id, s);
}

struct vf_pve_client *vf_pve_client_open(const struct vf_cluster_conf *conf, bool verify_tls,
                                         const struct vf_asker *asker, struct vf_cancel *cancel,
                                         struct vf_error **err)
{
    if (check_conf(conf, err) < 0)
        return NULL;
    vf_auto(vf_pve_client_free) struct vf_pve_client *c = vf_xcalloc(1, sizeof *c);
    c->conf = conf;
    c->asker = asker;
    c->cancel = cancel;
    c->renew_ms = RENEW_MS;
    c->tries = 1; /* somebody waits for the login: tell at once what is wrong */
    c->task_ms = VF_T_TASK;
    c->outage_ms = vf_clock_limit(VF_T_RECONNECT);
    c->storage_ms = vf_clock_limit(VF_T_STORAGE);
    c->settled_ms = vf_clock_limit(VF_T_SETTLED);
    struct vf_http_conf http = {
        .ca_file = conf->ca_file,
        .fingerprints = conf->fingerprints,
        .insecure = !verify_tls || !conf->verify,
        .trust_hint =
            "compare it with `pvenode cert info` on the node (or in the GUI: node > System > "
            "Certificates), and if it is the same, configure it as fingerprint",
    };
    c->http = vf_http_new(&http, cancel, err);
    if (!c->http) {
        vf_fail_prefix(err, "cluster %s", conf->name);
        return NULL;
    }
    if (conf->via)
        c->via = vf_via_new(conf->via, &conf->ssh, asker, cancel);
    if ((!conf->token && look_at_version(c, err) < 0) || vf_pve_login(c, err) < 0)
        return NULL;
    remember_user(c);
    vf_autojson json_t *version = vf_pve_object(c, "/version", err);
    if (!version)
        return NULL;
    c->tries = 0;
    const char *v = vf_json_text(version, "version");
    c->version = parse_version(v);
    vf_info("pve", "%s: Proxmox VE %s at %s", conf->name, v ? v : "of unknown version",
            conf->urls[c->url]);
    return VF_STEAL(c);
}

void vf_pve_set_cancel(struct vf_pve_client *c, struct vf_cancel *cancel)
{
    c->cancel = cancel;
    vf_http_set_cancel(c->http, cancel);
    if (c->via)
        vf_via_set_cancel(c->via, cancel);
}

void vf_pve_client_free(struct vf_pve_client *c)
{
    if (!c)
        return;
    vf_http_free(c->http);
    vf_via_free(c->via);
    free(c->user);
    free(c->spare_id);
    vf_secret_free(c->spare);
    vf_secret_free(c->secret);
    vf_secret_free(c->ticket);
    vf_secret_free(c->csrf);
    free(c);
}
