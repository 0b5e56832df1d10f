#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Back to the source although the target has run: who agrees to what is lost gives the VM's name. The
# source is exactly what it was, the target is out of service, and they never run both.
. "${top_srcdir:-.}/tests/e2e/lib.sh"
. "${top_srcdir:-.}/tests/e2e/screen.sh"
lab_up
ctl alpha ha vm:100 started
conf=$L/vmferry.conf
# one FILE CLUSTER: what a snapshot has of a cluster's VMs; its jobs and tasks are no part of that
one() {
    ctl "$2" dump >"$1"
}
job_id() {
    basename "$(job_dir)"
}
# new_vmid: of the VM that the last job made
new_vmid() {
    sed -n 's/.*"key":"create","state":"intent","data":{"vmid":\([0-9]*\).*/\1/p' "$(job_dir)/journal.jsonl" | tail -n 1
}
not_both() {
    both=$(status alpha a1 100)$(status beta b1 "$(new_vmid)" 2>/dev/null)
    [ "$both" != runningrunning ]
    ok $? "not both run $1"
}
one "$work/alpha" alpha
snapshot "$work/before"

# --- what would be lost is said, and nothing is done without the name
move 0 "a VM that starts at boot and is highly available is moved" --stop-timeout 3 alpha beta b1 local web1
says out 'source VM +web1--MIGRATED .VMID 100., stopped' "the report has the source's state"
says out "next .*vmferry rollback $(job_id)" "and the way back"
id=$(job_id)
vmid=$(new_vmid)
report=$(cksum <"$(job_dir)/report.json")
ctl beta ha "vm:$vmid" started
run 3 "one that is highly available" rollback -n --remove-target "$id"
says err "ha-manager remove vm:$vmid" "cannot be removed"
snapshot "$work/moved"
run 2 "without a job named nothing is undone" rollback
says err 'no unfinished job' "because none is unfinished"
run 0 "what would be lost can be looked at" rollback --check "$id"
says err 'web1 runs at the target .beta.' "first where the VM runs"
says err 'has run at beta since 20.*has written there is lost' "then what is lost"
says err "It is shut down first. VM $vmid on b1 does not start at boot any more, and is kept as web1--RETURNED" "what becomes of the target"
says err 'VM 100 on a1 gets back its name and settings, and is started' "and of the source"
run 2 "without a terminal and the name it is refused" rollback "$id"
says err 'gives --return web1' "which is said"
run 2 "--yes agrees to nothing" rollback --yes "$id"
says err '--yes does not agree to that.*--return web1' "which is said"
run 2 "nor does another name do" rollback --return web2 "$id"
snapshot "$work/after"
cmp -s "$work/moved" "$work/after"
ok $? "so far nothing is changed"

# --- given up at the hard stop, on a terminal
ctl beta fault task qmshutdown 'VM quit/powerdown failed - got timeout'
at_terminal "'$vmferry' rollback $id"
sees 'type the VM.s name' "the name is asked for"
keys no Enter
sees 'exit=2' "something else changes nothing"
at_terminal "'$vmferry' rollback $id"
sees 'type the VM.s name' "asked again"
keys web1 Enter
sees 'did not shut down' "the target does not go down by itself: a person decides"
keys 3 Enter
sees 'exit=1' "who gives up"
sees 'target: in service as it was; source: not touched' "finds the target in service"
snapshot "$work/after"
diff "$work/moved" "$work/after" >"$work/out"
ok $? "really all of it"
is "$(status beta b1 "$vmid")" running "it runs"
run 0 "the job is listed" jobs
says out "^$id +done " "as done, as before"

# --- returned
run 0 "with the name it returns" rollback --yes --return web1 "$id"
says out 'back from beta to alpha: returned' "which is reported"
says out "target VM +web1--RETURNED .VMID $vmid., stopped" "with the target's state"
says out "qm destroy $vmid on b1" "and what can follow"
one "$work/after" alpha
diff "$work/alpha" "$work/after" >"$work/out"
ok $? "the source's cluster is exactly as before"
is "$(status alpha a1 100)" running "the source runs"
is "$(status beta b1 "$vmid")" stopped "the target does not"
has beta b1 "$vmid" 'name: web1--RETURNED' "it is renamed"
grep -q "vmferry-job%3A%20$id" "$work/config"
ok $? "has the marker"
[ "$(ctl beta dump | sed -n '/"vm:'"$vmid"'": {/,/}/s/^ *"state": "\([a-z]*\)".*/\1/p' | head -n 1)" = ignored ]
ok $? "is ignored by high availability"
! grep -q 'onboot: 1' "$work/config"
ok $? "and does not start at boot"
is "$(cksum <"$(job_dir)/report.json")" "$report" "the report of the move is still that"
grep -q '"result": "returned"' "$(job_dir)/return.json"
ok $? "the return has one of its own"
run 0 "the job is listed" jobs
says out "^$id +returned " "as returned"
run 0 "its report can be read" jobs "$id"
says out 'XXH3-128 ' "with what was copied"
says out 'back from beta to alpha: returned' "and what became of it"
! grep -E 'web1--MIGRATED|to go back:' "$work/out"
ok $? "and tells nobody to remove the VM that runs again"
run 0 "a second return has nothing to do" rollback "$id"
run 1 "nor has a resume" resume --yes "$id"

# --- moved again; the next return is killed at some of its lines (CRASH_POINTS=all: at all), one after the
# other, and the target is removed
points="return/down:intent return/name:done shutdown:undone return/remove:done"
[ "${CRASH_POINTS-}" != all ] || points="return:intent return/mark:intent return/mark:done return/ha:done
    return/onboot:intent return/down:intent return/down:done return/name:done return/source:intent
    migrated/note:undone migrated:undone cloning:undone onboot:undone shutdown:undone claim:undone ha:undone
    return/source:done return/remove:intent pool:undone return/remove:done return:done"
snapshot "$work/before"
move 0 "it can be moved again" alpha beta b1 local web1
id=$(job_id)
set -- --remove-target --return web1 "$id"
for p in $points; do
    case $p in *:intent) where=after ;; *) where=torn ;; esac
    killed $where $p rollback "$@"
    is $? 4 "killed at $p"
    not_both "then"
    set -- "$id"
done
run 0 "the rest can be looked at" jobs
says out "^$id +INTERRUPTED .*; rollback\$" "and is all there is to do"
run 0 "its report" jobs "$id"
says out "^$id +INTERRUPTED .*; rollback\$" "says that, too"
! grep -E 'web1--MIGRATED|to go back:' "$work/out"
ok $? "and not what could be done after the move"
run 4 "the move does not go on" resume --yes "$id"
run 0 "the rest needs no name any more, it was given" rollback
unchanged "all is as before the move, the target's pool too"
is "$(status alpha a1 100)" running "the source runs"

# --- a VM that was stopped stays so; one that is another by now is left alone
snapshot "$work/before"
move 0 "a stopped VM is moved" alpha beta b1 local db1
id=$(job_id)
vmid=$(new_vmid)
run 0 "whether anybody started it there is known" rollback -n "$id"
says err 'has not run there: nothing is lost' "nobody did"
on beta b1 "qm start $vmid" >/dev/null
run 0 "when somebody did" rollback -n "$id"
says err 'Somebody has started it at beta' "that is said"
ctl alpha set-config 101 smbios1 uuid=00000000-0000-4000-8000-000000000000
run 3 "a source that was replaced" rollback --return db1 "$id"
says err 'nothing to go back to' "is nothing to go back to"
ctl alpha set-config 101 smbios1 uuid=8ce18aee-48e3-4697-a53c-d772b0f0610a
uuid=$(config beta b1 "$vmid" | sed -n 's/^smbios1: //p')
disks=$(config beta b1 "$vmid" | sed -n 's/^\(scsi[0-9]*\): \(.*\)/\1 \2/p')
ctl beta set-config "$vmid" smbios1 uuid=00000000-0000-4000-8000-000000000000
echo "$disks" | while read -r slot value; do
    ctl beta set-config "$vmid" "$slot" -
done
snapshot "$work/moved"
run 3 "a VM of that number that is another" rollback --return db1 "$id"
says err 'nothing is done to it' "is left alone"
snapshot "$work/after"
cmp -s "$work/moved" "$work/after"
ok $? "really"
ctl beta set-config "$vmid" smbios1 "$uuid"
echo "$disks" | while read -r slot value; do
    ctl beta set-config "$vmid" "$slot" "$value"
done
ctl beta fault fail POST /status/shutdown 596 'Connection timed out'
run 4 "a target that cannot be shut down now" rollback --return db1 --remove-target "$id"
says err 'vmferry rollback' "can be later"
run 0 "later it is" rollback
is "$(status alpha a1 101)" stopped "the source stays stopped"
unchanged "and all is as before"

# --- interrupted when the target may have run: both ways are open
killed torn start:done move -c "$conf" --yes --stop-timeout 5 alpha beta b1 local web1
is $? 4 "a move is killed when it starts the target"
run 0 "it is listed" jobs
says out 'INTERRUPTED .*resume, or rollback' "with both ways"
run 2 "without the name there is no rollback" rollback
says err 'It may have run at beta' "because the target may have run"
run 0 "with it there is" rollback --return web1 --remove-target
not_both "now"
is "$(status alpha a1 100)" running "the source runs"
unchanged "and all is as before"

# --- after Proxmox's own migration
move 0 "a VM is migrated live" --method=remote-migrate alpha beta b1 local old1
id=$(job_id)
run 0 "it returns too" rollback --return old1 --remove-target "$id"
unchanged "and all is as before"
done_testing
