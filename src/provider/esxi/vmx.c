/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "provider/esxi/vmx.h"
#include "base/buf.h"
#include "base/str.h"

#include <ctype.h>
#include <errno.h>
#include <iconv.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MAX_TEXT = 1 << 20, MAX_KEY = 255, MAX_ENTRIES = 20000 };

struct entry {
    char *key, *value;
    size_t line;
};

struct vf_vmx {
    struct entry *v; /* by key, each once */
    size_t n;
};

void vf_vmx_free(struct vf_vmx *x)
{
    if (!x)
        return;
    for (size_t i = 0; i < x->n; i++) {
        free(x->v[i].key);
        free(x->v[i].value);
    }
    free(x->v);
    free(x);
}

/* ---- characters ---- */

static int hex(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : isxdigit((unsigned char)c) ? (c | ' ') - 'a' + 10 : -1;
}

/* N bytes at S with |XX replaced; what else begins with | stays. */
static char *unescape(const char *s, size_t n)
{
    vf_autobuf struct vf_buf b = {0};
    for (size_t i = 0; i < n; i++) {
        int high = s[i] == '|' && i + 2 < n ? hex(s[i + 1]) : -1;
        int low = high < 0 ? -1 : hex(s[i + 2]);
        char c = low < 0 ? s[i] : (char)(high << 4 | low);
        i += low < 0 ? 0 : 2;
        if (c) /* a NUL ends no text */
            vf_buf_add(&b, &c, 1);
    }
    return vf_buf_take(&b);
}

/* S in UTF-8, of which it is the only reference; what CHARSET does not know becomes '?'. */
static char *to_utf8(const char *s, iconv_t charset)
{
    vf_autobuf struct vf_buf b = {0};
    char *in = (char *)s; /* iconv() does not write there */
    size_t left = strlen(s);
    iconv(charset, NULL, NULL, NULL, NULL);
    while (left) {
        char out[256], *to = out;
        size_t room = sizeof out;
        size_t r = iconv(charset, &in, &left, &to, &room);
        vf_buf_add(&b, out, (size_t)(to - out));
        if (r == (size_t)-1 && errno != E2BIG && left) {
            vf_buf_puts(&b, "?");
            in++;
            left--;
        }
    }
    return vf_buf_take(&b);
}

/* What the file says it is written in. VMware takes one that says nothing for the locale of who
 * wrote it; windows-1252 was the most common, and what is no UTF-8 may as well be that. */
static iconv_t open_charset(const struct vf_vmx *x)
{
    const char *name = vf_vmx_get(x, ".encoding");
    iconv_t charset = iconv_open("UTF-8", name ? name : "UTF-8");
    return charset == (iconv_t)-1 ? iconv_open("UTF-8", "WINDOWS-1252") : charset;
}

static bool is_utf8(const char *s)
{
    iconv_t check = iconv_open("UTF-8", "UTF-8");
    char *in = (char *)s, out[256];
    size_t left = strlen(s);
    bool good = check != (iconv_t)-1;
    while (good && left) {
        char *to = out;
        size_t room = sizeof out;
        good = iconv(check, &in, &left, &to, &room) != (size_t)-1 || errno == E2BIG;
    }
    if (check != (iconv_t)-1)
        iconv_close(check);
    return good;
}

char *vf_vmx_utf8(const char *s)
{
    iconv_t western = is_utf8(s) ? (iconv_t)-1 : iconv_open("UTF-8", "WINDOWS-1252");
    if (western == (iconv_t)-1)
        return vf_strdup(s);
    char *text = to_utf8(s, western);
    iconv_close(western);
    return text;
}

static int recode(struct vf_vmx *x, const char *name, struct vf_error **err)
{
    iconv_t charset = open_charset(x), western = iconv_open("UTF-8", "WINDOWS-1252");
    bool told = vf_vmx_get(x, ".encoding") != NULL;
    bool good = charset != (iconv_t)-1 && western != (iconv_t)-1;
    for (size_t i = 0; good && i < x->n; i++) {
        char *was = x->v[i].value;
        x->v[i].value = to_utf8(was, told || is_utf8(was) ? charset : western);
        free(was);
    }
    if (charset != (iconv_t)-1)
        iconv_close(charset);
    if (western != (iconv_t)-1)
        iconv_close(western);
    return good ? 0 : vf_fail_errno(err, errno, "iconv for %s", name);
}

/* ---- lines ---- */

/* [*S, END) without blanks around it; returns its length. */
static size_t trim(const char **s, const char *end)
{
    while (*s < end && isspace((unsigned char)**s))
        ++*s;
    while (end > *s && isspace((unsigned char)end[-1]))
        end--;
    return (size_t)(end - *s);
}

/* One line; blank ones and comments are passed over. */
static int add_line(struct vf_vmx *x, const char *s, size_t n, size_t line, const char *name,
                    struct vf_error **err)
{
    n = trim(&s, s + n);
    if (!n || *s == '#')
        return 0;
    const char *equals = memchr(s, '=', n);
    const char *key = s, *value = equals ? equals + 1 : NULL;
    size_t n_key = equals ? trim(&key, equals) : 0;
    if (!n_key || n_key > MAX_KEY)
        return vf_fail(err, VF_E_CORRUPT, "%s, line %zu: no setting of a VMware VM", name, line);
    if (x->n == MAX_ENTRIES)
        return vf_fail(err, VF_E_UNSUPPORTED, "%s has more than %d settings", name, MAX_ENTRIES);
    size_t n_value = trim(&value, s + n);
    if (n_value && *value == '"') { /* up to the next one: those in the text are |22 */
        const char *close = memchr(++value, '"', --n_value);
        n_value = close ? (size_t)(close - value) : n_value;
    }
    struct entry *e = vf_grow(&x->v, &x->n, sizeof *e);
    e->key = vf_strndup(key, n_key);
    e->value = unescape(value, n_value);
    e->line = line;
    return 0;
}

static int by_key(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    int r = strcasecmp(x->key, y->key);
    return r ? r : (x->line > y->line) - (x->line < y->line);
}

/* Sorted, and of equal keys the last. */
static void order(struct vf_vmx *x)
{
    size_t n = 0;
    if (x->n)
        qsort(x->v, x->n, sizeof *x->v, by_key);
    for (size_t i = 0; i < x->n; i++)
        if (i + 1 < x->n && !strcasecmp(x->v[i].key, x->v[i + 1].key)) {
            free(x->v[i].key);
            free(x->v[i].value);
        } else {
            x->v[n++] = x->v[i];
        }
    x->n = n;
}

struct vf_vmx *vf_vmx_parse(const char *text, size_t len, const char *name, struct vf_error **err)
{
    static const char mark[] = "\xef\xbb\xbf";
    if (len > MAX_TEXT || memchr(text, 0, len)) {
        vf_fail(err, VF_E_CORRUPT, "%s is no VMX file", name);
        return NULL;
    }
    vf_auto(vf_vmx_free) struct vf_vmx *x = vf_xcalloc(1, sizeof *x);
    const char *s = text, *end = text + len;
    if (len >= sizeof mark - 1 && !memcmp(s, mark, sizeof mark - 1))
        s += sizeof mark - 1;
    for (size_t line = 1; s < end; line++) {
        const char *newline = memchr(s, '\n', (size_t)(end - s));
        if (add_line(x, s, (size_t)((newline ? newline : end) - s), line, name, err) < 0)
            return NULL;
        s = newline ? newline + 1 : end;
    }
    if (!x->n) {
        vf_fail(err, VF_E_CORRUPT, "%s is empty: no VMX file", name);
        return NULL;
    }
    order(x);
    return recode(x, name, err) < 0 ? NULL : VF_STEAL(x);
}

/* ---- values ---- */

static int against(const void *key, const void *entry)
{
    return strcasecmp(key, ((const struct entry *)entry)->key);
}

static const char *find(const struct vf_vmx *x, const char *key)
{
    const struct entry *e = x->n ? bsearch(key, x->v, x->n, sizeof *x->v, against) : NULL;
    return e ? e->value : NULL;
}

static bool read_bool(const char *s, bool fallback)
{
    static const char *const yes[] = {"true", "yes", "y", "on", "1"};
    static const char *const no[] = {"false", "no", "n", "off", "0"};
    for (size_t i = 0; s && i < VF_COUNT(yes); i++) {
        if (!strcasecmp(s, yes[i]))
            return true;
        if (!strcasecmp(s, no[i]))
            return false;
    }
    return fallback;
}

/* Is what KEY is about there? Of "scsi0:1.fileName" that is "scsi0:1.present". */
static bool present(const struct vf_vmx *x, const char *key)
{
    const char *dot = strchr(key, '.');
    if (!dot || dot == key || !strcasecmp(dot, ".present"))
        return true;
    vf_autofree char *there = vf_asprintf("%.*s.present", (int)(dot - key), key);
    return read_bool(find(x, there), true);
}

static const char *get(const struct vf_vmx *x, const char *fmt, va_list ap)
{
    vf_autofree char *key = vf_vasprintf(fmt, ap);
    return present(x, key) ? find(x, key) : NULL;
}

const char *vf_vmx_get(const struct vf_vmx *x, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    const char *value = get(x, fmt, ap);
    va_end(ap);
    return value;
}

bool vf_vmx_true(const struct vf_vmx *x, bool fallback, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    const char *value = get(x, fmt, ap);
    va_end(ap);
    return read_bool(value, fallback);
}

uint64_t vf_vmx_number(const struct vf_vmx *x, uint64_t max, uint64_t fallback, const char *fmt,
                       ...)
{
    va_list ap;
    va_start(ap, fmt);
    const char *value = get(x, fmt, ap);
    va_end(ap);
    uint64_t n;
    return value && vf_parse_u64(value, 0, max, &n) == 0 ? n : fallback;
}
