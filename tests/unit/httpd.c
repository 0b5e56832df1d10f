/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "tests/unit/httpd.h"
#include "base/str.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

struct conn {
    struct httpd *server;
    pthread_t thread;
    int fd;
    struct conn *next;
};

struct httpd {
    int fd, stop_fd;
    pthread_t thread;
    SSL_CTX *ctx;
    char *url, *fingerprint, *cert_file;
    httpd_handler *handler;
    void *opaque;
    pthread_mutex_t lock; /* the handler sees one request at a time */
    struct conn *conns;   /* touched by the accepting thread, then by httpd_stop() */
    atomic_uint n_conns;
};

struct io {
    int fd;
    SSL *ssl;
};

static ssize_t io_read(struct io *io, char *p, size_t n)
{
    return io->ssl ? SSL_read(io->ssl, p, (int)n) : recv(io->fd, p, n, 0);
}

static bool io_write(struct io *io, const char *p, size_t n)
{
    while (n) {
        ssize_t w = io->ssl ? SSL_write(io->ssl, p, (int)n) : send(io->fd, p, n, MSG_NOSIGNAL);
        if (w <= 0)
            return false;
        p += w;
        n -= (size_t)w;
    }
    return true;
}

static size_t body_length(const char *head)
{
    const char *p = strcasestr(head, "\ncontent-length:");
    return p ? strtoul(p + 16, NULL, 10) : 0;
}

/* One request; false at the end of the connection. */
static bool read_request(struct io *io, struct httpd_request *req)
{
    size_t cap = 65536, len = 0;
    vf_autofree char *buf = vf_xmalloc(cap + 1);
    char *end = NULL;
    while (!end) {
        ssize_t n = len < cap ? io_read(io, buf + len, cap - len) : 0;
        if (n <= 0)
            return false;
        len += (size_t)n;
        buf[len] = '\0';
        end = strstr(buf, "\r\n\r\n");
    }
    size_t head = (size_t)(end + 4 - buf), body = body_length(buf);
    while (len < head + body) {
        ssize_t n = head + body <= cap ? io_read(io, buf + len, cap - len) : 0;
        if (n <= 0)
            return false;
        len += (size_t)n;
    }
    if (sscanf(buf, "%15s %2047s", req->method, req->path) != 2)
        return false;
    req->headers = vf_strndup(buf, head);
    req->body = vf_strndup(buf + head, body);
    return true;
}

static bool serve_one(struct conn *c, struct io *io)
{
    struct httpd *s = c->server;
    struct httpd_request req = {0};
    if (!read_request(io, &req))
        return false;
    struct httpd_answer a = {0};
    pthread_mutex_lock(&s->lock);
    s->handler(s->opaque, &req, &a);
    pthread_mutex_unlock(&s->lock);
    free(req.headers);
    free(req.body);
    if (a.delay_ms) {
        struct pollfd p = {.fd = s->stop_fd, .events = POLLIN};
        poll(&p, 1, a.delay_ms);
    }
    bool good = a.raw && io_write(io, a.raw, a.len ? a.len : strlen(a.raw)) && !a.close;
    free(a.raw);
    return good;
}

static void *serve(void *opaque)
{
    struct conn *c = opaque;
    struct io io = {.fd = c->fd};
    if (c->server->ctx) {
        io.ssl = SSL_new(c->server->ctx);
        SSL_set_fd(io.ssl, c->fd);
        if (SSL_accept(io.ssl) != 1)
            goto out;
    }
    while (serve_one(c, &io)) {
    }
    if (io.ssl)
        SSL_shutdown(io.ssl);
out:
    SSL_free(io.ssl);
    shutdown(c->fd, SHUT_RDWR);
    return NULL;
}

static void *accept_loop(void *opaque)
{
    struct httpd *s = opaque;
    for (;;) {
        struct pollfd p[2] = {{.fd = s->stop_fd, .events = POLLIN},
                              {.fd = s->fd, .events = POLLIN}};
        if (poll(p, 2, -1) < 0 || p[0].revents)
            return NULL;
        struct conn *c = vf_xcalloc(1, sizeof *c);
        c->server = s;
        c->fd = accept(s->fd, NULL, NULL);
        if (c->fd < 0 || pthread_create(&c->thread, NULL, serve, c)) {
            free(c);
            return NULL;
        }
        c->next = s->conns;
        s->conns = c;
        s->n_conns++;
    }
}

static void make_certificate(struct httpd *s)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
    X509_gmtime_adj(X509_getm_notAfter(cert), 86400);
    X509_NAME *name = X509_get_subject_name(cert);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"test node", -1, -1,
                               0);
    X509_set_issuer_name(cert, name);
    X509_set_pubkey(cert, key);
    X509_EXTENSION *san = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "IP:127.0.0.1");
    X509_add_ext(cert, san, -1);
    X509_EXTENSION_free(san);
    X509_sign(cert, key, EVP_sha256());
    unsigned char md[32];
    unsigned n = 0;
    X509_digest(cert, EVP_sha256(), md, &n);
    s->fingerprint = vf_strdup("");
    for (unsigned i = 0; i < n; i++) {
        char *more = vf_asprintf("%s%s%02X", s->fingerprint, i ? ":" : "", md[i]);
        free(s->fingerprint);
        s->fingerprint = more;
    }
    s->cert_file = vf_strdup("/tmp/vf-httpd-XXXXXX");
    int fd = mkstemp(s->cert_file);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
    if (f) {
        PEM_write_X509(f, cert);
        fclose(f);
    }
    s->ctx = SSL_CTX_new(TLS_server_method());
    SSL_CTX_use_certificate(s->ctx, cert);
    SSL_CTX_use_PrivateKey(s->ctx, key);
    X509_free(cert);
    EVP_PKEY_free(key);
}

static struct httpd *start(bool tls, bool old, httpd_handler *handler, void *opaque)
{
    struct httpd *s = vf_xcalloc(1, sizeof *s);
    s->handler = handler;
    s->opaque = opaque;
    pthread_mutex_init(&s->lock, NULL);
    if (tls)
        make_certificate(s);
    if (old) {
        SSL_CTX_set_security_level(s->ctx, 0);
        SSL_CTX_set_min_proto_version(s->ctx, TLS1_VERSION);
        SSL_CTX_set_max_proto_version(s->ctx, TLS1_1_VERSION);
        SSL_CTX_set_cipher_list(s->ctx, "ALL:@SECLEVEL=0");
    }
    s->stop_fd = eventfd(0, EFD_CLOEXEC);
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    if (bind(s->fd, (struct sockaddr *)&a, n) < 0 || listen(s->fd, 16) < 0 ||
        getsockname(s->fd, (struct sockaddr *)&a, &n) < 0 ||
        pthread_create(&s->thread, NULL, accept_loop, s))
        abort();
    s->url = vf_asprintf("%s://127.0.0.1:%u", tls ? "https" : "http", ntohs(a.sin_port));
    return s;
}

struct httpd *httpd_start(bool tls, httpd_handler *handler, void *opaque)
{
    return start(tls, false, handler, opaque);
}

struct httpd *httpd_start_old(httpd_handler *handler, void *opaque)
{
    return start(true, true, handler, opaque);
}

void httpd_stop(struct httpd *s)
{
    uint64_t one = 1;
    if (write(s->stop_fd, &one, sizeof one) < 0)
        abort();
    pthread_join(s->thread, NULL);
    for (struct conn *c = s->conns, *next; c; c = next) {
        next = c->next;
        shutdown(c->fd, SHUT_RDWR);
        pthread_join(c->thread, NULL);
        close(c->fd);
        free(c);
    }
    close(s->fd);
    close(s->stop_fd);
    SSL_CTX_free(s->ctx);
    if (s->cert_file)
        unlink(s->cert_file);
    pthread_mutex_destroy(&s->lock);
    free(s->cert_file);
    free(s->fingerprint);
    free(s->url);
    free(s);
}

const char *httpd_url(const struct httpd *s)
{
    return s->url;
}

const char *httpd_fingerprint(const struct httpd *s)
{
    return s->fingerprint;
}

const char *httpd_cert_file(const struct httpd *s)
{
    return s->cert_file;
}

unsigned httpd_connections(const struct httpd *s)
{
    return s->n_conns;
}

char *httpd_json(const char *status, const char *json)
{
    return vf_asprintf("HTTP/1.1 %s\r\nContent-Type: application/json;charset=UTF-8\r\n"
                       "Content-Length: %zu\r\n\r\n%s",
                       status, json ? strlen(json) : 0, json ? json : "");
}
