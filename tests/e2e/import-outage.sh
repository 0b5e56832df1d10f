#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Imports whose target's host stays away for longer than is ridden out, in the middle of a copy: of a VM that ran
# at its ESXi host, where it is started again meanwhile; IMPORT_OUTAGE=all: and of exported files.
VMFERRY_TEST_HASTE=20
VMFERRY_TEST_OUTAGE=1
export VMFERRY_TEST_HASTE VMFERRY_TEST_OUTAGE
. "${top_srcdir:-.}/tests/e2e/lib.sh"
lab_up
esxi_up
[ "$namespaces" ] || {
    skip "a host goes away" "all nodes of this lab are one host"
    done_testing
}
no_violations() {
    [ "$count" != "${skipped-}" ] || return 0 # nothing was asked
    ctl beta requests >"$work/requests"
    [ -s "$work/requests" ] && ! grep '"violation":"' "$work/requests" >"$work/out"
    ok $? "no wrong parameter was in any request"
}
# vm NAME KEY: what the host has of it (lines of its state)
vm() {
    ctl esx1 state | sed -n "/\"name\": \"$1\"/,/\"vmx\"/p" | sed -n "s/^ *\"$2\": \"*\([^\",]*\)\"*,*$/\1/p"
}
# cut ARGUMENT…: an import that has copied something; then sshd of the target's host is gone. The job is paused
# first, so that it cannot come to its end.
copied() {
    grep -q '"disk":"scsi0"[^}]*"committed":[1-9]' "$work/out"
}
cut() {
    rm -rf "$XDG_STATE_HOME"
    empty out
    "$vmferry" "$@" -c "$L/vmferry.conf" --yes --progress=json --bwlimit 16 --skip-start --bridge '*=vmbr0' \
        >"$work/out" 2>"$work/err" </dev/null &
    front=$!
    until_true copied
    ok $? "an import copies"
    "$vmferry" pause >/dev/null </dev/null
    ctl beta offline b1
    wait $front
    is $? 4 "the target's host stays away: interrupted"
    ! in_journal '"key":"rollback"'
    ok $? "nothing was begun to be put back"
    ctl beta online b1
}

ctl esx1 state >"$work/before-esx1"
cut move esx1 beta b1 local web-modern
says out 'what was copied is kept .scsi0: .*, and web-modern is started again at the source' "what is kept is said"
is "$(vm web-modern power)" poweredOn "the VM runs at its host"
is "$(vm web-modern onboot)" true "and starts with it"
printf changed | dd of="$L/esx1/volumes/datastore1/web-modern/web-modern-flat.vmdk" bs=1 seek=70000 conv=notrunc \
    status=none
resumes
same "$(image beta b1 "local:$vmid/vm-$vmid-disk-0.raw")" "$(vmdk web-modern)" "its first disk is the host's"
same "$(image beta b1 "local:$vmid/vm-$vmid-disk-1.raw")" "$(vmdk web-modern 1)" "so is its second"
is "$(vm web-modern--MIGRATED power)" poweredOff "the VM is shut down at its host"

[ "${IMPORT_OUTAGE-}" = all ] || done_testing
X=$work/export
mkdir "$X"
seq 1 2000000 | head -c 12000000 >"$X/a.raw"
truncate -s 40M "$X/a.raw"
qemu-img convert -f raw -O vmdk "$X/a.raw" "$X/web.vmdk"
cat >"$X/web.vmx" <<'VMX'
config.version = "8"
displayName = "web"
guestOS = "debian11-64"
memsize = "512"
scsi0.present = "TRUE"
scsi0.virtualDev = "lsilogic"
scsi0:0.present = "TRUE"
scsi0:0.fileName = "web.vmdk"
VMX
cut import --to beta --node b1 --storage local "$X/web.vmx"
says out 'what was copied is kept .scsi0: .* of 40 MiB' "of files, too"
resumes
grep -q 'going on at [1-9]' "$(job_dir)/log"
ok $? "from where it was"
same "$(image beta b1 "local:$vmid/vm-$vmid-disk-0.raw")" "$X/a.raw" "and its disk is what was exported"
done_testing
