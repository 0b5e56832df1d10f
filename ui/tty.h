/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Questions on a plain terminal, without curses. */
#ifndef VF_UI_TTY_H
#define VF_UI_TTY_H

#include "base/ask.h"

/* Is there a person: /dev/tty can be opened and stdin is a terminal. */
bool vf_tty_there(void);

/* From now on questions are put on standard output and answered on standard input where that is no
 * terminal, a line each. */
void vf_tty_use_stdin(void);

/* What else may end a question: when one of FDS (-1: none) is readable, SETTLED says whether it
 * does. */
struct vf_tty_other {
    int fds[2];
    bool (*settled)(void *opaque);
    void *opaque;
};

/* Puts Q on the terminal and reads the answer. 0 with *OUT filled; 1 when nobody is there or it was
 * left with end of file: *OUT then is the safe answer, if the question has one, else empty.
 * VF_TTY_LEFT, *OUT empty: the terminal hung up, or OTHER (may be NULL) ended it before there was
 * an answer. */
enum { VF_TTY_LEFT = 2 };
int vf_tty_ask(const struct vf_ask *q, struct vf_cancel *cancel, const struct vf_tty_other *other,
               struct vf_answer *out);

/* "y" or "yes" (in the user's language too); false without a terminal. */
bool vf_tty_confirm(const char *question);

/* An asker that remembers secrets, and what else it is told to, by their ids for the life of this
 * process, so that the job's process need not ask again what planning has asked already. YES
 * answers are never remembered. */
struct vf_tty_cache;
struct vf_tty_cache *vf_tty_cache_new(void);
void vf_tty_cache_free(struct vf_tty_cache *c);
VF_DEFINE_CLEANUP(struct vf_tty_cache *, vf_tty_cache_free)
struct vf_asker vf_tty_cache_asker(struct vf_tty_cache *c);
/* Answers Q from the cache (once more than once is a wrong secret: the second time it is asked),
 * else from the terminal. Returns as vf_tty_ask(). */
int vf_tty_cache_ask(struct vf_tty_cache *c, const struct vf_ask *q, struct vf_cancel *cancel,
                     const struct vf_tty_other *other, struct vf_answer *out);
/* What was answered to ID before, if that was not offered yet since the last rewind; and an answer
 * to be kept. From any thread. */
bool vf_tty_cache_get(struct vf_tty_cache *c, const char *id, enum vf_ask_kind kind,
                      struct vf_answer *out);
void vf_tty_cache_put(struct vf_tty_cache *c, const char *id, const struct vf_secret *answer);
/* The answer to ID was wrong: it is not offered again. From any thread. */
void vf_tty_cache_forget(struct vf_tty_cache *c, const char *id);
/* Secrets may be offered once more: another process begins to ask. */
void vf_tty_cache_rewind(struct vf_tty_cache *c);
/* From here on ASKER (a job; NULL: who has no name) asks: each is offered a secret once. */
void vf_tty_cache_turn(struct vf_tty_cache *c, const char *asker);

#endif
