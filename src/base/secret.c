/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "base/secret.h"
#include "base/fdio.h"
#include "base/log.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

enum { MAX_SECRET = 16 * 1024 };

struct vf_secret {
    size_t len;
    char text[];
};

void vf_wipe(void *p, size_t n)
{
    explicit_bzero(p, n);
}

struct vf_secret *vf_secret_new(const char *data, size_t n)
{
    struct vf_secret *s = vf_xcalloc(1, sizeof *s + n + 1);
    s->len = n;
    if (n)
        memcpy(s->text, data, n);
    return s;
}

struct vf_secret *vf_secret_copy(const struct vf_secret *s)
{
    return s ? vf_secret_new(s->text, s->len) : NULL;
}

void vf_secret_free(struct vf_secret *s)
{
    if (!s)
        return;
    vf_wipe(s->text, s->len);
    free(s);
}

const char *vf_secret_text(const struct vf_secret *s)
{
    return s->text;
}

size_t vf_secret_len(const struct vf_secret *s)
{
    return s->len;
}

struct vf_secret *vf_secret_first_line(const char *data, size_t n)
{
    const char *nl = memchr(data, '\n', n);
    if (nl)
        n = (size_t)(nl - data);
    if (n && data[n - 1] == '\r')
        n--;
    return n ? vf_secret_new(data, n) : NULL;
}

struct vf_secret *vf_secret_from_file(const char *path, struct vf_error **err)
{
    vf_autofd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0) {
        vf_fail_errno(err, errno, "the secret cannot be read from %s", path);
        return NULL;
    }
    if ((st.st_mode & 077) || (st.st_uid != geteuid() && st.st_uid != 0)) {
        vf_fail(err, VF_E_PERMISSION,
                "%s holds a secret and must belong to you with mode 0600 (it has mode %04o): "
                "chmod 600 it",
                path, (unsigned)(st.st_mode & 07777));
        return NULL;
    }
    char data[MAX_SECRET];
    ssize_t n = vf_read_full(fd, data, sizeof data);
    int failed = errno;
    struct vf_secret *s = NULL;
    if (n < 0)
        vf_fail_errno(err, failed, "the secret cannot be read from %s", path);
    else if (n == sizeof data)
        vf_fail(err, VF_E_USAGE, "%s is too long for a file with a secret", path);
    else if (!(s = vf_secret_first_line(data, (size_t)n)))
        vf_fail(err, VF_E_USAGE, "%s holds no secret: its first line is empty", path);
    vf_wipe(data, sizeof data);
    return s;
}

void vf_secrets_no_core(void)
{
    const struct rlimit none = {0, 0};
    if (setrlimit(RLIMIT_CORE, &none) < 0)
        vf_warn("secret", "a core file could be written if this process crashed");
}
