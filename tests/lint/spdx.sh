#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Every source says its licence in its first lines, and includes config.h first.
. "$(dirname "$0")/lib.sh"

scripts=$(find tests data -name '*.sh' -o -name '*.am' -o -name '*.ac' | sort)
ok "an SPDX line at the top of every source" "$(for f in $(c_files) $scripts \
    $(find src ui -name '*.am') configure.ac Makefile.am bootstrap autogen.sh; do
    head -n 3 "$f" | grep -q 'SPDX-License-Identifier: GPL-3.0-or-later' || echo "$f"
done)"
# large files and feature macros must be set before the first system header
ok "config.h is the first header of every C file" "$(for f in $(c_files | grep '\.c$'); do
    first=$(includes "$f" | head -n 1 | cut -f 2)
    [ "$first" = config.h ] || echo "$f"
done)"
done_testing
