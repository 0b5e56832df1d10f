/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "ui/cmd/check_all.h"
#include "ui/say.h"
#include "job/forecast.h"
#include "base/clock.h"
#include "base/i18n.h"
#include "base/str.h"

#include <stdio.h>
#include <string.h>

struct table {
    size_t columns; /* of the terminal; 0: none */
    bool imports;   /* from another hypervisor */
    uint64_t speed;
    unsigned vms, movable, blocked;
    uint64_t bytes; /* of those that can be moved */
    /* to measure with; NULL: nothing is measured */
    const struct vf_conf *conf;
    const struct vf_asker *asker;
    struct rates {
        char *node; /* of the source */
        struct vf_rates rates;
        bool known;
    } * measured;
    size_t n_measured;
};

/* One line, cut where the terminal ends: what blocks is all in `vmferry move -n`. */
static void put_row(const struct table *t, const char *id, const char *name, const char *how,
                    const char *size, const char *time, const char *blocks)
{
    vf_autofree char *line =
        vf_asprintf("%*s  %-*s  %-*s  %*s  %-*s  %s", vf_pad(id, 6), id, vf_pad(name, 16), name,
                    vf_pad(how, 9), how, vf_pad(size, 8), size, vf_pad(time, 11), time, blocks);
    vf_autofree char *shown = vf_for_locale(line);
    size_t n = strlen(shown), used = 0;
    while (n && shown[n - 1] == ' ')
        n--;
    size_t cut = n;
    for (size_t i = 0; t->columns && i < n; i++) {
        used += ((unsigned char)shown[i] & 0xc0) != 0x80;
        if (used == t->columns - 2)
            cut = i;
    }
    if (t->columns && used > t->columns)
        printf("%.*s...\n", (int)cut, shown);
    else
        printf("%.*s\n", (int)n, shown);
}

static const char *first_stop(const struct vf_findings *f, size_t *others, char **text)
{
    const struct vf_finding *first = NULL;
    for (size_t i = 0; i < f->n; i++)
        if (f->v[i].severity == VF_STOP) {
            *others += first != NULL;
            first = first ? first : &f->v[i];
        }
    if (first)
        *text = vf_asprintf("%s: %s", first->subject, first->text);
    return *text;
}

static char *blocks_text(const struct vf_checked *c)
{
    vf_autofree char *raw = NULL;
    size_t others = 0;
    if (c->vm->container)
        return vf_strdup(_("a container"));
    if (c->vm->template_)
        return vf_strdup(_("a template"));
    if (c->why) {
        /* which VM is said in front already */
        vf_autofree char *prefix = vf_asprintf("VM %u (%s): ", c->vm->id, c->vm->name);
        const char *text = vf_error_text(c->why);
        return vf_escape(vf_starts(text, prefix) ? text + strlen(prefix) : text);
    }
    if (!first_stop(&c->prepared->findings, &others, &raw))
        return vf_strdup("");
    vf_autofree char *text = vf_escape(raw);
    return others ? vf_asprintf(_("%s (and %zu more)"), text, others) : VF_STEAL(text);
}

/* What was measured from P's node, or is now. NULL: cannot be told. */
static const struct vf_rates *rates_of(struct table *t, const struct vf_prepared *p)
{
    for (size_t i = 0; i < t->n_measured; i++)
        if (vf_streq(t->measured[i].node, p->source->node))
            return t->measured[i].known ? &t->measured[i].rates : NULL;
    if (!p->plan->n_disks)
        return NULL;
    vf_autoerror struct vf_error *why = NULL;
    struct rates *r = vf_grow(&t->measured, &t->n_measured, sizeof *r);
    r->node = vf_strdup(p->source->node);
    r->known = vf_measure(t->conf, p, t->asker, NULL, &r->rates, &why) == 0;
    if (!r->known)
        vf_say(stderr, _("vmferry: how long it takes is not known: %s\n"), vf_error_text(why));
    return r->known ? &r->rates : NULL;
}

/* NULL: nobody knows. Caller frees. */
static char *time_of(struct table *t, const struct vf_prepared *p, bool copy)
{
    double seconds = -1, down;
    if (t->speed)
        return vf_format_duration((double)p->bytes / (double)t->speed);
    const struct vf_rates *rates = copy && t->conf ? rates_of(t, p) : NULL;
    if (rates)
        vf_forecast_of(p->plan, p->source, rates, &seconds, &down);
    vf_autofree char *text = seconds > 0 ? vf_format_duration(seconds) : NULL;
    return text && rates->least ? vf_asprintf("> %s", text) : VF_STEAL(text);
}

static void on_vm(void *opaque, const struct vf_checked *c)
{
    struct table *t = opaque;
    const struct vf_prepared *p = c->prepared;
    bool copy = p && p->plan && !vf_findings_stop(&p->findings);
    const char *how = copy && c->live ? _("copy/live")
                      : copy          ? _("copy")
                      : c->live       ? _("live")
                                      : _("no");
    vf_autofree char *id = vf_asprintf("%u", c->vm->id),
                     *full = vf_escape(c->vm->name ? c->vm->name : "-"),
                     *name = strlen(full) > 16 ? vf_asprintf("%.13s...", full) : vf_strdup(full),
                     *size = p && p->plan ? vf_format_bytes(p->bytes) : vf_strdup("-"),
                     *blocks = blocks_text(c), *time = NULL;
    bool can = copy || c->live;
    if (can)
        time = time_of(t, p, copy);
    t->vms++;
    t->movable += can;
    t->blocked += !can;
    t->bytes += can ? p->bytes : 0;
    put_row(t, id, name, how, size, time ? time : can ? _("unknown") : "-", blocks);
    fflush(stdout);
}

static void begin(void *opaque, const char *node, const char *storage)
{
    struct table *t = opaque;
    vf_say(stdout, _("To node %s, storage %s; nothing is changed.\n"), node, storage);
    put_row(t, t->imports ? _("NO.") : _("VMID"), _("NAME"), _("HOW"), _("SIZE"), _("TIME"),
            _("WHAT BLOCKS A COPY"));
}

/* Is SOURCE no Proxmox VE? */
static bool is_import(const struct vf_conf *conf, const char *source)
{
    const struct vf_cluster_conf *c = vf_conf_cluster(conf, source, NULL);
    return c && !vf_streq(c->type, "pve");
}

enum vf_exit vf_check_all(const struct vf_carry *o, const struct vf_move *move, uint64_t speed)
{
    vf_autoerror struct vf_error *err = NULL;
    vf_auto(vf_conf_free) struct vf_conf *conf = vf_conf_load(o->config, &err);
    if (!conf)
        return vf_carry_failed(err, NULL);
    vf_auto(vf_tty_cache_free) struct vf_tty_cache *cache = vf_tty_cache_new();
    struct vf_asker asker = vf_tty_cache_asker(cache);
    struct table t = {.columns = vf_columns(1),
                      .speed = speed,
                      .imports = is_import(conf, move->source),
                      .conf = o->forecast ? conf : NULL,
                      .asker = &asker};
    const struct vf_check_fns fns = {begin, on_vm, &t};
    uint64_t avail = 0;
    int r = vf_prepare_all(conf, move, &asker, NULL, &fns, &avail, &err);
    for (size_t i = 0; i < t.n_measured; i++)
        free(t.measured[i].node);
    free(t.measured);
    if (r < 0)
        return vf_carry_failed(err, NULL);
    vf_autofree char *bytes = vf_format_bytes(t.bytes), *room = vf_format_bytes(avail);
    vf_say(stdout, _("%u of %u VMs can be moved, together %s; the storage has %s free.\n"),
           t.movable, t.vms, bytes, room);
    if (t.bytes > avail)
        vf_say(stdout, _("They do not all fit there.\n"));
    vf_say(stdout,
           t.imports ? _("copy: shut down and copied. All of it for one: vmferry import -n\n")
                     : _("copy: shut down and copied; live: --method=remote-migrate. All of it for "
                         "one: vmferry move -n\n"));
    return t.blocked ? VF_EXIT_STOPPED : VF_EXIT_DONE;
}
