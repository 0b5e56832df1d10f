/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Private sshd servers, keys and answers for tests of ssh. */
#ifndef VF_TESTS_SSH_SERVER_H
#define VF_TESTS_SSH_SERVER_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/fdio.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/str.h"
#include "net/ssh_int.h"
#include "tests/lab/sshd.h"
#include "tests/unit/port.h"
#include "tests/unit/tap.h"

/* libssh2 1.10 loses a number of each ECDSA key it reads from a file. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:BN_new\n";
}

/* libcrypto keeps no frame pointers: without this the leak may be reported with no caller to match.
 */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "fast_unwind_on_malloc=0";
}

static char *dir;  /* of this run */
static char *user; /* who we are */

static inline char *in_dir(const char *fmt, ...) VF_PRINTF(1, 2);
static inline char *in_dir(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vf_autofree char *name = vf_vasprintf(fmt, ap);
    va_end(ap);
    return vf_asprintf("%s/%s", dir, name);
}

static inline void put_file(const char *path, const char *text, mode_t mode)
{
    vf_autoerror struct vf_error *e = NULL;
    if (vf_replace_file(path, text, strlen(text), mode, &e) < 0) {
        printf("Bail out! %s\n", vf_error_text(e));
        exit(1);
    }
}

static inline char *get_file(const char *path)
{
    char *text = vf_read_file(path, 1 << 20, NULL, NULL);
    return text ? text : vf_strdup("");
}

static inline int run(const char *const argv[])
{
    struct vf_proc_result r;
    int status = vf_proc_run(argv, NULL, 0, 1 << 20, NULL, &r, NULL) < 0 ? -1 : r.status;
    if (status)
        printf("# %s: status %d: %s\n", argv[0], status, vf_buf_str(&r.err));
    vf_proc_result_free(&r);
    return status;
}

/* A key pair dir/NAME, dir/NAME.pub; of RSA the least that OpenSSH takes, made in no time. */
static inline void make_key(const char *name, const char *type, const char *passphrase)
{
    vf_autofree char *path = in_dir("%s", name);
    run((const char *[]){"ssh-keygen", "-q", "-t", type, "-b", type[0] == 'r' ? "1024" : "256",
                         "-N", passphrase, "-C", name, "-f", path, NULL});
}

static inline char *public_key(const char *name)
{
    vf_autofree char *path = in_dir("%s.pub", name);
    char *text = get_file(path);
    text[strcspn(text, "\n")] = 0;
    return text;
}

struct server {
    const char *name, *address;
    uint16_t port;
    struct vf_proc proc;
    bool up;
};

/* A TCP connection to S, or -1. */
static inline int connect_to(const struct server *s)
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(s->port)};
    vf_autofd int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    inet_pton(AF_INET, s->address, &sa.sin_addr);
    return connect(fd, (struct sockaddr *)&sa, sizeof sa) == 0 ? VF_STEAL_FD(fd) : -1;
}

static inline bool answers(const struct server *s)
{
    vf_autofd int fd = connect_to(s);
    return fd >= 0;
}

/* Does CONF say KEYWORD outside of Match blocks? sshd takes the first it reads. */
static inline bool says(const char *conf, const char *keyword)
{
    const char *at = strstr(conf, keyword), *match = strstr(conf, "Match ");
    return at && (!match || at < match);
}

/* An sshd at ADDRESS with HOST_KEYS ("a b") and EXTRA configuration; SETUP (may be NULL) is shell
 * that runs before it in a mount namespace of its own. */
static inline bool serve(struct server *s, const char *name, const char *address,
                         const char *host_keys, const char *extra, const char *setup)
{
    static const char *const usual[][2] = {
        {"PidFile", "none"},
        {"StrictModes", "no"},
        {"LogLevel", "VERBOSE"},
        {"PrintMotd", "no"},
        {"UseDNS", "no"},
        {"MaxStartups", "100"},
        {"AcceptEnv", "LANG"},
        {"UsePAM", "no"},
        {"PasswordAuthentication", "no"},
        {"KbdInteractiveAuthentication", "no"},
    };
    *s = (struct server){.name = name, .address = address, .port = reserve_port(address)};
    vf_autobuf struct vf_buf b = {0};
    vf_buf_printf(&b, "Port %u\nListenAddress %s\n", s->port, address);
    for (size_t i = 0; i < VF_COUNT(usual); i++)
        if (!says(extra, usual[i][0]))
            vf_buf_printf(&b, "%s %s\n", usual[i][0], usual[i][1]);
    if (!says(extra, "KexAlgorithms"))
        vf_buf_puts(&b, LAB_CHEAP_LOGINS);
    if (!says(extra, "AuthorizedKeysFile"))
        vf_buf_printf(&b, "AuthorizedKeysFile %s/authorized\n", dir);
    if (!setup && !says(extra, "SetEnv"))
        vf_buf_puts(&b, "SetEnv " LAB_NO_BASHRC "\n");
    vf_autostrv char **keys = vf_strv_split(host_keys, " ");
    for (char **k = keys; *k; k++)
        vf_buf_printf(&b, "HostKey %s/%s\n", dir, *k);
    vf_buf_puts(&b, extra);
    vf_autofree char *conf = in_dir("%s.conf", name), *log = in_dir("%s.log", name);
    put_file(conf, vf_buf_str(&b), 0600);
    const char *plain[] = {"/usr/sbin/sshd", "-D", "-E", log, "-f", conf, NULL};
    vf_autofree char *line = vf_asprintf("{ %s\n} && exec /usr/sbin/sshd -D -E %s -f %s",
                                         setup ? setup : ":", log, conf);
    const char *apart[] = {"unshare", "-m", "sh", "-c", line, NULL};
    if (vf_proc_start(setup ? apart : plain, VF_PROC_DIE, -1, &s->proc, NULL) < 0)
        return false;
    for (int i = 0; i < 3000; i++) {
        if (answers(s))
            return s->up = true;
        if (waitpid(s->proc.pid, NULL, WNOHANG) == s->proc.pid)
            return false;
        usleep(20000);
    }
    return s->up = true; /* the tests will say what is wrong */
}

static inline void stop(struct server *s)
{
    if (!s->up)
        return;
    kill(s->proc.pid, SIGTERM);
    vf_proc_wait(&s->proc, NULL, NULL);
    s->up = false;
}

/* Answers by table, counts, remembers. */
struct reply {
    const char *id, *text;
};

struct answerer {
    const struct reply *replies;
    int asked;
    char last_id[200], detail[1000];
};

static inline int reply(void *opaque, const struct vf_ask *q, struct vf_cancel *cancel,
                        struct vf_answer *out, struct vf_error **err)
{
    struct answerer *a = opaque;
    a->asked++;
    snprintf(a->last_id, sizeof a->last_id, "%s", q->id);
    snprintf(a->detail, sizeof a->detail, "%s", q->detail ? q->detail : "");
    for (const struct reply *r = a->replies; r && r->id; r++) {
        if (!vf_starts(q->id, r->id))
            continue;
        if (q->kind == VF_ASK_SECRET)
            out->secret = vf_secret_new(r->text, strlen(r->text));
        else
            out->text = vf_strdup(r->text);
        return 0;
    }
    return vf_fail(err, VF_E_AUTH, "nobody answers %s", q->id);
}

static struct vf_cancel *everything;

struct client {
    struct vf_ssh_conf conf;
    struct answerer answerer;
    struct vf_asker asker;
};

static inline void client_init(struct client *c, const char *key, int transport)
{
    *c = (struct client){.conf = {.user = vf_strdup(user),
                                  .key = key ? in_dir("%s", key) : NULL,
                                  .known_hosts = in_dir("known"),
                                  .config = vf_strdup("none"),
                                  .sudo = -1,
                                  .transport = transport}};
    c->asker = (struct vf_asker){.ask = reply, .opaque = &c->answerer};
}

static inline void client_clear(struct client *c)
{
    free(c->conf.user);
    free(c->conf.key);
    free(c->conf.known_hosts);
    free(c->conf.config);
    free(c->conf.jump);
    free(c->conf.password_file);
    free(c->conf.password_command);
}

static inline struct vf_ssh *open_at(struct client *c, const struct server *s,
                                     struct vf_error **err)
{
    char *addresses[] = {(char *)s->address, NULL};
    c->conf.port = s->port;
    c->asker.opaque = &c->answerer;
    struct vf_ssh *ssh = vf_ssh_open("h1", addresses, &c->conf, &c->asker, everything, err);
    if (!ssh && err)
        printf("# %s: %s\n", vf_error_code_name(vf_error_code(*err)), vf_error_text(*err));
    return ssh;
}

/* known_hosts of this run: the main server's KEY under its name. */
static inline void know(const struct server *s, const char *key)
{
    vf_autofree char *known = in_dir("known"), *pub = key ? public_key(key) : NULL;
    vf_autofree char *line =
        key ? vf_asprintf("[%s]:%u %s\n", s->address, s->port, pub) : vf_strdup("");
    put_file(known, line, 0600);
}

static inline void expect_failure(struct client *c, const struct server *s, enum vf_error_code code,
                                  const char *words, const char *what)
{
    vf_autoerror struct vf_error *e = NULL;
    vf_auto(vf_ssh_free) struct vf_ssh *ssh = open_at(c, s, &e);
    ok(!ssh && vf_error_code(e) == code && strstr(vf_error_text(e), words), "%s: %s with '%s'",
       what, vf_error_code_name(code), words);
}

static inline void expect_login(struct client *c, const struct server *s, const char *transport,
                                int asked, const char *what)
{
    vf_autoerror struct vf_error *e = NULL;
    c->answerer.asked = 0;
    vf_auto(vf_ssh_free) struct vf_ssh *ssh = open_at(c, s, &e);
    ok(ssh != NULL, "%s: logs in", what);
    if (!ssh)
        return;
    is_str(ssh->ops->name, transport, "... by the right transport");
    ok(c->answerer.asked == asked, "... with %d questions (got %d)", asked, c->answerer.asked);
    struct vf_ssh_result r;
    ok(vf_ssh_exec(ssh, "echo yes", NULL, 0, &r, NULL) == 0 && r.status == 0 &&
           vf_streq(vf_buf_str(&r.out), "yes\n"),
       "... and runs a command");
    vf_ssh_result_free(&r);
}

static inline void prepare(void)
{
    vf_autobuf struct vf_buf authorized = {0};
    static const char *const clients[] = {"client", "client_ecdsa", "client_locked", "client_rsa"};
    make_key("host_ed25519", "ed25519", "");
    make_key("host_ecdsa", "ecdsa", "");
    make_key("host_rsa", "rsa", "");
    make_key("wrong", "ed25519", "");
    make_key("client", "ed25519", "");
    make_key("client_ecdsa", "ecdsa", "");
    make_key("client_locked", "ed25519", "open sesame");
    make_key("client_rsa", "rsa", "");
    for (size_t i = 0; i < VF_COUNT(clients); i++) {
        vf_autofree char *pub = public_key(clients[i]);
        vf_buf_printf(&authorized, "%s\n", pub);
    }
    vf_autofree char *path = in_dir("authorized");
    put_file(path, vf_buf_str(&authorized), 0644);
}

/* False when there is no sshd to test with. */
static inline bool begin(int argc)
{
    static char template[] = "/tmp/vf-ssh-test-XXXXXX";
    signal(SIGPIPE, SIG_IGN);
    if (argc > 1)
        vf_log_stderr(true);
    if (access("/usr/sbin/sshd", X_OK) < 0) {
        skip("ssh", "no sshd here");
        return false;
    }
    if (geteuid() == 0)
        mkdir("/run/sshd", 0755);
    unsetenv("SSH_AUTH_SOCK");
    dir = mkdtemp(template);
    chmod(dir, 0755);
    user = vf_strdup(getpwuid(geteuid())->pw_name);
    everything = vf_cancel_new(NULL);
    prepare();
    return true;
}

static inline void end(void)
{
    vf_cancel_free(everything);
    free(user);
    run((const char *[]){"rm", "-rf", dir, NULL});
}

#endif
