/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The plan as a file, written: commented for people, and read back to the same plan. */
#include "config.h"
#include "plan/planfile.h"
#include "base/buf.h"
#include "base/fdio.h"
#include "base/str.h"
#include "conf/cfg.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void put_text(struct vf_buf *b, const char *indent, const char *key, const char *value)
{
    if (!value)
        return;
    vf_buf_printf(b, "%s%s = ", indent, key);
    vf_cfg_quote(b, value);
    vf_buf_puts(b, ";\n");
}

static void put_number(struct vf_buf *b, const char *indent, const char *key, uint64_t value)
{
    /* without the L, libconfig before 1.7 cuts what does not fit into 32 bits */
    vf_buf_printf(b, "%s%s = %" PRIu64 "%s;", indent, key, value, value > INT32_MAX ? "L" : "");
}

/* Nothing for what stays as at the source. */
static void put_tri(struct vf_buf *b, const char *indent, const char *key, int value)
{
    if (value >= 0)
        vf_buf_printf(b, "%s%s = %s;\n", indent, key, value ? "true" : "false");
}

static void put_bool(struct vf_buf *b, const char *key, bool value, const char *comment)
{
    vf_buf_printf(b, "%s = %s; # %s\n", key, value ? "true" : "false", comment);
}

static void put_disk(struct vf_buf *b, const struct vf_plan_disk *d)
{
    vf_autofree char *human = vf_format_bytes(d->size);
    put_text(b, "    ", "slot", d->slot);
    put_text(b, "    ", "volume", d->volume);
    put_number(b, "    ", "size", d->size);
    vf_buf_printf(b, " # bytes: %s\n", human);
    put_text(b, "    ", "storage", d->storage);
    put_text(b, "    ", "format", d->format);
    put_text(b, "    ", "target-slot", d->target_slot);
    put_text(b, "    ", "cache", d->cache);
    put_tri(b, "    ", "discard", d->discard);
    put_tri(b, "    ", "ssd", d->ssd);
    put_tri(b, "    ", "iothread", d->iothread);
}

static void put_nic(struct vf_buf *b, const struct vf_plan_nic *n)
{
    put_number(b, "    ", "index", n->index);
    vf_buf_puts(b, "\n");
    put_text(b, "    ", "bridge", n->bridge);
    put_text(b, "    ", "mac",
             n->mac_mode == VF_MAC_GIVEN ? n->mac
             : n->mac_mode == VF_MAC_NEW ? "new"
                                         : "keep");
    put_text(b, "    ", "model", n->model);
    if (n->tag != VF_VLAN_KEEP) {
        put_number(b, "    ", "tag", n->tag);
        vf_buf_puts(b, "\n");
    }
    put_tri(b, "    ", "disconnected", n->disconnected);
}

static const char disks_comment[] =
    "\n"
    "# slot, volume and size say which disk of the source is meant: leave them as they are.\n"
    "# storage and format (\"raw\", \"qcow2\", \"vmdk\") are the target's. May be added to a disk, "
    "else it "
    "is "
    "as at\n"
    "# the source:\n"
    "#   target-slot  \"ide0\" to \"ide3\", \"sata0\" to \"sata5\", \"scsi0\" to \"scsi30\", "
    "\"virtio0\" to \"virtio15\"\n"
    "#   cache        \"none\", \"writethrough\", \"writeback\", \"unsafe\", \"directsync\"\n"
    "#   discard      true or false\n"
    "#   ssd          true or false; on ide, sata, scsi\n"
    "#   iothread     true or false; on scsi, virtio\n";

static const char nics_comment[] =
    "\n"
    "# index 0 is the source's net0. bridge is the target's (a bridge or VNet); mac is \"keep\", "
    "\"new\"\n"
    "# or an address. May be added to a card, else it is as at the source:\n"
    "#   model         \"virtio\", \"e1000\", \"vmxnet3\", \"rtl8139\" ...\n"
    "#   tag           VLAN tag, 1 to 4094; 0: none\n"
    "#   disconnected  true or false: whether its cable is pulled out\n";

static void put_fixes(struct vf_buf *b, const struct vf_plan *p)
{
    const char *comma = "";
    vf_buf_puts(b, "fixes = [");
    for (unsigned i = 0; i < VF_FIXES; i++)
        if (vf_plan_fixes(p, (enum vf_fix)i)) {
            vf_buf_printf(b, "%s \"%s\"", comma, vf_fix_words[i]);
            comma = ",";
        }
    vf_buf_printf(b, "%s]; # done to the source for the move, put back when it is undone; of\n#",
                  *comma ? " " : "");
    for (unsigned i = 0; i < VF_FIXES; i++)
        vf_buf_printf(b, "%s \"%s\"", i ? "," : "", vf_fix_words[i]);
    vf_buf_puts(b, ": see vmferry-checks(7)\n");
}

/* The disks and NICs of P, with or without what there is to know of them. */
static char *parts_text(const struct vf_plan *p, bool commented)
{
    vf_autobuf struct vf_buf b = {0};
    vf_buf_puts(&b, p->n_disks && commented ? disks_comment : "");
    for (size_t i = 0; i < p->n_disks; i++) {
        vf_buf_puts(&b, i ? "}, {\n" : "disks = ( {\n");
        put_disk(&b, &p->disks[i]);
    }
    if (p->n_disks)
        vf_buf_puts(&b, "} );\n");
    vf_buf_puts(&b, p->n_nics && commented ? nics_comment : "");
    for (size_t i = 0; i < p->n_nics; i++) {
        vf_buf_puts(&b, i ? "}, {\n" : "nics = ( {\n");
        put_nic(&b, &p->nics[i]);
    }
    if (p->n_nics)
        vf_buf_puts(&b, "} );\n");
    return vf_buf_take(&b);
}

/* What a VM from another hypervisor becomes; nothing for one from Proxmox VE. */
static void put_import(struct vf_buf *b, const struct vf_plan *p)
{
    if (p->profile)
        vf_buf_printf(b,
                      "profile = \"%s\"; # the hardware it gets: \"modern\", \"old\" or "
                      "\"windows\"\n",
                      vf_profile_words[p->profile]);
    if (p->profile == VF_PROFILE_OLD || p->console)
        vf_buf_printf(b,
                      "console = \"%s\"; # \"ask\" once it runs whether its cards may be connected "
                      "(old), or\n# \"connect\", \"reboot\" (connect and reboot), \"leave\"\n",
                      vf_console_words[p->console]);
    if (p->profile == VF_PROFILE_WINDOWS || p->driver_disk)
        put_bool(b, "driver-disk", p->driver_disk,
                 "true: a small VirtIO disk besides, so that Windows installs the driver");
    if (p->profile || p->remove_snapshots)
        put_bool(b, "remove-snapshots", p->remove_snapshots,
                 "true: the source's snapshots are removed before its disks are read");
}

/* How it is moved, a line each: the same setting of two plans is the same line. */
static char *settings_text(const struct vf_plan *p)
{
    vf_autobuf struct vf_buf b = {0};
    vf_buf_printf(&b,
                  "method = \"%s\"; # \"copy\" by vmferry, or \"remote-migrate\": Proxmox's own, "
                  "live\n",
                  vf_method_words[p->method]);
    put_import(&b, p);
    put_bool(&b, "copy-disks", p->copy_disks, "false: the target VM gets no disks");
    put_bool(&b, "precopy", p->precopy,
             "copy raw disks of a running VM before it is shut down, and what changed after");
    put_bool(&b, "start", p->start, "start it at the target, if it was running");
    if (p->profile || p->start_stopped)
        put_bool(&b, "start-stopped", p->start_stopped, "true: also if it was stopped");
    put_number(&b, "", "rate", p->rate);
    vf_buf_puts(&b, " # bytes per second, 0: no limit\n");
    vf_buf_printf(&b, "verify = \"%s\"; # \"full\": read back and compare, or \"none\"\n",
                  vf_verify_words[p->verify]);
    vf_buf_printf(&b, "compress = \"%s\"; # \"auto\": where it pays, \"off\", or \"1\" to \"6\"\n",
                  vf_compress_words[p->compress]);
    put_number(&b, "", "streams", p->streams);
    vf_buf_puts(&b, " # connections between the hosts, 0: as they bear\n");
    vf_buf_printf(&b,
                  "route = \"%s\"; # \"auto\": the best that works of \"local\", \"direct\", "
                  "\"reverse\", \"relay\"\n",
                  vf_route_words[p->route]);
    vf_buf_puts(&b, p->ciphers ? ""
                               : "# ciphers: those of ssh for disk data; without it the fastest, "
                                 "\"-\": as ssh has them\n");
    put_text(&b, "", "ciphers", p->ciphers);
    put_number(&b, "", "shutdown-timeout", p->shutdown_timeout);
    vf_buf_puts(&b, " # seconds for a graceful shutdown\n");
    put_bool(&b, "rehearse", p->rehearse,
             "true: a test, NAME--TEST with its cards disconnected; the source is left alone");
    put_bool(&b, "wait-before-stop", p->wait_before_stop, "true: ask before it is shut down");
    put_bool(&b, "wait-before-start", p->wait_before_start,
             "true: ask before it is started at the target");
    if (!p->service_ports)
        vf_buf_puts(&b,
                    "# service-ports: TCP ports to try before and after, \"22,443\" or "
                    "\"common\";\n# service-addresses: where, else as the guest's agent says\n");
    put_text(&b, "", "service-ports", p->service_ports);
    put_text(&b, "", "service-addresses", p->service_addresses);
    put_bool(&b, "verify-tls", p->verify_tls, "check the clusters' certificates");
    put_bool(&b, "ignore-exists", p->ignore_exists,
             "true: the target may have a VM of this name, or be the source's cluster");
    put_fixes(&b, p);
    return vf_buf_take(&b);
}

char *vf_plan_text(const struct vf_plan *p)
{
    vf_autobuf struct vf_buf b = {0};
    vf_buf_printf(&b,
                  "format = %d; minimum-reader = %d; # a plan of vmferry, see vmferry-plan(5)\n\n",
                  VF_ONE_VM_FORMAT, VF_ONE_VM_FORMAT);
    vf_buf_puts(&b, "# the VM to move\n");
    put_text(&b, "", "source", p->source);
    put_number(&b, "", "vm-id", p->vm_id);
    vf_buf_puts(&b, "\n");
    put_text(&b, "", "vm-name", p->vm_name);
    vf_buf_puts(&b, "\n# where it goes; without target-id the next free VMID is taken,\n"
                    "# without target-name (a DNS name) the VM keeps its own\n");
    put_text(&b, "", "target", p->target);
    put_text(&b, "", "target-node", p->target_node);
    put_text(&b, "", "target-name", p->target_name);
    if (p->target_id) {
        put_number(&b, "", "target-id", p->target_id);
        vf_buf_puts(&b, "\n");
    }
    vf_buf_puts(&b, "\n# cpu: the processor type at the target; without it the source's\n");
    put_text(&b, "", "cpu", p->cpu);
    vf_autofree char *parts = parts_text(p, true), *settings = settings_text(p);
    vf_buf_printf(&b, "%s\n%s", parts, settings);
    return vf_buf_take(&b);
}

/* What several plans may have in common, lines again; caller frees. */
static char **common_lines(const struct vf_plan *p)
{
    vf_autobuf struct vf_buf b = {0};
    vf_autofree char *settings = settings_text(p);
    put_text(&b, "", "source", p->source);
    put_text(&b, "", "target", p->target);
    put_text(&b, "", "target-node", p->target_node);
    put_text(&b, "", "cpu", p->cpu);
    vf_buf_puts(&b, settings);
    return vf_strv_split(vf_buf_str(&b), "\n");
}

static bool all_have(char **const *lines, size_t n, const char *line)
{
    for (size_t i = 0; i < n; i++)
        if (!vf_strv_has(lines[i], line))
            return false;
    return true;
}

static void put_indented(struct vf_buf *b, const char *text)
{
    vf_autostrv char **lines = vf_strv_split(text, "\n");
    for (size_t i = 0; lines[i]; i++)
        vf_buf_printf(b, "    %s\n", lines[i]);
}

/* One of several: what is its own, then what others have otherwise. */
static void put_move(struct vf_buf *b, const struct vf_plan *p, char **const *lines, size_t n,
                     char *const *own)
{
    put_number(b, "    ", "vm-id", p->vm_id);
    vf_buf_puts(b, "\n");
    put_text(b, "    ", "vm-name", p->vm_name);
    put_text(b, "    ", "target-name", p->target_name);
    if (p->target_id) {
        put_number(b, "    ", "target-id", p->target_id);
        vf_buf_puts(b, "\n");
    }
    for (size_t i = 0; own[i]; i++)
        if (own[i][0] != '#' && !all_have(lines, n, own[i]))
            vf_buf_printf(b, "    %s\n", own[i]);
    vf_autofree char *parts = parts_text(p, false);
    put_indented(b, parts);
}

static const char moves_comment[] =
    "\n"
    "# The VMs. What a move says itself counts for it instead of what stands above. Without\n"
    "# target-id it takes the next free VMID, without target-name (a DNS name) it keeps its name;\n"
    "# cpu is the processor type at the target, without it the source's.\n";

char *vf_plans_text(struct vf_plan *const *v, size_t n)
{
    if (n == 1)
        return vf_plan_text(v[0]);
    vf_autobuf struct vf_buf b = {0};
    char ***lines = vf_xcalloc(n, sizeof *lines);
    for (size_t i = 0; i < n; i++)
        lines[i] = common_lines(v[i]);
    vf_buf_printf(&b,
                  "format = %d; minimum-reader = %d; # a plan of vmferry for several VMs, see "
                  "vmferry-plan(5)\n\n"
                  "# for all of them\n",
                  VF_PLAN_FORMAT, VF_PLAN_FORMAT);
    for (size_t i = 0; n && lines[0][i]; i++)
        if (lines[0][i][0] == '#' || all_have(lines, n, lines[0][i]))
            vf_buf_printf(&b, "%s\n", lines[0][i]);
    vf_buf_printf(&b, "%s%s%s\nmoves = ( {\n", moves_comment, disks_comment, nics_comment);
    for (size_t i = 0; i < n; i++) {
        vf_buf_puts(&b, i ? "}, {\n" : "");
        put_move(&b, v[i], lines, n, lines[i]);
    }
    vf_buf_puts(&b, "} );\n");
    for (size_t i = 0; i < n; i++)
        vf_strv_free(lines[i]);
    free(lines);
    return vf_buf_take(&b);
}

int vf_plans_save(struct vf_plan *const *v, size_t n, const char *path, struct vf_error **err)
{
    vf_autofree char *text = vf_plans_text(v, n);
    return vf_replace_file(path, text, strlen(text), 0600, err);
}

int vf_plan_save(const struct vf_plan *p, const char *path, struct vf_error **err)
{
    vf_autofree char *text = vf_plan_text(p);
    return vf_replace_file(path, text, strlen(text), 0600, err);
}
