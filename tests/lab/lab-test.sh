#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# LAB_OPTIONS: more options of `vmferry-lab up`, as --no-namespaces.
# The lab itself: it starts, is what it claims to be, several at once, and leaves nothing behind.
lab=${top_builddir:-.}/vmferry-lab
n=0
ok() { n=$((n + 1)); if [ "$1" -eq 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; fi; }
skip() { n=$((n + 1)); echo "ok $n - $1 # SKIP $2"; }

for tool in qemu-system-x86_64 qemu-img ssh; do
    command -v $tool >/dev/null || { echo "1..0 # SKIP $tool is not installed"; exit 0; }
done
case $(getent passwd "$(id -un)") in
*/nologin | */false) echo "1..0 # SKIP this user has no shell to log in with"; exit 0 ;;
esac
[ -x /usr/sbin/sshd ] || { echo "1..0 # SKIP sshd is not installed"; exit 0; }

work=$(mktemp -d "${TMPDIR:-/tmp}/vmferry-lab-test-XXXXXX") || exit 1
one=$work/one two=$work/two
trap '"$lab" down --dir "$one" 2>/dev/null; "$lab" down --dir "$two" 2>/dev/null; rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

mounts_before=$(cat /proc/self/mounts)
# what nodes have of their own; other tests, that run meanwhile, make other things
theirs() {
    ls -A / /mnt
    ls -d /etc/pve /var/lib/vz /mnt/pve/* /run/qemu-server /run/vmferry-lab /root/.ssh/authorized_keys* 2>/dev/null
}
top_before=$(theirs)

out=$("$lab" up --dir "$one" --auth-delay 0 $LAB_OPTIONS 2>&1)
started=$?
ok $started "a lab starts"
echo "$out" | sed 's/^/# /'
[ $started -eq 0 ] || { echo "1..$n"; exit 1; }
test "$(echo "$out" | grep -c '^[a-z]* https://127\.[0-9.]*:8006$')" -eq 2
ok $? "it prints a line with a URL for each cluster"
"$lab" up --dir "$two" --auth-delay 0 --api-version alpha=6.4,beta=9.2 $LAB_OPTIONS >/dev/null
ok $? "a second one beside it"
! "$lab" up --dir "$two" >/dev/null 2>&1
ok $? "not two in one directory"
! "$lab" up --dir "$work/three" --api-version 5.4 >"$work/three.out" 2>&1 &&
    grep -q "6.4, 7.4, 8.4 and 9.2" "$work/three.out"
ok $? "nor one of a version that is not known"

for f in vmferry.conf known_hosts id_ed25519 secret-alpha secret-beta token-alpha token-beta \
    fingerprint-alpha fingerprint-beta ca-alpha.pem; do
    test -s "$one/$f" || { echo "# $f is missing"; false; }
    ok $? "$f is there"
done
test "$(stat -c %a "$one/secret-alpha" "$one/token-beta" "$one/id_ed25519" | sort -u)" = 600
ok $? "secrets are readable by their owner alone"
test -r "$(sed -n 's/.*secret-file = "\(.*\)";/\1/p' "$one/vmferry.conf" | head -n 1)"
ok $? "the configuration names files that are there"

addr() { awk -v want="\"$2\";" '$4 == want { gsub(/[";]/, "", $7); print $7 }' "$1/vmferry.conf"; }
port=$(sed -n 's/.*user = "root"; port = \([0-9]*\);.*/\1/p' "$one/vmferry.conf" | head -n 1)
on() {
    lab_dir=$1 node=$2; shift 2
    ssh -F none -i "$lab_dir/id_ed25519" -o UserKnownHostsFile="$lab_dir/known_hosts" \
        -o StrictHostKeyChecking=yes -o BatchMode=yes -o ConnectTimeout=60 -p "$(sed -n \
        's/.*user = "root"; port = \([0-9]*\);.*/\1/p' "$lab_dir/vmferry.conf" | head -n 1)" \
        "$(id -un)@$(addr "$lab_dir" "$node")" "$@"
}
ctl() { "$lab" ctl --dir "$one" "$@"; }

for node in a1 a2 b1 b2; do
    test "$(on "$one" $node 'echo hello')" = hello
    ok $? "ssh into $node with the operator's key and the known host key"
done
test "$(on "$two" a1 'echo hello')" = hello
ok $? "ssh into the other lab"
ssh -F none -i "$two/id_ed25519" -o UserKnownHostsFile="$one/known_hosts" -o BatchMode=yes -p "$port" \
    -o StrictHostKeyChecking=yes "$(id -un)@$(addr "$one" a1)" true 2>/dev/null
test $? -eq 255
ok $? "a stranger's key is refused"

if [ "$(id -u)" -eq 0 ] && [ "$(on "$one" a1 hostname)" = a1 ]; then
    test "$(on "$one" a1 'readlink /root/.ssh/authorized_keys')" = /etc/pve/priv/authorized_keys
    ok $? "authorized_keys is the link into the cluster's directory"
    on "$one" a1 'echo x >/etc/pve/probe; echo y >/var/lib/vz/probe; echo z >/mnt/pve/shared/probe'
    test "$(on "$one" a2 'cat /etc/pve/probe /mnt/pve/shared/probe; ls /var/lib/vz')" = "x
z
images
template"
    ok $? "/etc/pve and shared storage are the cluster's, local storage is the node's"
    on "$one" b1 'test -d /etc/pve/priv && ! test -e /etc/pve/probe'
    ok $? "the other cluster has its own"
    test "$(on "$one" a1 'pvesm path local:100/vm-100-disk-0.qcow2')" = \
        /var/lib/vz/images/100/vm-100-disk-0.qcow2
    ok $? "pvesm path"
else
    skip "authorized_keys is the link into the cluster's directory" "no namespaces here"
    skip "/etc/pve is the cluster's" "no namespaces here"
    skip "the other cluster has its own" "no namespaces here"
    skip "pvesm path" "no namespaces here"
fi
test "$(on "$one" a1 'qm status 100')" = "status: running"
ok $? "qm status"

image=$(ctl alpha pvesm a1 path local:100/vm-100-disk-0.qcow2)
! ctl alpha node a1 exec qemu-img info "$image" >/dev/null 2>&1
ok $? "the running VM holds its image's lock"
# a pipe that stays open in one of them would let another thread of the daemon wait for as long as a VM runs
for p in $(pgrep -f "vmferry-lab up --dir $one"); do
    [ "$(cat "/proc/$p/comm")" != vmferry-lab-run ] || ls "/proc/$p/fd" | tr '\n' ' '
done >"$work/held"
grep -q . "$work/held" && test -z "$(tr -d '012 ' <"$work/held")"
ok $? "who waits for a VM's end holds nothing of the daemon's"
wait_for() { i=0; until "$@" 2>/dev/null; do i=$((i + 1)); [ $i -lt 1200 ] || return 1; sleep 0.1; done; }
wait_for grep -q 'vmferry guest up' "$one/alpha/a1/serial-100.log"
ok $? "its guest has booted from that disk"

if command -v curl >/dev/null; then
    of=$one cluster=alpha node=a1
    api() {
        verb=$1 path=$2; shift 2
        curl -s -m 100 --cacert "$of/ca-$cluster.pem" -X "$verb" "$@" \
            -H "Authorization: PVEAPIToken=migrator@pve!ferry=$(cat "$of/token-$cluster")" \
            "https://$(addr "$of" $node):8006/api2/json$path"
    }
    api GET /version | grep -q '"release":"8.4"'
    ok $? "the API answers, its certificate signed by the cluster's CA"
    api POST /nodes/a1/qemu/100/status/shutdown -d timeout=60 | grep -q UPID
    ok $? "shut down"
    stopped() { test "$(ctl alpha qm a1 status 100)" = "status: stopped"; }
    wait_for stopped
    ok $? "the guest has powered off"
    grep -q 'vmferry guest down' "$one/alpha/a1/serial-100.log"
    ok $? "by itself"
    ctl alpha node a1 exec qemu-img info "$image" >/dev/null
    ok $? "its image is free"
    api POST /nodes/a2/qemu/103/status/shutdown -d timeout=1 >/dev/null
    sleep 1.5
    test "$(ctl alpha qm a2 status 103)" = "status: running"
    ok $? "the stubborn guest is still there"
    ctl alpha fault fail GET '^/version$' 596 'Connection timed out' && api GET /version -i |
        grep -q '^HTTP/1.1 596 Connection timed out'
    ok $? "a call fails when told to"
    api GET /version | grep -q release
    ok $? "once"
    api PUT /nodes/a1/qemu/101/config -d nonsense=1 | grep -q 'not defined in schema'
    ok $? "an unknown parameter is refused"
    ctl alpha requests | grep -q '"violation":"nonsense'
    ok $? "and logged"
    ctl alpha fault cut GET '^/version$' 30 && ctl alpha fault after 1 fail GET '^/nodes$' 500 later
    test "$(ctl alpha fault list | wc -l)" -eq 2
    ok $? "faults wait in a queue"
    api GET /nodes | grep -q a1
    ok $? "the second does not come before the first"
    api GET /version -i >"$work/cut"
    test "$(wc -c <"$work/cut")" -le 30
    ok $? "an answer that is cut off"
    api GET /nodes | grep -q a1 && api GET /nodes | grep -q later && api GET /nodes | grep -q a1
    ok $? "the second call is the one that fails, once"
    ctl alpha fault fail GET x 500 never && ctl alpha fault clear && test -z "$(ctl alpha fault list)"
    ok $? "the queue is cleared"
    ctl alpha offline a2
    api GET /nodes | grep -q '"status":"offline"' && api GET /nodes/a2/status -i | grep -q '^HTTP/1.1 595 No'
    ok $? "a node that is offline"
    ! on "$one" a2 true 2>/dev/null
    ok $? "has no sshd"
    ctl alpha online a2 && on "$one" a2 true && api GET /nodes/a2/status | grep -q uptime
    ok $? "until it is back"
    ctl alpha snapshot 103 another
    api GET /nodes/a2/qemu/103/snapshot | grep -q '"name":"another".*"parent":"before-update"'
    ok $? "snapshots are listed"
    api GET '/nodes/a2/qemu/103/config?snapshot=another' | grep -q snaptime
    ok $? "and have a configuration"
    api GET /nodes/a1/replication | grep -q '"id":"105-0"'
    ok $? "replication"
    of=$two
    api GET /version | grep -q '"release":"6.4"'
    ok $? "a cluster of an older version says so"
    api GET /nodes/a1/capabilities/qemu/cpu -i | grep -q '^HTTP/1.1 501'
    ok $? "and does not know its successors' calls"
    api PUT /nodes/a1/qemu/101/config -d affinity=0 | grep -q 'affinity.*not defined in schema'
    ok $? "nor their parameters"
    api PUT /nodes/a1/qemu/101/config -d ostype=win11 | grep -q 'enumeration'
    ok $? "nor their values"
    "$lab" ctl --dir "$two" alpha requests | grep -q '"violation":"this version has no such call"'
    ok $? "which is logged"
    cluster=beta node=b1
    api PUT /nodes/b1/qemu/100/config -d ciupgrade=0 | grep -q '"data":null}'
    ok $? "a newer one does"
    "$lab" ctl --dir "$two" beta requests | grep -q '"elsewhere":"6.4: ciupgrade'
    ok $? "and what others would say is logged"
    api GET /access/permissions >"$work/rights"
    grep -q VM.GuestAgent.Audit "$work/rights" && ! grep -q VM.Monitor "$work/rights"
    ok $? "it has the privileges of its version"
else
    skip "the API by hand" "curl is not installed"
fi
ctl alpha dump | grep -q '"name": "db1"'
ok $? "the state can be dumped"

"$lab" down --dir "$one"
ok $? "down"
test ! -e "$one"
ok $? "its directory is gone"
none_left() { ! grep -l -a -- "[/]${one#/}" /proc/[0-9]*/cmdline 2>/dev/null | sed 's/^/# /' | grep .; }
wait_for none_left >"$work/left" || { cat "$work/left"; false; }
ok $? "no process is left"
test "$(on "$two" b2 'echo hello')" = hello
ok $? "the other lab lives on"
"$lab" down --dir "$two" --keep && test -e "$two/vmferry.conf"
ok $? "down --keep"
test "$(cat /proc/self/mounts)" = "$mounts_before"
ok $? "no mount is left"
test "$(theirs)" = "$top_before"
ok $? "no file is left"
echo "1..$n"
