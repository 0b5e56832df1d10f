/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The line "vmferry-job: ID" in a VM's description says whose it is while a job works on it. */
#include "config.h"
#include "job/job_priv.h"
#include "base/buf.h"
#include "base/str.h"

#include <string.h>

static const char prefix[] = "vmferry-job: ";

enum { MAX_CHARACTERS = 8192 }; /* of a description at Proxmox VE */

/* Bytes of the first N characters of UTF-8. */
static size_t prefix_bytes(const char *s, size_t n)
{
    const char *p = s;
    for (; *p; p++)
        if (((unsigned char)*p & 0xc0) != 0x80 && n-- == 0)
            break;
    return (size_t)(p - s);
}

bool vf_description_fits(const char *text)
{
    return !text[prefix_bytes(text, MAX_CHARACTERS)];
}

/* Older versions of Proxmox VE end a description with a newline, newer ones cut white space off. */
bool vf_description_same(const char *a, const char *b)
{
    static const char space[] = " \t\r\n\f\v";
    size_t m = a ? strlen(a) : 0, n = b ? strlen(b) : 0;
    while (m && strchr(space, a[m - 1]))
        m--;
    while (n && strchr(space, b[n - 1]))
        n--;
    return m == n && (!m || !memcmp(a, b, m));
}

char *vf_marker_add(const char *description, const char *marker)
{
    vf_autofree char *rest = vf_marker_remove(description, marker);
    /* while the job works the end of a long one makes room for it; the journal has the whole */
    rest[prefix_bytes(rest, MAX_CHARACTERS - 1 - strlen(marker))] = '\0';
    return *rest ? vf_asprintf("%s\n%s", rest, marker) : vf_strdup(marker);
}

/* Where MARKER is in D: a whole line, not the beginning of another job's ID. */
static const char *line_of(const char *d, const char *marker)
{
    const char *at = strstr(d, marker);
    size_t n = strlen(marker);
    while (at && ((at != d && at[-1] != '\n') || (at[n] && at[n] != '\n')))
        at = strstr(at + 1, marker);
    return at;
}

bool vf_marker_there(const char *description, const char *marker)
{
    return description && line_of(description, marker);
}

char *vf_marker_of(const char *id, const struct vf_journal *j)
{
    const json_t *events = vf_journal_events(j);
    size_t taken = 0;
    for (size_t i = 0; i < json_array_size(events); i++)
        taken += vf_streq(vf_json_str(json_array_get(events, i), "type"), "takeover");
    return taken ? vf_asprintf("%s%s (%zu)", prefix, id, taken) : vf_asprintf("%s%s", prefix, id);
}

char *vf_marker_remove(const char *description, const char *marker)
{
    const char *d = description ? description : "";
    const char *at = line_of(d, marker);
    size_t n = strlen(marker);
    if (!at)
        return vf_strdup(d);
    size_t before = (size_t)(at - d);
    const char *after = at + n;
    if (before) /* the newline that vf_marker_add() put before it */
        before--;
    else if (*after == '\n')
        after++;
    return vf_asprintf("%.*s%s", (int)before, d, after);
}

/* The line with a marker, of whatever job; NULL: there is none. */
static const char *any_line(const char *description)
{
    for (const char *s = description; s && *s;) {
        if (vf_starts(s, prefix))
            return s;
        s = strchr(s, '\n');
        s = s ? s + 1 : NULL;
    }
    return NULL;
}

char *vf_marker_find(const char *description)
{
    const char *s = any_line(description);
    if (!s)
        return NULL;
    s += sizeof prefix - 1;
    return vf_strndup(s, strspn(s, "0123456789abcdefghijklmnopqrstuvwxyz-"));
}

char *vf_marker_line(const char *description)
{
    const char *s = any_line(description);
    return s ? vf_strndup(s, strcspn(s, "\n")) : NULL;
}

char *vf_marker_replace(const char *description, const char *marker)
{
    vf_autofree char *old = vf_marker_line(description);
    vf_autofree char *rest = old ? vf_marker_remove(description, old) : NULL;
    return vf_marker_add(rest ? rest : description, marker);
}
