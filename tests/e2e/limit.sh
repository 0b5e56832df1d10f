#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# vmferry limit: the rate of a job that runs, changed and kept. As the plan has it, the copies here would
# take a quarter of an hour.
. "${top_srcdir:-.}/tests/e2e/lib.sh"
lab_up

copying() {
    in_journal '"copy/scsi0"' &&
        grep -q '"type":"progress".*"stage":"copy"' "$work/json"
}
# mover SIGNAL: to the source's mover (brackets: the shell that looks for it is none)
mover() {
    on alpha a1 "kill -$1 \$(pgrep -f 'vmferry-mover [s]erve --job $(basename "$(job_dir)")')"
}
# slow VM: a move of it in the background, at 1 Mbit/s
slow() {
    rm -rf "$XDG_STATE_HOME"
    "$vmferry" move -c "$L/vmferry.conf" --yes --bwlimit 1 --progress=json alpha beta b1 local "$1" \
        >"$work/json" 2>"$work/err" </dev/null &
    front=$!
    until_true copying
}

# --- what it refuses
run 2 "no job runs" limit none
says err 'no job runs' "which is said"
for rate in 0 1000001 fast -1; do
    run 2 "a rate of $rate" limit $rate
    says err "1000000.*'$rate'" "is named with its limits"
done
run 2 "no rate" limit
says err 'usage: vmferry limit' "shows how it is used"
run 2 "a job that is not there" limit 2099 none

# --- changed while it copies
slow web1
ok $? "a slow move copies"
run 0 "another limit" limit 2
says out 'at most 2 Mbit/s' "is said"
in_journal '"type":"rate",.*"rate":250000'
ok $? "and in the journal"
until_true grep -q '"type":"rate",.*"rate":250000' "$work/json"
ok $? "whoever follows the job gets it"
run 0 "no limit, for the job by its name" limit "$(basename "$(job_dir)")" none
says out 'no limit' "is said"
until_true gone $front
ok $? "the copy goes on as fast as it can"
wait $front
is $? 0 "and the move is done"
run 1 "a job that has ended" limit "$(basename "$(job_dir)")" none
says err 'does not run' "has no rate"

# --- paused, for longer than a silent peer is waited for
rm -rf "$XDG_STATE_HOME"
VMFERRY_TEST_HASTE=5 "$vmferry" move -c "$L/vmferry.conf" --yes --bwlimit 1 --progress=json alpha beta b1 \
    local big1 >"$work/json" 2>"$work/err" </dev/null &
front=$!
until_true copying
ok $? "a slow move copies"
sent() {
    sed -n 's/.*"type":"progress".*"all":{\([^}]*\)}.*/\1/p' "$work/json" | tail -n 1 |
        sed 's/.*"sent":\([0-9]*\).*/\1/'
}
last_is_paused() {
    grep '"type":"progress"' "$work/json" | tail -n 1 | grep -q '"paused":true'
}
run 0 "pause" pause
says out 'paused; go on with vmferry continue' "is said"
still() { # what was begun is ended; a peer that is silent for 12 s is given up
    first=$(sent)
    sleep 14
    [ "$(sent)" = "$first" ]
}
until_true still
ok $? "nothing is sent any more"
until_true last_is_paused
ok $? "the progress tells why"
"$vmferry" attach >"$work/attach" 2>&1 </dev/null &
viewer=$!
until_true grep -q 'Copying: paused' "$work/attach"
ok $? "and who comes now is told"
run 0 "a limit meanwhile" limit none
sleep 1
is "$(sent)" "$first" "does not end the pause"
run 0 "continue" continue
says out 'copies again' "is said"
until_true gone $front
ok $? "it does"
wait $front
is $? 0 "the move is done"
wait $viewer
! grep -qE 'was heard|trying again|reconnect' "$(job_dir)/log"
ok $? "no connection was lost over it"
to=$(sed -n 's/.*"target": "\(local:[^"]*\)".*/\1/p' "$(job_dir)/report.json")
same "$(image alpha a1 local:105/vm-105-disk-0.raw)" "$(image beta b1 "$to")" \
    "the disk is the same"

# --- kept when the job is killed and goes on
slow db1
ok $? "another slow move copies"
pid=$(job_pid)
mover STOP
ok $? "its mover stands still"
run 0 "no limit, while nothing can be copied" limit none
kill -9 "$pid"
wait $front
is $? 4 "the job is interrupted"
mover KILL
"$vmferry" __job run "$(job_dir)"
ok $? "it goes on"
until_true grep -q '"type":"end"' "$(job_dir)/journal.jsonl"
ok $? "without the limit"
is "$(sed -n 's/.*"type":"end".*"exit":\([0-9]*\).*/\1/p' "$(job_dir)/journal.jsonl")" 0 "and is done"
run 0 "who comes then" attach
says out 'Copying: no limit' "is told the limit"

# --- of all VMs of a batch together
rm -rf "$XDG_STATE_HOME"
"$vmferry" move -c "$L/vmferry.conf" --yes --bwlimit 1 --parallel-guests 2 --no-precopy --skip-start \
    alpha beta b1 local clone1 old1 >"$work/several" 2>"$work/several.err" </dev/null &
front=$!
says_batch() {
    [ "$(grep -c "$1" "$work/several")" -ge "$2" ]
}
until_true says_batch ': Copy the disks' 2
ok $? "two copy"
batch=$(basename "$(ls -d "$XDG_STATE_HOME"/vmferry/batches/batch-*)")
run 0 "all of a batch are paused" pause "$batch"
is "$(grep -c ': paused; go on' "$work/out")" 2 "each is told"
until_true says_batch 'Copying: paused' 2
ok $? "and does so"
run 0 "what runs is one batch: it need not be named" limit 8
is "$(grep -c ': at most 4 Mbit/s' "$work/out")" 2 "each of two gets half of a limit"
run 0 "none at all" limit "${batch#batch-}" none
is "$(cat "$XDG_STATE_HOME/vmferry/batches/$batch/limit")" 0 "also for the one that has not begun"
run 0 "they are continued" continue "$batch"
is "$(grep -c ': copies again' "$work/out")" 2 "both"
until_true gone $front
ok $? "which ends all of them soon"
wait $front
is $? 0 "as moved"
run 1 "of a batch that has ended" pause "$batch"
says err "no job of $batch runs" "nothing can be paused"
run 1 "nor" limit "$batch" 8
says err "no job of $batch runs" "limited"
done_testing
