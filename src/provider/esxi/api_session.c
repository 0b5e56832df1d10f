/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The session: logged in to once with what was typed, shared by twins, kept alive, and made again
 * when the server has forgotten it. Calls: vSphere Web Services API Reference, SessionManager. */
#include "config.h"
#include "provider/esxi/api.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"

#include <string.h>
#include <strings.h>

/* an idle session ends after 30 minutes; reading files is no use of it in this sense */
enum { KEEP_ALIVE_MS = 25 * 60 * 1000 };

static const char cookie_name[] = "vmware_soap_session=";

/* What is spoken, most wanted first: a server takes all versions up to its own, and refuses the
 * rest by name ("Unsupported version URI"). Nothing newer than 5.0 is needed. */
static const char *const versions[] = {"urn:vim25/5.5", "urn:vim25/5.0", "urn:vim25/6.7",
                                       "urn:vim25/8.0.0.1"};

/* ------------------------------------------------------------------ requests */

int vf_api_send(struct vf_esxi_api *a, struct vf_http_request *req, struct vf_http_answer *out,
                struct vf_error **err)
{
    const char *name = a->way.conf->name;
    a->reached = a->sent = false;
    *out = (struct vf_http_answer){0};
    if (a->via && !(req->unix_socket = vf_via_socket_of_url(a->via, req->url, err)))
        return vf_fail_prefix(err, "%s: through the jump host %s", name, a->way.conf->via);
    vf_autoerror struct vf_error *why = NULL;
    if (vf_http_do(a->http, req, out, &why) == 0) {
        a->reached = a->sent = true;
        return 0;
    }
    a->sent = out->sent;
    if (vf_http_wants_old_tls(a->http))
        return vf_fail(
            err, VF_E_UNSUPPORTED,
            "%s: %s: it speaks only TLS that is no longer thought safe; to allow that for "
            "this host alone, set old-tls = true for it in vmferry.conf",
            name, vf_error_text(why));
    vf_fail_with(err, VF_STEAL(why));
    return vf_fail_prefix(err, "%s", name);
}

/* The header line that takes the session along, out of the answer that began it. */
static struct vf_secret *cookie_of(const struct vf_http_answer *a)
{
    static const char set[] = "set-cookie:";
    for (const char *line = vf_buf_str(&a->head); (line = strchr(line, '\n'));) {
        line++;
        const char *value = line + sizeof set - 1;
        if (strncasecmp(line, set, sizeof set - 1))
            continue;
        value += strspn(value, " \t");
        if (!vf_starts(value, cookie_name))
            continue;
        char *whole = vf_asprintf("Cookie: %.*s", (int)strcspn(value, ";\r\n"), value);
        struct vf_secret *s = vf_secret_new(whole, strlen(whole));
        vf_wipe(whole, strlen(whole));
        free(whole);
        return s;
    }
    return NULL;
}

/* What an answer that is no SOAP means by its status. */
static int fail_status(struct vf_esxi_api *a, const struct vf_http_answer *answer,
                       struct vf_error **err)
{
    vf_autofree char *reason = vf_escape(answer->reason);
    if (answer->status == 503 || answer->status == 429)
        return vf_fail(err, VF_E_NET, "the host asks to wait (%d %s)", answer->status, reason);
    if (answer->status >= 502 && answer->status <= 504)
        return vf_fail(err, VF_E_NET, "the host's API is not up (%d %s)", answer->status, reason);
    return vf_fail(err, VF_E_UNSUPPORTED,
                   "%s does not answer like the vSphere API (%d %s): check the URL",
                   a->session->base, answer->status, reason);
}

/* One call as it is; COOKIE may be NULL. 1: the server does not know the session. */
static int post(struct vf_esxi_api *a, struct vf_secret *cookie, const struct vf_moref *self,
                const char *method, const char *args, bool reads, struct vf_soap *out,
                struct vf_secret **new_cookie, struct vf_error **err)
{
    struct vf_esxi_session *s = a->session;
    vf_autofree char *url = vf_asprintf("%s/sdk", s->base);
    vf_autofree char *action = vf_asprintf("SOAPAction: \"%s\"", s->version);
    char type[] = "Content-Type: text/xml; charset=utf-8";
    char *headers[] = {type, action, cookie ? (char *)vf_secret_text(cookie) : NULL, NULL};
    vf_autobuf struct vf_buf body = {0};
    vf_soap_call(&body, self, method, args);
    struct vf_http_request req = {.method = "POST",
                                  .url = url,
                                  .body = vf_buf_str(&body),
                                  .body_len = body.len,
                                  .headers = headers,
                                  .reads = reads,
                                  .tries = 1};
    struct vf_http_answer answer;
    free(VF_STEAL(a->fault));
    *out = (struct vf_soap){0};
    int r = vf_api_send(a, &req, &answer, err);
    vf_wipe(body.data, body.cap); /* it may hold the password */
    if (r < 0) {
        vf_http_answer_clear(&answer);
        return -1;
    }
    vf_autoerror struct vf_error *why = NULL;
    bool soap = vf_soap_read(vf_buf_str(&answer.body), answer.body.len, out, &why) == 0;
    if (soap && new_cookie)
        *new_cookie = cookie_of(&answer);
    if (!soap && (answer.status == 401 || answer.status == 403))
        r = 1;
    else if (!soap && answer.status == 200 && answer.body.len)
        r = vf_fail_with(err, VF_STEAL(why));
    else if (!soap)
        r = fail_status(a, &answer, err);
    else if (out->fault && !strcmp(out->fault, "NotAuthenticated"))
        r = 1;
    else if (out->fault) {
        r = vf_soap_fail(out->fault, out->text, out->privilege, err);
        a->fault = vf_strdup(out->fault);
    }
    if (r == 0)
        atomic_store(&s->called_ms, vf_clock_ms());
    vf_http_answer_clear(&answer);
    return r < 0 ? vf_fail_prefix(err, "%s: %s", a->way.conf->name, method) : r;
}

/* ------------------------------------------------------------------ login */

/* The session's lock is held, or there are no twins yet. */
static int log_in(struct vf_esxi_api *a, struct vf_error **err)
{
    struct vf_esxi_session *s = a->session;
    vf_autobuf struct vf_buf args = {0};
    vf_xml_add(&args, "userName", s->user);
    vf_xml_add(&args, "password", vf_secret_text(s->password));
    vf_autosoap struct vf_soap answer = {0};
    vf_autoerror struct vf_error *why = NULL;
    vf_auto(vf_secret_free) struct vf_secret *cookie = NULL;
    /* without a cookie: a session that is logged in refuses another login as a wrong one */
    int r = post(a, NULL, &s->sessions, "Login", vf_buf_str(&args), false, &answer, &cookie, &why);
    vf_wipe(args.data, args.cap);
    a->told = a->told || a->sent;
    vf_autofree char *user = vf_escape(s->user);
    if (r > 0)
        return vf_fail(err, VF_E_AUTH, "%s: the host refuses the login of %s", a->way.conf->name,
                       user);
    if (r < 0 && vf_error_code(why) == VF_E_PERMISSION) {
        vf_fail_with(err, VF_STEAL(why));
        return vf_fail_prefix(err,
                              "%s may log in there but not use the API (has it a role, is the host "
                              "in lockdown mode?)",
                              user);
    }
    if (r < 0) {
        vf_fail_with(err, VF_STEAL(why));
        return vf_fail_prefix(err, "login of %s", user);
    }
    if (!cookie)
        return vf_fail(err, VF_E_UNSUPPORTED, "%s: the host took the login but gave no session",
                       a->way.conf->name);
    if (s->cookie) { /* a page in place of a file may have come although that session lives */
        vf_autosoap struct vf_soap gone = {0};
        post(a, s->cookie, &s->sessions, "Logout", "", false, &gone, NULL, NULL);
    }
    vf_secret_free(s->cookie);
    s->cookie = VF_STEAL(cookie);
    s->generation++;
    return 0;
}

static bool read_content(struct vf_esxi_session *s, const xmlNode *content)
{
    const xmlNode *about = vf_xml_child(content, "about");
    vf_autofree char *kind = vf_xml_text_at(about, "apiType");
    s->full_name = vf_xml_text_at(about, "fullName");
    s->vcenter = vf_streq(kind, "VirtualCenter");
    return vf_moref_read(vf_xml_child(content, "rootFolder"), &s->root) &&
           vf_moref_read(vf_xml_child(content, "propertyCollector"), &s->properties) &&
           vf_moref_read(vf_xml_child(content, "sessionManager"), &s->sessions) &&
           vf_moref_read(vf_xml_child(content, "viewManager"), &s->views);
}

static struct vf_moref instance = {(char *)"ServiceInstance", (char *)"ServiceInstance"};

/* Who is there, in which version; needs no login. */
static int greet(struct vf_esxi_api *a, struct vf_error **err)
{
    struct vf_esxi_session *s = a->session;
    for (size_t i = 0; i < VF_COUNT(versions); i++) {
        vf_autoerror struct vf_error *why = NULL;
        vf_autosoap struct vf_soap answer = {0};
        s->version = versions[i];
        int r = post(a, NULL, &instance, "RetrieveServiceContent", "", true, &answer, NULL, &why);
        if (r == 0 && read_content(s, answer.result))
            return 0;
        bool other = r < 0 && a->fault && strcasestr(vf_error_text(why), "version");
        if (other && i + 1 < VF_COUNT(versions))
            continue;
        if (r < 0 && vf_error_code(why) != VF_E_CORRUPT) /* a page of something else */
            return vf_fail_with(err, VF_STEAL(why));
        break;
    }
    return vf_fail(err, VF_E_UNSUPPORTED,
                   "%s: %s does not answer like the vSphere API: check the URL", a->way.conf->name,
                   s->base);
}

/* "https://host/sdk/" without its end. */
static char *base_of(const char *url)
{
    size_t n = strlen(url);
    while (n && url[n - 1] == '/')
        n--;
    if (n > 4 && !strncmp(url + n - 4, "/sdk", 4))
        n -= 4;
    return vf_strndup(url, n);
}

int vf_api_login(struct vf_esxi_api *a, struct vf_error **err)
{
    struct vf_esxi_session *s = a->session;
    vf_autoerror struct vf_error *first = NULL;
    for (char *const *url = a->way.conf->urls;; url++) {
        free(s->base);
        s->base = base_of(*url);
        vf_autoerror struct vf_error *why = NULL;
        if (greet(a, &why) == 0)
            break;
        bool next = vf_error_is_transient(why) && url[1];
        if (!first)
            first = VF_STEAL(why);
        if (!next)
            return vf_fail_with(err, VF_STEAL(first));
    }
    if (log_in(a, err) < 0)
        return -1;
    vf_info("esxi", "%s: %s at %s, spoken to as %s", a->way.conf->name,
            s->full_name ? s->full_name : "a vSphere API", s->base, s->version);
    return 0;
}

void vf_api_logout(struct vf_esxi_api *a)
{
    struct vf_esxi_session *s = a->session;
    if (!s->cookie ||
        !a->reached) /* a dead line would only cost time: the session ends by itself */
        return;
    vf_http_set_cancel(a->http, NULL);
    vf_autosoap struct vf_soap answer = {0};
    vf_autoerror struct vf_error *why = NULL;
    if (post(a, s->cookie, &s->sessions, "Logout", "", false, &answer, NULL, &why) < 0)
        vf_info("esxi", "%s", vf_error_text(why));
}

/* ------------------------------------------------------------------ use */

struct vf_secret *vf_api_cookie(struct vf_esxi_api *a, unsigned *generation)
{
    struct vf_esxi_session *s = a->session;
    pthread_mutex_lock(&s->lock);
    struct vf_secret *copy = s->cookie ? vf_secret_copy(s->cookie) : NULL;
    *generation = s->generation;
    pthread_mutex_unlock(&s->lock);
    return copy;
}

int vf_api_renew(struct vf_esxi_api *a, unsigned generation, struct vf_error **err)
{
    struct vf_esxi_session *s = a->session;
    int r = 0;
    pthread_mutex_lock(&s->lock);
    if (s->dead) {
        r = vf_fail_with(err, vf_error_copy(s->dead));
    } else if (s->generation == generation) {
        vf_info("esxi", "%s: the session has ended; logging in again", a->way.conf->name);
        vf_autoerror struct vf_error *why = NULL;
        r = log_in(a, &why);
        if (r < 0 && vf_error_code(why) == VF_E_AUTH) /* it was right once: changed, or locked */
            s->dead = vf_error_copy(why);
        if (r < 0)
            vf_fail_with(err, VF_STEAL(why));
    }
    pthread_mutex_unlock(&s->lock);
    return r;
}

int vf_api_call(struct vf_esxi_api *a, const struct vf_moref *self, const char *method,
                const char *args, bool reads, struct vf_soap *out, struct vf_error **err)
{
    for (int again = 0;; again++) {
        unsigned generation;
        vf_auto(vf_secret_free) struct vf_secret *cookie = vf_api_cookie(a, &generation);
        int r = post(a, cookie, self, method, args, reads, out, NULL, err);
        if (r <= 0)
            return r;
        vf_soap_clear(out);
        if (again)
            return vf_fail(err, VF_E_AUTH,
                           "%s: %s: the host forgets the session as soon as it is logged in to",
                           a->way.conf->name, method);
        if (vf_api_renew(a, generation, err) < 0)
            return -1;
    }
}

int vf_api_keep_alive(struct vf_esxi_api *a, struct vf_error **err)
{
    struct vf_esxi_session *s = a->session;
    long long then = atomic_load(&s->called_ms), now = vf_clock_ms();
    if (now - then < vf_clock_limit(KEEP_ALIVE_MS) ||
        !atomic_compare_exchange_strong(&s->called_ms, &then, now)) /* a twin does it */
        return 0;
    vf_autosoap struct vf_soap answer = {0};
    vf_autoerror struct vf_error *why = NULL;
    int r = vf_api_call(a, &instance, "CurrentTime", "", true, &answer, &why);
    if (r < 0 && vf_error_is_transient(why)) { /* what is to be read will show what is wrong */
        vf_info("esxi", "the session is not kept alive: %s", vf_error_text(why));
        return 0;
    }
    return r < 0 ? vf_fail_with(err, VF_STEAL(why)) : 0;
}
