# SPDX-License-Identifier: GPL-3.0-or-later
# LAB_OPTIONS: more options of `vmferry-lab up`, as --no-namespaces or --api-version 6.4.
# For TAP scripts that move VMs between two clusters of the lab. Each gets clusters of its own, which
# are stopped however the script ends.
set -u
LC_ALL=C.UTF-8
export LC_ALL
# what of the tester's would be seen in what is shown, or lead to keys and configurations
unset COLUMNS LINES NO_COLOR LANGUAGE DISPLAY SSH_AUTH_SOCK SUDO_USER XDG_CONFIG_HOME
: "${top_builddir:=.}" "${top_srcdir:=.}"
vmferry=$top_builddir/vmferry
lab=$top_builddir/vmferry-lab
count=0
failures=0
work=$(mktemp -d "${TMPDIR:-/tmp}/vmferry-e2e-XXXXXX") || exit 99
L=$work/lab
XDG_STATE_HOME=$work/state
HOME=$work/home
mkdir -p "$HOME" "$L"
export XDG_STATE_HOME HOME

finish() {
    trap '' EXIT INT TERM
    "$lab" down --dir "$L" >/dev/null 2>&1
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 99' INT TERM

# ok STATUS TEXT
ok() {
    count=$((count + 1))
    if [ "$1" = 0 ]; then
        echo "ok $count - $2"
    else
        failures=$((failures + 1))
        echo "not ok $count - $2"
        [ ! -s "$work/out" ] || sed 's/^/# out: /' "$work/out" | tail -n 40
        [ ! -s "$work/err" ] || sed 's/^/# err: /' "$work/err" | tail -n 20
    fi
}

# skip TEXT WHY
skip() {
    count=$((count + 1))
    skipped=$((${skipped:-0} + 1))
    echo "ok $count - $1 # SKIP $2"
}

# is GOT WANT TEXT
is() {
    [ "$1" = "$2" ]
    ok $? "$3"
    [ "$1" = "$2" ] || echo "# got '$1', want '$2'"
}

# says FILE PATTERN TEXT: FILE ($work/out, $work/err) has a line that matches
says() {
    grep -qE -- "$2" "$work/$1"
    ok $? "$3"
}

# until_true COMMAND…: waits for it, as long as a slow machine may need; once one waited in vain, not so
# long any more. It looks ten times a second, later twice: looking is what costs.
patience=120
until_true() {
    deadline= looked=0
    until "$@" >/dev/null 2>&1; do
        looked=$((looked + 1))
        [ $((looked % 8)) != 1 ] || {
            now=$(date +%s)
            : "${deadline:=$((now + patience))}"
            [ "$now" -lt "$deadline" ] || {
                patience=10
                return 1
            }
        }
        if [ $looked -lt 10 ]; then sleep 0.1; elif [ $looked -lt 30 ]; then sleep 0.2; else sleep 0.5; fi
    done
}

# share K/N: of the lines it reads, the K-th and each N-th after that; all, or whatever else: each. A sweep
# over all points takes an hour; so it can be made in parts.
share() {
    awk -v share="$1" 'BEGIN { n = split(share, part, "/") < 2 ? 1 : part[2] } NR % n == part[1] % n'
}

# gone PID: that process has ended
gone() {
    ! kill -0 "$1" 2>/dev/null
}

# no_violations: no request to either API had parameters that real servers of its version would refuse;
# $provoked (a pattern) names those that a test wants refused
no_violations() {
    [ "$count" != "${skipped-}" ] || return 0 # nothing was asked
    for c in alpha beta ${esxi-}; do
        ctl "$c" requests >"$work/requests"
        [ -s "$work/requests" ] && ! grep '"violation":"' "$work/requests" |
            grep -vE -- "${provoked:-^$}" >"$work/out"
        ok $? "$c found no wrong parameter in any request"
    done
}

done_testing() {
    no_violations
    # what a job's process says when it dies is in its log; gcc's UBSan does not give its name
    empty out
    ! grep -rhA12 -E 'Sanitizer|: runtime error: ' "$XDG_STATE_HOME" "$L" --include='*log' \
        >"$work/err" 2>/dev/null
    ok $? "no sanitizer found anything in the background"
    echo "1..$count"
    exit $((failures != 0))
}

lab_up() {
    "$lab" up --dir "$L" --auth-delay 50 ${LAB_OPTIONS-} "$@" >"$work/out" 2>"$work/err" || {
        sed 's/^/# /' "$work/out" "$work/err"
        echo "Bail out! the lab did not start"
        exit 99
    }
    # without them (a container) all nodes see this machine's files, and both ends are one host
    namespaces=yes
    [ "$(on alpha a1 hostname)" = a1 ] || namespaces=
}

# esxi_up OPTION…: adds the ESXi host esx1, with VMs of every kind, to the lab (see vmferry-lab --help
# and tests/lab/vsphere/inventory.go); called before the first test, for it may be that all are skipped
esxi_up() {
    [ -x "$top_builddir/vsphere-sim" ] || {
        echo "1..0 # SKIP vmferry was built without Go"
        exit 0
    }
    "$lab" esxi --dir "$L" ${LAB_OPTIONS-} "$@" >"$work/out" 2>"$work/err" || {
        sed 's/^/# /' "$work/out" "$work/err"
        echo "Bail out! the ESXi host did not start"
        exit 99
    }
    esxi=${esxi-}${esxi:+ }$(sed -n 's/ .*//p' "$work/out")
    # SSH is only where there are namespaces
    esxi_ssh=
    [ ! -s "$L/${esxi##* }/hostkeys.pub" ] || esxi_ssh=yes
}

# vmdk VM [NUMBER]: the descriptor of a disk of a VM of the ESXi host, on this machine
vmdk() {
    echo "$L/esx1/volumes/datastore1/$1/$1${2:+_$2}.vmdk"
}

# keys CLUSTER NODE: what root's authorized_keys files there hold
keys_on() {
    if [ "$namespaces" ]; then
        on "$1" "$2" 'cat /root/.ssh/authorized_keys*'
    else
        cat "$L/$1/$2"/root/.ssh/authorized_keys*
    fi
}

# helpers CLUSTER NODE: directories of vmferry-mover there
helpers() {
    [ -z "$(look_for_helpers)" ] || on "$1" "$2" "$(look_for_helpers)"
}
# the command that lists them
look_for_helpers() {
    for job in "$XDG_STATE_HOME"/vmferry/jobs/*; do
        [ ! -d "$job" ] || echo "ls -d /run/vmferry-${job##*/}* /tmp/vmferry-${job##*/}* 2>/dev/null"
    done
}

# ctl CLUSTER COMMAND…
ctl() {
    "$lab" ctl --dir "$L" "$@"
}

# run EXIT TEXT ARGUMENT…: runs vmferry, keeps its output in $work/out and err, wants status EXIT
run() {
    want=$1 text=$2
    shift 2
    "$vmferry" "$@" >"$work/out" 2>"$work/err" </dev/null
    is $? "$want" "$text"
}

# move EXIT TEXT ARGUMENT…: vmferry move -c CONF --yes ARGUMENT…
move() {
    want=$1 text=$2
    shift 2
    run "$want" "$text" move -c "$L/vmferry.conf" --yes "$@"
}

# killed WHERE KEY:STATE ARGUMENT…: vmferry with a job whose process dies at that write of its journal,
# see killat.c (what is preloaded comes before the runtime of a sanitizer)
killed() {
    KILLAT_WHERE=$1 KILLAT_WRITE=$2
    shift 2
    KILLAT_WHERE=$KILLAT_WHERE KILLAT_WRITE=$KILLAT_WRITE \
        ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0 \
        LD_PRELOAD=$top_builddir/tests/e2e/killat.so "$vmferry" "$@" \
        >"$work/out" 2>"$work/err" </dev/null
}

# on CLUSTER NODE COMMAND: by the node's shell
on() {
    ctl "$1" node "$2" exec sh -c "$3"
}

# config CLUSTER NODE VMID: KEY: VALUE lines; there must be some, or no test of them means anything
config() {
    ctl "$1" qm "$2" config "$3" >"$work/config" && [ -s "$work/config" ] || {
        echo "Bail out! no configuration of $3 on $2"
        exit 99
    }
    cat "$work/config"
}

# has CLUSTER NODE VMID LINE TEXT: the configuration has this very line
has() {
    config "$1" "$2" "$3" >"$work/out" 2>"$work/err"
    grep -qxF -- "$4" "$work/out"
    ok $? "$5"
}

# status CLUSTER NODE VMID: running or stopped
status() {
    ctl "$1" qm "$2" status "$3" | sed -n 's/^status: //p'
}

# image CLUSTER NODE VOLUME: its path on this machine
image() {
    case $3 in
    shared:*) echo "$L/$1/storage/shared/images/${3#*:}" ;;
    *) echo "$L/$1/$2/vz/images/${3#*:}" ;;
    esac
}

# same IMAGE IMAGE TEXT: the same content, whatever the format (the guest may hold a lock: -U)
same() {
    qemu-img compare -U "$1" "$2" >"$work/out" 2>"$work/err"
    ok $? "$3"
}

# The last job's directory.
job_dir() {
    for dir_of_job in "$XDG_STATE_HOME"/vmferry/jobs/*; do :; done
    [ -d "$dir_of_job" ] && echo "$dir_of_job"
}

# The process of that job: the oldest, for children that it begins bear its name for a moment.
job_pid() {
    pgrep -of "__job [a-z]* $(job_dir)\$"
}

# in_journal PATTERN: the newest job's journal has a line that matches
in_journal() {
    journal=$(job_dir 2>/dev/null)/journal.jsonl
    [ -e "$journal" ] && grep -qE -- "$1" "$journal"
}

# journal PATTERN: waits for it
journal() {
    until_true in_journal "$1"
}

# empty NAME: what is waited for in that file is written by the command that comes: one in the background
# empties it only once its process runs
empty() {
    : >"$work/$1"
}

# begin ARGUMENT…: vmferry in the background, with jobs of its own, until it copies; its output in
# $work/slow and slow.err. It copies 128 KB a second and needs a quarter of an hour, so that no test has to
# be quick; fast [PID] lets it end (PID, the one who follows it, may have ended already).
begin() {
    rm -rf "$XDG_STATE_HOME"
    empty slow
    "$vmferry" "$@" >"$work/slow" 2>"$work/slow.err" </dev/null &
    front=$!
    journal '"copy/scsi0"'
}
let_go() {
    "$vmferry" limit "$(basename "$(job_dir)")" none </dev/null || gone "$1"
}
fast() {
    until_true let_go "${1:-$front}" # a job that did not hear it would take its quarter of an hour
}

# resumes [TITLE]: the last job goes on to its end, as fast as it can; $vmid: its target VM
resumes() {
    empty out
    "$vmferry" resume --yes >"$work/out" 2>"$work/err" </dev/null &
    front=$!
    fast
    wait $front
    is $? 0 "${1-it goes on to its end}"
    vmid=$(sed -n 's/.*"target_vmid":\([0-9]*\).*/\1/p' "$(job_dir)/journal.jsonl" | tail -n 1)
}

# snapshot FILE: all that a move could leave behind: both clusters, and the hosts' files
snapshot() {
    for c in alpha beta; do
        ctl "$c" dump
    done >"$1"
    for n in alpha/a1 alpha/a2 beta/b1 beta/b2; do
        echo "== $n"
        if [ "$namespaces" ]; then
            on "${n%/*}" "${n#*/}" 'cat /root/.ssh/authorized_keys*
                '"$(look_for_helpers)"'
                ls -lA /root/.ssh /etc/pve/priv | sed "s/ [A-Z][a-z][a-z]  *[0-9]* [0-9:]* / /"
                find /var/lib/vmferry 2>/dev/null
                find /var/lib/vz /mnt/pve /tmp /run -xdev -type f ! -name "qemu-*.log" \
                    ! -name "serial-*.log" | sort'
        else
            keys_on "${n%/*}" "${n#*/}"
            helpers "${n%/*}" "${n#*/}"
            (cd "$L/$n" && ls -A root/.ssh && find vz tmp run -type f | sort)
        fi
    done >>"$1" 2>&1
}

# plain FILE: a snapshot without what differs from lab to lab and from move to move, in FILE.plain
plain() {
    sed -e '/"vmgenid"/d; /^ssh-ed25519/d; /"cluster": "ssh-/d; /"host": /d' \
        -e 's/,ctime=[0-9]*//; s/by vmferry at [^ ]* as/by vmferry at TIME as/' "$1" >"$1.plain"
}

# contents FILE: sums of all images of all storages. A file that nobody wrote to since (by its inode, size
# and times) is not read again.
contents() {
    [ -e "$work/image-sums" ] || : >"$work/image-sums"
    (
        cd "$L" || exit
        find . -path '*/images/*' -type f -printf '%i %s %T@ %C@ %p\n' | LC_ALL=C sort -k 5 >"$work/image-list"
        cut -f 1 "$work/image-sums" | grep -vxFf - "$work/image-list" | while read -r stat_and_path; do
            printf '%s\t%s\n' "$stat_and_path" "$(cksum <"${stat_and_path#* * * * }")"
        done >"$work/image-more"
        cat "$work/image-more" >>"$work/image-sums"
        awk -F '\t' 'NR == FNR { sum[$1] = $2; next } { path = $0; sub(/^[^ ]* [^ ]* [^ ]* [^ ]* /, "", path)
            print sum[$0], path }' "$work/image-sums" "$work/image-list"
    ) >"$1"
}

# unchanged TEXT: nothing differs from the last snapshot $work/before
unchanged() {
    snapshot "$work/after"
    diff "$work/before" "$work/after" >"$work/out" 2>&1
    ok $? "$1"
}
