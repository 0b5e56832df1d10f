#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Faults in the middle: what can be tried again is, what may have been done is not repeated, and when it
# cannot go on, everything is put back.
. "${top_srcdir:-.}/tests/e2e/lib.sh"
lab_up
snapshot "$work/before"

# count CLUSTER METHOD PATHREGEX: such requests so far
count() {
    ctl "$1" requests | grep "\"method\":\"$2\"" | grep -cE "\"path\":\"$3\""
}
# taken CLUSTER TEXT: all that was ordered has happened
taken() {
    is "$(ctl "$1" fault list)" "" "$2"
}
all_taken() {
    [ -z "$(ctl "$1" fault list)" ]
}

# --- one move through all that it can cope with, in this order
ctl alpha fault cut GET '/nodes/a2/qemu/102/config' 120
ctl alpha fault do GET '/nodes/a2/qemu/102/status/current' expire-tickets
ctl alpha fault slow GET '/nodes/a2/storage/.*' 300
ctl alpha fault fail GET '/nodes/a2/storage/.*' 595 'No route to host'
ctl alpha fault after 2 cut GET . 0
move 0 "answers cut in the middle, expired tickets and slow answers end no move" --vmid 500 \
    alpha beta b1 local old1
taken alpha "all of these happened"
has beta b1 500 'name: old1' "the VM is at the target"
"$lab" down --dir "$L" >/dev/null 2>&1
mkdir -p "$L"
lab_up
snapshot "$work/before"

# --- a write whose answer is lost may have been carried out: never sent again
ctl beta fault cut POST '/nodes/b1/qemu$' 0
move 1 "a create without an answer ends the move" alpha beta b1 local old1
taken beta "it was carried out"
is "$(count beta POST '/nodes/b1/qemu')" 1 "and was not sent twice"
unchanged "what it made is removed, everything is put back"
ctl beta fault fail POST '/nodes/b1/storage/local/content' 500 'got timeout'
move 1 "nor is one that Proxmox fails" alpha beta b1 local old1
is "$(count beta POST '/nodes/b1/storage/local/content')" 1 "sent twice"
unchanged "everything is put back"
ctl beta fault do POST '/nodes/b1/storage/local/content' set-space local 0
move 1 "no space when the disk is allocated ends the move" alpha beta b1 local old1
says err 'No space left' "and says so"
ctl beta set-space local real
unchanged "everything is put back"
for try in 1 2 3; do
    ctl beta fault fail GET '/nodes/b1/network' 596 'Connection timed out'
done
move 1 "a target node that stops answering ends the move" alpha beta b1 local old1
says err 'whether it is up' "with what to look at"
unchanged "everything is put back"

# --- a host goes away: its sshd is stopped before the mover is started there
ctl alpha fault do GET '/nodes/a2/qemu/102/pending' sshd a2 stop
move 1 "an sshd that stops while the move begins ends it" alpha beta b1 local old1
says err 'a2 cannot be reached by ssh' "and names the host"
ctl alpha sshd a2 start
unchanged "the source is untouched"

# --- a task that hangs
hang() { # CLUSTER TASK KEY VM ARGUMENT…: interrupted once the journal has KEY and the task hangs
    c=$1 task=$2 key=$3
    shift 3
    rm -rf "$XDG_STATE_HOME"
    ctl "$c" fault hang "$task"
    empty out
    "$vmferry" move -c "$L/vmferry.conf" --yes "$@" >"$work/out" 2>"$work/err" </dev/null &
    front=$!
    journal "$key"
    until_true all_taken "$c"
    kill -INT $front
    wait $front
}
hang beta qmcreate '"create"' alpha beta b1 local old1
is $? 1 "a create that hangs is ended by an interrupt"
says err 'cancelled by the operator' "which is said"
unchanged "and everything is put back"
ctl beta fault go
unchanged "also when it could have gone on"
hang alpha qmshutdown '"shutdown"' --stop-timeout 100 alpha beta b1 local web1
is $? 1 "so is a shutdown that hangs"
ctl alpha fault clear
is "$(status alpha a1 100)" running "the source runs"
unchanged "and everything is put back"

# --- once the target runs there is only the rest to do
ctl beta fault slow POST '/nodes/b1/qemu/[0-9]*/status/start' 1
ctl beta fault fail GET '/nodes/b1/tasks/.*qmstart.*' 500 'the lab says no'
move 4 "what is refused after the target has started ends it so that it can go on" alpha beta b1 local web1
says err 'the lab says no' "with the reason"
taken beta "that was after the start"
run 0 "resumed it ends well" resume --yes "$(basename "$(job_dir)")"
done_testing
