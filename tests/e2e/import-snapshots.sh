#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Snapshots removed at an ESXi host: it goes on with that when the job is killed; who resumes the job waits for
# it, so does who takes it back; a host that refuses leaves everything as it was.
. "${top_srcdir:-.}/tests/e2e/lib.sh"
lab_up
esxi_up
conf=$L/vmferry.conf
ssh_conf=$work/ssh.conf
sed 's/^\( *\)type = "esxi";/&\n    way = "ssh";/' "$conf" >"$ssh_conf"

# import CONF VM: the words of an import that removes its snapshots
import() {
    echo import -c "$1" --yes --remove-snapshots --bridge '*=vmbr0' --to beta --node b1 --storage local --skip-start esx1 "$2"
}
# vm NAME KEY: what the host says of it
vm() {
    ctl esx1 state | sed -n "/\"name\": \"$1\"/,/\"vmx\"/p" | sed -n "s/^ *\"$2\": \"*\([^\",]*\)\"*,*$/\1/p"
}
# notes FILE: names and notes of all VMs
notes() {
    ctl esx1 state | grep -E '"(name|annotation)"' >"$1"
}
asked() {
    ctl esx1 requests | grep -c "$1"
}
asked_since() {
    [ "$(asked "$1")" -gt "$before" ]
}
# killed_while CONF VM PATTERN: its job is killed when a request with PATTERN has begun the removal, which
# lasts until it is to end
killed_while() {
    ctl esx1 consolidation 9999999
    before=$(asked "$3")
    empty out
    # shellcheck disable=SC2046
    "$vmferry" $(import "$1" "$2") >"$work/out" 2>"$work/err" </dev/null &
    front=$!
    until_true asked_since "$3"
    job=$(basename "$(job_dir)")
    kill -9 "$(sed -n 's/.*"pid":\([0-9]*\).*/\1/p' "$XDG_STATE_HOME/vmferry/jobs/$job/journal.jsonl")"
    wait $front
    is $? 4 "$2: its job is killed while the host removes its snapshots"
}

# waits TEXT ARGUMENT…: vmferry waits for the removal that was begun
waits() {
    text=$1
    shift
    empty out
    "$vmferry" "$@" >"$work/out" 2>"$work/err" </dev/null &
    front=$!
    until_true grep -qE 'was begun before: waiting|waiting for a task that removes snapshots' \
        "$XDG_STATE_HOME/vmferry/jobs/$job/log"
    ok $? "$text, it waits for that"
}
# ended EXIT TEXT: which the host ends now
ended() {
    ctl esx1 consolidation 0
    wait $front
    is $? "$1" "$2"
}
no_faults() {
    [ -z "$(ctl esx1 fault list)" ]
}

# --- refused in the middle
notes "$work/notes"
ctl esx1 fault sdk HostConfigFault RemoveAllSnapshots_Task
run 1 "a host that does not remove them" $(import "$conf" bad-snapshot)
says err 'removing the snapshots of bad-snapshot' "is told"
is "$(vm bad-snapshot snapshots)" 1 "they stay"
notes "$work/now"
cmp -s "$work/notes" "$work/now"
ok $? "and the VM has its name and, as before, no notes"

# --- the API: killed, resumed
killed_while "$conf" bad-snapshot '"method":"RemoveAllSnapshots_Task".*"status":200'
waits "bad-snapshot: resumed" resume --yes "$job"
ctl esx1 fault sdk cut RetrievePropertiesEx
until_true no_faults
ok $? "an answer that is cut off while it waits"
ended 0 "does not end it"
new=$(on beta b1 'qm list' | sed -n 's/^ *\([0-9]*\) bad-snapshot .*/\1/p')
same "$(image beta b1 "local:$new/vm-$new-disk-0.raw")" "$(vmdk bad-snapshot)" "and copies the disk as it is then"

# --- taken back while it goes on: nothing starts before its end
ctl esx1 vm no-tools off
ctl esx1 vm no-tools tools
ctl esx1 vm no-tools on
ctl esx1 vm no-tools snapshot
notes "$work/notes"
killed_while "$conf" no-tools '"method":"RemoveAllSnapshots_Task".*"status":200'
waits "no-tools: taken back" rollback "$job"
is "$(vm no-tools power)" poweredOff "meanwhile it does not run"
ended 0 "then all is put back"
is "$(vm no-tools power)" poweredOn "it runs again"
notes "$work/now"
cmp -s "$work/notes" "$work/now"
ok $? "with its name, and without notes"

# --- by SSH alone
if [ "$esxi_ssh" ]; then
    ctl esx1 vm fmt-sata snapshot
    killed_while "$ssh_conf" fmt-sata 'vmsvc/snapshot.removeall'
    waits "fmt-sata: resumed by SSH" resume --yes "$job"
    ended 0 "and is imported"
    is "$(vm fmt-sata snapshots)" 0 "they are gone"
else
    skip "by SSH alone" "the host's shell needs namespaces"
fi
for c in beta esx1; do
    ctl "$c" requests | grep '"violation":"' >"$work/out"
    is $? 1 "$c found no wrong parameter in any request"
done
echo "1..$count"
exit $((failures != 0))
