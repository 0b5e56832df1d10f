/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The libssh2 transport: handshake and host key; logging in is ssh_auth.c, running ssh_pump.c. */
#include "config.h"
#include "net/ssh_session.h"
#include "base/i18n.h"
#include "base/log.h"
#include "base/str.h"
#include "net/trust.h"

#include <string.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int library_state;

static void start_library(void)
{
    library_state = libssh2_init(0);
}

/* known_hosts has "ssh-rsa" for the key of all three RSA signatures. */
static bool serves(const char *algorithm, const char *key_type)
{
    return vf_streq(algorithm, key_type) ||
           (vf_streq(key_type, "ssh-rsa") && vf_starts(algorithm, "rsa-sha2-"));
}

static void add_algorithms(char ***list, const char **supported, int n, const char *type)
{
    for (int i = 0; i < n; i++)
        if (serves(supported[i], type) && !vf_strv_has(*list, supported[i]))
            vf_strv_add(list, supported[i]);
}

/* The host key algorithms in our order: first what known_hosts has, so that a host known by one key
 * does not look unknown through another. */
static int prefer_known(struct vf_ssh_session *s, char *const *known, struct vf_error **err)
{
    static const char *const usual[] = {"ssh-ed25519",
                                        "ecdsa-sha2-nistp256",
                                        "ecdsa-sha2-nistp384",
                                        "ecdsa-sha2-nistp521",
                                        "ssh-rsa",
                                        NULL};
    const char **supported = NULL;
    int n = libssh2_session_supported_algs(s->session, LIBSSH2_METHOD_HOSTKEY, &supported);
    if (n < 0)
        return vf_ssh_session_fail(s, n, "host key algorithms", err);
    vf_autostrv char **list = vf_strv_new();
    for (char *const *k = known; *k; k++)
        add_algorithms(&list, supported, n, *k);
    for (const char *const *k = usual; *k; k++)
        add_algorithms(&list, supported, n, *k);
    libssh2_free(s->session, supported);
    vf_autofree char *prefs = vf_strv_join(list, ",");
    int rc = libssh2_session_method_pref(s->session, LIBSSH2_METHOD_HOSTKEY, prefs);
    return rc == 0 ? 0 : vf_ssh_session_fail(s, rc, "host key algorithms", err);
}

static bool unsafe_exchange(const char *name)
{
    return vf_ends(name, "-sha1");
}

/* SHA-1 in the key exchange is for hosts that are said to be old. */
static int modern_exchange(struct vf_ssh_session *s, struct vf_error **err)
{
    const char **supported = NULL;
    int n = s->ssh->target->legacy
                ? 0
                : libssh2_session_supported_algs(s->session, LIBSSH2_METHOD_KEX, &supported);
    if (n <= 0)
        return n == 0 ? 0 : vf_ssh_session_fail(s, n, "key exchange algorithms", err);
    vf_autostrv char **list = vf_strv_new();
    for (int i = 0; i < n; i++)
        if (!unsafe_exchange(supported[i]))
            vf_strv_add(&list, supported[i]);
    libssh2_free(s->session, supported);
    vf_autofree char *prefs = vf_strv_join(list, ",");
    int rc = libssh2_session_method_pref(s->session, LIBSSH2_METHOD_KEX, prefs);
    return rc == 0 ? 0 : vf_ssh_session_fail(s, rc, "key exchange algorithms", err);
}

static bool no_common_algorithm(int rc)
{
    return rc == LIBSSH2_ERROR_KEX_FAILURE || rc == LIBSSH2_ERROR_KEY_EXCHANGE_FAILURE ||
           rc == LIBSSH2_ERROR_METHOD_NOT_SUPPORTED || rc == LIBSSH2_ERROR_METHOD_NONE ||
           rc == LIBSSH2_ERROR_HOSTKEY_INIT;
}

static int handshake(struct vf_ssh_session *s, const char **why, struct vf_error **err)
{
    int rc;
    VF_SSH_AWAIT(s, rc, VF_T_CONNECT, libssh2_session_handshake(s->session, s->link.fd), err);
    if (rc == 0)
        return 0;
    /* a line that sshd may say about it is taken for its banner */
    const char *banner = libssh2_session_banner_get(s->session);
    s->ssh->dropped = (s->link.eof || s->link.error) && !vf_starts(banner ? banner : "", "SSH-");
    /* the host sees the same and hangs up, perhaps before we have looked: that is no other cause */
    if (no_common_algorithm(rc) && !s->ssh->forced) {
        *why = "libssh2 and the host have no algorithm in common";
        return 1;
    }
    vf_ssh_session_fail(s, rc, "ssh handshake", err);
    if (no_common_algorithm(rc) && !s->ssh->target->legacy) {
        vf_autoerror struct vf_error *e = err ? VF_STEAL(*err) : NULL;
        return vf_ssh_fail_old(e, err);
    }
    return -1;
}

/* A host known only by keys libssh2 could not ask for is OpenSSH's to verify. */
static bool only_others_known(char *const *known, const char *type)
{
    bool other = false;
    for (char *const *k = known; *k; k++) {
        if (vf_streq(*k, type))
            return false;
        other = other || !vf_ssh_key_for_libssh2(*k);
    }
    return other;
}

static int verify(struct vf_ssh_session *s, char *const *known, const char **why,
                  struct vf_error **err)
{
    struct vf_ssh *ssh = s->ssh;
    size_t len = 0;
    int kind = 0;
    const char *blob = libssh2_session_hostkey(s->session, &len, &kind);
    if (!blob)
        return vf_fail(err, VF_E_NET, _("the host showed no key"));
    vf_autofree char *type = vf_ssh_blob_type((const unsigned char *)blob, len);
    vf_autofree char *b64 = vf_base64_encode((const unsigned char *)blob, len);
    vf_autofree char *shown = vf_asprintf("%s %s", type, b64);
    if (ssh->borrows) /* once more to a host that was verified */
        return vf_streq(shown, ssh->host_key)
                   ? 0
                   : vf_fail(err, VF_E_TRUST, _("the host shows another host key than before"));
    if (!ssh->forced && only_others_known(known, type)) {
        *why = "the host is known by a key that libssh2 cannot verify";
        return 1;
    }
    if (vf_trust_decide(ssh->label, ssh->target->known_files, ssh->target->known_name, blob, len,
                        ssh->asker, ssh->cancel, err) < 0)
        return -1;
    vf_str_set(&ssh->host_key, shown);
    return 0;
}

static void free_session(struct vf_ssh_session *s)
{
    vf_ssh_pump_end(s);
    if (s->session) {
        libssh2_session_disconnect(s->session, "done");
        vf_ssh_link_move(&s->link);
        /* from here on the library must not wait for a peer */
        s->link.cut = true;
        for (int i = 0; i < 100 && libssh2_session_free(s->session) == LIBSSH2_ERROR_EAGAIN; i++)
            ;
    }
    vf_ssh_link_clear(&s->link);
    vf_error_free(s->failed);
    vf_error_free(s->broken);
    vf_cancel_free(s->stop);
    vf_queue_free(s->requests, NULL);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

static int go(struct vf_ssh_session *s, const char **why, struct vf_error **err)
{
    struct vf_ssh_target *t = s->ssh->target;
    int fd = vf_ssh_dial(t->host, t->port, s->ssh->cancel, err);
    if (fd < 0)
        return -1;
    s->session = vf_ssh_link_session_new(s);
    vf_ssh_link_attach(&s->link, fd, s->session);
    libssh2_session_set_blocking(s->session, 0);
    vf_autofree char *same =
        s->ssh->borrows ? vf_strndup(s->ssh->host_key, strcspn(s->ssh->host_key, " ")) : NULL;
    vf_autostrv char **known =
        same ? vf_strv_split(same, " ") : vf_trust_types(t->known_files, t->known_name);
    if (modern_exchange(s, err) < 0 || prefer_known(s, known, err) < 0)
        return -1;
    int rc = handshake(s, why, err);
    if (!rc)
        rc = verify(s, known, why, err);
    if (!rc)
        rc = vf_ssh_session_login(s, why, err);
    if (!rc)
        rc = vf_ssh_pump_begin(s, err);
    return rc;
}

static int open_session(struct vf_ssh *ssh, struct vf_ssh_login *login, const char **why,
                        struct vf_error **err)
{
    pthread_once(&once, start_library);
    if (library_state != 0)
        return vf_fail(err, VF_E_INTERNAL, _("libssh2 does not start (error %d)"), library_state);
    struct vf_ssh_session *s = vf_xcalloc(1, sizeof *s);
    s->ssh = ssh;
    s->login = login;
    s->link.fd = -1;
    s->stop = vf_cancel_new(ssh->cancel);
    s->requests = vf_queue_new();
    pthread_mutex_init(&s->lock, NULL);
    int rc = go(s, why, err);
    s->login = NULL;
    if (rc)
        free_session(s);
    else
        ssh->conn = s;
    return rc;
}

static void close_session(struct vf_ssh *ssh)
{
    free_session(ssh->conn);
    ssh->conn = NULL;
}

const struct vf_ssh_ops vf_ssh_libssh2 = {
    .name = "libssh2",
    .open = open_session,
    .close = close_session,
    .start = vf_ssh_pump_start,
    .finish = vf_ssh_pump_finish,
};
