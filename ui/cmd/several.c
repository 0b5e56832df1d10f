/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "ui/cmd/several.h"
#include "ui/cmd/outcome.h"
#include "ui/plan_text.h"
#include "ui/say.h"
#include "job/batch.h"
#include "job/together.h"
#include "plan/name.h"
#include "base/i18n.h"
#include "base/str.h"

#include <stdio.h>
#include <unistd.h>

struct several {
    const struct vf_conf *conf;
    const struct vf_carry *o;
    struct vf_prepared *p;
    struct vf_outcome *v;
    size_t n;
    struct vf_tty_cache *cache;
};

/* The source of a plan that was carried out before. */
static bool is_moved(const struct vf_prepared *p)
{
    vf_autofree char *name =
        p->plan && p->plan->vm_name ? vf_name_with(p->plan->vm_name, VF_MIGRATED) : NULL;
    return name && p->source && vf_streq(p->source->name, name);
}

static void prepare_all(struct several *s, vf_prepare_nth prepare, void *opaque)
{
    struct vf_asker asker = vf_tty_cache_asker(s->cache);
    for (size_t i = 0; i < s->n; i++) {
        vf_autoerror struct vf_error *err = NULL;
        struct vf_outcome *v = &s->v[i];
        vf_tty_cache_rewind(s->cache);
        if (prepare(opaque, i, &asker, &s->p[i], &err) < 0)
            v->code = (int)vf_carry_failed(err, v->vm);
        else if (is_moved(&s->p[i]))
            v->before = true;
        else if (vf_findings_stop(&s->p[i].findings))
            v->code = VF_EXIT_STOPPED;
    }
}

/* All that are not out of it already. */
static enum vf_exit check_together(struct several *s)
{
    vf_autoerror struct vf_error *err = NULL;
    struct vf_asker asker = vf_tty_cache_asker(s->cache);
    struct vf_prepared **v = vf_xcalloc(s->n, sizeof *v);
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++)
        if (s->v[i].code < 0 && !s->v[i].before)
            v[n++] = &s->p[i];
    vf_tty_cache_rewind(s->cache);
    int r = vf_check_together(s->conf, v, n, &asker, NULL, &err);
    free(v);
    for (size_t i = 0; i < s->n; i++)
        if (s->v[i].code < 0 && vf_findings_stop(&s->p[i].findings) && !s->v[i].before)
            s->v[i].code = VF_EXIT_STOPPED;
    return r < 0 ? vf_carry_failed(err, _("all of them")) : VF_EXIT_DONE;
}

/* Of those that can be moved the ones that may be: none behind one that is not, when that is asked
 * for. */
static size_t choose(const struct several *s, size_t *chosen)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++) {
        if (s->v[i].before)
            continue;
        if (s->v[i].code < 0)
            chosen[n++] = i;
        else if (s->o->stop_on_failure)
            break;
    }
    return n;
}

static void show_all(const struct several *s)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct vf_outcome *v = &s->v[i];
        if (v->before) {
            if (s->o->progress != VF_PROGRESS_JSON)
                vf_say(stdout, _("%s: was moved already\n"), v->vm);
            continue;
        }
        if (v->code >= 0 && v->code != VF_EXIT_STOPPED)
            continue; /* said */
        vf_carry_show(s->o, &s->p[i], v->code == VF_EXIT_STOPPED);
        if (v->code == VF_EXIT_STOPPED)
            vf_say(stderr, _("%s: cannot be moved as things are; nothing was changed\n"), v->vm);
    }
}

static enum vf_exit worst_of(const struct several *s)
{
    int worst = VF_EXIT_DONE;
    for (size_t i = 0; i < s->n; i++)
        worst = s->v[i].code > worst ? s->v[i].code : worst;
    return (enum vf_exit)worst;
}

/* Plans of all that there are plans of, also of what is stopped as things are. */
static enum vf_exit save(const struct several *s)
{
    struct vf_plan **plans = vf_xcalloc(s->n, sizeof *plans);
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++)
        if (s->p[i].plan)
            plans[n++] = s->p[i].plan;
    enum vf_exit code = vf_carry_save(s->o, plans, n);
    free(plans);
    return code;
}

/* What became of the N in V, for people or for programs. */
static void put_outcome(const struct vf_outcome *v, size_t n, enum vf_progress_form form)
{
    if (form == VF_PROGRESS_JSON) {
        vf_autofree char *line = vf_event_line(vf_outcome_event(v, n));
        fputs(line, stdout);
    } else {
        vf_autofree char *table = vf_outcome_table(v, n);
        vf_say(stdout, "%s", table);
    }
    fflush(stdout);
}

/* Says which jobs are begun. */
static void put_batch(const struct several *s, const char *id, const size_t *chosen, size_t n)
{
    unsigned at_once = s->o->parallel ? s->o->parallel : 1;
    if (s->o->progress == VF_PROGRESS_PLAIN)
        vf_say(stdout, _("Batch %s: %zu VMs, %u at a time\n"), id, n, at_once);
    if (s->o->progress != VF_PROGRESS_JSON)
        return;
    json_t *e = vf_event_new("batch"), *vms = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(vms, json_string(s->v[chosen[i]].vm));
    json_object_set_new(e, "batch", json_string(id));
    json_object_set_new(e, "parallel", json_integer(at_once));
    json_object_set_new(e, "vms", vms);
    vf_autofree char *line = vf_event_line(e);
    fputs(line, stdout);
    fflush(stdout);
}

/* Makes the batch, begins and follows it. */
static enum vf_exit begin(struct several *s, const size_t *chosen, size_t n)
{
    vf_autoerror struct vf_error *err = NULL;
    struct vf_plan **plans = vf_xcalloc(n, sizeof *plans);
    bool stopped = false;
    for (size_t i = 0; i < n; i++)
        plans[i] = s->p[chosen[i]].plan;
    vf_autofree char *id =
        vf_batch_create(plans, n, s->o->parallel, s->o->stop_on_failure, s->conf->path, &err);
    free(plans);
    if (!id || vf_batch_spawn(id, &err) < 0)
        return vf_carry_failed(err, _("all of them"));
    put_batch(s, id, chosen, n);
    vf_plain_follow_batch(id, s->o->progress, s->cache, true, &stopped);
    struct vf_outcome *v;
    size_t m;
    if (vf_outcome_of_batch(id, stopped, &v, &m, &err) < 0)
        return vf_carry_failed(err, NULL);
    for (size_t i = 0; i < m && i < n; i++) {
        const char *vm = s->v[chosen[i]].vm; /* as it was named here */
        free(s->v[chosen[i]].own);
        s->v[chosen[i]] = v[i];
        s->v[chosen[i]].vm = vm;
    }
    free(v);
    return VF_EXIT_DONE;
}

static enum vf_exit carry_out(struct several *s, const size_t *chosen, size_t n)
{
    sigset_t before;
    vf_plain_hold(&before);
    enum vf_exit code = begin(s, chosen, n);
    vf_plain_heed(&before);
    return code;
}

static enum vf_exit agree(const struct several *s, size_t n)
{
    vf_autofree char *question =
        n == s->n ? vf_asprintf(_("Begin to move these %zu VMs?"), n)
                  : vf_asprintf(_("Begin to move %zu of these %zu VMs?"), n, s->n);
    if (s->o->yes)
        return VF_EXIT_DONE;
    if (!vf_tty_there()) {
        vf_say(stderr, _("vmferry: there is no terminal to ask on: give --yes\n"));
        return VF_EXIT_USAGE;
    }
    if (vf_tty_confirm(question))
        return VF_EXIT_DONE;
    vf_say(stderr, _("Nothing was changed.\n"));
    return VF_EXIT_FAILED;
}

static enum vf_exit decide(struct several *s)
{
    enum vf_exit code = check_together(s);
    if (code != VF_EXIT_DONE)
        return code;
    size_t *chosen = vf_xcalloc(s->n, sizeof *chosen), n = choose(s, chosen);
    show_all(s);
    if (s->o->save)
        code = save(s);
    if (s->o->save || s->o->dry_run || s->o->only_check) {
        if (!s->o->save && s->o->progress != VF_PROGRESS_JSON)
            vf_say(stdout, _("%zu of %zu VMs can be moved; nothing was changed.\n"), n, s->n);
        free(chosen);
        return code != VF_EXIT_DONE ? code : worst_of(s);
    }
    if (n)
        code = agree(s, n);
    if (n && code == VF_EXIT_DONE)
        code = carry_out(s, chosen, n);
    free(chosen);
    if (code != VF_EXIT_DONE)
        return code;
    put_outcome(s->v, s->n, s->o->progress);
    return worst_of(s);
}

enum vf_exit vf_several(const struct vf_conf *conf, const struct vf_carry *o,
                        const char *const *names, size_t n, vf_prepare_nth prepare, void *opaque)
{
    vf_auto(vf_tty_cache_free) struct vf_tty_cache *cache = vf_tty_cache_new();
    struct several s = {.conf = conf,
                        .o = o,
                        .p = vf_xcalloc(n, sizeof *s.p),
                        .v = vf_xcalloc(n, sizeof *s.v),
                        .n = n,
                        .cache = cache};
    for (size_t i = 0; i < n; i++)
        s.v[i] = (struct vf_outcome){.vm = names[i], .code = -1};
    prepare_all(&s, prepare, opaque);
    enum vf_exit code = decide(&s);
    for (size_t i = 0; i < n; i++)
        vf_prepared_free(&s.p[i]);
    free(s.p);
    vf_outcomes_free(s.v, n);
    return code;
}

enum vf_exit vf_several_outcome(const char *id, bool stopped, enum vf_progress_form form)
{
    vf_autoerror struct vf_error *err = NULL;
    struct vf_outcome *v;
    size_t n;
    if (vf_outcome_of_batch(id, stopped, &v, &n, &err) < 0)
        return vf_carry_failed(err, NULL);
    int worst = VF_EXIT_DONE;
    for (size_t i = 0; i < n; i++)
        worst = v[i].code > worst ? v[i].code : worst;
    put_outcome(v, n, form);
    vf_outcomes_free(v, n);
    return (enum vf_exit)worst;
}
