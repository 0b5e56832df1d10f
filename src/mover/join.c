/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Gives stdin and stdout to the owner of the job: as a stream (the forced command of the one-job
 * key, and what the program runs at both ends of a relay), or as a new session with the program. */
#include "config.h"
#include "mover/owner.h"
#include "base/fdio.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>

static int bring(const char *dir, enum vf_errand what, uint32_t id, struct vf_error **err)
{
    vf_autofree char *path = vf_asprintf("%s/sock", dir);
    vf_autofd int notify = vf_hand_over(path, what, 0, 1, id, err);
    if (notify < 0)
        return -1;
    /* the owner has them now; ours must not keep the stream open */
    vf_autofd int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0)
        return vf_fail_errno(err, errno, "/dev/null");
    char byte;
    if (vf_read_full(notify, &byte, 1) < 0)
        return vf_fail_errno(err, errno, "waiting for the owner");
    return 0;
}

int vf_join(const char *dir, uint32_t id, struct vf_error **err)
{
    return bring(dir, VF_ERRAND_STREAM, id, err);
}

int vf_attach(const char *dir, struct vf_error **err)
{
    return bring(dir, VF_ERRAND_CONTROL, 0, err);
}
