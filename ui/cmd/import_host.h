/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A host that is imported from and is in no configuration yet. */
#ifndef VF_UI_CMD_IMPORT_HOST_H
#define VF_UI_CMD_IMPORT_HOST_H

#include "conf/conf.h"
#include "job/survey.h"
#include "ui/tty.h"

/* The answer to Q, waited for; caller frees. NULL with *err: there is none. */
struct vf_survey_answer *vf_import_look(const struct vf_conf *conf,
                                        const struct vf_survey_question *q,
                                        struct vf_tty_cache *cache, struct vf_error **err);

/* Gets to know HOST (NAME or NAME:PORT) as USER (NULL: root): at a terminal its certificate is
 * compared by the person there, its password tried once, and it is added to the file of *CONF,
 * which is read again (and freed). *NAME (caller frees): what it is called there. Without a
 * terminal what would have to be added is printed. YES: at a terminal, but nothing is asked of
 * whether to keep it. */
enum vf_exit vf_import_meet(struct vf_conf **conf, const char *host, const char *user, bool yes,
                            struct vf_tty_cache *cache, char **name);

#endif
