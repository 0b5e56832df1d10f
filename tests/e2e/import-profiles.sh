#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# What exported VMs of VMware become: the three profiles as whole configurations, proposed by the guest's
# system.
. "${top_srcdir:-.}/tests/e2e/lib.sh"
. "${top_srcdir:-.}/tests/e2e/screen.sh"
lab_up
conf=$L/vmferry.conf

# vm NAME GUESTOS DISKS, more of its VMX from stdin
vm() {
    mkdir -p "$work/vms/$1"
    i=0
    {
        printf '%s\n' '.encoding = "UTF-8"' 'config.version = "8"' 'virtualHW.version = "13"' \
            "displayName = \"$1\"" "guestOS = \"$2\"" 'memSize = "256"' 'numvcpus = "4"' \
            'cpuid.coresPerSocket = "2"' 'annotation = "exported|0Aby hand"' \
            'uuid.bios = "56 4d 12 34 56 78 9a bc-de f0 12 34 56 78 9a bc"' \
            'scsi0.present = "TRUE"' 'scsi0.virtualDev = "lsilogic"' \
            'ide1:0.present = "TRUE"' 'ide1:0.deviceType = "cdrom-image"' 'ide1:0.fileName = "/iso/linux.iso"' \
            'ethernet0.present = "TRUE"' 'ethernet0.virtualDev = "vmxnet3"' \
            'ethernet0.networkName = "VM Network"' 'ethernet0.addressType = "static"' \
            'ethernet0.address = "00:50:56:aa:bb:cc"'
        cat
        while [ $i -lt "$3" ]; do
            qemu-img create -q -f vmdk -o subformat=monolithicFlat "$work/vms/$1/$1_$i.vmdk" 4M
            head -c 1000000 /dev/urandom | dd of="$work/vms/$1/$1_$i-flat.vmdk" conv=notrunc status=none
            printf '%s\n' "scsi0:$i.present = \"TRUE\"" "scsi0:$i.fileName = \"$1_$i.vmdk\""
            i=$((i + 1))
        done
    } >"$work/vms/$1/$1.vmx"
}

images() {
    ls "$L/beta/b1/vz/images/$1" 2>/dev/null | tr '\n' ' '
}

# imported EXIT VM VMID OPTION…
imported() {
    want=$1 vm=$2 id=$3
    shift 3
    run "$want" "$vm is imported" import -c "$conf" --yes --vmid "$id" --bridge '*=vmbr1' "$@" \
        "$work/vms/$vm/$vm.vmx" --to beta --node b1 --storage local
}

# is_config VMID TEXT WHAT: the configuration at b1, without what is made anew each time; the cpu is the node's
# matter
is_config() {
    config beta b1 "$1" | sed -e '/^vmgenid:/d; /^meta:/d; /^cpu:/d' | LC_ALL=C sort >"$work/got"
    printf '%s\n' "$2" | diff - "$work/got" >"$work/out"
    ok $? "$3"
}

run 0 "a VM of a Proxmox VE has no profile" move -c "$conf" --save-plan "$work/plan" alpha beta b1 local old1
! grep -q '^profile' "$work/plan"
ok $? "in its plan"

vm web debian11-64 2 </dev/null
imported 0 web 301
says out 'kind  modern: VirtIO' "as a modern one"
says out ' - .*ens18' "it is told what its card is called"
same "$work/vms/web/web_1.vmdk" "$(image beta b1 local:301/vm-301-disk-1.raw)" "its second disk"
is_config 301 'bios: seabios
boot: order=scsi0;scsi1;ide3
cores: 2
description: exported%0Aby%20hand
ide3: none,media=cdrom
memory: 256
name: web
net0: virtio=00:50:56:AA:BB:CC,bridge=vmbr1
onboot: 0
ostype: l26
scsi0: local:301/vm-301-disk-0.raw,cache=writeback,discard=on,iothread=1,size=4M
scsi1: local:301/vm-301-disk-1.raw,cache=writeback,discard=on,iothread=1,size=4M
scsihw: virtio-scsi-single
smbios1: uuid=564d1234-5678-9abc-def0-123456789abc
sockets: 2' "VirtIO"

vm old debian7 5 </dev/null
imported 0 old 302
says out ' - .*qm set 302 --net0 e1000=00:50:56:AA:BB:CC,bridge=vmbr1$' "how it is connected is told"
says out 'fstrim -v /' "and how it is trimmed"
is_config 302 'bios: seabios
boot: order=ide0;ide1;ide2;sata0;sata1;ide3
cores: 2
description: exported%0Aby%20hand
ide0: local:302/vm-302-disk-0.raw,discard=on,size=4M
ide1: local:302/vm-302-disk-1.raw,discard=on,size=4M
ide2: local:302/vm-302-disk-2.raw,discard=on,size=4M
ide3: none,media=cdrom
machine: pc
memory: 256
name: old
net0: e1000=00:50:56:AA:BB:CC,bridge=vmbr1,link_down=1
onboot: 0
ostype: l26
sata0: local:302/vm-302-disk-3.raw,discard=on,size=4M
sata1: local:302/vm-302-disk-4.raw,discard=on,size=4M
scsihw: lsi
smbios1: uuid=564d1234-5678-9abc-def0-123456789abc
sockets: 2' "IDE, beyond it SATA, disconnected"
is "$(status beta b1 302)" stopped "files are no VM that ran"
grep -q '"start old at beta when it is to run there"' "$(job_dir)/report.json"
ok $? "who wants it to run is told"

# --- started all the same: whoever looks at its console connects it
vm lenny debian5 1 </dev/null
run 2 "to start it and not to start it" import -c "$conf" --start --skip-start "$work/vms/lenny/lenny.vmx" \
    --to beta --node b1 --storage local
says err '.--start does not go with --skip-start' "makes no sense"
imported 0 lenny 304 -n --start --mac 02:50:56:AA:BB:DD --wait-before-start
says out 'warning: lenny: .*where it was exported from it may still run' "what it may meet is said beforehand"
says out 'wait  you are asked whether its console is fine' "and that somebody is asked"
says out 'stopped, copied, verified and started' "when it is started"
at_terminal "'$vmferry' import -c '$conf' --yes --start --wait-before-start --mac 02:50:56:AA:BB:DD --vmid 304 --bridge '*=vmbr1' \
'$work/vms/lenny/lenny.vmx' --to beta --node b1 --storage local"
sees 'Ready to start lenny at beta' "somebody is asked before it is started"
is "$(status beta b1 304)" stopped "until then it is not"
keys 1 Enter
sees 'Is its console fine' "then whether its console is fine"
is "$(status beta b1 304)" running "as it runs"
has beta b1 304 'net0: e1000=02:50:56:AA:BB:DD,bridge=vmbr1,link_down=1' "off the network"
keys 1 Enter
sees 'exit=0' "it is"
has beta b1 304 'net0: e1000=02:50:56:AA:BB:DD,bridge=vmbr1' "and is connected"
id=$(basename "$(job_dir)")
on beta b1 'qm stop 304'
run 2 "as it ran, going back is agreed to" rollback "$id"
says err 'gives --return lenny' "by its name"
run 0 "with it" rollback --return lenny --remove-target "$id"
is "$(images 304)" "" "it is gone"
ok "$([ -e "$work/vms/lenny/lenny_0-flat.vmdk" ]; echo $?)" "its files are not"

# --- killed while it starts: it may have run, and goes on
killed after start:intent import -c "$conf" --yes --start --console leave --mac 02:50:56:AA:BB:DE --vmid 305 \
    --bridge '*=vmbr1' "$work/vms/lenny/lenny.vmx" --to beta --node b1 --storage local
is $? 4 "killed when it is started"
run 0 "it is resumed" resume --yes
is "$(status beta b1 305)" running "and runs"

vm win windows9srv-64 1 <<EOF
firmware = "efi"
uefi.secureBoot.enabled = "TRUE"
vtpm.present = "TRUE"
EOF
imported 0 win 303 --driver-disk
says out 'BitLocker asks for its recovery key' "what the TPM held is missing"
is_config 303 'bios: ovmf
boot: order=sata0;ide3
cores: 2
description: exported%0Aby%20hand
efidisk0: local:303/vm-303-disk-0.raw,efitype=4m,pre-enrolled-keys=1,size=528K
ide3: none,media=cdrom
memory: 256
name: win
net0: e1000=00:50:56:AA:BB:CC,bridge=vmbr1
onboot: 0
ostype: win10
sata0: local:303/vm-303-disk-3.raw,discard=on,size=4M
scsi0: local:303/vm-303-disk-2.raw,size=1G
scsihw: virtio-scsi-single
smbios1: uuid=564d1234-5678-9abc-def0-123456789abc
sockets: 2
tpmstate0: local:303/vm-303-disk-1.raw,size=4M,version=v2.0' "SATA, e1000, new firmware, a disk for the driver"
done_testing
