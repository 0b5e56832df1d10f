/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is typed becomes the keys of the wizard on a screen, what would be on that screen becomes
 * text: pages know nothing of it. */
#include "config.h"
#include "ui/wizard/plain.h"
#include "ui/cmd/cmd.h"
#include "ui/cmd/several.h"
#include "ui/plain.h"
#include "ui/say.h"
#include "ui/wizard/pages.h"
#include "base/buf.h"
#include "base/i18n.h"
#include "base/str.h"

#include <langinfo.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

enum { COLS = 80, LEAST_COLS = 60, MOST_COLS = 160, ROWS = 60, CHOICES = 16 };

struct plain {
    struct vf_desk *desk; /* borrowed */
    struct vf_wizard *wizard;
    struct vf_survey *survey;
    struct vf_tty_cache *cache; /* the desk's */
    bool over;                  /* the input is */
    char *missing;              /* the row that was named and is not there; NULL: none */
};

static struct vf_list *list(struct plain *p)
{
    return &p->wizard->lists[p->wizard->page];
}

/* ---- what is shown ---- */

static void say_rows(const struct vf_canvas *c, int from, int to)
{
    bool blank = true;
    for (int i = from; i < to; i++) {
        vf_autofree char *row = vf_canvas_row(c, i);
        if (*row || !blank) {
            vf_autofree char *text = vf_for_locale(row);
            printf("%s\n", text);
        }
        blank = !*row;
    }
}

/* The page as a screen high enough for all of it; the last row names keys, which are not used here.
 */
static void say_page(struct plain *p)
{
    size_t cols = vf_columns(STDOUT_FILENO);
    int width = cols < LEAST_COLS ? COLS : cols > MOST_COLS ? MOST_COLS : (int)cols;
    struct vf_list *l = list(p);
    l->numbered = true;
    vf_auto(vf_canvas_free) struct vf_canvas *c =
        vf_canvas_new(ROWS + 2 * (int)l->n_rows, width, !vf_streq(nl_langinfo(CODESET), "UTF-8"));
    vf_wizard_draw(p->wizard, c);
    printf("\n");
    say_rows(c, 0, c->rows - 1);
    for (size_t i = 0; i < l->n_rows; i++) {
        const struct vf_list_row *r = &l->rows[i];
        if (r->why_not && r->cells[0] && r->cells[0][0] && vf_list_passes(l, r))
            vf_say(stdout, "  -  %s: %s\n", r->cells[0], r->why_not);
    }
    fflush(stdout);
}

/* ---- what is typed ---- */

static enum vf_wizard_end press(struct plain *p, const int *keys, size_t n)
{
    enum vf_wizard_end end = VF_WIZARD_GOES_ON;
    for (size_t i = 0; i < n && end == VF_WIZARD_GOES_ON; i++)
        end = vf_wizard_key(p->wizard, keys[i]);
    return end;
}

/* The line that was typed, caller frees; NULL: there is no more input. */
static char *ask_line(const char *prompt)
{
    struct vf_ask q = {.id = "wizard", .kind = VF_ASK_TEXT, .title = prompt};
    struct vf_answer a = {0};
    if (vf_tty_ask(&q, NULL, NULL, &a) == 0)
        return VF_STEAL(a.text);
    vf_answer_clear(&a);
    return NULL;
}

static void filter(struct plain *p, const char *text)
{
    vf_list_key(list(p), '/');
    vf_list_key(list(p), VF_KEY_ESC); /* forgets the one before */
    if (!*text)
        return;
    vf_list_key(list(p), '/');
    for (; *text; text++)
        vf_list_key(list(p), (unsigned char)*text);
    list(p)->filtering = false;
}

/* WORD is the number of a row, or what its first column says. */
static bool find_row(struct plain *p, const char *word)
{
    struct vf_list *l = list(p);
    uint64_t number;
    if (vf_parse_u64(word, 1, l->n_rows, &number) == 0 && vf_list_number(l, (size_t)number))
        return true;
    for (size_t i = 1; vf_list_number(l, i); i++)
        if (vf_streq(vf_list_row(l)->cells[0], word))
            return true;
    return false;
}

/* "2" chooses a row, "2 5" marks them first, "d 2" is the key d at it. */
static enum vf_wizard_end take_words(struct plain *p, char **words)
{
    bool letter = strlen(words[0]) == 1 && !strchr("0123456789", words[0][0]);
    size_t n = 0;
    for (; words[n]; n++)
        ;
    size_t was = list(p)->cursor;
    for (size_t i = letter; i < n; i++) /* all are there, or nothing is done */
        if (!find_row(p, words[i])) {
            list(p)->cursor = was;
            vf_str_set(&p->missing, words[i]);
            return VF_WIZARD_GOES_ON;
        }
    for (size_t i = 0; i < n && n > 1 && !letter; i++)
        if (find_row(p, words[i]))
            press(p, (const int[]){' '}, 1);
    return press(p, (const int[]){letter ? words[0][0] : VF_KEY_ENTER}, 1);
}

static enum vf_wizard_end take_line(struct plain *p, const char *line)
{
    if (!*line)
        return press(p, (const int[]){VF_KEY_ENTER}, 1);
    if (vf_streq(line, "<"))
        return press(p, (const int[]){VF_KEY_ESC}, 1);
    if (*line == '/') {
        filter(p, line + 1);
        return VF_WIZARD_GOES_ON;
    }
    if (strchr(line, ' ') && find_row(p, line)) /* a name with blanks */
        return press(p, (const int[]){VF_KEY_ENTER}, 1);
    vf_autostrv char **words = vf_strv_split(line, " ");
    return words[0] ? take_words(p, words) : VF_WIZARD_GOES_ON;
}

/* Of "Enter next  Esc back  d details" what can be typed here: the keys that are one character. */
static char *typed_keys(const struct vf_wizard *w)
{
    vf_autofree char *all = vf_wizard_keys(w);
    vf_autobuf struct vf_buf b = {0};
    for (const char *p = all, *end; *p; p = end + strspn(end, " ")) {
        end = strstr(p, "  ");
        end = end ? end : p + strlen(p);
        if (strcspn(p, " ") == 1)
            vf_buf_printf(&b, "%s%.*s", b.len ? "  " : "", (int)(end - p), p);
    }
    return vf_buf_take(&b);
}

static enum vf_wizard_end ask_row(struct plain *p)
{
    say_page(p);
    if (p->missing) { /* behind the page, where it is seen */
        vf_autofree char *word = vf_escape(p->missing);
        vf_say(stdout, _("There is no row %s here.\n"), word);
        fflush(stdout);
        vf_str_set(&p->missing, NULL);
    }
    vf_autofree char *keys = typed_keys(p->wizard);
    vf_autofree char *prompt =
        vf_asprintf(_("Number or name; empty: the row with >; <: back; keys: %s"), keys);
    vf_autofree char *line = ask_line(prompt);
    p->over = !line;
    return line ? take_line(p, line) : VF_WIZARD_GOES_ON;
}

/* ---- forms ---- */

static void fill_choice(struct vf_field *f, struct vf_ask *q, struct vf_ask_choice *choices)
{
    q->kind = VF_ASK_CHOICE;
    q->choices = choices;
    q->n_choices = f->n_choices < CHOICES ? f->n_choices : CHOICES;
    q->safe = f->choice < q->n_choices ? f->choices[f->choice] : NULL;
    for (size_t i = 0; i < q->n_choices; i++)
        choices[i] = (struct vf_ask_choice){f->choices[i], f->choices[i]};
}

/* What is typed into F; an empty line leaves what it has. False: "<", or the end. */
static bool ask_field(struct plain *p, struct vf_field *f)
{
    struct vf_ask_choice choices[CHOICES];
    const char *now = f->kind == VF_FIELD_SECRET ? NULL : f->typed[0] ? f->typed : f->hint;
    vf_autofree char *title = now ? vf_asprintf("%s [%s]", f->label, now) : vf_strdup(f->label);
    struct vf_ask q = {.id = "field", .kind = VF_ASK_TEXT, .title = title, .detail = f->error};
    if (f->kind == VF_FIELD_SECRET)
        q.kind = VF_ASK_SECRET;
    else if (f->kind == VF_FIELD_CHOICE)
        fill_choice(f, &q, choices);
    struct vf_answer a = {0};
    p->over = vf_tty_ask(&q, NULL, NULL, &a) != 0;
    bool go = !p->over && !vf_streq(a.text, "<");
    if (go && f->kind == VF_FIELD_CHOICE)
        for (size_t i = 0; i < q.n_choices; i++)
            f->choice = vf_streq(a.text, choices[i].key) ? i : f->choice;
    else if (go && a.secret)
        vf_field_set(f, vf_secret_text(a.secret));
    else if (go && a.text && *a.text)
        vf_field_set(f, a.text);
    vf_answer_clear(&a);
    return go;
}

/* Field after field; where one is wrong it is said and all are asked again. */
static enum vf_wizard_end ask_form(struct plain *p)
{
    struct vf_form *f = &p->wizard->form;
    vf_autofree char *named =
        vf_pages[p->wizard->page].name ? vf_pages[p->wizard->page].name(p->wizard) : NULL;
    vf_say(stdout, "\n%s\n", named ? named : vf_say_label(vf_pages[p->wizard->page].title));
    if (p->wizard->error)
        vf_plain_error(p->wizard->error);
    fflush(stdout);
    for (f->focus = 0; f->focus < f->n; f->focus++)
        if (!ask_field(p, &f->fields[f->focus]))
            return p->over ? VF_WIZARD_GOES_ON : press(p, (const int[]){VF_KEY_ESC}, 1);
    f->focus = f->n - 1;
    return press(p, (const int[]){VF_KEY_ENTER}, 1);
}

/* TEXT instead of what stands there; "": that, "-": nothing. */
static enum vf_wizard_end type_line(struct plain *p, const char *text)
{
    for (size_t n = *text ? strlen(p->wizard->question.typed) : 0; n; n--)
        press(p, (const int[]){VF_KEY_BACKSPACE}, 1);
    mbstate_t state = {0};
    wchar_t c;
    for (size_t n;
         !vf_streq(text, "-") && (n = mbrtowc(&c, text, MB_CUR_MAX, &state)) && n < (size_t)-2;
         text += n)
        press(p, (const int[]){(int)c}, 1);
    return press(p, (const int[]){VF_KEY_ENTER}, 1);
}

/* A question of the wizard's own: the answer is typed for the one who asked. */
static enum vf_wizard_end answer(struct plain *p)
{
    struct vf_ask_choice choices[CHOICES];
    struct vf_ask q;
    struct vf_answer a = {0};
    vf_event_ask(p->wizard->question.ask, &q, choices, CHOICES);
    const char *typed = p->wizard->question.typed;
    vf_autofree char *title =
        !q.n_choices && *typed
            ? vf_asprintf(_("%s (%s; empty keeps it, - takes it away)"), q.title, typed)
            : vf_strdup(q.title);
    q.title = title;
    p->over = vf_tty_ask(&q, NULL, NULL, &a) != 0;
    enum vf_wizard_end end = VF_WIZARD_GOES_ON;
    if (!p->over && !q.n_choices)
        end = type_line(p, a.text ? a.text : "");
    size_t n = 0;
    while (n < q.n_choices && !vf_streq(a.text, choices[n].key))
        n++;
    if (!p->over && n < q.n_choices) /* this frees the question, and with it the choices */
        end = press(p, (const int[]){'1' + (int)n, VF_KEY_ENTER}, 2);
    vf_answer_clear(&a);
    return end;
}

/* ---- the loop ---- */

/* Asks the clusters what the page needs, and waits; what logins ask is asked meanwhile. */
static void look_up(struct plain *p)
{
    struct vf_survey_question q;
    while (vf_wizard_wants(p->wizard, &q)) {
        vf_say(stdout, _("Looking ...\n"));
        fflush(stdout);
        vf_tty_cache_rewind(p->cache);
        vf_wizard_asked(p->wizard, vf_survey_ask(p->survey, &q));
        struct pollfd fd = {.fd = vf_survey_fd(p->survey), .events = POLLIN};
        /* nobody could be told later what was measured */
        while ((vf_wizard_waits(p->wizard) || p->wizard->measuring) &&
               vf_cancel_poll(NULL, &fd, 1, -1, NULL) >= 0)
            for (struct vf_survey_answer *a; (a = vf_survey_next(p->survey));)
                vf_wizard_take(p->wizard, a);
    }
}

static enum vf_wizard_end loop(struct plain *p)
{
    enum vf_wizard_end end = VF_WIZARD_GOES_ON;
    while (end == VF_WIZARD_GOES_ON && !p->over) {
        look_up(p);
        /* what was asked beside that has come in while something was typed */
        for (struct vf_survey_answer *a; (a = vf_survey_next(p->survey));)
            vf_wizard_take(p->wizard, a);
        if (p->wizard->question.ask) {
            end = answer(p);
        } else if (p->wizard->reader.text) {
            vf_say(stdout, "\n%s\n%s\n", p->wizard->reader.title, p->wizard->reader.text);
            end = press(p, (const int[]){VF_KEY_ESC}, 1);
        } else {
            end = vf_pages[p->wizard->page].done ? ask_form(p) : ask_row(p);
        }
    }
    return end;
}

/* What the wizard ended with is begun, and followed to its end. */
static int follow(struct plain *p, enum vf_wizard_end end)
{
    vf_autoerror struct vf_error *err = NULL;
    bool batch = false, stopped = false;
    int code = VF_EXIT_FAILED;
    sigset_t before;
    vf_plain_hold(&before);
    vf_autofree char *id = vf_desk_begin(p->desk, p->wizard, end, &batch, &err);
    if (!id)
        vf_plain_error(err);
    else if (!batch)
        code = vf_plain_follow(id, VF_PROGRESS_PLAIN, p->cache, NULL);
    else if (vf_plain_follow_batch(id, VF_PROGRESS_PLAIN, p->cache, true, &stopped) == 0)
        code = (int)vf_several_outcome(id, stopped, VF_PROGRESS_PLAIN);
    vf_plain_heed(&before);
    return code;
}

static int over(void)
{
    vf_say(stderr, _("vmferry: the input ended before anything was begun; nothing was changed\n"));
    return VF_EXIT_USAGE;
}

int vf_wizard_plain(struct vf_desk *desk)
{
    struct plain p = {.desk = desk, .cache = vf_desk_cache(desk)};
    char *demo[] = {(char *)"demo", NULL};
    vf_tty_use_stdin();
    struct vf_asker asker = vf_tty_cache_asker(p.cache);
    p.survey = vf_survey_new(vf_desk_conf(desk), &asker);
    struct vf_wizard_hands hands = vf_desk_hands(desk, p.survey);
    p.wizard = vf_wizard_new(vf_desk_conf(desk), &hands);
    vf_desk_add_jobs(p.wizard);
    enum vf_wizard_end end = loop(&p);
    vf_survey_free(p.survey);
    int code = end == VF_WIZARD_DEMO      ? vf_cmd_demo(1, demo)
               : end == VF_WIZARD_QUIT    ? VF_EXIT_DONE
               : end == VF_WIZARD_GOES_ON ? over()
                                          : follow(&p, end);
    vf_wizard_free(p.wizard);
    free(p.missing);
    return code;
}
