/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The one-job key. Private halves are written in the format of OpenSSH's PROTOCOL.key
 * ("openssh-key-v1"), the only one that every ssh takes for ed25519. */
#include "config.h"
#include "xfer/host.h"
#include "base/str.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>

enum { KEY_LEN = 32, BLOCK = 8, LINE = 70, LIFETIME_S = 24 * 3600, GUARD_MS = 30 * 1000 };

static const char type_name[] = "ssh-ed25519";

static void add_u32(struct vf_buf *b, uint32_t v)
{
    char p[4] = {(char)(v >> 24), (char)(v >> 16), (char)(v >> 8), (char)v};
    vf_buf_add(b, p, sizeof p);
}

static void add_string(struct vf_buf *b, const void *data, size_t n)
{
    add_u32(b, (uint32_t)n);
    vf_buf_add(b, data, n);
}

static void wipe(struct vf_buf *b)
{
    if (b->data)
        vf_wipe(b->data, b->cap);
    vf_buf_free(b);
}

static char *base64(const void *data, size_t n)
{
    char *out = vf_xmalloc((n + 2) / 3 * 4 + 1);
    EVP_EncodeBlock((unsigned char *)out, data, (int)n);
    return out;
}

static int generate(unsigned char seed[KEY_LEN], unsigned char pub[KEY_LEN], struct vf_error **err)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_id(EVP_PKEY_ED25519, NULL);
    EVP_PKEY *key = NULL;
    size_t a = KEY_LEN, b = KEY_LEN;
    bool good = ctx && EVP_PKEY_keygen_init(ctx) == 1 && EVP_PKEY_keygen(ctx, &key) == 1 &&
                EVP_PKEY_get_raw_private_key(key, seed, &a) == 1 &&
                EVP_PKEY_get_raw_public_key(key, pub, &b) == 1 && a == KEY_LEN && b == KEY_LEN;
    EVP_PKEY_free(key);
    EVP_PKEY_CTX_free(ctx);
    return good ? 0 : vf_fail(err, VF_E_INTERNAL, "libcrypto makes no ed25519 key");
}

/* The private section: check numbers, key, comment, padding 1 2 3 … to a whole block. */
static int private_section(struct vf_buf *out, const unsigned char *seed, const unsigned char *pub,
                           struct vf_error **err)
{
    unsigned char check[4];
    if (RAND_bytes(check, sizeof check) != 1)
        return vf_fail(err, VF_E_INTERNAL, "libcrypto gives no random numbers");
    vf_buf_room(out, 512); /* never moved afterwards, so that nothing is left behind */
    vf_buf_add(out, check, sizeof check);
    vf_buf_add(out, check, sizeof check);
    add_string(out, type_name, strlen(type_name));
    add_string(out, pub, KEY_LEN);
    add_u32(out, 2 * KEY_LEN);
    vf_buf_add(out, seed, KEY_LEN);
    vf_buf_add(out, pub, KEY_LEN);
    add_string(out, "vmferry", strlen("vmferry"));
    for (char pad = 1; out->len % BLOCK; pad++)
        vf_buf_add(out, &pad, 1);
    return 0;
}

static struct vf_secret *armour(const struct vf_buf *blob, const struct vf_buf *section)
{
    struct vf_buf all = {0}, text = {0};
    vf_buf_room(&all, 1024);
    vf_buf_room(&text, 2048);
    vf_buf_add(&all, "openssh-key-v1", sizeof "openssh-key-v1");
    add_string(&all, "none", 4); /* cipher */
    add_string(&all, "none", 4); /* key derivation */
    add_string(&all, "", 0);
    add_u32(&all, 1); /* keys */
    add_string(&all, blob->data, blob->len);
    add_string(&all, section->data, section->len);
    char *coded = base64(all.data, all.len);
    size_t n = strlen(coded);
    vf_buf_puts(&text, "-----BEGIN OPENSSH PRIVATE KEY-----\n");
    for (size_t i = 0; i < n; i += LINE) {
        vf_buf_add(&text, coded + i, n - i < LINE ? n - i : LINE);
        vf_buf_puts(&text, "\n");
    }
    vf_buf_puts(&text, "-----END OPENSSH PRIVATE KEY-----\n");
    struct vf_secret *s = vf_secret_new(text.data, text.len);
    vf_wipe(coded, n);
    free(coded);
    wipe(&all);
    wipe(&text);
    return s;
}

int vf_key_new(struct vf_secret **private_half, char **public_half, struct vf_error **err)
{
    unsigned char seed[KEY_LEN], pub[KEY_LEN];
    if (generate(seed, pub, err) < 0)
        return -1;
    vf_autobuf struct vf_buf blob = {0};
    struct vf_buf section = {0};
    add_string(&blob, type_name, strlen(type_name));
    add_string(&blob, pub, sizeof pub);
    int r = private_section(&section, seed, pub, err);
    if (r == 0) {
        *private_half = armour(&blob, &section);
        vf_autofree char *coded = base64(blob.data, blob.len);
        *public_half = vf_asprintf("%s %s", type_name, coded);
    }
    wipe(&section);
    vf_wipe(seed, sizeof seed);
    return r;
}

char *vf_key_mark(const char *job)
{
    return vf_asprintf("vmferry-job-%s", job);
}

int vf_key_install(struct vf_mover_host *target, const char *user, const char *peer,
                   const char *public_half, struct vf_error **err)
{
    vf_autofree char *mark = vf_key_mark(target->job);
    vf_autostrv char **args = vf_strv_new();
    vf_strv_add(&args, user);
    vf_strv_add(&args, mark);
    vf_strv_addf(&args, "%s join %s", target->mover, target->dir);
    vf_strv_add(&args, public_half);
    vf_strv_addf(&args, "%d", LIFETIME_S);
    vf_strv_add(&args, peer ? peer : "");
    vf_autofree char *said =
        vf_host_shell(target->ssh, vf_script_key_add, args, target->cancel, err);
    if (!said)
        return vf_fail_prefix(err, "%s: installing the one-job key", target->label);
    char *more = strchr(said, '\n');
    if (more)
        *more++ = 0;
    vf_autofree char *lets_in = more && *more ? vf_escape(more) : NULL;
    vf_str_set(&target->lets_in, lets_in);
    vf_autobuf struct vf_buf b = {0};
    vf_field_str(&b, VF_TAG_PATH, said);
    vf_field_str(&b, VF_TAG_TEXT, mark);
    return vf_session_call(target->session, VF_F_KEY_FILE, vf_session_new_id(), &b, VF_F_OK,
                           GUARD_MS, target->cancel, NULL, err);
}

int vf_key_remove(struct vf_mover_host *target, const char *user, struct vf_error **err)
{
    vf_autofree char *mark = vf_key_mark(target->job);
    vf_autostrv char **args = vf_strv_new();
    vf_strv_add(&args, user);
    vf_strv_add(&args, mark);
    vf_strv_add(&args, "remove");
    vf_autofree char *files = vf_host_shell(target->ssh, vf_script_key_remove, args, NULL, err);
    if (!files)
        return vf_fail_prefix(err, "%s: removing the one-job key", target->label);
    return 0;
}
