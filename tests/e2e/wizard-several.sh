#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Three VMs with two network cards each, by keys alone: marked, one network changed for all, one of them
# running: its word is waited for, what it has written meanwhile is copied again, then it goes down.
. "${top_srcdir:-.}/tests/e2e/lib.sh"
. "${top_srcdir:-.}/tests/e2e/screen.sh"
lab_up
conf=$L/vmferry.conf
ctl alpha set-config 102 net1 'virtio=02:AA:BB:CC:DE:02,bridge=vmbr1'
ctl alpha set-config 107 net0 'virtio=02:AA:BB:CC:DE:06,bridge=vmbr0'
ctl alpha set-config 107 net1 'virtio=02:AA:BB:CC:DE:07,bridge=vmbr1'
raw=$(image alpha a1 "$(config alpha a1 101 | sed -n 's/^scsi0: \([^,]*\).*/\1/p')")
printf '\1' | dd of="$raw" bs=1 seek=3 conv=notrunc status=none
on alpha a1 'qm start 101' # its guest writes all the time

at_terminal "$vmferry -c $conf" 80 24
sees '> Move VMs' "the first page"
keys Enter
sees '> alpha' "the source"
keys Enter
sees 'allthings' "its VMs"
for vm in clone1 db1 old1; do
    down_to "$vm " "$vm" # in the order of the list
    keys Space
done
sees '3 marked' "three are marked"
keys Enter
sees 'To which cluster' "they go to one cluster"
keys Enter
sees 'To which node' "one node"
keys Enter
sees 'To which storage' "one storage"
keys Enter
sees 'Are these right' "each has a plan"
sees 'vmbr1 +-> vmbr1' "with the networks of all"
sees_no 'checking' "once they are checked"
down_to 'vmbr1 +-> ' "each has a row"
keys Enter
sees 'ridge' "one of which is changed"
keys /
keys -l vnet10
keys Enter
sees 'vmbr1 +-> vnet10' "for all of them"
sees_no 'checking' "which are checked again"
keys Home Enter
sees 'Move these 3' "the start is asked about"
keys 1 Enter
sees 'db1' "all are followed"
sees 'a answer' "one asks for a word"
keys a
sees 'Ready to shut down db1' "the one that runs"
sees '4  copy what has changed' "what it has written since can be copied"
keys 4 Enter
sees 'copied again .* ago' "which is done while it runs"
is "$(status alpha a1 101)" running "still"
keys 1 Enter
all_moved() {
    [ "$("$vmferry" jobs | grep -cE ' (done|moved) ')" = 3 ]
}
until_true all_moved
"$vmferry" jobs >"$work/out" 2>&1
is "$(grep -cE ' (done|moved) .*(clone1|db1|old1)' "$work/out")" 3 "all three are moved"
for vm in clone1 db1 old1; do
    id=$(ctl beta requests | sed -n 's/.*"path":"\/nodes\/b1\/qemu\/\([0-9]*\)\/config".*/\1/p' | sort -u |
        while read -r i; do config beta b1 "$i" 2>/dev/null | grep -q "^name: $vm\$" && echo "$i"; done)
    config beta b1 "$id" >"$work/out"
    says out '^net0: .*bridge=vmbr0' "$vm: the first card is on its network"
    says out '^net1: .*bridge=vnet10' "and the second on the changed one"
    [ $vm = db1 ] && is "$(status beta b1 "$id")" running "it runs"
    [ $vm != old1 ] || same "$(image alpha a2 "$(config alpha a2 102 | sed -n 's/^ide0: \([^,]*\).*/\1/p')")" \
        "$(image beta b1 "$(sed -n 's/^ide0: \([^,]*\).*/\1/p' "$work/out")")" "with its disk"
done
done_testing
