/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What several moves, each possible alone, cannot do together. */
#include "config.h"
#include "job/together.h"
#include "base/buf.h"
#include "base/str.h"
#include "tests/unit/tap.h"

#define GIB (UINT64_C(1) << 30)

enum { MOST = 4 };
static struct vf_prepared moves[MOST];
static struct vf_prepared *all[MOST];
static const struct vf_room rooms[] = {
    {"beta", NULL, "shared", 10 * GIB}, {"beta", "b1", "local", 10 * GIB},
    {"beta", "b2", "local", 10 * GIB},  {"gamma", NULL, "shared", 10 * GIB},
    {"beta", "b1", NULL, 8 * GIB},
};

/* The Ith of them: 4 of 6 GiB used on STORAGE of NODE, 5 GiB of memory, running. */
static struct vf_prepared *set(size_t i, const char *node, const char *storage)
{
    struct vf_prepared *p = all[i] = &moves[i];
    vf_prepared_free(p);
    p->plan = vf_plan_new();
    p->source = vf_vm_new();
    p->plan->source = vf_strdup("alpha");
    p->plan->target = vf_strdup("beta");
    p->plan->target_node = vf_strdup(node);
    p->plan->vm_id = p->source->id = (unsigned)(100 + i);
    p->plan->vm_name = vf_asprintf("vm%zu", i);
    p->source->name = vf_strdup(p->plan->vm_name);
    p->source->state = VF_VM_RUNNING;
    p->source->memory = 5 * GIB;
    struct vf_plan_disk *d = vf_plan_add_disk(p->plan);
    d->slot = vf_strdup("scsi0");
    d->storage = vf_strdup(storage);
    d->size = 6 * GIB;
    struct vf_disk *s = vf_vm_add_disk(p->source);
    s->slot = vf_strdup("scsi0");
    s->size = 6 * GIB;
    s->used = 4 * GIB;
    struct vf_plan_nic *n = vf_plan_add_nic(p->plan);
    n->mac_mode = VF_MAC_KEEP;
    struct vf_nic *from = vf_vm_add_nic(p->source);
    from->mac = vf_asprintf("02:00:00:00:00:0%zu", i);
    return p;
}

/* Three on storages of their own. */
static void set_all(void)
{
    set(0, "b1", "local");
    set(1, "b2", "local");
    set(2, "b3", "elsewhere"); /* of which nothing is known */
}

/* Those that are found, as "SEVERITY SUBJECT" with commas. */
static void found(size_t n, const char *want, const char *what)
{
    vf_autofindings struct vf_findings f = {0};
    vf_autobuf struct vf_buf b = {0};
    vf_check_together_in(rooms, VF_COUNT(rooms), all, n, &f);
    for (size_t i = 0; i < f.n; i++)
        vf_buf_printf(&b, "%s%s %s", i ? "," : "", vf_severity_name(f.v[i].severity),
                      f.v[i].subject);
    if (!is_str(vf_buf_str(&b), want, what))
        for (size_t i = 0; i < f.n; i++)
            printf("# %s\n", f.v[i].text);
}

static void test_room(void)
{
    set_all();
    found(3, "", "three that are not in each other's way");
    set(0, "b1", "shared");
    set(1, "b2", "shared");
    set(2, "b3", "shared");
    found(1, "", "what one wants was checked before");
    found(2, "warning shared", "two that could grow beyond the storage of both their nodes");
    found(3, "warning shared,stop shared", "a third that does not fit");
    set(3, "b3", "shared");
    moves[3].source->disks[0].used = GIB;
    found(4, "warning shared,stop shared,warning shared",
          "what is stopped takes no room from those behind it");
    vf_finding_add(&moves[0].findings, VF_STOP, "vm0", NULL, "%s", "it is locked");
    found(3, "warning shared", "nor does what is stopped anyway");
    set(0, "b1", "shared")->plan->copy_disks = false;
    found(3, "warning shared", "nor what is not copied");
    vf_str_set(&set(0, "b1", "shared")->plan->target, "gamma");
    found(3, "warning shared", "nor what goes to a storage of that name at another cluster");
    set(0, "b1", "local");
    set(1, "b2", "local");
    found(2, "", "storages of one name on two nodes are two");
}

static void test_memory(void)
{
    set_all();
    set(1, "b1", "elsewhere");
    found(2, "warning b1", "memory of a node is summed");
    moves[1].plan->start = false;
    found(2, "", "of those that are started");
    moves[1].plan->start = true;
    moves[0].source->state = VF_VM_STOPPED;
    found(2, "", "because they run now");
}

static void test_pairs(void)
{
    set_all();
    moves[1].plan->target_name = vf_strdup("vm0");
    found(2, "stop vm0", "two of one name");
    moves[1].plan->ignore_exists = true;
    found(2, "stop vm0", "whatever may be there already");
    vf_str_set(&moves[1].plan->target, "gamma");
    found(2, "", "but not at two clusters");
    set_all();
    static const char text[] = "a-name-that-is-so-long-that-it-has-to-be-cut-before-its-suffix-";
    vf_autofree char *x = vf_asprintf("%.60sx", text), *y = vf_asprintf("%.60sy", text);
    vf_str_set(&moves[0].plan->target_name, x);
    vf_str_set(&moves[1].plan->target_name, y);
    vf_autofree char *want = vf_asprintf("stop %s", y);
    found(2, want, "two that are called alike while they are made");
    set_all();
    moves[0].plan->target_id = moves[2].plan->target_id = 777;
    found(3, "stop vm2", "two of one VMID");
    set_all();
    moves[1].plan->vm_id = 100;
    found(2, "stop vm1", "one VM twice");
    set_all();
    vf_str_set(&moves[1].source->nics[0].mac, "02:00:00:00:00:00");
    found(2, "warning net0", "two that have one MAC address already");
    moves[1].plan->nics[0].mac_mode = VF_MAC_GIVEN;
    moves[1].plan->nics[0].mac = vf_strdup("02:00:00:00:00:00");
    found(2, "stop net0", "one that is given another's");
}

int main(void)
{
    test_room();
    test_memory();
    test_pairs();
    for (size_t i = 0; i < MOST; i++)
        vf_prepared_free(&moves[i]);
    return done_testing();
}
