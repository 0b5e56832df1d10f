/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The wizard without terminal, threads and clusters: keys and answers go in, pages come out;
 * screens against tests/unit/screens/wizard-*. GOLDEN=write in the environment writes those anew.
 */
#include "config.h"
#include "ui/wizard/wizard.h"
#include "base/str.h"
#include "tests/unit/screens.h"

#include <locale.h>

static const char conf_text[] =
    "clusters = ( { name = \"alpha\"; type = \"pve\"; url = \"https://a1:8006\"; user = "
    "\"root@pam\"; }, { name = \"beta\"; type = \"pve\"; url = \"https://b1:8006\"; user = "
    "\"root@pam\"; } );";

static struct vf_conf *conf;
static struct vf_wizard *w;
static unsigned numbers;
static struct vf_wizard_hands hands = {.conf_path = "/home/op/.config/vmferry/vmferry.conf",
                                       .no_demo = "the demo needs root"};

static void screen(const char *name, int rows, int cols, bool ascii)
{
    vf_auto(vf_canvas_free) struct vf_canvas *c = vf_canvas_new(rows, cols, ascii);
    vf_wizard_draw(w, c);
    check_canvas(name, c);
}

/* Does any row show TEXT? */
static bool shows(const char *text)
{
    vf_auto(vf_canvas_free) struct vf_canvas *c = vf_canvas_new(24, 80, false);
    vf_wizard_draw(w, c);
    for (int i = 0; i < c->rows; i++) {
        vf_autofree char *row = vf_canvas_row(c, i);
        if (strstr(row, text))
            return true;
    }
    return false;
}

static enum vf_wizard_end press(const char *keys)
{
    enum vf_wizard_end end = VF_WIZARD_GOES_ON;
    for (; *keys && end == VF_WIZARD_GOES_ON; keys++)
        end = vf_wizard_key(w, *keys == '\n'  ? VF_KEY_ENTER
                               : *keys == 'v' ? VF_KEY_DOWN
                               : *keys == '^' ? VF_KEY_UP
                               : *keys == '<' ? VF_KEY_ESC
                                              : *keys);
    return end;
}

/* The answer to what the wizard wants now, which must be KIND. */
static struct vf_survey_answer *wanted(enum vf_survey_kind kind)
{
    struct vf_survey_question q = {0};
    bool wants = vf_wizard_wants(w, &q);
    ok(wants && q.kind == kind, "it wants to know that");
    vf_wizard_asked(w, ++numbers);
    struct vf_survey_answer *a = vf_xcalloc(1, sizeof *a);
    a->number = numbers;
    a->kind = kind;
    return a;
}

static bool wants_nothing(void)
{
    struct vf_survey_question q;
    return !vf_wizard_wants(w, &q) || q.kind == VF_SURVEY_OUTLINES;
}

static struct vf_vm *add_vm(struct vf_survey_answer *a, unsigned id, const char *name)
{
    struct vf_vm *v = vf_vm_new();
    v->id = id;
    v->name = vf_strdup(name);
    v->node = vf_strdup("a1");
    v->state = VF_VM_RUNNING;
    v->memory = UINT64_C(512) << 20;
    *(struct vf_vm **)vf_grow(&a->vms, &a->n_vms, sizeof v) = v;
    return v;
}

static void give_vms(void)
{
    struct vf_survey_answer *a = wanted(VF_SURVEY_VMS);
    add_vm(a, 110, "ct1")->container = true;
    add_vm(a, 101, "db1")->tags = vf_strdup("db;prod");
    add_vm(a, 104, "golden")->template_ = true;
    add_vm(a, 103, "名前\x1b[31m");
    add_vm(a, 100, "web1");
    vf_wizard_take(w, a);
}

static void give_nodes(void)
{
    struct vf_survey_answer *a = wanted(VF_SURVEY_NODES);
    for (int i = 0; i < 2; i++) {
        struct vf_seen_node *n = vf_grow(&a->nodes, &a->n_nodes, sizeof *n);
        *n = (struct vf_seen_node){.name = vf_strdup(i ? "b2" : "b1"),
                                   .online = i,
                                   .memory_total = UINT64_C(24) << 30,
                                   .memory_used = UINT64_C(11) << 30};
    }
    vf_wizard_take(w, a);
}

static void give_places(void)
{
    struct vf_survey_answer *a = wanted(VF_SURVEY_PLACES);
    static const char *const names[] = {"full", "local"};
    for (size_t i = 0; i < VF_COUNT(names); i++) {
        struct vf_seen_storage *s = vf_grow(&a->storages, &a->n_storages, sizeof *s);
        *s = (struct vf_seen_storage){.name = vf_strdup(names[i]),
                                      .type = vf_strdup("dir"),
                                      .shared = !i,
                                      .total = UINT64_C(100) << 30,
                                      .avail = i ? UINT64_C(70) << 30 : 0};
    }
    a->bridges = vf_strv_new();
    vf_strv_add(&a->bridges, "vmbr0");
    vf_strv_add(&a->bridges, "vmbr1");
    vf_wizard_take(w, a);
}

/* TO: where the VM's second card goes; the first is on vmbr0 at both. */
static void give_plan(const char *to, bool stop)
{
    struct vf_survey_answer *a = wanted(VF_SURVEY_PLAN);
    struct vf_vm *v = a->prepared.source = vf_vm_new();
    struct vf_plan *p = a->prepared.plan = vf_plan_new();
    v->name = vf_strdup("web1");
    v->node = vf_strdup("a1");
    v->state = VF_VM_RUNNING;
    p->source = vf_strdup("alpha");
    p->target = vf_strdup("beta");
    p->vm_id = 100;
    p->wait_before_stop = true;
    p->vm_name = vf_strdup("web1");
    p->target_node = vf_strdup("b2");
    static const char *const from[] = {"vmbr0", "vmbr5", "vmbr5"};
    for (unsigned i = 0; i < VF_COUNT(from); i++) {
        struct vf_nic *n = vf_vm_add_nic(v);
        n->index = i;
        n->model = vf_strdup("virtio");
        n->mac = vf_asprintf("BC:24:11:00:00:0%u", i);
        n->bridge = vf_strdup(from[i]);
        struct vf_plan_nic *pn = vf_plan_add_nic(p);
        pn->index = i;
        pn->bridge = vf_strdup(i ? to : "vmbr0");
    }
    struct vf_disk *d = vf_vm_add_disk(v);
    d->slot = vf_strdup("scsi0");
    d->storage = vf_strdup("local");
    d->volume = vf_strdup("local:100/vm-100-disk-0.qcow2");
    d->format = vf_strdup("qcow2");
    d->size = UINT64_C(32) << 30;
    struct vf_plan_disk *pd = vf_plan_add_disk(p);
    pd->slot = vf_strdup("scsi0");
    pd->volume = vf_strdup(d->volume);
    pd->size = d->size;
    pd->storage = vf_strdup("local");
    pd->format = vf_strdup("qcow2");
    a->prepared.bytes = UINT64_C(9) << 30;
    a->prepared.forecast_seconds = a->prepared.forecast_down_seconds = -1;
    a->bridges = vf_strv_new();
    vf_strv_add(&a->bridges, "vmbr0");
    vf_strv_add(&a->bridges, "vmbr1");
    if (stop)
        vf_finding_add(&a->prepared.findings, VF_STOP, "net1", "choose another with --bridge",
                       "beta has no bridge %s", to);
    vf_finding_add(&a->prepared.findings, VF_WARN, "cpu", NULL,
                   "the guest sees another processor type there, which some licences notice");
    vf_wizard_take(w, a);
}

/* ---- */

static void test_way(void)
{
    screen("wizard-start", 24, 80, false);
    ok(wants_nothing(), "nothing is looked up for the first page");
    press("\n");
    ok(shows("From which cluster?") && wants_nothing(), "clusters are known");
    press("\n");
    ok(vf_wizard_waits(w) && shows("Looking at alpha"), "VMs are looked up, which is said");
    vf_wizard_told(w, "alpha: waiting for the command that prints its secret");
    ok(shows("alpha: waiting for the command"), "and what that waits for");
    give_vms();
    screen("wizard-vms", 24, 80, false);
    screen("wizard-vms-60x16", 16, 60, true);
    ok(shows("> db1"), "the first that can be moved is proposed");
    press("^");
    ok(press("\n") == VF_WIZARD_GOES_ON && shows("Which VM, or") && shows("a container"),
       "a container cannot be chosen, and why is said");
    press("/");
    vf_wizard_key(w, 0x540d);
    vf_wizard_key(w, 0x1f427);
    vf_wizard_key(w, VF_KEY_BACKSPACE);
    ok(shows("filter: 名") && shows("> 名前") && !shows("db1"), "names of all scripts are found");
    vf_wizard_key(w, VF_KEY_BACKSPACE);
    ok(shows("db1"), "a character is taken back whole");
    press("WEB\n");
    ok(shows("To which cluster?"), "a filter and Enter choose");
    ok(shows("> beta"), "the other cluster is proposed");
    press("\n");
    ok(vf_wizard_waits(w) && !shows("alpha: waiting"), "what is awaited now waits for nothing");
    give_nodes();
    ok(shows("> b2") && shows("- b1"), "a node that is offline says so");
    press("\n");
    give_places();
    ok(shows("> local") && shows("- full"), "a full storage is passed over");
    press("\n");
    ok(shows("Checking at alpha and beta"), "the plan is made");
    give_plan("vmbr5", true);
    ok(shows("vmbr5") && shows("-> ?"), "a bridge that is not there has the focus");
    press("\n");
    ok(shows("vmbr5: to which bridge at the target?"), "and is asked for");
    press("v\n");
    give_plan("vmbr1", false);
    ok(shows("-> vmbr1"), "what was chosen is in the plan");
}

/* The plan's page itself is sheet-test's. */
static void test_sheet(void)
{
    ok(press("\n") == VF_WIZARD_GOES_ON && shows("Move web1 now?"), "starting is asked about");
    ok(press("2\n") == VF_WIZARD_GOES_ON && !shows("Move web1 now?"), "not yet");
    press("p");
    screen("wizard-plan", 24, 80, false);
    press("<");
    ok(press("\n\n") == VF_WIZARD_START, "one key more begins it");
    const struct vf_prepared *p = vf_wizard_prepared(w);
    ok(p && vf_streq(p->plan->vm_name, "web1"), "with that plan");
}

static void test_back(void)
{
    press("<");
    ok(shows("To which storage?") && wants_nothing() && shows("> local"),
       "back is where it was, without looking again");
    press("<<<");
    ok(shows("Which VM, or") && shows("> web1") && shows("filter: WEB"), "up to the VM");
    press("\n\n");
    ok(shows("To which node?") && wants_nothing(), "and forwards again");
    press("r");
    ok(vf_wizard_waits(w), "r looks again");
    struct vf_survey_answer *a = wanted(VF_SURVEY_NODES);
    vf_fail(&a->error, VF_E_NET, "no route to beta\x1b[2J");
    vf_wizard_take(w, a);
    ok(shows("no route to beta\\x1b[2J") && shows("Enter tries again"), "an error stands there");
    press("\n");
    struct vf_survey_answer *late = wanted(VF_SURVEY_NODES);
    press("<");
    ok(!vf_wizard_waits(w), "Esc: nobody waits any more");
    vf_wizard_take(w, late);
    ok(!shows("offline"), "and what comes late is not shown");
    press("q");
    ok(shows("Leave vmferry?"), "q asks");
    ok(press("\n") == VF_WIZARD_GOES_ON, "and stays when nobody says yes");
    ok(press("q2\n") == VF_WIZARD_QUIT, "yes leaves");
}

static void test_jobs(void)
{
    vf_auto(vf_wizard_free) struct vf_wizard *all = w;
    w = vf_wizard_new(conf, &hands);
    vf_wizard_add_job(w, "20261121-021400-8d2a3e", "web1: alpha -> beta", "web1: alpha -> beta",
                      NULL, true);
    vf_wizard_add_job(w, "20261121-021500-8d2a3f", "db1: alpha -> beta",
                      "db1 is DOWN since 2026-11-21 02:14 (3 h 12 min)", "~6 min", false);
    screen("wizard-jobs", 24, 80, false);
    ok(press("\n") == VF_WIZARD_ATTACH && vf_streq(vf_wizard_job(w), "20261121-021400-8d2a3e"),
       "one that runs is looked at");
    vf_wizard_free(w);
    w = NULL;
}

int main(void)
{
    if (!setlocale(LC_ALL, "C.UTF-8")) {
        skip("screens", "no locale C.UTF-8");
        return done_testing();
    }
    vf_autoerror struct vf_error *e = NULL;
    conf = vf_conf_parse(conf_text, strlen(conf_text), "test.conf", &e);
    if (!ok(conf != NULL, "a configuration"))
        printf("# %s\n", vf_error_text(e));
    if (conf) {
        w = vf_wizard_new(conf, &hands);
        test_way();
        test_sheet();
        test_back();
        test_jobs();
    }
    vf_conf_free(conf);
    return done_testing();
}
