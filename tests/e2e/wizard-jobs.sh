#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# What the wizard begins with when something was left behind: a move that was cut off, continued and
# undone by keys; several VMs that were marked; a plan that was saved; the moves of another machine.
. "${top_srcdir:-.}/tests/e2e/lib.sh"
. "${top_srcdir:-.}/tests/e2e/screen.sh"
lab_up
conf=$L/vmferry.conf
wizard() {
    at_terminal "$vmferry -c $conf $*" 80 24
}
snapshot "$work/before"

# --- cut off after the shutdown
killed after copy/scsi0:intent move -c "$conf" --yes alpha beta b1 local web1
wizard
sees '> Not finished: web1 is DOWN since' "the state of the service is what is seen first"
keys Enter
sees 'This move was cut off' "what can become of it"
sees 'web1 is DOWN since' "once both clusters were asked"
sees '> 1 +Continue' "going on is proposed"
keys 3 Enter
sees 'vmferry rollback' "details"
keys Escape
sees '1 +Continue' "and back"
keys 2 Enter
sees 'Undo what this job did' "undoing is asked about"
keys 2 Enter
sees 'Report: web1' "and done, on the same screen as every job"
keys q
sees 'exit=' "to its end"
is "$(status alpha a1 100)" running "web1 runs at the source again"
unchanged "and everything is as it was"
killed after copy/scsi0:intent move -c "$conf" --yes alpha beta b1 local web1
wizard
sees '> Not finished: web1 is DOWN since' "cut off again"
keys Enter
sees '> 1 +Continue' "it can go on"
keys Enter
sees 'Report: web1, .*done' "and does"
keys q
sees 'exit=0' "to its end"
is "$(status beta b1 101)" running "web1 runs at the target"

# --- of another machine
ctl alpha set-config 105 description 'vmferry-job: 20261120-120000-abcdef' >"$work/out" 2>&1
wizard
sees '> Move VMs' "nothing is unfinished here"
keys Enter
sees '> alpha' "a source"
keys Enter
sees 'Begun on another machine and not finished: big1' "but somebody else's move is"
keys /
keys -l big1
sees 'job 20261120-120000-abcdef of another machine' "whose job it is"
keys Enter
sees 'Which VM' "it is not to be chosen"
keys / Escape
sees 'allthings' "all are there again"
ctl alpha offline a2 >/dev/null
keys r
sees '(old1|vm-102) .*offline' "VMs of a node that is gone are there, and not to be chosen"
ctl alpha online a2 >/dev/null
keys r
sees 'old1 .*stopped' "until it is back"

# --- several
# to NAME: the cursor goes there
to() {
    keys /
    keys -l "$1"
    sees "> ?$1 |>.?$1 " "$1"
    keys Escape
}
to clone1
keys Space
sees '1 marked, disks of 64 MiB' "is marked"
to old1
keys Space
sees '2 marked' "two"
keys Enter
sees 'alpha/2 VMs' "go on together"
keys Enter
sees 'To which node' "to one node"
keys Enter
sees 'To which storage' "and storage"
keys Enter
sees 'Are these right' "with a plan for each"
sees 'clone1' "this one"
sees 'move these 2 now' "and what there is to say when both are checked"
sees_no 'checking' "once they are"
keys Home Enter
sees 'Move these 2' "which is asked about"
keys 1 Enter
sees 'old1' "both are followed"
both_moved() {
    [ "$("$vmferry" jobs | grep -cE ' (done|moved) .*(clone1|old1)')" = 2 ]
}
until_true both_moved
"$vmferry" jobs >"$work/out" 2>&1
is "$(grep -cE '(done|moved) .*(clone1|old1)' "$work/out")" 2 "and moved"
tmux -L "$screen" kill-server

# --- a plan that was saved
run 0 "a plan is saved" move -c "$conf" --save-plan "$work/db1.plan" alpha beta b1 local db1
wizard
sees '> Move VMs' "the first page"
keys Down Down Enter
sees 'Which plan' "opens plans"
keys -l "$work/none"
keys Enter
sees 'none' "one that is not there"
keys BSpace BSpace BSpace BSpace
keys -l db1.plan
keys Enter
sees 'Is this right' "one that is"
sees 'move db1 now' "is checked, and can be started"
keys Escape
sees 'Which plan' "or not"
keys Escape
sees 'What is to be done' "not at all"
keys End Enter
sees 'exit=0' "and leaves"
done_testing
