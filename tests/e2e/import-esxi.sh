#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Whole imports from an ESXi host: by its API, by SSH alone, undone, killed and resumed, refused; a wrong
# password is sent once.
. "${top_srcdir:-.}/tests/e2e/lib.sh"
lab_up
esxi_up
conf=$L/vmferry.conf

# is_config VMID FILE-TEXT TEXT: the configuration at b1, without what is made anew each time
is_config() {
    config beta b1 "$1" | sed -e '/^vmgenid:/d; /^meta:/d; /^smbios1:/d; /^description:/d' |
        LC_ALL=C sort >"$work/got"
    printf '%s\n' "$2" | diff - "$work/got" >"$work/out"
    ok $? "$3"
}

# vm NAME KEY: what the host has of it (lines of its state)
vm() {
    ctl esx1 state | sed -n "/\"name\": \"$1\"/,/\"vmx\"/p" | sed -n "s/^ *\"$2\": \"*\([^\",]*\)\"*,*$/\1/p"
}

# disks VMID VM [NUMBER]: the disks at b1 are those of the host
disks() {
    same "$(image beta b1 "local:$1/vm-$1-disk-0.raw")" "$(vmdk "$2")" "$2: its first disk is the host's"
    [ -z "${3-}" ] ||
        same "$(image beta b1 "local:$1/vm-$1-disk-1.raw")" "$(vmdk "$2" "$3")" "$2: its second disk is the host's"
}

# --- by the API: it runs, has two disks and two cards, and starts with the host
run 0 "what would be done" move -c "$conf" --dry-run --bridge '*=vmbr0' esx1 beta b1 local web-modern
says out 'net1 .*Servers -> vmbr0.*VLAN tag 30' "its VLAN is the port group's"
says out 'disk  scsi0 +64.* MiB, datastore1 \(vmdk\) ->' "what is used of it nobody knows: nothing is said"
says out 'down .*scsi0, scsi1' "its disks are known while it runs"
ctl esx1 fault times 0 status 500 flat
run 0 "a host that opens no disk of a running VM" move -c "$conf" --dry-run --bridge '*=vmbr0' esx1 beta b1 local web-modern
says out 'disk  scsi0 +64.* MiB' "its descriptor is believed until it is shut down"
run 0 "how long that takes" move -c "$conf" --dry-run --forecast --bridge '*=vmbr0' esx1 beta b1 local web-modern
says out '^  time  at least .*, of which it is down for at least ' "is told as far as it is known"
says out '^        how fast its disks are read shows only when it is shut down' "and what is not"
ctl esx1 fault clear
move 0 "import by the API" --bridge '*=vmbr0' esx1 beta b1 local web-modern
says out 'route .*this machine -> b1' "through this machine"
[ -z "$esxi_ssh" ] || says out "agree with the source host's own SHA-256" "compared with what the host says"
disks 101 web-modern 1
is_config 101 "bios: seabios
boot: order=scsi0;scsi1;ide3
cores: 2
cpu: x86-64-v2-AES
ide3: none,media=cdrom
memory: 1024
name: web-modern
net0: virtio=00:50:56:01:02:03,bridge=vmbr0
net1: virtio=00:0C:29:AA:BB:01,bridge=vmbr0,tag=30
onboot: 1
ostype: l26
scsi0: local:101/vm-101-disk-0.raw,cache=writeback,discard=on,iothread=1,size=64M
scsi1: local:101/vm-101-disk-1.raw,cache=writeback,discard=on,iothread=1,size=24M
scsihw: virtio-scsi-single
sockets: 1" "what Proxmox VE was told"
is "$(status beta b1 101)" running "it runs at the target"
is "$(vm web-modern--MIGRATED power)" poweredOff "the source is shut down, and renamed"
is "$(vm web-modern--MIGRATED onboot)" false "and does not start with the host"
ctl esx1 logins >"$work/out"
says out 'wrong 0' "no password was wrong"

# --- how long it would take, measured by reading some of it
ctl esx1 state >"$work/before"
run 0 "a forecast of a VM that is stopped" move -c "$conf" --dry-run --forecast --bridge '*=vmbr0' esx1 beta b1 local old-lenny
says out '^  time  about .* to ' "says how long it takes"
! grep -q 'down for' "$work/out"
ok $? "and is not down for it"
ctl esx1 state | diff "$work/before" - >"$work/out"
ok $? "the host is as it was"

# --- undone: killed while it was copied, then put back
ctl esx1 state >"$work/before"
killed after copy/scsi0:intent move -c "$conf" --yes --bridge '*=vmbr0' esx1 beta b1 local old-lenny
is $? 4 "killed when the copy begins"
run 0 "undone" rollback "$(basename "$(job_dir)")"
ctl esx1 state | diff "$work/before" - >"$work/out"
ok $? "the host is as it was"
! on beta b1 'qm list' | grep -q old-lenny
ok $? "nothing is left at the target"

# --- killed, then gone on with
killed torn copy/scsi0:done move -c "$conf" --yes --bridge '*=vmbr0' esx1 beta b1 local two-stores
is $? 4 "killed when a disk is there"
run 0 "resumed" resume --yes "$(basename "$(job_dir)")"
disks 102 two-stores
same "$(image beta b1 local:102/vm-102-disk-1.raw)" "$L/esx1/volumes/nas 2+50%/two-stores/two-stores_1.vmdk" \
    "two-stores: its second disk is that of the other datastore"
is "$(vm two-stores--MIGRATED power)" poweredOff "two-stores: the source is renamed"

# --- refused
for refused in 'bad-rdm:raw device mapping' 'bad-snapshot:it has snapshots' \
    'bad-nonpersistent:independent-nonpersistent' 'bad-sharedbus:shared with other VMs' \
    'bad-encrypted:encrypted' 'bad-suspended:shut it down there' 'bad-noextent:is missing' \
    'bad-short:cut off' 'bad-question:answer it in' 'bad-template:make a VM of it' '7:register it anew'; do
    run 3 "${refused%%:*} is not moved" move -c "$conf" --yes --bridge '*=vmbr0' esx1 beta b1 local "${refused%%:*}"
    cat "$work/err" >>"$work/out"
    says out "${refused#*:}" "and it is said why"
    ! grep -q 'no disks to copy' "$work/out"
    ok $? "and nothing that is not so"
done
run 3 "a template" import -n -c "$conf" --to beta --node b1 --storage local esx1 bad-template
says out '^ *STOP: esx1: bad-template is a template' "is named once"
run 1 "a VM that is not there" import -n -c "$conf" --to beta --node b1 --storage local esx1 nobody
says err 'esx1 has no VM nobody' "is told"
run 3 "without a bridge" import -n -c "$conf" --to beta --node b1 --storage local esx1 old-lenny
says out "choose one .--bridge 'VM Network=BRIDGE'" "it is said how to choose one"
run 2 "to an ESXi host nothing is moved" move -c "$conf" --yes alpha esx1 esx1 local web1

# --- by SSH alone
if [ "$esxi_ssh" ]; then
    sed 's/^\( *\)type = "esxi";/&\n    way = "ssh";/' "$conf" >"$work/ssh.conf"
    run 0 "import by SSH alone" move -c "$work/ssh.conf" --yes --bridge '*=vmbr0' esx1 beta b1 local hardy
    says out "agree with the source host's own SHA-256" "compared with what the host says"
    # VMware numbers scsi0:2 before scsi0:10, in whatever order its file has them
    same "$(image beta b1 local:103/vm-103-disk-0.raw)" "$(vmdk hardy 1)" "hardy: its first disk is the host's"
    same "$(image beta b1 local:103/vm-103-disk-1.raw)" "$(vmdk hardy)" "hardy: its second disk is the host's"
else
    skip "import by SSH alone" "the host's shell needs namespaces"
fi

# --- a free licence: snapshots go over SSH, when that was agreed to; the source keeps its name
if [ "$esxi_ssh" ]; then
    ctl esx1 licence free
    run 0 "import with a free licence" import --config="$conf" --yes --remove-snapshots --vmid 150 \
        --bridge '*=vmbr0' --to beta --node b1 --storage local esx1 bad-snapshot
    says out 'its snapshots .* are removed at the source' "what becomes of its snapshots was said"
    says out 'the source keeps its notes and its name' "and what of its name"
    is "$(vm bad-snapshot snapshots)" 0 "they are gone"
    same "$(image beta b1 local:150/vm-150-disk-0.raw)" "$(vmdk bad-snapshot)" "bad-snapshot: its disk is the host's"
    ctl esx1 licence full
else
    skip "import with a free licence" "the host's shell needs namespaces"
fi

# --- a wrong password: once
ctl esx1 logins >"$work/logins"
echo wrong >"$work/wrong"
chmod 600 "$work/wrong"
sed "s|secret-file = \".*/esx1/password\"|secret-file = \"$work/wrong\"|" "$conf" >"$work/wrong.conf"
run 1 "with a wrong password nothing is moved" move -c "$work/wrong.conf" --yes esx1 beta b1 local fmt-thin
ctl esx1 logins >"$work/out"
says out 'wrong 1 locked false' "which was sent once"

done_testing
