/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The wizard's way from an ESXi host, or from exported files, to a plan: without terminal, threads
 * and hosts. How many keys it takes is counted. Screens against tests/unit/screens/import-*;
 * GOLDEN=write in the environment writes those anew. */
#include "config.h"
#include "ui/wizard/pages.h"
#include "conf/added.h"
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
    add_vm(a, 2, "pause", "rhel6_64Guest")->state = VF_VM_PAUSED;
    add_vm(a, 3, "snap", "windows9Server64Guest");
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
    give_outline(2, "it is suspended: resume it and shut it down first", false);
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
    ok(at("pause") || shows("it is suspended"), "why one cannot be imported");
    press("/pause");
    ok(shows("it is suspended: resume it"), "is in the status line");
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
    }
    vf_wizard_free(w);
    vf_conf_free(conf);
    vf_conf_free(bare);
    vf_conf_free(added);
    free(added_text);
    return done_testing();
}
