#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# A host that stays away for longer than is ridden out, in the middle of a copy: what was copied is kept, the
# source serves on, and the job goes on or back when the host is there again. OUTAGE_COPY=all: also while a VM is
# copied ahead, and before anything was copied.
VMFERRY_TEST_HASTE=20
VMFERRY_TEST_OUTAGE=2 # by then nobody believes any more what the host of the job's record said last
[ "${OUTAGE_COPY-}" != all ] || VMFERRY_TEST_OUTAGE=8
export VMFERRY_TEST_HASTE VMFERRY_TEST_OUTAGE
. "${top_srcdir:-.}/tests/e2e/lib.sh"
lab_up # movers keep to what it is now
[ "$namespaces" ] || {
    skip "a host goes away" "all nodes of this lab are one host"
    done_testing
}
VMFERRY_TEST_OUTAGE=2
second=local:100/vm-100-disk-1.raw
small=$(image alpha a1 $second)
truncate -s 1M "$small"
ctl alpha set-config 100 scsi1 $second,size=1M
ctl alpha ha vm:100 started
snapshot "$work/before"

# away HOST…, back HOST…: its sshd, with all sessions, and its API
away() {
    for host; do
        ctl "${host%/*}" api "${host#*/}" off
        ctl "${host%/*}" offline "${host#*/}"
    done
}
back() {
    for host; do
        ctl "${host%/*}" online "${host#*/}"
        ctl "${host%/*}" api "${host#*/}" on
    done
}
sshd_away() {
    ctl "${1%/*}" sshd "${1#*/}" stop
    on "${1%/*}" "${1#*/}" "pkill -f '[s]shd: '" # who is logged in stays
}
gone_away=away
# cut HOST KEY:STATE ARGUMENT…: a move that has copied something, and is there in its journal; then that host goes
# away. The move is paused first, so that it cannot come to its end.
copied() {
    in_journal "\"key\":\"${1%:*}\",\"state\":\"${1##*:}\"" &&
        grep -q '"disk":"scsi0"[^}]*"committed":[1-9]' "$work/out"
}
cut() {
    host=$1 point=$2
    shift 2
    rm -rf "$XDG_STATE_HOME"
    empty out
    "$vmferry" move -c "$L/vmferry.conf" --yes --progress=json --bwlimit 32 "$@" >"$work/out" 2>"$work/err" \
        </dev/null &
    front=$!
    until_true copied "$point"
    ok $? "a move copies"
    "$vmferry" pause >/dev/null </dev/null
    $gone_away "$host"
    wait $front
    is $? 4 "$host stays away: interrupted"
    ! in_journal '"key":"rollback"'
    ok $? "nothing was begun to be put back"
    grep -o '"kept":"[^"]*"' "$work/out" | tail -n 1 >"$work/kept"
}
# alike NODE VMID SLOT: that disk of alpha's VM and of the one that was made of it
alike() {
    from=$(config alpha "$1" "$2" | sed -n "s/^$3: \([^,]*\).*/\1/p")
    to=$(config beta b1 "$vmid" | sed -n "s/^$3: \([^,]*\).*/\1/p")
    same "$(image alpha "$1" "$from")" "$(image beta b1 "$to")" "$3 is the same"
}

# --- the target's host, of a VM that ran: one disk is whole at the target, the other begun
cut beta/b1 copy/scsi1:done --no-precopy alpha beta b1 local web1
says out 'what was copied is kept .scsi0: .* of 1.0 GiB, scsi1: 1.0 MiB of 1.0 MiB.*web1 is started again' \
    "what is kept is said, and what becomes of the VM"
is "$(status alpha a1 100)" running "the source runs"
has alpha a1 100 'name: web1' "it has its name"
has alpha a1 100 'onboot: 1' "and its start at boot"
is "$(ctl alpha dump | sed -n '/"vm:100": {/,/}/s/^ *"state": "\([a-z]*\)".*/\1/p' | head -n 1)" started \
    "and its high availability"
is "$(helpers alpha a1)" "" "nothing of the job is left at the source's host"
run 4 "a check tells how it stands, as far as that can be known" resume --check
says out '^web1 was started again at the source' "that it runs"
says out 'kept .*scsi0: .* of 1.0 GiB, scsi1: 1.0 MiB of 1.0 MiB' "what is kept"
back beta/b1
# meanwhile it has written, to what was copied of either
ctl alpha ha vm:100 ignored
on alpha a1 'qm stop 100'
printf changed | dd of="$small" bs=1 seek=70000 conv=notrunc status=none
large=$(image alpha a1 local:100/vm-100-disk-0.qcow2)
qemu-io -f qcow2 -c 'write -P 0x5a 64k 64k' "$large" >/dev/null
on alpha a1 'qm start 100'
ctl alpha ha vm:100 started
resumes
is "$(status beta b1 "$vmid")" running "the target runs"
is "$(status alpha a1 100)" stopped "the source does not"
alike a1 100 scsi0
alike a1 100 scsi1

VMFERRY_TEST_OUTAGE=1
if [ "${OUTAGE_COPY-}" = all ]; then
    # --- only sshd of the source's host: its mover lives on, and lets go of the disks when nobody comes back to it
    ctl alpha ha vm:100 -
    run 0 "it returns" rollback --return web1 --remove-target "$(basename "$(job_dir)")"
    VMFERRY_TEST_OUTAGE=8 gone_away=sshd_away
    cut alpha/a1 copy/scsi1:done --no-precopy alpha beta b1 local web1
    says out 'web1 does not start at the source yet: what this job runs on a1 may hold its disks' \
        "it is said why the VM cannot start yet"
    is "$(status alpha a1 100)" running "then it does"
    ctl alpha sshd a1 start
    run 0 "it goes back" rollback
    VMFERRY_TEST_OUTAGE=1 gone_away=away

    # --- the target's host, while a VM that runs is copied ahead; it goes back
    on alpha a1 'qm start 101'
    snapshot "$work/before"
    cut beta/b1 precopy/scsi0:intent alpha beta b1 local db1
    says out 'what was copied is kept .*db1 runs on at the source' "what is kept is said, and that the VM was left alone"
    is "$(status alpha a1 101)" running "it runs"
    back beta/b1
    run 0 "and can be undone" rollback
    unchanged "and all is as before"

    # --- nothing was copied yet
    rm -rf "$XDG_STATE_HOME"
    ctl beta fault fail POST '/nodes/b1/storage/local/content' 596 'Connection timed out'
    move 1 "what is gone before anything was copied ends the move" alpha beta b1 local big1
    unchanged "and all is as before"
    on alpha a1 'qm stop 101'
fi

# --- the source's host and its cluster's API, of a VM that was stopped
cut alpha/a1 copy/scsi0:intent alpha beta b1 local db1
grep -q '"kept":"scsi0: ' "$work/kept"
ok $? "what is kept is in the report"
back alpha/a1
resumes
is "$(grep -c '"key":"copy/scsi[01]","state":"undone"' "$(job_dir)/journal.jsonl")" 0 "nothing is copied anew"
grep -q '101-disk-0.raw: going on at [1-9]' "$(job_dir)/log"
ok $? "but from where it was"
alike a1 101 scsi0
alike a1 101 scsi1
done_testing
