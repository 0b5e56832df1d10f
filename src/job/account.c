/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What of a report the steps and disks do not say: who moved it and when, what was expected, what
 * was warned of, what is left for a person. */
#include "config.h"
#include "job/advice.h"
#include "job/job_priv.h"
#include "job/job_text.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/i18n.h"
#include "base/str.h"
#include "plan/name.h"

#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char *vf_who(void)
{
    char host[256] = "?";
    const struct passwd *pw = getpwuid(getuid());
    const char *sudo = getuid() == 0 ? getenv("SUDO_USER") : NULL;
    if (gethostname(host, sizeof host - 1) < 0)
        host[0] = '?';
    vf_autofree char *raw = sudo
                                ? vf_asprintf("%s (root)@%s", sudo, host)
                                : vf_asprintf("%s@%s", pw && pw->pw_name ? pw->pw_name : "?", host);
    return vf_escape(raw);
}

/* Of EVENTS, borrowed; NULL: none. */
static const json_t *event(const json_t *events, const char *type, bool newest)
{
    const json_t *found = NULL;
    for (size_t i = 0; i < json_array_size(events) && (newest || !found); i++)
        if (vf_streq(vf_json_str(json_array_get(events, i), "type"), type))
            found = json_array_get(events, i);
    return found;
}

static void copy_member(json_t *to, const char *as, const json_t *from, const char *key)
{
    json_t *v = json_object_get(from, key);
    if (v)
        json_object_set(to, as, v);
}

/* The whole of it as it was expected at first, the outage as it was expected last. */
static void add_forecast(const json_t *events, json_t *r)
{
    const json_t *first = event(events, "forecast", false), *last = event(events, "forecast", true);
    if (first && vf_streq(vf_json_str(first, "by"), "probe"))
        copy_member(r, "forecast_seconds", first, "seconds");
    copy_member(r, "forecast_downtime", last, "down_seconds");
}

/* What answered before, and whether it does again. */
static void add_service(const struct vf_job *job, json_t *r)
{
    const struct vf_record *before = vf_job_was_done(job, "service"),
                           *after = vf_job_was_done(job, "service-after");
    if (!before)
        return;
    json_t *o = json_object();
    copy_member(o, "tried", before->result, "tried");
    copy_member(o, "why", before->result, "why");
    copy_member(o, "answered", before->result, "answered");
    copy_member(o, "back", after ? after->result : NULL, "back");
    copy_member(o, "missing", after ? after->result : NULL, "missing");
    json_object_set_new(r, "service_test", o);
}

static void by_hand(json_t *list, char *text)
{
    json_array_append_new(list, json_string(text));
    free(text);
}

static void add_by_hand(const struct vf_job *job, json_t *r)
{
    const struct vf_plan *p = job->plan;
    const json_t *missing = json_object_get(json_object_get(r, "service_test"), "missing");
    json_t *list = json_array();
    const struct vf_vm *s = job->source;
    bool ran = s && (s->state != VF_VM_STOPPED || s->guest); /* or ran before it was exported */
    if (p->rehearse)
        by_hand(list, vf_asprintf(_("look at %s at %s; then vmferry rollback %s removes it"),
                                  vf_json_str(r, "target_name"), p->target, job->id));
    else if (ran && !vf_json_true(r, "started"))
        by_hand(list,
                vf_asprintf(_("start %s at %s when it is to run there"), p->vm_name, p->target));
    for (size_t i = 0; i < json_array_size(missing); i++)
        by_hand(list, vf_asprintf(_("find out why %s does not answer"),
                                  json_string_value(json_array_get(missing, i))));
    if (vf_json_str(r, "todo"))
        by_hand(list, vf_strdup(vf_json_str(r, "todo")));
    if (vf_job_was_done(job, "migrated")) {
        vf_autofree char *old = vf_name_with(p->vm_name, VF_MIGRATED);
        by_hand(list,
                s && s->guest
                    ? vf_asprintf(_("remove %s at %s when nobody needs the way back any more"), old,
                                  p->source)
                    : vf_asprintf(
                          _("remove %s (VMID %u) at %s when nobody needs the way back any more"),
                          old, p->vm_id, p->source));
    }
    json_object_set_new(r, "by_hand", list);
}

static bool agent_answers(struct vf_job *job)
{
    const char *agent = vf_opts_get(&job->target->opts, "agent");
    bool on = agent && (*agent == '1' || strstr(agent, "enabled=1"));
    return on && job->target_pve &&
           job->target_pve->ops->agent(job->target_pve, job->plan->target_node, job->target->id) ==
               1;
}

static void add_checklist(struct vf_job *job, json_t *r)
{
    const struct vf_record *console = vf_job_was_done(job, "console");
    if (!job->plan->profile || job->plan->rehearse || !job->target || !job->source)
        return;
    vf_autofree char *moved = vf_name_with(job->plan->vm_name, VF_MIGRATED);
    bool connected = console && !vf_streq(vf_json_str(console->result, "answer"),
                                          vf_console_words[VF_CONSOLE_LEAVE]);
    struct vf_advised a = {.plan = job->plan,
                           .source = job->source,
                           .target = job->target,
                           .source_name =
                               vf_job_was_done(job, "migrated") ? moved : job->plan->vm_name,
                           .started = vf_json_true(r, "started"),
                           .held = vf_job_holds_cards_back(job) && !connected,
                           .tested = vf_job_was_done(job, "service-after") != NULL};
    a.agent = a.started && agent_answers(job);
    vf_autostrv char **texts = vf_advice(&a);
    json_t *list = json_array();
    for (char **t = texts; *t; t++)
        json_array_append_new(list, json_string(*t));
    json_object_set_new(r, "checklist", list);
}

void vf_report_account(struct vf_job *job, enum vf_exit code, json_t *r)
{
    vf_autojson json_t *events = vf_journal_lines(job->journal);
    const json_t *made = event(events, "job", false);
    copy_member(r, "by", made, "by");
    copy_member(r, "begun", made, "time");
    copy_member(r, "source_node",
                vf_job_was_done(job, "preflight") ? vf_job_was_done(job, "preflight")->result
                                                  : NULL,
                "node");
    add_forecast(events, r);
    add_service(job, r);
    pthread_mutex_lock(&job->warn_lock);
    json_object_set_new(r, "warnings",
                        job->warnings ? json_deep_copy(job->warnings) : json_array());
    pthread_mutex_unlock(&job->warn_lock);
    if (code == VF_EXIT_DONE && !vf_journal_find(job->journal, "rollback")) {
        add_by_hand(job, r);
        add_checklist(job, r);
    } else if (vf_json_str(r, "todo")) {
        json_object_set_new(r, "by_hand", json_pack("[s]", vf_json_str(r, "todo")));
    }
}

/* ------------------------------------------------------------------ as text */

static void line(struct vf_buf *b, const char *label, const char *text)
{
    if (text && *text)
        vf_buf_printf(b, "  %-*s %s\n", vf_pad(label, 17), label, text);
}

static void lines(struct vf_buf *b, const char *label, const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        line(b, label, json_string_value(json_array_get(list, i)));
}

/* Each is something to do. */
static void steps(struct vf_buf *b, const char *label, const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        vf_autofree char *text = vf_asprintf("- %s", json_string_value(json_array_get(list, i)));
        line(b, i ? "" : label, text);
    }
}

void vf_account_who_text(const json_t *r, struct vf_buf *b)
{
    line(b, _("by"), vf_json_str(r, "by"));
    line(b, _("begun"), vf_json_str(r, "begun"));
}

void vf_account_rehearsal_text(const json_t *r, struct vf_buf *b)
{
    const char *of = vf_json_str(r, "rehearsal");
    if (!of)
        return;
    line(b, _("rehearsal"),
         _("a test: the source was left alone, the cards of the target are "
           "disconnected"));
    if (vf_streq(of, "running"))
        line(b, "",
             _("its disks were read while the VM wrote on: what was read is what was written "
               "and compared, but it is NO state of one moment"));
}

/* "3 min 05 s; forecast was about 2 to 5 min" */
void vf_account_downtime_text(const json_t *r, struct vf_buf *b)
{
    bool measured = json_object_get(r, "downtime"),
         expected = vf_json_num(r, "forecast_downtime") > 0;
    vf_autofree char *is = vf_format_duration(vf_json_num(r, "downtime"));
    vf_autofree char *was = vf_forecast_text(vf_json_num(r, "forecast_downtime"));
    vf_autofree char *whole = json_object_get(r, "forecast_seconds")
                                  ? vf_forecast_text(vf_json_num(r, "forecast_seconds"))
                                  : NULL;
    line(b, _("forecast"), whole);
    if (measured && expected) {
        vf_autofree char *both = vf_asprintf(_("%s; the forecast was %s"), is, was);
        line(b, _("downtime"), both);
    } else if (measured)
        line(b, _("downtime"), is);
}

static void service_text(const json_t *service, struct vf_buf *b)
{
    if (!service)
        return;
    const json_t *back = json_object_get(service, "back"),
                 *missing = json_object_get(service, "missing");
    line(b, _("service test"), vf_json_str(service, "why"));
    if (json_array_size(back))
        vf_buf_printf(b, _("  %-*s tried from the machine that moved it\n"),
                      vf_pad(_("service test"), 17), _("service test"));
    lines(b, _("answers again"), back);
    lines(b, _("DOES NOT ANSWER"), missing);
}

void vf_account_text(const json_t *r, struct vf_buf *b)
{
    service_text(json_object_get(r, "service_test"), b);
    lines(b, _("warning"), json_object_get(r, "warnings"));
    lines(b, _("by hand"), json_object_get(r, "by_hand"));
    steps(b, _("afterwards"), json_object_get(r, "checklist"));
}
