#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Disks that are more than one file of raw or qcow2: a linked clone, a vmdk.
. "${top_srcdir:-.}/tests/e2e/lib.sh"
lab_up

vmid_of() {
    sed -n 's/.*target VM .*VMID \([0-9]*\).*/\1/p' "$work/out"
}
volume() { # CLUSTER NODE VMID SLOT
    config "$1" "$2" "$3" | sed -n "s/^$4: \([^,]*\).*/\1/p"
}
images=$L/alpha/a1/vz/images

# --- a linked clone
run 0 "a linked clone" move -c "$L/vmferry.conf" -n alpha beta b1 local clone1
says out 'note: scsi0: it is a linked clone: .* whole disk' "is told to become a whole disk"
says out 'copy  about 64 MiB' "and what its template holds counts"
run 3 "by Proxmox's own migration it" move -c "$L/vmferry.conf" -n --method remote-migrate alpha beta b1 local clone1
says out 'STOP: scsi0: a linked clone' "does not go"
snapshot "$work/before"
mv "$images/104/base-104-disk-0.qcow2" "$work/base"
move 1 "without its template's disk the move ends" alpha beta b1 local clone1
says err 'base-104-disk-0.qcow2, which cannot be read' "and that file is named"
mv "$work/base" "$images/104/base-104-disk-0.qcow2"
unchanged "and everything is put back"
for format in raw qcow2; do
    move 0 "a linked clone is moved to $format" --ignore-exists --format $format alpha beta b1 local clone1
    id=$(vmid_of)
    to=$(image beta b1 "$(volume beta b1 "$id" scsi0)")
    same "$images/107/vm-107-disk-0.qcow2" "$to" "it has all that the clone has"
    ! qemu-img info -U "$to" | grep -q backing
    ok $? "and rests on nothing"
    ctl alpha set-config 107 name clone1
done

# --- vmdk
qemu-img convert -f raw -O vmdk "$L/alpha/a2/vz/images/102/vm-102-disk-0.raw" \
    "$L/alpha/a2/vz/images/102/vm-102-disk-0.vmdk"
ctl alpha set-config 102 ide0 local:102/vm-102-disk-0.vmdk,size=32M
move 0 "a vmdk is moved" alpha beta b2 local old1
to=$(volume beta b2 "$(vmid_of)" ide0)
is "${to##*.}" raw "it is raw there"
same "$L/alpha/a2/vz/images/102/vm-102-disk-0.raw" "$(image beta b2 "$to")" "with the same content"
done_testing
