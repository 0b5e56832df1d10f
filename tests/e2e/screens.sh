#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The screens of running jobs as terminals show them, against tests/e2e/screens/NAME (GOLDEN=write writes
# those anew): in several sizes, locales and terminals; what keys send to a job; lost terminals. The jobs
# are fake-jobs, which say what they are told to; whole moves are in attach-screen.sh and wizard.sh.
. "${top_srcdir:-.}/tests/e2e/lib.sh"
. "${top_srcdir:-.}/tests/e2e/screen.sh"
no_violations() { # there are no clusters
    :
}
fakes=
trap 'tmux -L "$screen" kill-server 2>/dev/null
    for p in $fakes; do kill "$p" 2>/dev/null; done
    finish' EXIT
jobs=$XDG_STATE_HOME/vmferry/jobs
T=$(date -u +%Y-%m-%dT%H:%M) # when all began; messages are of another time

# ---- jobs

# fake JOB VM: a job, from now on $D
fake() {
    D=$jobs/$1
    mkdir -p "$D"
    cat >"$D/journal.jsonl" <<END
{"type":"journal","time":"$T:00Z","version":1,"reader":1}
{"type":"job","time":"$T:00Z","job":"$1","conf":"/none","vm":"$2","source":"alpha","target":"beta"}
END
    sed -n 2p "$D/journal.jsonl" >"$D/events"
    printf 'job: line %s of the log\n' 1 2 3 >"$D/log"
}
# run_fake: $D has a process, which has said what is in $D/events
run_fake() {
    echo '{"type":"start","time":"'$T':00Z","mode":"run","pid":1}' >>"$D/journal.jsonl"
    "$top_builddir/tests/e2e/fake-job" "$D" &
    fakes="$fakes $!"
    until_true test -S "$D/ctl" || echo "# no fake job at $D"
}
# stop_fake: it has ended, as its last line says
stop_fake() {
    tail -n 1 "$D/events" >>"$D/journal.jsonl"
    : >"$D/stop"
    until_true test ! -e "$D/ctl"
}
# tell LINE…: $D says it
tell() {
    printf '%s\n' "$@" >>"$D/events"
}
# step NAME TITLE STATE SECONDS
step() {
    tell '{"type":"phase","time":"'$T':08Z","step":"'"$1"'","title":"'"$2"'","state":"'"$3"'","seconds":'"$4"'}'
}
# note LEVEL TEXT
note() {
    tell '{"type":"note","time":"2026-11-21T02:14:09Z","level":"'"$1"'","text":"'"$2"'"}'
}
# progress DONE MORE OVER: two disks of 32 GiB, DONE bytes of the second; MORE members of all, and of
# the second disk
progress() {
    rates='"rate":83886080,"average":88080384,"left":210'
    tell "$(printf '%s' '{"type":"progress","time":"'$T':09Z","disks":[{"disk":"scsi0","stage":"finish",' \
        '"total":34359738368,"done":34359738368,"zero":8589934592,"wire":16106127360,"over":true},' \
        '{"disk":"scsi1","stage":"copy","total":34359738368,"done":'"$1"',"zero":1073741824,' \
        '"wire":3221225472,'"$rates${3-}"'}],"all":{"total":68719476736,"done":'$((34359738368 + $1)) \
        ',"zero":9663676416,"wire":19327352832,"idle":0,'"$rates${2-}"'}}')"
}
copying() {
    step preflight 'Check source and target' begin 0
    step preflight 'Check source and target' done 1.2
    note info 'disk data goes a1 -> b1 direct'
    step shutdown 'Shut the source VM down' begin 0
    step shutdown 'Shut the source VM down' done 5
    tell '{"type":"step","time":"'$T':03Z","key":"shutdown","state":"intent","data":{"running":true,"since":'"$(date +%s)"'}}'
    note warn 'connection lost: b1 does not answer; trying again for up to 15 min'
    step copy 'Copy the disks' begin 0
    progress 8589934592 ',"retries":2'
}
ask_stop() {
    tell "$(printf '%s' '{"type":"ask","time":"'$T':09Z","ask":7,"id":"ready-to-stop:'"$1"'","kind":"choice",' \
        '"title":"Ready to shut down '"$1"'?","detail":"Copied: 2 disks, 31 GiB, while it ran.\n' \
        'Left: about 410 MiB that changed since.\nExpected downtime: about 1 min 10 s.",' \
        '"safe":"wait","waits":true,"choices":[{"key":"go","label":"shut it down now"},' \
        '{"key":"refresh","label":"copy what has changed once more, and ask again"},' \
        '{"key":"wait","label":"not yet: the job waits, vmferry attach asks again"},' \
        '{"key":"back","label":"give up and put everything back"}]}')"
}
# end EXIT RESULT MEMBERS MORE: MEMBERS of the report, MORE of the event
end() {
    tell "$(printf '%s' '{"type":"end","time":"'$T':59Z","exit":'"$1"',"report":{"job":"'"${D##*/}"'","vm":"web1",' \
        '"source":"alpha","target":"beta","target_node":"b1","exit":'"$1"',"result":"'"$2"'","seconds":260,"steps":[],' \
        '"log":"/var/lib/vmferry/jobs/'"${D##*/}"'/log",'"$3"'}'"${4-}"'}')"
}

# ---- screens

# at ROWS COLUMNS COMMAND: on a terminal of that size, which COMMAND finds so
at() {
    at_terminal "$3" "$2" "$1"
}
# What differs from one time to the next: clocks, what goes on now, the graph.
masked() {
    tmux -L "$screen" capture-pane -p 2>"$work/err" | sed -E -e 's/(elapsed|down for) [0-9]+:[0-9]{2}:[0-9]{2}/\1 0:00:00/g' \
        -e 's/ +([0-9]+ h )?([0-9]+ min )?[0-9.]+ (s|min)  now$/  now/' -e 's/^ {9}[▁▂▃▄▅▆▇█]+$//' \
        -e 's/^ {9}[-_.,=+*#]+$//' -e 's/│:?[0-9:]+$/│/' -e 's/ +$//' >"$work/out"
}
# moving: the job that copies 8 GiB and goes on, so that it has not stalled, however long a test takes
moving=
same_as() {
    [ ! "$moving" ] || (D=$moving && progress 8589934592 ',"retries":2')
    masked
    cmp -s "$work/out" "$1"
}
# shot NAME TEXT: the screen is as it should be
shot() {
    want=$top_srcdir/tests/e2e/screens/$1
    if [ "${GOLDEN-}" = write ]; then
        sleep 1
        masked
        cp "$work/out" "$want"
    fi
    until_true same_as "$want"
    status=$?
    [ $status = 0 ] || diff "$want" "$work/out" >"$work/err"
    ok $status "$2"
}
# whole TEXT: what holds for every screen: the keys are there
whole() {
    seen
    case $(tail -n 1 "$work/out") in
    *help* | *Enter*Esc*) ok 0 "$1: the keys are in the last row" ;;
    *) ok 1 "$1: the keys are in the last row" ;;
    esac
}
# focused PATTERN TEXT: the cursor is seen, and stands on a row with that
cursor_on() {
    row=$(tmux -L "$screen" display-message -p '#{cursor_flag} #{cursor_y}')
    tmux -L "$screen" capture-pane -p | sed -n "$((${row#* } + 1))p" >"$work/out"
    [ "${row% *}" = 1 ] && grep -qE -- "$1" "$work/out"
}
focused() {
    until_true cursor_on "$1"
    ok $? "$2"
}
# sent PATTERN TEXT: the job $D was told so
sent() {
    until_true grep -qE -- "$1" "$D/commands"
    ok $? "$2"
}
title_is() {
    title=$(tmux -L "$screen" display-message -p '#{pane_title}')
    [ "$title" = "$1" ]
}

R=20261121-021400-8d2a3e
fake $R web1
copying
run_fake
at 24 80 "$vmferry attach $R"
moving=$D
shot run "a job that copies"
until_true title_is 'web1: 62 % - vmferry'
ok $? "the terminal's title says how far it is"
keys i
shot run-details "i: a second line for each disk"
keys i l
shot log "l: the log"
echo 'job: line 4 of the log' >>"$D/log"
sees 'line 4 of the log' "goes on while it is looked at"
keys Escape m
shot messages "m: the messages"
keys Escape '?'
shot help "?: the keys"
keys Escape c
shot stop "c: a question, the harmless answer in front"
keys Escape r
shot rate "r: the rate is asked for"
keys -l 80
keys -l fast
keys Enter
sees '"80fast" is none' "what is no number is asked for again"
keys -l 80
keys Enter
sent '"rate": *10000000' "a number is sent"
moving=
keys p
sent '"pause": *true' "p asks for a pause"
tell '{"type":"rate","time":"'$T':10Z","rate":10000000,"paused":true}'
shot paused "which is seen"
keys p
sent '"pause": *false' "p once more goes on"
tell '{"type":"rate","time":"'$T':10Z","rate":0}'
keys c 2 Enter
sent '"keep": *true' "it can be stopped for later"
keys c 3 Enter
sent '"keep": *false' "or for good"

# --- terminals
fake 20261121-021401-8d2a3e web1
A=$D
copying
progress 34359738368 '' ',"over":true' # nothing is copied while it waits
ask_stop web1
run_fake
fake 20261121-021402-8d2a3e web1
F=$D
copying
end 4 interrupted '"way":"both","service":"web1 is DOWN since 02:14 (3 h 12 min)"' \
    ',"error":{"code":"NET","text":"copying scsi1: target (b1): the connection was lost and did not come back for 15 min"}'
run_fake
# variant NAME ROWS COLUMNS ENVIRONMENT
variant() {
    for which in run ask failed; do
        case $which in
        run) D=$jobs/$R ;;
        ask) D=$A ;;
        failed) D=$F ;;
        esac
        at "$2" "$3" "$4 $vmferry attach ${D##*/}"
        shot "$which-$1" "$which, $1"
        whole "$which, $1"
        [ $which != ask ] || focused '> 3' "$which, $1: the cursor is on the answer in front"
    done
}
variant 80x24 24 80 ''
D=$A
until_true title_is 'web1: FAILED - vmferry'
ok $? "a job that failed is in the title"
variant 60x16 16 60 ''
variant 132x43 43 132 ''
variant C 24 80 'LC_ALL=C'
! LC_ALL=C grep -q '[^ -~]' "$work/out"
ok $? "without UTF-8 there is only ASCII"
variant vt100 24 80 'TERM=vt100'
variant no-color 24 80 'NO_COLOR=1'
tmux -L "$screen" capture-pane -p -e >"$work/out"
! grep -qE '\[([0-9]*;)*3[0-7]m' "$work/out"
ok $? "without colours there are none"
at 24 80 "$vmferry attach $R"
sees 'elapsed' "with them"
tmux -L "$screen" capture-pane -p -e >"$work/out"
grep -qE '\[([0-9]*;)*3[0-7]m' "$work/out"
ok $? "there are some"

# --- keys that the terminal sends and its type does not have: not Esc and some characters
at 24 80 "TERM=vt100 $vmferry attach $R"
D=$jobs/$R
sees 'elapsed' "a terminal that has more keys than its type says"
keys l Home
sees 'line 1 of the log' "Home is Home"
keys Delete C-Left C-Left
keys -l "$(printf '\033[200~')"
sees '^ Log' "what is no key of ours does nothing"
keys F4
sees '^ Messages' "F4 is F4"
keys Escape
sees_no '^ Messages' "and Esc is Esc"

# --- a question; the terminal is lost with it
at 24 80 "$vmferry attach ${A##*/}"
D=$A
sees '> 3  not yet' "a question, the harmless answer in front"
until_true title_is 'web1: waits for an answer - vmferry'
ok $? "the title says so"
pid=$(tmux -L "$screen" display-message -p '#{pane_pid}')
pid=$(pgrep -P "$pid")
tmux -L "$screen" kill-server
until_true gone "$pid"
ok $? "a terminal that is lost takes the screen along"
at 24 80 "stty -g >$work/stty1; $vmferry attach ${A##*/}; code=\$?; stty -g >$work/stty2; (exit \$code)"
sees '> 3  not yet' "it waits after the terminal was lost"
pid=$(tmux -L "$screen" display-message -p '#{pane_pid}')
kill -HUP "$(pgrep -P "$pid")"
sees 'The job goes on' "and after a hang-up"
at 24 80 "stty -g >$work/stty1; $vmferry attach ${A##*/}; code=\$?; stty -g >$work/stty2; (exit \$code)"
sees '> 3  not yet' "again"
keys C-z
sees 'exit=4' "^Z leaves the job, also from a question"
cmp "$work/stty1" "$work/stty2" >"$work/out" 2>&1
ok $? "the terminal is as it was"
! title_is 'web1: waits for an answer - vmferry'
ok $? "and has its title back"
at 24 80 "stty -g >$work/stty1; $vmferry attach ${A##*/}; code=\$?; stty -g >$work/stty2; (exit \$code)"
sees '> 3  not yet' "once more"
pid=$(tmux -L "$screen" display-message -p '#{pane_pid}')
kill -ABRT "$(pgrep -P "$pid")"
sees 'exit=134' "a crash"
cmp "$work/stty1" "$work/stty2" >"$work/out" 2>&1
ok $? "leaves the terminal as it was"
is "$(tmux -L "$screen" display-message -p '#{cursor_flag} #{alternate_on} #{mouse_any_flag}')" '1 0 0' \
    "with its cursor, its screen and its mouse"
at 24 80 "$vmferry attach ${A##*/}"
sees '> 3  not yet' "and once more"
keys Escape
sees 'a answer' "Esc puts it aside"
keys a 2 Enter
sent '"ask": *7, *"text": *"refresh"' "an answer is sent"

# --- a question of ours is open when the job has one: what is typed is for ours
fake 20261121-021406-8d2a3e web1
copying
run_fake
at 24 80 "$vmferry attach ${D##*/}"
sees 'elapsed' "a job that copies"
keys r
sees 'how many Mbit/s' "the rate is asked for"
keys -l 1
ask_stop web1
until_true title_is 'web1: waits for an answer - vmferry'
ok $? "the job asks meanwhile"
keys -l 00
sees '│ 100 ' "which takes no key away"
keys Enter
sent '"rate": *12500000' "the number is the rate"
sees '> 3  not yet' "then the job's question is there, the harmless answer in front"
! grep -q '"ask"' "$D/commands"
ok $? "and was not answered"

# --- the mouse
D=$A
at 24 80 "TERM=xterm-256color $vmferry attach --mouse ${A##*/}"
sees '> 3  not yet' "with a mouse"
is "$(tmux -L "$screen" display-message -p '#{mouse_any_flag}')" 1 "which is asked for"
sees '4  give up' "its other answers"
line=$(tmux -L "$screen" capture-pane -p | grep -n '4  give up' | sed 's/:.*//')
click=$(printf '\033[<0;20;%dM\033[<0;20;%dm' "$line" "$line")
keys -l "$click"
sees '> 4  give up' "a click chooses"
keys -l "$click"
sent '"text": *"back"' "a second one answers"
at 24 80 "$vmferry attach ${A##*/}"
sees '> 3  not yet' "without --mouse"
is "$(tmux -L "$screen" display-message -p '#{mouse_any_flag}')" 0 "the terminal's own is left alone"

# --- sizes
at 24 80 "$vmferry attach $R"
D=$jobs/$R
sees 'elapsed' "a job that copies"
for size in 20x5 200x60 60x16 1x1 132x43 59x16 60x15 80x24 40x3 100x30 80x24; do
    for again in 1 2 3; do
        tmux -L "$screen" resize-window -x "${size%x*}" -y "${size#*x}"
        tmux -L "$screen" resize-window -x 77 -y 22
    done
done
tmux -L "$screen" resize-window -x 50 -y 10
sees 'need 60x16, have 50x10' "a storm of sizes ends with one that is too small"
tmux -L "$screen" resize-window -x 80 -y 24
progress 17179869184
sees '75 %' "and the screen is there again"

# --- remote text
fake 20261121-021403-8d2a3e '日本語サーバー\u001b[31m\u0007é'
copying
note warn 'a\u0001\u009b31m\u202eb 漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字'
step other "$(printf '%0200d' 0)" begin 0
step other "$(printf '%0200d' 0)" done 5
run_fake
at 24 80 "$vmferry attach ${D##*/}"
shot remote "wide, combining, controlling and long"

# --- results
fake 20261121-021404-8d2a3e web1
copying
note warn 'the agent of web1 does not answer'
end 0 done "$(printf '%s' '"target_vmid":105,"started":true,"downtime":72,"forecast_downtime":90,"method":"copy",' \
    '"disks":[{"slot":"scsi0","source":"local:100/a","target":"local:105/a","copied":true,"size":34359738368,' \
    '"sent":25769803776,"zero":8589934592,"verified_how":"media"}],"todo":"move the address 10.0.0.5 to b1",' \
    '"not_carried":[{"what":"usb0","why":"there is no such device at b1"}]')"
run_fake
at 24 80 "$vmferry attach ${D##*/}"
shot done "a move that is done"
keys Escape
sees 'Done' "Esc shows the job behind it"
keys s
shot done "s the result again"
keys q
sees 'exit=0' "q leaves"
D=$F
at 24 80 "$vmferry attach ${D##*/}"
sees 'r resume  b roll back' "of a failed one keys go on and back"
keys b
sees '> 1  Not now' "after a question"
keys Enter
sees 'r resume' "which can be left"
keys q
sees 'exit=4' "with its exit code"

# --- several
fake 20261121-021405-000001 web1
copying
end 0 done '"downtime":72'
cp "$D/events" "$D/report.json"
run_fake
stop_fake
tail -n 1 "$D/journal.jsonl" | sed 's/.*"report"://; s/}$//' >"$D/report.json"
fake 20261121-021405-000002 db1
copying
run_fake
db1=$D
fake 20261121-021405-000003 mail
step precopy 'Copy the disks while the VM runs' begin 0
run_fake
fake 20261121-021405-000004 old1
B=batch-20261121-021405-3fa9c2
mkdir -p "$XDG_STATE_HOME/vmferry/batches/$B"
cat >"$XDG_STATE_HOME/vmferry/batches/$B/batch.json" <<END
{"format": 1, "minimum-reader": 1, "parallel": 2, "stop-on-failure": false, "jobs": [
{"job": "20261121-021405-000001", "vm": "web1"}, {"job": "20261121-021405-000002", "vm": "db1"},
{"job": "20261121-021405-000003", "vm": "mail"}, {"job": "20261121-021405-000004", "vm": "old1"}]}
END
at 24 80 "$vmferry attach $B"
moving=$db1
shot several "several jobs"
keys '?'
shot several-help "their keys"
keys Escape
D=$jobs/20261121-021405-000003
ask_stop mail
shot several-ask "one asks"
until_true title_is 'mail: waits for an answer - vmferry'
ok $? "also in the title"
keys Down Enter
sees 'db1: alpha -> beta' "Enter opens the one in front"
sees 'mail asks: Ready to shut down mail' "where the question is told of too"
keys Escape
sees '> db1' "Esc goes back"
keys a
sees '> 3  not yet' "a goes to the question"
keys 1 Enter
sent '"text": *"go"' "and answers it"
tell '{"type":"answered","time":"'$T':10Z","ask":7,"answer":"go"}'
keys Escape
sees '1 of 4 moved, 2 running' "they go on"
keys c
shot several-stop "c: a question, the harmless answer in front"
keys 2 Enter
sees 'old1 +not begun' "no other begins"
keys d
sees "vmferry attach $B" "d leaves them running"
at 16 60 "$vmferry attach $B"
shot several-60x16 "in the smallest size"
moving=
for n in 2 3; do
    D=$jobs/20261121-021405-00000$n
    end $((n == 3)) "$([ $n = 3 ] && echo failed || echo done)" '"downtime":9' \
        "$([ $n = 3 ] && echo ',"error":{"code":"NET","text":"gone"}')"
    stop_fake
done
sees '2 of 4 VMs are moved' "the end is said"
keys Enter
sees 'Report: web1' "each result can be seen"
D=$jobs/20261121-021405-000001
rm -f "$D/stop"
sed -i '/"type":"end"/d' "$D/events"
run_fake
sleep 2 # the list is read meanwhile
ask_stop web1
keys Escape Escape
sees 'web1 asks: Ready to shut down web1' "what goes on while its result is looked at is followed again"
tell '{"type":"answered","time":"'$T':10Z","ask":7,"answer":"go"}'
end 0 done '"downtime":9'
stop_fake
sees '2 of 4 VMs are moved' "to its end"
sees 'failed, put back' "and all in a table"
keys q
sees 'mail +failed, put back' "which is printed too"
sees 'exit=1' "with the highest exit code"
done_testing
