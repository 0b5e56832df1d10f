/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "base/str.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

static void *checked(void *p)
{
    if (!p) {
        static const char msg[] = "vmferry: out of memory\n";
        if (write(2, msg, sizeof msg - 1) < 0) {
        }
        abort();
    }
    return p;
}

void *vf_xmalloc(size_t n)
{
    return checked(malloc(n ? n : 1));
}

void *vf_xcalloc(size_t n, size_t size)
{
    return checked(calloc(n ? n : 1, size ? size : 1));
}

void *vf_xrealloc(void *p, size_t n)
{
    return checked(realloc(p, n ? n : 1));
}

void *vf_grow(void *array, size_t *n, size_t size)
{
    char **a = array;
    /* capacity is the next power of two at or above *n, so it needs no field of its own */
    if ((*n & (*n - 1)) == 0)
        *a = vf_xrealloc(*a, (*n ? *n * 2 : 1) * size);
    char *slot = *a + *n * size;
    memset(slot, 0, size);
    (*n)++;
    return slot;
}

char *vf_strdup(const char *s)
{
    return s ? checked(strdup(s)) : NULL;
}

char *vf_strndup(const char *s, size_t n)
{
    return checked(strndup(s, n));
}

char *vf_memdup_str(const void *data, size_t n)
{
    char *s = vf_xmalloc(n + 1);
    if (n)
        memcpy(s, data, n);
    s[n] = 0;
    return s;
}

char *vf_vasprintf(const char *fmt, va_list ap)
{
    char *s = NULL;
    if (vasprintf(&s, fmt, ap) < 0)
        s = NULL;
    return checked(s);
}

char *vf_asprintf(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *s = vf_vasprintf(fmt, ap);
    va_end(ap);
    return s;
}

void vf_str_set(char **dst, const char *s)
{
    char *copy = vf_strdup(s);
    free(*dst);
    *dst = copy;
}

bool vf_streq(const char *a, const char *b)
{
    return a == b || (a && b && !strcmp(a, b));
}

bool vf_starts(const char *s, const char *prefix)
{
    return s && !strncmp(s, prefix, strlen(prefix));
}

bool vf_ends(const char *s, const char *suffix)
{
    size_t n = s ? strlen(s) : 0, m = strlen(suffix);
    return n >= m && s && !strcmp(s + n - m, suffix);
}

int vf_parse_u64(const char *s, uint64_t min, uint64_t max, uint64_t *out)
{
    if (!s || !isdigit((unsigned char)*s))
        return -1;
    char *end;
    errno = 0;
    uint64_t v = strtoull(s, &end, 10);
    if (errno || *end || v < min || v > max)
        return -1;
    *out = v;
    return 0;
}

char **vf_strv_new(void)
{
    return vf_xcalloc(1, sizeof(char *));
}

size_t vf_strv_len(char *const *v)
{
    size_t n = 0;
    while (v && v[n])
        n++;
    return n;
}

void vf_strv_add(char ***v, const char *s)
{
    size_t n = vf_strv_len(*v);
    *v = vf_xrealloc(*v, (n + 2) * sizeof(char *));
    (*v)[n] = vf_strdup(s);
    (*v)[n + 1] = NULL;
}

void vf_strv_addf(char ***v, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vf_autofree char *s = vf_vasprintf(fmt, ap);
    va_end(ap);
    vf_strv_add(v, s);
}

bool vf_strv_has(char *const *v, const char *s)
{
    for (; v && *v; v++)
        if (!strcmp(*v, s))
            return true;
    return false;
}

char **vf_strv_split(const char *s, const char *seps)
{
    char **v = vf_strv_new();
    while (s && *s) {
        size_t n = strcspn(s, seps);
        if (n) {
            vf_autofree char *part = vf_strndup(s, n);
            vf_strv_add(&v, part);
        }
        s += n;
        s += strspn(s, seps);
    }
    return v;
}

char *vf_strv_join(char *const *v, const char *sep)
{
    char *s = vf_strdup("");
    for (size_t i = 0; v && v[i]; i++) {
        char *t = vf_asprintf("%s%s%s", s, i ? sep : "", v[i]);
        free(s);
        s = t;
    }
    return s;
}

void vf_strv_free(char **v)
{
    for (size_t i = 0; v && v[i]; i++)
        free(v[i]);
    free(v);
}

/* Length of the well-formed UTF-8 sequence at S (0: none), its code point in *CP (RFC 3629). */
static size_t utf8_at(const unsigned char *s, size_t n, uint32_t *cp)
{
    static const struct {
        unsigned char mask, lead;
        size_t len;
        uint32_t min;
    } forms[] = {{0x80, 0x00, 1, 0},
                 {0xe0, 0xc0, 2, 0x80},
                 {0xf0, 0xe0, 3, 0x800},
                 {0xf8, 0xf0, 4, 0x10000}};
    for (size_t f = 0; f < VF_COUNT(forms); f++) {
        if ((s[0] & forms[f].mask) != forms[f].lead)
            continue;
        if (forms[f].len > n)
            return 0;
        uint32_t c = s[0] & (unsigned char)~forms[f].mask;
        for (size_t i = 1; i < forms[f].len; i++) {
            if ((s[i] & 0xc0) != 0x80)
                return 0;
            c = c << 6 | (s[i] & 0x3f);
        }
        if (c < forms[f].min || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
            return 0;
        *cp = c;
        return forms[f].len;
    }
    return 0;
}

static bool is_unsafe(uint32_t c)
{
    /* C0, DEL, C1; Arabic letter mark; zero width and direction marks; line and paragraph
     * separators, embeddings; word joiner, isolates; byte order mark; interlinear annotation; tags
     */
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x61c || (c >= 0x200b && c <= 0x200f) ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff ||
           (c >= 0xfff9 && c <= 0xfffb) || (c >= 0xe0000 && c <= 0xe007f);
}

char *vf_escape_n(const char *s, size_t n)
{
    char *out = vf_xmalloc(n * 4 + 1), *o = out;
    const unsigned char *p = (const unsigned char *)s;
    for (size_t i = 0; i < n;) {
        uint32_t c = 0;
        size_t len = utf8_at(p + i, n - i, &c);
        if (len && !is_unsafe(c)) {
            memcpy(o, p + i, len);
            o += len;
            i += len;
        } else if (p[i] == '\n' || p[i] == '\t') {
            *o++ = '\\';
            *o++ = p[i++] == '\n' ? 'n' : 't';
        } else {
            for (size_t k = 0; k < (len ? len : 1); k++)
                o += snprintf(o, 5, "\\x%02x", p[i++]);
        }
    }
    *o = 0;
    return out;
}

char *vf_escape(const char *s)
{
    return vf_escape_n(s ? s : "", s ? strlen(s) : 0);
}

char *vf_shell_quote(const char *s)
{
    size_t quotes = 0;
    for (const char *p = s; *p; p++)
        quotes += *p == '\'';
    char *out = vf_xmalloc(strlen(s) + quotes * 3 + 3), *o = out;
    *o++ = '\'';
    for (; *s; s++) {
        if (*s == '\'') {
            memcpy(o, "'\\''", 4);
            o += 4;
        } else {
            *o++ = *s;
        }
    }
    *o++ = '\'';
    *o = 0;
    return out;
}

char *vf_url_encode(const char *s)
{
    char *out = vf_xmalloc(strlen(s) * 3 + 1), *o = out;
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if ((c < 0x80 && isalnum(c)) || strchr("-._~", c))
            *o++ = (char)c;
        else
            o += snprintf(o, 4, "%%%02X", c);
    }
    *o = 0;
    return out;
}

char *vf_format_bytes(uint64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    if (bytes < 1024)
        return vf_asprintf("%" PRIu64 " B", bytes);
    double v = (double)bytes;
    size_t u = 0;
    while (v >= 1024 && u + 1 < VF_COUNT(units)) {
        v /= 1024;
        u++;
    }
    /* 1023.6 KiB would print as 1024 KiB */
    if (v >= 1023.5 && u + 1 < VF_COUNT(units)) {
        v /= 1024;
        u++;
    }
    return vf_asprintf(v < 9.95 ? "%.1f %s" : "%.0f %s", v, units[u]);
}

char *vf_format_mbit(uint64_t bytes_per_second)
{
    double mbit = (double)bytes_per_second * 8 / 1e6;
    uint64_t tenths = (uint64_t)(mbit * 10 + 0.5);
    return vf_asprintf("%.*f Mbit/s", tenths < 100 && tenths % 10 ? 1 : 0, mbit);
}

char *vf_format_rate(uint64_t bytes_per_second)
{
    vf_autofree char *b = vf_format_bytes(bytes_per_second), *m = vf_format_mbit(bytes_per_second);
    return vf_asprintf("%s (%s/s)", m, b);
}

int vf_pad(const char *text, int columns)
{
    for (; text && *text; text++)
        columns += (*text & 0xc0) == 0x80; /* not the first byte of a character */
    return columns;
}

char *vf_random_hex(size_t n)
{
    vf_autofree unsigned char *raw = vf_xmalloc(n);
    for (size_t got = 0; got < n;) {
        ssize_t r = getrandom(raw + got, n - got, 0);
        if (r < 0 && errno != EINTR)
            abort();
        got += r > 0 ? (size_t)r : 0;
    }
    char *s = vf_xmalloc(n * 2 + 1);
    for (size_t i = 0; i < n; i++)
        snprintf(s + i * 2, 3, "%02x", raw[i]);
    return s;
}
