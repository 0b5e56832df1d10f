/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The control session with one mover: a thread receives, keeps the mover alive with PINGs while the
 * job waits for a person, and collects what it says on stderr. What comes is delivered by id, so
 * that several copies can use one session at the same time, each from a thread of its own. */
#ifndef VF_XFER_SESSION_H
#define VF_XFER_SESSION_H

#include "base/cancel.h"
#include "mover/link.h"

struct vf_session;

/* A frame that came; freed with vf_message_free(). */
struct vf_message {
    struct vf_message *next; /* the session's */
    struct vf_frame frame;   /* its payload is the message's own */
    char payload[];
};
void vf_message_free(struct vf_message *m);
VF_DEFINE_CLEANUP(struct vf_message *, vf_message_free)

/* From now on what the mover says in passing (NOTE) is told to FN by the session's thread, escaped.
 */
void vf_session_on_note(struct vf_session *s, void (*fn)(void *opaque, const char *text),
                        void *opaque);

/* Takes IN (towards the mover), OUT and ERR over; LABEL is how the host is called. */
struct vf_session *vf_session_new(const char *label, int in, int out, int err);
/* Ends it: BYE, descriptors closed. */
void vf_session_free(struct vf_session *s);
VF_DEFINE_CLEANUP(struct vf_session *, vf_session_free)

/* A frame of fields; B (may be NULL) is cleared. Thread-safe. */
int vf_session_send(struct vf_session *s, uint8_t type, uint32_t id, struct vf_buf *b,
                    struct vf_error **err);
/* An id that no session of this process has had: of a disk, a stream or a request. Thread-safe. */
uint32_t vf_session_new_id(void);
/* The first of N such ids that follow one another. */
uint32_t vf_session_new_ids(unsigned n);

/* From here on frames of ID are kept until they are read, by one thread; of PROGRESS only the
 * newest is. An id is opened once at a time; 0 is open from the beginning. Frames of ids that are
 * not open are dropped. */
void vf_session_open(struct vf_session *s, uint32_t id);
/* No more; what was not read is dropped. */
void vf_session_close(struct vf_session *s, uint32_t id);

/* The functions below want an ID that is open; vf_session_call() opens it for its own time when it
 * is not. The end of the session is seen by all ids, once what came before was read. */

/* Readable when vf_session_next() has something; owned by S. */
int vf_session_fd(struct vf_session *s, uint32_t id);
/* The next message: 1; 0 when there is none now; -1 when the session has ended. Never waits. */
int vf_session_next(struct vf_session *s, uint32_t id, struct vf_message **out,
                    struct vf_error **err);
/* Waits for the next message; 0 on time-out. */
int vf_session_wait(struct vf_session *s, uint32_t id, int timeout_ms, struct vf_cancel *cancel,
                    struct vf_message **out, struct vf_error **err);
/* Sends a request and waits for its answer of type WANT (OUT may be NULL); the mover's ERROR
 * becomes *err. */
int vf_session_call(struct vf_session *s, uint8_t type, uint32_t id, struct vf_buf *b, uint8_t want,
                    int timeout_ms, struct vf_cancel *cancel, struct vf_message **out,
                    struct vf_error **err);
bool vf_session_ended(struct vf_session *s);
/* The last line of the mover's stderr, escaped; caller frees. */
char *vf_session_said(struct vf_session *s);

#endif
