/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fdio, secret */
#include "config.h"
#include "base/fdio.h"
#include "base/secret.h"
#include "base/str.h"
#include "tests/unit/tap.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/vmferry-fdio-test.XXXXXX";

static char *in_dir(const char *name)
{
    return vf_asprintf("%s/%s", dir, name);
}

static void *trickle(void *fd)
{
    for (int i = 0; i < 10; i++)
        if (vf_write_full(*(int *)fd, "0123456789", 10) < 0)
            break;
    close(*(int *)fd);
    return NULL;
}

static void test_full(void)
{
    int p[2];
    pthread_t t;
    char buf[200];
    if (!ok(pipe(p) == 0 && pthread_create(&t, NULL, trickle, &p[1]) == 0, "a slow writer"))
        return;
    ok(vf_read_full(p[0], buf, 95) == 95 && buf[94] == '4', "all that was asked for");
    ok(vf_read_full(p[0], buf, 200) == 5, "what is there before the end");
    ok(vf_read_full(p[0], buf, 200) == 0, "the end");
    pthread_join(t, NULL);
    close(p[0]);
    ok(vf_read_full(p[0], buf, 1) == -1 && errno == EBADF, "an error");
    ok(vf_write_full(-1, buf, 1) == -1 && errno == EBADF, "an error when writing");

    vf_autofree char *path = in_dir("f");
    vf_autofd int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    ok(vf_pwrite_full(fd, "abcdef", 6, UINT64_C(5) << 30) == 0, "written far behind 4 GiB");
    ok(vf_pread_full(fd, buf, 100, (UINT64_C(5) << 30) + 2) == 4 && !memcmp(buf, "cdef", 4),
       "read there");
    vf_autofd int full = open("/dev/full", O_RDWR | O_CLOEXEC);
    ok(full < 0 || (vf_write_full(full, buf, 10) == -1 && errno == ENOSPC), "a full disk");
    ok(full < 0 || (vf_pwrite_full(full, buf, 10, 0) == -1 && errno == ENOSPC),
       "a full disk, at an offset");
    ok(vf_set_nonblock(fd, true) == 0 && (fcntl(fd, F_GETFL) & O_NONBLOCK) &&
           vf_set_nonblock(fd, false) == 0 && !(fcntl(fd, F_GETFL) & O_NONBLOCK),
       "non-blocking and back");
    unlink(path);
}

static int entries(const char *path)
{
    int n = 0;
    DIR *d = opendir(path);
    while (d && readdir(d))
        n++;
    if (d)
        closedir(d);
    return n - 2;
}

static void test_files(void)
{
    vf_autofree char *path = in_dir("file");
    vf_autoerror struct vf_error *e = NULL, *big = NULL, *missing = NULL, *nodir = NULL;
    size_t n;
    umask(077);
    ok(vf_replace_file(path, "one", 3, 0640, &e) == 0, "a new file");
    vf_autofree char *one = vf_read_file(path, 100, &n, &e);
    ok(n == 3 && vf_streq(one, "one"), "read back");
    struct stat st;
    ok(stat(path, &st) == 0 && (st.st_mode & 0777) == 0640, "its mode, whatever the umask");
    ok(vf_replace_file(path, "two\0x", 5, 0600, &e) == 0, "replaced");
    vf_autofree char *two = vf_read_file(path, 5, &n, &e);
    ok(n == 5 && !memcmp(two, "two\0x", 6), "with what is in it, exactly as long as allowed");
    ok(!vf_read_file(path, 4, &n, &big) && vf_error_code(big) == VF_E_CORRUPT, "too long");
    ok(entries(dir) == 1, "no temporary file is left");
    vf_autofree char *none = in_dir("none/file");
    ok(!vf_read_file(none, 9, NULL, &missing) && vf_error_code(missing) == VF_E_NOTFOUND,
       "not there");
    ok(vf_replace_file(none, "x", 1, 0600, &nodir) < 0 && vf_error_code(nodir) == VF_E_NOTFOUND,
       "no folder to write in");
    vf_autofree char *sub = in_dir("sub");
    vf_autoerror struct vf_error *over = NULL;
    ok(mkdir(sub, 0700) == 0 && vf_replace_file(sub, "x", 1, 0600, &over) < 0 && entries(dir) == 2,
       "a failed replacement leaves nothing behind");
    rmdir(sub);
    unlink(path);
}

static void test_mkdirs(void)
{
    vf_autofree char *deep = in_dir("a/b/c"), *a = in_dir("a"), *b = in_dir("a/b"),
                     *file = in_dir("x"), *below = in_dir("x/y");
    vf_autoerror struct vf_error *e = NULL, *taken = NULL, *under = NULL;
    umask(022);
    ok(vf_mkdirs(deep, 0700, &e) == 0 && vf_mkdirs(deep, 0700, &e) == 0, "made, and there already");
    struct stat st;
    ok(stat(b, &st) == 0 && (st.st_mode & 0777) == 0700, "mode of those in between");
    ok(vf_replace_file(file, "", 0, 0600, &e) == 0, "a file");
    ok(vf_mkdirs(file, 0700, &taken) < 0 && vf_error_code(taken) == VF_E_CONFLICT, "is no folder");
    ok(vf_mkdirs(below, 0700, &under) < 0, "has none in it");
    unlink(file);
    rmdir(deep);
    rmdir(b);
    rmdir(a);
}

static void test_secret(void)
{
    vf_auto(vf_secret_free) struct vf_secret *s = vf_secret_new("ab\0c", 4);
    vf_auto(vf_secret_free) struct vf_secret *c = vf_secret_copy(s);
    ok(vf_secret_len(c) == 4 && !memcmp(vf_secret_text(c), "ab\0c", 5), "copied, NUL behind");
    ok(vf_secret_copy(NULL) == NULL, "a copy of none");
    char wiped[4] = "abc";
    vf_wipe(wiped, 4);
    ok(!memcmp(wiped, "\0\0\0\0", 4), "wiped");

    vf_autofree char *path = in_dir("secret");
    static const struct {
        const char *content;
        mode_t mode;
        const char *want; /* NULL: refused */
        enum vf_error_code code;
    } files[] = {
        {"s3cret\nsecond line\n", 0600, "s3cret", VF_OK}, {"s3cret\r\n", 0400, "s3cret", VF_OK},
        {" with blanks ", 0600, " with blanks ", VF_OK},  {"s3cret\n", 0640, NULL, VF_E_PERMISSION},
        {"s3cret\n", 0604, NULL, VF_E_PERMISSION},        {"s3cret\n", 0620, NULL, VF_E_PERMISSION},
        {"\ns3cret\n", 0600, NULL, VF_E_USAGE},           {"", 0600, NULL, VF_E_USAGE},
    };
    for (size_t i = 0; i < VF_COUNT(files); i++) {
        vf_autoerror struct vf_error *e = NULL;
        if (vf_replace_file(path, files[i].content, strlen(files[i].content), files[i].mode, &e) <
            0)
            printf("# %s\n", vf_error_text(e));
        vf_auto(vf_secret_free) struct vf_secret *f = vf_secret_from_file(path, &e);
        ok(vf_streq(f ? vf_secret_text(f) : NULL, files[i].want) &&
               (f || vf_error_code(e) == files[i].code),
           "file %zu, mode %04o: %s", i, (unsigned)files[i].mode, f ? "read" : vf_error_text(e));
        ok(!e || !strstr(vf_error_text(e), "s3cret"), "its secret is in no message");
    }
    vf_autofree char *big = vf_xmalloc(100000);
    memset(big, 'x', 100000);
    vf_autoerror struct vf_error *e = NULL, *gone = NULL;
    ok(vf_replace_file(path, big, 100000, 0600, NULL) == 0 && !vf_secret_from_file(path, &e) &&
           vf_error_code(e) == VF_E_USAGE,
       "a file that is too long is refused, not cut");
    unlink(path);
    ok(!vf_secret_from_file(path, &gone) && vf_error_code(gone) == VF_E_NOTFOUND, "not there");
}

static void test_command(void)
{
    vf_auto(vf_secret_free) struct vf_secret *s =
        vf_secret_from_command("printf 's3cret\\nmore\\n'; echo noise >&2", "alpha", NULL, NULL);
    is_str(s ? vf_secret_text(s) : NULL, "s3cret", "the first line a command prints");
    vf_autoerror struct vf_error *failed = NULL, *empty = NULL;
    ok(!vf_secret_from_command("echo s3cret; echo; echo 'gpg: no \033key' >&2; exit 2", "alpha",
                               NULL, &failed) &&
           vf_error_code(failed) == VF_E_AUTH,
       "a command that fails");
    is_str(vf_error_text(failed),
           "the command configured for the secret ended with status 2: gpg: no \\x1bkey",
           "its complaint is told, what it printed is not");
    ok(!vf_secret_from_command("echo", "alpha", NULL, &empty) &&
           strstr(vf_error_text(empty), "printed nothing"),
       "a command that prints nothing");
    vf_auto(vf_cancel_free) struct vf_cancel *c = vf_cancel_new(NULL);
    vf_autoerror struct vf_error *ended = NULL;
    vf_cancel_fire(c, "enough");
    ok(!vf_secret_from_command("exec sleep 1000", "alpha", c, &ended) &&
           vf_error_code(ended) == VF_E_CANCELLED,
       "a command that waits for somebody is ended by a cancel");
}

static void test_no_core(void)
{
    struct rlimit l;
    vf_secrets_no_core();
    ok(getrlimit(RLIMIT_CORE, &l) == 0 && l.rlim_cur == 0 && l.rlim_max == 0,
       "a process with secrets leaves no core file");
}

int main(void)
{
    if (!mkdtemp(dir))
        return 99;
    test_full();
    test_files();
    test_mkdirs();
    test_secret();
    test_command();
    ok(rmdir(dir) == 0, "nothing is left behind");
    test_no_core();
    return done_testing();
}
