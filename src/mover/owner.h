/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The owner: the one process per host and job that holds disks, qemu-nbd, locks and streams. */
#ifndef VF_MOVER_OWNER_H
#define VF_MOVER_OWNER_H

#include "mover/pass.h"
#include "base/proc.h"

struct owner;

/* A way to the other side, with a thread that receives. Kept until the owner ends. */
struct stream {
    struct stream *next;
    struct owner *owner;
    /* chosen by the program; 0 until the other side's HELLO has told it. Published by READY. */
    _Atomic uint32_t id;
    atomic_bool ready; /* both have greeted */
    struct vf_link link;
    struct vf_proc ssh; /* pid -1: none */
    int notify;         /* joined: closed at the end, so that `join` ends too; -1: none */
    pthread_t thread;
    atomic_bool ended;
    struct vf_error *why; /* once ended */
};

struct open_disk {
    struct open_disk *next;
    uint32_t id;
    struct vf_disk *disk;
    char *path, *format; /* of an image whose identity is told again when it is closed; or NULL */
};

struct running {
    struct running *next;
    struct vf_pass *pass;
    unsigned busy; /* streams inside ->frame() */
    int64_t reported_ms;
};

/* A session with the program: that of stdin and stdout, or one that `attach` brought. */
struct control {
    struct vf_link link;
    int notify; /* closed at the end, so that `attach` ends too; -1: none */
    int64_t began_ms;
};

/* How a copy has ended, kept until its disk is closed: the program may not have heard it. */
struct outcome {
    struct outcome *next;
    uint32_t id;
    uint8_t type, flags; /* COPIED or ERROR */
    struct vf_buf fields;
};

/* The question that is on its way, see echo.c. */
struct echo {
    struct vf_link *link; /* NULL: none */
    uint32_t id;
    int64_t sent_us, took_us; /* took: 0 until it is back */
};

struct owner {
    const char *job, *dir;
    uint64_t epoch;
    struct control *control; /* NULL: the program is away */
    struct control *caller;  /* has not greeted yet; NULL: none */
    int64_t away_ms;         /* since then nothing has run for a program that is away */
    struct outcome *outcomes;
    struct vf_limit limit; /* of all streams */
    bool greeted;
    int listener, wake_fd, term_fd;
    int lock_fd;             /* held as long as we live: see fence.c */
    struct open_disk *disks; /* main thread only */
    pthread_mutex_t lock;
    pthread_cond_t idle;               /* a pass is no longer busy */
    struct running *passes;            /* under the lock */
    struct stream *streams;            /* main thread adds; never removed */
    uint32_t awaited[VF_PASS_STREAMS]; /* streams the program waits for; 0: none */
    struct echo echo;                  /* under the lock */
    bool ending;
    char *key_file, *key_mark; /* to be taken back at the end; NULL: none */
    int (*source)(const struct vf_frame *f, struct vf_error **err); /* see struct vf_serve_opts */
    char **notes; /* under the lock: not told yet */
};

struct vf_serve_opts {
    const char *job, *dir;
    uint64_t epoch;
    /* Takes the login that SOURCE brings; NULL: this program logs in nowhere. */
    int (*source)(const struct vf_frame *f, struct vf_error **err);
};

/* `vmferry-mover serve`: speaks on stdin and stdout until the program goes. 0, or -1 with *err. */
int vf_serve(const struct vf_serve_opts *opts, struct vf_error **err);
/* `vmferry-mover join DIR [ID]`: hands stdin and stdout to the owner and waits for the end. ID 0:
 * the other side dials and says which stream it is. */
int vf_join(const char *dir, uint32_t id, struct vf_error **err);
/* `vmferry-mover attach DIR`: the same as a new session with the program. */
int vf_attach(const char *dir, struct vf_error **err);

/* Tells the program TEXT in passing, now or when it is back. From any thread, while vf_serve()
 * runs; else it is nobody's. */
void vf_owner_note(const char *text);

/* The programs' main(), with what is special to one: vmferry-mover (mover.c), vmferry-fetch. */
struct vf_mover_program {
    const char *name;
    int (*source)(const struct vf_frame *f, struct vf_error **err);
};
int vf_mover_main(int argc, char **argv, const struct vf_mover_program *program);

/* What descriptors are handed over for. */
enum vf_errand { VF_ERRAND_STREAM = 'J', VF_ERRAND_CONTROL = 'A' };
/* Hands IN and OUT to the owner that listens at SOCKET, as stream ID (0: as above) where they are a
 * stream; returns a descriptor that is at its end when the owner has done with them, or -1. */
int vf_hand_over(const char *socket, enum vf_errand what, int in, int out, uint32_t id,
                 struct vf_error **err);

/* stream.c */
int vf_stream_listen(struct owner *o, struct vf_error **err);
void vf_stream_accept(struct owner *o);
int vf_stream_connect(struct owner *o, const struct vf_frame *f, struct vf_error **err);
/* The stream ID, dialled or joined; NULL before both sides have greeted. */
struct stream *vf_stream_find(struct owner *o, uint32_t id);
/* 1 when it is there, 0 when it may still come, -1 with *err when it came and has ended. */
int vf_stream_came(struct owner *o, uint32_t id, struct vf_error **err);
/* Ends the children of all streams. */
void vf_streams_end(struct owner *o);

/* passes.c: a frame of a stream for whatever pass it names; false when nobody waits for it. */
bool vf_owner_frame(struct owner *o, struct vf_link *link, const struct vf_frame *f);
/* Fails the passes that use LINK. */
void vf_owner_link_ended(struct owner *o, struct vf_link *link, const struct vf_error *why);

/* What runs for copy ID, or NULL; and adds P. Both under the lock, under which P was started, too:
 * the answer to its first frame must find it. */
struct running *vf_passes_find(struct owner *o, uint32_t id);
void vf_passes_add(struct owner *o, struct vf_pass *p);
/* Tells the program of those that have ended, and frees them. */
void vf_passes_reap(struct owner *o);
/* Tells the program how far P is; those of which nothing was told for a while. */
void vf_passes_tell(struct owner *o, struct vf_pass *p);
void vf_passes_report(struct owner *o);
/* Ends all and waits for them, but not for ever. */
void vf_passes_end(struct owner *o);

/* commands.c: runs a command and answers it. */
void vf_command_run(struct owner *o, const struct vf_frame *f);
/* Answers for what had to be waited for: streams, the echo. */
void vf_answer_awaited(struct owner *o);
void vf_answer_echo(struct owner *o);

/* owner.c: to the program, if it is there; B is cleared. */
void vf_owner_reply(struct owner *o, uint8_t type, uint8_t flags, uint32_t id, struct vf_buf *b);

/* control.c: takes the descriptors over. */
struct control *vf_control_new(int in, int out, int notify);
void vf_control_free(struct control *c);
/* HELLO to the program. */
void vf_control_greet(struct owner *o);
/* A session was brought; vf_control_hear() lets it replace the one there is once it has greeted as
 * the job's program. */
void vf_control_call(struct owner *o, int in, int out, int notify);
void vf_control_hear(struct owner *o);
/* The session has ended, WHY: true when the owner stays for what runs or was not heard. */
bool vf_control_lost(struct owner *o, const struct vf_error *why);
/* Has the program been away for too long? */
bool vf_control_given_up(struct owner *o);
/* What is to be told in passing: kept, sent. */
void vf_notes_add(struct owner *o, const char *text);
void vf_notes_send(struct owner *o);
/* Keeps how copy ID has ended (FIELDS are taken) and tells it. */
void vf_outcome_add(struct owner *o, uint32_t id, uint8_t type, uint8_t flags,
                    struct vf_buf *fields);
void vf_outcome_forget(struct owner *o, uint32_t id);
/* Tells it again; false: none. */
bool vf_outcome_repeat(struct owner *o, uint32_t id);

/* Frees what it has of its own, not the disk. */
void vf_open_disk_free(struct open_disk *d);

/* identity.c: what changes whenever the image at PATH does, as far as its file system tells; ""
 * where nothing proves that it has not changed. Caller frees. */
char *vf_image_identity(const char *path, const char *format);

enum { VF_TICK_MS = 125 }; /* looks around as often while something runs */
/* Has the main thread look around; from any thread. */
void vf_owner_wake(struct owner *o);
/* It does. */
void vf_owner_woken(struct owner *o);

/* echo.c: sends ECHO over stream ID. */
int vf_echo_ask(struct owner *o, uint32_t id, struct vf_error **err);
/* True when the frame that came over LINK was ECHO: the other side's, which is answered, or its
 * answer. */
bool vf_echo_frame(struct owner *o, struct vf_link *link, const struct vf_frame *f);
/* True, once, when the answer has come over stream *ID, *TOOK_US after it was asked for. */
bool vf_echo_came(struct owner *o, uint32_t *id, uint64_t *took_us);

/* dial.c: starts ssh to the other host. KEY_FD (-1 the first time) holds the key; to be closed once
 * ssh has logged in. */
int vf_dial_ssh(struct owner *o, const struct vf_frame *f, struct vf_proc *out, int *key_fd,
                struct vf_error **err);
/* What ssh said, as an error. -1, or 1 when the host hung up before it said who it is. */
int vf_dial_failed(struct vf_proc *p, struct vf_error **err);

/* fence.c: locks DIR for this owner; sees to it that older owners of JOB are dead. */
int vf_fence_lock(struct owner *o, struct vf_error **err);
int vf_fence_older(struct owner *o, struct vf_error **err);
/* keyfile.c: removes the lines that end in the word MARK from an authorized_keys file. */
int vf_keyfile_remove(const char *path, const char *mark, struct vf_error **err);
/* Removes DIR and the files in it. */
void vf_fence_remove_dir(const char *dir);

#endif
