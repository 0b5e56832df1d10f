#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# vmferry demo: moves a VM, imports another where there is an ESXi host, and leaves nothing behind.
. "${top_srcdir:-.}/tests/e2e/lib.sh"

run 0 "the demo ends well" demo --unattended
says out '^Report: web1, alpha -> beta/b1: done' "a VM was moved"
if [ -x "$top_builddir/vsphere-sim" ]; then
    says out '^Report: old-lenny, esx1 -> beta/b1: done' "another was imported from the ESXi host"
    says out '^  net0 .*, VM Network -> vmbr0, disconnected, MAC kept' "as an old one, whose card is disconnected"
    says out 'read back from the disk and compared' "and verified"
else
    says out '^Report: web1' "without Go there is no host" # and no other report
fi
dir=$(sed -n 's|^  log  *\(/tmp/vmferry-demo-[A-Za-z0-9]*\)/.*|\1|p' "$work/out" | head -n 1)
[ "$dir" ] && [ ! -e "$dir" ]
ok $? "its directory is gone"
no_process() { # who was killed takes a moment to be gone
    ! grep -l -a -- "[/]${dir#/}" /proc/[0-9]*/cmdline 2>/dev/null | grep .
}
until_true no_process
ok $? "and its processes"
echo "1..$count"
exit $((failures != 0))
