#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Moves that proxmove began are recognised by the names of their VMs, and what to do is said.
. "${top_srcdir:-.}/tests/e2e/lib.sh"
lab_up
other=$(on beta b1 'qm list' | awk 'NR > 1 { print $1; exit }')
[ "$other" ] || {
    echo "Bail out! no VM on b1"
    exit 99
}
name() { # CLUSTER VMID NAME
    ctl "$1" set-config "$2" name "$3"
}
check() { # EXIT TEXT VM
    run "$1" "$2" move -n -c "$L/vmferry.conf" alpha beta b1 local "$3"
    tr -s ' \n' ' ' <"$work/out" >"$work/flat"
}
stopped=$(status beta b1 "$other")
[ "$stopped" = stopped ] || on beta b1 "qm stop $other" >/dev/null
snapshot "$work/start"

name beta "$other" web1--CREATING
snapshot "$work/before"
check 3 "a copy was begun, the source runs" web1
says flat "VM $other on b1 is the beginning of a move that vmferry did not begin" "which is recognised"
says flat "on b1: qm destroy $other" "and what tidies it up is said"
move 3 "it is never moved over that" alpha beta b1 local web1
unchanged "nothing of it was touched"

name alpha 100 web1--CLONING
on alpha a1 'qm stop 100' >/dev/null
snapshot "$work/before"
check 1 "under its own name it is not found" web1
says err 'VM 100 \(web1--CLONING\) is in the middle of a move' "but what became of it is said"
check 3 "the source was shut down for the copy" web1--CLONING
says flat "copy its disks to VM $other \(web1--CREATING\) on b1. They may be incomplete there, whatever their size" \
    "nothing is trusted for its size"
says flat 'on a1: qm set 100 --name web1 \(and qm start 100' "the way back to the service is given"
says flat "on b1: qm destroy $other" "as is what removes the copy"
run 2 "there is no job of it" resume -c "$L/vmferry.conf" --at beta
says err "VM $other \(web1--CREATING\) has the name of a move in progress, but not the mark" \
    "which names it, looking for jobs at the target"

name beta "$other" web1
check 3 "the copy has its name already" web1--CLONING
says flat "VM $other \(web1\) on b1. They may be incomplete" "and is not trusted either"
on beta b1 "qm start $other" >/dev/null
check 3 "and when it runs" web1--CLONING
says flat 'find out which of both holds the newer data' "no command is given that could lose data"

name alpha 100 web1--MIGRATED
check 3 "a move that ended" web1--MIGRATED
says flat "it was moved already: VM $other \(web1\) on b1 is its copy, and running" "is told from that"
name alpha 100 web1--CREATING
check 3 "an unfinished copy" web1--CREATING
says flat 'it is itself the unfinished copy of another move' "is no source"

# --- the commands that were given put it right
on beta b1 "qm stop $other" >/dev/null
name beta "$other" other1
name alpha 100 web1 # qm set 100 --name web1
on alpha a1 'qm start 100' >/dev/null
move 0 "tidied up as it was said, it is moved" alpha beta b1 local web1
done_testing
