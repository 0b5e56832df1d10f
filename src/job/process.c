/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Making a job and its process: `vmferry __job MODE DIR`, detached from terminal and parent. */
#include "config.h"
#include "job/job_priv.h"
#include "job/batch.h"
#include "job/detach.h"
#include "job/job_text.h"
#include "job/lease.h"
#include "job/resume.h"
#include "job/server.h"
#include "job/stage.h"
#include "job/state.h"
#include "job/sums.h"
#include "base/clock.h"
#include "base/fdio.h"
#include "base/i18n.h"
#include "base/log.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>

static const char *const mode_names[] = {"run", "rollback", "return", "return-remove"};

int vf_job_mode(const char *name)
{
    for (size_t i = 0; i < VF_COUNT(mode_names); i++)
        if (vf_streq(name, mode_names[i]))
            return (int)i;
    return -1;
}

static int write_job(const char *id, const char *dir, const char *conf, const struct vf_plan *plan,
                     const char *batch, struct vf_error **err)
{
    vf_autofree char *path = vf_asprintf("%s/plan.cfg", dir);
    if (vf_mkdirs(dir, 0700, err) < 0 || vf_plan_save(plan, path, err) < 0)
        return -1;
    vf_auto(vf_journal_free) struct vf_journal *j = vf_journal_create(dir, err);
    if (!j)
        return -1;
    json_t *e = vf_event_new("job");
    json_object_set_new(e, "job", json_string(id));
    json_object_set_new(e, "conf", json_string(conf));
    json_object_set_new(e, "vm", json_string(plan->vm_name));
    vf_autofree char *who = vf_who();
    json_object_set_new(e, "by", json_string(who));
    if (plan->rehearse)
        json_object_set_new(e, "rehearsal", json_true());
    json_object_set_new(e, "source", json_string(plan->source));
    json_object_set_new(e, "target", json_string(plan->target));
    if (batch)
        json_object_set_new(e, "batch", json_string(batch));
    return vf_journal_write(j, e, NULL, err);
}

void vf_job_forget(const char *id)
{
    vf_autofree char *dir = vf_job_dir(id);
    vf_stage_forget(dir);
}

char *vf_job_create(const struct vf_plan *plan, const char *conf_path, struct vf_error **err)
{
    return vf_job_create_in(plan, conf_path, NULL, err);
}

/* On STAGE; NULL: one of its own. */
static char *create(const struct vf_plan *plan, const char *conf_path, const char *batch,
                    const char *stage, struct vf_error **err)
{
    vf_autofree char *id = vf_job_new_id();
    vf_autofree char *on = vf_stage_dir(stage ? stage : id), *dir = vf_asprintf("%s/%s", on, id);
    vf_autofree char *absolute = realpath(conf_path, NULL);
    if (!absolute) {
        vf_fail_errno(err, errno, "%s", conf_path);
        return NULL;
    }
    if (write_job(id, dir, absolute, plan, batch, err) == 0 &&
        (stage || vf_stage_show(id, err) == 0))
        return VF_STEAL(id);
    if (!stage)
        vf_stage_drop(id);
    return NULL;
}

char *vf_job_create_in(const struct vf_plan *plan, const char *conf_path, const char *batch,
                       struct vf_error **err)
{
    return create(plan, conf_path, batch, NULL, err);
}

char *vf_job_stage(const struct vf_plan *plan, const char *conf_path, const char *batch,
                   struct vf_error **err)
{
    return create(plan, conf_path, batch, batch, err);
}

int vf_job_spawn(const char *id, enum vf_job_mode mode, struct vf_error **err)
{
    vf_autofree char *dir = vf_job_dir(id);
    const char *const argv[] = {"/proc/self/exe", "__job", mode_names[mode], dir, NULL};
    return vf_detach_start(argv, err) < 0 ? vf_fail_prefix(err, _("starting the job's process"))
                                          : 0;
}

void vf_job_free(struct vf_job *job)
{
    if (!job)
        return;
    vf_lease_free(job->lease);
    vf_sums_free(job->sums);
    vf_job_hosts_close(job);
    vf_provider_free(job->source_pve);
    vf_provider_free(job->target_pve);
    vf_vm_free(job->source);
    vf_vm_free(job->target);
    for (size_t i = 0; job->disks && i < job->plan->n_disks; i++) {
        free(job->disks[i].volume);
        vf_copy_result_free(&job->disks[i].result);
    }
    free(job->disks);
    for (size_t i = 0; i < VF_COUNT(job->vouchers); i++)
        free(job->vouchers[i].node);
    pthread_mutex_destroy(&job->warn_lock);
    json_decref(job->warnings);
    json_decref(job->step_times);
    vf_plan_free(job->plan);
    vf_conf_free(job->conf);
    vf_journal_free(job->journal);
    vf_bus_free(job->bus);
    vf_cancel_free(job->cancel);
    vf_cancel_free(job->fired);
    pthread_mutex_destroy(&job->stop_lock);
    pthread_mutex_destroy(&job->hands);
    free(job->id);
    free(job->dir);
    free(job->marker);
    free(job->kept);
    free(job);
}

/* Each process of a job says so in the journal before it does anything. */
static int note_start(struct vf_job *job, enum vf_job_mode mode, struct vf_error **err)
{
    json_t *e = vf_event_new("start");
    json_object_set_new(e, "mode", json_string(mode_names[mode]));
    json_object_set_new(e, "pid", json_integer(getpid()));
    return vf_journal_write(job->journal, e, NULL, err);
}

/* Those in the report of the process before this one. */
static json_t *earlier_warnings(const char *dir)
{
    vf_autofree char *path = vf_asprintf("%s/report.json", dir);
    vf_autojson json_t *report = json_load_file(path, 0, NULL);
    json_t *list = json_object_get(report, "warnings");
    return json_is_array(list) ? json_incref(list) : json_array();
}

struct vf_job *vf_job_load(const char *dir, bool read_only, struct vf_error **err)
{
    vf_auto(vf_job_free) struct vf_job *job = vf_xcalloc(1, sizeof *job);
    const char *slash = strrchr(dir, '/');
    job->id = vf_strdup(slash ? slash + 1 : dir);
    job->dir = vf_strdup(dir);
    job->started_ms = vf_clock_ms();
    job->step_times = json_array();
    job->bus = vf_bus_new();
    job->asker = vf_bus_asker(job->bus);
    job->cancel = vf_cancel_new(NULL);
    pthread_mutex_init(&job->stop_lock, NULL);
    pthread_mutex_init(&job->hands, NULL);
    pthread_mutex_init(&job->warn_lock, NULL);
    job->warnings = earlier_warnings(dir);
    vf_autofree char *path = vf_asprintf("%s/plan.cfg", dir);
    job->plan = vf_plan_load(path, err);
    job->journal = job->plan ? vf_journal_open(dir, read_only, err) : NULL;
    if (!job->journal)
        return NULL;
    job->marker = vf_marker_of(job->id, job->journal);
    job->had_record = vf_lease_event(job->journal) != NULL;
    const char *conf = vf_json_str(vf_journal_last(job->journal, "job"), "conf");
    if (!conf) {
        vf_fail(err, VF_E_CORRUPT, _("%s: the journal names no configuration"), dir);
        return NULL;
    }
    job->conf = vf_conf_load(conf, err);
    if (!job->conf)
        return NULL;
    job->disks = vf_xcalloc(job->plan->n_disks, sizeof *job->disks);
    for (size_t i = 0; i < job->plan->n_disks; i++)
        job->disks[i].slot = job->plan->disks[i].slot;
    const json_t *rate = vf_journal_last(job->journal, "rate");
    uint64_t limit = rate ? (uint64_t)vf_json_int(rate, "rate") : job->plan->rate;
    if (!rate) /* while it waited its batch may have got another */
        vf_batch_limit(vf_json_str(vf_journal_last(job->journal, "job"), "batch"), &limit);
    atomic_store(&job->limit, limit);
    atomic_store(&job->rate, atomic_load(&job->limit));
    return VF_STEAL(job);
}

int vf_job_connect(struct vf_job *job, struct vf_error **err)
{
    struct {
        const char *name;
        struct vf_provider **p;
    } ends[] = {{job->plan->source, &job->source_pve}, {job->plan->target, &job->target_pve}};
    for (size_t i = 0; i < VF_COUNT(ends); i++) {
        if (*ends[i].p)
            continue;
        const struct vf_cluster_conf *c = vf_conf_cluster(job->conf, ends[i].name, err);
        *ends[i].p =
            c ? vf_provider_open(c, job->plan->verify_tls, &job->asker, job->cancel, err) : NULL;
        if (!*ends[i].p)
            return -1;
    }
    return 0;
}

static enum vf_exit roll_back(struct vf_job *job, struct vf_error **err)
{
    if (!vf_job_was_done(job, "preflight"))
        return VF_EXIT_DONE; /* nothing was touched */
    if (vf_job_connect(job, err) < 0)
        return VF_EXIT_INTERRUPTED;
    if (vf_job_load_source(job, err) < 0)
        return VF_EXIT_PERSON;
    if (vf_lease_again(job, err) < 0)
        return vf_error_code(*err) == VF_E_CONFLICT ? VF_EXIT_PERSON : VF_EXIT_INTERRUPTED;
    if (vf_job_roll_back(job, err) < 0)
        return vf_error_code(*err) == VF_E_CANCELLED || vf_error_is_transient(*err)
                   ? VF_EXIT_INTERRUPTED
                   : VF_EXIT_PERSON;
    return VF_EXIT_DONE;
}

static bool returns(enum vf_job_mode mode)
{
    return mode == VF_JOB_RETURN || mode == VF_JOB_RETURN_REMOVE;
}

struct worker {
    struct vf_job *job;
    enum vf_job_mode mode;
    enum vf_exit code;
    bool finished; /* the move was, before this process began */
    atomic_bool over;
};

/* Report and the last line, which tells clients that this is the end. */
static void conclude(struct worker *w, struct vf_error *failed)
{
    struct vf_job *job = w->job;
    json_t *report = vf_report(job, w->code, failed);
    bool good = w->code == VF_EXIT_DONE, back = returns(w->mode);
    if (w->mode == VF_JOB_ROLLBACK)
        json_object_set_new(report, "result",
                            json_string(good ? N_("rolled back") : N_("not rolled back")));
    if (back)
        json_object_set_new(report, "result",
                            json_string(good ? N_("returned") : N_("not returned")));
    json_object_set_new(report, "mode", json_string(mode_names[w->mode]));
    /* the report of the move stays: what was copied and when is wanted all the more */
    vf_autofree char *path = vf_asprintf("%s/%s", job->dir, back ? "return.json" : "report.json");
    char *text = json_dumps(report, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
    vf_autoerror struct vf_error *why = NULL;
    bool keep = w->finished && !back; /* that of a finished move is never written over */
    if (!keep && (!text || vf_replace_file(path, text, strlen(text), 0600, &why) < 0))
        vf_job_note(job, "warn", _("the report could not be written: %s"), vf_error_text(why));
    free(text);
    json_t *e = vf_event_new("end");
    json_object_set_new(e, "exit", json_integer(w->code));
    json_object_set_new(e, "report", report);
    if (failed)
        json_object_set_new(e, "error", vf_event_error(failed));
    char *line = NULL;
    json_incref(e);
    if (vf_journal_write(job->journal, e, &line, NULL) < 0)
        line = vf_event_line(json_incref(e));
    json_decref(e);
    vf_bus_say(job->bus, line);
}

static void *work(void *arg)
{
    struct worker *w = arg;
    vf_autoerror struct vf_error *failed = NULL;
    w->finished = vf_job_was_done(w->job, "finish/description") != NULL;
    if (returns(w->mode))
        w->code = vf_job_return(w->job, w->mode == VF_JOB_RETURN_REMOVE, &failed);
    else if (w->mode == VF_JOB_ROLLBACK)
        w->code = roll_back(w->job, &failed);
    else
        w->code = vf_job_run(w->job, &failed);
    if (failed)
        vf_log(VF_LOG_ERROR, "job", "%s: %s", vf_error_code_name(failed->code), failed->text);
    if (vf_lease_lost(w->job)) {
        w->code = VF_EXIT_INTERRUPTED;
        vf_carrier_leave(w->job->carrier);
        vf_lease_note_lost(w->job, vf_error_text(failed));
    }
    /* what ended with the connections holds keys and disks for as long as it waits for them */
    bool stopped = w->job->carrier && atomic_load(&w->job->keep) && !vf_lease_lost(w->job);
    vf_job_hosts_close(w->job);
    if (stopped) {
        vf_job_calm(w->job);
        vf_job_sweep_hosts(w->job);
    }
    if (w->code != VF_EXIT_INTERRUPTED) /* else the rest of it is still to come */
        vf_job_drop_tokens(w->job);
    conclude(w, failed);
    vf_lease_end(w->job, vf_journal_way(w->job->journal) == VF_WAY_NONE);
    atomic_store(&w->over, true);
    return NULL;
}

/* What whoever comes along has to know: what the job is, and how fast it may copy. */
static void say_known(struct vf_job *job, enum vf_job_mode mode)
{
    const json_t *e = vf_journal_last(job->journal, "job");
    uint64_t limit = atomic_load(&job->limit);
    if (e)
        vf_bus_say(job->bus, vf_event_line(json_deep_copy(e)));
    /* nobody ever spoke of one, or nothing is copied */
    if (mode != VF_JOB_RUN || (!limit && !vf_journal_last(job->journal, "rate")))
        return;
    json_t *rate = vf_event_new("rate");
    json_object_set_new(rate, "rate", json_integer((json_int_t)limit));
    vf_bus_say(job->bus, vf_event_line(rate));
}

/* Who watches is to know since when the VM is down, also when an earlier process shut it down. */
static void say_outage(struct vf_job *job)
{
    const json_t *events = vf_journal_events(job->journal);
    for (size_t i = 0; i < json_array_size(events); i++) {
        const json_t *e = json_array_get(events, i);
        const char *key = vf_json_str(e, "key");
        if (vf_streq(vf_json_str(e, "type"), "step") &&
            (vf_streq(key, "shutdown") || vf_streq(key, "start")))
            vf_bus_say(job->bus, vf_event_line(json_deep_copy(e)));
    }
}

static void tell(void *opaque, const char *whose, const char *said)
{
    vf_autofree char *text = vf_secret_waits_text(whose, said);
    vf_job_note(opaque, "info", "%s", text);
}

static int serve(struct vf_job *job, enum vf_job_mode mode, struct vf_server *server)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    sigdelset(&set, SIGPIPE);
    sigdelset(&set, SIGHUP); /* a job has no terminal to lose */
    vf_autofd int signals = signalfd(-1, &set, SFD_CLOEXEC);
    struct worker w = {.job = job, .mode = mode, .code = VF_EXIT_PERSON};
    say_known(job, mode);
    say_outage(job);
    pthread_t thread;
    if (signals < 0 || pthread_create(&thread, NULL, work, &w) != 0)
        return VF_EXIT_INTERRUPTED;
    vf_server_run(server, signals, &w.over);
    pthread_join(thread, NULL);
    return w.code;
}

int vf_job_process(const char *dir, enum vf_job_mode mode)
{
    int ready;
    int parent = vf_detach(&ready);
    if (parent >= 0)
        return parent;
    vf_autoerror struct vf_error *err = NULL;
    vf_auto(vf_job_free) struct vf_job *job = NULL;
    struct vf_server *server = NULL;
    vf_autofd int lock = vf_job_lock(dir, &err);
    if (lock >= 0)
        job = vf_job_load(dir, false, &err);
    if (job && vf_detach_stdio(dir, &err) == 0 && note_start(job, mode, &err) == 0)
        server = vf_server_new(job, &err);
    vf_detach_ready(ready, err);
    vf_secret_tell(tell, job);
    int code = server ? serve(job, mode, server) : VF_EXIT_FAILED;
    vf_secret_tell(NULL, NULL);
    if (server)
        vf_server_close(server);
    /* who follows us waits for the hang-up: then the job can be taken up by another process */
    if (lock >= 0)
        close(VF_STEAL_FD(lock));
    vf_server_free(server);
    return code;
}
