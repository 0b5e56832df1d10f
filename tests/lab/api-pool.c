/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Calls below /pools. Since 8.1 a pool may be in another ("a/b") and is named by a parameter. */
#include "config.h"
#include <string.h>
#include "tests/lab/lab.h"

static json_t *get_pools(struct lab_call *c)
{
    json_t *out = json_array(), *v;
    const char *id;
    json_object_foreach (c->lab->pools, id, v) {
        const char *only = lab_param(c, "poolid");
        if (!lab_may_at(c, "Pool.Audit|Pool.Allocate", "/pool/%s", id) ||
            (only && strcmp(only, id)))
            continue;
        json_t *j = json_pack("{s:s}", "poolid", id);
        if (*json_string_value(v))
            json_object_set(j, "comment", v);
        json_array_append_new(out, j);
    }
    return out;
}

static json_t *the_pool(struct lab_call *c)
{
    json_t *pool = json_object_get(c->lab->pools, lab_param(c, "poolid"));
    if (!pool)
        lab_die(c, 500, "pool '%s' does not exist", lab_param(c, "poolid"));
    return pool;
}

static json_t *get_pool(struct lab_call *c)
{
    json_t *pool = the_pool(c), *members = json_array();
    if (!pool) {
        json_decref(members);
        return NULL;
    }
    for (size_t i = 0; i < c->lab->n_vms; i++)
        if (!c->lab->vms[i]->gone && vf_streq(c->lab->vms[i]->pool, lab_param(c, "poolid"))) {
            /* a pool shows tags in no member */
            json_t *j = lab_vm_status(c->lab->vms[i], LAB_VIEW_RESOURCE);
            json_object_del(j, "tags");
            json_array_append_new(members, j);
        }
    json_t *j = json_pack("{s:s, s:o}", "poolid", lab_param(c, "poolid"), "members", members);
    if (*json_string_value(pool))
        json_object_set(j, "comment", pool);
    return j;
}

static json_t *post_pool(struct lab_call *c)
{
    const char *id = lab_param(c, "poolid"), *comment = lab_param(c, "comment");
    const char *slash = strrchr(id, '/');
    vf_autofree char *parent = slash ? vf_strndup(id, slash - id) : NULL;
    if (slash && c->lab->version < 8001)
        return lab_bad_param(c, "poolid", "value contains invalid characters");
    if (parent && !json_object_get(c->lab->pools, parent))
        return lab_die(c, 500, "create pool failed: parent '%s' of pool '%s' does not exist",
                       parent, id);
    if (json_object_get(c->lab->pools, id))
        return lab_die(c, 500, "create pool failed: pool '%s' already exists", id);
    json_object_set_new(c->lab->pools, id, json_string(comment ? comment : ""));
    return NULL;
}

static json_t *put_pool(struct lab_call *c)
{
    const char *id = lab_param(c, "poolid"), *vms = lab_param(c, "vms"),
               *storage = lab_param(c, "storage");
    if (!the_pool(c))
        return NULL;
    if (lab_param(c, "comment"))
        json_object_set_new(c->lab->pools, id, json_string(lab_param(c, "comment")));
    vf_autostrv char **list = vf_strv_split(vms ? vms : "", ",; ");
    for (size_t i = 0; list[i]; i++) {
        struct lab_vm *vm = lab_vm_find(c->lab, lab_int(list[i]));
        if (!vm)
            return lab_die(c, 500, "update pool failed: VM %s does not exist", list[i]);
        if (lab_flag(c, "delete", false))
            vf_str_set(&vm->pool, NULL);
        else if (vm->pool && strcmp(vm->pool, id) && !lab_flag(c, "allow-move", false))
            return lab_die(c, 500, "update pool failed: VM %s belongs already to pool '%s'",
                           list[i], vm->pool);
        else
            vf_str_set(&vm->pool, id);
    }
    vf_autostrv char **stores = vf_strv_split(storage ? storage : "", ",; ");
    for (size_t i = 0; stores[i]; i++) {
        if (!lab_storage_find(c->lab, stores[i]))
            return lab_die(c, 500, "update pool failed: Storage '%s' does not exist", stores[i]);
        if (lab_flag(c, "delete", false))
            json_object_del(c->lab->pool_storages, stores[i]);
        else
            json_object_set_new(c->lab->pool_storages, stores[i], json_string(id));
    }
    return NULL;
}

static json_t *delete_pool(struct lab_call *c)
{
    if (!the_pool(c))
        return NULL;
    for (size_t i = 0; i < c->lab->n_vms; i++)
        if (!c->lab->vms[i]->gone && vf_streq(c->lab->vms[i]->pool, lab_param(c, "poolid")))
            return lab_die(c, 500, "delete pool failed: pool '%s' is not empty",
                           lab_param(c, "poolid"));
    json_object_del(c->lab->pools, lab_param(c, "poolid"));
    return NULL;
}

static json_t *new_style(struct lab_call *c, json_t *(*handler)(struct lab_call *c))
{
    return c->lab->version >= 8001
               ? handler(c)
               : lab_die(c, 501, "Method '%s /pools' not implemented", c->method);
}

static json_t *put_pools(struct lab_call *c)
{
    return new_style(c, put_pool);
}

static json_t *delete_pools(struct lab_call *c)
{
    return new_style(c, delete_pool);
}

const struct lab_route lab_routes_pool[] = {
    {"GET", "/pools", get_pools, NULL},
    {"POST", "/pools", post_pool, "/pool/{poolid}:Pool.Allocate"},
    {"PUT", "/pools", put_pools, "/pool/{poolid}:Pool.Allocate"},
    {"DELETE", "/pools", delete_pools, "/pool/{poolid}:Pool.Allocate"},
    {"GET", "/pools/{poolid}", get_pool, "/pool/{poolid}:Pool.Audit|Pool.Allocate"},
    {"PUT", "/pools/{poolid}", put_pool, "/pool/{poolid}:Pool.Allocate"},
    {"DELETE", "/pools/{poolid}", delete_pool, "/pool/{poolid}:Pool.Allocate"},
    {NULL, NULL, NULL, NULL},
};
