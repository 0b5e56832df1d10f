/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `vmferry-lab esxi`: an address, a password, the process of the host, its place in vmferry.conf.
 */
#include "config.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include "base/proc.h"
#include "tests/lab/esxi.h"

enum { FD_API = 3, FD_CTL = 4, FD_SSH = 5 };

char *esxi_program(struct vf_error **err)
{
    vf_autofree char *path = vf_proc_companion("vsphere-sim", PKGLIBEXECDIR "/vsphere-sim");
    if (access(path, X_OK)) {
        vf_fail(err, VF_E_UNSUPPORTED,
                "there is no ESXi host: vmferry was built without Go and the package "
                "golang-github-vmware-govmomi-dev");
        return NULL;
    }
    return VF_STEAL(path);
}

/* The first of PORTS that is free at ADDR, listening; -1. */
static int listen_at(const char *addr, const int *ports, int *port)
{
    for (; *ports; ports++) {
        int fd = lab_listen(addr, *ports);
        if (fd >= 0) {
            *port = *ports;
            return fd;
        }
    }
    return -1;
}

/* An address of its own; the API's port, held from here on, is the claim. */
static int find_address(struct esxi *e, struct vf_error **err)
{
    static const int api_ports[] = {443, 8443, 0}, ssh_ports[] = {22, 2222, 2022, 20022, 0};
    unsigned h = 5381;
    for (const char *p = e->dir; *p; p++)
        h = h * 33 + (unsigned char)*p;
    for (unsigned i = 0; i < 250; i++, h += 7919) {
        vf_autofree char *addr =
            vf_asprintf("127.%u.%u.%u", 100 + h % 100, 1 + h / 100 % 250, 31 + h / 25000 % 60);
        int fd = listen_at(addr, api_ports, &e->port);
        int ssh = fd < 0 ? -1 : listen_at(addr, ssh_ports, &e->ssh_port);
        if (ssh >= 0) {
            close(ssh);
            e->api_fd = fd;
            e->addr = VF_STEAL(addr);
            return 0;
        }
        if (fd >= 0)
            close(fd);
    }
    return vf_fail(err, VF_E_INTERNAL, "no loopback address is free for %s", e->name);
}

static int write_file(const struct esxi *e, const char *name, const void *data, size_t n,
                      mode_t mode, struct vf_error **err)
{
    vf_autofree char *path = vf_asprintf("%s/%s", e->dir, name);
    return vf_replace_file(path, data, n, mode, err);
}

static const char *user(const struct esxi *e)
{
    return e->vcenter ? "administrator@vsphere.local" : "root";
}

/* In a fork: becomes the simulator. */
static void become_simulator(const struct esxi *e, int api, int ctl, int ssh, int out)
{
    char ssh_port[16];
    snprintf(ssh_port, sizeof ssh_port, "%d", e->ssh_port);
    const char *argv[] = {
        e->program, "serve",     "--dir",
        e->dir,     "--name",    e->name,
        "--addr",   e->addr,     "--profile",
        e->profile, "--version", e->version,
        "--user",   user(e),     "--ssh-port",
        ssh_port,   "--ssh",     !e->ssh_port ? "none" : e->ssh_off ? "off" : "on",
        NULL,       NULL,        NULL};
    size_t n = VF_COUNT(argv) - 3;
    if (e->vcenter)
        argv[n++] = "--vcenter";
    if (e->old_tls)
        argv[n] = "--old-tls";
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    /* above the numbers they are to have, so that none is lost on the way */
    int fds[] = {fcntl(api, F_DUPFD, 10), fcntl(ctl, F_DUPFD, 10), fcntl(ssh, F_DUPFD, 10)};
    if (dup2(out, 1) < 0 || dup2(fds[0], FD_API) < 0 || dup2(fds[1], FD_CTL) < 0 ||
        dup2(fds[2], FD_SSH) < 0)
        _exit(126);
    close_range(FD_SSH + 1, ~0U, 0);
    execv(e->program, (char *const *)argv);
    _exit(127);
}

/* Its first line is "ready", or what is wrong. */
static int wait_simulator(int fd, struct vf_error **err)
{
    char line[2000];
    size_t n = 0;
    for (int64_t end = vf_clock_ms() + LAB_PATIENCE; n < sizeof line - 1;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        int left = (int)(end - vf_clock_ms());
        if (left <= 0 || poll(&p, 1, left) <= 0 || read(fd, line + n, 1) != 1 || line[n] == '\n')
            break;
        n++;
    }
    line[n] = 0;
    return vf_streq(line, "ready") ? 0
                                   : vf_fail(err, VF_E_INTERNAL, "the ESXi host did not start: %s",
                                             n ? line : "it said nothing");
}

struct parts {
    pid_t simulator, shell;
};

static int start_parts(struct esxi *e, struct parts *p, struct vf_error **err)
{
    unsigned char boot[512];
    int commands[2], out[2], ready;
    lab_guest_sector(boot, false);
    vf_autofd int ctl = lab_unix_socket(e->dir, "ctl", true, err);
    if (ctl < 0 || write_file(e, "boot", boot, sizeof boot, 0644, err))
        return -1;
    if (pipe2(commands, O_CLOEXEC) || pipe2(out, O_CLOEXEC))
        return vf_fail_errno(err, errno, "cannot make a pipe");
    if (e->ssh_port) {
        p->shell = esxi_shell_start(e, commands[0], &ready, err);
        if (p->shell < 0 || lab_wait_ready(ready, "the shell", err))
            return -1;
    }
    p->simulator = fork();
    if (!p->simulator)
        become_simulator(e, e->api_fd, ctl, commands[1], out[1]);
    close(out[1]);
    close(commands[0]);
    int r = p->simulator < 0 ? vf_fail_errno(err, errno, "cannot start %s", e->program)
                             : wait_simulator(out[0], err);
    /* OUT stays open: what it prints later must not end it */
    return r;
}

static void stop_parts(const struct parts *p)
{
    pid_t pids[] = {p->simulator, p->shell};
    for (size_t i = 0; i < VF_COUNT(pids); i++)
        if (pids[i] > 0) {
            kill(pids[i], SIGKILL);
            waitpid(pids[i], NULL, 0);
        }
}

static void daemon_main(struct esxi *e, int ready)
{
    vf_autoerror struct vf_error *err = NULL;
    struct parts parts = {-1, -1};
    vf_autofree char *log = vf_asprintf("%s/daemon.log", e->dir);
    vf_autofree char *pidfile = vf_asprintf("%s/daemon.pid", e->dir);
    sigset_t wait_for;
    int sig;
    setsid();
    umask(022);
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&wait_for);
    sigaddset(&wait_for, SIGTERM);
    sigaddset(&wait_for, SIGINT);
    sigprocmask(SIG_BLOCK, &wait_for, NULL);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    int out = open(log, O_CREAT | O_APPEND | O_WRONLY | O_CLOEXEC, 0600);
    int r = 0;
    if (out < 0 || null < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
        r = vf_fail_errno(&err, errno, "cannot write %s", log);
    if (!r)
        r = lab_pidfile_write(pidfile, getpid(), &err) || start_parts(e, &parts, &err) ? -1 : 0;
    if (r) {
        dprintf(ready, "%s", vf_error_text(err));
        stop_parts(&parts);
        _exit(1);
    }
    if (write(ready, "\n", 1) == 1)
        close(ready);
    while (sigwait(&wait_for, &sig))
        ;
    stop_parts(&parts);
    _exit(0);
}

int esxi_start(struct esxi *e, struct vf_error **err)
{
    int pipes[2];
    e->api_fd = e->ready_fd = -1;
    e->dir = vf_asprintf("%s/%s", e->lab, e->name);
    if (!(e->program = esxi_program(err)))
        return -1;
    if (access(e->dir, F_OK) == 0)
        return vf_fail(err, VF_E_CONFLICT, "the lab has a %s already", e->name);
    if (vf_mkdirs(e->dir, 0755, err) || find_address(e, err))
        return -1;
    /* without namespaces there is no host's shell, and without root nobody to log in */
    if (e->vcenter || e->no_namespaces || !lab_namespaces_work(e->dir) ||
        esxi_shell_prepare(e, NULL))
        e->ssh_port = 0;
    vf_autofree char *secret = vf_random_hex(8);
    e->password = vf_asprintf("%s\n", secret);
    if (write_file(e, "password", e->password, strlen(e->password), 0600, err))
        return -1;
    if (pipe2(pipes, O_CLOEXEC))
        return vf_fail_errno(err, errno, "cannot make a pipe");
    fflush(NULL);
    pid_t pid = fork();
    if (!pid) {
        close(pipes[0]);
        daemon_main(e, pipes[1]);
    }
    close(pipes[1]);
    close(VF_STEAL_FD(e->api_fd));
    e->ready_fd = pipes[0];
    return pid < 0 ? vf_fail_errno(err, errno, "cannot start %s", e->name) : 0;
}

/* The entry of vmferry.conf; without one yet, a file of that alone. */
static int add_to_conf(const struct esxi *e, const char *fingerprint, struct vf_error **err)
{
    static const char end[] = "\n);\n";
    vf_autofree char *path = vf_asprintf("%s/vmferry.conf", e->lab);
    vf_autofree char *have = vf_read_file(path, 1 << 20, NULL, NULL);
    vf_autobuf struct vf_buf b = {0};
    size_t n = have ? strlen(have) : 0;
    if (n >= strlen(end) && vf_streq(have + n - strlen(end), end)) {
        vf_buf_add(&b, have, n - strlen(end));
        vf_buf_puts(&b, ",\n");
    } else {
        vf_buf_puts(&b, "# made by vmferry-lab\nclusters = (\n");
    }
    vf_buf_printf(
        &b,
        "  {\n    name = \"%s\";\n    type = \"esxi\";\n    url = [ \"https://%s:%d\" ];\n"
        "    user = \"%s\";\n    secret-file = \"%s/password\";\n    fingerprint = \"%.*s\";\n%s",
        e->name, e->addr, e->port, user(e), e->dir, (int)strcspn(fingerprint, "\n"), fingerprint,
        e->old_tls ? "    old-tls = true;\n" : "");
    if (e->ssh_port)
        vf_buf_printf(&b,
                      "    ssh = { user = \"root\"; port = %d; known-hosts = \"%s/known_hosts\"; "
                      "config = \"none\";%s };\n",
                      e->ssh_port, e->lab, e->ssh_old ? " legacy = true;" : "");
    vf_buf_printf(&b, "  }%s", end);
    return vf_replace_file(path, b.data, b.len, 0644, err);
}

static int add_to_known_hosts(const struct esxi *e, struct vf_error **err)
{
    vf_autofree char *path = vf_asprintf("%s/known_hosts", e->lab);
    vf_autofree char *keys_path = vf_asprintf("%s/hostkeys.pub", e->dir);
    vf_autofree char *have = vf_read_file(path, 1 << 20, NULL, NULL);
    vf_autofree char *keys = vf_read_file(keys_path, 65536, NULL, err);
    vf_autofree char *host =
        e->ssh_port == 22 ? vf_strdup(e->addr) : vf_asprintf("[%s]:%d", e->addr, e->ssh_port);
    vf_autobuf struct vf_buf b = {0};
    if (!keys)
        return -1;
    vf_buf_puts(&b, have ? have : "");
    vf_autostrv char **lines = vf_strv_split(keys, "\n");
    for (size_t i = 0; lines[i]; i++)
        if (*lines[i])
            vf_buf_printf(&b, "%s %s\n", host, lines[i]);
    return vf_replace_file(path, b.data, b.len, 0600, err);
}

int esxi_finish(struct esxi *e, struct vf_error **err)
{
    vf_autofree char *path = vf_asprintf("%s/fingerprint", e->dir);
    if (lab_wait_ready(VF_STEAL_FD(e->ready_fd), e->name, err))
        return -1;
    vf_autofree char *fingerprint = vf_read_file(path, 1000, NULL, err);
    if (!fingerprint || add_to_conf(e, fingerprint, err) ||
        (e->ssh_port && add_to_known_hosts(e, err)))
        return -1;
    printf("%s https://%s:%d\n", e->name, e->addr, e->port);
    return 0;
}

void esxi_clear(struct esxi *e)
{
    char *texts[] = {e->dir, e->addr, e->password, e->program};
    for (size_t i = 0; i < VF_COUNT(texts); i++)
        free(texts[i]);
    if (e->api_fd >= 0)
        close(e->api_fd);
}
