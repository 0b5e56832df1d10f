/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Datastores by where a host has them mounted: VMX files name disks in other datastores so. */
#include "config.h"
#include "provider/esxi/api.h"
#include "base/str.h"

#include <string.h>

struct search {
    const char *volume; /* the folder below /vmfs/volumes: a UUID, or the datastore's name */
    char *found;
};

/* "ds:///vmfs/volumes/5f00c0de-.../" (DatastoreSummary.url) */
static bool is_mounted_at(const char *url, const char *volume)
{
    const char *at = url ? strstr(url, "/volumes/") : NULL;
    at = at ? at + strlen("/volumes/") : NULL;
    size_t n = at ? strcspn(at, "/") : 0;
    return n && n == strlen(volume) && !strncmp(at, volume, n);
}

static void see_datastore(void *opaque, const struct vf_moref *object, const xmlNode *props)
{
    struct search *s = opaque;
    if (!object) {
        free(VF_STEAL(s->found));
        return;
    }
    vf_autofree char *name = vf_api_text(props, "summary.name");
    vf_autofree char *url = vf_api_text(props, "summary.url");
    if (!s->found && name && (is_mounted_at(url, s->volume) || vf_streq(name, s->volume)))
        s->found = VF_STEAL(name);
}

char *vf_api_datastore(struct vf_esxi_way *w, const char *dc, const char *volume,
                       struct vf_error **err)
{
    static const char *const paths[] = {"summary.name", "summary.url", NULL};
    static const struct vf_api_wanted wanted = {"Datastore", paths};
    struct search s = {.volume = volume};
    int r = vf_api_inventory(vf_api_of(w), &wanted, 1, see_datastore, &s, err);
    if (r == 0 && !s.found) {
        vf_autofree char *shown = vf_escape(volume);
        vf_fail(err, VF_E_NOTFOUND, "%s shows no datastore that is mounted at /vmfs/volumes/%s",
                w->conf->name, shown);
    }
    if (r < 0)
        free(VF_STEAL(s.found));
    return s.found;
}
