/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which TCP ports of the VM answer before it goes down, and whether they do again at the target. A
 * port that does not ends no move: it is said, and in the report. */
#include "config.h"
#include "job/steps.h"
#include "base/clock.h"
#include "base/i18n.h"
#include "base/str.h"
#include "net/knock.h"
#include "plan/service.h"

#include <string.h>

enum { KNOCK_MS = 3000, AGAIN_MS = 2000 };

struct knocks {
    struct vf_knock *v;
    size_t n;
};

static void free_knocks(struct knocks *k)
{
    for (size_t i = 0; i < k->n; i++)
        free(k->v[i].address);
    free(k->v);
}
#define AUTOKNOCKS __attribute__((cleanup(free_knocks)))

static void add(struct knocks *k, const char *address, uint16_t port)
{
    *(struct vf_knock *)vf_grow(&k->v, &k->n, sizeof *k->v) =
        (struct vf_knock){.address = vf_strdup(address), .port = port};
}

/* "10.0.0.5:22", "[fd00::5]:22"; caller frees. */
static char *name_of(const struct vf_knock *k)
{
    return vf_asprintf(strchr(k->address, ':') ? "[%s]:%u" : "%s:%u", k->address,
                       (unsigned)k->port);
}

static json_t *names(const struct knocks *k, bool answering)
{
    json_t *list = json_array();
    for (size_t i = 0; i < k->n; i++)
        if (k->v[i].answers == answering) {
            vf_autofree char *name = name_of(&k->v[i]);
            json_array_append_new(list, json_string(name));
        }
    return list;
}

/* Those of names() again. */
static void read_names(const json_t *list, struct knocks *k)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = json_string_value(json_array_get(list, i));
        const char *colon = name ? strrchr(name, ':') : NULL;
        uint64_t port;
        if (!colon || vf_parse_u64(colon + 1, 1, 65535, &port) < 0)
            continue;
        bool v6 = *name == '[';
        vf_autofree char *address = vf_strndup(name + v6, (size_t)(colon - name) - (v6 ? 2 : 0));
        add(k, address, (uint16_t)port);
    }
}

/* The plan's, else what the guest's agent tells; none with *WHY. */
static char **addresses(struct vf_job *job, char **why)
{
    char **v = NULL;
    vf_autoerror struct vf_error *e = NULL;
    if (job->plan->service_addresses)
        return vf_strv_split(job->plan->service_addresses, ",");
    if (job->source_pve->ops->addresses(job->source_pve, job->source, &v, &e) < 0)
        *why = vf_asprintf(_("not made, its addresses are not known (--address gives them): %s"),
                           vf_error_text(e));
    else if (!v[0])
        *why = vf_strdup(_("not made: the guest's agent names no address of its network cards"));
    return v ? v : vf_strv_new();
}

void vf_check_service(const struct vf_plan *plan, const struct vf_vm *source, struct vf_findings *f)
{
    const char *agent = vf_opts_get(&source->opts, "agent");
    bool on = agent && (*agent == '1' || strstr(agent, "enabled=1"));
    if (plan->service_ports && !plan->service_addresses && !on && source->state != VF_VM_STOPPED)
        vf_finding_add(
            f, VF_WARN, source->name, _("give them with --address"),
            _("which ports of it answer cannot be tried: its guest agent is not enabled, "
              "and no addresses were given"));
}

static int look_before(struct vf_job *job, struct knocks *k, char **why, struct vf_error **err)
{
    size_t n = 0;
    vf_autofree uint16_t *ports = vf_ports_parse(job->plan->service_ports, &n);
    vf_autostrv char **at = addresses(job, why);
    for (char **a = at; *a; a++)
        for (size_t i = 0; i < n; i++)
            add(k, *a, ports[i]);
    return vf_knock(k->v, k->n, KNOCK_MS, job->cancel, err);
}

int vf_step_service(struct vf_job *job, struct vf_error **err)
{
    AUTOKNOCKS struct knocks k = {0};
    vf_autofree char *why = NULL;
    if (vf_job_was_done(job, "service") || vf_journal_find(job->journal, "shutdown") ||
        vf_journal_find(job->journal, "migrate"))
        return 0; /* it may be down by now */
    if (vf_job_intend(job, "service", NULL, err) < 0 || look_before(job, &k, &why, err) < 0)
        return -1;
    json_t *answering = names(&k, true);
    if (!why && !json_array_size(answering))
        why = vf_asprintf(
            _("not made: none of %zu ports answered this machine before the shutdown"), k.n);
    if (why)
        vf_job_note(job, "warn", _("service test: %s"), why);
    else
        vf_job_note(job, "info", _("service test: %zu of %zu ports answer this machine"),
                    json_array_size(answering), k.n);
    return vf_job_done(
        job, "service",
        json_pack("{s:o, s:I, s:s?}", "answered", answering, "tried", (json_int_t)k.n, "why", why),
        err);
}

/* Until all answer or the time for it is over. */
static int look_after(struct vf_job *job, struct knocks *k, struct vf_error **err)
{
    const int64_t end = vf_clock_ms() + vf_clock_limit(VF_T_SERVICE);
    for (;;) {
        size_t left = 0;
        if (vf_knock(k->v, k->n, KNOCK_MS, job->cancel, err) < 0)
            return -1;
        for (size_t i = 0; i < k->n; i++)
            left += !k->v[i].answers;
        if (!left || vf_clock_ms() + AGAIN_MS > end)
            return 0;
        if (vf_cancel_sleep(job->cancel, AGAIN_MS, err) < 0)
            return -1;
    }
}

int vf_step_service_after(struct vf_job *job, struct vf_error **err)
{
    AUTOKNOCKS struct knocks k = {0};
    const struct vf_record *before = vf_job_was_done(job, "service");
    if (!before || vf_job_was_done(job, "service-after"))
        return 0;
    read_names(json_object_get(before->result, "answered"), &k);
    if (!k.n)
        return 0;
    if (vf_job_intend(job, "service-after", NULL, err) < 0 || look_after(job, &k, err) < 0)
        return -1;
    json_t *back = names(&k, true), *missing = names(&k, false);
    for (size_t i = 0; i < json_array_size(missing); i++)
        vf_job_note(job, "warn",
                    _("service test: %s answered before the move and does not from this machine "
                      "now"),
                    json_string_value(json_array_get(missing, i)));
    if (!json_array_size(missing))
        vf_job_note(job, "info", _("service test: all %zu ports answer again"), k.n);
    return vf_job_done(job, "service-after",
                       json_pack("{s:o, s:o}", "back", back, "missing", missing), err);
}
