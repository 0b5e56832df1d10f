#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# VMs that were exported to files: an OVA with its checksums, an OVF with two disks and cards, VMX files
# with disks of every subformat; imported, their disks compared, their configurations as expected.
. "${top_srcdir:-.}/tests/e2e/lib.sh"
if ! command -v qemu-img >/dev/null; then
    echo "1..0 # SKIP needs qemu-img"
    exit 0
fi
lab_up
conf=$L/vmferry.conf
X=$work/export
mkdir "$X"
# the source is no cluster: only one hears requests
no_violations() {
    ctl beta requests >"$work/requests"
    [ -s "$work/requests" ] && ! grep '"violation":"' "$work/requests" >"$work/out"
    ok $? "no wrong parameter was in any request"
}

# import EXIT TEXT ARGUMENT...
import() {
    want=$1 text=$2
    shift 2
    run "$want" "$text" import -c "$conf" --yes --to beta --node b1 --storage local "$@"
}
# raw NAME MIB SEED: a disk with something in it
raw() {
    truncate -s "$2M" "$X/$1"
    seq "$3" 90000 | head -c 300000 | dd of="$X/$1" conv=notrunc bs=64k seek=$3 status=none
    seq "$3" 9000 | dd of="$X/$1" conv=notrunc bs=64k seek=$(($2 * 16 - 2)) count=1 status=none
}
vmid_of() {
    sed -n 's/.*target VM .*VMID \([0-9]*\).*/\1/p' "$work/out"
}
# is_config VMID FILE-TEXT TEXT: the configuration at b1, without what is made anew each time
is_config() {
    config beta b1 "$1" | sed -e '/^vmgenid:/d; /^meta:/d; /^smbios1:/d; /^description:/d' |
        LC_ALL=C sort >"$work/got"
    printf '%s\n' "$2" | diff - "$work/got" >"$work/out"
    ok $? "$3"
}
# disk VMID SLOT: its image
disk() {
    image beta b1 "$(config beta b1 "$1" | sed -n "s/^$2: \([^,]*\).*/\1/p")"
}

# --- an OVF with two disks and two cards, and the same as an OVA
raw a.raw 40 1
raw b.raw 12 5
for d in a b; do
    qemu-img convert -f raw -O vmdk -o subformat=streamOptimized "$X/$d.raw" "$X/web-$d.vmdk"
done
item() { # TYPE ID MORE
    echo "<Item><rasd:InstanceID>$2</rasd:InstanceID><rasd:ResourceType>$1</rasd:ResourceType>$3</Item>"
}
{
    cat <<'XML'
<?xml version="1.0" encoding="UTF-8"?>
<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1"
 xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData"
 xmlns:vmw="http://www.vmware.com/schema/ovf">
<References><File ovf:href="web-a.vmdk" ovf:id="f1"/><File ovf:href="web-b.vmdk" ovf:id="f2"/></References>
<DiskSection><Info/>
<Disk ovf:capacity="40" ovf:capacityAllocationUnits="byte * 2^20" ovf:diskId="d1" ovf:fileRef="f1"/>
<Disk ovf:capacity="12" ovf:capacityAllocationUnits="byte * 2^20" ovf:diskId="d2" ovf:fileRef="f2"/>
</DiskSection>
<VirtualSystem ovf:id="web"><Info/><Name>web</Name>
<OperatingSystemSection ovf:id="96" vmw:osType="debian11_64Guest"><Info/></OperatingSystemSection>
<VirtualHardwareSection><Info/>
XML
    item 3 1 '<rasd:VirtualQuantity>2</rasd:VirtualQuantity>'
    item 4 2 '<rasd:AllocationUnits>byte * 2^20</rasd:AllocationUnits><rasd:VirtualQuantity>768</rasd:VirtualQuantity>'
    item 6 3 '<rasd:ResourceSubType>VirtualSCSI</rasd:ResourceSubType>'
    item 17 4 '<rasd:AddressOnParent>0</rasd:AddressOnParent><rasd:Parent>3</rasd:Parent><rasd:HostResource>ovf:/disk/d1</rasd:HostResource>'
    item 17 5 '<rasd:AddressOnParent>1</rasd:AddressOnParent><rasd:Parent>3</rasd:Parent><rasd:HostResource>ovf:/disk/d2</rasd:HostResource>'
    item 10 6 '<rasd:Connection>VM Network</rasd:Connection><rasd:ResourceSubType>VmxNet3</rasd:ResourceSubType><rasd:Address>00:50:56:11:22:33</rasd:Address>'
    item 10 7 '<rasd:Connection>DMZ</rasd:Connection><rasd:ResourceSubType>VmxNet3</rasd:ResourceSubType><rasd:Address>00:50:56:11:22:34</rasd:Address>'
    echo '</VirtualHardwareSection></VirtualSystem></Envelope>'
} >"$X/web.ovf"
run 0 "what would be done" import -c "$conf" -n --forecast --to beta --node b1 --storage local \
    --bridge '*=vmbr0' "$X/web.ovf"
says out '^  time  at least ' "how long that takes at least"
says out '^        how fast its disks are read shows only when they are copied' "for its disks are packed"
says out 'warning: web.ovf: it has no checksums' "no checksums are told"
import 0 "an OVF is imported" --vmid 301 --bridge 'VM Network=vmbr0' --bridge DMZ=vmbr1 --vlan DMZ=7 \
    "$X/web.ovf"
says out 'source VM +the exported files, left as they are' "its files are left as they are"
same "$X/a.raw" "$(disk 301 scsi0)" "its first disk"
same "$X/b.raw" "$(disk 301 scsi1)" "its second disk"
is_config 301 "bios: seabios
boot: order=scsi0;scsi1
cores: 1
cpu: x86-64-v2-AES
memory: 768
name: web
net0: virtio=00:50:56:11:22:33,bridge=vmbr0
net1: virtio=00:50:56:11:22:34,bridge=vmbr1,tag=7
onboot: 0
ostype: l26
scsi0: local:301/vm-301-disk-0.raw,cache=writeback,discard=on,iothread=1,size=40M
scsi1: local:301/vm-301-disk-1.raw,cache=writeback,discard=on,iothread=1,size=12M
scsihw: virtio-scsi-single
sockets: 2" "the modern profile"

(cd "$X" && for f in web.ovf web-a.vmdk web-b.vmdk; do
    echo "SHA256($f)= $(sha256sum "$f" | cut -c1-64)"
done >web.mf && tar --format=ustar -cf web.ova web.ovf web.mf web-a.vmdk web-b.vmdk && rm web.mf)
import 0 "an OVA is imported, as vmdk" --vmid 302 --bridge '*=vmbr0' --mac new --format vmdk \
    --ignore-exists "$X/web.ova"
says out '3 files are as they were exported' "its checksums were compared"
same "$X/a.raw" "$(disk 302 scsi0)" "its first disk"
to=$(disk 302 scsi1)
is "${to##*.}" vmdk "the second is a vmdk"
same "$X/b.raw" "$to" "its second disk"

# --- one octet of it is another
cp "$X/web.ova" "$X/bad.ova"
printf X | dd of="$X/bad.ova" bs=1 seek=90000 conv=notrunc status=none
import 1 "a damaged OVA is not" --bridge '*=vmbr0' --mac new --ignore-exists "$X/bad.ova"
says err 'not as it was exported: its SHA256 sum' "and it is said why"
! on beta b1 'qm config 303' >/dev/null 2>&1
ok $? "nothing was made of it"
rm "$X/bad.ova"

# --- VMX files, every subformat, all of a directory; as the old profile has it
n=1
mkdir "$X/all"
for s in monolithicFlat monolithicSparse streamOptimized twoGbMaxExtentFlat twoGbMaxExtentSparse; do
    mkdir "$X/all/$s"
    raw "$s.raw" 10 $n
    qemu-img convert -f raw -O vmdk -o subformat=$s "$X/$s.raw" "$X/all/$s/d.vmdk"
    cat >"$X/all/$s/$s.vmx" <<VMX
.encoding = "UTF-8"
displayName = "vm$n"
guestOS = "debian6-64"
memSize = "256"
ide0:0.present = "TRUE"
ide0:0.fileName = "d.vmdk"
ethernet0.present = "TRUE"
ethernet0.networkName = "VM Network"
ethernet0.generatedAddress = "00:0c:29:00:00:0$n"
VMX
    n=$((n + 1))
done
import 0 "a directory of VMs is imported" --parallel-guests 5 --bridge 'VM Network=vmbr0' "$X/all"
for n in 1 2 3 4 5; do
    s=$(echo monolithicFlat monolithicSparse streamOptimized twoGbMaxExtentFlat twoGbMaxExtentSparse |
        cut -d' ' -f$n)
    id=$(on beta b1 'qm list' | awk -v name="vm$n" '$2 == name { print $1 }')
    [ -n "$id" ] && same "$X/$s.raw" "$(disk "$id" ide0)" "$s"
    [ "$n" != 1 ] || first=$id
done
is_config "$first" "bios: seabios
boot: order=ide0
cores: 1
cpu: x86-64-v2-AES
ide0: local:$first/vm-$first-disk-0.raw,discard=on,size=10M
machine: pc
memory: 256
name: vm1
net0: e1000=00:0C:29:00:00:01,bridge=vmbr0,link_down=1
onboot: 0
ostype: l26
scsihw: lsi
sockets: 1" "the old profile"

# --- a plan; what has changed since is noticed
run 0 "a plan of it" import -c "$conf" --save-plan "$work/p.cfg" --to beta --node b1 --storage local \
    --bridge '*=vmbr0' --mac new --ignore-exists "$X/all" vm1
grep -q "^source = \"$X/all\";" "$work/p.cfg"
ok $? "its source is the path"
run 0 "which is carried out" run -c "$conf" --yes "$work/p.cfg"
truncate -s 9M "$X/all/monolithicFlat/d-flat.vmdk"
import 3 "a disk that is cut off stops" --ignore-exists --mac new --bridge '*=vmbr0' "$X/all" vm1
says out 'STOP: .*cut off' "and it is said"

# --- the command line
import 2 "no such file" "$X/nowhere.ova"
says err 'cannot be read .No such file or directory.; nothing was changed' "is told"
import 1 "no VM there" "$X/a.raw"
import 1 "none of that name" "$X/web.ova" nobody
says err 'there is no VM nobody in .*web.ova, but ' "those that there are are named"
import 2 "a Proxmox VE cluster" alpha web1
says err 'vmferry move' "is for vmferry move"
import 2 "a host that nobody has told of, without a terminal" esx1.example.com web
says err 'type = "esxi"' "the block to add is printed"
says err 'url = \("https://esx1.example.com"\)' "with its address"
run 2 "without a target" import -c "$conf" "$X/web.ova"
says err 'import wants --to' "is told"
done_testing
