#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# What is not reachable for good ends a job as resumable, with the state said: nothing is lost, doubled
# or running twice, and when it is back the job goes on or back.
. "${top_srcdir:-.}/tests/e2e/lib.sh"
lab_up
snapshot "$work/before"
# again: web1 is where it was before its last move
again() {
    run 0 "it is taken back" rollback --return web1 --remove-target "$(basename "$(job_dir)")"
    rm -rf "$XDG_STATE_HOME"
    snapshot "$work/before"
}

# --- the source's cluster is gone after the shutdown
ctl alpha api a2 off
ctl alpha fault after 2 do PUT '/nodes/a1/qemu/100/config' api a1 off
move 4 "the source's cluster goes away after the shutdown: interrupted" alpha beta b1 local web1
is "$(ctl alpha fault list)" "" "it did go away"
says err 'state: +web1 is DOWN since ' "the state of the service is said"
says err 'vmferry resume .*vmferry rollback ' "and both ways"
grep -q '"key":"rollback"' "$(job_dir)/journal.jsonl"
is $? 1 "nothing was begun to be put back"
run 4 "resumed while it is away it stays as it is" resume --yes
says out '^web1 is DOWN since .*as this job left it' "as the job left it, which is said"
says err 'alpha' "and why"
is "$(status alpha a1 100)" stopped "the source is down"
ctl alpha api a1 on
ctl alpha api a2 on
run 0 "when it is back the job goes on to its end" resume --yes
vmid=$(sed -n 's/.*"target_vmid":\([0-9]*\).*/\1/p' "$(job_dir)/journal.jsonl" | tail -n 1)
is "$(status beta b1 "$vmid")" running "the target runs"
is "$(status alpha a1 100)" stopped "the source does not"
again

# --- the target is gone when all is copied: that is kept, and the source runs meanwhile
ctl beta api b2 off
ctl beta fault do PUT '/nodes/b1/qemu/[0-9]*/config' api b1 off
move 4 "the target's cluster goes away when all is copied: interrupted" alpha beta b1 local web1
is "$(ctl beta fault list)" "" "it did go away"
says out 'what was copied is kept .scsi0: .*, and web1 is started again' "what was copied is kept, which is said"
is "$(status alpha a1 100)" running "the source runs"
says err 'state: +web1 was started again at the source' "which is said"
says err 'vmferry resume .*vmferry rollback ' "and both ways"
has alpha a1 100 'name: web1' "it has its name"
has alpha a1 100 'onboot: 1' "and its start at boot"
! in_journal '"key":"rollback"'
ok $? "nothing else was begun to be put back"
ctl beta api b1 on
ctl beta api b2 on
run 0 "a check tells how it stands" resume --check
says out 'shut down once more' "that it goes down again, too"
volumes() {
    ctl beta requests | grep '"method":"POST"' | grep -c '"path":"/nodes/b1/storage/local/content"'
}
made=$(volumes)
run 0 "when it is back the job goes on to its end" resume --yes
is "$(volumes)" "$made" "with the volumes that there are"
grep '"type":"step"' "$(job_dir)/journal.jsonl" | grep '"key":"copy/scsi0","state":"done"' | tail -n 1 |
    grep -q '"same":[1-9]'
ok $? "where what was the same was not sent again"
vmid=$(sed -n 's/.*"target_vmid":\([0-9]*\).*/\1/p' "$(job_dir)/journal.jsonl" | tail -n 1)
is "$(status beta b1 "$vmid")" running "the target runs"
is "$(status alpha a1 100)" stopped "the source does not"
run 0 "it returns" rollback --return web1 --remove-target "$(basename "$(job_dir)")"
unchanged "and all is as before"
rm -rf "$XDG_STATE_HOME"
ctl beta fault drop PUT '/nodes/b1/qemu/[0-9]*/config'
move 4 "a call that gets lost then: the same" alpha beta b1 local web1
is "$(status alpha a1 100)" running "the source runs"
run 0 "and it can be undone" rollback
unchanged "and all is as before"
rm -rf "$XDG_STATE_HOME"
ctl beta fault drop PUT '/nodes/b1/qemu/[0-9]*/config'
move 4 "of a VM that was stopped" alpha beta b1 local old1
is "$(status alpha a2 102)" stopped "nothing is started"
run 0 "and the job goes on" resume --yes
is "$(grep -c '"key":"copy/ide0","state":"intent"' "$(job_dir)/journal.jsonl")" 1 "without copying again"
"$lab" down --dir "$L" >/dev/null 2>&1
mkdir -p "$L"
lab_up
rm -rf "$XDG_STATE_HOME"
snapshot "$work/before"

# --- the target is gone when everything is put back: the source is at once, the rest when it can be
ctl beta api b2 off
ctl beta fault fail PUT '/nodes/b1/qemu/[0-9]*/config' 500 'the lab says no'
ctl beta fault do '*' . api b1 off
move 4 "the target's cluster refuses, and goes away: interrupted" alpha beta b1 local web1
is "$(status alpha a1 100)" running "the source runs"
says err 'state: +web1 was started again at the source' "which is said"
says err 'finish undoing it: vmferry rollback' "and how to clean up"
has alpha a1 100 'name: web1' "it has its name"
run 4 "it goes only back" resume --yes
says err 'being undone' "which is said"
run 0 "it is listed" jobs
says out 'INTERRUPTED .*; rollback$' "as such"
ctl beta api b1 on
ctl beta api b2 on
run 0 "when it is back the rest is undone" rollback
unchanged "and all is as before"

# --- a host's sshd is gone when everything is put back
rm -rf "$XDG_STATE_HOME"
ctl beta fault do POST '/nodes/b1/qemu$' sshd b1 stop
ctl beta fault fail POST '/nodes/b1/storage/local/content' 500 'got timeout'
move 4 "a host that cannot be reached while everything is put back: interrupted" alpha beta b1 local web1
ctl beta sshd b1 start
is "$(status alpha a1 100)" running "the source runs"
run 0 "when it is back the rest is undone" rollback
unchanged "and all is as before"

# --- killed while a task that it began still runs at the cluster
taken() {
    [ -z "$(ctl beta fault list)" ]
}
# hang TASK: until the job of a move waits for it; then the job is killed
hang() {
    rm -rf "$XDG_STATE_HOME"
    ctl beta fault hang "$1"
    empty slow
    "$vmferry" move -c "$L/vmferry.conf" --yes alpha beta b1 local web1 >"$work/slow" 2>&1 </dev/null &
    front=$!
    until_true taken
    kill -9 "$(job_pid)"
    wait $front
    is $? 4 "killed while $1 runs"
}
hang qmcreate
empty slow
"$vmferry" resume --yes >"$work/slow" 2>&1 </dev/null &
front=$!
asked() {
    ctl beta requests | grep -q '"typefilter":"qmcreate"' || gone $front
}
until_true asked
ctl beta requests | grep -q '"typefilter":"qmcreate"' &&
    ! grep -q '"key":"create","state":"done"' "$(job_dir)/journal.jsonl"
ok $? "resumed, the job waits for that task"
ctl beta fault go
wait $front
is $? 0 "when it has ended the job goes on to its end"
is "$(on beta b1 'qm list' | grep -c web1)" 1 "with the VM that it made, and no other"
again
hang qmcreate
run 0 "rolled back, the task is stopped" rollback
ctl beta fault go
unchanged "and all is as before"

# --- the target is gone when it was told to start: only forwards
rm -rf "$XDG_STATE_HOME"
ctl beta api b2 off
ctl beta fault do POST '/nodes/b1/qemu/[0-9]*/status/start' api b1 off
move 4 "the target's cluster goes away when it is to start: interrupted" alpha beta b1 local web1
says err 'web1 may run at the target' "nobody knows whether it runs"
says err 'return to the source, which loses' "so the way back has its price"
is "$(status alpha a1 100)" stopped "the source stays down"
ctl beta api b1 on
ctl beta api b2 on
run 2 "rollback is refused without the VM's name" rollback
run 0 "when it is back the job goes on" resume --yes
vmid=$(sed -n 's/.*"target_vmid":\([0-9]*\).*/\1/p' "$(job_dir)/journal.jsonl" | tail -n 1)
is "$(status beta b1 "$vmid")" running "the target runs"
is "$(status alpha a1 100)" stopped "the source does not"
done_testing
