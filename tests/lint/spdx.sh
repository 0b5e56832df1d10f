#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Every source says its licence in its first lines, and includes config.h first.
. "$(dirname "$0")/lib.sh"

# all files are read by one process: a thousand would need seconds
scripts=$(find tests data -name '*.sh' -o -name '*.am' -o -name '*.ac' | sort)
ok "an SPDX line at the top of every source" "$(awk 'BEGIN {
    for (i = 1; i < ARGC; i++) {
        said = 0
        for (n = 0; n < 3 && (getline line <ARGV[i]) > 0; n++)
            said += line ~ /SPDX-License-Identifier: GPL-3.0-or-later/
        close(ARGV[i])
        if (!said)
            print ARGV[i]
    }
}' $(c_files) $scripts $(find src ui -name '*.am') configure.ac Makefile.am bootstrap autogen.sh)"
# large files and feature macros must be set before the first system header
sources=$(c_files | grep '\.c$')
ok "config.h is the first header of every C file" "$({ printf '%s\n' $sources; includes $sources; } |
    awk -F '\t' 'NF == 1 || first[$1] == "" { first[$1] = $2 }
        END { for (f in first) if (first[f] != "config.h") print f }' | sort)"
done_testing
