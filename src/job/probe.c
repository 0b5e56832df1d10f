/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How fast things are, tried for a moment: reading a disk at the source's host, and sending over
 * ssh to both hosts. The way between the hosts themselves is not tried, which would take a key on
 * one of them: what goes to each of them from here stands for it. */
#include "config.h"
#include "job/forecast.h"
#include "job/prepare_priv.h"
#include "job/vouch.h"
#include "base/clock.h"
#include "base/i18n.h"
#include "base/log.h"
#include "base/str.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST = 1 << 20, MORE = 8 << 20, ENOUGH_MS = 700 };

/* Seconds that COMMAND takes with LEN bytes of zeroes on its stdin, -1: it cannot be told. */
static double timed(struct vf_ssh *ssh, const char *command, size_t len, struct vf_error **err)
{
    vf_autofree char *zeroes = vf_xcalloc(1, len + 1);
    struct vf_ssh_result r = {0};
    int64_t begun = vf_clock_ns();
    if (vf_ssh_exec(ssh, command, zeroes, len, &r, err) < 0)
        return -1;
    double took = (double)(vf_clock_ns() - begun) / 1e9;
    int status = r.status;
    vf_ssh_result_free(&r);
    if (status != 0)
        vf_fail(err, VF_E_UNSUPPORTED, _("%s: a command ended with status %d"), vf_ssh_label(ssh),
                status);
    return status == 0 ? took : -1;
}

/* Bytes per second to the host behind SSH; 0: not known. */
static double sending(struct vf_ssh *ssh, struct vf_error **err)
{
    static const char sink[] = "cat >/dev/null";
    double empty = timed(ssh, sink, 0, err);
    double took = empty < 0 ? -1 : timed(ssh, sink, FIRST, err);
    size_t len = FIRST;
    if (took >= 0 && took * 1000 < ENOUGH_MS / 2) {
        len = MORE;
        took = timed(ssh, sink, MORE, err);
    }
    if (took < 0)
        return 0;
    double net = took > empty * 1.1 ? took - empty : took / 10;
    return (double)len / net;
}

/* "67108864 bytes (67 MB, 64 MiB) copied, 0.0512 s, 1.3 GB/s": bytes per second; 0: other words. */
static double dd_rate(const char *text)
{
    const char *line = text ? strstr(text, " bytes") : NULL, *copied;
    if (!line || !(copied = strstr(line, "copied, ")))
        return 0;
    while (line > text && line[-1] >= '0' && line[-1] <= '9')
        line--;
    double bytes = strtod(line, NULL), seconds = strtod(copied + strlen("copied, "), NULL);
    return bytes > 0 && seconds > 0 ? bytes / seconds : 0;
}

/* Past the cache where the file system can, else as it is. What dd has done when its time is over
 * it says, too. */
static double reading(struct vf_ssh *ssh, const char *disk, struct vf_error **err)
{
    vf_autofree char *path = vf_shell_quote(disk);
    vf_autofree char *script =
        vf_asprintf("export LC_ALL=C\n"
                    "timeout -s INT 3 dd if=%s of=/dev/null bs=1M count=64 iflag=direct 2>&1 ||\n"
                    "timeout -s INT 3 dd if=%s of=/dev/null bs=1M count=64 2>&1 || :\n",
                    path, path);
    struct vf_ssh_result r = {0};
    if (vf_ssh_exec(ssh, "sh -s", script, strlen(script), &r, err) < 0)
        return 0;
    double rate = dd_rate(vf_buf_str(&r.out));
    vf_ssh_result_free(&r);
    return rate;
}

int vf_probe(struct vf_ssh *source, struct vf_ssh *target, const char *disk, bool relay,
             struct vf_cancel *cancel, struct vf_rates *out, struct vf_error **err)
{
    vf_autoerror struct vf_error *why = NULL;
    *out = (struct vf_rates){0};
    double from = source ? sending(source, &why) : 0, to = target ? sending(target, &why) : 0;
    if (vf_cancel_check(cancel, err) < 0)
        return -1;
    /* hosts are rather nearer to each other than to us */
    if (from > 0 && to > 0)
        out->way = (from > to) == !relay ? from : to;
    else
        out->way = from > 0 ? from : to;
    out->read = source && disk ? reading(source, disk, &why) : 0;
    vf_info("forecast", "read %.1f MiB/s, to the source's host %.1f, to the target's %.1f MiB/s",
            out->read / 1048576, from / 1048576, to / 1048576);
    if (vf_cancel_check(cancel, err) < 0)
        return -1;
    if (out->way > 0 || out->read > 0)
        return 0;
    return vf_fail(err, VF_E_UNSUPPORTED, _("nothing could be measured: %s"), vf_error_text(why));
}

/* ------------------------------------------------------------------ for a plan */

/* Passwords and secrets of tokens come from who asked for the plan, where they were typed a moment
 * ago; nothing else is asked. */
static int quiet_ask(void *opaque, const struct vf_ask *q, struct vf_cancel *cancel,
                     struct vf_answer *out, struct vf_error **err)
{
    const struct vf_asker *asker = opaque;
    bool known = vf_starts(q->id, "password:") || vf_starts(q->id, "token:");
    if (known && !q->once && asker && asker->ask)
        return asker->ask(asker->opaque, q, cancel, out, err);
    *out = (struct vf_answer){0};
    return vf_fail(err, VF_E_AUTH, _("that would have to be asked: %s"), q->title);
}

/* How fast the disks are read here, and of those of VM (may be NULL), where their host tells it,
 * how much of them there is. A host opens none of a running VM. */
static void read_fetched(struct vf_job *job, struct vf_vm *vm, struct vf_rates *rates)
{
    struct vf_provider *s = job->source_pve;
    const struct vf_plan *plan = job->plan;
    bool stopped = job->source->state == VF_VM_STOPPED;
    /* as the copy does: what is not read has to be proven by hashes of it all */
    bool holes = stopped && vm && s->ops->without_holes && vf_job_hashes_source(job);
    for (size_t i = 0; i < plan->n_disks && (rates->read <= 0 || holes); i++) {
        const char *volume = plan->disks[i].volume;
        struct vf_volume v = {0};
        vf_autoerror struct vf_error *why = NULL;
        if (volume && s->ops->volume(s, job->source->node, volume, &v, &why) == 0) {
            double rate = rates->read > 0 ? 0 : s->ops->try_read(s, v.path, &why);
            uint64_t zero = 0;
            vf_autofree char *path =
                holes ? s->ops->without_holes(s, job->source->node, volume, v.path, &zero) : NULL;
            for (size_t k = 0; path && zero < v.size && k < vm->n_disks; k++)
                if (vf_streq(vm->disks[k].slot, plan->disks[i].slot))
                    vm->disks[k].used = v.size - zero;
            rates->read = rate > 0 ? rate : rates->read;
        }
        vf_volume_clear(&v);
        if (why)
            vf_info("forecast", "%s: %s", plan->disks[i].slot, vf_error_text(why));
        if (why && !stopped)
            break; /* the others are open in it, too */
    }
    rates->least = rates->read <= 0;
    vf_info("forecast", "read here %.1f MiB/s", rates->read / 1048576);
}

/* As vf_measure(); what is learnt of VM's disks (may be NULL) is noted there. */
static int measure(const struct vf_conf *conf, const struct vf_prepared *p,
                   const struct vf_asker *asker, struct vf_cancel *cancel, struct vf_vm *vm,
                   struct vf_rates *rates, struct vf_error **err)
{
    struct vf_asker quiet = {.ask = quiet_ask, .opaque = (void *)asker};
    VF_AUTOENDS struct vf_ends e = {0};
    if (vf_ends_open(conf, p->plan->source, p->plan->target, p->plan->verify_tls, &quiet, cancel,
                     &e, err) < 0)
        return -1;
    struct vf_job job = {.conf = (struct vf_conf *)conf,
                         .plan = p->plan,
                         .source = p->source,
                         .source_pve = e.src,
                         .target_pve = e.dst,
                         .cancel = cancel};
    const struct vf_plan_disk *d = &p->plan->disks[0];
    const struct vf_disk *s = vf_vm_disk(p->source, d->slot);
    bool fetches = vf_job_fetches(&job);
    struct vf_volume v = {0};
    vf_autofree char *path =
        fetches ? NULL : vf_job_volume_path(&job, false, p->source->node, d->volume, &v, NULL);
    vf_volume_clear(&v);
    vf_auto(vf_ssh_free) struct vf_ssh *from =
        fetches ? NULL
                : vf_job_ssh_asking(&job, false, p->source->node, s ? s->storage : NULL, NULL, err);
    vf_auto(vf_ssh_free) struct vf_ssh *to =
        fetches || from ? vf_job_ssh_asking(&job, true, p->plan->target_node, d->storage, NULL, err)
                        : NULL;
    bool relay = vf_streq(vf_route_words[p->plan->route], "relay");
    if (!to || vf_probe(from, to, path, relay, cancel, rates, err) < 0)
        return -1;
    if (fetches)
        read_fetched(&job, vm, rates);
    return vf_cancel_check(cancel, err);
}

int vf_measure(const struct vf_conf *conf, const struct vf_prepared *p,
               const struct vf_asker *asker, struct vf_cancel *cancel, struct vf_rates *rates,
               struct vf_error **err)
{
    return measure(conf, p, asker, cancel, NULL, rates, err);
}

int vf_forecast(const struct vf_conf *conf, struct vf_prepared *p, const struct vf_asker *asker,
                struct vf_cancel *cancel, struct vf_error **err)
{
    struct vf_rates rates = {0};
    p->forecast_seconds = p->forecast_down_seconds = -1;
    p->forecast_lacks = NULL;
    if (!p->plan || !p->source)
        return vf_fail(err, VF_E_USAGE, _("there is no plan to say that of"));
    if (p->plan->method != VF_METHOD_COPY)
        return vf_fail(err, VF_E_UNSUPPORTED,
                       _("how long Proxmox's own migration takes cannot be told"));
    vf_auto(vf_vm_free) struct vf_vm *vm = vf_vm_copy(p->source);
    if (p->plan->copy_disks && p->plan->n_disks &&
        measure(conf, p, asker, cancel, vm, &rates, err) < 0)
        return -1;
    rates.limit = (double)p->plan->rate;
    vf_forecast_of(p->plan, vm, &rates, &p->forecast_seconds, &p->forecast_down_seconds);
    if (rates.least)
        p->forecast_lacks = p->source->state == VF_VM_STOPPED
                                ? N_("how fast its disks are read shows only when they are copied")
                                : N_("how fast its disks are read shows only when it is shut down");
    return 0;
}
