#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Each check of what the clusters tell: a healthy one is silent, and what is made wrong is found under
# the name that vmferry-checks(7) has for it.
. "${top_srcdir:-.}/tests/e2e/lib.sh"
lab_up
conf=$L/vmferry.conf

# look ARGUMENT...: a dry run; its findings, one a line, in $work/found
look() {
    "$vmferry" move -c "$conf" -n --progress=json "$@" >"$work/out" 2>"$work/err" </dev/null
    code=$?
    tr '{' '\n' <"$work/out" | grep '"severity"' >"$work/found"
}
# finds CHECK SEVERITY PATTERN TEXT: once, and so
finds() {
    grep "\"check\": *\"$1\"" "$work/found" >"$work/err"
    grep -q "\"severity\": *\"$2\".*$3" "$work/err"
    ok $? "$1 ($2): $4"
}
# names: of the checks that found something
names() {
    sed -n 's/.*"check": *"\([^"]*\)".*/\1/p' "$work/found" | sort -u | tr '\n' ' '
}

look alpha beta b1 local db1
is "$code $(names)" "0 pool settings " "nothing is wrong with a stopped VM: its pool and vmgenid are told"
look alpha beta b1 local web1
is "$code $(names)" "0 cd-rom pool settings " "nor with a running one: its medium, too"

# --- network, processor, names, tasks, agent: all at once
ctl alpha set-config 101 net0 'virtio=02:AA:BB:CC:DD:02,bridge=vmbr1,mtu=9000,trunks=5;6'
ctl alpha set-config 101 net1 'virtio=02:AA:BB:CC:DD:03,bridge=vnet10,tag=7'
ctl alpha set-config 101 machine pc-q35-99.0+pve1
ctl alpha set-config 101 cpu custom-mine
ctl alpha set-config 101 cores 64
ctl alpha set-config 102 name db1--MIGRATED
ctl alpha extra replication '[{"id":"101-0","type":"local","guest":101,"target":"a2"}]'
ctl alpha task vzdump 101
ctl alpha set-config 101 memory 9000000
ctl alpha set-config 101 description 'vmferry-job: 20200101-000000-abcdef'
ctl beta extra bridges.vmbr1 '{"mtu":"1500"}'
ctl beta extra bridges.vnet10 '{"absent":1}'
ctl beta set-config 100 name db1--CLONING
look alpha beta b1 local db1
is $code 3 "much is wrong now"
finds vlan stop 'net0.*vmbr1 of b1 is not VLAN-aware.*trunks 5;6' "trunks on a bridge that takes none"
finds vlan stop 'net1.*vnet10 of b1 is not VLAN-aware.*VLAN tag 7' "a tag on such a VNet"
finds vnet stop 'net1.*vnet10 is configured at beta, but not there on node b1' "a VNet that is not applied"
finds mtu stop 'net0.*MTU of 9000.*vmbr1 of b1 one of 1500' "a larger MTU than the bridge's"
finds machine stop 'pc-q35-99.0+pve1 is newer than the QEMU of node b1.*newest is pc-q35-7.2' "a machine"
finds cpu-type stop 'no processor type custom-mine' "a model of the source cluster's own"
finds cpus stop '64 processors and the node 8' "more processors than the node"
finds memory warning '8.6 TiB of memory, the node has' "more memory than the node has free"
finds claimed stop 'job 20200101-000000-abcdef is moving this VM' "a VM that another job moves"
finds leftover-names warning 'db1--MIGRATED.*what another move' "what a move left at the source"
finds unfinished-move warning 'db1--CLONING.*moved away' "a VM that is being moved away at the target"
finds running-task stop 'a task runs about this VM on a1 .vzdump' "a backup that runs"
finds replication warning 'copies the same disks to a2' "replication"
grep -q '"fix": *"suspend-replication"' "$work/found"
ok $? "with its fix"
ctl alpha fault go
ctl alpha extra replication '[{"id":"101-0","type":"local","guest":101,"target":"a2","disable":1}]'
ctl alpha set-config 101 cores 2
ctl alpha set-config 101 memory 1024
ctl alpha set-config 101 description -
ctl alpha set-config 101 net0 'virtio=02:AA:BB:CC:DD:02,bridge=vmbr1,mtu=1500'
ctl alpha set-config 101 net1 'virtio=02:AA:BB:CC:DD:03,bridge=vnet10,tag=7'
ctl alpha set-config 101 machine pc-i440fx-1.0
ctl alpha set-config 101 cpu x86-64-v4
ctl alpha set-config 102 name old1
ctl beta set-config 100 name db1--MIGRATED
ctl beta extra bridges.vnet10 '{"vlanaware":1}'
ctl beta extra nodes.b1.cpu '"AMD EPYC 7302"'
task_ended() {
    look --skip-start alpha beta b1 local db1
    ! grep -q running-task "$work/found"
}
until_true task_ended
is $code 0 "with --skip-start what only a start minds does not stop"
finds machine warning 'QEMU of node b1 has pc-i440fx-1.0 no longer' "a machine that is too old"
finds cpu-flags warning 'lacks what x86-64-v4 promises.*avx512f' "what the processor cannot do"
finds unfinished-move info 'moved away from there once' "a VM that was moved away"
is "$(names)" "cpu-flags machine not-carried pool settings unfinished-move " "and no more than that"
ctl alpha set-config 101 cpu host
ctl alpha set-config 101 machine pc-q35-7.2
look alpha beta b1 local db1
finds cpu-model info 'now Intel.*, then AMD EPYC' "another processor under a VM that sees it"
ctl alpha set-config 101 cpu x86-64-v2-AES
ctl beta extra nodes.b1.cpu -
look alpha beta b1 local db1
is "$(names)" "not-carried pool settings unfinished-move " "machine, processor and cards that the node has are not told"

# --- storages
ctl beta set-space small 100000000
ctl beta set-storage small type lvm
look --format raw alpha beta b1 small db1
finds room stop 'small.*320 MiB when they are made.*95 MiB free' "no room on a storage that gives nothing it does not have"
if [ "$namespaces" ]; then
    ctl beta set-storage small type rbd
    ctl beta set-space small 13000000
    look alpha beta b1 small old1
    finds ceph-full warning 'small.*it is 9[01] % full.*nearfull' "a Ceph that will be nearly full"
    ctl beta set-space small 9000000
    look alpha beta b1 small old1
    finds ceph-full stop 'small.*it would be 9[5-9] % full' "one that would stop every write"
else
    skip "a Ceph that will be nearly full" "without namespaces the storage is as large as this machine's disk"
fi
ctl beta set-storage small type -
ctl beta set-space small real

# --- what has no disks, and what is no VM to be moved
ctl alpha set-config 102 boot -
disk=$(config alpha a2 102 | sed -n 's/^ide0: //p')
ctl alpha set-config 102 ide0 -
look alpha beta b1 local old1
finds no-disks warning 'no disks to copy' "a VM without disks"
ctl alpha set-config 102 ide0 "$disk"
look alpha beta b1 local golden
finds movable stop 'template' "a template"
look alpha beta b1 nosuch old1
finds storage stop 'no such storage' "a storage that is not there"
ctl alpha set-config 102 name 'old1--MIGRATED'
look alpha beta b1 local 102
finds source-name stop 'the name says that it was moved already' "a VM that was moved"

# --- the guest's agent
ctl alpha set-config 100 agent 1
look alpha beta b1 local web1
finds guest-agent warning 'does not answer' "an agent that is switched on and not there"
ctl alpha extra vms.100.agent true
look alpha beta b1 local web1
is "$(names)" "cd-rom pool settings " "one that answers is not told"
done_testing
