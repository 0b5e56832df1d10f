#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Translators see every text: files with _() are in po/POTFILES.in, and files there have some.
. "$(dirname "$0")/lib.sh"

marked=$(grep -lE '(^|[^A-Za-z0-9_])(_|N_|ngettext)\("|(^|[^A-Za-z0-9_])(_|N_|ngettext)\($' \
    $(find src ui -name '*.[ch]') /dev/null | sort)
listed=$(sed 's/#.*//; s/[ \t]*$//; /^$/d' po/POTFILES.in | sort)

ok "every file with translated text is in po/POTFILES.in" "$(for f in $marked; do
    printf '%s\n' "$listed" | grep -qxF "$f" || echo "$f"
done)"
ok "every file of po/POTFILES.in exists and has translated text" "$(for f in $listed; do
    printf '%s\n' "$marked" | grep -qxF "$f" || echo "$f"
done)"
ok "text is translated in ui, src/job, src/fetch, src/net and main.c only; plans and providers mark it" \
    "$(grep -lE '(^|[^A-Za-z0-9_])(_|ngettext)\(("|$)' $marked /dev/null |
        grep -vE '^(ui/|src/(job|fetch|net)/|src/main\.c$)'
    printf '%s\n' $marked | grep -vE '^(ui/|src/(job|fetch|net|plan|provider)/|src/main\.c$)')"
done_testing
