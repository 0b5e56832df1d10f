/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "job/lease.h"
#include "job/elsewhere.h"
#include "job/vouch.h"
#include "base/fdio.h"
#include "base/i18n.h"
#include "base/log.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { CHUNK = 128 * 1024, STEP_MS = 100, LAG_MS = 1000, MAX_TOKEN = 64 };

struct vf_lease {
    struct vf_job *job;
    struct vf_host_way way;
    char *token;
    struct vf_cancel *stop; /* ends what waits for the host */
    struct vf_ssh *ssh;     /* of the thread, once there is one; NULL: not connected */
    int journal;            /* the file here */
    pthread_t thread;
    bool started;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* under the lock */
    bool end;
    uint64_t asked, answered; /* rounds: one that began after it was asked for */
    bool good;                /* the last round said that the job is ours */
    uint64_t mirrored;        /* bytes of the journal there */
    int64_t valid_from;       /* when the last round began that left a sign of life; ms, boot */
    int64_t round_at;         /* when the last one ended */
    int64_t failing_since;    /* 0: it works */
    bool noted, late;         /* late: a round takes long, and is not waited for */
    int64_t blind_until;      /* the host says nothing: instead of waiting the clusters are asked */
    bool lost;
    char *why; /* the job is another's */
};

/* ------------------------------------------------------------------ words and files */

char *vf_holder_text(const struct vf_mirror_says *s)
{
    time_t t = (time_t)s->since;
    struct tm tm = {0};
    char stamp[32] = "";
    localtime_r(&t, &tm);
    strftime(stamp, sizeof stamp, "%Y-%m-%d %H:%M", &tm);
    vf_autofree char *silent = vf_format_duration(s->silent);
    return s->let_go
               ? vf_asprintf(_("%s (process %u, since %s; it has ended)"), s->who, s->pid, stamp)
               : vf_asprintf(_("%s (process %u, since %s; last sign of life %s ago)"), s->who,
                             s->pid, stamp, silent);
}

const json_t *vf_lease_event(const struct vf_journal *j)
{
    const json_t *events = vf_journal_events(j);
    for (size_t i = json_array_size(events); i-- > 0;) {
        const json_t *e = json_array_get(events, i);
        const char *type = vf_json_str(e, "type");
        if (vf_streq(type, "mirror") || vf_streq(type, "taken-over"))
            return e;
    }
    return NULL;
}

/* The token of the job in DIR, kept there; made when there is none. */
static char *token_of(const char *dir, struct vf_error **err)
{
    vf_autofree char *path = vf_asprintf("%s/lease", dir);
    vf_autofree char *there = vf_read_file(path, MAX_TOKEN, NULL, NULL);
    size_t n = there ? strspn(there, "0123456789abcdef") : 0;
    if (n == 16)
        return vf_strndup(there, n);
    vf_autofree char *token = vf_random_hex(8);
    vf_autofree char *text = vf_asprintf("%s\n", token);
    return vf_replace_file(path, text, strlen(text), 0600, err) < 0 ? NULL : VF_STEAL(token);
}

/* ------------------------------------------------------------------ rounds, by the thread */

/* From now on this process changes nothing any more. */
static void lose(struct vf_lease *l, const char *why)
{
    struct vf_job *job = l->job;
    pthread_mutex_lock(&l->lock);
    bool first = !l->lost;
    if (first)
        l->why = vf_strdup(why);
    l->lost = true;
    pthread_cond_broadcast(&l->changed);
    pthread_mutex_unlock(&l->lock);
    if (!first)
        return;
    vf_log(VF_LOG_ERROR, "job", "%s", why);
    /* ends what waits; what is being put back meets the guard */
    pthread_mutex_lock(&job->stop_lock);
    if (!job->going_back)
        vf_cancel_fire(job->cancel, why);
    pthread_mutex_unlock(&job->stop_lock);
}

static char *taken_by(const struct vf_lease *l, const struct vf_mirror_says *s)
{
    vf_autofree char *who = vf_holder_text(s);
    return vf_asprintf(_("this job was taken over by %s: nothing more is done here. To see it, or "
                         "to take it back when that one is gone: vmferry resume --at %s %s"),
                       who, l->job->plan->target, l->job->id);
}

/* LEN bytes of the journal here from OFFSET on; NULL: none. Caller frees. */
static char *read_part(const struct vf_lease *l, uint64_t offset, size_t *len)
{
    uint64_t end = vf_journal_size(l->job->journal);
    *len = offset < end ? (size_t)(end - offset < CHUNK ? end - offset : CHUNK) : 0;
    if (!*len)
        return NULL;
    char *text = vf_xcalloc(1, *len + 1);
    if (vf_pread_full(l->journal, text, *len, offset) == (ssize_t)*len)
        return text;
    free(text);
    *len = 0;
    return NULL;
}

static int take(struct vf_lease *l, struct vf_ssh *ssh, bool make, struct vf_mirror_says *says,
                struct vf_error **err)
{
    struct vf_mirror_claim c = {.job = l->job->id,
                                .token = l->token,
                                .limit_ms = vf_clock_limit(VF_LEASE_LIMIT_MS),
                                .make = make};
    return vf_mirror_take(ssh, &c, l->stop, says, err);
}

/* A mirror of our own that is empty gets the plan. */
static int put_plan(struct vf_lease *l, struct vf_ssh *ssh, struct vf_error **err)
{
    vf_autofree char *path = vf_asprintf("%s/plan.cfg", l->job->dir);
    vf_autofree char *text = vf_read_file(path, 1 << 20, NULL, err);
    struct vf_mirror_says says = {0};
    int r = text ? vf_mirror_plan(ssh, l->job->id, l->token, text, l->stop, &says, err) : -1;
    vf_mirror_says_clear(&says);
    return r;
}

/* Somebody removed it while this process surely had it: it is made again. */
static int make_again(struct vf_lease *l, struct vf_mirror_says *says, struct vf_error **err)
{
    vf_mirror_says_clear(says);
    if (take(l, l->ssh, true, says, err) < 0)
        return -1;
    return says->word == VF_MIRROR_OURS ? put_plan(l, l->ssh, err) : 0;
}

/* All that the journal has; SAYS: the last answer. */
static int bring(struct vf_lease *l, struct vf_mirror_says *says, struct vf_error **err)
{
    uint64_t at = l->mirrored; /* changed by this thread only */
    for (bool again = true; again;) {
        size_t len;
        vf_autofree char *part = read_part(l, at, &len);
        vf_mirror_says_clear(says);
        if (vf_mirror_put(l->ssh, l->job->id, l->token, at, part, l->stop, says, err) < 0)
            return -1;
        if (says->word == VF_MIRROR_NONE &&
            vf_clock_ms() - l->valid_from < vf_clock_limit(VF_LEASE_VALID_MS) &&
            make_again(l, says, err) < 0)
            return -1;
        if (says->word != VF_MIRROR_OURS)
            return 0;
        again = says->size != at && vf_journal_size(l->job->journal) > says->size;
        if (len && says->size == at)
            return vf_fail(err, VF_E_NOSPACE, "there is no room for it");
        at = says->size;
        pthread_mutex_lock(&l->lock);
        l->mirrored = at;
        pthread_mutex_unlock(&l->lock);
    }
    return 0;
}

static void judge(struct vf_lease *l, const struct vf_mirror_says *says)
{
    if (says->word == VF_MIRROR_OTHER || says->word == VF_MIRROR_LEFT) {
        vf_autofree char *why = taken_by(l, says);
        lose(l, why);
    } else if (says->word == VF_MIRROR_NONE) {
        vf_autofree char *why = vf_asprintf(
            _("the record of this job on %s is gone: another machine has ended the job, or "
              "somebody "
              "removed it; nothing more is done here. vmferry resume %s says how things are"),
            l->way.label, l->job->id);
        lose(l, why);
    }
}

/* Said once it has lasted: whoever resumes elsewhere would miss something. */
static void note_failure(struct vf_lease *l, const struct vf_error *why)
{
    bool say = false;
    pthread_mutex_lock(&l->lock);
    if (!l->failing_since)
        l->failing_since = vf_clock_ms();
    say = !l->noted && vf_clock_ms() - l->failing_since > vf_clock_limit(VF_LEASE_LIMIT_MS);
    l->noted = l->noted || say;
    pthread_mutex_unlock(&l->lock);
    vf_info("mirror", "%s: %s", l->way.label, vf_error_text(why));
    if (say)
        vf_job_note(l->job, "warn",
                    _("the record of this job on %s is not up to date (%s): until it is, the job "
                      "cannot go on from another machine"),
                    l->way.label, vf_error_text(why));
}

static void one_round(struct vf_lease *l)
{
    vf_autoerror struct vf_error *why = NULL;
    struct vf_mirror_says says = {.word = VF_MIRROR_NONE};
    int64_t begun = vf_clock_ms();
    if (!l->ssh)
        l->ssh = vf_host_dial(&l->way, NULL, l->stop, &why);
    int r = l->ssh ? bring(l, &says, &why) : -1;
    bool heard = r == 0 || says.word == VF_MIRROR_OURS;
    if (r < 0) {
        if (vf_error_is_transient(why))
            vf_ssh_free(VF_STEAL(l->ssh));
        note_failure(l, why);
    }
    vf_debug("mirror", "%llu bytes there, %lld ms", (unsigned long long)l->mirrored,
             (long long)(vf_clock_ms() - begun));
    if (heard)
        judge(l, &says);
    pthread_mutex_lock(&l->lock);
    l->good = heard && says.word == VF_MIRROR_OURS;
    if (l->good && says.stamped)
        l->valid_from = begun;
    if (r == 0)
        l->failing_since = 0;
    pthread_mutex_unlock(&l->lock);
    vf_mirror_says_clear(&says);
}

/* Under the lock, until something changes or MS have passed. */
static void wait_changed(struct vf_lease *l, int ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += ms * 1000000L;
    while (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_cond_timedwait(&l->changed, &l->lock, &until);
}

/* Is there something to do? An idle lease is renewed; what was written is brought soon; a host that
 * does not answer is not dialled all the time. */
static bool due(const struct vf_lease *l)
{
    int64_t idle = vf_clock_ms() - l->round_at;
    int renew = vf_clock_limit(VF_LEASE_RENEW_MS);
    bool more = vf_journal_size(l->job->journal) > l->mirrored;
    if (l->failing_since)
        return idle >= vf_clock_limit(VF_T_PING);
    return l->asked > l->answered || idle >= renew || (more && idle >= LAG_MS);
}

static void *lease_main(void *arg)
{
    struct vf_lease *l = arg;
    pthread_mutex_lock(&l->lock);
    while (!l->end && !l->lost) {
        if (!due(l)) {
            wait_changed(l, STEP_MS);
            continue;
        }
        uint64_t round = l->asked;
        pthread_mutex_unlock(&l->lock);
        one_round(l);
        pthread_mutex_lock(&l->lock);
        l->answered = round;
        l->late = false;
        l->round_at = vf_clock_ms();
        pthread_cond_broadcast(&l->changed);
    }
    pthread_mutex_unlock(&l->lock);
    return NULL;
}

/* ------------------------------------------------------------------ beginning */

static struct vf_lease *lease_new(struct vf_job *job, struct vf_error **err)
{
    vf_auto(vf_lease_free) struct vf_lease *l = vf_xcalloc(1, sizeof *l);
    l->job = job;
    l->stop = vf_cancel_new(NULL);
    pthread_mutex_init(&l->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&l->changed, &attr);
    pthread_condattr_destroy(&attr);
    vf_autofree char *path = vf_asprintf("%s/journal.jsonl", job->dir);
    l->journal = open(path, O_RDONLY | O_CLOEXEC);
    if (l->journal < 0) {
        vf_fail_errno(err, errno, "%s", path);
        return NULL;
    }
    l->token = token_of(job->dir, err);
    if (!l->token || vf_job_host_way(job, true, job->plan->target_node, job->plan->disks[0].storage,
                                     &l->way, err) < 0)
        return NULL;
    return VF_STEAL(l);
}

static int guard(void *opaque, struct vf_error **err)
{
    return vf_lease_check(opaque, err);
}

static int start(struct vf_lease *l, uint64_t size, const char *dir, int64_t begun,
                 struct vf_error **err)
{
    struct vf_job *job = l->job;
    l->valid_from = l->round_at = begun;
    l->good = true;
    l->mirrored = size < vf_journal_size(job->journal) ? size : 0;
    json_t *e = vf_event_new("mirror");
    json_object_set_new(e, "host", json_string(l->way.label));
    json_object_set_new(e, "dir", json_string(dir));
    if (vf_journal_write(job->journal, e, NULL, err) < 0)
        return -1;
    if (pthread_create(&l->thread, NULL, lease_main, l) != 0)
        return vf_fail(err, VF_E_INTERNAL, "no thread for the record of the job");
    l->started = true;
    job->lease = l;
    job->source_pve->ops->set_guard(job->source_pve, guard, job);
    job->target_pve->ops->set_guard(job->target_pve, guard, job);
    vf_debug("mirror", "%s %s, %llu bytes", l->way.label, dir, (unsigned long long)size);
    vf_lease_flush(job);
    return 0;
}

/* 1: it is ours; 0: there is none (MAKE: never). */
static int open_lease(struct vf_lease *l, bool make, struct vf_error **err)
{
    struct vf_mirror_says says;
    int64_t begun = vf_clock_ms();
    int r = take(l, l->ssh, make, &says, err);
    if (r == 0 && says.word == VF_MIRROR_OURS)
        r = put_plan(l, l->ssh, err) < 0 || start(l, says.size, says.dir, begun, err) < 0 ? -1 : 1;
    else if (r == 0 && says.word != VF_MIRROR_NONE) {
        vf_autofree char *why = taken_by(l, &says);
        r = vf_fail(err, VF_E_CONFLICT, "%s", why);
    }
    vf_mirror_says_clear(&says);
    return r;
}

int vf_lease_begin(struct vf_job *job, struct vf_error **err)
{
    vf_autoerror struct vf_error *why = NULL;
    if (job->lease)
        return 0;
    vf_auto(vf_lease_free) struct vf_lease *l = lease_new(job, &why);
    /* nobody is asked a second time for what is only a precaution */
    if (l)
        l->ssh = vf_host_dial(&l->way, NULL, l->stop, &why);
    if (l && l->ssh && open_lease(l, true, &why) > 0) {
        VF_STEAL(l);
        return 0;
    }
    if (vf_error_code(why) == VF_E_CONFLICT)
        return vf_fail_with(err, VF_STEAL(why));
    vf_job_note(
        job, "info",
        _("this job can go on from this machine only: its record cannot be kept on %s (%s)"),
        l ? l->way.label : job->plan->target_node, vf_error_text(why));
    return 0;
}

/* ------------------------------------------------------------------ is it ours? */

/* Until a round says whose it is: 0 ours, -1 with *err another's or cancelled, 1 no answer. */
static int hear(struct vf_lease *l, bool patient, struct vf_error **err)
{
    struct vf_job *job = l->job;
    int64_t end = vf_clock_awake_ms() + vf_clock_limit(VF_T_CONNECT + VF_T_PING);
    int r = 1;
    pthread_mutex_lock(&l->lock);
    uint64_t round = 0;
    while (r > 0) {
        if (l->lost)
            r = vf_fail(err, VF_E_CONFLICT, "%s", l->why);
        else if (vf_clock_ms() - l->valid_from < vf_clock_limit(VF_LEASE_VALID_MS))
            r = 0;
        else if (vf_clock_ms() < l->blind_until)
            break; /* it was not heard a moment ago, so it is not waited for */
        else if (round && l->answered >= round && l->good)
            r = 0;
        else if (vf_clock_awake_ms() > end || (round && l->answered >= round && !patient))
            break;
        else if (vf_cancel_check(job->cancel, err) < 0)
            r = -1;
        if (r <= 0)
            break;
        if (!round || l->answered >= round)
            round = ++l->asked;
        pthread_cond_broadcast(&l->changed);
        wait_changed(l, STEP_MS);
    }
    pthread_mutex_unlock(&l->lock);
    return r;
}

int vf_lease_glance(struct vf_job *job, struct vf_error **err)
{
    return job->lease && hear(job->lease, false, err) < 0 ? -1 : 0;
}

int vf_lease_check(struct vf_job *job, struct vf_error **err)
{
    struct vf_lease *l = job->lease;
    int r = l ? hear(l, true, err) : 0;
    if (r <= 0)
        return r;
    vf_autoerror struct vf_error *why = NULL;
    pthread_mutex_lock(&l->lock);
    bool said = l->blind_until != 0;
    pthread_mutex_unlock(&l->lock);
    if (vf_lease_ask_clusters(job, said ? NULL : l->way.label, &why) < 0) {
        if (vf_error_code(why) == VF_E_CONFLICT)
            lose(l, vf_error_text(why));
        return vf_fail_with(err, VF_STEAL(why));
    }
    pthread_mutex_lock(&l->lock);
    l->blind_until = vf_clock_ms() + vf_clock_limit(VF_LEASE_VALID_MS);
    pthread_mutex_unlock(&l->lock);
    return 0;
}

int vf_lease_again(struct vf_job *job, struct vf_error **err)
{
    vf_autoerror struct vf_error *why = NULL;
    if (job->lease || !job->had_record)
        return 0;
    vf_auto(vf_lease_free) struct vf_lease *l = lease_new(job, err);
    if (!l)
        return -1;
    l->ssh = vf_host_dial(&l->way, NULL, l->stop, &why);
    if (!l->ssh && !vf_error_is_transient(why)) {
        vf_error_free(VF_STEAL(why));
        l->ssh = vf_job_ssh(job, true, job->plan->target_node, job->plan->disks[0].storage, &why);
    }
    int r = l->ssh ? open_lease(l, false, &why) : -1;
    if (r > 0) {
        VF_STEAL(l);
        return vf_lease_mark_source(job, err);
    }
    if (vf_error_code(why) == VF_E_CONFLICT) {
        vf_lease_note_lost(job, vf_error_text(why));
        return vf_fail_with(err, VF_STEAL(why));
    }
    /* there is none, or nobody can tell */
    if (vf_lease_ask_clusters(job, r < 0 ? l->way.label : NULL, err) < 0)
        return -1;
    if (r == 0 && open_lease(l, true, &why) > 0)
        VF_STEAL(l);
    return 0;
}

/* ------------------------------------------------------------------ keeping it */

void vf_lease_flush(struct vf_job *job)
{
    struct vf_lease *l = job->lease;
    if (!l)
        return;
    int64_t end = vf_clock_awake_ms() + vf_clock_limit(VF_T_CONNECT);
    pthread_mutex_lock(&l->lock);
    uint64_t round = ++l->asked;
    pthread_cond_broadcast(&l->changed);
    while (l->answered < round && !l->lost && !l->failing_since && !l->late) {
        wait_changed(l, STEP_MS);
        l->late = vf_clock_awake_ms() >= end;
    }
    pthread_mutex_unlock(&l->lock);
}

void vf_lease_note_lost(struct vf_job *job, const char *why)
{
    json_t *e = vf_event_new("taken-over");
    vf_autofree char *text = vf_escape(why);
    json_object_set_new(e, "text", json_string(text));
    vf_autoerror struct vf_error *err = NULL;
    if (vf_journal_write(job->journal, e, NULL, &err) < 0)
        vf_warn("job", "%s", vf_error_text(err));
}

bool vf_lease_lost(const struct vf_job *job)
{
    struct vf_lease *l = job->lease;
    if (!l)
        return false;
    pthread_mutex_lock(&l->lock);
    bool lost = l->lost;
    pthread_mutex_unlock(&l->lock);
    return lost;
}

static void stop_thread(struct vf_lease *l)
{
    if (!l->started)
        return;
    pthread_mutex_lock(&l->lock);
    l->end = true;
    pthread_cond_broadcast(&l->changed);
    pthread_mutex_unlock(&l->lock);
    pthread_join(l->thread, NULL);
    l->started = false;
}

void vf_lease_end(struct vf_job *job, bool over)
{
    struct vf_lease *l = job->lease;
    vf_autoerror struct vf_error *why = NULL;
    if (!l)
        return;
    if (!over)
        vf_lease_flush(job);
    stop_thread(l);
    if (!l->lost && !l->ssh)
        l->ssh = vf_host_dial(&l->way, NULL, l->stop, &why);
    if (!l->lost && l->ssh &&
        (over ? vf_mirror_drop(l->ssh, job->id, l->token, l->stop, &why)
              : vf_mirror_release(l->ssh, job->id, l->token, l->stop, &why)) < 0)
        vf_info("mirror", "%s", vf_error_text(why));
    if (over && why)
        vf_warn("mirror", "the record of this job is left on %s (%s); vmferry cleanup removes it",
                l->way.label, vf_error_text(why));
    job->source_pve->ops->set_guard(job->source_pve, NULL, NULL);
    job->target_pve->ops->set_guard(job->target_pve, NULL, NULL);
    job->lease = NULL;
    vf_lease_free(l);
}

void vf_lease_free(struct vf_lease *l)
{
    if (!l)
        return;
    vf_cancel_fire(l->stop, "the end");
    stop_thread(l);
    vf_ssh_free(l->ssh);
    if (l->journal >= 0)
        close(l->journal);
    vf_host_way_clear(&l->way);
    vf_cancel_free(l->stop);
    pthread_mutex_destroy(&l->lock);
    pthread_cond_destroy(&l->changed);
    free(l->token);
    free(l->why);
    free(l);
}
