/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "job/advice.h"
#include "job/job_priv.h"
#include "plan/profile.h"
#include "base/str.h"
#include "tests/unit/tap.h"

#include <string.h>

static struct vf_vm *foreign(enum vf_guest_age age, const char *ostype)
{
    struct vf_vm *vm = vf_vm_new();
    vm->id = 12;
    vm->name = vf_strdup("web");
    vm->guest = age;
    vf_opts_set(&vm->opts, "ostype", ostype);
    struct vf_disk *d = vf_vm_add_disk(vm);
    d->slot = vf_strdup("scsi0");
    d->volume = vf_strdup("[ds] web/web.vmdk");
    d->size = 1 << 20;
    for (unsigned i = 0; i < 2; i++) {
        struct vf_nic *n = vf_vm_add_nic(vm);
        n->index = i;
        n->model = vf_strdup("vmxnet3");
        n->mac = vf_asprintf("00:50:56:00:00:0%u", i);
        n->bridge = vf_strdup("VM Network");
        n->tag = i * 7;
    }
    return vm;
}

/* One that is moved. */
struct scene {
    struct vf_vm *source, *target;
    struct vf_plan *plan;
    struct vf_advised a;
};

static void begin(struct scene *s, struct vf_vm *source, bool driver_disk)
{
    s->source = source;
    s->plan = vf_plan_new();
    s->plan->source = vf_strdup("esx");
    s->plan->vm_id = source->id;
    s->plan->target_node = vf_strdup("b1");
    s->plan->driver_disk = driver_disk;
    struct vf_plan_disk *d = vf_plan_add_disk(s->plan);
    d->slot = vf_strdup("scsi0");
    d->volume = vf_strdup(source->disks[0].volume);
    d->size = source->disks[0].size;
    d->storage = vf_strdup("local");
    d->format = vf_strdup("raw");
    for (unsigned i = 0; i < 2; i++) {
        struct vf_plan_nic *n = vf_plan_add_nic(s->plan);
        n->index = i;
        n->bridge = vf_strdup("vmbr0");
    }
    vf_plan_set_profile(s->plan, source, vf_profile_for(source->guest));
    s->target = vf_plan_apply(s->plan, source, NULL, NULL);
    s->target->id = 205;
    s->a = (struct vf_advised){.plan = s->plan,
                               .source = s->source,
                               .target = s->target,
                               .source_name = "web--MIGRATED",
                               .started = true};
}

static void end(struct scene *s)
{
    vf_vm_free(s->source);
    vf_vm_free(s->target);
    vf_plan_free(s->plan);
}

/* The list is exactly this: of each text a part, in this order. */
static void is_list(const struct scene *s, const char *const *want, const char *what)
{
    vf_autostrv char **got = vf_advice(&s->a);
    size_t i = 0;
    while (got[i] && want[i] && strstr(got[i], want[i]))
        i++;
    if (!ok(!got[i] && !want[i], "%s", what))
        printf("# %zu: got '%s', want '%s'\n", i, got[i] ? got[i] : "-", want[i] ? want[i] : "-");
    for (i = 0; got[i]; i++)
        ok(!strchr(got[i], '\n') && !strchr(got[i], '%'), "a line: %s", got[i]);
}

static void test_modern(void)
{
    struct scene s;
    begin(&s, foreign(VF_GUEST_MODERN, "l26"), false);
    static const char *const want[] = {
        "web--MIGRATED at esx: never start it",
        "(net0 00:50:56:00:00:00 = ens18, net1 00:50:56:00:00:01 = ens19)",
        "try what it serves",
        "fstrim -av",
        "0 1 * * * fstrim -a",
        "open-vm-tools",
        "qm set 205 --agent 1",
        NULL};
    is_list(&s, want, "modern");
    static const char *const tested[] = {"never start", "ens18",         "qm guest cmd 205 fstrim",
                                         "0 1 * * *",   "open-vm-tools", NULL};
    s.a.agent = s.a.tested = true;
    is_list(&s, tested, "with an agent, and tested");
    vf_opts_set(&s.target->opts, "bios", "ovmf");
    vf_opts_set(&s.target->opts, "machine", "q35");
    for (size_t i = 0; i < s.plan->n_nics; i++)
        s.plan->nics[i].mac_mode = VF_MAC_GIVEN;
    static const char *const uefi[] = {
        "grubx64.efi",   "(net0 00:50:56:00:00:00, net1 00:50:56:00:00:01)",
        "qm guest cmd",  "0 1 * * *",
        "open-vm-tools", NULL};
    is_list(&s, uefi, "UEFI, another board, other addresses");
    s.plan->profile = VF_PROFILE_NONE;
    is_list(&s, uefi + 5, "a VM from Proxmox VE");
    end(&s);
}

static void test_old(void)
{
    struct scene s;
    begin(&s, foreign(VF_GUEST_OLD, "l26"), false);
    s.a.held = true;
    static const char *const want[] = {
        "on b1: qm set 205 --net0 e1000=00:50:56:00:00:00,bridge=vmbr0; qm set 205 --net1 "
        "e1000=00:50:56:00:00:01,bridge=vmbr0,tag=7",
        "never start",
        "70-persistent-net.rules",
        "try what",
        "fstrim -v /",
        "0 1 * * *",
        "vmware-uninstall-tools.pl",
        "update-initramfs",
        NULL};
    is_list(&s, want, "old, its cards disconnected");
    s.a.held = false;
    is_list(&s, want + 1, "connected");
    end(&s);
    begin(&s, foreign(VF_GUEST_UNSURE, "other"), false);
    static const char *const other[] = {"never start", "look at the names of its interfaces",
                                        "try what", NULL};
    is_list(&s, other, "neither Linux nor Windows");
    end(&s);
}

static void test_windows(void)
{
    struct scene s;
    struct vf_vm *vm = foreign(VF_GUEST_WINDOWS, "win10");
    vm->tpm = true;
    vf_opts_set(&vm->opts, "bios", "ovmf");
    begin(&s, vm, true);
    static const char *const want[] = {"never start",
                                       "BitLocker",
                                       "bootmgfw.efi",
                                       "hidden devices",
                                       "try what",
                                       "uninstall VMware Tools",
                                       "virtio-win.iso",
                                       "the small disk scsi0, its driver is in: shut it down, "
                                       "detach that disk and remove it, detach sata0",
                                       "powercfg /h off",
                                       NULL};
    is_list(&s, want, "Windows with UEFI, TPM and a driver disk");
    end(&s);
    begin(&s, foreign(VF_GUEST_WINDOWS, "w2k8"), false);
    static const char *const plain[] = {"never start",    "hidden devices", "try what", "uninstall",
                                        "virtio-win.iso", "0x7B",           "powercfg", NULL};
    is_list(&s, plain, "Windows without");
    end(&s);
}

/* "warning profile: ..." of all that is found; "-": nothing. */
static char *found(const struct scene *s)
{
    vf_autofindings struct vf_findings f = {0};
    vf_autostrv char **lines = vf_strv_new();
    vf_check_guest(s->plan, s->source, &f);
    for (size_t i = 0; i < f.n; i++)
        vf_strv_addf(&lines, "%s %s: %s", vf_severity_name(f.v[i].severity), f.v[i].subject,
                     f.v[i].text);
    return f.n ? vf_strv_join(lines, "\n") : vf_strdup("-");
}

static void is_found(enum vf_guest_age age, enum vf_profile profile, const char *want,
                     const char *what)
{
    struct scene s;
    begin(&s, foreign(age, "l26"), false);
    s.source->system = vf_strdup("Debian 8");
    vf_plan_set_profile(s.plan, s.source, profile);
    vf_autofree char *got = found(&s);
    if (!ok(vf_streq(want, "-") ? vf_streq(got, "-") : strstr(got, want) != NULL, "%s", what))
        printf("# %s\n", got);
    end(&s);
}

static void test_checks(void)
{
    is_found(VF_GUEST_MODERN, VF_PROFILE_MODERN, "-", "what fits is not worth a word");
    is_found(VF_GUEST_OLD, VF_PROFILE_OLD,
             "info net0: it is disconnected at the target until somebody has seen the VM start",
             "an old VM's cards");
    is_found(VF_GUEST_UNSURE, VF_PROFILE_OLD,
             "warning profile: whether its system (Debian 8) has VirtIO drivers is not known: it "
             "gets",
             "a person is asked");
    is_found(VF_GUEST_UNSURE, VF_PROFILE_MODERN, "warning profile: whether its system (Debian 8)",
             "and warned");
    is_found(VF_GUEST_OLD, VF_PROFILE_MODERN, "may have no VirtIO drivers", "an old one, modern");
    is_found(VF_GUEST_WINDOWS, VF_PROFILE_MODERN, "0x7B", "Windows, modern");
    is_found(VF_GUEST_WINDOWS, VF_PROFILE_OLD, "may lack the driver", "Windows, old");
    is_found(VF_GUEST_WINDOWS, VF_PROFILE_WINDOWS, "-", "Windows");
    struct scene s;
    begin(&s, foreign(VF_GUEST_OLD, "l26"), false);
    vf_str_set(&s.plan->disks[0].target_slot, "scsi3");
    s.plan->disks[0].iothread = 1;
    vf_autofree char *got = found(&s);
    ok(strstr(got, "iothread has no effect with the SCSI controller lsi") != NULL,
       "the controller is the profile's");
    end(&s);
}

int main(void)
{
    test_checks();
    test_modern();
    test_old();
    test_windows();
    return done_testing();
}
