/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Fields to be filled in: what is drawn of them, what keys do to them. */
#ifndef VF_UI_FORM_H
#define VF_UI_FORM_H

#include "ui/canvas.h"
#include "ui/keys.h"

enum { VF_FORM_FIELDS = 8, VF_FIELD_TYPED = 512 };

enum vf_field_kind {
    VF_FIELD_TEXT,
    VF_FIELD_SECRET, /* shown as stars */
    VF_FIELD_CHOICE, /* one of CHOICES */
};

struct vf_field {
    const char *label; /* borrowed, as HINT and CHOICES are */
    const char *hint;  /* shown while nothing is typed; NULL: nothing */
    enum vf_field_kind kind;
    bool optional; /* may stay empty */
    /* Tab makes of what was typed what this returns (caller frees); NULL: to the next field. */
    char *(*complete)(void *opaque, const char *typed);
    void *opaque;
    const char *const *choices;
    size_t n_choices, choice;
    char typed[VF_FIELD_TYPED]; /* UTF-8 */
    size_t at;                  /* the cursor: a byte of TYPED */
    char *error;                /* what is wrong with it, beside it; owned, NULL: nothing */
};

struct vf_form {
    struct vf_field fields[VF_FORM_FIELDS];
    size_t n, focus;
    int top; /* of its lines, the first that is drawn; drawing corrects it */
};

/* A new field behind the others; valid as long as the form. */
struct vf_field *vf_form_add_field(struct vf_form *f, enum vf_field_kind kind, const char *label,
                                   const char *hint);
/* TEXT instead of what was typed; the cursor behind it. */
void vf_field_set(struct vf_field *f, const char *text);
/* TEXT (copied) is wrong with field I, which takes the focus. Others keep theirs. */
void vf_form_mark(struct vf_form *f, size_t i, const char *text);
void vf_form_unmark(struct vf_form *f);
/* Wipes what was typed and forgets all fields. */
void vf_form_clear(struct vf_form *f);

enum vf_form_end {
    VF_FORM_WAITS,
    VF_FORM_DONE, /* Enter, and no field that must be filled is empty */
    VF_FORM_LEFT, /* Esc */
};
enum vf_form_end vf_form_key(struct vf_form *f, int key);
/* What keys do here, translated. */
const char *vf_form_help(const struct vf_form *f);
/* From ROW on, above BOTTOM. */
void vf_form_draw(struct vf_form *f, struct vf_canvas *c, int row, int bottom);

#endif
