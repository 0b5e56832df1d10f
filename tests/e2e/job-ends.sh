#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The job's process ends when nobody chose the moment: killed at random times, told to end by signals at
# several steps, lost with its machine; a source node that is booted meanwhile starts nothing. By
# default only that, at a moment that is always the same; KILL_POINTS=N: so many kills (VMFERRY_TEST_SEED
# repeats them), and all the rest.
. "${top_srcdir:-.}/tests/e2e/lib.sh"
lab_up
second=local:100/vm-100-disk-1.raw
head -c 4194304 /dev/urandom >"$(image alpha a1 $second)"
ctl alpha set-config 100 scsi1 $second,size=4M
ctl alpha ha vm:100 started
snapshot "$work/before"
contents "$work/contents"
set -- move -c "$L/vmferry.conf" --yes --stop-timeout 5 alpha beta b1 local web1

no_job() {
    [ -z "$(job_pid)" ]
}
id() {
    basename "$(job_dir)"
}
# starts ARGUMENT...: vmferry in the background, with a journal of its own
starts() {
    rm -rf "$XDG_STATE_HOME"
    empty slow
    "$vmferry" "$@" >"$work/slow" 2>"$work/slow.err" </dev/null &
    front=$!
}
not_both() {
    both=$(status alpha a1 100)$(status beta b1 101 2>/dev/null)
    [ "$both" != runningrunning ]
    ok $? "not both run $1"
}
moved() {
    snapshot "$work/moved"
    plain "$work/moved"
    diff "$work/undisturbed.plain" "$work/moved.plain" >"$work/out"
    ok $? "clusters and hosts are as after the undisturbed move"
    for slot in 0 1; do
        from=$(config alpha a1 100 | sed -n "s/^scsi$slot: \([^,]*\).*/\1/p")
        to=$(config beta b1 101 | sed -n "s/^scsi$slot: \([^,]*\).*/\1/p")
        same "$(image alpha a1 "$from")" "$(image beta b1 "$to")" "scsi$slot is the same"
    done
    run 0 "it returns" rollback --return web1 --remove-target "$(id)"
}
as_before() {
    unchanged "all is as before"
    contents "$work/after"
    cmp -s "$work/contents" "$work/after"
    ok $? "the images too"
    is "$(status alpha a1 100)" running "the source runs"
}

begin=$(date +%s%N)
run 0 "a move that nobody disturbs" "$@"
ms=$((($(date +%s%N) - begin) / 1000000))
snapshot "$work/undisturbed"
plain "$work/undisturbed"
moved
as_before

# --- killed at random times, wherever that is; then on, or back
seed=${VMFERRY_TEST_SEED-1}
[ -z "${KILL_POINTS-}" ] || echo "# VMFERRY_TEST_SEED=$seed"
for try in $(seq "${KILL_POINTS:-0}"); do
    after=$(awk -v s="$seed$try" -v ms=$ms 'BEGIN { srand(s); print int(rand() * ms) }')
    starts "$@"
    sleep $((after / 1000)).$(printf %03d $((after % 1000)))
    pid=$(job_pid)
    [ -z "$pid" ] || kill -9 "$pid"
    wait $front
    code=$?
    not_both "after a kill at $after ms ($code, $(tail -n 1 "$(job_dir)/journal.jsonl" | cut -c 1-100))"
    case $code in
    0) moved ;; # it came too late
    4) if [ $((try % 2)) = 1 ] || ! "$vmferry" rollback >"$work/out" 2>"$work/err" </dev/null; then
        run 0 "it goes on" resume --yes
        moved
    fi ;;
    *) ok 1 "killed it ends with 4, not $code" ;;
    esac
    as_before
done

# --- signals to the job's own process: INT and TERM put everything back while that is possible
move() { # MBIT/S
    rm -rf "$XDG_STATE_HOME"
    empty slow
    "$vmferry" move -c "$L/vmferry.conf" --yes --stop-timeout 5 --bwlimit "$1" alpha beta b1 local web1 \
        >"$work/slow" 2>"$work/slow.err" </dev/null &
    front=$!
}
while read -r name at want; do
    [ "$name" ] || continue
    move 100
    journal "\"key\":\"${at%:*}\",\"state\":\"${at#*:}\""
    kill -"$name" "$(job_pid)"
    wait $front
    is $? "$want" "$name after $at ends it with $want"
    cp "$work/slow" "$work/out"
    cp "$work/slow.err" "$work/err"
    not_both then
    [ "$want" = 1 ] || run 0 "it returns" rollback --return web1 --remove-target "$(id)"
    as_before
done <<EOF
$(if [ "${KILL_POINTS-}" ]; then
    echo INT shutdown:intent 1
    echo TERM claim:intent 1
    echo TERM create:intent 1
    echo TERM cloning:done 1
    echo HUP copy/scsi0:intent 0
fi)
EOF

# --- two at the same instant: one of them works, the other is told, and nothing happens twice
pairs='resume,resume rollback,rollback resume,rollback rollback,attach'
[ "${KILL_POINTS-}" ] || pairs=
for pair in $pairs; do
    rm -rf "$XDG_STATE_HOME"
    killed after cloning:done "$@"
    is $? 4 "a move is cut off"
    ids=
    for command in $(echo "$pair" | tr , " "); do
        yes=
        [ $command != resume ] || yes=--yes
        case $command in
        attach) "$vmferry" attach --plain "$(id)" ;;
        *) "$vmferry" $command $yes "$(id)" ;;
        esac >"$work/out-$command" 2>"$work/err-$command" </dev/null &
        ids="$ids $!"
    done
    codes=
    for i in $ids; do
        wait "$i"
        codes="$codes $?"
    done
    not_both "after $pair at once ($codes)"
    until_true no_job # who was told may have gone before who works
    run 0 "its list is whole" jobs
    case $(grep -c ' done ' "$work/out") in
    0) grep -q 'rolled back' "$work/out" || run 0 "what it left can be undone" rollback ;;
    *) moved ;;
    esac
    as_before
done

# --- the operator's machine loses power between shutdown and start, and the source's node after it
move 1
journal '"key":"copy/scsi0","state":"intent"'
kill -9 $front "$(job_pid)"
for n in alpha/a1 beta/b1; do
    on "${n%/*}" "${n#*/}" "kill -9 \$(pgrep -f '[v]mferry-mover serve --job $(id)')" >/dev/null 2>&1
done
wait $front 2>/dev/null
ctl alpha offline a1
run 4 "while the node is down nothing can be done" resume --yes
ctl alpha reboot a1 >"$work/out"
ok $? "the source's node boots"
is "$(status alpha a1 106)" running "which starts what is to start at boot"
on alpha a1 'qm stop 106'
sleep 1 # the manager of high availability would have acted by then
is "$(status alpha a1 100)" stopped "it does not start the source"
is "$(status beta b1 101)" stopped "nor does anything else run"
resumes "the job goes on"
is "$(status beta b1 101)" running "the target runs"
moved
ctl alpha reboot a1 >"$work/out"
is "$(status alpha a1 100)" running "starts the source when it is its own again"
done_testing
