#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# What comes in the same instant: ^C while a job begins and while it ends, its end while nobody listens,
# two commands at once. There are no clusters: jobs are fake-jobs, or read their configuration from a
# pipe, so that they wait for it.
. "${top_srcdir:-.}/tests/e2e/lib.sh"
no_violations() { # there are no clusters
    :
}
started=
trap 'for p in $started; do kill -CONT "$p"; kill "$p"; done 2>/dev/null; finish' EXIT
jobs=$XDG_STATE_HOME/vmferry/jobs
T=2026-11-21T02:14
conf=$work/conf # a pipe
mkfifo "$conf"
cat >"$work/clusters" <<END
clusters = ( { name = "alpha"; type = "pve"; url = "https://127.0.0.1:1"; user = "root@pam"; },
             { name = "beta"; type = "pve"; url = "https://127.0.0.1:1"; user = "root@pam"; } );
END

# job ID LINE…: one that was begun, and whose journal has these lines then; from now on $D
job() {
    id=$1
    shift
    D=$jobs/$id
    mkdir -p "$D"
    cat >"$D/plan.cfg" <<END
format = 1; minimum-reader = 1;
source = "alpha"; vm-id = 101; vm-name = "web1";
target = "beta"; target-node = "b1";
END
    line journal '"version":1,"reader":1'
    line job '"job":"'"$id"'","conf":"'"$conf"'","vm":"web1","source":"alpha","target":"beta","batch":"batch-1"'
    line start '"mode":"run","pid":1'
    for line; do
        echo "$line" >>"$D/journal.jsonl"
    done
    sed -n 2p "$D/journal.jsonl" >"$D/events"
}
# line TYPE MEMBERS: of its journal
line() {
    echo '{"type":"'"$1"'","time":"'$T':00Z",'"$2"'}' >>"$D/journal.jsonl"
}
fake() {
    "$top_builddir/tests/e2e/fake-job" "$D" &
    started="$started $!"
    until_true test -S "$D/ctl" || echo "# no fake job at $D"
}
# attached: vmferry attach, which has heard all there is and waits
attached() {
    empty out
    "$vmferry" attach --plain "$(basename "$D")" >"$work/out" 2>"$work/err" </dev/null &
    front=$!
    started="$started $front"
    until_true grep -qs "Job $(basename "$D")" "$work/out"
    until_true sleeps
}
sleeps() {
    grep -q '^State:	S' /proc/$front/status
}
stopped() {
    grep -q '^State:	T' /proc/$front/status
}
end='{"type":"end","time":"'$T':09Z","exit":0,"report":{"result":"done","vm":"web1","source":"alpha","target":"beta","target_node":"b1"}}'

# --- the job ends while nobody reads what it says, and waits for nobody
job 20261121-021401-aaaaaa
fake
attached
kill -STOP $front
until_true stopped
echo "$end" >>"$D/journal.jsonl"
: >"$D/stop"
until_true test ! -e "$D/ctl"
kill -CONT $front
wait $front
is $? 0 "who did not hear the end of a job reads it in the journal"
says out 'web1' "with its report"

# --- and one that was cut off while nobody read
job 20261121-021402-aaaaaa "$end"
line start '"mode":"run","pid":1'
fake
attached
: >"$D/stop"
wait $front
is $? 4 "but an end of another process is none"

# --- it ends in the instant in which it is to stop
job 20261121-021403-aaaaaa
fake
attached
kill -STOP $front
until_true stopped
echo "$end" | tee -a "$D/journal.jsonl" >>"$D/events"
sleep 0.3 # said
: >"$D/stop"
until_true test ! -e "$D/ctl"
kill -TERM $front
kill -CONT $front
wait $front
is $? 0 "a job that ends when it is told to stop has ended as it says"
says out 'web1' "with its report"

# --- a question that was answered before it is heard of
job 20261121-021409-aaaaaa
ask='"type":"ask","kind":"choice","title":"Ready?","safe":"wait","waits":true,"choices":[{"key":"wait","label":"later"}]'
echo "{$ask,\"ask\":1}
{\"type\":\"answered\",\"ask\":1}
{\"type\":\"note\",\"level\":\"info\",\"text\":\"that was it\"}" >>"$D/events"
fake
attached
until_true grep -q 'that was it' "$work/out"
! grep -q 'The job waits' "$work/err"
ok $? "a question that somebody else has answered is not put"
: >"$D/stop"
wait $front

# --- what only looks does nothing, also when the job ends in that instant
job 20261121-021404-aaaaaa
fake
run 1 "of a job that runs is not said what would be lost" rollback -n "$(basename "$D")"
says err 'running already' "but that it runs"
! grep -q "starting the job's process" "$work/err"
ok $? "and nothing is begun that may get its turn"
: >"$D/stop"

# --- ^C while the process of a job begins, at all processes of the terminal
# begins ARGUMENT…: vmferry in a process group of its own, whose job waits for its configuration
begins() {
    empty out
    setsid "$vmferry" "$@" >"$work/out" 2>"$work/err" </dev/null &
    front=$!
    started="$started $front"
    exec 9>"$conf" # returns when somebody reads there
}
job 20261121-021405-aaaaaa
begins rollback "$(basename "$D")"
kill -TERM -$front
timeout 20 flock "$D/lock" true
ok $? "^C while a job's process begins reaches that, too"
exec 9>&-
wait $front
says err 'did not start: it was told to stop' "which is said"

job 20261121-021408-aaaaaa
begins rollback "$(basename "$D")"
kill -TERM $front
cat "$work/clusters" >&9
exec 9>&-
wait $front
is $? 0 "a signal to stop while it begins does not leave it to itself"
says out 'rolled back' "but waits to hear how it ended"

# --- ^C while one of several is undone
mkdir -p "$XDG_STATE_HOME/vmferry/batches/batch-1"
echo '{"format":1,"minimum-reader":1,"parallel":1,"stop-on-failure":false,"jobs":[
{"job":"20261121-021406-aaaaaa","vm":"web1"},{"job":"20261121-021407-aaaaaa","vm":"web1"}]}' \
    >"$XDG_STATE_HOME/vmferry/batches/batch-1/batch.json"
job 20261121-021406-aaaaaa
job 20261121-021407-aaaaaa
begins rollback batch-1
kill -TERM $front
cat "$work/clusters" >&9
exec 9>&-
timeout 20 tail -s 0.1 --pid=$front -f /dev/null
ended=$?
ok $ended "^C while one of several is undone begins no other" # which would wait for its configuration
[ $ended = 0 ] || timeout 10 sh -c 'cat "$0" >"$1"' "$work/clusters" "$conf"
wait $front
is $? 0 "and tells how that one ended"
done_testing
