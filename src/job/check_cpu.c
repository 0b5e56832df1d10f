/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Checks of processor and machine: can the target node give the guest the ones it has? */
#include "config.h"
#include "job/check.h"
#include "base/i18n.h"
#include "base/str.h"

#include <stdio.h>
#include <string.h>

/* The first part of the option KEY, which may go by the name NAME: of "cputype=host,flags=+aes" it
 * is "host". NULL: not set. Caller frees. */
static char *first_part(const struct vf_vm *vm, const char *key, const char *name)
{
    const char *text = vf_opts_get(&vm->opts, key);
    vf_autostrv char **parts = vf_strv_split(text ? text : "", ",");
    size_t n = strlen(name);
    for (size_t i = 0; parts[i]; i++)
        if (!strncmp(parts[i], name, n) && parts[i][n] == '=')
            return vf_strdup(parts[i] + n + 1);
    return parts[0] && !strchr(parts[0], '=') ? vf_strdup(parts[0]) : NULL;
}

static char *cpu_type(const struct vf_view *v)
{
    return v->plan->cpu ? vf_strdup(v->plan->cpu) : first_part(v->source, "cpu", "cputype");
}

VF_CHECK(type)
{
    const char *arch = vf_opts_get(&v->source->opts, "arch");
    vf_autofree char *cpu = cpu_type(v);
    if (arch && !vf_streq(arch, "x86_64"))
        return 0; /* the list is of the node's own */
    if (!cpu || !v->can.cpus || vf_strv_has(v->can.cpus, cpu))
        return 0;
    vf_finding_add(f, vf_start_severity(v), "cpu",
                   vf_starts(cpu, "custom-")
                       ? _("define the same model at the target "
                           "(/etc/pve/virtual-guest/cpu-models.conf), or name another with cpu in "
                           "the plan")
                       : _("name another with cpu in the plan"),
                   _("node %s has no processor type %s: Proxmox does not start the VM"),
                   v->plan->target_node, cpu);
    return 0;
}

/* QEMU is told to refuse what the processor cannot do. */
VF_CHECK(flags)
{
    static const struct {
        const char *cpu, *flags; /* those of the one before come with it */
    } levels[] = {
        {"x86-64-v2", "cx16 lahf_lm popcnt pni sse4_1 sse4_2 ssse3"},
        {"x86-64-v2-AES", "aes"},
        {"x86-64-v3", "avx avx2 bmi1 bmi2 f16c fma abm movbe xsave"},
        {"x86-64-v4", "avx512f avx512bw avx512cd avx512dq avx512vl"},
    };
    vf_autofree char *cpu = cpu_type(v);
    size_t n = 0;
    while (n < VF_COUNT(levels) && !vf_streq(levels[n].cpu, cpu))
        n++;
    if (n == VF_COUNT(levels) || !v->can.cpu_flags)
        return 0;
    vf_autostrv char **lacks = vf_strv_new();
    for (size_t i = 0; i <= n; i++) {
        vf_autostrv char **flags = vf_strv_split(levels[i].flags, " ");
        for (size_t k = 0; flags[k]; k++)
            if (!vf_strv_has(v->can.cpu_flags, flags[k]))
                vf_strv_add(&lacks, flags[k]);
    }
    vf_autofree char *list = vf_strv_join(lacks, " ");
    if (*lacks)
        vf_finding_add(f, vf_start_severity(v), "cpu",
                       _("choose another node, or name a lower type with cpu in the plan"),
                       _("the processor of node %s lacks what %s promises the guest (%s): the VM "
                         "does not start there"),
                       v->plan->target_node, cpu, list);
    return 0;
}

VF_CHECK(model)
{
    vf_autofree char *cpu = cpu_type(v);
    struct vf_abilities here = {0};
    if ((!vf_streq(cpu, "host") && !vf_streq(cpu, "max")) || !v->can.cpu_model)
        return 0;
    if (v->src->ops->abilities(v->src, v->source->node, &here, err) < 0)
        return -1;
    bool live = v->plan->method == VF_METHOD_REMOTE_MIGRATE && v->source->state == VF_VM_RUNNING;
    if (here.cpu_model && !vf_streq(here.cpu_model, v->can.cpu_model))
        vf_finding_add(f, live ? VF_WARN : VF_INFO, "cpu",
                       live ? _("use --method=copy, which starts it anew, or give it a type that "
                                "both have")
                            : NULL,
                       live ? _("the guest uses the node's own processor (%s), which is another "
                                "at the target (%s): it may crash when it is migrated live")
                            : _("the guest sees the node's own processor: now %s, then %s"),
                       here.cpu_model, v->can.cpu_model);
    vf_abilities_clear(&here);
    return 0;
}

/* "pc-q35-8.1+pve0" to the length of its type ("pc-q35-") and 8001; false: names no version. */
static bool parse_machine(const char *text, size_t *type, unsigned *version)
{
    static const char *const types[] = {"pc-q35-", "pc-i440fx-"};
    unsigned major, minor;
    for (size_t i = 0; text && i < VF_COUNT(types); i++)
        if (vf_starts(text, types[i]) &&
            sscanf(text + strlen(types[i]), "%3u.%3u", &major, &minor) == 2) {
            *type = strlen(types[i]);
            *version = major * 1000 + minor;
            return true;
        }
    return false;
}

VF_CHECK(machine)
{
    vf_autofree char *m = first_part(v->source, "machine", "type");
    size_t type, other_type;
    unsigned wants, has, newest = 0, oldest = 0;
    if (!v->can.machines || !parse_machine(m, &type, &wants))
        return 0;
    for (size_t i = 0; v->can.machines[i]; i++) {
        if (!parse_machine(v->can.machines[i], &other_type, &has) || other_type != type ||
            strncmp(v->can.machines[i], m, type) != 0)
            continue;
        if (has == wants)
            return 0;
        newest = has > newest ? has : newest;
        oldest = !oldest || has < oldest ? has : oldest;
    }
    if (!newest || (wants > oldest && wants < newest)) /* a step between two that are listed */
        return 0;
    vf_autofree char *cure =
        vf_asprintf(_("choose a node with another Proxmox VE, or give the VM a machine that it has "
                      "(the newest is %.*s%u.%u) before"),
                    (int)type, m, newest / 1000, newest % 1000);
    vf_finding_add(f, vf_start_severity(v), "machine", cure,
                   wants > newest
                       ? _("%s is newer than the QEMU of node %s: the VM does not start there")
                       : _("the QEMU of node %2$s has %1$s no longer: the VM does not start there"),
                   m, v->plan->target_node);
    return 0;
}

static const struct vf_check checks[] = {
    {"cpu-type", VF_CHECK_NODE, type},
    {"cpu-flags", VF_CHECK_NODE, flags},
    {"cpu-model", VF_CHECK_NODE | VF_CHECK_PVE, model},
    {"machine", VF_CHECK_NODE, machine},
};
const struct vf_checks vf_checks_cpu = {checks, VF_COUNT(checks)};
