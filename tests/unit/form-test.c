/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Forms without a terminal: keys go in, fields come out; what they look like as rows of text. */
#include "config.h"
#include "ui/form.h"
#include "ui/dialog.h"
#include "ui/say.h"
#include "base/str.h"
#include "tests/unit/tap.h"

#include <locale.h>
#include <string.h>

static struct vf_form f;

static enum vf_form_end keys(const char *text)
{
    enum vf_form_end end = VF_FORM_WAITS;
    for (; *text && end == VF_FORM_WAITS; text++)
        end = vf_form_key(&f, *text == '\n'   ? VF_KEY_ENTER
                              : *text == '\t' ? VF_KEY_TAB
                              : *text == '\b' ? VF_KEY_BACKSPACE
                                              : *text);
    return end;
}

static bool shows(int rows, int cols, const char *text)
{
    vf_auto(vf_canvas_free) struct vf_canvas *c = vf_canvas_new(rows, cols, false);
    vf_form_draw(&f, c, 0, rows);
    for (int i = 0; i < rows; i++) {
        vf_autofree char *row = vf_canvas_row(c, i);
        if (strstr(row, text))
            return true;
    }
    return false;
}

static void make(void)
{
    static const char *const ways[] = {"a password", "a token"};
    vf_form_add_field(&f, VF_FIELD_TEXT, "Address", "10.0.0.1");
    struct vf_field *way = vf_form_add_field(&f, VF_FIELD_CHOICE, "Log in with", NULL);
    way->choices = ways;
    way->n_choices = VF_COUNT(ways);
    vf_form_add_field(&f, VF_FIELD_SECRET, "Secret", NULL);
    vf_form_add_field(&f, VF_FIELD_TEXT, "Name", NULL)->optional = true;
}

static void test_ways(void)
{
    ok(shows(8, 60, "> Address      10.0.0.1"), "a hint stands where nothing is typed");
    ok(keys("\n") == VF_FORM_WAITS && f.focus == 2, "Enter goes to what must be filled");
    ok(keys("\n") == VF_FORM_WAITS && f.focus == 0, "and around");
    keys("pve");
    ok(keys("\n") == VF_FORM_WAITS && f.focus == 2, "not to what is");
    keys("ge heim");
    ok(shows(8, 60, "Secret       *******"), "a secret is stars");
    ok(keys("\n") == VF_FORM_DONE, "what is optional need not be");
    is_str(f.fields[2].typed, "ge heim", "it is what was typed");
    ok(vf_form_key(&f, VF_KEY_ESC) == VF_FORM_LEFT, "Esc leaves");
    keys("\t");
    ok(f.focus == 3 && keys("\t") == VF_FORM_WAITS && f.focus == 0, "Tab goes round");
    vf_form_key(&f, VF_KEY_BACK_TAB);
    ok(f.focus == 3, "and back");
    vf_form_key(&f, VF_KEY_UP);
    vf_form_key(&f, VF_KEY_UP);
    ok(f.focus == 1, "as arrows do");
}

static void test_choices(void)
{
    ok(shows(8, 60, "(x) a password  ( ) a token"), "choices stand beside each other");
    keys(" ");
    ok(f.fields[1].choice == 1 && shows(8, 60, "( ) a password  (x) a token"), "Space turns");
    vf_form_key(&f, VF_KEY_RIGHT);
    ok(f.fields[1].choice == 0, "and around");
    vf_form_key(&f, VF_KEY_LEFT);
    ok(f.fields[1].choice == 1, "so do arrows");
    keys("1");
    ok(f.fields[1].choice == 0, "and numbers");
    keys("3x");
    ok(f.fields[1].choice == 0, "but no others");
}

static void test_typing(void)
{
    struct vf_field *a = &f.fields[0];
    f.focus = 0;
    vf_field_set(a, "ab");
    static const int moves[] = {VF_KEY_LEFT, 0xe9, VF_KEY_HOME, 0x540d, VF_KEY_END, 'z'};
    for (size_t i = 0; i < VF_COUNT(moves); i++)
        vf_form_key(&f, moves[i]);
    is_str(a->typed, "名aébz", "characters of any length go where the cursor is");
    vf_form_key(&f, VF_KEY_LEFT);
    vf_form_key(&f, VF_KEY_LEFT);
    keys("\b");
    is_str(a->typed, "名abz", "and are rubbed out whole");
    vf_form_key(&f, VF_KEY_HOME);
    keys("\b");
    is_str(a->typed, "名abz", "before the first there is none");
    vf_form_key(&f, 0x1b);
    vf_form_key(&f, VF_KEY_F1);
    is_str(a->typed, "名abz", "what is no character is not typed");
    vf_autofree char *many = vf_xcalloc(1, VF_FIELD_TYPED * 2);
    memset(many, 'x', VF_FIELD_TYPED * 2 - 1);
    vf_field_set(a, many);
    ok(strlen(a->typed) == VF_FIELD_TYPED - 1, "what is too long is cut");
    keys("y");
    ok(strlen(a->typed) == VF_FIELD_TYPED - 1, "and takes no more");
    vf_form_key(&f, VF_KEY_BACKSPACE);
    keys("Z");
    ok(shows(8, 40, "xZ"), "the end of a long one is in sight, where the cursor is");
    vf_form_key(&f, VF_KEY_HOME);
    ok(!shows(8, 40, "xZ"), "or its beginning");
    vf_auto(vf_canvas_free) struct vf_canvas *c = vf_canvas_new(8, 40, false);
    vf_form_draw(&f, c, 0, 8);
    ok(c->cursor_row == 0 && c->cursor_col < 40, "with the terminal's cursor");
}

static void test_errors(void)
{
    vf_field_set(&f.fields[0], "pve");
    vf_form_mark(&f, 2, "the password is wrong\x1b[2J: type it again, and look at the Caps Lock");
    ok(f.focus == 2, "a field that is wrong takes the focus");
    ok(shows(8, 60, "the password is wrong\\x1b[2J:"), "with what is wrong below it, made safe");
    ok(shows(8, 60, "Caps Lock"), "all of it");
    ok(shows(8, 60, "Name"), "and the other fields behind");
    ok(shows(3, 40, "Secret") && !shows(3, 40, "Address"), "in little room the field is in sight");
    keys("x");
    ok(!shows(8, 60, "the password is wrong"), "it is gone when something else is typed");
    vf_form_mark(&f, 0, "no");
    vf_form_unmark(&f);
    ok(!f.fields[0].error, "or all is tried again");
}

static void test_wrapped(void)
{
    vf_autofree char *colon = vf_wrap("installer les pilotes : puis voir", 22);
    is_str(colon, "installer les\n  pilotes : puis voir", "no line begins with a colon");
    vf_autofree char *last = vf_wrap("les pilotes sont-ils la ?", 23);
    is_str(last, "les pilotes sont-ils\n  la ?", "or with the end of a question");
    vf_autofree char *wide = vf_wrap("漢字 漢字 漢字", 9);
    is_str(wide, "漢字 漢字\n  漢字", "a wide character has two columns");
    vf_autostrv char **path = vf_text_lines("/no/blanks/in/this", 10);
    vf_autofree char *rows = vf_strv_join(path, "|");
    is_str(rows, "/no/blanks|/in/this", "what has no blanks goes on in the next line");
}

int main(void)
{
    if (!setlocale(LC_ALL, "C.UTF-8")) {
        skip("forms", "no locale C.UTF-8");
        return done_testing();
    }
    test_wrapped();
    make();
    test_ways();
    f.focus = 1;
    test_choices();
    test_typing();
    test_errors();
    vf_form_clear(&f);
    bool wiped = true;
    for (size_t i = 0; i < VF_FORM_FIELDS; i++)
        for (size_t k = 0; k < VF_FIELD_TYPED; k++)
            wiped = wiped && !f.fields[i].typed[k];
    ok(wiped && !f.n, "nothing that was typed is left");
    return done_testing();
}
