/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Exported VMs on this machine: where they are. */
#include "config.h"
#include "ui/wizard/parts.h"
#include "base/i18n.h"
#include "base/str.h"

#include <string.h>

const char *vf_source_shown(const struct vf_wizard *w)
{
    const char *slash = *w->source == '/' ? strrchr(w->source, '/') : NULL;
    return slash && slash[1] ? slash + 1 : w->source;
}

static char *complete(void *opaque, const char *typed)
{
    const struct vf_wizard *w = opaque;
    return w->hands.complete ? w->hands.complete(w->hands.opaque, typed) : NULL;
}

void vf_export_fill(struct vf_wizard *w, struct vf_list *l, const struct vf_survey_answer *a)
{
    vf_form_clear(&w->form);
    struct vf_field *f = vf_form_add_field(&w->form, VF_FIELD_TEXT, _("File or directory"),
                                           _("/srv/export/web.ova"));
    f->complete = complete;
    f->opaque = w;
    vf_field_set(f, w->export_name);
}

enum vf_wizard_end vf_export_done(struct vf_wizard *w)
{
    vf_autoerror struct vf_error *err = NULL;
    vf_str_set(&w->export_name, w->form.fields[0].typed);
    vf_autofree char *path = w->hands.find_file(w->hands.opaque, w->export_name, &err);
    if (path)
        vf_clusters_take(w, false, path);
    else
        vf_form_mark(&w->form, 0, vf_error_text(err));
    return VF_WIZARD_GOES_ON;
}

char *vf_export_status(const struct vf_wizard *w)
{
    return vf_strdup(_("A .vmx, .ovf or .ova file, or a directory: all VMs in it and one level "
                       "below are listed. Nothing there is changed."));
}
