/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an ESXi host's commands print. */
#include "config.h"
#include "provider/esxi/vimcmd.h"
#include "base/str.h"
#include "tests/unit/tap.h"

static void test_vms(void)
{
    static const char text[] =
        "Skipping invalid VM '7'\n"
        "Vmid     Name           File                              Guest OS     Version   "
        "Annotation\n"
        "12     web 01     [datastore 1] web 01/web 01.vmx   ubuntu64Guest   vmx-19   the shop\n"
        "call Ann [urgent] .vmx\n"
        "\n"
        "3 lines\n"
        "3      db [old]   [ds2] db/db.vmx.vmx   debian10_64Guest   vmx-08    \n"
        "140    plain      [ds2] p/p.vmx         otherGuest         vmx-21   12 apples\n";
    struct vf_vimcmd_vms v;
    vf_autoerror struct vf_error *err = NULL;
    ok(vf_vimcmd_vms(text, &v, &err) == 0 && v.n == 3, "three VMs");
    is_str(v.v[0].name, "web 01", "a name with a blank");
    is_str(v.v[0].datastore, "datastore 1", "so its datastore");
    is_str(v.v[0].path, "web 01/web 01.vmx", "so its path");
    is_str(v.v[0].annotation, "the shop\ncall Ann [urgent] .vmx\n\n3 lines", "lines of text");
    is_str(v.v[1].name, "db [old]", "brackets in a name");
    is_str(v.v[1].path, "db/db.vmx.vmx", "an odd path");
    is_str(v.v[1].version, "vmx-08", "the version");
    is_str(v.v[1].annotation, "", "no text");
    is_str(v.v[2].annotation, "12 apples", "text that begins with a number");
    is_str(v.v[2].guest, "otherGuest", "the system");
    ok(v.v[0].id == 12 && v.v[1].id == 3 && v.v[2].id == 140, "their numbers");
    is_str(v.invalid[0], "7", "one the host cannot read");
    vf_vimcmd_vms_clear(&v);
    ok(vf_vimcmd_vms("-sh: vim-cmd: not found\n", &v, &err) < 0 &&
           vf_error_code(err) == VF_E_CORRUPT,
       "no list");
}

static void test_complaints(void)
{
    static const struct {
        const char *text;
        int code; /* -1: none */
    } cases[] = {
        {"", -1},
        {"Powered off\n", -1},
        {"Unable to find a VM corresponding to \"99\"\n", VF_E_NOTFOUND},
        {"(vim.fault.RestrictedVersion) {\n   msg = \"x\"\n}\n", VF_E_UNSUPPORTED},
        {"Current license or ESXi version prohibits execution of the requested operation.\n",
         VF_E_UNSUPPORTED},
        {"Powering off VM:\n(vim.fault.InvalidPowerState) { }\n", VF_E_CONFLICT},
    };
    for (size_t i = 0; i < VF_COUNT(cases); i++) {
        vf_autoerror struct vf_error *err = NULL;
        int r = vf_vimcmd_check(cases[i].text, "vmsvc/x", &err);
        ok(cases[i].code < 0 ? r == 0 : r < 0 && (int)vf_error_code(err) == cases[i].code,
           "%zu: %s", i, err ? vf_error_text(err) : "nothing");
    }
}

static void test_values(void)
{
    static const char text[] =
        "Listsummary:\n\n(vim.vm.Summary) {\n   vm = 'vim.VirtualMachine:12', \n"
        "   runtime = (vim.vm.RuntimeInfo) {\n      device = (vim.vm.DeviceRuntimeInfo) [\n"
        "         (vim.vm.DeviceRuntimeInfo) {\n            key = 4000\n         }\n      ], \n"
        "      powerState = \"poweredOn\", \n      question = (vim.vm.QuestionInfo) null, \n"
        "      memoryOverhead = <unset>, \n      toolsInstallerMounted = false\n   }, \n"
        "   config = (vim.vm.Summary.ConfigSummary) {\n"
        "      name = \"a \\\"b\\\" = { c\", \n      vmPathName = \"[ds] d/x.vmx\", \n"
        "      memorySizeMB = 4096, \n      annotation = \"powerState = \\\"x\\\"\"\n   }, \n"
        "   powerState = \"not this\"\n}\n";
    static const char *const cases[][2] = {
        {"runtime.powerState", "poweredOn"},
        {"config.name", "a \"b\" = { c"},
        {"config.vmPathName", "[ds] d/x.vmx"},
        {"config.memorySizeMB", "4096"},
        {"runtime.memoryOverhead", NULL},
        {"runtime.toolsInstallerMounted", "false"},
        {"runtime.question", "null"},
        {"powerState", "not this"},
        {"config.powerState", NULL},
        {"runtime.device.key", "4000"},
        {"nothing", NULL},
    };
    for (size_t i = 0; i < VF_COUNT(cases); i++) {
        vf_autofree char *value = vf_vimcmd_value(text, cases[i][0]);
        is_str(value, cases[i][1], cases[i][0]);
    }
    vf_autofree char *none = vf_vimcmd_value("x = {{{{[[", "x.y");
    is_str(none, NULL, "cut short");
}

static void test_vlans(void)
{
    static const char text[] = "Name                Virtual Switch  Active Clients  VLAN ID\n"
                               "------------------  --------------  --------------  -------\n"
                               "Management Network  vSwitch0                     1        0\n"
                               "VM Network          vSwitch0                     3       20\n"
                               "VM                  vSwitch1                     0     4095\n";
    vf_autoerror struct vf_error *err = NULL;
    struct vf_esxcli_group *v;
    size_t n;
    ok(vf_esxcli_groups(text, &v, &n, &err) == 0 && n == 3, "every port group");
    is_str(n > 0 ? v[0].name : NULL, "Management Network", "a name with a blank");
    ok(n > 0 && v[0].vlan == 0, "... without a tag");
    is_str(n > 1 ? v[1].name : NULL, "VM Network", "the next");
    ok(n > 1 && v[1].vlan == 20, "... with a tag");
    is_str(n > 2 ? v[2].name : NULL, "VM", "a name that is the beginning of another");
    ok(n > 2 && v[2].vlan == 4095, "... with all tags");
    vf_esxcli_groups_free(v, n);
    ok(vf_esxcli_groups("", &v, &n, &err) < 0 && vf_error_code(err) == VF_E_CORRUPT && n == 0,
       "what is no list is refused");
    vf_esxcli_groups_free(v, n);
}

int main(void)
{
    test_vms();
    test_complaints();
    test_values();
    test_vlans();
    return done_testing();
}
