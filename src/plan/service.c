/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "plan/service.h"
#include "base/str.h"

#include <arpa/inet.h>
#include <string.h>

enum { MOST = 64 };

static const uint16_t common[] = {21,   22,   25,   53,   80,    110,  139,  143,  389,
                                  443,  445,  465,  587,  636,   993,  995,  1433, 1521,
                                  2049, 3306, 3389, 5432, 5900,  5985, 6379, 8000, 8006,
                                  8080, 8443, 9090, 9200, 10000, 27017};

const char *vf_ports_check(const char *value)
{
    static const char why[] =
        "must be \"" VF_COMMON_PORTS "\" or up to 64 ports with commas between them, such as "
        "\"22,443\"";
    if (vf_streq(value, VF_COMMON_PORTS))
        return NULL;
    vf_autostrv char **parts = vf_strv_split(value, ",");
    size_t n = vf_strv_len(parts);
    uint64_t port;
    if (*value == ',' || vf_ends(value, ",") || strstr(value, ",,"))
        return why;
    for (char **p = parts; *p; p++)
        if (vf_parse_u64(*p, 1, 65535, &port) < 0)
            return why;
    return n && n <= MOST ? NULL : why;
}

uint16_t *vf_ports_parse(const char *value, size_t *n)
{
    uint16_t *v = NULL;
    *n = 0;
    if (vf_streq(value, VF_COMMON_PORTS)) {
        for (size_t i = 0; i < VF_COUNT(common); i++)
            *(uint16_t *)vf_grow(&v, n, sizeof *v) = common[i];
        return v;
    }
    vf_autostrv char **parts = vf_strv_split(value, ",");
    for (char **p = parts; *p; p++) {
        uint64_t port = 0;
        if (vf_parse_u64(*p, 1, 65535, &port) == 0)
            *(uint16_t *)vf_grow(&v, n, sizeof *v) = (uint16_t)port;
    }
    return v;
}

const char *vf_addresses_check(const char *value)
{
    static const char why[] = "must be up to 64 IP addresses with commas between them, such as "
                              "\"10.0.0.5,fd00::5\"";
    vf_autostrv char **parts = vf_strv_split(value, ",");
    size_t n = vf_strv_len(parts);
    unsigned char a[16];
    for (char **p = parts; *p; p++)
        if (inet_pton(AF_INET, *p, a) != 1 && inet_pton(AF_INET6, *p, a) != 1)
            return why;
    return n && n <= MOST ? NULL : why;
}
