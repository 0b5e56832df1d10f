/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "ui/form.h"
#include "ui/dialog.h"
#include "base/i18n.h"
#include "base/secret.h"
#include "base/str.h"

#include <string.h>

enum { MARGIN = 1, GAP = 2 };

struct vf_field *vf_form_add_field(struct vf_form *f, enum vf_field_kind kind, const char *label,
                                   const char *hint)
{
    if (f->n == VF_FORM_FIELDS)
        abort(); /* a form is written down in the program */
    struct vf_field *field = &f->fields[f->n++];
    *field = (struct vf_field){.label = label, .hint = hint, .kind = kind};
    return field;
}

void vf_field_set(struct vf_field *f, const char *text)
{
    vf_wipe(f->typed, sizeof f->typed);
    size_t n = text ? strlen(text) : 0;
    while (n >= sizeof f->typed || (n && ((unsigned char)text[n] & 0xc0) == 0x80))
        n--;
    memcpy(f->typed, text ? text : "", n);
    f->typed[n] = 0;
    f->at = n;
}

void vf_form_mark(struct vf_form *f, size_t i, const char *text)
{
    vf_str_set(&f->fields[i].error, text);
    f->focus = i;
}

void vf_form_unmark(struct vf_form *f)
{
    for (size_t i = 0; i < f->n; i++)
        vf_str_set(&f->fields[i].error, NULL);
}

void vf_form_clear(struct vf_form *f)
{
    vf_form_unmark(f);
    for (size_t i = 0; i < f->n; i++)
        vf_wipe(f->fields[i].typed, sizeof f->fields[i].typed);
    *f = (struct vf_form){0};
}

/* ---- keys ---- */

/* The byte where the character before AT, or the one behind it, begins. */
static size_t before(const struct vf_field *f, size_t at)
{
    while (at > 0 && ((unsigned char)f->typed[--at] & 0xc0) == 0x80)
        continue;
    return at;
}

static size_t behind(const struct vf_field *f, size_t at)
{
    at += f->typed[at] != 0;
    while (((unsigned char)f->typed[at] & 0xc0) == 0x80)
        at++;
    return at;
}

static void insert(struct vf_field *f, int key)
{
    char c[4];
    size_t n = vf_key_text(key, c), len = strlen(f->typed);
    if (len + n >= sizeof f->typed)
        return;
    memmove(f->typed + f->at + n, f->typed + f->at, len - f->at + 1);
    memcpy(f->typed + f->at, c, n);
    f->at += n;
}

static void rub_out(struct vf_field *f)
{
    size_t from = before(f, f->at);
    memmove(f->typed + from, f->typed + f->at, strlen(f->typed + f->at) + 1);
    f->at = from;
}

static void type(struct vf_field *f, int key)
{
    if (key == VF_KEY_BACKSPACE)
        rub_out(f);
    else if (key == VF_KEY_LEFT)
        f->at = before(f, f->at);
    else if (key == VF_KEY_RIGHT)
        f->at = behind(f, f->at);
    else if (key == VF_KEY_HOME)
        f->at = 0;
    else if (key == VF_KEY_END)
        f->at = strlen(f->typed);
    else if (vf_key_text(key, (char[4]){0}))
        insert(f, key);
    else
        return;
    vf_str_set(&f->error, NULL);
}

static void turn(struct vf_field *f, int key)
{
    if (key == VF_KEY_RIGHT || key == ' ')
        f->choice = (f->choice + 1) % f->n_choices;
    else if (key == VF_KEY_LEFT)
        f->choice = (f->choice + f->n_choices - 1) % f->n_choices;
    else if (key > '0' && key <= '0' + (int)f->n_choices)
        f->choice = (size_t)(key - '1');
    else
        return;
    vf_str_set(&f->error, NULL);
}

/* The first field behind the focus, or before it, that must not stay as it is; N: none. */
static size_t open_field(const struct vf_form *f)
{
    for (size_t k = 1; k <= f->n; k++) {
        size_t i = (f->focus + k) % f->n;
        const struct vf_field *field = &f->fields[i];
        if (field->kind != VF_FIELD_CHOICE && !field->optional && !field->typed[0])
            return i;
    }
    return f->n;
}

/* Is there more of what was typed? */
static bool completed(struct vf_field *f)
{
    vf_autofree char *text = f->complete ? f->complete(f->opaque, f->typed) : NULL;
    if (text)
        vf_field_set(f, text);
    return text != NULL;
}

enum vf_form_end vf_form_key(struct vf_form *f, int key)
{
    struct vf_field *field = &f->fields[f->focus];
    size_t open;
    switch (key) {
    case VF_KEY_ESC:
        return VF_FORM_LEFT;
    case VF_KEY_ENTER:
        open = open_field(f);
        if (open == f->n)
            return VF_FORM_DONE;
        f->focus = open;
        return VF_FORM_WAITS;
    case VF_KEY_UP:
    case VF_KEY_BACK_TAB:
        f->focus = (f->focus + f->n - 1) % f->n;
        return VF_FORM_WAITS;
    case VF_KEY_DOWN:
    case VF_KEY_TAB:
        if (key == VF_KEY_TAB && completed(field))
            return VF_FORM_WAITS;
        f->focus = (f->focus + 1) % f->n;
        return VF_FORM_WAITS;
    default:
        if (field->kind == VF_FIELD_CHOICE)
            turn(field, key);
        else
            type(field, key);
        return VF_FORM_WAITS;
    }
}

const char *vf_form_help(const struct vf_form *f)
{
    return f->fields[f->focus].complete ? _("Tab complete  Enter go on  Esc back")
           : f->fields[f->focus].kind == VF_FIELD_CHOICE
               ? _("Space other choice  Tab next field  Enter go on  Esc back")
               : _("Tab next field  Enter go on  Esc back");
}

/* ---- drawing ---- */

/* How far the labels reach. */
static int label_columns(const struct vf_form *f)
{
    int most = 0;
    for (size_t i = 0; i < f->n; i++)
        if (vf_text_columns(f->fields[i].label) > most)
            most = vf_text_columns(f->fields[i].label);
    return most;
}

/* What is seen of the text in WIDTH columns: so much that the cursor is in sight; *COL: where. */
static char *seen_text(const struct vf_field *f, int width, int *col)
{
    vf_autofree char *text = vf_strdup(f->typed);
    size_t at = f->at;
    if (f->kind == VF_FIELD_SECRET) { /* a star for each character */
        size_t n = 0, i = 0;
        for (at = 0; i < strlen(f->typed); i = behind(f, i), n++)
            at += i < f->at;
        memset(text, '*', n);
        text[n] = 0;
    }
    size_t from = 0;
    for (;;) {
        vf_autofree char *left = vf_strndup(text + from, at - from);
        *col = vf_text_columns(left);
        if (*col < width)
            break;
        for (from++; ((unsigned char)text[from] & 0xc0) == 0x80;)
            from++;
    }
    char *seen = vf_strdup(text + from);
    vf_wipe(text, strlen(text));
    return seen;
}

static void draw_choices(const struct vf_field *f, struct vf_canvas *c, int row, int col, int width,
                         bool focus)
{
    int end = col + width;
    for (size_t i = 0; i < f->n_choices && col < end; i++) {
        bool on = i == f->choice;
        vf_autofree char *text = vf_asprintf("%s%s", on ? "(x) " : "( ) ", f->choices[i]);
        if (on && focus) {
            c->cursor_row = row;
            c->cursor_col = col;
        }
        col += GAP + vf_canvas_put(c, row, col, end - col,
                                   on && focus ? VF_LOOK_FOCUS : VF_LOOK_TEXT, text);
    }
}

static void draw_value(const struct vf_field *f, struct vf_canvas *c, int row, int col, bool focus)
{
    int width = c->cols - MARGIN - col, at;
    if (f->kind == VF_FIELD_CHOICE) {
        draw_choices(f, c, row, col, width, focus);
        return;
    }
    vf_autofree char *text = seen_text(f, width, &at);
    enum vf_look look = focus ? VF_LOOK_FOCUS : VF_LOOK_STRONG;
    if (focus) {
        vf_canvas_blank(c, row, col, width, look);
        c->cursor_row = row;
        c->cursor_col = col + at;
    }
    if (!f->typed[0] && f->hint)
        vf_canvas_put(c, row, col, width, focus ? look : VF_LOOK_FAINT, f->hint);
    else
        vf_canvas_put(c, row, col, width, look, text);
    vf_wipe(text, strlen(text));
}

/* What is wrong with a field, as lines below its value. */
static char **error_lines(const struct vf_field *f, int width)
{
    vf_autofree char *safe = f->error ? vf_escape(f->error) : NULL;
    return vf_text_lines(safe, width);
}

void vf_form_draw(struct vf_form *f, struct vf_canvas *c, int row, int bottom)
{
    int col = MARGIN + GAP + label_columns(f) + GAP, width = c->cols - MARGIN - col;
    char **errors[VF_FORM_FIELDS];
    int at[VF_FORM_FIELDS + 1] = {0}, room = bottom - row;
    for (size_t i = 0; i < f->n; i++) {
        errors[i] = error_lines(&f->fields[i], width);
        at[i + 1] = at[i] + 1 + (int)vf_strv_len(errors[i]);
    }
    /* the field with the focus, and what is wrong with it, is in sight */
    if (at[f->focus + 1] - f->top > room)
        f->top = at[f->focus + 1] - room;
    if (at[f->focus] < f->top)
        f->top = at[f->focus];
    if (at[f->n] <= room)
        f->top = 0;
    for (size_t i = 0; i < f->n; i++) {
        int y = row + at[i] - f->top;
        bool focus = i == f->focus;
        if (y >= row && y < bottom) {
            vf_canvas_put(c, y, MARGIN, 1, VF_LOOK_TEXT, focus ? ">" : " ");
            vf_canvas_put(c, y, MARGIN + GAP, col - MARGIN - GAP, VF_LOOK_TEXT, f->fields[i].label);
            draw_value(&f->fields[i], c, y, col, focus);
        }
        for (size_t k = 0; errors[i][k]; k++) {
            y++;
            if (y >= row && y < bottom)
                vf_canvas_put(c, y, col, width, VF_LOOK_BAD, errors[i][k]);
        }
        vf_strv_free(errors[i]);
    }
}
