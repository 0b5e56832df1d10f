/* SPDX-License-Identifier: GPL-3.0-or-later */
/* HTTP/1.1 over TLS as pveproxy speaks it, one thread a connection. A server of our own, because
 * the reason phrase carries Proxmox's messages and no server library lets us set it. */
#include "config.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include "tests/lab/lab.h"
#include "tests/lab/http.h"

#define HEAD_MAX     (64 * 1024)
#define BODY_MAX     (512 * 1024)
#define IDLE_S       5
#define REQUESTS_MAX 100

struct conn {
    SSL *ssl;
    int fd;
    struct vf_buf in;
};

static const struct {
    int status;
    const char *reason;
} reasons[] = {{200, "OK"}, {400, "Bad Request"}, {401, "Unauthorized"}, {404, "not found"}};

static void send_all(struct conn *c, const char *data, size_t n)
{
    while (n) {
        int k = SSL_write(c->ssl, data, n > 1 << 20 ? 1 << 20 : (int)n);
        if (k <= 0)
            return;
        data += k;
        n -= k;
    }
}

static void respond(struct conn *c, const struct lab_response *r)
{
    vf_autobuf struct vf_buf b = {0};
    const char *reason = r->reason;
    for (size_t i = 0; !reason && i < VF_COUNT(reasons); i++)
        if (reasons[i].status == r->status)
            reason = reasons[i].reason;
    vf_buf_printf(
        &b,
        "HTTP/1.1 %d %s\r\nCache-Control: max-age=0\r\nConnection: %s\r\nPragma: no-cache\r\n"
        "Server: pve-api-daemon/3.0\r\n",
        r->status, reason ? reason : "error", r->close ? "close" : "Keep-Alive");
    if (r->proxied && !r->close)
        vf_buf_puts(&b, "Connection: close\r\n");
    if (r->body) {
        vf_buf_printf(&b, "Content-Length: %zu\r\nContent-Type: %s\r\n\r\n", r->body_len,
                      r->type ? r->type : "application/json;charset=UTF-8");
        vf_buf_add(&b, r->body, r->body_len);
    } else {
        vf_buf_puts(&b, "\r\n");
    }
    send_all(c, b.data, r->cut && r->cut_at < b.len ? r->cut_at : b.len);
    if (r->cut)
        shutdown(c->fd, SHUT_RDWR);
}

/* Reads until the head is complete; its length, 0 at the end of the connection, -1 when too long.
 */
static ssize_t read_head(struct conn *c)
{
    for (;;) {
        char *end = c->in.len ? memmem(c->in.data, c->in.len, "\r\n\r\n", 4) : NULL;
        if (end)
            return end + 4 - c->in.data;
        if (c->in.len > HEAD_MAX)
            return -1;
        char *room = vf_buf_room(&c->in, 16384);
        int n = SSL_read(c->ssl, room, 16384);
        if (n <= 0)
            return 0;
        c->in.len += n;
    }
}

static bool read_body(struct conn *c, size_t head, size_t length)
{
    while (c->in.len < head + length) {
        char *room = vf_buf_room(&c->in, 16384);
        int n = SSL_read(c->ssl, room, 16384);
        if (n <= 0)
            return false;
        c->in.len += n;
    }
    return true;
}

static int parse_head(char *head, struct lab_request *rq)
{
    char *save = NULL, *line = strtok_r(head, "\r\n", &save);
    char *sp = line ? strchr(line, ' ') : NULL;
    char *sp2 = sp ? strchr(sp + 1, ' ') : NULL;
    if (!sp2 || !vf_starts(sp2 + 1, "HTTP/1."))
        return -1;
    *sp = *sp2 = 0;
    rq->method = line;
    rq->target = sp + 1;
    rq->http10 = vf_streq(sp2 + 1, "HTTP/1.0");
    static const struct {
        const char *name;
        size_t offset;
    } headers[] = {
        {"authorization", offsetof(struct lab_request, authorization)},
        {"cookie", offsetof(struct lab_request, cookie)},
        {"csrfpreventiontoken", offsetof(struct lab_request, csrf)},
        {"content-type", offsetof(struct lab_request, content_type)},
        {"content-length", offsetof(struct lab_request, content_length)},
        {"transfer-encoding", offsetof(struct lab_request, transfer_encoding)},
        {"connection", offsetof(struct lab_request, connection)},
        {"expect", offsetof(struct lab_request, expect)},
    };
    while ((line = strtok_r(NULL, "\r\n", &save))) {
        char *colon = strchr(line, ':');
        if (!colon)
            continue;
        *colon++ = 0;
        while (*colon == ' ' || *colon == '\t')
            colon++;
        for (size_t i = 0; i < VF_COUNT(headers); i++)
            if (!strcasecmp(line, headers[i].name))
                *(char **)((char *)rq + headers[i].offset) = colon;
    }
    return 0;
}

static bool is_off(const struct lab_node *node)
{
    return __atomic_load_n(&node->api_off, __ATOMIC_RELAXED);
}

static bool one_request(struct conn *c, struct lab_node *node, const char *peer)
{
    ssize_t head = read_head(c);
    if (head <= 0 || is_off(node))
        return false;
    vf_autofree char *text = vf_strndup(c->in.data, head);
    struct lab_request rq = {.peer = peer};
    struct lab_response rs = {0};
    uint64_t length = 0;
    const char *refused = NULL;
    if (parse_head(text, &rq))
        return false;
    if (rq.content_length && vf_parse_u64(rq.content_length, 0, UINT32_MAX, &length))
        return false;
    if (rq.transfer_encoding)
        refused = "chunked transfer encoding not supported";
    else if (length > BODY_MAX)
        refused = "for data too large";
    else if (length && vf_streq(rq.method, "DELETE"))
        refused = "Unexpected content for method 'DELETE'";
    if (refused) {
        rs = (struct lab_response){.status = 501, .reason = vf_strdup(refused), .close = true};
        rs.body = vf_asprintf("%s", refused);
        rs.body_len = strlen(rs.body);
        rs.type = "text/plain";
    } else {
        if (rq.expect)
            send_all(c, "HTTP/1.1 100 Continue\r\n\r\n", 25);
        if (!read_body(c, head, length))
            return false;
        rq.body = c->in.data + head;
        rq.body_len = length;
        lab_handle(node, &rq, &rs);
        if (is_off(node)) { /* since it came: nobody is told what became of it */
            rs.cut = true;
            rs.cut_at = 0;
        }
    }
    if (rq.http10 || (rq.connection && !strcasecmp(rq.connection, "close")))
        rs.close = true;
    respond(c, &rs);
    vf_buf_consume(&c->in, head + length);
    bool more = !rs.close && !rs.cut;
    free(rs.body);
    free(rs.reason);
    return more;
}

struct start {
    struct lab_node *node;
    int fd;
    char peer[INET_ADDRSTRLEN];
};

/* Plain HTTP on the port: pveproxy sends such clients to https. */
static void redirect(struct lab_node *node, int fd)
{
    vf_autofree char *text = vf_asprintf(
        "HTTP/1.1 301 Moved Permanently\r\nLocation: https://%s:%d/\r\nConnection: close\r\n"
        "Content-Length: 0\r\n\r\n",
        node->addr, LAB_API_PORT);
    (void)!send(fd, text, strlen(text), MSG_NOSIGNAL);
}

static void *connection(void *arg)
{
    vf_autofree struct start *s = arg;
    struct conn c = {.fd = s->fd};
    struct timeval tv = {.tv_sec = IDLE_S};
    unsigned char first = 0;
    int one = 1;
    if (s->node->offline) { /* the nearest to no route that a socket can do */
        struct linger now = {.l_onoff = 1};
        setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        close(s->fd);
        return NULL;
    }
    setsockopt(s->fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
    setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (is_off(s->node))
        setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1},
                   sizeof(struct linger));
    else if (recv(s->fd, &first, 1, MSG_PEEK) == 1 && first != 0x16) {
        redirect(s->node, s->fd);
    } else if (first) {
        c.ssl = SSL_new(s->node->tls);
        SSL_set_fd(c.ssl, s->fd);
        if (SSL_accept(c.ssl) == 1) {
            for (int n = 0;
                 n < REQUESTS_MAX && !is_off(s->node) && one_request(&c, s->node, s->peer); n++)
                ;
            SSL_shutdown(c.ssl);
        }
        SSL_free(c.ssl);
    }
    vf_buf_free(&c.in);
    close(s->fd);
    return NULL;
}

static void *acceptor(void *arg)
{
    struct lab_node *node = arg;
    for (;;) {
        struct sockaddr_in sa;
        socklen_t n = sizeof sa;
        int fd = accept4(node->api_fd, (struct sockaddr *)&sa, &n, SOCK_CLOEXEC);
        if (fd < 0) {
            if (errno != EINTR && errno != ECONNABORTED)
                usleep(10000);
            continue;
        }
        struct start *s = vf_xcalloc(1, sizeof *s);
        s->node = node;
        s->fd = fd;
        inet_ntop(AF_INET, &sa.sin_addr, s->peer, sizeof s->peer);
        if (lab_thread(connection, s)) {
            close(fd);
            free(s);
        }
    }
    return NULL;
}

int lab_http_serve(struct lab_node *node, struct vf_error **err)
{
    if (lab_thread(acceptor, node))
        return vf_fail(err, VF_E_INTERNAL, "cannot start a thread");
    return 0;
}

int lab_thread(void *(*fn)(void *), void *arg)
{
    pthread_t t;
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    int r = pthread_create(&t, &attr, fn, arg);
    pthread_attr_destroy(&attr);
    return r;
}
