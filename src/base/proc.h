/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Child processes: argv only, never a shell; the child has descriptors 0, 1, 2 and no others. */
#ifndef VF_BASE_PROC_H
#define VF_BASE_PROC_H

#include <stddef.h>
#include <sys/types.h>
#include "base/buf.h"
#include "base/cancel.h"
#include "base/error.h"

enum vf_proc_flags {
    VF_PROC_STDIN = 1,  /* a pipe to its stdin (else /dev/null) */
    VF_PROC_STDOUT = 2, /* a pipe from its stdout (else ours) */
    VF_PROC_STDERR = 4, /* a pipe from its stderr (else ours) */
    VF_PROC_SETSID = 8, /* a session of its own, without our terminal */
    VF_PROC_DIE = 16,   /* killed when the thread that started it ends (PR_SET_PDEATHSIG) */
};

struct vf_proc {
    pid_t pid;
    int in, out, err; /* our ends of the pipes, O_CLOEXEC; -1 where none */
};

/* Starts ARGV (NULL-terminated, looked up in PATH). KEEP_FD (or -1) stays open in the child under
 * its own number. 0, or -1 with *err, also when exec failed. */
int vf_proc_start(const char *const argv[], unsigned flags, int keep_fd, struct vf_proc *out,
                  struct vf_error **err);

/* Closes the pipes and waits; exit status 0..255, or 128 + signal. Cancelled: TERM, after 2 s KILL,
 * still reaped, -1 with *err. */
int vf_proc_wait(struct vf_proc *p, struct vf_cancel *cancel, struct vf_error **err);
/* Ends a child that is of no use any more, and waits: TERM, after 2 s (it may be stopped, or not
 * care) KILL. */
void vf_proc_end(struct vf_proc *p);

struct vf_proc_result {
    int status; /* exit status, or 128 + signal */
    struct vf_buf out, err;
};

/* Runs ARGV to its end with INPUT (may be NULL) on stdin, keeping at most MAX bytes of each output
 * (more is an error). 0 whatever the status; -1 with *err when it could not be run or was
 * cancelled. */
int vf_proc_run(const char *const argv[], const void *input, size_t input_len, size_t max,
                struct vf_cancel *cancel, struct vf_proc_result *out, struct vf_error **err);
/* The same of one that may hang: NET when nothing came of it for SILENCE_MS; it was ended
 * with all that it had started. */
int vf_proc_run_for(const char *const argv[], const void *input, size_t input_len, size_t max,
                    int silence_ms, struct vf_cancel *cancel, struct vf_proc_result *out,
                    struct vf_error **err);
void vf_proc_result_free(struct vf_proc_result *r);

/* NAME in the folder of this program (a build folder) or where it is installed with it (also when
 * the whole tree was put elsewhere), else INSTALLED; caller frees. */
char *vf_proc_companion(const char *name, const char *installed);

#endif
