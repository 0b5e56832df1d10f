/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which VMs a host starts by itself (HostAutoStartManager). An entry that is switched off keeps its
 * place in the order, so that it can be switched on again as it was. */
#include "config.h"
#include "provider/esxi/api.h"
#include "provider/esxi/api_read.h"
#include "base/str.h"

static void add_as_was(struct vf_buf *b, const xmlNode *was, const char *key, const char *other)
{
    vf_autofree char *value = vf_xml_text_at(was, key);
    vf_xml_add(b, key, value ? value : other);
}

static int reconfigure(struct vf_esxi_api *a, const struct vf_moref *manager,
                       const struct vf_moref *vm, const xmlNode *was, bool ordered, bool onboot,
                       struct vf_error **err)
{
    vf_autobuf struct vf_buf args = {0};
    vf_buf_puts(&args, "<spec><powerInfo>");
    vf_moref_add(&args, "key", vm);
    add_as_was(&args, ordered ? was : NULL, "startOrder", "-1");
    add_as_was(&args, was, "startDelay", "-1");
    add_as_was(&args, was, "waitForHeartbeat", "systemDefault");
    vf_xml_add(&args, "startAction", onboot ? "powerOn" : "none");
    add_as_was(&args, was, "stopDelay", "-1");
    add_as_was(&args, was, "stopAction", "systemDefault");
    vf_buf_puts(&args, "</powerInfo></spec>");
    vf_autosoap struct vf_soap answer = {0};
    return vf_api_change(a, manager, "ReconfigureAutostart", vf_buf_str(&args), &answer, err);
}

static int set(struct vf_esxi_api *a, const struct vf_moref *vm, const struct vf_moref *host,
               bool onboot, struct vf_error **err)
{
    static const char *const paths[] = {"config.autoStart", "configManager.autoStartManager", NULL};
    vf_autosoap struct vf_soap answer = {0};
    const xmlNode *props = NULL;
    struct vf_moref manager;
    if (vf_api_properties(a, host, paths, &answer, &props, err) < 0)
        return -1;
    const xmlNode *was = vf_api_autostart(props, vm->id);
    if (vf_api_is_started(was) == onboot)
        return 0;
    if (!vf_moref_read(vf_api_value(props, "configManager.autoStartManager"), &manager))
        return vf_fail(err, VF_E_UNSUPPORTED, "%s: the host starts no VMs by itself",
                       a->way.conf->name);
    vf_autoerror struct vf_error *why = NULL;
    int r = reconfigure(a, &manager, vm, was, true, onboot, &why);
    if (r < 0 && was && vf_streq(a->fault, "InvalidArgument")) {
        vf_error_free(VF_STEAL(why));
        r = reconfigure(a, &manager, vm, was, false, onboot, &why);
    }
    vf_moref_clear(&manager);
    return r < 0 ? vf_fail_with(err, VF_STEAL(why)) : 0;
}

int vf_api_set_onboot(struct vf_esxi_way *w, unsigned id, bool onboot, struct vf_error **err)
{
    static const char *const paths[] = {"runtime.host", NULL};
    struct vf_esxi_api *a = vf_api_of(w);
    struct vf_moref vm, host = {0};
    if (vf_api_vm(a, id, &vm, err) < 0)
        return -1;
    vf_autosoap struct vf_soap answer = {0};
    vf_autoerror struct vf_error *why = NULL;
    const xmlNode *props = NULL;
    int r = vf_api_properties(a, &vm, paths, &answer, &props, &why);
    if (r == 0 && !vf_moref_read(vf_api_value(props, "runtime.host"), &host))
        r = vf_fail(&why, VF_E_UNSUPPORTED, "%s: the VM is on no host", w->conf->name);
    if (r == 0)
        r = set(a, &vm, &host, onboot, &why);
    if (r < 0 && vf_error_code(why) == VF_E_UNSUPPORTED)
        atomic_fetch_or(&a->session->lacks, VF_ESXI_NO_ONBOOT);
    vf_moref_clear(&vm);
    vf_moref_clear(&host);
    return r < 0 ? vf_fail_with(err, VF_STEAL(why)) : 0;
}
