#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# An ESXi host that fails while its disks are read: what passes is waited for, what is wrong never becomes
# a VM. IMPORT_FAULTS=all: every fault by itself. Rehearsals: the source can be taken again and again.
. "${top_srcdir:-.}/tests/e2e/lib.sh"

lab_up
esxi_up --profile demo
vmid=300
# the faults are those of HTTPS, and of two ways the faster is taken: by SSH the host hashes, and reads nothing
[ ! "$esxi_ssh" ] || sed -i '2i/lab/busybox grep -q sha256sum "/proc/$PPID/cmdline" || exit 1' "$L/esx1/bin/dd"

# import WANT FAULT… -- TEXT: a rehearsal with those faults
import() {
    want=$1
    shift
    while [ "$1" != -- ]; do
        # shellcheck disable=SC2086
        ctl esx1 fault $1
        shift
    done
    vmid=$((vmid + 1))
    run "$want" "$2" import -c "$L/vmferry.conf" --yes --rehearse --skip-start --bridge '*=vmbr0' --to beta --node b1 \
        --storage local --vmid $vmid esx1 old-lenny
    ctl esx1 fault clear
    if [ "$want" = 0 ]; then
        cp "$work/out" "$work/said"
        same "$(vmdk old-lenny)" "$(image beta b1 "local:$vmid/vm-$vmid-disk-0.raw")" "and the disk is the source's"
        "$vmferry" rollback "$(sed -n 's/.*Job \(2026[0-9a-f-]*\|[0-9]*-[0-9a-f-]*\)$/\1/p' "$work/said" | tail -n 1)" \
            >"$work/out" 2>"$work/err" </dev/null
        ok $? "which is taken back"
    else
        [ ! -e "$(image beta b1 "local:$vmid/vm-$vmid-disk-0.raw")" ]
        ok $? "and nothing is left at the target"
    fi
}
sums() {
    (cd "$L/esx1/volumes" && find . -name '*.vmdk' -type f | sort | xargs -d '\n' sha256sum)
}

sums >"$work/sums"
import 0 'after 6 times 4 503 flat' 'after 4 expire flat' 'after 3 cut 70000 flat' -- \
    "an import goes on after 503, an expired session and a cut"
if [ "$esxi_ssh" ]; then # by what the host itself says of its disk
    import 1 'after 6 times 0 flip flat' -- "bits that turned on the way are found"
    says err 'is not what the source has' "and said"
else
    skip "bits that turned on the way are found" "no namespaces here, so the host has no SSH"
fi
if [ "${IMPORT_FAULTS-}" = all ]; then
    import 0 'after 6 times 4 503 flat' -- "503"
    import 0 'after 7 expire flat' -- "an expired session"
    import 0 'after 6 cut 70000 flat' -- "a cut"
    import 1 'after 6 times 2 html flat' -- "a page of HTML is no data"
    says err 'a page for people' "and said"
    import 1 'after 6 wrong-range flat' -- "another range is not the one asked for"
    import 1 'after 6 times 0 short 1048576 flat' -- "a file that got shorter"
    says err 'is cut off' "and said"
fi
ctl esx1 logins >"$work/out"
says out 'wrong 0 locked false' "no password was ever wrong"
sums >"$work/now"
cmp -s "$work/sums" "$work/now"
ok $? "the source's files are as they were"
echo "1..$count"
exit $((failures != 0))
