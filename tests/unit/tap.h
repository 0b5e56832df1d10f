/* SPDX-License-Identifier: GPL-3.0-or-later */
/* TAP for unit tests: ok() a line, done_testing() at the end of main. */
#ifndef VF_TESTS_TAP_H
#define VF_TESTS_TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static int tap_count, tap_failed;

__attribute__((format(printf, 4, 5))) static inline bool tap_ok(bool good, const char *file,
                                                                int line, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    printf("%sok %d - ", good ? "" : "not ", ++tap_count);
    vprintf(fmt, ap);
    putchar('\n');
    va_end(ap);
    if (!good) {
        tap_failed++;
        printf("# failed at %s:%d\n", file, line);
    }
    fflush(stdout);
    return good;
}

static inline bool tap_str(const char *got, const char *want, const char *file, int line,
                           const char *what)
{
    bool good = got == want || (got && want && !strcmp(got, want));
    tap_ok(good, file, line, "%s", what);
    if (!good)
        printf("# got  '%s'\n# want '%s'\n", got ? got : "(null)", want ? want : "(null)");
    return good;
}

#define ok(cond, ...)           tap_ok((cond), __FILE__, __LINE__, __VA_ARGS__)
#define is_str(got, want, what) tap_str((got), (want), __FILE__, __LINE__, (what))
#define skip(what, why)         printf("ok %d - %s # SKIP %s\n", ++tap_count, (what), (why))

static inline int done_testing(void)
{
    printf("1..%d\n", tap_count);
    return tap_failed != 0;
}

#endif
