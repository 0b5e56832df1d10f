/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An ESXi host (or vCenter) of canned answers: SOAP under /sdk behind sessions that can end, one
 * file under /folder, each with the ways in which real ones go wrong. */
#ifndef VF_TESTS_ESXI_FIXTURE_H
#define VF_TESTS_ESXI_FIXTURE_H

#include <pthread.h>
#include <stdlib.h>
#include "base/buf.h"
#include "base/str.h"
#include "provider/esxi/way.h"
#include "tests/unit/httpd.h"
#include "tests/unit/tap.h"

/* Answers to METHOD calls whose body has PART (NULL: any). */
struct canned {
    const char *method, *part;
    const char *xml;       /* below <METHODResponse>; of a fault: its type */
    const char *faultline; /* it is a fault that says this; NULL: none */
    unsigned times;        /* how often it answers; 0: always */
    bool ends_session;     /* behind this answer */
};

#define ON(m, p, x) .method = (m), .part = (p), .xml = (x)

/* How the host answers for its file. */
enum file_way {
    FILE_RIGHT,
    FILE_WHOLE,      /* 200 and 1 TiB, whatever part was asked for */
    FILE_HTML,       /* 200 and a listing */
    FILE_LOGIN_PAGE, /* 200 and a page to log in with */
    FILE_HTML_PART,  /* 206, but a page */
    FILE_NO_RANGE,   /* 206 without Content-Range */
    FILE_OTHER_PART, /* 206 of another part, and says so */
    FILE_SHORT,      /* 206 with one byte less than its Content-Range says */
    FILE_LONG,       /* 206 with one byte more */
    FILE_STATUS,     /* `status` */
    FILE_NO_HEAD,    /* 405 to HEAD */
    FILE_NO_LENGTH,  /* a whole file ends where the connection does */
    FILE_CUT_OFF,    /* … in its middle */
    FILE_NO_SIZE,    /* … and nothing else tells how long it is, either */
};

enum { FILE_SIZE = 300 * 1000 };

struct vsphere {
    struct httpd *server;
    struct vf_cluster_conf conf;
    char *urls[3];
    pthread_mutex_t lock; /* of all below */
    const struct canned *canned;
    size_t n_canned;
    unsigned used[64];
    struct vf_buf log; /* "CALL METHOD BODY\n", "GET PATH RANGE\n" */
    bool vcenter;
    const char *date;        /* the line "Date: ...\r\n" of answers with files; NULL: none */
    const char *knows;       /* the one version it speaks; NULL: all */
    const char *login_fault; /* answered to a right password too; NULL: none */
    bool forgetful;          /* no session is ever known again */
    unsigned logins;         /* that were good: session "S<n>" */
    bool ended;              /* the last session is no longer known */
    enum file_way way;
    const char *status; /* "503 Service Unavailable" */
    unsigned times;     /* how often `way` holds; 0: always */
    const char *path;   /* what the file must be asked for as; NULL: anything */
    char file[FILE_SIZE];
};

/* Changes what the host does, while threads of it may look. */
#define CHANGE(v, what)                                                                            \
    do {                                                                                           \
        pthread_mutex_lock(&(v)->lock);                                                            \
        what;                                                                                      \
        pthread_mutex_unlock(&(v)->lock);                                                          \
    } while (0)

static inline char *soap(const char *status, const char *extra, const char *body)
{
    vf_autofree char *whole =
        vf_asprintf("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<soapenv:Envelope "
                    "xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" "
                    "xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\" "
                    "xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">\n<soapenv:Body>\n%s\n"
                    "</soapenv:Body>\n</soapenv:Envelope>",
                    body);
    return vf_asprintf("HTTP/1.1 %s\r\nContent-Type: text/xml; charset=utf-8\r\n%s"
                       "Content-Length: %zu\r\n\r\n%s",
                       status, extra, strlen(whole), whole);
}

static inline char *soap_fault(const char *type, const char *text)
{
    vf_autofree char *body = vf_asprintf(
        "<soapenv:Fault><faultcode>ServerFaultCode</faultcode><faultstring>%s</faultstring>"
        "<detail><%sFault xmlns=\"urn:vim25\" xsi:type=\"%s\">%s</%sFault></detail>"
        "</soapenv:Fault>",
        text, type, type,
        strcmp(type, "NoPermission")
            ? ""
            : "<object type=\"Folder\">ha-folder-root</object><privilegeId>Host.Config.AutoStart"
              "</privilegeId>",
        type);
    return soap("500 Internal Server Error", "", body);
}

static const char content_esx[] =
    "<returnval><rootFolder type=\"Folder\">ha-folder-root</rootFolder><propertyCollector "
    "type=\"PropertyCollector\">ha-property-collector</propertyCollector><viewManager "
    "type=\"ViewManager\">ViewManager</viewManager><about><name>VMware ESXi</name><fullName>VMware "
    "ESXi 7.0.3 build-21424296</fullName><apiType>HostAgent</apiType><apiVersion>7.0.3.0"
    "</apiVersion></about><sessionManager type=\"SessionManager\">ha-sessionmgr</sessionManager>"
    "</returnval>";
static const char content_vcenter[] =
    "<returnval><rootFolder type=\"Folder\">group-d1</rootFolder><propertyCollector "
    "type=\"PropertyCollector\">propertyCollector</propertyCollector><viewManager "
    "type=\"ViewManager\">ViewManager</viewManager><about><fullName>VMware vCenter Server 8.0.1"
    "</fullName><apiType>VirtualCenter</apiType></about><sessionManager type=\"SessionManager\">"
    "SessionManager</sessionManager></returnval>";

static inline bool has_session(struct vsphere *v, const struct httpd_request *req)
{
    vf_autofree char *cookie = vf_asprintf("vmware_soap_session=\"S%u\"", v->logins);
    return v->logins && !v->ended && !v->forgetful && strstr(req->headers, cookie);
}

static inline char *log_in_there(struct vsphere *v, const struct httpd_request *req)
{
    if (vf_streq(v->login_fault, "cut")) /* hangs up */
        return NULL;
    if (v->login_fault)
        return soap_fault(v->login_fault, "The account of root is locked &lt;now&gt;.");
    if (!strstr(req->body, "<userName>root</userName><password>r&lt;i&amp;ght</password>") ||
        strcasestr(req->headers, "\ncookie:"))
        return soap_fault("InvalidLogin", "Cannot complete login due to an incorrect user name or "
                                          "password.");
    v->ended = false;
    vf_autofree char *set =
        vf_asprintf("Set-Cookie: other=1; Path=/\r\nset-cookie: vmware_soap_session=\"S%u\"; "
                    "Path=/; HttpOnly; Secure;\r\n",
                    ++v->logins);
    return soap("200 OK", set,
                "<LoginResponse xmlns=\"urn:vim25\"><returnval><key>52</key></returnval>"
                "</LoginResponse>");
}

static inline char *call(struct vsphere *v, const struct httpd_request *req)
{
    static const char body[] = "<soapenv:Body><";
    const char *start = strstr(req->body, body);
    start = start ? start + sizeof body - 1 : "?";
    vf_autofree char *method = vf_strndup(start, strcspn(start, " >"));
    vf_buf_printf(&v->log, "CALL %s %s\n", method, start);
    if (v->knows && !strstr(req->headers, v->knows))
        return soap_fault("InvalidRequest", "Unsupported version URI \"urn:vim25/x\"");
    if (!strcmp(method, "RetrieveServiceContent")) {
        vf_autofree char *answer = vf_asprintf("<RetrieveServiceContentResponse "
                                               "xmlns=\"urn:vim25\">%s"
                                               "</RetrieveServiceContentResponse>",
                                               v->vcenter ? content_vcenter : content_esx);
        return soap("200 OK", "", answer);
    }
    if (!strcmp(method, "Login"))
        return log_in_there(v, req);
    if (!has_session(v, req))
        return soap_fault("NotAuthenticated", "The session is not authenticated.");
    for (size_t i = 0; i < v->n_canned; i++) {
        const struct canned *c = &v->canned[i];
        if (strcmp(c->method, method) || (c->part && !strstr(req->body, c->part)) ||
            (c->times && v->used[i] >= c->times))
            continue;
        v->used[i]++;
        v->ended = c->ends_session;
        if (c->faultline)
            return soap_fault(c->xml, c->faultline);
        vf_autofree char *answer =
            vf_asprintf("<%sResponse xmlns=\"urn:vim25\">%s</%sResponse>", method, c->xml, method);
        return soap("200 OK", "", answer);
    }
    if (!strcmp(method, "CreateContainerView"))
        return soap("200 OK", "",
                    "<CreateContainerViewResponse xmlns=\"urn:vim25\"><returnval "
                    "type=\"ContainerView\">session[1]view</returnval>"
                    "</CreateContainerViewResponse>");
    if (!strcmp(method, "Logout") || !strcmp(method, "DestroyView") ||
        !strcmp(method, "CurrentTime"))
        return soap("200 OK", "", "<OkResponse xmlns=\"urn:vim25\"></OkResponse>");
    return soap_fault("ManagedObjectNotFound", "The object has already been deleted");
}

static inline void answer_part(struct vsphere *v, enum file_way way,
                               const struct httpd_request *req, struct httpd_answer *a)
{
    const char *range = strcasestr(req->headers, "range: bytes=");
    char *dash;
    size_t from = range ? strtoul(range + 13, &dash, 10) : 0;
    size_t to = range ? strtoul(dash + 1, NULL, 10) : FILE_SIZE - 1;
    to = to < FILE_SIZE ? to : FILE_SIZE - 1;
    size_t n = to + 1 - from + (way == FILE_LONG) - (way == FILE_SHORT), told = from;
    if (way == FILE_OTHER_PART)
        told += 512;
    vf_autofree char *says =
        way == FILE_NO_RANGE
            ? vf_strdup("")
            : vf_asprintf("Content-Range: bytes %zu-%zu/%d\r\n", told, told + to - from, FILE_SIZE);
    vf_autofree char *head =
        vf_asprintf("HTTP/1.1 %s\r\nContent-Type: %s\r\n%sContent-Length: %zu\r\n"
                    "%sLast-Modified: Sat, 21 Nov 2026 10:00:00 GMT\r\nETag: \"e1\"\r\n\r\n",
                    range ? "206 Partial Content" : "200 OK",
                    way == FILE_HTML_PART ? "text/html" : "application/octet-stream",
                    range ? says : "", n, v->date ? v->date : "");
    struct vf_buf b = {0};
    vf_buf_puts(&b, head);
    if (strcmp(req->method, "HEAD") != 0)
        vf_buf_add(&b, v->file + from, from + n <= FILE_SIZE ? n : FILE_SIZE - from);
    a->len = b.len;
    a->raw = vf_buf_take(&b);
}

static inline char *page(const char *title)
{
    vf_autofree char *html = vf_asprintf("<html><title>%s</title></html>", title);
    return vf_asprintf("HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n"
                       "Content-Length: %zu\r\n\r\n%s",
                       strlen(html), html);
}

/* The file in an answer that ends with its connection. */
static inline void answer_open(struct vsphere *v, size_t n, struct httpd_answer *a)
{
    struct vf_buf b = {0};
    vf_buf_puts(&b, "HTTP/1.0 200 OK\r\nContent-Type: application/octet-stream\r\n\r\n");
    vf_buf_add(&b, v->file, n);
    a->len = b.len;
    a->raw = vf_buf_take(&b);
    a->close = true;
}

static inline void serve_file(struct vsphere *v, const struct httpd_request *req,
                              struct httpd_answer *a)
{
    const char *range = strcasestr(req->headers, "range: bytes=");
    vf_buf_printf(&v->log, "%s %s %.*s\n", req->method, req->path,
                  range ? (int)strcspn(range, "\r\n") : 0, range);
    enum file_way way = v->way;
    if (!has_session(v, req)) {
        a->raw = vf_strdup("HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"VMware "
                           "HTTP server\"\r\nContent-Length: 0\r\n\r\n");
        return;
    }
    if (v->times && --v->times == 0)
        v->way = FILE_RIGHT;
    if (v->path && strcmp(req->path, v->path) != 0)
        a->raw = vf_strdup("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    else if (way == FILE_WHOLE) {
        char *head = vf_strdup("HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n"
                               "Content-Length: 1099511627776\r\n\r\n");
        a->len = strlen(head) + FILE_SIZE;
        a->raw = vf_xrealloc(head, a->len);
        memcpy(a->raw + a->len - FILE_SIZE, v->file, FILE_SIZE);
    } else if (way == FILE_HTML || way == FILE_LOGIN_PAGE)
        a->raw = page(way == FILE_HTML ? "Index of web" : "Log in: password");
    else if (way == FILE_STATUS || (way == FILE_NO_HEAD && !strcmp(req->method, "HEAD")))
        a->raw = vf_asprintf("HTTP/1.1 %s\r\nContent-Length: 0\r\n\r\n",
                             way == FILE_STATUS ? v->status : "405 Not Allowed");
    else if (way >= FILE_NO_LENGTH && !range)
        answer_open(v,
                    !strcmp(req->method, "HEAD") ? 0
                    : way == FILE_CUT_OFF        ? FILE_SIZE / 2
                                                 : FILE_SIZE,
                    a);
    else if (way == FILE_NO_SIZE)
        answer_open(v, FILE_SIZE, a);
    else
        answer_part(v, way, req, a);
}

static inline void handle(void *opaque, const struct httpd_request *req, struct httpd_answer *a)
{
    struct vsphere *v = opaque;
    pthread_mutex_lock(&v->lock);
    if (!strcmp(req->path, "/sdk"))
        a->raw = call(v, req);
    else if (vf_starts(req->path, "/folder/"))
        serve_file(v, req, a);
    else
        a->raw = page("Welcome");
    pthread_mutex_unlock(&v->lock);
}

/* How often PART is in the log of requests. */
static inline unsigned count(struct vsphere *v, const char *part)
{
    unsigned n = 0;
    pthread_mutex_lock(&v->lock);
    for (const char *p = vf_buf_str(&v->log); (p = strstr(p, part)); p++)
        n++;
    pthread_mutex_unlock(&v->lock);
    return n;
}

#define SERVE(v, canned) serve(v, canned, VF_COUNT(canned))
static inline void serve(struct vsphere *v, const struct canned *canned, size_t n)
{
    *v = (struct vsphere){.canned = canned, .n_canned = n};
    pthread_mutex_init(&v->lock, NULL);
    for (size_t i = 0; i < FILE_SIZE; i++)
        v->file[i] = (char)(i * 7 + i / 251);
    v->server = httpd_start(false, handle, v);
    v->urls[0] = vf_strdup(httpd_url(v->server));
    v->conf = (struct vf_cluster_conf){
        .name = "esx1", .type = "esxi", .urls = v->urls, .user = (char *)"root", .verify = true};
}

static inline void drop(struct vsphere *v)
{
    httpd_stop(v->server);
    vf_buf_free(&v->log);
    pthread_mutex_destroy(&v->lock);
    free(v->urls[0]);
}

static inline struct vf_esxi_way *open_as(struct vsphere *v, const char *password,
                                          struct vf_error **err)
{
    vf_auto(vf_secret_free) struct vf_secret *s = vf_secret_new(password, strlen(password));
    return vf_esxi_api_open(&v->conf, true, "root", s, NULL, NULL, NULL, err);
}

static inline struct vf_esxi_way *open_right(struct vsphere *v)
{
    vf_autoerror struct vf_error *err = NULL;
    struct vf_esxi_way *w = open_as(v, "r<i&ght", &err);
    if (!w) {
        printf("# %s\n", vf_error_text(err));
        abort();
    }
    return w;
}

static inline void is_error(struct vf_error **err, enum vf_error_code code, const char *part,
                            const char *what)
{
    bool good = *err && (*err)->code == code && strstr((*err)->text, part);
    ok(good, "%s", what);
    if (!good)
        printf("# got %s: %s\n# want %s: %s\n", vf_error_code_name(vf_error_code(*err)),
               vf_error_text(*err), vf_error_code_name(code), part);
    vf_error_free(*err);
    *err = NULL;
}

static inline void is_good(int r, struct vf_error **err, const char *what)
{
    ok(r >= 0, "%s", what);
    if (*err)
        printf("# %s: %s\n", vf_error_code_name((*err)->code), (*err)->text);
    vf_error_free(*err);
    *err = NULL;
}

#endif
