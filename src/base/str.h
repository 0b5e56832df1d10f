/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Strings and memory. Allocation failure ends the process: a program that moves disks gains nothing
 * from limping on, and every job can be resumed. */
#ifndef VF_BASE_STR_H
#define VF_BASE_STR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/cleanup.h"

void *vf_xmalloc(size_t n);
void *vf_xcalloc(size_t n, size_t size);
void *vf_xrealloc(void *p, size_t n);
/* Makes room for N + 1 elements of *ARRAY (which holds N), growing by doubling; returns the new
 * slot, zeroed: `struct x *x = vf_grow(&list, &n, sizeof *list)`. N is counted up. */
void *vf_grow(void *array, size_t *n, size_t size);

char *vf_strdup(const char *s); /* NULL stays NULL */
char *vf_strndup(const char *s, size_t n);
char *vf_memdup_str(const void *data,
                    size_t n); /* N bytes, NULs among them too, and a NUL behind */
char *vf_asprintf(const char *fmt, ...) VF_PRINTF(1, 2);
char *vf_vasprintf(const char *fmt, va_list ap) VF_PRINTF(1, 0);
/* Frees *DST and puts a copy of S (may be NULL) there. */
void vf_str_set(char **dst, const char *s);

bool vf_streq(const char *a, const char *b); /* NULL equals only NULL */
bool vf_starts(const char *s, const char *prefix);
bool vf_ends(const char *s, const char *suffix);

/* Whole string as a decimal number within MIN..MAX; -1 when it is not one. */
int vf_parse_u64(const char *s, uint64_t min, uint64_t max, uint64_t *out);

/* NULL-terminated vectors of owned strings. */
char **vf_strv_new(void);
void vf_strv_add(char ***v, const char *s);
void vf_strv_addf(char ***v, const char *fmt, ...) VF_PRINTF(2, 3);
size_t vf_strv_len(char *const *v); /* of NULL: 0 */
bool vf_strv_has(char *const *v, const char *s);
/* Splits at any character of SEPS; empty fields are left out. */
char **vf_strv_split(const char *s, const char *seps);
char *vf_strv_join(char *const *v, const char *sep);
void vf_strv_free(char **v);
VF_DEFINE_CLEANUP(char **, vf_strv_free)
#define vf_autostrv vf_auto(vf_strv_free)

/* Text from elsewhere, safe to draw and log: control bytes, invalid UTF-8, C1 and bidi controls
 * become \xNN; newline becomes \n, tab \t. Caller frees. */
char *vf_escape(const char *s);
char *vf_escape_n(const char *s, size_t n);

/* The one shell quoting function (POSIX sh). Caller frees. */
char *vf_shell_quote(const char *s);

/* Percent-encodes everything but A-Z a-z 0-9 - . _ ~ (RFC 3986). Caller frees. */
char *vf_url_encode(const char *s);

/* Rates are given in Mbit/s, and used in bytes per second. */
enum { VF_MBPS = 1000000 / 8, VF_MAX_MBPS = 1000000 };
/* "9.5 GiB", "12 GiB"; "800 Mbit/s", "0.3 Mbit/s"; "800 Mbit/s (95 MiB/s)"; caller frees. */
char *vf_format_bytes(uint64_t bytes);
char *vf_format_mbit(uint64_t bytes_per_second);
char *vf_format_rate(uint64_t bytes_per_second);

/* The width for "%-*s" that makes TEXT (UTF-8) fill COLUMNS: printf counts bytes. */
int vf_pad(const char *text, int columns);

/* N random bytes as lower-case hex (2N characters). Caller frees. */
char *vf_random_hex(size_t n);

#endif
