#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The wizard's plan sheet: conflicts fixed on it, everything set that can be, a plan saved, and a move
# that does what the sheet said; networks that are remembered; several VMs.
. "${top_srcdir:-.}/tests/e2e/lib.sh"
. "${top_srcdir:-.}/tests/e2e/screen.sh"
lab_up
conf=$L/vmferry.conf
ctl alpha set-config 100 net1 "virtio=02:AA:BB:CC:DD:21,bridge=vmbr5,tag=7"
ctl alpha set-config 101 net1 "e1000=02:AA:BB:CC:DD:03,bridge=vmbr5,tag=7"
ctl beta set-config 100 name web1
snapshot "$work/before"

wizard() {
    presses=0
    at_terminal "$vmferry -c $conf" 80 24
}
# instead TEXT: types it instead of what stands there
instead() {
    i=0
    while [ $i -lt 24 ]; do
        keys BSpace
        i=$((i + 1))
    done
    keys -l -- "$1"
    press Enter
}
# choice LABEL: chooses that answer of a question, when it is there: a screen can be seen half drawn
choice() {
    sees " [0-9]  $1" "$1 is an answer"
    press "$(sed -n "s/.* \([0-9]\)  $1.*/\1/p" "$work/out" | head -n 1)" Enter
}
# to VM: to the plan's page of that VM on b1
to() {
    sees 'Move VMs' "the first page"
    press Enter
    sees '> alpha' "clusters"
    press Enter
    sees 'web1.* 100 ' "VMs"
    press /
    keys -l "$1"
    press Enter
    sees '> beta' "the target"
    press Enter
    sees '> b1' "its nodes"
    press Enter
    sees '> local' "its storages"
    press Enter
}

# --- one VM, all of it
wizard
to web1
sees '> Network .*vmbr5 tag 7 +-> \?' "a network that is not there has the focus"
sees '\*STOP' "and is marked"
press Enter
sees 'vmbr5 tag 7: to which bridge' "which bridge"
press /
keys -l vmbr1
press Enter
sees 'vmbr5 tag 7 +-> vmbr1 tag 7' "is answered"
sees '> VM +\*STOP +web1' "a name that is taken has the focus then"
sees 'VM 100 at beta has this name' "which is said"
press Enter
sees 'What is it to be called' "another name"
keys -l -- -new
press Enter
sees 'VM +web1-new' "is taken"
press Down Down Down Down
sees '> Network +vmbr0 tag 20' "a network"
press Enter
sees 'Card net0' "has cards"
press End Enter
sees 'Network card net0' "each of which can be set"
press Down Down Enter
sees 'a new one' "its MAC address"
choice 'a new one'
sees 'MAC address +another one: ([0-9A-F]{2}:){5}[0-9A-F]{2}' "becomes a new one"
mac=$(sed -n 's/.*another one: \([0-9A-F:]*\).*/\1/p' "$work/out")
press Escape
sees 'vmbr0 tag 20: to which' "back"
press Escape
sees 'Network .*other MAC' "which the plan says"
press Up Enter
sees 'Disk scsi0, 1.0 GiB' "a disk"
press Enter
sees '> local .*dir' "its storage"
press /
keys -l shared
press Enter
sees 'Storage +shared' "becomes another"
press Down Enter
sees 'In which format' "its format"
choice raw
sees 'Format +raw' "too"
press Down Enter
sees 'Where is it to be attached' "its bus"
choice virtio0
sees 'Bus +virtio0' "too"
press Escape
sees 'Disk scsi0.*-> shared raw, as virtio0' "all in the plan"
sees 'Start +move web1 now \((nothing|warnings)' "nothing stops it any more"
press s
sees 'In which file' "it can be saved"
instead "$work/web1.plan"
sees 'The plan was saved' "and is"
press Enter
run 0 "a plan that can be checked" check -c "$conf" "$work/web1.plan"
says out 'web1-new' "with what was set"
unchanged "nothing was changed so far"
press Home Enter
sees 'Move web1 now' "the start is asked about"
press Enter
sees 'Ready to shut down web1' "it runs until somebody says so"
is "$(status alpha a1 100)" running "which it does"
press 1 Enter
sees 'Report: web1, alpha -> beta/b1: done' "it is moved"
press q
sees 'exit=0' "done"
echo "# $presses keys beside what was typed"
config beta b1 101 >"$work/out"
says out '^name: web1-new$' "it has its new name"
says out "^net0: virtio=$mac,bridge=vmbr0.*tag=20" "the new address, which the sheet showed"
says out '^net1: virtio=02:AA:BB:CC:DD:21,bridge=vmbr1.*tag=7' "the chosen bridge"
says out '^virtio0: shared:101/vm-101-disk-0.raw' "its disk where it was to be"
is "$(status beta b1 101)" running "it runs there"
same "$(image alpha a1 local:100/vm-100-disk-0.qcow2)" "$(image beta b1 shared:101/vm-101-disk-0.raw)" \
    "with the same content"

# --- what is remembered; several
snapshot "$work/before"
wizard
to db1
sees 'vmbr5 tag 7 +-> vmbr1 tag 7' "where a network went is proposed"
sees '> Start' "so that nothing is left to be answered"
sees 'Start +move db1 now \([nw]' "nor stops it"
for page in storage node cluster; do
    press Escape
    sees "To which $page" "back to the $page"
done
press Escape
sees 'filter: db1' "the VMs"
press /
press Escape
sees 'old1' "all of them"
press Space Down Space
sees '2 (VMs )?(are )?marked|2 VMs' "two are marked"
press Enter
for row in beta b1 local; do
    sees "> $row" "to $row"
    press Enter
done
sees '2 VMs -> beta/b1' "two of them"
sees 'db1 .*stopped, disks: 2' "each with how it stands"
sees 'vmbr5 tag 7 +-> vmbr1 tag 7' "and networks once for all"
press q
sees 'Leave vmferry' "leaving"
press 2 Enter
sees 'exit=0' "is done"
unchanged "nothing was changed"
done_testing
