#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# What is one although it has two names (clusters, storages), and what looks alike although it is two
# (names, MAC addresses, UUIDs). Nothing that a job did not make is written or freed.
. "${top_srcdir:-.}/tests/e2e/lib.sh"
lab_up
conf=$L/vmferry.conf

# --- one cluster under two names
cp "$conf" "$work/good.conf"
entry=$(sed -n '/name = "alpha"/,/^  }/p' "$conf" | sed -E '$s/,$//' | sed 's/name = "alpha"/name = "again"/')
sed -E '$d' "$conf" | sed -E '$s/,?$/,/' >"$work/three.conf"
printf '  {\n%s\n);\n' "$entry" >>"$work/three.conf"
cp "$work/three.conf" "$conf"
chmod 600 "$conf"
snapshot "$work/before"
move 3 "the same cluster under another name stops" alpha again a2 local old1
says out 'STOP: old1: source and target are the same cluster' "and is recognised"
says out 'ignore-exists' "with the way around"
! grep -q 'has this name already' "$work/out"
ok $? "the VM itself is no VM of the same name"
unchanged "nothing was changed"
move 3 "its own VMID is taken" --ignore-exists --vmid 102 alpha again a2 local old1
says out 'STOP.*VMID 102 is' "and said so"
move 0 "with --ignore-exists it is moved inside the cluster" --ignore-exists --bridge vmbr0=vmbr1 \
    alpha again a1 shared old1
says out 'never start the source again beside it|same addresses' "and warned"
id=$(on alpha a1 'qm list' | awk '$2 == "old1" {print $1}')
is "$(on alpha a1 'qm list' | grep -c 'old1$\|old1 ')" 1 "the new VM has the name"
has alpha a2 102 'name: old1--MIGRATED' "the old one another"
same "$(image alpha a2 local:102/vm-102-disk-0.raw)" "$(image alpha a1 "shared:$id/vm-$id-disk-0.raw")" \
    "both have the same disk"
move 0 "and on one node" --ignore-exists --skip-start alpha again a1 local big1
cp "$work/good.conf" "$conf"

# --- names
ctl beta set-config 100 name db1
move 3 "a VM of the same name at the target stops" -n alpha beta b1 local db1
run 0 "unless told so" move -c "$conf" -n --ignore-exists alpha beta b1 local db1
says out 'warning: db1: VM 100 at beta has this name already' "then it is a warning"
ctl beta set-config 100 name mon

# --- addresses
net=$(config beta b1 100 | sed -n 's/^net0: //p')
ctl beta set-config 100 net0 'virtio=02:aa:bb:cc:dd:01,bridge=vmbr0,tag=20'
move 3 "a running VM with the same MAC in the same network stops" alpha beta b1 local web1
says out 'STOP: net0: VM 100 \(mon\) runs at beta with the same MAC address 02:AA:BB:CC:DD:01' "by name"
says out 'mac new' "with the cure"
run 0 "the cure works" move -c "$conf" -n --mac new alpha beta b1 local web1
! grep -q 'same MAC' "$work/out"
ok $? "and nothing is said"
run 0 "on another bridge" move -c "$conf" -n --bridge vmbr0=vmbr1 alpha beta b1 local web1
says out 'warning: net0: VM 100' "it is a warning"
run 0 "with another VLAN tag" move -c "$conf" -n --vlan vmbr0.20=21 --vlan '*=7' --vlan vmbr9=2 alpha beta b1 local web1
says out 'net0 .*vmbr0.*VLAN tag 21' "which the card gets"
says out 'warning: net0: VM 100' "it is one, too"
says out 'warning: vmbr9=2: .*no network card on that bridge' "a rule for none is told of"
run 0 "so is it when this one is not started" move -c "$conf" -n --skip-start alpha beta b1 local web1
says out 'warning: net0: VM 100' "which is said"
ctl beta set-config 100 net0 'virtio=02:aa:bb:cc:dd:01,bridge=vmbr0,tag=20,link_down=1'
run 0 "so is it when the other's card is disconnected" move -c "$conf" -n alpha beta b1 local web1
says out 'warning: net0: VM 100 \(mon\) runs' "which is said, too"
ctl beta set-config 100 net0 'virtio=02:aa:bb:cc:dd:02,bridge=vmbr0'
run 0 "and of a VM that does not run, so will not there" move -c "$conf" -n alpha beta b1 local db1
says out 'warning: net0: VM 100 \(mon\) runs' "likewise"
ctl beta set-config 100 net0 "$net"
ctl beta set-config 100 smbios1 'uuid=18C0567F-66FA-4F7F-BC36-FCDF9F847971'
run 0 "a VM with the same UUID" move -c "$conf" -n alpha beta b1 local web1
says out 'warning: smbios1: VM 100 \(mon\) at beta has the same UUID' "is a warning"

# --- one storage in both clusters, by what the APIs say
for c in alpha beta; do
    ctl $c set-storage shared type nfs
    ctl $c set-storage shared server 10.9.8.7
    ctl $c set-storage shared export /export/vms
done
ctl beta set-storage shared export /export/vms/
snapshot "$work/before"
move 3 "on one NFS export a VMID of the source stops" --vmid 103 alpha beta b1 shared db1
says out 'STOP: shared: both clusters have this storage, and VMID 103 is in use at alpha' "and why"
unchanged "nothing was changed"
move 0 "without one a number is taken that neither uses" --skip-start alpha beta b1 shared db1
id=$(on beta b1 'qm list' | awk '$2 == "db1" {print $1}')
ctl alpha dump | grep -q "^  \"$id\": {" && [ -n "$id" ]
is $? 1 "which is $id"
move 0 "a migration takes such a number too" --method=remote-migrate alpha beta b1 shared old1
id=$(on beta b1 'qm list' | awk '$2 == "old1" {print $1}')
ctl alpha dump | grep -q "^  \"$id\": {" && [ -n "$id" ]
is $? 1 "which is $id"
ctl beta set-storage shared export /other
run 0 "another export is another storage" move -c "$conf" -n --vmid 103 alpha beta b1 shared stubborn

# --- one directory in both, which only the hosts can see
for c in alpha beta; do
    for k in type server export; do ctl $c set-storage shared $k -; done
done
if [ "$namespaces" ] && on beta b1 "mount --bind '$L/alpha/storage/shared' /mnt/pve/shared"; then
    snapshot "$work/before"
    move 1 "in one directory a VMID of the source ends the move" --vmid 104 alpha beta b1 shared stubborn
    says err 'VMID 104 is in use at alpha, which has the same storage' "before anything is made"
    unchanged "and everything is put back"
    on beta b1 'umount /mnt/pve/shared'
else
    skip "one directory in both clusters" "no mounts of a node's own"
fi

# --- what is there already is neither written nor freed
mkdir -p "$L/beta/b1/vz/images/150"
for f in raw qcow2; do
    echo "somebody else's" >"$L/beta/b1/vz/images/150/vm-150-disk-0.$f"
done
move 0 "a volume of that name that nobody refers to" --vmid 150 --skip-start alpha beta b1 local web1
is "$(cat "$L/beta/b1/vz/images/150/vm-150-disk-0.qcow2")" "somebody else's" "is left alone"
has beta b1 150 "$(config beta b1 150 | grep '^scsi0: local:150/vm-150-disk-1.qcow2')" "the next number is taken"

# --- a volume that somebody puts in the place of ours is neither written nor freed
theirs=$L/alpha/a2/vz/images/160/vm-160-disk-1.qcow2
rm -rf "$XDG_STATE_HOME"
killed after copy/scsi0:intent move -c "$conf" --yes --vmid 160 beta alpha a2 local db1
qemu-img create -q -f qcow2 "$work/theirs" 1M
cp "$work/theirs" "$work/put" && mv "$work/put" "$theirs"
run 3 "resume stops" resume --yes
says out 'vm-160-disk-1.qcow2: this volume for scsi1 has another size or format now' "it is not written"
run 5 "to go back, a person is needed" rollback
says out 'no longer the one this job made: it is left alone' "nor freed, and that is said"
cmp -s "$work/theirs" "$theirs"
ok $? "it is as it was put there"
has beta b1 "$(on beta b1 'qm list' | awk '$2 == "db1" {print $1}')" 'name: db1' "the source has its name"
done_testing
