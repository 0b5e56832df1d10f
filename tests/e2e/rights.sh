#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Rights: what is missing is named before anything is touched, the lines that are printed give it,
# and with exactly these rights a VM is moved, and put back when that fails.
. "${top_srcdir:-.}/tests/e2e/lib.sh"
lab_up
conf=$L/vmferry.conf
sed -E "s#user = \"root@pam\"#user = \"plain@pve\"#; s#secret-alpha#secret-migrator-alpha#
    s#token = \"migrator@pve!ferry\"#token = \"plain@pve!sep\"#; s#token-beta#token-empty-beta#" \
    "$conf" >"$work/plain.conf"
chmod 600 "$work/plain.conf"
cp "$work/plain.conf" "$conf"

# grant CLUSTER: runs the printed pveum lines (not the alternative behind "or") there
grant() {
    sed -n "/^  STOP: $1:/,/^  [^ ]/{ /or, if the user/,\$d; s/^      pveum //p; }" "$work/said" >"$work/lines"
    [ -s "$work/lines" ] || return 1
    while read -r line; do
        eval "ctl $1 pveum $line" >&2 || return 1
    done <"$work/lines"
}

# stops TEXT ARGUMENT…: preflight stops the move; what it says is kept for grant
stops() {
    move 3 "$@"
    cp "$work/out" "$work/said"
}

snapshot "$work/before"
stops "a login without rights stops" alpha beta b1 local 100
says out 'STOP: alpha: plain@pve has no rights at all; it needs VM.Audit, VM.Config.Options, VM.PowerMgmt, VM.Config.Disk on /vms/100; Datastore.Audit on /storage' \
    "the rights it needs at the source are named"
says out 'pveum role add vmferry-source --privs "VM.Audit VM.Config.Options VM.PowerMgmt VM.Config.Disk Datastore.Audit"' \
    "the role for that is printed"
says out "pveum acl modify /vms/100 --users plain@pve --roles vmferry-source" "and the line that gives it"
stops "by name it is not even found" alpha beta b1 local web1
says out 'on /vms;' "and all VMs are what is asked for"
stops "by VMID again" alpha beta b1 local 100
grant alpha
ok $? "the lines run on a node"
stops "then the target's rights are looked at" alpha beta b1 local web1
! grep -q 'STOP: alpha' "$work/out"
ok $? "the source's are enough now"
says out 'STOP: beta: the API token plain@pve!sep has no rights at all: with privilege separation' \
    "a token with none is told apart"
says out 'SDN.Use on /sdn/zones/localnetwork/vmbr0/20' "SDN.Use on the VLAN of the bridge is named"
says out "acl modify /sdn/zones/localnetwork/vmbr0/20 --users plain@pve --tokens 'plain@pve!sep' --roles vmferry-target" \
    "user and token get it together"
says out 'pveum user token modify plain@pve sep --privsep 0' "and what to do when only the token lacks it"
is "$(grep -c STOP "$work/out")" 1 "one finding, not one for each thing that is not seen"
snapshot "$work/after"
diff "$work/before" "$work/after" >"$work/diff"
ok $? "nothing was changed by any of these"
stops "again" alpha beta b1 local web1
grant beta
ok $? "the lines run on a node of the target"

# --- the middle: a failure is cleaned up with these very rights
snapshot "$work/before"
ctl beta fault fail PUT '/nodes/b1/qemu/[0-9]+/config' 500 'unable to write'
move 1 "a move that fails half-way" alpha beta b1 local web1
unchanged "is put back by a login that may not delete volumes at will"

move 0 "with exactly these rights the VM is moved" alpha beta b1 local web1
is "$(status alpha a1 100) $(status beta b1 101)" "stopped running" "and runs at the target"

# --- one right taken away
for side in "alpha source VM.Config.Disk /vms/102 old1" "beta target VM.Config.HWType /vms old1"; do
    set -- $side
    case $1 in
    alpha) ctl alpha pveum acl modify /vms/102 --users plain@pve --roles vmferry-source ;;
    esac
    ctl "$1" pveum role modify "vmferry-$2" --privs "$(ctl "$1" pveum role show "vmferry-$2" | tr ' ' '\n' | grep -v "$3" | tr '\n' ' ')"
    snapshot "$work/before"
    stops "without $3 at the $2" alpha beta b1 local "$5"
    says out "STOP: $1: .* lacks rights: $3 on $4" "it is named"
    says out "pveum role modify vmferry-$2 --privs \"$3\" --append 1" "the role that is there gets it"
    unchanged "nothing was changed"
    grant "$1"
    ok $? "the lines run"
done
# rights over a pool are rights over what is in it
ctl alpha pveum acl delete /vms/103 --users plain@pve --roles vmferry-source
ctl alpha set-pool 103 web
stops "a VM that no entry names" -n alpha beta b1 local 103
ctl alpha pveum acl modify /pool/web --users plain@pve --roles vmferry-source
run 0 "is given by its pool" move -c "$conf" -n alpha beta b1 local stubborn
# a VNet that may be used and not looked at
ctl alpha set-config 103 net0 'virtio=02:AA:BB:CC:DD:05,bridge=vnet10'
stops "a VNet that is not given" -n alpha beta b1 local stubborn
ctl beta pveum role add use --privs SDN.Use
ctl beta pveum acl modify /sdn/zones/lab/vnet10 --users plain@pve --tokens 'plain@pve!sep' --roles use
run 0 "is known by the entry that gives it" move -c "$conf" -n alpha beta b1 local stubborn
ctl beta pveum acl delete /storage/local --users plain@pve --tokens 'plain@pve!sep' --roles vmferry-target
stops "a storage that is not given" alpha beta b1 local old1
says out 'lacks rights: Datastore.AllocateSpace, Datastore.Audit on /storage/local' "is named"
ctl beta pveum acl modify /storage/local --users plain@pve --roles vmferry-target
ctl beta pveum user token modify plain@pve sep --privsep 0
ctl beta pveum acl modify /sdn/zones/localnetwork/vmbr0 --users plain@pve --roles vmferry-target
move 0 "a token without privilege separation has its user's rights" --skip-start alpha beta b1 local old1
done_testing
