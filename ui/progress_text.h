/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where the copying is, in a line. */
#ifndef VF_UI_PROGRESS_TEXT_H
#define VF_UI_PROGRESS_TEXT_H

#include <jansson.h>

/* Of an event "progress": of the one disk there is, or of all together with those that are copied
 * now. Caller frees. */
char *vf_progress_text(const json_t *e);

#endif
