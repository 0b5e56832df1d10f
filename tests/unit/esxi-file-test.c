/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files of datastores over HTTPS: nothing but the part that was asked for is taken for data. */
#include "config.h"
#include "tests/unit/esxi-fixture.h"

#include <string.h>

static struct vsphere v;
static const struct vf_esxi_file disk = {"ha-datacenter", "datastore1", "web/web-flat.vmdk"};

static int read_at(struct vf_esxi_way *w, size_t n, uint64_t offset, struct vf_error **err)
{
    vf_autofree char *buf = vf_xmalloc(n);
    memset(buf, 0x55, n);
    if (w->ops->read(w, &disk, buf, n, offset, err) < 0)
        return -1;
    return offset + n > FILE_SIZE || memcmp(buf, v.file + offset, n) ? 1 : 0;
}

static void set(enum file_way way, const char *status, unsigned times)
{
    pthread_mutex_lock(&v.lock);
    v.way = way;
    v.status = status;
    v.times = times;
    vf_buf_clear(&v.log);
    pthread_mutex_unlock(&v.lock);
}

static void test_parts(struct vf_esxi_way *w)
{
    vf_autoerror struct vf_error *err = NULL;
    unsigned before = httpd_connections(v.server);
    ok(read_at(w, 100000, 0, &err) == 0, "a part from the start");
    ok(read_at(w, 4096, 123456, &err) == 0, "one from the middle");
    ok(read_at(w, 1, FILE_SIZE - 1, &err) == 0, "the last byte");
    for (unsigned i = 0; i < 20; i++)
        read_at(w, 512, i * 512, &err);
    ok(httpd_connections(v.server) <= before + 1, "all over one connection");
    ok(!err, "no errors");
    ok(count(&v, "GET /folder/web/web-flat.vmdk?dsName=datastore1&dcPath=ha-datacenter "
                 "Range: bytes=123456-127551\n") == 1,
       "asked for as it should be");
    ok(read_at(w, 512, FILE_SIZE - 256, &err) < 0, "beyond the end");
    is_error(&err, VF_E_CORRUPT, "[datastore1] web/web-flat.vmdk: the file is only 300000 bytes",
             "is told with the size");
}

static void test_wrong_parts(struct vf_esxi_way *w)
{
    static const struct {
        enum file_way way;
        const char *status;
        enum vf_error_code code;
        const char *part, *what;
    } cases[] = {
        {FILE_WHOLE, NULL, VF_E_UNSUPPORTED, "ignores Range", "the whole file is not waited for"},
        {FILE_HTML, NULL, VF_E_CORRUPT, "page for people", "a listing is no data"},
        {FILE_HTML_PART, NULL, VF_E_CORRUPT, "page for people", "nor is part of a page"},
        {FILE_NO_RANGE, NULL, VF_E_CORRUPT, "does not say which part", "a part of somewhere"},
        {FILE_OTHER_PART, NULL, VF_E_CORRUPT,
         "another part of the file than was asked for: asked for 1000", "another part"},
        {FILE_SHORT, NULL, VF_E_CORRUPT, "sent 999", "a byte too few"},
        {FILE_LONG, NULL, VF_E_CORRUPT, "larger than 1000", "a byte too many"},
        {FILE_STATUS, "503 Service Unavailable", VF_E_NET, "asks to wait (503", "to wait"},
        {FILE_STATUS, "429 Slow Down", VF_E_NET, "asks to wait (429", "to wait, politely"},
        {FILE_STATUS, "500 Internal Server Error", VF_E_CONFLICT, "in use", "a locked disk"},
        {FILE_STATUS, "404 Not Found", VF_E_NOTFOUND, "no such file", "a file that is gone"},
        {FILE_STATUS, "416 Range Not Satisfiable", VF_E_CORRUPT, "ends before", "behind its end"},
        {FILE_STATUS, "418 Teapot \x1b[31m", VF_E_UNSUPPORTED, "418 Teapot \\x1b", "anything else"},
    };
    vf_autoerror struct vf_error *err = NULL;
    for (size_t i = 0; i < VF_COUNT(cases); i++) {
        set(cases[i].way, cases[i].status, 0);
        ok(read_at(w, 1000, 1024, &err) < 0, "%s", cases[i].what);
        ok(vf_error_is_transient(err) == (cases[i].code == VF_E_NET), "to be tried again or not");
        is_error(&err, cases[i].code, cases[i].part, "... told");
        ok(count(&v, "GET") == 1, "after one attempt");
    }
    set(FILE_RIGHT, NULL, 0);
    ok(read_at(w, 1000, 1024, &err) == 0, "then it works again");
}

static void test_session(struct vf_esxi_way *w)
{
    vf_autoerror struct vf_error *err = NULL;
    unsigned logins = v.logins;
    v.ended = true;
    ok(read_at(w, 1000, 0, &err) == 0, "a session that has ended (401) is made again");
    ok(v.logins == logins + 1, "by one login");
    set(FILE_LOGIN_PAGE, NULL, 1);
    ok(read_at(w, 1000, 0, &err) == 0, "so it is for a page to log in with");
    ok(v.logins == logins + 2, "by one login");
    set(FILE_STATUS, "302 Found\r\nLocation: /ui/", 1);
    ok(read_at(w, 1000, 0, &err) == 0, "and for being led elsewhere");
    ok(v.logins == logins + 3, "by one login");
    set(FILE_LOGIN_PAGE, NULL, 0);
    ok(read_at(w, 1000, 0, &err) < 0, "nothing else than that page");
    is_error(&err, VF_E_CORRUPT, "page for people", "is no data");
    set(FILE_STATUS, "403 Forbidden", 0);
    logins = v.logins;
    ok(read_at(w, 1000, 0, &err) < 0, "403 for good");
    is_error(&err, VF_E_PERMISSION, "privilege to browse", "is a right that is missing");
    ok(v.logins == logins + 1, "after one more login");
    set(FILE_RIGHT, NULL, 0);
}

static void test_names(struct vf_esxi_way *w)
{
    static const struct {
        struct vf_esxi_file f;
        const char *path;
    } cases[] = {
        {{"ha-datacenter", "datastore 1", "web 01/web 01.vmx"},
         "/folder/web%2001/web%2001.vmx?dsName=datastore%201&dcPath=ha-datacenter"},
        {{"Folder/DC & Co", "a+b", "100%/a+b&c#d?/\xc3\xa4.vmx"},
         "/folder/100%25/a%2Bb%26c%23d%3F/%C3%A4.vmx?dsName=a%2Bb&dcPath=Folder%2FDC%20%26%20Co"},
        {{NULL, "ds", "x.vmx"}, "/folder/x.vmx?dsName=ds"},
    };
    vf_autoerror struct vf_error *err = NULL;
    for (size_t i = 0; i < VF_COUNT(cases); i++) {
        size_t n = 0;
        v.path = cases[i].path;
        vf_autofree char *text = w->ops->text(w, &cases[i].f, FILE_SIZE, &n, &err);
        ok(text && n == FILE_SIZE && !memcmp(text, v.file, n) && !text[n], "%s", cases[i].path);
    }
    v.path = "/folder/x.vmx?dsName=a%252520b%252Fc&dcPath=DC%25201";
    const struct vf_esxi_file odd = {"DC 1", "a%20b/c", "x.vmx"};
    size_t n = 0;
    set(FILE_RIGHT, NULL, 0);
    vf_autofree char *text = w->ops->text(w, &odd, FILE_SIZE, &n, &err);
    ok(text && count(&v, "GET") == 2, "a server that decodes names twice is found out");
    vf_autofree char *again = w->ops->text(w, &odd, FILE_SIZE, &n, &err);
    ok(again && count(&v, "GET") == 3, "once for all");
    v.path = "/folder/elsewhere";
    vf_autofree char *none = w->ops->text(w, &odd, FILE_SIZE, &n, &err);
    ok(!none, "what is not there");
    is_error(&err, VF_E_NOTFOUND, "[a%20b/c] x.vmx: there is no such file", "is not found");
    v.path = NULL;
}

/* An answer that ends with its connection is compared with the size that the host tells. */
static void test_ends(struct vf_esxi_way *w)
{
    vf_autoerror struct vf_error *err = NULL;
    size_t n = 0;
    set(FILE_NO_LENGTH, NULL, 0);
    vf_autofree char *whole = w->ops->text(w, &disk, FILE_SIZE, &n, &err);
    ok(whole && n == FILE_SIZE && !err, "all of a text whose answer tells no length");
    set(FILE_CUT_OFF, NULL, 0);
    vf_autofree char *cut = w->ops->text(w, &disk, FILE_SIZE, &n, &err);
    ok(!cut && vf_error_is_transient(err), "one that was cut off is none; it may be asked again");
    is_error(&err, VF_E_NET, "the connection ended after 150000 of the file's 300000 bytes",
             "which is told");
    set(FILE_NO_SIZE, NULL, 0);
    vf_autofree char *unknown = w->ops->text(w, &disk, FILE_SIZE, &n, &err);
    ok(!unknown, "nor is one whose length nobody tells");
    is_error(&err, VF_E_CORRUPT, "[datastore1] web/web-flat.vmdk: the host does not say how long",
             "which is told as well");
    set(FILE_RIGHT, NULL, 0);
}

static void test_text_and_stat(struct vf_esxi_way *w)
{
    vf_autoerror struct vf_error *err = NULL;
    size_t n = 0;
    vf_autofree char *text = w->ops->text(w, &disk, FILE_SIZE - 1, &n, &err);
    ok(!text, "a text that is too large");
    is_error(&err, VF_E_CORRUPT, "larger than 299999", "is none");
    set(FILE_STATUS, "206 Partial Content", 0);
    vf_autofree char *part = w->ops->text(w, &disk, FILE_SIZE, &n, &err);
    ok(!part, "a part of a text");
    is_error(&err, VF_E_CORRUPT, "another part of the file than was asked for (206", "is told");
    set(FILE_HTML, NULL, 0);
    vf_autofree char *html = w->ops->text(w, &disk, FILE_SIZE, &n, &err);
    ok(!html, "a page instead of a text");
    is_error(&err, VF_E_CORRUPT, "page for people", "is told");
    uint64_t size = 0;
    char *state = NULL;
    set(FILE_RIGHT, NULL, 0);
    is_good(w->ops->stat(w, &disk, &size, &state, &err), &err, "size and state");
    ok(size == FILE_SIZE && count(&v, "HEAD") == 1, "by HEAD");
    is_str(state, "Sat, 21 Nov 2026 10:00:00 GMT \"e1\"", "the state is time and tag");
    free(state);
    static const struct {
        const char *date;
        bool racy;
    } dates[] = {{"Date: Sat, 21 Nov 2026 10:00:01 GMT\r\n", true},
                 {"Date: Sat, 21 Nov 2026 09:00:00 GMT\r\n", true},
                 {"Date: Sat, 21 Nov 2026 10:00:02 GMT\r\n", false},
                 {"Date: Saturday, 21-Nov-26 10:00:00 GMT\r\n", false}};
    for (size_t i = 0; i < VF_COUNT(dates); i++) {
        v.date = dates[i].date;
        state = NULL;
        bool told = w->ops->stat(w, &disk, &size, &state, NULL) == 0;
        ok(told && vf_ends(state, VF_ESXI_RACY) == dates[i].racy, "%.*s: %s",
           (int)strcspn(v.date, "\r"), v.date, told ? state : "nothing");
        free(state);
    }
    v.date = NULL;
    set(FILE_NO_HEAD, NULL, 0);
    size = 0;
    is_good(w->ops->stat(w, &disk, &size, &state, &err), &err, "without HEAD");
    ok(size == FILE_SIZE && count(&v, "Range: bytes=0-0\n") == 1, "by the first byte");
    free(state);
    set(FILE_STATUS, "404 Not Found", 0);
    ok(w->ops->stat(w, &disk, &size, &state, &err) < 0 && !state, "stat of what is not there");
    is_error(&err, VF_E_NOTFOUND, "no such file", "is not found");
    set(FILE_HTML, NULL, 0);
    ok(w->ops->stat(w, &disk, &size, &state, &err) < 0, "stat of a directory");
    is_error(&err, VF_E_CORRUPT, "page for people", "is refused");
    set(FILE_RIGHT, NULL, 0);
    ok(!w->ops->sha256(w, &disk, 1, 0, &err), "no hashes");
    is_error(&err, VF_E_UNSUPPORTED, "no call that hashes", "are to be had");
}

struct reader {
    struct vf_esxi_way *w;
    bool ends; /* the session, under the feet of all of them */
    unsigned bad;
};

static void *read_on(void *opaque)
{
    struct reader *r = opaque;
    for (unsigned i = 0; i < 40; i++) {
        vf_autoerror struct vf_error *err = NULL;
        if (read_at(r->w, 5000, i * 7001 % (FILE_SIZE - 5000), &err) != 0) {
            printf("# %s\n", vf_error_text(err));
            r->bad++;
        }
        if (i != 20 || !r->ends)
            continue;
        pthread_mutex_lock(&v.lock);
        v.ended = true;
        pthread_mutex_unlock(&v.lock);
    }
    return NULL;
}

static void test_twins(struct vf_esxi_way *w)
{
    enum { TWINS = 4 };
    vf_autoerror struct vf_error *err = NULL;
    struct reader r[TWINS] = {{w, true, 0}};
    pthread_t t[TWINS];
    unsigned logins = v.logins;
    for (unsigned i = 1; i < TWINS; i++)
        r[i].w = w->ops->twin(w, &err);
    ok(v.logins == logins && !err, "twins log in nowhere");
    for (unsigned i = 0; i < TWINS; i++)
        pthread_create(&t[i], NULL, read_on, &r[i]);
    for (unsigned i = 0; i < TWINS; i++)
        pthread_join(t[i], NULL);
    ok(!r[0].bad && !r[1].bad && !r[2].bad && !r[3].bad, "all of them read what is there");
    ok(v.logins == logins + 1, "one of them logs in again, for all");
    set(FILE_RIGHT, NULL, 0);
    for (unsigned i = 1; i < TWINS; i++)
        vf_esxi_way_free(r[i].w);
    ok(count(&v, "CALL Logout") == 0, "a twin that goes leaves the session be");
}

int main(void)
{
    SERVE(&v, ((const struct canned[]){{.method = "none"}}));
    struct vf_esxi_way *w = open_right(&v);
    test_parts(w);
    test_wrong_parts(w);
    test_session(w);
    test_names(w);
    test_ends(w);
    test_text_and_stat(w);
    test_twins(w);
    vf_esxi_way_free(w);
    ok(count(&v, "CALL Logout") == 1, "the last one logs out");
    drop(&v);
    return done_testing();
}
