/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An owner dials the other host's sshd with the one-job key. The key stays in memory: ssh
 * reads it through /proc/PID/fd. That host's key is the one the operator has verified; no
 * other is accepted. */
#include "config.h"
#include "mover/owner.h"
#include "base/ciphers.h"
#include "base/clock.h"
#include "base/fdio.h"
#include "base/secret.h"
#include "base/str.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

static const char alias[] = "vmferry-peer";

/* A memory file that holds the private key, as OpenSSH wants to see key files: ours, 0600. */
static int key_file(const struct vf_frame *f, struct vf_error **err)
{
    const char *key;
    size_t n;
    if (!vf_field_find(f, VF_TAG_KEY, &key, &n))
        return vf_fail(err, VF_E_INTERNAL, "CONNECT without a key");
    int fd = memfd_create("vmferry-key", MFD_CLOEXEC);
    if (fd < 0)
        return vf_fail_errno(err, errno, "memfd_create");
    if (fchmod(fd, 0600) < 0 || vf_write_full(fd, key, n) < 0) {
        vf_fail_errno(err, errno, "the one-job key");
        close(fd);
        return -1;
    }
    vf_wipe((char *)key, n); /* in the parser's buffer */
    return fd;
}

static int known_hosts(struct owner *o, const char *host_key, char **path, struct vf_error **err)
{
    if (strpbrk(host_key, "\r\n"))
        return vf_fail(err, VF_E_TRUST, "the other host's key is not one line");
    *path = vf_asprintf("%s/known_hosts", o->dir);
    vf_autofree char *line = vf_asprintf("%s %s\n", alias, host_key);
    return vf_replace_file(*path, line, strlen(line), 0600, err);
}

int vf_dial_ssh(struct owner *o, const struct vf_frame *f, struct vf_proc *out, int *key_fd,
                struct vf_error **err)
{
    vf_autofree char *address = vf_field_text(f, VF_TAG_ADDRESS);
    vf_autofree char *user = vf_field_text(f, VF_TAG_USER);
    vf_autofree char *host_key = vf_field_text(f, VF_TAG_HOST_KEY);
    vf_autofree char *wanted = vf_field_text(f, VF_TAG_CIPHERS);
    const char *ciphers = vf_ciphers(wanted);
    uint64_t port = vf_field_num(f, VF_TAG_PORT, 22);
    if (!address || !user || !host_key || address[0] == '-' || user[0] == '-' || !port ||
        port > 65535 || (wanted && vf_ciphers_check(wanted)))
        return vf_fail(err, VF_E_INTERNAL, "CONNECT lacks address, user or host key");
    vf_autofree char *hosts = NULL;
    if (known_hosts(o, host_key, &hosts, err) < 0)
        return -1;
    if (*key_fd < 0 && (*key_fd = key_file(f, err)) < 0)
        return -1;
    vf_autostrv char **argv = vf_strv_new();
    static const char *const fixed[] = {"ssh", "-T",
                                        "-F",  "none",
                                        "-o",  "BatchMode=yes",
                                        "-o",  "StrictHostKeyChecking=yes",
                                        "-o",  "GlobalKnownHostsFile=/dev/null",
                                        "-o",  "UpdateHostKeys=no",
                                        "-o",  "CheckHostIP=no",
                                        "-o",  "IdentitiesOnly=yes",
                                        "-o",  "IdentityAgent=none",
                                        "-o",  "PreferredAuthentications=publickey",
                                        "-o",  "ClearAllForwardings=yes",
                                        "-o",  "ConnectTimeout=10",
                                        "-o",  "ConnectionAttempts=1",
                                        "-o",  "ServerAliveInterval=15",
                                        "-o",  "ServerAliveCountMax=4",
                                        "-o",  "Compression=no",
                                        "-o",  "LogLevel=ERROR"};
    for (size_t i = 0; i < VF_COUNT(fixed); i++)
        vf_strv_add(&argv, fixed[i]);
    vf_strv_add(&argv, "-o");
    vf_strv_addf(&argv, "HostKeyAlias=%s", alias);
    vf_strv_add(&argv, "-o");
    vf_strv_addf(&argv, "UserKnownHostsFile=%s", hosts);
    vf_strv_add(&argv, "-i");
    vf_strv_addf(&argv, "/proc/%d/fd/%d", (int)getpid(), *key_fd);
    if (ciphers) {
        vf_strv_add(&argv, "-c");
        vf_strv_add(&argv, ciphers);
    }
    vf_strv_add(&argv, "-p");
    vf_strv_addf(&argv, "%u", (unsigned)port);
    vf_strv_add(&argv, "-l");
    vf_strv_add(&argv, user);
    vf_strv_add(&argv, "--");
    vf_strv_add(&argv, address);
    vf_strv_add(&argv, "vmferry-mover"); /* the key's forced command runs instead */
    unsigned flags = VF_PROC_STDIN | VF_PROC_STDOUT | VF_PROC_STDERR | VF_PROC_DIE;
    return vf_proc_start((const char *const *)argv, flags, -1, out, err);
}

/* What ssh says, and what that means here. TEXT replaces it where ssh talks of files of ours. */
static const struct {
    const char *says;
    enum vf_error_code code;
    const char *text;
} meanings[] = {
    {"Host key verification failed", VF_E_TRUST,
     "the host there shows another host key than the one that was verified for it"},
    {"no matching host key type", VF_E_TRUST, NULL},
    {"Permission denied", VF_E_AUTH,
     "the host there refuses the one-job key (is public key login allowed for this user?)"},
    {"no mover listens", VF_E_INTERNAL, NULL},
    {"not found", VF_E_INTERNAL, NULL},
};

int vf_dial_failed(struct vf_proc *p, struct vf_error **err)
{
    char text[4096];
    vf_set_nonblock(p->err, true);
    struct pollfd wait = {.fd = p->err, .events = POLLIN};
    vf_cancel_poll(NULL, &wait, 1, 500, NULL);
    ssize_t n = read(p->err, text, sizeof text - 1);
    while (n > 0 && strchr("\r\n", text[n - 1]))
        n--;
    if (n <= 0)
        return -1;
    text[n] = 0;
    vf_autofree char *safe = vf_escape(text);
    for (size_t i = 0; i < VF_COUNT(meanings); i++)
        if (strstr(text, meanings[i].says))
            return meanings[i].text ? vf_fail(err, meanings[i].code, "%s", meanings[i].text)
                                    : vf_fail(err, meanings[i].code, "ssh says: %s", safe);
    vf_fail(err, VF_E_NET, "ssh says: %s", safe);
    return strstr(text, "kex_exchange_identification: ") ? 1 : -1;
}
