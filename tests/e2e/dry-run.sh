#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# A dry run and both kinds of check change nothing: clusters, hosts and this machine are compared file by
# file, and the clusters' logs have no request that could change anything.
. "${top_srcdir:-.}/tests/e2e/lib.sh"
lab_up
conf=$L/vmferry.conf
plan=$work/plan.cfg
run 0 "a plan is made" move -c "$conf" --save-plan "$plan" alpha beta b1 local web1

# files ROOT DIRECTORY...: name, kind, mode, owner, size, time of each, and what is in those that are
# small; not what is written all the time
files() {
    root=$1
    shift
    (cd "$root" && for d; do find "$d" -xdev ! -path "*/vmferry-e2e-*/lab/*" ! -path "*${src#/}/*" ! -path "*${build#/}/*" \
        -printf '%y %m %u %s %T@ %p %l\n' 2>/dev/null; done | sort -k 6
    for d; do find "$d" -xdev -type f ! -path "*/vmferry-e2e-*/lab/*" ! -path "*${src#/}/*" ! -path "*${build#/}/*" -size -64k -exec sha256sum {} + 2>/dev/null; done | sort -k 2)
}
# where this test is built and logged, should that be in the home directory of the nodes
src=$(cd "$top_srcdir" && pwd) build=$(cd "$top_builddir" && pwd)
# everything FILE: all that could be changed
everything() {
    snapshot "$1"
    for n in alpha/a1 alpha/a2 beta/b1 beta/b2; do
        echo "== $n"
        if [ "$namespaces" ]; then
            on "${n%/*}" "${n#*/}" "src='$src'; build='$build'; $(cat "$work/files.sh"); files / root etc/pve etc/ssh tmp run var/lib/vz var/tmp mnt/pve"
        else
            files "$L/$n" root vz tmp
        fi
    done >>"$1" 2>&1
    files "$work" state home lab/vmferry.conf lab/known_hosts >>"$1"
}
sed -n '/^files() {/,/^}/p' "$0" >"$work/files.sh"
mkdir -p "$XDG_STATE_HOME"
everything "$work/before"
[ "$(wc -l <"$work/before")" -gt 100 ]
ok $? "there is something to compare"
for c in alpha beta; do
    ctl "$c" requests | wc -l
done >"$work/requests-before"

# nothing TEXT: none of the requests since was one that changes anything but who is logged in
nothing() {
    everything "$work/after"
    diff "$work/before" "$work/after" >"$work/out" 2>&1
    ok $? "$1: clusters, hosts and this machine are the same"
    i=0
    for c in alpha beta; do
        i=$((i + 1))
        n=$(sed -n ${i}p "$work/requests-before")
        ctl "$c" requests | tail -n +$((n + 1)) >"$work/new"
        [ -s "$work/new" ]
        ok $? "$1: $c was asked"
        ! grep -v '"method":"GET"' "$work/new" | grep -v '"method":"POST","path":"/access/ticket"' >"$work/out"
        ok $? "$1: and asked to change nothing"
    done
}
run 0 "a dry run" move -c "$conf" -n alpha beta b1 local web1
run 0 "one of Proxmox's migration, with fixes" move -c "$conf" -n --method=remote-migrate --fix eject-iso \
    alpha beta b1 local web1
run 0 "one with another fix" move -c "$conf" -n --fix suspend-replication alpha beta b1 local big1
nothing "dry runs"
run 0 "a check" check -c "$conf" "$plan"
run 0 "a dry run of a plan" run -c "$conf" -n "$plan"
nothing "a check"
run 3 "a check of everything" check -c "$conf" --all alpha beta
nothing "a check of everything"

# the comparison can fail
if [ "$namespaces" ]; then
    on alpha a2 "touch /tmp/new"
    everything "$work/after"
    ! cmp -s "$work/before" "$work/after"
    ok $? "a file more on a host would be seen"
else
    skip "a file more on a host would be seen" "without namespaces its /tmp is this machine's"
fi
done_testing
