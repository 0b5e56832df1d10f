/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SSH keys made with libcrypto: starting ssh-keygen nine times would cost more than the whole lab.
 */
#include "config.h"
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/core_names.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <string.h>
#include "tests/lab/lab.h"

typedef EVP_PKEY lab_pkey;
static void pkey_free(lab_pkey *k)
{
    EVP_PKEY_free(k);
}
VF_DEFINE_CLEANUP(lab_pkey *, pkey_free)

static void put_u32(struct vf_buf *b, uint32_t v)
{
    unsigned char be[4] = {v >> 24, v >> 16, v >> 8, v};
    vf_buf_add(b, be, 4);
}

static void put_string(struct vf_buf *b, const void *data, size_t n)
{
    put_u32(b, n);
    vf_buf_add(b, data, n);
}

static char *base64(const void *data, size_t n)
{
    char *out = vf_xmalloc(4 * ((n + 2) / 3) + 1);
    EVP_EncodeBlock((unsigned char *)out, data, n);
    return out;
}

static char *public_line(const char *type, const struct vf_buf *blob, const char *comment)
{
    vf_autofree char *b64 = base64(blob->data, blob->len);
    return vf_asprintf("%s %s %s\n", type, b64, comment);
}

/* PROTOCOL.key of OpenSSH: magic, "none" cipher, one key, padded to 8 bytes. */
static char *openssh_private(const unsigned char seed[32], const unsigned char pub[32],
                             const struct vf_buf *blob, const char *comment)
{
    vf_autobuf struct vf_buf in = {0}, out = {0}, text = {0};
    unsigned char check[4], both[64];
    RAND_bytes(check, sizeof check);
    vf_buf_add(&in, check, 4);
    vf_buf_add(&in, check, 4);
    put_string(&in, "ssh-ed25519", 11);
    put_string(&in, pub, 32);
    memcpy(both, seed, 32);
    memcpy(both + 32, pub, 32);
    put_string(&in, both, 64);
    put_string(&in, comment, strlen(comment));
    for (unsigned char pad = 1; in.len % 8; pad++)
        vf_buf_add(&in, &pad, 1);
    vf_buf_add(&out, "openssh-key-v1", 15);
    put_string(&out, "none", 4);
    put_string(&out, "none", 4);
    put_string(&out, "", 0);
    put_u32(&out, 1);
    put_string(&out, blob->data, blob->len);
    put_string(&out, in.data, in.len);
    vf_autofree char *b64 = base64(out.data, out.len);
    vf_buf_puts(&text, "-----BEGIN OPENSSH PRIVATE KEY-----\n");
    for (const char *p = b64; *p; p += strlen(p) < 70 ? strlen(p) : 70)
        vf_buf_printf(&text, "%.70s\n", p);
    vf_buf_puts(&text, "-----END OPENSSH PRIVATE KEY-----\n");
    return vf_buf_take(&text);
}

int lab_key_ed25519(const char *comment, char **priv, char **pub, struct vf_error **err)
{
    vf_auto(pkey_free) lab_pkey *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    unsigned char seed[32], point[32];
    size_t n = 32, m = 32;
    if (!key || EVP_PKEY_get_raw_private_key(key, seed, &n) != 1 ||
        EVP_PKEY_get_raw_public_key(key, point, &m) != 1)
        return vf_fail(err, VF_E_INTERNAL, "cannot make an ed25519 key");
    vf_autobuf struct vf_buf blob = {0};
    put_string(&blob, "ssh-ed25519", 11);
    put_string(&blob, point, 32);
    *priv = openssh_private(seed, point, &blob, comment);
    *pub = public_line("ssh-ed25519", &blob, comment);
    return 0;
}

/* An unsigned number as SSH writes it: a zero byte in front when the top bit is set. */
static void put_mpint(struct vf_buf *b, const EVP_PKEY *key, const char *param)
{
    BIGNUM *v = NULL;
    unsigned char bytes[1 + 1024] = {0};
    if (EVP_PKEY_get_bn_param(key, param, &v) != 1)
        return;
    int n = BN_bn2bin(v, bytes + 1);
    bool pad = bytes[1] & 0x80;
    put_string(b, bytes + !pad, n + pad);
    BN_free(v);
}

int lab_key_rsa(const char *comment, unsigned bits, char **priv, char **pub, struct vf_error **err)
{
    vf_auto(pkey_free) lab_pkey *key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)bits);
    BIO *bio = BIO_new(BIO_s_mem());
    if (!key || !bio ||
        PEM_write_bio_PrivateKey_traditional(bio, key, NULL, NULL, 0, NULL, NULL) != 1) {
        BIO_free(bio);
        return vf_fail(err, VF_E_INTERNAL, "cannot make an RSA key");
    }
    char *text;
    long n = BIO_get_mem_data(bio, &text);
    *priv = vf_strndup(text, n);
    BIO_free(bio);
    vf_autobuf struct vf_buf blob = {0};
    put_string(&blob, "ssh-rsa", 7);
    put_mpint(&blob, key, OSSL_PKEY_PARAM_RSA_E);
    put_mpint(&blob, key, OSSL_PKEY_PARAM_RSA_N);
    *pub = public_line("ssh-rsa", &blob, comment);
    return 0;
}
