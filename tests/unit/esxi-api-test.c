/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The vSphere API: login and session, the inventory of hosts and vCenters, what is true of a VM. */
#include "config.h"
#include "base/clock.h"
#include "provider/esxi/soap.h"
#include "tests/unit/esxi-fixture.h"

#include <string.h>

#define PAGE(token, objects) "<returnval>" token objects "</returnval>"
#define OBJ(type, id, props) "<objects><obj type=\"" type "\">" id "</obj>" props "</objects>"
#define PROP(name, type, value)                                                                    \
    "<propSet><name>" name "</name><val xsi:type=\"" type "\">" value "</val></propSet>"
#define TEXT(name, value) PROP(name, "xsd:string", value)
#define REF(name, type, value)                                                                     \
    "<propSet><name>" name "</name><val type=\"" type "\" "                                        \
    "xsi:type=\"ManagedObjectReference\">" value "</val></propSet>"
#define OPTION(key, value)                                                                         \
    "<OptionValue xsi:type=\"OptionValue\"><key>" key                                              \
    "</key><value xsi:type=\"xsd:string\">" value "</value></OptionValue>"
#define MISSING(name, fault)                                                                       \
    "<missingSet><path>" name "</path><fault><fault xsi:type=\"" fault "\"></fault>"               \
    "<localizedMessage></localizedMessage></fault></missingSet>"

/* ------------------------------------------------------------------ answers */

static void test_answers(void)
{
    static const char *const refused[] = {
        "",
        "<html><body><p>hello</body></html>",
        "<html><body><p>hello</p></body></html>",
        "<Envelope><Body></Body></Envelope>",
        "<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><Envelope><Body><a/></Body></Envelope>",
        "<!DOCTYPE a [<!ENTITY x \"y\">]><Envelope><Body><a>&x;</a></Body></Envelope>",
    };
    for (size_t i = 0; i < VF_COUNT(refused); i++) {
        vf_autosoap struct vf_soap a = {0};
        vf_autoerror struct vf_error *err = NULL;
        ok(vf_soap_read(refused[i], strlen(refused[i]), &a, &err) < 0 &&
               vf_error_code(err) == VF_E_CORRUPT,
           "refused: %.40s", refused[i]);
    }
    static const char text[] = "<e:Envelope xmlns:e=\"x\"><e:Body><e:Fault><faultstring>why"
                               "</faultstring><detail><n:FileLockedFault xmlns:n=\"u\"/></detail>"
                               "</e:Fault></e:Body></e:Envelope>";
    vf_autosoap struct vf_soap a = {0};
    vf_autoerror struct vf_error *err = NULL;
    ok(vf_soap_read(text, strlen(text), &a, &err) == 0, "a fault without a type");
    is_str(a.fault, "FileLocked", "is called by its element");
    is_str(a.text, "why", "and has a text");
}

/* What it refers to, not of which kind its value is; the order of the two is the server's. */
static void test_references(void)
{
    static const char *const values[] = {
        "<val type=\"HostSystem\" xsi:type=\"ManagedObjectReference\">host-1</val>",
        "<val xsi:type=\"ManagedObjectReference\" type=\"HostSystem\">host-1</val>",
    };
    for (size_t i = 0; i < VF_COUNT(values); i++) {
        vf_autofree char *text =
            vf_asprintf("<e:Envelope xmlns:e=\"x\" xmlns:xsi=\"http://www.w3.org/2001/"
                        "XMLSchema-instance\"><e:Body><r><returnval>%s</returnval></r></e:Body>"
                        "</e:Envelope>",
                        values[i]);
        vf_autosoap struct vf_soap a = {0};
        struct vf_moref ref = {0};
        ok(vf_soap_read(text, strlen(text), &a, NULL) == 0 &&
               vf_moref_read(vf_xml_child(a.result, "val"), &ref),
           "a reference: %s", values[i]);
        is_str(ref.type, "HostSystem", "to a host");
        ok(vf_xml_is_a(vf_xml_child(a.result, "val"), "ManagedObjectReference") &&
               !vf_xml_is_a(vf_xml_child(a.result, "val"), "HostSystem"),
           "which is what the value is");
        vf_moref_clear(&ref);
    }
    vf_autosoap struct vf_soap plain = {0};
    static const char only[] = "<e:Envelope xmlns:e=\"x\"><e:Body><r><returnval><val "
                               "type=\"HostSystem\">host-1</val></returnval></r></e:Body>"
                               "</e:Envelope>";
    ok(vf_soap_read(only, strlen(only), &plain, NULL) == 0 &&
           !vf_xml_is_a(vf_xml_child(plain.result, "val"), "HostSystem"),
       "a type of no namespace is no xsi:type");
}

/* ------------------------------------------------------------------ login */

static void test_login(void)
{
    static struct vsphere v;
    vf_autoerror struct vf_error *err = NULL;
    SERVE(&v, ((const struct canned[]){{.method = "none"}}));
    struct vf_esxi_way *w = open_right(&v);
    is_str(w->ops->version(w), "VMware ESXi 7.0.3 build-21424296", "who is there");
    ok(!w->ops->is_vcenter(w) && !w->ops->lacks(w), "a host that lacks nothing");
    ok(v.logins == 1 && count(&v, "CALL Login") == 1, "one login");
    vf_esxi_way_free(w);
    ok(count(&v, "CALL Logout") == 1, "one logout");
    ok(!open_as(&v, "wrong", &err), "a wrong password");
    is_error(&err, VF_E_AUTH, "login of root: esx1: Login: the user name or the password is wrong",
             "is told");
    ok(count(&v, "CALL Login") == 2, "and was tried once");
    ok(!vf_esxi_api_open(&v.conf, true, "root", NULL, NULL, NULL, NULL, &err), "no password");
    is_error(&err, VF_E_AUTH, "wants a password", "is none to try");
    CHANGE(&v, v.login_fault = "InvalidLogin");
    ok(!open_as(&v, "r<i&ght", &err), "a locked account");
    is_error(&err, VF_E_AUTH, "locked <now>", "is told in the host's words too");
    bool told = false;
    vf_auto(vf_secret_free) struct vf_secret *word = vf_secret_new("x", 1);
    CHANGE(&v, v.login_fault = "cut");
    ok(!vf_esxi_api_open(&v.conf, true, "root", word, NULL, NULL, &told, &err) && told,
       "a login whose answer is lost: the password may have been seen");
    is_error(&err, VF_E_NET, "login of root", "is told");
    v.conf.urls = (char *[]){(char *)"http://127.0.0.1:1", NULL};
    ok(!vf_esxi_api_open(&v.conf, true, "root", word, NULL, NULL, &told, &err) && !told,
       "it was not where nobody listens");
    is_error(&err, VF_E_NET, "", "which is told, too");
    v.conf.urls = v.urls;
    CHANGE(&v, v.login_fault = "NoPermission");
    ok(!open_as(&v, "r<i&ght", &err), "a user without a role");
    is_error(&err, VF_E_PERMISSION, "lockdown mode", "is told what may be");
    CHANGE(&v, v.login_fault = NULL);
    CHANGE(&v, v.knows = "\"urn:vim25/5.0\"");
    w = open_right(&v);
    ok(w != NULL, "an old host is spoken to in its own version");
    vf_esxi_way_free(w);
    CHANGE(&v, v.knows = "urn:vim25/9");
    ok(!open_as(&v, "r<i&ght", &err), "one that knows none of ours");
    is_error(&err, VF_E_UNSUPPORTED, "Unsupported version", "is told so");
    vf_autofree char *elsewhere = vf_asprintf("%s/ui/", v.urls[0]);
    v.conf.urls = (char *[]){elsewhere, NULL};
    ok(!open_as(&v, "r<i&ght", &err), "a URL of something else");
    is_error(&err, VF_E_UNSUPPORTED, "/ui does not answer like the vSphere API: check the URL",
             "is told");
    drop(&v);
}

static void test_urls(void)
{
    static struct vsphere v;
    vf_autoerror struct vf_error *err = NULL;
    SERVE(&v, ((const struct canned[]){{.method = "none"}}));
    vf_autofree char *sdk = vf_asprintf("%s/sdk/", v.urls[0]);
    char *two[] = {(char *)"http://127.0.0.1:1", sdk, NULL};
    v.conf.urls = two;
    struct vf_esxi_way *w = open_right(&v);
    ok(v.logins == 1, "a URL that is down is followed by the next; /sdk is no part of it");
    vf_esxi_way_free(w);
    v.conf.urls = (char *[]){(char *)"http://192.0.2.1", NULL};
    ok(!open_as(&v, "r<i&ght", &err), "no password in the clear");
    is_error(&err, VF_E_USAGE, "must begin with https://", "is told");
    drop(&v);
}

static void test_old_tls(void)
{
    static struct vsphere v;
    vf_autoerror struct vf_error *err = NULL;
    SERVE(&v, ((const struct canned[]){{.method = "none"}}));
    struct httpd *old = httpd_start_old(handle, &v);
    v.conf.urls = (char *[]){(char *)httpd_url(old), NULL};
    v.conf.fingerprints = (char *[]){(char *)httpd_fingerprint(old), NULL};
    ok(!open_as(&v, "r<i&ght", &err), "a host with old TLS");
    is_error(&err, VF_E_UNSUPPORTED, "set old-tls = true", "is not spoken to unless told so");
    v.conf.old_tls = true;
    struct vf_esxi_way *w = open_right(&v);
    ok(v.logins == 1, "told so, it is");
    vf_esxi_way_free(w);
    v.conf.fingerprints = NULL;
    ok(!open_as(&v, "r<i&ght", &err), "a certificate that nobody knows");
    ok(err && strstr(err->text, httpd_fingerprint(old)) && strstr(err->text, ", SHA-1 "),
       "is shown as hosts show it, old and new");
    is_error(&err, VF_E_TRUST, "View Support Information", "with where to look");
    ok(v.logins == 1, "and gets no password");
    httpd_stop(old);
    drop(&v);
}

/* ------------------------------------------------------------------ VMs of a host */

static const struct canned host[] = {
    {ON("RetrievePropertiesEx", "session[1]view",
        PAGE(
            "<token>0</token>",
            OBJ("Datacenter", "ha-datacenter",
                TEXT("name", "ha-datacenter")
                    REF("parent", "Folder", "ha-folder-root")) OBJ("Folder", "ha-folder-vm",
                                                                   TEXT("name", "vm")
                                                                       REF("parent", "Datacenter",
                                                                           "ha-datacenter"))
                OBJ("HostSystem", "ha-host",
                    TEXT("name", "esx1.example") REF("parent", "ComputeResource", "ha-compute-res"))
                    OBJ("VirtualMachine", "12",
                        TEXT("name", "web%2f1 100%25") REF("parent", "Folder", "ha-folder-vm") PROP(
                            "runtime.powerState", "VirtualMachinePowerState", "poweredOn")
                            PROP("runtime.connectionState", "VirtualMachineConnectionState",
                                 "connected") REF("runtime.host", "HostSystem", "ha-host")
                                TEXT("config.files.vmPathName", "[datastore 1] web 01/web 01.vmx")
                                    PROP("config.template", "xsd:boolean",
                                         "false") TEXT("config.guestId", "debian10_64Guest")
                                        TEXT("config.annotation", "two\n lines &lt;é&gt; \n")
                                            PROP("config.hardware.memoryMB", "xsd:int", "4096")
                                                PROP("config.extraConfig", "ArrayOfOptionValue",
                                                     OPTION("nvram", "web.nvram") OPTION(
                                                         "guestOS.detailed.data",
                                                         "distroName='Debian' bitness='64'")))))},
    {ON("ContinueRetrievePropertiesEx", "<token>0</token>",
        PAGE("", OBJ("VirtualMachine", "13",
                     TEXT("name", "lost") MISSING("config.guestId", "NoPermission")
                         PROP("runtime.powerState", "VirtualMachinePowerState", "poweredOff")
                             PROP("runtime.connectionState", "VirtualMachineConnectionState",
                                  "inaccessible") REF("runtime.host", "HostSystem", "ha-host")
                                 TEXT("config.files.vmPathName", "[gone] x/x.vmx"))
                     OBJ("VirtualMachine", "14",
                         TEXT("name", "vCLS-1") PROP("config.extraConfig", "ArrayOfOptionValue",
                                                     OPTION("HDCS.agent", "TRUE")))
                         OBJ("VirtualMachine", "15",
                             TEXT("name", "tpl") REF("parent", "Folder", "ha-folder-vm")
                                 PROP("runtime.powerState", "VirtualMachinePowerState", "suspended")
                                     TEXT("config.files.vmPathName", "[d] t/t.vmtx")
                                         PROP("config.template", "xsd:boolean", "true"))))},
};

static void test_vms(void)
{
    static struct vsphere v;
    vf_autoerror struct vf_error *err = NULL;
    SERVE(&v, host);
    struct vf_esxi_way *w = open_right(&v);
    struct vf_esxi_row *r = NULL;
    size_t n = 0;
    is_good(w->ops->vms(w, &r, &n, &err), &err, "VMs in two pages");
    if (!ok(n == 3, "all but vSphere's own agent"))
        return;
    is_str(r[0].name, "web/1 100%", "name decoded");
    is_str(r[0].node, "esx1.example", "node");
    is_str(r[0].dc, "ha-datacenter", "datacenter");
    is_str(r[0].datastore, "datastore 1", "datastore");
    is_str(r[0].vmx, "web 01/web 01.vmx", "VMX file");
    is_str(r[0].guest, "debian10_64Guest", "guest");
    is_str(r[0].guest_details, "distroName='Debian' bitness='64'", "what Tools told");
    is_str(r[0].annotation, "two\n lines <\xc3\xa9> \n", "annotation with its blanks");
    ok(r[0].id == 12 && r[0].memory == 4096ULL << 20 && r[0].state == VF_VM_RUNNING &&
           !r[0].template_,
       "number, memory, state");
    ok(!r[1].vmx && !r[1].datastore && r[1].state == VF_VM_STOPPED, "one whose files are lost");
    is_str(r[1].dc, NULL, "and that hangs nowhere");
    ok(r[2].template_ && r[2].state == VF_VM_SUSPENDED, "suspended, template");
    vf_esxi_rows_free(r, n);
    ok(count(&v, "CALL DestroyView") == 1, "the view is given back");
    vf_esxi_way_free(w);
    drop(&v);
}

static const struct canned vcenter[] = {
    {ON("RetrievePropertiesEx", "session[1]view",
        PAGE("",
             OBJ("Folder", "group-d2", TEXT("name", "EU%2fDE") REF("parent", "Folder", "group-d1"))
                 OBJ("Datacenter", "dc-3", TEXT("name", "Köln") REF("parent", "Folder", "group-d2"))
                     OBJ("Datacenter", "dc-9",
                         TEXT("name", "Köln") REF("parent", "Folder", "group-d1"))
                         OBJ("Folder", "group-h4",
                             TEXT("name", "host") REF("parent", "Datacenter", "dc-3"))
                             OBJ("ClusterComputeResource", "domain-c7",
                                 TEXT("name", "c") REF("parent", "Folder", "group-h4"))
                                 OBJ("HostSystem", "host-8",
                                     TEXT("name", "esx8")
                                         REF("parent", "ClusterComputeResource", "domain-c7"))
                                     OBJ("Folder", "group-v10",
                                         TEXT("name", "ring") REF("parent", "Folder", "group-v10"))
                                         OBJ("VirtualMachine", "vm-123",
                                             TEXT("name", "in a vApp") REF("runtime.host",
                                                                           "HostSystem", "host-8")
                                                 TEXT("config.files.vmPathName", "[ds] a/a.vmx"))
                                             OBJ("VirtualMachine", "vm-4294967296",
                                                 TEXT("name", "too large a number"))
                                                 OBJ("VirtualMachine", "vm-7",
                                                     TEXT("name", "ring")
                                                         REF("parent", "Folder", "group-v10"))))},
};

static void test_vcenter(void)
{
    static struct vsphere v;
    vf_autoerror struct vf_error *err = NULL;
    SERVE(&v, vcenter);
    v.vcenter = true;
    struct vf_esxi_way *w = open_right(&v);
    struct vf_esxi_row *r = NULL;
    size_t n = 0;
    ok(w->ops->is_vcenter(w), "a vCenter");
    is_good(w->ops->vms(w, &r, &n, &err), &err, "its VMs");
    if (!ok(n == 2, "those that have numbers"))
        return;
    ok(r[0].id == 123, "number");
    is_str(r[0].dc, "EU%2fDE/K\xc3\xb6ln", "datacenter of a VM in a vApp, found by its host");
    is_str(r[0].node, "esx8", "host");
    ok(!r[1].dc, "a ring of folders ends");
    vf_esxi_rows_free(r, n);
    vf_esxi_way_free(w);
    drop(&v);
}

/* ------------------------------------------------------------------ one VM */

static const char vm_row[] = PAGE("", OBJ("VirtualMachine", "12", TEXT("name", "web")));

static const struct canned now[] = {
    {ON("RetrievePropertiesEx", "session[1]view", vm_row)},
    {ON("RetrievePropertiesEx", "<obj type=\"VirtualMachine\">12</obj>",
        PAGE(
            "",
            OBJ("VirtualMachine", "12",
                PROP("runtime.powerState", "VirtualMachinePowerState", "poweredOn") PROP(
                    "runtime.question", "VirtualMachineQuestionInfo",
                    "<id>1</id><text>msg.uuid.altered: moved or copied?</text><choice></choice>")
                    REF("runtime.host", "HostSystem", "ha-host") PROP(
                        "snapshot", "VirtualMachineSnapshotInfo",
                        "<currentSnapshot type=\"VirtualMachineSnapshot\">3</currentSnapshot>"
                        "<rootSnapshotList><name>a</name><childSnapshotList><name>b</name>"
                        "</childSnapshotList><childSnapshotList><name>c</name></childSnapshotList>"
                        "</rootSnapshotList>") TEXT("guest.toolsRunningStatus", "guestToolsRunning")
                        TEXT("guest.ipAddress", "192.0.2.7") PROP(
                            "guest.net", "ArrayOfGuestNicInfo",
                            "<GuestNicInfo><ipAddress>192.0.2.7</ipAddress><ipAddress>2001:db8::7"
                            "</ipAddress></GuestNicInfo><GuestNicInfo></GuestNicInfo>")
                            TEXT("config.annotation", "note")
                                TEXT("config.changeVersion", "2026-11-21T10:00:00.123Z"))))},
    {ON("RetrievePropertiesEx", "<obj type=\"HostSystem\">ha-host</obj>",
        PAGE("",
             OBJ("HostSystem", "ha-host",
                 PROP("config.autoStart", "HostAutoStartManagerConfig",
                      "<defaults><enabled>true</enabled></defaults>"
                      "<powerInfo><key type=\"VirtualMachine\">9</key><startAction>none"
                      "</startAction></powerInfo>"
                      "<powerInfo><key type=\"VirtualMachine\">12</key><startOrder>2</startOrder>"
                      "<startAction>PowerOn</startAction></powerInfo>")))),
     .times = 1},
    {ON("RetrievePropertiesEx", "<obj type=\"HostSystem\">ha-host</obj>", "NoPermission"),
     .faultline = "no"},
};

static void test_now(void)
{
    static struct vsphere v;
    vf_autoerror struct vf_error *err = NULL;
    SERVE(&v, now);
    struct vf_esxi_way *w = open_right(&v);
    struct vf_esxi_now s;
    is_good(w->ops->now(w, 12, &s, &err), &err, "a VM that was not listed before");
    ok(s.state == VF_VM_RUNNING && s.tools && s.onboot && s.snapshots == 3,
       "state, Tools, autostart, snapshots");
    is_str(s.question, "msg.uuid.altered: moved or copied?", "the question");
    is_str(s.annotation, "note", "annotation");
    is_str(s.digest, "2026-11-21T10:00:00.123Z", "digest");
    ok(vf_strv_len(s.addresses) == 2, "two addresses, one of them told twice");
    is_str(s.addresses ? s.addresses[1] : NULL, "2001:db8::7", "the second");
    vf_esxi_now_clear(&s);
    is_good(w->ops->now(w, 12, &s, &err), &err, "a login that may not see the host");
    ok(!s.onboot && s.tools, "sees the rest");
    vf_esxi_now_clear(&s);
    ok(w->ops->now(w, 99, &s, &err) < 0, "no such VM");
    is_error(&err, VF_E_NOTFOUND, "there is no VM 99", "is not found");
    vf_esxi_way_free(w);
    drop(&v);
}

/* ------------------------------------------------------------------ port groups */

static const struct canned groups[] = {
    {ON("RetrievePropertiesEx", "<type>HostSystem</type><pathSet>name<",
        PAGE("", OBJ("HostSystem", "host-8", TEXT("name", "esx8"))
                     OBJ("HostSystem", "host-9", TEXT("name", "esx9"))))},
    {ON("RetrievePropertiesEx", "<obj type=\"HostSystem\">host-9</obj>",
        PAGE("", OBJ("HostSystem", "host-9",
                     PROP("config.network.portgroup", "ArrayOfHostPortGroup",
                          "<HostPortGroup><spec><name>VM Network</name><vlanId>0</vlanId></spec>"
                          "</HostPortGroup><HostPortGroup><spec><name>dmz &amp; co</name><vlanId>42"
                          "</vlanId></spec></HostPortGroup><HostPortGroup><spec><name>trunk</name>"
                          "<vlanId>4095</vlanId></spec></HostPortGroup>")
                         PROP("network", "ArrayOfManagedObjectReference",
                              "<ManagedObjectReference type=\"Network\">network-1"
                              "</ManagedObjectReference><ManagedObjectReference "
                              "type=\"DistributedVirtualPortgroup\">dvportgroup-5"
                              "</ManagedObjectReference><ManagedObjectReference "
                              "type=\"DistributedVirtualPortgroup\">dvportgroup-6"
                              "</ManagedObjectReference>"))))},
#define VLAN(type, value)                                                                          \
    PROP("config", "DVPortgroupConfigInfo",                                                        \
         "<defaultPortConfig xsi:type=\"VMwareDVSPortSetting\"><vlan xsi:type=\"" type "\">"       \
         "<inherited>false</inherited><vlanId>" value "</vlanId></vlan></defaultPortConfig>")
    {ON("RetrievePropertiesEx", "<type>DistributedVirtualPortgroup</type>",
        PAGE("",
             OBJ("DistributedVirtualPortgroup", "dvportgroup-5",
                 TEXT("name", "pl%2fain") VLAN("VmwareDistributedVirtualSwitchVlanIdSpec", "77"))
                 OBJ("DistributedVirtualPortgroup", "dvportgroup-6",
                     TEXT("name", "range") VLAN("VmwareDistributedVirtualSwitchTrunkVlanSpec",
                                                "<start>1</start><end>9</end>"))
                     OBJ("DistributedVirtualPortgroup", "dvportgroup-7",
                         TEXT("name", "of others")
                             VLAN("VmwareDistributedVirtualSwitchVlanIdSpec", "5"))))},
};

static void test_portgroups(void)
{
    static struct vsphere v;
    vf_autoerror struct vf_error *err = NULL;
    SERVE(&v, groups);
    v.vcenter = true;
    struct vf_esxi_way *w = open_right(&v);
    struct vf_esxi_portgroup *g = NULL;
    size_t n = 0;
    is_good(w->ops->portgroups(w, "esx9", &g, &n, &err), &err, "port groups");
    static const struct vf_esxi_portgroup want[] = {{(char *)"VM Network", NULL, 0},
                                                    {(char *)"dmz & co", NULL, 42},
                                                    {(char *)"trunk", NULL, 4095},
                                                    {(char *)"pl/ain", (char *)"dvportgroup-5", 77},
                                                    {(char *)"range", (char *)"dvportgroup-6", -1}};
    ok(n == VF_COUNT(want), "five of them");
    for (size_t i = 0; i < n && i < VF_COUNT(want); i++)
        ok(vf_streq(g[i].name, want[i].name) && vf_streq(g[i].key, want[i].key) &&
               g[i].vlan == want[i].vlan,
           "%s", want[i].name);
    vf_esxi_portgroups_free(g, n);
    ok(w->ops->portgroups(w, "esx10", &g, &n, &err) < 0, "those of a host that is not there");
    is_error(&err, VF_E_NOTFOUND, "there is no host esx10", "are not found");
    vf_esxi_way_free(w);
    drop(&v);
}

/* ------------------------------------------------------------------ sessions that end */

static const struct canned ending[] = {
    {ON("RetrievePropertiesEx", "session[1]view", vm_row), .times = 1},
    /* the second listing: the session ends behind its first page */
    {ON("RetrievePropertiesEx", "session[1]view",
        PAGE("<token>1</token>", OBJ("VirtualMachine", "12", TEXT("name", "old")))),
     .times = 1, .ends_session = true},
    {ON("RetrievePropertiesEx", "session[1]view", vm_row), .times = 1},
    /* the third: known, but everything is missing for want of a login */
    {ON("RetrievePropertiesEx", "session[1]view",
        PAGE("", OBJ("VirtualMachine", "12", MISSING("name", "NotAuthenticated")))),
     .times = 1},
    {ON("RetrievePropertiesEx", "session[1]view", vm_row)},
};

static void test_session(void)
{
    static struct vsphere v;
    vf_autoerror struct vf_error *err = NULL;
    SERVE(&v, ending);
    struct vf_esxi_way *w = open_right(&v);
    for (unsigned i = 1; i <= 3; i++) {
        struct vf_esxi_row *r = NULL;
        size_t n = 0;
        is_good(w->ops->vms(w, &r, &n, &err), &err, "a listing");
        ok(n == 1 && vf_streq(r[0].name, "web"), "whole, and each VM once");
        ok(v.logins == i, "by %u logins", i);
        vf_esxi_rows_free(r, n);
    }
    struct vf_esxi_row *r = NULL;
    size_t n = 0;
    unsigned before = count(&v, "CALL Login");
    CHANGE(&v, v.forgetful = true);
    ok(w->ops->vms(w, &r, &n, &err) < 0, "a host that knows no session it has given");
    is_error(&err, VF_E_AUTH, "forgets the session", "is told");
    ok(count(&v, "CALL Login") == before + 1, "after one more login");
    CHANGE(&v, v.forgetful = false);
    CHANGE(&v, v.login_fault = "InvalidLogin");
    CHANGE(&v, v.ended = true);
    ok(w->ops->vms(w, &r, &n, &err) < 0, "the password was changed meanwhile");
    is_error(&err, VF_E_AUTH, "wrong, or the account is locked", "is told");
    struct vf_esxi_way *t = w->ops->twin(w, &err);
    ok(w->ops->vms(w, &r, &n, &err) < 0, "again");
    is_error(&err, VF_E_AUTH, "wrong, or the account is locked", "is told again");
    ok(t->ops->vms(t, &r, &n, &err) < 0, "and to the twin");
    is_error(&err, VF_E_AUTH, "wrong, or the account is locked", "too");
    ok(count(&v, "CALL Login") == before + 2, "but never tried again");
    vf_esxi_way_free(t);
    vf_esxi_way_free(w);
    drop(&v);
}

static void test_keep_alive(void)
{
    static struct vsphere v;
    vf_autoerror struct vf_error *err = NULL;
    static const struct vf_esxi_file f = {NULL, "ds", "x"};
    char byte;
    SERVE(&v, ((const struct canned[]){{.method = "none"}}));
    int64_t start = vf_clock_ms();
    struct vf_esxi_way *w = open_right(&v);
    for (unsigned i = 0; i < 5; i++)
        w->ops->read(w, &f, &byte, 1, i, &err);
    ok(count(&v, "CALL CurrentTime") == 0 || vf_clock_ms() - start > 1000,
       "a session in use is let be");
    for (unsigned i = 0; i < 200 && !err && !count(&v, "CALL CurrentTime"); i++) {
        w->ops->read(w, &f, &byte, 1, i, &err);
        usleep(50 * 1000);
    }
    ok(!err && count(&v, "CALL CurrentTime") == 1, "reading files alone keeps it alive");
    ok(v.logins == 1, "without a login");
    vf_esxi_way_free(w);
    drop(&v);
}

int main(void)
{
    setenv("VMFERRY_TEST_HASTE", "1000", 1); /* 25 minutes are 1.5 s */
    test_answers();
    test_references();
    test_login();
    test_urls();
    test_old_tls();
    test_vms();
    test_vcenter();
    test_now();
    test_portgroups();
    test_session();
    test_keep_alive();
    return done_testing();
}
