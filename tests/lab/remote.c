/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One cluster as the client of another: its API over HTTPS with a token, as PVE::APIClient does it,
 * and its control socket for what runs through a migration's tunnel. */
#include "config.h"
#include <arpa/inet.h>
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "tests/lab/migrate.h"

static int dial(const char *host, int port, struct vf_error **err)
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct timeval limit = {.tv_sec = LAB_PATIENCE / 1000};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && inet_pton(AF_INET, host, &sa.sin_addr) == 1 &&
        !setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) &&
        !setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) &&
        !connect(fd, (struct sockaddr *)&sa, sizeof sa))
        return fd;
    if (fd >= 0)
        close(fd);
    return vf_fail(err, VF_E_NET, "500 Can't connect to %s:%d (Connection refused)", host, port);
}

static char *fingerprint_of(SSL *ssl)
{
    X509 *cert = SSL_get1_peer_certificate(ssl);
    unsigned char md[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    vf_autobuf struct vf_buf b = {0};
    if (cert)
        X509_digest(cert, EVP_sha256(), md, &n);
    X509_free(cert);
    for (unsigned i = 0; i < n; i++)
        vf_buf_printf(&b, "%s%02X", i ? ":" : "", md[i]);
    return vf_buf_take(&b);
}

static int exchange(SSL *ssl, const char *request, struct vf_buf *answer)
{
    if (SSL_write(ssl, request, (int)strlen(request)) <= 0)
        return -1;
    for (;;) {
        char *room = vf_buf_room(answer, 65536);
        int n = SSL_read(ssl, room, 65536);
        if (n <= 0)
            break;
        answer->len += (size_t)n;
        answer->data[answer->len] = 0;
    }
    return answer->len ? 0 : -1;
}

static json_t *read_answer(const char *text, struct vf_error **err)
{
    int status = 0;
    const char *body = strstr(text, "\r\n\r\n");
    if (sscanf(text, "HTTP/1.%*d %d", &status) != 1 || !body) {
        vf_fail(err, VF_E_NET, "500 Server closed connection");
        return NULL;
    }
    const char *reason = strchr(text, ' ') + 1;
    vf_autofree char *line = vf_strndup(reason, strcspn(reason, "\r\n"));
    lab_autojson json_t *all = json_loads(body + 4, 0, NULL);
    if (status == 200)
        return json_incref(json_object_get(all, "data"));
    vf_fail(err, status == 403 ? VF_E_PERMISSION : VF_E_INTERNAL, "%s", line);
    return NULL;
}

json_t *lab_remote_call(const struct lab_endpoint *e, const char *method, const char *path,
                        const char *form, struct vf_error **err)
{
    vf_autofd int fd = dial(e->host, e->port, err);
    if (fd < 0)
        return NULL;
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *ssl = ctx ? SSL_new(ctx) : NULL;
    vf_autobuf struct vf_buf answer = {0};
    json_t *data = NULL;
    if (!ssl || !SSL_set_fd(ssl, fd) || SSL_connect(ssl) != 1) {
        vf_fail(err, VF_E_NET, "500 Can't connect to %s:%d (SSL connect attempt failed)", e->host,
                e->port);
    } else {
        vf_autofree char *seen = fingerprint_of(ssl);
        vf_autofree char *request = vf_asprintf(
            "%s /api2/json%s HTTP/1.1\r\nHost: %s:%d\r\nAuthorization: %s\r\nConnection: close\r\n"
            "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %zu\r\n\r\n%s",
            method, path, e->host, e->port, e->token, strlen(form), form);
        if (e->fingerprint && strcasecmp(e->fingerprint, seen))
            vf_fail(err, VF_E_TRUST,
                    "500 Can't connect to %s:%d (fingerprint '%s' not verified, abort!)", e->host,
                    e->port, seen);
        else if (exchange(ssl, request, &answer))
            vf_fail(err, VF_E_NET, "500 read timeout");
        else
            data = read_answer(vf_buf_str(&answer), err);
    }
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    return data;
}

int lab_tunnel_call(const char *cdir, const char *ticket, const char *verb, json_t *args,
                    json_t **out, struct vf_error **err)
{
    lab_autojson json_t *with = args ? args : json_object();
    vf_autofree char *text = json_dumps(with, JSON_COMPACT);
    lab_autojson json_t *list = json_pack("[s, s, s, s]", "tunnel", ticket, verb, text);
    vf_autofree char *line = json_dumps(list, JSON_COMPACT);
    vf_autofree char *all = vf_asprintf("%s\n", line);
    vf_autobuf struct vf_buf back = {0};
    vf_autofd int fd = lab_unix_socket(cdir, "ctl", false, err);
    if (fd < 0)
        return -1;
    if (vf_write_full(fd, all, strlen(all)))
        return vf_fail_errno(err, errno, "tunnel");
    /* not to the end of file: who was forked meanwhile (a QEMU's keeper) has the socket too */
    for (ssize_t n = 1; n > 0 && !(back.len && memchr(back.data, '\n', back.len));) {
        char *room = vf_buf_room(&back, 65536);
        n = read(fd, room, 65536);
        back.len += n > 0 ? (size_t)n : 0;
    }
    lab_autojson json_t *answer = json_loadb(vf_buf_str(&back), back.len, 0, NULL);
    const char *said = json_string_value(json_object_get(answer, "out"));
    if (!answer || json_integer_value(json_object_get(answer, "status")))
        return vf_fail(err, VF_E_INTERNAL, "error - tunnel command '%s' failed - %s", verb,
                       said ? said : "broken pipe");
    if (out)
        *out = json_loads(said, JSON_DECODE_ANY, NULL);
    return 0;
}
