/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "ui/cmd/outcome.h"
#include "job/batch.h"
#include "job/state.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/fdio.h"
#include "base/i18n.h"
#include "base/str.h"

#include <string.h>

enum { MAX_REPORT = 4 * 1024 * 1024 };

static const char *const results[] = {
    [VF_EXIT_DONE] = N_("moved"),
    [VF_EXIT_FAILED] = N_("failed, put back"),
    [VF_EXIT_USAGE] = N_("not begun"),
    [VF_EXIT_STOPPED] = N_("stopped by a check"),
    [VF_EXIT_INTERRUPTED] = N_("INTERRUPTED"),
    [VF_EXIT_PERSON] = N_("NEEDS A PERSON"),
};

const char *vf_outcome_word(int code)
{
    return code >= 0 && (size_t)code < VF_COUNT(results) ? _(results[code]) : _("NEEDS A PERSON");
}

/* "12 s", or "" where there was none or nobody knows; caller frees. */
static char *downtime(const char *job)
{
    vf_autofree char *dir = vf_job_dir(job);
    vf_autofree char *path = vf_asprintf("%s/report.json", dir);
    size_t n = 0;
    vf_autofree char *text = vf_read_file(path, MAX_REPORT, &n, NULL);
    vf_autojson json_t *report = text ? vf_event_parse(text, n) : NULL;
    return json_object_get(report, "downtime") ? vf_format_duration(vf_json_num(report, "downtime"))
                                               : vf_strdup("");
}

static const char *result(const struct vf_outcome *o)
{
    vf_autofree char *dir = o->job ? vf_job_dir(o->job) : NULL;
    if (o->before)
        return _("was moved already");
    if (o->waits)
        return _("waiting");
    if (o->taken)
        return _("taken over");
    if (o->code == VF_EXIT_INTERRUPTED && dir && vf_job_is_locked(dir, NULL, NULL))
        return _("running");
    if (o->test && o->code == VF_EXIT_DONE)
        return _("tested");
    if (o->code < 0)
        return _("not begun");
    if (o->code == VF_EXIT_FAILED && o->stopped)
        return _("stopped, put back");
    return o->code == VF_EXIT_FAILED && !o->job ? _("not moved") : vf_outcome_word(o->code);
}

/* The command for it, where there is one. */
static char *next(const struct vf_outcome *o)
{
    vf_autofree char *dir = o->job ? vf_job_dir(o->job) : NULL;
    if (o->before)
        return vf_strdup("");
    if (o->taken)
        return vf_strdup(_("another machine has it"));
    if (o->waits) {
        vf_autofree char *batch = vf_batch_of(o->job);
        return vf_asprintf("vmferry attach %s", batch ? batch : o->job);
    }
    switch (o->code) {
    case VF_EXIT_DONE:
        return o->test ? vf_asprintf("vmferry rollback %s", o->job) : vf_strdup("");
    case VF_EXIT_INTERRUPTED:
        return dir ? vf_asprintf(vf_job_is_locked(dir, NULL, NULL) ? "vmferry attach %s"
                                                                   : "vmferry resume %s",
                                 o->job)
                   : vf_strdup("");
    case VF_EXIT_PERSON:
        return dir ? vf_asprintf(_("see %s/log"), dir) : vf_strdup("");
    case VF_EXIT_STOPPED:
    case VF_EXIT_FAILED:
        return vf_strdup(o->stopped ? _("move it again") : _("mend the cause, move it again"));
    default:
        return vf_strdup(_("move it again"));
    }
}

int vf_outcome_of_batch(const char *id, bool stopped, struct vf_outcome **v, size_t *n,
                        struct vf_error **err)
{
    struct vf_batch_entry *entries;
    bool runs;
    if (vf_batch_read(id, &entries, n, &runs, err) < 0)
        return -1;
    *v = vf_xcalloc(*n, sizeof **v);
    for (size_t i = 0; i < *n; i++) {
        struct vf_batch_entry *e = &entries[i];
        struct vf_outcome *o = &(*v)[i];
        o->own = VF_STEAL(e->vm);
        o->vm = o->own;
        o->job = VF_STEAL(e->job);
        o->test = e->test;
        o->taken = e->taken;
        o->waits = e->state == VF_BATCH_WAITS;
        o->code = e->state == VF_BATCH_ENDED  ? (int)e->code
                  : e->state == VF_BATCH_RUNS ? VF_EXIT_INTERRUPTED
                                              : -1;
        o->stopped = stopped && e->state == VF_BATCH_ENDED;
    }
    vf_batch_entries_free(entries, *n);
    return 0;
}

void vf_outcomes_free(struct vf_outcome *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(v[i].own);
        free(v[i].job);
    }
    free(v);
}

json_t *vf_outcome_event(const struct vf_outcome *v, size_t n)
{
    json_t *e = vf_event_new("outcome"), *vms = json_array();
    for (size_t i = 0; i < n; i++) {
        json_t *vm = json_pack("{s:s, s:s?}", "vm", v[i].vm, "job", v[i].job);
        json_object_set_new(vm, "result",
                            json_string(v[i].before     ? "moved before"
                                        : v[i].waits    ? "waiting"
                                        : v[i].taken    ? "taken over"
                                        : v[i].code < 0 ? "not begun"
                                                        : "ended"));
        if (v[i].test)
            json_object_set_new(vm, "rehearsal", json_true());
        if (v[i].code >= 0 && !v[i].before)
            json_object_set_new(vm, "exit", json_integer(v[i].code));
        json_array_append_new(vms, vm);
    }
    json_object_set_new(e, "vms", vms);
    return e;
}

char *vf_outcome_table(const struct vf_outcome *v, size_t n)
{
    vf_autobuf struct vf_buf b = {0};
    size_t moved = 0, width = 4;
    for (size_t i = 0; i < n; i++) {
        moved += (v[i].code == VF_EXIT_DONE && !v[i].test) || v[i].before;
        width = strlen(v[i].vm) > width ? strlen(v[i].vm) : width;
    }
    vf_buf_printf(&b, _("\n%zu of %zu VMs are moved:\n"), moved, n);
    for (size_t i = 0; i < n; i++) {
        const struct vf_outcome *o = &v[i];
        vf_autofree char *down = o->job ? downtime(o->job) : vf_strdup(""), *then = next(o);
        vf_autofree char *was = *down ? vf_asprintf(_("down %s"), down) : vf_strdup("");
        vf_autofree char *line =
            vf_asprintf("  %-*s  %-*s  %-*s  %s", (int)width, o->vm, vf_pad(result(o), 18),
                        result(o), vf_pad(was, 10), was, then);
        size_t end = strlen(line);
        while (end && line[end - 1] == ' ')
            line[--end] = 0;
        vf_buf_printf(&b, "%s\n", line);
    }
    return vf_buf_take(&b);
}
