#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# What `make bench` runs: the same disks copied through a private sshd by vmferry's engine and by
# others, each until its data is flushed. As root: it works in network namespaces of its own, where
# the bytes on the wire can be counted and a link can be slow. A line per case and peer:
#   case=dense verify=no peer=scp peer_s=6.30 vmferry_s=2.80 ratio=2.25 wire_bytes=… cpu_s_per_gib=…
# ratio is the peer's time divided by ours, and ours has the hashing at both ends in it; with
# verify=full also the reading back. Peers have to log in; ours are the seconds of the copies and of one
# such login. What a job does once for all its disks (helper, key, route) is in setup_s of vmferry's own
# line. wire_bytes and cpu_s_per_gib (of both ends, per GiB of data) are those of the whole program.
#
#   BENCH_SIZE   MiB of data (1024); over the slow link a quarter of it
#   BENCH_CASES  some of: dense sparse text delta link-dense link-text link-delta ten
#   BENCH_PEERS  some of: limit scp dd rsync rsync-S qemu-img nbdcopy
#   BENCH_RUNS   how often each contender runs (1); its fastest run counts
#   BENCH_TIME   seconds after which a contender is ended (30): its line then has peer_s=>30
#   BENCH_DIR    where the disks are kept meanwhile (/var/tmp)
set -u
: "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}" "${top_builddir:=.}"
: "${BENCH_SIZE:=1024}" "${BENCH_RUNS:=1}" "${BENCH_TIME:=30}" "${BENCH_DIR:=/var/tmp}"
: "${BENCH_CASES:=dense sparse text delta link-dense link-text link-delta ten}"
: "${BENCH_PEERS:=limit scp dd rsync rsync-S qemu-img nbdcopy}"
tools=$(cd "$top_builddir" && pwd)/tests/bench
mover=$(cd "$top_builddir" && pwd)/vmferry-mover
ten=10 ten_size=$((BENCH_SIZE / 5))
link_rate=500 # Mbit/s

die() {
    echo "bench: $*" >&2
    exit 1
}

if [ "${1-}" != inside ]; then
    [ "$(id -u)" = 0 ] || die "needs root, for network namespaces"
    for p in unshare ip ssh ssh-keygen qemu-img; do
        command -v $p >/dev/null || die "$p is not installed"
    done
    export top_srcdir top_builddir BENCH_SIZE BENCH_RUNS BENCH_TIME BENCH_DIR BENCH_CASES BENCH_PEERS
    exec unshare --mount --net --propagation=private sh "$0" inside
fi

# --- the place --------------------------------------------------------------------------------------

dir=$(mktemp -d "$BENCH_DIR/vmferry-bench.XXXXXX") || die "no directory in $BENCH_DIR"
# sshd's side of the slow link: a namespace that lives as long as this process
unshare --net sleep 86400 &
far=$!
trap 'kill $far; rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM HUP

ip link set lo up
# slow_link: 10.9.8.1 here, 10.9.8.2 over there
slow_link() {
    until [ "$(readlink /proc/$far/ns/net)" != "$(readlink /proc/$$/ns/net)" ]; do sleep 0.05; done
    ip link add near type veth peer name far netns $far && ip addr add 10.9.8.1/24 dev near &&
        ip link set near up && nsenter -t $far -n sh -c 'ip link set lo up
            ip addr add 10.9.8.2/24 dev far && ip link set far up &&
            tc qdisc add dev far root tbf rate '$link_rate'mbit burst 256k latency 50ms' &&
        tc qdisc add dev near root tbf rate ${link_rate}mbit burst 256k latency 50ms
}
slow_link || die "no slow link here (tc, veth)"

port=2222
ssh-keygen -q -t ed25519 -N '' -f "$dir/key" && ssh-keygen -q -t ed25519 -N '' -f "$dir/host" ||
    die "no keys"
cp "$dir/key.pub" "$dir/authorized"
for a in 127.0.0.1 10.9.8.2; do
    echo "[$a]:$port $(cut -d' ' -f1,2 "$dir/host.pub")"
done >"$dir/known_hosts"
mkdir -p /run/sshd
cat >"$dir/sshd_config" <<END
Port $port
HostKey $dir/host
AuthorizedKeysFile $dir/authorized $dir/authorized2
PidFile none
Subsystem sftp internal-sftp
UsePAM no
StrictModes no
PermitRootLogin prohibit-password
MaxStartups 100
END
# the fastest cipher there is, for all peers
cat >"$dir/ssh_config" <<END
Host *
Port $port
User $(id -un)
IdentityFile $dir/key
IdentitiesOnly yes
UserKnownHostsFile $dir/known_hosts
Ciphers aes128-gcm@openssh.com
LogLevel ERROR
END

# --- contenders -------------------------------------------------------------------------------------
# push_NAME SOURCE TARGET: copies through $ssh to $host, and returns when it is on stable storage. They
# run in a shell of their own, with the functions written to $dir/contenders.

cat >"$dir/contenders" <<'END'
ssh="ssh -F $dir/ssh_config"
push_limit() { cat "$1" | $ssh $host "dd of=$2 bs=1M iflag=fullblock conv=fsync status=none"; }
push_dd() { dd if="$1" bs=1M status=none | $ssh $host "dd of=$2 bs=1M conv=fsync status=none"; }
push_scp() { scp -q -F "$dir/ssh_config" "$1" $host:"$2" && $ssh $host "sync $2"; }
push_rsync() { rsync --fsync --inplace -e "$ssh" "$1" $host:"$2"; }
push_rsync_S() { rsync --fsync -S -e "$ssh" "$1" $host:"$2"; }
# forwarded SOURCE TARGET COMMAND...: the command with $near as an NBD server's socket
forwarded() {
    near=$dir/near.$$ there=$dir/far.$$
    $ssh $host truncate -s "$(stat -c %s "$1")" "$2" || return 1
    $ssh -o ExitOnForwardFailure=yes -L "$near:$there" $host \
        "exec qemu-nbd -f raw --discard=unmap --cache=writeback -k $there $2" &
    until [ -S "$near" ] && [ -S "$there" ]; do
        kill -0 $! 2>/dev/null || return 1
        sleep 0.01
    done
    shift 2
    "$@" && wait $!
    status=$?
    rm -f "$near" "$there"
    return $status
}
push_qemu_img() {
    forwarded "$1" "$2" qemu-img convert -n --target-is-zero -W -f raw -O raw "$1" \
        "nbd:unix:$dir/near.$$"
}
push_nbdcopy() {
    forwarded "$1" "$2" nbdcopy --flush --destination-is-zero "$1" "nbd+unix:///?socket=$dir/near.$$"
}
push_all() { # NAME SOURCE TARGET...
    name=$1
    shift
    while [ $# -ge 2 ]; do
        push_$name "$1" "$2" || return 1
        shift 2
    done
}
END

# What runs under the meter: an sshd of its own, then the contender against the clock.
cat >"$dir/race" <<'END'
: >"$dir/sshd.log"
$enter unshare --mount --propagation=private /usr/sbin/sshd -D -e -f "$dir/sshd_config" -o ListenAddress=$host \
    2>"$dir/sshd.log" &
until grep -q listening "$dir/sshd.log"; do sleep 0.01; done
wire() { awk -v d="$device:" '$1 == d { print $10, $2 }' /proc/net/dev; }
before=$(wire)
began=$(date +%s%N)
timeout "$BENCH_TIME" "$@"
status=$?
ended=$(date +%s%N)
echo $began $ended $before $(wire) >"$dir/times"
exit $status
END

# run COMMAND...: leaves seconds, wire_bytes, cpu_s; 124 when time was up.
run() {
    "$tools/meter" "$dir/cpu" sh "$dir/race" "$@" >"$dir/said" 2>"$dir/errors"
    status=$?
    [ $status = 0 ] || [ $status = 124 ] || sed 's/^/# /' "$dir/errors"
    read -r cpu_s <"$dir/cpu" && read -r began ended tx rx tx2 rx2 <"$dir/times" || return 1
    wire_bytes=$((tx2 - tx + rx2 - rx))
    # what is sent on lo is received there, too
    [ $device != lo ] || wire_bytes=$((wire_bytes / 2))
    seconds=$(calc "($ended - $began) / 1e9")
    return $status
}

calc() {
    awk "BEGIN { printf \"%.2f\", $* }"
}

# set_pairs PEER: "SOURCE TARGET" of all disks of this case, in $pairs; the targets are as they were
# before. Ours is given empty files, as a storage would allocate them.
set_pairs() {
    pairs=
    for s in "$dir"/source*; do
        t=$dir/target${s#"$dir/source"}
        rm -f "$t" "$dir"/near.* "$dir"/far.*
        if [ -e "$dir/base" ]; then
            cp "$dir/base" "$t" || die "no room for the disks in $BENCH_DIR"
        elif [ "$1" = vmferry ]; then
            : >"$t"
        fi
        pairs="$pairs $s $t"
    done
    sync
}

# check_copies: every target is its source.
check_copies() {
    for s in "$dir"/source*; do
        qemu-img compare -q -f raw -F raw "$s" "$dir/target${s#"$dir/source"}" || return 1
    done
}

# fastest COMMAND...: the best of $BENCH_RUNS runs over $pairs, in seconds and $cost; $more is ">" when
# time was up. Ours prints the seconds for setting up and for the copies.
fastest() {
    best= more=
    for i in $(seq "$BENCH_RUNS"); do
        set_pairs "$peer"
        run "$@" $pairs
        case $? in
        0) check_copies 2>/dev/null || { echo "case=$name peer=$peer: the copy differs"; return 1; } ;;
        124) more='>' ;;
        *) echo "case=$name peer=$peer: failed"; return 1 ;;
        esac
        setup_s= copy_s=
        if [ "$peer" = vmferry ] && read -r setup_s copy_s <"$dir/said"; then
            seconds=$(calc "$copy_s + $login_s")
        fi
        [ -z "$best" ] || [ "$(calc "$seconds < $best")" = 1.00 ] || continue
        best=$seconds setup=$setup_s
        cost="wire_bytes=$wire_bytes cpu_s_per_gib=$(calc "$cpu_s * 1024 / $data")"
        [ -z "$more" ] || break
    done
    seconds=$best
}

# ours verify|no VALUE: one line; leaves its seconds in $ours.
ours() {
    ours= peer=vmferry
    fastest "$tools/copy" "$dir" "$mover" $host $port $1$mode || return 1
    ours=$seconds
    echo "case=$name verify=$2 peer=vmferry vmferry_s=$more$ours setup_s=$setup $cost"
    [ -z "$more" ]
}

program_of() {
    case $1 in
    limit) echo cat ;;
    rsync-S) echo rsync ;;
    *) echo "$1" ;;
    esac
}

race() {
    run ssh -F "$dir/ssh_config" $host true || die "cannot log in to the sshd of this run"
    login_s=$seconds
    full=
    ours verify full && full=$ours
    ours no no || return
    for peer in $BENCH_PEERS; do
        command -v "$(program_of $peer)" >/dev/null || {
            echo "case=$name peer=$peer skipped: not installed"
            continue
        }
        fastest sh -c '. "$dir/contenders"; push_all "$@"' sh "$(echo $peer | tr - _)" || continue
        for v in no full; do
            [ $v = no ] && mine=$ours || mine=$full
            [ -z "$mine" ] || echo "case=$name verify=$v peer=$peer peer_s=$more$seconds" \
                "vmferry_s=$mine ratio=$more$(calc "$seconds / $mine") $cost"
        done
    done
}

# --- cases ------------------------------------------------------------------------------------------

# on lo|link: where sshd is
on() {
    mode=
    case $1 in
    lo) host=127.0.0.1 device=lo enter= ;;
    link) host=10.9.8.2 device=near enter="nsenter -t $far -n" ;;
    esac
    export host device enter dir BENCH_TIME
}

# make_disk KIND MIB [SUFFIX]
make_disk() {
    "$tools/fill" "$1" "$dir/source${3-}" "$2" || die "no room for the disks in $BENCH_DIR"
}

case_dense() { on lo; make_disk dense $((data = BENCH_SIZE)); }
case_sparse() { on lo; make_disk sparse $((data = BENCH_SIZE)); }
case_text() { on lo; make_disk text $((data = BENCH_SIZE)); }
case_link_dense() { on link; make_disk dense $((data = BENCH_SIZE / 4)); }
case_link_text() { on link; make_disk text $((data = BENCH_SIZE / 4)); }
# the target has the disk as it was before a hundredth of it changed
delta() {
    make_disk dense $((data = $1))
    mv "$dir/source" "$dir/base" && cp "$dir/base" "$dir/source" && make_disk change 0
    mode=,delta
}
case_delta() { on lo; delta $BENCH_SIZE; }
case_link_delta() { on link; delta $((BENCH_SIZE / 4)); }
case_ten() {
    on lo
    data=$((ten * ten_size))
    for i in $(seq $ten); do make_disk dense $ten_size $i; done
}

echo "# $(nproc) cores, load $(cut -d' ' -f1 /proc/loadavg), $(date -u +%Y-%m-%dT%H:%MZ);" \
    "$BENCH_SIZE MiB of data; best of $BENCH_RUNS"
for name in $BENCH_CASES; do
    case_$(echo $name | tr - _)
    race
    rm -f "$dir"/source* "$dir"/target* "$dir/base"
done
