/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "ui/wizard/settings.h"
#include "plan/service.h"
#include "base/ciphers.h"
#include "base/i18n.h"
#include "base/str.h"
#include "job/event.h"

#include <inttypes.h>
#include <string.h>

void vf_offer(json_t *choices, const char *key, const char *label)
{
    json_array_append_new(choices, json_pack("{s:s, s:s}", "key", key, "label", label));
}

struct word {
    const char *key, *label;
};

static void offer_words(json_t *choices, const struct word *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        vf_offer(choices, words[i].key, _(words[i].label));
}

/* Index of VALUE among the N words, N when it is none. */
static size_t find_word(const struct word *words, size_t n, const char *value)
{
    size_t i = 0;
    while (i < n && !vf_streq(words[i].key, value))
        i++;
    return i;
}

/* What is typed as a number; empty: 0. */
static const char *number(const char *value, uint64_t min, uint64_t max, uint64_t *out,
                          const char *why)
{
    *out = 0;
    return !*value || vf_parse_u64(value, min, max, out) == 0 ? NULL : why;
}

static char *text_of(uint64_t n)
{
    return n ? vf_asprintf("%" PRIu64, n) : NULL;
}

static bool runs(const struct vf_sheet *s)
{
    const struct vf_vm *v = vf_sheet_source(s);
    return v && v->state != VF_VM_STOPPED;
}

static bool copies(const struct vf_sheet *s)
{
    return s->plan->method == VF_METHOD_COPY && s->plan->copy_disks;
}

static bool from_proxmox(const struct vf_sheet *s)
{
    return !vf_sheet_imports(s);
}

/* ---- what it is called there ---- */

static char *get_name(const struct vf_sheet *s)
{
    return vf_strdup(s->plan->target_name ? s->plan->target_name : s->plan->vm_name);
}

static const char *set_name(struct vf_sheet *s, const char *value)
{
    if (!*value || vf_streq(value, s->plan->vm_name)) {
        vf_str_set(&s->plan->target_name, NULL);
        return NULL;
    }
    const char *why = vf_plan_check_name(value);
    if (!why)
        vf_str_set(&s->plan->target_name, value);
    return why ? _("It must be a DNS name: letters, digits, \"-\" and \".\", up to 63 characters "
                   "between dots.")
               : NULL;
}

static char *get_id(const struct vf_sheet *s)
{
    return text_of(s->plan->target_id);
}

static const char *set_id(struct vf_sheet *s, const char *value)
{
    uint64_t id;
    const char *why = number(value, VF_FIRST_VMID, VF_LAST_VMID, &id,
                             _("A VMID is a number from 100 to 999999999."));
    if (!why)
        s->plan->target_id = (unsigned)id;
    return why;
}

static const struct vf_setting names[] = {
    {N_("VM"), N_("What is it to be called at the target?"),
     N_("Empty: as at the source. The source is renamed when it has been moved."), .get = get_name,
     .set = set_name, .of_import = N_("Empty: as it is called now.")},
    {N_("VMID"), N_("Which VMID is it to have at the target?"),
     N_("A number that is free there. Empty: the next free one."), .get = get_id, .set = set_id,
     .none = N_("the next free one")},
};

/* ---- when and how ---- */

static const struct word stops[] = {
    {"ask", N_("when everything is ready, and you say so")},
    {"now", N_("when everything is ready, without asking")},
};

static char *get_stop(const struct vf_sheet *s)
{
    return vf_strdup(stops[!s->plan->wait_before_stop].key);
}

static const char *set_stop(struct vf_sheet *s, const char *value)
{
    s->plan->wait_before_stop = vf_streq(value, "ask");
    return NULL;
}

static void offer_stop(const struct vf_sheet *s, json_t *choices)
{
    offer_words(choices, stops, VF_COUNT(stops));
}

static const struct word starts[] = {
    {"yes", N_("yes, as soon as its disks are there")},
    {"ask", N_("yes, when you say so")},
    {"no", N_("no, it stays stopped")},
};

static char *get_start(const struct vf_sheet *s)
{
    return vf_strdup(starts[!s->plan->start ? 2 : s->plan->wait_before_start].key);
}

static const char *set_start(struct vf_sheet *s, const char *value)
{
    s->plan->start = !vf_streq(value, "no");
    s->plan->wait_before_start = vf_streq(value, "ask");
    return NULL;
}

static void offer_start(const struct vf_sheet *s, json_t *choices)
{
    offer_words(choices, starts, VF_COUNT(starts));
}

static bool has_route(const struct vf_sheet *s)
{
    return copies(s) && from_proxmox(s);
}

static bool may_start(const struct vf_sheet *s)
{
    return runs(s) && copies(s);
}

static const struct word methods[] = {
    {"copy", N_("shut down and copied by vmferry, compared")},
    {"remote-migrate", N_("Proxmox's own migration, not compared")},
};

static char *get_method(const struct vf_sheet *s)
{
    return vf_strdup(methods[s->plan->method].key);
}

static const char *set_method(struct vf_sheet *s, const char *value)
{
    s->plan->method = (enum vf_method)(find_word(methods, VF_COUNT(methods), value) % 2);
    return NULL;
}

static void offer_method(const struct vf_sheet *s, json_t *choices)
{
    offer_words(choices, methods, VF_COUNT(methods));
}

static const struct word routes[VF_ROUTE_WORDS] = {
    {"auto", N_("the best that works")},
    {"local", N_("local: this machine is the source's host")},
    {"direct", N_("direct: the source's host sends to the target's")},
    {"reverse", N_("the target's host fetches it")},
    {"relay", N_("via this machine")},
};

static char *get_route(const struct vf_sheet *s)
{
    return vf_strdup(routes[s->plan->route].key);
}

static const char *set_route(struct vf_sheet *s, const char *value)
{
    s->plan->route = (unsigned)(find_word(routes, VF_ROUTE_WORDS, value) % VF_ROUTE_WORDS);
    return NULL;
}

static void offer_route(const struct vf_sheet *s, json_t *choices)
{
    offer_words(choices, routes, VF_ROUTE_WORDS);
}

static char *get_rate(const struct vf_sheet *s)
{
    return text_of(s->plan->rate / VF_MBPS);
}

static const char *set_rate(struct vf_sheet *s, const char *value)
{
    uint64_t rate;
    const char *why = number(value, 1, VF_MAX_MBPS, &rate,
                             _("A number of Mbit/s, from 1 to 1000000; empty: no limit."));
    if (!why)
        s->plan->rate = rate * VF_MBPS;
    return why;
}

static const struct word verifies[] = {
    {"full", N_("yes, every disk is read back and compared")},
    {"none", N_("no, trust the target's storage")},
};

static char *get_verify(const struct vf_sheet *s)
{
    return vf_strdup(verifies[s->plan->verify].key);
}

static const char *set_verify(struct vf_sheet *s, const char *value)
{
    s->plan->verify = vf_streq(value, "none") ? VF_VERIFY_NONE : VF_VERIFY_FULL;
    return NULL;
}

static void offer_verify(const struct vf_sheet *s, json_t *choices)
{
    offer_words(choices, verifies, VF_COUNT(verifies));
}

static const struct vf_setting plan_settings[] = {
    {N_("Shut down"), N_("When is it to be shut down?"),
     N_("It is down from then on until it runs at the target. A shutdown is never forced without "
        "asking."),
     .get = get_stop, .set = set_stop, .offer = offer_stop, .applies = runs},
    {N_("Start there"), N_("Is it to be started at the target?"),
     N_("Not started, it is down until somebody starts it there."), .get = get_start,
     .set = set_start, .offer = offer_start, .applies = may_start},
    {N_("Verify"), N_("Are the disks to be read back at the target and compared?"),
     N_("It is the proof that all arrived. It takes reading as much again at the target, most of "
        "it while the rest is still copied."),
     .get = get_verify, .set = set_verify, .offer = offer_verify, .applies = copies},
    {N_("Method"), N_("How is it to be moved?"),
     N_("Proxmox's own migration moves a running VM without an outage. It is experimental there, "
        "begins anew when it is interrupted, and compares nothing."),
     .get = get_method, .set = set_method, .offer = offer_method, .applies = from_proxmox},
    {N_("Route"), N_("Which way is the data to take?"),
     N_("From host to host over SSH. What works is tried before anything is changed."),
     .get = get_route, .set = set_route, .offer = offer_route, .applies = has_route},
    {N_("Rate"), N_("How many Mbit/s may it take?"),
     N_("Over all disks together; it can be changed while it runs. Empty: no limit."),
     .get = get_rate, .set = set_rate, .unit = N_("Mbit/s"), .none = N_("no limit")},
};

/* ---- options ---- */

static const struct word yes_no[] = {{"yes", N_("yes")}, {"no", N_("no")}};

static void offer_yes_no(const struct vf_sheet *s, json_t *choices)
{
    offer_words(choices, yes_no, VF_COUNT(yes_no));
}

static char *get_precopy(const struct vf_sheet *s)
{
    return vf_strdup(s->plan->precopy ? "yes" : "no");
}

static const char *set_precopy(struct vf_sheet *s, const char *value)
{
    s->plan->precopy = vf_streq(value, "yes");
    return NULL;
}

static bool may_precopy(const struct vf_sheet *s)
{
    return runs(s) && copies(s) && from_proxmox(s);
}

static char *get_timeout(const struct vf_sheet *s)
{
    return text_of(s->plan->shutdown_timeout);
}

static const char *set_timeout(struct vf_sheet *s, const char *value)
{
    uint64_t seconds;
    if (vf_parse_u64(value, 1, 86400, &seconds) < 0)
        return _("A number of seconds, from 1 to 86400.");
    s->plan->shutdown_timeout = (unsigned)seconds;
    return NULL;
}

static const struct word compressions[VF_COMPRESS_WORDS] = {
    {"auto", N_("where it pays")},
    {"1", N_("1: fastest")},
    {"2", "2"},
    {"3", "3"},
    {"4", "4"},
    {"5", "5"},
    {"6", N_("6: smallest")},
    {"off", N_("never")},
};

static char *get_compress(const struct vf_sheet *s)
{
    return vf_strdup(compressions[s->plan->compress].key);
}

static const char *set_compress(struct vf_sheet *s, const char *value)
{
    s->plan->compress =
        (unsigned)(find_word(compressions, VF_COMPRESS_WORDS, value) % VF_COMPRESS_WORDS);
    return NULL;
}

static void offer_compress(const struct vf_sheet *s, json_t *choices)
{
    offer_words(choices, compressions, VF_COMPRESS_WORDS);
}

static char *get_streams(const struct vf_sheet *s)
{
    return text_of(s->plan->streams);
}

static const char *set_streams(struct vf_sheet *s, const char *value)
{
    uint64_t n;
    const char *why =
        number(value, 1, VF_MAX_STREAMS, &n, _("A number from 1 to 8; empty: as they bear."));
    if (!why)
        s->plan->streams = (unsigned)n;
    return why;
}

static char *get_cpu(const struct vf_sheet *s)
{
    return vf_strdup(s->plan->cpu);
}

static const char *set_cpu(struct vf_sheet *s, const char *value)
{
    if (*value && vf_plan_check_cpu(value))
        return _("It must be a processor type alone, such as \"host\" or \"x86-64-v2-AES\".");
    vf_str_set(&s->plan->cpu, *value ? value : NULL);
    return NULL;
}

static char *get_rehearse(const struct vf_sheet *s)
{
    return vf_strdup(s->plan->rehearse ? "yes" : "no");
}

static const char *set_rehearse(struct vf_sheet *s, const char *value)
{
    s->plan->rehearse = vf_streq(value, "yes");
    return NULL;
}

static char *get_ports(const struct vf_sheet *s)
{
    return vf_strdup(s->plan->service_ports);
}

static const char *set_ports(struct vf_sheet *s, const char *value)
{
    if (*value && vf_ports_check(value))
        return _("TCP ports with commas between them, such as 22,443; or \"common\".");
    vf_str_set(&s->plan->service_ports, *value ? value : NULL);
    return NULL;
}

static char *get_addresses(const struct vf_sheet *s)
{
    return vf_strdup(s->plan->service_addresses);
}

static const char *set_addresses(struct vf_sheet *s, const char *value)
{
    if (*value && vf_addresses_check(value))
        return _("IP addresses with commas between them, such as 192.0.2.5,2001:db8::5.");
    vf_str_set(&s->plan->service_addresses, *value ? value : NULL);
    return NULL;
}

static bool tests_ports(const struct vf_sheet *s)
{
    return s->plan->service_ports != NULL;
}

static char *get_ciphers(const struct vf_sheet *s)
{
    return vf_strdup(s->plan->ciphers);
}

static const char *set_ciphers(struct vf_sheet *s, const char *value)
{
    if (*value && vf_ciphers_check(value))
        return _("Names of ciphers of OpenSSH with commas between them; or \"-\".");
    vf_str_set(&s->plan->ciphers, *value ? value : NULL);
    return NULL;
}

static const struct vf_setting option_settings[] = {
    {N_("Rehearse"), N_("Is it to be a test migration?"),
     N_("A copy named NAME--TEST is made at the target, with its networks disconnected; the source "
        "is left alone."),
     .get = get_rehearse, .set = set_rehearse, .offer = offer_yes_no, .applies = copies},
    {N_("Service test"), N_("Which TCP ports are to be tried before and after?"),
     N_("Such as 22,443, or \"common\". Empty: none."), .get = get_ports, .set = set_ports,
     .none = N_("none")},
    {N_("Test address"), N_("At which addresses are the ports to be tried?"),
     N_("Such as 192.0.2.5, several with commas. Empty: those that the guest's agent tells."),
     .get = get_addresses, .set = set_addresses, .applies = tests_ports,
     .none = N_("those the guest's agent tells"),
     .of_import = N_("Such as 192.0.2.5, several with commas. Empty: those that VMware Tools "
                     "tell.")},
    {N_("Copy before"), N_("Are raw disks to be copied before the shutdown?"),
     N_("Then only what has changed since is sent while the VM is down. Disks of other formats are "
        "copied while it is down."),
     .get = get_precopy, .set = set_precopy, .offer = offer_yes_no, .applies = may_precopy},
    {N_("Shutdown time"), N_("How many seconds has it to shut down?"),
     N_("After that you are asked what to do; it is never forced without asking."),
     .get = get_timeout, .set = set_timeout, .unit = N_("seconds"), .applies = runs},
    {N_("Compress"), N_("Is the data to be compressed on its way?"), NULL, .get = get_compress,
     .set = set_compress, .offer = offer_compress, .applies = copies},
    {N_("Connections"), N_("How many connections between the hosts?"),
     N_("1 to 8. Empty: as many as are of use."), .get = get_streams, .set = set_streams,
     .applies = copies, .none = N_("as many as are of use")},
    {N_("Ciphers"), N_("Which ciphers are the SSH connections to use?"),
     N_("Names as OpenSSH has them, with commas. \"-\": those that ssh has by itself. Empty: the "
        "fastest for the processor."),
     .get = get_ciphers, .set = set_ciphers, .applies = copies,
     .none = N_("the fastest for the processor")},
    {N_("Processor"), N_("Which processor type is it to have at the target?"),
     N_("Such as \"host\" or \"x86-64-v2-AES\". Empty: as at the source."), .get = get_cpu,
     .set = set_cpu, .applies = copies, .none = N_("as at the source")},
};

const struct vf_settings vf_name_settings = {names, VF_COUNT(names)};
const struct vf_settings vf_plan_settings = {plan_settings, VF_COUNT(plan_settings)};
const struct vf_settings vf_option_settings = {option_settings, VF_COUNT(option_settings)};

/* ---- as a row ---- */

const char *vf_setting_detail(const struct vf_setting *f, const struct vf_sheet *s)
{
    const char *detail = f->of_import && vf_sheet_imports(s) ? f->of_import : f->detail;
    return detail ? _(detail) : NULL;
}

static const char *label_of(const struct vf_setting *f, const struct vf_sheet *s, const char *key,
                            json_t *choices)
{
    f->offer(s, choices);
    for (size_t i = 0; i < json_array_size(choices); i++)
        if (vf_streq(vf_json_str(json_array_get(choices, i), "key"), key))
            return vf_json_str(json_array_get(choices, i), "label");
    return NULL;
}

char *vf_setting_show(const struct vf_setting *f, const struct vf_sheet *s)
{
    vf_autofree char *value = f->get(s);
    vf_autojson json_t *choices = json_array();
    const char *label = f->offer ? label_of(f, s, value, choices) : NULL;
    vf_autofree char *why = f->why ? f->why(s) : NULL;
    if (label)
        return why ? vf_asprintf("%s (%s)", label, why) : vf_strdup(label);
    if (!value || !*value)
        return vf_strdup(f->none ? _(f->none) : "");
    vf_autofree char *safe = vf_escape(value);
    return f->unit ? vf_asprintf("%s %s", safe, _(f->unit)) : VF_STEAL(safe);
}
