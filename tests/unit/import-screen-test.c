/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The wizard's way from an ESXi host, or from exported files, to a plan: without terminal, threads
 * and hosts. How many keys it takes is counted. Screens against tests/unit/screens/import-*;
 * GOLDEN=write in the environment writes those anew. */
#include "config.h"
#include "ui/wizard/pages.h"
#include "conf/added.h"
#include "plan/profile.h"
#include "provider/provider.h"
#include "base/str.h"
#include "tests/unit/screens.h"

#include <locale.h>
#include <stdlib.h>

#define GIB (UINT64_C(1) << 30)
#define CLUSTER(x)                                                                                 \
    "{ name = \"" x "\"; type = \"pve\"; url = \"https://" x ":8006\"; user = \"root@pam\"; }"
#define HOST(x) "{ name = \"" x "\"; type = \"esxi\"; url = \"https://" x "\"; user = \"root\"; }"

static const char conf_text[] = "clusters = (" HOST("esx1") ", " CLUSTER("beta") ");";
static const char bare_text[] = "clusters = (" CLUSTER("beta") ");";
static const char print[] = "AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:"
                            "11:22:33:44:55:66:77:88:99";
static const char way[] = "by SSH: its API does not answer";

static struct vf_conf *conf, *bare, *added;
static struct vf_wizard *w;
static unsigned numbers, keys;
static char *added_text;
static int kept;

/* ---- what the wizard has others do ---- */

static const struct vf_conf *add(void *opaque, struct vf_cluster_conf *c,
                                 const struct vf_secret *secret, enum vf_wizard_keep keep,
                                 struct vf_error **err)
{
    free(added_text);
    added_text = vf_conf_cluster_text(c);
    kept = keep;
    vf_conf_free(added);
    vf_autofree char *text = vf_conf_text_with(bare_text, c, "test.conf", err);
    added = text ? vf_conf_parse(text, strlen(text), "test.conf", err) : NULL;
    return added;
}

static char *find_file(void *opaque, const char *typed, struct vf_error **err)
{
    if (vf_starts(typed, "/srv"))
        return vf_strdup(typed);
    vf_fail(err, VF_E_NOTFOUND, "%s: no such file", typed);
    return NULL;
}

static char *complete(void *opaque, const char *typed)
{
    return vf_streq(typed, "/s") ? vf_strdup("/srv/") : NULL;
}

static const struct vf_wizard_hands hands = {.add = add,
                                             .find_file = find_file,
                                             .complete = complete,
                                             .conf_path = "/home/op/.config/vmferry/vmferry.conf",
                                             .no_demo = "the demo needs root"};

/* ---- looking and typing ---- */

static void screen(const char *name, int rows, int cols)
{
    vf_auto(vf_canvas_free) struct vf_canvas *c = vf_canvas_new(rows, cols, false);
    vf_wizard_draw(w, c);
    check_canvas(name, c);
}

static void screens(const char *name)
{
    vf_autofree char *small = vf_asprintf("%s-60x16", name);
    screen(name, 24, 80);
    screen(small, 16, 60);
}

static bool shows(const char *text)
{
    vf_auto(vf_canvas_free) struct vf_canvas *c = vf_canvas_new(40, 100, false);
    vf_wizard_draw(w, c);
    for (int i = 0; i < c->rows; i++) {
        vf_autofree char *row = vf_canvas_row(c, i);
        if (strstr(row, text))
            return true;
    }
    return false;
}

/* '\n' Enter, '\t' Tab, '<' Esc, '\b' Backspace, '}' Down, '{' Up; all are counted. */
static enum vf_wizard_end press(const char *text)
{
    static const struct {
        char c;
        int key;
    } names[] = {{'\n', VF_KEY_ENTER},     {'\t', VF_KEY_TAB}, {'<', VF_KEY_ESC},
                 {'\b', VF_KEY_BACKSPACE}, {'}', VF_KEY_DOWN}, {'{', VF_KEY_UP}};
    enum vf_wizard_end end = VF_WIZARD_GOES_ON;
    for (; *text && end == VF_WIZARD_GOES_ON; text++, keys++) {
        int key = *text;
        for (size_t i = 0; i < VF_COUNT(names); i++)
            key = names[i].c == *text ? names[i].key : key;
        end = vf_wizard_key(w, key);
    }
    return end;
}

static bool at(const char *name)
{
    vf_autofree char *row = vf_asprintf("> %s", name);
    return shows(row);
}

static void begin(const struct vf_conf *c)
{
    vf_wizard_free(w);
    w = vf_wizard_new(c, &hands);
    keys = 0;
}

static struct vf_survey_question question;

static struct vf_survey_answer *wanted(enum vf_survey_kind kind)
{
    question = (struct vf_survey_question){0};
    bool wants = vf_wizard_wants(w, &question);
    if (!ok(wants && question.kind == kind, "it wants to know that"))
        printf("# wants %d, %d\n", wants, (int)question.kind);
    vf_wizard_asked(w, ++numbers);
    struct vf_survey_answer *a = vf_xcalloc(1, sizeof *a);
    a->number = numbers;
    a->kind = kind;
    return a;
}

/* ---- the host's VMs ---- */

static struct vf_vm *add_vm(struct vf_survey_answer *a, unsigned id, const char *name,
                            const char *system)
{
    struct vf_vm *v = vf_vm_new();
    v->id = id;
    v->name = vf_strdup(name);
    v->node = vf_strdup("esx1");
    v->system = vf_strdup(system);
    v->state = id % 2 ? VF_VM_RUNNING : VF_VM_STOPPED;
    v->memory = id * GIB;
    *(struct vf_vm **)vf_grow(&a->vms, &a->n_vms, sizeof v) = v;
    return v;
}

static void give_vms(void)
{
    struct vf_survey_answer *a = wanted(VF_SURVEY_VMS);
    add_vm(a, 4, "crm", "Debian GNU/Linux 7");
    add_vm(a, 2, "pause", "rhel6_64Guest")->state = VF_VM_SUSPENDED;
    add_vm(a, 3, "snap", "windows9Server64Guest")->called = vf_strdup("snap (\u00c4)");
    add_vm(a, 1, "web\x1b[2J", "debian10_64Guest");
    struct vf_seen_node *n = vf_grow(&a->nodes, &a->n_nodes, sizeof *n);
    *n = (struct vf_seen_node){.name = vf_strdup("esx1"), .online = true};
    a->way = vf_strdup(way);
    vf_wizard_take(w, a);
}

/* crm, as its VMX file describes it. */
static struct vf_vm *crm(void)
{
    struct vf_vm *v = vf_vm_new();
    v->id = 4;
    v->name = vf_strdup("crm");
    v->node = vf_strdup("esx1");
    v->memory = 4 * GIB;
    v->sockets = 1;
    v->cores = 2;
    v->state = VF_VM_STOPPED;
    v->guest = VF_GUEST_OLD;
    v->system = vf_strdup("Debian GNU/Linux 7");
    vf_opts_set(&v->opts, "bios", "seabios");
    vf_opts_set(&v->opts, "scsihw", "lsi");
    for (unsigned i = 0; i < 2; i++) {
        struct vf_disk *d = vf_vm_add_disk(v);
        d->slot = vf_asprintf("scsi%u", i);
        d->storage = vf_strdup("datastore1");
        d->volume = vf_asprintf("[datastore1] crm/crm%s.vmdk", i ? "_1" : "");
        d->format = vf_strdup("vmdk");
        d->size = (8 + 8 * i) * GIB;
        d->used = 2 * GIB;
        struct vf_nic *n = vf_vm_add_nic(v);
        n->index = i;
        n->model = vf_strdup("vmxnet3");
        n->bridge = vf_strdup(i ? "DMZ" : "VM Network");
        n->tag = i ? 12 : 0;
        n->mac = vf_asprintf("00:50:56:00:00:0%u", i);
    }
    struct vf_left_out *l = vf_vm_leave_out(v, "floppy0", "Proxmox VE has no floppy drives");
    l->minor = true;
    return v;
}

static void give_outline(unsigned id, const char *why, bool snapshots)
{
    struct vf_survey_answer *a = vf_xcalloc(1, sizeof *a);
    a->number = numbers;
    a->kind = VF_SURVEY_OUTLINES;
    a->more = true;
    a->outline.id = id;
    a->outline.why = vf_strdup(why);
    a->outline.vm = why ? NULL : crm();
    a->outline.snapshots = snapshots;
    vf_wizard_take(w, a);
}

static void give_outlines(void)
{
    vf_survey_answer_free(wanted(VF_SURVEY_OUTLINES));
    give_outline(1, NULL, false);
    give_outline(2, NULL, false);
    give_outline(3, NULL, true);
    give_outline(4, NULL, false);
}

static void test_source(void)
{
    begin(conf);
    screens("import-start");
    press("}\n");
    screens("import-source");
    ok(at("esx1") && !shows("beta"), "ESXi hosts are sources, Proxmox clusters are not");
    press("\n");
    ok(shows("Looking at esx1"), "a host that is configured: its VMs");
    give_vms();
    ok(shows("Looked at by SSH: its API does not answer"), "which way it went is said, and why");
    give_outlines();
    screens("import-vms");
    ok(shows("Debian GNU/Linux 7") && !shows("\x1b[2J"), "with the systems in them");
    press("}");
    ok(at("pause") || shows("suspended"), "why one cannot be imported");
    press("/pause");
    ok(shows("suspended: resume it where it is, and shut it down there"), "is in the status line");
    ok(press("\n") == VF_WIZARD_GOES_ON && shows("Which VM"), "and it is not chosen");
    press("/</crm\n<d");
    screen("import-vm", 24, 80);
    press("<\n");
    ok(shows("To which cluster?") && at("beta") && !shows("https://esx1"),
       "an ESXi host is no target");
    press("<<<");
    ok(shows("What is to be done?"), "back");
    press("{\n");
    ok(shows("From which cluster?") && at("beta") && !shows("esx1"), "nor a source of a move");
}

/* ---- a host that is added ---- */

static struct vf_survey_answer *tries(const char *url)
{
    struct vf_survey_answer *a = wanted(VF_SURVEY_LOGIN);
    const struct vf_cluster_conf *c =
        question.conf ? vf_conf_cluster(question.conf, question.cluster, NULL) : NULL;
    ok(c && vf_streq(c->type, "esxi") && vf_streq(c->urls[0], url), "it tries what was filled in");
    return a;
}

static void fails(struct vf_survey_answer *a, enum vf_error_code code, const char *text)
{
    vf_fail(&a->error, code, "%s", text);
    vf_wizard_take(w, a);
}

static void test_host(void)
{
    begin(bare);
    press("}\n");
    ok(at("Add a host"), "without one it begins with adding one");
    press("\n");
    screens("import-host");
    press("10.0.0.9\n");
    ok(!vf_wizard_waits(w), "a password is missing");
    press("geheim\n");
    fails(tries("https://10.0.0.9"), VF_E_NET, "10.0.0.9 does not answer");
    ok(at("Address") && shows("port 443 (API) or 22"), "what to look at when nothing answers");
    press("\n");
    fails(tries("https://10.0.0.9"), VF_E_AUTH, "the password is wrong");
    ok(at("Password") && !shows("***") && shows("not tried again by itself"),
       "a wrong password is typed again by a person, or not at all");
    screen("import-host-error-60x16", 16, 60);
    press("besser\n");
    struct vf_survey_answer *a = tries("https://10.0.0.9");
    a->login.user = vf_strdup("root");
    a->login.fingerprint = vf_strdup(print);
    a->login.way = vf_strdup(way);
    vf_wizard_take(w, a);
    screens("import-keep");
    press("\n");
    ok(kept == VF_KEEP_NOT && strstr(added_text, print) && !strstr(added_text, "besser"),
       "kept as was said, without the password");
    ok(shows("Looking at 10.0.0.9"), "and it is the source");
    vf_survey_answer_free(wanted(VF_SURVEY_VMS));
    press("<");
    ok(at("10.0.0.9") && shows("Exported files"), "beside what there was");
}

/* ---- exported files ---- */

static void test_files(void)
{
    begin(bare);
    press("}\n}\n");
    screens("import-files");
    press("web.ova\n");
    ok(shows("no such file"), "a file that is not there is said");
    press("\b\b\b\b\b\b\b/s\t");
    ok(shows("/srv/"), "Tab completes");
    press("crm.ova\n");
    struct vf_survey_answer *a = wanted(VF_SURVEY_VMS);
    ok(vf_streq(question.cluster, "/srv/crm.ova"), "what is in it is looked up");
    add_vm(a, 1, "crm", NULL)->state = VF_VM_STOPPED;
    vf_wizard_take(w, a);
    ok(shows("vmferry  crm.ova") && at("crm"), "its VMs are listed");
    press("<");
    ok(shows("Where are the exported VMs?") && shows("/srv/crm.ova"), "back is the file");
    press("<");
    ok(at("Exported files"), "then where from");
    press("<{\n");
    ok(at("beta"), "a move does not begin with files");
}

/* ---- the whole way, and the plan ---- */

/* The host and the target as they are now. */
static struct {
    enum vf_guest_age guest;
    const char *system;
    bool runs, snapshots, ssh_off, keeps_name;
    double seconds; /* that it takes, or at least (RUNS) takes, by measuring; 0: not known */
} world;

static struct vf_vm *source_vm(void)
{
    struct vf_vm *v = crm();
    v->guest = world.guest;
    v->state = world.runs ? VF_VM_RUNNING : VF_VM_STOPPED;
    vf_str_set(&v->system, world.system);
    return v;
}

static void add_places(struct vf_survey_answer *a)
{
    struct vf_seen_storage *s = vf_grow(&a->storages, &a->n_storages, sizeof *s);
    *s = (struct vf_seen_storage){.name = vf_strdup("local"),
                                  .type = vf_strdup("dir"),
                                  .formats = vf_strv_split("raw qcow2 vmdk", " "),
                                  .total = 400 * GIB,
                                  .avail = 300 * GIB};
    a->bridges = vf_strv_split("vmbr0 vmbr1", " ");
}

static struct vf_plan *make_plan(const struct vf_vm *v, const struct vf_move *m)
{
    struct vf_plan *p = vf_plan_new();
    p->source = vf_strdup(m->source);
    p->target = vf_strdup(m->target);
    p->vm_id = v->id;
    p->vm_name = vf_strdup(v->name);
    p->target_node = vf_strdup(m->node);
    p->wait_before_stop = m->wait_before_stop;
    for (size_t i = 0; i < v->n_disks; i++) {
        struct vf_plan_disk *d = vf_plan_add_disk(p);
        d->slot = vf_strdup(v->disks[i].slot);
        d->volume = vf_strdup(v->disks[i].volume);
        d->size = v->disks[i].size;
        d->storage = vf_strdup(m->storage);
        d->format = vf_strdup("raw");
    }
    for (size_t i = 0; i < v->n_nics; i++) {
        struct vf_plan_nic *n = vf_plan_add_nic(p);
        n->index = v->nics[i].index;
        n->bridge = vf_strdup(v->nics[i].bridge);
    }
    vf_plan_set_profile(p, v, vf_profile_for(v->guest));
    return p;
}

/* What preflight would find. */
static void check(struct vf_survey_answer *a)
{
    struct vf_prepared *p = &a->prepared;
    for (size_t i = 0; i < p->plan->n_nics; i++) {
        vf_autofree char *what = vf_asprintf("net%u", p->plan->nics[i].index);
        if (!vf_strv_has(a->bridges, p->plan->nics[i].bridge))
            vf_finding_add(&p->findings, VF_STOP, what, "choose another",
                           "node %s has no bridge %s", p->plan->target_node,
                           p->plan->nics[i].bridge);
    }
    if (world.ssh_off && !vf_plan_fixes(p->plan, VF_FIX_SWITCH_SSH_ON)) {
        vf_finding_add(&p->findings, VF_WARN, "SSH service of esx1", "let vmferry do it",
                       "it is off");
        vf_finding_fix(&p->findings, vf_fix_words[VF_FIX_SWITCH_SSH_ON]);
    }
    if (world.snapshots && !p->plan->remove_snapshots) {
        vf_finding_add(&p->findings, VF_STOP, "crm", "remove them", "it has 2 snapshots");
        vf_finding_fix(&p->findings, VF_FIX_SNAPSHOTS);
    }
}

static void answer_plan(struct vf_survey_answer *a, const struct vf_survey_question *q)
{
    struct vf_prepared *p = &a->prepared;
    p->source = source_vm();
    p->plan = q->plan ? vf_plan_copy(q->plan) : make_plan(p->source, q->move);
    p->bytes = 4 * GIB;
    p->forecast_seconds = p->forecast_down_seconds = -1;
    if (q->measure && world.seconds > 0) {
        p->forecast_seconds = world.seconds;
        p->forecast_down_seconds = world.runs ? world.seconds : 0;
        p->forecast_lacks = world.runs ? "how fast it is read" : NULL;
    }
    p->lacks = world.keeps_name ? VF_LACKS_RENAME : 0;
    p->way = vf_strdup(way);
    add_places(a);
    check(a);
}

/* Answers what the wizard wants, until it wants nothing. */
static void serve(void)
{
    struct vf_survey_question q = {0};
    for (unsigned n = 0; n < 20 && vf_wizard_wants(w, &q); n++) {
        vf_wizard_asked(w, ++numbers);
        struct vf_survey_answer *a = vf_xcalloc(1, sizeof *a);
        a->number = numbers;
        a->kind = q.kind;
        if (q.kind == VF_SURVEY_PLAN) {
            answer_plan(a, &q);
        } else if (q.kind == VF_SURVEY_VMS) {
            add_vm(a, 4, "crm", world.system)->state = VF_VM_STOPPED;
            a->way = vf_strdup(way);
        } else if (q.kind == VF_SURVEY_NODES) {
            struct vf_seen_node *node = vf_grow(&a->nodes, &a->n_nodes, sizeof *node);
            *node = (struct vf_seen_node){.name = vf_strdup("b1"), .online = true};
        } else if (q.kind == VF_SURVEY_PLACES) {
            add_places(a);
        }
        vf_wizard_take(w, a);
    }
}

/* KEYS one after the other, each answered before the next. */
static enum vf_wizard_end walk(const char *text)
{
    enum vf_wizard_end end = VF_WIZARD_GOES_ON;
    for (; *text && end == VF_WIZARD_GOES_ON; text++) {
        end = press((const char[]){*text, 0});
        serve();
    }
    return end;
}

/* The cursor on the row whose beginning is LABEL, and Enter. */
static enum vf_wizard_end enter(const char *label)
{
    struct vf_list *l = &w->lists[w->page];
    for (size_t i = 0; i < l->n_rows; i++)
        if (vf_streq(l->rows[i].cells[0], label)) {
            l->cursor = i;
            return walk("\n");
        }
    ok(false, "a row %s", label);
    return VF_WIZARD_GOES_ON;
}

static struct vf_plan *plan(void)
{
    return w->sheet->plan;
}

/* From the first page to a plan that can be started. */
static void arrive(enum vf_guest_age guest, const char *system)
{
    world.guest = guest;
    world.system = system;
    begin(conf);
    walk("}\n\n\n\n\n\n");
    ok(shows("Is this right?"), "the plan's page");
}

/* The row says how long it takes; of a VM that runs, whose disks nobody can try, how long at least.
 */
static void test_expected(void)
{
    world.seconds = 300;
    arrive(VF_GUEST_OLD, "Debian GNU/Linux 7");
    ok(shows("4.0 GiB: about 3 min to 10 min; already stopped"), "as long as that was measured");
    world.runs = true;
    arrive(VF_GUEST_OLD, "Debian GNU/Linux 7");
    ok(shows("4.0 GiB: at least 3 min; down: at least 3 min"), "as long at least");
    world.runs = false;
    world.seconds = 0;
}

static void test_story(void)
{
    arrive(VF_GUEST_OLD, "Debian GNU/Linux 7");
    screens("import-sheet-open");
    ok(at("Network"), "a port group needs a bridge");
    walk("\n");
    ok(shows("VM Network: to which bridge"), "which is asked");
    walk("\n");
    ok(at("Network") && shows("DMZ tag 12"), "then the next, whose VLAN is proposed as tag");
    walk("\n}\n");
    ok(at("Start"), "then it can be started");
    screens("import-sheet");
    ok(walk("\n") == VF_WIZARD_GOES_ON && shows("Import crm now?"), "which is asked once more");
    ok(walk("\n") == VF_WIZARD_START, "and begins");
    printf("# %u keys\n", keys);
    ok(keys <= 15, "15 keys are enough for a VM with two networks");
    const struct vf_plan *p = vf_wizard_plan(w, 0);
    ok(vf_streq(p->source, "esx1") && vf_streq(p->nics[1].bridge, "vmbr1") &&
           p->nics[1].tag == VF_VLAN_KEEP && p->profile == VF_PROFILE_OLD,
       "with what was chosen");
    walk("p");
    screen("import-plan", 24, 80);
    ok(shows("Import crm (stopped) from esx1 to beta/b1") && shows("renamed to crm--MIGRATED"),
       "it is said as an import");
    world.keeps_name = true;
    walk("<r");
    walk("p");
    ok(shows("the source keeps its name") && !shows("MIGRATED"),
       "no name is said that it never has");
    world.keeps_name = false;
}

static void test_hardware(void)
{
    world.runs = true;
    arrive(VF_GUEST_OLD, "Debian GNU/Linux 7");
    walk("\n\n\n\n");
    ok(shows("old: IDE, e1000, off the network (Debian GNU/Linux 7)"), "old hardware, and why");
    ok(shows("as ide0") && shows("disconnected") && shows("Connected"), "is what it gets");
    ok(!shows("Method") && !shows("Route") && !shows("Copy before"),
       "nothing that only Proxmox clusters do");
    ok(shows("via this machine, by SSH; fastest on b1"), "where the data goes");
    enter("Data");
    ok(shows("by SSH: its API does not answer") && shows("run vmferry on node b1"), "and why");
    walk("<");
    enter("Hardware");
    screen("import-hardware", 24, 80);
    walk("1\n");
    ok(plan()->profile == VF_PROFILE_MODERN && shows("proposed for Debian GNU/Linux 7: old"),
       "it is changed, what was proposed is said");
    ok(!plan()->disks[0].target_slot && plan()->disks[0].iothread == 1 &&
           vf_streq(plan()->nics[0].model, "virtio") && plan()->nics[0].disconnected < 0,
       "and with it disks and cards");
    ok(!shows("Connected"), "what is of old ones alone is gone");
    world.runs = false;
    enter("Disk scsi0");
    ok(shows("IO thread") && shows("writeback"), "its settings");
    enter("Format");
    ok(shows("qcow2") && shows("vmdk"), "also the format for people who may go back");
    walk("3\n");
    enter("Cache");
    ok(shows("as Proxmox VE has it") && !shows("as at the source"), "there was no such thing");
    walk("<<");
    ok(vf_streq(plan()->disks[0].format, "vmdk"), "and is taken");
    enter("Network");
    enter("Card net0");
    enter("MAC address");
    walk("3\n\b\b\b\b\b\b\b\b\b\b\b\b\b\b\b\b\b52:54:00:11:22:33\n");
    ok(vf_streq(plan()->nics[0].mac, "52:54:00:11:22:33"), "a MAC address that a provider gave");
    walk("<<r");
    ok(plan()->profile == VF_PROFILE_MODERN && vf_streq(plan()->disks[0].format, "vmdk") &&
           vf_streq(plan()->nics[0].mac, "52:54:00:11:22:33") &&
           vf_streq(plan()->nics[0].model, "virtio") && !plan()->disks[0].target_slot,
       "made anew, the plan keeps what was set");
    arrive(VF_GUEST_WINDOWS, "windows9Server64Guest");
    ok(shows("Windows: SATA") && shows("Driver disk"), "Windows has its own");
    enter("Driver disk");
    walk("1\n");
    ok(plan()->driver_disk && shows("yes, a virtio disk of 1 GiB"), "with a disk for the driver");
    arrive(VF_GUEST_UNSURE, "Debian GNU/Linux 8");
    ok(shows("Debian GNU/Linux 8 may be either"), "of some a person knows");
}

/* One that is stopped at the source is started when that is wanted, and its console looked at. */
static void test_start(void)
{
    arrive(VF_GUEST_OLD, "Debian GNU/Linux 7");
    walk("\n\n\n\n");
    ok(shows("no, it is stopped there"), "stopped there, it stays so");
    ok(!shows("Connected") && !vf_plan_starts(plan(), false), "and nobody is asked about it");
    unsigned before = keys;
    enter("Start there");
    walk("2\n");
    printf("# %u keys\n", keys - before);
    ok(plan()->start_stopped && plan()->wait_before_start && vf_plan_starts(plan(), false),
       "it can be started when somebody says so");
    ok(shows("yes, when you say so") && shows("Connected"),
       "and is connected when its console was seen");
    screens("import-sheet-starts");
    walk("r");
    ok(plan()->start_stopped && plan()->wait_before_start, "made anew, the plan keeps that");
    enter("Start there");
    walk("1\n");
    ok(!plan()->start_stopped && plan()->start && !plan()->wait_before_start && !shows("Connected"),
       "or not after all");
}

static void test_fixes(void)
{
    world.snapshots = world.ssh_off = true;
    arrive(VF_GUEST_MODERN, "debian10_64Guest");
    walk("\n\n\n\n");
    ok(shows("it has 2 snapshots"), "snapshots stop it");
    enter("VM");
    screen("import-snapshots", 24, 80);
    walk("\n");
    ok(!plan()->remove_snapshots, "nothing is removed unasked");
    enter("VM");
    walk("1\n");
    ok(plan()->remove_snapshots && !shows("it has 2 snapshots"), "but when agreed to");
    enter("Warning");
    ok(shows("Switch the host's SSH service on") && shows("switched off again at the end"),
       "the SSH service can be switched on");
    walk("1\n");
    ok(vf_plan_fixes(plan(), VF_FIX_SWITCH_SSH_ON) && !shows("Warning"), "and is");
    world.snapshots = world.ssh_off = false;
}

int main(void)
{
    if (!setlocale(LC_ALL, "C.UTF-8")) {
        skip("screens", "no locale C.UTF-8");
        return done_testing();
    }
    conf = vf_conf_parse(conf_text, strlen(conf_text), "test.conf", NULL);
    bare = vf_conf_parse(bare_text, strlen(bare_text), "test.conf", NULL);
    if (ok(conf && bare, "configurations")) {
        test_source();
        test_host();
        test_files();
        test_start();
        test_expected();
        test_story();
        test_hardware();
        test_fixes();
    }
    vf_wizard_free(w);
    vf_conf_free(conf);
    vf_conf_free(bare);
    vf_conf_free(added);
    free(added_text);
    return done_testing();
}
