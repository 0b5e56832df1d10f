/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From a request to its handler and back: login, privileges, parameter check, faults, answer, log.
 */
#include "config.h"
#include <string.h>
#include "tests/lab/lab.h"
#include "tests/lab/http.h"

#define API_ROOT "/api2/json"

json_t *lab_die(struct lab_call *c, int status, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    if (!c->status) {
        c->status = status;
        c->message = vf_vasprintf(fmt, ap);
    }
    va_end(ap);
    return NULL;
}

json_t *lab_bad_param(struct lab_call *c, const char *name, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vf_autofree char *text = vf_vasprintf(fmt, ap);
    va_end(ap);
    if (!c->errors)
        c->errors = json_object();
    json_object_set_new(c->errors, name, json_string(text));
    return lab_die(c, 400, "Parameter verification failed.");
}

/* Does PATH (raw, percent-encoded) fit TEMPLATE? Then the variables are filled in. */
static bool match(struct lab_call *c, const char *template, const char *path)
{
    vf_autostrv char **t = vf_strv_split(template, "/"), **p = vf_strv_split(path, "/");
    size_t n = vf_strv_len(t);
    if (n != vf_strv_len(p))
        return false;
    for (size_t i = 0; i < n; i++)
        if (t[i][0] != '{' && strcmp(t[i], p[i]))
            return false;
    for (size_t i = 0; i < n; i++) {
        if (t[i][0] != '{')
            continue;
        vf_autofree char *name = vf_strndup(t[i] + 1, strlen(t[i]) - 2);
        vf_autofree char *value = lab_url_decode(p[i], strlen(p[i]), false);
        json_object_set_new(c->params, name, json_string(value));
    }
    return true;
}

static const struct lab_route *find_route(struct lab_call *c, const char *path)
{
    static const struct lab_route *const tables[] = {
        lab_routes_cluster, lab_routes_node,    lab_routes_qemu,   lab_routes_storage,
        lab_routes_access,  lab_routes_migrate, lab_routes_tokens, lab_routes_firewall,
        lab_routes_ha,      lab_routes_pool,    lab_routes_extra};
    for (size_t t = 0; t < VF_COUNT(tables); t++)
        for (const struct lab_route *r = tables[t]; r->method; r++)
            if (vf_streq(r->method, c->method) && match(c, r->path, path))
                return r;
    return NULL;
}

/* "/vms/{vmid}:VM.Audit" with the call's own values. */
static char *fill_in(const struct lab_call *c, const char *template)
{
    vf_autobuf struct vf_buf b = {0};
    for (const char *p = template; *p;) {
        const char *end = *p == '{' ? strchr(p, '}') : NULL;
        if (end) {
            vf_autofree char *name = vf_strndup(p + 1, end - p - 1);
            const char *v = lab_param(c, name);
            vf_buf_puts(&b, v ? v : "");
            p = end + 1;
        } else {
            vf_buf_add(&b, p++, 1);
        }
    }
    return vf_buf_take(&b);
}

static int find_node(struct lab_call *c, struct lab_node **out)
{
    const char *name = lab_param(c, "node");
    *out = NULL;
    if (!name)
        return 0;
    for (size_t i = 0; i < c->lab->n_nodes; i++)
        if (vf_streq(c->lab->nodes[i].name, name) || vf_streq(name, "localhost"))
            *out = vf_streq(name, "localhost") ? c->here : &c->lab->nodes[i];
    if (*out)
        return 0;
    lab_die(
        c, 500,
        "hostname lookup '%s' failed - failed to get address info for: %s: Temporary failure in "
        "name resolution",
        name, name);
    return -1;
}

static json_t *answer(struct lab_call *c, const struct lab_request *rq, const char *path,
                      size_t path_len, bool *proxied)
{
    vf_autofree char *raw = vf_strndup(path, path_len);
    bool anybody = (vf_streq(c->method, "POST") && vf_streq(raw, "/access/ticket")) ||
                   (vf_streq(c->method, "GET") && vf_streq(raw, "/access/domains"));
    if (!anybody && lab_authenticate(c, rq->authorization, rq->cookie, rq->csrf))
        return NULL;
    const char *query = path[path_len] == '?' ? path + path_len + 1 : "";
    lab_params_form(c->params, query, strlen(query));
    const char *type = rq->content_type;
    if (rq->body_len) {
        if (!type || vf_starts(type, "application/x-www-form-urlencoded")) {
            lab_autojson json_t *form = json_object();
            lab_params_form(form, rq->body, rq->body_len);
            json_object_update_missing(c->params, form);
        } else if (vf_starts(type, "application/json")) {
            if (lab_params_json(c, rq->body, rq->body_len))
                return NULL;
        } else {
            c->plain = true;
            return lab_die(c, 506, "upload not allowed for Content-Type '%s'", type);
        }
    }
    const struct lab_route *route = find_route(c, raw);
    if (!route)
        return lab_die(c, 501, "Method '%s %s' not implemented", c->method, raw);
    vf_autofree char *key = vf_asprintf("%s %s", route->method, route->path);
    if (lab_schema_lacks(c->lab, key)) {
        c->violation = vf_strdup("this version has no such call");
        return lab_die(c, 501, "Method '%s %s' not implemented", c->method, raw);
    }
    if (route->priv) {
        vf_autofree char *priv = fill_in(c, route->priv);
        if (!lab_may(c, priv)) {
            char *colon = strrchr(priv, ':');
            *colon = 0;
            return lab_die(c, 403, "Permission check failed (%s, %s)", priv, colon + 1);
        }
    }
    struct lab_node *node;
    if (find_node(c, &node))
        return NULL;
    *proxied = node && node != c->here;
    if (*proxied && node->offline) {
        c->bare_401 = true;
        return lab_die(c, 595, "No route to host");
    }
    if (lab_schema_check(c, key) || lab_fault_call(c, raw))
        return NULL;
    if (lab_state_blocks(c, raw))
        return lab_die(c, 500, "cluster not ready - no quorum?");
    c->node = node;
    return route->handler(c);
}

static json_t *loggable(const struct lab_call *c)
{
    json_t *p = json_copy(c->params);
    static const char *const hidden[] = {"password", "cipassword", "target-endpoint",
                                         "tfa-challenge", "otp"};
    for (size_t i = 0; i < VF_COUNT(hidden); i++)
        if (json_object_get(p, hidden[i]))
            json_object_set_new(p, hidden[i], json_string("..."));
    return p;
}

static void log_call(const struct lab_call *c, const char *path, int status, int64_t began)
{
    vf_autofree char *who = c->user
                                ? vf_asprintf("%s%s%s", c->user->name, c->user->token ? "!" : "",
                                              c->user->token ? c->user->token : "")
                                : NULL;
    vf_autofree char *stamp = vf_clock_stamp(vf_clock_unix());
    lab_autojson json_t *j = json_pack(
        "{s:s, s:s, s:s?, s:s, s:s, s:o, s:i, s:s?, s:I, s:s?, s:s?}", "time", stamp, "node",
        c->here->name, "user", who, "method", c->method, "path", path, "params", loggable(c),
        "status", status, "message", c->message, "ms", (json_int_t)(vf_clock_ms() - began),
        "violation", c->violation, "elsewhere", c->elsewhere);
    vf_autofree char *text = j ? json_dumps(j, JSON_COMPACT) : NULL;
    vf_autofree char *line = text ? vf_asprintf("%s\n", text) : NULL;
    if (line)
        vf_write_full(c->lab->log_fd, line, strlen(line));
}

static void compose(const struct lab_call *c, json_t *data, struct lab_response *rs)
{
    rs->status = c->status ? c->status : 200;
    rs->close = c->status != 0;
    if (c->status) {
        rs->reason = vf_strndup(c->message, strcspn(c->message, "\r\n"));
        for (char *p = rs->reason; *p; p++)
            if ((unsigned char)*p < 0x20)
                *p = ' ';
        if (c->bare_401)
            return;
    }
    if (c->plain) {
        rs->body = vf_strdup(c->message);
        rs->body_len = strlen(rs->body);
        rs->type = "text/plain";
        return;
    }
    lab_autojson json_t *out = json_object();
    json_object_set(out, "data", data ? data : json_null());
    if (c->status) {
        vf_autofree char *text = vf_asprintf("%s%s", c->message, c->status == 501 ? "" : "\n");
        json_object_set_new(out, "message", json_string(text));
        if (c->errors)
            json_object_set(out, "errors", c->errors);
    } else if (c->extra) {
        json_object_update(out, c->extra);
    }
    rs->body = json_dumps(out, JSON_COMPACT | JSON_PRESERVE_ORDER);
    rs->body_len = rs->body ? strlen(rs->body) : 0;
}

void lab_handle(struct lab_node *node, const struct lab_request *rq, struct lab_response *rs)
{
    struct lab_call c = {
        .lab = node->lab, .here = node, .method = rq->method, .params = json_object()};
    int64_t began = vf_clock_ms();
    json_t *data = NULL;
    if (vf_starts(rq->target, API_ROOT "/") || vf_starts(rq->target, API_ROOT "?")) {
        const char *path = rq->target + strlen(API_ROOT);
        size_t n = strcspn(path, "?");
        bool proxied = false;
        pthread_mutex_lock(&c.lab->lock);
        data = answer(&c, rq, path, n, &proxied);
        vf_autofree char *shown = vf_strndup(path, n);
        log_call(&c, shown, c.status ? c.status : 200, began);
        pthread_mutex_unlock(&c.lab->lock);
        rs->proxied = proxied;
    } else if (vf_streq(rq->target, "/")) {
        rs->status = 200;
        rs->type = "text/html";
        rs->body = lab_login_page(c.lab);
        rs->body_len = strlen(rs->body);
        json_decref(c.params);
        return;
    } else {
        c.plain = true;
        lab_die(&c, 404, "no such file '%s'", rq->target);
    }
    if (c.delay)
        usleep((useconds_t)c.lab->auth_delay * 1000);
    if (c.slow_ms)
        lab_fault_wait(&c);
    compose(&c, data, rs);
    rs->cut = c.cut;
    rs->cut_at = c.cut_at;
    json_decref(data);
    json_decref(c.params);
    json_decref(c.errors);
    json_decref(c.extra);
    free(c.message);
    free(c.violation);
    free(c.elsewhere);
}
