#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# A VM from an ESXi host by SSH alone: one password, tried once; its disk compared with what the host
# itself says of it, and told so, or told what was compared instead; what the host says was never
# written to is not read, and a host that is wrong about that is found out.
. "${top_srcdir:-.}/tests/e2e/lib.sh"
lab_up
esxi_up --profile demo
if [ ! "$esxi_ssh" ]; then
    echo "1..0 # SKIP the ESXi host has no SSH here"
    exit 0
fi
conf=$L/ssh.conf
sed 's/^    type = "esxi";/&\n    way = "ssh";/' "$L/vmferry.conf" >"$conf"
chmod 600 "$conf"
ctl esx1 api off

# --- the wrong password, once
printf 'not it\n' >"$L/wrong"
chmod 600 "$L/wrong"
sed "s|$L/esx1/password|$L/wrong|" "$conf" >"$L/wrong.conf"
chmod 600 "$L/wrong.conf"
"$vmferry" check -c "$L/wrong.conf" --all esx1 beta >"$work/out" 2>"$work/err"
[ $? != 0 ]
ok $? "a wrong password fails"
says err '15 minutes' "and it is said what five of them do"
is "$(ctl esx1 logins)" "right 0 wrong 1 locked false" "it was tried once"

# --- a whole import, of a disk with a hole, so large that the host hashes it while it is copied
disk=$(vmdk old-lenny)
flat=${disk%.vmdk}-flat.vmdk
cp "$flat" "$work/flat"
# sized MIB: so large it is now, with data in the first 8 MiB and the last 4
sized() {
    sed -i "s/^RW [0-9]* VMFS/RW $(($1 * 2048)) VMFS/" "$disk"
    head -c 8M "$work/flat" >"$L/new"
    truncate -s "$(($1 - 4))M" "$L/new"
    tail -c 4M "$work/flat" >>"$L/new"
    mv "$L/new" "$flat"
}
sized 520
import() {
    want=$1 text=$2
    shift 2
    timeout 200 "$vmferry" move -c "$conf" --yes --bridge '*=vmbr0' "$@" esx1 beta b1 local old-lenny \
        >"$work/out" 2>"$work/err" </dev/null
    is $? "$want" "$text"
}
run 0 "how long it takes" move -c "$conf" -n --forecast --bwlimit 8 --progress=json --bridge '*=vmbr0' esx1 beta b1 local old-lenny
says out '"forecast_seconds": *([1-9]|[123][0-9])[0-9]\.' "the hole is not counted: seconds at a MB/s, not ten minutes"
import 0 "old-lenny is imported by SSH"
says out '3 of 3 pieces agree with the source host.s own SHA-256, 1 of them made while it was copied' \
    "the host's own sums agree"
says out 'read back from the disk and compared|read back through the cache' "and it was read back"
says out '508 MiB of it were never written to, by what the host says' "the hole is known before it is read"
says out '^ *of these not read  *508 MiB' "the report tells it"
read=$(sed -n 's/.*"read": *\([0-9]*\).*/\1/p' "$(job_dir)/report.json" | head -n 1)
[ "${read:-99999999}" -le $((13 << 20)) ]
ok $? "and no more than its data is read (${read:-?} bytes)"
path=$(sed -n 's/.* -> local:\([0-9]*\/vm[^,]*\).*/\1/p' "$work/out" | head -n 1)
copy=$(find "$L/beta" -path "*/images/$path" | head -n 1)
qemu-img compare -f vmdk -F raw "$(vmdk old-lenny)" "$copy" >"$work/out" 2>"$work/err"
ok $? "QEMU finds them the same"
ctl esx1 logins >"$work/out"
says out 'wrong 1 ' "no password was wrong since"

# --- a host that is wrong about what is in use, and one that prints what nobody understands
sized 32
ctl esx1 fault times 0 map-lies
import 1 "what a host wrongly calls unused is found" --rehearse --vmid 250
says err 'is not what the source has' "and said"
[ ! -e "$(image beta b1 local:250/vm-250-disk-0.raw)" ]
ok $? "and nothing is left at the target"
ctl esx1 fault clear
ctl esx1 fault times 0 map 'Mapping for file x (33554432 bytes in size):\n[ 0: 33554432] --> [XMFS -- :(0 --> 1)]'
import 0 "a map in words that nobody knows" --rehearse --skip-start --vmid 251
ctl esx1 fault clear
! grep -qE 'never written to|of these not read' "$work/out"
ok $? "is none: all is read"
same "$(vmdk old-lenny)" "$(image beta b1 local:251/vm-251-disk-0.raw)" "and the disk is the source's"

run 0 "the other cluster is looked at, too" move -c "$conf" -n alpha beta b1 local web1

# --- a host without sha256sum
ctl esx1 tool sha256sum off
import 0 "again, from a host without sha256sum" --ignore-exists
says out 'target equals what was received; a second read of 32 MiB of 32 MiB agreed' \
    "what is said is that a sample was read twice"
! grep -qE 'never written to|of these not read' "$work/out"
ok $? "and nothing is left unread that could not be compared"
done_testing
