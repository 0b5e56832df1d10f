# SPDX-License-Identifier: GPL-3.0-or-later
# TAP for the lint tests, which look at the sources as text. Sourced.
set -u
: "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}"
cd "$top_srcdir" || exit 99
tap_count=0

# ok WHAT FINDINGS: passes when FINDINGS is empty, else shows them.
ok() {
    tap_count=$((tap_count + 1))
    if [ -z "$2" ]; then
        echo "ok $tap_count - $1"
    else
        echo "not ok $tap_count - $1"
        printf '%s\n' "$2" | sed 's/^/# /'
    fi
}

skip() {
    tap_count=$((tap_count + 1))
    echo "ok $tap_count - $1 # SKIP $2"
}

done_testing() {
    echo "1..$tap_count"
}

# Every C file of the product and its tests, one a line; in a build tree inside the sources only ours.
c_files() {
    find src ui tests \( -name '*.c' -o -name '*.h' \) -type f | sort
}

# includes FILE...: lines "FILE<tab>HEADER" of #include "HEADER" and <HEADER>.
includes() {
    awk 'match($0, /^[ \t]*#[ \t]*include[ \t]*["<][^">]*[">]/) {
        h = substr($0, RSTART, RLENGTH); sub(/^[^"<]*["<]/, "", h); sub(/[">]$/, "", h)
        print FILENAME "\t" h }' "$@" /dev/null
}
