/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Replays every exchange of $VMFERRY_API_DATA/captures-8.4.1.jsonl against a fresh lab made to
 * resemble the machine they were taken from: status, reason phrase, connection header and the shape
 * of the answer must be the same; of an error the whole answer. */
#include "config.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include "base/proc.h"
#include "tests/lab/lab.h"
#include "tests/unit/tap.h"

struct answer {
    int status;
    char *reason, *connection;
    json_t *json; /* NULL: no JSON body */
};

static SSL_CTX *tls;
static char *lab_dir, *urls[2]; /* addresses of alpha and beta */
static char *tokens[2], *empty_tokens[2];
static json_t *upids; /* captured UPID -> the lab's */

static void answer_clear(struct answer *a)
{
    free(a->reason);
    free(a->connection);
    json_decref(a->json);
}

static SSL *dial(const char *addr, int *fd)
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(LAB_API_PORT)};
    inet_pton(AF_INET, addr, &sa.sin_addr);
    *fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (*fd < 0 || connect(*fd, (struct sockaddr *)&sa, sizeof sa))
        return NULL;
    SSL *ssl = SSL_new(tls);
    SSL_set_fd(ssl, *fd);
    return SSL_connect(ssl) == 1 ? ssl : NULL;
}

/* The whole exchange by hand: libraries hide the reason phrase. */
static struct answer ask(const char *addr, const char *verb, const char *path, const char *auth,
                         const char *body)
{
    struct answer a = {0};
    vf_autobuf struct vf_buf rq = {0}, in = {0};
    int fd = -1;
    SSL *ssl = dial(addr, &fd);
    vf_buf_printf(&rq, "%s /api2/json%s HTTP/1.1\r\nHost: lab\r\nConnection: Keep-Alive\r\n%s",
                  verb, path, auth);
    if (body)
        vf_buf_printf(&rq,
                      "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %zu\r\n",
                      strlen(body));
    vf_buf_printf(&rq, "\r\n%s", body ? body : "");
    if (ssl && SSL_write(ssl, rq.data, (int)rq.len) == (int)rq.len) {
        size_t want = SIZE_MAX;
        while (in.len < want) {
            char *room = vf_buf_room(&in, 65536);
            int n = SSL_read(ssl, room, 65536);
            if (n <= 0)
                break;
            in.len += n;
            in.data[in.len] = 0;
            char *end = strstr(in.data, "\r\n\r\n"), *cl = strstr(in.data, "Content-Length: ");
            if (end && cl && cl < end)
                want = end + 4 - in.data + strtoul(cl + 16, NULL, 10);
        }
    }
    char line[400] = "", *end = in.len ? strstr(in.data, "\r\n\r\n") : NULL;
    if (end && sscanf(in.data, "HTTP/1.1 %d %399[^\r\n]", &a.status, line) >= 1) {
        char *c = strstr(in.data, "Connection: ");
        a.reason = vf_strdup(line);
        a.connection = c && c < end ? vf_strndup(c + 12, strcspn(c + 12, "\r")) : NULL;
        a.json = json_loads(end + 4, 0, NULL);
    }
    SSL_free(ssl);
    if (fd >= 0)
        close(fd);
    return a;
}

static const char *type_name(const json_t *j)
{
    static const char *const names[] = {"object", "array", "string", "number",
                                        "number", "true",  "false",  "null"};
    return names[json_typeof(j)];
}

static bool same_shape(json_t *got, json_t *want);

static bool found_in(json_t *one, json_t *list)
{
    size_t i;
    json_t *e;
    json_array_foreach (list, i, e)
        if (same_shape(one, e))
            return true;
    return false;
}

/* Same types, same keys; arrays hold the same kinds of elements. */
static bool same_shape(json_t *got, json_t *want)
{
    const char *key;
    json_t *v;
    size_t i;
    if (strcmp(type_name(got), type_name(want)))
        return false;
    if (json_is_object(want)) {
        /* QEMU gives this one only once the guest has used the disk */
        json_object_del(got, "idle_time_ns");
        json_object_del(want, "idle_time_ns");
        if (json_object_size(got) != json_object_size(want))
            return false;
        json_object_foreach (want, key, v)
            if (!json_object_get(got, key) || !same_shape(json_object_get(got, key), v))
                return false;
    }
    json_array_foreach (want, i, v)
        if (!found_in(v, got))
            return false;
    json_array_foreach (got, i, v)
        if (!found_in(v, want))
            return false;
    return true;
}

/* "…/tasks/UPID%3A…": the captured UPID stands for the one we got at that point. */
static char *map_path(const char *path)
{
    const char *upid;
    json_t *ours;
    json_object_foreach (upids, upid, ours) {
        vf_autofree char *enc = vf_url_encode(upid);
        vf_autofree char *mine = vf_url_encode(json_string_value(ours));
        const char *at = strstr(path, enc);
        if (at)
            return vf_asprintf("%.*s%s%s", (int)(at - path), path, mine, at + strlen(enc));
    }
    return vf_strdup(path);
}

static void wait_task(int cluster, const char *node, const char *upid, const char *auth)
{
    vf_autofree char *enc = vf_url_encode(upid);
    vf_autofree char *path = vf_asprintf("/nodes/%s/tasks/%s/status", node, enc);
    for (int i = 0; i < 2000; i++, usleep(10000)) {
        struct answer a = ask(urls[cluster], "GET", path, auth, NULL);
        const char *s =
            json_string_value(json_object_get(json_object_get(a.json, "data"), "status"));
        bool done = !vf_streq(s, "running");
        answer_clear(&a);
        if (done)
            return;
    }
}

static char *ticket_header(int cluster, bool csrf);

static char *auth_header(int cluster, json_t *capture)
{
    const char *auth = json_string_value(json_object_get(capture, "auth"));
    const char *note = json_string_value(json_object_get(capture, "note"));
    if (!auth || vf_streq(auth, "none"))
        return vf_strdup("");
    if (vf_streq(auth, "ticket-nocsrf"))
        return ticket_header(cluster, false);
    bool plain = vf_streq(auth, "token");
    return vf_asprintf("Authorization: PVEAPIToken=migrator@pve!%s=%s\r\n",
                       plain || strstr(note, "wrong") ? "ferry" : "empty",
                       plain                   ? tokens[cluster]
                       : strstr(note, "wrong") ? "no"
                                               : empty_tokens[cluster]);
}

static void differ(json_t *got, json_t *want)
{
    vf_autofree char *g =
        got ? json_dumps(got, JSON_COMPACT | JSON_ENCODE_ANY | JSON_SORT_KEYS) : NULL;
    vf_autofree char *w =
        want ? json_dumps(want, JSON_COMPACT | JSON_ENCODE_ANY | JSON_SORT_KEYS) : NULL;
    printf("# got  %.1500s\n# want %.1500s\n", g ? g : "no JSON", w ? w : "no JSON");
}

static void replay(json_t *cap, int number)
{
    const char *verb = json_string_value(json_object_get(cap, "verb"));
    const char *path = json_string_value(json_object_get(cap, "path"));
    const char *body = json_string_value(json_object_get(cap, "body"));
    const char *status = json_string_value(json_object_get(cap, "status"));
    const char *conn =
        json_string_value(json_object_get(json_object_get(cap, "headers"), "Connection"));
    static int where; /* a path without a node goes where the one before it went */
    json_t *want = json_object_get(cap, "json");
    if (strstr(path, "pvebeta1"))
        where = 1;
    else if (strstr(path, "pvealpha1"))
        where = 0;
    vf_autofree char *auth = auth_header(where, cap), *mapped = map_path(path);
    struct answer a = ask(urls[where], verb, mapped, auth,
                          vf_streq(path, "/access/ticket") && strstr(body, "...")
                              ? "username=migrator%40pve&password=migrator"
                              : body);
    vf_autofree char *line = vf_asprintf("HTTP/1.1 %d %s", a.status, a.reason ? a.reason : "");
    if (strstr(status, "/var/lib/vz/") && strstr(line, lab_dir)) {
        skip("a message that names a path", "without namespaces a node's files are elsewhere");
        answer_clear(&a);
        return;
    }
    bool good = vf_streq(line, status) && (!conn || vf_streq(a.connection, conn));
    bool shape =
        want ? a.json && (a.status == 200 ? same_shape(a.json, want) : json_equal(a.json, want))
             : !a.json;
    if (vf_streq(path, "/access/ticket") && a.status == 200) /* "cap" is abridged in the capture */
        shape =
            json_is_string(json_object_get(json_object_get(a.json, "data"), "ticket")) &&
            json_is_string(json_object_get(json_object_get(a.json, "data"), "CSRFPreventionToken"));
    ok(good && shape, "%d: %s %.100s: %.60s", number, verb, path, status);
    if (!good)
        printf("# got  %s, %s\n# want %s, %s\n", line, a.connection ? a.connection : "-", status,
               conn ? conn : "-");
    if (!shape)
        differ(a.json, want);
    const char *upid = json_string_value(json_object_get(a.json, "data"));
    const char *theirs = json_string_value(json_object_get(want, "data"));
    if (upid && theirs && vf_starts(upid, "UPID:")) {
        json_object_set_new(upids, theirs, json_string(upid));
        wait_task(where, where ? "pvebeta1" : "pvealpha1", upid, auth);
    }
    answer_clear(&a);
}

static char *lab_exe(void)
{
    const char *top = getenv("top_builddir");
    return vf_asprintf("%s/vmferry-lab", top ? top : ".");
}

static int lab(const char *verb, struct vf_proc_result *res)
{
    vf_autofree char *exe = lab_exe();
    const char *argv[] = {exe,        verb,           "--dir", lab_dir, "--profile",
                          "captures", "--auth-delay", "0",     NULL};
    vf_autoerror struct vf_error *err = NULL;
    if (!vf_proc_run(argv, NULL, 0, 65536, NULL, res, &err) && !res->status)
        return 0;
    printf("# vmferry-lab %s: %s%s\n", verb, err ? vf_error_text(err) : "", vf_buf_str(&res->err));
    return -1;
}

static char *first_line(const char *name)
{
    vf_autofree char *path = vf_asprintf("%s/%s", lab_dir, name);
    char *text = vf_read_file(path, 1000, NULL, NULL);
    if (text)
        text[strcspn(text, "\n")] = 0;
    return text;
}

/* "Cookie: …" and the CSRF header of a fresh login. */
static char *ticket_header(int cluster, bool csrf)
{
    struct answer a = ask(urls[cluster], "POST", "/access/ticket", "",
                          "username=migrator%40pve&password=migrator");
    json_t *data = json_object_get(a.json, "data");
    const char *t = json_string_value(json_object_get(data, "ticket"));
    const char *c = json_string_value(json_object_get(data, "CSRFPreventionToken"));
    vf_autofree char *enc = vf_url_encode(t ? t : "");
    char *h =
        vf_asprintf("Cookie: PVEAuthCookie=%s\r\n%s%s%s", enc, csrf ? "CSRFPreventionToken: " : "",
                    csrf && c ? c : "", csrf ? "\r\n" : "");
    answer_clear(&a);
    return h;
}

/* Tasks in the list, of a token and of a user, as the captured machine had some. */
static void prepare(void)
{
    for (int i = 0; i < 2; i++) {
        vf_autofree char *auth =
            i ? ticket_header(0, true)
              : vf_asprintf("Authorization: PVEAPIToken=migrator@pve!ferry=%s\r\n", tokens[0]);
        struct answer a =
            ask(urls[0], "POST", "/nodes/pvealpha1/qemu/101/config", auth, "onboot=1");
        const char *upid = json_string_value(json_object_get(a.json, "data"));
        if (ok(upid != NULL, "a task of a %s", i ? "user" : "token"))
            wait_task(0, "pvealpha1", upid, auth);
        answer_clear(&a);
    }
}

int main(void)
{
    const char *data = getenv("VMFERRY_API_DATA");
    vf_autofree char *path = vf_asprintf("%s/captures-8.4.1.jsonl", data ? data : "");
    FILE *f = data && *data ? fopen(path, "re") : NULL;
    if (!f) {
        printf("1..0 # SKIP VMFERRY_API_DATA names no folder with captures-8.4.1.jsonl\n");
        return 0;
    }
    char template[] = "/tmp/vmferry-captures-XXXXXX";
    lab_dir = mkdtemp(template);
    signal(SIGPIPE, SIG_IGN);
    struct vf_proc_result up = {0}, down = {0};
    tls = SSL_CTX_new(TLS_client_method());
    upids = json_object();
    if (ok(lab_dir && !lab("up", &up), "a lab starts")) {
        const char *out = vf_buf_str(&up.out), *beta = strstr(out, "beta https://");
        urls[0] = vf_strndup(out + 14, strcspn(out + 14, ":"));
        urls[1] = vf_strndup(beta + 13, strcspn(beta + 13, ":"));
        tokens[0] = first_line("token-alpha");
        tokens[1] = first_line("token-beta");
        empty_tokens[0] = first_line("token-empty-alpha");
        empty_tokens[1] = first_line("token-empty-beta");
        prepare();
        char *line = NULL;
        size_t cap = 0;
        for (int n = 1; getline(&line, &cap, f) > 0; n++) {
            lab_autojson json_t *j = json_loads(line, 0, NULL);
            if (j)
                replay(j, n);
        }
        free(line);
        ok(!lab("down", &down), "the lab ends");
    }
    vf_proc_result_free(&up);
    vf_proc_result_free(&down);
    for (int i = 0; i < 2; i++) {
        free(urls[i]);
        free(tokens[i]);
        free(empty_tokens[i]);
    }
    json_decref(upids);
    SSL_CTX_free(tls);
    fclose(f);
    return done_testing();
}
