/* SPDX-License-Identifier: GPL-3.0-or-later */
/* import FETCH MOVER CONF CLUSTER WAY PASSWORD_FILE DATASTORE PATH TARGET no|verify SIZE map|all:
 * the engine without a job, from a flat disk of SIZE bytes in a datastore to a raw file here; with
 * "map" the host is asked first, over SSH, what of it was never written to. Prints the seconds for
 * movers and route, and those from logging in to the last flush. */
#include "config.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "disk/recipe.h"
#include "mover/login.h"
#include "provider/esxi/vmkfs.h"
#include "provider/esxi/way.h"
#include "xfer/copy.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void on_note(void *opaque, const char *text)
{
    fprintf(stderr, "# %s\n", text);
}

static int ask_nobody(void *opaque, const struct vf_ask *q, struct vf_cancel *cancel,
                      struct vf_answer *out, struct vf_error **err)
{
    return vf_fail(err, VF_E_TRUST, "%s", q->title);
}

/* As a job's provider does it, with a login of its own. */
static int add_holes(struct vf_recipe *r, const char *file, const char *cluster,
                     const struct vf_secret *secret, struct vf_error **err)
{
    static const struct vf_asker asker = {.ask = ask_nobody};
    vf_auto(vf_conf_free) struct vf_conf *conf = vf_conf_load(file, err);
    const struct vf_cluster_conf *c = conf ? vf_conf_cluster(conf, cluster, err) : NULL;
    vf_auto(vf_esxi_way_free) struct vf_esxi_way *w =
        c ? vf_esxi_ssh_open(c, c->user ? c->user : "root", secret, &asker, NULL, err) : NULL;
    vf_autofree char *disk = vf_strndup(r->name, strlen(r->name) - strlen("-flat.vmdk"));
    vf_autofree char *path = vf_asprintf("%s.vmdk", disk);
    struct vf_esxi_file f = {.datastore = r->parts[0].datastore, .path = path};
    if (!w || w->ops->holes(w, &f, r->size, &r->holes, &r->n_holes, err) < 0)
        return -1;
    r->n_holes = vf_vmkfs_worth(r->holes, r->n_holes);
    return 0;
}

static int import(char **a, struct vf_error **err)
{
    uint64_t size;
    if (vf_parse_u64(a[10], 1, INT64_MAX, &size) < 0)
        return vf_fail(err, VF_E_USAGE, "%s is no size", a[10]);
    vf_auto(vf_secret_free) struct vf_secret *secret = vf_secret_from_file(a[5], err);
    if (!secret)
        return -1;
    struct vf_fetch_login login = {.conf = a[2],
                                   .cluster = a[3],
                                   .verify_tls = true,
                                   .way = vf_streq(a[4], "best") ? NULL : a[4],
                                   .password = secret};
    struct vf_mover_opts from = {.job = "bench-import",
                                 .epoch = (uint64_t)vf_clock_ms(),
                                 .mover = a[0],
                                 .login = &login,
                                 .note = on_note};
    struct vf_mover_opts to = {.job = "bench-import", .epoch = from.epoch, .mover = a[1]};
    int64_t began = vf_clock_ns();
    vf_auto(vf_mover_host_free) struct vf_mover_host *s = vf_mover_host_open(NULL, &from, err);
    vf_auto(vf_mover_host_free) struct vf_mover_host *t =
        s ? vf_mover_host_open(NULL, &to, err) : NULL;
    struct vf_route_opts ro = {.source_label = "esxi", .target_label = "here"};
    vf_auto(vf_route_free) struct vf_route *route = t ? vf_route_open(s, t, &ro, err) : NULL;
    if (!route || truncate(a[8], (off_t)size) < 0)
        return vf_fail(err, VF_E_NOTFOUND, "no %s", a[8]);
    vf_auto(vf_recipe_free) struct vf_recipe *r = vf_xcalloc(1, sizeof *r);
    r->name = vf_strdup(a[7]);
    r->size = size;
    struct vf_recipe_part *p = vf_recipe_add(r);
    p->datastore = vf_strdup(a[6]);
    p->path = vf_strdup(a[7]);
    p->length = size;
    if (vf_streq(a[11], "map") && add_holes(r, a[2], a[3], secret, err) < 0)
        return -1;
    vf_autofree char *recipe = vf_recipe_text(r);
    int64_t ready = vf_clock_ns();
    struct vf_copy_opts o = {.source = {recipe, "recipe", size},
                             .target = {a[8], "raw", size},
                             .verify = vf_streq(a[9], "verify"),
                             .target_fresh = true};
    struct vf_copy_result result;
    if (vf_copy_disk(route, &o, NULL, &result, err) < 0)
        return -1;
    vf_copy_result_free(&result);
    printf("%.3f %.3f\n", (double)(ready - began) / 1e9, (double)(vf_clock_ns() - ready) / 1e9);
    return 0;
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    if (argc != 13)
        return 2;
    if (getenv("VMFERRY_BENCH_DEBUG"))
        vf_log_stderr(true);
    vf_autoerror struct vf_error *e = NULL;
    if (import(argv + 1, &e) == 0)
        return 0;
    fprintf(stderr, "import: %s\n", vf_error_text(e));
    return 1;
}
