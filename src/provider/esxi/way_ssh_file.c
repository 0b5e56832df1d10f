/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files under /vmfs/volumes by cat, stat, sha256sum and vmkfstools. busybox's dd knows bs, skip and
 * count, no iflag. */
#include "config.h"
#include "provider/esxi/way_ssh.h"
#include "base/str.h"
#include "provider/esxi/vmkfs.h"

#include <inttypes.h>
#include <string.h>

#define MIB (UINT64_C(1) << 20)

enum { MAX_MAP = 32 << 20 }; /* a line for each run, of a MiB at least where it is thin */

static struct vf_esxi_ssh *ssh_way(struct vf_esxi_way *w)
{
    return (struct vf_esxi_ssh *)w;
}

static char *path_of(const struct vf_esxi_file *f)
{
    return vf_asprintf("/vmfs/volumes/%s/%s", f->datastore, f->path);
}

static char *name_of(const struct vf_esxi_file *f)
{
    return vf_asprintf("[%s] %s", f->datastore, f->path);
}

/* The largest power of two, at most a MiB, that divides both. */
static uint64_t block(uint64_t a, uint64_t b)
{
    uint64_t bs = MIB;
    while (a % bs || b % bs)
        bs /= 2;
    return bs;
}

static void add_dd(struct vf_buf *b, const char *path, uint64_t n, uint64_t offset)
{
    if (!n)
        return;
    uint64_t bs = block(n, offset);
    vf_autofree char *unit = bs == MIB ? vf_strdup("1M") : vf_asprintf("%" PRIu64, bs);
    vf_buf_printf(b, "%sdd if=%s bs=%s skip=%" PRIu64 " count=%" PRIu64, b->len ? " && " : "", path,
                  unit, offset / bs, n / bs);
}

char *vf_esxi_dd(const char *path, uint64_t n, uint64_t offset)
{
    struct vf_buf b = {0};
    uint64_t end = offset + n, first = (offset + MIB - 1) / MIB * MIB, last = end / MIB * MIB;
    if (first >= last) {
        /* no whole MiB in it: up to a boundary, and from there */
        uint64_t cut = first < end ? first : end;
        add_dd(&b, path, cut - offset, offset);
        add_dd(&b, path, end - cut, cut);
    } else {
        add_dd(&b, path, first - offset, offset);
        add_dd(&b, path, last - first, first);
        add_dd(&b, path, end - last, last);
    }
    return vf_buf_take(&b);
}

char *vf_esxi_ssh_text(struct vf_esxi_way *w, const struct vf_esxi_file *f, size_t most,
                       size_t *len, struct vf_error **err)
{
    vf_autofree char *path = path_of(f), *quoted = vf_shell_quote(path), *name = name_of(f);
    vf_autofree char *command = vf_asprintf("cat %s", quoted);
    struct vf_esxi_said said;
    if (vf_esxi_ssh_run(ssh_way(w), command, NULL, most, NULL, &said, err) < 0) {
        vf_fail_prefix(err, "%s", name);
        return NULL;
    }
    char *text = NULL;
    if (said.status == 0) {
        *len = said.out.len;
        text = vf_memdup_str(said.out.data ? said.out.data : "", said.out.len);
    } else {
        vf_esxi_ssh_fail(&said, name, err);
    }
    vf_esxi_said_free(&said);
    return text;
}

int vf_esxi_ssh_stat(struct vf_esxi_way *w, const struct vf_esxi_file *f, uint64_t *size,
                     char **state, struct vf_error **err)
{
    vf_autofree char *path = path_of(f), *quoted = vf_shell_quote(path), *name = name_of(f);
    vf_autofree char *command = vf_asprintf("stat -c '%%s %%Y' %s && { date +%%s; true; }", quoted);
    struct vf_esxi_said said;
    if (vf_esxi_ssh_run(ssh_way(w), command, NULL, VF_ESXI_MAX_TEXT, NULL, &said, err) < 0)
        return vf_fail_prefix(err, "%s", name);
    vf_autostrv char **words = vf_strv_split(vf_buf_str(&said.out), " \r\n");
    int rc = 0;
    if (said.status)
        rc = vf_esxi_ssh_fail(&said, name, err);
    else if (vf_strv_len(words) < 2 || vf_parse_u64(words[0], 0, INT64_MAX, size) < 0) {
        vf_autofree char *shown = vf_escape(vf_buf_str(&said.out));
        rc = vf_fail(err, VF_E_CORRUPT, "%s: stat says '%s' of it, which is no size", name, shown);
    } else if (state) {
        uint64_t written, now;
        bool racy = words[2] && vf_parse_u64(words[1], 0, INT32_MAX, &written) == 0 &&
                    vf_parse_u64(words[2], 0, INT32_MAX, &now) == 0 &&
                    now < written + VF_ESXI_RACY_S;
        *state = vf_asprintf("%s%s", words[1], racy ? VF_ESXI_RACY : "");
    }
    vf_esxi_said_free(&said);
    return rc;
}

/* The status of the dd before the pipe, which the shell does not tell. */
static int dd_status(const char *err)
{
    static const char begins[] = "vmferry dd ";
    const char *at = strstr(err, begins);
    uint64_t status;
    if (!at)
        return -1;
    at += strlen(begins);
    vf_autofree char *digits = vf_strndup(at, strspn(at, "0123456789"));
    return vf_parse_u64(digits, 0, 255, &status) < 0 ? -1 : (int)status;
}

static bool is_sum(const char *s)
{
    return strspn(s, "0123456789abcdef") == 64 && (s[64] == ' ' || s[64] == '\n' || !s[64]);
}

char *vf_esxi_ssh_sha256(struct vf_esxi_way *w, const struct vf_esxi_file *f, uint64_t n,
                         uint64_t offset, struct vf_error **err)
{
    struct vf_esxi_ssh *s = ssh_way(w);
    vf_autofree char *path = path_of(f), *quoted = vf_shell_quote(path), *name = name_of(f);
    if (!s->login->sha256) {
        vf_fail(err, VF_E_UNSUPPORTED, "%s has no sha256sum%s", s->way.conf->name,
                s->login->md5 ? ", only md5sum" : "");
        return NULL;
    }
    vf_autofree char *dd = n ? vf_esxi_dd(quoted, n, offset) : vf_strdup("true");
    vf_autofree char *command = vf_asprintf("{ %s; echo \"vmferry dd $?\" >&2; } | sha256sum", dd);
    struct vf_esxi_said said;
    if (vf_esxi_ssh_run(s, command, NULL, VF_ESXI_MAX_TEXT, NULL, &said, err) < 0) {
        vf_fail_prefix(err, "%s", name);
        return NULL;
    }
    char *sum = NULL;
    int dd_said = dd_status(vf_buf_str(&said.err));
    if (said.status || dd_said) {
        said.status = dd_said > 0 ? dd_said : said.status;
        vf_esxi_ssh_fail(&said, name, err);
    } else if (is_sum(vf_buf_str(&said.out))) {
        sum = vf_strndup(vf_buf_str(&said.out), 64);
    } else {
        vf_autofree char *shown = vf_escape(vf_buf_str(&said.out));
        vf_fail(err, VF_E_CORRUPT, "%s: sha256sum says '%s', which is no sum", name, shown);
    }
    vf_esxi_said_free(&said);
    return sum;
}

/* -t0 prints the disk's mapping and changes nothing; the disk of a running VM is locked. */
int vf_esxi_ssh_holes(struct vf_esxi_way *w, const struct vf_esxi_file *f, uint64_t size,
                      struct vf_recipe_hole **out, size_t *n, struct vf_error **err)
{
    struct vf_esxi_ssh *s = ssh_way(w);
    vf_autofree char *path = path_of(f), *quoted = vf_shell_quote(path), *name = name_of(f);
    vf_autofree char *command = vf_asprintf("vmkfstools -t0 %s", quoted);
    struct vf_esxi_said said;
    if (!s->login->vmkfstools || !s->login->sha256)
        return vf_fail(err, VF_E_UNSUPPORTED, "%s has no %s", s->way.conf->name,
                       s->login->sha256 ? "vmkfstools" : "sha256sum");
    if (vf_esxi_ssh_run(s, command, NULL, MAX_MAP, NULL, &said, err) < 0)
        return vf_fail_prefix(err, "%s", name);
    int rc = said.status ? vf_esxi_ssh_fail(&said, name, err)
                         : vf_vmkfs_map(vf_buf_str(&said.out), size, out, n, err);
    vf_esxi_said_free(&said);
    return rc < 0 && !said.status ? vf_fail_prefix(err, "vmkfstools -t0 %s", name) : rc;
}
