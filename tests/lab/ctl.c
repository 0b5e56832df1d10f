/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The control socket of a cluster. A request is one JSON array of strings on a line; the answer one
 * object {"status": N, "out": "…"}. */
#include "config.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include "tests/lab/http.h"
#include "tests/lab/lab.h"

/* The path is taken through /proc/self/fd, so that it always fits struct sockaddr_un. */
int lab_unix_socket(const char *dir, const char *name, bool listening, struct vf_error **err)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    vf_autofd int dfd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(sa.sun_path, sizeof sa.sun_path, "/proc/self/fd/%d/%s", dfd, name);
    if (dfd >= 0 && fd >= 0) {
        int r = listening ? bind(fd, (struct sockaddr *)&sa, sizeof sa)
                          : connect(fd, (struct sockaddr *)&sa, sizeof sa);
        if (!r && (!listening || !listen(fd, 16)))
            return fd;
    }
    vf_fail_errno(err, errno, "cannot %s the socket %s/%s", listening ? "make" : "reach", dir,
                  name);
    if (fd >= 0)
        close(fd);
    return -1;
}

struct ctl {
    struct lab *lab;
    int fd;
};

static char *read_all(int fd, size_t max)
{
    vf_autobuf struct vf_buf b = {0};
    while (b.len < max && !(b.len && b.data[b.len - 1] == '\n')) {
        char *room = vf_buf_room(&b, 65536);
        ssize_t n = read(fd, room, 65536);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        b.len += n;
        b.data[b.len] = 0;
    }
    return vf_buf_take(&b);
}

static void *ctl_one(void *arg)
{
    vf_autofree struct ctl *c = arg;
    vf_autofd int fd = c->fd;
    vf_autofree char *line = read_all(fd, 1 << 20);
    lab_autojson json_t *args = json_loads(line, 0, NULL);
    vf_autostrv char **argv = vf_strv_new();
    vf_autobuf struct vf_buf out = {0};
    size_t i;
    json_t *a;
    json_array_foreach (args, i, a)
        vf_strv_add(&argv, json_string_value(a) ? json_string_value(a) : "");
    pthread_mutex_lock(&c->lab->lock);
    int status = lab_command(c->lab, argv, &out);
    pthread_mutex_unlock(&c->lab->lock);
    lab_autojson json_t *answer =
        json_pack("{s:i, s:s}", "status", status, "out", vf_buf_str(&out));
    vf_autofree char *text = answer ? json_dumps(answer, JSON_COMPACT) : NULL;
    if (text && !vf_write_full(fd, text, strlen(text)))
        (void)!write(fd, "\n", 1);
    return NULL;
}

static void *ctl_accept(void *arg)
{
    struct ctl *server = arg;
    for (;;) {
        int fd = accept4(server->fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0)
            continue;
        struct ctl *c = vf_xcalloc(1, sizeof *c);
        *c = (struct ctl){.lab = server->lab, .fd = fd};
        if (lab_thread(ctl_one, c)) {
            close(fd);
            free(c);
        }
    }
    return NULL;
}

int lab_ctl_serve(struct lab *lab, struct vf_error **err)
{
    struct ctl *server = vf_xcalloc(1, sizeof *server);
    server->lab = lab;
    server->fd = lab_unix_socket(lab->cdir, "ctl", true, err);
    if (server->fd < 0 || lab_thread(ctl_accept, server))
        return vf_fail(err, VF_E_INTERNAL, "cannot serve the control socket");
    return 0;
}

static int wait_for(pid_t pid)
{
    int status;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return 1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* In a fork: joins the node (init > 0) and becomes, one fork further, the command. */
static void exec_main(pid_t init, const char *path, char *const *argv)
{
    if (init > 0 && lab_enter(init)) {
        fprintf(stderr, "vmferry-lab: cannot enter the node: %s\n", strerror(errno));
        _exit(126);
    }
    pid_t pid = fork();
    if (pid)
        _exit(pid < 0 ? 126 : wait_for(pid));
    setenv("PATH", path, 1);
    if (init > 0 && (setenv("HOME", "/root", 1) || chdir("/root")))
        _exit(126);
    execvp(argv[0], argv);
    fprintf(stderr, "vmferry-lab: cannot run %s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

/* `node NODE exec COMMAND…` happens here and not in the daemon: terminal, exit status and all. The
 * joining is done in a fork, because leak checkers at exit do not survive a change of PID
 * namespace. */
static int node_exec(const char *cdir, const char *node, char *const *argv)
{
    vf_autofree char *pidfile = vf_asprintf("%s/%s/init.pid", cdir, node);
    vf_autofree char *bin = vf_asprintf("%s/%s/run/bin", cdir, node);
    pid_t init = lab_pidfile_read(pidfile);
    if (init < 0) {
        fprintf(stderr, "vmferry-lab: node %s does not run\n", node);
        return 1;
    }
    bool ns = access(bin, F_OK) != 0;
    const char *have = getenv("PATH");
    vf_autofree char *path = vf_asprintf("%s:%s", ns ? "/run/vmferry-lab/bin" : bin,
                                         have ? have : "/usr/sbin:/usr/bin:/sbin:/bin");
    fflush(NULL);
    pid_t pid = fork();
    if (!pid)
        exec_main(ns ? init : 0, path, argv);
    return pid < 0 ? 1 : wait_for(pid);
}

int lab_ctl_client(const char *dir, const char *cluster, char *const *args)
{
    vf_autoerror struct vf_error *err = NULL;
    vf_autofree char *cdir = vf_asprintf("%s/%s", dir, cluster);
    if (vf_streq(args[0], "node") && args[1] && vf_streq(args[2], "exec") && args[3])
        return node_exec(cdir, args[1], args + 3);
    lab_autojson json_t *list = json_array();
    for (size_t i = 0; args[i]; i++)
        json_array_append_new(list, json_string(args[i]));
    vf_autofree char *text = json_dumps(list, JSON_COMPACT);
    vf_autofree char *line = vf_asprintf("%s\n", text);
    vf_autofd int fd = lab_unix_socket(cdir, "ctl", false, &err);
    if (fd < 0 || vf_write_full(fd, line, strlen(line))) {
        fprintf(stderr, "vmferry-lab: %s\n", vf_error_text(err));
        return 1;
    }
    vf_autofree char *back = read_all(fd, 256 << 20);
    lab_autojson json_t *answer = json_loads(back, 0, NULL);
    const char *out = json_string_value(json_object_get(answer, "out"));
    int status = answer ? (int)json_integer_value(json_object_get(answer, "status")) : 1;
    if (out)
        fputs(out, status ? stderr : stdout);
    return status;
}
