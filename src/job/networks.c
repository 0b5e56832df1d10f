/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "job/networks.h"
#include "job/event.h"
#include "job/state.h"
#include "plan/vm.h"
#include "base/fdio.h"
#include "base/log.h"
#include "base/str.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FORMAT = 1, MAX_FILE = 1024 * 1024, MAX_KNOWN = 4096 };

struct known {
    char *source, *target;
    struct vf_network from, to;
    bool ours; /* set since loading */
};

struct vf_networks {
    struct known *v;
    size_t n;
};

static char *file_path(void)
{
    vf_autofree char *root = vf_state_root();
    return vf_asprintf("%s/networks.json", root);
}

static struct known *find(const struct vf_networks *n, const char *source, const char *target,
                          const char *bridge, unsigned tag)
{
    for (size_t i = 0; i < n->n; i++) {
        struct known *k = &n->v[i];
        if (k->from.tag == tag && vf_streq(k->from.bridge, bridge) && vf_streq(k->source, source) &&
            vf_streq(k->target, target))
            return k;
    }
    return NULL;
}

const struct vf_network *vf_networks_find(const struct vf_networks *n, const char *source,
                                          const char *target, const char *bridge, unsigned tag)
{
    const struct known *k = find(n, source, target, bridge, tag);
    return k ? &k->to : NULL;
}

static struct known *set(struct vf_networks *n, const char *source, const char *target,
                         const char *bridge, unsigned tag, const char *to_bridge, unsigned to_tag)
{
    struct known *k = find(n, source, target, bridge, tag);
    if (!k) {
        k = vf_grow(&n->v, &n->n, sizeof *k);
        *k = (struct known){.source = vf_strdup(source),
                            .target = vf_strdup(target),
                            .from = {vf_strdup(bridge), tag}};
    }
    vf_str_set(&k->to.bridge, to_bridge);
    k->to.tag = to_tag;
    return k;
}

void vf_networks_set(struct vf_networks *n, const char *source, const char *target,
                     const char *bridge, unsigned tag, const char *to_bridge, unsigned to_tag)
{
    set(n, source, target, bridge, tag, to_bridge, to_tag)->ours = true;
}

static unsigned tag_of(const json_t *o, const char *key)
{
    int64_t tag = vf_json_int(o, key);
    return tag > 0 && tag <= VF_LAST_VLAN ? (unsigned)tag : 0;
}

/* Adds what TEXT says and N does not have from its own user. */
static int parse(struct vf_networks *n, const char *text, size_t len, const char *path)
{
    vf_autojson json_t *root = json_loadb(text, len, 0, NULL);
    const json_t *list = json_object_get(root, "networks");
    if (vf_json_int(root, "format") != FORMAT || !json_is_array(list)) {
        vf_warn("networks", "%s is not what vmferry wrote: passed over", path);
        return -1;
    }
    for (size_t i = 0; i < json_array_size(list) && n->n < MAX_KNOWN; i++) {
        const json_t *o = json_array_get(list, i);
        const char *source = vf_json_str(o, "source"), *target = vf_json_str(o, "target");
        const char *bridge = vf_json_str(o, "bridge"), *to = vf_json_str(o, "to-bridge");
        if (!source || !target || !bridge || !to)
            continue;
        const struct known *k = find(n, source, target, bridge, tag_of(o, "tag"));
        if (!k || !k->ours)
            set(n, source, target, bridge, tag_of(o, "tag"), to, tag_of(o, "to-tag"));
    }
    return 0;
}

static void read_file(struct vf_networks *n)
{
    vf_autofree char *path = file_path();
    vf_autoerror struct vf_error *err = NULL;
    size_t len = 0;
    if (access(path, F_OK) < 0 && errno == ENOENT)
        return;
    vf_autofree char *text = vf_read_file(path, MAX_FILE, &len, &err);
    if (!text)
        vf_warn("networks", "%s", vf_error_text(err));
    else
        parse(n, text, len, path);
}

struct vf_networks *vf_networks_load(void)
{
    struct vf_networks *n = vf_xcalloc(1, sizeof *n);
    read_file(n);
    return n;
}

void vf_networks_free(struct vf_networks *n)
{
    if (!n)
        return;
    for (size_t i = 0; i < n->n; i++) {
        free(n->v[i].source);
        free(n->v[i].target);
        free(n->v[i].from.bridge);
        free(n->v[i].to.bridge);
    }
    free(n->v);
    free(n);
}

int vf_networks_save(struct vf_networks *n, struct vf_error **err)
{
    read_file(n); /* what another wizard has learned since */
    vf_autojson json_t *list = json_array();
    for (size_t i = 0; i < n->n; i++) {
        const struct known *k = &n->v[i];
        json_t *o = json_pack("{s:s, s:s, s:s, s:I, s:s, s:I}", "source", k->source, "target",
                              k->target, "bridge", k->from.bridge, "tag", (json_int_t)k->from.tag,
                              "to-bridge", k->to.bridge, "to-tag", (json_int_t)k->to.tag);
        if (o) /* not one whose name is no UTF-8 */
            json_array_append_new(list, o);
    }
    vf_autojson json_t *root = json_pack("{s:i, s:O}", "format", FORMAT, "networks", list);
    vf_autofree char *text = json_dumps(root, JSON_INDENT(1)), *path = file_path(),
                     *dir = vf_state_root();
    if (!text)
        return vf_fail(err, VF_E_INTERNAL, "what is to be remembered of networks is no JSON");
    if (vf_mkdirs(dir, 0700, err) < 0)
        return -1;
    return vf_replace_file(path, text, strlen(text), 0600, err);
}
