#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# TCP ports of a VM that answer before it is moved are tried again after.
. "${top_srcdir:-.}/tests/e2e/lib.sh"
lab_up
conf=$L/vmferry.conf
at=127.$((100 + $$ % 100)).$(($$ / 100 % 250)).7
mac=$(config alpha a1 101 | sed -n 's/^net0: [a-z0-9]*=\([0-9A-F:]*\),.*/\1/p')
# guest CLUSTER PORT…: what answers there while a VM with that card runs
guest() {
    c=$1
    shift
    ctl "$c" guest "$mac" "$at" "$@"
}

# --- what it takes
run 2 "a port that is none" move -c "$conf" -n --ports 22,0 alpha beta b1 local db1
says err "ports cannot be '22,0'" "is refused"
run 2 "an address that is none" move -c "$conf" -n --address 10.0.0.256 alpha beta b1 local db1
says err "address cannot be '10.0.0.256'" "is refused"

# --- by the guest's agent; one of two does not come back
guest alpha 8022 8443
guest beta 8443
on alpha a1 'qm start 101'
run 0 "a plan" move -c "$conf" --service-test --ports 8022,8443,8999 --save-plan "$work/plan.cfg" alpha beta b1 local db1
says out 'test  TCP ports 8022,8443,8999 of the addresses its agent tells' "says what is tried"
grep -q '^service-ports = "8022,8443,8999";' "$work/plan.cfg"
ok $? "its file, too"
killed after migrated/note:done run -c "$conf" --yes "$work/plan.cfg"
says out 'service test: 2 of 3 ports answer this machine' "before it, two answered"
# ten seconds instead of two minutes of waiting for what will not come
VMFERRY_TEST_HASTE=12 "$vmferry" resume --yes >"$work/out" 2>"$work/err" </dev/null
is $? 0 "a port that does not come back ends no move"
says out "answers again +$at:8443" "the report says which does again"
says out "DOES NOT ANSWER +$at:8022" "and which does not"
says out "by hand +find out why $at:8022 does not answer" "which is left to do"
says out "warning +service test: $at:8022 answered before the move" "and was warned of"
grep -q '"missing": \[' "$(job_dir)/report.json"
ok $? "report.json has it"
order=$(sed -n 's/.*"key": *"\(service\|shutdown\|start\|migrated\|service-after\)".*/\1/p' \
    "$(job_dir)/journal.jsonl" | uniq | tr '\n' ' ')
is "$order" "service shutdown start migrated service-after " "tried before the shutdown, and when all else is done"

# --- given addresses; all come back, though the guest takes its time; cut off before that
mac=$(config alpha a1 100 | sed -n 's/^net0: [a-z0-9]*=\([0-9A-F:]*\),.*/\1/p')
guest alpha 8022
killed after start:done move -c "$conf" --yes --ports 8022 --address "$at" alpha beta b1 local web1
is "$(status alpha a1 100)" stopped "its process dies when the target was started"
(
    sleep 3
    guest beta 8022
) &
later=$!
run 0 "it goes on" resume --yes
wait $later
says out "answers again +$at:8022" "and waits for what answered before the first process shut it down"
! grep -q 'DOES NOT' "$work/out"
ok $? "nothing is missing"

# --- no agent, no address; nothing that answers
run 0 "a VM without an agent" move -c "$conf" -n --service-test alpha beta b1 local stubborn
says out 'warning: stubborn: which ports of it answer cannot be tried' "is warned of"
run 0 "one that is stopped" move -c "$conf" -n --service-test alpha beta b1 local old1
! grep -q 'TCP ports\|which ports' "$work/out"
ok $? "has nothing to be tried"
done_testing
