/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An ESXi host in memory: its VMs, the files of its datastore, and ways into it that can be shut.
 */
#ifndef VF_TESTS_ESXI_FAKE_H
#define VF_TESTS_ESXI_FAKE_H

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "provider/esxi/esxi.h"

struct fake_file {
    const char *path; /* in datastore ds1, unless it begins with "ds2:" */
    const char *text; /* NULL: SIZE bytes of 'a' + offset % 26 */
    uint64_t size;
};

struct fake_host {
    struct fake_file files[32];
    struct vf_esxi_now now; /* of VM 7; what is in it is not freed */
    const char *vmx;        /* of VM 7; NULL: the host cannot read it */
    bool template_;
    unsigned stat_fails; /* from this call of stat() on, with NET; 0: never */
    unsigned stats;
    bool racy, moving; /* its files were written to just now; are all the time */
    bool two_dcs; /* a VM of another datacenter, with a datastore ds1 as well, is listed first */
    enum vf_error_code api, ssh; /* with which a login fails; VF_OK: it works */
    const char *api_says, *ssh_says;
    unsigned outage;   /* so many requests for files are not answered */
    bool lost;         /* the API's answer to the login, not the login */
    bool ssh_asks;     /* an unknown host key: a question */
    bool licence;      /* free: the API refuses to write, which it learns by trying */
    bool licence_told; /* it has */
    unsigned logins[2], asked, forgot, notes, looks; /* LOOKS: at a file */
    struct vf_recipe_hole holes[4];                  /* by SSH, of any disk */
    size_t n_holes;
    unsigned maps;
    bool busy;         /* a running VM has the disks: they cannot be read */
    unsigned reads[2]; /* by API and SSH */
    char *log;         /* what was changed */
    char password[32];
};

struct fake_way {
    struct vf_esxi_way base;
    struct fake_host *h;
    bool ssh;
};

static struct fake_host *fake; /* that the doors lead to */

static inline struct fake_way *fake_of(struct vf_esxi_way *w)
{
    return (struct fake_way *)(void *)w;
}

static inline void fake_note(struct fake_host *h, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vf_autofree char *line = vf_vasprintf(fmt, ap), *was = h->log;
    va_end(ap);
    h->log = vf_asprintf("%s%s\n", was ? was : "", line);
}

static inline const struct fake_file *fake_find(struct fake_host *h, const struct vf_esxi_file *f,
                                                struct vf_error **err)
{
    for (size_t i = 0; i < VF_COUNT(h->files) && h->files[i].path; i++) {
        const char *p = h->files[i].path;
        bool second = vf_starts(p, "ds2:");
        if (vf_streq(f->datastore, second ? "ds2" : "ds1") &&
            vf_streq(f->path, p + (second ? 4 : 0)))
            return &h->files[i];
    }
    vf_fail(err, VF_E_NOTFOUND, "[%s] %s is not there", f->datastore, f->path);
    return NULL;
}

static inline bool fake_is_out(struct fake_host *h, struct vf_error **err)
{
    if (!h->outage)
        return false;
    h->outage--;
    vf_fail(err, VF_E_NET, "the host asks to wait");
    return true;
}

static inline uint64_t fake_size(const struct fake_file *f)
{
    return f->text ? strlen(f->text) : f->size;
}

static inline void fake_bytes(const struct fake_file *f, char *to, size_t n, uint64_t offset)
{
    for (size_t i = 0; i < n; i++)
        to[i] = f->text ? f->text[offset + i] : (char)('a' + (offset + i) % 26);
}

static bool fake_is_vcenter(const struct vf_esxi_way *w)
{
    return false;
}

static int fake_vms(struct vf_esxi_way *w, struct vf_esxi_row **out, size_t *n,
                    struct vf_error **err)
{
    struct fake_host *h = fake_of(w)->h;
    *out = NULL;
    *n = 0;
    if (h->two_dcs)
        *(struct vf_esxi_row *)vf_grow(out, n, sizeof **out) =
            (struct vf_esxi_row){.id = 6,
                                 .name = vf_strdup("web 01"),
                                 .dc = vf_strdup("Other"),
                                 .node = vf_strdup("esx9.example"),
                                 .datastore = vf_strdup("ds1"),
                                 .vmx = vf_strdup(h->vmx)};
    struct vf_esxi_row *r = vf_grow(out, n, sizeof **out);
    *r = (struct vf_esxi_row){.id = 7,
                              .name = vf_strdup("web 01"),
                              .dc = vf_strdup("ha-datacenter"),
                              .node = h->two_dcs ? vf_strdup("esx1.example") : NULL,
                              .datastore = h->vmx ? vf_strdup("ds1") : NULL,
                              .vmx = vf_strdup(h->vmx),
                              .guest = vf_strdup("debian10_64Guest"),
                              .memory = UINT64_C(1) << 30,
                              .state = h->now.state,
                              .template_ = h->template_};
    return 0;
}

static int fake_now(struct vf_esxi_way *w, unsigned id, struct vf_esxi_now *out,
                    struct vf_error **err)
{
    const struct vf_esxi_now *n = &fake_of(w)->h->now;
    *out = *n;
    out->question = vf_strdup(n->question);
    out->annotation = vf_strdup(n->annotation);
    out->digest = vf_strdup(n->digest);
    out->addresses = vf_strv_new();
    for (size_t i = 0; n->addresses && n->addresses[i]; i++)
        vf_strv_add(&out->addresses, n->addresses[i]);
    return 0;
}

static int fake_portgroups(struct vf_esxi_way *w, const char *node, struct vf_esxi_portgroup **out,
                           size_t *n, struct vf_error **err)
{
    static const struct vf_esxi_portgroup all[] = {
        {(char *)"VM Network", NULL, 0},
        {(char *)"DMZ", NULL, 40},
        {(char *)"Trunk", NULL, 4095},
        {(char *)"Far", NULL, -1},
        {(char *)"Prod/Web", (char *)"dvportgroup-5", 50}};
    *out = NULL;
    *n = 0;
    for (size_t i = 0; i < VF_COUNT(all); i++) {
        struct vf_esxi_portgroup *p = vf_grow(out, n, sizeof **out);
        *p = (struct vf_esxi_portgroup){vf_strdup(all[i].name), vf_strdup(all[i].key), all[i].vlan};
    }
    return 0;
}

static char *fake_datastore(struct vf_esxi_way *w, const char *dc, const char *volume,
                            struct vf_error **err)
{
    if (vf_streq(volume, "5f00-aa"))
        return vf_strdup("ds2");
    vf_fail(err, VF_E_NOTFOUND, "no datastore is mounted at %s", volume);
    return NULL;
}

static char *fake_text(struct vf_esxi_way *w, const struct vf_esxi_file *f, size_t most,
                       size_t *len, struct vf_error **err)
{
    const struct fake_file *x =
        fake_is_out(fake_of(w)->h, err) ? NULL : fake_find(fake_of(w)->h, f, err);
    if (!x)
        return NULL;
    *len = fake_size(x);
    char *text = vf_xcalloc(1, *len + 1);
    fake_bytes(x, text, *len, 0);
    return text;
}

static int fake_stat(struct vf_esxi_way *w, const struct vf_esxi_file *f, uint64_t *size,
                     char **state, struct vf_error **err)
{
    const struct fake_file *x =
        fake_is_out(fake_of(w)->h, err) ? NULL : fake_find(fake_of(w)->h, f, err);
    if (!x)
        return -1;
    struct fake_host *h = fake_of(w)->h;
    h->looks++;
    if (++h->stats >= h->stat_fails && h->stat_fails)
        return vf_fail(err, VF_E_NET, "the host asks to wait");
    *size = fake_size(x);
    if (state)
        *state = h->moving ? vf_asprintf("Sat %u%s", h->stats, VF_ESXI_RACY)
                           : vf_asprintf("Sat%s", h->racy ? VF_ESXI_RACY : "");
    return 0;
}

static int fake_read(struct vf_esxi_way *w, const struct vf_esxi_file *f, void *buf, size_t n,
                     uint64_t offset, struct vf_error **err)
{
    const struct fake_file *x = fake_find(fake_of(w)->h, f, err);
    if (!x)
        return -1;
    fake_of(w)->h->reads[fake_of(w)->ssh]++;
    if (fake_of(w)->h->busy)
        return vf_fail(err, VF_E_CONFLICT, "it is in use");
    if (offset + n > fake_size(x))
        return vf_fail(err, VF_E_CORRUPT, "beyond the end");
    fake_bytes(x, buf, n, offset);
    return 0;
}

/* Not a hash, but something that only this way says. */
static char *fake_sha256(struct vf_esxi_way *w, const struct vf_esxi_file *f, uint64_t n,
                         uint64_t offset, struct vf_error **err)
{
    if (fake_of(w)->ssh)
        return vf_asprintf("host:%s:%u:%u", f->path, (unsigned)n, (unsigned)offset);
    vf_fail(err, VF_E_UNSUPPORTED, "the API hashes nothing");
    return NULL;
}

static int fake_holes(struct vf_esxi_way *w, const struct vf_esxi_file *f, uint64_t size,
                      struct vf_recipe_hole **out, size_t *n, struct vf_error **err)
{
    struct fake_host *h = fake_of(w)->h;
    if (!fake_of(w)->ssh || !h->n_holes)
        return vf_fail(err, VF_E_UNSUPPORTED, "nobody tells");
    h->maps++;
    *n = h->n_holes;
    *out = vf_xcalloc(*n, sizeof **out);
    memcpy(*out, h->holes, *n * sizeof **out);
    return fake_find(h, f, err) ? 0 : -1;
}

static unsigned fake_lacks(struct vf_esxi_way *w)
{
    struct fake_way *f = fake_of(w);
    if (f->ssh)
        return VF_ESXI_NO_ONBOOT;
    return f->h->licence_told
               ? VF_ESXI_NO_ANNOTATE | VF_ESXI_NO_RENAME | VF_ESXI_NO_ONBOOT | VF_ESXI_NO_POWER
               : 0;
}

static inline int fake_change(struct vf_esxi_way *w, struct vf_error **err, const char *what,
                              const char *text)
{
    struct fake_way *f = fake_of(w);
    if (!f->ssh && f->h->licence) {
        f->h->licence_told = true;
        return vf_fail(err, VF_E_UNSUPPORTED, "the licence forbids it");
    }
    fake_note(f->h, "%s: %s %s", f->base.ops->name, what, text);
    return 0;
}

static int fake_power(struct vf_esxi_way *w, unsigned id, enum vf_esxi_power what, unsigned timeout,
                      struct vf_error **err)
{
    static const char *const words[] = {"on", "shutdown", "off"};
    return fake_change(w, err, "power", words[what]);
}

static int fake_annotate(struct vf_esxi_way *w, unsigned id, const char *text, const char *digest,
                         struct vf_error **err)
{
    if (digest && !vf_streq(digest, fake_of(w)->h->now.digest))
        return vf_fail(err, VF_E_CONFLICT, "somebody changed it");
    return fake_change(w, err, "annotate", text);
}

static int fake_rename(struct vf_esxi_way *w, unsigned id, const char *name, struct vf_error **err)
{
    return fake_change(w, err, "rename", name);
}

static int fake_onboot(struct vf_esxi_way *w, unsigned id, bool onboot, struct vf_error **err)
{
    return fake_change(w, err, "onboot", onboot ? "1" : "0");
}

static int fake_drop(struct vf_esxi_way *w, unsigned id, struct vf_error **err)
{
    return fake_change(w, err, "snapshots", "removed");
}

static void fake_set_cancel(struct vf_esxi_way *w, struct vf_cancel *cancel)
{
}

static void fake_free(struct vf_esxi_way *w)
{
    free(w);
}

#define FAKE_OPS(n)                                                                                \
    {                                                                                              \
        .name = n, .is_vcenter = fake_is_vcenter, .vms = fake_vms, .now = fake_now,                \
        .portgroups = fake_portgroups, .datastore = fake_datastore, .text = fake_text,             \
        .stat = fake_stat, .read = fake_read, .sha256 = fake_sha256, .holes = fake_holes,          \
        .lacks = fake_lacks, .power = fake_power, .annotate = fake_annotate,                       \
        .rename = fake_rename, .set_onboot = fake_onboot, .drop_snapshots = fake_drop,             \
        .set_cancel = fake_set_cancel, .free = fake_free                                           \
    }
static const struct vf_esxi_way_ops fake_api = FAKE_OPS("api"), fake_ssh = FAKE_OPS("ssh");

static inline struct vf_esxi_way *fake_open(const struct vf_cluster_conf *conf, bool ssh,
                                            const struct vf_secret *password, struct vf_error **err)
{
    enum vf_error_code code = ssh ? fake->ssh : fake->api;
    const char *says = ssh ? fake->ssh_says : fake->api_says;
    fake->logins[ssh]++;
    snprintf(fake->password, sizeof fake->password, "%s", password ? vf_secret_text(password) : "");
    if (code) {
        vf_fail(err, code, "%s", says ? says : "refused");
        return NULL;
    }
    struct fake_way *w = vf_xcalloc(1, sizeof *w);
    *w = (struct fake_way){{ssh ? &fake_ssh : &fake_api, conf}, fake, ssh};
    return &w->base;
}

static struct vf_esxi_way *fake_open_api(const struct vf_cluster_conf *conf, bool verify_tls,
                                         const char *user, const struct vf_secret *password,
                                         const struct vf_asker *asker, struct vf_cancel *cancel,
                                         bool *told, struct vf_error **err)
{
    if (told)
        *told = fake->lost;
    return fake_open(conf, false, password, err);
}

static struct vf_esxi_way *fake_open_ssh(const struct vf_cluster_conf *conf, const char *user,
                                         const struct vf_secret *password,
                                         const struct vf_asker *asker, struct vf_cancel *cancel,
                                         struct vf_error **err)
{
    struct vf_ask q = {.id = "host-key:esx1", .kind = VF_ASK_CHOICE, .title = "Is this its key?"};
    struct vf_answer a = {0};
    int r = fake->ssh_asks ? asker->ask(asker->opaque, &q, cancel, &a, err) : 0;
    vf_answer_clear(&a);
    return r < 0 ? NULL : fake_open(conf, true, password, err);
}

static const struct vf_esxi_doors fake_doors = {.api = fake_open_api, .ssh = fake_open_ssh};

#endif
