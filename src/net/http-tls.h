/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The certificate check of net/http: inside the TLS handshake, with the fingerprint remembered. */
#ifndef VF_NET_HTTP_TLS_H
#define VF_NET_HTTP_TLS_H

#include <stdbool.h>
#include <stddef.h>

struct vf_http_tls {
    unsigned char (*wanted)[32]; /* SHA-256 of the DER certificates, of which one is good … */
    size_t n_wanted;             /* … or none: the authorities are asked */
    unsigned char presented[32]; /* of the last server seen */
    unsigned char presented_sha1[20];
    bool seen, refused; /* a certificate came; it was not accepted */
    char why[128];      /* of a refusal by the authorities' check */
};

/* To be set on an OpenSSL SSL_CTX before its handshake; T is borrowed by the context. */
void vf_http_tls_attach(struct vf_http_tls *t, void *ssl_ctx);

/* The same place: TLS 1.0 and 1.1, short keys, SHA-1 and renegotiation without protection will do.
 */
void vf_http_tls_allow_old(void *ssl_ctx);
/* Is TEXT, OpenSSL's reason for a failed handshake, one that goes away with the above? */
bool vf_http_tls_is_old(const char *text);

#endif
