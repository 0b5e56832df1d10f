#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Test migrations: the source is left alone, what is made is off the network and goes with a rollback.
. "${top_srcdir:-.}/tests/e2e/lib.sh"
lab_up
conf=$L/vmferry.conf

volume() { # CLUSTER NODE VMID SLOT
    config "$1" "$2" "$3" | sed -n "s/^$4: \([^,]*\).*/\1/p"
}
# sources FILE: the source cluster, and its hosts' keys and helpers; without the tokens of jobs and counters
# that a running VM moves
sources() {
    {
        ctl alpha dump | grep -v '"used"' | sed '/"tokens": \[\]/d; /"tokens": \[$/,/\]/d'
        for n in a1 a2; do
            keys_on alpha $n
            helpers alpha $n
        done
    } >"$1"
}
# test_id NAME: VMID of NAME at the target
test_id() {
    on beta b1 'qm list' | awk -v n="$1" '$2 == n {print $1}'
}
# undone TEXT: the last job is rolled back, and nothing of it is left
undone() {
    run 0 "$1" rollback "$(basename "$(job_dir)")"
    ! grep -q '  by hand ' "$work/out"
    ok $? "which leaves nothing to do"
    snapshot "$work/after"
    grep -vE '"used"|/(qemu|serial)-' "$work/before" >"$work/a"
    grep -vE '"used"|/(qemu|serial)-' "$work/after" | diff "$work/a" - >"$work/out" 2>&1
    ok $? "nothing is left of it"
}

# --- what cannot be
on alpha a1 'qm start 101'
run 3 "a running VM with a qcow2 disk" move -c "$conf" -n --rehearse alpha beta b1 local db1
says out 'STOP: scsi1: the VM runs, and of a running VM only raw disks can be read' "is refused"
says out 'shut it down yourself' "with what can be done"
! grep -q 'STOP: scsi0' "$work/out"
ok $? "its raw disk would be none of the reason"
run 3 "so is Proxmox's own migration" move -c "$conf" -n --rehearse --method=remote-migrate alpha beta b1 local web1
says out 'STOP: .*cannot be rehearsed' "which cannot be tried"
on alpha a1 'qm stop 101'

# --- a stopped VM: copied and verified as in a move, and started
snapshot "$work/before"
sources "$work/s1"
run 0 "a dry run" move -c "$conf" -n --rehearse alpha beta b1 local db1
says out 'test  it is called db1--TEST there; its network cards are disconnected' "says what it is"
says out 'the source is left alone' "and what becomes of the source"
move 0 "a VM that is stopped is rehearsed" --rehearse alpha beta b1 local db1
says out 'by hand +look at db1--TEST at beta; then vmferry rollback' "the report says what to do then"
says out 'read back .* and compared' "and that its disks were verified"
sources "$work/s2"
diff "$work/s1" "$work/s2" >"$work/out"
ok $? "the source cluster is as it was"
id=$(test_id db1--TEST)
is "$(status beta b1 "$id")" running "the test VM runs"
config beta b1 "$id" >"$work/out"
says out '^net0: .*link_down=1' "its network card is disconnected"
! grep -q '^onboot: 1' "$work/out"
ok $? "it does not start at boot"
is "$(sed -n 's/^net0: virtio=\([0-9A-F:]*\),.*/\1/p' "$work/out")" \
    "$(config alpha a1 101 | sed -n 's/^net0: virtio=\([0-9A-F:]*\),.*/\1/p')" "it has its own address"
run 0 "the list of jobs" jobs
says out ' done  .*db1.*\(a test\); rollback removes it' "says that it is one"
run 2 "there is nothing to resume" resume
run 0 "and of this one" resume "$(basename "$(job_dir)")"
says err 'the rehearsal is done; vmferry rollback .* removes it' "that is said"
run 0 "cleanup finds it" cleanup -c "$conf" --list
says out "^beta b1: VM $id \(db1--TEST\)" "by the name of the VM"
says out 'over; kept: a test VM; vmferry rollback of its job removes it' "and says what removes it"
run 3 "a second rehearsal" move -c "$conf" -n --rehearse alpha beta b1 local db1
says out 'db1--TEST: VM .* has this name already' "finds the first one"
# the list of VMs is some seconds late
real_move() {
    "$vmferry" move -c "$conf" -n alpha beta b1 local db1 >"$work/out" 2>"$work/err" </dev/null
    code=$?
    grep -q 'warning: net0: VM .* runs at beta with the same MAC address .*, its card disconnected' "$work/out"
}
until_true real_move
is "$? $code" "0 0" "the real move meets the test VM, which is off the network, and may be made"
undone "it is rolled back while the test VM runs"

# --- a running VM with raw disks: read while it writes, in two passes
raw=$(image alpha a1 "$(volume alpha a1 101 scsi0)")
ctl alpha set-config 101 scsi1 -
printf '\1' | dd of="$raw" bs=1 seek=3 conv=notrunc status=none
on alpha a1 'qm start 101'
sleep 1
snapshot "$work/before"
sources "$work/s1"
run 0 "a running VM" move -c "$conf" -n --rehearse alpha beta b1 local db1
says out 'warning: .*no state of one moment' "is told what its copy is worth"
run 0 "a plan is written" move -c "$conf" --rehearse --skip-start --save-plan "$work/plan.cfg" alpha beta b1 local db1
grep -q '^rehearse = true;' "$work/plan.cfg"
ok $? "that says what it is"
run 0 "a VM that runs is rehearsed by it" run -c "$conf" --yes --progress=json "$work/plan.cfg"
says out '"rehearsal": *"running"' "which is said to programs"
run 0 "its report" jobs "$(basename "$(job_dir)")"
says out 'NO state of one moment' "the report says so, too"
says out 'read back .* and compared' "what was read is what was written"
is "$(status alpha a1 101)" running "the source runs"
sources "$work/s2"
diff "$work/s1" "$work/s2" >"$work/out"
ok $? "and is as it was"
grep '"precopy/scsi0"' "$(job_dir)/journal.jsonl" | grep -c '"state": *"done"' >"$work/n"
is "$(cat "$work/n")" 2 "its disk was read in two passes"
! grep -qE '"key": *"(shutdown|cloning|onboot|migrated)' "$(job_dir)/journal.jsonl"
ok $? "and nothing else was done to it"
id=$(test_id db1--TEST)
is "$(status beta b1 "$id")" stopped "not started, as was asked"
on beta b1 "qm start $id"
undone "somebody started the test VM: it is stopped and removed all the same"
is "$(status alpha a1 101)" running "the source runs on"

# --- cut off at some of its writes: on, and back
points=precopy/scsi0:undone
[ "${RESUME_POINTS-}" != all ] ||
    points="$points finish/test:done precopy/scsi0:intent attach/scsi0:done rename:intent start:intent start:done"
for at in $points; do
    killed after "$at" move -c "$conf" --yes --rehearse alpha beta b1 local db1
    if [ $at = precopy/scsi0:undone ] || [ $at = start:intent ]; then
        run 0 "its process dies after $at: it goes on" resume --yes
        is "$(status beta b1 "$(test_id db1--TEST)")" running "the test VM runs"
    fi
    sources "$work/s2"
    diff "$work/s1" "$work/s2" >"$work/out"
    ok $? "died after $at: the source is as it was"
    undone "and it is rolled back"
done

# --- several
sleep 1
on alpha a1 'qm stop 101'
move 0 "several can be rehearsed" --rehearse --skip-disks alpha beta b1 local db1 web1
says out '^0 of 2 VMs are moved' "none of which is moved"
says out '^  db1 +tested +vmferry rollback' "but tested"

done_testing
