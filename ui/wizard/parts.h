/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The pages up to the plan, by file: entries of vf_pages. */
#ifndef VF_UI_WIZARD_PARTS_H
#define VF_UI_WIZARD_PARTS_H

#include "ui/wizard/pages.h"

/* start.c: what is to be done; a plan that is opened. */
void vf_start_fill(struct vf_wizard *w, struct vf_list *l, const struct vf_survey_answer *a);
enum vf_wizard_end vf_start_choose(struct vf_wizard *w, const struct vf_list_row *row);
enum vf_wizard_end vf_start_answered(struct vf_wizard *w, const char *id, const char *answer);
char *vf_start_status(const struct vf_wizard *w);
void vf_file_fill(struct vf_wizard *w, struct vf_list *l, const struct vf_survey_answer *a);
enum vf_wizard_end vf_file_done(struct vf_wizard *w);

/* exported.c: exported VMs on this machine. */
void vf_export_fill(struct vf_wizard *w, struct vf_list *l, const struct vf_survey_answer *a);
enum vf_wizard_end vf_export_done(struct vf_wizard *w);
char *vf_export_status(const struct vf_wizard *w);
/* What the source is called on the screen: a cluster's name, of a path its last part. Borrowed. */
const char *vf_source_shown(const struct vf_wizard *w);

/* job.c: a job that was cut off. */
char *vf_job_key(const struct vf_wizard *w);
void vf_job_fill(struct vf_wizard *w, struct vf_list *l, const struct vf_survey_answer *a);
enum vf_wizard_end vf_job_choose(struct vf_wizard *w, const struct vf_list_row *row);
void vf_job_ask(struct vf_wizard *w, struct vf_survey_question *q);
char *vf_job_looking(const struct vf_wizard *w);
void vf_job_draw(struct vf_wizard *w, struct vf_canvas *c, int row, int bottom);
bool vf_job_press(struct vf_wizard *w, int key);
enum vf_wizard_end vf_job_answered(struct vf_wizard *w, const char *id, const char *answer);

/* clusters.c: from which, to which; connect.c: a new one. */
void vf_clusters_fill(struct vf_wizard *w, struct vf_list *l, const struct vf_survey_answer *a);
char *vf_source_title(const struct vf_wizard *w);
enum vf_wizard_end vf_source_choose(struct vf_wizard *w, const struct vf_list_row *row);
enum vf_wizard_end vf_target_choose(struct vf_wizard *w, const struct vf_list_row *row);
/* How many there are of TYPE. */
size_t vf_clusters_count(const struct vf_wizard *w, const char *type);
/* NAME is the source, or the target: goes on with that. */
void vf_clusters_take(struct vf_wizard *w, bool target, const char *name);
/* Is what is added an ESXi host? */
bool vf_connects_esxi(const struct vf_wizard *w);
char *vf_connect_title(const struct vf_wizard *w);
void vf_connect_fill(struct vf_wizard *w, struct vf_list *l, const struct vf_survey_answer *a);
enum vf_wizard_end vf_connect_done(struct vf_wizard *w);
void vf_connect_ask(struct vf_wizard *w, struct vf_survey_question *q);
char *vf_connect_looking(const struct vf_wizard *w);
char *vf_connect_status(const struct vf_wizard *w);
enum vf_wizard_end vf_connect_answered(struct vf_wizard *w, const char *id, const char *answer);
void vf_connect_take(struct vf_wizard *w, struct vf_survey_answer *a);
bool vf_connect_failed(struct vf_wizard *w, struct vf_survey_answer *a);

/* vms.c */
void vf_vms_show(struct vf_wizard *w);
char *vf_vms_key(const struct vf_wizard *w);
void vf_vms_fill(struct vf_wizard *w, struct vf_list *l, const struct vf_survey_answer *a);
enum vf_wizard_end vf_vms_choose(struct vf_wizard *w, const struct vf_list_row *row);
void vf_vms_ask(struct vf_wizard *w, struct vf_survey_question *q);
char *vf_vms_looking(const struct vf_wizard *w);
char *vf_vms_status(const struct vf_wizard *w);
void vf_vms_draw(struct vf_wizard *w, struct vf_canvas *c, int row, int bottom);
bool vf_vms_press(struct vf_wizard *w, int key);
/* vm_text.c: all that is known of it, to be read; caller frees. */
char *vf_vm_text(const struct seen_vm *v, bool imports);
/* Which system is in it, as it is called there; borrowed, NULL: not told. */
const char *vf_vm_system(const struct seen_vm *v);
/* "snapshots, HA"; NULL: none; caller frees. */
char *vf_vm_flags(const struct seen_vm *v);
/* The size of its disks, as configured. */
uint64_t vf_vm_disks(const struct vf_vm *v);

/* places.c: nodes and storages. */
char *vf_nodes_key(const struct vf_wizard *w);
void vf_nodes_fill(struct vf_wizard *w, struct vf_list *l, const struct vf_survey_answer *a);
enum vf_wizard_end vf_nodes_choose(struct vf_wizard *w, const struct vf_list_row *row);
char *vf_nodes_status(const struct vf_wizard *w);
char *vf_storages_key(const struct vf_wizard *w);
void vf_storages_fill(struct vf_wizard *w, struct vf_list *l, const struct vf_survey_answer *a);
enum vf_wizard_end vf_storages_choose(struct vf_wizard *w, const struct vf_list_row *row);
char *vf_storages_status(const struct vf_wizard *w);

/* several.c */
char *vf_several_key(const struct vf_wizard *w);
void vf_several_fill(struct vf_wizard *w, struct vf_list *l, const struct vf_survey_answer *a);
enum vf_wizard_end vf_several_choose(struct vf_wizard *w, const struct vf_list_row *row);

#endif
