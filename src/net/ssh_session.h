/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The libssh2 transport's own: one session over one socket, first used by the thread that opens it,
 * then by its pump thread alone. */
#ifndef VF_NET_SSH_SESSION_H
#define VF_NET_SSH_SESSION_H

#include <pthread.h>
#include <libssh2.h>
#include "base/queue.h"
#include "net/ssh_int.h"

enum { VF_LINK_ROOM = 128 * 1024 };

/* The socket behind buffers of our own. libssh2 never sees a full socket: a packet it could send
 * only in part would forbid every other call until it is through, which several channels cannot
 * keep to. */
struct vf_ssh_link {
    int fd;
    char *in; /* VF_LINK_ROOM bytes: received, not yet read by libssh2 at in_at..in_end */
    size_t in_at, in_end;
    struct vf_buf out;
    bool eof, cut; /* cut: pretend the peer is gone */
    int error;     /* errno of the socket */
    int64_t last_rx;
    uint64_t taken;    /* bytes libssh2 has read */
    unsigned statuses; /* exit-status messages seen and not yet claimed by a channel */
};

struct vf_ssh_session {
    struct vf_ssh *ssh;
    struct vf_ssh_login *login; /* while logging in */
    struct vf_ssh_link link;
    LIBSSH2_SESSION *session;
    struct vf_error *failed; /* what went wrong inside a callback */

    pthread_t thread;
    bool running;
    struct vf_cancel *stop; /* child of the caller's token; fired to end the pump */
    struct vf_queue *requests;
    pthread_mutex_t lock;
    struct vf_error *broken; /* under lock: set once the pump has ended */
    LIBSSH2_CHANNEL *drain;
    struct vf_ssh_chan *chans;
    struct vf_ssh_chan *opening;
};

/* ssh_link.c */
void vf_ssh_link_attach(struct vf_ssh_link *l, int fd, LIBSSH2_SESSION *session);
void vf_ssh_link_clear(struct vf_ssh_link *l);
LIBSSH2_SESSION *vf_ssh_link_session_new(struct vf_ssh_session *s);
/* Sends what goes without waiting. */
void vf_ssh_link_send(struct vf_ssh_link *l);
/* Sends and receives what goes without waiting. */
void vf_ssh_link_move(struct vf_ssh_link *l);
short vf_ssh_link_events(const struct vf_ssh_link *l);
/* Waits until something moved; -1 with *err when nothing did for MS or when cancelled. */
int vf_ssh_link_wait(struct vf_ssh_link *l, int ms, struct vf_cancel *cancel,
                     struct vf_error **err);
/* Turns the session's last error into ours, prefixed by WHAT. Returns -1. */
int vf_ssh_session_fail(struct vf_ssh_session *s, int rc, const char *what, struct vf_error **err);

/* Repeats CALL (an int expression) while it would block. RC is its result; an error of the wait is
 * left in *ERR with RC still EAGAIN. */
#define VF_SSH_AWAIT(s, rc, ms, call, err)                                                         \
    do {                                                                                           \
        while (((rc) = (call)) == LIBSSH2_ERROR_EAGAIN)                                            \
            if (vf_ssh_link_wait(&(s)->link, (ms), (s)->ssh->cancel, (err)) < 0)                   \
                break;                                                                             \
    } while (0)

/* ssh_auth.c: 0, -1, or 1 with *why when only OpenSSH could go on. */
int vf_ssh_session_login(struct vf_ssh_session *s, const char **why, struct vf_error **err);

/* ssh_agent.c */
struct vf_ssh_agent;
struct vf_ssh_agent *vf_ssh_agent_open(const char *path, struct vf_cancel *cancel,
                                       struct vf_error **err);
void vf_ssh_agent_free(struct vf_ssh_agent *a);
VF_DEFINE_CLEANUP(struct vf_ssh_agent *, vf_ssh_agent_free)
size_t vf_ssh_agent_count(const struct vf_ssh_agent *a);
const unsigned char *vf_ssh_agent_blob(const struct vf_ssh_agent *a, size_t i, size_t *len);
/* Signs DATA with key I: the signature without its algorithm name; caller frees. */
int vf_ssh_agent_sign(struct vf_ssh_agent *a, size_t i, const void *data, size_t n,
                      unsigned char **sig, size_t *sig_len, struct vf_error **err);

/* ssh_pump.c */
int vf_ssh_pump_begin(struct vf_ssh_session *s, struct vf_error **err);
void vf_ssh_pump_end(struct vf_ssh_session *s);
int vf_ssh_pump_start(struct vf_ssh *ssh, const char *command, struct vf_ssh_child *out,
                      struct vf_error **err);
int vf_ssh_pump_finish(struct vf_ssh_child_priv *c, int timeout_ms, struct vf_error **err);

#endif
