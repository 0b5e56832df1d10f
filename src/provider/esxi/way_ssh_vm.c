/* SPDX-License-Identifier: GPL-3.0-or-later */
/* VMs by vim-cmd. Each of its calls takes the host the better part of a second, and its exit status
 * means little: several go in one command, and their words are read. */
#include "config.h"
#include "base/clock.h"
#include "base/str.h"
#include "provider/esxi/vimcmd.h"
#include "provider/esxi/way_ssh.h"

#include <string.h>

enum { POLL_FIRST_MS = 250, POLL_MS = 2000, START_MS = 120 * 1000 };

static struct vf_esxi_ssh *ssh_way(struct vf_esxi_way *w)
{
    return (struct vf_esxi_ssh *)w;
}

/* ---- several calls in one command ---- */

/* Each call's output stands behind a line "MARK NUMBER", and ends with a line "MARK end";
 * the mark is random, because notes may hold any line. */
struct calls {
    char *mark, *text;
    struct vf_buf script;
    unsigned n;
};

static void calls_begin(struct calls *c)
{
    *c = (struct calls){.mark = vf_random_hex(12)};
}

static void calls_clear(struct calls *c)
{
    free(c->mark);
    free(c->text);
    vf_buf_free(&c->script);
}

static void calls_add(struct calls *c, const char *fmt, ...) VF_PRINTF(2, 3);
static void calls_add(struct calls *c, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vf_autofree char *call = vf_vasprintf(fmt, ap);
    va_end(ap);
    vf_buf_printf(&c->script, "echo '%s %u'; %s 2>&1; echo; echo '%s end'\n", c->mark, c->n++, call,
                  c->mark);
}

static int calls_run(struct calls *c, struct vf_esxi_ssh *s, struct vf_error **err)
{
    struct vf_esxi_said said;
    if (vf_esxi_ssh_run(s, vf_buf_str(&c->script), NULL, VF_ESXI_MAX_TEXT, NULL, &said, err) < 0)
        return -1;
    c->text = vf_strdup(vf_buf_str(&said.out));
    vf_esxi_said_free(&said);
    return 0;
}

/* What call NUMBER printed, never NULL; caller frees. */
static char *calls_text(const struct calls *c, unsigned number)
{
    vf_autofree char *head = vf_asprintf("%s %u\n", c->mark, number);
    vf_autofree char *tail = vf_asprintf("\n%s end", c->mark);
    const char *at = strstr(c->text, head);
    if (!at)
        return vf_strdup("");
    at += strlen(head);
    const char *end = strstr(at, tail);
    return end ? vf_strndup(at, (size_t)(end - at)) : vf_strdup(at);
}

/* The output of one call of vim-cmd, whatever it says; NULL with *err. */
static char *output(struct vf_esxi_ssh *s, const char *what, int *status, struct vf_error **err)
{
    struct vf_esxi_said said;
    vf_autofree char *command = vf_asprintf("vim-cmd %s 2>&1", what);
    if (vf_esxi_ssh_run(s, command, NULL, VF_ESXI_MAX_TEXT, NULL, &said, err) < 0)
        return NULL;
    char *text = vf_strdup(vf_buf_str(&said.out));
    *status = said.status;
    vf_esxi_said_free(&said);
    return text;
}

/* Fails as TEXT complains, or says that it is not what was asked for. */
static int complain(const char *text, const char *what, int status, struct vf_error **err)
{
    if (vf_vimcmd_check(text, what, err) < 0)
        return -1;
    vf_autofree char *line = vf_escape_n(text, strcspn(text, "\n"));
    return vf_fail(err, status ? VF_E_CONFLICT : VF_E_CORRUPT,
                   "vim-cmd %s says '%s' (exit status %d)", what, line, status);
}

/* The same of a call that prints nothing that people have written. NULL with what it complains of.
 */
static char *vim_cmd(struct vf_esxi_ssh *s, const char *what, struct vf_error **err)
{
    int status;
    vf_autofree char *text = output(s, what, &status, err);
    if (!text)
        return NULL;
    if (status)
        complain(text, what, status, err);
    return status || vf_vimcmd_check(text, what, err) < 0 ? NULL : VF_STEAL(text);
}

/* ---- what there is ---- */

static enum vf_vm_state read_state(const char *summary)
{
    static const struct {
        const char *word;
        enum vf_vm_state state;
    } words[] = {{"poweredOn", VF_VM_RUNNING},
                 {"poweredOff", VF_VM_STOPPED},
                 {"suspended", VF_VM_SUSPENDED}};
    vf_autofree char *word = vf_vimcmd_value(summary, "runtime.powerState");
    for (size_t i = 0; i < VF_COUNT(words); i++)
        if (vf_streq(word, words[i].word))
            return words[i].state;
    return VF_VM_UNKNOWN;
}

static void fill_row(struct vf_esxi_row *r, const char *summary)
{
    vf_autofree char *template = vf_vimcmd_value(summary, "config.template");
    vf_autofree char *memory = vf_vimcmd_value(summary, "config.memorySizeMB");
    uint64_t mib;
    r->state = read_state(summary);
    r->template_ = vf_streq(template, "true");
    r->guest_details = vf_vimcmd_value(summary, "guest.guestFullName");
    if (memory && vf_parse_u64(memory, 0, UINT32_MAX, &mib) == 0)
        r->memory = mib << 20;
}

/* vSphere's own agents, which it makes again as often as somebody takes one away. */
static bool is_agent(const char *name)
{
    return vf_starts(name, "vCLS-") || vf_starts(name, "vCLS (");
}

static void add_rows(const struct vf_esxi_ssh *s, const struct vf_vimcmd_vms *list,
                     struct vf_esxi_row **out, size_t *n)
{
    for (size_t i = 0; i < list->n; i++) {
        const struct vf_vimcmd_vm *v = &list->v[i];
        if (is_agent(v->name))
            continue;
        struct vf_esxi_row *r = vf_grow(out, n, sizeof *r);
        *r = (struct vf_esxi_row){
            .id = v->id,
            .name = vf_strdup(v->name),
            .node = vf_strdup(s->login->node),
            .datastore = vf_strdup(v->datastore),
            .vmx = vf_strdup(v->path),
            .guest = vf_strdup(v->guest),
            .annotation = vf_strdup(v->annotation),
        };
    }
    for (char **k = list->invalid; k && *k; k++) {
        uint64_t id;
        if (vf_parse_u64(*k, 1, 1 << 30, &id) < 0)
            continue;
        struct vf_esxi_row *r = vf_grow(out, n, sizeof *r);
        *r = (struct vf_esxi_row){
            .id = (unsigned)id,
            .name = vf_asprintf("(VM %u, which the host cannot read)", (unsigned)id),
            .node = vf_strdup(s->login->node)};
    }
}

int vf_esxi_ssh_vms(struct vf_esxi_way *w, struct vf_esxi_row **out, size_t *n,
                    struct vf_error **err)
{
    struct vf_esxi_ssh *s = ssh_way(w);
    *out = NULL;
    *n = 0;
    int status;
    vf_autofree char *text = output(s, "vmsvc/getallvms", &status, err);
    struct vf_vimcmd_vms list;
    if (!text)
        return -1;
    if (vf_vimcmd_vms(text, &list, NULL) < 0)
        return complain(text, "vmsvc/getallvms", status, err);
    add_rows(s, &list, out, n);
    vf_vimcmd_vms_clear(&list);
    struct calls c;
    calls_begin(&c);
    for (size_t i = 0; i < *n; i++)
        calls_add(&c, "vim-cmd vmsvc/get.summary %u", (*out)[i].id);
    int rc = *n ? calls_run(&c, s, err) : 0;
    for (size_t i = 0; rc == 0 && i < *n; i++) {
        vf_autofree char *summary = calls_text(&c, (unsigned)i);
        fill_row(&(*out)[i], summary);
    }
    calls_clear(&c);
    if (rc < 0) {
        vf_esxi_rows_free(*out, *n);
        *out = NULL;
        *n = 0;
    }
    return rc;
}

enum { SUMMARY, CONFIG, GUEST, SNAPSHOTS, MESSAGE, AUTOSTART, DEFAULTS };

static bool tools_run(const char *summary)
{
    vf_autofree char *running = vf_vimcmd_value(summary, "guest.toolsRunningStatus");
    vf_autofree char *status = vf_vimcmd_value(summary, "guest.toolsStatus");
    return running ? vf_streq(running, "guestToolsRunning")
                   : vf_streq(status, "toolsOk") || vf_streq(status, "toolsOld");
}

static bool starts_itself(const char *sequence, const char *defaults, unsigned id)
{
    struct vf_vimcmd_autostart a;
    vf_autofree char *enabled = vf_vimcmd_value(defaults, "enabled");
    return vf_vimcmd_autostart(sequence, id, &a) && a.on && !vf_streq(enabled, "false");
}

static const char snapshot_list[] = "Get Snapshot";

static int read_now(const struct calls *c, unsigned id, struct vf_esxi_now *out,
                    struct vf_error **err)
{
    vf_autofree char *summary = calls_text(c, SUMMARY), *config = calls_text(c, CONFIG),
                     *guest = calls_text(c, GUEST), *snapshots = calls_text(c, SNAPSHOTS),
                     *message = calls_text(c, MESSAGE), *sequence = calls_text(c, AUTOSTART),
                     *defaults = calls_text(c, DEFAULTS);
    out->state = read_state(summary);
    if (out->state == VF_VM_UNKNOWN)
        return complain(summary, "vmsvc/get.summary", 0, err);
    if (!vf_starts(snapshots, snapshot_list)) /* none that can be seen are not none */
        return complain(snapshots, "vmsvc/snapshot.get", 0, err);
    out->snapshots = vf_vimcmd_snapshots(snapshots);
    out->question = vf_vimcmd_value(summary, "runtime.question.text");
    if (!out->question)
        out->question = vf_vimcmd_question(message);
    out->tools = tools_run(summary);
    out->onboot = starts_itself(sequence, defaults, id);
    out->annotation = vf_vimcmd_value(summary, "config.annotation");
    out->digest = vf_vimcmd_value(config, "changeVersion");
    out->addresses = vf_vimcmd_addresses(guest);
    return 0;
}

int vf_esxi_ssh_now(struct vf_esxi_way *w, unsigned id, struct vf_esxi_now *out,
                    struct vf_error **err)
{
    static const char *const of_vm[] = {[SUMMARY] = "get.summary",
                                        [CONFIG] = "get.config",
                                        [GUEST] = "get.guest",
                                        [SNAPSHOTS] = "snapshot.get",
                                        [MESSAGE] = "message"};
    struct calls c;
    *out = (struct vf_esxi_now){0};
    calls_begin(&c);
    for (size_t i = 0; i < VF_COUNT(of_vm); i++)
        calls_add(&c, "vim-cmd vmsvc/%s %u", of_vm[i], id);
    calls_add(&c, "vim-cmd hostsvc/autostartmanager/get_autostartseq");
    calls_add(&c, "vim-cmd hostsvc/autostartmanager/get_defaults");
    int rc = calls_run(&c, ssh_way(w), err);
    if (rc == 0)
        rc = read_now(&c, id, out, err);
    calls_clear(&c);
    if (rc < 0)
        vf_esxi_now_clear(out);
    return rc;
}

int vf_esxi_ssh_portgroups(struct vf_esxi_way *w, const char *node, struct vf_esxi_portgroup **out,
                           size_t *n, struct vf_error **err)
{
    *out = NULL;
    *n = 0;
    struct vf_esxi_said said;
    if (vf_esxi_ssh_run(ssh_way(w), "esxcli network vswitch standard portgroup list", NULL,
                        VF_ESXI_MAX_TEXT, NULL, &said, err) < 0)
        return -1;
    struct vf_esxcli_group *groups = NULL;
    size_t count = 0;
    int rc = vf_esxcli_groups(vf_buf_str(&said.out), &groups, &count, err);
    if (rc < 0 && said.err.len) {
        vf_autofree char *shown = vf_escape_n(said.err.data, strcspn(vf_buf_str(&said.err), "\n"));
        vf_fail_prefix(err, "%s", shown);
    }
    vf_esxi_said_free(&said);
    for (size_t i = 0; i < count; i++) {
        struct vf_esxi_portgroup *p = vf_grow(out, n, sizeof *p);
        *p = (struct vf_esxi_portgroup){.name = VF_STEAL(groups[i].name), .vlan = groups[i].vlan};
    }
    vf_esxcli_groups_free(groups, count);
    return rc;
}

/* ---- changes ---- */

static int state_of(struct vf_esxi_ssh *s, unsigned id, enum vf_vm_state *out,
                    struct vf_error **err)
{
    vf_autofree char *call = vf_asprintf("vmsvc/power.getstate %u", id);
    vf_autofree char *text = vim_cmd(s, call, err);
    if (!text)
        return -1;
    *out = strstr(text, "Powered on")    ? VF_VM_RUNNING
           : strstr(text, "Powered off") ? VF_VM_STOPPED
           : strstr(text, "Suspended")   ? VF_VM_SUSPENDED
                                         : VF_VM_UNKNOWN;
    if (*out != VF_VM_UNKNOWN)
        return 0;
    vf_autofree char *line = vf_escape_n(text, strcspn(text, "\n"));
    return vf_fail(err, VF_E_CORRUPT, "vim-cmd %s does not tell a state: %s", call, line);
}

/* 1: it is in WANTED, 0: not within MS. */
static int await_state(struct vf_esxi_ssh *s, unsigned id, enum vf_vm_state wanted, int64_t ms,
                       struct vf_error **err)
{
    int64_t end = vf_clock_ms() + ms;
    for (int delay = POLL_FIRST_MS;; delay = 2 * delay < POLL_MS ? 2 * delay : POLL_MS) {
        enum vf_vm_state state;
        if (state_of(s, id, &state, err) < 0)
            return -1;
        if (state == wanted)
            return 1;
        int64_t left = end - vf_clock_ms();
        if (left <= 0)
            return 0;
        if (vf_cancel_sleep(s->cancel, left < delay ? (int)left : delay, err) < 0)
            return -1;
    }
}

/* Does a task that removes snapshots of VM ID run? */
static int removing(struct vf_esxi_ssh *s, unsigned id, struct vf_error **err)
{
    struct vf_esxi_said said;
    vf_autofree char *command =
        vf_asprintf("for t in $(vim-cmd vmsvc/get.tasklist %u 2>/dev/null | grep -o "
                    "'haTask[^'\"\\'\"']*'); do\n"
                    "    echo \"$t\"\n"
                    "    vim-cmd vimsvc/task_info \"$t\" 2>/dev/null | grep ' state = '\n"
                    "done\n",
                    id);
    if (vf_esxi_ssh_run(s, command, NULL, VF_ESXI_MAX_TEXT, NULL, &said, err) < 0)
        return -1;
    vf_autostrv char **lines = vf_strv_split(vf_buf_str(&said.out), "\r\n");
    vf_esxi_said_free(&said);
    bool ours = false, runs = false;
    for (char **k = lines; *k; k++) {
        if (vf_starts(*k, "haTask"))
            ours = strcasestr(*k, "snapshot") != NULL;
        else if (ours)
            runs = runs || strstr(*k, "\"running\"") || strstr(*k, "\"queued\"");
    }
    return runs;
}

/* One that somebody began before, who may be gone: while it runs the host does nothing else with
 * the VM. */
static int settle(struct vf_esxi_ssh *s, unsigned id, struct vf_error **err)
{
    for (int runs; (runs = removing(s, id, err)) != 0;)
        if (runs < 0 || vf_cancel_sleep(s->cancel, POLL_MS, err) < 0)
            return -1;
    return 0;
}

int vf_esxi_ssh_power(struct vf_esxi_way *w, unsigned id, enum vf_esxi_power what, unsigned timeout,
                      struct vf_error **err)
{
    static const struct {
        const char *call;
        enum vf_vm_state wanted;
    } kinds[] = {[VF_ESXI_ON] = {"power.on", VF_VM_RUNNING},
                 [VF_ESXI_SHUTDOWN] = {"power.shutdown", VF_VM_STOPPED},
                 [VF_ESXI_OFF] = {"power.off", VF_VM_STOPPED}};
    struct vf_esxi_ssh *s = ssh_way(w);
    enum vf_vm_state state;
    if (state_of(s, id, &state, err) < 0)
        return -1;
    if (state == kinds[what].wanted)
        return 0;
    if (what == VF_ESXI_ON && settle(s, id, err) < 0)
        return -1;
    vf_autofree char *call = vf_asprintf("vmsvc/%s %u", kinds[what].call, id);
    vf_autofree char *text = vim_cmd(s, call, err);
    if (!text)
        return -1;
    int64_t ms = what == VF_ESXI_SHUTDOWN ? (int64_t)timeout * 1000 : START_MS;
    int rc = await_state(s, id, kinds[what].wanted, ms, err);
    if (rc)
        return rc < 0 ? -1 : 0;
    vf_autofree char *line = vf_escape_n(text, strcspn(text, "\n"));
    if (what == VF_ESXI_SHUTDOWN)
        return vf_fail(err, VF_E_CONFLICT, "the guest did not shut down within %u s", timeout);
    return vf_fail(err, VF_E_CONFLICT,
                   "vim-cmd %s had no effect within %d s (%s): look at the VM "
                   "on the host, it may wait for an answer",
                   call, START_MS / 1000, line);
}

static int autostart_of(struct vf_esxi_ssh *s, unsigned id, struct vf_vimcmd_autostart *out,
                        struct vf_error **err)
{
    vf_autofree char *text = vim_cmd(s, "hostsvc/autostartmanager/get_autostartseq", err);
    if (!text)
        return -1;
    vf_vimcmd_autostart(text, id, out);
    return 0;
}

static const char *or_default(const char *word)
{
    return *word ? word : "systemDefault";
}

int vf_esxi_ssh_set_onboot(struct vf_esxi_way *w, unsigned id, bool onboot, struct vf_error **err)
{
    struct vf_esxi_ssh *s = ssh_way(w);
    struct vf_vimcmd_autostart a;
    if (autostart_of(s, id, &a, err) < 0)
        return -1;
    if (a.on == onboot)
        return 0;
    /* its place in the order and its delays stay, so that it can be put back */
    vf_autofree char *call =
        vf_asprintf("hostsvc/autostartmanager/update_autostartentry %u %s %d %d %s %d %s", id,
                    onboot ? "powerOn" : "none", a.start_delay, a.start_order, or_default(a.stop),
                    a.stop_delay, or_default(a.heartbeat));
    vf_autofree char *text = vim_cmd(s, call, err);
    if (!text || autostart_of(s, id, &a, err) < 0)
        return -1;
    if (a.on == onboot)
        return 0;
    vf_autofree char *line = vf_escape_n(text, strcspn(text, "\n"));
    return vf_fail(err, VF_E_CONFLICT,
                   "the host did not %s: switch it in the host's own web page (it said: %s)",
                   onboot ? "set the VM to start with it" : "take the VM out of autostart", line);
}

int vf_esxi_ssh_drop_snapshots(struct vf_esxi_way *w, unsigned id, struct vf_error **err)
{
    struct vf_esxi_ssh *s = ssh_way(w);
    vf_autofree char *call = vf_asprintf("vmsvc/snapshot.removeall %u", id);
    vf_autofree char *look = vf_asprintf("vmsvc/snapshot.get %u", id);
    vf_autofree char *text = settle(s, id, err) == 0 ? vim_cmd(s, call, err) : NULL;
    if (!text)
        return -1;
    for (int quiet = 0;;) {
        int status;
        vf_autofree char *left = output(s, look, &status, err);
        int runs = left ? removing(s, id, err) : -1;
        if (runs < 0)
            return -1;
        if (!vf_starts(left, snapshot_list))
            return complain(left, look, status, err);
        if (!runs && !vf_vimcmd_snapshots(left))
            return 0;
        /* the list is a moment behind the task */
        quiet = runs ? 0 : quiet + 1;
        if (quiet > 5)
            return vf_fail(err, VF_E_CONFLICT,
                           "the host has not removed the snapshots of the VM: look at its tasks, "
                           "and consolidate its disks there");
        if (vf_cancel_sleep(s->cancel, POLL_MS, err) < 0)
            return -1;
    }
}
