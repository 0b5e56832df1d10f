/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How a job ended, as a page. */
#include "config.h"
#include "ui/run/run_priv.h"
#include "job/job.h"
#include "job/job_text.h"
#include "job/journal.h"
#include "job/resume.h"
#include "job/state.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/i18n.h"
#include "base/str.h"

#include <inttypes.h>
#include <string.h>

enum { LABEL = 17 };

static void put(struct vf_buf *b, const char *label, const char *text)
{
    int pad = LABEL - vf_text_columns(label);
    vf_autofree char *safe = vf_escape(text);
    vf_buf_printf(b, "  %s%*s  %s\n", label, pad > 0 ? pad : 0, "", safe);
}

/* ---- a move that was done ---- */

static void put_moved(struct vf_buf *b, const json_t *r)
{
    const json_t *disks = json_object_get(r, "disks");
    uint64_t size = 0, sent = 0, zero = 0;
    for (size_t i = 0; i < json_array_size(disks); i++) {
        const json_t *d = json_array_get(disks, i);
        size += (uint64_t)vf_json_int(d, "size");
        sent += (uint64_t)(vf_json_int(d, "sent") + vf_json_int(d, "sent_before"));
        zero += (uint64_t)vf_json_int(d, "zero");
    }
    vf_autofree char *took = vf_format_duration(vf_json_num(r, "seconds"));
    vf_autofree char *all = vf_format_bytes(size), *went = vf_format_bytes(sent),
                     *none = vf_format_bytes(zero);
    const json_t *forecast = json_object_get(r, "forecast_seconds");
    vf_autofree char *before =
        json_is_number(forecast) ? vf_format_duration(json_number_value(forecast)) : NULL;
    vf_autofree char *text = before ? vf_asprintf(_("in %s (forecast: %s)"), took, before)
                                    : vf_asprintf(_("in %s"), took);
    put(b, _("moved"), text);
    if (vf_json_str(r, "rehearsal"))
        put(b, _("rehearsal"),
            _("the source was left alone, the cards of the target are disconnected"));
    if (json_array_size(disks) && size) {
        vf_autofree char *what = vf_asprintf(_("%zu of %s: %s sent, %s of zeroes skipped"),
                                             json_array_size(disks), all, went, none);
        put(b, _("disks"), what);
    }
    if (json_object_get(r, "target_vmid")) {
        vf_autofree char *where =
            vf_asprintf(_("VMID %" PRId64 " at %s/%s, %s"), vf_json_int(r, "target_vmid"),
                        vf_json_str(r, "target"), vf_json_str(r, "target_node"),
                        vf_json_true(r, "started") ? _("running") : _("not started"));
        put(b, _("target VM"), where);
    }
}

static void put_downtime(struct vf_buf *b, const json_t *r)
{
    const json_t *forecast = json_object_get(r, "forecast_downtime");
    if (!json_object_get(r, "downtime"))
        return;
    vf_autofree char *down = vf_format_duration(vf_json_num(r, "downtime"));
    vf_autofree char *before =
        json_is_number(forecast) ? vf_format_duration(json_number_value(forecast)) : NULL;
    vf_autofree char *both = before ? vf_asprintf(_("%s (forecast: %s)"), down, before) : NULL;
    put(b, _("downtime"), both ? both : down);
}

static void put_verified(struct vf_buf *b, const json_t *r)
{
    const json_t *disks = json_object_get(r, "disks");
    if (vf_streq(vf_json_str(r, "method"), "remote-migrate")) {
        put(b, _("verified"), _("NOT by vmferry: Proxmox VE has moved the disks"));
        return;
    }
    for (size_t i = 0; i < json_array_size(disks); i++) {
        const json_t *d = json_array_get(disks, i);
        vf_autofree char *text = vf_asprintf("%s: %s", vf_json_str(d, "slot"),
                                             vf_verified_text(vf_json_str(d, "verified_how")));
        const json_t *check = json_object_get(d, "source_check");
        vf_autofree char *proof = check ? vf_source_check_text(check) : NULL;
        if (!vf_json_true(d, "copied"))
            continue;
        put(b, i ? "" : _("verified"), text);
        if (proof)
            put(b, "", proof);
    }
}

/* Each text of LIST (an array, or one text) in a line, LABEL before the first. */
static void put_list(struct vf_buf *b, const char *label, const json_t *list)
{
    if (json_is_string(list))
        put(b, label, json_string_value(list));
    for (size_t i = 0; i < json_array_size(list); i++)
        if (json_is_string(json_array_get(list, i)))
            put(b, i ? "" : label, json_string_value(json_array_get(list, i)));
}

/* What is to be done in it, one thing after the other. */
static void put_checklist(struct vf_buf *b, const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        vf_autofree char *text = vf_asprintf("- %s", json_string_value(json_array_get(list, i)));
        put(b, i ? "" : _("afterwards"), text);
    }
}

/* What a person has to do, and what was left out. */
static void put_by_hand(struct vf_buf *b, const json_t *r)
{
    const json_t *left = json_object_get(r, "not_carried"), *all = json_object_get(r, "by_hand");
    for (size_t i = 0; i < json_array_size(left); i++) {
        const json_t *l = json_array_get(left, i);
        vf_autofree char *text =
            vf_asprintf("%s; %s", vf_json_str(l, "what"), _(vf_json_str(l, "why")));
        put(b, i ? "" : _("not carried over"), text);
    }
    put_list(b, _("do by hand now"), all ? all : json_object_get(r, "todo"));
    put_checklist(b, json_object_get(r, "checklist"));
}

/* What of the service's ports was tried again at the target. */
static void put_service(struct vf_buf *b, const json_t *r)
{
    const json_t *service = json_object_get(r, "service");
    if (!json_is_object(service))
        return;
    put_list(b, _("service test"), json_object_get(service, "why"));
    put_list(b, _("answers again"), json_object_get(service, "back"));
    put_list(b, _("DOES NOT ANSWER"), json_object_get(service, "missing"));
}

/* Of the whole job; else what was heard while it was watched. */
static void put_warnings(struct vf_buf *b, const json_t *r, const struct vf_watch *w)
{
    const json_t *list = json_object_get(r, "warnings");
    bool first = true;
    if (list) {
        put_list(b, _("warnings"), list);
        return;
    }
    for (size_t i = 0; i < w->n_notes; i++) {
        const struct vf_watch_note *n = &w->notes[i];
        if (!n->warn)
            continue;
        vf_autofree char *text = vf_asprintf("%s %s", n->time, n->text);
        put(b, first ? _("warnings") : "", text);
        first = false;
    }
}

/* LOG: that, too (of what failed it was said already). */
static void put_files(struct vf_buf *b, const json_t *r, bool with_log)
{
    const char *log = vf_json_str(r, "log"), *slash = log ? strrchr(log, '/') : NULL;
    if (!slash)
        return;
    vf_autofree char *dir = vf_strndup(log, (size_t)(slash - log));
    vf_autofree char *report = vf_asprintf("%s/report.json", dir);
    put(b, _("report"), report);
    if (with_log)
        put(b, _("log"), log);
}

static bool good(const json_t *end)
{
    return vf_json_int(end, "exit") == VF_EXIT_DONE && !json_object_get(end, "error");
}

char *vf_result_text(const json_t *end, const struct vf_watch *w)
{
    vf_autobuf struct vf_buf b = {0};
    const json_t *r = json_object_get(end, "report");
    if (r)
        vf_buf_printf(&b, _("Report: %s, %s -> %s/%s: %s\n"), vf_json_str(r, "vm"),
                      vf_json_str(r, "source"), vf_json_str(r, "target"),
                      vf_json_str(r, "target_node"), _(vf_json_str(r, "result")));
    if (r && good(end) && vf_streq(vf_json_str(r, "result"), "done")) {
        put_moved(&b, r);
        put_downtime(&b, r);
        put_verified(&b, r);
        put_service(&b, r);
        put_by_hand(&b, r);
    } else if (r && good(end)) {
        put(&b, _("state"), _("the source is as it was before; nothing is left at the target"));
    } else {
        vf_autofree char *failed = vf_failure_text(end);
        vf_buf_puts(&b, failed);
    }
    put_warnings(&b, r, w);
    if (r)
        put_files(&b, r, good(end));
    return vf_buf_take(&b);
}

char *vf_result_report(const json_t *end)
{
    const json_t *report = json_object_get(end, "report");
    bool whole = json_object_get(report, "steps") != NULL;
    vf_autofree char *done = whole ? vf_report_text(report) : vf_strdup("");
    vf_autofree char *failed = json_object_get(end, "error") ? vf_failure_text(end) : vf_strdup("");
    return vf_asprintf("%s%s", done, failed);
}

/* ---- ways on and back ---- */

static bool way_is(const json_t *end, const char *one)
{
    const char *way = vf_json_str(json_object_get(end, "report"), "way");
    return vf_streq(way, "both") || vf_streq(way, one);
}

bool vf_result_can_resume(const json_t *end)
{
    return end && way_is(end, "on");
}

bool vf_result_can_go_back(const json_t *end)
{
    const json_t *report = json_object_get(end, "report");
    bool test = vf_json_str(report, "rehearsal") && vf_streq(vf_json_str(report, "result"), "done");
    return end && (way_is(end, "back") || test);
}

static json_t *lost_report(const char *id, struct vf_journal *j)
{
    static const char *const ways[] = {"none", "both", "on", "back"}, *const taken[] = {
                                                                          "vm", "source", "target"};
    const json_t *job = vf_journal_last(j, "job");
    vf_autofree char *dir = vf_job_dir(id);
    vf_autofree char *service = vf_service_text(j, VF_VM_UNKNOWN, VF_VM_UNKNOWN);
    json_t *r = vf_event_new("report");
    json_object_set_new(r, "job", json_string(id));
    for (size_t i = 0; i < VF_COUNT(taken); i++)
        if (vf_json_str(job, taken[i]))
            json_object_set_new(r, taken[i], json_string(vf_json_str(job, taken[i])));
    json_object_set_new(r, "target_node", json_string("?"));
    json_object_set_new(r, "result", json_string("interrupted"));
    json_object_set_new(r, "way", json_string(ways[vf_journal_way(j)]));
    json_object_set_new(r, "service", json_string(service));
    json_object_set_new(r, "log", json_sprintf("%s/log", dir));
    return r;
}

json_t *vf_result_lost(const char *id, const struct vf_error *why)
{
    vf_autofree char *dir = vf_job_dir(id);
    vf_auto(vf_journal_free) struct vf_journal *j = vf_journal_open(dir, true, NULL);
    json_t *e = vf_event_new("end");
    json_object_set_new(e, "exit", json_integer(VF_EXIT_INTERRUPTED));
    json_object_set_new(e, "error", vf_event_error(why));
    if (j)
        json_object_set_new(e, "report", lost_report(id, j));
    return e;
}
