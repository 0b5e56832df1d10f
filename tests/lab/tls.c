/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Certificates as a Proxmox cluster has them: a CA of its own, one certificate per node signed by
 * it. */
#include "config.h"
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <string.h>
#include "tests/lab/lab.h"

static int tls_fail(struct vf_error **err, const char *what)
{
    char text[200];
    ERR_error_string_n(ERR_get_error(), text, sizeof text);
    return vf_fail(err, VF_E_INTERNAL, "cannot make %s: %s", what, text);
}

static int add_ext(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    int good = ext && X509_add_ext(cert, ext, -1);
    X509_EXTENSION_free(ext);
    return good ? 0 : -1;
}

/* A certificate for KEY named CN, signed by ISSUER (itself when NULL). */
static X509 *make_cert(EVP_PKEY *key, const char *cn, const char *san, X509 *issuer,
                       EVP_PKEY *issuer_key)
{
    X509 *cert = X509_new();
    unsigned char serial[8];
    RAND_bytes(serial, sizeof serial);
    serial[0] &= 0x7f;
    BIGNUM *bn = BN_bin2bn(serial, sizeof serial, NULL);
    BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(cert));
    BN_free(bn);
    X509_set_version(cert, 2);
    X509_gmtime_adj(X509_getm_notBefore(cert), -86400);
    X509_gmtime_adj(X509_getm_notAfter(cert), 10L * 365 * 86400);
    X509_set_pubkey(cert, key);
    X509_NAME *name = X509_get_subject_name(cert);
    X509_NAME_add_entry_by_txt(name, "O", MBSTRING_UTF8, (const unsigned char *)"vmferry lab", -1,
                               -1, 0);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)cn, -1, -1, 0);
    X509_set_issuer_name(cert, issuer ? X509_get_subject_name(issuer) : name);
    int bad = add_ext(cert, issuer ? issuer : cert, NID_basic_constraints,
                      issuer ? "CA:FALSE" : "critical,CA:TRUE");
    if (san)
        bad |= add_ext(cert, issuer, NID_subject_alt_name, san);
    if (bad || !X509_sign(cert, issuer_key ? issuer_key : key, EVP_sha256())) {
        X509_free(cert);
        return NULL;
    }
    return cert;
}

static char *fingerprint(const X509 *cert)
{
    unsigned char md[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    vf_autobuf struct vf_buf b = {0};
    X509_digest(cert, EVP_sha256(), md, &n);
    for (unsigned i = 0; i < n; i++)
        vf_buf_printf(&b, "%s%02X", i ? ":" : "", md[i]);
    return vf_buf_take(&b);
}

static int write_pem(const char *path, X509 *cert, struct vf_error **err)
{
    BIO *bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(bio, cert);
    char *text;
    long n = BIO_get_mem_data(bio, &text);
    int r = vf_replace_file(path, text, n, 0644, err);
    BIO_free(bio);
    return r;
}

static int setup_node(struct lab_node *node, X509 *ca, EVP_PKEY *ca_key, struct vf_error **err)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    vf_autofree char *san = vf_asprintf("IP:%s,DNS:%s,DNS:localhost", node->addr, node->name);
    X509 *cert = key ? make_cert(key, node->name, san, ca, ca_key) : NULL;
    SSL_CTX *ctx = cert ? SSL_CTX_new(TLS_server_method()) : NULL;
    int r = -1;
    if (!ctx || SSL_CTX_use_certificate(ctx, cert) != 1 || SSL_CTX_use_PrivateKey(ctx, key) != 1) {
        tls_fail(err, "a node's certificate");
    } else {
        SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
        SSL_CTX_set_mode(ctx, SSL_MODE_AUTO_RETRY);
        SSL_CTX_set_options(ctx, SSL_OP_IGNORE_UNEXPECTED_EOF);
        node->fingerprint = fingerprint(cert);
        node->tls = ctx;
        vf_autofree char *fp = vf_asprintf("%s/fingerprint-%s", node->lab->dir, node->name);
        vf_autofree char *pem = vf_asprintf("%s/pve-ssl.pem", node->dir);
        vf_autofree char *line = vf_asprintf("%s\n", node->fingerprint);
        r = vf_replace_file(fp, line, strlen(line), 0644, err);
        if (!r && node->id == 1) {
            vf_autofree char *path =
                vf_asprintf("%s/fingerprint-%s", node->lab->dir, node->lab->name);
            r = vf_replace_file(path, line, strlen(line), 0644, err);
        }
        if (!r)
            r = write_pem(pem, cert, err);
    }
    X509_free(cert);
    EVP_PKEY_free(key);
    return r;
}

int lab_tls_setup(struct lab *lab, struct vf_error **err)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    vf_autofree char *cn = vf_asprintf("Proxmox Virtual Environment lab %s", lab->name);
    X509 *ca = key ? make_cert(key, cn, NULL, NULL, NULL) : NULL;
    vf_autofree char *path = vf_asprintf("%s/ca-%s.pem", lab->dir, lab->name);
    vf_autofree char *pve = vf_asprintf("%s/pve/pve-root-ca.pem", lab->cdir);
    int r = ca ? write_pem(path, ca, err) || write_pem(pve, ca, err)
               : tls_fail(err, "the cluster's CA");
    for (size_t i = 0; !r && i < lab->n_nodes; i++)
        r = setup_node(&lab->nodes[i], ca, key, err);
    X509_free(ca);
    EVP_PKEY_free(key);
    return r;
}
