#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# --ssh-ciphers reaches the connections that disk data goes over.
. "${top_srcdir:-.}/tests/e2e/lib.sh"
lab_up
if [ -z "$namespaces" ]; then
    skip "ssh between two hosts" "without namespaces there is only one"
    done_testing
fi
move 2 "what is no list of ciphers is refused" --ssh-ciphers=-oProxyCommand=x alpha beta b1 local old1
snapshot "$work/before"
move 1 "ciphers that ssh does not know end the move" --route=direct --ssh-ciphers=rot13 alpha beta b1 local old1
cat "$work/err" >>"$work/out"
says out "ssh says: .*rot13" "in ssh's words"
unchanged "and everything is put back"

# encrypts ROUTE CIPHERS PATTERN TEXT: the ssh of a job that copies slowly has arguments that match; it is
# then told to end
encrypts() {
    begin move -c "$L/vmferry.conf" --yes --bwlimit 1 --route=$1 "--ssh-ciphers=$2" alpha beta b1 local big1
    cp "$work/slow" "$work/out"
    cp "$work/slow.err" "$work/err"
    pgrep -af "^ssh .*vmferry-$(basename "$(job_dir)")" >"$work/ssh"
    cat "$work/ssh" >>"$work/err"
    [ -s "$work/ssh" ] && ! grep -vqE -e "$3" "$work/ssh"
    ok $? "$4"
    kill -TERM "$(job_pid)"
    wait $front
}
encrypts direct aes256-ctr ' -c aes256-ctr ' "the host's ssh has those that were asked for"
encrypts direct - ' -p [0-9]+ -l ' "(it has some)"
! grep -q -e ' -c ' "$work/ssh"
ok $? "- leaves it to ssh"
encrypts relay aes256-ctr ' -oCiphers=aes256-ctr ' "so has this machine's"
done_testing
