/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Stands in for the ways until they are built. */
#include "config.h"
#include "provider/esxi/way.h"

struct vf_esxi_way *vf_esxi_api_open(const struct vf_cluster_conf *conf, bool verify_tls,
                                     const char *user, const struct vf_secret *password,
                                     const struct vf_asker *asker, struct vf_cancel *cancel,
                                     struct vf_error **err)
{
    vf_fail(err, VF_E_UNSUPPORTED, "there is no way \"api\"");
    return NULL;
}

struct vf_esxi_way *vf_esxi_ssh_open(const struct vf_cluster_conf *conf, const char *user,
                                     const struct vf_secret *password, const struct vf_asker *asker,
                                     struct vf_cancel *cancel, struct vf_error **err)
{
    vf_fail(err, VF_E_UNSUPPORTED, "there is no way \"ssh\"");
    return NULL;
}
