/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is true of a VM now. */
#include "config.h"
#include "provider/esxi/api.h"
#include "base/str.h"

enum { MAX_DEEP = 64 /* snapshots on top of each other: vSphere allows 32 */ };

/* All in a tree of VirtualMachineSnapshotTree, of which LIST ("rootSnapshotList") are the heads. */
static unsigned count_snapshots(const xmlNode *n, const char *list, unsigned deep)
{
    unsigned sum = 0;
    if (deep < MAX_DEEP)
        for (const xmlNode *s = vf_xml_child(n, list); s; s = vf_xml_next(s, list))
            sum += 1 + count_snapshots(s, "childSnapshotList", deep + 1);
    return sum;
}

static void add_address(struct vf_esxi_now *out, char *address)
{
    if (address && !vf_strv_has(out->addresses, address))
        vf_strv_add(&out->addresses, address);
    free(address);
}

static void read_addresses(const xmlNode *props, struct vf_esxi_now *out)
{
    out->addresses = vf_strv_new();
    add_address(out, vf_api_text(props, "guest.ipAddress"));
    const xmlNode *cards = vf_api_value(props, "guest.net");
    for (const xmlNode *c = vf_xml_child(cards, NULL); c; c = vf_xml_next(c, NULL))
        for (const xmlNode *i = vf_xml_child(c, "ipAddress"); i; i = vf_xml_next(i, "ipAddress"))
            add_address(out, vf_xml_text(i));
}

/* Hosts in a cluster with high availability, and logins with few rights, do not tell: no. */
static int read_onboot(struct vf_esxi_api *a, const xmlNode *props, const char *vm,
                       struct vf_esxi_now *out, struct vf_error **err)
{
    static const char *const paths[] = {"config.autoStart", NULL};
    struct vf_moref host;
    if (!vf_moref_read(vf_api_value(props, "runtime.host"), &host))
        return 0;
    vf_autosoap struct vf_soap answer = {0};
    const xmlNode *host_props = NULL;
    vf_autoerror struct vf_error *why = NULL;
    int r = vf_api_properties(a, &host, paths, &answer, &host_props, &why);
    vf_moref_clear(&host);
    if (r == 0)
        out->onboot = vf_api_autostarts(host_props, vm);
    enum vf_error_code code = vf_error_code(why);
    return r == 0 || code == VF_E_PERMISSION || code == VF_E_UNSUPPORTED || code == VF_E_NOTFOUND
               ? 0
               : vf_fail_with(err, VF_STEAL(why));
}

int vf_api_now(struct vf_esxi_way *w, unsigned id, struct vf_esxi_now *out, struct vf_error **err)
{
    static const char *const paths[] = {"runtime.powerState",
                                        "runtime.question",
                                        "runtime.host",
                                        "snapshot",
                                        "guest.toolsRunningStatus",
                                        "guest.ipAddress",
                                        "guest.net",
                                        "config.annotation",
                                        "config.changeVersion",
                                        NULL};
    struct vf_esxi_api *a = vf_api_of(w);
    struct vf_moref vm;
    vf_autosoap struct vf_soap answer = {0};
    const xmlNode *props = NULL;
    *out = (struct vf_esxi_now){0};
    if (vf_api_vm(a, id, &vm, err) < 0)
        return -1;
    int r = vf_api_properties(a, &vm, paths, &answer, &props, err);
    if (r == 0) {
        vf_autofree char *power = vf_api_text(props, "runtime.powerState");
        vf_autofree char *tools = vf_api_text(props, "guest.toolsRunningStatus");
        out->suspended = vf_streq(power, "suspended");
        out->state = vf_streq(power, "poweredOn")                      ? VF_VM_RUNNING
                     : vf_streq(power, "poweredOff") || out->suspended ? VF_VM_STOPPED
                                                                       : VF_VM_UNKNOWN;
        out->question = vf_xml_text_at(vf_api_value(props, "runtime.question"), "text");
        out->snapshots = count_snapshots(vf_api_value(props, "snapshot"), "rootSnapshotList", 0);
        out->tools =
            vf_streq(tools, "guestToolsRunning") || vf_streq(tools, "guestToolsExecutingScripts");
        out->annotation = vf_xml_content(vf_api_value(props, "config.annotation"));
        out->digest = vf_api_text(props, "config.changeVersion");
        read_addresses(props, out);
        r = read_onboot(a, props, vm.id, out, err);
    }
    vf_moref_clear(&vm);
    if (r < 0)
        vf_esxi_now_clear(out);
    return r;
}
