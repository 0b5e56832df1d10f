/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The ways into the host that disks are read from, opened when they are first needed: of two that
 * answer, the faster is taken; when that cannot do it, the other. Thread-safe. */
#ifndef VF_FETCH_WAYS_H
#define VF_FETCH_WAYS_H

#include "mover/login.h"
#include "provider/esxi/way.h"

struct vf_ways;

/* LOGIN is copied. Notes for the operator go to NOTE. */
struct vf_ways *vf_ways_new(const struct vf_fetch_login *login, void (*note)(const char *text));
void vf_ways_free(struct vf_ways *w);
VF_DEFINE_CLEANUP(struct vf_ways *, vf_ways_free)

/* Where two answer: reads from F, which has data of N bytes at OFFSET, by each, and takes the
 * faster. Only the first call does anything. */
int vf_ways_choose(struct vf_ways *w, const struct vf_esxi_file *f, uint64_t offset, uint64_t n,
                   struct vf_cancel *cancel, struct vf_error **err);
/* As ->stat() of the way that is in use. */
int vf_ways_stat(struct vf_ways *w, const struct vf_esxi_file *f, uint64_t *size, char **state,
                 struct vf_cancel *cancel, struct vf_error **err);
/* The way in use, for the calling thread alone; *GENERATION tells when it is no longer that. */
struct vf_esxi_way *vf_ways_twin(struct vf_ways *w, unsigned *generation, struct vf_error **err);
unsigned vf_ways_generation(struct vf_ways *w);
/* Has the way in use a ->read_on()? */
bool vf_ways_reads_on(const struct vf_ways *w);
/* The way of GENERATION cannot read: WHY. 0 when there is another by now; -1 when there is none. */
int vf_ways_fall_over(struct vf_ways *w, unsigned generation, const struct vf_error *why);

#endif
