/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A question (an "ask" event) in front of a screen: what is drawn of it, what keys do to it. */
#ifndef VF_UI_QUESTION_H
#define VF_UI_QUESTION_H

#include "base/ask.h"
#include "job/event.h"
#include "ui/dialog.h"

enum { VF_QUESTION_LABELS = 16, VF_QUESTION_TYPED = 4096 };

struct vf_question {
    json_t *ask; /* NULL: none in front */
    size_t focus;
    int top; /* of the detail */
    char typed[VF_QUESTION_TYPED];
    const char *labels[VF_QUESTION_LABELS];
    struct vf_dialog dialog; /* filled by vf_question_dialog() */
};

/* Puts ASK (a reference of its own is taken) in front, its safe answer in the focus; a line that is
 * typed begins as what "typed" says. */
void vf_question_open(struct vf_question *q, json_t *ask);
/* Takes it away, wiping what was typed. */
void vf_question_close(struct vf_question *q);
/* To be drawn; NULL: there is none. Borrowed until the next call. */
const struct vf_dialog *vf_question_dialog(struct vf_question *q);
/* The keys that are of use, translated. */
const char *vf_question_help(const struct vf_question *q);

enum vf_question_end { VF_QUESTION_WAITS, VF_QUESTION_ANSWERED, VF_QUESTION_LATER };
/* KEY is for the question. ANSWERED: *OUT is what was chosen or typed (caller clears it). */
enum vf_question_end vf_question_key(struct vf_question *q, int key, struct vf_answer *out);

#endif
