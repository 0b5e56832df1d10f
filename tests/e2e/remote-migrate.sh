#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Proxmox's own migration between clusters, driven by vmferry: done, refused beforehand, failing,
# cancelled, killed, and undone.
. "${top_srcdir:-.}/tests/e2e/lib.sh"
lab_up
conf=$L/vmferry.conf
good=$work/good.conf
cp "$conf" "$good"
native="--method=remote-migrate"

# with SED-EXPRESSION: the configuration changed until restore
with() {
    sed -E "$1" "$good" >"$conf"
    chmod 600 "$conf"
}
restore() {
    cp "$good" "$conf"
}
# logged PATTERN: waits until the newest job's log has a line that matches
in_log() {
    grep -qE "$1" "$(job_dir)/log"
}
logged() {
    until_true in_log "$1"
}
# hangs PHASE [ARGUMENT...]: a migration in the background that stops there
hangs() {
    rm -rf "$XDG_STATE_HOME"
    ctl alpha fault hang "qmigrate/$1"
    shift
    empty slow
    "$vmferry" move -c "$conf" --yes $native "$@" >"$work/slow" 2>"$work/slow.err" </dev/null &
    front=$!
}

# --- what is refused beforehand, each with its cure
ctl alpha set-config 100 ide2 local:iso/tiny.iso,media=cdrom,size=1M
snapshot "$work/before"
# refused PATTERN TEXT [ARGUMENT...]
refused() {
    pattern=$1 text=$2
    shift 2
    move 3 "$text stops" $native "$@" alpha beta b1 local web1
    grep -A1 -E "STOP: .*$pattern" "$work/out" | grep -qE 'use --method=copy'
    ok $? "and what to do instead is said"
}
refused 'ide2: .*medium' "a medium in a drive"
ctl alpha set-config 100 ide2 none,media=cdrom
snapshot "$work/before"
while read -r key value pattern; do
    ctl alpha set-config 100 "$key" "$value"
    refused "$pattern" "$key=$value"
    ctl alpha set-config 100 "$key" -
done <<'EOF'
args -no-acpi args: .*only root
spice_enhancements foldersharing=1 spice_enhancements: .*only root
hookscript local:snippets/x.pl hookscript: .*only root
hostpci0 0000:01:00.0 hostpci0: .*device of the source
usb0 host=1234:5678 usb0: .*device of the source
serial0 /dev/ttyS0 serial0: .*device of the source
vga std,clipboard=vnc vga: .*clipboard
unused0 local:100/vm-100-disk-9.raw unused0: .*detached
protection 1 protection: .*could not be removed
EOF
refused '--skip-start' "--skip-start" --skip-start
refused '--skip-disks' "--skip-disks" --skip-disks
refused 'net0: .*MAC' "a new MAC address" --mac new
refused 'scsi0: .*format' "another format" --format raw
with 's/token = "migrator@pve!ferry"/token = "migrator@pve!noincoming"/'
refused 'lacks Sys.Incoming at beta' "a token without Sys.Incoming"
restore
with 's/user = "root@pam"/user = "migrator@pve"/; s#secret-file = "[^"]*secret-alpha"#secret-file = "'"$L"'/secret-migrator-alpha"#'
ctl alpha without migrator@pve VM.Migrate
refused 'lacks VM.Migrate at alpha' "a user without VM.Migrate"
ctl alpha without migrator@pve -
restore
move 3 "a VM with a snapshot stops" $native alpha beta b1 local stubborn
says out 'STOP: before-update: .*snapshots' "and it is named"
move 3 "one under high availability and with replication stops" $native alpha beta b1 local big1
says out 'STOP: high availability: ' "for the one"
says out 'STOP: replication: ' "and the other"
move 3 "a VMID that is taken stops" $native --vmid 100 alpha beta b1 local web1
move 3 "a bridge that is missing stops" $native --bridge vmbr0=vmbr9 alpha beta b1 local web1
unchanged "nothing was changed by any of these"

# --- what Proxmox refuses or what fails on the way is put back
snapshot "$work/before"
ctl alpha fault fail POST /remote_migrate 500 'cannot remote-migrate replicated VM'
move 1 "a refusal of Proxmox's ends it" $native alpha beta b1 local web1
says err 'replicated' "in its words"
unchanged "and nothing is left"
for phase in config mirror memory; do
    ctl alpha fault task "qmigrate/$phase" "the lab says no to $phase"
    move 1 "a task that fails ($phase) ends it" $native alpha beta b1 local web1
    says err "the lab says no to $phase" "in the words of its log"
    is "$(status alpha a1 100)" running "the source runs on"
    unchanged "and everything is put back"
done

# --- ^C in the middle
hangs mirror alpha beta b1 local web1
logged 'drive-scsi0: transferred .*, ready'
kill -INT $front
wait $front
is $? 1 "interrupted while disks are copied, it ends as failed and undone"
is "$(status alpha a1 100)" running "the source runs on"
unchanged "and everything is put back"

# --- the node's worker is killed: nobody cleans up but us, over ssh at the target
hangs memory alpha beta b1 local web1
logged 'migration active'
ctl alpha kill-task qmigrate
wait $front
is $? 1 "a worker that is killed ends it"
is "$(status alpha a1 100)" running "the source runs on"
unchanged "and what it left is removed: locks, target VM and disks"
hangs config alpha beta b1 local web1
logged "is 'local:101/vm-101-disk-0.qcow2' on the target"
ctl alpha kill-task qmigrate
wait $front
is $? 1 "so does one that is killed before the target has a configuration"
unchanged "and its disks, which no configuration names, are removed too"

# --- the job is killed: rollback finds the task again
hangs mirror alpha beta b1 local web1
logged 'drive-scsi0: transferred .*, ready'
kill -9 "$(job_pid)"
wait $front
is $? 4 "a killed job is said to be interrupted"
run 0 "rollback stops the migration and undoes it" rollback
is "$(status alpha a1 100)" running "the source runs on"
unchanged "and everything is put back"
rm -rf "$XDG_STATE_HOME"
killed torn migrate/task:intent move -c "$conf" --yes $native --bwlimit 100 alpha beta b1 local web1
is $? 4 "killed before the task's name was written down"
! grep -q '"task":"UPID' "$(job_dir)/journal.jsonl"
ok $? "it is not in the journal"
run 0 "rollback finds the task all the same" rollback
unchanged "and everything is put back"

# --- the API is away for a moment while the task runs
rm -rf "$XDG_STATE_HOME"
ctl alpha fault fail GET '/tasks/.*/log' 599 'Too many redirections'
with '/^ *token = /d; s/^( *)(secret-file = "[^"]*)token-beta/\1user = "root@pam"; \2secret-beta/'
move 0 "a VM is migrated live, with a password at the target, limited, though the API fails once" $native --bridge vmbr0=vmbr1 \
    --bwlimit 4000 --vmid 300 alpha beta b1 shared web1
says out 'NOT verified by vmferry' "the report says that the disks were not verified"
says out 'downtime +[0-9]' "and how long it was down"
says out 'not carried over *pool web' "and what does not go along"
is "$(status alpha a1 100)" stopped "the source is stopped"
is "$(status beta b1 300)" running "the target runs"
has beta b1 300 'net0: virtio=02:AA:BB:CC:DD:01,bridge=vmbr1,firewall=1,tag=20' "its card is on the mapped bridge"
has beta b1 300 'onboot: 1' "it starts at boot"
config beta b1 300 >"$work/out"
! grep -q 'vmferry-job\|^lock' "$work/out"
ok $? "it carries neither marker nor lock"
has alpha a1 100 'name: web1--MIGRATED' "the source is renamed"
has alpha a1 100 'onboot: 0' "it does not start at boot"
config alpha a1 100 >"$work/out"
! grep -q 'vmferry-job\|^lock' "$work/out"
ok $? "it carries neither marker nor lock either"
same "$(image alpha a1 local:100/vm-100-disk-0.qcow2)" \
    "$(image beta b1 shared:300/vm-300-disk-0.qcow2)" "the disk is the same"
ctl alpha requests | grep remote_migrate | grep -q '"bwlimit":"488281"'
ok $? "the limit was handed on"
! grep -rqF "$(cat "$L/secret-beta")" "$XDG_STATE_HOME" "$work/out" "$work/err"
ok $? "the token's secret is nowhere"
is "$(grep -c '"token/target","state":"undone"' "$(job_dir)/journal.jsonl")" 1 \
    "the token that was made for it at the target is removed"
restore
run 2 "that is not rolled back just so" rollback "$(basename "$(job_dir)")"
says err 'It has run at beta' "because the target has run"

# --- a stopped VM; neither the API nor ssh takes the lock off
with 's/user = "root@pam";/user = "migrator@pve";/; s#secret-file = "[^"]*secret-alpha"#secret-file = "'"$L"'/secret-migrator-alpha"#; 1,/beta/s/port = [0-9]*/port = 1/'
move 0 "a stopped VM is migrated" $native alpha beta b2 local db1
says out 'by hand .*qm unlock 101' "what is left to do is said, since nobody here may take the lock off"
is "$(status beta b2 101)" stopped "it stays stopped"
has alpha a1 101 'lock: migrate' "the source keeps its lock"
restore
on alpha a1 'qm unlock 101'

# --- past the hand-over
rm -rf "$XDG_STATE_HOME"
on alpha a2 'qm start 102'
ctl alpha fault task qmigrate/finish 'resume failed on the way'
move 5 "a task that fails after the hand-over needs a person" $native alpha beta b1 local old1
says err 'never run both' "and what to do is said"
run 3 "and is not rolled back" rollback
says err 'locked .migrate.: take that off first' "while Proxmox's lock is on the source"

ctl alpha set-pending 103 memory 1024
move 3 "a change that waits for the next start stops, for it would be lost" $native alpha beta b1 local stubborn
says out 'STOP: memory: .*after the next start 1024' "with both values"
done_testing
