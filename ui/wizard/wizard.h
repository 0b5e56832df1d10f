/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The wizard that makes a plan: what was chosen so far, which page is shown, what keys and answers
 * do to that. No terminal, no threads: its loop (loop.c) brings keys and answers. */
#ifndef VF_UI_WIZARD_WIZARD_H
#define VF_UI_WIZARD_WIZARD_H

#include "job/networks.h"
#include "job/survey.h"
#include "ui/canvas.h"
#include "ui/keys.h"

struct vf_wizard;

/* How a cluster that was added is kept. */
enum vf_wizard_keep {
    VF_KEEP_NOT,    /* for as long as the wizard runs */
    VF_KEEP_LOGIN,  /* in vmferry.conf, without the secret */
    VF_KEEP_SECRET, /* and that in a file of its own */
};

/* What the wizard has others do, for it touches no files. */
struct vf_wizard_hands {
    void *opaque;
    /* Adds C (with SECRET, may be NULL) to the configuration. The new one, borrowed, in which
     * nothing else has changed; NULL with *err. */
    const struct vf_conf *(*add)(void *opaque, struct vf_cluster_conf *c,
                                 const struct vf_secret *secret, enum vf_wizard_keep keep,
                                 struct vf_error **err);
    /* Reads a plan file with N PLANS, as vf_plans_load(). */
    int (*open_plans)(void *opaque, const char *path, struct vf_plan ***plans, size_t *n,
                      struct vf_error **err);
    /* Writes N plans into a file; CONFLICT: there is one already, and REPLACE is not set. */
    int (*save_plans)(void *opaque, struct vf_plan *const *v, size_t n, const char *path,
                      bool replace, struct vf_error **err);
    /* TYPED as an absolute path, of something that is there; caller frees. */
    char *(*find_file)(void *opaque, const char *typed, struct vf_error **err);
    /* TYPED with what all files that begin so have in common behind it; NULL: nothing more. Caller
     * frees. */
    char *(*complete)(void *opaque, const char *typed);
    struct vf_networks *networks; /* what is remembered of them; borrowed; NULL: nothing is */
    const char *conf_path;        /* where a cluster is kept; borrowed */
    const char *no_demo;          /* why there can be no demo; NULL: there can */
};

/* CONF is borrowed, and may have no clusters yet; HANDS is copied. */
struct vf_wizard *vf_wizard_new(const struct vf_conf *conf, const struct vf_wizard_hands *hands);
void vf_wizard_free(struct vf_wizard *w);
VF_DEFINE_CLEANUP(struct vf_wizard *, vf_wizard_free)

/* A job (or a batch of some) that is not over, for the first page. WHAT: "web1: alpha -> beta";
 * SERVICE: where the VM runs (vf_service_text()); LEFT: how long what is left may take ("~6 min"),
 * NULL: not known. One that RUNS can be looked at, another one goes on or back. */
void vf_wizard_add_job(struct vf_wizard *w, const char *id, const char *what, const char *service,
                       const char *left, bool runs);

enum vf_wizard_end {
    VF_WIZARD_GOES_ON,
    VF_WIZARD_QUIT,
    VF_WIZARD_START,    /* vf_wizard_plan() of all vf_wizard_plans() are to be carried out */
    VF_WIZARD_ATTACH,   /* vf_wizard_job() is to be looked at */
    VF_WIZARD_RESUME,   /* it is to go on */
    VF_WIZARD_ROLLBACK, /* it is to be undone */
    VF_WIZARD_DEMO,     /* the demo is to be shown */
};
enum vf_wizard_end vf_wizard_key(struct vf_wizard *w, int key);
/* How many VMs are to be moved, and the plan of the Ith (borrowed). */
size_t vf_wizard_plans(const struct vf_wizard *w);
const struct vf_plan *vf_wizard_plan(const struct vf_wizard *w, size_t i);
/* Of the only one, or the one that was looked at last. */
const struct vf_prepared *vf_wizard_prepared(const struct vf_wizard *w);
const char *vf_wizard_job(const struct vf_wizard *w);

/* What has to be looked up for the page that is shown, once; false: nothing. What Q points to is
 * borrowed until the next key or answer. NUMBER is what the answer will have. */
bool vf_wizard_wants(struct vf_wizard *w, struct vf_survey_question *q);
void vf_wizard_asked(struct vf_wizard *w, unsigned number);
/* An answer is awaited; after Esc it is not any more. */
bool vf_wizard_waits(const struct vf_wizard *w);
/* TEXT says what keeps the answer from coming; shown until something else is awaited. */
void vf_wizard_told(struct vf_wizard *w, const char *text);
/* Takes A over. */
void vf_wizard_take(struct vf_wizard *w, struct vf_survey_answer *a);

/* False: C is too small, which is all that is said. */
bool vf_wizard_draw(struct vf_wizard *w, struct vf_canvas *c);
/* KEYS into the last row, for what stands in front of it. */
void vf_wizard_draw_keys(struct vf_canvas *c, const char *keys);

#endif
