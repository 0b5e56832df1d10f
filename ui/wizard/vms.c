/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which VMs: the list of the source's, sorted, marked; what is configured of them comes in later.
 */
#include "config.h"
#include "ui/wizard/parts.h"
#include "ui/plan_text.h"
#include "base/buf.h"
#include "base/i18n.h"
#include "base/str.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- what is known ---- */

static struct seen_vm *find_vm(const struct vf_wizard *w, unsigned id)
{
    for (size_t i = 0; i < w->n_seen; i++)
        if (w->seen[i].vm->id == id)
            return &w->seen[i];
    return NULL;
}

void vf_vms_forget(struct vf_wizard *w)
{
    for (size_t i = 0; i < w->n_seen; i++) {
        vf_vm_free(w->seen[i].vm);
        vf_seen_vm_clear(&w->seen[i].seen);
    }
    free(w->seen);
    w->seen = NULL;
    w->n_seen = 0;
    w->background = 0;
    w->no_outlines = false;
}

static bool is_offline(const struct vf_survey_answer *a, const char *node)
{
    for (size_t i = 0; i < a->n_nodes; i++)
        if (vf_streq(a->nodes[i].name, node))
            return !a->nodes[i].online;
    return false;
}

static void take_list(struct vf_wizard *w, const struct vf_survey_answer *a)
{
    vf_vms_forget(w);
    vf_str_set(&w->seen_of, w->source);
    vf_str_set(&w->seen_way, a->way);
    for (size_t i = 0; i < a->n_vms; i++) {
        struct seen_vm *v = vf_grow(&w->seen, &w->n_seen, sizeof *v);
        *v = (struct seen_vm){.vm = vf_vm_copy(a->vms[i]),
                              .offline = is_offline(a, a->vms[i]->node)};
    }
}

/* What is configured can be asked of all but containers and what is on a node that is offline. */
static bool can_ask(const struct seen_vm *v)
{
    return !v->known && !v->offline && !v->vm->container;
}

bool vf_vms_want(struct vf_wizard *w, struct vf_survey_question *q)
{
    if (w->background || w->no_outlines || !vf_streq(w->seen_of, w->source))
        return false;
    free(w->to_ask);
    w->to_ask = NULL;
    size_t n = 0;
    for (size_t i = 0; i < w->n_seen; i++)
        if (can_ask(&w->seen[i]))
            *(struct vf_vm **)vf_grow(&w->to_ask, &n, sizeof *w->to_ask) = w->seen[i].vm;
    *q = (struct vf_survey_question){
        .kind = VF_SURVEY_OUTLINES, .cluster = w->source, .vms = w->to_ask, .n_vms = n};
    return n > 0;
}

void vf_vms_take(struct vf_wizard *w, struct vf_survey_answer *a)
{
    if (!a->more) {
        w->background = 0;
        /* what was only put off is asked again; what failed is not */
        w->no_outlines = a->error && a->error->code != VF_E_CANCELLED;
        return;
    }
    struct seen_vm *v = vf_streq(w->seen_of, w->source) ? find_vm(w, a->outline.id) : NULL;
    if (!v)
        return;
    vf_seen_vm_clear(&v->seen);
    v->seen = a->outline;
    a->outline = (struct vf_seen_vm){0};
    v->known = true;
    if (w->page == PAGE_VM && w->loaded[PAGE_VM])
        vf_vms_show(w);
}

uint64_t vf_vms_disks(const struct vf_wizard *w, size_t *unknown)
{
    uint64_t sum = 0;
    *unknown = 0;
    for (size_t i = 0; i < w->n_vms; i++) {
        const struct seen_vm *v = find_vm(w, (unsigned)strtoul(w->vms[i].vm, NULL, 10));
        if (v && v->known && v->seen.vm)
            sum += vf_vm_disks(v->seen.vm);
        else
            ++*unknown;
    }
    return sum;
}

uint64_t vf_vms_memory(const struct vf_wizard *w)
{
    uint64_t most = 0;
    for (size_t i = 0; i < w->n_vms; i++) {
        const struct seen_vm *v = find_vm(w, (unsigned)strtoul(w->vms[i].vm, NULL, 10));
        if (v && v->vm->memory > most)
            most = v->vm->memory;
    }
    return most;
}

/* ---- sorting ---- */

static int by_name(const struct seen_vm *a, const struct seen_vm *b)
{
    return strcasecmp(a->vm->name ? a->vm->name : "", b->vm->name ? b->vm->name : "");
}

static int by_id(const struct seen_vm *a, const struct seen_vm *b)
{
    return (a->vm->id > b->vm->id) - (a->vm->id < b->vm->id);
}

static int by_node(const struct seen_vm *a, const struct seen_vm *b)
{
    return strcmp(a->vm->node ? a->vm->node : "", b->vm->node ? b->vm->node : "");
}

/* The biggest first; what is not known last. */
static int by_size(const struct seen_vm *a, const struct seen_vm *b)
{
    uint64_t x = a->seen.vm ? vf_vm_disks(a->seen.vm) : 0,
             y = b->seen.vm ? vf_vm_disks(b->seen.vm) : 0;
    return (x < y) - (x > y);
}

/* What runs first. */
static int by_state(const struct seen_vm *a, const struct seen_vm *b)
{
    return (a->vm->state < b->vm->state) - (a->vm->state > b->vm->state);
}

static const struct {
    const char *name;
    int (*compare)(const struct seen_vm *a, const struct seen_vm *b);
    bool pve_only;
} sorts[] = {{N_("name"), by_name, false},
             {N_("VMID"), by_id, true},
             {N_("node"), by_node, true},
             {N_("size"), by_size, false},
             {N_("state"), by_state, false}};

static int compare(const void *a, const void *b, void *sort)
{
    int r = sorts[*(unsigned *)sort].compare(a, b);
    r = r ? r : by_name(a, b);
    return r ? r : by_id(a, b);
}

/* ---- the list ---- */

/* Why V is not to be moved; caller frees. NULL: nothing is known against it. */
static char *cannot_move(const struct seen_vm *v)
{
    if (v->offline)
        return vf_asprintf(_("its node %s is offline: its disks cannot be read"), v->vm->node);
    if (v->vm->container)
        return vf_strdup(_("a container: Proxmox's own backup and restore move it"));
    if (v->vm->template_)
        return vf_strdup(_("a template: clone it, and move the clone"));
    if (v->seen.job)
        return vf_asprintf(v->seen.ours
                               ? _("a move of it is not finished: job %s, on the first page")
                               : _("a move of it is not finished: job %s of another machine"),
                           v->seen.job);
    if (v->vm->lock)
        return vf_asprintf(_("locked (%s): something is going on with it"), v->vm->lock);
    if (v->vm->state == VF_VM_SUSPENDED)
        return vf_asprintf(_("suspended: %s"), _(vf_vm_state_cure(v->vm->state)));
    return v->seen.why ? vf_escape(v->seen.why) : NULL;
}

static const char *state_word(const struct seen_vm *v)
{
    return v->offline ? _("offline") : _(vf_vm_state_name(v->vm->state));
}

static void add_row(struct vf_wizard *w, struct vf_list *l, const struct seen_vm *v)
{
    const struct vf_vm *vm = v->vm;
    struct vf_list_row *r = vf_list_add(l, vm->id);
    vf_autofree char *size =
        v->seen.vm && vf_vm_disks(v->seen.vm) ? vf_format_bytes(vf_vm_disks(v->seen.vm)) : NULL;
    const char *called = vm->called ? vm->called : vm->name;
    r->cells[0] = vf_escape(called ? called : "");
    r->why_not = cannot_move(v);
    vf_autofree char *disks = size ? vf_asprintf("%zu", v->seen.vm->n_disks) : NULL;
    if (w->imports) { /* what Proxmox knows nothing of: which system it is */
        const char *system = vf_vm_system(v);
        r->cells[1] = vf_strdup(state_word(v));
        r->cells[2] = system ? vf_escape(system) : NULL;
        r->cells[3] = vf_vm_flags(v);
        r->cells[4] = VF_STEAL(disks);
        r->cells[5] = VF_STEAL(size);
        r->cells[6] = vm->memory ? vf_format_bytes(vm->memory) : NULL;
        return;
    }
    r->cells[4] = VF_STEAL(disks);
    r->cells[5] = VF_STEAL(size);
    r->cells[6] = vf_vm_flags(v);
    r->cells[1] = vf_asprintf("%u", vm->id);
    r->cells[2] = vf_escape(vm->node ? vm->node : "");
    r->cells[3] = vf_strdup(state_word(v));
    r->cells[7] = vm->tags ? vf_escape(vm->tags) : NULL;
}

static void set_heads(const struct vf_wizard *w, struct vf_list *l)
{
    static const char *const names[] = {N_("Name"),  N_("VMID"), N_("Node"),  N_("State"),
                                        N_("Disks"), N_("Size"), N_("Flags"), N_("Tags")};
    static const char *const imports[] = {N_("Name"),  N_("State"), N_("System"), N_("Flags"),
                                          N_("Disks"), N_("Size"),  N_("Memory")};
    if (w->imports)
        vf_page_heads(l, imports, VF_COUNT(imports), 1 << 4 | 1 << 5 | 1 << 6);
    else
        vf_page_heads(l, names, VF_COUNT(names), 1 << 1 | 1 << 4 | 1 << 5);
    l->spare = w->imports ? 3 : 1;
}

/* The rows anew: cursor and marks stay with their VMs. */
void vf_vms_show(struct vf_wizard *w)
{
    struct vf_list *l = &w->lists[PAGE_VM];
    const struct vf_list_row *at = l->cursor < l->n_rows ? &l->rows[l->cursor] : NULL;
    size_t here = at ? at->tag : 0, n = 0;
    size_t *marked = NULL;
    for (size_t i = 0; i < l->n_rows; i++)
        if (l->rows[i].marked)
            *(size_t *)vf_grow(&marked, &n, sizeof *marked) = l->rows[i].tag;
    vf_list_clear(l);
    set_heads(w, l);
    if (w->n_seen)
        qsort_r(w->seen, w->n_seen, sizeof *w->seen, compare, &w->sort);
    for (size_t i = 0; i < w->n_seen; i++) {
        add_row(w, l, &w->seen[i]);
        if (w->seen[i].vm->id == here)
            l->cursor = i;
        for (size_t k = 0; k < n; k++)
            if (marked[k] == w->seen[i].vm->id && !l->rows[i].why_not)
                l->rows[i].marked = true;
    }
    free(marked);
}

void vf_vms_fill(struct vf_wizard *w, struct vf_list *l, const struct vf_survey_answer *a)
{
    take_list(w, a);
    vf_vms_show(w);
}

char *vf_vms_key(const struct vf_wizard *w)
{
    return vf_strdup(w->source);
}

void vf_vms_ask(struct vf_wizard *w, struct vf_survey_question *q)
{
    q->cluster = w->source;
}

char *vf_vms_looking(const struct vf_wizard *w)
{
    return vf_asprintf(_("Looking at %s ..."), vf_source_shown(w));
}

/* ---- choosing ---- */

static void add_chosen(struct chosen_vm **vms, size_t *n, const struct vf_list_row *r)
{
    struct chosen_vm *v = vf_grow(vms, n, sizeof *v);
    *v = (struct chosen_vm){.vm = vf_asprintf("%zu", r->tag), .name = vf_strdup(r->cells[0])};
}

/* Those that are marked; when none is, the one under the cursor. */
enum vf_wizard_end vf_vms_choose(struct vf_wizard *w, const struct vf_list_row *row)
{
    const struct vf_list *l = &w->lists[PAGE_VM];
    struct chosen_vm *vms = NULL;
    size_t n = 0;
    for (size_t i = 0; i < l->n_rows; i++)
        if (l->rows[i].marked)
            add_chosen(&vms, &n, &l->rows[i]);
    if (!n)
        add_chosen(&vms, &n, row);
    vf_wizard_choose_vms(w, vms, n);
    w->from_file = false;
    vf_wizard_go(w, PAGE_TARGET);
    return VF_WIZARD_GOES_ON;
}

static size_t n_marked(const struct vf_list *l)
{
    size_t n = 0;
    for (size_t i = 0; i < l->n_rows; i++)
        n += l->rows[i].marked;
    return n;
}

/* How big the disks of those that are marked are; "?" while that of one is not known. Caller frees.
 */
static char *marked_size(const struct vf_wizard *w)
{
    const struct vf_list *l = &w->lists[PAGE_VM];
    uint64_t sum = 0;
    for (size_t i = 0; i < l->n_rows; i++) {
        const struct seen_vm *v = l->rows[i].marked ? find_vm(w, (unsigned)l->rows[i].tag) : NULL;
        if (v && !v->seen.vm)
            return vf_strdup("?");
        sum += v ? vf_vm_disks(v->seen.vm) : 0;
    }
    return vf_format_bytes(sum);
}

bool vf_vms_press(struct vf_wizard *w, int key)
{
    struct vf_list *l = &w->lists[PAGE_VM];
    const struct vf_list_row *row = vf_list_row(l);
    if (key == 's') {
        do
            w->sort = (w->sort + 1) % VF_COUNT(sorts);
        while (w->imports && sorts[w->sort].pve_only);
        vf_vms_show(w);
        return true;
    }
    if (key == ' ' && row) {
        if (!row->why_not)
            l->rows[l->cursor].marked = !row->marked;
        vf_list_key(l, VF_KEY_DOWN);
        return true;
    }
    const struct seen_vm *v = row ? find_vm(w, (unsigned)row->tag) : NULL;
    if (key == 'd' && v) {
        vf_wizard_read(w, _("The VM"), vf_vm_text(v, w->imports));
        return true;
    }
    return false;
}

char *vf_vms_status(const struct vf_wizard *w)
{
    size_t n = n_marked(&w->lists[PAGE_VM]);
    bool plain = w->lists[PAGE_VM].numbered;
    vf_autofree char *size = marked_size(w);
    vf_autofree char *went = vf_way_shown(w->seen_way, true);
    return n ? vf_asprintf(
                   w->imports
                       ? _("%zu marked, disks of %s: Enter imports these, all to one target.")
                       : _("%zu marked, disks of %s: Enter moves these, all to one target."),
                   n, size)
           : went ? vf_asprintf(plain ? _("Looked at %s. Several numbers (2 5) mark several.")
                                      : _("Looked at %s. Space marks several."),
                                went)
                  : vf_asprintf(plain ? _("Sorted by %s. Several numbers (2 5) mark several.")
                                      : _("Sorted by %s. Space marks several."),
                                _(sorts[w->sort].name));
}

/* Moves that are not finished and nobody here began. */
static char *others(const struct vf_wizard *w)
{
    vf_autobuf struct vf_buf b = {0};
    for (size_t i = 0; i < w->n_seen; i++) {
        const struct seen_vm *v = &w->seen[i];
        if (v->seen.job && !v->seen.ours)
            vf_buf_printf(&b, "%s%s", b.len ? ", " : "", v->vm->name ? v->vm->name : "?");
    }
    vf_autofree char *names = b.len ? vf_escape(vf_buf_str(&b)) : NULL;
    return names ? vf_asprintf(_("Begun on another machine and not finished: %s"), names) : NULL;
}

void vf_vms_draw(struct vf_wizard *w, struct vf_canvas *c, int row, int bottom)
{
    vf_autofree char *banner = others(w);
    if (banner)
        row = vf_page_text(c, row, row + 2, VF_LOOK_WARN, banner);
    vf_list_draw(&w->lists[PAGE_VM], c, row, bottom - row);
}
