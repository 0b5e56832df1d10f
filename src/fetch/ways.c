/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "fetch/ways.h"
#include "base/clock.h"
#include "base/i18n.h"
#include "base/log.h"
#include "base/str.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
    WARM = 64 << 10, /* read before the clock runs: what a connection takes is paid once */
    MEASURE = 4 << 20,
};

enum { API, SSH, KINDS };

static const struct {
    const char *word, *shown;
} kinds[KINDS] = {{"api", "HTTPS"}, {"ssh", "SSH"}};

struct vf_ways {
    struct vf_fetch_login login;
    void (*note)(const char *text);
    pthread_mutex_t lock; /* of all that follows */
    struct vf_conf *conf;
    struct vf_cluster_conf cluster; /* a shallow copy, with login.certs */
    char **certs;                   /* borrowed texts */
    struct vf_esxi_way *way[KINDS]; /* NULL: not open */
    bool tried[KINDS], broken[KINDS];
    bool refused; /* a login was: another would count as one more failure */
    bool chosen;
    int now; /* in use; KINDS: none */
    unsigned generation;
    atomic_bool reads_on; /* what is in use can; read without the lock */
};

struct vf_ways *vf_ways_new(const struct vf_fetch_login *login, void (*note)(const char *text))
{
    struct vf_ways *w = vf_xcalloc(1, sizeof *w);
    w->login = (struct vf_fetch_login){
        .conf = vf_strdup(login->conf),
        .cluster = vf_strdup(login->cluster),
        .verify_tls = login->verify_tls,
        .way = vf_strdup(login->way),
        .user = vf_strdup(login->user),
        .password = login->password ? vf_secret_copy(login->password) : NULL,
    };
    for (size_t i = 0; login->certs && login->certs[i]; i++) {
        if (!w->login.certs)
            w->login.certs = vf_strv_new();
        vf_strv_add(&w->login.certs, login->certs[i]);
    }
    w->note = note;
    w->now = KINDS;
    pthread_mutex_init(&w->lock, NULL);
    return w;
}

void vf_ways_free(struct vf_ways *w)
{
    if (!w)
        return;
    for (int i = 0; i < KINDS; i++)
        vf_esxi_way_free(w->way[i]);
    vf_conf_free(w->conf);
    free(w->certs);
    vf_fetch_login_clear(&w->login);
    pthread_mutex_destroy(&w->lock);
    free(w);
}

/* ---- logging in: all under the lock ---- */

/* Nobody is here to be asked: what was not agreed to before is refused. */
static int ask_nobody(void *opaque, const struct vf_ask *q, struct vf_cancel *cancel,
                      struct vf_answer *out, struct vf_error **err)
{
    return vf_fail(err, VF_E_TRUST,
                   "what the host shows is not what was agreed to when the job began (%s)", q->id);
}

static const struct vf_asker asker = {.ask = ask_nobody};

static int load(struct vf_ways *w, struct vf_error **err)
{
    if (w->conf)
        return 0;
    w->conf = vf_conf_load(w->login.conf, err);
    const struct vf_cluster_conf *c =
        w->conf ? vf_conf_cluster(w->conf, w->login.cluster, err) : NULL;
    if (!c) {
        vf_conf_free(VF_STEAL(w->conf));
        return -1;
    }
    w->cluster = *c;
    size_t n = 0;
    for (int from = 0; from < 2; from++) {
        char **v = from ? w->login.certs : c->fingerprints;
        for (size_t i = 0; v && v[i]; i++)
            *(char **)vf_grow(&w->certs, &n, sizeof *w->certs) = v[i];
    }
    if (n) {
        *(char **)vf_grow(&w->certs, &n, sizeof *w->certs) = NULL;
        w->cluster.fingerprints = w->certs;
    }
    return 0;
}

/* As typed, else as configured; NULL without *err: none. */
static struct vf_secret *password(struct vf_ways *w, struct vf_cancel *cancel,
                                  struct vf_error **err)
{
    if (w->login.password)
        return vf_secret_copy(w->login.password);
    if (w->cluster.secret_file)
        return vf_secret_from_file(w->cluster.secret_file, err);
    if (w->cluster.secret_command)
        return vf_secret_from_command(w->cluster.secret_command, w->cluster.name, cancel, err);
    return NULL;
}

static bool wanted(const struct vf_ways *w, int kind)
{
    const char *word = w->login.way ? w->login.way : w->cluster.way;
    return !word || vf_streq(word, kinds[kind].word);
}

static int open_kind(struct vf_ways *w, int kind, struct vf_cancel *cancel, struct vf_error **err)
{
    if (w->way[kind] || w->tried[kind])
        return w->way[kind]
                   ? 0
                   : vf_fail(err, VF_E_UNSUPPORTED, "%s does not work there", kinds[kind].shown);
    if (w->refused)
        return vf_fail(err, VF_E_AUTH, "the password was refused: it is not tried again");
    vf_autoerror struct vf_error *e = NULL;
    vf_auto(vf_secret_free) struct vf_secret *secret = password(w, cancel, &e);
    if (e)
        return vf_fail_with(err, VF_STEAL(e));
    const char *user = w->login.user ? w->login.user : w->cluster.user ? w->cluster.user : "root";
    w->way[kind] = kind == API ? vf_esxi_api_open(&w->cluster, w->login.verify_tls, user, secret,
                                                  &asker, cancel, NULL, &e)
                               : vf_esxi_ssh_open(&w->cluster, user, secret, &asker, cancel, &e);
    /* what is transient may work the next time */
    w->tried[kind] = !vf_error_is_transient(e);
    w->refused = w->refused || vf_error_code(e) == VF_E_AUTH;
    if (!w->way[kind]) {
        vf_info("fetch", "%s: %s", kinds[kind].shown, vf_error_text(e));
        return vf_fail_with(err, VF_STEAL(e));
    }
    return 0;
}

static void take(struct vf_ways *w, int kind)
{
    w->now = kind;
    w->generation++;
    atomic_store(&w->reads_on, w->way[kind]->ops->read_on != NULL);
}

/* The first that opens, in the order of the table. */
static int open_first(struct vf_ways *w, struct vf_cancel *cancel, struct vf_error **err)
{
    vf_autoerror struct vf_error *first = NULL;
    for (int i = 0; i < KINDS; i++) {
        vf_autoerror struct vf_error *e = NULL;
        if (!wanted(w, i) || w->broken[i])
            continue;
        if (open_kind(w, i, cancel, &e) == 0) {
            take(w, i);
            return 0;
        }
        bool final = vf_error_code(e) == VF_E_CANCELLED || vf_error_code(e) == VF_E_AUTH;
        if (final)
            vf_error_free(VF_STEAL(first));
        if (!first)
            first = VF_STEAL(e);
        if (final)
            break;
    }
    return first ? vf_fail_with(err, VF_STEAL(first))
                 : vf_fail(err, VF_E_UNSUPPORTED, "no way into %s is left", w->login.cluster);
}

static int open_any(struct vf_ways *w, struct vf_cancel *cancel, struct vf_error **err)
{
    if (w->now != KINDS)
        return 0;
    if (load(w, err) < 0)
        return -1;
    return open_first(w, cancel, err);
}

/* ---- measuring ---- */

/* Bytes per second, 0 with *err. */
static double measure(struct vf_esxi_way *way, const struct vf_esxi_file *f, uint64_t offset,
                      size_t n, void *buf, struct vf_error **err)
{
    size_t warm = n / 4 < WARM ? n / 4 : WARM, rest = n - warm;
    if (way->ops->read_on)
        way->ops->read_on(way, offset + n);
    if (warm && way->ops->read(way, f, buf, warm, offset, err) < 0)
        return 0;
    int64_t began = vf_clock_ns();
    if (way->ops->read(way, f, buf, rest, offset + warm, err) < 0)
        return 0;
    int64_t took = vf_clock_ns() - began;
    return (double)rest * 1e9 / (double)(took > 0 ? took : 1);
}

static void choose(struct vf_ways *w, const struct vf_esxi_file *f, uint64_t offset, uint64_t n,
                   struct vf_cancel *cancel)
{
    double rate[KINDS] = {0};
    size_t some = n < MEASURE ? (size_t)n : MEASURE;
    vf_autofree void *buf = vf_xmalloc(some);
    for (int i = 0; i < KINDS; i++) {
        vf_autoerror struct vf_error *e = NULL;
        if (!wanted(w, i) || w->broken[i] || open_kind(w, i, cancel, &e) < 0)
            continue;
        w->way[i]->ops->set_cancel(w->way[i], cancel);
        rate[i] = measure(w->way[i], f, offset, some, buf, &e);
        if (e)
            vf_info("fetch", "measuring %s: %s", kinds[i].shown, vf_error_text(e));
    }
    if (!rate[API] || !rate[SSH])
        return; /* there is one, or it shows when it is read */
    int best = rate[SSH] > rate[API] ? SSH : API;
    vf_autofree char *fast = vf_format_rate((uint64_t)rate[best]),
                     *slow = vf_format_rate((uint64_t)rate[!best]);
    vf_autofree char *text = vf_asprintf(_("reading over %s, which is faster here: %s, over %s %s"),
                                         kinds[best].shown, fast, kinds[!best].shown, slow);
    w->note(text);
    if (best != w->now)
        take(w, best);
}

int vf_ways_choose(struct vf_ways *w, const struct vf_esxi_file *f, uint64_t offset, uint64_t n,
                   struct vf_cancel *cancel, struct vf_error **err)
{
    pthread_mutex_lock(&w->lock);
    int r = open_any(w, cancel, err);
    /* a vCenter's own SSH leads into the vCenter, not to its hosts */
    bool both = r == 0 && wanted(w, API) && wanted(w, SSH) && !w->broken[API] && !w->broken[SSH] &&
                w->way[API] && !w->way[API]->ops->is_vcenter(w->way[API]);
    if (both && !w->chosen && n)
        choose(w, f, offset, n, cancel);
    w->chosen = true;
    pthread_mutex_unlock(&w->lock);
    return r < 0 ? -1 : vf_cancel_check(cancel, err);
}

/* ---- using them ---- */

int vf_ways_stat(struct vf_ways *w, const struct vf_esxi_file *f, uint64_t *size, char **state,
                 struct vf_cancel *cancel, struct vf_error **err)
{
    pthread_mutex_lock(&w->lock);
    int r = open_any(w, cancel, err);
    if (r == 0) {
        struct vf_esxi_way *way = w->way[w->now];
        way->ops->set_cancel(way, cancel);
        r = way->ops->stat(way, f, size, state, err);
    }
    pthread_mutex_unlock(&w->lock);
    return r;
}

struct vf_esxi_way *vf_ways_twin(struct vf_ways *w, unsigned *generation, struct vf_error **err)
{
    struct vf_esxi_way *twin = NULL;
    pthread_mutex_lock(&w->lock);
    if (open_any(w, NULL, err) == 0) {
        struct vf_esxi_way *way = w->way[w->now];
        *generation = w->generation;
        way->ops->set_cancel(way, NULL);
        twin = way->ops->twin(way, err);
    }
    pthread_mutex_unlock(&w->lock);
    return twin;
}

bool vf_ways_reads_on(const struct vf_ways *w)
{
    return atomic_load(&w->reads_on);
}

unsigned vf_ways_generation(struct vf_ways *w)
{
    pthread_mutex_lock(&w->lock);
    unsigned g = w->generation;
    pthread_mutex_unlock(&w->lock);
    return g;
}

int vf_ways_fall_over(struct vf_ways *w, unsigned generation, const struct vf_error *why)
{
    int r = 0;
    pthread_mutex_lock(&w->lock);
    if (generation == w->generation && w->now != KINDS) {
        int was = w->now;
        vf_autoerror struct vf_error *e = NULL;
        w->broken[was] = true;
        r = open_first(w, NULL, &e);
        if (r == 0) {
            vf_autofree char *text = vf_asprintf(_("reading over %s from now on: %s"),
                                                 kinds[w->now].shown, vf_error_text(why));
            w->note(text);
        } else {
            vf_info("fetch", "no other way: %s", vf_error_text(e));
            w->broken[was] = false; /* what is read by it has its own error to tell */
        }
    }
    pthread_mutex_unlock(&w->lock);
    return r;
}
