/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What changes a VM: calls that begin a task, and waiting for it. */
#include "config.h"
#include "provider/esxi/api.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"

#include <string.h>

enum {
    FIRST_LOOK_MS = 100, /* at a task; then twice as long, … */
    MOST_LOOK_MS = 2000, /* … at most */
    ALL = VF_ESXI_NO_ANNOTATE | VF_ESXI_NO_RENAME | VF_ESXI_NO_ONBOOT | VF_ESXI_NO_POWER
};

int vf_api_change(struct vf_esxi_api *a, const struct vf_moref *self, const char *method,
                  const char *args, struct vf_soap *out, struct vf_error **err)
{
    int r = vf_api_call(a, self, method, args, false, out, err);
    if (r < 0 && vf_streq(a->fault, "RestrictedVersion"))
        atomic_fetch_or(&a->session->lacks, ALL);
    return r;
}

/* ------------------------------------------------------------------ tasks */

/* The VM waits for a person: the task would never end. */
static int check_question(struct vf_esxi_api *a, const struct vf_moref *vm, struct vf_error **err)
{
    static const char *const paths[] = {"runtime.question", NULL};
    vf_autosoap struct vf_soap answer = {0};
    const xmlNode *props = NULL;
    if (vf_api_properties(a, vm, paths, &answer, &props, err) < 0)
        return -1;
    vf_autofree char *text = vf_xml_text_at(vf_api_value(props, "runtime.question"), "text");
    if (!text)
        return 0;
    vf_autofree char *said = vf_escape_n(text, strnlen(text, 400));
    return vf_fail(err, VF_E_CONFLICT,
                   "%s: the VM waits for an answer: %s (give it in the host's own client)",
                   a->way.conf->name, said);
}

/* 1: it has ended well, 0: it has not ended. */
static int look_at_task(struct vf_esxi_api *a, const struct vf_moref *task, struct vf_error **err)
{
    static const char *const paths[] = {"info.state", "info.error", NULL};
    vf_autosoap struct vf_soap answer = {0};
    const xmlNode *props = NULL;
    if (vf_api_properties(a, task, paths, &answer, &props, err) < 0)
        return -1;
    vf_autofree char *state = vf_api_text(props, "info.state");
    if (vf_streq(state, "success"))
        return 1;
    if (!vf_streq(state, "error"))
        return 0;
    vf_autofree char *fault = NULL, *text = NULL;
    vf_soap_fault_at(vf_api_value(props, "info.error"), &fault, &text);
    if (vf_streq(fault, "RestrictedVersion"))
        atomic_fetch_or(&a->session->lacks, ALL);
    free(a->fault);
    a->fault = vf_strdup(fault);
    vf_soap_fail(fault, text, NULL, err);
    return vf_fail_prefix(err, "%s", a->way.conf->name);
}

/* Waits for the task TASK; LIMIT_MS 0: as long as it takes. An outage is ridden out: the task goes
 * on without us. */
static int wait_for(struct vf_esxi_api *a, const struct vf_moref *task, const struct vf_moref *vm,
                    int limit_ms, struct vf_error **err)
{
    int64_t start = vf_clock_awake_ms(), good = start;
    int pause = FIRST_LOOK_MS, r = 0;
    while (r == 0) {
        vf_autoerror struct vf_error *why = NULL;
        r = look_at_task(a, task, &why);
        if (r == 0 && pause >= MOST_LOOK_MS)
            r = check_question(a, vm, &why);
        int64_t now = vf_clock_awake_ms();
        bool outage = r < 0 && vf_error_is_transient(why);
        if (!outage)
            good = now;
        if (outage && now - good < vf_clock_limit(VF_T_RECONNECT))
            r = 0;
        else if (r < 0)
            vf_fail_with(err, VF_STEAL(why));
        else if (r == 0 && limit_ms && now - start > vf_clock_limit(limit_ms))
            r = vf_fail(err, VF_E_CONFLICT, "%s: the host's task has not ended for too long",
                        a->way.conf->name);
        if (r == 0 && vf_cancel_sleep(a->cancel, pause, err) < 0)
            r = -1;
        pause = pause * 2 < MOST_LOOK_MS ? pause * 2 : MOST_LOOK_MS;
    }
    return r < 0 ? -1 : 0;
}

/* The task that a call answered with. */
static int wait_for_task(struct vf_esxi_api *a, const struct vf_soap *call,
                         const struct vf_moref *vm, int limit_ms, struct vf_error **err)
{
    struct vf_moref task;
    if (!vf_moref_read(call->result, &task))
        return vf_fail(err, VF_E_CORRUPT, "%s: the host began no task", a->way.conf->name);
    int r = wait_for(a, &task, vm, limit_ms, err);
    vf_moref_clear(&task);
    return r;
}

/* What a host does not tell this login (or has forgotten) keeps nothing from being done: 0. */
static int unless_unknown(struct vf_error *why, struct vf_error **err)
{
    if (vf_error_is_transient(why) || vf_error_code(why) == VF_E_CANCELLED)
        return vf_fail_with(err, why);
    vf_info("esxi", "not known: %s", vf_error_text(why));
    vf_error_free(why);
    return 0;
}

/* Is TASK one that writes a VM's snapshots into its disks, and has it not ended? One that the host
 * has forgotten has. */
static int consolidates(struct vf_esxi_api *a, const struct vf_moref *task, struct vf_error **err)
{
    static const char *const paths[] = {"info.state", "info.descriptionId", NULL};
    static const char *const words[] = {"removeSnapshot", "removeAllSnapshots", "consolidateDisks"};
    vf_autosoap struct vf_soap answer = {0};
    vf_autoerror struct vf_error *why = NULL;
    const xmlNode *props = NULL;
    if (vf_api_properties(a, task, paths, &answer, &props, &why) < 0)
        return unless_unknown(VF_STEAL(why), err);
    vf_autofree char *state = vf_api_text(props, "info.state");
    vf_autofree char *what = vf_api_text(props, "info.descriptionId");
    bool ours = false;
    for (size_t i = 0; i < VF_COUNT(words); i++)
        ours = ours || (what && strcasestr(what, words[i]));
    return ours && (vf_streq(state, "running") || vf_streq(state, "queued"));
}

/* A task that somebody began before, who may be gone: while it runs the host does nothing else with
 * the VM, and its disks are not what they will be. How it ends shows in what comes next. */
static int settle(struct vf_esxi_api *a, const struct vf_moref *vm, struct vf_error **err)
{
    static const char *const paths[] = {"recentTask", NULL};
    vf_autosoap struct vf_soap answer = {0};
    vf_autoerror struct vf_error *unknown = NULL;
    const xmlNode *props = NULL;
    if (vf_api_properties(a, vm, paths, &answer, &props, &unknown) < 0)
        return unless_unknown(VF_STEAL(unknown), err);
    const xmlNode *list = vf_api_value(props, "recentTask");
    for (const xmlNode *n = vf_xml_child(list, NULL); n; n = vf_xml_next(n, NULL)) {
        struct vf_moref task;
        vf_autoerror struct vf_error *why = NULL;
        if (!vf_moref_read(n, &task))
            continue;
        int r = consolidates(a, &task, err);
        if (r > 0) {
            vf_info("esxi", "%s: waiting for a task that removes snapshots", a->way.conf->name);
            if (wait_for(a, &task, vm, 0, &why) < 0 &&
                (vf_error_is_transient(why) || vf_error_code(why) == VF_E_CANCELLED))
                r = vf_fail_with(err, VF_STEAL(why));
        }
        vf_moref_clear(&task);
        if (r < 0)
            return -1;
    }
    return 0;
}

static int run_task(struct vf_esxi_api *a, const struct vf_moref *vm, const char *method,
                    const char *args, int limit_ms, struct vf_error **err)
{
    vf_autosoap struct vf_soap answer = {0};
    if (vf_api_change(a, vm, method, args, &answer, err) < 0)
        return -1;
    return wait_for_task(a, &answer, vm, limit_ms, err);
}

/* ------------------------------------------------------------------ power */

static int power_state(struct vf_esxi_api *a, const struct vf_moref *vm, char **state,
                       struct vf_error **err)
{
    static const char *const paths[] = {"runtime.powerState", NULL};
    vf_autosoap struct vf_soap answer = {0};
    const xmlNode *props = NULL;
    *state = NULL;
    if (vf_api_properties(a, vm, paths, &answer, &props, err) < 0)
        return -1;
    *state = vf_api_text(props, "runtime.powerState");
    return 0;
}

/* Is it in STATE already? Who asked twice finds it so. */
static bool is_in(struct vf_esxi_api *a, const struct vf_moref *vm, const char *state)
{
    vf_autofree char *is = NULL;
    return power_state(a, vm, &is, NULL) == 0 && vf_streq(is, state);
}

static int shut_down(struct vf_esxi_api *a, const struct vf_moref *vm, unsigned timeout,
                     struct vf_error **err)
{
    vf_autosoap struct vf_soap answer = {0};
    int64_t start = vf_clock_awake_ms(), good = start;
    int pause = FIRST_LOOK_MS;
    if (vf_api_change(a, vm, "ShutdownGuest", "", &answer, err) < 0)
        return -1;
    for (;;) {
        vf_autoerror struct vf_error *why = NULL;
        vf_autofree char *state = NULL;
        int64_t now = vf_clock_awake_ms();
        if (power_state(a, vm, &state, &why) == 0)
            good = now;
        else if (!vf_error_is_transient(why) || now - good > vf_clock_limit(VF_T_RECONNECT))
            return vf_fail_with(err, VF_STEAL(why));
        if (vf_streq(state, "poweredOff"))
            return 0;
        if (state && now - start >= (int64_t)timeout * 1000)
            return vf_fail(err, VF_E_CONFLICT, "%s: the VM has not shut down within %u s",
                           a->way.conf->name, timeout);
        if (vf_cancel_sleep(a->cancel, pause, err) < 0)
            return -1;
        pause = pause * 2 < MOST_LOOK_MS ? pause * 2 : MOST_LOOK_MS;
    }
}

int vf_api_power(struct vf_esxi_way *w, unsigned id, enum vf_esxi_power what, unsigned timeout,
                 struct vf_error **err)
{
    static const char *const calls[] = {
        [VF_ESXI_ON] = "PowerOnVM_Task", [VF_ESXI_OFF] = "PowerOffVM_Task"};
    struct vf_esxi_api *a = vf_api_of(w);
    const char *wanted = what == VF_ESXI_ON ? "poweredOn" : "poweredOff";
    struct vf_moref vm;
    if (vf_api_vm(a, id, &vm, err) < 0)
        return -1;
    vf_autoerror struct vf_error *why = NULL;
    int r = what == VF_ESXI_ON ? settle(a, &vm, &why) : 0;
    if (r == 0)
        r = what == VF_ESXI_SHUTDOWN ? shut_down(a, &vm, timeout, &why)
                                     : run_task(a, &vm, calls[what], "", VF_T_TASK, &why);
    if (r < 0 && vf_streq(a->fault, "InvalidPowerState") && is_in(a, &vm, wanted))
        r = 0;
    vf_moref_clear(&vm);
    return r < 0 ? vf_fail_with(err, VF_STEAL(why)) : 0;
}

/* ------------------------------------------------------------------ settings */

/* Is the property PATH of VM TEXT? One that it has not is "". */
static bool is_set(struct vf_esxi_api *a, const struct vf_moref *vm, const char *path,
                   const char *text)
{
    const char *const paths[] = {path, NULL};
    vf_autosoap struct vf_soap answer = {0};
    const xmlNode *props = NULL;
    if (vf_api_properties(a, vm, paths, &answer, &props, NULL) < 0)
        return false;
    vf_autofree char *is = vf_xml_content(vf_api_value(props, path));
    return vf_streq(is ? is : "", text);
}

int vf_api_annotate(struct vf_esxi_way *w, unsigned id, const char *text, const char *digest,
                    struct vf_error **err)
{
    struct vf_esxi_api *a = vf_api_of(w);
    struct vf_moref vm;
    if (vf_api_vm(a, id, &vm, err) < 0)
        return -1;
    vf_autobuf struct vf_buf args = {0};
    vf_buf_puts(&args, "<spec>");
    if (digest)
        vf_xml_add(&args, "changeVersion", digest);
    vf_xml_add(&args, "annotation", text);
    vf_buf_puts(&args, "</spec>");
    vf_autoerror struct vf_error *why = NULL;
    int r = run_task(a, &vm, "ReconfigVM_Task", vf_buf_str(&args), VF_T_TASK, &why);
    bool raced = r < 0 && vf_streq(a->fault, "ConcurrentAccess");
    if (raced && is_set(a, &vm, "config.annotation", text)) /* ours, the answer to which was lost */
        r = 0;
    vf_moref_clear(&vm);
    if (r < 0 && raced)
        return vf_fail(err, VF_E_CONFLICT,
                       "%s: somebody has changed the VM's settings since they were read",
                       w->conf->name);
    return r < 0 ? vf_fail_with(err, VF_STEAL(why)) : 0;
}

/* ManagedEntity.name has these percent-encoded. */
static char *encode_name(const char *name)
{
    struct vf_buf b = {0};
    for (const char *p = name; *p; p++)
        if (*p == '%' || *p == '/' || *p == '\\')
            vf_buf_printf(&b, "%%%02x", (unsigned char)*p);
        else
            vf_buf_add(&b, p, 1);
    return vf_buf_take(&b);
}

/* To the name it has is refused: who undoes several changes of it need not know which are. */
int vf_api_rename(struct vf_esxi_way *w, unsigned id, const char *name, struct vf_error **err)
{
    struct vf_esxi_api *a = vf_api_of(w);
    struct vf_moref vm;
    if (vf_api_vm(a, id, &vm, err) < 0)
        return -1;
    vf_autofree char *safe = encode_name(name);
    vf_autobuf struct vf_buf args = {0};
    vf_xml_add(&args, "newName", safe);
    int r = is_set(a, &vm, "name", safe)
                ? 0
                : run_task(a, &vm, "Rename_Task", vf_buf_str(&args), VF_T_TASK, err);
    vf_moref_clear(&vm);
    return r;
}

int vf_api_drop_snapshots(struct vf_esxi_way *w, unsigned id, struct vf_error **err)
{
    struct vf_esxi_api *a = vf_api_of(w);
    struct vf_moref vm;
    if (vf_api_vm(a, id, &vm, err) < 0)
        return -1;
    /* writing the changes back into a large disk takes hours */
    int r = settle(a, &vm, err);
    if (r == 0)
        r = run_task(a, &vm, "RemoveAllSnapshots_Task", "<consolidate>true</consolidate>", 0, err);
    vf_moref_clear(&vm);
    return r;
}
