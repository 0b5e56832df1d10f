/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "ui/wizard/desk.h"
#include "ui/unfinished.h"
#include "conf/added.h"
#include "job/batch.h"
#include "job/journal.h"
#include "job/state.h"
#include "base/fdio.h"
#include "base/i18n.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/str.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct vf_desk {
    struct vf_conf **confs; /* the last one counts; surveys may borrow the others still */
    size_t n_confs;
    char *path;
    char *text;   /* of the file with all that was added; NULL: there is none */
    bool unsaved; /* it has more than the file */
    struct vf_tty_cache *cache;
    struct vf_networks *networks;
    struct vf_survey *survey; /* borrowed */
};

/* ---- the configuration ---- */

static void add_conf(struct vf_desk *s, struct vf_conf *conf)
{
    *(struct vf_conf **)vf_grow(&s->confs, &s->n_confs, sizeof conf) = conf;
}

/* One without clusters, for who begins. */
static struct vf_conf *empty_conf(const char *path)
{
    struct vf_conf *c = vf_xcalloc(1, sizeof *c);
    c->path = vf_strdup(path);
    return c;
}

static bool has_no_file(const char *config)
{
    vf_autofree char *own = vf_conf_own_path();
    return !config && access(own, F_OK) < 0 && access("/etc/vmferry/vmferry.conf", F_OK) < 0;
}

struct vf_desk *vf_desk_new(const char *config, struct vf_error **err)
{
    vf_autofree char *own = vf_conf_own_path();
    struct vf_conf *conf = has_no_file(config) ? empty_conf(own) : vf_conf_load(config, err);
    if (!conf)
        return NULL;
    struct vf_desk *s = vf_xcalloc(1, sizeof *s);
    s->path = vf_strdup(conf->path);
    s->text = vf_conf_file_text(s->path, NULL);
    s->cache = vf_tty_cache_new();
    s->networks = vf_networks_load();
    add_conf(s, conf);
    return s;
}

void vf_desk_free(struct vf_desk *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->n_confs; i++)
        vf_conf_free(s->confs[i]);
    free(s->confs);
    free(s->path);
    free(s->text);
    vf_tty_cache_free(s->cache);
    vf_networks_free(s->networks);
    free(s);
}

const struct vf_conf *vf_desk_conf(const struct vf_desk *s)
{
    return s->confs[s->n_confs - 1];
}

struct vf_tty_cache *vf_desk_cache(const struct vf_desk *s)
{
    return s->cache;
}

/* The job's process asks for what is not configured; it is known. */
static void remember(struct vf_desk *s, const struct vf_cluster_conf *c,
                     const struct vf_secret *secret)
{
    vf_autofree char *id = vf_asprintf("%s:%s:%s", c->token ? "token" : "password", c->name,
                                       c->token ? c->token : c->user);
    vf_tty_cache_put(s->cache, id, secret);
}

static const struct vf_conf *add(void *opaque, struct vf_cluster_conf *c,
                                 const struct vf_secret *secret, enum vf_wizard_keep keep,
                                 struct vf_error **err)
{
    struct vf_desk *s = opaque;
    if (keep != VF_KEEP_NOT &&
        vf_conf_save_cluster(s->path, c, keep == VF_KEEP_SECRET ? secret : NULL, err) < 0)
        return NULL;
    vf_autofree char *text = vf_conf_text_with(s->text, c, s->path, err);
    struct vf_conf *conf = text ? vf_conf_parse(text, strlen(text), s->path, err) : NULL;
    if (!conf)
        return NULL;
    struct vf_cluster_conf *added = &conf->clusters[conf->n_clusters - 1];
    if (!added->secret_file && secret) {
        added->secret = vf_secret_copy(secret);
        remember(s, added, secret);
    }
    s->unsaved = s->unsaved || keep == VF_KEEP_NOT;
    free(s->text);
    s->text = VF_STEAL(text);
    add_conf(s, conf);
    vf_survey_use(s->survey, conf);
    return conf;
}

/* "~/x" as in a shell. */
static char *whole_path(const char *typed)
{
    const char *home = getenv("HOME");
    return vf_starts(typed, "~/") && home ? vf_asprintf("%s%s", home, typed + 1) : vf_strdup(typed);
}

static int save_plans(void *opaque, struct vf_plan *const *v, size_t n, const char *path,
                      bool replace, struct vf_error **err)
{
    vf_autofree char *full = whole_path(path);
    if (!replace && access(full, F_OK) == 0)
        return vf_fail(err, VF_E_CONFLICT, _("there is a file %s already"), full);
    return vf_plans_save(v, n, full, err);
}

static int open_plans(void *opaque, const char *path, struct vf_plan ***plans, size_t *n,
                      struct vf_error **err)
{
    vf_autofree char *full = whole_path(path);
    return vf_plans_load(full, plans, n, err);
}

static char *find_file(void *opaque, const char *typed, struct vf_error **err)
{
    vf_autofree char *full = whole_path(typed);
    char *path = realpath(full, NULL);
    if (path)
        return path;
    vf_fail(err, errno == ENOENT ? VF_E_NOTFOUND : VF_E_PERMISSION, "%s: %s", full,
            strerror(errno));
    return NULL;
}

/* What A and B have in common at their beginnings, cut off in A. */
static void cut_common(char *a, const char *b)
{
    size_t n = 0;
    while (a[n] && a[n] == b[n])
        n++;
    while (n && ((unsigned char)a[n] & 0xc0) == 0x80) /* no half character */
        n--;
    a[n] = 0;
}

static char *complete(void *opaque, const char *typed)
{
    vf_autofree char *full = whole_path(typed), *common = NULL;
    const char *slash = strrchr(full, '/'), *name = slash ? slash + 1 : full;
    vf_autofree char *dir = slash ? vf_strndup(full, (size_t)(name - full)) : vf_strdup(".");
    DIR *d = opendir(dir);
    for (struct dirent *e; d && (e = readdir(d));) {
        if (!vf_starts(e->d_name, name) || (*e->d_name == '.' && *name != '.'))
            continue;
        struct stat st;
        bool is_dir = fstatat(dirfd(d), e->d_name, &st, 0) == 0 && S_ISDIR(st.st_mode);
        vf_autofree char *found = vf_asprintf("%s%s", e->d_name, is_dir ? "/" : "");
        if (common)
            cut_common(common, found);
        else
            common = VF_STEAL(found);
    }
    if (d)
        closedir(d);
    size_t n = strlen(name);
    return common && strlen(common) > n ? vf_asprintf("%s%s", typed, common + n) : NULL;
}

/* ---- what there is ---- */

static const char *no_demo(void)
{
    vf_autofree char *program = vf_proc_companion("vmferry-lab", "vmferry-lab");
    if (access(program, X_OK) < 0)
        return _("the demo (vmferry-lab) is not installed with this vmferry");
    return geteuid() != 0 ? _("the demo needs root: leave, and run `sudo vmferry demo`") : NULL;
}

struct vf_wizard_hands vf_desk_hands(struct vf_desk *s, struct vf_survey *survey)
{
    s->survey = survey;
    return (struct vf_wizard_hands){.opaque = s,
                                    .add = add,
                                    .open_plans = open_plans,
                                    .save_plans = save_plans,
                                    .find_file = find_file,
                                    .complete = complete,
                                    .networks = s->networks,
                                    .conf_path = s->path,
                                    .no_demo = no_demo()};
}

/* Is it of a batch, and has not begun? Then it is the batch that goes on. */
static bool waits_in_batch(const struct vf_journal *j, const json_t *job)
{
    return vf_json_str(job, "batch") && !vf_journal_last(j, "start");
}

static void add_job(struct vf_wizard *w, const char *id)
{
    vf_autofree char *dir = vf_job_dir(id);
    vf_auto(vf_journal_free) struct vf_journal *j = vf_journal_open(dir, true, NULL);
    const json_t *job = j ? vf_journal_last(j, "job") : NULL;
    if (!job || waits_in_batch(j, job))
        return;
    vf_autofree char *what = vf_asprintf("%s: %s -> %s", vf_json_str(job, "vm"),
                                         vf_json_str(job, "source"), vf_json_str(job, "target"));
    bool runs = vf_job_is_locked(dir, NULL, NULL);
    vf_autofree char *service = vf_service_text(j, VF_VM_UNKNOWN, VF_VM_UNKNOWN);
    vf_autofree char *left = vf_unfinished_left(dir, j);
    vf_wizard_add_job(w, id, what, runs ? what : service, left, runs);
}

/* A batch of which something is still to be begun, or runs. */
static void add_batch(struct vf_wizard *w, const char *id)
{
    struct vf_batch_entry *v;
    size_t n, interrupted, waiting;
    bool runs;
    if (vf_batch_read(id, &v, &n, &runs, NULL) < 0)
        return;
    vf_autostrv char **names = vf_strv_new();
    for (size_t i = 0; i < n; i++)
        vf_strv_add(&names, v[i].vm);
    vf_batch_left(v, n, &interrupted, &waiting);
    vf_batch_entries_free(v, n);
    vf_autofree char *list = vf_strv_join(names, ", ");
    vf_autofree char *what = vf_asprintf(_("%zu VMs (%s)"), n, list);
    vf_autofree char *state =
        vf_asprintf(_("%zu VMs, %zu cut off, %zu not begun: %s"), n, interrupted, waiting, list);
    if (runs || (waiting && !vf_batch_is_stopped(id)))
        vf_wizard_add_job(w, id, what, runs ? what : state, NULL, runs);
}

void vf_desk_add_jobs(struct vf_wizard *w)
{
    vf_autostrv char **batches = vf_batch_ids(), **ids = vf_unfinished_jobs();
    for (size_t i = 0; batches[i]; i++)
        add_batch(w, batches[i]);
    for (size_t i = 0; ids[i]; i++)
        add_job(w, ids[i]);
}

/* ---- what comes of it ---- */

/* The file that a job reads its clusters from; caller frees. What was not to be kept is beside the
 * configuration (paths in it lead from there), without secrets, for as long as a job may need it.
 */
static char *conf_for_jobs(struct vf_desk *s, struct vf_error **err)
{
    if (!s->unsaved)
        return vf_strdup(s->path);
    vf_autofree char *id = vf_job_new_id(), *dir = vf_strndup(s->path, strlen(s->path));
    char *slash = strrchr(dir, '/');
    if (slash)
        *slash = 0;
    vf_autofree char *path = vf_asprintf("%s/unsaved-%s.conf", slash ? dir : ".", id);
    if ((slash && vf_mkdirs(dir, 0700, err) < 0) ||
        vf_replace_file(path, s->text, strlen(s->text), 0600, err) < 0)
        return NULL;
    return VF_STEAL(path);
}

/* One after another: what goes wrong with one does not keep the others. */
static char *make_batch(const struct vf_wizard *w, const char *conf, struct vf_error **err)
{
    size_t n = 0;
    struct vf_plan **plans = NULL;
    for (size_t i = 0; i < vf_wizard_plans(w); i++)
        *(struct vf_plan **)vf_grow(&plans, &n, sizeof *plans) = vf_plan_copy(vf_wizard_plan(w, i));
    vf_autofree char *id = vf_batch_create(plans, n, 1, false, conf, err);
    vf_plans_free(plans, n);
    return id && vf_batch_spawn(id, err) == 0 ? VF_STEAL(id) : NULL;
}

static char *make_jobs(struct vf_desk *s, const struct vf_wizard *w, bool *batch,
                       struct vf_error **err)
{
    vf_autofree char *conf = conf_for_jobs(s, err);
    *batch = vf_wizard_plans(w) > 1;
    if (!conf)
        return NULL;
    if (*batch)
        return make_batch(w, conf, err);
    vf_autofree char *id = vf_job_create(vf_wizard_plan(w, 0), conf, err);
    return id && vf_job_spawn(id, VF_JOB_RUN, err) == 0 ? VF_STEAL(id) : NULL;
}

/* A file that cannot be written is no reason not to move a VM. */
static void remember_networks(struct vf_desk *s)
{
    vf_autoerror struct vf_error *err = NULL;
    if (vf_networks_save(s->networks, &err) < 0)
        vf_warn("wizard", "%s", vf_error_text(err));
}

char *vf_desk_begin(struct vf_desk *s, const struct vf_wizard *w, enum vf_wizard_end end,
                    bool *batch, struct vf_error **err)
{
    *batch = false;
    if (end == VF_WIZARD_START)
        remember_networks(s);
    if (end == VF_WIZARD_START)
        return make_jobs(s, w, batch, err);
    const char *id = vf_wizard_job(w);
    *batch = vf_starts(id, "batch-");
    if (*batch)
        return end == VF_WIZARD_ATTACH || vf_batch_spawn(id, err) == 0 ? vf_strdup(id) : NULL;
    if (end != VF_WIZARD_ATTACH &&
        vf_job_spawn(id, end == VF_WIZARD_ROLLBACK ? VF_JOB_ROLLBACK : VF_JOB_RUN, err) < 0)
        return NULL;
    return vf_strdup(id);
}
