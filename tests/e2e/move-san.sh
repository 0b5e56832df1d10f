#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# A storage whose files are read on another host than the VM's node, under a path of its own there.
. "${top_srcdir:-.}/tests/e2e/lib.sh"
lab_up
[ "$namespaces" ] || {
    echo "1..0 # SKIP without namespaces all nodes are one host"
    exit 0
}
conf=$L/vmferry.conf
other=$(sed -n 's/.*name = "a2"; address = "\([^"]*\)".*/\1/p' "$conf")
good=$work/good.conf
cp "$conf" "$good"

# storage PATH: the configuration with storage "shared" of alpha held by a2
storage() {
    awk -v s="    storages = ( { name = \"shared\"; address = \"$other\"; path = \"$1\"; } );" \
        '{ print } /name = "alpha"/ { print s }' "$good" >"$conf"
    chmod 600 "$conf"
}

# db1 with a disk on each storage cannot be read on one host
storage /mnt/pve/shared
snapshot "$work/before"
move 1 "disks that no one host reaches are refused" alpha beta b1 local db1
says err 'different ssh hosts' "with the reason"
unchanged "and nothing is changed"

ctl alpha set-config 101 scsi0 -
ctl alpha set-config 101 boot 'order=scsi1;net0'
storage /nosuch
snapshot "$work/before"
move 1 "a wrong path ends the move" alpha beta b1 local db1
says err '/nosuch/images/101' "and is named"
unchanged "and everything is put back"

storage /mnt/pve/shared
from=$(config alpha a1 101 | sed -n 's/^scsi1: \([^,]*\).*/\1/p')
move 0 "the disk is read where the configuration says" alpha beta b1 local db1
says out "route +$other -> b1 direct" "on the other host"
id=$(sed -n 's/.*target VM .*VMID \([0-9]*\).*/\1/p' "$work/out")
to=$(config beta b1 "$id" | sed -n 's/^scsi1: \([^,]*\).*/\1/p')
same "$(image alpha a1 "$from")" "$(image beta b1 "$to")" "and is the same"
done_testing
