/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The terminal as a screen: the only user of curses. One at a time. */
#ifndef VF_UI_SCREEN_H
#define VF_UI_SCREEN_H

#include "base/error.h"
#include "ui/canvas.h"
#include "ui/keys.h"

struct vf_screen;

struct vf_screen_opts {
    bool ascii; /* no line drawing and no other characters beyond ASCII, whatever the locale */
    bool plain; /* no colours; also so with $NO_COLOR */
    bool mouse; /* clicks and the wheel are keys: of the spots of the canvas, and VF_KEY_WHEEL_UP …
                 */
};

/* Takes the terminal (stdin and stdout) over. UNSUPPORTED when it cannot show screens (no terminal,
 * TERM unknown or dumb). It is left as it was by vf_screen_close(), at exit and in a crash. */
struct vf_screen *vf_screen_open(const struct vf_screen_opts *opts, struct vf_error **err);
void vf_screen_close(struct vf_screen *s);
VF_DEFINE_CLEANUP(struct vf_screen *, vf_screen_close)

/* An empty canvas of the terminal's present size; caller frees. */
struct vf_canvas *vf_screen_canvas(struct vf_screen *s);
/* Shows C. WHOLE: also what should be there already. */
void vf_screen_show(struct vf_screen *s, const struct vf_canvas *c, bool whole);
/* The next key that was pressed; never waits: poll stdin. */
int vf_screen_key(struct vf_screen *s);
/* Readable when a signal came; owned by S. While a screen is open, SIGWINCH and those that tell a
 * program to go are only heard here. */
int vf_screen_signals(const struct vf_screen *s);
/* Takes them: a new size is taken over; false when one told us to go. */
bool vf_screen_hear(struct vf_screen *s);
void vf_screen_bell(struct vf_screen *s);
/* Names the terminal's window TEXT, where it has a name; it gets its own back in the end. */
void vf_screen_title(struct vf_screen *s, const char *text);

#endif
