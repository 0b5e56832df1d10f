#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Plans that are saved, edited by hand, checked and carried out.
. "${top_srcdir:-.}/tests/e2e/lib.sh"
lab_up
conf=$L/vmferry.conf
plan=$work/old1.plan
snapshot "$work/before"

run 0 "a move's plan is saved" move -c "$conf" --save-plan "$plan" alpha beta b1 local old1
says out 'disk +ide0' "after it was shown"
says out "vmferry run $plan" "with what can be done with it"
is "$(stat -c %a "$plan")" 600 "for its owner only"
run 2 "a file that is there is not replaced" move -c "$conf" --save-plan "$plan" alpha beta b1 local old1
run 2 "neither by the plan of several" move -c "$conf" --save-plan "$plan" alpha beta b1 local old1 clone1
run 3 "a move that is stopped has a plan too" \
    move -c "$conf" --save-plan "$work/stopped.plan" --bridge vmbr0=vmbr9 alpha beta b1 local old1
[ -s "$work/stopped.plan" ]
ok $? "to be mended by hand"
run 3 "it is checked" check -c "$conf" "$work/stopped.plan"
says out 'STOP: net0.*vmbr9' "and still stopped"
sed -i 's/vmbr9/vmbr0/' "$work/stopped.plan"
run 0 "until it is mended" check -c "$conf" "$work/stopped.plan"
says out 'Nothing stops this move' "and says so"

# --- edited: another bus, name, number, card, tag
sed -i -e 's/^target-node.*/& target-name = "new1"; target-id = 777; cpu = "host";/' \
    -e 's/^    slot = "ide0";/& target-slot = "virtio0"; discard = true; cache = "none"; iothread = true;/' \
    -e 's/^    mac = .*/    mac = "02:00:00:00:00:77"; model = "e1000"; tag = 12; disconnected = true;/' "$plan"
run 0 "an edited plan is checked" check -c "$conf" "$plan"
says out 'ide0 .*becomes virtio0, discard on, iothread on, cache none' "what changes is shown"
says out '^  name  new1$' "its name"
says out '^  VMID  777$' "its number"
says out 'net0 .*becomes e1000, VLAN tag 12, disconnected' "of cards too"
says out 'warning: ide0: .*without a driver for that bus does not boot' "and what a bus means for the guest"
says out 'warning: net0: .*another card' "and a card"
says out 'warning: cpu: ' "and a processor"
run 0 "a dry run says the same" run -c "$conf" -n "$plan"
says out 'becomes virtio0' "of what changes"
run 2 "without a terminal nothing is begun" run -c "$conf" "$plan"
says err 'give --yes' "unless told so"
unchanged "nothing was changed by any of these"

# --- mistakes
bad() { # SED-EXPRESSION PATTERN TEXT
    sed "$1" "$plan" >"$work/bad.plan"
    run 2 "$3" check -c "$conf" "$work/bad.plan"
    says err "bad.plan:[0-9]+: .*$2" "with file, line and what would be right"
}
bad 's/^rate/rat/' 'a plan has no key "rat".*rate' "an unknown key"
bad 's/^start = .*/start = "yes";/' 'start must be true or false' "a wrong type"
bad 's/virtio0/virtio16/' 'virtio16.*virtio0 to virtio15' "an impossible slot"
bad 's/new1/new_1/' 'must be a DNS name' "an impossible name"
run 2 "a plan that is not there" run -c "$conf" "$work/nosuch"

# --- the source is no longer as planned
sed 's/size = [0-9]*;/size = 33554433;/' "$plan" >"$work/stale.plan"
run 3 "a disk of another size stops" check -c "$conf" "$work/stale.plan"
says out 'STOP: .*ide0 now has 33554432 bytes, it was planned with 33554433' "with both sizes"
run 3 "and is not moved" run -c "$conf" --yes "$work/stale.plan"
sed 's/vm-name = .*/vm-name = "other";/' "$plan" >"$work/other.plan"
run 3 "another name stops" run -c "$conf" --yes "$work/other.plan"
says out 'STOP: other: it is called old1 now' "with both names"
sed 's/vm-id = .*/vm-id = 999;/' "$plan" >"$work/gone.plan"
run 1 "a VM that is gone is an error" run -c "$conf" --yes "$work/gone.plan"
unchanged "nothing was changed by any of these either"

# --- carried out
run 0 "the edited plan is carried out" run -c "$conf" --yes "$plan"
says out 'Report: ' "with the report of a move"
has beta b1 777 'name: new1' "the name is the plan's"
has beta b1 777 'cpu: host' "so is the processor"
has beta b1 777 'boot: order=virtio0' "the boot order follows the disk"
has beta b1 777 'net0: e1000=02:00:00:00:00:77,bridge=vmbr0,link_down=1,tag=12' "the card is the plan's"
config beta b1 777 >"$work/out"
says out '^virtio0: local:777/vm-777-disk-0.raw,.*discard=on' "the disk is where it should be"
says out '^virtio0: .*cache=none.*iothread=1' "with its options"
same "$(image alpha a2 local:102/vm-102-disk-0.raw)" "$(image beta b1 local:777/vm-777-disk-0.raw)" \
    "with the same content"
has alpha a2 102 'name: old1--MIGRATED' "the source is renamed"
run 3 "carried out twice it is stopped" run -c "$conf" --yes "$plan"
says out 'STOP' "and says why"

# --- events
run 0 "a saved plan runs" move -c "$conf" --save-plan "$work/db1.plan" alpha beta b1 local db1
run 0 "with events for programs" run -c "$conf" --yes --progress=json "$work/db1.plan"
head -n 1 "$work/out" | grep -q '"type":"plan"'
ok $? "the plan first"
tail -n 1 "$work/out" | grep -q '"type":"end","exit":0\|"exit":0'
ok $? "the end last"
done_testing
