/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "ui/tty.h"
#include "ui/say.h"
#include "base/buf.h"
#include "base/fdio.h"
#include "base/i18n.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <termios.h>

enum { MAX_ANSWER = 4096 };

static bool piped; /* standard input is no terminal, and yet questions are answered there */

void vf_tty_use_stdin(void)
{
    piped = !isatty(0);
}

bool vf_tty_there(void)
{
    vf_autofd int fd = open("/dev/tty", O_RDWR | O_CLOEXEC);
    return piped || (fd >= 0 && isatty(0));
}

/* Where questions are put (*OUT) and answered (*IN); false: nowhere. */
static bool open_ends(int *in, int *out)
{
    *in = piped       ? fcntl(0, F_DUPFD_CLOEXEC, 3)
          : isatty(0) ? open("/dev/tty", O_RDWR | O_CLOEXEC)
                      : -1;
    *out = *in < 0 ? -1 : fcntl(piped ? 1 : *in, F_DUPFD_CLOEXEC, 3);
    return *out >= 0;
}

static void put(int fd, const char *s)
{
    vf_autofree char *wrapped = vf_wrap(s, vf_columns(fd));
    vf_autofree char *shown = vf_for_locale(wrapped);
    if (vf_write_full(fd, shown, strlen(shown)) < 0) {
        /* the terminal is gone: reading the answer says so next */
    }
}

/* Waits until FD has something to read: 1; 0 when cancelled; -1 when it hung up or OTHER ended it.
 * Of a pipe whose writer is gone lines may be left, or its end can be read. */
static int await_line(int fd, struct vf_cancel *cancel, const struct vf_tty_other *other)
{
    struct pollfd p[] = {{.fd = fd, .events = POLLIN},
                         {.fd = other ? other->fds[0] : -1, .events = POLLIN},
                         {.fd = other ? other->fds[1] : -1, .events = POLLIN}};
    for (;;) {
        if (vf_cancel_poll(cancel, p, VF_COUNT(p), -1, NULL) <= 0)
            return 0;
        if ((p[0].revents & (POLLHUP | POLLERR)) && !piped)
            return -1;
        if ((p[1].revents || p[2].revents) && other->settled(other->opaque))
            return -1;
        if (p[0].revents)
            return 1;
    }
}

/* A line and no more: what a pipe has behind it is for the next question. Its length; 0: none, -1:
 * reading failed. */
static ssize_t get_line(int fd, char *line, size_t size)
{
    size_t n = 0;
    ssize_t r = 1;
    while (n + 1 < size && (r = read(fd, line + n, 1)) == 1 && line[n++] != '\n')
        ;
    line[n] = 0;
    return n ? (ssize_t)n : r;
}

/* ---- no echo while a secret is typed ---- */

/* For the handler, which is there only while FD is hidden; one secret is asked for at a time. */
static struct {
    int fd;
    struct termios was, now;
} hidden;
static const int hidden_signals[] = {SIGCONT, SIGINT, SIGTERM, SIGQUIT};
static struct sigaction hidden_before[VF_COUNT(hidden_signals)];

/* After ^Z and fg the shell has put the echo back: a secret would be seen. Who is ended leaves the
 * terminal as it was. */
static void on_hidden_signal(int sig)
{
    int before = errno;
    if (sig == SIGCONT) {
        tcsetattr(hidden.fd, TCSANOW, &hidden.now);
    } else {
        tcsetattr(hidden.fd, TCSANOW, &hidden.was);
        signal(sig, SIG_DFL);
        raise(sig);
    }
    errno = before;
}

/* No echo from here on; what was typed before is dropped. False: FD is no terminal. */
static bool hide(int fd)
{
    if (tcgetattr(fd, &hidden.was) < 0)
        return false;
    hidden.fd = fd;
    hidden.now = hidden.was;
    hidden.now.c_lflag &= ~(tcflag_t)ECHO;
    hidden.now.c_lflag |= ECHONL;
    struct sigaction ours = {.sa_handler = on_hidden_signal, .sa_flags = SA_RESTART};
    for (size_t i = 0; i < VF_COUNT(hidden_signals); i++) {
        sigaction(hidden_signals[i], NULL, &hidden_before[i]);
        if (hidden_before[i].sa_handler == SIG_DFL)
            sigaction(hidden_signals[i], &ours, NULL);
    }
    if (tcsetattr(fd, TCSAFLUSH, &hidden.now) == 0)
        return true;
    for (size_t i = 0; i < VF_COUNT(hidden_signals); i++)
        sigaction(hidden_signals[i], &hidden_before[i], NULL);
    return false;
}

static void unhide(void)
{
    tcsetattr(hidden.fd, TCSAFLUSH, &hidden.was);
    for (size_t i = 0; i < VF_COUNT(hidden_signals); i++)
        sigaction(hidden_signals[i], &hidden_before[i], NULL);
}

/* One line without its newline; -1 at end of file or when cancelled, -2 when the terminal is gone
 * or OTHER ended it. */
static int read_line(int fd, struct vf_cancel *cancel, const struct vf_tty_other *other, char *line,
                     size_t size)
{
    int ready = await_line(fd, cancel, other);
    ssize_t n = ready > 0 ? get_line(fd, line, size) : -1;
    bool left = ready < 0 || (ready > 0 && n < 0);
    if (n <= 0)
        return left ? -2 : -1;
    line[strcspn(line, "\r\n")] = 0;
    return 0;
}

static void show(int fd, const struct vf_ask *q)
{
    vf_autobuf struct vf_buf b = {0};
    vf_autofree char *title = vf_escape(q->title);
    vf_autostrv char **lines = vf_strv_split(q->detail ? q->detail : "", "\n");
    vf_buf_puts(&b, "\n");
    for (size_t i = 0; q->detail && lines[i]; i++) {
        vf_autofree char *text = vf_escape(lines[i]);
        vf_buf_printf(&b, "  %s\n", text);
    }
    vf_buf_printf(&b, "%s\n", title);
    for (size_t i = 0; i < q->n_choices; i++)
        vf_buf_printf(&b, "  %zu  %s%s\n", i + 1, vf_say_label(q->choices[i].label),
                      vf_streq(q->choices[i].key, q->safe) ? _("  (Enter)") : "");
    vf_buf_puts(&b, "> ");
    put(fd, vf_buf_str(&b));
}

/* Is LINE WORD, or with BEGINNING enough its beginning? */
static bool means(const char *line, const char *word, bool beginning)
{
    return !strncasecmp(line, word, strlen(line) + !beginning);
}

/* The key of the choice that LINE names by number, key or label (of two also by its beginning); ""
 * is the safe one; NULL: none. */
static const char *choice(const struct vf_ask *q, const char *line)
{
    uint64_t number;
    const char *found = NULL;
    size_t n = 0;
    if (!*line)
        return q->safe;
    if (vf_parse_u64(line, 1, q->n_choices, &number) == 0)
        return q->choices[number - 1].key;
    for (size_t i = 0; i < q->n_choices; i++)
        if (means(line, q->choices[i].key, q->n_choices == 2) ||
            means(line, vf_say_label(q->choices[i].label), q->n_choices == 2)) {
            found = q->choices[i].key;
            n++;
        }
    return n == 1 ? found : NULL;
}

static int nobody(const struct vf_ask *q, struct vf_answer *out)
{
    *out = (struct vf_answer){.text = vf_strdup(q->safe)};
    return 1;
}

int vf_tty_ask(const struct vf_ask *q, struct vf_cancel *cancel, const struct vf_tty_other *other,
               struct vf_answer *out)
{
    *out = (struct vf_answer){0};
    vf_autofd int in = -1;
    vf_autofd int to = -1;
    if (!open_ends(&in, &to))
        return nobody(q, out);
    char line[MAX_ANSWER];
    for (;;) {
        /* before it is asked for: who answers at once is neither seen nor loses what was typed */
        bool unseen = q->kind == VF_ASK_SECRET && hide(in);
        show(to, q);
        int r = read_line(in, cancel, other, line, sizeof line);
        if (unseen)
            unhide();
        if (piped)
            put(to, "\n"); /* nobody typed one */
        if (r == -2)
            return VF_TTY_LEFT;
        if (r < 0)
            return nobody(q, out);
        if (q->kind == VF_ASK_SECRET) {
            out->secret = vf_secret_new(line, strlen(line));
            vf_wipe(line, sizeof line);
            return 0;
        }
        const char *text = q->kind == VF_ASK_TEXT ? line : choice(q, line);
        if (text) {
            out->text = vf_strdup(text);
            return 0;
        }
        put(to, _("Please give one of the numbers.\n"));
    }
}

bool vf_tty_confirm(const char *question)
{
    const struct vf_ask_choice yes_no[] = {{"yes", _("yes")}, {"no", _("no")}};
    struct vf_ask q = {.id = "confirm",
                       .kind = VF_ASK_CHOICE,
                       .title = question,
                       .choices = yes_no,
                       .n_choices = VF_COUNT(yes_no),
                       .safe = "no"};
    struct vf_answer a = {0};
    vf_tty_ask(&q, NULL, NULL, &a);
    bool yes = vf_streq(a.text, "yes");
    vf_answer_clear(&a);
    return yes;
}

struct entry {
    char *id;
    struct vf_secret *secret;
    char **given; /* the askers it was offered to already; NULL: none */
};

struct vf_tty_cache {
    pthread_mutex_t lock;
    struct entry *v;
    size_t n;
    char *asker;
};

struct vf_tty_cache *vf_tty_cache_new(void)
{
    struct vf_tty_cache *c = vf_xcalloc(1, sizeof *c);
    pthread_mutex_init(&c->lock, NULL);
    return c;
}

void vf_tty_cache_free(struct vf_tty_cache *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->n; i++) {
        free(c->v[i].id);
        vf_secret_free(c->v[i].secret);
        vf_strv_free(c->v[i].given);
    }
    free(c->v);
    free(c->asker);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

void vf_tty_cache_rewind(struct vf_tty_cache *c)
{
    pthread_mutex_lock(&c->lock);
    for (size_t i = 0; i < c->n; i++) {
        vf_strv_free(c->v[i].given);
        c->v[i].given = NULL;
    }
    pthread_mutex_unlock(&c->lock);
}

void vf_tty_cache_turn(struct vf_tty_cache *c, const char *asker)
{
    pthread_mutex_lock(&c->lock);
    vf_str_set(&c->asker, asker);
    pthread_mutex_unlock(&c->lock);
}

static bool is_given(const struct vf_tty_cache *c, const struct entry *e)
{
    return e->given && vf_strv_has(e->given, c->asker ? c->asker : "");
}

static void give(const struct vf_tty_cache *c, struct entry *e)
{
    if (!e->given)
        e->given = vf_strv_new();
    vf_strv_add(&e->given, c->asker ? c->asker : "");
}

static struct entry *find(struct vf_tty_cache *c, const char *id)
{
    for (size_t i = 0; i < c->n; i++)
        if (vf_streq(c->v[i].id, id))
            return &c->v[i];
    return NULL;
}

void vf_tty_cache_put(struct vf_tty_cache *c, const char *id, const struct vf_secret *answer)
{
    pthread_mutex_lock(&c->lock);
    struct entry *e = find(c, id);
    if (!e) {
        e = vf_grow(&c->v, &c->n, sizeof *c->v);
        e->id = vf_strdup(id);
    }
    vf_secret_free(e->secret);
    e->secret = vf_secret_copy(answer);
    vf_strv_free(e->given);
    e->given = NULL;
    give(c, e); /* this process knows it */
    pthread_mutex_unlock(&c->lock);
}

void vf_tty_cache_forget(struct vf_tty_cache *c, const char *id)
{
    pthread_mutex_lock(&c->lock);
    struct entry *e = find(c, id);
    if (e) {
        free(e->id);
        vf_secret_free(e->secret);
        vf_strv_free(e->given);
        *e = c->v[--c->n];
    }
    pthread_mutex_unlock(&c->lock);
}

static void forget(void *opaque, const char *id)
{
    vf_tty_cache_forget(opaque, id);
}

static void remember(void *opaque, const char *id, const struct vf_secret *answer)
{
    vf_tty_cache_put(opaque, id, answer);
}

bool vf_tty_cache_get(struct vf_tty_cache *c, const char *id, enum vf_ask_kind kind,
                      struct vf_answer *out)
{
    *out = (struct vf_answer){0};
    pthread_mutex_lock(&c->lock);
    struct entry *e = find(c, id);
    bool have = e && !is_given(c, e);
    if (have) {
        give(c, e);
        if (kind == VF_ASK_SECRET)
            out->secret = vf_secret_copy(e->secret);
        else
            out->text = vf_strdup(vf_secret_text(e->secret));
    }
    pthread_mutex_unlock(&c->lock);
    return have;
}

int vf_tty_cache_ask(struct vf_tty_cache *c, const struct vf_ask *q, struct vf_cancel *cancel,
                     const struct vf_tty_other *other, struct vf_answer *out)
{
    if (vf_tty_cache_get(c, q->id, q->kind, out))
        return 0;
    int r = vf_tty_ask(q, cancel, other, out);
    if (r == 0 && q->kind == VF_ASK_SECRET && !q->once)
        vf_tty_cache_put(c, q->id, out->secret);
    return r;
}

static int cache_ask(void *opaque, const struct vf_ask *q, struct vf_cancel *cancel,
                     struct vf_answer *out, struct vf_error **err)
{
    if (vf_tty_cache_ask(opaque, q, cancel, NULL, out) == 0 || out->text)
        return 0;
    if (vf_cancel_check(cancel, err) < 0)
        return -1;
    return vf_fail(err, VF_E_AUTH, _("there is no terminal to ask on: %s"), q->title);
}

struct vf_asker vf_tty_cache_asker(struct vf_tty_cache *c)
{
    return (struct vf_asker){.ask = cache_ask, .opaque = c, .remember = remember, .forget = forget};
}
