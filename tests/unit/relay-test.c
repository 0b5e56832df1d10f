/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The route through this machine: its own connections, the one that is there where it cannot log in
 * again, and what happens when either end of it goes away. */
#include "config.h"
#include <dirent.h>
#include <sys/ioctl.h>
#include "base/secret.h"
#include "tests/unit/route-fixture.h"
#include "xfer/pump.h"

enum { MOST_PIDS = 32 };

/* The ssh programs this process has started for streams, and how many. */
static size_t stream_pids(pid_t *out)
{
    vf_autofree char *children = vf_asprintf("/proc/self/task/%d/children", (int)getpid());
    vf_autofree char *text = vf_read_file(children, 1 << 16, NULL, NULL);
    size_t n = 0;
    char *rest = text;
    for (char *word; rest && n < MOST_PIDS && (word = strsep(&rest, " "));) {
        vf_autofree char *path = vf_asprintf("/proc/%s/cmdline", word);
        size_t len = 0;
        vf_autofree char *line = *word ? vf_read_file(path, 1 << 16, &len, NULL) : NULL;
        for (size_t i = 0; line && i < len; i++) /* the last argument, as a text of its own */
            if (strstr(line + i, " join ") && vf_starts(line, "ssh")) {
                uint64_t pid = 0;
                vf_parse_u64(word, 1, INT32_MAX, &pid);
                out[n++] = (pid_t)pid;
                break;
            }
    }
    return n;
}

static void test_streams(struct pair *p)
{
    struct vf_route_opts o = wanted("relay");
    pid_t pids[MOST_PIDS];
    o.streams = 3;
    if (ok(open_route(p, &o), "three streams through here")) {
        is_str(vf_route_text(p->route), "a1 -> b2 via this machine", "a relay");
        ok(p->route->n_streams == 3 && stream_pids(pids) == 6,
           "each with a connection of its own to either host");
        no_keys("while it is open");
        copies(p, "by three streams");
        copies(p, "once more");
    }
    vf_route_free(VF_STEAL(p->route));
    ok(stream_pids(pids) == 0, "the connections end with the route");
}

/* One end is on this machine. */
static void test_from_here(void)
{
    struct pair p;
    struct vf_route_opts o = wanted("relay");
    o.streams = 1;
    if (open_movers(&p, NULL, b2.ssh) && ok(open_route(&p, &o), "from this machine"))
        copies(&p, "from here");
    close_pair(&p);
}

static void test_cancel(struct pair *p)
{
    struct later l;
    struct vf_route_opts o = wanted("relay");
    vf_auto(vf_cancel_free) struct vf_cancel *cancel = vf_cancel_new(NULL);
    vf_autofree char *from = make_pattern("src.raw", 48 * MIB),
                     *to = make_target("dst.raw", "raw", 48 * MIB);
    if (ok(open_route(p, &o) && start_slow(&l, p, from, to, cancel), "a copy runs")) {
        vf_cancel_fire(cancel, "enough");
        pthread_join(l.thread, NULL);
        ok(l.status < 0 && vf_error_code(l.e) == VF_E_CANCELLED, "it is cancelled");
        show(l.e);
        finish_slow(&l);
        copies(p, "by the same route afterwards");
    }
    vf_route_free(VF_STEAL(p->route));
    unlink(to);
}

/* The connection of one stream ends: to the host that the streams' first ssh leads to, and to the
 * other. */
static void test_killed(struct pair *p, size_t which)
{
    struct later l;
    struct vf_route_opts o = wanted("relay");
    pid_t pids[MOST_PIDS];
    o.streams = 1;
    vf_autofree char *from = make_pattern("src.raw", 48 * MIB),
                     *to = make_target("dst.raw", "raw", 48 * MIB);
    if (ok(open_route(p, &o) && start_slow(&l, p, from, to, NULL), "a copy runs")) {
        if (ok(stream_pids(pids) == 2, "through two connections"))
            kill(pids[which], SIGKILL);
        pthread_join(l.thread, NULL);
        ok(l.status < 0 && vf_error_code(l.e) == VF_E_NET, "the end of one of them is NET");
        show(l.e);
        finish_slow(&l);
    }
    vf_route_free(VF_STEAL(p->route));
    ok(stream_pids(pids) == 0, "and the other is gone too");
    unlink(from);
    unlink(to);
}

/* Two ends that were told different streams do not get together, and the program hears it. */
static void test_numbers(void)
{
    struct pair p;
    if (!open_movers(&p, NULL, NULL))
        return close_pair(&p);
    const char *source[] = {mover, "join", p.source->dir, "7001", NULL};
    const char *target[] = {mover, "join", p.target->dir, "7002", NULL};
    const char *const *argv[] = {source, target};
    struct vf_proc proc[2];
    struct vf_pump_side sides[2];
    for (int i = 0; i < 2; i++) {
        ok(vf_proc_start(argv[i], VF_PROC_STDIN | VF_PROC_STDOUT | VF_PROC_STDERR | VF_PROC_DIE, -1,
                         &proc[i], NULL) == 0,
           "one end joins");
        sides[i] = (struct vf_pump_side){"an end", proc[i].in, proc[i].out, proc[i].err};
        proc[i].in = proc[i].out = proc[i].err = -1;
    }
    struct vf_pump *pump = vf_pump_new(sides);
    vf_autoerror struct vf_error *e = NULL;
    ok(vf_session_call(p.source->session, VF_F_AWAIT, 7001, NULL, VF_F_OK, 30000, NULL, NULL, &e) <
               0 &&
           vf_error_code(e) == VF_E_CONFLICT,
       "streams of different numbers are not joined");
    show(e);
    vf_pump_free(pump);
    for (int i = 0; i < 2; i++)
        ok(vf_proc_wait(&proc[i], NULL, NULL) == 0, "the end's owner lets it go");
    close_pair(&p);
}

/* A side that ends takes nothing any more before all that it had to say was read. */
static void test_last_words(void)
{
    int to[2][2], from[2][2];
    for (int i = 0; i < 2; i++)
        if (pipe2(to[i], O_CLOEXEC) < 0 || pipe2(from[i], O_CLOEXEC) < 0)
            abort();
    struct vf_pump_side sides[2];
    for (int i = 0; i < 2; i++)
        sides[i] = (struct vf_pump_side){"an end", to[i][1], from[i][0], -1};
    struct vf_pump *pump = vf_pump_new(sides);
    /* nobody reads what goes to the first: the pump holds 1 MiB, the rest stays where it was put */
    fcntl(to[0][0], F_SETPIPE_SZ, 4096);
    int rest = fcntl(from[1][0], F_GETPIPE_SZ) / 2;
    size_t all = MIB + (size_t)rest, got = 0;
    vf_autofree char *words = vf_xcalloc(1, all);
    ok(vf_write_full(from[1][1], words, all) == 0, "one end says much");
    close(to[1][0]);
    ok(vf_write_full(from[0][1], words, 1) == 0, "and ends; the other has something to say to it");
    for (int left = 1; left && ioctl(from[0][0], FIONREAD, &left) == 0;)
        usleep(1000);
    close(from[1][1]);
    for (ssize_t n; (n = read(to[0][0], words, 4096)) > 0;)
        got += (size_t)n;
    ok(got == all, "which hears all of it (%zu of %zu bytes)", got, all);
    vf_pump_free(pump);
    close(to[0][0]);
    close(from[0][1]);
}

/* Nobody is asked twice, and nothing tried in vain: where a key needs a passphrase (or a password
 * was typed), the connection that is there takes the data. */
static int give_passphrase(void *opaque, const struct vf_ask *q, struct vf_cancel *cancel,
                           struct vf_answer *out, struct vf_error **err)
{
    ++*(int *)opaque;
    out->secret = vf_secret_new("open sesame", strlen("open sesame"));
    return 0;
}

static void allow(struct host *h, const char *pub)
{
    vf_autofree char *before = host_file(h, "cluster/authorized_keys"), *path = path_of(pub);
    vf_autofree char *key = vf_read_file(path, 1 << 16, NULL, NULL);
    vf_autofree char *both = vf_asprintf("%s%s", before, key ? key : "");
    host_put(h, "cluster/authorized_keys", both);
}

/* What H's sshd has said of them so far. */
static int failed_logins(struct host *h)
{
    vf_autobuf struct vf_buf said = {0};
    ssize_t n = 1;
    vf_set_nonblock(h->sshd.err, true);
    while (n > 0 && (n = read(h->sshd.err, vf_buf_room(&said, 4096), 4096)) > 0)
        said.len += (size_t)n;
    int count = 0;
    for (const char *s = vf_buf_str(&said); (s = strstr(s, " by authenticating user ")); s++)
        count++;
    return count;
}

static void test_shared(enum vf_ssh_transport transport)
{
    struct pair p;
    int asked = 0;
    struct vf_asker asker = {.ask = give_passphrase, .opaque = &asked};
    vf_auto(vf_ssh_free) struct vf_ssh *ssh = login(&b2, "locked", transport, &asker);
    pid_t pids[MOST_PIDS];
    struct vf_route_opts o = wanted("relay");
    o.streams = 2;
    const char *how = transport == VF_SSH_LIBSSH2 ? "libssh2" : "OpenSSH";
    if (!ok(ssh != NULL, "a login with a passphrase, by %s", how))
        return;
    int once = asked;
    bool movers = open_movers(&p, a1.ssh, ssh);
    /* a connection that only fetches the host key ends like one, and sshd may say so late */
    int before = 0, fetched = transport == VF_SSH_OPENSSH;
    for (int i = 0; i < 3000 && (before += failed_logins(&b2)) < fetched; i++)
        usleep(10000);
    ok(before == fetched, "which took %d connection%s more", before, before == 1 ? "" : "s");
    if (movers && ok(open_route(&p, &o), "a relay")) {
        ok(stream_pids(pids) == 2 && asked == once, "by one's own connections to one host only");
        copies(&p, "through the connection that is there");
    }
    close_pair(&p);
    ok(failed_logins(&b2) == 0, "no login was tried in vain");
}

/* The host shows another key since the login. */
static void test_trust(struct pair *p)
{
    struct vf_route_opts o = wanted("relay");
    vf_autofree char *key = host_path(&a1, "other");
    stop_sshd(&a1);
    ok(make_key(key, "") && start_sshd(&a1, "other", ""), "a1 comes back with another host key");
    vf_autoerror struct vf_error *e = NULL;
    ok(!vf_route_open(p->source, p->target, &o, &e) && vf_error_code(e) == VF_E_TRUST,
       "which stops the relay");
    show(e);
}

int main(void)
{
    int status = begin_copies("relay");
    if (status)
        return status;
    vf_autofree char *locked = path_of("locked");
    test_last_words();
    if (!start_hosts()) {
        skip("the route through this machine", "no sshd, qemu-img or mount namespaces here");
    } else {
        struct pair p;
        if (open_movers(&p, a1.ssh, b2.ssh)) {
            test_streams(&p);
            test_cancel(&p);
            test_killed(&p, 0);
            test_killed(&p, 1);
        }
        test_from_here();
        test_numbers();
        ok(make_key(locked, "open sesame"), "a key with a passphrase");
        allow(&b2, "locked.pub");
        test_shared(VF_SSH_LIBSSH2);
        test_shared(VF_SSH_OPENSSH);
        if (p.target)
            test_trust(&p);
        close_pair(&p);
    }
    stop_hosts();
    return end_copies();
}
