#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# A host that speaks only old TLS, or only old SSH, is met: each is asked about once, and what was
# allowed is kept for that host.
. "${top_srcdir:-.}/tests/e2e/lib.sh"
. "${top_srcdir:-.}/tests/e2e/screen.sh"
lab_up
cp "$L/vmferry.conf" "$L/bare.conf"
esxi_up --profile demo --old-tls --ssh-old
[ "$esxi_ssh" ] || {
    echo "1..0 # SKIP without namespaces the host has no SSH"
    exit 0
}
address=$(sed -n '/name = "esx1"/,$ s,.*https://\([0-9.]*\):443.*,\1,p' "$L/vmferry.conf")
password=$(cat "$L/esx1/password")
conf=$L/bare.conf
cp "$conf" "$work/bare.conf"
mkdir "$work/home"
wizard() {
    at_terminal "env HOME=$work/home $vmferry -c $conf" 80 24
    sees 'Import VMs' "the wizard, without a host"
    keys Down Enter
    sees '> Add a host' "one is added"
    keys Enter
    sees 'Which ESXi host' "with a form"
    typed "$address"
}

# --- by the API: the certificate, then its TLS
wizard
keys Enter
typed "$password"
keys Enter
sees 'Is this the certificate' "its certificate is asked about"
keys 1 Enter
sees 'by its old TLS' "then its TLS"
keys Enter
sees 'not allowed' "No leaves it alone"
sees '> Address' "said at the address"
keys Enter Enter
sees 'by its old TLS' "asked again, without the certificate"
keys 1 Enter
sees 'Keep the host' "allowed, the login is good"
keys 2 Enter
sees 'web-modern' "its VMs"
keys Enter
sees '> alpha' "which go to a cluster"
keys Enter
sees '> a1' "with its nodes"
grep -q 'old-tls = true' "$conf"
ok $? "what was allowed is kept"

# --- by SSH alone, which is old
cp "$work/bare.conf" "$conf"
wizard
keys Tab Right Right Tab Tab
typed "$password"
keys Enter
sees 'by its old SSH' "its SSH is asked about"
keys 1 Enter
sees 'host key of .* is not known' "then its key"
keys 1 Enter
sees 'Keep the host' "allowed, the login is good"
sees 'by SSH' "which way it went"
keys 2 Enter
sees 'web-modern' "its VMs"
grep -q 'legacy = true' "$conf"
ok $? "what was allowed is kept"
! grep -q old-tls "$conf"
ok $? "and nothing else"

# --- the command line keeps it, too
cp "$work/bare.conf" "$conf"
at_terminal "env HOME=$work/home $vmferry import -c $conf -n $address old-lenny --to beta --node b1 --storage local --bridge '*=vmbr1'"
sees 'Is this the certificate' "an unknown host at a terminal"
keys yes Enter
sees 'by its old TLS' "its TLS is asked about"
keys yes Enter
sees 'Password of root' "then the password"
typed "$password"
keys Enter
sees 'Add .* to ' "it is to be added"
keys yes Enter
sees 'exit=' "and is looked at"
grep -q 'old-tls = true' "$conf"
ok $? "what was allowed is kept"
ctl esx1 logins >"$work/logins"
says logins ' wrong 0 ' "no password was guessed"
done_testing
