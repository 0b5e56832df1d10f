/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The firewall of a VM as neutral data: rows of key=value in the words of Proxmox's API. What a row
 * names is the VM's own (an IP set, an alias) or the cluster's. */
#ifndef VF_PLAN_FIREWALL_H
#define VF_PLAN_FIREWALL_H

#include "plan/vm.h"

struct vf_rows {
    struct vf_opts *v;
    size_t n;
};

struct vf_firewall {
    struct vf_opts options; /* enable, policy_in, macfilter … */
    struct vf_rows aliases; /* name, cidr, comment */
    struct vf_rows ipsets;  /* name, comment */
    struct vf_rows members; /* ipset, cidr, nomatch, comment */
    struct vf_rows rules;   /* type, action, enable … in their order */
    char **unknown;         /* what else was there, and is in none of these; NULL: nothing */
};

struct vf_firewall *vf_firewall_new(void);
struct vf_firewall *vf_firewall_copy(const struct vf_firewall *f); /* of NULL: NULL */
void vf_firewall_free(struct vf_firewall *f);
VF_DEFINE_CLEANUP(struct vf_firewall *, vf_firewall_free)

struct vf_opts *vf_rows_add(struct vf_rows *rows); /* valid until the next is added */
void vf_rows_free(struct vf_rows *rows);
/* "in ACCEPT proto=tcp dport=22"; caller frees. */
char *vf_row_text(const struct vf_opts *row);
/* All rows as one text, sorted unless their ORDER counts; caller frees. */
char *vf_rows_text(const struct vf_rows *rows, bool order);

/* Nothing is set and nothing in it. */
bool vf_firewall_empty(const struct vf_firewall *f);
/* It filters: the VM's switch is on. */
bool vf_firewall_enabled(const struct vf_firewall *f);
/* What the rows name that is not the VM's own, each once: "group/web", "ipset/blocked",
 * "alias/office". Caller frees. */
char **vf_firewall_refs(const struct vf_firewall *f);
/* Rows that use REF: "rule 2 (group web)", "member dc/office of IP set admins". ONLY_ACTIVE: those
 * that take effect. REMOVE: they are taken out. Caller frees. */
char **vf_firewall_uses(struct vf_firewall *f, const char *ref, bool only_active, bool remove);
/* The first difference as one clause, or NULL when GOT filters as WANT does. Caller frees. */
char *vf_firewall_diff(const struct vf_firewall *want, const struct vf_firewall *got);

#endif
