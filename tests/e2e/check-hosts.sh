#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Dry runs and check look at the hosts, too: what each lacks is found, nobody is asked, nothing changes.
. "${top_srcdir:-.}/tests/e2e/lib.sh"
lab_up
conf=$L/vmferry.conf
good=$work/good.conf
cp "$conf" "$good"
with() {
    sed -E "$1" "$good" >"$conf"
    chmod 600 "$conf"
}
plan=$work/plan.cfg
run 0 "a plan is made" move -c "$conf" --save-plan "$plan" alpha beta b1 local db1
snapshot "$work/before"

# look EXIT TEXT ARGUMENT...
look() {
    want=$1 text=$2
    shift 2
    run "$want" "$text" move -c "$conf" -n "$@" alpha beta b1 local db1
}
look 0 "healthy hosts"
! grep -E '^  (note|warning|STOP): (a1|b1|a1 -> b1|b1 -> a1):' "$work/out" >"$work/err"
ok $? "are silent"
run 0 "so they are to check" check -c "$conf" "$plan"

ctl beta sshd b1 stop
look 3 "a host that cannot be reached by ssh stops"
says out 'STOP: b1: .*refused' "and is named"
run 3 "check says so, too" check -c "$conf" "$plan"
ctl beta sshd b1 start
: >"$work/empty"
with "s#known-hosts = \"[^\"]*\"#known-hosts = \"$work/empty\"#"
look 0 "a host key that is not known"
says out 'note: a1: not looked at: logging in by ssh asks a question .The host key' "is left to the move"
is "$(cat "$work/empty")" "" "and not written down"
sed -E 's/^(\S+ ssh-ed25519) .*/\1 AAAAC3NzaC1lZDI1NTE5AAAAIHJ7jMsVWcTTZUhyTsOI31nlPbuJ1nNP8BbLhyoJWqmx/' \
    "$L/known_hosts" | grep ed25519 >"$work/changed"
with "s#known-hosts = \"[^\"]*\"#known-hosts = \"$work/changed\"#"
look 3 "one that has changed stops"
says out 'STOP: a1: .*has changed' "and says so"
cp "$good" "$conf"
if [ "$namespaces" ]; then
    storage='storages = ( { name = "local"; path = "/srv/elsewhere"; } ); '
    awk -v s="$storage" '{ print } /name = "alpha"/ { print s }' "$good" >"$conf"
    chmod 600 "$conf"
    look 3 "a path of vmferry.conf that is not there stops"
    says out 'STOP: a1: cannot be read there by this login: /srv/elsewhere/images/101' "and is named"
    cp "$good" "$conf"

    # hidden NODE-CLUSTER NODE PROGRAM
    hidden() {
        on "$1" "$2" "mount --bind /dev/null $3"
    }
    hidden beta b1 /usr/bin/sha256sum
    hidden beta b1 /usr/bin/qemu-nbd
    hidden alpha a1 /usr/bin/mktemp
    look 3 "programs that are missing stop"
    says out 'STOP: b1: missing there: sha256sum; the helper' "what the helper needs"
    says out 'STOP: b1: missing there: qemu-nbd; disks that are not raw' "what a format needs"
    says out 'warning: a1: missing there: mktemp' "what a one-job key needs is a warning"
    look 3 "raw disks need no qemu-nbd" --format raw
    ! grep -q 'b1: missing there: qemu-nbd' "$work/out"
    ok $? "at the target"
    on beta b1 'umount /usr/bin/sha256sum /usr/bin/qemu-nbd'
    on alpha a1 'umount /usr/bin/mktemp'

    on beta b1 'cp /usr/bin/date /tmp/date.real; printf "#!/bin/sh\nr=\$(/tmp/date.real \"\$@\")\n[ \"\$1\" = +%%s ] && r=\$((r + 600))\necho \"\$r\"\n" >/tmp/date.ahead; chmod 755 /tmp/date.ahead; mount --bind /tmp/date.ahead /usr/bin/date'
    look 0 "a clock that is ahead"
    says out 'warning: b1: its clock is (10 min|9 min [0-9]+).*ahead of this' "is told"
    on beta b1 'umount /usr/bin/date; rm /tmp/date.real /tmp/date.ahead'

    on beta b1 'printf "#!/bin/sh\n[ \"\$2\" = -c ] && echo zfs\n" >/tmp/stat; chmod 755 /tmp/stat; mount --bind /tmp/stat /usr/bin/stat'
    look 0 "a directory on ZFS"
    says out 'warning: b1: a directory on ZFS: /var/lib/vz; ZFS and qcow2' "is no place for qcow2"
    look 0 "raw disks are" --format raw
    ! grep -q 'a directory on ZFS' "$work/out"
    ok $? "at home there"
    on beta b1 'umount /usr/bin/stat; rm /tmp/stat'

    on beta b1 'printf "#!/bin/sh\necho head\necho x 9 8 1 99%% /\n" >/tmp/df; chmod 755 /tmp/df; mount --bind /tmp/df /usr/bin/df'
    look 3 "no room for the helper stops"
    says out 'STOP: b1: no place for the helper: /run .1 KiB free., /tmp' "and says why"
    on beta b1 'umount /usr/bin/df; rm /tmp/df'

    # what sshd would say to the other host's key
    for n in alpha/a1 beta/b1; do
        conf_of=$(on "${n%/*}" "${n#*/}" 'tr "\0" " " </proc/$(cat /run/vmferry-lab/sshd.pid)/cmdline' |
            sed 's/.* -f \([^ ]*\).*/\1/')
        echo "$conf_of"
    done >"$work/sshd"
    is "$(wc -l <"$work/sshd")" 2 "both sshd have a configuration"
    other=$(sed -n 's/.*name = "a1"; address = "\([^"]*\)".*/\1/p' "$conf")
    target=$(sed -n 's/.*name = "b1"; address = "\([^"]*\)".*/\1/p' "$conf")
    on beta b1 "cp $(sed -n 2p "$work/sshd") /tmp/sshd.good; printf 'Match Address $other\nPubkeyAuthentication no\n' >>$(sed -n 2p "$work/sshd")"
    look 0 "where one host takes no key from the other, the other dials"
    ! grep -q 'a1 -> b1: ' "$work/out"
    ok $? "which is nothing to tell"
    look 3 "unless the way was asked for" --route=direct
    says out 'STOP: a1 -> b1: the way that was asked for .direct. does not work: b1: sshd there takes no keys' \
        "then it stops, and says why"
    on alpha a1 "cp $(sed -n 1p "$work/sshd") /tmp/sshd.good; printf 'Match Address $target\nPubkeyAuthentication no\n' >>$(sed -n 1p "$work/sshd")"
    look 0 "where neither does"
    says out 'warning: a1 -> b1: the disks.*through this machine: b1: sshd there.*; a1: sshd there' \
        "the data goes through this machine"
    on alpha a1 "cat /tmp/sshd.good >$(sed -n 1p "$work/sshd"); rm /tmp/sshd.good"
    on beta b1 "cat /tmp/sshd.good >$(sed -n 2p "$work/sshd"); rm /tmp/sshd.good"
else
    skip "what hosts lack" "no namespaces here"
fi
unchanged "nothing was changed by any of these"
done_testing
