/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What vim-cmd and esxcli print of one VM's state and of the host's networks. */
#include "config.h"
#include "provider/esxi/vimcmd.h"
#include "provider/esxi/way.h"
#include "base/str.h"

#include <ctype.h>
#include <string.h>

/* "--Snapshot Id        : 1": as many dashes as it is deep. */
unsigned vf_vimcmd_snapshots(const char *text)
{
    unsigned n = 0;
    for (const char *s = text; s; s = strchr(s, '\n')) {
        s += *s == '\n';
        const char *p = s + strspn(s, "-|");
        if (p == s || !vf_starts(p, "Snapshot Id"))
            continue;
        p += strlen("Snapshot Id");
        p += strspn(p, " \t");
        n += *p == ':';
    }
    return n;
}

char *vf_vimcmd_question(const char *text)
{
    static const char begins[] = "Virtual machine message ";
    const char *at = strstr(text, begins);
    if (!at || (at > text && at[-1] != '\n'))
        return NULL;
    const char *line = strchr(at, '\n');
    if (!line || !line[1])
        return vf_strndup(at, strcspn(at, "\n"));
    /* the question stands before its choices, "   0. Cancel (Cancel)" */
    const char *end = line + 1;
    for (const char *s = end; *s; s += *s == '\n') {
        const char *digits = s + strspn(s, " \t");
        if (digits > s && isdigit((unsigned char)*digits) &&
            vf_starts(digits + strspn(digits, "0123456789"), ". "))
            break;
        s += strcspn(s, "\n");
        end = s;
    }
    return vf_strndup(line + 1, (size_t)(end - line - 1));
}

static void add_address(char ***list, const char *s, size_t n)
{
    vf_autofree char *a = vf_strndup(s, n);
    if (*a && a[strspn(a, "0123456789abcdefABCDEF.:")] == '\0' && !vf_starts(a, "fe80:") &&
        !vf_starts(a, "127.") && !vf_streq(a, "::1") && !vf_strv_has(*list, a))
        vf_strv_add(list, a);
}

char **vf_vimcmd_addresses(const char *text)
{
    static const char key[] = "ipAddress = ";
    char **list = vf_strv_new();
    for (const char *s = text; (s = strstr(s, key));) {
        s += strlen(key);
        if (*s == '(') { /* "(string) [" */
            s += strcspn(s, ")\n");
            s += *s != '\0';
        }
        s += strspn(s, " \t\r\n");
        bool many = *s == '[';
        s += many;
        for (;;) {
            s += many ? strspn(s, " \t\r\n,") : 0;
            if (*s != '"')
                break;
            size_t n = strcspn(s + 1, "\"\n");
            add_address(&list, s + 1, n);
            s += 1 + n + (s[1 + n] == '"');
            if (!many)
                break;
        }
    }
    return list;
}

static int number_of(const char *entry, const char *end, const char *key)
{
    vf_autofree char *one = vf_strndup(entry, (size_t)(end - entry));
    const char *at = strstr(one, key);
    if (!at)
        return -1;
    at += strlen(key);
    bool negative = *at == '-';
    vf_autofree char *digits = vf_strndup(at + negative, strspn(at + negative, "0123456789"));
    uint64_t n;
    if (vf_parse_u64(digits, 0, 1 << 30, &n) < 0)
        return -1;
    return negative ? -(int)n : (int)n;
}

static void word_of(const char *entry, const char *end, const char *key, char *out, size_t room)
{
    vf_autofree char *one = vf_strndup(entry, (size_t)(end - entry));
    const char *at = strstr(one, key);
    size_t n = at ? strcspn(at + strlen(key), "\"\n") : 0;
    *out = '\0';
    if (!n || n >= room)
        return;
    memcpy(out, at + strlen(key), n);
    out[n] = '\0';
    if (out[strspn(out, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")])
        *out = '\0';
}

bool vf_vimcmd_autostart(const char *text, unsigned id, struct vf_vimcmd_autostart *out)
{
    *out = (struct vf_vimcmd_autostart){
        .start_delay = -1, .start_order = -1, .stop_delay = -1, .stop = "systemDefault"};
    vf_autofree char *wanted = vf_asprintf("VirtualMachine:%u'", id);
    const char *at = strstr(text, wanted);
    if (!at)
        return false;
    const char *end = strchr(at, '}');
    end = end ? end : at + strlen(at);
    out->start_delay = number_of(at, end, "startDelay = ");
    out->start_order = number_of(at, end, "startOrder = ");
    out->stop_delay = number_of(at, end, "stopDelay = ");
    word_of(at, end, "startAction = \"", out->start, sizeof out->start);
    word_of(at, end, "stopAction = \"", out->stop, sizeof out->stop);
    word_of(at, end, "waitForHeartbeat = \"", out->heartbeat, sizeof out->heartbeat);
    out->on = strcasecmp(out->start, "powerOn") == 0;
    return true;
}

void vf_esxcli_groups_free(struct vf_esxcli_group *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(v[i].name);
    free(v);
}

/* Columns are as wide as the row of dashes below the heads; names may have blanks. */
int vf_esxcli_groups(const char *text, struct vf_esxcli_group **out, size_t *n,
                     struct vf_error **err)
{
    *out = NULL;
    *n = 0;
    const char *dashes = strstr(text, "\n--");
    if (!vf_starts(text, "Name") || !dashes)
        return vf_fail(err, VF_E_CORRUPT, "esxcli printed no list of port groups");
    size_t width = strspn(dashes + 1, "-");
    for (const char *s = dashes + 1; (s = strchr(s, '\n'));) {
        s++;
        size_t len = strcspn(s, "\n"), name = width < len ? width : len;
        while (len && isspace((unsigned char)s[len - 1]))
            len--;
        /* a name in UTF-8 may take more bytes than columns */
        while (name < len && (s[name] & 0xc0) == 0x80)
            name++;
        vf_autofree char *line = vf_strndup(s, len);
        const char *last = strrchr(line, ' ');
        uint64_t vlan;
        if (!last || name > len || vf_parse_u64(last + 1, 0, VF_ALL_VLANS, &vlan) < 0)
            continue;
        while (name && s[name - 1] == ' ')
            name--;
        struct vf_esxcli_group *g = vf_grow(out, n, sizeof *g);
        *g = (struct vf_esxcli_group){.name = vf_strndup(s, name), .vlan = (int)vlan};
    }
    return 0;
}
