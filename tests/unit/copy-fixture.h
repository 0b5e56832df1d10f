/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What tests of whole copies share: two real movers on this machine (local route), disks to copy,
 * and a copy that is slow enough to be disturbed. */
#ifndef VF_TESTS_COPY_FIXTURE_H
#define VF_TESTS_COPY_FIXTURE_H

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/fdio.h"
#include "base/proc.h"
#include "base/str.h"
#include "xfer/route.h"
#include "tests/unit/tap.h"

#define MIB (1 << 20)

enum { OFF = 7 }; /* vf_copy_opts.compress */

static char *dir, *mover;
static unsigned streams_wanted; /* by open_pair() */

struct pair {
    struct vf_mover_host *source, *target;
    struct vf_route *route;
};

static inline int run(const char *const argv[])
{
    struct vf_proc_result r = {0};
    if (vf_proc_run(argv, NULL, 0, 1 << 20, NULL, &r, NULL) < 0)
        return -1;
    if (r.status)
        printf("# %s: %s\n", argv[0], vf_buf_str(&r.err));
    vf_proc_result_free(&r);
    return r.status;
}

static inline void show(const struct vf_error *e)
{
    if (e)
        printf("# %s: %s\n", vf_error_code_name(vf_error_code(e)), vf_error_text(e));
}

static inline struct vf_mover_host *open_host(uint64_t epoch)
{
    static int n;
    vf_autofree char *job = vf_asprintf("test-%d-%d", (int)getpid(), n++);
    struct vf_mover_opts o = {.job = job, .epoch = epoch, .mover = mover};
    vf_autoerror struct vf_error *e = NULL;
    struct vf_mover_host *h = vf_mover_host_open(NULL, &o, &e);
    show(e);
    return h;
}

/* Both movers belong to one job, as in a real move. */
static inline bool open_pair(struct pair *p)
{
    static int n;
    vf_autofree char *job = vf_asprintf("pair-%d-%d", (int)getpid(), n++);
    struct vf_mover_opts o = {.job = job, .epoch = 1, .mover = mover};
    vf_autoerror struct vf_error *e = NULL;
    *p = (struct pair){0};
    p->source = vf_mover_host_open(NULL, &o, &e);
    p->target = p->source ? vf_mover_host_open(NULL, &o, &e) : NULL;
    struct vf_route_opts r = {
        .source_label = "a1", .target_label = "b2", .streams = streams_wanted};
    p->route = p->target ? vf_route_open(p->source, p->target, &r, &e) : NULL;
    show(e);
    return p->route != NULL;
}

static inline void close_pair(struct pair *p)
{
    vf_route_free(p->route);
    vf_mover_host_free(p->source);
    vf_mover_host_free(p->target);
}

static inline char *path_of(const char *name)
{
    return vf_asprintf("%s/%s", dir, name);
}

/* A raw pattern: data, a hole, zeroes that are written, a chunk that is partly zero, an odd end. */
static inline char *make_pattern(const char *name, uint64_t size)
{
    char *path = path_of(name);
    vf_autofd int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    vf_autofree char *buf = vf_xmalloc(MIB);
    if (fd < 0 || ftruncate(fd, (off_t)size) < 0)
        return path;
    uint64_t x = 88172645463325252ULL;
    for (int chunk = 0; chunk < 24; chunk++) {
        uint64_t at = (uint64_t)chunk * MIB * (chunk < 8 ? 1 : 2);
        if (at + MIB > size)
            break;
        for (size_t i = 0; i < MIB; i += 8) {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            memcpy(buf + i, &x, 8);
        }
        if (chunk >= 20)
            memset(buf, 0, MIB);
        if (chunk == 5)
            memset(buf + 4096, 0, MIB - 8192);
        vf_pwrite_full(fd, buf, MIB, at);
    }
    vf_pwrite_full(fd, "the end", 7, size - 512);
    return path;
}

/* Chunks that can be made smaller, no two parts of 4 KiB alike. */
static inline char *make_text(const char *name, uint64_t size)
{
    char *path = path_of(name);
    vf_autofd int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    vf_autofree char *buf = vf_xmalloc(MIB);
    uint64_t x = 88172645463325252ULL;
    for (size_t i = 0; i < MIB; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        buf[i] = (char)('a' + (x >> 40) % 4);
    }
    for (uint64_t at = 0; fd >= 0 && at < size; at += MIB) {
        for (size_t i = 0; i < MIB; i += 4096)
            vf_put_u64(buf + i, at + i);
        vf_pwrite_full(fd, buf, MIB, at);
    }
    return path;
}

static inline char *make_target(const char *name, const char *format, uint64_t size)
{
    char *path = path_of(name);
    vf_autofree char *bytes = vf_asprintf("%llu", (unsigned long long)size);
    const char *argv[] = {"qemu-img", "create", "-q", "-f", format, path, bytes, NULL};
    vf_autofd int fd = -1;
    if (!vf_streq(format, "raw"))
        run(argv);
    else if ((fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)) < 0 ||
             ftruncate(fd, (off_t)size) < 0)
        printf("# %s cannot be made\n", path);
    return path;
}

/* Where there is data of FD from AT on, END if there is none any more. */
static inline uint64_t next_data(int fd, uint64_t at, uint64_t end)
{
    off_t data = lseek(fd, (off_t)at, SEEK_DATA);
    return data >= 0 ? (uint64_t)data : errno == ENXIO ? end : at;
}

/* Of raw disks; what one is longer must be zero. */
static inline bool same_bytes(const char *a, const char *b)
{
    vf_autofd int one = open(a, O_RDONLY | O_CLOEXEC), two = open(b, O_RDONLY | O_CLOEXEC);
    vf_autofree char *x = vf_xmalloc(MIB), *y = vf_xmalloc(MIB);
    off_t m = lseek(one, 0, SEEK_END), n = lseek(two, 0, SEEK_END);
    if (one < 0 || two < 0 || m < 0 || n < 0)
        return false;
    uint64_t at = 0, end = (uint64_t)(m > n ? m : n);
    for (; at < end; at += MIB) {
        uint64_t in_one = next_data(one, at, end), in_two = next_data(two, at, end);
        at = in_one < in_two ? in_one : in_two;
        memset(x, 0, MIB);
        memset(y, 0, MIB);
        if (vf_pread_full(one, x, MIB, at) < 0 || vf_pread_full(two, y, MIB, at) < 0 ||
            memcmp(x, y, MIB) != 0) {
            printf("# %s and %s differ near %llu\n", a, b, (unsigned long long)at);
            return false;
        }
    }
    return true;
}

static inline bool identical(const char *a, const char *a_format, const char *b,
                             const char *b_format)
{
    if (vf_streq(a_format, "raw") && vf_streq(b_format, "raw"))
        return same_bytes(a, b);
    const char *argv[] = {"qemu-img", "compare", "-q", "-f", a_format, "-F", b_format, a, b, NULL};
    return run(argv) == 0;
}

static inline uint64_t allocated(const char *path)
{
    struct stat st;
    return stat(path, &st) < 0 ? UINT64_MAX : (uint64_t)st.st_blocks * 512;
}

static inline int copy(struct pair *p, const char *from, const char *from_format, const char *to,
                       const char *to_format, struct vf_copy_opts *o, struct vf_copy_result *out,
                       struct vf_error **err)
{
    struct vf_progress progress = {0};
    o->source = (struct vf_copy_end){.path = from, .format = from_format};
    o->target = (struct vf_copy_end){.path = to, .format = to_format};
    int r = vf_copy_disk(p->route, o, &progress, out, err);
    if (r == 0)
        ok(progress.done == out->size && progress.stage == VF_STAGE_FINISH,
           "progress ends at the end");
    return r;
}

struct later {
    pthread_t thread;
    struct vf_progress progress;
    struct pair *p;
    struct vf_copy_opts o;
    struct vf_copy_result r;
    struct vf_error *e;
    int status;
    atomic_bool ended;
};

static inline void *later_main(void *arg)
{
    struct later *l = arg;
    l->status = vf_copy_disk(l->p->route, &l->o, &l->progress, &l->r, &l->e);
    l->ended = true;
    return NULL;
}

/* Starts the copy that L describes and returns once bytes flow. */
static inline bool start_later(struct later *l)
{
    if (pthread_create(&l->thread, NULL, later_main, l) != 0)
        return false;
    int64_t end = vf_clock_ms() + 120000;
    while (!l->progress.sent && !l->ended && vf_clock_ms() < end)
        usleep(10000);
    return l->progress.sent > 0;
}

/* The same of a slow copy. */
static inline bool start_slow_from(struct later *l, struct pair *p, const char *from,
                                   const char *format, const char *to, struct vf_cancel *cancel)
{
    *l = (struct later){.p = p};
    l->o = (struct vf_copy_opts){.source = {from, format, 0},
                                 .target = {to, "raw", 0},
                                 .rate = 2 * MIB,
                                 .verify = true,
                                 .target_fresh = true,
                                 .cancel = cancel};
    return start_later(l);
}

static inline bool start_slow(struct later *l, struct pair *p, const char *from, const char *to,
                              struct vf_cancel *cancel)
{
    return start_slow_from(l, p, from, "raw", to, cancel);
}

static inline void finish_slow(struct later *l)
{
    vf_error_free(l->e);
    vf_copy_result_free(&l->r);
}

/* 0, or what main() has to return: no mover here. */
static inline int begin_copies(const char *name)
{
    signal(SIGPIPE, SIG_IGN);
    const char *base = getenv("TMPDIR"), *build = getenv("top_builddir");
    vf_autofree char *built = vf_asprintf("%s/vmferry-mover", build ? build : ".");
    mover = realpath(built, NULL);
    dir = vf_asprintf("%s/vmferry-%s.XXXXXX", base ? base : "/var/tmp", name);
    return mover && mkdtemp(dir) ? 0 : 99;
}

static inline bool have_qemu_img(void)
{
    return run((const char *const[]){"qemu-img", "--version", NULL}) == 0;
}

static inline int end_copies(void)
{
    ok(rmdir(dir) == 0, "nothing is left behind");
    free(dir);
    free(mover);
    return done_testing();
}

#endif
