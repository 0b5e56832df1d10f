/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "plan/name.h"
#include "base/str.h"

#include <string.h>

enum { MAX_LABEL = 63, MAX_NAME = 253 };

char *vf_name_with(const char *name, const char *suffix)
{
    vf_autofree char *s = vf_strdup(name);
    size_t room = strlen(suffix);
    if (strlen(s) + room > MAX_NAME)
        s[MAX_NAME - room] = '\0';
    for (;;) {
        char *dot = strrchr(s, '.'), *label = dot ? dot + 1 : s;
        if (strlen(label) + room > MAX_LABEL)
            label[MAX_LABEL - room] = '\0';
        if (*label || !dot)
            return vf_asprintf("%s%s", s, suffix);
        *dot = '\0'; /* a label cannot begin with the suffix's dash */
    }
}
