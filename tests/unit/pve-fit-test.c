/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a login, or a version, cannot set of a VM. */
#include "config.h"
#include "base/str.h"
#include "provider/pve/pve.h"
#include "tests/unit/pve-fixture.h"
#include "tests/unit/tap.h"

#include <signal.h>

#define SNIPPETS "/nodes/b1/storage/local/content?content=snippets"

static const char *const values[][2] = {
    {"args", "-nodefaults"},
    {"cicustom", "user=local:snippets/u.yaml,vendor=local:snippets/v.yaml"},
    {"cpu", "host"},
    {"hookscript", "local:snippets/hook.sh"},
    {"hostpci0", "mapping=gpu,pcie=1"},
    {"hostpci1", "mapping=other"},
    {"rng0", "source=/dev/urandom"},
    {"startup", "order=3"},
    {"usb0", "mapping=stick"},
    {"usb1", "spice"},
    {"usb11", "host=spice,usb3=1"},
    {"virtiofs0", "share,cache=auto"},
    {"vmgenid", "b5357296-3e1a-4fc8-f028-249a531e6d1c"},
    {"spice_enhancements", "foldersharing=1"},
};

static struct vf_vm *sample(void)
{
    struct vf_vm *vm = vf_vm_new();
    vm->node = vf_strdup("b1");
    for (size_t i = 0; i < VF_COUNT(values); i++)
        vf_opts_set(&vm->opts, values[i][0], values[i][1]);
    struct vf_disk *d = vf_vm_add_disk(vm);
    d->slot = vf_strdup("tpmstate0");
    d->format = vf_strdup("qcow2");
    return vm;
}

/* LEFT are the options that are gone, with spaces around each. */
static void check(const struct vf_vm *vm, const char *left)
{
    for (size_t i = 0; i < VF_COUNT(values); i++) {
        vf_autofree char *word = vf_asprintf(" %s ", values[i][0]);
        bool gone = strstr(left, word) != NULL;
        const char *value = vf_opts_get(&vm->opts, values[i][0]);
        ok(gone ? !value && why_left(vm, values[i][0]) : vf_streq(value, values[i][1]), "%s is %s",
           values[i][0], gone ? "left out, and said so" : "kept");
    }
    for (size_t i = 0; i < vm->n_left_out; i++)
        ok(vm->left_out[i].minor == vf_starts(vm->left_out[i].what, "vmgenid"),
           "%s: who has to do something", vm->left_out[i].what);
}

static void test_root(void)
{
    static const struct route routes[] = {
        LOGIN,
        {"GET", "/version", NULL, "{\"data\":{\"version\":\"9.1.2\"}}", NULL, 0, 0, false},
        {"GET", SNIPPETS, NULL,
         "{\"data\":[{\"volid\":\"local:snippets/hook.sh\"},{\"volid\":\"local:snippets/u.yaml\"},"
         "{\"volid\":\"local:snippets/v.yaml\"}]}",
         NULL, 0, 0, false},
        {"GET", "/cluster/mapping/pci", NULL, "{\"data\":[{\"id\":\"gpu\"}]}", NULL, 0, 0, false},
        {"GET", "/cluster/mapping/usb", NULL, "{\"data\":[{\"id\":\"stick\"}]}", NULL, 0, 0, false},
        {"GET", "/cluster/mapping/dir", NULL, "{\"data\":[{\"id\":\"share\"}]}", NULL, 0, 0, false},
    };
    struct fixture f;
    struct vf_error *err = NULL;
    SERVE(&f, routes);
    struct vf_provider *p = log_in(&f);
    vf_auto(vf_vm_free) struct vf_vm *vm = sample();
    ok(p->ops->fit(p, vm, &err) == 0, "root@pam with a password: %s", err ? err->text : "done");
    check(vm, " hostpci1 ");
    ok(vm->n_left_out == 1, "a TPM's state may be qcow2 since 9.1");
    ok(!count(&f.cluster, "/access/permissions"), "root's rights are not asked for");
    vf_provider_free(p);
    drop(&f);
}

static int give_secret(void *opaque, const struct vf_ask *q, struct vf_cancel *cancel,
                       struct vf_answer *out, struct vf_error **err)
{
    out->secret = vf_secret_new("x", 1);
    return 0;
}

static const struct vf_asker anybody = {.ask = give_secret, .opaque = NULL};

/* A token of the same user is nobody special; what it may not read is not there. */
static void test_token(void)
{
    static const struct route routes[] = {
        API_VERSION,
        {"GET", SNIPPETS, NULL,
         "{\"data\":[{\"volid\":\"local:snippets/hook.sh\"},{\"volid\":\"local:snippets/"
         "u.yaml\"}]}",
         NULL, 0, 0, false},
        {"GET", "/cluster/mapping/pci", NULL, "{\"data\":[{\"id\":\"gpu\"}]}", NULL, 0, 0, false},
        {"GET", "/cluster/mapping/usb", NULL, "{\"data\":[{\"id\":\"stick\"}]}", NULL, 0, 0, false},
        {"GET", "/cluster/mapping/dir", "403 Permission check failed", NULL, NULL, 0, 0, false},
        {"GET", "/access/permissions?path=%2F", NULL,
         "{\"data\":{\"/\":{\"Sys.Audit\":1,\"VM.Audit\":1}}}", NULL, 1, 0, false},
        {"GET", "/access/permissions?path=%2F", NULL, "{\"data\":{\"/\":{\"Sys.Modify\":1}}}", NULL,
         0, 0, false},
        {"GET", "/access/permissions?path=%2Fmapping%2Fpci%2Fgpu", NULL,
         "{\"data\":{\"/mapping/pci/gpu\":{\"Mapping.Use\":1}}}", NULL, 0, 0, false},
        {"GET", "/access/permissions?path=%2Fmapping%2Fusb%2Fstick", NULL,
         "{\"data\":{\"/mapping/usb/stick\":{\"Mapping.Audit\":1}}}", NULL, 0, 0, false},
    };
    struct fixture f;
    struct vf_error *err = NULL;
    SERVE(&f, routes);
    f.conf.token = "root@pam!ferry";
    struct vf_provider *p = vf_provider_open(&f.conf, true, &anybody, NULL, &err);
    vf_auto(vf_vm_free) struct vf_vm *vm = sample();
    vf_str_set(&vm->disks[0].format, "raw");
    ok(p->ops->fit(p, vm, &err) == 0, "a token: %s", err ? err->text : "done");
    check(vm, " args cicustom hookscript hostpci1 startup usb0 virtiofs0 vmgenid "
              "spice_enhancements ");
    ok(strstr(why_left(vm, "cicustom"), "v.yaml") && strstr(why_left(vm, "startup"), "Sys.Modify"),
       "with what is missing");

    vf_auto(vf_vm_free) struct vf_vm *again = sample();
    ok(p->ops->fit(p, again, &err) == 0 && vf_opts_get(&again->opts, "startup"),
       "Sys.Modify is enough for the start order");
    const struct vf_left_out *l = &again->left_out[again->n_left_out - 1];
    ok(l->stop && vf_streq(l->what, "tpmstate0"), "a TPM's state in qcow2 stops before 9.1");
    vf_provider_free(p);
    drop(&f);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    test_root();
    test_token();
    return done_testing();
}
