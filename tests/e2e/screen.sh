# SPDX-License-Identifier: GPL-3.0-or-later
# For scripts that sit at a terminal, after lib.sh: a screen of tmux, its keys, what it shows.
command -v tmux >/dev/null || {
    echo "1..0 # SKIP tmux is not installed"
    exit 0
}
screen=vmferry-e2e-$$
trap 'tmux -L "$screen" kill-server 2>/dev/null; finish' EXIT

# at_terminal COMMAND: a new screen (and server: one that ends would take it along) on which the shell
# runs COMMAND
at_terminal() {
    tmux -L "$screen" kill-server 2>/dev/null
    at_terminal_too "$1"
}
# at_terminal_too COMMAND: the same beside the screen that is there
at_terminal_too() {
    screens=$((${screens:-0} + 1))
    screen=vmferry-e2e-$$-$screens
    tmux -L "$screen" -f /dev/null new-session -d -x 200 -y 60 \
        "stty -F /dev/tty sane; $1; echo exit=\$?; sleep 60"
}

seen() {
    # without the empty rest of the screen, which would be all that a failure shows
    tmux -L "$screen" capture-pane -p -J -S -200 2>"$work/err" | sed '/^ *$/d' >"$work/out"
}
# sees PATTERN TEXT: the screen shows it within half a minute
sees() {
    i=0
    seen
    until grep -qE -- "$1" "$work/out" || [ $i = 300 ]; do
        i=$((i + 1))
        sleep 0.1
        seen
    done
    grep -qE -- "$1" "$work/out"
    ok $? "$2"
}
keys() {
    tmux -L "$screen" send-keys "$@"
}
# typed TEXT: text; press KEY…: keys that are counted in $presses
typed() {
    keys -l -- "$1"
}
press() {
    presses=$((${presses:-0} + $#))
    keys "$@"
}
count_of() {
    grep -cE -- "$1" "$work/out"
}

