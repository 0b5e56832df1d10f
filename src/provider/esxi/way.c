/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "provider/esxi/way.h"
#include "base/str.h"

#include <string.h>

void vf_esxi_way_free(struct vf_esxi_way *w)
{
    if (w)
        w->ops->free(w);
}

void vf_esxi_rows_free(struct vf_esxi_row *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(v[i].name);
        free(v[i].node);
        free(v[i].dc);
        free(v[i].datastore);
        free(v[i].vmx);
        free(v[i].guest);
        free(v[i].guest_details);
        free(v[i].annotation);
    }
    free(v);
}

void vf_esxi_now_clear(struct vf_esxi_now *n)
{
    free(n->question);
    free(n->annotation);
    free(n->digest);
    vf_strv_free(n->addresses);
    *n = (struct vf_esxi_now){0};
}

void vf_esxi_portgroups_free(struct vf_esxi_portgroup *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(v[i].name);
        free(v[i].key);
    }
    free(v);
}

int vf_esxi_file_parse(const char *text, const char *dc, struct vf_esxi_file *out, char **copy)
{
    const char *end = text[0] == '[' ? strstr(text, "] ") : NULL;
    if (!end || end == text + 1 || !end[2])
        return -1;
    *copy = vf_strdup(text);
    (*copy)[end - text] = '\0';
    *out =
        (struct vf_esxi_file){.dc = dc, .datastore = *copy + 1, .path = *copy + (end - text) + 2};
    return 0;
}
