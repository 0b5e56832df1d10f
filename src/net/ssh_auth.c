/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Logging in over a libssh2 session: keys first, then what only OpenSSH can, then passwords. */
#include "config.h"
#include "net/ssh_session.h"
#include "base/i18n.h"
#include "base/log.h"
#include "base/str.h"

#include <string.h>

enum { PASSPHRASE_TRIES = 3 };

struct attempt {
    struct vf_ssh_session *s;
    const char *user;
    unsigned user_len;
    bool offered;  /* a key was tried */
    bool accepted; /* the server would take the key that is being probed */
    bool proven;   /* an accepted key was used, and yet the login goes on: a second factor */
    const char *unusable;
    char *silent; /* what an agent that does not answer has to be told of */
    struct vf_ssh_agent *agent;
    size_t identity;
    char **tried; /* key blobs in base64 that were offered */
};

/* 1: logged in, 0: refused, -1: *err. */
static int verdict(struct attempt *a, int rc, const char *what, struct vf_error **err)
{
    struct vf_ssh_session *s = a->s;
    if (rc == 0)
        return 1;
    if (s->failed || (err && *err) || rc == LIBSSH2_ERROR_EAGAIN)
        return vf_ssh_session_fail(s, rc, what, err);
    if (s->link.eof || s->link.error || rc == LIBSSH2_ERROR_SOCKET_DISCONNECT)
        return vf_fail(
            err, VF_E_AUTH,
            _("%s: the host ended the connection during the login; it may have seen too many "
              "tries: name one key in vmferry.conf (ssh = { key = ... })"),
            s->ssh->target->who);
    char *text = NULL;
    libssh2_session_last_error(s->session, &text, NULL, 0);
    vf_autofree char *shown = vf_escape(text ? text : "");
    vf_debug("ssh", "%s: %s: %d %s", s->ssh->target->who, what, rc, shown);
    return 0;
}

/* The login goes on without the agent. */
static void without_agent(struct attempt *a, const struct vf_error *why)
{
    vf_warn("ssh", "%s: %s", a->s->ssh->target->who, vf_error_text(why));
    if (vf_error_code(why) == VF_E_NET)
        vf_str_set(&a->silent, vf_error_text(why));
}

static int sign_by_agent(LIBSSH2_SESSION *session, unsigned char **sig, size_t *sig_len,
                         const unsigned char *data, size_t n, void **abstract)
{
    struct attempt *a = *abstract;
    vf_autoerror struct vf_error *e = NULL;
    if (vf_ssh_agent_sign(a->agent, a->identity, data, n, sig, sig_len, &e) == 0) {
        a->proven = true;
        return 0;
    }
    if (vf_error_code(e) == VF_E_CANCELLED)
        vf_fail_with(&a->s->failed, VF_STEAL(e));
    else
        without_agent(a, e);
    size_t last = vf_strv_len(a->tried);
    if (a->silent && last) /* nothing was sent: a file may hold the same key */
        free(VF_STEAL(a->tried[last - 1]));
    return -1;
}

static bool first_time(struct attempt *a, const unsigned char *blob, size_t len)
{
    vf_autofree char *b64 = vf_base64_encode(blob, len);
    if (vf_strv_has(a->tried, b64))
        return false;
    vf_strv_add(&a->tried, b64);
    return true;
}

static bool is_ours(struct attempt *a, const unsigned char *blob, size_t len)
{
    struct vf_ssh_target *t = a->s->ssh->target;
    for (char **k = t->keys; *k; k++) {
        struct vf_ssh_key key;
        bool same = vf_ssh_key_read(*k, &key) == 0 && key.blob_len == len &&
                    memcmp(key.blob, blob, len) == 0;
        vf_ssh_key_clear(&key);
        if (same)
            return true;
    }
    return false;
}

static int try_agent(struct attempt *a, struct vf_error **err)
{
    struct vf_ssh_target *t = a->s->ssh->target;
    if (!t->agent)
        return 0;
    vf_autoerror struct vf_error *e = NULL;
    vf_auto(vf_ssh_agent_free) struct vf_ssh_agent *agent =
        vf_ssh_agent_open(t->agent, a->s->ssh->cancel, &e);
    if (!agent) {
        if (vf_error_code(e) == VF_E_CANCELLED)
            return vf_fail_with(err, VF_STEAL(e));
        without_agent(a, e);
        return 0;
    }
    a->agent = agent;
    int rc = 0;
    for (size_t i = 0; i < vf_ssh_agent_count(agent) && rc == 0 && !a->proven && !a->silent; i++) {
        size_t len;
        const unsigned char *blob = vf_ssh_agent_blob(agent, i, &len);
        vf_autofree char *type = vf_ssh_blob_type(blob, len);
        if (t->only_keys && !is_ours(a, blob, len))
            continue;
        if (!type || !vf_ssh_key_for_libssh2(type)) {
            a->unusable = "the agent holds a key of a type that libssh2 cannot use";
            continue;
        }
        if (!first_time(a, blob, len))
            continue;
        a->identity = i;
        a->offered = true;
        void *self = a;
        int r;
        VF_SSH_AWAIT(
            a->s, r, VF_T_API_STALL,
            libssh2_userauth_publickey(a->s->session, a->user, blob, len, sign_by_agent, &self),
            err);
        rc = verdict(a, r, "agent key", err);
    }
    a->agent = NULL;
    return rc;
}

static int only_probe(LIBSSH2_SESSION *session, unsigned char **sig, size_t *sig_len,
                      const unsigned char *data, size_t n, void **abstract)
{
    ((struct attempt *)*abstract)->accepted = true;
    return -1;
}

/* Whether the server would take the key at all, before a person has to type its passphrase. */
static int probe(struct attempt *a, const struct vf_ssh_key *key, struct vf_error **err)
{
    void *self = a;
    int r;
    a->accepted = false;
    VF_SSH_AWAIT(a->s, r, VF_T_API_STALL,
                 libssh2_userauth_publickey(a->s->session, a->user, key->blob, key->blob_len,
                                            only_probe, &self),
                 err);
    if (a->accepted)
        return 1;
    return verdict(a, r ? r : LIBSSH2_ERROR_PROTO, "key probe", err);
}

static int from_file(struct attempt *a, const char *file, const char *passphrase,
                     struct vf_error **err)
{
    int r;
    VF_SSH_AWAIT(a->s, r, VF_T_API_STALL,
                 libssh2_userauth_publickey_fromfile_ex(a->s->session, a->user, a->user_len, NULL,
                                                        file, passphrase),
                 err);
    /* these two say that the file could not be read, so nothing was signed */
    a->proven =
        r && a->accepted && r != LIBSSH2_ERROR_FILE && r != LIBSSH2_ERROR_KEYFILE_AUTH_FAILED;
    return verdict(a, r, file, err);
}

static int with_passphrase(struct attempt *a, const char *file, struct vf_error **err)
{
    for (int i = 0; i < PASSPHRASE_TRIES; i++) {
        vf_auto(vf_secret_free) struct vf_secret *passphrase = NULL;
        vf_autoerror struct vf_error *e = NULL;
        if (vf_ssh_login_passphrase(a->s->login, file, &passphrase, &e) < 0) {
            if (vf_error_code(e) == VF_E_CANCELLED)
                return vf_fail_with(err, VF_STEAL(e));
            vf_debug("ssh", "%s: no passphrase: %s", file, vf_error_text(e));
            return 0;
        }
        int rc = from_file(a, file, vf_secret_text(passphrase), err);
        if (rc || a->proven)
            return rc;
    }
    return 0;
}

static int use_file(struct attempt *a, const char *file, const struct vf_ssh_key *key,
                    struct vf_error **err)
{
    if (!key->has_private)
        return 0; /* a public half, for the agent */
    if (*key->type && !vf_ssh_key_for_libssh2(key->type)) {
        a->unusable = "there is a key of a type that libssh2 cannot use";
        return 0;
    }
    if (key->blob && !first_time(a, key->blob, key->blob_len))
        return 0;
    a->offered = true;
    a->accepted = false;
    int rc = key->blob ? probe(a, key, err) : 1;
    if (rc <= 0)
        return rc;
    return key->encrypted ? with_passphrase(a, file, err) : from_file(a, file, NULL, err);
}

static int try_file(struct attempt *a, const char *file, struct vf_error **err)
{
    struct vf_ssh_key key;
    int rc = vf_ssh_key_read(file, &key) == 0 ? use_file(a, file, &key, err) : 0;
    vf_ssh_key_clear(&key);
    return rc;
}

static int try_keys(struct attempt *a, struct vf_error **err)
{
    int rc = try_agent(a, err);
    for (char **k = a->s->ssh->target->keys; *k && rc == 0 && !a->proven; k++)
        rc = try_file(a, *k, err);
    return rc;
}

static void answer_prompts(const char *name, int name_len, const char *instruction,
                           int instruction_len, int n,
                           const LIBSSH2_USERAUTH_KBDINT_PROMPT *prompts,
                           LIBSSH2_USERAUTH_KBDINT_RESPONSE *responses, void **abstract)
{
    struct vf_ssh_session *s = *abstract;
    vf_autofree char *about = vf_strndup(instruction ? instruction : "",
                                         instruction_len > 0 ? (size_t)instruction_len : 0);
    for (int i = 0; i < n; i++) {
        vf_autofree char *prompt = vf_strndup(prompts[i].text, prompts[i].length);
        vf_auto(vf_secret_free) struct vf_secret *answer = NULL;
        if (vf_ssh_login_prompt(s->login, about, prompt, prompts[i].echo, &answer, &s->failed) <
            0) {
            /* empty answers would count as a try: end the connection instead */
            s->link.cut = true;
            return;
        }
        /* the library frees it with the session's allocator, which is malloc */
        responses[i].text = vf_strdup(vf_secret_text(answer));
        responses[i].length = (unsigned)vf_secret_len(answer);
    }
}

static int try_prompts(struct attempt *a, struct vf_error **err)
{
    int rc = 0;
    /* where passwords are counted, a question that is left unanswered may count, too */
    int rounds = a->s->login->once ? 1 : VF_SSH_TYPED_PASSWORDS + 1;
    for (int i = 0; i < rounds && rc == 0; i++) {
        int before = a->s->login->prompts, r;
        VF_SSH_AWAIT(a->s, r, VF_T_API_STALL,
                     libssh2_userauth_keyboard_interactive_ex(a->s->session, a->user, a->user_len,
                                                              answer_prompts),
                     err);
        rc = verdict(a, r, "keyboard-interactive", err);
        if (a->s->login->prompts == before)
            break; /* it does not ask anything: another round would end the same */
    }
    return rc;
}

static int try_password(struct attempt *a, struct vf_error **err)
{
    for (;;) {
        vf_auto(vf_secret_free) struct vf_secret *password = NULL;
        if (vf_ssh_login_password(a->s->login, &password, err) < 0)
            return -1;
        int r;
        VF_SSH_AWAIT(a->s, r, VF_T_API_STALL,
                     libssh2_userauth_password_ex(a->s->session, a->user, a->user_len,
                                                  vf_secret_text(password),
                                                  (unsigned)vf_secret_len(password), NULL),
                     err);
        int rc = verdict(a, r, "password", err);
        if (rc)
            return rc;
    }
}

/* The methods the server offers, or NULL: *in tells whether none was needed. */
static char **methods(struct attempt *a, bool *in, struct vf_error **err)
{
    struct vf_ssh_session *s = a->s;
    for (;;) {
        const char *list = libssh2_userauth_list(s->session, a->user, a->user_len);
        if (list)
            return vf_strv_split(list, ",");
        if (libssh2_userauth_authenticated(s->session)) {
            *in = true;
            return NULL;
        }
        int rc = libssh2_session_last_errno(s->session);
        if (rc != LIBSSH2_ERROR_EAGAIN ||
            vf_ssh_link_wait(&s->link, VF_T_API_STALL, s->ssh->cancel, err) < 0) {
            vf_ssh_session_fail(s, rc, "asking for the ways to log in", err);
            return NULL;
        }
    }
}

static int by_methods(struct attempt *a, char **offered, const char **why, struct vf_error **err)
{
    int rc = 0;
    if (vf_strv_has(offered, "publickey"))
        rc = try_keys(a, err);
    if (rc)
        return rc;
    if (a->proven)
        a->unusable = "the host wants more than a key";
    if (a->unusable && !a->s->ssh->forced && vf_strv_has(offered, "publickey")) {
        *why = a->unusable;
        return 2;
    }
    if (vf_strv_has(offered, "keyboard-interactive"))
        rc = try_prompts(a, err);
    if (!rc && vf_strv_has(offered, "password"))
        rc = try_password(a, err);
    if (rc)
        return rc;
    vf_autofree char *list = vf_strv_join(offered, ", ");
    vf_autofree char *shown = vf_escape(list);
    return vf_fail(err, VF_E_AUTH,
                   _("%s: no key or password was accepted (%s%s; the host offers: %s)"),
                   a->s->ssh->target->who, a->offered ? _("keys were tried") : _("no key to try"),
                   a->unusable ? _(", others need transport = \"openssh\"") : "", shown);
}

int vf_ssh_session_login(struct vf_ssh_session *s, const char **why, struct vf_error **err)
{
    struct attempt a = {.s = s,
                        .user = s->ssh->target->user,
                        .user_len = (unsigned)strlen(s->ssh->target->user),
                        .tried = vf_strv_new()};
    bool in = false;
    int rc = -1;
    vf_autostrv char **offered = methods(&a, &in, err);
    if (in)
        rc = 1;
    else if (offered)
        rc = by_methods(&a, offered, why, err);
    if (rc < 0 && a.silent && err && vf_error_code(*err) == VF_E_AUTH)
        vf_fail_prefix(err, "%s", a.silent);
    vf_strv_free(a.tried);
    free(a.silent);
    return rc == 1 ? 0 : rc == 2 ? 1 : -1;
}
