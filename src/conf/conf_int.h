/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of vmferry.conf share. */
#ifndef VF_CONF_CONF_INT_H
#define VF_CONF_CONF_INT_H

#include "conf/cfg.h"
#include "conf/conf.h"

/* conf_keys.c: of a struct vf_conf. */
extern const struct vf_cfg_table vf_conf_table;

/* conf.c: C, all zero, becomes a cluster of which nothing was said. */
void vf_cluster_conf_init(struct vf_cluster_conf *c);

#endif
