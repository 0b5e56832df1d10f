#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# A job is a process of its own: left, come back to, interrupted, killed, undone.
. "${top_srcdir:-.}/tests/e2e/lib.sh"
lab_up
snapshot "$work/before"

slow() {
    begin move -c "$L/vmferry.conf" --yes --bwlimit 1 alpha beta b1 local web1
}

# --- a front end that dies does not take the job with it
slow
ok $? "a move is copying"
pid=$(job_pid)
kill -9 $front
wait $front 2>/dev/null
kill -0 "$pid"
ok $? "the job goes on when its front end is killed"
run 0 "it is listed" jobs
says out ' running .*web1' "as running"
run 1 "rolling back a running job is refused" rollback
says err 'running already' "and says why"
"$vmferry" attach >"$work/attach" 2>&1 </dev/null &
front=$!
until_true grep -q 'Copy the disks' "$work/attach"
ok $? "attach shows what was done and goes on"

# --- ^C at the front end: asks the job to put everything back
kill -INT $front
wait $front
is $? 1 "interrupted, it ends as failed and undone"
cp "$work/attach" "$work/out"
says out 'cancelled by the operator' "and says why"
until_true gone "$pid"
ok $? "the job's process has ended"
is "$(status alpha a1 100)" running "the source runs again"
unchanged "and everything is put back"
run 0 "it is listed" jobs
says out ' failed .*web1' "as failed"

# --- TERM to the job itself
slow
kill -TERM "$(job_pid)"
wait $front
is $? 1 "a job that is told to end puts everything back"
unchanged "really everything"

# --- killed: nothing can be put back but by the next process
slow
kill -9 "$(job_pid)"
wait $front
is $? 4 "a killed job is said to be interrupted"
grep -q 'vmferry rollback' "$work/slow.err"
ok $? "and how to undo it"
is "$(status alpha a1 100)" stopped "the source is down"
run 0 "it is listed" jobs
says out 'INTERRUPTED .*web1' "as interrupted"
snapshot "$work/middle"
! cmp -s "$work/before" "$work/middle"
ok $? "things are left behind"
run 0 "rollback undoes it" rollback
is "$(status alpha a1 100)" running "the source runs again"
unchanged "and everything is put back"
run 2 "a second rollback finds no job to undo" rollback
run 0 "nor has the job named anything left to undo" rollback "$(basename "$(job_dir)")"
unchanged "really none"

# --- a mover dies: a new one goes on
slow
on beta b1 "kill -9 \$(pgrep -f '[v]mferry-mover serve --job $(basename "$(job_dir)")')" >/dev/null 2>&1
fast
wait $front
is $? 0 "a mover that is killed does not end the move"

# --- done: see return.sh
run 2 "a move that is done is not rolled back without the VM's name" rollback "$(basename "$(job_dir)")"
says err 'web1 has run|It has run at beta' "because the target has run"
done_testing
