/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The target's owner takes the one-job key back when it ends: the program that installed it may be
 * lost by then. */
#include "config.h"
#include "mover/owner.h"
#include "base/fdio.h"
#include "base/log.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

enum { MAX_KEYS = 4 << 20 };

static bool last_word_is(const char *line, size_t n, const char *word)
{
    size_t w = strlen(word);
    while (n && strchr(" \t\r", line[n - 1]))
        n--;
    return n > w && memcmp(line + n - w, word, w) == 0 && strchr(" \t", line[n - w - 1]);
}

/* TEXT without the lines that end in MARK; how many those were. *SAME: how much there is before the
 * first of them. */
static size_t without(const char *text, const char *mark, struct vf_buf *rest, size_t *same)
{
    size_t found = 0;
    while (*text) {
        size_t n = strcspn(text, "\n"), whole = n + (text[n] == '\n');
        if (!last_word_is(text, n, mark))
            vf_buf_add(rest, text, whole);
        else if (found++ == 0)
            *same = rest->len;
        text += whole;
    }
    return found;
}

/* For a file that cannot be replaced: its directory is read-only, or it is a mount. What changes is
 * written first and the end cut off then, so that no key is missing at any time. */
static int overwrite(const char *path, const struct vf_buf *rest, size_t same,
                     struct vf_error **err)
{
    vf_autofd int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || vf_pwrite_full(fd, rest->data + same, rest->len - same, same) < 0 ||
        fsync(fd) < 0 || ftruncate(fd, (off_t)rest->len) < 0)
        return vf_fail_errno(err, errno, "%s", path);
    return 0;
}

/* A file of the node's own is replaced as a whole. */
static int replace(const char *path, const struct stat *st, const struct vf_buf *rest,
                   struct vf_error **err)
{
    if (!rest->len)
        return unlink(path) < 0 ? vf_fail_errno(err, errno, "%s", path) : 0;
    vf_autofree char *tmp = vf_asprintf("%s.XXXXXX", path);
    vf_autofd int fd = mkostemp(tmp, O_CLOEXEC);
    if (fd < 0)
        return vf_fail_errno(err, errno, "%s", tmp);
    if (fchown(fd, st->st_uid, st->st_gid) < 0 || fchmod(fd, st->st_mode & 07777) < 0 ||
        vf_write_full(fd, rest->data, rest->len) < 0 || fsync(fd) < 0 || rename(tmp, path) < 0) {
        int e = errno;
        unlink(tmp);
        return vf_fail_errno(err, e, "%s", path);
    }
    return 0;
}

/* One behind a link, shared by a cluster: the file it leads to is replaced as a whole, because cut
 * off in the middle a cluster's keys must not be lost. Proxmox's file system there knows no owners
 * and no mode but 0600. */
static int replace_shared(const char *path, const struct vf_buf *rest, struct vf_error **err)
{
    vf_autofree char *real = realpath(path, NULL);
    if (!real)
        return vf_fail_errno(err, errno, "%s", path);
    return vf_replace_file(real, vf_buf_str(rest), rest->len, 0600, err);
}

int vf_keyfile_remove(const char *path, const char *mark, struct vf_error **err)
{
    const char *slash = strrchr(path, '/');
    if (!slash || slash == path || !*mark)
        return vf_fail(err, VF_E_INTERNAL, "%s is no authorized_keys file", path);
    vf_autofree char *up = vf_strndup(path, (size_t)(slash - path));
    vf_autofd int dir = open(up, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return vf_fail_errno(err, errno, "%s", up);
    /* against another job's mover; without it we go on: somebody may hold it for ever */
    for (int i = 0; i < 100 && flock(dir, LOCK_EX | LOCK_NB) < 0; i++)
        usleep(100 * 1000);
    struct stat st;
    if (lstat(path, &st) < 0)
        return errno == ENOENT ? 0 : vf_fail_errno(err, errno, "%s", path);
    vf_autofree char *text = vf_read_file(path, MAX_KEYS, NULL, err);
    if (!text)
        return -1;
    vf_autobuf struct vf_buf rest = {0};
    size_t same = 0;
    if (!without(text, mark, &rest, &same))
        return 0;
    vf_autoerror struct vf_error *why = NULL;
    if ((S_ISREG(st.st_mode) ? replace(path, &st, &rest, &why)
                             : replace_shared(path, &rest, &why)) == 0)
        return 0;
    vf_info("mover", "%s; writing it in place", vf_error_text(why));
    return overwrite(path, &rest, same, err);
}
