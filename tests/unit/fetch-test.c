/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading disks from parts: ahead, at random, over failures; which way is taken; what is refused.
 */
#include "config.h"
#include "fetch/ahead.h"
#include "fetch/nbd_server.h"
#include "fetch/parts.h"
#include "base/clock.h"
#include "base/fdio.h"
#include "base/str.h"
#include "tests/unit/fake-way.h"
#include "tests/unit/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define MIB (1 << 20)

static char *dir;
static char **notes;

/* The clock that measures ways (linked in place of the real one, which is not asked by anything
 * else that matters here): what is slow seems so, and nobody waits for it. */
int64_t __real_vf_clock_ns(void);
int64_t __wrap_vf_clock_ns(void);
int64_t __wrap_vf_clock_ns(void)
{
    return __real_vf_clock_ns() + fake.ahead_ns;
}

static void on_note(const char *text)
{
    vf_strv_add(&notes, text);
}

static char *path_of(const char *name)
{
    return vf_asprintf("%s/ds/%s", dir, name);
}

/* Bytes that tell where they are. */
static void fill(char *buf, size_t n, uint64_t at, unsigned seed)
{
    for (size_t i = 0; i + 8 <= n; i += 8) {
        uint64_t v = (at + i) * 0x9E3779B97F4A7C15ULL + seed;
        memcpy(buf + i, &v, sizeof v);
    }
}

static void make_file(const char *name, uint64_t size, unsigned seed)
{
    vf_autofree char *path = path_of(name), *buf = vf_xcalloc(1, MIB);
    vf_autofd int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    for (uint64_t at = 0; at < size; at += MIB) {
        size_t n = size - at < MIB ? (size_t)(size - at) : MIB;
        fill(buf, n, at, seed);
        vf_pwrite_full(fd, buf, n, at);
    }
}

static void add_part(struct vf_recipe *r, const char *datastore, const char *path, uint64_t offset,
                     uint64_t length)
{
    struct vf_recipe_part *p = vf_recipe_add(r);
    p->datastore = vf_strdup(datastore);
    p->path = vf_strdup(path);
    p->offset = offset;
    p->length = length;
    r->size += length;
}

static struct vf_recipe *recipe(void)
{
    struct vf_recipe *r = vf_xcalloc(1, sizeof *r);
    r->name = vf_strdup("[ds] web/web.vmdk");
    return r;
}

/* 30 MiB and a bit of one file, 9 MiB of zeroes, 20 MiB from the middle of another. */
static struct vf_recipe *three_parts(bool local)
{
    struct vf_recipe *r = recipe();
    vf_autofree char *one = local ? path_of("one") : vf_strdup("one");
    vf_autofree char *two = local ? path_of("two") : vf_strdup("two");
    add_part(r, local ? NULL : "ds", one, 0, 30 * MIB + 512);
    add_part(r, NULL, NULL, 0, 9 * MIB);
    add_part(r, local ? NULL : "ds", two, 3 * MIB, 20 * MIB);
    return r;
}

static void expect(char *buf, size_t n, uint64_t at)
{
    const uint64_t first = 30 * MIB + 512, second = first + 9 * MIB;
    for (size_t i = 0; i < n; i += 512) {
        uint64_t x = at + i;
        if (x < first)
            fill(buf + i, 512, x, 1);
        else if (x < second)
            memset(buf + i, 0, 512);
        else
            fill(buf + i, 512, x - second + 3 * MIB, 2);
    }
}

/* A host's worth: ways, threads, a disk's parts. */
struct rig {
    struct vf_ways *ways;
    struct vf_fetch_pool *pool;
    struct vf_recipe *recipe;
    struct vf_parts *parts;
};

static void new_host(struct rig *g, const char *way)
{
    vf_auto(vf_secret_free) struct vf_secret *s = vf_secret_new("geheim", 6);
    vf_autofree char *conf = vf_asprintf("%s/vmferry.conf", dir);
    struct vf_fetch_login l = {.conf = conf,
                               .cluster = (char *)"lab",
                               .way = (char *)way,
                               .user = (char *)"root",
                               .password = s};
    *g = (struct rig){.ways = vf_ways_new(&l, on_note)};
    g->pool = vf_fetch_pool_new(g->ways);
}

static bool open_parts(struct rig *g, struct vf_recipe *r, struct vf_error **err)
{
    g->recipe = r;
    g->parts = vf_parts_open(r, g->pool, NULL, err);
    if (g->parts)
        vf_parts_opened(g->parts);
    return g->parts != NULL;
}

static void close_parts(struct rig *g)
{
    vf_parts_close(VF_STEAL(g->parts));
    vf_recipe_free(VF_STEAL(g->recipe));
}

static void end_host(struct rig *g)
{
    close_parts(g);
    vf_fetch_pool_free(g->pool);
    vf_ways_free(g->ways);
    const char *root = fake.root;
    char *password = fake.password;
    ok(fake.ways == 0 && !fake.shared, "ways are closed, none was used by two threads");
    memset(&fake, 0, sizeof fake);
    fake.root = root;
    free(password);
    vf_strv_free(VF_STEAL(notes));
    notes = vf_strv_new();
}

/* Of all parts together. */
static uint64_t size_of(const struct rig *g)
{
    uint64_t n = 0;
    for (size_t i = 0; i < g->recipe->n_parts; i++)
        n += g->recipe->parts[i].length;
    return n;
}

/* All of it, a chunk after another from AT on: as it must be? */
static bool reads_well(struct rig *g, uint64_t at, struct vf_error **err)
{
    vf_autofree char *got = vf_xmalloc(MIB), *want = vf_xmalloc(MIB);
    for (uint64_t size = size_of(g); at < size; at += MIB) {
        size_t n = size - at < MIB ? (size_t)(size - at) : MIB;
        memset(got, 0x55, n);
        if (vf_parts_read(g->parts, got, n, at, err) < 0)
            return false;
        expect(want, n, at);
        if (memcmp(got, want, n) != 0)
            return vf_fail(err, VF_E_INTERNAL, "other bytes at %llu", (unsigned long long)at) == 0;
    }
    return true;
}

static void show(const struct vf_error *e)
{
    if (e)
        printf("# %s: %s\n", vf_error_code_name(vf_error_code(e)), vf_error_text(e));
}

static void test_flat(void)
{
    struct rig g;
    vf_autoerror struct vf_error *e = NULL;
    new_host(&g, "api");
    fake.gather = VF_FETCH_THREADS;
    ok(open_parts(&g, three_parts(false), &e), "parts in a datastore are opened");
    show(e);
    ok(size_of(&g) == 59 * MIB + 512 && vf_parts_start(g.parts, g.recipe->n_parts - 1) ==
                                            size_of(&g) - g.recipe->parts[2].length,
       "they are as long as all of them");
    is_str(fake.password, "geheim", "the way gets the password");
    ok(reads_well(&g, 0, &e), "read from the beginning they are what the files have");
    show(e);
    ok(fake.most == VF_FETCH_THREADS, "by %d threads (%u)", VF_FETCH_THREADS, fake.most);
    ok(vf_fetch_pool_peak(g.pool) <= (uint64_t)(VF_FETCH_AHEAD + 1) * VF_FETCH_PIECE,
       "never more than 52 MiB are held (%llu)",
       (unsigned long long)vf_fetch_pool_peak(g.pool) >> 20);
    ok(fake.bytes <= size_of(&g), "nothing is read twice, zeroes not at all");
    vf_parts_interrupt(g.parts, true);
    vf_parts_interrupt(g.parts, false);
    ok(reads_well(&g, 17 * MIB, &e), "and again from the middle on");
    show(e);
    uint64_t end;
    ok(!vf_parts_zero(g.parts, 0, &end) && end == 30 * MIB + 512 &&
           vf_parts_zero(g.parts, end, &end) && end == 39 * MIB + 512,
       "its zeroes are extents");
    end_host(&g);
}

static struct vf_recipe *with_holes(void)
{
    static const struct vf_recipe_hole holes[] = {
        {MIB, 2 * MIB}, {8 * MIB, 9 * MIB}, {29 * MIB, 12 * MIB}, {58 * MIB, MIB + 512}};
    struct vf_recipe *r = three_parts(false);
    r->size = 59 * MIB + 512;
    r->name = r->name ? r->name : vf_strdup("holes");
    r->holes = vf_xcalloc(VF_COUNT(holes), sizeof *holes);
    memcpy(r->holes, holes, sizeof holes);
    r->n_holes = VF_COUNT(holes);
    /* as it is told */
    vf_autofree char *text = vf_recipe_text(r);
    vf_recipe_free(r);
    return vf_recipe_parse(text, NULL);
}

/* Holes: inside of pieces, of several, over the zeroes between two files, at the end. */
static void test_holes(void)
{
    static const uint64_t ends[] = {1, 3, 8, 17, 29}; /* MiB; data and none in turn */
    struct rig g;
    vf_autoerror struct vf_error *e = NULL;
    new_host(&g, "api");
    ok(open_parts(&g, with_holes(), &e), "parts with holes are opened");
    show(e);
    vf_autofree char *got = vf_xmalloc(MIB), *want = vf_xmalloc(MIB);
    uint64_t end, at = 0, size = size_of(&g);
    bool good = true;
    for (size_t i = 0; i < VF_COUNT(ends); i++, at = end)
        good = vf_parts_zero(g.parts, at, &end) == (i % 2 == 1) && end == ends[i] * MIB && good;
    while (vf_parts_zero(g.parts, at, &end) && end < size)
        at = end;
    ok(good && at == 41 * MIB, "they are extents of zeroes (up to %llu)", (unsigned long long)at);
    good = true;
    for (at = 0; at < size && good; at += MIB) {
        size_t n = size - at < MIB ? (size_t)(size - at) : MIB;
        good = vf_parts_read(g.parts, got, n, at, &e) == 0;
        expect(want, n, at);
        for (size_t i = 0; i < g.recipe->n_holes; i++)
            for (size_t k = 0; k < n; k++)
                if (at + k >= g.recipe->holes[i].start &&
                    at + k < g.recipe->holes[i].start + g.recipe->holes[i].length)
                    want[k] = 0;
        good = good && memcmp(got, want, n) == 0;
    }
    show(e);
    ok(good, "which are read as zeroes, all else as it is");
    ok(fake.bytes <= 35 * MIB, "and never asked for (%llu bytes)", (unsigned long long)fake.bytes);
    end_host(&g);
}

static void test_random(void)
{
    struct rig g;
    vf_autoerror struct vf_error *e = NULL;
    vf_autofree char *got = vf_xmalloc(2 * MIB), *want = vf_xmalloc(2 * MIB);
    new_host(&g, "api");
    ok(open_parts(&g, three_parts(false), &e), "opened for reading here and there");
    bool good = true;
    unsigned seed = 7;
    uint64_t scan = 0, size = size_of(&g);
    for (int i = 0; i < 120 && good; i++) {
        /* a reader from the beginning on, and one that jumps */
        uint64_t at = i % 2 ? scan : (uint64_t)rand_r(&seed) % (size / 512) * 512;
        size_t n = i % 2 ? MIB : ((size_t)rand_r(&seed) % 4096 + 1) * 512;
        if (n > size - at)
            n = (size_t)(size - at);
        if (i % 2)
            scan += n;
        good = !n || (vf_parts_read(g.parts, got, n, at, &e) == 0 &&
                      (expect(want, n, at), memcmp(got, want, n) == 0));
    }
    show(e);
    ok(good, "what is read at random between is right, too");
    end_host(&g);
}

static void test_transient(void)
{
    struct rig g;
    vf_autoerror struct vf_error *e = NULL;
    new_host(&g, "api");
    ok(open_parts(&g, three_parts(false), &e), "opened at a host that is overloaded");
    fake.fail_every = 3;
    ok(reads_well(&g, 0, &e), "each third request fails, and all is read");
    show(e);
    fake.down = true;
    vf_parts_interrupt(g.parts, true);
    vf_parts_interrupt(g.parts, false);
    char buf[512];
    ok(vf_parts_read(g.parts, buf, 512, 512, &e) < 0 && vf_error_is_transient(e) &&
           strstr(vf_error_text(e), "[ds] one at 512"),
       "one that stays away is told as such, with file and offset");
    show(e);
    vf_error_free(VF_STEAL(e));
    fake.down = false;
    ok(reads_well(&g, 0, &e), "and when it is back, it goes on");
    end_host(&g);
}

static void test_bad(void)
{
    struct rig g;
    vf_autoerror struct vf_error *e = NULL;
    new_host(&g, "api");
    struct vf_recipe *r = recipe();
    add_part(r, "ds", "one", 0, 99 * MIB);
    ok(!open_parts(&g, r, &e) && vf_error_code(e) == VF_E_CORRUPT,
       "a file that is shorter than its part: %s", vf_error_text(e));
    close_parts(&g);
    vf_error_free(VF_STEAL(e));
    ok(open_parts(&g, three_parts(false), &e), "opened");
    fake.bad_at = 8 * MIB + 5;
    uint64_t before = fake.reads;
    ok(!reads_well(&g, 0, &e) && vf_error_code(e) == VF_E_CORRUPT &&
           strstr(vf_error_text(e), "[ds] one at 8388608"),
       "what is no data is never taken for it: %s", vf_error_text(e));
    usleep(50000);
    ok(fake.reads - before < 20, "and not asked for again");
    vf_error_free(VF_STEAL(e));
    fake.bad_at = 0;
    vf_autofree char *path = path_of("one");
    ok(truncate(path, 10 * MIB) == 0, "the file is cut off meanwhile");
    vf_parts_interrupt(g.parts, true);
    vf_parts_interrupt(g.parts, false);
    ok(!reads_well(&g, 0, &e) && vf_error_code(e) == VF_E_CORRUPT, "which shows: %s",
       vf_error_text(e));
    make_file("one", 31 * MIB, 1);
    end_host(&g);
}

struct reader {
    struct rig *g;
    struct vf_error *e;
    atomic_bool ended;
};

static void *read_one(void *arg)
{
    struct reader *r = arg;
    char buf[512];
    vf_parts_read(r->g->parts, buf, sizeof buf, 20 * MIB, &r->e);
    r->ended = true;
    return NULL;
}

static void test_cancel(void)
{
    struct rig g;
    vf_autoerror struct vf_error *e = NULL;
    new_host(&g, "api");
    ok(open_parts(&g, three_parts(false), &e), "opened at a host that does not answer");
    fake.stuck = true;
    struct reader r[6];
    pthread_t t[6];
    for (int i = 0; i < 6; i++) {
        r[i] = (struct reader){.g = &g};
        pthread_create(&t[i], NULL, read_one, &r[i]);
    }
    int64_t end = vf_clock_ms() + 60000;
    while (fake.now < VF_FETCH_THREADS && vf_clock_ms() < end)
        usleep(1000);
    /* which would hang here for ever */
    vf_parts_interrupt(g.parts, true);
    bool good = true;
    for (int i = 0; i < 6; i++) {
        pthread_join(t[i], NULL);
        good = good && vf_error_code(r[i].e) == VF_E_CANCELLED;
        vf_error_free(r[i].e);
    }
    ok(good, "six readers are ended, those that wait their turn, too");
    char buf[512];
    ok(vf_parts_read(g.parts, buf, sizeof buf, 0, &e) < 0 && vf_error_code(e) == VF_E_CANCELLED,
       "and nothing is read any more");
    vf_error_free(VF_STEAL(e));
    fake.stuck = false;
    vf_parts_interrupt(g.parts, false);
    ok(reads_well(&g, 0, &e), "until the next pass begins");
    show(e);
    end_host(&g);
}

static void test_ways(void)
{
    struct rig g;
    vf_autoerror struct vf_error *e = NULL;
    new_host(&g, NULL);
    fake.api.seems_ms = 60 * 1000;
    ok(open_parts(&g, three_parts(false), &e) && reads_well(&g, 0, &e), "two ways answer");
    show(e);
    ok(notes[0] && vf_starts(notes[0], "reading over SSH, which is faster here"),
       "the faster is taken, which is said: %s", notes[0]);
    ok(fake.api.opened == 1 && fake.ssh.opened == 1, "each was logged in to once");
    fake.ssh.no_range = true;
    vf_parts_interrupt(g.parts, true);
    vf_parts_interrupt(g.parts, false);
    ok(reads_well(&g, 0, &e), "what one cannot read is read by the other");
    show(e);
    ok(notes[1] && vf_starts(notes[1], "reading over HTTPS from now on: the host ignores ranges"),
       "which is said: %s", notes[1]);
    fake.api.no_range = true;
    vf_parts_interrupt(g.parts, true);
    vf_parts_interrupt(g.parts, false);
    ok(!reads_well(&g, 0, &e) && vf_error_code(e) == VF_E_UNSUPPORTED, "when neither can: %s",
       vf_error_text(e));
    end_host(&g);

    vf_error_free(VF_STEAL(e));
    new_host(&g, NULL);
    fake.api.fails = VF_E_AUTH;
    ok(!open_parts(&g, three_parts(false), &e) && vf_error_code(e) == VF_E_AUTH,
       "a password is refused: %s", vf_error_text(e));
    close_parts(&g);
    vf_error_free(VF_STEAL(e));
    fake.api.fails = VF_OK;
    ok(!open_parts(&g, three_parts(false), &e) && fake.api.opened == 1 && fake.ssh.opened == 0,
       "and tried nowhere again");
    end_host(&g);

    vf_error_free(VF_STEAL(e));
    new_host(&g, NULL);
    fake.api.fails = VF_E_NET;
    ok(open_parts(&g, three_parts(false), &e) && reads_well(&g, 0, &e),
       "without an API it is read over SSH");
    end_host(&g);
}

static bool some_ended(unsigned before)
{
    for (int64_t until = vf_clock_ms() + 60000; fake.ended == before && vf_clock_ms() < until;)
        usleep(5000);
    return fake.ended > before;
}

/* N requests were begun since BEGAN; more only for those that were ended because nobody went on for
 * two seconds (a minute, with our haste). */
static bool begun(unsigned n, int64_t began)
{
    int64_t most = (vf_clock_ms() - began) / 2000 * VF_FETCH_THREADS;
    return fake.begun == n + fake.ended && (int64_t)fake.ended <= most;
}

/* A way of which one request runs on. */
static void test_read_on(void)
{
    struct rig g;
    vf_autoerror struct vf_error *e = NULL;
    vf_autofree char *buf = vf_xmalloc(MIB), *big = path_of("big");
    new_host(&g, "ssh");
    fake.reads_on = true;
    int64_t began = vf_clock_ms();
    ok(open_parts(&g, three_parts(false), &e) && reads_well(&g, 0, &e), "one request runs on");
    show(e);
    ok(begun(2, began) && fake.reads > 10, "for each of the parts (%u, for %llu reads)", fake.begun,
       (unsigned long long)fake.reads);
    ok(fake.bytes == 50 * MIB + 512, "nothing is read twice");
    fake.fail_every = 3;
    vf_parts_interrupt(g.parts, true);
    vf_parts_interrupt(g.parts, false);
    ok(reads_well(&g, 0, &e), "each third read fails, and all is read");
    show(e);
    fake.fail_every = 0;
    vf_parts_interrupt(g.parts, true);
    vf_parts_interrupt(g.parts, false);
    ok(vf_parts_read(g.parts, buf, MIB, 0, &e) == 0 &&
           vf_parts_read(g.parts, buf, MIB, MIB, &e) == 0 && some_ended(fake.ended),
       "what nobody reads on from is ended after a while");
    ok(vf_parts_read(g.parts, buf, MIB, 2 * MIB, &e) == 0 && reads_well(&g, 3 * MIB, &e),
       "and goes on all the same");
    show(e);
    end_host(&g);

    new_host(&g, "ssh");
    fake.reads_on = true;
    struct vf_recipe *r = recipe();
    vf_autofd int fd = open(big, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ok(ftruncate(fd, 130 * MIB) == 0, "a larger file");
    add_part(r, "ds", "big", 0, 130 * MIB);
    began = vf_clock_ms();
    bool good = open_parts(&g, r, &e);
    for (uint64_t at = 0; good && at < 130 * MIB; at += MIB)
        good = vf_parts_read(g.parts, buf, MIB, at, &e) == 0;
    ok(good && begun(3, began), "is read by stretches (%u)", fake.begun);
    vf_parts_interrupt(g.parts, true);
    vf_parts_interrupt(g.parts, false);
    unsigned before = fake.ended;
    good = vf_parts_read(g.parts, buf, MIB, 0, &e) == 0 &&
           vf_parts_read(g.parts, buf, MIB, MIB, &e) == 0;
    close_parts(&g);
    ok(good && some_ended(before), "when the disk is closed, what runs on is ended");
    unlink(big);
    end_host(&g);
}

static void test_identity(void)
{
    struct rig g;
    vf_autoerror struct vf_error *e = NULL;
    for (int local = 0; local < 2; local++) {
        new_host(&g, "api");
        ok(open_parts(&g, three_parts(local), &e), "opened, %s", local ? "here" : "there");
        vf_autofree char *first = vf_parts_identity(g.parts);
        ok(reads_well(&g, 0, &e), "and read");
        show(e);
        close_parts(&g);
        ok(open_parts(&g, three_parts(local), &e), "opened again");
        vf_autofree char *second = vf_parts_identity(g.parts);
        ok(*first && vf_streq(first, second), "what has not changed is the same: %s", first);
        close_parts(&g);
        make_file("two", 24 * MIB, 2);
        ok(open_parts(&g, three_parts(local), &e), "written to, opened again");
        vf_autofree char *third = vf_parts_identity(g.parts);
        ok(!vf_streq(first, third), "what has changed is not, though it is as long");
        close_parts(&g);
        fake.no_state = true;
        ok(open_parts(&g, three_parts(local), &e), "at a host that tells no times");
        vf_autofree char *fourth = vf_parts_identity(g.parts);
        ok(local || !*fourth, "nobody can tell");
        end_host(&g);
    }
}

static int read_nothing(void *opaque, void *buf, size_t n, uint64_t offset, struct vf_error **err)
{
    memset(buf, 0, n);
    return 0;
}

/* QEMU connects while there are too many open files: it is answered once there are fewer. */
static void test_no_descriptors(void)
{
    struct vf_nbd_export x = {.name = "x", .size = 512, .read = read_nothing};
    vf_autofree char *path = path_of("nbd.sock");
    vf_auto(vf_nbd_server_free) struct vf_nbd_server *s = vf_nbd_server_new(path, &x, 1, NULL);
    vf_autofd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    struct rlimit was, now;
    int lowest = dup(0);
    if (!s || fd < 0 || lowest < 0 || strlen(path) >= sizeof at.sun_path ||
        getrlimit(RLIMIT_NOFILE, &was) < 0)
        abort();
    memcpy(at.sun_path, path, strlen(path) + 1);
    close(lowest);
    now = (struct rlimit){.rlim_cur = (rlim_t)lowest, .rlim_max = was.rlim_max};
    ok(setrlimit(RLIMIT_NOFILE, &now) == 0 && dup(0) < 0 && errno == EMFILE, "no descriptor left");
    ok(connect(fd, (struct sockaddr *)&at, sizeof at) == 0, "somebody connects");
    usleep(50 * 1000); /* time to refuse him, for who does */
    setrlimit(RLIMIT_NOFILE, &was);
    struct pollfd p = {.fd = fd, .events = POLLIN};
    char greeting[8];
    ok(poll(&p, 1, 20000) == 1 && read(fd, greeting, 8) == 8 &&
           memcmp(greeting, "NBDMAGIC", 8) == 0,
       "and is greeted when there is one again");
}

int main(void)
{
    setenv("VMFERRY_TEST_HASTE", "25", 1);
    const char *base = getenv("TMPDIR");
    dir = vf_asprintf("%s/vmferry-fetch.XXXXXX", base ? base : "/var/tmp");
    if (!mkdtemp(dir))
        return 99;
    notes = vf_strv_new();
    vf_autofree char *ds = vf_asprintf("%s/ds", dir), *conf = vf_asprintf("%s/vmferry.conf", dir);
    static const char text[] =
        "clusters = ( { name = \"lab\"; type = \"esxi\"; url = \"https://192.0.2.1\"; } );\n";
    if (mkdir(ds, 0700) < 0 || vf_replace_file(conf, text, strlen(text), 0600, NULL) < 0)
        return 99;
    fake.root = dir;
    make_file("one", 31 * MIB, 1);
    make_file("two", 24 * MIB, 2);
    test_flat();
    test_holes();
    test_random();
    test_transient();
    test_bad();
    test_cancel();
    test_ways();
    test_read_on();
    test_identity();
    test_no_descriptors();
    vf_autofree char *one = path_of("one"), *two = path_of("two");
    ok(unlink(one) == 0 && unlink(two) == 0 && unlink(conf) == 0 && rmdir(ds) == 0 &&
           rmdir(dir) == 0,
       "nothing is left behind");
    vf_strv_free(notes);
    free(dir);
    return done_testing();
}
