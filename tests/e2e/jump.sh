#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Nodes that this machine cannot dial: through the host that answers the API, or a configured one.
. "${top_srcdir:-.}/tests/e2e/lib.sh"
lab_up
address() {
    sed -n "s/.*name = \"$1\"; address = \"\([^\"]*\)\".*/\1/p" "$L/vmferry.conf"
}

# this machine's ssh cannot dial a2 and b2; a1 and b1 can
printf 'Host %s %s a2 b2\n ProxyCommand false\n' "$(address a2)" "$(address b2)" >"$work/ssh_config"
sed -i "s|config = \"none\"|config = \"$work/ssh_config\"|
    s|\(name = \"b2\"; .*\)}|\1 ssh = { jump = \"root@$(address b1):22\"; }; }|" "$L/vmferry.conf"
volume=$(config alpha a2 102 | sed -n 's/^[a-z]*0: \(local:[^,]*\).*/\1/p')
name=$(config alpha a2 102 | sed -n 's/^name: //p')
move 0 "$name is moved from a node to a node that this machine cannot dial" --debug alpha beta b2 local "$name"
cp "$work/out" "$work/report"
if [ "$namespaces" ]; then
    says out 'route .*a2 -> b2 direct' "by the direct route"
else
    skip "by the direct route" "without namespaces both ends are one host"
fi
vmid=$(sed -n 's/.*target VM .*VMID \([0-9]*\).*/\1/p' "$work/report")
copy=$(config beta b2 "$vmid" | sed -n 's/^[a-z]*0: \(local:[^,]*\).*/\1/p')
same "$(image alpha a2 "$volume")" "$(image beta b2 "$copy")" "the disk is the same"
cat "$(job_dir)/log" >"$work/out"
says out "trying through .*$(address a1)" "a2 through the host of the API"
says out "b2: logged in .*through the jump host $(address b1)" "b2 through the configured host"
says out "a2: logged in .*through the jump host $(address a1)" "and that is where a2 answered"

# when neither way leads there, both are told
sed -i "s|^Host .*|& $(address a1)|" "$work/ssh_config"
name=$(config alpha a2 103 | sed -n 's/^name: //p')
move 1 "a node that cannot be reached" alpha beta b2 local "$name"
cat "$work/err" >>"$work/out"
says out 'a2 cannot be reached by ssh: .*; and through the host of the API: .*jump host' "says both ways"
done_testing
