/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Edits of a plan carried into one that was made anew: by what differs, so that no edit needs to be
 * written down. */
#include "config.h"
#include "ui/wizard/edit.h"
#include "plan/profile.h"
#include "base/str.h"

#include <string.h>

#define FIELD(member) offsetof(struct vf_plan, member), sizeof(((struct vf_plan *)NULL)->member)

/* OF_VM: for another VM it makes no sense. */
static const struct {
    size_t at, size;
    bool of_vm;
} values[] = {
    {FIELD(target_id), true},
    {FIELD(copy_disks), false},
    {FIELD(precopy), false},
    {FIELD(start), false},
    {FIELD(start_stopped), true},
    {FIELD(rate), false},
    {FIELD(verify), false},
    {FIELD(method), false},
    {FIELD(compress), false},
    {FIELD(streams), false},
    {FIELD(route), false},
    {FIELD(shutdown_timeout), false},
    {FIELD(rehearse), false},
    {FIELD(wait_before_stop), false},
    {FIELD(wait_before_start), false},
    {FIELD(ignore_exists), false},
    {FIELD(fixes), true},
    {FIELD(profile), true},
    {FIELD(driver_disk), true},
    {FIELD(console), true},
    {FIELD(remove_snapshots), true},
};

static const struct {
    size_t at;
    bool of_vm;
} texts[] = {
    {offsetof(struct vf_plan, target_name), true},
    {offsetof(struct vf_plan, cpu), true},
    {offsetof(struct vf_plan, ciphers), false},
    {offsetof(struct vf_plan, service_ports), false},
    {offsetof(struct vf_plan, service_addresses), true},
};

static char **text_at(const struct vf_plan *p, size_t at)
{
    return (char **)((char *)p + at);
}

static void carry_values(struct vf_plan *fresh, const struct vf_plan *base,
                         const struct vf_plan *edited, bool same_vm)
{
    for (size_t i = 0; i < VF_COUNT(values); i++) {
        const char *was = (const char *)base + values[i].at;
        const char *is = (const char *)edited + values[i].at;
        if ((same_vm || !values[i].of_vm) && memcmp(was, is, values[i].size) != 0)
            memcpy((char *)fresh + values[i].at, is, values[i].size);
    }
    for (size_t i = 0; i < VF_COUNT(texts); i++) {
        const char *was = *text_at(base, texts[i].at), *is = *text_at(edited, texts[i].at);
        if ((same_vm || !texts[i].of_vm) && !vf_streq(was, is))
            vf_str_set(text_at(fresh, texts[i].at), is);
    }
}

static void carry_text(char **fresh, const char *base, const char *edited)
{
    if (!vf_streq(base, edited))
        vf_str_set(fresh, edited);
}

static void carry_number(int *fresh, int base, int edited)
{
    if (base != edited)
        *fresh = edited;
}

static const struct vf_seen_storage *find_storage(const struct vf_survey_answer *a,
                                                  const char *name)
{
    for (size_t i = 0; i < a->n_storages; i++)
        if (vf_streq(a->storages[i].name, name))
            return &a->storages[i];
    return NULL;
}

static void carry_disk(struct vf_plan_disk *fresh, const struct vf_plan_disk *base,
                       const struct vf_plan_disk *edited, const struct vf_survey_answer *there)
{
    bool moved = !vf_streq(base->storage, edited->storage);
    bool formed = moved || !vf_streq(base->format, edited->format);
    if (moved && find_storage(there, edited->storage))
        vf_str_set(&fresh->storage, edited->storage);
    const struct vf_seen_storage *s = find_storage(there, fresh->storage);
    if (formed && s && vf_strv_has(s->formats, edited->format))
        vf_str_set(&fresh->format, edited->format);
    carry_text(&fresh->target_slot, base->target_slot, edited->target_slot);
    carry_text(&fresh->cache, base->cache, edited->cache);
    carry_number(&fresh->discard, base->discard, edited->discard);
    carry_number(&fresh->ssd, base->ssd, edited->ssd);
    carry_number(&fresh->iothread, base->iothread, edited->iothread);
}

static void carry_nic(struct vf_plan_nic *fresh, const struct vf_plan_nic *base,
                      const struct vf_plan_nic *edited, const struct vf_survey_answer *there)
{
    if (!there->bridges || vf_strv_has(there->bridges, edited->bridge))
        carry_text(&fresh->bridge, base->bridge, edited->bridge);
    if (base->mac_mode != edited->mac_mode || !vf_streq(base->mac, edited->mac)) {
        fresh->mac_mode = edited->mac_mode;
        vf_str_set(&fresh->mac, edited->mac);
    }
    carry_text(&fresh->model, base->model, edited->model);
    if (base->tag != edited->tag)
        fresh->tag = edited->tag;
    carry_number(&fresh->disconnected, base->disconnected, edited->disconnected);
}

/* The same disk: a slot may have got another one since. */
static size_t find_disk(const struct vf_plan *p, const struct vf_plan_disk *d)
{
    size_t i = 0;
    while (i < p->n_disks &&
           !(vf_streq(p->disks[i].slot, d->slot) && vf_streq(p->disks[i].volume, d->volume)))
        i++;
    return i;
}

static size_t find_nic(const struct vf_plan *p, unsigned index)
{
    size_t i = 0;
    while (i < p->n_nics && p->nics[i].index != index)
        i++;
    return i;
}

void vf_plan_rebase(struct vf_plan *fresh, const struct vf_plan *base, const struct vf_plan *edited,
                    const struct vf_survey_answer *there)
{
    bool same_vm = fresh->vm_id == base->vm_id && vf_streq(fresh->source, base->source);
    /* what it sets of disks and cards is what their edits are edits of */
    if (same_vm && edited->profile != base->profile && there->prepared.source)
        vf_plan_set_profile(fresh, there->prepared.source, edited->profile);
    carry_values(fresh, base, edited, same_vm);
    for (size_t i = 0; same_vm && i < fresh->n_disks; i++) {
        size_t b = find_disk(base, &fresh->disks[i]), e = find_disk(edited, &fresh->disks[i]);
        if (b < base->n_disks && e < edited->n_disks)
            carry_disk(&fresh->disks[i], &base->disks[b], &edited->disks[e], there);
    }
    for (size_t i = 0; same_vm && i < fresh->n_nics; i++) {
        size_t b = find_nic(base, fresh->nics[i].index), e = find_nic(edited, fresh->nics[i].index);
        if (b < base->n_nics && e < edited->n_nics)
            carry_nic(&fresh->nics[i], &base->nics[b], &edited->nics[e], there);
    }
}

struct vf_plan *vf_plan_neutral(const struct vf_plan *plan, const char *storage)
{
    struct vf_plan *p = vf_plan_copy(plan);
    vf_auto(vf_plan_free) struct vf_plan *none = vf_plan_new();
    for (size_t i = 0; i < VF_COUNT(values); i++)
        memcpy((char *)p + values[i].at, (const char *)none + values[i].at, values[i].size);
    for (size_t i = 0; i < VF_COUNT(texts); i++)
        vf_str_set(text_at(p, texts[i].at), NULL);
    for (size_t i = 0; i < p->n_disks; i++) {
        struct vf_plan_disk *d = &p->disks[i];
        vf_str_set(&d->storage, storage);
        vf_str_set(&d->format, NULL);
        vf_str_set(&d->target_slot, NULL);
        vf_str_set(&d->cache, NULL);
        d->discard = d->ssd = d->iothread = -1;
    }
    for (size_t i = 0; i < p->n_nics; i++)
        vf_plan_reset_nic(&p->nics[i]);
    return p;
}
