#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# A running job on the whole screen of a terminal: looked at, left, asked, stopped.
. "${top_srcdir:-.}/tests/e2e/lib.sh"
. "${top_srcdir:-.}/tests/e2e/screen.sh"
lab_up
snapshot "$work/before"

slow() {
    begin move -c "$L/vmferry.conf" --yes --bwlimit 1 alpha beta b1 local web1
}
# screen COLUMNS ROWS COMMAND
screen() {
    at_terminal "$3" "$1" "$2"
}
running() {
    kill -0 "$(job_pid)" 2>/dev/null
}

slow
screen 80 24 "$vmferry attach"
sees 'web1: alpha -> beta' "the screen names the move"
sees 'scsi0 .* % .*of' "shows its disk"
sees 'VM down for 0:0' "how long the VM is down"
sees 'd leave it running' "and the keys"
keys '?'
sees 'Losing the terminal' "? tells what they do"
keys Escape
sees 'elapsed' "Esc goes back"
tmux -L "$screen" resize-window -x 50 -y 10
sees 'need 60x16, have 50x10' "too small is said"
tmux -L "$screen" resize-window -x 60 -y 16
sees 'elapsed' "and survived"
keys c
sees '> 1  Let it go on' "stopping is asked about, with the harmless answer in front"
keys Enter
keys d
sees 'The job goes on. Come back with: vmferry attach' "d leaves it running"
sees 'exit=4' "and says that it is not over"
running
ok $? "as it does"

screen 60 16 "TERM=vt100 LC_ALL=C NO_COLOR=1 $vmferry attach"
sees 'scsi0   #' "a vt100 without UTF-8 gets a bar of plain characters"
! LC_ALL=C grep -q '[^ -~]' "$work/out"
ok $? "and nothing else"
viewer=$(pgrep -P "$(tmux -L "$screen" display-message -p "#{pane_pid}")")
tmux -L "$screen" kill-server
until_true gone "$viewer"
running
ok $? "a terminal that is closed leaves the job running"

screen 80 24 "stty -g >$work/stty1; $vmferry attach; stty -g >$work/stty2"
sees 'scsi0' "attached once more"
kill -SEGV "$(pgrep -P "$(tmux -L "$screen" display-message -p "#{pane_pid}")")"
sees 'exit=' "a crash"
cmp "$work/stty1" "$work/stty2" >"$work/out" 2>&1
ok $? "leaves the terminal as it was"
running
ok $? "and the job running"

screen 80 24 "TERM=dumb $vmferry attach"
sees '\[0:[0-9:]*\] ' "a terminal that shows no screens gets lines"
keys C-c
sees 'exit=1' "^C puts everything back"
wait $front
unchanged "really everything"

slow
screen 80 24 "$vmferry attach"
sees 'elapsed' "another job"
keys q
sees 'Stop this job' "q asks"
keys 3 Enter
sees 'Result' "it is put back, and that is said on the screen"
sees 'cancelled by the operator' "with the reason"
keys q
sees 'exit=1' "and with the exit code"
wait $front
unchanged "everything is as before"

# --- stopped for later, on again, back: by keys alone
slow
screen 80 24 "$vmferry attach"
sees 'elapsed' "a job"
keys c 2 Enter
sees 'r resume  b roll back' "that is stopped for later can go on or back"
sees 'web1 is DOWN since' "the state of the service is said"
wait $front
is $? 4 "whoever follows it is told that it is not over"
is "$(helpers alpha a1; helpers beta b1)" "" "no helper holds the disks until then"
! keys_on beta b1 | grep -q vmferry-job-
ok $? "and no key is left"
keys r
sees '> 1  Not now' "r asks"
keys 2 Enter
resumed() { # what is seen before that may be of the process that has ended
    [ "$(grep -c '"type":"start"' "$(job_dir)/journal.jsonl")" = 2 ] && running
}
until_true resumed
sees 'Copy the disks' "and goes on"
keys c
sees 'Stop this job' "which is asked about"
keys 2 Enter
sees 'r resume  b roll back' "is stopped once more"
keys b 2 Enter
sees 'the source is as it was before' "b puts everything back"
keys q
sees 'exit=0' "which is done"
unchanged "really everything"

slow
kill -9 "$(job_pid)"
wait $front
is $? 4 "a job whose process dies"
screen 80 24 "$vmferry attach"
sees 'go on: vmferry resume' "is told of with what can be done"
sees 'r resume  b roll back' "also by keys"
keys q
sees 'exit=4' "now or later"
empty slow
"$vmferry" resume --yes >"$work/slow" 2>&1 </dev/null &
front=$!
until_true running
screen 80 24 "$vmferry attach"
sees 'Copy the disks' "goes on"
sees 'VM down for 0:0' "and the screen knows of the outage, which began with the first process"
keys c
sees 'Stop this job' "a question whether to stop it"
fast
wait $front
is $? 0 "a job that ends while it is watched"
sees 'Result' "takes it away"
sees_no 'Stop this job' "with its end"
sees 'Report: web1' "shows its report"
keys q
sees 'exit=0' "and its success"
done_testing
