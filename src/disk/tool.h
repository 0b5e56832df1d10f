/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A program of QEMU's beside us: what it says is read all the time, so that it never waits for a
 * reader, and its last words are kept for messages. */
#ifndef VF_DISK_TOOL_H
#define VF_DISK_TOOL_H

#include <pthread.h>
#include "base/proc.h"

enum { VF_TOOL_SAID = 400 };

struct vf_tool {
    struct vf_proc proc; /* .pid -1: none */
    pthread_t reader;
    pthread_mutex_t lock;
    char said[VF_TOOL_SAID]; /* the end of its stderr */
    size_t n_said;
};

/* FD (-1: none) stays open in every program that is started from now on: what is locked through it
 * stays so until they have ended, too, even when this process was killed. */
void vf_tools_hold(int fd);

/* Starts ARGV with nothing on stdin; its stdout is thrown away. It is killed when the calling
 * thread ends. T must stay where it is until vf_tool_stop(). */
int vf_tool_start(struct vf_tool *t, const char *const argv[], struct vf_error **err);
/* Has it ended? Then *STATUS is 0..255 or 128 + signal, and T is as before the start, but for what
 * vf_tool_said() tells. Never waits. */
bool vf_tool_ended(struct vf_tool *t, int *status);
/* The last lines of its stderr as one line, NULL when there are none; caller frees. */
char *vf_tool_said(struct vf_tool *t);
/* Is that QEMU's complaint that somebody else holds the image? */
bool vf_said_locked(const char *said);
/* TERM, and KILL after TIMEOUT_MS; returns its status, or -1 with *err. */
int vf_tool_stop(struct vf_tool *t, int timeout_ms, struct vf_error **err);

#endif
