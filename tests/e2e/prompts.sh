#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# What a person at a terminal is asked: the password once and unseen, an unknown host key, the beginning.
. "${top_srcdir:-.}/tests/e2e/lib.sh"
. "${top_srcdir:-.}/tests/e2e/screen.sh"
lab_up
sed -E "/secret-file = .*secret-alpha/d; s#known-hosts = \"[^\"]*\"#known-hosts = \"$work/known\"#" \
    "$L/vmferry.conf" >"$work/ask.conf"
chmod 600 "$work/ask.conf"
password=$(cat "$L/secret-alpha")

at_terminal "'$vmferry' move -c '$work/ask.conf' alpha beta b1 local web1"
sees '[Pp]assword.*root@pam' "the password is asked for, with user and cluster"
# ^Z, the shell, which wants to see what is typed, and fg
pid=$(pgrep -P "$(tmux -L "$screen" display-message -p '#{pane_pid}')")
tty=$(tmux -L "$screen" display-message -p '#{pane_tty}')
unseen() {
    stty -a -F "$tty" | grep -q -- ' -echo '
}
until_true unseen
kill -STOP "$pid"
stty -F "$tty" echo
kill -CONT "$pid"
until_true unseen
ok $? "who comes back to it after a stop is not seen typing either"
keys -l "$password"
keys Enter
sees 'Begin to move web1' "then whether to begin"
! grep -qF -- "$password" "$work/out"
ok $? "the password is not shown"
keys y Enter
sees 'SHA256:.*' "an unknown host key is shown with its fingerprint"
keys 1 Enter
sees_times 2 'SHA256:' "so is the other host's"
keys 1 Enter
two_known() {
    [ "$(wc -l <"$work/known")" -ge 2 ]
}
until_true two_known
is "$(wc -l <"$work/known")" 2 "each yes writes one line"
sees 'exit=0' "and the VM is moved"
seen
is "$(count_of 'Password of root@pam')" 1 "the password was asked for once"
grep -rqF -- "$password" "$XDG_STATE_HOME"
is $? 1 "and is written nowhere"

# --- a question of the job: left without an answer it waits, ^C is heard while it is open
snapshot "$work/before"
at_terminal "'$vmferry' move -c '$L/vmferry.conf' --yes --stop-timeout 2 alpha beta b1 local stubborn"
sees 'What now' "a guest that does not shut down is a question"
tmux -L "$screen" kill-server
run 0 "the terminal is lost" jobs
says out ' running .*stubborn' "the job waits for an answer"
at_terminal "'$vmferry' attach --plain"
sees 'What now' "who comes back is asked again"
keys C-c
sees 'exit=1' "interrupted in the question, the job ends"
sees 'cancelled by the operator' "says why"
is "$(count_of 'What now')" 1 "and asks no more"
is "$(status alpha a2 103)" running "the source still runs"
unchanged "and everything is put back"
done_testing
