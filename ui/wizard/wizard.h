/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The wizard that makes a plan: what was chosen so far, which page is shown, what keys and answers
 * do to that. No terminal, no threads: its loop (loop.c) brings keys and answers. */
#ifndef VF_UI_WIZARD_WIZARD_H
#define VF_UI_WIZARD_WIZARD_H

#include "job/survey.h"
#include "ui/canvas.h"
#include "ui/keys.h"

struct vf_wizard;

/* CONF is borrowed. */
struct vf_wizard *vf_wizard_new(const struct vf_conf *conf);
void vf_wizard_free(struct vf_wizard *w);
VF_DEFINE_CLEANUP(struct vf_wizard *, vf_wizard_free)

/* A job that is not over, for the first page: it can be looked at while it runs; else WHAT_NEXT
 * says what can be done about it. */
void vf_wizard_add_job(struct vf_wizard *w, const char *id, const char *what, bool runs,
                       const char *what_next);

enum vf_wizard_end {
    VF_WIZARD_GOES_ON,
    VF_WIZARD_QUIT,
    VF_WIZARD_START,  /* vf_wizard_prepared() is to be carried out */
    VF_WIZARD_ATTACH, /* vf_wizard_job() is to be looked at */
};
enum vf_wizard_end vf_wizard_key(struct vf_wizard *w, int key);
const struct vf_prepared *vf_wizard_prepared(const struct vf_wizard *w);
const char *vf_wizard_job(const struct vf_wizard *w);

/* What has to be looked up for the page that is shown, once; false: nothing. What Q points to is
 * borrowed until the next key or answer. NUMBER is what the answer will have. */
bool vf_wizard_wants(struct vf_wizard *w, struct vf_survey_question *q);
void vf_wizard_asked(struct vf_wizard *w, unsigned number);
/* An answer is awaited; after Esc it is not any more. */
bool vf_wizard_waits(const struct vf_wizard *w);
/* Takes A over. */
void vf_wizard_take(struct vf_wizard *w, struct vf_survey_answer *a);

void vf_wizard_draw(struct vf_wizard *w, struct vf_canvas *c);

#endif
