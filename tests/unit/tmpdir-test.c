/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Private directories: removed by who made them, or by the next when that was killed; nobody else's
 * are touched. */
#include "config.h"
#include "base/tmpdir.h"
#include "base/fdio.h"
#include "base/str.h"
#include "tests/unit/tap.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char parent[] = "/tmp/vmferry-tmpdir-test.XXXXXX";

static bool there(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

static void put(const char *dir, const char *name, const char *text)
{
    vf_autofree char *path = vf_asprintf("%s/%s", dir, name);
    vf_replace_file(path, text, strlen(text), 0600, NULL);
}

/* A process that has one, with a file in it; its path is returned. */
static char *another(pid_t *pid)
{
    int p[2];
    char path[256] = "";
    if (pipe(p) < 0 || (*pid = fork()) < 0)
        return NULL;
    if (*pid == 0) {
        struct vf_tmpdir t;
        if (vf_tmpdir_make(parent, "x-", &t) < 0)
            _exit(1);
        put(t.path, "ctl", "");
        vf_write_full(p[1], t.path, strlen(t.path));
        close(p[1]);
        for (;;)
            pause();
    }
    close(p[1]);
    ssize_t n = vf_read_full(p[0], path, sizeof path - 1);
    close(p[0]);
    return n > 0 ? vf_strdup(path) : NULL;
}

static void end(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

int main(void)
{
    struct vf_tmpdir t, second;
    struct stat st;
    pid_t killed = -1, lives = -1;
    if (!mkdtemp(parent))
        return 99;
    vf_autofree char *dead = another(&killed), *other = another(&lives);
    ok(dead && other && there(dead), "two processes have one each");
    if (!dead || !other)
        return done_testing();
    end(killed);
    vf_autofree char *fresh = vf_asprintf("%s/x-fresh1", parent);
    vf_autofree char *bare = vf_asprintf("%s/x-nolock", parent);
    vf_autofree char *longer = vf_asprintf("%s/x-longer7", parent);
    vf_autofree char *link = vf_asprintf("%s/x-linked", parent);
    mkdir(fresh, 0700);
    put(fresh, "lock", "");
    mkdir(bare, 0700);
    mkdir(longer, 0700);
    put(longer, "lock", "1\n");
    ok(symlink(longer, link) == 0, "and there is more of that name");
    ok(vf_tmpdir_make(parent, "x-", &t) == 0 && stat(t.path, &st) == 0 &&
           (st.st_mode & 0777) == 0700,
       "the next has its own");
    ok(!there(dead), "what the one that was killed left is gone");
    ok(there(other), "that of the one that lives is not");
    ok(there(fresh) && there(bare) && there(longer) && there(link),
       "nor what is just being made, is not known, is called otherwise, or leads elsewhere");
    ok(vf_tmpdir_make(parent, "x-", &second) == 0 && there(t.path), "our own stays, too");
    vf_tmpdir_remove(&second);
    put(t.path, "a", "b");
    vf_autofree char *path = vf_strdup(t.path);
    vf_tmpdir_remove(&t);
    ok(!there(path) && !t.path, "until we remove it");
    ok(vf_tmpdir_make("/nowhere", "x-", &t) < 0 && errno == ENOENT, "where there is nothing");
    vf_tmpdir_remove(&t);
    end(lives);
    const char *argv[] = {"rm", "-rf", parent, NULL};
    if (fork() == 0) {
        execvp(argv[0], (char *const *)argv);
        _exit(1);
    }
    wait(NULL);
    return done_testing();
}
