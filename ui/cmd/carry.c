/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "ui/cmd/carry.h"
#include "ui/plan_text.h"
#include "ui/say.h"
#include "job/forecast.h"
#include "base/i18n.h"
#include "base/str.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

int vf_carry_word(const char *name, const char *text, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!strcmp(text, words[i]))
            return (int)i;
    vf_say(stderr, _("vmferry: %s cannot be '%s'; it can be"), name, text);
    for (size_t i = 0; i < n; i++)
        fprintf(stderr, "%s %s", i ? "," : "", words[i]);
    fputs("\n", stderr);
    return -1;
}

int vf_carry_option(struct vf_carry *o, int c, const char *argument)
{
    static const char *const forms[] = {"plain", "json", "none"};
    uint64_t number;
    int i;
    switch (c) {
    case VF_CARRY_STOP:
        o->stop_on_failure = true;
        return 1;
    case VF_CARRY_PARALLEL:
        if (vf_parse_u64(argument, 1, VF_MAX_PARALLEL, &number) < 0) {
            vf_say(stderr, _("vmferry: --parallel-guests wants a number from 1 to %d, not '%s'\n"),
                   VF_MAX_PARALLEL, argument);
            return -1;
        }
        o->parallel = (unsigned)number;
        return 1;
    case 'c':
        o->config = argument;
        return 1;
    case 'n':
        o->dry_run = true;
        return 1;
    case 'h':
        o->help = true;
        return 1;
    case VF_CARRY_YES:
        o->yes = true;
        return 1;
    case VF_CARRY_DEBUG:
        o->debug = true;
        return 1;
    case VF_CARRY_FORECAST:
        o->forecast = true;
        return 1;
    case VF_CARRY_PROGRESS:
        i = vf_carry_word("--progress", argument, forms, VF_COUNT(forms));
        o->progress = (enum vf_progress_form)i;
        return i < 0 ? -1 : 1;
    case VF_CARRY_FIX:
        i = vf_carry_word("--fix", argument, vf_fix_words, VF_FIXES);
        if (i >= 0)
            o->fixes |= VF_FIX_BIT((unsigned)i);
        return i < 0 ? -1 : 1;
    default:
        return 0;
    }
}

unsigned vf_carry_offer(const struct vf_carry *o, const struct vf_prepared *p)
{
    static const char *const questions[VF_FIXES] = {
        N_("Take it out of high availability for the move?"),
        N_("Switch its replication off for the move?"),
        N_("Eject the medium for the move?"),
        N_("Switch its protection off for the move?"),
        N_("Switch the host's SSH service on for the import, and off again after it?"),
    };
    unsigned agreed = 0, asked = 0;
    if (o->yes || o->dry_run || o->only_check || o->save || !p->plan ||
        o->progress == VF_PROGRESS_JSON || !vf_tty_there())
        return 0;
    for (size_t k = 0; k < p->findings.n; k++)
        for (unsigned i = 0; i < VF_FIXES; i++) {
            const struct vf_finding *f = &p->findings.v[k];
            if (!vf_streq(f->fix, vf_fix_words[i]) || asked & VF_FIX_BIT(i))
                continue;
            asked |= VF_FIX_BIT(i);
            vf_autofree char *subject = vf_escape(f->subject), *text = vf_escape(f->text);
            vf_autofree char *question =
                vf_asprintf(_("%s: %s. %s It is put back when the move is undone."), subject, text,
                            _(questions[i]));
            if (vf_tty_confirm(question))
                agreed |= VF_FIX_BIT(i);
        }
    return agreed;
}

enum vf_exit vf_carry_failed(const struct vf_error *e, const char *vm)
{
    vf_plain_error(e);
    if (vm && vf_error_code(e) != VF_E_USAGE)
        vf_say(stderr, _("%s: nothing was changed, neither at the source nor at the target\n"), vm);
    return vf_error_code(e) == VF_E_USAGE ? VF_EXIT_USAGE : VF_EXIT_FAILED;
}

void vf_carry_show(const struct vf_carry *o, const struct vf_prepared *p, bool stop)
{
    if (o->progress == VF_PROGRESS_JSON) {
        vf_autofree char *line = vf_event_line(vf_plan_event(p));
        fputs(line, stdout);
    } else if (o->progress == VF_PROGRESS_PLAIN || o->dry_run || o->only_check || stop || !o->yes) {
        vf_autofree char *text = vf_plan_summary(p);
        vf_say(stdout, "%s", text);
    }
    fflush(stdout);
}

enum vf_exit vf_carry_save(const struct vf_carry *o, struct vf_plan *const *plans, size_t n)
{
    vf_autoerror struct vf_error *err = NULL;
    if (access(o->save, F_OK) == 0) {
        vf_say(stderr, _("vmferry: %s is there already and is not replaced\n"), o->save);
        return VF_EXIT_USAGE;
    }
    if (!n)
        return VF_EXIT_STOPPED; /* why there is no plan was said */
    if (vf_plans_save(plans, n, o->save, &err) < 0)
        return vf_carry_failed(err, plans[0]->vm_name);
    if (o->progress != VF_PROGRESS_JSON)
        vf_say(stdout, _("The plan is in %s; nothing was changed. Carry it out: vmferry run %s\n"),
               o->save, o->save);
    return VF_EXIT_DONE;
}

static enum vf_exit begin(const struct vf_conf *conf, const struct vf_carry *o,
                          const struct vf_prepared *p, const char *vm, struct vf_tty_cache *cache,
                          char **id, bool *stopped)
{
    vf_autoerror struct vf_error *err = NULL;
    vf_autofree char *question = vf_asprintf(
        p->source->guest ? _("Begin to import %s?") : _("Begin to move %s?"), p->plan->vm_name);
    if (!o->yes && !vf_tty_there()) {
        vf_say(stderr, _("vmferry: there is no terminal to ask on: give --yes\n"));
        return VF_EXIT_USAGE;
    }
    if (!o->yes && !vf_tty_confirm(question)) {
        vf_say(stderr, _("%s: not moved, nothing was changed\n"), vm);
        return VF_EXIT_FAILED;
    }
    sigset_t before;
    vf_plain_hold(&before);
    *id = vf_job_create(p->plan, conf->path, &err);
    bool begun = *id && vf_job_spawn(*id, VF_JOB_RUN, &err) == 0;
    enum vf_exit code = begun ? (enum vf_exit)vf_plain_follow(*id, o->progress, cache, stopped)
                              : vf_carry_failed(err, vm);
    vf_plain_heed(&before);
    return code;
}

/* Not knowing it stops nothing. */
static void forecast(const struct vf_conf *conf, struct vf_prepared *p, struct vf_tty_cache *cache)
{
    struct vf_asker asker = vf_tty_cache_asker(cache);
    vf_autoerror struct vf_error *why = NULL;
    vf_tty_cache_rewind(cache);
    if (vf_forecast(conf, p, &asker, NULL, &why) < 0)
        vf_say(stderr, _("vmferry: how long it takes is not known: %s\n"), vf_error_text(why));
}

enum vf_exit vf_carry_out(const struct vf_conf *conf, const struct vf_carry *o,
                          const struct vf_prepared *p, const char *vm, struct vf_tty_cache *cache,
                          char **id, bool *stopped)
{
    bool stop = vf_findings_stop(&p->findings), json = o->progress == VF_PROGRESS_JSON;
    vf_autofree char *own = NULL;
    struct vf_prepared shown = *p; /* borrows all of it */
    /* who is about to be asked whether to begin wants to know it */
    bool person = !o->yes && !o->dry_run && !o->only_check && !o->save && !json && vf_tty_there();
    if (!stop && (o->forecast || (person && vf_forecast_worth(p->plan))))
        forecast(conf, &shown, cache);
    vf_carry_show(o, &shown, stop);
    if (o->save && p->plan) {
        /* also when the move is stopped as things are: the plan may be what has to be changed */
        enum vf_exit code = vf_carry_save(o, &p->plan, 1);
        if (code != VF_EXIT_DONE)
            return code;
    }
    if (stop) {
        vf_say(stderr, _("%s: cannot be moved as things are; nothing was changed\n"), vm);
        return VF_EXIT_STOPPED;
    }
    if (o->save)
        return VF_EXIT_DONE;
    if (o->only_check || o->dry_run) {
        if (!json)
            puts(!o->only_check     ? _("Dry run: nothing was changed.")
                 : p->source->guest ? _("Nothing stops this import; nothing was changed.")
                                    : _("Nothing stops this move; nothing was changed."));
        return VF_EXIT_DONE;
    }
    return begin(conf, o, p, vm, cache, id ? id : &own, stopped);
}
