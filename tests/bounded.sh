#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# bounded.sh TEST [ARGUMENT…]: what `make check` runs each test program by (LOG_COMPILER), so that none can
# keep the suite from ending: after VMFERRY_TEST_LIMIT seconds (400) the log gets what the test is waiting
# for, all its processes are ended, and it has failed. What a test leaves running is ended, too: it would
# hold the output open, which the suite reads to its end.
# The test runs in the foreground, for Ctrl-C; its exit status is ours.
set -u
limit=${VMFERRY_TEST_LIMIT:-400}
me=$$
mark=VMFERRY_TEST_RUN=$me.$(date +%s)

# mine: the processes of the test, a line each: who has the mark in the environment; who could write to our
# output and is neither one of our helpers nor waits for us; whose command line has a directory made for
# this test (sshd overwrites its environment); who shares their namespace of mounts (a node of the lab); and
# the descendants of all these, whatever session they are in.
output=$(readlink /proc/$$/fd/1 | sed -n 's/^pipe:.\(.*\).$/pipe:?\1?/p')
dirs=
pids_of() {
    sed 's|^/proc/\([0-9]*\)/.*|\1|'
}
mine() {
    marked=$(grep -lsF -- "$mark" /proc/[0-9]*/environ | pids_of)
    holders=$([ -z "$output" ] ||
        find /proc/[0-9]*/fd -lname "$output" -perm -200 2>/dev/null | pids_of | sort -u)
    dirs=$(for p in $marked; do
        cat "/proc/$p/environ" "/proc/$p/cmdline" 2>/dev/null | tr '\0' '\n'
    done | grep -oE "(${TMPDIR:-/tmp}|/var/tmp)/(vf|vmferry)-[a-z0-9-]*[-.][A-Za-z0-9]{6}(/|\$)" | sort -u |
        while read -r d; do
            case $PWD/ in
            "${d%/}"/*) ;; # all tests are built and run in it
            *) echo "$d" ;;
            esac
        done)
    named=$(for d in $dirs; do
        grep -lsF -- "$d" /proc/[0-9]*/cmdline
    done | pids_of)
    # first all of ours, then every process with its parent and its namespace
    { printf 'found %s\n' $marked $named
        printf 'holds %s\n' $holders
        ls -l /proc/[0-9]*/ns/mnt 2>/dev/null | sed -n 's|.*/proc/\([0-9]*\)/ns/mnt -> |space \1 |p'
        sed 's/^\([0-9]*\) (.*) [A-Za-z] \([0-9]*\) .*/parent \1 \2/' /proc/[0-9]*/stat 2>/dev/null
    } | awk -v me="$me" '
        function above(upper, p,    n) {
            for (n = 0; n < 999 && p > 1 && p != upper; n++)
                p = parent[p]
            return p == upper
        }
        $1 == "found" { ours[$2] = 1 }
        $1 == "holds" { holds[$2] = 1 }
        $1 == "space" { space[$2] = $3 }
        $1 == "parent" { parent[$2] = $3 }
        END {
            delete ours[me]
            for (p in ours)
                if (p in space && space[p] != space[me])
                    theirs[space[p]] = 1
            for (p in holds)
                if ((p in parent) && !above(p, me) && !above(me, p))
                    ours[p] = 1
            for (more = 1; more; ) {
                more = 0
                for (p in parent)
                    if (!(p in ours) && p != me && (parent[p] in ours || space[p] in theirs))
                        more = ours[p] = 1
            }
            for (p in ours)
                if (p in parent)
                    print p
        }' | sort -n
}

# kill_all SIGNAL: to all processes of the test
kill_all() {
    kill -"$1" $(mine) 2>/dev/null
}

# ended SECONDS: waits so long for their end; yes when none is left
ended() {
    until=$(($(date +%s) + $1))
    while [ "$(mine)" ]; do
        [ "$(date +%s)" -lt $until ] || return 1
        sleep 0.1
    done
}

# diagnose: what runs, the last lines that it wrote into files, and then what each process waits for: whoever
# shows only the beginning of this shows what says most
diagnose() {
    mine >/dev/null # for $dirs
    all=$(mine)
    echo "what runs (pid, parent, state, seconds, command):"
    for p in $all; do
        ps -ww -o pid=,ppid=,stat=,etimes=,args= -p "$p" | cut -c 1-160
    done
    for d in $dirs; do
        find "$d" \( -name '*log' -o -name '*.jsonl' -o -name out -o -name err -o -name 'slow*' \) \
            -type f -size +0 -printf '%T@ %p\n' 2>/dev/null | sort -rn | head -n 60 | while read -r _ file; do
            echo "the end of $file:"
            tail -n 3 "$file" | cut -c 1-200
        done
    done
    echo "where they wait (thread, name, kernel functions; files):"
    for p in $all; do
        for t in "/proc/$p/task"/*; do
            echo "    ${t##*/} $(cat "$t/comm" "$t/wchan" 2>/dev/null | tr '\n' ' ')" \
                $(sed 's/^\[<[^]]*\] //; s/+.*//' "$t/stack" 2>/dev/null | head -n 6)
        done | head -n 12
        ls -l "/proc/$p/fd" 2>/dev/null | sed -n 's/.* \([0-9]* -> .*\)/\1/p' | head -n 24 |
            tr '\n' ';' | sed 's/^/    /; s/ -> /=/g; s/;$/\n/'
    done
}

# watch: ends the test when its time is over; status 99 then
watch() {
    while [ "$limit" -gt 0 ]; do
        limit=$((limit - 1))
        sleep 1 </dev/null >/dev/null 2>&1 # its own output: who ends us does not end it
        kill -0 $me 2>/dev/null || exit 0
    done
    trap '' TERM
    limit=${VMFERRY_TEST_LIMIT:-400}
    echo "# $1 did not end within $limit s: what it was doing"
    diagnose 2>&1 | sed 's/[^[:print:]]/?/g; s/^/#   /' | head -n 600
    # its end may tidy up (a script takes its lab down)
    kill_all TERM
    ended $((limit < 20 ? limit : 20)) || kill_all KILL
    ended 5 || echo "# not all of it could be ended"
    echo "Bail out! did not end within $limit s"
    exit 99
}

watch "$1" & # first: a shell that has just been forked would lose a signal that is trapped
watcher=$!
# they reach the test, which ends; then we do, with its status
trap : INT TERM HUP
env "$mark" "$@"
status=$?
kill $watcher 2>/dev/null
wait $watcher 2>/dev/null
if [ $? = 99 ]; then
    status=99
elif ! ended 2; then
    for p in $(mine); do
        echo "# left running: $(ps -ww -o pid=,ppid=,stat=,args= -p "$p" | cut -c 1-200)"
    done
    kill_all TERM
    ended 5 || kill_all KILL
fi
exit $status
