#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Calls that are never right here, and words that say something is not finished.
. "$(dirname "$0")/lib.sh"

# calls NAMES FILE...: lines "NAME<tab>FILE:LINE: TEXT" of the calls of functions with these names; strings and
# comments are taken out first.
calls() {
    names=$1
    shift
    awk -v names="$names" '
        BEGIN {
            n = split(names, name, " "); any = names; gsub(/ /, "|", any)
            any = "(^|[^A-Za-z0-9_>.])(" any ")[ \t]*\\("
        }
        FNR == 1 { comment = 0 }
        {
            line = $0; code = ""
            gsub(/\\\\/, "", line); gsub(/\\"/, "", line); gsub(/\047"\047/, "", line)
            gsub(/"[^"]*"/, "\"\"", line)
            while (line != "") {
                if (comment) {
                    end = index(line, "*/")
                    if (!end) break
                    line = substr(line, end + 2); comment = 0
                } else {
                    start = index(line, "/*"); slash = index(line, "//")
                    if (slash && (!start || slash < start)) { code = code substr(line, 1, slash - 1); break }
                    if (!start) { code = code line; break }
                    code = code substr(line, 1, start - 1) " "; line = substr(line, start + 2); comment = 1
                }
            }
            if (code ~ any)
                for (i = 1; i <= n; i++)
                    if (code ~ "(^|[^A-Za-z0-9_>.])" name[i] "[ \t]*\\(")
                        print name[i] "\t" FILENAME ":" FNR ": " $0
        }' "$@" /dev/null
}

tab=$(printf '\t')
banned="system strcpy strcat sprintf vsprintf strtok atoi atol gets popen tmpnam mktemp"
found=$(calls "$banned" $(c_files))
for name in $banned; do
    ok "no $name()" "$(printf '%s\n' "$found" | sed -n "s/^$name$tab//p")"
done
ok "no exit() but in main files, and in children that could not exec" \
    "$(calls exit $(find src -name '*.c' ! -name main.c) $(find ui -name '*.c') | sed "s/^exit$tab//")"
# a processor without AVX2 must never run any of this file
ok "of what is compiled for AVX2 nothing is called to find out whether that may be" \
    "$(grep -nE '^[a-z].*[a-z0-9_]+\(' src/mover/xxh_avx2.c | grep -vE ' vf_xxh(64|128)_avx2\(')"
ok "nothing is left to be done" "$(grep -nE '(^|[^A-Za-z])(TODO|FIXME|XXX|HACK)([^A-Za-z]|$)' $(c_files))"
done_testing
