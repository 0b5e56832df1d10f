/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The pages that open from the plan's: a network, a card, a disk, options, a list to pick from. */
#include "config.h"
#include "ui/wizard/sheet.h"
#include "base/i18n.h"
#include "base/str.h"

#include <string.h>

/* ---- pages of fields ---- */

const struct vf_setting *vf_sheet_setting(const struct vf_wizard *w, size_t tag)
{
    enum vf_sheet_row kind = VF_ROW_KIND(tag);
    const struct vf_settings *f = w->page == PAGE_DISK      ? &vf_disk_settings
                                  : w->page == PAGE_NIC     ? &vf_nic_settings
                                  : w->page == PAGE_OPTIONS ? &vf_option_settings
                                  : w->page > PAGE_SHEET    ? NULL
                                  : kind == ROW_NAME        ? &vf_name_settings
                                  : kind == ROW_IMPORT      ? &vf_import_settings
                                  : kind == ROW_PLAN        ? &vf_plan_settings
                                                            : NULL;
    return f ? &f->v[w->page <= PAGE_SHEET ? VF_ROW_INDEX(tag) : tag] : NULL;
}

static void fill_settings(const struct vf_wizard *w, struct vf_list *l, const struct vf_settings *f)
{
    static const char *const names[] = {"", "", ""};
    vf_page_heads(l, names, VF_COUNT(names), 0);
    for (size_t i = 0; i < f->n; i++)
        if (!f->v[i].applies || f->v[i].applies(w->sheet))
            vf_sheet_add(l, i, _(f->v[i].label), vf_setting_show(&f->v[i], w->sheet));
}

enum vf_wizard_end vf_settings_choose(struct vf_wizard *w, const struct vf_list_row *row)
{
    vf_sheet_ask_setting(w, vf_sheet_setting(w, row->tag));
    return VF_WIZARD_GOES_ON;
}

void vf_options_fill(struct vf_wizard *w, struct vf_list *l, const struct vf_survey_answer *a)
{
    fill_settings(w, l, &vf_option_settings);
}

/* ---- a disk ---- */

char *vf_disk_title(const struct vf_wizard *w)
{
    const struct vf_sheet *s = w->sheet;
    const struct vf_plan_disk *d = &s->plan->disks[s->disk];
    const struct vf_disk *from = vf_sheet_disk(s, s->disk);
    vf_autofree char *size = vf_format_bytes(d->size), *volume = vf_escape(d->volume);
    vf_autofree char *used = from && from->used ? vf_format_bytes(from->used) : NULL;
    return used ? vf_asprintf(_("Disk %s, %s, %s used: %s"), d->slot, size, used, volume)
                : vf_asprintf(_("Disk %s, %s: %s"), d->slot, size, volume);
}

void vf_disk_fill(struct vf_wizard *w, struct vf_list *l, const struct vf_survey_answer *a)
{
    fill_settings(w, l, &vf_disk_settings);
}

/* ---- a card ---- */

char *vf_nic_title(const struct vf_wizard *w)
{
    const struct vf_sheet *s = w->sheet;
    const struct vf_nic *from = vf_sheet_nic(s, s->nic);
    vf_autofree char *bridge = vf_escape(from && from->bridge ? from->bridge : _("no bridge"));
    return vf_asprintf(_("Network card net%u, %s, on %s"), s->plan->nics[s->nic].index,
                       from ? from->model : "?", bridge);
}

void vf_nic_fill(struct vf_wizard *w, struct vf_list *l, const struct vf_survey_answer *a)
{
    fill_settings(w, l, &vf_nic_settings);
}

/* ---- a network ---- */

enum net_row { NET_BRIDGE, NET_TAG, NET_NIC };

char *vf_net_title(const struct vf_wizard *w)
{
    const struct vf_sheet *s = w->sheet;
    const struct vf_nic *from = vf_sheet_nic(s, s->nic);
    vf_autofree char *bridge = vf_escape(from && from->bridge ? from->bridge : _("no bridge"));
    return from && from->tag
               ? vf_asprintf(_("%s tag %u: to which bridge at the target?"), bridge, from->tag)
               : vf_asprintf(_("%s: to which bridge at the target?"), bridge);
}

static void add_card(const struct vf_sheet *s, struct vf_list *l, size_t i)
{
    const struct vf_plan_nic *n = &s->plan->nics[i];
    const struct vf_nic *from = vf_sheet_nic(s, i);
    vf_autofree char *label = vf_asprintf(_("Card net%u"), n->index);
    const char *mac = n->mac_mode == VF_MAC_KEEP ? from->mac : n->mac;
    vf_sheet_add(l, VF_ROW(NET_NIC, i), label,
                 vf_asprintf(_("%s, MAC %s, %s ..."), n->model ? n->model : from->model,
                             mac ? mac : _("made anew"),
                             (n->disconnected >= 0 ? n->disconnected : from->link_down)
                                 ? _("disconnected")
                                 : _("connected")));
}

void vf_net_fill(struct vf_wizard *w, struct vf_list *l, const struct vf_survey_answer *a)
{
    static const char *const names[] = {"", "", ""};
    struct vf_sheet *s = w->sheet;
    size_t first = s->nic = vf_sheet_first(s, s->nic);
    vf_page_heads(l, names, VF_COUNT(names), 0);
    for (size_t i = 0; s->seen->bridges && s->seen->bridges[i]; i++) {
        vf_autofree char *bridge = vf_escape(s->seen->bridges[i]);
        bool is = vf_streq(s->seen->bridges[i], s->plan->nics[first].bridge);
        if (is && w->arrived)
            l->cursor = i;
        vf_sheet_add(l, VF_ROW(NET_BRIDGE, i), bridge, vf_strdup(is ? _("chosen") : ""));
    }
    vf_sheet_add(l, VF_ROW(NET_TAG, 0), _("VLAN tag"), vf_setting_show(&vf_tag_setting, s));
    for (size_t i = first; !w->common && i < s->plan->n_nics; i++)
        if (vf_sheet_first(s, i) == first)
            add_card(s, l, i);
}

enum vf_wizard_end vf_net_choose(struct vf_wizard *w, const struct vf_list_row *row)
{
    struct vf_sheet *s = w->sheet;
    size_t i = row->tag >> 8, kind = row->tag & 0xff;
    if (kind == NET_BRIDGE) {
        bool open = vf_sheet_open(s, s->nic);
        if (w->common)
            vf_several_map(w, s->seen->bridges[i], vf_sheet_tag(s, s->nic));
        else
            vf_sheet_map(s, s->nic, s->seen->bridges[i], vf_sheet_tag(s, s->nic));
        w->want = true;
        w->refocus = open;
        vf_wizard_go(w, w->common ? PAGE_SEVERAL : PAGE_SHEET);
        vf_sheet_edited(w);
    } else if (kind == NET_TAG) {
        vf_sheet_ask_setting(w, &vf_tag_setting);
    } else {
        s->nic = i;
        vf_wizard_go(w, PAGE_NIC);
    }
    return VF_WIZARD_GOES_ON;
}

/* ---- a list to pick from ---- */

char *vf_pick_title(const struct vf_wizard *w)
{
    return vf_strdup(_(w->setting->title));
}

void vf_pick_fill(struct vf_wizard *w, struct vf_list *l, const struct vf_survey_answer *a)
{
    static const char *const names[] = {"", ""};
    vf_autojson json_t *choices = json_array();
    vf_autofree char *now = w->setting->get(w->sheet);
    vf_page_heads(l, names, VF_COUNT(names), 0);
    w->setting->offer(w->sheet, choices);
    for (size_t i = 0; i < json_array_size(choices); i++) {
        const json_t *o = json_array_get(choices, i);
        struct vf_list_row *r = vf_list_add(l, i);
        r->cells[0] = vf_strdup(vf_json_str(o, "label"));
        r->cells[1] = vf_strdup(vf_json_str(o, "more"));
        r->why_not = vf_strdup(vf_json_str(o, "why_not"));
        if (w->arrived && vf_streq(vf_json_str(o, "key"), now))
            l->cursor = i;
    }
}

enum vf_wizard_end vf_pick_choose(struct vf_wizard *w, const struct vf_list_row *row)
{
    vf_autojson json_t *choices = json_array();
    w->setting->offer(w->sheet, choices);
    vf_autofree char *key = vf_strdup(vf_json_str(json_array_get(choices, row->tag), "key"));
    vf_wizard_go(w, w->from);
    vf_sheet_set(w, key ? key : "");
    return VF_WIZARD_GOES_ON;
}
