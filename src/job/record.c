/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a job writes down and says: steps go to the journal first, notes only to log and watchers.
 */
#include "config.h"
#include "job/lease.h"
#include "base/i18n.h"
#include "base/log.h"
#include "base/str.h"

/* In the report; more are in the log. */
enum { MAX_WARNINGS = 100 };

static int write_step(struct vf_job *job, const char *key, const char *state, json_t *data,
                      const struct vf_error *why, struct vf_error **err)
{
    json_t *e = vf_event_new("step");
    json_object_set_new(e, "key", json_string(key));
    json_object_set_new(e, "state", json_string(state));
    if (data)
        json_object_set_new(e, "data", data);
    if (why)
        json_object_set_new(e, "error", vf_event_error(why));
    char *line = NULL;
    if (vf_journal_write(job->journal, e, &line, err) < 0)
        return -1;
    vf_debug("step", "%s %s", key, state);
    vf_bus_say(job->bus, line);
    return 0;
}

int vf_job_intend(struct vf_job *job, const char *key, json_t *data, struct vf_error **err)
{
    if (vf_cancel_check(job->cancel, err) < 0 || vf_lease_glance(job, err) < 0) {
        json_decref(data);
        return -1;
    }
    if (write_step(job, key, "intent", data, NULL, err) < 0)
        return -1;
    /* what is about to be done is known elsewhere before it is */
    vf_lease_flush(job);
    return 0;
}

int vf_job_fact(struct vf_job *job, const char *key, json_t *data, struct vf_error **err)
{
    return write_step(job, key, "intent", NULL, NULL, err) < 0
               ? (json_decref(data), -1)
               : write_step(job, key, "done", data, NULL, err);
}

int vf_job_done(struct vf_job *job, const char *key, json_t *data, struct vf_error **err)
{
    return write_step(job, key, "done", data, NULL, err);
}

int vf_job_undone(struct vf_job *job, const char *key, struct vf_error **err)
{
    return write_step(job, key, "undone", NULL, NULL, err);
}

int vf_job_failed(struct vf_job *job, const char *key, const struct vf_error *why,
                  struct vf_error **err)
{
    return write_step(job, key, "failed", NULL, why, err);
}

const struct vf_record *vf_job_was_done(const struct vf_job *job, const char *key)
{
    const struct vf_record *r = vf_journal_find(job->journal, key);
    return r && r->state == VF_REC_DONE ? r : NULL;
}

void vf_job_note(struct vf_job *job, const char *level, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vf_autofree char *raw = vf_vasprintf(fmt, ap);
    va_end(ap);
    vf_autofree char *text = vf_escape(raw);
    if (vf_streq(level, "warn") && job->warnings) {
        pthread_mutex_lock(&job->warn_lock);
        if (json_array_size(job->warnings) < MAX_WARNINGS)
            json_array_append_new(job->warnings, json_string(text));
        pthread_mutex_unlock(&job->warn_lock);
    }
    vf_log(vf_streq(level, "warn") ? VF_LOG_WARN : VF_LOG_INFO, "job", "%s", text);
    json_t *e = vf_event_new("note");
    json_object_set_new(e, "level", json_string(level));
    json_object_set_new(e, "text", json_string(text));
    vf_bus_say(job->bus, vf_event_line(e));
}

/* What was asked for and what holds change together: by who watches, and by the worker. */
static pthread_mutex_t rate_lock = PTHREAD_MUTEX_INITIALIZER;

/* What holds for the disks now is used, written down and told. */
static int tell_rate(struct vf_job *job, const char *request, struct vf_error **err)
{
    bool paused = atomic_load(&job->paused);
    atomic_store(&job->rate, paused ? VF_RATE_PAUSED : atomic_load(&job->limit));
    json_t *e = vf_event_new("rate");
    json_object_set_new(e, "rate", json_integer((json_int_t)atomic_load(&job->limit)));
    if (paused)
        json_object_set_new(e, "paused", json_true());
    if (request)
        json_object_set_new(e, "request", json_string(request));
    char *line = NULL;
    if (vf_journal_write(job->journal, e, &line, err) < 0)
        return vf_fail_prefix(err, _("the new rate is used, but not written down"));
    vf_bus_say(job->bus, line);
    return 0;
}

int vf_job_set_rate(struct vf_job *job, uint64_t rate, const char *request, struct vf_error **err)
{
    if (vf_job_is_native(job))
        return vf_fail(
            err, VF_E_UNSUPPORTED,
            _("Proxmox VE moves this VM itself, at a rate that cannot be changed while it "
              "does"));
    pthread_mutex_lock(&rate_lock);
    atomic_store(&job->limit, rate);
    int r = tell_rate(job, request, err);
    pthread_mutex_unlock(&rate_lock);
    return r;
}

int vf_job_pause(struct vf_job *job, bool paused, const char *request, struct vf_error **err)
{
    if (vf_job_is_native(job))
        return vf_fail(err, VF_E_UNSUPPORTED,
                       _("Proxmox VE moves this VM itself, which cannot be paused"));
    pthread_mutex_lock(&rate_lock);
    atomic_store(&job->paused, paused);
    int r = tell_rate(job, request, err);
    pthread_mutex_unlock(&rate_lock);
    return r;
}
