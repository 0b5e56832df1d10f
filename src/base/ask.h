/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Asks: questions from a worker as plain data, with an answer that is safe when nobody answers.
 * Who answers (a person, the plan, a cache) is not the worker's concern. */
#ifndef VF_BASE_ASK_H
#define VF_BASE_ASK_H

#include "base/cancel.h"
#include "base/error.h"
#include "base/secret.h"

enum vf_ask_kind {
    VF_ASK_CHOICE, /* answer: the key of one of the choices */
    VF_ASK_TEXT,   /* answer: a line of text */
    VF_ASK_SECRET, /* answer: a secret, not shown, not kept */
};

struct vf_ask_choice {
    const char *key;   /* stable word: "yes", "no", "wait" … */
    const char *label; /* translated, what a person reads */
};

/* What an ask about a host key is about, for who can say more about it than "unknown". */
struct vf_ask_key {
    const char *label;              /* the host's name on screen */
    const char *name;               /* in known_hosts */
    const char *type, *fingerprint; /* of the key that is shown */
    const char *file;               /* where a yes writes it; NULL: nowhere */
};

struct vf_ask {
    /* What is asked, stable and machine-readable, so that plans, caches and tests can answer:
     * "password:CLUSTER:USER", "ssh-password:USER@HOST", "host-key:HOST", "shutdown-force:VM" … */
    const char *id;
    enum vf_ask_kind kind;
    const char *title;  /* one line, translated: the question */
    const char *detail; /* what a person needs to decide (several lines); may be NULL */
    const struct vf_ask_choice *choices;
    size_t n_choices;
    const struct vf_ask_key *key; /* about a host key; NULL: about something else */
    const char *safe; /* the answer that harms nothing; NULL: none, the worker fails without one */
    bool once;        /* what is typed is good for one time: not to be kept for who asks later */
    /* It may stay open for hours: where nobody is, SAFE (or nothing) is not given for an answer. */
    bool waits;
    /* Looked at every few seconds while the question is open, by the thread that asks: has it
     * settled itself? Then there is no answer (empty *OUT, 0). NULL: it does not. */
    bool (*settled)(void *opaque);
    void *opaque; /* for settled */
};

struct vf_answer {
    char *text;               /* CHOICE: a key; TEXT: the line; else NULL */
    struct vf_secret *secret; /* SECRET */
};

struct vf_asker {
    /* Puts the question and waits (as long as it takes, unless CANCEL fires). 0 with *out filled
     * (the caller clears it with vf_answer_clear()), -1 with *err when nobody can answer. */
    int (*ask)(void *opaque, const struct vf_ask *q, struct vf_cancel *cancel,
               struct vf_answer *out, struct vf_error **err);
    void *opaque;
    /* ANSWER is a good answer, should another process ask ID; NULL: nothing is kept. */
    void (*remember)(void *opaque, const char *id, const struct vf_secret *answer);
    /* What was answered to ID is wrong, and must not be given again; NULL: nothing is kept. */
    void (*forget)(void *opaque, const char *id);
};

static inline void vf_answer_clear(struct vf_answer *a)
{
    free(a->text);
    vf_secret_free(a->secret);
    *a = (struct vf_answer){0};
}

#endif
