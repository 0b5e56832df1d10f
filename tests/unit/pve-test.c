/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The Proxmox VE client: login, URLs, errors, tasks, power. */
#include "config.h"
#include "base/log.h"
#include "base/str.h"
#include "provider/pve/pve.h"
#include "tests/unit/pve-fixture.h"
#include "tests/unit/tap.h"

#include <pthread.h>
#include <signal.h>

/* ------------------------------------------------------------------ login */

static void test_login(void)
{
    static const struct route routes[] = {
        LOGIN,
        API_VERSION,
        {"POST", "/access/ticket", "401 authentication failure",
         "{\"message\":\"authentication failure\\n\",\"data\":null}", NULL, 0, 300, false},
        {"PUT", "/nodes/a1/qemu/101/config", NULL, "{\"data\":null}", NULL, 0, 0, false},
    };
    struct fixture f;
    struct vf_error *err = NULL;
    SERVE(&f, routes);
    char log_name[] = "/tmp/vf-pve-log-XXXXXX";
    int fd = mkstemp(log_name);
    vf_log_open(log_name, NULL);
    ok(!vf_provider_open(&f.conf, true, &wrong, NULL, &err), "a wrong password");
    is_error(&err, VF_E_AUTH, "login as root@pam failed: authentication failure", "says so");
    ok(count(&f.cluster, "POST") == 3, "and may be typed three times");

    struct vf_provider *p = log_in(&f);
    ok(p != NULL, "the right password, special characters and all");
    ok(strstr(f.cluster.headers, "Cookie: PVEAuthCookie=PVE:TICKET1\r\n") != NULL,
       "the ticket is sent");
    ok(!strstr(f.cluster.headers, "CSRF"), "reading needs no CSRF token");
    ok(p->ops->set_onboot(p, "a1", 101, false, &err) == 0, "a write");
    ok(strstr(f.cluster.headers, "CSRFPreventionToken: CSRF1\r\n") != NULL,
       "carries the CSRF token");
    ok(count(&f.cluster, "PUT /nodes/a1/qemu/101/config onboot=0\n") == 1, "booleans are 0 and 1");
    vf_provider_free(p);

    vf_log_close();
    char log[8192] = "";
    ok(read(fd, log, sizeof log - 1) > 0 && !strstr(log, "right") && !strstr(log, "TICKET1"),
       "the log has requests, but no secrets");
    close(fd);
    unlink(log_name);

    f.conf.user = (char *)"root";
    ok(!vf_provider_open(&f.conf, true, NULL, NULL, &err), "a user without realm");
    is_error(&err, VF_E_USAGE, "root@pam", "is explained");
    f.conf.user = "root@pam";
    ok(!vf_provider_open(&f.conf, true, NULL, NULL, &err), "nobody to ask");
    is_error(&err, VF_E_AUTH, "secret_file", "is explained");
    f.conf.type = "cloud9";
    ok(!vf_provider_open(&f.conf, true, &right, NULL, &err), "an unknown platform");
    is_error(&err, VF_E_USAGE, "known: pve", "is explained");
    drop(&f);
}

static void test_token(void)
{
    static const struct route routes[] = {
        API_VERSION,
        {"GET", "/cluster/resources?type=vm", NULL, "{\"data\":[]}", NULL, 0, 0, false},
        {"GET", "/access/permissions", NULL, "{\"data\":{}}", NULL, 0, 0, false},
        {"GET", "/cluster/nextid", "401 invalid token value!", NULL, NULL, 0, 300, false},
        {"GET", "/nodes/a1/qemu/100/status/current",
         "403 Permission check failed (/vms/100, VM.Audit)",
         "{\"message\":\"Permission check failed (/vms/100, VM.Audit)\\n\",\"data\":null}", NULL, 0,
         0, false},
    };
    struct fixture f;
    struct vf_error *err = NULL;
    SERVE(&f, routes);
    char name[] = "/tmp/vf-pve-secret-XXXXXX";
    int fd = mkstemp(name);
    ok(write(fd, "0000-1111\n", 10) == 10, "a secret file");
    close(fd);
    f.conf.user = NULL;
    f.conf.token = "root@pam!move";
    f.conf.secret_file = name;
    struct vf_provider *p = vf_provider_open(&f.conf, true, NULL, NULL, &err);
    ok(p != NULL, "a token from a file");
    ok(strstr(f.cluster.headers, "Authorization: PVEAPIToken=root@pam!move=0000-1111\r\n") != NULL,
       "is sent as Proxmox wants it");
    struct vf_vm **vms;
    size_t n;
    ok(p->ops->vms(p, &vms, &n, &err) < 0, "a token without rights sees empty lists");
    is_error(&err, VF_E_PERMISSION, "privilege separation", "which is explained");
    enum vf_vm_state s;
    ok(p->ops->state(p, "a1", 100, &s, &err) < 0, "and single objects are refused");
    is_error(&err, VF_E_PERMISSION, "VM.Audit", "with the missing privilege");
    unsigned id;
    ok(p->ops->free_id(p, 0, &id, &err) < 0, "a 401 without a body, late");
    is_error(&err, VF_E_AUTH, "invalid token value!", "has its reason in the status line");
    ok(count(&f.cluster, "/cluster/nextid") == 1, "and a token is not tried again");
    vf_provider_free(p);
    unlink(name);
    f.conf.token = "root@pam";
    ok(!vf_provider_open(&f.conf, true, NULL, NULL, &err), "a token without name");
    is_error(&err, VF_E_USAGE, "USER@REALM!NAME", "is explained");
    drop(&f);
}

static void test_renewal(void)
{
    static const struct route routes[] = {
        {"POST", "/access/ticket", NULL,
         "{\"data\":{\"ticket\":\"PVE:TICKET2\",\"CSRFPreventionToken\":\"CSRF2\"}}",
         "password=PVE%3ATICKET1", 0, 0, false},
        LOGIN,
        API_VERSION,
        {"GET", "/cluster/nextid", NULL, "{\"data\":\"102\"}", NULL, 0, 0, false},
    };
    struct fixture f;
    struct vf_error *err = NULL;
    SERVE(&f, routes);
    struct vf_provider *p = log_in(&f);
    unsigned id = 0;
    ok(p->ops->free_id(p, 0, &id, &err) == 0 && id == 102, "a number given as a string");
    ok(count(&f.cluster, "/access/ticket") == 1, "a fresh ticket is not renewed");
    vf_pve_of(p)->renew_ms = 0;
    ok(p->ops->free_id(p, 0, &id, &err) == 0, "a call with an old ticket");
    vf_pve_of(p)->renew_ms = 3600 * 1000;
    ok(count(&f.cluster, "password=PVE%3ATICKET1") == 1, "renews it with the ticket as password");
    ok(strstr(f.cluster.headers, "PVEAuthCookie=PVE:TICKET2") != NULL,
       "and goes on with the new one");
    vf_provider_free(p);
    drop(&f);
}

static void test_relogin(void)
{
    static const struct route routes[] = {
        {"POST", "/access/ticket", NULL,
         "{\"data\":{\"ticket\":\"PVE:TICKET1\",\"CSRFPreventionToken\":\"CSRF1\"}}", "right", 1, 0,
         false},
        {"POST", "/access/ticket", NULL,
         "{\"data\":{\"ticket\":\"PVE:TICKET2\",\"CSRFPreventionToken\":\"CSRF2\"}}", "right", 1, 0,
         false},
        {"POST", "/access/ticket", "401 authentication failure", NULL, NULL, 0, 0, false},
        API_VERSION,
        {"PUT", "/nodes/a1/qemu/101/config", NULL, "{\"data\":null}", NULL, 0, 0, false},
    };
    struct fixture f;
    struct vf_error *err = NULL;
    SERVE(&f, routes);
    struct vf_provider *p = log_in(&f);
    f.cluster.check_ticket = true;
    ok(p->ops->rename(p, "a1", 101, "web1--CLONING", &err) == 0, "a ticket that is refused");
    ok(count(&f.cluster, "/access/ticket") == 2, "leads to one new login");
    ok(count(&f.cluster, "PUT") == 2 && strstr(f.cluster.headers, "CSRF2"),
       "and the call is made again");
    vf_pve_of(p)->renew_ms = 0; /* neither ticket nor password are accepted now */
    ok(p->ops->rename(p, "a1", 101, "x", &err) < 0, "when that fails too");
    is_error(&err, VF_E_AUTH, "authentication failure", "it is an error");
    unsigned logins = count(&f.cluster, "/access/ticket");
    ok(logins > 5 && logins < 50, "after more tries than at the beginning, but not without end");
    vf_provider_free(p);
    drop(&f);
}

static int refuse(void *opaque, struct vf_error **err)
{
    ++*(int *)opaque;
    return vf_fail(err, VF_E_CONFLICT, "another works on it");
}

static void test_guard(void)
{
    static const struct route routes[] = {
        LOGIN,
        API_VERSION,
        {"GET", "/nodes/a1/qemu/101/status/current", NULL, "{\"data\":{\"status\":\"stopped\"}}",
         NULL, 0, 0, false},
        {"PUT", "/nodes/a1/qemu/101/config", NULL, "{\"data\":null}", NULL, 0, 0, false},
    };
    struct fixture f;
    struct vf_error *err = NULL;
    enum vf_vm_state state = VF_VM_UNKNOWN;
    int asked = 0;
    SERVE(&f, routes);
    struct vf_provider *p = log_in(&f);
    p->ops->set_guard(p, refuse, &asked);
    ok(p->ops->state(p, "a1", 101, &state, &err) == 0 && !asked, "a guard lets everything be read");
    ok(p->ops->rename(p, "a1", 101, "x", &err) < 0 && asked == 1,
       "and keeps it from being changed");
    is_error(&err, VF_E_CONFLICT, "another works on it", "for the reason it gives");
    ok(count(&f.cluster, "PUT") == 0, "nothing of that is sent");
    p->ops->set_guard(p, NULL, NULL);
    ok(p->ops->rename(p, "a1", 101, "x", &err) == 0, "without it, it is");
    vf_provider_free(p);
    drop(&f);
}

static void test_urls(void)
{
    static const struct route routes[] = {
        LOGIN,
        API_VERSION,
        {"PUT", "/nodes/a1/qemu/101/config", NULL, NULL, NULL, 0, 0, true},
        {"GET", "/cluster/nextid", NULL, NULL, NULL, 0, 0, true},
    };
    struct fixture f, dead;
    struct vf_error *err = NULL;
    SERVE(&f, routes);
    SERVE(&dead, routes);
    httpd_stop(dead.server);
    f.urls[1] = f.urls[0];
    f.urls[0] = dead.urls[0];
    struct vf_provider *p = log_in(&f);
    ok(p != NULL, "the second URL is tried when nobody answers at the first");
    unsigned id;
    ok(p->ops->free_id(p, 0, &id, &err) < 0, "all fail");
    ok(vf_error_code(err) == VF_E_NET && strstr(err->text, f.urls[0]) &&
           strstr(err->text, f.urls[1]),
       "the error has every reason");
    vf_error_free(err);
    err = NULL;
    ok(p->ops->rename(p, "a1", 101, "x", &err) < 0 && count(&f.cluster, "PUT") == 1,
       "a write that was cut is sent once");
    is_error(&err, VF_E_NET, "cannot rename VM 101", "and is a network error");
    vf_provider_free(p);

    f.urls[1][4] = '\0';
    ok(!vf_provider_open(&f.conf, true, &right, NULL, &err), "a URL that is none");
    is_error(&err, VF_E_USAGE, "https://", "is explained");
    vf_buf_free(&dead.cluster.log);
    drop(&f);
}

static void test_tls(void)
{
    static const struct route routes[] = {LOGIN, API_VERSION};
    struct fixture f;
    struct vf_error *err = NULL;
    SERVE(&f, routes);
    struct httpd *tls = httpd_start(true, handle, &f.cluster);
    free(f.urls[0]);
    f.urls[0] = vf_strdup(httpd_url(tls));
    ok(!vf_provider_open(&f.conf, true, &right, NULL, &err), "a certificate nobody vouches for");
    ok(vf_error_code(err) == VF_E_TRUST && strstr(err->text, httpd_fingerprint(tls)), "is shown");
    is_error(&err, VF_E_TRUST, "pvenode cert info", "with where to compare it");
    char *pin[] = {NULL, NULL};
    f.conf.fingerprints = pin;
    pin[0] = (char *)"00:01:02:03:04:05:06:07:08:09:0a:0B:0C:0D:0E:0F:10:11:12:13:14:15:16:17:"
                     "18:19:1A:1B:1C:1D:1E:FF";
    ok(!vf_provider_open(&f.conf, true, &right, NULL, &err), "a wrong fingerprint");
    is_error(&err, VF_E_TRUST, "not the configured", "is refused");
    ok(count(&f.cluster, " ") == 0, "and no password was sent");
    pin[0] = (char *)httpd_fingerprint(tls);
    struct vf_provider *p = log_in(&f);
    ok(p != NULL, "the right fingerprint");
    vf_provider_free(p);
    f.conf.fingerprints = NULL;
    p = vf_provider_open(&f.conf, false, &right, NULL, &err);
    ok(p != NULL, "no check when a person says so");
    vf_provider_free(p);
    httpd_stop(tls);
    drop(&f);
}

/* ------------------------------------------------------------------ errors and tasks */

static void test_error_texts(void)
{
    static const struct {
        int status;
        const char *reason, *body, *text;
        enum vf_error_code code;
    } cases[] = {
        {400, "Parameter verification failed.",
         "{\"data\":null,\"message\":\"Parameter verification "
         "failed.\\n\",\"errors\":{\"name\":\"invalid "
         "format\\n\",\"cores\":\"too few\"}}",
         "Parameter verification failed: name: invalid format; cores: too few", VF_E_UNSUPPORTED},
        {400, "Parameter verification failed.",
         "{\"errors\":{\"vmid\":\"VM 100 already exists\"},\"message\":\"Parameter verification "
         "failed.\\n\",\"data\":null}",
         "Parameter verification failed: vmid: VM 100 already exists", VF_E_CONFLICT},
        {500, "VM is locked (backup)", "{\"data\":null}", "VM is locked (backup)", VF_E_CONFLICT},
        {401, "No ticket", "", "No ticket", VF_E_AUTH},
        {500, "checksum mismatch (file change by other user?)", "",
         "checksum mismatch (file change by other user?)", VF_E_CONFLICT},
        {500, "x", "{\"message\":\"can't lock file '/var/lock/x' - got timeout\\n\"}",
         "can't lock file '/var/lock/x' - got timeout", VF_E_CONFLICT},
        {500, "x", "{\"message\":\"write failed: No space left on device\\n\"}",
         "write failed: No space left on device", VF_E_NOSPACE},
        {500, "Configuration file 'nodes/a1/qemu-server/9.conf' does not exist", "",
         "Configuration file 'nodes/a1/qemu-server/9.conf' does not exist", VF_E_NOTFOUND},
        {500, "only root can set 'args' config", "", "only root can set 'args' config",
         VF_E_PERMISSION},
        {501, "Method 'GET /x' not implemented", "plain text", "Method 'GET /x' not implemented",
         VF_E_UNSUPPORTED},
        {596, "Connection timed out", "", "Connection timed out", VF_E_NET},
        {500, "", "{\"data\":null}", "status 500 without a reason", VF_E_INTERNAL},
        {500, "x", "{\"message\":\"\\u001b[31mred\\ntwo\\n\"}", "\\x1b[31mred two", VF_E_INTERNAL},
    };
    for (size_t i = 0; i < VF_COUNT(cases); i++) {
        struct vf_http_answer a = {.status = cases[i].status, .reason = vf_strdup(cases[i].reason)};
        vf_buf_puts(&a.body, cases[i].body);
        vf_autofree char *text = vf_pve_error_text(&a);
        is_str(text, cases[i].text, "error text");
        ok(vf_pve_error_code(a.status, text) == cases[i].code, "means %s",
           vf_error_code_name(cases[i].code));
        vf_http_answer_clear(&a);
    }
}

#define UPID "UPID:a1:00000001:00000002:6B011DF5:qmstart:101:root@pam:"
#define UPID_URL                                                                                   \
    "/nodes/a1/tasks/UPID%3Aa1%3A00000001%3A00000002%3A6B011DF5%3Aqmstart%3A101%3Aroot%40pam%3A"
#define START                                                                                      \
    {                                                                                              \
        "POST", "/nodes/a1/qemu/101/status/start", NULL, "{\"data\":\"" UPID "\"}", NULL, 0, 0,    \
            false                                                                                  \
    }
#define STATE(s)                                                                                   \
    {                                                                                              \
        "GET", "/nodes/a1/qemu/101/status/current", NULL, "{\"data\":{\"status\":\"" s "\"}}",     \
            NULL, 0, 0, false                                                                      \
    }

static void test_task_good(void)
{
    static const struct route routes[] = {
        LOGIN,
        API_VERSION,
        START,
        {"GET", UPID_URL "/status", NULL, "{\"data\":{\"status\":\"running\"}}", NULL, 1, 0, false},
        {"GET", UPID_URL "/status", NULL, NULL, NULL, 1, 0, true},
        {"GET", UPID_URL "/status", NULL,
         "{\"data\":{\"status\":\"stopped\",\"exitstatus\":\"WARNINGS: 1\",\"type\":\"qmstart\"}}",
         NULL, 0, 0, false},
        STATE("running"),
    };
    struct fixture f;
    struct vf_error *err = NULL;
    SERVE(&f, routes);
    struct vf_provider *p = log_in(&f);
    ok(p->ops->power(p, "a1", 101, VF_POWER_START, 0, &err) == 0,
       "a task with warnings has succeeded");
    ok(count(&f.cluster, "/status \n") >= 3,
       "it was watched until it stopped, over a cut connection");
    ok(count(&f.cluster, "POST /nodes") == 1, "and started once");
    vf_provider_free(p);
    drop(&f);
}

static void test_task_bad(void)
{
    static const struct route routes[] = {
        LOGIN,
        API_VERSION,
        START,
        {"GET", UPID_URL "/status", NULL,
         "{\"data\":{\"status\":\"stopped\",\"exitstatus\":\"start failed: QEMU exited with code "
         "1\",\"type\":\"qmstart\"}}",
         NULL, 0, 0, false},
        {"GET", UPID_URL "/log?start=0&limit=1", NULL, "{\"total\":7,\"data\":[]}", NULL, 0, 0,
         false},
        {"GET", UPID_URL "/log?start=2&limit=5", NULL,
         "{\"total\":7,\"data\":[{\"n\":6,\"t\":\"bridge 'nosuchbr' does not "
         "exist\"},{\"n\":7,\"t\":\"TASK "
         "ERROR: start failed\"}]}",
         NULL, 0, 0, false},
    };
    struct fixture f;
    struct vf_error *err = NULL;
    SERVE(&f, routes);
    struct vf_provider *p = log_in(&f);
    ok(p->ops->power(p, "a1", 101, VF_POWER_START, 0, &err) < 0, "a task that fails");
    is_error(&err, VF_E_INTERNAL,
             "start failed: QEMU exited with code 1 (log: bridge 'nosuchbr' does not exist)",
             "says why, with the end of its log");
    vf_provider_free(p);
    drop(&f);
}

static void test_task_unheard(void)
{
    static const struct route routes[] = {
        LOGIN,
        API_VERSION,
        START,
        {"GET", UPID_URL "/status", NULL, NULL, NULL, 0, 0, true},
    };
    struct fixture f;
    struct vf_error *err = NULL;
    SERVE(&f, routes);
    struct vf_provider *p = log_in(&f);
    vf_pve_of(p)->tries = 1;
    vf_pve_of(p)->outage_ms = 150;
    ok(p->ops->power(p, "a1", 101, VF_POWER_START, 0, &err) < 0,
       "a cluster that is gone while its task runs");
    is_error(&err, VF_E_NET, "watching task", "is waited for only as long as an outage may take");
    ok(count(&f.cluster, "POST /nodes") == 1, "and the task is begun once");
    vf_provider_free(p);
    drop(&f);
}

static void *fire_soon(void *cancel)
{
    usleep(200 * 1000);
    vf_cancel_fire(cancel, "the operator pressed a key");
    return NULL;
}

static void test_task_endless(void)
{
    static const struct route routes[] = {
        LOGIN,
        API_VERSION,
        START,
        {"GET", UPID_URL "/status", NULL, "{\"data\":{\"status\":\"running\"}}", NULL, 0, 0, false},
    };
    struct fixture f;
    struct vf_error *err = NULL;
    SERVE(&f, routes);
    struct vf_cancel *cancel = vf_cancel_new(NULL);
    struct vf_provider *p = vf_provider_open(&f.conf, true, &right, cancel, &err);
    vf_pve_of(p)->task_ms = 150;
    ok(p->ops->power(p, "a1", 101, VF_POWER_START, 0, &err) < 0, "a task that does not end");
    is_error(&err, VF_E_CONFLICT, "still runs", "is not waited for without end");
    vf_pve_of(p)->task_ms = 60000;
    pthread_t t;
    pthread_create(&t, NULL, fire_soon, cancel);
    ok(p->ops->power(p, "a1", 101, VF_POWER_START, 0, &err) < 0, "waiting for a task");
    is_error(&err, VF_E_CANCELLED, "pressed a key", "can be cancelled");
    pthread_join(t, NULL);
    vf_provider_free(p);
    vf_cancel_free(cancel);
    drop(&f);
}

static void test_shutdown(void)
{
    static const struct route routes[] = {
        LOGIN,
        API_VERSION,
        STATE("running"),
        {"POST", "/nodes/a1/qemu/101/status/shutdown", NULL, "{\"data\":\"" UPID "\"}", NULL, 0, 0,
         false},
        {"GET", UPID_URL "/status", NULL,
         "{\"data\":{\"status\":\"stopped\",\"exitstatus\":\"VM quit/powerdown failed - got "
         "timeout\",\"type\":\"qmshutdown\"}}",
         NULL, 0, 0, false},
    };
    struct fixture f;
    struct vf_error *err = NULL;
    SERVE(&f, routes);
    struct vf_provider *p = log_in(&f);
    ok(p->ops->power(p, "a1", 101, VF_POWER_SHUTDOWN, 7, &err) < 0,
       "a guest that does not shut down");
    is_error(&err, VF_E_CONFLICT, "did not shut down within 7 s", "is not forced");
    ok(count(&f.cluster, "shutdown timeout=7\n") == 1 && !count(&f.cluster, "forceStop"),
       "the time is given, force is not");
    vf_provider_free(p);
    drop(&f);
}

static void test_states(void)
{
    static const struct {
        const char *json;
        enum vf_vm_state state;
    } cases[] = {
        {"{\"status\":\"stopped\",\"qmpstatus\":\"stopped\"}", VF_VM_STOPPED},
        {"{\"status\":\"running\",\"qmpstatus\":\"running\"}", VF_VM_RUNNING},
        {"{\"status\":\"running\"}", VF_VM_RUNNING},
        {"{\"status\":\"running\",\"qmpstatus\":\"paused\"}", VF_VM_PAUSED},
        {"{\"status\":\"running\",\"qmpstatus\":\"internal-error\"}", VF_VM_UNKNOWN},
        {"{\"status\":\"unknown\"}", VF_VM_UNKNOWN},
        {"{}", VF_VM_UNKNOWN},
    };
    for (size_t i = 0; i < VF_COUNT(cases); i++) {
        vf_autojson json_t *o = json_loads(cases[i].json, 0, NULL);
        ok(vf_pve_state_of(o) == cases[i].state, "%s is %s", cases[i].json,
           vf_vm_state_name(cases[i].state));
    }
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    test_login();
    test_token();
    test_renewal();
    test_relogin();
    test_guard();
    test_urls();
    test_tls();
    test_error_texts();
    test_task_good();
    test_task_bad();
    test_task_unheard();
    test_task_endless();
    test_shutdown();
    test_states();
    return done_testing();
}
