/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the pages of the wizard share. */
#ifndef VF_UI_WIZARD_PAGES_H
#define VF_UI_WIZARD_PAGES_H

#include "ui/dialog.h"
#include "ui/form.h"
#include "ui/list.h"
#include "ui/question.h"
#include "ui/wizard/edit.h"
#include "ui/wizard/wizard.h"

enum page {
    PAGE_START,
    PAGE_JOB,    /* one that was cut off: what is to become of it */
    PAGE_FILE,   /* which plan is to be opened */
    PAGE_EXPORT, /* which exported VMs */
    PAGE_SOURCE,
    PAGE_VM,
    PAGE_TARGET,
    PAGE_CONNECT, /* a cluster is added, from PAGE_SOURCE or PAGE_TARGET */
    PAGE_NODE,
    PAGE_STORAGE,
    PAGE_SEVERAL, /* from here on plans, checked all the time: those of several VMs */
    PAGE_SHEET,   /* that of one */
    PAGE_NET,
    PAGE_NIC,
    PAGE_DISK,
    PAGE_OPTIONS,
    PAGE_PICK,
    PAGES,
};

struct job_row {
    char *id, *what, *service, *left;
    bool runs;
};

/* A VM of the source cluster: as it is listed, then also what is configured of it. */
struct seen_vm {
    struct vf_vm *vm;
    bool offline; /* its node is */
    bool known;   /* SEEN is filled */
    struct vf_seen_vm seen;
};

/* A VM that is to be moved. */
struct chosen_vm {
    char *vm, *name; /* VMID, name */
    struct vf_sheet sheet;
};

struct vf_wizard {
    const struct vf_conf *conf;
    struct vf_wizard_hands hands;
    struct job_row *jobs;
    size_t n_jobs;
    size_t job_row; /* the one PAGE_JOB is about */
    struct vf_standing standing;
    enum page page;
    struct vf_list lists[PAGES]; /* cursors stay where they were left */
    char *loaded[PAGES];         /* what the list is of; NULL: nothing yet */
    bool want;                   /* the page's list has to be looked up */
    unsigned number;             /* of the answer that is awaited; 0: none */
    struct vf_error *error;      /* why there is no list */
    char *told;                  /* what the answer has to wait for; NULL: nothing is known */
    unsigned background;         /* number of the outlines that come in; 0: none */
    bool no_outlines;            /* they cannot be had */
    struct vf_vm **to_ask;       /* of which they were asked; borrowed from SEEN */
    /* the source's VMs */
    struct seen_vm *seen;
    size_t n_seen;
    char *seen_of;  /* the cluster they are of */
    char *seen_way; /* which way they were looked at (vf_provider_ops.way); NULL: there is one */
    unsigned sort;  /* index of the key they are sorted by */
    /* what is filled in */
    struct vf_form form;         /* of the page that has one */
    struct vf_conf **candidates; /* clusters that were tried; the survey borrows them */
    size_t n_candidates;
    struct vf_secret *secret;     /* of the last of those */
    struct vf_conf *added;        /* the one that let us in, as it may be kept */
    char *compared, *compared_at; /* a fingerprint that a person has compared, of which URL */
    enum page connect_back;
    bool form_esxi; /* FORM is that of an ESXi host */
    char *file_name, *export_name;
    bool from_file; /* what is chosen is what a plan file says */
    bool imports;   /* sources are ESXi hosts and exported VMs */
    /* chosen */
    struct chosen_vm *vms; /* all that are to be moved; VM and VM_NAME are one of them */
    size_t n_vms, at;
    char *source, *vm, *vm_name, *target, *node, *storage;
    struct vf_move move;
    struct vf_sheet *sheet;           /* of the VM that is looked at; NULL: none */
    size_t asked;                     /* the VM whose sheet is looked up */
    unsigned measuring;               /* number of the measurement that is awaited; 0: none */
    size_t measured;                  /* of this VM */
    bool measures;                    /* what is wanted is one */
    bool common;                      /* what is set is set of all VMs */
    bool made;                        /* the answer that is awaited makes the plan anew */
    bool refocus;                     /* the cursor goes where a person is needed */
    bool arrived;                     /* the page was not shown before */
    const struct vf_setting *setting; /* that is being set */
    enum page from;                   /* where the list of its values was opened */
    size_t row;                       /* whose fix is asked about */
    char *path;                       /* of the file that may be replaced */
    struct vf_question question;      /* ours: start? leave? */
    struct vf_reader reader;          /* the whole plan; text NULL: not shown */
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
    /* The page is a form, filled by FILL: it was filled in. NULL: a list. */
    enum vf_wizard_end (*done)(struct vf_wizard *w);
    /* What is to be looked up, where that is not at the target; NULL: there. */
    void (*ask)(struct vf_wizard *w, struct vf_survey_question *q);
    /* What is said while it is; caller frees. NULL: "Looking at TARGET ...". */
    char *(*looking)(const struct vf_wizard *w);
    /* A line below the rows when there is nothing more urgent; caller frees. NULL: none. */
    char *(*status)(const struct vf_wizard *w);
    /* How that looks; NULL: as text. */
    enum vf_look (*status_look)(const struct vf_wizard *w);
    /* The title, when it says what the page is of; caller frees. NULL: TITLE. */
    char *(*name)(const struct vf_wizard *w);
    /* What an answer to one of our questions (ID) does. NULL: none is asked. */
    enum vf_wizard_end (*answered)(struct vf_wizard *w, const char *id, const char *answer);
    /* Takes the answer over, instead of filling the list. NULL: that. */
    void (*take)(struct vf_wizard *w, struct vf_survey_answer *a);
    /* Takes an error of A over; false: it is shown as it is. NULL: always so. */
    bool (*failed)(struct vf_wizard *w, struct vf_survey_answer *a);
};
extern const struct page_ops vf_pages[PAGES];

/* Goes to PAGE, asking for what it shows unless that is known. */
void vf_wizard_go(struct vf_wizard *w, enum page page);

/* The plans' pages: is one to be looked up, which, and what was. */
bool vf_sheet_needs(const struct vf_wizard *w);
/* PLAN (taken over) is that of VM I, as if it had been made and edited here. */
void vf_sheet_give(struct vf_wizard *w, size_t i, struct vf_plan *plan);
void vf_sheet_wants(struct vf_wizard *w, struct vf_survey_question *q);
void vf_sheet_answer(struct vf_wizard *w, struct vf_survey_answer *a);
/* The same for what is looked up while nobody waits for it: the hosts. */
bool vf_sheet_measures(struct vf_wizard *w, struct vf_survey_question *q);
void vf_sheet_take_measured(struct vf_wizard *w, const struct vf_survey_answer *a);
void vf_sheet_not_measured(struct vf_wizard *w);
/* VM I is the one that is looked at. */
void vf_wizard_look_at(struct vf_wizard *w, size_t i);

/* Goes to where Esc leads. */
enum vf_wizard_end vf_wizard_back(struct vf_wizard *w);
/* Asks a question of ours with N choices, "KEY", "LABEL" in turns; SAFE is in focus. Its answer
 * goes to the page's answered(). */
void vf_wizard_choose(struct vf_wizard *w, const char *id, const char *title, const char *detail,
                      const char *safe, const char *const *choices, size_t n);
/* TEXT (taken over) to be read, in front of the page. */
void vf_wizard_read(struct vf_wizard *w, const char *title, char *text);

/* The keys of the page that is a list; caller frees. */
char *vf_wizard_keys(const struct vf_wizard *w);
/* The N heads NAMES (N_()) of L; RIGHT: bits of those with numbers. */
void vf_page_heads(struct vf_list *l, const char *const *names, size_t n, unsigned right);
/* TEXT wrapped, from ROW on and above BOTTOM; returns the row behind it. */
int vf_page_text(struct vf_canvas *c, int row, int bottom, enum vf_look look, const char *text);

/* N VMs (taken over) are those to be moved; the first is the one that is looked at. */
void vf_wizard_choose_vms(struct vf_wizard *w, struct chosen_vm *vms, size_t n);

/* vms.c: what is known of the source's VMs, beyond their list. */
bool vf_vms_want(struct vf_wizard *w, struct vf_survey_question *q);
void vf_vms_take(struct vf_wizard *w, struct vf_survey_answer *a);
void vf_vms_forget(struct vf_wizard *w);
/* Of those that were chosen: how big their disks are, as configured (*UNKNOWN of them are not
 * known), and the memory of the biggest. */
uint64_t vf_vms_disks(const struct vf_wizard *w, size_t *unknown);
uint64_t vf_vms_memory(const struct vf_wizard *w);
#endif
