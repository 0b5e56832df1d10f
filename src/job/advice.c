/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "job/advice.h"
#include "plan/slot.h"
#include "base/buf.h"
#include "base/i18n.h"
#include "base/str.h"

#include <string.h>

/* ---- what it is ---- */

static bool is_windows(const struct vf_advised *a)
{
    const char *ostype = vf_opts_get(&a->target->opts, "ostype");
    return a->plan->profile == VF_PROFILE_WINDOWS || (ostype && *ostype == 'w');
}

static bool is_linux(const struct vf_advised *a)
{
    const char *ostype = vf_opts_get(&a->target->opts, "ostype");
    return !is_windows(a) && (vf_streq(ostype, "l26") || vf_streq(ostype, "l24"));
}

static bool is_old(const struct vf_advised *a)
{
    return !is_windows(a) && a->plan->profile == VF_PROFILE_OLD;
}

static bool is_old_linux(const struct vf_advised *a)
{
    return is_linux(a) && is_old(a);
}

static bool is_modern_linux(const struct vf_advised *a)
{
    return is_linux(a) && !is_old(a);
}

static bool has_uefi(const struct vf_advised *a)
{
    return vf_streq(vf_opts_get(&a->target->opts, "bios"), "ovmf");
}

static bool discards(const struct vf_advised *a)
{
    for (size_t i = 0; i < a->target->n_disks; i++)
        if (vf_streq(vf_opts_get(&a->target->disks[i].opts, "discard"), "on"))
            return true;
    return false;
}

static bool trims(const struct vf_advised *a)
{
    return is_linux(a) && discards(a);
}

static bool trims_by_agent(const struct vf_advised *a)
{
    return discards(a) && a->agent;
}

static bool trims_modern(const struct vf_advised *a)
{
    return is_modern_linux(a) && trims(a) && !a->agent;
}

static bool trims_old(const struct vf_advised *a)
{
    return is_old_linux(a) && trims(a) && !a->agent;
}

static bool wants_agent(const struct vf_advised *a)
{
    return is_modern_linux(a) && !a->agent;
}

static bool keeps_macs(const struct vf_advised *a)
{
    for (size_t i = 0; i < a->plan->n_nics; i++)
        if (a->plan->nics[i].mac_mode == VF_MAC_KEEP)
            return true;
    return false;
}

static bool has_nics(const struct vf_advised *a)
{
    return a->target->n_nics > 0;
}

static bool linux_with_nics(const struct vf_advised *a)
{
    return is_linux(a) && has_nics(a);
}

static bool other_with_nics(const struct vf_advised *a)
{
    return !is_linux(a) && !is_windows(a) && has_nics(a);
}

static bool is_held(const struct vf_advised *a)
{
    return a->held;
}

static bool untested(const struct vf_advised *a)
{
    return a->started && !a->tested;
}

static bool has_tpm(const struct vf_advised *a)
{
    return is_windows(a) && a->source->tpm;
}

static bool has_driver_disk(const struct vf_advised *a)
{
    return is_windows(a) && a->plan->driver_disk;
}

static bool lacks_driver_disk(const struct vf_advised *a)
{
    return a->plan->profile == VF_PROFILE_WINDOWS && !a->plan->driver_disk;
}

static bool windows_cards(const struct vf_advised *a)
{
    return is_windows(a) && has_nics(a);
}

static bool uefi_windows(const struct vf_advised *a)
{
    return has_uefi(a) && is_windows(a);
}

static bool uefi_other(const struct vf_advised *a)
{
    return has_uefi(a) && !is_windows(a);
}

/* ---- texts with parts of it ---- */

/* What connects a card as it is planned; caller frees. */
static char *connect_command(const struct vf_advised *a, const struct vf_nic *n)
{
    vf_autobuf struct vf_buf b = {0};
    vf_buf_printf(&b, "qm set %u --net%u %s=%s", a->target->id, n->index, n->model,
                  n->mac ? n->mac : "");
    if (n->bridge)
        vf_buf_printf(&b, ",bridge=%s", n->bridge);
    if (n->tag)
        vf_buf_printf(&b, ",tag=%u", n->tag);
    for (size_t i = 0; i < n->opts.n; i++)
        vf_buf_printf(&b, ",%s=%s", n->opts.v[i].key, n->opts.v[i].value);
    return vf_buf_take(&b);
}

static char *connect_text(const struct vf_advised *a)
{
    vf_autostrv char **commands = vf_strv_new();
    for (size_t i = 0; i < a->target->n_nics; i++) {
        vf_autofree char *c =
            a->target->nics[i].link_down ? connect_command(a, &a->target->nics[i]) : NULL;
        if (c)
            vf_strv_add(&commands, c);
    }
    vf_autofree char *list = vf_strv_join(commands, "; ");
    return vf_asprintf(_("its cards are disconnected; look at its console, then on %s: %s"),
                       a->target->node, list);
}

/* Proxmox VE puts net0 to net5 at the PCI slots 18 to 23 of the i440fx. */
static char *names_text(const struct vf_advised *a)
{
    enum { FIRST_SLOT = 18, SLOTS = 6 };
    vf_autobuf struct vf_buf b = {0};
    const char *machine = vf_opts_get(&a->target->opts, "machine");
    bool known = !machine || !strstr(machine, "q35");
    for (size_t i = 0; i < a->target->n_nics; i++) {
        const struct vf_nic *n = &a->target->nics[i];
        vf_buf_printf(&b, "%snet%u %s", b.len ? ", " : "", n->index, n->mac ? n->mac : "-");
        if (known && n->index < SLOTS && !is_old(a))
            vf_buf_printf(&b, " = ens%u", FIRST_SLOT + n->index);
    }
    return vf_asprintf(
        is_old(a)
            ? _("network: eth0 ... keep their names while they keep their MAC addresses (%s); else "
                "empty /etc/udev/rules.d/70-persistent-net.rules. Set gateway and address where "
                "the network is another")
            : _("network: ens160, ens192 ... of VMware are called otherwise now (%s): change the "
                "names in /etc/netplan, /etc/network/interfaces or nmcli, and gateway and address "
                "where the network is another"),
        vf_buf_str(&b));
}

static char *macs_text(const struct vf_advised *a)
{
    vf_autobuf struct vf_buf b = {0};
    for (size_t i = 0; i < a->target->n_nics; i++) {
        const struct vf_nic *n = &a->target->nics[i];
        vf_buf_printf(&b, "%snet%u %s", b.len ? ", " : "", n->index, n->mac ? n->mac : "-");
    }
    return vf_asprintf(_("network: look at the names of its interfaces (%s), gateway and address"),
                       vf_buf_str(&b));
}

static char *agent_trim_text(const struct vf_advised *a)
{
    return vf_asprintf(_("give back what its file systems do not use: qm guest cmd %u fstrim"),
                       a->target->id);
}

static char *agent_text(const struct vf_advised *a)
{
    return vf_asprintf(_("install qemu-guest-agent in it, then: qm set %u --agent 1, and shut it "
                         "down and start it once"),
                       a->target->id);
}

static char *driver_text(const struct vf_advised *a)
{
    const struct vf_disk *d = NULL;
    for (size_t i = 0; i < a->target->n_disks; i++)
        if (a->target->disks[i].fresh && *vf_slot_bus(a->target->disks[i].slot))
            d = &a->target->disks[i];
    const char *first = a->plan->n_disks ? vf_plan_slot(&a->plan->disks[0]) : "sata0";
    return vf_asprintf(_("once Windows shows the small disk %s, its driver is in: shut it down, "
                         "detach that disk and remove it, detach %s and attach it to the same bus, "
                         "put it first in the boot order"),
                       d ? d->slot : "scsi0", first);
}

static char *source_text(const struct vf_advised *a)
{
    if (*a->plan->source == '/')
        return vf_strdup(_("what it was exported from has the same MAC and IP addresses: never run "
                           "it while this VM runs"));
    return vf_asprintf(_("the source is %s at %s: never start it while this VM runs, both have the "
                         "same MAC and IP addresses"),
                       a->source_name, a->plan->source);
}

/* ---- the list ---- */

static const struct advice {
    bool (*applies)(const struct vf_advised *a);
    const char *text;
    char *(*make)(const struct vf_advised *a); /* instead of TEXT */
} table[] = {
    {is_held, NULL, connect_text},
    {keeps_macs, NULL, source_text},
    {has_tpm, N_("BitLocker asks for its recovery key, as the TPM is a new one"), NULL},
    {uefi_windows,
     N_("should it stop in the firmware's menu: Boot From File, \\EFI\\Microsoft\\Boot\\"
        "bootmgfw.efi; from a Windows medium: bcdboot C:\\Windows"),
     NULL},
    {uefi_other,
     N_("should it stop in the firmware's menu: Boot From File, \\EFI\\*\\grubx64.efi or "
        "shimx64.efi; then grub-install (or efibootmgr -c) in it"),
     NULL},
    {linux_with_nics, NULL, names_text},
    {other_with_nics, NULL, macs_text},
    {windows_cards,
     N_("network: a fixed address stays with the card it had: in the Device Manager show hidden "
        "devices, remove the old card, then give the address to the new one"),
     NULL},
    {untested, N_("try what it serves from outside: SSH, web, mail ..."), NULL},
    {trims_by_agent, NULL, agent_trim_text},
    {trims_modern, N_("give back what its file systems do not use, in it as root: fstrim -av"),
     NULL},
    {trims_old,
     N_("give back what its file systems do not use, in it as root: fstrim -v / (and each other "
        "one)"),
     NULL},
    {trims,
     N_("do that daily, or thin storage fills up: 0 1 * * * fstrim -a in root's crontab (or "
        "systemctl enable --now fstrim.timer)"),
     NULL},
    {is_linux,
     N_("remove VMware's tools in it: the package open-vm-tools, or vmware-uninstall-tools.pl"),
     NULL},
    {wants_agent, NULL, agent_text},
    {is_old_linux,
     N_("before it gets VirtIO disks or cards: virtio_pci, virtio_blk, virtio_scsi, virtio_net "
        "into its initramfs (/etc/initramfs-tools/modules and update-initramfs -u, or dracut, "
        "mkinitrd --with), and file systems mounted by UUID"),
     NULL},
    {is_windows, N_("uninstall VMware Tools in it"), NULL},
    {is_windows,
     N_("attach virtio-win.iso and run its virtio-win-guest-tools (drivers and guest agent)"),
     NULL},
    {has_driver_disk, NULL, driver_text},
    {lacks_driver_disk,
     N_("before its disk gets VirtIO: add a small disk on SCSI (VirtIO SCSI) and let Windows find "
        "it, then change the bus of the other; without the driver it stops with 0x7B"),
     NULL},
    {is_windows,
     N_("switch fast startup off (powercfg /h off): a shutdown is to be one, not a hibernation"),
     NULL},
};

char **vf_advice(const struct vf_advised *a)
{
    char **list = vf_strv_new();
    for (size_t i = 0; a->plan->profile && i < VF_COUNT(table); i++) {
        if (!table[i].applies(a))
            continue;
        vf_autofree char *made = table[i].make ? table[i].make(a) : NULL;
        vf_strv_add(&list, made ? made : _(table[i].text));
    }
    return list;
}
