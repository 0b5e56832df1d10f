/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names and types of the parameters of the calls the lab answers, Proxmox VE 8.4: s text, i
 * integer, n number, b boolean; ? may be left out. Used when the full lists are not at hand. */
#ifndef VF_LAB_SCHEMA_TABLE_H
#define VF_LAB_SCHEMA_TABLE_H

static const struct {
    const char *route, *params;
} lab_schema_table[] = {
    {"GET /version", ""},
    {"GET /cluster/status", ""},
    {"GET /cluster/nextid", "vmid:i?"},
    {"GET /cluster/resources", "type:s?"},
    {"GET /cluster/options", ""},
    {"GET /cluster/replication", ""},
    {"GET /cluster/sdn/zones", "pending:b? running:b? type:s?"},
    {"GET /cluster/sdn/vnets", "pending:b? running:b?"},
    {"GET /cluster/mapping/pci", "check-node:s?"},
    {"GET /cluster/mapping/usb", "check-node:s?"},
    {"GET /cluster/mapping/dir", "check-node:s?"},
    {"GET /cluster/ha/resources", "type:s?"},
    {"POST /cluster/ha/resources",
     "comment:s? group:s? max_relocate:i? max_restart:i? sid:s state:s? type:s?"},
    {"GET /cluster/ha/resources/{sid}", "sid:s"},
    {"PUT /cluster/ha/resources/{sid}",
     "comment:s? delete:s? digest:s? group:s? max_relocate:i? max_restart:i? sid:s "
     "state:s?"},
    {"DELETE /cluster/ha/resources/{sid}", "sid:s"},
    {"GET /pools", "poolid:s? type:s?"},
    {"POST /pools", "comment:s? poolid:s"},
    {"GET /pools/{poolid}", "poolid:s type:s?"},
    {"PUT /pools/{poolid}", "allow-move:b? comment:s? delete:b? poolid:s storage:s? vms:s?"},
    {"DELETE /pools/{poolid}", "poolid:s"},
    {"POST /access/ticket",
     "new-format:b? otp:s? password:s path:s? privs:s? realm:s? tfa-challenge:s? "
     "username:s"},
    {"GET /access/permissions", "path:s? userid:s?"},
    {"GET /access/users", "enabled:b? full:b?"},
    {"GET /access/roles", ""},
    {"GET /nodes", ""},
    {"GET /nodes/{node}/status", "node:s"},
    {"GET /nodes/{node}/network", "node:s type:s?"},
    {"GET /nodes/{node}/capabilities/qemu/machines", "node:s"},
    {"GET /nodes/{node}/capabilities/qemu/cpu", "node:s"},
    {"GET /nodes/{node}/tasks",
     "errors:b? limit:i? node:s since:i? source:s? start:i? statusfilter:s? "
     "typefilter:s? until:i? userfilter:s? vmid:i?"},
    {"GET /nodes/{node}/tasks/{upid}/status", "node:s upid:s"},
    {"GET /nodes/{node}/tasks/{upid}/log", "download:b? limit:i? node:s start:i? upid:s"},
    {"GET /nodes/{node}/qemu", "full:b? node:s"},
    {"GET /nodes/{node}/lxc", "node:s"},
    {"POST /nodes/{node}/qemu",
     "acpi:b? affinity:s? agent:s? amd-sev:s? arch:s? archive:s? args:s? audio0:s? "
     "autostart:b? balloon:i? bios:s? boot:s? bootdisk:s? bwlimit:i? cdrom:s? "
     "cicustom:s? cipassword:s? citype:s? ciupgrade:b? ciuser:s? cores:i? cpu:s? "
     "cpulimit:n? cpuunits:i? description:s? efidisk0:s? force:b? freeze:b? "
     "hookscript:s? hostpci[n]:s? hotplug:s? hugepages:s? ide[n]:s? "
     "import-working-storage:s? ipconfig[n]:s? ivshmem:s? keephugepages:b? keyboard:s? "
     "kvm:b? live-restore:b? localtime:b? lock:s? machine:s? memory:s? "
     "migrate_downtime:n? migrate_speed:i? name:s? nameserver:s? net[n]:s? node:s "
     "numa:b? numa[n]:s? onboot:b? ostype:s? parallel[n]:s? pool:s? protection:b? "
     "reboot:b? rng0:s? sata[n]:s? scsi[n]:s? scsihw:s? searchdomain:s? serial[n]:s? "
     "shares:i? smbios1:s? smp:i? sockets:i? spice_enhancements:s? sshkeys:s? start:b? "
     "startdate:s? startup:s? storage:s? tablet:b? tags:s? tdf:b? template:b? "
     "tpmstate0:s? unique:b? unused[n]:s? usb[n]:s? vcpus:i? vga:s? virtio[n]:s? "
     "virtiofs[n]:s? vmgenid:s? vmid:i vmstatestorage:s? watchdog:s?"},
    {"DELETE /nodes/{node}/qemu/{vmid}",
     "destroy-unreferenced-disks:b? node:s purge:b? skiplock:b? vmid:i"},
    {"GET /nodes/{node}/qemu/{vmid}/config", "current:b? node:s snapshot:s? vmid:i"},
    {"PUT /nodes/{node}/qemu/{vmid}/config",
     "acpi:b? affinity:s? agent:s? amd-sev:s? arch:s? args:s? audio0:s? autostart:b? "
     "balloon:i? bios:s? boot:s? bootdisk:s? cdrom:s? cicustom:s? cipassword:s? "
     "citype:s? ciupgrade:b? ciuser:s? cores:i? cpu:s? cpulimit:n? cpuunits:i? "
     "delete:s? description:s? digest:s? efidisk0:s? force:b? freeze:b? hookscript:s? "
     "hostpci[n]:s? hotplug:s? hugepages:s? ide[n]:s? ipconfig[n]:s? ivshmem:s? "
     "keephugepages:b? keyboard:s? kvm:b? localtime:b? lock:s? machine:s? memory:s? "
     "migrate_downtime:n? migrate_speed:i? name:s? nameserver:s? net[n]:s? node:s "
     "numa:b? numa[n]:s? onboot:b? ostype:s? parallel[n]:s? protection:b? reboot:b? "
     "revert:s? rng0:s? sata[n]:s? scsi[n]:s? scsihw:s? searchdomain:s? serial[n]:s? "
     "shares:i? skiplock:b? smbios1:s? smp:i? sockets:i? spice_enhancements:s? "
     "sshkeys:s? startdate:s? startup:s? tablet:b? tags:s? tdf:b? template:b? "
     "tpmstate0:s? unused[n]:s? usb[n]:s? vcpus:i? vga:s? virtio[n]:s? virtiofs[n]:s? "
     "vmgenid:s? vmid:i vmstatestorage:s? watchdog:s?"},
    {"POST /nodes/{node}/qemu/{vmid}/config",
     "acpi:b? affinity:s? agent:s? amd-sev:s? arch:s? args:s? audio0:s? autostart:b? "
     "background_delay:i? balloon:i? bios:s? boot:s? bootdisk:s? cdrom:s? cicustom:s? "
     "cipassword:s? citype:s? ciupgrade:b? ciuser:s? cores:i? cpu:s? cpulimit:n? "
     "cpuunits:i? delete:s? description:s? digest:s? efidisk0:s? force:b? freeze:b? "
     "hookscript:s? hostpci[n]:s? hotplug:s? hugepages:s? ide[n]:s? "
     "import-working-storage:s? ipconfig[n]:s? ivshmem:s? keephugepages:b? keyboard:s? "
     "kvm:b? localtime:b? lock:s? machine:s? memory:s? migrate_downtime:n? "
     "migrate_speed:i? name:s? nameserver:s? net[n]:s? node:s numa:b? numa[n]:s? "
     "onboot:b? ostype:s? parallel[n]:s? protection:b? reboot:b? revert:s? rng0:s? "
     "sata[n]:s? scsi[n]:s? scsihw:s? searchdomain:s? serial[n]:s? shares:i? "
     "skiplock:b? smbios1:s? smp:i? sockets:i? spice_enhancements:s? sshkeys:s? "
     "startdate:s? startup:s? tablet:b? tags:s? tdf:b? template:b? tpmstate0:s? "
     "unused[n]:s? usb[n]:s? vcpus:i? vga:s? virtio[n]:s? virtiofs[n]:s? vmgenid:s? "
     "vmid:i vmstatestorage:s? watchdog:s?"},
    {"GET /nodes/{node}/qemu/{vmid}/pending", "node:s vmid:i"},
    {"GET /nodes/{node}/qemu/{vmid}/snapshot", "node:s vmid:i"},
    {"GET /nodes/{node}/qemu/{vmid}/agent/info", "node:s vmid:i"},
    {"GET /nodes/{node}/qemu/{vmid}/agent/network-get-interfaces", "node:s vmid:i"},
    {"GET /nodes/{node}/qemu/{vmid}/status/current", "node:s vmid:i"},
    {"POST /nodes/{node}/qemu/{vmid}/status/start",
     "force-cpu:s? machine:s? migratedfrom:s? migration_network:s? migration_type:s? "
     "node:s skiplock:b? stateuri:s? targetstorage:s? timeout:i? vmid:i"},
    {"POST /nodes/{node}/qemu/{vmid}/status/stop",
     "keepActive:b? migratedfrom:s? node:s overrule-shutdown:b? skiplock:b? timeout:i? "
     "vmid:i"},
    {"POST /nodes/{node}/qemu/{vmid}/status/shutdown",
     "forceStop:b? keepActive:b? node:s skiplock:b? timeout:i? vmid:i"},
    {"GET /storage", "type:s?"},
    {"GET /nodes/{node}/storage", "content:s? enabled:b? format:b? node:s storage:s? target:s?"},
    {"GET /nodes/{node}/storage/{storage}/status", "node:s storage:s"},
    {"GET /nodes/{node}/storage/{storage}/content", "content:s? node:s storage:s vmid:i?"},
    {"POST /nodes/{node}/storage/{storage}/content",
     "filename:s format:s? node:s size:s storage:s vmid:i"},
    {"GET /nodes/{node}/storage/{storage}/content/{volume}", "node:s storage:s? volume:s"},
    {"DELETE /nodes/{node}/storage/{storage}/content/{volume}",
     "delay:i? node:s storage:s? volume:s"},
};

#endif
