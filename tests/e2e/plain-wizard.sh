#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The wizard without a screen: a whole move from a pipe, and what is typed wrongly.
. "${top_srcdir:-.}/tests/e2e/lib.sh"
lab_up
snapshot "$work/before"
conf=$L/vmferry.conf
# wizard LINE…: one for each question; "" is Enter
wizard() {
    printf '%s\n' "$@" | "$vmferry" --plain -c "$conf" >"$work/out" 2>"$work/err"
    code=$?
}

wizard 1 alpha /web1 1 '' '' '' q yes
is $code 0 "left with q"
says out '^ *> *1  *Move VMs' "what can be done has numbers"
says out '^ *> *1  *alpha' "so have clusters"
says out '1  *web1 .*running' "and VMs"
says out 'move web1 now' "up to the plan"
says out 'Several numbers .2 5. mark several' "how several are marked is said"
says out 'keys: d details  s sort' "and keys that can be typed"
! grep -qE 'Space|Enter next|Esc' "$work/out" "$work/err"
ok $? "no others"
unchanged "nothing was changed"

wizard 1 1 77 nothing '1 99' '/golden' '<' '<'
is $code 2 "the input ends too soon"
says out 'There is no row 77 here' "a wrong number is said"
says out 'There is no row nothing here' "and what is none"
says out 'There is no row 99 here' "also of several"
! grep -q '1 marked' "$work/out"
ok $? "of which none is marked then"
says out '^ *-  *golden: a template' "what cannot be moved says why, and has no number"
says err 'nothing was changed' "and that nothing was changed"
unchanged "which is so"

wizard 1 alpha web1 beta b1 local Network vmbr1 VM web1-new Start yes go
is $code 0 "a move from a pipe"
says out 'vmbr0 tag 20 +-> vmbr1 tag 20' "with another bridge"
says out 'Report: web1, alpha -> beta/b1: done' "to its report"
is "$(status beta b1 101)" running "web1 runs at the target"
config beta b1 101 >"$work/out"
says out '^net0: .*bridge=vmbr1' "on the chosen bridge"
says out '^name: web1-new$' "with the name that was typed"
same "$(image alpha a1 local:100/vm-100-disk-0.qcow2)" "$(image beta b1 local:101/vm-101-disk-0.qcow2)" \
    "with its disk"

# --- a login that asks: the next line is the answer
password=$(cat "$(sed -n 's/.*secret-file = "\(.*\)".*/\1/p' "$conf" | head -n 1)")
sed '0,/secret-file/{/secret-file/d}' "$conf" >"$L/asks.conf"
conf=$L/asks.conf
wizard 1 alpha "$password" q yes
is $code 0 "a password"
says out 'allthings' "lets in"
! grep -q -- "$password" "$work/out" "$work/err"
ok $? "and is not shown"
done_testing
