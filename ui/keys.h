/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Keys as screens see them. */
#ifndef VF_UI_KEYS_H
#define VF_UI_KEYS_H

#include <stddef.h>

/* Keys beyond characters (which are their code points). */
enum {
    VF_KEY_NONE = -1, /* nothing more now */
    VF_KEY_RESIZE = 0x110000,
    VF_KEY_UP,
    VF_KEY_DOWN,
    VF_KEY_LEFT,
    VF_KEY_RIGHT,
    VF_KEY_PAGE_UP,
    VF_KEY_PAGE_DOWN,
    VF_KEY_HOME,
    VF_KEY_END,
    VF_KEY_ENTER,
    VF_KEY_TAB,
    VF_KEY_BACK_TAB,
    VF_KEY_BACKSPACE,
    VF_KEY_ESC,
    VF_KEY_SUSPEND,   /* ^Z */
    VF_KEY_INTERRUPT, /* ^C */
    VF_KEY_REDRAW,    /* ^L */
    VF_KEY_OTHER,
    VF_KEY_WHEEL_UP, /* the mouse's */
    VF_KEY_WHEEL_DOWN,
    VF_KEY_F1 = 0x110100,  /* and those behind it: F2 … */
    VF_KEY_ROW = 0x120000, /* a click on row 0 of a list, and those behind it */
};

/* The UTF-8 of KEY, which is a character, in OUT; returns its bytes. 0: it is none that can be
 * typed. */
size_t vf_key_text(int key, char out[4]);

#endif
