#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Each library is known to one folder: what a change of library costs stays visible.
. "$(dirname "$0")/lib.sh"

# users PATTERN FOLDER...: files outside the folders that include a header matching PATTERN.
users() {
    pattern=$1
    shift
    found=$(includes $(c_files) | grep -E "	$pattern")
    for folder in "$@"; do
        found=$(printf '%s' "$found" | grep -vE "^$folder[/	]")
    done
    printf '%s' "$found"
}

ok "libcurl: src/net" "$(users 'curl/' src/net)"
ok "libssh2: src/net" "$(users 'libssh2' src/net)"
ok "libconfig: src/conf" "$(users 'libconfig' src/conf)"
ok "curses: ui" "$(users '(ncursesw?/|curses\.h|ncurses|panel\.h|form\.h|menu\.h|term\.h)' ui)"
ok "libnbd: src/disk" "$(users 'libnbd' src/disk)"
ok "libmicrohttpd: tests/lab" "$(users 'microhttpd' tests/lab)"
ok "gettext only where text meets a person" \
    "$(users "(libintl\.h|gettext\.h)" src/base/i18n.h)"
done_testing
