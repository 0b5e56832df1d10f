/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What hangs on a VM, and lists of many, at Proxmox VE. */
#include "config.h"
#include "plan/firewall.h"
#include "provider/pve/pve.h"
#include "tests/unit/pve-fixture.h"

#include <signal.h>
#include <time.h>

enum { MANY = 300, NEW = 40 };

#define GET(path, json)                                                                            \
    {                                                                                              \
        "GET", path, NULL, "{\"data\":" json "}", NULL, 0, 0, false                                \
    }
#define POST(method, path)                                                                         \
    {                                                                                              \
        method, path, NULL, "{\"data\":null}", NULL, 0, 0, false                                   \
    }
#define FW "/nodes/a1/qemu/100/firewall"

static void test_surroundings(void)
{
    static const struct route routes[] = {
        LOGIN,
        GET("/version", "{\"release\":\"9.0\",\"version\":\"9.0.3\"}"), /* HA rules */
        GET("/cluster/resources?type=vm",
            "[{\"type\":\"qemu\",\"vmid\":100,\"node\":\"a1\",\"pool\":\"prod/web\"},"
            "{\"type\":\"lxc\",\"vmid\":103,\"node\":\"a1\",\"name\":\"ct\"}]"),
        GET("/nodes/a1/qemu/100/status/current", "{\"ha\":{\"managed\":1}}"),
        GET("/cluster/ha/resources/vm:100", "{\"state\":\"started\",\"group\":\"g\"}"),
        GET("/nodes/a1/qemu/100/snapshot", "[{\"name\":\"before\"},{\"name\":\"current\"}]"),
        GET("/cluster/replication",
            "[{\"id\":\"100-0\",\"guest\":100},{\"id\":\"9-0\",\"guest\":9}]"),
        {"GET", "/cluster/backup", "403 Permission check failed (/, Sys.Audit)", NULL, NULL, 0, 0,
         false},
        GET("/cluster/ha/rules", "[{\"rule\":\"near\",\"resources\":\"vm:1000,vm:100\"},"
                                 "{\"rule\":\"far\",\"resources\":\"vm:1000\"}]"),
        GET("/access/acl", "[{\"path\":\"/vms/100\",\"ugid\":\"anna@pve\",\"roleid\":\"R\"},"
                           "{\"path\":\"/vms\",\"ugid\":\"all@pve\",\"roleid\":\"R\"}]"),
        {"GET", FW "/options", "403 Permission check failed (/vms/100, VM.Audit)", NULL, NULL, 0, 0,
         false},
    };
    struct fixture f;
    struct vf_error *err = NULL;
    SERVE(&f, routes);
    struct vf_provider *p = log_in(&f);
    vf_auto(vf_vm_free) struct vf_vm *vm = vf_vm_new();
    vm->id = 100;
    vm->node = vf_strdup("a1");
    ok(p->ops->surroundings(p, vm, &err) == 0, "surroundings: %s", err ? err->text : "read");
    is_str(vm->pool, "prod/web", "the pool");
    is_str(vm->ha, "started", "the state of high availability");
    vf_autofree char *ha = NULL;
    ok(p->ops->ha(p, "a1", 100, &ha, &err) == 0 && vf_streq(ha, "started"), "asked alone, too");
    ok(!vm->firewall && why_left(vm, "firewall of the VM"),
       "a firewall that may not be read is told");
    ok(why_left(vm, "snapshot before") && !why_left(vm, "snapshot current"), "snapshots are named");
    ok(why_left(vm, "high availability (started, group g)"), "so is HA");
    ok(why_left(vm, "high availability rule near") && !why_left(vm, "high availability rule far"),
       "and its rule");
    ok(why_left(vm, "replication job 100-0") && !why_left(vm, "replication job 9-0"),
       "and replication");
    ok(why_left(vm, "permission of anna@pve (R)") && !why_left(vm, "permission of all@pve"),
       "and permissions");
    ok(vm->n_left_out == 6, "a list that may not be read is passed over (%zu)", vm->n_left_out);
    ok(!p->ops->describe(p, 103, &err), "a container");
    is_error(&err, VF_E_UNSUPPORTED, "on a1 `vzdump 103 --mode stop", "is told how it goes");
    vf_provider_free(p);
    drop(&f);
}

/* A guest that was made a moment ago is "unknown" in the list; so is one whose node is silent. */
static void test_twins(void)
{
#define TWIN "{\"data\":{\"net0\":\"virtio=02:AA:BB:CC:DD:01,bridge=vmbr0\"}}"
    static const struct route routes[] = {
        LOGIN,
        GET("/version", "{\"release\":\"9.0\",\"version\":\"9.0.3\"}"),
        GET("/cluster/resources?type=vm",
            "[{\"type\":\"qemu\",\"vmid\":1,\"node\":\"a1\",\"status\":\"running\"},"
            "{\"type\":\"qemu\",\"vmid\":2,\"node\":\"a1\",\"status\":\"stopped\"},"
            "{\"type\":\"qemu\",\"vmid\":3,\"node\":\"a1\",\"status\":\"unknown\"},"
            "{\"type\":\"lxc\",\"vmid\":4,\"node\":\"a1\",\"status\":\"unknown\"},"
            "{\"type\":\"qemu\",\"vmid\":5,\"node\":\"a1\",\"status\":\"unknown\"},"
            "{\"type\":\"qemu\",\"vmid\":6,\"node\":\"a1\"}]"),
        {"GET", "/nodes/a1/qemu/1/config", NULL, TWIN, NULL, 0, 0, false},
        {"GET", "/nodes/a1/qemu/2/config", NULL, TWIN, NULL, 0, 0, false},
        {"GET", "/nodes/a1/qemu/3/config", NULL, TWIN, NULL, 0, 0, false},
        {"GET", "/nodes/a1/lxc/4/config", NULL, TWIN, NULL, 0, 0, false},
        {"GET", "/nodes/a1/qemu/5/config", NULL, TWIN, NULL, 0, 0, false},
        {"GET", "/nodes/a1/qemu/6/config", NULL, TWIN, NULL, 0, 0, false},
        GET("/nodes/a1/qemu/3/status/current", "{\"status\":\"running\"}"),
        GET("/nodes/a1/lxc/4/status/current", "{\"status\":\"stopped\"}"),
        {"GET", "/nodes/a1/qemu/5/status/current", "403 Permission check failed", NULL, NULL, 0, 0,
         false},
    };
    static const struct {
        bool running, unknown;
    } want[] = {{true, false},  {false, false}, {true, false},
                {false, false}, {true, true},   {true, true}};
    struct fixture f;
    struct vf_error *err = NULL;
    SERVE(&f, routes);
    struct vf_provider *p = log_in(&f);
    vf_auto(vf_vm_free) struct vf_vm *vm = vf_vm_new();
    vf_vm_add_nic(vm)->mac = vf_strdup("02:AA:BB:CC:DD:01");
    struct vf_twins t = {0};
    ok(p->ops->twins(p, vm, 0, &t, &err) == 0 && t.n == 6, "six guests with one MAC address");
    for (size_t i = 0; i < VF_COUNT(want) && i < t.n; i++)
        ok(t.v[i].running == want[i].running && t.v[i].unknown == want[i].unknown, "guest %u %s%s",
           t.v[i].id, want[i].running ? "runs" : "is stopped",
           want[i].unknown ? ", for all that is known" : "");
    ok(count(&f.cluster, "/1/status/current") == 0, "only of those that the list does not tell");
    vf_twins_free(&t);
    vf_provider_free(p);
    drop(&f);
#undef TWIN
}

static void test_firewall(void)
{
    static const struct route routes[] = {
        LOGIN,
        API_VERSION,
        GET(FW "/options", "{\"digest\":\"d\",\"enable\":1,\"policy_in\":\"DROP\"}"),
        GET(FW "/aliases", "[{\"name\":\"db\",\"cidr\":\"10.0.0.1\",\"digest\":\"d\"}]"),
        GET(FW "/ipset", "[{\"name\":\"adm\",\"comment\":\"\"}]"),
        GET(FW "/ipset/adm", "[{\"cidr\":\"10.0.0.2\",\"nomatch\":0},{\"cidr\":\"10.0.0.3\","
                             "\"nomatch\":1}]"),
        GET(FW "/rules", "[{\"pos\":0,\"type\":\"in\",\"action\":\"DROP\",\"ipversion\":4,"
                         "\"burst\":9,\"digest\":\"d\"}]"),
        POST("POST", FW "/aliases"),
        POST("POST", FW "/ipset"),
        POST("POST", FW "/ipset/adm"),
        POST("POST", FW "/ipset/new"),
        POST("POST", FW "/rules"),
        POST("PUT", FW "/options"),
        GET("/cluster/firewall/options", "{\"enable\":1}"),
        GET("/cluster/firewall/aliases", "[{\"name\":\"Office\",\"cidr\":\"192.0.2.0/24\"}]"),
        {"GET", "/cluster/firewall/groups/web", "500 no such security group 'web'", NULL, NULL, 0,
         0, false},
    };
    struct fixture f;
    struct vf_error *err = NULL;
    SERVE(&f, routes);
    struct vf_provider *p = log_in(&f);
    vf_auto(vf_firewall_free) struct vf_firewall *fw = p->ops->firewall(p, "a1", 100, &err);
    ok(fw != NULL, "firewall: %s", err ? err->text : "read");
    vf_autofree char *rule = vf_row_text(&fw->rules.v[0]);
    is_str(rule, "in DROP enable=0",
           "a rule without a switch is off; what is Proxmox's is dropped");
    ok(fw->unknown[0] && !fw->unknown[1], "one setting is not known");
    is_str(fw->unknown[0], "rules burst", "and named");
    vf_autofree char *members = vf_rows_text(&fw->members, true);
    is_str(members, "ipset=adm cidr=10.0.0.2\nipset=adm cidr=10.0.0.3 nomatch=1", "members");
    ok(fw->ipsets.v[0].n == 1 && fw->options.n == 2, "an empty comment is none");

    ok(p->ops->set_firewall(p, "a1", 100, fw, &err) == 0 && !count(&f.cluster, "POST " FW),
       "what is there is not made again");
    struct vf_opts *first = vf_rows_add(&fw->rules);
    vf_opts_copy(first, &fw->rules.v[0]);
    vf_opts_set(&fw->rules.v[0], "comment", "one; two=3");
    vf_opts_set(&fw->rules.v[0], "enable", "1");
    vf_opts_set(vf_rows_add(&fw->ipsets), "name", "new");
    ok(p->ops->set_firewall(p, "a1", 100, fw, &err) == 0, "the rest is added: %s",
       err ? err->text : "done");
    ok(count(&f.cluster,
             "POST " FW "/rules type=in&action=DROP&enable=1&comment=one%3B%20two%3D3\n") == 1 &&
           count(&f.cluster, "POST " FW "/rules") == 1,
       "the rule before the one that is there");
    ok(count(&f.cluster, "POST " FW "/ipset name=new\n") == 1 &&
           count(&f.cluster, "POST " FW "/ipset") == 1,
       "and the IP set");
    ok(count(&f.cluster, "PUT " FW "/options enable=1&policy_in=DROP\n") == 2, "and the switch");
    vf_opts_set(&fw->rules.v[1], "action", "ACCEPT");
    ok(p->ops->set_firewall(p, "a1", 100, fw, &err) < 0, "somebody else's rule");
    is_error(&err, VF_E_CONFLICT, "a rule that this job did not make: in DROP", "is not overrun");

    vf_autofree char *on = p->ops->firewall_shared(p, "switch", &err);
    is_str(on, "on", "the cluster's switch");
    vf_autofree char *alias = p->ops->firewall_shared(p, "alias/office", &err);
    is_str(alias, "192.0.2.0/24", "its alias, in any letters");
    ok(!p->ops->firewall_shared(p, "alias/home", &err), "no such alias");
    is_error(&err, VF_E_NOTFOUND, "there is no alias home", "is said");
    ok(!p->ops->firewall_shared(p, "group/web", &err), "no such group");
    is_error(&err, VF_E_NOTFOUND, "no such security group", "is said");
    vf_provider_free(p);
    drop(&f);
}

#define MAY(path, what) GET("/access/permissions?path=" path, what)
static void pools_of(const char *version, bool nested)
{
    vf_autofree char *json = vf_asprintf("{\"data\":{\"version\":\"%s\"}}", version);
    const struct route routes[] = {
        LOGIN,
        {"GET", "/version", NULL, json, NULL, 0, 0, false},
        GET("/pools", "[{\"poolid\":\"prod\"}]"),
        MAY("%2Fpool%2Fnew", "{\"/pool/new\":{\"Pool.Allocate\":1}}"),
        MAY("%2Fpool%2Fa%2Fb", "{\"/pool/a/b\":{\"Pool.Allocate\":1}}"),
        MAY("%2Fpool%2Fsecret", "{\"/pool/secret\":{\"Pool.Audit\":1}}"),
        POST("POST", "/pools"),
        POST("DELETE", nested ? "/pools?poolid=new" : "/pools/new"),
    };
    struct fixture f;
    struct vf_error *err = NULL;
    SERVE(&f, routes);
    struct vf_provider *p = log_in(&f);
    static const struct {
        const char *name;
        enum vf_pool state;
    } cases[] = {{"prod", VF_POOL_THERE}, {"new", VF_POOL_MAY}, {"secret", VF_POOL_NEVER}};
    enum vf_pool state;
    for (size_t i = 0; i < VF_COUNT(cases); i++)
        ok(p->ops->pool(p, cases[i].name, &state, &err) == 0 && state == cases[i].state,
           "%s: pool %s", version, cases[i].name);
    ok(p->ops->pool(p, "a/b", &state, &err) == 0 && state == (nested ? VF_POOL_MAY : VF_POOL_NEVER),
       "%s: a pool in a pool", version);
    ok(p->ops->make_pool(p, "new", &err) == 0 && count(&f.cluster, "POST /pools poolid=new\n") == 1,
       "%s: made", version);
    ok(p->ops->drop_pool(p, "new", &err) == 0, "%s: removed: %s", version,
       err ? err->text : "done");
    vf_error_free(err);
    vf_provider_free(p);
    drop(&f);
}

static void test_ha(void)
{
    static const struct route routes[] = {
        LOGIN,
        API_VERSION,
        POST("PUT", "/cluster/ha/resources/vm:100"),
        {"GET", "/cluster/ha/status/current", NULL,
         "{\"data\":[{\"type\":\"quorum\"},{\"sid\":\"vm:100\",\"crm_state\":\"started\"}]}", NULL,
         2, 0, false},
        GET("/cluster/ha/status/current", "[{\"type\":\"quorum\"},{\"sid\":\"vm:100\"}]"),
    };
    struct fixture f;
    struct vf_error *err = NULL;
    SERVE(&f, routes);
    struct vf_provider *p = log_in(&f);
    ok(p->ops->set_ha(p, 100, VF_HA_IGNORED, &err) == 0, "ignored: %s", err ? err->text : "done");
    ok(count(&f.cluster, "PUT /cluster/ha/resources/vm:100 state=ignored\n") == 1 &&
           count(&f.cluster, "/status/current") == 3,
       "and waited until the manager has let go");
    ok(p->ops->set_ha(p, 100, VF_HA_STARTED, &err) == 0 &&
           count(&f.cluster, "/status/current") == 3,
       "nobody waits for it to take over");
    vf_provider_free(p);
    drop(&f);
}

/* MANY VMs, the last NEW of them without names yet, on two nodes. */
static void test_many(void)
{
    vf_autobuf struct vf_buf all = {0}, fresh = {0};
    vf_buf_puts(&all, "{\"data\":[");
    vf_buf_puts(&fresh, "{\"data\":[");
    for (int i = 0; i < MANY; i++) {
        bool new = i >= MANY - NEW;
        vf_buf_printf(&all, "%s{\"type\":\"qemu\",\"vmid\":%d,\"node\":\"a%d\",\"status\":\"%s\"",
                      i ? "," : "", 100 + i, i % 2 + 1, new ? "unknown" : "running");
        if (!new)
            vf_buf_printf(&all, ",\"name\":\"vm%d\",\"maxmem\":268435456,\"cpu\":0.01", 100 + i);
        vf_buf_puts(&all, "}");
        if (new)
            vf_buf_printf(&fresh, "%s{\"vmid\":%d,\"name\":\"vm%d\",\"status\":\"stopped\"}",
                          i > MANY - NEW ? "," : "", 100 + i, 100 + i);
    }
    vf_buf_puts(&all, "]}");
    vf_buf_puts(&fresh, "]}");
    const struct route routes[] = {
        LOGIN,
        API_VERSION,
        {"GET", "/cluster/resources?type=vm", NULL, vf_buf_str(&all), NULL, 0, 0, false},
        {"GET", "/nodes/a1/qemu", NULL, vf_buf_str(&fresh), NULL, 0, 0, false},
        {"GET", "/nodes/a2/qemu", "500 x", "{\"message\":\"no answer\\n\"}", NULL, 0, 0, false},
    };
    struct fixture f;
    struct vf_error *err = NULL;
    struct vf_vm **vms = NULL;
    size_t n = 0;
    struct timespec from, to;
    SERVE(&f, routes);
    struct vf_provider *p = log_in(&f);
    unsigned before = count(&f.cluster, "GET ");
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
    ok(p->ops->vms(p, &vms, &n, &err) == 0 && n == MANY, "%d VMs are listed", MANY);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
    printf("# %.2f ms of our own time\n",
           (double)(to.tv_sec - from.tv_sec) * 1e3 + (double)(to.tv_nsec - from.tv_nsec) / 1e6);
    ok(count(&f.cluster, "GET ") - before == 3,
       "with one request, and one for each node with new ones");
    is_str(vms[0]->name, "vm100", "a name");
    is_str(vms[MANY - 2]->name, "vm398", "a new VM's name, from its node");
    is_str(vms[MANY - 1]->name, "vm-399", "a new VM of a node that does not answer");
    vf_vms_free(vms, n);
    vf_provider_free(p);
    drop(&f);
}

#define DENIED(path)                                                                               \
    {                                                                                              \
        "GET", path, "403 Permission check failed (/, Sys.Audit)", NULL, NULL, 0, 0, false         \
    }

/* What a check asks and may not be told is not known, and no failure. */
static void test_look(void)
{
    static const struct route routes[] = {
        LOGIN,
        API_VERSION,
        GET("/nodes/a1/capabilities/qemu/machines",
            "[{\"id\":\"pc-q35-7.2\"},{\"id\":\"pc-i440fx-7.2\"}]"),
        GET("/nodes/a1/capabilities/qemu/cpu", "[{\"name\":\"host\"},{\"name\":\"custom-x\"}]"),
        GET("/nodes/a1/status", "{\"cpuinfo\":{\"model\":\"M\",\"flags\":\"aes avx\"}}"),
        DENIED("/nodes/a2/capabilities/qemu/machines"),
        DENIED("/nodes/a2/capabilities/qemu/cpu"),
        DENIED("/nodes/a2/status"),
        GET("/nodes/a1/tasks?source=active&vmid=100",
            "[{\"type\":\"vncproxy\"},{\"type\":\"vzdump\"},{\"type\":\"qmclone\",\"endtime\":1}]"),
        GET("/nodes/a1/qemu/100/agent/info", "{\"result\":{}}"),
        {"GET", "/nodes/a1/qemu/101/agent/info", "500 QEMU guest agent is not running", NULL, NULL,
         0, 0, false},
        DENIED("/nodes/a1/qemu/102/agent/info"),
        GET("/nodes/a1/qemu/100/config?current=1", "{\"ide2\":\"none,media=cdrom\",\"onboot\":1}"),
        GET("/cluster/replication",
            "[{\"id\":\"100-0\",\"guest\":100,\"target\":\"a2\"},"
            "{\"id\":\"100-1\",\"guest\":100,\"disable\":1},{\"id\":\"9-0\",\"guest\":9}]"),
        POST("PUT", "/cluster/replication/100-0"),
        POST("PUT", "/nodes/a1/qemu/100/config"),
    };
    struct fixture f;
    struct vf_error *err = NULL;
    SERVE(&f, routes);
    struct vf_provider *p = log_in(&f);
    struct vf_abilities a;
    ok(p->ops->version(p) == 8004, "its version");
    ok(p->ops->abilities(p, "a1", &a, &err) == 0 && vf_strv_has(a.machines, "pc-i440fx-7.2") &&
           vf_strv_has(a.cpus, "custom-x") && vf_streq(a.cpu_model, "M") &&
           vf_strv_has(a.cpu_flags, "avx"),
       "what a node can do");
    vf_abilities_clear(&a);
    ok(p->ops->abilities(p, "a2", &a, &err) == 0 && !a.machines && !a.cpus && !a.cpu_model,
       "what it may not tell is not known");
    vf_autostrv char **tasks = p->ops->tasks(p, "a1", 100, &err);
    ok(vf_strv_len(tasks) == 1 && vf_streq(tasks[0], "vzdump"),
       "a backup that runs, no console, nothing that is over");
    ok(p->ops->agent(p, "a1", 100) == 1 && p->ops->agent(p, "a1", 101) == 0 &&
           p->ops->agent(p, "a1", 102) == -1,
       "an agent that answers, one that does not, one that may not be asked");
    vf_autofree char *ide2 = p->ops->option(p, "a1", 100, "ide2", &err),
                     *boots = p->ops->option(p, "a1", 100, "onboot", &err),
                     *none = p->ops->option(p, "a1", 100, "protection", &err);
    ok(vf_streq(ide2, "none,media=cdrom") && vf_streq(boots, "1") && !none && !err,
       "settings as they are written");
    ok(p->ops->set_option(p, "a1", 100, "ide2", "local:iso/a,media=cdrom", &err) == 0 &&
           p->ops->set_option(p, "a1", 100, "protection", NULL, &err) == 0 &&
           count(&f.cluster, "/config ide2=local%3Aiso%2Fa%2Cmedia%3Dcdrom\n") == 1 &&
           count(&f.cluster, "/config delete=protection\n") == 1,
       "set and taken out");
    struct vf_replication *jobs;
    size_t n;
    ok(p->ops->replications(p, 100, &jobs, &n, &err) == 0 && n == 2 && jobs[0].enabled &&
           vf_streq(jobs[0].target, "a2") && !jobs[1].enabled,
       "replication jobs of this VM");
    vf_replications_free(jobs, n);
    ok(p->ops->set_replication(p, "100-0", false, &err) == 0 &&
           count(&f.cluster, "PUT /cluster/replication/100-0 disable=1\n") == 1,
       "one is switched off");
    vf_provider_free(p);
    drop(&f);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    test_surroundings();
    test_twins();
    test_firewall();
    pools_of("7.4-16", false);
    pools_of("8.4.1", true);
    test_ha();
    test_look();
    test_many();
    return done_testing();
}
