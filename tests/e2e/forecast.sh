#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# How long it will take: measured beforehand when that is asked for, by the job when there is much to copy,
# told in the report beside what it was.
. "${top_srcdir:-.}/tests/e2e/lib.sh"
lab_up
conf=$L/vmferry.conf

# --- beforehand: nothing is left behind
snapshot "$work/before"
run 0 "a dry run" move -c "$conf" -n alpha beta b1 local web1
! grep -q '^  time ' "$work/out"
ok $? "measures nothing unless it is asked to"
run 0 "with --forecast" move -c "$conf" -n --forecast alpha beta b1 local web1
says out '^  time  about .* to .*, of which it is down for about .* to ' "it says how long it takes"
unchanged "and has left nothing at hosts or clusters"
run 0 "a limit" move -c "$conf" -n --forecast --bwlimit 1 alpha beta b1 local web1
says out '^  time  about .* min to .* min' "makes it longer"
run 0 "for programs" move -c "$conf" -n --forecast --progress=json alpha beta b1 local web1
says out '"forecast_downtime": *[1-9]' "it is a number"
run 0 "a stopped VM" move -c "$conf" -n --forecast alpha beta b1 local old1
says out '^  time  about ' "takes its time"
! grep -q 'down for' "$work/out"
ok $? "and is not down for it"
run 0 "a plan is written" move -c "$conf" --save-plan "$work/plan.cfg" alpha beta b1 local web1
run 0 "its check" check -c "$conf" --forecast "$work/plan.cfg"
says out '^  time  about ' "says it, too"

# --- what would be a question is none: not known
sed "s#known-hosts = \"[^\"]*\"#known-hosts = \"$work/nobody\"#" "$conf" >"$work/strange.conf"
chmod 600 "$work/strange.conf"
run 0 "hosts that nobody knows" move -c "$work/strange.conf" -n --forecast alpha beta b1 local web1
says err 'how long it takes is not known: ' "are not measured"
[ ! -s "$work/nobody" ]
ok $? "and not trusted"

# --- a job with much to copy measures itself
volume=$(config alpha a1 101 | sed -n 's/^scsi0: \([^,]*\).*/\1/p')
truncate -s 1200M "$(image alpha a1 "$volume")"
ctl alpha set-config 101 scsi0 "$volume,size=1200M"
on alpha a1 'qm start 101'
move 0 "a running VM with a disk of 1.2 GiB is moved" alpha beta b1 local db1
says out 'forecast: about .* more, of which it is down for about ' "the job says what it expects"
says out 'downtime +[0-9.]+ m?i?n?.*s; the forecast was about ' "and the report what it was"
says out '^  forecast +about ' "for the whole of it, too"
[ "$(grep -c '"type": *"forecast"' "$(job_dir)/journal.jsonl")" = 2 ]
ok $? "once before, once when the disk of the running VM was copied"
done_testing
