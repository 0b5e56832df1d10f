/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The wizard's plan sheet without terminal, threads and clusters: keys and answers go in, the plan
 * comes out. What the checks would say is said by check(), below. Screens against
 * tests/unit/screens/sheet-*; GOLDEN=write in the environment writes those anew. */
#include "config.h"
#include "ui/wizard/pages.h"
#include "base/str.h"
#include "tests/unit/screens.h"

#include <ftw.h>
#include <locale.h>
#include <stdio.h>
#include <unistd.h>

static const char conf_text[] =
    "clusters = ( { name = \"alpha\"; type = \"pve\"; url = \"https://a1:8006\"; user = "
    "\"root@pam\"; }, { name = \"beta\"; type = \"pve\"; url = \"https://b1:8006\"; user = "
    "\"root@pam\"; } );";

#define is_num(got, want, what) ok((got) == (want), what)

static struct vf_conf *conf;
static struct vf_wizard *w;
static struct vf_networks *networks;
static unsigned numbers;

/* The clusters as they are now. */
static struct {
    bool runs;         /* web1 */
    const char *disk;  /* its first disk's volume */
    const char *taken; /* a name that is taken at the target */
    bool offline;      /* nothing is answered */
    double seconds;    /* what is measured; 0: nothing */
    unsigned measured; /* how often */
} world;

/* ---- looking and typing ---- */

static void screen(const char *name, int rows, int cols)
{
    vf_auto(vf_canvas_free) struct vf_canvas *c = vf_canvas_new(rows, cols, false);
    vf_wizard_draw(w, c);
    check_canvas(name, c);
}

/* The first row with TEXT, NULL: none. Caller frees. */
static char *row_with(const char *text)
{
    vf_auto(vf_canvas_free) struct vf_canvas *c = vf_canvas_new(50, 100, false);
    vf_wizard_draw(w, c);
    for (int i = 0; i < c->rows; i++) {
        char *row = vf_canvas_row(c, i);
        if (strstr(row, text))
            return row;
        free(row);
    }
    return NULL;
}

static bool shows(const char *text)
{
    vf_autofree char *row = row_with(text);
    return row != NULL;
}

static bool shows_both(const char *text, const char *other)
{
    vf_autofree char *row = row_with(text);
    return row && strstr(row, other);
}

/* '\n' Enter, '\b' Esc, '\t' Down, '\v' Up, '\r' Home, '\x7f' Backspace. */
static enum vf_wizard_end press(const char *keys)
{
    static const struct {
        char c;
        int key;
    } names[] = {{'\n', VF_KEY_ENTER}, {'\b', VF_KEY_ESC},  {'\t', VF_KEY_DOWN},
                 {'\v', VF_KEY_UP},    {'\r', VF_KEY_HOME}, {'\x7f', VF_KEY_BACKSPACE}};
    enum vf_wizard_end end = VF_WIZARD_GOES_ON;
    for (; *keys && end == VF_WIZARD_GOES_ON; keys++) {
        int key = (unsigned char)*keys;
        for (size_t i = 0; i < VF_COUNT(names); i++)
            if (names[i].c == *keys)
                key = names[i].key;
        end = vf_wizard_key(w, key);
    }
    return end;
}

/* The cursor on the row whose beginning is LABEL. */
static void at(const char *label)
{
    struct vf_list *l = &w->lists[w->page];
    for (size_t i = 0; i < l->n_rows; i++)
        if (vf_streq(l->rows[i].cells[0], label)) {
            l->cursor = i;
            return;
        }
    ok(false, "a row %s", label);
}

/* Enter on the row LABEL. */
static enum vf_wizard_end enter(const char *label)
{
    at(label);
    return press("\n");
}

/* What is typed instead of what stands there. */
static enum vf_wizard_end type(const char *text)
{
    while (w->question.typed[0])
        press("\x7f");
    press(text);
    return press("\n");
}

static bool focused(const char *label)
{
    const struct vf_list_row *r = vf_list_row(&w->lists[w->page]);
    return r && vf_streq(r->cells[0], label);
}

/* ---- clusters ---- */

static struct vf_vm *make_vm(unsigned id)
{
    static const struct {
        const char *bridge;
        unsigned tag;
    } nics[] = {{"vmbr0", 0}, {"vmbr5", 20}, {"vmbr5", 20}};
    struct vf_vm *v = vf_vm_new();
    v->id = id;
    v->name = vf_asprintf("web%u", id - 99);
    v->node = vf_strdup("a1");
    v->state = world.runs ? VF_VM_RUNNING : VF_VM_STOPPED;
    for (unsigned i = 0; i < VF_COUNT(nics); i++) {
        struct vf_nic *n = vf_vm_add_nic(v);
        n->index = i;
        n->model = vf_strdup("virtio");
        n->mac = vf_asprintf("BC:24:11:00:00:0%u", i);
        n->bridge = vf_strdup(nics[i].bridge);
        n->tag = nics[i].tag;
    }
    for (unsigned i = 0; i < 2; i++) {
        struct vf_disk *d = vf_vm_add_disk(v);
        d->slot = vf_asprintf("scsi%u", i);
        d->storage = vf_strdup("local");
        d->volume = vf_strdup(i ? "local:100/vm-100-disk-1.raw" : world.disk);
        d->format = vf_strdup(i ? "raw" : "qcow2");
        d->size = (UINT64_C(32) + i * 68) << 30;
        d->used = UINT64_C(9) << 30;
    }
    struct vf_cdrom *c = vf_vm_add_cdrom(v);
    c->slot = vf_strdup("ide2");
    c->media = vf_strdup("local:iso/x.iso");
    return v;
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
        d->format = vf_strdup(v->disks[i].format);
    }
    for (size_t i = 0; i < v->n_nics; i++) {
        struct vf_plan_nic *n = vf_plan_add_nic(p);
        n->index = v->nics[i].index;
        n->bridge = vf_strdup(v->nics[i].bridge);
    }
    return p;
}

/* What preflight would find. */
static void check(struct vf_survey_answer *a)
{
    struct vf_prepared *p = &a->prepared;
    const char *name = p->plan->target_name ? p->plan->target_name : p->plan->vm_name;
    for (size_t i = 0; i < p->plan->n_nics; i++) {
        const struct vf_plan_nic *n = &p->plan->nics[i];
        vf_autofree char *what = vf_asprintf("net%u", n->index);
        if (!vf_strv_has(a->bridges, n->bridge))
            vf_finding_add(&p->findings, VF_STOP, what, "choose another",
                           "node %s has no bridge %s", p->plan->target_node, n->bridge);
    }
    if (vf_streq(name, world.taken))
        vf_finding_add(&p->findings, VF_STOP, name, "rename that VM",
                       "VM 105 at beta has this name already");
    if (!p->plan->cpu)
        vf_finding_add(&p->findings, VF_WARN, "cpu", NULL,
                       "the guest sees another processor type there, which some licences notice");
    bool ejected = vf_plan_fixes(p->plan, VF_FIX_EJECT_ISO);
    vf_finding_add(&p->findings, VF_INFO, "ide2", NULL,
                   ejected ? "the medium is ejected" : "the drive will be empty at the target");
    if (!ejected)
        vf_finding_fix(&p->findings, "eject-iso");
    if (vf_streq(p->plan->disks[0].format, "raw"))
        vf_finding_add(&p->findings, VF_WARN, "scsi0", NULL, "its snapshots stay behind");
}

static void add_places(struct vf_survey_answer *a, const char *node)
{
    static const struct {
        const char *name, *type, *formats;
        unsigned free;
    } storages[] = {{"fast", "zfspool", "raw", 300},
                    {"full", "dir", "qcow2 raw", 0},
                    {"local", "dir", "qcow2 raw vmdk", 70}};
    a->bridges = vf_strv_new();
    vf_strv_add(&a->bridges, "vmbr0");
    vf_strv_add(&a->bridges, "vmbr1");
    if (vf_streq(node, "b2"))
        vf_strv_add(&a->bridges, "vmbr7");
    for (size_t i = 0; i < VF_COUNT(storages); i++) {
        if (vf_streq(storages[i].name, "fast") && !vf_streq(node, "b2"))
            continue;
        struct vf_seen_storage *s = vf_grow(&a->storages, &a->n_storages, sizeof *s);
        *s = (struct vf_seen_storage){.name = vf_strdup(storages[i].name),
                                      .type = vf_strdup(storages[i].type),
                                      .formats = vf_strv_split(storages[i].formats, " "),
                                      .total = UINT64_C(400) << 30,
                                      .avail = (uint64_t)storages[i].free << 30};
    }
}

static void answer_plan(struct vf_survey_answer *a, const struct vf_survey_question *q)
{
    struct vf_prepared *p = &a->prepared;
    p->source = make_vm(q->plan ? q->plan->vm_id : (unsigned)strtoul(q->move->vm, NULL, 10));
    if (q->plan && !vf_streq(q->plan->disks[0].volume, world.disk)) {
        vf_finding_add(&p->findings, VF_STOP, "web1", NULL, "it is no longer what was planned");
        return;
    }
    p->plan = q->plan ? vf_plan_copy(q->plan) : make_plan(p->source, q->move);
    vf_plan_choose_macs(p->plan, "BC:24:11", NULL);
    p->bytes = UINT64_C(18) << 30;
    p->forecast_seconds = p->forecast_down_seconds = -1;
    add_places(a, p->plan->target_node);
    check(a);
}

/* What is found at the hosts, and how fast they are. */
static void answer_measured(struct vf_survey_answer *a, const struct vf_survey_question *q)
{
    answer_plan(a, q);
    world.measured++;
    if (!world.seconds || !a->prepared.plan)
        return;
    size_t from = a->prepared.findings.n;
    a->prepared.forecast_seconds = world.seconds;
    a->prepared.forecast_down_seconds = world.seconds / 10;
    vf_finding_add(&a->prepared.findings, VF_WARN, "b2", NULL, "its clock is 70 s ahead");
    vf_findings_name(&a->prepared.findings, from, "clock");
}

static void answer_vms(struct vf_survey_answer *a)
{
    *(struct vf_vm **)vf_grow(&a->vms, &a->n_vms, sizeof(struct vf_vm *)) = make_vm(100);
}

static void answer_nodes(struct vf_survey_answer *a)
{
    for (int i = 1; i < 3; i++) {
        struct vf_seen_node *n = vf_grow(&a->nodes, &a->n_nodes, sizeof *n);
        *n = (struct vf_seen_node){.name = vf_asprintf("b%d", i), .online = true};
    }
}

/* Answers what the wizard wants, until it wants nothing; how often it did. */
static unsigned serve(void)
{
    struct vf_survey_question q = {0};
    unsigned n = 0;
    for (; vf_wizard_wants(w, &q) && n < 10; n += !q.measure) {
        vf_wizard_asked(w, ++numbers);
        struct vf_survey_answer *a = vf_xcalloc(1, sizeof *a);
        a->number = numbers;
        a->kind = q.kind;
        if (world.offline)
            vf_fail(&a->error, VF_E_NET, "no route to beta");
        else if (q.measure)
            answer_measured(a, &q);
        else if (q.kind == VF_SURVEY_PLAN)
            answer_plan(a, &q);
        else if (q.kind == VF_SURVEY_VMS)
            answer_vms(a);
        else if (q.kind == VF_SURVEY_NODES)
            answer_nodes(a);
        else
            add_places(a, q.node);
        vf_wizard_take(w, a);
    }
    return n;
}

/* The first N VMs are to be moved. */
static void choose(size_t n)
{
    struct chosen_vm *vms = vf_xcalloc(n, sizeof *vms);
    for (size_t i = 0; i < n; i++) {
        vms[i].vm = vf_asprintf("%zu", 100 + i);
        vms[i].name = vf_asprintf("web%zu", 1 + i);
    }
    vf_wizard_choose_vms(w, vms, n);
}

static int save_plans(void *opaque, struct vf_plan *const *v, size_t n, const char *path,
                      bool replace, struct vf_error **err)
{
    if (!replace && access(path, F_OK) == 0)
        return vf_fail(err, VF_E_CONFLICT, "there is one");
    return vf_plans_save(v, n, path, err);
}

/* A new wizard, at the plan's page for web1 to beta/NODE, storage local. */
static void arrive(const char *node)
{
    vf_wizard_free(w);
    vf_networks_free(networks);
    networks = vf_networks_load();
    struct vf_wizard_hands hands = {.save_plans = save_plans, .networks = networks};
    w = vf_wizard_new(conf, &hands);
    vf_str_set(&w->source, "alpha");
    choose(1);
    vf_str_set(&w->target, "beta");
    vf_str_set(&w->node, node);
    vf_str_set(&w->storage, "local");
    vf_wizard_go(w, PAGE_SHEET);
    serve();
}

static const struct vf_plan *plan(void)
{
    return w->sheet->plan;
}

/* ---- */

static void test_arrival(void)
{
    arrive("b2");
    screen("sheet-open", 24, 80);
    screen("sheet-open-60x16", 16, 60);
    ok(focused("Network (2)") && shows_both("vmbr5 tag 20", "-> ?"),
       "a network without an answer has the focus");
    ok(shows_both("vmbr5 tag 20", "*STOP"), "and the mark of what was found about it");
    ok(shows("has no bridge vmbr5"), "which is told");
    ok(!w->sheet->plan->disks[0].target_slot && plan()->wait_before_stop,
       "a running VM is only shut down when somebody says so");
    press("\r\n");
    ok(shows("see the rows with STOP") && !w->question.ask, "it cannot be started like that");
    at("Network (2)");
    press("\n");
    screen("sheet-net", 24, 80);
    press("\t\n");
    ok(focused("Start") && shows("-> vmbr1 tag 20"), "answered: the start has the focus");
    ok(shows("checking"), "while it is checked again");
    press("\n");
    ok(!w->question.ask, "until then it is not started");
    is_num(serve(), 1, "one check");
    screen("sheet", 24, 80);
    screen("sheet-60x16", 16, 60);
    ok(vf_streq(plan()->nics[1].bridge, "vmbr1") && vf_streq(plan()->nics[2].bridge, "vmbr1") &&
           vf_streq(plan()->nics[0].bridge, "vmbr0"),
       "all cards of that network, and no other");
}

static void test_names(void)
{
    world.taken = "web1";
    arrive("b1");
    at("VM");
    ok(shows("VM 105 at beta has this name") && shows_both(" VM ", "*STOP"),
       "a name that is taken is marked at the name");
    press("\n");
    type("we b");
    ok(w->question.ask && shows("It must be a DNS name"), "what is no name is asked for again");
    ok(vf_streq(w->question.typed, "we b"), "to be corrected");
    type("web1-b");
    ok(!w->question.ask && vf_streq(plan()->target_name, "web1-b"), "a name");
    serve();
    ok(!shows("has this name already") && shows("web1-b"), "which is free");
    enter("VMID");
    type("99");
    ok(w->question.ask && shows("from 100 to 999999999"), "VMIDs have limits");
    type("250");
    is_num(plan()->target_id, 250, "a VMID");
    enter("VMID");
    type("");
    is_num(plan()->target_id, 0, "none: the next free one");
    enter("VM");
    type("web1");
    ok(!plan()->target_name, "the source's name is no new one");
    press("\b");
    world.taken = NULL;
}

static void test_disks(void)
{
    arrive("b2");
    enter("Disk scsi0");
    screen("sheet-disk", 24, 80);
    enter("Storage");
    screen("sheet-pick", 24, 80);
    ok(focused("local"), "the list is at what it is now");
    press("/fu\n");
    ok(!shows("zfspool"), "it can be filtered");
    press("\b\b");
    enter("Disk scsi1");
    enter("Storage");
    ok(shows("zfspool") && focused("local"), "which the next list is not");
    press("\b\b");
    enter("Disk scsi0");
    enter("Storage");
    at("full");
    press("\n");
    ok(shows("Which one") || shows("To which storage"), "a full one cannot be chosen");
    enter("fast");
    ok(vf_streq(plan()->disks[0].storage, "fast") && vf_streq(plan()->disks[1].storage, "local"),
       "one disk to another storage");
    is_str(plan()->disks[0].format, "raw", "which does not take its format");
    ok(w->page == PAGE_DISK, "the disk's page again");
    serve();
    ok(shows("its snapshots stay behind"), "what was found about the disk is told there, too");
    enter("Bus");
    ok(!shows("ide2") && shows("ide0") && shows("virtio0") && !shows("scsi1"),
       "places that are free: not those of the other disk and the CD-ROM drive");
    press("3\n");
    is_str(plan()->disks[0].target_slot, "virtio0", "another bus");
    ok(!shows("SSD") && shows("IO thread"), "with what it has");
    enter("Cache");
    press("4\n");
    is_str(plan()->disks[0].cache, "writeback", "a cache");
    enter("Discard");
    press("2\n");
    enter("IO thread");
    press("2\n");
    ok(plan()->disks[0].discard == 1 && plan()->disks[0].iothread == 1, "switches");
    enter("Bus");
    press("\v\v\v\v\v1\n");
    ok(!plan()->disks[0].target_slot, "the bus as at the source");
    enter("SSD");
    press("3\n");
    is_num(plan()->disks[0].ssd, 0, "off is not the same as nothing said");
    press("\b");
    serve();
    ok(shows_both("Disk scsi0", "-> fast raw") && shows_both("Disk scsi0", "*warning"),
       "all on the plan's page");
    enter("Disk scsi1");
    enter("Format");
    press("1\n\b");
    ok(vf_streq(plan()->disks[1].format, "qcow2"), "another format");
    enter("Disk scsi1");
    enter("Storage");
    press("\b");
    ok(w->page == PAGE_DISK, "Esc leaves the list for where it was opened");
    press("\b");
    ok(w->page == PAGE_SHEET, "and that for the plan");
}

static void test_cards(void)
{
    arrive("b2");
    enter("Network (2)");
    ok(focused("vmbr0"), "no bridge of that name: the first");
    enter("VLAN tag");
    type("4095");
    ok(w->question.ask && shows("from 1 to 4094"), "tags have limits");
    type("21");
    ok(plan()->nics[1].tag == 21 && plan()->nics[2].tag == 21, "the tag of both");
    enter("Card net2");
    screen("sheet-nic", 24, 80);
    enter("MAC address");
    press("2\n");
    is_num(plan()->nics[2].mac_mode, VF_MAC_NEW, "a new address");
    serve();
    ok(plan()->nics[2].mac_mode == VF_MAC_GIVEN && plan()->nics[2].mac, "is made");
    vf_autofree char *mac = vf_strdup(plan()->nics[2].mac);
    enter("Model");
    enter("e1000");
    is_str(plan()->nics[2].model, "e1000", "another model");
    serve();
    is_str(plan()->nics[2].mac, mac, "the address that was made stays");
    enter("MAC address");
    press("3\n");
    type("01:00:5e:00:00:01");
    ok(w->question.ask && shows("MAC address of one card"), "no multicast");
    type("bc:24:11:aa:bb:cc");
    is_str(plan()->nics[2].mac, "BC:24:11:AA:BB:CC", "one that was typed");
    enter("Connection");
    press("3\n");
    is_num(plan()->nics[2].disconnected, 1, "disconnected");
    enter("VLAN tag");
    type("");
    is_num(plan()->nics[2].tag, 0, "no tag, for this card alone");
    is_num(plan()->nics[1].tag, 21, "the other has it");
    enter("Bridge");
    enter("vmbr7");
    ok(vf_streq(plan()->nics[2].bridge, "vmbr7") && vf_streq(plan()->nics[1].bridge, "vmbr5"),
       "a bridge for this card alone");
    press("\b\b");
    ok(w->page == PAGE_SHEET && shows_both("vmbr5 tag 20", "-> ?"), "the other is still open");
    enter("Network (2)");
    at("vmbr1");
    press("\n");
    ok(vf_streq(plan()->nics[1].bridge, "vmbr1") && vf_streq(plan()->nics[2].bridge, "vmbr1"),
       "a network's bridge is that of all its cards");
    enter("Network (2)");
    enter("Card net1");
    enter("Bridge");
    enter("vmbr0");
    press("\b\b");
    ok(shows("-> several"), "cards that go apart are said to");
}

static void test_ways(void)
{
    arrive("b1");
    enter("Shut down");
    screen("sheet-dialog", 24, 80);
    press("2\n");
    ok(!plan()->wait_before_stop, "shut down without asking");
    enter("Start there");
    press("2\n");
    ok(plan()->start && plan()->wait_before_start, "started when somebody says so");
    enter("Start there");
    press("3\n");
    ok(!plan()->start, "not started");
    enter("Verify");
    press("2\n");
    is_num(plan()->verify, VF_VERIFY_NONE, "not verified");
    enter("Route");
    press("5\n");
    is_num(plan()->route, 4, "via this machine");
    enter("Rate");
    type("800");
    is_num((long)(plan()->rate / VF_MBPS), 800, "a rate");
    serve();
    press("p");
    ok(shows("what arrives is NOT read back and compared") && !shows(", verified"),
       "the whole plan does not promise what was left out");
    press("<");
    enter("Rate");
    type("x");
    ok(w->question.ask != NULL, "no rate");
    type("");
    is_num((long)plan()->rate, 0, "no limit");
    enter("Options");
    screen("sheet-options", 24, 80);
    enter("Copy before");
    press("2\n");
    ok(!plan()->precopy, "nothing is copied before");
    enter("Shutdown time");
    type("0");
    ok(w->question.ask != NULL, "not at once");
    type("600");
    is_num(plan()->shutdown_timeout, 600, "time to shut down");
    enter("Compress");
    press("8\n");
    is_num(plan()->compress, 7, "no compression");
    enter("Connections");
    type("4");
    is_num(plan()->streams, 4, "connections");
    enter("Service test");
    type("22,x");
    ok(w->question.ask != NULL, "ports are numbers");
    type("22,443");
    is_str(plan()->service_ports, "22,443", "ports to be tried");
    enter("Test address");
    type("web1.example.com");
    ok(w->question.ask != NULL, "addresses are numbers, too");
    type("192.0.2.5,2001:db8::5");
    is_str(plan()->service_addresses, "192.0.2.5,2001:db8::5", "where they are tried");
    enter("Ciphers");
    type("-c");
    ok(w->question.ask != NULL, "no cipher");
    type("aes128-ctr");
    is_str(plan()->ciphers, "aes128-ctr", "ciphers");
    enter("Ciphers");
    type("");
    ok(!plan()->ciphers, "the fastest");
    enter("Rehearse");
    press("1\n");
    ok(plan()->rehearse, "a test");
    enter("Rehearse");
    press("2\n");
    enter("Processor");
    type("host,flags=+aes");
    ok(w->question.ask != NULL, "a type alone");
    type("host");
    is_str(plan()->cpu, "host", "a processor");
    press("\b");
    serve();
    ok(!shows("another processor type"), "the checks follow");
    enter("Method");
    press("2\n");
    is_num(plan()->method, VF_METHOD_REMOTE_MIGRATE, "Proxmox's own migration");
    ok(!shows("Verify") && !shows("Route "), "has less to be set");
}

static void map_to(const char *bridge)
{
    enter("Network (2)");
    at(bridge);
    press("\n");
    serve();
}

/* What was edited survives a new look, another node, another storage, and the way back. */
static void test_kept(void)
{
    arrive("b2");
    enter("Network (2)");
    at("vmbr7");
    press("\n");
    enter("VM");
    type("web9");
    enter("Disk scsi0");
    enter("Storage");
    enter("fast");
    enter("Bus");
    press("3\n\b");
    enter("Rate");
    type("100");
    enter("Network (2)");
    enter("Card net2");
    enter("MAC address");
    press("2\n\b\b");
    serve();
    vf_autofree char *before = vf_plan_text(plan());
    press("r");
    is_num(serve(), 2, "looked at anew: it is made, and what was edited is checked");
    vf_autofree char *after = vf_plan_text(plan());
    is_str(after, before, "nothing that was edited is lost");
    press("\b");
    ok(w->page == PAGE_STORAGE, "back");
    serve();
    enter("local");
    ok(w->page == PAGE_SHEET, "and again");
    serve();
    vf_autofree char *again = vf_plan_text(plan());
    is_str(again, before, "nothing is lost");
    enter("Target");
    ok(w->page == PAGE_NODE, "another node");
    serve();
    enter("b1");
    serve();
    enter("local");
    serve();
    ok(vf_streq(plan()->target_node, "b1") && vf_streq(plan()->target_name, "web9") &&
           plan()->rate == UINT64_C(100) * VF_MBPS &&
           vf_streq(plan()->disks[0].target_slot, "virtio0"),
       "what makes sense there stays");
    ok(vf_streq(plan()->disks[0].storage, "local"), "not a storage that it has not");
    ok(focused("Network (2)") && shows("-> ?"), "nor a bridge");
    ok(plan()->nics[2].mac_mode == VF_MAC_GIVEN, "the address that was made");
    world.disk = "local:100/vm-100-disk-7.qcow2";
    enter("VMID");
    type("300");
    serve();
    ok(shows("no longer what was planned") && focused("VM"), "the source has changed");
    press("r");
    serve();
    ok(plan()->target_id == 300 && vf_streq(plan()->disks[0].volume, world.disk) &&
           !plan()->disks[0].target_slot,
       "made anew: another disk has nothing of the old one, the rest stays");
    world.disk = "local:100/vm-100-disk-0.qcow2";
}

static void test_errors(void)
{
    arrive("b1");
    world.offline = true;
    enter("VMID");
    type("300");
    serve();
    ok(shows("no route to beta") && shows("Enter tries again"), "a check that fails says so");
    ok(plan()->target_id == 300 && shows("300"), "the plan is as it was edited");
    press("\b");
    ok(w->page == PAGE_SHEET && !shows("no route"), "Esc goes on with it");
    at("Start");
    press("\n");
    ok(!w->question.ask && shows("r checks it"), "but it is not started unchecked");
    world.offline = false;
    press("r");
    serve();
    ok(plan()->target_id == 300 && shows("300"), "r checks it");
    enter("VMID");
    type("301");
    struct vf_survey_question q;
    ok(vf_wizard_wants(w, &q) && q.plan && q.plan->target_id == 301, "the edited plan is checked");
    vf_wizard_asked(w, ++numbers);
    struct vf_survey_answer *late = vf_xcalloc(1, sizeof *late);
    late->number = numbers;
    late->kind = q.kind;
    answer_plan(late, &q);
    enter("VMID");
    type("302");
    serve();
    vf_wizard_take(w, late);
    is_num(plan()->target_id, 302, "an answer that comes late changes nothing");
    ok(shows("302") && w->sheet->seen->prepared.plan->target_id == 302, "neither of what is shown");
}

/* Answers START's question; where that leads. */
static enum vf_wizard_end begin(const char *keys)
{
    at("Start");
    press("\n");
    return press(keys);
}

static void test_start(void)
{
    arrive("b1");
    map_to("vmbr1");
    ok(begin("2\n") == VF_WIZARD_GOES_ON && !w->question.ask, "not yet");
    press("\n");
    screen("sheet-start", 24, 80);
    ok(press("\n") == VF_WIZARD_START && vf_networks_save(networks, NULL) == 0,
       "a VM that is only shut down when somebody says so: Enter");
    const struct vf_prepared *p = vf_wizard_prepared(w);
    vf_autofree char *is = vf_plan_text(p->plan), *edited = vf_plan_text(plan());
    is_str(is, edited, "what was edited is what is carried out");
    arrive("b1");
    ok(shows("-> vmbr1 tag 20") && focused("Start"), "where a network went is remembered");
    arrive("b2");
    ok(shows("-> vmbr1 tag 20"), "for the two clusters");
    enter("Shut down");
    press("2\n");
    serve();
    ok(begin("yes\n") == VF_WIZARD_GOES_ON && shows("not what was asked for"),
       "without a pause its name is typed");
    press("\n");
    press("\n");
    screen("sheet-type-name", 24, 80);
    ok(press("web1\n") == VF_WIZARD_START, "which begins it");
    world.runs = false;
    arrive("b1");
    ok(!shows("Shut down") && !shows("Start there"), "a stopped VM is not shut down");
    ok(begin("\n") == VF_WIZARD_START, "nor is its name typed");
    world.runs = true;
}

static void test_remembered(void)
{
    arrive("b2");
    enter("Network (2)");
    enter("VLAN tag");
    type("120");
    at("vmbr7");
    press("\n");
    serve();
    ok(begin("\n") == VF_WIZARD_START && vf_networks_save(networks, NULL) == 0, "begun");
    arrive("b2");
    ok(plan()->nics[1].tag == 120 && vf_streq(plan()->nics[2].bridge, "vmbr7"),
       "tags are remembered, too");
    arrive("b1");
    ok(focused("Network (2)") && shows("-> ?"), "a bridge that is not there is not proposed");
    ok(vf_networks_save(networks, NULL) == 0, "written");
    vf_auto(vf_networks_free) struct vf_networks *n = vf_networks_load();
    const struct vf_network *k = vf_networks_find(n, "alpha", "beta", "vmbr5", 20);
    ok(k && k->tag == 120 && vf_streq(k->bridge, "vmbr7"), "and read");
    ok(!vf_networks_find(n, "beta", "alpha", "vmbr5", 20) &&
           !vf_networks_find(n, "alpha", "beta", "vmbr5", 0),
       "nor for other clusters or tags");
    vf_networks_set(n, "beta", "alpha", "vmbr0", 0, "vmbr9", 9);
    vf_auto(vf_networks_free) struct vf_networks *other = vf_networks_load();
    vf_networks_set(other, "alpha", "beta", "vmbr0", 0, "vmbr1", 0);
    ok(vf_networks_save(n, NULL) == 0 && vf_networks_save(other, NULL) == 0, "written by two");
    vf_auto(vf_networks_free) struct vf_networks *all = vf_networks_load();
    const struct vf_network *a = vf_networks_find(all, "beta", "alpha", "vmbr0", 0),
                            *b = vf_networks_find(all, "alpha", "beta", "vmbr0", 0);
    ok(a && b && a->tag == 9 && vf_streq(b->bridge, "vmbr1"), "both are kept");
    vf_autofree char *path = vf_asprintf("%s/vmferry/networks.json", getenv("XDG_STATE_HOME"));
    static const char broken[] = "{\"format\":1,\"networks\":[{\"source\":7},3";
    ok(vf_replace_file(path, broken, strlen(broken), 0600, NULL) == 0, "a file cut short");
    vf_auto(vf_networks_free) struct vf_networks *bad = vf_networks_load();
    ok(!vf_networks_find(bad, "beta", "alpha", "vmbr0", 0), "a broken file is passed over");
    unlink(path);
}

static void test_save(const char *dir)
{
    arrive("b1");
    map_to("vmbr1");
    vf_autofree char *path = vf_asprintf("%s/web.plan", dir);
    enter("Save");
    ok(vf_streq(w->question.typed, "web1.plan"), "a name is proposed");
    type(path);
    ok(shows("The plan was saved"), "saved");
    press("\n");
    vf_auto(vf_plan_free) struct vf_plan *p = vf_plan_load(path, NULL);
    vf_autofree char *is = p ? vf_plan_text(p) : NULL, *want = vf_plan_text(plan());
    is_str(is, want, "it reads back");
    enter("VMID");
    type("400");
    serve();
    press("s");
    type(path);
    ok(shows("Replace it?"), "what is there is not replaced");
    press("\n");
    vf_auto(vf_plan_free) struct vf_plan *same = vf_plan_load(path, NULL);
    is_num(same ? same->target_id : 1, 0, "unless somebody says so");
    press("s");
    type(path);
    press("2\n\n");
    vf_auto(vf_plan_free) struct vf_plan *new = vf_plan_load(path, NULL);
    is_num(new ? new->target_id : 1, 400, "then it is");
    press("s");
    type("/nowhere/at/all.plan");
    ok(shows("The plan was not saved"), "why not is said");
    press("\n");
}

static void test_measured(void)
{
    world.seconds = 600;
    world.measured = 0;
    arrive("b2");
    is_num(world.measured, 1, "hosts are looked at once the plan is checked");
    ok(shows_both("Expected", "18 GiB: about") && shows_both("Expected", "down: about"),
       "how long it takes and how long it is down");
    ok(shows_both("node b2", "*warning"), "what was found at a host is at its row");
    enter("VM");
    type("web7");
    serve();
    ok(world.measured == 1 && shows_both("Expected", "about") && shows_both("node b2", "*warning"),
       "a name changes nothing of that");
    enter("Rate");
    type("10");
    struct vf_survey_question q = {0};
    ok(vf_wizard_wants(w, &q) && !q.measure, "a rate does: checked first");
    vf_wizard_asked(w, ++numbers);
    struct vf_survey_answer *a = vf_xcalloc(1, sizeof *a);
    a->number = numbers;
    a->kind = q.kind;
    answer_plan(a, &q);
    vf_wizard_take(w, a);
    ok(!vf_wizard_waits(w) && vf_wizard_wants(w, &q) && q.measure, "then measured");
    vf_wizard_asked(w, ++numbers);
    unsigned dropped = numbers;
    vf_wizard_go(w, w->page);
    ok(shows_both("Expected", "being measured") && !vf_wizard_waits(w), "which nobody waits for");
    enter("VMID");
    type("777");
    serve();
    ok(world.measured == 2 && shows_both("Expected", "about"),
       "what an edit cuts off is begun again");
    a = vf_xcalloc(1, sizeof *a);
    a->number = dropped;
    vf_wizard_take(w, a);
    ok(shows_both("Expected", "about"), "and what comes late of it changes nothing");
    world.seconds = 0;
}

static void test_fixed(void)
{
    arrive("b1");
    at("Note");
    press("\n");
    screen("sheet-fix", 24, 80);
    press("\n");
    ok(!plan()->fixes, "nothing is done unasked");
    press("\n1\n");
    ok(vf_plan_fixes(plan(), VF_FIX_EJECT_ISO), "a fix that was agreed to is in the plan");
    serve();
    at("Note");
    ok(shows("the medium is ejected"), "and the check knows");
    press("\n");
    ok(!w->question.ask && shows("What was found"), "it is explained, there is nothing to fix");
    press("\b");
}

/* Two VMs, the second like the first. */
static void test_several(const char *dir)
{
    arrive("b1");
    choose(2);
    vf_wizard_go(w, PAGE_STORAGE);
    serve();
    enter("local");
    ok(w->page == PAGE_SEVERAL && shows_both("web2", "..."), "several VMs, being checked");
    is_num(serve(), 1, "what was known of one stays");
    screen("sheet-several-open", 24, 80);
    ok(focused("Network (4)"), "what has no answer has the focus, once for all");
    press("\n");
    ok(shows("to which bridge") && !shows("Card net1"), "no single cards");
    at("vmbr1");
    press("\n");
    ok(w->page == PAGE_SEVERAL && focused("Start"), "answered");
    is_num(serve(), 2, "both are checked again");
    for (size_t i = 0; i < 2; i++)
        ok(vf_streq(w->vms[i].sheet.plan->nics[1].bridge, "vmbr1") &&
               vf_streq(w->vms[i].sheet.plan->nics[2].bridge, "vmbr1"),
           "all cards of VM %zu", i);
    enter("Rate");
    type("50");
    ok(w->vms[0].sheet.plan->rate && w->vms[1].sheet.plan->rate, "a rate for both");
    serve();
    enter("web2");
    ok(w->page == PAGE_SHEET && focused("Done") && shows("alpha/web2"), "a VM's own plan");
    enter("VM");
    type("web2-b");
    enter("Rate");
    type("60");
    serve();
    enter("Done");
    ok(w->page == PAGE_SEVERAL && shows_both("Rate", "not the same for all"), "is its own");
    ok(!w->vms[0].sheet.plan->target_name && w->vms[1].sheet.plan->target_name, "and no other's");
    screen("sheet-several", 24, 80);
    screen("sheet-several-60x16", 16, 60);
    vf_autofree char *path = vf_asprintf("%s/two.plan", dir);
    press("s");
    type(path);
    press("\n");
    struct vf_plan **v = NULL;
    size_t n = 0;
    ok(vf_plans_load(path, &v, &n, NULL) == 0 && n == 2, "saved together");
    vf_plans_free(v, n);
    enter("Shut down");
    press("2\n");
    serve();
    at("Start");
    press("\n");
    ok(press("1\n") == VF_WIZARD_GOES_ON && shows("not what was asked for"),
       "how many are shut down unasked is typed");
    press("\n\n");
    ok(press("2\n") == VF_WIZARD_START && vf_wizard_plans(w) == 2, "which begins them");
    ok(vf_wizard_plan(w, 1) && vf_streq(vf_wizard_plan(w, 1)->target_name, "web2-b"),
       "with their plans");
    choose(1);
    vf_wizard_go(w, PAGE_STORAGE);
    serve();
    enter("local");
    serve();
    ok(w->page == PAGE_SHEET && plan()->rate == UINT64_C(50) * VF_MBPS,
       "one of them alone is as it was edited");
}

/* A plan of a file: what it says is not lost when it is made anew. */
static void test_given(void)
{
    arrive("b2");
    map_to("vmbr7");
    enter("VM");
    type("web5");
    enter("Disk scsi0");
    enter("Storage");
    enter("fast");
    enter("Bus");
    press("3\n\b");
    enter("Rate");
    type("100");
    enter("Network (2)");
    enter("Card net2");
    enter("MAC address");
    press("2\n\b\b");
    enter("Shut down");
    press("2\n");
    serve();
    struct vf_plan *given = vf_plan_copy(plan());
    vf_autofree char *before = vf_plan_text(given);
    arrive("b2");
    vf_sheet_give(w, 0, given);
    vf_wizard_go(w, PAGE_SHEET);
    serve();
    vf_autofree char *is = vf_plan_text(plan());
    is_str(is, before, "a plan that was given is shown as it is");
    press("r");
    is_num(serve(), 2, "made anew");
    vf_autofree char *after = vf_plan_text(plan());
    is_str(after, before, "it is still what was given");
}

static void test_explained(void)
{
    arrive("b1");
    at("Network (2)");
    press("e");
    ok(shows("What was found") && shows("net1") && shows("net2") && shows("What to do"),
       "all that was found about a row");
    press("\b");
    at("Start");
    press("e");
    ok(shows("What was found") && shows("net1") && shows("another processor type"),
       "and all that was found, of what counts it");
    press("\b");
    at("Verify");
    press("e");
    ok(shows("nothing speaks against it"), "a row of which there is nothing to say");
    press("\b");
    enter("Warning");
    ok(shows("What was found") && shows("another processor type"), "what belongs to no row");
    press("\b");
    enter("Expected");
    ok(shows("Down is the time"), "how time is meant");
    press("\b");
    at("Note");
    ok(shows("ide2"), "notes are at the end");
    press("p");
    ok(shows("The whole plan"), "p shows the plan");
    press("\b");
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *f)
{
    return remove(path);
}

int main(void)
{
    if (!setlocale(LC_ALL, "C.UTF-8")) {
        skip("screens", "no locale C.UTF-8");
        return done_testing();
    }
    char dir[] = "/tmp/sheet-test.XXXXXX";
    if (!ok(mkdtemp(dir) != NULL, "a directory"))
        return done_testing();
    setenv("XDG_STATE_HOME", dir, 1);
    world.runs = true;
    world.disk = "local:100/vm-100-disk-0.qcow2";
    conf = vf_conf_parse(conf_text, strlen(conf_text), "test.conf", NULL);
    if (ok(conf != NULL, "a configuration")) {
        test_arrival();
        test_names();
        test_disks();
        test_cards();
        test_ways();
        test_kept();
        test_errors();
        test_explained();
        test_measured();
        test_fixed();
        test_given();
        test_save(dir);
        test_start();
        test_remembered();
        test_several(dir);
    }
    vf_wizard_free(w);
    vf_networks_free(networks);
    vf_conf_free(conf);
    nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    return done_testing();
}
