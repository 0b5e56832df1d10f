/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What tests of routes between hosts share: "a1" and "b2", each a real sshd on loopback in a mount
 * namespace, so that they count as two hosts beside this machine. Their authorized_keys are links,
 * as on Proxmox VE. */
#ifndef VF_TESTS_ROUTE_FIXTURE_H
#define VF_TESTS_ROUTE_FIXTURE_H

#include <arpa/inet.h>
#include <pwd.h>
#include <sys/socket.h>
#include "tests/lab/sshd.h"
#include "tests/unit/copy-fixture.h"
#include "tests/unit/port.h"

#define NOBODY   "127.0.0.8" /* nothing listens there */
#define STRANGER "127.0.0.9" /* where, at b2's port, a1 answers */

struct host {
    const char *name;
    uint16_t port;
    struct vf_proc sshd;
    struct vf_ssh *ssh;
};

static struct host a1 = {.name = "a1"}, b2 = {.name = "b2"};
static char *user;

/* FILE of H; caller frees. */
static inline char *host_path(const struct host *h, const char *file)
{
    return vf_asprintf("%s/%s/%s", dir, h->name, file);
}

/* Its content, "" when it is not there; caller frees. */
static inline char *host_file(const struct host *h, const char *file)
{
    vf_autofree char *path = host_path(h, file);
    char *text = vf_read_file(path, 1 << 20, NULL, NULL);
    return text ? text : vf_strdup("");
}

static inline void host_put(const struct host *h, const char *file, const char *text)
{
    vf_autofree char *path = host_path(h, file);
    vf_replace_file(path, text, strlen(text), 0600, NULL);
}

static inline bool host_mkdir(const struct host *h, const char *name)
{
    vf_autofree char *path = host_path(h, name);
    return mkdir(path, 0700) == 0;
}

static inline bool make_key(const char *path, const char *passphrase)
{
    const char *argv[] = {"ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-f", path, NULL};
    return run(argv) == 0;
}

/* Starts H's sshd with host key HOST_KEY and waits until it takes connections. MORE is added to its
 * configuration. */
static inline bool start_sshd(struct host *h, const char *host_key, const char *more)
{
    vf_autofree char *conf = vf_asprintf(
        "ListenAddress 127.0.0.1:%u\nHostKey %s/%s/%s\nPidFile none\nUsePAM no\nStrictModes no\n"
        "AuthorizedKeysFile %s/%s/keys/authorized_keys %s/%s/keys/authorized_keys2\n"
        "PermitRootLogin prohibit-password\nPasswordAuthentication no\n" LAB_CHEAP_LOGINS
        "SetEnv " LAB_NO_BASHRC "\n%s",
        h->port, dir, h->name, host_key, dir, h->name, dir, h->name, more);
    host_put(h, "sshd_config", conf);
    vf_autofree char *path = host_path(h, "sshd_config");
    mkdir("/run/sshd", 0755);
    const char *argv[] = {
        "unshare", "--mount", "--propagation=private", "/usr/sbin/sshd", "-D", "-e", "-f",
        path,      NULL};
    if (vf_proc_start(argv, VF_PROC_STDERR | VF_PROC_DIE, -1, &h->sshd, NULL) < 0)
        return false;
    vf_autobuf struct vf_buf said = {0};
    while (!strstr(vf_buf_str(&said), "listening")) {
        char *room = vf_buf_room(&said, 512);
        ssize_t n = read(h->sshd.err, room, 512);
        if (n <= 0) {
            printf("# sshd says: %s\n", vf_buf_str(&said));
            return false;
        }
        said.len += (size_t)n;
    }
    return true;
}

static inline void stop_sshd(struct host *h)
{
    kill(h->sshd.pid, SIGTERM);
    vf_proc_wait(&h->sshd, NULL, NULL);
}

static inline bool start_host(struct host *h, const char *more)
{
    vf_autofree char *op_path = path_of("op.pub");
    vf_autofree char *op = vf_read_file(op_path, 1 << 20, NULL, NULL);
    if (!op || !host_mkdir(h, "") || !host_mkdir(h, "cluster") || !host_mkdir(h, "keys"))
        return false;
    vf_autofree char *link = host_path(h, "keys/authorized_keys"), *key = host_path(h, "host");
    host_put(h, "cluster/authorized_keys", op);
    return make_key(key, "") && symlink("../cluster/authorized_keys", link) == 0 &&
           start_sshd(h, "host", more);
}

static inline int no_questions(void *opaque, const struct vf_ask *q, struct vf_cancel *cancel,
                               struct vf_answer *out, struct vf_error **err)
{
    return vf_fail(err, VF_E_TRUST, "asked %s", q->id);
}

/* The operator logs in at H with the key KEY. */
static inline struct vf_ssh *login(const struct host *h, const char *key,
                                   enum vf_ssh_transport transport, const struct vf_asker *asker)
{
    vf_autofree char *path = path_of(key), *known = host_path(h, "known_hosts");
    vf_autofree char *host = host_file(h, "host.pub");
    vf_autofree char *line = vf_asprintf("[127.0.0.1]:%u %s", h->port, host);
    host_put(h, "known_hosts", line);
    struct vf_ssh_conf c = {.user = user,
                            .port = h->port,
                            .key = path,
                            .known_hosts = known,
                            .config = (char *)"none",
                            .transport = transport};
    char *addresses[] = {(char *)"127.0.0.1", NULL};
    vf_autoerror struct vf_error *e = NULL;
    struct vf_ssh *s = vf_ssh_open(h->name, addresses, &c, asker, NULL, &e);
    show(e);
    return s;
}

/* Movers of one job behind FROM and TO (NULL: on this machine). */
static inline bool open_movers(struct pair *p, struct vf_ssh *from, struct vf_ssh *to)
{
    static int n;
    vf_autofree char *job = vf_asprintf("route-%d-%d", (int)getpid(), n++);
    struct vf_mover_opts o = {.job = job, .epoch = 1, .mover = mover};
    vf_autoerror struct vf_error *e = NULL;
    *p = (struct pair){.source = vf_mover_host_open(from, &o, &e)};
    p->target = p->source ? vf_mover_host_open(to, &o, &e) : NULL;
    show(e);
    return ok(p->target != NULL, "movers on both hosts");
}

static char *at_home[] = {(char *)"127.0.0.1", NULL};

/* Both ends can be dialled, and ROUTE is wanted. */
static inline struct vf_route_opts wanted(const char *route)
{
    return (struct vf_route_opts){
        .source = {at_home, a1.port, user, vf_ssh_host_key(a1.ssh)},
        .target = {at_home, b2.port, user, vf_ssh_host_key(b2.ssh)},
        .source_label = "a1",
        .target_label = "b2",
        .route = route,
    };
}

/* Opens P's route; when that fails, says why. */
static inline bool open_route(struct pair *p, const struct vf_route_opts *o)
{
    vf_autoerror struct vf_error *e = NULL;
    p->route = vf_route_open(p->source, p->target, o, &e);
    show(e);
    return p->route != NULL;
}

/* A disk goes over P's route and arrives as it was. */
static inline void copies(struct pair *p, const char *what)
{
    vf_autofree char *from = make_pattern("src.raw", 48 * MIB),
                     *to = make_target("dst.qcow2", "qcow2", 48 * MIB);
    struct vf_copy_opts o = {.verify = true, .target_fresh = true};
    struct vf_copy_result r = {0};
    vf_autoerror struct vf_error *e = NULL;
    ok(copy(p, from, "raw", to, "qcow2", &o, &r, &e) == 0, "a disk is copied %s", what);
    show(e);
    ok(identical(from, "raw", to, "qcow2"), "and identical");
    ok(r.sent > 15 * MIB && r.verified == 48 * MIB, "data was sent, all is verified");
    vf_copy_result_free(&r);
    unlink(from);
    unlink(to);
}

static inline void no_keys(const char *when)
{
    vf_autofree char *a = host_file(&a1, "keys/authorized_keys2"),
                     *b = host_file(&b2, "keys/authorized_keys2");
    ok(!*a && !*b, "no key at either host %s", when);
    vf_autofree char *op = path_of("op.pub");
    vf_autofree char *before = vf_read_file(op, 1 << 20, NULL, NULL),
                     *shared_a = host_file(&a1, "cluster/authorized_keys"),
                     *shared_b = host_file(&b2, "cluster/authorized_keys");
    ok(vf_streq(shared_a, before) && vf_streq(shared_b, before),
       "the shared files were not touched");
}

/* Both hosts up and the operator logged in; false: not here. */
static inline bool start_hosts(void)
{
    static const struct vf_asker asker = {.ask = no_questions};
    struct passwd *pw = getpwuid(getuid());
    user = vf_strdup(pw ? pw->pw_name : "root");
    vf_autofree char *op = path_of("op");
    if (access("/usr/sbin/sshd", X_OK) != 0 || !have_qemu_img() ||
        run((const char *const[]){"unshare", "--mount", "true", NULL}) != 0 || !make_key(op, ""))
        return false;
    a1.port = reserve_port("127.0.0.1");
    b2.port = reserve_port("127.0.0.1");
    vf_autofree char *stranger = vf_asprintf("ListenAddress " STRANGER ":%u\n", b2.port);
    if (!start_host(&b2, "") || !start_host(&a1, stranger))
        return false;
    a1.ssh = login(&a1, "op", VF_SSH_AUTO, &asker);
    b2.ssh = login(&b2, "op", VF_SSH_AUTO, &asker);
    return ok(a1.ssh && b2.ssh, "the operator logs in");
}

static inline void stop_hosts(void)
{
    struct host *all[] = {&a1, &b2};
    for (int i = 0; i < 2; i++) {
        vf_ssh_free(all[i]->ssh);
        if (all[i]->sshd.pid > 0)
            stop_sshd(all[i]);
    }
    const char *rm[] = {"find", dir, "-mindepth", "1", "-delete", NULL};
    ok(run(rm) == 0, "cleaned up");
    free(user);
}

#endif
