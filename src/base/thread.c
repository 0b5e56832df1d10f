/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "base/thread.h"

#include <signal.h>

int vf_thread_start(pthread_t *thread, void *(*main)(void *), void *arg)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(thread, NULL, main, arg);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}
