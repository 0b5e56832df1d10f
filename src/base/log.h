/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The log: lines "STAMP LEVEL AREA: text", escaped; to a file, to stderr with --debug, or nowhere.
 */
#ifndef VF_BASE_LOG_H
#define VF_BASE_LOG_H

#include <stdbool.h>
#include "base/error.h"

enum vf_log_level { VF_LOG_DEBUG, VF_LOG_INFO, VF_LOG_WARN, VF_LOG_ERROR };

/* Appends to PATH (made 0600) from now on. */
int vf_log_open(const char *path, struct vf_error **err);
/* Also writes to stderr, DEBUG lines included. */
void vf_log_stderr(bool on);
void vf_log(enum vf_log_level level, const char *area, const char *fmt, ...) VF_PRINTF(3, 4);
void vf_log_close(void);

#define vf_debug(area, ...) vf_log(VF_LOG_DEBUG, area, __VA_ARGS__)
#define vf_info(area, ...)  vf_log(VF_LOG_INFO, area, __VA_ARGS__)
#define vf_warn(area, ...)  vf_log(VF_LOG_WARN, area, __VA_ARGS__)

#endif
