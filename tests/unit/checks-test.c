/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Each check and each fix is in vmferry-checks(7), and nothing else is. */
#include "config.h"
#include "base/fdio.h"
#include "base/str.h"
#include "job/check.h"
#include "plan/plan.h"
#include "tests/unit/tap.h"

#include <stdlib.h>

/* The names behind ".TP" of the manual page: ".B name", ".BR name ..."; hyphens are "\-" there. */
static char **documented(const char *text)
{
    char **names = vf_strv_new();
    vf_autostrv char **lines = vf_strv_split(text, "\n");
    for (size_t i = 0; lines[i] && lines[i + 1]; i++) {
        const char *p = lines[i + 1];
        if (strcmp(lines[i], ".TP") != 0 || !vf_starts(p, ".B"))
            continue;
        p = strchr(p, ' ') + 1;
        vf_autobuf struct vf_buf b = {0};
        for (; *p && *p != ' '; p++)
            if (*p != '\\')
                vf_buf_add(&b, p, 1);
        vf_strv_add(&names, vf_buf_str(&b));
    }
    return names;
}

static void is_told(char *const *names, const char *what, const char *name, size_t *n)
{
    ok(vf_strv_has((char **)names, name), "%s %s is in the manual page", what, name);
    ++*n;
}

int main(void)
{
    const char *top = getenv("top_srcdir");
    vf_autofree char *path = vf_asprintf("%s/data/vmferry-checks.7", top ? top : ".");
    size_t len, n = 0;
    vf_autofree char *text = vf_read_file(path, 1 << 20, &len, NULL);
    vf_autostrv char **names = documented(text ? text : "");
    vf_autostrv char **seen = vf_strv_new();
    bool twice = false;
    for (size_t i = 0; vf_all_checks[i]; i++)
        for (size_t k = 0; k < vf_all_checks[i]->n; k++) {
            const char *name = vf_all_checks[i]->v[k].name;
            is_told(names, "check", name, &n);
            twice |= vf_strv_has(seen, name);
            vf_strv_add(&seen, name);
        }
    for (size_t i = 0; vf_host_checks[i]; i++) {
        is_told(names, "check", vf_host_checks[i], &n);
        twice |= vf_strv_has(seen, vf_host_checks[i]);
        vf_strv_add(&seen, vf_host_checks[i]);
    }
    for (size_t i = 0; i < VF_FIXES; i++)
        is_told(names, "fix", vf_fix_words[i], &n);
    is_told(names, "check", "rights", &n);
    is_told(names, "check", "movable", &n);
    is_told(names, "check", "planned", &n);
    ok(!twice, "no name is there twice");
    /* and the three severities */
    ok(vf_strv_len(names) == n + 3, "the page has no others (%zu, %zu)", vf_strv_len(names), n + 3);
    return done_testing();
}
