/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Ways to log in: which transport is chosen, agents, jump hosts, passwords, sudo. */
#include "config.h"
#include "tests/unit/ssh-server.h"

#include "base/clock.h"
#include "net/ssh_int.h"

#include <poll.h>

static struct server first, second, rsa_only, noisy, odd, dropping, none;

static void test_choice(void)
{
    struct client c;
    client_init(&c, "client", VF_SSH_AUTO);
    know(&first, "host_ed25519");
    expect_login(&c, &first, "libssh2", 0, "an ed25519 key");
    client_clear(&c);
    client_init(&c, "client_rsa", VF_SSH_AUTO);
    expect_login(&c, &first, "openssh", 0, "an RSA key");
    c.conf.transport = VF_SSH_LIBSSH2;
    expect_failure(&c, &first, VF_E_AUTH, "openssh", "an RSA key and only libssh2 allowed");
    client_clear(&c);
    client_init(&c, "client", VF_SSH_AUTO);
    know(&rsa_only, NULL);
    c.answerer.replies = (struct reply[]){{"host-key:", "yes"}, {0}};
    expect_login(&c, &rsa_only, "openssh", 1, "a host with nothing but an RSA key");
    expect_login(&c, &rsa_only, "openssh", 0, "the same host, known");
    client_clear(&c);
    vf_autofree char *ca = in_dir("ca"), *key = in_dir("certified"), *pub = in_dir("certified.pub");
    make_key("certified", "ed25519", "");
    run((const char *[]){"ssh-keygen", "-q", "-s", ca, "-I", "test", "-n", user, pub, NULL});
    know(&first, "host_ed25519");
    client_init(&c, "certified", VF_SSH_AUTO);
    expect_login(&c, &first, "openssh", 0, "a certificate");
    client_clear(&c);
}

/* Passes bytes between A and B until one ends; with HOLD, what B says after its first line comes
 * only when B has hung up. */
static void pass_on(int a, int b, bool hold)
{
    vf_autobuf struct vf_buf late = {0};
    char buf[8192];
    for (bool line = false;;) {
        struct pollfd p[2] = {{.fd = a, .events = POLLIN}, {.fd = b, .events = POLLIN}};
        if (poll(p, 2, 20000) <= 0)
            return;
        int i = p[0].revents ? 0 : 1;
        ssize_t n = read(p[i].fd, buf, sizeof buf);
        if (n <= 0)
            break;
        const char *end = i && hold && !line ? memchr(buf, '\n', (size_t)n) : NULL;
        size_t now = end ? (size_t)(end - buf) + 1 : i && hold && line ? 0 : (size_t)n;
        line = line || end;
        vf_buf_add(&late, buf + now, (size_t)n - now);
        if (vf_write_full(p[!i].fd, buf, now) < 0)
            break;
    }
    if (late.len)
        vf_write_full(a, late.data, late.len);
}

/* A host that has hung up by the time we see that no algorithm fits: the first time only. */
static void test_quick_host(void)
{
    struct server quick = {.name = "quick", .address = "127.0.0.41"};
    struct sockaddr_in sa = {.sin_family = AF_INET}, to = sa;
    inet_pton(AF_INET, quick.address, &sa.sin_addr);
    inet_pton(AF_INET, rsa_only.address, &to.sin_addr);
    sa.sin_port = htons(quick.port = reserve_port(quick.address));
    to.sin_port = htons(rsa_only.port);
    vf_autofd int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (!ok(setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)) == 0 &&
                bind(listener, (struct sockaddr *)&sa, sizeof sa) == 0 && listen(listener, 5) == 0,
            "a proxy"))
        return;
    fflush(stdout);
    pid_t pid = fork();
    for (bool hold = true; pid == 0; hold = false) {
        int a = accept(listener, NULL, NULL), b = socket(AF_INET, SOCK_STREAM, 0);
        if (a < 0 || connect(b, (struct sockaddr *)&to, sizeof to) < 0)
            _exit(1);
        pass_on(a, b, hold);
        close(a);
        close(b);
    }
    struct client c;
    client_init(&c, "client", VF_SSH_AUTO);
    know(&quick, NULL);
    c.answerer.replies = (struct reply[]){{"host-key:", "yes"}, {0}};
    expect_login(&c, &quick, "openssh", 1, "a host that hangs up quickly");
    client_clear(&c);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static void test_addresses(void)
{
    struct client c;
    client_init(&c, "client", VF_SSH_AUTO);
    know(&first, "host_ed25519");
    c.conf.port = first.port;
    char *addresses[] = {(char *)"127.0.0.39", (char *)"no-such-host.invalid",
                         (char *)first.address, NULL};
    vf_autoerror struct vf_error *e = NULL;
    struct vf_ssh *s = vf_ssh_open("h1", addresses, &c.conf, &c.asker, everything, &e);
    ok(s && vf_streq(vf_ssh_address(s), first.address), "the address that answers is used");
    vf_ssh_free(s);
    addresses[2] = NULL;
    s = vf_ssh_open("h1", addresses, &c.conf, &c.asker, everything, &e);
    ok(!s && vf_error_code(e) == VF_E_NET && strstr(vf_error_text(e), "127.0.0.39") &&
           strstr(vf_error_text(e), "no-such-host"),
       "else each is told: %s", vf_error_text(e));
    vf_error_free(VF_STEAL(e));
    c.conf.transport = VF_SSH_OPENSSH;
    s = vf_ssh_open("h1", addresses, &c.conf, &c.asker, everything, &e);
    ok(!s && vf_error_code(e) == VF_E_NET, "by ssh too: %s", vf_error_text(e));
    vf_error_free(VF_STEAL(e));
    c.conf.transport = VF_SSH_AUTO;
    vf_str_set(&c.conf.key, "/nowhere/key");
    s = vf_ssh_open("h1", addresses, &c.conf, &c.asker, everything, &e);
    ok(!s && vf_error_code(e) == VF_E_USAGE, "a missing key: %s", vf_error_text(e));
    char *evil[] = {(char *)"-oProxyCommand=touch /tmp/x", NULL};
    vf_error_free(VF_STEAL(e));
    s = vf_ssh_open("h1", evil, &c.conf, &c.asker, everything, &e);
    ok(!s && vf_error_code(e) == VF_E_USAGE, "an option is no address");
    client_clear(&c);
}

static void test_agent(void)
{
    struct client c;
    struct vf_proc agent;
    vf_autofree char *socket = in_dir("agent"), *key = in_dir("client"),
                     *rsa = in_dir("client_rsa");
    vf_autofree char *wrong = in_dir("wrong");
    if (!ok(vf_proc_start((const char *[]){"ssh-agent", "-D", "-a", socket, NULL},
                          VF_PROC_DIE | VF_PROC_STDOUT, -1, &agent, NULL) == 0,
            "an agent"))
        return;
    for (int i = 0; i < 200 && access(socket, F_OK) < 0; i++)
        usleep(20000);
    setenv("SSH_AUTH_SOCK", socket, 1);
    know(&first, "host_ed25519");
    run((const char *[]){"ssh-add", "-q", wrong, key, NULL});
    for (int t = VF_SSH_LIBSSH2; t <= VF_SSH_OPENSSH; t++) {
        client_init(&c, NULL, t);
        expect_login(&c, &first, t == VF_SSH_LIBSSH2 ? "libssh2" : "openssh", 0, "by the agent");
        client_clear(&c);
    }
    run((const char *[]){"ssh-add", "-q", "-d", key, NULL});
    client_init(&c, NULL, VF_SSH_AUTO);
    expect_failure(&c, &first, VF_E_AUTH, "h1", "an agent with the wrong key");
    run((const char *[]){"ssh-add", "-q", rsa, NULL});
    expect_login(&c, &first, "openssh", 0, "an agent with an RSA key");
    client_clear(&c);
    unsetenv("SSH_AUTH_SOCK");
    kill(agent.pid, SIGTERM);
    vf_proc_wait(&agent, NULL, NULL);
}

static void test_config(void)
{
    struct client c;
    vf_autofree char *config = in_dir("config"), *known = in_dir("known"), *key = in_dir("client");
    vf_autofree char *jump_known = in_dir("jump_known"), *pub = public_key("host_ed25519");
    vf_autofree char *line = vf_asprintf("[%s]:%u %s\n", first.address, first.port, pub);
    put_file(jump_known, line, 0600);
    vf_autofree char *text = vf_asprintf(
        "Host far\n HostName %s\n Port %u\n ProxyJump near\n UserKnownHostsFile %s\n"
        "Host near\n HostName %s\n Port %u\n UserKnownHostsFile %s\n"
        "Host plain\n HostName %s\n Port %u\n HostKeyAlias thealias\n UserKnownHostsFile %s\n"
        "Host *\n IdentityFile %s\n IdentitiesOnly yes\n IdentityAgent none\n RemoteCommand "
        "false\n",
        second.address, second.port, known, first.address, first.port, jump_known, first.address,
        first.port, known, key);
    put_file(config, text, 0600);
    client_init(&c, NULL, VF_SSH_AUTO);
    vf_str_set(&c.conf.config, config);
    free(VF_STEAL(c.conf.known_hosts));
    struct server far = {.address = "far"}, plain = {.address = "plain"};
    put_file(known, "", 0600);
    c.answerer.replies = (struct reply[]){{"host-key:[", "yes"}, {0}};
    expect_login(&c, &far, "openssh", 1, "through a jump host");
    vf_autofree char *id = vf_asprintf("host-key:[%s]:%u", second.address, second.port);
    is_str(c.answerer.last_id, id, "the target's key is asked about");
    expect_login(&c, &far, "openssh", 0, "through a jump host, known");
    put_file(jump_known, "", 0600);
    c.answerer.asked = 0;
    expect_login(&c, &far, "openssh", 1, "through an unknown jump host");
    vf_autofree char *jump_id = vf_asprintf("host-key:[%s]:%u", first.address, first.port);
    is_str(c.answerer.last_id, jump_id, "the jump host's key is asked about");
    put_file(jump_known, "", 0600);
    c.answerer.replies = (struct reply[]){{"host-key:", "no"}, {0}};
    expect_failure(&c, &far, VF_E_TRUST, "jump host", "an unknown jump host refused");
    vf_autofree char *wrong = public_key("wrong");
    vf_autofree char *bad = vf_asprintf("[%s]:%u %s\n", second.address, second.port, wrong);
    put_file(jump_known, line, 0600);
    put_file(known, bad, 0600);
    expect_failure(&c, &far, VF_E_TRUST, "has changed", "a changed key behind a jump host");
    vf_autofree char *alias = vf_asprintf("thealias %s\n", pub);
    put_file(known, alias, 0600);
    expect_login(&c, &plain, "libssh2", 0, "a HostKeyAlias");
    client_clear(&c);
}

/* The second server by way of the first, as vmferry.conf says. */
static void test_jump(void)
{
    struct client c;
    vf_autofree char *known = in_dir("known"), *first_key = public_key("host_ed25519");
    vf_autofree char *both = vf_asprintf("[%s]:%u %s\n[%s]:%u %s\n", first.address, first.port,
                                         first_key, second.address, second.port, first_key);
    client_init(&c, "client", VF_SSH_AUTO);
    c.conf.jump = vf_asprintf("%s@%s:%u", user, first.address, first.port);
    put_file(known, both, 0600);
    vf_autofree char *log = in_dir("first.log"), *before = get_file(log);
    expect_login(&c, &second, "openssh", 0, "through the configured jump host");
    vf_autofree char *after = get_file(log);
    ok(strlen(after) > strlen(before) && strstr(after + strlen(before), "Accepted publickey"),
       "the jump host has let us in");
    know(&second, "host_ed25519");
    c.answerer.replies = (struct reply[]){{"host-key:", "yes"}, {0}};
    expect_login(&c, &second, "openssh", 1, "an unknown jump host is asked about");
    vf_autofree char *id = vf_asprintf("host-key:[%s]:%u", first.address, first.port);
    is_str(c.answerer.last_id, id, "... by its name");
    expect_login(&c, &second, "openssh", 0, "... once");
    know(&second, "host_ed25519");
    c.answerer.replies = (struct reply[]){{"host-key:", "no"}, {0}};
    expect_failure(&c, &second, VF_E_TRUST, "jump host", "an unknown jump host refused");
    know(&first, "wrong");
    expect_failure(&c, &second, VF_E_TRUST, "jump host", "a jump host whose key has changed");
    put_file(known, both, 0600);
    struct server nobody = {.name = "nobody", .address = "127.0.0.39", .port = second.port};
    expect_failure(&c, &nobody, VF_E_NET, "does not connect there", "a target nobody is at");
    vf_str_set(&c.conf.jump, "127.0.0.39");
    expect_failure(&c, &second, VF_E_NET, "jump host 127.0.0.39", "a jump host nobody is at");
    c.conf.transport = VF_SSH_LIBSSH2;
    vf_autofree char *way = vf_asprintf("%s:%u", first.address, first.port);
    vf_str_set(&c.conf.jump, way);
    expect_failure(&c, &second, VF_E_USAGE, "libssh2", "a jump host and only libssh2 allowed");
    vf_str_set(&c.conf.jump, "none");
    expect_login(&c, &second, "libssh2", 0, "none");
    static const char *const wrong[] = {"a,b",  "a:0",    "@a",  "a@", "",
                                        "[::1", "[::1]x", "a:b", "a b"};
    c.conf.transport = VF_SSH_AUTO;
    for (size_t i = 0; i < VF_COUNT(wrong); i++) {
        vf_str_set(&c.conf.jump, wrong[i]);
        expect_failure(&c, &second, VF_E_USAGE, "", wrong[i]);
    }
    client_clear(&c);
}

static void test_forced(void)
{
    struct client c;
    for (int t = VF_SSH_LIBSSH2; t <= VF_SSH_OPENSSH; t++) {
        client_init(&c, "client", t);
        know(&noisy, "host_ed25519");
        vf_autoerror struct vf_error *e = NULL;
        struct vf_ssh *s = open_at(&c, &noisy, &e);
        struct vf_ssh_result r = {0};
        ok(s && vf_ssh_exec(s, "echo yes", NULL, 0, &r, &e) == 0 &&
               vf_streq(vf_buf_str(&r.out), "noise\nyes\n"),
           "what a shell says by itself is output");
        vf_ssh_result_free(&r);
        /* this server cuts channels before their command has ended, and lets one run at a time */
        vf_ssh_free(s);
        know(&odd, "host_ed25519");
        s = open_at(&c, &odd, &e);
        ok(s && vf_ssh_exec(s, "echo $$ >&2; sleep 4", NULL, 0, &r, &e) == -1 &&
               vf_error_code(e) == VF_E_NET,
           "a missing exit status is no success: %s", vf_error_text(e));
        vf_ssh_result_free(&r);
        vf_ssh_free(s);
        client_clear(&c);
    }
}

/* More commands at a time than the host allows in a connection; nobody is ASKED again. */
static void sessions_at(struct client *c, struct server *at, int asked)
{
    vf_autoerror struct vf_error *e = NULL;
    struct vf_ssh *s = open_at(c, at, &e);
    struct vf_ssh_child child[3] = {{0}};
    char got[6] = "";
    int n = 0;
    while (s && n < 3 && vf_ssh_start(s, "cat", &child[n], &e) == 0)
        n++;
    ok(n == 3, "three commands at a time (%s)", vf_error_text(e));
    ok(s && s->more && s->limit < 3, "in more than one connection");
    ok(c->answerer.asked == asked, "with %d questions (%d)", asked, c->answerer.asked);
    struct vf_ssh_result r = {0};
    ok(s && vf_ssh_exec(s, "true", NULL, 0, &r, NULL) == 0, "and a fourth");
    vf_ssh_result_free(&r);
    for (int i = 0; i < n; i++)
        ok(vf_write_full(child[i].in, "hello", 5) == 0 && vf_read_full(child[i].out, got, 5) == 5 &&
               vf_ssh_finish(&child[i], 5000, NULL) == 0,
           "each works");
    ok(s && s->running == 0 && vf_ssh_exec(s, "true", NULL, 0, &r, NULL) == 0, "and a later one");
    vf_ssh_result_free(&r);
    vf_ssh_free(s);
}

static void test_sessions(void)
{
    struct client c;
    for (int t = VF_SSH_LIBSSH2; t <= VF_SSH_OPENSSH; t++) {
        struct server *at = t == VF_SSH_LIBSSH2 ? &second : &rsa_only; /* MaxSessions 2 and 1 */
        know(at, t == VF_SSH_LIBSSH2 ? "host_ed25519" : "host_rsa");
        client_init(&c, "client", t);
        sessions_at(&c, at, 0);
        client_clear(&c);
        know(&dropping, "host_ed25519");
        client_init(&c, "client", t);
        /* somebody is always about to log in there */
        vf_autofd int other = connect_to(&dropping);
        expect_login(&c, &dropping, t == VF_SSH_LIBSSH2 ? "libssh2" : "openssh", 0,
                     "a host that hangs up on most");
        client_clear(&c);
    }
    client_init(&c, "client", VF_SSH_LIBSSH2);
    know(&none, "host_ed25519");
    expect_failure(&c, &none, VF_E_PERMISSION, "MaxSessions", "no session at all");
    client_clear(&c);
}

/* What a person has answered is used for one more login, but no code. */
static void test_again(void)
{
    struct vf_ssh_conf conf = {0};
    struct answerer a = {.replies = (struct reply[]){{"ssh-", "123456"}, {0}}};
    struct vf_asker asker = {.ask = reply, .opaque = &a};
    struct vf_ssh_login *l = vf_ssh_login_new("u@h", &conf, &asker, NULL);
    vf_autoerror struct vf_error *e = NULL;
    struct vf_secret *s[4] = {0};
    ok(vf_ssh_login_prompt(l, NULL, "Password: ", false, &s[0], NULL) == 0 &&
           vf_ssh_login_prompt(l, NULL, "Code: ", false, &s[1], NULL) == 0 && a.asked == 2,
       "a password and a code are asked for");
    vf_ssh_login_rewind(l, true);
    ok(vf_ssh_login_prompt(l, NULL, "Password: ", false, &s[2], NULL) == 0 && a.asked == 2 &&
           vf_streq(vf_secret_text(s[2]), "123456"),
       "the password does once more");
    ok(vf_ssh_login_prompt(l, NULL, "Code: ", false, &s[3], &e) < 0 && a.asked == 2 &&
           vf_error_code(e) == VF_E_AUTH && strstr(vf_error_text(e), "asks again (u@h asks: Code"),
       "the code does not: %s", vf_error_text(e));
    vf_error_free(VF_STEAL(e));
    ok(vf_ssh_login_prompt(l, NULL, "Password: ", false, &s[3], &e) < 0 && a.asked == 2,
       "nor the password a second time");
    for (int i = 0; i < 4; i++)
        vf_secret_free(s[i]);
    vf_ssh_login_free(l);
}

/* The password is "correct horse"; accounts as in no real /etc, mounted for this sshd alone. */
static const char accounts[] =
    "cd %1$s && (grep -v '^ferry:' /etc/passwd; echo 'ferry:x:4711:4711::/:/bin/sh') >passwd && "
    "(grep -v '^ferry:' /etc/shadow; echo "
    "'ferry:$6$vftest$3Y3fWWUc7MEqM6WKJ2RfLxDl95NEnFcqt4cxNvA70B"
    "KIbN6BdHnOJTRSfyvnv9ibY.KOxMnF0B3c9SK6ZImL.1:19000:0:99999:7:::') >shadow && "
    "(echo 'auth required pam_unix.so nodelay'; echo 'account required pam_permit.so'; "
    "echo 'session required pam_permit.so') >pam && chmod 644 passwd pam && "
    "mount --bind passwd /etc/passwd && mount --bind shadow /etc/shadow && "
    "{ ! test -e /etc/pam.d/sshd || mount --bind pam /etc/pam.d/sshd; }";

static void as_ferry(struct client *c, int transport)
{
    client_init(c, NULL, transport);
    vf_str_set(&c->conf.user, "ferry");
}

static void password_logins(const struct server *s, int transport, const char *name,
                            const char *kind)
{
    struct client c;
    printf("# %s by %s\n", kind, name);
    know(s, "host_ed25519");
    as_ferry(&c, transport);
    c.answerer.replies = (struct reply[]){{"ssh-password:", "correct horse"}, {0}};
    expect_login(&c, s, name, 1, "a typed password");
    vf_autofree char *id = vf_asprintf("ssh-password:ferry@[%s]:%u", s->address, s->port);
    is_str(c.answerer.last_id, id, "the question's name");
    c.answerer.replies = (struct reply[]){{"ssh-password:", "wrong"}, {0}};
    c.answerer.asked = 0;
    expect_failure(&c, s, VF_E_AUTH, "h1", "a wrong password");
    ok(c.answerer.asked == 3, "three tries (%d)", c.answerer.asked);
    c.answerer.replies = NULL;
    expect_failure(&c, s, VF_E_AUTH, "nobody answers", "nobody to ask");
    c.conf.password_file = in_dir("secret");
    put_file(c.conf.password_file, "correct horse\n", 0600);
    expect_login(&c, s, name, 0, "a configured password");
    put_file(c.conf.password_file, "wrong\n", 0600);
    c.answerer.asked = 0;
    c.answerer.replies = (struct reply[]){{"ssh-password:", "correct horse"}, {0}};
    expect_login(&c, s, name, 1, "a wrong configured one is tried once, then asked for");
    chmod(c.conf.password_file, 0644);
    expect_failure(&c, s, VF_E_PERMISSION, "0600", "a password file others can read");
    client_clear(&c);
}

static void test_second_factor(const struct server *s)
{
    struct client c;
    vf_autofree char *secret = in_dir("secret");
    put_file(secret, "correct horse\n", 0600);
    know(s, "host_ed25519");
    client_init(&c, "client", VF_SSH_AUTO);
    vf_str_set(&c.conf.user, "ferry");
    c.conf.password_file = vf_strdup(secret);
    expect_login(&c, s, "openssh", 0, "a key and a password");
    client_clear(&c);
}

static void test_sudo(const struct server *s)
{
    struct client c;
    if (access("/usr/bin/sudo", X_OK) < 0) {
        skip("sudo refused", "no sudo here");
        return;
    }
    vf_autofree char *secret = in_dir("secret");
    put_file(secret, "correct horse\n", 0600);
    as_ferry(&c, VF_SSH_AUTO);
    c.conf.password_file = vf_strdup(secret);
    c.conf.sudo = 1;
    know(s, "host_ed25519");
    expect_failure(&c, s, VF_E_PERMISSION, "NOPASSWD", "sudo refused");
    client_clear(&c);
}

static void test_passwords(void)
{
    struct server by_password = {0}, by_prompt = {0}, by_both = {0}, by_one = {0};
    vf_autofree char *setup = vf_asprintf(accounts, dir);
    if (geteuid() != 0 || run((const char *[]){"unshare", "-m", "true", NULL}) != 0) {
        skip("passwords", "needs root and mount namespaces");
        return;
    }
    if (!ok(serve(&by_password, "by_password", "127.0.0.36", "host_ed25519",
                  "PasswordAuthentication yes\nKbdInteractiveAuthentication no\n", setup) &&
                serve(&by_prompt, "by_prompt", "127.0.0.37", "host_ed25519",
                      "PasswordAuthentication no\nKbdInteractiveAuthentication yes\nUsePAM yes\n",
                      setup) &&
                serve(&by_one, "by_one", "127.0.0.43", "host_ed25519",
                      "PasswordAuthentication yes\nMaxSessions 1\n", setup) &&
                serve(&by_both, "by_both", "127.0.0.40", "host_ed25519",
                      "PasswordAuthentication yes\nAuthenticationMethods publickey,password\n",
                      setup),
            "servers with passwords"))
        return;
    for (int t = VF_SSH_LIBSSH2; t <= VF_SSH_OPENSSH; t++) {
        const char *name = t == VF_SSH_LIBSSH2 ? "libssh2" : "openssh";
        password_logins(&by_password, t, name, "password");
        password_logins(&by_prompt, t, name, "keyboard-interactive");
    }
    struct client c;
    for (int t = VF_SSH_LIBSSH2; t <= VF_SSH_OPENSSH; t++) {
        know(&by_one, "host_ed25519");
        as_ferry(&c, t);
        c.answerer.replies = (struct reply[]){{"ssh-password:", "correct horse"}, {0}};
        sessions_at(&c, &by_one, 1);
        client_clear(&c);
    }
    stop(&by_one);
    test_second_factor(&by_both);
    test_sudo(&by_password);
    stop(&by_both);
    stop(&by_password);
    stop(&by_prompt);
}

int main(int argc, char **argv)
{
    if (!begin(argc))
        return done_testing();
    make_key("ca", "ed25519", "");
    vf_autofree char *ca =
        vf_asprintf("TrustedUserCAKeys %s/ca.pub\nMaxSessions 2\nRekeyLimit 256K\n", dir);
    if (ok(serve(&first, "first", "127.0.0.32", "host_ed25519 host_ecdsa host_rsa", ca, NULL) &&
               serve(&second, "second", "127.0.0.33", "host_ed25519", "MaxSessions 2\n", NULL) &&
               serve(&rsa_only, "rsa_only", "127.0.0.34", "host_rsa", "MaxSessions 1\n", NULL) &&
               serve(&noisy, "noisy", "127.0.0.35", "host_ed25519",
                     "ForceCommand echo noise; eval \"$SSH_ORIGINAL_COMMAND\"\n", NULL) &&
               serve(&dropping, "dropping", "127.0.0.41", "host_ed25519", "MaxStartups 1:50:100\n",
                     NULL) &&
               serve(&none, "none", "127.0.0.42", "host_ed25519", "MaxSessions 0\n", NULL) &&
               serve(&odd, "odd", "127.0.0.38", "host_ed25519", "ChannelTimeout session:*=1s\n",
                     NULL),
           "servers")) {
        test_choice();
        test_quick_host();
        test_addresses();
        test_agent();
        test_config();
        test_jump();
        test_forced();
        test_sessions();
        test_again();
        test_passwords();
    }
    stop(&first);
    stop(&second);
    stop(&rsa_only);
    stop(&noisy);
    stop(&odd);
    stop(&dropping);
    stop(&none);
    end();
    return done_testing();
}
