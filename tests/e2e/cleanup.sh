#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# What a lost job has left on the hosts is listed and removed; what a running one needs is not.
. "${top_srcdir:-.}/tests/e2e/lib.sh"
lab_up
[ "$namespaces" ] || {
    skip "hosts are cleaned up" "all nodes of this lab are one host"
    done_testing
}

# the hosts' files, and the tokens of both clusters
hosts() {
    for n in alpha/a1 alpha/a2 beta/b1 beta/b2; do
        echo "== $n"
        keys_on "${n%/*}" "${n#*/}"
        helpers "${n%/*}" "${n#*/}"
        on "${n%/*}" "${n#*/}" 'ls -A /root/.ssh; cd /root/.ssh && cksum authorized_keys*'
    done >"$1" 2>&1
    for c in alpha beta; do
        ctl "$c" dump | grep -o '"tokenid": *"[^"]*"'
    done >>"$1"
}
same_hosts() {
    hosts "$work/after"
    diff "$work/before" "$work/after" >"$work/out" 2>&1
    ok $? "$1"
}
cleanup() {
    want=$1 text=$2
    shift 2
    run "$want" "$text" cleanup -c "$L/vmferry.conf" "$@"
}
movers() { # SIGNAL CLUSTER NODE
    on "$2" "$3" "kill -$1 \$(pgrep -f '[v]mferry-mover serve --job $id')" >/dev/null 2>&1
}
slow() { # VM
    begin move -c "$L/vmferry.conf" --yes --bwlimit 1 alpha beta b1 local "$1"
    id=$(basename "$(job_dir)")
    is "$(sed -n 's/.*"key":"\(copy.scsi0\)".*/\1/p' "$(job_dir)/journal.jsonl")" copy/scsi0 \
        "a move is copying"
}

hosts "$work/before"
cleanup 0 "clusters that no job has been to"
says out 'Nothing was left' "have nothing of any"
cleanup 2 "an unknown cluster is refused" gamma
sed 's|^clusters = (|&\n  { name = "esx9"; type = "esxi"; url = "https://127.0.0.1:1"; },|' "$L/vmferry.conf" \
    >"$work/esx.conf"
run 0 "an ESXi host, where jobs put nothing, is not asked" cleanup -c "$work/esx.conf"
says out 'Nothing was left' "and is not missed"
run 2 "nor is it asked for jobs to go on with" resume -c "$work/esx.conf" --at esx9
says err 'esx9 is no Proxmox VE cluster' "which is said"

# --- a job that runs
slow big1
cleanup 0 "while a job runs" --yes
says out "b1: key .*authorized_keys2" "its key is listed"
says out "a1: helper /(run|tmp).*vmferry-$id-.* runs as process" "its helper at the source too"
says out "^alpha: API token root@pam!vmferry-$id" "and its token"
says out "of job $id, [0-9]+ min old, running; kept: the job runs" "as what is kept"
says out "nothing to remove" "and nothing else"
fast
wait $front
is $? 0 "it comes to its end"
same_hosts "and takes its things away itself"

# --- killed, and its movers with it, so that nobody takes anything back
rm -rf "$XDG_STATE_HOME"
slow web1
movers STOP alpha a1
movers STOP beta b1
kill -9 "$(job_pid)"
movers KILL alpha a1
movers KILL beta b1
wait $front
is $? 4 "a job and its movers are killed"
hosts "$work/middle"
! cmp -s "$work/before" "$work/middle"
ok $? "things are left behind"
cleanup 0 "they are listed" --list
says out "beta b1: key .*/root/.ssh/authorized_keys2" "the key"
says out "beta b1: helper /[a-z]+/vmferry-$id-" "the helper at the target"
says out "alpha a1: helper /[a-z]+/vmferry-$id-" "the one at the source"
says out "^alpha: API token root@pam!vmferry-$id" "the token"
says out "of job $id, [0-9]+ min old, not finished$" "and whose they are"
hosts "$work/again"
cmp -s "$work/middle" "$work/again"
ok $? "listing them changes nothing"
cleanup 2 "without a terminal nothing is removed"
says err 'give --yes' "but what to do is said"
cleanup 0 "one cluster only" --list beta
! grep -q '^alpha' "$work/out"
ok $? "says nothing of the other"

ctl beta offline b2
cleanup 1 "with a node that is off" --yes
says err 'not looked at: beta b2: it is offline' "it is named"
says out 'Removed. Only what is kept \(1\) is there now' "the others are cleaned"
says out "beta b1: record /var/lib/vmferry/mirror/$id" "but for the record"
says out "not finished; kept: with it the job can go on from another machine" "which the job may need"
ctl beta online b2
same_hosts "and are as they were before"
cleanup 0 "a second time"
says out 'There is nothing to remove' "finds only that"

# --- of a job that this machine does not know
mv "$XDG_STATE_HOME" "$work/elsewhere"
on beta b1 'mkdir -m 700 /run/vmferry-20200101-000000-abcdef-1-00000000 &&
    echo "ssh-ed25519 AAAA vmferry-job-20200101-000000-abcdef" >>/root/.ssh/authorized_keys2'
cleanup 0 "what a forgotten job has left" --yes
says out 'of job 20200101-000000-abcdef, [0-9]+ days old, not known here$' "is named"
says out 'Removed. Only what is kept' "and removed"
says out "of job $id, .*not known here; kept: (the job can go on with it|another machine works)" "but for what a job elsewhere needs"
mv "$work/elsewhere" "$XDG_STATE_HOME"
same_hosts "so that all is as before"
run 0 "the killed job can be rolled back all the same" rollback
cleanup 0 "after which" --list
says out 'Nothing was left' "nothing of it is left"
done_testing
