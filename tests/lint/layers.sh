#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Folders show the layers: each includes only what stands below it.
. "$(dirname "$0")/lib.sh"

# FOLDER: the folders it may include beside itself. The plan's file is read by conf's table reader, and
# net is told how to log in by conf's structures.
table='
base:
conf: base
plan: conf base
net: conf base
disk: base
mover: disk base
xfer: disk mover net base
provider: net disk plan conf base
fetch: provider mover disk net plan conf base
job: provider xfer plan net conf base
ui: job plan conf base
'

# misplaced FOLDER ALLOWED FILES...: includes of one of our folders that is not among the allowed.
misplaced() {
    folder=$1 allowed=" $2 $1 "
    shift 2
    includes "$@" | while IFS='	' read -r file header; do
        case $header in
        */*) other=${header%%/*} ;;
        *) continue ;;
        esac
        [ -d "src/$other" ] || [ "$other" = ui ] || [ "$other" = src ] || [ "$other" = tests ] || continue
        case $allowed in
        *" $other "*) ;;
        *) echo "$file includes \"$header\", but $folder may include only:$allowed" ;;
        esac
    done
}

for folder in base conf plan net disk mover xfer provider fetch job ui; do
    allowed=$(printf '%s' "$table" | sed -n "s/^$folder://p")
    dir=src/$folder
    [ $folder != ui ] || dir=ui
    files=$(find $dir -name '*.[ch]')
    if [ -n "$files" ]; then
        ok "$dir includes only:$allowed" "$(misplaced $folder "$allowed" $files)"
    else
        skip "$dir includes only:$allowed" "nothing is there yet"
    fi
done

ok "every folder of src is in the table" "$(for d in src/*/; do
    d=$(basename "$d")
    case $table in
    *"
$d:"*) ;;
    *) echo "src/$d" ;;
    esac
done)"
ok "nothing under src but main.c includes ui" \
    "$(includes $(find src -name '*.[ch]' ! -path src/main.c) | grep '	\(\.\./\)*ui/')"
ok "no include climbs out of its folder" "$(includes $(c_files) | grep '	\.\./')"
done_testing
