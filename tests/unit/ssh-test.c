/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Both SSH transports against a real sshd of our own. */
#include "config.h"
#include "tests/unit/ssh-server.h"

#include <pthread.h>
#include "base/clock.h"
#include "base/log.h"
#include "net/ssh_int.h"
#include "net/trust.h"

static struct server main_server;
static const struct {
    int transport;
    const char *name;
} transports[] = {{VF_SSH_LIBSSH2, "libssh2"}, {VF_SSH_OPENSSH, "openssh"}};

static void test_trust(int transport, const char *name)
{
    struct client c;
    vf_autofree char *known = in_dir("known");
    client_init(&c, "client", transport);
    know(&main_server, NULL);
    unlink(known);
    c.answerer.replies = (struct reply[]){{"host-key:", "no"}, {0}};
    expect_failure(&c, &main_server, VF_E_TRUST, "not accepted", name);
    ok(access(known, F_OK) < 0, "a no writes nothing");
    c.answerer.replies = (struct reply[]){{"host-key:", "yes"}, {0}};
    expect_login(&c, &main_server, name, 1, "a yes");
    vf_autofree char *id = vf_asprintf("host-key:[%s]:%u", main_server.address, main_server.port);
    is_str(c.answerer.last_id, id, "the question's name");
    ok(strstr(c.answerer.detail, "SHA256:") != NULL, "shows the fingerprint");
    struct stat st;
    ok(stat(known, &st) == 0 && (st.st_mode & 0777) == 0600, "known_hosts is made 0600");
    vf_autofree char *text = get_file(known);
    vf_autostrv char **lines = vf_strv_split(text, "\n");
    ok(vf_strv_len(lines) == 1, "one line");
    c.answerer.replies = NULL;
    expect_login(&c, &main_server, name, 0, "known now");
    run((const char *[]){"ssh-keygen", "-q", "-H", "-f", known, NULL});
    vf_autofree char *hashed = get_file(known);
    ok(vf_starts(hashed, "|1|"), "known_hosts is hashed");
    expect_login(&c, &main_server, name, 0, "a hashed name");
    know(&main_server, "host_ecdsa");
    expect_login(&c, &main_server, name, 0, "known by another of its keys");
    know(&main_server, "wrong");
    expect_failure(&c, &main_server, VF_E_TRUST, "ssh-keygen -f", "a changed key");
    vf_autofree char *pub = public_key("host_ed25519");
    vf_autofree char *revoked =
        vf_asprintf("@revoked * %s\n[%s]:%u %s\n", pub, main_server.address, main_server.port, pub);
    put_file(known, revoked, 0600);
    expect_failure(&c, &main_server, VF_E_TRUST, "revoked", "a revoked key");
    ok(c.answerer.asked == 0, "neither is asked about");
    client_clear(&c);
}

static void test_logins(int transport, const char *name)
{
    struct client c;
    know(&main_server, "host_ed25519");
    client_init(&c, "wrong", transport);
    expect_failure(&c, &main_server, VF_E_AUTH, "h1", "a wrong key");
    client_clear(&c);
    client_init(&c, "client_ecdsa", transport);
    expect_login(&c, &main_server, name, 0, "an ecdsa key");
    client_clear(&c);
    client_init(&c, "client_locked", transport);
    c.answerer.replies = (struct reply[]){{"ssh-passphrase:", "open sesame"}, {0}};
    expect_login(&c, &main_server, name, 1, "a key with a passphrase");
    c.answerer.replies = (struct reply[]){{"ssh-passphrase:", "wrong"}, {0}};
    expect_failure(&c, &main_server, VF_E_AUTH, "h1", "a wrong passphrase");
    client_clear(&c);
}

static void exec_is(struct vf_ssh *s, const char *command, const char *input, int status,
                    const char *out, const char *err_out)
{
    struct vf_ssh_result r;
    vf_autoerror struct vf_error *e = NULL;
    int rc = vf_ssh_exec(s, command, input, input ? strlen(input) : 0, &r, &e);
    ok(rc == 0 && r.status == status, "%s: status %d (got %d, %s)", command, status, r.status,
       e ? vf_error_text(e) : "no error");
    is_str(vf_buf_str(&r.out), out, "... its output");
    if (err_out)
        is_str(vf_buf_str(&r.err), err_out, "... its errors");
    vf_ssh_result_free(&r);
}

static void test_exec(struct vf_ssh *s)
{
    exec_is(s, "echo out; echo err >&2", NULL, 0, "out\n", "err\n");
    exec_is(s, "exit 3", NULL, 3, "", "");
    exec_is(s, "exit 255", NULL, 255, "", "");
    exec_is(s, "cat; echo \"it's $((1+1))\"", "in", 0, "init's 2\n", "");
    exec_is(s, "kill -9 $$", NULL, 137, "", NULL);
    exec_is(s, "true", "nobody reads this", 0, "", "");
    exec_is(s, "exec >&- 2>&-; sleep 0.3; exit 7", NULL, 7, "", "");
    struct vf_ssh_result r;
    ok(vf_ssh_exec(s, "head -c 8388608 /dev/zero | tr '\\0' x", NULL, 0, &r, NULL) == 0 &&
           r.status == 0 && r.out.len == 8388608 && r.out.data[8388607] == 'x',
       "8 MiB of output");
    vf_ssh_result_free(&r);
    vf_autofree char *big = vf_xmalloc(4 << 20);
    memset(big, 'y', 4 << 20);
    ok(vf_ssh_exec(s, "wc -c", big, 4 << 20, &r, NULL) == 0 &&
           vf_starts(vf_buf_str(&r.out), "4194304"),
       "4 MiB of input");
    vf_ssh_result_free(&r);
    vf_autoerror struct vf_error *e = NULL;
    ok(vf_ssh_exec(s, "head -c 17000000 /dev/zero", NULL, 0, &r, &e) < 0 &&
           vf_error_code(e) == VF_E_CORRUPT,
       "output beyond 16 MiB is an error");
    vf_ssh_result_free(&r);
    exec_is(s, "echo still here", NULL, 0, "still here\n", "");
}

static void read_all(int fd, struct vf_buf *b)
{
    for (;;) {
        ssize_t n = read(fd, vf_buf_room(b, 65536), 65536);
        if (n <= 0)
            return;
        b->len += (size_t)n;
    }
}

static void test_children(struct vf_ssh *s)
{
    struct vf_ssh_child a, b;
    char got[6] = "";
    ok(vf_ssh_start(s, "cat", &a, NULL) == 0 &&
           vf_ssh_start(s, "cat; echo end >&2; exit 5", &b, NULL) == 0,
       "two children");
    ok(vf_write_full(a.in, "first", 5) == 0 && vf_read_full(a.out, got, 5) == 5 &&
           !memcmp(got, "first", 5),
       "the first answers");
    ok(vf_write_full(b.in, "other", 5) == 0 && vf_read_full(b.out, got, 5) == 5 &&
           !memcmp(got, "other", 5),
       "the second answers");
    exec_is(s, "echo beside them", NULL, 0, "beside them\n", "");
    close(b.in);
    b.in = -1;
    vf_autobuf struct vf_buf rest = {0}, errors = {0};
    read_all(b.out, &rest);
    read_all(b.err, &errors);
    ok(rest.len == 0 && vf_streq(vf_buf_str(&errors), "end\n"), "end of file both ways");
    ok(vf_ssh_finish(&b, 10000, NULL) == 5, "its status");
    ok(vf_ssh_finish(&a, 10000, NULL) == 0, "finish closes what is open");
}

/* Ends the process whose number TEXT is. */
static void kill_pid(char *text)
{
    uint64_t pid;
    text[strcspn(text, "\n")] = 0;
    if (vf_parse_u64(text, 2, INT32_MAX, &pid) == 0)
        kill((pid_t)pid, SIGKILL);
}

static void test_backpressure(struct vf_ssh *s)
{
    struct vf_ssh_child c;
    vf_autofree char *done = in_dir("done");
    unlink(done);
    vf_autofree char *command =
        vf_asprintf("dd if=/dev/zero bs=65536 count=512 2>/dev/null; echo x >%s", done);
    ok(vf_ssh_start(s, command, &c, NULL) == 0, "a child that writes 32 MiB");
    usleep(700000);
    ok(access(done, F_OK) < 0, "waits for its reader");
    exec_is(s, "echo meanwhile", NULL, 0, "meanwhile\n", "");
    vf_autobuf struct vf_buf b = {0};
    read_all(c.out, &b);
    ok(b.len == 32 << 20, "all of it arrives");
    ok(vf_ssh_finish(&c, 10000, NULL) == 0 && access(done, F_OK) == 0, "and it ends");

    vf_autofree char *pid = in_dir("pid");
    vf_autofree char *slow = vf_asprintf("echo $$ >%s; exec sleep 60", pid);
    unlink(pid);
    ok(vf_ssh_start(s, slow, &c, NULL) == 0, "a child that reads nothing");
    vf_set_nonblock(c.in, true);
    vf_autofree char *block = vf_xcalloc(1, 65536);
    size_t sent = 0;
    for (int idle = 0; idle < 20 && sent < 64 << 20;) {
        ssize_t n = write(c.in, block, 65536);
        if (n > 0) {
            sent += (size_t)n;
            idle = 0;
        } else {
            idle++;
            usleep(20000);
        }
    }
    ok(sent < 16 << 20, "its writer has to wait (after %zu bytes)", sent);
    vf_autoerror struct vf_error *e = NULL;
    ok(vf_ssh_finish(&c, 100, &e) == -1 && vf_error_code(e) == VF_E_NET, "time is up");
    exec_is(s, "echo the connection lives", NULL, 0, "the connection lives\n", "");
    vf_autofree char *text = get_file(pid);
    kill_pid(text);
}

struct running {
    struct vf_cancel *cancel;
    const char *pid; /* a file: the command has begun */
};

static void *fire_soon(void *opaque)
{
    const struct running *r = opaque;
    struct stat st;
    for (int i = 0; i < 3000 && (stat(r->pid, &st) < 0 || !st.st_size); i++)
        usleep(10000);
    vf_cancel_fire(r->cancel, "somebody pressed the key");
    return NULL;
}

static void test_cancel(struct client *c)
{
    vf_auto(vf_cancel_free) struct vf_cancel *cancel = vf_cancel_new(NULL);
    char *addresses[] = {(char *)main_server.address, NULL};
    vf_autoerror struct vf_error *e = NULL;
    vf_auto(vf_ssh_free) struct vf_ssh *s =
        vf_ssh_open("h1", addresses, &c->conf, &c->asker, cancel, &e);
    if (!ok(s != NULL, "a connection to cancel"))
        return;
    pthread_t t;
    vf_autofree char *pid = in_dir("pid");
    vf_autofree char *command = vf_asprintf("echo $$ >%s; exec sleep 60", pid);
    struct running running = {cancel, pid};
    unlink(pid); /* of another command */
    pthread_create(&t, NULL, fire_soon, &running);
    struct vf_ssh_result r;
    ok(vf_ssh_exec(s, command, NULL, 0, &r, &e) == -1 && vf_error_code(e) == VF_E_CANCELLED,
       "a hanging command is cancelled");
    is_str(vf_error_text(e), "somebody pressed the key", "with the cause");
    pthread_join(t, NULL);
    vf_ssh_result_free(&r);
    vf_autofree char *text = get_file(pid);
    kill_pid(text);
}

/* Kills the sshd process that serves us. */
static const char suicide[] = "p=$$; while [ \"$(cat /proc/$p/comm)\" != sshd ]; do"
                              " p=$(awk '{print $4}' /proc/$p/stat); done;"
                              " head -c 100000 /dev/zero; kill -9 $p; sleep 1";

static void test_death(struct client *c)
{
    vf_autoerror struct vf_error *e = NULL, *after = NULL;
    vf_auto(vf_ssh_free) struct vf_ssh *s = open_at(c, &main_server, &e);
    if (!ok(s != NULL, "a connection to lose"))
        return;
    struct vf_ssh_child child;
    ok(vf_ssh_start(s, "cat", &child, NULL) == 0, "with a child");
    struct vf_ssh_result r;
    ok(vf_ssh_exec(s, suicide, NULL, 0, &r, &e) == -1 && vf_error_code(e) == VF_E_NET,
       "a cut connection is NET, never a status: %s", vf_error_text(e));
    vf_ssh_result_free(&r);
    char byte;
    ok(read(child.out, &byte, 1) == 0, "its child's output ends");
    ok(vf_ssh_finish(&child, 5000, &after) == -1 && vf_error_code(after) == VF_E_NET,
       "the child's status is the error");
    vf_error_free(VF_STEAL(after));
    ok(vf_ssh_exec(s, "true", NULL, 0, &r, &after) == -1 && vf_error_code(after) == VF_E_NET,
       "and nothing runs any more");
}

static void test_transport(int transport, const char *name)
{
    printf("# transport %s\n", name);
    test_trust(transport, name);
    test_logins(transport, name);
    struct client c;
    client_init(&c, "client", transport);
    know(&main_server, "host_ed25519");
    vf_autoerror struct vf_error *e = NULL;
    vf_auto(vf_ssh_free) struct vf_ssh *s = open_at(&c, &main_server, &e);
    if (ok(s != NULL, "%s", name)) {
        is_str(vf_ssh_user(s), user, "user");
        is_str(vf_ssh_address(s), main_server.address, "address");
        ok(vf_ssh_port(s) == main_server.port, "port");
        vf_autofree char *pub = public_key("host_ed25519");
        ok(vf_starts(pub, vf_ssh_host_key(s)), "host key");
        test_exec(s);
        test_children(s);
        test_backpressure(s);
    }
    test_cancel(&c);
    test_death(&c);
    client_clear(&c);
}

int main(int argc, char **argv)
{
    if (!begin(argc))
        return done_testing();
    if (ok(serve(&main_server, "main", "127.0.0.31", "host_ed25519 host_ecdsa", "", NULL),
           "a server"))
        for (size_t i = 0; i < VF_COUNT(transports); i++)
            test_transport(transports[i].transport, transports[i].name);
    stop(&main_server);
    end();
    return done_testing();
}
