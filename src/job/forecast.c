/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "job/forecast.h"
#include "job/job_priv.h"
#include "base/clock.h"
#include "base/i18n.h"
#include "base/log.h"
#include "base/str.h"

/* What is known of moves without measuring, in seconds: a guest that goes down, one that comes up,
 * and what is asked of both APIs and hosts while it runs and while it is down. */
enum { SHUTDOWN_S = 20, START_S = 5, BEFORE_S = 10, BETWEEN_S = 5 };

static const uint64_t worth_measuring = UINT64_C(1) << 30;
/* Written by a running VM while its disks are copied: nobody knows, rather more than too little. */
static const double changing = 0.03;
/* What was written is read back while more is written: it does not double the time. */
static const double verifying = 1.2;

bool vf_forecast_worth(const struct vf_plan *plan)
{
    uint64_t size = 0;
    for (size_t i = 0; i < plan->n_disks; i++)
        size += plan->disks[i].size;
    return plan->copy_disks && plan->method == VF_METHOD_COPY && size > worth_measuring;
}

static double least(double a, double b)
{
    return a <= 0 ? b : b <= 0 ? a : a < b ? a : b;
}

static double used_of(const struct vf_plan *plan, const struct vf_vm *source, size_t i)
{
    const struct vf_disk *d = vf_vm_disk(source, plan->disks[i].slot);
    uint64_t size = plan->disks[i].size;
    return (double)(d && d->used && d->used < size ? d->used : size);
}

void vf_forecast_of(const struct vf_plan *plan, const struct vf_vm *source,
                    const struct vf_rates *rates, double *seconds, double *down)
{
    double copy = least(least(rates->read, rates->way), rates->limit);
    /* hashes are all that goes over then */
    double compare = rates->compare > 0 ? rates->compare : rates->read > 0 ? rates->read : copy;
    bool runs = source->state == VF_VM_RUNNING && !plan->rehearse,
         copies = plan->copy_disks && plan->n_disks;
    *seconds = *down = -1;
    if (plan->method != VF_METHOD_COPY || (copies && copy <= 0))
        return;
    double before = BEFORE_S, between = BETWEEN_S;
    for (size_t i = 0; copies && i < plan->n_disks; i++) {
        double used = used_of(plan, source, i);
        double first = used / copy * (plan->verify == VF_VERIFY_FULL ? verifying : 1);
        if (!vf_plan_precopies(plan, source, i)) {
            between += first;
            continue;
        }
        before += used / copy;
        between += used / compare + changing * used / copy;
    }
    if (runs)
        between += SHUTDOWN_S;
    if (!plan->rehearse && copies && vf_plan_starts(plan, runs))
        between += START_S;
    *seconds = before + between;
    *down = runs ? between : 0;
}

/* Rounded to what people say: 5 s, 10 s, 5 min, half hours. */
static double rounded(double s, bool up)
{
    double unit = s < 20 ? 5 : s < 90 ? 10 : s < 600 ? 60 : s < 5400 ? 300 : 1800;
    long n = (long)(s / unit) + up;
    return (double)(n < 1 ? 1 : n) * unit;
}

static char *span(double s)
{
    return s < 90     ? vf_asprintf(_("%.0f s"), s)
           : s < 5400 ? vf_asprintf(_("%.0f min"), s / 60)
                      : vf_asprintf(_("%.1f h"), s / 3600);
}

char *vf_forecast_text(double seconds)
{
    if (seconds <= 0)
        return NULL;
    vf_autofree char *low = span(rounded(seconds * 0.6, false)),
                     *high = span(rounded(seconds * 1.8, true));
    return vf_asprintf(_("about %s to %s"), low, high);
}

char *vf_prepared_forecast(const struct vf_prepared *p, bool down)
{
    double seconds = down ? p->forecast_down_seconds : p->forecast_seconds;
    if (!p->forecast_lacks || seconds <= 0)
        return vf_forecast_text(seconds);
    vf_autofree char *low = span(rounded(seconds * 0.6, false));
    return vf_asprintf(_("at least %s"), low);
}

/* ------------------------------------------------------------------ of a running job */

double vf_job_forecast_down(const struct vf_job *job)
{
    vf_autojson json_t *events = vf_journal_lines(job->journal);
    for (size_t i = json_array_size(events); i-- > 0;) {
        const json_t *e = json_array_get(events, i);
        if (vf_streq(vf_json_str(e, "type"), "forecast"))
            return vf_json_num(e, "down_seconds");
    }
    return -1;
}

static void note(struct vf_job *job, double seconds, double down, const char *by)
{
    char *line = NULL;
    vf_autoerror struct vf_error *why = NULL;
    if (seconds < 0)
        return;
    json_t *e = vf_event_new("forecast");
    json_object_set_new(e, "seconds", json_real(seconds));
    json_object_set_new(e, "down_seconds", json_real(down));
    json_object_set_new(e, "by", json_string(by));
    if (vf_journal_write(job->journal, e, &line, &why) < 0) {
        vf_info("forecast", "not written down: %s", vf_error_text(why));
        return;
    }
    vf_bus_say(job->bus, line);
    vf_autofree char *all = vf_forecast_text(seconds), *outage = vf_forecast_text(down);
    if (down > 0)
        vf_job_note(job, "info", _("forecast: %s more, of which it is down for %s"), all, outage);
    else
        vf_job_note(job, "info", _("forecast: %s"), all);
}

void vf_job_forecast_first(struct vf_job *job)
{
    struct vf_rates rates = {0};
    struct vf_volume v = {0};
    double seconds, down;
    vf_autoerror struct vf_error *why = NULL;
    if (vf_job_forecast_down(job) >= 0 || !job->carrier || !vf_forecast_worth(job->plan) ||
        vf_job_fetches(job)) /* how fast the source gives its disks shows only then */
        return;
    vf_autofree char *path =
        vf_job_volume_path(job, false, job->source->node, job->plan->disks[0].volume, &v, &why);
    vf_volume_clear(&v);
    bool relay = vf_streq(vf_route_words[job->plan->route], "relay");
    if (!path || vf_probe(vf_carrier_ssh(job->carrier, false), vf_carrier_ssh(job->carrier, true),
                          path, relay, job->cancel, &rates, &why) < 0) {
        vf_info("forecast", "none: %s", vf_error_text(why));
        return;
    }
    rates.limit = (double)atomic_load(&job->rate);
    vf_forecast_of(job->plan, job->source, &rates, &seconds, &down);
    note(job, seconds, down, "probe");
}

/* Of all passes over the disks of the running VM that ended: what the first ones copied, what later
 * ones read, in how long. */
static struct vf_rates measured(const struct vf_job *job)
{
    double sent = 0, copying = 0, read = 0, comparing = 0;
    vf_autojson json_t *events = vf_journal_lines(job->journal);
    for (size_t i = 0; i < json_array_size(events); i++) {
        const json_t *e = json_array_get(events, i), *d = json_object_get(e, "data");
        const char *key = vf_json_str(e, "key");
        if (!key || !vf_starts(key, "precopy/") || !vf_streq(vf_json_str(e, "state"), "done"))
            continue;
        double s = vf_json_num(d, "seconds"), in = (double)vf_json_int(d, "read"),
               out = (double)vf_json_int(d, "sent");
        bool compared = out < in / 4;
        read += compared ? in : 0;
        comparing += compared ? s : 0;
        sent += compared ? 0 : out;
        copying += compared ? 0 : s;
    }
    struct vf_rates r = {0};
    if (comparing > 0)
        r.compare = read / comparing;
    if (copying > 0)
        r.way = sent / copying;
    if (r.way <= 0)
        r.way = r.compare;
    return r;
}

void vf_job_forecast_again(struct vf_job *job)
{
    struct vf_rates rates = measured(job);
    double seconds, down;
    if (rates.way <= 0)
        return;
    rates.limit = (double)atomic_load(&job->rate);
    vf_forecast_of(job->plan, job->source, &rates, &seconds, &down);
    /* what can be done while it runs is done */
    note(job, down, down, "precopy");
}
