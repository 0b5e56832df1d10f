/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "plan/plan.h"
#include "plan/name.h"
#include "base/str.h"
#include "plan/mac.h"
#include "tests/unit/plan-one.h"
#include "tests/unit/tap.h"

#include <sys/stat.h>
#include <unistd.h>

static struct vf_vm *sample_vm(void)
{
    struct vf_vm *vm = vf_vm_new();
    vm->id = 101;
    vm->name = vf_strdup("web1");
    vm->node = vf_strdup("a1");
    vm->state = VF_VM_RUNNING;
    vm->onboot = true;
    vm->lock = vf_strdup("backup");
    vm->digest = vf_strdup("d1g");
    vm->memory = 1 << 30;
    for (int i = 0; i < 2; i++) {
        struct vf_disk *d = vf_vm_add_disk(vm);
        d->slot = vf_asprintf("scsi%d", i);
        d->storage = vf_strdup("local");
        d->volume = vf_asprintf("local:101/vm-101-disk-%d.qcow2", i);
        d->format = vf_strdup("qcow2");
        d->path = vf_strdup("/x");
        d->size = (i + 1) * 5368709120u;
        vf_opts_set(&d->opts, "cache", "none");
        struct vf_nic *n = vf_vm_add_nic(vm);
        n->index = (unsigned)i;
        n->model = vf_strdup("virtio");
        n->mac = vf_asprintf("BC:24:11:00:00:0%d", i);
        n->bridge = vf_asprintf("vmbr%d", i);
        n->tag = 7;
    }
    struct vf_cdrom *c = vf_vm_add_cdrom(vm);
    c->slot = vf_strdup("ide2");
    c->media = vf_strdup("local:iso/debian.iso");
    return vm;
}

static struct vf_plan *sample_plan(void)
{
    struct vf_plan *p = vf_plan_new();
    p->source = vf_strdup("alpha");
    p->target = vf_strdup("beta");
    p->vm_id = 101;
    p->vm_name = vf_strdup("web1");
    p->target_node = vf_strdup("b1");
    for (int i = 0; i < 2; i++) {
        struct vf_plan_disk *d = vf_plan_add_disk(p);
        d->slot = vf_asprintf("scsi%d", i);
        d->volume = vf_asprintf("local:101/vm-101-disk-%d.qcow2", i);
        d->size = (i + 1) * 5368709120u;
        d->storage = vf_strdup("fast");
        d->format = vf_strdup("raw");
        struct vf_plan_nic *n = vf_plan_add_nic(p);
        n->index = (unsigned)i;
        n->bridge = vf_asprintf("vmbr%d", i);
    }
    return p;
}

/* Text is a faithful picture of a plan, so that equal texts mean equal plans. */
static void round_trip(const struct vf_plan *p, const char *what)
{
    vf_autoerror struct vf_error *e = NULL;
    vf_autofree char *text = vf_plan_text(p);
    vf_auto(vf_plan_free) struct vf_plan *back = parse_plan(text, &e);
    if (!ok(back != NULL, "%s: reads back", what))
        printf("# %s\n%s\n", vf_error_text(e), text);
    if (!back)
        return;
    vf_autofree char *again = vf_plan_text(back);
    is_str(again, text, what);
    vf_auto(vf_plan_free) struct vf_plan *copy = vf_plan_copy(p);
    vf_autofree char *copied = vf_plan_text(copy);
    is_str(copied, text, "a copy is equal");
}

static void test_file(void)
{
    vf_auto(vf_plan_free) struct vf_plan *p = sample_plan();
    round_trip(p, "a plan with defaults");
    vf_autofree char *text = vf_plan_text(p);
    ok(vf_starts(text, "format = 1; minimum-reader = 1;"), "the first line carries the format");
    ok(strstr(text, "size = 10737418240L; # bytes: 10 GiB") != NULL, "big numbers, with a comment");

    vf_str_set(&p->vm_name, "we\"b\\1\n\t\033[31m\xc3\xa4\xff\xe2\x80\xae");
    vf_str_set(&p->target_name, "web2.example.org");
    vf_str_set(&p->cpu, "x86-64-v2-AES");
    vf_str_set(&p->disks[0].target_slot, "virtio15");
    vf_str_set(&p->disks[0].cache, "writeback");
    p->disks[0].iothread = 1;
    p->disks[0].discard = p->disks[1].ssd = 0;
    vf_str_set(&p->nics[0].model, "e1000");
    p->nics[0].tag = 0;
    p->nics[1].tag = 4094;
    p->nics[1].disconnected = 1;
    vf_str_set(&p->disks[0].volume, "# ; } \"");
    p->target_id = 999999999;
    p->nics[0].mac_mode = VF_MAC_NEW;
    p->nics[1].mac_mode = VF_MAC_GIVEN;
    p->nics[1].mac = vf_strdup("02:AB:00:00:00:01");
    vf_str_set(&p->nics[1].bridge, NULL);
    p->copy_disks = p->precopy = p->start = p->verify_tls = false;
    p->wait_before_start = p->rehearse = p->start_stopped = true;
    vf_str_set(&p->service_ports, "22,443");
    vf_str_set(&p->service_addresses, "10.0.0.5,fd00::5");
    vf_str_set(&p->ciphers, "aes128-gcm@openssh.com,aes256-ctr");
    p->rate = 5000000000u;
    p->verify = VF_VERIFY_NONE;
    p->compress = 7;
    p->streams = 3;
    p->route = 4;
    p->shutdown_timeout = 7;
    p->fixes = VF_FIX_BIT(VF_FIX_EJECT_ISO) | VF_FIX_BIT(VF_FIX_SUSPEND_HA);
    p->profile = VF_PROFILE_WINDOWS;
    p->console = VF_CONSOLE_REBOOT;
    p->driver_disk = p->remove_snapshots = true;
    round_trip(p, "a plan with everything changed, and hostile texts");
    vf_autofree char *hostile = vf_plan_text(p);
    vf_auto(vf_plan_free) struct vf_plan *b = parse_plan(hostile, NULL);
    is_str(b->vm_name, p->vm_name, "hostile text comes back as it was");
    is_str(b->disks[0].volume, p->disks[0].volume, "comment characters too");
    ok(!strchr(hostile, '\033') && !strstr(hostile, "\xe2\x80\xae"), "the file is safe to show");
    ok(b->rate == 5000000000u && b->disks[1].size == 10737418240u && b->target_id == 999999999,
       "numbers");
    ok(b->wait_before_start && !b->wait_before_stop, "what it waits for");
    ok(b->start_stopped, "what it starts");
    ok(vf_plan_fixes(b, VF_FIX_EJECT_ISO) && vf_plan_fixes(b, VF_FIX_SUSPEND_HA) &&
           !vf_plan_fixes(b, VF_FIX_SUSPEND_REPLICATION),
       "what was agreed to");
    ok(b->rehearse, "what it is");
    is_str(b->service_ports, "22,443", "which ports are tried");
    is_str(b->service_addresses, "10.0.0.5,fd00::5", "and where");
    ok(b->profile == VF_PROFILE_WINDOWS && b->console == VF_CONSOLE_REBOOT && b->driver_disk &&
           b->remove_snapshots,
       "what an import becomes");
    ok(b->compress == 7 && b->streams == 3 && b->route == 4, "how it is sent");
    ok(!b->copy_disks && !b->precopy && !b->start && !b->verify_tls && b->verify == VF_VERIFY_NONE,
       "switches");
    ok(b->nics[0].mac_mode == VF_MAC_NEW && b->nics[1].mac_mode == VF_MAC_GIVEN &&
           !b->nics[1].bridge,
       "NICs");
    ok(b->nics[0].tag == 0 && b->nics[1].tag == 4094 && b->nics[0].disconnected == -1 &&
           b->nics[1].disconnected == 1 && vf_streq(b->nics[0].model, "e1000") && !b->nics[1].model,
       "what changes of NICs");
    ok(vf_streq(b->disks[0].target_slot, "virtio15") && !b->disks[1].target_slot &&
           vf_streq(b->disks[0].cache, "writeback") && b->disks[0].iothread == 1 &&
           b->disks[0].discard == 0 && b->disks[0].ssd == -1 && b->disks[1].ssd == 0,
       "what changes of disks");
    is_str(b->cpu, "x86-64-v2-AES", "the processor");
    is_str(b->ciphers, "aes128-gcm@openssh.com,aes256-ctr", "ciphers");

    char path[] = "/tmp/vmferry-plan-test.XXXXXX";
    int fd = mkstemp(path);
    ok(fd >= 0 && close(fd) == 0 && vf_plan_save(p, path, NULL) == 0, "saved");
    struct stat st;
    ok(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600, "for its owner only");
    vf_auto(vf_plan_free) struct vf_plan *l = vf_plan_load(path, NULL);
    vf_autofree char *loaded = l ? vf_plan_text(l) : NULL;
    is_str(loaded, hostile, "loaded");
    unlink(path);
    vf_autoerror struct vf_error *e = NULL;
    ok(!vf_plan_load(path, &e) && vf_error_code(e) == VF_E_NOTFOUND, "a file that is not there");
}

#define HEAD "format = 1; minimum-reader = 1;\n"
#define BODY "source = \"a\"; vm-id = 100; target = \"b\"; target-node = \"n\";\n"
#define DISK "slot = \"scsi0\"; volume = \"v\"; size = 1; storage = \"s\"; format = \"raw\";"

#define EFI "slot = \"efidisk0\"; volume = \"e\"; size = 1; storage = \"s\"; format = \"raw\";"

static const struct {
    const char *text, *want;
} wrong[] = {
    {"", "needs the key \"minimum-reader\""},
    {"format = 3; minimum-reader = 3; brand-new = 1;",
     "minimum-reader is 3, but must be from 1 to 2: this plan was written by a newer vmferry"},
    {HEAD, "needs the key \"source\""},
    {HEAD BODY "rat = 1;", "p.cfg:3: a plan has no key \"rat\""},
    {HEAD BODY "service-ports = \"22,ssh\";",
     "p.cfg:3: service-ports is \"22,ssh\", but must be \"common\" or up to 64 ports"},
    {HEAD BODY "service-addresses = \"web1\";",
     "p.cfg:3: service-addresses is \"web1\", but must be up to 64 IP addresses"},
    {HEAD BODY "rehearse = 1;", "p.cfg:3: rehearse must be true or false"},
    {HEAD BODY "rate = \"fast\";", "p.cfg:3: rate must be a whole number"},
    {HEAD BODY "start = \"yes\";", "start must be true or false"},
    {HEAD BODY "compress = \"7\";", "must be one of \"auto\", \"1\""},
    {HEAD BODY "streams = 9;", "8"},
    {HEAD BODY "fixes = [ \"eject-iso\", \"unlock\" ];",
     "p.cfg:3: fixes is \"unlock\", but must be one of \"suspend-ha\""},
    {HEAD BODY "fixes = true;", "fixes must be a list"},
    {HEAD BODY "route = \"scenic\";", "must be one of \"auto\", \"local\""},
    {HEAD BODY "verify = \"sometimes\";", "must be one of \"full\", \"none\""},
    {HEAD BODY "target-id = 99;", "target-id is 99, but must be from 100 to 999999999"},
    {HEAD BODY "shutdown-timeout = 0;", "shutdown-timeout is 0"},
    {HEAD BODY "target-name = \"web_1\";",
     "p.cfg:3: target-name is \"web_1\", but must be a DNS name"},
    {HEAD BODY "target-name = \"web..x\";", "must be a DNS name"},
    {HEAD BODY "target-name = \"web-\";", "must be a DNS name"},
    {HEAD BODY "ciphers = \"-oProxyCommand=x\";", "must be a list of ssh's ciphers"},
    {HEAD BODY "cpu = \"host,flags=+aes\";", "must be a processor type alone"},
    {HEAD BODY "profile = \"new\";", "\"none\", \"modern\""},
    {HEAD BODY "console = \"no\";", "\"ask\", \"connect\""},
    {HEAD BODY "profile = \"old\"; driver-disk = true;", "driver-disk is for the profile"},
    {HEAD BODY "disks = ( {" DISK "\ntarget-slot = \"scsi31\"; } );",
     "p.cfg:4: target-slot is \"scsi31\", but must be one of ide0 to ide3"},
    {HEAD BODY "disks = ( {" DISK " target-slot = \"efidisk0\"; } );", "must be one of ide0"},
    {HEAD BODY "disks = ( {" DISK " target-slot = \"scsi01\"; } );", "must be one of ide0"},
    {HEAD BODY "disks = ( {" DISK " cache = \"off\"; } );",
     "must be one of \"none\", \"writethrough\""},
    {HEAD BODY "disks = ( {" DISK " target-slot = \"virtio0\"; ssd = true; } );",
     "a disk at virtio0 has no option ssd"},
    {HEAD BODY "disks = ( {" DISK " target-slot = \"sata0\"; iothread = false; } );",
     "a disk at sata0 has no option iothread"},
    {HEAD BODY "disks = ( {" EFI " cache = \"none\"; } );",
     "a disk at efidisk0 has no option cache"},
    {HEAD BODY "disks = ( {" EFI " target-slot = \"scsi1\"; } );", "efidisk0 has no other slot"},
    {HEAD BODY "disks = ( {" DISK "}, {" EFI "}, { slot = \"ide0\"; volume = \"w\"; size = 1; "
               "storage = \"s\"; format = \"raw\"; target-slot = \"scsi0\"; } );",
     "the disks scsi0 and ide0 would both be at scsi0"},
    {HEAD BODY "nics = ( { index = 0; model = \"ne3k\"; } );", "must be one of \"e1000\""},
    {HEAD BODY "nics = ( { index = 0; tag = 4095; } );", "tag is 4095, but must be from 0 to 4094"},
    {HEAD BODY "nics = ( { index = 0; disconnected = 1; } );",
     "disconnected must be true or false"},
    {HEAD BODY "disks = ( { slot = \"scsi0\"; } );", "a disk needs the key \"volume\""},
    {HEAD BODY "disks = ( { " DISK " }, { " DISK " } );", "the disk \"scsi0\" is there twice"},
    {HEAD BODY "nics = ( { index = 32; } );", "index is 32"},
    {HEAD BODY "nics = ( { index = 0; }, { index = 0; } );", "interface 0 is there twice"},
    {HEAD BODY "nics = ( { index = 0; mac = \"other\"; } );", "must be \"keep\", \"new\" or a"},
    {HEAD BODY "nics = ( { index = 0; mac = \"01:00:00:00:00:00\"; } );", "unicast"},
};

static void test_wrong(void)
{
    for (size_t i = 0; i < VF_COUNT(wrong); i++) {
        vf_autoerror struct vf_error *e = NULL;
        vf_auto(vf_plan_free) struct vf_plan *p = parse_plan(wrong[i].text, &e);
        bool good = !p && vf_error_code(e) == VF_E_USAGE && strstr(vf_error_text(e), wrong[i].want);
        if (!ok(good, "refused: %s", wrong[i].want))
            printf("# got %s\n", e ? vf_error_text(e) : "no error");
    }
}

static void test_mac(void)
{
    enum vf_mac_mode m;
    vf_autofree char *mac = NULL;
    ok(vf_mac_rule("bc:24:11:0a:0b:0c", &m, &mac, NULL) == 0 && m == VF_MAC_GIVEN, "an address");
    is_str(mac, "BC:24:11:0A:0B:0C", "in Proxmox's form");
    static const char *const bad[] = {"",
                                      "BC:24:11",
                                      "BC:24:11:0A:0B:0C:",
                                      "BC-24-11-0A-0B-0C",
                                      "BC:24:11:0A:0B:0G",
                                      "FF:FF:FF:FF:FF:FF",
                                      "Keep"};
    for (size_t i = 0; i < VF_COUNT(bad); i++) {
        char *none = NULL;
        ok(vf_mac_rule(bad[i], &m, &none, NULL) < 0 && !none, "not a MAC address: '%s'", bad[i]);
    }
    vf_autofree char *local = vf_mac_random(NULL, NULL), *with = vf_mac_random("BC:24:11", NULL),
                     *colon = vf_mac_random("bc:24:", NULL), *other = vf_mac_random(NULL, NULL);
    ok(vf_starts(local, "02:") && strlen(local) == 17, "locally administered");
    ok(vf_starts(with, "BC:24:11:") && strlen(with) == 17, "with a prefix");
    ok(vf_starts(colon, "BC:24:") && strlen(colon) == 17, "with a prefix that ends in a colon");
    ok(!vf_streq(local, other), "two differ");
    ok(!vf_mac_random("01:00", NULL) && !vf_mac_random("", NULL) &&
           !vf_mac_random("00:11:22:33:44:55", NULL),
       "bad prefixes");
}

/* Both NICs of the sample, the second on a port group with tag 30. */
static void test_vlans(void)
{
    enum { KEPT = VF_LAST_VLAN + 1 };
    static const struct {
        const char *rules[4];
        unsigned tags[2];
        bool unused; /* the last of them */
    } cases[] = {
        {{"VM Network (dmz=1)=12"}, {KEPT, 12}, false},
        {{"vmbr0=0", "*=7"}, {0, 7}, false},
        {{"*=7", "vmbr0=0"}, {0, 7}, false},
        {{"vmbr0=1", "vmbr0=2"}, {2, KEPT}, false},
        {{"*.30=31"}, {KEPT, 31}, false},
        {{"VM Network (dmz=1).30=33", "*.30=31", "VM Network (dmz=1)=32"}, {KEPT, 33}, false},
        {{"*=1", "*.30=31", "VM Network (dmz=1)=32"}, {1, 31}, false},
        {{"vmbr0.0=5"}, {5, KEPT}, false},
        {{"*=1", "vmbr9=2"}, {1, 1}, true},
        {{"VM Network (dmz=1).3=2"}, {KEPT, KEPT}, true},
    };
    for (size_t i = 0; i < VF_COUNT(cases); i++) {
        vf_auto(vf_vm_free) struct vf_vm *vm = sample_vm();
        vf_auto(vf_plan_free) struct vf_plan *p = sample_plan();
        vf_str_set(&vm->nics[0].bridge, "vmbr0");
        vf_str_set(&vm->nics[1].bridge, "VM Network (dmz=1)");
        vm->nics[0].tag = 0;
        vm->nics[1].tag = 30;
        p->nics[0].tag = p->nics[1].tag = VF_VLAN_KEEP;
        bool used[4] = {false};
        size_t n = 0;
        while (n < VF_COUNT(used) && cases[i].rules[n])
            n++;
        int r = vf_plan_remap_vlans(p, vm, cases[i].rules, n, used, NULL);
        bool good = r == 0 && used[n - 1] != cases[i].unused;
        for (size_t k = 0; k < 2; k++)
            good = good &&
                   p->nics[k].tag == (cases[i].tags[k] == KEPT ? VF_VLAN_KEEP : cases[i].tags[k]);
        ok(good, "VLAN tags: %s and %zu more", cases[i].rules[0], n - 1);
    }
    static const char *const bad[] = {"", "vmbr0", "=12", "vmbr0=", "vmbr0=4095", "vmbr0=x"};
    vf_auto(vf_vm_free) struct vf_vm *vm = sample_vm();
    vf_auto(vf_plan_free) struct vf_plan *p = sample_plan();
    for (size_t i = 0; i < VF_COUNT(bad); i++) {
        vf_autoerror struct vf_error *e = NULL;
        bool used;
        ok(vf_plan_remap_vlans(p, vm, &bad[i], 1, &used, &e) < 0 && vf_error_code(e) == VF_E_USAGE,
           "not a rule for VLANs: '%s'", bad[i]);
    }
}

static void test_remap(void)
{
    vf_auto(vf_vm_free) struct vf_vm *vm = sample_vm();
    vf_auto(vf_plan_free) struct vf_plan *p = sample_plan();
    ok(vf_plan_remap_bridge(p, vm, "vmbr1=vnet7", NULL) == 1, "one NIC changed");
    is_str(p->nics[0].bridge, "vmbr0", "the other not");
    ok(vf_plan_remap_bridge(p, vm, "*=lan", NULL) == 1, "* takes the rest");
    is_str(p->nics[0].bridge, "lan", "the rest");
    is_str(p->nics[1].bridge, "vnet7", "not what had a rule");
    ok(vf_plan_remap_bridge(p, vm, "vmbr9=x", NULL) == 0, "a bridge no NIC is on");
    vf_str_set(&vm->nics[1].bridge, "VM Network (dmz=1)");
    ok(vf_plan_remap_bridge(p, vm, "VM Network (dmz=1)=vmbr9", NULL) == 1, "a port group");
    is_str(p->nics[1].bridge, "vmbr9", "whatever it is called");
    static const char *const bad[] = {
        "", "vmbr0", "=vmbr0", "vmbr0=", "vmbr0=a,b", "a=b c", "a=b=", "a=-x"};
    for (size_t i = 0; i < VF_COUNT(bad); i++) {
        vf_autoerror struct vf_error *e = NULL;
        ok(vf_plan_remap_bridge(p, vm, bad[i], &e) < 0 && vf_error_code(e) == VF_E_USAGE,
           "not a rule: '%s'", bad[i]);
    }
    vf_autoerror struct vf_error *e = NULL;
    ok(vf_plan_remap_mac(p, "02:00:00:00:00:01", &e) < 0, "one address for two NICs");
    ok(vf_plan_remap_mac(p, "new", NULL) == 0 && p->nics[1].mac_mode == VF_MAC_NEW, "new for all");
    ok(vf_plan_choose_macs(p, "BC:24:11", NULL) == 0 && p->nics[0].mac_mode == VF_MAC_GIVEN &&
           vf_starts(p->nics[1].mac, "BC:24:11:"),
       "chosen once");
    ok(vf_plan_remap_mac(p, "keep", NULL) == 0 && !p->nics[0].mac, "keep forgets them");
}

static void test_apply(void)
{
    vf_auto(vf_vm_free) struct vf_vm *vm = sample_vm();
    vf_auto(vf_plan_free) struct vf_plan *p = sample_plan();
    vf_str_set(&p->target_name, "web2");
    p->target_id = 205;
    vf_str_set(&p->nics[0].bridge, "vmbr7");
    vf_str_set(&p->nics[1].bridge, NULL);
    p->nics[0].mac_mode = VF_MAC_NEW;
    vf_auto(vf_vm_free) struct vf_vm *t = vf_plan_apply(p, vm, "BC:24:11", NULL);
    if (!ok(t != NULL, "applied"))
        return;
    is_str(t->name, "web2", "name");
    is_str(t->node, "b1", "node");
    ok(t->id == 205 && t->state == VF_VM_STOPPED && t->onboot && !t->lock && !t->digest, "state");
    is_str(t->disks[1].storage, "fast", "storage");
    is_str(t->disks[1].format, "raw", "format");
    ok(!t->disks[1].volume && !t->disks[1].path && t->disks[1].size == 10737418240u,
       "volume, size");
    is_str(vf_opts_get(&t->disks[0].opts, "cache"), "none", "disk options are carried");
    is_str(t->nics[0].bridge, "vmbr7", "bridge");
    is_str(t->nics[1].bridge, "vmbr1", "a bridge the plan does not name stays");
    ok(vf_starts(t->nics[0].mac, "BC:24:11:") && !vf_streq(t->nics[0].mac, vm->nics[0].mac),
       "new MAC");
    is_str(t->nics[1].mac, "BC:24:11:00:00:01", "kept MAC");
    ok(t->nics[0].tag == 7, "tag");
    ok(t->n_cdroms == 1 && !t->cdroms[0].media && vm->cdroms[0].media,
       "CD-ROM emptied, source untouched");
    is_str(vm->disks[1].storage, "local", "the source is not changed");
    p->rehearse = true;
    p->nics[1].disconnected = 0;
    vf_auto(vf_vm_free) struct vf_vm *test = vf_plan_apply(p, vm, "BC:24:11", NULL);
    is_str(test ? test->name : NULL, "web2--TEST", "a rehearsal has a name of its own");
    ok(test && test->nics[0].link_down && test->nics[1].link_down,
       "and no cable, whatever else the plan says");
    vf_autofree char *longest = vf_asprintf("%060d", 0);
    vf_str_set(&p->target_name, longest);
    vf_autofree char *cut = vf_plan_target_name(p, vm);
    ok(strlen(cut) == 63 && vf_ends(cut, "--TEST"), "within what DNS allows");
}

/* What the guest sees of it changes: two disks change places, one gets another bus. */
static void test_hardware(void)
{
    vf_auto(vf_vm_free) struct vf_vm *vm = sample_vm();
    vf_auto(vf_plan_free) struct vf_plan *p = sample_plan();
    vm->boot = vf_strv_split("scsi1;net0;scsi0;ide2", ";");
    vf_opts_set(&vm->opts, "cpu", "cputype=kvm64,flags=+aes");
    vf_opts_set(&vm->disks[0].opts, "wwn", "0x5000c500a1b2c3d4");
    vf_opts_set(&vm->disks[0].opts, "discard", "on");
    vf_str_set(&p->disks[0].target_slot, "scsi1");
    vf_str_set(&p->disks[1].target_slot, "scsi0");
    vf_auto(vf_vm_free) struct vf_vm *t = vf_plan_apply(p, vm, NULL, NULL);
    vf_autofree char *order = t ? vf_strv_join(t->boot, ";") : NULL;
    is_str(order, "scsi0;net0;scsi1;ide2", "the boot order follows disks that change places");
    is_str(t ? vf_vm_disk(t, "scsi1")->slot : NULL, "scsi1", "so do the disks");
    ok(t && vf_vm_disk(t, "scsi1")->size == 5368709120u, "the right ones");
    is_str(t ? vf_opts_get(&vf_vm_disk(t, "scsi1")->opts, "wwn") : NULL, "0x5000c500a1b2c3d4",
           "with the options of the bus");
    is_str(vf_opts_get(&vm->opts, "cpu"), "cputype=kvm64,flags=+aes", "the processor stays");

    vf_str_set(&p->disks[0].target_slot, "virtio0");
    vf_str_set(&p->disks[0].cache, "writeback");
    p->disks[0].discard = 0;
    p->disks[0].iothread = 1;
    p->disks[1].ssd = 1;
    vf_str_set(&p->nics[0].model, "e1000");
    p->nics[0].tag = 0;
    p->nics[0].disconnected = 1;
    vf_str_set(&p->cpu, "host");
    vf_auto(vf_vm_free) struct vf_vm *u = vf_plan_apply(p, vm, NULL, NULL);
    const struct vf_disk *d = u ? vf_vm_disk(u, "virtio0") : NULL;
    if (!ok(d != NULL, "another bus"))
        return;
    ok(!vf_opts_get(&d->opts, "wwn"), "has not all options of the old one");
    is_str(vf_opts_get(&d->opts, "cache"), "writeback", "cache");
    is_str(vf_opts_get(&d->opts, "discard"), "ignore", "discard off");
    is_str(vf_opts_get(&d->opts, "iothread"), "1", "iothread");
    is_str(vf_opts_get(&vf_vm_disk(u, "scsi0")->opts, "ssd"), "1", "ssd");
    is_str(vf_opts_get(&vf_vm_disk(u, "scsi0")->opts, "cache"), "none", "what is not named stays");
    is_str(u->nics[0].model, "e1000", "model");
    ok(u->nics[0].tag == 0 && u->nics[1].tag == 7, "VLAN tags");
    ok(u->nics[0].link_down && !u->nics[1].link_down, "disconnected");
    is_str(vf_opts_get(&u->opts, "cpu"), "host,flags=+aes", "the processor's type, not its flags");
    is_str(u->boot[2], "virtio0", "boot order");

    vf_str_set(&p->disks[1].target_slot, "ide2");
    vf_autoerror struct vf_error *e = NULL;
    ok(!vf_plan_apply(p, vm, NULL, &e) && vf_error_code(e) == VF_E_USAGE &&
           strstr(vf_error_text(e), "scsi1 cannot be at ide2"),
       "where the CD-ROM drive is, no disk can be");
}

/* Written in any order, they are those of the source. */
static void test_order(void)
{
    static const char text[] =
        HEAD BODY "nics = ( { index = 3; bridge = \"c\"; }, { index = 0; bridge = \"a\"; } );";
    vf_auto(vf_plan_free) struct vf_plan *p = parse_plan(text, NULL);
    ok(p && p->n_nics == 2 && p->nics[0].index == 0 && vf_streq(p->nics[1].bridge, "c"),
       "NICs in the order of their numbers");
}

/* Each changes one thing of the source that makes the plan stale. */
static void grow_disk(struct vf_vm *vm)
{
    vm->disks[0].size++;
}
static void swap_volume(struct vf_vm *vm)
{
    vf_str_set(&vm->disks[0].volume, "local:101/x\033.raw");
}
static void lose_disk(struct vf_vm *vm)
{
    vf_str_set(&vm->disks[0].slot, "virtio0");
}
static void add_disk(struct vf_vm *vm)
{
    vf_vm_add_disk(vm)->slot = vf_strdup("scsi5");
}
static void lose_nic(struct vf_vm *vm)
{
    vm->nics[1].index = 5;
}
static void add_nic(struct vf_vm *vm)
{
    vf_vm_add_nic(vm)->index = 9;
}
static void other_id(struct vf_vm *vm)
{
    vm->id = 102;
}

static const struct {
    void (*change)(struct vf_vm *vm);
    const char *want;
} stale[] = {
    {grow_disk, "its disk scsi0 now has 5368709121 bytes"},
    {swap_volume, "its disk scsi0 is now local:101/x\\x1b.raw"},
    {lose_disk, "its disk scsi0 is gone"},
    {add_disk, "its disk scsi5 is not in the plan"},
    {lose_nic, "its network interface net1 is gone"},
    {add_nic, "its network interface net9 is not in the plan"},
    {other_id, "its VMID is 102"},
};

static void test_stale(void)
{
    for (size_t i = 0; i < VF_COUNT(stale); i++) {
        vf_auto(vf_vm_free) struct vf_vm *vm = sample_vm();
        vf_auto(vf_plan_free) struct vf_plan *p = sample_plan();
        vf_autoerror struct vf_error *e = NULL;
        stale[i].change(vm);
        vf_auto(vf_vm_free) struct vf_vm *t = vf_plan_apply(p, vm, NULL, &e);
        bool good =
            !t && vf_error_code(e) == VF_E_CONFLICT && strstr(vf_error_text(e), stale[i].want);
        if (!ok(good, "stale: %s", stale[i].want))
            printf("# got %s\n", e ? vf_error_text(e) : "no error");
    }
}

static void test_vm(void)
{
    struct vf_opts o = {0}, c = {0};
    ok(!vf_opts_get(&o, "cache"), "no options");
    vf_opts_set(&o, "cache", "none");
    vf_opts_set(&o, "ssd", "1");
    vf_opts_set(&o, "backup", "0");
    vf_opts_set(&o, "cache", "writeback");
    vf_opts_copy(&c, &o);
    vf_opts_remove(&o, "ssd");
    vf_opts_remove(&o, "none");
    vf_opts_set(&o, "serial", "x");
    ok(o.n == 3 && c.n == 3 && !vf_opts_get(&o, "ssd"), "set, copied, removed");
    is_str(o.v[0].value, "writeback", "set again, in its old place");
    is_str(o.v[2].key, "serial", "new ones at the end");
    is_str(vf_opts_get(&c, "ssd"), "1", "the copy is its own");
    vf_opts_copy(&c, &o);
    ok(c.n == 3 && !vf_opts_get(&c, "ssd"), "a copy replaces what was there");
    vf_opts_free(&o);
    vf_opts_free(&c);

    vf_auto(vf_vm_free) struct vf_vm *vm = sample_vm();
    vm->boot = vf_strv_split("scsi0;net0", ";");
    vf_vm_leave_out(vm, "usb0", "a device of the host")->minor = true;
    vf_opts_set(&vm->opts, "ostype", "l26");
    vf_auto(vf_vm_free) struct vf_vm *copy = vf_vm_copy(vm);
    vf_vm_free(VF_STEAL(vm));
    ok(copy->n_disks == 2 && copy->n_nics == 2 && copy->n_cdroms == 1 && copy->n_left_out == 1 &&
           copy->memory == 1 << 30 && copy->onboot && copy->state == VF_VM_RUNNING,
       "a copy outlives the VM");
    is_str(copy->boot[1], "net0", "boot order");
    is_str(copy->left_out[0].why, "a device of the host", "left out");
    ok(copy->left_out[0].minor, "and that it is no matter");
    is_str(vf_vm_disk(copy, "scsi1")->volume, "local:101/vm-101-disk-1.qcow2",
           "a disk by its slot");
    is_str(vf_opts_get(&copy->nics[1].opts, "rate"), NULL, "no option");
    is_str(vf_opts_get(&copy->opts, "ostype"), "l26", "options");
    ok(!vf_vm_disk(copy, "ide9"), "no such slot");
    is_str(vf_vm_state_name(VF_VM_PAUSED), "paused", "state");
    is_str(vf_vm_state_name((enum vf_vm_state)9), "unknown", "no such state");
}

static void test_names(void)
{
#define TEN "0123456789"
#define L53 TEN TEN TEN TEN TEN "abc"
    static const struct {
        const char *name, *with;
    } cases[] = {
        {"web1", "web1--CREATING"},
        {"web1.example.com", "web1.example.com--CREATING"},
        {L53, L53 "--CREATING"},
        {L53 "defghijklm", L53 "--CREATING"},
        {L53 "defghijklm." L53 "d", L53 "defghijklm." L53 "--CREATING"},
        {L53 "defghijklm.x", L53 "defghijklm.x--CREATING"},
        {L53 TEN "." L53 TEN "." L53 TEN "." L53 "aaaaaaaa",
         L53 TEN "." L53 TEN "." L53 TEN "." TEN TEN TEN TEN TEN "a--CREATING"},
        {L53 TEN "." L53 TEN "." L53 TEN "." TEN TEN TEN TEN TEN "." TEN,
         L53 TEN "." L53 TEN "." L53 TEN "." TEN TEN TEN TEN TEN "--CREATING"},
    };
    for (size_t i = 0; i < VF_COUNT(cases); i++) {
        vf_autofree char *with = vf_name_with(cases[i].name, VF_CREATING);
        is_str(with, cases[i].with, "a name with a suffix");
        ok(strlen(with) <= 253 && strlen(strrchr(with, '.') ? strrchr(with, '.') + 1 : with) <= 63,
           "within what DNS allows");
    }
}

int main(void)
{
    test_names();
    test_vm();
    test_file();
    test_wrong();
    test_mac();
    test_remap();
    test_vlans();
    test_apply();
    test_hardware();
    test_order();
    test_stale();
    return done_testing();
}
