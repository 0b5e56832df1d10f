#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The wizard imports VMs: from an ESXi host that is configured, in a few keys; from one that is added
# and whose SSH service is switched on for it; from an exported file.
. "${top_srcdir:-.}/tests/e2e/lib.sh"
. "${top_srcdir:-.}/tests/e2e/screen.sh"
lab_up
cp "$L/vmferry.conf" "$L/bare.conf"
esxi_up --profile demo
[ "$esxi_ssh" ] || {
    echo "1..0 # SKIP without namespaces the host has no SSH"
    exit 0
}
conf=$L/vmferry.conf
wizard() {
    presses=0
    at_terminal "${1-} $vmferry -c $conf" "${2:-80}" "${3:-24}"
}
data=$L/esx1/volumes/datastore1
mkdir "$work/export"
cp "$data/old-lenny"/*.vmdk "$data/old-lenny"/*.vmx "$work/export/"

# --- the story: a host that is configured, a VM that is stopped
wizard
sees 'Import VMs from ESXi' "it begins with what can be done"
press Down Enter
sees '> esx1' "the configured hosts; no Proxmox cluster"
press Enter
sees 'Looked at by the API' "which way is said"
sees '> old-lenny +stopped +Debian' "its VMs, with their systems"
press Enter
sees '> alpha' "clusters, to which the host does not belong"
! grep -q esx1.*https "$work/out"
ok $? "that is"
press Down Enter
sees '> b1' "nodes"
press Enter
sees '> local' "storages"
press Enter
sees '> Network +\*STOP +VM Network +-> \?' "the plan, complete, but for the port group's bridge"
sees 'Hardware +old: IDE' "with the hardware of its age"
sees 'Data +via this machine, by the API; fastest on b1' "and which way its data goes"
press Enter
sees 'VM Network: to which bridge' "a bridge is chosen"
press /
typed vmbr1
press Enter
sees '> Start +import old-lenny now \([nw]' "which nothing stops any more"
press Enter
sees 'Import old-lenny now\?' "the start is asked about"
press Enter
sees 'Report: old-lenny, esx1 -> beta/b1: done' "and followed to its report"
echo "# $presses keys beside what was typed"
[ $presses -le 15 ]
ok $? "in at most 15 keys"
sees 'old-lenny--MIGRATED' "which says where the source is"
press q
sees 'exit=0' "and leaves with its exit code"
config beta b1 101 >"$work/out"
says out '^ide0: local:101/vm-101-disk-0.raw' "its disk is on IDE"
says out '^net0: e1000=.*bridge=vmbr1.*link_down=1' "its card is on the bridge, off the network"
same "$data/old-lenny/old-lenny-flat.vmdk" "$(image beta b1 local:101/vm-101-disk-0.raw)" \
    "with what was on it"

# --- an exported file, on the smallest screen
wizard "LC_ALL=C TERM=vt100" 60 16
sees 'Import VMs' "at 60x16, with a terminal that can little"
press Down Enter
sees 'Exported files' "files are a source, too"
press Down Down Enter
sees 'File or directory' "a path is asked for"
typed "$work/exp"
press Tab
sees 'export/' "Tab completes it"
press Enter
sees '> old-lenny' "its VMs"
press Enter
sees 'To which cluster' "to a cluster"
press Down Enter
sees '> b1' "nodes"
press Enter
sees '> local' "storages"
press Enter
sees '> Network .*\?' "the same plan"
press p
sees 'Import old-lenny \(stopped\) from' "said as an import"
press Escape q
sees 'Leave vmferry' "and out"
press 2 Enter
sees 'exit=0' "as it came"

# --- a host that is added: its certificate compared, a password tried once
address=$(sed -n 's,.*https://\([0-9.]*\):443.*,\1,p' "$conf")
print=$(sed -n '/name = "esx1"/,$ s/.*fingerprint = "\(.*\)".*/\1/p' "$conf")
sha1=$(openssl s_client -connect "$address:443" </dev/null 2>/dev/null | openssl x509 -noout -fingerprint -sha1 |
    sed 's/.*=//')
conf=$L/bare.conf
wizard
sees 'Import VMs' "without a host"
press Down Enter
sees '> Add a host' "one is added"
press Enter
sees 'Which ESXi host' "with a form"
typed "$address"
press Enter
typed wrong
press Enter
sees "Is this the certificate of $address" "its certificate is shown"
sees "${print%:*:*:*:*:*:*:*:*:*:*:*:*:*:*:*:*}" "with its SHA-256 fingerprint"
sees "$sha1" "and the SHA-1 that old consoles show"
press 1 Enter
sees '^ *> Password' "a wrong password is said beside the password"
sees 'not tried again by itself' "and that it is tried once"
ctl esx1 logins >"$work/logins"
says logins ' wrong 1 ' "which it was"
typed "$(cat "$L/esx1/password")"
press Enter
sees 'Keep the host' "the login is good"
sees 'by the API' "and which way it went"
press 1 Enter
sees 'web-modern +running' "its VMs"
press Down Enter
sees '> alpha' "which go to a cluster"
press Enter
sees '> a1' "with its nodes"
press q
sees 'Leave vmferry' "nothing was changed"
press 2 Enter
sees 'exit=0' "there"

# --- the host's SSH service, switched on for an import and off again
conf=$L/vmferry.conf
ctl esx1 ssh off
ctl esx1 vm web-modern off
run 0 "an import that wants SSH" import -c "$conf" --yes --fix switch-ssh-on --bridge '*=vmbr1' esx1 web-modern \
    --to beta --node b1 --storage local
ctl esx1 requests >"$work/requests"
grep -q StartService "$work/requests"
ok $? "the service was switched on"
grep -q StopService "$work/requests"
ok $? "and off again"
done_testing
