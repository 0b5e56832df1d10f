#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# A running VM with a raw disk, to which its guest writes all the time, and a qcow2 disk: the raw one is
# copied while it runs and compared after the shutdown.
. "${top_srcdir:-.}/tests/e2e/lib.sh"
lab_up

volume() { # CLUSTER NODE VMID SLOT
    config "$1" "$2" "$3" | sed -n "s/^$4: \([^,]*\).*/\1/p"
}
raw=$(image alpha a1 "$(volume alpha a1 101 scsi0)")
vz=/var/lib/vz
[ "$namespaces" ] || vz=$L/alpha/a1/vz
qcow2=$(image alpha a1 "$(volume alpha a1 101 scsi1)")
# first: what a guest writes first, at another time always something else
first() {
    dd if="$raw" bs=512 skip=$((2048 + 64)) count=1 status=none | cksum
}
# goes_on: it writes, and once more
written() {
    [ "$(stat -c %y "$raw")" != "$before" ]
}
goes_on() {
    for time in 1 2; do
        before=$(stat -c %y "$raw")
        until_true written || return 1
    done
}
# number KEY STEP: of the step's result
number() {
    grep "\"key\": *\"$2\"" "$(job_dir)/journal.jsonl" | grep '"state": *"done"' |
        sed -n "s/.*\"$1\": *\([0-9]*\).*/\1/p"
}

printf '\1' | dd of="$raw" bs=1 seek=3 conv=notrunc status=none
on alpha a1 'qm start 101'
goes_on
ok $? "a guest writes"

# --- said beforehand
run 0 "its move" move -c "$L/vmferry.conf" -n alpha beta b1 local db1
says out 'while it runs: scsi0$' "copies the raw disk while it runs"
says out 'down  .*about 2[4-9] MiB \(scsi0\) are read once more .*about 16 MiB \(scsi1\) are copied' \
    "and says what the outage is for"
run 0 "without that" move -c "$L/vmferry.conf" -n --no-precopy alpha beta b1 local db1
says out 'down  .*until about 4[0-9] MiB \(scsi0, scsi1\) are copied' "all is copied after the shutdown"
run 0 "a stopped VM" move -c "$L/vmferry.conf" -n alpha beta b1 local big1
! grep -qE 'while it runs|  down  ' "$work/out"
ok $? "has no outage"

# --- stopped while it copies
snapshot "$work/before"
empty out
"$vmferry" move -c "$L/vmferry.conf" --yes --progress=json --bwlimit 2 alpha beta b1 local db1 \
    >"$work/out" 2>"$work/err" </dev/null &
pid=$!
until_true grep -q '"type": *"progress"' "$work/out"
kill -INT $pid
wait $pid
is $? 1 "a move that is stopped while it copies ahead"
is "$(status alpha a1 101)" running "leaves the VM running"
! grep -q '"key": *"shutdown"' "$(job_dir)/journal.jsonl"
ok $? "which was not shut down in between"
goes_on
ok $? "and goes on writing"
snapshot "$work/after"
grep -v '"used"' "$work/before" >"$work/a"
grep -v '"used"' "$work/after" | diff "$work/a" - >"$work/out" 2>&1
ok $? "nothing is left of it"

# --- what goes wrong before the shutdown
# elsewhere PATH: the disks of storage local are looked for in PATH of the node
cp "$L/vmferry.conf" "$work/good.conf"
elsewhere() {
    awk -v s="    storages = ( { name = \"local\"; path = \"$1\"; } );" \
        '{ print } /name = "alpha"/ { print s }' "$work/good.conf" >"$L/vmferry.conf"
    chmod 600 "$L/vmferry.conf"
}
# shutdowns: what the last job's journal says of it
shutdowns() {
    grep -c '"key": *"shutdown"' "$(job_dir)/journal.jsonl"
}
elsewhere "$vz/nosuch"
move 1 "a disk that is not there" alpha beta b1 local db1
says err 'nosuch/images/101' "is named"
is "$(shutdowns)" 0 "and costs no outage"
mkdir -p "$L/alpha/a1/vz/other/images/101"
truncate -s 65M "$L/alpha/a1/vz/other/images/101/vm-101-disk-0.raw"
elsewhere "$vz/other"
was=$(first)
move 1 "a disk that may be another one while the VM runs" alpha beta b1 local db1
says out 'warning: scsi0 is not copied while the VM runs, only afterwards: .* not the 67108864' \
    "is looked at again after the shutdown"
[ "$(shutdowns)" -gt 0 ]
ok $? "when it was shut down"
is "$(status alpha a1 101)" running "and as it is another one then too, the VM runs again"
changed() {
    [ "$(first)" != "$was" ]
}
until_true changed
ok $? "and writes"
rm -r "$L/alpha/a1/vz/other"
cp "$work/good.conf" "$L/vmferry.conf"

# --- to the end
# not started there: its guest would write at once. The job sleeps when it has copied ahead, for as long as the
# guest takes to write something
rm -rf "$XDG_STATE_HOME"
empty out
KILLAT_WHERE=asleep KILLAT_WRITE=precopy/scsi0:done LD_PRELOAD=$top_builddir/tests/e2e/killat.so \
    ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0 \
    "$vmferry" move -c "$L/vmferry.conf" --yes --skip-start --progress=json alpha beta b1 local db1 \
    >"$work/out" 2>"$work/err" </dev/null &
front=$!
is_asleep() {
    in_journal '"precopy/scsi0".*"done"' && grep -q '^State:.*T' "/proc/$(job_pid)/status"
}
until_true is_asleep && goes_on
ok $? "a disk is copied ahead, and the guest writes to it"
kill -CONT "$(job_pid)"
wait $front
is $? 0 "a running VM is moved"
cp "$work/out" "$work/events"
is "$(status alpha a1 101)" stopped "it is down at the source"
order=$(sed -n 's/.*"step": *"\(precopy\|shutdown\|copy\)".*/\1/p' "$work/events" | uniq | tr '\n' ' ')
is "$order" "precopy shutdown copy " "it was copied, shut down, and copied again"
ahead=$(number sent precopy/scsi0) rest=$(number sent copy/scsi0) same=$(number same copy/scsi0)
[ "$ahead" -ge 25165824 ] && [ "$rest" -gt 0 ] && [ "$rest" -lt "$ahead" ] && [ "$same" -gt 0 ]
ok $? "of the raw disk $ahead bytes went over before the shutdown, $rest after"
grep -q "\"sent_before\": *$ahead" "$work/events"
ok $? "and the report tells it"
is "$(number sent precopy/scsi1)" "" "of the qcow2 disk none before"
id=$(sed -n 's/.*"target_vmid": *\([0-9]*\).*/\1/p' "$work/events" | tail -n 1)
same "$raw" "$(image beta b1 "$(volume beta b1 "$id" scsi0)")" "the raw disk is as its guest left it"
same "$qcow2" "$(image beta b1 "$(volume beta b1 "$id" scsi1)")" "the qcow2 disk is the same"
done_testing
