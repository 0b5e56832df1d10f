/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whole copies between two real movers on this machine (local route), also with things going wrong.
 */
#include "config.h"
#include "tests/unit/copy-fixture.h"

#include <limits.h>
#include <sys/wait.h>

static void test_formats(void)
{
    static const char *const formats[] = {"raw", "qcow2"};
    const uint64_t size = 64ULL * MIB + 512;
    struct pair p;
    if (!ok(open_pair(&p), "two movers and a route"))
        return;
    is_str(vf_route_text(p.route), "a1 -> b2 local", "the route");
    vf_autofree char *raw = make_pattern("src.raw", size), *qcow2 = path_of("src.qcow2");
    const char *convert[] = {"qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, qcow2, NULL};
    ok(run(convert) == 0, "the same as qcow2");
    vf_autofree char *hash = NULL;
    for (int i = 0; i < 4; i++) {
        const char *from = formats[i / 2], *to = formats[i % 2];
        vf_autofree char *target = make_target("dst", to, size);
        struct vf_copy_opts o = {.verify = true, .target_fresh = true};
        struct vf_copy_result r;
        vf_autoerror struct vf_error *e = NULL;
        int status = copy(&p, i / 2 ? qcow2 : raw, from, target, to, &o, &r, &e);
        show(e);
        ok(status == 0, "%s -> %s", from, to);
        const char *compare[] = {"qemu-img", "compare",           "-q",   "-f", from, "-F",
                                 to,         i / 2 ? qcow2 : raw, target, NULL};
        ok(run(compare) == 0, "%s -> %s: identical for qemu-img", from, to);
        ok(r.size == size && r.verified == size && r.committed == size && r.zero > 30 * MIB &&
               r.sent < 30 * MIB && r.sent + r.zero == size,
           "%s -> %s: counters add up", from, to);
        is_str(r.target_hash, r.source_hash, "hashes are equal");
        if (!hash)
            hash = vf_strdup(r.source_hash);
        is_str(r.source_hash, hash, "and those of the content, not of the format");
        ok(allocated(target) < 28 * MIB, "%s -> %s: sparse stays sparse (%llu KiB)", from, to,
           (unsigned long long)allocated(target) / 1024);
        vf_copy_result_free(&r);
        unlink(target);
    }
    for (int i = 0; i < 2; i++) {
        const char *argv[] = {mover, "hash", "--format", formats[i], i ? qcow2 : raw, NULL};
        struct vf_proc_result r = {0};
        vf_proc_run(argv, NULL, 0, 4096, NULL, &r, NULL);
        ok(hash && vf_starts(vf_buf_str(&r.out), hash), "vmferry-mover hash prints the same, %s",
           formats[i]);
        vf_proc_result_free(&r);
    }
    unlink(qcow2);
    close_pair(&p);
}

/* A target that was written before, is larger, and is read back or not. */
static void test_not_fresh(bool verify)
{
    struct pair p;
    if (!ok(open_pair(&p), "two movers"))
        return;
    const uint64_t size = 40 * MIB, larger = 44 * MIB;
    vf_autofree char *from = make_pattern("old.raw", size), *to = path_of("old-dst.raw");
    vf_autofd int fd = open(to, O_RDWR | O_CREAT, 0600);
    vf_autofree char *junk = vf_xmalloc(MIB);
    memset(junk, 0x5a, MIB);
    for (uint64_t at = 0; at < larger; at += MIB)
        vf_pwrite_full(fd, junk, MIB, at);
    struct vf_copy_opts o = {.verify = verify};
    struct vf_copy_result r;
    vf_autoerror struct vf_error *e = NULL;
    ok(copy(&p, from, "raw", to, "raw", &o, &r, &e) == 0, "over old content, verify %d", verify);
    show(e);
    is_str(r.verified_how, verify ? "media" : "none", "how it was verified");
    ok(r.verified == (verify ? size : 0), "bytes verified");
    const char *compare[] = {"qemu-img", "compare", "-q", "-f", "raw", "-F", "raw", from, to, NULL};
    ok(run(compare) == 0, "identical, the rest zero");
    vf_copy_result_free(&r);
    unlink(from);
    unlink(to);
    close_pair(&p);
}

static void scribble(const char *path, uint64_t at, const char *what, size_t n)
{
    vf_autofd int fd = open(path, O_RDWR);
    ok(vf_pwrite_full(fd, what, n, at) == 0, "a change at %llu", (unsigned long long)at);
}

/* A second pass over a target that has most of it: only what differs is sent, also over several
 * streams, also when the ends are of different formats. */
enum { PART = 4096, ZEROED = 65536 };

static void test_delta(const char *format, bool verify, unsigned streams)
{
    struct pair p;
    streams_wanted = streams;
    bool good = open_pair(&p);
    streams_wanted = 0;
    if (!ok(good, "two movers, %u streams", streams))
        return;
    const uint64_t size = 64 * MIB + 5 * PART + 512;
    vf_autofree char *from = make_pattern("delta.raw", size);
    vf_autofree char *to = make_target("delta-dst", format, size);
    struct vf_copy_opts o = {.verify = verify, .target_fresh = true};
    struct vf_copy_result r, d, none;
    vf_autoerror struct vf_error *e = NULL;
    ok(copy(&p, from, "raw", to, format, &o, &r, &e) == 0, "the initial copy to %s", format);
    show(e);
    /* data in data, over two parts, in a hole; data that becomes zero, a chunk and parts of one; a
     * chunk that is all new; the short end */
    vf_autofree char *zeroes = vf_xcalloc(1, MIB);
    scribble(from, 2 * MIB + 77, "changed", 7);
    scribble(from, 6 * MIB - 3 * PART - 2, "over", 4);
    scribble(from, 9 * MIB + 5, "new", 3);
    scribble(from, 3 * MIB, zeroes, MIB);
    scribble(from, 4 * MIB + ZEROED, zeroes, ZEROED);
    vf_autofree char *other = vf_xmalloc(MIB);
    memset(other, 0x77, MIB);
    scribble(from, 7 * MIB, other, MIB);
    scribble(from, size - 5, "X", 1);
    uint64_t before = allocated(to);
    o.delta = true;
    ok(copy(&p, from, "raw", to, format, &o, &d, &e) == 0, "the delta, verify %d", verify);
    show(e);
    ok(identical(from, "raw", to, format), "is identical for qemu-img");
    const uint64_t sent = MIB + 4 * PART + ZEROED + 512;
    ok(d.sent == sent && d.zero == MIB && d.same == size - MIB - sent,
       "only what differs went over: %llu sent, %llu zero, %llu same", (unsigned long long)d.sent,
       (unsigned long long)d.zero, (unsigned long long)d.same);
    ok(!vf_streq(format, "raw") || allocated(to) <= before - MIB - ZEROED + 3 * PART,
       "zeroes have become holes, what is new in holes is three parts: %llu, %llu KiB",
       (unsigned long long)before / 1024, (unsigned long long)allocated(to) / 1024);
    ok(d.committed == size && d.verified == (verify ? size : 0), "all of it is confirmed");
    ok(!vf_streq(d.source_hash, r.source_hash) && vf_streq(d.source_hash, d.target_hash),
       "with a new hash of the whole");
    ok(copy(&p, from, "raw", to, format, &o, &none, &e) == 0 && none.same == size &&
           none.sent + none.zero == 0,
       "a delta without changes sends nothing");
    show(e);
    vf_copy_result_free(&r);
    vf_copy_result_free(&d);
    vf_copy_result_free(&none);
    close_pair(&p);
    unlink(from);
    unlink(to);
}

/* The most memory PID has had, KiB. */
static long most_memory(pid_t pid)
{
    vf_autofree char *path = vf_asprintf("/proc/%d/status", (int)pid);
    vf_autofree char *text = vf_read_file(path, 65536, NULL, NULL);
    const char *at = text ? strstr(text, "VmHWM:") : NULL;
    return at ? strtol(at + 6, NULL, 10) : LONG_MAX;
}

static void check_memory(const struct pair *p, const char *doing)
{
    long source = most_memory(p->source->proc.pid), target = most_memory(p->target->proc.pid);
#ifdef VF_STATIC_MOVER
    const long limit = 65536;
#else
    const long limit = LONG_MAX - 1; /* sanitizers need their own */
#endif
    ok(source <= limit && target <= limit, "%s: %ld and %ld KiB of memory", doing, source, target);
}

/* 64 TiB with a few chunks in it, there and back: in seconds, in the same memory. */
static void test_huge(void)
{
    struct pair p;
    if (!ok(open_pair(&p), "two movers"))
        return;
    const uint64_t size = (uint64_t)64 << 40;
    vf_autofree char *from = make_target("huge.qcow2", "qcow2", size);
    vf_autofree char *to = make_target("huge-dst.qcow2", "qcow2", size);
    static const char *const writes[] = {"write -P 7 0 3M", "write -P 8 33T 64k",
                                         "write -P 9 67108863M 1M"};
    for (size_t i = 0; i < VF_COUNT(writes); i++) {
        const char *argv[] = {"qemu-io", "-c", writes[i], from, NULL};
        ok(run(argv) == 0, "%s", writes[i]);
    }
    uint64_t source = allocated(from);
    struct vf_copy_opts o = {.verify = true, .target_fresh = true};
    struct vf_copy_result r;
    vf_autoerror struct vf_error *e = NULL;
    ok(copy(&p, from, "qcow2", to, "qcow2", &o, &r, &e) == 0 && r.sent == 5 * MIB &&
           r.zero == size - 5 * MIB && r.verified == size,
       "64 TiB are copied");
    show(e);
    ok(identical(from, "qcow2", to, "qcow2"), "and are identical");
    ok(allocated(to) <= source + source / 100 + MIB, "and take as little room: %llu, %llu KiB",
       (unsigned long long)source / 1024, (unsigned long long)allocated(to) / 1024);
    vf_copy_result_free(&r);
    o.delta = true;
    ok(copy(&p, from, "qcow2", to, "qcow2", &o, &r, &e) == 0 && r.same == size,
       "and are compared again");
    show(e);
    vf_copy_result_free(&r);
    check_memory(&p, "64 TiB");
    close_pair(&p);
    unlink(from);
    unlink(to);
}

/* Two disks at once, as much under way as may be: 8 streams, compression that needs most, a delta.
 */
static void copy_two(struct pair *p, char *const from[2], char *const to[2], const char *what)
{
    struct later two[2];
    for (int i = 0; i < 2; i++) {
        two[i] = (struct later){.p = p};
        two[i].o = (struct vf_copy_opts){.source = {from[i], "raw", 0},
                                         .target = {to[i], "raw", 0},
                                         .verify = true,
                                         .delta = true,
                                         .compress = 6};
        if (!ok(pthread_create(&two[i].thread, NULL, later_main, &two[i]) == 0, "a thread"))
            return;
    }
    for (int i = 0; i < 2; i++) {
        pthread_join(two[i].thread, NULL);
        show(two[i].e);
        ok(two[i].status == 0 && identical(from[i], "raw", to[i], "raw"), "%s, disk %d", what, i);
        finish_slow(&two[i]);
    }
}

static void test_memory(void)
{
    struct pair p;
    streams_wanted = 8;
    bool good = open_pair(&p);
    streams_wanted = 0;
    if (!ok(good, "two movers, 8 streams"))
        return;
    const uint64_t size = 48 * MIB; /* of both, more than a mover may have */
    vf_autofree char *from0 = make_text("memory0.raw", size), *from1 = make_text("m1.raw", size);
    vf_autofree char *to0 = make_target("memory0-dst.raw", "raw", size);
    vf_autofree char *to1 = make_target("memory1-dst.raw", "raw", size);
    char *from[] = {from0, from1}, *to[] = {to0, to1};
    copy_two(&p, from, to, "two disks over 8 streams");
    vf_autofd int fd = open(from0, O_RDWR);
    good = fd >= 0;
    for (uint64_t at = 4000; at < size; at += MIB)
        good = good && vf_pwrite_full(fd, "news", 4, at) == 0;
    ok(good, "a change in every chunk");
    copy_two(&p, from, to, "the changes over 8 streams");
    check_memory(&p, "two disks, 8 streams");
    close_pair(&p);
    for (int i = 0; i < 2; i++) {
        unlink(from[i]);
        unlink(to[i]);
    }
}

/* Sparse stays sparse: islands of data of all sizes, in all directions, also where something else
 * was before. */
static char *make_islands(uint64_t size)
{
    char *path = path_of("islands.raw");
    vf_autofd int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    vf_autofree char *buf = vf_xmalloc(MIB);
    memset(buf, 0x5a, MIB);
    if (fd < 0 || ftruncate(fd, (off_t)size) < 0)
        return path;
    uint64_t at = 0;
    for (size_t n = 4096; at + n < size; n = n < 512 * 1024 ? n * 2 : 4096) {
        vf_pwrite_full(fd, buf, n, at);
        at += n + 192 * 1024; /* a hole */
        at = at / 65536 * 65536;
    }
    return path;
}

static void test_sparse(const char *from_format, const char *to_format, bool fresh)
{
    struct pair p;
    if (!ok(open_pair(&p), "two movers"))
        return;
    const uint64_t size = 32 * MIB;
    vf_autofree char *raw = make_islands(size), *from = path_of("islands");
    const char *convert[] = {"qemu-img",  "convert", "-f", "raw", "-O",
                             from_format, raw,       from, NULL};
    ok(run(convert) == 0, "islands as %s", from_format);
    vf_autofree char *to = make_target("islands-dst", to_format, size);
    if (!fresh) {
        const char *fill[] = {"qemu-io", "-f", to_format, "-c", "write -P 3 0 32M", to, NULL};
        ok(run(fill) == 0, "a %s that was full", to_format);
    }
    struct vf_copy_opts o = {.verify = true, .target_fresh = fresh, .delta = !fresh};
    struct vf_copy_result r;
    vf_autoerror struct vf_error *e = NULL;
    ok(copy(&p, from, from_format, to, to_format, &o, &r, &e) == 0, "%s -> %s", from_format,
       to_format);
    show(e);
    ok(identical(from, from_format, to, to_format), "identical");
    /* the same islands in the target's units, as qemu-img itself lays them out */
    vf_autofree char *model = path_of("model");
    const char *again[] = {"qemu-img", "convert", "-f",  from_format, "-O",
                           to_format,  from,      model, NULL};
    ok(run(again) == 0, "a model");
    uint64_t limit = allocated(model);
    limit += limit / 100 + 160 * 1024; /* what the format itself needs */
    ok(allocated(to) <= limit, "%s -> %s: %llu KiB, at most %llu", from_format, to_format,
       (unsigned long long)allocated(to) / 1024, (unsigned long long)limit / 1024);
    vf_copy_result_free(&r);
    close_pair(&p);
    unlink(raw);
    unlink(from);
    unlink(to);
    unlink(model);
}

/* A path that leads to another volume than the one that was allocated. */
static void test_other_volume(void)
{
    struct pair p;
    if (!ok(open_pair(&p), "two movers"))
        return;
    vf_autofree char *from = make_pattern("wrong.raw", 4 * MIB), *to = path_of("wrong-dst.raw");
    const uint64_t far = 1100ULL * MIB;
    vf_autofd int fd = open(to, O_RDWR | O_CREAT, 0600);
    ok(vf_pwrite_full(fd, "precious", 8, far) == 0, "a volume with something far behind");
    struct vf_copy_opts o = {
        .source = {from, "raw", 4 * MIB}, .target = {to, "raw", 4 * MIB}, .verify = true};
    struct vf_copy_result r;
    vf_autoerror struct vf_error *e = NULL;
    ok(vf_copy_disk(p.route, &o, NULL, &r, &e) < 0 && vf_error_code(e) == VF_E_CONFLICT,
       "much larger than what was allocated: refused");
    show(e);
    char kept[8] = "";
    ok(vf_pread_full(fd, kept, 8, far) == 8 && !memcmp(kept, "precious", 8), "and untouched");
    unlink(from);
    unlink(to);
    close_pair(&p);
}

static enum vf_error_code refused(struct pair *p, const char *from, uint64_t size, const char *to,
                                  bool at_source)
{
    struct vf_copy_opts o = {.source = {from, "raw", size}, .target = {to, "raw", 0}};
    struct vf_copy_result r;
    vf_autoerror struct vf_error *e = NULL;
    int status = vf_copy_disk(p->route, &o, NULL, &r, &e);
    show(e);
    ok(r.at_source == at_source, "the fault is %s", at_source ? "the source's" : "the target's");
    return status == 0 ? VF_OK : vf_error_code(e);
}

static void test_refusals(void)
{
    struct pair p;
    if (!ok(open_pair(&p), "two movers"))
        return;
    vf_autofree char *from = make_pattern("ref.raw", 16 * MIB);
    vf_autofree char *small = make_target("small.raw", "raw", 8 * MIB);
    vf_autofree char *none = path_of("none.raw");
    ok(refused(&p, from, 0, small, false) == VF_E_NOSPACE, "a target that is too small");
    ok(refused(&p, from, 17 * MIB, small, true) == VF_E_CONFLICT, "a source of another size");
    ok(refused(&p, none, 0, small, true) == VF_E_NOTFOUND, "no source");
    ok(refused(&p, from, 0, none, false) == VF_E_NOTFOUND, "no target");
    ok(refused(&p, from, 0, from, false) == VF_E_CONFLICT, "a disk onto itself");
    struct stat st;
    ok(stat(small, &st) == 0 && st.st_size == 8 * MIB && allocated(small) <= 4096,
       "nothing was written");
    unlink(from);
    unlink(small);
    close_pair(&p);
}

static void compressed(struct pair *p, const char *from, uint64_t size, unsigned compress,
                       uint64_t rate, struct vf_copy_result *r)
{
    vf_autofree char *to = make_target("packed-dst.raw", "raw", size);
    struct vf_copy_opts o = {
        .verify = true, .target_fresh = true, .compress = compress, .rate = rate};
    vf_autoerror struct vf_error *e = NULL;
    ok(copy(p, from, "raw", to, "raw", &o, r, &e) == 0 && identical(from, "raw", to, "raw"),
       "compression %u, %llu bytes per second: identical", compress, (unsigned long long)rate);
    show(e);
    vf_copy_result_free(r);
    unlink(to);
}

static void test_compress(void)
{
    struct pair p;
    if (!ok(open_pair(&p), "two movers"))
        return;
    const uint64_t size = 16 * MIB, few = 6 * MIB, large = 40 * MIB;
    vf_autofree char *text = make_text("text.raw", size), *little = make_text("few.raw", few);
    vf_autofree char *noise = make_pattern("noise.raw", large);
    struct vf_copy_result r;
    compressed(&p, text, size, OFF, 0, &r);
    ok(r.wire >= r.sent && r.sent == size, "off: as it is");
    compressed(&p, text, size, 1, 0, &r);
    ok(r.wire < r.sent / 2, "level 1: smaller");
    uint64_t fast = r.wire;
    compressed(&p, text, size, 6, 0, &r);
    ok(r.wire <= fast, "level 6: not larger than that");
    compressed(&p, noise, large, 1, 0, &r);
    ok(r.wire >= r.sent - 2 * MIB && r.wire < r.sent + 4096 * 40,
       "what cannot be made smaller is sent as it is");
    /* so slow that packing pays on the busiest machine, too */
    compressed(&p, little, few, 0, MIB, &r);
    ok(r.wire < r.sent * 3 / 4, "auto: a slow line is worth it");
    compressed(&p, noise, large, 0, 64 * MIB, &r);
    ok(r.wire >= r.sent - 2 * MIB, "but not for noise");
    close_pair(&p);
    unlink(text);
    unlink(little);
    unlink(noise);
}

/* ---- endings ---- */

static void test_killed(bool target)
{
    struct pair p;
    if (!ok(open_pair(&p), "two movers"))
        return;
    vf_autofree char *from = make_pattern("kill.raw", 20 * MIB);
    vf_autofree char *to = make_target("kill-dst.raw", "raw", 20 * MIB);
    struct later l;
    ok(start_slow(&l, &p, from, to, NULL), "bytes flow");
    kill(target ? p.target->proc.pid : p.source->proc.pid, SIGKILL);
    pthread_join(l.thread, NULL);
    show(l.e);
    ok(l.status < 0 && vf_error_code(l.e) == VF_E_NET, "the %s's mover killed is NET",
       target ? "target" : "source");
    ok(l.e && vf_starts(vf_error_text(l.e), target ? "target (b2)" : "source (a1)"),
       "and said to be that side");
    finish_slow(&l);
    close_pair(&p);
    unlink(from);
    unlink(to);
}

static void test_cancel(void)
{
    struct pair p;
    if (!ok(open_pair(&p), "two movers"))
        return;
    vf_autofree char *from = make_pattern("cancel.raw", 20 * MIB);
    vf_autofree char *to = make_target("cancel-dst.raw", "raw", 20 * MIB);
    vf_auto(vf_cancel_free) struct vf_cancel *c = vf_cancel_new(NULL);
    struct later l;
    ok(start_slow(&l, &p, from, to, c), "bytes flow");
    vf_cancel_fire(c, "interrupted by a test");
    pthread_join(l.thread, NULL);
    show(l.e);
    ok(l.status < 0 && vf_error_code(l.e) == VF_E_CANCELLED, "cancelled");
    is_str(vf_error_text(l.e), "interrupted by a test", "with the cause");
    finish_slow(&l);
    /* the same movers and stream go on */
    struct vf_copy_opts o = {.verify = true};
    struct vf_copy_result r;
    vf_autoerror struct vf_error *e = NULL;
    ok(copy(&p, from, "raw", to, "raw", &o, &r, &e) == 0, "a second copy on the same route");
    show(e);
    vf_copy_result_free(&r);
    close_pair(&p);
    unlink(from);
    unlink(to);
}

/* The limit is one for all streams, and changes while a copy runs. */
static void test_rate(void)
{
    struct pair p;
    streams_wanted = 3;
    bool good = open_pair(&p);
    streams_wanted = 0;
    if (!ok(good, "two movers, 3 streams"))
        return;
    vf_autofree char *from = make_pattern("rate.raw", 30 * MIB);
    vf_autofree char *to = make_target("rate-dst.raw", "raw", 30 * MIB);
    struct later l;
    ok(start_slow(&l, &p, from, to, NULL), "bytes flow");
    ok(vf_route_set_rate(p.route, 1, NULL) == 0, "a byte per second");
    uint64_t before, now = l.progress.sent;
    do { /* what was on its way */
        before = now;
        usleep(700 * 1000);
        now = l.progress.sent;
    } while (now != before && now < 10 * MIB);
    ok(now == before && now < 10 * MIB && !l.ended, "nothing flows any more");
    ok(vf_route_set_rate(p.route, 0, NULL) == 0, "no limit");
    pthread_join(l.thread, NULL);
    show(l.e);
    ok(l.status == 0 && identical(from, "raw", to, "raw"), "and the copy ends");
    finish_slow(&l);
    close_pair(&p);
    unlink(from);
    unlink(to);
}

/* ---- epochs and the mover itself ---- */

/* What is dying gives its locks back first. */
static bool dies(pid_t pid)
{
    siginfo_t info = {0};
    int64_t end = vf_clock_ms() + 60000;
    while (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT | WNOHANG) == 0 &&
           info.si_pid != pid && vf_clock_ms() < end)
        usleep(5000);
    return info.si_pid == pid;
}

static void test_epochs(void)
{
    vf_autofree char *job = vf_asprintf("epoch-%d", (int)getpid());
    struct vf_mover_opts o = {.job = job, .epoch = 1, .mover = mover};
    struct vf_mover_host *old = vf_mover_host_open(NULL, &o, NULL);
    struct pair p = {0};
    o.epoch = 2;
    p.source = vf_mover_host_open(NULL, &o, NULL);
    p.target = vf_mover_host_open(NULL, &o, NULL);
    struct vf_route_opts ro = {.source_label = "a1", .target_label = "b2"};
    p.route = vf_route_open(p.source, p.target, &ro, NULL);
    vf_autofree char *from = make_pattern("epoch.raw", 4 * MIB);
    vf_autofree char *to = make_target("epoch-dst.raw", "raw", 4 * MIB);
    /* the old owner holds the volume, as if its program had been lost */
    vf_autobuf struct vf_buf b = {0};
    vf_field_str(&b, VF_TAG_PATH, to);
    vf_field_str(&b, VF_TAG_FORMAT, "raw");
    vf_field_u64(&b, VF_TAG_WRITE, 1);
    vf_autoerror struct vf_error *e = NULL, *f = NULL;
    ok(vf_session_call(old->session, VF_F_OPEN, 1, &b, VF_F_OPENED, 30000, NULL, NULL, &f) < 0 &&
           vf_error_code(f) == VF_E_CONFLICT,
       "nothing is written to what the job has not allocated");
    vf_field_str(&b, VF_TAG_PATH, to);
    vf_field_str(&b, VF_TAG_FORMAT, "raw");
    vf_field_u64(&b, VF_TAG_WRITE, 1);
    vf_field_u64(&b, VF_TAG_OURS, 1);
    ok(vf_session_call(old->session, VF_F_OPEN, 1, &b, VF_F_OPENED, 30000, NULL, NULL, &e) == 0,
       "an owner of epoch 1 holds the volume");
    struct vf_copy_opts co = {.verify = true, .target_fresh = true};
    struct vf_copy_result r;
    ok(copy(&p, from, "raw", to, "raw", &co, &r, &e) == 0, "epoch 2 copies nevertheless");
    show(e);
    ok(dies(old->proc.pid), "because the older owner is dead");
    vf_copy_result_free(&r);
    vf_mover_host_free(old);
    close_pair(&p);
    unlink(from);
    unlink(to);
}

static void test_leaves_nothing(void)
{
    struct vf_mover_host *h = open_host(1);
    if (!ok(h != NULL, "a mover"))
        return;
    vf_autofree char *where = vf_strdup(h->dir), *job = vf_strdup(h->job);
    struct stat st;
    ok(stat(where, &st) == 0 && (st.st_mode & 0777) == 0700, "its directory is private");
    ok(vf_mover_cleanup(NULL, job, true, NULL) == 1, "and listed");
    vf_mover_host_free(h);
    ok(stat(where, &st) < 0, "and gone afterwards");
    h = open_host(1);
    vf_str_set(&where, h->dir);
    kill(h->proc.pid, SIGKILL);
    ok(vf_mover_cleanup(NULL, h->job, false, NULL) == 1 && stat(where, &st) < 0,
       "what a killed mover leaves is cleaned up");
    vf_mover_host_free(h);
}

static void test_static(void)
{
#ifdef VF_STATIC_MOVER
    const char *argv[] = {"readelf", "-ld", mover, NULL};
    struct vf_proc_result r = {0};
    if (vf_proc_run(argv, NULL, 0, 1 << 20, NULL, &r, NULL) < 0 || r.status != 0)
        skip("the mover is static", "no readelf");
    else
        ok(!strstr(vf_buf_str(&r.out), "INTERP") && !strstr(vf_buf_str(&r.out), "NEEDED"),
           "the mover is static");
    vf_proc_result_free(&r);
#else
    skip("the mover is static", "a sanitizer build");
#endif
}

int main(void)
{
    if (begin_copies("copy") != 0)
        return 99;
    test_static();
    test_leaves_nothing();
    if (!have_qemu_img()) {
        skip("copies", "no qemu-img");
        return done_testing();
    }
    test_formats();
    test_not_fresh(true);
    test_not_fresh(false);
    test_delta("raw", true, 1);
    test_delta("raw", false, 4);
    test_delta("qcow2", true, 3);
    static const char *const formats[] = {"raw", "qcow2"};
    for (int i = 0; i < 8; i++)
        test_sparse(formats[i & 1], formats[i >> 1 & 1], i < 4);
    test_huge();
    test_memory();
    test_other_volume();
    test_refusals();
    test_compress();
    test_killed(true);
    test_killed(false);
    test_cancel();
    test_rate();
    test_epochs();
    vf_autofree char *src = path_of("src.raw");
    unlink(src);
    return end_copies();
}
