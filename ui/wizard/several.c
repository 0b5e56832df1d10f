/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Several VMs to one target: how each of them stands, and what is the same for all. A VM's row
 * opens its own plan. */
#include "config.h"
#include "ui/wizard/parts.h"
#include "ui/wizard/sheet.h"
#include "job/together.h"
#include "base/buf.h"
#include "base/i18n.h"
#include "base/str.h"

#include <string.h>

/* A network's row names a VM that has it, and its first card there. */
enum { CARDS = 1 << 6 };

/* Which VMs they are; caller frees. */
char *vf_several_key(const struct vf_wizard *w)
{
    vf_autobuf struct vf_buf b = {0};
    for (size_t i = 0; i < w->n_vms; i++)
        vf_buf_printf(&b, "%s%s", i ? "," : "", w->vms[i].vm);
    return vf_buf_take(&b);
}

static struct vf_sheet *sheet(const struct vf_wizard *w, size_t i)
{
    return &w->vms[i].sheet;
}

static bool is_made(const struct vf_sheet *s)
{
    return s->plan && !s->none && vf_sheet_source(s);
}

/* What stops one behind those before it, though each could be moved alone; NULL: nothing. Caller
 * frees. */
static char *not_together(const struct vf_wizard *w)
{
    vf_autofindings struct vf_findings f = {0};
    struct vf_prepared **v = vf_xcalloc(w->n_vms, sizeof *v);
    struct vf_room *rooms = NULL;
    size_t n = 0;
    for (size_t i = 0; i < w->n_vms; i++) {
        struct vf_survey_answer *a = sheet(w, i)->seen;
        v[i] = &a->prepared;
        for (size_t k = 0; k < a->n_storages; k++) {
            const struct vf_seen_storage *s = &a->storages[k];
            struct vf_room *r = vf_grow(&rooms, &n, sizeof *rooms);
            r->cluster = a->prepared.plan->target;
            r->node = s->shared ? NULL : a->prepared.plan->target_node;
            r->storage = s->name;
            r->avail = s->avail;
        }
    }
    vf_check_together_in(rooms, n, v, w->n_vms, &f);
    free(rooms);
    free(v);
    for (size_t i = 0; i < f.n; i++)
        if (f.v[i].severity == VF_STOP)
            return vf_asprintf("%s: %s", f.v[i].subject, f.v[i].text);
    return NULL;
}

/* Why they cannot be started; NULL: they can. Caller frees. */
static char *not_yet(const struct vf_wizard *w)
{
    for (size_t i = 0; i < w->n_vms; i++) {
        const struct vf_sheet *s = sheet(w, i);
        if (!vf_sheet_is_checked(w, i))
            return vf_strdup(vf_wizard_waits(w) ? _("they are still being checked")
                                                : _("not all of them were checked: r checks them"));
        if (!s->seen->prepared.plan || vf_findings_stop(&s->seen->prepared.findings))
            return vf_strdup(
                _("not all of them can be moved as things are: Enter on one says why"));
    }
    return not_together(w);
}

static void add_vm(const struct vf_wizard *w, struct vf_list *l, size_t i)
{
    const struct vf_sheet *s = sheet(w, i);
    const struct vf_vm *v = vf_sheet_source(s);
    struct vf_list_row *r = vf_list_add(l, VF_ROW(ROW_VM, i));
    r->cells[0] = vf_escape(w->vms[i].name);
    if (!s->seen) {
        r->cells[2] = vf_strdup("...");
        r->why_not = vf_strdup(_("it is not checked yet"));
        return;
    }
    vf_autofree char *bytes = vf_format_bytes(s->seen->prepared.bytes);
    if (v)
        r->cells[2] =
            vf_asprintf(_("%s, disks: %zu, %s"), _(vf_vm_state_name(v->state)), v->n_disks, bytes);
    r->cells[3] = vf_sheet_is_checked(w, i) ? vf_sheet_counts(&s->seen->prepared.findings)
                                            : vf_strdup(_("checking"));
}

/* ---- what is the same for all ---- */

static bool same_net(const struct vf_nic *a, const struct vf_nic *b)
{
    return a && b && a->tag == b->tag && vf_streq(a->bridge, b->bridge);
}

/* Has a VM before I that network, or I itself before its card NIC? */
static bool net_before(const struct vf_wizard *w, size_t i, size_t nic)
{
    const struct vf_nic *n = vf_sheet_nic(sheet(w, i), nic);
    for (size_t k = 0; k <= i; k++) {
        const struct vf_sheet *s = sheet(w, k);
        for (size_t j = 0; is_made(s) && j < (k < i ? s->plan->n_nics : nic); j++)
            if (same_net(vf_sheet_nic(s, j), n))
                return true;
    }
    return false;
}

/* To each card on that network in turn: OPEN: one has no network there; SAME: all go to one. */
static size_t look_at_net(const struct vf_wizard *w, size_t i, size_t nic, bool *open, bool *same)
{
    const struct vf_nic *n = vf_sheet_nic(sheet(w, i), nic);
    const struct vf_plan_nic *to = &sheet(w, i)->plan->nics[nic];
    unsigned tag = vf_sheet_tag(sheet(w, i), nic);
    size_t cards = 0;
    *open = false;
    *same = true;
    for (size_t k = i; k < w->n_vms; k++) {
        const struct vf_sheet *s = sheet(w, k);
        for (size_t j = 0; is_made(s) && j < s->plan->n_nics; j++) {
            if (!same_net(vf_sheet_nic(s, j), n))
                continue;
            cards++;
            *open = *open ||
                    (s->plan->nics[j].bridge && !vf_sheet_has_bridge(s, s->plan->nics[j].bridge));
            *same =
                *same && vf_streq(s->plan->nics[j].bridge, to->bridge) && vf_sheet_tag(s, j) == tag;
        }
    }
    return cards;
}

static void add_net(const struct vf_wizard *w, struct vf_list *l, size_t i, size_t nic)
{
    const struct vf_sheet *s = sheet(w, i);
    const struct vf_nic *from = vf_sheet_nic(s, nic);
    bool open, same;
    size_t cards = look_at_net(w, i, nic, &open, &same);
    vf_autofree char *is = vf_sheet_network(s->plan->nics[nic].bridge, vf_sheet_tag(s, nic));
    struct vf_list_row *r = vf_list_add(l, VF_ROW(ROW_NET, i * CARDS + nic));
    r->cells[0] = cards > 1 ? vf_asprintf(_("Network (%zu)"), cards) : vf_strdup(_("Network"));
    r->cells[2] = vf_sheet_network(from->bridge, from->tag);
    r->cells[3] = open    ? vf_strdup(_("-> ?  choose one"))
                  : !same ? vf_strdup(_("-> several"))
                          : vf_asprintf("-> %s", is);
}

/* Its value for those it is of use for; NULL: for none. Caller frees. */
static char *common_value(const struct vf_wizard *w, const struct vf_setting *f)
{
    char *value = NULL;
    for (size_t i = 0; i < w->n_vms; i++) {
        const struct vf_sheet *s = sheet(w, i);
        if (!is_made(s) || (f->applies && !f->applies(s)))
            continue;
        vf_autofree char *one = vf_setting_show(f, s);
        if (value && !vf_streq(value, one)) {
            free(value);
            return vf_strdup(_("not the same for all"));
        }
        free(value);
        value = VF_STEAL(one);
    }
    return value;
}

static void add_common(const struct vf_wizard *w, struct vf_list *l)
{
    bool all = true;
    for (size_t i = 0; i < w->n_vms; i++)
        all = all && w->vms[i].sheet.seen;
    for (size_t i = 0; i < w->n_vms; i++)
        for (size_t k = 0; is_made(sheet(w, i)) && k < sheet(w, i)->plan->n_nics; k++)
            if (vf_sheet_nic(sheet(w, i), k) && !net_before(w, i, k))
                add_net(w, l, i, k);
    for (size_t i = 0; i < vf_plan_settings.n; i++) {
        char *value = common_value(w, &vf_plan_settings.v[i]);
        if (value)
            vf_sheet_add(l, VF_ROW(ROW_PLAN, i), _(vf_plan_settings.v[i].label), value)->why_not =
                vf_strdup(all ? NULL : _("not all of them are looked at yet"));
    }
}

/* ---- the page ---- */

/* What has no answer yet, then what stops one of them, then the start. */
static void focus(struct vf_wizard *w, struct vf_list *l)
{
    bool checked = !vf_wizard_waits(w), open, same;
    w->refocus = !checked;
    l->cursor = 0;
    for (size_t i = 0; i < l->n_rows; i++) {
        size_t index = VF_ROW_INDEX(l->rows[i].tag);
        enum vf_sheet_row kind = VF_ROW_KIND(l->rows[i].tag);
        const struct vf_finding *f =
            kind == ROW_VM && checked ? vf_worst_finding(sheet(w, index)) : NULL;
        if (!l->cursor && f && f->severity == VF_STOP)
            l->cursor = i;
        if (kind != ROW_NET)
            continue;
        look_at_net(w, index / CARDS, index % CARDS, &open, &same);
        if (open) {
            l->cursor = i;
            return;
        }
    }
}

static void add_marks(const struct vf_wizard *w, struct vf_list *l)
{
    for (size_t i = 0; i < l->n_rows; i++) {
        struct vf_list_row *r = &l->rows[i];
        const struct vf_finding *f =
            VF_ROW_KIND(r->tag) == ROW_VM ? vf_worst_finding(sheet(w, VF_ROW_INDEX(r->tag))) : NULL;
        if (f && f->severity > VF_INFO)
            vf_sheet_mark(r, f);
    }
}

void vf_several_fill(struct vf_wizard *w, struct vf_list *l, const struct vf_survey_answer *a)
{
    static const char *const names[] = {"", "", N_("Source"), N_("Target")};
    vf_page_heads(l, names, VF_COUNT(names), 0);
    vf_sheet_add(l, VF_ROW(ROW_START, 0), _("Start"),
                 vf_asprintf(w->imports ? _("import these %zu now, one after another")
                                        : _("move these %zu now, one after another"),
                             w->n_vms))
        ->why_not = not_yet(w);
    for (size_t i = 0; i < w->n_vms; i++)
        add_vm(w, l, i);
    add_common(w, l);
    vf_sheet_add(l, VF_ROW(ROW_SAVE, 0), _("Save"),
                 vf_strdup(_("these plans in a file, to be run later ...")));
    add_marks(w, l);
    if (w->refocus)
        focus(w, l);
}

enum vf_wizard_end vf_several_choose(struct vf_wizard *w, const struct vf_list_row *row)
{
    enum vf_sheet_row kind = VF_ROW_KIND(row->tag);
    size_t i = VF_ROW_INDEX(row->tag);
    w->common = false;
    if (kind == ROW_START) {
        vf_sheet_ask_start(w);
    } else if (kind == ROW_SAVE) {
        vf_sheet_ask_save(w);
    } else if (kind == ROW_VM) {
        vf_wizard_look_at(w, i);
        w->refocus = true;
        vf_wizard_go(w, PAGE_SHEET);
    } else if (kind == ROW_NET) {
        vf_wizard_look_at(w, i / CARDS);
        w->sheet->nic = i % CARDS;
        w->common = true;
        vf_wizard_go(w, PAGE_NET);
    } else {
        /* the question is that of a VM it is of use for */
        const struct vf_setting *f = &vf_plan_settings.v[i];
        for (size_t k = w->n_vms; k-- > 0;)
            if (is_made(sheet(w, k)) && (!f->applies || f->applies(sheet(w, k))))
                vf_wizard_look_at(w, k);
        w->common = true;
        vf_sheet_ask_setting(w, f);
    }
    return VF_WIZARD_GOES_ON;
}

void vf_several_map(struct vf_wizard *w, const char *bridge, unsigned tag)
{
    vf_autofree char *to = vf_strdup(bridge);
    const struct vf_nic *n = vf_sheet_nic(w->sheet, w->sheet->nic);
    struct vf_nic from = {.bridge = vf_strdup(n->bridge), .tag = n->tag};
    for (size_t i = 0; i < w->n_vms; i++) {
        struct vf_sheet *s = sheet(w, i);
        for (size_t k = 0; is_made(s) && k < s->plan->n_nics; k++)
            if (same_net(vf_sheet_nic(s, k), &from) && vf_sheet_first(s, k) == k)
                vf_sheet_map(s, k, to, tag);
    }
    free(from.bridge);
}

const char *vf_several_set(struct vf_wizard *w, const struct vf_setting *f, const char *value)
{
    const char *why = NULL;
    if (f == &vf_tag_setting) {
        unsigned tag = 0;
        why = vf_parse_tag(value, &tag);
        if (!why)
            vf_several_map(w, NULL, tag);
        return why;
    }
    for (size_t i = 0; !why && i < w->n_vms; i++)
        if (is_made(sheet(w, i)) && (!f->applies || f->applies(sheet(w, i))))
            why = f->set(sheet(w, i), value);
    return why;
}
