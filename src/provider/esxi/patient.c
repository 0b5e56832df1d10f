/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Small files of a host that is busy for a moment, or behind a line that breaks: asked for again.
 */
#include "config.h"
#include "provider/esxi/esxi.h"
#include "base/clock.h"
#include "base/log.h"

enum { TRIES = 5 }; /* 15 seconds in all */

/* ATTEMPT failed with WHY, which is taken: is there to be another? Else *err says it. */
static bool once_more(struct vf_esxi *e, unsigned attempt, struct vf_error *why,
                      struct vf_error **err)
{
    vf_autoerror struct vf_error *w = why;
    if (!vf_error_is_transient(w)) {
        vf_fail_with(err, vf_error_copy(w));
        return false;
    }
    if (attempt == TRIES) {
        vf_fail(err, vf_error_code(w),
                "%s; it was asked %d times: look whether the host is overloaded or the line to it "
                "bad, and try again",
                vf_error_text(w), TRIES);
        return false;
    }
    vf_info("esxi", "%s; trying again", vf_error_text(w));
    return vf_cancel_sleep(e->cancel, vf_clock_limit(VF_T_RETRY << (attempt - 1)), err) == 0;
}

char *vf_esxi_text(struct vf_esxi *e, const struct vf_esxi_file *f, size_t most, size_t *len,
                   struct vf_error **err)
{
    for (unsigned attempt = 1;; attempt++) {
        struct vf_error *why = NULL;
        char *text = e->way->ops->text(e->way, f, most, len, &why);
        if (text || !once_more(e, attempt, why, err))
            return text;
    }
}

int vf_esxi_stat(struct vf_esxi *e, const struct vf_esxi_file *f, uint64_t *size, char **state,
                 struct vf_error **err)
{
    for (unsigned attempt = 1;; attempt++) {
        struct vf_error *why = NULL;
        if (e->way->ops->stat(e->way, f, size, state, &why) == 0)
            return 0;
        if (!once_more(e, attempt, why, err))
            return -1;
    }
}

int vf_esxi_head(struct vf_esxi *e, const struct vf_esxi_file *f, void *buf, size_t n,
                 struct vf_error **err)
{
    for (unsigned attempt = 1;; attempt++) {
        struct vf_error *why = NULL;
        if (e->way->ops->read(e->way, f, buf, n, 0, &why) == 0)
            return 0;
        if (!once_more(e, attempt, why, err))
            return -1;
    }
}
