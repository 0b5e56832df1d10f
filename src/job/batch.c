/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The batch on disk: which jobs it has and how they stand. Its process is batch_process.c. */
#include "config.h"
#include "job/batch_priv.h"
#include "job/client.h"
#include "job/journal.h"
#include "job/resume.h"
#include "job/stage.h"
#include "job/state.h"
#include "base/fdio.h"
#include "base/i18n.h"
#include "base/str.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { FORMAT = 1, MAX_FILE = 4 * 1024 * 1024 };

static const char prefix[] = "batch-";

static char *batches_dir(void)
{
    vf_autofree char *root = vf_state_root();
    return vf_asprintf("%s/batches", root);
}

char *vf_batch_dir(const char *id)
{
    vf_autofree char *all = batches_dir();
    return vf_asprintf("%s/%s", all, id);
}

/* ------------------------------------------------------------------ making one */

static int write_batch(const char *dir, json_t *batch, struct vf_error **err)
{
    vf_autofree char *path = vf_asprintf("%s/batch.json", dir);
    char *text = json_dumps(batch, JSON_INDENT(1));
    int r =
        vf_mkdirs(dir, 0700, err) < 0 ? -1 : vf_replace_file(path, text, strlen(text), 0600, err);
    free(text);
    return r;
}

char *vf_batch_create(struct vf_plan *const *plans, size_t n, unsigned parallel,
                      bool stop_on_failure, const char *conf_path, struct vf_error **err)
{
    vf_autofree char *stamp = vf_job_new_id(), *id = vf_asprintf("%s%s", prefix, stamp),
                     *hidden = vf_asprintf(".%s", id), *made = vf_batch_dir(hidden),
                     *dir = vf_batch_dir(id);
    json_t *jobs = json_array();
    vf_autojson json_t *batch = json_pack(
        "{s:i, s:i, s:i, s:b, s:o}", "format", FORMAT, "minimum-reader", FORMAT, "parallel",
        (int)(parallel ? parallel : 1), "stop-on-failure", (int)stop_on_failure, "jobs", jobs);
    int r = 0;
    for (size_t i = 0; r == 0 && i < n; i++) {
        vf_autofree char *job = vf_job_stage(plans[i], conf_path, id, err);
        if (job)
            json_array_append_new(jobs, json_pack("{s:s, s:s}", "job", job, "vm",
                                                  plans[i]->vm_name ? plans[i]->vm_name : "?"));
        r = job ? 0 : -1;
    }
    /* from the second one on the batch is made, and whoever finds it shows what is left to show */
    if (r == 0 && write_batch(made, batch, err) == 0 && vf_stage_commit(made, dir, err) == 0 &&
        vf_stage_show(id, err) == 0)
        return VF_STEAL(id);
    vf_stage_forget(made);
    vf_stage_forget(dir);
    vf_stage_drop(id);
    for (size_t i = 0; i < json_array_size(jobs); i++)
        vf_job_forget(vf_json_str(json_array_get(jobs, i), "job"));
    return NULL;
}

/* ------------------------------------------------------------------ reading it */

json_t *vf_batch_load(const char *dir, struct vf_error **err)
{
    vf_autofree char *path = vf_asprintf("%s/batch.json", dir);
    size_t len = 0;
    vf_autofree char *text = vf_read_file(path, MAX_FILE, &len, err);
    vf_autojson json_t *batch = text ? json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL) : NULL;
    if (!text)
        return NULL;
    const json_t *jobs = json_object_get(batch, "jobs");
    bool whole = json_array_size(jobs) > 0;
    for (size_t i = 0; i < json_array_size(jobs); i++)
        whole = whole && vf_json_str(json_array_get(jobs, i), "job") &&
                vf_json_str(json_array_get(jobs, i), "vm");
    if (vf_json_int(batch, "minimum-reader") > FORMAT)
        vf_fail(err, VF_E_UNSUPPORTED, _("%s was written by a newer vmferry; use that one"), path);
    else if (!whole)
        vf_fail(err, VF_E_CORRUPT, _("%s makes no sense"), path);
    else
        return VF_STEAL(batch);
    return NULL;
}

/* How the move of a job stands that returned to its source, or began to; CODE: by its other
 * processes. */
static enum vf_exit code_with_return(struct vf_journal *j, enum vf_exit code)
{
    const struct vf_record *r = vf_journal_find(j, "return");
    if (!r || r->state == VF_REC_UNDONE)
        return code;
    return r->state == VF_REC_DONE ? VF_EXIT_FAILED : VF_EXIT_INTERRUPTED;
}

/* What JOB's journal says of a job that no process works on. */
static void read_ended(const char *job_dir, struct vf_batch_entry *e)
{
    vf_auto(vf_journal_free) struct vf_journal *j = vf_journal_open(job_dir, true, NULL);
    const json_t *events = j ? vf_journal_events(j) : NULL, *end = NULL;
    bool back = false, returns = false; /* who returns says nothing of the move itself */
    e->state = VF_BATCH_ENDED;
    e->taken = false;
    e->code = VF_EXIT_PERSON; /* a journal that cannot be read */
    if (!j)
        return;
    e->test = vf_journal_is_rehearsal(j);
    e->state = VF_BATCH_WAITS;
    for (size_t i = 0; i < json_array_size(events); i++) {
        const json_t *event = json_array_get(events, i);
        const char *type = vf_json_str(event, "type"), *mode = vf_json_str(event, "mode");
        if (vf_streq(type, "start")) {
            e->state = VF_BATCH_ENDED;
            returns = vf_starts(mode, "return");
            end = returns ? end : NULL;
            back = returns ? back : vf_streq(mode, "rollback");
        } else if (vf_streq(type, "end") && !returns) {
            end = event;
        }
    }
    e->code = end ? (enum vf_exit)vf_json_int(end, "exit") : VF_EXIT_INTERRUPTED;
    if (back && end && e->code == VF_EXIT_DONE)
        e->code = VF_EXIT_FAILED; /* put back */
    e->code = code_with_return(j, e->code);
    e->taken = vf_journal_taken_over(j) != NULL;
}

void vf_batch_look(struct vf_batch_entry *e)
{
    vf_autofree char *dir = vf_job_dir(e->job);
    /* the journal after the lock: a job that ends in between has written its end by then */
    if (vf_job_is_locked(dir, NULL, NULL))
        e->state = VF_BATCH_RUNS;
    else
        read_ended(dir, e);
}

void vf_batch_entries(const json_t *batch, struct vf_batch_entry **v, size_t *n)
{
    const json_t *jobs = json_object_get(batch, "jobs");
    *n = json_array_size(jobs);
    *v = vf_xcalloc(*n, sizeof **v);
    for (size_t i = 0; i < *n; i++) {
        const json_t *job = json_array_get(jobs, i);
        (*v)[i].job = vf_strdup(vf_json_str(job, "job"));
        (*v)[i].vm = vf_strdup(vf_json_str(job, "vm"));
        vf_batch_look(&(*v)[i]);
    }
}

int vf_batch_read(const char *id, struct vf_batch_entry **v, size_t *n, bool *runs,
                  struct vf_error **err)
{
    vf_autofree char *dir = vf_batch_dir(id);
    *v = NULL;
    *n = 0;
    vf_autojson json_t *batch = vf_batch_load(dir, err);
    if (!batch || vf_stage_show(id, err) < 0)
        return -1;
    *runs = vf_job_is_locked(dir, NULL, NULL);
    bool stopped = vf_batch_is_stopped(id);
    vf_batch_entries(batch, v, n);
    for (size_t i = 0; stopped && i < *n; i++)
        if ((*v)[i].state == VF_BATCH_WAITS)
            (*v)[i].state = VF_BATCH_SKIPPED;
    return 0;
}

void vf_batch_entries_free(struct vf_batch_entry *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(v[i].job);
        free(v[i].vm);
    }
    free(v);
}

void vf_batch_left(const struct vf_batch_entry *v, size_t n, size_t *interrupted, size_t *waiting)
{
    *interrupted = *waiting = 0;
    for (size_t i = 0; i < n; i++) {
        *interrupted +=
            v[i].state == VF_BATCH_ENDED && v[i].code == VF_EXIT_INTERRUPTED && !v[i].taken;
        *waiting += v[i].state == VF_BATCH_WAITS || v[i].state == VF_BATCH_SKIPPED;
    }
}

/* ------------------------------------------------------------------ no more of it */

static char *stop_path(const char *id)
{
    vf_autofree char *dir = vf_batch_dir(id);
    return vf_asprintf("%s/stop", dir);
}

int vf_batch_stop(const char *id, struct vf_error **err)
{
    vf_autofree char *path = stop_path(id);
    return vf_replace_file(path, "", 0, 0600, err);
}

int vf_batch_cancel(const char *id, struct vf_error **err)
{
    struct vf_batch_entry *v;
    size_t n;
    bool runs;
    if (vf_batch_stop(id, err) < 0 || vf_batch_read(id, &v, &n, &runs, err) < 0)
        return -1;
    int r = 0;
    for (size_t i = 0; i < n; i++) {
        vf_autoerror struct vf_error *why = NULL;
        if (v[i].state != VF_BATCH_RUNS)
            continue;
        vf_auto(vf_client_free) struct vf_client *c = vf_client_open(v[i].job, &why);
        /* one that has just ended need not be stopped */
        if ((!c || vf_client_cancel(c, false, &why) < 0) && vf_error_code(why) != VF_E_NOTFOUND &&
            r == 0)
            r = vf_fail_with(err, VF_STEAL(why));
    }
    vf_batch_entries_free(v, n);
    return r;
}

int vf_batch_unstop(const char *id, struct vf_error **err)
{
    vf_autofree char *path = stop_path(id);
    return unlink(path) < 0 && errno != ENOENT ? vf_fail_errno(err, errno, "%s", path) : 0;
}

bool vf_batch_is_stopped(const char *id)
{
    vf_autofree char *path = stop_path(id);
    return access(path, F_OK) == 0;
}

/* ------------------------------------------------------------------ how fast */

static char *limit_path(const char *id)
{
    vf_autofree char *dir = vf_batch_dir(id);
    return vf_asprintf("%s/limit", dir);
}

int vf_batch_set_limit(const char *id, uint64_t rate, uint64_t *each, struct vf_error **err)
{
    vf_autofree char *dir = vf_batch_dir(id), *path = limit_path(id);
    vf_autojson json_t *batch = vf_batch_load(dir, err);
    if (!batch)
        return -1;
    json_int_t parallel = vf_json_int(batch, "parallel");
    *each = rate && parallel > 1 ? rate / (uint64_t)parallel : rate;
    *each = rate && !*each ? 1 : *each;
    vf_autofree char *text = vf_asprintf("%llu\n", (unsigned long long)*each);
    return vf_replace_file(path, text, strlen(text), 0600, err);
}

void vf_batch_limit(const char *id, uint64_t *each)
{
    vf_autofree char *path = id ? limit_path(id) : NULL;
    vf_autofree char *text = path ? vf_read_file(path, 64, NULL, NULL) : NULL;
    if (text)
        text[strcspn(text, "\n")] = '\0';
    if (text)
        vf_parse_u64(text, 0, INT64_MAX, each);
}

/* ------------------------------------------------------------------ which there are */

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

char **vf_batch_ids(void)
{
    vf_autofree char *path = batches_dir();
    char **v = vf_strv_new();
    DIR *d = opendir(path);
    if (!d)
        return v;
    for (struct dirent *e; (e = readdir(d));)
        if (vf_starts(e->d_name, prefix))
            vf_strv_add(&v, e->d_name);
    closedir(d);
    qsort(v, vf_strv_len(v), sizeof *v, by_name);
    return v;
}

char *vf_batch_resolve(const char *ref, struct vf_error **err)
{
    vf_autostrv char **ids = vf_batch_ids();
    size_t skip = vf_starts(ref, prefix) ? 0 : strlen(prefix);
    const char *found = NULL;
    for (size_t i = 0; *ref && ids[i]; i++) {
        if (!vf_starts(ids[i] + skip, ref))
            continue;
        if (found && skip == 0) {
            vf_fail(err, VF_E_CONFLICT, _("several batches begin with %s: give more of the ID"),
                    ref);
            return NULL;
        }
        found = ids[i];
        if (vf_streq(ids[i] + skip, ref))
            break;
    }
    if (!found && skip == 0)
        vf_fail(err, VF_E_NOTFOUND, _("there is no batch %s; vmferry jobs lists them"), ref);
    return vf_strdup(found);
}

char *vf_batch_of(const char *job)
{
    vf_autofree char *dir = vf_job_dir(job);
    vf_auto(vf_journal_free) struct vf_journal *j = vf_journal_open(dir, true, NULL);
    const json_t *events = j ? vf_journal_events(j) : NULL;
    const char *batch = NULL;
    for (size_t i = 0; !batch && i < json_array_size(events); i++)
        if (vf_streq(vf_json_str(json_array_get(events, i), "type"), "job"))
            batch = vf_json_str(json_array_get(events, i), "batch");
    /* one that was taken over from another machine left its batch there */
    vf_autofree char *path = batch ? vf_batch_dir(batch) : NULL;
    return path && access(path, F_OK) == 0 ? vf_strdup(batch) : NULL;
}
