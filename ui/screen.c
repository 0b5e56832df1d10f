/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "ui/screen.h"
#include "ui/say.h"
#include "base/i18n.h"
#include "base/str.h"

#include <curses.h>
#include <langinfo.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <term.h>
#include <termios.h>
#include <unistd.h>

enum { ESC_DELAY_MS = 25, CTRL_C = 3, CTRL_L = 12, CTRL_Z = 26, ESCAPE = 27, DELETE = 127 };

struct vf_screen {
    bool ascii;
    SCREEN *terminal;
    int signals;
    sigset_t before; /* the mask */
    attr_t looks[VF_LOOK_COUNT];
    bool mouse, titles;
    char *title;           /* as it is shown; NULL: not set */
    struct vf_spot *spots; /* of the canvas that is shown */
    size_t n_spots;
};

/* ---- the way back, also from a crash: prepared, because nothing can be computed then ---- */

static struct termios before;
static char goodbye[256];
static size_t goodbye_len;
static bool taken;

static void add_goodbye_text(const char *s)
{
    size_t n = strlen(s);
    if (goodbye_len + n > sizeof goodbye)
        return;
    memcpy(goodbye + goodbye_len, s, n);
    goodbye_len += n;
}

static void add_goodbye(const char *capability)
{
    const char *s = tigetstr((char *)capability);
    if (s && s != (char *)-1) /* NOLINT: what curses returns */
        add_goodbye_text(s);
}

static void crashed(int sig)
{
    if (taken) {
        ssize_t n = write(STDOUT_FILENO, goodbye, goodbye_len);
        if (n >= 0)
            n = write(STDOUT_FILENO, "\r\n", 2);
        (void)n; /* nothing can be done about it now */
        tcsetattr(STDIN_FILENO, TCSANOW, &before);
    }
    signal(sig, SIG_DFL);
    raise(sig);
}

static void at_exit(void)
{
    if (taken) {
        endwin();
        ssize_t n = write(STDOUT_FILENO, goodbye, goodbye_len);
        (void)n;
    }
    taken = false;
}

/* Control sequences of xterm, which all understand that show window titles. */
static const char push_title[] = "\033[22;2t", pop_title[] = "\033[23;2t",
                  no_mouse[] = "\033[?1000l\033[?1002l\033[?1006l";

static void prepare_way_back(const struct vf_screen *s)
{
    static bool once;
    goodbye_len = 0;
    if (s->titles)
        add_goodbye_text(pop_title);
    if (s->mouse)
        add_goodbye_text(no_mouse);
    add_goodbye("sgr0");
    add_goodbye("cnorm");
    add_goodbye("rmkx");
    add_goodbye("rmcup");
    if (once)
        return;
    once = true;
    static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    struct sigaction crash = {.sa_handler = crashed};
    for (size_t i = 0; i < VF_COUNT(signals); i++)
        sigaction(signals[i], &crash, NULL);
    atexit(at_exit);
}

/* ---- looks ---- */

static void set_looks(struct vf_screen *s, bool plain)
{
    static const struct {
        attr_t attr;
        short colour; /* -1: the terminal's own */
    } looks[VF_LOOK_COUNT] = {
        [VF_LOOK_TEXT] = {A_NORMAL, -1},          [VF_LOOK_TITLE] = {A_REVERSE, -1},
        [VF_LOOK_STRONG] = {A_BOLD, -1},          [VF_LOOK_FAINT] = {A_NORMAL, -1},
        [VF_LOOK_GOOD] = {A_NORMAL, COLOR_GREEN}, [VF_LOOK_WARN] = {A_BOLD, COLOR_YELLOW},
        [VF_LOOK_BAD] = {A_BOLD, COLOR_RED},      [VF_LOOK_BAR] = {A_NORMAL, COLOR_CYAN},
        [VF_LOOK_FOCUS] = {A_REVERSE, -1},
    };
    const char *no = getenv("NO_COLOR");
    bool colours =
        !plain && !(no && *no) && has_colors() && start_color() == OK && use_default_colors() == OK;
    for (short i = 0; i < VF_LOOK_COUNT; i++) {
        s->looks[i] = looks[i].attr;
        if (colours && looks[i].colour >= 0 && init_pair((short)(i + 1), looks[i].colour, -1) == OK)
            s->looks[i] |= (attr_t)COLOR_PAIR(i + 1);
    }
}

/* ---- the window's title ---- */

/* Terminals that are known to have one and to bear being told. */
static bool has_title(const char *term)
{
    static const char *const known[] = {"xterm",     "rxvt",  "tmux",    "screen", "st-", "foot",
                                        "alacritty", "kitty", "konsole", "gnome",  "vte", "putty"};
    for (size_t i = 0; term && i < VF_COUNT(known); i++)
        if (!strncmp(term, known[i], strlen(known[i])))
            return true;
    return false;
}

static void say(const char *text)
{
    fputs(text, stdout);
    fflush(stdout);
}

void vf_screen_title(struct vf_screen *s, const char *text)
{
    if (!s->titles || (s->title && vf_streq(s->title, text)))
        return;
    vf_autofree char *safe = vf_escape(text);
    vf_autofree char *shown = vf_for_locale(safe);
    vf_autofree char *sequence = vf_asprintf("\033]2;%s\007", shown);
    vf_str_set(&s->title, text);
    say(sequence);
}

/* ---- beginning and end ---- */

/* From here on signals are only read: also one that comes while the screen is being opened. */
static void hear_signals(struct vf_screen *s)
{
    static const int heard[] = {SIGWINCH, SIGINT, SIGTERM, SIGHUP};
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < VF_COUNT(heard); i++)
        sigaddset(&set, heard[i]);
    pthread_sigmask(SIG_BLOCK, &set, &s->before);
    s->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (s->signals < 0)
        abort(); /* like memory: nothing to be done */
}

static void forget_signals(struct vf_screen *s)
{
    close(s->signals);
    pthread_sigmask(SIG_SETMASK, &s->before, NULL);
}

struct vf_screen *vf_screen_open(const struct vf_screen_opts *opts, struct vf_error **err)
{
    const char *term = getenv("TERM");
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO) || tcgetattr(STDIN_FILENO, &before) < 0) {
        vf_fail(err, VF_E_UNSUPPORTED, _("there is no terminal"));
        return NULL;
    }
    struct vf_screen *s = vf_xcalloc(1, sizeof *s);
    hear_signals(s);
    SCREEN *terminal = newterm(NULL, stdout, stdin);
    if (!terminal || !tigetstr("cup") || tigetstr("cup") == (char *)-1) { /* NOLINT */
        if (terminal) {
            endwin();
            delscreen(terminal);
        }
        forget_signals(s);
        free(s);
        vf_fail(err, VF_E_UNSUPPORTED, _("a terminal of type \"%s\" cannot show screens"),
                term ? term : "");
        return NULL;
    }
    s->terminal = terminal;
    s->ascii = opts->ascii || !vf_streq(nl_langinfo(CODESET), "UTF-8");
    set_term(terminal);
    raw();
    noecho();
    nonl();
    keypad(stdscr, TRUE);
    nodelay(stdscr, TRUE);
    intrflush(stdscr, FALSE);
    set_escdelay(ESC_DELAY_MS);
    set_looks(s, opts->plain);
    s->mouse = opts->mouse && mousemask(BUTTON1_PRESSED | BUTTON4_PRESSED | BUTTON5_PRESSED, NULL);
    mouseinterval(0);
    s->titles = has_title(term);
    taken = true;
    prepare_way_back(s);
    if (s->titles)
        say(push_title);
    return s;
}

void vf_screen_close(struct vf_screen *s)
{
    if (!s)
        return;
    if (s->mouse)
        mousemask(0, NULL);
    if (s->titles)
        say(pop_title);
    endwin();
    taken = false;
    delscreen(s->terminal);
    forget_signals(s);
    free(s->title);
    free(s->spots);
    free(s);
}

/* ---- output ---- */

struct vf_canvas *vf_screen_canvas(struct vf_screen *s)
{
    return vf_canvas_new(LINES, COLS, s->ascii);
}

static void show_row(struct vf_screen *s, const struct vf_canvas *c, int row)
{
    const struct vf_cell *cells = c->cells + (size_t)row * (size_t)c->cols;
    for (int i = 0; i < c->cols && i < COLS; i++) {
        if (!cells[i].text[0])
            continue;
        attrset(s->looks[cells[i].look]);
        /* in the last place of all a terminal would scroll: curses refuses, having written it */
        (void)mvaddstr(row, i, cells[i].text);
    }
}

void vf_screen_show(struct vf_screen *s, const struct vf_canvas *c, bool whole)
{
    if (whole)
        clearok(curscr, TRUE);
    erase();
    for (int i = 0; i < c->rows && i < LINES; i++)
        show_row(s, c, i);
    free(s->spots);
    s->n_spots = c->n_spots;
    s->spots = vf_xcalloc(c->n_spots + 1, sizeof *s->spots);
    if (c->n_spots) /* without any, c->spots is NULL */
        memcpy(s->spots, c->spots, c->n_spots * sizeof *s->spots);
    bool cursor = c->cursor_row >= 0 && c->cursor_row < LINES && c->cursor_col < COLS;
    curs_set(cursor);
    if (cursor)
        move(c->cursor_row, c->cursor_col);
    refresh();
}

static void resize(void)
{
    struct winsize w;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_row && w.ws_col)
        resizeterm(w.ws_row, w.ws_col);
}

int vf_screen_signals(const struct vf_screen *s)
{
    return s->signals;
}

bool vf_screen_hear(struct vf_screen *s)
{
    struct signalfd_siginfo si;
    bool stay = true;
    while (read(s->signals, &si, sizeof si) == sizeof si)
        if (si.ssi_signo == SIGWINCH)
            resize();
        else
            stay = false;
    return stay;
}

void vf_screen_bell(struct vf_screen *s)
{
    beep();
}

/* ---- input ---- */

static const struct {
    int curses, key;
} function_keys[] = {
    {KEY_UP, VF_KEY_UP},
    {KEY_DOWN, VF_KEY_DOWN},
    {KEY_LEFT, VF_KEY_LEFT},
    {KEY_RIGHT, VF_KEY_RIGHT},
    {KEY_PPAGE, VF_KEY_PAGE_UP},
    {KEY_NPAGE, VF_KEY_PAGE_DOWN},
    {KEY_HOME, VF_KEY_HOME},
    {KEY_END, VF_KEY_END},
    {KEY_ENTER, VF_KEY_ENTER},
    {KEY_BTAB, VF_KEY_BACK_TAB},
    {KEY_BACKSPACE, VF_KEY_BACKSPACE},
    {KEY_RESIZE, VF_KEY_RESIZE},
};

static const struct {
    wint_t typed;
    int key;
} control_keys[] = {
    {'\r', VF_KEY_ENTER},     {'\n', VF_KEY_ENTER},       {'\t', VF_KEY_TAB},
    {'\b', VF_KEY_BACKSPACE}, {DELETE, VF_KEY_BACKSPACE}, {CTRL_C, VF_KEY_INTERRUPT},
    {CTRL_L, VF_KEY_REDRAW},  {CTRL_Z, VF_KEY_SUSPEND},
};

/* What the mouse did, as a key. */
static int mouse_key(const struct vf_screen *s)
{
    MEVENT e;
    if (getmouse(&e) != OK)
        return VF_KEY_OTHER;
    if (e.bstate & BUTTON4_PRESSED)
        return VF_KEY_WHEEL_UP;
    if (e.bstate & BUTTON5_PRESSED)
        return VF_KEY_WHEEL_DOWN;
    const struct vf_canvas shown = {.spots = s->spots, .n_spots = s->n_spots};
    int key = vf_canvas_spot_at(&shown, e.y, e.x);
    return key == VF_KEY_NONE ? VF_KEY_OTHER : key;
}

/* Sequences that many terminals send though the type they are said to be of has none. */
static const struct {
    const char *text;
    int key;
} sequences[] = {
    {"[A", VF_KEY_UP},       {"OA", VF_KEY_UP},       {"[B", VF_KEY_DOWN},
    {"OB", VF_KEY_DOWN},     {"[C", VF_KEY_RIGHT},    {"OC", VF_KEY_RIGHT},
    {"[D", VF_KEY_LEFT},     {"OD", VF_KEY_LEFT},     {"[H", VF_KEY_HOME},
    {"OH", VF_KEY_HOME},     {"[1~", VF_KEY_HOME},    {"[7~", VF_KEY_HOME},
    {"[F", VF_KEY_END},      {"OF", VF_KEY_END},      {"[4~", VF_KEY_END},
    {"[8~", VF_KEY_END},     {"[5~", VF_KEY_PAGE_UP}, {"[6~", VF_KEY_PAGE_DOWN},
    {"[Z", VF_KEY_BACK_TAB}, {"OM", VF_KEY_ENTER},    {"OP", VF_KEY_F1},
    {"OR", VF_KEY_F1 + 2},   {"OS", VF_KEY_F1 + 3},   {"[11~", VF_KEY_F1},
    {"[13~", VF_KEY_F1 + 2}, {"[14~", VF_KEY_F1 + 3}, {"[15~", VF_KEY_F1 + 4},
    {"[21~", VF_KEY_F1 + 9},
};

/* Behind an escape character: the key of a sequence that curses does not know of, taken in whole,
 * so that it is neither Esc nor what its characters would be. Esc when there is none. */
static int sequence_key(void)
{
    char text[32];
    size_t n = 0;
    wint_t c;
    int r = get_wch(&c);
    if (r != OK || (c != '[' && c != 'O')) {
        if (r == OK)
            unget_wch((wchar_t)c);
        else if (r == KEY_CODE_YES)
            ungetch((int)c);
        return VF_KEY_ESC;
    }
    text[n++] = (char)c;
    timeout(ESC_DELAY_MS); /* the rest may be on its way */
    while (n + 1 < sizeof text && (r = get_wch(&c)) == OK && c >= ' ' && c < DELETE) {
        text[n++] = (char)c;
        if (text[0] == 'O' || (c >= '@' && c != '[')) /* ECMA-48: the final character */
            break;
    }
    nodelay(stdscr, TRUE);
    text[n] = 0;
    if (r == KEY_CODE_YES)
        ungetch((int)c);
    for (size_t i = 0; i < VF_COUNT(sequences); i++)
        if (vf_streq(sequences[i].text, text))
            return sequences[i].key;
    return VF_KEY_OTHER;
}

int vf_screen_key(struct vf_screen *s)
{
    wint_t c;
    int r = get_wch(&c);
    if (r == ERR)
        return VF_KEY_NONE;
    if (r == KEY_CODE_YES && c == KEY_MOUSE)
        return mouse_key(s);
    if (r == KEY_CODE_YES) {
        for (size_t i = 0; i < VF_COUNT(function_keys); i++)
            if (function_keys[i].curses == (int)c)
                return function_keys[i].key;
        return c >= KEY_F(1) && c <= KEY_F(12) ? VF_KEY_F1 + (int)c - KEY_F(1) : VF_KEY_OTHER;
    }
    if (c == ESCAPE)
        return sequence_key();
    for (size_t i = 0; i < VF_COUNT(control_keys); i++)
        if (control_keys[i].typed == c)
            return control_keys[i].key;
    return c < ' ' ? VF_KEY_OTHER : (int)c;
}
