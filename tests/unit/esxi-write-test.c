/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The vSphere API: what changes a VM or a host, and how it is refused. */
#include "config.h"
#include "base/clock.h"
#include "tests/unit/esxi-fixture.h"

#include <string.h>

#define GET "RetrievePropertiesEx"
#define VM(props)                                                                                  \
    "<returnval><objects><obj type=\"VirtualMachine\">12</obj>" props "</objects></returnval>"
#define TASK(state, error)                                                                         \
    "<returnval><objects><obj type=\"Task\">task-1</obj><propSet><name>info.state</name><val "     \
    "xsi:type=\"TaskInfoState\">" state "</val></propSet>" error "</objects></returnval>"
#define FAILED(fault, text)                                                                        \
    TASK("error", "<propSet><name>info.error</name><val xsi:type=\"LocalizedMethodFault\"><fault " \
                  "xsi:type=\"" fault "\"></fault><localizedMessage>" text                         \
                  "</localizedMessage></val></propSet>")
#define TEXT(name, value)                                                                          \
    "<propSet><name>" name "</name><val xsi:type=\"xsd:string\">" value "</val></propSet>"
#define THE_TASK "<returnval type=\"Task\">task-1</returnval>"
#define LISTED                                                                                     \
    {                                                                                              \
        ON(GET, "session[1]view", VM(TEXT("name", "web")))                                         \
    }
#define POWER(state) VM(TEXT("runtime.powerState", state))
#define ABOUT_TASK   "<obj type=\"Task\">task-1</obj>"

static struct vsphere v;
static struct vf_esxi_way *w;
static struct vf_error *err;

#define BEGIN(canned)                                                                              \
    do {                                                                                           \
        SERVE(&v, canned);                                                                         \
        w = open_right(&v);                                                                        \
    } while (0)

static void end(void)
{
    vf_esxi_way_free(w);
    drop(&v);
}

static void test_tasks(void)
{
    static const struct canned canned[] = {
        LISTED,
        {ON("PowerOnVM_Task", NULL, THE_TASK)},
        {ON("PowerOffVM_Task", NULL, THE_TASK)},
        {ON("RemoveAllSnapshots_Task", "<consolidate>true</consolidate>", THE_TASK)},
        {ON(GET, ABOUT_TASK, TASK("queued", "")), .times = 1},
        {ON(GET, ABOUT_TASK, TASK("running", "")), .times = 1, .ends_session = true},
        {ON(GET, ABOUT_TASK, TASK("success", "")), .times = 1},
        {ON(GET, ABOUT_TASK, FAILED("GenericVmConfigFault", "Module disk &lt;x&gt; failed.")),
         .times = 1},
        {ON(GET, ABOUT_TASK, FAILED("InvalidPowerState", "powered off")), .times = 1},
        {ON(GET, ABOUT_TASK, TASK("success", "")), .times = 1},
        {ON(GET, "runtime.powerState", POWER("poweredOff"))},
    };
    BEGIN(canned);
    is_good(w->ops->power(w, 12, VF_ESXI_ON, 0, &err), &err, "switched on");
    ok(count(&v, "CALL PowerOnVM_Task") == 1 && v.logins == 2,
       "once, although the session ended meanwhile");
    ok(w->ops->power(w, 12, VF_ESXI_ON, 0, &err) < 0, "a task that fails");
    is_error(&err, VF_E_CONFLICT, "Module disk <x> failed. (GenericVmConfigFault)", "is told");
    is_good(w->ops->power(w, 12, VF_ESXI_OFF, 0, &err), &err, "off what is off is no failure");
    is_good(w->ops->drop_snapshots(w, 12, &err), &err, "snapshots dropped");
    ok(!w->ops->lacks(w), "nothing is lacking");
    end();
}

static void test_question(void)
{
    static const struct canned canned[] = {
        LISTED,
        {ON("PowerOnVM_Task", NULL, THE_TASK)},
        {ON(GET, ABOUT_TASK, TASK("running", ""))},
        {ON(GET, "runtime.question",
            VM("<propSet><name>runtime.question</name><val xsi:type=\"VirtualMachineQuestionInfo\">"
               "<id>4</id><text>Moved or copied?</text></val></propSet>"))},
    };
    BEGIN(canned);
    ok(w->ops->power(w, 12, VF_ESXI_ON, 0, &err) < 0, "a task that waits for a person");
    is_error(&err, VF_E_CONFLICT, "waits for an answer: Moved or copied?", "is not waited for");
    end();
}

static void *fire(void *cancel)
{
    while (count(&v, ABOUT_TASK) < 2)
        usleep(10 * 1000);
    vf_cancel_fire(cancel, "enough");
    return NULL;
}

static void test_cancel(void)
{
    static const struct canned canned[] = {
        LISTED,
        {ON("RemoveAllSnapshots_Task", NULL, THE_TASK)},
        {ON(GET, ABOUT_TASK, TASK("running", ""))},
        {ON(GET, "runtime.question", VM(""))},
    };
    BEGIN(canned);
    vf_auto(vf_cancel_free) struct vf_cancel *c = vf_cancel_new(NULL);
    pthread_t t;
    w->ops->set_cancel(w, c);
    pthread_create(&t, NULL, fire, c);
    ok(w->ops->drop_snapshots(w, 12, &err) < 0, "waiting for a task");
    is_error(&err, VF_E_CANCELLED, "enough", "can be cancelled");
    pthread_join(t, NULL);
    w->ops->set_cancel(w, NULL);
    end();
}

static void test_shutdown(void)
{
    static const struct canned canned[] = {
        LISTED,
        {ON("ShutdownGuest", NULL, ""), .times = 2},
        {ON("ShutdownGuest", NULL, "ToolsUnavailable"), .faultline = "no tools", .times = 1},
        {ON("ShutdownGuest", NULL, "InvalidPowerState"), .faultline = "is off"},
        {ON(GET, "runtime.powerState", POWER("poweredOn")), .times = 2},
        {ON(GET, "runtime.powerState", POWER("poweredOff")), .times = 1},
        {ON(GET, "runtime.powerState", POWER("poweredOn")), .times = 1},
        {ON(GET, "runtime.powerState", POWER("poweredOff"))},
    };
    BEGIN(canned);
    is_good(w->ops->power(w, 12, VF_ESXI_SHUTDOWN, 60, &err), &err, "shut down by the guest");
    ok(count(&v, "CALL PowerOff") == 0, "not switched off");
    ok(w->ops->power(w, 12, VF_ESXI_SHUTDOWN, 0, &err) < 0, "a guest that does not");
    is_error(&err, VF_E_CONFLICT, "not shut down within 0 s", "is told");
    ok(count(&v, "CALL PowerOff") == 0, "and not switched off");
    ok(w->ops->power(w, 12, VF_ESXI_SHUTDOWN, 60, &err) < 0, "a guest without Tools");
    is_error(&err, VF_E_CONFLICT, "VMware Tools do not run", "is told");
    is_good(w->ops->power(w, 12, VF_ESXI_SHUTDOWN, 60, &err), &err, "one that is off is well");
    end();
}

static void test_annotate(void)
{
    static const struct canned canned[] = {
        LISTED,
        {ON("ReconfigVM_Task",
            "<spec><changeVersion>V1</changeVersion><annotation>a &amp; b&#13;\n"
            "vmferry-job: 1</annotation></spec>",
            THE_TASK)},
        {ON("ReconfigVM_Task", "<changeVersion>V0</changeVersion>", "ConcurrentAccess"),
         .faultline = "changed", .times = 2},
        {ON("ReconfigVM_Task", "<spec><annotation></annotation></spec>", THE_TASK)},
        {ON(GET, ABOUT_TASK, TASK("success", "")), .times = 1},
        {ON(GET, ABOUT_TASK, TASK("success", ""))},
        {ON(GET, "config.annotation", VM(TEXT("config.annotation", "mine\n"))), .times = 2},
    };
    BEGIN(canned);
    is_good(w->ops->annotate(w, 12, "a & b\r\nvmferry-job: 1", "V1", &err), &err, "annotated");
    ok(w->ops->annotate(w, 12, "other", "V0", &err) < 0, "somebody was faster");
    is_error(&err, VF_E_CONFLICT, "somebody has changed", "is told");
    is_good(w->ops->annotate(w, 12, "mine\n", "V0", &err), &err,
            "it was us, and only the answer was lost");
    is_good(w->ops->annotate(w, 12, "", NULL, &err), &err, "emptied, whatever it was");
    end();
}

static void test_rename(void)
{
    static const struct canned canned[] = {
        LISTED,
        {ON("Rename_Task", "<newName>a%2fb %25 &lt;c&gt;--MIGRATED</newName>", THE_TASK)},
        {ON(GET, ABOUT_TASK, TASK("success", "")), .times = 1},
        {ON(GET, ABOUT_TASK, FAILED("DuplicateName", "The name 'x' already exists."))},
    };
    BEGIN(canned);
    is_good(w->ops->rename(w, 12, "a/b % <c>--MIGRATED", &err), &err, "renamed, name encoded");
    ok(w->ops->rename(w, 12, "a/b % <c>--MIGRATED", &err) < 0, "a name that is taken");
    is_error(&err, VF_E_CONFLICT, "already exists", "is told");
    end();
}

/* Free ESXi, by a fault at once or by the end of a task. */
static void test_licence(void)
{
    static const struct canned canned[] = {
        LISTED,
        {ON("Rename_Task", NULL, "RestrictedVersion"),
         .faultline = "Current license or ESXi version prohibits execution of the requested "
                      "operation."},
        {ON("PowerOnVM_Task", NULL, THE_TASK)},
        {ON(GET, ABOUT_TASK,
            FAILED("x", "Current license or ESXi version prohibits execution of the requested "
                        "operation."))},
    };
    const unsigned all =
        VF_ESXI_NO_ANNOTATE | VF_ESXI_NO_RENAME | VF_ESXI_NO_ONBOOT | VF_ESXI_NO_POWER;
    BEGIN(canned);
    ok(w->ops->rename(w, 12, "x", &err) < 0 && w->ops->lacks(w) == all, "a free licence");
    is_error(&err, VF_E_UNSUPPORTED, "licence (that of free ESXi)", "is told");
    struct vf_esxi_way *t = w->ops->twin(w, &err);
    ok(t->ops->lacks(t) == all, "twins know");
    vf_esxi_way_free(t);
    end();
    BEGIN(canned);
    ok(w->ops->power(w, 12, VF_ESXI_ON, 0, &err) < 0 && w->ops->lacks(w) == all,
       "one that shows in the task");
    is_error(&err, VF_E_UNSUPPORTED, "licence (that of free ESXi)", "is told");
    end();
}

#define HOST(props)                                                                                \
    "<returnval><objects><obj type=\"HostSystem\">ha-host</obj>" props "</objects></returnval>"
#define HOST_OF_VM                                                                                 \
    {                                                                                              \
        ON(GET, "<pathSet>runtime.host</pathSet>",                                                 \
           VM("<propSet><name>runtime.host</name><val "                                            \
              "type=\"HostSystem\">ha-host</val></propSet>"))                                      \
    }
#define AUTOSTART(entry)                                                                           \
    HOST("<propSet><name>config.autoStart</name><val xsi:type=\"HostAutoStartManagerConfig\">"     \
         "<defaults><enabled>true</enabled></defaults>" entry "</val></propSet><propSet><name>"    \
         "configManager.autoStartManager</name><val type=\"HostAutoStartManager\">"                \
         "ha-autostart-mgr</val></propSet>")
#define ENTRY(action)                                                                              \
    "<powerInfo><key type=\"VirtualMachine\">12</key><startOrder>3</startOrder><startDelay>20"     \
    "</startDelay><waitForHeartbeat>no</waitForHeartbeat><startAction>" action                     \
    "</startAction><stopDelay>30</stopDelay><stopAction>guestShutdown</stopAction></powerInfo>"
#define SET(order, action)                                                                         \
    "<_this type=\"HostAutoStartManager\">ha-autostart-mgr</_this><spec><powerInfo><key "          \
    "type=\"VirtualMachine\">12</key><startOrder>" order "</startOrder><startDelay>20"             \
    "</startDelay><waitForHeartbeat>no</waitForHeartbeat><startAction>" action                     \
    "</startAction><stopDelay>30</stopDelay><stopAction>guestShutdown</stopAction></powerInfo>"    \
    "</spec>"

static void test_onboot(void)
{
    static const struct canned canned[] = {
        LISTED,
        HOST_OF_VM,
        {ON(GET, "config.autoStart", AUTOSTART(ENTRY("powerOn"))), .times = 2},
        {ON(GET, "config.autoStart", AUTOSTART(ENTRY("none"))), .times = 2},
        {ON(GET, "config.autoStart", AUTOSTART(""))},
        {ON("ReconfigureAutostart", SET("3", "none"), "")},
        {ON("ReconfigureAutostart", SET("3", "powerOn"), "InvalidArgument"), .faultline = "order"},
        {ON("ReconfigureAutostart", SET("-1", "powerOn"), "")},
        {ON("ReconfigureAutostart", "<startDelay>-1</startDelay>", "NotSupported"),
         .faultline = "under high availability"},
    };
    BEGIN(canned);
    is_good(w->ops->set_onboot(w, 12, true, &err), &err, "on what is on");
    ok(count(&v, "CALL ReconfigureAutostart") == 0, "changes nothing");
    is_good(w->ops->set_onboot(w, 12, false, &err), &err, "off, its place kept");
    is_good(w->ops->set_onboot(w, 12, false, &err), &err, "off what is off");
    is_good(w->ops->set_onboot(w, 12, true, &err), &err, "on, at the end where it must be");
    ok(count(&v, "CALL ReconfigureAutostart") == 3, "three changes");
    ok(w->ops->set_onboot(w, 12, true, &err) < 0, "a host under high availability");
    is_error(&err, VF_E_UNSUPPORTED, "under high availability", "starts nothing by itself");
    ok(w->ops->lacks(w) == VF_ESXI_NO_ONBOOT, "and that is known from then on");
    end();
}

#define SERVICE(running)                                                                           \
    "<returnval><objects><obj type=\"HostServiceSystem\">serviceSystem</obj><propSet><name>"       \
    "serviceInfo.service</name><val xsi:type=\"ArrayOfHostService\"><HostService><key>ntpd</key>"  \
    "<running>true</running></HostService><HostService><key>TSM-SSH</key><running>" running        \
    "</running></HostService></val></propSet></objects></returnval>"

static void test_ssh(void)
{
    static const struct canned canned[] = {
        {ON(GET, "session[1]view", HOST(TEXT("name", "esx1.example")))},
        {ON(GET, "configManager.serviceSystem",
            HOST("<propSet><name>configManager.serviceSystem</name><val "
                 "type=\"HostServiceSystem\">serviceSystem</val></propSet>"))},
        {ON(GET, "serviceInfo.service", SERVICE("false")), .times = 2},
        {ON(GET, "serviceInfo.service", SERVICE("true"))},
        {ON("StartService", "<id>TSM-SSH</id>", "")},
        {ON("StopService", "<id>TSM-SSH</id>", "RestrictedVersion"), .faultline = "licence"},
    };
    BEGIN(canned);
    ok(vf_esxi_api_ssh_runs(w, "whatever", &err) == 0, "the only host is the one; SSH is off");
    is_good(vf_esxi_api_set_ssh(w, NULL, true, &err), &err, "switched on");
    ok(vf_esxi_api_ssh_runs(w, NULL, &err) == 1 && !err, "it runs");
    is_good(vf_esxi_api_set_ssh(w, NULL, true, &err), &err, "on what is on");
    ok(count(&v, "CALL StartService") == 1, "one change");
    ok(vf_esxi_api_set_ssh(w, NULL, false, &err) < 0, "a licence that forbids it");
    is_error(&err, VF_E_UNSUPPORTED, "licence", "is told");
    end();
}

int main(void)
{
    test_tasks();
    test_question();
    test_cancel();
    test_shutdown();
    test_annotate();
    test_rename();
    test_licence();
    test_onboot();
    test_ssh();
    return done_testing();
}
