#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Stopped VMs: two disks in two formats with all their options, raw, other formats, options of move.
. "${top_srcdir:-.}/tests/e2e/lib.sh"
lab_up

vmid_of() {
    sed -n 's/.*target VM .*VMID \([0-9]*\).*/\1/p' "$work/report"
}
volume() { # CLUSTER NODE VMID SLOT
    config "$1" "$2" "$3" | sed -n "s/^$4: \([^,]*\).*/\1/p"
}

# every option that a disk and a card can have must arrive
disk=$(config alpha a1 101 | sed -n 's/^scsi0: \([^,]*\),.*/\1/p')
ctl alpha set-config 101 scsi0 "$disk,aio=threads,backup=0,cache=none,discard=on,iops_rd=100,iops_rd_max=200,iops_wr=50,iothread=1,mbps_rd=10,mbps_wr=20.5,replicate=0,ro=0,serial=S3R1AL,size=64M,ssd=1,werror=stop"
ctl alpha set-config 101 net0 "virtio=02:AA:BB:CC:DD:02,bridge=vmbr0,firewall=1,mtu=1400,queues=2,rate=12.5,tag=7,trunks=2;3;10-20"
db=$(config alpha a1 101)
for slot in scsi0 scsi1; do
    eval "from_$slot=$(volume alpha a1 101 $slot)"
done
move 0 "a stopped VM with two disks is moved by its VMID" alpha beta b2 local 101
cp "$work/out" "$work/report"
id=$(vmid_of)
is "$(status beta b2 "$id")" stopped "it stays stopped"
for slot in scsi0 scsi1; do
    eval "from=\$from_$slot"
    to=$(volume beta b2 "$id" $slot)
    same "$(image alpha a1 "$from")" "$(image beta b2 "$to")" "$slot is the same"
    options=$(echo "$db" | sed -n "s/^$slot: [^,]*,//p")
    is "$(config beta b2 "$id" | sed -n "s/^$slot: [^,]*,//p")" "$options" "$slot keeps its options"
    is "${to##*.}" "${from##*.}" "and its format"
done
for key in net0 net1 boot cores memory ostype scsihw tags; do
    is "$(config beta b2 "$id" | grep "^$key:")" "$(echo "$db" | grep "^$key:")" "$key is the same"
done
n=$(grep -c '^  .*read back from the disk and compared' "$work/report")
is "$n" 2 "the report says how each disk was verified"

from=$(volume alpha a2 102 ide0)
move 0 "raw becomes qcow2 when asked" --format qcow2 --vmid 777 --bridge 'vmbr0=vmbr1' --mac new \
    alpha beta b1 shared old1
to=$(volume beta b1 777 ide0)
is "${to##*.}" qcow2 "its disk is qcow2"
is "${to%%:*}" shared "on the storage that was named"
same "$(image alpha a2 "$from")" "$(image beta b1 "$to")" "with the same content"
config beta b1 777 >"$work/out"
says out '^net0: .*bridge=vmbr1' "on the other bridge"
old=$(config alpha a2 102 | sed -n 's/^net0: [^=]*=\([^,]*\).*/\1/p')
! grep -q "$old" "$work/out"
ok $? "with another MAC"
done_testing
