/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A VM's firewall as data: what it names, what uses it, how two differ. */
#include "config.h"
#include "plan/firewall.h"
#include "base/str.h"
#include "tests/unit/tap.h"

/* "key=value key=value" into ROWS. */
static void row(struct vf_rows *rows, const char *text)
{
    vf_autostrv char **pairs = vf_strv_split(text, " ");
    struct vf_opts *o = vf_rows_add(rows);
    for (size_t i = 0; pairs[i]; i++) {
        char *eq = strchr(pairs[i], '=');
        *eq = '\0';
        vf_opts_set(o, pairs[i], eq + 1);
    }
}

static struct vf_firewall *sample(void)
{
    struct vf_firewall *f = vf_firewall_new();
    vf_opts_set(&f->options, "enable", "1");
    row(&f->aliases, "name=Backend cidr=10.1.2.3");
    row(&f->ipsets, "name=admins");
    row(&f->members, "ipset=admins cidr=10.0.0.0/8");
    row(&f->members, "ipset=admins cidr=dc/office");
    row(&f->rules, "type=group action=web enable=1");
    row(&f->rules, "type=in action=ACCEPT enable=1 source=+admins");
    row(&f->rules, "type=in action=ACCEPT enable=1 source=+guest/admins");
    row(&f->rules, "type=in action=DROP enable=0 source=+dc/blocked");
    row(&f->rules, "type=in action=DROP enable=1 source=+elsewhere dest=OFFICE");
    row(&f->rules, "type=out action=ACCEPT enable=1 dest=backend");
    row(&f->rules, "type=out action=ACCEPT enable=1 dest=fe80::1,fd00::/8");
    row(&f->rules, "type=out action=ACCEPT enable=1 dest=10.0.0.1-10.0.0.9");
    return f;
}

static void is_list(char **list, const char *want, const char *what)
{
    vf_autofree char *got = vf_strv_join(list, "; ");
    is_str(got, want, what);
    vf_strv_free(list);
}

static void test_refs(void)
{
    vf_auto(vf_firewall_free) struct vf_firewall *f = sample();
    is_list(vf_firewall_refs(f), "alias/office; group/web; ipset/blocked; ipset/elsewhere",
            "what is the cluster's, each once; not what is the VM's own, nor addresses");
    is_list(vf_firewall_uses(f, "group/web", true, false), "rule 0 (group web enable=1)",
            "a group");
    is_list(vf_firewall_uses(f, "ipset/blocked", true, false), "", "a rule that is off");
    is_list(vf_firewall_uses(f, "ipset/blocked", false, false),
            "rule 3 (in DROP enable=0 source=+dc/blocked)", "is one all the same");
    is_list(vf_firewall_uses(f, "alias/office", true, false),
            "member dc/office of IP set admins; rule 4 (in DROP enable=1 source=+elsewhere "
            "dest=OFFICE)",
            "a member, and a rule in other letters");
    vf_opts_set(&f->options, "enable", "0");
    is_list(vf_firewall_uses(f, "group/web", true, false), "", "nothing is active when it is off");
    vf_strv_free(vf_firewall_uses(f, "alias/office", false, true));
    ok(f->rules.n == 7 && f->members.n == 1, "taken out");
    is_list(vf_firewall_refs(f), "group/web; ipset/blocked", "it is not named any more");
    is_str(vf_opts_get(&f->rules.v[4], "dest"), "backend", "the others keep their order");
}

static void test_diff(void)
{
    vf_auto(vf_firewall_free) struct vf_firewall *a = sample(), *b = vf_firewall_copy(a);
    ok(!vf_firewall_empty(a) && vf_firewall_enabled(a), "there is something in it, and it is on");
    vf_auto(vf_firewall_free) struct vf_firewall *none = vf_firewall_new();
    ok(vf_firewall_empty(none) && vf_firewall_empty(NULL) && !vf_firewall_enabled(NULL), "nothing");
    vf_autofree char *same = vf_firewall_diff(a, b);
    is_str(same, NULL, "a copy is the same");
    vf_opts_set(&b->aliases.v[0], "cidr", "10.1.2.3/32");
    struct vf_opts first = b->members.v[0];
    b->members.v[0] = b->members.v[1];
    b->members.v[1] = first;
    vf_autofree char *still = vf_firewall_diff(a, b);
    is_str(still, NULL, "so is another way to write an address, and another order of members");
    struct vf_opts rule = b->rules.v[1];
    b->rules.v[1] = b->rules.v[2];
    b->rules.v[2] = rule;
    vf_autofree char *order = vf_firewall_diff(a, b);
    is_str(order,
           "rule 1 is \"in ACCEPT enable=1 source=+guest/admins\", at the source \"in ACCEPT "
           "enable=1 source=+admins\"",
           "not another order of rules");
    vf_autofree char *missing = vf_firewall_diff(a, none);
    is_str(missing, "alias 0 is \"missing\", at the source \"Backend cidr=10.1.2.3\"", "missing");
    vf_autofree char *more = vf_firewall_diff(none, a);
    ok(more != NULL, "more than there should be");
    vf_firewall_free(VF_STEAL(b));
    b = vf_firewall_copy(a);
    vf_opts_set(&b->options, "enable", "0");
    vf_autofree char *off = vf_firewall_diff(a, b);
    is_str(off, "options 0 is \"enable=0\", at the source \"enable=1\"", "the switch");
}

int main(void)
{
    test_refs();
    test_diff();
    return done_testing();
}
