/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What lost jobs have left on the hosts of clusters: one-job keys, helpers, records, API tokens.
 * And the test VMs of rehearsals, which are only told: a rollback of their job removes them. */
#ifndef VF_JOB_CLEANUP_H
#define VF_JOB_CLEANUP_H

#include "base/ask.h"
#include "conf/conf.h"

enum vf_left_kind { VF_LEFT_KEY, VF_LEFT_HELPER, VF_LEFT_TOKEN, VF_LEFT_RECORD, VF_LEFT_VM };

/* How this machine knows the job: not at all, a process runs it, it can go on, it is over. */
enum vf_fate { VF_FATE_UNKNOWN, VF_FATE_RUNNING, VF_FATE_UNFINISHED, VF_FATE_OVER };

struct vf_leftover {
    enum vf_left_kind kind;
    char *cluster, *host; /* host: NULL for a token; a VM's node */
    char *job;
    char *what;   /* file, directory, USER!TOKEN, or VMID and name */
    unsigned pid; /* of the helper that runs; 0: none */
    bool held;    /* of a record: somebody works on the job */
    enum vf_fate fate;
    const char *kept; /* why it is not to be removed (translated); NULL: it is */
};

struct vf_cleaner;

/* Logs in at CLUSTERS (NULL or empty: all of CONF). What cannot be reached is not an error: see
 * vf_cleaner_unreachable(). CONF, ASKER and CANCEL are borrowed and must outlive it. */
struct vf_cleaner *vf_cleaner_open(const struct vf_conf *conf, char *const *clusters,
                                   const struct vf_asker *asker, struct vf_cancel *cancel,
                                   struct vf_error **err);
void vf_cleaner_free(struct vf_cleaner *c);
VF_DEFINE_CLEANUP(struct vf_cleaner *, vf_cleaner_free)

/* Looks at everything that is reached; *OUT is borrowed until the next look. */
int vf_cleaner_look(struct vf_cleaner *c, const struct vf_leftover **out, size_t *n,
                    struct vf_error **err);
/* "alpha a2: ssh ...": what was not looked at and why; borrowed. */
char *const *vf_cleaner_unreachable(const struct vf_cleaner *c);
/* Removes what the last look found and does not keep. A job that is begun meanwhile keeps its
 * things. Goes on after a failure and returns the first. */
int vf_cleaner_remove(struct vf_cleaner *c, struct vf_error **err);

#endif
