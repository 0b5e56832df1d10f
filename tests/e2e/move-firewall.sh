#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# What hangs on a VM beside its configuration: firewall and pool go with it, high availability is told
# to look away, and what belongs to its cluster is listed. Between clusters of another version (with $twin) only
# what differs there: the calls.
. "${top_srcdir:-.}/tests/e2e/lib.sh"
lab_up
dry() {
    run "$1" "$2" move -c "$L/vmferry.conf" -n alpha beta b1 local "$3"
}
# ha VMID: the state asked for
ha() {
    ctl alpha dump | tr -d ' \n' | sed -n "s/.*\"vm:$1\":{[^}]*\"state\":\"\([a-z]*\)\".*/\1/p"
}
# pool CLUSTER VMID
pool() {
    ctl "$1" dump | sed -n "/^  \"$2\": {/,/^  }/s/^   \"pool\": \"\{0,1\}\([a-z]*\).*/\1/p"
}

ctl alpha extra backup '[{"id": "backup-nightly", "vmid": "100,103"}, {"id": "backup-all", "all": 1}]'
ctl alpha extra replication '[{"id": "100-0", "guest": 100}, {"id": "103-0", "guest": 103}]'
ctl alpha pveum acl modify /vms/100 --users plain@pve --roles PVEVMUser
ctl alpha pveum acl modify /vms/101 --users staff@corp --roles PVEVMUser
ctl alpha snapshot 100 before-update
ctl alpha ha vm:100 started prefer-a1
is "$(pool alpha 100) $(pool alpha 101)" "web prod" "the demo has pools"

# --- what is said before
dry 0 "a VM with all that hangs on it is looked at" web1
says out 'backup job backup-nightly: not carried over; .*backup job of the target' "backup jobs are named"
! grep -q 'backup-all\|103-0\|staff@corp' "$work/out"
ok $? "but not those of others, or of all"
says out 'replication job 100-0: not carried over' "replication is"
says out 'permission of plain@pve .PVEVMUser.: not carried over' "permissions are"
says out 'snapshot before-update: not carried over' "snapshots are"
says out 'high availability .started, group prefer-a1.: not carried over' "HA and its group are"
says out 'pool web: it is made at beta' "the pool will be made"
says out 'firewall on; rules: 4, IP sets: 1, aliases: 1' "the firewall will be as it is"
! grep -q 'warning: .*firewall' "$work/out"
ok $? "and nothing need be said of it"

if [ ! "${twin-}" ]; then
    good=$(ctl beta dump | tr -d '\n')
    snapshot "$work/before"
    ctl alpha without root@pam Sys.Console
    move 3 "a VM under HA stops where the login may not take it out" alpha beta b1 local web1
    says out 'STOP.*web1.*high availability .started.*Sys.Console' "with the privilege"
    says out 'ha-manager set vm:100 --state ignored' "and what to do without it"
    run 3 "so does one that moves inside its cluster" \
        move -c "$L/vmferry.conf" -n --ignore-exists alpha alpha a2 local web1
    says out 'STOP.*web1.*high availability .started.*Sys.Console' "for the same reason"
    ctl alpha without root@pam -
    ctl beta extra firewall.groups '{}'
    move 3 "a group that the target lacks stops" alpha beta b1 local web1
    says out 'STOP.*security group webserver.*beta does not have it.*rule 0 .group webserver' "naming the rule"
    run 3 "it stops a migration too" \
        move -c "$L/vmferry.conf" -n --method=remote-migrate alpha beta b1 local web1
    says out 'STOP.*security group webserver.*beta does not have it.*rule 0 .group webserver' "naming the rule"
    ctl beta extra firewall.groups '{"webserver": [{"type": "in", "action": "DROP", "enable": 1}]}'
    dry 0 "another group of that name is noticed" web1
    says out 'warning: .*security group webserver.*another one at beta' "and said"
    ctl beta extra firewall.groups '{"webserver": [{"type": "in", "action": "ACCEPT", "enable": 1,
        "proto": "tcp", "dport": "80,443"}]}'
    ctl beta extra firewall.options '{"enable": 0}'
    dry 0 "a target that filters nothing is noticed" web1
    says out 'warning: .*firewall.*cluster beta is off' "and said"
    ctl beta extra firewall.options '{"enable": 1}'
    ctl beta without 'migrator@pve!ferry' Sys.Audit
    dry 0 "a login that may not look at the cluster's firewall is told" web1
    says out 'warning: .*security group webserver.*may not look at the one of beta .Sys.Audit' "what to compare"
    ctl beta without 'migrator@pve!ferry' -
    is "$(ctl beta dump | tr -d '\n')" "$good" "the target is as it was"
    unchanged "and nothing was changed by any of these"
fi

# --- in the middle; all of this is before or beside the disks, so that most of these moves leave them out
snapshot "$work/before"
set -- "POST /firewall/aliases" "POST /firewall/ipset/admins" "PUT /firewall/options"
[ ! "${twin-}" ] || shift 3
for fault in "$@"; do
    ctl beta fault fail "${fault% *}" "${fault#* }\$" 500 'no more for today'
    move 1 "a firewall that cannot be written ends the move ($fault)" --skip-disks alpha beta b1 local web1
    says err 'no more for today' "in Proxmox's words"
    is "$(status alpha a1 100)" running "before the source is shut down"
    unchanged "and everything is put back"
done
if [ ! "${twin-}" ]; then
    ctl beta fault fail POST '/firewall/rules$' 400 'a rule of another kind'
    move 1 "so does a rule" --skip-disks alpha beta b1 local web1
    says err 'out ACCEPT .*dport=5432: .*rule of another kind' "which is named"
    unchanged "and everything is put back, the pool too"
    ctl alpha fault fail PUT '/cluster/ha/resources' 500 'HA is out'
    move 1 "HA that cannot be told ends the move" --skip-disks alpha beta b1 local web1
    says err 'HA is out' "in Proxmox's words"
    unchanged "and everything is put back"
fi
ctl beta fault task qmstart 'start failed: command /usr/bin/kvm exited with code 1'
move 1 "a target that does not start ends the move" alpha beta b1 local web1
is "$(status alpha a1 100) $(ha 100)" "running started" "the source runs, under HA as before"
unchanged "and everything is put back"
if [ ! "${twin-}" ]; then
    killed torn ha:done move -c "$L/vmferry.conf" --yes alpha beta b1 local web1
    is "$? $(ha 100)" "4 ignored" "a job killed when it had just told HA"
    run 0 "is rolled back" rollback
    is "$(status alpha a1 100) $(ha 100)" "running started" "the source runs, under HA as before"
    unchanged "and everything is put back"
fi

# --- the move
ctl alpha firewall 100 >"$work/firewall"
move 0 "web1 is moved" alpha beta b1 local web1
cp "$work/out" "$work/report"
vmid=$(sed -n 's/.*target VM .*VMID \([0-9]*\).*/\1/p' "$work/report")
ctl beta firewall "$vmid" >"$work/out"
[ "$(wc -l <"$work/out")" -gt 50 ]
ok $? "the target has a firewall"
diff "$work/firewall" "$work/out" >"$work/err"
ok $? "the same in every field, the rules in their order"
is "$(pool beta "$vmid")" web "it is in its pool"
ctl beta requests | grep '"method":"P[A-Z]*"' | grep -o "$vmid/firewall/[a-z/]*" | uniq | tr '\n' ' ' >"$work/out"
says out " $vmid/firewall/aliases $vmid/firewall/ipset $vmid/firewall/ipset/admins $vmid/firewall/rules $vmid/firewall/options \$" \
    "the switch came last"
sleep 2 # several turns of the manager
is "$(status alpha a1 100) $(ha 100)" "stopped ignored" "the source stays down: HA looks away"
for word in 'backup job backup-nightly' 'replication job 100-0' 'permission of plain@pve' \
    'snapshot before-update' 'high availability'; do
    grep -q "not carried over .*$word.*;" "$work/report"
    ok $? "the report has: $word"
done

# --- what cannot be carried, and does not matter enough to stop
ctl alpha extra vms.101.firewall '{"options": {"policy_in": "ACCEPT"}, "rules": [
    {"type": "in", "action": "DROP", "enable": 1, "source": "dc/office"},
    {"type": "in", "action": "ACCEPT", "enable": 1, "proto": "tcp", "dport": "22"}]}'
ctl beta without 'migrator@pve!ferry' Pool.Allocate
move 0 "a VM that is not filtered is moved where its alias and its pool are missing" \
    alpha beta b1 local db1
says out 'warning: .*alias office: beta does not have it; left out' "the rule is named before"
says out 'warning: .*pool prod.*without a pool' "so is the pool"
says out 'not carried over .*firewall rule 0 .*dc/office' "the rule is in the report"
says out 'not carried over .*pool prod' "so is the pool"
vmid=$(sed -n 's/.*target VM .*VMID \([0-9]*\).*/\1/p' "$work/out")
ctl beta firewall "$vmid" | tr -d ' \n' >"$work/out"
says out '"rules":\[\{[^}]*"dport":"22"[^}]*\}\]' "the other rule is there"
is "$(pool beta "$vmid")" null "and no pool"

if [ ! "${twin-}" ]; then
    # --- pools that nobody shows us
    ctl alpha without root@pam Pool.Audit
    ctl alpha extra vms.102 -
    dry 0 "a VM is looked at by a login that sees no pools" old1
    ! grep -q pool "$work/out"
    ok $? "and nothing is said of any"
fi
done_testing
