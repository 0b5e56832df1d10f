/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Text for people, fitted to where it goes: long lines are wrapped at spaces to the terminal's
 * width with a hanging indent, and what the locale cannot show is replaced. */
#ifndef VF_UI_SAY_H
#define VF_UI_SAY_H

#include <stdio.h>

/* Columns of the terminal FD ($COLUMNS, if set, instead); 0: no terminal, do not wrap. */
size_t vf_columns(int fd);

/* TEXT (UTF-8, any number of lines) with every line wrapped to COLUMNS (0: as it is). Wrapped lines
 * go on under the text behind the line's label, which ends with two spaces or more ("  log   ...")
 * or with ']' ("[0:00:12] ..."), else two columns further in. Words are never cut. Caller frees. */
char *vf_wrap(const char *text, size_t columns);

/* LABEL of an answer, translated where whoever asks has only marked it. */
const char *vf_say_label(const char *label);

/* TEXT with '?' for each control character but newline, and, unless the locale is UTF-8, for each
 * character beyond ASCII. Caller frees. */
char *vf_for_locale(const char *text);

/* Prints on OUT, wrapped and for the locale. */
void vf_say(FILE *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
