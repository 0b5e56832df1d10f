#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# A job that drives Proxmox's own migration is killed and resumed: the migration, and the token it was
# given, are those of before.
. "${top_srcdir:-.}/tests/e2e/lib.sh"
lab_up
sed -i -E '/^ *token = /d; s/^( *)(secret-file = "[^"]*)token-beta/\1user = "root@pam"; \2secret-beta/' \
    "$L/vmferry.conf"
ctl alpha set-config 100 ide2 none,media=cdrom

# said N PATTERN: the newest job's log has N lines that match
said() {
    [ "$(grep -cE "$2" "$(job_dir)/log")" -ge "$1" ]
}

ctl alpha fault hang qmigrate/mirror
empty slow
"$vmferry" move -c "$L/vmferry.conf" --yes --method=remote-migrate alpha beta b1 local web1 \
    >"$work/slow" 2>&1 </dev/null &
front=$!
until_true said 1 'drive-scsi0: transferred .*, ready'
ok $? "a migration copies its disks"
kill -9 "$(job_pid)"
wait $front
is $? 4 "its job is killed"
token=$(sed -n 's/.*"key":"token.target".*"name":"\([^"]*\)".*/\1/p' "$(job_dir)/journal.jsonl")
ctl beta dump >"$work/dump"
grep -q "$token" "$work/dump"
ok $? "the migration has a token of the job's"
run 0 "it can go on" resume --check
says out '^web1 runs at the source' "and runs at the source"
empty slow
"$vmferry" resume --yes >"$work/slow" 2>&1 </dev/null &
front=$!
until_true said 2 'drive-scsi0: transferred .*, ready'
ok $? "resumed, the job watches the same migration"
ctl beta requests | grep '"method":"DELETE"' | grep -c "token/$token" >"$work/out"
is "$(cat "$work/out")" 0 "whose token is left to it"
ctl alpha fault go
wait $front
is $? 0 "and goes on to its end"
is "$(ctl alpha requests | grep '"method":"POST"' | grep -c '/qemu/100/remote_migrate')" 1 "nothing was migrated twice"
ctl beta dump >"$work/dump"
! grep -q "$token" "$work/dump"
ok $? "then its token is removed"
has alpha a1 100 'name: web1--MIGRATED' "the source is renamed"
is "$(status alpha a1 100)" stopped "and stopped"
vmid=$(sed -n 's/.*"target_vmid":\([0-9]*\).*/\1/p' "$(job_dir)/journal.jsonl" | tail -n 1)
is "$(status beta b1 "$vmid")" running "the target runs"
config beta b1 "$vmid" >"$work/out"
! grep -q 'vmferry-job\|^lock' "$work/out"
ok $? "without marker and lock"

# --- killed when its start was announced and never sent: the token is made anew for the one that begins
run 0 "it is taken back" rollback --return web1 --remove-target "$(basename "$(job_dir)")"
rm -rf "$XDG_STATE_HOME"
killed after migrate:intent move -c "$L/vmferry.conf" --yes --method=remote-migrate alpha beta b1 local web1
is $? 4 "killed before the migration began"
run 0 "resumed, it begins one" resume --yes
is "$(ctl alpha requests | grep '"method":"POST"' | grep -c '/qemu/100/remote_migrate')" 2 "only one"
done_testing
