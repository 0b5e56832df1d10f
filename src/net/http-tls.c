/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "net/http-tls.h"
#include "net/http.h"
#include "base/str.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)tolower((unsigned char)c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int vf_fingerprint_parse(const char *text, unsigned char out[32])
{
    for (size_t i = 0; i < 32; i++) {
        if (i && *text == ':')
            text++;
        int hi = hex_value(text[0]);
        int lo = hi < 0 ? -1 : hex_value(text[1]);
        if (lo < 0)
            return -1;
        out[i] = (unsigned char)(hi << 4 | lo);
        text += 2;
    }
    return *text ? -1 : 0;
}

static char *format(const unsigned char *digest, size_t n)
{
    char *s = vf_xmalloc(n * 3);
    for (size_t i = 0; i < n; i++)
        snprintf(s + i * 3, 4, i + 1 < n ? "%02X:" : "%02X", digest[i]);
    return s;
}

char *vf_fingerprint_format(const unsigned char sha256[32])
{
    return format(sha256, 32);
}

char *vf_fingerprint_format_sha1(const unsigned char sha1[20])
{
    return format(sha1, 20);
}

/* Replaces OpenSSL's chain check. With a pinned certificate the chain does not matter: Proxmox
 * nodes sign their own. Runs during the handshake, so a stranger gets no request and no password.
 */
static int verify_chain(X509_STORE_CTX *store, void *opaque)
{
    struct vf_http_tls *t = opaque;
    X509 *cert = X509_STORE_CTX_get0_cert(store);
    unsigned n = 0;
    t->seen = cert && X509_digest(cert, EVP_sha1(), t->presented_sha1, &n) == 1 && n == 20 &&
              X509_digest(cert, EVP_sha256(), t->presented, &n) == 1 && n == 32;
    t->refused = true;
    if (!t->seen) {
        X509_STORE_CTX_set_error(store, X509_V_ERR_UNSPECIFIED);
        return 0;
    }
    if (!t->n_wanted) {
        t->refused = X509_verify_cert(store) != 1;
        snprintf(t->why, sizeof t->why, "%s",
                 X509_verify_cert_error_string(X509_STORE_CTX_get_error(store)));
        return !t->refused;
    }
    for (size_t i = 0; i < t->n_wanted && t->refused; i++)
        t->refused = memcmp(t->wanted[i], t->presented, 32) != 0;
    X509_STORE_CTX_set_error(store, t->refused ? X509_V_ERR_CERT_REJECTED : X509_V_OK);
    return !t->refused;
}

void vf_http_tls_attach(struct vf_http_tls *t, void *ssl_ctx)
{
    t->seen = t->refused = false;
    t->why[0] = '\0';
    SSL_CTX_set_verify(ssl_ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(ssl_ctx, verify_chain, t);
}

void vf_http_tls_allow_old(void *ssl_ctx)
{
    SSL_CTX_set_security_level(ssl_ctx, 0);
    SSL_CTX_set_min_proto_version(ssl_ctx, TLS1_VERSION);
    SSL_CTX_set_cipher_list(ssl_ctx, "ALL:!aNULL:!eNULL:@SECLEVEL=0");
    SSL_CTX_set_options(ssl_ctx, SSL_OP_LEGACY_SERVER_CONNECT);
}

bool vf_http_tls_is_old(const char *text)
{
    static const char *const reasons[] = {
        "unsupported protocol", "protocol version",     "no protocols available",
        "handshake failure",    "dh key too small",     "ee key too small",
        "ca key too small",     "md too weak",          "unsafe legacy",
        "legacy sigalg",        "wrong signature type", "no suitable signature algorithm",
    };
    for (size_t i = 0; i < VF_COUNT(reasons); i++)
        if (strstr(text, reasons[i]))
            return true;
    return false;
}
