#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Translations: each language has every text that is in the sources now, and the same directives in it.
. "$(dirname "$0")/lib.sh"

for tool in xgettext msgmerge msgfmt; do
    command -v $tool >/dev/null || {
        echo "1..0 # SKIP $tool is not installed"
        exit 0
    }
done
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
options=$(sed -n 's/^XGETTEXT_OPTIONS = //p' po/Makevars)
sed 's/#.*//; /^[ \t]*$/d' po/POTFILES.in >"$work/files"
# shellcheck disable=SC2086 # options, one a word
ok "texts can be gathered" "$(xgettext $options -f "$work/files" -o "$work/pot" 2>&1)"
sed -i 's/charset=CHARSET/charset=UTF-8/' "$work/pot"
for language in $(sed 's/#.*//' po/LINGUAS); do
    msgmerge -q --no-fuzzy-matching -o "$work/po" "po/$language.po" "$work/pot"
    ok "$language: every text of the sources is translated" "$(
        msgattrib --no-obsolete --untranslated "$work/po" | grep -A 9 '^#: ' | head -n 60
        msgattrib --no-obsolete --only-fuzzy "$work/po" | grep -A 9 '^#: ' | head -n 60
    )"
    ok "$language: format directives agree" \
        "$(LC_ALL=C msgfmt -c -o /dev/null "$work/po" 2>&1)"
    ok "$language: no column is too wide for 80 in a help text" "$(
        msgattrib --no-wrap --no-obsolete "$work/po" | LC_ALL=C awk '
            /^msgid/ { help = 0; text = 0 }
            /^"usage: / { help = 1 }
            /^msgstr/ { text = 1 }
            help && text && /^"/ {
                gsub(/^"|(\\n)?"$/, ""); gsub(/\\"/, "\"")
                bytes = $0; gsub(/[\200-\277]/, "", bytes)
                if (length(bytes) > 79) print
            }'
    )"
done
done_testing
