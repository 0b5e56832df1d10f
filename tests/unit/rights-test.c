/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a move asks of its logins: each privilege of the documented role is needed, and missed when
 * it is not there; no other is. */
#include "config.h"
#include "base/fdio.h"
#include "provider/pve/pve.h"
#include "tests/unit/pve-fixture.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *release; /* as /version says it */
    unsigned version;
    const char *lists; /* the parameter lists of about that version */
} releases[] = {
    {"6.4-15", VF_PVE_VERSION(6, 4), "pve-6.4-15.json"},
    {"7.1-10", VF_PVE_VERSION(7, 1), NULL},
    {"7.4-16", VF_PVE_VERSION(7, 4), "pve-7.4-16.json"},
    {"8.4.5", VF_PVE_VERSION(8, 4), "pve-8.4.5.json"},
    {"9.2.3", VF_PVE_VERSION(9, 2), "pve-9.2.3.json"},
};

static int give_secret(void *opaque, const struct vf_ask *q, struct vf_cancel *cancel,
                       struct vf_answer *out, struct vf_error **err)
{
    out->secret = vf_secret_new("s", 1);
    return 0;
}

static const struct vf_asker secret = {.ask = give_secret, .opaque = NULL};

/* A VM that needs all there is: disks on two storages, a card with a tag and one without. */
static struct vf_vm *sample(bool target)
{
    struct vf_vm *vm = vf_vm_new();
    vm->id = target ? 200 : 101;
    vf_str_set(&vm->node, "a1");
    vf_str_set(&vm->uuid, "8ce18aee-48e3-4697-a53c-d772b0f0610a");
    static const char *const stores[] = {"fast", "slow", "fast"};
    for (size_t i = 0; i < VF_COUNT(stores); i++) {
        struct vf_disk *d = vf_vm_add_disk(vm);
        d->slot = vf_asprintf("scsi%zu", i);
        d->storage = vf_strdup(stores[i]);
    }
    static const char *const bridges[] = {"vmbr0", "vnet1"};
    for (unsigned i = 0; i < VF_COUNT(bridges); i++) {
        struct vf_nic *n = vf_vm_add_nic(vm);
        n->bridge = vf_strdup(bridges[i]);
        n->tag = i ? 0 : 20;
    }
    return vm;
}

#define PATHS 6
static const char *const paths[2][PATHS] = {
    {"/vms/101", "/storage/fast", "/storage/slow", NULL},
    {"/vms/200", "/storage/fast", "/storage/slow", "/sdn/zones/localnetwork/vmbr0/20",
     "/sdn/zones/blue/vnet1", NULL},
};

/* The answer about PATH for a login that has the role but WITHOUT. */
static char *have(const char *path, char *const *role, const char *without)
{
    vf_autobuf struct vf_buf b = {0};
    const char *sep = "";
    vf_buf_printf(&b, "{\"data\":{\"%s\":{", path);
    for (size_t i = 0; role && role[i]; i++) {
        if (vf_streq(role[i], without))
            continue;
        vf_buf_printf(&b, "%s\"%s\":%zu", sep, role[i], i % 2); /* the value only says how deep */
        sep = ",";
    }
    vf_buf_puts(&b, "}}}");
    return vf_buf_take(&b);
}

struct asking {
    bool target, token, disks, power;
    const char *release;
    char *const *role;
    const char *without;
    const char *roles; /* answer of /access/roles */
};

/* What is found, in OUT. */
static int look(const struct asking *a, struct vf_findings *out)
{
    struct route routes[PATHS + 4] = {0};
    char *calls[PATHS] = {0}, *answers[PATHS] = {0};
    size_t n = 0;
    vf_autofree char *version = vf_asprintf("{\"data\":{\"version\":\"%s\"}}", a->release);
    for (; paths[a->target][n]; n++) {
        vf_autofree char *enc = vf_url_encode(paths[a->target][n]);
        calls[n] = vf_asprintf("/access/permissions?path=%s", enc);
        answers[n] = have(paths[a->target][n], a->role, a->without);
        routes[n] = (struct route){.method = "GET", .path = calls[n], .json = answers[n]};
    }
    routes[n] = (struct route){.method = "GET", .path = "/version", .json = version};
    routes[n + 1] = (struct route){.method = "GET",
                                   .path = "/cluster/sdn/vnets",
                                   .json = "{\"data\":[{\"vnet\":\"vnet1\",\"zone\":\"blue\"}]}"};
    routes[n + 2] =
        (struct route){.method = "GET", .path = "/access/permissions", .json = "{\"data\":{}}"};
    routes[n + 3] = (struct route){
        .method = "GET", .path = "/access/roles", .json = a->roles ? a->roles : "{\"data\":[]}"};
    struct fixture f;
    serve(&f, routes, n + 4);
    f.conf.user = NULL;
    f.conf.token = "mover@pve!job";
    vf_autoerror struct vf_error *err = NULL;
    vf_auto(vf_provider_free) struct vf_provider *p =
        vf_provider_open(&f.conf, true, &secret, NULL, &err);
    vf_auto(vf_vm_free) struct vf_vm *vm = sample(a->target);
    struct vf_use use = {.target = a->target, .vm = vm, .disks = a->disks, .power = a->power};
    int r = p ? p->ops->rights(p, &use, out, &err) : -1;
    if (r < 0)
        printf("# %s\n", vf_error_text(err));
    vf_provider_free(VF_STEAL(p));
    drop(&f);
    for (size_t i = 0; i < n; i++) {
        free(calls[i]);
        free(answers[i]);
    }
    return r;
}

static void test_each(const char *release, unsigned version, bool target)
{
    vf_autostrv char **role = vf_pve_role(target, version);
    const char *end = target ? "target" : "source";
    struct asking a = {
        .target = target, .disks = true, .power = true, .release = release, .role = role};
    vf_autofindings struct vf_findings none = {0};
    ok(look(&a, &none) == 0 && none.n == 0, "%s %s: the role is enough", release, end);
    for (size_t i = 0; role[i]; i++) {
        vf_autofindings struct vf_findings f = {0};
        a.without = role[i];
        look(&a, &f);
        vf_autofree char *text = vf_asprintf(": %s on /", role[i]);
        ok(f.n == 1 && f.v[0].severity == VF_STOP && strstr(f.v[0].text, text),
           "%s %s: %s is missed", release, end, role[i]);
        if (f.n != 1 || !strstr(f.v[0].text, text))
            printf("# got %s\n", f.n ? f.v[0].text : "nothing");
    }
}

static bool named(const struct vf_findings *f, const char *text)
{
    for (size_t i = 0; i < f->n; i++)
        if (strstr(f->v[i].text, text) || (f->v[i].cure && strstr(f->v[i].cure, text)))
            return true;
    return false;
}

static void test_words(void)
{
    vf_autofindings struct vf_findings f = {0}, g = {0}, h = {0}, k = {0};
    struct asking a = {.target = true, .disks = true, .power = true, .release = "8.4.5"};
    look(&a, &f);
    ok(named(&f, "has no rights at all: with privilege separation"),
       "an empty token is told apart");
    ok(named(&f, "VM.PowerMgmt on /vms/200"), "privileges of the VM");
    ok(named(&f, "; Datastore.AllocateSpace, Datastore.Audit on /storage/slow"), "of each storage");
    ok(named(&f, "SDN.Use on /sdn/zones/localnetwork/vmbr0/20"), "of a bridge's VLAN");
    ok(named(&f, "SDN.Use on /sdn/zones/blue/vnet1"), "of a VNet in its zone");
    ok(named(&f,
             "pveum acl modify /storage/fast --users mover@pve --tokens 'mover@pve!job' --roles "
             "vmferry-target"),
       "the line that gives them");
    ok(named(&f, "pveum user token modify mover@pve job --privsep 0"), "the token as its user");
    a.power = a.disks = false;
    look(&a, &g);
    ok(!named(&g, "VM.PowerMgmt on") && !named(&g, "Datastore.Audit on") &&
           named(&g, "VM.Allocate, VM.Audit, VM.Config.CPU, VM.Config.HWType"),
       "nothing for what is not done");
    a.power = a.disks = true;
    a.roles = "{\"data\":[{\"roleid\":\"vmferry-target\",\"privs\":\"VM.Audit,VM.Allocate\"}]}";
    look(&a, &h);
    ok(named(&h, "pveum role modify vmferry-target --privs \"VM.Config.CPU ") &&
           named(&h, " --append 1"),
       "a role that is there gets what it lacks");
    static char *admin[] = {(char *)"VM.Audit", (char *)"VM.Backup", NULL};
    a.role = admin;
    look(&a, &k);
    ok(named(&k, "replaces what the login has there"),
       "what an entry further down would take away is warned of");
}

/* data/vmferry.1 has the roles in these very words. */
static void test_manual(void)
{
    const char *top = getenv("top_srcdir");
    vf_autofree char *path = vf_asprintf("%s/data/vmferry.1", top ? top : ".");
    vf_autofree char *man = vf_read_file(path, 1 << 20, NULL, NULL);
    for (size_t i = 0; i < VF_COUNT(releases); i++)
        for (int target = 0; target < 2; target++) {
            vf_autostrv char **role = vf_pve_role(target, releases[i].version);
            vf_autofree char *list = vf_strv_join(role, " ");
            vf_autofree char *line = vf_asprintf("pveum role add vmferry-%s --privs \"%s\"\n",
                                                 target ? "target" : "source", list);
            ok(man && strstr(man, line), "the manual has the %s role of %s",
               target ? "target" : "source", releases[i].release);
            if (man && !strstr(man, line))
                printf("# want %s", line);
        }
}

static void test_known(void)
{
    const char *dir = getenv("VMFERRY_API_DATA");
    for (size_t i = 0; i < VF_COUNT(releases); i++) {
        if (!releases[i].lists)
            continue;
        if (!dir || !*dir) {
            skip("privileges of this version", "no parameter lists");
            continue;
        }
        vf_autofree char *path = vf_asprintf("%s/%s", dir, releases[i].lists);
        vf_autofree char *text = vf_read_file(path, 64 << 20, NULL, NULL);
        vf_autostrv char **all = vf_pve_role(false, releases[i].version),
                         **more = vf_pve_role(true, releases[i].version);
        bool good = text != NULL;
        for (size_t k = 0; more[k]; k++)
            vf_strv_add(&all, more[k]);
        for (size_t k = 0; good && all[k]; k++) {
            vf_autofree char *quoted = vf_asprintf("\"%s\"", all[k]);
            /* a privilege checked inside a call is named in its description only */
            if (!strstr(text, quoted) && !strstr(text, all[k])) {
                good = false;
                printf("# %s has no %s\n", releases[i].release, all[k]);
            }
        }
        ok(good, "%s knows all privileges of both roles", releases[i].release);
    }
}

int main(void)
{
    for (size_t i = 0; i < VF_COUNT(releases); i++)
        for (int target = 0; target < 2; target++)
            test_each(releases[i].release, releases[i].version, target);
    test_words();
    test_manual();
    test_known();
    return done_testing();
}
