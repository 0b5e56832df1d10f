#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# What README, HACKING, NEWS and the manual pages name is there, and what is there is named: files, options, keys,
# events, environment, pages. The pages are read without a word from groff, in 80 columns.
. "$(dirname "$0")/lib.sh"
pages=$(ls data/*.[1578])
tab=$(printf '\t')

# plain FILE...: manual pages as text, hyphens and fonts taken out
plain() {
    sed 's/\\f[A-Z]//g; s/\\-/-/g; s/\\&//g' "$@"
}

# --- HACKING: "FOLDER/FILE" of each name in its first column, extensions gone
listed() {
    awk '/^Rules$/ { exit }
        function add(name) { sub(/\.[a-z]+$/, "", name); if (folder && name) print folder "/" name }
        /^[a-z]+\/[a-z\/0-9]*( |$)/ { folder = $1; sub(/\/$/, "", folder); next }
        /^  [a-z]/ {
            match($0, /[^ ]  +/)
            names = RSTART ? substr($0, 3, RSTART - 2) : substr($0, 3)
            n = split(names, name, /, */); sub_ = ""
            for (i = 1; i <= n; i++) {
                if (name[i] ~ /^[a-z]+\/[a-z]/) { sub_ = name[i]; sub(/[^\/]*$/, "", sub_); add(name[i]) }
                else add(sub_ name[i])
            }
        }' HACKING
}
names=$(mktemp) || exit 99
trap 'rm -f "$names"' EXIT
listed >"$names"
ok "HACKING has every source of src, ui and tests/lab" "$(find src ui tests/lab -name '*.[ch]' |
    sed 's/\.[a-z]*$//; s/_\(priv\|int\)$//' | sort -u | grep -vxFf "$names" | grep -vx src/main)"
ok "and what it lists is there" "$(while read -r name; do
    for f in "$name" "$name".?*; do [ ! -e "$f" ] || continue 2; done
    echo "$name"
done <"$names")"

# --- options: every one is told by --help and in vmferry(1), and no other is
# options FILE...: long options in tables of getopt
options() {
    cat "$@" | tr '\n\\' '  ' | grep -oE '\{ *"[a-z0-9-]+", *(no|required)_argument' | sed 's/[^"]*"//; s/".*//' | sort -u
}
all=$(options ui/cmd/*.[ch])
page=$(plain data/vmferry.1)
ok "there are options" "$([ "$all" ] || echo none)"
ok "vmferry(1) has every option" "$(for o in $all; do
    printf '%s\n' "$page" | grep -qE -- "--$o([^a-z-]|\$)" || echo "--$o"
done)"
# that of demo, which has no table, and those of pveum and qm
others='unattended privs users tokens roles privsep cipassword revert'
ok "vmferry(1) has no other" "$(printf '%s\n' "$page" | grep -oE -- '(^|[^a-zA-Z-])--[a-z][a-z-]+' |
    grep -oE -- '[a-z][a-z-]*$' | sort -u | while read -r o; do
    printf '%s\n' $all version help $others | grep -qxF -- "$o" || echo "--$o"
done)"
# told FILE OPTION...: those that the texts of FILE do not have
told() {
    file=$1
    shift
    for o in "$@"; do
        grep -v '_argument' "$file" | grep -qE -- "--$o([^a-z-]|\$)" || echo "$file: --$o"
    done
}
# those of FILE's own table, and of the macros it names
own() {
    options "$1"
    ! grep -q VF_CARRY_OPTIONS "$1" || options ui/cmd/carry.h
    ! grep -q VF_MOVING_OPTIONS "$1" || options ui/cmd/moving.h
}
ok "--help of a command has every option of it" "$(for f in ui/cmd/*.c; do
    [ "$f" != ui/cmd/wizard.c ] || continue # main.c has its help
    told "$f" $(own "$f")
done
told src/main.c $(options ui/cmd/wizard.c | grep -vx config))"

# --- keys of configuration and plan
keys() {
    sed -n 's/^ *{"\([a-z-]*\)", VF_CFG_.*/\1/p' "$1" | sort -u
}
# lacking PAGE KEY...: those that PAGE has not in bold
lacking() {
    words=$(plain "$1" | grep -E '^\.BR? ' | tr -cs 'a-zA-Z0-9_-' '\n')
    shift
    for k in "$@"; do
        printf '%s\n' "$words" | grep -qxF -- "$k" || echo "$k"
    done
}
ok "vmferry.conf(5) has every key" "$([ "$(keys src/conf/conf_keys.c)" ] || echo none
    lacking data/vmferry.conf.5 $(keys src/conf/conf_keys.c))"
ok "so has the sample" "$(for k in $(keys src/conf/conf_keys.c); do
    grep -qE "(^|[^a-z-])$k([^a-z-]|\$)" data/vmferry.conf.sample || echo "$k"
done)"
ok "vmferry-plan(5) has every key" "$([ "$(keys src/plan/planfile.c)" ] || echo none
    lacking data/vmferry-plan.5 $(keys src/plan/planfile.c))"

# --- events and the members of events and reports
events=$(plain data/vmferry-events.5 | tr -cs 'a-zA-Z0-9_-' '\n' | sort -u)
ok "vmferry-events(5) has every event" "$(grep -rhoE 'vf_event_new\("[a-z-]+"' src ui | sed 's/.*("//; s/"//' |
    sort -u | while read -r e; do printf '%s\n' "$events" | grep -qxF -- "$e" || echo "$e"; done)"
writers='src/job/account.c src/job/bus.c src/job/process.c src/job/record.c src/job/report.c src/job/sampler.c
src/job/steps_copy.c ui/cmd/outcome.c ui/cmd/resume.c ui/cmd/several.c ui/plan_text.c'
ok "and every member" "$(cat $writers | tr -s ' \n' '  ' |
    grep -oE '(json_object_set(_new)?\([a-z]+,|copy_member\([a-z]+,|put\([a-z]+,) "[a-z_]+"|json_pack\( ?"\{[^;]*;|\{"[a-z]+", offsetof' |
    grep -oE '"[a-z_]+"' | tr -d '"' | sort -u | while read -r m; do
    printf '%s\n' "$events" | grep -qxF -- "$m" || echo "$m"
done)"

# --- the environment
usual='HOME PATH TERM DISPLAY SSH_AUTH_SOCK SUDO_USER XDG_RUNTIME_DIR'
ok "every variable that is read is told of" "$(grep -rhoE 'getenv\("[A-Z_]+"' src ui --include='*.c' |
    sed 's/.*("//; s/"//' | sort -u | while read -r v; do
    printf '%s\n' $usual | grep -qxF "$v" || plain $pages HACKING | grep -q "$v" || echo "$v"
done)"

ok "and every one that makes tests do more" "$(grep -rhoE '\$\{(VMFERRY_[A-Z_]+|[A-Z]+_(POINTS|FAULTS|OPTIONS))[:-]' \
    tests --include='*.sh' --include='*.am' | tr -d '${:-' | sort -u | while read -r v; do
    [ "$v" = ASAN_OPTIONS ] || grep -q "$v" HACKING || echo "$v"
done)"

# --- numbers
ok "vmferry(1) has the ports that are tried" "$(
    ports=$(sed -n '/common\[\] = {/,/};/p' src/plan/service.c | tr -d '\n' | sed 's/.*{//; s/}.*//' | tr -s ' ')
    case $ports in [0-9]*) ;; *) echo "none in service.c" ;; esac
    printf '%s ' $page | grep -qF ": $(echo $ports))" || echo "$ports")"

# --- commands and pages
ok "vmferry(1) has every command" "$(sed -n 's/^ *{"\([a-z]*\)", vf_cmd_.*/\1/p' src/main.c | while read -r c; do
    grep -qE "(^\.B |\\\\fB)$c( |\\\\|\$)" data/vmferry.1 || echo "$c"
done)"
ok "every page of ours that is referred to is there" "$(
    cat $pages README HACKING NEWS | plain | tr -d ' ' | grep -oE 'vmferry[a-z.-]*\([0-9]\)' | sort -u | tr '()' '. ' |
        while read -r p; do [ -e "data/$p" ] || echo "$p"; done)"

ok "so is every section" "$(for f in $pages; do
    grep -ohE '(see|See) \\fB[A-Z ]+\\fR|(\.BR? )"?[A-Z]{4,}( [A-Z]+)+"?|see [A-Z]{4,}( [A-Z]+)*' "$f" |
        sed -E 's/^(see|See) //; s/^\.BR? //; s/\\f[BR]//g; s/"//g' | sort -u | while read -r s; do
        grep -qxE "\.S[HS] \"?$s\"?" "$f" data/vmferry.1 || echo "$f: $s"
    done
done)"

# --- README shows screens as tests have them
ok "the screens in README are those of the tests" "$(sed -n '/^What it looks like$/,/^Building from source$/p' README |
    sed -n 's/^    //p' | grep . | while IFS= read -r line; do
    line=${line#"${line%%[! ]*}"}
    grep -rqF -- "$line" tests/unit/screens tests/e2e/screens || printf '%s\n' "$line"
done)"

# --- text
ok "no line stands twice in a document, as a merge leaves it" "$(for f in README HACKING NEWS $pages data/*.sample; do
    awk 'length($0) > 30 && NR - seen[$0] < 6 && seen[$0] { print FILENAME ":" NR ": " $0 } { seen[$0] = NR }' "$f"
done)"
ok "no word stands there twice in a row" "$(for f in README HACKING NEWS $pages data/*.sample; do
    plain "$f" | grep -nE '(^| )([a-z]+) \2( |$|[,.])' | sed "s|^|$f:|"
done | grep -vE '(that that|had had|--[a-z]+)')"
if command -v groff >/dev/null; then
    ok "groff has nothing to say of the manual pages" "$(for f in $pages; do
        groff -k -t -man -Tutf8 -ww -rLL=78n "$f" 2>&1 >/dev/null | sed "s|^|$f: |"
    done)"
    ok "and no line of them is wider than 80 columns" "$(for f in $pages; do
        GROFF_NO_SGR=1 groff -k -t -man -Tutf8 -rLL=78n -P-c -P-b -P-u -P-o "$f" 2>/dev/null | LC_ALL=C awk -v f="$f" '{
            text = $0; gsub(/[\200-\277]/, "", text)
            # what a role has is one line, to be copied
            if (length(text) > 80 && $0 !~ /^ *pveum role add /) print f ": " $0 }'
    done)"
else
    skip "groff has nothing to say of the manual pages" "groff is not installed"
    skip "and no line of them is wider than 80 columns" "groff is not installed"
fi
done_testing
