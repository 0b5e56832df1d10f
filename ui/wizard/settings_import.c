/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What can be set of a VM that comes from another hypervisor: the hardware it gets, and what
 * follows from that. */
#include "config.h"
#include "ui/wizard/settings.h"
#include "plan/profile.h"
#include "base/i18n.h"
#include "base/str.h"

#include <string.h>

/* By number. */
static const char *const profiles[] = {
    [VF_PROFILE_MODERN] = N_("modern: virtio disks and cards"),
    [VF_PROFILE_OLD] = N_("old: IDE, e1000, off the network"),
    [VF_PROFILE_WINDOWS] = N_("Windows: SATA, e1000"),
};
static const char *const short_names[] = {
    [VF_PROFILE_MODERN] = N_("modern"),
    [VF_PROFILE_OLD] = N_("old"),
    [VF_PROFILE_WINDOWS] = N_("Windows"),
};

bool vf_sheet_imports(const struct vf_sheet *s)
{
    const struct vf_vm *v = vf_sheet_source(s);
    return v && v->guest != VF_GUEST_AS_IS;
}

static size_t find_word(const char *const *words, const char *value)
{
    size_t i = 0;
    while (words[i] && !vf_streq(words[i], value))
        i++;
    return words[i] ? i : 0;
}

/* ---- hardware ---- */

static char *get_profile(const struct vf_sheet *s)
{
    return vf_strdup(vf_profile_words[s->plan->profile]);
}

/* What was set of disks and cards for the other hardware does not fit this one. */
static const char *set_profile(struct vf_sheet *s, const char *value)
{
    const struct vf_vm *v = vf_sheet_source(s);
    enum vf_profile profile = (enum vf_profile)find_word(vf_profile_words, value);
    if (v && profile != s->plan->profile)
        vf_plan_set_profile(s->plan, v, profile);
    return NULL;
}

static void offer_profiles(const struct vf_sheet *s, json_t *choices)
{
    for (size_t i = VF_PROFILE_MODERN; i <= VF_PROFILE_WINDOWS; i++)
        vf_offer(choices, vf_profile_words[i], _(profiles[i]));
}

/* Why it is proposed, or what would be. */
static char *why_profile(const struct vf_sheet *s)
{
    const struct vf_vm *v = vf_sheet_source(s);
    enum vf_profile proposed = v ? vf_profile_for(v->guest) : VF_PROFILE_NONE;
    vf_autofree char *system = v && v->system ? vf_escape(v->system) : NULL;
    if (!proposed || !system)
        return NULL;
    return v->guest == VF_GUEST_UNSURE ? vf_asprintf(_("%s may be either"), system)
           : proposed == s->plan->profile
               ? vf_strdup(system)
               : vf_asprintf(_("proposed for %s: %s"), system, _(short_names[proposed]));
}

/* ---- what follows from it ---- */

static char *get_driver_disk(const struct vf_sheet *s)
{
    return vf_strdup(s->plan->driver_disk ? "yes" : "no");
}

static const char *set_driver_disk(struct vf_sheet *s, const char *value)
{
    s->plan->driver_disk = vf_streq(value, "yes");
    return NULL;
}

static void offer_driver_disk(const struct vf_sheet *s, json_t *choices)
{
    vf_offer(choices, "yes", _("yes, a virtio disk of 1 GiB"));
    vf_offer(choices, "no", _("no"));
}

static bool is_windows(const struct vf_sheet *s)
{
    return vf_sheet_imports(s) && s->plan->profile == VF_PROFILE_WINDOWS;
}

/* Of one that is stopped at the source; one that runs there is asked about as every VM is. */
static const struct {
    const char *key, *label;
} starts[] = {
    {"no", N_("no, it is stopped there")},
    {"ask", N_("yes, when you say so")},
    {"yes", N_("yes, as soon as its disks are there")},
};

static char *get_start(const struct vf_sheet *s)
{
    return vf_strdup(starts[!vf_plan_starts(s->plan, false) ? 0
                            : s->plan->wait_before_start    ? 1
                                                            : 2]
                         .key);
}

static const char *set_start(struct vf_sheet *s, const char *value)
{
    s->plan->start = true;
    s->plan->start_stopped = !vf_streq(value, "no");
    s->plan->wait_before_start = vf_streq(value, "ask");
    return NULL;
}

static void offer_starts(const struct vf_sheet *s, json_t *choices)
{
    for (size_t i = 0; i < VF_COUNT(starts); i++)
        vf_offer(choices, starts[i].key, _(starts[i].label));
}

static bool may_start(const struct vf_sheet *s)
{
    return vf_sheet_imports(s) && vf_sheet_source(s)->state == VF_VM_STOPPED &&
           s->plan->copy_disks && !s->plan->rehearse;
}

static char *get_console(const struct vf_sheet *s)
{
    return vf_strdup(vf_console_words[s->plan->console]);
}

static const char *set_console(struct vf_sheet *s, const char *value)
{
    s->plan->console = (enum vf_console)find_word(vf_console_words, value);
    return NULL;
}

static void offer_consoles(const struct vf_sheet *s, json_t *choices)
{
    static const char *const labels[] = {
        [VF_CONSOLE_ASK] = N_("when you have seen its console, and say so"),
        [VF_CONSOLE_CONNECT] = N_("as soon as it runs"),
        [VF_CONSOLE_REBOOT] = N_("as soon as it runs, and it is rebooted"),
        [VF_CONSOLE_LEAVE] = N_("not by vmferry"),
    };
    for (size_t i = 0; i < VF_COUNT(labels); i++)
        vf_offer(choices, vf_console_words[i], _(labels[i]));
}

/* Nobody is asked about one that is not started. */
static bool is_old(const struct vf_sheet *s)
{
    const struct vf_vm *v = vf_sheet_source(s);
    return vf_sheet_imports(s) && s->plan->profile == VF_PROFILE_OLD && !s->plan->rehearse &&
           vf_plan_starts(s->plan, v->state != VF_VM_STOPPED);
}

static const struct vf_setting settings[] = {
    {N_("Hardware"), N_("Which virtual hardware is it to get?"),
     N_("Modern: fast, for systems with virtio drivers. Old: what every system knows. Windows: "
        "what "
        "it knows until its virtio drivers are installed."),
     .get = get_profile, .set = set_profile, .offer = offer_profiles, .why = why_profile,
     .applies = vf_sheet_imports},
    {N_("Driver disk"), N_("Is it to get a small disk for the driver's sake?"),
     N_("Windows keeps the virtio driver for its start once it has seen such a disk: install the "
        "drivers, then the system disk can be attached by virtio."),
     .get = get_driver_disk, .set = set_driver_disk, .offer = offer_driver_disk,
     .applies = is_windows},
    {N_("Start there"), N_("Is it to be started at the target?"),
     N_("It is stopped now. What it was exported from, or its copy at the source, must not run "
        "beside it: both have the same addresses."),
     .get = get_start, .set = set_start, .offer = offer_starts, .applies = may_start},
    {N_("Connected"), N_("When are its cards to be connected to the network?"),
     N_("An old system may come up with other names for its cards, or wrong addresses: its console "
        "shows that before others notice."),
     .get = get_console, .set = set_console, .offer = offer_consoles, .applies = is_old},
};
const struct vf_settings vf_import_settings = {settings, VF_COUNT(settings)};
