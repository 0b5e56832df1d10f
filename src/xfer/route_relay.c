/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Through this machine, where neither host reaches the other: for each stream a `vmferry-mover
 * join` at both ends, by a connection of its own where we can log in without asking once more, and
 * a pump between the two. */
#include "config.h"
#include "xfer/route.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/str.h"
#include "xfer/pump.h"

#include <string.h>
#include <unistd.h>

/* One `join`. */
struct joint {
    struct vf_ssh_child child;
    struct vf_proc proc; /* on this machine, without ssh */
};

struct vf_relay {
    struct vf_relay *next;
    struct joint joints[2]; /* source, target */
    struct vf_pump *pump;
};

static int start_here(const struct vf_mover_host *h, const char *id, struct joint *j,
                      struct vf_error **err)
{
    const char *argv[] = {h->mover, "join", h->dir, id, NULL};
    if (vf_proc_start(argv, VF_PROC_STDIN | VF_PROC_STDOUT | VF_PROC_STDERR | VF_PROC_SETSID, -1,
                      &j->proc, err) < 0)
        return -1;
    j->child.in = VF_STEAL_FD(j->proc.in);
    j->child.out = VF_STEAL_FD(j->proc.out);
    j->child.err = VF_STEAL_FD(j->proc.err);
    return 0;
}

static void end_joint(struct joint *j)
{
    if (j->child.priv)
        vf_ssh_finish(&j->child, 0, NULL); /* its status says nothing */
    if (j->proc.pid > 0)
        vf_proc_end(&j->proc);
    int *fds[] = {&j->child.in, &j->child.out, &j->child.err};
    for (size_t i = 0; i < VF_COUNT(fds); i++)
        if (*fds[i] >= 0)
            close(VF_STEAL_FD(*fds[i]));
}

static char *join_command(const struct vf_mover_host *h, uint32_t id)
{
    vf_autofree char *mover = vf_shell_quote(h->mover), *dir = vf_shell_quote(h->dir);
    return vf_asprintf("%s join %s %u", mover, dir, (unsigned)id);
}

/* Begins to. Where a password was typed or a second factor asked for, nobody is asked again:
 * *REFUSED tells it, and the connection we have has to do. */
static int start_joint(const struct vf_mover_host *h, uint32_t id, const char *ciphers,
                       struct joint *j, struct vf_error **refused, struct vf_error **err)
{
    vf_autofree char *number = vf_asprintf("%u", (unsigned)id), *command = join_command(h, id);
    if (!h->ssh)
        return start_here(h, number, j, err);
    vf_ssh_start_own(h->ssh, command, ciphers, &j->child, refused);
    return 0;
}

/* Waits until its owner greets. */
static int greeted(const struct vf_mover_host *h, uint32_t id, struct vf_cancel *cancel,
                   struct joint *j, struct vf_error **refused, struct vf_error **err)
{
    if (!h->ssh || (!*refused && vf_ssh_own_greeted(&j->child, cancel, refused) == 0))
        return 0;
    if (vf_error_code(*refused) == VF_E_TRUST || vf_cancel_check(cancel, NULL) < 0)
        return vf_fail_with(err, VF_STEAL(*refused));
    vf_info("route", "%s: %s; disk data shares the connection that is there", h->label,
            vf_error_text(*refused));
    end_joint(j);
    vf_autofree char *command = join_command(h, id);
    return vf_ssh_start(h->ssh, command, &j->child, err);
}

static void free_relay(struct vf_relay *l)
{
    vf_pump_free(l->pump);
    for (int i = 0; i < 2; i++)
        end_joint(&l->joints[i]);
    free(l);
}

/* Waits for the stream, but no longer than both connections last. */
static int await(struct vf_route *r, struct vf_relay *l, uint32_t id, struct vf_cancel *cancel,
                 struct vf_error **err)
{
    vf_auto(vf_cancel_free) struct vf_cancel *c = vf_cancel_new(cancel);
    vf_autoerror struct vf_error *e = NULL;
    vf_autofree char *why = NULL;
    vf_pump_watch(l->pump, c);
    int result = vf_route_await(r, id, c, &e);
    vf_pump_watch(l->pump, NULL);
    if (result < 0 && vf_cancel_check(cancel, err) == 0 && vf_pump_ended(l->pump, &why))
        return vf_fail(err, VF_E_NET, "%s", why);
    return result < 0 ? vf_fail_with(err, VF_STEAL(e)) : 0;
}

static int dial(struct vf_route *r, uint32_t id, const void *how, struct vf_error **err)
{
    const struct vf_route_opts *o = how;
    const struct vf_mover_host *hosts[2] = {r->source, r->target};
    const char *labels[2] = {r->source_label, r->target_label};
    struct vf_relay *l = vf_xcalloc(1, sizeof *l);
    int result = 0;
    for (int i = 0; i < 2; i++)
        l->joints[i] = (struct joint){.child = {.in = -1, .out = -1, .err = -1},
                                      .proc = {.pid = -1, .in = -1, .out = -1, .err = -1}};
    struct vf_error *refused[2] = {NULL, NULL};
    for (int i = 0; i < 2 && result == 0; i++)
        result = start_joint(hosts[i], id, o->ciphers, &l->joints[i], &refused[i], err);
    for (int i = 0; i < 2 && result == 0; i++)
        if ((result = greeted(hosts[i], id, o->cancel, &l->joints[i], &refused[i], err)) < 0)
            vf_fail_prefix(err, "%s", labels[i]);
    vf_error_free(refused[0]);
    vf_error_free(refused[1]);
    if (result == 0) {
        struct vf_pump_side sides[2];
        for (int i = 0; i < 2; i++) {
            struct vf_ssh_child *c = &l->joints[i].child;
            sides[i] = (struct vf_pump_side){labels[i], VF_STEAL_FD(c->in), VF_STEAL_FD(c->out),
                                             VF_STEAL_FD(c->err)};
        }
        l->pump = vf_pump_new(sides);
        result = await(r, l, id, o->cancel, err);
    }
    if (result < 0) {
        free_relay(l);
        return -1;
    }
    l->next = r->relays;
    r->relays = l;
    return 0;
}

int vf_route_open_relay(struct vf_route *r, const struct vf_route_opts *o, struct vf_error **err)
{
    /* this machine enciphers for both */
    long here = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned cores = vf_route_cores(r);
    if (here > 0 && (unsigned long)here < cores)
        cores = (unsigned)here;
    if (vf_route_open_streams(r, o->streams, cores, dial, o, err) < 0)
        return vf_fail_prefix(err, "through this machine");
    r->text = vf_asprintf("%s -> %s via this machine", r->source_label, r->target_label);
    return 0;
}

void vf_relays_free(struct vf_route *r)
{
    while (r->relays) {
        struct vf_relay *l = r->relays;
        r->relays = l->next;
        free_relay(l);
    }
}
