/* SPDX-License-Identifier: GPL-3.0-or-later */
/* To which node and storage. */
#include "config.h"
#include "ui/wizard/parts.h"
#include "base/i18n.h"
#include "base/str.h"

#include <string.h>

static char *bytes_of(uint64_t n)
{
    return n ? vf_format_bytes(n) : NULL;
}

/* ---- nodes ---- */

char *vf_nodes_key(const struct vf_wizard *w)
{
    vf_autofree char *vms = vf_several_key(w); /* what is too small is so for these */
    return vf_asprintf("%s %s", w->target, vms);
}

/* Why NODE is none for VMs of which the biggest has MEMORY; caller frees, NULL: it is one. */
static char *no_node(const struct vf_seen_node *n, uint64_t memory)
{
    if (!n->online)
        return vf_strdup(_("offline"));
    if (n->no_quorum)
        return vf_strdup(_("its cluster has no quorum and refuses changes"));
    if (!n->memory_total || memory <= n->memory_total)
        return NULL;
    vf_autofree char *need = vf_format_bytes(memory), *have = vf_format_bytes(n->memory_total);
    return vf_asprintf(_("too small: it has %s of memory, the VM %s"), have, need);
}

void vf_nodes_fill(struct vf_wizard *w, struct vf_list *l, const struct vf_survey_answer *a)
{
    static const char *const names[] = {N_("Node"), N_("Memory free"), N_("of"), N_("CPU in use"),
                                        N_("of")};
    uint64_t memory = vf_vms_memory(w);
    vf_page_heads(l, names, VF_COUNT(names), 0x1e);
    for (size_t i = 0; i < a->n_nodes; i++) {
        const struct vf_seen_node *n = &a->nodes[i];
        uint64_t left = n->memory_total > n->memory_used ? n->memory_total - n->memory_used : 0;
        struct vf_list_row *r = vf_list_add(l, left < memory ? 1 : 0);
        r->cells[0] = vf_escape(n->name);
        r->cells[1] = bytes_of(left);
        r->cells[2] = bytes_of(n->memory_total);
        if (n->online && n->cpus) {
            r->cells[3] = vf_asprintf("%.0f%%", n->cpu * 100);
            r->cells[4] = vf_asprintf("%u", n->cpus);
        }
        r->why_not = no_node(n, memory);
    }
}

char *vf_nodes_status(const struct vf_wizard *w)
{
    const struct vf_list_row *r = vf_list_row(&w->lists[PAGE_NODE]);
    vf_autofree char *memory = vf_format_bytes(vf_vms_memory(w));
    return r && r->tag ? vf_asprintf(_("Its memory is in use now: the VM has %s."), memory) : NULL;
}

enum vf_wizard_end vf_nodes_choose(struct vf_wizard *w, const struct vf_list_row *row)
{
    if (!vf_streq(w->node, row->cells[0]))
        vf_str_set(&w->storage, NULL);
    vf_str_set(&w->node, row->cells[0]);
    vf_wizard_go(w, PAGE_STORAGE);
    return VF_WIZARD_GOES_ON;
}

/* ---- storages ---- */

char *vf_storages_key(const struct vf_wizard *w)
{
    /* what is left after the move depends on what is known of the VMs by now */
    size_t unknown;
    vf_autofree char *vms = vf_several_key(w);
    uint64_t need = vf_vms_disks(w, &unknown);
    return vf_asprintf("%s/%s %s %llu", w->target, w->node, vms, (unsigned long long)need);
}

/* Storages on which a disk takes all its room at once. */
static bool is_thick(const char *type)
{
    static const char *const thick[] = {"lvm", "iscsi", "iscsidirect"};
    for (size_t i = 0; i < VF_COUNT(thick); i++)
        if (vf_streq(type, thick[i]))
            return true;
    return false;
}

/* Why S is none for disks of NEED bytes; caller frees, NULL: it is one. */
static char *no_storage(const struct vf_seen_storage *s, uint64_t need)
{
    vf_autofree char *have = vf_format_bytes(s->avail), *want = vf_format_bytes(need);
    if (s->total && !s->avail)
        return vf_strdup(_("full"));
    if (need > (is_thick(s->type) ? s->avail : s->total) && s->total)
        return vf_asprintf(_("too small: %s free, and the disks are %s"), have, want);
    return NULL;
}

/* What is free after the move, should the disks take all of their size. */
static char *free_after(const struct vf_seen_storage *s, uint64_t need, size_t unknown)
{
    if (unknown || !need)
        return NULL;
    return s->avail >= need ? vf_format_bytes(s->avail - need) : vf_strdup("?");
}

void vf_storages_fill(struct vf_wizard *w, struct vf_list *l, const struct vf_survey_answer *a)
{
    static const char *const names[] = {N_("Storage"), N_("Type"), N_("Free"),
                                        N_("After"),   N_("of"),   ""};
    size_t unknown;
    uint64_t need = vf_vms_disks(w, &unknown);
    vf_page_heads(l, names, VF_COUNT(names), 1 << 2 | 1 << 3 | 1 << 4);
    for (size_t i = 0; i < a->n_storages; i++) {
        const struct vf_seen_storage *s = &a->storages[i];
        struct vf_list_row *r = vf_list_add(l, !unknown && need > s->avail);
        r->cells[0] = vf_escape(s->name);
        r->cells[1] = vf_strdup(s->type);
        r->cells[2] = bytes_of(s->avail);
        r->cells[3] = free_after(s, need, unknown);
        r->cells[4] = bytes_of(s->total);
        r->cells[5] = vf_strdup(s->shared ? _("shared by all nodes") : NULL);
        r->why_not = no_storage(s, need);
    }
}

char *vf_storages_status(const struct vf_wizard *w)
{
    const struct vf_list_row *r = vf_list_row(&w->lists[PAGE_STORAGE]);
    size_t unknown;
    vf_autofree char *need = vf_format_bytes(vf_vms_disks(w, &unknown));
    if (unknown)
        return NULL;
    return r && r->tag
               ? vf_asprintf(_("Full, the disks would take %s, which is more than is free: it "
                               "depends on how much of them is used."),
                             need)
               : vf_asprintf(_("\"After\": should the disks take all of their %s."), need);
}

enum vf_wizard_end vf_storages_choose(struct vf_wizard *w, const struct vf_list_row *row)
{
    vf_str_set(&w->storage, row->cells[0]);
    vf_wizard_go(w, w->n_vms > 1 ? PAGE_SEVERAL : PAGE_SHEET);
    return VF_WIZARD_GOES_ON;
}
