/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The wizard's pages up to the plan, without terminal, threads and clusters: what was left behind,
 * a cluster that is added, VMs that are sorted and marked, places that are too small. Screens
 * against tests/unit/screens/start-*; GOLDEN=write in the environment writes those anew. */
#include "config.h"
#include "ui/wizard/wizard.h"
#include "conf/added.h"
#include "base/str.h"
#include "tests/unit/screens.h"

#include <locale.h>

#define GIB (UINT64_C(1) << 30)

static const char conf_text[] =
    "clusters = ( { name = \"alpha\"; type = \"pve\"; url = \"https://a1:8006\"; user = "
    "\"root@pam\"; } );";
static const char print[] = "AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:"
                            "11:22:33:44:55:66:77:88:99";

static struct vf_conf *confs[4]; /* the last one counts */
static size_t n_confs;
static struct vf_wizard *w;
static unsigned numbers;

/* What the wizard had done for it. */
static struct {
    char *text; /* of the cluster that was added */
    char *secret;
    int keep;
    bool refuse;
} did;

static const struct vf_conf *add(void *opaque, struct vf_cluster_conf *c,
                                 const struct vf_secret *secret, enum vf_wizard_keep keep,
                                 struct vf_error **err)
{
    if (did.refuse) {
        vf_fail(err, VF_E_PERMISSION, "the configuration cannot be written");
        return NULL;
    }
    free(did.text);
    free(did.secret);
    did.text = vf_conf_cluster_text(c);
    did.secret = vf_strdup(vf_secret_text(secret));
    did.keep = keep;
    vf_autofree char *text = vf_conf_text_with(conf_text, c, "test.conf", err);
    confs[n_confs] = text ? vf_conf_parse(text, strlen(text), "test.conf", err) : NULL;
    return confs[n_confs] ? confs[n_confs++] : NULL;
}

static int open_plans(void *opaque, const char *path, struct vf_plan ***plans, size_t *n,
                      struct vf_error **err)
{
    if (!vf_starts(path, "good"))
        return vf_fail(err, VF_E_NOTFOUND, "there is no file %s", path);
    *plans = NULL;
    *n = 0;
    for (unsigned i = 0; i < (strstr(path, "two") ? 2 : 1); i++) {
        struct vf_plan *p = vf_plan_new();
        p->source = vf_strdup("alpha");
        p->target = vf_strdup(i && strstr(path, "apart") ? "gamma" : "beta");
        p->target_node = vf_strdup("b1");
        p->vm_id = 100 + i;
        p->vm_name = vf_asprintf("web%u", i + 1);
        *(struct vf_plan **)vf_grow(plans, n, sizeof p) = p;
    }
    return 0;
}

static const struct vf_wizard_hands hands = {.add = add,
                                             .open_plans = open_plans,
                                             .conf_path = "/home/op/.config/vmferry/vmferry.conf",
                                             .no_demo = "the demo needs root"};

static void screen(const char *name, int rows, int cols)
{
    vf_auto(vf_canvas_free) struct vf_canvas *c = vf_canvas_new(rows, cols, false);
    vf_wizard_draw(w, c);
    check_canvas(name, c);
}

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

/* KEYS: '\n' Enter, '\t' Tab, '<' Esc, '\b' Backspace, '}' Down, '{' Up. */
static enum vf_wizard_end press(const char *keys)
{
    static const struct {
        char c;
        int key;
    } names[] = {{'\n', VF_KEY_ENTER},     {'\t', VF_KEY_TAB}, {'<', VF_KEY_ESC},
                 {'\b', VF_KEY_BACKSPACE}, {'}', VF_KEY_DOWN}, {'{', VF_KEY_UP}};
    enum vf_wizard_end end = VF_WIZARD_GOES_ON;
    for (; *keys && end == VF_WIZARD_GOES_ON; keys++) {
        int key = *keys;
        for (size_t i = 0; i < VF_COUNT(names); i++)
            key = names[i].c == *keys ? names[i].key : key;
        end = vf_wizard_key(w, key);
    }
    return end;
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

static void begin(const struct vf_conf *conf)
{
    vf_wizard_free(w);
    w = vf_wizard_new(conf, &hands);
}

/* ---- what is to be done ---- */

static void add_jobs(void)
{
    vf_wizard_add_job(w, "20261121-021400-8d2a3e", "web1: alpha -> beta", "web1: alpha -> beta",
                      NULL, true);
    vf_wizard_add_job(w, "20261121-021500-8d2a3f", "db1: alpha -> beta",
                      "db1 is DOWN since 2026-11-21 02:14 (3 h 12 min)", "~6 min", false);
    vf_wizard_add_job(w, "batch-20261121-021600-8d2a40", "2 VMs (old1, old2)",
                      "2 VMs, 0 cut off, 2 not begun: old1, old2", NULL, false);
}

/* How db1's move stands. */
static void give_standing(enum vf_way way, const char *unseen, bool stop)
{
    struct vf_survey_answer *a = wanted(VF_SURVEY_STANDING);
    ok(vf_streq(question.job, "20261121-021500-8d2a3f"), "of this job");
    a->standing = (struct vf_standing){.way = way,
                                       .touched = true,
                                       .service = vf_strdup("db1 is DOWN since 2026-11-21 02:14"),
                                       .unseen = vf_strdup(unseen),
                                       .disks = 3,
                                       .copied = 1};
    vf_finding_add(&a->standing.changes, stop ? VF_STOP : VF_WARN, "source", "look at it there",
                   "it was started again\x1b[2J");
    vf_wizard_take(w, a);
}

/* Rows of several lines: wherever the cursor goes, its row is on the screen to its end. */
static void test_long_rows(void)
{
    begin(confs[0]);
    for (int i = 0; i < 5; i++) {
        vf_autofree char *id = vf_asprintf("20261121-02140%d-8d2a3e", i);
        vf_autofree char *service = vf_asprintf(
            "vm%d is at the source as it was: this job did not shut it down, says %d", i, i);
        vf_wizard_add_job(w, id, "vm: alpha -> beta", service, NULL, false);
    }
    for (int i = 0; i < 20; i++) {
        vf_auto(vf_canvas_free) struct vf_canvas *c = vf_canvas_new(16, 60, false);
        vf_wizard_draw(w, c);
        int vm = i < 10 ? i : 19 - i; /* down, then up again */
        vf_autofree char *end = vf_asprintf("says %d", vm);
        bool focus = false, whole = vm >= 5;
        for (int row = 0; row < c->rows; row++) {
            vf_autofree char *text = vf_canvas_row(c, row);
            focus = focus || vf_starts(text, " > ");
            whole = whole || strstr(text, end);
        }
        ok(focus && whole, "row %d", vm);
        if (i == 4 || i == 15)
            screen(i == 4 ? "start-long-60x16" : "start-long-up-60x16", 16, 60);
        if (i != 9)
            press(i < 9 ? "}" : "{");
    }
}

static void test_jobs(void)
{
    begin(confs[0]);
    add_jobs();
    ok(shows("> Running: web1"), "what is unfinished comes first");
    screen("start-jobs", 24, 80);
    screen("start-jobs-60x16", 16, 60);
    ok(press("\n") == VF_WIZARD_ATTACH && vf_streq(vf_wizard_job(w), "20261121-021400-8d2a3e"),
       "one that runs is looked at");
    press("}\n");
    ok(shows("db1 is DOWN") && shows("Asking source and target"),
       "one that was cut off is looked up");
    give_standing(VF_WAY_BOTH, NULL, false);
    screen("start-job", 24, 80);
    screen("start-job-60x16", 16, 60);
    ok(press("\n") == VF_WIZARD_RESUME && vf_streq(vf_wizard_job(w), "20261121-021500-8d2a3f"),
       "and goes on");
    ok(press("2\n") == VF_WIZARD_GOES_ON && shows("Undo what this job did?"),
       "undoing is asked about");
    ok(press("\n") == VF_WIZARD_GOES_ON, "where Enter alone does nothing");
    ok(press("\n2\n") == VF_WIZARD_ROLLBACK, "and done on a yes");
    press("3\n");
    ok(shows("vmferry resume 20261121-021500-8d2a3f"), "details have the commands");
    press("<r");
    give_standing(VF_WAY_BOTH, NULL, true);
    ok(press("1\n") == VF_WIZARD_GOES_ON && shows("it cannot go on as things are"),
       "what stops it is said");
    press("r");
    give_standing(VF_WAY_ON, NULL, false);
    ok(press("2\n") == VF_WIZARD_GOES_ON && shows("going back would lose"),
       "no way back once the target ran");
    press("r");
    give_standing(VF_WAY_BOTH, "no route to beta", false);
    ok(press("1\n") == VF_WIZARD_GOES_ON && press("2\n") == VF_WIZARD_GOES_ON &&
           shows("no route to beta"),
       "nor any while a cluster is not seen");
    press("<}\n");
    ok(shows("Go on with these VMs?"), "several are asked about");
    ok(press("2\n") == VF_WIZARD_RESUME && vf_starts(vf_wizard_job(w), "batch-"), "and go on");
    press("}}}}\n");
    ok(press("") == VF_WIZARD_GOES_ON && shows("the demo needs root"), "there is no demo, and why");
    ok(press("}\n") == VF_WIZARD_QUIT, "leaving needs no question here");
}

static void test_files(void)
{
    begin(confs[0]);
    press("}}\n");
    ok(shows("Which plan?"), "a plan is asked for");
    press("bad\n");
    ok(shows("there is no file bad"), "one that is not there is said beside the field");
    press("\b\b\bgood two apart\n");
    ok(shows("it has moves between different clusters"),
       "one between several clusters cannot be shown");
    press("<\n");
    ok(shows("good two apart"), "what was typed is still there");
    for (int i = 0; i < 6; i++)
        press("\b");
    press("\n");
    ok(shows("Are these right?") && shows("web2"), "one of several shows them");
    struct vf_survey_answer *a = wanted(VF_SURVEY_PLAN);
    ok(question.plan && question.plan->vm_id == 100, "and checks them as they are");
    vf_survey_answer_free(a);
    press("<");
    ok(shows("Which plan?"), "back is the file");
    press("\b\b\b\b\n");
    ok(vf_wizard_waits(w), "one of one VM is checked, too");
    a = wanted(VF_SURVEY_PLAN);
    ok(question.plan && vf_streq(question.plan->vm_name, "web1"), "as it is");
    vf_survey_answer_free(a);
}

/* ---- a cluster that is added ---- */

static struct vf_survey_answer *tries(const char *name, const char *url)
{
    struct vf_survey_answer *a = wanted(VF_SURVEY_LOGIN);
    const struct vf_cluster_conf *c =
        question.conf ? vf_conf_cluster(question.conf, question.cluster, NULL) : NULL;
    ok(c && vf_streq(c->name, name) && vf_streq(c->urls[0], url), "it tries what was filled in");
    return a;
}

static void fails(struct vf_survey_answer *a, enum vf_error_code code, bool address)
{
    vf_fail(&a->error, code, "that is wrong");
    a->login.address = address;
    vf_wizard_take(w, a);
}

static void test_form(void)
{
    static struct vf_conf none = {.path = (char *)"none"};
    begin(&none);
    ok(shows("No cluster is configured yet"), "without a configuration it begins");
    press("\n");
    screen("start-connect", 24, 80);
    press("10.0.0.9/\n");
    ok(!vf_wizard_waits(w), "a secret is missing");
    press("geheim\n");
    fails(tries("10.0.0.9", "https://10.0.0.9:8006"), VF_E_NET, true);
    ok(shows("> Address"), "an address that does not answer is marked");
    screen("start-connect-error", 24, 80);
    screen("start-connect-error-60x16", 16, 60);
    press("\n");
    struct vf_survey_answer *a = tries("10.0.0.9", "https://10.0.0.9:8006");
    a->login.fingerprint = vf_strdup(print);
    fails(a, VF_E_AUTH, false);
    ok(shows("> Its secret") && !shows("***"), "a wrong secret is, and has to be typed again");
    press("besser\n");
    a = tries("10.0.0.9", "https://10.0.0.9:8006");
    const struct vf_cluster_conf *c = &question.conf->clusters[0];
    ok(c->fingerprints && vf_streq(c->fingerprints[0], print), "what was compared is known");
    ok(c->secret && vf_streq(vf_secret_text(c->secret), "besser"), "the new secret is tried");
    fails(a, VF_E_USAGE, false);
    ok(shows("> User"), "a wrong user is");
    press("\n");
    a = tries("10.0.0.9", "https://10.0.0.9:8006");
    press("x<");
    ok(!vf_wizard_waits(w) && shows("10.0.0.9"), "Esc stops, and keeps what was filled in");
    vf_wizard_take(w, a);
    ok(!shows("Keep the cluster"), "what comes late is not heard");
}

static void test_wrong(void)
{
    begin(confs[0]);
    press("\n}\n");
    ok(shows("Which cluster is to be added?"), "another one is added");
    press("a b\n\t\t\t\n");
    press("geheim\talpha\n");
    ok(shows("there is a cluster of that name already"), "names are not taken twice");
    press("\b\b\b\b\bnew\t\t\t");
    press("!x\n");
    ok(shows("choose \"an API token\""), "a token is not a user");
    press(" \n");
    ok(vf_wizard_waits(w), "it is a token");
    fails(tries("new", "https://a:8006"), VF_E_UNSUPPORTED, false);
    press("\b\b\n");
    ok(shows("a token is USER@REALM!NAME"), "a user is no token, and how one is made is said");
    press("<");
    ok(shows("From which cluster?"), "back");
}

static void test_kept(void)
{
    begin(confs[0]);
    press("\n}\n");
    press("b1:8006\tx\t\tgeheim\tbeta\n");
    struct vf_survey_answer *a = tries("beta", "https://b1:8006");
    a->login.user = vf_strdup("root@pam");
    a->login.fingerprint = vf_strdup(print);
    vf_wizard_take(w, a);
    screen("start-keep", 24, 80);
    did.refuse = true;
    press("2\n");
    ok(shows("the configuration cannot be written"), "what cannot be kept is said");
    did.refuse = false;
    press("\n");
    a = tries("beta", "https://b1:8006");
    a->login.user = vf_strdup("root@pam");
    vf_wizard_take(w, a);
    press("3\n");
    ok(did.keep == VF_KEEP_SECRET && vf_streq(did.secret, "geheim"), "it is kept as was said");
    ok(strstr(did.text, print) && strstr(did.text, "root@pam") && !strstr(did.text, "geheim"),
       "with what was found out, without the secret");
    ok(shows("Looking at beta"), "and is the source");
    vf_survey_answer_free(wanted(VF_SURVEY_VMS));
    press("<<\n");
    ok(shows("beta") && shows("alpha") && shows("Add a cluster"), "beside the other");
    screen("start-clusters", 24, 80);
}

/* ---- VMs ---- */

static struct vf_vm *add_vm(struct vf_survey_answer *a, unsigned id, const char *name,
                            const char *node)
{
    struct vf_vm *v = vf_vm_new();
    v->id = id;
    v->name = vf_strdup(name);
    v->node = vf_strdup(node);
    v->state = id % 2 ? VF_VM_RUNNING : VF_VM_STOPPED;
    v->memory = 2 * GIB;
    *(struct vf_vm **)vf_grow(&a->vms, &a->n_vms, sizeof v) = v;
    return v;
}

static void give_vms(void)
{
    struct vf_survey_answer *a = wanted(VF_SURVEY_VMS);
    add_vm(a, 110, "ct1", "a1")->container = true;
    add_vm(a, 101, "db1", "a1")->tags = vf_strdup("db;prod");
    add_vm(a, 104, "golden", "a1")->template_ = true;
    add_vm(a, 106, "lost", "a2")->state = VF_VM_UNKNOWN;
    add_vm(a, 105, "mail", "a1")->ha = vf_strdup("started");
    add_vm(a, 103, "名前\x1b[31m", "a1");
    add_vm(a, 107, "theirs", "a1");
    add_vm(a, 100, "web1", "a1");
    for (int i = 0; i < 2; i++) {
        struct vf_seen_node *n = vf_grow(&a->nodes, &a->n_nodes, sizeof *n);
        *n = (struct vf_seen_node){.name = vf_strdup(i ? "a2" : "a1"), .online = !i};
    }
    vf_wizard_take(w, a);
}

/* What is configured of VM ID comes in. */
static struct vf_survey_answer *outline(unsigned id, size_t disks, uint64_t size)
{
    struct vf_survey_answer *a = vf_xcalloc(1, sizeof *a);
    a->number = numbers;
    a->kind = VF_SURVEY_OUTLINES;
    a->more = true;
    a->outline.id = id;
    a->outline.vm = vf_vm_new();
    for (size_t i = 0; i < disks; i++) {
        struct vf_disk *d = vf_vm_add_disk(a->outline.vm);
        d->slot = vf_asprintf("scsi%zu", i);
        d->volume = vf_asprintf("local:%u/vm-%u-disk-%zu.raw", id, id, i);
        d->size = size;
    }
    struct vf_nic *n = vf_vm_add_nic(a->outline.vm);
    n->model = vf_strdup("virtio");
    n->bridge = vf_strdup("vmbr0");
    n->mac = vf_asprintf("BC:24:11:00:00:%02u", id - 100);
    n->tag = 20;
    return a;
}

static void give_outlines(void)
{
    struct vf_survey_answer *a = wanted(VF_SURVEY_OUTLINES), *one;
    ok(question.n_vms == 6, "of containers and offline nodes nothing is asked");
    ok(!vf_wizard_waits(w), "nobody waits for it");
    vf_survey_answer_free(a);
    vf_wizard_take(w, outline(101, 2, 100 * GIB));
    one = outline(105, 1, 8 * GIB);
    one->outline.passthrough = one->outline.snapshots = true;
    vf_wizard_take(w, one);
    one = outline(107, 1, GIB);
    one->outline.job = vf_strdup("20261120-120000-aaaaaa");
    vf_wizard_take(w, one);
    one = outline(103, 0, 0);
    vf_vm_free(one->outline.vm);
    one->outline.vm = NULL;
    one->outline.why = vf_strdup("it has something nobody can move");
    vf_wizard_take(w, one);
    vf_wizard_take(w, outline(100, 1, 32 * GIB));
}

/* Is the cursor on the row of NAME? */
static bool at(const char *name)
{
    vf_autofree char *row = vf_asprintf("> %s", name);
    vf_autofree char *marked = vf_asprintf(">*%s", name);
    return shows(row) || shows(marked);
}

static void test_vms(void)
{
    begin(confs[n_confs - 1]);
    press("\n\n");
    give_vms();
    ok(at("db1"), "in the order of names, the first that can be moved");
    ok(shows("lost") && shows("offline"), "a node that is offline is said");
    give_outlines();
    screen("start-vms", 24, 80);
    screen("start-vms-60x16", 16, 60);
    ok(shows("Begun on another machine and not finished: theirs"), "others' moves are told of");
    press("/lost");
    ok(shows("its node a2 is offline"), "why a VM cannot be moved");
    press("</theirs");
    ok(shows("job 20261120-120000-aaaaaa of another machine"), "whose job it is");
    press("</\\x1b");
    ok(shows("something nobody can move"), "what stops it");
    press("</db1\n");
    ok(shows("To which cluster?"), "the filter and Enter choose");
    press("<d");
    screen("start-vm", 24, 80);
    press("</<s");
    ok(at("db1"), "sorting leaves the cursor where it was");
    press("ss");
    ok(shows("Sorted by size"), "the key is said");
    for (int i = 0; i < 3; i++)
        press("{{{{{{{{");
    ok(at("db1"), "the biggest comes first");
    press(" ");
    ok(shows("1 marked, disks of 200 GiB"), "a VM is marked, and the next looked at");
    ok(at("web1"), "which is the next of size");
    press(" s");
    ok(shows("2 marked") && shows("Sorted by") == false, "marks stay, and need no luck");
    ok(shows("*db1") && shows("*web1"), "on the same VMs");
    press("\n");
    ok(shows("alpha/2 VMs") && shows("> beta"), "all to one target");
}

/* ---- places ---- */

static void give_nodes(void)
{
    struct vf_survey_answer *a = wanted(VF_SURVEY_NODES);
    static const struct {
        const char *name;
        uint64_t total, used;
        bool online, no_quorum;
    } nodes[] = {{"b1", 24, 11, false, false},
                 {"b2", 1, 0, true, false},
                 {"b3", 24, 23, true, false},
                 {"b4", 24, 11, true, false}};
    for (size_t i = 0; i < VF_COUNT(nodes); i++) {
        struct vf_seen_node *n = vf_grow(&a->nodes, &a->n_nodes, sizeof *n);
        *n = (struct vf_seen_node){.name = vf_strdup(nodes[i].name),
                                   .online = nodes[i].online,
                                   .memory_total = nodes[i].total * GIB,
                                   .memory_used = nodes[i].used * GIB,
                                   .cpus = 8,
                                   .cpu = 0.25};
    }
    vf_wizard_take(w, a);
}

static void give_places(void)
{
    struct vf_survey_answer *a = wanted(VF_SURVEY_PLACES);
    static const struct {
        const char *name, *type;
        uint64_t total, avail;
    } storages[] = {{"full", "dir", 100, 0},
                    {"thick", "lvm", 1000, 100},
                    {"thin", "lvmthin", 1000, 100},
                    {"wide", "zfspool", 4000, 3000}};
    for (size_t i = 0; i < VF_COUNT(storages); i++) {
        struct vf_seen_storage *s = vf_grow(&a->storages, &a->n_storages, sizeof *s);
        *s = (struct vf_seen_storage){.name = vf_strdup(storages[i].name),
                                      .type = vf_strdup(storages[i].type),
                                      .total = storages[i].total * GIB,
                                      .avail = storages[i].avail * GIB};
    }
    vf_wizard_take(w, a);
}

static void test_places(void)
{
    press("\n");
    ok(shows("Looking at beta"), "its nodes are looked up");
    give_nodes();
    screen("start-nodes", 24, 80);
    ok(at("b3") && shows("- b1"), "one is offline");
    press("{\n");
    ok(at("b2") && shows("too small"), "one is too small for any of them");
    press("}");
    ok(at("b3") && shows("Its memory is in use now"), "one has no memory now, but may be taken");
    press("}\n");
    ok(vf_wizard_waits(w), "its storages are looked up");
    give_places();
    screen("start-storages", 24, 80);
    ok(at("thin"), "neither a full one nor one on which they do not fit is proposed");
    press("{");
    ok(press("\n") == VF_WIZARD_GOES_ON, "nor taken");
    press("\n");
    ok(at("thick") && shows("too small: 100 GiB free, and the disks are 232 GiB"),
       "nor one on which they do not fit");
    press("}");
    ok(at("thin") && shows("which is more than is free"), "where they may fit that is said");
    press("}");
    ok(shows("2.7 TiB") || shows("2768 GiB"), "what is free afterwards");
    press("\n");
    ok(shows("Are these right?"), "then the plans of both");
    press("<<<");
    ok(shows("To which node?") || shows("To which cluster?"), "and back");
    press("q");
    ok(press("2\n") == VF_WIZARD_QUIT, "and out");
}

int main(void)
{
    if (!setlocale(LC_ALL, "C.UTF-8")) {
        skip("screens", "no locale C.UTF-8");
        return done_testing();
    }
    confs[n_confs++] = vf_conf_parse(conf_text, strlen(conf_text), "test.conf", NULL);
    if (ok(confs[0] != NULL, "a configuration")) {
        test_jobs();
        test_long_rows();
        test_files();
        test_form();
        test_wrong();
        test_kept();
        test_vms();
        test_places();
    }
    vf_wizard_free(w);
    for (size_t i = 0; i < n_confs; i++)
        vf_conf_free(confs[i]);
    free(did.text);
    free(did.secret);
    return done_testing();
}
