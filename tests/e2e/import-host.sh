#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# vmferry import from a host that is in no configuration: its certificate is compared, its password sent
# once, and it is added; nothing of that is done when the person says no.
. "${top_srcdir:-.}/tests/e2e/lib.sh"
. "${top_srcdir:-.}/tests/e2e/screen.sh"
lab_up
cp "$L/vmferry.conf" "$work/small.conf" # it does not know the host yet
esxi_up
conf=$L/vmferry.conf
address=$(sed -n '/"esx1"/,/url/s/.*https:\/\/\([^"]*\)".*/\1/p' "$conf" | head -n 1)
host=${address%:*}
import="'$vmferry' import -c '$work/small.conf' -n --to beta --node b1 --storage local --bridge '*=vmbr0'"
chmod 600 "$work/small.conf"
cp "$work/small.conf" "$work/before"
! grep -q esx1 "$work/small.conf" && grep -q '"beta"' "$work/small.conf"
ok $? "a configuration that does not know the host"

at_terminal "$import $address web-modern"
sees 'Is this the certificate of' "its certificate is shown"
sees 'SHA-1' "also as VMware shows it"
keys 2 Enter
sees 'exit=1' "no"
cmp -s "$work/before" "$work/small.conf"
ok $? "adds nothing"
ctl esx1 logins >"$work/out"
says out 'wrong 0' "and sends no password"

at_terminal "$import $address web-modern"
sees 'Is this the certificate of' "asked again"
keys 1 Enter
sees '[Pp]assword' "then for the password"
typed "$(cat "$L/esx1/password")"
keys Enter
sees 'Add .* to ' "then whether to add it"
keys y Enter
sees 'exit=0' "the plan is made"
sees 'web-modern .* from .* to beta/b1' "of the VM there"
says_conf() {
    grep -qE -- "$1" "$work/small.conf"
    ok $? "$2"
}
says_conf 'type = "esxi"' "the host is configured"
says_conf "name = \"$host\"" "by its address"
says_conf 'fingerprint = \("..:' "with the certificate that was compared"
! grep -q secret-file "$work/small.conf" || ! grep -A9 esxi "$work/small.conf" | grep -q secret
ok $? "and no secret"
ctl esx1 logins >"$work/out"
says out 'wrong 0' "no password was wrong"
run 2 "without the names of VMs nothing is imported" import -c "$conf" -n --to beta --node b1 --storage local esx1
says err 'check --all esx1 beta lists them' "it is said what tells them"
run 3 "which says what keeps them" check --all -c "$conf" esx1 beta
says out "^ +[0-9]+  web-modern " "and lists them"
# the source is no cluster of ours: only hosts that were spoken to hear requests
no_violations() { :; }
done_testing
