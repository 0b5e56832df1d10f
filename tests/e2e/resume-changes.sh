#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# What somebody changed between the death of a job and its resumption is decided, not ignored.
. "${top_srcdir:-.}/tests/e2e/lib.sh"
. "${top_srcdir:-.}/tests/e2e/screen.sh"
lab_up
snapshot "$work/before"

# cut_off KEY:STATE [OPTION]: web1's job dies there
cut_off() {
    at=$1
    shift
    rm -rf "$XDG_STATE_HOME"
    killed after "$at" move -c "$L/vmferry.conf" --yes --stop-timeout 5 "$@" alpha beta b1 local web1
    is $? 4 "a job is cut off at $at"
    id=$(basename "$(job_dir)")
}
# stops PATTERN TEXT: neither --check nor a resume goes on, and nothing is touched
stops() {
    snapshot "$work/held"
    run 3 "a check says no" resume --check
    says out "STOP.*$1" "$2"
    run 3 "so does resume" resume --yes
    snapshot "$work/after"
    cmp -s "$work/held" "$work/after"
    ok $? "nothing was touched"
}
# again: web1 is where it was before its last move
again() {
    run 0 "it is taken back" rollback --return web1 --remove-target "$(basename "$(job_dir)")"
    rm -rf "$XDG_STATE_HOME"
    snapshot "$work/before"
}
key() {
    sed -n "s/^$1: //p"
}

# --- the commands themselves
run 2 "without a job there is nothing to resume" resume
says err 'no unfinished job' "which is said"
cut_off cloning:done
grep -q "vmferry resume $id.*vmferry rollback $id" "$work/err"
ok $? "the end of a killed job names both ways"
run 0 "the job is listed" jobs
says out 'INTERRUPTED .*resume or rollback' "with what can be done"
"$vmferry" >"$work/out" 2>"$work/err"
says err "^$id .*INTERRUPTED" "vmferry alone mentions it"
snapshot "$work/held"
run 0 "a check says how it stands" resume --check
head -n 1 "$work/out" >"$work/first"
says first '^web1 is DOWN since [0-9-]* [0-9:]* \(' "the state of the service comes first"
says out '0 of 1 disks copied' "then how far it is"
run 2 "without a terminal it wants --yes" resume
run 0 "--progress=json" resume --check --progress=json
says out '"type":"standing".*"way":"both"' "says the same for programs"
snapshot "$work/after"
cmp -s "$work/held" "$work/after"
ok $? "none of that touches anything"
run 2 "there is no such job" resume nonsense
cp -r "$(job_dir)" "$XDG_STATE_HOME/vmferry/jobs/20200101-000000-aaaaaa"
run 2 "of several unfinished jobs one has to be named" resume
says err '20200101-000000-aaaaaa' "they are listed"
rm -r "$XDG_STATE_HOME/vmferry/jobs/20200101-000000-aaaaaa"

# --- somebody sits at the terminal
at_terminal "'$vmferry' resume"
sees 'Go on\?' "at a terminal it asks"
keys n Enter
sees 'exit=4' "no leaves it as it is"
is "$(status alpha a1 100)" stopped "the source stays down"

# --- the source runs again
ctl alpha qm a1 start 100
run 0 "a source that runs again is no obstacle" resume --check
says out '^web1 runs at the source' "it is said"
says out 'warning.*started again' "with what that means"
run 4 "but it is not shut down without an answer" resume --yes
is "$(status alpha a1 100)" running "it still runs"
says err 'left running' "which is said"
at_terminal "'$vmferry' resume --yes"
sees 'Shut it down once more' "a person is asked"
keys 1 Enter
sees 'exit=0' "and may say yes"
is "$(status alpha a1 100)" stopped "then it is shut down"
vmid=$(sed -n 's/.*"target_vmid":\([0-9]*\).*/\1/p' "$(job_dir)/journal.jsonl" | tail -n 1)
is "$(status beta b1 "$vmid")" running "and runs at the target"
again

# --- it ran, wrote, and was stopped again: what was copied before is compared again
cut_off copy/scsi0:done
ctl alpha qm a1 start 100
ctl alpha qm a1 stop 100
source=$(config alpha a1 100 | key scsi0 | sed 's/,.*//')
qemu-io -f qcow2 -c 'write -P 0x5a 300M 1M' "$(image alpha a1 "$source")" >/dev/null
run 0 "resumed after it ran in between" resume --yes
says out 'may have run at the source since' "that is noticed"
vmid=$(sed -n 's/.*"target_vmid":\([0-9]*\).*/\1/p' "$(job_dir)/journal.jsonl" | tail -n 1)
target=$(config beta b1 "$vmid" | key scsi0 | sed 's/,.*//')
same "$(image alpha a1 "$source")" "$(image beta b1 "$target")" "and what it wrote is at the target"
again

# --- its configuration was edited
cut_off copy/scsi0:intent
ctl alpha set-config 100 cores 2
run 0 "other settings are no obstacle" resume --check
says out 'warning.*cores: it was 1 ' "they are named"
ctl alpha set-config 100 cores 1
disk=$(config alpha a1 100 | key scsi0)
image=$(image alpha a1 "${disk%%,*}")
qemu-img resize -q "$image" 2G
ctl alpha set-config 100 scsi0 "$(echo "$disk" | sed 's/size=1G/size=2G/')"
stops 'scsi0 now has 2147483648.*rollback' "a disk that was resized stops it, with what to do"
qemu-img resize -q --shrink "$image" 1G
ctl alpha set-config 100 scsi0 "$disk"
nic=$(config alpha a1 100 | key net0)
ctl alpha set-config 100 net0 "$(echo "$nic" | sed 's/tag=20/tag=21/')"
stops 'net0 card.*tag 20.*tag 21' "so does a card that was changed"
ctl alpha set-config 100 net0 "$nic"
ctl alpha set-config 100 lock backup
stops 'locked at the source \(backup\)' "so does a lock"
ctl alpha set-config 100 lock -
ctl alpha set-config 100 description "vmferry-job: 20991231-235959-abcdef"
stops 'belongs to job 20991231-235959-abcdef' "so does another job"
ctl alpha set-config 100 description "vmferry-job: $id"

# --- the target
vmid=$(sed -n 's/.*"vmid":\([0-9]*\).*"CREATING.*/\1/p; s/.*"key":"create".*"vmid":\([0-9]*\).*/\1/p' "$(job_dir)/journal.jsonl" | tail -n 1)
ctl beta set-config "$vmid" description mine
stops "VM $vmid at beta: it is no longer this job's" "so does a target without the mark"
ctl beta set-config "$vmid" description "vmferry-job: $id"
ctl beta qm b1 start "$vmid"
stops "VM $vmid at beta: somebody started it" "so does one that somebody started"
ctl beta qm b1 stop "$vmid"
volume=$(sed -n 's/.*"key":"allocate.scsi0","state":"done","data":{"volume":"\([^"]*\)".*/\1/p' "$(job_dir)/journal.jsonl")
mv "$(image beta b1 "$volume")" "$work/kept"
stops 'is gone from the target' "so does a volume that is gone"
mv "$work/kept" "$(image beta b1 "$volume")"
ctl alpha set-config 100 description 'new notes'
run 0 "a claim that was taken away is no obstacle" resume --check
says out 'is written again' "which is said"
run 0 "and it goes on" resume --yes
config alpha a1 100 | key description >"$work/out"
! grep -q vmferry-job "$work/out"
ok $? "no mark is left at the source"
done_testing
