/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The way by the vSphere API against the lab's host and vCenter, which are VMware's own simulator:
 * every operation once, and what goes wrong between them. */
#include "config.h"
#include "base/proc.h"
#include "base/str.h"
#include "provider/esxi/way.h"
#include "tests/unit/tap.h"

#include <string.h>

static char dir[64], *program;
static struct vf_conf *conf;
static struct vf_error *err;

/* Runs vmferry-lab with ARGS (NULL-terminated) behind its name and --dir; what it prints, or NULL.
 */
static char *lab(const char *command, const char *const args[])
{
    const char *argv[16] = {program, command, "--dir", dir};
    for (size_t i = 0; args[i] && i < 11; i++)
        argv[i + 4] = args[i];
    struct vf_proc_result r = {0};
    vf_autoerror struct vf_error *why = NULL;
    bool good = vf_proc_run(argv, NULL, 0, 1 << 20, NULL, &r, &why) == 0 && r.status == 0;
    if (!good)
        printf("# vmferry-lab %s: %s %s\n", command, vf_error_text(why), vf_buf_str(&r.err));
    char *out = good ? vf_strdup(vf_buf_str(&r.out)) : NULL;
    vf_proc_result_free(&r);
    return out;
}
#define LAB(command, ...) lab(command, (const char *const[]){__VA_ARGS__, NULL})
#define CTL(...)          free(LAB("ctl", "esx1", __VA_ARGS__))

static struct vf_esxi_way *open_way(const char *cluster)
{
    const struct vf_cluster_conf *c = vf_conf_cluster(conf, cluster, &err);
    vf_autofree char *file = vf_asprintf("%s/%s/password", dir, cluster);
    vf_auto(vf_secret_free) struct vf_secret *s = vf_secret_from_file(file, &err);
    return c && s ? vf_esxi_api_open(c, true, c->user, s, NULL, NULL, NULL, &err) : NULL;
}

static void good(int r, const char *what)
{
    ok(r >= 0 && !err, "%s%s%s", what, err ? ": " : "", err ? err->text : "");
    vf_error_free(VF_STEAL(err));
}

static void bad(int r, enum vf_error_code code, const char *part, const char *what)
{
    ok(r < 0 && vf_error_code(err) == code && strstr(vf_error_text(err), part), "%s: %s %s", what,
       vf_error_code_name(vf_error_code(err)), vf_error_text(err));
    vf_error_free(VF_STEAL(err));
}

static const struct vf_esxi_row *row(const struct vf_esxi_row *v, size_t n, const char *name)
{
    static const struct vf_esxi_row none;
    for (size_t i = 0; i < n; i++)
        if (vf_starts(v[i].name, name))
            return &v[i];
    ok(false, "there is a VM %s", name);
    return &none;
}

/* The VMX file of every VM that has one, names of all kinds among them. */
static void read_all(struct vf_esxi_way *w, const struct vf_esxi_row *v, size_t n)
{
    size_t unread = 0;
    for (size_t i = 0; i < n; i++) {
        struct vf_esxi_file f = {v[i].dc, v[i].datastore, v[i].vmx};
        size_t len = 0;
        vf_autofree char *text = f.path ? w->ops->text(w, &f, 1 << 20, &len, &err) : NULL;
        if (f.path && (!text || !strstr(text, ".encoding"))) {
            printf("# %s: %s\n", v[i].name, vf_error_text(err));
            unread++;
        }
        vf_error_free(VF_STEAL(err));
    }
    ok(!unread, "all of %zu VMX files are read", n);
}

static void test_parts(struct vf_esxi_way *w, const struct vf_esxi_row *r)
{
    vf_autofree char *disk = vf_asprintf("%s/%s-flat.vmdk", r->name, r->name);
    struct vf_esxi_file f = {r->dc, r->datastore, disk};
    vf_autofree char *a = vf_xmalloc(1 << 20), *b = vf_xmalloc(1 << 20);
    uint64_t size = 0;
    good(w->ops->stat(w, &f, &size, NULL, &err), "the size of a disk");
    ok(size > 1 << 20, "is more than a MiB");
    good(w->ops->read(w, &f, a, 1 << 20, 0, &err), "a part of it");
    CTL("fault", "expire");
    good(w->ops->read(w, &f, b, 1 << 20, 0, &err), "the same when the session has just ended");
    ok(!memcmp(a, b, 1 << 20), "is the same");
    static const struct {
        const char *fault, *arg;
        enum vf_error_code code;
        const char *part;
    } faults[] = {
        {"503", NULL, VF_E_NET, "asks to wait"},
        {"cut", "65536", VF_E_NET, ""},
        {"no-range", NULL, VF_E_UNSUPPORTED, "ignores Range"},
        {"wrong-range", NULL, VF_E_CORRUPT, "calls them 0 to 511"},
        {"status", "404", VF_E_NOTFOUND, "no such file"},
    };
    for (size_t i = 0; i < VF_COUNT(faults); i++) {
        CTL("fault", faults[i].fault, faults[i].arg);
        bad(w->ops->read(w, &f, b, 1 << 20, 4096, &err), faults[i].code, faults[i].part,
            faults[i].fault);
    }
    CTL("fault", "html");
    good(w->ops->read(w, &f, b, 1 << 20, 0, &err), "a page to log in with, once");
    CTL("fault", "times", "2", "html");
    bad(w->ops->read(w, &f, b, 1 << 20, 0, &err), VF_E_CORRUPT, "page for people", "twice");
    bad(w->ops->read(w, &f, b, 4096, size - 512, &err), VF_E_CORRUPT, "only", "behind the end");
}

static void test_changes(struct vf_esxi_way *w, unsigned id, const struct vf_esxi_row *v, size_t n)
{
    struct vf_esxi_now s;
    good(w->ops->now(w, id, &s, &err), "what is true of a running VM");
    ok(s.state == VF_VM_RUNNING && s.tools && s.onboot && vf_strv_len(s.addresses), "all of it");
    good(w->ops->annotate(w, id, "vmferry-job: <1>\n", s.digest, &err), "its annotation");
    bad(w->ops->annotate(w, id, "x", s.digest, &err), VF_E_CONFLICT, "somebody", "of before");
    vf_esxi_now_clear(&s);
    good(w->ops->rename(w, id, "a/b%--MIGRATED", &err), "its name");
    good(w->ops->rename(w, id, "a/b%--MIGRATED", &err), "which it may have already");
    good(w->ops->set_onboot(w, id, false, &err), "its autostart");
    good(w->ops->power(w, id, VF_ESXI_SHUTDOWN, 30, &err), "its end");
    good(w->ops->now(w, id, &s, &err), "what is true then");
    ok(s.state == VF_VM_STOPPED && !s.onboot, "is that");
    is_str(s.annotation, "vmferry-job: <1>\n", "annotated to the letter");
    vf_esxi_now_clear(&s);
    good(w->ops->set_onboot(w, id, true, &err), "put back");
    good(w->ops->power(w, id, VF_ESXI_ON, 0, &err), "and on");
    good(w->ops->now(w, id, &s, &err), "what is true then");
    ok(s.state == VF_VM_RUNNING && s.onboot, "is as before");
    vf_esxi_now_clear(&s);
    unsigned stubborn = row(v, n, "stubborn")->id;
    bad(w->ops->power(w, stubborn, VF_ESXI_SHUTDOWN, 1, &err), VF_E_CONFLICT, "not shut down",
        "a guest that does not shut down");
    unsigned mute = row(v, n, "no-tools")->id;
    bad(w->ops->power(w, mute, VF_ESXI_SHUTDOWN, 1, &err), VF_E_CONFLICT, "Tools",
        "one without Tools");
    unsigned old = row(v, n, "old-lenny")->id;
    CTL("vm", "old-lenny", "snapshot");
    good(w->ops->now(w, old, &s, &err), "a VM with a snapshot");
    ok(s.snapshots == 1, "has one");
    vf_esxi_now_clear(&s);
    good(w->ops->drop_snapshots(w, old, &err), "and is rid of it");
    good(w->ops->now(w, old, &s, &err), "what is true then");
    ok(s.snapshots == 0, "is that");
    vf_esxi_now_clear(&s);
    good(w->ops->now(w, row(v, n, "bad-suspended")->id, &s, &err), "a suspended VM");
    ok(s.state == VF_VM_SUSPENDED, "is told");
    vf_esxi_now_clear(&s);
}

static void test_host(struct vf_esxi_way *w)
{
    struct vf_esxi_portgroup *g = NULL;
    size_t n = 0, tagged = 0;
    good(w->ops->portgroups(w, NULL, &g, &n, &err), "port groups");
    for (size_t i = 0; i < n; i++)
        tagged += vf_streq(g[i].name, "Servers") && g[i].vlan == 30;
    ok(tagged == 1, "with their VLAN tags");
    vf_esxi_portgroups_free(g, n);
    ok(vf_esxi_api_ssh_runs(w, NULL, &err) >= 0, "the SSH service is seen");
    good(vf_esxi_api_set_ssh(w, NULL, false, &err), "switched off");
    ok(vf_esxi_api_ssh_runs(w, NULL, &err) == 0, "is off");
    good(vf_esxi_api_set_ssh(w, NULL, true, &err), "switched on");
    ok(vf_esxi_api_ssh_runs(w, NULL, &err) == 1, "is on");
    CTL("licence", "free");
    bad(w->ops->rename(w, 1, "x", &err), VF_E_UNSUPPORTED, "licence", "a free licence");
    ok(w->ops->lacks(w) & VF_ESXI_NO_RENAME, "is kept in mind");
}

static void test_esx(void)
{
    struct vf_esxi_row *v = NULL;
    size_t n = 0;
    struct vf_esxi_way *w = open_way("esx1");
    good(w ? 0 : -1, "logged in to a host");
    if (!w)
        return;
    good(w->ops->vms(w, &v, &n, &err), "its VMs");
    const struct vf_esxi_row *web = row(v, n, "web-modern"), *old = row(v, n, "old-lenny");
    ok(web->state == VF_VM_RUNNING && old->state == VF_VM_STOPPED, "with their states");
    is_str(web->dc, "ha-datacenter", "and datacenter");
    read_all(w, v, n);
    test_parts(w, old);
    vf_autofree char *disk = vf_asprintf("%s/%s-flat.vmdk", web->name, web->name);
    struct vf_esxi_file f = {web->dc, web->datastore, disk};
    char byte;
    bad(w->ops->read(w, &f, &byte, 1, 0, &err), VF_E_CONFLICT, "in use",
        "the disk of a running VM");
    test_changes(w, web->id, v, n);
    test_host(w);
    vf_esxi_rows_free(v, n);
    vf_esxi_way_free(w);
    vf_autofree char *logins = LAB("ctl", "esx1", "logins"), *open = LAB("ctl", "esx1", "sessions");
    ok(logins && strstr(logins, "wrong 0"), "no login was refused");
    is_str(open, "0\n", "no session is left");
}

/* A card on a distributed switch: its VMX file has the key alone. */
static void test_distributed(struct vf_esxi_way *w, const struct vf_esxi_row *r)
{
    struct vf_esxi_portgroup *g = NULL;
    size_t n = 0, len = 0, i = 0;
    struct vf_esxi_file f = {r->dc, r->datastore, r->vmx};
    vf_autofree char *vmx = w->ops->text(w, &f, 1 << 20, &len, &err);
    good(w->ops->portgroups(w, r->node, &g, &n, &err), "port groups of a host of the vCenter");
    while (i < n && !vf_streq(g[i].name, "Prod/Web"))
        i++;
    if (ok(i < n && g[i].key && g[i].vlan == 50, "one of a distributed switch, with its VLAN"))
        ok(vmx && strstr(vmx, g[i].key) && !strstr(vmx, "networkName"), "found by its key alone");
    vf_esxi_portgroups_free(g, n);
}

static void test_vcenter(void)
{
    struct vf_esxi_row *v = NULL;
    size_t n = 0;
    struct vf_esxi_way *w = open_way("vc1");
    good(w ? 0 : -1, "logged in to a vCenter");
    if (!w)
        return;
    good(w->ops->vms(w, &v, &n, &err), "its VMs");
    is_str(row(v, n, "old-lenny")->dc, "Lab/Main + 1", "in a datacenter within a folder");
    read_all(w, v, n);
    test_distributed(w, row(v, n, "distributed"));
    vf_esxi_rows_free(v, n);
    vf_esxi_way_free(w);
}

int main(void)
{
    const char *build = getenv("top_builddir");
    vf_autofree char *sim = vf_asprintf("%s/vsphere-sim", build ? build : ".");
    program = vf_asprintf("%s/vmferry-lab", build ? build : ".");
    snprintf(dir, sizeof dir, "/tmp/vf-esxi-lab-XXXXXX");
    if (access(sim, X_OK) || access(program, X_OK) || !mkdtemp(dir)) {
        skip("an ESXi host", "vmferry was built without Go");
        return done_testing();
    }
    vf_autofree char *one = LAB("esxi", "--name", "esx1");
    vf_autofree char *two = one ? LAB("esxi", "--name", "vc1", "--vcenter") : NULL;
    vf_autofree char *path = vf_asprintf("%s/vmferry.conf", dir);
    conf = one && two ? vf_conf_load(path, &err) : NULL;
    good(conf ? 0 : -1, "a host and a vCenter are up");
    if (conf) {
        test_esx();
        test_vcenter();
    }
    vf_conf_free(conf);
    free(LAB("down", NULL));
    free(program);
    return done_testing();
}
