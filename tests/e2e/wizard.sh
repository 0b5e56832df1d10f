#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The wizard on a terminal: whole moves by keys alone.
. "${top_srcdir:-.}/tests/e2e/lib.sh"
. "${top_srcdir:-.}/tests/e2e/screen.sh"
lab_up
ctl alpha set-config 100 net0 "virtio=02:AA:BB:CC:DD:01,bridge=vmbr9,firewall=1,tag=20"
snapshot "$work/before"
conf=$L/vmferry.conf
# wizard [OPTION…]: a terminal of 80 columns with the wizard on it
wizard() {
    at_terminal "stty -g >$work/stty1; $vmferry -c $conf $*; code=\$?; stty -g >$work/stty2; (exit \$code)" 80 24
}

wizard
presses=0
sees 'Move VMs from one' "it begins with what can be done"
press Enter
sees '> alpha' "the configured clusters"
press Enter
sees 'web1 .*running' "the VMs of the one that was chosen"
press /
keys -l web1
press Enter
sees '> beta' "the other cluster is proposed"
press Enter
sees '> b1' "its nodes"
press Enter
sees '> local' "the node's storages"
press Enter
sees '> Network +\*STOP +vmbr9 tag 20 +-> \?' "the plan, complete, but for a bridge that is not there"
press Enter
sees 'vmbr9 tag 20: to which bridge' "one is chosen"
press /
keys -l vmbr1
press Enter
sees 'vmbr9 tag 20 +-> vmbr1' "and is in the plan"
sees '> Start +move web1 now \([nw]' "which nothing stops any more"
unchanged "nothing was changed so far"
press Enter
sees 'Move web1 now' "the start is asked about"
press Enter
sees 'Ready to shut down web1' "it is shut down when somebody says so"
press 1 Enter
sees 'Report: web1, alpha -> beta/b1: done' "the move is followed on the screen, to its report"
press q
sees 'exit=0' "and leaves with its exit code"
echo "# $presses keys beside what was typed"
[ $presses -le 15 ]
ok $? "in at most 15 keys"
cmp "$work/stty1" "$work/stty2" >"$work/out" 2>&1
ok $? "the terminal is as it was"
is "$(status beta b1 101)" running "web1 runs at the target"
config beta b1 101 >"$work/out"
says out '^net0: .*bridge=vmbr1' "on the chosen bridge"
same "$(image alpha a1 local:100/vm-100-disk-0.qcow2)" "$(image beta b1 local:101/vm-101-disk-0.qcow2)" \
    "with its disk"

# --- the smallest screen; a login that asks
password=$(cat "$(sed -n 's/.*secret-file = "\(.*\)".*/\1/p' "$conf" | head -n 1)")
sed '0,/secret-file/{/secret-file/d}' "$conf" >"$L/asks.conf"
conf=$L/asks.conf
snapshot "$work/before"
wizard --ascii
tmux -L "$screen" resize-window -x 60 -y 16
sees 'Move VMs' "at 60x16"
keys Enter Enter
sees 'assword' "a password is asked for"
keys Escape
sees 'Enter tries again' "Esc: nobody answers, which is an error that can be tried again"
keys Enter
sees 'assword' "so it is"
keys -l "$password"
sees '\*\*\*' "what is typed is not shown"
keys Enter
sees 'allthin' "and lets in"
keys q
sees 'Leave vmferry. Nothing was changed' "q asks"
keys 2 Enter
sees 'exit=0' "and leaves"
unchanged "nothing was changed"

# --- terminals
at_terminal "TERM=vt100 LC_ALL=C $vmferry -c $conf"
sees 'Move VMs' "a vt100 without UTF-8"
! LC_ALL=C grep -q '[^ -~]' "$work/out"
ok $? "gets only ASCII"
at_terminal "TERM=dumb $vmferry -c $conf"
sees 'cannot show screens' "a terminal that shows none is told"
sees 'exit=2' "with the exit code of wrong usage"
at_terminal "$vmferry -c $L/none.conf"
sees 'none.conf' "a configuration that is not there is named"
"$vmferry" >"$work/out" 2>"$work/err" </dev/null
is $? 2 "without a terminal there is no wizard"
says err 'usage: vmferry' "but the usage"
done_testing
