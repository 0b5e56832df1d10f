#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# proxmove's configuration: imported, and taken as it is; its options.
. "${top_srcdir:-.}/tests/e2e/lib.sh"
lab_up
rc=$HOME/.proxmoverc
own=$HOME/.config/vmferry
# url CLUSTER, address NODE: as the lab has them
url() {
    sed -n "/name = \"$1\"/,/url/s/.*url = \[ \"https:\/\/\(.*\)\" \];/\1/p" "$L/vmferry.conf"
}
address() {
    sed -n "s/.*name = \"$1\"; address = \"\(.*\)\".*/\1/p" "$L/vmferry.conf"
}
mkdir -p "$own"
cp "$L/ca-alpha.pem" "$L/ca-beta.pem" "$own/"
(umask 077; cat >"$rc") <<EOF
; two clusters
[pve:alpha]
api=https://root@pam:$(cat "$L/secret-alpha")@$(url alpha)

  [storage:alpha:local@a1] ; on one node
  ssh=root@$(address a1)
  path=/var/lib/vz/images
  temp=/var/lib/vz/temp

[pve:beta]
api=https://root@pam:$(cat "$L/secret-beta")@$(url beta)

  [storage:beta:local@b1]
  ssh=root@$(address b1)
  path=/var/lib/vz/images
  temp=/var/lib/vz/temp
EOF
snapshot "$work/before"

# --- imported
run 2 "without a configuration nothing is moved" move --yes alpha beta b1 local old1
says err 'vmferry config import' "and it is said where one comes from"
run 0 "proxmove's configuration is imported" config import
says out "proxmoverc:8: temp is not needed" "with what it has no use for, line by line"
is "$(stat -c %a "$own/vmferry.conf" "$own/alpha.password" "$own/beta.password" | sort -u)" 600 \
    "into files for their owner only"
! grep -qF -e "$(cat "$L/secret-alpha")" -e "$(cat "$L/secret-beta")" "$own/vmferry.conf" "$work/out"
ok $? "and no password in the configuration or on the screen"
run 2 "what exists is not replaced" config import "$rc"
says err 'is there already' "and it is said"
run 0 "somewhere else it is" config import --output "$work/other/vmferry.conf" "$rc"
run 0 "what was imported is good for a dry run" move -n alpha beta b1 local old1
unchanged "which changed nothing"
run 2 "a mistake in it is told" config import "$L/vmferry.conf"
says err 'vmferry.conf:2: this is in no section' "with file and line"

# ssh looks for these in the home that the system knows of, not in the test's
sed "s#ssh: {#& key = \"$L/id_ed25519\"; known-hosts = \"$L/known_hosts\"; config = \"none\";#" \
    "$own/vmferry.conf" >"$work/other/vmferry.conf"
cp -p "$own"/*.password "$work/other/"

# --- as it is
chmod 644 "$rc"
run 2 "one that others can read is refused" move -c "$rc" -n alpha beta b1 local old1
says err 'chmod 600' "with the cure"
chmod 600 "$rc"
run 0 "a VM is made with proxmove's configuration as it is" \
    move -c "$rc" --yes --skip-disks --vmid 777 alpha beta b1 local old1
has beta b1 777 'name: old1' "and is at the target"
! grep -rqF -e "$(cat "$L/secret-alpha")" -e "$(cat "$L/secret-beta")" "$XDG_STATE_HOME"
ok $? "no password is in the job's files"

# --- as it was imported
run 0 "a VM is moved with what it was imported as" \
    move -c "$work/other/vmferry.conf" --yes --vmid 778 alpha beta b1 local db1
has beta b1 778 'name: db1' "and is at the target"
same "$(image alpha a1 local:101/vm-101-disk-0.raw)" "$(image beta b1 local:778/vm-778-disk-0.raw)" \
    "with its disks"
done_testing
