#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Jobs that wait for a word before the source goes down and before the target comes up, and the
# terminals it may come from.
. "${top_srcdir:-.}/tests/e2e/lib.sh"
. "${top_srcdir:-.}/tests/e2e/screen.sh"
lab_up
conf=$L/vmferry.conf

# said_to_wait TEXT: what runs in the background says that the job waits
said_to_wait() {
    until_true grep -q 'The job waits. Come back with' "$work/move.err"
    ok $? "$1"
}

# --- the terminal is lost, nobody is there, not yet, then go
at_terminal "'$vmferry' move -c '$conf' --yes --wait-before-stop --wait-before-start alpha beta b1 local web1"
sees 'Ready to shut down web1' "--yes does not answer whether it may be shut down"
sees 'you are asked before it is shut down' "which was told"
is "$(status alpha a1 100)" running "it runs still"
on beta b1 'qm list' >"$work/out"
says out 'web1--CREATING' "all that comes before is done"
tmux -L "$screen" kill-server
run 0 "the terminal is lost" jobs
says out ' running .*web1' "the job waits"
empty move.err
"$vmferry" attach </dev/null >"$work/move" 2>"$work/move.err" &
front=$!
said_to_wait "without a terminal nothing is answered"
kill -9 $front
wait $front 2>/dev/null
is "$(status alpha a1 100)" running "and it runs still"
at_terminal "'$vmferry' attach --plain"
sees 'Ready to shut down web1' "who comes back is asked again"
keys 2 Enter
sees 'exit=4' "not yet: the job is left waiting"
sees 'The job waits. Come back with' "and says how to come back"
is "$(status alpha a1 100)" running "and it runs still"
at_terminal "'$vmferry' attach --plain"
sees 'Ready to shut down web1' "the question is still open"
keys 1 Enter
sees 'Ready to start web1 at beta' "then it goes on, up to the next question"
is "$(status alpha a1 100)" stopped "the source is down"
new=$(on beta b1 'qm list' | sed -n 's/^ *\([0-9]*\) web1 .*/\1/p')
is "$(status beta b1 "$new")" stopped "the target does not run yet"
keys 1 Enter
sees 'exit=0' "and to its end"
is "$(status beta b1 "$new")" running "the target runs"

# --- given up at both questions, at the first one with two terminals: the other one goes on by itself
run 0 "it is taken back" rollback --return web1 --remove-target "$(basename "$(job_dir)")"
snapshot "$work/before"
for at in stop start; do
    empty move.err
    "$vmferry" move -c "$conf" --yes --wait-before-$at alpha beta b1 local web1 \
        >"$work/move" 2>"$work/move.err" </dev/null &
    front=$!
    said_to_wait "wait before $at: the job waits"
    at_terminal "'$vmferry' attach --plain"
    sees "Ready to .*web1" "another terminal is asked"
    first=$screen
    if [ $at = stop ]; then
        at_terminal_too "'$vmferry' attach --plain"
        sees 'Ready to shut down web1' "and one more at the same time"
    fi
    keys 3 Enter
    sees 'exit=1' "who gives up is heard"
    if [ $at = stop ]; then
        second=$screen screen=$first
        sees 'exit=1' "the first one needs no Enter to see it"
        sees 'No answer is needed' "and is told"
        tmux -L "$second" kill-server
    fi
    wait $front
    is $? 1 "as is seen where it was begun"
    cp "$work/move.err" "$work/err"
    says err 'given up by the operator' "with the reason"
    is "$(status alpha a1 100)" running "the source runs"
    unchanged "and everything is put back"
done

# --- nothing to wait for
move 0 "a VM that is stopped is not asked about" --wait-before-stop --wait-before-start \
    alpha beta b1 local old1
move 3 "a live migration has no start to wait for" --method=remote-migrate --wait-before-start \
    alpha beta b1 local web1
says out 'STOP: --wait-before-start' "and says so"

# --- paused while it waits: the VM is not down for as long as that lasts
ctl alpha ha vm:100 started
at_terminal "'$vmferry' move -c '$conf' --yes --wait-before-stop alpha beta b1 local web1"
sees 'Ready to shut down web1' "a job waits"
run 0 "it is paused meanwhile" pause
keys 1 Enter
sees 'web1 is not shut down: the job is paused' "the word to shut it down is not enough then"
sees 'end the pause, and shut it down now' "the question tells what more it would mean"
is "$(status alpha a1 100)" running "it runs still"
ctl alpha fault slow PUT /cluster/ha/resources 25000
keys 1 Enter
journal '"key":"ha","state":"intent"'
ok $? "so it goes on"
run 0 "paused once more, just before the shutdown" pause
ctl alpha fault go
sees 'web1 is not shut down while the job is paused' "it is not shut down either"
is "$(status alpha a1 100)" running "really"
run 0 "it is continued" continue
sees 'exit=0' "and comes to its end"
done_testing
