#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Moves between clusters of every version of the API, and from an old one to a new one and back. That no
# request has what its version does not know is checked at the end of each.
. "${top_srcdir:-.}/tests/e2e/lib.sh"

# between VERSIONS: a lab of these; its web1 runs, its db1 has settings that not all versions know
between() {
    lab_up --api-version "$1"
    disk=$(config alpha a1 101 | sed -n 's/^scsi0: \([^,]*\),.*/\1/p')
    ctl alpha set-config 101 scsi0 "$disk,aio=io_uring,discard=on,iothread=1,ro=1,size=64M,ssd=1"
    ctl alpha set-config 101 net1 "e1000e=02:AA:BB:CC:DD:03,bridge=vmbr1,mtu=1400"
    ctl alpha set-config 101 affinity 0-1
    ctl alpha set-config 101 allow-ksm 0
    ctl alpha set-config 101 machine q35,viommu=intel
    ctl alpha set-config 101 ostype win11
}
# moved TEXT: both VMs
moved() {
    move 0 "$1: a running VM is moved" alpha beta b1 local web1
    id=$(sed -n 's/.*target VM .*VMID \([0-9]*\).*/\1/p' "$work/out")
    is "$(status beta b1 "$id")" running "and runs"
    move 0 "$1: so is one with settings that not all versions know" --vmid 777 \
        alpha beta b1 local db1
    cp "$work/out" "$work/moved"
    config beta b1 777 >"$work/out"
}
# ended: nothing was refused; the next lab takes the place of this one
ended() {
    no_violations
    "$lab" down --dir "$L" >/dev/null 2>&1
    mkdir -p "$L"
    rm -rf "$XDG_STATE_HOME"
}

for version in 6.4 7.4 9.2; do
    between "$version"
    moved "$version"
    case $version in
    6.4)
        cp "$work/out" "$work/saved"
        move 3 "6.4 does not migrate between clusters" --method=remote-migrate alpha beta b1 local old1
        says out 'STOP: beta: it runs Proxmox VE 6.4, and migration between clusters needs 7.3' \
            "which is said"
        cp "$work/saved" "$work/out"
        says out '^ostype: win10$' "6.4 gets the nearest it knows"
        says out '^net1: e1000=.*mtu=1400' "also for a card"
        says out '^machine: q35$' "or a part less"
        says out '^scsi0: .*discard=on,iothread=1,.*ssd=1' "a disk keeps what it can"
        ! grep -qE '^(affinity|allow-ksm)|io_uring|ro=1' "$work/out"
        ok $? "and loses what it cannot"
        cp "$work/moved" "$work/out"
        says out 'affinity: 0-1.*Proxmox VE 6.4 does not know it' "which is said before and after"
        says out 'scsi0: aio=io_uring.*does not know' "for disks too"
        ;;
    7.4)
        says out '^ostype: win11$' "7.4 knows more"
        says out '^scsi0: .*aio=io_uring.*ro=1' "and more"
        says out '^machine: q35$' "but not all"
        ;;
    9.2)
        for line in 'ostype: win11' 'allow-ksm: 0' 'machine: q35,viommu=intel'; do
            says out "^$line\$" "9.2 knows $line"
        done
        ;;
    esac
    ended
done

between alpha=6.4,beta=9.2
ctl alpha set-config 101 affinity -
ctl alpha set-config 101 scsi1 "$(config alpha a1 101 | sed -n 's/^scsi1: //p'),cyls=10"
moved "6.4 to 9.2"
says out '^ostype: win11$' "what only the new one knows stays"
! grep -q cyls "$work/out"
ok $? "what only the old one knows goes"
cp "$work/moved" "$work/out"
says out 'scsi1: cyls=10.*Proxmox VE 9.2 does not know it' "and is said"
tpm=local:100/vm-100-disk-9.raw
truncate -s 4M "$(image beta b1 $tpm)"
ctl beta set-config 100 tpmstate0 "$tpm,size=4M,version=v2.0"
move 3 "a VM with a TPM is not moved to 6.4" beta alpha a1 local 100
says out 'note: alpha: it runs Proxmox VE 6.4, older than the source' "an older target is told"
says out 'STOP: mon: tpmstate0: the target.*6.4 does not know it: .*choose a newer target' "with the cure"
ctl beta requests | grep -q '"elsewhere":"6.4: [^"]*allow-ksm'
ok $? "the lab says what another version would have refused"
done_testing
