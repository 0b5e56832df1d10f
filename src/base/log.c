/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "base/log.h"
#include "base/clock.h"
#include "base/fdio.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int log_fd = -1;
static bool to_stderr;

static const char *const level_names[] = {"debug", "info", "warn", "error"};

int vf_log_open(const char *path, struct vf_error **err)
{
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return vf_fail_errno(err, errno, "%s", path);
    pthread_mutex_lock(&lock);
    if (log_fd >= 0)
        close(log_fd);
    log_fd = fd;
    pthread_mutex_unlock(&lock);
    return 0;
}

void vf_log_stderr(bool on)
{
    pthread_mutex_lock(&lock);
    to_stderr = on;
    pthread_mutex_unlock(&lock);
}

void vf_log(enum vf_log_level level, const char *area, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vf_autofree char *raw = vf_vasprintf(fmt, ap);
    va_end(ap);
    vf_autofree char *text = vf_escape(raw);
    vf_autofree char *stamp = vf_clock_stamp(vf_clock_unix());
    vf_autofree char *line = vf_asprintf("%s %-5s %s: %s\n", stamp, level_names[level], area, text);
    pthread_mutex_lock(&lock);
    /* a log that cannot be written must not stop a move; the journal is what counts */
    if (log_fd >= 0 && vf_write_full(log_fd, line, strlen(line)) < 0)
        (void)0;
    if (to_stderr && vf_write_full(2, line, strlen(line)) < 0)
        (void)0;
    pthread_mutex_unlock(&lock);
}

void vf_log_close(void)
{
    pthread_mutex_lock(&lock);
    if (log_fd >= 0)
        close(log_fd);
    log_fd = -1;
    pthread_mutex_unlock(&lock);
}
