/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Host keys: known_hosts files (format: sshd(8), SSH_KNOWN_HOSTS FILE FORMAT) and fingerprints. */
#ifndef VF_NET_TRUST_H
#define VF_NET_TRUST_H

#include <stdint.h>
#include "base/ask.h"

/* "SHA256:…" of a key blob, as ssh shows it; caller frees. */
char *vf_trust_fingerprint(const void *blob, size_t len);

/* NAME as known_hosts spells it: lower case, "[host]:port" unless PORT is 22; caller frees. */
char *vf_trust_name(const char *host, uint16_t port);

/* The key types under which NAME stands in FILES (NULL-terminated; missing files are skipped), in
 * their order, each once: what to ask a server for first. Caller frees. */
char **vf_trust_types(char *const *files, const char *name);

/* The keys themselves, each as "TYPE BASE64 FINGERPRINT". Caller frees. */
char **vf_trust_keys(char *const *files, const char *name);

enum vf_trust_state {
    VF_TRUST_KNOWN,
    VF_TRUST_UNKNOWN,
    VF_TRUST_CHANGED, /* other keys stand there under this name */
    VF_TRUST_REVOKED,
};

struct vf_trust_match {
    enum vf_trust_state state;
    char *file; /* where the deciding line stands; NULL when UNKNOWN */
    unsigned line;
    char *fingerprint; /* of that line's key */
    char *type;
};

/* Looks KEY up. A file that exists and cannot be read is an error. */
int vf_trust_check(char *const *files, const char *name, const void *blob, size_t len,
                   struct vf_trust_match *out, struct vf_error **err);
void vf_trust_match_clear(struct vf_trust_match *m);

/* Appends "NAME TYPE BASE64" to FILE, making it (0600) and its directory (0700). */
int vf_trust_append(const char *file, const char *name, const char *type, const char *base64,
                    struct vf_error **err);

/* The whole decision about the key a server showed: known is 0; unknown is asked ("host-key:NAME",
 * safe answer no), written down on a yes; changed, revoked or refused is -1 with TRUST. LABEL names
 * the host for people. */
int vf_trust_decide(const char *label, char *const *files, const char *name, const void *blob,
                    size_t len, const struct vf_asker *asker, struct vf_cancel *cancel,
                    struct vf_error **err);

#endif
