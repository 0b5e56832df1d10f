/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The log of a qmigrate task, line by line as QemuMigrate.pm and BlockJob.pm print it. Progress is
 * all it is read for: a line of a version that words it otherwise is just not shown. */
#include "config.h"
#include "provider/native.h"
#include "base/str.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "2025-11-21 10:00:00 " before a line of the worker's own. */
static const char *skip_stamp(const char *s)
{
    static const char shape[] = "0000-00-00 00:00:00 ";
    for (size_t i = 0; shape[i]; i++)
        if (shape[i] == '0' ? !isdigit((unsigned char)s[i]) : s[i] != shape[i])
            return s;
    return s + sizeof shape - 1;
}

/* "1.5 GiB" at *S, which is moved behind it; false when it is none. */
static bool take_bytes(const char **s, uint64_t *out)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    char unit[4] = "";
    unsigned long whole = 0;
    unsigned tenth = 0;
    int n = 0;
    const char *p = *s;
    if (!isdigit((unsigned char)*p) || strspn(p, "0123456789") > 7)
        return false;
    whole = strtoul(p, (char **)&p, 10);
    if (*p == '.') {
        tenth = isdigit((unsigned char)p[1]) ? (unsigned)(p[1] - '0') : 0;
        p++;
        p += strspn(p, "0123456789");
    }
    if (sscanf(p, " %3[BKMGTPi]%n", unit, &n) != 1)
        return false;
    for (size_t i = 0; i < VF_COUNT(units); i++) {
        if (strcmp(unit, units[i]))
            continue;
        *out = ((uint64_t)whole << (10 * i)) + ((uint64_t)tenth << (10 * i)) / 10;
        *s = p + n;
        return true;
    }
    return false;
}

/* "transferred A of B" at S. */
static bool take_amounts(const char *s, struct vf_migrate_line *l)
{
    static const char word[] = "transferred ", of[] = " of ";
    if (!vf_starts(s, word))
        return false;
    s += sizeof word - 1;
    if (!take_bytes(&s, &l->done) || !vf_starts(s, of))
        return false;
    s += sizeof of - 1;
    return take_bytes(&s, &l->total);
}

/* What stands between two quotes, when it fits. */
static const char *take_quoted(const char *s, char *out, size_t size)
{
    const char *end = *s == '\'' ? strchr(s + 1, '\'') : NULL;
    if (!end || (size_t)(end - s - 1) >= size)
        return NULL;
    memcpy(out, s + 1, (size_t)(end - s - 1));
    out[end - s - 1] = '\0';
    return end + 1;
}

static bool read_disk(const char *s, struct vf_migrate_line *l)
{
    /* the name of the job that copies it */
    static const char *const prefixes[] = {"drive-", "mirror-"};
    for (size_t i = 0; i < VF_COUNT(prefixes); i++)
        if (vf_starts(s, prefixes[i])) {
            s += strlen(prefixes[i]);
            break;
        }
    size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789");
    if (!n || n >= sizeof l->slot || !vf_starts(s + n, ": ") || !take_amounts(s + n + 2, l))
        return false;
    memcpy(l->slot, s, n);
    l->slot[n] = '\0';
    l->ready = vf_ends(s, ", ready");
    return true;
}

static bool read_memory(const char *s, struct vf_migrate_line *l)
{
    return (vf_starts(s, "migration active, ") || vf_starts(s, "migration device, ")) &&
           take_amounts(strchr(s, ',') + 2, l);
}

static bool read_volume(const char *s, struct vf_migrate_line *l)
{
    static const char word[] = "volume ", is[] = " is ";
    const char *p =
        vf_starts(s, word) ? take_quoted(s + sizeof word - 1, l->volume, sizeof l->volume) : NULL;
    return p && vf_starts(p, is) &&
           take_quoted(p + sizeof is - 1, l->target, sizeof l->target) != NULL;
}

static bool read_downtime(const char *s, struct vf_migrate_line *l)
{
    const char *p = strstr(s, "downtime ");
    unsigned ms = 0;
    int n = 0;
    if (!vf_starts(s, "average migration speed: ") || !p ||
        sscanf(p, "downtime %9u ms%n", &ms, &n) != 1 || !n)
        return false;
    l->done = ms;
    return true;
}

void vf_migrate_line_parse(const char *text, struct vf_migrate_line *out)
{
    static const struct {
        bool (*read)(const char *s, struct vf_migrate_line *l);
        int kind;
    } forms[] = {{read_disk, VF_LINE_DISK},
                 {read_memory, VF_LINE_MEMORY},
                 {read_volume, VF_LINE_VOLUME},
                 {read_downtime, VF_LINE_DOWNTIME}};
    const char *s = skip_stamp(text);
    for (size_t i = 0; i < VF_COUNT(forms); i++) {
        *out = (struct vf_migrate_line){0};
        if (forms[i].read(s, out)) {
            out->kind = forms[i].kind;
            return;
        }
    }
    *out = (struct vf_migrate_line){0};
}
