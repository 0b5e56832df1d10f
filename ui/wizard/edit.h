/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A plan that is being edited: what was changed of it stays when it is made or checked anew. Pure
 * data, no screen. */
#ifndef VF_UI_WIZARD_EDIT_H
#define VF_UI_WIZARD_EDIT_H

#include "job/networks.h"
#include "job/survey.h"

struct vf_sheet {
    struct vf_networks *known;     /* borrowed: what became of networks; NULL: nothing is */
    struct vf_plan *base;          /* as it was made; NULL: not yet */
    struct vf_plan *plan;          /* as it was edited */
    struct vf_survey_answer *seen; /* the newest answer: the VM, what was found, the places */
    char *where;                   /* what BASE was made for: VM, node and storage */
    char *checked; /* where and what the newest answer was about; NULL: none, or it is not enough */
    bool none;     /* what was asked for last cannot be planned: SEEN says why */
    bool anew;     /* it is to be made again, not only checked */
    char *measured; /* what HOSTS and the forecast are of; NULL: nothing was measured */
    struct vf_findings hosts;
    double forecast, forecast_down; /* seconds; < 0: not known */
    const char *forecast_lacks;     /* as in struct vf_prepared */
    size_t disk, nic;               /* whose page is shown: index in PLAN */
};
void vf_sheet_clear(struct vf_sheet *s);

/* An answer to VF_SURVEY_PLAN, taken over. MADE: it made a plan (for WHERE), else PLAN was
 * checked. */
void vf_sheet_take(struct vf_sheet *s, bool made, const char *where, struct vf_survey_answer *a);

/* Is what is known about PLAN as it is now, for WHERE? */
bool vf_sheet_checked(const struct vf_sheet *s, const char *where);

/* Have the hosts to be looked at, which takes seconds? Then they are from now on. */
bool vf_sheet_measure(struct vf_sheet *s);
/* What was found there: borrowed. */
void vf_sheet_measured(struct vf_sheet *s, const struct vf_survey_answer *a);

/* Borrowed; NULL: there is none (any more). */
const struct vf_vm *vf_sheet_source(const struct vf_sheet *s);
const struct vf_nic *vf_sheet_nic(const struct vf_sheet *s, size_t i);
const struct vf_disk *vf_sheet_disk(const struct vf_sheet *s, size_t i);
const struct vf_seen_storage *vf_sheet_storage(const struct vf_sheet *s, const char *name);
/* Does the target node have BRIDGE? True also when its bridges could not be seen. */
bool vf_sheet_has_bridge(const struct vf_sheet *s, const char *bridge);

/* Cards on one network of the source, bridge and VLAN tag, are mapped together: the first of them
 * stands for all. */
size_t vf_sheet_first(const struct vf_sheet *s, size_t nic);
size_t vf_sheet_count(const struct vf_sheet *s, size_t first);
/* Do all of them go to one network? */
bool vf_sheet_same(const struct vf_sheet *s, size_t first);
/* Does one of them have no network at the target? */
bool vf_sheet_open(const struct vf_sheet *s, size_t first);
/* The VLAN tag that card I has at the target, 0: none. */
unsigned vf_sheet_tag(const struct vf_sheet *s, size_t i);
void vf_sheet_set_tag(struct vf_sheet *s, size_t i, unsigned tag);
/* All cards of the network of FIRST get BRIDGE (NULL: stays) and TAG, which is remembered. */
void vf_sheet_map(struct vf_sheet *s, size_t first, const char *bridge, unsigned tag);

/* PLAN as if nothing had been edited in it, for the VM with all disks on STORAGE: so that what it
 * says is an edit. Caller frees. */
struct vf_plan *vf_plan_neutral(const struct vf_plan *plan, const char *storage);
/* What EDITED changed of BASE, done to FRESH as far as it makes sense there: for another VM only
 * what is no matter of the VM; a storage, format or bridge only where THERE has it. */
void vf_plan_rebase(struct vf_plan *fresh, const struct vf_plan *base, const struct vf_plan *edited,
                    const struct vf_survey_answer *there);

#endif
