/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "provider/files/manifest.h"
#include "base/buf.h"
#include "base/fdio.h"
#include "base/str.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { BLOCK = 1 << 20, MOST_ENTRIES = 4096 };

static const struct {
    const char *name, *openssl;
    size_t digits;
} algorithms[] = {
    {"SHA1", "SHA1", 40},     {"SHA256", "SHA256", 64},  {"SHA512", "SHA512", 128},
    {"SHA384", "SHA384", 96}, {"SHA-256", "SHA256", 64}, {"SHA-1", "SHA1", 40},
};

void vf_manifest_clear(struct vf_manifest *m)
{
    for (size_t i = 0; i < m->n; i++) {
        free(m->v[i].name);
        free(m->v[i].hex);
    }
    free(m->v);
    *m = (struct vf_manifest){0};
}

/* [S, S + N) without blanks around it; caller frees. */
static char *trimmed(const char *s, size_t n)
{
    while (n && isspace((unsigned char)*s)) {
        s++;
        n--;
    }
    while (n && isspace((unsigned char)s[n - 1]))
        n--;
    return vf_strndup(s, n);
}

/* The last bracket before the last "=": names may have both. */
static int add_line(struct vf_manifest *m, const char *line)
{
    const char *equals = strrchr(line, '='), *open = strchr(line, '('), *close = equals;
    while (close && close > line && *close != ')')
        close--;
    if (!equals || !open || close <= open)
        return -1;
    vf_autofree char *algorithm = trimmed(line, (size_t)(open - line));
    vf_autofree char *hex = trimmed(equals + 1, strlen(equals + 1));
    for (char *p = hex; *p; p++)
        *p = (char)tolower((unsigned char)*p);
    for (size_t i = 0; i < VF_COUNT(algorithms); i++) {
        if (strcasecmp(algorithm, algorithms[i].name) != 0)
            continue;
        if (strlen(hex) != algorithms[i].digits || hex[strspn(hex, "0123456789abcdef")] ||
            m->n == MOST_ENTRIES)
            return -1;
        struct vf_manifest_entry *e = vf_grow(&m->v, &m->n, sizeof *m->v);
        e->algorithm = algorithms[i].openssl;
        e->name = trimmed(open + 1, (size_t)(close - open - 1));
        e->hex = VF_STEAL(hex);
        return 0;
    }
    return -1;
}

int vf_manifest_parse(const char *text, const char *name, struct vf_manifest *out,
                      struct vf_error **err)
{
    *out = (struct vf_manifest){0};
    for (size_t line = 1; *text; line++) {
        size_t n = strcspn(text, "\n");
        vf_autofree char *one = trimmed(text, n);
        if (*one && add_line(out, one) < 0) {
            vf_manifest_clear(out);
            return vf_fail(err, VF_E_CORRUPT,
                           "%s, line %zu is no checksum: copy the file again, or remove it to "
                           "import without checksums",
                           name, line);
        }
        text += n + (text[n] == '\n');
    }
    return 0;
}

const struct vf_manifest_entry *vf_manifest_find(const struct vf_manifest *m, const char *name)
{
    for (size_t i = 0; i < m->n; i++)
        if (vf_streq(m->v[i].name, name))
            return &m->v[i];
    return NULL;
}

static int feed(EVP_MD_CTX *sum, int fd, const char *path, uint64_t offset, uint64_t n,
                struct vf_cancel *cancel, vf_sum_progress *progress, void *opaque,
                struct vf_error **err)
{
    vf_autofree unsigned char *buf = vf_xmalloc(BLOCK);
    for (uint64_t done = 0; done < n;) {
        size_t want = n - done < BLOCK ? (size_t)(n - done) : BLOCK;
        if (cancel && vf_cancel_check(cancel, err) < 0)
            return -1;
        ssize_t got = vf_pread_full(fd, buf, want, offset + done);
        if (got < 0)
            return vf_fail_errno(err, errno, "reading %s", path);
        if ((size_t)got < want)
            return vf_fail(err, VF_E_CORRUPT, "%s has become shorter", path);
        if (!EVP_DigestUpdate(sum, buf, want))
            return vf_fail(err, VF_E_INTERNAL, "OpenSSL sums up nothing");
        done += want;
        if (progress)
            progress(opaque, done);
    }
    return 0;
}

static char *hex_of(const unsigned char *digest, unsigned len)
{
    vf_autobuf struct vf_buf hex = {0};
    for (unsigned i = 0; i < len; i++)
        vf_buf_printf(&hex, "%02x", digest[i]);
    return vf_buf_take(&hex);
}

char *vf_file_sum(const char *algorithm, const char *path, uint64_t offset, uint64_t n,
                  struct vf_cancel *cancel, vf_sum_progress *progress, void *opaque,
                  struct vf_error **err)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    vf_autofd int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        vf_fail_errno(err, errno, "opening %s", path);
        return NULL;
    }
    const EVP_MD *kind = EVP_get_digestbyname(algorithm);
    EVP_MD_CTX *sum = EVP_MD_CTX_new();
    bool good = sum && kind && EVP_DigestInit_ex(sum, kind, NULL) &&
                feed(sum, fd, path, offset, n, cancel, progress, opaque, err) == 0 &&
                EVP_DigestFinal_ex(sum, digest, &len);
    EVP_MD_CTX_free(sum);
    if (!good) {
        vf_fail(err, VF_E_UNSUPPORTED, "OpenSSL has no %s here", algorithm);
        return NULL;
    }
    return hex_of(digest, len);
}

char *vf_text_sum(const void *data, size_t n)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    if (!EVP_Digest(data, n, digest, &len, EVP_sha256(), NULL))
        abort(); /* there is no OpenSSL without it */
    return hex_of(digest, len);
}
