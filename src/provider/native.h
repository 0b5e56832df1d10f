/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A platform's own migration to another cluster, driven through its API: beside the operations of
 * provider.h, where it has one. */
#ifndef VF_PROVIDER_NATIVE_H
#define VF_PROVIDER_NATIVE_H

#include "base/secret.h"
#include "plan/findings.h"
#include "plan/plan.h"
#include "provider/provider.h"

/* Where the source's node finds the target's API, and as whom. */
struct vf_endpoint {
    char *host; /* an address of the target node itself */
    unsigned port;
    char *fingerprint; /* NULL: the source must trust the certificate by its authorities */
    char *token;       /* user@realm!name */
    struct vf_secret *secret;
};
void vf_endpoint_clear(struct vf_endpoint *e);
#define vf_autoendpoint __attribute__((cleanup(vf_endpoint_clear)))

/* A VM seen without judging it: a locked or half-made one too. */
struct vf_glimpse {
    bool there;
    char *lock, *description; /* NULL: none */
    bool empty;               /* nothing but a lock: somebody reserved the number */
    enum vf_vm_state state;
};
void vf_glimpse_clear(struct vf_glimpse *g);
#define vf_autoglimpse __attribute__((cleanup(vf_glimpse_clear)))

/* One line of a migration's log. */
struct vf_migrate_line {
    enum {
        VF_LINE_OTHER,
        VF_LINE_DISK,     /* SLOT: DONE of TOTAL; READY once the copy only follows the source */
        VF_LINE_MEMORY,   /* the same of the guest's memory */
        VF_LINE_VOLUME,   /* VOLUME of the source is TARGET */
        VF_LINE_DOWNTIME, /* DONE: milliseconds */
    } kind;
    char slot[16];
    uint64_t done, total;
    bool ready;
    char volume[256], target[256];
};

/* Reads TEXT, whatever it is; what is not known is VF_LINE_OTHER. */
void vf_migrate_line_parse(const char *text, struct vf_migrate_line *out);

struct vf_native_watch {
    void (*line)(void *opaque, const char *text); /* each line of the log, once */
    void *opaque;
};

struct vf_native_ops {
    /* What of VM (at the source) this migration refuses, loses or cannot do with PLAN. */
    int (*refusals)(struct vf_provider *p, const struct vf_plan *plan, const struct vf_vm *vm,
                    struct vf_findings *f, struct vf_error **err);
    /* Versions of both sides, and rights whose lack would only show when the disks are copied. */
    int (*rights)(struct vf_provider *source, struct vf_provider *target,
                  const struct vf_plan *plan, const struct vf_vm *vm, struct vf_findings *f,
                  struct vf_error **err);
    /* Fills OUT's port, fingerprint, token and secret; UNSUPPORTED when this login has no token to
     * give. The host is the caller's to choose. */
    int (*endpoint)(struct vf_provider *target, const char *node, struct vf_endpoint *out,
                    struct vf_error **err);

    /* Starts it and returns its task; the secret goes into the request's body only. */
    char *(*start)(struct vf_provider *source, const struct vf_plan *plan, const struct vf_vm *vm,
                   unsigned target_id, const struct vf_endpoint *to, struct vf_error **err);
    /* The newest task of TYPE about VM ID on NODE ("qmigrate" sends, "qmtunnel" receives); NULL
     * without *err: there is none. */
    char *(*find)(struct vf_provider *p, const char *node, unsigned id, const char *type,
                  struct vf_error **err);
    /* When TASK began, unix seconds by its node's clock; 0: not known. */
    int64_t (*began)(const char *task);
    /* Waits for its end however long it takes; outages are ridden out. */
    int (*watch)(struct vf_provider *source, const char *task, const struct vf_native_watch *w,
                 struct vf_error **err);
    /* Stops it if it still runs and waits until it has ended, well or not. */
    int (*stop)(struct vf_provider *source, const char *task, struct vf_error **err);
    int (*glimpse)(struct vf_provider *p, const char *node, unsigned id, struct vf_glimpse *out,
                   struct vf_error **err);
    /* Takes the lock of a VM off; PERMISSION when this login may not. */
    int (*unlock)(struct vf_provider *p, const char *node, unsigned id, struct vf_error **err);
    /* The volumes that belong to number ID on the storages of NODE named in STORAGES; *OUT freed
     * with vf_strv_free(). */
    int (*volumes)(struct vf_provider *p, const char *node, char *const *storages, unsigned id,
                   char ***out, struct vf_error **err);
};

#endif
