/* SPDX-License-Identifier: GPL-3.0-or-later */
/* _() marks and translates what a person reads, N_() marks what a table holds. */
#ifndef VF_BASE_I18N_H
#define VF_BASE_I18N_H

#include <libintl.h>

#define _(s)  gettext(s)
#define N_(s) (s)

#endif
