#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# A job killed at a write of its journal, of a running VM with two disks that starts at boot: rollback
# gives exactly what was before. A few writes are tried, all with CRASH_POINTS=all.
. "${top_srcdir:-.}/tests/e2e/lib.sh"
lab_up
# a second disk, of which the running guest knows nothing yet
second=local:100/vm-100-disk-1.raw
head -c 4194304 /dev/urandom >"$(image alpha a1 $second)"
ctl alpha set-config 100 scsi1 $second,size=4M
has alpha a1 100 'onboot: 1' "the VM starts at boot"
is "$(status alpha a1 100)" running "and runs"
snapshot "$work/before"

# killed WHERE WRITE [OPTION]: a move whose job dies there; fails when it got to its end
killed() {
    where=$1 write=$2
    shift 2
    rm -rf "$XDG_STATE_HOME"
    KILLAT_WHERE=$where KILLAT_WRITE=$write LD_PRELOAD=$top_builddir/tests/e2e/killat.so \
        "$vmferry" move -c "$L/vmferry.conf" --yes --stop-timeout 5 "$@" alpha beta b1 local web1 \
        >"$work/out" 2>"$work/err" </dev/null
}
last_line() {
    sed -n 's/.*"key":"\([^"]*\)","state":"\([a-z]*\)".*/\2 of \1/p' "$(job_dir)/journal.jsonl" | tail -n 1
}
# undone WHERE WRITE [OPTION]
undone() {
    killed "$@"
    is $? 4 "killed at write $*, after the $(last_line)"
    "$vmferry" rollback >"$work/out" 2>"$work/err" </dev/null
    is $? 0 "it is rolled back"
    is "$(status alpha a1 100)" running "the VM runs again"
    unchanged "and all is as before"
}

# write 35 announces the start of the target
points=${CRASH_POINTS-"after:4 torn:6 torn:8 torn:10 torn:12 torn:14 torn:16 after:17 torn:18 torn:20 torn:22 after:23 torn:28 after:34"}
if [ "$points" = all ]; then
    points=
    for n in $(seq 1 34); do
        points="$points torn:$n after:$n"
    done
fi
for p in $points; do
    undone "${p%:*}" "${p#*:}"
done

# a target that is not started leaves the way back open to the end, the source's new notes included
for p in torn:36 torn:38 after:38 torn:40; do
    undone "${p%:*}" "${p#*:}" --skip-start
done

# from there on nobody can know whether the target ran
killed after 35
is $? 4 "killed after the $(last_line)"
run 5 "that is not rolled back" rollback
says err 'may have run' "because the target may have run"
says err 'never run both' "and what to do is said"

# nor is what is finished
rm -rf "$XDG_STATE_HOME"
move 0 "a stopped VM is moved" alpha beta b1 local db1
snapshot "$work/before"
run 5 "that is not rolled back" rollback
says err 'is finished' "because the VM at the target is its operator's now"
unchanged "and nothing is touched"
done_testing
