/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The platform "esxi" over a host in memory: which way is taken, what becomes of a VM and its
 * disks, what is refused, and how it is changed. */
#include "config.h"
#include "tests/unit/esxi-fake.h"
#include "tests/unit/tap.h"
#include "disk/recipe.h"

static const char vmx[] =
    ".encoding = \"UTF-8\"\ndisplayName = \"web 01\"\nguestOS = \"debian10-64\"\nmemSize = "
    "\"1024\"\nscsi0.present = \"TRUE\"\nscsi0.virtualDev = \"pvscsi\"\n"
    "scsi0:0.present = \"TRUE\"\nscsi0:0.fileName = \"web.vmdk\"\n"
    "scsi0:1.present = \"TRUE\"\nscsi0:1.fileName = \"/vmfs/volumes/5f00-aa/data/two.vmdk\"\n"
    "ethernet0.present = \"TRUE\"\nethernet0.networkName = \"DMZ\"\n"
    "ethernet1.present = \"TRUE\"\nethernet1.networkName = \"VM Network\"\n"
    "ethernet2.present = \"TRUE\"\nethernet2.networkName = \"Trunk\"\n"
    "ethernet3.present = \"TRUE\"\nethernet3.networkName = \"Far\"\n"
    "ethernet4.present = \"TRUE\"\nethernet4.dvs.portgroupId = \"dvportgroup-5\"\n"
    "ethernet5.present = \"TRUE\"\nethernet5.dvs.portgroupId = \"dvportgroup-6\"\n"
    "guestInfo.detailed.data = \"prettyName='Debian GNU/Linux 10 (buster)'\"\n";

#define DESCRIPTOR(type, cid, more)                                                                \
    "# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=" cid "\ncreateType=\"" type        \
    "\"\n" more "\n"

static const struct fake_host healthy = {
    .files = {{"web 01/web 01.vmx", vmx, 0},
              {"web 01/web.vmdk", DESCRIPTOR("vmfs", "ffffffff", "RW 8192 VMFS \"web-flat.vmdk\""),
               0},
              {"web 01/web-flat.vmdk", NULL, 4 << 20},
              {"ds2:data/two.vmdk",
               DESCRIPTOR("twoGbMaxExtentFlat", "ffffffff",
                          "RW 2048 FLAT \"two-f001.vmdk\" 0\nRW 2048 FLAT \"two-f002.vmdk\" 0"),
               0},
              {"ds2:data/two-f001.vmdk", NULL, 1 << 20},
              {"ds2:data/two-f002.vmdk", NULL, 1 << 20}},
    .now = {.state = VF_VM_STOPPED, .annotation = (char *)"the shop", .digest = (char *)"d1"},
    .vmx = "web 01/web 01.vmx",
};

/* ---- a person ---- */

static const char *types; /* as a password; NULL: nobody is there */

static int answer(void *opaque, const struct vf_ask *q, struct vf_cancel *cancel,
                  struct vf_answer *out, struct vf_error **err)
{
    fake->asked++;
    if (q->kind == VF_ASK_SECRET && types && vf_streq(q->id, "password:esx1:root")) {
        out->secret = vf_secret_new(types, strlen(types));
        return 0;
    }
    if (q->kind == VF_ASK_CHOICE && types) {
        out->text = vf_strdup("yes");
        return 0;
    }
    return vf_fail(err, VF_E_AUTH, "nobody is there");
}

static void forget(void *opaque, const char *id)
{
    fake->forgot += vf_streq(id, "password:esx1:root");
}

static const struct vf_asker person = {.ask = answer, .forget = forget};

static char *urls[] = {(char *)"https://esx1.example", NULL};
static struct vf_cluster_conf conf = {
    .name = (char *)"esx1", .type = (char *)"esxi", .urls = urls, .user = (char *)"root"};

static struct vf_provider *log_in(struct fake_host *h, struct vf_error **err)
{
    fake = h;
    types = types ? types : "secret";
    return vf_esxi_open_by(&fake_doors, &conf, true, &person, NULL, err);
}

static struct vf_provider *must_log_in(struct fake_host *h)
{
    vf_autoerror struct vf_error *err = NULL;
    struct vf_provider *p = log_in(h, &err);
    if (!p)
        printf("# %s\n", vf_error_text(err));
    return p;
}

/* ---- which way ---- */

static void way(const char *what, const char *configured, enum vf_error_code api,
                enum vf_error_code ssh, const char *want, unsigned api_tries, unsigned ssh_tries)
{
    struct fake_host h = healthy;
    vf_autoerror struct vf_error *err = NULL;
    h.api = api;
    h.ssh = ssh;
    conf.way = (char *)configured;
    vf_auto(vf_provider_free) struct vf_provider *p = log_in(&h, &err);
    conf.way = NULL;
    const char *got = p ? vf_esxi_of(p)->way->ops->name : vf_error_code_name(vf_error_code(err));
    ok(vf_streq(got, want) && h.logins[0] == api_tries && h.logins[1] == ssh_tries && h.asked == 1,
       "%s: %s, %u and %u logins, %u questions", what, got, h.logins[0], h.logins[1], h.asked);
    ok(h.forgot == (vf_error_code(err) == VF_E_AUTH), "%s: a wrong password is forgotten", what);
}

static void test_ways(void)
{
    way("both answer", NULL, VF_OK, VF_OK, "api", 1, 0);
    way("no API", NULL, VF_E_NET, VF_OK, "ssh", 1, 1);
    way("something else answers", NULL, VF_E_UNSUPPORTED, VF_OK, "ssh", 1, 1);
    way("wrong password", NULL, VF_E_AUTH, VF_OK, "AUTH", 1, 0);
    way("another certificate", NULL, VF_E_TRUST, VF_OK, "TRUST", 1, 0);
    way("wrong password over SSH", NULL, VF_E_NET, VF_E_AUTH, "AUTH", 1, 1);
    way("nothing answers", NULL, VF_E_NET, VF_E_NET, "NET", 1, 1);
    way("SSH alone", "ssh", VF_OK, VF_OK, "ssh", 0, 1);
    way("API alone", "api", VF_E_NET, VF_OK, "NET", 1, 0);

    struct fake_host off = healthy;
    vf_autoerror struct vf_error *refused = NULL;
    conf.way = (char *)"ssh";
    off.ssh = VF_E_NET;
    off.ssh_says = "port 22: Connection refused";
    ok(!log_in(&off, &refused) && strstr(vf_error_text(refused), "Troubleshooting Options"),
       "SSH that is off: where it is switched on");
    conf.way = NULL;

    struct fake_host lost = healthy;
    vf_autoerror struct vf_error *doubt = NULL;
    lost.api = VF_E_NET;
    lost.lost = true;
    ok(!log_in(&lost, &doubt) && lost.logins[0] == 1 && !lost.logins[1] &&
           vf_error_code(doubt) == VF_E_NET && strstr(vf_error_text(doubt), "a second time"),
       "a login whose answer was lost is followed by none over SSH");

    struct fake_host h = healthy;
    vf_autoerror struct vf_error *err = NULL;
    conf.way = (char *)"ssh";
    conf.ssh.key = (char *)"/k";
    vf_auto(vf_provider_free) struct vf_provider *p = log_in(&h, &err);
    ok(p && !h.asked && !*h.password, "a key will do");
    struct fake_host closed = healthy;
    closed.ssh = VF_E_AUTH;
    vf_auto(vf_provider_free) struct vf_provider *none = log_in(&closed, NULL);
    ok(!none && closed.asked == 1 && closed.logins[1] == 2, "else the password is asked for, once");
    conf.way = conf.ssh.key = NULL;
}

/* ---- what is read ---- */

static const struct vf_left_out *left(const struct vf_vm *vm, const char *what)
{
    for (size_t i = 0; i < vm->n_left_out; i++)
        if (vf_streq(vm->left_out[i].what, what))
            return &vm->left_out[i];
    return NULL;
}

static void test_vm(void)
{
    struct fake_host h = healthy;
    vf_autoerror struct vf_error *err = NULL;
    vf_auto(vf_provider_free) struct vf_provider *p = must_log_in(&h);
    struct vf_vm **list = NULL;
    size_t n = 0;
    ok(p->ops->vms(p, &list, &n, NULL) == 0 && n == 1, "it is listed");
    is_str(list[0]->name, "web-01", "by a name that DNS takes");
    is_str(list[0]->called, "web 01", "with the one it has");
    is_str(list[0]->node, "esx1.example", "on the host itself");
    vf_vms_free(list, n);

    vf_auto(vf_vm_free) struct vf_vm *vm = p->ops->describe(p, 7, &err);
    ok(vm != NULL, "it is described%s%s", err ? ": " : "", err ? vf_error_text(err) : "");
    is_str(vm->name, "web-01", "name");
    is_str(vm->called, "web 01", "as it is called there");
    is_str(vm->description, "the shop", "annotation");
    is_str(vm->digest, "d1", "digest");
    is_str(vm->system, "Debian GNU/Linux 10 (buster)", "system");
    ok(vm->guest == VF_GUEST_MODERN && vm->state == VF_VM_STOPPED && vm->id == 7, "and the rest");
    ok(vm->n_disks == 2, "two disks");
    is_str(vm->disks[0].volume, "[ds1] web 01/web.vmdk", "one beside the VMX file");
    is_str(vm->disks[0].storage, "ds1", "its datastore");
    is_str(vm->disks[1].volume, "[ds2] data/two.vmdk", "one elsewhere, by the datastore's name");
    ok(vm->disks[0].size == 4 << 20 && vm->disks[1].size == 2 << 20, "their sizes");
    ok(vm->nics[0].tag == 40 && !vm->nics[1].tag && !left(vm, "net0") && !left(vm, "net1"),
       "VLAN tags are those of the port groups");
    ok(!vm->nics[2].tag && left(vm, "net2") && left(vm, "net3") && !left(vm, "net3")->stop,
       "a trunk, and what is not known, are told");
    is_str(vm->nics[4].bridge, "Prod/Web", "a distributed port group is told by its name");
    ok(vm->nics[4].tag == 50 && !left(vm, "net4"), "with its VLAN");
    is_str(vm->nics[5].bridge, "dvportgroup-6", "one that nobody knows by its key");
    ok(left(vm, "net5") && strstr(left(vm, "net5")->why, "only vCenter knows"), "with a word");

    struct vf_volume v = {0};
    ok(p->ops->volume(p, NULL, vm->disks[1].volume, &v, NULL) == 0, "a volume");
    is_str(v.format, "recipe", "is a recipe");
    vf_auto(vf_recipe_free) struct vf_recipe *r = vf_recipe_parse(v.path, NULL);
    ok(r && r->n_parts == 2 && v.size == 2 << 20, "of two parts");
    is_str(r->parts[1].path, "data/two-f002.vmdk", "in their order");
    is_str(r->parts[0].dc, "ha-datacenter", "in the datacenter");
    is_str(v.stamp, "Sat Sat CID fffffffe",
           "with when they were written, and the name of what is in them");
    vf_volume_clear(&v);
    h.racy = true;
    h.stats = 0;
    ok(p->ops->volume(p, NULL, vm->disks[1].volume, &v, NULL) == 0, "one written to just now");
    is_str(v.stamp, "Sat Sat CID fffffffe", "has the stamp that it has later");
    ok(h.stats == 7, "for that was waited for");
    vf_volume_clear(&v);
    h.moving = true;
    ok(p->ops->volume(p, NULL, vm->disks[1].volume, &v, NULL) == 0 && vf_ends(v.stamp, " racy"),
       "one written to all the time has a stamp like no other");
    vf_volume_clear(&v);
    h.racy = h.moving = false;
    h.stats = 0;
    h.stat_fails = 4; /* descriptor, two extents, then */
    ok(p->ops->volume(p, NULL, vm->disks[1].volume, &v, &err) < 0 && vf_error_is_transient(err),
       "an outage is no missing stamp");
    vf_error_free(VF_STEAL(err));
    vf_volume_clear(&v);
    h.stat_fails = 0;

    bool by_host = false;
    vf_autofree char *hex =
        p->ops->hash(p, NULL, vm->disks[1].volume, 4096, (1 << 20) + 512, &by_host, NULL);
    is_str(hex, "host:data/two-f002.vmdk:4096:512", "the host's own hash, over SSH");
    ok(by_host && h.logins[1] == 1 && h.asked == 1, "without a question");
    unsigned looks = h.looks;
    vf_autofree char *next = p->ops->hash(p, NULL, vm->disks[1].volume, 4096, 512, &by_host, NULL);
    is_str(next, "host:data/two-f001.vmdk:4096:512", "of the next piece");
    ok(h.looks == looks, "without looking at all files again");
    vf_autofree char *flat = p->ops->hash(p, NULL, vm->disks[0].volume, 4096, 0, &by_host, NULL);
    is_str(flat, "host:web 01/web-flat.vmdk:4096:0", "then of another disk");
    ok(h.looks > looks, "whose files are looked at");
    h.ssh_asks = true;
    vf_auto(vf_provider_free) struct vf_provider *q = must_log_in(&h);
    vf_autofree char *own = q->ops->hash(q, NULL, vm->disks[0].volume, 26, 0, &by_host, NULL);
    is_str(own, "71c480df93d6ae2f1efad1447c66c9525e316218cf51fc8d9ed832f2daf18b73",
           "else of what is read a second time");
    ok(!by_host && h.logins[1] == 1, "nobody is asked for that");
    vf_autofree char *over =
        q->ops->hash(q, NULL, vm->disks[1].volume, 4096, (1 << 20) - 512, &by_host, &err);
    ok(!over && vf_error_code(err) == VF_E_UNSUPPORTED, "not across files");
}

/* What its host says was never written to, over SSH, though all else goes by the API. */
static void test_without_holes(void)
{
    const char *web = "[ds1] web 01/web.vmdk", *two = "[ds2] data/two.vmdk";
    struct fake_host h = healthy;
    h.holes[0] = (struct vf_recipe_hole){0, 512};
    h.holes[1] = (struct vf_recipe_hole){1 << 20, 2 << 20};
    h.n_holes = 2;
    vf_auto(vf_provider_free) struct vf_provider *p = must_log_in(&h);
    struct vf_volume v = {0}, w = {0};
    uint64_t bytes = 7;
    ok(p->ops->volume(p, NULL, web, &v, NULL) == 0 && p->ops->volume(p, NULL, two, &w, NULL) == 0,
       "two disks");
    char *none = p->ops->without_holes(p, NULL, web, v.path, &bytes);
    ok(!none && !bytes && h.maps == 1, "holes of less than 4 MiB are none");
    h.holes[1] = (struct vf_recipe_hole){0, 4 << 20};
    h.n_holes = 1;
    h.holes[0] = h.holes[1];
    vf_autofree char *path = p->ops->without_holes(p, NULL, web, v.path, &bytes);
    vf_auto(vf_recipe_free) struct vf_recipe *r = path ? vf_recipe_parse(path, NULL) : NULL;
    ok(r && bytes == 4 << 20 && r->n_holes == 1 && !r->holes[0].start &&
           r->holes[0].length == 4 << 20 && r->n_parts == 1 && r->size == v.size,
       "an empty disk is one");
    ok(h.logins[1] == 1 && h.asked == 1, "without a question");
    unsigned maps = h.maps;
    ok(!p->ops->without_holes(p, NULL, two, w.path, &bytes) && !bytes && h.maps == maps,
       "a disk of several files is read as a whole: pieces over their seam could not be hashed");
    h.n_holes = 0;
    ok(!p->ops->without_holes(p, NULL, web, v.path, &bytes) && !bytes, "a host that does not tell");
    vf_volume_clear(&v);
    vf_volume_clear(&w);
}

/* How fast a disk is read is tried by both ways; nothing but reading. */
static void test_try_read(void)
{
    struct fake_host h = healthy;
    vf_autoerror struct vf_error *err = NULL;
    vf_auto(vf_provider_free) struct vf_provider *p = must_log_in(&h);
    struct vf_volume v = {0};
    ok(p->ops->volume(p, NULL, "[ds1] web 01/web.vmdk", &v, &err) == 0, "a disk");
    ok(p->ops->try_read(p, v.path, &err) > 0 && !err, "is read for a moment");
    ok(h.reads[0] == 1 && h.reads[1] == 1 && !h.log, "by either way, and nothing is changed");
    h.busy = true;
    ok(p->ops->try_read(p, v.path, &err) < 0 && vf_error_code(err) == VF_E_CONFLICT,
       "that of a running VM cannot be tried: %s", vf_error_text(err));
    vf_error_free(VF_STEAL(err));
    ok(p->ops->try_read(p,
                        "{\"name\": \"x\", \"size\": 512, \"image\": \"vmdk\", \"parts\": "
                        "[{\"datastore\": \"ds1\", \"path\": \"x\", \"offset\": 0, "
                        "\"length\": 512}]}",
                        &err) < 0 &&
           vf_error_code(err) == VF_E_UNSUPPORTED,
       "nor can an image: %s", vf_error_text(err));
    vf_volume_clear(&v);
}

/* Two datacenters of a vCenter may have datastores of one name, with files of one name in them. */
static void test_datacenters(void)
{
    struct fake_host h = healthy;
    vf_autoerror struct vf_error *err = NULL;
    h.two_dcs = true;
    vf_auto(vf_provider_free) struct vf_provider *p = must_log_in(&h);
    struct vf_volume v = {0};
    ok(p->ops->volume(p, "esx1.example", "[ds1] web 01/web.vmdk", &v, &err) == 0, "a volume%s%s",
       err ? ": " : "", err ? vf_error_text(err) : "");
    vf_auto(vf_recipe_free) struct vf_recipe *r = v.path ? vf_recipe_parse(v.path, NULL) : NULL;
    is_str(r ? r->parts[0].dc : NULL, "ha-datacenter", "is that of the VM's own host");
    vf_volume_clear(&v);
    bool by_host;
    ok(p->ops->volume(p, "gone", "[ds1] web 01/web.vmdk", &v, &err) < 0 &&
           vf_error_code(err) == VF_E_CONFLICT,
       "which is not guessed");
    vf_volume_clear(&v);
    vf_autofree char *hex = p->ops->hash(p, "gone", "[ds1] web 01/web.vmdk", 26, 0, &by_host, NULL);
    ok(!hex, "nor hashed");
}

/* FILE of the host is TEXT (NULL: gone): WHAT is refused, saying WHY. */
static void refuse(const char *file, const char *text, const char *what, const char *why)
{
    struct fake_host h = healthy;
    vf_autoerror struct vf_error *err = NULL;
    for (size_t i = 0; h.files[i].path; i++)
        if (vf_streq(h.files[i].path, file))
            h.files[i] = text ? (struct fake_file){file, text, 0}
                              : (struct fake_file){"web 01/other", "", 0};
    vf_auto(vf_provider_free) struct vf_provider *p = must_log_in(&h);
    vf_auto(vf_vm_free) struct vf_vm *vm = p->ops->describe(p, 7, &err);
    const struct vf_left_out *l = vm ? left(vm, what) : NULL;
    ok(l && l->stop && strstr(l->why, why), "%s: %s", what,
       l     ? l->why
       : err ? vf_error_text(err)
             : "not refused");
    ok(vm && vm->n_disks == 1, "the other disk is there");
}

#define WITH(line)                                                                                 \
    "scsi0.present = \"TRUE\"\nscsi0:0.present = \"TRUE\"\nscsi0:0.fileName = "                    \
    "\"web.vmdk\"\nscsi0:1.present = \"TRUE\"\nscsi0:1.fileName = \"web.vmdk\"\n" line

static void test_refused(void)
{
    static const char web[] = "web 01/web.vmdk", volume[] = "[ds1] web 01/web.vmdk",
                      settings[] = "web 01/web 01.vmx";
    refuse(web, NULL, volume, "is not there");
    refuse("web 01/web-flat.vmdk", NULL, volume, "web-flat.vmdk is missing in datastore ds1");
    refuse("web 01/web-flat.vmdk", "short", volume, "cut off");
    refuse(web,
           DESCRIPTOR("vmfsSparse", "12345678",
                      "parentFileNameHint=\"base.vmdk\"\n"
                      "RW 8192 VMFSSPARSE \"web-delta.vmdk\""),
           volume, "snapshot");
    refuse(web, DESCRIPTOR("seSparse", "12345678", "RW 8192 SESPARSE \"web-sesparse.vmdk\""),
           volume, "snapshot");
    refuse(web, DESCRIPTOR("vmfsRawDeviceMap", "ffffffff", "RW 8192 VMFSRDM \"web-rdm.vmdk\""),
           volume, "raw device mapping");
    refuse(web, DESCRIPTOR("vmfs", "ffffffff", "RW 8192 VMFS \"vsan://5f-aa\""), volume, "vSAN");
    refuse(web, "no descriptor at all", volume, "");
    refuse(settings, WITH("scsi0:1.deviceType = \"rawDisk\"\n"), "scsi0:1", "raw device mapping");
    refuse(settings, WITH("scsi0:1.sharing = \"multi-writer\"\n"), "scsi0:1", "shared");
    refuse(settings, WITH("scsi0:1.mode = \"independent-nonpersistent\"\n"), "scsi0:1", "forgets");
    refuse(settings, WITH("scsi0:1.fileName = \"/vmfs/devices/disks/naa.6\"\n"),
           "/vmfs/devices/disks/naa.6", "no file in a datastore");
    refuse(settings, WITH("scsi0:1.fileName = \"/vmfs/volumes/gone/x.vmdk\"\n"),
           "/vmfs/volumes/gone/x.vmdk", "no datastore is mounted");
}

/* A host that is busy for a moment, one that stays so, and a person who does not wait. */
static void test_outage(void)
{
    struct fake_host h = healthy;
    vf_autoerror struct vf_error *err = NULL, *ended = NULL;
    vf_auto(vf_provider_free) struct vf_provider *p = must_log_in(&h);
    h.outage = 4;
    vf_auto(vf_vm_free) struct vf_vm *vm = p->ops->describe(p, 7, NULL);
    ok(vm && vm->n_disks == 2 && !h.outage, "the fifth attempt is answered");
    h.outage = 1000;
    ok(!p->ops->describe(p, 7, &err) && h.outage == 995, "after five, that is it");
    ok(vf_error_code(err) == VF_E_NET && strstr(vf_error_text(err), "asked 5 times"), "%s",
       vf_error_text(err));
    vf_auto(vf_cancel_free) struct vf_cancel *cancel = vf_cancel_new(NULL);
    vf_cancel_fire(cancel, "enough");
    p->ops->set_cancel(p, cancel);
    ok(!p->ops->describe(p, 7, &ended) && vf_error_code(ended) == VF_E_CANCELLED && h.outage == 994,
       "who cancels does not wait for them");
}

static void test_state(void)
{
    struct fake_host h = healthy;
    vf_autoerror struct vf_error *err = NULL;
    h.now.question = (char *)"msg.uuid.altered: moved or copied?";
    vf_auto(vf_provider_free) struct vf_provider *p = must_log_in(&h);
    vf_auto(vf_vm_free) struct vf_vm *asks = p->ops->describe(p, 7, NULL);
    ok(left(asks, "web-01") && left(asks, "web-01")->stop &&
           strstr(left(asks, "web-01")->why, "moved or copied"),
       "a question that waits stops it");
    h.now = (struct vf_esxi_now){.state = VF_VM_SUSPENDED};
    vf_auto(vf_vm_free) struct vf_vm *sleeps = p->ops->describe(p, 7, NULL);
    ok(sleeps->state == VF_VM_SUSPENDED, "suspended");
    h.template_ = true;
    ok(!p->ops->describe(p, 7, &err) && vf_error_code(err) == VF_E_UNSUPPORTED &&
           strstr(vf_error_text(err), "template"),
       "a template: %s", vf_error_text(err));
    struct vf_outline o;
    struct vf_vm listed = {.id = 7};
    ok(p->ops->outline(p, &listed, &o, NULL) == 0 && !o.vm && strstr(o.why, "template"),
       "which the list tells, too");
    vf_outline_clear(&o);
    h.template_ = false;
    h.vmx = NULL;
    vf_autoerror struct vf_error *unread = NULL, *gone = NULL;
    ok(!p->ops->describe(p, 7, &unread) && vf_error_code(unread) == VF_E_UNSUPPORTED, "%s",
       vf_error_text(unread));
    ok(!p->ops->describe(p, 8, &gone) && vf_error_code(gone) == VF_E_NOTFOUND, "%s",
       vf_error_text(gone));
}

static const char delta[] =
    DESCRIPTOR("seSparse", "12345678",
               "parentFileNameHint=\"web.vmdk\"\nRW 8192 SESPARSE \"web-000001-sesparse.vmdk\"");

static void test_snapshots(void)
{
    struct fake_host h = healthy;
    h.files[6] = (struct fake_file){"web 01/web-000001.vmdk", delta, 0};
    h.files[0].text = WITH("scsi0:0.fileName = \"web-000001.vmdk\"\n"
                           "scsi0:1.fileName = \"/vmfs/volumes/5f00-aa/data/two.vmdk\"\n");
    h.now.snapshots = 2;
    vf_auto(vf_provider_free) struct vf_provider *p = must_log_in(&h);
    vf_auto(vf_vm_free) struct vf_vm *vm = p->ops->describe(p, 7, NULL);
    ok(vm && vm->snapshots == 2 && vm->n_disks == 2, "snapshots are counted");
    is_str(vm->disks[0].volume, "[ds1] web 01/web.vmdk", "what they rest on is the disk");
    h.now.snapshots = 0;
    vf_auto(vf_vm_free) struct vf_vm *none = p->ops->describe(p, 7, NULL);
    const struct vf_left_out *l = left(none, "[ds1] web 01/web-000001.vmdk");
    ok(l && l->stop && none->n_disks == 1, "a delta without a snapshot: %s", l ? l->why : "");
    h.now.snapshots = 1;
    h.files[6].text = DESCRIPTOR("seSparse", "12345678",
                                 "parentFileNameHint=\"/vmfs/volumes/5f00-aa/data/two.vmdk\"\n"
                                 "RW 4096 SESPARSE \"web-000001-sesparse.vmdk\"");
    vf_auto(vf_vm_free) struct vf_vm *clone = p->ops->describe(p, 7, NULL);
    l = left(clone, "[ds1] web 01/web-000001.vmdk");
    ok(l && l->stop && strstr(l->why, "linked clone"), "%s", l ? l->why : "a linked clone");
    h.files[6].text = DESCRIPTOR("seSparse", "12345678", "parentFileNameHint=\"web-000001.vmdk\"");
    vf_auto(vf_vm_free) struct vf_vm *ring = p->ops->describe(p, 7, NULL);
    l = left(ring, "[ds1] web 01/web-000001.vmdk");
    ok(l && l->stop, "a chain without an end: %s", l ? l->why : "");
}

/* ---- what is changed ---- */

static int refuse_all(void *opaque, struct vf_error **err)
{
    return vf_fail(err, VF_E_CONFLICT, "another machine has the job");
}

static void test_changes(void)
{
    struct fake_host h = healthy;
    vf_autoerror struct vf_error *err = NULL, *late = NULL, *guarded = NULL, *none = NULL;
    vf_auto(vf_provider_free) struct vf_provider *p = must_log_in(&h);
    ok(p->ops->lacks(p) == 0, "nothing is lacking");
    ok(p->ops->describe_as(p, NULL, 7, "ours", "d1", NULL) == 0 &&
           p->ops->describe_as(p, NULL, 7, "ours", "d0", &late) < 0 &&
           vf_error_code(late) == VF_E_CONFLICT,
       "annotated by digest");
    ok(p->ops->rename(p, NULL, 7, "web 01--CLONING", NULL) == 0 &&
           p->ops->set_onboot(p, NULL, 7, false, NULL) == 0 &&
           p->ops->power(p, NULL, 7, VF_POWER_SHUTDOWN, 5, NULL) == 0 &&
           p->ops->drop_snapshots(p, 7, NULL) == 0,
       "and all else");
    is_str(h.log,
           "api: annotate ours\napi: rename web 01--CLONING\napi: onboot 0\napi: power shutdown\n"
           "api: snapshots removed\n",
           "by the API");
    free(VF_STEAL(h.log));
    p->ops->set_guard(p, refuse_all, NULL);
    ok(p->ops->rename(p, NULL, 7, "x", &guarded) < 0 && !h.log, "the guard forbids it: %s",
       vf_error_text(guarded));

    struct fake_host free_one = healthy;
    free_one.licence = true;
    vf_auto(vf_provider_free) struct vf_provider *f = must_log_in(&free_one);
    ok(f->ops->rename(f, NULL, 7, "y", &err) == 0, "a free licence: over SSH");
    is_str(free_one.log, "ssh: rename y\n", "by nothing else");
    ok(free_one.asked == 1 && free_one.logins[1] == 1, "with the password that was asked for");
    ok(f->ops->lacks(f) == VF_LACKS_ONBOOT, "what neither can is lacking");
    ok(f->ops->set_onboot(f, NULL, 7, false, &none) < 0 && vf_error_code(none) == VF_E_UNSUPPORTED,
       "and is not done: %s", vf_error_text(none));
    free(free_one.log);

    struct fake_host shut = healthy;
    shut.licence = true;
    shut.ssh = VF_E_AUTH;
    shut.ssh_says = "not by password";
    vf_autoerror struct vf_error *no = NULL, *no2 = NULL;
    vf_auto(vf_provider_free) struct vf_provider *s = must_log_in(&shut);
    ok(s->ops->rename(s, NULL, 7, "y", &no) < 0 && vf_error_code(no) == VF_E_UNSUPPORTED, "%s",
       vf_error_text(no));
    ok(s->ops->rename(s, NULL, 7, "y", &no2) < 0 && shut.logins[1] == 1,
       "a refused password is not tried again");
    ok(s->ops->lacks(s) == 15, "all of it is lacking");

    struct fake_host closed = healthy;
    closed.licence = true;
    closed.ssh = VF_E_NET;
    vf_autoerror struct vf_error *gone = NULL, *gone2 = NULL;
    vf_auto(vf_provider_free) struct vf_provider *d = must_log_in(&closed);
    ok(d->ops->rename(d, NULL, 7, "y", &gone) < 0, "no SSH: %s", vf_error_text(gone));
    ok(d->ops->rename(d, NULL, 7, "y", &gone2) < 0 && closed.logins[1] == 1,
       "is not dialled again for a while");
}

static void test_login(void)
{
    struct fake_host h = healthy;
    struct vf_login l;
    vf_auto(vf_provider_free) struct vf_provider *p = must_log_in(&h);
    p->ops->login(p, &l);
    ok(!l.way && vf_streq(l.user, "root") && l.password &&
           vf_streq(vf_secret_text(l.password), "secret"),
       "the typed password is handed on");
    h.api = VF_E_NET;
    vf_auto(vf_provider_free) struct vf_provider *s = must_log_in(&h);
    s->ops->login(s, &l);
    is_str(l.way, "ssh", "and which way is the only one");
}

static void test_addresses(void)
{
    struct fake_host h = healthy;
    char *all[] = {(char *)"127.0.0.1", (char *)"10.0.0.5", (char *)"fe80::1",
                   (char *)"2001:db8::5", NULL};
    vf_autoerror struct vf_error *err = NULL;
    h.now.addresses = all;
    vf_auto(vf_provider_free) struct vf_provider *p = must_log_in(&h);
    struct vf_vm vm = {.id = 7, .name = (char *)"web-01"};
    char **v = NULL;
    ok(p->ops->addresses(p, &vm, &v, &err) < 0 && p->ops->agent(p, NULL, 7) == 0,
       "without VMware Tools none: %s", vf_error_text(err));
    h.now.tools = true;
    ok(p->ops->addresses(p, &vm, &v, NULL) == 0 && p->ops->agent(p, NULL, 7) == 1, "with them");
    vf_autofree char *list = vf_strv_join(v, " ");
    is_str(list, "10.0.0.5 2001:db8::5", "those that others reach");
    vf_strv_free(v);
}

int main(void)
{
    setenv("VMFERRY_TEST_HASTE", "1000", 1);
    test_ways();
    test_vm();
    test_without_holes();
    test_try_read();
    test_datacenters();
    test_refused();
    test_outage();
    test_state();
    test_snapshots();
    test_changes();
    test_login();
    test_addresses();
    return done_testing();
}
