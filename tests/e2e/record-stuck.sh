#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The host that keeps a job's record takes a command and never ends it: the job ends all the same.
. "${top_srcdir:-.}/tests/e2e/lib.sh"
VMFERRY_TEST_HASTE=20
export VMFERRY_TEST_HASTE
lab_up
if [ ! "$namespaces" ]; then
    skip "a record's host that hangs" "without namespaces both ends are one host"
    echo "1..$count"
    exit 0
fi
copying() {
    in_journal '"copy/scsi0"' &&
        grep -q '"type":"progress".*"stage":"copy"' "$work/json"
}
"$vmferry" move -c "$L/vmferry.conf" --yes --bwlimit 1 --progress=json alpha beta b1 local web1 \
    >"$work/json" 2>"$work/err" </dev/null &
front=$!
until_true copying
ok $? "a move copies"
bin=$(dirname "$(on beta b1 'command -v qm')")
on beta b1 "printf '#!/bin/sh\nsleep 600\n' >$bin/flock && chmod +x $bin/flock"
ok $? "from now on the record cannot be written, and says nothing"
run 0 "the limit is lifted" limit none
wait $front
is $? 0 "the move ends well"
# that is said; the process needs a little longer
left() {
    grep -q 'record of this job is left on b1.*vmferry cleanup' "$(job_dir)/log"
}
until_true left
ok $? "what it left is in its log"
on beta b1 "rm $bin/flock; pkill -f '[s]leep 600'"
run 0 "cleanup finds it" cleanup -c "$L/vmferry.conf" --yes
is "$(on beta b1 'ls /var/lib/vmferry/mirror 2>/dev/null')" "" "and removes it"
done_testing
