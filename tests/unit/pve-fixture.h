/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A Proxmox VE of canned answers, and a provider logged in to it. */
#ifndef VF_TESTS_PVE_FIXTURE_H
#define VF_TESTS_PVE_FIXTURE_H

#include <pthread.h>
#include "base/str.h"
#include "provider/pve/vmconfig.h"
#include "provider/provider.h"
#include "tests/unit/httpd.h"
#include "tests/unit/tap.h"

struct route {
    const char *method, *path; /* below /api2/json */
    const char *status, *json;
    const char *body; /* must be in the request's body; NULL: any */
    unsigned times;   /* how often it answers; 0: always */
    int delay_ms;
    bool cut; /* hang up instead of answering */
};

struct cluster {
    const struct route *routes;
    size_t n_routes;
    pthread_mutex_t lock; /* of all below */
    unsigned used[32];
    struct vf_buf log;  /* "METHOD PATH BODY\n" of every request */
    char headers[8192]; /* of the last one */
    bool check_ticket;  /* answer 401 to all but TICKET2 */
};

static inline void answer(struct cluster *c, const struct httpd_request *req,
                          struct httpd_answer *a)
{
    const char *path = vf_starts(req->path, "/api2/json") ? req->path + 10 : req->path;
    vf_buf_printf(&c->log, "%s %s %s\n", req->method, path, req->body);
    snprintf(c->headers, sizeof c->headers, "%s", req->headers);
    if (c->check_ticket && strcmp(path, "/access/ticket") &&
        !strstr(req->headers, "PVEAuthCookie=PVE:TICKET2")) {
        a->raw = httpd_json("401 permission denied - invalid PVE ticket", NULL);
        return;
    }
    for (size_t i = 0; i < c->n_routes; i++) {
        const struct route *r = &c->routes[i];
        if (strcmp(r->method, req->method) || strcmp(r->path, path) ||
            (r->body && !strstr(req->body, r->body)) || (r->times && c->used[i] >= r->times))
            continue;
        c->used[i]++;
        a->delay_ms = r->delay_ms;
        a->raw = r->cut ? NULL : httpd_json(r->status ? r->status : "200 OK", r->json);
        return;
    }
    vf_autofree char *status = vf_asprintf("501 Method '%s %s' not implemented", req->method, path);
    a->raw = httpd_json(status, NULL);
}

static inline void handle(void *opaque, const struct httpd_request *req, struct httpd_answer *a)
{
    struct cluster *c = opaque;
    pthread_mutex_lock(&c->lock);
    answer(c, req, a);
    pthread_mutex_unlock(&c->lock);
}

/* How often PART is in the log of requests. */
static inline unsigned count(struct cluster *c, const char *part)
{
    unsigned n = 0;
    pthread_mutex_lock(&c->lock);
    for (const char *p = vf_buf_str(&c->log); (p = strstr(p, part)); p++)
        n++;
    pthread_mutex_unlock(&c->lock);
    return n;
}

#define LOGIN                                                                                      \
    {                                                                                              \
        "POST", "/access/ticket", NULL,                                                            \
            "{\"data\":{\"ticket\":\"PVE:TICKET1\",\"CSRFPreventionToken\":\"CSRF1\"}}",           \
            "username=root%40pam&password=right%3D%3B%2B", 0, 0, false                             \
    }
#define API_VERSION                                                                                \
    {                                                                                              \
        "GET", "/version", NULL, "{\"data\":{\"version\":\"8.4.1\"}}", NULL, 0, 0, false           \
    }

struct fixture {
    struct httpd *server;
    struct cluster cluster;
    struct vf_cluster_conf conf;
    char *urls[3];
};

static inline int answer_password(void *opaque, const struct vf_ask *q, struct vf_cancel *cancel,
                                  struct vf_answer *out, struct vf_error **err)
{
    const char *password = opaque;
    ok(q->kind == VF_ASK_SECRET && vf_streq(q->id, "password:alpha:root@pam"), "asked for %s",
       q->id);
    out->secret = vf_secret_new(password, strlen(password));
    return 0;
}

__attribute__((unused)) static const struct vf_asker right = {.ask = answer_password,
                                                              .opaque = (void *)"right=;+"},
                                                     wrong = {.ask = answer_password,
                                                              .opaque = (void *)"wrong"};

#define SERVE(f, routes) serve(f, routes, VF_COUNT(routes))
static inline void serve(struct fixture *f, const struct route *routes, size_t n)
{
    *f = (struct fixture){.cluster = {.routes = routes, .n_routes = n}};
    pthread_mutex_init(&f->cluster.lock, NULL);
    f->server = httpd_start(false, handle, &f->cluster);
    f->urls[0] = vf_strdup(httpd_url(f->server));
    f->conf = (struct vf_cluster_conf){
        .name = "alpha", .type = "pve", .urls = f->urls, .user = "root@pam", .verify = true};
}

static inline void drop(struct fixture *f)
{
    httpd_stop(f->server);
    vf_buf_free(&f->cluster.log);
    pthread_mutex_destroy(&f->cluster.lock);
    free(f->urls[0]);
    free(f->urls[1]);
}

static inline struct vf_provider *log_in(struct fixture *f)
{
    vf_autoerror struct vf_error *err = NULL;
    struct vf_provider *p = vf_provider_open(&f->conf, true, &right, NULL, &err);
    if (!p)
        printf("# %s\n", vf_error_text(err));
    return p;
}

static inline void is_error(struct vf_error **err, enum vf_error_code code, const char *part,
                            const char *what)
{
    bool good = *err && (*err)->code == code && strstr((*err)->text, part);
    ok(good, "%s", what);
    if (!good)
        printf("# got %s: %s\n# want %s: %s\n", vf_error_code_name(vf_error_code(*err)),
               vf_error_text(*err), vf_error_code_name(code), part);
    ok(!*err || !strstr((*err)->text, "\"data\""), "no raw answer in it");
    vf_error_free(*err);
    *err = NULL;
}

/* VM 101 of node a1 with the configuration JSON. */
static inline struct vf_vm *read_config(const char *json, struct vf_error **err)
{
    json_error_t why;
    json_t *o = json_loads(json, 0, &why);
    if (!o)
        printf("# %s\n", why.text);
    struct vf_vm *vm = vf_pve_vm_from_config(101, "a1", o, err);
    json_decref(o);
    return vm;
}

/* Why WHAT is left out of VM; NULL: it is not. */
static inline const char *why_left(const struct vf_vm *vm, const char *what)
{
    for (size_t i = 0; i < vm->n_left_out; i++)
        if (vf_starts(vm->left_out[i].what, what))
            return vm->left_out[i].why;
    return NULL;
}

#endif
