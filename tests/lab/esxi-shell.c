/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The shell of an ESXi host: a root of its own with busybox (and of that what ESXi has), vim-cmd,
 * esxcli and vmkfstools that ask the simulator, the datastores under /vmfs, and an sshd that wants
 * the password by keyboard-interactive, from PAM, which asks the simulator too. Everything that is
 * not ESXi's lies in /lab there. */
#include "config.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include "base/proc.h"
#include "tests/lab/esxi.h"

/* What of busybox ESXi 6 to 8 have: no tr, split, df, base64, realpath. */
static const char *const applets[] = {
    "[",        "[[",      "ash",      "awk",   "basename", "bunzip2",  "chgrp",   "chmod",
    "chown",    "chvt",    "clear",    "cut",   "date",     "diff",     "dirname", "du",
    "echo",     "egrep",   "env",      "expr",  "false",    "fgrep",    "find",    "getty",
    "grep",     "gunzip",  "gzip",     "head",  "hexdump",  "hostname", "id",      "kill",
    "less",     "ln",      "ls",       "mkdir", "mkfifo",   "mknod",    "mktemp",  "more",
    "mv",       "nc",      "nslookup", "od",    "pidof",    "printf",   "ps",      "pwd",
    "readlink", "rm",      "rmdir",    "sed",   "seq",      "setsid",   "sh",      "sleep",
    "sort",     "stat",    "stty",     "sync",  "tail",     "tar",      "tee",     "test",
    "time",     "timeout", "touch",    "true",  "tty",      "uname",    "uniq",    "unlink",
    "unzip",    "uptime",  "usleep",   "vi",    "watch",    "wc",       "wget",    "which",
    "who",      "xargs",   "zcat",
};

/* These read disks: what a running VM has is busy. */
static const char *const readers[] = {"cat",     "cp",        "dd",       "md5sum",
                                      "sha1sum", "sha256sum", "sha512sum"};

static const char reader_text[] =
    "#!/bin/sh\n"
    "name=${0##*/}\n"
    "for a; do\n"
    "    case $name:$a in\n"
    "    dd:iflag=* | dd:oflag=* | dd:status=*) echo \"dd: invalid argument '$a'\" >&2; exit 1 ;;\n"
    "    *.vmdk)\n"
    "        f=$(/lab/busybox readlink -f \"${a#if=}\")\n"
    "        if /lab/busybox grep -qxF \"$f\" /lab/state/locked; then\n"
    "            echo \"$name: can't open '${a#if=}': Device or resource busy\" >&2\n"
    "            exit 1\n"
    "        fi ;;\n"
    "    esac\n"
    "done\n"
    "exec /lab/busybox $name \"$@\"\n";

static const char pam_text[] =
    "auth requisite pam_exec.so quiet expose_authtok /lab/vsphere-sim auth /lab/ctl\n"
    "auth required pam_permit.so\n"
    "account required pam_permit.so\nsession required pam_permit.so\n"
    "password required pam_deny.so\n";

static int write_text(const char *dir, const char *name, const char *text, mode_t mode,
                      struct vf_error **err)
{
    vf_autofree char *path = vf_asprintf("%s/%s", dir, name);
    return vf_replace_file(path, text, strlen(text), mode, err);
}

static int make_commands(const char *bin, struct vf_error **err)
{
    static const char *const asking[] = {"vim-cmd", "esxcli", "vmkfstools", "vmware"};
    for (size_t i = 0; i < VF_COUNT(applets); i++) {
        vf_autofree char *path = vf_asprintf("%s/%s", bin, applets[i]);
        if (symlink("/lab/busybox", path))
            return vf_fail_errno(err, errno, "cannot make %s", path);
    }
    for (size_t i = 0; i < VF_COUNT(readers); i++)
        if (write_text(bin, readers[i], reader_text, 0755, err))
            return -1;
    for (size_t i = 0; i < VF_COUNT(asking); i++) {
        vf_autofree char *text =
            vf_asprintf("#!/bin/sh\nexec /lab/vsphere-sim client /lab/ctl %s \"$@\"\n", asking[i]);
        if (write_text(bin, asking[i], text, 0755, err))
            return -1;
    }
    return 0;
}

static int make_keys(const struct esxi *e, const char *etc, struct vf_error **err)
{
    vf_autofree char *rsa = NULL, *rsa_pub = NULL;
    vf_autofree char *ecdsa = vf_asprintf("%s/ssh_host_ecdsa_key", etc);
    vf_autofree char *ecdsa_pub_path = vf_asprintf("%s.pub", ecdsa);
    const char *argv[] = {"ssh-keygen", "-q", "-t", "ecdsa", "-b",  "256", "-N",
                          "",           "-C", "",   "-f",    ecdsa, NULL};
    struct vf_proc_result r;
    if (lab_key_rsa("esxi", e->ssh_old ? 2048 : LAB_RSA_BITS, &rsa, &rsa_pub, err) ||
        write_text(etc, "ssh_host_rsa_key", rsa, 0600, err))
        return -1;
    if (e->ssh_old)
        return write_text(e->dir, "hostkeys.pub", rsa_pub, 0644, err);
    if (vf_proc_run(argv, NULL, 0, 4096, NULL, &r, err) < 0)
        return -1;
    int status = r.status;
    vf_proc_result_free(&r);
    vf_autofree char *ecdsa_pub = status ? NULL : vf_read_file(ecdsa_pub_path, 4096, NULL, err);
    if (!ecdsa_pub)
        return vf_fail(err, VF_E_INTERNAL, "cannot make an ECDSA key");
    vf_autofree char *both = vf_asprintf("%s%s", ecdsa_pub, rsa_pub);
    return write_text(e->dir, "hostkeys.pub", both, 0644, err);
}

static int write_sshd(const struct esxi *e, const char *etc, struct vf_error **err)
{
    vf_autobuf struct vf_buf b = {0};
    vf_buf_printf(&b,
                  "Port %d\nListenAddress %s\nHostKey /etc/ssh/ssh_host_rsa_key\n%s"
                  "PidFile none\nPermitRootLogin yes\nUsePAM yes\nPasswordAuthentication no\n"
                  "KbdInteractiveAuthentication yes\nPrintMotd no\nPrintLastLog no\nUseDNS no\n"
                  "AuthorizedKeysFile /etc/ssh/keys-%%u/authorized_keys\nMaxStartups 10:30:100\n"
                  "MaxSessions 10\nSubsystem sftp internal-sftp\nSetEnv PATH=/bin:/sbin\n",
                  e->ssh_port, e->addr, e->ssh_old ? "" : "HostKey /etc/ssh/ssh_host_ecdsa_key\n");
    if (e->ssh_old) /* what the sshd of ESXi 4 and 5 has */
        vf_buf_puts(&b, "HostKeyAlgorithms ssh-rsa\nKexAlgorithms diffie-hellman-group14-sha1\n"
                        "Ciphers aes128-ctr,aes128-cbc,3des-cbc\nMACs hmac-sha1\n"
                        "PubkeyAcceptedAlgorithms ssh-rsa\n");
    else
        vf_buf_puts(&b, "Ciphers aes256-gcm@openssh.com,aes128-gcm@openssh.com,aes256-ctr,"
                        "aes128-ctr\n");
    return write_text(etc, "sshd_config", vf_buf_str(&b), 0600, err);
}

int esxi_shell_prepare(const struct esxi *e, struct vf_error **err)
{
    static const char *const dirs[] = {"bin",   "etc/ssh/keys-root", "etc/pam.d",
                                       "state", "volumes",           "newroot"};
    static const struct {
        const char *name, *text;
    } files[] = {
        {"etc/passwd",
         "root:x:0:0:Administrator:/:/bin/sh\nsshd:x:74:74:sshd:/run/sshd:/bin/false\n"
         "nobody:x:99:99:Nobody:/:/bin/false\n"},
        {"etc/group", "root:x:0:\nsshd:x:74:\nnobody:x:99:\n"},
        {"etc/nsswitch.conf", "passwd: files\ngroup: files\nshadow: files\nhosts: files\n"},
        {"etc/pam.d/sshd", pam_text},
        {"etc/pam.d/other", "auth required pam_deny.so\naccount required pam_deny.so\n"},
        {"etc/ssh/keys-root/authorized_keys", ""},
        {"etc/profile", "PATH=/bin:/sbin\n"},
        {"state/locked", ""},
    };
    for (size_t i = 0; i < VF_COUNT(dirs); i++) {
        vf_autofree char *path = vf_asprintf("%s/%s", e->dir, dirs[i]);
        if (vf_mkdirs(path, 0755, err))
            return -1;
    }
    for (size_t i = 0; i < VF_COUNT(files); i++)
        if (write_text(e->dir, files[i].name, files[i].text, 0644, err))
            return -1;
    static const char *const programs[] = {"/usr/sbin/sshd", "/usr/bin/busybox"};
    for (size_t i = 0; i < VF_COUNT(programs); i++)
        if (access(programs[i], X_OK))
            return vf_fail(err, VF_E_UNSUPPORTED, "%s is not installed", programs[i]);
    vf_autofree char *bin = vf_asprintf("%s/bin", e->dir), *ssh = vf_asprintf("%s/etc/ssh", e->dir);
    return make_commands(bin, err) || make_keys(e, ssh, err) || write_sshd(e, ssh, err) ? -1 : 0;
}

/* Makes the host's FROM appear as TO below ROOT: a link as a link, what is not there not. */
static int show(const char *root, const char *from, const char *to, struct vf_error **err)
{
    struct stat st;
    vf_autofree char *dst = vf_asprintf("%s%s", root, to);
    vf_autofree char *parent = vf_strdup(dst);
    *strrchr(parent, '/') = 0;
    if (lstat(from, &st))
        return errno == ENOENT ? 0 : vf_fail_errno(err, errno, "%s", from);
    if (vf_mkdirs(parent, 0755, err))
        return -1;
    if (S_ISLNK(st.st_mode)) {
        char link[4096];
        ssize_t n = readlink(from, link, sizeof link - 1);
        link[n > 0 ? n : 0] = 0;
        return symlink(link, dst) ? vf_fail_errno(err, errno, "cannot make %s", dst) : 0;
    }
    if (S_ISDIR(st.st_mode)) {
        if (vf_mkdirs(dst, 0755, err))
            return -1;
    } else {
        vf_autofd int fd = open(dst, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
        if (fd < 0)
            return vf_fail_errno(err, errno, "cannot make %s", dst);
    }
    return lab_bind_path(from, dst, err);
}

static int make_root(const struct esxi *e, struct vf_error **err)
{
    static const char *const same[] = {"/lib",      "/lib64",    "/usr/lib",    "/usr/lib64",
                                       "/dev/null", "/dev/zero", "/dev/random", "/dev/urandom",
                                       "/dev/full", "/dev/tty"};
    static const char *const own[] = {"bin", "etc"};
    static const struct {
        const char *from, *to;
    } lab[] = {{"ctl", "/lab/ctl"}, {"state", "/lab/state"}, {"volumes", "/vmfs/volumes"}};
    static const char *const made[] = {"/run/sshd", "/tmp", "/proc", "/var"};
    vf_autofree char *root = vf_asprintf("%s/newroot", e->dir);
    vf_autofree char *name = vf_asprintf("%s.lab", e->name);
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
        mount("tmpfs", root, "tmpfs", 0, "mode=0755"))
        return vf_fail_errno(err, errno, "cannot mount a root for %s", e->name);
    for (size_t i = 0; i < VF_COUNT(same); i++)
        if (show(root, same[i], same[i], err))
            return -1;
    for (size_t i = 0; i < VF_COUNT(own); i++) {
        vf_autofree char *from = vf_asprintf("%s/%s", e->dir, own[i]);
        vf_autofree char *to = vf_asprintf("/%s", own[i]);
        if (show(root, from, to, err))
            return -1;
    }
    for (size_t i = 0; i < VF_COUNT(lab); i++) {
        vf_autofree char *from = vf_asprintf("%s/%s", e->dir, lab[i].from);
        if (show(root, from, lab[i].to, err))
            return -1;
    }
    for (size_t i = 0; i < VF_COUNT(made); i++) {
        vf_autofree char *path = vf_asprintf("%s%s", root, made[i]);
        if (vf_mkdirs(path, 0755, err))
            return -1;
    }
    vf_autofree char *proc = vf_asprintf("%s/proc", root), *sbin = vf_asprintf("%s/sbin", root);
    vf_autofree char *run = vf_asprintf("%s/var/run", root), *tmp = vf_asprintf("%s/tmp", root);
    if (show(root, e->program, "/lab/vsphere-sim", err) ||
        show(root, "/usr/bin/busybox", "/lab/busybox", err) ||
        show(root, "/usr/sbin/sshd", "/lab/sshd", err))
        return -1;
    if (symlink("bin", sbin) || symlink("/run", run) || chmod(tmp, 01777) ||
        mount("proc", proc, "proc", 0, NULL) || chdir(root) || syscall(SYS_pivot_root, ".", ".") ||
        umount2(".", MNT_DETACH) || chdir("/") || sethostname(name, strlen(name)))
        return vf_fail_errno(err, errno, "cannot enter the root of %s", e->name);
    return 0;
}

static pid_t start_sshd(void)
{
    pid_t pid = fork();
    if (pid)
        return pid;
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGCHLD, SIG_DFL);
    setsid();
    execl("/lab/sshd", "/lab/sshd", "-D", "-e", "-f", "/etc/ssh/sshd_config", NULL);
    _exit(127);
}

static void end_sshd(pid_t *sshd)
{
    if (*sshd > 0) {
        kill(*sshd, SIGKILL); /* what it has let in lives on */
        waitpid(*sshd, NULL, 0);
    }
    *sshd = -1;
}

/* The first process of the namespaces: never returns. */
static void shell_main(const struct esxi *e, int commands, int ready)
{
    vf_autoerror struct vf_error *err = NULL;
    vf_autofree char *log = vf_asprintf("%s/sshd.log", e->dir);
    int out = open(log, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NAME, "vmferry-lab-esx");
    umask(022);
    if (out < 0 || dup2(out, 2) < 0 || make_root(e, &err)) {
        dprintf(ready, "%s", err ? vf_error_text(err) : "cannot write its log");
        _exit(1);
    }
    if (write(ready, "\n", 1) != 1)
        _exit(1);
    close(ready);
    pid_t sshd = -1;
    char c;
    while (read(commands, &c, 1) == 1) {
        bool runs = sshd > 0;
        while (waitpid(-1, NULL, WNOHANG) > 0)
            ;
        if (c != '1')
            end_sshd(&sshd);
        if (c == 'c')
            kill(-1, SIGKILL);
        if ((c == '1' || c == 'c') && (c == '1' || runs) && sshd < 0)
            sshd = start_sshd();
    }
    _exit(0);
}

pid_t esxi_shell_start(const struct esxi *e, int commands, int *ready_fd, struct vf_error **err)
{
    int pipes[2];
    if (pipe2(pipes, O_CLOEXEC))
        return vf_fail_errno(err, errno, "cannot make a pipe");
    fflush(NULL);
    pid_t pid = lab_clone_fork(LAB_NS_FLAGS);
    if (!pid) {
        close(pipes[0]);
        shell_main(e, commands, pipes[1]);
    }
    close(pipes[1]);
    *ready_fd = pipes[0];
    return pid < 0 ? vf_fail_errno(err, errno, "cannot start the shell of %s", e->name) : pid;
}
