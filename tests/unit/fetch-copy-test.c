/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Disks that are fetched, copied by the engine: vmferry-fetch at one end, vmferry-mover at the
 * other.
 */
#include "config.h"
#include "disk/vmdk.h"
#include "mover/login.h"
#include "tests/unit/copy-fixture.h"
#include "xfer/carrier.h"
#include "xfer/host.h"

#include <sys/wait.h>

#define BIG ((uint64_t)2560 << 20) /* more than a part of twoGbMaxExtent... holds */

static char *fetch, *conf;
static char *noted; /* the last thing that was told in passing */

static void on_note(void *opaque, const char *text)
{
    vf_str_set(&noted, text);
}

static struct vf_fetch_login the_login(void)
{
    return (struct vf_fetch_login){
        .conf = conf, .cluster = (char *)"lab", .way = (char *)"api", .user = (char *)"root"};
}

/* As open_pair(), with the source's disks fetched. */
static bool open_fetch(struct pair *p)
{
    static int n;
    vf_autofree char *job = vf_asprintf("fetch-%d-%d", (int)getpid(), n++);
    vf_auto(vf_secret_free) struct vf_secret *secret = vf_secret_new("geheim", 6);
    struct vf_fetch_login login = the_login();
    login.password = secret;
    struct vf_mover_opts from = {
        .job = job, .epoch = 1, .mover = fetch, .login = &login, .note = on_note};
    struct vf_mover_opts to = {.job = job, .epoch = 1, .mover = mover};
    vf_autoerror struct vf_error *e = NULL;
    *p = (struct pair){0};
    p->source = vf_mover_host_open(NULL, &from, &e);
    p->target = p->source ? vf_mover_host_open(NULL, &to, &e) : NULL;
    struct vf_route_opts r = {.source_label = "esxi", .target_label = "b2"};
    p->route = p->target ? vf_route_open(p->source, p->target, &r, &e) : NULL;
    show(e);
    return p->route != NULL;
}

static void set_faults(const char *text)
{
    vf_autofree char *path = path_of("faults"), *seen = path_of("faults.seen");
    vf_replace_file(path, text, strlen(text), 0600, NULL);
    for (int64_t end = vf_clock_ms() + 60000; vf_clock_ms() < end; usleep(2000)) {
        vf_autofree char *now = vf_read_file(seen, 4096, NULL, NULL);
        if (now && vf_streq(now, text))
            break;
    }
}

static void add_part(struct vf_recipe *r, bool remote, const char *name, uint64_t offset,
                     uint64_t length)
{
    struct vf_recipe_part *p = vf_recipe_add(r);
    p->offset = offset;
    p->length = length;
    if (!name)
        return;
    p->datastore = remote ? vf_strdup("ds") : NULL;
    p->path = remote ? vf_strdup(name) : vf_asprintf("%s/ds/%s", dir, name);
}

static uint64_t size_of(const char *path)
{
    struct stat st;
    return stat(path, &st) < 0 ? 0 : (uint64_t)st.st_size;
}

/* The recipe of the disk NAME, as a provider makes it. */
static char *recipe_of(const char *name, bool remote)
{
    vf_autoerror struct vf_error *e = NULL;
    vf_autofree char *path = vf_asprintf("%s/ds/%s", dir, name);
    vf_autofd int fd = open(path, O_RDONLY | O_CLOEXEC);
    vf_autofree char *head = vf_xcalloc(1, VF_VMDK_HEAD);
    ssize_t n = fd < 0 ? -1 : vf_pread_full(fd, head, VF_VMDK_HEAD, 0);
    vf_auto(vf_vmdk_free) struct vf_vmdk *d =
        n > 0 ? vf_vmdk_parse(head, (size_t)n, name, &e) : NULL;
    if (!d) {
        show(e);
        return vf_strdup("");
    }
    vf_autofree uint64_t *sizes = vf_xcalloc(d->n_extents, sizeof *sizes);
    for (size_t i = 0; i < d->n_extents; i++) {
        vf_autofree char *file = vf_vmdk_beside(path, &d->extents[i], &e);
        sizes[i] = file ? size_of(file) : size_of(path);
    }
    struct vf_vmdk_place at = {
        .datastore = remote ? "ds" : NULL, .path = remote ? name : path, .size = size_of(path)};
    vf_autofree char *warning = NULL;
    vf_auto(vf_recipe_free) struct vf_recipe *r = vf_vmdk_recipe(d, &at, sizes, &warning, &e);
    show(e);
    return r ? vf_recipe_text(r) : vf_strdup("");
}

/* Two files and zeroes between them; RAW gets what that must be. */
static char *flat_recipe(bool remote, const char *raw)
{
    vf_auto(vf_recipe_free) struct vf_recipe *r = vf_xcalloc(1, sizeof *r);
    r->name = vf_strdup("[ds] flat/flat.vmdk");
    r->size = 96 * MIB + 512;
    add_part(r, remote, "one-flat.vmdk", 0, 64 * MIB + 512);
    add_part(r, remote, NULL, 0, 8 * MIB);
    add_part(r, remote, "one-flat.vmdk", 16 * MIB, 24 * MIB);
    vf_autofree char *one = vf_asprintf("%s/ds/one-flat.vmdk", dir), *buf = vf_xmalloc(MIB);
    vf_autofree char *made = make_pattern("ds/one-flat.vmdk", 65 * MIB);
    vf_autofd int in = open(one, O_RDONLY | O_CLOEXEC);
    vf_autofd int out = open(raw, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (in < 0 || out < 0 || ftruncate(out, (off_t)r->size) < 0)
        return NULL;
    for (uint64_t at = 0; at < 64 * MIB; at += MIB) {
        vf_pread_full(in, buf, MIB, at);
        vf_pwrite_full(out, buf, MIB, at);
        if (at >= 16 * MIB && at < 40 * MIB)
            vf_pwrite_full(out, buf, MIB, 72 * MIB + 512 + (at - 16 * MIB));
    }
    vf_pread_full(in, buf, 512, 64 * MIB);
    vf_pwrite_full(out, buf, 512, 64 * MIB);
    return vf_recipe_text(r);
}

static void copy_to(struct pair *p, const char *recipe, const char *raw, const char *format,
                    const char *what)
{
    vf_autofree char *to = make_target("to", format, size_of(raw));
    struct vf_copy_opts o = {.verify = true, .target_fresh = true, .compress = OFF};
    struct vf_copy_result r = {0};
    vf_autoerror struct vf_error *e = NULL;
    ok(copy(p, recipe, "recipe", to, format, &o, &r, &e) == 0, "%s -> %s", what, format);
    show(e);
    ok(identical(raw, "raw", to, format), "the target is what QEMU makes of the source");
    ok(r.zero > 0, "zeroes are left out (%llu MiB of %llu were read)",
       (unsigned long long)r.read >> 20, (unsigned long long)r.size >> 20);
    vf_copy_result_free(&r);
    unlink(to);
}

static void test_flat(void)
{
    struct pair p;
    ok(open_fetch(&p), "vmferry-fetch and a mover");
    vf_autofree char *raw = path_of("raw");
    for (int remote = 0; p.route && remote < 2; remote++) {
        vf_autofree char *recipe = flat_recipe(remote, raw);
        copy_to(&p, recipe, raw, "raw", remote ? "parts in a datastore" : "parts of files here");
        copy_to(&p, recipe, raw, "qcow2", remote ? "parts in a datastore" : "parts of files here");
    }
    close_pair(&p);
    unlink(raw);
}

static void drop_files(void)
{
    vf_autofree char *ds = path_of("ds");
    const char *argv[] = {"rm", "-rf", ds, NULL};
    run(argv);
    mkdir(ds, 0700);
}

static void test_images(void)
{
    static const char *const kinds[] = {"monolithicSparse", "streamOptimized",
                                        "twoGbMaxExtentSparse", "twoGbMaxExtentFlat",
                                        "monolithicFlat"};
    struct pair p;
    ok(open_fetch(&p), "vmferry-fetch and a mover, for images");
    for (size_t i = 0; p.route && i < VF_COUNT(kinds); i++) {
        /* only the one has to have several files */
        vf_autofree char *raw = make_pattern("raw", i == 2 ? BIG : 64 * MIB);
        vf_autofree char *option = vf_asprintf("subformat=%s", kinds[i]);
        vf_autofree char *vmdk = path_of("ds/web.vmdk");
        const char *argv[] = {"qemu-img", "convert", "-f", "raw", "-O", "vmdk",
                              "-o",       option,    raw,  vmdk,  NULL};
        ok(run(argv) == 0, "a disk as %s", kinds[i]);
        for (int remote = 0; remote < 2; remote++) {
            vf_autofree char *recipe = recipe_of("web.vmdk", remote);
            vf_autofree char *what =
                vf_asprintf("%s, %s", kinds[i], remote ? "in a datastore" : "here");
            copy_to(&p, recipe, raw, "raw", what);
        }
        drop_files();
        unlink(raw);
    }
    close_pair(&p);
}

static void refused(struct pair *p, const char *recipe, const char *want, const char *what)
{
    vf_autofree char *to = make_target("to", "raw", BIG);
    struct vf_copy_opts o = {.verify = true};
    struct vf_copy_result res = {0};
    vf_autoerror struct vf_error *e = NULL;
    int r = copy(p, recipe, "recipe", to, "raw", &o, &res, &e);
    ok(r < 0 && strstr(vf_error_text(e), want), "%s: refused: %s", what, want);
    show(e);
    vf_copy_result_free(&res);
    unlink(to);
}

/* QEMU reads zeroes where a sparse file was cut off, and its check finds nothing when that was
 * within the last grain. */
static void test_cut_off(void)
{
    struct pair p;
    ok(open_fetch(&p), "vmferry-fetch and a mover, for an image that was cut off");
    vf_autofree char *raw = make_pattern("raw", 4 * MIB), *vmdk = path_of("ds/web.vmdk");
    vf_autofd int fd = open(raw, O_WRONLY | O_CLOEXEC);
    ok(fd >= 0 && vf_pwrite_full(fd, "the end", 7, 4 * MIB - 512) == 0, "a disk with an end");
    const char *argv[] = {"qemu-img", "convert", "-f", "raw", "-O", "vmdk", raw, vmdk, NULL};
    run(argv);
    ok(truncate(vmdk, (off_t)size_of(vmdk) - 20000) == 0, "is cut off in its last grain");
    const char *check[] = {"qemu-img", "check", "-q", vmdk, NULL};
    ok(run(check) == 0, "which QEMU does not mind");
    for (int remote = 0; p.route && remote < 2; remote++) {
        vf_autofree char *recipe = recipe_of("web.vmdk", remote);
        refused(&p, recipe, "is cut off", remote ? "there" : "here");
    }
    close_pair(&p);
    unlink(raw);
    drop_files();
}

/* Files of which one is longer and the other shorter than the descriptor says. */
static void test_other_parts(void)
{
    struct pair p;
    ok(open_fetch(&p), "vmferry-fetch and a mover, for parts of other lengths");
    vf_autofree char *raw = make_pattern("raw", BIG), *vmdk = path_of("ds/web.vmdk");
    const char *argv[] = {"qemu-img", "convert", "-f", "raw",
                          "-O",       "vmdk",    "-o", "subformat=twoGbMaxExtentSparse",
                          raw,        vmdk,      NULL};
    run(argv);
    vf_autofree char *text = vf_read_file(vmdk, MIB, NULL, NULL);
    vf_autobuf struct vf_buf b = {0};
    for (const char *s = text ? text : ""; *s;) {
        uint64_t sectors;
        size_t n = strcspn(s, "\n") + 1;
        vf_autofree char *line = vf_strndup(s, n - 1), *number = NULL;
        if (vf_starts(line, "RW "))
            number = vf_strndup(line + 3, strcspn(line + 3, " "));
        if (number && vf_parse_u64(number, 1, UINT32_MAX, &sectors) == 0)
            vf_buf_printf(
                &b, "RW %llu%s\n",
                (unsigned long long)(strstr(line, "s001") ? sectors - 128 : sectors + 128),
                line + 3 + strlen(number));
        else
            vf_buf_printf(&b, "%s\n", line);
        s += s[n - 1] ? n : n - 1;
    }
    vf_replace_file(vmdk, vf_buf_str(&b), b.len, 0600, NULL);
    vf_autofree char *recipe = recipe_of("web.vmdk", false);
    refused(&p, recipe, "and the descriptor says", "with the same sum");
    close_pair(&p);
    unlink(raw);
    drop_files();
}

/* In the middle of another file, as in an OVA; and what is refused. */
static void test_inside(void)
{
    struct pair p;
    ok(open_fetch(&p), "vmferry-fetch and a mover, for an image inside a file");
    vf_autofree char *raw = make_pattern("raw", 64 * MIB);
    vf_autofree char *vmdk = path_of("ds/in.vmdk"), *ova = path_of("ds/web.ova");
    const char *argv[] = {"qemu-img", "convert", "-f", "raw",
                          "-O",       "vmdk",    "-o", "subformat=streamOptimized",
                          raw,        vmdk,      NULL};
    size_t n = 0;
    run(argv);
    vf_autofree char *bytes = vf_read_file(vmdk, 64 * MIB, &n, NULL);
    vf_autofd int fd = open(ova, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (!bytes || fd < 0 || vf_pwrite_full(fd, bytes, n, 1536) < 0 || ftruncate(fd, 70 * MIB) < 0)
        n = 0;
    for (int remote = 0; p.route && remote < 2; remote++) {
        vf_auto(vf_recipe_free) struct vf_recipe *r = vf_xcalloc(1, sizeof *r);
        r->name = vf_strdup("web.ova: web-disk1.vmdk");
        r->size = 64 * MIB;
        r->image = vf_strdup("vmdk");
        add_part(r, remote, "web.ova", 1536, n);
        vf_autofree char *recipe = vf_recipe_text(r);
        copy_to(&p, recipe, raw, "raw", remote ? "inside a file there" : "inside a file here");
    }
    static const struct {
        uint64_t at, size, cut;
        const char *text, *want;
    } bad[] = {
        {0, 65 * MIB, 0, NULL, "not the 68157440 that are expected"},
        {0, 64 * MIB, 0, "what is this", "is not a vmdk image"},
        {512, 64 * MIB, 0, "parentFileNameHint=\"x\"", "snapshot"},
        {0, 64 * MIB, 4096, NULL, "is cut off"},
    };
    for (size_t i = 0; p.route && i < VF_COUNT(bad); i++) {
        vf_auto(vf_recipe_free) struct vf_recipe *r = vf_xcalloc(1, sizeof *r);
        r->name = vf_strdup("web.ova: web-disk1.vmdk");
        r->size = bad[i].size;
        r->image = vf_strdup("vmdk");
        add_part(r, i % 2, "web.ova", 1536, bad[i].cut ? 71 * MIB : n);
        vf_pwrite_full(fd, bytes, n, 1536);
        if (bad[i].text)
            vf_pwrite_full(fd, bad[i].text, strlen(bad[i].text), 1536 + bad[i].at);
        vf_autofree char *recipe = vf_recipe_text(r), *to = make_target("to", "raw", 65 * MIB);
        struct vf_copy_opts o = {.verify = true};
        struct vf_copy_result res = {0};
        vf_autoerror struct vf_error *e = NULL;
        ok(copy(&p, recipe, "recipe", to, "raw", &o, &res, &e) < 0 &&
               strstr(vf_error_text(e), bad[i].want),
           "refused: %s", bad[i].want);
        show(e);
        vf_copy_result_free(&res);
        unlink(to);
    }
    close_pair(&p);
    unlink(raw);
    drop_files();
}

/* The host goes away in the middle. */
static void test_resume(void)
{
    struct pair p;
    ok(open_fetch(&p), "vmferry-fetch and a mover, for a host that goes away");
    vf_autofree char *raw = path_of("raw"), *recipe = flat_recipe(true, raw);
    vf_autofree char *to = make_target("to", "raw", size_of(raw));
    struct vf_progress progress = {0};
    struct vf_copy_opts o = {.source = {recipe, "recipe", 0},
                             .target = {to, "raw", 0},
                             .verify = true,
                             .target_fresh = true,
                             .compress = OFF};
    vf_auto(vf_copy_free) struct vf_copy *c = vf_copy_new(&o, &progress);
    struct vf_copy_result r = {0};
    vf_autoerror struct vf_error *e = NULL;
    set_faults("every 7 slow 20");
    /* the target commits what it has after a while, or when the pass fails */
    for (int change = 0; p.route && change < 2; change++) {
        set_faults("down");
        ok(vf_copy_run(c, p.route, &r, &e) < 0 && vf_error_is_transient(e), "a host that is away");
        show(e);
        vf_error_free(VF_STEAL(e));
        set_faults("");
        if (change) {
            vf_autofree char *one = path_of("ds/one-flat.vmdk");
            vf_autofd int fd = open(one, O_WRONLY | O_CLOEXEC);
            vf_pwrite_full(fd, "changed", 7, MIB);
            vf_autofd int out = open(raw, O_WRONLY | O_CLOEXEC);
            vf_pwrite_full(out, "changed", 7, MIB);
        }
        ok(vf_copy_run(c, p.route, &r, &e) == 0, "when it is back, it is copied");
        show(e);
        ok(identical(raw, "raw", to, "raw"), "and what it must be");
        vf_copy_result_free(&r);
    }
    close_pair(&p);
    unlink(to);
    unlink(raw);
}

/* ---- by a carrier ---- */

struct job {
    char *recipe, *to;
    struct vf_carrier *carrier;
    struct vf_mover_host *source;
    unsigned logins, lost;
    uint64_t epoch;
};

static int on_dial(void *opaque, bool target, struct vf_ssh **out, struct vf_error **err)
{
    if (!target)
        return vf_fail(err, VF_E_INTERNAL, "nobody dials what is fetched");
    *out = NULL;
    return 0;
}

static int on_epoch(void *opaque, uint64_t *out, struct vf_error **err)
{
    *out = ++((struct job *)opaque)->epoch;
    return 0;
}

static struct vf_route *on_route(void *opaque, struct vf_mover_host *source,
                                 struct vf_mover_host *target, struct vf_error **err)
{
    struct job *j = opaque;
    j->source = source;
    struct vf_route_opts r = {.source_label = "esxi", .target_label = "b2"};
    return vf_route_open(source, target, &r, err);
}

static int on_ready(void *opaque, struct vf_error **err)
{
    return 0;
}

static void on_lost(void *opaque, const struct vf_error *why, int ms)
{
    ((struct job *)opaque)->lost++;
}

static void on_back(void *opaque)
{
}

static int on_fetch(void *opaque, struct vf_fetch_login *out, struct vf_error **err)
{
    ((struct job *)opaque)->logins++;
    *out = (struct vf_fetch_login){.conf = vf_strdup(conf),
                                   .cluster = vf_strdup("lab"),
                                   .user = vf_strdup("root"),
                                   .password = vf_secret_new("geheim", 6)};
    return 0;
}

static const struct vf_carrier_ops carrier_ops = {
    .dial = on_dial,
    .epoch = on_epoch,
    .route = on_route,
    .ready = on_ready,
    .lost = on_lost,
    .full = on_lost,
    .back = on_back,
    .fetch = on_fetch,
    .note = on_note,
};

struct ride {
    struct job *j;
    struct vf_copy *copy;
    struct vf_progress *progress;
    struct vf_copy_result r;
    struct vf_error *e;
    int status;
};

static void *ride_main(void *arg)
{
    struct ride *x = arg;
    x->status = vf_carrier_copy(x->j->carrier, x->copy, x->progress, NULL, &x->r, &x->e);
    return NULL;
}

/* The program that fetches is killed in the middle; the rest comes from a new one. */
static void test_carrier(void)
{
    struct job j = {0};
    vf_autofree char *id = vf_asprintf("ferry-%d", (int)getpid()), *raw = path_of("raw");
    struct vf_carrier_opts o = {.job = id, .mover = mover, .fetch = fetch};
    vf_autofree char *recipe = flat_recipe(true, raw);
    vf_autofree char *to = make_target("to", "raw", size_of(raw));
    vf_autoerror struct vf_error *e = NULL;
    vf_str_set(&noted, NULL);
    j.carrier = vf_carrier_new(&o, &carrier_ops, &j);
    set_faults("");
    ok(vf_carrier_open(j.carrier, &e) == 0 && j.logins == 1, "a carrier starts vmferry-fetch");
    show(e);
    ok(vf_streq(vf_route_text(vf_carrier_route(j.carrier)), "esxi -> b2 local"),
       "the data goes from here");
    struct vf_progress progress = {0};
    _Atomic uint64_t rate = 3 * MIB; /* little is read until the kill, however late that comes */
    struct vf_copy_opts c = {.source = {recipe, "recipe", 0},
                             .target = {to, "raw", 0},
                             .rate_now = &rate,
                             .verify = true,
                             .target_fresh = true,
                             .compress = OFF};
    struct ride x = {.j = &j, .progress = &progress, .copy = vf_copy_new(&c, &progress)};
    pthread_t t;
    pid_t pid = j.source->proc.pid; /* the thread may change it */
    pthread_create(&t, NULL, ride_main, &x);
    int64_t end = vf_clock_ms() + 60000;
    while (!progress.done && vf_clock_ms() < end)
        usleep(5000);
    uint64_t done = progress.done;
    kill(pid, SIGKILL);
    rate = 0;
    pthread_join(t, NULL);
    show(x.e);
    ok(done && x.status == 0 && j.lost > 0 && j.logins == 2,
       "killed in the middle, it is started again, and told how to log in");
    ok(identical(raw, "raw", to, "raw"), "and all is copied");
    ok(x.r.read < size_of(raw) + (24 << 20),
       "but what was done by then (%llu MiB) is not read again", (unsigned long long)done >> 20);
    ok(noted && strstr(noted, "faster here"), "what it tells in passing is heard: %s", noted);
    vf_copy_result_free(&x.r);
    vf_error_free(x.e);
    vf_copy_free(x.copy);
    vf_carrier_free(j.carrier);
    unlink(to);
    unlink(raw);
}

/* One that a lost job left here, and that still reads: it is ended before its directory goes. */
static void test_left(void)
{
    vf_autofree char *job = vf_asprintf("left-%d", (int)getpid()),
                     *program = path_of("vmferry-fetch");
    vf_autofree char *name = vf_asprintf("vmferry-%s-1-00000000", job);
    vf_autofree char *where = vf_asprintf("/tmp/%s", name), *sock = vf_asprintf("%s/sock", where);
    const char *argv[] = {program, "serve", "--job", job, "--epoch", "1", "--dir", where, NULL};
    struct vf_proc p;
    vf_autoerror struct vf_error *e = NULL;
    if (symlink(fetch, program) < 0 || mkdir(where, 0700) < 0 ||
        vf_proc_start(argv, VF_PROC_STDIN | VF_PROC_STDOUT | VF_PROC_STDERR | VF_PROC_DIE, -1, &p,
                      &e) < 0)
        abort();
    for (int i = 0; i < 3000 && access(sock, F_OK) < 0; i++)
        usleep(10000);
    char *args[] = {name, (char *)"remove", NULL};
    vf_autofree char *said = vf_host_shell(NULL, vf_script_dirs, args, NULL, &e);
    is_str(said, where, "what a lost vmferry-fetch left is found");
    show(e);
    /* its memory goes first, by which the script sees it */
    siginfo_t info = {0};
    for (int i = 0; i < 1000 && !info.si_pid; i++)
        if (waitid(P_PID, (id_t)p.pid, &info, WEXITED | WNOWAIT | WNOHANG) == 0 && !info.si_pid)
            usleep(10000);
    ok(info.si_pid == p.pid, "and it ends");
    ok(access(where, F_OK) < 0, "its directory is gone");
    vf_proc_end(&p);
    unlink(program);
}

static void test_login(void)
{
    struct vf_fetch_login login = the_login();
    vf_autofree char *job = vf_asprintf("login-%d", (int)getpid());
    struct vf_mover_opts o = {.job = job, .epoch = 1, .mover = mover, .login = &login};
    vf_autoerror struct vf_error *e = NULL, *e2 = NULL;
    ok(!vf_mover_host_open(NULL, &o, &e) && vf_error_code(e) == VF_E_UNSUPPORTED,
       "a plain mover takes no login");
    ok(!vf_mover_host_open((struct vf_ssh *)&o, &o, &e2) && vf_error_code(e2) == VF_E_INTERNAL,
       "another host is sent none");
    struct vf_fetch_login back;
    vf_autobuf struct vf_buf b = {0};
    vf_auto(vf_secret_free) struct vf_secret *secret = vf_secret_new("ge heim\n", 8);
    char *certs[] = {(char *)"AA:BB", (char *)"CC:DD", NULL};
    login.password = secret;
    login.certs = certs;
    vf_fetch_login_fields(&b, &login);
    struct vf_frame f = {.type = VF_F_SOURCE, .payload = b.data, .len = b.len};
    ok(vf_fetch_login_read(&f, &back, NULL) == 0 && vf_streq(back.conf, conf) &&
           vf_streq(back.cluster, "lab") && vf_streq(back.way, "api") && !back.verify_tls &&
           vf_streq(back.certs[1], "CC:DD") && vf_streq(vf_secret_text(back.password), "ge heim\n"),
       "a login comes as it was sent");
    ok(!memmem(b.data, b.len, "ge heim", 7), "and the password is gone from where it came");
    vf_fetch_login_clear(&back);
}

int main(void)
{
    setenv("VMFERRY_TEST_HASTE", "20", 1);
    int r = begin_copies("fetch");
    if (r)
        return r;
    const char *build = getenv("top_builddir");
    vf_autofree char *built = vf_asprintf("%s/tests/unit/fake-fetch", build ? build : ".");
    fetch = realpath(built, NULL);
    conf = path_of("vmferry.conf");
    vf_autofree char *ds = path_of("ds"), *faults = path_of("faults"),
                     *seen = path_of("faults.seen");
    static const char text[] =
        "clusters = ( { name = \"lab\"; type = \"esxi\"; url = \"https://192.0.2.1\"; } );\n";
    if (!fetch || mkdir(ds, 0700) < 0 ||
        vf_replace_file(conf, text, strlen(text), 0600, NULL) < 0 || !have_qemu_img())
        return 99;
    setenv("VMFERRY_FAKE", dir, 1);
    test_login();
    test_left();
    test_flat();
    test_images();
    test_inside();
    test_cut_off();
    test_other_parts();
    test_resume();
    test_carrier();
    drop_files();
    rmdir(ds);
    unlink(faults);
    unlink(seen);
    unlink(conf);
    free(noted);
    free(conf);
    free(fetch);
    return end_copies();
}
