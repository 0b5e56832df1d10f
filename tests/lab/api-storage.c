/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Calls about storages and volumes. */
#include "config.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "tests/lab/lab.h"

#define READ "Datastore.Audit|Datastore.AllocateSpace"

static struct lab_storage *the_storage(struct lab_call *c)
{
    struct lab_storage *s = lab_storage_find(c->lab, lab_param(c, "storage"));
    if (!s)
        lab_die(c, 500, "storage '%s' does not exist", lab_param(c, "storage"));
    return s;
}

static bool may_see(const struct lab_call *c, const struct lab_storage *s)
{
    return lab_may_at(c, READ, "/storage/%s", s->name);
}

/* What its configuration says, or what the demo gave it. */
static const char *content_of(const struct lab *lab, const struct lab_storage *s)
{
    const json_t *conf = json_object_get(lab->storage_conf, s->name);
    const char *said = json_string_value(json_object_get(conf, "content"));
    return said ? said : s->content;
}

static json_t *get_storages(struct lab_call *c)
{
    json_t *out = json_array();
    for (size_t i = 0; i < c->lab->n_storages; i++) {
        struct lab_storage *s = &c->lab->storages[i];
        if (!may_see(c, s))
            continue;
        vf_autofree char *path = lab_storage_path(c->here, s);
        json_t *j =
            json_pack("{s:s, s:s, s:s, s:s, s:s}", "storage", s->name, "type", "dir", "path", path,
                      "content", s->content, "digest", "c84cd009c71d76774bcfe7879c1e350b495f6049");
        if (s->shared)
            json_object_set_new(j, "shared", json_integer(1));
        json_object_update(j, json_object_get(c->lab->storage_conf, s->name));
        json_array_append_new(out, j);
    }
    return out;
}

static json_t *status_of(struct lab_call *c, struct lab_storage *s)
{
    uint64_t total, used, avail;
    lab_storage_space(c->node, s, &total, &used, &avail);
    return json_pack("{s:s, s:s, s:i, s:i, s:i, s:I, s:I, s:I}", "type", "dir", "content",
                     content_of(c->lab, s), "active", 1, "enabled", 1, "shared", (int)s->shared,
                     "total", (json_int_t)total, "used", (json_int_t)used, "avail",
                     (json_int_t)avail);
}

static json_t *get_node_storages(struct lab_call *c)
{
    const char *only = lab_param(c, "storage"), *content = lab_param(c, "content");
    json_t *out = json_array();
    for (size_t i = 0; i < c->lab->n_storages; i++) {
        struct lab_storage *s = &c->lab->storages[i];
        if (!may_see(c, s) || (only && strcmp(only, s->name)) ||
            (content && !strstr(content_of(c->lab, s), content)))
            continue;
        json_t *j = status_of(c, s);
        double total = json_number_value(json_object_get(j, "total"));
        double used = json_number_value(json_object_get(j, "used"));
        json_object_set_new(j, "storage", json_string(s->name));
        json_t *type = json_object_get(json_object_get(c->lab->storage_conf, s->name), "type");
        if (type)
            json_object_set(j, "type", type);
        json_object_set_new(j, "used_fraction", json_real(total > 0 ? used / total : 0));
        json_array_append_new(out, j);
    }
    return out;
}

static json_t *get_storage_status(struct lab_call *c)
{
    struct lab_storage *s = the_storage(c);
    return s ? status_of(c, s) : NULL;
}

static json_t *get_content(struct lab_call *c)
{
    struct lab_storage *s = the_storage(c);
    const char *vmid = lab_param(c, "vmid");
    return s ? lab_volume_list(c->node, s, vmid ? lab_int(vmid) : 0, lab_param(c, "content"))
             : NULL;
}

/* "64M", "1G"; a bare number is KiB. */
static int parse_size(const char *text, uint64_t *out)
{
    char *end;
    unsigned long long n = strtoull(text, &end, 10);
    int shift = !*end ? 10 : !strcmp(end, "M") ? 20 : !strcmp(end, "G") ? 30 : 0;
    *out = (uint64_t)n << shift;
    return end == text || !shift || !n ? -1 : 0;
}

/* "vm-100-disk-0.raw" of this very VM: its format, else NULL with the call failed. */
static const char *file_format(struct lab_call *c, const char *name, const char *vmid)
{
    static const char *const formats[] = {"raw", "qcow2", "vmdk"};
    const char *dot = strrchr(name, '.'), *format = NULL;
    vf_autofree char *prefix = vf_asprintf("vm-%s-", vmid);
    for (size_t i = 0; dot && i < VF_COUNT(formats); i++)
        if (vf_streq(dot + 1, formats[i]))
            format = formats[i];
    for (const char *p = name; *p; p++)
        if (!isalnum((unsigned char)*p) && !strchr("-_.+", *p))
            format = NULL;
    if (!format)
        return (const char *)lab_die(c, 500, "unable to parse volume filename '%s'", name);
    if (!vf_starts(name, prefix))
        return (const char *)lab_die(c, 500, "illegal name '%s' - should be 'vm-%s-*'", name, vmid);
    return format;
}

/* A volume that takes longer than pveproxy waits. */
struct late {
    struct lab_node *node;
    struct lab_storage *s;
    int vmid, ms;
    char *name, *format;
    uint64_t bytes;
};

/* As qemu-img makes a qcow2: its size is written last. */
static void *make_late(void *arg)
{
    struct late *l = arg;
    vf_autofree char *volid = vf_asprintf("%s:%d/%s", l->s->name, l->vmid, l->name);
    pthread_mutex_t *lock = &l->node->lab->lock;
    usleep((useconds_t)l->ms * 1000);
    pthread_mutex_lock(lock);
    lab_volume_create(l->node, l->s, l->vmid, l->name, l->format, 0, NULL);
    pthread_mutex_unlock(lock);
    usleep((useconds_t)l->ms * 1000);
    pthread_mutex_lock(lock);
    if (lab_volume_delete(l->node, volid, NULL) == 0) /* else somebody else has */
        lab_volume_create(l->node, l->s, l->vmid, l->name, l->format, l->bytes, NULL);
    pthread_mutex_unlock(lock);
    free(l->name);
    free(l->format);
    free(l);
    return NULL;
}

static json_t *create_late(struct lab_call *c, struct lab_storage *s, int vmid, const char *name,
                           const char *format, uint64_t bytes)
{
    struct late *l = vf_xcalloc(1, sizeof *l);
    *l = (struct late){c->node, s, vmid, c->late_ms, vf_strdup(name), vf_strdup(format), bytes};
    pthread_t thread;
    if (pthread_create(&thread, NULL, make_late, l) == 0)
        pthread_detach(thread);
    return lab_die(c, 596, "Connection timed out");
}

static json_t *post_content(struct lab_call *c)
{
    struct lab_storage *s = the_storage(c);
    const char *name = lab_param(c, "filename"), *vmid = lab_param(c, "vmid");
    const char *want = lab_param(c, "format");
    vf_autoerror struct vf_error *err = NULL;
    uint64_t bytes;
    if (!s)
        return NULL;
    if (parse_size(lab_param(c, "size"), &bytes))
        return lab_bad_param(c, "size", "value does not match the regex pattern");
    const char *format = file_format(c, name, vmid);
    if (!format)
        return NULL;
    if (want && strcmp(want, format))
        return lab_bad_param(c, "format", "different storage formats (%s != %s)", want, format);
    if (c->late_ms)
        return create_late(c, s, lab_int(vmid), name, format, bytes);
    if (lab_volume_create(c->node, s, lab_int(vmid), name, format, bytes, &err))
        return lab_die(c, 500, "%s", vf_error_text(err));
    vf_autofree char *volid = vf_asprintf("%s:%s/%s", s->name, vmid, name);
    return json_string(volid);
}

/* {volume} is a volume id, or its part behind the colon. */
static char *volid_of(struct lab_call *c)
{
    const char *v = lab_param(c, "volume");
    return strchr(v, ':') ? vf_strdup(v) : vf_asprintf("%s:%s", lab_param(c, "storage"), v);
}

static json_t *get_volume(struct lab_call *c)
{
    vf_autofree char *volid = volid_of(c);
    json_t *info = NULL;
    if (!the_storage(c) || lab_need_volume(c, volid, 0))
        return NULL;
    if (lab_volume_info(c->node, volid, &info))
        return lab_die(c, 500, "volume_size_info on '%s' failed", volid);
    return info;
}

static int run_imgdel(struct lab_task *t, struct vf_error **err)
{
    return lab_volume_delete(t->node, json_string_value(json_object_get(t->args, "volid")), err);
}

static json_t *delete_volume(struct lab_call *c)
{
    vf_autofree char *volid = volid_of(c);
    vf_autofree char *path = the_storage(c) ? lab_volume_path(c->node, volid, NULL) : NULL;
    if (c->status)
        return NULL;
    if (!path)
        return lab_die(c, 500, "unable to parse volume ID '%s'", volid);
    int vmid = 0;
    const char *colon = strchr(volid, ':');
    if (sscanf(colon + 1, "%d/", &vmid) != 1)
        vmid = 0;
    vf_autofree char *id = vf_asprintf("%d@%s", vmid, lab_param(c, "storage"));
    return lab_task_start(c, c->node, NULL, "imgdel", id, json_pack("{s:s}", "volid", volid),
                          run_imgdel);
}

#define STORE "/nodes/{node}/storage/{storage}"
const struct lab_route lab_routes_storage[] = {
    {"GET", "/storage", get_storages, NULL},
    {"GET", "/nodes/{node}/storage", get_node_storages, NULL},
    {"GET", STORE "/status", get_storage_status, "/storage/{storage}:" READ},
    {"GET", STORE "/content", get_content, "/storage/{storage}:" READ},
    {"POST", STORE "/content", post_content, "/storage/{storage}:Datastore.AllocateSpace"},
    {"GET", STORE "/content/{volume}", get_volume, NULL},
    {"DELETE", STORE "/content/{volume}", delete_volume, "/storage/{storage}:Datastore.Allocate"},
    {NULL, NULL, NULL, NULL},
};
