/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "plan/mac.h"
#include "base/str.h"

#include <ctype.h>
#include <string.h>

enum { OCTETS = 6 };

/* Reads "AA:BB:…" (with or without a colon at the end) into OUT; the number of octets, or -1. */
static int parse(const char *s, unsigned char out[OCTETS])
{
    int n = 0;
    while (*s) {
        if (n == OCTETS || !isxdigit((unsigned char)s[0]) || !isxdigit((unsigned char)s[1]))
            return -1;
        char pair[3] = {s[0], s[1], 0};
        out[n++] = (unsigned char)strtoul(pair, NULL, 16);
        s += 2;
        if (*s == ':')
            s++;
        else if (*s)
            return -1;
    }
    return n;
}

static char *text(const unsigned char m[OCTETS])
{
    return vf_asprintf("%02X:%02X:%02X:%02X:%02X:%02X", m[0], m[1], m[2], m[3], m[4], m[5]);
}

int vf_mac_rule(const char *rule, enum vf_mac_mode *mode, char **mac, struct vf_error **err)
{
    *mac = NULL;
    if (vf_streq(rule, "keep") || vf_streq(rule, "new")) {
        *mode = *rule == 'k' ? VF_MAC_KEEP : VF_MAC_NEW;
        return 0;
    }
    unsigned char m[OCTETS];
    if (strlen(rule) != 3 * OCTETS - 1 || parse(rule, m) != OCTETS) {
        vf_autofree char *shown = vf_escape(rule);
        return vf_fail(err, VF_E_USAGE,
                       "\"%s\" is not \"keep\", \"new\" or a MAC address such as BC:24:11:00:12:34",
                       shown);
    }
    if (m[0] & 1)
        return vf_fail(err, VF_E_USAGE,
                       "%s is a multicast address: the first octet of a network interface's MAC "
                       "address must be even",
                       rule);
    *mode = VF_MAC_GIVEN;
    *mac = text(m);
    return 0;
}

char *vf_mac_random(const char *prefix, struct vf_error **err)
{
    unsigned char m[OCTETS] = {0x02};
    int n = prefix ? parse(prefix, m) : 1;
    if (n < 1 || n >= OCTETS || (m[0] & 1)) {
        vf_autofree char *shown = vf_escape(prefix);
        vf_fail(err, VF_E_USAGE, "\"%s\" is not the beginning of a MAC address", shown);
        return NULL;
    }
    vf_autofree char *hex = vf_random_hex(OCTETS);
    for (int i = n; i < OCTETS; i++) {
        char pair[3] = {hex[2 * i], hex[2 * i + 1], 0};
        m[i] = (unsigned char)strtoul(pair, NULL, 16);
    }
    return text(m);
}
