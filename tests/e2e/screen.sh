# SPDX-License-Identifier: GPL-3.0-or-later
# For scripts that sit at a terminal, after lib.sh: a screen of tmux, its keys, what it shows.
command -v tmux >/dev/null || {
    echo "1..0 # SKIP tmux is not installed"
    exit 0
}
screen=vmferry-e2e-$$
trap 'tmux -L "$screen" kill-server 2>/dev/null; finish' EXIT

# at_terminal COMMAND [COLUMNS ROWS]: a new screen (and server: one that ends would take it along) of that
# size on which the shell runs COMMAND
at_terminal() {
    tmux -L "$screen" kill-server 2>/dev/null
    at_terminal_too "$@"
}
# at_terminal_too COMMAND [COLUMNS ROWS]: the same beside the screen that is there
at_terminal_too() {
    screens=$((${screens:-0} + 1))
    screen=vmferry-e2e-$$-$screens
    # now and then a server of tmux ends before it has begun ("server exited unexpectedly")
    until_true tmux -L "$screen" -f /dev/null new-session -d -x "${2:-200}" -y "${3:-60}" \
        "stty -F /dev/tty sane; $1; echo exit=\$?; sleep 600"
}

# look: what the screen shows, to $work/out
look() {
    tmux -L "$screen" capture-pane -p -J -S -200 >"$work/out" 2>"$work/err"
}
# seen: the same without the empty rest of the screen, which would be all that a failure shows
seen() {
    look
    sed -i '/^ *$/d' "$work/out"
}
# shows N PATTERN: N lines of the screen have it
shows() {
    look
    if [ "$1" = 1 ]; then grep -qE -- "$2" "$work/out"; else [ "$(count_of "$2")" -ge "$1" ]; fi
}
# sees PATTERN TEXT: waits until the screen shows it, and is drawn: who looks again sees the same. Of a
# screen whose other lines matter, too, each is to be seen: it may take its time all the same
sees() {
    sees_times 1 "$@"
}
# sees_times N PATTERN TEXT: the same, in N lines
sees_times() {
    until_true shows "$1" "$2"
    status=$?
    looks=0
    until [ $status != 0 ] || [ $looks = 20 ]; do
        mv "$work/out" "$work/look"
        sleep 0.04
        shows "$1" "$2" && cmp -s "$work/look" "$work/out" && break
        looks=$((looks + 1))
    done
    sed -i '/^ *$/d' "$work/out"
    ok $status "$3"
}
# sees_no PATTERN TEXT: waits until the screen does not show it any more
lacks() {
    look
    ! grep -qE -- "$1" "$work/out"
}
sees_no() {
    until_true lacks "$1"
    ok $? "$2"
}
# down_to PATTERN TEXT: Down until the row with the cursor has it; each time that is waited for
cursor_moved() {
    look
    [ "$(grep -E '^ *>' "$work/out")" != "$row" ]
}
down_to() {
    downs=0
    seen
    until grep -qE "^ *>.*$1" "$work/out" || [ $downs = 40 ]; do
        downs=$((downs + 1))
        row=$(grep -E '^ *>' "$work/out")
        keys Down
        until_true cursor_moved || break
    done
    sees "^ *>.*$1" "$2"
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

