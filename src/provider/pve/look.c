/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What checks ask beyond what a move needs: what a node's QEMU and processor can do, what runs
 * about a VM, whether its guest agent answers. What may not be read is not known, and no failure.
 */
#include "config.h"
#include "provider/pve/pve.h"
#include "base/str.h"

#include <string.h>

unsigned vf_pve_version(const struct vf_provider *p)
{
    return ((const struct vf_pve *)(const void *)p)->client->version;
}

/* KEY of each entry of the list at PATH below NODE; NULL: not told. */
static int names(struct vf_pve_client *c, const char *node, const char *rest, const char *key,
                 char ***out, struct vf_error **err)
{
    vf_autofree char *path = vf_pve_path(node, "%s", rest);
    vf_autojson json_t *list = NULL;
    if (vf_pve_optional_list(c, path, &list, err) < 0)
        return -1;
    if (!json_array_size(list))
        return 0;
    *out = vf_strv_new();
    size_t i;
    json_t *e;
    json_array_foreach (list, i, e)
        if (vf_json_text(e, key))
            vf_strv_add(out, vf_json_text(e, key));
    return 0;
}

/* Of the node's own processor; needs Sys.Audit there. */
static int read_processor(struct vf_pve_client *c, const char *node, struct vf_abilities *out,
                          struct vf_error **err)
{
    vf_autoerror struct vf_error *why = NULL;
    vf_autofree char *path = vf_pve_path(node, "/status");
    vf_autojson json_t *status = vf_pve_object(c, path, &why);
    if (!status)
        return vf_error_code(why) == VF_E_CANCELLED || vf_error_code(why) == VF_E_AUTH
                   ? vf_fail_with(err, VF_STEAL(why))
                   : 0;
    const json_t *cpu = json_object_get(status, "cpuinfo");
    out->cpu_model = vf_strdup(vf_json_text(cpu, "model"));
    if (vf_json_text(cpu, "flags"))
        out->cpu_flags = vf_strv_split(vf_json_text(cpu, "flags"), " ");
    return 0;
}

int vf_pve_abilities(struct vf_provider *p, const char *node, struct vf_abilities *out,
                     struct vf_error **err)
{
    struct vf_pve_client *c = vf_pve_of(p);
    *out = (struct vf_abilities){0};
    /* the list of processor types came with 7 */
    if (names(c, node, "/capabilities/qemu/machines", "id", &out->machines, err) < 0 ||
        ((!c->version || c->version >= VF_PVE_VERSION(7, 0)) &&
         names(c, node, "/capabilities/qemu/cpu", "name", &out->cpus, err) < 0) ||
        read_processor(c, node, out, err) < 0) {
        vf_abilities_clear(out);
        return -1;
    }
    return 0;
}

char **vf_pve_tasks(struct vf_provider *p, const char *node, unsigned id, struct vf_error **err)
{
    /* consoles and what is over in a moment are in nobody's way */
    static const char *const heavy[] = {
        "vzdump",        "qmigrate",   "qmclone",  "qmmove",    "move_volume", "qmsnapshot",
        "qmdelsnapshot", "qmrollback", "resize",   "qmrestore", "imgcopy",     "qmtemplate",
        "hamigrate",     "qmsuspend",  "qmconfig", "resize_vm", "qmdestroy",   "qmreboot",
    };
    vf_autofree char *path = vf_pve_path(node, "/tasks?source=active&vmid=%u", id);
    vf_autojson json_t *list = NULL;
    if (vf_pve_optional_list(vf_pve_of(p), path, &list, err) < 0)
        return NULL;
    char **out = vf_strv_new();
    size_t i;
    json_t *e;
    json_array_foreach (list, i, e)
        for (size_t k = 0; k < VF_COUNT(heavy); k++)
            if (vf_streq(vf_json_text(e, "type"), heavy[k]) && !json_object_get(e, "endtime"))
                vf_strv_add(&out, heavy[k]);
    return out;
}

int vf_pve_agent(struct vf_provider *p, const char *node, unsigned id)
{
    vf_autoerror struct vf_error *why = NULL;
    vf_autofree char *path = vf_pve_path(node, "/qemu/%u/agent/info", id);
    vf_autojson json_t *info = vf_pve_call(vf_pve_of(p), "GET", path, NULL, &why);
    if (info)
        return 1;
    return strstr(vf_error_text(why), "agent is not running") ? 0 : -1;
}

char *vf_pve_option(struct vf_provider *p, const char *node, unsigned id, const char *key,
                    struct vf_error **err)
{
    vf_autofree char *path = vf_pve_path(node, "/qemu/%u/config?current=1", id);
    vf_autojson json_t *config = vf_pve_object(vf_pve_of(p), path, err);
    return config ? vf_json_as_text(json_object_get(config, key)) : NULL;
}
