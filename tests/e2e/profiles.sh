#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The hardware that profiles give to a VM, as Proxmox configurations; disks that Proxmox makes itself;
# the cards of an old VM, connected once somebody has seen its console. The plans say it of VMs that
# are on a Proxmox VE, too. With PROFILE_POINTS=all jobs are killed at more writes.
. "${top_srcdir:-.}/tests/e2e/lib.sh"
. "${top_srcdir:-.}/tests/e2e/screen.sh"
lab_up
conf=$L/vmferry.conf

# plan VM KEYS DISK-KEYS NIC-KEYS: a plan for VM in $work/VM.plan, with these besides
plan() {
    rm -f "$work/$1.plan"
    run 0 "a plan for $1" move -c "$conf" --save-plan "$work/$1.plan" alpha beta b1 local "$1"
    sed -i -e "s/^target-node.*/& $2/" -e "s/^    slot = .*/& $3/" -e "s/^    mac = .*/& $4/" "$work/$1.plan"
}

# is_config VMID FILE-TEXT TEXT: the configuration at b1, without what is made anew each time
is_config() {
    config beta b1 "$1" | sed -e '/^vmgenid:/d; /^meta:/d; /^smbios1:/d; /^description:/d' |
        LC_ALL=C sort >"$work/got"
    printf '%s\n' "$2" | diff - "$work/got" >"$work/out"
    ok $? "$3"
}

images() {
    ls "$L/beta/b1/vz/images/$1" 2>/dev/null | tr '\n' ' '
}

# --- old: nobody answers, so its cards stay disconnected, and the report says how to connect them
ctl alpha set-config 101 net0 virtio=02:AA:BB:CC:DD:01,bridge=vmbr0,firewall=1,tag=20
ctl alpha set-config 101 net1 -
ctl alpha set-config 101 scsi1 -
on alpha a1 'qm start 101'
plan db1 'profile = "old"; target-id = 301;' 'target-slot = "ide0"; discard = true;' \
    'model = "e1000"; disconnected = true;'
run 0 "what it becomes is checked" check -c "$conf" "$work/db1.plan"
says out 'kind  old: i440fx, IDE disks, e1000 cards$' "and told"
says out 'wait  you are asked whether its console is fine' "with the question to come"
run 0 "an old VM" run -c "$conf" --yes "$work/db1.plan"
says out ' - .*its cards are disconnected.*on b1: qm set 301 --net0 e1000=02:AA:BB:CC:DD:01,bridge=vmbr0,tag=20,firewall=1$' \
    "the report says how they are connected"
says out ' - .*never start it while this VM runs' "and what of the source"
says out 'fstrim -v /' "and of its disks"
is "$(status beta b1 301)" running "it runs"
is_config 301 "agent: 1
boot: order=ide0
cores: 2
ide0: local:301/vm-301-disk-0.raw,discard=on,size=64M,ssd=1
machine: pc
memory: 1024
name: db1
net0: e1000=02:AA:BB:CC:DD:01,bridge=vmbr0,firewall=1,link_down=1,tag=20
onboot: 0
ostype: l26
scsihw: lsi
sockets: 1
tags: db;prod" "i440fx, IDE, e1000, disconnected"

# --- asked: connected and rebooted
ctl alpha set-config 102 net1 e1000=02:AA:BB:CC:DD:03,bridge=vmbr1,link_down=1
on alpha a2 'qm start 102'
plan old1 'profile = "old"; target-id = 302;' '' 'disconnected = true;'
at_terminal "'$vmferry' run -c '$conf' --yes '$work/old1.plan'"
sees 'Is its console fine' "a person is asked whether its console is fine"
sees 'net0 \(02:AA:BB:CC:DD:04, vmbr0\)\.' "and told of the card, but of none that was disconnected before"
has beta b1 302 'net0: rtl8139=02:AA:BB:CC:DD:04,bridge=vmbr0,link_down=1' "which is disconnected"
keys 2 Enter
sees 'exit=0' "connected and rebooted"
has beta b1 302 'net0: rtl8139=02:AA:BB:CC:DD:04,bridge=vmbr0' "the card is connected"
has beta b1 302 'net1: e1000=02:AA:BB:CC:DD:03,bridge=vmbr1,link_down=1' "not the other"
is "$(status beta b1 302)" running "it runs"
starts() {
    ctl beta requests | grep -c "\"method\":\"POST\".*/qemu/$1/status/start\""
}
is "$(starts 302)" 2 "started twice"
on beta b1 'qm stop 302'
ctl alpha set-config 102 net1 -

# --- the plan has the answer; killed, resumed: nothing is done twice, nothing forgotten
n=400
points=after:console/start:intent
[ "${PROFILE_POINTS-}" != all ] || points="$points after:console/answer:done after:console/net0:intent
    torn:console/net0:done after:console/reboot:intent torn:console/start:done torn:console:done"
for at in $points; do
    ctl alpha set-config 102 name "old$n"
    on alpha a2 'qm start 102'
    plan "old$n" 'profile = "old"; console = "reboot"; target-id = '$n';' '' 'disconnected = true;'
    killed "${at%%:*}" "${at#*:}" run -c "$conf" --yes "$work/old$n.plan"
    is $? 4 "killed at $at"
    run 0 "it is resumed" resume --yes
    has beta b1 $n "net0: rtl8139=02:AA:BB:CC:DD:04,bridge=vmbr0" "connected"
    is "$(status beta b1 $n)" running "it runs"
    [ "$(starts $n)" -ge 2 ]
    ok $? "rebooted"
    on beta b1 "qm stop $n"
    n=$((n + 1))
done

# --- Windows with UEFI: what Proxmox makes itself goes with the VM when that is undone
ctl alpha set-config 102 name win1
ctl alpha set-config 102 bios ovmf
ctl alpha set-config 102 ostype win10
plan win1 'profile = "windows"; driver-disk = true; target-id = 303;' 'target-slot = "sata0";' 'model = "e1000";'
run 0 "what it becomes is checked" check -c "$conf" "$work/win1.plan"
says out 'disk  efidisk0 .*528 KiB, empty, made by Proxmox VE -> local$' "with the disks that are made"
snapshot "$work/before"
points=after:copy/ide0:intent
[ "${PROFILE_POINTS-}" != all ] || points="$points torn:create:done after:create:done after:attach/boot:done"
for at in $points; do
    killed "${at%%:*}" "${at#*:}" run -c "$conf" --yes "$work/win1.plan"
    is $? 4 "killed at $at"
    [ -n "$(images 303)" ]
    ok $? "its disks are there: $(images 303)"
    run 0 "it is rolled back" rollback
    is "$(images 303)" "" "all of them are gone"
    unchanged "and all is as before"
done
if [ "${PROFILE_POINTS-}" = all ]; then
    killed after create:intent run -c "$conf" --yes "$work/win1.plan"
    run 0 "killed before it was created: resumed" resume --yes
else
    run 0 "it is moved" run -c "$conf" --yes "$work/win1.plan"
fi
says out 'once Windows shows the small disk scsi0' "the report says what follows"
says out 'bootmgfw.efi' "and what to do with the firmware"
is_config 303 "bios: ovmf
boot: order=sata0
cores: 1
efidisk0: local:303/vm-303-disk-0.raw,efitype=4m,size=528K
memory: 256
name: win1
net0: e1000=02:AA:BB:CC:DD:04,bridge=vmbr0
onboot: 0
ostype: win10
sata0: local:303/vm-303-disk-2.raw,size=32M
scsi0: local:303/vm-303-disk-1.raw,size=1G
scsihw: virtio-scsi-single
sockets: 1" "SATA, e1000, an EFI disk, a disk for the driver"
done_testing
