#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# A job killed at every step of the move of a running VM with two disks, resumed, killed at the next ...
# ends like a move that nobody disturbed. Of each step either the announced or the unrecorded end is
# tried; RESUME_POINTS=all: each of both, and what waits for requests that may be on their way. So does one
# that is killed at a single write, any of which is tried then (else one). RESUME_POINTS=K/N: the K-th of N
# parts of these; what is resumed again and again is in the first.
. "${top_srcdir:-.}/tests/e2e/lib.sh"

lab_up
second=local:100/vm-100-disk-1.raw
yes vmferry | head -c 4194304 >"$(image alpha a1 $second)"
ctl alpha set-config 100 scsi1 $second,size=4M
ctl alpha ha vm:100 started
snapshot "$work/before"
contents "$work/contents"

move 0 "a move that nobody disturbs" alpha beta b1 local web1
keys=$(sed -n 's/.*"type":"step".*"key":"\([^"]*\)","state":"done".*/\1/p' "$(job_dir)/journal.jsonl")
lines=$(sed -n 's/.*"type":"step".*"key":"\([^"]*\)","state":"\([a-z]*\)".*/torn:\1:\2 after:\1:\2/p' "$(job_dir)/journal.jsonl")
snapshot "$work/undisturbed"
plain "$work/undisturbed"
run 0 "it is taken back" rollback --return web1 --remove-target "$(basename "$(job_dir)")"
unchanged "and all is as before"
rm -rf "$XDG_STATE_HOME"

# points KEY: where the job is killed at this step
points() {
    if [ "${RESUME_POINTS-}" ]; then
        echo "after:$1:intent torn:$1:done"
        return
    fi
    case $1 in
    # only after some seconds it is sure that what was announced is not on its way
    create | allocate/* | start) echo "torn:$1:done" ;;
    *) [ $((n % 2)) = 0 ] && echo "after:$1:intent" || echo "torn:$1:done" ;;
    esac
}
case ${RESUME_POINTS-} in
"" | all | 1/*) ;;
*) keys="attach/scsi0 start" ;;
esac
n=0
set -- move -c "$L/vmferry.conf" --yes alpha beta b1 local web1
for key in $keys; do
    n=$((n + 1))
    for p in $(points "$key"); do
        # disks are copied side by side: one may have been ready when the job died with another
        case $key in copy/*) grep -q "\"key\":\"$key\",\"state\":\"done\"" "$(job_dir)/journal.jsonl" && continue ;; esac
        killed "${p%%:*}" "${p#*:}" "$@"
        is $? 4 "killed at $p"
        set -- resume --yes
        case $p in
        *:attach/scsi0:*) down=1 ;;
        torn:start:done) up=1 ;;
        *) continue ;;
        esac
        run 0 "it could go on" resume --check
        head -n 1 "$work/out" >"$work/first"
        case $p in
        torn:start:done) pattern='^web1 runs at the target \(beta\)' ;;
        *) pattern='^web1 is DOWN since .*\(' ;;
        esac
        says first "$pattern" "the first line says: $(cat "$work/first")"
    done
done
ok "$((1 - ${down-0} * ${up-0}))" "it was looked at while it was down, and when it ran"
run 0 "resumed once more it gets to its end" resume --yes
says out 'Report: web1, alpha -> beta/b1: done' "with the report of a move"
snapshot "$work/resumed"
plain "$work/resumed"
diff "$work/undisturbed.plain" "$work/resumed.plain" >"$work/out"
ok $? "clusters and hosts are as after the undisturbed move"
vmid=$(sed -n 's/.*"target_vmid":\([0-9]*\).*/\1/p' "$(job_dir)/journal.jsonl" | tail -n 1)
for slot in scsi0 scsi1; do
    from=$(config alpha a1 100 | sed -n "s/^$slot: \([^,]*\).*/\1/p")
    to=$(config beta b1 "$vmid" | sed -n "s/^$slot: \([^,]*\).*/\1/p")
    same "$(image alpha a1 "$from")" "$(image beta b1 "$to")" "$slot is the same"
done
run 0 "what is done is not resumed" resume "$(basename "$(job_dir)")"
says err 'is done' "which is said"
run 2 "nor is there anything else to resume" resume
says err 'no unfinished job' "which is said, too"

# --- each by itself; the way back leads to where it began
run 0 "it returns" rollback --return web1 --remove-target "$(basename "$(job_dir)")"
unchanged "and all is as before"
[ "${RESUME_POINTS-}" ] || lines=torn:copy/scsi1:done
for p in $(printf '%s\n' $lines | share "${RESUME_POINTS-}"); do
    rm -rf "$XDG_STATE_HOME"
    killed "${p%%:*}" "${p#*:}" move -c "$L/vmferry.conf" --yes alpha beta b1 local web1
    code=$?
    [ $code = 4 ]
    ok $? "killed at $p ($code)"
    run 0 "it goes on" resume --yes "$(basename "$(job_dir)")"
    snapshot "$work/resumed"
    plain "$work/resumed"
    diff "$work/undisturbed.plain" "$work/resumed.plain" >"$work/out"
    ok $? "clusters and hosts are as after the undisturbed move"
    for slot in scsi0 scsi1; do
        from=$(config alpha a1 100 | sed -n "s/^$slot: \([^,]*\).*/\1/p")
        to=$(config beta b1 "$vmid" | sed -n "s/^$slot: \([^,]*\).*/\1/p")
        same "$(image alpha a1 "$from")" "$(image beta b1 "$to")" "$slot is the same"
    done
    run 0 "it returns" rollback --return web1 --remove-target "$(basename "$(job_dir)")"
    unchanged "and all is as before"
    contents "$work/after"
    cmp -s "$work/contents" "$work/after"
    ok $? "the images too"
done
done_testing
