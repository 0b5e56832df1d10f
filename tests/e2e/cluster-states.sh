#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Clusters that are not well, and VMs that cannot be moved as they are: each refusal names the cure and
# leaves everything as it was.
. "${top_srcdir:-.}/tests/e2e/lib.sh"
lab_up

# --- what hangs on a VM
move 3 "a template is refused" alpha beta b1 local golden
says out 'STOP: .*template.*full clone' "with the cure"
move 3 "a container is refused" alpha beta b1 local ct1
says out 'STOP: ct1.*container.*pct' "with the reason and Proxmox's own ways"
run 0 "a VM with a snapshot" move -c "$L/vmferry.conf" -n alpha beta b1 local stubborn
says out 'snapshot before-update: not carried over' "is told that it stays"
run 0 "one with HA and replication" move -c "$L/vmferry.conf" -n alpha beta b1 local big1
says out 'high availability.*add the VM at the target under Datacenter > HA' "is told what to do about HA"
says out 'replication job 105-0' "and replication"
ctl alpha set-pending 100 memory 1024
move 3 "a VM with changes that wait for its next start is refused" alpha beta b1 local web1
says out "STOP: memory.*next start.*--revert memory" "with the cure"
ctl alpha set-pending 100 memory -
move 3 "also when it is a deletion that waits" alpha beta b1 local web1
on alpha a1 'qm set 101 --lock backup'
move 3 "a locked VM is refused" alpha beta b1 local db1
says out 'STOP: .*locked .backup.*qm unlock 101' "with the cure"
snapshot "$work/before"

# --- a node is down
ctl alpha offline a2
move 1 "a source node that is offline ends the move" alpha beta b1 local 102
says err 'No route to host.*whether it is up' "with what to look at"
ctl alpha online a2
ctl beta offline b2
move 3 "a target node that is offline stops" alpha beta b2 local old1
says out 'STOP.*b2.*offline' "and is named"
says out 'choose another node' "with the cure"
move 0 "the other node takes the VM" -n alpha beta b1 local old1
ctl beta online b2
ctl alpha sshd a2 stop
move 1 "a source node without sshd ends the move" alpha beta b1 local old1
says err 'a2 cannot be reached by ssh.*refused' "and names the host"
ctl alpha sshd a2 start
unchanged "nothing was changed by any of these"

# --- no quorum
ctl beta quorum lost
move 3 "a target cluster without quorum stops" alpha beta b1 local old1
says out 'STOP.*beta.*quorum' "and is named"
says out 'pvecm status' "with what to look at"
ctl beta quorum back
ctl beta fault do POST '/nodes/b1/qemu$' quorum lost
move 1 "quorum lost when the target VM is created" alpha beta b1 local old1
says err 'no quorum.*pvecm status' "is told with what to look at"
is "$(ctl beta fault list)" "" "it was then that it was lost"
if [ "$namespaces" ]; then
    ! on beta b1 'touch /etc/pve/probe' 2>/dev/null
    ok $? "the cluster's directory is read-only"
else
    skip "the cluster's directory is read-only" "no namespaces here"
fi
ctl beta quorum back
ctl alpha quorum lost
move 3 "a source cluster without quorum stops" alpha beta b1 local old1
says out 'STOP: alpha.*quorum' "and is named"
ctl alpha quorum back
ctl alpha fault do PUT '/nodes/a2/qemu/102/config$' quorum lost
move 1 "quorum lost when the source is claimed" alpha beta b1 local old1
says err 'no quorum.*pvecm status' "is told with what to look at"
ctl alpha quorum back
unchanged "nothing was changed by any of these"
done_testing
