/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The direct route over a real sshd of our own on loopback, in a mount namespace so that it counts
 * as another host. Its authorized_keys is a link, as on Proxmox VE. */
#include "config.h"
#include "base/fdio.h"
#include "base/proc.h"
#include "base/str.h"
#include "xfer/route.h"
#include "tests/unit/tap.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define MIB (1 << 20)

static char *dir, *mover, *user;
static uint16_t port;
static struct vf_proc sshd;

static int run(const char *const argv[])
{
    struct vf_proc_result r = {0};
    if (vf_proc_run(argv, NULL, 0, 1 << 20, NULL, &r, NULL) < 0)
        return -1;
    if (r.status)
        printf("# %s: %s\n", argv[0], vf_buf_str(&r.err));
    vf_proc_result_free(&r);
    return r.status;
}

static void show(const struct vf_error *e)
{
    if (e)
        printf("# %s: %s\n", vf_error_code_name(vf_error_code(e)), vf_error_text(e));
}

static char *path_of(const char *name)
{
    return vf_asprintf("%s/%s", dir, name);
}

static char *file(const char *name)
{
    vf_autofree char *path = path_of(name);
    char *text = vf_read_file(path, 1 << 20, NULL, NULL);
    return text ? text : vf_strdup("");
}

static void put(const char *name, const char *text)
{
    vf_autofree char *path = path_of(name);
    vf_replace_file(path, text, strlen(text), 0600, NULL);
}

/* A port nobody listens on; it is taken again at once by sshd. */
static uint16_t free_port(void)
{
    vf_autofd int s = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    if (bind(s, (struct sockaddr *)&a, n) < 0 || getsockname(s, (struct sockaddr *)&a, &n) < 0)
        return 0;
    return ntohs(a.sin_port);
}

static bool make_key(const char *name)
{
    vf_autofree char *path = path_of(name);
    const char *argv[] = {"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path, NULL};
    return run(argv) == 0;
}

/* Starts sshd and waits until it takes connections. */
static bool start_sshd(void)
{
    port = free_port();
    vf_autofree char *shared = path_of("cluster"), *keys = path_of("keys");
    if (mkdir(shared, 0700) < 0 || mkdir(keys, 0700) < 0 || !make_key("host") || !make_key("op"))
        return false;
    vf_autofree char *link = path_of("keys/authorized_keys"), *op = file("op.pub");
    put("cluster/authorized_keys", op);
    if (symlink("../cluster/authorized_keys", link) < 0)
        return false;
    vf_autofree char *conf = vf_asprintf(
        "ListenAddress 127.0.0.1:%u\nHostKey %s/host\nPidFile none\nUsePAM no\nStrictModes no\n"
        "AuthorizedKeysFile %s/keys/authorized_keys %s/keys/authorized_keys2\n"
        "PermitRootLogin prohibit-password\nPasswordAuthentication no\n",
        port, dir, dir, dir);
    put("sshd_config", conf);
    vf_autofree char *path = path_of("sshd_config");
    mkdir("/run/sshd", 0755);
    const char *argv[] = {
        "unshare", "--mount", "--propagation=private", "/usr/sbin/sshd", "-D", "-e", "-f",
        path,      NULL};
    if (vf_proc_start(argv, VF_PROC_STDERR | VF_PROC_DIE, -1, &sshd, NULL) < 0)
        return false;
    vf_autobuf struct vf_buf said = {0};
    while (!said.len || !strstr(said.data, "listening")) {
        char *room = vf_buf_room(&said, 512);
        ssize_t n = read(sshd.err, room, 511);
        if (n <= 0) {
            printf("# sshd says: %s\n", vf_buf_str(&said));
            return false;
        }
        said.len += (size_t)n;
        said.data[said.len] = 0;
    }
    return true;
}

static int no_questions(void *opaque, const struct vf_ask *q, struct vf_cancel *cancel,
                        struct vf_answer *out, struct vf_error **err)
{
    return vf_fail(err, VF_E_TRUST, "asked %s", q->id);
}

static const struct vf_asker asker = {.ask = no_questions};

static struct vf_ssh *login(void)
{
    vf_autofree char *key = path_of("op"), *known = path_of("known_hosts");
    vf_autofree char *host = file("host.pub");
    vf_autofree char *line = vf_asprintf("[127.0.0.1]:%u %s", port, host);
    put("known_hosts", line);
    struct vf_ssh_conf c = {.user = user,
                            .port = port,
                            .key = key,
                            .known_hosts = known,
                            .config = (char *)"none",
                            .transport = VF_SSH_AUTO};
    char *addresses[] = {(char *)"127.0.0.1", NULL};
    vf_autoerror struct vf_error *e = NULL;
    struct vf_ssh *s = vf_ssh_open("b2", addresses, &c, &asker, NULL, &e);
    show(e);
    return s;
}

static void make_source(const char *path)
{
    vf_autofd int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    vf_autofree char *buf = vf_xmalloc(MIB);
    uint64_t x = 1234567;
    for (uint64_t at = 0; at < 96 * MIB; at += 2 * MIB) {
        for (size_t i = 0; i < MIB; i += 8) {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            memcpy(buf + i, &x, 8);
        }
        vf_pwrite_full(fd, buf, MIB, at);
    }
    if (ftruncate(fd, 96 * MIB) < 0)
        printf("# ftruncate failed\n");
}

static void test_copy(struct vf_route *route)
{
    vf_autofree char *from = path_of("src.raw"), *to = path_of("dst.qcow2");
    make_source(from);
    const char *create[] = {"qemu-img", "create", "-q", "-f", "qcow2", to, "96M", NULL};
    if (run(create) != 0) {
        skip("a copy over ssh", "no qemu-img");
        return;
    }
    struct vf_copy_opts o = {.source = {from, "raw", 96 * MIB},
                             .target = {to, "qcow2", 96 * MIB},
                             .verify = true,
                             .target_fresh = true};
    struct vf_copy_result r;
    struct vf_progress progress = {0};
    vf_autoerror struct vf_error *e = NULL;
    ok(vf_copy_disk(route, &o, &progress, &r, &e) == 0, "a copy over ssh");
    show(e);
    const char *compare[] = {"qemu-img", "compare", "-q", "-f", "raw",
                             "-F",       "qcow2",   from, to,   NULL};
    ok(run(compare) == 0, "is identical");
    ok(r.sent == 48 * MIB && r.verified == 96 * MIB, "data was sent once, all is verified");
    vf_copy_result_free(&r);
}

static void test_direct(struct vf_ssh *ssh)
{
    vf_autofree char *before = file("cluster/authorized_keys");
    vf_autofree char *job = vf_asprintf("route-%d", (int)getpid());
    struct vf_mover_opts o = {.job = job, .epoch = 1, .mover = mover};
    vf_autoerror struct vf_error *e = NULL;
    vf_auto(vf_mover_host_free) struct vf_mover_host *a = vf_mover_host_open(NULL, &o, &e);
    vf_auto(vf_mover_host_free) struct vf_mover_host *b = vf_mover_host_open(ssh, &o, &e);
    show(e);
    if (!ok(a && b, "movers here and behind ssh"))
        return;
    ok(!vf_streq(a->identity, b->identity), "which are not one host");
    char *addresses[] = {(char *)"127.0.0.9", (char *)"127.0.0.1", NULL};
    struct vf_route_opts ro = {.addresses = addresses,
                               .port = port,
                               .user = user,
                               .host_key = vf_ssh_host_key(ssh),
                               .source_label = "a1",
                               .target_label = "b2"};
    struct vf_route *r = vf_route_open(a, b, &ro, &e);
    show(e);
    if (!ok(r != NULL, "the second address answers"))
        return;
    is_str(vf_route_text(r), "a1 -> b2 direct", "a direct route");
    vf_autofree char *key = file("keys/authorized_keys2");
    ok(strstr(key, "restrict,expiry-time=\"2") && strstr(key, " join /") &&
           strstr(key, "vmferry-job-route-"),
       "the one-job key is in the node's own file, restricted");
    /* /run is the same directory for both */
    ok(vf_mover_cleanup(ssh, job, true, NULL) == 3, "key and directories are listed");
    test_copy(r);
    vf_route_free(r);
    vf_autofree char *gone = file("keys/authorized_keys2"),
                     *after = file("cluster/authorized_keys");
    is_str(gone, "", "the key is removed");
    is_str(after, before, "the shared file was not touched");
}

struct later {
    struct vf_route *route;
    struct vf_copy_opts o;
    struct vf_copy_result r;
    struct vf_progress progress;
    struct vf_error *e;
    int status;
};

static void *later_main(void *arg)
{
    struct later *l = arg;
    l->status = vf_copy_disk(l->route, &l->o, &l->progress, &l->r, &l->e);
    return NULL;
}

/* The other host's owner dies in the middle: an error, soon, and the key goes all the same. */
static void test_killed(struct vf_ssh *ssh)
{
    vf_autofree char *job = vf_asprintf("kill-%d", (int)getpid());
    struct vf_mover_opts o = {.job = job, .epoch = 1, .mover = mover};
    vf_auto(vf_mover_host_free) struct vf_mover_host *a = vf_mover_host_open(NULL, &o, NULL);
    vf_auto(vf_mover_host_free) struct vf_mover_host *b = vf_mover_host_open(ssh, &o, NULL);
    char *addresses[] = {(char *)"127.0.0.1", NULL};
    struct vf_route_opts ro = {.addresses = addresses,
                               .port = port,
                               .user = user,
                               .host_key = vf_ssh_host_key(ssh),
                               .source_label = "a1",
                               .target_label = "b2"};
    vf_autofree char *from = path_of("src.raw"), *to = path_of("dst.raw");
    const char *create[] = {"qemu-img", "create", "-q", "-f", "raw", to, "96M", NULL};
    struct later l = {.route = vf_route_open(a, b, &ro, NULL),
                      .o = {.source = {from, "raw", 0},
                            .target = {to, "raw", 0},
                            .rate = 4 * MIB,
                            .verify = true,
                            .target_fresh = true}};
    pthread_t thread;
    if (run(create) != 0 || !l.route || pthread_create(&thread, NULL, later_main, &l) != 0) {
        skip("a killed mover", "no qemu-img or no route");
        vf_route_free(l.route);
        return;
    }
    for (int i = 0; i < 3000 && !l.progress.sent; i++)
        usleep(10000);
    char *args[] = {b->dir, NULL};
    vf_autofree char *said =
        vf_host_shell(ssh, "read -r pid rest <\"$1/lock\" && kill -9 \"$pid\"\n", args, NULL, NULL);
    pthread_join(thread, NULL);
    show(l.e);
    ok(said && l.status < 0 && vf_error_code(l.e) == VF_E_NET, "a mover killed there is NET");
    ok(l.e && vf_starts(vf_error_text(l.e), "target (b2)"), "and said to be there");
    vf_error_free(l.e);
    vf_copy_result_free(&l.r);
    vf_route_free(l.route);
    vf_autofree char *gone = file("keys/authorized_keys2");
    is_str(gone, "", "the key is removed nevertheless");
}

/* The program is lost: nobody is left but the owner there. */
static void test_lost(struct vf_ssh *ssh)
{
    vf_autofree char *job = vf_asprintf("lost-%d", (int)getpid());
    struct vf_mover_opts o = {.job = job, .epoch = 1, .mover = mover};
    vf_auto(vf_mover_host_free) struct vf_mover_host *b = vf_mover_host_open(ssh, &o, NULL);
    put("keys/authorized_keys2", "ssh-ed25519 AAAA somebody else\n");
    vf_autoerror struct vf_error *e = NULL;
    ok(b && vf_key_install(b, user, NULL, "ssh-ed25519 AAAA", &e) == 0, "a key is installed");
    show(e);
    vf_autofree char *with = file("keys/authorized_keys2");
    ok(strstr(with, "vmferry-job-lost-") != NULL, "beside somebody else's");
    vf_session_free(VF_STEAL(b->session));
    struct stat st;
    for (int i = 0; i < 3000 && stat(b->dir, &st) == 0; i++)
        usleep(10000);
    vf_autofree char *after = file("keys/authorized_keys2");
    is_str(after, "ssh-ed25519 AAAA somebody else\n", "the owner takes it back when it ends");
    vf_autofree char *own = path_of("keys/authorized_keys2");
    unlink(own);
}

/* The wrong host key, and a target that cannot be reached. */
static void test_refusals(struct vf_ssh *ssh)
{
    vf_autofree char *job = vf_asprintf("trust-%d", (int)getpid());
    struct vf_mover_opts o = {.job = job, .epoch = 1, .mover = mover};
    vf_auto(vf_mover_host_free) struct vf_mover_host *a = vf_mover_host_open(NULL, &o, NULL);
    vf_auto(vf_mover_host_free) struct vf_mover_host *b = vf_mover_host_open(ssh, &o, NULL);
    vf_autofree char *wrong = file("op.pub");
    char *here[] = {(char *)"127.0.0.1", NULL}, *nowhere[] = {(char *)"127.0.0.9", NULL};
    vf_autofree char *wrong_key = vf_strndup(wrong, strcspn(wrong, "\n"));
    struct vf_route_opts ro = {.addresses = here,
                               .port = port,
                               .user = user,
                               .host_key = wrong_key,
                               .source_label = "a1",
                               .target_label = "b2"};
    vf_autoerror struct vf_error *e = NULL, *f = NULL;
    ok(!vf_route_open(a, b, &ro, &e) && vf_error_code(e) == VF_E_TRUST,
       "another host key than the operator's is TRUST");
    show(e);
    ro.host_key = vf_ssh_host_key(ssh);
    ro.addresses = nowhere;
    ok(!vf_route_open(a, b, &ro, &f) && vf_error_code(f) == VF_E_NET, "nobody there is NET");
    show(f);
    vf_autofree char *gone = file("keys/authorized_keys2");
    is_str(gone, "", "the key is removed after a failure");
}

/* Without a file of the node's own, the shared one is appended to in place, and put back behind
 * the link, replaced as a whole. */
static void test_last_resort(struct vf_ssh *ssh)
{
    vf_autofree char *own = path_of("keys/authorized_keys2"), *shared = path_of("cluster/x");
    put("cluster/x", "");
    ok(symlink("../cluster/x", own) == 0, "both files are links");
    vf_autofree char *before = file("cluster/authorized_keys");
    vf_autofree char *job = vf_asprintf("last-%d", (int)getpid());
    struct vf_mover_opts o = {.job = job, .epoch = 1, .mover = mover};
    vf_auto(vf_mover_host_free) struct vf_mover_host *b = vf_mover_host_open(ssh, &o, NULL);
    vf_autoerror struct vf_error *e = NULL;
    ok(b && vf_key_install(b, user, NULL, "ssh-ed25519 AAAA", &e) == 0, "installed");
    show(e);
    vf_autofree char *with = file("cluster/authorized_keys");
    ok(vf_starts(with, before) && strlen(with) > strlen(before), "behind what was there");
    ok(b && vf_key_remove(b, user, &e) == 0, "removed");
    show(e);
    vf_autofree char *after = file("cluster/authorized_keys");
    is_str(after, before, "as before");
    struct stat st;
    vf_autofree char *link = path_of("keys/authorized_keys");
    ok(lstat(link, &st) == 0 && S_ISLNK(st.st_mode), "and still a link");
    unlink(own);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const char *base = getenv("TMPDIR"), *build = getenv("top_builddir");
    struct passwd *pw = getpwuid(getuid());
    user = vf_strdup(pw ? pw->pw_name : "root");
    vf_autofree char *built = vf_asprintf("%s/vmferry-mover", build ? build : ".");
    mover = realpath(built, NULL);
    dir = vf_asprintf("%s/vmferry-route.XXXXXX", base ? base : "/var/tmp");
    if (!mover || !mkdtemp(dir))
        return 99;
    const char *probe[] = {"unshare", "--mount", "true", NULL};
    if (access("/usr/sbin/sshd", X_OK) != 0 || run(probe) != 0 || !start_sshd()) {
        skip("the direct route", "no sshd or no mount namespaces here");
    } else {
        vf_auto(vf_ssh_free) struct vf_ssh *ssh = login();
        if (ok(ssh != NULL, "the operator logs in")) {
            test_direct(ssh);
            test_killed(ssh);
            test_lost(ssh);
            test_refusals(ssh);
            test_last_resort(ssh);
        }
        kill(sshd.pid, SIGTERM);
        vf_proc_wait(&sshd, NULL, NULL);
    }
    const char *rm[] = {"rm", "-rf", "--", dir, NULL};
    ok(run(rm) == 0, "cleaned up");
    free(dir);
    free(mover);
    free(user);
    return done_testing();
}
