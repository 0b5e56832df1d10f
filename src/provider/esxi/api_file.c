/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files of datastores: https://HOST/folder/PATH?dcPath=…&dsName=…, parts of them by Range (vSphere
 * Web Services SDK Programming Guide, "HTTP access to vSphere server files"). A host that does not
 * like who asks may answer with a page for people: nothing but the very part that was asked for is
 * ever taken for data. */
#include "config.h"
#include "provider/esxi/api.h"
#include "base/str.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

/* "[datastore1] web/web.vmdk", safe to show. */
static char *shown(const struct vf_esxi_file *f)
{
    vf_autofree char *whole = vf_asprintf("[%s] %s", f->datastore, f->path);
    return vf_escape(whole);
}

/* ------------------------------------------------------------------ URLs */

static void add_query(struct vf_buf *b, const char *key, const char *value, bool twice)
{
    vf_autofree char *once = vf_url_encode(value);
    vf_autofree char *again = twice ? vf_url_encode(once) : NULL;
    vf_buf_printf(b, "%s%s", key, again ? again : once);
}

/* Some servers decode the names of datacenter and datastore a second time (TWICE). */
static char *url_of(struct vf_esxi_api *a, const struct vf_esxi_file *f, bool twice)
{
    struct vf_buf b = {0};
    vf_autostrv char **segments = vf_strv_split(f->path, "/");
    vf_buf_printf(&b, "%s/folder", a->session->base);
    for (char **s = segments; *s; s++) {
        vf_autofree char *safe = vf_url_encode(*s);
        vf_buf_printf(&b, "/%s", safe);
    }
    add_query(&b, "?dsName=", f->datastore, twice);
    if (f->dc)
        add_query(&b, "&dcPath=", f->dc, twice);
    return vf_buf_take(&b);
}

/* Is there a name in the query that looks otherwise when it is encoded twice? */
static bool twice_differs(const struct vf_esxi_file *f)
{
    vf_autofree char *ds = vf_url_encode(f->datastore);
    vf_autofree char *dc = vf_url_encode(f->dc ? f->dc : "");
    return strchr(ds, '%') || strchr(dc, '%');
}

/* ------------------------------------------------------------------ answers */

static bool is_html(const struct vf_http_answer *answer)
{
    vf_autofree char *type = vf_http_header(answer, "content-type");
    return type && (!strncasecmp(type, "text/html", 9) || strcasestr(type, "xhtml"));
}

/* Does it ask who we are: by its status, by leading elsewhere, by a page to log in with? */
static bool asks_who(const struct vf_http_request *req, const struct vf_http_answer *answer)
{
    static const char *const words[] = {"login", "log in", "password"};
    if (answer->status == 401 || answer->status == 403)
        return true;
    if (answer->status != 200 || !is_html(answer))
        return answer->status >= 301 && answer->status <= 308;
    bool asks = !strcmp(req->method, "HEAD"); /* of which nothing more is seen */
    for (size_t i = 0; i < VF_COUNT(words); i++)
        asks = asks || strcasestr(vf_buf_str(&answer->body), words[i]);
    return asks;
}

static const struct {
    int status;
    enum vf_error_code code;
    const char *meaning;
} statuses[] = {
    {206, VF_E_CORRUPT, "the host sends another part of the file than was asked for"},
    {401, VF_E_PERMISSION,
     "the host refuses it: the login needs the privilege to browse datastores"},
    {403, VF_E_PERMISSION,
     "the host refuses it: the login needs the privilege to browse datastores"},
    {404, VF_E_NOTFOUND, "there is no such file"},
    {409, VF_E_CONFLICT, "it is in use: by a running VM, a backup or a task"},
    {416, VF_E_CORRUPT, "it ends before the part that is asked for"},
    {423, VF_E_CONFLICT, "it is in use: by a running VM, a backup or a task"},
    {429, VF_E_NET, "the host asks to wait"},
    {500, VF_E_CONFLICT,
     "the host cannot open it: it is in use by a running VM, a backup or a task"},
    {502, VF_E_NET, "the host's file service is not up"},
    {503, VF_E_NET, "the host asks to wait"},
    {504, VF_E_NET, "the host's file service is not up"},
};

static int fail_status(const struct vf_http_answer *answer, struct vf_error **err)
{
    vf_autofree char *reason = vf_escape_n(answer->reason, strnlen(answer->reason, 200));
    if (answer->status < 300 && is_html(answer))
        return vf_fail(err, VF_E_CORRUPT, "the host sends a page for people instead of the file");
    for (size_t i = 0; i < VF_COUNT(statuses); i++)
        if (statuses[i].status == answer->status)
            return vf_fail(err, statuses[i].code, "%s (%d %s)", statuses[i].meaning, answer->status,
                           reason);
    if (is_html(answer))
        return vf_fail(err, VF_E_CORRUPT, "the host sends a page for people instead of the file");
    return vf_fail(err, answer->status >= 500 ? VF_E_NET : VF_E_UNSUPPORTED,
                   "the host answers %d %s", answer->status, reason);
}

/* ------------------------------------------------------------------ one request */

/* Sends REQ (method, range, room) for F. A session that has ended is renewed, once; names are
 * encoded as this server wants them. */
static int request(struct vf_esxi_api *a, const struct vf_esxi_file *f, struct vf_http_request *req,
                   char *range, struct vf_http_answer *out, struct vf_error **err)
{
    bool twice = atomic_load(&a->session->twice), tried_other = !twice_differs(f), renewed = false;
    if (vf_api_keep_alive(a, err) < 0)
        return -1;
    for (;;) {
        unsigned generation;
        vf_auto(vf_secret_free) struct vf_secret *cookie = vf_api_cookie(a, &generation);
        vf_autofree char *url = url_of(a, f, twice);
        char *headers[] = {range ? range : (char *)"Accept: */*",
                           cookie ? (char *)vf_secret_text(cookie) : NULL, NULL};
        vf_autoerror struct vf_error *why = NULL;
        req->url = url;
        req->headers = headers;
        int r = vf_api_send(a, req, out, &why);
        req->headers = NULL;
        if (!renewed && asks_who(req, out)) {
            renewed = true;
            vf_http_answer_clear(out);
            if (vf_api_renew(a, generation, err) < 0)
                return -1;
            continue;
        }
        if (r == 0 && out->status == 404 && !tried_other) {
            tried_other = true;
            twice = !twice;
            vf_http_answer_clear(out);
            continue;
        }
        if (r == 0 && out->status >= 200 && out->status < 300)
            atomic_store(&a->session->twice, twice);
        return r < 0 ? vf_fail_with(err, VF_STEAL(why)) : 0;
    }
}

/* ------------------------------------------------------------------ the way's */

/* "bytes 0-99/1000". TOTAL is UINT64_MAX for "*". */
static int parse_range(const char *text, uint64_t *from, uint64_t *to, uint64_t *total)
{
    vf_autostrv char **v = vf_strv_split(text ? text : "", " -/");
    if (vf_strv_len(v) != 4 || strcasecmp(v[0], "bytes") ||
        vf_parse_u64(v[1], 0, INT64_MAX, from) < 0 || vf_parse_u64(v[2], 0, INT64_MAX, to) < 0)
        return -1;
    *total = UINT64_MAX;
    return !strcmp(v[3], "*") ? 0 : vf_parse_u64(v[3], 0, INT64_MAX, total);
}

/* The answer to a request for N bytes at OFFSET: is it these, and all of them? */
static int check_part(const struct vf_http_answer *answer, size_t n, uint64_t offset,
                      struct vf_error **err)
{
    if (answer->status == 200 && !is_html(answer))
        return vf_fail(
            err, VF_E_UNSUPPORTED,
            "the host sends the whole file where a part is asked for (it ignores Range): "
            "its disks cannot be read over HTTPS; read them over SSH (way = \"ssh\")");
    if (answer->status != 206 || is_html(answer))
        return fail_status(answer, err);
    vf_autofree char *range = vf_http_header(answer, "content-range");
    uint64_t from, to, total;
    if (parse_range(range, &from, &to, &total) < 0) {
        vf_autofree char *safe = vf_escape(range ? range : "nothing");
        return vf_fail(err, VF_E_CORRUPT,
                       "the host does not say which part of the file it sends (Content-Range: %s)",
                       safe);
    }
    if (from == offset && to - from < n - 1 && total == to + 1)
        return vf_fail(err, VF_E_CORRUPT,
                       "the file is only %llu bytes long, shorter than what describes it",
                       (unsigned long long)total);
    if (from != offset || to < from || to - from != n - 1 || answer->got != n)
        return vf_fail(err, VF_E_CORRUPT,
                       "the host sends another part of the file than was asked for: asked for %zu "
                       "bytes at %llu, the host sent %zu and calls them %llu to %llu",
                       n, (unsigned long long)offset, answer->got, (unsigned long long)from,
                       (unsigned long long)to);
    return 0;
}

/* N bytes at OFFSET; TOTAL (may be NULL) is the file's size. */
static int read_part(struct vf_esxi_api *a, const struct vf_esxi_file *f, void *buf, size_t n,
                     uint64_t offset, uint64_t *total, struct vf_error **err)
{
    char range[80];
    snprintf(range, sizeof range, "Range: bytes=%llu-%llu", (unsigned long long)offset,
             (unsigned long long)(offset + n - 1));
    struct vf_http_request req = {.method = "GET", .into = buf, .into_len = n, .tries = 1};
    struct vf_http_answer answer = {0};
    int r = request(a, f, &req, range, &answer, err);
    if (r == 0)
        r = check_part(&answer, n, offset, err);
    if (r == 0 && total) {
        vf_autofree char *text = vf_http_header(&answer, "content-range");
        uint64_t from, to;
        if (parse_range(text, &from, &to, total) < 0 || *total == UINT64_MAX)
            r = vf_fail(err, VF_E_UNSUPPORTED, "the host does not say how large the file is");
    }
    vf_http_answer_clear(&answer);
    return r;
}

int vf_api_file_read(struct vf_esxi_way *w, const struct vf_esxi_file *f, void *buf, size_t n,
                     uint64_t offset, struct vf_error **err)
{
    if (!n)
        return 0;
    if (read_part(vf_api_of(w), f, buf, n, offset, NULL, err) == 0)
        return 0;
    vf_autofree char *name = shown(f);
    return vf_fail_prefix(err, "%s", name);
}

/* "Sat, 21 Nov 2026 10:00:00 GMT" (RFC 9110, 5.6.7) in seconds; -1: TEXT (or NULL) is none. */
static int64_t http_seconds(const char *text)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    char month[4] = "";
    struct tm tm = {0};
    if (!text || sscanf(text, "%*3s, %2d %3s %4d %2d:%2d:%2d GMT", &tm.tm_mday, month, &tm.tm_year,
                        &tm.tm_hour, &tm.tm_min, &tm.tm_sec) != 6)
        return -1;
    const char *found = strlen(month) == 3 ? strstr(months, month) : NULL;
    tm.tm_mon = found ? (int)(found - months) / 3 : 0;
    tm.tm_year -= 1900;
    return found ? (int64_t)timegm(&tm) : -1;
}

/* Time stamp and tag of the answer: both or what there is. */
static char *state_of(const struct vf_http_answer *answer)
{
    vf_autofree char *modified = vf_http_header(answer, "last-modified");
    vf_autofree char *tag = vf_http_header(answer, "etag");
    vf_autofree char *date = vf_http_header(answer, "date");
    int64_t written = http_seconds(modified), now = http_seconds(date);
    bool racy = written >= 0 && now >= 0 && now < written + VF_ESXI_RACY_S;
    if (!modified && !tag)
        return NULL;
    return vf_asprintf("%s%s%s%s", modified ? modified : "", modified && tag ? " " : "",
                       tag ? tag : "", racy ? VF_ESXI_RACY : "");
}

static int stat_file(struct vf_esxi_way *w, const struct vf_esxi_file *f, uint64_t *size,
                     char **state, struct vf_error **err)
{
    struct vf_http_request req = {.method = "HEAD"};
    struct vf_http_answer answer = {0};
    vf_autofree char *told = NULL;
    int r = request(vf_api_of(w), f, &req, NULL, &answer, err);
    bool refused = r == 0 && (answer.status == 405 || answer.status == 501);
    if (r == 0 && !refused && (answer.status != 200 || is_html(&answer)))
        r = fail_status(&answer, err);
    if (r == 0) {
        vf_autofree char *length = vf_http_header(&answer, "content-length");
        char first;
        told = refused ? NULL : state_of(&answer);
        if (refused || !length || vf_parse_u64(length, 0, INT64_MAX, size) < 0)
            r = read_part(vf_api_of(w), f, &first, 1, 0, size, err);
    }
    vf_http_answer_clear(&answer);
    if (state)
        *state = r < 0 ? NULL : VF_STEAL(told);
    return r;
}

int vf_api_file_stat(struct vf_esxi_way *w, const struct vf_esxi_file *f, uint64_t *size,
                     char **state, struct vf_error **err)
{
    vf_autofree char *name = shown(f);
    return stat_file(w, f, size, state, err) < 0 ? vf_fail_prefix(err, "%s", name) : 0;
}

/* Does ANSWER say where it ends? Else it ends with its connection, as one that was cut short does.
 */
static bool tells_its_end(const struct vf_http_answer *answer)
{
    vf_autofree char *length = vf_http_header(answer, "content-length"),
                     *coding = vf_http_header(answer, "transfer-encoding");
    return length || (coding && strcasestr(coding, "chunked"));
}

/* Are LEN bytes all of F? */
static int check_end(struct vf_esxi_way *w, const struct vf_esxi_file *f, size_t len,
                     struct vf_error **err)
{
    uint64_t size = 0;
    vf_autoerror struct vf_error *why = NULL;
    if (stat_file(w, f, &size, NULL, &why) < 0 && vf_error_code(why) != VF_E_UNSUPPORTED)
        return vf_fail_with(err, VF_STEAL(why));
    if (why)
        return vf_fail(err, VF_E_CORRUPT,
                       "the host does not say how long the file is, so that one that was cut short "
                       "would pass for all of it; import over SSH (way = \"ssh\")");
    if (size != len)
        return vf_fail(err, VF_E_NET, "the connection ended after %zu of the file's %llu bytes",
                       len, (unsigned long long)size);
    return 0;
}

char *vf_api_file_text(struct vf_esxi_way *w, const struct vf_esxi_file *f, size_t most,
                       size_t *len, struct vf_error **err)
{
    vf_autofree char *name = shown(f);
    struct vf_http_request req = {.method = "GET", .most = most ? most : 1};
    struct vf_http_answer answer = {0};
    char *text = NULL;
    int r = request(vf_api_of(w), f, &req, NULL, &answer, err);
    if (r == 0 && (answer.status != 200 || is_html(&answer)))
        r = fail_status(&answer, err);
    if (r == 0 && !tells_its_end(&answer))
        r = check_end(w, f, answer.body.len, err);
    if (r == 0) {
        *len = answer.body.len;
        text = vf_buf_take(&answer.body);
    }
    vf_http_answer_clear(&answer);
    if (r < 0)
        vf_fail_prefix(err, "%s", name);
    return text;
}
