/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The record of a job on a host: who holds it, who may take it, what of the journal gets there. By
 * the shell of this machine, with a /var/lib of its own. */
#include "config.h"
#include "base/fdio.h"
#include "base/str.h"
#include "xfer/mirror.h"

#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <sys/mount.h>
#include <time.h>
#include <unistd.h>

#include "tap.h"

static const char job[] = "20261121-074812-3fa9c2";
static const char ours[] = "0123456789abcdef", theirs[] = "fedcba9876543210";
static char dir[4096]; /* of the record */

static enum vf_mirror_word take(const char *token, int limit_ms, bool make, bool any)
{
    struct vf_mirror_claim c = {
        .job = job, .token = token, .limit_ms = limit_ms, .make = make, .any = any};
    struct vf_mirror_says s;
    vf_autoerror struct vf_error *err = NULL;
    if (vf_mirror_take(NULL, &c, NULL, &s, &err) < 0)
        printf("# %s\n", vf_error_text(err));
    enum vf_mirror_word word = s.word;
    if (s.dir)
        snprintf(dir, sizeof dir, "%s", s.dir);
    if (s.who)
        printf("# %s, process %u, silent for %.2f s\n", s.who, s.pid, s.silent);
    vf_mirror_says_clear(&s);
    return word;
}

/* The word, and how much is there then. */
static enum vf_mirror_word put(const char *token, uint64_t offset, const char *data, uint64_t *size,
                               bool *stamped)
{
    struct vf_mirror_says s;
    vf_autoerror struct vf_error *err = NULL;
    if (vf_mirror_put(NULL, job, token, offset, data, NULL, &s, &err) < 0)
        printf("# %s\n", vf_error_text(err));
    enum vf_mirror_word word = s.word;
    *size = s.size;
    if (stamped)
        *stamped = s.stamped;
    vf_mirror_says_clear(&s);
    return word;
}

static char *content(const char *name)
{
    vf_autofree char *path = vf_asprintf("%s/%s", dir, name);
    char *text = vf_read_file(path, 1 << 20, NULL, NULL);
    return text ? text : vf_strdup("(none)");
}

static void test_journal(void)
{
    uint64_t size;
    ok(put(ours, 0, NULL, &size, NULL) == VF_MIRROR_NONE, "nothing is there at first");
    ok(take(ours, 60000, false, false) == VF_MIRROR_NONE, "nor is it made unasked");
    ok(take(ours, 60000, true, false) == VF_MIRROR_OURS, "it is made");
    put(ours, 0, "it's \"a\" $line\n", &size, NULL);
    ok(size == 15, "a line gets there");
    put(ours, 15, "two\n", &size, NULL);
    put(ours, 15, "2nd\n", &size, NULL);
    vf_autofree char *text = content("journal.jsonl");
    is_str(text, "it's \"a\" $line\n2nd\n", "one whose answer was lost is written once");
    put(ours, 100, "far\n", &size, NULL);
    ok(size == 19, "what would leave a gap is not written");
    struct vf_mirror_says s;
    ok(vf_mirror_plan(NULL, job, ours, "plan = 1;\n", NULL, &s, NULL) == 0, "the plan");
    vf_mirror_says_clear(&s);
    vf_autofree char *plan = content("plan.cfg");
    is_str(plan, "plan = 1;\n", "gets there too");
}

static void test_full(void)
{
    uint64_t size = 0;
    bool stamped = false;
    vf_autofree char *big = vf_xcalloc(1, 8193);
    memset(big, 'x', 8192);
    vf_autofd int fill = open("/var/lib/fill", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    while (write(fill, big, 4096) > 0)
        ;
    enum vf_mirror_word word = put(ours, 19, big, &size, &stamped);
    ok(word == VF_MIRROR_OURS && size == 19, "without room nothing is written, not even in part");
    ok(stamped, "but a sign of life");
    ok(take(theirs, 60000, true, true) == VF_MIRROR_OTHER, "so that it is not taken over");
    unlink("/var/lib/fill");
}

/* Sooner or later. */
static bool is_left(void)
{
    for (int i = 0; i < 500; i++) {
        if (take(theirs, 60000, false, false) == VF_MIRROR_LEFT)
            return true;
        usleep(200 * 1000);
    }
    return false;
}

static void test_holder(void)
{
    uint64_t size;
    ok(take(theirs, 60000, true, false) == VF_MIRROR_OTHER, "another is told who has it");
    ok(take(theirs, 60000, false, true) == VF_MIRROR_OTHER, "who lives keeps it");
    ok(take(ours, 1000, false, false) == VF_MIRROR_OURS, "its holder takes it anew");
    put(ours, 19, NULL, &size, NULL);
    ok(is_left(), "silent for long enough, it is left");
    enum vf_mirror_word word = VF_MIRROR_LEFT;
    for (int i = 0; i < 200 && word == VF_MIRROR_LEFT; i++) { /* each may take longer than that */
        put(ours, 19, NULL, &size, NULL);
        word = take(theirs, 60000, false, false);
    }
    ok(word == VF_MIRROR_OTHER, "unless it speaks again");
    ok(is_left() && take(theirs, 60000, false, true) == VF_MIRROR_OURS, "then another may take it");
    ok(put(ours, 19, "mine\n", &size, NULL) == VF_MIRROR_OTHER, "which the first one notices");
    vf_autofree char *text = content("journal.jsonl");
    ok(!strstr(text, "mine"), "and writes nothing any more");
    ok(vf_mirror_drop(NULL, job, ours, NULL, NULL) < 0, "nor removes it");
    ok(vf_mirror_release(NULL, job, ours, NULL, NULL) == 0 &&
           take(ours, 60000, false, true) == VF_MIRROR_OTHER,
       "nor lets go of what is another's");
    vf_mirror_release(NULL, job, theirs, NULL, NULL);
    ok(take(ours, 60000, false, true) == VF_MIRROR_OURS, "who ended has let go");
}

/* The host was booted since: it has been silent for as long as that is up. */
static void test_boot(void)
{
    struct timespec up;
    clock_gettime(CLOCK_BOOTTIME, &up);
    if (up.tv_sec > INT_MAX / 1000 - 60) {
        skip("silent since the host was booted", "that is too long ago");
        vf_mirror_release(NULL, job, ours, NULL, NULL);
        return (void)take(theirs, 60000, false, true);
    }
    ok(take(ours, INT_MAX, false, false) == VF_MIRROR_OURS, "one who may be silent long");
    vf_autofree char *text = content("holder"), *path = vf_asprintf("%s/holder", dir);
    char *boot = strchr(strchr(text, ' ') + 1, ' ') + 1;
    boot[0] = boot[0] == 'a' ? 'b' : 'a';
    ok(vf_replace_file(path, text, strlen(text), 0600, NULL) == 0, "the host was booted");
    ok(take(theirs, 60000, false, true) == VF_MIRROR_OTHER, "it is not up for long enough");
    ok(take(ours, 100, false, false) == VF_MIRROR_OURS, "the holder goes on");
    vf_str_set(&text, NULL);
    text = content("holder");
    boot = strchr(strchr(text, ' ') + 1, ' ') + 1;
    boot[0] = boot[0] == 'a' ? 'b' : 'a';
    ok(vf_replace_file(path, text, strlen(text), 0600, NULL) == 0, "once more");
    ok(take(theirs, 60000, false, true) == VF_MIRROR_OURS, "it is: who held it before is gone");
}

static void test_list(void)
{
    static const char line[] = "{\"type\":\"job\",\"vm\":\"web1\"}\n";
    struct vf_mirror *v = NULL;
    size_t n = 0;
    uint64_t size;
    vf_autoerror struct vf_error *err = NULL;
    put(theirs, 0, line, &size, NULL);
    ok(vf_mirror_list(NULL, &v, &n, &err) == 0 && n == 1, "one record is found: %s",
       vf_error_text(err));
    ok(n == 1 && vf_streq(v[0].job, job) && vf_streq(v[0].dir, dir), "by its directory");
    ok(n == 1 && v[0].line && vf_starts(line, v[0].line), "it says what it is of");
    ok(n == 1 && v[0].holder.word == VF_MIRROR_OTHER && v[0].holder.pid == (unsigned)getpid(),
       "and who holds it");
    vf_mirrors_free(v, n);
    ok(vf_mirror_drop(NULL, job, NULL, NULL, &err) < 0 && vf_error_code(err) == VF_E_CONFLICT,
       "while that one lives nobody else removes it");
    ok(vf_mirror_drop(NULL, job, theirs, NULL, NULL) == 0 && access(dir, F_OK) < 0,
       "its holder does");
    ok(access("/var/lib/vmferry", F_OK) < 0, "with what was made for it");
}

int main(void)
{
    if (geteuid() || unshare(CLONE_NEWNS) < 0 ||
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("tmpfs", "/var/lib", "tmpfs", 0, "mode=0755,size=128k") < 0) {
        printf("1..0 # SKIP a /var/lib of its own needs root and namespaces\n");
        return 0;
    }
    test_journal();
    test_full();
    test_holder();
    test_boot();
    test_list();
    return done_testing();
}
