/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the pages of the wizard share. */
#ifndef VF_UI_WIZARD_PAGES_H
#define VF_UI_WIZARD_PAGES_H

#include "ui/dialog.h"
#include "ui/list.h"
#include "ui/question.h"
#include "ui/wizard/edit.h"
#include "ui/wizard/wizard.h"

enum page {
    PAGE_START,
    PAGE_SOURCE,
    PAGE_VM,
    PAGE_TARGET,
    PAGE_NODE,
    PAGE_STORAGE,
    PAGE_SHEET, /* from here on: the plan, checked all the time */
    PAGE_NET,
    PAGE_NIC,
    PAGE_DISK,
    PAGE_OPTIONS,
    PAGE_PICK,
    PAGES,
};

struct job_row {
    char *id, *what, *what_next;
    bool runs;
};

struct vf_wizard {
    const struct vf_conf *conf;
    struct job_row *jobs;
    size_t n_jobs;
    enum page page;
    struct vf_list lists[PAGES]; /* cursors stay where they were left */
    char *loaded[PAGES];         /* what the list is of; NULL: nothing yet */
    bool want;                   /* the page's list has to be looked up */
    unsigned number;             /* of the answer that is awaited; 0: none */
    struct vf_error *error;      /* why there is no list */
    /* chosen */
    char *source, *vm, *vm_name, *target, *node, *storage;
    struct vf_move move;
    struct vf_networks *networks; /* what is remembered of them */
    struct vf_sheet sheet;        /* the plan */
    bool made;                    /* the answer that is awaited makes the plan anew */
    bool refocus;                 /* the cursor goes where a person is needed */
    bool arrived;                 /* the page was not shown before */
    const struct vf_field *field; /* that is being set */
    enum page from;               /* where the list of its values was opened */
    char *path;                   /* of the file that may be replaced */
    struct vf_question question;  /* ours: start? leave? */
    struct vf_reader reader;      /* the whole plan; text NULL: not shown */
    char *text;
    char *job; /* to attach to */
};

struct page_ops {
    const char *title; /* a question */
    enum page back;
    int survey; /* enum vf_survey_kind; -1: nothing is looked up */
    /* What the list is of, to know whether it has to be looked up again; caller frees. */
    char *(*key)(const struct vf_wizard *w);
    /* Fills the list from what is known, or from the answer. */
    void (*fill)(struct vf_wizard *w, struct vf_list *l, const struct vf_survey_answer *a);
    /* ROW was chosen. */
    enum vf_wizard_end (*choose)(struct vf_wizard *w, const struct vf_list_row *row);
    const char *help; /* more keys than all pages have */
    /* Draws what there is between the rows; NULL: the list. */
    void (*draw)(struct vf_wizard *w, struct vf_canvas *c, int row, int bottom);
    /* Takes a key before the list does; false: not known here. NULL: none. */
    bool (*press)(struct vf_wizard *w, int key);
    /* The title, when it says what the page is of; caller frees. NULL: TITLE. */
    char *(*name)(const struct vf_wizard *w);
    /* What stands below the rows while nothing else has to; caller frees. NULL: nothing. */
    char *(*status)(const struct vf_wizard *w, enum vf_look *look);
    /* The wizard's question ID was answered with TEXT. */
    enum vf_wizard_end (*answered)(struct vf_wizard *w, const char *id, const char *text);
};
extern const struct page_ops vf_pages[PAGES];

/* Goes to PAGE, asking for what it shows unless that is known. */
void vf_wizard_go(struct vf_wizard *w, enum page page);

/* The plan's pages: what is to be looked up, and what was. */
void vf_sheet_wants(struct vf_wizard *w, struct vf_survey_question *q);
void vf_sheet_answer(struct vf_wizard *w, struct vf_survey_answer *a);

/* The N heads NAMES (N_()) of L; RIGHT: bits of those with numbers. */
void vf_page_heads(struct vf_list *l, const char *const *names, size_t n, unsigned right);
/* TEXT wrapped, from ROW on and above BOTTOM; returns the row behind it. */
int vf_page_text(struct vf_canvas *c, int row, int bottom, enum vf_look look, const char *text);

#endif
