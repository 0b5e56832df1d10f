/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whole screens against files. */
#ifndef VF_TESTS_SCREENS_H
#define VF_TESTS_SCREENS_H

#include "base/buf.h"
#include "base/fdio.h"
#include "base/str.h"
#include "tests/unit/tap.h"
#include "ui/canvas.h"

/* C is tests/unit/screens/NAME. With GOLDEN=write in the environment that is written first. */
static inline void check_canvas(const char *name, const struct vf_canvas *c)
{
    const char *top = getenv("top_srcdir");
    vf_autofree char *path = vf_asprintf("%s/tests/unit/screens/%s", top ? top : ".", name);
    vf_autobuf struct vf_buf b = {0};
    for (int i = 0; i < c->rows; i++) {
        vf_autofree char *row = vf_canvas_row(c, i);
        vf_buf_printf(&b, "%s\n", row);
    }
    if (vf_streq(getenv("GOLDEN"), "write"))
        vf_replace_file(path, vf_buf_str(&b), b.len, 0644, NULL);
    vf_autofree char *want = vf_read_file(path, 1 << 20, NULL, NULL);
    is_str(vf_buf_str(&b), want, name);
}

#endif
