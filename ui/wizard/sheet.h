/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The plan as a page of the wizard, and what opens from it: entries of vf_pages. */
#ifndef VF_UI_WIZARD_SHEET_H
#define VF_UI_WIZARD_SHEET_H

#include "ui/wizard/pages.h"

char *vf_sheet_key(const struct vf_wizard *w);
void vf_sheet_fill(struct vf_wizard *w, struct vf_list *l, const struct vf_survey_answer *a);
enum vf_wizard_end vf_sheet_choose(struct vf_wizard *w, const struct vf_list_row *row);
bool vf_sheet_press(struct vf_wizard *w, int key);
void vf_sheet_draw(struct vf_wizard *w, struct vf_canvas *c, int row, int bottom);

char *vf_bridge_key(const struct vf_wizard *w);
void vf_bridge_fill(struct vf_wizard *w, struct vf_list *l, const struct vf_survey_answer *a);
enum vf_wizard_end vf_bridge_choose(struct vf_wizard *w, const struct vf_list_row *row);

#endif
