#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The lab's ESXi host is what it claims to be: API, files over HTTPS, shell, faults.
lab=${top_builddir:-.}/vmferry-lab
n=0
ok() { n=$((n + 1)); if [ "$1" -eq 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; sed 's/^/# /' "$work/out" | head -n 20; echo; fi; }
skip() { n=$((n + 1)); echo "ok $n - $1 # SKIP $2"; }

[ -x "${top_builddir:-.}/vsphere-sim" ] || { echo "1..0 # SKIP vmferry was built without Go"; exit 0; }
for tool in qemu-img curl; do
    command -v $tool >/dev/null || { echo "1..0 # SKIP $tool is not installed"; exit 0; }
done

work=$(mktemp -d "${TMPDIR:-/tmp}/vmferry-esxi-test-XXXXXX") || exit 1
L=$work/lab
trap '"$lab" down --dir "$L" >/dev/null 2>&1; rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
mounts_before=$(cat /proc/self/mounts)
: >"$work/out"

"$lab" esxi --dir "$L" $LAB_OPTIONS >"$work/out" 2>&1
started=$?
ok $started "a host starts, with a lab of its own"
[ $started -eq 0 ] || { echo "1..$n"; exit 1; }
"$lab" esxi --dir "$L" --name vc1 --vcenter $LAB_OPTIONS >"$work/out" 2>&1
ok $? "a vCenter beside it"
! "$lab" esxi --dir "$L" >"$work/out" 2>&1 && grep -q 'has a esx1 already' "$work/out"
ok $? "not two of one name"
! "$lab" esxi --dir "$L" --name esx3 --api-version 3.5 >"$work/out" 2>&1 && grep -q '7.0.3 and 8.0.2 are known' "$work/out"
ok $? "none of a version that is not known"
test "$(grep -c 'type = "esxi"' "$L/vmferry.conf")" = 2
ok $? "both are in vmferry.conf"
test "$(stat -c %a "$L/esx1/password")" = 600
ok $? "the password is readable by its owner alone"

url() { awk -v want="\"$1\";" '$1 == "name" { name = $3 } $1 == "url" && name == want { gsub(/"/, "", $4); print $4 }' "$L/vmferry.conf"; }
ctl() { "$lab" ctl --dir "$L" "$@"; }
call() { # HOST CURL-ARGUMENT…
    host=$1; shift
    curl -s -m 100 --cacert "$L/$host/cert.pem" -b "$work/jar-$host" -c "$work/jar-$host" "$@"
}
soap() { # HOST METHOD TYPE OBJECT BODY
    call "$1" -H 'Content-Type: text/xml' "$(url "$1")/sdk" -d "<Envelope xmlns='http://schemas.xmlsoap.org/soap/envelope/' \
xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance'><Body><$2 xmlns='urn:vim25'><_this type='$3'>$4</_this>$5</$2></Body></Envelope>" >"$work/out"
}
login() { # HOST PASSWORD
    case $1 in vc1) set -- "$@" SessionManager administrator@vsphere.local ;; *) set -- "$@" ha-sessionmgr root ;; esac
    soap "$1" Login SessionManager "$3" "<userName>$4</userName><password>$2</password>"
}
get() { # TYPE OBJECT PROPERTY
    soap esx1 RetrievePropertiesEx PropertyCollector ha-property-collector \
        "<specSet><propSet><type>$1</type><pathSet>$3</pathSet></propSet><objectSet><obj type='$1'>$2</obj></objectSet></specSet><options/>"
}
file() { # FILE CURL-ARGUMENT…: status of the answer, the answer in $work/out
    name=$1; shift
    call esx1 -o "$work/out" -w '%{http_code} %{content_type}' "$@" "$(url esx1)/folder/$name?dcPath=ha-datacenter&dsName=datastore1"
}
has() { grep -q -- "$1" "$work/out"; }
password=$(cat "$L/esx1/password")

# --- the API
soap esx1 RetrieveServiceContent ServiceInstance ServiceInstance ''
has '<apiType>HostAgent</apiType>'
ok $? "it says what it is before anybody logs in"
get VirtualMachine 1 name
has NotAuthenticated
ok $? "and nothing more"
login esx1 wrong; has '<faultstring>Cannot complete login due to an incorrect user name or password'
ok $? "a wrong password"
login esx1 "$password"; has LoginResponse && grep -q 'vmware_soap_session.*"' "$work/jar-esx1"
ok $? "the right one, and a cookie in quotes as a host's is"
test "$(ctl esx1 logins)" = "right 1 wrong 1 locked false"
ok $? "both were counted"
get VirtualMachine 1 config.annotation; has 'Web shop&#xA;Owner: J. &#34;Jo&#34; Doe | 100% uptime'
ok $? "a note of several lines"
get VirtualMachine 7 runtime.connectionState; has '>invalid<'
ok $? "a VM that the host cannot read"
get HostSystem ha-host config.network.portgroup; has '<name>Servers</name><vlanId>30</vlanId>'
ok $? "a port group with a VLAN"
get HostAutoStartManager ha-autostart-mgr config; has '<key type="VirtualMachine">1</key>.*<startAction>powerOn<'
ok $? "what starts with the host"
soap esx1 PowerOffVM_Task VirtualMachine 39 ''; has InvalidState
ok $? "a VM with a question does not switch"
get VirtualMachine 39 runtime.question; has 'msg.uuid.altered'
soap esx1 AnswerVM VirtualMachine 39 '<questionId>27</questionId><answerChoice>1</answerChoice>'; has AnswerVMResponse
ok $? "until it is answered"
soap esx1 PowerOffVM_Task VirtualMachine 39 ''; has PowerOffVM_TaskResponse
ok $? "then it does"
soap esx1 ShutdownGuest VirtualMachine 23 ''; has ToolsUnavailable
ok $? "without VMware Tools nothing shuts down"
soap esx1 ReconfigVM_Task VirtualMachine 2 '<spec><changeVersion>old</changeVersion><annotation>x</annotation></spec>'
task=$(sed -n 's/.*<returnval type="Task">\([^<]*\)<.*/\1/p' "$work/out"); get Task "$task" info; has ConcurrentAccess
ok $? "a change of settings that have changed"
soap esx1 ReconfigVM_Task VirtualMachine 2 '<spec><annotation>two &quot;lines&quot;
|here</annotation></spec>'
grep -q '^annotation = "two |22lines|22|0A|7Chere"$' "$L/esx1/volumes/datastore1/old-lenny/old-lenny.vmx"
ok $? "one that is made is in the VMX file, escaped"
soap esx1 Rename_Task VirtualMachine 2 '<newName>old-lenny--MIGRATED</newName>'
grep -q '^displayName = "old-lenny--MIGRATED"$' "$L/esx1/volumes/datastore1/old-lenny/old-lenny.vmx"
ok $? "so is a name"
ctl esx1 vm bad-snapshot snapshot; ctl esx1 vim-cmd vmsvc/snapshot.get 31 >"$work/out"
has '^|-ROOT$' && has '^--Snapshot Name        : before update$' && has '^--|-CHILD$' && has '^----Snapshot Id        : 2$'
ok $? "snapshots upon snapshots"
before=$(sha256sum <"$L/esx1/volumes/datastore1/bad-snapshot/bad-snapshot-flat.vmdk")
soap esx1 RemoveAllSnapshots_Task VirtualMachine 31 '<consolidate>true</consolidate>'
merged() {
    grep -q '^scsi0:0.fileName = "bad-snapshot.vmdk"$' "$L/esx1/volumes/datastore1/bad-snapshot/bad-snapshot.vmx" &&
        test ! -e "$L/esx1/volumes/datastore1/bad-snapshot/bad-snapshot-000001.vmdk" &&
        test "$(sha256sum <"$L/esx1/volumes/datastore1/bad-snapshot/bad-snapshot-flat.vmdk")" != "$before"
}
tries=1000 # it is a task
until merged || [ $((tries -= 1)) -eq 0 ]; do sleep 0.1; done
test $tries -gt 0
ok $? "a snapshot that is dropped is merged"
ctl esx1 licence free; soap esx1 PowerOnVM_Task VirtualMachine 2 ''; has RestrictedVersion
ok $? "a free licence forbids changes"
ctl esx1 licence full; soap esx1 Destroy_Task VirtualMachine 2 ''; ctl esx1 requests | grep -q '"violation":"nothing of the source is ever removed"'
ok $? "a VM that is destroyed is noted as a violation"
login vc1 "$(cat "$L/vc1/password")"
soap vc1 FindByInventoryPath SearchIndex SearchIndex '<inventoryPath>Lab/Main + 1/vm/Lab/web-modern</inventoryPath>'; has 'vm-101'
ok $? "a vCenter has folders"

# --- files
test "$(file old-lenny/old-lenny.vmx)" = "200 application/octet-stream" && has '^guestOS = "debian5"'
ok $? "a VMX file"
test "$(file old-lenny/old-lenny-flat.vmdk -r 1000-1999)" = "206 application/octet-stream" && test "$(wc -c <"$work/out")" = 1000
ok $? "a range"
test "$(file old-lenny/)" = "200 text/html; charset=utf-8" && has old-lenny-flat.vmdk
ok $? "a directory is a page"
test "$(file web-modern/web-modern-flat.vmdk -r 0-9)" = "500 text/html; charset=utf-8"
ok $? "a running VM has locked its disks"
test "$(file web-modern/web-modern_1.vmdk)" = "200 application/octet-stream" && has web-modern_1-flat.vmdk
ok $? "but not their descriptors"
test "$(file web-modern/web-modern-flat.vmdk -I)" = "200 application/octet-stream"
ok $? "whose size can be seen"
soap esx1 ShutdownGuest VirtualMachine 1 ''
i=0; until test "$(file web-modern/web-modern-flat.vmdk -r 0-9)" = "206 application/octet-stream" || test $i -gt 1200; do i=$((i + 1)); sleep 0.1; done
test $i -le 1200; ok $? "until it has shut down"
test "$(file nothing/there.vmdk)" = "404 text/html; charset=utf-8"; ok $? "what is not there"
test "$(file old-lenny/new -X PUT -d x)" = "403 text/html; charset=utf-8"; ok $? "nothing is written"
test "$(curl -s -m 100 -o "$work/out" -w '%{http_code}' --cacert "$L/esx1/cert.pem" "$(url esx1)/folder/old-lenny/old-lenny.vmx?dsName=datastore1")" = 401
ok $? "nor read by strangers"
test "$(curl -s -m 100 -o "$work/out" -w '%{http_code}' --cacert "$L/esx1/cert.pem" -u "root:$password" "$(url esx1)/folder/two-stores/two-stores_1-flat.vmdk?dsName=nas%202%2B50%25")" = 200
ok $? "a password will do, and a datastore with an odd name"
vc() { call vc1 -o "$work/out" -w '%{http_code}' "$(url vc1)/folder/old-lenny/old-lenny.vmx?$1dsName=datastore1"; }
test "$(vc '') $(vc 'dcPath=Lab%2FMain%20%2B%201&') $(vc 'dcPath=Lab%252FMain%2520%252B%25201&')" = "404 200 200"
ok $? "a vCenter wants the datacenter's path, quoted once or twice"

# --- disks
for f in thick thin monolithicFlat twoGbMaxExtentFlat monolithicSparse twoGbMaxExtentSparse streamOptimized sata nvme; do
    qemu-img convert -O raw "$L/esx1/volumes/datastore1/fmt-$f/fmt-$f.vmdk" "$work/raw" >"$work/out" 2>&1 &&
        test "$(od -An -tx1 -j 510 -N 2 "$work/raw")" = " 55 aa" && test "$(wc -c <"$work/raw")" -ge 8388608
    ok $? "qemu-img reads fmt-$f"
done
test "$(ls "$L"/esx1/volumes/datastore1/fmt-twoGbMaxExtent*/*-[fs]00[123].vmdk | wc -l)" = 6; ok $? "split ones are in three parts"
stat -c %s "$L"/esx1/volumes/datastore1/bad-short/*-flat.vmdk "$L"/esx1/volumes/datastore1/bad-long/*-flat.vmdk >"$work/out"
test "$(tr '\n' ' ' <"$work/out")" = "7340032 9437184 "; ok $? "one is shorter than it says, one longer"

# --- faults
disk=old-lenny/old-lenny-flat.vmdk
ctl esx1 fault times 2 503 old-lenny; a=$(file $disk -r 0-9) b=$(file $disk -r 0-9) c=$(file $disk -r 0-9)
test "$a $b $c" = "503 text/html; charset=utf-8 503 text/html; charset=utf-8 206 application/octet-stream"; ok $? "503, twice"
ctl esx1 fault after 1 no-range; a=$(file $disk -r 0-9) b=$(file $disk -r 0-9)
test "${a%% *} ${b%% *}" = "206 200" && test "$(wc -c <"$work/out")" = 33554432; ok $? "a range that is ignored, the second time"
ctl esx1 fault html; test "$(file $disk -r 0-9)" = "200 text/html; charset=utf-8"; ok $? "a page in place of data"
ctl esx1 fault cut 1000; file $disk -r 0-9999 >"$work/code"; test "$(wc -c <"$work/out")" = 1000; ok $? "a connection that ends"
ctl esx1 fault flip; file $disk -r 0-999 >"$work/code"; cp "$work/out" "$work/flipped"; file $disk -r 0-999 >"$work/code"
test "$(cmp -l "$work/flipped" "$work/out" | wc -l)" = 1; ok $? "a bit that turns"
ctl esx1 fault wrong-range; file $disk -r 1000-1999 -D "$work/head" >"$work/code"; grep -qi '^content-range: bytes 0-511/' "$work/head"
ok $? "another range than asked for"
ctl esx1 fault short 1048576; file $disk -I >"$work/code"; grep -qi '^content-length: 32505856' "$work/out"; ok $? "a file that is shorter"
ctl esx1 fault expire; test "$(file $disk -r 0-9)" = "401 text/html; charset=utf-8" && get VirtualMachine 1 name && has NotAuthenticated
ok $? "a session that ends"
login esx1 "$password"; ctl esx1 fault sdk HostConfigFault RetrieveProp; get VirtualMachine 1 name; has HostConfigFault && get VirtualMachine 1 name && has web-modern
ok $? "a call that fails, once"
ctl esx1 fault times 0 503; test "$(ctl esx1 fault list)" = "after 0 times 0 503" && ctl esx1 fault clear && test -z "$(ctl esx1 fault list)"
ok $? "the queue is listed and cleared"
! ctl esx1 fault nonsense 2>"$work/out" && has wrong-range; ok $? "an unknown fault names the known ones"
ctl esx1 api off; ! call esx1 "$(url esx1)/sdk" -o "$work/out" && ctl esx1 api on && get VirtualMachine 1 name && has web-modern
ok $? "an API that does not answer, until it does"

# --- the shell
at=$(url esx1 | sed 's/^https:..\([^:]*\):.*/\1/')
port=$(sed -n 's/.*user = "root"; port = \([0-9]*\);.*/\1/p' "$L/vmferry.conf" | head -n 1)
shell() {
    printf '#!/bin/sh\necho "%s"\n' "${word:-$password}" >"$work/askpass"; chmod +x "$work/askpass"
    SSH_ASKPASS=$work/askpass SSH_ASKPASS_REQUIRE=force setsid timeout 100 ssh -F none -o NumberOfPasswordPrompts=1 \
        -o UserKnownHostsFile="$L/known_hosts" -o StrictHostKeyChecking=yes -p "$port" "root@$at" "$@" >"$work/out" 2>&1 </dev/null
}
if [ "$port" ]; then
    shell 'vmware -v' && has '^VMware ESXi 7.0.3 build-'; ok $? "ssh by keyboard-interactive"
    word=wrong; ! shell true && has 'Permission denied (publickey,keyboard-interactive)'; ok $? "not with another password"
    word=; ctl esx1 logins | grep -q 'wrong 2 '; ok $? "which counts as the API's do"
    shell 'tr a b; df; split; bash' ; test "$(grep -c 'not found' "$work/out")" = 4; ok $? "no more commands than ESXi has"
    shell 'dd if=/dev/zero iflag=count_bytes'; has 'invalid argument'; ok $? "nor of dd's words"
    shell 'vim-cmd vmsvc/getallvms'; has "^Skipping invalid VM '7'" && has '^Vmid  *Name  *File  *Guest OS  *Version  *Annotation$' &&
        has '^1  *web-modern  *\[datastore1\] web-modern/web-modern.vmx  *debian12_64Guest  *vmx-19  *Web shop$'; ok $? "vim-cmd lists the VMs"
    shell 'vim-cmd vmsvc/power.getstate 2; vim-cmd vmsvc/power.on 2; vim-cmd vmsvc/power.getstate 2; vim-cmd vmsvc/power.getstate 98'
    has '^Powered off' && has '^Powering on VM:' && has '^Powered on' && has 'Unable to find a VM corresponding to "98"'; ok $? "and switches them"
    get VirtualMachine 2 runtime.powerState; has poweredOn; ok $? "as the API sees it"
    shell "dd if=/vmfs/volumes/datastore1/$disk bs=512 count=1"; has 'Device or resource busy'; ok $? "whose disks are busy then"
    shell 'vim-cmd vmsvc/power.off 2; dd if=/vmfs/volumes/datastore1/old-lenny/old-lenny-flat.vmdk bs=1M count=2 skip=1 2>/dev/null | sha256sum'
    sum=$(dd if="$L/esx1/volumes/datastore1/$disk" bs=1M count=2 skip=1 2>/dev/null | sha256sum); has "^$sum$"; ok $? "and are hashed there"
    shell 'esxcli network vswitch standard portgroup list'; has '^Servers  *vSwitch0  *[0-9]*  *30$'; ok $? "esxcli tells VLANs"
    ctl esx1 tool sha256sum off; shell 'sha256sum /bin/sh'; has 'not found' && ctl esx1 tool sha256sum on; ok $? "a command that is missing"
    soap esx1 StopService HostServiceSystem serviceSystem '<id>TSM-SSH</id>'; ! shell true && has refused; ok $? "the API stops the service"
    soap esx1 StartService HostServiceSystem serviceSystem '<id>TSM-SSH</id>'; shell true; ok $? "and starts it"
    word=wrong; for i in 1 2 3 4 5; do shell true; done; word=
    ! shell true && ctl esx1 logins | grep -q 'locked true'; ok $? "five wrong passwords lock it, for the right one too"
    login esx1 "$password"; ctl esx1 expire; login esx1 "$password"; has InvalidLogin; ok $? "also at the API"
else
    skip "the shell" "no namespaces here"
fi

"$lab" down --dir "$L" && test ! -e "$L"
ok $? "down"
test "$(cat /proc/self/mounts)" = "$mounts_before"
ok $? "no mount is left"
i=0; while grep -l -a -- "[/]${L#/}" /proc/[0-9]*/cmdline >"$work/out" 2>/dev/null && [ $i -lt 1200 ]; do i=$((i + 1)); sleep 0.1; done
test $i -lt 1200; ok $? "no process is left"
echo "1..$n"
