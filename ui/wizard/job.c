/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A job that was cut off: how it stands, and what is to become of it. */
#include "config.h"
#include "ui/wizard/parts.h"
#include "job/state.h"
#include "base/buf.h"
#include "base/i18n.h"
#include "base/str.h"

#include <string.h>

enum { TAG_ON = 1, TAG_BACK };

static const struct job_row *row_of(const struct vf_wizard *w)
{
    return &w->jobs[w->job_row];
}

char *vf_job_key(const struct vf_wizard *w)
{
    return vf_strdup(row_of(w)->id);
}

void vf_job_ask(struct vf_wizard *w, struct vf_survey_question *q)
{
    q->job = row_of(w)->id;
}

char *vf_job_looking(const struct vf_wizard *w)
{
    return vf_strdup(_("Asking source and target how it stands ..."));
}

/* Why it cannot go on; NULL: it can. */
static const char *no_way_on(const struct vf_standing *s)
{
    return s->way == VF_WAY_NONE           ? _("it is over: there is nothing to go on with")
           : s->way == VF_WAY_BACK         ? _("it is being undone, which can only be finished")
           : s->unseen                     ? s->unseen
           : vf_findings_stop(&s->changes) ? _("it cannot go on as things are: see above")
                                           : NULL;
}

static const char *no_way_back(const struct vf_standing *s)
{
    return s->way == VF_WAY_NONE ? _("it is over: there is nothing to undo")
           : s->way == VF_WAY_ON
               ? _("the VM may have run at the target: going back would lose what it wrote there")
           : s->unseen ? s->unseen
                       : NULL;
}

void vf_job_fill(struct vf_wizard *w, struct vf_list *l, const struct vf_survey_answer *a)
{
    static const char *const names[] = {"", ""};
    struct vf_standing *s = &w->standing;
    vf_standing_clear(s);
    *s = a->standing;
    ((struct vf_survey_answer *)a)->standing = (struct vf_standing){0}; /* it is ours now */
    vf_page_heads(l, names, VF_COUNT(names), 0);
    const struct {
        const char *text, *why_not;
    } rows[] = {{_("Continue"), no_way_on(s)},
                {_("Put the source back as it was (undo)"), no_way_back(s)},
                {_("Details"), NULL}};
    for (size_t i = 0; i < VF_COUNT(rows); i++) {
        struct vf_list_row *r = vf_list_add(l, TAG_ON + i);
        r->cells[0] = vf_asprintf("%zu", i + 1);
        r->cells[1] = !i && row_of(w)->left ? vf_asprintf("%s (%s)", rows[i].text, row_of(w)->left)
                                            : vf_strdup(rows[i].text);
        r->why_not = rows[i].why_not ? vf_escape(rows[i].why_not) : NULL;
    }
}

/* A line of LABEL and TEXT, which comes from elsewhere. */
static void add_line(struct vf_buf *b, const char *label, const char *text)
{
    vf_autofree char *safe = vf_escape(text);
    vf_buf_printf(b, "%s%s\n", label, safe);
}

static void add_changes(struct vf_buf *b, const struct vf_findings *f)
{
    static const char *const words[] = {N_("note  "), N_("warning  "), N_("STOP  ")};
    for (int severity = VF_STOP; severity >= VF_INFO; severity--)
        for (size_t i = 0; i < f->n; i++) {
            if ((int)f->v[i].severity != severity)
                continue;
            vf_autofree char *text =
                vf_asprintf("%s: %s%s%s", f->v[i].subject, f->v[i].text, f->v[i].cure ? "; " : "",
                            f->v[i].cure ? f->v[i].cure : "");
            add_line(b, _(words[severity]), text);
        }
}

/* What is known of how it stands; caller frees. */
static char *standing_text(const struct vf_wizard *w)
{
    const struct vf_standing *s = &w->standing;
    vf_autobuf struct vf_buf b = {0};
    add_line(&b, "", s->service);
    add_changes(&b, &s->changes);
    if (s->unseen)
        add_line(&b, _("not seen  "), s->unseen);
    add_line(&b, _("move  "), row_of(w)->what);
    vf_buf_printf(&b, _("done  %s"), s->last ? _(s->last) : _("nothing yet"));
    if (s->disks && s->touched)
        vf_buf_printf(&b, _("; %zu of %zu disks copied"), s->copied, s->disks);
    vf_buf_puts(&b, "\n");
    if (s->kept)
        add_line(&b, _("kept  "), s->kept);
    return vf_buf_take(&b);
}

static void show_details(struct vf_wizard *w)
{
    vf_autofree char *text = standing_text(w), *dir = vf_job_dir(row_of(w)->id);
    vf_wizard_read(
        w, _("The job"),
        vf_asprintf(_("%s\njob  %s\nlog  %s/log\n\nThe same by command: vmferry resume %s, "
                      "vmferry rollback %s"),
                    text, row_of(w)->id, dir, row_of(w)->id, row_of(w)->id));
}

static void ask_back(struct vf_wizard *w)
{
    const char *const choices[] = {"no", _("Not yet"), "yes", _("Yes, undo it")};
    vf_wizard_choose(w, "back", _("Undo what this job did?"),
                     _("The source is put back as it was and started again if it ran. What was "
                       "copied to the target is removed there."),
                     "no", choices, 2);
}

enum vf_wizard_end vf_job_answered(struct vf_wizard *w, const char *id, const char *answer)
{
    return vf_streq(answer, "yes") ? VF_WIZARD_ROLLBACK : VF_WIZARD_GOES_ON;
}

enum vf_wizard_end vf_job_choose(struct vf_wizard *w, const struct vf_list_row *row)
{
    if (row->tag == TAG_ON)
        return VF_WIZARD_RESUME;
    if (row->tag == TAG_BACK)
        ask_back(w);
    else
        show_details(w);
    return VF_WIZARD_GOES_ON;
}

/* Its number goes to a row; Enter chooses it. */
bool vf_job_press(struct vf_wizard *w, int key)
{
    struct vf_list *l = &w->lists[PAGE_JOB];
    if (key < '1' || key >= '1' + (int)l->n_rows)
        return false;
    l->cursor = (size_t)(key - '1');
    return true;
}

void vf_job_draw(struct vf_wizard *w, struct vf_canvas *c, int row, int bottom)
{
    struct vf_list *l = &w->lists[PAGE_JOB];
    if (!w->loaded[PAGE_JOB]) {
        vf_page_text(c, row, bottom, VF_LOOK_STRONG, row_of(w)->service);
        return;
    }
    int rows = (int)l->n_rows + 2;
    vf_autofree char *text = standing_text(w);
    vf_autostrv char **lines = vf_text_lines(text, c->cols - 2);
    bool all = (int)vf_strv_len(lines) <= bottom - rows - row;
    row = vf_page_text(c, row, bottom - rows - !all, VF_LOOK_TEXT, text);
    if (!all)
        row = vf_page_text(c, row, row + 1, VF_LOOK_FAINT, _("more: 3 shows all of it"));
    vf_list_draw(l, c, row, rows);
}
