#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# schema-table.h is what schema-gen.py makes of Proxmox's parameter lists and the lab's routes.
here=${top_srcdir:-.}/tests/lab
[ -n "${VMFERRY_API_DATA:-}" ] || { echo "1..0 # SKIP VMFERRY_API_DATA is not set"; exit 0; }
command -v python3 >/dev/null || { echo "1..0 # SKIP python3 is not installed"; exit 0; }
work=$(mktemp -d "${TMPDIR:-/tmp}/vmferry-schema-XXXXXX") || exit 99
trap 'rm -rf "$work"' EXIT
echo 1..1
if python3 "$here/schema-gen.py" "$VMFERRY_API_DATA" "$here" >"$work/made" 2>"$work/err" &&
    diff "$here/schema-table.h" "$work/made" >"$work/diff"; then
    echo "ok 1 - the table compiled in is up to date"
else
    echo "not ok 1 - the table compiled in is up to date"
    echo "# tests/lab/schema-gen.py $VMFERRY_API_DATA tests/lab >tests/lab/schema-table.h"
    head -n 20 "$work/err" "$work/diff" | sed 's/^/# /'
    exit 1
fi
