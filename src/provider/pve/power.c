/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Power: what state a VM is in, and bringing it into another. */
#include "config.h"
#include "provider/pve/pve.h"
#include "base/clock.h"
#include "base/str.h"

#include <string.h>

enum { SETTLE_MS = 30 * 1000, SETTLE_STEP_MS = 500 };

enum vf_vm_state vf_pve_state_of(const json_t *status)
{
    static const struct {
        const char *word;
        enum vf_vm_state state;
    } states[] = {
        {"stopped", VF_VM_STOPPED},    {"running", VF_VM_RUNNING},  {"paused", VF_VM_PAUSED},
        {"prelaunch", VF_VM_PAUSED},   {"suspended", VF_VM_PAUSED}, {"io-error", VF_VM_PAUSED},
        {"postmigrate", VF_VM_PAUSED}, {"inmigrate", VF_VM_PAUSED},
    };
    const char *power = vf_json_text(status, "status"), *qmp = vf_json_text(status, "qmpstatus");
    /* "running" may hide "internal-error": QEMU's own word is the better one */
    const char *word = vf_streq(power, "running") && qmp ? qmp : power;
    for (size_t i = 0; i < VF_COUNT(states); i++)
        if (vf_streq(word, states[i].word))
            return states[i].state;
    return VF_VM_UNKNOWN;
}

int vf_pve_state(struct vf_provider *p, const char *node, unsigned id, enum vf_vm_state *out,
                 struct vf_error **err)
{
    vf_autofree char *path = vf_pve_path(node, "/qemu/%u/status/current", id);
    vf_autojson json_t *status = vf_pve_object(vf_pve_of(p), path, err);
    if (!status)
        return vf_fail_prefix(err, "state of VM %u", id);
    *out = vf_pve_state_of(status);
    return 0;
}

/* A VM under HA is started and stopped by the cluster's manager, some time after the task said OK.
 */
static int settle(struct vf_provider *p, const char *node, unsigned id, bool stopped, int64_t ms,
                  struct vf_error **err)
{
    int64_t start = vf_clock_ms();
    for (;;) {
        enum vf_vm_state s;
        if (vf_pve_state(p, node, id, &s, err) < 0)
            return -1;
        if (stopped ? s == VF_VM_STOPPED : s == VF_VM_RUNNING || s == VF_VM_PAUSED)
            return 0;
        if (vf_clock_ms() - start >= ms)
            return vf_fail(err, VF_E_CONFLICT, "VM %u is still %s", id, vf_vm_state_name(s));
        if (vf_cancel_sleep(vf_pve_of(p)->cancel, SETTLE_STEP_MS, err) < 0)
            return -1;
    }
}

static int shut_down(struct vf_provider *p, const char *node, unsigned id, unsigned timeout,
                     struct vf_error **err)
{
    struct vf_pve_client *c = vf_pve_of(p);
    vf_autoerror struct vf_error *why = NULL;
    vf_autofree char *path = vf_pve_path(node, "/qemu/%u/status/shutdown", id);
    vf_autoform struct vf_form form = {0};
    enum vf_vm_state s;
    if (vf_pve_state(p, node, id, &s, err) < 0)
        return -1;
    if (s == VF_VM_STOPPED) /* a repeated step; the task would fail */
        return 0;
    /* never forceStop: pulling the plug is a decision of a person */
    vf_form_addf(&form, "timeout", "%u", timeout);
    int r = vf_pve_do(c, "POST", path, &form, (int64_t)timeout * 1000, &why);
    if (r == 0)
        r = settle(p, node, id, true, SETTLE_MS + (int64_t)timeout * 1000, &why);
    if (r == 0)
        return 0;
    const char *text = vf_error_text(why);
    if ((strstr(text, "got timeout") && !strstr(text, "can't lock")) || strstr(text, "is still"))
        return vf_fail(
            err, VF_E_CONFLICT,
            "VM %u did not shut down within %u s: its guest does not answer the power button "
            "or takes longer",
            id, timeout);
    return vf_fail_with(err, VF_STEAL(why));
}

int vf_pve_power(struct vf_provider *p, const char *node, unsigned id, enum vf_power what,
                 unsigned timeout, struct vf_error **err)
{
    if (what == VF_POWER_SHUTDOWN) {
        if (shut_down(p, node, id, timeout, err) < 0)
            return vf_fail_prefix(err, "cannot shut down VM %u", id);
        return 0;
    }
    bool stop = what == VF_POWER_STOP;
    vf_autofree char *path = vf_pve_path(node, "/qemu/%u/status/%s", id, stop ? "stop" : "start");
    if (vf_pve_do(vf_pve_of(p), "POST", path, NULL, 0, err) < 0 ||
        settle(p, node, id, stop, SETTLE_MS, err) < 0)
        return vf_fail_prefix(err, "cannot %s VM %u", stop ? "stop" : "start", id);
    return 0;
}
