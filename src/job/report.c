/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What was done, as report.json and as text. */
#include "config.h"
#include "job/job_priv.h"
#include "job/job_text.h"
#include "job/resume.h"
#include "plan/name.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/i18n.h"
#include "base/str.h"

#include <inttypes.h>
#include <string.h>

/* Of all passes over a disk while its VM ran. */
static json_int_t sent_before(const struct vf_job *job, const char *key)
{
    vf_autojson json_t *events = vf_journal_lines(job->journal);
    json_int_t n = 0;
    for (size_t i = 0; i < json_array_size(events); i++) {
        const json_t *e = json_array_get(events, i);
        if (vf_streq(vf_json_str(e, "key"), key) && vf_streq(vf_json_str(e, "state"), "done"))
            n += vf_json_int(json_object_get(e, "data"), "sent");
    }
    return n;
}

static json_t *disks_json(const struct vf_job *job)
{
    json_t *v = json_array();
    for (size_t i = 0; i < job->plan->n_disks; i++) {
        const struct vf_plan_disk *d = &job->plan->disks[i];
        vf_autofree char *key = vf_asprintf("copy/%s", d->slot);
        vf_autofree char *before = vf_asprintf("precopy/%s", d->slot);
        bool live = vf_job_rehearses_live(job);
        const struct vf_record *r = vf_job_was_done(job, live ? before : key);
        json_t *o = r ? json_deep_copy(r->result) : json_object();
        if (!live && vf_journal_find(job->journal, before))
            json_object_set_new(o, "sent_before", json_integer(sent_before(job, before)));
        json_object_set_new(o, "slot", json_string(d->slot));
        json_object_set_new(o, "source", json_string(d->volume));
        if (job->disks[i].volume)
            json_object_set_new(o, "target", json_string(job->disks[i].volume));
        json_object_set_new(o, "copied", json_boolean(r != NULL));
        if (vf_job_unread(job, d->slot))
            json_object_set_new(o, "unread", json_integer((json_int_t)vf_job_unread(job, d->slot)));
        vf_autofree char *proof = vf_asprintf("source-hash/%s", d->slot);
        const struct vf_record *check = vf_job_was_done(job, proof);
        if (check)
            json_object_set(o, "source_check", check->result);
        json_array_append_new(v, o);
    }
    return v;
}

static const char *const results[] = {
    [VF_EXIT_DONE] = N_("done"),
    [VF_EXIT_FAILED] = N_("failed"),
    [VF_EXIT_USAGE] = N_("failed"),
    [VF_EXIT_STOPPED] = N_("stopped"),
    [VF_EXIT_INTERRUPTED] = N_("interrupted"),
    [VF_EXIT_PERSON] = N_("needs a person"),
};

/* Since the job was made, the time between its processes included. */
static double job_seconds(struct vf_job *job)
{
    vf_autojson json_t *events = vf_journal_lines(job->journal);
    int64_t made = 0;
    for (size_t i = 0; i < json_array_size(events) && !made; i++)
        if (vf_streq(vf_json_str(json_array_get(events, i), "type"), "job"))
            made = vf_event_time(json_array_get(events, i));
    double mine = (double)(vf_clock_ms() - job->started_ms) / 1000;
    double all = made ? (double)(vf_clock_unix() - made) : 0;
    return vf_job_starts(job) > 1 && all > mine ? all : mine;
}

/* Of a return to the source: what has become of the target VM. */
static void add_return(json_t *r, struct vf_job *job)
{
    const struct vf_record *back = vf_journal_find(job->journal, "return");
    if (!back || back->state == VF_REC_UNDONE)
        return;
    vf_autofree char *kept = vf_name_with(vf_json_str(back->intent, "name"), VF_RETURNED);
    json_object_set_new(r, "return",
                        json_pack("{s:O, s:O, s:s, s:b}", "vmid",
                                  json_object_get(back->intent, "vmid"), "node",
                                  json_object_get(back->intent, "node"), "kept", kept, "removed",
                                  vf_job_was_done(job, "return/remove") != NULL));
}

json_t *vf_report(struct vf_job *job, enum vf_exit code, const struct vf_error *err)
{
    const struct vf_record *hosts = vf_job_was_done(job, "hosts");
    const struct vf_record *create = vf_job_target_record(job);
    bool native = vf_job_is_native(job);
    bool down = native || vf_journal_find(job->journal, "shutdown") != NULL;
    json_t *r = vf_event_new("report");
    json_object_set_new(r, "job", json_string(job->id));
    json_object_set_new(r, "result", json_string(results[code]));
    json_object_set_new(r, "exit", json_integer(code));
    json_object_set_new(r, "vm", json_string(job->plan->vm_name));
    json_object_set_new(r, "source", json_string(job->plan->source));
    json_object_set_new(r, "source_vmid", json_integer(job->plan->vm_id));
    const struct vf_cluster_conf *from = vf_conf_cluster(job->conf, job->plan->source, NULL);
    if (from)
        json_object_set_new(r, "source_type", json_string(from->type));
    unsigned lacks = vf_job_lacks(job);
    if (job->source && !job->source->onboot)
        lacks &= ~(unsigned)VF_LACKS_ONBOOT;
    if (lacks)
        json_object_set_new(r, "source_lacks", json_integer(lacks));
    json_object_set_new(r, "target", json_string(job->plan->target));
    json_object_set_new(r, "target_node", json_string(job->plan->target_node));
    if (create && create->state != VF_REC_UNDONE && code == VF_EXIT_DONE)
        json_object_set_new(r, "target_vmid", json_incref(json_object_get(create->intent, "vmid")));
    json_object_set_new(r, "starts", json_integer((json_int_t)vf_job_starts(job)));
    json_object_set_new(r, "seconds", json_real(job_seconds(job)));
    json_object_set_new(r, "steps", json_incref(job->step_times));
    if (hosts)
        json_object_set_new(r, "route", json_incref(json_object_get(hosts->result, "route")));
    json_object_set_new(r, "disks", disks_json(job));
    /* past the point of no return, and not finished: a person has to */
    json_object_set_new(
        r, "target_may_have_run",
        json_boolean(vf_job_target_ran(job) && !vf_job_was_done(job, "finish/description")));
    const struct vf_record *moved = vf_job_was_done(job, "migrate");
    if (code == VF_EXIT_INTERRUPTED || code == VF_EXIT_PERSON) {
        static const char *const ways[] = {"none", "both", "on", "back"};
        json_object_set_new(r, "way", json_string(ways[vf_journal_way(job->journal)]));
        vf_autofree char *service = vf_service_text(job->journal, VF_VM_UNKNOWN, VF_VM_UNKNOWN);
        json_object_set_new(r, "service", json_string(service));
        if (job->kept && vf_journal_way(job->journal) == VF_WAY_BOTH)
            json_object_set_new(r, "kept", json_string(job->kept));
    }
    if (job->plan->rehearse)
        json_object_set_new(r, "rehearsal",
                            json_string(vf_job_rehearses_live(job) ? "running" : "stopped"));
    if (job->target)
        json_object_set_new(r, "target_name", json_string(job->target->name));
    json_object_set_new(r, "method", json_string(native ? "remote-migrate" : "copy"));
    json_object_set_new(r, "started",
                        json_boolean(vf_job_was_done(job, "start") ||
                                     (moved && vf_json_true(moved->intent, "online"))));
    if (down && job->down_seconds > 0)
        json_object_set_new(r, "downtime", json_real(job->down_seconds));
    json_t *left = json_array();
    vf_autofree char *todo = native && job->source ? vf_native_todo(job) : NULL;
    if (todo)
        json_object_set_new(r, "todo", json_string(todo));
    const struct vf_vm *vm = job->target ? job->target : job->source; /* the target knows more */
    for (size_t i = 0; vm && i < vm->n_left_out; i++) {
        const struct vf_left_out *l = &vm->left_out[i];
        if (l->there || (native && vf_native_carries(l)))
            continue;
        vf_autofree char *what = vf_escape(l->what), *why = vf_escape(l->why);
        json_array_append_new(left, json_pack("{s:s, s:s}", "what", what, "why", why));
    }
    json_object_set_new(r, "not_carried", left);
    add_return(r, job);
    json_object_set_new(r, "left_changed", vf_job_left_changed(job));
    json_object_set_new(r, "log", json_sprintf("%s/log", job->dir));
    vf_report_account(job, code, r);
    if (err)
        json_object_set_new(r, "error", vf_event_error(err));
    return r;
}

static void add_bytes(struct vf_buf *b, const char *label, uint64_t n)
{
    vf_autofree char *text = vf_format_bytes(n);
    vf_buf_printf(b, "  %-*s %s\n", vf_pad(label, 17), label, text);
}

char *vf_secret_waits_text(const char *whose, const char *said)
{
    vf_autofree char *limit = vf_format_duration(vf_clock_limit(VF_T_SECRET) / 1000.0);
    return vf_asprintf(
        _("%s: waiting for the command that prints its secret (a token to touch, a question to "
          "answer?), which is ended after %s%s"),
        whose, limit, said);
}

char *vf_route_shown(const char *route)
{
    static const struct {
        const char *word, *shown; /* of journals and reports; on screen */
    } ways[] = {
        {"local", N_("local")},
        {"direct", N_("direct")},
        {"via this machine", N_("via this machine")},
    };
    static const char fetched[] = "fetched by ";
    const char *arrow = strstr(route, " -> "), *blank = arrow ? strchr(arrow + 4, ' ') : NULL,
               *way = blank ? blank + 1 : route;
    int ends = (int)(way - route); /* "a1 -> b2 " */
    for (size_t i = 0; i < VF_COUNT(ways); i++)
        if (vf_streq(way, ways[i].word))
            return vf_asprintf("%.*s%s", ends, route, _(ways[i].shown));
    if (!vf_starts(way, fetched))
        return vf_strdup(route);
    vf_autofree char *by = vf_asprintf(_("fetched by %s"), way + strlen(fetched));
    return vf_asprintf("%.*s%s", ends, route, by);
}

const char *vf_verified_text(const char *how)
{
    if (vf_streq(how, "media"))
        return _("read back from the disk and compared");
    if (vf_streq(how, "through cache"))
        return _("read back through the cache and compared");
    return _("not verified");
}

char *vf_source_check_text(const json_t *c)
{
    const char *by = vf_json_str(c, "by"), *why = vf_json_str(c, "why");
    if (vf_streq(by, "host") && vf_json_int(c, "beside"))
        return vf_asprintf(_("%1$" PRIu64 " of %1$" PRIu64
                             " pieces agree with the source host's own SHA-256, %2$" PRIu64
                             " of them made while it was copied"),
                           (uint64_t)vf_json_int(c, "pieces"), (uint64_t)vf_json_int(c, "beside"));
    if (vf_streq(by, "host"))
        return vf_asprintf(
            _("%1$" PRIu64 " of %1$" PRIu64 " pieces agree with the source host's own SHA-256"),
            (uint64_t)vf_json_int(c, "pieces"));
    if (vf_streq(by, "second read")) {
        vf_autofree char *bytes = vf_format_bytes((uint64_t)vf_json_int(c, "bytes")),
                         *size = vf_format_bytes((uint64_t)vf_json_int(c, "size"));
        return vf_asprintf(_("target equals what was received; a second read of %s of %s agreed"),
                           bytes, size);
    }
    return vf_asprintf(_("target equals what was received; the source was not asked again: %s"),
                       why ? why : "?");
}

/* Of the copy that counts: what was looked at of the disk, not what was left to send. */
static void add_rate(struct vf_buf *b, const json_t *d)
{
    double seconds = vf_json_num(d, "seconds");
    uint64_t read = (uint64_t)vf_json_int(d, "read");
    if (seconds <= 0 || !read)
        return;
    vf_autofree char *rate = vf_format_rate((uint64_t)((double)read / seconds)),
                     *took = vf_format_duration(seconds);
    vf_buf_printf(b, _("  %-17s took %s, %s\n"), "", took, rate);
}

static void add_disks(struct vf_buf *b, const json_t *disks)
{
    static const struct {
        const char *key, *label;
        bool optional;
    } sums[] = {{"sent_before", N_("sent while it ran"), true},
                {"read", N_("read"), false},
                {"sent", N_("sent"), false},
                {"wire", N_("on the network"), false},
                {"zero", N_("skipped (zeroes)"), false},
                {"unread", N_("of these not read"), true},
                {"same", N_("there already"), false},
                {"again", N_("compared again"), true},
                {"verified", N_("verified"), false}};
    uint64_t total[VF_COUNT(sums)] = {0};
    size_t n = json_array_size(disks), copied = 0;
    for (size_t i = 0; i < n; i++) {
        const json_t *d = json_array_get(disks, i);
        copied += vf_json_true(d, "copied") && vf_json_str(d, "target");
        for (size_t k = 0; k < VF_COUNT(sums); k++)
            total[k] += (uint64_t)vf_json_int(d, sums[k].key);
    }
    if (!copied)
        return;
    for (size_t i = 0; i < n; i++) {
        const json_t *d = json_array_get(disks, i);
        const char *how = vf_json_str(d, "verified_how"), *hash = vf_json_str(d, "target_hash"),
                   *to = vf_json_str(d, "target");
        if (!vf_json_true(d, "copied"))
            continue;
        vf_autofree char *size = vf_format_bytes((uint64_t)vf_json_int(d, "size"));
        vf_buf_printf(b, "  %-17s %s -> %s, %s\n", vf_json_str(d, "slot"), vf_json_str(d, "source"),
                      to ? to : "-", size);
        add_rate(b, d);
        vf_buf_printf(b, "  %-17s %s\n", "", vf_verified_text(how));
        if (hash)
            vf_buf_printf(b, "  %-17s XXH3-128 %s\n", "", hash);
        const json_t *check = json_object_get(d, "source_check");
        vf_autofree char *proof = check ? vf_source_check_text(check) : NULL;
        if (proof)
            vf_buf_printf(b, "  %-17s %s\n", "", proof);
    }
    for (size_t k = 0; k < VF_COUNT(sums); k++)
        if (total[k] || !sums[k].optional)
            add_bytes(b, _(sums[k].label), total[k]);
}

/* Proxmox copied them: where they went is all we know. */
static void add_migrated(struct vf_buf *b, const json_t *disks)
{
    for (size_t i = 0; i < json_array_size(disks); i++) {
        const json_t *d = json_array_get(disks, i);
        const char *to = vf_json_str(d, "target");
        vf_buf_printf(b, "  %-17s %s -> %s\n", vf_json_str(d, "slot"), vf_json_str(d, "source"),
                      to ? to : "-");
    }
    vf_buf_printf(b, "  %-*s %s\n", vf_pad(_("method"), 17), _("method"),
                  _("Proxmox's own migration; its disks were NOT verified by vmferry"));
}

static void add_line(struct vf_buf *b, const char *label, const char *text)
{
    vf_buf_printf(b, "  %-*s %s\n", vf_pad(label, 17), label, text);
}

static bool is_import(const json_t *report)
{
    const char *type = vf_json_str(report, "source_type"); /* older reports have none */
    return type && !vf_streq(type, "pve");
}

static bool is_of_files(const json_t *report)
{
    return vf_streq(vf_json_str(report, "source_type"), "files");
}

/* How the source was left; other hypervisors know their VMs by name. */
static char *source_text(const json_t *r, const char *name, unsigned lacks)
{
    bool alone = lacks & VF_LACKS_ONBOOT;
    if (is_of_files(r))
        return vf_strdup(_("the exported files, left as they are"));
    if (lacks & VF_LACKS_RENAME && lacks & VF_LACKS_POWER)
        return vf_strdup(_("left as it is"));
    if (is_import(r))
        return vf_asprintf(alone ? _("%s at %s, stopped; whether it starts with the host was left "
                                     "alone")
                                 : _("%s at %s, stopped, does not start with the host"),
                           name, vf_json_str(r, "source"));
    return vf_asprintf(
        alone ? _("%s (VMID %" PRId64 "), stopped; whether it starts at boot was left alone")
              : _("%s (VMID %" PRId64 "), stopped, does not start at boot"),
        name, vf_json_int(r, "source_vmid"));
}

/* Both states, and what can follow, of what ended well. */
static void add_ending(struct vf_buf *b, const json_t *r)
{
    const char *result = vf_json_str(r, "result"), *vm = vf_json_str(r, "vm"),
               *job = vf_json_str(r, "job");
    const json_t *back = json_object_get(r, "return");
    if (vf_streq(result, "done") && json_object_get(r, "rehearsal")) {
        vf_autofree char *next = vf_asprintf(_("vmferry rollback %s removes the test VM"), job);
        add_line(b, _("source VM"), _("left alone"));
        add_line(b, _("next"), next);
    } else if (vf_streq(result, "done") && !vf_json_str(r, "todo")) {
        int64_t lacks = vf_json_int(r, "source_lacks");
        vf_autofree char *name =
            lacks & VF_LACKS_RENAME ? vf_strdup(vm) : vf_name_with(vm, VF_MIGRATED);
        vf_autofree char *source = source_text(r, name, (unsigned)lacks);
        vf_autofree char *next = vf_asprintf(
            is_of_files(r)
                ? _("when all is well, nobody needs the exported files; to go back: vmferry "
                    "rollback %s")
                : _("when all is well, remove the source by hand; to go back: vmferry rollback %s"),
            job);
        add_line(b, _("source VM"), source);
        add_line(b, _("next"), next);
    } else if (vf_streq(result, "rolled back")) {
        add_line(b, _("source VM"), _("as it was before"));
        add_line(b, _("target VM"), _("nothing is left of this job"));
        add_line(b, _("next"), _("the VM can be moved again"));
    } else if (vf_streq(result, "returned") && back) {
        int64_t id = vf_json_int(back, "vmid");
        bool removed = vf_json_true(back, "removed");
        vf_autofree char *target =
            removed ? vf_asprintf(_("VMID %" PRId64 " is removed"), id)
                    : vf_asprintf(_("%s (VMID %" PRId64 "), stopped, does not start at boot"),
                                  vf_json_str(back, "kept"), id);
        vf_autofree char *next =
            removed ? vf_strdup(_("the VM can be moved again"))
                    : vf_asprintf(_("when nothing there is wanted any more, remove it by hand: qm "
                                    "destroy %" PRId64 " on %s"),
                                  id, vf_json_str(back, "node"));
        add_line(b, _("source VM"), _("as it was before the move"));
        add_line(b, _("target VM"), target);
        add_line(b, _("next"), next);
    }
}

/* The way back has copied nothing. */
static char *back_text(const json_t *r)
{
    vf_autobuf struct vf_buf b = {0};
    vf_buf_printf(&b, _("Report: %s, back from %s to %s: %s\n"), vf_json_str(r, "vm"),
                  vf_json_str(r, "target"), vf_json_str(r, "source"), _(vf_json_str(r, "result")));
    add_line(&b, _("job"), vf_json_str(r, "job"));
    if (json_object_get(r, "downtime")) {
        vf_autofree char *down = vf_format_duration(vf_json_num(r, "downtime"));
        add_line(&b, _("downtime"), down);
    }
    add_ending(&b, r);
    add_line(&b, _("log"), vf_json_str(r, "log"));
    return vf_buf_take(&b);
}

/* ENDS: with the states it left and what can follow. */
static char *move_text(const json_t *r, bool ends)
{
    vf_autobuf struct vf_buf b = {0};
    const json_t *steps = json_object_get(r, "steps"), *left = json_object_get(r, "not_carried");
    vf_autofree char *took = vf_format_duration(vf_json_num(r, "seconds"));
    vf_buf_printf(&b, _("Report: %s, %s -> %s/%s: %s\n"), vf_json_str(r, "vm"),
                  vf_json_str(r, "source"), vf_json_str(r, "target"), vf_json_str(r, "target_node"),
                  _(vf_json_str(r, "result")));
    vf_buf_printf(&b, "  %-*s %s\n", vf_pad(_("job"), 17), _("job"), vf_json_str(r, "job"));
    vf_account_who_text(r, &b);
    vf_buf_printf(&b, _("  %-*s ended %s, took %s\n"), vf_pad(_("time"), 17), _("time"),
                  vf_json_str(r, "time"), took);
    for (size_t i = 0; i < json_array_size(steps); i++) {
        const json_t *s = json_array_get(steps, i);
        vf_autofree char *t = vf_format_duration(vf_json_num(s, "seconds"));
        vf_buf_printf(&b, "  %17s %s\n", t, _(vf_json_str(s, "title")));
    }
    vf_autofree char *route =
        vf_json_str(r, "route") ? vf_route_shown(vf_json_str(r, "route")) : NULL;
    if (route)
        vf_buf_printf(&b, "  %-*s %s\n", vf_pad(_("route"), 17), _("route"), route);
    if (vf_streq(vf_json_str(r, "method"), "remote-migrate"))
        add_migrated(&b, json_object_get(r, "disks"));
    else
        add_disks(&b, json_object_get(r, "disks"));
    vf_account_rehearsal_text(r, &b);
    vf_account_downtime_text(r, &b);
    if (json_object_get(r, "target_vmid"))
        vf_buf_printf(&b, "  %-*s %s (VMID %" PRId64 ", %s)\n", vf_pad(_("target VM"), 17),
                      _("target VM"),
                      vf_json_str(r, vf_json_str(r, "target_name") ? "target_name" : "vm"),
                      vf_json_int(r, "target_vmid"),
                      vf_json_true(r, "started") ? _("running") : _("not started"));
    bool undone = vf_json_int(r, "exit") == VF_EXIT_FAILED; /* then nothing stayed behind */
    for (size_t i = 0; !undone && i < json_array_size(left); i++) {
        const json_t *l = json_array_get(left, i);
        vf_buf_printf(&b, "  %-*s %s; %s\n", vf_pad(_("not carried over"), 17),
                      _("not carried over"), vf_json_str(l, "what"), _(vf_json_str(l, "why")));
    }
    const json_t *changed = json_object_get(r, "left_changed");
    for (size_t i = 0; i < json_array_size(changed); i++)
        vf_buf_printf(&b, "  %-*s %s\n", vf_pad(_("left changed"), 17), _("left changed"),
                      json_string_value(json_array_get(changed, i)));
    vf_account_text(r, &b);
    if (ends)
        add_ending(&b, r);
    vf_buf_printf(&b, "  %-*s %s\n", vf_pad(_("log"), 17), _("log"), vf_json_str(r, "log"));
    return vf_buf_take(&b);
}

static bool is_move(const json_t *r)
{
    const char *mode = vf_json_str(r, "mode"); /* older reports have none */
    return !mode || vf_streq(mode, "run");
}

char *vf_report_text(const json_t *r)
{
    return is_move(r) ? move_text(r, true) : back_text(r);
}

char *vf_report_undone_text(const json_t *r, const json_t *back)
{
    if (!is_move(r) || !vf_streq(vf_json_str(r, "result"), "done"))
        return vf_report_text(r);
    /* that the source may be removed is no longer so: it is the VM that counts */
    vf_autojson json_t *told = json_copy((json_t *)r);
    json_object_del(told, "by_hand");
    json_object_del(told, "checklist");
    vf_autofree char *move = move_text(told, false),
                     *after = back && !is_move(back) ? back_text(back) : vf_strdup("");
    return vf_asprintf("%s%s", move, after);
}

/* Indexed by exit code: in which state both VMs are, and what can be done now. */
static const struct {
    const char *states, *next;
} outcomes[] = {
    [VF_EXIT_FAILED] = {N_("source: as it was before; target: nothing left of this job"),
                        N_("mend the cause and start the move again")},
    [VF_EXIT_STOPPED] = {N_("source and target: not touched"),
                         N_("mend the cause and start the move again")},
    [VF_EXIT_INTERRUPTED] = {N_("everything is left as it is"), N_("see vmferry jobs")},
    [VF_EXIT_PERSON] =
        {N_("not everything could be put in order: see the warnings above and the log"),
         N_("look at both VMs; vmferry rollback tries again to undo")},
};

/* What can be done after an interruption. */
static char *interrupted_next(const json_t *report)
{
    const char *job = vf_json_str(report, "job"), *way = vf_json_str(report, "way");
    if (job && vf_streq(way, "both"))
        return vf_asprintf(_("go on: vmferry resume %s; or undo it: vmferry rollback %s"), job,
                           job);
    if (job && vf_streq(way, "on"))
        return vf_asprintf(_("go on: vmferry resume %s; or return to the source, which loses what "
                             "the target wrote: vmferry rollback %s"),
                           job, job);
    if (job && vf_streq(way, "back"))
        return vf_asprintf(_("finish undoing it: vmferry rollback %s"), job);
    return NULL;
}

/* Instead of VF_EXIT_PERSON's when the point of no return is passed. */
static const char *const ran[] = {
    N_("target: was started, its disks may be newer; source: shut down, does not start at boot"),
    N_("never run both; if the target is good, name the source NAME--MIGRATED, take the "
       "vmferry-job line out of the target's notes and set its start at boot; else vmferry "
       "rollback "
       "returns to the source"),
};

/* The same, where Proxmox handed it over. */
static const char *const migrated[] = {
    N_("target: has been handed the VM, its disks may be newer; source: stopped, locked (migrate)"),
    N_("never run both; if the target is good, run `qm unlock` as root on the source's node, name "
       "the source NAME--MIGRATED, switch its start at boot off, and take the vmferry-job line "
       "out of both notes"),
};

/* Of a return to the source: given up, to be gone on with, for a person. */
static const char *const returning[][2] = {
    [VF_EXIT_FAILED] = {N_("target: in service as it was; source: not touched"),
                        N_("vmferry rollback begins the return again")},
    [VF_EXIT_INTERRUPTED] = {N_("everything is left as it is"), N_("see vmferry jobs")},
    [VF_EXIT_PERSON] = {N_("target: out of service; source: perhaps not wholly put back, see the "
                           "warnings above and the log"),
                        N_("never run both; vmferry rollback tries the rest again")},
};

static char *header(const json_t *report, const char *result, const char *vm, const char *target)
{
    if (vf_streq(result, "not returned"))
        return vf_asprintf(_("FAILED: returning %s from %s"), vm, target);
    if (vf_streq(result, "not rolled back"))
        return vf_asprintf(_("FAILED: undoing the move of %s to %s"), vm, target);
    if (vf_streq(result, results[VF_EXIT_INTERRUPTED])) /* perhaps because somebody wanted it */
        return vf_asprintf(is_import(report) ? _("INTERRUPTED: importing %s to %s")
                                             : _("INTERRUPTED: moving %s to %s"),
                           vm, target);
    return vf_asprintf(is_import(report) ? _("FAILED: importing %s to %s")
                                         : _("FAILED: moving %s to %s"),
                       vm, target);
}

/* What failed, why, in which state both VMs are, what next. A rollback that is refused (the target
 * has run) is not a failed move: nothing was touched. */
char *vf_failure_text(const json_t *end)
{
    vf_autobuf struct vf_buf b = {0};
    int64_t code = vf_json_int(end, "exit");
    const json_t *report = json_object_get(end, "report"), *error = json_object_get(end, "error");
    const char *vm = vf_json_str(report, "vm"), *target = vf_json_str(report, "target"),
               *result = vf_json_str(report, "result"), *log = vf_json_str(report, "log");
    bool back = vf_streq(result, "not rolled back"), returns = vf_streq(result, "not returned");
    bool refused = back && vf_streq(vf_json_str(error, "code"), vf_error_code_name(VF_E_CONFLICT));
    if (code < 0 || (size_t)code >= VF_COUNT(outcomes) || !outcomes[code].states)
        code = VF_EXIT_PERSON;
    bool over = code == VF_EXIT_PERSON && vf_json_true(report, "target_may_have_run");
    bool native = vf_streq(vf_json_str(report, "method"), "remote-migrate");
    const char *const *passed = native ? migrated : ran;
    const char *states = over      ? passed[0]
                         : refused ? N_("source and target: not touched")
                                   : outcomes[code].states;
    const char *next = over      ? passed[1]
                       : refused ? N_("keep the target VM; the source is there still, renamed")
                                 : outcomes[code].next;
    if (returns && (size_t)code < VF_COUNT(returning) && returning[code][0]) {
        states = returning[code][0];
        next = returning[code][1];
    }
    vf_autofree char *head = header(report, result, vm ? vm : "?", target ? target : "?");
    vf_buf_printf(&b, "\n%s\n", head);
    vf_buf_printf(&b, "  %-*s %s\n", vf_pad(_("why:"), 7), _("why:"), vf_json_str(error, "text"));
    bool waits = code == VF_EXIT_INTERRUPTED;
    const char *service = waits ? vf_json_str(report, "service") : NULL;
    vf_autofree char *commands = waits ? interrupted_next(report) : NULL;
    vf_buf_printf(&b, "  %-*s %s\n", vf_pad(_("state:"), 7), _("state:"),
                  service ? service : _(states));
    if (waits && vf_json_str(report, "kept"))
        vf_buf_printf(&b, "  %-*s %s\n", vf_pad(_("kept:"), 7), _("kept:"),
                      vf_json_str(report, "kept"));
    vf_buf_printf(&b, "  %-*s %s\n", vf_pad(_("next:"), 7), _("next:"),
                  commands ? commands : _(next));
    if (log)
        vf_buf_printf(&b, "  %-*s %s\n", vf_pad(_("log:"), 7), _("log:"), log);
    return vf_buf_take(&b);
}
