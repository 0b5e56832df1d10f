/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "ui/say.h"
#include "ui/canvas.h"
#include "base/buf.h"
#include "base/i18n.h"
#include "base/str.h"

#include <langinfo.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>

/* Such a line is a command to be copied: the terminal may break it, we do not. */
#define COMMAND "      pveum "

enum { MIN_COLUMNS = 20, MAX_COLUMNS = 1000 };

size_t vf_columns(int fd)
{
    const char *set = getenv("COLUMNS");
    struct winsize w;
    uint64_t n;
    if (set && vf_parse_u64(set, MIN_COLUMNS, MAX_COLUMNS, &n) == 0)
        return (size_t)n;
    if (ioctl(fd, TIOCGWINSZ, &w) < 0 || w.ws_col < MIN_COLUMNS)
        return 0;
    return w.ws_col;
}

/* Columns of N bytes of UTF-8. */
static size_t width(const char *s, size_t n)
{
    vf_autofree char *part = vf_strndup(s, n);
    return (size_t)vf_text_columns(part);
}

enum { FAR = 8 };

/* Where the text behind the label of the line S (of N bytes) begins. */
static size_t hang(const char *s, size_t n, size_t columns)
{
    size_t lead = 0, i;
    while (lead < n && s[lead] == ' ')
        lead++;
    if (lead == n)
        return 0;
    size_t at = lead < FAR ? lead + 2 : lead; /* far in: a further text of the label above */
    for (i = lead; i + 2 < n; i++) {
        bool bracket = s[lead] == '[' && s[i] == ']' && s[i + 1] == ' ';
        bool gap = s[lead] != '[' && s[i] == ' ' && s[i + 1] == ' ';
        if (!bracket && !gap)
            continue;
        at = bracket ? i + 2 : i + strspn(s + i, " ");
        break;
    }
    if (at + 1 < n && s[at] == '-' && s[at + 1] == ' ') /* of a list */
        at += 2;
    return at < n && width(s, at) <= columns / 2 ? width(s, at) : lead + 2;
}

static void wrap_line(struct vf_buf *b, const char *s, size_t n, size_t columns)
{
    size_t indent = hang(s, n, columns), used = 0;
    const char *end = s + n;
    while (s < end) {
        size_t blanks = strspn(s, " ");
        const char *word = s + (blanks < (size_t)(end - s) ? blanks : (size_t)(end - s));
        const char *stop = memchr(word, ' ', (size_t)(end - word));
        stop = stop ? stop : end;
        if (end - stop > 1 && strchr(":;?!", stop[1]) && (end - stop == 2 || stop[2] == ' '))
            stop += 2; /* French has a blank before them: no line begins with one */
        size_t w = width(word, (size_t)(stop - word)), gap = (size_t)(word - s);
        if (used > indent && used + gap + w > columns) {
            vf_buf_printf(b, "\n%*s", (int)indent, "");
            used = indent;
            gap = 0;
        }
        vf_buf_printf(b, "%*s%.*s", (int)gap, "", (int)(stop - word), word);
        used += gap + w;
        s = stop;
    }
}

char *vf_wrap(const char *text, size_t columns)
{
    if (!columns)
        return vf_strdup(text);
    vf_autobuf struct vf_buf b = {0};
    while (*text) {
        size_t n = strcspn(text, "\n");
        if (width(text, n) <= columns || vf_starts(text, COMMAND))
            vf_buf_printf(&b, "%.*s", (int)n, text);
        else
            wrap_line(&b, text, n, columns);
        if (text[n])
            vf_buf_puts(&b, "\n");
        text += n + (text[n] == '\n');
    }
    return vf_buf_take(&b);
}

const char *vf_say_label(const char *label)
{
    return label && *label ? _(label) : label;
}

char *vf_for_locale(const char *text)
{
    char *out = vf_strdup(text), *o = out;
    bool utf8 = vf_streq(nl_langinfo(CODESET), "UTF-8");
    for (const char *p = text; *p; p++) {
        unsigned char c = (unsigned char)*p;
        if (utf8 && c >= 0x80)
            *o++ = *p;
        else if ((c & 0xc0) != 0x80) /* not in the middle of a character */
            *o++ = (c >= 0x20 && c < 0x7f) || c == '\n' ? *p : '?';
    }
    *o = 0;
    return out;
}

void vf_say(FILE *out, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    vf_autofree char *text = vf_vasprintf(format, ap);
    va_end(ap);
    vf_autofree char *wrapped = vf_wrap(text, vf_columns(fileno(out)));
    vf_autofree char *shown = vf_for_locale(wrapped);
    fputs(shown, out);
}
