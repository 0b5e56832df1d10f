/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Checks of the hosts that hold the disks, over ssh: can they be logged in to, have they what the
 * helper needs, what does sshd allow, do their clocks agree, which way can the data go? Nothing is
 * written there, and nobody is asked: what takes an answer is left to the move. */
#include "config.h"
#include "job/prepare_priv.h"
#include "job/vouch.h"
#include "base/clock.h"
#include "base/i18n.h"
#include "base/proc.h"
#include "base/str.h"
#include "xfer/host.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

const char *const vf_host_checks[] = {"ssh",   "sudo",  "tools", "helper-room", "sshd",
                                      "clock", "disks", "zfs",   "route",       NULL};

/* A minute apart, logs and tickets of both no longer fit together. */
enum { CLOCK_S = 60 };

struct end {
    bool target;
    const char *node;
    struct vf_ssh *ssh;
    char *question; /* that ssh would have asked; NULL: none */
    char *boot;
    char **missing, **wanted, **qemu, **full, **unreadable, **zfs;
    bool root, room;
    double skew; /* seconds it is ahead of us; only when TOLD */
    bool told;
    bool takes_key; /* sshd there would let the other host in with a one-job key */
    char *why_no_key;
};

struct scene {
    struct vf_job job; /* what reaching hosts needs of one */
    struct end ends[2];
    struct vf_findings *f;
};

static void add(struct scene *s, const char *check, enum vf_severity severity, const char *subject,
                const char *cure, const char *text)
{
    size_t from = s->f->n;
    vf_finding_add(s->f, severity, subject, cure, "%s", text);
    vf_findings_name(s->f, from, check);
}

/* ------------------------------------------------------------------ logging in */

static int decline(void *opaque, const struct vf_ask *q, struct vf_cancel *cancel,
                   struct vf_answer *out, struct vf_error **err)
{
    struct end *e = opaque;
    vf_str_set(&e->question, q->title);
    if (q->kind != VF_ASK_CHOICE || !q->safe)
        return vf_fail(err, VF_E_AUTH, _("nobody is asked now"));
    out->text = vf_strdup(q->safe);
    return 0;
}

static int log_in(struct scene *s, struct end *e, struct vf_error **err)
{
    struct vf_asker asker = {.ask = decline, .opaque = e};
    vf_autoerror struct vf_error *why = NULL;
    e->ssh = vf_job_ssh_asking(&s->job, e->target, e->node, vf_job_host_storage(&s->job, e->target),
                               &asker, &why);
    if (e->ssh)
        return 0;
    enum vf_error_code code = vf_error_code(why);
    if (code == VF_E_CANCELLED)
        return vf_fail_with(err, VF_STEAL(why));
    if (e->question && (code == VF_E_TRUST || code == VF_E_AUTH)) {
        vf_autofree char *text = vf_asprintf(
            _("not looked at: logging in by ssh asks a question (%s), which the move will put"),
            e->question);
        add(s, "ssh", VF_INFO, e->node, NULL, text);
    } else if (code == VF_E_PERMISSION) {
        add(s, "sudo", VF_STOP, e->node, NULL, vf_error_text(why));
    } else {
        add(s, "ssh", VF_STOP, e->node, _("see vmferry.conf(5) for how hosts are reached"),
            vf_error_text(why));
    }
    return 0;
}

/* ------------------------------------------------------------------ looking */

/* The directory of a storage at the target that will hold an image of FORMAT which is a file system
 * of its own kind; NULL: none. Caller frees. */
static char *image_directory(struct vf_job *job, const char *storage, const char *format)
{
    struct vf_storage *v = NULL;
    size_t n = 0;
    char *path = NULL;
    if (vf_streq(format, "raw") ||
        job->target_pve->ops->storages(job->target_pve, job->plan->target_node, &v, &n, NULL) < 0)
        return NULL;
    for (size_t i = 0; i < n; i++)
        if (vf_streq(v[i].name, storage))
            vf_str_set(&path, v[i].path);
    vf_storages_free(v, n);
    return path;
}

/* Where the disks are, as the host sees them: images at the source, directories at the target. */
static char **paths(struct scene *s, bool target)
{
    struct vf_job *job = &s->job;
    const struct vf_cluster_conf *c =
        vf_conf_cluster(job->conf, target ? job->plan->target : job->plan->source, NULL);
    char **out = vf_strv_new();
    for (size_t i = 0; i < job->plan->n_disks; i++) {
        const struct vf_plan_disk *d = &job->plan->disks[i];
        const struct vf_storage_conf *sc =
            target && c ? vf_conf_storage(c, d->storage, job->plan->target_node) : NULL;
        struct vf_volume v = {0};
        vf_autofree char *path =
            target
                ? sc && sc->path ? vf_strdup(sc->path) : image_directory(job, d->storage, d->format)
                : vf_job_volume_path(job, false, job->source->node, d->volume, &v, NULL);
        vf_volume_clear(&v);
        if (path && *path == '/' && !vf_strv_has(out, path))
            vf_strv_add(&out, path);
    }
    return out;
}

static void take_line(struct end *e, const char *word, const char *value, int64_t begun)
{
    const struct {
        const char *word;
        char ***list;
    } lists[] = {
        {"missing", &e->missing}, {"wanted", &e->wanted},         {"qemu", &e->qemu},
        {"full", &e->full},       {"unreadable", &e->unreadable}, {"absent", &e->unreadable},
        {"zfs", &e->zfs}};
    for (size_t i = 0; i < VF_COUNT(lists); i++)
        if (!strcmp(word, lists[i].word))
            vf_strv_add(lists[i].list, value);
    uint64_t n;
    if (!strcmp(word, "boot"))
        vf_str_set(&e->boot, value);
    else if (!strcmp(word, "uid"))
        e->root = !strcmp(value, "0");
    else if (!strcmp(word, "room"))
        e->room = true;
    else if (!strcmp(word, "time") && vf_parse_u64(value, 1, INT64_MAX, &n) == 0) {
        /* it was told at some moment between the question and now */
        e->skew = (double)n - (double)(begun + vf_clock_unix()) / 2;
        e->told = true;
    }
}

static int look(struct scene *s, struct end *e, struct vf_error **err)
{
    vf_autofree char *mover = vf_proc_companion("vmferry-mover", PKGLIBEXECDIR "/vmferry-mover");
    vf_autostrv char **args = vf_strv_new(), **files = paths(s, e->target);
    vf_autoerror struct vf_error *why = NULL;
    vf_strv_addf(&args, "%" PRIu64, vf_helper_room(mover));
    for (size_t i = 0; files[i]; i++)
        vf_strv_add(&args, files[i]);
    int64_t begun = vf_clock_unix();
    vf_autofree char *said = vf_host_shell(e->ssh, vf_script_look, args, s->job.cancel, &why);
    if (!said && vf_error_code(why) == VF_E_CANCELLED)
        return vf_fail_with(err, VF_STEAL(why));
    if (!said) {
        add(s, "ssh", VF_STOP, e->node, NULL, vf_error_text(why));
        return 0;
    }
    vf_autostrv char **lines = vf_strv_split(said, "\n");
    for (size_t i = 0; lines[i]; i++) {
        char *space = strchr(lines[i], ' ');
        if (!space)
            continue;
        *space = 0;
        take_line(e, lines[i], space + 1, begun);
    }
    return 0;
}

/* ------------------------------------------------------------------ what that means */

/* Are QEMU's programs needed there? */
static bool needs_qemu(const struct vf_job *job, bool target)
{
    for (size_t i = 0; i < job->plan->n_disks; i++) {
        const struct vf_plan_disk *d = &job->plan->disks[i];
        const struct vf_disk *s = vf_vm_disk(job->source, d->slot);
        if (target ? !vf_streq(d->format, "raw") : s && !vf_streq(s->format, "raw"))
            return true;
    }
    return false;
}

static void tell_list(struct scene *s, const char *check, enum vf_severity severity,
                      const struct end *e, char *const *list, const char *cure, const char *before,
                      const char *after)
{
    if (!list || !*list)
        return;
    vf_autofree char *all = vf_strv_join((char **)list, ", ");
    vf_autofree char *shown = vf_escape(all), *text = vf_asprintf("%s %s%s", before, shown, after);
    add(s, check, severity, e->node, cure, text);
}

static void judge(struct scene *s, const struct end *e)
{
    tell_list(s, "tools", VF_STOP, e, e->missing, _("install it there"), _("missing there:"),
              _("; the helper cannot be brought"));
    tell_list(s, "tools", VF_WARN, e, e->wanted, _("install it there"), _("missing there:"),
              _("; the hosts may not reach each other without"));
    if (needs_qemu(&s->job, e->target))
        tell_list(s, "tools", VF_STOP, e, e->qemu, _("install qemu-utils there, or move raw disks"),
                  _("missing there:"), _("; disks that are not raw take it"));
    if (!e->room)
        tell_list(s, "helper-room", VF_STOP, e, e->full, _("make room in one of them"),
                  _("no place for the helper:"), "");
    tell_list(s, "disks", VF_STOP, e, e->unreadable,
              e->root ? _("see path of the storage in vmferry.conf(5)")
                      : _("log in as root, or with sudo (vmferry.conf(5))"),
              _("cannot be read there by this login:"), "");
    if (e->target && needs_qemu(&s->job, true))
        tell_list(s, "zfs", VF_WARN, e, e->zfs, _("choose raw there, or a storage of type zfspool"),
                  _("a directory on ZFS:"),
                  _("; ZFS and qcow2 (or vmdk) both write elsewhere what changes: that is slow and "
                    "takes room"));
    if (!e->told || (e->skew < CLOCK_S && e->skew > -CLOCK_S))
        return;
    vf_autofree char *span = vf_format_duration(e->skew < 0 ? -e->skew : e->skew);
    vf_autofree char *text = vf_asprintf(
        e->skew > 0 ? _("its clock is %s ahead of this machine's: times in logs and reports do not "
                        "fit together, logins may be refused, and the guest's clock may jump")
                    : _("its clock is %s behind this machine's: times in logs and reports do not "
                        "fit together, logins may be refused, and the guest's clock may jump"),
        span);
    add(s, "clock", VF_WARN, e->node, _("set the clocks (chronyc makestep), there or here"), text);
}

/* ------------------------------------------------------------------ the way of the data */

/* Would sshd at TO let in FROM with a one-job key? */
static int ask_sshd(struct scene *s, struct end *to, const struct end *from, struct vf_error **err)
{
    vf_autoerror struct vf_error *why = NULL;
    vf_autostrv char **args = vf_strv_new();
    vf_strv_add(&args, vf_ssh_user(to->ssh));
    vf_strv_add(&args, vf_ssh_address(from->ssh));
    vf_autofree char *said = vf_host_shell(to->ssh, vf_script_key_check, args, s->job.cancel, &why);
    if (!said && vf_error_code(why) == VF_E_CANCELLED)
        return vf_fail_with(err, VF_STEAL(why));
    to->takes_key = said != NULL;
    if (!said)
        to->why_no_key = vf_strdup(vf_error_text(why));
    return 0;
}

/* 1: FROM meets the verified host key of TO at one of its addresses; 0: at none; -2: *SUSPECT shows
 * another; -1 with *err. */
static int meets(struct scene *s, const struct end *from, const struct end *to, char **suspect,
                 struct vf_error **err)
{
    vf_autoerror struct vf_error *why = NULL;
    vf_autostrv char **args = vf_strv_new();
    vf_autostrv char **at = vf_job_peer_addresses(&s->job, to->target, to->ssh);
    vf_strv_addf(&args, "%u", vf_ssh_port(to->ssh) ? (unsigned)vf_ssh_port(to->ssh) : 22);
    for (size_t i = 0; at[i]; i++)
        vf_strv_add(&args, at[i]);
    vf_autofree char *said = vf_host_shell(from->ssh, vf_script_keyscan, args, s->job.cancel, &why);
    if (!said)
        return vf_error_code(why) == VF_E_CANCELLED ? vf_fail_with(err, VF_STEAL(why)) : 0;
    if (!strcmp(said, "none")) /* cannot be told: as if it did */
        return 1;
    vf_autostrv char **lines = vf_strv_split(said, "\n");
    const char *key = vf_ssh_host_key(to->ssh);
    vf_autofree char *type = vf_strndup(key, strcspn(key, " ") + 1);
    for (size_t i = 0; lines[i]; i++) {
        const char *space = strchr(lines[i], ' ');
        if (space && vf_streq(space + 1, key))
            return 1;
        if (space && vf_starts(space + 1, type) && !*suspect)
            *suspect = vf_strndup(lines[i], (size_t)(space - lines[i]));
    }
    return *suspect ? -2 : 0;
}

/* Why data cannot go straight from FROM to TO, which FROM (or, DIALLED, TO) dials; NULL: it can. */
static int direct(struct scene *s, struct end *from, struct end *to, char **no,
                  struct vf_error **err)
{
    vf_autofree char *suspect = NULL;
    if (ask_sshd(s, to, from, err) < 0)
        return -1;
    if (!to->takes_key) {
        *no = vf_asprintf("%s: %s", to->node, to->why_no_key);
        return 0;
    }
    int r = meets(s, from, to, &suspect, err);
    if (r == -1)
        return -1;
    if (r == -2)
        *no = vf_asprintf(_("%s meets another host key at %s than that of %s"), from->node, suspect,
                          to->node);
    else if (r == 0)
        *no = vf_asprintf(_("%s does not reach the sshd of %s"), from->node, to->node);
    return 0;
}

static int check_route(struct scene *s, struct vf_error **err)
{
    struct end *a = &s->ends[0], *b = &s->ends[1];
    const char *asked = vf_route_words[s->job.plan->route];
    vf_autofree char *what = vf_asprintf("%s -> %s", a->node, b->node), *no = NULL, *back = NULL;
    bool one = a->boot && *a->boot && vf_streq(a->boot, b->boot);
    if (vf_streq(asked, "relay") || (one && vf_streq(asked, "local")))
        return 0;
    if (vf_streq(asked, "local")) {
        add(s, "route", VF_STOP, what, _("leave --route out"), _("they are two hosts"));
        return 0;
    }
    if (!vf_streq(asked, "reverse") && direct(s, a, b, &no, err) < 0)
        return -1;
    if (!vf_streq(asked, "reverse") && !no)
        return 0;
    if (!vf_streq(asked, "direct") && direct(s, b, a, &back, err) < 0)
        return -1;
    if (!vf_streq(asked, "direct") && !back)
        return 0;
    /* told where it was looked for */
    vf_autofree char *why =
        vf_asprintf("%s%s%s", no ? no : "", no && back ? "; " : "", back ? back : "");
    bool only = !vf_streq(asked, "auto");
    vf_autofree char *text =
        only ? vf_asprintf(_("the way that was asked for (%s) does not work: %s"), asked, why)
             : vf_asprintf(_("the disks' data goes through this machine: %s"), why);
    add(s, "route", only ? VF_STOP : VF_WARN, what,
        only ? _("leave --route out")
             : _("open the way between the hosts, or accept that it is slower"),
        text);
    return 0;
}

/* ------------------------------------------------------------------ all of it */

static int look_at_all(struct scene *s, struct vf_error **err)
{
    for (size_t i = vf_job_fetches(&s->job) ? 1 : 0; i < 2; i++) {
        struct end *e = &s->ends[i];
        if (log_in(s, e, err) < 0 || (e->ssh && look(s, e, err) < 0))
            return -1;
        if (e->ssh && e->boot)
            judge(s, e);
    }
    if (!s->ends[0].boot || !s->ends[1].boot)
        return 0;
    return check_route(s, err);
}

static void clear(struct scene *s)
{
    for (size_t i = 0; i < 2; i++) {
        struct end *e = &s->ends[i];
        vf_ssh_free(e->ssh);
        free(e->question);
        free(e->boot);
        free(e->why_no_key);
        vf_strv_free(e->missing);
        vf_strv_free(e->wanted);
        vf_strv_free(e->qemu);
        vf_strv_free(e->full);
        vf_strv_free(e->unreadable);
        vf_strv_free(e->zfs);
    }
}

/* Is there anything to be looked at? */
static bool worth_it(const struct vf_prepared *p)
{
    for (size_t i = 0; i < p->findings.n; i++)
        if (p->findings.v[i].severity == VF_STOP && vf_streq(p->findings.v[i].check, "target-node"))
            return false; /* there is no such host, or none that is up */
    return p->plan && p->source && p->plan->copy_disks && p->plan->n_disks &&
           p->plan->method == VF_METHOD_COPY; /* else no host is logged in to */
}

int vf_look_at_hosts(const struct vf_conf *conf, struct vf_prepared *p, struct vf_provider *src,
                     struct vf_provider *dst, struct vf_cancel *cancel, struct vf_error **err)
{
    if (!worth_it(p))
        return 0;
    struct scene s = {.f = &p->findings,
                      .job = {.conf = (struct vf_conf *)conf,
                              .plan = p->plan,
                              .source = p->source,
                              .source_pve = src,
                              .target_pve = dst,
                              .cancel = cancel}};
    for (size_t i = 0; i < 2; i++)
        s.ends[i] = (struct end){.target = i == 1,
                                 .node = i ? p->plan->target_node : p->source->node,
                                 .missing = vf_strv_new(),
                                 .wanted = vf_strv_new(),
                                 .qemu = vf_strv_new(),
                                 .full = vf_strv_new(),
                                 .unreadable = vf_strv_new(),
                                 .zfs = vf_strv_new()};
    int r = look_at_all(&s, err);
    clear(&s);
    return r;
}

int vf_check_hosts(const struct vf_conf *conf, struct vf_prepared *p, const struct vf_asker *asker,
                   struct vf_cancel *cancel, struct vf_error **err)
{
    if (!worth_it(p))
        return 0;
    VF_AUTOENDS struct vf_ends e = {0};
    if (vf_ends_open(conf, p->plan->source, p->plan->target, p->plan->verify_tls, asker, cancel, &e,
                     err) < 0)
        return -1;
    return vf_look_at_hosts(conf, p, e.src, e.dst, cancel, err);
}
