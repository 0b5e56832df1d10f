/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Runs a fuzz target over its corpus as a TAP test, where there is no libFuzzer: every file as it
 * is, cut short, and with bytes changed (the same ones in every run). NAME-fuzz reads
 * $top_srcdir/tests/fuzz/corpus/NAME, or the files it is given. */
#include "config.h"
#include "base/fdio.h"
#include "base/str.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/tap.h"

#include <dirent.h>
#include <libgen.h>

enum { MAX_FILE = 1024 * 1024 };
#ifdef __SANITIZE_THREAD__
/* it looks at threads, not at octets, and takes minutes for all of them */
enum { CUTS = 8, CHANGES = 50 };
#else
enum { CUTS = 64, CHANGES = 400 };
#endif

static uint64_t state;

/* xorshift64: any generator will do, as long as runs can be repeated */
static uint64_t next_random(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

/* An own allocation of exactly N bytes, so that a sanitizer sees reads past the end. */
static void run(const char *data, size_t n)
{
    uint8_t *exact = vf_xmalloc(n);
    if (n)
        memcpy(exact, data, n);
    LLVMFuzzerTestOneInput(exact, n);
    free(exact);
}

static void run_file(const char *path)
{
    size_t n;
    vf_autoerror struct vf_error *err = NULL;
    vf_autofree char *data = vf_read_file(path, MAX_FILE, &n, &err);
    if (!data) {
        ok(false, "%s: %s", path, vf_error_text(err));
        return;
    }
    run(data, n);
    for (size_t i = 0; i < CUTS && n; i++)
        run(data, n * i / CUTS);
    static const char interesting[] = "\0\n\"\\{}()=;:,1-@\xff\x80";
    state = 0x9e3779b97f4a7c15u;
    for (size_t i = 0; i < CHANGES && n; i++) {
        vf_autofree char *copy = vf_xmalloc(n);
        memcpy(copy, data, n);
        for (uint64_t k = 0; k <= i % 3; k++)
            copy[next_random() % n] = next_random() & 1
                                          ? interesting[next_random() % sizeof interesting]
                                          : (char)next_random();
        run(copy, n);
    }
    ok(true, "%s", path);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int main(int argc, char **argv)
{
    vf_autostrv char **files = vf_strv_new();
    for (int i = 1; i < argc; i++)
        vf_strv_add(&files, argv[i]);
    const char *srcdir = getenv("top_srcdir");
    vf_autofree char *name = vf_strdup(basename(argv[0]));
    if (vf_ends(name, "-fuzz"))
        name[strlen(name) - 5] = 0;
    vf_autofree char *dir = vf_asprintf("%s/tests/fuzz/corpus/%s", srcdir ? srcdir : ".", name);
    DIR *d = argc > 1 ? NULL : opendir(dir);
    for (struct dirent *e; d && (e = readdir(d));)
        if (e->d_name[0] != '.')
            vf_strv_addf(&files, "%s/%s", dir, e->d_name);
    if (d)
        closedir(d);
    size_t n = vf_strv_len(files);
    ok(n > 0, "%s has a corpus", name);
    if (n)
        qsort(files, n, sizeof *files, by_name);
    for (size_t i = 0; i < n; i++)
        run_file(files[i]);
    return done_testing();
}
