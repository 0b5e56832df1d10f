/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "job/elsewhere.h"
#include "job/lease.h"
#include "job/place.h"
#include "job/state.h"
#include "plan/name.h"
#include "base/fdio.h"
#include "base/i18n.h"
#include "base/log.h"
#include "base/str.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct found {
    struct vf_mirror mirror;
    const struct vf_place_host *host;
};

struct vf_elsewhere {
    const struct vf_conf *conf;
    const struct vf_asker *asker;
    struct vf_place *place;
    char **unreachable;
    struct found *found;
    struct vf_elsewhere_job *jobs; /* as many */
    size_t n;
};

/* ------------------------------------------------------------------ finding */

static bool known(const struct vf_elsewhere *e, const char *job)
{
    for (size_t i = 0; i < e->n; i++)
        if (vf_streq(e->found[i].mirror.job, job))
            return true;
    return false;
}

/* Two names may be one host: what is found twice counts once. */
static int look_at(struct vf_elsewhere *e, const struct vf_place_host *h, struct vf_error **err)
{
    struct vf_mirror *v;
    size_t n;
    if (vf_mirror_list(h->ssh, &v, &n, err) < 0)
        return vf_fail_prefix(err, "%s", h->name);
    for (size_t i = 0; i < n; i++) {
        if (known(e, v[i].job))
            continue;
        *(struct found *)vf_grow(&e->found, &e->n, sizeof *e->found) =
            (struct found){.mirror = v[i], .host = h};
        v[i] = (struct vf_mirror){0};
    }
    vf_mirrors_free(v, n);
    return 0;
}

static char *text_of(const json_t *o, const char *key)
{
    const char *s = vf_json_str(o, key);
    return vf_escape(s ? s : "?");
}

static void tell_jobs(struct vf_elsewhere *e)
{
    e->jobs = vf_xcalloc(e->n ? e->n : 1, sizeof *e->jobs);
    for (size_t i = 0; i < e->n; i++) {
        const struct vf_mirror *m = &e->found[i].mirror;
        vf_autojson json_t *o = m->line ? vf_event_parse(m->line, strlen(m->line)) : NULL;
        e->jobs[i] = (struct vf_elsewhere_job){.id = m->job,
                                               .host = e->found[i].host->name,
                                               .vm = text_of(o, "vm"),
                                               .source = text_of(o, "source"),
                                               .target = text_of(o, "target"),
                                               .holder = &m->holder};
    }
}

struct vf_elsewhere *vf_elsewhere_open(const struct vf_conf *conf, const char *cluster,
                                       const struct vf_asker *asker, struct vf_cancel *cancel,
                                       struct vf_error **err)
{
    const struct vf_cluster_conf *c = vf_conf_cluster(conf, cluster, err);
    if (!c)
        return NULL;
    if (!vf_streq(c->type, "pve")) {
        vf_fail(err, VF_E_USAGE, _("%s is no Proxmox VE cluster: VMs are not moved to it"),
                cluster);
        return NULL;
    }
    vf_auto(vf_elsewhere_free) struct vf_elsewhere *e = vf_xcalloc(1, sizeof *e);
    *e = (struct vf_elsewhere){.conf = conf, .asker = asker, .unreachable = vf_strv_new()};
    e->place = vf_place_open(conf, c, asker, cancel, err);
    if (!e->place)
        return NULL;
    vf_place_reach(e->place, &e->unreachable);
    for (size_t i = 0; i < e->place->n_hosts; i++)
        if (look_at(e, &e->place->hosts[i], err) < 0)
            return NULL;
    tell_jobs(e);
    return VF_STEAL(e);
}

void vf_elsewhere_free(struct vf_elsewhere *e)
{
    if (!e)
        return;
    for (size_t i = 0; i < e->n; i++) {
        if (e->jobs) {
            free(e->jobs[i].vm);
            free(e->jobs[i].source);
            free(e->jobs[i].target);
        }
        free(e->found[i].mirror.job);
        free(e->found[i].mirror.dir);
        free(e->found[i].mirror.line);
        vf_mirror_says_clear(&e->found[i].mirror.holder);
    }
    free(e->found);
    free(e->jobs);
    vf_place_free(e->place);
    vf_strv_free(e->unreachable);
    free(e);
}

const struct vf_elsewhere_job *vf_elsewhere_jobs(const struct vf_elsewhere *e, size_t *n)
{
    *n = e->n;
    return e->jobs;
}

char *const *vf_elsewhere_unreachable(const struct vf_elsewhere *e)
{
    return e->unreachable;
}

static bool named_by_a_move(const char *name)
{
    return name && (vf_ends(name, VF_CREATING) || vf_ends(name, VF_CLONING));
}

char **vf_elsewhere_unrecorded(struct vf_elsewhere *e, struct vf_error **err)
{
    struct vf_provider *p = e->place->job->source_pve;
    struct vf_vm **vms;
    size_t n;
    if (p->ops->vms(p, &vms, &n, err) < 0)
        return NULL;
    char **said = vf_strv_new();
    for (size_t i = 0; i < n; i++) {
        if (!named_by_a_move(vms[i]->name))
            continue;
        vf_autofree char *notes = p->ops->notes(p, vms[i]->id, NULL, NULL);
        vf_autofree char *owner = vf_marker_find(notes), *name = vf_escape(vms[i]->name);
        bool source = vf_ends(name, VF_CLONING);
        if (!owner)
            vf_strv_addf(&said,
                         _("VM %u (%s) has the name of a move in progress, but not the mark of a "
                           "vmferry job: proxmove, or a person, may have begun it (see MOVES BEGUN "
                           "BY PROXMOVE in vmferry(1))"),
                         vms[i]->id, name);
        else if (!known(e, owner))
            vf_strv_addf(&said,
                         source ? _("VM %u (%s) is being moved by job %s, whose record is at its "
                                    "target: give that cluster with --at")
                                : _("VM %u (%s) is of job %s, which has no record here: only the "
                                    "machine that began it can go on with it"),
                         vms[i]->id, name, owner);
    }
    vf_vms_free(vms, n);
    return said;
}

/* ------------------------------------------------------------------ fetching */

/* A private directory beside those of jobs; emptied and removed by drop_dir(). */
static char *fetch_dir(const char *job)
{
    vf_autofree char *root = vf_state_root();
    return vf_asprintf("%s/fetched/%s", root, job);
}

static void drop_dir(const char *dir)
{
    DIR *d = opendir(dir);
    for (struct dirent *f; d && (f = readdir(d));)
        if (f->d_name[0] != '.')
            unlinkat(dirfd(d), f->d_name, 0);
    if (d)
        closedir(d);
    rmdir(dir);
}

static int fetch_file(const struct found *f, const char *dir, const char *name,
                      struct vf_error **err)
{
    size_t n = 0;
    vf_autofree char *text = vf_mirror_read(f->host->ssh, f->mirror.dir, name, &n, err);
    vf_autofree char *path = vf_asprintf("%s/%s", dir, name);
    return text ? vf_replace_file(path, text, n, 0600, err) : -1;
}

/* Who goes on does so with the configuration of this machine: said in the journal as if the job was
 * made here. *BEFORE: how much of it is the other machine's. */
static int make_ours(const char *dir, const char *conf, uint64_t *before, struct vf_error **err)
{
    vf_auto(vf_journal_free) struct vf_journal *j = vf_journal_open(dir, false, err);
    const json_t *events = j ? vf_journal_events(j) : NULL, *job = NULL;
    for (size_t i = 0; i < json_array_size(events); i++)
        if (vf_streq(vf_json_str(json_array_get(events, i), "type"), "job"))
            job = json_array_get(events, i);
    if (!j)
        return -1;
    if (!job)
        return vf_fail(err, VF_E_CORRUPT, _("the record of the job names no VM"));
    vf_autofree char *absolute = realpath(conf, NULL);
    if (!absolute)
        return vf_fail_errno(err, errno, "%s", conf);
    json_t *again = json_deep_copy(job);
    vf_autofree char *stamp = vf_clock_stamp(vf_clock_unix());
    json_object_set_new(again, "time", json_string(stamp));
    json_object_set_new(again, "conf", json_string(absolute));
    *before = vf_journal_size(j);
    return vf_journal_write(j, vf_event_new("takeover"), NULL, err) < 0
               ? (json_decref(again), -1)
               : vf_journal_write(j, again, NULL, err);
}

/* The record of F as a job's directory, DIR. */
static int fetch(struct vf_elsewhere *e, const struct found *f, const char *dir, uint64_t *before,
                 struct vf_error **err)
{
    drop_dir(dir);
    if (vf_mkdirs(dir, 0700, err) < 0 || fetch_file(f, dir, "plan.cfg", err) < 0 ||
        fetch_file(f, dir, "journal.jsonl", err) < 0 ||
        make_ours(dir, e->conf->path, before, err) < 0)
        return vf_fail_prefix(err, _("the record of job %s on %s"), f->mirror.job, f->host->name);
    return 0;
}

/* Is it a job of the clusters that are configured here? Names may mean others there. */
static int check_clusters(const struct vf_elsewhere *e, const char *dir, struct vf_error **err)
{
    vf_auto(vf_job_free) struct vf_job *job = vf_job_load(dir, true, err);
    if (!job)
        return -1;
    const char *names[] = {job->plan->source, job->plan->target};
    for (size_t i = 0; i < VF_COUNT(names); i++)
        if (!vf_conf_cluster(e->conf, names[i], NULL))
            return vf_fail(
                err, VF_E_USAGE,
                _("the job moves %s from \"%s\" to \"%s\", and %s has no cluster \"%s\": "
                  "add it there under this name"),
                job->plan->vm_name, names[0], names[1], e->conf->path, names[i]);
    job->asker = *e->asker;
    if (!vf_job_was_done(job, "claim"))
        return 0;
    int marked = vf_job_connect(job, err) < 0 ? -1 : vf_job_is_marked(job, err);
    if (marked != 0)
        return marked < 0 ? -1 : 0;
    return vf_fail(err, VF_E_CONFLICT,
                   _("VM %u at %s does not carry the mark of this job (%s): is \"%s\" in %s the "
                     "cluster of that name that the job knows? Or was the job ended already, and "
                     "only its record is left (--forget removes that)?"),
                   job->plan->vm_id, job->plan->source, job->marker, job->plan->source,
                   e->conf->path);
}

int vf_elsewhere_look(struct vf_elsewhere *e, size_t i, struct vf_standing *out,
                      struct vf_error **err)
{
    const struct found *f = &e->found[i];
    vf_autofree char *dir = fetch_dir(f->mirror.job);
    uint64_t before;
    int r = fetch(e, f, dir, &before, err);
    if (r == 0)
        r = check_clusters(e, dir, err);
    if (r == 0)
        r = vf_job_look_in(dir, e->asker, out, err);
    drop_dir(dir);
    return r;
}

/* ------------------------------------------------------------------ taking */

static int held(const struct vf_mirror_says *s, struct vf_error **err)
{
    vf_autofree char *who = vf_holder_text(s);
    vf_autofree char *limit = vf_format_duration(vf_clock_limit(VF_LEASE_LIMIT_MS) / 1000.0);
    return vf_fail(err, VF_E_CONFLICT,
                   _("the job is held by %s. It can be taken over when nothing was heard of that "
                     "one for %s; until then go on there (vmferry attach)"),
                   who, limit);
}

static int take_lease(const struct found *f, const char *token, struct vf_error **err)
{
    struct vf_mirror_claim c = {.job = f->mirror.job,
                                .token = token,
                                .limit_ms = vf_clock_limit(VF_LEASE_LIMIT_MS),
                                .any = true};
    struct vf_mirror_says says;
    int r = vf_mirror_take(f->host->ssh, &c, NULL, &says, err);
    if (r == 0 && says.word == VF_MIRROR_NONE)
        r = vf_fail(err, VF_E_CONFLICT, _("the job's record is gone: it has ended meanwhile"));
    else if (r == 0 && says.word != VF_MIRROR_OURS)
        r = held(&says, err);
    vf_mirror_says_clear(&says);
    return r;
}

/* What was said here goes into the record too, behind what the other machine wrote whole. */
static int tell_record(const struct found *f, const char *dir, const char *token, uint64_t before,
                       struct vf_error **err)
{
    vf_autofree char *path = vf_asprintf("%s/journal.jsonl", dir);
    size_t n;
    vf_autofree char *text = vf_read_file(path, 64 << 20, &n, err);
    if (!text)
        return -1;
    struct vf_mirror_says says;
    int r =
        vf_mirror_put(f->host->ssh, f->mirror.job, token, before, text + before, NULL, &says, err);
    vf_mirror_says_clear(&says);
    return r;
}

/* The directory of a job that was here before becomes what DIR has. Its marks are of copies that
 * the other machine may have gone on with. */
static int replace_job(const char *dir, const char *here, struct vf_error **err)
{
    static const char *const files[] = {"lease", "plan.cfg", "journal.jsonl"};
    vf_autofd int lock = vf_job_lock(here, err);
    if (lock < 0)
        return -1;
    DIR *d = opendir(here);
    for (struct dirent *f; d && (f = readdir(d));)
        if (vf_ends(f->d_name, ".mark"))
            unlinkat(dirfd(d), f->d_name, 0);
    if (d)
        closedir(d);
    for (size_t i = 0; i < VF_COUNT(files); i++) {
        vf_autofree char *from = vf_asprintf("%s/%s", dir, files[i]);
        vf_autofree char *to = vf_asprintf("%s/%s", here, files[i]);
        if (rename(from, to) < 0)
            return vf_fail_errno(err, errno, "%s", to);
    }
    drop_dir(dir);
    return 0;
}

static int install(const char *dir, const char *here, struct vf_error **err)
{
    vf_autofree char *up = vf_strndup(here, (size_t)(strrchr(here, '/') - here));
    if (vf_mkdirs(up, 0700, err) < 0)
        return -1;
    if (access(here, F_OK) == 0)
        return replace_job(dir, here, err);
    return rename(dir, here) < 0 ? vf_fail_errno(err, errno, "%s", here) : 0;
}

/* A job that is here and was not taken over by another machine is resumed without all this. */
static int check_here(const char *job, const char *here, struct vf_error **err)
{
    if (access(here, F_OK) < 0)
        return 0;
    if (vf_job_is_locked(here, NULL, NULL))
        return vf_fail(err, VF_E_CONFLICT, _("the job runs on this machine: vmferry attach %s"),
                       job);
    vf_auto(vf_journal_free) struct vf_journal *j = vf_journal_open(here, true, NULL);
    const json_t *e = j ? vf_lease_event(j) : NULL;
    if (!j || vf_streq(vf_json_str(e, "type"), "taken-over"))
        return 0;
    return vf_fail(err, VF_E_CONFLICT, _("this machine has that job: vmferry resume %s"), job);
}

int vf_elsewhere_may_take(const struct vf_elsewhere *e, size_t i, struct vf_error **err)
{
    const struct vf_mirror *m = &e->found[i].mirror;
    vf_autofree char *here = vf_job_dir(m->job);
    if (check_here(m->job, here, err) < 0)
        return -1;
    return m->holder.word == VF_MIRROR_OTHER ? held(&m->holder, err) : 0;
}

int vf_elsewhere_take(struct vf_elsewhere *e, size_t i, struct vf_error **err)
{
    const struct found *f = &e->found[i];
    vf_autofree char *dir = fetch_dir(f->mirror.job), *here = vf_job_dir(f->mirror.job);
    uint64_t before;
    if (check_here(f->mirror.job, here, err) < 0)
        return -1;
    drop_dir(dir);
    vf_autofree char *fresh = vf_random_hex(8);
    if (take_lease(f, fresh, err) < 0)
        return -1;
    vf_autofree char *path = vf_asprintf("%s/lease", dir), *text = vf_asprintf("%s\n", fresh);
    if (fetch(e, f, dir, &before, err) == 0 &&
        vf_replace_file(path, text, strlen(text), 0600, err) == 0 &&
        tell_record(f, dir, fresh, before, err) == 0 && install(dir, here, err) == 0)
        return 0;
    if (vf_mirror_release(f->host->ssh, f->mirror.job, fresh, NULL, NULL) < 0)
        vf_info("job", "the record of job %s is held until it is believed lost", f->mirror.job);
    drop_dir(dir);
    return -1;
}

int vf_elsewhere_forget(struct vf_elsewhere *e, size_t i, struct vf_error **err)
{
    const struct found *f = &e->found[i];
    if (f->mirror.holder.word == VF_MIRROR_OTHER)
        return held(&f->mirror.holder, err);
    return vf_mirror_drop(f->host->ssh, f->mirror.job, NULL, NULL, err);
}
