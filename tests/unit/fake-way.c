/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "tests/unit/fake-way.h"
#include "base/clock.h"
#include "base/fdio.h"
#include "base/str.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct fake_host fake;

struct fake_way {
    struct vf_esxi_way way;
    struct fake_door *door;
    struct vf_cancel *cancel;
    bool entered;           /* one thread at a time uses it */
    uint64_t at, end, hint; /* what it runs on with */
    uint64_t failed; /* offset + 1 of what failed last, which does not when it is read again */
};

static struct fake_way *self(struct vf_esxi_way *w)
{
    return (struct fake_way *)w;
}

static int open_file(const struct vf_esxi_file *f, struct vf_error **err)
{
    vf_autofree char *path = vf_asprintf("%s/%s/%s", fake.root, f->datastore, f->path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? vf_fail(err, VF_E_NOTFOUND, "there is no %s", f->path) : fd;
}

static const char *fake_version(struct vf_esxi_way *w)
{
    return "fake";
}

static bool fake_is_vcenter(const struct vf_esxi_way *w)
{
    return false;
}

static int fake_stat(struct vf_esxi_way *w, const struct vf_esxi_file *f, uint64_t *size,
                     char **state, struct vf_error **err)
{
    struct stat st;
    vf_autofd int fd = open_file(f, err);
    if (fd < 0 || fstat(fd, &st) < 0)
        return -1;
    *size = (uint64_t)st.st_size;
    *state = fake.no_state
                 ? NULL
                 : vf_asprintf("%lld.%09ld", (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
    return 0;
}

static void count_in(void)
{
    unsigned now = ++fake.now, most = fake.most;
    while (now > most && !atomic_compare_exchange_weak(&fake.most, &most, now))
        ;
}

/* The host's turn to fail? */
static bool fails(struct fake_way *w, uint64_t number, uint64_t offset)
{
    bool again = w->failed == offset + 1;
    w->failed = 0;
    if (fake.down)
        return true;
    if (again || !fake.fail_every || number % fake.fail_every != 0)
        return false;
    w->failed = offset + 1;
    return true;
}

/* Many are under way at once when nobody can go on before they are; not for ever. */
static int gather(struct fake_way *w, struct vf_error **err)
{
    for (int64_t end = vf_clock_ms() + 60000; fake.most < fake.gather && vf_clock_ms() < end;)
        if (vf_cancel_sleep(w->cancel, 1, err) < 0)
            return -1;
    return 0;
}

static int read_file(struct fake_way *w, const struct vf_esxi_file *f, void *buf, size_t n,
                     uint64_t offset, struct vf_error **err)
{
    uint64_t number = ++fake.reads;
    fake.bytes += n;
    if (w->at != offset || w->at + n > w->end) {
        w->end = w->hint > offset + n ? w->hint : offset + n;
        fake.begun++;
    }
    w->at = offset + n;
    int ms = w->door->slow_ms;
    fake.ahead_ns += (int64_t)w->door->seems_ms * 1000000;
    if (gather(w, err) < 0 || (ms && vf_cancel_sleep(w->cancel, ms, err) < 0))
        return -1;
    if (fake.stuck && vf_cancel_sleep(w->cancel, -1, err) < 0)
        return -1;
    if (w->door->no_range)
        return vf_fail(err, VF_E_UNSUPPORTED, "the host ignores ranges");
    if (fails(w, number, offset))
        return vf_fail(err, VF_E_NET, "503 Service Unavailable");
    uint64_t bad = fake.bad_at;
    if (bad && offset <= bad && bad < offset + n)
        return vf_fail(err, VF_E_CORRUPT, "the host sends a page instead of data");
    vf_autofd int fd = open_file(f, err);
    if (fd < 0)
        return -1;
    ssize_t r = vf_pread_full(fd, buf, n, offset);
    return r == (ssize_t)n ? 0 : vf_fail(err, VF_E_CORRUPT, "only %zd bytes came", r);
}

static int fake_read(struct vf_esxi_way *way, const struct vf_esxi_file *f, void *buf, size_t n,
                     uint64_t offset, struct vf_error **err)
{
    struct fake_way *w = self(way);
    if (w->entered)
        fake.shared = true;
    w->entered = true;
    count_in();
    int r = read_file(w, f, buf, n, offset, err);
    if (r < 0)
        w->at = w->end = 0;
    fake.now--;
    w->entered = false;
    return r;
}

static void fake_read_on(struct vf_esxi_way *way, uint64_t end)
{
    struct fake_way *w = self(way);
    if (!end && w->at < w->end)
        fake.ended++;
    if (!end)
        w->at = w->end = 0;
    w->hint = end;
}

static struct vf_esxi_way *make(struct fake_door *door);

static struct vf_esxi_way *fake_twin(struct vf_esxi_way *w, struct vf_error **err)
{
    fake.twins++;
    return make(self(w)->door);
}

static void fake_set_cancel(struct vf_esxi_way *w, struct vf_cancel *cancel)
{
    self(w)->cancel = cancel;
}

static void fake_free(struct vf_esxi_way *w)
{
    fake.ways--;
    free(w);
}

#define COMMON_OPS                                                                                 \
    .name = "api", .version = fake_version, .is_vcenter = fake_is_vcenter, .stat = fake_stat,      \
    .read = fake_read, .twin = fake_twin, .set_cancel = fake_set_cancel, .free = fake_free

static const struct vf_esxi_way_ops api_ops = {COMMON_OPS},
                                    ssh_ops = {COMMON_OPS, .read_on = fake_read_on};

static struct vf_esxi_way *make(struct fake_door *door)
{
    struct fake_way *w = vf_xcalloc(1, sizeof *w);
    w->way.ops = door == &fake.ssh && fake.reads_on ? &ssh_ops : &api_ops;
    w->door = door;
    fake.ways++;
    return &w->way;
}

static struct vf_esxi_way *enter(struct fake_door *door, const struct vf_secret *password,
                                 struct vf_error **err)
{
    door->opened++;
    vf_str_set(&fake.password, password ? vf_secret_text(password) : NULL);
    if (door->fails) {
        vf_fail(err, door->fails, "the door is shut");
        return NULL;
    }
    return make(door);
}

struct vf_esxi_way *vf_esxi_api_open(const struct vf_cluster_conf *conf, bool verify_tls,
                                     const char *user, const struct vf_secret *password,
                                     const struct vf_asker *asker, struct vf_cancel *cancel,
                                     bool *told, struct vf_error **err)
{
    return enter(&fake.api, password, err);
}

struct vf_esxi_way *vf_esxi_ssh_open(const struct vf_cluster_conf *conf, const char *user,
                                     const struct vf_secret *password, const struct vf_asker *asker,
                                     struct vf_cancel *cancel, struct vf_error **err)
{
    return enter(&fake.ssh, password, err);
}

void fake_faults(const char *root, const char *text);

/* For fake-fetch: what its file of faults says. */
void fake_faults(const char *root, const char *text)
{
    const char *slow = strstr(text, "slow "), *every = strstr(text, "every ");
    fake.root = root;
    fake.down = strstr(text, "down") != NULL;
    fake.api.slow_ms = slow ? (int)strtol(slow + 5, NULL, 10) : 0;
    fake.fail_every = every ? strtoul(every + 6, NULL, 10) : 0;
}
