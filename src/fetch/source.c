/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "fetch/fetch.h"
#include "fetch/pool.h"

/* Those of the process: disks use them until it ends. */
static struct vf_ways *ways;
static struct vf_fetch_pool *pool;
static void (*tell)(const char *text);

void vf_fetch_begin(void (*note)(const char *text))
{
    tell = note;
}

int vf_fetch_source(const struct vf_frame *f, struct vf_error **err)
{
    struct vf_fetch_login login;
    if (vf_fetch_login_read(f, &login, err) < 0)
        return -1;
    int r = 0;
    if (ways) {
        r = vf_fail(err, VF_E_CONFLICT, "this mover has a login already");
    } else {
        ways = vf_ways_new(&login, tell);
        pool = vf_fetch_pool_new(ways);
        vf_fetch_use(pool);
    }
    vf_fetch_login_clear(&login);
    return r;
}

void vf_fetch_end(void)
{
    if (!pool || vf_fetch_pool_used(pool))
        return;
    vf_fetch_use(NULL);
    vf_fetch_pool_free(VF_STEAL(pool));
    vf_ways_free(VF_STEAL(ways));
}
