#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# What bash offers behind vmferry: its commands and their options, jobs, words.
: "${top_builddir:=.}" "${top_srcdir:=.}"
command -v bash >/dev/null || {
    echo "1..0 # SKIP bash is not installed"
    exit 0
}
work=$(mktemp -d "${TMPDIR:-/tmp}/vmferry-e2e-XXXXXX") || exit 99
trap 'rm -rf "$work"' EXIT
XDG_STATE_HOME=$work
PATH=$(cd "$top_builddir" && pwd):$PATH
export XDG_STATE_HOME PATH
mkdir -p "$work/vmferry/jobs/20261121-120000-abcdef"
: >"$work/some.plan"
count=0

# offers WANTED WORD…: completing the last WORD offers WANTED
offers() {
    want=$1
    shift
    count=$((count + 1))
    got=$(cd "$work" && bash -c '. "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _vmferry
        echo ${COMPREPLY[*]}' "$page" "$@" | tr '\n' ' ')
    case " $got" in
    *" $want "*) echo "ok $count - $* offers $want" ;;
    *)
        echo "not ok $count - $* offers $want"
        echo "# $got"
        ;;
    esac
}
page=$(cd "$top_srcdir" && pwd)/data/vmferry.bash
offers move vmferry ''
offers rollback vmferry ro
offers --save-plan vmferry move --s
offers --all vmferry check --
offers remote-migrate vmferry move --method r
offers remote-migrate vmferry move --method = r
offers json vmferry run --progress ''
offers some.plan vmferry run so
offers import vmferry config ''
offers --remove-snapshots vmferry import --r
offers windows vmferry import --profile w
offers reboot vmferry import --console r
offers --stop-timeout vmferry import --stop-t
offers some.plan vmferry import so
offers some.plan vmferry move --config so
offers 20261121-120000-abcdef vmferry attach 2026
offers 20261121-120000-abcdef vmferry pause ''
offers none vmferry limit n
offers --mouse vmferry --m
offers never vmferry --color = n
echo "1..$count"
