#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The second part of `make bench`: a flat disk on the lab's ESXi host, brought into a raw file here by
# vmferry's engine and by what people do by hand: scp (or cat over ssh), or curl, of descriptor and data, then qemu-img
# convert. Each runs until the disk is on stable storage; ours logs in, reads back and compares, too. A
# line per contender; ratio is its time divided by ours over the same way; read=used: the host was asked
# what of the disk was ever written to, and no more was read.
#
#   BENCH_IMPORT_SIZE  MiB the disk has (4096); a quarter of it is data
#   BENCH_IMPORT_RUNS  how often each contender runs (1), in turn; its fastest run counts
#   BENCH_DIR          where the disks are kept meanwhile (/var/tmp)
set -u
: "${top_builddir:=.}" "${BENCH_IMPORT_SIZE:=4096}" "${BENCH_IMPORT_RUNS:=1}" "${BENCH_DIR:=/var/tmp}"
build=$(cd "$top_builddir" && pwd)
[ -x "$build/vsphere-sim" ] || { echo "# import: skipped, vmferry was built without Go"; exit 0; }
for p in qemu-img curl ssh; do
    command -v $p >/dev/null || { echo "# import: skipped, $p is not installed"; exit 0; }
done
dir=$(mktemp -d "$BENCH_DIR/vmferry-bench.XXXXXX") || exit 1
L=$dir/lab
trap '"$build/vmferry-lab" down --dir "$L" >/dev/null 2>&1; rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
"$build/vmferry-lab" esxi --dir "$L" >"$dir/said" 2>&1 || { sed 's/^/# /' "$dir/said"; exit 1; }
url=$(sed -n 's/.*url = \[ "\(.*\)" \];/\1/p' "$L/vmferry.conf")
host=${url#https://}
host=${host%:*}

# the pair, with data in four places
disk=$L/esx1/volumes/datastore1/bench
size=$((BENCH_IMPORT_SIZE << 20)) part=$((BENCH_IMPORT_SIZE / 16))
mkdir "$disk" && qemu-img create -q -f vmdk -o subformat=monolithicFlat "$disk/web.vmdk" $size || exit 1
for i in 0 1 2 3; do
    "$build/tests/bench/fill" dense "$dir/data" $part &&
        dd if="$dir/data" of="$disk/web-flat.vmdk" bs=1M seek=$((i * BENCH_IMPORT_SIZE / 4)) conv=notrunc \
            status=none || exit 1
done
rm -f "$dir/data"
sync

# people's ways; the password is typed by neither
printf '#!/bin/sh\ncat %s\n' "$L/esx1/password" >"$dir/askpass" && chmod 700 "$dir/askpass"
printf 'cacert = "%s"\ncookie = "%s"\ncookie-jar = "%s"\nfail\nsilent\nshow-error\n' "$L/esx1/cert.pem" \
    "$dir/jar" "$dir/jar" >"$dir/curlrc"
login_curl() {
    printf '%s' "<Envelope xmlns='http://schemas.xmlsoap.org/soap/envelope/'><Body>\
<Login xmlns='urn:vim25'><_this type='SessionManager'>ha-sessionmgr</_this><userName>root</userName>\
<password>$(cat "$L/esx1/password")</password></Login></Body></Envelope>" |
        curl -K "$dir/curlrc" -H 'Content-Type: text/xml' -o "$dir/said" -d @- "$url/sdk"
}
convert() { qemu-img convert -f vmdk -O raw "$dir/pair/web.vmdk" "$dir/target" && sync "$dir/target"; }
by_curl() {
    login_curl || return 1
    for f in web.vmdk web-flat.vmdk; do
        curl -K "$dir/curlrc" -o "$dir/pair/$f" "$url/folder/bench/$f?dcPath=ha-datacenter&dsName=datastore1" ||
            return 1
    done
    convert
}
# what scp -O does; the lab's shell has no scp at the other end
by_scp() {
    for f in web.vmdk web-flat.vmdk; do
        SSH_ASKPASS=$dir/askpass SSH_ASKPASS_REQUIRE=force ssh -T -F none \
            -o UserKnownHostsFile="$L/known_hosts" -o PreferredAuthentications=keyboard-interactive \
            "root@$host" "cat /vmfs/volumes/datastore1/bench/$f" </dev/null >"$dir/pair/$f" || return 1
    done
    convert
}
ours() { # WAY no|verify map|all
    : >"$dir/target"
    "$build/tests/bench/import" "$build/vmferry-fetch" "$build/vmferry-mover" "$L/vmferry.conf" esx1 "$1" \
        "$L/esx1/password" datastore1 bench/web-flat.vmdk "$dir/target" "$2" $size "$3" >"$dir/said"
}

# the host tells what is in use of a disk over SSH
map=map
[ -x "$L/esx1/bin/vmkfstools" ] || map=all

# run NAME COMMAND...: the fastest of it so far in $dir/NAME
run() {
    name=$1
    shift
    rm -rf "$dir/pair" "$dir/target"
    mkdir "$dir/pair"
    sync
    began=$(date +%s%N)
    "$@" 2>"$dir/errors" || { echo "case=import peer=$name failed"; sed 's/^/# /' "$dir/errors"; return; }
    s=$(awk "BEGIN { printf \"%.2f\", ($(date +%s%N) - $began) / 1e9 }")
    cmp -s "$disk/web-flat.vmdk" "$dir/target" || { echo "case=import peer=$name: the copy differs"; return; }
    [ -s "$dir/$name" ] && awk "BEGIN { exit !($(cat "$dir/$name") <= $s) }" || echo "$s" >"$dir/$name"
}
echo "# import: $BENCH_IMPORT_SIZE MiB, a quarter of it data; load $(cut -d' ' -f1 /proc/loadavg)"
for i in $(seq "$BENCH_IMPORT_RUNS"); do
    for way in api ssh; do
        run "vmferry-$way" ours $way verify "$map"
        run "vmferry-$way-no" ours $way no "$map"
        [ $map = all ] || run "vmferry-$way-all" ours $way verify all
    done
    run curl by_curl
    run scp by_scp
done
for pair in curl:api scp:ssh; do
    peer=${pair%:*} way=${pair#*:}
    [ -s "$dir/$peer" ] && [ -s "$dir/vmferry-$way" ] && [ -s "$dir/vmferry-$way-no" ] || continue
    for v in '' -no -all; do
        [ -s "$dir/vmferry-$way$v" ] || continue
        mine=$(cat "$dir/vmferry-$way$v") theirs=$(cat "$dir/$peer")
        echo "case=import way=$way verify=$([ "$v" = -no ] && echo no || echo full)" \
            "read=$([ $map = map ] && [ "$v" != -all ] && echo used || echo all) peer=$peer peer_s=$theirs" \
            "vmferry_s=$mine ratio=$(awk "BEGIN { printf \"%.2f\", $theirs / $mine }")"
    done
done
