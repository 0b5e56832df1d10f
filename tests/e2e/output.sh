#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# What vmferry prints, for people and for programs: the forms of --progress, dry runs, exit codes, narrow
# terminals, locales without UTF-8.
. "${top_srcdir:-.}/tests/e2e/lib.sh"
lab_up
unset COLUMNS
snapshot "$work/before"

# only_json TEXT: each line of the output is one object with type and time
only_json() {
    [ -s "$work/out" ] && ! grep -vE '^\{"type":"[a-z]+","time":"[0-9T:Z-]{20}".*\}$' "$work/out" >/dev/null
    ok $? "$1"
}
# widest FILE: columns of its longest line; paths are never broken
widest() {
    awk '!/\/jobs\// && length($0) > n { n = length($0) } END { print n + 0 }' \
        "$work/$1"
}
only_ascii() {
    ! LC_ALL=C grep -q "$(printf '[\200-\377]')" "$work/out" "$work/err"
    ok $? "$1"
}

# --- help and mistakes
for c in '' $(sed -n 's|^ *{"\([a-z]*\)", vf_cmd_.*|\1|p' "${top_srcdir:-.}/src/main.c"); do
    run 0 "vmferry $c --help" $c --help
    says out '^usage: vmferry' "says how it is used"
    [ "$(widest out)" -le 80 ]
    ok $? "in 80 columns"
    is "$(cat "$work/err")" "" "on standard output"
done
run 2 "no command" && says err '^usage' "shows the commands"
run 2 "an unknown command" frobnicate
says err "no command 'frobnicate'" "is named"
run 2 "the wizard's options without a terminal" --mouse
says err 'needs a terminal, or --plain' "it is said what is missing"
run 2 "an unknown option" move --frobnicate
says err 'vmferry move: .*frobnicate' "is named"
run 2 "too few arguments" move alpha beta
says err 'NODE STORAGE VM' "are named"
run 2 "a wrong number" move --bwlimit 0 alpha beta b1 local web1
says err 'bwlimit.*1' "is named with its limits"
run 2 "a wrong word" move --progress=loud alpha beta b1 local web1
says err 'loud' "is named"
run 2 "a configuration that is not there" move -c "$work/none.conf" -n alpha beta b1 local web1
says err "none.conf" "is named"
run 2 "attach without jobs" attach
run 0 "jobs without jobs" jobs
says out 'no jobs' "says so"
run 2 "without a terminal and --yes nothing begins" move -c "$L/vmferry.conf" alpha beta b1 local web1
says err -- '--yes' "and why is said"

# --- dry runs
run 0 "a dry run" move -c "$L/vmferry.conf" -n --progress=none alpha beta b1 local web1
says out 'not carried over' "says what is not carried over"
run 0 "a dry run for programs" move -c "$L/vmferry.conf" -n --progress=json alpha beta b1 local web1
only_json "prints objects only"
says out '"type":"plan".*"stop":false.*"severity":"info"' "with what the checks found"
run 3 "one that cannot be done" move -c "$L/vmferry.conf" -n --progress=json alpha beta b9 local web1
only_json "prints objects only"
says out '"stop":true.*"severity":"stop"' "with the reason"
unchanged "nothing was changed by any of these"

# --- a move in 60 columns, without UTF-8, slow enough for lines of progress
COLUMNS=60 LC_ALL=C
export COLUMNS LC_ALL
move 0 "a move in 60 columns" --bwlimit 24 alpha beta b1 local web1
cp "$work/out" "$work/report"
for f in out err; do
    [ "$(widest $f)" -le 60 ]
    ok $? "its lines fit"
done
only_ascii "all of it is ASCII in the C locale"
says out '^ {20}[^ ]' "long lines of the report go on under their text"
says out 'scsi0: .* of 1.0 GiB \([0-9]+ %\), [0-9.]+ Mbit/s' "lines of progress have the rate"
tr '\n' ' ' <"$work/report" | tr -s ' ' >"$work/out"
says out 'scsi0: [^[]*about [0-9]+ (s|min)' "and what is left"
! grep -q '(null)' "$work/report"
ok $? "nothing is missing"
unset COLUMNS
LC_ALL=C.UTF-8
export LC_ALL
COLUMNS=80
export COLUMNS
move 0 "a move of several disks" --bwlimit 16 alpha beta b1 local 106
says out '\] all disks [0-9]+ %.*; [a-z]+[0-9] .*, [a-z]+[0-9] ' "those that are copied at the same time share a line"
[ "$(widest out)" -le 80 ]
ok $? "of 80 columns"
unset COLUMNS
run 2 "it is not undone just so" rollback "$(basename "$(job_dir)")"
says err 'lost +' "which is said"
! grep -q '(null)' "$work/out"
ok $? "nothing is missing"

# --- for programs
move 0 "a move for programs" --progress=json --bwlimit 16 alpha beta b1 local old1
only_json "prints objects only"
is "$(cat "$work/err")" "" "and nothing else"
for type in plan job step phase note progress end; do
    grep -q "^{\"type\":\"$type\"" "$work/out"
    ok $? "there is: $type"
done
page=$top_srcdir/data/vmferry-events.5
# keys TYPES: members of events of these types, and of what is in them
keys() {
    grep -E "^{\"type\":\"($1)\"" "$work/out" | grep -o '"[a-z_]*":' | tr -d '":' | grep -vxE 'type|time|job' |
        sort -u | tr '\n' ' '
}
unknown=
for key in $(keys 'plan|job|phase|note|progress|end'); do
    grep -qwF -- "$key" "$page" || unknown="$unknown $key"
done
is "$unknown" "" "vmferry-events(5) knows all members"
# not in every copy: paused, retries
described=$(sed -n '/^\.B progress$/,/^\.RE$/s/^\.B \([a-z]*\)$/\1/p' "$page" | grep -vxE 'progress|paused|retries' | sort -u)
is "$(keys progress)" "$(echo "$described" | tr '\n' ' ')" "and of progress just those that there are"
is "$(tail -n 1 "$work/out" | sed 's/.*"exit":\([0-9]*\).*/\1/')" 0 "the last has the exit code"

# --- for nobody
move 0 "a move for nobody" --progress=none alpha beta b1 local db1
is "$(sed -n 1p "$work/out" | cut -d: -f1)" Report "prints the closing report only"
is "$(cat "$work/err")" "" "and nothing else"

# --- failures have their four parts, in every form
ctl beta fault fail POST '/nodes/b1/storage/local/content' 500 'unable to create image: no'
move 1 "a move that fails" --progress=none alpha beta b1 local big1
for part in '^FAILED: moving big1 to beta' '^  why: ' '^  state: ' '^  next: '; do
    says err "$part" "says $part"
done
ctl beta fault fail POST '/nodes/b1/storage/local/content' 500 'unable to create image: no'
move 1 "one for programs" --progress=json alpha beta b1 local big1
only_json "prints objects only"
tail -n 1 "$work/out" >"$work/end"
grep -q '"type":"end".*"error":{"code":"[A-Z]*"' "$work/end"
ok $? "the last has the error"
done_testing
