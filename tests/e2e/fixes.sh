#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# What is changed at the source for the length of a move when that was agreed to: done, said afterwards,
# put back when the move fails, is undone, or was cut off at any line of its journal. All lines with
# CRASH_POINTS=all.
. "${top_srcdir:-.}/tests/e2e/lib.sh"
. "${top_srcdir:-.}/tests/e2e/screen.sh"
lab_up
conf=$L/vmferry.conf
good=$work/good.conf
cp "$conf" "$good"
native="--method=remote-migrate"
all="--fix suspend-ha --fix eject-iso --fix lift-protection"

# --- somebody at a terminal is asked
at_terminal "'$vmferry' move -c '$conf' $native alpha beta b1 local web1"
sees 'Eject the medium for the move' "at a terminal the fix is offered"
keys y Enter
sees 'Begin to move web1' "yes goes on"
keys n Enter
sees 'exit=1' "until it is not begun"
sees 'is ejected before the migration' "the plan says what will be done"
# --- replication, of a VM that is copied
run 0 "a VM with replication" move -c "$conf" -n alpha beta b1 local big1
says out 'warning: replication job 105-0: it copies the same disks to a2' "is warned about"
says out '\-\-fix=suspend-replication does it' "and what vmferry can do about it is named"
run 2 "a fix that is none" move -c "$conf" -n --fix unlock alpha beta b1 local big1
says err "cannot be 'unlock'" "is a mistake"
run 0 "one that was agreed to" move -c "$conf" -n --fix suspend-replication alpha beta b1 local big1
says out 'note: replication job 105-0: it is switched off for the move' "is told"
sed -E 's/user = "root@pam"/user = "migrator@pve"/; s#secret-file = "[^"]*secret-alpha"#secret-file = "'"$L"'/secret-migrator-alpha"#' \
    "$good" >"$conf"
chmod 600 "$conf"
ctl alpha without migrator@pve Datastore.Allocate
move 3 "a login that may not switch it stops" --fix suspend-replication alpha beta b1 local big1
says out 'STOP: alpha: this login may not switch replication jobs' "and is told so"
ctl alpha without migrator@pve -
cp "$good" "$conf"

run 0 "a plan keeps what was agreed to" move -c "$conf" --save-plan "$work/plan.cfg" \
    --fix suspend-replication alpha beta b1 local big1
grep -q '^fixes = \[ "suspend-replication" \];' "$work/plan.cfg"
ok $? "by name"
run 0 "which a check of it tells" check -c "$conf" "$work/plan.cfg"
says out 'note: replication job 105-0: it is switched off' "in the same words"

# off: the replication of big1 is switched off
off() {
    ctl alpha dump | tr -d ' \n' | grep -q '"disable":1'
}
snapshot "$work/before"
ctl beta fault task qmcreate 'unable to create VM: something went wrong'
move 1 "a move that fails" --fix suspend-replication alpha beta b1 local big1
grep -q '"key":"replication/105-0","state":"done"' "$(job_dir)/journal.jsonl"
ok $? "had switched it off"
unchanged "and has switched it on again"

# killed_at WHERE KEY:STATE ARGUMENT...: dies there
killed_at() {
    where=$1 write=$2
    shift 2
    rm -rf "$XDG_STATE_HOME"
    killed "$where" "$write" move -c "$conf" --yes "$@"
    is $? 4 "killed at $where $write"
}
# back_from WHERE KEY:STATE ARGUMENT...
back_from() {
    killed_at "$@"
    run 0 "it is rolled back" rollback
    unchanged "and all is as before"
}
points="torn:replication/105-0:done"
[ "${CRASH_POINTS-}" != all ] || points="torn:replication/105-0:intent after:replication/105-0:intent $points
    after:replication/105-0:done torn:replication:intent after:replication:intent torn:replication:done"
for p in $points; do
    back_from "${p%%:*}" "${p#*:}" --fix suspend-replication alpha beta b1 local big1
done
killed_at torn replication/105-0:done --fix suspend-replication alpha beta b1 local big1
off
ok $? "it is off by now"
run 0 "it goes on" resume --yes
says out 'left changed +replication job 105-0 stays switched off at alpha' "what stays off is said at the end"
off
ok $? "and is"
tr -d '\n' <"$(job_dir)/report.json" | grep -q '"left_changed": *\[ *"replication job 105-0'
ok $? "it is in the report, too"

# --- what Proxmox's own migration refuses
ctl alpha ha vm:100 started
ctl alpha set-config 100 protection 1
snapshot "$work/before"
move 3 "Proxmox's migration refuses HA, a medium and protection" $native alpha beta b1 local web1
for fix in suspend-ha eject-iso lift-protection; do
    says out "\-\-fix=$fix does it" "--fix=$fix would help"
done
run 0 "with these nothing stops" move -c "$conf" -n $native $all alpha beta b1 local web1
says out 'note: ide2: its medium .local:iso/tiny.iso. is ejected before' "a medium will be ejected"
says out 'note: protection: it is switched off' "protection will be off"
says out 'note: web1: high availability is told to leave it alone' "HA will look away"
unchanged "so far nothing is changed"
ctl alpha fault task qmigrate/mirror 'something went wrong'
move 1 "a migration that fails" $native $all alpha beta b1 local web1
unchanged "leaves all three as they were"
[ -z "$(ctl alpha fault list)" ] || ctl alpha fault clear
is "$(status alpha a1 100)" running "the VM runs"

points="after:protection:intent"
[ "${CRASH_POINTS-}" != all ] || points="torn:ha:intent after:ha:intent torn:ha:done after:ha:done
    $points torn:eject/ide2:done torn:protection:done
    torn:eject/ide2:intent after:eject/ide2:intent after:eject/ide2:done torn:protection:intent
    after:protection:done"
for p in $points; do
    back_from "${p%%:*}" "${p#*:}" $native $all alpha beta b1 local web1
done

# what somebody else put in meanwhile stays
killed_at after protection:done $native $all alpha beta b1 local web1
has alpha a1 100 'ide2: none,media=cdrom' "the drive is empty"
on alpha a1 'qm set 100 --ide2 local:iso/tiny.iso,media=cdrom' >/dev/null
run 0 "it is rolled back" rollback --yes
has alpha a1 100 'ide2: local:iso/tiny.iso,media=cdrom,size=1M' "what was put in by hand stays"

killed_at torn eject/ide2:done $native $all alpha beta b1 local web1
run 0 "a migration that was cut off before it began goes on" resume --yes
says out 'left changed +the drive ide2 of the source stays empty .was local:iso/tiny.iso' "the drive is named"
says out 'left changed +protection stays switched off' "so is protection"
says out 'left changed +high availability still leaves the source alone .was started' "and HA"
id=$(on beta b1 'qm list' | awk '$2 == "web1" {print $1}')
is "$(status beta b1 "$id") $(status alpha a1 100)" "running stopped" "it runs at the target only"

done_testing
