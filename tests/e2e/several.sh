#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Several VMs in one command: one that fails does not stop the others, the table says what became of each.
. "${top_srcdir:-.}/tests/e2e/lib.sh"
lab_up
move 3 "with --stop-on-failure nothing is begun behind one that is not moved" --stop-on-failure --skip-disks \
    alpha beta b1 local old1 golden nosuch db1 web1
says out '^1 of 5 VMs are moved' "of five one is moved"
says out '^  old1 +moved$' "which is said"
says out '^  golden +stopped by a check +mend' "as is what was not"
says out '^  db1 +not begun +move it again$' "and what was not begun"
is "$(ls "$XDG_STATE_HOME/vmferry/jobs" | wc -l)" 1 "and had no job"
move 3 "without it the others are moved" --bridge vmbr1=vmbr9 alpha beta b1 local db1 web1
says out '^1 of 2 VMs are moved' "of two one is moved"
says out '^  db1 +stopped by a check +mend the cause' "with what stopped the other"
says out '^  web1 +moved +down [0-9.]+ s' "and how long it was down"
is "$(ls "$XDG_STATE_HOME/vmferry/jobs" | wc -l)" 2 "each moved VM had a job of its own"

"$vmferry" move -c "$L/vmferry.conf" --yes --bwlimit 1 alpha beta b1 local big1 db1 \
    >"$work/slow" 2>"$work/slow.err" </dev/null &
front=$!
i=0
until grep -q 'Copy the disks' "$work/slow" || [ $i = 300 ]; do
    i=$((i + 1))
    sleep 0.1
done
job=$(basename "$(job_dir)")
kill -HUP $front
wait $front
is $? 4 "a terminal that is lost ends the command"
cp "$work/slow" "$work/out"
says out "^  big1 +INTERRUPTED +vmferry attach $job" "with the command that can follow"
says out '^  db1 +not begun' "and the others are not begun"
kill -TERM "$(pgrep -f "__job run $(job_dir)\$")"
i=0
while pgrep -f "__job run $(job_dir)\$" >/dev/null && [ $i -lt 300 ]; do
    i=$((i + 1))
    sleep 0.1
done
[ $i -lt 300 ]
ok $? "the job ends when told to"

# without an interactive shell a background command does not hear INT: TERM is the same
"$vmferry" move -c "$L/vmferry.conf" --yes --bwlimit 1 alpha beta b1 local big1 clone1 \
    >"$work/slow" 2>"$work/slow.err" </dev/null &
front=$!
i=0
until grep -q 'Copy the disks' "$work/slow" || [ $i = 300 ]; do
    i=$((i + 1))
    sleep 0.1
done
kill -TERM $front
wait $front
is $? 1 "who stops one of several means all"
cp "$work/slow" "$work/out"
says out '^  big1 +stopped, put back +move it again$' "the one is put back"
says out '^  clone1 +not begun +move it again$' "the others are not begun"
done_testing
