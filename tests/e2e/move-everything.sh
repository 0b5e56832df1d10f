#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# A VM with one of everything, compared field by field after its move: by a token, then by root@pam
# with a password. Before that what stops it, and a failure in the middle. Names of all lengths.
. "${top_srcdir:-.}/tests/e2e/lib.sh"

# fields CLUSTER NODE VMID: the configuration with what must differ taken out: volumes and their
# sizes, the old form of a NIC, the order of options
fields() {
    config "$1" "$2" "$3" | awk '
        function sorted(text, n, i, j, t, part, out) {
            n = split(text, part, ",")
            for (i = 2; i <= n; i++)
                for (j = i; j > 1 && part[j] < part[j - 1]; j--) {
                    t = part[j]; part[j] = part[j - 1]; part[j - 1] = t
                }
            for (i = 1; i <= n; i++)
                out = out (i > 1 ? "," : "") part[i]
            return out
        }
        {
            key = $1
            value = substr($0, length(key) + 2)
            if (key ~ /^(meta|digest):/)
                next
            if (key ~ /^(scsi|virtio|sata|ide|efidisk|tpmstate)[0-9]+:/) {
                sub(/,size=[0-9]+[KMG]/, "", value)
                sub(/^[^,]*cloudinit[^,]*/, "CLOUDINIT", value)
                if (value !~ /^(CLOUDINIT|none)/)
                    sub(/^[^,]*/, "VOLUME", value)
            }
            if (key ~ /^net/ && match(value, /model=[^,]*,macaddr=[^,]*/)) {
                split(substr(value, RSTART + 6, RLENGTH - 6), nic, ",macaddr=")
                value = nic[1] "=" toupper(nic[2]) substr(value, RSTART + RLENGTH)
            }
            print key " " (key ~ /^(description|cicustom|args):/ ? value : sorted(value))
        }' | LC_ALL=C sort
}

# same_fields FILE VMID TEXT: what is in FILE, but for the keys in $without, is what beta has, and
# nothing else is but what is in $more
same_fields() {
    fields beta b1 "$2" | grep -vE "^(${more:-none}):" >"$work/got"
    grep -vE "^(${without:-none}):" "$1" >"$work/want"
    diff "$work/want" "$work/got" >"$work/out"
    ok $? "$3"
    for key in $(echo "$without" | tr '|' ' '); do
        grep -q "^$key:" "$1" || echo "Bail out! there is no $key to be left out"
    done
}

# same_images VMID: every disk of 106 is the same at beta
same_images() {
    for slot in scsi0 scsi1 virtio0 sata0 ide0 efidisk0 tpmstate0; do
        from=$(config alpha a1 106 | sed -n "s/^$slot: \([^,]*\).*/\1/p")
        to=$(config beta b1 "$1" | sed -n "s/^$slot: \([^,]*\).*/\1/p")
        same "$(image alpha a1 "$from")" "$(image beta b1 "$to")" "$slot is the same ($from, $to)"
    done
}

# volume CLUSTER VMID SLOT: what is in a slot
volume() {
    case $1 in
    alpha) config alpha a1 "$2" ;;
    *) config beta b1 "$2" ;;
    esac | sed -n "s/^$3: \([^,]*\).*/\1/p"
}

vmid_of() {
    sed -n 's/.*target VM .*VMID \([0-9]*\).*/\1/p' "$work/out"
}

lab_up
on alpha a1 'qm start 106'
fields alpha a1 106 >"$work/106"
is "$(status alpha a1 106)" running "a VM with everything runs"
qemu-img info "$(image alpha a1 "$(volume alpha 106 efidisk0)")" >"$work/out" 2>&1
says out 'lock' "and holds its EFI disk"

# --- pending changes
on alpha a1 'qm set 106 --memory 1024'
snapshot "$work/before"
move 3 "a change that waits for the next start stops the move" alpha beta b1 local allthings
says out 'STOP.*memory: 768, after the next start 1024' "with both values"
says out 'qm set 106 --revert memory' "and the cure"
unchanged "nothing was changed"
on alpha a1 'qm set 106 --revert memory'

# --- a failure in the middle
snapshot "$work/before"
ctl beta fault task qmstart 'start failed: QEMU exited with code 1'
move 1 "a target that does not start ends the move (all disks raw)" --format raw alpha beta b1 local \
    allthings
grep -q 'efidisk0: 528 KiB copied.*compared' "$work/out"
ok $? "after an EFI disk in qcow2 has become raw"
unchanged "and everything is put back, the cloud-init drive of the target gone"

# --- by a token; with a firewall of its own
ctl alpha extra vms.106.firewall "$(ctl alpha firewall 100)"
move 0 "it is moved by a token" alpha beta b1 local allthings
cp "$work/out" "$work/report"
vmid=$(vmid_of)
for what in 'cipassword: \.\.\.; .*--cipassword' 'args: .*only root@pam' 'cicustom: .*no snippet' \
    'hookscript: .*only root@pam' 'hostpci1: .*no resource mapping other' 'usb2: .*source node' \
    'serial1: .*source node' 'spice_enhancements: .*only root@pam' 'protection: 1' \
    'unused0: .*2.0 MiB.*stays at the source' 'vmgenid: .*makes a new one'; do
    grep -qE "not carried over  $what" "$work/report"
    ok $? "the report says: $what"
done
! grep -q 'nothing\|\*\*\*' "$work/report"
ok $? "no password is shown"
without='args|cicustom|cipassword|hookscript|hostpci1|protection|serial1|spice_enhancements|unused0|usb2|vmgenid'
more=vmgenid
same_fields "$work/106" "$vmid" "the rest is the same, field by field"
same_images "$vmid"
ctl alpha firewall 106 >"$work/firewall"
ctl beta firewall "$vmid" >"$work/out"
grep -q webserver "$work/out" && cmp -s "$work/firewall" "$work/out"
ok $? "so is its firewall"
is "$(status beta b1 "$vmid")" running "it runs at beta"
is "$(volume beta "$vmid" ide2)" "local:$vmid/vm-$vmid-cloudinit.qcow2" "with a cloud-init drive of its own"
[ -s "$(image beta b1 "$(volume beta "$vmid" ide2)")" ]
ok $? "which is there"
ctl beta requests >"$work/requests"
! grep -E '"(POST|PUT)"' "$work/requests" | grep -q cipassword
ok $? "no password was sent"

# --- names
# label LENGTH: that many letters
label() {
    printf "%0$1d" 0 | tr 0 x
}
long=$(label 63).$(label 60)
ctl alpha set-config 102 name "$long"
ctl alpha set-config 105 name -
efi=local:105/vm-105-disk-1.raw
head -c 540672 /dev/urandom >"$(image alpha a1 $efi)"
ctl alpha set-config 105 efidisk0 "$efi,size=528K"
snapshot "$work/before"
for vm in 102 105; do
    ctl beta fault fail PUT '/nodes/b1/qemu/[0-9]+/config' 500 'unable to attach'
    move 1 "a disk of VM $vm cannot be attached" alpha beta b1 local "$vm"
done
unchanged "names are put back whole, and none where there was none"
move 0 "a VM with a long name is moved" alpha beta b1 local "$long"
has beta b1 "$(vmid_of)" "name: $long" "the target has the whole name"
has alpha a2 102 "name: $(label 63).$(label 53)--MIGRATED" "the source's is cut before its suffix"
config alpha a2 102 >"$work/out"
says out "^description: .*$long" "and its notes have the whole"
move 0 "a VM without a name is moved" --format qcow2 alpha beta b1 local 105
vmid=$(vmid_of)
same "$(image alpha a1 $efi)" "$(image beta b1 "$(volume beta "$vmid" efidisk0)")" \
    "and its EFI disk, raw, to qcow2"
config beta b1 "$vmid" >"$work/out"
! grep -q '^name:' "$work/out"
ok $? "and has none at the target"

# --- by root@pam, to other formats
"$lab" down --dir "$L" >/dev/null 2>&1
L=$work/lab2
mkdir -p "$L"
lab_up
sed -i "s#token = \"migrator@pve!ferry\"#user = \"root@pam\"#; s#/token-beta#/secret-beta#" "$L/vmferry.conf"
on beta b1 'cp -p /var/lib/vz/snippets/hook.sh /var/lib/vz/snippets/vendor.yaml' 2>/dev/null ||
    cp -p "$L/beta/b1/vz/snippets/hook.sh" "$L/beta/b1/vz/snippets/vendor.yaml"
# an EFI disk as LVM rounds it up
truncate -s 4M "$(image alpha a1 local:106/vm-106-disk-5.raw)"
qemu-img convert -n -O raw "$(image alpha a1 "$(volume alpha 106 efidisk0)")" \
    "$(image alpha a1 local:106/vm-106-disk-5.raw)"
ctl alpha set-config 106 efidisk0 \
    'local:106/vm-106-disk-5.raw,efitype=4m,pre-enrolled-keys=1,size=4M'
# a description as long as it may be (as it is sent): no marker or note fits behind it
ctl alpha set-config 106 description "$(label 8187)%41"
fields alpha a1 106 >"$work/106"
snapshot "$work/before"
ctl beta fault fail POST '/nodes/b1/storage/shared/content' 500 'unable to create image'
move 1 "a failure with a full description" alpha beta b1 shared allthings
unchanged "is undone whole"
move 0 "root@pam moves it to qcow2" --format qcow2 alpha beta b1 shared allthings
cp "$work/out" "$work/report"
vmid=$(vmid_of)
without='cipassword|hostpci1|protection|serial1|unused0|usb2'
more=
same_fields "$work/106" "$vmid" "with all that only root@pam may set"
same_images "$vmid"
case "$(volume beta "$vmid" efidisk0) $(volume beta "$vmid" tpmstate0) $(volume beta "$vmid" scsi0)" in
*.raw\ *.raw\ *.qcow2) ok 0 "a rounded EFI disk and a TPM's state are raw all the same" ;;
*) ok 1 "a rounded EFI disk and a TPM's state are raw all the same" ;;
esac
config alpha a1 106 >"$work/out"
says out "^description: $(label 8187)%2541\$" "a full description is whole at the source too"
done_testing
