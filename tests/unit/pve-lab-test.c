/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The Proxmox VE provider against the test clusters: every operation once, as a move uses them. */
#include "config.h"
#include "base/fdio.h"
#include "base/proc.h"
#include "base/str.h"
#include "provider/provider.h"
#include "tests/unit/tap.h"

#include <signal.h>

struct lab {
    char dir[64];
    char *program;
    char *urls[2][2], *secrets[2], *fingerprints[2][2];
    struct vf_cluster_conf clusters[2];
};

/* Runs vmferry-lab with ARGS behind its name; true when it ended well. */
static bool lab_run(struct lab *lab, const char *const args[])
{
    const char *argv[10] = {lab->program};
    for (size_t i = 0; args[i] && i < 8; i++)
        argv[i + 1] = args[i];
    struct vf_proc_result r = {0};
    vf_autoerror struct vf_error *err = NULL;
    bool good = vf_proc_run(argv, NULL, 0, 1 << 20, NULL, &r, &err) == 0 && r.status == 0;
    if (!good)
        printf("# vmferry-lab %s: %s %s\n", args[0], vf_error_text(err), vf_buf_str(&r.err));
    vf_proc_result_free(&r);
    return good;
}

static bool lab_ctl(struct lab *lab, const char *cluster, const char *command, const char *a,
                    const char *b, const char *c)
{
    const char *const args[] = {"ctl", "--dir", lab->dir, cluster, command, a, b, c, NULL};
    return lab_run(lab, args);
}

static char *lab_file(struct lab *lab, const char *name)
{
    vf_autofree char *path = vf_asprintf("%s/%s", lab->dir, name);
    char *text = vf_read_file(path, 65536, NULL, NULL);
    if (text)
        text[strcspn(text, "\n")] = '\0';
    return text;
}

/* What vmferry.conf says about cluster I, without the reader of such files. */
static void lab_cluster(struct lab *lab, size_t i, const char *name)
{
    vf_autofree char *path = vf_asprintf("%s/vmferry.conf", lab->dir);
    vf_autofree char *conf = vf_read_file(path, 65536, NULL, NULL);
    vf_autofree char *mark = vf_asprintf("\"%s\"", name), *fp = vf_asprintf("fingerprint-%s", name);
    const char *at = conf ? strstr(conf, mark) : NULL, *url = at ? strstr(at, "https://") : NULL;
    lab->urls[i][0] = vf_strndup(url ? url : "", url ? strcspn(url, "\"") : 0);
    lab->secrets[i] = vf_asprintf("%s/%s-%s", lab->dir, i ? "token" : "secret", name);
    lab->fingerprints[i][0] = lab_file(lab, fp);
    lab->clusters[i] = (struct vf_cluster_conf){.name = (char *)name,
                                                .type = (char *)"pve",
                                                .urls = lab->urls[i],
                                                .secret_file = lab->secrets[i],
                                                .fingerprints = lab->fingerprints[i],
                                                .verify = true};
    *(i ? &lab->clusters[i].token : &lab->clusters[i].user) =
        (char *)(i ? "migrator@pve!ferry" : "root@pam");
}

static bool lab_up(struct lab *lab)
{
    const char *build = getenv("top_builddir");
    lab->program = vf_asprintf("%s/vmferry-lab", build ? build : ".");
    if (access(lab->program, X_OK))
        return false;
    snprintf(lab->dir, sizeof lab->dir, "/tmp/vf-pve-lab-XXXXXX");
    const char *const args[] = {"up", "--dir", lab->dir, "--auth-delay", "100", NULL};
    if (!mkdtemp(lab->dir) || !lab_run(lab, args))
        return false;
    lab_cluster(lab, 0, "alpha");
    lab_cluster(lab, 1, "beta");
    return true;
}

static void lab_down(struct lab *lab)
{
    const char *const args[] = {"down", "--dir", lab->dir, NULL};
    if (*lab->dir)
        ok(lab_run(lab, args), "the clusters are stopped");
    for (size_t i = 0; i < 2; i++) {
        free(lab->urls[i][0]);
        free(lab->secrets[i]);
        free(lab->fingerprints[i][0]);
    }
    free(lab->program);
}

/* A call that has to succeed; one that has to fail with CODE. */
static void good(int result, struct vf_error **err, const char *what)
{
    ok(result == 0, "%s%s%s", what, *err ? ": " : "", *err ? (*err)->text : "");
    vf_error_free(*err);
    *err = NULL;
}

static void bad(int result, struct vf_error **err, enum vf_error_code code, const char *what)
{
    ok(result < 0 && vf_error_code(*err) == code, "%s: %s %s", what,
       vf_error_code_name(vf_error_code(*err)), vf_error_text(*err));
    vf_error_free(*err);
    *err = NULL;
}

static void test_lists(struct vf_provider *p)
{
    struct vf_error *err = NULL;
    struct vf_node *nodes;
    struct vf_storage *storages;
    struct vf_bridge *bridges;
    struct vf_vm **vms;
    size_t n;
    good(p->ops->nodes(p, &nodes, &n, &err), &err, "nodes");
    ok(n == 2 && nodes[0].address && nodes[0].online, "two of them, with addresses");
    vf_nodes_free(nodes, n);
    good(p->ops->storages(p, "a1", &storages, &n, &err), &err, "storages");
    bool local = false;
    for (size_t i = 0; i < n; i++)
        local |= vf_streq(storages[i].name, "local") && storages[i].path && storages[i].images;
    ok(local, "local is one, with its path");
    vf_storages_free(storages, n);
    good(p->ops->bridges(p, "a1", &bridges, &n, &err), &err, "bridges");
    bool bridge = false;
    for (size_t i = 0; i < n; i++)
        bridge |= vf_streq(bridges[i].name, "vmbr0");
    ok(bridge, "vmbr0 is one");
    vf_bridges_free(bridges, n);
    good(p->ops->vms(p, &vms, &n, &err), &err, "VMs");
    ok(n >= 3, "there are some");
    vf_vms_free(vms, n);
}

/* Makes the disks of VM at the target, attached as at the source. */
static void test_disks(struct vf_provider *p, struct vf_vm *vm)
{
    struct vf_error *err = NULL;
    for (size_t i = 0; i < vm->n_disks; i++) {
        struct vf_disk *d = &vm->disks[i];
        char *made = NULL;
        vf_autofree char *name =
            p->ops->volume_name(p, vm->node, "local", vm->id, (unsigned)i, d->format, &err);
        good(p->ops->allocate(p, vm->node, "local", vm->id, (unsigned)i, d->format, d->size, &made,
                              &err),
             &err, "allocate");
        is_str(made, name, "the volume has the name that was foreseen");
        free(made);
        bad(p->ops->allocate(p, vm->node, "local", vm->id, (unsigned)i, d->format, d->size, &made,
                             &err),
            &err, VF_E_CONFLICT, "not twice");
        vf_str_set(&d->volume, name);
        good(p->ops->attach(p, vm->node, vm->id, d, &err), &err, "attach");
        good(p->ops->attach(p, vm->node, vm->id, d, &err), &err, "attach again");
        bad(p->ops->free_volume(p, vm->node, d->volume, &err), &err, VF_E_CONFLICT,
            "a disk in use is not freed");
    }
    char *odd = NULL;
    struct vf_volume v = {0};
    good(p->ops->allocate(p, vm->node, "local", vm->id, 9, "raw", (3 << 20) + 1, &odd, &err), &err,
         "a size that is no whole KiB");
    good(p->ops->volume(p, vm->node, odd, &v, &err), &err, "its volume");
    ok(v.size == (3 << 20) + 1024, "is rounded up");
    vf_volume_clear(&v);
    good(p->ops->free_volume(p, vm->node, odd, &err), &err, "and freed");
    bad(p->ops->volume(p, vm->node, odd, &v, &err), &err, VF_E_NOTFOUND, "and gone");
    free(odd);
}

static void compare(const struct vf_vm *a, const struct vf_vm *b)
{
    ok(a->n_disks == b->n_disks && a->n_nics == b->n_nics && a->n_cdroms == b->n_cdroms,
       "as many devices");
    for (size_t i = 0; i < a->n_disks && i < b->n_disks; i++) {
        const struct vf_disk *x = &a->disks[i], *y = &b->disks[i];
        ok(x->size == y->size && vf_streq(x->format, y->format) && vf_streq(x->slot, y->slot) &&
               x->opts.n == y->opts.n,
           "disk %s is the same", x->slot);
    }
    for (size_t i = 0; i < a->n_nics && i < b->n_nics; i++) {
        const struct vf_nic *x = &a->nics[i], *y = &b->nics[i];
        ok(vf_streq(x->mac, y->mac) && vf_streq(x->bridge, y->bridge) && x->tag == y->tag &&
               x->link_down == y->link_down && vf_streq(x->model, y->model) &&
               x->opts.n == y->opts.n,
           "net%u is the same", x->index);
    }
    vf_autofree char *boot = vf_strv_join(a->boot, " "), *boot2 = vf_strv_join(b->boot, " ");
    is_str(boot2, boot, "boot order");
    is_str(b->uuid, a->uuid, "UUID");
    is_str(b->tags, a->tags, "tags");
    is_str(b->description, a->description, "description");
    ok(a->memory == b->memory && a->cores == b->cores && a->sockets == b->sockets &&
           a->opts.n + 1 == b->opts.n && !b->onboot,
       "CPU, memory and options but the generation ID, not started at boot");
}

static void test_power(struct vf_provider *p, const char *node, unsigned id)
{
    struct vf_error *err = NULL;
    enum vf_vm_state s = VF_VM_UNKNOWN;
    good(p->ops->power(p, node, id, VF_POWER_SHUTDOWN, 3, &err), &err, "shut down what is off");
    good(p->ops->power(p, node, id, VF_POWER_START, 0, &err), &err, "start");
    ok(p->ops->state(p, node, id, &s, &err) == 0 && s == VF_VM_RUNNING, "it runs");
    bad(p->ops->power(p, node, id, VF_POWER_START, 0, &err), &err, VF_E_CONFLICT, "not twice");
    bad(p->ops->destroy(p, node, id, &err), &err, VF_E_CONFLICT, "a running VM is not removed");
    /* its disk is empty, nobody hears the power button */
    bad(p->ops->power(p, node, id, VF_POWER_SHUTDOWN, 1, &err), &err, VF_E_CONFLICT,
        "an empty VM does not shut down");
    ok(p->ops->state(p, node, id, &s, &err) == 0 && s == VF_VM_RUNNING, "and is not forced");
    good(p->ops->power(p, node, id, VF_POWER_STOP, 0, &err), &err, "stop");
    ok(p->ops->state(p, node, id, &s, &err) == 0 && s == VF_VM_STOPPED, "it is off");
}

static void test_move(struct vf_provider *from, struct vf_provider *to)
{
    struct vf_error *err = NULL;
    vf_auto(vf_vm_free) struct vf_vm *vm = from->ops->describe(from, 101, &err);
    ok(vm && vm->n_disks == 2 && vm->n_nics == 2, "describe: %s", err ? err->text : "two of each");
    if (!vm)
        return;
    good(to->ops->free_id(to, 0, &vm->id, &err), &err, "a free number");
    bad(to->ops->free_id(to, 100, &vm->id, &err), &err, VF_E_CONFLICT, "not one in use");
    vf_str_set(&vm->node, "b1");
    good(to->ops->fit(to, vm, &err), &err, "what a token may set");
    ok(!vf_opts_get(&vm->opts, "vmgenid"), "is not the generation ID");
    vf_auto(vf_vm_free) struct vf_vm *wanted = vf_vm_copy(vm);
    vf_str_set(&vm->name, "db1--CREATING");
    good(to->ops->create(to, vm, &err), &err, "create");
    bad(to->ops->create(to, vm, &err), &err, VF_E_CONFLICT, "not twice");
    test_disks(to, vm);
    good(to->ops->set_boot(to, vm->node, vm->id, vm->boot, &err), &err, "boot order");
    vf_auto(vf_vm_free) struct vf_vm *made = to->ops->describe(to, vm->id, &err);
    ok(made != NULL, "describe: %s", err ? err->text : "done");
    if (made) {
        compare(wanted, made);
        bad(to->ops->describe_as(to, vm->node, vm->id, "x", wanted->digest, &err), &err,
            VF_E_CONFLICT, "a stale digest");
        good(
            to->ops->describe_as(to, vm->node, vm->id, "vmferry-job: 1;=+&\n%", made->digest, &err),
            &err, "a description");
    }
    good(to->ops->rename(to, vm->node, vm->id, "db1", &err), &err, "rename");
    good(to->ops->set_onboot(to, vm->node, vm->id, true, &err), &err, "start at boot");
    vf_auto(vf_vm_free) struct vf_vm *again = to->ops->describe(to, vm->id, &err);
    ok(again && again->onboot, "which is seen");
    is_str(again ? again->name : NULL, "db1", "the new name");
    is_str(again ? again->description : NULL, "vmferry-job: 1;=+&\n%",
           "the description, as it was");
    test_power(to, vm->node, vm->id);
    good(to->ops->destroy(to, vm->node, vm->id, &err), &err, "destroy");
    enum vf_vm_state s;
    bad(to->ops->state(to, vm->node, vm->id, &s, &err), &err, VF_E_NOTFOUND, "it is gone");
}

static void test_faults(struct lab *lab, struct vf_provider *p)
{
    struct vf_error *err = NULL;
    unsigned id;
    ok(lab_ctl(lab, "alpha", "expire-tickets", NULL, NULL, NULL), "tickets expire");
    good(p->ops->free_id(p, 0, &id, &err), &err, "and are replaced");
    ok(lab_ctl(lab, "alpha", "set-config", "101", "lock", "backup"), "a VM is locked");
    bad(p->ops->describe(p, 101, &err) ? 0 : -1, &err, VF_E_CONFLICT, "which is a conflict");
    bad(p->ops->rename(p, "a1", 101, "x", &err), &err, VF_E_CONFLICT, "and for a write");
    ok(lab_ctl(lab, "alpha", "set-config", "101", "lock", "-"), "it is unlocked");
    ok(lab_ctl(lab, "alpha", "fault", "task", "qmstart", "start failed: no luck"),
       "a task will fail");
    bad(p->ops->power(p, "a1", 101, VF_POWER_START, 0, &err), &err, VF_E_INTERNAL, "which is seen");
}

static void test_refusals(struct lab *lab)
{
    struct vf_error *err = NULL;
    struct vf_cluster_conf c = lab->clusters[0];
    c.fingerprints = lab->fingerprints[1];
    bad(vf_provider_open(&c, true, NULL, NULL, &err) ? 0 : -1, &err, VF_E_TRUST,
        "wrong fingerprint");
    c.fingerprints = lab->fingerprints[0];
    c.secret_file = lab->secrets[1];
    bad(vf_provider_open(&c, true, NULL, NULL, &err) ? 0 : -1, &err, VF_E_AUTH, "wrong password");
    c = lab->clusters[1];
    c.secret_file = lab->secrets[0];
    bad(vf_provider_open(&c, true, NULL, NULL, &err) ? 0 : -1, &err, VF_E_AUTH, "wrong token");
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    struct lab lab = {0};
    if (!lab_up(&lab)) {
        if (*lab.dir)
            ok(false, "the test clusters start");
        else
            skip("the provider against the test clusters", "vmferry-lab is not built");
        lab_down(&lab);
        return done_testing();
    }
    test_refusals(&lab);
    vf_autoerror struct vf_error *err = NULL;
    vf_auto(vf_provider_free) struct vf_provider *alpha =
        vf_provider_open(&lab.clusters[0], true, NULL, NULL, &err);
    vf_auto(vf_provider_free) struct vf_provider *beta =
        vf_provider_open(&lab.clusters[1], true, NULL, NULL, &err);
    ok(alpha && beta, "logged in: %s", err ? err->text : "by password and by token");
    if (alpha && beta) {
        test_lists(alpha);
        test_move(alpha, beta);
        test_faults(&lab, alpha);
    }
    lab_down(&lab);
    return done_testing();
}
