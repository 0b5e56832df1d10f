/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "ui/question.h"
#include "ui/say.h"
#include "base/i18n.h"
#include "base/str.h"

#include <stdio.h>
#include <string.h>

enum { SCROLL = 3 };

static size_t n_choices(const struct vf_question *q)
{
    size_t n = json_array_size(json_object_get(q->ask, "choices"));
    return n < VF_QUESTION_LABELS ? n : VF_QUESTION_LABELS;
}

static const json_t *choice(const struct vf_question *q, size_t i)
{
    return json_array_get(json_object_get(q->ask, "choices"), i);
}

void vf_question_open(struct vf_question *q, json_t *ask)
{
    vf_question_close(q);
    q->ask = json_incref(ask);
    const char *typed = vf_json_str(ask, "typed"); /* something to begin with */
    snprintf(q->typed, sizeof q->typed, "%s", typed ? typed : "");
    for (size_t i = 0; i < n_choices(q); i++)
        if (vf_streq(vf_json_str(choice(q, i), "key"), vf_json_str(ask, "safe")))
            q->focus = i;
}

void vf_question_close(struct vf_question *q)
{
    json_decref(q->ask);
    q->ask = NULL;
    q->focus = 0;
    q->top = 0;
    vf_wipe(q->typed, sizeof q->typed);
}

static bool is_secret(const struct vf_question *q)
{
    return vf_streq(vf_json_str(q->ask, "kind"), "secret");
}

const struct vf_dialog *vf_question_dialog(struct vf_question *q)
{
    if (!q->ask)
        return NULL;
    size_t n = n_choices(q);
    for (size_t i = 0; i < n; i++)
        q->labels[i] = vf_say_label(vf_json_str(choice(q, i), "label"));
    q->dialog = (struct vf_dialog){.title = vf_json_str(q->ask, "title"),
                                   .detail = vf_json_str(q->ask, "detail"),
                                   .labels = n ? q->labels : NULL,
                                   .n_labels = n,
                                   .focus = q->focus,
                                   .top = q->top,
                                   .typed = q->typed,
                                   .hidden = is_secret(q)};
    return &q->dialog;
}

const char *vf_question_help(const struct vf_question *q)
{
    bool job = vf_json_int(q->ask, "ask") != 0; /* the question of one waits on */
    if (n_choices(q))
        return job ? _("Up/Down choose  Enter answer  Esc later")
                   : _("Up/Down choose  Enter answer  Esc back");
    return job ? _("Enter answer  Esc later") : _("Enter answer  Esc back");
}

static void type(struct vf_question *q, int key)
{
    size_t n = strlen(q->typed);
    if (key == VF_KEY_BACKSPACE) {
        while (n && (q->typed[n - 1] & 0xc0) == 0x80)
            q->typed[--n] = 0;
        if (n)
            q->typed[--n] = 0;
        return;
    }
    char c[4];
    size_t len = vf_key_text(key, c);
    if (n + len < sizeof q->typed) {
        memcpy(q->typed + n, c, len);
        q->typed[n + len] = 0;
    }
}

static void answer(const struct vf_question *q, struct vf_answer *out)
{
    *out = (struct vf_answer){0};
    if (n_choices(q))
        out->text = vf_strdup(vf_json_str(choice(q, q->focus), "key"));
    else if (is_secret(q))
        out->secret = vf_secret_new(q->typed, strlen(q->typed));
    else
        out->text = vf_strdup(q->typed);
}

enum vf_question_end vf_question_key(struct vf_question *q, int key, struct vf_answer *out)
{
    size_t n = n_choices(q);
    if (key == VF_KEY_ESC)
        return VF_QUESTION_LATER;
    if (key == VF_KEY_ENTER) {
        answer(q, out);
        return VF_QUESTION_ANSWERED;
    }
    if (key == VF_KEY_PAGE_UP || key == VF_KEY_PAGE_DOWN) {
        const char *detail = vf_json_str(q->ask, "detail");
        int most = detail ? (int)strlen(detail) / 20 : 0; /* no less than its lines */
        q->top += key == VF_KEY_PAGE_UP ? -SCROLL : SCROLL;
        q->top = q->top < 0 ? 0 : q->top > most ? most : q->top;
    } else if (n && (key == VF_KEY_UP || key == VF_KEY_BACK_TAB || key == VF_KEY_WHEEL_UP))
        q->focus = (q->focus + n - 1) % n;
    else if (n && (key == VF_KEY_DOWN || key == VF_KEY_TAB || key == VF_KEY_WHEEL_DOWN))
        q->focus = (q->focus + 1) % n;
    else if (n && key >= VF_KEY_ROW && key < VF_KEY_ROW + (int)n)
        q->focus = (size_t)(key - VF_KEY_ROW);
    else if (n && key > '0' && key <= '0' + (int)n)
        q->focus = (size_t)(key - '1');
    else if (!n)
        type(q, key);
    return VF_QUESTION_WAITS;
}
