/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The journal: what a job is about to do (intent) and what came of it, each line on disk before the
 * next thing happens. Its lines are events of type "step":
 *   {"type":"step","time":...,"key":"allocate/scsi0","state":"intent","data":{...}}
 * with state intent, done, failed or undone. The first line names format and minimum reader. */
#ifndef VF_JOB_JOURNAL_H
#define VF_JOB_JOURNAL_H

#include <stdint.h>
#include "job/event.h"

enum { VF_JOURNAL_VERSION = 1, VF_JOURNAL_READER = 1, VF_JOURNAL_OLDEST = 1 };

struct vf_journal;

/* A step's entry as the journal knows it now. Borrowed; what it holds is valid until this step is
 * written again, by the thread that takes the step. */
struct vf_record {
    char *key;
    enum vf_record_state { VF_REC_INTENT, VF_REC_DONE, VF_REC_FAILED, VF_REC_UNDONE } state;
    json_t *intent; /* data of the intent line, never NULL */
    json_t *result; /* data of the done line, or NULL */
    int64_t at;     /* unix seconds of its last line */
    bool earlier;   /* that line was written by an earlier process */
    unsigned begun; /* how many intents there were */
};

/* Makes DIR/journal.jsonl, which must not exist, with 1 MiB of room reserved. */
struct vf_journal *vf_journal_create(const char *dir, struct vf_error **err);
/* Opens an existing one: a torn last line is cut off; a newer format, or one older
 * than VF_JOURNAL_OLDEST, is UNSUPPORTED. READ_ONLY:
 * nothing is changed and nothing may be written. */
struct vf_journal *vf_journal_open(const char *dir, bool read_only, struct vf_error **err);
void vf_journal_free(struct vf_journal *j);
VF_DEFINE_CLEANUP(struct vf_journal *, vf_journal_free)

/* The functions from here to vf_journal_size() may be called by several threads. */

/* Appends EVENT (reference taken) and waits until it is on disk. Step events become records.
 * The line that was written comes back in *LINE (may be NULL; caller frees). */
int vf_journal_write(struct vf_journal *j, json_t *event, char **line, struct vf_error **err);

/* Records in the order of their first intent. */
size_t vf_journal_count(struct vf_journal *j);
const struct vf_record *vf_journal_at(struct vf_journal *j, size_t i);
const struct vf_record *vf_journal_find(struct vf_journal *j, const char *key); /* or NULL */

/* Bytes that are on disk. */
uint64_t vf_journal_size(struct vf_journal *j);

/* All lines so far as events, oldest first: an array of the caller's own. By any thread. */
json_t *vf_journal_lines(struct vf_journal *j);
/* The same, borrowed; only while nobody writes. */
const json_t *vf_journal_events(const struct vf_journal *j);
/* The last of those events that is of TYPE; NULL: none. */
const json_t *vf_journal_last(const struct vf_journal *j, const char *type);

#endif
