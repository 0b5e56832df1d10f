/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fill KIND FILE MIB: makes a disk to be copied, the same in every run.
 *   dense   random bytes
 *   text    words, as in logs and mails: a fast compressor makes a third of them
 *   sparse  MIB of data in 256 runs, spread over sixteen times as much
 *   change  replaces a hundredth of FILE (which exists) in runs of 64 KiB */
#include "config.h"
#include "base/fdio.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BLOCK = 1 << 16, MIB = 1 << 20, RUNS = 256, SPREAD = 16, WORDS = 1 << 13, WORD_MAX = 12 };

static uint64_t state = 0x9e3779b97f4a7c15ULL;

/* xorshift64 */
static uint64_t next_random(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static void random_block(char *buf)
{
    for (size_t i = 0; i < BLOCK; i += sizeof state) {
        uint64_t x = next_random();
        memcpy(buf + i, &x, sizeof x);
    }
}

static char words[WORDS][WORD_MAX + 1];

static void make_words(void)
{
    for (size_t i = 0; i < WORDS; i++) {
        uint64_t x = next_random();
        size_t n = 3 + x % (WORD_MAX - 3);
        for (size_t k = 0; k < n; k++, x /= 26)
            words[i][k] = (char)('a' + x % 26);
        words[i][n] = ' ';
    }
}

/* Few words are common, most are rare. */
static void text_block(char *buf)
{
    for (size_t at = 0; at < BLOCK;) {
        uint64_t x = next_random(), y = (x >> 20) % WORDS;
        const char *w = words[y * (x % WORDS) / WORDS * ((x >> 40) % WORDS) / WORDS];
        size_t n = strlen(w);
        n = n < BLOCK - at ? n : BLOCK - at;
        memcpy(buf + at, w, n);
        at += n;
    }
}

static int put_blocks(int fd, uint64_t at, uint64_t n, void (*make)(char *buf))
{
    static char buf[BLOCK];
    for (uint64_t done = 0; done < n; done += BLOCK) {
        make(buf);
        if (vf_pwrite_full(fd, buf, n - done < BLOCK ? (size_t)(n - done) : BLOCK, at + done) < 0)
            return -1;
    }
    return 0;
}

static int fill_dense(int fd, uint64_t size)
{
    return put_blocks(fd, 0, size, random_block);
}

static int fill_text(int fd, uint64_t size)
{
    make_words();
    return put_blocks(fd, 0, size, text_block);
}

static int fill_sparse(int fd, uint64_t data)
{
    if (ftruncate(fd, (off_t)(data * SPREAD)) < 0)
        return -1;
    for (uint64_t i = 0; i < RUNS; i++)
        if (put_blocks(fd, i * (data * SPREAD / RUNS), data / RUNS, random_block) < 0)
            return -1;
    return 0;
}

static int change(int fd, uint64_t unused)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return -1;
    uint64_t blocks = (uint64_t)st.st_size / BLOCK;
    state ^= 0x5555; /* not what is there */
    for (uint64_t i = 0; i < blocks / 100; i++)
        if (put_blocks(fd, i * 100 * BLOCK, BLOCK, random_block) < 0)
            return -1;
    return 0;
}

static const struct {
    const char *name;
    int (*make)(int fd, uint64_t size);
} kinds[] = {
    {"dense", fill_dense}, {"text", fill_text}, {"sparse", fill_sparse}, {"change", change}};

int main(int argc, char **argv)
{
    uint64_t mib = 0;
    if (argc != 4 || vf_parse_u64(argv[3], 0, 1 << 20, &mib) < 0)
        return 2;
    vf_autofd int fd = open(argv[2], O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    for (size_t i = 0; fd >= 0 && i < VF_COUNT(kinds); i++)
        if (vf_streq(kinds[i].name, argv[1]) && kinds[i].make(fd, mib * MIB) == 0 && fsync(fd) == 0)
            return 0;
    fprintf(stderr, "fill: %s: %s\n", argv[2], strerror(errno));
    return 1;
}
