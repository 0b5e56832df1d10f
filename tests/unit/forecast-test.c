/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How long it will take; which ports are tried; a report as text, whole (screens/report-*). */
#include "config.h"
#include "job/forecast.h"
#include "job/job_text.h"
#include "base/clock.h"
#include "net/knock.h"
#include "plan/service.h"
#include "tests/unit/screens.h"

#include <arpa/inet.h>
#include <locale.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

static const uint64_t GIB = UINT64_C(1) << 30;

/* A running VM with a raw disk of 100 GiB, of which 60 are used, and a plan of its move. */
static struct vf_plan *plan_of(struct vf_vm *vm)
{
    struct vf_plan *p = vf_plan_new();
    struct vf_disk *d = vf_vm_add_disk(vm);
    struct vf_plan_disk *to = vf_plan_add_disk(p);
    vm->state = VF_VM_RUNNING;
    d->slot = vf_strdup("scsi0");
    d->format = vf_strdup("raw");
    d->size = to->size = 100 * GIB;
    d->used = 60 * GIB;
    to->slot = vf_strdup("scsi0");
    return p;
}

static void text(double seconds, const char *want)
{
    vf_autofree char *got = vf_forecast_text(seconds), *what = vf_asprintf("%.0f s", seconds);
    is_str(got, want, what);
}

static void test_forecast(void)
{
    vf_auto(vf_vm_free) struct vf_vm *vm = vf_vm_new();
    vf_auto(vf_plan_free) struct vf_plan *p = plan_of(vm);
    struct vf_rates rates = {.read = 200e6, .way = 100e6};
    double all, down, cold, colder;
    vf_forecast_of(p, vm, &rates, &all, &down);
    ok(all > 900 && all < 1200, "a running raw disk: %.0f s", all);
    ok(down > 300 && down < 400, "most of it before the outage: %.0f s", down);
    p->precopy = false;
    vf_forecast_of(p, vm, &rates, &cold, &colder);
    ok(colder > down * 1.5 && cold < all, "without, all of it is outage: %.0f s", colder);
    rates.limit = 10e6;
    vf_forecast_of(p, vm, &rates, &all, &down);
    ok(all > 6000, "a limit counts");
    rates.limit = 0;
    vm->state = VF_VM_STOPPED;
    vf_forecast_of(p, vm, &rates, &all, &down);
    ok(all > 600 && down >= 0 && down <= 0, "a stopped VM has no outage");
    vm->state = VF_VM_RUNNING;
    p->precopy = p->rehearse = true;
    vf_forecast_of(p, vm, &rates, &all, &down);
    ok(all > 600 && down >= 0 && down <= 0, "neither has a rehearsal");
    vf_forecast_of(p, vm, &(struct vf_rates){0}, &all, &down);
    ok(all < 0 && down < 0, "nothing measured: not known");
    ok(vf_forecast_worth(p), "100 GiB are worth measuring for");
    p->disks[0].size = GIB + 512;
    ok(vf_forecast_worth(p), "so is a little more than one");
    p->disks[0].size = GIB;
    ok(!vf_forecast_worth(p),
       "one is not: the VM of the lab that is moved most is not measured each time");
    p->copy_disks = false;
    vf_forecast_of(p, vm, &(struct vf_rates){0}, &all, &down);
    ok(all > 0, "without disks it is known at once");
    text(-1, NULL);
    text(0, NULL);
    text(12, "about 5 s to 30 s");
    text(60, "about 30 s to 2 min");
    text(1000, "about 10 min to 35 min");
    text(20000, "about 3.0 h to 10.5 h");
}

/* What is not known is said, and the time is the least. */
static void test_least(void)
{
    struct vf_prepared p = {.forecast_seconds = 1000, .forecast_down_seconds = 60};
    vf_autofree char *about = vf_prepared_forecast(&p, false);
    is_str(about, "about 10 min to 35 min", "all is known");
    p.forecast_lacks = "how fast it is read";
    vf_autofree char *all = vf_prepared_forecast(&p, false), *down = vf_prepared_forecast(&p, true);
    is_str(all, "at least 10 min", "something is not");
    is_str(down, "at least 30 s", "nor is the outage");
    p.forecast_down_seconds = 0;
    vf_autofree char *none = vf_prepared_forecast(&p, true);
    ok(!none, "no outage is none");
}

static void test_ports(void)
{
    static const char *const good[] = {"22", "22,443", "65535", "common"};
    static const char *const bad[] = {"", "0", "65536", "22,", ",22", "22 443", "ssh", "22,-1"};
    size_t n;
    for (size_t i = 0; i < VF_COUNT(good); i++)
        ok(!vf_ports_check(good[i]), "ports: %s", good[i]);
    for (size_t i = 0; i < VF_COUNT(bad); i++)
        ok(vf_ports_check(bad[i]) != NULL, "no ports: '%s'", bad[i]);
    vf_autofree uint16_t *v = vf_ports_parse("22,443", &n);
    ok(n == 2 && v[0] == 22 && v[1] == 443, "as numbers");
    vf_autofree uint16_t *c = vf_ports_parse("common", &n);
    ok(n > 20 && c[0] == 21, "the usual ones");
    ok(!vf_addresses_check("10.0.0.5,fd00::5") && vf_addresses_check("web1") &&
           vf_addresses_check("") && vf_addresses_check("10.0.0.256"),
       "addresses are numbers");
}

/* A socket that listens (or does not) at ADDRESS, *PORT is chosen; -1: this machine has none. */
static int at(int family, bool listening, uint16_t *port)
{
    struct sockaddr_storage a = {.ss_family = (sa_family_t)family};
    struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)&a;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)&a;
    socklen_t len = family == AF_INET ? sizeof *v4 : sizeof *v6;
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (family == AF_INET)
        v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    else
        v6->sin6_addr = in6addr_loopback;
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, len) < 0 || (listening && listen(fd, 128) < 0) ||
        getsockname(fd, (struct sockaddr *)&a, &len) < 0) {
        if (fd >= 0)
            close(fd);
        return -1;
    }
    *port = ntohs(family == AF_INET ? v4->sin_port : v6->sin6_port);
    return fd;
}

static void test_knock(void)
{
    struct vf_knock v[70] = {{0}};
    uint16_t open = 0, shut = 0, six = 0;
    int a = at(AF_INET, true, &open), b = at(AF_INET, false, &shut), c = at(AF_INET6, true, &six);
    for (size_t i = 0; i < VF_COUNT(v); i++) /* more than are tried at a time */
        v[i] = (struct vf_knock){.address = (char *)"127.0.0.1", .port = i % 2 ? open : shut};
    ok(vf_knock(v, VF_COUNT(v), 5000, NULL, NULL) == 0, "many ports are tried");
    size_t right = 0;
    for (size_t i = 0; i < VF_COUNT(v); i++)
        right += v[i].answers == (i % 2 == 1);
    ok(right == VF_COUNT(v), "those that answer do, those that are refused do not");
    struct vf_knock w = {.address = (char *)"::1", .port = six};
    if (c < 0)
        skip("over IPv6", "this machine has none");
    else
        ok(vf_knock(&w, 1, 5000, NULL, NULL) == 0 && w.answers, "over IPv6");
    struct vf_knock none = {.address = (char *)"web1", .port = 22};
    ok(vf_knock(&none, 1, 5000, NULL, NULL) == 0 && !none.answers, "a name is no address");
    vf_auto(vf_cancel_free) struct vf_cancel *cancel = vf_cancel_new(NULL);
    vf_autoerror struct vf_error *e = NULL;
    vf_cancel_fire(cancel, "enough");
    /* nobody is there (TEST-NET-1): it would take its time */
    struct vf_knock nobody = {.address = (char *)"192.0.2.1", .port = 22};
    int r = vf_knock(&nobody, 1, 60000, cancel, &e);
    ok(r < 0 ? vf_error_code(e) == VF_E_CANCELLED : !nobody.answers, "it can be cancelled");
    int fds[] = {a, b, c};
    for (size_t i = 0; i < VF_COUNT(fds); i++)
        if (fds[i] >= 0)
            close(fds[i]);
}

/* The report of RAW (JSON) is screens/NAME. */
static void report(const char *name, const char *raw)
{
    json_error_t why;
    vf_autojson json_t *r = json_loads(raw, 0, &why);
    ok(r != NULL, "%s: %s", name, r ? "read" : why.text);
    vf_autofree char *got = vf_report_text(r);
    const char *top = getenv("top_srcdir");
    vf_autofree char *path = vf_asprintf("%s/tests/unit/screens/%s", top ? top : ".", name);
    if (vf_streq(getenv("GOLDEN"), "write"))
        vf_replace_file(path, got, strlen(got), 0644, NULL);
    vf_autofree char *want = vf_read_file(path, 1 << 20, NULL, NULL);
    is_str(got, want, name);
}

static void test_report(void)
{
    report(
        "report-move",
        "{\"type\":\"report\",\"time\":\"2026-11-21T08:30:00Z\",\"job\":\"20261121-074812-3fa9c2\","
        "\"by\":\"jdoe@laptop\",\"begun\":\"2026-11-21T07:48:12Z\",\"result\":\"done\",\"exit\":0,"
        "\"vm\":\"web1\",\"source\":\"alpha\",\"target\":\"beta\",\"target_node\":\"b1\","
        "\"target_vmid\":100,\"target_name\":\"web1\",\"starts\":1,\"seconds\":2508.0,"
        "\"steps\":[{\"step\":\"copy\",\"title\":\"Copy the disks\",\"seconds\":61.0}],"
        "\"route\":\"a1 -> b1 direct\",\"method\":\"copy\",\"started\":true,\"downtime\":92.0,"
        "\"forecast_seconds\":2400.0,\"forecast_downtime\":80.0,"
        "\"disks\":[{\"slot\":\"scsi0\",\"source\":\"local:100/vm-100-disk-0.raw\","
        "\"target\":\"local:100/vm-100-disk-0.raw\",\"copied\":true,\"seconds\":61.0,"
        "\"size\":34359738368,\"read\":10737418240,\"sent\":1048576,\"zero\":0,"
        "\"same\":10736369664,\"wire\":900000,\"verified\":34359738368,\"sent_before\":10737418240,"
        "\"verified_how\":\"media\",\"target_hash\":\"00112233445566778899aabbccddeeff\"}],"
        "\"service_test\":{\"tried\":6,\"answered\":[\"10.0.0.5:22\",\"10.0.0.5:443\"],"
        "\"back\":[\"10.0.0.5:22\"],\"missing\":[\"10.0.0.5:443\"]},"
        "\"warnings\":[\"connection lost: a1: no route to host; trying again for up to 15 min\"],"
        "\"not_carried\":[{\"what\":\"snapshot before-update\",\"why\":\"snapshots stay\"}],"
        "\"by_hand\":[\"find out why 10.0.0.5:443 does not answer\"],"
        "\"log\":\"/home/jdoe/.local/state/vmferry/jobs/20261121-074812-3fa9c2/log\"}");
    report(
        "report-rehearsal",
        "{\"type\":\"report\",\"time\":\"2026-11-21T08:30:00Z\",\"job\":\"20261121-074812-3fa9c2\","
        "\"by\":\"jdoe@laptop\",\"begun\":\"2026-11-21T07:48:12Z\",\"result\":\"done\",\"exit\":0,"
        "\"vm\":\"web1\",\"source\":\"alpha\",\"target\":\"beta\",\"target_node\":\"b1\","
        "\"target_vmid\":100,\"target_name\":\"web1--TEST\",\"starts\":1,\"seconds\":60.0,"
        "\"steps\":[],\"method\":\"copy\",\"started\":true,\"rehearsal\":\"running\",\"disks\":[],"
        "\"warnings\":[],\"not_carried\":[],\"by_hand\":[\"look at web1--TEST\"],"
        "\"log\":\"/log\"}");
}

int main(void)
{
    setlocale(LC_ALL, "C.UTF-8");
    test_forecast();
    test_least();
    test_ports();
    test_knock();
    test_report();
    return done_testing();
}
