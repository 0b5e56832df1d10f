#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# No test can keep the suite from ending: what bounded.sh does with one that hangs.
set -u
: "${top_srcdir:=.}"
case $top_srcdir in /*) ;; *) top_srcdir=$PWD/$top_srcdir ;; esac
work=$(mktemp -d "${TMPDIR:-/tmp}/vmferry-bounded-XXXXXX") || exit 99
trap 'rm -rf "$work"' EXIT
trap 'exit 99' INT TERM
cd "$work" || exit 99
count=0 failures=0

# ok STATUS TEXT
ok() {
    count=$((count + 1))
    [ "$1" = 0 ] || { failures=$((failures + 1)); printf 'not '; }
    echo "ok $count - $2"
    [ "$1" = 0 ] || sed 's/^/# out: /' out
}
says() {
    grep -qE -- "$1" out
    ok $? "$2"
}

# gone FILE: the process whose number is there has ended, and soon nobody waits for its status
gone() {
    tries=0
    while kill -0 "$(cat "$1")" 2>/dev/null; do
        [ $tries -lt 100 ] || return 1
        tries=$((tries + 1))
        sleep 0.1
    done
}

# bounded TEST [SECONDS]: runs that shell script as a test with that limit, 2 s; what is read to its end, as the
# suite does, goes to out, the status to status
bounded() {
    printf '#!/bin/sh\n%s\n' "$1" >a-test
    chmod +x a-test
    { VMFERRY_TEST_LIMIT=${2-2} timeout -k 5 200 sh "$top_srcdir/tests/bounded.sh" ./a-test 2>&1
        echo $? >status; } | cat >out
}

bounded 'echo "1..0"; exit 77' 60
[ "$(cat out; cat status)" = "1..0
77" ]
ok $? "a test's output and exit status are left as they are"

bounded 'kill -KILL $$' 60
[ "$(cat status)" = 137 ]
ok $? "also of one that dies of a signal"

# a session of its own, one that knows nothing of our environment but holds the output, one that does not
# care for SIGTERM
hang='echo "ok 1 - begins"
work=$(mktemp -d "'"$work"'/vmferry-hang-XXXXXX"); echo "the last word" >"$work/job.log"
TMPDIR='"$work"' WORK=$work setsid sh -c "echo \$\$ >a-pid; exec sleep 600" &
(setsid env -i sh -c "echo \$\$ >b-pid; exec sleep 601" &)
mkfifo fifo
trap "" TERM
sh -c "echo \$\$ >c-pid; read line <fifo"'
for limit in 2 10 50; do # on a busy machine it does not come that far at once
    HOME=$work bounded "$hang" $limit
    grep -q sleep.600 out && grep -q sleep.601 out && grep -q 'read line' out && break
    rm -rf ./*-pid fifo vmferry-hang-*
done
[ "$(cat status)" = 99 ]
ok $? "a test that hangs is ended, and has failed"
says "^Bail out! did not end within $limit s\$" "it says why"
says '^ok 1 - begins' "what it wrote before is there"
says '^#  *[0-9]+ +[0-9]+ S.* sleep 600$' "so are its processes, also those in other sessions"
says '^# .*sleep 601' "and those without its environment"
says '^# .*read line' "the one that hangs among them"
says 'fifo' "with what it waits for"
gone a-pid && gone b-pid && gone c-pid
ok $? "none of them is left"

bounded 'echo "ok 1 - is good"; echo "1..1"; sleep 602 & echo $! >pid' 60
[ "$(cat status)" = 0 ]
ok $? "a test that leaves a process has not failed for that"
says '^# left running: .* sleep 602' "but it is told of"
gone pid
ok $? "and ended, for the suite reads to the end of its output"

echo "1..$count"
exit $((failures != 0))
