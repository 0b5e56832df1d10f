/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The plan as a page of the wizard, and the pages that open from it: entries of vf_pages. */
#ifndef VF_UI_WIZARD_SHEET_H
#define VF_UI_WIZARD_SHEET_H

#include "ui/wizard/settings.h"
#include "ui/wizard/pages.h"

/* What a row of the plan's page is; its tag also has an index. */
enum vf_sheet_row {
    ROW_START,
    ROW_EXPECTED,
    ROW_NAME,   /* index of vf_name_settings */
    ROW_IMPORT, /* index of vf_import_settings */
    ROW_DATA,   /* which way the data goes */
    ROW_TARGET,
    ROW_DISK,  /* of the plan */
    ROW_FRESH, /* a disk that the target makes, empty */
    ROW_NET,   /* first card of a network */
    ROW_PLAN,  /* index of vf_plan_settings */
    ROW_OPTIONS,
    ROW_SAVE,
    ROW_FINDING, /* one that belongs to no other row */
    ROW_VM,      /* of several */
};
#define VF_ROW(kind, index) ((size_t)(index) << 8 | (kind))
#define VF_ROW_KIND(tag)    ((enum vf_sheet_row)((tag)&0xff))
#define VF_ROW_INDEX(tag)   ((tag) >> 8)

/* ---- entries of vf_pages ---- */

void vf_sheet_fill(struct vf_wizard *w, struct vf_list *l, const struct vf_survey_answer *a);
enum vf_wizard_end vf_sheet_choose(struct vf_wizard *w, const struct vf_list_row *row);
bool vf_sheet_press(struct vf_wizard *w, int key);
void vf_sheet_draw(struct vf_wizard *w, struct vf_canvas *c, int row, int bottom);
char *vf_sheet_status(const struct vf_wizard *w);
enum vf_look vf_sheet_look(const struct vf_wizard *w);
enum vf_wizard_end vf_sheet_answered(struct vf_wizard *w, const char *id, const char *text);

char *vf_net_title(const struct vf_wizard *w);
void vf_net_fill(struct vf_wizard *w, struct vf_list *l, const struct vf_survey_answer *a);
enum vf_wizard_end vf_net_choose(struct vf_wizard *w, const struct vf_list_row *row);
char *vf_nic_title(const struct vf_wizard *w);
void vf_nic_fill(struct vf_wizard *w, struct vf_list *l, const struct vf_survey_answer *a);
char *vf_disk_title(const struct vf_wizard *w);
void vf_disk_fill(struct vf_wizard *w, struct vf_list *l, const struct vf_survey_answer *a);
void vf_options_fill(struct vf_wizard *w, struct vf_list *l, const struct vf_survey_answer *a);
enum vf_wizard_end vf_settings_choose(struct vf_wizard *w, const struct vf_list_row *row);
char *vf_pick_title(const struct vf_wizard *w);
void vf_pick_fill(struct vf_wizard *w, struct vf_list *l, const struct vf_survey_answer *a);
enum vf_wizard_end vf_pick_choose(struct vf_wizard *w, const struct vf_list_row *row);

/* ---- what they share ---- */

/* Adds a row: LABEL, and VALUE (taken) across the columns behind it. */
struct vf_list_row *vf_sheet_add(struct vf_list *l, size_t tag, const char *label, char *value);
/* The plan was edited: it is checked, and the page shows what it is now. */
void vf_sheet_edited(struct vf_wizard *w);
/* What row TAG of the page that is shown sets; NULL: nothing, or more than a field. */
const struct vf_setting *vf_sheet_setting(const struct vf_wizard *w, size_t tag);
/* Asks for a new value of F. */
void vf_sheet_ask_setting(struct vf_wizard *w, const struct vf_setting *f);
/* Takes VALUE for the field that was asked for, or asks again. */
void vf_sheet_set(struct vf_wizard *w, const char *value);
/* Offers what vmferry could do about what was found on row TAG; false: nothing. */
bool vf_sheet_ask_fix(struct vf_wizard *w, size_t tag);
/* What Enter on row TAG does when there is nothing to fix. */
void vf_sheet_open_row(struct vf_wizard *w, size_t tag);
void vf_sheet_ask_start(struct vf_wizard *w);
void vf_sheet_ask_save(struct vf_wizard *w);
void vf_sheet_explain(struct vf_wizard *w, size_t tag);

/* Is the plan of VM I checked as it is now? */
bool vf_sheet_is_checked(const struct vf_wizard *w, size_t i);
/* "vmbr5", "vmbr5 tag 20"; caller frees. */
char *vf_sheet_network(const char *bridge, unsigned tag);
/* several.c: the network of the card that is looked at, of all VMs; a value for all VMs. */
void vf_several_map(struct vf_wizard *w, const char *bridge, unsigned tag);
const char *vf_several_set(struct vf_wizard *w, const struct vf_setting *f, const char *value);

/* ---- findings beside the rows they are about ---- */

/* The row that the Ith finding belongs to. */
size_t vf_finding_row(const struct vf_sheet *s, size_t i);
/* The worst of row TAG, NULL: none; *N: how many. */
const struct vf_finding *vf_row_finding(const struct vf_sheet *s, size_t tag, size_t *n);
/* The worst of all; NULL: none. */
const struct vf_finding *vf_worst_finding(const struct vf_sheet *s);
/* "STOP: 1, warnings: 2"; caller frees. */
char *vf_sheet_counts(const struct vf_findings *f);
/* Marks a row with it. */
void vf_sheet_mark(struct vf_list_row *r, const struct vf_finding *f);
/* As text, made safe; caller frees. */
char *vf_finding_text(const struct vf_finding *f);
extern const char *const vf_severity_words[];

/* How long it will take, and how long it will be down, as far as that is known; MEASURING: it
 * will be known soon. Caller frees. */
char *vf_sheet_expected(const struct vf_sheet *s, bool measuring);

#endif
