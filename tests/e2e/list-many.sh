#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# A cluster with 300 VMs: lists are one request, however long they are.
LAB_OPTIONS="${LAB_OPTIONS-} --profile many"
. "${top_srcdir:-.}/tests/e2e/lib.sh"
lab_up
run 0 "a VM is found by its name" move -c "$L/vmferry.conf" -n alpha beta b1 local vm250
says out 'Move vm250 .VMID 1250' "the right one"
is "$(ctl alpha requests | grep -c '"path":"/cluster/resources')" 4 \
    "four looks at the list are four requests"
is "$(ctl alpha requests | grep -c '"path":"/nodes/a[12]/qemu"')" 0 "no node is asked for its VMs"
done_testing
