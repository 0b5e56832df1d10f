/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Commands that print a secret and wait for a person. The limits are a thousandth: what has to be
 * there before one is reached is waited for by the function that is told, which holds it up. */
#include "config.h"
#include "base/secret.h"
#include "base/fdio.h"
#include "base/str.h"
#include "tests/unit/tap.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/vmferry-secret-test.XXXXXX";

/* Held open by the command and all that it starts, through descriptor 9. */
static int alive = -1;
static struct vf_cancel *cancel;
static unsigned told;
static char *text;

/* Until the command has said on ALIVE that it has come so far. */
static bool came_so_far(void)
{
    struct pollfd p = {.fd = alive, .events = POLLIN};
    char c;
    return poll(&p, 1, -1) == 1 && read(alive, &c, 1) == 1;
}

/* Until nobody holds ALIVE any more. */
static bool all_gone(void)
{
    struct pollfd p = {.fd = alive};
    return poll(&p, 1, 60000) == 1 && p.revents & POLLHUP;
}

static void take(const char *whose, const char *said)
{
    told++;
    free(text);
    text = vf_asprintf("%s%s", whose, said);
}

static void wait_for_it(void *opaque, const char *whose, const char *said)
{
    take(whose, said);
    ok(came_so_far(), "it has come so far");
}

static void touch_it(void *opaque, const char *whose, const char *said)
{
    take(whose, said);
    ok(came_so_far(), "it waits to be touched");
    int fd = open("go", O_WRONLY);
    ok(fd >= 0 && vf_write_full(fd, "\n", 1) == 0, "it is touched");
    close(fd);
    ok(all_gone(), "and ends");
}

static void give_up(void *opaque, const char *whose, const char *said)
{
    take(whose, said);
    ok(came_so_far(), "somebody gives up");
    vf_cancel_fire(cancel, "somebody pressed the key");
}

static struct vf_secret *ask(const char *command,
                             void (*tell)(void *opaque, const char *whose, const char *said),
                             struct vf_error **err)
{
    vf_autofree char *whole = vf_asprintf("exec 9>alive; %s", command);
    close(alive); /* a new one: that the last command's end is gone is nothing of this one */
    alive = open("alive", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    told = 0;
    vf_secret_tell(tell, NULL);
    struct vf_secret *s = vf_secret_from_command(whole, "alpha", cancel, err);
    vf_secret_tell(NULL, NULL);
    return s;
}

/* A child that is no leaf of it, and is not its group's leader. */
#define HANGS "echo 'touch the key' >&2; (sleep 1000; true) | cat; true"

static void test_hangs(void)
{
    vf_autoerror struct vf_error *e = NULL;
    ok(!ask("echo >&9; " HANGS, wait_for_it, &e) && vf_error_code(e) == VF_E_AUTH,
       "one that hangs is ended");
    ok(told == 1 && vf_starts(text, "alpha"), "what is waited for was told: %s", text);
    ok(strstr(vf_error_text(e), "did not end within"), "and why: %s", vf_error_text(e));
    ok(all_gone(), "and with it all that it has started");
}

/* It complains before it says how far it has come. */
static void test_words(void)
{
    vf_autoerror struct vf_error *e = NULL;
    ask("echo 'touch \033it' >&2; echo >&9; sleep 1000", wait_for_it, &e);
    ok(e && vf_ends(vf_error_text(e), ": touch \\x1bit"), "its last words are told: %s",
       vf_error_text(e));
    ok(all_gone(), "it is gone");
}

static void test_touched(void)
{
    vf_autoerror struct vf_error *e = NULL;
    vf_auto(vf_secret_free) struct vf_secret *s =
        ask("echo >&9; read -r x <go; echo s3cret", touch_it, &e);
    is_str(s ? vf_secret_text(s) : vf_error_text(e), "s3cret", "one that waits for a person");
    ok(told == 1, "who was told");
}

static void test_given_up(void)
{
    vf_autoerror struct vf_error *e = NULL;
    cancel = vf_cancel_new(NULL);
    ok(!ask("echo >&9; " HANGS, give_up, &e) && vf_error_code(e) == VF_E_CANCELLED,
       "it can be given up");
    ok(all_gone(), "which ends all of it");
    vf_cancel_free(VF_STEAL(cancel));
}

int main(void)
{
    setenv("VMFERRY_TEST_HASTE", "1000", 1);
    if (!mkdtemp(dir) || chdir(dir) < 0 || mkfifo("alive", 0600) < 0 || mkfifo("go", 0600) < 0)
        return 99;
    alive = open("alive", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    test_hangs();
    test_words();
    test_touched();
    test_given_up();
    unlink("alive");
    unlink("go");
    free(text);
    ok(chdir("/") == 0 && rmdir(dir) == 0, "nothing is left behind");
    return done_testing();
}
