#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# A job goes on from another machine by the record it keeps on the target's host, but only when the one
# that held it is gone; that one, when it wakes up, notices and changes nothing. ELSEWHERE=all: also
# when it cannot ask.
. "${top_srcdir:-.}/tests/e2e/lib.sh"
lab_up
[ "$namespaces" ] || {
    skip "jobs are taken over" "all nodes of this lab are one host"
    done_testing
}
# who is silent for 6 s is gone
VMFERRY_TEST_HASTE=10
export VMFERRY_TEST_HASTE

# machine N: from now on this is machine N, with a home and jobs of its own
machine() {
    HOME=$work/home$1 XDG_STATE_HOME=$work/state$1
    mkdir -p "$HOME"
}
records() {
    on beta b1 'find /var/lib/vmferry /root/.vmferry-mirror -type f 2>/dev/null'
}
# slow: a move in the background, until it copies, and not as fast as that at the next machine
slow() {
    begin move -c "$L/vmferry.conf" --yes --bwlimit 1 alpha beta b1 local web1
    dir=$(job_dir)
    id=$(basename "$dir")
    process=$(job_pid)
}
# at EXIT TEXT ARGUMENT…: vmferry resume --at beta
at() {
    want=$1 text=$2
    shift 2
    run "$want" "$text" resume -c "$L/vmferry.conf" --at beta "$@"
}
# silent: until nobody believes any more that it lives
believed() {
    "$vmferry" resume -c "$L/vmferry.conf" --at beta --check >"$work/out" 2>"$work/err"
}
silent() {
    sleep 6 # before that there is nothing to see, and each look logs in to a cluster and a host
    until_true believed
}
dumps() {
    for c in alpha beta; do
        ctl "$c" dump | grep -v "vmferry-job-"
    done
}
again() {
    "$lab" down --dir "$L" >/dev/null 2>&1
    rm -rf "$work"/state* "$work"/home?
    lab_up
    machine 1
}

machine 1
slow
records >"$work/out"
says out "^/var/lib/vmferry/mirror/$id/plan.cfg" "a job keeps a record on the target's host"
is "$(on beta b1 "stat -c %a /var/lib/vmferry/mirror/$id /var/lib/vmferry/mirror/$id/*" | sort -u | tr '\n' ' ')" \
    "600 700 " "that nobody else may read"
password=$(sed -n 's/.*password = "\(.*\)".*/\1/p' "$L/vmferry.conf" | head -n 1)
on beta b1 "cat /var/lib/vmferry/mirror/$id/*" >"$work/record"
secrets=$(cat "$L"/*secret* "$L"/*.pw "$L"/*token* 2>/dev/null | sed 's/.*[=!]//' | grep -E '^.{6,}$')
found=
for s in $password $secrets; do grep -qF -- "$s" "$work/record" && found=$s; done
is "$found" "" "and that holds no secret"
cut -d ' ' -f 1-40 "$dir/journal.jsonl" | head -c 400 >"$work/here"
head -c 400 "$work/record" >/dev/null
on beta b1 "grep -c cloning /var/lib/vmferry/mirror/$id/journal.jsonl" >"$work/out"
is "$(cat "$work/out")" 2 "up to date with the last step"

# --- the second operator
machine 2
run 2 "another machine has no jobs" resume
says err 'resume --at CLUSTER' "and is told where to look"
at 3 "while it is worked on it cannot be had" --yes
says out '^web1 is DOWN since' "the first line says how the service is"
says err "held by .*@.* \(process $process, since .*; last sign of life" "who holds it is said, and since when"
says err 'when nothing was heard of that one for 6.0 s' "and when it could be had"
[ ! -d "$XDG_STATE_HOME/vmferry/jobs/$id" ]
ok $? "nothing of it is here"
at 2 "a VM that is not moved there is none of its jobs" web9
says err "$id  web1: alpha -> beta" "those that there are, are listed"

# --- the first machine sleeps
machine 1
kill -STOP "$process"
machine 2
silent
says out 'It can go on' "nothing is heard of it for a while: it can be taken over"
empty out
"$vmferry" resume -c "$L/vmferry.conf" --at beta --yes web1 >"$work/out" 2>"$work/err" </dev/null &
second=$!
fast $second
wait $second
is $? 0 "the second machine takes it over and ends it"
says out 'Report: web1, alpha -> beta/b1: done' "with the report of a move"
is "$(records)" "" "the record is gone"
vmid=$(sed -n 's/.*"target_vmid":\([0-9]*\).*/\1/p' "$(job_dir)/journal.jsonl" | tail -n 1)
from=$(config alpha a1 100 | sed -n "s/^scsi0: \([^,]*\).*/\1/p")
to=$(config beta b1 "$vmid" | sed -n "s/^scsi0: \([^,]*\).*/\1/p")
same "$(image alpha a1 "$from")" "$(image beta b1 "$to")" "the disk is the same"
is "$(status beta b1 "$vmid")" running "the target runs"
! config alpha a1 100 | grep -q vmferry-job
ok $? "no mark is left on the source"
machine 1
snapshot "$work/before"
kill -CONT "$process"
wait $front
is $? 4 "the first one wakes up and stops"
unchanged "having changed nothing"
cat "$work/slow" "$work/slow.err" >"$work/out"
says out 'this job|record of this job' "it says why"
run 0 "its list of jobs" jobs
says out "$id .*taken over" "knows"
run 3 "there it cannot be resumed" resume --yes "$id"
run 3 "nor rolled back" rollback "$id"
unchanged "and neither changes anything"

# --- it sleeps between two writes, and its next one would be wrong by now
again
empty slow
KILLAT_WHERE=asleep KILLAT_WRITE=cloning:intent \
    ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0 \
    LD_PRELOAD=$top_builddir/tests/e2e/killat.so "$vmferry" move -c "$L/vmferry.conf" --yes \
    alpha beta b1 local web1 >"$work/slow" 2>"$work/slow.err" </dev/null &
front=$!
sleeps() {
    process=$(job_pid) && grep -q '^State:.*T' "/proc/$process/status"
}
until_true sleeps
ok $? "a machine falls asleep when the source is to be renamed"
dir=$(job_dir) id=$(basename "$(job_dir)")
machine 2
silent
at 0 "another ends the move" --yes web1
snapshot "$work/before"
# the thread that keeps the record would notice at once, if its host answered
ctl beta sshd b1 stop
on beta b1 "pkill -f '[s]shd: '"
kill -CONT "$process"
wait $front
is $? 4 "the first one wakes up between intent and act, and stops"
ctl beta sshd b1 start
is "$(config alpha a1 100 | sed -n 's/^name: //p')" web1--MIGRATED "having renamed nothing"
machine 1

# --- lost for good in the middle, and undone from elsewhere
again
snapshot "$work/before"
slow
kill -9 "$process"
wait $front
machine 2
silent
at 0 "a lost job can be undone from elsewhere" --yes --undo
unchanged "after which all is as it was before"
snapshot "$work/before"

# --- the host that knows does not answer
machine 3
slow
kill -9 "$process"
wait $front
ctl beta sshd b1 stop
on beta b1 "pkill -f '[s]shd: '" # who is logged in stays
"$vmferry" rollback "$id" >"$work/out" 2>"$work/err" </dev/null
says out 'b1 does not answer, which knows whether another machine has taken this job over' \
    "a rollback does not wait for it: the clusters are asked"
is "$(status alpha a1 100)" running "the service is back"
ctl beta sshd b1 start
run 0 "the rest is undone when it answers" rollback "$id"
unchanged "and all is as it was before"

# --- a rehearsal: its source carries no mark, what it made does
machine 6
move 0 "a test migration keeps a record, too" --rehearse alpha beta b1 local db1
machine 7
at 0 "from elsewhere it can be undone" --yes --undo db1
unchanged "and nothing is left of it"
machine 8
move 0 "another" --rehearse alpha beta b1 local db1
id=$(basename "$(job_dir)")
ctl beta sshd b1 stop
on beta b1 "pkill -f '[s]shd: '"
"$vmferry" rollback "$id" >"$work/out" 2>"$work/err" </dev/null
! grep -q 'no longer carries the mark' "$work/out"
ok $? "while the host of its record is silent it is not taken for another's"
ctl beta sshd b1 start
run 0 "it is undone when that answers" rollback "$id"
unchanged "and nothing is left of it either"

# --- a host that does not answer, of a machine that sleeps, when another has taken the job over and was lost in turn:
# neither of both is to be asked, but the source carries the mark of the second
if [ "${ELSEWHERE-}" = all ]; then
    machine 4
    slow
    kill -STOP "$process"
    first=$front second=$process
    machine 5
    silent
    "$vmferry" resume -c "$L/vmferry.conf" --at beta --yes >"$work/two" 2>&1 </dev/null &
    front=$!
    taken_over() {
        grep -q takeover "$XDG_STATE_HOME"/vmferry/jobs/*/journal.jsonl &&
            ctl alpha dump | grep -q "vmferry-job: $id (1)"
    }
    until_true taken_over
    ok $? "the source says that it was taken over"
    kill -9 "$(job_pid)"
    wait $front
    ctl beta sshd b1 stop
    on beta b1 "pkill -f '[s]shd: '"
    dumps >"$work/before"
    kill -CONT "$second"
    wait $first
    is $? 4 "the first wakes up and stops"
    dumps >"$work/after"
    diff "$work/before" "$work/after" >"$work/out"
    ok $? "having changed nothing"
    cat "$work/slow" "$work/slow.err" >"$work/out"
    says out 'no longer carries the mark of this job' "and says why"
    ctl beta sshd b1 start
    machine 5
    resumes "the second goes on"
    again
    snapshot "$work/before"
fi

# --- a record that is all that is left
on beta b1 'd=/var/lib/vmferry/mirror/20200101-000000-abcdef && mkdir -p -m 700 $d &&
    echo "{\"type\":\"job\",\"vm\":\"web8\",\"source\":\"alpha\",\"target\":\"beta\"}" >$d/journal.jsonl'
run 0 "of a job that nobody knows" cleanup -c "$L/vmferry.conf" --list
says out 'record /var/lib/vmferry/mirror/20200101-000000-abcdef' "the record is listed"
at 1 "with nothing in it there is nothing to go on with" --yes 2020
at 0 "it can be removed" --yes --forget 2020
unchanged "and then nothing is left"
done_testing
