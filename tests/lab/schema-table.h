/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Made by schema-gen.py from the parameter lists of Proxmox VE 6.4-15, 7.4-16, 8.4.5, 9.2.3; not to
 * be edited. Parameters of the calls the lab answers, NAME:TYPE each: s text, i integer, n number,
 * b boolean, a list, - an alias; ? may be left out; @MASK in which versions (bit 0 is the oldest;
 * without: wherever the call is); >least <most #longest /format {property string}, =one|of or
 * ~pattern; +NAME the parameters of that row. */
#ifndef VF_LAB_SCHEMA_TABLE_H
#define VF_LAB_SCHEMA_TABLE_H

/* clang-format off */
static const struct {
    const char *route; /* "METHOD /path", or what {NAME} and +NAME refer to */
    unsigned mask;     /* versions that have it */
    const char *params;
} lab_schema_table[] = {
    {"config", 0xf,
     "acpi:b? affinity:s?@e agent:s?{p1} allow-ksm:b?@8 amd-sev:s?@c arch:s?=x86_64|aarch64 "
     "args:s? audio0:s?{p2} autostart:b? balloon:i?>0 bios:s?=seabios|ovmf boot:s? "
     "bootdisk:s?~(ide|sata|scsi|virtio)\\d+ cdrom:s? cicustom:s? cipassword:s? "
     "citype:s?=configdrive2|nocloud|opennebula ciupgrade:b?@c ciuser:s? cores:i?>1 cpu:s? "
     "cpulimit:n?>0<128 cpuunits:i?@1>2<262144 cpuunits:i?@e>1<262144 description:s? "
     "efidisk0:s?{p3} force:b? freeze:b? hookscript:s? hostpci[n]:s? hotplug:s? "
     "hugepages:s?=any|2|1024 ide[n]:s?{p4} intel-tdx:s?@8 ipconfig[n]:s? ivshmem:s?{p5} "
     "keephugepages:b? "
     "keyboard:s?=de|de-ch|da|en-gb|en-us|es|fi|fr|fr-be|fr-ca|fr-ch|hu|is|it|ja|lt|mk|nl|no|pl|pt|pt-br|sv|sl|tr "
     "kvm:b? localtime:b? "
     "lock:s?=backup|clone|create|migrate|rollback|snapshot|snapshot-delete|suspending|suspended "
     "machine:s?@3~(pc|pc(-i440fx)?-\\d+(\\.\\d+)+(\\+pve\\d+)?(\\.pxe)?|q35|pc-q35-\\d+(\\.\\d+)+(\\+pve\\d+)?(\\.pxe)?|virt(?:-\\d+(\\.\\d+)+)?(\\+pve\\d+)?) "
     "machine:s?@c{p6} memory:i?@3>16 memory:s?@c{p7} migrate_downtime:n?>0 migrate_speed:i?>0 "
     "name:s?/dns-name nameserver:s? net[n]:s?{p8} node:s numa:b? numa[n]:s?{p9} onboot:b? "
     "ostype:s?@1=other|wxp|w2k|w2k3|w2k8|wvista|win7|win8|win10|l24|l26|solaris "
     "ostype:s?@e=other|wxp|w2k|w2k3|w2k8|wvista|win7|win8|win10|win11|l24|l26|solaris "
     "parallel[n]:s?~/dev/parport\\d+|/dev/usb/lp\\d+ protection:b? reboot:b? rng0:s?@3{p10} "
     "rng0:s?@c sata[n]:s?{p11} scsi[n]:s?{p12} "
     "scsihw:s?=lsi|lsi53c810|virtio-scsi-pci|virtio-scsi-single|megasas|pvscsi "
     "searchdomain:s? serial[n]:s?@7~(/dev/.+|socket) serial[n]:s?@8 shares:i?>0<50000 "
     "smbios1:s? smp:i?>1 sockets:i?>1 spice_enhancements:s?{p13} sshkeys:s? "
     "startdate:s?~(now|\\d{4}-\\d{1,2}-\\d{1,2}(T\\d{1,2}:\\d{1,2}:\\d{1,2})?) startup:s? "
     "tablet:b? tags:s? tdf:b? template:b? tpmstate0:s?@e{p14} unused[n]:s?{p15} "
     "usb[n]:s?{p16} vcpus:i?>1 vga:s?{p17} virtio[n]:s?{p18} virtiofs[n]:s?@c{p19} vmgenid:s? "
     "vmid:i@3>1/pve-vmid vmid:i@c>100<999999999/pve-vmid vmstatestorage:s? watchdog:s?"},
    {"DELETE /access/users/{userid}/token/{tokenid}", 0xf,
     "tokenid:s userid:s"},
    {"DELETE /cluster/ha/resources/{sid}", 0xf,
     "purge:b?@8 sid:s"},
    {"DELETE /nodes/{node}/qemu/{vmid}", 0xf,
     "destroy-unreferenced-disks:b? node:s purge:b? skiplock:b? vmid:i@3>1/pve-vmid "
     "vmid:i@c>100<999999999/pve-vmid"},
    {"DELETE /nodes/{node}/storage/{storage}/content/{volume}", 0xf,
     "delay:i?>1<30 node:s storage:s? volume:s"},
    {"DELETE /nodes/{node}/tasks/{upid}", 0xf,
     "node:s upid:s"},
    {"DELETE /pools", 0xc,
     "poolid:s"},
    {"DELETE /pools/{poolid}", 0xf,
     "poolid:s"},
    {"GET /access/acl", 0xf,
     ""},
    {"GET /access/permissions", 0xf,
     "path:s? userid:s?"},
    {"GET /access/roles", 0xf,
     ""},
    {"GET /access/users", 0xf,
     "enabled:b? full:b?"},
    {"GET /access/users/{userid}/token", 0xf,
     "userid:s"},
    {"GET /cluster/firewall/aliases", 0xf,
     ""},
    {"GET /cluster/firewall/groups", 0xf,
     ""},
    {"GET /cluster/firewall/groups/{group}", 0xf,
     "group:s"},
    {"GET /cluster/firewall/ipset", 0xf,
     ""},
    {"GET /cluster/firewall/ipset/{name}", 0xf,
     "name:s"},
    {"GET /cluster/firewall/options", 0xf,
     ""},
    {"GET /cluster/ha/resources", 0xf,
     "type:s?=ct|vm"},
    {"GET /cluster/ha/resources/{sid}", 0xf,
     "sid:s"},
    {"GET /cluster/ha/rules", 0x8,
     "resource:s? type:s?=node-affinity|resource-affinity"},
    {"GET /cluster/ha/status/current", 0xf,
     ""},
    {"GET /cluster/mapping/dir", 0xc,
     "check-node:s?"},
    {"GET /cluster/mapping/pci", 0xc,
     "check-node:s?"},
    {"GET /cluster/mapping/usb", 0xc,
     "check-node:s?"},
    {"GET /cluster/nextid", 0xf,
     "vmid:i?@3>1/pve-vmid vmid:i?@c>100<999999999/pve-vmid"},
    {"GET /cluster/options", 0xf,
     ""},
    {"GET /cluster/replication", 0xf,
     ""},
    {"GET /cluster/resources", 0xf,
     "type:s?=vm|storage|node|sdn"},
    {"GET /cluster/sdn/vnets", 0xf,
     "pending:b? running:b?"},
    {"GET /cluster/sdn/zones", 0xf,
     "pending:b? running:b? type:s?=evpn|faucet|qinq|simple|vlan|vxlan"},
    {"GET /cluster/status", 0xf,
     ""},
    {"GET /nodes", 0xf,
     ""},
    {"GET /nodes/{node}/capabilities/qemu/cpu", 0xe,
     "arch:s?@8=x86_64|aarch64 node:s"},
    {"GET /nodes/{node}/capabilities/qemu/machines", 0xf,
     "arch:s?@8=x86_64|aarch64 node:s"},
    {"GET /nodes/{node}/lxc", 0xf,
     "node:s"},
    {"GET /nodes/{node}/lxc/{vmid}/config", 0xf,
     "current:b? node:s snapshot:s? vmid:i@3>1/pve-vmid vmid:i@c>100<999999999/pve-vmid"},
    {"GET /nodes/{node}/network", 0xf,
     "node:s "
     "type:s?@3=bridge|bond|eth|alias|vlan|OVSBridge|OVSBond|OVSPort|OVSIntPort|any_bridge "
     "type:s?@4=bridge|bond|eth|alias|vlan|OVSBridge|OVSBond|OVSPort|OVSIntPort|vnet|any_bridge|any_local_bridge "
     "type:s?@8=bridge|bond|eth|alias|vlan|fabric|OVSBridge|OVSBond|OVSPort|OVSIntPort|vnet|any_bridge|any_local_bridge|include_sdn"},
    {"GET /nodes/{node}/qemu", 0xf,
     "full:b? node:s"},
    {"GET /nodes/{node}/qemu/{vmid}/agent/info", 0xf,
     "node:s vmid:i@3>1/pve-vmid vmid:i@c>100<999999999/pve-vmid"},
    {"GET /nodes/{node}/qemu/{vmid}/agent/network-get-interfaces", 0xf,
     "node:s vmid:i@3>1/pve-vmid vmid:i@c>100<999999999/pve-vmid"},
    {"GET /nodes/{node}/qemu/{vmid}/config", 0xf,
     "current:b? node:s snapshot:s? vmid:i@3>1/pve-vmid vmid:i@c>100<999999999/pve-vmid"},
    {"GET /nodes/{node}/qemu/{vmid}/firewall/aliases", 0xf,
     "node:s vmid:i@3>1/pve-vmid vmid:i@c>100<999999999/pve-vmid"},
    {"GET /nodes/{node}/qemu/{vmid}/firewall/ipset", 0xf,
     "node:s vmid:i@3>1/pve-vmid vmid:i@c>100<999999999/pve-vmid"},
    {"GET /nodes/{node}/qemu/{vmid}/firewall/ipset/{name}", 0xf,
     "name:s node:s vmid:i@3>1/pve-vmid vmid:i@c>100<999999999/pve-vmid"},
    {"GET /nodes/{node}/qemu/{vmid}/firewall/options", 0xf,
     "node:s vmid:i@3>1/pve-vmid vmid:i@c>100<999999999/pve-vmid"},
    {"GET /nodes/{node}/qemu/{vmid}/pending", 0xf,
     "node:s vmid:i@3>1/pve-vmid vmid:i@c>100<999999999/pve-vmid"},
    {"GET /nodes/{node}/qemu/{vmid}/snapshot", 0xf,
     "node:s vmid:i@3>1/pve-vmid vmid:i@c>100<999999999/pve-vmid"},
    {"GET /nodes/{node}/qemu/{vmid}/status/current", 0xf,
     "node:s vmid:i@3>1/pve-vmid vmid:i@c>100<999999999/pve-vmid"},
    {"GET /nodes/{node}/replication", 0xf,
     "guest:i?@3>1/pve-vmid guest:i?@c>100<999999999/pve-vmid node:s"},
    {"GET /nodes/{node}/status", 0xf,
     "node:s"},
    {"GET /nodes/{node}/storage", 0xf,
     "content:s? enabled:b? format:b? node:s storage:s? target:s?"},
    {"GET /nodes/{node}/storage/{storage}/content", 0xf,
     "content:s? node:s storage:s vmid:i?@3>1/pve-vmid vmid:i?@c>100<999999999/pve-vmid"},
    {"GET /nodes/{node}/storage/{storage}/content/{volume}", 0xf,
     "node:s storage:s? volume:s"},
    {"GET /nodes/{node}/storage/{storage}/status", 0xf,
     "node:s storage:s"},
    {"GET /nodes/{node}/tasks", 0xf,
     "errors:b? limit:i?>0 node:s since:i?@e source:s?=archive|active|all start:i?>0 "
     "statusfilter:s?@e typefilter:s? until:i?@e userfilter:s? vmid:i?@3>1/pve-vmid "
     "vmid:i?@c>100<999999999/pve-vmid"},
    {"GET /nodes/{node}/tasks/{upid}/log", 0xf,
     "download:b?@e limit:i?>0 node:s start:i?>0 upid:s"},
    {"GET /nodes/{node}/tasks/{upid}/status", 0xf,
     "node:s upid:s"},
    {"GET /pools", 0xf,
     "poolid:s?@c type:s?@c=qemu|lxc|storage"},
    {"GET /pools/{poolid}", 0xf,
     "poolid:s type:s?@e=qemu|lxc|storage"},
    {"GET /storage", 0xf,
     "type:s?@1=cephfs|cifs|dir|drbd|glusterfs|iscsi|iscsidirect|lvm|lvmthin|nfs|pbs|rbd|zfs|zfspool "
     "type:s?@2=btrfs|cephfs|cifs|dir|glusterfs|iscsi|iscsidirect|lvm|lvmthin|nfs|pbs|rbd|zfs|zfspool "
     "type:s?@4=btrfs|cephfs|cifs|dir|esxi|glusterfs|iscsi|iscsidirect|lvm|lvmthin|nfs|pbs|rbd|zfs|zfspool "
     "type:s?@8=btrfs|cephfs|cifs|dir|esxi|iscsi|iscsidirect|lvm|lvmthin|nfs|pbs|rbd|zfs|zfspool"},
    {"GET /version", 0xf,
     ""},
    {"POST /access/ticket", 0xf,
     "new-format:b?@e otp:s? password:s path:s? privs:s? realm:s? tfa-challenge:s?@e "
     "username:s"},
    {"POST /access/users/{userid}/token/{tokenid}", 0xf,
     "comment:s? expire:i?>0 privsep:b? tokenid:s userid:s"},
    {"POST /cluster/ha/resources", 0xf,
     "auto-rebalance:b?@8 comment:s? failback:b?@8 group:s? max_relocate:i?>0 max_restart:i?>0 "
     "sid:s state:s?=started|stopped|enabled|disabled|ignored type:s?=ct|vm"},
    {"POST /nodes/{node}/qemu", 0xf,
     "+config archive:s? bwlimit:i?>0 ha-managed:b?@8 import-working-storage:s?@c "
     "live-restore:b? pool:s? start:b? storage:s? unique:b?"},
    {"POST /nodes/{node}/qemu/{vmid}/config", 0xf,
     "+config background_delay:i?>1<30 delete:s? digest:s? import-working-storage:s?@c "
     "revert:s? skiplock:b?"},
    {"POST /nodes/{node}/qemu/{vmid}/firewall/aliases", 0xf,
     "cidr:s comment:s? name:s node:s vmid:i@3>1/pve-vmid vmid:i@c>100<999999999/pve-vmid"},
    {"POST /nodes/{node}/qemu/{vmid}/firewall/ipset", 0xf,
     "comment:s? digest:s? name:s node:s rename:s? vmid:i@3>1/pve-vmid "
     "vmid:i@c>100<999999999/pve-vmid"},
    {"POST /nodes/{node}/qemu/{vmid}/firewall/ipset/{name}", 0xf,
     "cidr:s comment:s? name:s node:s nomatch:b? vmid:i@3>1/pve-vmid "
     "vmid:i@c>100<999999999/pve-vmid"},
    {"POST /nodes/{node}/qemu/{vmid}/mtunnel", 0xe,
     "bridges:s? node:s storages:s? vmid:i@2>1/pve-vmid vmid:i@c>100<999999999/pve-vmid"},
    {"POST /nodes/{node}/qemu/{vmid}/remote_migrate", 0xe,
     "bwlimit:i?>0 delete:b? node:s online:b? target-bridge:s target-endpoint:s "
     "target-storage:s target-vmid:i?@2>1/pve-vmid target-vmid:i?@c>100<999999999/pve-vmid "
     "vmid:i@2>1/pve-vmid vmid:i@c>100<999999999/pve-vmid"},
    {"POST /nodes/{node}/qemu/{vmid}/status/shutdown", 0xf,
     "forceStop:b? keepActive:b? node:s skiplock:b? timeout:i?>0 vmid:i@3>1/pve-vmid "
     "vmid:i@c>100<999999999/pve-vmid"},
    {"POST /nodes/{node}/qemu/{vmid}/status/start", 0xf,
     "force-cpu:s? "
     "machine:s?@3~(pc|pc(-i440fx)?-\\d+(\\.\\d+)+(\\+pve\\d+)?(\\.pxe)?|q35|pc-q35-\\d+(\\.\\d+)+(\\+pve\\d+)?(\\.pxe)?|virt(?:-\\d+(\\.\\d+)+)?(\\+pve\\d+)?) "
     "machine:s?@c{p6} migratedfrom:s? migration_network:s? migration_type:s?=secure|insecure "
     "nets-host-mtu:s?@8~net\\d+=\\d+(,net\\d+=\\d+)* node:s skiplock:b? stateuri:s? "
     "targetstorage:s? timeout:i?>0 vmid:i@3>1/pve-vmid vmid:i@c>100<999999999/pve-vmid "
     "with-conntrack-state:b?@8"},
    {"POST /nodes/{node}/qemu/{vmid}/status/stop", 0xf,
     "keepActive:b? migratedfrom:s? node:s overrule-shutdown:b?@c skiplock:b? timeout:i?>0 "
     "vmid:i@3>1/pve-vmid vmid:i@c>100<999999999/pve-vmid"},
    {"POST /nodes/{node}/storage/{storage}/content", 0xf,
     "filename:s format:s?@3=raw|qcow2|subvol format:s?@c=raw|qcow2|subvol|vmdk node:s size:s "
     "storage:s vmid:i@3>1/pve-vmid vmid:i@c>100<999999999/pve-vmid"},
    {"POST /pools", 0xf,
     "comment:s? poolid:s"},
    {"PUT /cluster/ha/resources/{sid}", 0xf,
     "auto-rebalance:b?@8 comment:s? delete:s? digest:s? failback:b?@8 group:s? "
     "max_relocate:i?>0 max_restart:i?>0 sid:s "
     "state:s?=started|stopped|enabled|disabled|ignored"},
    {"PUT /cluster/replication/{id}", 0xf,
     "comment:s? delete:s? digest:s? disable:b? id:s rate:n?>1 remove_job:s?=local|full "
     "schedule:s? source:s?"},
    {"PUT /nodes/{node}/qemu/{vmid}/config", 0xf,
     "+config delete:s? digest:s? revert:s? skiplock:b?"},
    {"PUT /nodes/{node}/qemu/{vmid}/firewall/options", 0xf,
     "delete:s? dhcp:b? digest:s? enable:b? ipfilter:b? "
     "log_level_in:s?=emerg|alert|crit|err|warning|notice|info|debug|nolog "
     "log_level_out:s?=emerg|alert|crit|err|warning|notice|info|debug|nolog macfilter:b? "
     "ndp:b? node:s policy_in:s?=ACCEPT|REJECT|DROP policy_out:s?=ACCEPT|REJECT|DROP radv:b? "
     "vmid:i@3>1/pve-vmid vmid:i@c>100<999999999/pve-vmid"},
    {"PUT /pools", 0xc,
     "allow-move:b? comment:s? delete:b? poolid:s storage:s? vms:s?"},
    {"PUT /pools/{poolid}", 0xf,
     "allow-move:b?@c comment:s? delete:b? poolid:s storage:s? vms:s?"},
    {"p1", 0xf,
     "enabled:b freeze-fs:b@8 freeze-fs-on-backup:b@6 freeze-fs-on-backup:-@8 "
     "fstrim_cloned_disks:b guest-fsfreeze:-@8 type:s=virtio|isa"},
    {"p2", 0xf,
     "device:s=ich9-intel-hda|intel-hda|AC97 driver:s=spice|none"},
    {"p3", 0xf,
     "efitype:s@e=2m|4m file:s format:s@3=raw|cow|qcow|qed|qcow2|vmdk|cloop "
     "format:s@c=raw|qcow|qed|qcow2|vmdk|cloop import-from:s@e "
     "ms-cert:s@8=2011|2023|2023w|2023k pre-enrolled-keys:b@e size:s volume:-"},
    {"p4", 0xf,
     "aio:s@1=native|threads aio:s@e=native|threads|io_uring backup:b bps:i bps_max_length:i>1 "
     "bps_rd:i bps_rd_length:- bps_rd_max_length:i>1 bps_wr:i bps_wr_length:- "
     "bps_wr_max_length:i>1 cache:s=none|writethrough|writeback|unsafe|directsync cyls:i@7 "
     "detect_zeroes:b discard:s=ignore|on file:s format:s@3=raw|cow|qcow|qed|qcow2|vmdk|cloop "
     "format:s@c=raw|qcow|qed|qcow2|vmdk|cloop heads:i@7 import-from:s@e iops:i iops_max:i "
     "iops_max_length:i>1 iops_rd:i iops_rd_length:- iops_rd_max:i iops_rd_max_length:i>1 "
     "iops_wr:i iops_wr_length:- iops_wr_max:i iops_wr_max_length:i>1 mbps:n mbps_max:n "
     "mbps_rd:n mbps_rd_max:n mbps_wr:n mbps_wr_max:n media:s=cdrom|disk model:s#120 "
     "replicate:b rerror:s=ignore|report|stop secs:i@7 serial:s#60 shared:b size:s snapshot:b "
     "ssd:b trans:s@7=none|lba|auto volume:- werror:s=enospc|ignore|report|stop wwn:s"},
    {"p5", 0xf,
     "name:s size:i>1"},
    {"p6", 0xf,
     "aw-bits:n@8>32<64 enable-s3:b enable-s4:b "
     "type:s#40~(pc|pc(-i440fx)?-\\d+(\\.\\d+)+(\\+pve\\d+)?(\\.pxe)?|q35|pc-q35-\\d+(\\.\\d+)+(\\+pve\\d+)?(\\.pxe)?|virt(?:-\\d+(\\.\\d+)+)?(\\+pve\\d+)?) "
     "viommu:s=intel|virtio"},
    {"p7", 0xf,
     "current:i>16"},
    {"p8", 0xf,
     "bridge:s e1000:- e1000-82540em:- e1000-82544gc:- e1000-82545em:- e1000e:-@e firewall:b "
     "i82551:- i82557b:- i82559er:- link_down:b macaddr:s/mac-addr "
     "model:s@1=rtl8139|ne2k_pci|e1000|pcnet|virtio|ne2k_isa|i82551|i82557b|i82559er|vmxnet3|e1000-82540em|e1000-82544gc|e1000-82545em "
     "model:s@e=e1000|e1000-82540em|e1000-82544gc|e1000-82545em|e1000e|i82551|i82557b|i82559er|ne2k_isa|ne2k_pci|pcnet|rtl8139|virtio|vmxnet3 "
     "mtu:i>1<65520 ne2k_isa:- ne2k_pci:- pcnet:- queues:i@1>0<16 queues:i@e>0<64 rate:n>0 "
     "rtl8139:- tag:i>1<4094 trunks:s~(?^:\\d+(?:-\\d+)?(?:;\\d+(?:-\\d+)?)*) virtio:- "
     "vmxnet3:-"},
    {"p9", 0xf,
     "cpus:s~(?^:\\d+(?:-\\d+)?(?:;\\d+(?:-\\d+)?)*) "
     "hostnodes:s~(?^:\\d+(?:-\\d+)?(?:;\\d+(?:-\\d+)?)*) memory:n "
     "policy:s=preferred|bind|interleave"},
    {"p10", 0xf,
     "max_bytes:i period:i source:s=/dev/urandom|/dev/random|/dev/hwrng"},
    {"p11", 0xf,
     "aio:s@1=native|threads aio:s@e=native|threads|io_uring backup:b bps:i bps_max_length:i>1 "
     "bps_rd:i bps_rd_length:- bps_rd_max_length:i>1 bps_wr:i bps_wr_length:- "
     "bps_wr_max_length:i>1 cache:s=none|writethrough|writeback|unsafe|directsync cyls:i@7 "
     "detect_zeroes:b discard:s=ignore|on file:s format:s@3=raw|cow|qcow|qed|qcow2|vmdk|cloop "
     "format:s@c=raw|qcow|qed|qcow2|vmdk|cloop heads:i@7 import-from:s@e iops:i iops_max:i "
     "iops_max_length:i>1 iops_rd:i iops_rd_length:- iops_rd_max:i iops_rd_max_length:i>1 "
     "iops_wr:i iops_wr_length:- iops_wr_max:i iops_wr_max_length:i>1 mbps:n mbps_max:n "
     "mbps_rd:n mbps_rd_max:n mbps_wr:n mbps_wr_max:n media:s=cdrom|disk replicate:b "
     "rerror:s=ignore|report|stop secs:i@7 serial:s#60 shared:b size:s snapshot:b ssd:b "
     "trans:s@7=none|lba|auto volume:- werror:s=enospc|ignore|report|stop wwn:s"},
    {"p12", 0xf,
     "aio:s@1=native|threads aio:s@e=native|threads|io_uring backup:b bps:i bps_max_length:i>1 "
     "bps_rd:i bps_rd_length:- bps_rd_max_length:i>1 bps_wr:i bps_wr_length:- "
     "bps_wr_max_length:i>1 cache:s=none|writethrough|writeback|unsafe|directsync cyls:i@7 "
     "detect_zeroes:b discard:s=ignore|on file:s format:s@3=raw|cow|qcow|qed|qcow2|vmdk|cloop "
     "format:s@c=raw|qcow|qed|qcow2|vmdk|cloop heads:i@7 import-from:s@e iops:i iops_max:i "
     "iops_max_length:i>1 iops_rd:i iops_rd_length:- iops_rd_max:i iops_rd_max_length:i>1 "
     "iops_wr:i iops_wr_length:- iops_wr_max:i iops_wr_max_length:i>1 iothread:b mbps:n "
     "mbps_max:n mbps_rd:n mbps_rd_max:n mbps_wr:n mbps_wr_max:n media:s=cdrom|disk "
     "product:s@c queues:i>2 replicate:b rerror:s=ignore|report|stop ro:b@e scsiblock:b "
     "secs:i@7 serial:s#60 shared:b size:s snapshot:b ssd:b trans:s@7=none|lba|auto vendor:s@c "
     "volume:- werror:s=enospc|ignore|report|stop wwn:s"},
    {"p13", 0xf,
     "foldersharing:b videostreaming:s=off|all|filter"},
    {"p14", 0xf,
     "file:s format:s@8=raw|qcow2|vmdk import-from:s size:s version:s=v1.2|v2.0 volume:-"},
    {"p15", 0xf,
     "file:s volume:-"},
    {"p16", 0xf,
     "host:s mapping:s@c usb3:b"},
    {"p17", 0xf,
     "clipboard:s@c=vnc memory:i>4<512 "
     "type:s@1=cirrus|qxl|qxl2|qxl3|qxl4|none|serial0|serial1|serial2|serial3|std|virtio|vmware "
     "type:s@e=cirrus|qxl|qxl2|qxl3|qxl4|none|serial0|serial1|serial2|serial3|std|virtio|virtio-gl|vmware"},
    {"p18", 0xf,
     "aio:s@1=native|threads aio:s@e=native|threads|io_uring backup:b bps:i bps_max_length:i>1 "
     "bps_rd:i bps_rd_length:- bps_rd_max_length:i>1 bps_wr:i bps_wr_length:- "
     "bps_wr_max_length:i>1 cache:s=none|writethrough|writeback|unsafe|directsync cyls:i@7 "
     "detect_zeroes:b discard:s=ignore|on file:s format:s@3=raw|cow|qcow|qed|qcow2|vmdk|cloop "
     "format:s@c=raw|qcow|qed|qcow2|vmdk|cloop heads:i@7 import-from:s@e iops:i iops_max:i "
     "iops_max_length:i>1 iops_rd:i iops_rd_length:- iops_rd_max:i iops_rd_max_length:i>1 "
     "iops_wr:i iops_wr_length:- iops_wr_max:i iops_wr_max_length:i>1 iothread:b mbps:n "
     "mbps_max:n mbps_rd:n mbps_rd_max:n mbps_wr:n mbps_wr_max:n media:s=cdrom|disk "
     "replicate:b rerror:s=ignore|report|stop ro:b@e secs:i@7 serial:s#60 shared:b size:s "
     "snapshot:b trans:s@7=none|lba|auto volume:- werror:s=enospc|ignore|report|stop"},
    {"p19", 0xf,
     "cache:s=auto|always|metadata|never direct-io:b dirid:s expose-acl:b expose-xattr:b"},
};
/* clang-format on */

#endif
