/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What can be set of a plan, as tables: of the whole, of a disk, of a network card. */
#ifndef VF_UI_WIZARD_SETTINGS_H
#define VF_UI_WIZARD_SETTINGS_H

#include <jansson.h>
#include "ui/wizard/edit.h"

struct vf_setting {
    const char *label; /* of its row */
    const char *title; /* the question */
    const char *detail;
    const char *of_import; /* DETAIL for a VM from another hypervisor, where it is not the same */
    /* Its value: the key of one of the choices, or what was typed; caller frees. */
    char *(*get)(const struct vf_sheet *s);
    /* Takes VALUE; NULL, or why not (translated). */
    const char *(*set)(struct vf_sheet *s, const char *value);
    /* Adds what can be chosen: {"key", "label"}, and for a list "more" and "why_not". NULL: it is
     * typed. */
    void (*offer)(const struct vf_sheet *s, json_t *choices);
    /* Is it of use now? NULL: always. */
    bool (*applies)(const struct vf_sheet *s);
    /* Why it is what it is, for its row; caller frees. NULL (also returned): nothing to say. */
    char *(*why)(const struct vf_sheet *s);
    const char *unit;               /* shown behind what was typed */
    const char *none;               /* shown for what was not typed */
    const struct vf_setting *typed; /* what is asked behind the choice "enter" */
    bool list;                      /* chosen from a page of its own, as there may be many */
};

struct vf_settings {
    const struct vf_setting *v;
    size_t n;
};
extern const struct vf_settings vf_name_settings, vf_import_settings, vf_plan_settings,
    vf_option_settings, vf_disk_settings, vf_nic_settings;
/* Does the VM come from another hypervisor? */
bool vf_sheet_imports(const struct vf_sheet *s);
/* The VLAN tag of a whole network (PLAN's card NIC and those with it). */
extern const struct vf_setting vf_tag_setting;

/* VALUE as a VLAN tag, empty: none; NULL, or why not (translated). */
const char *vf_parse_tag(const char *value, unsigned *tag);
/* Adds one to what can be chosen. */
void vf_offer(json_t *choices, const char *key, const char *label);
/* What is said about F (translated); NULL: nothing. */
const char *vf_setting_detail(const struct vf_setting *f, const struct vf_sheet *s);
/* What F has now, for a row; caller frees. */
char *vf_setting_show(const struct vf_setting *f, const struct vf_sheet *s);

#endif
