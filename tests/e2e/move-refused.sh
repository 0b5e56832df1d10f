#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Moves that cannot be: each says why and leaves both clusters and all hosts exactly as they were.
. "${top_srcdir:-.}/tests/e2e/lib.sh"
lab_up
conf=$L/vmferry.conf
good=$work/good.conf
cp "$conf" "$good"
snapshot "$work/before"

# with SED-EXPRESSION: the configuration changed for the next move only
with() {
    sed -E "$1" "$good" >"$conf"
    chmod 600 "$conf"
}
restore() {
    cp "$good" "$conf"
}

# --- logging in
(umask 077; echo wrong >"$work/wrong")
with "s#secret-file = \"[^\"]*secret-alpha\"#secret-file = \"$work/wrong\"#"
move 1 "a wrong password ends the move" alpha beta b1 local web1
says err 'authentication failure' "in Proxmox's words"
with "s#secret-file = \"[^\"]*token-beta\"#secret-file = \"$work/wrong\"#"
move 1 "so does a wrong token" alpha beta b1 local web1
says err 'invalid token value.*compare token and secret' "with what to look at"
chmod 644 "$work/wrong"
with "s#secret-file = \"[^\"]*secret-alpha\"#secret-file = \"$work/wrong\"#"
move 1 "a secret that others can read is refused" alpha beta b1 local web1
says err '0600' "and the cure named"
with 's/fingerprint = "([0-9A-F]{2})/fingerprint = "00/'
move 1 "a wrong fingerprint ends the move" alpha beta b1 local web1
says err 'fingerprint' "and says that it is the fingerprint"
with '/fingerprint/d'
move 1 "a certificate nobody vouches for is not trusted" alpha beta b1 local web1
with '/fingerprint/d'
run 0 "unless told so (--no-verify-ssl)" move -c "$conf" -n --no-verify-ssl alpha beta b1 local web1
with 's#https://[^"]*:8006#https://127.0.0.1:1#'
move 1 "an API that does not answer ends the move" alpha beta b1 local web1
restore
unchanged "nothing was changed by any of these"

# --- host keys
: >"$work/empty"
with "s#known-hosts = \"[^\"]*\"#known-hosts = \"$work/empty\"#"
move 1 "an unknown host key is not accepted by --yes" alpha beta b1 local web1
says err 'host key|known' "and says so"
is "$(cat "$work/empty")" "" "nor written down"
sed -E 's/^(\S+ ssh-ed25519) .*/\1 AAAAC3NzaC1lZDI1NTE5AAAAIHJ7jMsVWcTTZUhyTsOI31nlPbuJ1nNP8BbLhyoJWqmx/' \
    "$L/known_hosts" | grep ed25519 >"$work/changed"
with "s#known-hosts = \"[^\"]*\"#known-hosts = \"$work/changed\"#"
move 1 "a changed host key ends the move" alpha beta b1 local web1
says err 'changed|differs|not the' "and says so"
says err "$work/changed" "and names the file"
restore
unchanged "nothing was changed by any of these either"

# --- preflight
ctl beta set-config 100 name db1
snapshot "$work/before"
move 3 "a name that is taken stops" alpha beta b1 local db1
says out 'STOP.*db1.*has this name' "and says by whom"
move 3 "a VMID that is taken stops" --vmid 100 alpha beta b1 local old1
says out 'STOP.*VMID 100 is taken' "and says so"
on alpha a1 'qm suspend 100' >/dev/null
move 3 "a paused VM stops" alpha beta b1 local web1
says out 'STOP.*neither runs nor is stopped .paused' "and says what it is"
on alpha a1 'qm resume 100' >/dev/null
move 3 "an unknown node stops" alpha beta b9 local old1
says out 'STOP.*no such node' "and says so"
move 3 "an unknown storage stops" alpha beta b1 nosuch old1
says out 'STOP.*no such storage' "and says so"
ctl beta set-storage small content iso,backup
move 3 "a storage that takes no disks stops" alpha beta b1 small old1
says out 'STOP: .*small: the storage takes no VM disks' "and says so"
says out 'choose one whose content includes images' "with the cure"
ctl beta set-storage small content -
move 3 "a bridge that is missing stops" --bridge vmbr0=vmbr9 alpha beta b1 local old1
says out 'STOP.*vmbr9' "and says which"
move 3 "the same cluster stops" alpha alpha a2 local old1
move 1 "a VM that is not there is an error" alpha beta b1 local nosuch
move 3 "a template is refused" alpha beta b1 local golden
says out 'STOP: .*template' "with the reason"
move 3 "a container is refused" alpha beta b1 local 110
says out 'STOP: .*container' "with the reason"
says out 'a1.*vzdump 110.*pct restore' "and how Proxmox backs it up and restores it"
says out 'pct remote-migrate 110' "and how it moves it"
move 2 "an unknown cluster is a usage error" alpha gamma b1 local old1
says err 'alpha' "that names the known ones"
unchanged "nothing was changed by any of these"
[ "$namespaces" ] || ctl beta set-space small 50000000
move 3 "a target that is too small stops" alpha beta b1 small big1
says out 'STOP.*small.*free' "with numbers"
unchanged "and nothing was changed"

# --- in the middle
if [ "$namespaces" ]; then
    ctl beta set-space small 10000000000
    snapshot "$work/before"
    empty out
    "$vmferry" move -c "$L/vmferry.conf" --yes alpha beta b1 small big1 >"$work/out" 2>"$work/err" </dev/null &
    front=$!
    until_true grep -q 'storage small of b1 is full' "$work/out"
    says out 'warning: storage small of b1 is full: make room' "a target that fills up while it is written"
    kill -INT $front
    wait $front
    is $? 1 "is waited for until the operator has had enough"
    unchanged "and everything is put back"
    ctl beta set-space small real
else
    skip "a target that fills up while it is written" "no file system of its own without namespaces"
fi

ctl beta set-config 100 name mon
snapshot "$work/before"
ctl beta fault fail POST '/nodes/b1/storage/local/content' 500 'unable to create image: No space left on device'
move 1 "a disk that cannot be allocated ends the move" alpha beta b1 local db1
says err 'No space left' "with Proxmox's own words"
unchanged "and everything is put back"

ctl beta fault task qmcreate 'unable to create VM: something went wrong'
move 1 "a target VM that cannot be created ends the move" alpha beta b1 local db1
says err 'something went wrong' "with the task's words"
unchanged "and everything is put back"

ctl beta fault task qmstart 'start failed: command /usr/bin/kvm exited with code 1'
before=$(status alpha a1 100)
snapshot "$work/before"
move 1 "a target that does not start ends the move" alpha beta b1 local web1
says err 'start failed' "with the task's words"
unchanged "and everything is put back"
is "$before $(status alpha a1 100)" "running running" "the source runs again"

# --- room that is made in the middle
if [ "$namespaces" ]; then
    ctl beta set-space small 10000000000
    empty out
    "$vmferry" move -c "$L/vmferry.conf" --yes alpha beta b1 small big1 >"$work/out" 2>"$work/err" </dev/null &
    front=$!
    until_true grep -q 'storage small of b1 is full' "$work/out"
    on beta b1 'mount -o remount,size=300M /mnt/pve/small'
    wait $front
    is $? 0 "a copy goes on by itself when there is room again"
    id=$(on beta b1 'qm list' | awk '$2 == "big1" {print $1}')
    volume=$(config beta b1 "$id" | sed -n 's/^scsi0: \([^,]*\),.*/\1/p')
    on beta b1 "cat /mnt/pve/small/images/${volume#small:}" >"$work/image"
    same "$(image alpha a1 "$(config alpha a1 105 | sed -n 's/^scsi0: \([^,]*\),.*/\1/p')")" "$work/image" \
        "and is identical"
else
    skip "room that is made in the middle" "no file system of its own without namespaces"
fi
done_testing
