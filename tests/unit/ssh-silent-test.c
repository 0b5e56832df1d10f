/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What may be waited for at a login and never answers: an agent, a program of ssh_config, a name
 * server. With shorter time-outs; an answer that only comes too late (a slow machine) is tried
 * again. */
#include "config.h"
#include "tests/unit/ssh-server.h"

#include "net/ssh_int.h"

#include <dlfcn.h>
#include <netdb.h>
#include <pthread.h>
#include <sys/un.h>

enum { TRIES = 20, LIST = 11, LISTED = 12 };

static struct server host;

/* ---- a name server that never answers for one name ---- */

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **out)
{
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) =
        (int (*)(const char *, const char *, const struct addrinfo *, struct addrinfo **))dlsym(
            RTLD_NEXT, "getaddrinfo");
    if (name && !strcmp(name, "never.invalid")) {
        pthread_mutex_lock(&gate);
        pthread_mutex_unlock(&gate);
    }
    return real(name, service, hints, out);
}

/* ---- agents ---- */

struct agent {
    char *path;
    int fd;
    const char *key; /* that it has; NULL: it does not even list */
    pthread_t thread;
};

static void put_u32(struct vf_buf *b, size_t n)
{
    vf_buf_add(b, (char[]){(char)(n >> 24), (char)(n >> 16), (char)(n >> 8), (char)n}, 4);
}

static void list_key(int fd, const char *name)
{
    vf_autofree char *text = public_key(name);
    char *b64 = strchr(text, ' ') + 1;
    size_t len = 0;
    vf_autofree unsigned char *raw = vf_base64_decode(b64, strcspn(b64, " "), &len);
    vf_autobuf struct vf_buf b = {0}, message = {0};
    vf_buf_add(&b, (char[]){LISTED}, 1);
    put_u32(&b, 1);
    put_u32(&b, len);
    vf_buf_add(&b, raw, len);
    put_u32(&b, 0);
    put_u32(&message, b.len);
    vf_buf_add(&message, b.data, b.len);
    if (vf_write_full(fd, message.data, message.len) < 0)
        printf("# the agent's answer: %s\n", strerror(errno));
}

/* Until it is shut down; what came is never hung up before. */
static void *serve_agent(void *arg)
{
    struct agent *a = arg;
    int fds[64];
    size_t n = 0;
    while (n < VF_COUNT(fds) && (fds[n] = accept(a->fd, NULL, NULL)) >= 0) {
        char request[5];
        if (a->key && vf_read_full(fds[n], request, 5) == 5 && request[4] == LIST)
            list_key(fds[n], a->key);
        n++;
    }
    while (n)
        close(fds[--n]);
    return NULL;
}

static void agent_begin(struct agent *a, const char *name, const char *key)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    *a = (struct agent){.path = in_dir("%s", name), .key = key};
    snprintf(sa.sun_path, sizeof sa.sun_path, "%s", a->path);
    a->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ok(bind(a->fd, (struct sockaddr *)&sa, sizeof sa) == 0 && listen(a->fd, 8) == 0 &&
           pthread_create(&a->thread, NULL, serve_agent, a) == 0,
       "an agent");
    setenv("SSH_AUTH_SOCK", a->path, 1);
}

static void agent_end(struct agent *a)
{
    unsetenv("SSH_AUTH_SOCK");
    shutdown(a->fd, SHUT_RDWR);
    pthread_join(a->thread, NULL);
    close(a->fd);
    free(a->path);
}

/* ---- */

/* As expect_failure(); what was too slow for another limit is tried again. */
static void expect_silence(struct client *c, const struct server *s, enum vf_error_code code,
                           const char *words, const char *what)
{
    vf_autoerror struct vf_error *e = NULL;
    bool said = false;
    for (int i = 0; i < TRIES && !said; i++) {
        vf_error_free(VF_STEAL(e));
        vf_auto(vf_ssh_free) struct vf_ssh *ssh = open_at(c, s, &e);
        if (ssh)
            break;
        said = vf_error_code(e) == code && strstr(vf_error_text(e), words);
    }
    ok(said, "%s: %s with '%s'", what, vf_error_code_name(code), words);
}

static void test_agents(void)
{
    struct client c;
    struct agent a;
    know(&host, "host_ed25519");
    client_init(&c, NULL, VF_SSH_LIBSSH2);
    agent_begin(&a, "mute", NULL);
    expect_silence(&c, &host, VF_E_AUTH, "mute did not answer within",
                   "an agent that never answers");
    agent_end(&a);
    agent_begin(&a, "idle", "client");
    expect_silence(&c, &host, VF_E_AUTH, "did not answer within", "an agent that never signs");
    client_clear(&c);
    vf_autofree char *key = in_dir("client"), *config = in_dir("config"),
                     *text = vf_asprintf("IdentityFile %s\n", key);
    put_file(config, text, 0600);
    client_init(&c, NULL, VF_SSH_LIBSSH2);
    vf_str_set(&c.conf.config, config);
    vf_autoerror struct vf_error *e = NULL;
    struct vf_ssh *ssh = NULL;
    for (int i = 0; i < TRIES && !ssh; i++) {
        vf_error_free(VF_STEAL(e));
        ssh = open_at(&c, &host, &e);
    }
    ok(ssh != NULL, "a key of a file does without it: %s", ssh ? "logged in" : vf_error_text(e));
    vf_ssh_free(ssh);
    client_clear(&c);
    agent_end(&a);
}

static void test_configuration(void)
{
    struct client c;
    vf_autofree char *config = in_dir("config"), *left = in_dir("left"),
                     *text = vf_asprintf(
                         "Match exec \"sh -c 'echo $$ >%s; exec sleep 1000'\"\n User nobody\n",
                         left);
    put_file(config, text, 0600);
    client_init(&c, "client", VF_SSH_AUTO);
    vf_str_set(&c.conf.config, config);
    know(&host, "host_ed25519");
    expect_silence(&c, &host, VF_E_NET, "Match exec", "a program of ssh_config that never ends");
    vf_autofree char *pid = get_file(left);
    int gone = -1;
    for (int i = 0; i < 500 && gone < 0; i++) {
        usleep(20000);
        gone = kill((pid_t)strtol(pid, NULL, 10), 0) < 0 && errno == ESRCH ? 0 : -1;
    }
    ok(gone == 0, "it is ended");
    put_file(config, "ProxyCommand sleep 1000\n", 0600);
    expect_silence(&c, &host, VF_E_NET, "ProxyCommand", "a ProxyCommand that never answers");
    client_clear(&c);
}

static void test_names(void)
{
    struct client c;
    struct server never = {.address = "never.invalid", .port = 22};
    client_init(&c, "client", VF_SSH_LIBSSH2);
    pthread_mutex_lock(&gate);
    expect_silence(&c, &never, VF_E_NET, "no name server", "a name server that never answers");
    struct vf_cancel *now = vf_cancel_new(NULL);
    vf_autoerror struct vf_error *e = NULL;
    vf_cancel_fire(now, "enough");
    char *addresses[] = {(char *)"never.invalid", NULL};
    struct vf_ssh *ssh = vf_ssh_open("h1", addresses, &c.conf, &c.asker, now, &e);
    ok(!ssh && vf_error_code(e) == VF_E_CANCELLED, "what waits for it can be cancelled");
    pthread_mutex_unlock(&gate);
    vf_cancel_free(now);
    client_clear(&c);
}

int main(int argc, char **argv)
{
    setenv("VMFERRY_TEST_HASTE", "40", 1);
    if (!begin(argc))
        return done_testing();
    if (ok(serve(&host, "host", "127.0.0.57", "host_ed25519", "", NULL), "a server")) {
        test_agents();
        test_configuration();
        test_names();
    }
    stop(&host);
    end();
    return done_testing();
}
