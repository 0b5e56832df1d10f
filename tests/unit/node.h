/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Another host: an sshd of our own on loopback, in a mount namespace so that movers there do not
 * count as being here. To be included behind copy-fixture.h. */
#ifndef VF_TESTS_NODE_H
#define VF_TESTS_NODE_H

#include <arpa/inet.h>
#include <dirent.h>
#include <pwd.h>
#include <sys/socket.h>
#include "tests/lab/sshd.h"
#include "tests/unit/port.h"

static struct node {
    uint16_t port;
    char *user;
    struct vf_proc sshd;
} node;

static inline void put_file(const char *name, const char *text)
{
    vf_autofree char *path = path_of(name);
    vf_replace_file(path, text, strlen(text), 0600, NULL);
}

static inline char *get_file(const char *name)
{
    vf_autofree char *path = path_of(name);
    char *text = vf_read_file(path, 1 << 20, NULL, NULL);
    return text ? text : vf_strdup("");
}

static inline bool make_key(const char *name)
{
    vf_autofree char *path = path_of(name);
    return run((const char *const[]){"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path,
                                     NULL}) == 0;
}

static inline bool node_answers(void)
{
    vf_autofd int s = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons(node.port),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    return connect(s, (struct sockaddr *)&a, sizeof a) == 0;
}

/* Starts sshd, with ENV ("A=B") in the environment of those who log in, and waits until it takes
 * connections. */
static inline bool node_start(const char *env)
{
    struct passwd *pw = getpwuid(getuid());
    node.user = vf_strdup(pw ? pw->pw_name : "root");
    node.port = reserve_port("127.0.0.1");
    if (access("/usr/sbin/sshd", X_OK) != 0 ||
        run((const char *const[]){"unshare", "--mount", "true", NULL}) != 0)
        return false;
    if (!make_key("host") || !make_key("op"))
        return false;
    vf_autofree char *op = get_file("op.pub");
    put_file("authorized", op);
    vf_autofree char *conf = vf_asprintf(
        "ListenAddress 127.0.0.1:%u\nHostKey %s/host\nPidFile none\nUsePAM no\nStrictModes no\n"
        "AuthorizedKeysFile %s/authorized %s/authorized2\nPermitRootLogin prohibit-password\n"
        "PasswordAuthentication no\nMaxStartups 100\n" LAB_CHEAP_LOGINS "SetEnv " LAB_NO_BASHRC
        " %s\n",
        node.port, dir, dir, dir, env);
    put_file("sshd_config", conf);
    vf_autofree char *path = path_of("sshd_config");
    mkdir("/run/sshd", 0755);
    vf_autofree char *log = path_of("sshd.log");
    const char *argv[] = {
        "unshare", "--mount", "--propagation=private", "/usr/sbin/sshd", "-D", "-E", log, "-f",
        path,      NULL};
    if (vf_proc_start(argv, VF_PROC_DIE, -1, &node.sshd, NULL) < 0)
        return false;
    int64_t end = vf_clock_ms() + 30000;
    while (!node_answers() && vf_clock_ms() < end)
        usleep(10000);
    return node_answers();
}

static inline void node_stop(void)
{
    if (node.sshd.pid > 0) {
        kill(node.sshd.pid, SIGTERM);
        vf_proc_wait(&node.sshd, NULL, NULL);
    }
    static const char *const names[] = {"host",        "host.pub",    "op",
                                        "op.pub",      "authorized",  "authorized2",
                                        "sshd_config", "known_hosts", "sshd.log"};
    for (size_t i = 0; i < VF_COUNT(names); i++) {
        vf_autofree char *path = path_of(names[i]);
        unlink(path);
    }
    free(node.user);
}

static inline int no_questions(void *opaque, const struct vf_ask *q, struct vf_cancel *cancel,
                               struct vf_answer *out, struct vf_error **err)
{
    return vf_fail(err, VF_E_TRUST, "asked %s", q->id);
}

static inline struct vf_ssh *node_login(struct vf_error **err)
{
    static const struct vf_asker asker = {.ask = no_questions};
    vf_autofree char *key = path_of("op"), *known = path_of("known_hosts");
    vf_autofree char *host = get_file("host.pub");
    vf_autofree char *line = vf_asprintf("[127.0.0.1]:%u %s", node.port, host);
    put_file("known_hosts", line);
    struct vf_ssh_conf c = {.user = node.user,
                            .port = node.port,
                            .key = key,
                            .known_hosts = known,
                            .config = (char *)"none",
                            .transport = VF_SSH_AUTO};
    char *addresses[] = {(char *)"127.0.0.1", NULL};
    return vf_ssh_open("b2", addresses, &c, &asker, NULL, err);
}

/* ---- processes ---- */

static inline char *of_process(pid_t pid, const char *what)
{
    vf_autofree char *path = vf_asprintf("/proc/%d/%s", (int)pid, what);
    size_t n = 0;
    char *text = vf_read_file(path, 1 << 16, &n, NULL);
    for (size_t i = 0; text && i + 1 < n; i++)
        if (!text[i])
            text[i] = ' ';
    return text ? text : vf_strdup("");
}

static inline pid_t parent_of(pid_t pid)
{
    vf_autofree char *status = of_process(pid, "status");
    const char *line = strstr(status, "\nPPid:");
    return line ? (pid_t)strtol(line + 6, NULL, 10) : 0;
}

/* Sends SIGNAL to the sshd of each login whose command has both WORDS: how many. */
static inline int signal_logins(const char *const words[2], int signal)
{
    int found = 0;
    DIR *d = opendir("/proc");
    for (struct dirent *e; d && (e = readdir(d));) {
        pid_t pid = (pid_t)strtol(e->d_name, NULL, 10);
        vf_autofree char *line = pid > 0 ? of_process(pid, "cmdline") : vf_strdup("");
        if (!strstr(line, "vmferry-mover ") || !strstr(line, words[0]) || !strstr(line, words[1]))
            continue;
        for (pid = parent_of(pid); pid > 1 && pid != node.sshd.pid; pid = parent_of(pid)) {
            vf_autofree char *comm = of_process(pid, "comm");
            if (vf_starts(comm, "sshd"))
                break;
        }
        if (pid > 1 && pid != node.sshd.pid && kill(pid, signal) == 0)
            found++;
    }
    if (d)
        closedir(d);
    return found;
}

#endif
