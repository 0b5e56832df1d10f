#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# proxmove's options and configuration, each with the meaning it has there.
. "${top_srcdir:-.}/tests/e2e/lib.sh"
. "${top_srcdir:-.}/tests/e2e/screen.sh"
lab_up
rc=$work/proxmoverc
url() {
    sed -n "/name = \"$1\"/,/url/s/.*url = \[ \"https:\/\/\(.*\)\" \];/\1/p" "$L/vmferry.conf"
}
address() {
    sed -n "s/.*name = \"$1\"; address = \"\(.*\)\".*/\1/p" "$L/vmferry.conf"
}
# what ssh and the API are trusted by is where proxmove's users have it: in the home
trust() {
    mkdir -p "$HOME/.config/vmferry"
    cp "$L/ca-alpha.pem" "$L/ca-beta.pem" "$HOME/.config/vmferry/"
}
(umask 077; cat >"$rc") <<EOF2
; as the sample has it
[pve:alpha]
api=https://root@pam:$(cat "$L/secret-alpha")@$(url alpha)

  [storage:alpha:shared] ; on all nodes
  ssh=root@$(address a1)
  path=/mnt/pve/shared/images
  temp=/mnt/pve/shared/private

  [storage:alpha:local@a1] ; on one
  ssh=root@$(address a1):22
  path=/var/lib/vz/images
  temp=/var/lib/vz/temp

[pve:beta]
api=https://root@pam:$(cat "$L/secret-beta")@$(url beta)

  [storage:beta:local@b1]
  ssh=root@$(address b1)
  path=zfs:rpool/data
  temp=/var/lib/vz/temp
EOF2

# planned OPTION… : the plan of a move of old1 with these is in $plan
plan=$work/plan
planned() {
    rm -f "$plan"
    "$vmferry" move -c "$rc" --save-plan "$plan" "$@" alpha beta b1 local old1 >"$work/out" 2>"$work/err" </dev/null
}
# option TEXT LINE OPTION…: the plan says LINE
option() {
    text=$1 line=$2
    shift 2
    planned "$@" && grep -qE "^$line" "$plan"
    ok $? "$text"
}

# --- --no-verify-ssl, then what it saves
run 1 "a certificate of an authority that is not known" move -c "$rc" -n alpha beta b1 local old1
run 0 "--no-verify-ssl does not look at it" move -c "$rc" -n --no-verify-ssl alpha beta b1 local old1
trust
snapshot "$work/before"

# --- -c, -n, and how options may be written
for o in "-c $rc -n" "--config $rc --dry-run" "--config=$rc --dry"; do
    run 0 "move $o" move $o alpha beta b1 local old1
done
run 0 "options behind the VM" move alpha beta b1 local old1 -n -c "$rc"
run 0 "several VMs" move -c "$rc" -n alpha beta b1 local old1 big1
unchanged "a dry run changes nothing"

# --- what becomes part of the plan
option "--bwlimit is in Mbit/s" 'rate = 6250000;' --bwlimit 50
option "--bwlimit=50 is the same" 'rate = 6250000;' --bwlimit=50
option "--skip-start does not start it" 'start = false;' --skip-start
option "--skip-disks copies none" 'copy-disks = false;' --skip-disks
grep -q '^start = false;' "$plan"
ok $? "and implies --skip-start"
option "--wait-before-stop asks" 'wait-before-stop = true;' --wait-before-stop
option "--wait-before-start asks" 'wait-before-start = true;' --wait-before-start
option "--ssh-ciphers is a list" 'ciphers = "aes128-gcm@openssh.com,aes128-ctr";' \
    --ssh-ciphers aes128-gcm@openssh.com,aes128-ctr
option "--ssh-ciphers - leaves it to ssh" 'ciphers = "-";' --ssh-ciphers -
option "--no-verify-ssl is kept" 'verify-tls = false;' --no-verify-ssl
option "--ignore-exists is kept" 'ignore-exists = true;' --ignore-exists
run 2 "ciphers that cannot be" move -c "$rc" -n --ssh-ciphers '-oProxyCommand=x' alpha beta b1 local old1
run 2 "a limit that cannot be" move -c "$rc" -n --bwlimit 0 alpha beta b1 local old1

# --- --skip-start and a bridge that is missing
run 3 "a bridge that is missing stops" move -c "$rc" -n --bridge vmbr0=vmbr9 alpha beta b1 local old1
says out 'STOP: net0: node b1 has no bridge vmbr9' "and is named"
says out 'map it: --bridge vmbr0=BRIDGE' "with the option that helps, which begins with the source's bridge"
run 0 "with --skip-start" move -c "$rc" -n --skip-start --bridge vmbr0=vmbr9 alpha beta b1 local old1
says out 'warning: net0: node b1 has no bridge vmbr9' "it is a warning"

# --- --debug, --version, -h
run 0 "--debug" move -c "$rc" -n --debug alpha beta b1 local old1
says err ' debug .*/api2/json' "says what it does"
! grep -qF -e "$(cat "$L/secret-alpha")" -e "$(cat "$L/secret-beta")" "$work/err"
ok $? "but no password"
run 0 "--version" move --version
says out '^vmferry [0-9]' "says which it is"
run 0 "-h" move -h
for o in config dry-run bwlimit no-verify-ssl skip-disks skip-start wait-before-stop ssh-ciphers debug ignore-exists \
    version help; do
    grep -q -- "--$o" "$work/out" || echo "$o"
done >"$work/missing"
! [ -s "$work/missing" ]
ok $? "names each of proxmove's options"

# --- --ignore-exists: inside a cluster, and not beside a source that runs
run 3 "a move inside a cluster stops" move -c "$rc" -n alpha alpha a2 local web1
says out 'STOP: web1: source and target are the same cluster' "and says why"
conf=$L/vmferry.conf
run 0 "with --ignore-exists it is made" move -c "$conf" -n --ignore-exists alpha alpha a2 local web1
says out 'warning: web1: source and target are the same cluster' "with a warning"
at_terminal "'$vmferry' move -c '$conf' --yes --ignore-exists --wait-before-start alpha alpha a2 local web1"
sees 'Ready to start web1' "it waits before the start"
on alpha a1 'qm start 100' >"$work/out" 2>&1
is "$(status alpha a1 100)" running "somebody starts the source"
keys 1 Enter
sees 'exit=[0-9]' "the target is to start"
sees 'exit=[1345]' "which is refused"
new=$(on alpha a2 'qm list' | sed -n 's/^ *\([0-9]*\) web1.*/\1/p')
[ -z "$new" ] || [ "$(status alpha a2 "$new")" = stopped ]
ok $? "while the source runs the target does not"
is "$(status alpha a1 100)" running "which is left running"
done_testing
