/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Threads of a process whose main thread handles signals. */
#ifndef VF_BASE_THREAD_H
#define VF_BASE_THREAD_H

#include <pthread.h>

/* pthread_create() of MAIN(ARG) with all signals blocked in the new thread: they come to the main
 * thread. 0 or an error number. */
int vf_thread_start(pthread_t *thread, void *(*main)(void *), void *arg);

#endif
