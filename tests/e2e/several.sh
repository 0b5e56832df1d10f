#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Several VMs in one command: one that fails does not stop the others, the table says what became of each;
# one plan for all; some at a time.
. "${top_srcdir:-.}/tests/e2e/lib.sh"
lab_up
state=$XDG_STATE_HOME/vmferry
njobs() {
    ls "$state/jobs" 2>/dev/null | wc -l
}
newest_batch() {
    ls "$state/batches" | tail -n 1
}

move 3 "with --stop-on-failure nothing is begun behind one that is not moved" --stop-on-failure --skip-disks \
    alpha beta b1 local old1 golden nosuch db1 web1
says out '^1 of 5 VMs are moved' "of five one is moved"
says out '^  old1 +moved$' "which is said"
says out '^  golden +stopped by a check +mend' "as is what was not"
says out '^  db1 +not begun +move it again$' "and what was not begun"
is "$(njobs)" 1 "and had no job"

# what does not go together, though each could be moved alone
move 3 "two that would be alike at the target" -n --skip-disks --vmid 900 --bridge vmbr1=vmbr9 alpha beta b1 local web1 big1
says out 'STOP: big1: VMID 900 is for VM [0-9]+ \(web1\), which comes before it' "are told apart before it begins"
says out '^1 of 2 VMs can be moved' "and counted"

move 0 "one that fits alone" -n alpha beta b1 small stubborn
move 0 "and another" -n alpha beta b1 small db1 --bridge vmbr1=vmbr0
if [ "$namespaces" ]; then
    move 3 "do not fit together" -n alpha beta b1 small db1 stubborn --bridge vmbr1=vmbr0
    says out 'STOP: small: its disks and those of the VMs before it hold .* and the target storage has' "which is said of the second"
    says out '^1 of 2 VMs can be moved' "and the first can be moved"
else
    skip "do not fit together" "without namespaces the storage is as large as this machine's disk"
fi

move 3 "two cannot have one address" -n --skip-disks --mac 02:00:00:00:00:77 alpha beta b1 local web1 stubborn
says out 'STOP: net0: VM 100 \(web1\), which comes before it, has the same MAC address 02:00:00:00:00:77' "which is said"
for i in 100 103; do
    ctl alpha set-config $i memory 8000
done
move 0 "what is started is summed, too" -n alpha beta b1 local web1 stubborn
says out 'warning: b1: it and the VMs before it that are started want 16 GiB of memory, the node has 13 GiB free' \
    "as memory of the node"
move 0 "what is not started is not" -n --skip-start --skip-disks alpha beta b1 local web1 stubborn
! grep -q 'of memory, the node has' "$work/out"
ok $? "and nothing is said"
for i in 100 103; do
    ctl alpha set-config $i memory 512
done

run 0 "a plan for several" move -c "$L/vmferry.conf" --save-plan "$work/several.cfg" alpha beta b1 local db1 web1 \
    --bridge vmbr1=vmbr0
says out 'nothing was changed' "is only written"
grep -c 'vm-id = ' "$work/several.cfg" | grep -qx 2 && grep -c 'target-node = ' "$work/several.cfg" | grep -qx 1
ok $? "with what all have in common once"
run 0 "it can be checked" check -c "$L/vmferry.conf" "$work/several.cfg"
says out '^2 of 2 VMs can be moved; nothing was changed' "as a whole"
sed -i '0,/bridge = "vmbr0"/s//bridge = "vmbr9"/; s/vm-name = "web1";/&\n    target-name = "web9";/' "$work/several.cfg"
run 3 "one of it may be impossible" run -c "$L/vmferry.conf" --yes "$work/several.cfg"
says out '^1 of 2 VMs are moved' "of two one is moved"
says out '^  db1 +stopped by a check +mend the cause' "with what stopped the other"
says out '^  web1 +moved +down [0-9]' "and how long it was down"
is "$(njobs)" 2 "each moved VM had a job of its own"
config beta b1 "$(on beta b1 'qm list' | awk '$2 == "web9" { print $1 }')"
grep -q '^name: web9$' "$work/config"
ok $? "by the plan that was edited"
sed -i 's/bridge = "vmbr9"/bridge = "vmbr0"/' "$work/several.cfg"
run 0 "once mended it is carried out again" run -c "$L/vmferry.conf" --yes --progress=json "$work/several.cfg"
says out '"type":"end".*"job":"[0-9]{8}-' "each line of JSON names its job"
says out '"type":"batch".*"batch":"batch-.*"parallel":1.*"vms":\["db1"\]' "what is begun is a line, too"
tail -n 1 "$work/out" | grep -q '"type":"outcome".*"vm":"db1","job":"[^"]*","result":"ended","exit":0.*"moved before"'
ok $? "and the last one is what became of all"
! grep -E '"type":"(phase|note|ask|end|progress)"' "$work/out" | grep -vq '"job":"'
ok $? "all of them do"
is "$(njobs)" 3 "what was moved already is not moved again"
run 0 "and again" run -c "$L/vmferry.conf" --yes "$work/several.cfg"
says out '^2 of 2 VMs are moved' "of which nothing is left"
says out '^  web1 +was moved already' "as it says"

# two at a time; the terminal is lost, all goes on
empty slow
"$vmferry" move -c "$L/vmferry.conf" --yes --bwlimit 2 --parallel-guests 2 --skip-start alpha beta b1 local \
    big1 clone1 stubborn >"$work/slow" 2>"$work/slow.err" </dev/null &
front=$!
until_true grep -q 'big1: Copy the disks' "$work/slow" && until_true grep -q 'clone1: Copy the disks' "$work/slow"
ok $? "two copy at the same time, each with its name"
batch=$(newest_batch)
grep -q '^rate = 125000;' "$state"/jobs/*/plan.cfg
ok $? "each with half of the limit"
run 0 "they are listed" jobs
says out ' running +clone1: alpha -> beta' "as running"
says out ' waiting +stubborn: alpha -> beta' "and waiting"
says out "^$batch  running: 3 VMs, 0 ended, 2 running, 1 waiting" "in a batch"
kill -HUP $front
wait $front
is $? 4 "a terminal that is lost ends the command"
cp "$work/slow" "$work/out"
says out "^  big1 +running +vmferry attach" "with the command that can follow"
says out "^  stubborn +waiting +vmferry attach $batch" "for those that wait, too"

# the machine is switched off: batch and jobs die at once
cut_off() {
    for d in "$state/batches/$batch" "$state"/jobs/*; do # the batch first, or it begins what waits
        pid=$(cut -d' ' -f1 "$d/lock" 2>/dev/null)
        if [ "$pid" ] && [ -d "/proc/$pid" ] && tr '\0' ' ' <"/proc/$pid/cmdline" | grep -q "$d"; then
            kill -KILL "$pid"
            until_true [ ! -e "/proc/$pid" ]
        fi
    done
}
cut_off
run 0 "a batch that was cut off" jobs
says out "^$batch  INTERRUPTED; resume: 3 VMs, 2 ended, 0 running, 1 waiting" "is known as such"
says out ' WAITING +stubborn: .*resume' "also by what waits in it"
run 0 "what is left of it" resume -n "$batch"
says out "^Batch $batch: 2 jobs go on, 1 VMs have not begun" "is said before it goes on"
empty slow
"$vmferry" resume --yes >"$work/slow" 2>"$work/slow.err" </dev/null &
front=$!
until_true grep -q 'clone1: Copy the disks' "$work/slow" && until_true grep -q 'big1: Copy the disks' "$work/slow"
ok $? "all that was interrupted goes on"
kill -TERM $front
wait $front
is $? 1 "who stops one of several means all"
cp "$work/slow" "$work/out"
says out '^  big1 +stopped, put back +move it again$' "what ran is put back"
says out '^  clone1 +stopped, put back +move it again$' "all of it"
says out '^  stubborn +not begun +move it again$' "and the others are not begun"
run 0 "which stays so" jobs
says out ' not begun +stubborn' "in the list"
says out "^$batch  over: 3 VMs, 2 ended, 0 running, 0 waiting, 1 left out" "of what is over"

# undone as a whole
empty slow
"$vmferry" move -c "$L/vmferry.conf" --yes --bwlimit 2 --parallel-guests 2 alpha beta b1 local big1 clone1 stubborn \
    >"$work/slow" 2>"$work/slow.err" </dev/null &
front=$!
until_true grep -q 'big1: Copy the disks' "$work/slow" && until_true grep -q 'clone1: Copy the disks' "$work/slow"
ok $? "another two copy"
batch=$(newest_batch)
cut_off
wait $front
run 0 "a batch that was cut off is undone" rollback "$batch"
run 0 "all of it" jobs
says out "^$batch  over: 3 VMs, 2 ended, 0 running, 0 waiting, 1 left out" "so that nothing begins any more"
config alpha a1 105
grep -q '^name: big1$' "$work/config"
ok $? "the source is as it was"

move 0 "two are moved at the same time" --parallel-guests 2 alpha beta b1 local big1 clone1
says out '^2 of 2 VMs are moved' "both"
is "$(on beta b1 'qm list' | awk '$2 == "big1" || $2 == "clone1" { print $1 }' | sort -u | wc -l)" 2 \
    "each got a VMID of its own"
id=$(on beta b1 'qm list' | awk '$2 == "big1" { print $1 }')
same "$(image alpha a1 local:105/vm-105-disk-0.raw)" "$(image beta b1 local:"$id"/vm-"$id"-disk-0.raw)" \
    "and its own disks"
done_testing
