#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The wizard of somebody who begins: no configuration, certificates that nobody has signed, a wrong
# password first; then a whole move by keys alone, and another from what was kept.
. "${top_srcdir:-.}/tests/e2e/lib.sh"
. "${top_srcdir:-.}/tests/e2e/screen.sh"
lab_up
[ "$namespaces" ] || {
    echo "1..0 # SKIP the home directory cannot be another one for ssh"
    exit 0
}
alpha=$(sed -n 's/.*name = "a1"; address = "\([^"]*\)".*/\1/p' "$L/vmferry.conf")
beta=$(sed -n 's/.*name = "b1"; address = "\([^"]*\)".*/\1/p' "$L/vmferry.conf")
print_of() {
    sed -n 's/.*fingerprint = "\(.*\)".*/\1/p' "$L/vmferry.conf" | sed -n "$1p"
}
# what ssh takes without being told: the keys of whoever runs it
mkdir -m 700 "$HOME/.ssh"
cp "$L/id_ed25519" "$L/known_hosts" "$HOME/.ssh/"
own=$HOME/.config/vmferry
# wizard: as somebody whose home is $HOME, for ssh too
wizard() {
    presses=0
    at_terminal "unshare -m sh -c 'mount --bind $HOME /root && exec $vmferry'" 80 24
}

# --- from none
snapshot "$work/before"
wizard
sees 'No cluster is configured yet' "without a configuration it begins all the same"
press Enter
sees 'Which cluster is to be added' "with a form"
typed nobody.invalid
press Enter
typed wrong
press Enter
sees 'nobody.invalid.*(resolve|Resolv)' "an address that is none is said beside it"
sees '^ *> Address' "which has the focus"
i=0
while [ $i -lt 14 ]; do
    keys BSpace # no part of the way: another mistake than the one below
    i=$((i + 1))
done
typed "$alpha"
press Enter
sees "Is this the certificate of $alpha" "a certificate that nobody has signed is shown"
one=$(print_of 1)
sees "${one%:*:*:*:*:*:*:*:*:*:*:*:*:*:*:*:*}" "with its fingerprint"
sees '> 2  No' "not trusting it is the answer at hand"
press Enter
sees 'was not trusted, and' "a no is a no"
press Enter
sees 'Is this the certificate' "and can be thought over"
press 1 Enter
sees '^ *> Its secret' "a wrong password is said beside the password"
sees 'authentication failure.*' "in Proxmox's words"
sees 'Type it again' "and what to do"
typed "$(cat "$L/secret-alpha")"
press Tab
typed alpha
press Enter
sees 'Keep the cluster alpha' "what was compared is not asked again; the login is good"
sees '> 1  No' "it is kept on request only"
press 3 Enter
sees '^ *[> ] *web1 .*running' "and its VMs are there"
is "$(stat -c %a "$own/vmferry.conf" "$own/alpha.password" | tr '\n' ' ')" "600 600 " \
    "what was kept can be read by nobody else"
grep -qF "$one" "$own/vmferry.conf"
ok $? "with the fingerprint that was compared"
! grep -qF "$(cat "$L/secret-alpha")" "$own/vmferry.conf"
ok $? "without the password, which has a file of its own"
is "$(cat "$own/alpha.password")" "$(cat "$L/secret-alpha")" "namely this one"
press /
typed old1
press Enter
sees '^ *> Add a cluster' "there is no other cluster: one is to be added"
press Enter
sees 'Which cluster is to be added' "in the same form"
typed "$beta"
press Tab Space Tab
i=0
while [ $i -lt 8 ]; do
    keys BSpace
    i=$((i + 1))
done
typed 'migrator@pve!ferry'
press Enter
typed "$(cat "$L/token-beta")"
press Tab
typed beta
press Enter
sees "certificate of $beta" "another certificate"
press 1 Enter
sees 'Keep the cluster beta' "a token's login"
press Enter
sees '^ *> b1 ' "not kept, it is there all the same"
press Enter
sees '^ *> local' "its storages, with what will be free"
press Enter
sees 'Is this right' "and the plan"
sees '^ *[> ] *Start ' "complete"
unchanged "nothing was changed at the clusters so far"
! grep -q beta "$own/vmferry.conf"
ok $? "what was not to be kept is not"
echo "# from no configuration to the plan: $presses key presses beside typed text"
ok $((presses > 40)) "at most 40 key presses, three mistakes among them"
keys Home Enter
sees 'Move old1 now' "the start is asked about"
sees '> 1  Yes' "of a VM that is stopped, whose move interrupts nothing"
keys Enter
sees 'Report: old1, .*done' "the move is carried out: the job knows the cluster that was not kept"
keys q
sees 'exit=0' "and leaves with its exit code"
config beta b1 101 >"$work/out"
says out '^name: old1$' "old1 is at the target"
grep -rqF -- "$(cat "$L/token-beta")" "$XDG_STATE_HOME" "$own"
is $? 1 "the token's secret is written nowhere"

# --- what was kept, with a comment of the operator's
sed -i '1i # mine: do not lose this' "$own/vmferry.conf"
wizard
sees 'What is to be done' "from what was kept"
keys Enter
sees '> alpha' "the cluster is there"
keys Down Enter
sees 'Which cluster is to be added' "and another one is added"
keys -l "$beta"
keys Enter
keys -l "$(cat "$L/secret-alpha")"
keys Tab
keys -l alpha
keys Enter
sees 'there is a cluster of that name already' "but not under the same name"
keys BSpace BSpace BSpace BSpace BSpace
keys -l beta
keys BTab BTab
keys BSpace BSpace BSpace BSpace # root
keys -l pam
keys Enter
sees 'certificate of' "the login begins"
keys 1 Enter
sees 'Realm of the user' "a user without a realm: which, is asked"
keys Escape
sees 'The login is tried first' "Esc: then there is no login"
keys Escape
sees 'From which cluster' "nor a cluster"
keys Up Enter
sees '^ *[> ] *web1 .*running' "the one that was kept logs in by itself"
keys F10
sees 'Leave vmferry' "F10 asks"
keys 2 Enter
sees 'exit=0' "and leaves"
grep -q 'mine: do not lose' "$own/vmferry.conf"
ok $? "the comment is still there"
done_testing
