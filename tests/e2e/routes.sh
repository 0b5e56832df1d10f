#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The ways disk data takes between two hosts: asked for, and found where the better ones do not work.
. "${top_srcdir:-.}/tests/e2e/lib.sh"
lab_up
if [ -z "$namespaces" ]; then
    skip "routes between two hosts" "without namespaces there is only one"
    done_testing
fi

# hosts FILE: what a route could leave on the hosts
hosts() {
    for n in alpha/a1 alpha/a2 beta/b1; do
        echo "== $n"
        keys_on "${n%/*}" "${n#*/}"
        helpers "${n%/*}" "${n#*/}"
        on "${n%/*}" "${n#*/}" 'ls -A /root/.ssh /run /tmp'
    done >"$1" 2>&1
}

# goes NODE VM ROUTE TEXT OPTION…: VM is moved, the report has ROUTE, the disk is the same, nothing is left
goes() {
    node=$1 vm=$2 way=$3 what=$4
    shift 4
    id=$(on alpha "$node" "qm list" | awk -v n="$vm" '$2 == n { print $1 }')
    from=$(config alpha "$node" "$id" | sed -n 's/^[a-z]*0: \([a-z]*:[^,]*\.\(raw\|qcow2\)\).*/\1/p' | head -n 1)
    hosts "$work/before"
    move 0 "$vm is moved $what" "$@" alpha beta b1 local "$vm"
    cp "$work/out" "$work/report"
    says report "^  route +$node -> b1 $way\$" "and the report says so"
    vmid=$(sed -n 's/.*target VM .*VMID \([0-9]*\).*/\1/p' "$work/report")
    to=$(config beta b1 "$vmid" | sed -n 's/^[a-z]*0: \(local:[^,]*\.\(raw\|qcow2\)\).*/\1/p' | head -n 1)
    same "$(image alpha "$node" "$from")" "$(image beta b1 "$to")" "the disk is the same"
    hosts "$work/after"
    diff "$work/before" "$work/after" >"$work/out" 2>&1
    ok $? "keys and directories on both hosts are as before"
}

goes a1 web1 'via this machine' "through this machine" --route=relay
says report '^  route a1 -> b1 via this machine$' "so did the plan"
goes a1 db1 'fetched by b1' "by the reverse route" --route=reverse

# alpha's nodes have no ssh to dial with; later b1 has none either
for n in a1 a2; do
    on alpha $n 'mount --bind /bin/false /usr/bin/ssh'
done

# a way that was asked for and does not work: nothing is touched
on alpha a1 'qm list' >"$work/before"
move 1 "a way that does not work" --route=direct alpha beta b1 local big1
cat "$work/err" >>"$work/out"
says out 'a1 cannot reach b1 by ssh' "is told"
on alpha a1 'qm list' >"$work/after"
diff "$work/before" "$work/after" >"$work/out"
ok $? "and the VM is as it was"

goes a1 big1 'fetched by b1' "the best way that works"
says report 'a1 cannot reach b1 by ssh \(.*; disk data goes a1 -> b1 fetched by b1' "and why is told"
on beta b1 'mount --bind /bin/false /usr/bin/ssh'
goes a2 old1 'via this machine' "the only way that is left"
says report 'a2 cannot reach b1 by ssh \(.*; b1 cannot reach a2 by ssh \(.*via this machine' "and why is told"

run 2 "a way that nobody knows" move -c "$L/vmferry.conf" --route=scenic alpha beta b1 local stubborn
says err "route cannot be 'scenic'" "is refused"
done_testing
