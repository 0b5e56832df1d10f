#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# What can be answered while a job waits for the word to shut down: copy again what has changed. And
# when a guest does not shut down in time.
. "${top_srcdir:-.}/tests/e2e/lib.sh"
. "${top_srcdir:-.}/tests/e2e/screen.sh"
lab_up
conf=$L/vmferry.conf

volume() { # CLUSTER NODE VMID SLOT
    config "$1" "$2" "$3" | sed -n "s/^$4: \([^,]*\).*/\1/p"
}
# passes STATE: how often copying the running VM's disk came to that
passes() {
    grep '"key": *"precopy/scsi0"' "$(job_dir)/journal.jsonl" | grep -c "\"state\": *\"$1\""
}
raw=$(image alpha a1 "$(volume alpha a1 101 scsi0)")
printf '\1' | dd of="$raw" bs=1 seek=3 conv=notrunc status=none
on alpha a1 'qm start 101' # its guest writes all the time

# --- refreshed on one terminal, interrupted in another refresh, resumed, refreshed, shut down
# its process dies when a third pass is announced
at_terminal "KILLAT_WHERE=after KILLAT_WRITE=precopy/scsi0:intent KILLAT_TIME=3 LD_PRELOAD='$top_builddir/tests/e2e/killat.so' \
    ASAN_OPTIONS='${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0' \
    '$vmferry' move -c '$conf' --yes --wait-before-stop --skip-start alpha beta b1 local db1"
sees 'Ready to shut down db1' "the job waits for the word"
sees 'scsi0: 64 MiB, copied .* ago; .* were sent in' "it says what is copied, and since when"
sees 'scsi1: .* copied after the shutdown' "and what is not"
sees 'Expected downtime: about ' "and how long it would be down"
sees '4  copy what has changed' "and that it can copy again"
is "$(passes done)" 1 "the raw disk was copied once"
keys 4 Enter
sees 'copied again .* ago; .* had changed' "it copies again, and asks again"
is "$(status alpha a1 101)" running "while the VM runs on"
is "$(passes done)" 2 "the raw disk was copied twice"
tmux -L "$screen" kill-server
"$vmferry" attach </dev/null >"$work/attach" 2>&1 &
front=$!
at_terminal "'$vmferry' attach --plain"
sees 'Ready to shut down db1' "who comes back finds the same question"
pid=$(job_pid)
keys 4 Enter
until_true gone "$pid"
ok $? "the job's process is killed in a third pass"
is "$(passes intent)" 3 "really"
wait $front 2>/dev/null
is "$(status alpha a1 101)" running "the VM runs"
run 0 "the job" jobs
says out 'INTERRUPTED .*db1.*; resume or rollback' "can go on"
at_terminal "'$vmferry' resume --yes"
sees 'Ready to shut down db1' "resumed, it copies what was cut off and asks again"
is "$(passes done)" 3 "which was the third pass"
keys 1 Enter
sees 'exit=0' "and then it is moved"
sees 'sent while it ran' "the report has what was sent before"
sees 'by hand +start db1 at beta' "and what is left to do"
grep -q '"forecast_downtime": [1-9]' "$(job_dir)/report.json"
ok $? "and report.json the outage that was expected"
cp "$work/out" "$work/shown"
run 0 "the report can be seen again" jobs "$(basename "$(job_dir)")"
grep '^  by .*@' "$work/out" >"$work/a" && grep -qxF -f "$work/a" "$work/shown"
ok $? "with who moved it"
says out '^  begun +20..-' "and when"
id=$(on beta b1 'qm list' | awk '$2 == "db1" {print $1}')
same "$raw" "$(image beta b1 "$(volume beta b1 "$id" scsi0)")" "the disk is as its guest left it"
sum=$(grep '"key": *"precopy/scsi0"' "$(job_dir)/journal.jsonl" | grep '"state": *"done"' |
    sed 's/.*"sent": *\([0-9]*\).*/\1/' | awk '{n += $1} END {print n}')
is "$(sed -n 's/.*"sent_before": *\([0-9]*\).*/\1/p' "$(job_dir)/report.json" | head -n 1)" "$sum" \
    "of all its passes together"

# --- a guest that does not shut down: nobody there, the guest asked again, a person's word
snapshot "$work/before"
"$vmferry" move -c "$conf" --yes --stop-timeout 2 alpha beta b1 local stubborn \
    </dev/null >"$work/move" 2>"$work/move.err" &
front=$!
until_true grep -q 'The job waits. Come back with' "$work/move.err"
cp "$work/move.err" "$work/err"
says err 'The job waits. Come back with' "--yes forces no stop, and nobody else does: the job waits"
is "$(status alpha a2 103)" running "the VM still runs"
kill -9 "$(job_pid)"
wait $front 2>/dev/null
is "$(status alpha a2 103)" running "its process is killed: the VM runs on"
at_terminal "'$vmferry' resume --yes"
sees 'stubborn did not shut down. What now' "resumed, the guest is asked again, then the operator"
sees '2  stop \(hard\)' "who may stop it hard"
sees '4  not yet.*  \(Enter\)' "or wait, as Enter does"
keys Enter
sees 'The job waits. Come back with' "the question is left open"
at_terminal "'$vmferry' attach --plain"
sees 'What now' "and is there for the next one"
keys 3 Enter
sees 'exit=1' "who gives up"
is "$(status alpha a2 103)" running "the VM was never stopped"
unchanged "and everything is put back"

# --- it goes down while the question is open: the job goes on by itself
at_terminal "'$vmferry' move -c '$conf' --yes --stop-timeout 2 alpha beta b1 local stubborn"
sees 'What now' "once more"
on alpha a2 'qm stop 103'
sees 'exit=0' "somebody else stops it: the job goes on by itself"
sees 'No answer is needed any more' "the question is taken back"
sees 'has shut down after all' "which is said"

id=$(on beta b1 'qm list' | awk '$2 == "stubborn" {print $1}')
has beta b1 "$id" "name: stubborn" "it is at the target"
done_testing
