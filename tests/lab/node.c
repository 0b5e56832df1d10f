/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A node: a process tree with file systems of its own and a real sshd.
 *
 * Its first process is a clone with mount, pid and UTS namespaces. It puts a new root together on a
 * tmpfs from bind mounts of the host's directories, with private /root, /run, /tmp, /etc/pve,
 * /mnt/pve and /var/lib/vz, and pivots into it, so that nothing is created or mounted where the
 * host sees it and everything is gone when that process is. Where namespaces are refused, the same
 * directories are used under their path on the host, and sshd runs as whoever we are. */
#include "config.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include "tests/lab/lab.h"
#include "tests/lab/sshd.h"

pid_t lab_clone_fork(unsigned long flags)
{
    return (pid_t)syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL, NULL);
}

bool lab_namespaces_work(const char *scratch)
{
    if (geteuid() != 0)
        return false;
    pid_t pid = lab_clone_fork(LAB_NS_FLAGS);
    if (pid < 0)
        return false;
    if (!pid) {
        bool good = !mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) &&
                    !mount("tmpfs", scratch, "tmpfs", 0, "size=64k") &&
                    !mount("proc", scratch, "proc", 0, NULL);
        _exit(good ? 0 : 1);
    }
    int status;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return false;
    return WIFEXITED(status) && !WEXITSTATUS(status);
}

int lab_bind_path(const char *from, const char *to, struct vf_error **err)
{
    if (mount(from, to, NULL, MS_BIND | MS_REC, NULL))
        return vf_fail_errno(err, errno, "cannot bind %s to %s", from, to);
    return 0;
}

static int make_dir(const char *path, mode_t mode, struct vf_error **err)
{
    if ((mkdir(path, mode) && errno != EEXIST) || chmod(path, mode))
        return vf_fail_errno(err, errno, "cannot make %s", path);
    return 0;
}

/* Makes every entry of FROM appear in TO (an empty directory of ours), except those in SKIP. */
static int bind_children(const char *from, const char *to, char *const *leave,
                         struct vf_error **err)
{
    DIR *d = opendir(from);
    if (!d)
        return errno == ENOENT ? 0 : vf_fail_errno(err, errno, "cannot read %s", from);
    int r = 0;
    struct dirent *e;
    while (!r && (e = readdir(d))) {
        struct stat st;
        if (vf_streq(e->d_name, ".") || vf_streq(e->d_name, "..") || vf_strv_has(leave, e->d_name))
            continue;
        vf_autofree char *src = vf_asprintf("%s/%s", from, e->d_name);
        vf_autofree char *dst = vf_asprintf("%s/%s", to, e->d_name);
        if (lstat(src, &st))
            continue;
        if (S_ISLNK(st.st_mode)) {
            char link[4096];
            ssize_t n = readlink(src, link, sizeof link - 1);
            if (n > 0) {
                link[n] = 0;
                r = symlink(link, dst) ? vf_fail_errno(err, errno, "cannot make %s", dst) : 0;
            }
        } else if (S_ISDIR(st.st_mode)) {
            r = make_dir(dst, 0755, err) || lab_bind_path(src, dst, err) ? -1 : 0;
        } else if (S_ISREG(st.st_mode)) {
            int fd = open(dst, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
            r = fd < 0 ? vf_fail_errno(err, errno, "cannot make %s", dst)
                       : lab_bind_path(src, dst, err);
            if (fd >= 0)
                close(fd);
        }
    }
    closedir(d);
    return r;
}

/* Shows the host's PATH (a directory) under its own name when the new root hides it. */
static int expose(const char *root, const char *path, struct vf_error **err)
{
    vf_autofree char *dst = vf_asprintf("%s%s", root, path);
    struct stat st;
    if (stat(dst, &st) == 0)
        return 0;
    return vf_mkdirs(dst, 0755, err) || lab_bind_path(path, dst, err) ? -1 : 0;
}

struct own_dir {
    const char *path; /* in the node */
    const char
        *source; /* below the node's directory on the host; NULL: an empty one on the tmpfs */
    mode_t mode;
};
static const struct own_dir own_dirs[] = {
    {"/etc", NULL, 0755},
    {"/var", NULL, 0755},
    {"/var/lib", NULL, 0755},
    {"/mnt", NULL, 0755},
    {"/run", NULL, 0755},
    {"/run/sshd", NULL, 0755},
    {"/run/qemu-server", NULL, 0755},
    {"/run/vmferry-lab", NULL, 0755},
    {"/var/tmp", NULL, 01777},
    {"/var/log", NULL, 0755},
    {"/mnt/pve", NULL, 0755},
    {"/proc", NULL, 0755},
    {"/root", "root", 0700},
    {"/tmp", "tmp", 01777},
    {"/var/lib/vz", "vz", 0755},
    {"/etc/pve", "../pve", 0755},
};

static int mount_storages(struct lab_node *node, const char *root, struct vf_error **err)
{
    for (size_t i = 0; i < node->lab->n_storages; i++) {
        const struct lab_storage *s = &node->lab->storages[i];
        if (vf_streq(s->path, "/var/lib/vz"))
            continue;
        vf_autofree char *dst = vf_asprintf("%s%s", root, s->path);
        vf_autofree char *src = s->shared ? vf_asprintf("%s/storage/%s", node->lab->cdir, s->name)
                                          : vf_asprintf("%s/storage-%s", node->dir, s->name);
        if (vf_mkdirs(dst, 0755, err))
            return -1;
        if (s->tmpfs) {
            vf_autofree char *opts =
                vf_asprintf("mode=0755,size=%llu", (unsigned long long)s->tmpfs);
            if (mount("tmpfs", dst, "tmpfs", 0, opts))
                return vf_fail_errno(err, errno, "cannot mount storage %s", s->name);
        } else if (vf_mkdirs(src, 0755, err) || lab_bind_path(src, dst, err)) {
            return -1;
        }
    }
    return 0;
}

static int make_root(struct lab_node *node, struct vf_error **err)
{
    vf_autofree char *root = vf_asprintf("%s/newroot", node->dir);
    char *top[] = {"etc", "var", "root", "tmp", "run", "mnt", "proc", NULL};
    char *var[] = {"lib", "tmp", "log", "run", "lock", NULL};
    char *etc[] = {"pve", "hostname", NULL};
    char *varlib[] = {"vz", "vmferry", NULL}; /* ours is not the node's */
    if (make_dir(root, 0755, err))
        return -1;
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
        mount("tmpfs", root, "tmpfs", 0, "mode=0755"))
        return vf_fail_errno(err, errno, "cannot mount a root for node %s", node->name);
    if (bind_children("/", root, top, err))
        return -1;
    for (size_t i = 0; i < VF_COUNT(own_dirs); i++) {
        const struct own_dir *d = &own_dirs[i];
        vf_autofree char *dst = vf_asprintf("%s%s", root, d->path);
        vf_autofree char *src = vf_asprintf("%s/%s", node->dir, d->source ? d->source : "");
        if (make_dir(dst, d->mode, err) || (d->source && lab_bind_path(src, dst, err)))
            return -1;
    }
    vf_autofree char *nvar = vf_asprintf("%s/var", root), *netc = vf_asprintf("%s/etc", root);
    vf_autofree char *nlib = vf_asprintf("%s/var/lib", root), *nmnt = vf_asprintf("%s/mnt", root);
    vf_autofree char *nrun = vf_asprintf("%s/var/run", root),
                     *host = vf_asprintf("%s/etc/hostname", root);
    vf_autofree char *line = vf_asprintf("%s\n", node->name);
    char *leave_pve[] = {"pve", NULL};
    if (bind_children("/var", nvar, var, err) || bind_children("/etc", netc, etc, err) ||
        bind_children("/var/lib", nlib, varlib, err) ||
        bind_children("/mnt", nmnt, leave_pve, err) || mount_storages(node, root, err) ||
        vf_replace_file(host, line, strlen(line), 0644, err))
        return -1;
    if (symlink("/run", nrun))
        return vf_fail_errno(err, errno, "cannot make %s", nrun);
    vf_autofree char *exe_dir = vf_strdup(node->lab->exe);
    *strrchr(exe_dir, '/') = 0;
    if (expose(root, node->lab->dir, err) || expose(root, *exe_dir ? exe_dir : "/usr/bin", err))
        return -1;
    vf_autofree char *proc = vf_asprintf("%s/proc", root);
    if (mount("proc", proc, "proc", 0, NULL) || chdir(root) || syscall(SYS_pivot_root, ".", ".") ||
        umount2(".", MNT_DETACH) || chdir("/"))
        return vf_fail_errno(err, errno, "cannot enter the root of node %s", node->name);
    if (sethostname(node->name, strlen(node->name)))
        return vf_fail_errno(err, errno, "cannot name node %s", node->name);
    return 0;
}

static int write_text(const char *dir, const char *name, const char *text, mode_t mode,
                      struct vf_error **err)
{
    vf_autofree char *path = vf_asprintf("%s/%s", dir, name);
    return vf_replace_file(path, text, strlen(text), mode, err);
}

static int write_keys(struct lab_node *node, const char *dir, struct vf_error **err)
{
    vf_autofree char *epriv = NULL, *epub = NULL, *rpriv = NULL, *rpub = NULL;
    vf_autofree char *comment = vf_asprintf("root@%s", node->name);
    if (lab_key_ed25519(comment, &epriv, &epub, err) ||
        lab_key_rsa(comment, LAB_RSA_BITS, &rpriv, &rpub, err))
        return -1;
    vf_autofree char *both = vf_asprintf("%s%s", epub, rpub);
    return write_text(dir, "ssh_host_ed25519_key", epriv, 0600, err) ||
                   write_text(dir, "ssh_host_rsa_key", rpriv, 0600, err) ||
                   write_text(node->dir, "hostkeys.pub", both, 0644, err)
               ? -1
               : 0;
}

/* qm, pvesm and pveum as a node has them: they ask the cluster. */
static int write_tools(struct lab_node *node, const char *bin, struct vf_error **err)
{
    static const char *const tools[] = {"qm", "pvesm", "pveum"};
    vf_autofree char *exe = vf_shell_quote(node->lab->exe), *dir = vf_shell_quote(node->lab->dir);
    if (vf_mkdirs(bin, 0755, err))
        return -1;
    for (size_t i = 0; i < VF_COUNT(tools); i++) {
        vf_autofree char *text = vf_asprintf("#!/bin/sh\nexec %s ctl --dir %s %s %s %s \"$@\"\n",
                                             exe, dir, node->lab->name, tools[i], node->name);
        if (write_text(bin, tools[i], text, 0755, err))
            return -1;
    }
    return 0;
}

static int write_sshd(struct lab_node *node, const char *run, struct vf_error **err)
{
    vf_autofree char *bin = vf_asprintf("%s/bin", run);
    vf_autobuf struct vf_buf b = {0};
    const char *haste = getenv("VMFERRY_TEST_HASTE"), /* for movers too */
        *outage = getenv("VMFERRY_TEST_OUTAGE");
    vf_buf_printf(
        &b,
        "Port %d\nListenAddress %s\nHostKey %s/ssh_host_ed25519_key\nHostKey "
        "%s/ssh_host_rsa_key\nPidFile %s/sshd.pid\nPermitRootLogin yes\nUsePAM no\n"
        "PasswordAuthentication no\nMaxStartups 100\nMaxSessions 100\n"
        "Subsystem sftp internal-sftp\nAcceptEnv LANG LC_*\nPrintMotd no\n" LAB_CHEAP_LOGINS
        "SetEnv PATH=%s:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin%s%s%s%s\n",
        node->lab->ssh_port, node->addr, run, run, run, bin, haste ? " VMFERRY_TEST_HASTE=" : "",
        haste ? haste : "", outage ? " VMFERRY_TEST_OUTAGE=" : "", outage ? outage : "");
    if (!node->lab->namespaces)
        vf_buf_printf(&b,
                      "StrictModes no\nAuthorizedKeysFile %s/root/.ssh/authorized_keys "
                      "%s/root/.ssh/authorized_keys2\n",
                      node->dir, node->dir);
    else
        vf_buf_puts(&b, "AuthorizedKeysFile .ssh/authorized_keys .ssh/authorized_keys2\n");
    return write_tools(node, bin, err) || write_keys(node, run, err) ||
                   write_text(run, "sshd_config", vf_buf_str(&b), 0600, err)
               ? -1
               : 0;
}

static pid_t start_sshd(const char *run, const char *log)
{
    pid_t pid = fork();
    if (pid)
        return pid;
    vf_autofree char *conf = vf_asprintf("%s/sshd_config", run);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execl("/usr/sbin/sshd", "/usr/sbin/sshd", "-D", "-f", conf, "-E", log, NULL);
    _exit(127);
}

char *lab_node_dir(const struct lab_node *node)
{
    return node->lab->namespaces ? vf_strdup("/run/vmferry-lab") : vf_asprintf("%s/run", node->dir);
}

/* The first process of a node: never returns. */
static void node_main(struct lab_node *node, int ready)
{
    vf_autoerror struct vf_error *err = NULL;
    vf_autofree char *log = vf_asprintf("%s/sshd.log", node->dir);
    lab_close_all(ready, -1);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NAME, "vmferry-lab-node");
    umask(022);
    vf_autofree char *run = lab_node_dir(node);
    if ((node->lab->namespaces && make_root(node, &err)) || vf_mkdirs(run, 0755, &err) ||
        write_sshd(node, run, &err)) {
        dprintf(ready, "%s", vf_error_text(err));
        _exit(1);
    }
    if (!node->lab->namespaces && !geteuid())
        (void)mkdir("/run/sshd",
                    0755); /* sshd insists on it, and has no option for another place */
    pid_t sshd = start_sshd(run, log);
    if (write(ready, "\n", 1) != 1 || sshd < 0)
        _exit(1);
    close(ready);
    signal(SIGCHLD, SIG_IGN); /* what ends here is reaped */
    for (;;)
        pause();
}

static int node_dirs(struct lab_node *node, struct vf_error **err)
{
    static const char *const dirs[] = {"root/.ssh", "tmp", "vz/images", "vz/template/iso", "run"};
    for (size_t i = 0; i < VF_COUNT(dirs); i++) {
        vf_autofree char *path = vf_asprintf("%s/%s", node->dir, dirs[i]);
        if (vf_mkdirs(path, 0755, err))
            return -1;
    }
    for (size_t i = 0; !node->lab->namespaces && i < node->lab->n_storages; i++) {
        vf_autofree char *path = lab_storage_path(node, &node->lab->storages[i]);
        if (vf_mkdirs(path, 0755, err))
            return -1;
    }
    vf_autofree char *ssh = vf_asprintf("%s/root/.ssh", node->dir);
    vf_autofree char *link = vf_asprintf("%s/authorized_keys", ssh);
    vf_autofree char *target = node->lab->namespaces
                                   ? vf_strdup("/etc/pve/priv/authorized_keys")
                                   : vf_asprintf("%s/pve/priv/authorized_keys", node->lab->cdir);
    if (chmod(ssh, 0700) || symlink(target, link))
        return vf_fail_errno(err, errno, "cannot make %s", link);
    return 0;
}

int lab_node_start(struct lab_node *node, struct vf_error **err)
{
    int pipes[2];
    if (node_dirs(node, err))
        return -1;
    if (pipe2(pipes, O_CLOEXEC))
        return vf_fail_errno(err, errno, "cannot make a pipe");
    fflush(NULL);
    node->init = lab_clone_fork(node->lab->namespaces ? LAB_NS_FLAGS : 0);
    if (!node->init) {
        close(pipes[0]);
        node_main(node, pipes[1]);
    }
    close(pipes[1]);
    node->ready_fd = pipes[0];
    if (node->init < 0)
        return vf_fail_errno(err, errno, "cannot start node %s", node->name);
    node->root = node->lab->namespaces ? vf_asprintf("/proc/%d/root", node->init) : vf_strdup("");
    vf_autofree char *pidfile = vf_asprintf("%s/init.pid", node->dir);
    return lab_pidfile_write(pidfile, node->init, err);
}

int lab_wait_ready(int fd, const char *name, struct vf_error **err)
{
    char text[2000];
    ssize_t n = vf_read_full(fd, text, 1);
    if (n == 1 && text[0] != '\n')
        n += vf_read_full(fd, text + 1, sizeof text - 2);
    close(fd);
    if (n == 1 && text[0] == '\n')
        return 0;
    text[n > 0 ? n : 0] = 0;
    return vf_fail(err, VF_E_INTERNAL, "%s did not start: %s", name,
                   n > 0 ? text : "it ended without a word");
}

void lab_close_all(int a, int b)
{
    int low = a < b ? a : b, high = a < b ? b : a;
    int from = low >= 3 ? low + 1 : 3;
    if (low > 3)
        close_range(3, (unsigned)low - 1, 0);
    if (high > from)
        close_range((unsigned)from, (unsigned)high - 1, 0);
    close_range((unsigned)(high >= from ? high + 1 : from), ~0U, 0);
}

int lab_node_wait_ready(struct lab_node *node, struct vf_error **err)
{
    int fd = VF_STEAL_FD(node->ready_fd);
    vf_autofree char *name = vf_asprintf("node %s", node->name);
    return lab_wait_ready(fd, name, err);
}

int lab_node_wait_ssh(struct lab_node *node, struct vf_error **err)
{
    /* written once sshd listens; who tried to connect would have it start a process for a login */
    vf_autofree char *run = lab_node_dir(node);
    vf_autofree char *path = vf_asprintf("%s%s/sshd.pid", node->root, run);
    for (int64_t end = vf_clock_ms() + LAB_PATIENCE; vf_clock_ms() < end; usleep(4000))
        if (access(path, F_OK) == 0)
            return 0;
    return vf_fail(err, VF_E_INTERNAL, "the sshd of node %s does not listen, see %s/sshd.log",
                   node->name, node->dir);
}
