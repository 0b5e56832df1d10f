/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "base/ciphers.h"
#include "base/fdio.h"
#include "base/str.h"

#include <string.h>

static const char aes_first[] =
    "aes128-gcm@openssh.com,aes256-gcm@openssh.com,chacha20-poly1305@openssh.com,"
    "aes128-ctr,aes192-ctr,aes256-ctr";

const char *vf_ciphers_check(const char *list)
{
    static const char word[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@.,-";
    return vf_streq(list, "-") || (*list != '-' && *list && strspn(list, word) == strlen(list))
               ? NULL
               : "must be a list of ssh's ciphers, such as \"aes128-gcm@openssh.com,aes128-ctr\", "
                 "or "
                 "\"-\": what ssh itself would take";
}

const char *vf_ciphers(const char *wanted)
{
    if (wanted)
        return vf_streq(wanted, "-") ? NULL : wanted;
    vf_autofree char *text = vf_read_file("/proc/cpuinfo", 4 << 20, NULL, NULL);
    return text && strstr(text, " aes ") ? aes_first : NULL;
}
