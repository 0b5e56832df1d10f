#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# A job killed at a write of its journal, of a running VM with two disks that starts at boot, is in a pool
# and highly available: rollback
# gives exactly what was before. A few writes are tried, all with CRASH_POINTS=all, or the K-th of N parts of
# them with CRASH_POINTS=K/N.
. "${top_srcdir:-.}/tests/e2e/lib.sh"
prepare() {
    lab_up
    # a second disk, of which the running guest knows nothing yet
    second=local:100/vm-100-disk-1.raw
    head -c 4194304 /dev/urandom >"$(image alpha a1 $second)"
    ctl alpha set-config 100 scsi1 $second,size=4M
    has alpha a1 100 'onboot: 1' "the VM starts at boot"
    is "$(status alpha a1 100)" running "and runs"
    ctl alpha ha vm:100 started
    snapshot "$work/before"
    contents "$work/contents"
}
prepare

# killed_move WHERE KEY:STATE [OPTION]: a move whose job dies there; fails when it got to its end
killed_move() {
    where=$1 write=$2
    shift 2
    rm -rf "$XDG_STATE_HOME"
    killed "$where" "$write" move -c "$L/vmferry.conf" --yes --stop-timeout 5 "$@" \
        alpha beta b1 local web1
}
last_line() {
    sed -n 's/.*"key":"\([^"]*\)","state":"\([a-z]*\)".*/\2 of \1/p' "$(job_dir)/journal.jsonl" | tail -n 1
}
# undone WHERE KEY:STATE [OPTION]
undone() {
    killed_move "$@"
    is $? 4 "killed at $*, after the $(last_line)"
    "$vmferry" rollback >"$work/out" 2>"$work/err" </dev/null
    is $? 0 "it is rolled back"
    is "$(status alpha a1 100)" running "the VM runs again"
    unchanged "and all is as before"
    contents "$work/after"
    cmp -s "$work/contents" "$work/after"
    ok $? "the images too"
}

points=${CRASH_POINTS-"torn:claim:done after:token/source:intent torn:create:done
    torn:allocate/scsi1:done torn:ha:done after:shutdown:intent after:copy/scsi0:intent
    torn:attach/scsi0:done"}
case $points in
all | [0-9]*/[0-9]*)
    move 0 "a move shows what lines there are" alpha beta b1 local web1
    points=$(sed -n '/"key":"start"/q; s/.*"key":"\([^"]*\)","state":"\([a-z]*\)".*/torn:\1:\2 after:\1:\2/p' \
        "$(job_dir)/journal.jsonl" | tr ' ' '\n' | share "$points")
    "$lab" down --dir "$L" >/dev/null
    prepare
    ;;
esac
for p in $points; do
    undone "${p%%:*}" "${p#*:}"
done

# a target that is not started leaves the way back open to the end, the source's new notes included; of
# these steps none knows of disks, so that one move with them is enough
undone torn finish/onboot:done --skip-start
for p in torn:migrated:done torn:migrated/note:done after:migrated/note:done; do
    undone "${p%%:*}" "${p#*:}" --skip-start --skip-disks
done

# a rollback that is cut off: there is no way forwards any more, but the rest of the way back
killed_move after rename:done
killed torn attach/scsi1:undone rollback
is $? 4 "a rollback is killed after the $(last_line)"
run 4 "its job does not go on" resume --yes
says err 'being undone' "which is said"
killed after shutdown:undone rollback
is $? 4 "killed again after the $(last_line)"
run 0 "it is rolled back" rollback
is "$(status alpha a1 100)" running "the VM runs again"
unchanged "and all is as before"
run 1 "nor is there anything to go on with now" resume "$(basename "$(job_dir)")"
says err 'was undone' "which is said"

# from there on nobody can know whether the target ran: see return.sh
killed_move after start:intent
is $? 4 "killed after the $(last_line)"
run 2 "that is not rolled back just so" rollback
says err 'It may have run at beta' "because the target may have run"
done_testing
