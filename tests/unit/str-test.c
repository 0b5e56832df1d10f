/* SPDX-License-Identifier: GPL-3.0-or-later */
/* str, buf */
#include "config.h"
#include "base/buf.h"
#include "base/proc.h"
#include "base/str.h"
#include "tests/unit/tap.h"

#include <inttypes.h>

static void test_buf(void)
{
    vf_autobuf struct vf_buf b = {0};
    is_str(vf_buf_str(&b), "", "an empty buffer");
    vf_buf_consume(&b, 0);
    vf_buf_puts(&b, "abc");
    vf_buf_add(&b, "d\0e", 3);
    vf_buf_printf(&b, "%d", 42);
    ok(b.len == 8 && !memcmp(b.data, "abcd\0e42", 9), "added, NUL behind");
    vf_buf_consume(&b, 5);
    is_str(vf_buf_str(&b), "e42", "the front consumed");
    memset(vf_buf_room(&b, 1000), 'x', 1000);
    b.len += 1000;
    ok(strlen(vf_buf_str(&b)) == 1003, "written into the room");
    vf_autofree char *taken = vf_buf_take(&b);
    ok(strlen(taken) == 1003 && !b.data && !b.len, "taken out");
    vf_autofree char *nothing = vf_buf_take(&b);
    is_str(nothing, "", "nothing to take is an empty text");
    vf_buf_puts(&b, "x");
    vf_buf_clear(&b);
    is_str(vf_buf_str(&b), "", "cleared");
}

static const struct {
    const char *raw, *shown, *what;
} escapes[] = {
    {"plain \\ \"text\"", "plain \\ \"text\"", "plain text stays"},
    {"a\nb\tc\rd", "a\\nb\\tc\\x0dd", "line ends"},
    {"\033[2J\a", "\\x1b[2J\\x07", "terminal control"},
    {"\x7f", "\\x7f", "DEL"},
    {"gr\xc3\xbc\xc3\x9f \xe6\xbc\xa2 \xf0\x9f\x98\x80",
     "gr\xc3\xbc\xc3\x9f \xe6\xbc\xa2 \xf0\x9f\x98\x80", "UTF-8 stays"},
    {"\xc2\x9b"
     "31m",
     "\\xc2\\x9b31m", "C1 in UTF-8"},
    {"\x9b", "\\x9b", "C1 as a byte"},
    {"a\xe2\x80\xae"
     "b",
     "a\\xe2\\x80\\xaeb", "right-to-left override"},
    {"\xe2\x81\xa6\xef\xbb\xbf\xe2\x80\x8b", "\\xe2\\x81\\xa6\\xef\\xbb\\xbf\\xe2\\x80\\x8b",
     "isolate, byte order mark, zero width space"},
    {"\xc0\x80 \xe0\x80\xaf", "\\xc0\\x80 \\xe0\\x80\\xaf", "overlong forms"},
    {"\xed\xa0\x80 \xf4\x90\x80\x80 \xff", "\\xed\\xa0\\x80 \\xf4\\x90\\x80\\x80 \\xff",
     "surrogates, beyond Unicode, never valid"},
    {"\xe6\xbc", "\\xe6\\xbc", "cut off"},
    {"\xf3\xa0\x81\x81", "\\xf3\\xa0\\x81\\x81", "tag characters"},
};

static void test_escape(void)
{
    for (size_t i = 0; i < VF_COUNT(escapes); i++) {
        vf_autofree char *s = vf_escape(escapes[i].raw);
        is_str(s, escapes[i].shown, escapes[i].what);
    }
    vf_autofree char *nul = vf_escape_n("a\0b", 3), *none = vf_escape(NULL);
    is_str(nul, "a\\x00b", "NUL");
    is_str(none, "", "NULL");
}

static void test_quote(void)
{
    vf_autofree char *q = vf_shell_quote("it's $HOME `x` \\ \"\n");
    is_str(q, "'it'\\''s $HOME `x` \\ \"\n'", "quoted");
    vf_autofree char *empty = vf_shell_quote("");
    is_str(empty, "''", "nothing");
    /* the shell is the judge */
    vf_autofree char *script = vf_asprintf("printf %%s %s", q);
    const char *argv[] = {"/bin/sh", "-c", script, NULL};
    struct vf_proc_result r;
    ok(vf_proc_run(argv, NULL, 0, 1000, NULL, &r, NULL) == 0 && r.status == 0, "a shell reads it");
    is_str(vf_buf_str(&r.out), "it's $HOME `x` \\ \"\n", "as it was");
    vf_proc_result_free(&r);
    vf_autofree char *u = vf_url_encode("a b/c?\xc3\xa4~-._%");
    is_str(u, "a%20b%2Fc%3F%C3%A4~-._%25", "URL");
}

static void test_numbers(void)
{
    static const struct {
        const char *s;
        int want;
    } n[] = {{"0", 0},   {"100", 0}, {"101", -1}, {"", -1},     {" 1", -1},
             {"+1", -1}, {"-1", -1}, {"1x", -1},  {"0x10", -1}, {"99999999999999999999999", -1}};
    for (size_t i = 0; i < VF_COUNT(n); i++) {
        uint64_t v;
        ok(vf_parse_u64(n[i].s, 0, 100, &v) == n[i].want, "number '%s'", n[i].s);
    }
    uint64_t v = 0;
    ok(vf_parse_u64("18446744073709551615", 0, UINT64_MAX, &v) == 0 && v == UINT64_MAX,
       "the largest");
    ok(vf_parse_u64(NULL, 0, 1, &v) < 0, "NULL");
    static const struct {
        uint64_t bytes;
        const char *want;
    } f[] = {{0, "0 B"},
             {1023, "1023 B"},
             {1024, "1.0 KiB"},
             {1536, "1.5 KiB"},
             {10 * 1024, "10 KiB"},
             {1048525, "1.0 MiB"}, /* 1023.95 KiB */
             {1047962, "1023 KiB"},
             {UINT64_C(5) << 30, "5.0 GiB"},
             {UINT64_C(1) << 40, "1.0 TiB"},
             {UINT64_MAX, "16 EiB"}};
    for (size_t i = 0; i < VF_COUNT(f); i++) {
        vf_autofree char *s = vf_format_bytes(f[i].bytes);
        is_str(s, f[i].want, "bytes");
    }
    vf_autofree char *r = vf_format_rate(100000000);
    is_str(r, "800 Mbit/s (95 MiB/s)", "rate");
    vf_autofree char *slow = vf_format_rate(31 << 10);
    is_str(slow, "0.3 Mbit/s (31 KiB/s)", "a slow one is not 0");
    vf_autofree char *one = vf_format_mbit(125000), *ten = vf_format_mbit(1249000);
    is_str(one, "1 Mbit/s", "a whole one");
    is_str(ten, "10 Mbit/s", "from ten on nobody wants to know more");
    vf_autofree char *h = vf_random_hex(16), *g = vf_random_hex(16), *l = vf_random_hex(100);
    ok(strlen(h) == 32 && strspn(h, "0123456789abcdef") == 32 && strcmp(h, g), "random hex");
    ok(strlen(l) == 200, "much of it");
}

static void test_strings(void)
{
    ok(vf_streq(NULL, NULL) && vf_streq("a", "a") && !vf_streq("a", NULL) && !vf_streq(NULL, "a"),
       "vf_streq");
    ok(vf_starts("abc", "ab") && !vf_starts("a", "ab") && !vf_starts(NULL, "a"), "vf_starts");
    ok(vf_ends("abc", "bc") && !vf_ends("c", "bc") && !vf_ends(NULL, "c") && vf_ends("", ""),
       "vf_ends");
    ok(vf_strdup(NULL) == NULL, "vf_strdup of NULL");
    vf_autofree char *s = NULL;
    vf_str_set(&s, "one");
    vf_str_set(&s, s + 1);
    is_str(s, "ne", "vf_str_set from its own text");
    vf_str_set(&s, NULL);
    ok(!s, "vf_str_set to NULL");
    vf_autofree char *m = vf_memdup_str("a\0b", 3);
    ok(!memcmp(m, "a\0b", 4), "vf_memdup_str");

    vf_autostrv char **v = vf_strv_split("::a:bc::d:", ":");
    ok(vf_strv_len(v) == 3 && vf_strv_len(NULL) == 0, "split, empty fields left out");
    vf_strv_addf(&v, "%d", 7);
    vf_autofree char *j = vf_strv_join(v, ", ");
    is_str(j, "a, bc, d, 7", "joined");
    ok(vf_strv_has(v, "bc") && !vf_strv_has(v, "b") && !vf_strv_has(NULL, "b"), "has");
    vf_autostrv char **none = vf_strv_split(NULL, ":");
    ok(vf_strv_len(none) == 0, "split of NULL");

    uint64_t *list = NULL;
    size_t n = 0;
    for (uint64_t i = 0; i < 1000; i++)
        *(uint64_t *)vf_grow(&list, &n, sizeof *list) += i;
    bool good = n == 1000;
    for (uint64_t i = 0; i < n; i++)
        good = good && list[i] == i;
    ok(good, "vf_grow: 1000 zeroed slots");
    free(list);

    vf_autofree char *a = vf_strdup("x");
    char *b = VF_STEAL(a);
    ok(!a && b, "VF_STEAL");
    free(b);
}

int main(void)
{
    test_buf();
    test_escape();
    test_quote();
    test_numbers();
    test_strings();
    return done_testing();
}
