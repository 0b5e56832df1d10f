/* SPDX-License-Identifier: GPL-3.0-or-later */
/* error, clock, log */
#include "config.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/fdio.h"
#include "base/log.h"
#include "base/str.h"
#include "tests/unit/tap.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

static int fails(struct vf_error **err)
{
    return vf_fail(err, VF_E_NET, "the line to %s was cut", "b1");
}

static void test_error(void)
{
    vf_autoerror struct vf_error *e = NULL;
    ok(fails(&e) == -1, "vf_fail returns -1");
    is_str(vf_error_text(e), "the line to b1 was cut", "text");
    ok(vf_error_code(e) == VF_E_NET && vf_error_is_transient(e), "code");
    vf_fail(&e, VF_E_AUTH, "later");
    is_str(vf_error_text(e), "the line to b1 was cut", "the first cause is kept");
    ok(vf_fail_prefix(&e, "disk %d", 1) == -1, "prefix returns -1");
    is_str(vf_error_text(e), "disk 1: the line to b1 was cut", "prefixed");

    vf_autoerror struct vf_error *copy = vf_error_copy(e);
    is_str(vf_error_text(copy), vf_error_text(e), "copied");
    ok(copy != e && vf_error_copy(NULL) == NULL, "as one of its own");

    vf_autoerror struct vf_error *to = NULL;
    ok(vf_fail_with(&to, VF_STEAL(copy)) == -1 && !copy, "moved");
    is_str(vf_error_text(to), vf_error_text(e), "text moved along");
    vf_fail_with(&to, vf_error_copy(e));
    vf_fail_with(NULL, vf_error_copy(e));
    ok(fails(NULL) == -1 && vf_fail_prefix(NULL, "x") == -1, "without a place for errors");
    struct vf_error *none = NULL;
    ok(vf_fail_prefix(&none, "x") == -1 && !none, "a prefix of no error");
    is_str(vf_error_text(NULL), "unknown error", "text of none");
    ok(vf_error_code(NULL) == VF_E_INTERNAL && !vf_error_is_transient(NULL), "code of none");
}

static const struct {
    int number;
    enum vf_error_code code;
} numbers[] = {
    {ENOSPC, VF_E_NOSPACE},  {EDQUOT, VF_E_NOSPACE},  {EACCES, VF_E_PERMISSION},
    {ENOENT, VF_E_NOTFOUND}, {EEXIST, VF_E_CONFLICT}, {ECONNREFUSED, VF_E_NET},
    {ETIMEDOUT, VF_E_NET},   {EPIPE, VF_E_NET},       {EIO, VF_E_IO},
    {ENETDOWN, VF_E_NET},    {0, VF_E_INTERNAL},      {EOPNOTSUPP, VF_E_UNSUPPORTED},
};

static void test_codes(void)
{
    for (size_t i = 0; i < VF_COUNT(numbers); i++) {
        vf_autoerror struct vf_error *e = NULL;
        vf_fail_errno(&e, numbers[i].number, "x");
        ok(vf_error_code(e) == numbers[i].code, "errno %d is %s", numbers[i].number,
           vf_error_code_name(numbers[i].code));
    }
    vf_autoerror struct vf_error *e = NULL;
    vf_fail_errno(&e, ENOSPC, "disk %d", 7);
    is_str(vf_error_text(e), "disk 7: No space left on device", "errno's text");
    bool all = true;
    for (int c = VF_OK; c <= VF_E_INTERNAL; c++)
        all = all && vf_error_code_from_name(vf_error_code_name((enum vf_error_code)c)) ==
                         (enum vf_error_code)c;
    ok(all, "every code has a name that leads back");
    is_str(vf_error_code_name((enum vf_error_code)99), "INTERNAL", "no such code");
    ok(vf_error_code_from_name("NOPE") == VF_E_INTERNAL &&
           vf_error_code_from_name(NULL) == VF_E_INTERNAL,
       "no such name");
}

static void test_clock(void)
{
    int64_t a = vf_clock_ns(), b = vf_clock_ns();
    ok(a > 0 && b >= a, "the clock goes forward");
    vf_autofree char *s = vf_clock_stamp(1795244400);
    is_str(s, "2026-11-21T07:00:00Z", "a stamp");
    vf_autofree char *epoch = vf_clock_stamp(0);
    is_str(epoch, "1970-01-01T00:00:00Z", "the first one");
    static const struct {
        double seconds;
        const char *want;
    } d[] = {{0, "0.0 s"},          {0.44, "0.4 s"},        {9.94, "9.9 s"},
             {9.96, "10 s"},        {59.4, "59 s"},         {59.6, "1 min 00 s"},
             {185, "3 min 05 s"},   {3599.6, "1 h 00 min"}, {7620, "2 h 07 min"},
             {90000, "25 h 00 min"}};
    for (size_t i = 0; i < VF_COUNT(d); i++) {
        vf_autofree char *got = vf_format_duration(d[i].seconds);
        is_str(got, d[i].want, "a duration");
    }
}

static void test_log(void)
{
    char dir[] = "/tmp/vmferry-log-test.XXXXXX";
    if (!ok(mkdtemp(dir) != NULL, "mkdtemp"))
        return;
    vf_autofree char *path = vf_asprintf("%s/log", dir);
    vf_autoerror struct vf_error *e = NULL;
    umask(0);
    ok(vf_log_open(path, &e) == 0, "opened");
    vf_info("area", "first \033[31m line\nand %d", 2);
    vf_log_close();
    vf_info("area", "not written");
    ok(vf_log_open(path, &e) == 0, "opened again");
    vf_debug("other", "second");
    vf_log_close();
    vf_autofree char *text = vf_read_file(path, 4096, NULL, &e);
    ok(text && strstr(text, "Z info  area: first \\x1b[31m line\\nand 2\n"),
       "escaped, on one line");
    ok(text && strstr(text, "Z debug other: second\n"), "appended");
    ok(text && !strstr(text, "not written"), "nothing after the close");
    struct stat st;
    ok(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600, "mode 0600 whatever the umask");
    ok(vf_log_open(dir, &e) < 0 && e, "a log that cannot be opened is an error");
    unlink(path);
    rmdir(dir);
}

int main(void)
{
    test_error();
    test_codes();
    test_clock();
    test_log();
    return done_testing();
}
