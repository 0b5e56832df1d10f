/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Copies of other formats, of chains, and how much room copies of a sparse disk take. */
#include "config.h"
#include "tests/unit/copy-fixture.h"

static const char *const targets[] = {"raw", "qcow2", "vmdk"};

/* Status of a shell command in DIR. */
VF_PRINTF(1, 2) static int sh(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vf_autofree char *text = vf_vasprintf(fmt, ap);
    va_end(ap);
    vf_autofree char *command = vf_asprintf("cd %s && { %s; }", dir, text);
    return run((const char *const[]){"sh", "-c", command, NULL});
}

/* SIZE as the guest sees it. */
static uint64_t size_of(const char *path, const char *format)
{
    vf_autofree char *command = vf_asprintf(
        "qemu-img info -f %s '%s' | sed -n 's/^virtual size.*(\\([0-9]*\\) bytes.*/\\1/p'", format,
        path);
    const char *argv[] = {"sh", "-c", command, NULL};
    struct vf_proc_result r = {0};
    uint64_t size = 0;
    if (vf_proc_run(argv, NULL, 0, 4096, NULL, &r, NULL) == 0)
        size = strtoull(vf_buf_str(&r.out), NULL, 10);
    vf_proc_result_free(&r);
    return size;
}

static void copy_to_all(struct pair *p, const char *from, const char *format, const char *what)
{
    vf_autofree char *whole = path_of("whole.raw");
    uint64_t size = size_of(from, format);
    ok(size > 0 && run((const char *const[]){"qemu-img", "convert", "-f", format, "-O", "raw", from,
                                             whole, NULL}) == 0,
       "%s: as qemu-img reads it", what);
    for (size_t t = 0; t < VF_COUNT(targets); t++) {
        if (vf_streq(targets[t], "vmdk") && !vf_streq(format, "qcow2"))
            continue; /* what is written is the same whatever was read */
        vf_autofree char *to = make_target("target", targets[t], size);
        struct vf_copy_opts o = {.verify = true, .target_fresh = true};
        struct vf_copy_result r = {0};
        vf_autoerror struct vf_error *e = NULL;
        ok(copy(p, from, format, to, targets[t], &o, &r, &e) == 0, "%s -> %s", what, targets[t]);
        show(e);
        ok(identical(whole, "raw", to, targets[t]), "%s -> %s: byte for byte", what, targets[t]);
        ok(allocated(to) < allocated(whole) + allocated(whole) / 100 + MIB,
           "%s -> %s: holes stay holes (%llu KiB of %llu)", what, targets[t],
           (unsigned long long)allocated(to) / 1024, (unsigned long long)allocated(whole) / 1024);
        vf_copy_result_free(&r);
        unlink(to);
    }
    unlink(whole);
}

static void test_formats(struct pair *p)
{
    static const struct {
        const char *what, *format, *options;
    } kinds[] = {
        {"vmdk monolithicSparse", "vmdk", "-o subformat=monolithicSparse"},
        {"vmdk streamOptimized", "vmdk", "-o subformat=streamOptimized"},
        {"vmdk monolithicFlat", "vmdk", "-o subformat=monolithicFlat"},
        {"vmdk twoGbMaxExtentFlat", "vmdk", "-o subformat=twoGbMaxExtentFlat"},
        {"vmdk twoGbMaxExtentSparse", "vmdk", "-o subformat=twoGbMaxExtentSparse"},
        {"vhdx", "vhdx", ""},
        {"vdi", "vdi", ""},
        {"vpc dynamic", "vpc", ""},
        {"vpc fixed", "vpc", "-o subformat=fixed"},
    };
    vf_autofree char *raw = make_pattern("src.raw", 64 * MIB), *from = path_of("i");
    for (size_t i = 0; i < VF_COUNT(kinds); i++) {
        ok(sh("qemu-img convert -f raw -O %s %s src.raw i", kinds[i].format, kinds[i].options) == 0,
           "%s is made", kinds[i].what);
        copy_to_all(p, from, kinds[i].format, kinds[i].what);
        sh("rm -f i i-*");
    }
    /* more than one part: the second begins behind 2 GiB */
    ok(sh("truncate -s 2200M big.raw && dd if=src.raw of=big.raw bs=1M seek=2040 count=20 "
          "conv=notrunc status=none && qemu-img convert -f raw -O vmdk -o "
          "subformat=twoGbMaxExtentSparse big.raw i && test -e i-s002") == 0,
       "a vmdk in two parts is made");
    copy_to_all(p, from, "vmdk", "vmdk in two parts");
    sh("rm -f i i-* big.raw");
    unlink(raw);
}

/* Three levels, each of another size; a cluster of each, and one that is made zero in front. */
static void test_chain(struct pair *p)
{
    vf_autofree char *top = path_of("top");
    ok(sh("qemu-img create -q -f raw base 8M && qemu-io -f raw -c 'write -P 1 0 6M' base "
          ">/dev/null "
          "&& qemu-img create -q -f qcow2 -b base -F raw mid 24M && qemu-io -f qcow2 -c 'write -P "
          "2 "
          "1M 1M' -c 'write -P 2 20M 1M' mid >/dev/null && qemu-img create -q -f qcow2 -b mid -F "
          "qcow2 top 16M && qemu-io -f qcow2 -c 'write -P 3 2M 70k' -c 'write -z 3M 1M' top "
          ">/dev/null") == 0,
       "a chain of three");
    copy_to_all(p, top, "qcow2", "a chain");
    vf_autofree char *target = make_target("target", "raw", 16 * MIB);
    struct vf_copy_opts o = {.verify = true, .target_fresh = true};
    struct vf_copy_result r = {0};
    vf_autoerror struct vf_error *e = NULL;
    sh("rm base");
    ok(copy(p, top, "qcow2", target, "raw", &o, &r, &e) < 0 && strstr(vf_error_text(e), "base"),
       "a chain with a missing link is refused");
    show(e);
    sh("rm -f top mid target");
}

/* 256 runs on a large disk: what a copy may take on disk is what they take in units of the target,
 * 1 % more, and the tables of qcow2. */
enum { RUNS = 256, RUN = 24 * 1024, PAGE = 4096, TABLES = 448 * 1024 };
#define RUNS_SIZE (512ULL * MIB)

static uint64_t run_at(unsigned i)
{
    return RUNS_SIZE / RUNS * i + (i % 29 + 1) * 12 * PAGE; /* some cross the border of a cluster */
}

static uint64_t runs_in(uint64_t unit)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < RUNS; i++)
        sum += (run_at(i) + RUN + unit - 1) / unit * unit - run_at(i) / unit * unit;
    return sum;
}

static void make_runs(void)
{
    vf_autofree char *path = path_of("runs.raw"), *buf = vf_xmalloc(RUN);
    vf_autofd int fd = open(path, O_RDWR | O_CREAT, 0600);
    bool good = fd >= 0 && ftruncate(fd, (off_t)RUNS_SIZE) == 0;
    for (unsigned i = 0; i < RUNS && good; i++) {
        memset(buf, (int)i + 1 > 255 ? 77 : (int)i + 1, RUN);
        good = vf_pwrite_full(fd, buf, RUN, run_at(i)) == 0;
    }
    ok(good && sh("qemu-img convert -f raw -O qcow2 runs.raw runs.qcow2") == 0, "256 runs");
}

static void test_sparse(struct pair *p)
{
    static const struct {
        const char *format, *options, *what;
        uint64_t unit, tables;
    } to[] = {
        {"raw", "", "raw", PAGE, 0},
        {"qcow2", "", "qcow2", 65536, TABLES},
        {"qcow2", "-o preallocation=metadata", "qcow2 as Proxmox makes it", 65536, TABLES},
        {"vmdk", "", "vmdk", 65536, TABLES},
    };
    static const char *const sources[] = {"raw", "qcow2"};
    make_runs();
    for (size_t i = 0; i < VF_COUNT(sources); i++)
        for (size_t t = 0; t < VF_COUNT(to); t++) {
            if (i && t > 1)
                continue; /* what is written is the same whatever was read */
            vf_autofree char *from = vf_asprintf("%s/runs.%s", dir, sources[i]);
            vf_autofree char *target = path_of("target");
            sh("qemu-img create -q -f %s %s target %llu", to[t].format, to[t].options, RUNS_SIZE);
            struct vf_copy_opts o = {.verify = true, .target_fresh = true};
            struct vf_copy_result r = {0};
            vf_autoerror struct vf_error *e = NULL;
            ok(copy(p, from, sources[i], target, to[t].format, &o, &r, &e) == 0,
               "256 runs, %s -> %s", sources[i], to[t].what);
            show(e);
            uint64_t limit = runs_in(to[t].unit) * 101 / 100 + to[t].tables;
            ok(allocated(target) <= limit, "... take %llu KiB of at most %llu",
               (unsigned long long)allocated(target) / 1024, (unsigned long long)limit / 1024);
            ok(identical(from, sources[i], target, to[t].format), "... and are identical");
            vf_copy_result_free(&r);
            unlink(target);
        }
    sh("rm runs.raw runs.qcow2");
}

int main(void)
{
    int r = begin_copies("formats");
    struct pair p;
    if (r)
        return r;
    if (!have_qemu_img()) {
        skip("copies of images", "no qemu-img");
        return end_copies();
    }
    if (ok(open_pair(&p), "two movers and a route")) {
        test_formats(&p);
        test_chain(&p);
        test_sparse(&p);
        close_pair(&p);
    }
    return end_copies();
}
