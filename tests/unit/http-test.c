/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "net/http.h"
#include "tests/unit/httpd.h"
#include "tests/unit/tap.h"

#include <stdatomic.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

struct site {
    atomic_uint requests, gets, posts;
    struct vf_cancel *cancel; /* fired when "/hang" has been asked for */
    char last_headers[4096], last_body[256];
};

static void handle(void *opaque, const struct httpd_request *req, struct httpd_answer *a)
{
    struct site *s = opaque;
    s->requests++;
    atomic_fetch_add(strcmp(req->method, "GET") ? &s->posts : &s->gets, 1);
    snprintf(s->last_headers, sizeof s->last_headers, "%s", req->headers);
    snprintf(s->last_body, sizeof s->last_body, "%s", req->body);
    if (!strcmp(req->path, "/cut"))
        return; /* the request was read, the answer never comes */
    if (!strcmp(req->path, "/cut-once") && s->requests == 1)
        return;
    if (!strcmp(req->path, "/second-dies") && s->requests > 1)
        return;
    if (!strcmp(req->path, "/596")) {
        a->raw = httpd_json("596 Connection timed out", NULL);
    } else if (!strcmp(req->path, "/late")) {
        a->delay_ms = 300;
        a->raw = httpd_json("401 No ticket", NULL);
    } else if (!strcmp(req->path, "/hang")) {
        a->delay_ms = 60000;
        if (s->cancel)
            vf_cancel_fire(s->cancel, "the operator said so");
    } else if (!strcmp(req->path, "/moved")) {
        a->raw = vf_strdup("HTTP/1.1 301 Moved Permanently\r\nLocation: https://other/\r\n"
                           "Content-Length: 0\r\n\r\n");
    } else if (!strcmp(req->path, "/big")) {
        a->len = 200 * 1024;
        a->raw = vf_xcalloc(1, a->len);
        memset(a->raw, 'x', a->len - 1);
        int n = snprintf(a->raw, 100, "HTTP/1.1 200 OK\r\n\r\n");
        a->raw[n] = 'x';
        a->close = true;
    } else if (!strcmp(req->path, "/half-head")) {
        a->raw = vf_strdup("HTTP/1.1 200 OK\r\nServer: pve-api-daemon/3.0\r\nContent-Le");
        a->close = true;
    } else if (!strcmp(req->path, "/headers")) {
        a->len = 400 * 1024;
        a->raw = vf_xcalloc(1, a->len + 1);
        memset(a->raw, 'x', a->len);
        memcpy(a->raw, "HTTP/1.1 200 OK\r\n", 17);
        for (size_t i = 17; i + 100 < a->len; i += 100)
            memcpy(a->raw + i, "X-Filler: ", 10), memcpy(a->raw + i + 98, "\r\n", 2);
        a->close = true;
    } else {
        a->raw = httpd_json("200 OK", "{\"data\":1}");
    }
}

static struct vf_http *open_http(struct vf_http_conf conf, struct vf_cancel *cancel)
{
    struct vf_error *err = NULL;
    struct vf_http *h = vf_http_new(&conf, cancel, &err);
    if (!h)
        printf("# %s\n", vf_error_text(err));
    vf_error_free(err);
    return h;
}

/* One request; the code of its error (VF_OK: none), its text in *TEXT. */
static enum vf_error_code ask(struct vf_http *h, const char *method, const char *base,
                              const char *path, struct vf_http_answer *out, char **text)
{
    vf_autofree char *url = vf_asprintf("%s%s", base, path);
    struct vf_http_request req = {.method = method, .url = url};
    if (!strcmp(method, "POST")) {
        req.body = "a=1";
        req.body_len = 3;
    }
    struct vf_http_answer local = {0};
    vf_autoerror struct vf_error *err = NULL;
    int r = vf_http_do(h, &req, out ? out : &local, &err);
    vf_http_answer_clear(&local);
    if (text)
        *text = vf_strdup(err ? err->text : "");
    return r < 0 ? vf_error_code(err) : VF_OK;
}

static void test_fingerprint_text(void)
{
    unsigned char sha[32];
    const char *text = "00:01:02:03:04:05:06:07:08:09:0a:0B:0C:0D:0E:0F:10:11:12:13:14:15:16:17:18:"
                       "19:1A:1B:1C:1D:1E:FF";
    ok(vf_fingerprint_parse(text, sha) == 0 && sha[10] == 10 && sha[31] == 255,
       "fingerprint is read");
    vf_autofree char *back = vf_fingerprint_format(sha);
    ok(back && !strcasecmp(back, text), "fingerprint is written as Proxmox shows it");
    ok(vf_fingerprint_parse("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1eff",
                            sha) == 0,
       "fingerprint without colons");
    ok(vf_fingerprint_parse("00:01", sha) < 0, "too short a fingerprint");
    ok(vf_fingerprint_parse("", sha) < 0, "no fingerprint");
    vf_autofree char *longer = vf_asprintf("%s:00", text);
    ok(vf_fingerprint_parse(longer, sha) < 0, "too long a fingerprint");
    struct vf_http_conf conf = {.fingerprints = (char *[]){(char *)"nonsense", NULL}};
    vf_autoerror struct vf_error *err = NULL;
    ok(!vf_http_new(&conf, NULL, &err) && vf_error_code(err) == VF_E_USAGE, "nonsense is refused");
}

static void test_trust(void)
{
    struct site site = {0};
    struct httpd *s = httpd_start(true, handle, &site), *other = httpd_start(true, handle, &site);
    vf_autofree char *text = NULL, *text2 = NULL;

    struct vf_http *h = open_http(
        (struct vf_http_conf){.fingerprints = (char *[]){(char *)httpd_fingerprint(s), NULL}},
        NULL);
    struct vf_http_answer a = {0};
    ok(ask(h, "GET", httpd_url(s), "/", &a, NULL) == VF_OK && a.status == 200,
       "pinned certificate");
    is_str(vf_buf_str(&a.body), "{\"data\":1}", "the answer's body");
    vf_http_answer_clear(&a);
    site.requests = 0;
    struct vf_http_conf wrong = {.fingerprints = (char *[]){(char *)httpd_fingerprint(other), NULL},
                                 .trust_hint = "LOOK THERE"};
    struct vf_http *w = open_http(wrong, NULL);
    ok(ask(w, "POST", httpd_url(s), "/", NULL, &text) == VF_E_TRUST, "wrong fingerprint");
    ok(strstr(text, httpd_fingerprint(s)) != NULL, "the error shows the fingerprint presented");
    ok(strstr(text, "LOOK THERE") != NULL, "and where to compare it");
    ok(site.requests == 0, "the stranger got no request");
    vf_http_free(w);

    struct vf_http *ca = open_http((struct vf_http_conf){0}, NULL);
    ok(ask(ca, "GET", httpd_url(s), "/", NULL, &text2) == VF_E_TRUST, "unknown authority");
    ok(strstr(text2, httpd_fingerprint(s)) != NULL, "the error shows the fingerprint presented");
    ok(site.requests == 0, "the stranger got no request either");
    vf_http_free(ca);

    ca = open_http((struct vf_http_conf){.ca_file = httpd_cert_file(s)}, NULL);
    ok(ask(ca, "GET", httpd_url(s), "/", NULL, NULL) == VF_OK, "certificate signed by the CA file");
    ok(ask(ca, "GET", httpd_url(other), "/", NULL, NULL) == VF_E_TRUST, "another one is not");
    vf_autofree char *by_name = vf_asprintf("https://localhost%s", strrchr(httpd_url(s), ':'));
    ok(ask(ca, "GET", by_name, "/", NULL, NULL) == VF_E_TRUST, "nor one made out to another name");
    vf_http_free(ca);
    ca = open_http((struct vf_http_conf){.ca_file = "/nonexistent.pem"}, NULL);
    ok(ask(ca, "GET", httpd_url(s), "/", NULL, NULL) == VF_E_USAGE, "a CA file that is not there");
    vf_http_free(ca);

    struct vf_http *none = open_http((struct vf_http_conf){.insecure = true}, NULL);
    ok(ask(none, "GET", httpd_url(other), "/", NULL, NULL) == VF_OK, "no check when told so");
    vf_http_free(none);

    /* the pinned handle meets another certificate after a good one: no resumed session, no trust */
    ok(ask(h, "GET", httpd_url(other), "/", NULL, NULL) == VF_E_TRUST,
       "a pin holds for each server");
    struct vf_http *two = open_http(
        (struct vf_http_conf){.fingerprints = (char *[]){(char *)httpd_fingerprint(s),
                                                         (char *)httpd_fingerprint(other), NULL}},
        NULL);
    ok(ask(two, "GET", httpd_url(s), "/", NULL, NULL) == VF_OK &&
           ask(two, "GET", httpd_url(other), "/", NULL, NULL) == VF_OK,
       "one of two pins is enough");
    vf_http_free(two);
    vf_http_free(h);
    httpd_stop(s);
    httpd_stop(other);
}

static void test_retries(void)
{
    struct site site = {0};
    struct httpd *s = httpd_start(false, handle, &site);
    const char *url = httpd_url(s);
    struct vf_http *h = open_http((struct vf_http_conf){0}, NULL);
    struct vf_http_answer a = {0};

    ok(ask(h, "GET", url, "/cut-once", &a, NULL) == VF_OK && site.gets == 2,
       "a GET is tried again");
    vf_http_answer_clear(&a);
    /* three by us, and one more by libcurl on the connection that it had kept */
    site.gets = 0;
    ok(ask(h, "GET", url, "/cut", NULL, NULL) == VF_E_NET && site.gets >= 3 && site.gets <= 4,
       "but not for ever");
    ok(ask(h, "POST", url, "/cut", &a, NULL) == VF_E_NET && site.posts == 1, "a POST is not");
    ok(a.sent, "and the caller is told that it was sent");
    vf_http_answer_clear(&a);
    ok(ask(h, "GET", url, "/half-head", NULL, NULL) == VF_E_NET, "half a head is no answer");
    ok(ask(h, "PUT", url, "/cut", NULL, NULL) == VF_E_NET && site.posts == 2, "a PUT is not");
    ok(ask(h, "DELETE", url, "/cut", NULL, NULL) == VF_E_NET && site.posts == 3, "a DELETE is not");
    site.gets = 0;
    ok(ask(h, "GET", url, "/596", &a, NULL) == VF_OK && a.status == 596 && site.gets == 3,
       "a GET is tried again when the proxy did not reach the node");
    vf_http_answer_clear(&a);
    site.posts = 0;
    ok(ask(h, "POST", url, "/596", &a, NULL) == VF_OK && a.status == 596 && site.posts == 1,
       "a POST is not");
    vf_http_answer_clear(&a);

    /* libcurl would send a POST again by itself on a reused connection that is cut without an
     * answer */
    site.requests = site.posts = 0;
    ok(ask(h, "POST", url, "/second-dies", NULL, NULL) == VF_OK, "first POST");
    ok(ask(h, "POST", url, "/second-dies", NULL, NULL) == VF_E_NET && site.posts == 2,
       "the second is cut, and there is no third");

    unsigned before = httpd_connections(s);
    ok(ask(h, "GET", url, "/", NULL, NULL) == VF_OK &&
           ask(h, "GET", url, "/", NULL, NULL) == VF_OK && httpd_connections(s) <= before + 1,
       "reading reuses its connection");

    vf_autofree char *dead = vf_strdup(url);
    httpd_stop(s);
    ok(ask(h, "POST", dead, "/", &a, NULL) == VF_E_NET && !a.sent,
       "nobody there: nothing was sent");
    vf_http_answer_clear(&a);
    vf_http_free(h);
}

static void test_limits(void)
{
    struct site site = {0};
    struct httpd *s = httpd_start(false, handle, &site);
    const char *url = httpd_url(s);
    vf_autofree char *text = NULL, *moved = NULL;
    struct vf_http *h = open_http((struct vf_http_conf){.max_answer = 100 * 1024}, NULL);
    struct vf_http_answer a = {0};

    ok(ask(h, "GET", url, "/big", NULL, &text) == VF_E_CORRUPT, "an answer over the cap");
    ok(ask(h, "GET", url, "/headers", NULL, NULL) != VF_OK, "headers without end");
    struct vf_http *impatient = open_http((struct vf_http_conf){.stall_ms = 3000}, NULL);
    site.posts = 0;
    enum vf_error_code silent = ask(impatient, "POST", url, "/hang", &a, NULL);
    for (int i = 0; !site.posts && i < 6000; i++) /* it was sent, and may still be on its way */
        usleep(10000);
    ok(silent == VF_E_NET && a.sent && site.posts == 1, "a silent server");
    vf_http_answer_clear(&a);
    vf_http_free(impatient);
    ok(ask(h, "GET", url, "/moved", NULL, &moved) == VF_E_USAGE, "a redirect is not followed");
    ok(strstr(moved, "https://other/") != NULL, "but shown");
    ok(ask(h, "GET", "file:///etc/hostname", "", NULL, NULL) == VF_E_USAGE, "only http and https");
    ok(ask(h, "GET", "gopher://127.0.0.1", "/", NULL, NULL) == VF_E_USAGE, "no gopher");
    vf_http_free(h);

    h = open_http((struct vf_http_conf){0}, NULL);
    ok(ask(h, "GET", url, "/late", &a, NULL) == VF_OK && a.status == 401, "a late answer");
    is_str(a.reason, "No ticket", "the reason phrase is kept");
    vf_http_answer_clear(&a);
    ok(ask(h, "GET", url, "/big", &a, NULL) == VF_OK && a.body.len > 200 * 1000, "a large answer");
    vf_http_answer_clear(&a);
    ok(ask(h, "DELETE", url, "/x", NULL, NULL) == VF_OK, "DELETE");
    ok(!strcasestr(site.last_headers, "content-length") &&
           !strcasestr(site.last_headers, "chunked"),
       "has no body");
    ok(ask(h, "GET", url, "/a/../b", NULL, NULL) == VF_OK &&
           !strncmp(site.last_headers, "GET /a/../b ", 12),
       "paths are sent as they are");
    vf_http_free(h);
    httpd_stop(s);
}

static void test_old_tls(void)
{
    struct site site = {0};
    struct httpd *s = httpd_start_old(handle, &site), *other = httpd_start(true, handle, &site);
    char *const good[] = {(char *)httpd_fingerprint(s), NULL};
    char *const bad[] = {(char *)httpd_fingerprint(other), NULL};
    vf_autofree char *text = NULL;
    struct vf_http *h = open_http((struct vf_http_conf){.fingerprints = good}, NULL);
    ok(ask(h, "POST", httpd_url(s), "/", NULL, NULL) == VF_E_NET && site.requests == 0,
       "TLS 1.1 is not spoken by itself");
    ok(vf_http_wants_old_tls(h), "and it is known why");
    ok(ask(h, "POST", "http://127.0.0.1:1", "/", NULL, NULL) == VF_E_NET &&
           !vf_http_wants_old_tls(h),
       "which is not why nobody answers");
    vf_http_free(h);
    h = open_http((struct vf_http_conf){.fingerprints = good, .old_tls = true}, NULL);
    ok(ask(h, "POST", httpd_url(s), "/", NULL, NULL) == VF_OK, "but where it is allowed");
    vf_http_free(h);
    h = open_http((struct vf_http_conf){.insecure = true, .old_tls = true}, NULL);
    ok(ask(h, "POST", httpd_url(s), "/", NULL, NULL) == VF_OK, "with no check too");
    vf_http_free(h);
    h = open_http((struct vf_http_conf){.fingerprints = bad, .old_tls = true, .tell_sha1 = true},
                  NULL);
    site.requests = 0;
    ok(ask(h, "POST", httpd_url(s), "/", NULL, &text) == VF_E_TRUST && site.requests == 0,
       "of the certificate nothing is let off");
    vf_autofree char *sha1 = vf_http_shown_sha1(h);
    ok(sha1 && strlen(sha1) == 59 && strstr(text, "SHA-1 ") && strstr(text, sha1),
       "its SHA-1 fingerprint is told where that is wanted");
    vf_http_free(h);
    httpd_stop(s);
    httpd_stop(other);
}

static void test_reads(void)
{
    struct site site = {0};
    struct httpd *s = httpd_start(false, handle, &site);
    struct vf_http *h = open_http((struct vf_http_conf){0}, NULL);
    vf_autofree char *url = vf_asprintf("%s/cut-once", httpd_url(s));
    char type[] = "Content-Type: text/xml", *headers[] = {type, NULL};
    struct vf_http_request req = {.method = "POST",
                                  .url = url,
                                  .headers = headers,
                                  .body = "<x/>",
                                  .body_len = 4,
                                  .reads = true};
    struct vf_http_answer a = {0};
    ok(vf_http_do(h, &req, &a, NULL) == 0 && a.status == 200 && site.requests == 2,
       "a POST that only reads is sent again");
    ok(strstr(site.last_headers, "Content-Type: text/xml\r\n") &&
           !strstr(site.last_headers, "urlencoded"),
       "with a content type of its own");
    vf_autofree char *got = vf_http_header(&a, "content-TYPE");
    is_str(got, "application/json;charset=UTF-8", "a header of the answer");
    ok(!vf_http_header(&a, "content"), "a part of a name is none");
    vf_http_answer_clear(&a);
    ok(vf_http_do(h, &req, &a, NULL) == 0 && httpd_connections(s) == 2,
       "the next goes over the same connection");
    vf_http_answer_clear(&a);
    req.most = 5;
    ok(vf_http_do(h, &req, &a, NULL) < 0, "a limit for one answer");
    vf_http_answer_clear(&a);
    vf_http_free(h);
    httpd_stop(s);
}

static void test_cancel(void)
{
    struct site site = {0};
    struct httpd *s = httpd_start(true, handle, &site);
    struct vf_cancel *cancel = vf_cancel_new(NULL);
    site.cancel = cancel;
    struct vf_http *h = open_http((struct vf_http_conf){.insecure = true}, cancel);
    vf_autofree char *text = NULL;
    ok(ask(h, "GET", httpd_url(s), "/hang", NULL, &text) == VF_E_CANCELLED,
       "cancelled while waiting");
    is_str(text, "the operator said so", "with the cause");
    ok(site.requests == 1, "and not tried again");
    ok(ask(h, "GET", httpd_url(s), "/", NULL, NULL) == VF_E_CANCELLED && site.requests == 1,
       "nothing is sent after that");
    vf_http_free(h);
    vf_cancel_free(cancel);
    httpd_stop(s);
}

static void test_headers(void)
{
    struct site site = {0};
    struct httpd *s = httpd_start(false, handle, &site);
    struct vf_http *h = open_http((struct vf_http_conf){0}, NULL);
    char log_name[] = "/tmp/vf-http-log-XXXXXX";
    int fd = mkstemp(log_name);
    vf_log_open(log_name, NULL);
    vf_autofree char *url = vf_asprintf("%s/x?secret=SESAM", httpd_url(s));
    char header[] = "Authorization: SESAM", *headers[] = {header, NULL};
    struct vf_http_request req = {
        .method = "POST", .url = url, .headers = headers, .body = "password=SESAM", .body_len = 14};
    struct vf_http_answer a = {0};
    ok(vf_http_do(h, &req, &a, NULL) == 0, "a request with headers");
    ok(strstr(site.last_headers, "\r\nAuthorization: SESAM\r\n") != NULL, "headers are sent");
    ok(strstr(site.last_headers, "application/x-www-form-urlencoded") != NULL, "as a form");
    is_str(site.last_body, "password=SESAM", "and the body");
    vf_log_close();
    char log[4096] = "";
    ok(read(fd, log, sizeof log - 1) >= 0 && !strstr(log, "SESAM"), "the log names no secret");
    close(fd);
    unlink(log_name);
    vf_http_answer_clear(&a);
    vf_http_free(h);
    httpd_stop(s);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    test_fingerprint_text();
    test_trust();
    test_retries();
    test_limits();
    test_old_tls();
    test_reads();
    test_cancel();
    test_headers();
    return done_testing();
}
