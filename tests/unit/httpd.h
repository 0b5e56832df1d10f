/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A small HTTP(S) server inside a test program: a thread a connection, answers made by a function
 * of the test, requests counted and kept. With TLS it signs a certificate of its own. */
#ifndef VF_TESTS_HTTPD_H
#define VF_TESTS_HTTPD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct httpd;

struct httpd_request {
    char method[16], path[2048];
    char *headers; /* all lines as received */
    char *body;
};

struct httpd_answer {
    char *raw;    /* the whole answer, head included; freed by the server; NULL: just hang up */
    size_t len;   /* 0: strlen(raw) */
    bool close;   /* hang up behind it */
    int delay_ms; /* before answering; ends early when the server stops */
};

typedef void httpd_handler(void *opaque, const struct httpd_request *req, struct httpd_answer *out);

struct httpd *httpd_start(bool tls, httpd_handler *handler, void *opaque);
/* With TLS 1.0 and 1.1 only, as hosts of long ago have. */
struct httpd *httpd_start_old(httpd_handler *handler, void *opaque);
void httpd_stop(struct httpd *s);
const char *httpd_url(const struct httpd *s);         /* "http://127.0.0.1:PORT" */
const char *httpd_fingerprint(const struct httpd *s); /* "AA:BB:…" of its certificate */
const char *httpd_cert_file(const struct httpd *s);   /* PEM file of that certificate */
unsigned httpd_connections(const struct httpd *s);

/* "HTTP/1.1 STATUS" with a JSON body (NULL: none) and its length; caller frees. */
char *httpd_json(const char *status, const char *json);

#endif
