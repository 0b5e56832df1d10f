/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What can be set of a disk and of a network card. */
#include "config.h"
#include "ui/wizard/settings.h"
#include "plan/mac.h"
#include "plan/slot.h"
#include "base/i18n.h"
#include "base/str.h"

#include <string.h>

enum { BUSES = 4, MOST_SLOTS = 31 };

/* ---- disks ---- */

static struct vf_plan_disk *disk(const struct vf_sheet *s)
{
    return &s->plan->disks[s->disk];
}

static char *get_storage(const struct vf_sheet *s)
{
    return vf_strdup(disk(s)->storage);
}

/* A format that the new storage does not take becomes what it takes. */
static const char *set_storage(struct vf_sheet *s, const char *value)
{
    struct vf_plan_disk *d = disk(s);
    const struct vf_seen_storage *to = vf_sheet_storage(s, value);
    vf_str_set(&d->storage, value);
    if (to && to->formats && to->formats[0] && !vf_strv_has(to->formats, d->format))
        vf_str_set(&d->format, to->formats[0]);
    return NULL;
}

static void offer_storages(const struct vf_sheet *s, json_t *choices)
{
    for (size_t i = 0; i < s->seen->n_storages; i++) {
        const struct vf_seen_storage *t = &s->seen->storages[i];
        vf_autofree char *free = vf_format_bytes(t->avail), *label = vf_escape(t->name);
        vf_autofree char *more = vf_asprintf(_("%s, %s free"), t->type, free);
        json_array_append_new(choices, json_pack("{s:s, s:s, s:s, s:s?}", "key", t->name, "label",
                                                 label, "more", more, "why_not",
                                                 t->total && !t->avail ? _("full") : NULL));
    }
}

static char *get_format(const struct vf_sheet *s)
{
    return vf_strdup(disk(s)->format);
}

static const char *set_format(struct vf_sheet *s, const char *value)
{
    vf_str_set(&disk(s)->format, value);
    return NULL;
}

static void offer_formats(const struct vf_sheet *s, json_t *choices)
{
    const struct vf_seen_storage *t = vf_sheet_storage(s, disk(s)->storage);
    bool there = t && vf_strv_has(t->formats, disk(s)->format);
    for (size_t i = 0; t && t->formats && t->formats[i]; i++)
        vf_offer(choices, t->formats[i], t->formats[i]);
    if (!there)
        vf_offer(choices, disk(s)->format, disk(s)->format);
}

static bool has_bus(const struct vf_sheet *s)
{
    return *vf_slot_bus(disk(s)->slot) != 0;
}

/* Is SLOT that of another disk, or of a CD-ROM drive? */
static bool taken(const struct vf_sheet *s, const char *slot)
{
    const struct vf_vm *v = vf_sheet_source(s);
    for (size_t i = 0; i < s->plan->n_disks; i++)
        if (i != s->disk && vf_streq(vf_plan_slot(&s->plan->disks[i]), slot))
            return true;
    for (size_t i = 0; v && i < v->n_cdroms; i++)
        if (vf_streq(v->cdroms[i].slot, slot))
            return true;
    return false;
}

/* Where it is, and the first free place of each bus. */
static void offer_slots(const struct vf_sheet *s, json_t *choices)
{
    static const char *const buses[BUSES] = {"scsi", "virtio", "sata", "ide"};
    const struct vf_plan_disk *d = disk(s);
    vf_autofree char *was =
        vf_sheet_imports(s) ? vf_strdup(d->slot) : vf_asprintf(_("%s, as at the source"), d->slot);
    vf_offer(choices, d->slot, was);
    if (d->target_slot && !vf_streq(d->target_slot, d->slot))
        vf_offer(choices, d->target_slot, d->target_slot);
    for (size_t i = 0; i < BUSES; i++)
        for (unsigned n = 0; n < MOST_SLOTS; n++) {
            vf_autofree char *slot = vf_asprintf("%s%u", buses[i], n);
            if (vf_slot_check(slot) || vf_streq(slot, d->slot) || vf_streq(slot, d->target_slot) ||
                taken(s, slot))
                continue;
            vf_offer(choices, slot, slot);
            break;
        }
}

static char *get_slot(const struct vf_sheet *s)
{
    return vf_strdup(vf_plan_slot(disk(s)));
}

/* What the new bus does not have is no longer set. */
static const char *set_slot(struct vf_sheet *s, const char *value)
{
    struct vf_plan_disk *d = disk(s);
    vf_str_set(&d->target_slot, vf_streq(value, d->slot) ? NULL : value);
    if (!vf_slot_takes(value, "ssd"))
        d->ssd = -1;
    if (!vf_slot_takes(value, "iothread"))
        d->iothread = -1;
    return NULL;
}

/* What is not set of a disk: it has no such thing at another hypervisor. */
static const char *not_set(const struct vf_sheet *s)
{
    return vf_sheet_imports(s) ? _("as Proxmox VE has it") : _("as at the source");
}

static char *get_cache(const struct vf_sheet *s)
{
    return vf_strdup(disk(s)->cache ? disk(s)->cache : "");
}

static const char *set_cache(struct vf_sheet *s, const char *value)
{
    vf_str_set(&disk(s)->cache, *value ? value : NULL);
    return NULL;
}

static void offer_caches(const struct vf_sheet *s, json_t *choices)
{
    vf_offer(choices, "", not_set(s));
    for (size_t i = 0; vf_cache_words[i]; i++)
        vf_offer(choices, vf_cache_words[i], vf_cache_words[i]);
}

static bool takes_cache(const struct vf_sheet *s)
{
    return vf_slot_takes(vf_plan_slot(disk(s)), "cache");
}

/* ---- switches: as at the source, on, off ---- */

static char *get_switch(int value)
{
    return vf_strdup(value < 0 ? "" : value ? "on" : "off");
}

static const char *set_switch(int *to, const char *value)
{
    *to = !*value ? -1 : vf_streq(value, "on");
    return NULL;
}

static void offer_switch(const struct vf_sheet *s, json_t *choices)
{
    vf_offer(choices, "", not_set(s));
    vf_offer(choices, "on", _("on"));
    vf_offer(choices, "off", _("off"));
}

static char *get_discard(const struct vf_sheet *s)
{
    return get_switch(disk(s)->discard);
}

static const char *set_discard(struct vf_sheet *s, const char *value)
{
    return set_switch(&disk(s)->discard, value);
}

static char *get_ssd(const struct vf_sheet *s)
{
    return get_switch(disk(s)->ssd);
}

static const char *set_ssd(struct vf_sheet *s, const char *value)
{
    return set_switch(&disk(s)->ssd, value);
}

static bool takes_ssd(const struct vf_sheet *s)
{
    return vf_slot_takes(vf_plan_slot(disk(s)), "ssd");
}

static char *get_iothread(const struct vf_sheet *s)
{
    return get_switch(disk(s)->iothread);
}

static const char *set_iothread(struct vf_sheet *s, const char *value)
{
    return set_switch(&disk(s)->iothread, value);
}

static bool takes_iothread(const struct vf_sheet *s)
{
    return vf_slot_takes(vf_plan_slot(disk(s)), "iothread");
}

static const struct vf_setting disk_settings[] = {
    {N_("Storage"), N_("To which storage?"), NULL, .get = get_storage, .set = set_storage,
     .offer = offer_storages, .list = true},
    {N_("Format"), N_("In which format is it to be there?"), NULL, .get = get_format,
     .set = set_format, .offer = offer_formats},
    {N_("Bus"), N_("Where is it to be attached?"),
     N_("The guest needs a driver for the bus it boots from; where it starts from a disk by its "
        "path, that changes."),
     .get = get_slot, .set = set_slot, .offer = offer_slots, .applies = has_bus},
    {N_("Cache"), N_("Which cache is it to have?"), NULL, .get = get_cache, .set = set_cache,
     .offer = offer_caches, .applies = takes_cache},
    {N_("Discard"), N_("Is what the guest frees to be freed in the storage?"), NULL,
     .get = get_discard, .set = set_discard, .offer = offer_switch, .applies = takes_cache},
    {N_("SSD"), N_("Is it to look like an SSD to the guest?"), NULL, .get = get_ssd, .set = set_ssd,
     .offer = offer_switch, .applies = takes_ssd},
    {N_("IO thread"), N_("Is it to have a thread of its own?"), NULL, .get = get_iothread,
     .set = set_iothread, .offer = offer_switch, .applies = takes_iothread},
};

/* ---- network cards ---- */

static struct vf_plan_nic *nic(const struct vf_sheet *s)
{
    return &s->plan->nics[s->nic];
}

static char *get_bridge(const struct vf_sheet *s)
{
    return vf_strdup(nic(s)->bridge);
}

static const char *set_bridge(struct vf_sheet *s, const char *value)
{
    vf_str_set(&nic(s)->bridge, value);
    return NULL;
}

static void offer_bridges(const struct vf_sheet *s, json_t *choices)
{
    for (char **b = s->seen->bridges; b && *b; b++) {
        vf_autofree char *label = vf_escape(*b);
        vf_offer(choices, *b, label);
    }
}

static char *tag_text(unsigned tag)
{
    return tag ? vf_asprintf("%u", tag) : NULL;
}

const char *vf_parse_tag(const char *value, unsigned *tag)
{
    uint64_t n = 0;
    if (*value && vf_parse_u64(value, 0, VF_LAST_VLAN, &n) < 0)
        return _("A VLAN tag is a number from 1 to 4094; empty: none.");
    *tag = (unsigned)n;
    return NULL;
}

static char *get_tag(const struct vf_sheet *s)
{
    return tag_text(vf_sheet_tag(s, s->nic));
}

static const char *set_tag(struct vf_sheet *s, const char *value)
{
    unsigned tag = 0;
    const char *why = vf_parse_tag(value, &tag);
    if (!why)
        vf_sheet_set_tag(s, s->nic, tag);
    return why;
}

static const char *set_all_tags(struct vf_sheet *s, const char *value)
{
    unsigned tag = 0;
    const char *why = vf_parse_tag(value, &tag);
    if (!why)
        vf_sheet_map(s, s->nic, NULL, tag);
    return why;
}

const struct vf_setting vf_tag_setting = {N_("VLAN tag"),
                                          N_("Which VLAN tag is it to have at the target?"),
                                          N_("1 to 4094. Empty: none."),
                                          .get = get_tag,
                                          .set = set_all_tags,
                                          .none = N_("none")};

static char *get_mac(const struct vf_sheet *s)
{
    static const char *const keys[] = {"keep", "new", "enter"};
    return vf_strdup(keys[nic(s)->mac_mode]);
}

static char *get_typed_mac(const struct vf_sheet *s)
{
    const struct vf_nic *from = vf_sheet_nic(s, s->nic);
    return vf_strdup(nic(s)->mac ? nic(s)->mac : from ? from->mac : NULL);
}

static const char *set_mac(struct vf_sheet *s, const char *value)
{
    enum vf_mac_mode mode;
    vf_autofree char *mac = NULL;
    if (vf_mac_rule(value, &mode, &mac, NULL) < 0)
        return _("It must be a MAC address of one card, such as BC:24:11:2F:00:01.");
    nic(s)->mac_mode = mode;
    vf_str_set(&nic(s)->mac, mac);
    return NULL;
}

static void offer_mac(const struct vf_sheet *s, json_t *choices)
{
    const struct vf_nic *from = vf_sheet_nic(s, s->nic);
    vf_autofree char *keep = vf_asprintf(_("as at the source: %s"), from ? from->mac : "?");
    vf_autofree char *enter =
        vf_asprintf(nic(s)->mac ? _("another one: %s") : _("another one, typed ..."), nic(s)->mac);
    vf_offer(choices, "keep", keep);
    vf_offer(choices, "new", _("a new one"));
    vf_offer(choices, "enter", enter);
}

static char *get_model(const struct vf_sheet *s)
{
    return vf_strdup(nic(s)->model ? nic(s)->model : "");
}

static const char *set_model(struct vf_sheet *s, const char *value)
{
    vf_str_set(&nic(s)->model, *value ? value : NULL);
    return NULL;
}

static void offer_models(const struct vf_sheet *s, json_t *choices)
{
    const struct vf_nic *from = vf_sheet_nic(s, s->nic);
    vf_autofree char *was = vf_asprintf(_("%s, as at the source"), from ? from->model : "?");
    vf_offer(choices, "", was);
    for (size_t i = 0; vf_nic_models[i]; i++)
        if (!from || !vf_streq(vf_nic_models[i], from->model))
            vf_offer(choices, vf_nic_models[i], vf_nic_models[i]);
}

static char *get_cable(const struct vf_sheet *s)
{
    return get_switch(nic(s)->disconnected);
}

static const char *set_cable(struct vf_sheet *s, const char *value)
{
    return set_switch(&nic(s)->disconnected, value);
}

static void offer_cable(const struct vf_sheet *s, json_t *choices)
{
    const struct vf_nic *from = vf_sheet_nic(s, s->nic);
    vf_offer(choices, "",
             from && from->link_down ? _("disconnected, as at the source")
                                     : _("connected, as at the source"));
    vf_offer(choices, "off", _("connected"));
    vf_offer(choices, "on", _("disconnected"));
}

static const struct vf_setting typed_mac = {N_("MAC address"), N_("Which MAC address?"), NULL,
                                            .get = get_typed_mac, .set = set_mac};

static const struct vf_setting nic_settings[] = {
    {N_("Bridge"), N_("To which bridge?"), NULL, .get = get_bridge, .set = set_bridge,
     .offer = offer_bridges, .list = true},
    {N_("VLAN tag"), N_("Which VLAN tag is it to have at the target?"),
     N_("1 to 4094. Empty: none."), .get = get_tag, .set = set_tag, .none = N_("none")},
    {N_("MAC address"), N_("Which MAC address is it to have at the target?"),
     N_("With another one the guest may take it for another card, and what knows it by its address "
        "(DHCP, licences, switches) no longer does."),
     .get = get_mac, .set = set_mac, .offer = offer_mac, .typed = &typed_mac},
    {N_("Model"), N_("Which model is it to be?"), NULL, .get = get_model, .set = set_model,
     .offer = offer_models, .list = true},
    {N_("Connection"), N_("Is it to be connected?"), NULL, .get = get_cable, .set = set_cable,
     .offer = offer_cable},
};

const struct vf_settings vf_disk_settings = {disk_settings, VF_COUNT(disk_settings)};
const struct vf_settings vf_nic_settings = {nic_settings, VF_COUNT(nic_settings)};
