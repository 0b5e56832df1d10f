/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The proof against the source: what stands at the target is compared with what the source's own
 * host, asked a second time, has. Verifying the copy says that the target equals what was received;
 * a source that is read over a network by somebody else's server could have sent anything. */
#include "config.h"
#include "job/job_text.h"
#include "job/steps.h"
#include "job/sums.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/i18n.h"
#include "base/log.h"
#include "base/str.h"
#include "xfer/host.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define MIB   (UINT64_C(1) << 20)
#define PIECE VF_SUMS_PIECE

enum {
    AT_ONCE = 4,     /* pieces in one call at the target */
    SAMPLES = 32,    /* of a MiB, where the source's host has no hash of its own */
    SAY_EVERY = 60,  /* seconds */
    KEEP_EVERY = 30, /* seconds between two lines in the journal */
    SUM_LEN = 64,
};

/* Compares with a source that has a hash of its own; of a sample of what is read twice, else. */
bool vf_job_hashes_source(const struct vf_job *job)
{
    return job->plan->verify == VF_VERIFY_FULL && job->source_pve && job->source_pve->ops->hash;
}

struct piece {
    uint64_t offset, length;
    char *source, *target; /* 64 hex digits */
    bool beside;           /* SOURCE was made while it was copied */
};

struct proof {
    struct vf_job *job;
    const struct vf_plan_disk *disk;
    const char *volume; /* at the source */
    char *key, *path, *format;
    size_t i;                                      /* of the disk */
    uint64_t seed, done, agreed, beside, compared; /* bytes compared, pieces; of these, BESIDE */
    bool by_host, known;                           /* known: whether by_host */
    bool all; /* parts of it were copied unread: nothing but a comparison of all of it will do */
    struct piece pieces[AT_ONCE];
    size_t n;
    bool far_failed; /* it was the target that could not be asked */
    int64_t said, kept;
};

static void clear_pieces(struct proof *p)
{
    for (size_t i = 0; i < p->n; i++) {
        free(p->pieces[i].source);
        free(p->pieces[i].target);
    }
    p->n = 0;
}

static void add_piece(struct proof *p, uint64_t offset, uint64_t length)
{
    p->pieces[p->n++] = (struct piece){.offset = offset, .length = length};
}

/* splitmix64: the same places again after an interruption. */
static uint64_t random_at(uint64_t seed, uint64_t i)
{
    uint64_t z = seed + (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static void add_sample(struct proof *p, uint64_t i)
{
    uint64_t size = p->disk->size, chunks = (size + MIB - 1) / MIB;
    uint64_t at = (chunks <= SAMPLES ? i : random_at(p->seed, i) % chunks) * MIB;
    add_piece(p, at, size - at < MIB ? size - at : MIB);
}

/* ---- both sides ---- */

struct far_side {
    struct proof *p;
    pthread_t thread;
    struct vf_error *why;
    int rc;
};

/* Lines "SUM  NAME", as many as pieces. */
static int read_sums(struct proof *p, char *text, struct vf_error **err)
{
    size_t i = 0;
    for (char *line; (line = strsep(&text, "\n")) && *line; i++) {
        if (i == p->n || strspn(line, "0123456789abcdef") != SUM_LEN || line[SUM_LEN] != ' ')
            break;
        p->pieces[i].target = vf_strndup(line, SUM_LEN);
    }
    return i == p->n ? 0
                     : vf_fail(err, VF_E_CORRUPT, _("the helper at the target printed no sums"));
}

static int hash_target(struct proof *p, struct vf_error **err)
{
    struct vf_carrier *c = p->job->carrier;
    vf_autostrv char **args = vf_strv_new();
    vf_strv_add(&args, vf_carrier_mover(c));
    vf_strv_add(&args, p->path);
    vf_strv_add(&args, p->format);
    for (size_t i = 0; i < p->n; i++) {
        vf_strv_add(&args, "--at");
        vf_strv_addf(&args, "%" PRIu64 ":%" PRIu64, p->pieces[i].offset, p->pieces[i].length);
    }
    static const char script[] = "mover=$1 path=$2 format=$3\n"
                                 "shift 3\n"
                                 "exec \"$mover\" hash --format \"$format\" --sha256 \"$@\" -- "
                                 "\"$path\"\n";
    vf_autofree char *text =
        vf_host_shell(vf_carrier_ssh(c, true), script, args, p->job->cancel, err);
    return text ? read_sums(p, text, err) : -1;
}

static void *far_main(void *arg)
{
    struct far_side *f = arg;
    f->rc = hash_target(f->p, &f->why);
    return NULL;
}

/* Beside it, here. UNSUPPORTED: the source cannot tell of a range like that. */
static int hash_source(struct proof *p, struct vf_error **err)
{
    struct vf_provider *s = p->job->source_pve;
    for (size_t i = 0; i < p->n; i++) {
        struct piece *x = &p->pieces[i];
        bool by_host = false;
        if (vf_cancel_check(p->job->cancel, err) < 0)
            return -1;
        x->source = vf_sums_take(p->job->sums, p->i, x->length, x->offset);
        x->beside = by_host = x->source;
        if (!x->source) {
            pthread_mutex_lock(&p->job->hands);
            x->source = s->ops->hash(s, p->job->source->node, p->volume, x->length, x->offset,
                                     &by_host, err);
            pthread_mutex_unlock(&p->job->hands);
        }
        if (!x->source)
            return -1;
        p->by_host = p->known ? p->by_host && by_host : by_host;
        p->known = true;
    }
    return 0;
}

static int differ(const struct proof *p, const struct piece *x, struct vf_error **err)
{
    vf_autofree char *length = vf_format_bytes(x->length), *at = vf_format_bytes(x->offset);
    vf_info("proof",
            "%s: %" PRIu64 " bytes at %" PRIu64 ": SHA-256 %s at the source, %s at the "
            "target",
            p->disk->slot, x->length, x->offset, x->source, x->target);
    return vf_fail(err, VF_E_CORRUPT,
                   _("disk %s at the target is not what the source has: of the %s at %s SHA-256 is "
                     "%.8s... at the source and %.8s... at the target. Something changed what "
                     "went over, or a disk fails; should it come again, look at both hosts"),
                   p->disk->slot, length, at, x->source, x->target);
}

/* One batch: 0 it agrees. */
static int compare(struct proof *p, struct vf_error **err)
{
    struct far_side f = {.p = p};
    if (pthread_create(&f.thread, NULL, far_main, &f) != 0)
        return vf_fail(err, VF_E_INTERNAL, "no thread could be made");
    vf_autoerror struct vf_error *why = NULL;
    int rc = hash_source(p, &why);
    pthread_join(f.thread, NULL);
    vf_autoerror struct vf_error *far = f.why;
    p->far_failed = f.rc < 0;
    if (f.rc < 0) {
        vf_fail_with(err, VF_STEAL(far));
        return vf_fail_prefix(err, _("the SHA-256 of %s at the target"), p->disk->slot);
    }
    if (rc < 0) {
        vf_fail_with(err, VF_STEAL(why));
        return vf_fail_prefix(err, _("the SHA-256 of %s at the source"), p->disk->slot);
    }
    for (size_t i = 0; i < p->n; i++)
        if (!vf_streq(p->pieces[i].source, p->pieces[i].target))
            return differ(p, &p->pieces[i], err);
    return 0;
}

/* Over outages of either side. PIECES are planned by whoever calls. */
static int compare_patiently(struct proof *p, struct vf_error **err)
{
    const int64_t end = vf_clock_awake_ms() + vf_clock_limit(VF_T_RECONNECT);
    const int most = vf_clock_limit(VF_T_RETRY_MOST);
    for (int delay = vf_clock_limit(VF_T_RETRY);; delay = 2 * delay < most ? 2 * delay : most) {
        vf_autoerror struct vf_error *e = NULL;
        if ((p->job->carrier || vf_job_hosts_open(p->job, &e) == 0) && compare(p, &e) == 0)
            return 0;
        if (!vf_error_is_transient(e) || vf_clock_awake_ms() + delay > end)
            return vf_fail_with(err, VF_STEAL(e));
        vf_job_note_retry(p->job, e, end);
        for (size_t i = 0; i < p->n; i++) {
            vf_str_set(&p->pieces[i].source, NULL);
            vf_str_set(&p->pieces[i].target, NULL);
        }
        if (p->far_failed)
            vf_job_hosts_close(p->job); /* and made anew */
        if (vf_cancel_sleep(p->job->cancel, delay, err) < 0)
            return -1;
    }
}

/* ---- a whole disk ---- */

static json_t *result_of(const struct proof *p, const char *why)
{
    return json_pack("{s:s, s:I, s:I, s:I, s:I, s:s?}", "by",
                     why          ? "nobody"
                     : p->by_host ? "host"
                                  : "second read",
                     "pieces", (json_int_t)p->agreed, "beside", (json_int_t)p->beside, "bytes",
                     (json_int_t)p->compared, "size", (json_int_t)p->disk->size, "why", why);
}

static void count(struct proof *p)
{
    for (size_t i = 0; i < p->n; i++) {
        p->agreed++;
        p->beside += p->pieces[i].beside;
        p->compared += p->pieces[i].length;
    }
}

/* Every piece, from where an earlier process was. */
static int keep(struct proof *p, struct vf_error **err)
{
    struct vf_job *job = p->job;
    int64_t now = vf_clock_unix();
    if (now - p->said >= SAY_EVERY && p->done < p->disk->size) {
        vf_autofree char *done = vf_format_bytes(p->done), *size = vf_format_bytes(p->disk->size);
        if (p->by_host)
            vf_job_note(job, "info", _("%s: %s of %s agree with the source host's own SHA-256"),
                        p->disk->slot, done, size);
        else
            vf_job_note(job, "info", _("%s: %s of %s agree with what is read a second time"),
                        p->disk->slot, done, size);
        p->said = now;
    }
    if (now - p->kept < KEEP_EVERY)
        return 0;
    p->kept = now;
    vf_autofree char *key = vf_asprintf("%s/to", p->key);
    return vf_job_fact(
        job, key,
        json_pack("{s:I, s:I}", "to", (json_int_t)p->done, "pieces", (json_int_t)p->agreed), err);
}

static int prove_all(struct proof *p, struct vf_error **err)
{
    const uint64_t size = p->disk->size;
    for (uint64_t unit = PIECE; p->done < size;) {
        clear_pieces(p);
        for (uint64_t at = p->done; at < size && p->n < AT_ONCE;) {
            uint64_t next = (at / unit + 1) * unit;
            add_piece(p, at, (next < size ? next : size) - at);
            at = next;
        }
        vf_autoerror struct vf_error *e = NULL;
        if (compare_patiently(p, &e) < 0) {
            /* not over the seam of two files; in smaller pieces up to it */
            if (vf_error_code(e) != VF_E_UNSUPPORTED || unit == MIB)
                return vf_fail_with(err, VF_STEAL(e));
            unit /= 2;
            continue;
        }
        count(p);
        const struct piece *last = &p->pieces[p->n - 1];
        p->done = last->offset + last->length;
        unit = unit < PIECE && p->done % (2 * unit) == 0 ? 2 * unit : unit;
        if (keep(p, err) < 0)
            return -1;
    }
    return 0;
}

static int prove_sample(struct proof *p, struct vf_error **err)
{
    uint64_t chunks = (p->disk->size + MIB - 1) / MIB;
    for (uint64_t i = p->agreed; i < SAMPLES && i < chunks;) {
        clear_pieces(p);
        for (; p->n < AT_ONCE && i < SAMPLES && i < chunks; i++)
            add_sample(p, i);
        if (compare_patiently(p, err) < 0)
            return -1;
        count(p);
    }
    return 0;
}

static int prove(struct proof *p, struct vf_error **err)
{
    /* the first MiB of the sample tells whose hash it is */
    add_sample(p, 0);
    if (compare_patiently(p, err) < 0)
        return -1;
    if (p->by_host || p->all)
        return prove_all(p, err);
    count(p);
    return prove_sample(p, err);
}

static void say(const struct proof *p, const char *why)
{
    vf_autojson json_t *r = result_of(p, why);
    vf_autofree char *said = vf_source_check_text(r);
    vf_job_note(p->job, why ? "warn" : "info", "%s: %s", p->disk->slot, said);
}

static int begin(struct proof *p, size_t i, struct vf_error **err)
{
    struct vf_job *job = p->job;
    const struct vf_record *before = vf_journal_find(job->journal, p->key);
    vf_autofree char *to_key = vf_asprintf("%s/to", p->key);
    const struct vf_record *to = vf_job_was_done(job, to_key);
    struct vf_volume v = {0};
    p->path = vf_job_volume_path(job, true, job->plan->target_node, job->disks[i].volume, &v, err);
    p->format = vf_strdup(v.format);
    vf_volume_clear(&v);
    if (!p->path)
        return -1;
    bool resumes = before && before->state == VF_REC_INTENT;
    if (resumes && to && to->at >= before->at) {
        p->done = (uint64_t)vf_json_int(to->result, "to");
        p->agreed = (uint64_t)vf_json_int(to->result, "pieces");
        p->compared = p->done;
    }
    vf_autofree char *hex = vf_random_hex(8);
    const char *seed = resumes ? vf_json_str(before->intent, "seed") : NULL;
    seed = seed ? seed : hex;
    p->seed = strtoull(seed, NULL, 16);
    p->said = p->kept = vf_clock_unix();
    return vf_job_intend(job, p->key, json_pack("{s:s}", "seed", seed), err);
}

static int prove_disk(struct vf_job *job, size_t i, struct vf_error **err)
{
    struct proof p = {
        .i = i, .job = job, .disk = &job->plan->disks[i], .volume = job->plan->disks[i].volume};
    p.key = vf_asprintf("source-hash/%s", p.disk->slot);
    p.all = vf_job_unread(job, p.disk->slot) > 0;
    int rc = 0;
    if (!vf_job_was_done(job, p.key)) {
        vf_autoerror struct vf_error *e = NULL;
        rc = begin(&p, i, err) < 0 ? -1 : prove(&p, &e);
        bool cannot = rc < 0 && vf_error_code(e) == VF_E_UNSUPPORTED && !p.all;
        if (e && !cannot)
            vf_fail_with(err, VF_STEAL(e));
        if (rc == 0 || cannot) {
            say(&p, cannot ? vf_error_text(e) : NULL);
            rc = vf_job_done(job, p.key, result_of(&p, cannot ? vf_error_text(e) : NULL), err);
        }
    }
    clear_pieces(&p);
    free(p.key);
    free(p.path);
    free(p.format);
    return rc;
}

/* Has somebody written to the source since it was copied, or started it? Then neither what was
 * hashed before the copying ended nor what was copied is what it has. */
static int look_at_source(struct vf_job *job, struct vf_error **err)
{
    return vf_job_source_down(job, err) < 0 || vf_job_check_written(job, err) < 0 ? -1 : 0;
}

/* WHY a disk is not proven. A difference that somebody's writing explains is none of a host that
 * errs, whichever of the pieces is met first. */
static int fail(struct vf_job *job, struct vf_error *why, struct vf_error **err)
{
    vf_autoerror struct vf_error *written = NULL;
    bool theirs = vf_error_code(why) == VF_E_CORRUPT && look_at_source(job, &written) < 0 &&
                  vf_error_code(written) == VF_E_CONFLICT;
    if (!theirs)
        return vf_fail_with(err, why);
    vf_info("proof", "%s", vf_error_text(why));
    vf_error_free(why);
    return vf_fail_with(err, VF_STEAL(written));
}

int vf_step_source_hash(struct vf_job *job, struct vf_error **err)
{
    bool beside = job->sums;
    vf_autoerror struct vf_error *why = NULL;
    int rc = vf_job_share_ssh(job, &why);
    /* what runs there is no longer what was copied */
    for (size_t i = 0; rc == 0 && !vf_job_target_ran(job) && i < job->plan->n_disks; i++)
        rc = prove_disk(job, i, &why);
    vf_sums_free(VF_STEAL(job->sums));
    if (rc < 0)
        return fail(job, VF_STEAL(why), err);
    return beside ? look_at_source(job, err) : 0;
}
