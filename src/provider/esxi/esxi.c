/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of the platform "esxi", and what it changes at the host: by the way that everything is
 * read through, or, where a free licence forbids the API to write, over SSH. */
#include "config.h"
#include "provider/esxi/esxi.h"
#include "provider/absent.h"
#include "disk/recipe.h"
#include "base/log.h"
#include "base/str.h"

#include <assert.h>

static_assert(VF_LACKS_CLAIM == (int)VF_ESXI_NO_ANNOTATE &&
                  VF_LACKS_RENAME == (int)VF_ESXI_NO_RENAME &&
                  VF_LACKS_ONBOOT == (int)VF_ESXI_NO_ONBOOT &&
                  VF_LACKS_POWER == (int)VF_ESXI_NO_POWER,
              "what a way lacks is what the platform lacks");

/* ---- changing ---- */

struct change {
    unsigned bit; /* of what a way may lack; 0: none tells of it beforehand */
    unsigned id;
    enum vf_esxi_power power;
    unsigned timeout;
    const char *text, *digest;
    bool on;
};

typedef int change_fn(struct vf_esxi_way *w, const struct change *c, struct vf_error **err);

/* By the other way when the first cannot, which it may learn only now. */
static int change(struct vf_provider *p, change_fn *fn, const struct change *c,
                  struct vf_error **err)
{
    struct vf_esxi *e = vf_esxi_of(p);
    vf_autoerror struct vf_error *why = NULL, *none = NULL;
    if (e->guard && e->guard(e->guard_opaque, err) < 0)
        return -1;
    if (!(e->way->ops->lacks(e->way) & c->bit)) {
        if (fn(e->way, c, &why) == 0)
            return 0;
        if (vf_error_code(why) != VF_E_UNSUPPORTED)
            return vf_fail_with(err, VF_STEAL(why));
    }
    struct vf_esxi_way *other = vf_esxi_other(e, true, &none);
    if (other && !(other->ops->lacks(other) & c->bit)) {
        vf_info("esxi", "%s: by %s, for %s cannot%s%s", p->conf->name, other->ops->name,
                e->way->ops->name, why ? ": " : "", why ? vf_error_text(why) : "");
        return fn(other, c, err);
    }
    const char *first = why ? vf_error_text(why) : "the host's licence or this way does not let us";
    return vf_fail(err, VF_E_UNSUPPORTED, none ? "%s; and over SSH: %s" : "%s%s", first,
                   none ? vf_error_text(none) : "");
}

static int do_annotate(struct vf_esxi_way *w, const struct change *c, struct vf_error **err)
{
    return w->ops->annotate(w, c->id, c->text, c->digest, err);
}

static int do_rename(struct vf_esxi_way *w, const struct change *c, struct vf_error **err)
{
    return w->ops->rename(w, c->id, c->text, err);
}

static int do_onboot(struct vf_esxi_way *w, const struct change *c, struct vf_error **err)
{
    return w->ops->set_onboot(w, c->id, c->on, err);
}

static int do_power(struct vf_esxi_way *w, const struct change *c, struct vf_error **err)
{
    return w->ops->power(w, c->id, c->power, c->timeout, err);
}

static int do_drop_snapshots(struct vf_esxi_way *w, const struct change *c, struct vf_error **err)
{
    return w->ops->drop_snapshots(w, c->id, err);
}

static int describe_as(struct vf_provider *p, const char *node, unsigned id,
                       const char *description, const char *digest, struct vf_error **err)
{
    struct change c = {.bit = VF_ESXI_NO_ANNOTATE, .id = id, .text = description, .digest = digest};
    return change(p, do_annotate, &c, err);
}

static int rename_vm(struct vf_provider *p, const char *node, unsigned id, const char *name,
                     struct vf_error **err)
{
    struct change c = {.bit = VF_ESXI_NO_RENAME, .id = id, .text = name ? name : ""};
    return change(p, do_rename, &c, err);
}

static int set_onboot(struct vf_provider *p, const char *node, unsigned id, bool onboot,
                      struct vf_error **err)
{
    struct change c = {.bit = VF_ESXI_NO_ONBOOT, .id = id, .on = onboot};
    return change(p, do_onboot, &c, err);
}

static int power(struct vf_provider *p, const char *node, unsigned id, enum vf_power what,
                 unsigned timeout, struct vf_error **err)
{
    static const enum vf_esxi_power words[] = {[VF_POWER_START] = VF_ESXI_ON,
                                               [VF_POWER_SHUTDOWN] = VF_ESXI_SHUTDOWN,
                                               [VF_POWER_STOP] = VF_ESXI_OFF};
    struct change c = {.bit = VF_ESXI_NO_POWER, .id = id, .power = words[what], .timeout = timeout};
    return change(p, do_power, &c, err);
}

static int drop_snapshots(struct vf_provider *p, unsigned id, struct vf_error **err)
{
    struct change c = {.id = id};
    return change(p, do_drop_snapshots, &c, err);
}

/* What neither way can do. That the other is needed is worth a question. */
static unsigned lacks(struct vf_provider *p)
{
    struct vf_esxi *e = vf_esxi_of(p);
    unsigned bits = e->way->ops->lacks(e->way);
    vf_autoerror struct vf_error *why = NULL;
    struct vf_esxi_way *other = bits ? vf_esxi_other(e, true, &why) : NULL;
    if (bits && !other)
        vf_info("esxi", "%s: nothing is changed there over SSH: %s", p->conf->name,
                vf_error_text(why));
    return other ? bits & other->ops->lacks(other) : bits;
}

/* ---- beginning and end ---- */

static void set_cancel(struct vf_provider *p, struct vf_cancel *cancel)
{
    struct vf_esxi *e = vf_esxi_of(p);
    e->cancel = cancel;
    e->way->ops->set_cancel(e->way, cancel);
    if (e->other)
        e->other->ops->set_cancel(e->other, cancel);
}

static void set_guard(struct vf_provider *p, vf_guard_fn *guard, void *opaque)
{
    vf_esxi_of(p)->guard = guard;
    vf_esxi_of(p)->guard_opaque = opaque;
}

static void free_provider(struct vf_provider *p)
{
    struct vf_esxi *e = vf_esxi_of(p);
    vf_esxi_way_free(e->other);
    vf_esxi_way_free(e->way);
    vf_secret_free(e->password);
    vf_error_free(e->no_other);
    vf_error_free(e->away);
    vf_esxi_rows_free(e->rows, e->n_rows);
    vf_recipe_free(e->hashed);
    free(e->hashed_volume);
    free(e);
}

static const struct vf_provider_ops ops = {
    .type = "esxi",
    .disks = VF_DISKS_FETCHED,
    .only_source = true,
    .lacks = lacks,
    .login = vf_esxi_login,
    .way = vf_esxi_way_text,
    .ssh_service = vf_esxi_ssh_service,
    .set_ssh_service = vf_esxi_set_ssh_service,
    .hash = vf_esxi_hash,
    .summer = vf_esxi_summer,
    .without_holes = vf_esxi_without_holes,
    .try_read = vf_esxi_try_read,
    .drop_snapshots = drop_snapshots,
    VF_ABSENT_LOOKS,
    VF_ABSENT_TARGET,
    .nodes = vf_esxi_nodes,
    .vms = vf_esxi_vms,
    .outline = vf_esxi_outline,
    .describe = vf_esxi_describe_vm,
    .notes = vf_esxi_notes,
    .state = vf_esxi_state,
    .addresses = vf_esxi_addresses,
    .agent = vf_esxi_agent,
    .volume = vf_esxi_volume,
    .describe_as = describe_as,
    .rename = rename_vm,
    .set_onboot = set_onboot,
    .power = power,
    .set_cancel = set_cancel,
    .set_guard = set_guard,
    .free = free_provider,
};

struct vf_provider *vf_esxi_open_by(const struct vf_esxi_doors *doors,
                                    const struct vf_cluster_conf *conf, bool verify_tls,
                                    const struct vf_asker *asker, struct vf_cancel *cancel,
                                    struct vf_error **err)
{
    struct vf_esxi *e = vf_xcalloc(1, sizeof *e);
    *e = (struct vf_esxi){.base = {&ops, conf},
                          .doors = *doors,
                          .verify_tls = verify_tls,
                          .asker = asker,
                          .cancel = cancel};
    if (vf_esxi_log_in(e, err) < 0) {
        free_provider(&e->base);
        return NULL;
    }
    return &e->base;
}

struct vf_provider *vf_esxi_open(const struct vf_cluster_conf *conf, bool verify_tls,
                                 const struct vf_asker *asker, struct vf_cancel *cancel,
                                 struct vf_error **err)
{
    static const struct vf_esxi_doors doors = {vf_esxi_api_open, vf_esxi_ssh_open,
                                               vf_esxi_api_ssh_runs, vf_esxi_api_set_ssh};
    return vf_esxi_open_by(&doors, conf, verify_tls, asker, cancel, err);
}
