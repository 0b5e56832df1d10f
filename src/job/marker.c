/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The line "vmferry-job: ID" in a VM's description says whose it is while a job works on it. */
#include "config.h"
#include "job/job_priv.h"
#include "base/buf.h"
#include "base/str.h"

#include <string.h>

static const char prefix[] = "vmferry-job: ";

char *vf_marker_add(const char *description, const char *marker)
{
    vf_autofree char *rest = vf_marker_remove(description, marker);
    return *rest ? vf_asprintf("%s\n%s", rest, marker) : vf_strdup(marker);
}

char *vf_marker_remove(const char *description, const char *marker)
{
    const char *d = description ? description : "";
    const char *at = strstr(d, marker);
    size_t n = strlen(marker);
    /* a whole line, not the beginning of another job's ID */
    while (at && ((at != d && at[-1] != '\n') || (at[n] && at[n] != '\n')))
        at = strstr(at + 1, marker);
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

char *vf_marker_find(const char *description)
{
    for (const char *s = description; s && *s;) {
        if (vf_starts(s, prefix)) {
            s += sizeof prefix - 1;
            return vf_strndup(s, strspn(s, "0123456789abcdefghijklmnopqrstuvwxyz-"));
        }
        s = strchr(s, '\n');
        s = s ? s + 1 : NULL;
    }
    return NULL;
}
