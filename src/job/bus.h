/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Between the worker and whoever watches: lines said so far, and one question at a time. */
#ifndef VF_JOB_BUS_H
#define VF_JOB_BUS_H

#include "base/ask.h"
#include "job/event.h"

struct vf_bus;

struct vf_bus *vf_bus_new(void);
void vf_bus_free(struct vf_bus *b);
VF_DEFINE_CLEANUP(struct vf_bus *, vf_bus_free)

/* Adds a line (ownership taken). Thread-safe, like all below. */
void vf_bus_say(struct vf_bus *b, char *line);
/* Line number I of all that were said, copied; NULL when there are not that many; "" for a
 * question that is settled. */
char *vf_bus_line(struct vf_bus *b, size_t i);
/* Readable when something was said since the last vf_bus_woken(). */
int vf_bus_fd(const struct vf_bus *b);
void vf_bus_woken(struct vf_bus *b);

/* The worker's asker: says the question as an event and waits for vf_bus_answer(). */
struct vf_asker vf_bus_asker(struct vf_bus *b);
/* Answers question NUMBER; TEXT or SECRET (taken) as its kind wants; both NULL: nobody can answer.
 * False when it is not open (any more) or the answer is none of its choices. */
bool vf_bus_answer(struct vf_bus *b, int64_t number, const char *text, struct vf_secret *secret);

#endif
