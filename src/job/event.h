/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Events: JSON objects, one a line, with "type" and "time". The same lines make the journal, the
 * control socket and --progress=json; vmferry-events(5) lists them. */
#ifndef VF_JOB_EVENT_H
#define VF_JOB_EVENT_H

#include <jansson.h>
#include <stdbool.h>
#include "base/ask.h"

/* Borrowed text and numbers of an object; NULL or 0 when not there or of another type. */
const char *vf_json_str(const json_t *o, const char *key);
int64_t vf_json_int(const json_t *o, const char *key);
double vf_json_num(const json_t *o, const char *key);
bool vf_json_true(const json_t *o, const char *key);

/* A new object {"type": TYPE, "time": now}; the caller adds to it. */
json_t *vf_event_new(const char *type);
/* The object as one line with '\n'; caller frees. EVENT's reference is taken. */
char *vf_event_line(json_t *event);
/* Parses one line; NULL when it is not a JSON object with a type. */
json_t *vf_event_parse(const char *line, size_t n);

/* When it was made, unix seconds; 0: it does not say. */
int64_t vf_event_time(const json_t *event);

/* The question of an "ask" event: *Q borrows from E and from CHOICES, which has room for ROOM. */
void vf_event_ask(const json_t *e, struct vf_ask *q, struct vf_ask_choice *choices, size_t room);

/* An error as {"code": "NET", "text": ...} and back. */
json_t *vf_event_error(const struct vf_error *e);
struct vf_error *vf_event_to_error(const json_t *o);

static inline void vf_json_decref(json_t *j)
{
    json_decref(j);
}
VF_DEFINE_CLEANUP(json_t *, vf_json_decref)
#define vf_autojson vf_auto(vf_json_decref)

#endif
