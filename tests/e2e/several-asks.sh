#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Several jobs at once and a person at a terminal: whose question it is, what is asked once for all, ^C.
. "${top_srcdir:-.}/tests/e2e/lib.sh"
. "${top_srcdir:-.}/tests/e2e/screen.sh"
lab_up
sed -E '/secret-file = .*secret-alpha/d' "$L/vmferry.conf" >"$L/ask.conf"
chmod 600 "$L/ask.conf"
snapshot "$work/before"

at_terminal "'$vmferry' move -c '$L/ask.conf' --parallel-guests 2 --wait-before-stop alpha beta b1 local web1 stubborn"
sees '[Pp]assword.*root@pam' "the password is asked for"
keys -l "$(cat "$L/secret-alpha")"
keys Enter
sees 'Begin to move these 2 VMs' "then once whether to begin"
sees 'Move web1 ' "after the plan of the one"
sees 'Move stubborn ' "and of the other"
keys y Enter
sees 'Ready to shut down (web1|stubborn)' "one of them asks"
first=$(sed -n 's/.*Ready to shut down \([a-z0-9]*\).*/\1/p' "$work/out" | head -n 1)
[ "$first" = web1 ] && second=stubborn || second=web1
keys 2 Enter
sees "Ready to shut down $second" "then the other"
is "$(count_of 'Password of root@pam')" 1 "the password was asked for once for all"
keys 2 Enter
sees 'exit=4' "both wait, and nobody need stay"
sees 'those that wait will begin. Come back with: vmferry attach batch-' "which is said"
sees "^  web1 +running +vmferry attach" "of each"
is "$(status alpha a1 100)$(status alpha a2 103)" runningrunning "both run still"
batch=$(ls "$XDG_STATE_HOME/vmferry/batches")

at_terminal "'$vmferry' attach --plain '$batch'"
sees 'Ready to shut down (web1|stubborn)' "who comes back is asked again"
keys C-c
sees 'exit=1' "^C in a question stops all of them"
sees '^  web1 +stopped, put back' "the one"
sees '^  stubborn +stopped, put back' "and the other"
unchanged "and everything is put back"
done_testing
