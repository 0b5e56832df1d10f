#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# What others do to the VMs of a move at the worst moment: notes that they edit are kept, and high
# availability, which starts whatever it is given, never makes both VMs run.
. "${top_srcdir:-.}/tests/e2e/lib.sh"
lab_up
conf=$L/vmferry.conf
notes() {
    ctl "$1" dump | sed -n '/^ *"'"$2"'": {/,/^ *"name"/s/^ *"description": "\(.*\)",*$/\1/p' | head -n 1
}
ha_state() {
    ctl "$1" dump | sed -n '/"vm:'"$2"'": {/,/}/s/^ *"state": "\([a-z]*\)".*/\1/p' | head -n 1
}
# states: of the source, then of the target, when high availability had time to start what it would
states() {
    sleep 2
    echo "$(status alpha a1 100) $(status beta b1 "${1:-900}")"
}

# --- notes edited between reading and writing, the last time that they are written
ctl alpha fault after 4 do PUT '/nodes/a1/qemu/100/config' set-config 100 description 'ask jdoe first'
ctl beta fault do POST '/nodes/b1/qemu/900/status/start' set-config 900 tags others
ctl beta fault after 1 do PUT '/nodes/b1/qemu/900/config' set-config 900 description 'ask mia first'
move 0 "a move during which others edit" --vmid 900 alpha beta b1 local web1
is "$(notes beta 900)" "ask mia first" "the target's notes are what they wrote"
notes alpha 100 >"$work/out"
says out '^ask jdoe first.nMoved to beta|^ask jdoe first.n.nMoved to beta' "the source's too, and where it went stands behind it"
id=$(basename "$(job_dir)")

# --- a return is killed where its mark is written, and what it wrote was another language
killed torn return/mark:done rollback --return web1 "$id"
is $? 4 "a return is killed when it has marked the target"
other=$(notes beta 900 | sed 's/ went back to /, zur\&uuml;ck nach /')
ctl beta set-config 900 description "$(printf '%b' "$other")"

# --- the return: the target is put under high availability when it has gone down
ctl beta fault after 1 do PUT '/nodes/b1/qemu/900/config' ha vm:900 started
run 1 "it goes on" rollback --return web1 "$id"
says err 'VM 900 at beta is under high availability again .started.' "is given up"
says err 'ha-manager set vm:900 --state ignored' "and what has to be done is said"
is "$(states)" "stopped running" "the target serves on, the source stays down"
is "$(notes beta 900)" "ask mia first" "of what stood in its notes nothing is left, in whatever language"
ctl beta ha vm:900 ignored
ctl beta fault do PUT '/nodes/b1/qemu/900/config' set-config 900 description 'ask zoe now'
run 0 "then it returns" rollback --return web1 "$id"
is "$(states)" "running stopped" "the source runs"
notes beta 900 >"$work/out"
says out '^ask zoe now.*web1 went back to alpha' "an edit of the target's notes is kept, too"
says out 'vmferry-job: ' "beside the mark"
is "$(notes alpha 100)" "ask jdoe first" "the source's notes are as they were edited"

# --- a rollback when somebody has started what was made: nothing may start the source
ctl alpha ha vm:100 started
sleep 1
snapshot "$work/before"
killed after rename:done move -c "$conf" --yes --stop-timeout 5 --vmid 901 alpha beta b1 local web1
is $? 4 "a move is killed before it starts the target"
on beta b1 'qm start 901' >/dev/null
is "$(states 901)" "stopped running" "which somebody does by hand"
run 5 "a rollback" rollback
says err 'VM 901 at beta runs: stop it there first' "cannot start the source"
is "$(states 901)" "stopped running" "nor does high availability"
is "$(ha_state alpha 100)" ignored "which leaves it alone still"
on beta b1 'qm stop 901' >/dev/null
run 0 "when that one is down all is put back" rollback
is "$(states 901 | cut -d ' ' -f 1)" running "the source runs"
is "$(ha_state alpha 100)" started "and is looked after again"
unchanged "as before"

# --- high availability of the source that is switched on just before the target is started ("enabled" the
# lab's manager knows as little as one that has not looked yet: the source is down still)
killed after rename:done move -c "$conf" --yes --stop-timeout 5 --vmid 903 alpha beta b1 local web1
is $? 4 "a move is killed before it starts the target"
ctl alpha ha vm:100 enabled
run 1 "it goes on" resume --yes
says err 'VM 100 at alpha is under high availability again .enabled.' "and does not start the target beside it"
is "$(states 903 | cut -d ' ' -f 1)" running "the source runs"
! on beta b1 'qm list' | grep -q ' 903 '
ok $? "and nothing else does"

# --- taken out of high availability altogether while it is elsewhere
move 0 "a VM under high availability is moved" --stop-timeout 5 --vmid 901 alpha beta b1 local web1
id=$(basename "$(job_dir)")
ctl alpha ha vm:100 -
run 0 "returns" rollback --return web1 --remove-target "$id"
says out 'no longer under high availability' "and stays out of it"
is "$(status alpha a1 100)" running "but runs"

# --- after Proxmox's own migration high availability gets a VM that runs
ctl alpha ha vm:100 started
sleep 1
move 0 "a live migration" --method=remote-migrate --fix suspend-ha --fix eject-iso --fix lift-protection --vmid 901 alpha beta b1 local web1
id=$(basename "$(job_dir)")
ctl alpha requests | wc -l >"$work/lines"
run 0 "returns" rollback --return web1 --remove-target "$id"
ctl alpha requests | tail -n "+$(($(cat "$work/lines") + 1))" | grep -E '"(PUT|POST)"' |
    grep -oE '"path":"/(nodes/a1/qemu/100/status/start|cluster/ha/resources/vm:100)"' | uniq >"$work/out"
is "$(tr -d '\n' <"$work/out")" \
    '"path":"/nodes/a1/qemu/100/status/start""path":"/cluster/ha/resources/vm:100"' \
    "the VM is started first, and then given to it"
done_testing
