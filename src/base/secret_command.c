/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Commands that print a secret: password managers, which may wait for a person. */
#include "config.h"
#include "base/secret.h"
#include "base/clock.h"
#include "base/fdio.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/str.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>

enum { MAX_PRINTED = 16 * 1024, MAX_CHILDREN = 4096 };

/* Never copied elsewhere: it is wiped as it stands. */
struct output {
    int *fd; /* of the process; -1: it has ended */
    size_t len;
    char text[MAX_PRINTED];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static void (*teller)(void *opaque, const char *whose, const char *said);
static void *teller_opaque;

void vf_secret_tell(void (*tell)(void *opaque, const char *whose, const char *said), void *opaque)
{
    pthread_mutex_lock(&lock);
    teller = tell;
    teller_opaque = opaque;
    pthread_mutex_unlock(&lock);
}

/* The last line it has complained with, for a message: ": LINE", or nothing. Caller frees. */
static char *last_words(const struct output *o)
{
    vf_autofree char *all = vf_strndup(o->text, o->len);
    vf_autostrv char **lines = vf_strv_split(all, "\r\n");
    size_t n = vf_strv_len(lines);
    if (!n)
        return vf_strdup("");
    vf_autofree char *line = vf_strndup(lines[n - 1], 200);
    vf_autofree char *shown = vf_escape(line);
    return vf_asprintf(": %s", shown);
}

static void tell(const char *whose, const struct output *out)
{
    vf_autofree char *said = last_words(out);
    vf_info("secret", "%s: waiting for the command that prints its secret%s", whose, said);
    pthread_mutex_lock(&lock);
    if (teller)
        teller(teller_opaque, whose, said);
    pthread_mutex_unlock(&lock);
}

/* Ends PID and what it has started, which is stopped first so that nothing is missed. It has no
 * process group of its own: then it could not ask at our terminal. */
static void end_tree(pid_t pid)
{
    vf_autofree char *path = vf_asprintf("/proc/%d/task/%d/children", (int)pid, (int)pid);
    kill(pid, SIGSTOP);
    vf_autofree char *text = vf_read_file(path, MAX_CHILDREN, NULL, NULL);
    vf_autostrv char **children = vf_strv_split(text ? text : "", " \n");
    for (char **c = children; *c; c++) {
        uint64_t child;
        if (vf_parse_u64(*c, 2, INT32_MAX, &child) == 0)
            end_tree((pid_t)child);
    }
    kill(pid, SIGTERM);
    kill(pid, SIGCONT);
}

static int collect(struct output *o, struct vf_error **err)
{
    ssize_t n = read(*o->fd, o->text + o->len, sizeof o->text - o->len);
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return 0;
    if (n > 0)
        o->len += (size_t)n;
    if (o->len == sizeof o->text)
        return vf_fail(err, VF_E_CORRUPT, "/bin/sh: more than %d bytes of output", MAX_PRINTED);
    if (n <= 0) {
        close(*o->fd);
        *o->fd = -1;
    }
    return 0;
}

/* Until both outputs have ended. */
static int listen_to(struct output out[2], const char *whose, struct vf_cancel *cancel,
                     struct vf_error **err)
{
    int64_t begun = vf_clock_ms(), limit = vf_clock_limit(VF_T_SECRET),
            soon = vf_clock_limit(VF_T_SECRET_TOLD);
    bool told = false;
    while (*out[0].fd >= 0 || *out[1].fd >= 0) {
        struct pollfd p[2] = {{.fd = *out[0].fd, .events = POLLIN},
                              {.fd = *out[1].fd, .events = POLLIN}};
        int64_t left = begun + (told ? limit : soon) - vf_clock_ms();
        int n = vf_cancel_poll(cancel, p, 2, left > 0 ? (int)left : 0, err);
        if (n < 0)
            return -1;
        if (n == 0 && told) {
            vf_autofree char *span = vf_format_duration((double)limit / 1000);
            vf_autofree char *words = last_words(&out[1]);
            return vf_fail(err, VF_E_AUTH,
                           "the command configured for the secret did not end within %s, so it "
                           "was ended: try it in a shell%s",
                           span, words);
        }
        if (n == 0) {
            tell(whose, &out[1]);
            told = true;
        }
        for (int i = 0; i < 2; i++)
            if (p[i].revents && collect(&out[i], err) < 0)
                return -1;
    }
    return 0;
}

static int run(const char *command, const char *whose, struct output out[2],
               struct vf_cancel *cancel, struct vf_error **err)
{
    const char *argv[] = {"/bin/sh", "-c", command, NULL};
    struct vf_proc p;
    if (vf_proc_start(argv, VF_PROC_STDOUT | VF_PROC_STDERR, -1, &p, err) < 0)
        return -1;
    out[0].fd = &p.out;
    out[1].fd = &p.err;
    if (listen_to(out, whose, cancel, err) < 0) {
        end_tree(p.pid);
        vf_proc_end(&p);
        return -1;
    }
    return vf_proc_wait(&p, cancel, err);
}

struct vf_secret *vf_secret_from_command(const char *command, const char *whose,
                                         struct vf_cancel *cancel, struct vf_error **err)
{
    struct output *out = vf_xcalloc(2, sizeof *out);
    struct vf_secret *s = NULL;
    int status = run(command, whose, out, cancel, err);
    if (status >= 0) {
        vf_autofree char *said = last_words(&out[1]);
        if (status > 0)
            vf_fail(err, VF_E_AUTH, "the command configured for the secret ended with status %d%s",
                    status, said);
        else if (!(s = vf_secret_first_line(out[0].text, out[0].len)))
            vf_fail(err, VF_E_AUTH, "the command configured for the secret printed nothing%s",
                    said);
    }
    vf_wipe(out, 2 * sizeof *out);
    free(out);
    return s;
}
