#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# A move of which one call to an API goes wrong: it fails, is lost on its way, or its answer is. It ends
# well, or as before, or so that it can go on or back; never is a VM lost, doubled, or running twice. By
# default the start of the target is refused; VMFERRY_TEST_SEED=N: another call that writes, chosen by that;
# API_FAULTS=all (or alpha, beta): each that writes in each way, each that reads in one; API_FAULTS=K/N: the
# K-th of N parts of all.
. "${top_srcdir:-.}/tests/e2e/lib.sh"
lab_up
snapshot "$work/before"
contents "$work/contents"

# calls CLUSTER: METHOD PATH of each call, in order
calls() {
    ctl "$1" requests | sed -n 's/.*"method":"\([A-Z]*\)".*"path":"\([^"]*\)".*/\1 \2/p'
}
# arm CLUSTER NUMBER KIND: one that reads is counted among all calls, and may be another one in a move that
# has longer to wait; of one that writes it is the N-th of its kind
arm() {
    cluster=$1 kind=$3
    set -- "$2" '*' .
    sed -n "$(($1 + 1))p" "$work/calls-$cluster" >"$work/call"
    if ! grep -q '^GET' "$work/call"; then
        sed 's/[0-9]\{8\}-[0-9]\{6\}-[0-9a-f]\{6\}/[0-9a-f-]*/; s/[.+]/\\&/g' "$work/call" >"$work/pattern"
        read -r method pattern <"$work/pattern"
        pattern=^$pattern$
        set -- "$(head -n "$1" "$work/calls-$cluster" | grep "^$method " | sed 's/^[A-Z]* //' |
            grep -cE -- "$pattern")" "$method" "$pattern"
    fi
    case $kind in
    500) ctl "$cluster" fault after "$1" fail "$2" "$3" 500 'the lab says no' ;;
    596) ctl "$cluster" fault after "$1" fail "$2" "$3" 596 'Connection timed out' ;;
    lost) ctl "$cluster" fault after "$1" drop "$2" "$3" ;;
    unanswered) ctl "$cluster" fault after "$1" cut "$2" "$3" 0 ;;
    esac
}
# moved TEXT: the VM is at the target as after a move that nobody disturbed
moved() {
    snapshot "$work/moved"
    plain "$work/moved"
    # a token that could not be removed
    cmp -s "$work/undisturbed.plain" "$work/moved.plain" || {
        "$vmferry" cleanup -c "$L/vmferry.conf" --yes >/dev/null 2>&1 </dev/null
        snapshot "$work/moved"
        plain "$work/moved"
    }
    diff "$work/undisturbed.plain" "$work/moved.plain" >"$work/out"
    ok $? "$1"
    "$vmferry" rollback --return web1 --remove-target "$(basename "$(job_dir)")" \
        >"$work/out" 2>"$work/err" </dev/null
    is $? 0 "and returns"
}
# as_before TEXT: nothing differs, but for a token that could not be removed, which cleanup does
as_before() {
    snapshot "$work/after"
    cmp -s "$work/before" "$work/after" || "$vmferry" cleanup -c "$L/vmferry.conf" --yes >/dev/null 2>&1 </dev/null
    unchanged "$1"
    contents "$work/after"
    cmp -s "$work/contents" "$work/after"
    ok $? "the images too"
}
# try CLUSTER NUMBER KIND
tries=0
try() {
    tries=$((tries + 1))
    rm -rf "$XDG_STATE_HOME"
    arm "$@"
    "$vmferry" move -c "$L/vmferry.conf" --yes --stop-timeout 5 alpha beta b1 local web1 \
        >"$work/out" 2>"$work/err" </dev/null
    code=$?
    grep -q '^GET' "$work/call" || [ -z "$(ctl "$1" fault list)" ]
    ok $? "$*: that happened"
    # one that reads may have come only at the end, or not at all: what follows is not to be disturbed
    ctl "$1" fault clear
    both=$(status alpha a1 100)$(status beta b1 101 2>/dev/null)
    [ "$both" != runningrunning ]
    ok $? "$* ($(sed -n "$(($2 + 1))p" "$work/calls-$1")): ended with $code, not both run"
    case $code in
    0) moved "the VM is moved" ;;
    1 | 2 | 3) ;;
    4) if [ $((tries % 2)) = 0 ] || ! "$vmferry" rollback >"$work/out" 2>"$work/err" </dev/null; then
        "$vmferry" resume --yes >"$work/out" 2>"$work/err" </dev/null
        is $? 0 "it goes on"
        moved "to the end"
    fi ;;
    *) ok 1 "it does not need a person" ;;
    esac
    as_before "all is as before"
    is "$(status alpha a1 100)" running "the source runs"
}

for cluster in alpha beta; do
    ctl $cluster requests >"$work/requests"
    lines=$(wc -l <"$work/requests")
    echo "$lines" >"$work/lines-$cluster"
done
move 0 "a move shows what calls there are" --stop-timeout 5 alpha beta b1 local web1
for cluster in alpha beta; do
    calls $cluster | tail -n +$(($(cat "$work/lines-$cluster") + 1)) >"$work/calls-$cluster"
done
snapshot "$work/undisturbed"
plain "$work/undisturbed"
moved "it is its own measure"
as_before "all is as before"

# points CLUSTER: NUMBER KIND
points() {
    i=0
    while read -r method path; do
        case $method in
        GET) set -- "$(echo 500 596 lost unanswered | cut -d ' ' -f $((i % 4 + 1)))" ;;
        *) set -- 500 596 lost unanswered ;;
        esac
        for kind; do
            echo "$i $kind $method $path"
        done
        i=$((i + 1))
    done
}
# by default one of them
some=
seed=${VMFERRY_TEST_SEED-}
[ "${API_FAULTS-}" ] || some=beta
[ "${API_FAULTS-}" ] || [ -z "$seed" ] || {
    echo "# VMFERRY_TEST_SEED=$seed"
    some=$(awk -v seed="$seed" 'BEGIN { srand(seed); print rand() < 0.3 ? "alpha" : "beta" }')
}
for cluster in alpha beta; do
    case ${API_FAULTS:-$some} in all | */* | $cluster) ;; *) continue ;; esac
    points <"$work/calls-$cluster" | share "${API_FAULTS-}" >"$work/points-$cluster"
    [ ! "$some" ] || {
        if [ "$seed" ]; then
            grep -v GET "$work/points-$cluster" | awk -v seed="$seed" \
                'BEGIN { srand(seed) } { v[NR] = $0 } END { print v[int(rand() * NR) + 1] }'
        else
            grep ' 500 POST .*/status/start$' "$work/points-$cluster"
        fi >"$work/some"
        mv "$work/some" "$work/points-$cluster"
    }
    exec 3<"$work/points-$cluster"
    while read -r number kind rest <&3; do
        try $cluster "$number" "$kind"
    done
done
done_testing
