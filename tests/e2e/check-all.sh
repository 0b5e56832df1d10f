#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# check --all: every VM of a cluster in one line, and nothing is changed.
. "${top_srcdir:-.}/tests/e2e/lib.sh"
lab_up
conf=$L/vmferry.conf
snapshot "$work/before"

run 3 "what cannot be moved makes it status 3" check -c "$conf" --all alpha beta
says out '^To node b[12], storage [a-z]+; nothing is changed' "a node and a storage are chosen"
for vm in web1 db1 old1 stubborn golden big1 allthings clone1 ct1; do
    says out "^ +1[0-9][0-9]  $vm  " "$vm has a line"
done
says out '^ +101  db1 .* copy/live +40 MiB  unknown$' "how, how much, and that nobody knows how long"
says out '^ +100  web1 .* copy +96 MiB  unknown$' "what cannot go live is copied"
says out '^ +104  golden .* no +-  - +a template' "a template cannot"
says out '^ +107  clone1 +copy +64 MiB' "a linked clone moves as a whole"
says out '^ +110  ct1 .* no .*a container' "nor a container"
says out '^7 of 9 VMs can be moved, together 303 MiB; the storage has ' "and what it comes to"

run 3 "with a speed" check -c "$conf" --all --speed 8 alpha beta b2 local
says out '^To node b2, storage local' "to a node that was named"
says out '^ +105  big1 .* 64 MiB  1 min 07 s' "it is said how long it takes"
run 3 "measured" check -c "$conf" --all --forecast alpha beta b2 local
says out '^ +105  big1 .* 64 MiB  [0-9][0-9.]* (min|s)' "it is known without that"
says out '^ +104  golden .* no +-  - ' "of those that can be moved"
run 3 "what blocks a copy" check -c "$conf" --all --bridge vmbr1=vmbr9 alpha beta b1 local
says out '^ +101  db1 .* no .*net1: .*vmbr9' "is said with the first reason"

COLUMNS=80
export COLUMNS
run 3 "on a terminal of 80 columns" check -c "$conf" --all --bridge vmbr1=vmbr9 alpha beta b1 local
is "$(awk 'length > 80' "$work/out")" "" "no line is longer"
says out '\.\.\.$' "what does not fit is cut"
COLUMNS=44
run 3 "on a narrow one" check -c "$conf" --all alpha beta
is "$(awk 'length > 44' "$work/out")" "" "neither"
says out '^ +100  web1 .* copy' "and how is still there"
unset COLUMNS

run 1 "a storage that is not there" check -c "$conf" --all alpha beta b1 nosuch
says err 'node b1 has no storage nosuch' "is an error"
run 2 "a node without a storage" check -c "$conf" --all alpha beta b1
unchanged "nothing was changed by any of these"
done_testing
