/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The plan as a file, read. Its first line carries the format and the oldest reader that
 * understands it; a reader that is too old says so before it stumbles over a key it does not know.
 */
#include "config.h"
#include "plan/planfile.h"
#include "base/ciphers.h"
#include "base/fdio.h"
#include "base/str.h"
#include "conf/cfg.h"
#include "plan/mac.h"
#include "plan/service.h"
#include "plan/slot.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_PLAN = 4 * 1024 * 1024 };

/* What the file says beside the plan itself. */
struct plan_file {
    unsigned reader, format;
    struct vf_plan plan;     /* with MOVES: what they have in common */
    struct plan_file *moves; /* their READER and FORMAT mean nothing */
    size_t n_moves;
};

const char *const vf_verify_words[] = {"full", "none", NULL};
const char *const vf_cache_words[] = {"none",   "writethrough", "writeback",
                                      "unsafe", "directsync",   NULL};
const char *const vf_profile_words[] = {"none", "modern", "old", "windows", NULL};
const char *const vf_console_words[] = {"ask", "connect", "reboot", "leave", NULL};
const char *const vf_compress_words[] = {"auto", "1", "2", "3", "4", "5", "6", "off", NULL};
const char *const vf_route_words[] = {"auto", "local", "direct", "reverse", "relay", NULL};
const char *const vf_method_words[] = {"copy", "remote-migrate", NULL};
_Static_assert(sizeof(enum vf_verify) == sizeof(int) && sizeof(enum vf_method) == sizeof(int) &&
                   sizeof(enum vf_profile) == sizeof(int) && sizeof(enum vf_console) == sizeof(int),
               "read as ints");

#define AT(type, member) .offset = offsetof(struct type, member)
#define UINT(type, member, low, high)                                                              \
    AT(type, member), .width = sizeof(((struct type *)NULL)->member), .min = (low), .max = (high)

static const char *check_mac(const char *v)
{
    enum vf_mac_mode mode;
    vf_autofree char *mac = NULL;
    return vf_mac_rule(v, &mode, &mac, NULL) == 0
               ? NULL
               : "must be \"keep\", \"new\" or a (unicast) MAC address";
}

/* A host name, whole or not: what Proxmox VE takes for a VM. */
const char *vf_plan_check_name(const char *v)
{
    static const char why[] = "must be a DNS name: letters, digits, \"-\" and \".\", up to 63 "
                              "characters between dots";
    for (const char *p = v;; p++) {
        size_t n = strspn(p, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-");
        if (!n || n > 63 || p[0] == '-' || p[n - 1] == '-' || (p[n] && p[n] != '.'))
            return why;
        p += n;
        if (!*p)
            return p - v > 253 ? why : NULL;
    }
}

const char *vf_plan_check_cpu(const char *v)
{
    return *v != '-' &&
                   strspn(v, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
                       strlen(v)
               ? NULL
               : "must be a processor type alone, such as \"host\" or \"x86-64-v2-AES\"";
}

/* A cluster's name, or the path of an exported VM. */
static const char *check_source(const char *v)
{
    return *v == '/' ? vf_cfg_check_line(v) : NULL;
}

static const char *check_cluster(const char *v)
{
    return *v == '/' ? "must be the name of a cluster: VMs are not moved into files" : NULL;
}

static void init_disk(void *item, const void *owner)
{
    struct vf_plan_disk *d = item;
    d->discard = d->ssd = d->iothread = -1;
}

/* What a disk at that slot does not have is a mistake, not something to be passed over. */
static int finish_disk(void *item, struct vf_error **err)
{
    const struct vf_plan_disk *d = item;
    const char *slot = vf_plan_slot(d);
    const struct {
        const char *key;
        bool named;
    } options[] = {{"cache", d->cache != NULL},
                   {"discard", d->discard >= 0},
                   {"ssd", d->ssd >= 0},
                   {"iothread", d->iothread >= 0}};
    if (d->target_slot && !*vf_slot_bus(d->slot))
        return vf_fail(err, VF_E_USAGE, "%s has no other slot that it could be at", d->slot);
    for (size_t i = 0; i < VF_COUNT(options); i++)
        if (options[i].named && !vf_slot_takes(slot, options[i].key))
            return vf_fail(err, VF_E_USAGE,
                           "a disk at %s has no option %s (ssd: ide, sata, scsi; iothread: scsi, "
                           "virtio; cache, discard: any of them)",
                           slot, options[i].key);
    return 0;
}

static void init_nic(void *item, const void *owner)
{
    struct vf_plan_nic *n = item;
    n->tag = VF_VLAN_KEEP;
    n->disconnected = -1;
}

static int finish_nic(void *item, struct vf_error **err)
{
    struct vf_plan_nic *n = item;
    if (!n->mac)
        return 0;
    vf_autofree char *rule = VF_STEAL(n->mac);
    return vf_mac_rule(rule, &n->mac_mode, &n->mac, err);
}

static const struct vf_cfg_key disk_keys[] = {
    {"slot", VF_CFG_STR, .required = true, AT(vf_plan_disk, slot)},
    {"volume", VF_CFG_STR, .required = true, AT(vf_plan_disk, volume)},
    {"size", VF_CFG_UINT, .required = true, UINT(vf_plan_disk, size, 1, INT64_MAX)},
    {"storage", VF_CFG_STR, .required = true, AT(vf_plan_disk, storage)},
    {"format", VF_CFG_STR, .required = true, AT(vf_plan_disk, format)},
    {"target-slot", VF_CFG_STR, AT(vf_plan_disk, target_slot), .check = vf_slot_check},
    {"cache", VF_CFG_STR, AT(vf_plan_disk, cache), .words = vf_cache_words},
    {"discard", VF_CFG_TRI, AT(vf_plan_disk, discard)},
    {"ssd", VF_CFG_TRI, AT(vf_plan_disk, ssd)},
    {"iothread", VF_CFG_TRI, AT(vf_plan_disk, iothread)},
};
static const struct vf_cfg_table disk_table = {.what = "a disk",
                                               .keys = disk_keys,
                                               .n_keys = VF_COUNT(disk_keys),
                                               .size = sizeof(struct vf_plan_disk),
                                               .init = init_disk,
                                               .finish = finish_disk};

static const struct vf_cfg_key nic_keys[] = {
    {"index", VF_CFG_UINT, .required = true, UINT(vf_plan_nic, index, 0, 31)},
    {"bridge", VF_CFG_STR, AT(vf_plan_nic, bridge)},
    {"mac", VF_CFG_STR, AT(vf_plan_nic, mac), .check = check_mac},
    {"model", VF_CFG_STR, AT(vf_plan_nic, model), .words = vf_nic_models},
    {"tag", VF_CFG_UINT, UINT(vf_plan_nic, tag, 0, VF_LAST_VLAN)},
    {"disconnected", VF_CFG_TRI, AT(vf_plan_nic, disconnected)},
};
static const struct vf_cfg_table nic_table = {.what = "a network interface",
                                              .keys = nic_keys,
                                              .n_keys = VF_COUNT(nic_keys),
                                              .size = sizeof(struct vf_plan_nic),
                                              .init = init_nic,
                                              .finish = finish_nic};

static int by_index(const void *a, const void *b)
{
    const struct vf_plan_nic *x = a, *y = b;
    return (x->index > y->index) - (x->index < y->index);
}

/* Each move begins with what stands at the top of the file. */
static void init_move(void *item, const void *owner)
{
    struct plan_file *f = item;
    struct vf_plan *common = vf_plan_copy(&((const struct plan_file *)owner)->plan);
    f->plan = *common;
    free(common);
}

/* What a plan cannot do without. */
static int check_needs(const char *what, const struct vf_plan *p, const char *where,
                       struct vf_error **err)
{
    const struct {
        const char *key;
        bool there;
    } needs[] = {{"source", p->source},
                 {"vm-id", p->vm_id},
                 {"target", p->target},
                 {"target-node", p->target_node}};
    for (size_t i = 0; i < VF_COUNT(needs); i++)
        if (!needs[i].there)
            return vf_fail(err, VF_E_USAGE, "%s needs the key \"%s\"%s", what, needs[i].key,
                           vf_streq(needs[i].key, "vm-id") ? "" : where);
    return 0;
}

static int finish_vm(struct vf_plan *p, struct vf_error **err)
{
    if (p->driver_disk && p->profile != VF_PROFILE_WINDOWS)
        return vf_fail(err, VF_E_USAGE,
                       "driver-disk is for the profile \"windows\", this one has \"%s\"",
                       vf_profile_words[p->profile]);
    if (p->n_nics) /* in the order of the source's, whatever order they were written in */
        qsort(p->nics, p->n_nics, sizeof *p->nics, by_index);
    for (size_t i = 0; i < p->n_disks; i++)
        for (size_t j = 0; j < i; j++)
            if (vf_streq(p->disks[i].slot, p->disks[j].slot))
                return vf_fail(err, VF_E_USAGE, "the disk \"%s\" is there twice", p->disks[i].slot);
            else if (vf_streq(vf_plan_slot(&p->disks[i]), vf_plan_slot(&p->disks[j])))
                return vf_fail(err, VF_E_USAGE, "the disks %s and %s would both be at %s",
                               p->disks[j].slot, p->disks[i].slot, vf_plan_slot(&p->disks[i]));
    for (size_t i = 0; i < p->n_nics; i++)
        for (size_t j = 0; j < i; j++)
            if (p->nics[i].index == p->nics[j].index)
                return vf_fail(err, VF_E_USAGE, "the network interface %u is there twice",
                               p->nics[i].index);
    return 0;
}

static int finish_move(void *item, struct vf_error **err)
{
    struct vf_plan *p = &((struct plan_file *)item)->plan;
    return check_needs("a move", p, ", or the top of the file does", err) < 0 ? -1
                                                                              : finish_vm(p, err);
}

/* Two moves that would take the same thing. */
static int check_pair(const struct vf_plan *a, const struct vf_plan *b, struct vf_error **err)
{
    if (vf_streq(a->source, b->source) && a->vm_id == b->vm_id)
        return vf_fail(err, VF_E_USAGE, "VM %u of %s is there twice", a->vm_id, a->source);
    if (!vf_streq(a->target, b->target))
        return 0;
    if (a->target_id && a->target_id == b->target_id)
        return vf_fail(err, VF_E_USAGE, "VMs %u and %u would both be VM %u at %s", a->vm_id,
                       b->vm_id, a->target_id, a->target);
    const char *x = a->target_name ? a->target_name : a->vm_name,
               *y = b->target_name ? b->target_name : b->vm_name;
    if (x && vf_streq(x, y))
        return vf_fail(err, VF_E_USAGE, "VMs %u and %u would both be called %s at %s", a->vm_id,
                       b->vm_id, x, a->target);
    return 0;
}

static int finish_plan(void *item, struct vf_error **err)
{
    struct plan_file *f = item;
    struct vf_plan *p = &f->plan;
    if (!f->reader || !f->format)
        return vf_fail(err, VF_E_USAGE, "a plan needs the key \"%s\"",
                       f->reader ? "format" : "minimum-reader");
    if (!f->n_moves)
        return check_needs("a plan", p, "", err) < 0 ? -1 : finish_vm(p, err);
    if (p->vm_id || p->vm_name || p->target_id || p->target_name || p->n_disks || p->n_nics)
        return vf_fail(
            err, VF_E_USAGE,
            "vm-id, vm-name, target-id, target-name, disks and nics are each move's own: "
            "they cannot stand at the top, beside moves");
    for (size_t i = 0; i < f->n_moves; i++)
        for (size_t j = 0; j < i; j++)
            if (check_pair(&f->moves[j].plan, &f->moves[i].plan, err) < 0)
                return -1;
    return 0;
}

static const struct vf_cfg_table move_table;

/* VMIDs of sources that are no Proxmox VE begin at 1. */
static const struct vf_cfg_key plan_keys[] = {
    {"minimum-reader", VF_CFG_UINT, UINT(plan_file, reader, 1, VF_PLAN_FORMAT),
     .hint = "this plan was written by a newer vmferry; use that one"},
    {"format", VF_CFG_UINT, UINT(plan_file, format, 1, UINT32_MAX)},
    {"source", VF_CFG_STR, AT(plan_file, plan.source), .check = check_source},
    {"vm-id", VF_CFG_UINT, UINT(plan_file, plan.vm_id, 1, VF_LAST_VMID)},
    {"vm-name", VF_CFG_STR, AT(plan_file, plan.vm_name)},
    {"target", VF_CFG_STR, AT(plan_file, plan.target), .check = check_cluster},
    {"target-node", VF_CFG_STR, AT(plan_file, plan.target_node)},
    {"target-name", VF_CFG_STR, AT(plan_file, plan.target_name), .check = vf_plan_check_name},
    {"target-id", VF_CFG_UINT, UINT(plan_file, plan.target_id, VF_FIRST_VMID, VF_LAST_VMID)},
    {"cpu", VF_CFG_STR, AT(plan_file, plan.cpu), .check = vf_plan_check_cpu},
    {"disks", VF_CFG_LIST, AT(plan_file, plan.disks), .table = &disk_table,
     .count = offsetof(struct plan_file, plan.n_disks)},
    {"nics", VF_CFG_LIST, AT(plan_file, plan.nics), .table = &nic_table,
     .count = offsetof(struct plan_file, plan.n_nics)},
    {"profile", VF_CFG_WORD, AT(plan_file, plan.profile), .words = vf_profile_words},
    {"driver-disk", VF_CFG_BOOL, AT(plan_file, plan.driver_disk)},
    {"remove-snapshots", VF_CFG_BOOL, AT(plan_file, plan.remove_snapshots)},
    {"console", VF_CFG_WORD, AT(plan_file, plan.console), .words = vf_console_words},
    {"method", VF_CFG_WORD, AT(plan_file, plan.method), .words = vf_method_words},
    {"copy-disks", VF_CFG_BOOL, AT(plan_file, plan.copy_disks)},
    {"precopy", VF_CFG_BOOL, AT(plan_file, plan.precopy)},
    {"start", VF_CFG_BOOL, AT(plan_file, plan.start)},
    {"start-stopped", VF_CFG_BOOL, AT(plan_file, plan.start_stopped)},
    {"rate", VF_CFG_UINT, UINT(plan_file, plan.rate, 0, INT64_MAX)},
    {"verify", VF_CFG_WORD, AT(plan_file, plan.verify), .words = vf_verify_words},
    {"compress", VF_CFG_WORD, AT(plan_file, plan.compress), .words = vf_compress_words},
    {"streams", VF_CFG_UINT, UINT(plan_file, plan.streams, 0, VF_MAX_STREAMS)},
    {"route", VF_CFG_WORD, AT(plan_file, plan.route), .words = vf_route_words},
    {"ciphers", VF_CFG_STR, AT(plan_file, plan.ciphers), .check = vf_ciphers_check},
    {"shutdown-timeout", VF_CFG_UINT, UINT(plan_file, plan.shutdown_timeout, 1, 86400)},
    {"rehearse", VF_CFG_BOOL, AT(plan_file, plan.rehearse)},
    {"wait-before-stop", VF_CFG_BOOL, AT(plan_file, plan.wait_before_stop)},
    {"wait-before-start", VF_CFG_BOOL, AT(plan_file, plan.wait_before_start)},
    {"service-ports", VF_CFG_STR, AT(plan_file, plan.service_ports), .check = vf_ports_check},
    {"service-addresses", VF_CFG_STR, AT(plan_file, plan.service_addresses),
     .check = vf_addresses_check},
    {"verify-tls", VF_CFG_BOOL, AT(plan_file, plan.verify_tls)},
    {"ignore-exists", VF_CFG_BOOL, AT(plan_file, plan.ignore_exists)},
    {"fixes", VF_CFG_SET, AT(plan_file, plan.fixes), .words = vf_fix_words},
    /* last: each begins with what the others say */
    {"moves", VF_CFG_LIST, AT(plan_file, moves), .table = &move_table, .min = 1,
     .count = offsetof(struct plan_file, n_moves)},
};
/* All but the format's two at the beginning and the list itself at the end. */
static const struct vf_cfg_table move_table = {.what = "a move",
                                               .keys = plan_keys + 2,
                                               .n_keys = VF_COUNT(plan_keys) - 3,
                                               .size = sizeof(struct plan_file),
                                               .init = init_move,
                                               .finish = finish_move};
static const struct vf_cfg_table plan_table = {
    .what = "a plan", .keys = plan_keys, .n_keys = VF_COUNT(plan_keys), .finish = finish_plan};

void vf_plans_free(struct vf_plan **v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        vf_plan_free(v[i]);
    free(v);
}

int vf_plans_parse(const char *text, size_t len, const char *path, struct vf_plan ***out, size_t *n,
                   struct vf_error **err)
{
    struct vf_plan *top = vf_plan_new();
    struct plan_file file = {.plan = *top};
    int r = vf_cfg_read(text, len, path, ".", &plan_table, &file, err);
    *top = file.plan;
    struct vf_plan **v = vf_xcalloc(file.n_moves + 1, sizeof *v);
    v[0] = file.n_moves ? NULL : top;
    for (size_t i = 0; i < file.n_moves; i++) {
        v[i] = vf_xmalloc(sizeof *v[i]);
        *v[i] = file.moves[i].plan;
    }
    if (file.n_moves)
        vf_plan_free(top);
    free(file.moves);
    *n = file.n_moves ? file.n_moves : 1;
    *out = v;
    if (r < 0) {
        vf_plans_free(v, *n);
        *out = NULL;
        *n = 0;
    }
    return r;
}

int vf_plans_load(const char *path, struct vf_plan ***out, size_t *n, struct vf_error **err)
{
    size_t len;
    *out = NULL;
    *n = 0;
    vf_autofree char *text = vf_read_file(path, MAX_PLAN, &len, err);
    return text ? vf_plans_parse(text, len, path, out, n, err)
                : vf_fail_prefix(err, "the plan cannot be read");
}

struct vf_plan *vf_plan_load(const char *path, struct vf_error **err)
{
    struct vf_plan **v;
    size_t n;
    if (vf_plans_load(path, &v, &n, err) < 0)
        return NULL;
    struct vf_plan *p = n == 1 ? VF_STEAL(v[0]) : NULL;
    if (n > 1)
        vf_fail(err, VF_E_USAGE, "%s is a plan for %zu VMs, where one is wanted", path, n);
    vf_plans_free(v, n);
    return p;
}
