/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a key file says about itself without its passphrase. Formats: PROTOCOL.key of OpenSSH, PEM.
 */
#include "config.h"
#include "net/ssh_int.h"
#include "base/fdio.h"
#include "base/str.h"

#include <ctype.h>
#include <string.h>

enum { MAX_KEY_FILE = 64 * 1024 };

static const char openssh_begin[] = "-----BEGIN OPENSSH PRIVATE KEY-----";
static const char openssh_magic[] = "openssh-key-v1";

struct cursor {
    const unsigned char *p;
    size_t left;
};

static bool get_u32(struct cursor *c, uint32_t *v)
{
    if (c->left < 4)
        return false;
    *v = (uint32_t)c->p[0] << 24 | (uint32_t)c->p[1] << 16 | (uint32_t)c->p[2] << 8 | c->p[3];
    c->p += 4;
    c->left -= 4;
    return true;
}

static bool get_string(struct cursor *c, const unsigned char **s, size_t *n)
{
    uint32_t len;
    if (!get_u32(c, &len) || len > c->left)
        return false;
    *s = c->p;
    *n = len;
    c->p += len;
    c->left -= len;
    return true;
}

char *vf_ssh_blob_type(const unsigned char *blob, size_t len)
{
    struct cursor c = {blob, len};
    const unsigned char *s;
    size_t n;
    if (!get_string(&c, &s, &n) || n == 0 || n > 64)
        return NULL;
    /* it is going to stand in files and messages */
    for (size_t i = 0; i < n; i++)
        if (!isalnum(s[i]) && !strchr("-@._", s[i]))
            return NULL;
    return vf_strndup((const char *)s, n);
}

bool vf_ssh_key_for_libssh2(const char *type)
{
    return vf_streq(type, "ssh-ed25519") || vf_streq(type, "ecdsa-sha2-nistp256") ||
           vf_streq(type, "ecdsa-sha2-nistp384") || vf_streq(type, "ecdsa-sha2-nistp521");
}

static void set_blob(struct vf_ssh_key *k, const unsigned char *blob, size_t len)
{
    char *type = vf_ssh_blob_type(blob, len);
    if (!type)
        return;
    free(k->type);
    free(k->blob);
    k->type = type;
    k->blob = vf_xmalloc(len);
    memcpy(k->blob, blob, len);
    k->blob_len = len;
}

static void read_openssh(const char *text, struct vf_ssh_key *k)
{
    const char *end = strstr(text, "-----END");
    vf_autobuf struct vf_buf b64 = {0};
    for (const char *p = text + sizeof openssh_begin - 1; *p && p != end; p++)
        if (!isspace((unsigned char)*p))
            vf_buf_add(&b64, p, 1);
    size_t len = 0;
    vf_autofree unsigned char *data = vf_base64_decode(vf_buf_str(&b64), b64.len, &len);
    if (!data || len < sizeof openssh_magic ||
        memcmp(data, openssh_magic, sizeof openssh_magic) != 0)
        return;
    struct cursor c = {data + sizeof openssh_magic, len - sizeof openssh_magic};
    const unsigned char *cipher, *kdf, *options, *blob;
    size_t n_cipher, n_kdf, n_options, n_blob;
    uint32_t keys;
    if (get_string(&c, &cipher, &n_cipher) && get_string(&c, &kdf, &n_kdf) &&
        get_string(&c, &options, &n_options) && get_u32(&c, &keys) && keys == 1 &&
        get_string(&c, &blob, &n_blob)) {
        k->encrypted = n_cipher != 4 || memcmp(cipher, "none", 4) != 0;
        set_blob(k, blob, n_blob);
    }
}

static void read_private(const char *text, struct vf_ssh_key *k)
{
    const char *begin = strstr(text, "-----BEGIN ");
    if (!begin || !strstr(begin, "PRIVATE KEY-----"))
        return;
    k->has_private = true;
    if (vf_starts(begin, openssh_begin)) {
        read_openssh(begin, k);
        return;
    }
    k->encrypted = strstr(begin, "ENCRYPTED") != NULL;
    if (vf_starts(begin, "-----BEGIN RSA"))
        vf_str_set(&k->type, "ssh-rsa");
    else if (vf_starts(begin, "-----BEGIN DSA"))
        vf_str_set(&k->type, "ssh-dss");
}

static void read_public(const char *text, struct vf_ssh_key *k)
{
    vf_autostrv char **f = vf_strv_split(text, " \t\r\n");
    size_t len = 0;
    if (vf_strv_len(f) < 2)
        return;
    vf_autofree unsigned char *blob = vf_base64_decode(f[1], strlen(f[1]), &len);
    if (blob)
        set_blob(k, blob, len);
}

int vf_ssh_key_read(const char *path, struct vf_ssh_key *out)
{
    *out = (struct vf_ssh_key){.type = vf_strdup("")};
    size_t len = 0;
    char *text = vf_read_file(path, MAX_KEY_FILE, &len, NULL);
    if (text) {
        read_private(text, out);
        vf_wipe(text, len);
        free(text);
    }
    if (!out->blob) {
        vf_autofree char *pub = vf_asprintf("%s.pub", path);
        vf_autofree char *pub_text = vf_read_file(pub, MAX_KEY_FILE, NULL, NULL);
        if (pub_text)
            read_public(pub_text, out);
    }
    return out->has_private || out->blob ? 0 : -1;
}

void vf_ssh_key_clear(struct vf_ssh_key *k)
{
    free(k->type);
    free(k->blob);
    *k = (struct vf_ssh_key){0};
}
