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
#   BENCH_CASES  some of: dense sparse text delta resume link-dense link-text link-delta ten
#   BENCH_PEERS  some of: limit scp dd rsync rsync-S qemu-img nbdcopy; resume has rsync-append as well
#   BENCH_RUNS   how often each contender runs (1), in turn; its fastest run counts
#   BENCH_TIME   seconds after which a contender is ended (30): its line then has peer_s=>30
#   BENCH_DIR    where the disks are kept meanwhile (/var/tmp)
set -u
: "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}" "${top_builddir:=.}"
: "${BENCH_SIZE:=1024}" "${BENCH_RUNS:=1}" "${BENCH_TIME:=30}" "${BENCH_DIR:=/var/tmp}"
: "${BENCH_CASES:=dense sparse text delta resume link-dense link-text link-delta ten}"
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
# an sshd of its own, but not what the shells of this account do at every login
[ ! -e ~/.bashrc ] || mount --bind /dev/null ~/.bashrc || die "cannot hide ~/.bashrc"
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
push_rsync_append() { rsync --fsync --append-verify -e "$ssh" "$1" $host:"$2"; }
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
        rm -f "$t" "$t.mark" "$dir"/near.* "$dir"/far.*
        case $1$mode in
        vmferry-*,resume) : >"$t" ;; # is cut by itself
        *) [ ! -e "$dir/base" ] || cp "$dir/base" "$t" || die "no room for the disks in $BENCH_DIR" ;;
        esac
        case $1 in vmferry-*) : >>"$t" ;; esac
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

# keep NAME: this run, when it is the fastest of NAME.
keep() {
    if [ -s "$dir/best/$1" ]; then
        . "$dir/best/$1"
        [ "$(calc "$seconds < $best")" = 1.00 ] || return 0
    fi
    echo "best=$seconds over='$over' setup='$setup_s'" \
        "cost='wire_bytes=$wire_bytes cpu_s_per_gib=$(calc "$cpu_s * 1024 / $data")'" >"$dir/best/$1"
}

# compete NAME COMMAND...: one run over $pairs, unless it has failed before, or its time was up.
compete() {
    contender=$1 over= setup_s=
    shift
    [ ! -e "$dir/best/$contender.out" ] || return 0
    set_pairs "$contender"
    case $contender$mode in
    vmferry-*,resume) run "$tools/copy" "$dir" "$mover" $host $port "${6%resume}cut" $pairs && sync ;;
    esac
    run "$@" $pairs
    case $? in
    0) check_copies 2>/dev/null || over="the copy differs" ;;
    124) over='>' ;;
    *) over=failed ;;
    esac
    [ -z "$over" ] || : >"$dir/best/$contender.out"
    if [ "${over:->}" != '>' ]; then
        echo "case=$name peer=$contender: $over"
        rm -f "$dir/best/$contender"
        return
    fi
    # ours says the seconds for setting up and for the copies
    case $contender in
    vmferry-*) [ -n "$over" ] || { read -r setup_s seconds <"$dir/said"; } ;;
    esac
    keep "$contender"
}

contend() {
    case $1 in
    login)
        run ssh -F "$dir/ssh_config" $host true || die "cannot log in to the sshd of this run"
        over= setup_s=
        keep login
        ;;
    vmferry-full) compete $1 "$tools/copy" "$dir" "$mover" $host $port "verify$mode" ;;
    vmferry-no) compete $1 "$tools/copy" "$dir" "$mover" $host $port "no$mode" ;;
    *) compete $1 sh -c '. "$dir/contenders"; push_all "$@"' sh "$(echo $1 | tr - _)" ;;
    esac
}

program_of() {
    case $1 in
    limit) echo cat ;;
    rsync-*) echo rsync ;;
    *) echo "$1" ;;
    esac
}

# ours full|no: a line, and its seconds in $ours_full or $ours_no.
ours() {
    eval "ours_$1="
    [ -s "$dir/best/vmferry-$1" ] || return 0
    . "$dir/best/login"
    login_s=$best
    . "$dir/best/vmferry-$1"
    [ -n "$over" ] || best=$(calc "$best + $login_s")
    echo "case=$name verify=$1 peer=vmferry vmferry_s=$over$best setup_s=$setup $cost"
    [ -n "$over" ] || eval "ours_$1=$best"
}

results() {
    ours full
    ours no
    for peer in "$@"; do
        [ -s "$dir/best/$peer" ] || continue
        . "$dir/best/$peer"
        for v in no full; do
            eval "mine=\$ours_$v"
            [ -z "$mine" ] || echo "case=$name verify=$v peer=$peer peer_s=$over$best" \
                "vmferry_s=$mine ratio=$over$(calc "$best / $mine") $cost"
        done
    done
}

# race PEER...: all in turn, each round another one first, so that what else the machine does hits
# all of them.
race() {
    rm -rf "$dir/best" && mkdir "$dir/best"
    peers=
    for peer in "$@"; do
        command -v "$(program_of $peer)" >/dev/null && peers="$peers $peer" ||
            echo "case=$name peer=$peer skipped: not installed"
    done
    set -- login vmferry-full vmferry-no $peers
    for i in $(seq "$BENCH_RUNS"); do
        for contender in "$@"; do contend "$contender"; done
        first=$1
        shift
        set -- "$@" "$first"
    done
    results $peers
}

# --- cases ------------------------------------------------------------------------------------------

# on lo|link: where sshd is
on() {
    mode= more_peers=
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
# A copy was cut at 80 %: who can goes on with what is there, the others begin again. Ours is one of our
# own that was cut, with the mark it has left.
case_resume() {
    on lo
    make_disk dense $((data = BENCH_SIZE))
    cp "$dir/source" "$dir/base" && truncate -s $((BENCH_SIZE * 4 / 5))M "$dir/base"
    mode=,resume more_peers=rsync-append
}
case_ten() {
    on lo
    data=$((ten * ten_size))
    for i in $(seq $ten); do make_disk dense $ten_size $i; done
}

echo "# $(nproc) cores, load $(cut -d' ' -f1 /proc/loadavg), $(date -u +%Y-%m-%dT%H:%MZ);" \
    "$BENCH_SIZE MiB of data; best of $BENCH_RUNS"
for name in $BENCH_CASES; do
    case_$(echo $name | tr - _)
    race $BENCH_PEERS $more_peers
    rm -f "$dir"/source* "$dir"/target* "$dir/base"
done
