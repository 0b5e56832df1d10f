#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The protocol page has every frame type, field, feature and error code with its number, as the code has it.
. "$(dirname "$0")/lib.sh"
page=data/vmferry-protocol.7

# members ENUM PREFIX FILE: "NUMBER NAME" of an enum that counts up from 1.
members() {
    sed -n "/^enum $1 {/,/^}/p" "$3" | grep -oE "^ *$2[A-Z_0-9]+" | sed "s/^ *$2//" |
        awk '$1 != "TYPES" { print NR, $1 }'
}

# missing SECTION: of the "NUMBER NAME" lines on stdin, those which that section of the page lacks.
missing() {
    text=" $(sed -n "/^\.SH $1\$/,/^\.fi/p" $page | tr -s ' \n' '  ') "
    while read -r line; do
        case $text in
        *" $line "*) ;;
        *) echo "$line" ;;
        esac
    done
}

types=$(members vf_frame_type VF_F_ src/mover/wire.h)
tags=$(members vf_tag VF_TAG_ src/mover/wire.h)
ok "wire.h has frame types and fields" "$([ -n "$types" ] && [ -n "$tags" ] || echo none)"
ok "$page has every frame type" "$(echo "$types" | missing 'FRAME TYPES')"
ok "$page has every field" "$(echo "$tags" | missing FIELDS)"
ok "$page has no other frame types" "$(sed -n '/^\.SH FRAME TYPES$/,/^\.fi/p' $page |
    grep -E '^ ?[0-9]+ ' | awk '{ print $1, $2 }' | while read -r line; do
    echo "$types" | grep -qx "$line" || echo "$line"
done)"
ok "$page has every feature" "$(for word in $(sed -n 's/.*VF_TAG_FEATURES, "\(.*\)".*/\1/p' src/mover/link.c); do
    grep -qE "\" $word \"|^\.BR $word \"" $page || echo "$word"
done)"
ok "$page has every error code" "$(for word in $(grep -oE '= "[A-Z]+"' src/base/error.c | tr -d '= "'); do
    [ "$word" = OK ] || sed -n '/^The codes:/,/^[^A-Z]/p' $page | grep -qw "$word" || echo "$word"
done)"
ok "$page has version and reader" "$(
    version=$(sed -n 's/.*VF_WIRE_VERSION = \([0-9]*\),.*/\1/p' src/mover/wire.h)
    reader=$(sed -n 's/.*VF_WIRE_READER = \([0-9]*\),.*/\1/p' src/mover/wire.h)
    grep -q "^The version is $version and its reader $reader\." $page || echo "version $version, reader $reader")"
done_testing
