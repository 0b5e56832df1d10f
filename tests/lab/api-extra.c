/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is kept as JSON in lab->extra, as the demo puts it there, or `vmferry-lab ctl CLUSTER
 * extra`; and lists that are only read. */
#include "config.h"
#include <openssl/evp.h>
#include <string.h>
#include "tests/lab/lab.h"

json_t *lab_extra_list(struct lab *lab, const char *key)
{
    json_t *list = json_object_get(lab->extra, key);
    return list ? json_incref(list) : json_array();
}

/* What is said of a bridge or VNet beyond its name. */
json_t *lab_extra_bridge(const struct lab *lab, const char *name)
{
    return json_object_get(json_object_get(lab->extra, "bridges"), name);
}

json_t *lab_extra_vm(struct lab *lab, int vmid)
{
    vf_autofree char *id = vf_asprintf("%d", vmid);
    json_t *vms = json_object_get(lab->extra, "vms"), *vm = json_object_get(vms, id);
    if (!vms) {
        vms = json_object();
        json_object_set_new(lab->extra, "vms", vms);
    }
    if (!vm) {
        vm = json_object();
        json_object_set_new(vms, id, vm);
    }
    return vm;
}

void lab_extra_forget(struct lab *lab, int vmid)
{
    vf_autofree char *id = vf_asprintf("%d", vmid);
    json_object_del(json_object_get(lab->extra, "vms"), id);
}

json_t *lab_extra_dump(json_t *of)
{
    json_t *out = json_is_object(of) ? json_object() : json_array(), *v;
    const char *key;
    size_t i;
    if (of && !json_is_object(of) && !json_is_array(of)) {
        json_decref(out);
        return json_incref(of);
    }
    json_object_foreach (of, key, v) {
        json_t *inner = lab_extra_dump(v);
        if (json_object_size(inner) || json_array_size(inner) ||
            !(json_is_object(inner) || json_is_array(inner)))
            json_object_set(out, key, inner);
        json_decref(inner);
    }
    json_array_foreach (of, i, v)
        json_array_append_new(out, lab_extra_dump(v));
    return out;
}

char *lab_digest(json_t *of)
{
    vf_autofree char *text = json_dumps(of, JSON_COMPACT | JSON_SORT_KEYS);
    unsigned char md[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    vf_autobuf struct vf_buf out = {0};
    EVP_Digest(text, strlen(text), md, &n, EVP_sha1(), NULL);
    for (unsigned i = 0; i < n; i++)
        vf_buf_printf(&out, "%02x", md[i]);
    return vf_buf_take(&out);
}

static json_t *get_backup(struct lab_call *c)
{
    return lab_extra_list(c->lab, "backup");
}

const struct lab_route lab_routes_extra[] = {
    {"GET", "/cluster/backup", get_backup, "/:Sys.Audit"},
    {"GET", "/access/acl", lab_acl_list, NULL},
    {NULL, NULL, NULL, NULL},
};
