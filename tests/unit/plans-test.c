/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Plan files with several VMs. */
#include "config.h"
#include "plan/plan.h"
#include "base/str.h"
#include "tests/unit/tap.h"

#include <unistd.h>

static struct vf_plan *sample(unsigned id)
{
    struct vf_plan *p = vf_plan_new();
    p->source = vf_strdup("alpha");
    p->target = vf_strdup("beta");
    p->vm_id = id;
    p->vm_name = vf_asprintf("web%u", id);
    p->target_node = vf_strdup("b1");
    for (unsigned i = 0; i < id % 3; i++) {
        struct vf_plan_disk *d = vf_plan_add_disk(p);
        d->slot = vf_asprintf("scsi%u", i);
        d->volume = vf_asprintf("local:%u/vm-%u-disk-%u.qcow2", id, id, i);
        d->size = (i + 1) * 5368709120u;
        d->storage = vf_strdup("fast");
        d->format = vf_strdup("raw");
        struct vf_plan_nic *n = vf_plan_add_nic(p);
        n->index = i;
        n->bridge = vf_strdup("vmbr1");
        n->mac_mode = i ? VF_MAC_NEW : VF_MAC_KEEP;
    }
    return p;
}

static bool same(struct vf_plan *const *a, size_t n, struct vf_plan *const *b, size_t m)
{
    bool good = n == m;
    for (size_t i = 0; good && i < n; i++) {
        vf_autofree char *x = vf_plan_text(a[i]), *y = vf_plan_text(b[i]);
        good = is_str(y, x, "a move reads back as it was written");
    }
    return good;
}

static unsigned count(const char *text, const char *what)
{
    unsigned n = 0;
    for (; (text = strstr(text, what)); text++)
        n++;
    return n;
}

static void round_trip(struct vf_plan **v, size_t n, const char *what)
{
    vf_autoerror struct vf_error *e = NULL;
    vf_autofree char *text = vf_plans_text(v, n);
    struct vf_plan **back;
    size_t m;
    int r = vf_plans_parse(text, strlen(text), "b.cfg", &back, &m, &e);
    ok(r == 0, "%s reads back (%s)", what, e ? e->text : "no error");
    if (r < 0)
        return;
    ok(same(v, n, back, m), "%s is the same", what);
    vf_autofree char *again = vf_plans_text(back, m);
    is_str(again, text, "and is written the same");
    vf_plans_free(back, m);
}

static void test_round_trip(void)
{
    struct vf_plan *v[] = {sample(101), sample(102), sample(103)};
    vf_autofree char *alike = vf_plans_text(v, 3), *one = vf_plans_text(v, 1),
                     *single = vf_plan_text(v[0]);
    is_str(one, single, "a file with one VM is as ever");
    ok(count(alike, "\nsource = \"alpha\"") == 1 && count(alike, "source =") == 1,
       "what all have in common stands once, at the top");
    ok(strstr(alike, "format = 2; minimum-reader = 2;") == alike, "an older reader is told");
    round_trip(v, 3, "what is alike");
    v[1]->rate = 12500000;
    v[1]->cpu = vf_strdup("host");
    v[2]->target_name = vf_strdup("web9");
    v[2]->target_id = 900;
    vf_str_set(&v[2]->target_node, "b2");
    v[2]->ciphers = vf_strdup("-");
    v[0]->wait_before_stop = true;
    vf_str_set(&v[0]->source, "gamma \"x\"");
    vf_autofree char *different = vf_plans_text(v, 3);
    ok(count(different, "source = \"") == 3 && count(different, "rate = ") == 3 &&
           count(different, "cpu = \"host\"") == 1,
       "what differs stands in each move");
    round_trip(v, 3, "what differs");
    char path[] = "/tmp/vmferry-plans-test-XXXXXX";
    int fd = mkstemp(path);
    struct vf_plan **back;
    size_t m;
    vf_autoerror struct vf_error *e = NULL;
    if (fd < 0 || close(fd) < 0)
        return;
    ok(vf_plans_save(v, 3, path, NULL) == 0 && vf_plans_load(path, &back, &m, NULL) == 0 && m == 3,
       "by way of a file, too");
    vf_plans_free(back, m);
    ok(!vf_plan_load(path, &e) && strstr(vf_error_text(e), "3 VMs"),
       "who wants one VM is not given the first of three");
    unlink(path);
    for (size_t i = 0; i < 3; i++)
        vf_plan_free(v[i]);
}

#define HEAD "format = 2; minimum-reader = 2;\n"
#define TO   "source = \"alpha\"; target = \"beta\"; target-node = \"b1\";\n"

static void test_inherit(void)
{
    static const char text[] = HEAD TO "rate = 5; streams = 3;\n"
                                       "moves = ( { vm-id = 101; }, { vm-id = 102; rate = 7; } );";
    struct vf_plan **v;
    size_t n;
    ok(vf_plans_parse(text, strlen(text), "p.cfg", &v, &n, NULL) == 0 && n == 2, "two moves");
    ok(v[0]->rate == 5 && v[0]->streams == 3 && v[1]->rate == 7 && v[1]->streams == 3 &&
           vf_streq(v[1]->target_node, "b1"),
       "what stands at the top counts for each that does not say otherwise");
    vf_plans_free(v, n);
    static const char late[] = HEAD "moves = ( { vm-id = 101; } );\n" TO "rate = 5;";
    ok(vf_plans_parse(late, strlen(late), "p.cfg", &v, &n, NULL) == 0 && v[0]->rate == 5,
       "also what is written below the moves");
    vf_plans_free(v, n);
}

static void test_wrong(void)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {HEAD TO "moves = ( );", "p.cfg:3: moves must have at least 1 entry"},
        {HEAD TO "moves = ( { vm-name = \"x\"; } );", "p.cfg:3: a move needs the key \"vm-id\""},
        {HEAD "source = \"a\"; target = \"b\";\nmoves = ( { vm-id = 101; } );",
         "p.cfg:3: a move needs the key \"target-node\", or the top of the file does"},
        {HEAD TO "moves = (\n{ vm-id = 101; },\n{ vm-id = 102; format = 1; } );",
         "p.cfg:5: a move has no key \"format\""},
        {HEAD TO "moves = ( { vm-id = 101; moves = ( ); } );",
         "p.cfg:3: a move has no key \"moves\""},
        {HEAD TO "moves = (\n{ vm-id = 101; },\n{ vm-id = 102; rate = \"much\"; } );",
         "p.cfg:5: rate must be a whole number"},
        {HEAD TO "moves = ( { vm-id = 101; }, { vm-id = 101; } );",
         "VM 101 of alpha is there twice"},
        {HEAD TO
         "moves = ( { vm-id = 101; target-id = 200; }, { vm-id = 102; target-id = 200; } );",
         "VMs 101 and 102 would both be VM 200 at beta"},
        {HEAD TO "moves = ( { vm-id = 101; vm-name = \"a\"; }, "
                 "{ vm-id = 102; vm-name = \"b\"; target-name = \"a\"; } );",
         "VMs 101 and 102 would both be called a at beta"},
        {HEAD TO "vm-id = 100; moves = ( { vm-id = 101; } );",
         "cannot stand at the top, beside moves"},
        {"format = 3; minimum-reader = 3;\n" TO "moves = ( { vm-id = 101; } );",
         "written by a newer vmferry"},
        {TO "moves = ( { vm-id = 101; } );", "a plan needs the key \"minimum-reader\""},
        {"minimum-reader = 1; moves = ( { vm-id = 101; } );",
         "a move needs the key \"source\", or the top of the file does"},
    };
    for (size_t i = 0; i < VF_COUNT(cases); i++) {
        vf_autoerror struct vf_error *e = NULL;
        struct vf_plan **v;
        size_t n;
        ok(vf_plans_parse(cases[i].text, strlen(cases[i].text), "p.cfg", &v, &n, &e) < 0 && !v &&
               vf_error_code(e) == VF_E_USAGE && strstr(vf_error_text(e), cases[i].why),
           "%s", cases[i].why);
        if (!e || !strstr(e->text, cases[i].why))
            printf("# got: %s\n", vf_error_text(e));
    }
}

int main(void)
{
    test_round_trip();
    test_inherit();
    test_wrong();
    return done_testing();
}
