/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Disks: real images made by qemu-img, and QEMU's own tools as the judge of locks. */
#include "config.h"
#include "disk/disk.h"
#include "base/proc.h"
#include "base/str.h"
#include "tests/unit/tap.h"

#include <fcntl.h>
#include <linux/sockios.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define MIB (1 << 20)

static char *dir;

/* Exit status of a program, its output thrown away; -1 when it is not there. */
static int run(const char *const argv[])
{
    struct vf_proc_result r = {0};
    if (vf_proc_run(argv, NULL, 0, 1 << 20, NULL, &r, NULL) < 0)
        return -1;
    vf_proc_result_free(&r);
    return r.status;
}

static char *image(const char *name, const char *format)
{
    char *path = vf_asprintf("%s/%s", dir, name);
    const char *argv[] = {"qemu-img", "create", "-q", "-f", format, path, "16M", NULL};
    if (run(argv) != 0)
        printf("# qemu-img create failed\n");
    return path;
}

static struct vf_disk *open_disk(const char *path, const char *format, bool write,
                                 struct vf_error **err)
{
    struct vf_disk_spec s = {.path = path, .format = format, .write = write, .dir = dir};
    return vf_disk_open(&s, err);
}

static void show(const struct vf_error *e)
{
    if (e)
        printf("# %s: %s\n", vf_error_code_name(vf_error_code(e)), vf_error_text(e));
}

static void test_format(const char *format)
{
    vf_autofree char *name = vf_asprintf("io.%s", format);
    vf_autofree char *path = image(name, format);
    vf_autofree unsigned char *buf = vf_disk_buffer(), *back = vf_disk_buffer();
    vf_autoerror struct vf_error *e = NULL;
    struct vf_disk *d = open_disk(path, format, true, &e);
    show(e);
    if (!ok(d != NULL, "%s: opens for writing", format))
        return;
    ok(d->size == 16 * MIB, "%s: size", format);
    struct vf_extent x = {0};
    /* qemu-img allocates the first block of a raw image */
    ok(vf_disk_extent(d, 65536, &x, &e) == 0 && x.zero && x.end == d->size, "%s: fresh is all zero",
       format);
    memset(buf, 0xa5, MIB);
    ok(vf_disk_write(d, buf, MIB, 4 * MIB, &e) == 0, "%s: writes", format);
    ok(vf_disk_write(d, buf, MIB, 8 * MIB, &e) == 0, "%s: writes again", format);
    ok(vf_disk_zero(d, MIB, 8 * MIB, &e) == 0, "%s: zeroes", format);
    ok(vf_disk_flush(d, &e) == 0, "%s: flushes", format);
    ok(vf_disk_read_back(d, back, MIB, 4 * MIB, &e) == 0 && !memcmp(back, buf, MIB),
       "%s: reads back what was written (%s)", format, d->media ? "media" : "through cache");
    ok(vf_disk_read_back(d, back, MIB, 8 * MIB, &e) == 0 && vf_all_zero(back, MIB),
       "%s: reads back zeroes", format);
    ok(vf_disk_extent(d, 4 * MIB, &x, &e) == 0 && !x.zero && x.end == 5 * MIB,
       "%s: an extent of data", format);
    ok(vf_disk_extent(d, 65536, &x, &e) == 0 && x.zero && x.end == 4 * MIB,
       "%s: an extent of zeroes", format);
    ok(vf_disk_write(d, buf, MIB, d->size, NULL) < 0, "%s: nothing beyond the end", format);
    show(e);
    ok(vf_disk_close(d, &e) == 0, "%s: closes", format);
    d = open_disk(path, format, false, &e);
    ok(d && vf_disk_read(d, back, MIB, 4 * MIB, &e) == 0 && !memcmp(back, buf, MIB),
       "%s: a reader reads it", format);
    ok(d && vf_disk_write(d, buf, MIB, 0, NULL) < 0, "%s: a reader does not write", format);
    vf_disk_free(d);
    unlink(path);
}

static void test_locks(const char *format)
{
    vf_autofree char *name = vf_asprintf("lock.%s", format);
    vf_autofree char *path = image(name, format);
    const char *qemu_write[] = {"qemu-io", "-f", format, "-c", "write 0 64k", path, NULL};
    const char *qemu_read[] = {"qemu-io", "-r", "-f", format, "-c", "read 0 64k", path, NULL};
    ok(run(qemu_write) == 0, "%s: QEMU writes to a free image", format);
    vf_autoerror struct vf_error *e = NULL;
    struct vf_disk *d = open_disk(path, format, false, &e);
    show(e);
    ok(d != NULL, "%s: opens for reading", format);
    ok(run(qemu_write) == 1, "%s: QEMU cannot write while it is read", format);
    ok(run(qemu_read) == 0, "%s: QEMU can read it", format);
    struct vf_disk *second = open_disk(path, format, false, NULL);
    ok(second != NULL, "%s: two readers", format);
    vf_disk_free(second);
    vf_autoerror struct vf_error *w = NULL;
    ok(!open_disk(path, format, true, &w) && vf_error_code(w) == VF_E_CONFLICT,
       "%s: no writer beside a reader", format);
    vf_disk_free(d);
    ok(run(qemu_write) == 0, "%s: free again", format);
    d = open_disk(path, format, true, &e);
    show(e);
    ok(d != NULL, "%s: opens for writing", format);
    ok(run(qemu_read) == 1, "%s: QEMU cannot even read while it is written", format);
    vf_disk_free(d);
    unlink(path);
}

/* A source that is cut off while it is read must not end in zeroes. */
static void test_shorter(void)
{
    vf_autofree char *path = image("shorter", "raw");
    vf_autofree unsigned char *buf = vf_disk_buffer();
    vf_autoerror struct vf_error *e = NULL, *f = NULL;
    struct vf_extent x;
    struct vf_disk *d = open_disk(path, "raw", false, NULL);
    ok(d && vf_disk_extent(d, 12 * MIB, &x, NULL) == 0 && x.zero, "a hole at the end");
    ok(truncate(path, 10 * MIB) == 0, "... is cut off");
    ok(vf_disk_extent(d, 12 * MIB, &x, &e) < 0 && vf_error_code(e) == VF_E_CORRUPT,
       "... which is no hole");
    show(e);
    ok(vf_disk_read(d, buf, MIB, 12 * MIB, &f) < 0 && vf_error_code(f) == VF_E_CORRUPT,
       "... and no data");
    show(f);
    vf_disk_free(d);
    unlink(path);
}

/* What is on the medium is what is read back, also where it begins and ends between blocks. */
static void test_read_back(void)
{
    vf_autofree char *path = image("back", "raw");
    vf_autofree unsigned char *buf = vf_disk_buffer(), *back = vf_disk_buffer();
    for (size_t i = 0; i < MIB; i++)
        buf[i] = (unsigned char)(i % 251);
    ok(truncate(path, 16 * MIB - 512) == 0, "an odd size");
    struct vf_disk *d = open_disk(path, "raw", true, NULL);
    ok(d && vf_disk_write(d, buf, MIB, 15 * MIB - 512, NULL) == 0 && vf_disk_flush(d, NULL) == 0,
       "written at an odd place");
    ok(vf_disk_read_back(d, back, MIB, 15 * MIB - 512, NULL) == 0 && !memcmp(buf, back, MIB),
       "read back (%s)", d->media ? "media" : "through cache");
    ok(vf_disk_read_back(d, back, 1000, 15 * MIB + 3000, NULL) == 0 &&
           !memcmp(buf + 3512, back, 1000),
       "a part of it too");
    vf_disk_free(d);
    unlink(path);
}

enum { BACKS = 8 };

/* Reads all of a disk back: the bytes of the chunk at N MiB are N + 1. */
static void *back_main(void *disk)
{
    vf_autofree unsigned char *buf = vf_disk_buffer();
    size_t wrong = 0;
    for (size_t i = 0; i < 16; i++) {
        memset(buf, 0, MIB);
        if (vf_disk_read_back(disk, buf, MIB, i * MIB, NULL) < 0 || buf[0] != i + 1 ||
            memcmp(buf, buf + 1, MIB - 1) != 0)
            wrong++;
    }
    return (void *)wrong;
}

/* Sockets of ours that hold what the other side has not read. */
static unsigned waiting_sockets(void)
{
    unsigned n = 0;
    for (int fd = 3; fd < 256; fd++) {
        struct stat st;
        int left = 0;
        n += fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode) && ioctl(fd, SIOCOUTQ, &left) == 0 && left;
    }
    return n;
}

/* Of another format, too, several reads are under way at once: asked for while the server sleeps.
 */
static void test_backs_at_once(void)
{
    vf_autofree char *path = image("backs.qcow2", "qcow2");
    vf_autofree unsigned char *buf = vf_disk_buffer();
    struct vf_disk *d = open_disk(path, "qcow2", true, NULL);
    bool good = d != NULL;
    for (size_t i = 0; i < 16 && good; i++) {
        memset(buf, (int)i + 1, MIB);
        good = vf_disk_write(d, buf, MIB, i * MIB, NULL) == 0;
    }
    if (!ok(good && vf_disk_flush(d, NULL) == 0, "qcow2: written"))
        return;
    FILE *f = fopen("/proc/thread-self/children", "re");
    int server = 0;
    ok(f && fscanf(f, "%d", &server) == 1 && kill(server, SIGSTOP) == 0,
       "qcow2: its server sleeps");
    if (f)
        fclose(f);
    pthread_t threads[BACKS];
    for (size_t i = 0; i < BACKS; i++)
        if (pthread_create(&threads[i], NULL, back_main, d) != 0)
            abort();
    unsigned asked = 0;
    for (int i = 0; i < 2000 && asked < d->at_once; i++, usleep(10000))
        asked = waiting_sockets();
    ok(d->at_once > 1 && asked == d->at_once, "qcow2: %u reads back are under way at once", asked);
    if (server > 0)
        kill(server, SIGCONT);
    memset(buf, 16, MIB);
    ok(vf_disk_write(d, buf, MIB, 15 * MIB, NULL) == 0 && vf_disk_flush(d, NULL) == 0,
       "qcow2: written meanwhile");
    size_t wrong = 0;
    for (size_t i = 0; i < BACKS; i++) {
        void *one;
        pthread_join(threads[i], &one);
        wrong += (size_t)one;
    }
    ok(wrong == 0, "qcow2: all of it read back right, by more than there are connections");
    ok(vf_disk_close(d, NULL) == 0, "qcow2: closed");
    unlink(path);
}

/* A QEMU that holds the image, as a running VM does. */
static void test_running(const char *format)
{
    vf_autofree char *name = vf_asprintf("vm.%s", format);
    vf_autofree char *path = image(name, format);
    const char *argv[] = {"qemu-io", "-f", format, path, NULL};
    struct vf_proc p;
    if (vf_proc_start(argv, VF_PROC_STDIN | VF_PROC_STDOUT, -1, &p, NULL) < 0) {
        skip("an image in use", "no qemu-io");
        return;
    }
    /* its prompt says that the image is open */
    char c;
    ok(read(p.out, &c, 1) == 1, "%s: QEMU holds the image", format);
    vf_autoerror struct vf_error *e = NULL;
    ok(!open_disk(path, format, false, &e) && vf_error_code(e) == VF_E_CONFLICT,
       "%s: refused as CONFLICT", format);
    ok(strstr(vf_error_text(e), "is in use") != NULL, "%s: \"%s\"", format, vf_error_text(e));
    if (write(p.in, "quit\n", 5) != 5)
        printf("# qemu-io is gone\n");
    vf_proc_wait(&p, NULL, NULL);
    unlink(path);
}

/* Pages of PATH that are in the page cache. */
static size_t cached_pages(const char *path, size_t size)
{
    size_t pages = size / (size_t)getpagesize(), n = 0;
    vf_autofree unsigned char *in = vf_xcalloc(1, pages);
    vf_autofd int fd = open(path, O_RDONLY);
    void *p = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
    ok(p != MAP_FAILED && mincore(p, size, in) == 0, "the cache is looked at");
    for (size_t i = 0; i < pages; i++)
        n += in[i] & 1;
    munmap(p, size);
    return n;
}

/* Read while a VM writes to it: beside QEMU's locks, and without a trace in the cache. */
static void test_live(void)
{
    vf_autofree char *path = image("live", "raw"), *qcow2 = image("live.qcow2", "qcow2");
    const char *holds[] = {"qemu-io", "-f", "raw", path, NULL};
    const char *writes[] = {"qemu-io", "-f", "raw", "-c", "write -P 9 0 2M", path, NULL};
    vf_autofree unsigned char *buf = vf_disk_buffer();
    vf_autoerror struct vf_error *e = NULL, *f = NULL, *g = NULL;
    struct vf_disk_spec s = {.path = path, .format = "raw", .live = true, .dir = dir};
    struct vf_proc p;
    char c;
    if (vf_proc_start(holds, VF_PROC_STDIN | VF_PROC_STDOUT, -1, &p, NULL) < 0)
        return;
    ok(read(p.out, &c, 1) == 1, "QEMU holds the image");
    struct vf_disk *d = vf_disk_open(&s, &e);
    show(e);
    ok(d && vf_disk_read(d, buf, MIB, 0, NULL) == 0 && vf_all_zero(buf, MIB),
       "it is read live beside it");
    if (write(p.in, "quit\n", 5) != 5)
        printf("# qemu-io is gone\n");
    vf_proc_wait(&p, NULL, NULL);
    ok(run(writes) == 0, "QEMU can open it anew meanwhile");
    vf_autofd int fd = open(path, O_RDONLY);
    ok(fdatasync(fd) == 0 && posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0, "an empty cache");
    ok(vf_disk_read(d, buf, MIB, 0, NULL) == 0 && buf[0] == 9 && buf[MIB - 1] == 9 &&
           vf_disk_read(d, buf, 5000, MIB + 700, NULL) == 0 && buf[0] == 9 && buf[4999] == 9,
       "what was written is read");
    ok(!d->media || cached_pages(path, 4 * MIB) == 0, "nothing of it stays in the cache");
    vf_disk_free(d);
    s.live = false;
    d = vf_disk_open(&s, NULL);
    ok(d && vf_disk_read(d, buf, MIB, 0, NULL) == 0 && cached_pages(path, 4 * MIB) > 0,
       "as it does otherwise");
    vf_disk_free(d);
    s.live = s.write = true;
    ok(!vf_disk_open(&s, &f) && vf_error_code(f) == VF_E_UNSUPPORTED, "nothing is written live");
    s.write = false;
    s.path = qcow2;
    s.format = "qcow2";
    ok(!vf_disk_open(&s, &g) && vf_error_code(g) == VF_E_UNSUPPORTED, "nor qcow2 read");
    show(g);
    unlink(path);
    unlink(qcow2);
}

static void test_refusals(void)
{
    vf_autoerror struct vf_error *e = NULL, *f = NULL, *g = NULL, *h = NULL;
    vf_autofree char *path = vf_asprintf("%s/none", dir);
    ok(!open_disk(path, "raw", false, &e) && vf_error_code(e) == VF_E_NOTFOUND, "no such file");
    ok(!open_disk(path, "qcow2", false, &f) && vf_error_code(f) == VF_E_NOTFOUND,
       "no such file, qcow2");
    ok(!open_disk("relative", "raw", false, &g) && vf_error_code(g) == VF_E_USAGE,
       "only absolute paths");
    vf_autofree char *raw = image("not-qcow2", "raw");
    ok(!open_disk(raw, "qcow2", false, &h) && vf_error_code(h) == VF_E_UNSUPPORTED,
       "raw is no qcow2");
    unlink(raw);
}

static void test_memory(void)
{
    vf_auto(vf_disk_free) struct vf_disk *d = vf_disk_new_memory(3 * MIB);
    vf_autofree unsigned char *buf = vf_disk_buffer();
    memset(buf, 1, MIB);
    struct vf_extent x;
    ok(vf_disk_write(d, buf, MIB, MIB, NULL) == 0, "memory: writes");
    ok(vf_disk_extent(d, 0, &x, NULL) == 0 && x.zero && x.end == MIB, "memory: hole before");
    ok(vf_disk_extent(d, MIB, &x, NULL) == 0 && !x.zero && x.end == 2 * MIB, "memory: data");
    ok(vf_disk_make_zero(d, d->size, 0, NULL) == 0 && vf_disk_read(d, buf, MIB, MIB, NULL) == 0 &&
           vf_all_zero(buf, MIB),
       "memory: made zero");
    buf[MIB - 1] = 1;
    ok(!vf_all_zero(buf, MIB) && vf_all_zero(buf, MIB - 1) && vf_all_zero(buf, 0),
       "a last byte is noticed");
}

int main(void)
{
    const char *base = getenv("TMPDIR");
    dir = vf_asprintf("%s/vmferry-disk.XXXXXX", base ? base : "/var/tmp");
    if (!mkdtemp(dir))
        return 99;
    test_memory();
    const char *version[] = {"qemu-img", "--version", NULL};
    if (run(version) == 0) {
        test_format("raw");
        test_format("qcow2");
        test_locks("raw");
        test_locks("qcow2");
        test_shorter();
        test_read_back();
        test_backs_at_once();
        test_running("raw");
        test_running("qcow2");
        test_live();
        test_refusals();
    } else {
        skip("real images", "no qemu-img");
    }
    ok(rmdir(dir) == 0, "nothing is left behind");
    free(dir);
    return done_testing();
}
