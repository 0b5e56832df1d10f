/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "net/trust.h"
#include "base/fdio.h"
#include "base/i18n.h"
#include "base/log.h"
#include "base/str.h"
#include "net/ssh_int.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

enum { MAX_KNOWN_HOSTS = 16 << 20 };

unsigned char *vf_base64_decode(const char *text, size_t n, size_t *len)
{
    while (n && isspace((unsigned char)text[n - 1]))
        n--;
    if (n == 0 || n % 4)
        return NULL;
    vf_autofree unsigned char *out = vf_xmalloc(n / 4 * 3 + 1);
    int r = EVP_DecodeBlock(out, (const unsigned char *)text, (int)n);
    if (r < 0)
        return NULL;
    /* EVP counts the padding as data */
    *len = (size_t)r - (text[n - 1] == '=') - (text[n - 2] == '=');
    return VF_STEAL(out);
}

char *vf_base64_encode(const unsigned char *data, size_t n)
{
    char *out = vf_xmalloc((n + 2) / 3 * 4 + 1);
    EVP_EncodeBlock((unsigned char *)out, data, (int)n);
    return out;
}

char *vf_trust_fingerprint(const void *blob, size_t len)
{
    unsigned char md[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    if (!EVP_Digest(blob, len, md, &n, EVP_sha256(), NULL))
        abort();
    vf_autofree char *b64 = vf_base64_encode(md, n);
    b64[strcspn(b64, "=")] = 0;
    return vf_asprintf("SHA256:%s", b64);
}

char *vf_trust_name(const char *host, uint16_t port)
{
    char *name = port == 22 ? vf_strdup(host) : vf_asprintf("[%s]:%u", host, (unsigned)port);
    for (char *p = name; *p; p++)
        *p = (char)tolower((unsigned char)*p);
    return name;
}

/* '*' and '?' as sshd(8) has them. */
static bool glob(const char *s, const char *pattern)
{
    for (; *pattern; s++, pattern++) {
        if (*pattern == '*') {
            while (*pattern == '*')
                pattern++;
            for (;; s++) {
                if (glob(s, pattern))
                    return true;
                if (!*s)
                    return false;
            }
        }
        if (!*s || (*pattern != '?' && *pattern != *s))
            return false;
    }
    return !*s;
}

/* "|1|SALT|HASH": HMAC-SHA1 of the name, keyed with the salt, both in base64. */
static bool hash_matches(const char *field, const char *name)
{
    const char *salt = field + 3, *bar = strchr(salt, '|');
    if (!bar)
        return false;
    size_t salt_len = 0, hash_len = 0;
    vf_autofree unsigned char *s = vf_base64_decode(salt, (size_t)(bar - salt), &salt_len);
    vf_autofree unsigned char *h = vf_base64_decode(bar + 1, strlen(bar + 1), &hash_len);
    unsigned char md[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    return s && h &&
           HMAC(EVP_sha1(), s, (int)salt_len, (const unsigned char *)name, strlen(name), md, &n) &&
           n == hash_len && memcmp(md, h, n) == 0;
}

static bool names_match(const char *field, const char *name)
{
    if (vf_starts(field, "|1|"))
        return hash_matches(field, name);
    vf_autostrv char **patterns = vf_strv_split(field, ",");
    bool hit = false;
    for (char **p = patterns; *p; p++) {
        for (char *c = *p; *c; c++)
            *c = (char)tolower((unsigned char)*c);
        if (**p == '!' && glob(name, *p + 1))
            return false; /* a negated name excludes the line */
        hit = hit || glob(name, *p);
    }
    return hit;
}

struct line {
    const char *file;
    unsigned number;
    bool revoked;
    const char *type;
    unsigned char *blob;
    size_t blob_len;
};

/* 1: SEE is done, stop. */
typedef int see_fn(void *opaque, const struct line *l);

static int see_line(const char *file, unsigned number, const char *text, const char *name,
                    see_fn *see, void *opaque)
{
    vf_autostrv char **f = vf_strv_split(text, " \t\r");
    size_t n = vf_strv_len(f), at = 0;
    if (n == 0 || f[0][0] == '#')
        return 0;
    struct line l = {.file = file, .number = number};
    if (f[0][0] == '@') {
        l.revoked = vf_streq(f[0], "@revoked");
        if (!l.revoked)
            return 0; /* @cert-authority vouches for certificates, which are not asked for here */
        at = 1;
    }
    if (n < at + 3 || !names_match(f[at], name))
        return 0;
    l.type = f[at + 1];
    vf_autofree unsigned char *blob = vf_base64_decode(f[at + 2], strlen(f[at + 2]), &l.blob_len);
    l.blob = blob;
    return blob ? see(opaque, &l) : 0;
}

static int each_line(char *const *files, const char *name, see_fn *see, void *opaque,
                     struct vf_error **err)
{
    for (char *const *file = files; file && *file; file++) {
        if (access(*file, F_OK) < 0)
            continue;
        vf_autofree char *text = vf_read_file(*file, MAX_KNOWN_HOSTS, NULL, err);
        if (!text)
            return -1;
        unsigned number = 0;
        for (char *rest = text, *one; (one = strsep(&rest, "\n"));)
            if (see_line(*file, ++number, one, name, see, opaque))
                return 0;
    }
    return 0;
}

static int add_type(void *opaque, const struct line *l)
{
    char ***types = opaque;
    if (!l->revoked && !vf_strv_has(*types, l->type))
        vf_strv_add(types, l->type);
    return 0;
}

char **vf_trust_types(char *const *files, const char *name)
{
    char **types = vf_strv_new();
    each_line(files, name, add_type, &types, NULL);
    return types;
}

static int add_key(void *opaque, const struct line *l)
{
    vf_autofree char *b64 = vf_base64_encode(l->blob, l->blob_len);
    vf_autofree char *fingerprint = vf_trust_fingerprint(l->blob, l->blob_len);
    vf_autofree char *type = vf_ssh_blob_type(l->blob, l->blob_len);
    /* a line that calls its key something else is no line to go by */
    if (l->revoked || !vf_streq(type, l->type))
        return 0;
    vf_autofree char *text = vf_asprintf("%s %s %s", type, b64, fingerprint);
    vf_strv_add(opaque, text);
    return 0;
}

char **vf_trust_keys(char *const *files, const char *name)
{
    char **keys = vf_strv_new();
    each_line(files, name, add_key, &keys, NULL);
    return keys;
}

struct lookup {
    const void *blob;
    size_t len;
    bool only_same; /* lines with other keys say nothing */
    struct vf_trust_match *out;
};

static void take(struct vf_trust_match *m, enum vf_trust_state state, const struct line *l)
{
    vf_trust_match_clear(m);
    *m = (struct vf_trust_match){.state = state,
                                 .file = vf_strdup(l->file),
                                 .line = l->number,
                                 .fingerprint = vf_trust_fingerprint(l->blob, l->blob_len),
                                 .type = vf_strdup(l->type)};
}

static int compare(void *opaque, const struct line *l)
{
    struct lookup *k = opaque;
    bool same = l->blob_len == k->len && memcmp(l->blob, k->blob, k->len) == 0;
    if (l->revoked) {
        if (same)
            take(k->out, VF_TRUST_REVOKED, l);
        return same;
    }
    if (same && k->out->state != VF_TRUST_KNOWN)
        take(k->out, VF_TRUST_KNOWN, l);
    else if (!same && !k->only_same && k->out->state != VF_TRUST_KNOWN) {
        /* of several other keys the one of the same type is the one that was replaced */
        vf_autofree char *type = vf_ssh_blob_type(k->blob, k->len);
        if (k->out->state == VF_TRUST_UNKNOWN || vf_streq(type, l->type))
            take(k->out, VF_TRUST_CHANGED, l);
    }
    return 0;
}

int vf_trust_check(char *const *files, const char *name, const void *blob, size_t len,
                   struct vf_trust_match *out, struct vf_error **err)
{
    *out = (struct vf_trust_match){.state = VF_TRUST_UNKNOWN};
    struct lookup k = {.blob = blob, .len = len, .out = out};
    if (each_line(files, name, compare, &k, err) < 0)
        return -1;
    const char *end = name[0] == '[' ? strstr(name, "]:") : NULL;
    if (out->state == VF_TRUST_UNKNOWN && end) {
        /* as ssh does: a key known for the host on its usual port is good on another one too */
        vf_autofree char *host = vf_strndup(name + 1, (size_t)(end - name - 1));
        k.only_same = true;
        return each_line(files, host, compare, &k, err);
    }
    return 0;
}

void vf_trust_match_clear(struct vf_trust_match *m)
{
    free(m->file);
    free(m->fingerprint);
    free(m->type);
    *m = (struct vf_trust_match){.state = VF_TRUST_UNKNOWN};
}

/* A last line without its newline must not swallow ours. */
static bool ends_in_mid_line(int fd)
{
    struct stat st;
    char last = '\n';
    return fstat(fd, &st) == 0 && st.st_size > 0 &&
           vf_pread_full(fd, &last, 1, (uint64_t)st.st_size - 1) == 1 && last != '\n';
}

int vf_trust_append(const char *file, const char *name, const char *type, const char *base64,
                    struct vf_error **err)
{
    const char *slash = strrchr(file, '/');
    if (slash && slash != file) {
        vf_autofree char *dir = vf_strndup(file, (size_t)(slash - file));
        if (vf_mkdirs(dir, 0700, err) < 0)
            return -1;
    }
    vf_autofd int fd = open(file, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return vf_fail_errno(err, errno, _("writing the host key to %s"), file);
    vf_autofree char *line =
        vf_asprintf("%s%s %s %s\n", ends_in_mid_line(fd) ? "\n" : "", name, type, base64);
    if (vf_write_full(fd, line, strlen(line)) < 0 || fsync(fd) < 0)
        return vf_fail_errno(err, errno, _("writing the host key to %s"), file);
    vf_info("ssh", "host key of %s written to %s", name, file);
    return 0;
}

static int changed(const char *label, const char *name, const char *type, const char *fingerprint,
                   const struct vf_trust_match *m, struct vf_error **err)
{
    vf_autofree char *known_type = vf_escape(m->type);
    vf_autofree char *file = vf_shell_quote(m->file), *host = vf_shell_quote(name);
    if (m->state == VF_TRUST_REVOKED)
        return vf_fail(
            err, VF_E_TRUST,
            _("the host key of %s (%s %s) is marked as revoked by line %u of %s: do not log "
              "in there before its administrator has explained that"),
            label, type, fingerprint, m->line, m->file);
    return vf_fail(
        err, VF_E_TRUST,
        _("the host key of %s has changed: it shows %s %s, but line %u of %s has %s %s for "
          "%s; somebody may be listening in; if the host was reinstalled, compare the "
          "fingerprint on its console, then remove the old key with: ssh-keygen -f %s -R "
          "%s"),
        label, type, fingerprint, m->line, m->file, known_type, m->fingerprint, name, file, host);
}

int vf_trust_decide(const char *label, char *const *files, const char *name, const void *blob,
                    size_t len, const struct vf_asker *asker, struct vf_cancel *cancel,
                    struct vf_error **err)
{
    vf_autofree char *raw_type = vf_ssh_blob_type(blob, len);
    if (!raw_type)
        return vf_fail(err, VF_E_TRUST, _("the host key of %s is malformed"), label);
    vf_autofree char *type = vf_escape(raw_type);
    vf_autofree char *fingerprint = vf_trust_fingerprint(blob, len);
    struct vf_trust_match m;
    if (vf_trust_check(files, name, blob, len, &m, err) < 0)
        return vf_fail_prefix(err, _("checking the host key of %s"), label);
    enum vf_trust_state state = m.state;
    if (state == VF_TRUST_CHANGED || state == VF_TRUST_REVOKED)
        changed(label, name, type, fingerprint, &m, err);
    vf_trust_match_clear(&m);
    if (state != VF_TRUST_UNKNOWN)
        return state == VF_TRUST_KNOWN ? 0 : -1;
    vf_autofree char *id = vf_asprintf("host-key:%s", name);
    vf_autofree char *title =
        vf_asprintf(_("The host key of %s is not known yet. Trust it?"), label);
    vf_autofree char *detail = vf_asprintf(
        _("%s shows a key of type %s with the fingerprint\n%s\nOn the host itself this shows it:\n"
          "cat /etc/ssh/ssh_host_*_key.pub | ssh-keygen -l -f -\nYes writes the key to %s."),
        name, type, fingerprint, files && *files ? files[0] : _("no file"));
    struct vf_ask_key key = {label, name, type, fingerprint, files && *files ? files[0] : NULL};
    int yes = vf_ssh_login_confirm(asker, cancel, id, title, detail, &key, err);
    if (yes < 0)
        return vf_fail_prefix(err, _("the host key of %s (%s) is not known"), label, fingerprint);
    if (!yes)
        return vf_fail(
            err, VF_E_TRUST,
            _("the host key of %s (%s %s) is not known and was not accepted; compare it on "
              "the host, or log in once with ssh"),
            label, type, fingerprint);
    if (!files || !*files)
        return 0;
    vf_autofree char *b64 = vf_base64_encode(blob, len);
    return vf_trust_append(files[0], name, raw_type, b64, err);
}
