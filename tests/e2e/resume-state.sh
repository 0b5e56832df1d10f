#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Where jobs are kept: a disk that is full, journals that are damaged or of another version, two
# operators at one job, and processes that are killed while they copy.
. "${top_srcdir:-.}/tests/e2e/lib.sh"
lab_up
snapshot "$work/before"

# --- two at one job
begin move -c "$L/vmferry.conf" --yes --bwlimit 1 alpha beta b1 local web1
id=$(basename "$(job_dir)")
pid=$(job_pid)
run 0 "a check of a running job says who works on it" resume --check
says err "Job $id is being worked on already \(process $pid, since 20" "by process and time"
run 1 "a rollback is refused" rollback
says err "process $pid on this machine, since 20" "and says the same"
empty out
timeout 300 "$vmferry" resume --yes >"$work/out" 2>"$work/err" </dev/null &
second=$!
until_true grep -q 'Copy the disks' "$work/out"
one_process() { # but for children that are about to be programs of their own
    [ "$(pgrep -fc "__job run $(job_dir)\$")" = 1 ]
}
until_true one_process
ok $? "a second resume starts no second process"

# --- killed while it copies, and again
copies_again() {
    tail -n +$((lines + 1)) "$(job_dir)/journal.jsonl" | grep -q '"copy/scsi0"'
}
for n in 1 2 3; do
    kill -9 "$(job_pid)"
    wait $front
    is $? 4 "killed while it copies, time $n"
    [ $n != 1 ] || { wait $second; is $? 4 "whoever follows it is told"; }
    [ $n = 3 ] || {
        lines=$(wc -l <"$(job_dir)/journal.jsonl")
        empty slow
        "$vmferry" resume --yes >"$work/slow" 2>"$work/slow.err" </dev/null &
        front=$!
        until_true copies_again
        ok $? "resumed, it copies again"
        sleep 0.$((n * 3)) # anywhere in it
    }
done
resumes "resumed at last it ends well"
file=$(job_dir)/journal.jsonl
source=$(config alpha a1 100 | sed -n 's/^scsi0: \([^,]*\).*/\1/p')
target=$(config beta b1 "$vmid" | sed -n 's/^scsi0: \([^,]*\).*/\1/p')
same "$(image alpha a1 "$source")" "$(image beta b1 "$target")" "the disk is the same"
is "$(helpers alpha a1)$(helpers beta b1)" "" "no helper is left on either host"
keys_on alpha a1 >"$work/out"
keys_on beta b1 >>"$work/out"
! grep -q vmferry-job "$work/out"
ok $? "no key either"
report=$(job_dir)/report.json
grep -q '"starts": 4' "$report"
ok $? "the report counts all four processes"
since=$(sed -n 's/.*"key":"shutdown","state":"intent".*"since":\([0-9]*\).*/\1/p' "$file")
# start STATE: when the target's start came to that
start() {
    date -d "$(sed -n 's/.*"time":"\([^"]*\)","key":"start","state":"'"$1"'".*/\1/p' "$file")" +%s
}
down=$(sed -n 's/.*"downtime": \([0-9]*\).*/\1/p' "$report")
[ "$down" -ge $(($(start intent) - since)) ] && [ "$down" -le $(($(start done) - since)) ]
ok $? "and the downtime over all of them"
run 0 "it is taken back" rollback --return web1 --remove-target "$id"
snapshot "$work/before"

# --- journals that cannot be trusted
rm -rf "$XDG_STATE_HOME"
killed after cloning:done move -c "$L/vmferry.conf" --yes alpha beta b1 local web1
is $? 4 "a job is cut off"
id=$(basename "$(job_dir)")
file=$(job_dir)/journal.jsonl
cp "$file" "$work/journal"
snapshot "$work/held"
refused() { # PATTERN TEXT
    for command in resume rollback; do
        "$vmferry" $command "$id" >"$work/out" 2>"$work/err" </dev/null
        is $? 1 "$command refuses $2"
        says err "$1" "and says why"
    done
    run 0 "jobs lists it all the same" jobs
    says out "^$id .*$1" "with that"
    snapshot "$work/after"
    cmp -s "$work/held" "$work/after"
    ok $? "nothing is touched"
}
sed '1s/"reader":1/"reader":9/' "$work/journal" >"$file"
refused 'newer vmferry' "a journal of a newer version"
sed '1s/"version":1/"version":0/' "$work/journal" >"$file"
refused 'older vmferry' "a journal of an older version"
sed '5s/^{/rubbish{/' "$work/journal" >"$file"
refused 'line 5 cannot be read' "a damaged line in the middle"
: >"$file"
refused 'is empty' "an empty one"
{
    cat "$work/journal"
    printf '{"type":"step","key":"copy/sc'
} >"$file"
run 0 "a torn last line is passed over" resume --check

# --- the disk with the state is full
mount -t tmpfs -o size=2300k none "$XDG_STATE_HOME" 2>/dev/null || {
    skip "a full disk" "tmpfs cannot be mounted"
    cp -r "$work/journal" "$file"
    run 0 "rolled back" rollback
    unchanged "all is as before"
    done_testing
}
umount "$XDG_STATE_HOME"
cp "$work/journal" "$file"
run 0 "rolled back" rollback
unchanged "all is as before"
# full KIB: a move whose state has that much room
full() {
    rm -rf "$XDG_STATE_HOME"
    mkdir -p "$XDG_STATE_HOME"
    mount -t tmpfs -o "size=$1k" none "$XDG_STATE_HOME"
    "$vmferry" move -c "$L/vmferry.conf" --yes alpha beta b1 local db1 >"$work/out" 2>"$work/err" </dev/null
    code=$?
}
# free: takes it away, once the job's process has let go of it
free() {
    until_true umount "$XDG_STATE_HOME"
}
trap 'umount -l "$XDG_STATE_HOME" 2>/dev/null; finish' EXIT
full 200
is $code 3 "no room for a job: it does not begin"
says out 'STOP: .*are free for this machine.s record' "which is said"
unchanged "nothing is touched"
run 0 "and no half job is left" jobs
says out 'There are no jobs' "in the list"
free
# room for the journal that was reserved, none for log and report
full 1036
[ $code = 0 ] || [ $code = 1 ]
ok $? "room for the journal only: it ends as done or as put back ($code)"
[ $code = 1 ] && unchanged "and everything is put back" || {
    run 0 "it is listed" jobs
    says out ' done .*db1' "as done"
}
free
done_testing
