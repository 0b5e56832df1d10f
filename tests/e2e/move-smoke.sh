#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# One whole move: a running VM, password at the source, token at the target, direct route.
. "${top_srcdir:-.}/tests/e2e/lib.sh"
lab_up
source=$(config alpha a1 100 | sed -n 's/^scsi0: \([^,]*\).*/\1/p')
mac=$(config alpha a1 100 | sed -n 's/^net0: virtio=\([^,]*\).*/\1/p')
uuid=$(config alpha a1 100 | sed -n 's/^smbios1: .*uuid=\([^,]*\).*/\1/p')
description=$(config alpha a1 100 | grep '^description:')
is "$(status alpha a1 100)" running "web1 runs at alpha"

run 0 "a dry run says what it would do" move -c "$L/vmferry.conf" -n alpha beta b1 local web1
says out 'Move web1' "it names the VM"
says out 'nothing was changed' "and changes nothing"
is "$(status alpha a1 100)" running "web1 still runs at alpha"

move 0 "web1 is moved" alpha beta b1 local web1
cp "$work/out" "$work/report"
route=direct
[ "$namespaces" ] || route=local
for word in 'job ' 'time ' "route .*a1 -> b1.*$route" 'read ' 'sent ' 'skipped ' 'verified ' 'downtime ' \
    'Copy the disks'; do
    grep -qE "^ .*$word" "$work/report"
    ok $? "the report has: $word"
done
vmid=$(sed -n 's/.*target VM .*VMID \([0-9]*\).*/\1/p' "$work/report")
is "$(status beta b1 "$vmid")" running "it runs at beta"
is "$(status alpha a1 100)" stopped "and is stopped at alpha"
has alpha a1 100 'name: web1--MIGRATED' "the source is renamed"
config alpha a1 100 >"$work/out"
! grep -qx 'onboot: 1' "$work/out"
ok $? "the source does not start at boot"
! grep -q vmferry-job "$work/out"
ok $? "no marker is left at the source"
config beta b1 "$vmid" >"$work/out"
! grep -q vmferry-job "$work/out"
ok $? "nor at the target"
has beta b1 "$vmid" 'name: web1' "the target has the name"
has beta b1 "$vmid" 'onboot: 1' "and starts at boot as the source did"
config beta b1 "$vmid" >"$work/out"
says out "^net0: virtio=$mac,.*bridge=vmbr0" "the MAC is kept"
says out "uuid=$uuid" "so is the UUID"
is "$(grep '^description:' "$work/out")" "$description" "and the description, whatever its characters"
target=$(sed -n 's/^scsi0: \([^,]*\).*/\1/p' "$work/out")
says out "^scsi0: .*discard=on" "and the disk's options"
until_true grep -q 'vmferry guest up' "$L/beta/b1/serial-$vmid.log"
ok $? "the guest boots from its copied disk"
same "$(image alpha a1 "$source")" "$(image beta b1 "$target")" "the disk is the same"
keys_on alpha a1 >"$work/out"
keys_on beta b1 >>"$work/out"
says out operator "the operator's key is on both hosts"
! grep -q vmferry-job "$work/out"
ok $? "no key is left on either host"
left=$(helpers alpha a1)$(helpers beta b1)
is "$left" "" "no helper either"
run 0 "the job is listed" jobs
says out ' done .*web1' "as done"
done_testing
