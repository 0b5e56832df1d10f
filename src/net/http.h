/* SPDX-License-Identifier: GPL-3.0-or-later */
/* HTTP(S) requests, one at a time: certificates checked during the handshake, before a byte of a
 * request leaves; every wait cancellable; answers capped; only safe requests sent twice. The only
 * user of libcurl. A handle belongs to one thread. */
#ifndef VF_NET_HTTP_H
#define VF_NET_HTTP_H

#include <stdbool.h>
#include "base/buf.h"
#include "base/cancel.h"
#include "base/error.h"

struct vf_http;

/* What is trusted, and the limits; 0 and NULL mean the default. */
struct vf_http_conf {
    const char *ca_file; /* PEM file of authorities; NULL: the system's */
    /* SHA-256 of the certificates, one of which the server must have (NULL-terminated; NULL: none):
     * replaces the check by authorities */
    char *const *fingerprints;
    bool insecure;          /* no check at all: only when a person said so */
    const char *trust_hint; /* where to look up the right fingerprint; ends a TRUST error */
    bool old_tls;           /* TLS 1.0 and 1.1 and what was thought safe then will do */
    bool tell_sha1;         /* a TRUST error has the certificate's SHA-1 fingerprint too */
    int connect_ms, stall_ms;
    int reuse_ms;      /* how long an idle connection is trusted; default 4 s */
    size_t max_answer; /* bytes; default 32 MiB */
};

struct vf_http_request {
    const char *method; /* "GET", "HEAD", "POST", "PUT", "DELETE" */
    const char *url;
    const char *body; /* form-encoded unless a header says else; NULL: none (never with DELETE) */
    size_t body_len;
    /* Whole header lines; treated as secrets: not logged, wiped after use. NULL: none. */
    char *const *headers;
    bool reads;              /* a POST that changes nothing: may be sent twice, as a GET may */
    size_t most;             /* bytes of this answer; 0: the handle's */
    void *into;              /* the body of a 206 goes there, of which INTO_LEN bytes are wanted; */
    size_t into_len;         /* all others end after 64 KiB (`cut`). NULL: all go into the answer */
    unsigned tries;          /* how often it may be tried where that is safe; 0: three times */
    const char *unix_socket; /* what is behind it is the URL's host; NULL: the host is dialled */
};

struct vf_http_answer {
    int status;
    char *reason;       /* of the status line, never NULL; from the server: escape before showing */
    struct vf_buf head; /* status line and header lines as received */
    struct vf_buf body;
    size_t got; /* bytes that went to INTO */
    bool cut;   /* there was more than was wanted: the rest was not waited for */
    bool sent;  /* false: it failed before anything of the request was sent */
};

/* Copies CONF; CANCEL (may be NULL) is borrowed. NULL with VF_E_USAGE for a fingerprint that is
 * none. */
struct vf_http *vf_http_new(const struct vf_http_conf *conf, struct vf_cancel *cancel,
                            struct vf_error **err);
void vf_http_free(struct vf_http *h);
/* From now on CANCEL (borrowed, may be NULL) ends requests. */
void vf_http_set_cancel(struct vf_http *h, struct vf_cancel *cancel);
VF_DEFINE_CLEANUP(struct vf_http *, vf_http_free)

/* Sends REQ. 0 with *OUT filled whatever the status (the caller clears it in either case); -1: NET
 * (no connection, cut, silent for too long), TRUST (certificate), CORRUPT (answer over the cap),
 * USAGE (redirected, wrong URL), CANCELLED. Tried again after NET and gateway errors only when the
 * method is GET, or when the connection was never made; else OUT->sent says whether the server may
 * have seen it. */
int vf_http_do(struct vf_http *h, const struct vf_http_request *req, struct vf_http_answer *out,
               struct vf_error **err);
void vf_http_answer_clear(struct vf_http_answer *a);
/* The value of header NAME ("content-type"), blanks around it taken off; NULL: not there. Remote:
 * escape before showing. Caller frees. */
char *vf_http_header(const struct vf_http_answer *a, const char *name);
/* The SHA-256 of the certificate that the last server has shown, trusted or not, as "AA:BB:…";
 * NULL: none. Caller frees. */
char *vf_http_shown(const struct vf_http *h);
char *vf_http_shown_sha1(const struct vf_http *h); /* what older hosts show on their consoles */
/* Did the last handshake fail because the server speaks only what `old_tls` allows? */
bool vf_http_wants_old_tls(const struct vf_http *h);

/* "aa:bb…" or 64 hex digits as 32 bytes; -1 when it is neither. */
int vf_fingerprint_parse(const char *text, unsigned char out[32]);
/* "AA:BB:…"; caller frees. */
char *vf_fingerprint_format(const unsigned char sha256[32]);
char *vf_fingerprint_format_sha1(const unsigned char sha1[20]);

#endif
