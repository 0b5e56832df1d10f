/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "net/http.h"
#include "net/http-tls.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"
#include "base/str.h"

#include <pthread.h>
#include <string.h>
#include <strings.h>
#include <curl/curl.h>

enum {
    MAX_ANSWER = 32 * 1024 * 1024,
    MAX_HEADERS = 256 * 1024,
    MAX_TRIES = 3,
    BACKOFF_MS = 250, /* doubled with each try */
    /* pveproxy closes a connection after 5 s without a request */
    REUSE_MS = 4000,
    MAX_OTHER = 64 * 1024,    /* of an answer that is not the part of a file that was asked for */
    PART_BUFFER = 256 * 1024, /* what libcurl hands over at once of such a part */
};

struct vf_http {
    CURL *curl;
    CURLM *multi;
    struct vf_cancel *cancel;
    char *ca_file, *trust_hint;
    bool insecure, old_tls, tell_sha1;
    int connect_ms, stall_ms, reuse_ms;
    size_t max_answer;
    struct vf_http_tls tls;
    char why[CURL_ERROR_SIZE];
    /* of the request under way */
    const struct vf_http_request *req;
    struct vf_http_answer *out;
    size_t header_bytes;
    bool head_ended; /* libcurl takes a head that was cut off for a whole one */
    bool too_big;
    int64_t last_byte_ms;
    curl_off_t moved;
    char *location;
};

static pthread_once_t global_once = PTHREAD_ONCE_INIT;
static CURLcode global_result;

static void global_init(void)
{
    global_result = curl_global_init(CURL_GLOBAL_DEFAULT);
}

struct vf_http *vf_http_new(const struct vf_http_conf *conf, struct vf_cancel *cancel,
                            struct vf_error **err)
{
    pthread_once(&global_once, global_init);
    if (global_result != CURLE_OK) {
        vf_fail(err, VF_E_INTERNAL, "libcurl cannot start: %s", curl_easy_strerror(global_result));
        return NULL;
    }
    vf_auto(vf_http_free) struct vf_http *h = vf_xcalloc(1, sizeof *h);
    h->cancel = cancel;
    h->ca_file = vf_strdup(conf->ca_file);
    h->trust_hint = vf_strdup(conf->trust_hint);
    h->insecure = conf->insecure;
    h->old_tls = conf->old_tls;
    h->tell_sha1 = conf->tell_sha1;
    h->reuse_ms = conf->reuse_ms ? conf->reuse_ms : REUSE_MS;
    h->connect_ms = conf->connect_ms ? conf->connect_ms : VF_T_CONNECT;
    h->stall_ms = conf->stall_ms ? conf->stall_ms : VF_T_API_STALL;
    h->max_answer = conf->max_answer ? conf->max_answer : MAX_ANSWER;
    for (char *const *f = conf->insecure ? NULL : conf->fingerprints; f && *f; f++)
        if (vf_fingerprint_parse(
                *f, *(unsigned char(*)[32])vf_grow(&h->tls.wanted, &h->tls.n_wanted, 32)) < 0) {
            vf_fail(err, VF_E_USAGE,
                    "the fingerprint \"%s\" is not a SHA-256 fingerprint (32 pairs of hex digits, "
                    "AA:BB:...)",
                    *f);
            return NULL;
        }
    h->curl = curl_easy_init();
    h->multi = curl_multi_init();
    if (!h->curl || !h->multi) {
        vf_fail(err, VF_E_INTERNAL, "libcurl cannot make a handle");
        return NULL;
    }
    return VF_STEAL(h);
}

void vf_http_free(struct vf_http *h)
{
    if (!h)
        return;
    curl_easy_cleanup(h->curl);
    if (h->multi)
        curl_multi_cleanup(h->multi);
    free(h->ca_file);
    free(h->trust_hint);
    free(h->location);
    free(h->tls.wanted);
    free(h);
}

void vf_http_set_cancel(struct vf_http *h, struct vf_cancel *cancel)
{
    h->cancel = cancel;
}

void vf_http_answer_clear(struct vf_http_answer *a)
{
    free(a->reason);
    if (a->body.data) /* a ticket may have been in it */
        vf_wipe(a->body.data, a->body.cap);
    if (a->head.data) /* or a cookie */
        vf_wipe(a->head.data, a->head.cap);
    vf_buf_free(&a->head);
    vf_buf_free(&a->body);
    *a = (struct vf_http_answer){0};
}

/* ------------------------------------------------------------------ callbacks of libcurl */

static size_t most(const struct vf_http *h)
{
    return h->req->into ? h->req->into_len : h->req->most ? h->req->most : h->max_answer;
}

static size_t on_body(char *data, size_t size, size_t n, void *opaque)
{
    struct vf_http *h = opaque;
    h->last_byte_ms = vf_clock_ms();
    n *= size;
    long status = 0;
    if (h->req->into && curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK &&
        status == 206) {
        h->too_big = n > h->req->into_len - h->out->got;
        if (h->too_big)
            return 0;
        memcpy((char *)h->req->into + h->out->got, data, n);
        h->out->got += n;
        return n;
    }
    h->out->cut = h->req->into && h->out->body.len + n > MAX_OTHER;
    if (h->out->cut)
        return 0;
    if (!h->req->into && h->out->body.len + n > most(h)) {
        h->too_big = true;
        return 0;
    }
    vf_buf_add(&h->out->body, data, n);
    return n;
}

/* "HTTP/1.1 401 authentication failure": the text behind the number. */
static void take_status_line(struct vf_http *h, const char *line, size_t n)
{
    const char *end = line + n, *p = memchr(line, ' ', n);
    while (p && p < end && *p == ' ')
        p++;
    while (p && p < end && *p != ' ' && *p != '\r' && *p != '\n')
        p++;
    while (p && p < end && *p == ' ')
        p++;
    while (p && end > p && (end[-1] == '\r' || end[-1] == '\n'))
        end--;
    free(h->out->reason);
    h->out->reason = p ? vf_strndup(p, (size_t)(end - p)) : vf_strdup("");
}

static size_t on_header(char *data, size_t size, size_t n, void *opaque)
{
    static const char location[] = "location:";
    struct vf_http *h = opaque;
    h->last_byte_ms = vf_clock_ms();
    n *= size;
    h->header_bytes += n;
    if (h->header_bytes > MAX_HEADERS) {
        h->too_big = true;
        return 0;
    }
    if (n > 5 && !memcmp(data, "HTTP/", 5)) {
        vf_buf_clear(&h->out->head);
        take_status_line(h, data, n);
    }
    vf_buf_add(&h->out->head, data, n);
    h->head_ended = *data == '\r' || *data == '\n';
    if (n > sizeof location && !strncasecmp(data, location, sizeof location - 1)) {
        vf_autofree char *value = vf_strndup(data + sizeof location - 1, n - sizeof location + 1);
        free(h->location);
        h->location =
            vf_strndup(value + strspn(value, " \t"), strcspn(value + strspn(value, " \t"), "\r\n"));
    }
    return n;
}

static int on_progress(void *opaque, curl_off_t dltotal, curl_off_t dlnow, curl_off_t ultotal,
                       curl_off_t ulnow)
{
    struct vf_http *h = opaque;
    if (dlnow + ulnow != h->moved) {
        h->moved = dlnow + ulnow;
        h->last_byte_ms = vf_clock_ms();
    }
    return 0;
}

static CURLcode on_ssl_ctx(CURL *curl, void *ssl_ctx, void *opaque)
{
    struct vf_http *h = opaque;
    if (!h->insecure)
        vf_http_tls_attach(&h->tls, ssl_ctx);
    if (h->old_tls)
        vf_http_tls_allow_old(ssl_ctx);
    return CURLE_OK;
}

/* ------------------------------------------------------------------ one request */

static void free_headers(struct curl_slist *list)
{
    for (struct curl_slist *l = list; l; l = l->next)
        vf_wipe(l->data, strlen(l->data));
    curl_slist_free_all(list);
}

static struct curl_slist *make_headers(const struct vf_http_request *req)
{
    /* no "Expect: 100-continue": pveproxy does not wait for anything */
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");
    for (char *const *p = req->headers; list && p && *p; p++) {
        struct curl_slist *more = curl_slist_append(list, *p);
        if (!more)
            free_headers(list);
        list = more;
    }
    return list;
}

static CURLcode set_tls(struct vf_http *h)
{
    CURL *c = h->curl;
    bool by_authority = !h->tls.n_wanted && !h->insecure;
    CURLcode r = curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, by_authority ? 1L : 0L);
    if (!r)
        r = curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, by_authority ? 2L : 0L);
    if (!r && h->ca_file && by_authority)
        r = curl_easy_setopt(c, CURLOPT_CAINFO, h->ca_file);
    /* a resumed session would skip the certificate */
    if (!r)
        r = curl_easy_setopt(c, CURLOPT_SSL_SESSIONID_CACHE, 0L);
    if (!r)
        r = curl_easy_setopt(c, CURLOPT_SSL_CTX_FUNCTION, on_ssl_ctx);
    if (!r)
        r = curl_easy_setopt(c, CURLOPT_SSL_CTX_DATA, h);
    return r;
}

static bool is_loopback(const char *url)
{
    const char *host = strstr(url, "://");
    host = host ? host + 3 : url;
    return vf_starts(host, "127.") || vf_starts(host, "localhost") || vf_starts(host, "[::1]");
}

static CURLcode set_limits(struct vf_http *h, const struct vf_http_request *req)
{
    CURL *c = h->curl;
#if LIBCURL_VERSION_NUM >= 0x075500
    CURLcode r = curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
#else
    CURLcode r = curl_easy_setopt(c, CURLOPT_PROTOCOLS, CURLPROTO_HTTP | CURLPROTO_HTTPS);
#endif
#if LIBCURL_VERSION_NUM >= 0x075700
    if (!r) /* a name server that does not answer must not hold up a cancel */
        r = curl_easy_setopt(c, CURLOPT_QUICK_EXIT, 1L);
#endif
    if (!r)
        r = curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
    if (!r)
        r = curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    if (!r)
        r = curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)h->connect_ms);
    if (!r)
        r = curl_easy_setopt(c, CURLOPT_MAXAGE_CONN, (long)(h->reuse_ms / 1000));
    if (!r && (is_loopback(req->url) || req->unix_socket)) /* a proxy would ask itself */
        r = curl_easy_setopt(c, CURLOPT_NOPROXY, "*");
    if (!r) /* the reason phrase carries Proxmox's message; HTTP/2 has none */
        r = curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    if (!r) /* "nodes/.." must not become another path */
        r = curl_easy_setopt(c, CURLOPT_PATH_AS_IS, 1L);
    if (!r)
        r = curl_easy_setopt(c, CURLOPT_USERAGENT, PACKAGE_NAME "/" PACKAGE_VERSION);
    if (!r)
        r = curl_easy_setopt(c, CURLOPT_ERRORBUFFER, h->why);
    return r;
}

static CURLcode set_callbacks(struct vf_http *h)
{
    CURL *c = h->curl;
    CURLcode r = curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
    if (!r)
        r = curl_easy_setopt(c, CURLOPT_WRITEDATA, h);
    if (!r)
        r = curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
    if (!r)
        r = curl_easy_setopt(c, CURLOPT_HEADERDATA, h);
    if (!r)
        r = curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
    if (!r)
        r = curl_easy_setopt(c, CURLOPT_XFERINFODATA, h);
    if (!r)
        r = curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
    return r;
}

/* May it be sent twice? */
static bool is_safe(const struct vf_http_request *req)
{
    return req->reads || !strcmp(req->method, "GET") || !strcmp(req->method, "HEAD");
}

static CURLcode set_request(struct vf_http *h, const struct vf_http_request *req,
                            struct curl_slist *headers)
{
    CURL *c = h->curl;
    bool safe = is_safe(req), head = !strcmp(req->method, "HEAD");
    bool post = !strcmp(req->method, "POST") || !strcmp(req->method, "PUT");
    CURLcode r = curl_easy_setopt(c, CURLOPT_URL, req->url);
    if (!r)
        r = curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
    if (!r && req->unix_socket)
        r = curl_easy_setopt(c, CURLOPT_UNIX_SOCKET_PATH, req->unix_socket);
    /* On a connection that it reuses, libcurl sends ANY request again when the connection turns out
     * to be dead, although the server may have acted on it: writes get a connection of their own.
     */
    if (!r)
        r = curl_easy_setopt(c, CURLOPT_FRESH_CONNECT, safe ? 0L : 1L);
    if (!r && post)
        r = curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)req->body_len);
    if (!r && post)
        r = curl_easy_setopt(c, CURLOPT_POSTFIELDS, req->body ? req->body : "");
    if (!r && head)
        r = curl_easy_setopt(c, CURLOPT_NOBODY, 1L);
    if (!r && req->into) /* fewer, longer hand-overs */
        r = curl_easy_setopt(c, CURLOPT_BUFFERSIZE, (long)PART_BUFFER);
    if (!r && !head && strcmp(req->method, "GET"))
        r = curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, req->method);
    return r;
}

/* The reason why nobody is on the other side, as an error. */
static int fail_curl(struct vf_http *h, const struct vf_http_request *req, CURLcode code,
                     struct vf_error **err)
{
    vf_autofree char *url = vf_escape_n(req->url, strcspn(req->url, "?"));
    if (h->too_big)
        return vf_fail(err, VF_E_CORRUPT, "%s: the answer is larger than %zu bytes", url, most(h));
    const char *text = h->why[0] ? h->why : curl_easy_strerror(code);
    vf_autofree char *why = vf_escape(text);
    bool trust = code == CURLE_PEER_FAILED_VERIFICATION ||
                 (h->tls.refused && code == CURLE_SSL_CONNECT_ERROR);
    if (trust && h->tls.seen) {
        vf_autofree char *got = vf_fingerprint_format(h->tls.presented);
        vf_autofree char *sha1 = h->tell_sha1 ? vf_http_shown_sha1(h) : NULL;
        vf_autofree char *want = h->tls.n_wanted ? vf_fingerprint_format(h->tls.wanted[0]) : NULL;
        vf_autofree char *because =
            h->tls.n_wanted > 1 ? vf_strdup("it is none of the configured certificates")
            : want              ? vf_asprintf("it is not the configured certificate %s", want)
                                : vf_strdup(h->tls.refused ? h->tls.why : why);
        return vf_fail(err, VF_E_TRUST,
                       "%s: the server's certificate is not trusted: %s; the server presented the "
                       "SHA-256 fingerprint %s%s%s%s%s",
                       url, because, got, sha1 ? ", SHA-1 " : "", sha1 ? sha1 : "",
                       h->trust_hint ? "; " : "", h->trust_hint ? h->trust_hint : "");
    }
    static const struct {
        CURLcode curl;
        enum vf_error_code code;
    } codes[] = {
        {CURLE_PEER_FAILED_VERIFICATION, VF_E_TRUST}, {CURLE_SSL_CACERT_BADFILE, VF_E_USAGE},
        {CURLE_UNSUPPORTED_PROTOCOL, VF_E_USAGE},     {CURLE_URL_MALFORMAT, VF_E_USAGE},
        {CURLE_OUT_OF_MEMORY, VF_E_INTERNAL},         {CURLE_FAILED_INIT, VF_E_INTERNAL},
        {CURLE_BAD_FUNCTION_ARGUMENT, VF_E_INTERNAL}, {CURLE_UNKNOWN_OPTION, VF_E_INTERNAL},
        {CURLE_NOT_BUILT_IN, VF_E_UNSUPPORTED},
    };
    enum vf_error_code out = VF_E_NET;
    for (size_t i = 0; i < VF_COUNT(codes); i++)
        if (codes[i].curl == code)
            out = codes[i].code;
    return vf_fail(err, out, "%s: %s", url, why);
}

/* Drives the transfer to its end: 0 with libcurl's verdict in *CODE, -1 when cancelled or silent.
 */
static int drive(struct vf_http *h, const char *url, CURLcode *code, struct vf_error **err)
{
    for (;;) {
        int running = 0;
        CURLMcode m = curl_multi_perform(h->multi, &running);
        if (m != CURLM_OK)
            return vf_fail(err, VF_E_INTERNAL, "libcurl: %s", curl_multi_strerror(m));
        if (!running)
            break;
        int64_t left = h->last_byte_ms + h->stall_ms - vf_clock_ms();
        if (left <= 0) {
            vf_autofree char *shown = vf_escape_n(url, strcspn(url, "?"));
            vf_autofree char *time = vf_format_duration(h->stall_ms / 1000.0);
            return vf_fail(err, VF_E_NET, "%s: the server sent nothing for %s", shown, time);
        }
        struct curl_waitfd cancel = {.events = CURL_WAIT_POLLIN};
        if (h->cancel)
            cancel.fd = vf_cancel_fd(h->cancel);
        m = curl_multi_poll(h->multi, h->cancel ? &cancel : NULL, h->cancel ? 1 : 0,
                            left < 1000 ? (int)left : 1000, NULL);
        if (m != CURLM_OK)
            return vf_fail(err, VF_E_INTERNAL, "libcurl: %s", curl_multi_strerror(m));
        if (vf_cancel_check(h->cancel, err) < 0)
            return -1;
    }
    int left = 0;
    CURLMsg *msg;
    while ((msg = curl_multi_info_read(h->multi, &left)))
        if (msg->msg == CURLMSG_DONE) {
            *code = msg->data.result;
            return 0;
        }
    return vf_fail(err, VF_E_INTERNAL, "libcurl ended a request without a result");
}

/* libcurl counts what it wrote; a failed connection or handshake wrote no request. */
static bool was_sent(struct vf_http *h)
{
    long request = 0;
    curl_off_t pretransfer = 0;
    if (curl_easy_getinfo(h->curl, CURLINFO_REQUEST_SIZE, &request) != CURLE_OK ||
        curl_easy_getinfo(h->curl, CURLINFO_PRETRANSFER_TIME_T, &pretransfer) != CURLE_OK)
        return true;
    return request > 0 || pretransfer > 0;
}

static void reset(struct vf_http *h, const struct vf_http_request *req, struct vf_http_answer *out)
{
    vf_http_answer_clear(out);
    h->req = req;
    h->out = out;
    h->header_bytes = 0;
    h->head_ended = false;
    h->too_big = false;
    h->moved = 0;
    h->why[0] = '\0';
    h->last_byte_ms = vf_clock_ms();
    h->tls.seen = h->tls.refused = false;
    free(VF_STEAL(h->location));
}

char *vf_http_header(const struct vf_http_answer *a, const char *name)
{
    size_t n = strlen(name);
    for (const char *line = vf_buf_str(&a->head); (line = strchr(line, '\n'));) {
        line++;
        if (strncasecmp(line, name, n) || line[n] != ':')
            continue;
        const char *value = line + n + 1;
        value += strspn(value, " \t");
        size_t len = strcspn(value, "\r\n");
        while (len && (value[len - 1] == ' ' || value[len - 1] == '\t'))
            len--;
        return vf_strndup(value, len);
    }
    return NULL;
}

static int finish(struct vf_http *h, const struct vf_http_request *req, struct vf_error **err)
{
    long status = 0;
    if (curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, &status) != CURLE_OK)
        status = 0;
    h->out->status = (int)status;
    if (!h->out->reason)
        h->out->reason = vf_strdup("");
    vf_autofree char *url = vf_escape_n(req->url, strcspn(req->url, "?"));
    if (!h->head_ended)
        return vf_fail(err, VF_E_NET, "%s: the answer was cut off", url);
    if (status < 300 || status > 399)
        return 0;
    vf_autofree char *where = vf_escape(h->location ? h->location : "another address");
    return vf_fail(err, VF_E_USAGE,
                   "%s is answered with a redirect to %s, which is not followed: configure the URL "
                   "that is meant",
                   url, where);
}

static int try_once(struct vf_http *h, const struct vf_http_request *req,
                    struct vf_http_answer *out, struct vf_error **err)
{
    reset(h, req, out);
    if (vf_cancel_check(h->cancel, err) < 0)
        return -1;
    curl_easy_reset(h->curl);
    struct curl_slist *headers = make_headers(req);
    CURLcode r = headers ? CURLE_OK : CURLE_OUT_OF_MEMORY;
    if (!r)
        r = set_limits(h, req);
    if (!r)
        r = set_callbacks(h);
    if (!r)
        r = set_tls(h);
    if (!r)
        r = set_request(h, req, headers);
    int result = -1;
    if (r) {
        fail_curl(h, req, r, err);
    } else if (curl_multi_add_handle(h->multi, h->curl) != CURLM_OK) {
        vf_fail(err, VF_E_INTERNAL, "libcurl does not take the request");
    } else {
        CURLcode code = CURLE_OK;
        result = drive(h, req->url, &code, err);
        out->sent = was_sent(h);
        if (result == 0)
            result = code && !out->cut ? fail_curl(h, req, code, err) : finish(h, req, err);
        curl_multi_remove_handle(h->multi, h->curl);
    }
    free_headers(headers);
    return result;
}

/* Statuses by which pveproxy (595 to 599) and gateways say that they could not reach a node. */
static bool is_gateway_failure(int status)
{
    return (status >= 502 && status <= 504) || (status >= 595 && status <= 599);
}

int vf_http_do(struct vf_http *h, const struct vf_http_request *req, struct vf_http_answer *out,
               struct vf_error **err)
{
    unsigned tries = req->tries ? req->tries : MAX_TRIES;
    bool safe = is_safe(req);
    *out = (struct vf_http_answer){0};
    const char *path = strstr(req->url, "://");
    path = strchr(path ? path + 3 : req->url, '/');
    path = path ? path : "/";
    for (unsigned i = 1;; i++) {
        vf_autoerror struct vf_error *why = NULL;
        int64_t start = vf_clock_ms();
        int r = try_once(h, req, out, &why);
        vf_debug("http", "%s %.*s %d %lld ms%s%s", req->method, (int)strcspn(path, "?"), path,
                 out->status, (long long)(vf_clock_ms() - start), r < 0 ? ": " : "",
                 r < 0 ? vf_error_text(why) : "");
        bool again = r < 0 ? vf_error_is_transient(why) && (safe || !out->sent)
                           : safe && is_gateway_failure(out->status);
        if (!again || i >= tries)
            return r < 0 ? vf_fail_with(err, VF_STEAL(why)) : 0;
        if (vf_cancel_sleep(h->cancel, BACKOFF_MS << (i - 1), err) < 0)
            return -1;
    }
}

char *vf_http_shown(const struct vf_http *h)
{
    return h->tls.seen ? vf_fingerprint_format(h->tls.presented) : NULL;
}

char *vf_http_shown_sha1(const struct vf_http *h)
{
    return h->tls.seen ? vf_fingerprint_format_sha1(h->tls.presented_sha1) : NULL;
}

bool vf_http_wants_old_tls(const struct vf_http *h)
{
    return !h->old_tls && !h->tls.refused && vf_http_tls_is_old(h->why);
}
