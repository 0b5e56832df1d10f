#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Connections and movers that go away in the middle of a copy: the move goes on, and nothing that was
# committed is sent again. With shorter time-outs: 5 s of silence mean that a peer is dead.
VMFERRY_TEST_HASTE=12
export VMFERRY_TEST_HASTE
. "${top_srcdir:-.}/tests/e2e/lib.sh"
lab_up

marked() {
    d=$(job_dir 2>/dev/null) && ls "$d"/copy-*.mark >/dev/null 2>&1
}
said() {
    grep -q "$1" "$work/out"
}
starts() { # of movers, so far
    grep -c '"key":"hosts","state":"intent"' "$(job_dir)/journal.jsonl"
}
# slow VM [MBPS]: a move of it in the background, which has copied something
slow() {
    rm -rf "$XDG_STATE_HOME"
    empty out
    "$vmferry" move -c "$L/vmferry.conf" --yes --bwlimit "${2-4}" alpha beta b1 local "$1" \
        >"$work/out" 2>"$work/err" </dev/null &
    front=$!
    until_true marked
}
# finished NODE VMID SLOT TEXT: the move ends well, and the disk of alpha's VM is the same at beta
finished() {
    "$vmferry" limit none >/dev/null 2>&1
    until_true gone $front
    wait $front
    is $? 0 "$4"
    vmid=$(sed -n 's/.*target VM .*VMID \([0-9]*\).*/\1/p' "$work/out")
    from=$(config alpha "$1" "$2" | sed -n "s/^$3: \([^,]*\).*/\1/p")
    to=$(config beta b1 "$vmid" | sed -n "s/^$3: \([^,]*\).*/\1/p")
    cp "$work/out" "$work/report"
    same "$(image alpha "$1" "$from")" "$(image beta b1 "$to")" "its disk is the same"
    cp "$work/report" "$work/out"
}

# --- a volume that is made late: nothing is copied to it before it is whole
posts() {
    ctl beta requests | grep '"method":"POST"' | grep -c '"path":"/nodes/b1/storage/local/content"'
}
before=$(posts)
ctl beta fault late POST '/nodes/b1/storage/local/content' 1000
slow old1
ok $? "a volume takes longer than Proxmox's proxy waits: it is waited for"
is "$(($(posts) - before))" "$(grep -c '"key":"allocate/.*"done"' "$(job_dir)/journal.jsonl")" \
    "and asked for once"
finished a2 102 ide0 "and the move is done"
run 0 "it is taken back" rollback --return old1 --remove-target "$(basename "$(job_dir)")"

# --- both hosts cannot be reached for a while; what runs there goes on
slow web1
ok $? "a move copies"
ctl alpha offline a1
ctl beta offline b1
until_true said 'connection lost'
ok $? "both hosts go away, which is said"
ctl alpha online a1
ctl beta online b1
finished a1 100 scsi0 "they come back, and the move is done"
says out 'connection is back' "which is said too"

# --- both movers die
slow db1
ok $? "another move copies"
id=$(basename "$(job_dir)")
on alpha a1 "kill -9 \$(pgrep -f 'vmferry-mover [s]erve --job $id')"
on beta b1 "kill -9 \$(pgrep -f 'vmferry-mover [s]erve --job $id')"
finished a1 101 scsi0 "both movers are killed, and the move is done"
is "$(starts)" 2 "by new ones"
grep -q 'going on at [1-9]' "$(job_dir)/log"
ok $? "which go on where the others were"

# --- the machine of the operator sleeps: the hosts copy on
slow old1
ok $? "a third move copies"
pid=$(job_pid)
d=$(job_dir)
# there is nothing to wait for but the time: nobody says that a peer was silent for too long
kill -STOP "$pid" && sleep 7 && kill -CONT "$pid"
finished a2 102 ide0 "the job sleeps for longer than its peers wait for it, and the move is done"
is "$(starts)" 1 "by the movers that it began with"

# --- the same, and the copy is whole before the hosts miss it: that it is was told nobody who heard
run 0 "it is taken back" rollback --return old1 --remove-target "$(basename "$(job_dir)")"
slow old1 30
ok $? "a fourth move copies"
pid=$(job_pid)
d=$(job_dir)
kill -STOP "$pid" && sleep 7 && kill -CONT "$pid"
finished a2 102 ide0 "the job sleeps while its copy ends, and the move is done"
is "$(starts)" 1 "by the movers that it began with"
done_testing
