#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# One trusted host of a cluster vouches for the others: their host keys, the API's certificate. And
# only hosts that hold the disks are logged in to.
. "${top_srcdir:-.}/tests/e2e/lib.sh"
. "${top_srcdir:-.}/tests/e2e/screen.sh"
lab_up
[ "$namespaces" ] || {
    echo "1..0 # SKIP nodes without files of their own have no /etc/pve"
    exit 0
}
conf=$L/vmferry.conf
cp "$conf" "$work/good.conf"
# on_screen ARGUMENT…: vmferry move on a terminal of its own
on_screen() {
    at_terminal "'$vmferry' move -c '$conf' --yes $*"
}
addr_of() {
    sed -nE "s/.*name = \"$1\"; address = \"([^\"]*)\".*/\1/p" "$work/good.conf"
}

# --- host keys: b2 is unknown here, b1 is known, and the cluster has b2's RSA key
b2=$(addr_of b2)
grep -vF "$b2" "$L/known_hosts" >"$work/some"
cp "$work/some" "$work/known"
sed "s#known-hosts = \"[^\"]*\"#known-hosts = \"$work/known\"#" "$work/good.conf" >"$conf"
theirs=$L/beta/pve/nodes/b2/ssh_known_hosts
cp "$theirs" "$work/theirs"
snapshot "$work/before"
grep ssh-ed25519 "$L/beta/b1/hostkeys.pub" | sed 's/^/b2 /' >"$theirs"
on_screen alpha beta b2 local web1
sees 'FAILED' "a key that is not the one the cluster has ends the move"
sees 'its cluster has SHA256:.*says b1.*somebody may be listening' "without a question"
cp "$work/theirs" "$theirs"
unchanged "nothing was changed"
is "$(wc -l <"$work/known")" "$(wc -l <"$work/some")" "nor written down"
move 1 "--yes accepts nothing, whoever vouches" alpha beta b2 local web1
on_screen alpha beta b2 local web1
sees 'not known yet. Trust the one its cluster has' "else the key of the cluster is offered"
sees 'b1, whose key is known, says that the cluster has for b2 a key of type ssh-rsa' "and where it comes from"
sees "$(ssh-keygen -l -f "$theirs" | cut -d' ' -f2 | sed 's/+/[+]/g')" "with its fingerprint"
keys 1 Enter
sees 'exit=0' "the host shows that key, and the VM is moved"
is "$(grep -cF "$b2" "$work/known")" 1 "one key was written down"
grep -F "$b2" "$work/known" | grep -qF "$(cut -d' ' -f3 "$theirs")"
ok $? "the cluster's"
cp "$work/some" "$work/known"
grep ssh-ed25519 "$L/beta/b2/hostkeys.pub" | sed 's/^/b2 /' >>"$theirs"
on_screen alpha beta b2 local old1
sees 'says that the cluster has this very key for b2' "a key that the cluster has too is said to be that"
keys 2 Enter
sees 'exit=1' "a no is a no"
tmux -L "$screen" kill-server

# --- certificates
sed '/fingerprint/d' "$work/good.conf" >"$conf"
move 1 "a certificate of a private authority is not trusted" -n alpha beta b1 local old1
says err 'fingerprint' "and says what to compare"
ca=$HOME/.config/vmferry/ca-alpha.pem
cp "$L/alpha/pve/pve-root-ca.pem" "$work/ca"
cp "$L/beta/pve/pve-root-ca.pem" "$L/alpha/pve/pve-root-ca.pem"
on_screen -n alpha beta b1 local old1
sees "certificate of alpha is not known. Trust the cluster's own authority" \
    "on a terminal the cluster's own is offered"
sees 'read over ssh from a1, whose host key is known' "and where it comes from"
keys 1 Enter
sees 'exit=1' "one that did not sign the certificate helps nothing"
[ ! -e "$ca" ]
ok $? "and is not kept"
cp "$work/ca" "$L/alpha/pve/pve-root-ca.pem"
on_screen -n alpha beta b1 local old1
sees 'certificate of alpha is not known' "again"
keys 1 Enter
sees 'certificate of beta is not known' "then the other cluster's"
keys 1 Enter
sees 'exit=0' "with both the move can be planned"
cmp -s "$ca" "$work/ca"
ok $? "they are kept"
tmux -L "$screen" kill-server

# --- only where the disks are, and without any more questions
for n in alpha/a1 beta/b2; do
    on "${n%/*}" "${n#*/}" 'kill $(cat /run/vmferry-lab/sshd.pid)'
done
move 0 "the sshd of a node that holds no disk may be down" alpha beta b1 local old1
done_testing
